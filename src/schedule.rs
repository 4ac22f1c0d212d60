//! When a message goes out: the next occurrence that `schedules` (a list of dates and times) and
//! `interval_config` (days of the week or month) promise, in the local time of a [`Zone`].
//!
//! This module only computes. It must never read a clock, a file or the environment: the caller
//! says what time it is. It never guesses either: what it cannot read for certain is an error in
//! words, and one bad entry makes its whole column an error.

mod columns;
mod time_text;
mod timetable;
mod words;
mod zone;

#[cfg(test)]
mod tests;

use time::macros::date;
use time::{Date, Duration, PrimitiveDateTime};

pub(crate) use self::columns::{NOTE_KEYS, PlainWeek, same_name};
pub(crate) use self::time_text::TextFlaw;
pub(crate) use self::timetable::{TAKEN_AHEAD_MAX, Taken, Timetable, local_text};
pub(crate) use self::words::{clock, in_words, rule_for, words_for};
pub use self::zone::{Zone, ZoneError};

use self::columns::{DAYS_WITHOUT_MAX, Rule};
use crate::clock::Timestamp;

/// The first day that any schedule may name.
const FIRST_DATE: Date = date!(1970 - 01 - 01);

/// How many local days before the present one may still have their occurrence ahead: daylight
/// saving moves a time forward, and by a whole day where a zone skipped a date (Apia, 2011-12-30).
const DAYS_BEFORE: i64 = 2;

/// How many days after the first one found are looked at: daylight saving can let a later time overtake.
const DAYS_AFTER: usize = 4;

/// A schedule that cannot be read: the flaw in words for its writer, with the right form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error(r#"`schedules`: {0}; write it like `[{{"date":"2026-12-01","time":"08:00"}}]`"#)]
    Schedules(String),
    #[error(
        r#"`interval_config`: {0}; write it like `{{"startDate":"2026-12-01","time":"08:00","weekDays":[1,4],"endDate":"2026-12-31"}}`"#
    )]
    IntervalConfig(String),
    /// A date and time that a person typed.
    #[error("{0}; write date and time like `2026-12-01 08:00`")]
    Instant(TextFlaw),
}

/// The first occurrence strictly later than `after`, the earliest of both columns together;
/// `None` when none is left, or when there is no schedule.
pub fn next_occurrence(
    schedules: Option<&str>,
    interval_config: Option<&str>,
    zone: &Zone,
    after: Timestamp,
) -> Result<Option<Timestamp>, ScheduleError> {
    next_that_counts(schedules, interval_config, zone, after, |_| true)
}

/// The same, but of the weekly ones only those that `counts` takes; it must not refuse more than one date.
fn next_that_counts(
    schedules: Option<&str>,
    interval_config: Option<&str>,
    zone: &Zone,
    after: Timestamp,
    counts: impl Fn(PrimitiveDateTime) -> bool,
) -> Result<Option<Timestamp>, ScheduleError> {
    let (listed, listed_zone) =
        columns::read_schedules(schedules).map_err(ScheduleError::Schedules)?;
    let rule =
        columns::read_interval_config(interval_config).map_err(ScheduleError::IntervalConfig)?;
    let own = rule.as_ref().and_then(|rule| rule.bounds.zone.as_ref());
    if rule.is_some() && !listed.is_empty() && own != listed_zone.as_ref() {
        let flaw = "`timezone` must be the same as in `schedules`".to_owned();
        return Err(ScheduleError::IntervalConfig(flaw));
    }
    let zone = own.or(listed_zone.as_ref()).unwrap_or(zone);
    let listed = listed.into_iter().map(|local| zone.to_utc(local)).filter(|at| *at > after).min();
    let repeated = rule.as_ref().and_then(|rule| next_of_rule(rule, zone, after, counts));
    Ok(listed.into_iter().chain(repeated).min())
}

