//! Never a burst: two sends on a channel are a delay apart, whatever happens in between.

use std::time::Duration;

use auto_message_scheduler::clock::Clock;
use auto_message_scheduler::send_window::Gap;

use crate::world::{World, gaps};

const THREE: &str = "081200007001, 081200007002, 081200007003";

#[test]
fn two_sends_on_a_channel_are_a_delay_apart() {
    let world = World::new();
    world.message(THREE);
    world.run();
    assert_eq!(gaps(&world.received()), [60, 60]);
}

#[test]
fn the_pace_goes_on_across_messages_and_runs() {
    let world = World::new();
    world.message("081200007001");
    world.run();
    world.message("081200007002");
    world.message("081200007003");
    world.run();
    assert_eq!(gaps(&world.received()), [60, 60]);
}

#[test]
fn the_pace_goes_on_across_restarts() {
    let mut world = World::new();
    for number in ["081200007001", "081200007002", "081200007003"] {
        world.message(number);
        world.run();
        world.restart();
    }
    let gaps = gaps(&world.received());
    assert_eq!(gaps.len(), 2);
    assert!(gaps.iter().all(|gap| (60..=61).contains(gap)), "{gaps:?}");
}

#[test]
fn a_restart_in_the_middle_of_a_message_neither_repeats_nor_hurries() {
    let mut world = World::new();
    world.message(THREE);
    world.trigger();
    world.step_until_received(1);
    world.step(); // records nothing new; the run is under way
    world.restart();
    world.run();
    assert_eq!(world.recipients().len(), 3);
    assert!(gaps(&world.received()).iter().all(|gap| *gap >= 60));
}

#[test]
fn an_answer_wakes_the_dispatcher_only_when_there_is_something_to_decide() {
    let mut builder = World::builder();
    builder.config.gap = Gap { delay: Duration::ZERO, jitter: Duration::ZERO };
    let world = builder.build();
    world.message(THREE);
    world.trigger();
    world.step_until_received(1);
    let rings = world.triggers.wake.rings();
    world.step_until_received(2);
    assert_eq!(world.triggers.wake.rings(), rings, "the next job was given out with the answer");
    world.step_until_received(3);
    assert!(world.triggers.wake.rings() > rings, "the run is at its end");

    let world = World::new();
    world.message(THREE);
    world.trigger();
    world.step_until_received(1);
    let rings = world.triggers.wake.rings();
    world.step_until_received(2);
    assert!(
        world.triggers.wake.rings() > rings,
        "it slept without end, and a gap ends in a minute"
    );
}

#[test]
fn jitter_only_makes_the_gap_longer() {
    let mut builder = World::builder();
    builder.config.gap = Gap { delay: Duration::from_mins(1), jitter: Duration::from_secs(15) };
    let world = builder.build();
    let numbers: Vec<String> = (0..20).map(|n| format!("0812000070{n:02}")).collect();
    world.message(&numbers.join(","));
    world.run();
    let gaps = gaps(&world.received());
    assert!(gaps.iter().all(|gap| (60..=75).contains(gap)), "{gaps:?}");
    assert!(gaps.iter().any(|gap| *gap != gaps[0]), "never a fixed beat: {gaps:?}");
}

#[test]
fn two_channels_keep_two_paces_side_by_side() {
    let world = World::new();
    world.execute("INSERT INTO channels (id, name, session_name) VALUES (2, 'kedua', 'kedua')");
    world.message(THREE);
    let second = world.message("081300007001, 081300007002, 081300007003");
    world.execute(&format!("UPDATE auto_messages SET channel_id = 2 WHERE id = {second}"));
    world.run();
    let received = world.received();
    let span = received.last().unwrap().at.since(received[0].at);
    assert_eq!((received.len(), span.as_secs()), (6, 120));
    for session in ["default", "kedua"] {
        let on_it: Vec<_> = received.iter().filter(|one| one.session == session).cloned().collect();
        assert_eq!(gaps(&on_it), [60, 60], "{session}");
    }
}

#[test]
fn a_wall_clock_that_jumps_makes_neither_a_burst_nor_a_stall() {
    for jump in ["2026-12-02T00:59:00Z", "2026-12-01T02:00:30Z", "2026-12-01T01:00:31Z"] {
        let world = World::new();
        world.message(THREE);
        world.trigger();
        world.step_until_received(1);
        let before = world.clock.now().monotonic;
        world.clock.set(jump);
        world.step_until_received(2);
        let waited = world.clock.now().monotonic.checked_sub(before).unwrap();
        assert_eq!(waited.as_secs(), 60, "{jump}");
    }
    // Set back: the second message is still due, because its occurrence is on its way.
    for jump in ["1970-01-01T00:00:00Z", "2026-11-30T01:00:00Z", "2026-12-01T00:59:59Z"] {
        let world = World::new();
        world.message(THREE);
        world.trigger();
        world.step_until_received(1);
        let before = world.clock.now().monotonic;
        world.clock.set(jump);
        world.step_until_received(2);
        let waited = world.clock.now().monotonic.checked_sub(before).unwrap();
        assert_eq!(waited.as_secs(), 60, "{jump}");
    }
}

#[test]
fn after_a_restart_a_pace_from_another_clock_waits_one_gap_and_no_longer() {
    let mut world = World::new();
    world.message("081200007001");
    world.run();
    world.execute("UPDATE channels SET ready_at = '2030-01-01 00:00'");
    world.restart();
    let before = world.clock.now().monotonic;
    world.message("081200007002");
    world.run();
    assert_eq!(world.clock.now().monotonic.checked_sub(before).unwrap().as_secs(), 60);
}

#[test]
fn a_run_ends_with_its_last_send_and_not_a_gap_later() {
    let world = World::new();
    world.message(THREE);
    let before = world.clock.now().monotonic;
    world.run();
    assert_eq!(world.clock.now().monotonic.checked_sub(before).unwrap().as_secs(), 120);
}

#[test]
fn messages_go_out_in_the_order_in_which_they_were_due() {
    let world = World::new();
    let sql = |number: &str, at: &str| {
        world.execute(&format!(
            "INSERT INTO auto_messages (message, contact_ids, scheduled_at)
             VALUES ('x', '{number}', '{at}')"
        ));
    };
    sql("081200007003", "2026-12-01 00:50");
    sql("081200007001", "2026-12-01 00:30");
    sql("081200007002", "2026-12-01 00:40");
    world.run();
    let last: Vec<_> = world.recipients().iter().map(|chat| chat[12..13].to_owned()).collect();
    assert_eq!(last, ["1", "2", "3"]);
}
