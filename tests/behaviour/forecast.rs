//! What a forecast promises is what then happens.

use std::collections::HashMap;
use std::time::Duration;

use auto_message_scheduler::clock::Timestamp;
use auto_message_scheduler::config::Config;
use auto_message_scheduler::forecast::{
    Bounds, Fate, Forecast, MessageForecast, Risk, Scope, Seen, Warning, forecast,
};
use auto_message_scheduler::messages::{self, Retry};
use auto_message_scheduler::send_window::Gap;
use auto_message_scheduler::store::Store;

use crate::site::{Site, stderr};

use crate::world::{World, config};

/// One recipient as it was told: message, chat, word, time in seconds.
type Row = (i64, String, String, Option<i64>);

struct Told {
    forecast: Forecast,
    messages: Vec<MessageForecast>,
    rows: Vec<Row>,
}

impl Told {
    fn fates(&self) -> Vec<String> {
        self.rows.iter().map(|(id, to, fate, _)| format!("{id} {to} {fate}")).collect()
    }

    fn times(&self) -> Vec<i64> {
        let first = self.rows.iter().filter_map(|row| row.3).min().unwrap_or(0);
        self.rows.iter().filter_map(|row| row.3).map(|at| at - first).collect()
    }
}

const UNBOUNDED: Bounds = Bounds { messages: u64::MAX, recipients: u64::MAX };

fn look(world: &World, scope: Scope, gap: Gap) -> Told {
    look_within(world, scope, gap, UNBOUNDED).expect("there is such a message")
}

fn look_within(world: &World, scope: Scope, gap: Gap, bounds: Bounds) -> Option<Told> {
    let mut store = Store::open(&world.path).unwrap();
    let (mut rows, mut messages) = (Vec::new(), Vec::new());
    let now = world.clock.wall();
    let see = &mut |seen: Seen<'_>| match seen {
        Seen::Message(message) => messages.push(message.clone()),
        Seen::Recipient(row) => {
            let (fate, at) = match row.fate {
                Fate::GoesOut { at } => ("goes out".to_owned(), Some(at)),
                Fate::Skipped { reason } => (format!("skipped: {reason}"), None),
                Fate::TooLate => ("too late".to_owned(), None),
                Fate::TooSoon { .. } => ("too soon".to_owned(), None),
                Fate::Waits { reason } => (format!("waits: {reason}"), None),
                Fate::InFlight => ("in flight".to_owned(), None),
                Fate::Ended { status, .. } => (status.to_string(), None),
            };
            rows.push((row.message_id, row.chat_id.to_owned(), fate, at.map(Timestamp::secs)));
        }
    };
    let config = Config { gap, ..config() };
    let forecast = forecast(&mut store, scope, &config, bounds, now, see).unwrap()?;
    Some(Told { forecast, messages, rows })
}

fn minute() -> Gap {
    Gap { delay: Duration::from_mins(1), jitter: Duration::ZERO }
}

#[test]
fn who_is_changed_by_sql_while_a_message_waits_is_told_as_it_will_be() {
    let world = World::new();
    world.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9)
         INSERT INTO contacts (id, name, phone_number) SELECT i, 'K' || i, '+628120000700' || i FROM n",
    );
    let id = world.message("[1, 2, 3, 4, 5, 6, 7, 8, 9, \"081200007010\"]");
    world.trigger();
    world.step_until_received(1);
    world.step_until_nothing_is_out();
    world.execute(
        "DELETE FROM contacts WHERE id = 2;
         UPDATE contacts SET phone_number = '+628120000' || iif(id = 4, '7003', '7004') WHERE id IN (3, 4);
         UPDATE contacts SET phone_number = '123' WHERE id = 5;
         UPDATE contacts SET phone_number = '+6281200007099' WHERE id = 6;
         UPDATE contacts SET phone_number = '+6281200007001' WHERE id = 7;
         UPDATE contacts SET phone_number = '+6281200007009' WHERE id = 8;
         UPDATE contacts SET opted_out_at = '2026-12-01' WHERE id = 9;
         INSERT INTO contacts (name, phone_number, opted_out_at) VALUES ('Z', '+6281200007010', '2026-12-01')",
    );
    let told = look(&world, Scope::Message(id), minute());
    let told: Vec<String> =
        told.rows.into_iter().map(|row| format!("{} {}", row.1, row.2)).collect();
    world.run();
    let became = "SELECT rtrim(substr(chat_id, 1, 18)) || CASE status
                      WHEN 'skipped' THEN ' skipped: ' || error ELSE iif(id = 1, ' sent', ' goes out') END
                  FROM deliveries ORDER BY id";
    assert_eq!(told, world.rows(became));
    assert_eq!(told.iter().filter(|row| row.contains("goes out")).count(), 3);
}

