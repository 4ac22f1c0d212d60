//! Every fault does what the table says, and the journal says whether the message was sent.

use super::*;
use crate::fake_waha::fault_table;
use crate::fake_waha::faults::{FAULTS, Symptom, fault_for};

#[test]
fn the_journal_has_the_message_exactly_when_the_table_says_sent() {
    let world = World::new(Engine::Gows);
    for fault in FAULTS {
        let before = world.waha.received().len();
        let chat_id = format!("628123456{}@c.us", fault.digits);
        let stream = world.raw_send(&chat_id);
        let answers = !matches!(fault.symptom, Symptom::NoAnswer | Symptom::NeverAnswers);
        if fault.symptom == Symptom::NeverAnswers {
            stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        }
        let came = (&stream).read(&mut [0; 16]).unwrap_or(0);
        assert_eq!(came > 0, answers, "{}", fault.digits);
        let received = world.waha.received().split_off(before);
        assert_eq!(received.len(), usize::from(fault.sent), "{}", fault.digits);
        assert!(received.iter().all(|message| message.answered == answers), "{}", fault.digits);
    }
}

#[test]
fn each_answered_fault_has_its_status_and_its_mark() {
    let world = World::new(Engine::Noweb);
    for (digits, status, mark) in [
        ("0200", 200, "no JSON"),
        ("0201", 201, "{}"),
        ("0302", 302, ""),
        ("0400", 400, "Bad Request"),
        ("0401", 401, r#"{"message":"Unauthorized","statusCode":401}"#),
        ("0403", 403, "Forbidden"),
        ("0404", 404, "Cannot POST /api/sendText"),
        ("0408", 500, r#""message":"Timed Out""#),
        ("0413", 413, "too large"),
        ("0422", 422, r#""status":"FAILED""#),
        ("0423", 422, "text must be shorter"),
        ("0429", 429, "Too Many Requests"),
        ("0430", 429, "Too Many Requests"),
        ("0463", 500, "error 463"),
        ("0500", 500, "fake engine failure"),
        ("0503", 503, "<html>"),
        ("0504", 504, "<html>"),
        ("0424", 422, "available only in Plus version for 'NOWEB' engine"),
        ("0501", 501, "not implemented by 'NOWEB' engine"),
        ("0540", 500, "no LID found for"),
        ("0776", 201, r#""status":"ERROR""#),
        ("0777", 201, "PENDING"),
    ] {
        let seen = world.send(&format!("62812345{digits}"), "hi");
        assert_eq!(seen.status, status, "{digits}");
        assert!(seen.text.contains(mark), "{digits}: {}", seen.text);
    }
}

#[test]
fn too_many_requests_say_when_to_come_back() {
    let world = World::new(Engine::Gows);
    let seconds = world.send("628123450429@c.us", "hi").retry_after;
    assert_eq!(seconds.as_deref(), Some("60"));
    let date = world.send("628123450430@c.us", "hi").retry_after;
    assert_eq!(date.as_deref(), Some("Fri, 15 Jan 2027 09:00:00 GMT"));
}

#[test]
fn a_redirect_points_to_another_host() {
    let world = World::new(Engine::Gows);
    let seen = world.send("628123450302@c.us", "hi");
    assert_eq!(seen.location.as_deref(), Some("http://127.0.0.1:9/"));
}

#[test]
fn no_answer_means_not_a_single_byte_on_a_kept_connection() {
    let world = World::new(Engine::Gows);
    assert_eq!(read_all(&world.raw_send("628123450502@c.us")), "");
    assert!(!world.waha.received()[0].answered);
    assert!(world.try_post("/api/sendText", &text_to("628123450502", "hi").to_string()).is_err());
}

#[test]
fn a_hold_ends_when_the_client_gives_up() {
    let world = World::new(Engine::Gows);
    let stream = world.raw_send("628123450599@c.us");
    while world.waha.received().is_empty() {
        std::thread::sleep(Duration::from_millis(2));
    }
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(read_all(&stream), "");
    assert!(!world.waha.received()[0].answered);
}

#[test]
fn a_hold_keeps_nobody_else_waiting() {
    let world = World::new(Engine::Gows);
    let _held: Vec<_> = (0..20).map(|_| world.raw_send("628123450599@c.us")).collect();
    assert_eq!(world.send(PERSON, "hi").status, 201);
}

#[test]
fn only_numbers_of_people_fault() {
    for chat_id in
        ["628120408", "628120408@c.us", "+628120408", "8120408@s.whatsapp.net", "990408@lid"]
    {
        assert_eq!(fault_for(chat_id).unwrap().symptom, Symptom::TimedOut, "{chat_id}");
    }
    for chat_id in ["120363000408@g.us", "120408@newsletter", "x0408@c.us", "408@c.us", "", PERSON]
    {
        assert!(fault_for(chat_id).is_none(), "{chat_id}");
    }
}

#[test]
fn the_printed_table_has_every_fault() {
    let table = fault_table();
    for fault in FAULTS {
        let line = table.lines().find(|line| line.starts_with(fault.digits)).unwrap();
        assert!(line.ends_with(fault.what) && line.contains(if fault.sent { "yes" } else { "no" }));
    }
    assert!(FAULTS.is_sorted_by(|a, b| a.digits < b.digits));
}
