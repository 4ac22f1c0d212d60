//! The two columns, `schedules` and `interval_config`: from JSON, in every form that web forms
//! store, to local dates and times.
//!
//! It must never turn local time into instants; that is the zone's.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use time::{Date, PrimitiveDateTime, Time, Weekday};

use super::time_text::{quote, read_date, read_day, read_instant, read_time};
use super::zone::Zone;

/// The longest column that is read. Ten thousand listed dates fit.
const COLUMN_BYTES_MAX: usize = 1024 * 1024;

/// How many times over a column may be JSON inside a JSON string.
const QUOTED_TIMES_MAX: usize = 3;

/// How many occurrences `count` may name, and how many weeks or months `interval`.
const COUNT_MAX: u64 = 1_000;
const INTERVAL_MAX: u64 = 100;
/// A rule without one for so long is over: leap days come every 8 years at most, an interval is 100 months.
pub(super) const DAYS_WITHOUT_MAX: usize = 50 * 366;

/// A key with its other names, each compared without case, `_`, `-` and blanks. One that could mean two
/// things, such as `days` or `every`, is none of them.
type Key = &'static str;
const DATE: Key = "date";
const TIME: Key = "time times";
const WEEK_DAYS: Key = "weekDays daysOfWeek";
const START: Key = "startDate start from startAt startsAt startsOn begin dtstart";
const END: Key = "endDate end until endAt endsAt endsOn untilDate lastDate validUntil expiresAt";
const COUNT: Key = "count occurrences repeatCount maxOccurrences";
const INTERVAL: Key = "interval";
const FREQUENCY: Key = "frequency freq repeat";
const MONTH_DAYS: Key = "monthDays dayOfMonth daysOfMonth monthDay";
const EXCLUDED: Key = "excludeDates excludedDates exceptDates exDates exDate skipDates exclude";
const ZONE: Key = "timezone tz zone";
const ENABLED: Key = "enabled isEnabled active isActive on";
const DISABLED: Key = "disabled isDisabled paused isPaused cancelled canceled deleted isDeleted";
const STATUS: Key = "status state";

/// The keys that say when, of `interval_config` and of an entry of `schedules`.
const RULE_KEYS: [Key; 13] = [
    TIME, WEEK_DAYS, START, END, COUNT, INTERVAL, FREQUENCY, MONTH_DAYS, EXCLUDED, ZONE, ENABLED,
    DISABLED, STATUS,
];
const ENTRY_KEYS: [Key; 9] = [DATE, TIME, START, END, EXCLUDED, ZONE, ENABLED, DISABLED, STATUS];

/// Keys that say nothing about when, or about who: web forms keep such notes beside the others.
pub(crate) const NOTE_KEYS: &str = "id uid uuid key name label title note notes description comment comments \
                         remark color colour icon createdAt createdBy updatedAt updatedBy";
/// Words of `status` for a rule that goes on, and for one that does not.
const GOES_ON: &str = "active enabled scheduled on running aktif pending";
const IS_STOPPED: &str = "cancelled canceled inactive disabled paused stopped deleted off ended finished \
                          nonaktif batal dibatalkan berhenti selesai expired";

/// The rule in `interval_config`: times of day on days of the week or month, between two bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) times: BTreeSet<Time>,
    pub(super) frequency: Frequency,
    /// Every so many days, weeks or months, counted from the start; 1 or more.
    pub(super) interval: u32,
    /// From Sunday on; at least one is true.
    days: [bool; 7],
    pub(super) bounds: Bounds,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Frequency {
    Daily,
    Weekly,
    /// On these days of the month, and perhaps on its last one.
    Monthly {
        days: BTreeSet<u8>,
        has_last: bool,
    },
}

/// What a rule and an entry have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The first and the last local time that count; `None`: any.
    pub(super) start: Option<PrimitiveDateTime>,
    pub(super) end: Option<PrimitiveDateTime>,
    pub(super) excluded: BTreeSet<Date>,
    /// A zone of its own.
    pub(super) zone: Option<Zone>,
    pub(super) is_stopped: bool,
}

impl Bounds {
    fn let_through(&self, local: PrimitiveDateTime) -> bool {
        !self.is_stopped
            && self.start.is_none_or(|start| start <= local)
            && self.end.is_none_or(|end| local <= end)
            && !self.excluded.contains(&local.date())
    }
}

