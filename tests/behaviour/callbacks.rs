//! Callbacks in the world with the simulated clock: each fact is told, in order, signed, and for
//! three days.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use auto_message_scheduler::alarm::Callbacks;
use auto_message_scheduler::clock::Clock;
use auto_message_scheduler::config::{CallbackTarget, Config};
use auto_message_scheduler::fail_point::{Crash, crash_at};
use auto_message_scheduler::http_client::HttpClient;
use auto_message_scheduler::store::Store;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::receiver::{Mood, Receiver};
use crate::world::World;

/// 32 bytes.
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// The settings of a site that tells `receiver` of `events`.
fn target(receiver: &Receiver, events: &str, numbers: &str) -> CallbackTarget {
    let values = [
        ("CALLBACK_URL", receiver.url("/hook/rahasia").as_str()),
        ("CALLBACK_SECRET", SECRET),
        ("CALLBACK_EVENTS", events),
        ("CALLBACK_NUMBERS", numbers),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()));
    Config::from_values(HashMap::from(values)).unwrap().callback.unwrap()
}

/// From now on `receiver` is told of `events`.
fn callbacks(world: &World, receiver: &Receiver, events: &str) -> Callbacks {
    teller(world, target(receiver, events, "0"))
}

fn teller(world: &World, target: CallbackTarget) -> Callbacks {
    let mut store = Store::open(&world.path).unwrap();
    store.write(|tx| tx.want_callbacks(&target.events)).unwrap();
    let timeout = Duration::from_millis(300);
    Callbacks::new(store, target, HttpClient::new(timeout).brief(timeout))
}

/// Steps for so long; what was told.
fn told_within(
    world: &World,
    callbacks: &mut Callbacks,
    receiver: &Receiver,
    time: Duration,
) -> Vec<Value> {
    let until = world.clock.now().monotonic + time;
    while world.clock.now().monotonic < until {
        world.clock.pass(callbacks.step(world.clock.now()).unwrap());
    }
    receiver.take().iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect()
}

fn told(world: &World, callbacks: &mut Callbacks, receiver: &Receiver) -> Vec<Value> {
    told_within(world, callbacks, receiver, Duration::from_secs(1))
}

fn types(told: &[Value]) -> Vec<&str> {
    told.iter().map(|one| one["type"].as_str().unwrap()).collect()
}

#[test]
fn the_end_of_a_message_is_told_with_its_counts_and_metadata_and_signed() {
    let world = World::new();
    let receiver = Receiver::new(Mood::Answers(204));
    let mut callbacks = callbacks(&world, &receiver, "message.finished");
    let id = world.message("081200007001, 081200000400, belum");
    world.execute("UPDATE auto_messages SET metadata = '{\"order\":[7,\"é\"]}'");
    world.run();
    let all = told(&world, &mut callbacks, &receiver);
    assert_eq!(types(&all), ["message.finished"]);
    assert!(all[0]["timestamp"].is_string());
    let data = &all[0]["data"];
    assert_eq!(data["id"], id);
    assert_eq!(data["status"], "sent");
    assert_eq!(data["due_at"], "2026-12-01T01:00:00Z");
    assert_eq!(data["next_at"], Value::Null);
    assert_eq!(data["counts"], json!({"sent": 1, "failed": 1, "skipped": 1, "unknown": 0}));
    assert_eq!(data["metadata"], json!({"order": [7, "é"]}));
    assert!(told(&world, &mut callbacks, &receiver).is_empty(), "it is told once");
}

#[test]
fn the_headers_are_those_of_standard_webhooks() {
    let world = World::new();
    let receiver = Receiver::new(Mood::Answers(200));
    let mut callbacks = callbacks(&world, &receiver, "message.failed");
    world.message("belum");
    world.run();
    callbacks.step(world.clock.now());
    let (line, body) = receiver.take().remove(0);
    let head = receiver.take_heads().remove(0);
    assert_eq!(line, "POST /hook/rahasia");
    assert_eq!(head["content-type"], "application/json");
    let (id, at) = (&head["webhook-id"], &head["webhook-timestamp"]);
    assert!(id.starts_with("msg_") && id.len() == 36, "{id}");
    assert_eq!(*at, world.clock.wall().secs().to_string());
    let mut mac = Hmac::<Sha256>::new_from_slice(b"0123456789abcdef0123456789abcdef").unwrap();
    mac.update(format!("{id}.{at}.{body}").as_bytes());
    let right = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(head["webhook-signature"], right);
}

