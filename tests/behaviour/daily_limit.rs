//! Daily limits: never more on one local day, through restarts, crashes and clocks that jump.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use auto_message_scheduler::clock::Clock;
use auto_message_scheduler::fail_point::{Crash, crash_at};

use crate::world::{Builder, World, gaps};

const FIVE: &str = "081200007001, 081200007002, 081200007003, 081200007004, 081200007005";

fn with_limit(limit: u32) -> Builder {
    let mut builder = World::builder();
    builder.config.allowance.daily_limit = Some(limit);
    builder
}

fn days(world: &World) -> Vec<String> {
    world.rows("SELECT channel_id, day, claimed FROM channel_days ORDER BY channel_id, day")
}

#[test]
fn when_the_days_number_is_reached_the_run_ends_and_the_rest_goes_out_the_next_day() {
    let world = with_limit(2).build();
    let id = world.message(FIVE);
    let before = world.clock.now().monotonic;
    assert_eq!(world.run().pending, 3);
    let waited = world.clock.now().monotonic.checked_sub(before).unwrap();
    assert_eq!(waited.as_secs(), 60, "the run ends with its last send, not a gap later");
    assert_eq!(days(&world), ["1|2026-12-01|2"]);
    assert_eq!(world.ask("SELECT held_reason FROM channels"), "", "a limit is no trouble");
    // Midnight in Jakarta, and not in Greenwich.
    world.clock.pass(Duration::from_mins(10));
    world.clock.set("2026-12-01T16:59:59Z");
    assert_eq!(world.run().pending, 3);
    world.clock.set("2026-12-01T17:00:00Z");
    assert_eq!(world.run().pending, 1);
    assert_eq!(days(&world), ["1|2026-12-01|2", "1|2026-12-02|2"]);
    assert_eq!(world.status(id), "sending");
}

#[test]
fn the_count_of_a_day_survives_restarts() {
    let mut world = with_limit(3).build();
    world.message(FIVE);
    world.trigger();
    world.step_until_received(1);
    for _ in 0..3 {
        world.restart();
        world.run();
    }
    assert_eq!(world.received().len(), 3);
    assert_eq!(days(&world), ["1|2026-12-01|3"]);
}

#[test]
fn wherever_the_program_dies_the_day_has_counted_what_may_have_gone_out() {
    let mut crashes = 0;
    for place in 1..60 {
        let mut builder = with_limit(3);
        builder.in_memory = true;
        let mut world = builder.build();
        world.message(FIVE);
        world.trigger();
        crash_at(place);
        let ended = catch_unwind(AssertUnwindSafe(|| world.run()));
        crash_at(0);
        crashes += u32::from(ended.is_err_and(|payload| payload.is::<Crash>()));
        let counted: usize = days(&world).first().map_or(0, |row| row[13..].parse().unwrap());
        assert!(counted >= world.received().len(), "place {place}: {counted} counted");
        world.restart();
        world.run();
        let received = world.received().len();
        // A crash after the claim and before the request leaves one that counts and never went out.
        assert!((2..=3).contains(&received), "place {place}: {received} arrived");
        assert_eq!(days(&world), ["1|2026-12-01|3"], "place {place}");
    }
    assert!(crashes > 20, "only {crashes} crashes");
}

#[test]
fn a_clock_that_jumps_over_midnight_and_back_finds_each_days_count_again() {
    let world = with_limit(2).build();
    world.message(FIVE);
    world.run();
    world.clock.set("2026-12-02T01:00:00Z");
    world.message(FIVE);
    world.run();
    assert_eq!(world.received().len(), 4);
    world.clock.set("2026-12-01T02:00:00Z");
    world.run();
    assert_eq!(world.received().len(), 4);
    assert_eq!(days(&world), ["1|2026-12-01|2", "1|2026-12-02|2"]);
}

#[test]
fn what_certainly_did_not_go_out_does_not_count() {
    let world = with_limit(3).build();
    world.message("081200000429"); // 429: not sent, and the channel is held
    world.run();
    assert_eq!(days(&world), ["1|2026-12-01|0"]);
    world.execute("UPDATE channels SET held_reason = NULL, held_kind = NULL, held_until = NULL");
    world.execute("UPDATE auto_messages SET status = 'cancelled'");
    world.message("081200000400, 081200000502, 081200007001, 081200007002");
    world.run();
    // What WAHA refused was at WAHA, and what is unknown may have gone out: both count.
    assert_eq!(days(&world), ["1|2026-12-01|3"]);
    assert_eq!(world.ask("SELECT count(*) FROM deliveries WHERE status = 'pending'"), "1");
}

#[test]
fn a_channel_may_have_its_own_limit_or_none() {
    let world = with_limit(1).build();
    world.execute(
        "INSERT INTO channels (id, name, session_name, daily_limit) VALUES
             (2, 'dua', 'dua', 2), (3, 'bebas', 'bebas', 0)",
    );
    for channel in [1, 2, 3] {
        let id = world.message(FIVE);
        world.execute(&format!("UPDATE auto_messages SET channel_id = {channel} WHERE id = {id}"));
    }
    world.run();
    assert_eq!(days(&world), ["1|2026-12-01|1", "2|2026-12-01|2", "3|2026-12-01|5"]);
}

#[test]
fn a_limit_that_is_lowered_during_the_day_counts_what_was_sent_before() {
    let world = World::new();
    world.message(FIVE);
    world.trigger();
    world.step_until_received(3);
    world.execute("UPDATE channels SET daily_limit = 2");
    world.run();
    assert_eq!(world.received().len(), 3);
    world.execute("UPDATE channels SET daily_limit = 4");
    world.run();
    assert_eq!(world.received().len(), 4);
    assert!(gaps(&world.received()).iter().all(|gap| *gap >= 60));
}

#[test]
fn a_limit_that_is_none_is_refused_in_words() {
    let world = World::new();
    for written in ["-1", "1000001"] {
        let sql = format!("UPDATE channels SET daily_limit = {written}");
        let error = world.sql.execute(&sql, []).unwrap_err().to_string();
        assert!(error.contains("how many messages may go out on one day"), "{error}");
    }
    assert!(world.sql.execute("UPDATE channels SET daily_limit = 'banyak'", []).is_err());
    world.execute("PRAGMA ignore_check_constraints = 1; UPDATE channels SET daily_limit = -5");
    world.message("081200007001");
    world.run();
    let held = world.ask("SELECT held_reason FROM channels");
    assert!(held.contains("daily_limit -5 is no limit"), "{held}");
    assert!(world.received().is_empty());
}

#[test]
fn a_new_channel_with_the_number_of_a_deleted_one_begins_its_own_day() {
    let world = with_limit(2).build();
    world.message(FIVE);
    world.run();
    world.execute("DELETE FROM channels WHERE id = 1");
    assert_eq!(days(&world), [""; 0]);
}

#[test]
fn with_a_limit_and_a_window_the_rest_waits_for_the_next_mornings_window() {
    let mut builder = with_limit(1);
    builder.config.allowance.window =
        auto_message_scheduler::send_window::SendWindow::parse("07:00-21:00").unwrap();
    let world = builder.build();
    world.message(FIVE);
    world.run();
    world.clock.set("2026-12-01T17:30:00Z"); // past midnight
    assert_eq!(world.run().pending, 4);
    world.clock.set("2026-12-02T00:00:00Z");
    assert_eq!(world.run().pending, 3);
}
