//! The exact text of a delivery, where its message has placeholders.

use rusqlite::Row;

use super::{SqlResult, Tx, lossy, params};
use crate::reason::Reason;
use crate::template::{Template, Values};

/// What the text of a delivery is made of: see [`read_text`].
const SOURCES: &str = "m.message, d.id, d.name, d.chat_id, c.name AS contact_name, c.attributes";

fn read_text(row: &Row<'_>) -> SqlResult<Result<String, Reason>> {
    let name = lossy(row, "name")?.filter(|name| !name.trim().is_empty());
    let name = if name.is_some() { name } else { lossy(row, "contact_name")? };
    let chat_id: String = row.get("chat_id")?;
    let attributes = lossy(row, "attributes")?;
    let values = Values::new(name.as_deref(), &chat_id, attributes.as_deref());
    Ok(Template::parse(&row.get::<_, String>("message")?).render(&values))
}

impl Tx<'_> {
    /// Fills in the text of a pending delivery whose message is being sent: from the message and the
    /// contact as they are in this transaction, and the name that was planned. `None` when the
    /// delivery is no longer pending or its message no longer being sent.
    pub(crate) fn render(&self, delivery_id: i64) -> SqlResult<Option<Result<String, Reason>>> {
        // By its id, whatever statistics say: those of an idle hour take what is pending for nothing.
        let sql = format!(
            "SELECT {SOURCES} FROM deliveries d NOT INDEXED
             JOIN auto_messages m NOT INDEXED ON m.id = d.auto_message_id AND m.status = 'sending'
                 AND m.scheduled_at = d.due_at
             LEFT JOIN contacts c ON c.id = d.contact_id
             WHERE d.id = :id AND d.status = 'pending'"
        );
        self.query_optional(&sql, params! { ":id": delivery_id }, read_text)
    }

    /// Fills in the texts of deliveries that became unknown without a claim and have the message's
    /// own text, placeholders and all: a person who looks into WhatsApp has to know what to look for.
    pub(super) fn fill_in_unclaimed(&self) -> SqlResult<()> {
        let sql = format!(
            "SELECT {SOURCES} FROM main.deliveries d
             JOIN main.auto_messages m ON m.id = d.auto_message_id
             LEFT JOIN main.contacts c ON c.id = d.contact_id
             WHERE d.status = 'unknown' AND d.claimed_at IS NULL AND instr(d.text, '{{{{') > 0
                 AND d.text = m.message"
        );
        let mut statement = self.transaction.prepare(&sql)?;
        let texts: Vec<(i64, Result<String, Reason>)> = statement
            .query_map([], |row| Ok((row.get("id")?, read_text(row)?)))?
            .collect::<SqlResult<_>>()?;
        let sql = "UPDATE main.deliveries SET text = :text WHERE id = :id AND status = 'unknown'";
        for (id, text) in texts {
            if let Ok(text) = text {
                self.change_rows(sql, params! { id, text })?;
            }
        }
        Ok(())
    }
}
