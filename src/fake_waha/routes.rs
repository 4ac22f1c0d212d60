//! From a request to a reply: which route it is, what it does to the journal, what it answers.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::faults::fault_for;
use super::http::{Call, Reply, Then};
use super::journal::Journal;
use super::replies::{json_answer, text_answer};
use super::sends::{Sends, text};
use super::{Checked, Options, Received, Request, replies};
use crate::clock::{Clock, Timestamp};
use crate::http::Response;

/// WAHA's page size when `limit` is missing or no number.
const LIMIT_DEFAULT: usize = 10;

type OnReceived = Box<dyn Fn(&Received) + Send + Sync>;

/// Everything that the routes need, shared by all connections.
pub(super) struct Site {
    pub(super) options: Options,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) journal: Arc<Journal>,
    pub(super) on_received: OnReceived,
}

/// A route that cannot do its work stops with the answer that says why.
type Answered = Result<Response, Response>;

impl Site {
    /// Notes the request and answers it, with the `Date` that every answer of Node's has.
    pub(super) fn reply(&self, call: &Call) -> Reply {
        let at = self.clock.now().wall;
        let Reply { then, received } = self.reply_at(call, at);
        let then = match (then, self.journal.date(self.by_wahas_clock(at))) {
            (Then::Answer(answer), Some(date)) => Then::Answer(answer.with("Date", date.to_http())),
            (then, _) => then,
        };
        Reply { then, received }
    }

    fn reply_at(&self, call: &Call, at: Timestamp) -> Reply {
        let segments: Vec<String> = call.path().split('/').skip(1).map(decoded).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let sends = Sends::of(call, &segments);
        let body = sends.and_then(|_| serde_json::from_slice(&call.body).ok());
        self.journal.note_request(Request {
            method: call.head.method.clone(),
            path: call.head.target.clone(),
            at,
            chat_id: body.as_ref().and_then(|body: &Value| {
                sends?.own_chat().map(str::to_owned).or_else(|| text_field(body, "chatId"))
            }),
        });
        if !self.lets_in(call, &segments) {
            replies::unauthorized().into()
        } else if let Some(sends) = sends {
            self.send(call, (sends, &segments), body, at).unwrap_or_else(Reply::from)
        } else {
            self.answer(call, &segments, at).unwrap_or_else(|refusal| refusal).into()
        }
    }

    /// How long the answer to this call takes.
    pub(super) fn latency(&self, call: &Call) -> Duration {
        if call.path().starts_with("/api/") { self.options.latency } else { Duration::ZERO }
    }

    fn lets_in(&self, call: &Call, segments: &[&str]) -> bool {
        let wanted = self.options.api_key.as_ref();
        let shown = call.head.header("X-Api-Key");
        segments == ["ping"] || wanted.is_none_or(|wanted| shown == Some(wanted))
    }

    fn answer(&self, call: &Call, segments: &[&str], at: Timestamp) -> Answered {
        match (call.head.method.as_str(), segments) {
            ("GET", ["ping"]) => Ok(json_answer(200, &json!({ "message": "pong" }))),
            ("GET", ["health"]) => Ok(json_answer(
                200,
                &json!({ "status": "ok", "info": {}, "error": {}, "details": {} }),
            )),
            ("GET", ["api", "server", "version"]) => {
                Ok(json_answer(200, &replies::version(self.options.engine, self.options.is_plus)))
            }
            ("GET", ["api", "sessions"]) => Ok(self.sessions(call)),
            ("POST", ["api", "sessions"]) => self.make_session(call),
            ("POST", ["api", "sessions", name, what]) => self.change_session(call, name, what),
            ("GET", ["api", session, "auth", "qr"]) => self.code(call, session),
            ("POST", ["fake-waha", session, "scan"]) => self.scan(call, session),
            ("GET", ["api", "sessions", name]) => {
                let answer = self.session(name);
                self.journal.note_seen(name);
                answer
            }
            ("PUT", ["api", "sessions", name]) => {
                let config = read_json(call)?["config"].clone();
                self.journal.give(name, |given| given.config = Some(config));
                self.session(name)
            }
            ("GET", ["api", "contacts", "check-exists"]) => self.check_exists(call, at),
            ("POST", ["api", "startTyping" | "stopTyping"]) => self.typing(call, at),
            ("GET", ["api", session, "new-message-id"]) => self.new_message_id(session),
            ("GET", ["api", session, "lids", lid]) => self.lid(session, lid),
            ("GET", ["api", session, "lids", "pn", chat]) => self.lid_of_number(session, chat),
            ("GET", ["api", session, "chats", chat, "messages"]) => {
                self.messages(call, session, chat)
            }
            ("GET", ["api", session, "chats", chat, "messages", id]) => {
                self.message(session, chat, id)
            }
            _ => Err(replies::no_such_route(call)),
        }
    }

