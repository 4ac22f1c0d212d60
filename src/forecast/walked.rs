//! Where a walk through all that waits came to its end, kept for the next new message of a program that makes many: that
//! one goes on from there. Without it a thousand messages would look at each other half a million times.

use std::collections::HashMap;
use std::time::Duration;

use super::{Ahead, MessageForecast, Scope, UNBOUNDED, queued};
use crate::channels::Lines;
use crate::clock::{Clock, Now, Timestamp};
use crate::config::Config;
use crate::files::Files;
use crate::messages::Warned;
use crate::store::{DataVersion, Message, Queued, SqlResult, Store, StoreError, Tx};

/// A walk through so many recipients is made whenever it is asked for.
pub(crate) const SMALL_WALK_MAX: u64 = 1_000;
/// What a walk found is good for a millisecond for each recipient, and for this long at most.
const GOOD_FOR_MAX: Duration = Duration::from_secs(10);
/// An end that knows more conversations is not kept: it would take megabytes.
const SPOKEN_MAX: usize = 10_000;

/// What becomes of a new message.
#[derive(Debug)]
pub(crate) enum Foreseen {
    /// It has no time yet.
    Untimed,
    Counted(Box<MessageForecast>),
    /// Very many go out before it, and were counted for another message just now.
    NotCounted,
}

/// What is kept of the last walks for new messages.
#[derive(Default)]
pub(crate) struct Walked {
    end: Option<End>,
    /// From when on the next walk through many may begin, on the monotonic clock.
    next_large_from: Duration,
    /// Whether the last of them was thought to be small: rows that others wrote do not say to how many they go.
    was_large_unexpected: bool,
}

/// The lines of the channels after all that was due until then, of the messages up to the newest one.
struct End {
    until: Timestamp,
    newest: i64,
    lines: Lines,
    spoken: Option<HashMap<String, Vec<(Timestamp, i64)>>>,
    /// When the walk began, and through how many recipients it went since then.
    began: Now,
    count: u64,
    version: DataVersion,
}

/// How many recipients wait to go out until then; when that is no small walk, some number above it.
pub(crate) fn recipients_before(tx: &Tx<'_>, until: Timestamp) -> SqlResult<u64> {
    tx.recipients_until(until, None, SMALL_WALK_MAX + 1)
}

/// What becomes of a message that is about to be stored. `walked` is of the same store and settings.
pub(crate) fn of_new(
    store: &mut Store,
    message: &Message,
    config: &Config,
    (clock, now): (&dyn Clock, Timestamp),
    walked: &mut Walked,
) -> Result<Foreseen, StoreError> {
    if message.scheduled_at.is_none() {
        return Ok(Foreseen::Untimed);
    }
    let (message, files) = (super::as_last(message), Files::beside(store.path()));
    let mut found = None;
    let mut see = super::keep_message(&mut found);
    store.read(|tx| {
        Ahead::new(tx, (config, files), now, Some(&message), &mut see)?
            .go_on(&message, walked, clock)
    })?;
    drop(see);
    Ok(found.map_or(Foreseen::NotCounted, |found| Foreseen::Counted(Box::new(found))))
}

impl Foreseen {
    /// About when its last recipient gets it.
    pub(crate) fn ends_at(&self) -> Option<Timestamp> {
        match self {
            Self::Counted(forecast) => forecast.tally.ends_at,
            Self::Untimed | Self::NotCounted => None,
        }
    }

    pub(crate) fn warned(&self) -> Vec<Warned> {
        match self {
            Self::Untimed => Vec::new(),
            Self::Counted(forecast) => forecast.warned(),
            Self::NotCounted => {
                let words = "very many go out before it, and they are not counted for each of many new messages: its \
                             page in the panel and `plan` say when it ends, and what speaks against it";
                vec![Warned::new("end_not_counted", words.to_owned())]
            }
        }
    }
}

impl Walked {
    /// Something else than a new message changed what waits.
    pub(crate) fn forget(&mut self) {
        self.end = None;
    }

    /// Somebody to whom something may wait was changed: as when others do that, an end after many stays good.
    pub(crate) fn forget_small(&mut self) {
        self.end.take_if(|end| end.count <= SMALL_WALK_MAX);
    }

    /// Whether a walk may begin that is expected to go through so many, or more when some were not counted.
    fn may_begin(&self, (expected, is_sure): (u64, bool), now: Duration) -> bool {
        let is_small = expected <= SMALL_WALK_MAX && (is_sure || !self.was_large_unexpected);
        is_small || self.next_large_from <= now
    }

    /// A walk through so many `began` then, and took so long.
    fn note(&mut self, count: u64, began: Duration, took: Duration) {
        if count > SMALL_WALK_MAX {
            // Never more than half of the time is spent with walks.
            let from = began + good_for(count).max(took * 2);
            self.next_large_from = self.next_large_from.max(from);
        }
    }
}

fn good_for(count: u64) -> Duration {
    Duration::from_millis(count).min(GOOD_FOR_MAX)
}

fn has_several(queue: &[Queued]) -> bool {
    queue.iter().any(|one| one.channel_ids.is_some())
}

/// To how many people they go, and whether all of these were counted.
fn recipients(queue: &[Queued]) -> (u64, bool) {
    let count = queue.iter().map(|one| one.recipients.max(1)).fold(0, u64::saturating_add);
    (count, queue.iter().all(|one| one.recipients > 0))
}

impl End {
    fn is_good(&self, version: DataVersion, now: Now) -> bool {
        let (good_for, began) = (good_for(self.count), self.began);
        now.wall.since(began.wall).max(began.wall.since(now.wall)) < good_for
            && now.monotonic.saturating_sub(began.monotonic) < good_for
            && (self.count > SMALL_WALK_MAX || self.version == version)
    }

