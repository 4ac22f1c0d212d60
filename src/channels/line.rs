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
use crate::store::{Channel, Held, SqlResult, Standing, Tx};

/// One send of a channel, as the forecast finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) at: Timestamp,
    /// How many the channel has on that day with this one, and how many it had on the day before.
    pub(crate) of_day: u32,
    pub(crate) day_before: u32,
}

/// One channel, moving through the time to come.
#[derive(Clone, Debug)]
pub struct Line {
    /// The channel as if it were free; `None` when there is none with this id.
    pub(crate) channel: Option<Channel>,
    pub(crate) held: Option<Held>,
    hold_ends: Option<HoldEnds>,
    /// When its gap is over.
    pub(crate) ready: Timestamp,
    counted: DayCount,
    /// What it sent on the day before.
    day_before: u32,
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
        let none = DayCount { day: Day::of(&config.zone, now), count: 0 };
        let (mut ready, mut counted, mut day_before) = (now, none, 0);
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
            day_before = tx.day_count(channel.id, counted.day.minus(1))?;
        }
        let held = channel.as_mut().and_then(|channel| channel.held.take());
        let warning = channel.as_ref().and_then(|one| WarningView::of(one, &config.zone, now));
        let closed_at_first = None;
        let mut line =
            Self { channel, held, hold_ends, ready, counted, day_before, closed_at_first, warning };
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
    pub(crate) fn took(&mut self, config: &Config, at: Timestamp) -> Sent {
        let last = self.counted;
        self.counted.note(&config.zone, at);
        let day = self.counted.day;
        if day != last.day {
            self.day_before = if last.day == day.minus(1) { last.count } else { 0 };
        }
        self.asked(config, at);
        Sent { at, of_day: self.counted.count, day_before: self.day_before }
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

    /// How long its channel leaves between two messages of this kind to a chat.
    pub(crate) fn recipient_gap(&self, own_gap: Option<i64>, config: &Config) -> Option<Duration> {
        let channel = self.channel.as_ref().and_then(|channel| channel.recipient_gap_hours);
        config.recipient_gap(own_gap, channel)
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

/// Somebody who is to get something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comer {
    pub(crate) due_at: Timestamp,
    /// It is not sent before this.
    pub(crate) from: Timestamp,
    /// Whether it stands beside the line until then, because its chat got something lately.
    pub(crate) waits: bool,
    /// The message's own RECIPIENT_GAP_HOURS.
    pub(crate) own_gap: Option<i64>,
    /// When its chat last got something, as far as that matters.
    pub(crate) reached: Option<Timestamp>,
    /// Whether anything may be sent to its number, and whether that takes a check first, with a turn of its own.
    pub(crate) standing: Standing,
}

impl Comer {
    const fn is_checked(&self) -> bool {
        matches!(self.standing, Standing::Unknown)
    }

    /// When the gap of its chat is over on a channel, if it has one there.
    fn free_at(&self, line: &Line, config: &Config) -> Option<Timestamp> {
        Some(self.reached?.plus(line.recipient_gap(self.own_gap, config)?))
    }
}

/// The lines before several channels, by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines {
    pub(crate) turns: BTreeMap<i64, Line>,
    /// Beside them those who wait for the end of a gap: all others go before them, and no two of them at once.
    waiting: BTreeMap<i64, Line>,
}

impl Lines {
    /// The line before a channel; as its row says at `now` when it was not asked for before.
    pub(crate) fn line(
        &mut self,
        tx: &Tx<'_>,
        id: i64,
        config: &Config,
        now: Timestamp,
    ) -> SqlResult<&mut Line> {
        Ok(match self.turns.entry(id) {
            Entry::Occupied(line) => line.into_mut(),
            Entry::Vacant(free) => free.insert(Line::new(tx, tx.channel(id)?, config, now)?),
        })
    }

