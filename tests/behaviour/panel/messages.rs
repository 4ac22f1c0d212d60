//! Writing, changing and stopping messages in a browser.

use auto_message_scheduler::clock::Clock;

use super::{Browser, header, panel, text};
use crate::world::World;

#[test]
fn a_message_for_now_is_sent_without_anything_else() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, "/panel/messages/new");
    let reply = browser.post(
        &panel,
        "/panel/messages/new",
        &[
            ("text", "Halo {{name|Kak}}!"),
            ("to", "0812 0000 1001\r\n0812-0000-1002"),
            ("when", "now"),
            ("do", "save"),
        ],
    );
    assert_eq!(
        header(&reply, "Location"),
        Some("/panel/messages/1?done=scheduled"),
        "{}",
        text(&reply)
    );
    assert!(
        !world.triggers.take_requests(world.clock.now()).is_empty(),
        "a person who wants it now does not wait for the ticker"
    );
    world.run();
    assert_eq!(
        world.ask("SELECT status || sent_count || created_by FROM auto_messages"),
        "sent2panel"
    );
    assert_eq!(world.ask("SELECT text FROM deliveries LIMIT 1"), "Halo Kak!");
    let page = text(&browser.get(&panel, "/panel/messages/1"));
    assert!(page.contains("2 dari 2 terkirim"), "{page}");
    assert!(page.contains("+62 812-0000-1001"), "{page}");
}

#[test]
fn the_preview_shows_each_recipients_words_and_stores_nothing() {
    let world = World::new();
    world.execute(
        "INSERT INTO contacts (name, phone_number, opted_out_at)
             VALUES ('Budi', '081200001001', NULL), (NULL, '+6281200001009', '2026-01-01T00:00:00Z')",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let page = text(&browser.post(
        &panel,
        "/panel/messages/preview",
        &[
            ("text", "Halo {{name|Kak}}!"),
            ("to", "1\n2\n081200001002\n0812\n99"),
            ("when", "at"),
            ("at", "2026-12-01T09:00"),
        ],
    ));
    for part in [
        "Halo Budi!",
        "Halo Kak!",
        "2 penerima",
        "Sel, 1 Des 2026, 09.01",
        "kontak 99 tidak ada",
        "<b>+62 812-0000-1009</b>",
        ": 3</b>",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "0");
}

#[test]
fn a_time_that_has_passed_is_said_in_the_preview_but_not_of_a_message_that_keeps_its_own() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let base = [("text", "Halo"), ("to", "081200001001")];
    let mut look = |of: &str, times: &[(&str, &str)]| {
        let path = format!("/panel/messages/preview{of}");
        text(&browser.post(&panel, &path, &[&base[..], times].concat()))
    };
    let weekly = [("when", "weekly"), ("day", "mon"), ("time", "08:00")];
    let at = [("when", "at"), ("at", "2026-11-30T09:00")];
    let note = |page: &str| {
        let note = page.split("<p class=\"problem\">").nth(1);
        note.map(|rest| rest.split('<').next().unwrap().to_owned())
    };
    assert!(note(&look("", &at)).unwrap().contains("sudah lewat"));
    let over = note(&look("", &[&weekly[..], &[("until", "2026-11-30")]].concat())).unwrap();
    assert!(over.contains("«Sampai tanggal») 2026-11-30, padahal sekarang 2026-12-01"), "{over}");
    let turned = [("from", "2027-02-01"), ("until", "2027-01-31")];
    let turned = note(&look("", &[&weekly[..], &turned].concat())).unwrap();
    assert!(turned.contains("lebih awal daripada «Mulai tanggal»"), "{turned}");
    for unfinished in [&weekly[..], &weekly[..2], &at[..1]] {
        assert_eq!(note(&look("", unfinished)), None, "{unfinished:?}");
    }
    world.message("081200001001");
    world.execute("UPDATE auto_messages SET scheduled_at = '2026-11-30T02:00:00Z'");
    assert_eq!(note(&look("?of=1", &at)), None);
}

