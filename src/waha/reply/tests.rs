use serde_json::json;

use super::super::send::outcome as send_outcome;
use super::*;

fn reply(status: u16, body: &Value) -> Reply {
    let body = body.to_string().into_bytes();
    Reply { status, retry_after: None, date: None, body, is_whole: true }
}

fn outcome(status: u16, body: &Value) -> Outcome {
    send_outcome(&reply(status, body), "default")
}

/// A reply recorded from WAHA 2024.10.8 with the NOWEB engine.
fn recorded(case: &str) -> Reply {
    let text = include_str!("../../../tests/fixtures/noweb-2024.10.8.json");
    let all: Value = serde_json::from_str(text).unwrap();
    let found = all.as_array().unwrap().iter().find(|one| one["case"] == case);
    let one = found.unwrap_or_else(|| panic!("no recording of `{case}`"));
    reply(u16::try_from(one["status"].as_u64().unwrap()).unwrap(), &one["body"])
}

fn sent(id: &str) -> Outcome {
    Outcome::Sent { waha_message_id: id.to_owned() }
}

#[test]
fn recorded_replies_are_understood() {
    let outcome = |case: &str| send_outcome(&recorded(case), "default");
    assert_eq!(outcome("ok send c.us"), sent("3EB0BA4E7D650CE29E79CE0F71747624A5E58EAF"));
    assert_eq!(outcome("group"), sent("3EB0190FF2869AC60C950A143D5C6AF45EA49541"));
    assert!(matches!(outcome("sendText bad JSON"), Outcome::Failed { .. }));
    for case in ["engine Boom 408", "engine Error", "missing chatId"] {
        assert!(matches!(outcome(case), Outcome::Unknown { .. }), "{case}");
    }
    for case in ["sendText session missing", "sendText in SCAN_QR_CODE"] {
        let Outcome::Deferred(hold) = outcome(case) else { panic!("{case}") };
        assert_eq!(hold.kind, HoldKind::Session, "{case}");
    }
    let number = Some("+15550000001".to_owned());
    let working = SessionState::Working { number, warning: None };
    assert_eq!(session_state(&recorded("session"), "default"), working);
    let SessionState::Held(hold) = session_state(&recorded("session missing"), "nosuch") else {
        panic!("a missing session works?")
    };
    assert_eq!(hold.kind, HoldKind::Session);
    let offer = id_offer(&recorded("new-message-id (not in 2024.10.8)"), "default");
    assert_eq!(offer, IdOffer::None);
}

#[test]
fn every_engines_shape_gives_the_bare_id() {
    for body in [
        json!({"id": "true_6281@c.us_3EB0A"}),
        json!({"id": "true_1203@g.us_3EB0A_6281@c.us"}),
        json!({"id": "true_1@lid_3EB0A"}),
        json!({"id": "3EB0A"}),
        json!({"key": {"id": "3EB0A", "fromMe": true}}),
        json!({"id": {"_serialized": "true_6281@c.us_3EB0A", "id": "3EB0A"}}),
        json!({"id": {"fromMe": true, "remote": "6281@c.us", "id": "3EB0A"}}),
    ] {
        assert_eq!(outcome(201, &body), sent("3EB0A"), "{body}");
    }
}

#[test]
fn success_without_a_usable_id_is_unknown() {
    for body in [
        json!({}),
        json!([]),
        json!(null),
        json!({"id": null}),
        json!({"id": ""}),
        json!({"id": "true_6281@c.us_"}),
        json!({"id": "with space"}),
        json!({"id": "A".repeat(1000)}),
    ] {
        assert!(matches!(outcome(201, &body), Outcome::Unknown { .. }), "{body}");
    }
    let cut = Reply { is_whole: false, ..reply(201, &json!({"id": "3EB0A"})) };
    assert!(matches!(send_outcome(&cut, "default"), Outcome::Unknown { .. }));
}

#[test]
fn error_463_is_read_from_wahas_own_words_and_never_from_the_text_it_echoes() {
    let restricted = json!({"exception": {"message": "failed", "details": {"e": "error 463"}}});
    assert!(matches!(outcome(500, &restricted), Outcome::Restricted));
    let echo = json!({
        "exception": {"message": "Timed Out"},
        "request": {"body": {"text": "error 463, session default"}},
    });
    assert!(matches!(outcome(500, &echo), Outcome::Unknown { .. }));
}

