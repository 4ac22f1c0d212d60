//! Tables and lines for a terminal: whatever they hold, they fit its columns.

use std::collections::HashSet;
use std::io::{self, IsTerminal as _};

use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::terminal::one_line;

/// For files, pipes, and terminals whose width nobody tells.
const WIDTH: u16 = 80;
/// Narrower or wider lines are hard to read.
const WIDTHS: std::ops::RangeInclusive<u16> = 40..=160;

/// A terminal of fewer columns has no room for the columns of a table side by side.
pub(super) const NARROW: usize = 72;
const BETWEEN: usize = 3;
/// A phone number and its chat are no longer. The id of a group is: kept whole, it would narrow the columns of all rows.
const WORD_MAX: usize = 20;

/// A line under the header, and nothing else.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::new('─', '─', '─', '─'));

/// How many columns a line may have.
pub(super) fn width() -> usize {
    let told = io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
    let width = told.map_or(WIDTH, |(width, _)| width.0).clamp(*WIDTHS.start(), *WIDTHS.end());
    usize::from(width)
}

/// A table as wide as the terminal at most; long cells are broken into lines. On a narrow terminal that
/// has no room for it, each row is a paragraph.
pub(super) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let width = width();
    if width >= NARROW {
        return side_by_side(header, rows);
    }
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width());
        cells.chain([header[column].width()]).max().unwrap_or(0)
    };
    let needed: usize = (0..header.len()).map(|column| widest(column) + BETWEEN).sum();
    if needed <= width {
        return side_by_side(header, rows);
    }
    rows.iter().map(|row| paragraph(header, row, width)).collect::<Vec<_>>().join("\n")
}

fn side_by_side(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(STYLE).set_header(header.to_vec());
    text(&mut table, rows)
}

/// A row as its names and values, as many on a line as fit; what is empty is left out.
fn paragraph(header: &[&str], row: &[String], width: usize) -> String {
    let pairs = header.iter().zip(row).filter(|(_, value)| !value.is_empty());
    let (mut lines, mut line) = (Vec::new(), String::new());
    for (name, value) in pairs {
        let pair = format!("{name} {}", one_line(value));
        if !line.is_empty() && line.width() + 2 + pair.width() > width {
            lines.push(wrapped(&std::mem::take(&mut line), 4));
        }
        line += match (line.is_empty(), lines.is_empty()) {
            (true, true) => "",
            _ => "  ",
        };
        line += &pair;
    }
    lines.push(wrapped(&line, 4));
    lines.join("\n")
}

/// Two columns without a header: names, and what they are.
pub(super) fn pairs(rows: impl IntoIterator<Item = (impl Into<String>, String)>) -> String {
    let mut table = Table::new();
    table.load_style(TableStyle::new());
    text(&mut table, rows.into_iter().map(|(name, value)| vec![name.into(), value]))
}

fn text(table: &mut Table, rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rows = rows.into_iter().map(|row| row.into_iter().map(|cell| one_line(&cell).into_owned()));
    let rows: Vec<Vec<String>> = rows.map(Iterator::collect).collect();
    table
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width()).unwrap_or(WIDTH))
        .add_rows(rows.clone());
    keep_words_whole(table, &rows);
    // Blanks at the ends of lines only get in the way of who copies them.
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Where a word would be broken, a number say, no column is narrower than its longest word, as long as all fit so.
/// Words that are longer than [`WORD_MAX`] may be broken.
fn keep_words_whole(table: &mut Table, rows: &[Vec<String>]) {
    let shown = table.to_string();
    let whole: HashSet<&str> = shown.split_whitespace().collect();
    if rows.iter().flatten().flat_map(|cell| words(cell)).all(|word| whole.contains(word)) {
        return;
    }
    let longest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.flat_map(|cell| words(cell)).map(UnicodeWidthStr::width).max().unwrap_or(0)
    };
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let least: Vec<usize> = (0..columns).map(longest).collect();
    if least.iter().map(|word| word + BETWEEN).sum::<usize>() > width() {
        return;
    }
    table.set_constraints(least.into_iter().map(|word| {
        let padded = u16::try_from(word + BETWEEN - 1).unwrap_or(u16::MAX);
        ColumnConstraint::LowerBoundary(Width::Fixed(padded))
    }));
}

/// The words of a cell that are not to be broken.
fn words(cell: &str) -> impl Iterator<Item = &str> {
    cell.split_whitespace().filter(|word| word.width() <= WORD_MAX)
}

/// One line of at most `width` columns of a terminal, where some characters take two.
pub(super) fn cut(text: &str, width: usize) -> String {
    let text = one_line(text);
    if text.width() <= width {
        return text.into_owned();
    }
    let mut used = 0;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used < width
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// [`cut`] at the other end: of a path the end tells more.
pub(super) fn cut_front(text: &str, width: usize) -> String {
    let reversed = |text: &str| text.chars().rev().collect::<String>();
    reversed(&cut(&reversed(&one_line(text)), width))
}

/// [`cut`], and filled with blanks to exactly `width` columns.
pub(super) fn fitted(text: &str, width: usize) -> String {
    let text = cut(text, width);
    let missing = width.saturating_sub(text.width());
    text + &" ".repeat(missing)
}

/// Text of several lines that fit the terminal; all but the first begin with `indent` spaces.
pub(super) fn wrapped(text: &str, indent: usize) -> String {
    let width = width();
    let (text, mut lines, mut line) = (one_line(text), Vec::new(), String::new());
    for (number, word) in text.split(' ').enumerate() {
        let is_full = line.width() + 1 + word.width() > width;
        if is_full && !line.trim().is_empty() {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent) + word));
            continue;
        }
        if number > 0 {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_cut_and_filled_by_what_a_terminal_shows() {
        assert_eq!(cut("Halo\nsemua", 11), "Halo\\nsemua");
        assert_eq!(cut("Halo semua", 6), "Halo …");
        assert_eq!(cut("日本語😀", 8), "日本語😀");
        assert_eq!(cut("日本語😀", 7), "日本語…");
        assert_eq!(cut("日本語😀", 6), "日本…");
        assert_eq!(fitted("日本", 5), "日本 ");
        assert_eq!(cut_front("/srv/toko/x.db", 10), "…toko/x.db");
        let header = ["name", "number", "status", "ended", "note", "text"];
        let row = [
            "Tini Lestari",
            "+6281200007004",
            "skipped",
            "2026-12-03 00:12",
            "opted out",
            "Promo benar kota",
        ];
        let shown = table(&header, [row.map(str::to_owned).to_vec()]);
        assert!(shown.contains("+6281200007004"), "{shown}");
        // A group among the chats leaves the notes of the others in one line.
        let header = ["name", "chat", "status", "time", "note"];
        let rows = ["6281200007001@c.us", "120363000000000001@g.us"].map(|chat| {
            ["Budi Santoso", chat, "sent", "08:00:00", "id 3EB0F061BCD5…"]
                .map(str::to_owned)
                .to_vec()
        });
        assert!(table(&header, rows).contains("id 3EB0F061BCD5…"));
        let table = table(&["id", "name"], [vec!["1".to_owned(), "日本語 ".repeat(30)]]);
        assert!(table.lines().all(|line| line.width() <= 80 && line == line.trim_end()), "{table}");
    }
}
