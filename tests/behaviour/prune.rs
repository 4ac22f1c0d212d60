//! What `prune` takes and what it leaves, and that nothing is sent twice for it. `prune_binary` runs
//! the real program, also beside one that sends.

use std::time::Duration;

use auto_message_scheduler::config::Config;
use auto_message_scheduler::engine::Planner;
use auto_message_scheduler::fail_point::{Crash, crash_at};
use auto_message_scheduler::messages::{self, Edit, Retry};
use auto_message_scheduler::prune::{self, PruneError, Pruned, Room};
use auto_message_scheduler::store::{Side, Store};

use crate::message_commands::{store, words};
use crate::simulation::silence_crashes;
use crate::world::{Builder, World, config};

const DAY: Duration = Duration::from_hours(24);

fn try_prune(world: &World, days: u32, is_dry: bool) -> Result<Pruned, PruneError> {
    prune::prune(&mut store(world), DAY * days, is_dry, &config(), &*world.clock)
}

/// Messages, deliveries.
pub fn prune(world: &World, days: u32) -> (u64, u64) {
    let pruned = try_prune(world, days, false).unwrap();
    assert_consistent(world);
    (pruned.counted.messages, pruned.counted.deliveries)
}

fn rows_of(pruned: &Pruned, side: Side) -> u64 {
    pruned.sides.iter().find(|(other, _)| *other == side).unwrap().1
}

/// No delivery without its message, no count beside the truth, no damage.
fn assert_consistent(world: &World) {
    assert_eq!(world.rows("PRAGMA foreign_key_check"), [""; 0]);
    assert_eq!(world.ask("SELECT * FROM pragma_integrity_check"), "ok");
    let counts = world
        .rows("SELECT counted, status, number FROM status_counts WHERE number <> 0 ORDER BY 1, 2");
    let truth = world.rows(
        "SELECT 'delivery', status, count(*) FROM deliveries GROUP BY status
         UNION ALL SELECT 'message', status, count(*) FROM auto_messages GROUP BY status ORDER BY 1, 2",
    );
    assert_eq!(counts, truth);
}

/// A trigger notes SQLite's clock, the day on which the tests run, for rows that change twice in one second of
/// the world's; the world's is meant.
fn by_the_worlds_clock(world: &World) {
    let now = world.clock.wall();
    world.execute(&format!(
        "UPDATE auto_messages SET updated_at = strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '+1 second')"
    ));
}

fn weekly(world: &World) -> i64 {
    let id = world.message("081200007001, 081200007002");
    world.execute(&format!(
        "UPDATE auto_messages SET interval_config =
             '{{\"startDate\":\"2026-12-01\",\"time\":\"08:00\",\"weekDays\":[2]}}' WHERE id = {id}"
    ));
    id
}

#[test]
fn what_ended_long_ago_goes_and_all_else_stays() {
    let world = World::new();
    let sent = world.message("081200007001, 081200007002");
    let failed = world.message("081200000400");
    let unplanned = world.message("");
    let cancelled = world.message("081200007003");
    world.execute(&format!("UPDATE auto_messages SET status = 'cancelled' WHERE id = {cancelled}"));
    let draft = world.message("081200007004");
    world.execute(&format!("UPDATE auto_messages SET status = 'draft' WHERE id = {draft}"));
    world.execute(
        "INSERT INTO contacts (name, phone_number, opted_out_at)
         VALUES ('Budi', '+6281200007009', '2020-01-01')",
    );
    world.run();
    by_the_worlds_clock(&world);
    assert_eq!((world.status(sent), world.status(failed)), ("sent".into(), "failed".into()));
    assert_eq!(world.status(unplanned), "failed");
    world.clock.pass(DAY * 400);
    let recent = world.message("081200007005");
    let later = world.message("081200007006");
    world.execute(&format!(
        "UPDATE auto_messages SET scheduled_at = '2030-01-01' WHERE id = {later}"
    ));
    world.run();
    let before = world.recipients().len();

    assert_eq!(prune(&world, 365), (4, 3));
    assert_eq!(
        world.rows("SELECT id FROM auto_messages ORDER BY id"),
        [draft, recent, later].map(|id| id.to_string())
    );
    assert_eq!(world.rows("SELECT chat_id FROM deliveries"), ["6281200007005@c.us"]);
    assert_eq!(world.rows("SELECT name, opted_out_at FROM contacts").len(), 1);
    assert_eq!(world.rows("SELECT name FROM channels"), ["default"]);
    assert_eq!(world.rows("SELECT id FROM runs").len(), 1, "the first run went");
    assert_eq!(world.rows("SELECT day FROM channel_days").len(), 1);
    world.run();
    assert_eq!(world.recipients().len(), before, "nothing is sent for it");
    assert_eq!(prune(&world, 365), (0, 0), "all is done at once");
}

