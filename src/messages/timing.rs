//! When a message goes out, as a person types it: `2026-12-01 08:00`, `+10m`, `now`, days of the week.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::{ComposeError, ComposeResult};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::delivery::MessageStatus;
use crate::reason::Reason;
use crate::schedule::{self, ScheduleError, Taken, Timetable, local_text};
use crate::store::Message;

/// A time that passed so little ago still means now: people type minutes.
const JUST_PASSED: Duration = Duration::from_mins(5);
/// The furthest that `+…` may reach, in days.
const AHEAD_DAYS_MAX: u64 = 3660;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Timing {
    /// At each of these: a local date and time, `+10m`, `+2h`, `+1d` or `now`.
    At(Vec<String>),
    Weekly(WeeklyTiming),
    /// As the column `schedules` has it.
    Schedules(String),
    /// As the column `interval_config` has it.
    Interval(String),
    /// As the columns of a message have it, whatever they say.
    Kept(Kept),
}

/// The times of a message that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// When it goes out next; `None` for the first time of the columns.
    pub at: Option<Timestamp>,
    pub schedules: Option<String>,
    pub interval_config: Option<String>,
}

/// Days of the week or of the month with their times of day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WeeklyTiming {
    /// `mon,thu`, `senin,kamis`, `1,4` or `daily`.
    pub days: String,
    /// `1,15,last`: days of the month in place of `days`; empty for none.
    pub month_days: String,
    /// `08:00` and so on; one or more.
    pub times: Vec<String>,
    /// The first date that counts.
    pub from: Option<String>,
    /// The last date that counts.
    pub until: Option<String>,
}

/// When a message first goes out, and its rule, if it has one.
type Times = ComposeResult<(Timestamp, Timetable)>;

/// What was planned of a message before, and what is due of it and was not planned yet.
#[derive(Clone, Copy, Default)]
pub(crate) struct Before<'a> {
    pub(super) taken: Option<&'a Taken>,
    pub(super) due: Option<Timestamp>,
}

impl<'a> Before<'a> {
    /// Of the message that an edit changes; nothing of a new one.
    pub(crate) fn of(row: Option<&'a Message>, config: &Config, now: Timestamp) -> Self {
        let Some(row) = row else { return Self::default() };
        let taken = row.timetable.taken.as_ref();
        let taken = taken.filter(|taken| taken.is_believed(&config.zone, now));
        Self { taken, due: due(row, config).filter(|at| *at <= now) }
    }

    /// From when on a rule counts: what is due is not lost by an edit, as by one with SQL.
    fn counts_from(self, now: Timestamp) -> Timestamp {
        self.due.map_or(now, |due| due.minus(JUST_PASSED).min(now))
    }
}

/// The time of a scheduled message that was not planned yet: its own, or from when on a rule counts that
/// SQL has edited.
fn due(row: &Message, config: &Config) -> Option<Timestamp> {
    let times = Some(&row.timetable).filter(|_| row.status == MessageStatus::Scheduled)?;
    row.scheduled_at.map_or(times.counts_from(), |at| Some(times.at_in(at, &config.zone)))
}

/// When a message would first go out; `None` while what was typed means no time.
pub(crate) fn begins_at(
    timing: &Timing,
    before: Before<'_>,
    config: &Config,
    now: Timestamp,
) -> Option<Timestamp> {
    let (at, rule) = read(timing, before, config, now).ok()?;
    Some(in_time(at, &rule, config, now))
}

/// Of times that passed, the first that is not too late to go out.
pub(super) fn in_time(
    at: Timestamp,
    rule: &Timetable,
    config: &Config,
    now: Timestamp,
) -> Timestamp {
    let late_before = now.minus(config.late_limit);
    let is_late = at < late_before;
    let before = late_before.minus(Duration::from_millis(1));
    let next = is_late.then(|| rule.next(&config.zone, Some(before)).ok().flatten());
    next.flatten().unwrap_or(at)
}

