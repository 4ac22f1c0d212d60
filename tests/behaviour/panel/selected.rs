//! What is done with contacts that were ticked, or with all that a search found.

use std::time::Duration;

use auto_message_scheduler::http::Response;
use auto_message_scheduler::panel::Panel;

use super::{Browser, header, panel, text};
use crate::world::World;

fn shop() -> World {
    let world = World::new();
    world.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
         INSERT INTO contacts (name, phone_number, tags)
         SELECT 'Nama ' || i, '+6281200' || (100000 + i), CASE WHEN i > 60 THEN '[\"lama\"]' ELSE '[]' END FROM n",
    );
    world
}

fn act(browser: &mut Browser, panel: &Panel, fields: &[(&str, &str)]) -> Response {
    browser.get(panel, "/panel/contacts");
    browser.press(panel, "/panel/contacts/selected", fields)
}

fn there(reply: &Response) -> &str {
    header(reply, "Location").unwrap_or_else(|| panic!("{}", text(reply)))
}

#[test]
fn those_who_are_ticked_or_all_that_are_found_get_a_tag_or_lose_it() {
    let world = shop();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let some = [("do", "tag"), ("label", "VIP, Solo"), ("id", "1"), ("id", "2")];
    let reply = act(&mut browser, &panel, &some);
    assert_eq!(there(&reply), "/panel/contacts?done=tagged&n=2");
    let page = text(&browser.get(&panel, there(&reply)));
    assert!(page.contains("Label diberikan kepada 2 kontak."), "{page}");
    assert_eq!(world.ask("SELECT tags FROM contacts WHERE id = 2"), r#"["VIP","Solo"]"#);
    // All that a search finds, over all pages.
    let all = [("do", "tag"), ("label", "promo"), ("all", "1"), ("q", "Nama 1"), ("id", "3")];
    let reply = act(&mut browser, &panel, &all);
    assert_eq!(there(&reply), "/panel/contacts?q=Nama+1&done=tagged&n=32");
    let tagged = "SELECT count(*) FROM contacts WHERE tags LIKE '%promo%'";
    assert_eq!(world.ask(tagged), "32");
    assert_eq!(
        world.ask(
            "SELECT count(*) FROM contacts WHERE tags LIKE '%promo%' AND name NOT LIKE 'Nama 1%'"
        ),
        "0"
    );
    let all = [("do", "untag"), ("label", "PROMO"), ("all", "1"), ("in_tag", "promo")];
    assert_eq!(
        there(&act(&mut browser, &panel, &all)),
        "/panel/contacts?tag=promo&done=untagged&n=32"
    );
    assert_eq!(world.ask(tagged), "0");
    for (fields, words) in [
        (&[("do", "tag"), ("label", "x")][..], "Centang dulu kontaknya"),
        (&[("do", "tag"), ("label", " "), ("id", "1")], "Tulis labelnya dulu"),
    ] {
        let reply = act(&mut browser, &panel, fields);
        assert!(reply.status == 422 && text(&reply).contains(words), "{words}: {}", text(&reply));
    }
}

#[test]
fn a_removal_can_be_undone_for_a_minute_and_those_who_opted_out_stay() {
    let world = shop();
    world.execute("UPDATE contacts SET opted_out_at = '2026-11-01T00:00:00Z' WHERE id = 2");
    world.execute("UPDATE contacts SET attributes = '{\"kota\":\"Solo\"}' WHERE id = 1");
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let row = "SELECT name || phone_number || tags || attributes || created_at FROM contacts WHERE id = 1";
    let before = world.ask(row);
    let three = [("do", "remove"), ("id", "1"), ("id", "2"), ("id", "3")];
    let reply = act(&mut browser, &panel, &three);
    let there = there(&reply).to_owned();
    assert!(there.contains("done=removed_some&n=2&undo="), "{there}");
    assert_eq!(world.rows("SELECT id FROM contacts WHERE id < 4"), ["2"]);
    let page = text(&browser.get(&panel, &there));
    let batch = super::hidden(&page, "batch").unwrap();
    // Somebody else has one of the numbers by now.
    world.execute("INSERT INTO contacts (name, phone_number) VALUES ('Baru', '0812-0010-0003')");
    let reply = browser.press(&panel, "/panel/contacts/undo", &[("batch", &batch)]);
    assert_eq!(header(&reply, "Location"), Some("/panel/contacts?done=brought_back&n=1"));
    assert_eq!(world.ask(row), before);
    assert_eq!(world.ask("SELECT count(*) FROM panel_removed"), "0");
    // A minute later it is over, and nothing of them is left.
    let reply = act(&mut browser, &panel, &[("do", "remove"), ("id", "1")]);
    let there = header(&reply, "Location").unwrap().to_owned();
    let batch = super::hidden(&text(&browser.get(&panel, &there)), "batch").unwrap();
    world.clock.pass(Duration::from_secs(61));
    let reply = browser.press(&panel, "/panel/contacts/undo", &[("batch", &batch)]);
    assert!(text(&reply).contains("Satu menit sudah lewat"), "{}", text(&reply));
    assert_eq!(world.ask("SELECT count(*) FROM contacts WHERE id = 1"), "0");
    browser.get(&panel, "/panel/contacts");
    assert_eq!(world.ask("SELECT count(*) FROM panel_removed"), "0");
}

#[test]
fn what_is_in_the_queue_for_a_removed_contact_is_not_sent() {
    let world = shop();
    world.message("[1,2]");
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    act(&mut browser, &panel, &[("do", "remove"), ("id", "1")]);
    world.run();
    assert_eq!(world.recipients(), ["6281200100002@c.us"]);
}

#[test]
fn a_second_press_of_a_button_does_nothing_twice() {
    let world = shop();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, "/panel/contacts");
    let first = browser.clone();
    for _ in 0..2 {
        let fields = [("do", "remove"), ("id", "5")];
        assert_eq!(first.clone().press(&panel, "/panel/contacts/selected", &fields).status, 303);
    }
    assert_eq!(world.ask("SELECT count(*) FROM contacts"), "119");
    assert_eq!(world.ask("SELECT count(*) FROM panel_removed"), "1");
}

