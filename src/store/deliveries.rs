//! The table `deliveries`: planned, claimed, recorded.
//!
//! Each change of status is guarded by the status before it, and the number of changed rows is
//! looked at: zero is information, not an accident.

use std::time::Duration;

use rusqlite::{Row, named_params};

use super::contacts::IS_CONTACT_CHANGED;
use super::{SqlResult, Tx, lossy};
use crate::clock::Timestamp;
use crate::delivery::{Status, Transition};
use crate::send_window::Day;

/// How long after its claim an unknown delivery is first looked up: WAHA's slowest answers are over
/// by then (NOWEB gives up after 120 s).
pub(super) const FIRST_LOOKUP_AFTER: Duration = Duration::from_secs(150);

/// A delivery to be planned.
#[derive(Clone, Debug)]
pub struct NewDelivery<'a> {
    pub(crate) auto_message_id: i64,
    pub(crate) due_at: Timestamp,
    /// The channel that sends it.
    pub(crate) channel_id: i64,
    /// The contact, when the recipient is one.
    pub(crate) contact_id: Option<i64>,
    /// The contact's number as written, when the delivery goes to whatever number the contact has.
    pub(crate) contact_number: Option<&'a str>,
    pub(crate) name: Option<&'a str>,
    /// `<digits>@c.us` and the like; for a skipped one, what was written.
    pub(crate) chat_id: &'a str,
    /// Pending, skipped or expired.
    pub(crate) status: Status,
    /// Why it is not pending.
    pub(crate) error: Option<&'a str>,
}

/// The next delivery of a channel, not claimed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    pub id: i64,
    pub(crate) auto_message_id: i64,
    pub(crate) due_at: Timestamp,
    /// Whom it goes to.
    pub(crate) chat_id: String,
    /// Whether the message has a text; without one it is not sent.
    pub(crate) has_text: bool,
    /// How long the text is.
    pub(crate) text_chars: u32,
    /// Whether the text may have placeholders: a claim has to fill them in.
    pub(crate) is_template: bool,
    /// Whether its recipient is still the one that was planned.
    pub(crate) recipient: RecipientNow,
}

/// What became of a recipient since the delivery was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipientNow {
    AsPlanned,
    /// The contact was removed or has another number.
    ContactChanged,
    /// The recipient opted out.
    OptedOut,
}

/// What a claim asks for.
#[derive(Clone, Debug)]
pub struct ClaimRequest<'a> {
    pub delivery_id: i64,
    pub channel_id: i64,
    /// Its session, as it was when the channel was found ready.
    pub session: &'a str,
    /// `channels.ready_at` as it was when the channel was found ready.
    pub seen_ready_at: Option<Timestamp>,
    /// `channels.send_window` as it was when it was found open.
    pub seen_send_window: Option<&'a str>,
    /// `channels.daily_limit` as it was when it was found not reached.
    pub seen_daily_limit: Option<i64>,
    /// The local day of the claim.
    pub day: Day,
    /// How many claims the channel may have on that day, this one included; `None` for any number.
    pub day_limit: Option<u32>,
    /// `channels.ready_at` from now on.
    pub next_ready_at: Timestamp,
    /// The id that WAHA is asked to use, when it offered one.
    pub reserved_id: Option<&'a str>,
    /// The exact text, when the message has placeholders; see [`Tx::render`].
    pub rendered: Option<&'a str>,
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
    /// Which attempt this is, from 1.
    pub attempt: i64,
    /// Whom it goes to.
    pub chat_id: String,
    pub text: String,
    /// The message's own metadata, as written.
    pub(crate) metadata: Option<String>,
    /// The id that WAHA is asked to use.
    pub(crate) reserved_id: Option<String>,
}

/// A delivery whose process died while it was `sending`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    pub(crate) delivery_id: i64,
    pub(crate) auto_message_id: i64,
    pub(crate) due_at: Timestamp,
    /// Its channel, which may just have sent.
    pub(crate) channel_id: i64,
}

