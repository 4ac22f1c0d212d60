//! Numbers are connected in the panel: the code to scan, how each session stands, what may be changed of a
//! number, and all of them paused at once.

use std::time::Duration;

use auto_message_scheduler::channels::Sessions;
use auto_message_scheduler::panel::Panel;
use auto_message_scheduler::waha::Waha;
use serde_json::json;

use super::{Browser, header, panel as without_sessions, text};
use crate::world::World;

/// A panel that looks at the sessions of the world's WAHA.
pub fn panel(world: &World) -> Panel {
    let waha = Waha::new(&world.url, None, Duration::from_secs(30));
    without_sessions(world).with_sessions(Sessions::new(waha))
}

/// How often WAHA was asked about sessions and codes.
fn asked(world: &World) -> usize {
    let requests = world.waha.requests();
    requests
        .iter()
        .filter(|one| one.path.contains("session") || one.path.contains("/auth/"))
        .count()
}

#[test]
fn a_number_is_added_and_connected_by_scanning_its_code() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, "/panel/channels/new");
    let fields = [("name", "Cabang"), ("session", "nosuch-cabang"), ("warmup", "1")];
    let reply = browser.press(&panel, "/panel/channels/new", &fields);
    assert_eq!(header(&reply, "Location"), Some("/panel/channels/2?done=channel_added"));
    assert_eq!(world.ask("SELECT warmup_from FROM channels WHERE id = 2"), "2026-12-01");

    let mut look = || text(&browser.get(&panel, "/panel/channels/2"));
    let page = look();
    assert!(page.contains("Belum ada di WAHA") && page.contains("Buat sesi di WAHA"), "{page}");
    assert!(!page.contains("code.png") && !page.contains("http-equiv"), "{page}");
    assert_eq!(browser.get(&panel, "/panel/channels/2/code.png").status, 404);
    let reply = browser.press(&panel, "/panel/channels/2/start", &[]);
    assert_eq!(header(&reply, "Location"), Some("/panel/channels/2?done=session_started"));

    let mut look = || text(&browser.get(&panel, "/panel/channels/2"));
    let page = look();
    assert!(page.contains("Sedang mulai") && page.contains("dicek barusan"), "{page}");
    assert!(page.contains("<noscript><meta http-equiv=\"refresh\""), "{page}");
    let page = look();
    assert!(page.contains("Menunggu dipindai"), "{page}");
    let code = page.split("src=\"").find_map(|rest| rest.strip_prefix("/panel/channels/2/code"));
    let code = format!("/panel/channels/2/code{}", code.unwrap().split('"').next().unwrap());
    let reply = browser.get(&panel, &code);
    assert_eq!((reply.status, header(&reply, "Content-Type")), (200, Some("image/png")));
    assert_eq!(header(&reply, "Cache-Control"), Some("no-store"));
    assert!(reply.body.starts_with(b"\x89PNG"));

    world.waha.scan("nosuch-cabang", "6281200000009");
    let page = text(&browser.get(&panel, "/panel/channels/2/live"));
    assert!(page.contains("Tersambung") && page.contains("+62 812-0000-0009"), "{page}");
    assert_eq!(world.ask("SELECT phone_number FROM channels WHERE id = 2"), "+6281200000009");
}

#[test]
fn the_code_is_a_login_that_no_stranger_sees() {
    let world = World::new();
    let panel = panel(&world);
    world.waha.set_status("default", "SCAN_QR_CODE");
    let reply = Browser::default().get(&panel, "/panel/channels/1/code.png");
    assert_eq!(reply.status, 401);
    assert_eq!(Browser::default().get(&panel, "/panel/channels/1").status, 303);
    assert_eq!(asked(&world), 0);
}

