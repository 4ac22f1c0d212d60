//! What WAHA tells us: acks, our own messages as it gives them back, who wants no more of them, and
//! how its sessions are.
//! `event` reads it.
//!
//! Nothing of a body is looked at before its HMAC is right, and no body is ever logged. An event
//! that is answered with 200 has been stored, or is of no use; with anything else WAHA repeats it.

mod event;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha512;
use subtle::ConstantTimeEq as _;

use super::lean;
use crate::clock::{Now, Timestamp, lock};
use crate::config::{Config, Secret};
use crate::contacts::opt_out;
use crate::delivery::{Counts, Hold, HoldKind, Verdict};
use crate::http::quota::{LINES_PER_MINUTE, Quota};
use crate::http::{Request, Response, refuse};
use crate::logging::in_one_line;
use crate::reason::Reason;
use crate::recipient::mask_numbers;
use crate::secret::to_hex;
use crate::send_window::Day;
use crate::store::{
    Channel, MessageEvent, SessionEvent, Store, StoreError, Taken, Trigger, Unsigned,
};
use crate::trigger::Triggers;

use event::{AboutMessage, AboutSession, Event, Inbound};

pub const BODY_BYTES_MAX: usize = 1024 * 1024;
const HMAC: &str = "X-Webhook-Hmac";
/// Hex digits of an HMAC-SHA512.
const HMAC_DIGITS: usize = 128;
/// Longer event ids are not believed to be ids.
const EVENT_ID_CHARS_MAX: usize = 200;
/// That events come, and that they are refused, is noted at most this often: a stranger must not make
/// the disk work.
const NOTED_EVERY: Duration = Duration::from_mins(1);
/// How many hex digits of its HMAC name an event without an id.
const NAME_CHARS: usize = 64;

/// The route `/api/waha-webhook`, with a connection of its own: an event must not wait for a
/// trigger, nor a trigger for an event.
pub struct Webhook {
    store: Mutex<Store>,
    key: Secret,
    config: Arc<Config>,
    refusal_lines: Quota,
    noted: Mutex<Noted>,
}

/// What `doctor` will be told of events, as far as it is noted.
#[derive(Default)]
struct Noted {
    taken_at: Option<Duration>,
    refused_at: Option<Duration>,
    refused: u64,
}

/// What an answer says of an event.
#[derive(Clone, Copy)]
enum Heard {
    Taken,
    Repeated,
    OfNoUse,
}

type Answered = Result<Heard, StoreError>;

impl Webhook {
    pub fn new(store: Store, key: Secret, config: Arc<Config>) -> Self {
        let refusal_lines = Quota::per_minute(LINES_PER_MINUTE);
        Self { store: Mutex::new(store), key, config, refusal_lines, noted: Mutex::default() }
    }

    /// Takes an event. Its body is read only when it is signed and no larger than it may be.
    pub(super) fn take(&self, request: &mut Request, now: Now, triggers: &Triggers) -> Response {
        let Now { wall: now, monotonic } = now;
        let Some(signature) = signature(request) else {
            return self.unsigned(request, now, monotonic);
        };
        if request.length() > BODY_BYTES_MAX {
            return refuse(413, "the body is larger than 1 MiB");
        }
        if let Err(refusal) = request.read_body() {
            return refusal;
        }
        if !self.is_signed(&request.body, &signature) {
            return self.unsigned(request, now, monotonic);
        }
        self.note_taken(now, monotonic);
        let Some(envelope) = lean::read(&request.body).filter(Value::is_object) else {
            return refuse(400, "the body must be a JSON object");
        };
        let id = event_id(&envelope, request);
        let heard = match Event::read(&envelope) {
            Event::Message(message) => {
                let named_by_body = || name_by_body(request);
                let id = id.map_or_else(named_by_body, str::to_owned);
                self.take_message(&message, &id, now, triggers)
            }
            Event::Session(session) => self.take_session(&session, id, now, triggers),
            Event::Inbound(inbound) if inbound.is_stop => self.take_stop(&inbound, now, triggers),
            Event::Inbound(inbound) => self.note_inbound(&inbound, now),
            Event::OfNoUse => Ok(Heard::OfNoUse),
        };
        match heard {
            Ok(heard) => heard.response(),
            Err(error) => {
                log::error!("http: an event could not be stored: {}", in_one_line(&error));
                refuse(503, "the event could not be stored: send it again")
            }
        }
    }

    fn unsigned(&self, request: &Request, now: Timestamp, monotonic: Duration) -> Response {
        let remote = request.remote().unwrap_or("an unknown address".to_owned());
        self.note_refused(request.header(HMAC), now, monotonic);
        self.refusal_lines.log(monotonic, || {
            log::warn!("http: refused an event from {remote}: no HMAC or a wrong one");
        });
        refuse(401, "sign the body with HMAC-SHA512 and the key in WEBHOOK_HMAC_KEY")
    }