#[test]
fn who_has_the_number_of_a_changed_contact_is_told_too() {
    let world = World::new();
    world.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4)
         INSERT INTO contacts (id, name, phone_number) SELECT i, 'K' || i, '+628120000700' || i FROM n;
         INSERT INTO contacts (id, name, phone_number) VALUES
             (12, 'L2', '0812-0000-7002'), (13, 'L3', '0812-0000-7003'), (14, 'L4', '0812-0000-7004')",
    );
    let id = world.message("[1, 2, 3, 4, 12, 13, 14]");
    world.trigger();
    world.step_until_received(1);
    world.step_until_nothing_is_out();
    world.execute(
        "UPDATE contacts SET phone_number = '+6281200007092' WHERE id = 2;
         DELETE FROM contacts WHERE id = 3;
         DELETE FROM contacts WHERE id = 4;
         UPDATE contacts SET opted_out_at = '2026-12-01' WHERE id = 14",
    );
    let told = look(&world, Scope::Message(id), minute());
    let mut told: Vec<String> =
        told.rows.into_iter().map(|row| format!("{} {}", row.1, row.2)).collect();
    world.run();
    let became = "SELECT chat_id || CASE status WHEN 'skipped' THEN ' skipped: ' || error
                      ELSE iif(id = 1, ' sent', ' goes out') END AS became FROM deliveries ORDER BY became";
    told.sort();
    assert_eq!(told, world.rows(became));
    assert_eq!(told.iter().filter(|row| row.contains("goes out")).count(), 3);
}

#[test]
fn who_may_have_got_it_and_is_tried_again_is_told_so_whatever_the_spelling_of_the_number() {
    let world = World::new();
    world.execute("INSERT INTO contacts (id, name, phone_number) VALUES (1, 'K', '081200007001')");
    let id = world.message("[1]");
    world.run();
    world.execute("UPDATE deliveries SET status = 'unknown', next_attempt_at = NULL");
    let mut store = Store::open(&world.path).unwrap();
    let again = Retry { with_unknown: true };
    messages::retry(&mut store, id, again, None, &config(), world.clock.wall()).unwrap();
    world.execute("UPDATE contacts SET phone_number = '+62 812 0000 7001'");
    assert!(look(&world, Scope::Message(id), minute()).fates()[0].ends_with("goes out"));
    world.run();
    assert_eq!(world.recipients(), ["6281200007001@c.us"; 2]);
}

/// Three channels' worth of messages of every kind, some of them on their way already.
fn busy(world: &World) {
    world.execute(
        "INSERT INTO channels (id, name, session_name) VALUES (2, 'toko', 'toko');
         INSERT INTO contacts (id, name, phone_number, opted_out_at) VALUES
             (1, 'Budi', '0812-0000-7001', NULL), (2, 'Siti', '+62 813 0000 7002', NULL),
             (3, 'Agus', '0857 0000 7003', '2026-11-01'), (4, 'Dewi', 'belum ada', NULL);",
    );
    world.message("[1, 2, 3, 4, 99, \"081200007001\", \"08-belum-ada\"]");
    world.message("081200007011, 081200007012, 081200007013");
    let at = |minutes: u64| world.clock.wall().plus(Duration::from_mins(minutes)).to_string();
    let (soon, later) = (at(1), at(90));
    world.execute(&format!(
        "INSERT INTO auto_messages (message, contact_ids, channel_id, scheduled_at) VALUES
             ('b', '081200007021, 081200007022', 2, '{soon}'),
             ('c', '[2, 1]', 1, '{soon}'),
             ('', '[1]', 1, '{soon}'),
             ('e', '[1', 1, '{soon}'),
             ('f', '081200007031', 7, '{soon}'),
             ('g', '081200007041, 081200007042', 1, '{later}');
         INSERT INTO auto_messages (message, contact_ids, schedules) VALUES
             ('h', '081200007051', '[{{\"date\":\"2026-12-01\",\"time\":\"08:30\"}}]'),
             ('i', '081200007052', '[]');"
    ));
}

