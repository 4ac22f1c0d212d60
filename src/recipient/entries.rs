//! The containers around entries: JSON, JSON inside JSON strings, Postgres arrays, plain text.
//!
//! It gives out entries in the order of the text and never goes deeper than its limits.

use serde_json::{Map, Number, Value};

use super::object::{self, Named, Parted};
use super::spelling::trim;
use super::{ENTRIES_MAX, Entry, RecipientError, plain, postgres, shorten, unreadable};
use crate::reason::{EntryFlaw, Reason};

/// How deep arrays may lie in each other, and JSON in JSON strings.
const DEPTH_MAX: usize = 4;
const EMPTY: &str = "an empty entry names nobody: remove it";
const TOO_DEEP: &str = "lies more than 4 lists deep: write one plain list";

pub(super) fn read(text: &str) -> Result<Vec<Entry>, RecipientError> {
    let mut reader = Reader { entries: Vec::new(), narrowing: None };
    match reader.text(text, Depth::default()) {
        Err(cause) => Err(RecipientError::Unreadable { shown: shorten(text.trim()), cause }),
        Ok(()) if reader.entries.len() > ENTRIES_MAX => Err(RecipientError::TooMany),
        Ok(()) => match reader
            .narrowing
            .or_else(|| reader.entries.iter().find_map(unreadable_exception))
        {
            Some(cause) => Err(RecipientError::Unreadable { shown: shorten(text.trim()), cause }),
            None => Ok(reader.entries),
        },
    }
}

/// What is wrong with an exception: left out, it would let somebody get what they must not.
fn unreadable_exception(entry: &Entry) -> Option<String> {
    let Entry::Except(whom) = entry else { return None };
    match &**whom {
        Entry::Invalid { raw, reason } => Some(format!("the exception `{raw}`: {reason}")),
        Entry::All | Entry::Except(_) => Some(
            "an exception names contacts, numbers or a tag, as in `except:tag:karyawan`".to_owned(),
        ),
        Entry::Contact(_) | Entry::Person { .. } | Entry::Chat { .. } | Entry::Tag(_) => None,
    }
}

fn narrowing(key: &str) -> String {
    format!(
        "its key `{}` is not understood, and it may leave somebody out: take it away, or name those who get nothing \
         in `except`",
        shorten(key)
    )
}

/// How many arrays and JSON strings are around a value.
#[derive(Clone, Copy, Default)]
struct Depth {
    /// None: it is still all of `contact_ids`, not an element of a list.
    arrays: usize,
    strings: usize,
}

struct Reader {
    entries: Vec<Entry>,
    /// What is wrong with an object that may leave somebody out.
    narrowing: Option<String>,
}

impl Reader {
    /// The error is the cause, when the text is a broken container and nothing else is in the column.
    fn text(&mut self, raw: &str, depth: Depth) -> Result<(), String> {
        let text = raw.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        let bare = trim(text);
        if bare.is_empty() || bare.eq_ignore_ascii_case("null") {
            if depth.arrays > 0 {
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
                // `"1","2"` is a plain list; but what was quoted twice, as `"[1,2` was, is broken.
                Err(_) if bare.starts_with(['[', '{', '\\']) => {
                    Err("it is broken JSON in double quotes".to_owned())
                }
                Err(_) => {
                    plain::read(text, &mut self.entries);
                    Ok(())
                }
            },
            Some(_) | None => {
                plain::read(text, &mut self.entries);
                Ok(())
            }
        };
        match read {
            Err(cause) if depth.arrays > 0 => {
                self.refuse(text, &format!("cannot be read: {cause}"));
                Ok(())
            }
            done => done,
        }
    }

    /// Text that was a JSON string or an element of a Postgres array.
    fn inner_text(&mut self, text: &str, depth: Depth) -> Result<(), String> {
        if depth.strings < DEPTH_MAX {
            return self.text(text, Depth { strings: depth.strings + 1, ..depth });
        }
        self.refuse(text, "is wrapped in quotes more than 4 times: write it plainly");
        Ok(())
    }

    fn value(&mut self, value: Value, depth: Depth) -> Result<(), String> {
        match value {
            Value::Array(_) if depth.arrays == DEPTH_MAX => {
                self.refuse(&value.to_string(), TOO_DEEP);
            }
            Value::Array(values) => {
                let depth = Depth { arrays: depth.arrays + 1, ..depth };
                for value in values {
                    if self.entries.len() > ENTRIES_MAX {
                        break;
                    }
                    self.value(value, depth)?;
                }
            }
            Value::String(text) => self.inner_text(&text, depth)?,
            Value::Object(fields) => match object::part(fields) {
                Ok(parted) => self.parted(parted, depth)?,
                Err(key) => {
                    self.narrowing.get_or_insert_with(|| narrowing(&key));
                }
            },
            Value::Number(number) => self.entries.push(read_number(&number)),
            Value::Bool(truth) => self.refuse(
                &truth.to_string(),
                "is neither a contact id nor a phone number: remove it",
            ),
            Value::Null => self.refuse("null", EMPTY),
        }
        Ok(())
    }

    fn parted(&mut self, parted: Parted, depth: Depth) -> Result<(), String> {
        let mut begin = self.entries.len();
        match parted.named {
            Named::List(list) => self.value(Value::Array(list), depth)?,
            Named::One(fields) => self.entries.push(object::read(&fields)),
            Named::Nobody => {}
        }
        if !parted.is_left_out {
            begin = self.entries.len();
        }
        for value in parted.exceptions {
            self.value(value, depth)?;
        }
        for entry in &mut self.entries[begin..] {
            // One that says so of itself is one already.
            if !matches!(entry, Entry::Except(_)) {
                let whom = std::mem::replace(entry, Entry::All);
                *entry = Entry::Except(Box::new(whom));
            }
        }
        Ok(())
    }

    /// `{…}` is a JSON object or a Postgres array.
    fn braces(&mut self, text: &str, depth: Depth) -> Result<(), String> {
        let json_error = match serde_json::from_str::<Map<String, Value>>(text) {
            Ok(fields) if fields.is_empty() && depth.arrays == 0 => return Ok(()),
            Ok(fields) => return self.value(Value::Object(fields), depth),
            Err(error) => error.to_string(),
        };
        if depth.arrays == DEPTH_MAX {
            self.refuse(text, TOO_DEEP);
            return Ok(());
        }
        let elements = postgres::elements(text, DEPTH_MAX - depth.arrays, ENTRIES_MAX)
            .map_err(|cause| if text.contains("\":") { json_error } else { cause })?;
        for element in elements {
            match element {
                Some(text) => {
                    self.inner_text(&text, Depth { arrays: depth.arrays + 1, ..depth })?;
                }
                None => self.refuse("NULL", EMPTY),
            }
        }
        Ok(())
    }

    fn refuse(&mut self, raw: &str, reason: &str) {
        self.entries.push(Entry::invalid(raw, unreadable(reason)));
    }
}

/// A JSON number: a contact id below 7 digits, a phone number from there on.
fn read_number(number: &Number) -> Entry {
    let text = number.to_string();
    match number.as_u64() {
        Some(_) => plain::read_one(&text),
        None if number.is_i64() => Entry::invalid(&text, unreadable(EntryFlaw::IdBelowOne)),
        None => Entry::invalid(&text, Reason::NumberFromExcel { written: shorten(&text) }),
    }
}
