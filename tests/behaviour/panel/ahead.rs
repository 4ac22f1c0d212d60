//! What the panel promises is what the plan says: who gets it in time, and what to do when not all do.

use std::collections::BTreeSet;
use std::time::Duration;

use auto_message_scheduler::clock::Timestamp;

use super::{Browser, header, panel, text};
use crate::world::World;

/// A number that sends three a day, and what would hold them: 24 hours.
fn three_a_day() -> World {
    let world = World::new();
    world.execute("UPDATE channels SET daily_limit = 3, name = 'Toko'");
    world
}

fn people(count: u32) -> String {
    (0..count).map(|n| format!("08120000{n:04}")).collect::<Vec<_>>().join("\n")
}

/// A form for tomorrow at nine.
fn form(to: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("title", "Promo"),
        ("text", "Halo"),
        ("to", to),
        ("channel", "1"),
        ("when", "at"),
        ("at", "2026-12-02T09:00"),
    ]
}

fn with<'a>(
    form: &[(&'static str, &'a str)],
    more: (&'static str, &'a str),
) -> Vec<(&'static str, &'a str)> {
    form.iter().copied().chain([more]).collect()
}

/// What the preview, the lists and the page of a message say: each must notice a constant in place of the forecast
/// (tests/mutations.sh).
const SIX: &str = "6 sempat, 4 tidak (batas 24 jam)";
const FIVE: &str = "5 sempat, 5 tidak (batas 24 jam)";

/// One before the message with id 1 counts: the day has one place less.
fn one_more_waits(world: &World) {
    let id = world.message("081299990001");
    world.execute(&format!(
        "UPDATE auto_messages SET scheduled_at = '2026-12-02T01:00:00Z' WHERE id = {id}"
    ));
}

#[test]
fn the_preview_says_who_gets_it_in_time() {
    let world = three_a_day();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let to = people(10);
    let form = form(&to);
    for (lang, wanted, advice) in [
        ("en", "6 get it in time, 4 do not (limit 24 h)", "Split over 4 days"),
        ("id", SIX, "Bagi 4 hari"),
    ] {
        browser.get(&panel, &format!("/panel?lang={lang}"));
        let preview = text(&browser.post(&panel, "/panel/messages/preview", &form));
        assert!(preview.contains(wanted) && preview.contains(advice), "{preview}");
        assert!(preview.contains("value=\"split-days\""), "{preview}");
    }
    browser.press(&panel, "/panel/messages/new", &form);
    one_more_waits(&world);
    let preview = text(&browser.post(&panel, "/panel/messages/preview?of=1", &form));
    assert!(preview.contains(FIVE), "{preview}");
}

#[test]
fn the_page_of_a_message_says_who_gets_it_in_time() {
    let world = three_a_day();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let reply = browser.press(&panel, "/panel/messages/new", &form(&people(10)));
    let page = text(&browser.get(&panel, header(&reply, "Location").unwrap()));
    assert!(page.contains(SIX), "{page}");
    assert!(page.contains("<button name=\"by\" value=\"days\">Bagi 4 hari</button>"), "{page}");
    one_more_waits(&world);
    let page = text(&browser.get(&panel, "/panel/messages/1"));
    assert!(page.contains(FIVE), "{page}");
}

#[test]
fn the_lists_say_who_gets_it_in_time() {
    let world = three_a_day();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.press(&panel, "/panel/messages/new", &form(&people(10)));
    let lists = ["/panel/messages", "/panel/messages?status=scheduled", "/panel", "/panel/live"];
    for wanted in [SIX, FIVE] {
        for list in lists {
            let page = text(&browser.get(&panel, list));
            assert!(page.contains(wanted), "{list}: {page}");
        }
        one_more_waits(&world);
    }
}

/// Each recipient of these messages, and that none is in two.
fn each_in_one(world: &World, count: usize) {
    let rows = world.rows("SELECT contact_ids FROM auto_messages ORDER BY id");
    let mut seen = BTreeSet::new();
    for row in &rows {
        for one in serde_json::from_str::<Vec<String>>(row).unwrap() {
            assert!(seen.insert(one.clone()), "{one} is in two messages: {rows:?}");
        }
    }
    assert_eq!(seen.len(), count, "{rows:?}");
}

