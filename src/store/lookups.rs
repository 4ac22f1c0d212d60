//! Deliveries that are `unknown`: which to look up, and what was found.

use std::time::Duration;

use rusqlite::{OptionalExtension, Row, named_params};

use super::{SqlResult, Tx, timestamp};
use crate::clock::Timestamp;
use crate::delivery::Status;

/// A delivery of which nobody knows whether it went out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownDelivery {
    /// `deliveries.id`.
    pub id: i64,
    /// Its message.
    pub auto_message_id: i64,
    /// Its occurrence.
    pub due_at: Timestamp,
    /// The session that may have sent it.
    pub session: String,
    /// Whom it went to.
    pub chat_id: String,
    /// The exact text.
    pub text: String,
    /// The id that WAHA was asked to use, when it had offered one.
    pub reserved_id: Option<String>,
    /// When it was claimed.
    pub claimed_at: Timestamp,
    /// Why it is unknown.
    pub error: String,
}

impl Tx<'_> {
    /// The ids of at most `limit` unknown deliveries whose look-up is due at `now`.
    ///
    /// # Errors
    /// When the statement fails.
    pub fn due_lookups(&self, now: Timestamp, limit: u32) -> SqlResult<Vec<i64>> {
        let sql = "SELECT id FROM deliveries
                   WHERE status = 'unknown' AND next_attempt_at <= :now
                   ORDER BY next_attempt_at LIMIT :limit";
        let mut statement = self.prepare(sql)?;
        let params = named_params! { ":now": now.to_string(), ":limit": limit };
        let rows = statement.query_map(params, |row| row.get(0))?;
        rows.collect()
    }

    /// The delivery, when it is still unknown and its channel has a session.
    ///
    /// # Errors
    /// When the statement fails.
    pub fn unknown_delivery(&self, id: i64) -> SqlResult<Option<UnknownDelivery>> {
        // By its id, whatever statistics say.
        let sql =
            "SELECT d.id, d.auto_message_id, d.due_at, trim(c.session_name) AS session, d.chat_id,
                       d.text, d.waha_message_id, d.claimed_at, coalesce(d.error, '') AS error
                   FROM deliveries d NOT INDEXED CROSS JOIN channels c ON c.id = d.channel_id
                   WHERE d.id = :id AND d.status = 'unknown' AND d.claimed_at IS NOT NULL
                       AND d.text IS NOT NULL AND trim(c.session_name) <> ''";
        let read = |row: &Row<'_>| {
            Ok(UnknownDelivery {
                id: row.get("id")?,
                auto_message_id: row.get("auto_message_id")?,
                due_at: timestamp(row, "due_at")?,
                session: row.get("session")?,
                chat_id: row.get("chat_id")?,
                text: row.get("text")?,
                reserved_id: row.get("waha_message_id")?,
                claimed_at: timestamp(row, "claimed_at")?,
                error: row.get("error")?,
            })
        };
        self.prepare(sql)?.query_row(named_params! { ":id": id }, read).optional()
    }

    /// Whether a message id is known to be another delivery's.
    ///
    /// # Errors
    /// When the statement fails.
    pub fn is_id_of_another(&self, waha_message_id: &str, delivery_id: i64) -> SqlResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM deliveries
                       WHERE waha_message_id = :waha_message_id AND id <> :id)";
        let params = named_params! { ":waha_message_id": waha_message_id, ":id": delivery_id };
        self.prepare(sql)?.query_row(params, |row| row.get(0))
    }

    /// Whether another delivery of the same text to the same chat is under way or unknown and was
    /// claimed within `window` of this one: then a message in the chat could be either's.
    ///
    /// # Errors
    /// When the statement fails.
    pub fn has_rival(&self, unknown: &UnknownDelivery, window: Duration) -> SqlResult<bool> {
        // The first half has an index; the second goes through that of what is under way.
        let sql = "SELECT EXISTS (SELECT 1 FROM deliveries
                       WHERE status = 'unknown' AND chat_id = :chat_id AND text = :text AND id <> :id
                           AND claimed_at BETWEEN :from AND :until)
                   OR EXISTS (SELECT 1 FROM deliveries
                       WHERE status = 'sending' AND chat_id = :chat_id AND text = :text AND id <> :id
                           AND claimed_at BETWEEN :from AND :until)";
        let params = named_params! {
            ":id": unknown.id,
            ":chat_id": unknown.chat_id,
            ":text": unknown.text,
            ":from": unknown.claimed_at.minus(window).to_string(),
            ":until": unknown.claimed_at.plus(window).to_string(),
        };
        self.prepare(sql)?.query_row(params, |row| row.get(0))
    }

    /// Resolves an unknown delivery: `sent` or `failed`, with the id and the ack that were found, and
    /// brings its message in line. Returns `false`, with nothing changed, when it is not unknown.
    ///
    /// # Errors
    /// When a statement fails.
    pub fn resolve_unknown(
        &self,
        unknown: &UnknownDelivery,
        status: Status,
        waha_message_id: &str,
        ack: i64,
        error: Option<&str>,
        now: Timestamp,
    ) -> SqlResult<bool> {
        let sql = "UPDATE deliveries SET status = :status, waha_message_id = :waha_message_id,
                       ack = max(coalesce(ack, :ack), :ack), error = :error, next_attempt_at = NULL,
                       finished_at = :now
                   WHERE id = :id AND status = 'unknown'";
        let changed = self.prepare(sql)?.execute(named_params! {
            ":id": unknown.id,
            ":status": status.as_str(),
            ":waha_message_id": waha_message_id,
            ":ack": ack,
            ":error": error,
            ":now": now.to_string(),
        })?;
        if changed > 0 {
            let moved = (Status::Unknown, status);
            self.correct_message(unknown.auto_message_id, unknown.due_at, moved, now)?;
        }
        Ok(changed > 0)
    }

    /// Leaves a delivery unknown, says in `error` what the look-up found, and when the next one is;
    /// `None` for no more.
    ///
    /// # Errors
    /// When the statement fails.
    pub fn postpone_lookup(
        &self,
        delivery_id: i64,
        next: Option<Timestamp>,
        error: &str,
    ) -> SqlResult<()> {
        let sql = "UPDATE deliveries SET next_attempt_at = :next, error = :error
                   WHERE id = :id AND status = 'unknown'";
        self.prepare(sql)?.execute(named_params! {
            ":id": delivery_id,
            ":next": next.map(|at| at.to_string()),
            ":error": error,
        })?;
        Ok(())
    }
}
