//! What a row does to the address book: a new contact, a change of one that is there, or nothing.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::RowProblem;
use super::header::{Column, Header, MORE_ATTRIBUTES};
use super::row::Row;
use crate::contacts::{as_key, attribute_called, attributes, set_attribute, tags};
use crate::recipient::{CountryCode, normalize_phone};
use crate::store::{ContactRow, ContactValues, SqlResult, Tx};

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Merged {
    Added,
    Changed,
    Same,
    Refused(RowProblem),
}

/// How rows meet the table.
pub(super) struct Merge<'a> {
    pub(super) header: &'a Header,
    /// As the table has it.
    pub(super) now: &'a str,
    /// Whether the table has numbers in spellings that only the noted numbers find.
    pub(super) has_noted: bool,
    /// Whether nothing is to be stored.
    pub(super) is_preview: bool,
}

/// In the noted numbers: not a contact, but a row of this file that a preview has seen.
const SEEN: i64 = 0;

/// Notes the numbers of all contacts whose spelling the index does not find. Returns whether there
/// are any.
pub(super) fn note_odd_numbers(tx: &Tx<'_>, country: &CountryCode) -> SqlResult<bool> {
    tx.clear_noted_numbers()?;
    let mut is_any = false;
    tx.each_odd_number(|id, written| {
        if let Ok(digits) = normalize_phone(written, country) {
            is_any = true;
            tx.note_number(as_key(&digits), id)?;
        }
        Ok(())
    })?;
    Ok(is_any)
}

impl Merge<'_> {
    /// Stores one row, or says what storing it would do.
    pub(super) fn row(&self, tx: &Tx<'_>, row: &Row) -> SqlResult<Merged> {
        let known = match self.find(tx, row)? {
            Some(SEEN) => return Ok(Merged::Changed),
            Some(id) => tx.contact_row(id)?,
            None => None,
        };
        match known {
            Some(known) => self.merge(tx, row, &known),
            None => self.add(tx, row),
        }
    }

    fn find(&self, tx: &Tx<'_>, row: &Row) -> SqlResult<Option<i64>> {
        match tx.contact_with_spelling(&row.number)? {
            None if self.has_noted || self.is_preview => tx.noted_number(row.key),
            found => Ok(found),
        }
    }

    fn add(&self, tx: &Tx<'_>, row: &Row) -> SqlResult<Merged> {
        if self.is_preview {
            tx.note_number(row.key, SEEN)?;
            return Ok(Merged::Added);
        }
        let values = ContactValues {
            name: row.name.as_deref(),
            phone_number: &row.number,
            tags: &tags::to_column(&row.tags),
            attributes: &self.new_attributes(row),
            opted_out_at: row.opted_out_at.as_deref(),
        };
        tx.insert_contact(&values, self.now)?;
        Ok(Merged::Added)
    }

    /// What the row says replaces what was there, tags join, and what it leaves blank stays.
    fn merge(&self, tx: &Tx<'_>, row: &Row, known: &ContactRow<'_>) -> SqlResult<Merged> {
        let Some(mut attributes) = attributes(&known.attributes) else {
            return Ok(Merged::Refused(RowProblem::NoObject(known.id)));
        };
        let mut tags = tags::read(&known.tags);
        let mut is_changed = false;
        for tag in &row.tags {
            is_changed |= tags::give(&mut tags, tag);
        }
        for (key, value) in self.named(row) {
            let known = attribute_called(&attributes, key).and_then(|known| attributes.get(known));
            let is_same = known.is_some_and(|old| is_text(old, value));
            if !is_same {
                set_attribute(&mut attributes, key, Value::from(value));
                is_changed = true;
            }
        }
        let name = row.name.as_deref().map(Cow::Borrowed);
        is_changed |= name.is_some() && name != known.name;
        is_changed |= row.opted_out_at.is_some() && known.opted_out_at.is_none();
        if !is_changed {
            return Ok(Merged::Same);
        }
        if !self.is_preview {
            let values = ContactValues {
                name: name.as_deref().or(known.name.as_deref()),
                phone_number: &known.phone_number,
                tags: &tags::to_column(&tags),
                attributes: &Value::Object(attributes).to_string(),
                opted_out_at: known.opted_out_at.as_deref().or(row.opted_out_at.as_deref()),
            };
            tx.update_contact(known.id, &values, self.now)?;
        }
        Ok(Merged::Changed)
    }

    fn new_attributes(&self, row: &Row) -> String {
        if row.attributes.is_empty() && row.more.is_empty() {
            return "{}".to_owned();
        }
        let named = self.named(row).map(|(key, value)| (key.to_owned(), Value::from(value)));
        Value::Object(named.collect::<Map<String, Value>>()).to_string()
    }

    fn named<'b>(&'b self, row: &'b Row) -> impl Iterator<Item = (&'b str, &'b str)> {
        let named =
            row.attributes.iter().filter_map(|(at, value)| match &self.header.columns[*at] {
                Column::Attribute(name) => Some((name.as_str(), value.as_str())),
                Column::MoreAttributes => Some((MORE_ATTRIBUTES, value.as_str())),
                Column::Name
                | Column::Phone
                | Column::Tags
                | Column::OptedOutAt
                | Column::Reason => None,
            });
        named.chain(row.more.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

/// A number that somebody wrote as a number is the same as its text.
fn is_text(old: &Value, text: &str) -> bool {
    match old {
        Value::String(old) => old == text,
        Value::Number(number) => number.to_string() == text,
        Value::Bool(truth) => truth.to_string() == text,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}
