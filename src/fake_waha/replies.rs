//! The bodies of WAHA's answers, as they were recorded or as each engine is known to write them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::faults::{Symptom, fault_for};
use super::http::{Call, Then};
use super::journal::Session;
use super::{Engine, Received, ReceivedFile};
use crate::clock::Timestamp;
use crate::http::Response;

/// The account of every session.
const ME: &str = "15550000001@c.us";

pub(super) fn json_answer(status: u16, body: &Value) -> Response {
    text_answer(status, "application/json", &body.to_string())
}

pub(super) fn text_answer(status: u16, content_type: &str, body: &str) -> Response {
    Response::new(status, &format!("{content_type}; charset=utf-8"), body)
}

/// Nest's own error shape.
pub(super) fn nest(status: u16, message: &str, error: &str) -> Response {
    json_answer(status, &json!({ "statusCode": status, "message": message, "error": error }))
}

pub(super) fn unauthorized() -> Response {
    json_answer(401, &json!({ "message": "Unauthorized", "statusCode": 401 }))
}

pub(super) fn no_such_route(call: &Call) -> Response {
    nest(404, &format!("Cannot {} {}", call.head.method, call.head.target), "Not Found")
}

pub(super) fn no_such_session(session: &str) -> Response {
    nest(422, &format!("Session \"{session}\" does not exist"), "Unprocessable Entity")
}

/// The answer of a route that needs a session in another state: WORKING, nearly always.
pub(super) fn session_is_not(session: &str, status: &str, expected: &str) -> Response {
    let body = json!({
        "error": "Session status is not as expected. Try again later or restart the session",
        "session": session,
        "status": status,
        "expected": [expected],
    });
    json_answer(422, &body)
}

/// The code of every session that waits for a scan: a picture, or JSON for whoever takes that.
pub(super) fn code(accept: Option<&str>) -> Response {
    const PICTURE: &[u8] = include_bytes!("code.png");
    if accept.is_some_and(|accept| accept.contains("application/json")) {
        let data = STANDARD.encode(PICTURE);
        return json_answer(200, &json!({ "mimetype": "image/png", "data": data }));
    }
    Response { body: PICTURE.to_vec(), ..Response::new(200, "image/png", "") }
}

/// A 500 around an exception. It echoes the request, the message text included, as WAHA does.
pub(super) fn exception(engine: Engine, at: Timestamp, call: &Call, thrown: &Value) -> Response {
    let mut thrown = thrown.clone();
    let (name, message) = (&thrown["name"], &thrown["message"]);
    let (name, message) = (name.as_str().unwrap_or("Error"), message.as_str().unwrap_or_default());
    thrown["stack"] = format!("{name}: {message}\n    at fakeWaha (fake-waha)").into();
    let mut query = serde_json::Map::new();
    query.extend(call.query.iter().map(|(key, value)| (key.clone(), value.as_str().into())));
    let body = json!({
        "statusCode": 500,
        "timestamp": iso_millis(at),
        "exception": thrown,
        "request": {
            "path": call.head.target,
            "method": call.head.method,
            "body": serde_json::from_slice(&call.body).unwrap_or_else(|_| json!({})),
            "query": query,
        },
        "version": version(engine, true),
    });
    json_answer(500, &body)
}

/// What JavaScript throws when `method` is called on a field that is missing or of another type.
pub(super) fn type_error(field: &str, value: &Value, method: &str) -> Value {
    let message = if value.is_null() {
        format!("Cannot read properties of null (reading '{method}')")
    } else {
        format!("{field}.{method} is not a function")
    };
    json!({ "message": message, "name": "TypeError" })
}

/// The same for a field that is not there at all.
pub(super) fn undefined_error(method: &str) -> Value {
    let message = format!("Cannot read properties of undefined (reading '{method}')");
    json!({ "message": message, "name": "TypeError" })
}

