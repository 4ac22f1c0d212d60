//! The table `deliveries`: planned, claimed, recorded.
//!
//! Each change of status is guarded by the status before it, and the number of changed rows is
//! looked at: zero is information, not an accident.

use std::time::Duration;

use rusqlite::Row;

use super::contacts::IS_CONTACT_CHANGED;
use super::gaps::{IS_REACHED, REACHED_AT};
use super::{SqlResult, Tx, explanation, lossy, params, read, seen_time, text};
use crate::clock::Timestamp;
use crate::content::Content;
use crate::delivery::{Ack, Counts, Status, Transition};
use crate::reason::{Explanation, Reason};
use crate::send_window::Day;
use crate::template::{Template, Values};

/// How long after its claim an unknown delivery is first looked up: WAHA's slowest answers are over
/// by then (NOWEB gives up after 120 s).
pub(super) const FIRST_LOOKUP_AFTER: Duration = Duration::from_secs(150);

#[derive(Clone, Debug)]
pub struct NewDelivery<'a> {
    pub(crate) auto_message_id: i64,
    pub(crate) due_at: Timestamp,
    pub(crate) channel_id: i64,
    pub(crate) contact_id: Option<i64>,
    /// The contact's number as written, when the delivery goes to whatever number the contact has.
    pub(crate) contact_number: Option<&'a str>,
    pub(crate) name: Option<&'a str>,
    /// `<digits>@c.us` and the like; for a skipped one, what was written.
    pub(crate) chat_id: &'a str,
    /// Pending, skipped or expired.
    pub(crate) status: Status,
    /// Why it is not pending.
    pub(crate) error: Option<&'a Reason>,
}

/// A row of `deliveries`. Bytes that are not UTF-8 are replaced, so that one bad row hides no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub(crate) id: i64,
    pub(crate) auto_message_id: i64,
    pub(crate) due_at: Timestamp,
    pub(crate) channel_id: i64,
    pub(crate) contact_id: Option<i64>,
    /// The contact's number when it was planned, when it goes to whatever number the contact has.
    pub(crate) contact_number: Option<String>,
    pub(crate) name: Option<String>,
    /// Whom it goes to; for a skipped one, what was written.
    pub(crate) chat_id: String,
    /// For a retry, when its occurrence was first due.
    pub(crate) retry_of: Option<Timestamp>,
    pub(crate) status: Status,
    /// A pending one goes out not before this; an unknown one is looked up then.
    pub(crate) next_attempt_at: Option<Timestamp>,
    /// The exact text, once it was claimed.
    pub(crate) text: Option<String>,
    /// What went along with the text, once it was claimed: see `content`.
    pub(crate) content: Option<String>,
    pub(crate) waha_message_id: Option<String>,
    /// How far it got: the number of an [`Ack`].
    pub(crate) ack: Option<i64>,
    /// Why it was not sent, or what a look-up found.
    pub(crate) error: Option<Explanation>,
    pub(crate) finished_at: Option<Timestamp>,
}

impl Delivery {
    pub(super) fn from_row(row: &Row<'_>) -> SqlResult<Self> {
        read! { row => Self {
            id, auto_message_id, due_at, channel_id, contact_id, lossy contact_number, lossy name,
            text chat_id, seen_time retry_of, status, seen_time next_attempt_at, lossy text, lossy content,
            lossy waha_message_id, ack,
            explanation error, seen_time finished_at,
        } }
    }

    pub(crate) fn known_ack(&self) -> Option<Ack> {
        self.ack.and_then(Ack::from_number)
    }
}

/// Deliveries of one occurrence that share a status and a reason.
#[derive(Clone, Debug)]
pub(crate) struct SameReason {
    pub(crate) status: Status,
    pub(crate) error: Explanation,
    pub(crate) count: u64,
    /// One of them, by which [`Tx::page_of_deliveries`] finds the others.
    pub(crate) delivery_id: i64,
    /// The name of one of them, or whom it goes to.
    pub(crate) such_as: String,
}

/// How the deliveries of one occurrence stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Occurrence {
    pub due_at: Timestamp,
    /// For a retry, when the occurrence was due whose recipients are tried again.
    pub(crate) retry_of: Option<Timestamp>,
    #[serde(flatten)]
    pub ended: Counts,
    pub pending: u64,
    pub(crate) sending: u64,
}

/// What became of the deliveries that ended in a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ended {
    /// WAHA accepted it, or it was proved.
    pub(crate) sent: u64,
    /// Of these: a device has it.
    pub(crate) delivered: u64,
    pub(crate) read: u64,
    /// Refused, or too late.
    pub(crate) failed: u64,
    pub(crate) unknown: u64,
}

impl std::ops::AddAssign for Ended {
    fn add_assign(&mut self, more: Self) {
        self.sent += more.sent;
        self.delivered += more.delivered;
        self.read += more.read;
        self.failed += more.failed;
        self.unknown += more.unknown;
    }
}

