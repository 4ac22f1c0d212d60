//! The two columns, `schedules` and `interval_config`: from JSON, in every form that web forms
//! store, to local dates and times.
//!
//! It must never turn local time into instants; that is the zone's.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};
use time::{Date, PrimitiveDateTime, Time, Weekday};

use super::time_text::{TextFlaw, quote, read_date, read_day, read_time};

/// The longest column that is read. Ten thousand listed dates fit.
const COLUMN_BYTES_MAX: usize = 1024 * 1024;

/// How many times over a column may be JSON inside a JSON string.
const QUOTED_TIMES_MAX: usize = 3;

/// The keys that say when, of `interval_config` and of an entry of `schedules`.
const WEEKLY_KEYS: [&str; 4] = ["startDate", "endDate", "weekDays", "time"];
const ENTRY_KEYS: [&str; 2] = ["date", "time"];

/// Keys that say nothing about when: web forms keep such notes beside the others.
const NOTE_KEYS: [&str; 20] = [
    "id",
    "uid",
    "uuid",
    "key",
    "name",
    "label",
    "title",
    "note",
    "notes",
    "description",
    "comment",
    "comments",
    "remark",
    "color",
    "colour",
    "icon",
    "createdAt",
    "createdBy",
    "updatedAt",
    "updatedBy",
];

/// A column of `auto_messages` that holds a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    Schedules,
    IntervalConfig,
}

/// What is wrong with a whole column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnFlaw {
    #[error("it is {bytes} bytes long, more than the {COLUMN_BYTES_MAX} that are read")]
    TooLong { bytes: usize },
    #[error("it is not valid JSON (at line {line}, column {column})")]
    NotJson { line: usize, column: usize },
    #[error("it is JSON inside a string too many times over")]
    Quoted,
    #[error("it must be {expected}, not {found}")]
    Kind { expected: &'static str, found: &'static str },
    /// An entry of the list; the first is 1.
    #[error("entry {position}: {flaw}")]
    Entry { position: usize, flaw: FieldFlaw },
    #[error(transparent)]
    Field(#[from] FieldFlaw),
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldFlaw {
    #[error("it must be an object with `date` and `time`, not {found}")]
    NotAnObject { found: &'static str },
    #[error("`{field}` is missing")]
    Missing { field: &'static str },
    #[error("`{field}` is given twice")]
    Twice { field: &'static str },
    /// A key that may mean something, and nobody knows what.
    #[error("`{key}` is not understood, and it may change when this goes out: take it away")]
    Unknown { key: String },
    #[error("`{field}` must be {expected}, not {found}")]
    Kind { field: &'static str, expected: &'static str, found: &'static str },
    #[error("`{field}`: {flaw}")]
    Text { field: &'static str, flaw: TextFlaw },
    #[error("`weekDays` is empty: name at least one day, such as 1 or `mon` for Monday")]
    NoDay,
    #[error("`weekDays`: `{day}` is not a day: write 0 (Sunday) to 6, or a name such as `Senin`")]
    Day { day: String },
    #[error("`endDate` {end} is before `startDate` {start}")]
    EndBeforeStart { start: Date, end: Date },
}

/// What `interval_config` says: some times of day, on some days of the week, between two dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Weekly {
    /// The first date that counts; `None`: any.
    pub(super) start: Option<Date>,
    /// The last date that counts; `None`: no end.
    pub(super) end: Option<Date>,
    pub(super) times: BTreeSet<Time>,
    /// From Sunday on; at least one is true.
    days: [bool; 7],
}

impl Weekly {
    pub(super) fn names(&self, day: Weekday) -> bool {
        self.days[usize::from(day.number_days_from_sunday())]
    }

    /// Whether it goes out at this local date and time.
    pub(super) fn promises(&self, local: PrimitiveDateTime) -> bool {
        let date = local.date();
        self.start.is_none_or(|start| start <= date)
            && self.end.is_none_or(|end| date <= end)
            && self.names(date.weekday())
            && self.times.contains(&local.time())
    }
}

impl Column {
    /// The right form, to show in an error.
    pub(crate) fn example(self) -> &'static str {
        match self {
            Self::Schedules => r#"[{"date":"2026-12-01","time":"08:00"}]"#,
            Self::IntervalConfig => {
                r#"{"startDate":"2026-12-01","time":"08:00","weekDays":[1,4],"endDate":"2026-12-31"}"#
            }
        }
    }
}

/// The name in the table.
impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Schedules => "schedules",
            Self::IntervalConfig => "interval_config",
        })
    }
}

