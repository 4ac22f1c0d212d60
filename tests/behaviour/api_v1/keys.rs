//! Who may ask: no key no door, wrong keys are slowed down, the right one never.

use serde_json::{Value, json};

use super::{Door, add_key};
use crate::site::{SECRET, Site, stderr, until};

#[test]
fn without_a_key_there_is_no_door() {
    let site = Site::new();
    let door = Door::of(site.serve(), "ams_nothing".to_owned());
    for path in ["/messages", "/openapi.json", "/", "/nothing"] {
        assert_eq!(door.ask("GET", path, &Value::Null).refusal(), (404, "not_found", ""), "{path}");
    }
    // A running server knows a new key at once, and forgets one that is revoked.
    let door = Door { key: add_key(&site, &["toko"]), ..door };
    door.get("/messages");
    assert!(site.run(&["api-key", "revoke", "toko"]).status.success());
    assert_eq!(door.ask("GET", "/messages", &Value::Null).refusal(), (404, "not_found", ""));
}

#[test]
fn a_key_does_what_it_may_and_its_use_is_noted() {
    let site = Site::new();
    let (reads, writes) =
        (add_key(&site, &["layar", "--can", "read"]), add_key(&site, &["isi", "--can", "write"]));
    let old = add_key(&site, &["lama", "--expires", "1d"]);
    site.sql()
        .execute("UPDATE api_keys SET expires_at = '2020-01-01T00:00:00Z' WHERE name = 'lama'", [])
        .unwrap();
    let door = Door::of(site.serve(), reads.clone());
    door.get("/messages");
    let new = json!({"text": "a", "to": "081200007001", "draft": true});
    door.post("/messages/preview", &new).expect(200);
    assert_eq!(door.post("/messages", &new).refusal(), (403, "key_has_no_right", ""));
    let door = Door { key: writes, ..door };
    door.post("/messages", &new).expect(201);
    assert_eq!(door.ask("GET", "/messages", &Value::Null).refusal(), (403, "key_has_no_right", ""));
    let door = Door { key: old, ..door };
    assert_eq!(door.ask("GET", "/messages", &Value::Null).refusal(), (401, "unauthorized", ""));
    let list = site.run(&["api-key", "list", "--json"]);
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    assert!(list[0]["last_used_at"].is_string() && list[2]["last_used_at"].is_null(), "{list}");
    let dump = format!("{list}") + &site.sqlite3(".dump");
    assert!(!dump.contains(&reads) && !dump.contains(&reads[4..]), "only the hash is kept");
    let again = site.run(&["api-key", "add", "layar"]);
    assert!(stderr(&again).contains("`api-key revoke` it first"), "{}", stderr(&again));
}

#[test]
fn wrong_keys_are_slowed_down_and_the_right_one_never() {
    let site = Site::new();
    let door = Door::open(&site);
    let wrong = format!("Bearer ams_{}", "0".repeat(64));
    let cron = format!("Bearer {SECRET}");
    let ask = |bearer: &str| {
        door.ask_with("GET", "/messages", &[("Authorization", bearer)], b"").unwrap()
    };
    let statuses: Vec<u16> = (0..12).map(|_| ask(&wrong).status).collect();
    assert_eq!(statuses, [[401; 10].as_slice(), &[429; 2]].concat());
    let slowed = ask(&cron);
    assert_eq!(slowed.refusal(), (429, "too_many_wrong_secrets", ""));
    assert!(!slowed.header("Retry-After").is_empty());
    door.get("/messages");
    until("the refusals are in the log", || {
        door.server
            .log()
            .contains("http: refused a request of the API from 127.0.0.1: no key or a wrong one")
    });
    assert!(!door.server.log().contains(&wrong[11..]));
}

#[test]
fn a_secret_and_a_key_open_only_their_own_door() {
    let site = Site::new();
    let door = Door::open(&site);
    let cron = format!("Bearer {SECRET}");
    let answer = door.ask_with("GET", "/messages", &[("Authorization", &cron)], b"").unwrap();
    assert_eq!(answer.refusal(), (401, "unauthorized", ""));
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    for path in ["cron-auto-message", "auto-message-scheduler"] {
        let url = format!("http://{}/api/{path}", door.server.address);
        let request = agent.post(&url).header("Authorization", format!("Bearer {}", door.key));
        assert_eq!(request.send_empty().unwrap().status().as_u16(), 401, "{path}");
    }
}

#[test]
fn pages_of_cors_origins_may_ask_and_others_may_not() {
    let site = Site::new();
    site.write_settings("CORS_ORIGINS=https://toko.example.com\n");
    let door = Door::open(&site);
    let ask = |method: &str, origin: &str, bearer: &str| {
        let headers =
            [("Origin", origin), ("Authorization", bearer), ("Sec-Fetch-Site", "cross-site")];
        door.ask_with(method, "/messages", &headers, b"").unwrap()
    };
    let bearer = format!("Bearer {}", door.key);
    let answer = ask("GET", "https://toko.example.com", &bearer).expect(200);
    assert_eq!(answer.header("Access-Control-Allow-Origin"), "https://toko.example.com");
    let preflight = ask("OPTIONS", "https://toko.example.com", "").expect(204);
    assert!(preflight.header("Access-Control-Allow-Headers").contains("Idempotency-Key"));
    assert_eq!(ask("GET", "https://evil.example", &bearer).refusal(), (403, "forbidden", ""));
    assert_eq!(ask("OPTIONS", "https://evil.example", "").status, 403);
}
