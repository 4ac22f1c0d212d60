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
