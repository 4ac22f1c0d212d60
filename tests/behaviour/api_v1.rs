//! The API for other programs, of the real program: keys, messages, contacts, channels, and what is refused.

mod keys;
mod lists;
pub mod once;

use serde_json::{Value, json};

use crate::site::{Server, Site, stderr, until};

/// A server with a key, and who asks it.
pub struct Door {
    pub server: Server,
    pub key: String,
    agent: ureq::Agent,
}

/// An answer: status, headers and body.
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The answer, which must have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// Status, code and field of a refusal.
    pub fn refusal(&self) -> (u16, &str, &str) {
        let text = |key: &str| self.body[key].as_str().unwrap_or_default();
        assert_eq!(self.body["error"], true, "{}", self.body);
        assert!(!text("message").is_empty(), "{}", self.body);
        (self.status, text("code"), text("field"))
    }
}

/// Makes a key with the real command.
pub fn add_key(site: &Site, arguments: &[&str]) -> String {
    let output = site.run(&[&["api-key", "add"], arguments].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Door {
    pub fn open(site: &Site) -> Self {
        let key = add_key(site, &["toko"]);
        Self::of(site.serve(), key)
    }

    pub fn of(server: Server, key: String) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Self { server, key, agent }
    }

    pub fn ask_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, ureq::Error> {
        let url = format!("http://{}/api/v1{path}", self.server.address);
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        if !headers.iter().any(|(name, _)| *name == "Authorization") {
            request = request.header("Authorization", format!("Bearer {}", self.key));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = self.agent.run(request.body(body).unwrap())?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.body_mut().read_to_string()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Answer { status, headers, body })
    }

    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let json = [("Content-Type", "application/json"), ("If-Match", "*")];
        self.ask_with(method, path, &json, text.as_bytes()).unwrap()
    }

    pub fn get(&self, path: &str) -> Value {
        self.ask("GET", path, &Value::Null).expect(200).body
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, body)
    }
}

