//! The table `contacts`, and the deliveries that wait for a contact. Numbers are whatever was written;
//! the room `contacts` reads them.
//!
//! The program itself writes a number as `+6281234567890`, and finds such rows by the index on
//! `phone_number`. Rows that may be spelled otherwise have an index of their own.

use std::collections::HashSet;
use std::sync::LazyLock;

use rusqlite::{Row, ToSql, params_from_iter};

use super::{Delivery, PageFrom, Settled, SqlResult, Tx, containing, lossy, params, read, text};
use crate::clock::Timestamp;
use crate::delivery::{Counts, Status};
use crate::reason::Reason;
use crate::schedule::Zone;

/// How many new contacts one statement adds.
pub(crate) const INSERTED_TOGETHER: usize = 32;
static INSERT_TOGETHER: LazyLock<String> = LazyLock::new(|| {
    let rows = ["(?1, ?1, ?, ?, ?, ?, ?)"; INSERTED_TOGETHER].join(", ");
    format!(
        "INSERT INTO contacts
             (created_at, updated_at, name, phone_number, tags, attributes, opted_out_at)
         VALUES {rows}"
    )
});

/// A row of `contacts`. Odd bytes are replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contact {
    pub(crate) id: i64,
    pub(crate) name: Option<String>,
    /// As written; not normalised.
    pub(crate) phone_number: String,
    /// As written: should be a JSON array.
    pub(crate) tags: String,
    /// As written: should be a JSON object.
    pub(crate) attributes: String,
    /// When the person asked for no more messages.
    pub(crate) opted_out_at: Option<String>,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
}

/// Which numbers [`Tx::each_number`] visits, each kind by an index of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Numbers {
    /// Those that may be spelled otherwise than the program does.
    Odd,
    /// Those of contacts that opted out.
    OptedOut,
    /// Those that are both.
    OddOptedOut,
}

/// The waiting deliveries that an opt-out ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    pub messages: Vec<i64>,
    /// The messages that had nothing left to do.
    pub(crate) settled: Vec<Settled>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingForContact {
    pub(crate) id: i64,
    pub(crate) auto_message_id: i64,
    pub(crate) due_at: Timestamp,
    /// The chat that was planned.
    pub(crate) chat_id: String,
    pub(crate) contact_id: Option<i64>,
    /// The number that the contact has now, as written; `None` when the contact is gone.
    pub(crate) number_now: Option<String>,
}

/// The rows whose number may be spelled otherwise than the program does: word for word the WHERE of
/// `idx_contacts_odd_number`.
const IS_ODD: &str = "(phone_number NOT GLOB '+[1-9]*' OR phone_number GLOB '?*[^0-9]*'
    OR substr(phone_number, 3, 3) GLOB '*0*')";

/// Whether delivery `d` was planned for a contact that is gone or has another number now, however it
/// was changed.
pub(super) const IS_CONTACT_CHANGED: &str = "(d.contact_number IS NOT NULL AND NOT EXISTS
    (SELECT 1 FROM contacts c WHERE c.id = d.contact_id AND c.phone_number = d.contact_number))";

impl Contact {
    /// A contact to be added, without tags and attributes.
    pub(crate) fn new(name: Option<String>, phone_number: String) -> Self {
        let (tags, attributes) = ("[]".to_owned(), "{}".to_owned());
        Self { name, phone_number, tags, attributes, ..Self::default() }
    }

    fn from_row(row: &Row<'_>) -> SqlResult<Self> {
        read! { row => Self {
            id, lossy name, text phone_number, text tags, text attributes, lossy opted_out_at,
            text created_at, text updated_at,
        } }
    }
}

impl Skipped {
    pub(crate) fn add(&mut self, other: Self) {
        self.messages.extend(other.messages);
        self.settled.extend(other.settled);
    }
}

