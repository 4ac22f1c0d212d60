//! Figures for monitors. Each statement is bounded by an index or by the number of channels, never by
//! how much was ever sent: they are asked every few seconds, beside millions of deliveries.

use rusqlite::named_params;

use super::{SqlResult, Tx};
use crate::clock::Timestamp;

/// How many rows of a kind have a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusCount {
    pub(crate) counted: String,
    pub(crate) status: String,
    pub(crate) number: i64,
}

impl Tx<'_> {
    /// How many messages and deliveries have which status; those that nobody has are there with 0.
    pub fn status_counts(&self) -> SqlResult<Vec<StatusCount>> {
        let sql = "SELECT counted, status, number FROM status_counts ORDER BY counted, status";
        self.query_rows(sql, [], |row| {
            Ok(StatusCount {
                counted: row.get("counted")?,
                status: row.get("status")?,
                number: row.get("number")?,
            })
        })
    }

    /// Since when the message that waits longest for being planned is due.
    pub fn oldest_unplanned(&self, now: Timestamp) -> SqlResult<Option<Timestamp>> {
        let sql = "SELECT scheduled_at FROM auto_messages
                   WHERE status = 'scheduled' AND scheduled_at <= :now
                   ORDER BY scheduled_at LIMIT 1";
        self.query_optional(sql, named_params! { ":now": now }, |row| row.get("scheduled_at"))
            .map(Option::flatten)
    }

    /// Since when the delivery that waits longest is due.
    pub fn oldest_pending(&self) -> SqlResult<Option<Timestamp>> {
        // The first of each channel by the index idx_deliveries_pending.
        let sql = "SELECT min((SELECT d.due_at FROM deliveries d
                       WHERE d.channel_id = c.id AND d.status = 'pending'
                       ORDER BY d.due_at, d.id LIMIT 1)) AS due_at
                   FROM channels c";
        self.query_value(sql, [])
    }

    /// When the newest run began, of any process.
    pub fn newest_run_at(&self) -> SqlResult<Option<Timestamp>> {
        let sql = "SELECT started_at FROM runs ORDER BY id DESC LIMIT 1";
        self.query_optional(sql, [], |row| row.get("started_at")).map(Option::flatten)
    }
}
