//! The table `contacts`, row by row. Numbers are whatever was written; the room `contacts` reads them.
//!
//! The program itself writes a number as `+6281234567890`, and finds such rows by the index on
//! `phone_number`. Rows that may be spelled otherwise have an index of their own.

use std::borrow::Cow;

use rusqlite::{OptionalExtension, Row, named_params};

use super::{SqlResult, Tx, lossy};
use crate::clock::Timestamp;

/// A person in the address book, as far as sending goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contact {
    pub(crate) id: i64,
    /// The name, when there is one.
    pub(crate) name: Option<String>,
    /// As written; not normalised.
    pub(crate) phone_number: String,
    /// Whether the person asked for no more messages.
    pub(crate) opted_out: bool,
}

/// A whole row, as it is written. Odd bytes are replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ContactRow<'row> {
    pub(crate) id: i64,
    /// The name, when there is one.
    pub(crate) name: Option<Cow<'row, str>>,
    /// As written; not normalised.
    pub(crate) phone_number: Cow<'row, str>,
    /// As written: should be a JSON array.
    pub(crate) tags: Cow<'row, str>,
    /// As written: should be a JSON object.
    pub(crate) attributes: Cow<'row, str>,
    /// When the person asked for no more messages.
    pub(crate) opted_out_at: Option<Cow<'row, str>>,
    /// When the row was made.
    pub(crate) created_at: Cow<'row, str>,
    /// When it was changed last.
    pub(crate) updated_at: Cow<'row, str>,
}

/// What a row is to hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ContactValues<'a> {
    /// The name, when there is one.
    pub(crate) name: Option<&'a str>,
    pub(crate) phone_number: &'a str,
    /// A JSON array.
    pub(crate) tags: &'a str,
    /// A JSON object.
    pub(crate) attributes: &'a str,
    /// When the person asked for no more messages, as the table has it.
    pub(crate) opted_out_at: Option<&'a str>,
}

const COLUMNS: &str =
    "id, name, phone_number, tags, attributes, opted_out_at, created_at, updated_at";

/// The rows whose number may be spelled otherwise than the program does: word for word the WHERE of
/// `idx_contacts_odd_number`.
const IS_ODD: &str = "(phone_number NOT GLOB '+[1-9]*' OR phone_number GLOB '?*[^0-9]*'
    OR substr(phone_number, 3, 3) GLOB '*0*')";

impl ContactRow<'_> {
    /// The same row, on its own.
    pub(crate) fn into_owned(self) -> ContactRow<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        ContactRow {
            id: self.id,
            name: self.name.map(own),
            phone_number: own(self.phone_number),
            tags: own(self.tags),
            attributes: own(self.attributes),
            opted_out_at: self.opted_out_at.map(own),
            created_at: own(self.created_at),
            updated_at: own(self.updated_at),
        }
    }
}

