//! Alarms in the world with the simulated clock: what is told, once, to a receiver over real HTTP.

use std::sync::Arc;
use std::time::Duration;

use auto_message_scheduler::alarm::{Alerts, Ending, Heartbeat, Watch};
use auto_message_scheduler::api::Api;
use auto_message_scheduler::clock::Clock;
use auto_message_scheduler::config::{Config, Secret};
use auto_message_scheduler::http::Request;
use auto_message_scheduler::http_client::HttpClient;
use auto_message_scheduler::send_window::{Allowance, SendWindow};
use auto_message_scheduler::store::{Store, Trigger};
use serde_json::Value;

use crate::receiver::{Mood, Receiver};
use crate::world::World;

const AFTER: Duration = Duration::from_mins(15);

fn client() -> HttpClient {
    HttpClient::new(Duration::from_millis(300)).brief(Duration::from_millis(300))
}

fn watch(world: &World) -> Watch {
    let config = Config { stale_after: Some(AFTER), ..world.config.clone() };
    Watch { config: config.into(), began: world.clock.now().monotonic }
}

/// From now on what happens is to be told to `receiver`.
fn alerts(world: &World, receiver: &Receiver) -> Alerts {
    let mut store = Store::open(&world.path).unwrap();
    store.write(|tx| tx.set_alerts_on(true)).unwrap();
    let url = Secret::new(receiver.url("/alert/rahasia"));
    Alerts::new(store, url, client(), watch(world), Arc::clone(&world.triggers))
}

/// Steps until nothing is told any more; what was told.
fn told(world: &World, alerts: &mut Alerts, receiver: &Receiver) -> Vec<Value> {
    for _ in 0..20 {
        let wait = alerts.step(world.clock.now()).unwrap();
        if wait > Duration::from_secs(1) {
            break;
        }
        world.clock.pass(wait);
    }
    receiver.take().iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect()
}