#[test]
fn without_callback_url_no_row_is_written() {
    let world = World::new();
    world.message("081200007001, belum");
    world.run();
    world.execute("UPDATE channels SET held_reason = 'x'; UPDATE deliveries SET ack = 3");
    assert_eq!(world.ask("SELECT count(*) FROM callbacks"), "0");
}

#[test]
fn each_event_of_the_list_is_told_when_it_happens_in_the_order_of_what_happened() {
    let world = World::new();
    let receiver = Receiver::new(Mood::Answers(200));
    let mut callbacks = callbacks(&world, &receiver, "all");
    // One is sent, WAHA refuses one, one fails in between and one is nobody.
    world.message("081200007001, 081200000400, 081200000502, belum");
    world.run();
    let all = told(&world, &mut callbacks, &receiver);
    let ends = ["delivery.skipped", "delivery.sent", "delivery.failed", "delivery.unknown"];
    assert_eq!(types(&all)[..4], ends);
    assert_eq!(types(&all)[4..], ["message.finished"]);
    assert_eq!(all[1]["data"]["message_id"], 1);
    world.execute("UPDATE deliveries SET ack = 1 WHERE status = 'sent'");
    assert!(told(&world, &mut callbacks, &receiver).is_empty());
    world.execute("UPDATE deliveries SET ack = 3 WHERE status = 'sent'");
    world.execute("UPDATE deliveries SET ack = 4 WHERE status = 'sent'");
    let all = told(&world, &mut callbacks, &receiver);
    assert_eq!(types(&all), ["delivery.delivered", "delivery.read"]);
    for (sql, expected) in [
        (
            "UPDATE deliveries SET status = 'expired' WHERE status = 'unknown'",
            &["delivery.expired"][..],
        ),
        ("UPDATE auto_messages SET status = 'failed'", &["message.finished", "message.failed"]),
        ("INSERT INTO contacts (name, phone_number) VALUES ('Budi', '+6281200007001')", &[]),
        ("UPDATE contacts SET opted_out_at = '2026-12-01T00:00:00Z'", &["contact.opted_out"]),
        ("UPDATE contacts SET opted_out_at = '2026-12-02T00:00:00Z', name = 'B'", &[]),
        ("UPDATE channels SET held_reason = 'libur'", &["channel.held"]),
        ("UPDATE channels SET held_reason = 'libur panjang'", &[]),
        ("UPDATE channels SET held_reason = NULL", &["channel.freed"]),
        (
            "INSERT INTO auto_messages (message, status) VALUES ('x', 'scheduled');
             UPDATE auto_messages SET status = 'cancelled' WHERE id = 2",
            &["message.finished"],
        ),
    ] {
        world.execute(sql);
        assert_eq!(types(&told(&world, &mut callbacks, &receiver)), expected, "{sql}");
    }
}