#[test]
fn what_would_fail_later_is_said_now_and_what_was_typed_stays() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let good =
        [("text", "Halo"), ("to", "081200001001"), ("when", "at"), ("at", "2026-12-02T09:00")];
    for (name, value, words) in [
        ("text", " ", "Isi pesannya dulu"),
        ("text", "Halo [Nama]", "bukan tanda yang dikenal program ini"),
        ("text", "Halo {{nama", "akan terkirim apa adanya: tulis tandanya"),
        ("text", "Halo {{nama|a|b}}", "punya dua kata pengganti"),
        ("to", "", "Tulis nomor penerima"),
        ("to", "0812", "Tidak ada penerima yang bisa"),
        ("to", "0812,081200001001", "1 penerima tidak bisa dikirimi"),
        ("at", "", "Pilih tanggal dan jam"),
        ("at", "2020-01-01T09:00", "sudah lewat"),
        ("when", "weekly", "Pilih hari-harinya"),
    ] {
        let fields: Vec<(&str, &str)> = good
            .iter()
            .map(|(known, kept)| (*known, if *known == name { value } else { *kept }))
            .collect();
        let reply = browser.post(&panel, "/panel/messages/new", &fields);
        let page = text(&reply);
        assert_eq!(reply.status, 422, "{name}={value}: {page}");
        let said = page.matches(words).count();
        assert!(said == 1 || said > 1 && name == "to", "{name}={value}: {page}");
        if name == "text" && value != " " {
            let preview = text(&browser.post(&panel, "/panel/messages/preview", &fields));
            assert!(preview.contains(words), "{name}={value}: {preview}");
        }
        assert!(name == "to" || page.contains(">081200001001</textarea>"), "{page}");
    }
    let days = [("when", "weekly"), ("day", "mon"), ("time", "08:00")];
    let dates = [("from", "2027-02-01"), ("until", "2027-01-31")];
    let reply = browser.post(&panel, "/panel/messages/new", &[&good[..2], &days, &dates].concat());
    assert!(text(&reply).contains("lebih awal daripada «Mulai tanggal»"), "{}", text(&reply));
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "0");
}

#[test]
fn times_and_days_become_the_columns_that_everybody_knows() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let base = [("text", "Halo"), ("to", "081200001001")];
    let several =
        [("when", "at"), ("at", "2026-12-02T09:00"), ("at", "2026-12-03T10:00"), ("at", "")];
    browser.post(&panel, "/panel/messages/new", &[&base[..], &several].concat());
    let weekly = [
        ("when", "weekly"),
        ("day", "mon"),
        ("day", "thu"),
        ("time", "08:00"),
        ("until", "2026-12-31"),
    ];
    browser.post(&panel, "/panel/messages/new", &[&base[..], &weekly].concat());
    assert_eq!(
        world.rows("SELECT scheduled_at || ' ' || coalesce(schedules, interval_config) FROM auto_messages ORDER BY id"),
        [
            r#"2026-12-02T02:00:00Z [{"date":"2026-12-02","time":"09:00:00"},{"date":"2026-12-03","time":"10:00:00"}]"#,
            r#"2026-12-03T01:00:00Z {"endDate":"2026-12-31","time":"08:00","weekDays":["mon","thu"]}"#,
        ]
    );
    // And back: a form that is saved as it came changes nothing.
    for id in [1, 2] {
        let before = world.rows("SELECT * FROM auto_messages");
        let form = text(&browser.get(&panel, &format!("/panel/messages/{id}/edit")));
        assert!(form.contains("08:00") || form.contains("2026-12-03T10:00"), "{form}");
        let fields = if id == 1 { &several[..] } else { &weekly[..] };
        let fields = [&base[..], fields, &[("channel", "1")]].concat();
        let reply = browser.post(&panel, &format!("/panel/messages/{id}/edit"), &fields);
        assert!(
            header(&reply, "Location").unwrap().ends_with("?done=unchanged"),
            "{}",
            text(&reply)
        );
        assert_eq!(world.rows("SELECT * FROM auto_messages"), before);
    }
}

