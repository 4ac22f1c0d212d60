//! STOP from a hidden number (`…@lid`): it counts for the chat at once, and for the phone number as
//! soon as WAHA tells it; and STOP from a phone number counts for its hidden one.

use std::time::{Duration, Instant};

use auto_message_scheduler::clock::Clock;
use auto_message_scheduler::contacts::opt_out::{self, OptedOut, Writer};
use auto_message_scheduler::contacts::{self, Changes};
use auto_message_scheduler::fake_waha::Options;
use auto_message_scheduler::forecast;
use auto_message_scheduler::recipient::{CountryCode, parse_contact_ids};
use auto_message_scheduler::store::Store;
use serde_json::{Value, json};

use crate::site::{Site, until};
use crate::webhook::Shop;
use crate::world::{World, config};

const LID: &str = "998855500010@lid";
const NUMBER: &str = "6281200007002";

impl World {
    /// Somebody wrote STOP, as the webhook stores it.
    fn says_stop(&self, digits: Option<&str>, lid: Option<&str>) -> OptedOut {
        let writer = Writer {
            digits: digits.map(str::to_owned),
            lid: lid.map(str::to_owned),
            name: Some("Budi".to_owned()),
        };
        let mut store = Store::open(&self.path).unwrap();
        let now = self.clock.now().wall;
        store.write(|tx| opt_out::record_stop(tx, &writer, "default", &config(), now)).unwrap()
    }

    fn opt_in(&self, who: &str) {
        let mut store = Store::open(&self.path).unwrap();
        let entry = parse_contact_ids(Some(who)).unwrap().remove(0);
        let country = CountryCode::parse("62").unwrap();
        opt_out::opt_in(&mut store, &entry, &country, self.clock.now().wall).unwrap();
    }

    fn looks(&self) -> usize {
        self.waha.requests().iter().filter(|request| request.path.contains("/lids/")).count()
    }

    /// A message to three numbers, the first of which has it.
    fn under_way(&self, contact_ids: &str) -> i64 {
        let id = self.message(contact_ids);
        self.trigger();
        self.step_until_received(1);
        self.step_until_nothing_is_out();
        id
    }
}

#[test]
fn a_stop_from_a_hidden_number_counts_for_its_phone_number_while_a_message_is_under_way() {
    let world = World::new();
    world.waha.set_lid(LID, NUMBER);
    let id = world.under_way("081200007001, 081200007002, 081200007003");
    world.says_stop(None, Some(LID));
    world.run();
    assert_eq!(world.recipients(), ["6281200007001@c.us", "6281200007003@c.us"]);
    assert_eq!(world.status(id), "sent");
    let contact = "SELECT name || phone_number FROM contacts WHERE opted_out_at IS NOT NULL";
    assert_eq!(world.ask(contact), "Budi+6281200007002");
    assert_eq!(world.looks(), 1, "asked once");
    // And for ever, by either name.
    world.message("0812-0000-7002, 998855500010@lid, 081200007004");
    world.run();
    assert_eq!(world.recipients().len(), 3);
}

#[test]
fn a_stop_that_nobody_can_resolve_counts_for_the_chat_and_is_asked_about_with_growing_gaps() {
    let world = World::new();
    world.under_way("081200007001, 998855500010@lid");
    world.says_stop(None, Some(LID));
    world.run();
    assert_eq!(world.recipients(), ["6281200007001@c.us"]);
    for _ in 0..72 {
        world.clock.pass(Duration::from_hours(1));
        world.run();
    }
    assert_eq!(world.looks(), 6, "at once, after 1 and 10 minutes, 1, 6 and 24 hours");
    world.message("081200007002, 998855500010@lid");
    world.run();
    assert_eq!(world.recipients(), ["6281200007001@c.us", "6281200007002@c.us"]);
    let skipped =
        "SELECT DISTINCT status || ' ' || error FROM deliveries WHERE chat_id LIKE '%@lid'";
    assert_eq!(world.rows(skipped), ["skipped opted out"]);
    assert!(world.ask("SELECT error FROM hidden_numbers").contains("WAHA does not know it"));
    // Another STOP of the same person asks anew.
    world.says_stop(None, Some(LID));
    world.waha.set_lid(LID, NUMBER);
    world.run();
    assert_eq!(world.ask("SELECT phone_number FROM hidden_numbers"), NUMBER);
}

#[test]
fn a_stop_that_was_stored_is_resolved_after_a_restart_and_when_waha_is_back() {
    let mut world = World::new();
    world.waha.set_lid(LID, NUMBER);
    world.waha.set_status("default", "STOPPED");
    world.says_stop(None, Some(LID));
    world.run();
    assert!(world.ask("SELECT error FROM hidden_numbers").contains("422"), "and why");
    world.restart();
    world.waha.set_status("default", "WORKING");
    world.clock.pass(Duration::from_mins(2));
    world.message("081200007002, 081200007003");
    world.run();
    assert_eq!(world.recipients(), ["6281200007003@c.us"]);
}

