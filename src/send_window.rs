//! When a channel may send: its hours of the day, and how much on one day. Pure.
//!
//! Hours and days are local, in the zone of the schedules; with daylight saving an hour that the clock
//! skips is missing from a window, and one that it shows twice is in it twice. The senders ask for
//! one send at a time; a forecast asks again and again with [`DayCount::note`] in between.

mod rest;
mod warmup;
mod warned;

use std::fmt;
use std::time::Duration;

pub use rest::Rest;
pub use warmup::{Warmup, WarmupRule};
pub use warned::Warned;

use time::macros::format_description;
use time::{Date, PrimitiveDateTime, Time};

use crate::clock::Timestamp;
use crate::reason::Reason;
use crate::schedule::Zone;

const MINUTES_OF_DAY: u16 = 24 * 60;
const MINUTE_SECS: i64 = 60;
/// The most that a channel may be allowed on one day; more is a slip of the finger.
pub(crate) const DAILY_LIMIT_MAX: u32 = 1_000_000;
/// The most hours between two messages to a chat: what was sent is on record for so long, whatever `prune` is told.
pub(crate) const RECIPIENT_GAP_HOURS_MAX: u32 = 168;
pub(crate) const WINDOW_FORM: &str = "hours such as 07:00-21:00, or always";

/// The hours of the day in which a channel may send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SendWindow {
    #[default]
    Always,
    /// From the first minute on until before the last one, in minutes after midnight (the last one up
    /// to 1440). When the last is before the first, the window goes across midnight.
    Hours {
        /// The first minute in which a send may begin, 0 to 1439.
        from: u16,
        /// The first minute in which none may any more, 0 to 1440.
        until: u16,
    },
}

/// A setting or a column says something that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    #[error("send_window `{0}` is no window: write hours such as 07:00-21:00, or always")]
    Window(String),
    #[error("daily_limit {0} is no limit: write 1 to {DAILY_LIMIT_MAX}, or 0 for none")]
    Limit(i64),
}

/// What a channel is allowed: from the settings, or its own columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    pub window: SendWindow,
    /// Its sends on one day, 1 or more; `None` for no limit.
    pub daily_limit: Option<u32>,
    /// How a warm-up goes.
    pub warmup_rule: WarmupRule,
    /// Its warm-up, while it has one: never in the settings.
    pub warmup: Option<Warmup>,
    /// WhatsApp's last warning of its number: never in the settings.
    pub warned: Option<Warned>,
}

/// A day on the wall: what a daily limit counts by. Shown as `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(Date);

/// How many sends a channel had on one day; on every other day it had none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayCount {
    pub day: Day,
    pub count: u32,
}

/// Why a channel that could send waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It is outside its hours.
    Window(SendWindow),
    /// It has sent as much as it may on that day.
    DailyLimit(u32),
    /// The same, while it warms up.
    Warmup {
        limit: u32,
        /// Which day of the warm-up that is, from 1.
        day: i64,
    },
    /// The same, while WhatsApp's warning lasts.
    Warned(u32),
}

/// When a channel may send next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    /// The earliest moment, never before the one that was asked about.
    pub(crate) at: Timestamp,
    /// Why not at once; the reason that ends last when there are two. `None` when it may at once.
    pub(crate) closed: Option<Closed>,
}

impl SendWindow {
    /// Reads `07:00-21:00`, `7.00 - 21.00`, `21:00-02:00` (across midnight), or `always`; blank is always.
    pub fn parse(text: &str) -> Result<Self, WindowError> {
        let bad = || WindowError::Window(text.trim().chars().take(40).collect());
        let written = text.trim();
        if written.is_empty() || written.eq_ignore_ascii_case("always") {
            return Ok(Self::Always);
        }
        let (from, until) = written.split_once(['-', '–']).ok_or_else(bad)?;
        let (from, until) = (minute(from).ok_or_else(bad)?, minute(until).ok_or_else(bad)?);
        match (from, until) {
            (0, MINUTES_OF_DAY) => Ok(Self::Always),
            (MINUTES_OF_DAY, _) => Err(bad()),
            _ if from == until => Err(bad()),
            _ => Ok(Self::Hours { from, until }),
        }
    }

    /// Whether a send may begin at `at`.
    pub fn contains(self, zone: &Zone, at: Timestamp) -> bool {
        let Self::Hours { from, until } = self else { return true };
        let minute = minute_of_day(zone, at);
        if from < until {
            (from..until).contains(&minute)
        } else {
            minute >= from || minute < until
        }
    }

    /// The earliest moment from `at` on at which a send may begin.
    pub(crate) fn next_open(self, zone: &Zone, at: Timestamp) -> Timestamp {
        let Self::Hours { from, .. } = self else { return at };
        if self.contains(zone, at) {
            return at;
        }
        let ahead = (from + MINUTES_OF_DAY - minute_of_day(zone, at)) % MINUTES_OF_DAY;
        let this_minute = at.secs() - at.secs().rem_euclid(MINUTE_SECS);
        let minute_after =
            |minutes: i64| Timestamp::from_secs(this_minute.saturating_add(minutes * MINUTE_SECS));
        let guess = minute_after(i64::from(ahead));
        if zone.offset_secs(guess) == zone.offset_secs(at) {
            return guess;
        }
        // The clock is set in between: rare enough to look at each minute of two days.
        (1..=2 * i64::from(MINUTES_OF_DAY))
            .map(minute_after)
            .find(|minute| self.contains(zone, *minute))
            .unwrap_or(guess)
    }
}

/// `07:00-21:00`, or `always`.
impl fmt::Display for SendWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Always => f.write_str("always"),
            Self::Hours { from, until } => {
                let (h1, m1, h2, m2) = (from / 60, from % 60, until / 60, until % 60);
                write!(f, "{h1:02}:{m1:02}-{h2:02}:{m2:02}")
            }
        }
    }
}

