//! "To me first": a message to oneself, in the words that somebody else would get.

use std::time::Duration;

use super::{Browser, panel, text};
use crate::world::World;

const OWN: &str = "0812-0000-9999";

fn shop() -> World {
    let world = World::new();
    world.execute(
        "INSERT INTO contacts (name, phone_number, tags, attributes) VALUES
             ('Ani', '+6281200001001', '[\"vip\"]', '{\"kota\":\"Bandung\"}'),
             ('Budi', '+6281200001002', '[]', '{\"kota\":\"Solo\"}'),
             ('Kurung', '+6281200001003', '[]', '{\"kota\":\"{{name|x}}\"}'),
             ('Kosong', '+6281200001004', '[]', '{}')",
    );
    world
}

fn form<'a>(own: &'a str, like: &'a str) -> [(&'a str, &'a str); 8] {
    [
        ("title", "Promo"),
        ("text", "Halo {{name|Kak}} di {{kota}}"),
        ("tag", "vip"),
        ("when", "at"),
        ("at", "2026-12-05T08:00"),
        ("do", "test"),
        ("own", own),
        ("like", like),
    ]
}

#[test]
fn a_test_goes_to_the_own_number_only_with_the_words_of_the_one_who_was_chosen() {
    let world = shop();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for (like, words) in
        [("", "Halo Ani di Bandung"), ("bud", "Halo Budi di Solo"), ("2", "Halo Budi di Solo")]
    {
        world.execute("DELETE FROM auto_messages; DELETE FROM deliveries");
        world.clock.pass(Duration::from_mins(5));
        browser.get(&panel, "/panel/messages/new");
        let page = text(&browser.press(&panel, "/panel/messages/new", &form(OWN, like)));
        assert!(page.contains("Tes dikirim ke +62 812-0000-9999"), "{like}: {page}");
        assert!(
            page.contains("Halo {{name|Kak}} di {{kota}}</textarea>"),
            "the form stays: {page}"
        );
        world.run();
        assert_eq!(
            world.rows("SELECT title, message, status FROM auto_messages"),
            [format!("Tes: Promo|{words}|sent")]
        );
        assert_eq!(world.rows("SELECT chat_id FROM deliveries"), ["6281200009999@c.us"]);
    }
}

#[test]
fn a_test_that_is_pressed_twice_goes_once_and_the_form_is_not_used_up() {
    let world = shop();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, "/panel/messages/new");
    let first = browser.clone();
    for _ in 0..2 {
        let page = text(&first.clone().press(&panel, "/panel/messages/new", &form(OWN, "")));
        assert!(page.contains("href=\"/panel/messages/1\""), "{page}");
    }
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "1");
    // The message itself, with the mark that the form had before the test.
    let mut save = form(OWN, "");
    save[5] = ("do", "save");
    assert_eq!(first.clone().press(&panel, "/panel/messages/new", &save).status, 303);
    // The page after the test has a mark of its own: another press is meant.
    browser.get(&panel, "/panel/messages/new");
    browser.press(&panel, "/panel/messages/new", &form(OWN, ""));
    assert_eq!(
        world.rows("SELECT title FROM auto_messages"),
        ["Tes: Promo", "Promo", "Tes: Promo"]
    );
}

#[test]
fn two_tests_go_a_minute_apart_and_the_schedule_never_sends_them_again() {
    let world = shop();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for _ in 0..2 {
        browser.get(&panel, "/panel/messages/new");
        browser.press(&panel, "/panel/messages/new", &form(OWN, ""));
    }
    world.run();
    let claims = world.rows("SELECT claimed_at FROM deliveries ORDER BY claimed_at");
    assert_eq!(claims.len(), 2);
    assert!(claims[1] > claims[0], "{claims:?}");
    world.clock.pass(Duration::from_hours(24 * 8));
    world.run();
    assert_eq!(world.recipients().len(), 2);
}

#[test]
fn the_own_number_is_kept_and_what_is_wrong_is_said_in_both_languages() {
    let world = shop();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for (lang, own, like, words) in [
        ("id", "", "", "Isi dulu nomor Anda sendiri."),
        ("en", "", "", "Give your own number first."),
        ("id", "12", "", "kode negara"),
        ("id", OWN, "siapa", "Tidak ada kontak yang namanya memuat «siapa»"),
        ("id", OWN, "Kurung", "berisi tanda kurung kurawal"),
        ("id", OWN, "4", "kota"),
    ] {
        browser.get(&panel, &format!("/panel/messages/new?lang={lang}"));
        let reply = browser.press(&panel, "/panel/messages/new", &form(own, like));
        assert_eq!(reply.status, 422, "{own} {like}");
        let page = text(&reply);
        let alert = page.split("role=\"alert\">").nth(1).unwrap_or_default();
        assert!(alert.split("</p>").next().unwrap().contains(words), "{words}: {page}");
    }
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "0");
    browser.press(&panel, "/panel/messages/new", &form(OWN, ""));
    let page = text(&browser.get(&panel, "/panel/messages/new"));
    assert!(page.contains("name=\"own\" value=\"+6281200009999\""), "{page}");
}

/// RECIPIENT_GAP_HOURS is for what goes out by itself.
#[test]
fn a_second_test_does_not_wait_for_the_first() {
    let world = shop();
    world.execute("UPDATE channels SET recipient_gap_hours = 24");
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for like in ["Ani", "Budi"] {
        browser.get(&panel, "/panel/messages/new");
        browser.press(&panel, "/panel/messages/new", &form(OWN, like));
        world.clock.pass(Duration::from_mins(5));
        world.run();
    }
    let statuses = world.rows("SELECT status FROM deliveries WHERE chat_id = '6281200009999@c.us'");
    assert_eq!(statuses, ["sent", "sent"]);
}

#[test]
fn a_message_that_is_changed_can_be_tested_before_it_is_saved() {
    let world = shop();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let mut save = form("", "");
    save[5] = ("do", "save");
    browser.get(&panel, "/panel/messages/new");
    browser.press(&panel, "/panel/messages/new", &save);
    browser.get(&panel, "/panel/messages/1/edit");
    let mut changed = form(OWN, "Budi");
    changed[1] = ("text", "Kota {{kota}}");
    let page = text(&browser.press(&panel, "/panel/messages/1/edit", &changed));
    assert!(page.contains("Kota {{kota}}</textarea>"), "{page}");
    assert_eq!(
        world.rows("SELECT message FROM auto_messages"),
        ["Halo {{name|Kak}} di {{kota}}", "Kota Solo"]
    );
}