#[test]
fn those_who_are_ticked_are_written_to_exported_or_get_no_more() {
    let world = shop();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let reply = act(&mut browser, &panel, &[("do", "write"), ("id", "7"), ("id", "9")]);
    assert_eq!(there(&reply), "/panel/messages/new?to=7%2C9");
    let page = text(&browser.get(&panel, there(&reply)));
    assert!(page.contains(">7\n9</textarea>"), "{page}");
    for (fields, to) in [
        (&[("do", "write"), ("all", "1"), ("in_tag", "lama")][..], "/panel/messages/new?tag=lama"),
        (&[("do", "write"), ("all", "1")], "/panel/messages/new?to=all"),
    ] {
        let reply = act(&mut browser, &panel, fields);
        assert_eq!(there(&reply), to);
    }
    let page = text(&browser.get(&panel, "/panel/messages/new?tag=lama"));
    assert!(page.contains("name=\"tag\" value=\"lama\" checked"), "{page}");
    let reply = act(&mut browser, &panel, &[("do", "export"), ("id", "7"), ("id", "9")]);
    let list = text(&reply);
    assert!(header(&reply, "Content-Disposition").unwrap().contains("contacts.csv"));
    assert_eq!(list.lines().count(), 3, "{list}");
    assert!(list.contains("Nama 7;") && list.contains("Nama 9;"), "{list}");
    let reply = act(&mut browser, &panel, &[("do", "opt-out"), ("id", "7"), ("id", "9")]);
    assert_eq!(there(&reply), "/panel/contacts?done=opted_out_all&n=2");
    assert_eq!(world.rows("SELECT id FROM contacts WHERE opted_out_at IS NOT NULL"), ["7", "9"]);
}

#[test]
fn a_contact_has_its_history_of_messages() {
    let world = shop();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let page = text(&browser.get(&panel, "/panel/contacts/1"));
    assert!(page.contains("Belum ada pesan untuk kontak ini"), "{page}");
    world.execute("INSERT INTO auto_messages (title, message, contact_ids, scheduled_at) VALUES ('Promo Mei', 'Halo', '[1]', '2026-12-01T00:59:00Z')");
    world.run();
    let page = text(&browser.get(&panel, "/panel/contacts/1"));
    let history = page.split("history-name").nth(2).unwrap_or_default();
    assert!(history.contains("Promo Mei") && history.contains("Terkirim"), "{page}");
    let page = text(&browser.get(&panel, "/panel/contacts/2"));
    assert!(page.contains("Belum ada pesan untuk kontak ini"), "{page}");
}
