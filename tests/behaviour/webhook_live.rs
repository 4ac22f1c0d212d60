//! Events beside a send: before its answer, instead of it, after the program was killed; and what a
//! session's word does to its channel.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use auto_message_scheduler::fake_waha::{Engine, Options};
use serde_json::{Value, json};

use crate::site::{Site, until};
use crate::webhook::{Shop, echo_event};

/// Closed until it is opened.
#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn wait(&self) {
        let patience = Duration::from_secs(20);
        let is_open = self.is_open.lock().unwrap();
        drop(self.opened.wait_timeout_while(is_open, patience, |is_open| !*is_open));
    }
}

impl Shop {
    /// Its WAHA passes messages on, and answers when the gate is opened.
    fn behind_gate(engine: Engine) -> (Self, Arc<Gate>) {
        let gate = Arc::new(Gate::default());
        let options =
            Options { engine, api_key: Some("kunci-rahasia".into()), ..Options::default() };
        let there = Arc::clone(&gate);
        (Self::on(Site::with_waha(options, move |_| there.wait())), gate)
    }

    /// The id under which the next message reached WhatsApp, once it did.
    fn received_id(&self) -> String {
        until("the message reaches WhatsApp", || !self.site.waha.received().is_empty());
        self.site.waha.received()[0].id.clone()
    }
}

fn session_event(status: &str, at: i64) -> Value {
    json!({"id": format!("evt_{status}{at}"), "timestamp": at, "event": "session.status",
        "session": "default", "payload": {"name": "default", "status": status}})
}

#[test]
fn an_event_that_overtakes_the_answer_is_kept_for_it() {
    for engine in [Engine::Gows, Engine::Noweb, Engine::Webjs, Engine::Wpp] {
        let (shop, gate) = Shop::behind_gate(engine);
        shop.site.message("081200007001");
        shop.server.post("/api/cron-auto-message");
        let id = shop.received_id();
        shop.ack(&id, 2);
        let at = shop.site.waha.received()[0].at.secs();
        shop.event(&echo_event(&id, "6281200007001@c.us", "Rahasia pelanggan", at));
        assert_eq!(shop.newest(), "sending -", "{engine}: left to its sender");
        gate.open();
        until("the message is sent", || shop.message_status() == "sent");
        assert_eq!(shop.newest(), "sent 2", "{engine}");
        assert_eq!(shop.ask("SELECT waha_message_id FROM deliveries"), id, "{engine}");
        assert_eq!(shop.site.waha.received().len(), 1);
    }
}

#[test]
fn an_echo_instead_of_an_answer_makes_it_sent() {
    for engine in [Engine::Gows, Engine::Webjs] {
        let (shop, gate) = Shop::behind_gate(engine);
        shop.site.message("081200000502"); // arrives; then the connection closes without an answer
        shop.server.post("/api/cron-auto-message");
        let id = shop.received_id();
        let at = shop.site.waha.received()[0].at.secs();
        shop.event(&echo_event(&id, "6281200000502@c.us", "Rahasia pelanggan", at));
        assert_eq!(shop.newest(), "sending -", "{engine}");
        gate.open();
        until("the message is settled", || shop.message_status() != "sending");
        assert_eq!((shop.newest(), shop.message_status()), ("sent -".into(), "sent".into()));
        assert_eq!(shop.ask("SELECT sent_count || unknown_count FROM auto_messages"), "10");
        assert_eq!(shop.site.waha.received().len(), 1);
        let log = shop.server.log();
        assert!(log.contains("as an event from WAHA proves"), "{log}");
        assert!(!log.contains("Rahasia") && !log.contains("81200000502"), "{log}");
    }
}

#[test]
fn an_echo_after_a_time_out_makes_the_unknown_sent() {
    let shop = Shop::new();
    shop.site.message("081200000502");
    shop.server.post("/api/auto-message-scheduler");
    assert_eq!((shop.newest(), shop.message_status()), ("unknown -".into(), "sending".into()));
    let id = shop.received_id();
    shop.event(&echo_event(&id, "9999@lid", "", 0));
    assert_eq!((shop.newest(), shop.message_status()), ("sent -".into(), "sent".into()));
}

