//! The project of the simulation answers as PostgREST does: every request that the link makes, and what
//! it makes wrong, asked of both.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::link_remote::{Request, State};
use crate::project::{Kind, Project};

const REP: &str = "return=representation";
const COUNT: &str = "count=exact";
const IGNORE: &str = "resolution=ignore-duplicates,return=representation";
const MERGE: &str = "resolution=merge-duplicates,return=representation";
const C: &str = "00000000-0000-4000-8000-00000000000";
const WHOLE: &str = "id,title,message,contact_ids,scheduled_at,schedules,interval_config,status,sent_at,updated_at,chanel_id";

/// What is asked, in this order: method, target, Prefer and body. Words in capitals are ids and lists.
const SCRIPT: &[(&str, &str, &str, &str)] = &[
    // The website's rows.
    ("POST", "chanels", "", r#"{"id":"C1","name":"Toko","session_name":"default"}"#),
    ("POST", "chanels", "", r#"{"id":"C2","name":"Lain","session_name":null,"is_active":false}"#),
    ("POST", "contacts", "", r#"{"id":"C3","name":"Ani","phone_number":"6281200007002"}"#),
    (
        "POST",
        "contacts",
        "",
        r#"{"id":"C4","name":"Off","phone_number":"+62812","is_active":false}"#,
    ),
    (
        "POST",
        "auto_messages",
        "",
        r#"{"id":"C5","title":"a","message":"Halo","contact_ids":[{"phone":"6281200007001"}],"scheduled_at":"2020-01-01T01:00:00.123456Z","schedules":[],"chanel_id":"C1"}"#,
    ),
    (
        "POST",
        "auto_messages",
        "",
        r#"{"id":"C6","title":"b","message":"Halo","contact_ids":["C3"],"scheduled_at":"2020-01-01T01:00:00Z","schedules":[{"date":"2020-01-01","time":"08:00"}],"interval_config":{"every":"day"},"chanel_id":"C1"}"#,
    ),
    (
        "POST",
        "auto_messages",
        "",
        r#"{"id":"C7","title":"c","message":"Halo","scheduled_at":"2099-01-01T00:00:00Z","chanel_id":"C1"}"#,
    ),
    (
        "POST",
        "auto_messages",
        "",
        r#"{"id":"C8","title":"d","message":"Halo","scheduled_at":"2020-01-02T08:00:00.5+07:00","chanel_id":"C2"}"#,
    ),
    // Look, and own.
    ("GET", "chanels?select=id,name,session_name,is_active&order=id&limit=100", "", ""),
    ("GET", "chanels?select=id,name,session_name,is_active&order=id&limit=100&id=gt.C1", "", ""),
    (
        "POST",
        "auto_message_channel_owners?on_conflict=channel_id",
        IGNORE,
        r#"[{"channel_id":"C1","appliance_id":"satu","version":"1"}]"#,
    ),
    (
        "POST",
        "auto_message_channel_owners?on_conflict=channel_id",
        IGNORE,
        r#"[{"channel_id":"C1","appliance_id":"dua","version":"1"}]"#,
    ),
    ("GET", "auto_message_channel_owners?order=channel_id&limit=1000", "", ""),
    ("GET", "auto_message_channel_owners?order=channel_id&limit=1000&channel_id=gt.C1", "", ""),
    (
        "PATCH",
        "auto_message_channel_owners?appliance_id=eq.satu&select=channel_id",
        REP,
        r#"{"seen_at":"now","version":"2"}"#,
    ),
    (
        "PATCH",
        "auto_message_channel_owners?appliance_id=eq.dua&select=channel_id",
        REP,
        r#"{"seen_at":"now","version":"2"}"#,
    ),
    (
        "PATCH",
        "auto_message_channel_owners?channel_id=eq.C1&appliance_id=eq.satu",
        REP,
        r#"{"appliance_id":"dua","seen_at":"now"}"#,
    ),
    (
        "PATCH",
        "auto_message_channel_owners?channel_id=eq.C1&appliance_id=eq.satu",
        REP,
        r#"{"appliance_id":"tiga","seen_at":"now"}"#,
    ),
    ("GET", "chanels?id=in.(C1,C2,C9)&select=id,is_active&limit=100", COUNT, ""),
    // Find, claim, and whose it is.
    (
        "GET",
        "auto_messages?status=eq.scheduled&scheduled_at=lte.now&scheduled_at=gte.2020-01-01T00%3A00%3A00Z&chanel_id=in.(C1,C2)&select=id,scheduled_at,auto_message_claims()&auto_message_claims.settled_at=is.null&auto_message_claims=is.null&order=scheduled_at,id&limit=100",
        "",
        "",
    ),
    (
        "POST",
        "auto_message_claims?on_conflict=auto_message_id,due_at",
        IGNORE,
        r#"[{"auto_message_id":"C5","due_at":"2020-01-01T01:00:00.123456+00:00","claimed_by":"satu","claim_token":"x"},{"auto_message_id":"C6","due_at":"2020-01-01T01:00:00+00:00","claimed_by":"satu","claim_token":"y"}]"#,
    ),
    (
        "POST",
        "auto_message_claims?on_conflict=auto_message_id,due_at",
        IGNORE,
        r#"[{"auto_message_id":"C5","due_at":"2020-01-01T01:00:00.123456+00:00","claimed_by":"dua","claim_token":"z"},{"auto_message_id":"C8","due_at":"2020-01-02T01:00:00.5+00:00","claimed_by":"dua","claim_token":"z"}]"#,
    ),
    (
        "POST",
        "auto_message_claims?on_conflict=auto_message_id,due_at",
        IGNORE,
        r#"[{"auto_message_id":"C9","due_at":"2020-01-02T01:00:00+00:00","claimed_by":"dua","claim_token":"z"}]"#,
    ),
    // One that was taken while the tables were not there, and one that somebody has.
    (
        "POST",
        "auto_message_claims?on_conflict=auto_message_id,due_at",
        IGNORE,
        r#"[{"auto_message_id":"C6","due_at":"2020-01-01T01:00:00+00:00","claimed_by":"dua","claim_token":"v","settled_at":null,"status":null,"sent_count":null,"failed_count":null,"skipped_count":null,"unknown_count":null,"error":null},{"auto_message_id":"C7","due_at":"2099-01-01T00:00:00+00:00","claimed_by":"dua","claim_token":"w","settled_at":"now","status":"sent","sent_count":1,"failed_count":0,"skipped_count":0,"unknown_count":0,"error":null}]"#,
    ),
    (
        "GET",
        "auto_messages?status=eq.scheduled&scheduled_at=lte.now&scheduled_at=gte.2020-01-01T00%3A00%3A00Z&chanel_id=in.(C1,C2)&select=id,scheduled_at,auto_message_claims()&auto_message_claims.settled_at=is.null&auto_message_claims=is.null&order=scheduled_at,id&limit=100",
        "",
        "",
    ),
    (
        "GET",
        "auto_message_claims?auto_message_id=in.(C5,C6)&order=due_at.desc&limit=1000",
        COUNT,
        "",
    ),
    (
        "GET",
        "auto_message_claims?claimed_by=eq.satu&settled_at=is.null&order=due_at,auto_message_id&limit=1000",
        "",
        "",
    ),
    (
        "GET",
        "auto_message_claims?claimed_by=eq.satu&settled_at=is.null&or=%28due_at.gt.%222020-01-01T01%3A00%3A00%2B00%3A00%22,and%28due_at.eq.%222020-01-01T01%3A00%3A00%2B00%3A00%22,auto_message_id.gt.%22C5%22%29%29&order=due_at,auto_message_id&limit=1000",
        "",
        "",
    ),
    (
        "GET",
        "auto_message_claims?auto_messages.chanel_id=in.(C1)&claimed_by=neq.dua&settled_at=is.null&select=*,auto_messages!inner(chanel_id)&order=due_at,auto_message_id&limit=1000",
        "",
        "",
    ),
    (
        "GET",
        "auto_message_claims?auto_messages.chanel_id=in.(C1)&claimed_by=neq.dua&settled_at=is.null&or=%28due_at.gt.%222020-01-01T01%3A00%3A00%2B00%3A00%22,and%28due_at.eq.%222020-01-01T01%3A00%3A00%2B00%3A00%22,auto_message_id.gt.%22C5%22%29%29&select=*,auto_messages!inner(chanel_id)&order=due_at,auto_message_id&limit=1000",
        "",
        "",
    ),
    (
        "DELETE",
        "auto_message_claims?auto_message_id=eq.C8&due_at=eq.2020-01-02T01%3A00%3A00.5%2B00%3A00&claim_token=eq.x&settled_at=is.null",
        REP,
        "",
    ),
    (
        "DELETE",
        "auto_message_claims?auto_message_id=eq.C8&due_at=eq.2020-01-02T01%3A00%3A00.5%2B00%3A00&claim_token=eq.z&settled_at=is.null",
        REP,
        "",
    ),
    // Read again, watch; without our tables, page by page.
    ("GET", "auto_messages?id=in.(C5,C6,C7,C9)&select=WHOLE&limit=100", COUNT, ""),
    (
        "GET",
        "auto_messages?id=in.(C5,C6)&select=id,status,scheduled_at,sent_at,updated_at,chanel_id&limit=100",
        COUNT,
        "",
    ),
    (
        "GET",
        "auto_messages?status=eq.scheduled&scheduled_at=lte.now&scheduled_at=gte.2020-01-01T00%3A00%3A00Z&chanel_id=in.(C1,C2)&select=id,scheduled_at&order=scheduled_at,id&limit=100",
        "",
        "",
    ),
    (
        "GET",
        "auto_messages?status=eq.scheduled&scheduled_at=lte.now&scheduled_at=gte.2020-01-01T00%3A00%3A00Z&chanel_id=in.(C1,C2)&or=%28scheduled_at.gt.%222020-01-01T01%3A00%3A00%2B00%3A00%22%2Cand%28scheduled_at.eq.%222020-01-01T01%3A00%3A00%2B00%3A00%22%2Cid.gt.%22C6%22%29%29&select=id,scheduled_at&order=scheduled_at,id&limit=100",
        "",
        "",
    ),
    (
        "GET",
        "auto_messages?status=eq.scheduled&scheduled_at=lte.now&scheduled_at=gte.2020-01-01T00%3A00%3A00Z&chanel_id=in.(C1,C2)&or=%28scheduled_at.gt.%222020-01-01T01%3A00%3A00%2B00%3A00%22%2Cand%28scheduled_at.eq.%222020-01-01T01%3A00%3A00%2B00%3A00%22%2Cid.gt.%22C6%22%29%29&select=id,scheduled_at,auto_message_claims()&auto_message_claims.settled_at=is.null&auto_message_claims=is.null&order=scheduled_at,id&limit=100",
        "",
        "",
    ),
    (
        "GET",
        "auto_messages?status=eq.scheduled&scheduled_at=lt.2021-01-01T00%3A00%3A00Z&updated_at=gte.2021-01-01T00%3A00%3A00Z&schedules=neq.%5B%5D&chanel_id=in.(C1,C2)&select=id,status,scheduled_at,schedules,updated_at&limit=100",
        "",
        "",
    ),
    (
        "GET",
        "auto_messages?status=eq.scheduled&scheduled_at=lt.2021-01-01T00%3A00%3A00Z&updated_at=gte.2021-01-01T00%3A00%3A00Z&schedules=neq.%5B%5D&chanel_id=in.(C1,C2)&select=id,status,scheduled_at,schedules,updated_at,auto_message_claims()&auto_message_claims.settled_at=is.null&auto_message_claims=is.null&limit=100",
        "",
        "",
    ),
    (
        "GET",
        "contacts?id=in.(C3,C4,C9)&select=id,name,phone_number,is_active&limit=1000",
        COUNT,
        "",
    ),
    (
        "GET",
        "contacts?phone_number=in.(%22%2B62812%22,6281200007002)&select=id,name,phone_number,is_active&limit=1000",
        COUNT,
        "",
    ),
    ("GET", "contacts?is_active=is.false&select=id,phone_number&order=id&limit=1000", "", ""),
    (
        "GET",
        "contacts?is_active=is.false&id=gt.C4&select=id,phone_number&order=id&limit=1000",
        "",
        "",
    ),
    (
        "GET",
        "contacts?id=in.(contact1)&select=id,name,phone_number,is_active&limit=1000",
        COUNT,
        "",
    ),
    // Results: an older one comes late; one of a row that is gone; one twice.
    (
        "POST",
        "auto_message_deliveries?on_conflict=auto_message_id,due_at,chat_id&select=chat_id",
        MERGE,
        r#"[{"auto_message_id":"C5","due_at":"2020-01-01T01:00:00.123456+00:00","chat_id":"1@c.us","name":null,"status":"sending","attempts":1,"waha_message_id":null,"ack":null,"error":null,"claimed_at":"2020-01-01T01:00:01Z","finished_at":null,"seq":5}]"#,
    ),
    (
        "POST",
        "auto_message_deliveries?on_conflict=auto_message_id,due_at,chat_id&select=chat_id",
        MERGE,
        r#"[{"auto_message_id":"C5","due_at":"2020-01-01T01:00:00.123456+00:00","chat_id":"1@c.us","name":null,"status":"pending","attempts":1,"waha_message_id":null,"ack":null,"error":null,"claimed_at":null,"finished_at":null,"seq":4},{"auto_message_id":"C5","due_at":"2020-01-01T01:00:00.123456+00:00","chat_id":"2@c.us","name":"B","status":"sent","attempts":1,"waha_message_id":"id","ack":2,"error":null,"claimed_at":null,"finished_at":"2020-01-01T01:00:02Z","seq":6}]"#,
    ),
    (
        "POST",
        "auto_message_deliveries?on_conflict=auto_message_id,due_at,chat_id&select=chat_id",
        MERGE,
        r#"[{"auto_message_id":"C5","due_at":"2020-01-01T01:00:00.123456+00:00","chat_id":"2@c.us","name":"B","status":"sent","attempts":1,"waha_message_id":"id","ack":3,"error":null,"claimed_at":null,"finished_at":"2020-01-01T01:00:02Z","seq":7}]"#,
    ),
    (
        "POST",
        "auto_message_deliveries?on_conflict=auto_message_id,due_at,chat_id&select=chat_id",
        MERGE,
        r#"[{"auto_message_id":"C9","due_at":"2020-01-01T01:00:00Z","chat_id":"1@c.us","name":null,"status":"pending","attempts":1,"waha_message_id":null,"ack":null,"error":null,"claimed_at":null,"finished_at":null,"seq":4}]"#,
    ),
    (
        "POST",
        "auto_message_deliveries?on_conflict=auto_message_id,due_at,chat_id&select=chat_id",
        MERGE,
        r#"[{"auto_message_id":"C5","due_at":"2020-01-01T01:00:00Z","chat_id":"3@c.us","name":null,"status":"pending","attempts":1,"waha_message_id":null,"ack":null,"error":null,"claimed_at":null,"finished_at":null,"seq":4},{"auto_message_id":"C5","due_at":"2020-01-01T01:00:00Z","chat_id":"3@c.us","name":null,"status":"pending","attempts":1,"waha_message_id":null,"ack":null,"error":null,"claimed_at":null,"finished_at":null,"seq":8}]"#,
    ),
    (
        "PATCH",
        "auto_message_deliveries?auto_message_id=eq.C5&due_at=eq.2020-01-01T01%3A00%3A00.123456%2B00%3A00&status=in.(pending,sending,cancelled)&select=chat_id",
        REP,
        r#"{"status":"unknown","error":"gone"}"#,
    ),
    (
        "GET",
        "auto_message_deliveries?auto_message_id=eq.C5&due_at=eq.2020-01-01T01%3A00%3A00.123456%2B00%3A00&select=chat_id,status&order=chat_id&limit=1000",
        "",
        "",
    ),
    (
        "GET",
        "auto_message_deliveries?auto_message_id=eq.C5&due_at=eq.2020-01-01T01%3A00%3A00.123456%2B00%3A00&chat_id=gt.1%40c.us&select=chat_id,status&order=chat_id&limit=1000",
        "",
        "",
    ),
    ("GET", "auto_message_deliveries?order=chat_id&limit=1000", "", ""),
    // Settle: once, again, after an edit; the claim, and the series.
    (
        "PATCH",
        "auto_messages?id=eq.C5&status=eq.scheduled&scheduled_at=eq.2020-01-01T01%3A00%3A00.123456%2B00%3A00&updated_at=eq.2020-01-01T00%3A00%3A00Z&select=id",
        REP,
        r#"{"status":"sent","sent_at":"2020-01-01T01:00:02Z","contact_count":1}"#,
    ),
    (
        "PATCH",
        "auto_messages?id=eq.C5&status=eq.scheduled&scheduled_at=eq.2020-01-01T01%3A00%3A00.123456%2B00%3A00&select=id",
        REP,
        r#"{"status":"sent","sent_at":"2020-01-01T01:00:02Z","contact_count":1}"#,
    ),
    (
        "PATCH",
        "auto_messages?id=eq.C5&status=eq.scheduled&scheduled_at=eq.2020-01-01T01%3A00%3A00.123456%2B00%3A00&select=id",
        REP,
        r#"{"status":"sent","sent_at":"2020-01-01T01:00:02Z","contact_count":1}"#,
    ),
    (
        "PATCH",
        "auto_messages?id=eq.C6&status=eq.scheduled&scheduled_at=eq.2020-01-01T01%3A00%3A00%2B00%3A00&updated_at=gte.2020-01-01T00%3A00%3A00Z&select=id",
        REP,
        r#"{"scheduled_at":"2020-01-02T01:00:00Z"}"#,
    ),
    (
        "PATCH",
        "auto_messages?id=eq.C6&status=eq.scheduled&scheduled_at=eq.2020-01-02T01%3A00%3A00%2B00%3A00&updated_at=gte.2020-01-01T00%3A00%3A00Z&select=id",
        REP,
        r#"{"status":"failed","sent_at":null}"#,
    ),
    ("PATCH", "auto_messages?id=eq.C6&select=id", REP, r#"{"status":"sending"}"#),
    (
        "PATCH",
        "auto_messages?status=eq.scheduled&or=%28and%28id.eq.%22C7%22,scheduled_at.eq.%222099-01-01T00%3A00%3A00%2B00%3A00%22%29,and%28id.eq.%22C8%22,scheduled_at.eq.%222020-01-02T01%3A00%3A00.5%2B00%3A00%22,updated_at.eq.%222020-01-01T01%3A00%3A00%2B00%3A00%22%29%29",
        "return=minimal",
        r#"{"status":"sent","sent_at":"2020-01-01T01:00:02Z","contact_count":1}"#,
    ),
    (
        "PATCH",
        "auto_messages?status=eq.scheduled&or=%28and%28id.eq.%22C8%22,scheduled_at.eq.%222020-01-02T01%3A00%3A00.5%2B00%3A00%22%29%29",
        "return=minimal",
        r#"{"scheduled_at":"2020-01-03T01:00:00Z"}"#,
    ),
    (
        "PATCH",
        "auto_message_claims?claim_token=in.(x,z)&auto_message_id=in.(C5,C7)&select=due_at",
        REP,
        r#"{"settled_at":"now","status":"sent","sent_count":1,"failed_count":0,"skipped_count":0,"unknown_count":1,"error":null}"#,
    ),
    // One that is planned again.
    (
        "PATCH",
        "auto_message_claims?claim_token=in.(z)&auto_message_id=in.(C7)&select=due_at",
        REP,
        r#"{"settled_at":null}"#,
    ),
    (
        "DELETE",
        "auto_message_claims?auto_message_id=eq.C5&due_at=eq.2020-01-01T01%3A00%3A00.123456%2B00%3A00&claim_token=eq.x&settled_at=is.null",
        REP,
        "",
    ),
    ("GET", "auto_messages?id=in.(C5,C6,C7,C8)&select=WHOLE&limit=100", COUNT, ""),
    // A message that is deleted takes its claims and deliveries along; the channels are given up.
    ("DELETE", "auto_messages?id=eq.C5", "", ""),
    ("GET", "auto_message_deliveries?order=chat_id&limit=1000", "", ""),
    (
        "GET",
        "auto_message_claims?auto_message_id=in.(C5,C6)&order=due_at.desc&limit=1000",
        COUNT,
        "",
    ),
    ("DELETE", "auto_message_channel_owners?appliance_id=eq.dua", REP, ""),
];

/// The script's requests.
fn script() -> Vec<Request> {
    let filled = |text: &str| {
        let text = text.replace("WHOLE", WHOLE);
        (1..10).fold(text, |text, n| {
            let id = format!("{C}{n}");
            text.replace(&format!("\"C{n}\""), &format!("\"{id}\"")).replace(&format!("C{n}"), &id)
        })
    };
    let request = |(method, target, prefer, body): &(&str, &str, &str, &str)| {
        let body = serde_json::from_str(&filled(body)).unwrap_or(Value::Null);
        Request::new(method, &filled(target), prefer, body)
    };
    SCRIPT.iter().map(request).collect()
}

/// The shapes of the requests that both answer alike.
pub fn shapes() -> BTreeSet<String> {
    let description = Request::new("GET", "", "", Value::Null);
    let all: Vec<Request> = script().into_iter().chain([description]).collect();
    let shapes = all.iter().map(Request::shape);
    // When a row was written nobody can say beforehand.
    let same = shapes.clone().map(|shape| shape.replace("updated_at=gte", "updated_at=eq"));
    shapes.chain(same).collect()
}

#[test]
fn the_project_of_the_simulation_answers_as_postgrest_does() {
    let project = Project::start(Kind { is_shared: true, max_rows: 3, ..Kind::default() });
    let now = project.sql("select floor(extract(epoch from now()) * 1000000)::bigint");
    let now: i64 = now.parse().unwrap();
    let mut state = State::new(0, true, Box::new(move || now));
    state.max_rows = 3;
    for request in script() {
        let (status, body) = state.answer(&request);
        let (real_status, real_body) = ask(&project, &request);
        assert_eq!(status, real_status, "{request:?}: {real_body}");
        if request.has_rows() {
            let is_ordered = request.target().contains("order=");
            assert_eq!(plain(body, is_ordered), plain(real_body, is_ordered), "{request:?}");
        }
    }
    let description = Request::new("GET", "", "", Value::Null);
    let (ours, real) = (state.answer(&description).1, ask(&project, &description).1);
    for (table, about) in ours["definitions"].as_object().unwrap() {
        for (column, format) in about["properties"].as_object().unwrap() {
            let real = &real["definitions"][table]["properties"][column]["format"];
            let is_text = format["format"] == "text" && real.is_string();
            assert!(is_text || *real == format["format"], "{table}.{column}: {real}");
        }
    }
}

/// An answer without what is another each time, and without the words of an error. Rows that nobody
/// wanted in an order have none.
fn plain(body: Value, is_ordered: bool) -> Value {
    match body {
        Value::Array(rows) => {
            let mut rows: Vec<Value> = rows.into_iter().map(|row| plain(row, true)).collect();
            if !is_ordered {
                rows.sort_by_key(Value::to_string);
            }
            rows.into()
        }
        Value::Object(mut row) => {
            if let Some(code) = row.get("code") {
                return json!({ "code": code });
            }
            for name in ["updated_at", "claimed_at", "taken_at", "seen_at", "settled_at"] {
                if row.get(name).is_some_and(Value::is_string) {
                    row.insert(name.to_owned(), json!("then"));
                }
            }
            Value::Object(row)
        }
        other => other,
    }
}

/// What the real one answers.
fn ask(project: &Project, request: &Request) -> (u16, Value) {
    let body = if request.body().is_null() { String::new() } else { request.body().to_string() };
    let head = format!(
        "{} /rest/v1/{} HTTP/1.0\r\nHost: x\r\napikey: {key}\r\nAuthorization: Bearer {key}\r\n\
         Prefer: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        request.method(),
        request.target(),
        request.prefer(),
        body.len(),
        key = project.key,
    );
    let mut stream = TcpStream::connect(project.url.trim_start_matches("http://")).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let json = body.find(['[', '{']).and_then(|at| {
        let end = body.rfind([']', '}'])?;
        serde_json::from_str(&body[at..=end]).ok()
    });
    (status, json.unwrap_or(Value::Null))
}
