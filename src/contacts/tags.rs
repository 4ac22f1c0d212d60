//! Tags: short words that contacts share. They are compared without their case and the spaces
//! around them. The column should be a JSON array; people who write SQL may have written `a, b`.

use serde_json::Value;

/// The longest tag, in characters.
pub(crate) const TAG_CHARS_MAX: usize = 100;
/// The most tags that one contact is given.
pub(crate) const TAGS_MAX: usize = 100;

/// The form of a tag in which tags are compared.
pub(crate) fn fold(tag: &str) -> String {
    tag.trim().to_lowercase()
}

/// The tags in a column, whatever form it has.
pub(crate) fn read(column: &str) -> Vec<String> {
    let column = column.trim();
    if column.is_empty() || column == "[]" {
        return Vec::new();
    }
    if let Ok(tags) = serde_json::from_str::<Vec<String>>(column) {
        return tags.into_iter().filter(|tag| !tag.trim().is_empty()).collect();
    }
    match serde_json::from_str::<Value>(column) {
        Ok(Value::Array(values)) => values.iter().filter_map(text_of).collect(),
        Ok(Value::String(text)) => split(&text).map(str::to_owned).collect(),
        Ok(_) | Err(_) => {
            // `{a,b}` is how Postgres writes an array, and `['a']` how people do.
            let inner = column.trim_matches(['[', ']', '{', '}']);
            let bare = |tag: &str| tag.trim_matches(['"', '\'', ' ']).to_owned();
            split(inner).map(bare).filter(|tag| !tag.is_empty()).collect()
        }
    }
}

/// Whether a column has the tag that was folded to `wanted`.
pub(crate) fn has(column: &str, wanted: &str) -> bool {
    read(column).iter().any(|tag| fold(tag) == wanted)
}

/// The tags in a cell: between commas, semicolons and bars.
pub(crate) fn split(cell: &str) -> impl Iterator<Item = &str> {
    cell.split([',', ';', '|']).map(str::trim).filter(|tag| !tag.is_empty())
}

/// Adds a tag that is not there yet. Returns whether it was not.
pub(crate) fn give(tags: &mut Vec<String>, tag: &str) -> bool {
    let folded = fold(tag);
    let is_new = !tags.iter().any(|known| fold(known) == folded);
    if is_new {
        tags.push(tag.trim().to_owned());
    }
    is_new
}

/// The column for these tags.
pub(crate) fn to_column(tags: &[String]) -> String {
    Value::from(tags).to_string()
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_read_in_every_form_that_people_write() {
        for (column, tags) in [
            (r#"["a","B c"]"#, &["a", "B c"][..]),
            ("a, b;c|d", &["a", "b", "c", "d"]),
            ("{a,\"b c\"}", &["a", "b c"]),
            ("['a', 'b']", &["a", "b"]),
            (r#""a, b""#, &["a", "b"]),
            ("[1, \"a\", null]", &["1", "a"]),
            ("[\"a\"", &["a"]),
            ("", &[]),
            ("[]", &[]),
            ("{}", &[]),
        ] {
            assert_eq!(read(column), tags, "{column}");
        }
        assert!(has(r#"[" Pelanggan "]"#, "pelanggan") && !has("[\"ab\"]", "a"));
    }
}
