//! What a person looks for: messages of which somebody did not get it or may not have, and what
//! somebody got, be it a contact or not.

use super::messages::{LISTED, MESSAGE};
use super::{Delivery, Message, SqlResult, Tx, containing, lossy, params, text};
use crate::clock::Timestamp;
use crate::delivery::MessageStatus;

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

    /// How many messages need a person, counted up to `most`.
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
        let read = |row: &rusqlite::Row<'_>| Ok((Delivery::from_row(row)?, lossy(row, "title")?));
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
