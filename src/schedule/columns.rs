//! The two columns, `schedules` and `interval_config`: from JSON, in every form that web forms
//! store, to local dates and times.
//!
//! It must never turn local time into instants; that is the zone's.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use time::{Date, PrimitiveDateTime, Time, Weekday};

use super::time_text::{quote, read_date, read_day, read_time};

/// The longest column that is read. Ten thousand listed dates fit.
const COLUMN_BYTES_MAX: usize = 1024 * 1024;

/// How many times over a column may be JSON inside a JSON string.
const QUOTED_TIMES_MAX: usize = 3;

/// The keys that say when, of `interval_config` and of an entry of `schedules`.
const WEEKLY_KEYS: [&str; 4] = ["startDate", "endDate", "weekDays", "time"];
const ENTRY_KEYS: [&str; 2] = ["date", "time"];

/// Keys that say nothing about when: web forms keep such notes beside the others.
const NOTE_KEYS: &str = "id uid uuid key name label title note notes description comment comments \
                         remark color colour icon createdAt createdBy updatedAt updatedBy";

/// The rule in `interval_config`: times of day, on days of the week, between two dates.
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

/// Whether a column holds anything but the forms of nothing.
pub(super) fn holds_something(column: Option<&str>) -> bool {
    !matches!(read_json(column), Ok(None))
}

/// Every listed local date and time, in the order of the list; empty when there is no list.
///
/// # Errors
/// In words, as all that is wrong in a column.
pub(super) fn read_schedules(column: Option<&str>) -> Result<Vec<PrimitiveDateTime>, String> {
    let entries = match read_json(column)? {
        None => return Ok(Vec::new()),
        Some(Value::Array(entries)) => entries,
        Some(entry @ Value::Object(_)) => vec![entry],
        Some(other) => return Err(format!("it must be a list of entries, not {}", kind(&other))),
    };
    let mut listed = Vec::with_capacity(entries.len());
    for (entry, position) in entries.iter().zip(1..) {
        let times = read_entry(entry).map_err(|flaw| format!("entry {position}: {flaw}"))?;
        listed.extend(times);
    }
    Ok(listed)
}

/// The weekly rule; `None` when there is none.
pub(super) fn read_interval_config(column: Option<&str>) -> Result<Option<Weekly>, String> {
    let object = match read_json(column)? {
        None => return Ok(None),
        Some(Value::Object(object)) => object,
        Some(other) => return Err(format!("it must be one object, not {}", kind(&other))),
    };
    refuse_unknown_key(&object, &WEEKLY_KEYS)?;
    let start = field(&object, "startDate")?.map(|date| date_of(date, "startDate")).transpose()?;
    let end = field(&object, "endDate")?.map(|date| date_of(date, "endDate")).transpose()?;
    if let (Some(start), Some(end)) = (start, end)
        && end < start
    {
        return Err(format!("`endDate` {end} is before `startDate` {start}"));
    }
    let days = days_of(field(&object, "weekDays")?)?;
    let times = times_of(required(&object, "time")?)?;
    Ok(Some(Weekly { start, end, times, days }))
}

/// The JSON of a column, out of any strings around it; `None` when it says that there is nothing.
fn read_json(column: Option<&str>) -> Result<Option<Value>, String> {
    let Some(column) = column else { return Ok(None) };
    let bytes = column.len();
    if bytes > COLUMN_BYTES_MAX {
        return Err(format!(
            "it is {bytes} bytes long, more than the {COLUMN_BYTES_MAX} that are read"
        ));
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
                let (line, column) = (error.line(), error.column());
                return Err(format!("it is not valid JSON (at line {line}, column {column})"));
            }
        }
    }
    Err("it is JSON inside a string too many times over".to_owned())
}