#[test]
fn what_is_under_way_waits_or_was_changed_lately_stays_however_old_its_time_is() {
    let world = World::new();
    for (status, delivery) in [
        ("sending", "pending"),
        ("sending", "sending"),
        ("draft", "pending"),
        ("sent", "unknown"),
        ("sent", "sent"),
        ("sent", "sent"),
    ] {
        let id = world.message("081200007001");
        world.execute(&format!(
            "UPDATE auto_messages SET status = '{status}' WHERE id = {id};
             INSERT INTO deliveries (auto_message_id, due_at, channel_id, chat_id, status, attempts, text,
                 waha_message_id, claimed_at, finished_at, created_at)
             SELECT id, scheduled_at, 1, 'x', '{delivery}', 1, 'Halo', 'A', scheduled_at,
                 CASE WHEN '{delivery}' NOT IN ('pending', 'sending') THEN scheduled_at END, scheduled_at
             FROM auto_messages WHERE id = {id}"
        ));
    }
    // A look-up is still to come; an ack came late; a person changed the message.
    world.execute("UPDATE deliveries SET next_attempt_at = finished_at WHERE status = 'unknown'");
    world.execute(
        "UPDATE deliveries SET finished_at = '2027-12-31T00:00:00Z' WHERE auto_message_id = 5",
    );
    world.execute("UPDATE auto_messages SET updated_at = '2027-12-31T00:00:00Z' WHERE id = 6");
    world.clock.set("2028-01-01T00:00:00Z");
    assert_eq!(prune(&world, 30), (0, 0));
    world.execute("UPDATE deliveries SET next_attempt_at = NULL");
    let pruned = try_prune(&world, 30, false).unwrap();
    assert_eq!(
        (pruned.counted.messages, pruned.counted.unknown),
        (1, 1),
        "nobody looks it up any more"
    );
}

