//! How pages come: their headers, their languages, their parts.

use std::sync::Arc;
use std::time::Duration;

use auto_message_scheduler::config::{AdminPassword, Config, Secret};
use auto_message_scheduler::panel::Panel;
use auto_message_scheduler::store::Store;

use super::{Browser, PAGES, PASSWORD, header, panel, text};
use crate::world::{World, config};

#[test]
fn every_reply_keeps_to_itself() {
    let world = World::new();
    world.message("1");
    world.execute("INSERT INTO contacts (name, phone_number) VALUES ('Budi', '081234567890')");
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for page in
        PAGES.iter().chain(&["/panel/login", "/panel/none", "/panel/messages/1/recipients.csv"])
    {
        let reply = browser.get(&panel, page);
        for (name, value) in [
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "same-origin"),
        ] {
            assert_eq!(header(&reply, name), Some(value), "{page}");
        }
        let policy = header(&reply, "Content-Security-Policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(
            !policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
    }
}

#[test]
fn a_page_has_no_part_that_its_policy_forbids_and_nothing_from_elsewhere() {
    let world = World::new();
    world.message("1");
    world.execute("INSERT INTO contacts (name, phone_number) VALUES ('Budi', '081234567890')");
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for page in PAGES.iter().chain(&["/panel/none"]) {
        let shown = text(&browser.get(&panel, page));
        for bad in [
            " style=",
            "<style",
            " onclick",
            " onsubmit",
            "javascript:",
            "http://",
            "https://",
            "data:",
        ] {
            // What it says to do names addresses, as words.
            let is_told = *page == "/panel/doctor" && bad.starts_with("http");
            assert!(is_told || !shown.contains(bad), "{page} has {bad}");
        }
        let scripts = shown.matches("<script").count();
        assert_eq!(scripts, shown.matches("<script defer src=\"/panel/assets/").count(), "{page}");
    }
}

#[test]
fn styles_and_scripts_last_because_their_names_change_with_them() {
    let world = World::new();
    let panel = panel(&world);
    let mut stranger = Browser::default();
    let login = text(&stranger.get(&panel, "/panel/login"));
    let paths: Vec<&str> =
        login.split('"').filter(|part| part.starts_with("/panel/assets/")).collect();
    assert!(paths.len() >= 3, "{login}");
    for path in paths {
        let reply = stranger.get(&panel, path);
        assert_eq!(reply.status, 200, "{path}");
        assert!(header(&reply, "Cache-Control").unwrap().contains("immutable"), "{path}");
        assert!(!reply.body.is_empty() && header(&reply, "Set-Cookie").is_none());
    }
    assert_eq!(stranger.get(&panel, "/panel/assets/panel-000000000000.css").status, 303);
}

#[test]
fn it_speaks_indonesian_until_somebody_asks_for_english() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let page = text(&browser.get(&panel, "/panel"));
    assert!(page.contains("<html lang=\"id\">") && page.contains("Ringkasan"), "{page}");
    let page = text(&browser.get(&panel, "/panel?lang=en"));
    assert!(page.contains("<html lang=\"en\">") && page.contains("Overview"), "{page}");
    let page = text(&browser.get(&panel, "/panel/messages"));
    assert!(page.contains("<html lang=\"en\">") && page.contains("New message"), "{page}");
    let page = text(&browser.get(&panel, "/panel/messages?lang=xx"));
    assert!(page.contains("<html lang=\"en\">"), "{page}");
}

#[test]
fn what_is_not_there_is_404_and_a_bad_row_hides_no_other() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for path in [
        "/panel/none",
        "/panel/messages/99",
        "/panel/messages/x",
        "/panel/messages/99999999999999999999",
        "/panel/contacts/99",
        "/panel/../api",
    ] {
        assert_eq!(browser.get(&panel, path).status, 404, "{path}");
    }
    world.message("1");
    world.execute("UPDATE auto_messages SET title = CAST(X'ff41' AS TEXT), schedules = '[1', interval_config = '{\"weekDays\":7}'");
    world.execute("INSERT INTO contacts (name, phone_number, tags, attributes) VALUES (CAST(X'ff41' AS TEXT), 'x', '{', '[')");
    world.execute("INSERT INTO runs (trigger, started_at) VALUES ('cron', 'kemarin')");
    for page in PAGES {
        assert_eq!(browser.get(&panel, page).status, 200, "{page}");
    }
}

#[test]
fn the_overview_knows_the_same_last_trigger_as_status() {
    let world = World::new();
    let config = Config { tick: None, ..config() };
    let store = Store::open(&world.path).unwrap();
    let triggers = Arc::clone(&world.triggers);
    let password = AdminPassword::Plain(Secret::new(PASSWORD));
    let panel = Panel::new(store, world.clock.clone(), triggers, config.into(), password);
    let mut browser = Browser::logged_in(&panel);
    world.message("081200001001, 081200001002");
    let mut overview = || text(&browser.get(&panel, "/panel?lang=en"));
    let is_warned = "but no trigger comes";
    let page = overview();
    assert!(page.contains(">Never<") && page.contains(is_warned), "{page}");
    // A cron line with `run`, which is no request; after it a test message, which tells nothing of cron.
    for (remote, minutes) in [("NULL", 5), ("'test-send'", 1)] {
        world.execute(&format!(
            "INSERT INTO runs (trigger, remote, started_at)
                 VALUES ('cli', {remote}, strftime('%Y-%m-%dT%H:%M:%SZ', '2026-12-01T01:00:00Z', '-{minutes} minutes'))"
        ));
    }
    let page = overview();
    assert!(page.contains(">5 min ago<") && !page.contains(is_warned), "{page}");
    // Its run goes on for long: what comes meanwhile has no row of its own.
    world.trigger();
    world.step();
    world.clock.pass(Duration::from_mins(20));
    let page = overview();
    assert!(page.contains(">20 min ago<") && !page.contains(is_warned), "{page}");
}