/// The next delivery of a channel, not claimed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    pub id: i64,
    pub(crate) auto_message_id: i64,
    pub(crate) due_at: Timestamp,
    pub(crate) chat_id: String,
    /// Whether the message has a text or content; without either it is not sent.
    pub(crate) has_text: bool,
    /// What the message carries beside its text, as written.
    pub(crate) content: Option<String>,
    pub(crate) text_chars: u32,
    /// Whether the text may have placeholders, or is not the message's own: a claim has to fill it in.
    pub(crate) is_template: bool,
    /// Whether its recipient is still the one that was planned.
    pub(crate) recipient: RecipientNow,
    /// The message's own RECIPIENT_GAP_HOURS.
    pub(crate) recipient_gap_hours: Option<i64>,
    /// Whether a person wants it again for who may have got it: it waits for no gap.
    pub(crate) is_wanted_again: bool,
}

/// A pending delivery that goes out before one that is planned now.
#[derive(Clone, Debug)]
pub(crate) struct Before {
    pub(crate) due_at: Timestamp,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) chat_id: String,
    pub(crate) recipient_gap_hours: Option<i64>,
    pub(crate) is_wanted_again: bool,
}

/// What became of a recipient since the delivery was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipientNow {
    AsPlanned,
    /// The contact was removed or has another number.
    ContactChanged,
    OptedOut,
}

/// What a claim asks for. `session` and `seen_…` are columns as they were when channel and message were found fit:
/// it is not made when one has changed. The channel gets `next_ready_at`, `sends_since_rest` and `warmup_from`.
#[derive(Clone, Debug)]
pub struct ClaimRequest<'a> {
    pub delivery_id: i64,
    pub channel_id: i64,
    pub session: &'a str,
    pub seen_ready_at: Option<Timestamp>,
    pub seen_send_window: Option<&'a str>,
    pub seen_daily_limit: Option<i64>,
    pub seen_warmup_from: Option<&'a str>,
    /// Later after a pause.
    pub warmup_from: Option<Day>,
    pub sends_since_rest: u32,
    /// Whether the channel rests after this one.
    pub rests: bool,
    /// The local day of the claim.
    pub day: Day,
    /// How many claims the channel may have on that day, this one included; `None` for any number.
    pub day_limit: Option<u32>,
    pub next_ready_at: Timestamp,
    /// The id that WAHA is asked to use, when it offered one.
    pub reserved_id: Option<&'a str>,
    /// The exact text, when the message has placeholders or content; see [`Tx::render`].
    pub rendered: Option<&'a str>,
    pub seen_content: Option<&'a str>,
    /// The chat may have got nothing less than so long before; `None` when that does not matter.
    pub recipient_gap: Option<Duration>,
    pub seen_recipient_gaps: (Option<i64>, Option<i64>),
}

/// A claimed delivery: all that the request to WAHA needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    pub delivery_id: i64,
    pub(crate) auto_message_id: i64,
    pub(crate) due_at: Timestamp,
    pub channel_id: i64,
    pub(crate) claimed_at: Timestamp,
    /// The local day that it counts for.
    pub(crate) day: Day,
    pub(crate) rests: bool,
    /// Which attempt this is, from 1.
    pub attempt: i64,
    pub chat_id: String,
    /// The chat id by which WhatsApp itself knows them, as far as it was asked: see `numbers`.
    pub(crate) waha_chat_id: String,
    pub text: String,
    pub(crate) content: Option<String>,
    pub(crate) recipients: u64,
    pub(crate) metadata: Option<String>,
    pub(crate) reserved_id: Option<String>,
}

/// The columns that [`read_counts`] reads: how many rows have which status in `column`.
pub(super) fn counts_by(column: &str) -> String {
    let count = |status| format!("count(*) FILTER (WHERE {column} = '{status}') AS {status}");
    Status::ALL.map(count).join(", ")
}

pub(super) fn read_counts(row: &Row<'_>) -> SqlResult<Counts> {
    let mut counts = Counts::default();
    for status in Status::ALL {
        if let Some(count) = counts.of(status) {
            *count = row.get(status.as_str())?;
        }
    }
    Ok(counts)
}

/// Statuses as a parameter of `(:statuses = '' OR instr(:statuses, ',' || status || ',') > 0)`.
pub(super) fn words(statuses: &[Status]) -> String {
    statuses.iter().flat_map(|status| [",", status.as_str(), ","]).collect()
}

/// What may be sent of a channel: for [`Tx::next_open_delivery`].
// By the index, because the row's status stands behind its `contact_ids`: with a hundred thousand
// recipients these are two megabytes to go through for each delivery.
const OPEN: &str = "deliveries d
    CROSS JOIN auto_messages m INDEXED BY idx_auto_messages_status_scheduled_at
        ON m.id = d.auto_message_id AND m.status = 'sending' AND m.scheduled_at = d.due_at
    WHERE d.channel_id = :channel_id AND d.status = 'pending' AND d.next_attempt_at IS NULL
        AND d.due_at >= :late_before";

/// Whether delivery `d` is a retry for who may have got it before.
const IS_WANTED_AGAIN: &str = "(d.retry_of IS NOT NULL AND EXISTS (SELECT 1 FROM deliveries o
        INDEXED BY idx_deliveries_unknown
        WHERE o.chat_id = d.chat_id AND o.status = 'unknown' AND o.auto_message_id = d.auto_message_id
            AND coalesce(o.retry_of, o.due_at) = d.retry_of))";