    /// What cannot be noted now is noted with a later event.
    fn note_taken(&self, now: Timestamp, monotonic: Duration) {
        let is_noted = |noted: &Noted| is_recent(noted.taken_at, monotonic);
        if !is_noted(&lock(&self.noted))
            && lock(&self.store).write(|tx| tx.note_event_taken(now)).is_ok()
        {
            lock(&self.noted).taken_at = Some(monotonic);
        }
    }

    fn note_refused(&self, hmac: Option<&str>, now: Timestamp, monotonic: Duration) {
        let why = if hmac.is_none() { Unsigned::NoHmac } else { Unsigned::WrongHmac };
        let count = {
            let mut noted = lock(&self.noted);
            noted.refused += 1;
            if is_recent(noted.refused_at, monotonic) {
                return;
            }
            noted.refused_at = Some(monotonic);
            std::mem::take(&mut noted.refused)
        };
        let written = lock(&self.store).write(|tx| tx.note_events_refused(count, why, now));
        if written.is_err() {
            lock(&self.noted).refused += count;
        }
    }

    /// Compares in a time that does not depend on where the two differ.
    fn is_signed(&self, body: &[u8], signature: &str) -> bool {
        let Ok(mut mac) = Hmac::<Sha512>::new_from_slice(self.key.reveal().as_bytes()) else {
            return false; // HMAC takes keys of any length
        };
        mac.update(body);
        to_hex(&mac.finalize().into_bytes()).as_bytes().ct_eq(signature.as_bytes()).into()
    }

    fn take_message(
        &self,
        event: &AboutMessage<'_>,
        event_id: &str,
        now: Timestamp,
        triggers: &Triggers,
    ) -> Answered {
        let message = &event.id;
        let event = MessageEvent { event_id, message, ack: event.ack, echo: event.echo() };
        let mut store = lock(&self.store);
        // An event follows the claim of its delivery, and the claim was committed before the
        // request: what is nobody's now stays so, and costs no write.
        if !store.read(|tx| tx.may_be_ours(message))? {
            return Ok(Heard::OfNoUse);
        }
        let (taken, settled) = store.write(|tx| {
            let taken = tx.take_message_event(&event, now)?;
            // What was unknown may have been all that its message waited for.
            let settled = match &taken {
                Taken::Weighed { occurrence: (id, due_at), status: Some(_), .. } => {
                    tx.settle_if_done(*id, *due_at, Counts::default(), &self.config.zone, now)?
                }
                Taken::Weighed { .. } | Taken::Repeated | Taken::Kept => None,
            };
            Ok((taken, settled))
        })?;
        drop(store);
        match taken {
            Taken::Repeated => return Ok(Heard::Repeated),
            Taken::Kept => {}
            Taken::Weighed { delivery_id, status, corrected, .. } => {
                if let Some(status) = status {
                    let word = status.as_str();
                    log::info!("delivery {delivery_id}: {word}, as an event from WAHA proves");
                }
                if let Some((id, verdict)) = corrected {
                    log_corrected(id, &verdict);
                }
            }
        }
        triggers.note_settled(&settled);
        Ok(Heard::Taken)
    }

    /// Somebody wrote: that they know us is worth knowing, what they wrote is not kept.
    fn note_inbound(&self, inbound: &Inbound<'_>, now: Timestamp) -> Answered {
        let mut store = lock(&self.store);
        let news = store.read(|tx| {
            let Some(chat_id) = opt_out::chat_of(tx, &inbound.writer)? else { return Ok(None) };
            let is_news = tx.is_session_of_ours(inbound.session)?
                && !tx.wrote_lately(&chat_id, inbound.session, now)?;
            Ok(is_news.then_some(chat_id))
        })?;
        let Some(chat_id) = news else { return Ok(Heard::OfNoUse) };
        let day = Day::of(&self.config.zone, now);
        store.write(|tx| tx.note_inbound(&chat_id, inbound.session, day, now))?;
        Ok(Heard::Taken)
    }

    /// Somebody wants no more messages. One message is taken once, in whatever events it comes: an
    /// opt-out that was taken back meanwhile must not come back with a repeat.
    fn take_stop(&self, stop: &Inbound<'_>, now: Timestamp, triggers: &Triggers) -> Answered {
        let mut store = lock(&self.store);
        let opted_out = store.write(|tx| {
            if !tx.is_session_of_ours(stop.session)? {
                return Ok(Err(Heard::OfNoUse));
            }
            if let Some(id) = &stop.message_id
                && !tx.note_incoming(id, now)?
            {
                return Ok(Err(Heard::Repeated));
            }
            if let Some(chat_id) = opt_out::chat_of(tx, &stop.writer)? {
                tx.note_inbound(&chat_id, stop.session, Day::of(&self.config.zone, now), now)?;
            }
            opt_out::record_stop(tx, &stop.writer, stop.session, &self.config, now).map(Ok)
        })?;
        drop(store);
        match opted_out {
            Ok(opted_out) => {
                opted_out.tell(triggers);
                Ok(Heard::Taken)
            }
            Err(heard) => Ok(heard),
        }
    }

