//! What a reply of WAHA means. Pure.
//!
//! Only the fields that WAHA writes itself are read: the request that it echoes holds the text of
//! the message, and a text that speaks of "error 463" must not hold a channel.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{Existence, IdOffer, OtherName, Search, SessionLook, SessionState, Sighting, Typing};
use crate::clock::Timestamp;
use crate::delivery::{
    Ack, CapWarning, Hold, HoldKind, MessageId, Outcome, RetryAfter, is_bare_id,
};
use crate::http_client::Reply;
use crate::reason::{Reason, WahaWords};
use crate::recipient::{lid_of_chat, number_of_chat};

/// How much of WAHA's own words goes into a reason.
const WORDS_CHARS_MAX: usize = 120;

/// What `GET /api/sessions/{name}` says.
pub(super) fn session_state(reply: &Reply, session: &str) -> SessionState {
    let (body, name) = (Body::read(reply), session.to_owned());
    if reply.status != 200 {
        return SessionState::Held(hold(reply, &body, session));
    }
    // From 2026: a number may be locked or capped by WhatsApp while its session is WORKING.
    let is_locked = body.value.pointer("/me/reachoutTimelock/isActive") == Some(&Value::Bool(true));
    let capping = body.text("/me/messageCapping/cappingStatus");
    let is_capped = capping == Some("CAPPED");
    SessionState::Held(match body.text("/status") {
        None => Hold::new(HoldKind::Misconfigured, Reason::SessionWithoutStatus { session: name }),
        Some("WORKING") if is_locked => {
            Hold::new(HoldKind::Session, Reason::NumberLocked { session: name })
        }
        Some("WORKING") if is_capped => {
            Hold::new(HoldKind::Session, Reason::NumberCapped { session: name })
        }
        Some("WORKING") => {
            let number = body.text("/me/id").and_then(number_of_chat);
            let warning = capping.and_then(CapWarning::from_word);
            return SessionState::Working { number, warning };
        }
        Some(status) => Hold::not_working(session, status),
    })
}

/// The same for people: WAHA's own word, and what is wrong.
pub(super) fn session_look(reply: &Reply, state: SessionState) -> SessionLook {
    let word = Body::read(reply).text("/status").map(|word| word.chars().take(40).collect());
    let (number, trouble) = match state {
        SessionState::Working { number, .. } => (number, None),
        SessionState::Held(hold) => (None, Some(hold.reason)),
    };
    SessionLook {
        is_reachable: true,
        status: word.filter(|_| reply.status == 200),
        trouble,
        number,
    }
}

/// What `GET /api/{session}/auth/qr` says: the picture itself, or in JSON as base64.
pub(super) fn session_code(reply: &Reply) -> Option<Vec<u8>> {
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
    if reply.status != 200 || !reply.is_whole {
        return None;
    }
    let body = if reply.body.starts_with(PNG) {
        reply.body.clone()
    } else {
        STANDARD.decode(Body::read(reply).text("/data")?).ok()?
    };
    body.starts_with(PNG).then_some(body)
}

/// Why a session was not made, started or restarted.
pub(super) fn session_refused(reply: &Reply, session: &str) -> Hold {
    hold(reply, &Body::read(reply), session)
}

/// What `POST /api/startTyping` says. Only trouble with the session is the channel's trouble.
pub(super) fn typing(reply: &Reply, session: &str) -> Typing {
    let body = Body::read(reply);
    match reply.status {
        200..300 => Typing::Shown,
        404 | 422 if body.is_about_a_session() => Typing::Held(hold(reply, &body, session)),
        _ => Typing::NotShown,
    }
}

/// What `GET /api/{session}/new-message-id` says. WAHA before 2026.4.3 has no such route.
pub(super) fn id_offer(reply: &Reply, session: &str) -> IdOffer {
    let body = Body::read(reply);
    match reply.status {
        200..300 => match body.text("/id").filter(|id| is_bare_id(id) && !id.contains('_')) {
            Some(id) => IdOffer::Reserved(id.to_owned()),
            None => IdOffer::None,
        },
        404 | 422 if !body.is_about_a_session() => IdOffer::None,
        501 => IdOffer::None,
        500..=599 | 408 => IdOffer::NotNow,
        _ => IdOffer::Held(hold(reply, &body, session)),
    }
}

