//! A form that is sent a second time: by a second press, a reload, or the browser's way back.

use std::time::Duration;

use super::contacts::upload;
use super::{Browser, header, hidden, panel, text};
use crate::world::World;

const HALO: [(&str, &str); 4] =
    [("text", "Halo"), ("to", "081200001001"), ("when", "now"), ("do", "save")];

#[test]
fn a_second_press_makes_no_second_message_and_leads_to_the_first() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, "/panel/messages/new");
    for _ in 0..3 {
        let reply = browser.press(&panel, "/panel/messages/new", &HALO);
        assert_eq!(header(&reply, "Location"), Some("/panel/messages/1?done=scheduled"));
    }
    world.run();
    let reply = browser.press(&panel, "/panel/messages/new", &HALO);
    assert_eq!(header(&reply, "Location"), Some("/panel/messages/1?done=scheduled"));
    world.run();
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "1");
    assert_eq!(world.recipients().len(), 1, "the customer got it once");
}

#[test]
fn a_form_that_stood_open_for_days_makes_no_second_message() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, "/panel/messages/new");
    browser.press(&panel, "/panel/messages/new", &HALO);
    world.run();
    for day in 1..=7 {
        world.clock.pass(Duration::from_hours(24));
        // Another form is sent, which drops the marks that are old.
        let mut other = Browser::logged_in(&panel);
        other.get(&panel, "/panel/contacts/new");
        let number = format!("08120000200{day}");
        other.press(&panel, "/panel/contacts/new", &[("number", number.as_str())]);
        assert_eq!(world.ask("SELECT count(*) FROM contacts"), day.to_string());
        assert_eq!(
            world.ask("SELECT count(*) FROM panel_marks WHERE kept_at < '2026-12-01T12:00'"),
            "1",
            "day {day}"
        );
    }
    world.run();
    assert_eq!(world.recipients().len(), 1);
}

#[test]
fn two_presses_at_the_same_moment_make_one_message() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, "/panel/messages/new");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (mut browser, panel) = (browser.clone(), &panel);
            scope.spawn(move || {
                let reply = browser.press(panel, "/panel/messages/new", &HALO);
                assert_eq!(header(&reply, "Location"), Some("/panel/messages/1?done=scheduled"));
            });
        }
    });
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "1");
}

#[test]
fn a_form_that_made_a_message_and_says_something_else_now_is_not_swallowed() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, "/panel/messages/new");
    browser.press(&panel, "/panel/messages/new", &HALO);
    let other = [("text", "Lain"), ("to", "081200001002"), ("when", "now"), ("do", "save")];
    let reply = browser.press(&panel, "/panel/messages/new", &other);
    let page = text(&reply);
    assert_eq!(reply.status, 409, "{page}");
    assert!(page.contains("sudah membuat satu pesan"), "{page}");
    assert!(page.contains("href=\"/panel/messages/1\"") && page.contains(">Lain<"), "{page}");
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "1");
    let reply = browser.press(&panel, "/panel/messages/new", &other);
    assert_eq!(header(&reply, "Location"), Some("/panel/messages/2?done=scheduled"));
}

#[test]
fn the_same_message_from_a_new_form_is_asked_about() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for count in ["1", "1"] {
        browser.get(&panel, "/panel/messages/new");
        browser.press(&panel, "/panel/messages/new", &HALO);
        assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), count);
    }
    browser.get(&panel, "/panel/messages/new");
    let page = text(&browser.press(&panel, "/panel/messages/new", &HALO));
    assert!(page.contains("baru saja dibuat"), "{page}");
    assert_eq!(hidden(&page, "again").as_deref(), Some("1"));
    let again = [&HALO[..], &[("again", "1")]].concat();
    let reply = browser.press(&panel, "/panel/messages/new", &again);
    assert_eq!(header(&reply, "Location"), Some("/panel/messages/2?done=scheduled"));
    // A week later it is nothing odd.
    world.clock.pass(Duration::from_mins(11));
    browser.get(&panel, "/panel/messages/new");
    browser.press(&panel, "/panel/messages/new", &HALO);
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "3");
}

#[test]
fn a_retry_that_is_pressed_twice_is_one_retry() {
    let world = World::new();
    let id = world.message(r#"["081200007001","081200000400"]"#);
    world.run();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, &format!("/panel/messages/{id}"));
    let retried = format!("/panel/messages/{id}/retry");
    let tries = || world.waha.requests().len();
    let before = tries();
    for _ in 0..2 {
        let reply = browser.press(&panel, &retried, &[]);
        assert_eq!(header(&reply, "Location"), Some("/panel/messages/1?done=retried"));
        // It has ended again before the second press comes.
        world.run();
    }
    let occurrences = "SELECT count(DISTINCT due_at) FROM deliveries";
    assert_eq!(world.ask(occurrences), "2", "{} requests", tries() - before);
}

