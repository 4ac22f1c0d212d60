//! WAHA's events: the tables `webhook_events` and `webhook_sessions`, and what events do to
//! deliveries and channels. The rules are in `delivery::weigh`; here they meet the rows.

use std::time::Duration;

use rusqlite::Row;

use super::{Channel, Delivery, SqlResult, Tx, lossy, params, text};
use crate::clock::Timestamp;
use crate::content::Content;
use crate::delivery::{Ack, MessageId, Status, Verdict, weigh};
use crate::reason::Reason;
use crate::template::is_same_text;
use crate::text_enum::text_enum;

/// How long events are kept: far longer than WAHA repeats one.
const EVENTS_KEPT: Duration = Duration::from_hours(168);
/// How much earlier than its claim, and how much later, our own message may say that it was sent:
/// the clocks of two machines, and the slowest engine.
const ECHO_EARLY: Duration = Duration::from_mins(2);
const ECHO_LATE: Duration = Duration::from_mins(10);
/// How long the newest word of a session outranks an older one. WAHA repeats for half a minute;
/// without an end, a clock of WAHA's that once ran ahead would silence the session.
const SESSION_WORD_RANKS: Duration = Duration::from_mins(10);

const TAKEN_AT: &str = "events_taken_at";
const REFUSED: &str = "events_refused";
const REFUSED_AT: &str = "events_refused_at";
const REFUSED_WHY: &str = "events_refused_why";
/// WAHA tells of a message within seconds.
const EVENT_WITHIN: Duration = Duration::from_mins(15);
/// An event may be newer than it is noted, by the minute in which none is noted again.
const NOTED_WITHIN: Duration = Duration::from_mins(2);

/// An event about one message that a session of ours sent.
#[derive(Clone, Debug)]
pub struct MessageEvent<'a> {
    pub event_id: &'a str,
    pub message: &'a MessageId,
    /// How far the message got, when the event says so.
    pub ack: Option<Ack>,
    /// The message itself, when the event has it.
    pub echo: Option<Echo<'a>>,
}

/// Our own message as WAHA gives it back. For deliveries on engines that offer no ids.
#[derive(Clone, Copy, Debug)]
pub struct Echo<'a> {
    pub session: &'a str,
    pub chat_id: &'a str,
    pub text: &'a str,
    /// When it was sent, by WAHA's clock.
    pub at: Timestamp,
}

/// What an event about a message came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    Repeated,
    /// It is about no delivery, or about none yet.
    Kept,
    /// A delivery has what it says.
    Weighed {
        delivery_id: i64,
        /// Its message and its occurrence.
        occurrence: (i64, Timestamp),
        /// Its new status, when it changed.
        status: Option<Status>,
        /// Its message, and how it ended after all, when that changed.
        corrected: Option<(i64, Verdict)>,
    },
}

text_enum! {
    /// Why an event was refused at the door.
    pub enum Unsigned {
        NoHmac = "no_hmac",
        WrongHmac = "wrong_hmac",
    }
}

/// What came of WAHA's events at the door.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventsHeard {
    /// When the newest one was taken, to the minute.
    pub taken_at: Option<Timestamp>,
    /// How many were refused, but for those of the minute before a program was killed.
    pub refused: u64,
    /// When the newest one was refused, and why.
    pub refusal: Option<(Timestamp, Unsigned)>,
    /// Whether messages went out after `taken_at` that should have brought an event by now.
    pub is_overdue: bool,
}

/// A session's word about itself.
#[derive(Clone, Copy, Debug)]
pub struct SessionEvent<'a> {
    /// The event's own id, when it has one.
    pub event_id: Option<&'a str>,
    pub session: &'a str,
    pub is_working: bool,
    /// When, by WAHA's clock, in milliseconds since 1970; 2024.10.8 does not say.
    pub at_millis: Option<i64>,
}

const MAY_BE_OURS: &str = "SELECT
    EXISTS (SELECT 1 FROM deliveries WHERE waha_message_id = :waha_message_id)
    OR EXISTS (SELECT 1 FROM deliveries WHERE status = 'sending')
    OR EXISTS (SELECT 1 FROM deliveries
        WHERE waha_message_id IS NULL AND status IN ('sending', 'unknown'))";