#[test]
fn what_is_exactly_as_old_as_the_limit_stays_and_a_second_later_it_goes() {
    let world = World::new();
    // Which of its times is the latest: that of its delivery, its own, and the last change.
    for (due_at, scheduled_at, updated_at) in [
        ("2027-12-02T00:00:00Z", "2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2027-01-01T00:00:00Z", "2027-12-02T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "2027-12-02T00:00:00Z"),
    ] {
        world.execute(&format!(
            "INSERT INTO auto_messages (message, contact_ids, scheduled_at, status, created_at, updated_at)
             VALUES ('Halo', 'x', '{scheduled_at}', 'cancelled', '2027-01-01T00:00:00Z', '{updated_at}');
             INSERT INTO deliveries (auto_message_id, due_at, channel_id, chat_id, status, created_at)
             SELECT max(id), due_at, 1, due_at, 'cancelled', '2027-01-01T00:00:00Z'
             FROM auto_messages, (SELECT '2027-01-01T00:00:00Z' AS due_at UNION ALL SELECT '{due_at}')
             GROUP BY due_at"
        ));
    }
    world.clock.set("2028-01-01T00:00:00Z");
    assert_eq!(prune(&world, 30), (0, 0));
    world.clock.set("2028-01-01T00:00:01Z");
    assert_eq!(prune(&world, 30), (3, 4));
}

#[test]
fn a_weekly_message_loses_its_old_occurrences_and_goes_on_once_a_week() {
    let world = World::new();
    let id = weekly(&world);
    for _ in 0..5 {
        world.run();
        world.clock.pass(DAY * 7);
    }
    assert_eq!(world.recipients().len(), 10);
    assert_eq!(prune(&world, 15), (0, 6));
    let times = "SELECT DISTINCT due_at FROM deliveries ORDER BY 1";
    assert_eq!(world.rows(times), ["2026-12-22T01:00:00Z", "2026-12-29T01:00:00Z"]);
    world.run();
    world.clock.pass(DAY * 2000);
    assert_eq!(prune(&world, 7), (0, 4), "the latest stays: a retry looks at it");
    assert_eq!(world.rows(times), ["2027-01-05T01:00:00Z"]);
    assert_eq!(world.recipients().len(), 12, "six weeks, each once");
    assert_eq!(world.status(id), "scheduled");
}

#[test]
fn a_time_that_was_pruned_is_never_sent_again_whoever_sets_it_back() {
    let mut world = World::new();
    let id = weekly(&world);
    for _ in 0..3 {
        world.run();
        world.clock.pass(DAY * 7);
    }
    assert_eq!(prune(&world, 15), (0, 2));
    // By hand, also to where only a message that was never planned would be.
    for status in ["scheduled", "sending"] {
        world.execute(&format!(
            "UPDATE auto_messages SET scheduled_at = '2026-12-01T01:00:00Z', status = '{status}',
                 interval_config = NULL WHERE id = {id}"
        ));
        // LATE_LIMIT_HOURS may be a year by now.
        let config = Config { late_limit: Duration::from_hours(8760), ..config() };
        let own = std::sync::Arc::new(std::sync::Mutex::new(Store::open(&world.path).unwrap()));
        let mut planner = Planner::new(own, world.triggers.clone(), config.into());
        planner.pass(world.clock.wall()).unwrap();
        let first = "SELECT status, error FROM deliveries WHERE due_at < '2026-12-02' LIMIT 1";
        assert!(world.rows(first)[0].starts_with("expired|due at a time of which `prune`"));
        assert_eq!(world.status(id), "failed");
    }
    world.restart();
    world.run();
    assert_eq!(world.recipients().len(), 6);
}

#[test]
fn a_clock_that_ran_ahead_when_it_was_pruned_stops_nothing_that_is_due_later() {
    let world = World::new();
    world.message("081200007000");
    world.run();
    world.clock.set("2036-01-01T00:00:00Z");
    assert_eq!(prune(&world, 7), (1, 1));
    world.clock.set("2026-12-03T00:00:00Z");
    let id = world.message("081200007001");
    world.run();
    assert_eq!(world.status(id), "sent");
}

#[test]
fn a_retry_or_an_edit_of_a_pruned_message_says_so() {
    let world = World::new();
    let id = world.message("081200000400");
    world.run();
    world.clock.pass(DAY * 30);
    assert_eq!(prune(&world, 20), (1, 1));
    let now = world.clock.wall();
    let retried = messages::retry(&mut store(&world), id, Retry::default(), None, &config(), now);
    let why = retried.map_err(words).unwrap_err();
    assert!(why.contains("any more, it was removed, perhaps by `prune`"), "{why}");
    let never = messages::retry(&mut store(&world), 99, Retry::default(), None, &config(), now);
    assert!(never.map_err(words).unwrap_err().contains("there is no message 99: "));
    let again = world.message("081200007001");
    assert!(again > id, "its id is not given again");
}

#[test]
fn a_message_that_once_arrived_is_not_edited_into_a_new_one_when_that_was_pruned() {
    let world = World::new();
    let id = world.message("081200007001");
    world.run();
    world.execute(&format!(
        "UPDATE auto_messages SET status = 'scheduled', scheduled_at = '2026-12-09 01:00',
             contact_ids = '081200000400' WHERE id = {id}"
    ));
    world.clock.set("2026-12-09T02:00:00Z");
    world.run();
    world.clock.set("2026-12-10T02:00:00Z");
    assert_eq!((world.status(id), prune(&world, 8)), ("failed".into(), (0, 1)));
    let to = Edit { to: Some(vec!["081200007002".into()]), ..Edit::default() };
    let edited = messages::edit(&mut store(&world), id, &to, &config(), world.clock.wall());
    let why = edited.map_err(words).unwrap_err();
    assert!(why.contains("has ended, and its row tells what was sent"), "{why}");
}

#[test]
fn a_retry_after_a_prune_reaches_only_those_who_failed_again() {
    let world = World::new();
    let id = world.message(r#"["081200007001","081200000400"]"#);
    world.run();
    let now = world.clock.wall();
    messages::retry(&mut store(&world), id, Retry::default(), None, &config(), now).unwrap();
    // Of the first time something is known later than of the second.
    world.run();
    world.execute(
        "UPDATE deliveries SET status = 'sent', waha_message_id = 'A', error = NULL
         WHERE due_at = (SELECT max(due_at) FROM deliveries)",
    );
    world.execute(
        "UPDATE deliveries SET finished_at = '2026-12-20T00:00:00Z' WHERE status = 'failed'",
    );
    world.clock.set("2026-12-21T00:00:00Z");
    assert_eq!(prune(&world, 8), (0, 0), "the second stays as long as the first");
    let again = messages::retry(
        &mut store(&world),
        id,
        Retry::default(),
        None,
        &config(),
        world.clock.wall(),
    );
    assert!(again.map_err(words).unwrap_err().contains("nobody is to be tried again"));
}

#[test]
fn a_dry_run_counts_what_goes_and_changes_nothing() {
    let world = World::new();
    weekly(&world);
    world.message("081200007005, 081200007006");
    world.run();
    by_the_worlds_clock(&world);
    for _ in 0..3 {
        world.run();
        world.clock.pass(DAY * 7);
    }
    let tables = ["auto_messages", "deliveries", "runs", "channel_days", "meta"];
    let rows = |world: &World| tables.map(|table| world.rows(&format!("SELECT * FROM {table}")));
    let before = rows(&world);
    let counted = try_prune(&world, 8, true).unwrap();
    assert_eq!(rows(&world), before);
    assert_eq!(counted.room, Room::Untouched);
    let pruned = try_prune(&world, 8, false).unwrap();
    assert_eq!((counted.counted, &counted.sides), (pruned.counted, &pruned.sides));
    assert_eq!((pruned.counted.messages, pruned.counted.deliveries), (1, 6));
    assert!(rows_of(&pruned, Side::Runs) > 0 && rows_of(&pruned, Side::ChannelDays) > 0);
}

#[test]
fn tables_that_only_remember_lose_what_nobody_can_use_any_more() {
    let world = World::new();
    world.clock.set("2027-01-01T00:00:00Z");
    for at in ["2026-06-01T00:00:00Z", "2026-12-20T00:00:00Z", "2026-12-31T23:30:00Z"] {
        world.execute(&format!(
            "INSERT INTO runs (trigger, started_at, finished_at, processed) VALUES ('cron', '{at}', '{at}', 1);
             INSERT INTO callbacks (event, subject, data, created_at, status)
                 VALUES ('test', 'x', '{{}}', '{at}', 'told'), ('test', 'x', '{{}}', '{at}', 'waiting');
             INSERT INTO alerts (event, created_at, is_over) VALUES ('no_trigger', '{at}', 1),
                 ('no_trigger', '{at}', 0);
             INSERT INTO webhook_events (id, received_at) VALUES ('{at}', '{at}');
             INSERT INTO webhook_sessions VALUES ('{at}', 1, 1, '{at}');
             INSERT INTO panel_sessions VALUES ('{at}', 'h', '{at}', '{at}');
             INSERT INTO panel_uploads VALUES ('{at}', 'x', x'00', '{at}');
             INSERT INTO panel_removed VALUES ('{at}', 1, 'Budi', '+62812', '[]', '{{}}', '{at}', '{at}');
             INSERT INTO acts (at, door, what) VALUES ('{at}', 'cli', 'cancelled');
             INSERT INTO channel_days (channel_id, day, claimed) VALUES (1, substr('{at}', 1, 10), 7)"
        ));
    }
    world.execute("INSERT INTO runs (trigger, started_at) VALUES ('cron', '2026-06-01T00:00:00Z')");
    let pruned = try_prune(&world, 60, false).unwrap();
    let rows = Side::ALL.map(|side| (side.as_str(), rows_of(&pruned, side)));
    let wanted = [
        ("runs", 1),           // one has not ended
        ("alerts", 1),         // one was not told
        ("callbacks", 1),      // one waits
        ("webhook_events", 2), // they are of use for a week
        ("webhook_sessions", 1),
        ("panel_sessions", 2), // they end after a week without use, and take their uploads along
        ("panel_uploads", 0),
        ("panel_removed", 2), // they could be undone for a minute
        ("acts", 1),          // they are kept for 90 days
        ("channel_days", 1),
    ];
    assert_eq!(rows, wanted);
    assert_eq!(world.rows("SELECT uploaded_at FROM panel_uploads"), ["2026-12-31T23:30:00Z"]);
}

#[test]
fn what_may_still_be_needed_is_refused_with_words() {
    let world = World::new();
    let why = try_prune(&world, 6, false).unwrap_err().to_string();
    assert!(why.contains("at least 7d"), "{why}");
    let config = Config { late_limit: DAY * 30, ..config() };
    let refused = prune::prune(&mut store(&world), DAY * 30, false, &config, &*world.clock);
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("more than LATE_LIMIT_HOURS (720 hours)"), "{why}");
}

#[test]
fn a_kill_at_any_commit_leaves_a_sound_database_and_the_next_one_finishes() {
    silence_crashes();
    let mut places = 0;
    loop {
        places += 1;
        let world = in_memory();
        old_messages(&world, 40, 30);
        let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            crash_at(places);
            try_prune(&world, 30, false).unwrap();
            crash_at(0);
        }));
        match died {
            Ok(()) => break,
            Err(cause) => assert!(cause.is::<Crash>()),
        }
        assert_consistent(&world);
        let half = "SELECT count(*) FROM auto_messages m WHERE NOT EXISTS
                        (SELECT 1 FROM deliveries d WHERE d.auto_message_id = m.id)";
        assert!(world.ask(half).parse::<u32>().unwrap() <= 1, "one message at a time");
        try_prune(&world, 30, false).unwrap();
        assert_consistent(&world);
        assert_eq!(world.ask("SELECT count(*) FROM deliveries"), "0");
        assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "0");
    }
    assert!(places > 20, "{places}");
}

