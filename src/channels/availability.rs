//! May a channel send, and when: the one answer for the sender, the planner, the forecast, alarms and
//! whatever shows a channel to people. Pure.

use crate::clock::Timestamp;
use crate::config::Config;
use crate::delivery::Hold;
use crate::send_window::{Closed, Day, DayCount, WindowError};
use crate::store::{Channel, Held, SqlResult, Tx};

/// Whether a channel may begin a send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability<'a> {
    Ready,
    /// The gap after its last send is over then.
    PacedUntil(Timestamp),
    /// It is outside its hours, or its day is full.
    ClosedUntil(Timestamp, Closed),
    Held(&'a Held, HoldEnds),
    /// Its row has hours or a limit that cannot be followed: a guess could send at night.
    Unreadable(WindowError),
    Off(Off),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldEnds {
    /// A look at the session that finds it WORKING.
    ByLook,
    /// Its time; then a look.
    At(Timestamp),
    ByPerson,
}

/// Why messages for a channel fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Off {
    Missing,
    /// `is_active` is 0.
    Inactive,
    /// `session_name` is NULL or blank.
    NoSession,
}

/// Whether `channel` may begin a send at `now`, with its gap over at `ready` and `counted` on that day.
pub fn availability<'a>(
    channel: Option<&'a Channel>,
    counted: DayCount,
    config: &Config,
    ready: Timestamp,
    now: Timestamp,
) -> Availability<'a> {
    let channel = match usable(channel) {
        Ok(channel) => channel,
        Err(off) => return Availability::Off(off),
    };
    if let Some(held) = &channel.held {
        return Availability::Held(held, hold_ends(held, now));
    }
    let allowance = match channel.allowance(config.allowance, &config.zone) {
        Ok(allowance) => allowance,
        Err(error) => return Availability::Unreadable(error),
    };
    let next = allowance.next(&config.zone, ready.max(now), counted);
    match next.closed {
        Some(closed) => Availability::ClosedUntil(next.at, closed),
        None if next.at > now => Availability::PacedUntil(next.at),
        None => Availability::Ready,
    }
}

/// Whether a channel waits because of REST_AFTER: its last send was the one that begins the count anew.
pub(crate) fn rests(channel: &Channel, config: &Config, now: Timestamp) -> bool {
    let is_counted_anew = config.rest.is_some() && channel.sends_since_rest == 0;
    is_counted_anew && channel.ready_at.is_some_and(|at| at > now)
}

/// The channel, unless messages for it fail.
pub(crate) fn usable(channel: Option<&Channel>) -> Result<&Channel, Off> {
    let channel = channel.ok_or(Off::Missing)?;
    if !channel.is_active {
        return Err(Off::Inactive);
    }
    if channel.session_name.is_none() { Err(Off::NoSession) } else { Ok(channel) }
}

/// A rate limit or a restriction lasts its time first, but at most [`Hold::LONGEST`]: a clock that was
/// set back must not hold a channel for ever.
pub(crate) fn hold_ends(held: &Held, now: Timestamp) -> HoldEnds {
    match (held.kind, held.until) {
        (None, _) => HoldEnds::ByPerson,
        (Some(kind), _) if kind.is_freed_by_a_person() => HoldEnds::ByPerson,
        (Some(kind), Some(until))
            if kind.lasts_its_time() && until > now && until.since(now) <= Hold::LONGEST =>
        {
            HoldEnds::At(until)
        }
        (Some(_), _) => HoldEnds::ByLook,
    }
}

impl Availability<'_> {
    /// When a send may begin, asked at `now`; `None` when nobody knows.
    pub(crate) fn begins_at(&self, now: Timestamp) -> Option<Timestamp> {
        match *self {
            Self::Ready => Some(now),
            Self::PacedUntil(at) | Self::ClosedUntil(at, _) => Some(at),
            Self::Held(..) | Self::Unreadable(_) | Self::Off(_) => None,
        }
    }

    /// Whether nothing goes out, whatever a look at its session and its hours would say.
    pub(crate) fn is_shut(&self) -> bool {
        match self {
            Self::Off(_) | Self::Held(_, HoldEnds::At(_) | HoldEnds::ByPerson) => true,
            Self::Held(_, HoldEnds::ByLook)
            | Self::Unreadable(_)
            | Self::ClosedUntil(..)
            | Self::PacedUntil(_)
            | Self::Ready => false,
        }
    }
}

/// Whether a channel may begin a send at `now`, as its rows say; and what it sent today.
pub(crate) fn look<'a>(
    tx: &Tx<'_>,
    channel: &'a Channel,
    config: &Config,
    now: Timestamp,
) -> SqlResult<(Availability<'a>, DayCount)> {
    let day = Day::of(&config.zone, now);
    let counted = DayCount { day, count: tx.day_count(channel.id, day)? };
    let ready = ready_at(channel, config, now);
    Ok((availability(Some(channel), counted, config, ready, now), counted))
}

/// When the gap after the last send of a channel is over. A column further ahead than the longest gap
/// was written under another clock, and counts as one gap from now, as it does for the sender.
pub(crate) fn ready_at(channel: &Channel, config: &Config, now: Timestamp) -> Timestamp {
    channel.ready_at.map_or(now, |ready| ready.min(now.plus(config.longest_gap())).max(now))
}