/// What `GET /api/contacts/check-exists` says.
pub(super) fn existence(reply: &Reply, session: &str) -> Existence {
    let body = Body::read(reply);
    let chat_id = || {
        let chat_id = body.text("/chatId")?;
        let number = number_of_chat(chat_id).map(|number| format!("{}@c.us", &number[1..]));
        number.or_else(|| lid_of_chat(chat_id))
    };
    match (reply.status, body.value["numberExists"].as_bool()) {
        (200, Some(true)) => Existence::There { chat_id: chat_id() },
        (200, Some(false)) => Existence::NotThere,
        (400.., _) if body.speaks_of_restriction() => {
            Existence::Held(Hold::new(HoldKind::Restricted, Reason::Restricted))
        }
        (422 | 404, _) if body.is_about_a_session() => Existence::Held(hold(reply, &body, session)),
        // It may be about this one number: the channel's others go on.
        (200..300 | 400 | 404 | 408 | 413 | 422 | 500 | 501, _) => {
            Existence::Untold(answered(reply, &body))
        }
        _ => Existence::Held(hold(reply, &body, session)),
    }
}

/// What `GET /api/{session}/lids/…` says: the name at `pointer`. WAHA before 2025 has no such route.
pub(super) fn other_name(reply: &Reply, pointer: &str) -> OtherName {
    let body = Body::read(reply);
    match reply.status {
        200 => {
            let name = body.text(pointer).and_then(|name| match number_of_chat(name) {
                Some(number) => Some(number[1..].to_owned()),
                None => lid_of_chat(name),
            });
            name.filter(|name| name.ends_with("@lid") == (pointer == "/lid"))
                .map_or(OtherName::NotKnown, OtherName::Known)
        }
        404 if !body.is_about_a_session() => OtherName::NotKnown,
        _ => OtherName::NotNow(answered(reply, &body).to_string()),
    }
}

/// What `GET …/messages/{id}` says. 404 is "not there", unless it speaks of the session.
pub(super) fn one_sighting(reply: &Reply) -> Search {
    let body = Body::read(reply);
    match reply.status {
        200 if body.is_known() => Search::Done(sighting(&body.value).into_iter().collect()),
        404 if !body.is_about_a_session() => Search::Done(Vec::new()),
        _ => untold(reply, &body),
    }
}

/// What `GET …/messages` says. Filters are applied again; a list as long as the limit may hide some.
pub(super) fn sightings(reply: &Reply, limit: usize, from: Timestamp, until: Timestamp) -> Search {
    let body = Body::read(reply);
    match (reply.status, body.value.as_array()) {
        (200, Some(items)) if items.len() < limit => {
            let is_in_window = |item: &&Value| {
                seconds(&item["timestamp"])
                    .is_none_or(|at| (from.secs()..=until.secs()).contains(&at))
            };
            Search::Done(items.iter().filter(is_in_window).filter_map(sighting).collect())
        }
        (200, Some(_)) => Search::Refused(Reason::LookUpCut { limit: limit as u64 }),
        _ => untold(reply, &body),
    }
}

/// A proxy that has no WAHA behind it is as good as no answer.
fn untold(reply: &Reply, body: &Body) -> Search {
    let status = reply.status.into();
    match reply.status {
        502..=504 => Search::Away(Reason::LookUpAtAProxy { status }),
        200 => Search::Refused(Reason::LookUpUnclear),
        _ => Search::Refused(Reason::LookUpRefused { status, words: body.short_words() }),
    }
}

fn sighting(item: &Value) -> Option<Sighting> {
    let body = Body { value: item.clone() };
    let is_ours = item["fromMe"].as_bool().or_else(|| item.pointer("/id/fromMe")?.as_bool());
    if is_ours != Some(true) {
        return None;
    }
    Some(Sighting {
        id: body.message_id()?,
        text: body.text("/body").map(str::to_owned),
        has_media: item["hasMedia"].as_bool(),
        ack: item["ack"].as_i64(),
    })
}

/// A time in seconds: a number, or a 64-bit integer in the shape of JavaScript's `Long`.
fn seconds(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value["low"].as_i64())
}

/// The hold that a reply asks for which neither accepts nor refuses a message.
pub(super) fn hold(reply: &Reply, body: &Body, session: &str) -> Hold {
    let (status, session_name) = (u64::from(reply.status), session.to_owned());
    let (kind, reason) = match reply.status {
        429 => (HoldKind::RateLimited, Reason::TooManyRequests),
        401 => (HoldKind::Misconfigured, Reason::KeyRefused),
        403 => (HoldKind::Misconfigured, Reason::KeyWithoutRight),
        300..=399 => (HoldKind::Misconfigured, Reason::Redirected { status }),
        422 | 404 if body.is_about_a_session() => match body.text("/status") {
            Some(status) => return Hold::not_working(session, status),
            None if body.words().any(|words| words.contains("support only 'default' session")) => {
                (HoldKind::Session, Reason::OnlyDefaultSession { session: session_name })
            }
            None => {
                let words = body.short_words();
                (HoldKind::Session, Reason::SessionMissing { session: session_name, words })
            }
        },
        422 => (HoldKind::Session, Reason::Unreadable422),
        404 => (HoldKind::Misconfigured, Reason::NotFound),
        408 | 500..=599 => {
            (HoldKind::Unreachable, Reason::ServerError { status, session: session_name })
        }
        _ => (HoldKind::Misconfigured, Reason::WrongServer { status }),
    };
    let asked = reply.retry_after.as_deref().filter(|_| kind == HoldKind::RateLimited);
    Hold { retry_after: asked.and_then(retry_after), ..Hold::new(kind, reason) }
}