#[test]
fn a_split_has_each_recipient_in_exactly_one_message_a_day_and_all_get_it() {
    for from_the_form in [true, false] {
        let world = three_a_day();
        let panel = panel(&world);
        let mut browser = Browser::logged_in(&panel);
        let to = people(10);
        let form = form(&to);
        browser.get(&panel, "/panel/messages/new");
        let reply = if from_the_form {
            browser.press(&panel, "/panel/messages/new", &with(&form, ("do", "split-days")))
        } else {
            browser.press(&panel, "/panel/messages/new", &form);
            browser.get(&panel, "/panel/messages/1");
            browser.press(&panel, "/panel/messages/1/split", &[("by", "days")])
        };
        assert_eq!(
            header(&reply, "Location"),
            Some("/panel/messages/1?done=split"),
            "{}",
            text(&reply)
        );
        let page = text(&browser.get(&panel, "/panel/messages/1?done=split"));
        assert!(page.contains("di tepat satu pesan") && !page.contains("sempat,"), "{page}");
        // Pressed twice, the same form leads to the same message.
        if from_the_form {
            assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "4");
        }
        assert_eq!(
            world.rows("SELECT title, scheduled_at, contact_count FROM auto_messages ORDER BY id"),
            [
                "Promo (1/4)|2026-12-02T02:00:00Z|3",
                "Promo (2/4)|2026-12-03T02:00:00Z|3",
                "Promo (3/4)|2026-12-04T02:00:00Z|3",
                "Promo (4/4)|2026-12-05T02:00:00Z|1",
            ]
        );
        each_in_one(&world, 10);
        for _ in 0..24 * 6 {
            world.clock.pass(Duration::from_hours(1));
            world.run();
        }
        assert_eq!(world.ask("SELECT count(*) FROM deliveries WHERE status = 'sent'"), "10");
        assert_eq!(world.ask("SELECT count(DISTINCT chat_id) FROM deliveries"), "10");
    }
}

#[test]
fn a_second_number_takes_a_part_when_both_together_are_in_time() {
    let world = three_a_day();
    world.execute(
        "INSERT INTO channels (id, name, session_name, held_reason, held_kind) VALUES (2, 'Ditahan', 'a', 'paused', NULL);
         INSERT INTO channels (id, name, session_name, daily_limit) VALUES (3, 'Cabang', 'b', 4)",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let to = people(10);
    let form = form(&to);
    let preview = text(&browser.post(&panel, "/panel/messages/preview", &form));
    assert!(preview.contains("value=\"split-3\">Pakai nomor kedua: Cabang"), "{preview}");
    browser.get(&panel, "/panel/messages/new");
    browser.press(&panel, "/panel/messages/new", &with(&form, ("do", "split-3")));
    assert_eq!(
        world.rows(
            "SELECT channel_id, scheduled_at, contact_count > 3 FROM auto_messages ORDER BY id"
        ),
        ["1|2026-12-02T02:00:00Z|1", "3|2026-12-02T02:00:00Z|1"]
    );
    each_in_one(&world, 10);
    for id in [1, 2] {
        let page = text(&browser.get(&panel, &format!("/panel/messages/{id}")));
        assert!(!page.contains("sempat,"), "{page}");
    }
}

#[test]
fn each_of_two_numbers_gets_those_whom_it_reaches_first() {
    let world = three_a_day();
    world.execute("INSERT INTO channels (id, name, session_name) VALUES (3, 'Cabang', 'b')");
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let to = people(12);
    browser.get(&panel, "/panel/messages/new");
    browser.press(&panel, "/panel/messages/new", &with(&form(&to), ("do", "split-3")));
    let parts = "SELECT channel_id, contact_ids FROM auto_messages ORDER BY id";
    let own = r#"["6281200000000@c.us","6281200000002@c.us","6281200000004@c.us"]"#;
    let parts = world.rows(parts);
    assert_eq!(parts[0], format!("1|{own}"), "three a day, while the other one had its own");
    assert!(parts[1].starts_with("3|"), "{parts:?}");
    each_in_one(&world, 12);
}

#[test]
fn whoever_is_excepted_or_has_opted_out_is_in_no_part() {
    let world = three_a_day();
    world.execute(
        "INSERT INTO contacts (name, phone_number, tags, opted_out_at)
         SELECT 'P' || value, '+62812000000' || value, '[\"vip\"]', iif(value = 11, '2026-11-01', NULL)
         FROM json_each('[10,11,12,13,14,15,16,17,18,19,20]')",
    );
    let id = world.message("[\"tag:vip\", \"except:6281200000012@c.us\", \"081200000013\"]");
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let reply = browser.press(&panel, &format!("/panel/messages/{id}/split"), &[("by", "days")]);
    assert_eq!(reply.status, 303, "{}", text(&reply));
    for _ in 0..24 * 6 {
        world.run();
        world.clock.pass(Duration::from_hours(1));
    }
    let rows = world.rows("SELECT substr(chat_id, 12, 2) FROM deliveries ORDER BY chat_id");
    assert_eq!(rows, ["10", "13", "14", "15", "16", "17", "18", "19", "20"]);
}

#[test]
fn what_cannot_be_split_says_so_and_stays() {
    let world = three_a_day();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let to = people(10);
    let weekly =
        [("text", "Halo"), ("to", &to), ("when", "weekly"), ("day", "mon"), ("time", "08:00")];
    browser.press(&panel, "/panel/messages/new", &weekly);
    world.message("081200000001");
    for (id, way) in [(1, "days"), (2, "days"), (2, "1"), (2, "77")] {
        browser.get(&panel, "/panel/messages/new");
        let there = format!("/panel/messages/{id}/split");
        let reply = browser.press(&panel, &there, &[("by", way)]);
        assert_eq!(reply.status, 409, "{id} {way}: {}", text(&reply));
    }
    assert_eq!(browser.post(&panel, "/panel/messages/2/split", &[("by", "x")]).status, 404);
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "2");
}

