//! When WhatsApp shows displeasure a channel stops by itself, and only a person lets it go on.

use std::time::Duration;

use auto_message_scheduler::channels;
use auto_message_scheduler::delivery::{Ack, MessageId};
use auto_message_scheduler::store::MessageEvent;

use crate::message_commands::store;
use crate::webhook::{Planted, Shop};
use crate::world::World;

/// `good` recipients, then `bad` ones that WAHA refuses, in one message.
fn list(good: u32, bad: u32) -> String {
    let good = (0..good).map(|one| format!("\"0812000070{one:02}\""));
    let bad = (0..bad).map(|one| format!("\"08130{one:04}0540\""));
    format!("[{}]", good.chain(bad).collect::<Vec<_>>().join(","))
}

fn held(world: &World) -> String {
    world.ask("SELECT held_kind || ' ' || held_code FROM channels WHERE id = 1")
}

fn resume(world: &World) {
    channels::resume(&mut store(world), "default", world.clock.wall()).unwrap();
}

#[test]
fn six_failures_among_the_last_20_stop_a_channel_until_a_person_frees_it() {
    let world = World::new();
    world.message(&list(14, 5));
    world.run();
    assert_eq!(held(&world), "", "19 are not enough to tell");
    world.message("081300990540");
    world.message("081200007050");
    world.run();
    assert_eq!(held(&world), "breaker many_failed");
    assert_eq!(world.ask("SELECT count(*) FROM deliveries WHERE status = 'pending'"), "1");
    world.clock.pass(Duration::from_hours(5));
    world.run();
    assert_eq!(held(&world), "breaker many_failed", "a session that works does not end it");
    resume(&world);
    world.message("081300980540");
    world.run();
    assert_eq!(held(&world), "", "what a person has seen counts no more");
    assert_eq!(world.ask("SELECT count(*) FROM deliveries WHERE status = 'pending'"), "0");
}

#[test]
fn five_failures_among_20_stop_nothing() {
    let world = World::new();
    world.message(&list(15, 5));
    world.message("081200007050");
    world.run();
    assert_eq!(held(&world), "");
    assert_eq!(world.received().len(), 16);
}

#[test]
fn what_waha_or_a_proxy_refuses_says_nothing_of_the_number() {
    for digits in ["0400", "0413", "0423", "0501"] {
        let world = World::new();
        world.message(&list(14, 0));
        for one in 0..6 {
            world.message(&format!("0813000{one}{digits}"));
        }
        world.message("081200007050");
        world.run();
        let failed = world.ask("SELECT count(*) FROM deliveries WHERE status = 'failed'");
        assert_eq!((failed.as_str(), held(&world).as_str(), world.received().len()), ("6", "", 15));
    }
}

/// WAHA's event for a delivery.
fn ack(world: &World, delivery: u32, ack: Ack) {
    let sql = format!("SELECT waha_message_id FROM deliveries WHERE id = {delivery}");
    let message = MessageId { bare: world.ask(&sql), from_me: Some(true), chat_id: None };
    let event_id = format!("{delivery}-{}", ack.number());
    let event = MessageEvent { event_id: &event_id, message: &message, ack: Some(ack), echo: None };
    store(world).write(|tx| tx.take_message_event(&event, world.clock.wall())).unwrap();
}

#[test]
fn what_whatsapp_refuses_afterwards_counts_once_each() {
    let marks = |world: &World| world.ask("SELECT recent_outcomes FROM channels WHERE id = 1");
    let world = World::new();
    world.message(&list(20, 0));
    world.run();
    for delivery in 1..=5 {
        ack(&world, delivery, Ack::Error);
        ack(&world, delivery, Ack::Error);
    }
    assert_eq!((marks(&world).matches('x').count(), marks(&world).len()), (5, 20));
    ack(&world, 1, Ack::Server);
    assert_eq!(marks(&world).matches('x').count(), 4, "it arrived after all");
    ack(&world, 11, Ack::Error);
    ack(&world, 12, Ack::Error);
    world.message("081200007050");
    world.run();
    assert_eq!((held(&world).as_str(), world.received().len()), ("breaker many_failed", 20));
    resume(&world);
    ack(&world, 13, Ack::Error);
    assert_eq!(marks(&world), "", "of what a person has seen nothing counts any more");
}

#[test]
fn what_a_look_up_proves_counts_too() {
    let world = World::new();
    world.message("081200000777");
    world.execute("UPDATE channels SET recent_outcomes = '...'");
    world.run();
    let unknown = "UPDATE deliveries SET status = 'unknown', ack = NULL, waha_message_id = NULL,
                       next_attempt_at = '2026-12-01T00:00:00Z'";
    world.execute(unknown);
    world.execute("UPDATE channels SET recent_outcomes = '...'");
    world.clock.pass(Duration::from_mins(5));
    world.run();
    let both =
        "SELECT d.status || ' ' || c.recent_outcomes FROM deliveries d, channels c WHERE c.id = 1";
    assert_eq!(world.ask(both), "failed ...x");
}

#[test]
fn a_hold_that_was_ended_with_sqlite3_counts_no_more_either() {
    let world = World::new();
    world.message(&list(14, 6));
    world.message("081200007050");
    world.run();
    assert_eq!(held(&world), "breaker many_failed");
    world.execute("UPDATE channels SET held_reason = NULL");
    world.run();
    assert_eq!(world.received().len(), 15);
}

/// Five sends whose ticks never come, the last an hour and a minute ago, when the last tick came
/// `hours` before.
fn five_without_a_tick(hours: Option<i64>) -> World {
    let world = World::new();
    if let Some(hours) = hours {
        let sql = "UPDATE channels SET acked_at = strftime('%Y-%m-%dT%H:%M:%SZ', ?1, 'unixepoch')";
        let at = world.clock.wall().secs() - hours * 3600;
        world.sql.execute(sql, [at]).unwrap();
    }
    world.message(&list(5, 0));
    world.run();
    world.clock.pass(Duration::from_mins(61));
    world.message("081200007050");
    world.run();
    world
}

