//! Many new messages by the API, one after the other: each is told what the preview of it says, though not all that waits
//! is looked at for each; and when that is too much, the answer says so.

use std::sync::Arc;
use std::time::Duration;

use auto_message_scheduler::api::{Api, V1, keys};
use auto_message_scheduler::clock::{Clock, Timestamp};
use auto_message_scheduler::config::{Config, Secret};
use auto_message_scheduler::forecast::{Bounds, Scope, forecast};
use auto_message_scheduler::http::Request;
use auto_message_scheduler::store::Can;
use serde_json::{Value, json};

use crate::message_commands::store;
use crate::world::{World, config};

const WORLDS: u64 = 30;
const MOVES: u32 = 40;

struct Program<'a> {
    world: &'a World,
    api: Api,
    key: String,
}

impl<'a> Program<'a> {
    fn new(world: &'a World) -> Self {
        let mut its = store(world);
        let key = keys::add(&mut its, "toko", Can::Both, None, world.clock.wall()).unwrap();
        let clock: Arc<dyn Clock> = world.clock.clone();
        let config =
            Arc::new(Config { database_path: world.path.clone(), ..Config::clone(&world.config) });
        let v1 = V1::new(config, Arc::clone(&clock), Arc::clone(&world.triggers));
        let secret = Secret::new("a-secret-for-tests-0123456789").into();
        let triggers = Arc::clone(&world.triggers);
        let api = Api::new(its, triggers, clock, secret, Duration::ZERO, None).with_v1(v1, &[]);
        Self { world, api, key }
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", path, body)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut request = Request::new(method, &format!("/api/v1{path}"))
            .with("If-Match", "*")
            .with("Authorization", &format!("Bearer {}", self.key));
        if !body.is_null() {
            request.body = body.to_string().into_bytes();
        }
        let answer = self.api.answer(&mut request, true);
        let words = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(answer.status < 300, "{path}: {words}");
        serde_json::from_str(&words).unwrap()
    }

    /// A message in so many minutes, to somebody of channel 1.
    fn new_in(&self, minutes: u64) -> Value {
        let at = self.world.clock.wall().plus(Duration::from_mins(minutes)).to_string();
        self.post("/messages", &json!({ "text": "Halo", "to": ["081200007001"], "at": at }))
    }
}

fn numbers(world: &World, random: &mut fastrand::Rng) {
    for id in 1..=3 {
        let hours = random.choice(["NULL", "'08:00-17:00'", "'07:00-12:00'"]).unwrap();
        let limit = random.choice(["NULL", "3", "9", "20"]).unwrap();
        world.execute(&format!(
            "INSERT OR IGNORE INTO channels (id, name, session_name) VALUES ({id}, 'nomor {id}', 'nomor{id}');
             UPDATE channels SET send_window = {hours}, daily_limit = {limit} WHERE id = {id};"
        ));
    }
}

/// What a preview and a made message both say.
fn said(answer: &Value) -> (Value, Vec<Value>) {
    let warnings = answer["warnings"].as_array().unwrap().iter();
    let foreseen = warnings.filter(|one| one["code"] != "same_message").cloned();
    (answer["last_at"].clone(), foreseen.collect())
}

fn make_one(
    program: &Program<'_>,
    random: &mut fastrand::Rng,
    times: &[Timestamp],
    has_gaps: bool,
) -> bool {
    let mut to: Vec<String> =
        (0..random.usize(1..4)).map(|_| format!("0812000070{:02}", random.u8(..60))).collect();
    if random.u8(..6) == 0 {
        to.push("tag:vip".to_owned());
    }
    let channel = match random.u8(..8) {
        0 => json!([1, 2]),
        1 => json!([3, 1]),
        _ => json!(random.i64(1..4)),
    };
    let at = random.choice(times).unwrap().to_string();
    let mut new = json!({ "text": "Halo", "to": to, "at": at, "channel": channel });
    if has_gaps && random.u8(..10) == 0 {
        new["recipient_gap_hours"] = json!(random.choice([0, 2, 24]));
    }
    let seen = program.post("/messages/preview", &new);
    let made = program.post("/messages", &new);
    assert_eq!(said(&made), said(&seen), "{new}");
    made["last_at"].is_string() && made["warnings"] == json!([])
}

