//! What a person looks for in lists: what is scheduled, by its time; messages of which somebody did not get
//! it or may not have; and what somebody got, be it a contact or not. A list is found by key, a page at a
//! time, and never by counting rows to skip.

use rusqlite::Row;

use super::messages::{LISTED, MESSAGE};
use super::{Delivery, Message, SqlResult, Tx, lossy, params, text};
use crate::clock::Timestamp;
use crate::delivery::MessageStatus;

/// Which rows of a list, the newest first: those on the far side of a row that was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PageFrom {
    #[default]
    Newest,
    OlderThan(i64),
    /// Newer than this id, those next to it.
    NewerThan(i64),
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

/// Larger lists of recipients are not looked into for one person.
const LOOKED_INTO_BYTES_MAX: u32 = 10_000;

/// Which of the messages that need a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Any,
    Failed,
    Unknown,
    Late,
}

impl Need {
    const fn sql(self) -> &'static str {
        match self {
            Self::Any => "1",
            Self::Failed => "(failed_count > 0 OR status = 'failed' AND unknown_count = 0)",
            Self::Unknown => "unknown_count > 0",
            Self::Late => {
                "EXISTS (SELECT 1 FROM deliveries
                    WHERE auto_message_id = auto_messages.id AND deliveries.status = 'expired')"
            }
        }
    }
}

/// The words of the index: a query that has them can use it.
const IN_NEED: &str = "auto_messages INDEXED BY idx_auto_messages_attention
    WHERE status <> 'cancelled' AND (failed_count > 0 OR unknown_count > 0 OR status = 'failed')";

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

    /// At most `limit` messages that need a person, the last changed first; after this `updated_at` and id.
    pub(crate) fn messages_in_need(
        &self,
        need: Need,
        after: Option<(&str, i64)>,
        limit: u32,
    ) -> SqlResult<Vec<Message>> {
        let sql = format!(
            "SELECT {LISTED} FROM {IN_NEED} AND (updated_at, id) < (:at, :id) AND {}
             ORDER BY updated_at DESC, id DESC LIMIT :limit",
            need.sql()
        );
        let (at, id) = after.unwrap_or(("~", i64::MAX));
        self.query_rows(&sql, params! { at, id, limit }, Message::from_row)
    }

    pub(crate) fn count_in_need(&self, most: u32) -> SqlResult<u64> {
        let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {IN_NEED} LIMIT :most)");
        self.query_value(&sql, params! { most })
    }

    /// At most `limit` recipients that are no contacts, with `search` in the name or `digits` in the
    /// chat: each chat with the name that it was planned with.
    pub(crate) fn strangers_like(
        &self,
        search: &str,
        digits: Option<&str>,
        limit: u32,
    ) -> SqlResult<Vec<(String, Option<String>)>> {
        let sql =
            "SELECT DISTINCT chat_id, name FROM deliveries INDEXED BY idx_deliveries_strangers
                   WHERE contact_id IS NULL
                       AND (name LIKE :search ESCAPE '\\' OR chat_id LIKE :digits) LIMIT :limit";
        let params = params! {
            limit, ":search": containing(search), ":digits": digits.map(containing),
        };
        self.query_rows(sql, params, |row| Ok((text(row, "chat_id")?, lossy(row, "name")?)))
    }

    /// What a chat got, and was to get while it was no contact's: the newest first, with the message's title.
    pub(crate) fn deliveries_to_chat(
        &self,
        chat_id: &str,
        limit: u32,
    ) -> SqlResult<Vec<(Delivery, Option<String>)>> {
        let sql = "SELECT d.*, (SELECT m.title FROM auto_messages m WHERE m.id = d.auto_message_id) AS title
                   FROM deliveries d WHERE d.id IN (
                       SELECT id FROM deliveries INDEXED BY idx_deliveries_strangers
                       WHERE contact_id IS NULL AND chat_id = :chat_id
                       UNION ALL
                       SELECT id FROM deliveries INDEXED BY idx_deliveries_reached
                       WHERE status IN ('sending', 'sent', 'unknown') AND chat_id = :chat_id)
                   ORDER BY d.id DESC LIMIT :limit";
        let read = |row: &Row<'_>| Ok((Delivery::from_row(row)?, lossy(row, "title")?));
        self.query_rows(sql, params! { chat_id, limit }, read)
    }

    /// At most `limit` scheduled messages with their recipients, the next first; without very long lists.
    pub(crate) fn next_with_recipients(&self, limit: u32) -> SqlResult<Vec<Message>> {
        let sql = format!(
            "SELECT {MESSAGE} FROM auto_messages
             WHERE status = :status AND scheduled_at >= :all AND length(contact_ids) <= :bytes
             ORDER BY scheduled_at, id LIMIT :limit"
        );
        let params = params! {
            limit,
            ":status": MessageStatus::Scheduled,
            ":all": Timestamp::from_secs(0),
            ":bytes": LOOKED_INTO_BYTES_MAX,
        };
        self.query_rows(&sql, params, Message::from_row)
    }
}

/// A pattern for LIKE that finds `text` anywhere, whatever signs it holds.
pub(super) fn containing(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}
