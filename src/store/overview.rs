//! Figures for one screen. Each statement is bounded by an index: they are asked every few seconds,
//! beside millions of deliveries.

use rusqlite::{Row, named_params};

use super::channels::COLUMNS;
use super::{Channel, SqlResult, Tx, label, lossy};
use crate::clock::Timestamp;
use crate::delivery::Status;

/// The message whose time comes next.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct NextDue {
    pub(crate) id: i64,
    pub(crate) title: Option<String>,
    /// The title, or how the text begins.
    #[serde(skip)]
    pub(crate) label: String,
    pub(crate) due_at: Timestamp,
}

/// A row of `runs`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RunView {
    pub(crate) id: i64,
    /// What started it, as the table has it.
    pub(crate) trigger: String,
    pub(crate) started_at: Timestamp,
    /// When it ended; `None` while it is under way.
    pub(crate) finished_at: Option<Timestamp>,
    /// Messages: all, sent, failed.
    pub(crate) processed: u64,
    pub(crate) success: u64,
    pub(crate) failed: u64,
    /// Why it ended early.
    pub(crate) error: Option<String>,
}

impl Tx<'_> {
    /// The scheduled message whose time comes first; one that is overdue too.
    pub fn next_due(&self) -> SqlResult<Option<NextDue>> {
        let sql = "SELECT id, title, message, scheduled_at FROM auto_messages
                   WHERE status = 'scheduled' AND scheduled_at IS NOT NULL
                   ORDER BY scheduled_at, id LIMIT 1";
        let read = |row: &Row<'_>| {
            let title = lossy(row, "title")?;
            let text = lossy(row, "message")?.unwrap_or_default();
            Ok(NextDue {
                id: row.get("id")?,
                label: label(title.as_deref(), &text),
                title,
                due_at: row.get("scheduled_at")?,
            })
        };
        self.query_optional(sql, [], read)
    }

    /// How many messages have this status.
    pub fn count_messages(&self, status: &str) -> SqlResult<u64> {
        let sql = "SELECT count(*) FROM auto_messages WHERE status = :status";
        self.query_value(sql, named_params! { ":status": status })
    }

    /// Every channel, with how many deliveries wait for it.
    pub fn channels_with_pending(&self) -> SqlResult<Vec<(Channel, u64)>> {
        let sql = format!(
            "SELECT {COLUMNS}, (SELECT count(*) FROM deliveries d
                 WHERE d.channel_id = c.id AND d.status = 'pending') AS pending
             FROM channels c ORDER BY c.id"
        );
        self.query_rows(&sql, [], |row| Ok((Channel::from_row(row)?, row.get("pending")?)))
    }

    /// When a delivery was last claimed or ended.
    pub fn last_recorded(&self) -> SqlResult<Option<Timestamp>> {
        let ended = "SELECT max(finished_at) AS at FROM deliveries WHERE finished_at IS NOT NULL";
        let claimed = "SELECT max(claimed_at) AS at FROM deliveries WHERE status = 'sending'";
        let ended: Option<Timestamp> = self.query_value(ended, [])?;
        Ok(ended.max(self.query_value(claimed, [])?))
    }

    /// The held channels for which deliveries wait, each with how many, and whether no `run` has told
    /// of the hold yet.
    pub fn holds(&self) -> SqlResult<Vec<(Channel, u64, bool)>> {
        let untold =
            "SELECT id FROM channels WHERE held_reason IS NOT NULL AND hold_told_at IS NULL";
        let untold = self.query_values(untold, [])?;
        let held = self.channels_with_pending()?.into_iter();
        let held = held.filter(|(channel, pending)| channel.held.is_some() && *pending > 0);
        Ok(held
            .map(|(channel, pending)| {
                let is_untold = untold.contains(&channel.id);
                (channel, pending, is_untold)
            })
            .collect())
    }

    /// Notes that a `run` told of a hold.
    pub fn note_hold_told(&self, channel_id: i64, now: Timestamp) -> SqlResult<()> {
        let sql =
            "UPDATE channels SET hold_told_at = :now WHERE id = :id AND held_reason IS NOT NULL";
        let params = named_params! { ":id": channel_id, ":now": now };
        self.execute_sql(sql, params)
    }

    /// Notes that a `run` told of a sender that seems to hang. Returns whether it is the first time.
    pub fn note_hanging_told(&self, sender: &str) -> SqlResult<bool> {
        let is_news = self.meta("hanging_told")?.as_deref() != Some(sender);
        if is_news {
            self.set_meta("hanging_told", sender)?;
        }
        Ok(is_news)
    }

    /// How many deliveries ended since `since`, by how.
    pub fn count_ended_since(&self, since: Timestamp) -> SqlResult<Vec<(Status, u64)>> {
        // One pass over the index: a GROUP BY would sort all that ended.
        let counts = Status::ALL
            .map(|status| format!("count(*) FILTER (WHERE status = '{0}') AS {0}", status.as_str()))
            .join(", ");
        let sql = format!("SELECT {counts} FROM deliveries WHERE finished_at >= :since");
        let read = |row: &Row<'_>| {
            let number = |status: Status| Ok((status, row.get(status.as_str())?));
            Status::ALL.into_iter().map(number).collect::<SqlResult<Vec<(Status, u64)>>>()
        };
        let params = named_params! { ":since": since };
        let mut counted = self.prepare(&sql)?.query_row(params, read)?;
        counted.retain(|(_, number)| *number > 0);
        Ok(counted)
    }

    /// How many deliveries are `unknown`, of all times.
    pub fn count_unknown(&self) -> SqlResult<u64> {
        let sql = "SELECT count(*) FROM deliveries WHERE status = 'unknown'";
        self.query_value(sql, [])
    }

    /// The newest runs, at most `limit`.
    pub fn last_runs(&self, limit: u32) -> SqlResult<Vec<RunView>> {
        let sql = "SELECT id, trigger, started_at, finished_at, processed, success, failed, error
                   FROM runs ORDER BY id DESC LIMIT :limit";
        let read = |row: &Row<'_>| {
            Ok(RunView {
                id: row.get("id")?,
                trigger: row.get("trigger")?,
                started_at: row.get("started_at")?,
                finished_at: row.get("finished_at")?,
                processed: row.get("processed")?,
                success: row.get("success")?,
                failed: row.get("failed")?,
                error: lossy(row, "error")?,
            })
        };
        self.query_rows(sql, named_params! { ":limit": limit }, read)
    }
}
