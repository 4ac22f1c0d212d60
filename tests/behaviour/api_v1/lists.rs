//! Lists by page, and contacts.

use serde_json::{Value, json};

use super::Door;
use crate::lists::fixture;
use crate::site::Site;

/// The ids of all pages.
fn ids(door: &Door, path: &str) -> Vec<i64> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let sign = if path.contains('?') { '&' } else { '?' };
        let page = door.get(&format!("{path}{sign}cursor={cursor}"));
        ids.extend(page["data"].as_array().unwrap().iter().map(|one| one["id"].as_i64().unwrap()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.replace('@', "%40"),
            None => return ids,
        }
    }
}

#[test]
fn messages_are_found_by_page_status_channel_time_words_and_metadata() {
    let site = Site::new();
    let door = Door::open(&site);
    site.sql()
        .execute_batch(
            "INSERT INTO channels (id, name, session_name) VALUES (2, 'promo', 'promo');
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25)
             INSERT INTO auto_messages (id, title, message, channel_id, contact_ids, scheduled_at, status, metadata)
             SELECT i, 'nomor ' || i, 'Halo', 1 + (i = 7), '[1]', '2037-01-' || printf('%02d', i) || ' 01:00',
                 iif(i % 5 = 0, 'draft', 'scheduled'), iif(i = 9, '{\"order\":17,\"a b\":\"x\"}', NULL) FROM n;
             UPDATE auto_messages SET id = 90001 WHERE id = 25;",
        )
        .unwrap();
    let all: Vec<i64> = (1..25).rev().collect();
    assert_eq!(ids(&door, "/messages?limit=7"), [vec![90001], all].concat());
    assert_eq!(ids(&door, "/messages?status=draft&limit=2"), [90001, 20, 15, 10, 5]);
    assert_eq!(ids(&door, "/messages?channel=promo"), [7]);
    assert_eq!(ids(&door, "/messages?channel=2"), [7]);
    assert_eq!(ids(&door, "/messages?from=2037-01-03&until=2037-01-05T00:00:00Z"), [4, 3]);
    assert_eq!(ids(&door, "/messages?search=NOMOR%2011"), [11]);
    assert_eq!(ids(&door, "/messages?metadata.order=17"), [9]);
    assert_eq!(ids(&door, "/messages?metadata.a+b=x"), [9]);
    assert_eq!(ids(&door, "/messages?metadata.order=18"), [0_i64; 0]);
}

#[test]
fn deliveries_are_paged() {
    let site = Site::new();
    let door = Door::open(&site);
    site.sql()
        .execute_batch(
            "INSERT INTO auto_messages (id, message, contact_ids, scheduled_at, status) VALUES (1, 'a', '[1]', '2020-01-01', 'sent');
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
             INSERT INTO deliveries (auto_message_id, due_at, channel_id, chat_id, status)
             SELECT 1, '2020-01-01T00:00:00Z', 1, printf('62812%07d@c.us', i), iif(i % 2, 'failed', 'expired') FROM n;
             UPDATE auto_messages SET status = 'failed', contact_count = 120, failed_count = 120;",
        )
        .unwrap();
    assert_eq!(ids(&door, "/messages/1/deliveries?limit=50").len(), 120);
    assert_eq!(ids(&door, "/messages/1/deliveries?status=expired").len(), 60);
    assert_eq!(ids(&door, "/messages/1/deliveries?due_at=2021-01-01").len(), 0);
    let counts = &door.get("/messages/1")["counts"];
    assert_eq!((&counts["failed"], &counts["expired"]), (&json!(60), &json!(60)));
}

#[test]
fn contacts_are_kept() {
    let site = Site::new();
    let door = Door::open(&site);
    let new = json!({"name": "Budi", "phone_number": "0812-0000-7001", "tags": ["vip"], "attributes": {"kota": "Solo", "no": 7}});
    let made = door.post("/contacts", &new).expect(201);
    assert_eq!(made.body["phone_number"], "+6281200007001");
    assert_eq!(made.body["attributes"], json!({"kota": "Solo", "no": "7"}));
    assert_eq!(door.post("/contacts", &new).refusal(), (409, "number_taken", "phone_number"));
    let bad = json!({"phone_number": "0812"});
    assert_eq!(door.post("/contacts", &bad).refusal(), (422, "number_too_short", "phone_number"));
    for phone in ["0812-0000-7001", "%2B62+812+0000+7001", "81200007001"] {
        assert_eq!(ids(&door, &format!("/contacts?phone={phone}")), [1], "{phone}");
    }
    let change = json!({"tags": ["solo"], "attributes": {"kota": null, "usia": 30}, "name": ""});
    let edited = door.ask("PATCH", "/contacts/1", &change).expect(200).body;
    assert_eq!((&edited["tags"], &edited["name"]), (&json!(["solo"]), &Value::Null));
    assert_eq!(edited["attributes"], json!({"no": "7", "usia": "30"}));
    let wrong = [("Content-Type", "application/json"), ("If-Match", "\"x\"")];
    assert_eq!(door.ask_with("PATCH", "/contacts/1", &wrong, b"{}").unwrap().status, 412);
    door.post("/contacts", &json!({"phone_number": "0812-0000-7002", "tags": ["VIP"]})).expect(201);
    assert_eq!(ids(&door, "/contacts?limit=1"), [2, 1]);
    assert_eq!(ids(&door, "/contacts?tag=vip"), [2]);
    assert_eq!(ids(&door, "/contacts?search=7001"), [1]);
    let out = door.post("/contacts/1/opt-out", &Value::Null).expect(200).body;
    assert!(out["opted_out_at"].is_string());
    assert_eq!(ids(&door, "/contacts?opted_out=true"), [1]);
    assert_eq!(door.ask("DELETE", "/contacts/1", &Value::Null).refusal(), (409, "opted_out", ""));
    assert!(
        door.post("/contacts/1/opt-in", &Value::Null).expect(200).body["opted_out_at"].is_null()
    );
    door.ask("DELETE", "/contacts/1", &Value::Null).expect(204);
    assert_eq!(door.ask("DELETE", "/contacts/1", &Value::Null).refusal(), (404, "not_found", ""));
}

