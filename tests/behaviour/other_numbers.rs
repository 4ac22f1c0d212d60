//! Another phone scans the code of a channel's session: nothing goes out from it before a person
//! says that this is right.

use std::time::Duration;

use auto_message_scheduler::channels::{self, Edit};
use auto_message_scheduler::clock::Clock;
use auto_message_scheduler::store::Store;
use serde_json::{Value, json};

use crate::panel::{Browser, panel, text};
use crate::site::{Site, stderr};
use crate::webhook::Shop;
use crate::world::World;

const OLD: &str = "6281200000001@c.us";
const NEW: &str = "6281300000002@c.us";

impl World {
    /// The phone that scanned the code of the session `default`.
    fn scans(&self, me: &str) {
        self.waha.set_me("default", json!({ "id": me }));
    }

    fn store(&self) -> Store {
        Store::open(&self.path).unwrap()
    }

    fn held(&self) -> String {
        self.ask("SELECT held_kind FROM channels WHERE id = 1")
    }

    fn number(&self) -> String {
        self.ask("SELECT phone_number FROM channels WHERE id = 1")
    }

    fn confirm(&self) {
        channels::confirm(&mut self.store(), "default", self.clock.now().wall).unwrap();
    }
}

/// A world whose channel has sent from the old number, and whose session has the new one.
fn changed() -> World {
    let world = World::new();
    world.scans(OLD);
    world.message("081200007001");
    world.run();
    world.scans(NEW);
    world
}

#[test]
fn the_first_number_that_waha_tells_is_taken_without_a_word() {
    let world = World::new();
    world.scans(OLD);
    world.message("081200007001");
    world.run();
    assert_eq!((world.received().len(), world.held()), (1, String::new()));
    assert_eq!(world.number(), "+6281200000001");
}

#[test]
fn nothing_goes_out_from_another_number_before_a_person_confirms_it() {
    let world = changed();
    let message = world.message("081200007002");
    for _ in 0..3 {
        world.run();
        world.clock.pass(Duration::from_hours(2));
    }
    assert_eq!((world.received().len(), world.status(message)), (1, "sending".to_owned()));
    let reason = world.ask("SELECT held_reason FROM channels");
    for part in ["+6281200000001", "+6281300000002", "`channel confirm default`"] {
        assert!(reason.contains(part), "{reason}");
    }
    assert_eq!((world.held(), world.number()), ("other_number".into(), "+6281200000001".into()));
    assert_eq!(world.ask("SELECT held_until FROM channels"), "", "no time ends it");
    world.confirm();
    world.run();
    assert_eq!(world.status(message), "sent");
    assert_eq!((world.held(), world.number()), (String::new(), "+6281300000002".into()));
    assert_eq!(world.ask("SELECT other_number FROM channels"), "");
}

#[test]
fn a_code_that_is_scanned_between_two_sends_stops_the_second_one() {
    let world = World::new();
    world.scans(OLD);
    world.message("081200007001, 081200007002");
    world.trigger();
    world.step_until_received(1);
    world.scans(NEW);
    for _ in 0..50 {
        world.step();
        if world.held() == "other_number" {
            break;
        }
    }
    assert_eq!((world.received().len(), world.held()), (1, "other_number".to_owned()));
}

#[test]
fn a_released_channel_is_held_again_unless_the_old_number_is_back() {
    let world = changed();
    let message = world.message("081200007002");
    world.run();
    let release = || {
        channels::resume(&mut world.store(), "default", world.clock.now().wall).unwrap();
        world.run();
    };
    release();
    assert_eq!((world.received().len(), world.held()), (1, "other_number".to_owned()));
    // Emptying the columns by SQL is no confirmation either.
    world.execute("UPDATE channels SET held_reason = NULL");
    world.run();
    assert_eq!((world.received().len(), world.held()), (1, "other_number".to_owned()));
    world.scans(OLD);
    world.run();
    assert_eq!((world.received().len(), world.held()), (1, "other_number".to_owned()));
    release();
    assert_eq!((world.status(message), world.number()), ("sent".into(), "+6281200000001".into()));
}

