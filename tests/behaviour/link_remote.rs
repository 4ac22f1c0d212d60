//! A project of Supabase in memory, for the simulation: it answers over real HTTP what PostgREST answers
//! to the requests that the link makes, and cuts, delays and refuses them as its weather is.
//! `link_same` holds it against PostgREST itself.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

pub type Row = Map<String, Value>;

/// What PostgREST was asked.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    table: String,
    query: Vec<(String, String)>,
    prefer: String,
    body: Value,
}

impl Request {
    /// `target` without `/rest/v1/`.
    pub fn new(method: &str, target: &str, prefer: &str, body: Value) -> Self {
        let (table, query) = target.split_once('?').unwrap_or((target, ""));
        let decode = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        Self {
            method: method.to_owned(),
            table: table.to_owned(),
            query: pairs.map(|(key, value)| (decode(key), decode(value))).collect(),
            prefer: prefer.to_owned(),
            body,
        }
    }

    /// The request without its values: two of one shape are answered by the same code.
    pub fn shape(&self) -> String {
        let asked = self.query.iter().map(|(key, value)| {
            let is_setting = ["select", "order", "limit", "on_conflict"].contains(&key.as_str());
            let value = if is_setting { value } else { value.split('.').next().unwrap() };
            format!("{key}={}", if key == "or" { "" } else { value })
        });
        let mut asked: Vec<String> = asked.collect();
        asked.sort();
        let asked = asked.join(" ");
        let first = self.body.get(0).unwrap_or(&self.body);
        let keys: Vec<&str> =
            first.as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect();
        let (method, table) = (&self.method, &self.table);
        format!("{method} {table} {asked} [{}] {}", self.prefer, keys.join(","))
    }

    pub fn method(&self) -> &str {
        &self.method
    }

    /// Encoded again.
    pub fn target(&self) -> String {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs =
            self.query.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value)));
        format!("{}?{}", self.table, pairs.collect::<Vec<_>>().join("&"))
    }

    pub fn prefer(&self) -> &str {
        &self.prefer
    }

    pub fn body(&self) -> &Value {
        &self.body
    }

    /// Whether the answer has rows in it.
    pub fn has_rows(&self) -> bool {
        self.method == "GET" || self.prefer.contains("representation")
    }

    fn setting(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Nothing of it arrives.
    Refused,
    /// It is done, and the connection ends without an answer.
    AnswerCut,
    /// The answer says how long it is, and is shorter.
    BodyCut,
    /// The connection ends; the request is done some time afterwards.
    Late,
    /// It is done, and the gateway says 504.
    Applied504,
    /// It is done, and the answer is an empty object.
    Braces,
    /// It is not done; the answer says so, or not.
    Not(u16, &'static str),
}

const FAULTS: [Fault; 15] = [
    Fault::Refused,
    Fault::AnswerCut,
    Fault::AnswerCut,
    Fault::AnswerCut,
    Fault::BodyCut,
    Fault::Late,
    Fault::Late,
    Fault::Late,
    Fault::Applied504,
    Fault::Braces,
    Fault::Not(502, "<html>"),
    Fault::Not(429, "{}"),
    Fault::Not(500, r#"{"code":"57014","message":"canceling statement due to statement timeout"}"#),
    Fault::Not(500, r#"{"code":"40P01","message":"deadlock detected"}"#),
    Fault::Not(500, r#"{"code":"40001","message":"could not serialize access"}"#),
];

/// A running project.
pub struct Remote {
    pub url: String,
    state: Arc<Mutex<State>>,
    ends: Arc<AtomicBool>,
}

impl Remote {
    /// `clock` gives the database's microseconds since 1970.
    pub fn start(seed: u64, is_shared: bool, clock: impl Fn() -> i64 + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::new(seed, is_shared, Box::new(clock))));
        let ends = Arc::new(AtomicBool::new(false));
        let (of_thread, is_over) = (Arc::clone(&state), Arc::clone(&ends));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let state = Arc::clone(&of_thread);
                std::thread::spawn(move || serve(stream.unwrap(), &state));
            }
        });
        Self { url, state, ends }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.url.trim_start_matches("http://")));
    }
}