#[test]
fn a_422_is_about_the_session_or_the_message_or_cannot_be_told() {
    let about = json!({"error": "x", "status": "FAILED", "expected": ["WORKING"]});
    let Outcome::Deferred(hold) = outcome(422, &about) else { panic!() };
    let reason = hold.reason.to_string();
    assert!(reason.contains("`default` is FAILED"), "{reason}");
    assert!(matches!(outcome(422, &json!({"message": "text too long"})), Outcome::Failed { .. }));
    assert!(matches!(outcome(422, &json!({"message": ["text"]})), Outcome::Failed { .. }));
    let html = Reply { body: b"<html>".to_vec(), ..reply(422, &json!(null)) };
    assert!(matches!(send_outcome(&html, "default"), Outcome::Deferred(_)));
}

#[test]
fn what_is_wrongly_set_up_burns_no_message() {
    for status in [301, 302, 401, 403, 404, 405, 411, 451] {
        let Outcome::Deferred(hold) = outcome(status, &json!({})) else { panic!("{status}") };
        assert_eq!(hold.kind, HoldKind::Misconfigured, "{status}");
    }
}

#[test]
fn what_is_no_definite_no_is_unknown() {
    for status in [100, 101, 199, 408, 500, 502, 503, 504, 599, 600, 999] {
        let outcome = outcome(status, &json!({}));
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{status}: {outcome:?}");
    }
}

