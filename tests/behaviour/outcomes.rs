//! Never a lie: what WAHA answers, or does not, and what the row says afterwards.

use std::time::Duration;

use auto_message_scheduler::fake_waha::{Engine, Options};

use crate::project::free_port;
use crate::world::World;

/// One recipient whose number asks for a fault, then a good one; returns the world after one run.
fn after(fault: &str) -> World {
    let world = World::new();
    world.message(&format!("08120000{fault}, 081200007001"));
    world.run();
    world
}

fn first_delivery(world: &World) -> String {
    let sql = "SELECT status, attempts FROM deliveries ORDER BY id LIMIT 1";
    world.rows(sql).remove(0)
}

fn held_kind(world: &World) -> String {
    world.ask("SELECT held_kind FROM channels WHERE id = 1")
}

#[test]
fn what_waha_refuses_for_good_is_failed_and_the_next_recipient_gets_his() {
    for fault in ["0400", "0413", "0423"] {
        let world = after(fault);
        assert_eq!(first_delivery(&world), "failed|1", "{fault}");
        assert_eq!(held_kind(&world), "", "{fault}");
        assert_eq!(world.recipients(), ["6281200007001@c.us"], "{fault}");
    }
}

#[test]
fn what_may_have_gone_out_is_unknown_and_is_never_sent_again() {
    for (fault, arrived) in
        [("0200", 1), ("0201", 1), ("0408", 1), ("0500", 0), ("0502", 1), ("0503", 0), ("0504", 1)]
    {
        let world = after(fault);
        assert_eq!(first_delivery(&world), "unknown|1", "{fault}");
        world.run();
        world.clock.pass(Duration::from_hours(2));
        world.run();
        let chat = format!("628120000{fault}@c.us");
        let times = world.recipients().iter().filter(|to| **to == chat).count();
        assert_eq!(times, arrived, "{fault}");
        assert_eq!(world.recipients().len(), arrived + 1, "{fault}: the next one got his");
    }
}

#[test]
fn an_answer_that_comes_too_late_is_unknown() {
    let world = after("0599");
    assert_eq!(first_delivery(&world), "unknown|1");
    let error = world.ask("SELECT error FROM deliveries ORDER BY id LIMIT 1");
    assert!(error.contains("no answer from WAHA after sending"), "{error}");
}

#[test]
fn trouble_that_is_not_the_messages_holds_the_channel_and_burns_nobody() {
    for (fault, kind) in [
        ("0302", "misconfigured"),
        ("0401", "misconfigured"),
        ("0403", "misconfigured"),
        ("0404", "misconfigured"),
        ("0422", "session"),
        ("0429", "rate_limited"),
        ("0430", "rate_limited"),
    ] {
        let world = after(fault);
        assert_eq!(first_delivery(&world), "pending|0", "{fault}");
        assert_eq!(held_kind(&world), kind, "{fault}");
        assert!(world.received().is_empty(), "{fault}: the other one waits too");
        assert!(!world.ask("SELECT held_reason FROM channels").is_empty());
    }
}

#[test]
fn a_restricted_account_fails_its_message_and_stops_the_channel_for_a_day() {
    let world = after("0463");
    assert_eq!(first_delivery(&world), "failed|1");
    assert_eq!(held_kind(&world), "restricted");
    world.clock.pass(Duration::from_hours(20));
    world.run();
    assert!(world.received().is_empty(), "a WORKING session does not end this hold");
}

#[test]
fn a_rate_limit_lasts_its_time_even_when_the_session_looks_well() {
    for (fault, minutes) in [("0429", 1), ("0430", 60)] {
        let world = World::new();
        world.message(&format!("08120000{fault}"));
        world.run();
        world.execute("UPDATE auto_messages SET status = 'cancelled'");
        world.message("081200007001");
        world.clock.pass(Duration::from_secs(minutes * 60 - 30));
        world.run();
        assert!(world.received().is_empty(), "{fault}: too early");
        world.clock.pass(Duration::from_secs(61));
        world.run();
        assert_eq!(world.received().len(), 1, "{fault}");
        assert_eq!(held_kind(&world), "", "{fault}");
    }
}

