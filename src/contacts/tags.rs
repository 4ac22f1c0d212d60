//! Tags: short words that contacts share. They are compared without their case and the spaces
//! around them. The column should be a JSON array; people who write SQL may have written `a, b`.

use serde_json::Value;

use crate::recipient;

/// The longest tag, in characters.
pub(crate) const TAG_CHARS_MAX: usize = 100;
/// The most tags that one contact is given.
pub(crate) const TAGS_MAX: usize = 100;

/// The form of a tag in which tags are compared.
pub(crate) fn fold(tag: &str) -> String {
    tag.trim().to_lowercase()
}

/// The tags in a column or a cell, whatever form it has: JSON with lists in it, an array of Postgres,
/// or between commas, semicolons, bars and ` ::: `.
pub(crate) fn read(column: &str) -> Vec<String> {
    let column = column.trim();
    if column.is_empty() || column == "[]" {
        return Vec::new();
    }
    let bare = |text: &str| -> Vec<String> {
        let tags = split(text).map(|tag| tag.trim_matches(['"', '\'', ' ']).to_owned());
        tags.filter(|tag| !tag.is_empty()).collect()
    };
    if !column.starts_with(['[', '{', '"']) {
        return bare(column);
    }
    match serde_json::from_str::<Value>(column) {
        Ok(Value::String(text)) => split(&text).map(str::to_owned).collect(),
        Ok(array @ Value::Array(_)) => {
            let mut tags = Vec::new();
            add_all(&array, &mut tags);
            tags
        }
        Ok(_) | Err(_) => {
            if column.starts_with('{')
                && let Ok(elements) = recipient::postgres_elements(column)
            {
                let tags = elements.into_iter().flatten();
                return tags.filter(|tag| !tag.trim().is_empty()).collect();
            }
            // `['a']` is how people write an array.
            bare(column.trim_matches(['[', ']', '{', '}']))
        }
    }
}

/// `false` when the letters of a folded tag are not in a column at all: most columns need not be read for that. `true`
/// when they are, or may be written otherwise: with escapes, in another script, as a number.
fn may_have(column: &str, wanted: &str) -> bool {
    let is_plain = column.is_ascii()
        && !column.contains('\\')
        && wanted.is_ascii()
        && wanted.starts_with(|first: char| first.is_ascii_alphabetic());
    let is_there = |part: &[u8]| part.eq_ignore_ascii_case(wanted.as_bytes());
    !is_plain || column.as_bytes().windows(wanted.len()).any(is_there)
}

/// Whether a column has the tag that was folded to `wanted`.
pub(crate) fn has(column: &str, wanted: &str) -> bool {
    may_have(column, wanted) && read(column).iter().any(|tag| fold(tag) == wanted)
}

/// The tags between commas, semicolons, bars and ` ::: `.
pub(crate) fn split(cell: &str) -> impl Iterator<Item = &str> {
    let parts = cell.split(" ::: ").flat_map(|part| part.split([',', ';', '|']));
    parts.map(str::trim).filter(|tag| !tag.is_empty())
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

pub(crate) fn to_column(tags: &[String]) -> String {
    Value::from(tags).to_string()
}

/// The cell for these tags in a list: with commas, or as JSON when a tag would not come back from that.
pub(crate) fn to_cell(tags: &[String]) -> String {
    let plain = tags.join(", ");
    if read(&plain) == tags { plain } else { to_column(tags) }
}

fn add_all(value: &Value, tags: &mut Vec<String>) {
    match value {
        Value::String(text) if !text.trim().is_empty() => tags.push(text.clone()),
        Value::Number(number) => tags.push(number.to_string()),
        Value::Array(values) => values.iter().for_each(|value| add_all(value, tags)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Object(_) => {}
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
            (r#"[["a"],["b",["c, d"]]]"#, &["a", "b", "c, d"]),
            (r#"{a,"b, c",NULL}"#, &["a", "b, c"]),
            ("a ::: b", &["a", "b"]),
        ] {
            assert_eq!(read(column), tags, "{column}");
            assert!(tags.iter().all(|tag| has(column, &fold(tag))), "{column}");
        }
        // Letters that stand otherwise in the column.
        for (column, tag) in [
            (r#"["\u0061b"]"#, "ab"),
            (r#"["a\/b"]"#, "a/b"),
            ("[1e3]", "1000.0"),
            ("[\"\u{212A}opi\"]", "kopi"),
            ("[\"CAFÉ\"]", "café"),
            ("[true, \"VIP A\"]", "vip a"),
        ] {
            assert!(has(column, tag), "{column}");
        }
        assert!(!has("[\"ab\"]", "a longer one") && !has("[\"abc\"]", "b"));
        assert!(has(r#"[" Pelanggan "]"#, "pelanggan") && !has("[\"ab\"]", "a"));
    }
}