#[test]
fn a_429_is_a_hold_with_what_waha_asked_for() {
    for (header, expected) in [
        (Some("120"), Some(RetryAfter::Seconds(120))),
        (Some(" 120 "), Some(RetryAfter::Seconds(120))),
        (
            Some("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(RetryAfter::At(crate::clock::Timestamp::from_secs(784_111_777))),
        ),
        (Some("soon"), None),
        (None, None),
    ] {
        let reply = Reply { retry_after: header.map(str::to_owned), ..reply(429, &json!({})) };
        let Outcome::Deferred(hold) = send_outcome(&reply, "default") else { panic!() };
        assert_eq!((hold.kind, hold.retry_after), (HoldKind::RateLimited, expected));
    }
}

#[test]
fn a_session_is_working_only_when_it_says_so() {
    for body in [json!({"status": "FUTURE_STATE"}), json!({}), json!([]), json!("WORKING")] {
        assert!(matches!(session_state(&reply(200, &body), "x"), SessionState::Held(_)), "{body}");
    }
}

#[test]
fn an_id_offer_with_an_underscore_is_none() {
    assert_eq!(id_offer(&reply(200, &json!({"id": "3EB0_A"})), "x"), IdOffer::None);
    assert_eq!(
        id_offer(&reply(200, &json!({"id": "3EB0A"})), "x"),
        IdOffer::Reserved("3EB0A".to_owned())
    );
    assert_eq!(id_offer(&reply(500, &json!({})), "x"), IdOffer::NotNow);
}

/// A recorded request, and its reply.
struct Recorded {
    method: String,
    path: String,
    reply: Reply,
}

/// The recordings of one file, in order; an empty body was written down as null.
fn recordings(text: &str) -> Vec<Recorded> {
    let all: Vec<Value> = serde_json::from_str(text).unwrap();
    let word = |one: &Value, at: &str| one.pointer(at).unwrap().as_str().unwrap().to_owned();
    all.iter()
        .map(|one| {
            let status = u16::try_from(one["status"].as_u64().unwrap()).unwrap();
            let is_empty = one["reply"].is_null();
            let mut reply = reply(status, &one["reply"]);
            if is_empty {
                reply.body.clear();
            }
            Recorded {
                method: word(one, "/request/method"),
                path: word(one, "/request/path"),
                reply,
            }
        })
        .collect()
}

/// What a reply comes to, in one word.
fn verdict(Recorded { method, path, reply }: &Recorded) -> String {
    let found = |search| match search {
        Search::Done(sightings) => format!("found {}", sightings.len()),
        Search::Refused(reason) => reason.to_string(),
        Search::Away(reason) => panic!("{reason}"),
    };
    let (from, until) = (Timestamp::from_secs(0), Timestamp::from_secs(i64::from(u32::MAX)));
    match (method.as_str(), path.split('?').next().unwrap()) {
        ("POST", _) => match send_outcome(reply, "default") {
            Outcome::Sent { .. } => "sent".to_owned(),
            Outcome::Failed { .. } => "failed".to_owned(),
            Outcome::Refused { .. } => "refused".to_owned(),
            Outcome::NotOffered { .. } => "not offered".to_owned(),
            Outcome::Unknown { .. } => "unknown".to_owned(),
            Outcome::Deferred(hold) => format!("held: {}", hold.kind.as_str()),
            Outcome::Restricted => "restricted".to_owned(),
        },
        ("GET", path) if path.ends_with("/messages") => found(sightings(reply, 100, from, until)),
        ("GET", path) if path.contains("/messages/") => found(one_sighting(reply)),
        ("GET", path) if path.ends_with("/new-message-id") => match id_offer(reply, "default") {
            IdOffer::Reserved(_) => "an id".to_owned(),
            IdOffer::None => "no ids".to_owned(),
            other => panic!("{path}: {other:?}"),
        },
        ("GET", "/api/contacts/check-exists") => format!("{:?}", existence(reply, "default")),
        _ => "not asked for".to_owned(),
    }
}

/// The verdicts of a file, the same ones in a row counted.
fn verdicts(text: &str) -> Vec<String> {
    let mut runs: Vec<(String, usize)> = Vec::new();
    for verdict in recordings(text).iter().map(verdict) {
        match runs.last_mut() {
            Some((last, count)) if *last == verdict => *count += 1,
            _ => runs.push((verdict, 1)),
        }
    }
    runs.into_iter().map(|(verdict, count)| format!("{count} {verdict}")).collect()
}

#[test]
fn every_reply_that_was_recorded_of_2025_12_3_comes_to_what_it_should() {
    let text = include_str!("../../../tests/fixtures/replies-noweb-2025.12.3.json");
    assert_eq!(
        verdicts(text),
        [
            "1 sent",
            "6 not offered",
            "5 sent",
            "1 not offered",
            "1 sent",
            "1 not offered",
            "3 sent",
            "1 unknown",
            "3 sent",
            "1 failed",
            "9 sent",
            "1 unknown",
            "1 failed",
            "1 sent",
            "1 an id",
            "1 no ids",
            "2 sent",
            "1 not offered",
            "1 found 17",
            "1 found 1",
            "1 found 0",
            "1 found 1",
            "1 found 2",
            "1 found 1",
            "1 There { chat_id: Some(\"6281234567890@c.us\") }",
            "1 NotThere",
            "1 There { chat_id: None }",
            "3 not asked for",
        ]
    );
}

#[test]
fn every_send_that_was_recorded_of_2024_10_8_comes_to_what_it_should() {
    let text = include_str!("../../../tests/fixtures/sends-noweb-2024.10.8.json");
    assert_eq!(
        verdicts(text),
        [
            "1 sent",
            "6 not offered",
            "1 sent",
            "2 unknown",
            "2 sent",
            "1 held: misconfigured",
            "1 sent",
            "1 held: misconfigured",
            "3 sent",
            "1 unknown",
            "16 sent",
            "2 no ids",
            "1 sent",
            "1 unknown",
            "1 not offered",
            "1 found 17",
            "3 found 0",
            "1 found 4",
            "1 found 1",
            "1 There { chat_id: Some(\"6281234567890@c.us\") }",
            "1 NotThere",
            "1 There { chat_id: None }",
            "3 not asked for",
        ]
    );
}

#[test]
fn only_gows_own_words_say_that_no_lid_was_found() {
    let no_lid = |message: &str| json!({"statusCode": 500, "exception": {"message": message}});
    let words = "no LID found for 6281234567890@s.whatsapp.net from server";
    let failed = Outcome::Failed { reason: Reason::NoLid };
    assert_eq!(outcome(500, &no_lid(words)), failed);
    assert_eq!(outcome(500, &no_lid(&format!("13 INTERNAL: {words}"))), failed);
    let details = json!({"exception": {"message": "rpc error", "details": words}});
    assert_eq!(outcome(500, &details), failed);
    for (status, body) in [
        (500, no_lid("Timed Out")),
        (500, no_lid("no LID found for the moment")),
        (500, json!({"exception": {"message": "x"}, "request": {"body": {"text": words}}})),
        (502, no_lid(words)),
    ] {
        assert!(matches!(outcome(status, &body), Outcome::Unknown { .. }), "{status} {body}");
    }
}

#[test]
fn a_201_that_says_error_is_refused() {
    for body in [
        json!({"id": "true_6281@c.us_3EB0A", "ack": -1}),
        json!({"key": {"id": "3EB0A"}, "status": "ERROR"}),
        json!({"id": {"_serialized": "true_6281@c.us_3EB0A"}, "ack": -1}),
    ] {
        assert_eq!(
            outcome(201, &body),
            Outcome::Refused { waha_message_id: "3EB0A".into() },
            "{body}"
        );
    }
    for body in [json!({"ack": -1}), json!({"status": "ERROR"})] {
        assert!(matches!(outcome(201, &body), Outcome::Unknown { .. }), "without an id: {body}");
    }
    assert_eq!(outcome(201, &json!({"id": "3EB0A", "ack": 0, "status": "PENDING"})), sent("3EB0A"));
}

#[test]
fn what_an_old_version_does_not_know_is_no_trouble_of_a_session_whatever_its_name() {
    let cannot = json!({"statusCode": 404, "message": "Cannot GET /api/session1/new-message-id"});
    assert_eq!(id_offer(&reply(404, &cannot), "session1"), IdOffer::None);
    assert_eq!(one_sighting(&reply(404, &cannot)), Search::Done(Vec::new()));
    assert_eq!(id_offer(&reply(501, &json!({})), "x"), IdOffer::None, "this engine has none");
}

#[test]
fn a_look_up_that_is_not_answered_is_refused_or_away() {
    let window = (Timestamp::from_secs(0), Timestamp::from_secs(10));
    for status in [200, 204, 302, 400, 401, 403, 404, 422, 429, 500, 501] {
        let search = sightings(&reply(status, &json!({})), 100, window.0, window.1);
        assert!(matches!(search, Search::Refused(_)), "{status}: {search:?}");
    }
    for status in [502, 503, 504] {
        let search = sightings(&reply(status, &json!({})), 100, window.0, window.1);
        assert!(matches!(search, Search::Away(_)), "{status}: {search:?}");
    }
}

#[test]
fn only_a_clear_answer_says_whether_a_number_is_there() {
    let reply = |status, body: &str| {
        let body = body.as_bytes().to_vec();
        Reply { status, retry_after: None, date: None, body, is_whole: true }
    };
    let told = |status, body: &str| match existence(&reply(status, body), "toko") {
        Existence::There { chat_id } => format!("there: {chat_id:?}"),
        Existence::NotThere => "not there".to_owned(),
        Existence::Untold(_) => "untold".to_owned(),
        Existence::Held(hold) => hold.kind.to_string(),
    };
    let there =
        |chat_id: &str| told(200, &format!(r#"{{"numberExists":true,"chatId":"{chat_id}"}}"#));
    assert_eq!(there("5511987654321@c.us"), r#"there: Some("5511987654321@c.us")"#);
    assert_eq!(there("5511987654321@s.whatsapp.net"), r#"there: Some("5511987654321@c.us")"#);
    assert_eq!(there("998855500010@lid"), r#"there: Some("998855500010@lid")"#);
    assert_eq!(there("1203@g.us"), "there: None");
    assert_eq!(told(200, r#"{"numberExists":false}"#), "not there");
    for (status, body, kind) in [
        (200, "<html>", "untold"),
        (201, r#"{"numberExists":false}"#, "untold"),
        (400, "{}", "untold"),
        (404, r#"{"message":"Cannot GET /api/contacts/check-exists"}"#, "untold"),
        (500, r#"{"exception":{"message":"Timed Out"}}"#, "untold"),
        (501, "{}", "untold"),
        (422, r#"{"error":"x","status":"STOPPED","expected":["WORKING"]}"#, "session"),
        (404, r#"{"message":"We didn't find a session with name 'x'."}"#, "session"),
        (401, r#"{"numberExists":false}"#, "misconfigured"),
        (429, "", "rate_limited"),
        (502, r#"{"numberExists":false}"#, "unreachable"),
        (503, "", "unreachable"),
        (500, r#"{"exception":{"message":"x","details":"error 463"}}"#, "restricted"),
    ] {
        assert_eq!(told(status, body), kind, "{status} {body}");
    }
}
