//! The tables `callbacks` and `callback_wants`: facts that CALLBACK_URL is told. The database's own
//! triggers write them, in the transaction of the fact; here they are read, and marked.

use rusqlite::Row;

use super::{SqlResult, Tx, lossy, params, read, seen_time};
use crate::clock::Timestamp;
use crate::config::CallbackEvent;
use crate::text_enum::text_enum;

/// As many rows that were told stay, by id, to be looked at or told again.
const TOLD_MAX: i64 = 1000;
/// The key in `meta` of how many were dropped untold.
const DROPPED: &str = "callbacks_dropped";

text_enum! {
    pub enum CallbackStatus {
        Waiting = "waiting",
        /// The receiver took it.
        Told = "told",
        /// Given up.
        Failed = "failed",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Callback {
    pub(crate) id: i64,
    /// The same for each attempt.
    pub(crate) webhook_id: String,
    /// A word of [`CallbackEvent`].
    pub(crate) event: String,
    /// What it is about, such as `message 12`.
    pub(crate) subject: String,
    /// A JSON object, with the recipient's number and name.
    #[serde(skip)]
    pub(crate) data: String,
    /// When it happened, by the system's clock.
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) status: CallbackStatus,
    pub(crate) attempts: u32,
    #[serde(skip)]
    pub(crate) first_attempt_at: Option<Timestamp>,
    pub(crate) last_attempt_at: Option<Timestamp>,
    /// Not tried before this.
    pub(crate) next_attempt_at: Option<Timestamp>,
    pub(crate) error: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct CallbackCounts {
    pub waiting: u64,
    /// Given up after three days of attempts.
    pub failed: u64,
    /// Never told, because too many waited; of all times.
    pub dropped: u64,
}

impl Callback {
    fn from_row(row: &Row<'_>) -> SqlResult<Self> {
        read! { row => Self {
            id, webhook_id, event, subject,
            data: lossy(row, "data")?.unwrap_or_default(),
            seen_time created_at, status, attempts, seen_time first_attempt_at,
            seen_time last_attempt_at, seen_time next_attempt_at, lossy error,
        } }
    }
}

impl Tx<'_> {
    /// Whether exactly these events become callbacks.
    pub fn are_callbacks_wanted(&self, events: &[CallbackEvent]) -> SqlResult<bool> {
        let wanted: Vec<String> =
            self.query_values("SELECT event FROM callback_wants ORDER BY rank", &[])?;
        let events = CallbackEvent::ALL.into_iter().filter(|event| events.contains(event));
        Ok(events.map(CallbackEvent::as_str).eq(wanted))
    }

    /// From now on exactly these events become callbacks. Those that wait stay.
    pub fn want_callbacks(&self, events: &[CallbackEvent]) -> SqlResult<()> {
        self.execute_sql("DELETE FROM callback_wants", &[])?;
        for (rank, event) in (1_i64..).zip(CallbackEvent::ALL) {
            if events.contains(&event) {
                let sql = "INSERT INTO callback_wants (rank, event) VALUES (:rank, :event)";
                self.execute_sql(sql, params! { rank, event })?;
            }
        }
        Ok(())
    }

    /// The oldest callback that may be told at `now` and that waits for no older one of its subject.
    pub(crate) fn next_callback(&self, now: Timestamp) -> SqlResult<Option<Callback>> {
        // The index has all that decides: where one subject fails, thousands may wait behind it.
        let sql = "SELECT * FROM callbacks WHERE id = (
                       SELECT c.id FROM callbacks c INDEXED BY idx_callbacks_waiting
                       WHERE c.status = 'waiting'
                           AND (c.next_attempt_at IS NULL OR c.next_attempt_at <= :now)
                           AND NOT EXISTS (SELECT 1 FROM callbacks p
                               WHERE p.subject = c.subject AND p.status = 'waiting' AND p.id < c.id)
                       ORDER BY c.id LIMIT 1)";
        self.query_optional(sql, params! { now }, Callback::from_row)
    }

    /// Notes that the receiver took it. Old ones that it took are removed.
    pub(crate) fn note_callback_told(&self, id: i64, now: Timestamp) -> SqlResult<()> {
        let sql = "UPDATE callbacks SET status = 'told', attempts = attempts + 1,
                       first_attempt_at = coalesce(first_attempt_at, :now), last_attempt_at = :now,
                       next_attempt_at = NULL, error = NULL
                   WHERE id = :id AND status = 'waiting'";
        self.execute_sql(sql, params! { id, now })?;
        let sql = "DELETE FROM callbacks WHERE status = 'told' AND id <= :oldest";
        self.execute_sql(sql, params! { ":oldest": id - TOLD_MAX })
    }

    /// Notes that the receiver did not take it. It is tried again at `next`, or given up without one.
    pub(crate) fn note_callback_not_told(
        &self,
        id: i64,
        error: &str,
        next: Option<Timestamp>,
        now: Timestamp,
    ) -> SqlResult<()> {
        let sql = "UPDATE callbacks SET status = iif(:next IS NULL, 'failed', 'waiting'),
                       attempts = attempts + 1, error = :error, next_attempt_at = :next,
                       first_attempt_at = coalesce(first_attempt_at, :now), last_attempt_at = :now
                   WHERE id = :id AND status = 'waiting'";
        self.execute_sql(sql, params! { id, error, next, now })
    }

    /// Removes the oldest beyond `max` of those that wait, which it counts and returns, and of those given up.
    pub fn drop_callbacks(&self, max: u32) -> SqlResult<u64> {
        let mut dropped = 0;
        for status in [CallbackStatus::Waiting, CallbackStatus::Failed] {
            let status = status.as_str();
            let sql = format!(
                "SELECT id FROM callbacks WHERE status = '{status}' ORDER BY id DESC LIMIT 1 OFFSET :max"
            );
            let oldest: Option<i64> = self.query_maybe(&sql, params! { max })?;
            let Some(oldest) = oldest else { continue };
            let sql = format!("DELETE FROM callbacks WHERE status = '{status}' AND id <= :oldest");
            let removed = self.change_rows(&sql, params! { oldest })?;
            if status == "waiting" {
                dropped = u64::try_from(removed).unwrap_or(u64::MAX);
                let before = self.callbacks_dropped()?;
                self.set_meta(DROPPED, &before.saturating_add(dropped).to_string())?;
            }
        }
        Ok(dropped)
    }

    fn callbacks_dropped(&self) -> SqlResult<u64> {
        Ok(self.meta_number(DROPPED)?.unwrap_or(0))
    }

    pub fn callback_counts(&self) -> SqlResult<CallbackCounts> {
        Ok(CallbackCounts {
            waiting: self
                .query_value("SELECT count(*) FROM callbacks WHERE status = 'waiting'", &[])?,
            failed: self
                .query_value("SELECT count(*) FROM callbacks WHERE status = 'failed'", &[])?,
            dropped: self.callbacks_dropped()?,
        })
    }

    /// The newest callbacks, all or of one status, newest first.
    pub fn callbacks(
        &self,
        status: Option<CallbackStatus>,
        limit: u32,
    ) -> SqlResult<Vec<Callback>> {
        let of_status = status.map(|status| format!("WHERE status = '{status}'"));
        let sql = format!(
            "SELECT * FROM callbacks {} ORDER BY id DESC LIMIT :limit",
            of_status.unwrap_or_default()
        );
        self.query_rows(&sql, params! { limit }, Callback::from_row)
    }

    /// Lets a callback be told again at once, whatever became of it. Returns whether it is there.
    pub fn retry_callback(&self, id: i64) -> SqlResult<bool> {
        let sql = "UPDATE callbacks SET status = 'waiting', first_attempt_at = NULL,
                       next_attempt_at = NULL WHERE id = :id";
        self.change(sql, params! { id })
    }

    /// The same for all that were given up or wait for a further attempt. Returns how many.
    pub fn retry_callbacks(&self) -> SqlResult<usize> {
        let sql = "UPDATE callbacks SET status = 'waiting', first_attempt_at = NULL,
                       next_attempt_at = NULL
                   WHERE status = 'failed' OR status = 'waiting' AND next_attempt_at IS NOT NULL";
        self.change_rows(sql, &[])
    }
}
