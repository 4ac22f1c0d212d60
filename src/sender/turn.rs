//! Hours and daily limits: a channel that may not send now waits without a lane, and says until when.
//!
//! Such a wait is no hold, and no run waits for its end: whoever sends until it is stopped asks
//! [`Sender::opening`] and triggers a run of its own then.

use std::collections::HashMap;
use std::time::Duration;

use super::{Lane, Sender, lock};
use crate::channels::{self, Availability};
use crate::clock::Timestamp;
use crate::delivery::{Hold, HoldKind};
use crate::send_window::{Allowance, Closed, Day, DayCount};
use crate::store::{Channel, StoreError};

/// How long an opening is slept towards before the wall clock, which may be set, is looked at again.
const LOOK_AT_CLOCK: Duration = Duration::from_mins(1);

/// By channel: what it waits for.
pub(super) type Waits = HashMap<i64, (Timestamp, Closed)>;

impl Sender {
    /// How long until a channel that waits for its hours or for another day may send again: zero when
    /// it may now, and then only once; at most a minute, because the wall clock may be set meanwhile.
    /// `None` when none waits.
    pub(crate) fn opening(&self, now: Timestamp) -> Option<Duration> {
        let mut waits = lock(&self.waits);
        let first = waits.values().map(|(at, _)| *at).min()?;
        // An opening further away than this was reckoned under another clock.
        let longest = Duration::from_hours(72);
        if first <= now || first.since(now) > longest {
            waits.retain(|_, (at, _)| *at > now && at.since(now) <= longest);
            return Some(Duration::ZERO);
        }
        Some(first.since(now).min(LOOK_AT_CLOCK))
    }

    /// What a channel is allowed; or the hold for one whose row says what cannot be followed. It must
    /// not send by a guess: a wrong one sends at night.
    pub(super) fn allowance(&self, channel: &Channel) -> Result<Allowance, Hold> {
        self.config
            .allowance
            .of_channel(channel.send_window.as_deref(), channel.daily_limit)
            .map_err(|error| Hold::new(HoldKind::Misconfigured, error.to_string()))
    }

    /// Whether a channel may send at `at`. Its pace is the board's: the wall clock may have been set.
    pub(super) fn availability<'a>(
        &self,
        channel: &'a Channel,
        counted: DayCount,
        at: Timestamp,
    ) -> Availability<'a> {
        channels::availability(Some(channel), counted, &self.config, at, at)
    }

    /// Whether a channel is outside its hours or its day is full at `at`, whether or not it is held. It
    /// is noted, also in the log when that is news.
    pub(super) fn is_closed(&self, channel: &Channel, counted: DayCount, at: Timestamp) -> bool {
        let free = Channel { held: None, ..channel.clone() };
        let mut waits = lock(&self.waits);
        let Availability::ClosedUntil(until, closed) = self.availability(&free, counted, at) else {
            waits.remove(&channel.id);
            return false;
        };
        if waits.insert(channel.id, (until, closed)) != Some((until, closed)) {
            log::info!("channel {}: waits until {until}: {closed}", channel.id);
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
        let day = Day::of(&self.config.zone, at);
        let (channel, count) =
            lock(&self.store).read(|tx| Ok((tx.channel(id)?, tx.day_count(id, day)?)))?;
        let counted = DayCount { day, count };
        Ok(channel.is_some_and(|channel| self.is_closed(&channel, counted, at)))
    }
}
