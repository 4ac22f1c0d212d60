//! Events come in any order and again and again; the end is the same.

use serde_json::{Value, json};

use crate::webhook::{Planted, Shop, ack_event, post, signed};

/// The events that a real WAHA 2024.10.8 sent, with message ids of their own for each `round`.
fn recorded(round: &str) -> Vec<Value> {
    let text = include_str!("../fixtures/webhooks-noweb-2024.10.8.json");
    let text = ["3EB0A98", "3EB06B2", "3EB0854", "3EB0FB9"]
        .iter()
        .fold(text.to_owned(), |text, id| text.replace(id, &format!("{round}{id}")));
    let recorded: Vec<Value> = serde_json::from_str(&text).unwrap();
    recorded.into_iter().map(|one| one["body"].clone()).collect()
}

/// The deliveries that the recorded events are about: one that was sent, one whose answer was
/// lost, one that WhatsApp refused later, and one whose answer was lost on an engine without ids.
fn plant(shop: &Shop, round: &str) -> Vec<i64> {
    let sent = format!("{round}3EB0A986757FB1CDCDE5EA99B3AD6DFBEC5A5D92");
    let lost = format!("{round}3EB06B26B2450B5A9B42B6F85128865FE3C4C4AC");
    let refused = format!("{round}3EB0854CE59461927B568B4E5AAFCDEFF60C4787");
    [
        ("sent", Some(&sent), "12132132130@c.us", "hook me"),
        ("unknown", Some(&lost), "12130000502@c.us", "ambiguous-1"),
        ("sent", Some(&refused), "12130000600@c.us", "err-ack"),
        ("unknown", None, "12130000503@c.us", "crash-1"),
    ]
    .into_iter()
    .map(|(status, id, chat, text)| {
        shop.plant(&Planted { status, id: id.map(String::as_str), chat, text })
    })
    .collect()
}

/// All that can be seen of the messages and their deliveries.
fn state(shop: &Shop, round: &str, messages: &[i64]) -> Vec<String> {
    let see = |id: &i64| {
        let row = shop.ask(&format!(
            "SELECT json_array(m.status, m.sent_count, m.failed_count, m.unknown_count, m.error,
                 m.sent_at, d.status, d.ack, d.error, d.waha_message_id, d.next_attempt_at, d.finished_at)
             FROM auto_messages m JOIN deliveries d ON d.auto_message_id = m.id WHERE m.id = {id}"
        ));
        row.replace(round, "")
    };
    messages.iter().map(see).collect()
}

/// Each event once, and some of them again, in an order of the seed's own.
fn shuffled(events: &[Value], random: &mut fastrand::Rng) -> Vec<Value> {
    let again: Vec<Value> = events.iter().filter(|_| random.bool()).cloned().collect();
    let mut events = [events, &again].concat();
    random.shuffle(&mut events);
    events
}