#[test]
fn the_devices_and_spellings_of_one_number_are_one_number() {
    for me in [
        json!("6281200000001:12@s.whatsapp.net"),
        json!("6281200000001@s.whatsapp.net"),
        json!("990000000001@lid"),
        json!(null),
        json!(""),
        json!(7),
    ] {
        let world = changed();
        world.waha.set_me("default", json!({ "id": me }));
        world.message("081200007002");
        world.run();
        assert_eq!((world.received().len(), world.held()), (2, String::new()), "{me}");
    }
    let world = changed();
    world.execute("UPDATE channels SET phone_number = '62 813-0000-0002'");
    world.message("081200007002");
    world.run();
    assert_eq!(world.received().len(), 2, "as a person wrote it");
}

#[test]
fn a_session_that_starts_has_no_number_and_so_no_other_one() {
    let world = changed();
    world.execute("INSERT INTO meta (key, value) VALUES ('alerts_on', '1')");
    world.scans(OLD);
    world.message("081200007002");
    world.waha.set_status("default", "STARTING"); // `me` is null
    world.run();
    assert_eq!((world.held(), world.number()), ("session".into(), "+6281200000001".into()));
    world.scans(NEW);
    world.waha.set_status("default", "WORKING");
    world.clock.pass(Duration::from_mins(5));
    world.run();
    assert_eq!((world.received().len(), world.held()), (1, "other_number".to_owned()));
    assert_eq!(world.rows("SELECT event FROM alerts"), ["session_stopped", "channel_held"]);
}

#[test]
fn another_session_has_a_number_of_its_own() {
    let by_command = |world: &World| {
        let edit = Edit { session: Some("kedua".to_owned()), ..Edit::default() };
        channels::edit(&mut world.store(), "1", &edit, world.clock.now().wall).unwrap();
    };
    let by_sql = |world: &World| world.execute("UPDATE channels SET session_name = 'kedua'");
    let changes: [&dyn Fn(&World); 2] = [&by_command, &by_sql];
    for change in changes {
        let world = changed();
        world.message("081200007002");
        world.run();
        assert_eq!(world.held(), "other_number");
        world.waha.set_me("kedua", json!({ "id": "6281400000003@c.us" }));
        change(&world);
        assert_eq!((world.held(), world.number()), (String::new(), String::new()));
        world.run();
        assert_eq!((world.received().len(), world.number()), (2, "+6281400000003".into()));
        // The name alone changes nothing of it.
        world.execute("UPDATE channels SET name = 'toko', session_name = ' kedua '");
        assert_eq!(world.number(), "+6281400000003");
    }
}

#[test]
fn a_persons_own_hold_stays_when_the_number_is_confirmed() {
    let world = changed();
    world.message("081200007002");
    world.run();
    let now = world.clock.now().wall;
    channels::pause(&mut world.store(), "default", Some("libur"), now).unwrap();
    world.confirm();
    assert_eq!(world.ask("SELECT held_reason FROM channels"), "libur");
    channels::resume(&mut world.store(), "default", now).unwrap();
    world.run();
    assert_eq!((world.received().len(), world.number()), (2, "+6281300000002".into()));
}

#[test]
fn trouble_with_a_send_that_was_under_way_does_not_replace_the_hold() {
    let world = changed();
    world.message("081200007002");
    world.run();
    let mut store = world.store();
    let hold = auto_message_scheduler::delivery::Hold::not_working("default", "FAILED");
    let now = world.clock.now().wall;
    store.write(|tx| tx.hold_channel(1, &hold, Some(now), now)).unwrap();
    assert!(!store.write(|tx| tx.free_channel(1, now)).unwrap());
    assert_eq!(world.held(), "other_number");
}

fn scanned(me: &Value, at: i64) -> Value {
    json!({"id": format!("evt_{at}"), "timestamp": at, "event": "session.status", "me": me,
        "session": "default", "payload": {"name": "default", "status": "WORKING"}})
}

