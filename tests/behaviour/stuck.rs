//! A session that takes messages and brings none to WhatsApp's server: said wherever a person looks.

use std::sync::Arc;
use std::time::Duration;

use auto_message_scheduler::alarm::{Alerts, Watch};
use auto_message_scheduler::clock::Clock;
use auto_message_scheduler::config::{Config, Secret};
use auto_message_scheduler::delivery::{Ack, MessageId};
use auto_message_scheduler::http_client::HttpClient;
use auto_message_scheduler::store::{MessageEvent, SessionEvent, Store, Stuck};

use crate::receiver::{Mood, Receiver};
use crate::world::World;

fn world() -> World {
    let mut builder = World::builder();
    builder.in_memory = true;
    builder.build()
}

fn store(world: &World) -> Store {
    Store::open(&world.path).unwrap()
}

/// Sends to so many people, a minute apart.
fn send(world: &World, count: usize) {
    let numbers: Vec<String> = (0..count).map(|n| format!("08120000{:04}", 7001 + n)).collect();
    world.message(&numbers.join(","));
    world.run();
}

/// An event of WAHA's for each delivery that has no ack as high.
fn ack_all(world: &World, ack: Ack) {
    let sql = format!(
        "SELECT waha_message_id FROM deliveries WHERE coalesce(ack, -9) < {}",
        ack.number()
    );
    for id in world.rows(&sql) {
        let message = MessageId { bare: id.clone(), from_me: Some(true), chat_id: None };
        let event_id = format!("{id}-{}", ack.number());
        let event =
            MessageEvent { event_id: &event_id, message: &message, ack: Some(ack), echo: None };
        store(world).write(|tx| tx.take_message_event(&event, world.clock.wall())).unwrap();
    }
}

fn stuck(world: &World) -> Option<Stuck> {
    let now = world.clock.wall();
    store(world).read(|tx| tx.stuck_session(&tx.channel(1)?.unwrap(), now)).unwrap()
}

#[test]
fn twenty_sends_that_stay_at_ack_0_for_an_hour_are_a_stuck_session() {
    let world = world();
    send(&world, 20);
    ack_all(&world, Ack::Pending);
    assert_eq!(stuck(&world), None, "some are too fresh");
    world.clock.pass(Duration::from_hours(1));
    let found = stuck(&world).unwrap();
    assert_eq!((found.count, found.has_acks), (20, false));
    let words = found.reason().to_string();
    assert!(words.starts_with(
        "20 messages have not reached WhatsApp's server: restart the session (if they did arrive"
    ));
    ack_all(&world, Ack::Server);
    assert_eq!(stuck(&world), None, "they got there");
}

#[test]
fn where_acks_come_five_in_a_row_are_enough_and_a_later_ack_or_a_new_start_ends_it() {
    let world = world();
    send(&world, 1);
    ack_all(&world, Ack::Device);
    send(&world, 4);
    ack_all(&world, Ack::Pending);
    world.clock.pass(Duration::from_hours(2));
    assert_eq!(stuck(&world), None, "four may be chance");
    send(&world, 1);
    ack_all(&world, Ack::Pending);
    world.clock.pass(Duration::from_hours(2));
    let found = stuck(&world).unwrap();
    assert_eq!((found.count, found.has_acks), (5, true));
    assert!(found.reason().to_string().ends_with("restart the session"));

    let event = SessionEvent {
        event_id: Some("s"),
        session: "default",
        is_working: true,
        at_millis: Some(world.clock.wall().millis()),
    };
    store(&world).write(|tx| tx.take_session_event(&event, world.clock.wall())).unwrap();
    assert_eq!(stuck(&world), None, "the session was restarted");
    world.clock.pass(Duration::from_mins(1));
    send(&world, 5);
    ack_all(&world, Ack::Pending);
    world.clock.pass(Duration::from_hours(2));
    assert_eq!(stuck(&world).map(|one| one.count), Some(5), "and is stuck again");
    let newest = "UPDATE deliveries SET ack = 1 WHERE id = (SELECT max(id) FROM deliveries)";
    world.execute(newest);
    assert_eq!(stuck(&world), None, "one that got there says that the session works");
}