// By the index, because the row's status stands behind its `contact_ids`: with a hundred thousand
// recipients these are two megabytes to go through for each delivery.

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

impl Tx<'_> {
    /// Plans one delivery. The same chat twice in an occurrence is one delivery; one that was
    /// cancelled before it went out is taken up again. Returns whether a row was made or taken up.
    /// A row that waits for a contact who has another number by now makes room.
    pub(crate) fn plan_delivery(&self, new: &NewDelivery<'_>, now: Timestamp) -> SqlResult<bool> {
        let sql = "INSERT INTO deliveries
                       (auto_message_id, due_at, channel_id, contact_id, contact_number, name, chat_id,
                        status, error, finished_at, created_at)
                   VALUES (:auto_message_id, :due_at, :channel_id, :contact_id, :contact_number, :name,
                       :chat_id, :status, :error, CASE WHEN :status <> 'pending' THEN :now END, :now)
                   ON CONFLICT (auto_message_id, due_at, chat_id) DO UPDATE
                       SET status = excluded.status, error = excluded.error,
                           channel_id = excluded.channel_id, finished_at = excluded.finished_at,
                           contact_id = excluded.contact_id, contact_number = excluded.contact_number
                       WHERE deliveries.status = 'cancelled'";
        let params = named_params! {
            ":auto_message_id": new.auto_message_id,
            ":due_at": new.due_at,
            ":channel_id": new.channel_id,
            ":contact_id": new.contact_id,
            ":contact_number": new.contact_number,
            ":name": new.name,
            ":chat_id": new.chat_id,
            ":status": new.status,
            ":error": new.error,
            ":now": now,
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
            let params = named_params! {
                ":auto_message_id": new.auto_message_id,
                ":due_at": new.due_at,
                ":chat_id": new.chat_id,
            };
            self.change_rows(sql, params)?;
        }
        Ok(changed > 0)
    }

    /// The next delivery of a channel in due order, of messages that are being sent and not due
    /// before `late_before`.
    pub fn next_open_delivery(
        &self,
        channel_id: i64,
        now: Timestamp,
        late_before: Timestamp,
    ) -> SqlResult<Option<Open>> {
        let sql = format!(
            "SELECT d.id, d.auto_message_id, d.due_at, d.chat_id,
                       length(m.message) AS text_chars,
                       trim(m.message, char(9, 10, 13, 32)) <> '' AS has_text,
                       instr(m.message, '{{{{') > 0 AS is_template,
                       CASE WHEN {IS_CONTACT_CHANGED} THEN 1 WHEN {IS_OPTED_OUT} THEN 2
                           ELSE 0 END AS recipient
                   FROM deliveries d
                   CROSS JOIN auto_messages m INDEXED BY idx_auto_messages_status_scheduled_at
                       ON m.id = d.auto_message_id AND m.status = 'sending'
                       AND m.scheduled_at = d.due_at
                   WHERE d.channel_id = :channel_id AND d.status = 'pending'
                       AND d.due_at >= :late_before
                       AND (d.next_attempt_at IS NULL OR d.next_attempt_at <= :now)
                   ORDER BY d.due_at, d.id LIMIT 1"
        );
        let params = named_params! {
            ":channel_id": channel_id,
            ":late_before": late_before,
            ":now": now,
        };
        let read = |row: &Row<'_>| {
            Ok(Open {
                id: row.get("id")?,
                auto_message_id: row.get("auto_message_id")?,
                due_at: row.get("due_at")?,
                chat_id: lossy(row, "chat_id")?.unwrap_or_default(),
                has_text: row.get("has_text")?,
                text_chars: row.get("text_chars")?,
                is_template: row.get("is_template")?,
                recipient: match row.get("recipient")? {
                    0_i64 => RecipientNow::AsPlanned,
                    1 => RecipientNow::ContactChanged,
                    _ => RecipientNow::OptedOut,
                },
            })
        };
        self.query_optional(&sql, params, read)
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
    /// paced by somebody else since it was looked at.
    pub fn claim(&self, request: &ClaimRequest<'_>, now: Timestamp) -> SqlResult<Option<Claimed>> {
        let sql = format!("UPDATE deliveries AS d SET status = 'sending', attempts = attempts + 1,
                       waha_message_id = :reserved_id, claimed_at = :now, next_attempt_at = NULL,
                       error = NULL, ack = NULL,
                       text = coalesce(:rendered, (SELECT replace(replace(message, char(13, 10), char(10)), char(13), char(10)) FROM auto_messages WHERE id = auto_message_id))
                   WHERE id = :id AND status = 'pending' AND channel_id = :channel_id
                       AND EXISTS (SELECT 1
                           FROM auto_messages m INDEXED BY idx_auto_messages_status_scheduled_at
                           WHERE m.id = auto_message_id AND m.status = 'sending'
                               AND m.scheduled_at = due_at
                               AND (:rendered IS NOT NULL OR instr(m.message, '{{{{') = 0))
                       AND EXISTS (SELECT 1 FROM channels c
                           WHERE c.id = :channel_id AND c.is_active = 1 AND c.held_reason IS NULL
                               AND trim(c.session_name) = :session AND c.ready_at IS :seen_ready_at
                               AND c.send_window IS :seen_send_window
                               AND c.daily_limit IS :seen_daily_limit)
                       AND (:day_limit IS NULL OR :day_limit > coalesce((SELECT claimed
                           FROM channel_days WHERE channel_id = :channel_id AND day = :day), 0))
                       AND NOT {IS_OPTED_OUT} AND NOT {IS_CONTACT_CHANGED}
                   RETURNING auto_message_id, due_at, attempts, chat_id, text,
                       (SELECT metadata FROM auto_messages WHERE id = auto_message_id) AS metadata");
        let params = named_params! {
            ":id": request.delivery_id,
            ":channel_id": request.channel_id,
            ":session": request.session,
            ":reserved_id": request.reserved_id,
            ":rendered": request.rendered,
            ":seen_ready_at": request.seen_ready_at,
            ":seen_send_window": request.seen_send_window,
            ":seen_daily_limit": request.seen_daily_limit,
            ":day": request.day,
            ":day_limit": request.day_limit,
            ":now": now,
        };
        let read = |row: &Row<'_>| {
            Ok(Claimed {
                delivery_id: request.delivery_id,
                auto_message_id: row.get("auto_message_id")?,
                due_at: row.get("due_at")?,
                channel_id: request.channel_id,
                claimed_at: now,
                day: request.day,
                attempt: row.get("attempts")?,
                chat_id: row.get("chat_id")?,
                text: row.get("text")?,
                metadata: row.get("metadata")?,
                reserved_id: request.reserved_id.map(str::to_owned),
            })
        };
        let claimed = self.query_optional(&sql, params, read)?;
        if claimed.is_some() {
            self.set_channel_ready_at(request.channel_id, request.next_ready_at, false, now)?;
            self.count_claim(request.channel_id, request.day)?;
        }
        Ok(claimed)
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
        let sql = "UPDATE deliveries SET status = :status, error = :error,
                       attempts = attempts - :uncounted,
                       waha_message_id = CASE :status
                           WHEN 'unknown' THEN waha_message_id ELSE :waha_message_id END,
                       ack = :ack,
                       text = CASE WHEN :status = 'pending' THEN NULL ELSE text END,
                       claimed_at = CASE WHEN :status = 'pending' THEN NULL ELSE claimed_at END,
                       finished_at = CASE WHEN :status = 'pending' THEN NULL ELSE :now END,
                       next_attempt_at = CASE WHEN :status = 'unknown' THEN :lookup_at END
                   WHERE id = :id AND status = 'sending' AND attempts = :attempt";
        let params = named_params! {
            ":id": claimed.delivery_id,
            ":attempt": claimed.attempt,
            ":status": transition.status,
            ":error": transition.error,
            ":ack": transition.ack,
            ":uncounted": i64::from(!transition.counts_attempt),
            ":waha_message_id": waha_message_id,
            ":now": now,
            ":lookup_at": claimed.claimed_at.plus(FIRST_LOOKUP_AFTER),
        };
        self.change(sql, params)
    }

    /// Ends a pending delivery that cannot be sent, without any request. Returns whether it was
    /// still pending.
    pub(crate) fn end_pending(
        &self,
        delivery_id: i64,
        status: Status,
        error: &str,
        now: Timestamp,
    ) -> SqlResult<bool> {
        let sql = "UPDATE deliveries SET status = :status, error = :error, finished_at = :now
                   WHERE id = :id AND status = 'pending'";
        let params = named_params! {
            ":id": delivery_id,
            ":status": status,
            ":error": error,
            ":now": now,
        };
        self.change(sql, params)
    }

    /// Expires what is still pending of an occurrence. Returns how many deliveries that were.
    pub(crate) fn expire_pending(
        &self,
        auto_message_id: i64,
        due_at: Timestamp,
        error: &str,
        now: Timestamp,
    ) -> SqlResult<usize> {
        self.end_all_pending(auto_message_id, due_at, (Status::Expired, error), now)
    }

    /// Ends what is still pending of an occurrence with this status and error. Returns how many
    /// deliveries that were.
    pub(crate) fn end_all_pending(
        &self,
        auto_message_id: i64,
        due_at: Timestamp,
        (status, error): (Status, &str),
        now: Timestamp,
    ) -> SqlResult<usize> {
        let sql = "UPDATE deliveries SET status = :status, error = :error, finished_at = :now
                   WHERE auto_message_id = :auto_message_id AND due_at = :due_at
                       AND status IN ('pending', 'sending') AND status = 'pending'";
        let params = named_params! {
            ":auto_message_id": auto_message_id,
            ":due_at": due_at,
            ":status": status,
            ":error": error,
            ":now": now,
        };
        self.change_rows(sql, params)
    }

    /// Makes every delivery that is `sending` `unknown`: only for the one process that holds the
    /// sender's lock, before its first claim. Whoever claimed them died in between.
    pub(crate) fn recover_sending(&self, now: Timestamp) -> SqlResult<Vec<Recovered>> {
        let sql = "UPDATE deliveries SET status = 'unknown', finished_at = :now,
                       next_attempt_at =
                           strftime('%Y-%m-%dT%H:%M:%SZ', claimed_at, '+' || :lookup_secs || ' seconds'),
                       error = 'the program ended while this was being sent: it may have gone out'
                   WHERE status = 'sending'
                   RETURNING id, auto_message_id, due_at, channel_id";
        let params = named_params! {
            ":now": now,
            ":lookup_secs": FIRST_LOOKUP_AFTER.as_secs(),
        };
        self.query_rows(sql, params, |row| {
            Ok(Recovered {
                delivery_id: row.get("id")?,
                auto_message_id: row.get("auto_message_id")?,
                due_at: row.get("due_at")?,
                channel_id: row.get("channel_id")?,
            })
        })
    }

    /// How many deliveries are pending on channels of any kind, of messages that are being sent.
    pub(crate) fn count_pending(&self) -> SqlResult<u64> {
        // CROSS: from the messages to their deliveries, whatever statistics say.
        let sql = "SELECT count(*) FROM auto_messages m
                   CROSS JOIN deliveries d ON d.auto_message_id = m.id AND d.due_at = m.scheduled_at
                       AND d.status IN ('pending', 'sending')
                   WHERE m.status = 'sending'";
        self.query_value(sql, [])
    }
}