/// Something else than a new message happens.
fn change(program: &Program<'_>, random: &mut fastrand::Rng, times: &[Timestamp]) {
    let world = program.world;
    let id = random.u32(1..=MOVES);
    let waits = format!("id = {id} AND status = 'scheduled'");
    let is_there = world.ask(&format!("SELECT count(*) FROM auto_messages WHERE {waits}")) == "1";
    let at = random.choice(times).unwrap();
    match random.u8(..12) {
        0 => world.execute(&format!("UPDATE auto_messages SET status = 'draft' WHERE {waits}")),
        1..=3 if is_there => {
            let what = random.choice(["cancel", "pause"]).unwrap();
            program.post(&format!("/messages/{id}/{what}"), &Value::Null);
        }
        4..=5 if is_there => {
            program.ask("PATCH", &format!("/messages/{id}"), &json!({ "at": at.to_string() }));
        }
        6 => {
            let number = format!("0812000071{:02}", random.u8(..99));
            let new = json!({ "name": "Siti", "phone_number": number, "tags": ["vip"] });
            program.post("/contacts", &new);
        }
        7 => world.execute("UPDATE channels SET daily_limit = 5 WHERE id = 2"),
        8 => {
            let what = if random.bool() { "pause" } else { "resume" };
            program.post(&format!("/channels/3/{what}"), &Value::Null);
        }
        // What the next tick gives a time, or another one.
        9 => world.execute(&format!(
            "INSERT INTO auto_messages (created_at, message, contact_ids, status, schedules)
             VALUES ('2026-12-01T01:00:00Z', 'Halo', '[\"081200007055\"]', 'scheduled', '[{{\"date\":\"2026-12-01\",\"time\":\"{:02}:00\"}}]')",
            random.u8(9..20)
        )),
        10 => world.execute(&format!(
            "UPDATE auto_messages SET scheduled_zone = 'Asia/Tokyo', schedules = '[{{\"date\":\"2026-12-01\",\"time\":\"15:00\"}}]' WHERE {waits}"
        )),
        _ => {
            world.clock.pass(Duration::from_secs(random.u64(1..90)));
            world.trigger();
            world.step_at_most(Duration::from_secs(random.u64(1..600)));
        }
    }
}

#[test]
fn each_of_many_new_messages_is_told_what_its_preview_says() {
    let (mut in_time, mut made) = (0, 0);
    for seed in 0..WORLDS {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut builder = World::builder();
        builder.in_memory = true;
        builder.config.check_numbers = seed % 10 == 9;
        let has_gaps = seed % 5 == 4;
        let world = builder.build();
        numbers(&world, &mut random);
        let program = Program::new(&world);
        let start = world.clock.wall();
        // At few times, so that many are due at once and each other one comes before what waits.
        let mut times: Vec<Timestamp> =
            (0..6).map(|_| start.plus(Duration::from_mins(random.u64(30..900)))).collect();
        times.sort_unstable();
        for place in 0..MOVES {
            if random.u8(..10) < 3 {
                change(&program, &mut random, &times);
                continue;
            }
            let at_any_time = random.bool();
            let past = times.len() * place as usize / MOVES as usize;
            let later = &times[if at_any_time { 0 } else { past }..];
            made += 1;
            in_time += u32::from(make_one(&program, &mut random, later, has_gaps));
        }
    }
    assert!(made > 600 && in_time > made / 4 && in_time < made, "{in_time} of {made}");
}

#[test]
fn what_was_cancelled_a_moment_ago_is_waited_for_no_more() {
    let world = World::new();
    let program = Program::new(&world);
    let ends = |seconds: u64| {
        json!(world.clock.wall().plus(Duration::from_secs(3600 + seconds)).to_string())
    };
    for place in 0..20 {
        assert_eq!(program.new_in(60)["last_at"], ends(60 * place));
    }
    program.post("/messages/3/cancel", &Value::Null);
    assert_eq!(program.new_in(60)["last_at"], ends(60 * 19), "by the API");
    world.execute("UPDATE auto_messages SET status = 'cancelled' WHERE id = 4");
    assert_eq!(program.new_in(60)["last_at"], ends(60 * 19), "by SQL");
}