#[test]
fn every_other_form_may_come_twice_too() {
    let world = World::new();
    world.execute("INSERT INTO contacts (name, phone_number) VALUES ('Ani', '+6281200001001')");
    world.execute(
        "INSERT INTO auto_messages (message, contact_ids, scheduled_at)
         VALUES ('Halo', '[1]', '2026-12-05T01:00:00Z')",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let edited = [
        ("title", "Baru"),
        ("text", "Halo"),
        ("to", "1"),
        ("channel", "1"),
        ("when", "at"),
        ("at", "2026-12-05T08:00"),
    ];
    for (page, target, fields, there) in [
        ("messages/1/edit", "messages/1/edit", &edited[..], "messages/1?done=saved"),
        ("messages/1", "messages/1/pause", &[], "messages/1?done=paused"),
        ("messages/1", "messages/1/resume", &[], "messages/1?done=resumed"),
        ("messages/1", "messages/1/cancel", &[], "messages/1?done=cancelled"),
        ("contacts/1", "contacts/1/opt-out", &[], "contacts/1?done=opted_out"),
        ("contacts/1", "contacts/1/opt-in", &[], "contacts/1?done=opted_in"),
        (
            "contacts/1",
            "contacts/1",
            &[("name", "Ani B."), ("number", "+6281200001001")],
            "contacts/1?done=saved",
        ),
        (
            "contacts/new",
            "contacts/new",
            &[("number", "081200001009")],
            "contacts/2?done=contact_added",
        ),
        ("channels", "channels/1/pause", &[], "channels?done=channel_paused"),
        ("channels", "channels/1/resume", &[], "channels?done=channel_resumed"),
        ("channels", "channels/pause-all", &[], "channels?done=all_paused"),
        ("channels", "channels/resume-all", &[], "channels?done=all_resumed"),
        (
            "channels/new",
            "channels/new",
            &[("name", "Cabang"), ("session", "cabang")],
            "channels/2?done=channel_added",
        ),
        (
            "channels/2",
            "channels/2",
            &[("name", "Pusat"), ("session", "cabang")],
            "channels/2?done=saved",
        ),
        ("channels/2", "channels/2/remove", &[], "channels?done=channel_removed"),
    ] {
        browser.get(&panel, &format!("/panel/{page}"));
        for time in ["first", "second"] {
            let reply = browser.press(&panel, &format!("/panel/{target}"), fields);
            let there = format!("/panel/{there}");
            let shown = text(&reply);
            assert_eq!(header(&reply, "Location"), Some(there.as_str()), "{time}: {shown}");
        }
    }
    assert_eq!(world.ask("SELECT count(*) FROM contacts"), "2");
    upload(&mut browser, &panel, b"nama,hp\nBudi,081200001003\n");
    for _ in 0..2 {
        let reply = browser.press(&panel, "/panel/contacts/import/confirm", &[]);
        assert_eq!(header(&reply, "Location"), Some("/panel/contacts?done=imported"));
    }
}

#[test]
fn every_form_of_every_page_has_a_mark_of_its_own_page() {
    let world = World::new();
    world.message("1");
    world.execute("INSERT INTO contacts (name, phone_number) VALUES ('Budi', '081234567890')");
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let mut marks = std::collections::BTreeSet::new();
    for page in super::PAGES {
        let shown = text(&browser.get(&panel, page));
        let forms = shown.matches("method=\"post\"").count();
        assert_eq!(shown.matches("name=\"mark\"").count(), forms, "{page}");
        assert!(forms == 0 || marks.insert(browser.mark.clone()), "{page}");
    }
}

#[test]
fn marks_are_bounded_and_end() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    world.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
         INSERT INTO panel_marks (mark, form, made, kept_at)
         SELECT 'm' || i, 'f', i, strftime('%Y-%m-%dT%H:%M:%SZ', '2026-11-30', '-' || i || ' seconds') FROM n",
    );
    browser.get(&panel, "/panel/messages/new");
    browser.press(&panel, "/panel/messages/new", &HALO);
    assert_eq!(world.ask("SELECT count(*) FROM panel_marks"), "2000");
    world.clock.pass(Duration::from_hours(8 * 24));
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, "/panel/contacts/new");
    browser.press(&panel, "/panel/contacts/new", &[("number", "081200001009")]);
    assert_eq!(world.ask("SELECT count(*) FROM panel_marks"), "1");
}

