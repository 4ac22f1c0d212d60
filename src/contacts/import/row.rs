//! From the cells of a row to what is to be stored of it, or the reason why nothing is.

use std::borrow::Cow;
use std::io::Read;

use serde_json::{Map, Value};

use super::header::{Column, Header};
use super::records::Records;
use super::{RowProblem, unguard};
use crate::clock::Timestamp;
use crate::contacts::tags::{self, TAG_CHARS_MAX, TAGS_MAX};
use crate::contacts::{KEY_CHARS_MAX, NAME_CHARS_MAX, VALUE_CHARS_MAX, as_key, attributes, tidy};
use crate::recipient::{CountryCode, normalize_phone};

/// A row that is to be stored.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) line: u64,
    /// As it would be shown, when it is refused after all.
    pub(super) key: i64,
    /// `+6281234567890`.
    pub(super) number: String,
    pub(super) name: Option<String>,
    pub(super) tags: Vec<String>,
    /// Which column of the header, and what it says.
    pub(super) attributes: Vec<(usize, String)>,
    /// Those that have no column of their own.
    pub(super) more: Vec<(String, String)>,
    pub(super) opted_out_at: Option<String>,
}

/// A row that is refused: the cell that is wrong, and why.
pub(super) struct Wrong {
    pub(super) value: String,
    pub(super) problem: RowProblem,
}

/// Reads the row that came last. `more_tags` are given to everybody.
pub(super) fn read<R: Read>(
    records: &Records<R>,
    header: &Header,
    (line, country, more_tags): (u64, &CountryCode, &[String]),
) -> Result<Row, Wrong> {
    let mut row = Row {
        line,
        key: 0,
        number: String::new(),
        name: None,
        tags: Vec::new(),
        attributes: Vec::new(),
        more: Vec::new(),
        opted_out_at: None,
    };
    for (at, column) in header.columns.iter().enumerate() {
        if records.cell_bytes(at).is_empty() {
            continue;
        }
        let written = records.cell(at);
        let trimmed = written.trim();
        if trimmed.is_empty() {
            continue;
        }
        let wrong = |problem| Wrong { value: trimmed.to_owned(), problem };
        let (text, is_formula) = plain_text(trimmed);
        let text = text.as_ref();
        if is_formula && *column != Column::Reason {
            return Err(wrong(RowProblem::Formula));
        }
        match column {
            Column::Reason => {}
            Column::Phone => {
                let digits = normalize_phone(text, country)
                    .map_err(|error| wrong(RowProblem::Phone(error)))?;
                row.key = as_key(&digits);
                row.number = format!("+{digits}");
            }
            Column::Name => row.name = limited(text, NAME_CHARS_MAX).map_err(wrong)?,
            Column::Tags => give_tags(&mut row.tags, tags::split(text)).map_err(wrong)?,
            Column::OptedOutAt => {
                row.opted_out_at = Some(time(text).ok_or_else(|| wrong(RowProblem::NoTime))?);
            }
            Column::Attribute(_) | Column::MoreAttributes => {
                let is_more = *column == Column::MoreAttributes;
                // What holds no object is somebody's own column of that name.
                if let Some(object) = is_more.then(|| attributes(text)).flatten() {
                    row.more = more(object).map_err(wrong)?;
                } else if let Some(value) = limited(text, VALUE_CHARS_MAX).map_err(wrong)? {
                    row.attributes.push((at, value));
                }
            }
        }
    }
    if row.number.is_empty() {
        let value = row.name.unwrap_or_default();
        return Err(Wrong { value, problem: RowProblem::NoNumber });
    }
    for tag in more_tags {
        tags::give(&mut row.tags, tag);
    }
    Ok(row)
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
fn limited(text: &str, chars_max: usize) -> Result<Option<String>, RowProblem> {
    // Bytes first: counting characters takes longer.
    if text.len() > chars_max && text.chars().count() > chars_max {
        return Err(RowProblem::TooManyCharacters(chars_max));
    }
    let text = tidy(text);
    Ok((!text.is_empty()).then_some(text))
}

fn more(object: Map<String, Value>) -> Result<Vec<(String, String)>, RowProblem> {
    let mut more = Vec::with_capacity(object.len());
    for (key, value) in object {
        let key = limited(&key, KEY_CHARS_MAX)?;
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        more.extend(key.zip(limited(&value, VALUE_CHARS_MAX)?));
    }
    Ok(more)
}

fn give_tags<'a>(
    own: &mut Vec<String>,
    tags: impl Iterator<Item = &'a str>,
) -> Result<(), RowProblem> {
    for tag in tags {
        let tag = limited(tag, TAG_CHARS_MAX)?.map_or(Cow::Borrowed(""), Cow::Owned);
        if !tag.is_empty() {
            tags::give(own, &tag);
        }
        if own.len() > TAGS_MAX {
            return Err(RowProblem::TooManyTags(TAGS_MAX));
        }
    }
    Ok(())
}

/// A time as the table has it, or `2026-12-01`, or `2026-12-01 09:00` (UTC).
fn time(text: &str) -> Option<String> {
    [text.to_owned(), format!("{text}T00:00:00Z"), format!("{}:00Z", text.replacen(' ', "T", 1))]
        .iter()
        .find_map(|text| Timestamp::parse(text))
        .map(|at| at.to_string())
}