fn in_memory() -> World {
    Builder { in_memory: true, ..World::builder() }.build()
}

/// Messages of 2025 that were sent, with so many deliveries each.
fn old_messages(world: &World, messages: u32, deliveries: u32) {
    world.execute(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {messages})
         INSERT INTO auto_messages (message, scheduled_at, status, sent_at, sent_count, created_at, updated_at)
         SELECT 'Halo', '2025-01-01T00:00:00Z', 'sent', '2025-01-01T00:00:00Z', 1,
             '2025-01-01T00:00:00Z', '2025-01-01T00:00:00Z' FROM n;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {deliveries})
         INSERT INTO deliveries (auto_message_id, due_at, channel_id, chat_id, status, text,
             waha_message_id, finished_at)
         SELECT m.id, m.scheduled_at, 1, i || '@c.us', 'sent', 'Halo', m.id || '-' || i, m.sent_at
         FROM auto_messages m, n WHERE m.sent_count = 1;
         UPDATE auto_messages SET sent_count = 2, updated_at = '2025-01-01T00:00:01Z'
         WHERE sent_count = 1"
    ));
}

#[test]
fn very_many_go_in_pieces_also_those_of_one_time_and_without_one() {
    let world = in_memory();
    old_messages(&world, 1, 1000);
    old_messages(&world, 1200, 1);
    world
        .execute("UPDATE auto_messages SET scheduled_at = NULL, updated_at = sent_at WHERE id % 2");
    let pruned = try_prune(&world, 30, false).unwrap();
    assert_eq!((pruned.counted.messages, pruned.counted.deliveries), (1201, 2200));
    assert_consistent(&world);
}