#[test]
fn what_a_killed_program_was_sending_is_known_by_the_events_that_it_took() {
    for (ack, status) in [(1, "sent"), (-1, "failed")] {
        let (mut shop, gate) = Shop::behind_gate(Engine::Gows);
        shop.site.message("081200007001");
        shop.server.post("/api/cron-auto-message");
        let id = shop.received_id();
        shop.ack(&id, ack);
        assert_eq!(shop.newest(), "sending -");
        shop.server.signal("KILL");
        gate.open();
        shop.server = shop.site.serve();
        until("the message is settled", || shop.message_status() == status);
        assert_eq!(shop.newest(), format!("{status} {ack}"));
        assert_eq!(shop.site.waha.received().len(), 1);
    }
}

#[test]
fn a_session_that_stops_holds_its_channel_and_working_lets_it_go_on_at_once() {
    let shop = Shop::new();
    shop.site.waha.set_status("default", "SCAN_QR_CODE");
    shop.event(&session_event("SCAN_QR_CODE", 1000));
    let held = shop.ask("SELECT held_kind || ': ' || held_reason FROM channels");
    assert!(held.starts_with("session: session `default` is SCAN_QR_CODE: scan"), "{held}");
    shop.site.message("081200007001");
    shop.server.post("/api/auto-message-scheduler");
    assert_eq!(shop.newest(), "pending -");

    shop.site.waha.set_status("default", "WORKING");
    shop.event(&session_event("WORKING", 2000));
    until("the message is sent without a trigger", || shop.message_status() == "sent");
    assert!(shop.server.log().contains("channel 1: free again"));
}

#[test]
fn a_sessions_older_word_that_comes_later_changes_nothing() {
    let shop = Shop::new();
    let held = || shop.ask("SELECT held_kind FROM channels");
    shop.event(&session_event("WORKING", 5000));
    shop.event(&session_event("FAILED", 4000));
    assert_eq!(held(), "");
    shop.event(&session_event("FAILED", 6000));
    assert_eq!(held(), "session");
    assert_eq!(shop.event(&session_event("WORKING", 5000)), "taken");
    assert_eq!(held(), "session", "a repeat");
    // Its clock was ten minutes ahead, and was set right.
    shop.site
        .sql()
        .execute("UPDATE webhook_sessions SET received_at = '2026-01-01T00:00:00Z'", [])
        .unwrap();
    shop.event(&session_event("WORKING", 5500));
    assert_eq!(held(), "");
}

#[test]
fn a_session_without_ids_and_times_is_believed_as_often_as_it_says_the_same() {
    let shop = Shop::new();
    for (status, held) in
        [("STOPPED", "session"), ("WORKING", ""), ("STOPPED", "session"), ("WORKING", "")]
    {
        let payload = json!({"name": "default", "status": status});
        shop.event(&json!({"event": "session.status", "session": "default", "payload": payload}));
        assert_eq!(shop.ask("SELECT held_kind FROM channels"), held);
    }
}

#[test]
fn working_frees_no_hold_that_lasts_its_time_and_no_persons() {
    for (kind, held_until, stays) in [
        ("'rate_limited'", "'2099-01-01'", true),
        ("'restricted'", "'2099-01-01'", true),
        ("NULL", "NULL", true),
        ("'session'", "'2099-01-01'", false),
        ("'unreachable'", "'2099-01-01'", false),
        ("'misconfigured'", "'2099-01-01'", false),
    ] {
        let shop = Shop::new();
        let hold = format!(
            "UPDATE channels SET held_reason = 'x', held_kind = {kind}, held_until = {held_until}"
        );
        shop.site.sql().execute(&hold, []).unwrap();
        shop.event(&session_event("FAILED", 1000));
        let reason = shop.ask("SELECT held_reason FROM channels");
        assert_eq!(reason == "x", stays, "{kind}: {reason}");
        shop.event(&session_event("WORKING", 2000));
        assert_eq!(shop.ask("SELECT held_reason FROM channels"), if stays { "x" } else { "" });
    }
}
