//! WhatsApp warned of a number (WAHA's `messageCapping`): for a while it sends half as much on a day. Pure.

use super::Day;

/// So many days after the last sight of the warning it is over: WhatsApp looks at what a number did lately.
const DAYS: i64 = 7;
/// Half of a day on which it hardly sent anything would be nothing at all.
const LEAST: u32 = 10;

/// A number of which WhatsApp warned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warned {
    /// The day on which the warning was last seen.
    pub(crate) seen: Day,
    /// Its limit while it has no other one.
    pub(crate) without_limit: u32,
}

impl Warned {
    /// What a channel may send on a day that may send `limit` otherwise; the same when the warning is over.
    pub(super) fn limit_on(self, day: Day, limit: Option<u32>) -> Option<u32> {
        if !self.lasts_on(day) {
            return limit;
        }
        Some(limit.map_or(self.without_limit, |limit| (limit / 2).max(1)))
    }

    pub(crate) fn lasts_on(self, day: Day) -> bool {
        (0..DAYS).contains(&self.seen.days_until(day))
    }

    /// The first day on which it counts no more.
    pub(crate) fn ends(self) -> Day {
        self.seen.minus(-DAYS)
    }

    /// The limit of a channel without one, whose busiest day of the last seven had `busiest` sends.
    pub(crate) fn half_of(busiest: u32) -> u32 {
        (busiest / 2).max(LEAST)
    }
}
