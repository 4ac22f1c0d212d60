//! Typing before a message: slower and never faster, and whatever comes of it changes no outcome.

use std::time::Duration;

use auto_message_scheduler::clock::Clock;
use auto_message_scheduler::send_window::Gap;

use crate::world::{World, gaps};

fn with_typing() -> World {
    let mut builder = World::builder();
    builder.config.typing_max = Some(Duration::from_secs(10));
    builder.build()
}

/// The POSTs that WAHA got, in order.
fn posts(world: &World) -> Vec<String> {
    let requests = world.waha.requests().into_iter().filter(|request| request.method == "POST");
    requests.map(|request| request.path.trim_start_matches("/api/").to_owned()).collect()
}

#[test]
fn somebody_is_seen_typing_before_each_message_and_the_gap_only_grows() {
    let world = with_typing();
    world.message("081200007001, 081200007002, 081200007003");
    world.run();
    assert_eq!(posts(&world), ["startTyping", "stopTyping", "sendText"].repeat(3));
    let gaps = gaps(&world.received());
    assert!(gaps.iter().all(|gap| (61..=63).contains(gap)), "{gaps:?}");
}

#[test]
fn a_longer_text_is_typed_longer_up_to_the_setting() {
    for (length, secs) in [(1, 1..=2), (80, 5..=7), (60_000, 7..=10)] {
        let world = with_typing();
        let id = world.message("081200007001");
        let text = "x".repeat(length);
        world.execute(&format!("UPDATE auto_messages SET message = '{text}' WHERE id = {id}"));
        let before = world.clock.now().wall;
        world.run();
        let typed = world.received()[0].at.since(before).as_secs();
        assert!(secs.contains(&typed), "{length} characters: {typed} s");
    }
}

#[test]
fn while_it_types_nothing_is_claimed_and_an_edit_still_counts() {
    let world = with_typing();
    let id = world.message("081200007001");
    world.trigger();
    world.step();
    assert_eq!(posts(&world), ["startTyping"]);
    assert_eq!(world.ask("SELECT status || attempts FROM deliveries"), "pending0");
    world.execute(&format!("UPDATE auto_messages SET message = 'Maaf' WHERE id = {id}"));
    world.run();
    assert_eq!(world.received()[0].text, "Maaf");
}

#[test]
fn a_message_that_is_cancelled_while_it_types_is_not_sent() {
    let world = with_typing();
    let id = world.message("081200007001");
    world.trigger();
    world.step();
    world.execute(&format!("UPDATE auto_messages SET status = 'cancelled' WHERE id = {id}"));
    world.run();
    assert_eq!(posts(&world), ["startTyping"]);
    assert!(world.received().is_empty());
}

#[test]
fn a_crash_while_it_types_leaves_nothing_unknown() {
    let mut world = with_typing();
    world.message("081200007001");
    world.trigger();
    world.step();
    world.restart();
    world.run();
    assert_eq!(world.ask("SELECT status || attempts FROM deliveries"), "sent1");
    assert_eq!(posts(&world), ["startTyping", "startTyping", "stopTyping", "sendText"]);
}

#[test]
fn a_trigger_while_it_types_does_not_hurry_it() {
    let world = with_typing();
    world.message("081200007001");
    let before = world.clock.now().wall;
    world.trigger();
    world.step();
    world.run();
    assert!(world.received()[0].at.since(before).as_millis() >= 1500);
    assert_eq!(posts(&world).len(), 3);
}

#[test]
fn trouble_with_the_session_that_is_found_by_typing_holds_the_channel() {
    let world = with_typing();
    world.message("081200007001, 081200007002");
    world.trigger();
    world.step_until_received(1);
    // The session was WORKING so lately that it is not looked at again.
    world.execute("UPDATE channels SET ready_at = NULL");
    world.waha.set_status("default", "SCAN_QR_CODE");
    assert_eq!(world.run().pending, 1);
    let row = world.ask("SELECT held_kind FROM channels");
    assert_eq!(row, "session");
    assert_eq!(world.ask("SELECT max(attempts) FROM deliveries WHERE status = 'pending'"), "0");
}

#[test]
fn with_jitter_and_typing_the_pace_keeps_at_least_the_delay() {
    let mut builder = World::builder();
    builder.config.gap = Gap { delay: Duration::from_secs(20), jitter: Duration::from_secs(7) };
    builder.config.typing_max = Some(Duration::from_secs(3));
    let world = builder.build();
    let numbers: Vec<String> = (0..20).map(|n| format!("0812000070{n:02}")).collect();
    world.message(&numbers.join(","));
    world.run();
    let gaps = gaps(&world.received());
    assert_eq!(gaps.len(), 19);
    assert!(gaps.iter().all(|gap| (20..=30).contains(gap)), "{gaps:?}");
}

#[test]
fn without_the_setting_nobody_types() {
    let world = World::new();
    world.message("081200007001");
    world.run();
    assert_eq!(posts(&world), ["sendText"]);
}