#[test]
fn a_session_that_is_not_working_holds_the_channel_before_anything_is_claimed() {
    let world = World::new();
    world.waha.set_status("default", "SCAN_QR_CODE");
    let id = world.message("081200007001");
    world.run();
    assert_eq!(first_delivery(&world), "pending|0");
    let reason = world.ask("SELECT held_reason FROM channels");
    assert!(reason.contains("SCAN_QR_CODE") && reason.contains("scan the QR code"), "{reason}");
    assert!(world.waha.requests().iter().all(|request| request.path != "/api/sendText"));

    world.waha.set_status("default", "WORKING");
    world.run();
    assert_eq!(world.status(id), "sent");
    assert_eq!(world.ask("SELECT held_reason FROM channels"), "");
}

#[test]
fn each_trigger_looks_at_a_held_session_once_and_never_posts() {
    let world = World::new();
    world.waha.set_status("default", "STOPPED");
    world.message("081200007001");
    for _ in 0..5 {
        world.run();
        world.clock.pass(Duration::from_mins(1));
    }
    let requests = world.waha.requests();
    assert_eq!(requests.len(), 5);
    assert!(requests.iter().all(|request| request.method == "GET"));
}

#[test]
fn a_locked_or_capped_number_is_held() {
    for me in [
        serde_json::json!({"reachoutTimelock": {"isActive": true}}),
        serde_json::json!({"messageCapping": {"cappingStatus": "CAPPED"}}),
    ] {
        let world = World::new();
        world.waha.set_me("default", me);
        world.message("081200007001");
        world.run();
        assert!(world.received().is_empty());
        assert_eq!(held_kind(&world), "session");
    }
}

#[test]
fn a_request_that_never_left_is_pending_again_and_goes_out_when_waha_is_back() {
    let mut builder = World::builder();
    // Nobody listens there.
    builder.waha_url = Some(format!("http://127.0.0.1:{}", free_port()));
    let world = builder.build();
    world.message("081200007001");
    world.run();
    assert_eq!(held_kind(&world), "unreachable");
    assert!(first_delivery(&world).starts_with("pending"));
    let reason = world.ask("SELECT held_reason FROM channels");
    assert!(reason.contains("check WAHA_BASE_URL"), "{reason}");
}

#[test]
fn every_engines_id_is_kept_bare_and_a_reserved_one_is_asked_for() {
    for (engine, reserves) in
        [(Engine::Gows, true), (Engine::Noweb, true), (Engine::Webjs, false), (Engine::Wpp, false)]
    {
        let mut builder = World::builder();
        builder.options = Options { engine, ..Options::default() };
        let world = builder.build();
        world.message("081200007001, 120363000000000001@g.us");
        world.run();
        let kept = world.rows("SELECT waha_message_id FROM deliveries ORDER BY id");
        let sent: Vec<_> = world.received().into_iter().map(|received| received.id).collect();
        assert_eq!(kept, sent, "{engine}");
        assert!(kept.iter().all(|id| !id.contains('_') && !id.contains('@')), "{engine}: {kept:?}");
        let asked = world.received()[0].body["id"].as_str().map(str::to_owned);
        assert_eq!(asked.is_some(), reserves, "{engine}");
    }
}

#[test]
fn the_body_carries_session_chat_text_and_metadata() {
    let world = World::new();
    let id = world.message("081200007001");
    world.execute(r#"UPDATE auto_messages SET metadata = '{"order": 17, "delivery_id": "x"}'"#);
    world.run();
    let body = &world.received()[0].body;
    assert_eq!(body["session"], "default");
    assert_eq!(body["chatId"], "6281200007001@c.us");
    assert_eq!(body["text"], "Halo");
    let delivery: i64 = world.ask("SELECT id FROM deliveries").parse().unwrap();
    let expected = serde_json::json!({
        "sender_type": "auto_message", "is_auto_message": true, "message_type": "scheduled",
        "is_scheduled_message": true, "auto_message_id": id, "delivery_id": delivery, "order": 17,
    });
    assert_eq!(body["metadata"], expected);
}

#[test]
fn a_sent_delivery_keeps_the_exact_text_its_time_and_one_attempt() {
    let world = World::new();
    world.message("081200007001");
    world.run();
    let row = world.rows("SELECT status, attempts, text, claimed_at, finished_at FROM deliveries");
    assert_eq!(row, ["sent|1|Halo|2026-12-01T01:00:00Z|2026-12-01T01:00:00Z"]);
}
