//! Acks and echoes: what WAHA's webhooks do, through the real program's HTTP side.

use std::io::{Read, Write};
use std::net::TcpStream;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use crate::site::{Server, Site};

const KEY: &str = "my-secret-key";
/// When planted deliveries were claimed: the recorded events are of about this time.
pub const CLAIMED: i64 = 1_795_343_769;

/// A site that takes webhooks, and its server.
pub struct Shop {
    pub server: Server,
    pub site: Site,
}

/// A delivery as it stands before the events come.
pub struct Planted<'a> {
    pub status: &'a str,
    pub id: Option<&'a str>,
    pub chat: &'a str,
    pub text: &'a str,
}

impl Shop {
    pub fn new() -> Self {
        Self::on(Site::new())
    }

    pub fn on(site: Site) -> Self {
        site.write_settings(&format!("WEBHOOK_HMAC_KEY={KEY}\n"));
        let server = site.serve();
        Self { server, site }
    }

    /// A message that ended, with one delivery; returns its id.
    pub fn plant(&self, planted: &Planted<'_>) -> i64 {
        let sql = self.site.sql();
        let status = if planted.status == "sent" { "sent" } else { "failed" };
        sql.execute(
            "INSERT INTO auto_messages (message, status, scheduled_at, contact_count, sent_count, unknown_count)
             VALUES (?1, ?2, '2026-11-22T00:00:00Z', 1, ?3 = 'sent', ?3 = 'unknown')",
            [planted.text, status, planted.status],
        )
        .unwrap();
        let message = sql.last_insert_rowid();
        sql.execute(
            "INSERT INTO deliveries (auto_message_id, due_at, channel_id, chat_id, status, attempts,
                 text, waha_message_id, claimed_at, finished_at)
             VALUES (?1, '2026-11-22T00:00:00Z', 1, ?2, ?3, 1, ?4, ?5,
                 strftime('%Y-%m-%dT%H:%M:%SZ', ?6, 'unixepoch'), '2026-11-22T10:36:10Z')",
            (message, planted.chat, planted.status, planted.text, planted.id, CLAIMED),
        )
        .unwrap();
        message
    }

    /// One value as text.
    pub fn ask(&self, sql: &str) -> String {
        let sql = format!("SELECT coalesce(CAST(({sql}) AS TEXT), '')");
        self.site.sql().query_row(&sql, [], |row| row.get(0)).unwrap()
    }

    /// Status and ack of the newest delivery.
    pub fn newest(&self) -> String {
        self.ask(
            "SELECT status || ' ' || coalesce(ack, '-') FROM deliveries ORDER BY id DESC LIMIT 1",
        )
    }

    pub fn message_status(&self) -> String {
        self.ask("SELECT status FROM auto_messages ORDER BY id DESC LIMIT 1")
    }

    /// Posts an event, rightly signed; returns what the answer says.
    pub fn event(&self, event: &Value) -> String {
        let body = event.to_string();
        let (status, text) = post(&self.server, body.as_bytes(), &signed(body.as_bytes()));
        assert_eq!(status, 200, "{text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        answer["message"].as_str().unwrap().to_owned()
    }

    pub fn ack(&self, id: &str, ack: i64) -> String {
        self.event(&ack_event(id, ack))
    }
}

pub fn ack_event(id: &str, ack: i64) -> Value {
    json!({"event": "message.ack", "session": "default",
        "payload": {"id": format!("true_6281200007001@c.us_{id}"), "fromMe": true, "ack": ack}})
}

pub fn echo_event(id: &str, chat: &str, text: &str, at: i64) -> Value {
    json!({"event": "message.any", "session": "default", "payload": {
        "id": format!("true_{chat}_{id}"), "fromMe": true, "body": text, "timestamp": at}})
}