/// Why what was typed means no time.
pub(crate) fn why_no_time(
    timing: &Timing,
    before: Before<'_>,
    config: &Config,
    now: Timestamp,
) -> Option<ComposeError> {
    read(timing, before, config, now).err()
}

/// Gives a message the times that were typed: its first occurrence is after `now`, of a rule also after
/// what was taken of the message `before`, and not after what is due of it.
pub(super) fn set(
    message: &mut Message,
    timing: &Timing,
    before: Before<'_>,
    config: &Config,
    now: Timestamp,
) -> ComposeResult<()> {
    let field = match timing {
        Timing::At(_) | Timing::Kept(_) => "at",
        Timing::Weekly(_) => "weekly",
        Timing::Schedules(_) => "schedules",
        Timing::Interval(_) => "interval",
    };
    let read = read(timing, before, config, now).map_err(|error| error.of(field));
    let (at, rule) = read?;
    let is_from_rule = rule.schedules.is_some() || rule.interval_config.is_some();
    message.scheduled_at = Some(at);
    message.timetable = Timetable {
        scheduled_local: is_from_rule.then(|| local_text(at, &rule.zone_of(&config.zone))),
        scheduled_zone: is_from_rule.then(|| config.zone.name().to_owned()),
        taken: None,
        ..rule
    };
    Ok(())
}

fn read(timing: &Timing, before: Before<'_>, config: &Config, now: Timestamp) -> Times {
    match timing {
        Timing::At(texts) => read_times(texts, config, now),
        Timing::Weekly(weekly) => read_weekly(weekly, before, config, now),
        Timing::Schedules(column) => {
            let (schedules, taken) = (Some(column.clone()), before.taken.cloned());
            let rule = Timetable { schedules, taken, ..Timetable::default() };
            // People type minutes, programs too.
            let after = before.counts_from(now).min(now.minus(JUST_PASSED));
            let first = rule.next(&config.zone, Some(after))?;
            let passed = || ComposeError::refused(rule.why_over(false));
            Ok((first.ok_or_else(passed)?, rule))
        }
        Timing::Interval(column) => {
            read_interval(column.clone(), (None, ComposeError::from), before, config, now)
        }
        Timing::Kept(Kept { at, schedules, interval_config }) => {
            let (schedules, interval_config) = (schedules.clone(), interval_config.clone());
            let taken = before.taken.cloned();
            let rule = Timetable { schedules, interval_config, taken, ..Timetable::default() };
            let first = || rule.next(&config.zone, Some(before.counts_from(now)));
            let next = at.map_or_else(first, |at| Ok(Some(at)))?;
            let over = || ComposeError::refused(rule.why_over(false));
            Ok((next.ok_or_else(over)?, rule))
        }
    }
}

fn read_times(texts: &[String], config: &Config, now: Timestamp) -> Times {
    let times: BTreeSet<Timestamp> =
        texts.iter().map(|text| read_time(text, config, now)).collect::<Result<_, _>>()?;
    let Some(first) = times.first() else { return Err(refused!("no time was given")) };
    let schedules = (times.len() > 1).then(|| listed(&times, config)).transpose()?;
    Ok((*first, Timetable { schedules, ..Timetable::default() }))
}

/// The column `schedules`: local dates and times.
fn listed(times: &BTreeSet<Timestamp>, config: &Config) -> ComposeResult<String> {
    let mut entries = Vec::new();
    for at in times {
        let local = config.zone.to_local(*at);
        if config.zone.to_utc(local) != *at {
            return Err(refused!(
                "{} comes twice that day in {}, and a list of times means the first: make a message of its own",
                config.zone.format_local(*at),
                config.zone
            ));
        }
        let (hour, minute, second) = local.time().as_hms();
        entries.push(json!({
            "date": local.date().to_string(),
            "time": format!("{hour:02}:{minute:02}:{second:02}"),
        }));
    }
    Ok(serde_json::Value::Array(entries).to_string())
}