impl Rule {
    pub(super) fn names(&self, day: Weekday) -> bool {
        self.days[usize::from(day.number_days_from_sunday())]
    }

    /// Whether it goes out at this local date and time.
    pub(super) fn promises(&self, local: PrimitiveDateTime) -> bool {
        self.times.contains(&local.time())
            && self.bounds.let_through(local)
            && self.has_date(local.date())
    }

    /// Whether it comes round to this date, bounds aside.
    fn has_date(&self, date: Date) -> bool {
        self.names(date.weekday())
            && match &self.frequency {
                Frequency::Daily | Frequency::Weekly => true,
                Frequency::Monthly { days, has_last } => {
                    days.contains(&date.day())
                        || *has_last && date.day() == date.month().length(date.year())
                }
            }
            && self.is_in_step(date)
    }

    fn is_in_step(&self, date: Date) -> bool {
        let Some(start) = self.bounds.start.filter(|_| self.interval > 1) else { return true };
        let monday =
            |date: Date| date.to_julian_day() - i32::from(date.weekday().number_days_from_monday());
        let month = |date: Date| date.year() * 12 + i32::from(u8::from(date.month()));
        let passed = match self.frequency {
            Frequency::Daily => date.to_julian_day() - start.date().to_julian_day(),
            Frequency::Weekly => (monday(date) - monday(start.date())) / 7,
            Frequency::Monthly { .. } => month(date) - month(start.date()),
        };
        i64::from(passed) % i64::from(self.interval) == 0
    }

    /// Ends the rule at the occurrence with this number, from 1; excluded dates are counted.
    fn end_after(&mut self, count: u64, start: Date) {
        let mut left = count;
        let dates = std::iter::successors(Some(start), |date| date.next_day());
        for date in dates.take(DAYS_WITHOUT_MAX).filter(|date| self.has_date(*date)) {
            for time in &self.times {
                let local = PrimitiveDateTime::new(date, *time);
                left -= u64::from(self.bounds.start.is_none_or(|start| start <= local));
                if left == 0 {
                    let end = self.bounds.end.map_or(local, |end| end.min(local));
                    self.bounds.end = Some(end);
                    return;
                }
            }
        }
    }
}

/// A rule as a form has fields for it: days of the week with one time of day, between two dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlainWeek {
    /// From Sunday on.
    pub(crate) days: [bool; 7],
    pub(crate) time: Time,
    pub(crate) from: Option<Date>,
    pub(crate) until: Option<Date>,
}

/// The rule in those fields; `None` when they would lose some of it, a note included.
pub(super) fn read_plain_week(column: Option<&str>) -> Option<PlainWeek> {
    let mut rule = read_interval_config(column).ok()??;
    if read_json(column).ok()??.as_object().is_none_or(has_note) {
        return None;
    }
    if rule.frequency == Frequency::Daily && rule.interval == 1 {
        rule.frequency = Frequency::Weekly; // on its days, which are all seven when it names none
    }
    let week = PlainWeek {
        days: rule.days,
        time: *rule.times.first()?,
        from: rule.bounds.start.map(|start| start.date()),
        until: rule.bounds.end.map(|end| end.date()),
    };
    let written = Rule {
        times: [week.time].into(),
        frequency: Frequency::Weekly,
        interval: 1,
        days: week.days,
        bounds: Bounds {
            start: week.from.map(|date| PrimitiveDateTime::new(date, Time::MIDNIGHT)),
            end: week.until.map(|date| PrimitiveDateTime::new(date, Time::MAX)),
            ..Bounds::default()
        },
    };
    (written == rule).then_some(week)
}

/// The list, when its entries say nothing but dates and times: no zone, no bound, no note.
pub(super) fn read_plain_list(column: Option<&str>) -> Option<Vec<PrimitiveDateTime>> {
    let is_plain = |entry: &Value| {
        let entry = entry.as_object().filter(|entry| !has_note(entry));
        entry.is_some_and(|entry| bounds_of(entry) == Ok(Bounds::default()))
    };
    let (listed, _) = read_schedules(column).ok()?;
    entries_of(column).ok()?.iter().all(is_plain).then_some(listed)
}