#[test]
fn only_what_was_changed_is_changed() {
    let world = World::new();
    world.execute(
        "INSERT INTO auto_messages (title, message, contact_ids, scheduled_at)
         VALUES ('Lama', 'Halo', '[{\"phone\":\"081200001001\",\"name\":\"Budi\"}]', '2026-12-05T01:00:00Z')",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let form = text(&browser.get(&panel, "/panel/messages/1/edit"));
    assert!(form.contains("Budi"), "{form}");
    let to = r#"[{"phone":"081200001001","name":"Budi"}]"#;
    let fields = [
        ("title", "Baru"),
        ("text", "Halo"),
        ("to", to),
        ("channel", "1"),
        ("when", "at"),
        ("at", "2026-12-05T08:00"),
    ];
    let reply = browser.post(&panel, "/panel/messages/1/edit", &fields);
    assert_eq!(
        header(&reply, "Location"),
        Some("/panel/messages/1?done=saved"),
        "{}",
        text(&reply)
    );
    assert_eq!(world.ask("SELECT title || contact_ids FROM auto_messages"), format!("Baru{to}"));
}

#[test]
fn a_message_is_paused_resumed_and_cancelled_by_its_buttons() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let fields =
        [("text", "Halo"), ("to", "081200001001"), ("when", "at"), ("at", "2026-12-02T09:00")];
    browser.post(&panel, "/panel/messages/new", &fields);
    for (button, status) in [("pause", "draft"), ("resume", "scheduled"), ("cancel", "cancelled")] {
        let page = text(&browser.get(&panel, "/panel/messages/1"));
        assert!(
            page.contains(&format!("action=\"/panel/messages/1/{button}\"")),
            "{button}: {page}"
        );
        let reply = browser.post(&panel, &format!("/panel/messages/1/{button}"), &[]);
        assert_eq!(reply.status, 303, "{button}: {}", text(&reply));
        assert_eq!(world.ask("SELECT status FROM auto_messages"), status);
    }
    let reply = browser.post(&panel, "/panel/messages/1/resume", &[]);
    assert_eq!(reply.status, 409);
    assert!(text(&reply).contains("pesan 1 sudah berakhir"), "{}", text(&reply));
    // A form that was open meanwhile.
    let reply = text(&browser.post(&panel, "/panel/messages/1/edit", &fields));
    assert!(reply.contains("pesan 1 sudah dibatalkan"), "{reply}");
    assert_eq!(
        browser.get(&panel, "/panel/messages/1/cancel").status,
        404,
        "a link changes nothing"
    );
}

#[test]
fn what_a_draft_lacks_is_said_in_indonesian_when_it_is_resumed() {
    let world = World::new();
    world.execute(
        "INSERT INTO channels (name, session_name, is_active) VALUES ('mati', 'mati', 0), ('baru', NULL, 1);
         INSERT INTO contacts (name, phone_number, opted_out_at) VALUES ('Siti', '081200001009', '2026-11-01T00:00:00Z');
         INSERT INTO auto_messages (message, contact_ids, channel_id, status, scheduled_at) VALUES
             ('', '[\"081200001001\"]', 1, 'draft', '2037-01-01T00:00:00Z'),
             ('x', NULL, 1, 'draft', '2037-01-01T00:00:00Z'),
             ('x', '[1,999]', 1, 'draft', '2037-01-01T00:00:00Z'),
             ('x', '[\"081200001001\"]', 2, 'draft', '2037-01-01T00:00:00Z'),
             ('x', '[\"081200001001\"]', 3, 'draft', '2037-01-01T00:00:00Z'),
             ('x', '[\"081200001001\"]', 1, 'draft', '2026-11-01T00:00:00Z'),
             ('x', '[\"081200001001\"]', 1, 'draft', NULL)",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for (id, does, words) in [
        (1, "resume", "isinya belum ada: tulis dulu"),
        (2, "resume", "penerimanya belum ada: tulis nomornya atau pilih label"),
        (
            3,
            "resume",
            "tidak ada yang bisa dikirimi: `Siti` (minta berhenti menerima pesan), `contact 999` (kontak 999 tidak ada)",
        ),
        (4, "resume", "nomor `mati` tidak aktif: aktifkan dulu"),
        (5, "resume", "nomor `baru` belum punya sesi WAHA: isi dulu"),
        (6, "resume", "sudah lewat: ubah pesan ini dan pilih waktu baru"),
        (7, "resume", "belum ada waktunya: ubah pesan ini"),
        (1, "retry", "belum ada yang dikirim dari pesan 1"),
    ] {
        browser.get(&panel, &format!("/panel/messages/{id}"));
        let reply = browser.post(&panel, &format!("/panel/messages/{id}/{does}"), &[]);
        let page = text(&reply).replace("&#96;", "`");
        assert!(reply.status == 409 && page.contains(words), "{id} {does}: {page}");
    }
}