#[test]
fn the_recorded_events_bring_acks_proofs_and_the_refusal() {
    let shop = Shop::new();
    let messages = plant(&shop, "");
    for event in recorded("") {
        shop.event(&event);
    }
    let rows = state(&shop, "", &messages);
    for (row, begins, ends) in [
        (&rows[0], r#"["sent",1,0,0"#, r#""sent",3,"#),
        (&rows[1], r#"["sent",1,0,0"#, r#""sent",3,"#),
        (&rows[2], r#"["failed",0,1,0"#, r#""failed",-1,"#),
        (&rows[3], r#"["sent",1,0,0"#, r#""sent",1,"#),
    ] {
        assert!(row.starts_with(begins) && row.contains(ends), "{row}");
    }
    assert!(rows[3].contains("3EB0FB9C9D4C0D0C15C0E634D3747FAA169CAD69"), "{}", rows[3]);
    assert_eq!(shop.ask("SELECT held_reason FROM channels"), "", "STARTING, then WORKING");
}

#[test]
fn any_order_and_any_repeat_come_to_the_same_end() {
    let shop = Shop::new();
    let messages = plant(&shop, "in-order-");
    for event in recorded("in-order-") {
        shop.event(&event);
    }
    let expected = state(&shop, "in-order-", &messages);
    for seed in 0..30 {
        let round = format!("round{seed}-");
        let messages = plant(&shop, &round);
        let mut random = fastrand::Rng::with_seed(seed);
        for event in shuffled(&recorded(&round), &mut random) {
            shop.event(&event);
        }
        assert_eq!(state(&shop, &round, &messages), expected, "seed {seed}");
    }
}

/// As WAHA 2026 sends them: with ids and times.
fn newer(round: u64) -> Vec<Value> {
    let envelope = |number: usize, event: &str, payload: Value| {
        json!({"id": format!("evt_{round}_{number}"), "timestamp": round * 100 + number as u64,
            "event": event, "session": "default", "payload": payload})
    };
    let status = |word: &str| json!({"name": "default", "status": word});
    let ack = |number: i64| {
        json!({"id": format!("true_1203@g.us_G{round}_628{number}@lid"), "fromMe": true,
            "participant": format!("628{number}@lid"), "ack": number})
    };
    let any = json!({"id": format!("true_1203@g.us_G{round}_6281@c.us"), "fromMe": true,
        "body": "x", "timestamp": 5, "ack": 0});
    [
        ("session.status", status("STARTING")),
        ("session.status", status("WORKING")),
        ("message.any", any.clone()),
        ("message", any),
        ("message.ack.group", ack(-1)),
        ("message.ack.group", ack(1)),
        ("message.ack.group", ack(3)),
        ("message.ack.group", ack(2)),
        ("message.reaction", json!({"id": "x"})),
        ("session.status", status("FAILED")),
        (
            "session.status",
            status(if round.is_multiple_of(2) { "WORKING" } else { "SCAN_QR_CODE" }),
        ),
    ]
    .into_iter()
    .enumerate()
    .map(|(number, (event, payload))| envelope(number, event, payload))
    .collect()
}

#[test]
fn events_with_ids_and_times_come_to_the_same_end_for_sessions_too() {
    let shop = Shop::new();
    for round in 1..20 {
        let id = format!("G{round}");
        shop.plant(&Planted { status: "unknown", id: Some(&id), chat: "1203@g.us", text: "x" });
        // A channel that an event frees is looked at in WAHA, which must say the same as the last event.
        let last = if round % 2 == 1 { "SCAN_QR_CODE" } else { "WORKING" };
        shop.site.waha.set_status("default", last);
        // Two log-outs in a day would trip the breaker.
        shop.site.sqlite3("UPDATE channels SET logged_out_at = NULL");
        let mut random = fastrand::Rng::with_seed(round);
        for event in shuffled(&newer(round), &mut random) {
            shop.event(&event);
        }
        let end = shop.ask("SELECT status || ack FROM deliveries ORDER BY id DESC LIMIT 1");
        assert_eq!(end, "sent3", "round {round}");
        let held = shop.ask("SELECT held_reason FROM channels");
        assert_eq!(held.contains("SCAN_QR_CODE"), round % 2 == 1, "round {round}: {held}");
    }
}

#[test]
fn a_repeat_is_known_by_its_envelope_its_request_or_its_body() {
    let shop = Shop::new();
    shop.plant(&Planted { status: "sent", id: Some("A1"), chat: "1@c.us", text: "x" });
    let with_id = |id: &str, ack: i64| {
        let mut event = ack_event("A1", ack);
        event["id"] = json!(id);
        event
    };
    assert_eq!(shop.event(&with_id("evt_1", 1)), "taken");
    assert_eq!(shop.event(&with_id("evt_1", 2)), "taken before");
    let body = ack_event("A1", 2).to_string().into_bytes();
    for (request_id, message) in [("R1", "taken"), ("R1", "taken before"), ("R2", "taken")] {
        let headers = format!("{}X-Webhook-Request-Id: {request_id}\r\n", signed(&body));
        let (status, answer) = post(&shop.server, &body, &headers);
        assert!(status == 200 && answer.contains(&format!("\"{message}\"")), "{answer}");
    }
    assert_eq!(shop.event(&ack_event("A1", 2)), "taken");
    assert_eq!(shop.event(&ack_event("A1", 2)), "taken before");
}

#[test]
fn events_of_many_at_once_and_sends_beside_them_come_to_the_same_end() {
    let shop = Shop::new();
    let messages = plant(&shop, "many-");
    shop.site.message("081200007001, 081200007002");
    shop.server.post("/api/cron-auto-message");
    std::thread::scope(|scope| {
        for seed in 0..8 {
            let shop = &shop;
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                let events = recorded("many-");
                let about_messages: Vec<Value> =
                    events.into_iter().filter(|event| event["event"] != "session.status").collect();
                for event in shuffled(&about_messages, &mut random) {
                    shop.event(&event);
                }
            });
        }
    });
    let rows = state(&shop, "many-", &messages);
    let ends: Vec<&str> = rows.iter().map(|row| row.split('"').nth(1).unwrap()).collect();
    assert_eq!(ends, ["sent", "sent", "failed", "sent"]);
    let body = shop.server.post("/api/auto-message-scheduler").1;
    assert_eq!(body["status"], "finished", "{body}");
    assert_eq!(shop.site.waha.received().len(), 2);
    assert_eq!(shop.ask("SELECT count(*) FROM deliveries WHERE status = 'sent'"), "5");
}

#[test]
fn the_events_recorded_of_2025_12_3_bring_acks_and_an_opt_out_and_leave_the_session_free() {
    let text = include_str!("../fixtures/webhooks-noweb-2025.12.3.json");
    let recorded: Vec<Value> = serde_json::from_str(text).unwrap();
    let shop = Shop::new();
    let chat = "6285550001002@c.us";
    for (status, id, chat, text) in [
        ("unknown", None, chat, "IdSetelah Lima2"),
        ("sent", Some("3EB0C890589E777F1CA8DD"), chat, "x"),
        ("sent", Some("3EB031FBAE848B7BF666E7"), "120363000000000001@g.us", "x"),
    ] {
        shop.plant(&Planted { status, id, chat, text });
    }
    // The echo is of another time than the planted claims.
    let sql = "UPDATE deliveries SET claimed_at = '2026-11-29T07:49:15Z' WHERE status = 'unknown'";
    shop.site.sql().execute(sql, []).unwrap();
    for (event, answer) in recorded.iter().zip([
        "taken", "taken", "", "", "taken", "taken", "taken", "taken", "taken", "taken", "taken",
    ]) {
        // The phone of the shop's own WAHA: a look at the session may come in between.
        let body = event["body"].to_string().replace("15550000001", "6281200000001");
        let body = serde_json::from_str(&body).unwrap();
        let said = shop.event(&body);
        assert!(answer.is_empty() || said == answer, "{body}: {said}");
    }
    let rows = shop.ask(
        "SELECT group_concat(status || ' ' || ack || ' ' || waha_message_id, ', ')
         FROM (SELECT * FROM deliveries ORDER BY id)",
    );
    assert_eq!(
        rows,
        "sent 2 3EB0D2FDF808201CF3182F, sent 3 3EB0C890589E777F1CA8DD, sent 3 3EB031FBAE848B7BF666E7"
    );
    assert_eq!(shop.message_status(), "sent");
    let held = shop.ask("SELECT held_reason FROM channels");
    assert!(held.contains("is STOPPED"), "the last word of the session: {held}");
}