/// Whether a column holds anything but the forms of nothing.
pub(super) fn holds_something(column: Option<&str>) -> bool {
    !matches!(read_json(column), Ok(None))
}

/// The weekly or monthly rule; `None` when there is none.
pub(super) fn read_interval_config(column: Option<&str>) -> Result<Option<Rule>, String> {
    let object = match read_json(column)? {
        None => return Ok(None),
        Some(Value::Object(object)) => object,
        Some(other) => return Err(format!("it must be one object, not {}", kind(&other))),
    };
    refuse_unknown_key(&object, &RULE_KEYS)?;
    let bounds = bounds_of(&object)?;
    let month_days = field(&object, MONTH_DAYS)?.map(month_days_of).transpose()?;
    let frequency =
        field(&object, FREQUENCY)?.map(|value| word_of(value, "frequency")).transpose()?;
    let is_weekly = matches!(frequency.as_deref(), Some("weekly" | "week" | "mingguan"));
    let first = bounds.start.map(|start| start.date());
    let frequency = match (frequency.as_deref(), month_days) {
        (None | Some("monthly" | "month" | "bulanan"), Some(frequency)) => frequency,
        (Some("monthly" | "month" | "bulanan"), None) => {
            let first = first.ok_or("`monthDays` is missing: write it like [1] or [\"last\"]")?;
            Frequency::Monthly { days: [first.day()].into(), has_last: false }
        }
        (Some("daily" | "day" | "harian"), None) => Frequency::Daily,
        (None, None) => Frequency::Weekly,
        (Some(_), None) if is_weekly => Frequency::Weekly,
        (Some(word), None) => {
            return Err(format!("`frequency`: `{}` must be daily, weekly or monthly", quote(word)));
        }
        (Some(_), Some(_)) => return Err("`monthDays` goes with the frequency monthly".to_owned()),
    };
    let days = match (field(&object, WEEK_DAYS)?, first) {
        (None, _) if frequency != Frequency::Weekly => [true; 7],
        (None, Some(first)) if is_weekly => {
            let mut days = [false; 7];
            days[usize::from(first.weekday().number_days_from_sunday())] = true;
            days
        }
        (days, _) => days_of(days)?,
    };
    let times = times_of(required(&object, TIME)?)?;
    let interval =
        field(&object, INTERVAL)?.map(|value| number_of(value, "interval", INTERVAL_MAX));
    let count =
        field(&object, COUNT)?.map(|value| number_of(value, "count", COUNT_MAX)).transpose()?;
    let interval = u32::try_from(interval.transpose()?.unwrap_or(1)).unwrap_or(1);
    let mut rule = Rule { times, frequency, interval, days, bounds };
    match (count, first) {
        (Some(count), Some(first)) => rule.end_after(count, first),
        (None, Some(_)) => {}
        (None, None) if interval == 1 => {}
        (_, None) => {
            let key = if count.is_some() { "count" } else { "interval" };
            return Err(format!("`{key}` needs a `startDate`, from which it is counted"));
        }
    }
    Ok(Some(rule))
}

/// Whether the rule, or each entry of the list, is switched off by a key of its own.
pub(super) fn is_switched_off(schedules: Option<&str>, rule: Option<&str>) -> bool {
    let is_off = |object: &Value| object.as_object().is_some_and(|one| is_stopped(one) == Ok(true));
    [schedules, rule].into_iter().any(|column| match read_json(column) {
        Ok(Some(Value::Array(entries))) => entries.iter().all(is_off),
        Ok(Some(object)) => is_off(&object),
        Ok(None) | Err(_) => false,
    })
}

/// The zone that the columns name themselves; both columns and all entries must name the same.
pub(super) fn own_zone(schedules: Option<&str>, rule: Option<&str>) -> Option<Zone> {
    let rule = read_interval_config(rule).ok()?.and_then(|rule| rule.bounds.zone);
    rule.or_else(|| read_schedules(schedules).ok()?.1)
}

type Listed = (Vec<PrimitiveDateTime>, Option<Zone>);