#[test]
fn a_stop_by_number_counts_for_the_hidden_number_that_a_message_goes_to() {
    for (digits, lid) in [(Some(NUMBER), None), (Some(NUMBER), Some(LID))] {
        let world = World::new();
        world.waha.set_lid(LID, NUMBER);
        world.under_way("081200007001, 998855500010@lid, 081200007003");
        let done = world.says_stop(digits, lid);
        assert_eq!(done.skipped.messages.len(), usize::from(lid.is_some()), "both names are told");
        world.run();
        assert_eq!(world.recipients(), ["6281200007001@c.us", "6281200007003@c.us"]);
        let looks = world.looks();
        assert_eq!(looks, usize::from(lid.is_none()), "asked only for what is not known");
        // Whoever is in again is so by both names.
        world.opt_in("081200007002");
        world.message("998855500010@lid");
        world.run();
        assert_eq!((world.recipients().len(), world.looks()), (3, looks));
    }
}

#[test]
fn a_number_whose_hidden_one_waha_does_not_know_is_asked_about_once() {
    let world = World::new();
    world.says_stop(Some(NUMBER), None);
    for _ in 0..5 {
        world.run();
        world.clock.pass(Duration::from_hours(2));
    }
    assert_eq!(world.looks(), 1);
    assert_eq!(world.ask("SELECT count(*) FROM hidden_numbers"), "0");
}

#[test]
fn an_opt_out_that_was_taken_back_before_waha_told_the_other_name_does_not_come_back() {
    let world = World::new();
    world.waha.set_lid(LID, NUMBER);
    world.waha.set_status("default", "STOPPED");
    world.says_stop(None, Some(LID));
    world.run();
    world.opt_in(LID);
    world.says_stop(Some("6281200007009"), None);
    world.opt_in("6281200007009");
    world.waha.set_lid("7@lid", "6281200007009");
    world.waha.set_status("default", "WORKING");
    world.clock.pass(Duration::from_hours(1));
    world.message("998855500010@lid, 081200007002, 081200007009, 7@lid");
    world.run();
    assert_eq!(world.recipients().len(), 4);
    assert_eq!(world.ask("SELECT count(*) FROM contacts WHERE opted_out_at IS NOT NULL"), "0");
}

fn said(from: &str, data: &Value) -> Value {
    json!({"event": "message", "session": "default", "payload": {
        "id": format!("false_{from}_{from}"), "from": from, "fromMe": false, "body": "ＳＴＯＰ",
        "timestamp": 1_795_343_769, "_data": data}})
}

#[test]
fn the_webhook_answers_before_waha_is_asked_and_says_what_it_kept() {
    let key = Some("kunci-rahasia".into());
    let options = Options { api_key: key, latency: Duration::from_secs(3), ..Options::default() };
    let shop = Shop::on(Site::with_options(options));
    let began = Instant::now();
    assert_eq!(shop.event(&said("998855500010:3@lid", &json!({}))), "taken");
    assert!(began.elapsed() < Duration::from_millis(2900), "{:?}", began.elapsed());
    assert_eq!(shop.ask("SELECT looks FROM hidden_numbers"), "0");
    assert_eq!(shop.ask("SELECT lid || opted_out_at IS NOT NULL FROM hidden_numbers"), "1");
    assert_eq!(shop.ask("SELECT lid FROM hidden_numbers"), LID);
    let log = shop.server.log();
    assert!(log.contains("hidden number 9988******10@lid: opted out by a message"), "{log}");
    let doctor = String::from_utf8(shop.site.run(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("1 person asked to stop from a hidden number"), "{doctor}");
    let status = String::from_utf8(shop.site.run(&["status", "--json"]).stdout).unwrap();
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["unresolved_stops"], 1);
    // Both names in one event: the pair is kept.
    let beside = json!({"key": {"remoteJidAlt": "6285550001003@s.whatsapp.net"}});
    shop.event(&said("5@lid", &beside));
    let pair = "SELECT phone_number FROM hidden_numbers WHERE lid = '5@lid'";
    assert_eq!(shop.ask(pair), "6285550001003");
    assert_eq!(shop.ask("SELECT phone_number FROM contacts"), "+6285550001003");
    shop.server.post("/api/cron-auto-message");
    until("WAHA was asked", || {
        shop.ask("SELECT looks FROM hidden_numbers WHERE lid LIKE '99%'") == "1"
    });
}

#[test]
fn a_person_opts_a_hidden_number_out_and_in() {
    let site = Site::new();
    let out = |arguments: &[&str]| String::from_utf8(site.run(arguments).stdout).unwrap();
    let said = out(&["contact", "opt-out", LID]);
    assert!(said.contains("opted out") && said.contains("asked for the phone number"), "{said}");
    site.message("998855500010@lid, 081200007001");
    assert!(site.run(&["run"]).status.success());
    assert_eq!(site.waha.received().len(), 1);
    assert!(out(&["contact", "opt-in", LID]).contains("gets messages again"));
    assert!(out(&["contact", "opt-in", LID]).contains("nobody"));
    site.message("998855500010@lid");
    assert!(site.run(&["run"]).status.success());
    assert_eq!(site.waha.received().len(), 2);
}