#[test]
fn now_is_never_the_default_nor_goes_with_a_date_nor_to_many_unasked() {
    let world = World::new();
    world.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 21)
         INSERT INTO contacts (name, phone_number, tags)
         SELECT 'P' || i, '+62812' || printf('%08d', i), CASE WHEN i < 21 THEN '[\"a\",\"b\"]' ELSE '[\"b\"]' END FROM n",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for form in ["new", "new?to=1"] {
        let page = text(&browser.get(&panel, &format!("/panel/messages/{form}")));
        assert!(page.contains("value=\"at\" checked"), "{page}");
        assert!(!page.contains("value=\"now\" checked"), "{page}");
    }
    let base = [("text", "Halo"), ("when", "now"), ("do", "save")];
    let count = || world.ask("SELECT count(*) FROM auto_messages");
    for filled in [
        ("at", "2026-12-05T08:00"),
        ("day", "mon"),
        ("time", "08:00"),
        ("from", "2026-12-05"),
        ("until", "2026-12-05"),
    ] {
        let fields = [&base[..], &[("tag", "a"), filled]].concat();
        let reply = browser.press(&panel, "/panel/messages/new", &fields);
        assert_eq!(reply.status, 422, "{filled:?}");
        assert!(text(&reply).contains("Sekarang juga»"), "{}", text(&reply));
    }
    assert_eq!(count(), "0");
    // To 20 it goes out, to 21 after one more press.
    browser.press(&panel, "/panel/messages/new", &[&base[..], &[("tag", "a")]].concat());
    assert_eq!(count(), "1");
    browser.get(&panel, "/panel/messages/new");
    let many = [&base[..], &[("tag", "b")]].concat();
    let page = text(&browser.press(&panel, "/panel/messages/new", &many));
    assert!(page.contains("langsung dikirim ke 21 penerima"), "{page}");
    assert!(page.contains("Ya. Kirim sekarang ke 21 penerima</button>"), "{page}");
    assert_eq!((count(), hidden(&page, "sure")), ("1".to_owned(), Some("21".to_owned())));
    // A yes to fewer is no yes to more.
    let fewer = [&many[..], &[("sure", "20")]].concat();
    assert_eq!(browser.press(&panel, "/panel/messages/new", &fewer).status, 200);
    assert_eq!(count(), "1");
    let sure = [&many[..], &[("sure", "21")]].concat();
    let reply = browser.press(&panel, "/panel/messages/new", &sure);
    assert_eq!(header(&reply, "Location"), Some("/panel/messages/2?done=scheduled"));
}

#[test]
fn the_button_says_what_it_does_and_to_how_many() {
    let world = World::new();
    world.execute(
        "INSERT INTO auto_messages (message, contact_ids, status) VALUES ('Halo', '081200001001', 'draft')",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let base = [("text", "Halo"), ("to", "081200001001\n081200001002")];
    for (fields, words) in [
        (&[("when", "now")][..], "Kirim sekarang ke 2 penerima"),
        (
            &[("when", "at"), ("at", "2026-12-02T09:00")],
            "Jadwalkan Rab, 2 Des 2026, 09.00 untuk 2 penerima",
        ),
        (
            &[("when", "at"), ("at", "2026-12-02T09:00"), ("at", "2026-12-03T09:00")],
            "Jadwalkan Rab, 2 Des 2026, 09.00 (+1) untuk 2 penerima",
        ),
        (
            &[("when", "weekly"), ("day", "thu"), ("time", "08:00")],
            "Jadwalkan tiap minggu mulai Kam, 3 Des 2026, 08.00 untuk 2 penerima",
        ),
        (&[("when", "at")], "Jadwalkan"),
        (
            &[("when", "at"), ("at", "2026-12-02T09:00"), ("was", "x")],
            "Simpan: Rab, 2 Des 2026, 09.00, 2 penerima",
        ),
    ] {
        let of = if fields.contains(&("was", "x")) { "?of=1" } else { "" };
        let (there, fields) =
            (format!("/panel/messages/preview{of}"), [&base[..], fields].concat());
        let piece = text(&browser.post(&panel, &there, &fields));
        assert!(piece.contains(&format!("data-does=\"{words}\"")), "{words}: {piece}");
    }
}

#[test]
fn a_retry_or_a_resume_to_many_at_once_is_asked_about_too() {
    let world = World::new();
    world.execute(
        "INSERT INTO auto_messages (message, contact_ids, scheduled_at, status, contact_count, failed_count) VALUES
             ('x', '[1]', '2026-11-30T00:00:00Z', 'failed', 21, 21),
             ('x', '[1]', '2026-11-30T00:00:00Z', 'failed', 20, 20),
             ('x', '[1]', '2026-11-30T00:00:00Z', 'draft', 21, 0),
             ('x', '[1]', '2035-11-30T00:00:00Z', 'draft', 21, 0),
             ('x', '[1]', NULL, 'draft', 21, 0);
         UPDATE auto_messages SET created_by = 'api' WHERE id = 5",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for (id, button, is_asked) in [
        (1, "gagal (21)", true),
        (2, "gagal (20)", false),
        (3, "Lanjutkan", true),
        (4, "Lanjutkan", false),
        (5, "Terkirim begitu dilanjutkan", true),
    ] {
        let page = text(&browser.get(&panel, &format!("/panel/messages/{id}")));
        assert!(page.contains(button), "{id}: {page}");
        assert_eq!(page.contains("langsung dikirim ke 21 penerima"), is_asked, "{id}: {page}");
    }
}
