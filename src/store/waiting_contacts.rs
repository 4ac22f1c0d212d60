//! Deliveries that wait for a contact which was removed or has another number since they were planned.

use std::collections::HashSet;

use rusqlite::{OptionalExtension, Row, named_params};

use super::{SqlResult, Tx, lossy, timestamp};
use crate::clock::Timestamp;

/// Whether delivery `d` was planned for a contact that is gone or has another number now, however it
/// was changed.
pub(super) const IS_CONTACT_CHANGED: &str = "(d.contact_number IS NOT NULL AND NOT EXISTS
    (SELECT 1 FROM contacts c WHERE c.id = d.contact_id AND c.phone_number = d.contact_number))";

/// A delivery that waits for a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingForContact {
    /// `deliveries.id`.
    pub id: i64,
    /// Its message.
    pub auto_message_id: i64,
    /// Its occurrence.
    pub due_at: Timestamp,
    /// Whom it goes to as it stands.
    pub chat_id: String,
    /// The number that the contact has now, as written; `None` when the contact is gone.
    pub number_now: Option<String>,
}

impl Tx<'_> {
    /// A pending delivery that goes to whatever number its contact has; `None` for any other.
    ///
    /// # Errors
    /// When the statement fails.
    pub fn waiting_for_contact(&self, delivery_id: i64) -> SqlResult<Option<WaitingForContact>> {
        let sql = "SELECT d.id, d.auto_message_id, d.due_at, d.chat_id, c.phone_number
                   FROM deliveries d NOT INDEXED LEFT JOIN contacts c ON c.id = d.contact_id
                   WHERE d.id = :id AND d.status = 'pending' AND d.contact_number IS NOT NULL";
        let read = |row: &Row<'_>| {
            Ok(WaitingForContact {
                id: row.get("id")?,
                auto_message_id: row.get("auto_message_id")?,
                due_at: timestamp(row, "due_at")?,
                chat_id: lossy(row, "chat_id")?.unwrap_or_default(),
                number_now: lossy(row, "phone_number")?,
            })
        };
        self.prepare(sql)?.query_row(named_params! { ":id": delivery_id }, read).optional()
    }

    /// The pending deliveries to this chat that were planned for this contact, of messages that have
    /// not ended.
    ///
    /// # Errors
    /// When the statement fails.
    pub fn waiting_deliveries(&self, chat_id: &str, contact_id: i64) -> SqlResult<Vec<i64>> {
        let sql = "SELECT d.id FROM auto_messages m
                   CROSS JOIN deliveries d INDEXED BY sqlite_autoindex_deliveries_1 ON d.auto_message_id = m.id AND d.due_at = m.scheduled_at
                       AND d.chat_id = :chat_id AND d.status = 'pending'
                   WHERE m.status IN ('sending', 'draft', 'scheduled') AND d.contact_id = :contact_id
                       AND d.contact_number IS NOT NULL";
        let mut statement = self.prepare(sql)?;
        let params = named_params! { ":chat_id": chat_id, ":contact_id": contact_id };
        let rows = statement.query_map(params, |row| row.get(0))?;
        rows.collect()
    }

    /// How many requests to a contact are in flight.
    ///
    /// # Errors
    /// When the statement fails.
    pub fn count_in_flight_to(&self, contact_id: i64) -> SqlResult<u64> {
        let sql = "SELECT count(*) FROM deliveries
                   WHERE status = 'sending' AND contact_id = :contact_id";
        self.prepare(sql)?.query_row(named_params! { ":contact_id": contact_id }, |row| row.get(0))
    }

    /// Lets a pending delivery go to the number that its contact has now. Returns `false`, with
    /// nothing changed, when its occurrence went or goes to that chat already.
    ///
    /// # Errors
    /// When a statement fails.
    pub fn readdress(
        &self,
        waiting: &WaitingForContact,
        chat_id: &str,
        number: &str,
    ) -> SqlResult<bool> {
        if waiting.chat_id != chat_id {
            self.make_room(waiting.auto_message_id, waiting.due_at, chat_id, true)?;
        }
        let sql = "UPDATE OR IGNORE deliveries SET chat_id = :chat_id, contact_number = :number
                   WHERE id = :id AND status = 'pending'";
        let params = named_params! { ":id": waiting.id, ":chat_id": chat_id, ":number": number };
        Ok(self.prepare(sql)?.execute(params)? > 0)
    }

    /// Two contacts may have exchanged their numbers: a delivery that waits for a contact who has
    /// another number by now gives the chat free, and is addressed anew in its turn. So does one that
    /// was skipped, when asked for: nobody got it. Returns whether there was such a one.
    pub(super) fn make_room(
        &self,
        auto_message_id: i64,
        due_at: Timestamp,
        chat_id: &str,
        also_skipped: bool,
    ) -> SqlResult<bool> {
        let sql = format!(
            "UPDATE deliveries AS d SET chat_id = chat_id || ' (' || id || ')',
                 contact_number = CASE status WHEN 'pending' THEN chat_id || ' (' || id || ')'
                     ELSE contact_number END
             WHERE auto_message_id = :auto_message_id AND due_at = :due_at AND chat_id = :chat_id
                 AND (status = 'pending' AND {IS_CONTACT_CHANGED}
                     OR status = 'skipped' AND :also_skipped)"
        );
        let params = named_params! {
            ":auto_message_id": auto_message_id,
            ":due_at": due_at.to_string(),
            ":chat_id": chat_id,
            ":also_skipped": also_skipped,
        };
        Ok(self.prepare(&sql)?.execute(params)? > 0)
    }

    /// The contacts that got an occurrence, or may have got it, at whatever number they had.
    ///
    /// # Errors
    /// When the statement fails.
    pub fn contacts_served(
        &self,
        auto_message_id: i64,
        due_at: Timestamp,
    ) -> SqlResult<HashSet<i64>> {
        let sql = "SELECT contact_id FROM deliveries
                   WHERE auto_message_id = :id AND due_at = :due_at AND contact_id IS NOT NULL
                       AND status IN ('sending', 'sent', 'unknown')";
        let params = named_params! { ":id": auto_message_id, ":due_at": due_at.to_string() };
        let mut statement = self.prepare(sql)?;
        let rows = statement.query_map(params, |row| row.get(0))?;
        rows.collect()
    }
}