#[test]
fn a_message_that_began_too_early_is_counted_once() {
    let world = World::new();
    let program = Program::new(&world);
    // The clock was a day ahead when it began.
    world.execute(
        "INSERT INTO auto_messages (id, message, contact_ids, status, scheduled_at)
             VALUES (1, 'Halo', '[]', 'sending', '2026-12-02T01:00:00Z');
         WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 50)
         INSERT INTO deliveries (auto_message_id, due_at, chat_id, channel_id, status)
             SELECT 1, '2026-12-02T01:00:00Z', (6281300007000 + i) || '@c.us', 1, 'pending' FROM n",
    );
    for _ in 0..3 {
        let at = world.clock.wall().plus(Duration::from_hours(2)).to_string();
        let new = json!({ "text": "Halo", "to": ["081200007001"], "at": at });
        let seen = program.post("/messages/preview", &new);
        assert_eq!(said(&program.post("/messages", &new)), said(&seen));
    }
}

#[test]
fn what_the_next_tick_gives_another_time_counts_at_that_one() {
    let world = World::new();
    let program = Program::new(&world);
    // At 11:00 here, which the next tick finds; in the zone of before it was later.
    let schedules = json!([{ "date": "2026-12-01", "time": "11:00" }]);
    for _ in 0..20 {
        let new = json!({ "text": "Halo", "to": ["081200007001"], "schedules": schedules });
        program.post("/messages", &new);
    }
    world.execute(
        "UPDATE auto_messages SET scheduled_at = '2026-12-01T07:59:00Z', scheduled_zone = 'Africa/Abidjan'",
    );
    for at in ["2026-12-01T05:00:00Z", "2026-12-01T08:00:00Z"] {
        let new = json!({ "text": "Halo", "to": ["081200007001"], "at": at });
        let seen = program.post("/messages/preview", &new);
        let made = program.post("/messages", &new);
        assert_eq!((said(&made), &made["last_at"]), (said(&seen), &json!(at)));
    }
}

#[test]
fn a_conversation_by_a_number_that_is_not_asked_for_counts_in_a_preview_too() {
    let world = World::new();
    for id in 1..=3 {
        world.execute(&format!(
            "INSERT OR REPLACE INTO channels (id, name, session_name) VALUES ({id}, 'nomor {id}', 'nomor{id}')"
        ));
    }
    let chat = "6281200007001@c.us";
    world.execute(&format!(
        "INSERT INTO numbers (chat_id, channel_id, last_sent_at) VALUES ('{chat}', 2, '2026-11-20T01:00:00Z')"
    ));
    let program = Program::new(&world);
    let new = |minutes, channel: Value, to: &str| {
        let at = world.clock.wall().plus(Duration::from_mins(minutes)).to_string();
        json!({ "text": "Halo", "to": [to], "at": at, "channel": channel })
    };
    program.post("/messages", &new(60, json!(3), "081200007001"));
    program.post("/messages", &new(90, json!([1, 2]), "081200007001"));
    // Of those two numbers neither is the last one of that chat by then, so the first one sends.
    let last = new(90, json!(1), "081200007002");
    let seen = program.post("/messages/preview", &last);
    assert_eq!(said(&program.post("/messages", &last)), said(&seen));
    assert_eq!(
        seen["last_at"],
        json!(world.clock.wall().plus(Duration::from_mins(91)).to_string())
    );
    let bounds = Bounds { messages: 100, recipients: 100 };
    let now = world.clock.wall();
    // The channels that have a part in it, also the one that sends nothing of it.
    for (id, channels) in [(1, 1), (2, 2), (3, 1)] {
        let scope = Scope::Message(id);
        let plan = forecast(&mut store(&world), scope, &world.config, bounds, now, &mut |_| {});
        assert_eq!(plan.unwrap().unwrap().channels.len(), channels, "message {id}");
    }
    let start = world.clock.wall();
    for minutes in 59..100 {
        world.work_until(start.plus(Duration::from_mins(minutes)));
        world.trigger();
    }
    let sent = world.ask("SELECT claimed_at FROM deliveries WHERE auto_message_id = 3");
    assert_eq!(json!(sent), seen["last_at"]);
}