/// What a fault does to the connection; `None` when the good answer is given.
pub(super) fn fault_reply(
    symptom: Symptom,
    engine: Engine,
    call: &Call,
    received: &Received,
) -> Option<Then> {
    let Received { session, at, .. } = received;
    let at = *at;
    let throw = |thrown: Value| exception(engine, at, call, &thrown);
    let throttled = || nest(429, "ThrottlerException: Too Many Requests", "Too Many Requests");
    let answer = match symptom {
        Symptom::AckError => return None,
        Symptom::RefusedAtOnce => json_answer(201, &refused(engine, received)),
        Symptom::NoLid => throw(json!({
            "message": "no LID found for 6281200000540@s.whatsapp.net from server", "name": "Error",
        })),
        Symptom::OnlyInPlus => not_in_core(engine, false),
        Symptom::NotImplemented => not_in_core(engine, true),
        Symptom::NoAnswer => return Some(Then::HangUp),
        Symptom::NeverAnswers => return Some(Then::Hold),
        Symptom::EmptyAnswer => json_answer(201, &json!({})),
        Symptom::Garbage => text_answer(200, "text/plain", "OK, but this is no JSON"),
        Symptom::Redirect => {
            text_answer(302, "text/html", "").with("Location", "http://127.0.0.1:9/")
        }
        Symptom::BadRequest => nest(400, "Bad Request", "Bad Request"),
        Symptom::Unauthorized => unauthorized(),
        Symptom::Forbidden => nest(403, "Forbidden resource", "Forbidden"),
        Symptom::NoSuchRoute => no_such_route(call),
        Symptom::TimedOut => throw(json!({
            "message": "Timed Out", "data": null, "isBoom": true, "isServer": false,
            "output": {}, "name": "Error",
        })),
        Symptom::TooLarge => nest(413, "request entity too large", "Payload Too Large"),
        Symptom::SessionFailed => session_is_not(session, "FAILED", "WORKING"),
        Symptom::Invalid => invalid_text(),
        Symptom::RetryAfterSeconds => throttled().with("Retry-After", "60"),
        Symptom::RetryAfterDate => {
            throttled().with("Retry-After", at.plus(Duration::from_hours(1)).to_http())
        }
        Symptom::Restricted => throw(json!({
            "message": "failed to send message", "name": "Error",
            "details": "server returned error 463",
        })),
        Symptom::EngineFailure => {
            throw(json!({ "message": "fake engine failure", "name": "Error" }))
        }
        Symptom::ProxyUnavailable => proxy_page(503, "503 Service Temporarily Unavailable"),
        Symptom::ProxyTimeout => proxy_page(504, "504 Gateway Time-out"),
    };
    Some(Then::Answer(answer))
}

/// What CORE says to a file: 422, but 501 to a video.
pub(super) fn not_in_core(engine: Engine, is_video: bool) -> Response {
    if is_video {
        let message = format!(
            "The method is not implemented by '{engine}' engine. Check the docs and try another engine: https://waha.devlike.pro/"
        );
        return nest(501, &message, "Not Implemented");
    }
    let message = format!(
        "The feature is available only in Plus version for '{engine}' engine. Check this out: https://waha.devlike.pro/"
    );
    nest(422, &message, "Unprocessable Entity")
}

/// The 201 of a message, in the shape of the engine.
pub(super) fn sent(engine: Engine, message: &Received) -> Value {
    let Received { id, chat_id, text, at, .. } = message;
    let (full_id, has_media) = (full_id(chat_id, id), message.file.is_some());
    match engine {
        Engine::Noweb if message.route != "sendPoll" => {
            noweb_message(message, &at.secs().to_string().into(), &"PENDING".into())
        }
        // A poll comes back as WAHA's own message on NOWEB, too, without its words.
        Engine::Gows | Engine::Wpp | Engine::Noweb => json!({
            "id": full_id, "timestamp": at.secs(), "from": ME, "to": chat_id, "fromMe": true,
            "source": "api", "body": (engine != Engine::Noweb).then_some(text),
            "hasMedia": has_media, "ack": 0, "ackName": "PENDING",
        }),
        Engine::Webjs => json!({
            "id": { "fromMe": true, "remote": chat_id, "id": id, "_serialized": full_id },
            "timestamp": at.secs(), "from": ME, "to": chat_id, "fromMe": true, "type": "chat",
            "body": text, "hasMedia": has_media, "ack": 0,
        }),
    }
}

/// The 201 of a message that WhatsApp refused at once, in the shape of the engine.
fn refused(engine: Engine, message: &Received) -> Value {
    let mut answer = sent(engine, message);
    match engine {
        Engine::Noweb => answer["status"] = "ERROR".into(),
        Engine::Gows | Engine::Webjs | Engine::Wpp => answer["ack"] = (-1).into(),
    }
    answer
}