/// Every listed local date and time, in the order of the list, and the zone that the entries name.
pub(super) fn read_schedules(column: Option<&str>) -> Result<Listed, String> {
    let entries = entries_of(column)?;
    let mut listed = Vec::with_capacity(entries.len());
    let mut zones = Vec::new();
    for (entry, position) in entries.iter().zip(1..) {
        let (times, zone) =
            read_entry(entry).map_err(|flaw| format!("entry {position}: {flaw}"))?;
        listed.extend(times);
        zones.push(zone);
    }
    if zones.windows(2).any(|two| two[0] != two[1]) {
        return Err("`timezone` must be the same in all entries".to_owned());
    }
    Ok((listed, zones.pop().flatten()))
}

fn entries_of(column: Option<&str>) -> Result<Vec<Value>, String> {
    match read_json(column)? {
        None => Ok(Vec::new()),
        Some(Value::Array(entries)) => Ok(entries),
        Some(entry @ Value::Object(_)) => Ok(vec![entry]),
        Some(other) => Err(format!("it must be a list of entries, not {}", kind(&other))),
    }
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

/// One entry of `schedules`: its date at each of its times that its bounds let through, and its zone.
fn read_entry(entry: &Value) -> Result<Listed, String> {
    let Value::Object(entry) = entry else {
        let found = kind(entry);
        return Err(format!("it must be an object with `date` and `time`, not {found}"));
    };
    refuse_unknown_key(entry, &ENTRY_KEYS)?;
    let bounds = bounds_of(entry)?;
    let date = date_of(required(entry, DATE)?, "date")?;
    let times = times_of(required(entry, TIME)?)?.into_iter();
    let listed = times.map(|time| PrimitiveDateTime::new(date, time));
    Ok((listed.filter(|local| bounds.let_through(*local)).collect(), bounds.zone))
}

fn bounds_of(object: &Map<String, Value>) -> Result<Bounds, String> {
    let start = field(object, START)?.map(|value| bound_of(value, "startDate", Time::MIDNIGHT));
    let end = field(object, END)?.map(|value| bound_of(value, "endDate", Time::MAX));
    let (start, end) = (start.transpose()?, end.transpose()?);
    if let (Some(start), Some(end)) = (start, end)
        && end < start
    {
        return Err(format!("`endDate` {} is before `startDate` {}", end.date(), start.date()));
    }
    let excluded = field(object, EXCLUDED)?.map(dates_of).transpose()?.unwrap_or_default();
    let zone = field(object, ZONE)?.map(|value| text_of(value, "timezone")).transpose()?;
    let zone = zone.map(Zone::parse).transpose().map_err(|error| format!("`timezone`: {error}"))?;
    Ok(Bounds { start, end, excluded, zone, is_stopped: is_stopped(object)? })
}

/// A date, which counts whole, or a date and time.
fn bound_of(value: &Value, key: &str, time: Time) -> Result<PrimitiveDateTime, String> {
    match read_instant(text_of(value, key)?) {
        // As JavaScript stores a date.
        Ok((local, None)) if local.time() != Time::MIDNIGHT => Ok(local),
        Ok(_) | Err(_) => Ok(PrimitiveDateTime::new(date_of(value, key)?, time)),
    }
}

/// A list of dates, one date, or dates with commas between them.
fn dates_of(value: &Value) -> Result<BTreeSet<Date>, String> {
    let key = "excludeDates";
    let mut dates = BTreeSet::new();
    if let Value::Array(items) = value {
        for item in items {
            dates.insert(date_of(item, key)?);
        }
        return Ok(dates);
    }
    let parts = text_of(value, key)?.split([',', ';']).map(str::trim);
    for part in parts.filter(|part| !part.is_empty()) {
        dates.insert(read_date(part).map_err(|flaw| format!("`{key}`: {flaw}"))?);
    }
    Ok(dates)
}

/// Whether a key says that the rule is off.
fn is_stopped(object: &Map<String, Value>) -> Result<bool, String> {
    let truth = |key: Key| match field(object, key)? {
        None => Ok(None),
        Some(Value::Bool(truth)) => Ok(Some(*truth)),
        Some(value) => match word_of(value, first(key))?.as_str() {
            "true" | "1" | "yes" | "ya" => Ok(Some(true)),
            "false" | "0" | "no" | "tidak" => Ok(Some(false)),
            word => Err(format!("`{}`: `{}` is neither true nor false", first(key), quote(word))),
        },
    };
    let has = |list: &str, word: &str| list.split_whitespace().any(|known| known == word);
    let status = field(object, STATUS)?.map(|value| word_of(value, "status")).transpose()?;
    let is_off = match status.as_deref() {
        None => false,
        Some(word) if has(GOES_ON, word) => false,
        Some(word) if has(IS_STOPPED, word) => true,
        Some(word) => {
            return Err(format!(
                "`status`: `{}` is not understood: write active or cancelled",
                quote(word)
            ));
        }
    };
    Ok(is_off || truth(ENABLED)? == Some(false) || truth(DISABLED)? == Some(true))
}

/// Text or a number as one word in lower case.
fn word_of(value: &Value, key: &str) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.trim().to_lowercase()),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(format!("`{key}` must be text in quotes, not {}", kind(other))),
    }
}