    /// Of these channels as they are, while nobody waits beside them.
    pub(crate) fn only(&self, ids: &[i64]) -> Self {
        let mut turns = BTreeMap::new();
        turns.extend(ids.iter().filter_map(|id| Some((*id, self.turns.get(id)?.clone()))));
        Self { turns, waiting: BTreeMap::new() }
    }

    /// When the chat of somebody for `ids` last got something, if that may be too lately on one of them.
    pub(crate) fn reached(
        &self,
        tx: &Tx<'_>,
        (ids, chat_id): (&[i64], &str),
        own_gap: Option<i64>,
        config: &Config,
        now: Timestamp,
    ) -> SqlResult<Option<Timestamp>> {
        let lines = ids.iter().filter_map(|id| self.turns.get(id));
        let longest = lines.filter_map(|line| line.recipient_gap(own_gap, config)).max();
        let Some(gap) = longest else { return Ok(None) };
        Ok(tx.reached(chat_id, gap, now)?.map(|reached| reached.at))
    }

    /// When somebody is sent to by a channel, and whether it is overtaken until then: it waits when the gap of its
    /// chat is not over as its turn comes.
    pub(crate) fn place(
        &self,
        id: i64,
        who: &Comer,
        config: &Config,
    ) -> Result<(Timestamp, bool), Option<String>> {
        let line = self.turns.get(&id).ok_or(None)?;
        let turn = line.next(config, who.from)?;
        let free_at = who.free_at(line, config).filter(|at| at.secs() > turn.secs());
        let Some(free_at) = free_at.or(who.waits.then_some(who.from)) else {
            if !who.is_checked() {
                return Ok((turn, false));
            }
            let mut after = line.clone();
            after.asked(config, turn);
            return Ok((after.next(config, turn)?, false));
        };
        let at = line.next(config, free_at)?;
        let waiting = self.waiting.get(&id).map(|waiting| waiting.next(config, free_at));
        Ok((at.max(waiting.transpose()?.unwrap_or(at)), true))
    }

    /// Lets somebody stand before a channel, and its number be checked first when it is to be. `Err` when nothing is
    /// sent at all: it would be too late, its number is not on WhatsApp, or for the reason.
    pub(crate) fn stand(
        &mut self,
        id: i64,
        who: &Comer,
        config: &Config,
    ) -> Result<Sent, Option<String>> {
        let (at, waits) = self.place(id, who, config)?;
        if who.standing == Standing::NotThere || is_too_late(who.due_at, at, config.late_limit) {
            return Err(None);
        }
        let line = self.turns.get_mut(&id).ok_or(None)?;
        if who.is_checked() && !waits {
            line.asked(config, line.next(config, who.from)?);
        }
        let line =
            if waits { self.waiting.entry(id).or_insert_with(|| line.clone()) } else { line };
        Ok(line.took(config, at))
    }

    /// Which of the channels `ids`, whose lines are here, sends to somebody: the one of
    /// the last conversation, `spoke`, if it comes in time; else the one that is free first, and of two
    /// that are so at once the one that is named first. Free is a channel when its own limits let it send and
    /// the gap of the chat is over there. One that is held gets nobody new while there is
    /// another, and nobody at all while only a person frees it.
    pub(crate) fn choose(
        &self,
        ids: &[i64],
        spoke: Option<i64>,
        who: &Comer,
        config: &Config,
    ) -> Option<i64> {
        if let [one] = ids {
            return Some(*one);
        }
        let line = |id: i64| self.turns.get(&id);
        if let Some(id) = spoke.filter(|id| ids.contains(id))
            && line(id).is_some_and(Line::frees_itself)
            && let Ok((at, _)) = self.place(id, who, config)
            && !is_too_late(who.due_at, at, config.late_limit)
        {
            return Some(id);
        }
        let first = |fits: &dyn Fn(&Line) -> bool| {
            let found = ids.iter().enumerate().filter_map(|(place, id)| {
                line(*id).filter(|line| fits(line))?;
                let (at, _) = self.place(*id, who, config).ok()?;
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
