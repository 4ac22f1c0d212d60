//! Lists for people: pages of messages, recipients, contacts and runs, found by key and never by
//! counting rows to skip. Reads only.

use rusqlite::{Row, named_params};

use super::{SqlResult, Tx, lossy, seen_time};
use crate::clock::Timestamp;

/// How much of a long text a list shows, in characters.
const EXCERPT_CHARS: u32 = 160;

/// Which rows of a list, the newest first: those on the far side of a row that was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PageFrom {
    #[default]
    Newest,
    /// Older than this id.
    OlderThan(i64),
    /// Newer than this id, those next to it.
    NewerThan(i64),
}

/// A message in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedMessage {
    pub(crate) id: i64,
    pub(crate) title: Option<String>,
    /// The beginning of the text.
    pub(crate) excerpt: String,
    pub(crate) status: String,
    /// Its time, or its next one.
    pub(crate) scheduled_at: Option<Timestamp>,
    /// Whether it has a list of times, or days of the week.
    pub(crate) repeats: bool,
    /// The channel that sends it.
    pub(crate) channel_id: i64,
    /// Recipients of the latest occurrence; they stand as its retries left them.
    pub(crate) contact_count: u64,
    pub(crate) sent_count: u64,
    /// Of these: failed or too late.
    pub(crate) failed_count: u64,
    pub(crate) skipped_count: u64,
    /// Of these: nobody knows.
    pub(crate) unknown_count: u64,
    pub(crate) error: Option<String>,
}

/// A message with all that people see of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MessageDetail {
    /// As in a list.
    pub(crate) listed: ListedMessage,
    pub(crate) message: String,
    pub(crate) contact_ids: Option<String>,
    pub(crate) schedules: Option<String>,
    pub(crate) interval_config: Option<String>,
    /// When it was made, as the table has it.
    pub(crate) created_at: String,
    pub(crate) created_by: Option<String>,
}

/// A recipient of one occurrence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedRecipient {
    pub(crate) id: i64,
    pub(crate) name: Option<String>,
    /// Whom it goes to; for a skipped one, what was written.
    pub(crate) chat_id: String,
    pub(crate) status: String,
    /// How far WhatsApp says that it came.
    pub(crate) ack: Option<i64>,
    pub(crate) attempts: u64,
    /// The exact text, once it was claimed.
    pub(crate) text: Option<String>,
    /// Why it was not sent, or what a look-up found.
    pub(crate) error: Option<String>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) waha_message_id: Option<String>,
}

/// What became of the deliveries that ended in a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ended {
    /// WAHA accepted it, or it was proved.
    pub(crate) sent: u64,
    /// Of these: a device has it.
    pub(crate) delivered: u64,
    /// Of these: it was read.
    pub(crate) read: u64,
    /// Refused, or too late.
    pub(crate) failed: u64,
    /// It may have gone out.
    pub(crate) unknown: u64,
}

/// A run, for the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedRun {
    pub(crate) id: i64,
    pub(crate) trigger: String,
    pub(crate) remote: Option<String>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) processed: u64,
    pub(crate) success: u64,
    pub(crate) failed: u64,
    /// Why it ended early.
    pub(crate) error: Option<String>,
}

const MESSAGE_COLUMNS: &str =
    "id, title, substr(message, 1, :chars) AS excerpt, status, scheduled_at,
    (length(trim(coalesce(schedules, ''))) > 2 OR length(trim(coalesce(interval_config, ''))) > 2)
        AS repeats,
    channel_id, contact_count, sent_count, failed_count, skipped_count, unknown_count, error";

fn read_message(row: &Row<'_>) -> SqlResult<ListedMessage> {
    Ok(ListedMessage {
        id: row.get("id")?,
        title: lossy(row, "title")?,
        excerpt: lossy(row, "excerpt")?.unwrap_or_default(),
        status: row.get("status")?,
        scheduled_at: seen_time(row, "scheduled_at")?,
        repeats: row.get("repeats")?,
        channel_id: row.get("channel_id")?,
        contact_count: row.get("contact_count")?,
        sent_count: row.get("sent_count")?,
        failed_count: row.get("failed_count")?,
        skipped_count: row.get("skipped_count")?,
        unknown_count: row.get("unknown_count")?,
        error: lossy(row, "error")?,
    })
}

impl PageFrom {
    /// The bounds that a row's id lies between, both out of range themselves.
    pub(super) fn bounds(self) -> (i64, i64) {
        match self {
            Self::Newest => (i64::MIN, i64::MAX),
            Self::OlderThan(id) => (i64::MIN, id),
            Self::NewerThan(id) => (id, i64::MAX),
        }
    }

