//! Deliveries that are `unknown`: which to look up, and what was found.

use std::time::Duration;

use rusqlite::Row;

use super::{SqlResult, Tx, explanation, lossy, params, read, text};
use crate::clock::Timestamp;
use crate::content::Content;
use crate::delivery::Status;
use crate::reason::{Explanation, Reason};
use crate::template::is_same_text;

/// A delivery of which nobody knows whether it went out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnknownDelivery {
    pub(crate) id: i64,
    pub(crate) channel_id: i64,
    pub(crate) auto_message_id: i64,
    pub(crate) due_at: Timestamp,
    /// The session that may have sent it, when its channel still has one.
    pub(crate) session: Option<String>,
    pub(crate) chat_id: String,
    /// The chat id that the request had.
    pub(crate) waha_chat_id: String,
    pub(crate) text: String,
    content: Option<String>,
    pub(crate) reserved_id: Option<String>,
    pub(crate) claimed_at: Timestamp,
    /// Why it is unknown.
    pub(crate) error: Explanation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DueLookup {
    pub(crate) delivery_id: i64,
    pub(crate) channel_id: i64,
}

impl UnknownDelivery {
    /// Whether a message in the chat can be known to be this one by its words. What cannot be read is not.
    pub(crate) fn is_known_by_words(&self) -> bool {
        let content = Content::read(self.content.as_deref());
        content.is_ok_and(|content| content.is_known_by_words(&self.text))
    }

    pub(crate) fn has_media(&self) -> bool {
        Content::read(self.content.as_deref()).is_ok_and(|content| content.needs_plus())
    }
}

impl Tx<'_> {
    /// At most `limit` unknown deliveries whose look-up is due at `now`: of each channel the longest
    /// due first, and the channels in turn, so that one with very many keeps no other waiting.
    pub(crate) fn due_lookups(&self, now: Timestamp, limit: u32) -> SqlResult<Vec<DueLookup>> {
        let sql = "SELECT id, channel_id FROM deliveries
                   WHERE status = 'unknown' AND next_attempt_at <= :now
                   ORDER BY row_number() OVER (PARTITION BY channel_id ORDER BY next_attempt_at, id),
                       next_attempt_at LIMIT :limit";
        let params = params! { now, limit };
        let read = |row: &Row<'_>| {
            Ok(DueLookup { delivery_id: row.get("id")?, channel_id: row.get("channel_id")? })
        };
        self.query_rows(sql, params, read)
    }

    /// The delivery, when it is still unknown and was claimed.
    pub(crate) fn unknown_delivery(&self, id: i64) -> SqlResult<Option<UnknownDelivery>> {
        // By its id, whatever statistics say.
        let sql =
            "SELECT d.id, d.channel_id, d.auto_message_id, d.due_at, nullif(trim(c.session_name), '') AS session,
                       d.chat_id, coalesce((SELECT n.checked_chat_id FROM numbers n WHERE n.chat_id = d.chat_id),
                           d.chat_id) AS waha_chat_id, d.text, d.content, d.waha_message_id, d.claimed_at,
                       d.error, d.error_code, d.error_args
                   FROM deliveries d NOT INDEXED LEFT JOIN channels c ON c.id = d.channel_id
                   WHERE d.id = :id AND d.status = 'unknown' AND d.claimed_at IS NOT NULL
                       AND d.text IS NOT NULL";
        let read = |row: &Row<'_>| {
            let why = explanation(row, "error")?;
            read! { row => UnknownDelivery {
                id, channel_id, auto_message_id, due_at, session, chat_id, waha_chat_id, text, lossy content, claimed_at,
                reserved_id: row.get("waha_message_id")?,
                error: why.unwrap_or(Explanation::Words(String::new())),
            } }
        };
        self.query_optional(sql, params! { id }, read)
    }

    pub(crate) fn is_id_of_another(&self, waha_message_id: &str, id: i64) -> SqlResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM deliveries
                       WHERE waha_message_id = :waha_message_id AND id <> :id)";
        self.query_value(sql, params! { waha_message_id, id })
    }

    /// Whether another delivery of the same text, as WhatsApp keeps it, to the same chat is under way
    /// or unknown and was claimed within `window` of this one: then a message in the chat could be
    /// either's.
    pub(crate) fn has_rival(&self, unknown: &UnknownDelivery, window: Duration) -> SqlResult<bool> {
        // The first half has an index; the second goes through that of what is under way.
        let sql = "SELECT text FROM deliveries
                       WHERE status = 'unknown' AND chat_id = :chat_id AND id <> :id
                           AND claimed_at BETWEEN :from AND :until
                   UNION ALL SELECT text FROM deliveries
                       WHERE status = 'sending' AND chat_id = :chat_id AND id <> :id
                           AND claimed_at BETWEEN :from AND :until";
        let params = params! {
            unknown.{ id, chat_id },
            ":from": unknown.claimed_at.minus(window),
            ":until": unknown.claimed_at.plus(window),
        };
        let texts: Vec<String> = self.query_rows(sql, params, |row| text(row, "text"))?;
        Ok(texts.iter().any(|text| is_same_text(text, &unknown.text)))
    }

    /// Resolves an unknown delivery: `sent` or `failed`, with the id and the ack that were found, and
    /// brings its message in line. Returns `false`, with nothing changed, when it is not unknown.
    pub(crate) fn resolve_unknown(
        &self,
        unknown: &UnknownDelivery,
        status: Status,
        waha_message_id: &str,
        ack: i64,
        error: Option<&Reason>,
        now: Timestamp,
    ) -> SqlResult<bool> {
        let sql = "UPDATE deliveries SET status = :status, waha_message_id = :waha_message_id,
                       ack = max(coalesce(ack, :ack), :ack), error = :error, error_code = :code,
                       error_args = :args, next_attempt_at = NULL, finished_at = :now
                   WHERE id = :id AND status = 'unknown'";
        let params = params! { status, waha_message_id, ack, now, unknown.{ id }, why(error) };
        let changed = self.change_rows(sql, params)?;
        if changed > 0 {
            let moved = (Status::Unknown, status);
            self.note_proven(unknown.channel_id, Status::Unknown, status)?;
            self.correct_message(unknown.auto_message_id, unknown.due_at, moved, now)?;
        }
        Ok(changed > 0)
    }

    /// Leaves a delivery unknown, says in `error` what the look-up found (`None` leaves what it says),
    /// and when the next one is; `None` for no more.
    pub(crate) fn postpone_lookup(
        &self,
        delivery_id: i64,
        next: Option<Timestamp>,
        error: Option<&Reason>,
    ) -> SqlResult<()> {
        let sql = "UPDATE deliveries SET next_attempt_at = :next, error = coalesce(:error, error),
                       error_code = iif(:error IS NULL, error_code, :code),
                       error_args = iif(:error IS NULL, error_args, :args)
                   WHERE id = :id AND status = 'unknown'";
        self.execute_sql(sql, params! { next, ":id": delivery_id, why(error) })
    }
}