/// Whether a column holds anything but the forms of nothing.
pub(super) fn holds_something(column: Option<&str>) -> bool {
    !matches!(read_json(column), Ok(None))
}

/// Every listed local date and time, in the order of the list; empty when there is no list.
pub(super) fn read_schedules(column: Option<&str>) -> Result<Vec<PrimitiveDateTime>, ColumnFlaw> {
    let entries = match read_json(column)? {
        None => return Ok(Vec::new()),
        Some(Value::Array(entries)) => entries,
        Some(entry @ Value::Object(_)) => vec![entry],
        Some(other) => {
            return Err(ColumnFlaw::Kind { expected: "a list of entries", found: kind(&other) });
        }
    };
    let mut listed = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let entry =
            read_entry(entry).map_err(|flaw| ColumnFlaw::Entry { position: index + 1, flaw })?;
        listed.extend(entry);
    }
    Ok(listed)
}

/// The weekly rule; `None` when there is none.
pub(super) fn read_interval_config(column: Option<&str>) -> Result<Option<Weekly>, ColumnFlaw> {
    let object = match read_json(column)? {
        None => return Ok(None),
        Some(Value::Object(object)) => object,
        Some(other) => {
            return Err(ColumnFlaw::Kind { expected: "one object", found: kind(&other) });
        }
    };
    no_unknown_key(&object, &WEEKLY_KEYS)?;
    let start = field(&object, "startDate")?.map(|date| date_of(date, "startDate")).transpose()?;
    let end = field(&object, "endDate")?.map(|date| date_of(date, "endDate")).transpose()?;
    if let (Some(start), Some(end)) = (start, end)
        && end < start
    {
        return Err(FieldFlaw::EndBeforeStart { start, end }.into());
    }
    let days = days_of(field(&object, "weekDays")?)?;
    let times = times_of(required(&object, "time")?)?;
    Ok(Some(Weekly { start, end, times, days }))
}

/// The JSON of a column, out of any strings around it; `None` when it says that there is nothing.
fn read_json(column: Option<&str>) -> Result<Option<Value>, ColumnFlaw> {
    let Some(column) = column else { return Ok(None) };
    if column.len() > COLUMN_BYTES_MAX {
        return Err(ColumnFlaw::TooLong { bytes: column.len() });
    }
    let mut text = column.trim().to_owned();
    for _ in 0..=QUOTED_TIMES_MAX {
        if text.trim().is_empty() || text.trim().eq_ignore_ascii_case("null") {
            return Ok(None);
        }
        match serde_json::from_str(text.trim()) {
            Ok(Value::String(inner)) => text = inner,
            Ok(Value::Array(items)) if items.is_empty() => return Ok(None),
            Ok(Value::Object(fields)) if fields.values().all(is_blank) => return Ok(None),
            Ok(value) => return Ok(Some(value)),
            Err(error) => {
                return Err(ColumnFlaw::NotJson { line: error.line(), column: error.column() });
            }
        }
    }
    Err(ColumnFlaw::Quoted)
}

/// One entry of `schedules`: its date at each of its times.
fn read_entry(entry: &Value) -> Result<Vec<PrimitiveDateTime>, FieldFlaw> {
    let Value::Object(entry) = entry else {
        return Err(FieldFlaw::NotAnObject { found: kind(entry) });
    };
    no_unknown_key(entry, &ENTRY_KEYS)?;
    let date = date_of(required(entry, "date")?, "date")?;
    let times = times_of(required(entry, "time")?)?;
    Ok(times.into_iter().map(|time| PrimitiveDateTime::new(date, time)).collect())
}