impl Tx<'_> {
    pub(crate) fn contact(&self, id: i64) -> SqlResult<Option<Contact>> {
        let sql = "SELECT * FROM contacts WHERE id = :id";
        self.query_optional(sql, params! { id }, Contact::from_row)
    }

    /// What placeholders may say of a contact: its name, and the column `attributes`.
    pub(crate) fn contact_values(&self, id: i64) -> SqlResult<Option<(Option<String>, String)>> {
        let sql = "SELECT name, attributes FROM contacts WHERE id = :id";
        self.query_optional(sql, params! { id }, |row| Ok((lossy(row, 0)?, text(row, 1)?)))
    }

    /// Calls `visit` with the contacts whose id is greater than `after`, by id, until it says `false`.
    pub(crate) fn each_contact_after(
        &self,
        after: i64,
        mut visit: impl FnMut(Contact) -> SqlResult<bool>,
    ) -> SqlResult<()> {
        let visit_id = |_, contact: Option<Contact>| contact.map_or(Ok(true), &mut visit);
        self.each_tagged_contact_after(after, |_| true, visit_id)
    }

    /// The same with the id alone of those whose column `tags` `is_such` refuses: of a hundred thousand most are
    /// passed over by that, and are not read.
    pub(crate) fn each_tagged_contact_after(
        &self,
        after: i64,
        is_such: impl Fn(&str) -> bool,
        mut visit: impl FnMut(i64, Option<Contact>) -> SqlResult<bool>,
    ) -> SqlResult<()> {
        let sql = "SELECT * FROM contacts WHERE id > :after ORDER BY id";
        self.each_row(sql, params! { after }, &mut |row| {
            let tags = row.get_ref("tags")?.as_bytes_or_null()?.unwrap_or_default();
            let is_wanted = is_such(&String::from_utf8_lossy(tags));
            let contact = is_wanted.then(|| Contact::from_row(row)).transpose()?;
            visit(row.get("id")?, contact)
        })
    }

    pub fn add_contact(&self, name: &str, phone_number: &str) -> SqlResult<i64> {
        let sql = "INSERT INTO contacts (name, phone_number) VALUES (:name, :phone_number)";
        self.insert_row(sql, params! { name, phone_number })
    }

    /// Adds a contact, whose id, `created_at` and `updated_at` are not looked at; returns its id.
    pub(crate) fn insert_contact(&self, contact: &Contact, now: &str) -> SqlResult<i64> {
        let sql = "INSERT INTO contacts
                       (name, phone_number, tags, attributes, opted_out_at, created_at, updated_at)
                   VALUES (:name, :phone_number, :tags, :attributes, :opted_out_at, :now, :now)";
        let params =
            params! { now, contact.{ name, phone_number, tags, attributes, opted_out_at } };
        self.insert_row(sql, params)
    }

    /// Adds new contacts, as many as possible with one statement: for each statement, SQLite keeps copies of
    /// the pages that it changes.
    pub(crate) fn insert_contacts(&self, contacts: &[Contact], now: &str) -> SqlResult<()> {
        let (together, others) = contacts.as_chunks::<INSERTED_TOGETHER>();
        for contacts in together {
            let values = contacts.iter().flat_map(|contact| {
                let Contact { name, phone_number, tags, attributes, opted_out_at, .. } = contact;
                let columns: [&dyn ToSql; 5] = [name, phone_number, tags, attributes, opted_out_at];
                columns
            });
            let now: &dyn ToSql = &now;
            let values = params_from_iter(std::iter::once(now).chain(values));
            self.prepare(&INSERT_TOGETHER)?.execute(values)?;
        }
        others.iter().try_for_each(|contact| self.insert_contact(contact, now).map(drop))
    }

    pub(crate) fn update_contact(&self, contact: &Contact, now: &str) -> SqlResult<()> {
        let sql = "UPDATE contacts SET name = :name, phone_number = :phone_number, tags = :tags,
                       attributes = :attributes, opted_out_at = :opted_out_at, updated_at = :now
                   WHERE id = :id";
        let params = params! {
            now, contact.{ id, name, phone_number, tags, attributes, opted_out_at },
        };
        self.execute_sql(sql, params)
    }

    /// Removes a contact; its deliveries stay. Returns whether there was one.
    pub(crate) fn remove_contact(&self, id: i64) -> SqlResult<bool> {
        self.change("DELETE FROM contacts WHERE id = :id", params! { id })
    }

    pub(crate) fn set_tags(&self, id: i64, tags: &str, now: &str) -> SqlResult<()> {
        let sql = "UPDATE contacts SET tags = :tags, updated_at = :now WHERE id = :id";
        self.execute_sql(sql, params! { id, tags, now })
    }

    pub(crate) fn keep_removed(
        &self,
        contact: &Contact,
        batch: &str,
        now: Timestamp,
    ) -> SqlResult<()> {
        let sql = "INSERT INTO panel_removed
                       (batch, id, name, phone_number, tags, attributes, created_at, removed_at)
                   VALUES (:batch, :id, :name, :phone_number, :tags, :attributes, :created_at, :now)";
        let params = params! {
            batch, now, contact.{ id, name, phone_number, tags, attributes, created_at },
        };
        self.execute_sql(sql, params)
    }

    pub(crate) fn removed_since(&self, batch: &str, oldest: Timestamp) -> SqlResult<Vec<Contact>> {
        let sql =
            "SELECT id, name, phone_number, tags, attributes, NULL AS opted_out_at, created_at,
                       removed_at AS updated_at
                   FROM panel_removed WHERE batch = :batch AND removed_at >= :oldest";
        self.query_rows(sql, params! { batch, oldest }, Contact::from_row)
    }

    pub(crate) fn has_removed(&self, batch: &str) -> SqlResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM panel_removed WHERE batch = :batch)";
        self.query_value(sql, params! { batch })
    }

    pub(crate) fn forget_removed(&self, batch: &str) -> SqlResult<()> {
        self.execute_sql("DELETE FROM panel_removed WHERE batch = :batch", params! { batch })
    }

    pub(crate) fn has_removed_before(&self, oldest: Timestamp) -> SqlResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM panel_removed WHERE removed_at < :oldest)";
        self.query_value(sql, params! { oldest })
    }

    pub(crate) fn forget_removed_before(&self, oldest: Timestamp) -> SqlResult<()> {
        let sql = "DELETE FROM panel_removed WHERE removed_at < :oldest";
        self.execute_sql(sql, params! { oldest })
    }

    /// Brings a removed contact back under the id that it had. Returns `false` when another one has it.
    pub(crate) fn insert_removed(&self, contact: &Contact, now: Timestamp) -> SqlResult<bool> {
        let sql = "INSERT OR IGNORE INTO contacts
                       (id, name, phone_number, tags, attributes, created_at, updated_at)
                   VALUES (:id, :name, :phone_number, :tags, :attributes, :created_at, :now)";
        let params =
            params! { now, contact.{ id, name, phone_number, tags, attributes, created_at } };
        self.change(sql, params)
    }

    /// Sets or empties `opted_out_at`. Returns whether that changed anything; a time that is there
    /// stays.
    pub(crate) fn set_opted_out(
        &self,
        id: i64,
        at: Option<Timestamp>,
        now: Timestamp,
    ) -> SqlResult<bool> {
        let sql = "UPDATE contacts SET opted_out_at = :at, updated_at = :now
                   WHERE id = :id AND (opted_out_at IS NULL) <> (:at IS NULL)";
        self.change(sql, params! { id, at, now })
    }

    /// All contacts whose number is written exactly so.
    pub(crate) fn contacts_with_spelling(&self, phone_number: &str) -> SqlResult<Vec<i64>> {
        let sql = "SELECT id FROM contacts WHERE phone_number = :phone_number ORDER BY id";
        self.query_values(sql, params! { phone_number })
    }

    /// Calls `visit` with id and number of every contact of a kind.
    pub(crate) fn each_number(
        &self,
        numbers: Numbers,
        mut visit: impl FnMut(i64, &str) -> SqlResult<()>,
    ) -> SqlResult<()> {
        let (index, condition) = match numbers {
            Numbers::Odd => ("odd_number", IS_ODD.to_owned()),
            Numbers::OptedOut => ("opted_out", "opted_out_at IS NOT NULL".to_owned()),
            Numbers::OddOptedOut => {
                ("odd_opted_out", format!("opted_out_at IS NOT NULL AND {IS_ODD}"))
            }
        };
        let sql = format!(
            "SELECT id, phone_number FROM contacts INDEXED BY idx_contacts_{index}
             WHERE {condition}"
        );
        self.each_row(&sql, &[], &mut |row| {
            visit(row.get("id")?, &text(row, "phone_number")?).map(|()| true)
        })
    }

    /// The names of all attributes, sorted; at most `limit`. Rows whose attributes are no JSON have none.
    pub(crate) fn attribute_names(&self, limit: usize) -> SqlResult<Vec<String>> {
        let sql = "SELECT DISTINCT a.key FROM contacts c, json_each(c.attributes) a
                   WHERE json_valid(c.attributes) AND json_type(c.attributes) = 'object'
                   ORDER BY a.key LIMIT :limit";
        self.query_values(sql, params! { limit })
    }

    /// Makes the list of noted numbers, empty: it is this connection's own, and lies on the disk
    /// when it grows.
    pub(crate) fn clear_noted_numbers(&self) -> SqlResult<()> {
        self.transaction.execute_batch(
            "CREATE TEMP TABLE IF NOT EXISTS noted_numbers
                 (digits INTEGER PRIMARY KEY, contact_id INTEGER NOT NULL) STRICT;
             DELETE FROM temp.noted_numbers;",
        )
    }

    /// Notes whose a number is; the first one who is noted stays. `digits` are at most 15. Returns
    /// whether it was new.
    pub(crate) fn note_number(&self, digits: i64, contact_id: i64) -> SqlResult<bool> {
        let sql = "INSERT INTO temp.noted_numbers (digits, contact_id) VALUES (:digits, :id)
                   ON CONFLICT (digits) DO NOTHING";
        self.change(sql, params! { digits, ":id": contact_id })
    }

    pub(crate) fn noted_number(&self, digits: i64) -> SqlResult<Option<i64>> {
        let sql = "SELECT contact_id FROM temp.noted_numbers WHERE digits = :digits";
        self.query_maybe(sql, params! { digits })
    }

    /// At most `limit` contacts, in whose name, number or tags `search` is (or `digits` in the number),
    /// and `tag_part` in the tags, for which `keep` says yes.
    pub(crate) fn page_of_contacts(
        &self,
        search: Option<&str>,
        digits: Option<&str>,
        tag_part: Option<&str>,
        from: PageFrom,
        limit: usize,
        keep: impl Fn(&Contact) -> bool,
    ) -> SqlResult<Vec<Contact>> {
        let (above, below) = from.bounds();
        let order = from.order();
        // Two statements in one: without a search nothing is compared.
        let found = match (search, tag_part) {
            (None, None) => ":search IS NULL AND :digits IS NULL AND :tag IS NULL",
            _ => {
                "(:search IS NULL OR name LIKE :search ESCAPE '\\'
                    OR phone_number LIKE :search ESCAPE '\\' OR tags LIKE :search ESCAPE '\\'
                    OR phone_number LIKE :digits)
                 AND (:tag IS NULL OR tags LIKE :tag ESCAPE '\\')"
            }
        };
        let sql = format!(
            "SELECT * FROM contacts
             WHERE id > :above AND id < :below AND {found} ORDER BY id {order}"
        );
        let mut kept = Vec::new();
        let params = params! {
            above, below,
            ":search": search.map(containing),
            ":digits": digits.map(containing),
            ":tag": tag_part.map(containing),
        };
        self.each_row(&sql, params, &mut |row| {
            let contact = Contact::from_row(row)?;
            if keep(&contact) {
                kept.push(contact);
            }
            Ok(kept.len() < limit)
        })?;
        Ok(from.newest_first(kept))
    }

    pub(crate) fn count_contacts(&self) -> SqlResult<u64> {
        self.query_value("SELECT count(*) FROM contacts", &[])
    }

    /// The names of the attributes of the newest contacts: what a text may ask for.
    pub(crate) fn some_attributes(&self) -> SqlResult<Vec<String>> {
        let sql = "SELECT DISTINCT a.key AS key
                   FROM (SELECT attributes FROM contacts ORDER BY id DESC LIMIT 200) c,
                       json_each(CASE WHEN json_valid(c.attributes) THEN c.attributes ELSE '{}' END) a
                   WHERE a.key <> '' AND length(a.key) <= 30 LIMIT 12";
        self.query_rows(sql, &[], |row| text(row, "key"))
    }

    /// All different values of the column `tags`, with how many contacts have each; counted in the index alone.
    pub(crate) fn tag_counts(&self) -> SqlResult<Vec<(String, u64)>> {
        let sql = "SELECT tags, count(*) AS number FROM contacts WHERE tags <> '[]' GROUP BY tags";
        self.query_rows(sql, &[], |row| Ok((text(row, "tags")?, row.get("number")?)))
    }
}

