//! What is scheduled, by its time: for the calendar, and for the list of it.

use rusqlite::Row;

use super::messages::LISTED;
use super::{Message, SqlResult, Tx, containing, lossy, params, read};
use crate::clock::Timestamp;

/// The next occurrence of a message, read for thousands of messages at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DueThen {
    pub(crate) id: i64,
    pub(crate) due_at: Timestamp,
    pub(crate) contact_count: u64,
    pub(crate) channel_id: i64,
    /// Several channels that share its recipients, as written.
    pub(crate) channel_ids: Option<String>,
}

impl DueThen {
    /// As [`Message::channels`].
    pub(crate) fn channels(&self) -> Vec<i64> {
        let Self { channel_id, channel_ids, .. } = self.clone();
        Message { channel_id, channel_ids, ..Message::default() }.channels()
    }
}

impl Tx<'_> {
    /// At most `limit` scheduled messages, whose title or text holds `search`, in the order of their
    /// time: those without one first. `after` is the time and the id of the last one that was seen.
    pub(crate) fn scheduled_by_time(
        &self,
        search: Option<&str>,
        after: Option<(&str, i64)>,
        limit: u32,
    ) -> SqlResult<Vec<Message>> {
        // The statement differs, not only its values: a row value has no order with NULL.
        let key = match after {
            Some(_) => "(scheduled_at, id) > (:at, :id)",
            None => ":at IS NULL AND :id = 0",
        };
        let sql = format!(
            "SELECT {LISTED} FROM auto_messages INDEXED BY idx_auto_messages_status_scheduled_at
             WHERE status = 'scheduled' AND {key}
                 AND (:search IS NULL OR title LIKE :search ESCAPE '\\' OR message LIKE :search ESCAPE '\\')
             ORDER BY scheduled_at, id LIMIT :limit"
        );
        let (at, id) = after.map_or((None, 0), |(at, id)| (Some(at), id));
        let params = params! { at, id, limit, ":search": search.map(containing) };
        self.query_rows(&sql, params, Message::from_row)
    }

    /// At most `limit` scheduled messages that are due from `from` until before `until`, by their time.
    pub(crate) fn due_between(
        &self,
        from: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> SqlResult<Vec<DueThen>> {
        let sql =
            "SELECT id, scheduled_at, contact_count, channel_id, channel_ids FROM auto_messages
                   WHERE status = 'scheduled' AND scheduled_at >= :from AND scheduled_at < :until
                   ORDER BY scheduled_at, id LIMIT :limit";
        self.query_rows(sql, params! { from, until, limit }, |row: &Row<'_>| {
            let due_at = row.get("scheduled_at")?;
            read! { row => DueThen {
                id, contact_count, channel_id, lossy channel_ids, due_at: due_at,
            } }
        })
    }

    /// At most `limit` scheduled messages with a rule whose next time is before `until`.
    pub(crate) fn repeating_before(&self, until: Timestamp, limit: u32) -> SqlResult<Vec<Message>> {
        let sql = format!(
            "SELECT {LISTED} FROM auto_messages INDEXED BY idx_auto_messages_scheduled_zone
             WHERE status = 'scheduled' AND scheduled_at IS NOT NULL
                 AND (schedules IS NOT NULL OR interval_config IS NOT NULL)
                 AND scheduled_at < :until LIMIT :limit"
        );
        self.query_rows(&sql, params! { until, limit }, Message::from_row)
    }

    pub(crate) fn listed_message(&self, id: i64) -> SqlResult<Option<Message>> {
        let sql = format!("SELECT {LISTED} FROM auto_messages WHERE id = :id");
        self.query_optional(&sql, params! { id }, Message::from_row)
    }
}