/// Refuses a key that is neither one of `known` nor a note, unless it is blank.
///
/// `"until"` or `"enabled": false` that nobody heeds would be messages that go out for ever.
fn no_unknown_key(object: &Map<String, Value>, known: &[&str]) -> Result<(), FieldFlaw> {
    let is_fine = |key: &str| known.iter().chain(&NOTE_KEYS).any(|name| same_name(key, name));
    match object.iter().find(|(key, value)| !is_fine(key) && !is_blank(value)) {
        Some((key, _)) => Err(FieldFlaw::Unknown { key: quote(key) }),
        None => Ok(()),
    }
}

fn required<'a>(
    object: &'a Map<String, Value>,
    name: &'static str,
) -> Result<&'a Value, FieldFlaw> {
    field(object, name)?.ok_or(FieldFlaw::Missing { field: name })
}

/// The field of that name, in whatever case and with or without `_`; null and blank are absent.
///
/// So lenient because an `enddate` that is not recognised would be a schedule without an end.
fn field<'a>(
    object: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a Value>, FieldFlaw> {
    let mut found = object.iter().filter(|(key, value)| same_name(key, name) && !is_blank(value));
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Err(FieldFlaw::Twice { field: name }),
        (first, _) => Ok(first.map(|(_, value)| value)),
    }
}

fn same_name(key: &str, name: &str) -> bool {
    let plain = key.bytes().filter(|byte| !matches!(byte, b'_' | b'-' | b' '));
    plain.map(|byte| byte.to_ascii_lowercase()).eq(name.bytes().map(|b| b.to_ascii_lowercase()))
}

/// Null, blank text or an empty list: a web form stores its unused fields so.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

fn date_of(value: &Value, field: &'static str) -> Result<Date, FieldFlaw> {
    read_date(text_of(value, field)?).map_err(|flaw| FieldFlaw::Text { field, flaw })
}

/// One time of day or a list of them.
fn times_of(value: &Value) -> Result<BTreeSet<Time>, FieldFlaw> {
    let field = "time";
    let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    if values.is_empty() {
        return Err(FieldFlaw::Missing { field });
    }
    let read =
        |value| read_time(text_of(value, field)?).map_err(|flaw| FieldFlaw::Text { field, flaw });
    values.iter().map(read).collect()
}

fn text_of<'a>(value: &'a Value, field: &'static str) -> Result<&'a str, FieldFlaw> {
    let expected = "text in quotes";
    value.as_str().ok_or(FieldFlaw::Kind { field, expected, found: kind(value) })
}

/// Days as a list of numbers and names, one number, or a text such as `mon,thu` or `[1,4]`.
fn days_of(value: Option<&Value>) -> Result<[bool; 7], FieldFlaw> {
    let mut days = [false; 7];
    match value {
        None => {}
        Some(Value::Array(items)) => mark_each(&mut days, items)?,
        Some(number @ Value::Number(_)) => mark(&mut days, &number.to_string())?,
        Some(Value::String(text)) => mark_text(&mut days, text)?,
        Some(other @ (Value::Null | Value::Bool(_) | Value::Object(_))) => {
            let expected = "a list of days";
            return Err(FieldFlaw::Kind { field: "weekDays", expected, found: kind(other) });
        }
    }
    if days.contains(&true) { Ok(days) } else { Err(FieldFlaw::NoDay) }
}

/// A list in a string, or names with commas, semicolons or spaces between them.
fn mark_text(days: &mut [bool; 7], text: &str) -> Result<(), FieldFlaw> {
    if let Ok(Value::Array(items)) = serde_json::from_str(text) {
        return mark_each(days, &items);
    }
    text.split(|c: char| matches!(c, ',' | ';') || c.is_whitespace())
        .filter(|name| !name.is_empty())
        .try_for_each(|name| mark(days, name))
}

fn mark_each(days: &mut [bool; 7], items: &[Value]) -> Result<(), FieldFlaw> {
    items.iter().try_for_each(|item| match item {
        Value::String(name) => mark(days, name),
        other => mark(days, &other.to_string()),
    })
}

fn mark(days: &mut [bool; 7], name: &str) -> Result<(), FieldFlaw> {
    let day = read_day(name).ok_or_else(|| FieldFlaw::Day { day: quote(name) })?;
    days[usize::from(day.number_days_from_sunday())] = true;
    Ok(())
}

/// What a JSON value is, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
