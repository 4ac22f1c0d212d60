//! What an opt-out does to deliveries that wait.

use rusqlite::named_params;

use super::{Settled, SqlResult, Tx, timestamp};
use crate::clock::Timestamp;
use crate::delivery::Counts;
use crate::schedule::Zone;

/// What `deliveries.error` says of somebody who opted out.
pub(crate) const OPTED_OUT: &str = "opted out";

/// The waiting deliveries that an opt-out ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    pub messages: Vec<i64>,
    /// The messages that had nothing left to do.
    pub(crate) settled: Vec<Settled>,
}

impl Skipped {
    /// Both together.
    pub(crate) fn add(&mut self, other: Self) {
        self.messages.extend(other.messages);
        self.settled.extend(other.settled);
    }
}

impl Tx<'_> {
    /// Skips what is pending to a chat, and settles messages that have nothing left to do. What is
    /// just being sent to it becomes the contact's, if there is one, so that it is not tried a second
    /// time.
    pub(crate) fn skip_pending_of_chat(
        &self,
        chat_id: &str,
        contact_id: Option<i64>,
        zone: &Zone,
        now: Timestamp,
    ) -> SqlResult<Skipped> {
        if let Some(contact_id) = contact_id {
            self.claim_for_contact(chat_id, contact_id)?;
        }
        let mut skipped = Skipped::default();
        for (id, auto_message_id, due_at) in self.pending_of_chat(chat_id)? {
            let sql = "UPDATE deliveries SET status = 'skipped', error = :error, finished_at = :now
                       WHERE id = :id AND status = 'pending'";
            let changed = self.prepare(sql)?.execute(named_params! {
                ":id": id,
                ":error": OPTED_OUT,
                ":now": now.to_string(),
            })?;
            if changed == 0 {
                continue;
            }
            skipped.messages.push(auto_message_id);
            let one = Counts { skipped: 1, ..Counts::default() };
            skipped.settled.extend(self.settle_if_done(auto_message_id, due_at, one, zone, now)?);
        }
        Ok(skipped)
    }

    /// Ids, messages and occurrences. What is pending belongs to a message that is on its way,
    /// paused, or set back to its start; the table's own index finds its chat,
    /// also when statistics of an idle hour take what is pending for nothing.
    fn pending_of_chat(&self, chat_id: &str) -> SqlResult<Vec<(i64, i64, Timestamp)>> {
        let sql = "SELECT d.id, d.auto_message_id, d.due_at FROM auto_messages m
                   CROSS JOIN deliveries d INDEXED BY sqlite_autoindex_deliveries_1 ON d.auto_message_id = m.id AND d.due_at = m.scheduled_at
                       AND d.chat_id = :chat_id AND d.status = 'pending'
                   WHERE m.status IN ('sending', 'draft', 'scheduled')";
        let mut statement = self.prepare(sql)?;
        let rows = statement.query_map(named_params! { ":chat_id": chat_id }, |row| {
            Ok((row.get("id")?, row.get("auto_message_id")?, timestamp(row, "due_at")?))
        })?;
        rows.collect()
    }

    fn claim_for_contact(&self, chat_id: &str, contact_id: i64) -> SqlResult<()> {
        let sql = "UPDATE deliveries SET contact_id = :contact_id
                   WHERE status = 'sending' AND chat_id = :chat_id AND contact_id IS NULL";
        let params = named_params! { ":contact_id": contact_id, ":chat_id": chat_id };
        self.prepare(sql)?.execute(params)?;
        Ok(())
    }
}