#[test]
fn what_was_foretold_is_what_happens_and_when() {
    for jitter in [0, 20] {
        let gap = Gap { delay: Duration::from_mins(1), jitter: Duration::from_secs(jitter) };
        let mut builder = World::builder();
        builder.config.gap = gap;
        let world = builder.build();
        busy(&world);
        // The first message is on its way when the forecast is made.
        world.trigger();
        world.step_until_received(1);
        world.step();
        let told = look(&world, Scope::All, gap);
        for _ in 0..130 {
            world.run();
            world.clock.pass(Duration::from_mins(1));
        }
        let arrived: HashMap<(i64, String), i64> = world
            .received()
            .iter()
            .map(|one| {
                let id = one.body["metadata"]["auto_message_id"].as_i64().unwrap();
                ((id, one.chat_id.clone()), one.at.secs())
            })
            .collect();
        let mut sends = 0;
        for (id, chat, fate, at) in &told.rows {
            let happened = arrived.get(&(*id, chat.clone())).copied();
            if let Some(at) = at {
                let really = happened.unwrap_or_else(|| panic!("{id} {chat} never arrived"));
                sends += 1;
                // Each gap may differ from the mean by half the jitter; a run comes each minute.
                let slack = 61 + i64::try_from(jitter).unwrap() * sends / 2;
                assert!((really - at).abs() <= slack, "{id} {chat}: {at}, really {really}");
            } else if fate != "sent" {
                assert_eq!(happened, None, "{id} {chat} {fate}");
            }
        }
        assert_eq!(told.rows.iter().filter(|row| row.3.is_some()).count(), arrived.len() - 1);
        for message in &told.messages {
            let status = if message.fails.is_some() { "failed" } else { "sent" };
            assert_eq!(world.status(message.id), status, "{message:?}");
            if let Some(why) = &message.fails {
                assert_eq!(world.error(message.id), why.to_string());
            }
            let id = message.id;
            let rows =
                world.ask(&format!("SELECT count(*) FROM deliveries WHERE auto_message_id = {id}"));
            assert_eq!(rows, message.recipients.to_string(), "message {id}");
        }
        // The tenth has no time at all and failed before.
        assert_eq!(told.messages.len(), 9);
    }
}

#[test]
fn without_jitter_the_times_are_exact_and_channels_keep_their_own_pace() {
    let world = World::new();
    busy(&world);
    let told = look(&world, Scope::DueNow, minute());
    world.run();
    let really: Vec<i64> = world.received().iter().map(|one| one.at.secs()).collect();
    let foretold: Vec<i64> = told.rows.iter().filter_map(|row| row.3).collect();
    // The run goes on with what falls due meanwhile; the dry run tells only what is due now.
    assert_eq!(foretold[..], really[..foretold.len()][..]);
    assert_eq!(told.times(), [0, 60, 120, 180, 240]);
    let last = told.messages.last().unwrap();
    let why = last.fails.as_ref().map(ToString::to_string);
    assert_eq!(why, Some(world.error(last.id)), "it has no time at all");
}

#[test]
fn a_thousand_contacts_at_a_minute_take_999_minutes_from_the_first_to_the_last() {
    let world = World::new();
    let many: Vec<String> = (0..1000).map(|n| format!("08120000{n:04}")).collect();
    let id = world.message(&many.join(","));
    let told = look(&world, Scope::Message(id), minute());
    assert_eq!(told.messages[0].takes_secs, 999 * 60);
    assert_eq!(told.messages[0].tally.goes_out, 1000);
    let jitter = Gap { jitter: Duration::from_secs(15), ..minute() };
    let told = look(&world, Scope::Message(id), jitter);
    assert_eq!(told.messages[0].takes_secs, 67_432, "jitter counts with its mean");
}

#[test]
fn what_falls_past_the_late_limit_is_said() {
    let world = World::new();
    let many: Vec<String> = (0..1500).map(|n| format!("08120000{n:04}")).collect();
    let first = world.message(&many.join(","));
    let second = world.message("081300000001");
    let told = look(&world, Scope::All, minute());
    let tally = |index: usize| told.messages[index].tally;
    // The one that begins exactly 24 hours after its time still goes.
    assert_eq!((tally(0).goes_out, tally(0).too_late), (1441, 59));
    assert_eq!((tally(1).goes_out, tally(1).too_late), (0, 1));
    assert_eq!((told.messages[0].id, told.messages[1].id), (first, second));
}

#[test]
fn a_message_waits_for_those_before_it_on_its_channel_only() {
    let world = World::new();
    world.execute("INSERT INTO channels (id, name, session_name) VALUES (2, 'toko', 'toko')");
    world.message("081200007001, 081200007002, 081200007003");
    let behind = world.message("081200007004");
    let beside = world.message("081200007005");
    world.execute(&format!("UPDATE auto_messages SET channel_id = 2 WHERE id = {beside}"));
    let now = world.clock.wall().secs();
    assert_eq!(look(&world, Scope::Message(behind), minute()).rows[0].3, Some(now + 180));
    assert_eq!(look(&world, Scope::Message(beside), minute()).rows[0].3, Some(now));
    world.execute("UPDATE channels SET ready_at = '2026-12-01T01:00:40Z' WHERE id = 2");
    assert_eq!(look(&world, Scope::Message(beside), minute()).rows[0].3, Some(now + 40));
}