#[test]
fn what_goes_out_before_is_not_counted_again_for_a_second_per_thousand() {
    let mut builder = World::builder();
    builder.config = Config { late_limit: Duration::from_hours(48), ..config() };
    builder.config.gap.delay = Duration::from_secs(5);
    let world = builder.build();
    world.execute(
        "INSERT INTO channels (id, name, session_name) VALUES (2, 'nomor 2', 'nomor2');
         WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
         INSERT INTO auto_messages (message, contact_ids, status, scheduled_at)
         SELECT 'Halo', '[\"08130000' || (1000 + i) || '\"]', 'scheduled', '2026-12-01T03:00:00Z' FROM n",
    );
    let program = Program::new(&world);
    let ends = |minutes, seconds| {
        let from = world.clock.wall().plus(Duration::from_mins(minutes));
        json!(from.plus(Duration::from_secs(seconds)).to_string())
    };
    let not_counted = |made: &Value| {
        made["last_at"].is_null() && made["warnings"][0]["code"] == "end_not_counted"
    };
    assert_eq!(program.new_in(120)["last_at"], ends(120, 1500 * 5), "after all of them");
    assert_eq!(program.new_in(120)["last_at"], ends(120, 1501 * 5), "and after that one");
    assert_eq!(program.new_in(240)["last_at"], ends(120, 1502 * 5), "later, on its way");
    let at = world.clock.wall().plus(Duration::from_mins(130)).to_string();
    let draft = json!({ "text": "Halo", "to": ["081200007001"], "at": at, "draft": true });
    assert!(not_counted(&program.post("/messages", &draft)), "in the midst of what was counted");
    assert_eq!(program.new_in(240)["last_at"], ends(120, 1503 * 5), "the draft moves nothing");
    assert!(not_counted(&program.new_in(130)), "in the midst of what was counted");
    assert_eq!(program.new_in(10)["last_at"], ends(10, 0), "few go out before it");
    assert_eq!(program.new_in(10)["last_at"], ends(10, 5), "few go out before it");
    assert!(not_counted(&program.new_in(300)), "the other one stands somewhere in it");
    let at = world.clock.wall().plus(Duration::from_hours(5)).to_string();
    let other = json!({ "text": "Halo", "to": ["081200007001"], "at": at, "channel": 2 });
    assert_eq!(program.post("/messages", &other)["last_at"], ends(300, 0), "few by its channel");
    world.clock.pass(Duration::from_secs(2));
    assert_eq!(program.new_in(300)["last_at"], ends(300, 3), "a moment later, after that one");
    assert_eq!(program.new_in(300)["last_at"], ends(300, 8), "and so on");
    // Whoever moves one of them by SQL makes nobody count it twice.
    world.execute("UPDATE auto_messages SET scheduled_at = '2026-12-01T06:30:00Z' WHERE id = 7");
    assert!(not_counted(&program.new_in(330)), "it may stand in what was counted");
    // Who asks for it gets it.
    let new = json!({ "text": "Halo", "to": ["081200007001"], "at": "2026-12-01T03:10:00Z" });
    assert!(program.post("/messages/preview", &new)["last_at"].is_string());
}