#[test]
fn without_events_or_to_groups_alone_nobody_is_alarmed() {
    let world = world();
    send(&world, 25);
    world.clock.pass(Duration::from_hours(5));
    assert_eq!(stuck(&world), None, "no webhook: no ack at all");
    world.execute("UPDATE deliveries SET ack = 0, chat_id = id || '@g.us'");
    assert_eq!(stuck(&world), None, "groups");
    world.execute("UPDATE deliveries SET ack = 0, chat_id = id || '@c.us'");
    assert!(stuck(&world).is_some());
    world.clock.pass(Duration::from_hours(8 * 24));
    assert_eq!(stuck(&world), None, "history");
}

#[test]
fn a_stuck_session_is_told_once_until_it_was_well_again() {
    let world = world();
    let receiver = Receiver::new(Mood::Answers(200));
    store(&world).write(|tx| tx.set_alerts_on(true)).unwrap();
    let config = Config { stale_after: None, ..world.config.clone() };
    let watch = Watch { config: config.into(), began: world.clock.now().monotonic };
    let client = HttpClient::new(Duration::from_millis(300)).brief(Duration::from_millis(300));
    let url = Secret::new(receiver.url("/alert"));
    let mut alerts = Alerts::new(store(&world), url, client, watch, Arc::clone(&world.triggers));
    let mut told = || {
        for _ in 0..3 {
            world.clock.pass(Duration::from_mins(6));
            alerts.step(world.clock.now());
        }
        let bodies = receiver.take().into_iter().map(|(_, body)| body);
        let bodies = bodies.map(|body| serde_json::from_str::<serde_json::Value>(&body).unwrap());
        bodies.collect::<Vec<_>>()
    };
    send(&world, 1);
    ack_all(&world, Ack::Server);
    send(&world, 6);
    ack_all(&world, Ack::Pending);
    world.clock.pass(Duration::from_hours(1));
    let first = told();
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(
        (first[0]["event"].as_str(), first[0]["count"].as_u64()),
        (Some("session_stuck"), Some(6))
    );
    let text = first[0]["text"].as_str().unwrap();
    assert!(text.contains("6 messages have not reached WhatsApp's server: restart the session"));
    assert!(told().is_empty(), "once");
    ack_all(&world, Ack::Server);
    assert!(told().is_empty());
    send(&world, 6);
    ack_all(&world, Ack::Pending);
    world.clock.pass(Duration::from_hours(1));
    assert_eq!(told().len(), 1, "again, after it was well");
}

#[test]
fn status_and_doctor_say_that_a_session_is_stuck() {
    let site = crate::site::Site::new();
    site.sql()
        .execute_batch(
            "INSERT INTO auto_messages (id, message, status, scheduled_at)
                 VALUES (1, 'x', 'sent', datetime('now', '-3 hours'));
             INSERT INTO deliveries (auto_message_id, due_at, channel_id, chat_id, status, attempts, text,
                 waha_message_id, ack, claimed_at, finished_at)
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 21)
             SELECT 1, '2026-01-01T00:00:00Z', 1, i || '@c.us', 'sent', 1, 'x', 'A' || i, 0,
                 strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-3 hours'),
                 strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-3 hours') FROM n",
        )
        .unwrap();
    let said = |arguments: &[&str]| {
        let output = site.run(arguments);
        String::from_utf8(output.stdout).unwrap()
    };
    let words = "21 messages have not reached WhatsApp's server: restart the session";
    assert!(said(&["status"]).contains(words), "{}", said(&["status"]));
    let status: serde_json::Value = serde_json::from_str(&said(&["status", "--json"])).unwrap();
    let channels = status["data"]["channels"].as_array().or(status["channels"].as_array()).unwrap();
    assert_eq!(channels[0]["not_at_server"], 21);
    let doctor = said(&["doctor"]);
    assert!(doctor.contains("21 messages have not reached WhatsApp's"), "{doctor}");
}