fn hmac(body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha512>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(body);
    mac.finalize().into_bytes().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

pub fn signed(body: &[u8]) -> String {
    format!("X-Webhook-Hmac: {}\r\nX-Webhook-Hmac-Algorithm: sha512\r\n", hmac(body))
}

/// Posts a body with its length; returns status and body of the answer.
pub fn post(server: &Server, body: &[u8], headers: &str) -> (u16, String) {
    let mut request = format!(
        "POST /api/waha-webhook HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    exchange(server, &request)
}

fn exchange(server: &Server, request: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn without_a_key_there_is_no_such_endpoint() {
    let site = Site::new();
    let server = site.serve();
    let body = b"{}";
    assert_eq!(post(&server, body, &signed(body)).0, 404);
    assert_eq!(server.request("GET", "/api/waha-webhook", "").0, 404);
}

#[test]
fn what_is_not_signed_with_the_key_is_refused_and_does_nothing() {
    let shop = Shop::new();
    shop.plant(&Planted { status: "sent", id: Some("A1"), chat: "1@c.us", text: "x" });
    let body = ack_event("A1", 3).to_string().into_bytes();
    let right = hmac(&body);
    let other = hmac(b"{}");
    for headers in [
        String::new(),
        "X-Webhook-Hmac: \r\n".to_owned(),
        format!("X-Webhook-Hmac: {other}\r\n"),
        format!("X-Webhook-Hmac: {}\r\n", &right[..127]),
        format!("X-Webhook-Hmac: {right}\r\nX-Webhook-Hmac-Algorithm: sha1\r\n"),
        format!("Authorization: Bearer {right}\r\n"),
    ] {
        assert_eq!(post(&shop.server, &body, &headers).0, 401, "{headers}");
    }
    // It is the bytes that are signed, not their meaning.
    let spaced = serde_json::to_string_pretty(&ack_event("A1", 3)).unwrap();
    assert_eq!(post(&shop.server, spaced.as_bytes(), &signed(&body)).0, 401);
    assert_eq!(shop.newest(), "sent -");
    assert!(shop.server.log().contains("refused an event from 127.0.0.1"));

    let upper = format!("X-Webhook-Hmac: {}\r\n", right.to_uppercase());
    assert_eq!(post(&shop.server, &body, &upper).0, 200);
    assert_eq!(shop.newest(), "sent 3");
}

#[test]
fn every_signed_object_is_answered_200_and_what_is_none_400() {
    let shop = Shop::new();
    for body in [
        "{}",
        r#"{"event":"presence.update","payload":{"id":"x"}}"#,
        r#"{"event":"message.ack","payload":{"id":"true_1@c.us_X","fromMe":true,"ack":null}}"#,
        r#"{"event":"session.status","session":"nobody","payload":{"status":"FAILED"}}"#,
    ] {
        assert_eq!(post(&shop.server, body.as_bytes(), &signed(body.as_bytes())).0, 200, "{body}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in ["", "[]", "null", "{", "{\"a\":\"\u{0}\"}", &deep] {
        let (status, answer) = post(&shop.server, body.as_bytes(), &signed(body.as_bytes()));
        assert_eq!(status, 400, "{answer}");
    }
    let bytes = b"{\"event\":\"\xff\"}";
    assert_eq!(post(&shop.server, bytes, &signed(bytes)).0, 400);
    let (status, head, _) = shop.server.request("GET", "/api/waha-webhook", "");
    assert!(status == 405 && head.contains("Allow: POST"), "{head}");
    assert_eq!(shop.ask("SELECT count(*) FROM webhook_events"), "0");
}

#[test]
fn a_body_over_a_megabyte_is_413_with_and_without_its_length() {
    let shop = Shop::new();
    let fits = format!(r#"{{"event":"{}"}}"#, "x".repeat(1024 * 1024 - 12));
    assert_eq!(fits.len(), 1024 * 1024);
    assert_eq!(post(&shop.server, fits.as_bytes(), &signed(fits.as_bytes())).0, 200);
    let over = format!(r#"{{"event":"{}"}}"#, "x".repeat(1024 * 1024 - 11));
    assert_eq!(post(&shop.server, over.as_bytes(), &signed(over.as_bytes())).0, 413);
    let mut chunked = format!(
        "POST /api/waha-webhook HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n",
        signed(over.as_bytes()),
        over.len()
    )
    .into_bytes();
    chunked.extend_from_slice(over.as_bytes());
    chunked.extend_from_slice(b"\r\n0\r\n\r\n");
    assert_eq!(exchange(&shop.server, &chunked).0, 413);
}

#[test]
fn acks_only_go_forward() {
    let shop = Shop::new();
    shop.plant(&Planted { status: "sent", id: Some("A1"), chat: "1@c.us", text: "x" });
    for (ack, kept) in
        [(0, "sent 0"), (2, "sent 2"), (1, "sent 2"), (3, "sent 3"), (-1, "sent 3"), (0, "sent 3")]
    {
        assert_eq!(
            shop.ack("A1", ack),
            if ack == 0 && kept == "sent 3" { "taken before" } else { "taken" }
        );
        assert_eq!(shop.newest(), kept, "{ack}");
    }
    let member = json!({"event": "message.ack.group", "payload":
        {"id": "true_1203@g.us_A1_628@c.us", "participant": "628@c.us", "fromMe": true, "ack": 4}});
    shop.event(&member);
    assert_eq!(shop.newest(), "sent 4");
}

#[test]
fn an_error_ack_fails_the_message_that_had_nobody_else_and_a_later_proof_takes_it_back() {
    let shop = Shop::new();
    shop.plant(&Planted { status: "sent", id: Some("A1"), chat: "1@c.us", text: "x" });
    shop.ack("A1", -1);
    assert_eq!(shop.newest(), "failed -1");
    let sql = "SELECT status || sent_count || failed_count || ' ' || error FROM auto_messages";
    let failed = shop.ask(sql);
    assert!(
        failed.starts_with("failed01 no recipient is known to have got it (1 failed)"),
        "{failed}"
    );
    assert!(shop.ask("SELECT error FROM deliveries").contains("ack ERROR"));
    assert!(shop.server.log().contains("failed after all"));

    shop.ack("A1", 2);
    assert_eq!(shop.newest(), "sent 2");
    let sql =
        "SELECT status || sent_count || failed_count || coalesce(error, '') FROM auto_messages";
    assert_eq!(shop.ask(sql), "sent10");
    assert_eq!(shop.ask("SELECT sent_at FROM auto_messages"), "2026-11-22T10:36:10Z");
}

#[test]
fn a_message_taken_back_or_scheduled_again_keeps_its_status_and_one_on_its_way_settles() {
    for (set, kept) in [
        ("status = 'sending'", "sent 1 "), // nothing else of it is left
        ("status = 'cancelled'", "cancelled 1 "),
        ("status = 'scheduled', scheduled_at = '2030-01-01', error = 'x'", "scheduled 1 "),
    ] {
        let shop = Shop::new();
        shop.plant(&Planted { status: "unknown", id: Some("A1"), chat: "1@c.us", text: "x" });
        shop.site.sql().execute(&format!("UPDATE auto_messages SET {set}"), []).unwrap();
        shop.ack("A1", 1);
        assert_eq!(shop.newest(), "sent 1", "{set}");
        let sql =
            "SELECT status || ' ' || sent_count || ' ' || coalesce(error, '') FROM auto_messages";
        assert_eq!(shop.ask(sql), kept);
    }
}

#[test]
fn events_of_other_peoples_messages_leave_nothing_behind() {
    let shop = Shop::new();
    shop.plant(&Planted { status: "sent", id: Some("A1"), chat: "1@c.us", text: "x" });
    assert_eq!(shop.ack("B2", 3), "of no use here");
    assert_eq!(shop.event(&echo_event("B2", "1@c.us", "x", CLAIMED)), "of no use here");
    // Whoever got our message knows its id, and may give it to one of his own.
    let theirs = json!({"event": "message", "session": "default", "payload":
        {"id": "false_1@c.us_A1", "fromMe": false, "body": "x", "ack": 3}});
    assert_eq!(shop.event(&theirs), "of no use here");
    assert_eq!(shop.newest(), "sent -");
    assert_eq!(shop.ask("SELECT count(*) FROM webhook_events"), "0");
}

#[test]
fn an_echo_without_a_known_id_resolves_only_what_cannot_be_another() {
    let chat = "6281200007001@c.us";
    let echo = |at| echo_event("E1", chat, "Halo", CLAIMED + at);
    let mut elsewhere = echo(0);
    elsewhere["session"] = json!("second");
    for (what, event, count, resolves) in [
        ("the same moment", echo(0), 1, true),
        ("two minutes early", echo(-120), 1, true),
        ("ten minutes late", echo(600), 1, true),
        ("earlier", echo(-122), 1, false),
        ("later", echo(602), 1, false),
        ("another text", echo_event("E1", chat, "halo", CLAIMED), 1, false),
        ("another chat", echo_event("E1", "628999@c.us", "Halo", CLAIMED), 1, false),
        ("a hidden number", echo_event("E1", "99887766@lid", "Halo", CLAIMED), 1, false),
        (
            "the other notation",
            echo_event("E1", "6281200007001@s.whatsapp.net", "Halo", CLAIMED),
            1,
            true,
        ),
        ("another session", elsewhere, 1, false),
        ("two that it could be", echo(0), 2, false),
    ] {
        let shop = Shop::new();
        for _ in 0..count {
            shop.plant(&Planted { status: "unknown", id: None, chat, text: "Halo" });
        }
        shop.event(&event);
        for table in ["deliveries", "auto_messages"] {
            let sent = shop.ask(&format!("SELECT count(*) FROM {table} WHERE status = 'sent'"));
            assert_eq!(sent, i32::from(resolves).to_string(), "{what}: {table}");
        }
    }
}

#[test]
fn an_id_that_another_delivery_has_resolves_nobody_else() {
    let shop = Shop::new();
    let chat = "6281200007001@c.us";
    shop.plant(&Planted { status: "sent", id: Some("E1"), chat, text: "Halo" });
    shop.plant(&Planted { status: "unknown", id: None, chat, text: "Halo" });
    shop.event(&echo_event("E1", chat, "Halo", CLAIMED));
    assert_eq!(shop.newest(), "unknown -");
}

#[test]
fn an_event_that_cannot_be_stored_is_503_and_counts_when_it_comes_again() {
    let shop = Shop::new();
    shop.plant(&Planted { status: "sent", id: Some("A1"), chat: "1@c.us", text: "x" });
    let sql = shop.site.sql();
    sql.execute_batch(
        "CREATE TRIGGER broken BEFORE UPDATE ON deliveries BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    .unwrap();
    let body = ack_event("A1", 3).to_string().into_bytes();
    assert_eq!(post(&shop.server, &body, &signed(&body)).0, 503);
    assert_eq!(shop.ask("SELECT count(*) FROM webhook_events"), "0", "nothing of it is kept");
    sql.execute_batch("DROP TRIGGER broken").unwrap();
    assert_eq!(post(&shop.server, &body, &signed(&body)).0, 200);
    assert_eq!(shop.newest(), "sent 3");
}

#[test]
fn events_are_forgotten_after_seven_days() {
    let shop = Shop::new();
    shop.plant(&Planted { status: "sent", id: Some("A1"), chat: "1@c.us", text: "x" });
    shop.site
        .sql()
        .execute_batch(
            "INSERT INTO webhook_events (id, received_at) VALUES
                 ('old', strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-169 hours')),
                 ('young', strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-167 hours'))",
        )
        .unwrap();
    shop.ack("A1", 1);
    assert_eq!(shop.ask("SELECT count(*) FROM webhook_events"), "2", "the young one and the new");
    assert_eq!(shop.ask("SELECT count(*) FROM webhook_events WHERE id = 'old'"), "0");
}

#[test]
fn delivery_rates_say_per_message_and_day_how_it_went() {
    let shop = Shop::new();
    let plant = |status, id| shop.plant(&Planted { status, id, chat: "1@c.us", text: "x" });
    let message = plant("sent", Some("A1"));
    for (number, (status, ack)) in [
        ("sent", "2"),
        ("sent", "3"),
        ("sent", "4"),
        ("failed", "-1"),
        ("expired", "NULL"),
        ("unknown", "NULL"),
        ("skipped", "NULL"),
        ("pending", "NULL"),
    ]
    .into_iter()
    .enumerate()
    {
        let sql = format!(
            "INSERT INTO deliveries (auto_message_id, due_at, channel_id, chat_id, status, ack, waha_message_id)
             VALUES ({message}, '2026-11-22T23:59:59Z', 1, 'chat{number}', '{status}', {ack}, 'id{number}')"
        );
        shop.site.sql().execute(&sql, []).unwrap();
    }
    let sql =
        "SELECT auto_message_id || ' ' || day || ': ' || planned || ' ' || sent || ' ' || delivered
               || ' ' || read || ' ' || failed || ' ' || unknown FROM delivery_rates";
    assert_eq!(shop.ask(sql), format!("{message} 2026-11-22: 9 4 3 2 2 1"));
}

#[test]
fn who_writes_to_us_is_noted_by_time_only() {
    let shop = Shop::new();
    let event = |from: &str, session: &str, body: &str| {
        json!({"event": "message", "session": session, "payload": {
            "id": format!("false_{from}_3EB0{}", body.len()), "fromMe": false, "from": from, "body": body}})
    };
    let noted = || {
        shop.ask(
            "SELECT group_concat(chat_id || ' ' || (last_inbound_at IS NOT NULL)) FROM numbers",
        )
    };
    assert_eq!(shop.event(&event("6281200007001@c.us", "default", "Halo, rahasia saya")), "taken");
    assert_eq!(noted(), "6281200007001@c.us 1");
    assert_eq!(
        shop.event(&event("6281200007001@c.us", "default", "Lagi")),
        "of no use here",
        "within the hour"
    );
    for (from, session) in [
        ("1203630@g.us", "default"),
        ("6281200007002@c.us", "orang-lain"),
        ("status@broadcast", "default"),
    ] {
        assert_eq!(shop.event(&event(from, session, "Halo")), "of no use here", "{from}");
    }
    assert_eq!(shop.event(&event("99@lid", "default", "Halo")), "taken");
    assert_eq!(shop.event(&event("6281200007003@c.us", "default", "STOP")), "taken");
    assert_eq!(noted(), "6281200007001@c.us 1,6281200007003@c.us 1,99@lid 1");
    let shown = shop.site.run(&["channel", "show", "default", "--offline", "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["week"], json!({"sent": 0, "received": 3, "ratio": null}));
    let day = shop.ask("SELECT day FROM channel_days");
    shop.site.sqlite3(&format!("UPDATE channel_days SET claimed = 40 WHERE day = '{day}'"));
    let shown = shop.site.run(&["channel", "show", "default", "--offline"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("40 sent, 3 received (0.08)"), "{shown}");
    let dump = shop.site.sqlite3(".dump");
    assert!(!dump.contains("rahasia"), "no text is kept");
}