    /// Whether all of these come after it, none of them for the second time, and what they ask of it is known.
    fn knows(&self, queue: &[Queued], version: DataVersion) -> bool {
        let is_next = |one: &Queued| {
            one.due_at >= self.until && (self.version == version || one.id > self.newest)
        };
        (self.spoken.is_some() || !has_several(queue)) && queue.iter().all(is_next)
    }
}

impl Ahead<'_> {
    /// Tells what becomes of `message`, which is not stored; nothing when that is not to be counted.
    fn go_on(
        &mut self,
        message: &Message,
        walked: &mut Walked,
        clock: &dyn Clock,
    ) -> SqlResult<()> {
        let began = Now { wall: self.now, ..clock.now() };
        let due_at = self.due_at(message)?.unwrap_or(self.now);
        let is_plain = self.is_plain(message, due_at)?;
        // In whole seconds, as the table has it.
        let until = Timestamp::from_secs(due_at.secs());
        let last = if is_plain { self.last_end(walked, until, began)? } else { None };
        let waits = if self.has_gaps { self.config.late_limit } else { Duration::ZERO };
        let expected = match &last {
            Some((_, queue)) => recipients(queue),
            None => (recipients_before(self.tx, due_at.max(self.now).plus(waits))?, false),
        };
        if !walked.may_begin(expected, began.monotonic) {
            walked.end = last.map(|(end, _)| end).or(walked.end.take());
            return if is_plain { self.look_at_few(message, until) } else { Ok(()) };
        }
        let count = if is_plain {
            let (end, queue) = match last {
                Some(last) => last,
                None => self.first_end(until, began)?,
            };
            let before = end.count;
            let end = self.walk(end, queue, until)?;
            walked.note(end.count, end.began.monotonic, Duration::ZERO);
            let count = end.count - before;
            self.tell_last(message, due_at, end, walked)?;
            count
        } else {
            self.look(Scope::Message(message.id), UNBOUNDED)?;
            let own = if self.has_gaps { self.totals.recipients } else { 0 };
            self.looked_at.saturating_sub(own)
        };
        walked.note(count, began.monotonic, clock.now().monotonic.saturating_sub(began.monotonic));
        if count > SMALL_WALK_MAX {
            walked.was_large_unexpected = expected.0 <= SMALL_WALK_MAX;
        }
        Ok(())
    }

    /// Whether a message simply comes after all that is due before it, and these as the table has them.
    fn is_plain(&self, message: &Message, due_at: Timestamp) -> SqlResult<bool> {
        Ok(!self.has_gaps
            && message.channel_ids.is_none()
            && due_at.secs() >= self.now.secs()
            && self.tx.untimed_message_ids(1)?.is_empty()
            && self.tx.message_ids_of_other_zones(&self.config.zone, 1)?.is_empty())
    }

    /// Tells what becomes of `message` when few wait for its own channel, and no other channel matters.
    fn look_at_few(&mut self, message: &Message, until: Timestamp) -> SqlResult<()> {
        let own = Some(message.channel_id);
        let count = self.tx.recipients_until(until, own, SMALL_WALK_MAX + 1)?;
        if count <= SMALL_WALK_MAX {
            self.look(Scope::Message(message.id), UNBOUNDED)?;
        }
        Ok(())
    }

    /// The end of the last walk, with what is to be walked through from there to what is due at `until`; `None` when
    /// that would not be the same as a walk from the beginning.
    fn last_end(
        &self,
        walked: &mut Walked,
        until: Timestamp,
        now: Now,
    ) -> SqlResult<Option<(End, Vec<Queued>)>> {
        let version = self.tx.data_version()?;
        walked.end.take_if(|end| !end.is_good(version, now));
        // For a message that is due earlier it is of no use, but perhaps that one is not stored.
        let last = walked.end.take_if(|end| end.until <= until);
        let Some(end) = last else { return Ok(None) };
        let mut queue = self.tx.queued_messages_since((end.until, end.newest), until)?;
        queue.sort_unstable_by_key(Queued::place);
        Ok(end.knows(&queue, version).then_some((end, queue)))
    }

    /// The beginning of a walk, with all that is to be walked through.
    fn first_end(&self, until: Timestamp, began: Now) -> SqlResult<(End, Vec<Queued>)> {
        let (queue, _) = self.queue(until.max(self.now), u64::MAX)?;
        let (lines, spoken) = (Lines::default(), has_several(&queue).then(HashMap::new));
        let (version, until) = (self.tx.data_version()?, began.wall);
        Ok((End { until, newest: 0, lines, spoken, began, count: 0, version }, queue))
    }

    /// Goes on from `end` through all of `queue`, which is due at `until` at the latest, or on its way.
    fn walk(&mut self, end: End, queue: Vec<Queued>, until: Timestamp) -> SqlResult<End> {
        (self.lines, self.spoken) = (end.lines, end.spoken);
        let (mut count, mut until) = (end.count, until);
        for one in queue {
            count += self.message(&one, false)?.max(1);
            until = until.max(one.due_at);
        }
        let (lines, spoken) = (std::mem::take(&mut self.lines), self.spoken.take());
        let newest = self.tx.newest_message_id()?;
        Ok(End { until, newest, lines, spoken, count, ..end })
    }

    /// Tells of the message itself, and keeps the end before it.
    fn tell_last(
        &mut self,
        message: &Message,
        due_at: Timestamp,
        end: End,
        walked: &mut Walked,
    ) -> SqlResult<()> {
        self.lines = end.lines.only(&[message.channel_id]);
        self.message(&queued(message, due_at), true)?;
        let is_small = |end: &End| end.spoken.as_ref().is_none_or(|all| all.len() <= SPOKEN_MAX);
        walked.end = Some(end).filter(is_small);
        Ok(())
    }
}
