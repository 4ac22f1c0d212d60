//! The table `runs`: who triggered what, and what came of it.

use rusqlite::Row;

use super::{PageFrom, SqlResult, Tx, explanation, lossy, params, read, seen_time};
use crate::clock::Timestamp;
use crate::reason::{Explanation, Reason};
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
        Cli = "cli",
    }
}

/// `runs.remote` of a run that a test message began by itself.
pub(crate) const TEST_SEND: &str = "test-send";

/// What a run did, in messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct RunCounts {
    pub processed: u64,
    pub success: u64,
    pub(crate) failed: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Run {
    pub(crate) id: i64,
    pub(crate) trigger: Trigger,
    #[serde(skip)]
    pub(crate) remote: Option<String>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    #[serde(flatten)]
    pub(crate) counts: RunCounts,
    /// Why it ended early.
    pub(crate) error: Option<Explanation>,
}

impl Run {
    fn from_row(row: &Row<'_>) -> SqlResult<Self> {
        let counts: SqlResult<RunCounts> =
            read! { row => RunCounts { processed, success, failed } };
        read! { row => Self {
            id, trigger, lossy remote, seen_time started_at, seen_time finished_at, counts: counts?,
            explanation error,
        } }
    }
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
        self.insert_row(sql, params! { trigger, remote, ":started_at": now })
    }

    pub(crate) fn finish_run(
        &self,
        id: i64,
        counts: RunCounts,
        error: Option<&Explanation>,
        now: Timestamp,
    ) -> SqlResult<()> {
        let sql = "UPDATE runs SET finished_at = :finished_at, processed = :processed,
                       success = :success, failed = :failed, error = :error,
                       error_code = :code, error_args = :args
                   WHERE id = :id";
        let params = params! {
            id, error, counts.{ processed, success, failed },
            ":finished_at": now,
            ":code": error.and_then(Explanation::code),
            ":args": error.and_then(Explanation::args),
        };
        self.execute_sql(sql, params)
    }

    /// Closes the runs whose process died, and says so in `error`.
    pub(crate) fn close_interrupted_runs(&self, now: Timestamp) -> SqlResult<usize> {
        let sql = "UPDATE runs SET finished_at = :now, error = :error, error_code = :code,
                       error_args = :args
                   WHERE finished_at IS NULL";
        self.change_rows(sql, params! { now, why(&Reason::EndedDuringRun) })
    }

    pub(crate) fn drop_empty_runs(&self, before: Timestamp) -> SqlResult<usize> {
        let sql = "DELETE FROM runs
                   WHERE processed = 0 AND started_at < :before AND finished_at IS NOT NULL
                       AND error IS NULL";
        self.change_rows(sql, params! { before })
    }

    pub(crate) fn page_of_runs(&self, from: PageFrom, limit: u32) -> SqlResult<Vec<Run>> {
        let ((above, below), order) = (from.bounds(), from.order());
        let sql = format!(
            "SELECT * FROM runs WHERE id > :above AND id < :below ORDER BY id {order} LIMIT :limit"
        );
        let params = params! { above, below, limit };
        Ok(from.newest_first(self.query_rows(&sql, params, Run::from_row)?))
    }

    pub fn last_runs(&self, limit: u32) -> SqlResult<Vec<Run>> {
        self.page_of_runs(PageFrom::Newest, limit)
    }

    /// The newest run of any process but a test message's own: that one tells nothing of cron.
    pub fn newest_trigger(&self) -> SqlResult<Option<Run>> {
        let sql = "SELECT * FROM runs WHERE remote IS NOT :test_send ORDER BY id DESC LIMIT 1";
        self.query_optional(sql, params! { ":test_send": TEST_SEND }, Run::from_row)
    }
}
