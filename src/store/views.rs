//! What people look at: messages and deliveries as they stand. Reads only, but for the rows that
//! people put in.

use rusqlite::{Row, named_params};

use super::{SqlResult, Tx};
use crate::clock::Timestamp;

/// A message as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageView {
    pub(crate) id: i64,
    pub(crate) status: String,
    /// How many recipients its latest occurrence has.
    pub(crate) contact_count: u64,
    /// How many of their deliveries have ended.
    pub(crate) ended_count: u64,
    pub(crate) error: Option<String>,
}

/// A delivery as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryView {
    pub(crate) name: Option<String>,
    /// Whom it goes to; for a skipped one, what was written.
    pub(crate) chat_id: String,
    pub(crate) status: String,
    /// When it ended, as the table has it.
    pub(crate) finished_at: Option<String>,
    pub(crate) waha_message_id: Option<String>,
    /// Why it was not sent.
    pub(crate) error: Option<String>,
}

impl Tx<'_> {
    /// Adds a scheduled message on the default channel and returns its id.
    pub fn add_message(
        &self,
        title: &str,
        message: &str,
        contact_ids: &str,
        scheduled_at: Timestamp,
    ) -> SqlResult<i64> {
        let sql = "INSERT INTO auto_messages (title, message, contact_ids, scheduled_at)
                   VALUES (:title, :message, :contact_ids, :scheduled_at)";
        let params = named_params! {
            ":title": title,
            ":message": message,
            ":contact_ids": contact_ids,
            ":scheduled_at": scheduled_at,
        };
        self.insert_row(sql, params)
    }

    /// How a message stands; `None` when there is none with this id.
    pub fn view_message(&self, id: i64) -> SqlResult<Option<MessageView>> {
        let sql = "SELECT m.id, m.status, m.contact_count, m.error,
                       (SELECT count(*) FROM deliveries d
                           WHERE d.auto_message_id = m.id AND d.due_at = m.scheduled_at
                               AND d.status NOT IN ('pending', 'sending')) AS ended_count
                   FROM auto_messages m WHERE m.id = :id";
        let read = |row: &Row<'_>| {
            Ok(MessageView {
                id: row.get("id")?,
                status: row.get("status")?,
                contact_count: row.get("contact_count")?,
                ended_count: row.get("ended_count")?,
                error: row.get("error")?,
            })
        };
        self.query_optional(sql, named_params! { ":id": id }, read)
    }

    /// The deliveries of a message, in the order in which they were planned.
    pub fn view_deliveries(&self, auto_message_id: i64) -> SqlResult<Vec<DeliveryView>> {
        let sql = "SELECT name, chat_id, status, finished_at, waha_message_id, error
                   FROM deliveries WHERE auto_message_id = :id ORDER BY due_at, id";
        let read = |row: &Row<'_>| {
            Ok(DeliveryView {
                name: row.get("name")?,
                chat_id: row.get("chat_id")?,
                status: row.get("status")?,
                finished_at: row.get("finished_at")?,
                waha_message_id: row.get("waha_message_id")?,
                error: row.get("error")?,
            })
        };
        self.query_rows(sql, named_params! { ":id": auto_message_id }, read)
    }
}
