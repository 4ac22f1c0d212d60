//! Lists that go out: CSV in UTF-8, which [`super::import`] reads back as it was.
//!
//! A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@`, and turns `+6281234567890` into
//! 6.28E+12: such cells get an apostrophe in front, which an import takes away. With another separator
//! than ours it sees more cells, in the middle of one of ours: each of them gets its apostrophe too.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::import::{MORE_ATTRIBUTES, guard};
use super::{Filter, attribute_called, attributes, tags};
use crate::recipient::{CountryCode, normalize_phone};
use crate::store::{ContactRow, Store, StoreError};
use crate::template;

/// So many attributes get a column; more are too many for a spreadsheet's reader, and an import takes
/// 500 columns. The others stand in the last column.
const ATTRIBUTES_MAX: usize = 400;

/// Contacts that are read in one transaction.
const CONTACTS_PER_READ: u32 = 1_000;

/// The columns that are always there. They come first: a later one of the same name is an attribute.
const COLUMNS: [&str; 4] = ["name", "phone_number", "tags", "opted_out_at"];

/// Why a list could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It could not be written.
    #[error("failed to write the list")]
    Write(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes all contacts that have `filter`'s tag to `out`; returns how many. Numbers are
/// written as `+62…` when they can be read, else as they are.
pub fn export(
    store: &mut Store,
    filter: &Filter,
    country: &CountryCode,
    out: &mut dyn Write,
) -> Result<u64, ExportError> {
    let keys = store.read(|tx| tx.attribute_names(ATTRIBUTES_MAX * 2))?;
    // One column for `Kota` and `kota`.
    let mut named: Vec<String> = Vec::with_capacity(keys.len());
    for key in keys {
        if !named.iter().any(|known| template::is_same_name(known, &key)) {
            named.push(key);
        }
    }
    let mut keys = named;
    let has_more = keys.len() > ATTRIBUTES_MAX;
    keys.truncate(ATTRIBUTES_MAX);
    let more = has_more.then_some(MORE_ATTRIBUTES);
    let header = COLUMNS.into_iter().chain(keys.iter().map(String::as_str)).chain(more);
    write_row(out, header)?;
    let tag = filter.tag.as_deref().map(tags::fold);
    let (mut count, mut after) = (0, i64::MIN);
    let mut page = Vec::new();
    loop {
        page.clear();
        // Page by page, and written with no transaction open: whoever looks at a long list in a pager
        // must not keep the database's WAL from being emptied.
        let mut failed = None;
        let last = store.read(|tx| {
            tx.some_contacts(after, CONTACTS_PER_READ, |row| {
                if tag.as_ref().is_some_and(|tag| !tags::has(&row.tags, tag)) {
                    return;
                }
                match write_contact(&mut page, &row, (&keys, has_more), country) {
                    Ok(()) => count += 1,
                    Err(error) => failed = Some(error),
                }
            })
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        out.write_all(&page)?;
        let Some(last) = last else { return Ok(count) };
        after = last;
    }
}

fn write_contact(
    out: &mut dyn Write,
    row: &ContactRow<'_>,
    (keys, has_more): (&[String], bool),
    country: &CountryCode,
) -> io::Result<()> {
    let number = match normalize_phone(&row.phone_number, country) {
        Ok(digits) => format!("+{digits}"),
        Err(_) => row.phone_number.to_string(),
    };
    let tags = tags::read(&row.tags).join(", ");
    let attributes = attributes(&row.attributes).unwrap_or_default();
    let values = keys.iter().map(|key| {
        match attribute_called(&attributes, key).and_then(|known| attributes.get(known)) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    });
    let more = has_more.then(|| {
        let has_no_column =
            |key: &String| !keys.iter().any(|known| template::is_same_name(known, key));
        let more = attributes.iter().filter(|(key, _)| has_no_column(key));
        let more: Map<_, _> = more.map(|(key, value)| (key.clone(), value.clone())).collect();
        if more.is_empty() { String::new() } else { Value::Object(more).to_string() }
    });
    let name = row.name.as_deref().unwrap_or_default();
    let opted_out_at = row.opted_out_at.as_deref().unwrap_or_default();
    let cells = [name, &number, &tags, opted_out_at].map(str::to_owned);
    write_row(out, cells.into_iter().chain(values).chain(more))
}

/// Writes one row, with every cell guarded against spreadsheets.
pub fn write_row(
    out: &mut dyn Write,
    cells: impl IntoIterator<Item = impl AsRef<str>>,
) -> io::Result<()> {
    for (at, cell) in cells.into_iter().enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        let cell = guard(cell.as_ref());
        let needs_quotes = cell.contains([',', ';', '\t', '"', '\n', '\r']) || cell.trim() != cell;
        if needs_quotes {
            write!(out, "\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            out.write_all(cell.as_bytes())?;
        }
    }
    out.write_all(b"\r\n")
}