/// A whole number from 1 to `most`, also in quotes.
fn number_of(value: &Value, key: &str, most: u64) -> Result<u64, String> {
    let number = word_of(value, key)?.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| {
        format!("`{key}`: `{}` must be a whole number from 1 to {most}", quote(&value.to_string()))
    })
}

/// Days of the month from 1 to 31, and `last`: a list, or one.
fn month_days_of(value: &Value) -> Result<Frequency, String> {
    let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let (mut days, mut has_last) = (BTreeSet::new(), false);
    for value in values {
        let words = word_of(value, "monthDays")?;
        for word in words.split([',', ';', ' ']).filter(|word| !word.is_empty()) {
            match word.parse::<u8>() {
                Ok(day @ 1..=31) => drop(days.insert(day)),
                Err(_) if matches!(word, "last" | "terakhir" | "-1") => has_last = true,
                _ => {
                    return Err(format!("`monthDays`: `{}` must be 1 to 31 or last", quote(word)));
                }
            }
        }
    }
    Ok(Frequency::Monthly { days, has_last })
}

/// Refuses a key that is neither one of `known` nor a note, unless it is blank.
///
/// An unknown `"onlyHolidays": true` without effect would be messages that go out for ever.
fn refuse_unknown_key(object: &Map<String, Value>, known: &[Key]) -> Result<(), String> {
    let names = || known.iter().copied().chain([NOTE_KEYS]).flat_map(str::split_whitespace);
    let is_fine = |key: &str| names().any(|name| same_name(key, name));
    match object.iter().find(|(key, value)| !is_fine(key) && !is_blank(value)) {
        Some((key, _)) => Err(format!(
            "`{}` is not understood, and it may change when this goes out: take it away",
            quote(key)
        )),
        None => Ok(()),
    }
}

fn has_note(object: &Map<String, Value>) -> bool {
    let is_note = |key: &str| NOTE_KEYS.split_whitespace().any(|name| same_name(key, name));
    object.iter().any(|(key, value)| !is_blank(value) && is_note(key))
}

fn required(object: &Map<String, Value>, key: Key) -> Result<&Value, String> {
    field(object, key)?.ok_or_else(|| format!("`{}` is missing", first(key)))
}

/// The field of that name or another of its names, in any case, with or without `_`; blank ones are absent.
///
/// So lenient because an `enddate` that is not recognised would be a schedule without an end.
fn field(object: &Map<String, Value>, key: Key) -> Result<Option<&Value>, String> {
    let is_it = |written: &str| key.split_whitespace().any(|name| same_name(written, name));
    let mut found = object.iter().filter(|(written, value)| is_it(written) && !is_blank(value));
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Err(format!("`{}` is given twice", first(key))),
        (first, _) => Ok(first.map(|(_, value)| value)),
    }
}

fn first(key: Key) -> &'static str {
    key.split_whitespace().next().unwrap_or(key)
}

/// Whether a key is this one, in any case, with or without `_`, `-` and blanks.
pub(crate) fn same_name(key: &str, name: &str) -> bool {
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
    let mut times = BTreeSet::new();
    for value in values {
        let time = read_time(text_of(value, "time")?).map_err(|flaw| format!("`time`: {flaw}"))?;
        times.insert(time);
    }
    Ok(times)
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