#[test]
fn a_session_event_tells_of_another_number_at_once_and_of_the_same_one_nothing() {
    let shop = Shop::new();
    let kind = || shop.ask("SELECT held_kind FROM channels");
    shop.event(&scanned(&json!({ "id": OLD, "lid": "99@lid" }), 1000));
    assert_eq!(shop.ask("SELECT phone_number || held_kind IS NULL FROM channels"), "1");
    assert_eq!(shop.ask("SELECT phone_number FROM channels"), "+6281200000001");
    shop.event(&scanned(&json!({ "id": "6281200000001:3@s.whatsapp.net" }), 2000));
    shop.event(&scanned(&Value::Null, 3000));
    assert_eq!(kind(), "");
    // The code is shown, and another phone scans it: the hold for the state becomes one for the number.
    shop.event(&json!({"timestamp": 4000, "event": "session.status", "session": "default",
        "me": {"id": NEW}, "payload": {"name": "default", "status": "SCAN_QR_CODE"}}));
    assert_eq!(kind(), "session");
    shop.event(&scanned(&json!({ "id": NEW }), 5000));
    assert_eq!(kind(), "other_number");
    shop.event(&scanned(&json!({ "id": NEW }), 6000));
    shop.event(&scanned(&json!({ "id": OLD }), 7000));
    assert_eq!(kind(), "other_number", "a person frees it");
    shop.site.message("081200007001");
    shop.server.post("/api/auto-message-scheduler");
    assert_eq!(shop.newest(), "pending -");
    let log = shop.server.log();
    assert!(log.contains("channel 1: held until a person frees it: session `default`"), "{log}");
    assert!(!log.contains("6281200000001") && !log.contains("6281300000002"), "masked: {log}");
    let confirmed = shop.site.run(&["channel", "confirm", "default"]);
    let said = String::from_utf8(confirmed.stdout).unwrap();
    assert!(said.contains("sends from +6281300000002 from now on"), "{said}");
    shop.site.waha.set_me("default", json!({ "id": NEW }));
    shop.server.post("/api/auto-message-scheduler");
    assert_eq!(shop.newest(), "sent -");
}

#[test]
fn every_door_names_the_hold_and_a_second_confirmation_says_that_it_is_one() {
    let site = Site::new();
    site.waha.set_me("default", json!({ "id": OLD }));
    site.message("081200007001");
    assert!(site.run(&["run"]).status.success());
    site.waha.set_me("default", json!({ "id": NEW }));
    let out = |arguments: &[&str]| String::from_utf8(site.run(arguments).stdout).unwrap();
    // Before anything is due, who asks is told.
    assert!(out(&["channel", "list"]).contains("cannot send now"));
    assert!(out(&["doctor"]).contains("another phone"), "{}", out(&["doctor"]));
    site.message("081200007002");
    assert!(site.run(&["run"]).status.success());
    for arguments in [
        &["channel", "show", "default", "--json"][..],
        &["channel", "list", "--json"],
        &["status", "--json"],
    ] {
        let text = out(arguments);
        assert!(text.contains("+6281200000001") && text.contains("+6281300000002"), "{text}");
    }
    let doctor = site.run(&["doctor"]);
    assert_eq!(doctor.status.code(), Some(1), "{}", stderr(&doctor));
    assert!(out(&["channel", "show", "default"]).contains("+6281200000001"));
    let twice = "INSERT INTO channels (name, session_name, phone_number)
                 VALUES ('kedua', 'kedua', '+6281200000001')";
    site.sql().execute(twice, []).unwrap();
    assert!(
        out(&["doctor"]).contains("`default` and `kedua` are one number"),
        "{}",
        out(&["doctor"])
    );
    assert!(out(&["channel", "confirm", "1"]).contains("sends from +6281300000002"));
    assert!(out(&["channel", "confirm", "1"]).contains("nothing to confirm"));
    assert!(site.run(&["run"]).status.success());
    assert_eq!(site.status(), "sent,sent");
}

#[test]
fn the_panels_card_confirms_the_number_in_both_languages() {
    let world = changed();
    world.message("081200007002");
    world.run();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for (language, words) in [
        ("id", ["Pakai nomor baru", "sekarang +6281300000002, sebelumnya +6281200000001"]),
        ("en", ["Use the new number", "is now +6281300000002 and was +6281200000001"]),
    ] {
        browser.get(&panel, &format!("/panel?lang={language}"));
        let page = text(&browser.get(&panel, "/panel/channels"));
        for word in words {
            assert!(page.contains(word), "{word}: {page}");
        }
    }
    assert_ne!(browser.post_raw(&panel, "/panel/channels/1/confirm", &[]).status, 303, "no token");
    assert_eq!(world.held(), "other_number");
    browser.get(&panel, "/panel/channels");
    assert_eq!(browser.post(&panel, "/panel/channels/1/confirm", &[]).status, 303);
    world.run();
    assert_eq!((world.received().len(), world.number()), (2, "+6281300000002".into()));
    let page = text(&browser.get(&panel, "/panel/channels"));
    assert!(!page.contains("/panel/channels/1/confirm"), "{page}");
}