#[test]
fn each_occurrence_of_a_repeating_message_is_told_with_the_next_one() {
    let world = World::new();
    let receiver = Receiver::new(Mood::Answers(200));
    let mut callbacks = callbacks(&world, &receiver, "message.finished, message.failed");
    world.execute(
        "INSERT INTO auto_messages (message, contact_ids, schedules) VALUES ('x', '081200007001',
             '[{\"date\":\"2026-12-01\",\"time\":\"08:01\"},{\"date\":\"2026-12-02\",\"time\":\"08:00\"}]')",
    );
    world.run();
    world.clock.pass(Duration::from_mins(2));
    world.run();
    let all = told(&world, &mut callbacks, &receiver);
    assert_eq!(types(&all), ["message.finished"]);
    assert_eq!(all[0]["data"]["status"], "sent");
    assert_eq!(all[0]["data"]["due_at"], "2026-12-01T01:01:00Z");
    assert_eq!(all[0]["data"]["next_at"], "2026-12-02T01:00:00Z");
    world.execute(
        "UPDATE contacts SET phone_number = ''; UPDATE auto_messages SET contact_ids = 'x'",
    );
    world.clock.pass(Duration::from_hours(24));
    world.run();
    let all = told(&world, &mut callbacks, &receiver);
    assert_eq!(types(&all), ["message.finished", "message.failed"]);
    assert_eq!(all[1]["data"]["status"], "failed");
    assert!(all[1]["data"]["code"].is_string(), "{all:?}");
}

#[test]
fn numbers_and_names_go_along_only_when_the_setting_says_so() {
    for (numbers, is_shown) in [("0", false), ("1", true)] {
        let world = World::new();
        let receiver = Receiver::new(Mood::Answers(200));
        let mut callbacks = teller(&world, target(&receiver, "all", numbers));
        world.execute("INSERT INTO contacts (name, phone_number) VALUES ('Budi', '081200007001')");
        world.message("1, 0812000070029999999, 081200000400");
        world.run();
        world.execute("UPDATE contacts SET opted_out_at = '2026-12-01T00:00:00Z'");
        let text = json!(told(&world, &mut callbacks, &receiver)).to_string();
        for word in ["81200007001", "Budi", "0812000070029999999", "81200000400"] {
            assert_eq!(text.contains(word), is_shown, "{word} in {text}");
        }
        assert!(!text.contains("Halo"), "the text goes nowhere");
    }
}

#[test]
fn a_message_whose_callback_fails_waits_in_order_and_the_others_do_not_wait_for_it() {
    let world = World::new();
    let receiver = Receiver::new(Mood::Answers(500));
    let mut callbacks = callbacks(&world, &receiver, "delivery.sent, message.finished");
    world.message("081200007001");
    world.run();
    callbacks.step(world.clock.now());
    receiver.set_mood(Mood::Answers(200));
    let first = receiver.take().remove(0).1;
    world.execute("UPDATE callbacks SET next_attempt_at = '2026-12-01T02:00:00Z' WHERE id = 1");
    world.message("081200007002");
    world.run();
    let all = told_within(&world, &mut callbacks, &receiver, Duration::from_secs(20));
    assert_eq!(types(&all), ["delivery.sent", "message.finished"]);
    assert!(all.iter().all(|one| one["data"].to_string().contains(":2")), "{all:?}");
    let all = told_within(&world, &mut callbacks, &receiver, Duration::from_hours(1));
    assert_eq!(types(&all), ["delivery.sent", "message.finished"]);
    assert_eq!(all[0], serde_json::from_str::<Value>(&first).unwrap(), "the same again");
    let ids: Vec<String> =
        receiver.take_heads().iter().map(|head| head["webhook-id"].clone()).collect();
    assert_eq!(ids[0], ids[3], "with the same id");
    assert_ne!(ids[0], ids[4]);
}

#[test]
fn a_receiver_that_fails_is_tried_for_three_days_with_growing_gaps_and_by_hand_after_that() {
    for mood in [Mood::Answers(410), Mood::Answers(302), Mood::Hangs] {
        let world = World::new();
        let receiver = Receiver::new(mood);
        let mut callbacks = callbacks(&world, &receiver, "all");
        world.execute("UPDATE channels SET held_reason = 'x'");
        let began = world.clock.now().monotonic;
        let mut tries = Vec::new();
        for _ in 0..200_000 {
            let wait = callbacks.step(world.clock.now()).unwrap();
            let secs = world.clock.now().monotonic.saturating_sub(began).as_secs();
            tries.extend(receiver.take().iter().map(|_| secs));
            world.clock.pass(wait.max(Duration::from_secs(if secs > 60 { 20 } else { 0 })));
            if mood == Mood::Hangs && tries.len() == 2 || tries.len() == 30 {
                break;
            }
            if world.ask("SELECT status FROM callbacks") == "failed" {
                break;
            }
        }
        let gaps: Vec<u64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.is_sorted() && gaps[0] >= 5, "{gaps:?}");
        if mood == Mood::Hangs {
            continue;
        }
        assert!(tries.len() < 25, "{tries:?}");
        let last = *tries.last().unwrap();
        assert!((3 * 86_400..4 * 86_400).contains(&last), "{tries:?}");
        receiver.set_mood(Mood::Answers(200));
        assert!(told(&world, &mut callbacks, &receiver).is_empty(), "given up is over");
        world.execute("UPDATE channels SET held_reason = NULL");
        let later = told_within(&world, &mut callbacks, &receiver, Duration::from_mins(5));
        assert_eq!(types(&later), ["channel.freed"]);
    }
}