#[test]
fn what_is_open_on_a_number_that_its_message_does_not_name_any_more_goes_out_before() {
    let world = World::new();
    world.execute("INSERT INTO channels (id, name, session_name) VALUES (2, 'toko', 'toko')");
    let shared = world.message("081200007001, 081200007002, 081200007003, 081200007004");
    world.execute(&format!("UPDATE auto_messages SET channel_ids = '[1, 2]' WHERE id = {shared}"));
    world.trigger();
    world.step_until_received(2);
    world.step_until_nothing_is_out();
    world.execute(&format!("UPDATE auto_messages SET channel_ids = '[2]' WHERE id = {shared}"));
    let behind = world.message("081200007005");
    let told = look(&world, Scope::Message(behind), minute());
    world.run();
    let last = world.arrivals_from(0).into_iter().find(|one| one.chat_id == "6281200007005@c.us");
    let last = last.unwrap();
    assert_eq!(last.session, "default");
    assert_eq!(told.rows[0].3, Some(last.wall.secs()));
}

#[test]
fn held_and_inactive_channels_say_so() {
    let world = World::new();
    let id = world.message("081200007001, 081200007002");
    world.execute("UPDATE channels SET held_reason = 'liburan'");
    let told = look(&world, Scope::Message(id), minute());
    assert_eq!(told.forecast.channels[0].held_reason.as_deref(), Some("liburan"));
    world.execute(
        "UPDATE channels SET held_reason = NULL;
         UPDATE channels SET held_reason = '429', held_kind = 'rate_limited',
             held_until = '2026-12-01T02:00:00Z', held_count = 1",
    );
    let told = look(&world, Scope::Message(id), minute());
    assert_eq!(told.rows[0].3, Some(world.clock.wall().secs() + 3600), "a 429 lasts its time");
    world.execute("UPDATE channels SET held_reason = NULL, is_active = 0");
    let told = look(&world, Scope::Message(id), minute());
    assert!(told.messages[0].fails.as_ref().unwrap().to_string().contains("not active"));
    // One that is on its way does not fail for it, it waits.
    world.execute("UPDATE channels SET is_active = 1");
    world.trigger();
    world.step_until_received(1);
    world.execute("UPDATE channels SET is_active = 0");
    let told = look(&world, Scope::All, minute());
    assert_eq!(told.rows[1].2, "waits: channel `default` is not active");
}

#[test]
fn drafts_and_ended_messages_are_shown_as_what_they_are() {
    let world = World::new();
    let id = world.message("081200007001, belum");
    world.execute("UPDATE auto_messages SET status = 'draft'");
    let told = look(&world, Scope::Message(id), minute());
    assert!(told.messages[0].remark.as_ref().unwrap().contains("draft"));
    assert_eq!(told.messages[0].tally.goes_out, 1);
    assert_eq!(look(&world, Scope::All, minute()).rows, [], "a draft is not on its way");
    world.execute("UPDATE auto_messages SET status = 'scheduled'");
    world.run();
    let told = look(&world, Scope::Message(id), minute());
    assert!(told.fates()[0].ends_with("@c.us sent"), "{:?}", told.fates());
    assert!(told.fates()[1].contains("skipped"), "{:?}", told.fates());
    assert!(look_within(&world, Scope::Message(99), minute(), UNBOUNDED).is_none());
}

#[test]
fn a_message_that_is_scheduled_again_goes_to_those_who_did_not_get_it() {
    let world = World::new();
    let id = world.message("081200007001, 081200007002, 081200007003");
    world.trigger();
    world.step_until_received(1);
    world.step();
    world.execute("UPDATE auto_messages SET status = 'cancelled'");
    world.execute("UPDATE auto_messages SET status = 'scheduled', contact_ids = '081200007001, 081200007003, 081200007004'");
    let told = look(&world, Scope::Message(id), minute());
    assert_eq!(
        told.fates(),
        [
            format!("{id} 6281200007001@c.us sent"),
            format!("{id} 6281200007003@c.us goes out"),
            format!("{id} 6281200007004@c.us goes out"),
        ]
    );
    world.run();
    let foretold: Vec<String> = told.rows.iter().map(|row| row.1.clone()).collect();
    assert_eq!(world.recipients(), foretold);
}

