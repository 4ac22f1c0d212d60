//! Queries of PostgREST: filters that cannot be empty, and values that are always encoded.
//!
//! A PATCH or DELETE whose filter came out empty changes every row, so it takes a [`Filter`], which
//! has a condition from the beginning.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may stand in a value as it is.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Conditions on the rows of a table; never none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter(String);

impl Filter {
    pub(super) fn equal(column: &str, value: &str) -> Self {
        Self(format!("{column}=eq.{}", encode(value)))
    }

    /// `column` is one of `values`; with none, no row is.
    pub(super) fn one_of<T: AsRef<str>>(column: &str, values: impl IntoIterator<Item = T>) -> Self {
        let is_plain = |value: &str| {
            !value.is_empty()
                && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let quoted = values.into_iter().map(|value| match value.as_ref() {
            value if is_plain(value) => value.to_owned(),
            value => quote(value),
        });
        let quoted: Vec<String> = quoted.collect();
        Self(format!("{column}=in.{}", encode(&format!("({})", quoted.join(",")))))
    }

    /// Also the condition `operator` (such as `lte`) of a column.
    pub(super) fn and(self, column: &str, operator: &str, value: &str) -> Self {
        Self(format!("{}&{column}={operator}.{}", self.0, encode(value)))
    }

    pub(super) fn and_all(self, other: &Self) -> Self {
        Self(format!("{}&{}", self.0, other.0))
    }

    /// Also that a row comes after the one with these values of two columns, in that order.
    pub(super) fn and_after(self, (first, a): (&str, &str), (second, b): (&str, &str)) -> Self {
        let (a, b) = (quote(a), quote(b));
        let after = format!("({first}.gt.{a},and({first}.eq.{a},{second}.gt.{b}))");
        Self(format!("{}&or={}", self.0, encode(&after)))
    }

    /// Also that a row has all values of one of `rows`; with none, the server refuses the request.
    pub(super) fn and_any_of<'a>(
        self,
        rows: impl IntoIterator<Item = Vec<(&'a str, &'a str)>>,
    ) -> Self {
        let equal = |(column, value): (&str, &str)| format!("{column}.eq.{}", quote(value));
        let all_of = |row: Vec<(&str, &str)>| {
            format!("and({})", row.into_iter().map(equal).collect::<Vec<_>>().join(","))
        };
        let rows: Vec<String> = rows.into_iter().map(all_of).collect();
        Self(format!("{}&or={}", self.0, encode(&format!("({})", rows.join(",")))))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

pub(super) fn encode(value: &str) -> String {
    utf8_percent_encode(value, VALUE).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_encoded_whatever_it_holds() {
        let filter = Filter::equal("scheduled_at", "2026-11-01T01:00:00+00:00");
        assert_eq!(filter.text(), "scheduled_at=eq.2026-11-01T01%3A00%3A00%2B00%3A00");
        let filter = Filter::one_of("name", ["a,b", "say \"x\" & \\y"]);
        let decoded = percent_encoding::percent_decode_str(filter.text()).decode_utf8().unwrap();
        assert_eq!(decoded, r#"name=in.("a,b","say \"x\" & \\y")"#);
        assert!(!filter.text().contains(['&', ' ', '"', ',']));
    }
}