    /// A route that sends. As WAHA does, it asks for the session first, and trips over a bad field later.
    fn send(
        &self,
        call: &Call,
        (sends, segments): (Sends, &[&str]),
        body: Option<Value>,
        at: Timestamp,
    ) -> Result<Reply, Response> {
        let engine = self.options.engine;
        if sends.is_plus() && !self.options.is_plus {
            // Before anything of the body is looked at.
            return Err(replies::not_in_core(engine, sends == Sends::Video));
        }
        let mut body = body.map_or_else(|| read_json(call), Ok)?;
        let session = match sends {
            Sends::Story => segments[1].to_owned(),
            _ => self.field(&body, "session", "startsWith", call, at)?,
        };
        self.working(&session)?;
        let chat_id = match sends.own_chat() {
            Some(chat) => chat.to_owned(),
            None => self.field(&body, "chatId", "includes", call, at)?,
        };
        let (text, file) =
            sends.shown(&mut body).map_err(|thrown| self.exception(call, at, &thrown))?;
        let fault = fault_for(&chat_id);
        // Only texts may have an id given.
        let given_id = body["id"]
            .as_str()
            .filter(|id| sends == Sends::Text && engine.honours_id() && !id.is_empty());
        let mut received = Received {
            id: given_id.map_or_else(|| self.journal.new_id(), str::to_owned),
            chat_id: canonical_chat(&chat_id),
            answered: true,
            session,
            text,
            route: segments.last().copied().unwrap_or_default().to_owned(),
            file,
            has_body: sends.has_body(),
            body,
            at,
        };
        let told =
            fault.and_then(|fault| replies::fault_reply(fault.symptom, engine, call, &received));
        let told = match (fault, told) {
            (Some(fault), Some(then)) if !fault.sent => return Ok(Reply { then, received: None }),
            (_, told) => told,
        };
        received.answered = matches!(told, None | Some(Then::Answer(_)));
        let full = "the simulator's journal is full: restart it";
        let full = || replies::nest(503, full, "Service Unavailable");
        let place = self.journal.receive(received.clone()).ok_or_else(full)?;
        (self.on_received)(&received);
        let good = || Then::Answer(json_answer(201, &replies::sent(engine, &received)));
        Ok(Reply { then: told.unwrap_or_else(good), received: Some(place) })
    }

    fn sessions(&self, call: &Call) -> Response {
        let all = call.parameter("all") == Some("true");
        let listed: Vec<Value> = (self.journal.session_names().iter())
            .filter_map(|name| Some((name, self.journal.status(name)?)))
            .filter(|(_, status)| all || status != "STOPPED")
            .map(|(name, status)| replies::session(name, &status, self.journal.session(name)))
            .collect();
        json_answer(200, &listed.into())
    }

    fn session(&self, name: &str) -> Answered {
        let status = (self.journal.status(name))
            .ok_or_else(|| replies::nest(404, "Session not found", "Not Found"))?;
        let mut body = replies::session(name, &status, self.journal.session(name));
        body["engine"] = json!({ "engine": self.options.engine.to_string() });
        Ok(json_answer(200, &body))
    }

    fn make_session(&self, call: &Call) -> Answered {
        let body = read_json(call)?;
        let name = text_field(&body, "name").unwrap_or_else(|| "default".to_owned());
        if self.journal.status(&name).is_some() {
            let words = format!("Session '{name}' already exists. Use PUT to update it.");
            return Err(replies::nest(422, &words, "Unprocessable Entity"));
        }
        if body["start"] == json!(false) {
            self.journal.give(&name, |given| given.status = Some("STOPPED".to_owned()));
        } else {
            self.journal.start(&name, "SCAN_QR_CODE");
        }
        self.session(&name).map(|answer| Response { status: 201, ..answer })
    }