/// One item of a look-up, with the time `at` of WAHA's clock. A message to 0777 has failed after it was
/// accepted; others were delivered. WhatsApp keeps no blanks around a text.
pub(super) fn looked_up(engine: Engine, message: &Received, at: Timestamp) -> Value {
    let Received { id, chat_id, text, .. } = message;
    let text = message.has_body.then(|| text.trim());
    let failed = fault_for(chat_id).is_some_and(|fault| fault.symptom == Symptom::AckError);
    let (ack, ack_name) = if failed { (-1, "ERROR") } else { (2, "DEVICE") };
    let data = match engine {
        // Baileys counts one higher than WAHA's ack, with ERROR as 0.
        Engine::Noweb => noweb_message(message, &at.secs().into(), &(ack + 1).into()),
        Engine::Gows | Engine::Webjs | Engine::Wpp => json!({}),
    };
    json!({
        "id": full_id(chat_id, id), "timestamp": at.secs(), "from": chat_id, "fromMe": true,
        "body": text, "hasMedia": message.file.is_some(), "ack": ack, "ackName": ack_name, "replyTo": null,
        "_data": data,
    })
}

/// A session object. Like WAHA's, it carries the webhook key in clear.
pub(super) fn session(name: &str, status: &str, given: Session) -> Value {
    let me = match status {
        "STOPPED" | "STARTING" => Value::Null,
        _ => {
            let mut me = json!({ "id": ME, "pushName": "Fake Me" });
            for (key, value) in given.me.iter().filter_map(Value::as_object).flatten() {
                me[key] = value.clone();
            }
            me
        }
    };
    let hook = json!({
        "url": "http://127.0.0.1:9/", "events": ["message.ack"], "hmac": { "key": "fake-hmac-key" },
    });
    let config = given.config.unwrap_or_else(|| json!({ "webhooks": [hook] }));
    json!({ "name": name, "status": status, "config": config, "me": me })
}

pub(super) fn version(engine: Engine, is_plus: bool) -> Value {
    let tier = if is_plus { "PLUS" } else { "CORE" };
    json!({ "version": "2026.7.1", "engine": engine.to_string(), "tier": tier })
}

/// `true_<chat>_<ID>`, and for groups also who wrote it.
fn full_id(chat_id: &str, id: &str) -> String {
    let participant = if chat_id.ends_with("@g.us") { format!("_{ME}") } else { String::new() };
    format!("true_{chat_id}_{id}{participant}")
}

/// NOWEB's own form, where people's chats end in `@s.whatsapp.net`.
fn noweb_message(message: &Received, timestamp: &Value, status: &Value) -> Value {
    let Received { id, chat_id, .. } = message;
    let remote = chat_id.strip_suffix("@c.us").map(|number| format!("{number}@s.whatsapp.net"));
    let mut body = json!({
        "key": { "remoteJid": remote.as_ref().unwrap_or(chat_id), "fromMe": true, "id": id },
        "message": noweb_content(message),
        "messageTimestamp": timestamp,
        "status": status,
    });
    if chat_id.ends_with("@g.us") {
        body["participant"] = "15550000001:7@s.whatsapp.net".into();
    }
    body
}

/// What it carries, in Baileys' words.
fn noweb_content(message: &Received) -> Value {
    let Received { text, route, file, .. } = message;
    let about = |file: &ReceivedFile| {
        json!({
            "mimetype": file.mimetype, "fileName": file.filename, "fileLength": file.bytes.to_string(), "caption": text,
        })
    };
    let about = file.as_ref().map_or(Value::Null, about);
    match route.as_str() {
        "sendImage" => json!({ "imageMessage": about }),
        "sendFile" => json!({ "documentMessage": about }),
        "sendVideo" => json!({ "videoMessage": about }),
        "sendVoice" => json!({ "audioMessage": about }),
        "sendLocation" => json!({ "locationMessage": { "name": text } }),
        "sendContactVcard" => json!({ "contactMessage": { "displayName": text } }),
        _ => json!({ "extendedTextMessage": { "text": text } }),
    }
}

/// Nest's shape for a field that fails its validation: the message is a list.
fn invalid_text() -> Response {
    let message = "text must be shorter than or equal to 65536 characters";
    let body = json!({
        "statusCode": 422, "message": [message], "error": "Unprocessable Entity",
    });
    json_answer(422, &body)
}

fn proxy_page(status: u16, title: &str) -> Response {
    let page = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
         <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    text_answer(status, "text/html", &page)
}

fn iso_millis(at: Timestamp) -> String {
    let seconds = at.to_string();
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), at.millis().rem_euclid(1000))
}
