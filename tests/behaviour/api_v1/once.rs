//! Requests that come twice: one message, the first answer again, and no lost update.

use std::thread;

use serde_json::{Value, json};

use super::{Answer, Door};
use crate::site::Site;

fn create(door: &Door, key: &str, body: &Value) -> Answer {
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
    door.ask_with("POST", "/messages", &headers, body.to_string().as_bytes()).unwrap()
}

fn count(site: &Site, table: &str) -> i64 {
    site.sql().query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn the_same_key_gives_the_first_answer_and_another_body_none() {
    let site = Site::new();
    let door = Door::open(&site);
    let new = json!({"text": "Halo", "to": "081200007001", "at": "2037-01-01 08:00"});
    let first = create(&door, "pesanan-17", &new).expect(201);
    let again = create(&door, "pesanan-17", &new).expect(201);
    assert_eq!((&again.body, again.header("Location")), (&first.body, first.header("Location")));
    assert_eq!(
        (first.header("Idempotency-Replayed"), again.header("Idempotency-Replayed")),
        ("", "true")
    );
    let other = json!({"text": "Lain", "to": "081200007001", "at": "2037-01-01 08:00"});
    assert_eq!(
        create(&door, "pesanan-17", &other).refusal(),
        (422, "idempotency_key_reused", "Idempotency-Key")
    );
    create(&door, "pesanan-18", &new).expect(201);
    assert_eq!(count(&site, "auto_messages"), 2);
    // What was refused is not kept: mended, it may come again.
    assert_eq!(create(&door, "x", &json!({"text": ""})).status, 422);
    create(&door, "x", &new).expect(201);
    assert_eq!(
        create(&door, &"x".repeat(256), &new).refusal(),
        (422, "invalid", "Idempotency-Key")
    );
}

#[test]
fn every_post_is_done_once_for_a_key() {
    let site = Site::new();
    let door = Door::open(&site);
    let new = json!({"text": "Halo", "to": "081200007001", "at": "2037-01-01 08:00"});
    create(&door, "a", &new).expect(201);
    let key = [("Idempotency-Key", "b"), ("Content-Type", "application/json")];
    let first = door.ask_with("POST", "/messages/1/cancel", &key, b"").unwrap().expect(200);
    let again = door.ask_with("POST", "/messages/1/cancel", &key, b"").unwrap().expect(200);
    assert_eq!((&first.body, again.header("Idempotency-Replayed")), (&again.body, "true"));
    assert_eq!(door.post("/messages/1/cancel", &Value::Null).status, 409);
    let contact = json!({"phone_number": "081200007001"}).to_string();
    let key = [("Idempotency-Key", "c"), ("Content-Type", "application/json")];
    for _ in 0..2 {
        door.ask_with("POST", "/contacts", &key, contact.as_bytes()).unwrap().expect(201);
    }
    assert_eq!(count(&site, "contacts"), 1);
}

#[test]
fn answers_are_dropped_after_a_week() {
    let site = Site::new();
    let door = Door::open(&site);
    let new = json!({"text": "Halo", "to": "081200007001", "at": "2037-01-01 08:00"});
    create(&door, "a", &new).expect(201);
    site.sql().execute("UPDATE api_answers SET kept_at = '2020-01-01T00:00:00Z'", []).unwrap();
    create(&door, "b", &new).expect(201);
    assert_eq!(count(&site, "api_answers"), 1);
    create(&door, "a", &new).expect(201);
    assert_eq!(count(&site, "auto_messages"), 3);
}

#[test]
fn a_hundred_at_once_make_one_message() {
    let site = Site::new();
    let door = Door::open(&site);
    let new = json!({"text": "Halo", "to": "081200007001", "at": "2037-01-01 08:00"});
    let answers: Vec<Answer> = thread::scope(|scope| {
        let asking: Vec<_> = (0..100)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let answer = create(&door, "satu", &new);
                        if answer.status == 201 {
                            return answer;
                        }
                        assert!(matches!(answer.status, 409 | 503), "{}", answer.body);
                        assert_eq!(answer.header("Retry-After"), "1", "{}", answer.body);
                    }
                })
            })
            .collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| answer.body["id"] == 1));
    assert_eq!((count(&site, "auto_messages"), count(&site, "api_answers")), (1, 1));
}

#[test]
fn of_two_edits_at_once_one_is_told_that_the_other_was_first() {
    let site = Site::new();
    let door = Door::open(&site);
    create(&door, "a", &json!({"text": "Halo", "to": "081200007001", "at": "2037-01-01 08:00"}))
        .expect(201);
    for round in 0..10 {
        let seen = door.ask("GET", "/messages/1", &Value::Null).header("ETag").to_owned();
        let edit = |text: String| {
            let headers = [("Content-Type", "application/json"), ("If-Match", seen.as_str())];
            let body = json!({"text": text}).to_string();
            door.ask_with("PATCH", "/messages/1", &headers, body.as_bytes()).unwrap().status
        };
        let mut statuses: Vec<u16> = thread::scope(|scope| {
            let edit = &edit;
            let asking: Vec<_> =
                (0..2).map(|one| scope.spawn(move || edit(format!("{round} {one}")))).collect();
            asking.into_iter().map(|one| one.join().unwrap()).collect()
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412]);
    }
}