#[test]
fn a_weekly_message_says_when_it_comes_again() {
    let world = World::new();
    world.execute(
        "INSERT INTO auto_messages (message, contact_ids, interval_config) VALUES ('h', '081200007051',
             '{\"startDate\":\"2026-12-01\",\"time\":\"09:00\",\"weekDays\":[2]}')",
    );
    let told = look(&world, Scope::All, minute());
    let message = &told.messages[0];
    assert_eq!(message.due_at.unwrap().to_string(), "2026-12-01T02:00:00Z");
    assert_eq!(message.next_at.unwrap().to_string(), "2026-12-08T02:00:00Z");
}

#[test]
fn after_days_without_a_run_what_still_goes_out_of_a_rule_is_foretold() {
    let world = World::new();
    world.execute(
        "INSERT INTO auto_messages (message, contact_ids, scheduled_at, scheduled_local, scheduled_zone, interval_config)
         VALUES ('h', '081200007051', '2026-12-02T02:00:00Z', '2026-12-02T09:00:00', 'Asia/Jakarta',
                 '{\"time\":\"09:00\",\"frequency\":\"daily\"}'),
                ('h', '081200007052', '2026-12-02T02:00:00Z', '2026-12-02T09:00:00', 'Asia/Jakarta',
                 '{\"time\":\"09:00\",\"weekDays\":[3]}')",
    );
    world.clock.set("2026-12-05T05:00:00Z");
    let told = look(&world, Scope::All, minute());
    assert_eq!(told.fates(), ["2 6281200007052@c.us too late", "1 6281200007051@c.us goes out"]);
    let due = |message: &MessageForecast| message.due_at.unwrap().to_string();
    let dues: Vec<String> = told.messages.iter().map(due).collect();
    assert_eq!(dues, ["2026-12-02T02:00:00Z", "2026-12-05T02:00:00Z"]);
    let warned: Vec<_> = told.messages.iter().map(MessageForecast::warning).collect();
    // The pace has no part in that.
    let late = Warning::TooLate { in_time: 0, recipients: 1, too_late: 1 };
    assert_eq!(warned, [Some(late), None]);
    world.run();
    assert_eq!(world.received().len(), 1);
}

#[test]
fn a_look_at_very_many_stops_at_its_bounds_and_says_how_many_are_left() {
    let world = World::new();
    for _ in 0..5 {
        world.message("081200007001, 081200007002");
    }
    for gap in ["NULL", "5"] {
        world.execute(&format!("UPDATE channels SET recipient_gap_hours = {gap}"));
        // One message is always looked at whole.
        for (messages, recipients, looked) in
            [(3, 99, 3), (99, 5, 3), (99, 4, 2), (99, 2, 1), (99, 1, 1), (99, 0, 1)]
        {
            let bounds = Bounds { messages, recipients };
            let told = look_within(&world, Scope::All, minute(), bounds).unwrap();
            let forecast = &told.forecast;
            assert_eq!((forecast.messages, forecast.messages_left_out), (looked, 5 - looked));
            assert_eq!(told.rows.len() as u64, 2 * looked, "gap {gap}, {bounds:?}");
            assert_eq!(told.times()[..2], [0, 60], "gap {gap}, {bounds:?}");
        }
    }
}

#[test]
fn a_forecast_writes_nothing() {
    let world = World::new();
    busy(&world);
    world.execute("UPDATE auto_messages SET message = CAST(x'ff' AS TEXT) WHERE id = 3");
    let before = world.rows("SELECT * FROM auto_messages");
    let told = look(&world, Scope::All, minute());
    let unreadable = told.messages.iter().find(|message| message.id == 3).unwrap();
    assert!(unreadable.fails.as_ref().unwrap().to_string().contains("cannot be read"));
    assert_eq!(world.rows("SELECT * FROM auto_messages"), before);
    assert_eq!(world.ask("SELECT count(*) FROM deliveries"), "0");
}

