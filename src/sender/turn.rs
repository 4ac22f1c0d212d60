//! Hours and daily limits: a channel that may not send now waits without a lane, and says until when.
//!
//! Such a wait is no hold, and no run waits for its end: whoever sends until it is stopped asks
//! [`Sender::opening`] and triggers a run of its own then.

use std::collections::HashMap;
use std::time::Duration;

use super::{Lane, Sender, lock};
use crate::clock::Timestamp;
use crate::delivery::{Hold, HoldKind};
use crate::store::{Channel, StoreError};
use crate::window::{Allowance, Day, DayCount, Next};

/// How long an opening is slept towards before the wall clock, which may be set, is looked at again.
const LOOK_AT_CLOCK: Duration = Duration::from_mins(1);

/// By channel: what it waits for.
pub(super) type Waits = HashMap<i64, Next>;

impl Sender {
    /// How long until a channel that waits for its hours or for another day may send again: zero when
    /// it may now, and then only once; at most a minute, because the wall clock may be set meanwhile.
    /// `None` when none waits.
    pub(crate) fn opening(&self, now: Timestamp) -> Option<Duration> {
        let mut waits = lock(&self.waits);
        let first = waits.values().map(|next| next.at).min()?;
        // An opening further away than this was reckoned under another clock.
        let longest = Duration::from_hours(72);
        if first <= now || first.since(now) > longest {
            waits.retain(|_, next| next.at > now && next.at.since(now) <= longest);
            return Some(Duration::ZERO);
        }
        Some(first.since(now).min(LOOK_AT_CLOCK))
    }

    /// What a channel is allowed; or the hold for one whose row says what cannot be followed. It must
    /// not send by a guess: a wrong one sends at night.
    pub(super) fn allowance(&self, channel: &Channel) -> Result<Allowance, Hold> {
        self.rules
            .allowance
            .of_channel(channel.send_window.as_deref(), channel.daily_limit)
            .map_err(|error| Hold::new(HoldKind::Misconfigured, error.to_string()))
    }

    /// Whether a channel may send at `at`; if not, it is noted, also in the log when that is news.
    pub(super) fn is_closed(
        &self,
        channel: i64,
        allowance: &Allowance,
        counted: DayCount,
        at: Timestamp,
    ) -> bool {
        let next = allowance.next(&self.rules.zone, at, counted);
        let mut waits = lock(&self.waits);
        let Some(closed) = next.closed else {
            waits.remove(&channel);
            return false;
        };
        if waits.insert(channel, next) != Some(next) {
            log::info!("channel {channel}: waits until {}: {closed}", next.at);
        }
        true
    }

    /// After a send: the lane's next turn, `ready` on the monotonic clock and `ready_at` on the wall.
    /// A run need not wait for a gap only to find that the day is full.
    pub(super) fn next_turn(&self, channel: i64, ready_at: Timestamp, ready: Duration) -> Lane {
        match self.is_closed_at(channel, ready_at) {
            Ok(true) => Lane::Closed,
            // A row that cannot be read now is looked at in its turn.
            Ok(false) | Err(_) => Lane::Ready(ready),
        }
    }

    fn is_closed_at(&self, id: i64, at: Timestamp) -> Result<bool, StoreError> {
        let day = Day::of(&self.rules.zone, at);
        let (channel, count) =
            lock(&self.store).read(|tx| Ok((tx.channel(id)?, tx.day_count(id, day)?)))?;
        let allowance = channel.and_then(|channel| self.allowance(&channel).ok());
        Ok(allowance
            .is_some_and(|allowance| self.is_closed(id, &allowance, DayCount { day, count }, at)))
    }
}