    pub(super) fn order(self) -> &'static str {
        match self {
            Self::Newest | Self::OlderThan(_) => "DESC",
            Self::NewerThan(_) => "ASC",
        }
    }

    /// Rows in the order in which a list shows them.
    pub(super) fn newest_first<T>(self, mut rows: Vec<T>) -> Vec<T> {
        if let Self::NewerThan(_) = self {
            rows.reverse();
        }
        rows
    }
}

/// A pattern for LIKE that finds `text` anywhere, whatever signs it holds.
pub(super) fn containing(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

impl Tx<'_> {
    /// At most `limit` messages, of one status when one is given, whose title or text holds `search`.
    pub(crate) fn page_of_messages(
        &self,
        status: Option<&str>,
        search: Option<&str>,
        from: PageFrom,
        limit: u32,
    ) -> SqlResult<Vec<ListedMessage>> {
        let (above, below) = from.bounds();
        let order = from.order();
        // The statement differs, not only its values: else no index could be chosen. INDEXED BY: with
        // statistics, the few that failed would be looked for among all that were sent.
        let by_status = if status.is_some() {
            "INDEXED BY idx_auto_messages_status WHERE status = :status"
        } else {
            "WHERE :status IS NULL"
        };
        let sql = format!(
            "SELECT {MESSAGE_COLUMNS} FROM auto_messages {by_status} AND id > :above AND id < :below
                 AND (:search IS NULL OR title LIKE :search ESCAPE '\\' OR message LIKE :search ESCAPE '\\')
             ORDER BY id {order} LIMIT :limit"
        );
        let params = named_params! {
            ":chars": EXCERPT_CHARS,
            ":status": status,
            ":above": above,
            ":below": below,
            ":search": search.map(containing),
            ":limit": limit,
        };
        let rows = self.query_rows(&sql, params, read_message)?;
        Ok(from.newest_first(rows))
    }

    /// How many messages there are of each status.
    pub(crate) fn count_by_status(&self) -> SqlResult<Vec<(String, u64)>> {
        let sql = "SELECT status, max(number, 0) AS count FROM status_counts
                   WHERE counted = 'message' ORDER BY status";
        self.query_rows(sql, [], |row| Ok((row.get("status")?, row.get("count")?)))
    }

    /// At most `limit` messages on their way, then those whose time comes next.
    pub(crate) fn next_messages(&self, limit: u32) -> SqlResult<Vec<ListedMessage>> {
        let mut found = Vec::new();
        for status in ["sending", "scheduled"] {
            let sql = format!(
                "SELECT {MESSAGE_COLUMNS} FROM auto_messages
                 WHERE status = :status AND scheduled_at IS NOT NULL
                 ORDER BY scheduled_at, id LIMIT :limit"
            );
            let mut statement = self.prepare(&sql)?;
            let params =
                named_params! { ":chars": EXCERPT_CHARS, ":status": status, ":limit": limit };
            for message in statement.query_map(params, read_message)? {
                found.push(message?);
            }
        }
        found.truncate(limit as usize);
        Ok(found)
    }

    /// A message with all that people see of it; `None` when there is none with this id.
    pub(crate) fn message_detail(&self, id: i64) -> SqlResult<Option<MessageDetail>> {
        let sql = format!(
            "SELECT {MESSAGE_COLUMNS}, message, contact_ids, schedules, interval_config, created_at,
                 created_by
             FROM auto_messages WHERE id = :id"
        );
        let read = |row: &Row<'_>| {
            Ok(MessageDetail {
                listed: read_message(row)?,
                message: lossy(row, "message")?.unwrap_or_default(),
                contact_ids: lossy(row, "contact_ids")?,
                schedules: lossy(row, "schedules")?,
                interval_config: lossy(row, "interval_config")?,
                created_at: lossy(row, "created_at")?.unwrap_or_default(),
                created_by: lossy(row, "created_by")?,
            })
        };
        self.query_optional(&sql, named_params! { ":id": id, ":chars": EXCERPT_CHARS }, read)
    }

    /// The latest occurrences of a message that have deliveries, at most `limit`, the latest first,
    /// each with whether it is a retry.
    pub(crate) fn occurrence_times(
        &self,
        auto_message_id: i64,
        limit: u32,
    ) -> SqlResult<Vec<(Timestamp, bool)>> {
        // One step in the index for each occurrence, however many recipients it has.
        let sql = "WITH RECURSIVE seen(due_at) AS (
                       SELECT max(due_at) FROM deliveries WHERE auto_message_id = :id
                       UNION ALL
                       SELECT (SELECT max(d.due_at) FROM deliveries d
                               WHERE d.auto_message_id = :id AND d.due_at < seen.due_at)
                       FROM seen WHERE seen.due_at IS NOT NULL LIMIT :limit)
                   SELECT due_at, (SELECT d.retry_of FROM deliveries d WHERE d.auto_message_id = :id
                           AND d.due_at = seen.due_at LIMIT 1) IS NOT NULL AS is_retry
                   FROM seen WHERE due_at IS NOT NULL";
        let mut statement = self.prepare(sql)?;
        let rows = statement
            .query_map(named_params! { ":id": auto_message_id, ":limit": limit }, |row| {
                Ok(seen_time(row, "due_at")?.zip(row.get("is_retry")?))
            })?;
        rows.filter_map(Result::transpose).collect()
    }

    /// At most `limit` recipients of an occurrence whose chat comes after `after`; of one of
    /// `statuses`, unless there are none.
    pub(crate) fn page_of_recipients(
        &self,
        auto_message_id: i64,
        due_at: Timestamp,
        statuses: &[&str],
        after: &str,
        limit: u32,
    ) -> SqlResult<Vec<ListedRecipient>> {
        let sql = "SELECT id, name, chat_id, status, ack, attempts, text, error, finished_at,
                       waha_message_id
                   FROM deliveries
                   WHERE auto_message_id = :id AND due_at = :due_at AND chat_id > :after
                       AND (:statuses = '' OR instr(:statuses, ',' || status || ',') > 0)
                   ORDER BY chat_id LIMIT :limit";
        let statuses = match statuses {
            [] => String::new(),
            some => format!(",{},", some.join(",")),
        };
        let params = named_params! {
            ":id": auto_message_id,
            ":due_at": due_at,
            ":after": after,
            ":statuses": statuses,
            ":limit": limit,
        };
        self.query_rows(sql, params, |row| {
            Ok(ListedRecipient {
                id: row.get("id")?,
                name: lossy(row, "name")?,
                chat_id: lossy(row, "chat_id")?.unwrap_or_default(),
                status: row.get("status")?,
                ack: row.get("ack")?,
                attempts: row.get("attempts")?,
                text: lossy(row, "text")?,
                error: lossy(row, "error")?,
                finished_at: seen_time(row, "finished_at")?,
                waha_message_id: lossy(row, "waha_message_id")?,
            })
        })
    }

    /// What became of the deliveries that ended from `from` until before `until`.
    pub(crate) fn count_ended(&self, from: Timestamp, until: Timestamp) -> SqlResult<Ended> {
        let sql = "SELECT count(*) FILTER (WHERE status = 'sent') AS sent,
                       count(*) FILTER (WHERE status = 'sent' AND ack >= 2) AS delivered,
                       count(*) FILTER (WHERE status = 'sent' AND ack >= 3) AS read,
                       count(*) FILTER (WHERE status IN ('failed', 'expired')) AS failed,
                       count(*) FILTER (WHERE status = 'unknown') AS unknown
                   FROM deliveries WHERE finished_at >= :from AND finished_at < :until";
        let params = named_params! { ":from": from, ":until": until };
        self.prepare(sql)?.query_row(params, |row| {
            Ok(Ended {
                sent: row.get("sent")?,
                delivered: row.get("delivered")?,
                read: row.get("read")?,
                failed: row.get("failed")?,
                unknown: row.get("unknown")?,
            })
        })
    }

    /// At most `limit` runs.
    pub(crate) fn page_of_runs(&self, from: PageFrom, limit: u32) -> SqlResult<Vec<ListedRun>> {
        let (above, below) = from.bounds();
        let order = from.order();
        let sql = format!(
            "SELECT id, trigger, remote, started_at, finished_at, processed, success, failed, error
             FROM runs WHERE id > :above AND id < :below ORDER BY id {order} LIMIT :limit"
        );
        let params = named_params! { ":above": above, ":below": below, ":limit": limit };
        let rows = self.query_rows(&sql, params, read_run)?;
        Ok(from.newest_first(rows))
    }

    /// The last run that somebody's cron, and not our own ticker, triggered.
    pub(crate) fn last_triggered_run(&self) -> SqlResult<Option<ListedRun>> {
        let sql =
            "SELECT id, trigger, remote, started_at, finished_at, processed, success, failed, error
                   FROM runs WHERE trigger IN ('cron', 'api') ORDER BY id DESC LIMIT 1";
        self.query_optional(sql, [], read_run)
    }
}

fn read_run(row: &Row<'_>) -> SqlResult<ListedRun> {
    Ok(ListedRun {
        id: row.get("id")?,
        trigger: row.get("trigger")?,
        remote: lossy(row, "remote")?,
        started_at: seen_time(row, "started_at")?,
        finished_at: seen_time(row, "finished_at")?,
        processed: row.get("processed")?,
        success: row.get("success")?,
        failed: row.get("failed")?,
        error: lossy(row, "error")?,
    })
}