#[test]
fn a_large_message_that_nobody_counted_is_gone_through_once_in_a_while_too() {
    let mut builder = World::builder();
    builder.config.gap.delay = Duration::from_secs(5);
    let world = builder.build();
    let numbers: Vec<String> = (0..1_500).map(|n| format!("08130000{}", 1_000 + n)).collect();
    world.execute(&format!(
        "INSERT INTO auto_messages (message, contact_ids, status, scheduled_at)
         VALUES ('Halo', '{}', 'scheduled', '2026-12-01T03:00:00Z')",
        json!(numbers)
    ));
    let program = Program::new(&world);
    let ends = |seconds: u64| {
        let from = world.clock.wall().plus(Duration::from_hours(2));
        json!(from.plus(Duration::from_secs(seconds)).to_string())
    };
    assert_eq!(program.new_in(120)["last_at"], ends(1500 * 5));
    assert_eq!(program.new_in(120)["last_at"], ends(1501 * 5), "it goes on");
    assert_eq!(program.new_in(90)["last_at"], json!("2026-12-01T02:30:00Z"), "before it");
    // Now nobody knows whether what is due until then is few.
    let made = program.new_in(130);
    let warned = made["warnings"].as_array().unwrap().iter();
    assert!(warned.map(|one| &one["code"]).any(|code| code == "end_not_counted"), "{made}");
    world.clock.pass(Duration::from_secs(2));
    assert_eq!(program.new_in(121)["last_at"], json!("2026-12-01T05:05:10Z"));
}

#[test]
fn what_several_numbers_share_is_gone_through_once_in_a_while_too() {
    for hours in ["NULL", "5"] {
        let mut builder = World::builder();
        builder.in_memory = true;
        let world = builder.build();
        world.execute(&format!(
            "INSERT INTO channels (id, name, session_name) VALUES (2, 'nomor 2', 'nomor2');
             UPDATE channels SET recipient_gap_hours = {hours};
             WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1100)
             INSERT INTO auto_messages (message, contact_ids, status, scheduled_at)
             SELECT 'Halo', '[\"08130000' || (1000 + i) || '\"]', 'scheduled', '2026-12-01T03:00:00Z' FROM n",
        ));
        let program = Program::new(&world);
        let at = world.clock.wall().plus(Duration::from_hours(2)).to_string();
        let make = || {
            let new =
                json!({ "text": "Halo", "to": ["081200007001"], "at": at, "channel": [2, 1] });
            let made = program.post("/messages", &new);
            let codes = made["warnings"].as_array().unwrap().iter();
            let is_left = codes.map(|one| &one["code"]).any(|code| code == "end_not_counted");
            assert_eq!(is_left, made["last_at"].is_null(), "{made}");
            !is_left
        };
        assert!(make(), "gap {hours}: the first one is counted");
        assert!(!make(), "gap {hours}: not again in the same moment");
        world.clock.pass(Duration::from_secs(2));
        assert!(make(), "gap {hours}: a moment later it is");
    }
}

#[test]
fn thousands_for_one_moment_are_all_told_when_they_go_out() {
    let mut builder = World::builder();
    builder.in_memory = true;
    builder.config = Config { late_limit: Duration::from_hours(48), ..config() };
    builder.config.gap.delay = Duration::from_secs(1);
    let world = builder.build();
    world.execute("INSERT INTO channels (id, name, session_name) VALUES (2, 'nomor 2', 'nomor2')");
    let program = Program::new(&world);
    let at = world.clock.wall().plus(Duration::from_hours(24)).to_string();
    for place in 0..2_000 {
        let to = format!("08130000{}", 1_000 + place);
        let channel = if place == 0 { json!([1, 2]) } else { json!(1) };
        let new = json!({ "text": "Halo", "to": [to], "at": at, "channel": channel });
        let made = program.post("/messages", &new);
        assert!(made["last_at"].is_string(), "message {place}: {made}");
        world.clock.pass(Duration::from_micros(700));
        if place % 1_000 == 700 {
            world.execute("UPDATE channels SET updated_at = updated_at"); // as a tick does
        }
    }
    // These grew from few: what has to begin anew waits all the same.
    let shared = json!({ "text": "Halo", "to": ["081200007001"], "at": at, "channel": [1, 2] });
    let made = program.post("/messages", &shared);
    assert_eq!(made["warnings"][0]["code"], "end_not_counted");
    let new = json!({ "text": "Halo", "to": ["081200007002"], "at": at });
    assert!(program.post("/messages", &new)["last_at"].is_string(), "that one goes on");
}
