//! What a row does to the contacts: a new contact, a change of one that is there, or nothing.

use serde_json::Value;

use super::row::Row;
use super::{Import, Problem};
use crate::contacts::{as_key, attribute_called, attributes, set_attribute, tags};
use crate::recipient::{CountryCode, normalize_phone};
use crate::store::{Contact, Numbers, SqlResult, Tx};

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Merged {
    Added,
    Changed,
    Same,
    Refused(Problem),
}

/// In the noted numbers: not a contact, but a row of this file that a preview has seen.
const SEEN: i64 = 0;

/// Notes the numbers of all contacts whose spelling the index does not find. Returns whether there
/// are any.
pub(super) fn note_odd_numbers(tx: &Tx<'_>, country: &CountryCode) -> SqlResult<bool> {
    tx.clear_noted_numbers()?;
    let mut is_any = false;
    tx.each_number(Numbers::Odd, |id, written| {
        if let Ok(digits) = normalize_phone(written, country) {
            is_any = true;
            tx.note_number(as_key(&digits), id)?;
        }
        Ok(())
    })?;
    Ok(is_any)
}

impl Import<'_> {
    /// Stores one row, or says what storing it would do.
    pub(super) fn store(&self, tx: &Tx<'_>, row: &Row) -> SqlResult<Merged> {
        let known = match self.find(tx, row)? {
            Some(SEEN) => return Ok(Merged::Changed),
            Some(id) => tx.contact(id)?,
            None => None,
        };
        match known {
            Some(known) => self.merge(tx, row, known),
            None => self.add(tx, row),
        }
    }

    fn find(&self, tx: &Tx<'_>, row: &Row) -> SqlResult<Option<i64>> {
        match tx.contacts_with_spelling(&row.number)?.first().copied() {
            None if self.has_noted || self.rules.is_preview => tx.noted_number(as_key(&row.number)),
            found => Ok(found),
        }
    }

    fn add(&self, tx: &Tx<'_>, row: &Row) -> SqlResult<Merged> {
        if self.rules.is_preview {
            tx.note_number(as_key(&row.number), SEEN)?;
            return Ok(Merged::Added);
        }
        let named = row.attributes.iter().map(|(key, value)| (key.clone(), value.as_str().into()));
        let contact = Contact {
            tags: tags::to_column(&row.tags),
            attributes: Value::Object(named.collect()).to_string(),
            opted_out_at: row.opted_out_at.clone(),
            ..Contact::new(row.name.clone(), row.number.clone())
        };
        tx.insert_contact(&contact, &self.now)?;
        Ok(Merged::Added)
    }

    /// What the row says replaces what was there, tags join, and what it leaves blank stays.
    fn merge(&self, tx: &Tx<'_>, row: &Row, mut contact: Contact) -> SqlResult<Merged> {
        let Some(mut attributes) = attributes(&contact.attributes) else {
            return Ok(Merged::Refused(Problem::NoObject(contact.id)));
        };
        let mut tags = tags::read(&contact.tags);
        let mut is_changed = false;
        for tag in &row.tags {
            is_changed |= tags::give(&mut tags, tag);
        }
        for (key, value) in &row.attributes {
            let known = attribute_called(&attributes, key).and_then(|known| attributes.get(known));
            let is_same = known.is_some_and(|old| is_text(old, value));
            if !is_same {
                set_attribute(&mut attributes, key, value.as_str().into());
                is_changed = true;
            }
        }
        is_changed |= row.name.is_some() && row.name != contact.name;
        is_changed |= row.opted_out_at.is_some() && contact.opted_out_at.is_none();
        if !is_changed {
            return Ok(Merged::Same);
        }
        if !self.rules.is_preview {
            contact.name = row.name.clone().or(contact.name);
            contact.tags = tags::to_column(&tags);
            contact.attributes = Value::Object(attributes).to_string();
            contact.opted_out_at = contact.opted_out_at.or(row.opted_out_at.clone());
            tx.update_contact(&contact, &self.now)?;
        }
        Ok(Merged::Changed)
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
