//! The first line of a list: the separator of its cells, and the meaning of its columns.

use std::io;

use super::Problem;
use super::records::{Record, Records, cells_of};
use crate::contacts::export::{MORE_ATTRIBUTES, unguard};
use crate::contacts::{KEY_CHARS_MAX, tidy};
use crate::recipient::{CountryCode, normalize_phone, shorten};
use crate::template::is_same_name;

/// More columns than any list of people has.
const COLUMNS_MAX: usize = 500;

const NAMES: &[&str] = &["name", "nama"];
const TAGS: &[&str] = &["tags", "label", "tag", "labels"];
/// By how surely they mean the number to write to; the first is ours, in every export.
const PHONES: [&[&str]; 3] = [
    &["phonenumber"],
    &["whatsapp", "wa", "nowa", "nomorwa", "nowhatsapp", "nomorwhatsapp"],
    &[
        "phone",
        "nomor",
        "nohp",
        "hp",
        "nomorhp",
        "telepon",
        "notelepon",
        "nomortelepon",
        "telp",
        "notelp",
        "handphone",
        "nohandphone",
    ],
];
const OPTED_OUT: &str = "optedoutat";
/// The column that `--rejects` adds to the rows that it writes; a corrected list may still have it.
pub(crate) const REASON_COLUMNS: [&str; 2] = ["refused because", "ditolak karena"];

/// The meaning of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Name,
    Phone,
    Tags,
    OptedOutAt,
    /// The reason of a former refusal.
    Reason,
    /// With its name.
    Attribute(String),
    /// The attributes that got no column of their own, as a JSON object.
    MoreAttributes,
}

/// The columns of a list.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) names: Vec<String>,
    pub(super) columns: Vec<Column>,
}

/// Reads the first line.
pub(super) fn read(
    records: &mut Records<'_>,
    country: &CountryCode,
) -> io::Result<Result<Header, Problem>> {
    if let Some(line) = records.peek_line()? {
        match sep_line(&line) {
            Some(delimiter) => {
                records.delimiter = delimiter;
                records.skip_lines(1);
            }
            None => records.delimiter = detect_delimiter(&line),
        }
    }
    Ok(match records.next()? {
        None => Err(Problem::Empty),
        Some(Record::Broken { .. } | Record::Endless { .. }) => Err(Problem::BrokenHeader),
        Some(Record::Row { cells, .. }) => {
            columns(cells.iter().map(|name| unguard(name.trim()).into_owned()).collect(), country)
        }
    })
}

fn columns(names: Vec<String>, country: &CountryCode) -> Result<Header, Problem> {
    if names.len() > COLUMNS_MAX {
        return Err(Problem::TooManyColumns { count: names.len(), max: COLUMNS_MAX });
    }
    let plain: Vec<String> = names.iter().map(|name| plain(name)).collect();
    let first_of = |known: &[&str]| plain.iter().position(|name| known.contains(&name.as_str()));
    let Some(phone) = PHONES.iter().find_map(|known| first_of(known)) else {
        return Err(match names.iter().find(|name| normalize_phone(name, country).is_ok()) {
            Some(number) => Problem::NoHeader { number: shorten(number) },
            None => Problem::NoPhoneColumn { found: shorten(&names.join(", ")) },
        });
    };
    let (name, tags) = (first_of(NAMES), first_of(TAGS));
    let opted_out = first_of(&[OPTED_OUT]);
    let mut columns: Vec<Column> = Vec::with_capacity(names.len());
    for (at, written) in names.iter().enumerate() {
        let column = match Some(at) {
            at if at == Some(phone) => Column::Phone,
            at if at == name => Column::Name,
            at if at == tags => Column::Tags,
            at if at == opted_out => Column::OptedOutAt,
            _ if REASON_COLUMNS.contains(&written.to_lowercase().as_str()) => Column::Reason,
            _ if at + 1 == names.len() && written == MORE_ATTRIBUTES => Column::MoreAttributes,
            _ => Column::Attribute(attribute_name(written, at, &columns)),
        };
        columns.push(column);
    }
    Ok(Header { names, columns })
}

/// As written; a column without a name is `column 3`, a second `kota` is `kota 2`.
fn attribute_name(written: &str, at: usize, before: &[Column]) -> String {
    let mut name: String = tidy(written).chars().take(KEY_CHARS_MAX).collect();
    if name.is_empty() {
        name = format!("column {}", at + 1);
    }
    let is_taken = |name: &str| {
        before
            .iter()
            .any(|column| matches!(column, Column::Attribute(known) if is_same_name(known, name)))
    };
    if !is_taken(&name) {
        return name;
    }
    // Among as many names as there are columns before, one is free.
    let mut free = (2..=before.len() + 2).map(|number| format!("{name} {number}"));
    free.find(|name| !is_taken(name)).unwrap_or(name)
}

/// Lower case, letters and digits only: `No. HP` is `nohp`.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(40).collect()
}

/// Excel's own first line, `sep=;`.
fn sep_line(line: &[u8]) -> Option<u8> {
    let line = line.trim_ascii();
    let is_sep = line.len() == 5 && line[..4].eq_ignore_ascii_case(b"sep=");
    is_sep
        .then(|| line[4])
        .filter(|delimiter| matches!(delimiter, b',' | b';' | b'|'))
        .or_else(|| line.eq_ignore_ascii_case(b"sep=").then_some(b'\t'))
}

/// The separator that gives the most columns that we know, and then the most columns.
fn detect_delimiter(line: &[u8]) -> u8 {
    let known = |name: &str| {
        NAMES.contains(&name)
            || TAGS.contains(&name)
            || PHONES.iter().any(|phones| phones.contains(&name))
    };
    let score = |delimiter: u8| {
        let cells = cells_of(line, delimiter);
        (cells.iter().filter(|name| known(plain(name).as_str())).count(), cells.len())
    };
    // Of equals, `max_by_key` takes the last.
    [b'\t', b';', b','].into_iter().max_by_key(|delimiter| score(*delimiter)).unwrap_or(b',')
}