#[test]
fn a_state_that_nobody_looked_at_is_not_checked_and_a_list_asks_once() {
    let world = World::new();
    world.execute("INSERT INTO channels (name, session_name) VALUES ('Klinik', 'klinik'), ('Gudang', 'nosuch')");
    let panel = panel(&world);
    world.waha.set_status("klinik", "SCAN_QR_CODE");
    let mut browser = Browser::logged_in(&panel);
    let page = text(&browser.get(&panel, "/panel/channels"));
    assert_eq!(page.matches("Belum dicek").count(), 3, "{page}");
    assert_eq!(page.matches("· belum dicek").count(), 3, "{page}");
    assert_eq!(asked(&world), 0, "a list is shown without a question");
    for path in ["/panel/channels/live", "/panel/channels?check=1"] {
        let before = asked(&world);
        let page = text(&browser.get(&panel, path));
        assert_eq!(asked(&world), before + 1, "one question for all of them");
        for word in ["tersambung, dicek barusan", "menunggu dipindai", "belum ada di WAHA"] {
            assert!(page.contains(word), "{word}: {page}");
        }
    }
    world.clock.pass(Duration::from_mins(3));
    let page = text(&browser.get(&panel, "/panel/channels?lang=en"));
    assert!(page.contains("connected, checked 3 min ago"), "{page}");
    world.execute("UPDATE channels SET session_name = 'lain' WHERE id = 1");
    let page = text(&browser.get(&panel, "/panel/channels"));
    assert!(page.contains("lain <span class=\"muted\">· not checked yet"), "{page}");
}

#[test]
fn another_number_than_before_holds_and_is_said() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    world.waha.set_me("default", json!({ "id": "6281200000001@c.us" }));
    browser.get(&panel, "/panel/channels/1");
    assert_eq!(world.ask("SELECT phone_number FROM channels"), "+6281200000001");
    world.waha.set_me("default", json!({ "id": "6281200000002@c.us" }));
    for path in ["/panel/channels?check=1", "/panel/channels/1"] {
        let page = text(&browser.get(&panel, path));
        assert!(page.contains("HP lain memindai kode sesi ini"), "{path}: {page}");
        assert!(page.contains("+6281200000002"), "{path}: {page}");
    }
    let held = "SELECT held_kind || ' ' || held_count || ' ' || phone_number FROM channels";
    assert_eq!(world.ask(held), "other_number 1 +6281200000001", "a second look is no second hold");
    world.message("081234567890");
    world.run();
    assert!(
        world.waha.received().is_empty(),
        "nothing goes out from a number that nobody confirmed"
    );
    browser.get(&panel, "/panel/channels/1");
    let reply = browser.press(&panel, "/panel/channels/1/confirm", &[("back", "one")]);
    assert_eq!(header(&reply, "Location"), Some("/panel/channels/1?done=number_confirmed"));
    world.run();
    assert_eq!(world.waha.received().len(), 1);
}

#[test]
fn a_look_frees_what_waited_for_the_session_and_nothing_else() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for (kind, until, is_freed) in [
        ("'session'", "NULL", true),
        ("'unreachable'", "'2026-12-01T01:05:00Z'", true),
        ("'rate_limited'", "'2026-12-01T01:05:00Z'", false),
        ("'breaker'", "NULL", false),
        ("NULL", "NULL", false),
    ] {
        world.execute(&format!(
            "UPDATE channels SET held_reason = 'x', held_kind = {kind}, held_until = {until}, held_count = held_count + 1"
        ));
        // One question about all does not tell everything that may hold a number.
        browser.get(&panel, "/panel/channels?check=1");
        assert_eq!(world.ask("SELECT held_reason FROM channels"), "x", "{kind}");
        browser.get(&panel, "/panel/channels/1/live");
        let reason = world.ask("SELECT coalesce(held_reason, '') FROM channels");
        assert_eq!(reason.is_empty(), is_freed, "{kind}");
    }
}

#[test]
fn without_waha_the_pages_say_so_and_do_not_ask_again_at_once() {
    let mut builder = World::builder();
    builder.waha_url = Some("http://127.0.0.1:9".to_owned());
    let world = builder.build();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for path in ["/panel/channels/1", "/panel/channels/1/live", "/panel/channels/live"] {
        let reply = browser.get(&panel, path);
        assert_eq!(reply.status, 200);
        for words in ["WAHA tidak menjawab", "WAHA tidak bisa dihubungi"] {
            assert!(text(&reply).contains(words), "{path}: {}", text(&reply));
        }
    }
    let reply = browser.press(&panel, "/panel/channels/1/start", &[]);
    assert_eq!(reply.status, 409);
    assert_eq!(browser.get(&panel, "/panel/channels/1/code.png").status, 404);
}