#[test]
fn a_message_is_made_sent_and_followed() {
    let site = Site::new();
    let door = Door::open(&site);
    let budi = json!({"name": "Budi", "phone_number": "0812-0000-7001", "tags": ["vip"]});
    assert_eq!(door.post("/contacts", &budi).expect(201).header("Location"), "/api/v1/contacts/1");
    let new = json!({
        "text": "Halo {{name|Kak}}, pesanan 17", "to": ["tag:vip", "081200007002", "0812", 99],
        "title": "Pesanan", "metadata": {"order": 17},
    });
    let made = door.post("/messages", &new).expect(201);
    assert_eq!(made.header("Location"), "/api/v1/messages/1");
    assert_eq!((&made.body["id"], &made.body["recipients"]), (&json!(1), &json!(2)));
    let codes: Vec<&str> = made.body["skipped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["recipient_unreadable", "no_such_contact"]);
    assert!(made.body["next_at"].is_string() && made.body["last_at"].is_string(), "{}", made.body);
    until("both have it", || door.get("/messages/1")["status"] == "sent");
    let message = door.get("/messages/1");
    let counts =
        json!({"sent": 2, "failed": 0, "skipped": 2, "unknown": 0, "expired": 0, "pending": 0});
    assert_eq!(message["counts"], counts);
    assert_eq!((&message["metadata"], &message["next_at"]), (&json!({"order": 17}), &Value::Null));
    let deliveries = door.get("/messages/1/deliveries");
    let sent = door.get("/messages/1/deliveries?status=sent");
    assert_eq!(deliveries["data"].as_array().unwrap().len(), 4);
    assert_eq!(sent["data"][0]["text"], "Halo Budi, pesanan 17");
    assert_eq!(sent["data"][0]["to"], "6281200007001@c.us");
    let id = &sent["data"][0]["id"];
    assert_eq!(&door.get(&format!("/deliveries/{id}")), &sent["data"][0]);
}

#[test]
fn a_preview_stores_nothing() {
    let site = Site::new();
    let door = Door::open(&site);
    let new = json!({"text": "Halo {{name|Kak}}", "to": "081200007001, 081200007002", "at": "+2h"});
    let plan = door.post("/messages/preview", &new).expect(200).body;
    assert_eq!((&plan["recipients"], &plan["first"][0]["text"]), (&json!(2), &json!("Halo Kak")));
    assert_eq!(plan["first"][0]["at"], plan["next_at"]);
    assert_eq!(plan["first"][1]["at"], plan["last_at"]);
    assert_ne!(plan["next_at"], plan["last_at"]);
    assert_eq!(door.get("/messages"), json!({"data": [], "next_cursor": null}));
}

#[test]
fn a_message_is_paused_resumed_edited_cancelled_and_removed() {
    let site = Site::new();
    let door = Door::open(&site);
    let new = json!({"text": "Halo", "to": [81_200_007_001_i64], "at": "2037-01-01 08:00", "channel": "default"});
    door.post("/messages", &new).expect(201);
    let shown = door.ask("GET", "/messages/1", &Value::Null).expect(200);
    let seen = shown.header("ETag").to_owned();
    assert_eq!(door.post("/messages/1/pause", &Value::Null).expect(200).body["status"], "draft");
    let change = json!({"text": "Halo lagi", "at": "2037-01-02T08:00:00+07:00", "title": "T", "metadata": {"a": 1}});
    let json = |seen: &str| {
        [("Content-Type", "application/json".to_owned()), ("If-Match", seen.to_owned())]
    };
    let patch = |seen: &str| {
        let headers = json(seen);
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        door.ask_with("PATCH", "/messages/1", &headers, change.to_string().as_bytes()).unwrap()
    };
    assert_eq!(patch(&seen).refusal(), (412, "changed_meanwhile", ""));
    let seen = door.ask("GET", "/messages/1", &Value::Null).header("ETag").to_owned();
    let edited = patch(&seen).expect(200);
    assert_eq!(edited.body["next_at"], "2037-01-02T01:00:00Z");
    assert_eq!((&edited.body["title"], &edited.body["text"]), (&json!("T"), &json!("Halo lagi")));
    assert_ne!(edited.header("ETag"), seen);
    assert_eq!(patch(&seen).status, 412);
    let bare = [("Content-Type", "application/json")];
    let missing = door.ask_with("PATCH", "/messages/1", &bare, b"{}").unwrap();
    assert_eq!(missing.refusal(), (428, "if_match_missing", ""));
    let cleared =
        door.ask("PATCH", "/messages/1", &json!({"title": null, "metadata": null})).expect(200);
    assert_eq!((&cleared.body["title"], &cleared.body["metadata"]), (&Value::Null, &Value::Null));
    door.post("/messages/1/resume", &Value::Null).expect(200);
    assert_eq!(door.post("/messages/1/resume", &Value::Null).refusal().0, 409);
    assert_eq!(door.ask("DELETE", "/messages/1", &Value::Null).refusal(), (409, "conflict", ""));
    assert_eq!(
        door.post("/messages/1/cancel", &Value::Null).expect(200).body["status"],
        "cancelled"
    );
    assert_eq!(door.post("/messages/1/retry", &json!({"unknown": true})).refusal().0, 409);
    door.ask("DELETE", "/messages/1", &Value::Null).expect(204);
    assert_eq!(door.ask("GET", "/messages/1", &Value::Null).refusal(), (404, "not_found", ""));
}

#[test]
fn what_cannot_be_done_names_its_field() {
    let site = Site::new();
    let door = Door::open(&site);
    for (body, refusal) in [
        (json!({"to": [1]}), (422, "invalid", "text")),
        (json!({"text": " ", "to": ["081200007001"]}), (422, "invalid", "text")),
        (json!({"text": "a", "to": ["081200007001"], "txt": 1}), (422, "unknown_field", "txt")),
        (json!({"text": "a"}), (422, "invalid", "to")),
        (json!({"text": "a", "to": ["081200007001", 2, true]}), (422, "invalid", "to[2]")),
        (json!({"text": "a", "to": ["0812"]}), (422, "invalid", "to")),
        (json!({"text": 1, "to": [1]}), (422, "invalid", "text")),
        (json!({"text": "a", "to": ["081200007001"], "at": "2020-01-01"}), (422, "invalid", "at")),
        (
            json!({"text": "a", "to": ["081200007001"], "at": "2020-01-01 08:00"}),
            (422, "time_passed", "at"),
        ),
        (
            json!({"text": "a", "to": ["081200007001"], "at": "now", "schedules": []}),
            (422, "invalid", "schedules"),
        ),
        (
            json!({"text": "a", "to": ["081200007001"], "schedules": [{"date": "x"}]}),
            (422, "invalid", "schedules"),
        ),
        (
            json!({"text": "a", "to": ["081200007001"], "interval": {"time": "25:00"}}),
            (422, "invalid", "interval"),
        ),
        (
            json!({"text": "a", "to": ["081200007001"], "interval": {"time": "08:00", "weekDays": [1], "endDate": "2020-01-01"}}),
            (422, "schedule_passed", "interval"),
        ),
        (
            json!({"text": "a", "to": ["081200007001"], "channel": "tidak ada"}),
            (422, "invalid", "channel"),
        ),
        (
            json!({"text": "a", "to": ["081200007001"], "metadata": []}),
            (422, "invalid", "metadata"),
        ),
        (json!([]), (422, "invalid", "")),
        (Value::Null, (400, "not_json", "")),
    ] {
        let answer = door.post("/messages", &body);
        let (status, code, field) = answer.refusal();
        assert_eq!((status, code), (refusal.0, refusal.1), "{body} {}", answer.body);
        assert!(refusal.2.is_empty() || field == refusal.2, "{body} {}", answer.body);
    }
    let headers = |kind| [("Content-Type", kind)];
    let ask = |kind, body: &[u8]| door.ask_with("POST", "/messages", &headers(kind), body).unwrap();
    assert_eq!(ask("application/json", b"{").refusal(), (400, "not_json", ""));
    assert_eq!(ask("application/json", b"{} {}").refusal().0, 400);
    assert_eq!(
        ask("application/x-www-form-urlencoded", b"text=a").refusal(),
        (415, "not_json", "")
    );
    assert_eq!(ask("application/json", &vec![b' '; 70_000]).refusal(), (413, "too_large", ""));
    let wrong = door.ask("PUT", "/messages", &Value::Null);
    assert_eq!(
        (wrong.refusal(), wrong.header("Allow")),
        ((405, "method_not_allowed", ""), "GET, POST, HEAD")
    );
    for path in [
        "/",
        "/nothing",
        "/messages/0",
        "/messages/x",
        "/messages/1/x",
        "/contacts/7",
        "/channels/9",
    ] {
        assert_eq!(door.ask("GET", path, &Value::Null).refusal(), (404, "not_found", ""), "{path}");
    }
    assert_eq!(
        door.ask("GET", "/messages?stauts=sent", &Value::Null).refusal(),
        (422, "unknown_parameter", "stauts")
    );
    assert_eq!(
        door.ask("GET", "/messages?limit=0", &Value::Null).refusal(),
        (422, "invalid", "limit")
    );
    let count: i64 =
        site.sql().query_row("SELECT count(*) FROM auto_messages", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 0);
}

#[test]
fn times_of_every_form_are_taken() {
    let site = Site::new();
    let door = Door::open(&site);
    for (when, next_at) in [
        (json!({"at": ["2037-01-02 08:00", "2037-01-01 08:00"]}), json!("2037-01-01T01:00:00Z")),
        (json!({"at": "2037-01-01T08:00:00Z"}), json!("2037-01-01T08:00:00Z")),
        (
            json!({"schedules": [{"date": "2037-01-01", "time": "8:00 PM"}]}),
            json!("2037-01-01T13:00:00Z"),
        ),
        (
            json!({"interval": {"startDate": "2037-01-01", "time": "08:00", "weekDays": ["senin"]}}),
            json!("2037-01-05T01:00:00Z"),
        ),
        (json!({"draft": true}), Value::Null),
    ] {
        let mut new = json!({"text": "Halo", "to": "all"});
        new.as_object_mut().unwrap().extend(when.as_object().unwrap().clone());
        if new.get("draft").is_none() {
            new["to"] = json!(["081200007001"]);
        }
        let made = door.post("/messages", &new).expect(201).body;
        assert_eq!(made["next_at"], next_at, "{when}");
        let shown = door.get(&format!("/messages/{}", made["id"]));
        assert_eq!((&shown["next_at"], &shown["status"]), (&next_at, &made["status"]));
    }
    assert_eq!(door.get("/messages/4")["interval"]["weekDays"], json!(["senin"]));
    assert_eq!(door.get("/messages/3")["schedules"][0]["time"], "8:00 PM");
}

#[test]
fn channels_and_status_are_told_and_changed() {
    let site = Site::new();
    let door = Door::open(&site);
    assert_eq!(door.get("/channels")["data"][0]["state"], "ready");
    let paused = door.post("/channels/1/pause", &json!({"reason": "libur"})).expect(200).body;
    assert_eq!((&paused["state"], &paused["reason"]), (&json!("paused"), &json!("libur")));
    let made = door.post("/messages", &json!({"text": "a", "to": "081200007001"})).expect(201).body;
    assert_eq!(made["warnings"][0]["code"], "channel_held");
    assert_eq!(door.get("/messages/1")["channel"]["held_reason"], "libur");
    assert_eq!(door.get("/status")["channels"][0]["held_reason"], "libur");
    door.post("/channels/1/resume", &Value::Null).expect(200);
    assert_eq!(door.get("/channels/1")["state"], "ready");
    until("it is sent", || door.get("/messages/1")["status"] == "sent");
}

#[test]
fn the_document_is_served() {
    let site = Site::new();
    let door = Door::open(&site);
    let document = door.get("/openapi.json");
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/api/v1/messages"]["post"].is_object());
}
