//! The channels of a forecast: when each may send next, as the sender would find it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::channels::{self, Availability, HoldEnds, Off};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::store::{Channel, Held, SqlResult, Tx};
use crate::window::{Day, DayCount};

/// The channels that were asked for so far.
#[derive(Debug, Default)]
pub(super) struct Lanes<'a> {
    lanes: HashMap<i64, Lane<'a>>,
}

/// One channel, moving through the time of the forecast.
#[derive(Clone, Debug)]
pub struct Lane<'a> {
    /// The channel as if it were free; `None` when there is none with this id.
    pub(crate) channel: Option<Channel>,
    /// Why it is held.
    pub(super) held: Option<Held>,
    /// When its gap is over.
    pub(super) ready: Timestamp,
    counted: DayCount,
    config: &'a Config,
    /// Why it could not send when the forecast began.
    pub(crate) closed_at_first: Option<String>,
}

impl<'a> Lanes<'a> {
    /// The lane of a channel, as it stands in the forecast.
    pub(super) fn lane(
        &mut self,
        tx: &Tx<'_>,
        id: i64,
        config: &'a Config,
        now: Timestamp,
    ) -> SqlResult<&mut Lane<'a>> {
        Ok(match self.lanes.entry(id) {
            Entry::Occupied(lane) => lane.into_mut(),
            Entry::Vacant(place) => place.insert(Lane::new(tx, tx.channel(id)?, config, now)?),
        })
    }

    /// The lane of a channel that was asked for before.
    pub(super) fn get(&self, id: i64) -> Option<&Lane<'a>> {
        self.lanes.get(&id)
    }

    /// All lanes, by channel id.
    pub(super) fn into_sorted(self) -> Vec<(i64, Lane<'a>)> {
        let mut lanes: Vec<_> = self.lanes.into_iter().collect();
        lanes.sort_by_key(|(id, _)| *id);
        lanes
    }
}

impl<'a> Lane<'a> {
    /// The channel as its row says at `now`. A hold that lasts its time is waited for; what frees the
    /// others nobody knows, so they count as free, and the forecast says so.
    pub(crate) fn new(
        tx: &Tx<'_>,
        mut channel: Option<Channel>,
        config: &'a Config,
        now: Timestamp,
    ) -> SqlResult<Self> {
        let (mut ready, mut counted) =
            (now, DayCount { day: Day::of(&config.zone, now), count: 0 });
        if let Some(channel) = &channel {
            let found = channels::look(tx, channel, config, now)?;
            ready = channels::ready_at(channel, config.gap, now);
            if let Availability::Held(_, HoldEnds::At(until)) = found.0 {
                ready = ready.max(until);
            }
            counted = found.1;
        }
        let held = channel.as_mut().and_then(|channel| channel.held.take());
        let mut lane = Self { channel, held, ready, counted, config, closed_at_first: None };
        if let Availability::ClosedUntil(_, closed) = lane.availability(now) {
            lane.closed_at_first = Some(closed.to_string());
        }
        Ok(lane)
    }

    /// Whether the next send may begin at `at`.
    pub(crate) fn availability(&self, at: Timestamp) -> Availability<'_> {
        channels::availability(self.channel.as_ref(), self.counted, self.config, self.ready, at)
    }

    /// When the next send begins, not before `from`; or why nothing goes out here at all.
    pub(crate) fn next(&self, from: Timestamp) -> Result<Timestamp, String> {
        let availability = self.availability(from);
        let name = self.channel.as_ref().map(|channel| channel.name.as_str()).unwrap_or_default();
        match availability {
            Availability::Ready => Ok(from),
            Availability::PacedUntil(at) | Availability::ClosedUntil(at, _) => Ok(at),
            Availability::Held(held, _) => {
                Err(format!("channel `{name}` is held: {}", held.reason))
            }
            Availability::Unreadable(error) => Err(format!("channel `{name}`: {error}")),
            Availability::Off(Off::Missing) => Err("there is no such channel".to_owned()),
            Availability::Off(Off::Inactive) => Err(format!("channel `{name}` is not active")),
            Availability::Off(Off::NoSession) => {
                Err(format!("channel `{name}` has no session_name"))
            }
        }
    }

    /// A send began at `at`: the next one waits a gap, with the mean of the jitter.
    pub(crate) fn took(&mut self, at: Timestamp) {
        self.counted.note(&self.config.zone, at);
        self.ready = at.plus(self.config.gap.with_jitter(0.5));
    }
}