#[test]
fn what_may_have_arrived_is_sent_again_only_after_a_warning_and_a_tick() {
    let world = World::new();
    world.execute(
        "INSERT INTO auto_messages (message, contact_ids, scheduled_at, status, contact_count, failed_count, unknown_count)
         VALUES ('x', '[\"081200001001\",\"081200001002\"]', '2026-12-01T00:00:00Z', 'failed', 2, 1, 1);
         INSERT INTO deliveries (auto_message_id, due_at, channel_id, chat_id, status, attempts, text, claimed_at) VALUES
         (1, '2026-12-01T00:00:00Z', 1, '6281200001001@c.us', 'unknown', 1, 'x', '2026-12-01T00:00:00Z'),
         (1, '2026-12-01T00:00:00Z', 1, '6281200001002@c.us', 'failed', 1, 'x', '2026-12-01T00:00:00Z')",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let page = text(&browser.get(&panel, "/panel/messages/1/retry-unknown"));
    assert!(page.contains("dua kali"), "{page}");
    let reply = browser.post(&panel, "/panel/messages/1/retry-unknown", &[]);
    assert_eq!(reply.status, 200);
    assert_eq!(world.ask("SELECT count(*) FROM deliveries WHERE status = 'pending'"), "0");
    let reply = browser.post(&panel, "/panel/messages/1/retry-unknown", &[("sure", "1")]);
    assert_eq!(
        header(&reply, "Location"),
        Some("/panel/messages/1?done=retried"),
        "{}",
        text(&reply)
    );
    assert_eq!(world.ask("SELECT count(*) FROM deliveries WHERE status = 'pending'"), "2");
}

#[test]
fn a_retry_of_the_failed_leaves_the_unknown_alone() {
    let world = World::new();
    world.execute(
        "INSERT INTO auto_messages (message, contact_ids, scheduled_at, status, contact_count, failed_count, unknown_count)
         VALUES ('x', '[\"081200001001\",\"081200001002\"]', '2026-12-01T00:00:00Z', 'failed', 2, 1, 1);
         INSERT INTO deliveries (auto_message_id, due_at, channel_id, chat_id, status, attempts, text, claimed_at) VALUES
         (1, '2026-12-01T00:00:00Z', 1, '6281200001001@c.us', 'unknown', 1, 'x', '2026-12-01T00:00:00Z'),
         (1, '2026-12-01T00:00:00Z', 1, '6281200001002@c.us', 'failed', 1, 'x', '2026-12-01T00:00:00Z')",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let reply = browser.post(&panel, "/panel/messages/1/retry", &[]);
    assert_eq!(reply.status, 303, "{}", text(&reply));
    assert_eq!(
        world.rows("SELECT chat_id FROM deliveries WHERE status = 'pending'"),
        ["6281200001002@c.us"]
    );
    world.execute("UPDATE auto_messages SET status = 'cancelled', failed_count = 1");
    let page = text(&browser.get(&panel, "/panel/messages/1"));
    assert!(!page.contains("/retry"), "what was cancelled is not sent again: {page}");
}

#[test]
fn a_message_that_was_paused_on_its_way_says_how_many_wait() {
    let world = World::new();
    world.execute(
        "INSERT INTO auto_messages (message, contact_ids, scheduled_at, status, contact_count, sent_count)
         VALUES ('x', '[\"081200001001\",\"081200001002\",\"081200001003\"]', '2026-12-01T00:00:00Z', 'draft', 3, 1)",
    );
    let panel = panel(&world);
    let page = text(&Browser::logged_in(&panel).get(&panel, "/panel/messages/1"));
    assert!(page.contains("Menunggu <b>2</b>"), "{page}");
}

#[test]
fn a_daily_message_to_more_than_a_day_holds_is_warned_of() {
    let world = World::new();
    world.execute("UPDATE channels SET daily_limit = 2");
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let daily: Vec<(&str, &str)> =
        ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].map(|day| ("day", day)).to_vec();
    let base = [("text", "Halo"), ("when", "weekly"), ("time", "08:00")];
    for (to, is_warned) in
        [("081200001001\n081200001002", false), ("081200001001\n081200001002\n081200001003", true)]
    {
        let fields = [&base[..], &daily, &[("to", to)]].concat();
        let reply = browser.post(&panel, "/panel/messages/new", &fields);
        let page = text(&browser.get(&panel, header(&reply, "Location").unwrap()));
        assert_eq!(page.contains("jam kirim dan batas harian tidak cukup"), is_warned, "{page}");
        world.execute("UPDATE auto_messages SET status = 'cancelled'");
    }
}

#[test]
fn a_retry_that_fails_again_leaves_the_earlier_successes_in_sight() {
    let world = World::new();
    let id = world.message(r#"["081200007001","081200000400"]"#);
    world.run();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    world.clock.pass(std::time::Duration::from_mins(5));
    assert_eq!(browser.post(&panel, &format!("/panel/messages/{id}/retry"), &[]).status, 303);
    world.run();
    for page in [format!("/panel/messages/{id}"), "/panel/messages".to_owned()] {
        let page = text(&browser.get(&panel, &page));
        assert!(page.contains("1 dari 2 terkirim"), "{page}");
        let pill = page.split("class=\"pill warn\"").nth(1).unwrap_or_else(|| panic!("{page}"));
        assert!(pill.split("</span>").next().unwrap().ends_with("Sebagian 1/2"), "{pill}");
    }
    let page = text(&browser.get(&panel, &format!("/panel/messages/{id}")));
    assert!(page.contains("(kirim ulang)</a>"), "{page}");
}

#[test]
fn what_a_message_carries_is_shown_and_goes_along_into_its_copy() {
    let world = World::new();
    let poll = r#"{"kind":"poll","question":"Jam berapa?","options":["Pagi","Siang"]}"#;
    let sql = "INSERT INTO auto_messages (message, content, contact_ids, status)
               VALUES ('', ?1, '081200001001', 'draft')";
    world.sql.execute(sql, [poll]).unwrap();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let page = text(&browser.get(&panel, "/panel/messages/1"));
    assert!(page.contains("Jam berapa?") && page.contains("<li>Siang</li>"), "{page}");
    let page = text(&browser.get(&panel, "/panel/messages/new?copy=1"));
    assert!(page.contains("value=\"poll\" selected") && page.contains(">Jam berapa?<"), "{page}");
    let form = [("content", poll), ("to", "081200001001"), ("when", "now"), ("do", "save")];
    browser.post(&panel, "/panel/messages/new", &form);
    world.run();
    assert_eq!(world.received()[0].route, "sendPoll");
}

#[test]
fn many_who_did_not_get_it_are_a_few_lines_with_counts() {
    let world = World::new();
    world.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
         INSERT INTO contacts (name, phone_number, tags, attributes)
             SELECT 'Orang ' || i, '+62812' || (10000000 + i), '[\"semua\"]', CASE WHEN i <= 3 THEN '{\"kota\":\"Solo\"}' ELSE '{}' END FROM n;
         INSERT INTO contacts (id, phone_number, opted_out_at) VALUES (9000, '+6281299990000', '2026-01-01T00:00:00Z')",
    );
    world.message("tag:semua, 0812, 9000");
    world.execute("UPDATE auto_messages SET message = 'Halo {{kota}}'");
    world.run();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let page = text(&browser.get(&panel, "/panel/messages/1"));
    let whom = "Lihat orangnya: +62 812-9999-0000";
    for part in ["Mengapa tidak terkirim", "2.497 orang", "data untuk {{kota}} tidak ada", whom] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(page.len() < 100_000, "{} bytes", page.len());
    let link =
        page.split("<a class=\"button\" href=\"").find(|rest| rest.contains(": 2.497 orang"));
    let link = link.unwrap().split('"').next().unwrap().replace("&#38;", "&");
    let of_reason = text(&browser.get(&panel, &link));
    let chosen = "aria-current=\"true\" aria-label=\"Lihat orangnya: 2.497 orang\"";
    assert!(of_reason.contains(chosen), "{of_reason}");
    assert!(!of_reason.contains("<b>Orang 1</b>") && of_reason.contains("Orang 9"), "{of_reason}");
    assert!(of_reason.contains("&#38;why="), "the next page is of them too: {of_reason}");
    let other = text(&browser.get(&panel, &format!("{link}&lang=en")));
    assert!(other.contains("Why it was not sent") && other.contains("2,497 people"), "{other}");
    // Where each stands beside its only reason, nothing is said twice.
    world.message("0812");
    world.run();
    let page = text(&browser.get(&panel, "/panel/messages/2"));
    assert!(!page.contains("Mengapa tidak terkirim"), "{page}");
}