impl Allowance {
    /// What a channel is allowed: `send_window` and `daily_limit` are its columns, NULL (or a blank
    /// window) is the setting's; `warmup` is the first day of its warm-up and the day of its last send.
    pub(crate) fn of_channel(
        self,
        window: Option<&str>,
        daily_limit: Option<i64>,
        warmup: Option<(Day, Option<Day>)>,
    ) -> Result<Self, WindowError> {
        let window = match window.filter(|text| !text.trim().is_empty()) {
            Some(text) => SendWindow::parse(text)?,
            None => self.window,
        };
        let daily_limit = match daily_limit {
            None => self.daily_limit,
            Some(limit) => match u32::try_from(limit) {
                Ok(limit) if limit <= DAILY_LIMIT_MAX => (limit > 0).then_some(limit),
                Ok(_) | Err(_) => return Err(WindowError::Limit(limit)),
            },
        };
        let rule = self.warmup_rule;
        let warmup = warmup.map(|(from, last)| Warmup { rule, from, last });
        Ok(Self { window, daily_limit, warmup, ..self })
    }

    /// Its sends on `day`, 1 or more; `None` for no limit.
    pub(crate) fn limit_on(&self, day: Day) -> Option<u32> {
        let most = self.daily_limit;
        let limit = self.warmup.map_or(most, |warmup| warmup.limit_on(day, most));
        self.warned.map_or(limit, |warned| warned.limit_on(day, limit))
    }

    fn full(&self, limit: u32, day: Day) -> Closed {
        if self.warned.is_some_and(|warned| warned.lasts_on(day)) {
            return Closed::Warned(limit);
        }
        match self.warmup {
            Some(warmup) if self.daily_limit != Some(limit) => {
                Closed::Warmup { limit, day: warmup.days_before(day) + 1 }
            }
            _ => Closed::DailyLimit(limit),
        }
    }

    /// The earliest moment from `at` on at which the channel may begin a send; `counted` is what it
    /// had on one day, which should be the day of `at`.
    pub(crate) fn next(&self, zone: &Zone, at: Timestamp, counted: DayCount) -> Next {
        let mut next = Next { at, closed: None };
        let open = self.window.next_open(zone, at);
        if open > at {
            next = Next { at: open, closed: Some(Closed::Window(self.window)) };
        }
        if let Some(limit) = self.limit_on(counted.day)
            && counted.count >= limit
            && Day::of(zone, next.at) == counted.day
        {
            // Never backwards, should a zone ever show the end of a day twice.
            let end = counted.day.end(zone).max(Timestamp::from_secs(next.at.secs() + MINUTE_SECS));
            let at = self.window.next_open(zone, end);
            next = Next { at, closed: Some(self.full(limit, counted.day)) };
        }
        next
    }
}

impl Day {
    /// The day that the calendar in `zone` shows at `at`.
    pub fn of(zone: &Zone, at: Timestamp) -> Self {
        Self(zone.to_local(at).date())
    }

    /// The moment at which the next day begins.
    pub(crate) fn end(self, zone: &Zone) -> Timestamp {
        zone.to_utc(PrimitiveDateTime::new(self.0.next_day().unwrap_or(self.0), Time::MIDNIGHT))
    }

    /// Reads `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Option<Self> {
        Date::parse(text.trim(), format_description!("[year]-[month]-[day]")).ok().map(Self)
    }

    /// How many days `later` is after this one; negative when it is before.
    pub(crate) fn days_until(self, later: Self) -> i64 {
        (later.0 - self.0).whole_days()
    }

    /// So many days before this one.
    pub(crate) fn minus(self, days: i64) -> Self {
        Self(self.0.checked_sub(time::Duration::days(days)).unwrap_or(self.0))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl DayCount {
    /// Counts a send that begins at `at`; on another day than the last one the count begins anew.
    pub(crate) fn note(&mut self, zone: &Zone, at: Timestamp) {
        let day = Day::of(zone, at);
        let count = if day == self.day { self.count } else { 0 };
        *self = Self { day, count: count.saturating_add(1) };
    }
}

impl Closed {
    pub(crate) fn reason(&self) -> Reason {
        match *self {
            Self::Window(window) => Reason::OutsideHours { window: window.to_string() },
            Self::DailyLimit(limit) => Reason::DayFull { limit: limit.into() },
            Self::Warned(limit) => Reason::WarnedDayFull { limit: limit.into() },
            Self::Warmup { limit, day } => Reason::WarmupDayFull { limit: limit.into(), day },
        }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason().fmt(f)
    }
}

/// `07:00`, `7.00` or `24:00`, in minutes.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once([':', '.'])?;
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !(1..=2).contains(&hours.len()) || minutes.len() != 2 || !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes) = (hours.parse::<u16>().ok()?, minutes.parse::<u16>().ok()?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= MINUTES_OF_DAY).then_some(minute)
}

fn minute_of_day(zone: &Zone, at: Timestamp) -> u16 {
    let shown = zone.to_local(at);
    u16::from(shown.hour()) * 60 + u16::from(shown.minute())
}

/// The least gap between two sends on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub delay: Duration,
    /// SEND_JITTER_SECONDS: up to this much more, at random.
    pub jitter: Duration,
}

impl Gap {
    /// The longest that the gap can be.
    pub(crate) fn longest(self) -> Duration {
        self.delay + self.jitter
    }

    /// One gap; `chance` in 0..=1 says how much of the jitter it has.
    pub(crate) fn with_jitter(self, chance: f64) -> Duration {
        self.delay + self.jitter.mul_f64(chance.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests;
