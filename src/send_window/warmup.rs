//! A new number begins slowly: its daily limit grows day by day. Pure.

use super::{DAILY_LIMIT_MAX, Day};

/// Without a daily limit a warm-up ends after so many days.
const DAYS: i64 = 30;
/// So many days after its last send, a week without one is between them.
const PAUSE_DAYS: i64 = 8;
/// After such a pause a number goes on where it was so many days before its last send.
const STEP_BACK_DAYS: i64 = 7;

/// WARMUP_START and WARMUP_GROWTH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WarmupRule {
    /// The sends of the first day, 1 or more.
    pub start: u32,
    /// How many percent of a day's limit the next day has, 100 or more.
    pub growth_percent: u32,
}

/// A channel that is warming up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warmup {
    pub(crate) rule: WarmupRule,
    /// Its first day.
    pub(crate) from: Day,
    /// The day of its last send.
    pub(crate) last: Option<Day>,
}

impl Default for WarmupRule {
    fn default() -> Self {
        Self { start: 20, growth_percent: 130 }
    }
}

impl Warmup {
    /// What the channel may send on `day`, when it may send `most` once it is warm; `None` for any number.
    pub(crate) fn limit_on(self, day: Day, most: Option<u32>) -> Option<u32> {
        let days = self.days_before(day);
        if most.is_none() && days >= DAYS {
            return None;
        }
        let growth = f64::from(self.rule.growth_percent) / 100.0;
        let grown = growth.powi(i32::try_from(days).unwrap_or(i32::MAX));
        let limit = (f64::from(self.rule.start) * grown).min(f64::from(DAILY_LIMIT_MAX));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to a million"
        )]
        let limit = limit as u32;
        Some(most.map_or(limit, |most| most.min(limit)))
    }

    /// Its first day as it counts on `day`: a later one when a pause came in between. Never an earlier
    /// one: a clock that was set to the past for a while must not make a number old.
    pub(crate) fn first_day_as_of(self, day: Day) -> Day {
        day.minus(self.days_before(day)).max(self.from)
    }

    /// How many days it has warmed up before `day`.
    pub(crate) fn days_before(self, day: Day) -> i64 {
        let days = self.from.days_until(day);
        let last =
            self.last.filter(|last| last.days_until(day) >= PAUSE_DAYS && *last >= self.from);
        last.map_or(days, |last| self.from.days_until(last) - STEP_BACK_DAYS).max(0)
    }
}