#[test]
fn a_list_comes_in_and_a_larger_one_is_sent_to_the_command() {
    let site = Site::new();
    let door = Door::open(&site);
    let list = "nama;telepon\nBudi;081200007001\nSiti;0812\n";
    let csv = [("Content-Type", "text/csv; charset=utf-8")];
    let ask = |query: &str, list: &[u8]| {
        door.ask_with("POST", &format!("/contacts/import{query}"), &csv, list).unwrap()
    };
    let looked = ask("?dry_run=true", list.as_bytes()).expect(200).body;
    assert_eq!(
        (&looked["added"], &looked["refused"], &looked["stored"]),
        (&json!(1), &json!(1), &json!(false))
    );
    assert_eq!(looked["refused_rows"][0]["line"], 3);
    let titled = format!("Pelanggan 2026\n{list}");
    let columns = ask("?dry_run=true", titled.as_bytes()).expect(200).body["columns"].clone();
    assert_eq!(
        (&columns["number"], &columns["name"], &columns["skipped_above"]),
        (&json!(["telepon"]), &json!(["nama"]), &json!(["Pelanggan 2026"]))
    );
    assert_eq!(ask("?strict=true", list.as_bytes()).expect(200).body["stored"], false);
    assert_eq!(ids(&door, "/contacts"), [0_i64; 0]);
    assert_eq!(ask("?tag=baru", list.as_bytes()).expect(200).body["stored"], true);
    assert_eq!(ids(&door, "/contacts?tag=baru").len(), 1);
    let status = "nama;hp;status\nBudi;081200007001;jgn ya kak\nTini;081200007003;unsubscribe\n";
    let said = ask("?dry_run=true", status.as_bytes()).expect(200).body["opt_outs"].to_string();
    assert!(said.contains("no more messages: 1") && said.contains("jgn ya kak"), "{said}");
    assert_eq!(ask("", b"").refusal(), (422, "list_unreadable", ""));
    let many = "x".repeat(100_000);
    assert_eq!(ask("", many.as_bytes()).status, 422, "more than other bodies may have");
    let answer = ask("", &vec![b'x'; (1 << 20) + 1]);
    assert!(
        answer.body["message"].as_str().unwrap().contains("`contact import`"),
        "{}",
        answer.body
    );
    assert_eq!(answer.status, 413);
}

#[test]
fn a_list_is_what_its_bytes_are() {
    let site = Site::new();
    let door = Door::open(&site);
    let kinds = ["text/csv", "text/vcard", "application/octet-stream", XLSX];
    for &(name, people) in LISTS {
        for kind in kinds {
            let list = fixture(name);
            let answer =
                door.ask_with("POST", "/contacts/import", &[("Content-Type", kind)], &list);
            let body = answer.unwrap().expect(200).body;
            assert_eq!(body["rows"], people, "{name} as {kind}: {body}");
            let sari = "SELECT count(*) FROM contacts WHERE phone_number = '+6281200007001'";
            assert_eq!(site.sqlite3(sari).trim(), "1", "{name} as {kind}");
            site.sqlite3("DELETE FROM contacts");
        }
    }
    let form = [("Content-Type", "multipart/form-data; boundary=x")];
    let refused = door.ask_with("POST", "/contacts/import", &form, b"--x--").unwrap();
    assert_eq!(refused.refusal(), (415, "not_csv", ""));
}

const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const LISTS: &[(&str, u64)] = &[
    ("google-2024.csv", 3),
    ("android.vcf", 2),
    ("icloud.vcf", 2),
    #[cfg(feature = "xlsx")]
    ("pelanggan.xlsx", 3),
];
