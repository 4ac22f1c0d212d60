//! The containers around entries: JSON, JSON inside JSON strings, Postgres arrays, plain text.
//!
//! It gives out entries in the order of the text and never goes deeper than its limits.

use serde_json::{Map, Number, Value};

use super::phone::PhoneError;
use super::postgres::{self, Element};
use super::spelling::trim;
use super::{ENTRIES_MAX, Entry, RecipientError, object, plain, shorten};

/// How deep arrays may lie in each other, and JSON in JSON strings.
const DEPTH_MAX: usize = 4;
const EMPTY: &str = "an empty entry names nobody: remove it";
const TOO_DEEP: &str = "lies more than 4 lists deep: write one plain list";

/// Reads a whole `contact_ids` text.
pub(super) fn read(text: &str) -> Result<Vec<Entry>, RecipientError> {
    let mut reader = Reader { entries: Vec::new() };
    match reader.text(text, Depth::default()) {
        Err(cause) => Err(RecipientError::Unreadable { shown: shorten(text.trim()), cause }),
        Ok(()) if reader.entries.len() > ENTRIES_MAX => Err(RecipientError::TooMany),
        Ok(()) => Ok(reader.entries),
    }
}

/// How many arrays and JSON strings are around a value.
#[derive(Clone, Copy, Default)]
struct Depth {
    arrays: usize,
    strings: usize,
}

impl Depth {
    /// Whether this is still all of `contact_ids`, not an element of a list.
    fn is_outermost(self) -> bool {
        self.arrays == 0
    }

    fn in_array(self) -> Option<Self> {
        (self.arrays < DEPTH_MAX).then_some(Self { arrays: self.arrays + 1, ..self })
    }

    fn in_string(self) -> Option<Self> {
        (self.strings < DEPTH_MAX).then_some(Self { strings: self.strings + 1, ..self })
    }
}

struct Reader {
    entries: Vec<Entry>,
}

impl Reader {
    /// # Errors
    /// With the cause, when the text is a broken container and nothing else is in the column.
    fn text(&mut self, raw: &str, depth: Depth) -> Result<(), String> {
        let text = raw.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        let bare = trim(text);
        if bare.is_empty() || bare.eq_ignore_ascii_case("null") {
            if !depth.is_outermost() {
                self.refuse(text, EMPTY);
            }
            return Ok(());
        }
        let read = match text.as_bytes().first() {
            Some(b'[') => match serde_json::from_str(text) {
                Ok(value) => self.value(value, depth),
                Err(error) => Err(error.to_string()),
            },
            Some(b'{') => self.braces(text, depth),
            Some(b'"') => match serde_json::from_str::<String>(text) {
                Ok(inner) => self.inner_text(&inner, depth),
                Err(_) => self.quoted_list(text),
            },
            Some(_) | None => {
                plain::read(text, &mut self.entries);
                Ok(())
            }
        };
        match read {
            Err(cause) if !depth.is_outermost() => {
                self.refuse(text, &format!("cannot be read: {cause}"));
                Ok(())
            }
            done => done,
        }
    }

    /// `"1","2"` is a plain list; but what was quoted twice, as `"[1,2` was, is broken.
    fn quoted_list(&mut self, text: &str) -> Result<(), String> {
        if trim(text).starts_with(['[', '{', '\\']) {
            return Err("it is broken JSON in double quotes".to_owned());
        }
        plain::read(text, &mut self.entries);
        Ok(())
    }

    /// Text that was a JSON string or an element of a Postgres array.
    fn inner_text(&mut self, text: &str, depth: Depth) -> Result<(), String> {
        if let Some(depth) = depth.in_string() {
            return self.text(text, depth);
        }
        self.refuse(text, "is wrapped in quotes more than 4 times: write it plainly");
        Ok(())
    }

    fn value(&mut self, value: Value, depth: Depth) -> Result<(), String> {
        match value {
            Value::Array(values) => return self.array(values, depth),
            Value::String(text) => return self.inner_text(&text, depth),
            Value::Object(fields) => self.entries.push(object::read(&fields)),
            Value::Number(number) => self.entries.push(read_number(&number)),
            Value::Bool(truth) => {
                self.refuse(
                    &truth.to_string(),
                    "is neither a contact id nor a phone number: remove it",
                );
            }
            Value::Null => self.refuse("null", EMPTY),
        }
        Ok(())
    }

    fn array(&mut self, values: Vec<Value>, depth: Depth) -> Result<(), String> {
        let Some(depth) = depth.in_array() else {
            self.refuse(&Value::Array(values).to_string(), TOO_DEEP);
            return Ok(());
        };
        for value in values {
            if self.entries.len() > ENTRIES_MAX {
                break;
            }
            self.value(value, depth)?;
        }
        Ok(())
    }

    /// `{…}` is a JSON object or a Postgres array.
    fn braces(&mut self, text: &str, depth: Depth) -> Result<(), String> {
        let json_error = match serde_json::from_str::<Map<String, Value>>(text) {
            Ok(fields) if fields.is_empty() && depth.is_outermost() => return Ok(()),
            Ok(fields) => {
                self.entries.push(object::read(&fields));
                return Ok(());
            }
            Err(error) => error.to_string(),
        };
        let Some(inner) = depth.in_array() else {
            self.refuse(text, TOO_DEEP);
            return Ok(());
        };
        let elements = postgres::elements(text, DEPTH_MAX - depth.arrays, ENTRIES_MAX)
            .map_err(|cause| if text.contains("\":") { json_error } else { cause })?;
        for element in elements {
            match element {
                Element::Text(text) => self.inner_text(&text, inner)?,
                Element::Null => self.refuse("NULL", EMPTY),
            }
        }
        Ok(())
    }

    fn refuse(&mut self, raw: &str, reason: &str) {
        self.entries.push(Entry::invalid(raw, reason));
    }
}

/// A JSON number: a contact id below 7 digits, a phone number from there on.
fn read_number(number: &Number) -> Entry {
    let text = number.to_string();
    match number.as_u64() {
        Some(_) => plain::read_one(&text),
        None if number.is_i64() => Entry::invalid(&text, "a contact id is 1 or more"),
        None => Entry::invalid(&text, PhoneError::ExcelNumber(shorten(&text))),
    }
}
