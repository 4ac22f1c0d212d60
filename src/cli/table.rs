//! Tables for a terminal.

use comfy_table::{ContentArrangement, Table, presets::UTF8_HORIZONTAL_ONLY};

/// For terminals whose width nobody tells.
const WIDTH: u16 = 80;

/// A table of at most 80 columns; long cells are broken into lines.
pub(super) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .set_header(header.to_vec())
        .add_rows(rows);
    table.to_string()
}