/// Answers what comes over one connection.
fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    stream.set_nodelay(true).unwrap();
    let mut bytes = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut bytes) {
        let Some(answer) = state.lock().unwrap().meet(request) else { return };
        let is_cut = answer.len() < 2 || !answer.ends_with(b"\n");
        if stream.write_all(&answer).is_err() || is_cut {
            return;
        }
    }
}

fn read_request(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Request> {
    let mut buffer = [0; 16 * 1024];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let header = |name: &str| {
                let mut lines = head.lines().filter_map(|line| line.split_once(": "));
                let found = lines.find(|(key, _)| key.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.to_owned())
            };
            let length: usize = header("content-length").map_or(0, |text| text.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                let body = serde_json::from_slice(&bytes[end + 4..end + 4 + length]);
                bytes.drain(..end + 4 + length);
                let mut words = head.split(' ');
                let (method, target) = (words.next().unwrap(), words.next().unwrap());
                let target = target.trim_start_matches("/rest/v1/");
                let prefer = header("prefer").unwrap_or_default();
                return Some(Request::new(method, target, &prefer, body.unwrap_or_default()));
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Uuid,
    Time,
    Json,
    Truth,
    Other,
}

use Kind::{Json, Other, Text, Time, Truth, Uuid};

struct Table {
    name: &'static str,
    columns: &'static [(&'static str, Kind)],
    key: &'static [&'static str],
    /// A message that is deleted takes its rows along.
    belongs_to_message: bool,
    rows: Vec<Row>,
}

fn table(
    name: &'static str,
    columns: &'static [(&'static str, Kind)],
    key: &'static [&'static str],
    belongs_to_message: bool,
) -> Table {
    Table { name, columns, key, belongs_to_message, rows: Vec::new() }
}

const CHANNELS: &[(&str, Kind)] = &[
    ("id", Uuid),
    ("name", Text),
    ("type", Text),
    ("session_name", Text),
    ("is_active", Truth),
    ("updated_at", Time),
];
const CONTACTS: &[(&str, Kind)] =
    &[("id", Uuid), ("name", Text), ("phone_number", Text), ("is_active", Truth)];
const MESSAGES: &[(&str, Kind)] = &[
    ("id", Uuid),
    ("title", Text),
    ("message", Text),
    ("contact_ids", Json),
    ("contact_count", Other),
    ("scheduled_at", Time),
    ("status", Text),
    ("sent_at", Time),
    ("updated_at", Time),
    ("schedules", Json),
    ("interval_config", Json),
    ("chanel_id", Uuid),
];
const CLAIMS: &[(&str, Kind)] = &[
    ("auto_message_id", Uuid),
    ("due_at", Time),
    ("claimed_by", Text),
    ("claim_token", Text),
    ("claimed_at", Time),
    ("settled_at", Time),
    ("status", Text),
    ("sent_count", Other),
    ("failed_count", Other),
    ("skipped_count", Other),
    ("unknown_count", Other),
    ("error", Text),
];
const DELIVERIES: &[(&str, Kind)] = &[
    ("auto_message_id", Uuid),
    ("due_at", Time),
    ("chat_id", Text),
    ("name", Text),
    ("status", Text),
    ("attempts", Other),
    ("waha_message_id", Text),
    ("ack", Other),
    ("error", Text),
    ("claimed_at", Time),
    ("finished_at", Time),
    ("seq", Other),
    ("updated_at", Time),
];
const OWNERS: &[(&str, Kind)] = &[
    ("channel_id", Text),
    ("appliance_id", Text),
    ("taken_at", Time),
    ("seen_at", Time),
    ("version", Text),
];

/// The rows, and what the weather is.
pub struct State {
    tables: Vec<Table>,
    clock: Box<dyn Fn() -> i64 + Send>,
    /// No statement has the instant of another one.
    latest: i64,
    dice: fastrand::Rng,
    /// Of a hundred requests, so many meet a fault.
    pub faults: u32,
    pub is_away: bool,
    /// No answer to a GET has more rows.
    pub max_rows: usize,
    /// Whether what is asked and answered is printed.
    pub is_told_aloud: bool,
    late: Vec<(i64, Request)>,
    /// Occurrences that an appliance which is not in the story claimed: row and instant.
    pub rivals: BTreeSet<(String, String)>,
    /// The shapes of what was asked.
    pub shapes: BTreeSet<String>,
    pub requests: u64,
    pub spoiled: u64,
    pub applied_late: u64,
}