impl Tx<'_> {
    /// The contact with this id, if there is one.
    pub(crate) fn contact(&self, id: i64) -> SqlResult<Option<Contact>> {
        let sql = "SELECT id, name, phone_number, opted_out_at IS NOT NULL AS opted_out
                   FROM contacts WHERE id = :id";
        self.prepare(sql)?
            .query_row(named_params! { ":id": id }, |row| {
                Ok(Contact {
                    id: row.get("id")?,
                    name: lossy(row, "name")?,
                    phone_number: lossy(row, "phone_number")?.unwrap_or_default(),
                    opted_out: row.get("opted_out")?,
                })
            })
            .optional()
    }

    /// What placeholders may say of the contact with this id: its name and its `attributes`, as
    /// written; `None` when there is no such contact.
    pub(crate) fn contact_values(
        &self,
        id: i64,
    ) -> SqlResult<Option<(Option<String>, Option<String>)>> {
        let sql = "SELECT name, attributes FROM contacts WHERE id = :id";
        self.prepare(sql)?
            .query_row(named_params! { ":id": id }, |row| {
                Ok((lossy(row, "name")?, lossy(row, "attributes")?))
            })
            .optional()
    }

    /// The whole row of a contact, if there is one.
    pub(crate) fn contact_row(&self, id: i64) -> SqlResult<Option<ContactRow<'static>>> {
        let sql = format!("SELECT {COLUMNS} FROM contacts WHERE id = :id");
        self.prepare(&sql)?
            .query_row(named_params! { ":id": id }, |row| Ok(read_row(row)?.into_owned()))
            .optional()
    }

    /// Calls `visit` with every contact, by id, until it says `false`.
    pub(crate) fn each_contact(
        &self,
        visit: impl FnMut(ContactRow<'_>) -> SqlResult<bool>,
    ) -> SqlResult<()> {
        self.each_contact_after(i64::MIN, visit)
    }

    /// The same for those whose id is greater than `after`.
    pub(crate) fn each_contact_after(
        &self,
        after: i64,
        mut visit: impl FnMut(ContactRow<'_>) -> SqlResult<bool>,
    ) -> SqlResult<()> {
        let sql = format!("SELECT {COLUMNS} FROM contacts WHERE id > :after ORDER BY id");
        let mut statement = self.prepare(&sql)?;
        let mut rows = statement.query(named_params! { ":after": after })?;
        while let Some(row) = rows.next()? {
            if !visit(read_row(row)?)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Calls `visit` with at most `limit` contacts after the id `after`, by id. Returns the last id;
    /// `None` when there was none.
    pub(crate) fn some_contacts(
        &self,
        after: i64,
        limit: u32,
        mut visit: impl FnMut(ContactRow<'_>),
    ) -> SqlResult<Option<i64>> {
        let sql =
            format!("SELECT {COLUMNS} FROM contacts WHERE id > :after ORDER BY id LIMIT :limit");
        let mut statement = self.prepare(&sql)?;
        let mut rows = statement.query(named_params! { ":after": after, ":limit": limit })?;
        let mut last = None;
        while let Some(row) = rows.next()? {
            let contact = read_row(row)?;
            last = Some(contact.id);
            visit(contact);
        }
        Ok(last)
    }

    /// Adds a contact with a name and a number and returns its id.
    pub fn add_contact(&self, name: &str, phone_number: &str) -> SqlResult<i64> {
        let sql = "INSERT INTO contacts (name, phone_number) VALUES (:name, :phone_number)";
        self.prepare(sql)?.insert(named_params! { ":name": name, ":phone_number": phone_number })
    }

    /// Adds a contact and returns its id. `now` is as the table has it.
    pub(crate) fn insert_contact(&self, values: &ContactValues<'_>, now: &str) -> SqlResult<i64> {
        let sql = "INSERT INTO contacts
                       (name, phone_number, tags, attributes, opted_out_at, created_at, updated_at)
                   VALUES (:name, :phone_number, :tags, :attributes, :opted_out_at, :now, :now)";
        self.prepare(sql)?.insert(named_params! {
            ":name": values.name,
            ":phone_number": values.phone_number,
            ":tags": values.tags,
            ":attributes": values.attributes,
            ":opted_out_at": values.opted_out_at,
            ":now": now,
        })
    }

    /// Gives a contact other values. Returns whether there is one with this id.
    pub(crate) fn update_contact(
        &self,
        id: i64,
        values: &ContactValues<'_>,
        now: &str,
    ) -> SqlResult<bool> {
        let sql = "UPDATE contacts SET name = :name, phone_number = :phone_number, tags = :tags,
                       attributes = :attributes, opted_out_at = :opted_out_at, updated_at = :now
                   WHERE id = :id";
        let changed = self.prepare(sql)?.execute(named_params! {
            ":id": id,
            ":name": values.name,
            ":phone_number": values.phone_number,
            ":tags": values.tags,
            ":attributes": values.attributes,
            ":opted_out_at": values.opted_out_at,
            ":now": now,
        })?;
        Ok(changed > 0)
    }

    /// Removes a contact; its deliveries stay. Returns whether there was one.
    pub(crate) fn remove_contact(&self, id: i64) -> SqlResult<bool> {
        let sql = "DELETE FROM contacts WHERE id = :id";
        let changed = self.prepare(sql)?.execute(named_params! { ":id": id })?;
        Ok(changed > 0)
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
        let changed = self.prepare(sql)?.execute(named_params! {
            ":id": id,
            ":at": at.map(|at| at.to_string()),
            ":now": now.to_string(),
        })?;
        Ok(changed > 0)
    }

    /// The first contact whose number is written exactly so.
    pub(crate) fn contact_with_spelling(&self, phone_number: &str) -> SqlResult<Option<i64>> {
        let sql = "SELECT min(id) FROM contacts WHERE phone_number = :phone_number";
        self.prepare(sql)?
            .query_row(named_params! { ":phone_number": phone_number }, |row| row.get(0))
    }

    /// All contacts whose number is written exactly so.
    pub(crate) fn contacts_with_spelling(&self, phone_number: &str) -> SqlResult<Vec<i64>> {
        let sql = "SELECT id FROM contacts WHERE phone_number = :phone_number ORDER BY id";
        let mut statement = self.prepare(sql)?;
        let rows = statement
            .query_map(named_params! { ":phone_number": phone_number }, |row| row.get(0))?;
        rows.collect()
    }

    /// Calls `visit` with id and number of every contact whose number may be spelled otherwise than
    /// the program does.
    pub(crate) fn each_odd_number(
        &self,
        mut visit: impl FnMut(i64, &str) -> SqlResult<()>,
    ) -> SqlResult<()> {
        let sql = format!(
            "SELECT id, phone_number FROM contacts INDEXED BY idx_contacts_odd_number
             WHERE {IS_ODD}"
        );
        let mut statement = self.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            visit(row.get("id")?, &text(row, "phone_number")?)?;
        }
        Ok(())
    }

    /// Calls `visit` with the number of every contact who opted out.
    pub(crate) fn each_opted_out_number(&self, mut visit: impl FnMut(&str)) -> SqlResult<()> {
        let sql = "SELECT phone_number FROM contacts INDEXED BY idx_contacts_opted_out
                   WHERE opted_out_at IS NOT NULL";
        let mut statement = self.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            visit(&text(row, "phone_number")?);
        }
        Ok(())
    }

    /// Calls `visit` with the number of every contact who opted out and whose number may be spelled
    /// otherwise than the program does.
    pub(crate) fn each_odd_opted_out_number(&self, mut visit: impl FnMut(&str)) -> SqlResult<()> {
        let sql = format!(
            "SELECT phone_number FROM contacts INDEXED BY idx_contacts_odd_opted_out
             WHERE opted_out_at IS NOT NULL AND {IS_ODD}"
        );
        let mut statement = self.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            visit(&text(row, "phone_number")?);
        }
        Ok(())
    }

    /// The names of all attributes, sorted; at most `limit`. Rows whose attributes are no JSON have none.
    pub(crate) fn attribute_names(&self, limit: usize) -> SqlResult<Vec<String>> {
        let sql = "SELECT DISTINCT a.key FROM contacts c, json_each(c.attributes) a
                   WHERE json_valid(c.attributes) AND json_type(c.attributes) = 'object'
                   ORDER BY a.key LIMIT :limit";
        let mut statement = self.prepare(sql)?;
        let rows = statement.query_map(named_params! { ":limit": limit }, |row| row.get(0))?;
        rows.collect()
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
        let params = named_params! { ":digits": digits, ":id": contact_id };
        Ok(self.prepare(sql)?.execute(params)? > 0)
    }

    /// Whose a noted number is.
    pub(crate) fn noted_number(&self, digits: i64) -> SqlResult<Option<i64>> {
        let sql = "SELECT contact_id FROM temp.noted_numbers WHERE digits = :digits";
        self.prepare(sql)?
            .query_row(named_params! { ":digits": digits }, |row| row.get(0))
            .optional()
    }
}

fn read_row<'row>(row: &'row Row<'_>) -> SqlResult<ContactRow<'row>> {
    Ok(ContactRow {
        id: row.get("id")?,
        name: optional_text(row, "name")?,
        phone_number: text(row, "phone_number")?,
        tags: text(row, "tags")?,
        attributes: text(row, "attributes")?,
        opted_out_at: optional_text(row, "opted_out_at")?,
        created_at: text(row, "created_at")?,
        updated_at: text(row, "updated_at")?,
    })
}

fn text<'row>(row: &'row Row<'_>, column: &str) -> SqlResult<Cow<'row, str>> {
    Ok(optional_text(row, column)?.unwrap_or_default())
}

fn optional_text<'row>(row: &'row Row<'_>, column: &str) -> SqlResult<Option<Cow<'row, str>>> {
    Ok(row.get_ref(column)?.as_bytes_or_null()?.map(String::from_utf8_lossy))
}
