//! Sending again to those who did not get it: never to the others, and never twice by itself.

use std::time::Duration;

use auto_message_scheduler::messages::{self, Retried, Retry, Timing, WeeklyTiming};

use crate::message_commands::{add, draft, store, words};
use crate::world::{World, config};

fn retry(world: &World, id: i64, with_unknown: bool) -> Result<Retried, String> {
    let retry = Retry { with_unknown };
    messages::retry(&mut store(world), id, retry, None, &config(), world.clock.wall())
        .map_err(words)
}

/// How often each chat has got something.
fn got(world: &World, chat: &str) -> usize {
    world.recipients().iter().filter(|to| to.contains(chat)).count()
}

#[test]
fn a_retry_reaches_those_who_failed_and_nobody_else() {
    let world = World::new();
    // Sent, refused by WAHA, arrived without an answer, and nobody.
    let id = world.message(r#"["081200007001","081200000400","081200000502","x"]"#);
    world.run();
    assert_eq!(
        world.rows("SELECT status FROM deliveries ORDER BY id"),
        ["sent", "failed", "unknown", "skipped"]
    );
    world.clock.pass(Duration::from_hours(100));
    let first = world.waha.requests().len();
    let retried = retry(&world, id, false).unwrap();
    assert_eq!((retried.pending, retried.skipped, retried.unknown), (1, 0, 1));
    assert!(retry(&world, id, false).unwrap_err().contains("is `sending`: wait"));
    world.run();
    assert!(world.waha.requests().len() > first, "it was tried again");
    let latest = "SELECT chat_id, status FROM deliveries WHERE due_at = (SELECT max(due_at) FROM deliveries)";
    assert_eq!(world.rows(latest), ["6281200000400@c.us|failed"], "and did not expire at once");
    assert_eq!((got(&world, "7001"), got(&world, "0502")), (1, 1));
    let row = "SELECT status, contact_count, sent_count, failed_count FROM auto_messages";
    assert_eq!(world.rows(row), ["sent|4|2|1"], "a look-up found the one without an answer");
    assert_eq!(retry(&world, id, false).unwrap().pending, 1, "only who failed again");
}

#[test]
fn unknown_ones_are_sent_again_only_when_a_person_says_so() {
    let world = World::new();
    let id = world.message(r#"["081200007001","081200000502"]"#);
    world.run();
    let why = retry(&world, id, false).unwrap_err();
    assert!(why.contains("1 are unknown, they may have got it"), "{why}");
    assert_eq!(messages::unknown_count(&mut store(&world), id).unwrap(), 1);
    assert_eq!(retry(&world, id, true).unwrap().pending, 1);
    world.run();
    assert_eq!((got(&world, "7001"), got(&world, "0502")), (1, 2));
}

#[test]
fn what_expired_while_it_was_paused_can_be_sent_after_all() {
    let world = World::new();
    let all = ["081200007001", "081200007002", "081200007003"];
    let id = add(&world, &draft("Halo", &all, &["now"])).unwrap().id;
    world.trigger();
    world.step_until_received(1);
    messages::pause(&mut store(&world), id, world.clock.wall()).unwrap();
    assert!(retry(&world, id, false).unwrap_err().contains("`message resume"));
    world.clock.pass(Duration::from_hours(30));
    let why =
        messages::resume(&mut store(&world), id, &config(), world.clock.wall()).map_err(words);
    assert!(why.unwrap_err().contains("the 2 that are left would expire: `message retry"));
    assert_eq!(retry(&world, id, false).unwrap().pending, 2);
    world.run();
    assert_eq!(world.recipients().len(), 3);
    assert_eq!(world.rows("SELECT status, sent_count FROM auto_messages"), ["sent|3"]);
    let rows = "SELECT count(*) FILTER (WHERE status = 'sent'), count(*) FILTER (WHERE status = 'expired') FROM deliveries";
    assert_eq!(world.rows(rows), ["3|2"]);
}

#[test]
fn a_retry_of_a_weekly_message_leaves_its_next_time_as_it_was() {
    let world = World::new();
    let mut weekly = draft("Halo", &["081200007001", "081200000400"], &[]);
    weekly.timing = Some(Timing::Weekly(WeeklyTiming {
        days: "wed,sat".into(),
        times: vec!["08:00".into()],
        ..WeeklyTiming::default()
    }));
    let id = add(&world, &weekly).unwrap().id;
    assert!(retry(&world, id, false).unwrap_err().contains("nothing of message"));
    world.clock.pass(Duration::from_hours(24));
    world.run();
    let next = || world.rows("SELECT status, scheduled_at FROM auto_messages");
    assert_eq!(next(), ["scheduled|2026-12-05T01:00:00Z"]);
    world.clock.pass(Duration::from_hours(10));
    assert_eq!(retry(&world, id, false).unwrap().pending, 1);
    world.run();
    assert_eq!(next(), ["scheduled|2026-12-05T01:00:00Z"]);
    assert_eq!(got(&world, "7001"), 1);
    // Its next time has come and was not planned yet: a retry must not take its place.
    world.clock.pass(Duration::from_hours(63));
    assert!(retry(&world, id, false).unwrap_err().contains("a time of its own"));
    world.run();
    assert_eq!(got(&world, "7001"), 2);
}

#[test]
fn who_opted_out_or_cannot_get_the_text_any_more_is_not_tried_again() {
    let world = World::new();
    world.execute(
        r#"INSERT INTO contacts (id, name, phone_number, attributes) VALUES
               (1, 'Budi', '081200000400', '{"kota": "Solo"}'), (2, 'Siti', '081300000400', '{}')"#,
    );
    let id = world.message("[1,2]");
    world.run();
    world.execute("UPDATE auto_messages SET message = 'Di {{kota}}'");
    assert_eq!(retry(&world, id, false).map(|one| (one.pending, one.skipped)), Ok((1, 1)));
    world.run();
    world.execute("UPDATE contacts SET opted_out_at = '2026-12-01'");
    let before = world.rows("SELECT id, status FROM deliveries");
    assert!(retry(&world, id, false).unwrap_err().contains("all opted out"));
    assert_eq!(world.rows("SELECT id, status FROM deliveries"), before, "nothing was written");
    assert_eq!(world.status(id), "failed");
}

#[test]
fn a_cancelled_message_is_not_tried_again() {
    let world = World::new();
    let id = world.message(r#"["081200000400","081200007001"]"#);
    world.trigger();
    world.step();
    world.step();
    messages::cancel(&mut store(&world), id, world.clock.wall()).unwrap();
    assert!(retry(&world, id, false).unwrap_err().contains("was cancelled"));
}

/// `status|contact_count|sent_count|failed_count|skipped_count|unknown_count|error`.
fn counts(world: &World) -> String {
    world.ask(
        "SELECT status || '|' || contact_count || '|' || sent_count || '|' || failed_count || '|' || skipped_count
             || '|' || unknown_count || '|' || coalesce(error, '') FROM auto_messages",
    )
}

#[test]
fn a_retry_that_fails_again_leaves_the_counts_of_the_whole_message() {
    let world = World::new();
    let id = world.message(r#"["081200007001","081200000400","x"]"#);
    world.run();
    assert_eq!(counts(&world), "sent|3|1|1|1|0|");
    for _ in 0..3 {
        world.clock.pass(Duration::from_mins(10));
        assert_eq!(retry(&world, id, false).unwrap().pending, 1);
        assert_eq!(counts(&world), "sending|3|1|0|1|0|", "one is on its way again");
        world.run();
        assert_eq!(counts(&world), "sent|3|1|1|1|0|", "the earlier success stays");
    }
    assert_eq!(world.rows("SELECT count(DISTINCT retry_of) FROM deliveries"), ["1"]);
}

#[test]
fn an_unknown_one_that_fails_when_it_is_sent_again_may_still_have_arrived() {
    let world = World::new();
    let id = world.message(r#"["081200007001"]"#);
    world.run();
    world.execute(
        "UPDATE deliveries SET status = 'unknown', waha_message_id = NULL, next_attempt_at = NULL, channel_id = 9;
         UPDATE auto_messages SET status = 'failed', sent_count = 0, unknown_count = 1",
    );
    assert_eq!(messages::unknown_count(&mut store(&world), id).unwrap(), 1);
    world.clock.pass(Duration::from_mins(10));
    assert_eq!(retry(&world, id, true).unwrap().pending, 1);
    world.execute("UPDATE deliveries SET status = 'failed' WHERE retry_of IS NOT NULL");
    world.run();
    assert!(counts(&world).starts_with("failed|1|0|0|0|1|"), "{}", counts(&world));
    // Not failed for certain: only a person's word sends it again.
    assert!(retry(&world, id, false).unwrap_err().contains("1 are unknown"));
    assert_eq!(retry(&world, id, true).unwrap().pending, 1);
    world.run();
    assert_eq!(counts(&world), "sent|1|1|0|0|0|");
}

#[test]
fn the_counts_of_a_weekly_message_are_of_its_latest_time_with_its_retries() {
    let world = World::new();
    let mut weekly = draft("Halo", &["081200007001", "081200000400"], &[]);
    weekly.timing = Some(Timing::Weekly(WeeklyTiming {
        days: "wed,sat".into(),
        times: vec!["08:00".into()],
        ..WeeklyTiming::default()
    }));
    let id = add(&world, &weekly).unwrap().id;
    world.clock.pass(Duration::from_hours(24));
    world.run();
    assert!(counts(&world).starts_with("scheduled|2|1|1|0|0"), "{}", counts(&world));
    world.clock.pass(Duration::from_hours(10));
    retry(&world, id, false).unwrap();
    world.run();
    assert!(counts(&world).starts_with("scheduled|2|1|1|0|0"), "{}", counts(&world));
    world.clock.pass(Duration::from_hours(62));
    world.run();
    assert!(counts(&world).starts_with("scheduled|2|1|1|0|0"), "{}", counts(&world));
    assert_eq!(got(&world, "7001"), 2);
}