#[test]
fn plan_and_dry_run_fit_80_columns_and_send_nothing() {
    let site = Site::new();
    site.sql()
        .execute_batch(
            "INSERT INTO contacts (id, name, phone_number) VALUES
                 (1, 'Bapak Raden Mas Soerjo Adiningrat Kusumo', '0812-0000-7001');",
        )
        .unwrap();
    site.message("[1, 2, \"081200007002\", \"120363000000000001@g.us\"]");
    site.message("[]");
    for arguments in [&["plan"][..], &["plan", "1"], &["plan", "2"], &["run", "--dry-run"]] {
        let output = site.run(arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 80, "{widest}: {text}");
        let is_first = arguments != ["plan", "2"];
        assert_eq!(text.contains("+6281200007001"), is_first, "{text}");
        assert_eq!(text.contains("there is no contact"), is_first, "{text}");
        assert_eq!(text.contains("no valid recipient"), arguments != ["plan", "1"], "{text}");
        let json = site.run(&[arguments, &["--json"]].concat());
        let value: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!(
            value["summary"]["messages"],
            if is_first && arguments[0] != "plan" || arguments.len() == 1 { 2 } else { 1 }
        );
        if is_first {
            assert_eq!(value["recipients"][0]["number"], "+6281200007001");
            assert_eq!(value["recipients"][0]["fate"], "goes_out");
            assert_eq!(value["recipients"][0]["text"], "Rahasia pelanggan");
        }
    }
    let missing = site.run(&["plan", "9"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("there is no message 9"), "{}", stderr(&missing));
    assert_eq!(site.waha.received().len(), 0);
    assert_eq!(site.status(), "scheduled,scheduled");
    let fresh = Site::new();
    std::fs::remove_file(fresh.database()).unwrap();
    let output = fresh.run(&["plan"]);
    assert!(stderr(&output).contains("there is no database"), "{}", stderr(&output));
    assert!(!fresh.database().exists());
}

/// A message for every day at 08:00 to so many recipients, and what is warned of.
fn warned(recipients: u32, channel: &str) -> Option<&'static str> {
    let world = World::new();
    world.execute(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {recipients})
         INSERT INTO contacts (name, phone_number, tags)
         SELECT 'P' || i, '+62812' || printf('%08d', i), '[\"a\"]' FROM n;
         UPDATE channels SET {channel};
         INSERT INTO auto_messages (message, contact_ids, scheduled_at, interval_config) VALUES
             ('Halo', 'tag:a', '2026-12-02T01:00:00Z', '{{\"time\":\"08:00\",\"weekDays\":[0,1,2,3,4,5,6]}}')"
    ));
    let told = look(&world, Scope::Message(1), minute());
    told.messages[0].warning().map(Warning::code)
}

#[test]
fn a_daily_message_to_more_than_a_day_holds_is_warned_of() {
    for (recipients, channel, expected) in [
        (1440, "id = id", None),
        (1441, "id = id", Some("due_again")),
        // Fourteen hours of the day.
        (840, "send_window = '07:00-21:00'", None),
        (900, "send_window = '07:00-21:00'", Some("due_again")),
        // A daily limit: the rest goes out after midnight, and takes from the next day.
        (100, "daily_limit = 100", None),
        (101, "daily_limit = 100", Some("falls_behind")),
        (300, "daily_limit = 100", Some("due_again")),
    ] {
        assert_eq!(warned(recipients, channel), expected, "{recipients} {channel}");
    }
}

#[test]
fn what_goes_out_later_on_its_channel_does_not_make_a_weekly_message_fall_behind() {
    let world = World::new();
    world.execute(
        "INSERT INTO contacts (id, name, phone_number, tags) VALUES
             (1, 'A', '+6281200007001', '[\"a\"]'), (2, 'B', '+6281200007002', '[\"a\"]'),
             (3, 'C', '12', '[\"a\"]');
         INSERT INTO auto_messages (message, contact_ids, scheduled_at, interval_config, recipient_gap_hours) VALUES
             ('Halo', 'tag:a', '2026-12-02T01:00:00Z', '{\"time\":\"08:00\",\"weekDays\":[3]}', 24),
             ('Nanti', '[1]', '2026-12-12T01:00:00Z', NULL, NULL),
             ('Nanti', '[2]', '2026-12-20T01:00:00Z', NULL, NULL)",
    );
    for (scope, messages) in [(Scope::All, 3), (Scope::Message(1), 1)] {
        let told = look(&world, scope, minute());
        assert_eq!(told.messages.len(), messages);
        assert!(told.messages.iter().all(|message| message.warning().is_none()));
    }
    // Who gets nothing in any case is none of those for whom the day is too short.
    world.execute(
        "UPDATE channels SET daily_limit = 1; UPDATE auto_messages SET interval_config = NULL",
    );
    let told = look(&world, Scope::Message(1), Gap { delay: Duration::from_hours(30), ..minute() });
    let words = told.messages[0].warning().unwrap().to_string();
    assert!(words.contains("1 of the 2 recipients"), "{words}");
}

