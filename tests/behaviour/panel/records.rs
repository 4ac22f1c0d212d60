//! What went out, counted; and who did what.

use std::time::Duration;

use super::{Browser, header, panel, text};
use crate::api_v1::Door;
use crate::site::{Site, stderr};
use crate::world::World;

/// Yesterday one message to a tagged contact and to one that is refused; today one through the other number.
fn shop() -> World {
    let world = World::new();
    world.execute(
        "INSERT INTO contacts (id, name, phone_number, tags) VALUES (1, 'Budi', '+6281200001001', '[\"VIP\"]');
         INSERT INTO channels (id, name, session_name) VALUES (2, 'Klinik', 'klinik')",
    );
    world.message("1, 081200000400");
    world.run();
    world.execute(
        "UPDATE deliveries SET ack = 3 WHERE status = 'sent';
         INSERT INTO channel_days (channel_id, day, claimed, received) VALUES (1, '2026-12-01', 0, 0)
             ON CONFLICT DO NOTHING;
         UPDATE channel_days SET received = 5 WHERE channel_id = 1 AND day = '2026-12-01'",
    );
    world.clock.pass(Duration::from_hours(24));
    let id = world.message("081200001002");
    world.execute(&format!("UPDATE auto_messages SET channel_id = 2 WHERE id = {id}"));
    world.run();
    world
}