    /// A session that had a number has it again once it is started, unless it was logged out.
    fn change_session(&self, call: &Call, name: &str, what: &str) -> Answered {
        let status = self.journal.status(name);
        let status = status.ok_or_else(|| replies::nest(404, "Session not found", "Not Found"))?;
        let has_number = matches!(status.as_str(), "WORKING" | "STOPPED");
        match what {
            "start" if status == "WORKING" => {}
            "start" | "restart" if has_number => self.journal.start(name, "WORKING"),
            "start" | "restart" | "logout" => self.journal.start(name, "SCAN_QR_CODE"),
            "stop" => self.journal.give(name, |given| given.status = Some("STOPPED".to_owned())),
            _ => return Err(replies::no_such_route(call)),
        }
        self.session(name).map(|answer| Response { status: 201, ..answer })
    }

    fn code(&self, call: &Call, session: &str) -> Answered {
        match self.journal.status(session).as_deref() {
            None => Err(replies::no_such_session(session)),
            Some("SCAN_QR_CODE") => Ok(replies::code(call.head.header("Accept"))),
            Some(status) => Err(replies::session_is_not(session, status, "SCAN_QR_CODE")),
        }
    }

    /// Not WAHA's: what a phone does that scans the code. The body's `number` is its own, in digits.
    fn scan(&self, call: &Call, session: &str) -> Answered {
        let unexpected = || replies::nest(400, "Unexpected body", "Bad Request");
        let number = text_field(&read_json(call)?, "number").ok_or_else(unexpected)?;
        match self.journal.status(session).as_deref() {
            Some("SCAN_QR_CODE") => {
                self.journal.scan(session, &number);
                self.session(session)
            }
            _ => Err(replies::nest(409, "there is no code to scan", "Conflict")),
        }
    }

    fn check_exists(&self, call: &Call, at: Timestamp) -> Answered {
        let session = call.parameter("session").unwrap_or("default");
        self.working(session)?;
        let phone = (call.parameter("phone"))
            .ok_or_else(|| self.exception(call, at, &replies::undefined_error("split")))?;
        let number = phone.split('@').next().unwrap_or_default();
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        let session = session.to_owned();
        self.journal.kept().checks.push(Checked { session, digits: digits.clone(), at });
        if digits.is_empty() || digits.ends_with("0404") {
            return Ok(json_answer(200, &json!({ "numberExists": false })));
        }
        if digits.ends_with("0405") {
            return Err(self.exception(call, at, &replies::undefined_error("exists")));
        }
        let chat_id = format!("{digits}@c.us");
        Ok(json_answer(200, &json!({ "numberExists": true, "chatId": chat_id })))
    }

    fn typing(&self, call: &Call, at: Timestamp) -> Answered {
        let body = read_json(call)?;
        let session = self.field(&body, "session", "startsWith", call, at)?;
        self.working(&session)?;
        self.field(&body, "chatId", "includes", call, at)?;
        Ok(json_answer(201, &json!({ "result": true })))
    }

    fn new_message_id(&self, session: &str) -> Answered {
        self.working(session)?;
        if !self.options.engine.honours_id() {
            let message = "The method is not implemented by the engine.";
            return Err(replies::nest(422, message, "Unprocessable Entity"));
        }
        Ok(json_answer(200, &json!({ "id": self.journal.new_id() })))
    }

    fn lid(&self, session: &str, lid: &str) -> Answered {
        self.working(session)?;
        let lid = if lid.ends_with("@lid") { lid.to_owned() } else { format!("{lid}@lid") };
        let number = self.journal.kept().lids.get(&lid).map(|digits| format!("{digits}@c.us"));
        Ok(json_answer(200, &json!({ "lid": lid, "pn": number })))
    }

    fn lid_of_number(&self, session: &str, chat: &str) -> Answered {
        self.working(session)?;
        let chat = canonical_chat(chat);
        let digits = chat.trim_end_matches("@c.us");
        let kept = self.journal.kept();
        let lid = kept.lids.iter().find(|(_, known)| *known == digits).map(|(lid, _)| lid);
        Ok(json_answer(200, &json!({ "lid": lid, "pn": chat })))
    }

