//! WhatsApp warns of a number: for a week it sends half as much on a day.

use std::time::Duration;

use auto_message_scheduler::forecast::{self, Fate, Seen};
use serde_json::json;

use crate::message_commands::store;
use crate::world::{Builder, World};

/// A WAHA that shows a warning, and a channel with or without a limit.
fn world(limit: Option<u32>) -> World {
    let mut builder: Builder = World::builder();
    builder.config.allowance.daily_limit = limit;
    builder.config.late_limit = Duration::from_hours(24 * 30);
    let world = builder.build();
    warn(&world, "FIRST_WARNING");
    world
}

fn warn(world: &World, status: &str) {
    world.waha.set_me("default", json!({ "messageCapping": { "cappingStatus": status } }));
}

fn people(count: u32) -> String {
    (0..count).map(|one| format!("08120000{one:04}")).collect::<Vec<_>>().join(",")
}

fn sent_today(world: &World) -> String {
    world.ask("SELECT claimed FROM channel_days ORDER BY day DESC LIMIT 1")
}

#[test]
fn a_warning_halves_the_daily_limit_from_the_send_that_sees_it() {
    let world = world(Some(7));
    world.message(&people(7));
    world.run();
    assert_eq!((world.received().len(), sent_today(&world).as_str()), (3, "3"));
    world.clock.pass(Duration::from_hours(24));
    world.run();
    assert_eq!((world.received().len(), sent_today(&world).as_str()), (6, "3"));
}

#[test]
fn without_a_limit_it_is_half_of_the_busiest_of_seven_days_and_not_half_of_the_half() {
    let world = world(None);
    world.execute(
        "INSERT INTO channel_days (channel_id, day, claimed)
             VALUES (1, '2026-11-22', 100), (1, '2026-11-27', 24), (1, '2026-11-29', 9)",
    );
    world.message(&people(40));
    world.run();
    assert_eq!(sent_today(&world), "12");
    warn(&world, "SECOND_WARNING");
    world.clock.pass(Duration::from_hours(24));
    world.run();
    assert_eq!(sent_today(&world), "12");
    let row = "SELECT warning || ' ' || date(warned_at) || ' ' || warned_limit FROM channels WHERE id = 1";
    assert_eq!(world.ask(row), "SECOND_WARNING 2026-12-02 12");
}

#[test]
fn seven_days_after_it_was_last_seen_a_warning_is_over() {
    let world = world(Some(40));
    world.message("081200000001");
    world.run();
    warn(&world, "NONE");
    for (hours, limit) in [(6 * 24, 20), (24, 40)] {
        world.clock.pass(Duration::from_hours(hours));
        world.message(&people(50));
        world.run();
        assert_eq!(sent_today(&world), limit.to_string(), "{hours} h later");
        world.execute("UPDATE auto_messages SET status = 'cancelled' WHERE status = 'sending'");
    }
}

#[test]
fn a_forecast_counts_with_a_warning_and_with_its_end() {
    let world = world(Some(10));
    world.message("081200000001");
    world.run();
    warn(&world, "NONE");
    world.message(&people(60));
    let mut days = std::collections::BTreeMap::<String, u32>::new();
    let bounds = forecast::Bounds { messages: 10, recipients: 100 };
    let now = world.clock.wall();
    forecast::forecast(
        &mut store(&world),
        forecast::Scope::All,
        &world.config,
        bounds,
        now,
        &mut |seen| {
            if let Seen::Recipient(row) = seen
                && let Fate::GoesOut { at } = row.fate
            {
                let local = auto_message_scheduler::send_window::Day::of(&world.config.zone, at);
                *days.entry(local.to_string()).or_default() += 1;
            }
        },
    )
    .unwrap();
    let counts: Vec<u32> = days.into_values().collect();
    assert_eq!(counts, [4, 5, 5, 5, 5, 5, 5, 10, 10, 6]);
}
