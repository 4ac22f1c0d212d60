//! `sendText` when nothing goes wrong on purpose, its shapes, and its carelessness.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::*;
use crate::clock::SystemClock;

const GROUP: &str = "120363000000000408@g.us";

#[test]
fn each_engine_answers_in_its_own_shape() {
    for (engine, path) in [
        (Engine::Gows, "/id"),
        (Engine::Noweb, "/key/id"),
        (Engine::Webjs, "/id/_serialized"),
        (Engine::Wpp, "/id"),
    ] {
        let world = World::new(engine);
        let seen = world.send(PERSON, "hi");
        assert_eq!(seen.status, 201, "{engine}");
        let id = world.waha.received()[0].id.clone();
        assert!(id.starts_with("3EB0") && !id.contains('_'), "{id}");
        let expected = match engine {
            Engine::Noweb => id,
            Engine::Gows | Engine::Webjs | Engine::Wpp => format!("true_{PERSON}_{id}"),
        };
        assert_eq!(seen.json().pointer(path), Some(&Value::from(expected)), "{engine}");
    }
}

#[test]
fn noweb_answers_as_it_was_recorded() {
    let world = World::new(Engine::Noweb);
    let body = world.send(PERSON, "hello 1").json();
    let id = &world.waha.received()[0].id;
    assert_eq!(
        body,
        json!({
            "key": { "remoteJid": "6281234567890@s.whatsapp.net", "fromMe": true, "id": id },
            "message": { "extendedTextMessage": { "text": "hello 1" } },
            "messageTimestamp": START_SECS.to_string(),
            "status": "PENDING",
        })
    );
}

#[test]
fn webjs_answers_with_an_object_as_id() {
    let world = World::new(Engine::Webjs);
    let id = world.send(PERSON, "hi").json()["id"].clone();
    assert_eq!(id["fromMe"], true);
    assert_eq!(id["remote"], PERSON);
    assert_eq!(id["id"], world.waha.received()[0].id);
}

#[test]
fn a_group_adds_who_wrote_it_and_never_faults() {
    let world = World::new(Engine::Gows);
    let seen = world.send(GROUP, "hi");
    let id = world.waha.received()[0].id.clone();
    assert_eq!(seen.json()["id"], format!("true_{GROUP}_{id}_15550000001@c.us"));
}

#[test]
fn only_gows_and_noweb_honour_a_given_id() {
    for engine in [Engine::Gows, Engine::Noweb, Engine::Webjs, Engine::Wpp] {
        let world = World::new(engine);
        let mut body = text_to(PERSON, "hi");
        body["id"] = "3EB0AAAA".into();
        assert_eq!(world.post("/api/sendText", &body).status, 201);
        let honoured = world.waha.received()[0].id == "3EB0AAAA";
        assert_eq!(honoured, engine.honours_id(), "{engine}");
    }
}

#[test]
fn the_same_id_twice_is_two_messages_in_the_journal() {
    let world = World::new(Engine::Gows);
    let mut body = text_to(PERSON, "hi");
    body["id"] = "3EB0AAAA".into();
    body["metadata"] = json!({ "k": "v" });
    world.post("/api/sendText", &body);
    world.post("/api/sendText", &body);
    let received = world.waha.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[1].id, "3EB0AAAA");
    assert_eq!(received[1].body, body);
    assert_eq!(received[1].at, Timestamp::from_secs(START_SECS));
    assert!(received[1].answered);
}

#[test]
fn whatever_form_of_a_chat_id_is_sent() {
    let world = World::new(Engine::Gows);
    for (sent, reached) in [
        ("12132132130", "12132132130@c.us"),
        ("12132132130@s.whatsapp.net", "12132132130@c.us"),
        ("+12132132130", "+12132132130@c.us"),
        ("123123123@lid", "123123123@lid"),
        ("not a chat", "not a chat@c.us"),
    ] {
        assert_eq!(world.send(sent, "hi").status, 201, "{sent}");
        assert_eq!(world.waha.received().last().unwrap().chat_id, reached);
    }
}

#[test]
fn a_bad_field_is_a_type_error_that_echoes_the_request() {
    let world = World::new(Engine::Noweb);
    for (body, message) in [
        (json!({"session": "default", "text": "x"}), "of undefined (reading 'includes')"),
        (
            json!({"session": "default", "chatId": null, "text": "x"}),
            "of null (reading 'includes')",
        ),
        (json!({"session": "default", "chatId": PERSON}), "of undefined (reading 'match')"),
        (
            json!({"session": "default", "chatId": PERSON, "text": 5}),
            "text.match is not a function",
        ),
        (json!({"chatId": PERSON, "text": "x"}), "of undefined"),
        (json!([]), "of undefined"),
    ] {
        let seen = world.post("/api/sendText", &body);
        assert_eq!(seen.status, 500, "{body}");
        let echo = seen.json();
        assert_eq!(echo["exception"]["name"], "TypeError");
        assert!(echo["exception"]["message"].as_str().unwrap().contains(message), "{}", seen.text);
        assert_eq!(echo["request"]["body"], body);
        assert_eq!(echo["version"]["engine"], "NOWEB");
        assert_eq!(echo["timestamp"], "2027-01-15T08:00:00.000Z");
    }
    assert_eq!(world.waha.received(), []);
}

#[test]
fn bad_json_is_a_400() {
    let world = World::new(Engine::Gows);
    let seen = world.try_post("/api/sendText", "{bad").unwrap();
    assert_eq!((seen.status, &seen.json()["error"]), (400, &"Bad Request".into()));
    assert_eq!(world.waha.received(), []);
}

#[test]
fn a_session_that_is_not_working_sends_nothing() {
    let world = World::new(Engine::Gows);
    world.waha.set_status("default", "SCAN_QR_CODE");
    let seen = world.send(PERSON, "hi");
    assert_eq!(seen.status, 422);
    assert_eq!(
        seen.json(),
        json!({
            "error": "Session status is not as expected. Try again later or restart the session",
            "session": "default",
            "status": "SCAN_QR_CODE",
            "expected": ["WORKING"],
        })
    );
    assert_eq!(world.waha.received(), []);
    world.waha.set_status("default", "WORKING");
    assert_eq!(world.send(PERSON, "hi").status, 201);
}

#[test]
fn an_unknown_session_sends_nothing() {
    let world = World::new(Engine::Gows);
    let body = json!({ "session": "nosuch1", "chatId": PERSON, "text": "hi" });
    let seen = world.post("/api/sendText", &body);
    assert_eq!(seen.status, 422);
    assert_eq!(seen.json()["message"], "Session \"nosuch1\" does not exist");
}

#[test]
fn each_received_message_is_told_before_its_answer() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let clock = Arc::new(SystemClock::default());
    let waha = FakeWaha::start(Options::default(), clock, move |received| {
        sink.lock().unwrap().push(received.text.clone());
    })
    .unwrap();
    let url = format!("{}/api/sendText", waha.base_url());
    ureq::post(&url).send(text_to(PERSON, "hi").to_string().as_str()).unwrap();
    assert_eq!(*told.lock().unwrap(), ["hi"]);
}

#[test]
fn an_engine_is_named_in_any_case() {
    for (text, engine) in [("gows", Engine::Gows), (" NoWeb", Engine::Noweb), ("WPP", Engine::Wpp)]
    {
        assert_eq!(text.parse::<Engine>().unwrap(), engine);
    }
    assert_eq!(Engine::Webjs.to_string(), "WEBJS");
    let error = "venom".parse::<Engine>().unwrap_err().to_string();
    assert_eq!(error, "unknown engine `venom`: choose gows, noweb, webjs or wpp");
}