fn read_time(text: &str, config: &Config, now: Timestamp) -> ComposeResult<Timestamp> {
    let text = text.trim();
    let whole_now = Timestamp::from_secs(now.secs());
    if text.eq_ignore_ascii_case("now") || text.eq_ignore_ascii_case("sekarang") {
        return Ok(whole_now);
    }
    if let Some(ahead) = text.strip_prefix('+') {
        return Ok(whole_now.plus(read_ahead(ahead)?));
    }
    let dated = with_date(text, config, now);
    let text = dated.as_deref().unwrap_or(text);
    let typed = schedule::read_typed(text, &config.zone).map_err(|error| match error {
        ScheduleError::Instant(flaw) => refused!(
            "{flaw}; write `2026-12-01 08:00` (in {}), `besok 08:00`, `08:00`, `+10m`, `+2h`, `+1d` or `now`",
            config.zone
        ),
        other @ (ScheduleError::Schedules(_) | ScheduleError::IntervalConfig(_)) => other.into(),
    })?;
    if let Some(zone) = typed.skipped_in {
        return Err(refused!(
            "`{text}` does not exist in {zone}: the clock is set forward over it; the next is {}",
            zone.format_local(typed.at)
        ));
    }
    if typed.at < now.minus(JUST_PASSED) {
        return Err(ComposeError::refused(Reason::TimePassed {
            written: text.to_owned(),
            now: config.zone.format_local(now),
            zone: config.zone.to_string(),
        }));
    }
    Ok(typed.at)
}

/// Days that have a name, and how many days ahead they are.
const NAMED_DAYS: [(&str, i64); 6] =
    [("hari ini", 0), ("today", 0), ("besok", 1), ("tomorrow", 1), ("lusa", 2), ("besok lusa", 2)];

/// The dates of two zones differ by so many days at most, at the same moment.
const DAYS_APART_MAX: i64 = 2;

/// `besok 08:00` and `lusa jam 8.30` with their date; a time of day alone is the next such time. `None`
/// for everything else.
fn with_date(text: &str, config: &Config, now: Timestamp) -> Option<String> {
    let text = text.to_lowercase();
    let named = NAMED_DAYS.iter().filter_map(|(name, ahead)| {
        let rest = text.strip_prefix(name)?;
        (rest.is_empty() || rest.starts_with(char::is_whitespace)).then_some((rest, *ahead))
    });
    let (time, ahead) = named.min_by_key(|(rest, _)| rest.len()).unzip();
    let time = time.unwrap_or(text.as_str());
    let time = time.trim();
    let said = ["jam ", "pukul ", "at ", "pkl "].iter().find_map(|word| time.strip_prefix(word));
    let time = said.unwrap_or(time).trim();
    // "jam 8" is a whole hour.
    let is_hour = said.is_some() && time.len() <= 2 && time.parse::<u8>().is_ok();
    let time = if is_hour { format!("{time}:00") } else { time.to_owned() };
    let today = config.zone.to_local(now).date();
    let on = |days: i64| {
        let date = today.checked_add(time::Duration::days(days))?;
        Some(format!("{date} {time}").trim_end().to_owned())
    };
    if let Some(ahead) = ahead {
        return on(ahead);
    }
    // What passed a moment ago still means now, as with a date. The zone that is written may have
    // another date than TIMEZONE's.
    let begins = |date: &String| Some(schedule::read_typed(date, &config.zone).ok()?.at);
    let mut dates = (-DAYS_APART_MAX..=DAYS_APART_MAX).filter_map(on);
    dates.find(|date| begins(date).is_some_and(|at| at >= now.minus(JUST_PASSED)))
}