/// Whether the recipient of delivery `d` opted out: by its contact, by the number as the program
/// spells it, or by a hidden number. SQL cannot compare other spellings: see [`Tx::each_number`].
const IS_OPTED_OUT: &str = "(EXISTS (SELECT 1 FROM contacts c
        WHERE c.id = d.contact_id AND c.opted_out_at IS NOT NULL)
    OR EXISTS (SELECT 1 FROM contacts c INDEXED BY idx_contacts_opted_out
        WHERE c.phone_number = '+' || replace(d.chat_id, '@c.us', '') AND c.opted_out_at IS NOT NULL)
    OR EXISTS (SELECT 1 FROM hidden_numbers h
        WHERE h.lid = d.chat_id AND (h.opted_out_at IS NOT NULL
            OR EXISTS (SELECT 1 FROM contacts c INDEXED BY idx_contacts_opted_out
                WHERE c.phone_number = '+' || h.phone_number AND c.opted_out_at IS NOT NULL))))";

fn recipient_now(row: &Row<'_>) -> SqlResult<RecipientNow> {
    Ok(match row.get("recipient")? {
        0_i64 => RecipientNow::AsPlanned,
        1 => RecipientNow::ContactChanged,
        _ => RecipientNow::OptedOut,
    })
}

/// Whether a message may have placeholders, ours or foreign ones: `template::is_template` in SQL.
const MAY_BE_TEMPLATE: &str = "(m.message GLOB '*[[{%<«]*' OR instr(m.message, '*|') > 0)";

/// What the text of a delivery is made of: see [`read_text`].
const SOURCES: &str = "m.message, m.content, d.id, d.name, d.chat_id, c.name AS contact_name, c.attributes, \
     coalesce(d.retry_of, d.due_at) AS first_due_at";

fn read_text(row: &Row<'_>) -> SqlResult<Result<String, Reason>> {
    let name = lossy(row, "name")?.filter(|name| !name.trim().is_empty());
    let name = if name.is_some() { name } else { lossy(row, "contact_name")? };
    let chat_id: String = row.get("chat_id")?;
    let attributes = lossy(row, "attributes")?;
    let due_at = seen_time(row, "first_due_at")?;
    let values = Values::new(name.as_deref(), &chat_id, attributes.as_deref(), due_at);
    let (message, content) = (row.get::<_, String>("message")?, lossy(row, "content")?);
    let content = match Content::read(content.as_deref()) {
        Ok(content) => content,
        Err(why) => return Ok(Err(why)),
    };
    Ok(content.words(&message).and_then(|words| Template::parse(words).render(&values)))
}