    fn take_session(
        &self,
        event: &AboutSession<'_>,
        event_id: Option<&str>,
        now: Timestamp,
        triggers: &Triggers,
    ) -> Answered {
        let AboutSession { session, status, ref number, at_millis } = *event;
        let is_working = status == "WORKING";
        let event = SessionEvent { event_id, session, is_working, at_millis };
        let mut store = lock(&self.store);
        let change = store.write(|tx| {
            let Some(channel) = tx.take_session_event(&event, now)? else { return Ok(None) };
            let number = number.as_deref();
            let hold = if is_working {
                number.and_then(|number| channel.hold_for_number(session, number))
            } else {
                Some(Hold::not_working(session, status))
            };
            if let (None, Some(number)) = (&hold, number) {
                tx.adopt_number(channel.id, number)?;
            }
            match hold {
                None if is_ended_by_working(&channel) => {
                    Ok(tx.free_channel(channel.id, now)?.then_some(Change::Freed(channel.id)))
                }
                Some(hold) if may_replace(&channel, &hold, now) => {
                    let until = hold.until(now, channel.held_count, fastrand::f64());
                    let broke = tx.hold_channel(channel.id, &hold, until, now)?;
                    let until = until.filter(|_| broke.is_none());
                    if let (HoldKind::OtherNumber, Some(number)) = (hold.kind, number) {
                        tx.note_other_number(channel.id, number)?;
                    }
                    Ok(Some(Change::Held(channel.id, broke.unwrap_or(hold.reason), until)))
                }
                None | Some(_) => Ok(None),
            }
        })?;
        drop(store);
        match change {
            Some(Change::Freed(id)) => {
                log::info!("channel {id}: free again");
                // What waits on it goes on at once; a tick that finds nothing leaves no row.
                triggers.pull(Trigger::Timer, None);
            }
            Some(Change::Held(id, why, Some(until))) => {
                log::warn!("channel {id}: held until {until}: {}", mask_numbers(&why.to_string()));
            }
            Some(Change::Held(id, why, None)) => {
                log::error!(
                    "channel {id}: held until a person frees it: {}",
                    mask_numbers(&why.to_string())
                );
            }
            None => {}
        }
        Ok(Heard::Taken)
    }
}

enum Change {
    Freed(i64),
    /// Why, and until when.
    Held(i64, Reason, Option<Timestamp>),
}

impl Heard {
    fn response(self) -> Response {
        let message = match self {
            Self::Taken => "taken",
            Self::Repeated => "taken before",
            Self::OfNoUse => "of no use here",
        };
        let body = json!({"error": false, "message": message});
        Response::json(200, &body)
    }
}

fn is_recent(noted_at: Option<Duration>, now: Duration) -> bool {
    noted_at.is_some_and(|at| now.saturating_sub(at) < NOTED_EVERY)
}

/// Not a person's hold, nor one that lasts its time.
fn is_ended_by_working(channel: &Channel) -> bool {
    let kind = channel.held.as_ref().and_then(|held| held.kind);
    kind.is_some_and(|kind| !kind.lasts_its_time() && !kind.is_freed_by_a_person())
}

/// A hold that lasts its time must not become one that ends with WORKING; and the same hold again
/// is no news. That the number is another one counts more than what WAHA said of the one before.
fn may_replace(channel: &Channel, hold: &Hold, now: Timestamp) -> bool {
    let Some(before) = &channel.held else { return true };
    if hold.kind.is_freed_by_a_person() {
        return before.kind.is_some() && before.reason != hold.reason;
    }
    let is_same = before.kind == Some(hold.kind)
        && before.reason == hold.reason
        && before.until.is_some_and(|until| until > now);
    is_ended_by_working(channel) && !is_same
}

fn log_corrected(id: i64, verdict: &Verdict) {
    match verdict {
        Verdict::Sent => log::info!("message {id}: sent after all"),
        Verdict::Failed { error } => {
            log::warn!("message {id}: failed after all: {}", mask_numbers(&error.to_string()));
        }
    }
}

/// The HMAC in the headers, if it has the right form: as we write it.
fn signature(request: &Request) -> Option<String> {
    let algorithm = request.header("X-Webhook-Hmac-Algorithm");
    let is_known = algorithm.is_none_or(|name| name.trim().eq_ignore_ascii_case("sha512"));
    let hex = request.header(HMAC).filter(|_| is_known)?.trim().to_ascii_lowercase();
    let is_hex = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hex && hex.len() == HMAC_DIGITS).then_some(hex)
}

/// The id of an event: the envelope's, else its request's (2024.10.8 has none in the envelope).
fn event_id<'a>(envelope: &'a Value, request: &'a Request) -> Option<&'a str> {
    let is_id = |id: &&str| !id.is_empty() && id.len() <= EVENT_ID_CHARS_MAX;
    let own = envelope["id"].as_str().filter(is_id);
    own.or_else(|| request.header("X-Webhook-Request-Id").filter(is_id))
}

/// A name for an event without an id: its HMAC is a hash of its body that nobody else can make.
fn name_by_body(request: &Request) -> String {
    let hex = request.header(HMAC).unwrap_or_default().trim();
    format!("hmac:{}", hex.chars().take(NAME_CHARS).collect::<String>().to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
