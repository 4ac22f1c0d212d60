//! The channels of a forecast: when each may send next, as the sender would find it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::pace::Gap;
use crate::store::{Channel, SqlResult, Tx};

/// The channels that were asked for so far.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: HashMap<i64, Lane>,
}

/// One channel, moving through the time of the forecast.
#[derive(Clone, Debug)]
pub struct Lane {
    /// The channel; `None` when there is none with this id.
    pub channel: Option<Channel>,
    /// When it may send next.
    pub ready: Timestamp,
    /// Between two sends, on average.
    gap: Duration,
}

impl Lanes {
    /// The lane of a channel, as it stands in the forecast.
    pub(super) fn lane(
        &mut self,
        tx: &Tx<'_>,
        id: i64,
        gap: Gap,
        now: Timestamp,
    ) -> SqlResult<&mut Lane> {
        Ok(match self.lanes.entry(id) {
            Entry::Occupied(lane) => lane.into_mut(),
            Entry::Vacant(place) => place.insert(Lane::new(tx.channel(id)?, gap, now)),
        })
    }

    /// All lanes, by channel id.
    pub(super) fn into_sorted(self) -> Vec<(i64, Lane)> {
        let mut lanes: Vec<_> = self.lanes.into_iter().collect();
        lanes.sort_by_key(|(id, _)| *id);
        lanes
    }
}

impl Lane {
    /// The channel as its row says at `now`. A hold that lasts its time is waited for; what frees the
    /// others nobody knows, so they count as free, and the forecast says so.
    #[must_use]
    pub fn new(channel: Option<Channel>, gap: Gap, now: Timestamp) -> Self {
        let mut ready = now;
        if let Some(channel) = &channel {
            // As the board reads it: a column far ahead was written under another clock.
            let column = channel.ready_at.unwrap_or(now);
            ready = ready.max(column.min(now.plus(gap.longest())));
            let until = channel.held.as_ref().and_then(|held| held.until);
            if let Some(until) = until.filter(|_| !channel.may_be_tried(now)) {
                ready = ready.max(until);
            }
        }
        Self { channel, ready, gap: gap.with_jitter(0.5) }
    }

    /// Why nothing at all can go out here.
    #[must_use]
    pub fn blocked(&self) -> Option<String> {
        let Some(channel) = &self.channel else { return Some("there is no such channel".into()) };
        if !channel.is_active {
            return Some(format!("channel `{}` is not active", channel.name));
        }
        let no_session = || format!("channel `{}` has no session_name", channel.name);
        channel.session_name.is_none().then(no_session)
    }

    /// When the next send would begin, not before `from`.
    ///
    /// This is the one place that knows when a channel may send: windows of the day and the most for
    /// a day go here.
    #[must_use]
    pub fn next(&self, from: Timestamp) -> Timestamp {
        self.ready.max(from)
    }

    /// A send began at `at`: the next one waits a gap.
    pub fn took(&mut self, at: Timestamp) {
        self.ready = at.plus(self.gap);
    }
}
