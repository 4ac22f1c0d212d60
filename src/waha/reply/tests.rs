use serde_json::json;

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
    let working = SessionState::Working { number };
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
    assert!(matches!(outcome(500, &restricted), Outcome::Restricted { .. }));
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
    assert!(hold.reason.contains("`default` is FAILED"), "{}", hold.reason);
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