#[test]
fn add_edit_and_plan_say_so() {
    let site = Site::new();
    site.write_settings("DAILY_LIMIT=2\n");
    let words = "pace, hours and daily limit";
    let three = ["081200007001", "081200007002", "081200007003"];
    let daily = ["--weekly", "daily", "--time", "08:00"];
    let said = |arguments: &[&str]| {
        let output = site.run(arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_whitespace().collect::<Vec<_>>().join(" ").contains(words)
    };
    let add = ["message", "add", "Halo", "--to"];
    assert!(!said(&[&add[..], &three[..2], &daily].concat()));
    assert!(said(&[&add[..], &three, &daily].concat()));
    assert!(said(&["plan", "2"]) && said(&["plan", "2", "--json"]));
    assert!(!said(&["plan", "1"]));
    assert!(said(&[&["message", "edit", "1", "--to"][..], &three].concat()));
}

/// The codes of a message's risks, and how many of its recipients know us.
fn risks(world: &World, id: i64) -> (Vec<&'static str>, Option<u64>) {
    let told = look(world, Scope::Message(id), minute());
    let message = &told.messages[0];
    (message.risks().iter().map(Risk::code).collect(), message.known())
}

fn to(count: u32) -> String {
    let all: Vec<String> = (0..count).map(|one| format!("\"0812000{one:05}\"")).collect();
    format!("[{}]", all.join(","))
}

fn say(world: &World, id: i64, text: &str) {
    world.sql.execute("UPDATE auto_messages SET message = ?1 WHERE id = ?2", (text, id)).unwrap();
}

#[test]
fn what_gets_a_number_banned_is_said_before() {
    let world = aged("90");
    let id = world.message(&to(59));
    assert_eq!(risks(&world, id), (vec![], None), "nobody tells who writes");
    world.execute("INSERT INTO numbers (chat_id, last_inbound_at) VALUES ('628999@c.us', '2026-11-01T00:00:00Z')");
    assert_eq!(risks(&world, id), (vec!["risk_same_text"], Some(0)));
    say(&world, id, "{{pilih: Halo | Hai}}");
    assert_eq!(risks(&world, id), (vec![], Some(0)));
    say(&world, id, "{{pilih: Halo | Hai}} https://toko.example");
    assert_eq!(risks(&world, id), (vec!["risk_link"], Some(0)));
    world.execute(
        "INSERT INTO numbers (chat_id, last_inbound_at) SELECT replace(value, '0812', '62812') || '@c.us', '2026-11-01T00:00:00Z'
         FROM auto_messages, json_each(contact_ids) LIMIT 50",
    );
    assert_eq!(risks(&world, id), (vec![], Some(50)), "nine strangers are few");
}

/// A number that is used for so many days.
fn aged(days: &str) -> World {
    let world = World::new();
    let at = format!("strftime('%Y-%m-%dT%H:%M:%SZ', '2026-12-01 01:00', '-{days} days')");
    world.execute(&format!("UPDATE channels SET created_at = {at}"));
    world
}

#[test]
fn a_number_of_some_days_and_a_limit_that_is_high_for_its_age_are_said_before() {
    for (days, count, expected) in [
        ("0", 9, None),
        ("0", 10, Some("risk_new_number")),
        ("0", 20, Some("risk_new_number")),
        ("0", 21, Some("risk_limit")),
        ("3", 30, Some("risk_new_number")),
        ("4", 55, None),
        ("29", 59, None),
    ] {
        let world = aged(days);
        let id = world.message(&to(count));
        let expected: Vec<&str> = expected.into_iter().collect();
        assert_eq!(risks(&world, id).0, expected, "{count} from a number of {days} days");
    }
    let world = aged("29");
    world.execute(
        "INSERT INTO channel_days (channel_id, day, claimed) VALUES (1, '2026-11-30', 99)",
    );
    let id = world.message(&to(71));
    assert_eq!(risks(&world, id).0, ["risk_limit"]);
    world.execute("UPDATE channels SET daily_limit = 70");
    assert_eq!(risks(&world, id).0, [""; 0], "the limit spreads it");
    world.execute("UPDATE channels SET daily_limit = NULL, warmup_from = '2026-10-01'");
    assert_eq!(risks(&world, id).0, [""; 0], "it is used since October");
    let warm = aged("0");
    warm.execute("UPDATE channels SET warmup_from = '2026-12-01'");
    let id = warm.message(&to(15));
    assert_eq!(risks(&warm, id).0, [""; 0], "it begins slowly");
}

#[test]
fn a_second_number_and_a_second_day_have_risks_of_their_own() {
    // The first number is old and sends ten a day; nearly all goes out from the new one beside it.
    let two = aged("400");
    two.execute(
        "UPDATE channels SET daily_limit = 10;
         INSERT INTO channels (id, name, session_name, created_at) VALUES (2, 'kedua', 'kedua', '2026-12-01 00:00')",
    );
    let id = two.message(&to(300));
    two.execute("UPDATE auto_messages SET channel_ids = '[1,2]'");
    assert_eq!(risks(&two, id).0, ["risk_leap", "risk_limit"]);
    // Its hours end after five of them.
    let late = aged("0");
    late.execute("UPDATE channels SET send_window = '07:00-21:00'");
    let id = late.message(&to(300));
    late.execute("UPDATE auto_messages SET scheduled_at = '2026-12-01 13:55'");
    assert_eq!(risks(&late, id).0, ["risk_leap", "risk_limit"]);
    // One that begins slowly takes many days for it, each with what it bears.
    late.execute("UPDATE channels SET warmup_from = '2026-12-01'");
    assert_eq!(risks(&late, id).0, [""; 0]);
}

#[test]
fn what_goes_out_before_on_that_day_counts_for_a_risk() {
    let world = aged("10");
    world.execute(
        "INSERT INTO channel_days (channel_id, day, claimed) VALUES (1, '2026-11-30', 90)",
    );
    let ids: Vec<i64> = (0..3).map(|_| world.message(&to(30))).collect();
    // 30, 60 and 90: it bears 70.
    let all: Vec<_> = ids.iter().map(|id| risks(&world, *id).0).collect();
    assert_eq!(all, [vec![], vec![], vec!["risk_limit"]]);
    world.execute(
        "INSERT INTO channel_days (channel_id, day, claimed) VALUES (1, '2026-12-01', 41)",
    );
    assert_eq!(risks(&world, ids[0]).0, ["risk_limit"], "41 went out today");
    let told = look(&world, Scope::Message(ids[0]), minute()).messages[0].risks()[0].to_string();
    assert!(
        told.contains(" on 2026-12-01 from `default`, other messages counted, a num"),
        "{told}"
    );
    world.execute("UPDATE channel_days SET claimed = 40 WHERE day = '2026-12-01'");
    assert_eq!(risks(&world, ids[0]).0, [""; 0]);
    // Who only answers one person is not told what the others do.
    let one = world.message("081299990001");
    assert_eq!(risks(&world, one).0, [""; 0]);
}

#[test]
fn risks_are_the_same_while_chats_have_a_gap_or_numbers_are_checked() {
    for (gap, is_checked) in [("NULL", false), ("5", false), ("NULL", true)] {
        let mut world = aged("0");
        world.config.check_numbers = is_checked;
        world.execute(&format!("UPDATE channels SET recipient_gap_hours = {gap}"));
        let id = world.message(&to(60));
        let later = world.message(&to(9).replace("0812000", "0813000"));
        for other in ["2026-12-02 00:30", "2026-12-05 00:30", "2026-12-01 12:00"] {
            let set =
                format!("UPDATE auto_messages SET scheduled_at = '{other}' WHERE id = {later}");
            world.execute(&set);
            let told = look(&world, Scope::Message(id), minute());
            let risks = told.messages[0].risks();
            assert!(
                matches!(
                    &risks[..],
                    [Risk::Leap { on, .. }, Risk::HighLimit { on: again, .. }]
                        if on.count == 60 && again == on
                ),
                "gap {gap}, checked {is_checked}, {other}: {risks:?}"
            );
            assert_eq!(look(&world, Scope::All, minute()).messages[0].risks(), risks);
        }
    }
}

#[test]
fn a_leap_and_a_night_are_said_before() {
    let world = aged("90");
    let id = world.message(&to(60));
    assert_eq!(risks(&world, id).0, ["risk_leap"]);
    world.execute(
        "INSERT INTO channel_days (channel_id, day, claimed) VALUES (1, '2026-11-30', 20)",
    );
    assert_eq!(risks(&world, id).0, [""; 0], "three times as many");
    world.execute("UPDATE channel_days SET claimed = 19");
    assert_eq!(risks(&world, id).0, ["risk_leap"]);
    let night = aged("90");
    let id = night.message(&to(10));
    night.execute("UPDATE auto_messages SET scheduled_at = '2026-12-01 15:00'"); // 22:00
    assert_eq!(risks(&night, id).0, ["risk_night"]);
    night.execute("UPDATE auto_messages SET scheduled_at = '2026-12-01 14:59'");
    assert_eq!(risks(&night, id).0, [""; 0], "nine at night");
    night.execute("UPDATE channels SET send_window = '07:00-21:00'");
    night.execute("UPDATE auto_messages SET scheduled_at = '2026-12-01 20:00'");
    assert_eq!(risks(&night, id).0, [""; 0]);
}
