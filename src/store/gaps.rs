//! Who got something lately, and who therefore waits: the rules of RECIPIENT_GAP_HOURS in SQL.
//!
//! A delivery that waits has `next_attempt_at`, and stands in another part of the index than the channel's
//! next one. When its time has come, the column is emptied.

use std::time::Duration;

use rusqlite::Row;

use super::{SqlResult, Tx, params, seen_time};
use crate::clock::Timestamp;
use crate::reason::Reason;

/// Whether delivery `e` reached its chat, or may have; as the index `idx_deliveries_reached` has it.
pub(super) const IS_REACHED: &str = "e.status IN ('sending', 'sent', 'unknown')";
/// When it did.
pub(super) const REACHED_AT: &str = "coalesce(e.claimed_at, e.finished_at)";

/// The last message that a chat got, or may have got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) at: Timestamp,
    /// Whether it is under way: nobody knows yet whether it gets there.
    pub(crate) is_sending: bool,
}

impl Tx<'_> {
    /// The last message that a chat got less than `gap` from `now`, also one of the future, by another clock.
    pub(crate) fn reached(
        &self,
        chat_id: &str,
        gap: Duration,
        now: Timestamp,
    ) -> SqlResult<Option<Reached>> {
        let sql = format!(
            "SELECT {REACHED_AT} AS at, e.status = 'sending' AS is_sending
             FROM deliveries e INDEXED BY idx_deliveries_reached
             WHERE e.chat_id = :chat_id AND {IS_REACHED} AND {REACHED_AT} > :from AND {REACHED_AT} < :until
             ORDER BY {REACHED_AT} DESC LIMIT 1"
        );
        let params = params! { chat_id, ":from": now.minus(gap), ":until": now.plus(gap) };
        let read =
            |row: &Row<'_>| Ok(Reached { at: row.get("at")?, is_sending: row.get("is_sending")? });
        self.query_optional(&sql, params, read)
    }

    /// Lets a pending delivery wait until then, and says why in its row.
    pub(crate) fn let_wait(&self, id: i64, until: Timestamp, why: &Reason) -> SqlResult<()> {
        let sql =
            "UPDATE deliveries SET next_attempt_at = :until, error = :error, error_code = :code,
                       error_args = :args
                   WHERE id = :id AND status = 'pending'";
        self.execute_sql(sql, params! { id, until, why(why) })
    }

    /// When the first of a channel's deliveries is free that waits: `now`, when it is by then.
    pub(crate) fn first_waiting(
        &self,
        channel_id: i64,
        now: Timestamp,
    ) -> SqlResult<Option<Timestamp>> {
        // As text, because a person may write another form.
        let sql = "SELECT next_attempt_at AS at, next_attempt_at <= :now AS is_free FROM deliveries
                   WHERE channel_id = :channel_id AND status = 'pending' AND next_attempt_at > ''
                   ORDER BY next_attempt_at LIMIT 1";
        let read = |row: &Row<'_>| {
            let is_free: bool = row.get("is_free")?;
            if is_free { Ok(Some(now)) } else { seen_time(row, "at") }
        };
        Ok(self.query_optional(sql, params! { channel_id, now }, read)?.flatten())
    }

    /// Frees at most `limit` of a channel's deliveries whose time has come.
    pub(crate) fn free_waiting(
        &self,
        channel_id: i64,
        now: Timestamp,
        limit: u32,
    ) -> SqlResult<()> {
        let sql = "UPDATE deliveries SET next_attempt_at = NULL,
                       error = iif(error_code IN ('recipient_gap', 'not_checked'), NULL, error),
                       error_args = iif(error_code IN ('recipient_gap', 'not_checked'), NULL, error_args),
                       error_code = iif(error_code IN ('recipient_gap', 'not_checked'), NULL, error_code)
                   WHERE id IN (SELECT id FROM deliveries WHERE channel_id = :channel_id
                           AND status = 'pending' AND next_attempt_at <= :now
                       ORDER BY next_attempt_at LIMIT :limit)";
        self.execute_sql(sql, params! { channel_id, now, limit })
    }

    /// Whether any channel or message that has not ended has a gap of its own.
    pub(crate) fn has_recipient_gaps(&self) -> SqlResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM channels WHERE recipient_gap_hours > 0)
                       OR EXISTS (SELECT 1 FROM auto_messages INDEXED BY idx_auto_messages_recipient_gap
                           WHERE recipient_gap_hours > 0 AND status IN ('draft', 'scheduled', 'sending'))";
        self.query_value(sql, &[])
    }
}