impl Tx<'_> {
    /// Plans one delivery. The same chat twice in an occurrence is one delivery; one that was
    /// cancelled before it went out is taken up again. Returns whether a row was made or taken up.
    /// A row that waits for a contact who has another number by now makes room.
    pub(crate) fn plan_delivery(&self, new: &NewDelivery<'_>, now: Timestamp) -> SqlResult<bool> {
        let sql = "INSERT INTO deliveries
                       (auto_message_id, due_at, channel_id, contact_id, contact_number, name, chat_id,
                        status, error, error_code, error_args, finished_at, created_at)
                   VALUES (:auto_message_id, :due_at, :channel_id, :contact_id, :contact_number, :name,
                       :chat_id, :status, :error, :code, :args, CASE WHEN :status <> 'pending' THEN :now END, :now)
                   ON CONFLICT (auto_message_id, due_at, chat_id) DO UPDATE
                       SET status = excluded.status, error = excluded.error,
                           error_code = excluded.error_code, error_args = excluded.error_args,
                           channel_id = excluded.channel_id, finished_at = excluded.finished_at,
                           contact_id = excluded.contact_id, contact_number = excluded.contact_number,
                           next_attempt_at = NULL
                       WHERE deliveries.status = 'cancelled'";
        let params = params! {
            now, new.{ auto_message_id, due_at, channel_id, contact_id, contact_number },
            new.{ name, chat_id, status }, why(new.error),
        };
        let mut changed = self.change_rows(sql, params)?;
        if changed == 0 && self.make_room(new.auto_message_id, new.due_at, new.chat_id, false)? {
            changed = self.change_rows(sql, params)?;
        }
        if changed == 0 && new.contact_number.is_none() {
            // The message itself names the number of a contact that it names too.
            let sql = "UPDATE deliveries SET contact_number = NULL
                       WHERE auto_message_id = :auto_message_id AND due_at = :due_at
                           AND chat_id = :chat_id AND status = 'pending'";
            self.change_rows(sql, params! { new.{ auto_message_id, due_at, chat_id } })?;
        }
        Ok(changed > 0)
    }

    /// The next delivery of a channel in due order, of messages that are being sent and not due
    /// before `late_before`. Those that wait are left out until [`Tx::free_waiting`].
    pub fn next_open_delivery(
        &self,
        channel_id: i64,
        late_before: Timestamp,
    ) -> SqlResult<Option<Open>> {
        let sql = format!(
            "SELECT d.id, d.auto_message_id, d.due_at, d.chat_id,
                       length(m.message) AS text_chars,
                       m.content, m.content IS NOT NULL
                           OR trim(m.message, char(9, 10, 13, 32)) <> '' AS has_text,
                       m.content IS NOT NULL OR {MAY_BE_TEMPLATE} AS is_template,
                       CASE WHEN {IS_CONTACT_CHANGED} THEN 1 WHEN {IS_OPTED_OUT} THEN 2 ELSE 0 END AS recipient,
                       m.recipient_gap_hours, {IS_WANTED_AGAIN} AS is_wanted_again
                   FROM {OPEN} ORDER BY d.due_at, d.id LIMIT 1"
        );
        let params = params! { channel_id, late_before };
        let read = |row: &Row<'_>| {
            read! { row => Open {
                id, auto_message_id, due_at, text chat_id, has_text, lossy content, text_chars, is_template,
                recipient: recipient_now(row)?,
                recipient_gap_hours, is_wanted_again,
            } }
        };
        self.query_optional(&sql, params, read)
    }

    /// Whether somebody for whom a delivery waits is who was planned, however that was changed.
    pub(crate) fn recipient_now(&self, id: i64) -> SqlResult<RecipientNow> {
        let sql = format!(
            "SELECT CASE WHEN {IS_CONTACT_CHANGED} THEN 1 WHEN {IS_OPTED_OUT} THEN 2 ELSE 0 END AS recipient
             FROM deliveries d NOT INDEXED WHERE d.id = :id"
        );
        self.query_one(&sql, params! { id }, recipient_now)
    }

    pub(crate) fn has_open_delivery(
        &self,
        channel_id: i64,
        late_before: Timestamp,
    ) -> SqlResult<bool> {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {OPEN})");
        self.query_value(&sql, params! { channel_id, late_before })
    }

    /// Claims a delivery: `pending` becomes `sending` with its attempt, its reserved id and its exact
    /// text, the channel's pace moves and its day counts one more, all or nothing. Must be committed
    /// before the network is touched.
    ///
    /// The text is the message's with line feeds as its line ends, or `rendered`, which is of this transaction. A message that got
    /// placeholders since it was looked at is not claimed without it: nobody gets a raw `{{name}}`.
    ///
    /// `None` when the delivery is no longer pending, its message no longer being sent, its recipient
    /// opted out, its contact removed or given another number, or its channel held, inactive, given other hours or limits, full for that day, or
    /// paced by somebody else since it was looked at; or its chat got another message too lately.
    pub fn claim(&self, request: &ClaimRequest<'_>, now: Timestamp) -> SqlResult<Option<Claimed>> {
        let sql = format!("UPDATE deliveries AS d SET status = 'sending', attempts = attempts + 1,
                       waha_message_id = :reserved_id, claimed_at = :now, next_attempt_at = NULL,
                       error = NULL, error_code = NULL, error_args = NULL, ack = NULL,
                       content = (SELECT content FROM auto_messages WHERE id = auto_message_id),
                       text = coalesce(:rendered, (SELECT replace(replace(message, char(13, 10), char(10)), char(13), char(10)) FROM auto_messages WHERE id = auto_message_id))
                   WHERE id = :id AND status = 'pending' AND channel_id = :channel_id
                       AND EXISTS (SELECT 1
                           FROM auto_messages m INDEXED BY idx_auto_messages_status_scheduled_at
                           WHERE m.id = auto_message_id AND m.status = 'sending'
                               AND m.scheduled_at = due_at
                               AND m.content IS :seen_content
                               AND m.recipient_gap_hours IS :seen_message_gap
                               AND (:rendered IS NOT NULL OR m.content IS NULL AND NOT {MAY_BE_TEMPLATE}))
                       AND EXISTS (SELECT 1 FROM channels c
                           WHERE c.id = :channel_id AND c.is_active = 1 AND c.held_reason IS NULL
                               AND trim(c.session_name) = :session AND c.ready_at IS :seen_ready_at
                               AND c.send_window IS :seen_send_window
                               AND c.daily_limit IS :seen_daily_limit
                               AND c.warmup_from IS :seen_warmup_from
                               AND c.recipient_gap_hours IS :seen_channel_gap)
                       AND (:gap_from IS NULL OR NOT EXISTS (SELECT 1
                           FROM deliveries e INDEXED BY idx_deliveries_reached
                           WHERE e.chat_id = d.chat_id AND {IS_REACHED}
                               AND {REACHED_AT} > :gap_from AND {REACHED_AT} < :gap_until))
                       AND (:day_limit IS NULL OR :day_limit > coalesce((SELECT claimed
                           FROM channel_days WHERE channel_id = :channel_id AND day = :day), 0))
                       AND NOT {IS_OPTED_OUT} AND NOT {IS_CONTACT_CHANGED}");
        let params = params! {
            now, request.{ channel_id, session, reserved_id, rendered, seen_ready_at },
            request.{ seen_send_window, seen_daily_limit, seen_warmup_from, day, day_limit, seen_content },
            ":id": request.delivery_id,
            ":gap_from": request.recipient_gap.map(|gap| now.minus(gap)),
            ":gap_until": request.recipient_gap.map(|gap| now.plus(gap)),
            ":seen_message_gap": request.seen_recipient_gaps.0,
            ":seen_channel_gap": request.seen_recipient_gaps.1,
        };
        if !self.change(&sql, params)? {
            return Ok(None);
        }
        self.pace_channel(request, now)?;
        self.count_claim(request.channel_id, request.day)?;
        self.claimed(request, now).map(Some)
    }

    /// The row as this transaction has claimed it. Not by RETURNING, for which SQLite makes a table of its own.
    fn claimed(&self, request: &ClaimRequest<'_>, now: Timestamp) -> SqlResult<Claimed> {
        let sql = "SELECT auto_message_id, due_at, attempts, chat_id, text, content,
                       coalesce((SELECT n.checked_chat_id FROM numbers n WHERE n.chat_id = deliveries.chat_id),
                           chat_id) AS waha_chat_id,
                       (SELECT contact_count FROM auto_messages WHERE id = auto_message_id) AS recipients,
                       (SELECT metadata FROM auto_messages WHERE id = auto_message_id) AS metadata
                   FROM deliveries WHERE id = :id";
        let read = |row: &Row<'_>| {
            read! { row => Claimed {
                delivery_id: request.delivery_id,
                auto_message_id, due_at,
                channel_id: request.channel_id,
                claimed_at: now,
                day: request.day,
                rests: request.rests,
                attempt: row.get("attempts")?,
                chat_id, waha_chat_id, text, content, recipients, metadata,
                reserved_id: request.reserved_id.map(str::to_owned),
            } }
        };
        self.query_one(sql, params! { ":id": request.delivery_id }, read)
    }

    /// Records what became of a claim. `waha_message_id` is WAHA's id when it accepted it. Returns
    /// `false`, with nothing changed, when the row is no longer in the state that the claim made.
    pub(crate) fn record(
        &self,
        claimed: &Claimed,
        transition: &Transition,
        waha_message_id: Option<&str>,
        now: Timestamp,
    ) -> SqlResult<bool> {
        let sql = "UPDATE deliveries SET status = :status, error = :error, error_code = :code,
                       error_args = :args, attempts = attempts - :uncounted,
                       waha_message_id = CASE :status
                           WHEN 'unknown' THEN waha_message_id ELSE :waha_message_id END,
                       ack = :ack,
                       text = CASE WHEN :status = 'pending' THEN NULL ELSE text END,
                       content = CASE WHEN :status = 'pending' THEN NULL ELSE content END,
                       claimed_at = CASE WHEN :status = 'pending' THEN NULL ELSE claimed_at END,
                       finished_at = CASE WHEN :status = 'pending' THEN NULL ELSE :now END,
                       next_attempt_at = CASE WHEN :status = 'unknown' THEN :lookup_at END
                   WHERE id = :id AND status = 'sending' AND attempts = :attempt";
        let error = transition.error.as_ref();
        let params = params! {
            waha_message_id, now, claimed.{ attempt }, transition.{ status, ack },
            ":id": claimed.delivery_id,
            ":uncounted": i64::from(!transition.counts_attempt),
            ":lookup_at": claimed.claimed_at.plus(FIRST_LOOKUP_AFTER),
            why(error),
        };
        self.change(sql, params)
    }

    /// Ends a pending delivery that cannot be sent, without any request. Returns whether it was pending.
    pub(crate) fn end_pending(
        &self,
        id: i64,
        status: Status,
        error: &Reason,
        now: Timestamp,
    ) -> SqlResult<bool> {
        let sql = "UPDATE deliveries SET status = :status, error = :error, error_code = :code,
                       error_args = :args, finished_at = :now, next_attempt_at = NULL
                   WHERE id = :id AND status = 'pending'";
        self.change(sql, params! { status, now, id, why(error) })
    }

    /// Moves what is pending of an occurrence, on its way or paused, from one channel to another. Returns how
    /// many that were. What may have gone out stays.
    pub(crate) fn move_pending(
        &self,
        auto_message_id: i64,
        due_at: Timestamp,
        (from, to): (i64, i64),
        now: Timestamp,
    ) -> SqlResult<usize> {
        let sql = "UPDATE deliveries SET channel_id = :to
                   WHERE auto_message_id = :auto_message_id AND due_at = :due_at
                       AND status IN ('pending', 'sending') AND status = 'pending' AND channel_id = :from
                       AND EXISTS (SELECT 1 FROM auto_messages m WHERE m.id = :auto_message_id
                           AND m.status IN ('sending', 'draft') AND m.scheduled_at = :due_at)";
        let moved = self.change_rows(sql, params! { auto_message_id, due_at, from, to })?;
        if moved > 0 {
            let sql = "UPDATE auto_messages SET updated_at = :now WHERE id = :auto_message_id";
            self.execute_sql(sql, params! { auto_message_id, now })?;
        }
        Ok(moved)
    }

    /// How the deliveries of an occurrence stand on one channel: each status that some have.
    pub(crate) fn count_on_channel(
        &self,
        auto_message_id: i64,
        due_at: Timestamp,
        channel_id: i64,
    ) -> SqlResult<Vec<(Status, u64)>> {
        let sql = format!(
            "SELECT {} FROM deliveries
             WHERE auto_message_id = :auto_message_id AND due_at = :due_at AND channel_id = :channel_id",
            counts_by("status")
        );
        self.query_one(&sql, params! { auto_message_id, due_at, channel_id }, |row| {
            let count = |status: Status| Ok((status, row.get(status.as_str())?));
            let counts = Status::ALL.map(count).into_iter().collect::<SqlResult<Vec<_>>>()?;
            Ok(counts.into_iter().filter(|(_, count)| *count > 0).collect())
        })
    }

    /// Ends what is still pending of an occurrence with this status and error. Returns how many.
    pub(crate) fn end_all_pending(
        &self,
        auto_message_id: i64,
        due_at: Timestamp,
        (status, error): (Status, &Reason),
        now: Timestamp,
    ) -> SqlResult<usize> {
        let sql = "UPDATE deliveries SET status = :status, error = :error, error_code = :code,
                       error_args = :args, finished_at = :now, next_attempt_at = NULL
                   WHERE auto_message_id = :auto_message_id AND due_at = :due_at
                       AND status IN ('pending', 'sending') AND status = 'pending'";
        self.change_rows(sql, params! { auto_message_id, due_at, status, now, why(error) })
    }

    /// Makes every delivery that is `sending` `unknown`: only for the one process that holds the
    /// sender's lock, before its first claim. Whoever claimed them died in between.
    pub(crate) fn recover_sending(&self, now: Timestamp) -> SqlResult<Vec<Delivery>> {
        let sql = "UPDATE deliveries SET status = 'unknown', finished_at = :now,
                       next_attempt_at =
                           strftime('%Y-%m-%dT%H:%M:%SZ', claimed_at, '+' || :lookup_secs || ' seconds'),
                       error = :error, error_code = :code, error_args = :args
                   WHERE status = 'sending' RETURNING *";
        let lookup_secs = FIRST_LOOKUP_AFTER.as_secs();
        let params = params! { now, lookup_secs, why(&Reason::EndedWhileSending) };
        self.query_rows(sql, params, Delivery::from_row)
    }

    /// How many deliveries are pending on channels of any kind, of messages that are being sent.
    pub(crate) fn count_pending(&self) -> SqlResult<u64> {
        // CROSS: from the messages to their deliveries, whatever statistics say.
        let sql = "SELECT count(*) FROM auto_messages m
                   CROSS JOIN deliveries d ON d.auto_message_id = m.id AND d.due_at = m.scheduled_at
                       AND d.status IN ('pending', 'sending')
                   WHERE m.status = 'sending'";
        self.query_value(sql, &[])
    }

    pub(crate) fn delivery(&self, id: i64) -> SqlResult<Option<Delivery>> {
        let sql = "SELECT * FROM deliveries WHERE id = :id";
        self.query_optional(sql, params! { id }, Delivery::from_row)
    }

    /// The occurrences of a message that were planned, the latest first.
    pub fn occurrences_of(&self, id: i64) -> SqlResult<Vec<Occurrence>> {
        let sql = format!(
            "SELECT due_at, max(retry_of) AS retry_of, {}
             FROM deliveries d WHERE auto_message_id = :id AND NOT EXISTS
                 (SELECT 1 FROM plannings p WHERE p.auto_message_id = :id AND p.due_at = d.due_at)
             GROUP BY due_at ORDER BY due_at DESC",
            counts_by("status")
        );
        self.query_rows(&sql, params! { id }, |row| {
            read! { row => Occurrence {
                due_at, retry_of, pending, sending,
                ended: read_counts(row)?,
            } }
        })
    }

    pub(crate) fn has_deliveries(&self, id: i64, due_at: Timestamp) -> SqlResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM deliveries
                       WHERE auto_message_id = :id AND due_at = :due_at)";
        self.query_value(sql, params! { id, due_at })
    }

    /// Calls `visit` with each delivery of an occurrence, or each that is pending, in the order of planning and
    /// sending.
    pub(crate) fn each_delivery(
        &self,
        (id, due_at): (i64, Timestamp),
        only_pending: bool,
        mut visit: impl FnMut(Delivery) -> SqlResult<()>,
    ) -> SqlResult<()> {
        // The list is the condition of the index.
        let pending = "AND status IN ('pending', 'sending') AND status = 'pending'";
        let which = if only_pending { pending } else { "" };
        let sql = format!(
            "SELECT * FROM deliveries
             WHERE auto_message_id = :id AND due_at = :due_at {which} ORDER BY id"
        );
        self.each_row(&sql, params! { id, due_at }, &mut |row| {
            visit(Delivery::from_row(row)?).map(|()| true)
        })
    }

    /// Whether a delivery is a retry for who may have got it before: it waits for no gap.
    pub(crate) fn is_wanted_again(&self, row: &Delivery) -> SqlResult<bool> {
        if row.retry_of.is_none() {
            return Ok(false);
        }
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM deliveries d NOT INDEXED
                 WHERE d.id = :id AND {IS_WANTED_AGAIN})"
        );
        self.query_value(&sql, params! { row.{ id } })
    }

    /// The first deliveries of an occurrence in the same order, at most `limit`.
    pub fn first_deliveries(
        &self,
        id: i64,
        due_at: Timestamp,
        limit: Option<u32>,
    ) -> SqlResult<Vec<Delivery>> {
        let sql = "SELECT * FROM deliveries
                   WHERE auto_message_id = :id AND due_at = :due_at ORDER BY id LIMIT :limit";
        let limit = limit.map_or(-1, i64::from);
        self.query_rows(sql, params! { id, due_at, limit }, Delivery::from_row)
    }

    /// Why deliveries of an occurrence were not sent: by reason, the reason of most first, at most `limit`.
    pub(crate) fn reasons_of_deliveries(
        &self,
        id: i64,
        due_at: Timestamp,
        limit: u32,
    ) -> SqlResult<Vec<SameReason>> {
        let sql = "SELECT status, error, error_code, error_args, count(*) AS count, min(id) AS delivery_id,
                       min(coalesce(nullif(trim(name), ''), chat_id)) AS such_as
                   FROM deliveries
                   WHERE auto_message_id = :id AND due_at = :due_at AND error IS NOT NULL
                       AND status IN ('failed', 'expired', 'unknown', 'skipped', 'cancelled')
                   GROUP BY status, coalesce(error_code, error), error_args
                   ORDER BY count DESC, delivery_id LIMIT :limit";
        let read = |row: &Row<'_>| {
            let Some(error) = explanation(row, "error")? else { return Ok(None) };
            read! { row => SameReason { status, error: error, count, delivery_id, text such_as } }
                .map(Some)
        };
        let found = self.query_rows(sql, params! { id, due_at, limit }, read)?;
        Ok(found.into_iter().flatten().collect())
    }

    /// At most `limit` deliveries of an occurrence whose chat comes after `after`; of one of
    /// `statuses`, unless there are none; with the reason of the delivery `like`, unless there is none.
    pub(crate) fn page_of_deliveries(
        &self,
        id: i64,
        due_at: Timestamp,
        statuses: &[Status],
        like: Option<i64>,
        (after, limit): (&str, u32),
    ) -> SqlResult<Vec<Delivery>> {
        let sql = "SELECT * FROM deliveries
                   WHERE auto_message_id = :id AND due_at = :due_at AND chat_id > :after
                       AND (:statuses = '' OR instr(:statuses, ',' || status || ',') > 0)
                       AND (:like IS NULL OR (status, coalesce(error_code, error), coalesce(error_args, '')) =
                           (SELECT o.status, coalesce(o.error_code, o.error), coalesce(o.error_args, '')
                            FROM deliveries o WHERE o.id = :like))
                   ORDER BY chat_id LIMIT :limit";
        let params = params! { id, due_at, after, like, limit, ":statuses": words(statuses) };
        self.query_rows(sql, params, Delivery::from_row)
    }

    /// What a contact got and was to get, the newest first, each with the message's title.
    pub(crate) fn deliveries_of_contact(
        &self,
        contact_id: i64,
        limit: u32,
    ) -> SqlResult<Vec<(Delivery, Option<String>)>> {
        let sql = "SELECT d.*, (SELECT m.title FROM auto_messages m WHERE m.id = d.auto_message_id) AS title
                   FROM deliveries d INDEXED BY idx_deliveries_contact
                   WHERE d.contact_id = :contact_id ORDER BY d.id DESC LIMIT :limit";
        let read = |row: &Row<'_>| Ok((Delivery::from_row(row)?, lossy(row, "title")?));
        self.query_rows(sql, params! { contact_id, limit }, read)
    }

    /// The latest occurrences of a message that have deliveries, the latest first, each with whether it is a retry.
    pub(crate) fn occurrence_times(
        &self,
        id: i64,
        limit: u32,
    ) -> SqlResult<Vec<(Timestamp, bool)>> {
        // One step in the index for each occurrence, however many recipients it has.
        let sql = "WITH RECURSIVE seen(due_at) AS (
                       SELECT max(due_at) FROM deliveries WHERE auto_message_id = :id
                       UNION ALL
                       SELECT (SELECT max(d.due_at) FROM deliveries d
                               WHERE d.auto_message_id = :id AND d.due_at < seen.due_at)
                       FROM seen WHERE seen.due_at IS NOT NULL LIMIT :limit)
                   SELECT due_at, (SELECT d.retry_of FROM deliveries d WHERE d.auto_message_id = :id
                           AND d.due_at = seen.due_at LIMIT 1) IS NOT NULL AS is_retry
                   FROM seen WHERE due_at IS NOT NULL";
        let params = params! { limit, id };
        let read = |row: &Row<'_>| Ok(seen_time(row, "due_at")?.zip(row.get("is_retry")?));
        Ok(self.query_rows(sql, params, read)?.into_iter().flatten().collect())
    }

    /// Calls `visit` with each delivery that a channel sends before what is planned now of an occurrence
    /// that is due at `due_at`, in that order.
    pub(crate) fn each_before(
        &self,
        channel_id: i64,
        due_at: Timestamp,
        mut visit: impl FnMut(Before) -> SqlResult<()>,
    ) -> SqlResult<()> {
        // Those that wait are overtaken.
        for waits in ["IS NULL", "> ''"] {
            let sql = format!(
                "SELECT d.due_at, d.next_attempt_at, d.chat_id, m.recipient_gap_hours,
                     {IS_WANTED_AGAIN} AS is_wanted_again
                 FROM deliveries d
                 CROSS JOIN auto_messages m INDEXED BY idx_auto_messages_status_scheduled_at
                     ON m.id = d.auto_message_id AND m.status = 'sending' AND m.scheduled_at = d.due_at
                 WHERE d.channel_id = :channel_id AND d.status = 'pending' AND d.next_attempt_at {waits}
                     AND d.due_at <= :due_at
                 ORDER BY d.next_attempt_at, d.due_at, d.id"
            );
            self.each_row(&sql, params! { channel_id, due_at }, &mut |row| {
                let before: SqlResult<Before> = read! { row => Before {
                    due_at, not_before: seen_time(row, "next_attempt_at")?, text chat_id,
                    recipient_gap_hours, is_wanted_again,
                } };
                visit(before?).map(|()| true)
            })?;
        }
        Ok(())
    }

    /// How many deliveries of a channel wait and are before this one in due order.
    pub fn count_before(&self, channel_id: i64, due_at: Timestamp) -> SqlResult<u64> {
        let sql = "SELECT count(*) FROM deliveries d
                   JOIN auto_messages m ON m.id = d.auto_message_id AND m.status = 'sending'
                       AND m.scheduled_at = d.due_at
                   WHERE d.channel_id = :channel_id AND d.status = 'pending' AND d.next_attempt_at IS NULL
                       AND d.due_at < :due_at";
        self.query_value(sql, params! { channel_id, due_at })
    }

    pub fn count_ended_since(&self, since: Timestamp) -> SqlResult<Counts> {
        // One pass over the index: a GROUP BY would sort all that ended.
        let counts = counts_by("status");
        let sql = format!("SELECT {counts} FROM deliveries WHERE finished_at >= :since");
        self.query_one(&sql, params! { since }, read_counts)
    }

    pub(crate) fn count_ended(&self, from: Timestamp, until: Timestamp) -> SqlResult<Ended> {
        let sql = "SELECT count(*) FILTER (WHERE status = 'sent') AS sent,
                       count(*) FILTER (WHERE status = 'sent' AND ack >= 2) AS delivered,
                       count(*) FILTER (WHERE status = 'sent' AND ack >= 3) AS read,
                       count(*) FILTER (WHERE status IN ('failed', 'expired')) AS failed,
                       count(*) FILTER (WHERE status = 'unknown') AS unknown
                   FROM deliveries WHERE finished_at >= :from AND finished_at < :until";
        let read =
            |row: &Row<'_>| read! { row => Ended { sent, delivered, read, failed, unknown } };
        self.query_one(sql, params! { from, until }, read)
    }

    pub fn count_unknown(&self) -> SqlResult<u64> {
        self.query_value("SELECT count(*) FROM deliveries WHERE status = 'unknown'", &[])
    }

    /// When a delivery was last claimed or ended.
    pub fn last_recorded(&self) -> SqlResult<Option<Timestamp>> {
        let ended = "SELECT max(finished_at) AS at FROM deliveries WHERE finished_at IS NOT NULL";
        let claimed = "SELECT max(claimed_at) AS at FROM deliveries WHERE status = 'sending'";
        let ended: Option<Timestamp> = self.query_value(ended, &[])?;
        Ok(ended.max(self.query_value(claimed, &[])?))
    }

    /// Since when the delivery that waits longest for its channel is due.
    pub fn oldest_pending(&self) -> SqlResult<Option<Timestamp>> {
        // The first of each channel by the index idx_deliveries_pending.
        let sql = "SELECT min((SELECT d.due_at FROM deliveries d
                       WHERE d.channel_id = c.id AND d.status = 'pending' AND d.next_attempt_at IS NULL
                       ORDER BY d.due_at, d.id LIMIT 1)) AS due_at
                   FROM channels c";
        self.query_value(sql, &[])
    }

    /// Fills in the text of a pending delivery whose message is being sent: from the message and the
    /// contact as they are in this transaction, and the name that was planned. `None` when the
    /// delivery is no longer pending or its message no longer being sent.
    pub(crate) fn render(&self, id: i64) -> SqlResult<Option<Result<String, Reason>>> {
        // By its id, whatever statistics say: those of an idle hour take what is pending for nothing.
        let sql = format!(
            "SELECT {SOURCES} FROM deliveries d NOT INDEXED
             JOIN auto_messages m NOT INDEXED ON m.id = d.auto_message_id AND m.status = 'sending'
                 AND m.scheduled_at = d.due_at
             LEFT JOIN contacts c ON c.id = d.contact_id
             WHERE d.id = :id AND d.status = 'pending'"
        );
        self.query_optional(&sql, params! { id }, read_text)
    }

    /// Fills in the texts of deliveries that became unknown without a claim and have the message's
    /// own text, placeholders and all: a person who looks into WhatsApp has to know what to look for.
    pub(super) fn fill_in_unclaimed(&self) -> SqlResult<()> {
        let sql = format!(
            "SELECT {SOURCES} FROM main.deliveries d
             JOIN main.auto_messages m ON m.id = d.auto_message_id
             LEFT JOIN main.contacts c ON c.id = d.contact_id
             WHERE d.status = 'unknown' AND d.claimed_at IS NULL AND instr(d.text, '{{{{') > 0
                 AND (d.text = m.message OR d.content IS NOT NULL)"
        );
        let mut statement = self.transaction.prepare(&sql)?;
        let texts: Vec<(i64, Result<String, Reason>)> = statement
            .query_map([], |row| Ok((row.get("id")?, read_text(row)?)))?
            .collect::<SqlResult<_>>()?;
        let sql = "UPDATE main.deliveries SET text = :text WHERE id = :id AND status = 'unknown'";
        for (id, text) in texts {
            if let Ok(text) = text {
                self.change_rows(sql, params! { id, text })?;
            }
        }
        Ok(())
    }
}