/// One entry of `schedules`: its date at each of its times.
fn read_entry(entry: &Value) -> Result<Vec<PrimitiveDateTime>, String> {
    let Value::Object(entry) = entry else {
        let found = kind(entry);
        return Err(format!("it must be an object with `date` and `time`, not {found}"));
    };
    refuse_unknown_key(entry, &ENTRY_KEYS)?;
    let date = date_of(required(entry, "date")?, "date")?;
    let times = times_of(required(entry, "time")?)?;
    Ok(times.into_iter().map(|time| PrimitiveDateTime::new(date, time)).collect())
}

/// Refuses a key that is neither one of `known` nor a note, unless it is blank.
///
/// An `"until"` or `"enabled": false` without effect would be messages that go out for ever.
fn refuse_unknown_key(object: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    let is_fine = |key: &str| {
        known.iter().copied().chain(NOTE_KEYS.split(' ')).any(|name| same_name(key, name))
    };
    match object.iter().find(|(key, value)| !is_fine(key) && !is_blank(value)) {
        Some((key, _)) => Err(format!(
            "`{}` is not understood, and it may change when this goes out: take it away",
            quote(key)
        )),
        None => Ok(()),
    }
}

fn required<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a Value, String> {
    field(object, name)?.ok_or_else(|| format!("`{name}` is missing"))
}

/// The field of that name, in whatever case and with or without `_`; null and blank are absent.
///
/// So lenient because an `enddate` that is not recognised would be a schedule without an end.
fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Result<Option<&'a Value>, String> {
    let mut found = object.iter().filter(|(key, value)| same_name(key, name) && !is_blank(value));
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Err(format!("`{name}` is given twice")),
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

fn date_of(value: &Value, field: &str) -> Result<Date, String> {
    read_date(text_of(value, field)?).map_err(|flaw| format!("`{field}`: {flaw}"))
}

/// One time of day or a list of them.
fn times_of(value: &Value) -> Result<BTreeSet<Time>, String> {
    let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let read = |value| read_time(text_of(value, "time")?).map_err(|flaw| format!("`time`: {flaw}"));
    values.iter().map(read).collect()
}

fn text_of<'a>(value: &'a Value, field: &str) -> Result<&'a str, String> {
    let found = kind(value);
    value.as_str().ok_or_else(|| format!("`{field}` must be text in quotes, not {found}"))
}

/// Days as a list of numbers and names, one number, or a text such as `mon,thu` or `[1,4]`.
fn days_of(value: Option<&Value>) -> Result<[bool; 7], String> {
    let mut days = [false; 7];
    match value {
        None => {}
        Some(Value::Array(items)) => mark_each(&mut days, items)?,
        Some(number @ Value::Number(_)) => mark(&mut days, &number.to_string())?,
        Some(Value::String(text)) => mark_text(&mut days, text)?,
        Some(other @ (Value::Null | Value::Bool(_) | Value::Object(_))) => {
            return Err(format!("`weekDays` must be a list of days, not {}", kind(other)));
        }
    }
    if days.contains(&true) {
        return Ok(days);
    }
    Err("`weekDays` is empty: name at least one day, such as 1 or `mon` for Monday".to_owned())
}

/// A list in a string, or names with commas, semicolons or spaces between them.
fn mark_text(days: &mut [bool; 7], text: &str) -> Result<(), String> {
    if let Ok(Value::Array(items)) = serde_json::from_str(text) {
        return mark_each(days, &items);
    }
    text.split(|c: char| matches!(c, ',' | ';') || c.is_whitespace())
        .filter(|name| !name.is_empty())
        .try_for_each(|name| mark(days, name))
}

fn mark_each(days: &mut [bool; 7], items: &[Value]) -> Result<(), String> {
    items.iter().try_for_each(|item| match item {
        Value::String(name) => mark(days, name),
        other => mark(days, &other.to_string()),
    })
}

fn mark(days: &mut [bool; 7], name: &str) -> Result<(), String> {
    let day = read_day(name).ok_or_else(|| {
        let day = quote(name);
        format!(
            "`weekDays`: `{day}` is not a day: write 0 (Sunday) to 6, or a name such as `Senin`"
        )
    })?;
    days[usize::from(day.number_days_from_sunday())] = true;
    Ok(())
}

/// The kind of a JSON value, in words.
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