/// `10m`, `2h`, `1d`.
fn read_ahead(text: &str) -> ComposeResult<Duration> {
    let wrong = || {
        refused!(
            "`+{text}` is no time from now: write `+10m`, `+2h` or `+1d` (at most {AHEAD_DAYS_MAX} days)"
        )
    };
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let unit_secs = match unit.trim().to_ascii_lowercase().as_str() {
        "m" | "min" | "menit" => 60,
        "h" | "jam" => 3600,
        "d" | "hari" => 86_400,
        _ => return Err(wrong()),
    };
    let secs = number.checked_mul(unit_secs).filter(|secs| *secs <= AHEAD_DAYS_MAX * 86_400);
    secs.map(Duration::from_secs).ok_or_else(wrong)
}

fn read_weekly(
    weekly: &WeeklyTiming,
    before: Before<'_>,
    config: &Config,
    now: Timestamp,
) -> Times {
    let column = weekly_config(weekly)?;
    let refused = |error| match error {
        ScheduleError::Schedules(flaw) | ScheduleError::IntervalConfig(flaw) => {
            ComposeError::refused(as_typed(&flaw))
        }
        other @ ScheduleError::Instant(_) => other.into(),
    };
    read_interval(column, (weekly.until.as_deref(), refused), before, config, now)
}

/// The first occurrence of a rule for days of the week; `last` is its last date, `refused` words a flaw.
fn read_interval(
    column: String,
    (last, refused): (Option<&str>, impl FnOnce(ScheduleError) -> ComposeError),
    before: Before<'_>,
    config: &Config,
    now: Timestamp,
) -> Times {
    let (interval_config, taken) = (Some(column), before.taken.cloned());
    let timetable = Timetable { interval_config, taken, ..Timetable::default() };
    match timetable.next(&config.zone, Some(before.counts_from(now))) {
        Ok(Some(first)) => Ok((first, timetable)),
        Ok(None) => Err(ComposeError::refused(match (timetable.why_over(false), last) {
            (Reason::SchedulePassed, Some(last)) => Reason::NoDayLeft {
                last: last.to_owned(),
                now: config.zone.format_local(now),
                zone: config.zone.to_string(),
            },
            (why, _) => why,
        })),
        Err(error) => Err(refused(error)),
    }
}

fn weekly_config(weekly: &WeeklyTiming) -> ComposeResult<String> {
    if weekly.times.is_empty() {
        return Err(refused!("the days have no time of day: give `--time 08:00` with them"));
    }
    let times: Vec<&str> = weekly.times.iter().map(|time| time.trim()).collect();
    let mut config = match weekly.month_days.trim() {
        "" => json!({ "time": times, "weekDays": week_days(&weekly.days) }),
        days => json!({ "time": times, "monthDays": days }),
    };
    if let [time] = times[..] {
        config["time"] = json!(time);
    }
    for (key, date) in [("startDate", &weekly.from), ("endDate", &weekly.until)] {
        if let Some(date) = date {
            config[key] = json!(date.trim());
        }
    }
    Ok(config.to_string())
}

/// `senin,kamis` or `daily` as the column has it.
fn week_days(days: &str) -> Vec<&str> {
    let is_daily = ["daily", "harian", "setiap hari", "everyday"]
        .iter()
        .any(|word| word.eq_ignore_ascii_case(days.trim()));
    let days = if is_daily { "0,1,2,3,4,5,6" } else { days.trim() };
    days.split(|c: char| matches!(c, ',' | ';') || c.is_whitespace())
        .filter(|day| !day.is_empty())
        .map(|day| {
            day.parse::<u8>()
                .ok()
                .and_then(|day| NUMBERS.get(usize::from(day)).copied())
                .unwrap_or(day)
        })
        .collect()
}

/// The flaw of a column, with the names that a person typed instead of its fields.
fn as_typed(flaw: &str) -> String {
    let names = [
        ("`weekDays`", "`--weekly`"),
        ("`monthDays`", "`--monthly`"),
        ("`time`", "`--time`"),
        ("`startDate`", "`--from`"),
        ("`endDate`", "`--until`"),
    ];
    names.iter().fold(flaw.to_owned(), |text, (field, flag)| text.replace(field, flag))
}

/// So that the column can be read by people, whoever counts from Sunday.
const NUMBERS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