/// Every date and time of a `schedules` column, as its wall-clock shows it; none when it cannot be read.
pub(crate) fn listed(schedules: Option<&str>) -> Vec<PrimitiveDateTime> {
    columns::read_schedules(schedules).map(|(listed, _)| listed).unwrap_or_default()
}

/// The times of a message as a form has fields for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plain {
    /// Neither column holds anything.
    Nothing,
    List(Vec<PrimitiveDateTime>),
    Week(PlainWeek),
}

/// The two columns in the fields of a form; `None` when what the form would write could mean anything else.
pub(crate) fn plain(schedules: Option<&str>, interval_config: Option<&str>) -> Option<Plain> {
    match (columns::holds_something(schedules), columns::holds_something(interval_config)) {
        (false, false) => Some(Plain::Nothing),
        (true, false) => columns::read_plain_list(schedules).map(Plain::List),
        (false, true) => columns::read_plain_week(interval_config).map(Plain::Week),
        (true, true) => None,
    }
}

/// Whether the two columns hold any schedule at all. Null, blank, `null`, `[]` and `{}`, also
/// inside a JSON string, are none; text that cannot be read counts, so that its error is seen.
pub fn has_schedule(schedules: Option<&str>, interval_config: Option<&str>) -> bool {
    columns::holds_something(schedules) || columns::holds_something(interval_config)
}

/// Reads one instant as a person types it: `2026-12-01 08:00`, `2026-12-01T08:00`,
/// `2026-12-01 8:00 PM`, `01/12/2026 08.00` (day first), local to `zone`. An offset or a zone at
/// the end (`Z`, `+07:00`, `WIB`) goes before `zone`.
pub fn parse_local(text: &str, zone: &Zone) -> Result<Timestamp, ScheduleError> {
    read_typed(text, zone).map(|typed| typed.at)
}

/// An instant that a person typed, and how the clock in its zone stands to it.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub(crate) at: Timestamp,
    /// The zone whose clock skips the time that was typed: daylight saving begins.
    pub(crate) skipped_in: Option<Zone>,
}

/// [`parse_local`], for a person who can be told that the clock skips the time that was typed.
pub(crate) fn read_typed(text: &str, zone: &Zone) -> Result<Typed, ScheduleError> {
    let (local, written_zone) = time_text::read_instant(text).map_err(ScheduleError::Instant)?;
    let zone = written_zone.unwrap_or_else(|| zone.clone());
    let at = zone.to_utc(local);
    Ok(Typed { at, skipped_in: Some(zone).filter(|zone| zone.to_local(at) != local) })
}

/// The first occurrence of a rule strictly later than `after`.
///
/// It takes the earliest of a whole window and not the first match, because a time that daylight
/// saving moves forward can overtake the ones that follow it.
fn next_of_rule(
    rule: &Rule,
    zone: &Zone,
    after: Timestamp,
    counts: impl Fn(PrimitiveDateTime) -> bool,
) -> Option<Timestamp> {
    let first = zone.to_local(after).date().saturating_sub(Duration::days(DAYS_BEFORE));
    let first =
        first.max(rule.bounds.start.map_or(FIRST_DATE, |start| start.date())).max(FIRST_DATE);
    let last = rule.bounds.end.map_or(Date::MAX, |end| end.date());
    let dates = std::iter::successors(Some(first), |date| date.next_day());
    let mut found: Option<Timestamp> = None;
    let mut days_left = DAYS_WITHOUT_MAX;
    for date in dates.take_while(|date| *date <= last) {
        let locals = rule.times.iter().map(|time| PrimitiveDateTime::new(date, *time));
        let next = locals
            .filter(|local| rule.promises(*local) && counts(*local))
            .map(|local| zone.to_utc(local))
            .filter(|at| *at > after)
            .min();
        if found.is_none() && next.is_some() {
            days_left = DAYS_AFTER;
        }
        found = found.into_iter().chain(next).min();
        days_left -= 1;
        if days_left == 0 {
            break;
        }
    }
    found
}
