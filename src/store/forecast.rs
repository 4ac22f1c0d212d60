//! What a forecast reads: the queue of messages and the deliveries that they have. Reads only.

use rusqlite::{Row, named_params};

use super::messages::{DueMessage, TIMETABLE, Untimed, read_timetable};
use super::{SqlResult, Tx, label, lossy, why_unreadable};
use crate::clock::Timestamp;
use crate::delivery::Status;

/// A message that waits for its time or is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Queued {
    pub(crate) id: i64,
    /// The channel that sends it.
    pub(crate) channel_id: i64,
    pub(crate) due_at: Timestamp,
    /// The first of its deliveries that has something left to do, when it is planned.
    pub(crate) first_open: Option<i64>,
}

/// A message as a forecast needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Foreseen {
    pub(crate) title: Option<String>,
    /// The title, or how the text begins.
    pub(crate) label: String,
    pub(crate) status: String,
    pub(crate) error: Option<String>,
    /// Its time; `None` when it has none yet.
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) channel_id: i64,
    /// The rest, or why the row cannot be read. Its `due_at` means nothing when the one above is `None`.
    pub(crate) content: Result<DueMessage, String>,
}

/// A delivery as a forecast needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    /// The channel that sends it.
    pub(crate) channel_id: i64,
    /// The contact, when the recipient is one.
    pub(crate) contact_id: Option<i64>,
    pub(crate) name: Option<String>,
    /// Whom it goes to; for a skipped one, what was written.
    pub(crate) chat_id: String,
    pub(crate) status: Status,
    /// Not before this.
    pub(crate) next_attempt_at: Option<Timestamp>,
    /// The exact text, once it was claimed.
    pub(crate) text: Option<String>,
    /// Why it was not sent.
    pub(crate) error: Option<String>,
    pub(crate) finished_at: Option<Timestamp>,
}

impl Tx<'_> {
    /// At most `limit` messages on their way, or scheduled for `until` at the latest, by their time.
    pub(crate) fn queued_messages(&self, until: Timestamp, limit: u64) -> SqlResult<Vec<Queued>> {
        let sql = "SELECT id, channel_id, scheduled_at, NULL AS first_open FROM auto_messages
                   WHERE status = 'scheduled' AND scheduled_at <= :until
                   UNION ALL
                   SELECT id, channel_id, scheduled_at,
                       (SELECT min(d.id) FROM deliveries d
                           WHERE d.auto_message_id = m.id AND d.due_at = m.scheduled_at
                               AND d.status IN ('pending', 'sending'))
                   FROM auto_messages m WHERE status = 'sending' AND scheduled_at IS NOT NULL
                   ORDER BY scheduled_at, id LIMIT :limit";
        let params = named_params! {
            ":until": until,
            ":limit": i64::try_from(limit).unwrap_or(i64::MAX),
        };
        self.query_rows(sql, params, |row| {
            Ok(Queued {
                id: row.get("id")?,
                channel_id: row.get("channel_id")?,
                due_at: row.get("scheduled_at")?,
                first_open: row.get("first_open")?,
            })
        })
    }

    /// How many messages [`Self::queued_messages`] would give without a limit.
    pub(crate) fn count_queued(&self, until: Timestamp) -> SqlResult<u64> {
        let sql = "SELECT (SELECT count(*) FROM auto_messages
                       WHERE status = 'scheduled' AND scheduled_at <= :until)
                   + (SELECT count(*) FROM auto_messages
                       WHERE status = 'sending' AND scheduled_at IS NOT NULL)";
        self.query_value(sql, named_params! { ":until": until })
    }

    /// The message with this id, whatever its status; `None` when there is none.
    pub(crate) fn foreseen_message(&self, id: i64) -> SqlResult<Option<Foreseen>> {
        let sql = format!(
            "SELECT id, title, status, error, scheduled_at, message, channel_id, contact_ids, metadata,
                 {TIMETABLE}
             FROM auto_messages WHERE id = :id"
        );
        let content = |row: &Row<'_>, due_at: Option<Timestamp>| {
            Ok(DueMessage {
                id: row.get("id")?,
                due_at: due_at.unwrap_or(Timestamp::from_millis(0)),
                message: row.get("message")?,
                channel_id: row.get("channel_id")?,
                contact_ids: row.get("contact_ids")?,
                metadata: row.get("metadata")?,
                timetable: read_timetable(row)?,
            })
        };
        let read = |row: &Row<'_>| {
            let due_at = row.get("scheduled_at")?;
            let content = match content(row, due_at) {
                Ok(content) => Ok(content),
                Err(error) => Err(why_unreadable(&error).ok_or(error)?),
            };
            let title = lossy(row, "title")?;
            let text = lossy(row, "message")?.unwrap_or_default();
            Ok(Foreseen {
                label: label(title.as_deref(), &text),
                title,
                status: row.get("status")?,
                error: lossy(row, "error")?,
                due_at,
                channel_id: row.get("channel_id")?,
                content,
            })
        };
        self.query_optional(&sql, named_params! { ":id": id }, read)
    }

    /// A scheduled message without a time, or why its row cannot be read.
    pub(crate) fn foreseen_untimed(&self, id: i64) -> SqlResult<Result<Option<Untimed>, String>> {
        match self.untimed_message(id) {
            Ok(untimed) => Ok(Ok(untimed)),
            Err(error) => Ok(Err(why_unreadable(&error).ok_or(error)?)),
        }
    }

    /// Whether an occurrence has deliveries.
    pub(crate) fn has_deliveries(
        &self,
        auto_message_id: i64,
        due_at: Timestamp,
    ) -> SqlResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM deliveries
                       WHERE auto_message_id = :id AND due_at = :due_at)";
        let params = named_params! { ":id": auto_message_id, ":due_at": due_at };
        self.query_value(sql, params)
    }

    /// Calls `visit` with each delivery of an occurrence, in the order in which they are sent.
    pub(crate) fn each_delivery(
        &self,
        auto_message_id: i64,
        due_at: Timestamp,
        mut visit: impl FnMut(Planned) -> SqlResult<()>,
    ) -> SqlResult<()> {
        let sql =
            "SELECT channel_id, contact_id, name, chat_id, status, next_attempt_at, text, error,
                       finished_at
                   FROM deliveries WHERE auto_message_id = :id AND due_at = :due_at ORDER BY id";
        let params = named_params! { ":id": auto_message_id, ":due_at": due_at };
        let mut statement = self.prepare(sql)?;
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            visit(Planned {
                channel_id: row.get("channel_id")?,
                contact_id: row.get("contact_id")?,
                name: lossy(row, "name")?,
                chat_id: lossy(row, "chat_id")?.unwrap_or_default(),
                status: row.get("status")?,
                next_attempt_at: row.get("next_attempt_at")?,
                text: lossy(row, "text")?,
                error: lossy(row, "error")?,
                finished_at: row.get("finished_at")?,
            })?;
        }
        Ok(())
    }
}