pub(super) fn not_offered(body: &Body) -> Outcome {
    Outcome::NotOffered { reason: Reason::NotOffered { words: body.short_words() } }
}

pub(super) fn refused(status: u64, body: &Body) -> Reason {
    Reason::RefusedByWaha { status, words: body.short_words() }
}

pub(super) fn answered(reply: &Reply, body: &Body) -> Reason {
    Reason::AnswerUnclear { status: reply.status.into(), words: body.short_words() }
}

/// The header of a 429: seconds or an HTTP date.
fn retry_after(text: &str) -> Option<RetryAfter> {
    let text = text.trim();
    match text.parse() {
        Ok(secs) => Some(RetryAfter::Seconds(secs)),
        Err(_) => Timestamp::parse_http(text).map(RetryAfter::At),
    }
}

pub(super) struct Body {
    value: Value,
}

impl Body {
    /// Garbage, HTML and cut bodies become `Null`.
    pub(super) fn read(reply: &Reply) -> Self {
        let value = if reply.is_whole { serde_json::from_slice(&reply.body).ok() } else { None };
        Self { value: value.unwrap_or(Value::Null) }
    }

    pub(super) fn is_known(&self) -> bool {
        self.value.is_object()
    }

    fn text(&self, pointer: &str) -> Option<&str> {
        self.value.pointer(pointer).and_then(Value::as_str)
    }

    /// The bare id of the message that was sent.
    pub(super) fn message_id(&self) -> Option<String> {
        MessageId::find_in(&self.value).map(|id| id.bare)
    }

    /// WAHA's own words: Nest's `message`, the custom `error`, or the exception's message.
    fn words(&self) -> impl Iterator<Item = &str> {
        ["/exception/message", "/message", "/error"].into_iter().filter_map(|at| self.text(at))
    }

    /// The first of WAHA's words, shortened; empty when it has none.
    fn short_words(&self) -> WahaWords {
        let words = self.words().next().unwrap_or_default();
        WahaWords(words.chars().filter(|c| !c.is_control()).take(WORDS_CHARS_MAX).collect())
    }

    /// Session trouble: `status` with `expected`, or words about a session. Nothing was sent then.
    pub(super) fn is_about_a_session(&self) -> bool {
        let has_state = self.value.get("status").is_some_and(Value::is_string)
            && self.value.get("expected").is_some();
        // "Cannot GET /api/…": no route of this version; the path may have the session's name in it.
        let is_about = |words: &str| {
            !words.starts_with("Cannot ") && words.to_ascii_lowercase().contains("session")
        };
        has_state || self.words().any(is_about)
    }

    pub(super) fn speaks_of_restriction(&self) -> bool {
        self.speaks(|text| text.contains("error 463"))
    }

    /// GOWS looks for the number's hidden id before it sends; without one nothing is sent.
    pub(super) fn speaks_of_no_lid(&self) -> bool {
        self.speaks(|text| {
            text.split_once("no lid found for ")
                .is_some_and(|(_, rest)| rest.contains(" from server"))
        })
    }

    /// The tier or the engine has no such feature; said before anything else is looked at.
    pub(super) fn speaks_of_a_missing_feature(&self) -> bool {
        self.speaks(|text| text.contains("only in plus") || text.contains("not implemented by"))
    }

    /// A message that WAHA accepted and WhatsApp did not: `ack` -1, or NOWEB's own word for it.
    pub(super) fn says_refused(&self) -> bool {
        self.value["ack"].as_i64() == Some(Ack::Error.number())
            || self.text("/status") == Some("ERROR")
    }

    /// Whether WAHA's own words or details, in lower case, have something in them.
    fn speaks(&self, of: impl Fn(&str) -> bool) -> bool {
        let details = ["/exception/details", "/details"]
            .into_iter()
            .filter_map(|at| self.value.pointer(at))
            .map(ToString::to_string);
        details.chain(self.words().map(str::to_owned)).any(|text| of(&text.to_ascii_lowercase()))
    }
}

#[cfg(test)]
mod tests;
