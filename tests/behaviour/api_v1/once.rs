//! Requests that come twice: one message, the first answer again, and no lost update.

use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Answer, Door, add_key};
use crate::site::{Site, until};

fn create(door: &Door, key: &str, body: &Value) -> Answer {
    try_create(door, key, body).unwrap()
}

fn try_create(door: &Door, key: &str, body: &Value) -> Result<Answer, ureq::Error> {
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
    door.ask_with("POST", "/messages", &headers, body.to_string().as_bytes())
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
    let two = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")];
    let refused = door.ask_with("POST", "/messages", &two, b"{}").unwrap();
    assert_eq!(refused.status, 400);
    assert!(
        refused.body.to_string().contains("the header Idempotency-Key stands there twice"),
        "{}",
        refused.body
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
    let [first, again] = [(); 2].map(|()| {
        door.ask_with("POST", "/contacts", &key, contact.as_bytes()).unwrap().expect(201)
    });
    assert_eq!(count(&site, "contacts"), 1);
    // For the change that follows.
    assert_ne!(first.header("ETag"), "");
    assert_eq!(first.header("ETag"), again.header("ETag"));
}

#[test]
fn a_file_comes_once_for_a_key_and_another_one_with_that_key_is_refused() {
    let site = Site::new();
    let door = Door::open(&site);
    let key = [("Idempotency-Key", "nota"), ("Content-Type", "application/pdf")];
    let take = |bytes: &[u8]| door.ask_with("POST", "/files", &key, bytes).unwrap();
    let first = take(b"%PDF-1.7 an invoice").expect(200);
    let again = take(b"%PDF-1.7 an invoice").expect(200);
    assert_eq!((&again.body, again.header("Idempotency-Replayed")), (&first.body, "true"));
    let reused = (422, "idempotency_key_reused", "Idempotency-Key");
    assert_eq!(take(b"%PDF-1.7 another one").refusal(), reused);
    assert_eq!(take(b"").refusal(), (422, "invalid", ""), "what is wrong with it comes first");
    let new = json!({"text": "Halo", "to": "081200007001", "at": "2037-01-01 08:00"});
    assert_eq!(create(&door, "nota", &new).refusal(), reused);
    // The same bytes under another name are another request: the first name is not theirs.
    let form = [("Idempotency-Key", "form"), ("Content-Type", "multipart/form-data; boundary=XX")];
    let send = |name: &str| {
        let head = format!(
            "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
        );
        let body = head + "%PDF-1.7 an invoice\r\n--XX--\r\n";
        door.ask_with("POST", "/files", &form, body.as_bytes()).unwrap()
    };
    assert_eq!(send("nota.pdf").expect(200).body["filename"], "nota.pdf");
    assert_eq!(send("nota.pdf").expect(200).header("Idempotency-Replayed"), "true");
    assert_eq!(send("faktur.pdf").refusal(), reused);
}

#[test]
fn a_draft_that_was_given_no_time_goes_out_when_it_is_resumed() {
    let site = Site::new();
    let door = Door::open(&site);
    let new = json!({"text": "Halo", "to": "081200007001", "draft": true});
    let made = create(&door, "a", &new).expect(201);
    assert_eq!(made.body["next_at"], Value::Null);
    let path = format!("/messages/{}/resume", made.body["id"]);
    let resumed = door.post(&path, &Value::Null).expect(200);
    assert_ne!(resumed.body["next_at"], Value::Null);
    until("it is sent", || site.status() == "sent");
    // Of a rule that is over, now is no time.
    let interval = json!({"time": "08:00", "weekDays": [1]});
    let new = json!({"text": "Hai", "to": "081200007001", "interval": interval, "draft": true});
    let id = create(&door, "b", &new).expect(201).body["id"].clone();
    let over = "UPDATE auto_messages SET interval_config = json_set(interval_config, '$.endDate', '2020-01-01')
                WHERE id = ?1";
    site.sql().execute(over, [id.as_i64()]).unwrap();
    assert_eq!(door.post(&format!("/messages/{id}/resume"), &Value::Null).status, 409);
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
                        // The front has 64 connections: one that was pushed out asks again.
                        let Ok(answer) = try_create(&door, "satu", &new) else { continue };
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

/// With how many messages there are after a kill.
pub const PLACES: [(&str, i64); 4] = [
    ("api_answer_made", 0),
    ("api_answer_kept", 0),
    ("joined_before_commit", 0),
    ("joined_committed", 1),
];

/// Killed at each step, started again, asked again.
#[test]
fn a_kill_at_any_step_makes_one_message_and_the_same_answer() {
    for (place, made_before_kill) in PLACES {
        let site = Site::new();
        let key = add_key(&site, &["toko"]);
        let new = json!({"text": "Halo", "to": "081200007001", "at": "2037-01-01 08:00"});
        let mut door = Door::of(site.start("serve", "killed.log", Some(place)), key.clone());
        door.server.wait_until_ready();
        thread::scope(|scope| {
            let asking = scope.spawn(|| try_create(&door, "satu", &new).is_err());
            until(place, || door.server.log().contains(&format!("fail point: {place}")));
            let pid = door.server.child.id().to_string();
            assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
            assert!(asking.join().unwrap(), "{place}: no answer came");
        });
        door.server.kill();
        assert_eq!(count(&site, "auto_messages"), made_before_kill, "{place}");
        assert_eq!(count(&site, "api_answers"), made_before_kill, "{place}");
        let door = Door::of(site.serve(), key);
        let first = create(&door, "satu", &new).expect(201);
        let is_replay = first.header("Idempotency-Replayed") == "true";
        assert_eq!(is_replay, made_before_kill == 1, "{place}");
        assert_eq!(create(&door, "satu", &new).expect(201).body, first.body, "{place}");
        assert_eq!((count(&site, "auto_messages"), count(&site, "api_answers")), (1, 1), "{place}");
    }
}

/// A replay changes nothing: killed in it, it is given again.
#[test]
fn kills_at_random_times_make_one_message_for_each_key() {
    let site = Site::new();
    let key = add_key(&site, &["toko"]);
    let mut random = fastrand::Rng::with_seed(1);
    let orders = 12;
    for _ in 0..10 {
        let mut door = Door::of(site.serve(), key.clone());
        let pid = door.server.child.id().to_string();
        let pause = Duration::from_millis(random.u64(5..120));
        thread::scope(|scope| {
            for order in 0..orders {
                let door = &door;
                let new = json!({"text": format!("Pesanan {order}"), "to": "081200007001", "at": "2037-01-01 08:00"});
                scope.spawn(move || drop(try_create(door, &order.to_string(), &new)));
            }
            thread::sleep(pause);
            assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
        });
        door.server.kill();
    }
    let door = Door::of(site.serve(), key);
    for order in 0..orders {
        let new = json!({"text": format!("Pesanan {order}"), "to": "081200007001", "at": "2037-01-01 08:00"});
        let id = create(&door, &order.to_string(), &new).expect(201).body["id"].clone();
        assert_eq!(door.get(&format!("/messages/{id}"))["text"], format!("Pesanan {order}"));
    }
    assert_eq!((count(&site, "auto_messages"), count(&site, "api_answers")), (orders, orders));
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
