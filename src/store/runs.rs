//! The table `runs`: who triggered what, and what came of it.

use rusqlite::named_params;

use super::{SqlResult, Tx};
use crate::clock::Timestamp;
use crate::text_enum::text_enum;

text_enum! {
    /// What started a run, as `runs.trigger` has it.
    pub enum Trigger {
        /// `POST /api/cron-auto-message`.
        Cron = "cron",
        /// `POST /api/auto-message-scheduler`.
        Api = "api",
        /// The server's own ticker.
        Timer = "timer",
        /// The command `run`.
        Cli = "cli",
    }
}

/// What a run did, in messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Messages that the run worked on.
    pub processed: u64,
    /// Messages that it settled as sent.
    pub success: u64,
    /// Messages that it settled as failed.
    pub(crate) failed: u64,
}

impl Tx<'_> {
    /// Records the start of a run and returns its id. `remote` is the address of the caller.
    pub fn start_run(
        &self,
        trigger: Trigger,
        remote: Option<&str>,
        now: Timestamp,
    ) -> SqlResult<i64> {
        let sql = "INSERT INTO runs (trigger, remote, started_at) VALUES (:trigger, :remote, :started_at)";
        let params = named_params! {
            ":trigger": trigger,
            ":remote": remote,
            ":started_at": now,
        };
        self.insert_row(sql, params)
    }

    /// Records the end of a run; `error` says why it ended early.
    pub(crate) fn finish_run(
        &self,
        id: i64,
        counts: RunCounts,
        error: Option<&str>,
        now: Timestamp,
    ) -> SqlResult<()> {
        let sql = "UPDATE runs SET finished_at = :finished_at, processed = :processed,
                       success = :success, failed = :failed, error = :error
                   WHERE id = :id";
        let params = named_params! {
            ":id": id,
            ":finished_at": now,
            ":processed": counts.processed,
            ":success": counts.success,
            ":failed": counts.failed,
            ":error": error,
        };
        self.execute_sql(sql, params)
    }

    /// Closes the runs whose process died, and says so in `error`.
    pub(crate) fn close_interrupted_runs(&self, now: Timestamp) -> SqlResult<usize> {
        let sql = "UPDATE runs SET finished_at = :now, error = 'the program ended during this run'
                   WHERE finished_at IS NULL";
        self.change_rows(sql, named_params! { ":now": now })
    }

    /// Drops the runs that found nothing and began before `before`.
    pub(crate) fn drop_empty_runs(&self, before: Timestamp) -> SqlResult<usize> {
        let sql = "DELETE FROM runs
                   WHERE processed = 0 AND started_at < :before AND finished_at IS NOT NULL
                       AND error IS NULL";
        self.change_rows(sql, named_params! { ":before": before })
    }
}
