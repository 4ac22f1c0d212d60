//! From the cells of a row to what is to be stored of it, or the reason why nothing is.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::header::{Column, Header};
use super::{ImportRules, Problem};
use crate::clock::Timestamp;
use crate::contacts::export::{MORE_ATTRIBUTES, unguard};
use crate::contacts::tags::{self, TAG_CHARS_MAX, TAGS_MAX};
use crate::contacts::{KEY_CHARS_MAX, NAME_CHARS_MAX, VALUE_CHARS_MAX, attributes, tidy};
use crate::recipient::{CountryCode, normalize_phone};

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

impl Row {
    /// Reads a row; or says which cell is wrong, and why.
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

/// Without what protects a cell from a spreadsheet (`'=x`, `="0812"`), and whether it is a formula.
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