#[test]
fn a_stopped_session_is_started_and_one_that_failed_is_restarted() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for (status, word, button, route) in [
        ("STOPPED", "Berhenti", "Mulai sesi", "start"),
        ("FAILED", "Tidak bisa mengirim", "Mulai ulang sesi", "restart"),
    ] {
        world.waha.set_status("default", status);
        let page = text(&browser.get(&panel, "/panel/channels/1"));
        assert!(page.contains(word) && page.contains(button), "{page}");
        let reply = browser.press(&panel, "/panel/channels/1/start", &[]);
        assert_eq!(reply.status, 303);
        let last = world.waha.requests().pop().unwrap();
        assert_eq!(
            (last.method.as_str(), last.path),
            ("POST", format!("/api/sessions/default/{route}"))
        );
    }
}

#[test]
fn name_hours_limit_gap_and_warm_up_are_changed_and_what_is_wrong_is_said_in_both_languages() {
    let world = World::new();
    world.execute("INSERT INTO channels (name, session_name) VALUES ('Klinik', 'klinik')");
    let panel = without_sessions(&world);
    let mut browser = Browser::logged_in(&panel);
    let row = "SELECT name || '|' || session_name || '|' || coalesce(send_window, '-') || '|' || \
               coalesce(daily_limit, '-') || '|' || coalesce(recipient_gap_hours, '-') || '|' || \
               coalesce(warmup_from, '-') FROM channels WHERE id = 1";
    let was = world.ask(row);
    let mut save = |fields: &[(&str, &str)]| {
        browser.get(&panel, "/panel/channels/1");
        let usual = [("name", "Toko"), ("session", "default")];
        let fields: Vec<(&str, &str)> = fields.iter().copied().chain(usual).collect();
        browser.press(&panel, "/panel/channels/1", &fields)
    };
    for (field, value, indonesian, english) in [
        ("name", "klinik", "nomor WA 2 sudah bernama", "channel 2 is called"),
        ("name", "12", "bukan angka saja", "not a number alone"),
        ("session", "klinik", "dua kali lebih rapat", "at twice the pace"),
        ("window", "siang", "Jam kirim ditulis seperti", "Write the hours like"),
        ("daily_limit", "banyak", "Batas per hari adalah angka", "The limit a day is a number"),
        ("recipient_gap", "169", "0 sampai 168 jam", "0 to 168 hours"),
    ] {
        for (language, words) in [("id", indonesian), ("en", english)] {
            let mut other = Browser::logged_in(&panel);
            other.get(&panel, &format!("/panel/channels/1?lang={language}"));
            let mut fields = vec![("name", "Toko"), ("session", "default")];
            fields.retain(|(name, _)| *name != field);
            fields.push((field, value));
            let reply = other.press(&panel, "/panel/channels/1", &fields);
            assert_eq!(reply.status, 422, "{field}");
            assert!(text(&reply).contains(words), "{field} {language}: {}", text(&reply));
        }
    }
    assert_eq!(world.ask(row), was, "nothing of it was stored");
    let all = [
        ("window", "08:00-17:00"),
        ("daily_limit", "150"),
        ("recipient_gap", "24"),
        ("warmup", "1"),
    ];
    assert_eq!(save(&all).status, 303);
    assert_eq!(world.ask(row), "Toko|default|08:00-17:00|150|24|2026-12-01");
    // A warm-up that goes on keeps its day, and empty fields are the settings'.
    world.clock.pass(Duration::from_hours(48));
    assert_eq!(save(&[("warmup", "1"), ("window", "selalu"), ("daily_limit", "0")]).status, 303);
    assert_eq!(world.ask(row), "Toko|default|always|0|-|2026-12-01");
    assert_eq!(save(&[]).status, 303);
    assert_eq!(world.ask(row), "Toko|default|-|-|-|-");
}

