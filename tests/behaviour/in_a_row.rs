//! A channel without a delay: what is recorded and what is claimed next share a commit, and a few go
//! out before the other channels have their turn.

use std::time::Duration;

use auto_message_scheduler::fake_waha::{Engine, Options};
use auto_message_scheduler::pace::Gap;

use crate::world::World;

/// A world without a delay, and with an engine that has no ids to ask for.
fn world() -> World {
    let mut builder = World::builder();
    builder.gap = Gap { delay: Duration::ZERO, jitter: Duration::ZERO };
    builder.options = Options { engine: Engine::Webjs, ..Options::default() };
    builder.build()
}

fn numbers(count: usize) -> String {
    (1..=count).map(|n| format!("0812000070{n:02}")).collect::<Vec<_>>().join(", ")
}

#[test]
fn all_are_sent_once_and_the_other_channels_are_not_kept_waiting() {
    let world = world();
    world.execute("INSERT INTO channels (id, name, session_name) VALUES (2, 'dua', 'dua')");
    let many = world.message(&numbers(20));
    let one = world.message("081300007010");
    world.execute(&format!("UPDATE auto_messages SET channel_id = 2 WHERE id = {one}"));
    world.clock.pass_at_reading(20, Duration::from_millis(1)); // somewhere among the first ones
    let report = world.run();
    assert_eq!(report.deliveries.sent, 21);
    let recipients = world.recipients();
    let mut sorted = recipients.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), 21);
    let turn = recipients.iter().position(|chat| chat == "6281300007010@c.us");
    assert_eq!(turn, Some(16));
    assert_eq!((world.status(many), world.status(one)), ("sent".into(), "sent".into()));
    let counts = "SELECT sent_count || ' of ' || contact_count FROM auto_messages WHERE id = 1";
    assert_eq!(world.ask(counts), "20 of 20");
    assert_eq!(world.ask("SELECT sum(claimed) FROM channel_days"), "21");
}

#[test]
fn what_cannot_be_claimed_next_keeps_back_no_outcome() {
    let world = world();
    let good = world.message("081200007001");
    let broken = world.message("081200007002");
    world.execute("UPDATE channels SET held_reason = 'for a moment'");
    world.trigger();
    while world.ask("SELECT count(*) FROM deliveries") != "2" {
        world.step();
    }
    world.execute("UPDATE auto_messages SET message = CAST(x'48ff' AS TEXT) WHERE id = 2");
    world.execute("UPDATE channels SET held_reason = NULL");
    world.run();
    assert_eq!(world.recipients(), ["6281200007001@c.us"]);
    assert_eq!((world.status(good), world.status(broken)), ("sent".into(), "failed".into()));
    assert_eq!(world.ask("SELECT count(*) FROM deliveries WHERE status = 'sent'"), "1");
    assert!(world.ask("SELECT error FROM deliveries WHERE status = 'failed'").contains("read"));
}

#[test]
fn placeholders_are_filled_in_for_each() {
    let world = world();
    world.execute(
        "INSERT INTO contacts (id, name, phone_number) VALUES
             (1, 'Budi', '081200007001'), (2, 'Siti', '081200007002'), (3, 'Agus', '081200007003')",
    );
    world.message("[1,2,3]");
    world.execute("UPDATE auto_messages SET message = 'Halo {{name}}'");
    world.run();
    let texts: Vec<String> = world.received().into_iter().map(|one| one.text).collect();
    assert_eq!(texts, ["Halo Budi", "Halo Siti", "Halo Agus"]);
}

#[test]
fn a_send_whose_fate_is_unknown_is_followed_by_a_look_at_the_session() {
    let world = world();
    world.message("081200007001, 081200000502, 081200007003");
    let report = world.run();
    assert_eq!((report.deliveries.sent, report.deliveries.unknown), (2, 1));
    assert_eq!(world.received().len(), 3);
}
