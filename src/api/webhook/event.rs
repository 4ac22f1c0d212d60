//! Reading an event, as far as it matters. Pure.

use serde_json::Value;

use crate::clock::Timestamp;
use crate::contacts::opt_out::{self, Writer};
use crate::delivery::{Ack, MessageId};
use crate::recipient::{lid_of_chat, number_of_chat};
use crate::store::Echo;

pub(super) enum Event<'a> {
    Message(AboutMessage<'a>),
    Session(AboutSession<'a>),
    Inbound(Inbound<'a>),
    /// Another kind, or about somebody else's message, or not to be understood.
    OfNoUse,
}

/// An ack of a message that the session sent, or the message itself.
pub(super) struct AboutMessage<'a> {
    pub(super) id: MessageId,
    pub(super) ack: Option<Ack>,
    session: Option<&'a str>,
    /// Of the message itself: its chat where the id does not say it, its text, its time.
    to: Option<&'a str>,
    text: Option<&'a str>,
    at: Option<Timestamp>,
}

pub(super) struct AboutSession<'a> {
    pub(super) session: &'a str,
    pub(super) status: &'a str,
    /// Its number, as `+6281234567890`, when it is WORKING and says so.
    pub(super) number: Option<String>,
    pub(super) at_millis: Option<i64>,
}

/// A person wrote to one of our sessions.
pub(super) struct Inbound<'a> {
    /// Whether they want no more messages.
    pub(super) is_stop: bool,
    /// The bare id of their message, when it has one.
    pub(super) message_id: Option<String>,
    pub(super) session: &'a str,
    pub(super) writer: Writer,
}

impl<'a> Event<'a> {
    pub(super) fn read(envelope: &'a Value) -> Self {
        let event = match envelope["event"].as_str() {
            Some("message.ack") => ack(envelope, false).map(Self::Message),
            Some("message.ack.group") => ack(envelope, true).map(Self::Message),
            Some("message" | "message.any") => {
                echo(envelope).map(Self::Message).or_else(|| inbound(envelope).map(Self::Inbound))
            }
            Some("session.status") => session(envelope).map(Self::Session),
            Some(_) | None => None,
        };
        event.unwrap_or(Self::OfNoUse)
    }
}

impl AboutMessage<'_> {
    /// The message itself, when all of it is there.
    pub(super) fn echo(&self) -> Option<Echo<'_>> {
        let chat_id = self.id.chat_id.as_deref().or(self.to)?;
        Some(Echo { session: self.session?, chat_id, text: self.text?, at: self.at? })
    }
}

fn ack(envelope: &Value, is_of_a_group: bool) -> Option<AboutMessage<'_>> {
    let payload = &envelope["payload"];
    let ack = ack_in(payload)?;
    // That one member's phone cannot have it does not mean that the group did not get it.
    if ack == Ack::Error && (is_of_a_group || payload["participant"].is_string()) {
        return None;
    }
    let id = own_id(payload)?;
    Some(AboutMessage { id, ack: Some(ack), session: None, to: None, text: None, at: None })
}

fn echo(envelope: &Value) -> Option<AboutMessage<'_>> {
    let payload = &envelope["payload"];
    Some(AboutMessage {
        id: own_id(payload)?,
        ack: ack_in(payload),
        session: envelope["session"].as_str(),
        to: payload["to"].as_str(),
        text: payload["body"].as_str(),
        at: timestamp(&payload["timestamp"]),
    })
}

/// Where the names of a private chat are, its number and its hidden number (`@lid`): the chat itself,
/// and what stands beside it, on NOWEB and on GOWS.
const NAMES: [&str; 7] = [
    "/from",
    "/_data/key/remoteJidAlt",
    "/_data/key/senderPn",
    "/_data/key/senderLid",
    "/_data/Info/Chat",
    "/_data/Info/SenderAlt",
    "/_data/Info/Sender",
];
/// Where the engines put the name that the writer goes by.
const WRITERS: [&str; 6] = [
    "/_data/notifyName",
    "/_data/pushName",
    "/_data/Info/PushName",
    "/pushName",
    "/notifyName",
    "/_data/sender/pushname",
];
const WRITER_CHARS_MAX: usize = 100;

/// A message from one person, not from us.
fn inbound(envelope: &Value) -> Option<Inbound<'_>> {
    let payload = &envelope["payload"];
    let id = MessageId::find_in(payload);
    let words = [payload["fromMe"].as_bool(), id.as_ref().and_then(|id| id.from_me)];
    let from = payload["from"].as_str()?;
    let is_private = is_person(from) || from.ends_with("@lid");
    if words.contains(&Some(true)) || !words.contains(&Some(false)) || !is_private {
        return None;
    }
    let mut chats = NAMES.iter().filter_map(|pointer| payload.pointer(pointer)?.as_str());
    let lid = chats.clone().find_map(lid_of_chat);
    let digits = chats.find_map(number_of_chat).map(|number| number[1..].to_owned());
    if lid.is_none() && digits.is_none() {
        return None;
    }
    let name = WRITERS.iter().find_map(|at| payload.pointer(at)?.as_str().and_then(writer));
    Some(Inbound {
        is_stop: payload["body"].as_str().is_some_and(opt_out::is_stop),
        message_id: id.map(|id| id.bare),
        session: envelope["session"].as_str()?,
        writer: Writer { digits, lid, name },
    })
}

