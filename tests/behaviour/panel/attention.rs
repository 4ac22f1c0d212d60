//! What needs a person, in one list with one action each; and people, found among recipients.

use std::time::Duration;

use super::{Browser, header, panel, text};
use crate::world::World;

/// A message that is sent in part, one that is uncertain, one that came too late, one without anybody,
/// one that is well, and a held number.
fn shop() -> World {
    let world = World::new();
    let titled = |to: &str, title: &str| {
        let id = world.message(to);
        world.execute(&format!("UPDATE auto_messages SET title = '{title}' WHERE id = {id}"));
    };
    titled("081200000400, 081200001001", "Sebagian saja");
    titled("081200000500", "Entah sampai");
    titled("12", "Tanpa siapa pun");
    titled("081200001002", "Beres");
    world.run();
    world.execute("UPDATE channels SET held_reason = 'dijeda', held_kind = 'breaker'");
    titled("081200001003", "Kesiangan");
    world.run();
    world.clock.pass(Duration::from_hours(25));
    world.run();
    world
}

fn part<'a>(page: &'a str, title: &str) -> &'a str {
    let from = page.find(&format!("<b>{title}</b>")).unwrap_or_else(|| panic!("{title}: {page}"));
    page[from..].split("</li>").next().unwrap()
}

#[test]
fn what_failed_came_too_late_is_uncertain_or_held_is_in_one_list_with_one_action_each() {
    let world = shop();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let page = text(&browser.get(&panel, "/panel/attention"));
    for (title, words, action) in [
        ("Sebagian saja", "1 gagal", "/panel/messages/1/retry\""),
        ("Entah sampai", "1 belum pasti", "/panel/messages/2/retry-unknown"),
        ("Tanpa siapa pun", "Gagal", "/panel/messages/new?copy=3"),
        ("Kesiangan", "1 terlambat", "/panel/messages/5/retry\""),
    ] {
        let row = part(&page, title);
        assert!(row.contains(words) && row.contains(action), "{title}: {row}");
        assert_eq!(row.matches("<button").count() + row.matches("class=\"button\"").count(), 1);
    }
    assert!(!page.contains("Beres"), "{page}");
    assert!(part(&page, "default").contains("/panel/channels/1/resume"), "{page}");
    assert!(page.contains("Perlu perhatian <b>4</b>"), "{page}");
    for (kind, titles) in [
        ("failed", &["Sebagian saja", "Tanpa siapa pun", "Kesiangan"][..]),
        ("unknown", &["Entah sampai"]),
        ("late", &["Kesiangan"]),
    ] {
        let page = text(&browser.get(&panel, &format!("/panel/attention?kind={kind}&lang=en")));
        let rows = page.matches("class=\"row need\"").count();
        assert_eq!(rows, titles.len(), "{kind}: {page}");
        assert!(titles.iter().all(|title| !part(&page, title).is_empty()));
        assert!(page.contains("Needs attention"), "{page}");
    }
}

#[test]
fn its_actions_are_those_of_the_pages_and_lead_back() {
    let world = shop();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, "/panel/attention");
    let back = [("back", "attention")];
    let reply = browser.press(&panel, "/panel/channels/1/resume", &back);
    let done = header(&reply, "Location");
    assert_eq!(done, Some("/panel/attention?done=channel_resumed"), "{}", text(&reply));
    browser.get(&panel, "/panel/attention");
    for _ in 0..2 {
        let reply = browser.press(&panel, "/panel/messages/5/retry", &back);
        let done = header(&reply, "Location");
        assert_eq!(done, Some("/panel/attention?done=retried"), "{}", text(&reply));
    }
    world.run();
    assert_eq!(world.status(5), "sent");
    assert_eq!(
        world
            .recipients()
            .iter()
            .filter(|to| to.contains("081200001003") || to.contains("6281200001003"))
            .count(),
        1
    );
    let page = text(&browser.get(&panel, "/panel/attention"));
    assert!(!page.contains("Kesiangan") && !page.contains("held-name"), "{page}");
}

