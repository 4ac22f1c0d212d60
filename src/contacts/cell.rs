//! Cells of lists: what is no value, and the apostrophes that keep spreadsheets from changing a text.
//!
//! A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@`, and turns `+6281234567890` into
//! 6.28E+12: such cells get an apostrophe in front, which an import takes away. With another separator
//! than ours it sees more cells, in the middle of one of ours: each of them gets its apostrophe too.

use std::borrow::Cow;

/// A cell that begins so is a formula to a spreadsheet, unless an apostrophe stands before it.
const GUARDED: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\''];
/// A formula begins with one of these, also in full width.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
/// Separators of cells in spreadsheets, by country or by the choice of the user. A spreadsheet with
/// another separator than ours ignores the quotes that we write around a cell.
const SEPARATORS: [char; 6] = [',', ';', '\t', '|', '\n', '\r'];
/// How databases, pandas and programs write that there is no value. Names such as `Nan` are no such text.
const NO_VALUES: &str = "NULL null Null (null) \\N nan NaN NaT None <NA> N/A n/a #N/A #REF! #VALUE! #DIV/0! #NAME? \
     #NUM! #NULL! undefined [null]";
/// Texts that begin so and have a digit are dates or amounts to Excel, in English or Indonesian.
const DATE_OR_AMOUNT: [&str; 16] = [
    "jan", "feb", "mar", "apr", "may", "mei", "jun", "jul", "aug", "agu", "sep", "oct", "okt",
    "nov", "de", "rp",
];

/// Whether a cell, without the blanks around it, says that there is no value.
pub(crate) fn is_no_value(cell: &str) -> bool {
    match cell.as_bytes().first() {
        None => true,
        Some(b'N' | b'n' | b'(' | b'\\' | b'<' | b'#' | b'u' | b'[') => {
            NO_VALUES.split(' ').any(|known| known == cell)
        }
        Some(b'-' | 0xe2) => cell.chars().all(|c| matches!(c, '-' | '–' | '—')),
        Some(_) => false,
    }
}

/// A cell that a spreadsheet takes for text whatever it holds: an apostrophe before what would be a
/// formula, at its begin and behind every separator. `is_for_excel` guards also what a spreadsheet would
/// change, such as `0812` and long digits. [`unguard`] takes them away again.
pub(crate) fn guard(cell: &str, is_for_excel: bool) -> Cow<'_, str> {
    let needs = |at: &usize| needs_guard(*at, &cell[*at..], is_for_excel);
    replaced(cell, begins(cell).filter(needs), 0, "'")
}

pub(super) fn unguard(cell: &str) -> Cow<'_, str> {
    if !cell.contains('\'') {
        return cell.into();
    }
    // People put one before a number, so that Excel keeps it as it is.
    let is_number =
        |at: usize, rest: &str| at == 0 && rest.starts_with(|c: char| c.is_ascii_digit());
    let has_guard = |at: &usize| {
        let rest = cell[*at..].strip_prefix('\'');
        rest.is_some_and(|rest| needs_guard(*at, rest, true) || is_number(*at, rest))
    };
    replaced(cell, begins(cell).filter(has_guard), 1, "")
}

/// Where a spreadsheet may see a cell begin.
fn begins(cell: &str) -> impl Iterator<Item = usize> {
    let behind = cell.match_indices(SEPARATORS).map(|(at, separator)| at + separator.len());
    std::iter::once(0).chain(behind)
}

/// Whether a spreadsheet may run or change such a cell. Some drop quotes before, and an import drops a guard.
fn needs_guard(at: usize, rest: &str, is_for_excel: bool) -> bool {
    rest.trim_start_matches([' ', '"', '\'']).starts_with(FORMULA)
        || at == 0
            && (rest.starts_with(GUARDED)
                || !rest.is_empty() && is_no_value(rest)
                || is_for_excel && is_changed(rest))
}

/// Whether a spreadsheet would show another text than this: a number with a 0 in front or with more than
/// 11 digits, a date, a time, an amount, a truth.
fn is_changed(cell: &str) -> bool {
    let text = cell.trim_start_matches(|c: char| !c.is_alphanumeric());
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        let is_plain = text == cell && cell.bytes().all(|byte| byte.is_ascii_digit());
        return !is_plain || cell.len() > 11 || cell.len() > 1 && cell.starts_with('0');
    }
    let lower: String = text.chars().take(8).flat_map(char::to_lowercase).collect();
    ["true", "false"].iter().any(|truth| text.eq_ignore_ascii_case(truth))
        || text.contains(|c: char| c.is_ascii_digit())
            && DATE_OR_AMOUNT.iter().any(|start| lower.starts_with(start))
}

/// `text` in the place of `length` bytes at each of `places`.
fn replaced<'a>(
    cell: &'a str,
    places: impl Iterator<Item = usize>,
    length: usize,
    text: &str,
) -> Cow<'a, str> {
    let mut places = places.peekable();
    if places.peek().is_none() {
        return cell.into();
    }
    let (mut changed, mut from) = (String::with_capacity(cell.len() + 8), 0);
    for at in places {
        changed.push_str(&cell[from..at]);
        changed.push_str(text);
        from = at + length;
    }
    changed.push_str(&cell[from..]);
    changed.into()
}