    fn messages(&self, call: &Call, session: &str, chat: &str) -> Answered {
        self.working(session)?;
        self.tells_look_ups(session)?;
        let from = number(call, "filter.timestamp.gte").unwrap_or(i64::MIN);
        let until = number(call, "filter.timestamp.lte").unwrap_or(i64::MAX);
        // Only our own messages exist here, so a look for the others' finds none.
        let own = call.parameter("filter.fromMe") != Some("false");
        let ahead_secs = self.journal.kept().ahead_secs;
        let sent_at = |message: &Received| shifted(message.at, ahead_secs);
        let wanted = |message: &Received| own && (from..=until).contains(&sent_at(message).secs());
        let mut found = self.journal.in_chat(session, &canonical_chat(chat), wanted);
        if call.parameter("sortOrder") != Some("asc") {
            found.reverse();
        }
        let items: Vec<Value> = (found.iter())
            .skip(number(call, "offset").unwrap_or(0))
            .take(number(call, "limit").unwrap_or(LIMIT_DEFAULT))
            .map(|message| replies::looked_up(self.options.engine, message, sent_at(message)))
            .collect();
        Ok(json_answer(200, &items.into()))
    }

    fn message(&self, session: &str, chat: &str, id: &str) -> Answered {
        self.working(session)?;
        self.tells_look_ups(session)?;
        let bare = id.strip_prefix("true_").and_then(|rest| rest.split('_').nth(1)).unwrap_or(id);
        let found = self.journal.in_chat(session, &canonical_chat(chat), |sent| sent.id == bare);
        let found =
            found.first().ok_or_else(|| replies::nest(404, "Message not found", "Not Found"))?;
        let at = self.by_wahas_clock(found.at);
        Ok(json_answer(200, &replies::looked_up(self.options.engine, found, at)))
    }

    fn by_wahas_clock(&self, at: Timestamp) -> Timestamp {
        shifted(at, self.journal.kept().ahead_secs)
    }

    /// Refuses a look-up when a test wants it so.
    fn tells_look_ups(&self, session: &str) -> Result<(), Response> {
        match self.journal.session(session).look_ups {
            Some((status, body)) => Err(text_answer(status, "application/json", &body)),
            None => Ok(()),
        }
    }

    /// Refuses, in WAHA's words, for a session that is missing or not WORKING.
    fn working(&self, session: &str) -> Result<(), Response> {
        match self.journal.status(session).as_deref() {
            None => Err(replies::no_such_session(session)),
            Some("WORKING") => Ok(()),
            Some(status) => Err(replies::session_is_not(session, status, "WORKING")),
        }
    }

    /// A text field of the body, or what WAHA answers without it.
    fn field(
        &self,
        body: &Value,
        name: &str,
        method: &str,
        call: &Call,
        at: Timestamp,
    ) -> Result<String, Response> {
        text(body, name, method).map_err(|thrown| self.exception(call, at, &thrown))
    }

    fn exception(&self, call: &Call, at: Timestamp, thrown: &Value) -> Response {
        replies::exception(self.options.engine, at, call, thrown)
    }
}

fn shifted(at: Timestamp, secs: i64) -> Timestamp {
    Timestamp::from_millis(at.millis().saturating_add(secs.saturating_mul(1000)))
}

/// A part of a path; what is not encoded correctly in it stays as it is.
pub(super) fn decoded(segment: &str) -> String {
    percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// The one name of a chat, however it was written; like WAHA, `+62…` becomes a chat that nobody has.
fn canonical_chat(chat_id: &str) -> String {
    match chat_id.split_once('@') {
        None => format!("{chat_id}@c.us"),
        Some((number, "s.whatsapp.net")) => format!("{number}@c.us"),
        Some(_) => chat_id.to_owned(),
    }
}

fn text_field(body: &Value, name: &str) -> Option<String> {
    body[name].as_str().map(str::to_owned)
}

fn number<N: FromStr>(call: &Call, parameter: &str) -> Option<N> {
    call.parameter(parameter)?.parse().ok()
}

fn read_json(call: &Call) -> Result<Value, Response> {
    let read = serde_json::from_slice(&call.body);
    read.map_err(|error| replies::nest(400, &error.to_string(), "Bad Request"))
}