#[test]
fn of_too_many_the_oldest_are_dropped_and_counted() {
    let world = World::new();
    let receiver = Receiver::new(Mood::Answers(500));
    let mut callbacks = callbacks(&world, &receiver, "all").with_waiting_max(10);
    for hold in ["'x'", "NULL"].iter().cycle().take(25) {
        world.execute(&format!("UPDATE channels SET held_reason = {hold}"));
    }
    callbacks.step(world.clock.now());
    assert_eq!(world.rows("SELECT min(id), max(id), count(*) FROM callbacks"), ["16|25|10"]);
    let counts = Store::open(&world.path).unwrap().read(|tx| tx.callback_counts()).unwrap();
    assert_eq!((counts.waiting, counts.failed, counts.dropped), (10, 0, 15));
}

#[test]
fn of_what_was_told_the_newest_thousand_stay() {
    let world = World::new();
    let receiver = Receiver::new(Mood::Answers(200));
    let mut callbacks = callbacks(&world, &receiver, "all");
    world.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
         INSERT INTO callbacks (event, subject, data, status) SELECT 'test', 'x', '{}', 'told' FROM n;
         UPDATE channels SET held_reason = 'x'",
    );
    told(&world, &mut callbacks, &receiver);
    assert_eq!(world.ask("SELECT count(*) FROM callbacks"), "1000");
}

/// A crash at every place between the fact and the mark that it was told.
#[test]
fn whatever_dies_between_fact_and_telling_no_fact_is_untold() {
    let mut crashes = 0;
    for places in 1..60 {
        let mut world = World::new();
        let receiver = Receiver::new(Mood::Answers(200));
        let mut teller = callbacks(&world, &receiver, "all");
        world.message("081200007001, belum");
        crash_at(places);
        let work = || {
            world.run();
            told(&world, &mut teller, &receiver)
        };
        let died = catch_unwind(AssertUnwindSafe(work));
        crash_at(0);
        let is_crash = died.as_ref().is_err_and(|why| why.is::<Crash>());
        assert!(died.is_ok() || is_crash, "another panic");
        crashes += usize::from(is_crash);
        drop(teller);
        world.restart();
        world.run();
        // A look-up decides of what was under way.
        world.clock.pass(Duration::from_mins(5));
        world.run();
        let mut teller = callbacks(&world, &receiver, "all");
        told(&world, &mut teller, &receiver);
        let facts = world.ask("SELECT count(*) FROM callbacks");
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for head in receiver.take_heads() {
            *times.entry(head["webhook-id"].clone()).or_default() += 1;
        }
        assert_eq!(times.len().to_string(), facts, "place {places}: a fact is untold");
        let again: usize = times.values().map(|times| times - 1).sum();
        assert!(again <= 1, "place {places}: {times:?}");
        let ended = "SELECT status FROM auto_messages WHERE status NOT IN ('sent', 'failed')";
        assert!(world.rows(ended).is_empty());
        let finished = "SELECT count(*) > 0 FROM callbacks WHERE event = 'message.finished'";
        assert_eq!(world.ask(finished), "1");
    }
    assert!(crashes > 20, "{crashes}");
}