const LIKE_ECHO: &str = "SELECT id, text, content FROM deliveries
    WHERE waha_message_id IS NULL AND status IN ('sending', 'unknown')
        AND chat_id IN (:chat_id, (SELECT n.chat_id FROM numbers n WHERE n.checked_chat_id = :chat_id))
        AND claimed_at BETWEEN :earliest AND :latest
        AND channel_id = (SELECT id FROM channels
            WHERE trim(session_name) = :session AND trim(session_name) <> '')";

const ACKS_OF: &str = "SELECT DISTINCT ack FROM webhook_events
    WHERE waha_message_id = :waha_message_id";

const NOTE_EVENT: &str = "INSERT INTO webhook_events (id, waha_message_id, ack, received_at)
    VALUES (:id, :waha_message_id, :ack, :now) ON CONFLICT (id) DO NOTHING";

const DROP_OLD: &str = "DELETE FROM webhook_events WHERE id IN
    (SELECT id FROM webhook_events WHERE received_at < :before ORDER BY received_at LIMIT 1000)";

impl Tx<'_> {
    /// Whether an event about this message could matter to a delivery: one has its id, or one has
    /// no answer yet and may get this id. Events about other people's messages leave no row.
    pub fn may_be_ours(&self, message: &MessageId) -> SqlResult<bool> {
        self.query_value(MAY_BE_OURS, params! { ":waha_message_id": message.bare })
    }

    /// Takes an event about a message: notes it, and moves what it proves.
    pub fn take_message_event(&self, event: &MessageEvent<'_>, now: Timestamp) -> SqlResult<Taken> {
        if !self.note_event(event.event_id, Some((&event.message.bare, event.ack)), now)? {
            return Ok(Taken::Repeated);
        }
        let delivery = match &self.deliveries_with_id(&event.message.bare)?[..] {
            [] => None,
            [delivery] => Some(delivery.clone()),
            _ => return Ok(Taken::Kept), // whose it is cannot be known
        };
        if let Some(delivery) = delivery {
            let to = self.move_by(&delivery, event.ack, now)?;
            return self.taken(&delivery, to, now);
        }
        let Some(echo) = event.echo else { return Ok(Taken::Kept) };
        let Some(id) = self.adopt(&echo, &event.message.bare)? else { return Ok(Taken::Kept) };
        let Some(adopted) = self.delivery(id)? else { return Ok(Taken::Kept) };
        // Acks may have come before the echo that says whose they are.
        let to = self.weigh_kept_events(id, now)?;
        self.taken(&adopted, to, now)
    }

    /// Weighs the events that overtook the outcome of a delivery that has just become `sent` or
    /// `unknown`. Returns its new status, when it changed. The counts are left to the caller.
    pub(crate) fn weigh_kept_events(
        &self,
        delivery_id: i64,
        now: Timestamp,
    ) -> SqlResult<Option<Status>> {
        let sql = "SELECT waha_message_id FROM deliveries WHERE id = :id";
        let read = |row: &Row<'_>| lossy(row, "waha_message_id");
        let id = self.query_optional(sql, params! { ":id": delivery_id }, read)?.flatten();
        let Some(waha_message_id) = id else { return Ok(None) };
        // Nearly always there are none, and the row need not be read.
        let Some(highest) = self.kept_acks(&waha_message_id)?.into_iter().max() else {
            return Ok(None);
        };
        let Some(delivery) = self.delivery(delivery_id)? else { return Ok(None) };
        self.move_by(&delivery, highest, now)
    }

    /// Takes a session's word. Returns its channel when the word is news and to be believed.
    pub fn take_session_event(
        &self,
        event: &SessionEvent<'_>,
        now: Timestamp,
    ) -> SqlResult<Option<Channel>> {
        // The second condition lets the index be used.
        let sql = "SELECT id FROM channels
                   WHERE trim(session_name) = :session AND trim(session_name) <> ''";
        let id: Option<i64> = self.query_maybe(sql, params! { event.{ session } })?;
        let Some(id) = id else { return Ok(None) };
        // Without ids, the same word at two times is the same body: each counts.
        if let Some(event_id) = event.event_id
            && !self.note_event(event_id, None, now)?
        {
            return Ok(None);
        }
        if self.is_overtaken(event, now)? {
            return Ok(None);
        }
        if event.is_working {
            self.forget_missing_ticks(id)?;
        }
        self.channel(id)
    }

    pub fn is_session_of_ours(&self, session: &str) -> SqlResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM channels
                       WHERE trim(session_name) = :session AND trim(session_name) <> '')";
        self.query_value(sql, params! { session })
    }

    /// Notes a message that somebody sent us, by its id. Returns whether it is new.
    pub fn note_incoming(&self, message_id: &str, now: Timestamp) -> SqlResult<bool> {
        self.note_event(&format!("in:{message_id}"), None, now)
    }

    /// Whether the session has said something newer. Two words of the same millisecond: the one that
    /// is not WORKING is believed, because a hold is looked at and a send is not taken back.
    fn is_overtaken(&self, event: &SessionEvent<'_>, now: Timestamp) -> SqlResult<bool> {
        let Some(at_millis) = event.at_millis else { return Ok(false) };
        let sql = "INSERT INTO webhook_sessions (session_name, event_at, is_working, received_at)
                   VALUES (:session, :event_at, :is_working, :now)
                   ON CONFLICT (session_name) DO UPDATE SET event_at = excluded.event_at,
                       is_working = excluded.is_working, received_at = excluded.received_at
                   WHERE received_at < :forgotten OR received_at > excluded.received_at
                       OR (event_at, -is_working) <= (excluded.event_at, -excluded.is_working)";
        let params = params! {
            now, event.{ session, is_working },
            ":event_at": at_millis,
            ":forgotten": now.minus(SESSION_WORD_RANKS),
        };
        Ok(self.change_rows(sql, params)? == 0)
    }

    /// Returns whether the event is new.
    fn note_event(
        &self,
        event_id: &str,
        about: Option<(&str, Option<Ack>)>,
        now: Timestamp,
    ) -> SqlResult<bool> {
        self.change_rows(DROP_OLD, params! { ":before": now.minus(EVENTS_KEPT) })?;
        let params = params! {
            now,
            ":id": event_id,
            ":waha_message_id": about.map(|(id, _)| id),
            ":ack": about.and_then(|(_, ack)| ack),
        };
        self.change(NOTE_EVENT, params)
    }

    /// The deliveries with this id of WAHA's, two at most.
    fn deliveries_with_id(&self, waha_message_id: &str) -> SqlResult<Vec<Delivery>> {
        let sql = "SELECT * FROM deliveries WHERE waha_message_id = :waha_message_id LIMIT 2";
        self.query_rows(sql, params! { waha_message_id }, Delivery::from_row)
    }

    /// Gives the id of an echo to the one delivery without an id that it can be of. On a delivery
    /// that is `sending` it stands like a reserved id: the answer's own replaces it, and without an
    /// answer it is what the outcome is known by.
    fn adopt(&self, echo: &Echo<'_>, waha_message_id: &str) -> SqlResult<Option<i64>> {
        let params = params! {
            echo.{ chat_id, session },
            ":earliest": echo.at.minus(ECHO_LATE),
            ":latest": echo.at.plus(ECHO_EARLY),
        };
        let read = |row: &Row<'_>| Ok((row.get("id")?, text(row, "text")?, lossy(row, "content")?));
        let mut like: Vec<(i64, String, Option<String>)> =
            self.query_rows(LIKE_ECHO, params, read)?;
        // A picture without words could be anybody's.
        like.retain(|(_, text, content)| {
            is_same_text(text, echo.text)
                && Content::read(content.as_deref())
                    .is_ok_and(|content| content.is_known_by_words(text))
        });
        let [(id, _, _)] = like[..] else { return Ok(None) };
        let sql = "UPDATE deliveries SET waha_message_id = :waha_message_id
                   WHERE id = :id AND waha_message_id IS NULL
                       AND status IN ('sending', 'unknown')";
        let changed = self.change_rows(sql, params! { id, waha_message_id })?;
        Ok((changed > 0).then_some(id))
    }

    /// What the kept events about a message report; an echo may report no ack.
    fn kept_acks(&self, waha_message_id: &str) -> SqlResult<Vec<Option<Ack>>> {
        let acks: Vec<Option<i64>> = self.query_values(ACKS_OF, params! { waha_message_id })?;
        Ok(acks.into_iter().map(|ack| ack.and_then(Ack::from_number)).collect())
    }

    /// Moves a delivery's ack, and its status when that follows. Returns the new status, if any.
    fn move_by(
        &self,
        delivery: &Delivery,
        reported: Option<Ack>,
        now: Timestamp,
    ) -> SqlResult<Option<Status>> {
        let known = delivery.known_ack();
        let weighed = weigh(delivery.status, known, reported);
        let has_moved = weighed.status != delivery.status;
        if !has_moved && weighed.ack == known {
            return Ok(None);
        }
        let sql = "UPDATE deliveries SET ack = :ack, status = :to,
                       error = CASE WHEN :to = :from THEN error WHEN :to = 'failed' THEN :error END,
                       error_code = CASE WHEN :to = :from THEN error_code
                           WHEN :to = 'failed' THEN :code END,
                       error_args = CASE WHEN :to = :from THEN error_args
                           WHEN :to = 'failed' THEN :args END,
                       next_attempt_at = CASE WHEN :to = :from THEN next_attempt_at END,
                       finished_at = coalesce(finished_at, :now)
                   WHERE id = :id AND status = :from";
        let params = params! {
            now, delivery.{ id }, weighed.{ ack },
            ":from": delivery.status,
            ":to": weighed.status,
            why(&Reason::Refused),
        };
        let changed = self.change_rows(sql, params)?;
        if changed > 0 && weighed.ack >= Some(Ack::Server) {
            self.note_tick(delivery.channel_id, now)?;
        }
        if changed > 0 && has_moved {
            self.note_proven(delivery.channel_id, delivery.status, weighed.status)?;
        }
        Ok((has_moved && changed > 0).then_some(weighed.status))
    }

    fn taken(&self, delivery: &Delivery, to: Option<Status>, now: Timestamp) -> SqlResult<Taken> {
        let Delivery { id, auto_message_id, due_at, status, .. } = *delivery;
        let verdict = match to {
            Some(to) => self.correct_message(auto_message_id, due_at, (status, to), now)?,
            None => None,
        };
        let corrected = verdict.map(|verdict| (auto_message_id, verdict));
        let occurrence = (auto_message_id, due_at);
        Ok(Taken::Weighed { delivery_id: id, occurrence, status: to, corrected })
    }

    pub fn note_event_taken(&self, now: Timestamp) -> SqlResult<()> {
        self.set_meta(TAKEN_AT, &now.to_string())
    }

    /// Notes that `count` more events were refused, the last of them for `why`.
    pub fn note_events_refused(&self, count: u64, why: Unsigned, now: Timestamp) -> SqlResult<()> {
        let before: u64 = self.meta_number(REFUSED)?.unwrap_or(0);
        self.set_meta(REFUSED, &before.saturating_add(count).to_string())?;
        self.set_meta(REFUSED_AT, &now.to_string())?;
        self.set_meta(REFUSED_WHY, why.as_str())
    }

    pub fn events_heard(&self, now: Timestamp) -> SqlResult<EventsHeard> {
        let taken_at = self.meta_time(TAKEN_AT)?;
        let why = self.meta(REFUSED_WHY)?.as_deref().and_then(Unsigned::from_word);
        let why = why.unwrap_or(Unsigned::WrongHmac);
        let sql = "SELECT EXISTS (SELECT 1 FROM deliveries
                   WHERE finished_at > :since AND finished_at <= :before AND status = 'sent')";
        let since = taken_at.map(|at| at.plus(NOTED_WITHIN).to_string()).unwrap_or_default();
        let params = params! { since, ":before": now.minus(EVENT_WITHIN) };
        Ok(EventsHeard {
            taken_at,
            refused: self.meta_number(REFUSED)?.unwrap_or(0),
            refusal: self.meta_time(REFUSED_AT)?.map(|at| (at, why)),
            is_overdue: self.query_value(sql, params)?,
        })
    }
}