#[test]
fn a_list_that_is_long_goes_on_by_key_and_shows_each_once() {
    let world = World::new();
    world.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70)
         INSERT INTO auto_messages (title, message, status, updated_at)
         SELECT 'Judul ' || i || '.', 'x', 'failed', '2026-11-30T00:00:' || printf('%02dZ', i / 10) FROM n",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let (mut pages, mut next) = (String::new(), Some("/panel/attention".to_owned()));
    while let Some(path) = next {
        let page = text(&browser.get(&panel, &path));
        let link = page.split("rel=\"next\" href=\"").nth(1);
        next = link.map(|rest| rest.split('"').next().unwrap().replace("&#38;", "&"));
        pages += &page;
    }
    for i in 1..=70 {
        assert_eq!(pages.matches(&format!("Judul {i}.")).count(), 1, "{i}");
    }
}

#[test]
fn a_person_is_found_by_name_or_number_in_any_spelling_with_what_they_got_and_will_get() {
    let world = World::new();
    world.execute(
        "INSERT INTO contacts (id, name, phone_number, tags) VALUES
             (7, 'Budi Santoso', '0812-0000-1001', '[\"vip\"]'), (8, 'Siti', '+6281200001002', '[]')",
    );
    world.message(r#"["7", "8", {"phone":"081200001009","name":"Pak Tamu"}]"#);
    world.execute("UPDATE auto_messages SET title = 'Promo lalu'");
    world.run();
    world.execute(
        "INSERT INTO auto_messages (title, message, contact_ids, scheduled_at) VALUES
             ('Untuk vip', 'x', 'tag:vip', '2027-01-01 01:00'),
             ('Kecuali dia', 'x', 'all, except:7', '2027-01-01 01:00'),
             ('Untuk tamu', 'x', '0812 0000 1009', '2027-01-01 01:00')",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let mut found = |search: &str| {
        let page = text(&browser.get(&panel, &format!("/panel/messages?q={search}")));
        let card = page.split("id=\"people-name\"").nth(1);
        card.map(|card| card.split("</section>").next().unwrap().to_owned()).unwrap_or_default()
    };
    for search in ["budi", "0812-0000-1001", "%2B62+812+0000+1001", "6281200001001", "81200001001"]
    {
        let card = found(search);
        assert!(
            card.contains("/panel/contacts/7") && card.contains("Budi Santoso"),
            "{search}: {card}"
        );
        assert!(card.contains("Promo lalu") && card.contains("Terkirim"), "{search}: {card}");
        assert!(card.contains("Untuk vip") && card.contains("Terjadwal"), "{search}: {card}");
        assert!(!card.contains("Kecuali dia") && !card.contains("Siti"), "{search}: {card}");
    }
    for search in ["tamu", "0812+0000+1009", "00001009"] {
        let card = found(search);
        assert!(
            card.contains("Pak Tamu") && card.contains("+62 812-0000-1009"),
            "{search}: {card}"
        );
        assert!(card.contains("Promo lalu") && card.contains("Untuk tamu"), "{search}: {card}");
        assert!(!card.contains("/panel/contacts/"), "{search}: {card}");
    }
    assert_eq!(found("tidak-ada"), "");
    // And from a message to its people.
    let page = text(&browser.get(&panel, "/panel/messages/1"));
    assert!(page.contains("href=\"/panel/contacts/7\""), "{page}");
    world.execute("DELETE FROM contacts WHERE id = 7");
    let page = text(&browser.get(&panel, "/panel/messages/1"));
    assert!(!page.contains("href=\"/panel/contacts/7\""), "{page}");
}

#[test]
fn sent_in_part_looks_alike_in_list_page_and_overview() {
    let world = shop();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for page in ["/panel/messages", "/panel/messages/1", "/panel/attention"] {
        let shown = text(&browser.get(&panel, page));
        assert!(shown.contains("Sebagian 1/2"), "{page}: {shown}");
    }
}
