//! The channels of a forecast: when each may send next, as the sender would find it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::config::Config;
use crate::pace::Gap;
use crate::schedule::Zone;
use crate::store::{Channel, SqlResult, Tx};
use crate::window::{Allowance, Day, DayCount, WindowError};

/// The channels that were asked for so far.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: HashMap<i64, Lane>,
}

/// One channel, moving through the time of the forecast.
#[derive(Clone, Debug)]
pub struct Lane {
    /// The channel; `None` when there is none with this id.
    pub(crate) channel: Option<Channel>,
    /// When it may send next.
    pub(crate) ready: Timestamp,
    /// Between two sends, on average.
    gap: Duration,
    /// Its hours and its limit, and what it had on one day; `Err` is why it may not send at all.
    allowance: Result<Allowance, WindowError>,
    counted: DayCount,
    zone: Zone,
    /// Why it could not send when the forecast began.
    pub(super) closed_at_first: Option<String>,
}

/// What every channel goes by, and what one of them had already.
#[derive(Clone, Debug)]
pub struct LaneRules {
    /// The gap between two sends.
    pub gap: Gap,
    /// The hours and the limit of channels that have none of their own.
    pub allowance: Allowance,
    /// The local time of hours and days.
    pub zone: Zone,
}

impl LaneRules {
    /// As the settings say.
    pub(crate) fn of(config: &Config) -> Self {
        Self { gap: config.gap, allowance: config.allowance, zone: config.zone.clone() }
    }
}

impl Lanes {
    /// The lane of a channel, as it stands in the forecast.
    pub(super) fn lane(
        &mut self,
        tx: &Tx<'_>,
        id: i64,
        rules: &LaneRules,
        now: Timestamp,
    ) -> SqlResult<&mut Lane> {
        Ok(match self.lanes.entry(id) {
            Entry::Occupied(lane) => lane.into_mut(),
            Entry::Vacant(place) => place.insert(Lane::new(tx, tx.channel(id)?, rules, now)?),
        })
    }

    /// The lane of a channel that was asked for before.
    pub(super) fn get(&self, id: i64) -> Option<&Lane> {
        self.lanes.get(&id)
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
    pub(crate) fn new(
        tx: &Tx<'_>,
        channel: Option<Channel>,
        rules: &LaneRules,
        now: Timestamp,
    ) -> SqlResult<Self> {
        let mut ready = now;
        let mut allowance = Ok(rules.allowance);
        let mut counted = DayCount { day: Day::of(&rules.zone, now), count: 0 };
        if let Some(channel) = &channel {
            // As the board reads it: a column far ahead was written under another clock.
            let column = channel.ready_at.unwrap_or(now);
            ready = ready.max(column.min(now.plus(rules.gap.longest())));
            let until = channel.held.as_ref().and_then(|held| held.until);
            if let Some(until) = until.filter(|_| !channel.may_be_tried(now)) {
                ready = ready.max(until);
            }
            let own = channel.send_window.as_deref();
            allowance = rules.allowance.of_channel(own, channel.daily_limit);
            counted.count = tx.day_count(channel.id, counted.day)?;
        }
        let gap = rules.gap.with_jitter(0.5);
        let zone = rules.zone.clone();
        let mut lane =
            Self { channel, ready, gap, allowance, counted, zone, closed_at_first: None };
        lane.closed_at_first = lane.closed(now);
        Ok(lane)
    }

    /// Why nothing at all can go out here.
    pub(crate) fn blocked(&self) -> Option<String> {
        let Some(channel) = &self.channel else { return Some("there is no such channel".into()) };
        if !channel.is_active {
            return Some(format!("channel `{}` is not active", channel.name));
        }
        if let Err(error) = &self.allowance {
            return Some(format!("channel `{}`: {error}", channel.name));
        }
        let no_session = || format!("channel `{}` has no session_name", channel.name);
        channel.session_name.is_none().then(no_session)
    }

    /// When the next send would begin, not before `from`: when the gap is over, within the channel's
    /// hours, and on a day that has not had enough.
    pub(crate) fn next(&self, from: Timestamp) -> Timestamp {
        let ready = self.ready.max(from);
        match &self.allowance {
            Ok(allowance) => allowance.next(&self.zone, ready, self.counted).at,
            Err(_) => ready, // nothing goes out here: see `blocked`
        }
    }

    /// Why [`Self::next`] is later than the gap alone would have it, in words.
    pub(crate) fn closed(&self, from: Timestamp) -> Option<String> {
        let allowance = self.allowance.as_ref().ok()?;
        let next = allowance.next(&self.zone, self.ready.max(from), self.counted);
        next.closed.map(|closed| closed.to_string())
    }

    /// A send began at `at`: the next one waits a gap.
    pub(crate) fn took(&mut self, at: Timestamp) {
        self.counted.note(&self.zone, at);
        self.ready = at.plus(self.gap);
    }
}
