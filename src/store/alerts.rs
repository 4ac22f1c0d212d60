//! The table `alerts`: what a person is to be told. Rows come from the database's own triggers, in the
//! transaction of what happened; here they are read, and marked when they were told.

use rusqlite::Row;

use super::{SqlResult, Tx, lossy, params, read};
use crate::clock::Timestamp;

/// Rows that are kept, told or not. More that wait than these would be read by nobody.
const ROWS_MAX: u32 = 1000;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alert {
    pub id: i64,
    /// What happened, in one word, as the table has it.
    pub event: String,
    /// The channel that it is about, and its name.
    pub(crate) channel: Option<(i64, String)>,
    pub(crate) auto_message_id: Option<i64>,
    pub(crate) due_at: Option<Timestamp>,
    /// In words; may hold phone numbers, and what WAHA said.
    pub(crate) reason: Option<String>,
    pub(crate) count: u64,
    /// When, by the system's clock.
    pub(crate) created_at: Option<Timestamp>,
}

impl Tx<'_> {
    /// Says whether what happens from now on is to be told. What waited to be told is dropped when
    /// not: it would be old news when alerts are wanted again.
    pub fn set_alerts_on(&self, is_on: bool) -> SqlResult<()> {
        let was_on = self.meta("alerts_on")?.is_some();
        if is_on && !was_on {
            return self.set_meta("alerts_on", "1");
        }
        if !is_on && was_on {
            self.remove_meta("alerts_on")?;
            self.execute_sql("UPDATE alerts SET is_over = 1 WHERE is_over = 0", &[])?;
        }
        Ok(())
    }

    pub(crate) fn are_alerts_on(&self) -> SqlResult<bool> {
        Ok(self.meta("alerts_on")?.is_some())
    }

    /// The alerts that wait, oldest first, at most `limit`.
    pub fn waiting_alerts(&self, limit: u32) -> SqlResult<Vec<Alert>> {
        let sql =
            "SELECT a.id, a.event, a.channel_id, c.name, a.auto_message_id, a.due_at, a.reason,
                       a.count, a.created_at
                   FROM alerts a LEFT JOIN channels c ON c.id = a.channel_id
                   WHERE a.is_over = 0 ORDER BY a.id LIMIT :limit";
        let read = |row: &Row<'_>| {
            let channel: Option<i64> = row.get("channel_id")?;
            let name = lossy(row, "name")?.unwrap_or_default();
            read! { row => Alert {
                id, event,
                channel: channel.map(|id| (id, name)),
                auto_message_id,
                due_at: row.get("due_at").unwrap_or(None),
                lossy reason, count,
                created_at: row.get("created_at").unwrap_or(None),
            } }
        };
        self.query_rows(sql, params! { limit }, read)
    }

    /// Notes that the alerts `first` to `last` with this `event` were told.
    pub fn note_told(&self, event: &str, first: i64, last: i64) -> SqlResult<usize> {
        let sql = "UPDATE alerts SET is_over = 1
                   WHERE is_over = 0 AND event = :event AND id BETWEEN :first AND :last";
        let told = self.change_rows(sql, params! { event, first, last })?;
        self.drop_old_alerts()?;
        Ok(told)
    }

    /// Notes that whoever is to be told was not reached. What was tried `attempts_max` times is given
    /// up, and what is too much; returns how many that were.
    pub fn note_not_told(&self, attempts_max: u32) -> SqlResult<usize> {
        self.execute_sql("UPDATE alerts SET attempts = attempts + 1 WHERE is_over = 0", &[])?;
        let sql = "UPDATE alerts SET is_over = 1 WHERE is_over = 0 AND attempts >= :attempts_max";
        Ok(self.change_rows(sql, params! { attempts_max })? + self.drop_old_alerts()?)
    }

    /// Returns how many of them had not been told.
    fn drop_old_alerts(&self) -> SqlResult<usize> {
        let oldest = "SELECT id FROM alerts ORDER BY id DESC LIMIT 1 OFFSET :rows_max";
        let oldest: Option<i64> = self.query_maybe(oldest, params! { ":rows_max": ROWS_MAX })?;
        let Some(oldest) = oldest else { return Ok(0) };
        let sql = "UPDATE alerts SET is_over = 1 WHERE is_over = 0 AND id <= :oldest";
        let waiting = self.change_rows(sql, params! { oldest })?;
        self.execute_sql("DELETE FROM alerts WHERE id <= :oldest", params! { oldest })?;
        Ok(waiting)
    }

    /// Makes an alert because no trigger comes, once until [`Self::end_stale`]. Returns whether it is the first.
    pub fn begin_stale(&self, since: Timestamp, now: Timestamp) -> SqlResult<bool> {
        if self.meta("stale_since")?.is_some() {
            return Ok(false);
        }
        self.set_meta("stale_since", &since.to_string())?;
        if self.are_alerts_on()? {
            let sql = "INSERT INTO alerts (event, due_at, created_at)
                       VALUES ('no_trigger', :due_at, :now)";
            self.execute_sql(sql, params! { now, ":due_at": since })?;
        }
        Ok(true)
    }

    /// A trigger came. Returns whether there had been none for long.
    pub fn end_stale(&self) -> SqlResult<bool> {
        self.remove_meta("stale_since")
    }
}
