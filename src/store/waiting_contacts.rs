//! Deliveries that wait for a contact which was removed or has another number since they were planned.

use std::collections::HashSet;

use rusqlite::{OptionalExtension, Row, named_params};

use super::{Contact, SqlResult, Tx, lossy, timestamp};
use crate::clock::Timestamp;

/// Whether delivery `d` was planned for a contact that is gone or has another number now, however it
/// was changed.
pub(super) const IS_CONTACT_CHANGED: &str = "(d.contact_number IS NOT NULL AND NOT EXISTS
    (SELECT 1 FROM contacts c WHERE c.id = d.contact_id AND c.phone_number = d.contact_number))";

/// A delivery that waits for a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingForContact {
    pub(crate) id: i64,
    pub(crate) auto_message_id: i64,
    pub(crate) due_at: Timestamp,
    /// Whom it goes to as it stands.
    pub(crate) chat_id: String,
    pub(crate) contact_id: Option<i64>,
    /// The number that the contact has now, as written; `None` when the contact is gone.
    pub(crate) number_now: Option<String>,
}

impl Tx<'_> {
    /// A pending delivery that goes to whatever number its contact has; `None` for any other.
    pub(crate) fn waiting_for_contact(
        &self,
        delivery_id: i64,
    ) -> SqlResult<Option<WaitingForContact>> {
        let sql =
            "SELECT d.id, d.auto_message_id, d.due_at, d.chat_id, d.contact_id, c.phone_number
                   FROM deliveries d NOT INDEXED LEFT JOIN contacts c ON c.id = d.contact_id
                   WHERE d.id = :id AND d.status = 'pending' AND d.contact_number IS NOT NULL";
        let read = |row: &Row<'_>| {
            Ok(WaitingForContact {
                id: row.get("id")?,
                auto_message_id: row.get("auto_message_id")?,
                due_at: timestamp(row, "due_at")?,
                chat_id: lossy(row, "chat_id")?.unwrap_or_default(),
                contact_id: row.get("contact_id")?,
                number_now: lossy(row, "phone_number")?,
            })
        };
        self.prepare(sql)?.query_row(named_params! { ":id": delivery_id }, read).optional()
    }

    /// The pending deliveries to this chat that were planned for this contact, of messages that have
    /// not ended.
    pub(crate) fn waiting_deliveries(&self, chat_id: &str, contact_id: i64) -> SqlResult<Vec<i64>> {
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
    pub(crate) fn count_in_flight_to(&self, contact_id: i64) -> SqlResult<u64> {
        let sql = "SELECT count(*) FROM deliveries
                   WHERE status = 'sending' AND contact_id = :contact_id";
        self.prepare(sql)?.query_row(named_params! { ":contact_id": contact_id }, |row| row.get(0))
    }

    /// Lets a pending delivery go to the number that its contact has now. Returns `false`, with
    /// nothing changed, when its occurrence, or the one that it tries again, went or goes to that chat
    /// already.
    pub(crate) fn readdress(
        &self,
        waiting: &WaitingForContact,
        chat_id: &str,
        number: &str,
    ) -> SqlResult<bool> {
        if waiting.chat_id != chat_id {
            self.make_room(waiting.auto_message_id, waiting.due_at, chat_id, true)?;
        }
        // By its id: the status of all that wait is the worse way to one row.
        let first = "SELECT retry_of FROM deliveries
                     WHERE id = :id AND retry_of IS NOT NULL AND chat_id <> :chat_id";
        let params = named_params! { ":id": waiting.id, ":chat_id": chat_id };
        let read = |row: &Row<'_>| timestamp(row, "retry_of");
        let first = self.prepare(first)?.query_row(params, read).optional()?;
        if let Some(first) = first
            && self.is_served(waiting.auto_message_id, first, chat_id)?
        {
            return Ok(false);
        }
        let sql = "UPDATE OR IGNORE deliveries SET chat_id = :chat_id, contact_number = :number
                   WHERE id = :id AND status = 'pending'";
        let params = named_params! { ":id": waiting.id, ":chat_id": chat_id, ":number": number };
        Ok(self.prepare(sql)?.execute(params)? > 0)
    }

    /// Whether an occurrence, or a retry of it, went or may have gone to a chat.
    pub(crate) fn is_served(
        &self,
        auto_message_id: i64,
        first: Timestamp,
        chat_id: &str,
    ) -> SqlResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM deliveries
                       WHERE auto_message_id = :id AND due_at >= :first AND chat_id = :chat_id
                           AND coalesce(retry_of, due_at) = :first
                           AND status IN ('sending', 'sent', 'unknown'))";
        let first = first.to_string();
        let params = named_params! { ":id": auto_message_id, ":first": first, ":chat_id": chat_id };
        self.prepare(sql)?.query_row(params, |row| row.get(0))
    }

    /// Whom a message names, unless this contact has a delivery of the occurrence already. One that was
    /// skipped is none: its number may have been served by the contact that changes now.
    pub(crate) fn names_unless_planned(
        &self,
        auto_message_id: i64,
        due_at: Timestamp,
        contact_id: i64,
    ) -> SqlResult<Option<String>> {
        let sql = "SELECT contact_ids FROM auto_messages WHERE id = :id AND NOT EXISTS
                       (SELECT 1 FROM deliveries WHERE auto_message_id = :id AND due_at = :due_at
                           AND contact_id = :contact_id AND status <> 'skipped')";
        let params = named_params! {
            ":id": auto_message_id,
            ":due_at": due_at.to_string(),
            ":contact_id": contact_id,
        };
        let read = |row: &Row<'_>| lossy(row, "contact_ids");
        Ok(self.prepare(sql)?.query_row(params, read).optional()?.flatten())
    }

    /// Gives a pending delivery to another contact with the same number.
    pub(crate) fn hand_over(&self, delivery_id: i64, to: &Contact) -> SqlResult<()> {
        let sql =
            "UPDATE deliveries SET contact_id = :contact_id, contact_number = :number, name = :name
                   WHERE id = :id AND status = 'pending'";
        let params = named_params! {
            ":id": delivery_id,
            ":contact_id": to.id,
            ":number": to.phone_number,
            ":name": to.name,
        };
        self.prepare(sql)?.execute(params).map(drop)
    }

    /// Plans a delivery to another contact with the number that this one had, and counts the
    /// message's recipients anew.
    pub(crate) fn plan_in_place_of(
        &self,
        waiting: &WaitingForContact,
        to: &Contact,
        now: Timestamp,
    ) -> SqlResult<()> {
        let sql = "INSERT OR IGNORE INTO deliveries (auto_message_id, due_at, channel_id, contact_id,
                       contact_number, name, chat_id, status, retry_of, created_at)
                   SELECT auto_message_id, due_at, channel_id, :contact_id, :number, :name, :chat_id,
                       'pending', retry_of, :now
                   FROM deliveries WHERE id = :id";
        self.prepare(sql)?.execute(named_params! {
            ":id": waiting.id,
            ":contact_id": to.id,
            ":number": to.phone_number,
            ":name": to.name,
            ":chat_id": waiting.chat_id,
            ":now": now.to_string(),
        })?;
        self.count_anew(waiting.auto_message_id, waiting.due_at, now)
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
    pub(crate) fn contacts_served(
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