fn events(alerts: &[Value]) -> Vec<String> {
    alerts.iter().map(|alert| alert["event"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_failed_message_is_told_once_also_after_a_restart_and_without_its_text_or_numbers() {
    let world = World::new();
    let receiver = Receiver::new(Mood::Answers(200));
    let mut first = alerts(&world, &receiver);
    let id = world.message("belum, 0812000070019999999");
    world.run();
    assert_eq!(world.status(id), "failed");
    let alert = told(&world, &mut first, &receiver);
    assert_eq!(events(&alert), ["message_failed"]);
    assert_eq!(alert[0]["message_id"], id);
    assert!(alert[0]["text"].as_str().unwrap().contains("message 1 failed"), "{alert:?}");
    let json = alert[0].to_string();
    assert!(!json.contains("Halo") && !json.contains("0812000070019999999"), "{json}");
    drop(first);
    let mut second = alerts(&world, &receiver);
    assert!(told(&world, &mut second, &receiver).is_empty());
}

#[test]
fn a_hold_is_told_once_and_that_it_is_over() {
    let world = World::new();
    let receiver = Receiver::new(Mood::Answers(200));
    let mut alerts = alerts(&world, &receiver);
    world.execute("UPDATE channels SET name = 'toko 081200007001'");
    for reason in ["WAHA said 401: kunci 081234567890", "another reason"] {
        world.execute(&format!(
            "UPDATE channels SET held_reason = '{reason}', held_kind = 'misconfigured',
                 held_count = held_count + 1"
        ));
    }
    let held = told(&world, &mut alerts, &receiver);
    assert_eq!(events(&held), ["channel_held"]);
    assert_eq!(held[0]["reason"], "WAHA said 401");
    assert!(!held[0].to_string().contains("081200007001"), "{held:?}");
    world.execute("UPDATE channels SET held_reason = NULL, held_kind = NULL");
    assert_eq!(events(&told(&world, &mut alerts, &receiver)), ["channel_freed"]);
    world.execute(
        "UPDATE channels SET held_reason = 'x', held_kind = 'session', held_count = held_count + 1",
    );
    assert_eq!(events(&told(&world, &mut alerts, &receiver)), ["session_stopped"]);
}

#[test]
fn unknown_deliveries_are_told_once_a_message() {
    let world = World::new();
    let receiver = Receiver::new(Mood::Answers(200));
    let mut alerts = alerts(&world, &receiver);
    world.message("081200007001,081200007002");
    world.trigger();
    world.step_until_received(1);
    world.step_until_nothing_is_out();
    world.execute("UPDATE deliveries SET status = 'unknown' WHERE status = 'pending'");
    let told_now = told(&world, &mut alerts, &receiver);
    assert_eq!(events(&told_now), ["deliveries_unknown"]);
    assert_eq!(told_now[0]["count"], 1);
    world.execute("UPDATE deliveries SET status = 'unknown' WHERE status = 'sent'");
    assert!(told(&world, &mut alerts, &receiver).is_empty());
}

#[test]
fn many_failures_are_one_alert() {
    let world = World::new();
    let receiver = Receiver::new(Mood::Answers(200));
    let mut alerts = alerts(&world, &receiver);
    for _ in 0..9 {
        world.message("belum");
    }
    world.run();
    let alert = told(&world, &mut alerts, &receiver);
    assert_eq!(events(&alert), ["message_failed"]);
    assert_eq!(alert[0]["more"], 8);
}

#[test]
fn a_receiver_that_fails_is_tried_again_with_growing_gaps_and_given_up() {
    for mood in [Mood::Answers(500), Mood::Hangs] {
        let world = World::new();
        let receiver = Receiver::new(mood);
        let mut alerts = alerts(&world, &receiver);
        world.execute("UPDATE channels SET held_reason = 'x'");
        let began = world.clock.now().monotonic;
        let mut tries = Vec::new();
        for _ in 0..2000 {
            let wait = alerts.step(world.clock.now()).unwrap();
            for _ in receiver.take() {
                tries.push(world.clock.now().monotonic.saturating_sub(began).as_secs());
            }
            world.clock.pass(wait);
            if mood == Mood::Hangs && tries.len() == 2 {
                break;
            }
        }
        assert_eq!(tries[..2], [0, 10]);
        if mood == Mood::Hangs {
            continue;
        }
        assert_eq!(tries.len(), 10, "{tries:?}");
        receiver.set_mood(Mood::Answers(200));
        assert!(told(&world, &mut alerts, &receiver).is_empty(), "given up is over");
        world.execute("UPDATE channels SET held_reason = NULL");
        assert_eq!(events(&told(&world, &mut alerts, &receiver)), ["channel_freed"]);
    }
}

#[test]
fn without_alert_url_nothing_is_kept_for_later() {
    let world = World::new();
    world.message("belum");
    world.run();
    assert_eq!(world.ask("SELECT count(*) FROM alerts"), "0");
}

#[test]
fn triggers_that_stay_away_are_told_once_until_they_come_again() {
    let mut world = World::new();
    let receiver = Receiver::new(Mood::Answers(200));
    let mut first = alerts(&world, &receiver);
    world.run();
    world.message("081200007001");
    world.clock.pass(Duration::from_mins(14));
    assert!(told(&world, &mut first, &receiver).is_empty());
    world.clock.pass(Duration::from_secs(61));
    assert_eq!(events(&told(&world, &mut first, &receiver)), ["no_trigger"]);
    world.clock.pass(AFTER);
    assert!(told(&world, &mut first, &receiver).is_empty());
    world.restart();
    let mut second = alerts(&world, &receiver);
    world.clock.pass(AFTER * 2);
    assert!(told(&world, &mut second, &receiver).is_empty(), "a restart tells it again");
    world.run();
    assert!(told(&world, &mut second, &receiver).is_empty());
    world.message("081200007002");
    world.clock.pass(AFTER * 2);
    assert_eq!(events(&told(&world, &mut second, &receiver)), ["no_trigger"]);
}

/// Whether something is stale after so long without a trigger.
fn is_stale(world: &World, watch: &Watch, after: Duration) -> bool {
    world.clock.pass(after);
    let now = world.clock.now();
    let mut store = Store::open(&world.path).unwrap();
    watch.is_quiet(&world.triggers, now)
        && store.read(|tx| watch.stale_since(tx, now.wall)).unwrap().is_some()
}

#[test]
fn what_waits_for_another_reason_than_a_missing_trigger_is_not_stale() {
    let paused = "UPDATE auto_messages SET status = 'draft'";
    let held = "UPDATE channels SET held_reason = 'x'";
    let closed = "UPDATE channels SET send_window = '09:00-09:10'";
    let inactive = "UPDATE channels SET is_active = 0";
    let full = "UPDATE channels SET daily_limit = 1";
    let soon = "UPDATE channels SET ready_at = '2026-12-01T01:40:00Z'";
    for (sql, expected) in [
        ("", true),
        (paused, false),
        (held, false),
        (closed, false),
        (inactive, false),
        (full, false),
        (soon, false),
    ] {
        let mut world = World::new();
        world.message("081200007001,081200007002");
        world.trigger();
        world.step_until_received(1);
        world.step_until_nothing_is_out();
        world.restart(); // The second one is pending, and nobody triggers.
        world.execute(sql);
        let watch = watch(&world);
        assert_eq!(is_stale(&world, &watch, Duration::from_mins(30)), expected, "{sql}");
    }
}

#[test]
fn health_is_stale_until_a_trigger_comes() {
    let world = World::new();
    let store = Store::open(&world.path).unwrap();
    let secret = Secret::new("a-secret-for-tests-0123456789");
    let clock: Arc<dyn Clock> = world.clock.clone();
    let triggers = Arc::clone(&world.triggers);
    let api = Api::new(store, triggers, clock, secret.into(), Duration::ZERO, None)
        .watching(watch(&world));
    let health = || {
        let reply = api.answer(&mut Request::new("GET", "/health"), false);
        (reply.status, String::from_utf8(reply.body).unwrap())
    };
    world.message("081200007001");
    assert_eq!(health(), (200, r#"{"status":"ok"}"#.to_owned()));
    world.clock.pass(AFTER * 2);
    assert_eq!(health(), (503, r#"{"status":"stale"}"#.to_owned()));
    world.run();
    assert_eq!(health(), (200, r#"{"status":"ok"}"#.to_owned()));
}

#[test]
fn nothing_due_and_a_trigger_in_another_process_are_not_stale() {
    let world = World::new();
    let watch = watch(&world);
    assert!(!is_stale(&world, &watch, AFTER * 3));
    world.message("081200007001");
    world.clock.pass(AFTER);
    let now = world.clock.now().wall;
    let mut store = Store::open(&world.path).unwrap();
    store.write(|tx| tx.start_run(Trigger::Cli, None, now)).unwrap();
    assert!(!is_stale(&world, &watch, Duration::from_mins(5)));
    assert!(is_stale(&world, &watch, AFTER));
}

#[test]
fn a_window_that_has_just_opened_is_not_stale() {
    let mut world = World::new();
    world.config.allowance =
        Allowance { window: SendWindow::parse("08:00-09:00").unwrap(), ..Allowance::default() };
    let watch = watch(&world);
    assert!(watch.config.allowance.window.contains(&watch.config.zone, world.clock.now().wall));
    assert!(!is_stale(&world, &watch, Duration::from_hours(23) + Duration::from_mins(59)));
}

#[test]
fn a_heartbeat_says_start_and_end_and_keeps_quiet_for_a_minute() {
    let world = World::new();
    let receiver = Receiver::new(Mood::Answers(200));
    let mut heartbeat = Heartbeat::new(Secret::new(receiver.url("/ping/abc?x=1")), client());
    world.message("081200007001");
    world.run();
    heartbeat.step(&world.triggers, world.clock.now());
    let told = receiver.take();
    assert_eq!(told[0].0, "POST /ping/abc/start?x=1");
    assert_eq!(told[1].0, "POST /ping/abc?x=1");
    assert!(told[1].1.starts_with("messages: 1 sent, 0 failed; deliveries: 1 sent"), "{told:?}");
    assert!(!told[1].1.contains("0812"));
    world.run();
    let wait = heartbeat.step(&world.triggers, world.clock.now()).unwrap();
    assert!(receiver.take_lines().is_empty(), "twice in a minute");
    world.clock.pass(wait);
    heartbeat.step(&world.triggers, world.clock.now());
    assert_eq!(receiver.take_lines(), ["POST /ping/abc?x=1"], "the newest end is owed");
}

#[test]
fn a_tick_that_finds_nothing_is_one_call_and_a_long_run_is_called_with_each_tick() {
    let world = World::new();
    let receiver = Receiver::new(Mood::Answers(200));
    let mut heartbeat = Heartbeat::new(Secret::new(receiver.url("/p")), client());
    world.triggers.pull(Trigger::Timer, None);
    world.step();
    heartbeat.step(&world.triggers, world.clock.now());
    assert_eq!(receiver.take_lines(), ["POST /p"]);
    world.clock.pass(Duration::from_mins(1));
    world.message("081200007001,081200007002,081200007003");
    world.triggers.pull(Trigger::Timer, None);
    world.step_until_received(1);
    let wait = heartbeat.step(&world.triggers, world.clock.now()).unwrap();
    world.clock.pass(wait);
    heartbeat.step(&world.triggers, world.clock.now());
    assert_eq!(receiver.take_lines(), ["POST /p/start"]);
    world.clock.pass(Duration::from_mins(1));
    world.triggers.pull(Trigger::Timer, None);
    world.step();
    heartbeat.step(&world.triggers, world.clock.now());
    let told = receiver.take();
    assert_eq!(told[0].0, "POST /p");
    assert!(told[0].1.starts_with("under way: "), "{told:?}");
    heartbeat.end(&world.triggers, Ending::Failed, world.clock.now());
    assert_eq!(receiver.take_lines().last().unwrap(), "POST /p/fail");
}

#[test]
fn a_heartbeat_that_takes_no_post_gets_a_get_and_one_without_start_gets_none() {
    let world = World::new();
    let receiver = Receiver::new(Mood::Answers(405));
    let mut heartbeat = Heartbeat::new(Secret::new(receiver.url("/p")), client());
    world.run();
    heartbeat.step(&world.triggers, world.clock.now());
    assert_eq!(receiver.take_lines(), ["POST /p/start", "POST /p", "GET /p"]);
    world.clock.pass(Duration::from_mins(1));
    world.run();
    heartbeat.step(&world.triggers, world.clock.now());
    assert_eq!(receiver.take_lines(), ["GET /p"]);
}

#[test]
fn the_counts_by_status_follow_every_change() {
    let mut world = World::new();
    let counted =
        "SELECT counted, status, number FROM status_counts WHERE number <> 0 ORDER BY 1, 2";
    let real = "SELECT 'delivery', status, count(*) FROM deliveries GROUP BY status
                UNION ALL SELECT 'message', status, count(*) FROM auto_messages GROUP BY status ORDER BY 1, 2";
    world.message("081200007001,081200007002,x");
    world.message("belum");
    world.run();
    world.message("081200007003,081200007004");
    world.trigger();
    world.step_until_received(3);
    world.restart();
    assert_eq!(world.rows(counted), world.rows(real));
    world.step_until_nothing_is_out();
    world.execute("UPDATE auto_messages SET status = 'cancelled' WHERE id = 3");
    world.execute("DELETE FROM auto_messages WHERE id = 1");
    assert_eq!(world.rows(counted), world.rows(real));
}

#[test]
fn the_counts_by_status_follow_a_message_that_is_replaced_and_one_that_is_not() {
    let world = World::new();
    let counted = "SELECT status, number FROM status_counts WHERE counted = 'message' AND number <> 0 ORDER BY 1";
    let real = "SELECT status, count(*) FROM auto_messages GROUP BY status ORDER BY 1";
    world.execute("INSERT INTO auto_messages (id, message, status) VALUES (1, 'a', 'sent'), (2, 'b', 'draft')");
    for change in [
        "INSERT OR REPLACE INTO auto_messages (id, message, status) VALUES (1, 'a', 'draft')",
        "INSERT OR IGNORE INTO auto_messages (id, message, status) VALUES (2, 'b', 'failed')",
        "INSERT INTO auto_messages (id, message, status) VALUES (2, 'b', 'failed')
             ON CONFLICT (id) DO UPDATE SET status = excluded.status",
        "DELETE FROM auto_messages WHERE id = 2",
        "INSERT INTO auto_messages (id, message, status) VALUES (2, 'b', 'sent')",
        "INSERT OR IGNORE INTO auto_messages (id, message, status) VALUES (1, 'a', 'cancelled')",
        "INSERT INTO auto_messages (message, status) VALUES ('c', 'draft')",
        "PRAGMA recursive_triggers = ON;
         INSERT OR REPLACE INTO auto_messages (id, message, status) VALUES (2, 'b', 'draft')",
    ] {
        world.execute(change);
        assert_eq!(world.rows(counted), world.rows(real), "{change}");
    }
}