#[test]
fn people_stay_known_for_a_year_and_what_whatsapp_said_of_them_for_30_days() {
    let world = World::new();
    let ago = |days: u32| world.clock.wall().minus(DAY * days).to_string();
    world.execute(&format!(
        "INSERT INTO numbers (chat_id, last_sent_at, last_inbound_at, checked_at, \"exists\", checked_chat_id) VALUES
             ('a', '{0}', NULL, NULL, NULL, NULL), ('b', '{1}', NULL, NULL, NULL, NULL), ('c', '{0}', '{1}', '{2}', 1, 'x'),
             ('d', NULL, NULL, '{2}', 0, NULL), ('e', NULL, NULL, '{3}', 0, NULL), ('f', NULL, NULL, NULL, NULL, NULL),
             ('g', '{0}', NULL, '{3}', 1, NULL)",
        ago(366),
        ago(364),
        ago(31),
        ago(29)
    ));
    let left =
        || world.rows("SELECT chat_id, checked_at IS NOT NULL, checked_chat_id FROM numbers");
    assert_eq!(try_prune(&world, 30, true).unwrap().numbers, 3);
    assert_eq!(left().len(), 7, "counted only");
    assert_eq!(try_prune(&world, 730, false).unwrap().numbers, 2, "nobody goes before the age");
    assert_eq!(left(), ["a|0|", "b|0|", "c|0|x", "e|1|", "g|1|"]);
    assert_eq!(try_prune(&world, 30, false).unwrap().numbers, 1);
    assert_eq!(left(), ["b|0|", "c|0|x", "e|1|", "g|1|"]);
}

#[test]
fn many_numbers_are_gone_through_in_pieces() {
    let world = World::new();
    world.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100)
         INSERT INTO numbers (chat_id, last_sent_at)
         SELECT i || '@c.us', iif(i % 2, '2020-01-01T00:00:00Z', '2026-11-30T00:00:00Z') FROM n",
    );
    assert_eq!(try_prune(&world, 30, false).unwrap().numbers, 550);
    assert_eq!(world.ask("SELECT count(*) FROM numbers"), "550");
}