type Answer = Result<(u16, Value), (u16, &'static str)>;

impl State {
    pub fn new(seed: u64, is_shared: bool, clock: Box<dyn Fn() -> i64 + Send>) -> Self {
        let tables = vec![
            table("chanels", CHANNELS, &["id"], false),
            table("contacts", CONTACTS, &["id"], false),
            table("auto_messages", MESSAGES, &["id"], false),
        ];
        let mut state = Self {
            tables,
            clock,
            latest: 0,
            dice: fastrand::Rng::with_seed(seed),
            faults: 0,
            is_away: false,
            max_rows: 1000,
            is_told_aloud: false,
            late: Vec::new(),
            rivals: BTreeSet::new(),
            shapes: BTreeSet::new(),
            requests: 0,
            spoiled: 0,
            applied_late: 0,
        };
        if is_shared {
            state.migrate();
        }
        state
    }

    /// Makes the tables with which appliances share the project.
    pub fn migrate(&mut self) {
        let of_delivery = &["auto_message_id", "due_at", "chat_id"];
        self.tables.extend([
            table("auto_message_claims", CLAIMS, &["auto_message_id", "due_at"], true),
            table("auto_message_deliveries", DELIVERIES, of_delivery, true),
            table("auto_message_channel_owners", OWNERS, &["channel_id"], false),
        ]);
    }

    /// The instant of a statement, in microseconds.
    pub fn now(&mut self) -> i64 {
        self.latest = (self.latest + 1).max((self.clock)());
        self.latest
    }

    /// The instant of the latest statement.
    pub fn latest(&self) -> i64 {
        self.latest
    }

    pub fn rows(&self, table: &str) -> &[Row] {
        self.tables.iter().find(|one| one.name == table).map_or(&[], |table| &table.rows)
    }

    /// Does what was cut off and is due by now, or all of it.
    pub fn apply_late(&mut self, is_all: bool) {
        let now = self.now();
        loop {
            let due = self.late.iter().position(|(at, _)| is_all || *at <= now);
            let Some(due) = due else { return };
            let (_, request) = self.late.remove(due);
            self.applied_late += 1;
            drop(self.answer(&request));
        }
    }

    /// Another appliance was a moment earlier.
    fn claim_before(&mut self, claim: &Value) {
        let mut claim = claim.clone();
        claim["claimed_by"] = json!("lain");
        claim["claim_token"] = json!("lain");
        let text = |name: &str| claim[name].as_str().unwrap().to_owned();
        let key = (text("auto_message_id"), text("due_at"));
        let target = "auto_message_claims?on_conflict=auto_message_id,due_at";
        let prefer = "resolution=ignore-duplicates,return=representation";
        let (_, made) = self.answer(&Request::new("POST", target, prefer, json!([claim])));
        if made.as_array().is_some_and(|rows| !rows.is_empty()) {
            self.rivals.insert(key);
        }
    }

    /// The bytes of the answer; `None` for none at all.
    fn meet(&mut self, request: Request) -> Option<Vec<u8>> {
        self.apply_late(false);
        if request.table == "auto_message_claims"
            && request.method == "POST"
            && request.body[0].get("settled_at").is_none() // What was taken while alone nobody else takes.
            && self.faults > 0
            && self.dice.u8(0..15) == 0
        {
            self.claim_before(&request.body[0]);
        }
        self.requests += 1;
        self.shapes.insert(request.shape());
        if self.is_away {
            return None;
        }
        let is_spoiled = self.dice.u32(0..100) < self.faults;
        let fault = is_spoiled.then(|| FAULTS[self.dice.usize(0..FAULTS.len())]);
        self.spoiled += u64::from(is_spoiled);
        if self.is_told_aloud && is_spoiled {
            println!("    {fault:?} of {} {}", request.method, request.table);
        }
        match fault {
            Some(Fault::Refused) => return None,
            Some(Fault::Not(status, body)) => {
                return Some(self.bytes(status, body.to_owned(), false));
            }
            Some(Fault::Late) => {
                let after = [50_000, 5_000_000, 700_000_000][self.dice.usize(0..3)];
                let at = self.now() + self.dice.i64(1..after);
                self.late.push((at, request));
                return None;
            }
            Some(Fault::AnswerCut | Fault::BodyCut | Fault::Applied504 | Fault::Braces) | None => {}
        }
        let (status, body) = self.answer(&request);
        match fault {
            Some(Fault::AnswerCut) => None,
            Some(Fault::Applied504) => Some(self.bytes(504, "<html>".to_owned(), false)),
            Some(Fault::Braces) => Some(self.bytes(200, "{}".to_owned(), false)),
            fault => Some(self.bytes(status, body.to_string(), fault == Some(Fault::BodyCut))),
        }
    }

    fn bytes(&mut self, status: u16, body: String, is_cut: bool) -> Vec<u8> {
        let now = OffsetDateTime::from_unix_timestamp(self.now().div_euclid(1_000_000)).unwrap();
        let date = now.format(&Rfc2822).unwrap().replace("+0000", "GMT");
        let body = if is_cut { body } else { format!("{body}\n") };
        let length = body.len() + usize::from(is_cut);
        format!(
            "HTTP/1.1 {status} X\r\nDate: {date}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    /// What PostgREST answers: the status and the body.
    pub fn answer(&mut self, request: &Request) -> (u16, Value) {
        let answer = self.answer_of(request);
        if self.is_told_aloud && !request.table.is_empty() {
            let Request { method, table, query, body, .. } = request;
            println!("    {method} {table} {query:?} {body} -> {} {}", answer.0, answer.1);
        }
        answer
    }

    fn answer_of(&mut self, request: &Request) -> (u16, Value) {
        let done = match request.method.as_str() {
            "GET" if request.table.is_empty() => Ok((200, self.description())),
            "GET" => self.get(request),
            "POST" => self.post(request),
            "PATCH" => self.patch(request),
            "DELETE" => self.delete(request),
            other => panic!("{other}"),
        };
        let is_silent = ["PATCH", "DELETE"].contains(&request.method()) && !request.has_rows();
        match done {
            Ok(_) if is_silent => (204, Value::Null),
            Ok(done) => done,
            Err((status, code)) => (status, json!({ "code": code, "message": "no" })),
        }
    }

    fn description(&self) -> Value {
        let definitions = self.tables.iter().map(|table| {
            let column = |(name, kind): &(&str, Kind)| {
                let format = match kind {
                    Uuid => "uuid",
                    Time => "timestamp with time zone",
                    Json => "jsonb",
                    Truth => "boolean",
                    Text | Other => "text",
                };
                ((*name).to_owned(), json!({ "format": format }))
            };
            let properties: Row = table.columns.iter().map(column).collect();
            (table.name.to_owned(), json!({ "properties": properties }))
        });
        json!({ "definitions": definitions.collect::<Row>() })
    }

    fn table(&self, name: &str) -> Result<usize, (u16, &'static str)> {
        self.tables.iter().position(|table| table.name == name).ok_or((404, "42P01"))
    }

    /// The places of the rows that all conditions of a request fit.
    fn found(&mut self, request: &Request) -> Result<(usize, Vec<usize>), (u16, &'static str)> {
        let now = self.now();
        let table = self.table(&request.table)?;
        let mut places = Vec::new();
        for (place, row) in self.tables[table].rows.iter().enumerate() {
            let mut fits = true;
            for (key, value) in &request.query {
                fits = fits
                    && match key.as_str() {
                        "select" | "order" | "limit" | "on_conflict" => true,
                        // Of the embedded claims: only that none is open is ever asked.
                        "auto_message_claims" => !self.has_open_claim(&row["id"]),
                        name if name.starts_with("auto_message_claims.") => true,
                        "or" => self.tables[table].fits_logic(row, true, value, now)?,
                        "auto_messages.chanel_id" => {
                            let message = self.message(&row["auto_message_id"]);
                            message.is_some_and(|row| {
                                self.tables[2].fits(row, "chanel_id", value, now) == Ok(true)
                            })
                        }
                        column => self.tables[table].fits(row, column, value, now)?,
                    };
            }
            if fits {
                places.push(place);
            }
        }
        Ok((table, places))
    }

    fn has_open_claim(&self, id: &Value) -> bool {
        let is_open = |row: &Row| row["auto_message_id"] == *id && row["settled_at"].is_null();
        self.rows("auto_message_claims").iter().any(is_open)
    }

    fn message(&self, id: &Value) -> Option<&Row> {
        self.rows("auto_messages").iter().find(|row| row["id"] == *id)
    }

    fn get(&mut self, request: &Request) -> Answer {
        let (table, places) = self.found(request)?;
        let mut rows: Vec<Row> =
            places.into_iter().map(|place| self.tables[table].rows[place].clone()).collect();
        for column in request
            .setting("order")
            .unwrap_or_default()
            .split(',')
            .rev()
            .filter(|name| !name.is_empty())
        {
            let (name, is_down) =
                column.strip_suffix(".desc").map_or((column, false), |name| (name, true));
            rows.sort_by(|one, two| {
                let order = key_of(&one[name]).cmp(&key_of(&two[name]));
                if is_down { order.reverse() } else { order }
            });
        }
        let count = rows.len();
        let limit = request.setting("limit").map_or(1000, |text| text.parse().unwrap());
        rows.truncate(self.max_rows.min(limit));
        let is_told = request.prefer == "count=exact" && rows.len() < count;
        let select = request.setting("select").unwrap_or("*");
        let shown = rows.into_iter().map(|row| Ok(Value::Object(self.shown(table, &row, select)?)));
        Ok((if is_told { 206 } else { 200 }, shown.collect::<Result<_, _>>()?))
    }

    fn shown(&self, table: usize, row: &Row, select: &str) -> Result<Row, (u16, &'static str)> {
        let mut shown = Row::new();
        for name in select.split(',') {
            match name {
                "*" => shown.extend(row.clone()),
                "auto_message_claims()" => {}
                "auto_messages!inner(chanel_id)" => {
                    let message = self.message(&row["auto_message_id"]).unwrap();
                    let of = json!({ "chanel_id": message["chanel_id"] });
                    shown.insert("auto_messages".to_owned(), of);
                }
                name => {
                    let known =
                        self.tables[table].columns.iter().any(|(column, _)| *column == name);
                    let value = known.then(|| row[name].clone()).ok_or((400, "42703"))?;
                    shown.insert(name.to_owned(), value);
                }
            }
        }
        Ok(shown)
    }

    fn post(&mut self, request: &Request) -> Answer {
        let now = self.now();
        let table = self.table(&request.table)?;
        let given: Vec<Row> = match &request.body {
            Value::Array(rows) => rows.iter().map(|row| row.as_object().unwrap().clone()).collect(),
            row => vec![row.as_object().unwrap().clone()],
        };
        let is_merge = request.prefer.contains("merge-duplicates");
        let is_ignore = request.prefer.contains("ignore-duplicates");
        let before = self.tables[table].rows.clone();
        let mut done: Vec<Value> = Vec::new();
        let (mut touched, mut has_new) = (BTreeSet::new(), false);
        for row in given {
            let row = self.tables[table].written(row, now);
            let new = row.and_then(|row| {
                let owner = row.get("auto_message_id");
                let is_orphan = owner.is_some_and(|id| self.message(id).is_none());
                if is_orphan && self.tables[table].belongs_to_message {
                    return Err((409, "23503"));
                }
                Ok(row)
            });
            let put = new.and_then(|row| {
                let table = &mut self.tables[table];
                let same =
                    |one: &Row| table.key.iter().all(|name| one.get(*name) == row.get(*name));
                let Some(place) = table.rows.iter().position(same) else {
                    let whole = table.whole(row, now);
                    touched.insert(table.rows.len());
                    table.rows.push(whole.clone());
                    has_new = true;
                    return Ok(Some(whole));
                };
                if !is_merge {
                    return if is_ignore { Ok(None) } else { Err((409, "23505")) };
                }
                if !touched.insert(place) {
                    return Err((400, "21000"));
                }
                Ok(table.change(place, row, now))
            });
            match put.and_then(|row| {
                let select = request.setting("select").unwrap_or("*");
                row.map(|row| self.shown(table, &row, select)).transpose()
            }) {
                Ok(row) => done.extend(row.map(Value::Object)),
                Err(error) => {
                    self.tables[table].rows = before;
                    return Err(error);
                }
            }
        }
        Ok((if has_new || !is_merge { 201 } else { 200 }, Value::Array(done)))
    }

    fn patch(&mut self, request: &Request) -> Answer {
        let (table, places) = self.found(request)?;
        let now = self.now();
        let new = self.tables[table].written(request.body.as_object().unwrap().clone(), now)?;
        let select = request.setting("select").unwrap_or("*");
        let mut done = Vec::new();
        for place in places {
            if let Some(row) = self.tables[table].change(place, new.clone(), now) {
                done.push(Value::Object(self.shown(table, &row, select)?));
            }
        }
        Ok((200, Value::Array(done)))
    }

    fn delete(&mut self, request: &Request) -> Answer {
        let (table, places) = self.found(request)?;
        let mut gone = Vec::new();
        for place in places.into_iter().rev() {
            gone.push(self.tables[table].rows.remove(place));
        }
        if request.table == "auto_messages" {
            for table in self.tables.iter_mut().filter(|table| table.belongs_to_message) {
                table.rows.retain(|row| gone.iter().all(|one| one["id"] != row["auto_message_id"]));
            }
        }
        gone.reverse();
        Ok((200, json!(gone)))
    }
}

impl Table {
    fn kind(&self, column: &str) -> Result<Kind, (u16, &'static str)> {
        let found = self.columns.iter().find(|(name, _)| *name == column);
        found.map(|(_, kind)| *kind).ok_or((400, "42703"))
    }

    /// Whether a row fits `operator.value`.
    fn fits(
        &self,
        row: &Row,
        column: &str,
        text: &str,
        now: i64,
    ) -> Result<bool, (u16, &'static str)> {
        let kind = self.kind(column)?;
        let (operator, value) = text.split_once('.').unwrap();
        let held = &row[column];
        let read = |value: &str| match kind {
            Time => micros(value, now).map(Order::Number).ok_or((400, "22007")),
            Uuid if !is_uuid(value) => Err((400, "22P02")),
            Uuid | Text | Json | Truth | Other => Ok(Order::Text(value.to_owned())),
        };
        let held = match held {
            Value::Null => return Ok(text == "is.null"),
            Value::String(text) if kind == Time => Order::Number(micros(text, now).unwrap()),
            Value::String(text) => Order::Text(text.clone()),
            other => Order::Text(other.to_string()),
        };
        Ok(match operator {
            "eq" => held == read(value)?,
            "neq" => held != read(value)?,
            "lt" => held < read(value)?,
            "lte" => held <= read(value)?,
            "gt" => held > read(value)?,
            "gte" => held >= read(value)?,
            "is" => held == Order::Text(value.to_owned()),
            "in" => {
                let values =
                    list(value).iter().map(|one| read(one)).collect::<Result<Vec<_>, _>>()?;
                values.contains(&held)
            }
            other => panic!("{other}"),
        })
    }

    /// Whether a row fits one (of `or`) or all (of `and`) of `(…,…)`.
    fn fits_logic(
        &self,
        row: &Row,
        is_or: bool,
        text: &str,
        now: i64,
    ) -> Result<bool, (u16, &'static str)> {
        let mut fits = Vec::new();
        for part in parts(text) {
            let inner = |word: &str| part.strip_prefix(word).filter(|rest| rest.starts_with('('));
            fits.push(if let Some(inner) = inner("and") {
                self.fits_logic(row, false, inner, now)?
            } else if let Some(inner) = inner("or") {
                self.fits_logic(row, true, inner, now)?
            } else {
                let (column, rest) = part.split_once('.').unwrap();
                let (operator, value) = rest.split_once('.').unwrap();
                let value = list(&format!("({value})")).concat();
                self.fits(row, column, &format!("{operator}.{value}"), now)?
            });
        }
        Ok(if is_or { fits.contains(&true) } else { !fits.contains(&false) })
    }

    /// Values as the database keeps them.
    fn written(&self, row: Row, now: i64) -> Result<Row, (u16, &'static str)> {
        let mut written = Row::new();
        for (name, value) in row {
            let kind = self.kind(&name).map_err(|_| (400, "PGRST204"))?;
            let value = match (kind, value) {
                (Time, Value::String(text)) => {
                    json!(instant(micros(&text, now).ok_or((400, "22007"))?))
                }
                (Uuid, Value::String(text)) if !is_uuid(&text) => return Err((400, "22P02")),
                (_, value) => value,
            };
            let allowed = ["scheduled", "sent", "failed", "cancelled"];
            if self.name == "auto_messages"
                && name == "status"
                && !allowed.iter().any(|one| value == **one)
            {
                return Err((400, "23514"));
            }
            written.insert(name, value);
        }
        Ok(written)
    }

    /// A new row with what was not given.
    fn whole(&self, mut row: Row, now: i64) -> Row {
        for (name, kind) in self.columns {
            let default = match (*name, kind) {
                ("status", _) if self.name == "auto_messages" => json!("scheduled"),
                ("contact_ids" | "schedules", _) => json!([]),
                ("contact_count" | "attempts", _) => json!(0),
                ("is_active", _) => json!(true),
                ("type", _) => json!("whatsapp"),
                ("claimed_at", _) if self.name == "auto_message_deliveries" => Value::Null,
                ("updated_at" | "claimed_at" | "taken_at" | "seen_at", _) => json!(instant(now)),
                _ => Value::Null,
            };
            row.entry((*name).to_owned()).or_insert(default);
        }
        row
    }

    /// Changes a row; `None` when the trigger keeps the newer one.
    fn change(&mut self, place: usize, new: Row, now: i64) -> Option<Row> {
        let row = &mut self.rows[place];
        if self.name == "auto_message_deliveries"
            && new.get("seq").is_some_and(|seq| seq.as_i64() < row["seq"].as_i64())
        {
            return None;
        }
        row.extend(new);
        if row.contains_key("updated_at") {
            row.insert("updated_at".to_owned(), json!(instant(now)));
        }
        Some(row.clone())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Number(i64),
    Text(String),
}

/// By what a column is sorted; instants as instants.
fn key_of(value: &Value) -> Order {
    match value {
        Value::String(text) => {
            micros(text, 0).map_or_else(|| Order::Text(text.clone()), Order::Number)
        }
        other => Order::Text(other.to_string()),
    }
}

/// The conditions of `(a.eq.1,and(b.eq."x,y",c.eq.2))`, those within others as they are.
fn parts(text: &str) -> Vec<String> {
    let inner = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap();
    let (mut parts, mut depth, mut is_quoted) = (vec![String::new()], 0, false);
    for letter in inner.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted => depth -= 1,
            _ => {}
        }
        if letter == ',' && depth == 0 && !is_quoted {
            parts.push(String::new());
        } else {
            parts.last_mut().unwrap().push(letter);
        }
    }
    parts
}

/// The values of `(a,"b,c")`.
fn list(text: &str) -> Vec<String> {
    let inner = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap();
    let (mut values, mut value, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => is_quoted = !is_quoted,
            '\\' if is_quoted => value.extend(letters.next()),
            ',' if !is_quoted => values.push(std::mem::take(&mut value)),
            letter => value.push(letter),
        }
    }
    if !inner.is_empty() {
        values.push(value);
    }
    values
}

fn is_uuid(text: &str) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b'-';
    text.len() == 36 && text.as_bytes().iter().all(is_digit)
}

/// An instant in microseconds since 1970; `now` is the statement's.
pub fn micros(text: &str, now: i64) -> Option<i64> {
    if text == "now" {
        return Some(now);
    }
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(at.unix_timestamp_nanos() / 1000).ok()
}

/// An instant as PostgREST writes it.
pub fn instant(micros: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).unwrap();
    at.format(&Rfc3339).unwrap().replace('Z', "+00:00")
}

/// How long a whole answer may take here.
pub const PATIENCE: Duration = Duration::from_secs(5);
