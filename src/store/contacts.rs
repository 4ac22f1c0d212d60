//! The table `contacts`.

use rusqlite::{OptionalExtension, named_params};

use super::{SqlResult, Tx, lossy};

/// A person in the address book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// `contacts.id`.
    pub id: i64,
    /// The name, when there is one.
    pub name: Option<String>,
    /// As written; not normalised.
    pub phone_number: String,
    /// Whether the person asked for no more messages.
    pub opted_out: bool,
}

impl Tx<'_> {
    /// The contact with this id, if there is one.
    ///
    /// # Errors
    /// When the statement fails.
    pub fn contact(&self, id: i64) -> SqlResult<Option<Contact>> {
        let sql = "SELECT id, name, phone_number, opted_out_at IS NOT NULL AS opted_out
                   FROM contacts WHERE id = :id";
        self.transaction
            .prepare_cached(sql)?
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
    ///
    /// # Errors
    /// When the statement fails.
    pub fn contact_values(&self, id: i64) -> SqlResult<Option<(Option<String>, Option<String>)>> {
        let sql = "SELECT name, attributes FROM contacts WHERE id = :id";
        self.transaction
            .prepare_cached(sql)?
            .query_row(named_params! { ":id": id }, |row| {
                Ok((lossy(row, "name")?, lossy(row, "attributes")?))
            })
            .optional()
    }

    /// Adds a contact and returns its id.
    ///
    /// # Errors
    /// When the statement fails.
    pub fn add_contact(&self, name: &str, phone_number: &str) -> SqlResult<i64> {
        let sql = "INSERT INTO contacts (name, phone_number) VALUES (:name, :phone_number)";
        self.transaction
            .prepare_cached(sql)?
            .insert(named_params! { ":name": name, ":phone_number": phone_number })
    }
}