#[test]
fn a_hidden_number_that_is_opted_out_by_whatever_way_is_not_claimed() {
    let world = World::new();
    world.under_way("081200007001, 998855500010@lid");
    world.execute(
        "INSERT INTO hidden_numbers (lid, session_name, opted_out_at)
         VALUES ('998855500010@lid', 'default', '2026-12-01T01:00:00Z')",
    );
    world.run();
    assert_eq!(world.recipients(), ["6281200007001@c.us"]);
}

#[test]
fn a_corrected_number_leaves_the_opt_out_of_the_old_one_and_of_its_hidden_one() {
    let world = World::new();
    world.execute(
        "INSERT INTO contacts (id, name, phone_number, opted_out_at)
             VALUES (1, 'Budi', '0812-0000-7002', '2026-12-01');
         INSERT INTO hidden_numbers (lid, phone_number, session_name)
             VALUES ('998855500010@lid', '6281200007002', 'default')",
    );
    let mut store = Store::open(&world.path).unwrap();
    for number in ["+62 812 0000 7002", "081200007009"] {
        let changes = Changes { number: Some(number.into()), ..Changes::default() };
        contacts::edit(&mut store, 1, &changes, &config(), world.clock.now().wall).unwrap();
    }
    assert_eq!(
        world.rows("SELECT name, phone_number, opted_out_at IS NOT NULL FROM contacts"),
        ["Budi|+6281200007009|1", "Budi|+6281200007002|1"]
    );
    world.message("081200007002, 998855500010@lid, 1, 081200007003");
    world.run();
    assert_eq!(world.recipients(), ["6281200007003@c.us"]);
}

#[test]
fn a_hidden_number_stays_out_when_the_contact_that_it_was_found_to_be_is_gone() {
    let world = World::new();
    world.waha.set_lid(LID, NUMBER);
    world.says_stop(None, Some(LID));
    world.run();
    assert_eq!(world.ask("SELECT phone_number FROM hidden_numbers"), NUMBER);
    world.execute("DELETE FROM contacts");
    world.message("998855500010@lid");
    world.run();
    assert!(world.recipients().is_empty());
    world.opt_in("081200007002");
    world.message("998855500010@lid");
    world.run();
    assert_eq!(world.recipients(), ["998855500010@lid"]);
}

#[test]
fn a_hidden_number_that_is_opted_out_by_whatever_way_is_left_out_of_the_plan_too() {
    for out in [
        "INSERT INTO hidden_numbers (lid, session_name, opted_out_at)
             VALUES ('998855500010@lid', 'default', '2026-12-01T01:00:00Z')",
        "INSERT INTO contacts (phone_number, opted_out_at) VALUES ('081200007002', '2026-12-01');
         INSERT INTO hidden_numbers (lid, phone_number, session_name)
             VALUES ('998855500010@lid', '6281200007002', 'default')",
    ] {
        let world = World::new();
        world.execute(out);
        let id = world.message("081200007001, 998855500010@lid");
        let mut store = Store::open(&world.path).unwrap();
        let now = world.clock.now().wall;
        let ahead = forecast::of_message(&mut store, id, &config(), now).unwrap().unwrap();
        assert_eq!(ahead.tally.goes_out, 1, "{out}");
        // It has no time to send it: what is skipped is so before anybody's turn comes.
        world.trigger();
        world.step();
        world.step();
        let skipped = "SELECT error FROM deliveries WHERE chat_id = '998855500010@lid'";
        assert_eq!(world.ask(skipped), "opted out", "{out}");
    }
}

#[test]
fn an_opt_out_by_sql_in_any_spelling_counts_for_what_waits() {
    let world = World::new();
    world.execute(
        "INSERT INTO contacts (id, phone_number) VALUES (1, '0812-0000-7002'), (2, '+6281200007003'),
             (3, '0812 0000 7003'), (4, '081200007004');
         INSERT INTO hidden_numbers (lid, phone_number, session_name)
             VALUES ('998855500010@lid', '6281200007004', 'default')",
    );
    world.under_way(r#"["081200007001", "081200007002", 2, "998855500010@lid", "081200007005"]"#);
    world.execute("UPDATE contacts SET opted_out_at = '2026-12-01' WHERE id IN (1, 3, 4)");
    world.run();
    assert_eq!(world.recipients(), ["6281200007001@c.us", "6281200007005@c.us"]);
    assert_eq!(
        world.rows("SELECT status, error FROM deliveries WHERE id BETWEEN 2 AND 4"),
        ["skipped|opted out"; 3]
    );
}
