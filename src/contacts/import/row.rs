//! Rows of a list: their cells are read, and a row adds a contact, changes one that is there, or changes
//! nothing.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::header::{Column, Header};
use super::{Import, ImportRules, Problem};
use crate::clock::Timestamp;
use crate::contacts::export::{MORE_ATTRIBUTES, unguard};
use crate::contacts::tags::{self, TAG_CHARS_MAX, TAGS_MAX};
use crate::contacts::{
    KEY_CHARS_MAX, NAME_CHARS_MAX, VALUE_CHARS_MAX, as_key, attribute_called, attributes,
    set_attribute, tidy,
};
use crate::recipient::{CountryCode, normalize_phone};
use crate::store::{Contact, Numbers, SqlResult, Tx};

/// A row that is to be stored.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) line: u64,
    /// As it is written, to be shown if it is refused after all.
    pub(super) cells: Vec<String>,
    /// `+6281234567890`.
    pub(super) number: String,
    pub(super) name: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) opted_out_at: Option<String>,
}

/// The result of storing a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Merged {
    Added,
    Changed,
    Same,
    Refused(Problem),
}

/// In the noted numbers: not a contact, but a row of this file that a preview has seen.
const SEEN: i64 = 0;

impl Row {
    /// Reads a row. The error has the cell that is wrong.
    pub(super) fn read(
        line: u64,
        cells: &[String],
        header: &Header,
        rules: &ImportRules<'_>,
    ) -> Result<Self, (String, Problem)> {
        let mut row = Self { line, ..Self::default() };
        for (column, cell) in header.columns.iter().zip(cells) {
            let cell = cell.trim();
            if !cell.is_empty() {
                row.take(column, cell, rules.country)
                    .map_err(|problem| (cell.to_owned(), problem))?;
            }
        }
        if row.number.is_empty() {
            return Err((row.name.unwrap_or_default(), Problem::NoNumber));
        }
        for tag in rules.tags {
            tags::give(&mut row.tags, tag);
        }
        Ok(row)
    }

    fn take(&mut self, column: &Column, cell: &str, country: &CountryCode) -> Result<(), Problem> {
        let (text, is_formula) = plain_text(cell);
        if is_formula && *column != Column::Reason {
            return Err(Problem::Formula);
        }
        match column {
            Column::Reason => {}
            Column::Phone => {
                let digits = normalize_phone(&text, country).map_err(Problem::Phone)?;
                self.number = format!("+{digits}");
            }
            Column::Name => self.name = limited(&text, NAME_CHARS_MAX)?,
            Column::Tags => self.take_tags(&text)?,
            Column::OptedOutAt => self.opted_out_at = Some(time(&text).ok_or(Problem::NoTime)?),
            Column::Attribute(name) => self.take_attribute(name, &text)?,
            Column::MoreAttributes => match attributes(&text) {
                Some(object) => self.take_more(object)?,
                // Somebody's own column of that name.
                None => self.take_attribute(MORE_ATTRIBUTES, &text)?,
            },
        }
        Ok(())
    }

    fn take_attribute(&mut self, name: &str, text: &str) -> Result<(), Problem> {
        let value = limited(text, VALUE_CHARS_MAX)?;
        self.attributes.extend(value.map(|value| (name.to_owned(), value)));
        Ok(())
    }

    fn take_more(&mut self, object: Map<String, Value>) -> Result<(), Problem> {
        for (key, value) in object {
            if let Some(key) = limited(&key, KEY_CHARS_MAX)? {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                self.take_attribute(&key, &value)?;
            }
        }
        Ok(())
    }

    fn take_tags(&mut self, text: &str) -> Result<(), Problem> {
        for tag in tags::split(text) {
            if let Some(tag) = limited(tag, TAG_CHARS_MAX)? {
                tags::give(&mut self.tags, &tag);
            }
            if self.tags.len() > TAGS_MAX {
                return Err(Problem::TooManyTags(TAGS_MAX));
            }
        }
        Ok(())
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let attributes = self.attributes.iter().flat_map(|(key, value)| [key, value]);
        let texts = self.cells.iter().chain(&self.name).chain(&self.tags).chain(attributes);
        200 + texts.map(|text| text.len() + 32).sum::<usize>()
    }
}

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
    /// Stores one row; a preview only finds out the result.
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

    /// Filled cells replace the values of the contact, tags are added, and blank cells change nothing.
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
            let known = attribute_called(&attributes, key);
            if !known.is_some_and(|(_, old)| is_text(old, value)) {
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

/// The text of a cell without its protection from spreadsheets (`'=x`, `="0812"`), and whether it is a
/// formula.
fn plain_text(cell: &str) -> (Cow<'_, str>, bool) {
    let quoted = cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    if let Some(inner) = quoted.filter(|inner| !inner.contains('"')) {
        return (inner.trim().into(), false);
    }
    let is_formula = cell.starts_with('=')
        || (cell.starts_with(['+', '-', '@']) && cell.contains('|') && cell.contains('!'));
    (unguard(cell), is_formula)
}

/// The text on one line; `None` when nothing is left of it.
fn limited(text: &str, chars_max: usize) -> Result<Option<String>, Problem> {
    // Bytes first: counting characters takes longer.
    if text.len() > chars_max && text.chars().count() > chars_max {
        return Err(Problem::TooManyCharacters(chars_max));
    }
    let text = tidy(text);
    Ok((!text.is_empty()).then_some(text))
}

/// A time as the table has it, or `2026-12-01`, or `2026-12-01 09:00` (UTC).
fn time(text: &str) -> Option<String> {
    [text.to_owned(), format!("{text}T00:00:00Z"), format!("{}:00Z", text.replacen(' ', "T", 1))]
        .iter()
        .find_map(|text| Timestamp::parse(text))
        .map(|at| at.to_string())
}

/// Whether a stored value is this text; a JSON number is the same as its digits.
fn is_text(old: &Value, text: &str) -> bool {
    match old {
        Value::String(old) => old == text,
        Value::Number(number) => number.to_string() == text,
        Value::Bool(truth) => truth.to_string() == text,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}