fn is_person(chat: &str) -> bool {
    chat.ends_with("@c.us") || chat.ends_with("@s.whatsapp.net")
}

fn writer(name: &str) -> Option<String> {
    let name: String = name.chars().filter(|c| !c.is_control()).take(WRITER_CHARS_MAX).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

fn session(envelope: &Value) -> Option<AboutSession<'_>> {
    let payload = &envelope["payload"];
    let session = envelope["session"].as_str().or_else(|| payload["name"].as_str())?;
    let status = payload["status"].as_str()?;
    // While STARTING, `me` is null or what it was before.
    let is_working = status == "WORKING";
    let me = envelope.pointer("/me/id").and_then(Value::as_str).filter(|_| is_working);
    let number = me.and_then(number_of_chat);
    Some(AboutSession { session, status, number, at_millis: envelope["timestamp"].as_i64() })
}

/// The id of a message that the session itself sent. Whoever gets a message knows its id, so one
/// that comes from somebody else says nothing of ours, whatever id it has.
fn own_id(payload: &Value) -> Option<MessageId> {
    let mut id = MessageId::find_in(payload)?;
    let words = [payload["fromMe"].as_bool(), id.from_me];
    if words.contains(&Some(false)) || !words.contains(&Some(true)) {
        return None;
    }
    id.chat_id = id.chat_id.map(|chat| chat.replace("@s.whatsapp.net", "@c.us"));
    Some(id)
}

fn ack_in(payload: &Value) -> Option<Ack> {
    payload["ack"].as_i64().and_then(Ack::from_number)
}

/// Seconds since 1970, as a number, as text, or as the two halves of a 64-bit number (NOWEB).
fn timestamp(value: &Value) -> Option<Timestamp> {
    let secs = match value {
        Value::Number(number) => number.as_i64()?,
        Value::String(text) => text.trim().parse().ok()?,
        Value::Object(halves) => {
            let low = halves.get("low")?.as_i64()? & 0xffff_ffff;
            halves.get("high")?.as_i64()?.checked_mul(1 << 32)?.checked_add(low)?
        }
        Value::Null | Value::Bool(_) | Value::Array(_) => return None,
    };
    Some(Timestamp::from_secs(secs))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_time_may_be_a_number_text_or_two_halves() {
        for (value, secs) in [
            (json!(1_795_343_769), Some(1_795_343_769)),
            (json!("1795343769"), Some(1_795_343_769)),
            (json!({"low": 1_795_343_769, "high": 0, "unsigned": true}), Some(1_795_343_769)),
            (json!({"low": -1, "high": 0}), Some(0xffff_ffff)),
            (json!({"low": 5}), None),
            (json!({"low": 0, "high": i64::MAX}), None),
            (json!([1]), None),
            (json!(null), None),
        ] {
            assert_eq!(timestamp(&value).map(Timestamp::secs), secs, "{value}");
        }
    }

    fn is_taken(envelope: &Value) -> bool {
        matches!(Event::read(envelope), Event::Message(_))
    }

    #[test]
    fn only_what_the_session_sent_itself_is_taken() {
        for (payload, taken) in [
            (json!({"id": "true_1@c.us_A", "fromMe": true, "ack": 2}), true),
            (json!({"id": "true_1@c.us_A", "ack": 2}), true),
            (json!({"id": "A", "fromMe": true, "ack": 2}), true),
            (json!({"id": "A", "ack": 2}), false),
            (json!({"id": "false_1@c.us_A", "fromMe": true, "ack": 2}), false),
            (json!({"id": "true_1@c.us_A", "fromMe": false, "ack": 2}), false),
            (json!({"id": "true_1@c.us_A", "fromMe": true, "ack": null}), false),
            (json!({"id": "true_1@c.us_A", "fromMe": true, "ack": 99}), false),
        ] {
            let envelope = json!({"event": "message.ack", "payload": payload});
            assert_eq!(is_taken(&envelope), taken, "{envelope}");
        }
    }

    #[test]
    fn an_error_of_one_member_is_not_the_groups() {
        let payload = json!({"id": "true_1@g.us_A_2@c.us", "fromMe": true, "ack": -1});
        assert!(!is_taken(&json!({"event": "message.ack.group", "payload": payload})));
        assert!(is_taken(&json!({"event": "message.ack", "payload": payload})));
    }

    #[test]
    fn nonsense_is_of_no_use_and_no_error() {
        for envelope in [
            json!({}),
            json!({"event": 7}),
            json!({"event": "message.ack"}),
            json!({"event": "message.any", "payload": []}),
            json!({"event": "message.any", "payload": {"id": {"id": 5}, "fromMe": true}}),
            json!({"event": "session.status", "payload": {"status": null}, "session": "x"}),
            json!({"event": "poll.vote", "payload": {"id": "true_1@c.us_A", "fromMe": true}}),
        ] {
            assert!(matches!(Event::read(&envelope), Event::OfNoUse), "{envelope}");
        }
    }
}