#[test]
fn a_number_that_cannot_send_is_marked_in_the_choice_and_on_its_messages() {
    let world = World::new();
    world.execute(
        "UPDATE channels SET name = 'Toko', phone_number = '+6281200000000';
         INSERT INTO channels (id, name, session_name, held_reason) VALUES (2, 'Klinik', 'a', 'dijeda');
         INSERT INTO channels (id, name, session_name, held_reason, held_kind) VALUES
             (3, 'Gudang', 'b', 'session `b` is SCAN_QR_CODE', 'session');
         INSERT INTO channels (id, name, session_name) VALUES (4, 'Baru', 'c')",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let page = text(&browser.get(&panel, "/panel/messages/new"));
    for option in [">Toko<", ">Klinik – Dijeda<", ">Gudang – Perlu dicek<", ">Baru – belum dicek<"]
    {
        assert!(page.contains(option), "{option}: {page}");
    }
    let later = Timestamp::parse("2026-12-02T01:00:00Z").unwrap();
    for (channel, reason, remedy) in
        [(2, "dijeda", "Dijeda oleh orang"), (3, "SCAN_QR_CODE", "pindai kode QR")]
    {
        let id = world.message("081200000001");
        world.execute(&format!(
            "UPDATE auto_messages SET channel_id = {channel}, scheduled_at = '{later}' WHERE id = {id}"
        ));
        let page = text(&browser.get(&panel, &format!("/panel/messages/{id}")));
        assert!(page.contains(reason) && page.contains(remedy), "{page}");
        let channel = channel.to_string();
        let fields =
            [("text", "x"), ("to", "081200000001"), ("channel", &channel), ("when", "now")];
        let preview = text(&browser.post(&panel, "/panel/messages/preview", &fields));
        assert!(preview.contains(reason) && preview.contains(remedy), "{preview}");
    }
}

#[test]
fn a_time_that_holds_only_once_the_number_is_free_says_so() {
    let world = World::new();
    let id = world.message("081200000001");
    world.execute(&format!(
        "UPDATE auto_messages SET status = 'sending', channel_id = 1 WHERE id = {id};
         UPDATE channels SET held_reason = 'dijeda'"
    ));
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for there in ["/panel", "/panel/messages", &format!("/panel/messages/{id}")] {
        let page = text(&browser.get(&panel, there));
        assert!(page.contains("bila nomornya sudah bisa mengirim"), "{there}: {page}");
    }
    world.execute("UPDATE channels SET held_reason = NULL");
    let page = text(&browser.get(&panel, "/panel/messages"));
    assert!(page.contains("selesai sekitar") && !page.contains("bila nomornya"), "{page}");
}

#[test]
fn a_message_whose_recipients_all_opted_out_since_says_so_before_its_time() {
    let world = World::new();
    world.execute("INSERT INTO contacts (phone_number) VALUES ('+6281200000001')");
    let id = world.message("1");
    world.execute(&format!(
        "UPDATE auto_messages SET scheduled_at = '2026-12-02T01:00:00Z', contact_count = 1 WHERE id = {id};
         UPDATE contacts SET opted_out_at = '2026-12-01T00:00:00Z'"
    ));
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for there in ["/panel/messages", &format!("/panel/messages/{id}")] {
        let page = text(&browser.get(&panel, there));
        assert!(page.contains("Tidak ada penerima yang bisa dikirimi"), "{there}: {page}");
    }
}