#[test]
fn two_people_who_change_a_number_lose_nothing() {
    let world = World::new();
    let panel = without_sessions(&world);
    let was = [("was_name", "default"), ("was_session", "default")];
    let fields = |more: &[(&'static str, &'static str)]| {
        [&was[..], &[("session", "default")], more].concat()
    };
    let (mut one, mut other) = (Browser::logged_in(&panel), Browser::logged_in(&panel));
    for browser in [&mut one, &mut other] {
        browser.get(&panel, "/panel/channels/1");
    }
    let reply = one.press(&panel, "/panel/channels/1", &fields(&[("name", "Toko")]));
    assert_eq!(reply.status, 303);
    // The other changed another field: both stay.
    let changed = fields(&[("name", "default"), ("daily_limit", "50")]);
    assert_eq!(other.press(&panel, "/panel/channels/1", &changed).status, 303);
    assert_eq!(world.ask("SELECT name || daily_limit FROM channels"), "Toko50");
    // The same field: asked.
    let reply = other.press(&panel, "/panel/channels/1", &fields(&[("name", "Klinik")]));
    assert_eq!(reply.status, 409);
    let page = text(&reply);
    assert!(page.contains("Toko") && page.contains("value=\"Klinik\""), "{page}");
    assert_eq!(world.ask("SELECT name FROM channels"), "Toko");
}

#[test]
fn what_removal_means_is_said_before_and_a_number_in_use_stays() {
    let world = World::new();
    world.execute("INSERT INTO channels (name, session_name) VALUES ('Klinik', 'klinik')");
    let panel = without_sessions(&world);
    let mut browser = Browser::logged_in(&panel);
    let page = text(&browser.get(&panel, "/panel/channels/1"));
    assert!(page.contains("tidak bisa dihapus") && !page.contains("channels/1/remove"), "{page}");
    let id = world.message("081200000001");
    world.execute(&format!("UPDATE auto_messages SET channel_id = 2 WHERE id = {id}"));
    let page = text(&browser.get(&panel, "/panel/channels/2"));
    assert!(page.contains("1 pesan masih memakainya"), "{page}");
    let reply = browser.post(&panel, "/panel/channels/2/remove", &[]);
    assert_eq!(reply.status, 409);
    assert!(text(&reply).contains("1 pesan masih memakainya"), "{}", text(&reply));
    world.execute(&format!("UPDATE auto_messages SET status = 'cancelled' WHERE id = {id}"));
    let page = text(&browser.get(&panel, "/panel/channels/2"));
    assert!(page.contains("Yang sudah terkirim tetap tercatat"), "{page}");
    assert_eq!(browser.post(&panel, "/panel/channels/2/remove", &[]).status, 303);
    assert_eq!(world.ask("SELECT count(*) FROM channels"), "1");
}

#[test]
fn all_are_paused_at_once_and_only_those_go_on_again() {
    let world = World::new();
    world.execute(
        "INSERT INTO channels (id, name, session_name, held_reason, held_kind, held_until) VALUES
             (2, 'Sesi', 'b', 'session `b` is STOPPED', 'session', NULL),
             (3, 'Batas', 'c', 'error 463', 'restricted', '2026-12-02T01:00:00Z'),
             (4, 'Sekering', 'd', 'x', 'breaker', NULL),
             (5, 'Orang', 'e', 'libur', NULL, NULL),
             (6, 'Mati', 'f', NULL, NULL, NULL);
         UPDATE channels SET is_active = 0 WHERE id = 6",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let page = text(&browser.get(&panel, "/panel/channels"));
    assert!(page.contains("Jeda semua nomor") && !page.contains("resume-all"), "{page}");
    browser.press(&panel, "/panel/channels/pause-all", &[]);
    let held = "SELECT group_concat(id || ':' || coalesce(held_code, held_reason, '-') || ':' || coalesce(held_kind, '-'), ' ')
                FROM (SELECT * FROM channels ORDER BY id)";
    let paused =
        "1:paused_with_all:- 2:paused_with_all:- 3:paused_while_held:- 4:x:breaker 5:libur:- 6:-:-";
    assert_eq!(world.ask(held), paused);
    world.message("081234567890");
    world.run();
    assert!(world.waha.received().is_empty());
    let page = text(&browser.get(&panel, "/panel/channels"));
    assert!(page.contains("Lanjutkan semua (2)"), "{page}");
    assert!(page.contains("selagi ditahan: error 463"), "{page}");
    browser.press(&panel, "/panel/channels/resume-all", &[]);
    let resumed = "1:-:- 2:-:- 3:paused_while_held:- 4:x:breaker 5:libur:- 6:-:-";
    assert_eq!(world.ask(held), resumed);
    world.run();
    assert_eq!(world.waha.received().len(), 1);
}