#[test]
fn five_in_a_row_without_a_tick_after_an_hour_stop_a_channel_that_had_ticks() {
    let world = five_without_a_tick(Some(24));
    assert_eq!((held(&world).as_str(), world.received().len()), ("breaker no_ticks", 5));
    resume(&world);
    world.run();
    assert_eq!((held(&world).as_str(), world.received().len()), ("", 6));
}

#[test]
fn ticks_that_do_not_come_stop_a_channel_that_has_nothing_more_to_send() {
    let world = World::new();
    world.execute("UPDATE channels SET acked_at = '2026-12-01T00:00:00Z'");
    world.message(&list(5, 0));
    world.run();
    world.clock.pass(Duration::from_mins(61));
    world.run();
    assert_eq!(held(&world), "breaker no_ticks");
}

#[test]
fn a_group_has_no_tick_of_its_own() {
    let world = World::new();
    world.execute("UPDATE channels SET acked_at = '2026-12-01T00:00:00Z'");
    for group in 0..6 {
        world.message(&format!("12036302{group}@g.us"));
    }
    world.run();
    world.clock.pass(Duration::from_mins(61));
    world.run();
    assert_eq!((held(&world).as_str(), world.received().len()), ("", 6));
}

#[test]
fn a_channel_whose_waha_never_sends_ticks_goes_on() {
    for hours in [None, Some(24 * 7 + 1)] {
        let world = five_without_a_tick(hours);
        assert_eq!((held(&world).as_str(), world.received().len()), ("", 6), "{hours:?}");
    }
}

#[test]
fn four_without_a_tick_or_five_for_less_than_an_hour_stop_nothing() {
    let world = World::new();
    world.execute("UPDATE channels SET acked_at = '2026-12-01T00:00:00Z'");
    world.message(&list(4, 0));
    world.run();
    world.clock.pass(Duration::from_hours(3));
    world.message(&list(2, 0));
    world.run();
    assert_eq!((held(&world).as_str(), world.received().len()), ("", 6));
    world.clock.pass(Duration::from_mins(50));
    world.message("081200007050");
    world.run();
    assert_eq!((held(&world).as_str(), world.received().len()), ("", 7));
}

#[test]
fn a_fifth_without_a_tick_an_hour_ago_and_a_tick_seven_days_ago_are_just_enough() {
    for (fifth, tick, reason) in [
        ("2026-12-01T00:00:00Z", "2026-11-24T01:00:00Z", "breaker no_ticks"),
        ("2026-12-01T00:00:01Z", "2026-11-24T01:00:00Z", ""),
        ("2026-12-01T00:00:00Z", "2026-11-24T00:59:59Z", ""),
    ] {
        let world = World::new();
        world.execute(&format!(
            "UPDATE channels SET sends_since_ack = 5, fifth_unacked_at = '{fifth}', acked_at = '{tick}'"
        ));
        world.message("081200007001");
        world.run();
        assert_eq!(held(&world), reason, "{fifth}, {tick}");
    }
}

#[test]
fn a_tick_ends_the_row_of_those_without_one() {
    let shop = Shop::new();
    shop.plant(&Planted {
        status: "sent",
        id: Some("3EB0AA"),
        chat: "6281200007001@c.us",
        text: "x",
    });
    shop.site.sqlite3(
        "UPDATE channels SET sends_since_ack = 7, fifth_unacked_at = '2026-11-22T00:00:00Z'",
    );
    let row = "SELECT sends_since_ack || ' ' || (fifth_unacked_at IS NULL) || ' ' || (acked_at IS NULL) FROM channels";
    assert_eq!(shop.ask(row), "7 0 1");
    shop.ack("3EB0AA", 1);
    assert_eq!(shop.ask(row), "0 1 0");
}

#[test]
fn the_second_restriction_within_a_week_stops_the_channel_and_the_first_lasts_a_day() {
    for (days, kind) in [(6, "breaker restricted_again"), (8, "restricted restricted")] {
        let world = World::new();
        world.message("081200000463");
        world.run();
        assert_eq!(held(&world), "restricted restricted");
        world.clock.pass(Duration::from_hours(25));
        world.run();
        assert_eq!(held(&world), "", "after a day it goes on");
        world.clock.pass(Duration::from_hours(days * 24 - 25));
        world.message("081200990463");
        world.run();
        assert_eq!(held(&world), kind, "{days} days");
        world.clock.pass(Duration::from_hours(25));
        world.run();
        assert_eq!(held(&world).starts_with("breaker"), days == 6);
    }
}

#[test]
fn a_session_that_is_logged_out_twice_in_a_day_stops_its_channel() {
    for (hours, kind) in [(20, "breaker logged_out_again"), (30, "session session_not_working")] {
        let world = World::new();
        // A session that is only being set up was not logged out.
        world.waha.set_status("default", "SCAN_QR_CODE");
        world.message("081200007001");
        world.run();
        world.waha.set_status("default", "WORKING");
        world.run();
        for wait in [0, hours] {
            world.clock.pass(Duration::from_hours(wait));
            world.waha.set_status("default", "SCAN_QR_CODE");
            world.clock.pass(Duration::from_mins(1));
            world.message("081200007002");
            world.run();
            if wait == 0 {
                assert_eq!(held(&world), "session session_not_working");
                world.waha.set_status("default", "WORKING");
                world.run();
                assert_eq!(held(&world), "");
            }
        }
        assert_eq!(held(&world), kind, "{hours} hours");
    }
}
