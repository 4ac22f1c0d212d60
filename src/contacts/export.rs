//! Lists that go out: CSV in UTF-8, which [`super::import`] reads back as it was.

use std::collections::HashSet;
use std::io::{self, Write};

use serde_json::{Map, Value};

use super::cell::guard;
use super::{Filter, attribute_called, attributes, tags};
use crate::recipient::{CountryCode, normalize_phone};
use crate::store::{Contact, Store, StoreError};
use crate::template::is_same_name;

/// So many attributes get a column; more are too many for a spreadsheet's reader, and an import takes
/// 500 columns. The others stand in the last column.
const ATTRIBUTES_MAX: usize = 400;

const CONTACTS_PER_READ: u32 = 1_000;

/// The last column, when contacts have more attributes than there are columns.
pub(super) const MORE_ATTRIBUTES: &str = "more attributes";

/// The columns that are always there. They come first: a later one of the same name is an attribute.
pub(super) const COLUMNS: [&str; 4] = ["name", "phone_number", "tags", "opted_out_at"];

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("failed to write the list")]
    Write(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Commas, for programs.
    Plain,
    /// A byte order mark and semicolons, as Excel in Indonesia opens and keeps it.
    Excel,
}

/// Writes these contacts; returns how many.
pub(crate) fn export_some(
    format: Format,
    store: &mut Store,
    ids: &HashSet<i64>,
    country: &CountryCode,
    out: &mut dyn Write,
) -> Result<u64, ExportError> {
    export_that(format, store, &|row| ids.contains(&row.id), country, out)
}

/// Writes all contacts that have `filter`'s tag to `out`; returns how many. Numbers are
/// written as `+62…` when they can be read, else as they are.
pub fn export(
    format: Format,
    store: &mut Store,
    filter: &Filter,
    country: &CountryCode,
    out: &mut dyn Write,
) -> Result<u64, ExportError> {
    let tag = filter.tag.as_deref().map(tags::fold);
    let has_tag = |row: &Contact| tag.as_ref().is_none_or(|tag| tags::has(&row.tags, tag));
    export_that(format, store, &has_tag, country, out)
}

fn export_that(
    format: Format,
    store: &mut Store,
    is_wanted: &dyn Fn(&Contact) -> bool,
    country: &CountryCode,
    out: &mut dyn Write,
) -> Result<u64, ExportError> {
    // One column for `Kota` and `kota`.
    let mut keys: Vec<String> = Vec::new();
    for key in store.read(|tx| tx.attribute_names(ATTRIBUTES_MAX * 2))? {
        if !keys.iter().any(|known| is_same_name(known, &key)) {
            keys.push(key);
        }
    }
    if format == Format::Excel {
        out.write_all("\u{feff}".as_bytes())?;
    }
    let has_more = keys.len() > ATTRIBUTES_MAX;
    keys.truncate(ATTRIBUTES_MAX);
    let header = COLUMNS.into_iter().chain(keys.iter().map(String::as_str));
    write_row_as(format, out, header.chain(has_more.then_some(MORE_ATTRIBUTES)))?;
    let (mut count, mut after) = (0, i64::MIN);
    loop {
        // Each page is written with no transaction open: a user who reads a long list in a pager must not
        // keep the database's WAL from being emptied.
        let (mut page, mut left) = (Vec::new(), CONTACTS_PER_READ);
        store.read(|tx| {
            tx.each_contact_after(after, |row| {
                left -= 1;
                after = row.id;
                if is_wanted(&row) {
                    page.push(cells(&row, &keys, has_more, country));
                }
                Ok(left > 0)
            })
        })?;
        for cells in &page {
            write_row_as(format, out, cells)?;
            count += 1;
        }
        if left > 0 {
            return Ok(count);
        }
    }
}

fn cells(row: &Contact, keys: &[String], has_more: bool, country: &CountryCode) -> Vec<String> {
    let number = match normalize_phone(&row.phone_number, country) {
        Ok(digits) => format!("+{digits}"),
        Err(_) => row.phone_number.clone(),
    };
    let name = row.name.as_deref().unwrap_or_default().to_owned();
    let opted_out_at = row.opted_out_at.as_deref().unwrap_or_default().to_owned();
    let mut cells = vec![name, number, tags::to_cell(&tags::read(&row.tags)), opted_out_at];
    let attributes = attributes(&row.attributes).unwrap_or_default();
    cells.extend(keys.iter().map(|key| {
        match attribute_called(&attributes, key).map(|(_, value)| value) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }));
    if has_more {
        let mut more: Map<String, Value> = attributes;
        more.retain(|key, _| !keys.iter().any(|known| is_same_name(known, key)));
        cells.push(if more.is_empty() { String::new() } else { Value::Object(more).to_string() });
    }
    cells
}

/// Writes one row, with every cell guarded against spreadsheets.
pub fn write_row(
    out: &mut dyn Write,
    cells: impl IntoIterator<Item = impl AsRef<str>>,
) -> io::Result<()> {
    write_row_as(Format::Plain, out, cells)
}

fn write_row_as(
    format: Format,
    out: &mut dyn Write,
    cells: impl IntoIterator<Item = impl AsRef<str>>,
) -> io::Result<()> {
    let is_for_excel = format == Format::Excel;
    for (at, cell) in cells.into_iter().enumerate() {
        if at > 0 {
            out.write_all(if is_for_excel { b";" } else { b"," })?;
        }
        let cell = guard(cell.as_ref(), is_for_excel);
        let needs_quotes = cell.contains([',', ';', '\t', '"', '\n', '\r']) || cell.trim() != cell;
        if needs_quotes {
            write!(out, "\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            out.write_all(cell.as_bytes())?;
        }
    }
    out.write_all(b"\r\n")
}