fn figures(page: &str) -> Vec<String> {
    let figures = page.split("<dd class=\"big\">").skip(1);
    figures.map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

#[test]
fn statistics_count_by_range_number_and_tag() {
    let world = shop();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    // Sent, delivered, read, failed, uncertain, replies.
    for (query, wanted) in [
        ("", ["2", "1", "1", "1", "0", "5"]),
        ("?from=2026-12-02", ["1", "0", "0", "0", "0", "0"]),
        ("?until=2026-12-01", ["1", "1", "1", "1", "0", "5"]),
        ("?channel=1", ["1", "1", "1", "1", "0", "5"]),
        ("?channel=2", ["1", "0", "0", "0", "0", "0"]),
        ("?tag=vip", ["1", "1", "1", "0", "0", "–"]),
        ("?tag=lain", ["0", "0", "0", "0", "0", "–"]),
        ("?from=2020-01-01&until=2026-12-31", ["2", "1", "1", "1", "0", "5"]),
    ] {
        let page = text(&browser.get(&panel, &format!("/panel/statistics{query}")));
        assert_eq!(figures(&page), wanted, "{query}");
    }
    let page = text(&browser.get(&panel, "/panel/statistics?lang=en"));
    assert!(
        page.contains("Replies") && page.contains(">1 Dec<") && page.contains(">2 Dec<"),
        "{page}"
    );
    let page = text(&browser.get(&panel, "/panel/statistics?from=2026-01-01"));
    assert!(
        page.contains(">Dec 2026<") && !page.contains(">1 Dec<"),
        "a long range goes by month: {page}"
    );
}

#[test]
fn a_tag_counts_its_people_also_when_their_number_was_typed() {
    let world = World::new();
    world.execute(
        "INSERT INTO contacts (name, phone_number, tags) VALUES ('Budi', '+6281200001001', '[\"vip\"]'),
         ('Ani', '0812-0000-1002', '[\"VIP\"]'), ('Cici', '+6281200001003', '[\"lain\"]')",
    );
    world.message("0812 0000 1001, 081200001002, 081200001003, 081200001004, 6281200001005@c.us");
    world.message("tag:vip");
    world.run();
    assert_eq!(world.ask("SELECT count(*) FROM deliveries WHERE contact_id IS NULL"), "5");
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for (tag, wanted) in [("vip", "4"), ("lain", "1"), ("tidak", "0")] {
        let page = text(&browser.get(&panel, &format!("/panel/statistics?tag={tag}")));
        assert_eq!(figures(&page)[0], wanted, "{tag}: {page}");
        assert!(page.contains("juga bila nomornya diketik"), "{page}");
    }
}

#[test]
fn statistics_can_be_kept_as_csv() {
    let world = shop();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let reply = browser.get(&panel, "/panel/statistics.csv?from=2026-12-01");
    assert_eq!(header(&reply, "Content-Type"), Some("text/csv; charset=utf-8"));
    assert_eq!(
        text(&reply),
        "\u{feff}Hari,Terkirim,Sampai,Dibaca,Gagal,Belum pasti,Balasan\r\n\
         2026-12-01,1,1,1,1,0,5\r\n2026-12-02,1,0,0,0,0,0\r\n"
    );
}

#[test]
fn logins_edits_and_sends_by_hand_are_written_down_once_each() {
    let world = World::new();
    let panel = panel(&world);
    let peer = Some("192.0.2.7".to_owned());
    let mut browser = Browser { peer, ..Browser::default() };
    browser.log_in(&panel, "salah");
    browser.log_in(&panel, super::PASSWORD);
    browser.get(&panel, "/panel/messages/new");
    let later = [
        ("text", "Halo"),
        ("to", "081200001001"),
        ("when", "at"),
        ("at", "2026-12-05T08:00"),
        ("do", "save"),
    ];
    for _ in 0..2 {
        browser.press(&panel, "/panel/messages/new", &later);
    }
    browser.get(&panel, "/panel/messages/1");
    for what in ["pause", "resume", "cancel", "cancel"] {
        browser.press(&panel, &format!("/panel/messages/1/{what}"), &[]);
        browser.get(&panel, "/panel/messages/1");
    }
    browser.get(&panel, "/panel/messages/new");
    browser.press(&panel, "/panel/messages/preview", &later);
    browser.press(&panel, "/panel/channels/1/pause", &[]);
    assert_eq!(
        world.rows("SELECT door || ' ' || who || ' ' || what || ' ' || coalesce(kind || about, '') FROM acts ORDER BY id"),
        [
            "panel 192.0.2.7 logged_in ",
            "panel 192.0.2.7 scheduled message1",
            "panel 192.0.2.7 paused message1",
            "panel 192.0.2.7 resumed message1",
            "panel 192.0.2.7 cancelled message1",
            "panel 192.0.2.7 channel_paused channel1",
        ]
    );
    let page = text(&browser.get(&panel, "/panel/acts"));
    for words in [
        "Pesan dijadwalkan.",
        "Pesan dibatalkan.",
        "Masuk ke panel.",
        "192.0.2.7",
        "/panel/messages/1",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let page = text(&browser.get(&panel, "/panel/acts?lang=en"));
    assert!(page.contains("The message is cancelled.") && page.contains("Logged in."), "{page}");
}

#[test]
fn a_history_that_cannot_be_written_is_a_warning_and_what_was_done_stays_done() {
    let site = Site::new();
    let door = Door::open(&site);
    let full =
        "CREATE TRIGGER full BEFORE INSERT ON acts BEGIN SELECT RAISE(ABORT, 'no room'); END";
    site.sql().execute_batch(full).unwrap();
    let new = serde_json::json!({"text": "Halo", "to": ["081200007001"], "at": "2035-01-02 08:00"});
    door.post("/messages", &new).expect(201);
    door.post("/messages/1/pause", &serde_json::Value::Null).expect(200);
    let log = door.server.log();
    assert!(
        log.contains("[WARN] history: what was done is not noted: ") && log.contains("no room"),
        "{log}"
    );
    let paused = site.run(&["channel", "pause", "1"]);
    assert!(paused.status.success(), "{}", stderr(&paused));
    let warned = stderr(&paused);
    assert!(warned.contains("warning: it is done, but not noted in the history: "), "{warned}");
    let done = "SELECT (SELECT status FROM auto_messages) || (SELECT held_reason IS NOT NULL FROM channels)";
    assert_eq!(site.sqlite3(done).trim(), "draft1");
    assert_eq!(site.sqlite3("SELECT count(*) FROM acts").trim(), "0");
}

#[test]
fn what_was_done_ninety_days_ago_is_forgotten() {
    let world = World::new();
    let panel = panel(&world);
    Browser::logged_in(&panel);
    world.clock.pass(Duration::from_hours(24 * 89));
    Browser::logged_in(&panel);
    assert_eq!(world.ask("SELECT count(*) FROM acts"), "2");
    world.clock.pass(Duration::from_hours(24 * 2));
    Browser::logged_in(&panel);
    assert_eq!(world.ask("SELECT count(*) FROM acts"), "2");
}
