//! The line before one channel: when it may send next, as the sender would find it. The forecast walks
//! it, and so does the planner for a message with several channels: each recipient gets the channel
//! that is free first.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use super::WarningView;
use super::availability::{self as rules, Availability, HoldEnds, Off};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::send_window::{Day, DayCount};
use crate::store::{Channel, Held, SqlResult, Tx};

/// One channel, moving through the time to come.
#[derive(Clone, Debug)]
pub struct Line {
    /// The channel as if it were free; `None` when there is none with this id.
    pub(crate) channel: Option<Channel>,
    /// Why it is held.
    pub(crate) held: Option<Held>,
    /// What ends that.
    hold_ends: Option<HoldEnds>,
    /// When its gap is over.
    pub(crate) ready: Timestamp,
    counted: DayCount,
    /// Why it could not send when it was first looked at.
    pub(crate) closed_at_first: Option<String>,
    /// WhatsApp's warning of its number, while it lasted then.
    pub(crate) warning: Option<WarningView>,
}

impl Line {
    /// The channel as its row says at `now`. A hold that lasts its time is waited for; what frees the
    /// others nobody knows, so they count as free, and the forecast says so.
    pub(crate) fn new(
        tx: &Tx<'_>,
        mut channel: Option<Channel>,
        config: &Config,
        now: Timestamp,
    ) -> SqlResult<Self> {
        let (mut ready, mut counted) =
            (now, DayCount { day: Day::of(&config.zone, now), count: 0 });
        let mut hold_ends = None;
        if let Some(channel) = &channel {
            let found = rules::look(tx, channel, config, now)?;
            ready = rules::ready_at(channel, config, now);
            if let Availability::Held(_, ends) = found.0 {
                hold_ends = Some(ends);
                if let HoldEnds::At(until) = ends {
                    ready = ready.max(until);
                }
            }
            counted = found.1;
        }
        let held = channel.as_mut().and_then(|channel| channel.held.take());
        let warning = channel.as_ref().and_then(|one| WarningView::of(one, &config.zone, now));
        let closed_at_first = None;
        let mut line = Self { channel, held, hold_ends, ready, counted, closed_at_first, warning };
        if let Availability::ClosedUntil(_, closed) = line.availability(config, now) {
            line.closed_at_first = Some(closed.to_string());
        }
        Ok(line)
    }

    /// Whether the next send may begin at `at`.
    pub(crate) fn availability(&self, config: &Config, at: Timestamp) -> Availability<'_> {
        rules::availability(self.channel.as_ref(), self.counted, config, self.ready, at)
    }

    /// When the next send begins, not before `from`; or why nothing goes out here at all.
    pub(crate) fn next(&self, config: &Config, from: Timestamp) -> Result<Timestamp, String> {
        let availability = self.availability(config, from);
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

    /// A send began at `at`: the next one waits a gap or a rest, with the mean of what is at random.
    pub(crate) fn took(&mut self, config: &Config, at: Timestamp) {
        self.counted.note(&config.zone, at);
        self.asked(config, at);
    }

    /// The same of a question to WhatsApp, whether a number is there: no day counts it.
    pub(crate) fn asked(&mut self, config: &Config, at: Timestamp) {
        let zone = &config.zone;
        let mut rests = false;
        if let Some(channel) = &mut self.channel {
            let warmup = channel.allowance(config.allowance, zone).ok();
            if let Some(warmup) = warmup.and_then(|allowance| allowance.warmup) {
                channel.warmup_from = Some(warmup.first_day_as_of(Day::of(zone, at)).to_string());
            }
            (channel.sends_since_rest, rests) = config.rest_after(channel.sends_since_rest);
        }
        self.ready = at.plus(config.gap_after(rests, 0.5));
        if let Some(channel) = &mut self.channel {
            channel.ready_at = Some(self.ready);
        }
    }

    /// Stands one delivery in the line that is not sent before `from`. `Err` when it is not sent at all:
    /// it would be too late, or for the reason.
    pub(crate) fn stand(
        &mut self,
        config: &Config,
        due_at: Timestamp,
        from: Timestamp,
    ) -> Result<Timestamp, Option<String>> {
        let at = self.next(config, from).map_err(Some)?;
        if is_too_late(due_at, at, config.late_limit) {
            return Err(None);
        }
        self.took(config, at);
        Ok(at)
    }

    /// Whether nothing holds it, or for a time that is known.
    const fn is_open(&self) -> bool {
        matches!(self.hold_ends, None | Some(HoldEnds::At(_)))
    }

    /// Whether no person has to free it.
    const fn frees_itself(&self) -> bool {
        !matches!(self.hold_ends, Some(HoldEnds::ByPerson))
    }
}

/// The sender's own question, in whole seconds as the table has them.
pub(crate) fn is_too_late(due_at: Timestamp, at: Timestamp, late_limit: Duration) -> bool {
    due_at.secs() < at.minus(late_limit).secs()
}

/// The lines before several channels, by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(pub(crate) BTreeMap<i64, Line>);

impl Lines {
    /// The line before a channel; as its row says at `now` when it was not asked for before.
    pub(crate) fn line(
        &mut self,
        tx: &Tx<'_>,
        id: i64,
        config: &Config,
        now: Timestamp,
    ) -> SqlResult<&mut Line> {
        Ok(match self.0.entry(id) {
            Entry::Occupied(line) => line.into_mut(),
            Entry::Vacant(free) => free.insert(Line::new(tx, tx.channel(id)?, config, now)?),
        })
    }

    /// Which of the channels `ids`, whose lines are here, sends to somebody not before `from`: the one of
    /// the last conversation, `spoke`, if it comes in time; else the one that is free first, and of two
    /// that are so at once the one that is named first. One that is held gets nobody new while there is
    /// another, and nobody at all while only a person frees it.
    pub(crate) fn choose(
        &self,
        ids: &[i64],
        spoke: Option<i64>,
        (due_at, from): (Timestamp, Timestamp),
        config: &Config,
    ) -> Option<i64> {
        if let [one] = ids {
            return Some(*one);
        }
        let line = |id: i64| self.0.get(&id);
        if let Some(id) = spoke.filter(|id| ids.contains(id))
            && let Some(own) = line(id).filter(|line| line.frees_itself())
            && let Ok(at) = own.next(config, from)
            && !is_too_late(due_at, at, config.late_limit)
        {
            return Some(id);
        }
        let first = |fits: &dyn Fn(&Line) -> bool| {
            let found = ids.iter().enumerate().filter_map(|(place, id)| {
                let at = line(*id).filter(|line| fits(line))?.next(config, from).ok()?;
                Some((at, place, *id))
            });
            found.min().map(|(.., id)| id)
        };
        first(&Line::is_open)
            .or_else(|| first(&Line::frees_itself))
            .or_else(|| first(&|_| true))
            .or_else(|| ids.first().copied())
    }
}
