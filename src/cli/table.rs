//! Tables for a terminal.

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};

/// For terminals whose width nobody tells.
const WIDTH: u16 = 80;

/// A line under the header, and nothing else.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::new('─', '─', '─', '─'));

/// A table of at most 80 columns; long cells are broken into lines.
pub(super) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(STYLE)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .set_header(header.to_vec())
        .add_rows(rows);
    table.to_string()
}

/// Text of several lines of at most 80 columns; all but the first begin with `indent` spaces.
pub(super) fn wrapped(text: &str, indent: usize) -> String {
    let width = usize::from(WIDTH);
    let (mut lines, mut line) = (Vec::new(), String::new());
    for (number, word) in text.split(' ').enumerate() {
        let is_full = line.chars().count() + 1 + word.chars().count() > width;
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