/// Deliveries of a contact that opted out, was removed or has another number since they were planned.
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
            // INDEXED BY: what is under way is less than all that a stranger ever got.
            let sql =
                "UPDATE deliveries INDEXED BY idx_deliveries_sending SET contact_id = :contact_id
                       WHERE status = 'sending' AND chat_id = :chat_id AND contact_id IS NULL";
            self.execute_sql(sql, params! { contact_id, chat_id })?;
        }
        let mut skipped = Skipped::default();
        for (id, auto_message_id, due_at) in self.pending_of_chat(chat_id, None)? {
            if self.end_pending(id, Status::Skipped, &Reason::OptedOut, now)? {
                skipped.messages.push(auto_message_id);
                let one = Counts { skipped: 1, ..Counts::default() };
                let settled = self.settle_if_done(auto_message_id, due_at, one, zone, now)?;
                skipped.settled.extend(settled);
            }
        }
        Ok(skipped)
    }

    /// Ids, messages and occurrences of what is pending to a chat; with `planned_for`, only of what was
    /// planned for that contact. What is pending belongs to a message that is on its way, paused, or set
    /// back to its start; the table's own index finds its chat, also when statistics of an idle hour take
    /// what is pending for nothing.
    pub(crate) fn pending_of_chat(
        &self,
        chat_id: &str,
        planned_for: Option<i64>,
    ) -> SqlResult<Vec<(i64, i64, Timestamp)>> {
        let sql = "SELECT d.id, d.auto_message_id, d.due_at FROM auto_messages m
                   CROSS JOIN deliveries d INDEXED BY sqlite_autoindex_deliveries_1 ON d.auto_message_id = m.id AND d.due_at = m.scheduled_at
                       AND d.chat_id = :chat_id AND d.status = 'pending'
                   WHERE m.status IN ('sending', 'draft', 'scheduled') AND (:planned_for IS NULL
                       OR d.contact_id = :planned_for AND d.contact_number IS NOT NULL)";
        self.query_rows(sql, params! { chat_id, planned_for }, |row| {
            Ok((row.get("id")?, row.get("auto_message_id")?, row.get("due_at")?))
        })
    }

    /// A pending delivery that goes to whatever number its contact has; `None` for any other.
    pub(crate) fn waiting_for_contact(&self, id: i64) -> SqlResult<Option<WaitingForContact>> {
        let sql =
            "SELECT d.id, d.auto_message_id, d.due_at, d.chat_id, d.contact_id, c.phone_number
                   FROM deliveries d NOT INDEXED LEFT JOIN contacts c ON c.id = d.contact_id
                   WHERE d.id = :id AND d.status = 'pending' AND d.contact_number IS NOT NULL";
        let read = |row: &Row<'_>| {
            read! { row => WaitingForContact {
                id, auto_message_id, due_at,
                text chat_id,
                contact_id,
                number_now: lossy(row, "phone_number")?,
            } }
        };
        self.query_optional(sql, params! { id }, read)
    }

    pub(crate) fn count_in_flight_to(&self, contact_id: i64) -> SqlResult<u64> {
        let sql = "SELECT count(*) FROM deliveries
                   WHERE status = 'sending' AND contact_id = :contact_id";
        self.query_value(sql, params! { contact_id })
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
        let params = params! { chat_id, waiting.{ id } };
        let read = |row: &Row<'_>| row.get("retry_of");
        let first = self.query_optional(first, params, read)?;
        if let Some(first) = first
            && self.is_served(waiting.auto_message_id, first, chat_id)?
        {
            return Ok(false);
        }
        let sql = "UPDATE OR IGNORE deliveries SET chat_id = :chat_id, contact_number = :number
                   WHERE id = :id AND status = 'pending'";
        self.change(sql, params! { chat_id, number, waiting.{ id } })
    }

    /// Whether [`Tx::readdress`] would find that chat served, or kept by a recipient of its own.
    pub(crate) fn is_taken(&self, row: &Delivery, chat_id: &str) -> SqlResult<bool> {
        let first = row.retry_of.unwrap_or(row.due_at);
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM deliveries d
                 WHERE d.auto_message_id = :auto_message_id AND d.due_at = :due_at AND d.chat_id = :chat_id
                     AND d.id <> :id AND d.status <> 'skipped'
                     AND NOT (d.status = 'pending' AND {IS_CONTACT_CHANGED}))"
        );
        Ok(self.query_value(&sql, params! { chat_id, row.{ id, auto_message_id, due_at } })?
            || row.chat_id != chat_id && self.is_served(row.auto_message_id, first, chat_id)?)
    }

    /// Whether an occurrence, or a retry of it, went or may have gone to a chat.
    pub(crate) fn is_served(&self, id: i64, first: Timestamp, chat_id: &str) -> SqlResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM deliveries
                       WHERE auto_message_id = :id AND due_at >= :first AND chat_id = :chat_id
                           AND coalesce(retry_of, due_at) = :first
                           AND status IN ('sending', 'sent', 'unknown'))";
        let first = first.to_string();
        self.query_value(sql, params! { first, chat_id, id })
    }

    /// Whom a message names, unless this contact has a delivery of the occurrence already. One that was
    /// skipped is none: its number may have been served by the contact that changes now.
    pub(crate) fn names_unless_planned(
        &self,
        id: i64,
        due_at: Timestamp,
        contact_id: i64,
    ) -> SqlResult<Option<String>> {
        let sql = "SELECT contact_ids FROM auto_messages WHERE id = :id AND NOT EXISTS
                       (SELECT 1 FROM deliveries WHERE auto_message_id = :id AND due_at = :due_at
                           AND contact_id = :contact_id AND status <> 'skipped')";
        let params = params! { due_at, contact_id, id };
        let read = |row: &Row<'_>| lossy(row, "contact_ids");
        Ok(self.query_optional(sql, params, read)?.flatten())
    }

    /// Gives a pending delivery to another contact with the same number.
    pub(crate) fn hand_over(&self, id: i64, to: &Contact) -> SqlResult<()> {
        let sql = "UPDATE deliveries SET contact_id = :contact_id, contact_number = :phone_number,
                       name = :name
                   WHERE id = :id AND status = 'pending'";
        self.execute_sql(sql, params! { id, ":contact_id": to.id, to.{ name, phone_number } })
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
                   SELECT auto_message_id, due_at, channel_id, :contact_id, :phone_number, :name, :chat_id,
                       'pending', retry_of, :now
                   FROM deliveries WHERE id = :id";
        let params = params! { now, waiting.{ id, chat_id }, ":contact_id": to.id, to.{ name, phone_number } };
        self.execute_sql(sql, params)?;
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
        self.change(&sql, params! { auto_message_id, due_at, chat_id, also_skipped })
    }

    /// The contacts that got an occurrence, or may have got it, at whatever number they had.
    pub(crate) fn contacts_served(&self, id: i64, due_at: Timestamp) -> SqlResult<HashSet<i64>> {
        let sql = "SELECT contact_id FROM deliveries
                   WHERE auto_message_id = :id AND due_at = :due_at AND contact_id IS NOT NULL
                       AND status IN ('sending', 'sent', 'unknown')";
        self.query_values(sql, params! { due_at, id }).map(HashSet::from_iter)
    }
}
