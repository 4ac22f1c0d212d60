//! The queue of channels: which one may send next, and when. In memory, and only a mirror of
//! `channels.ready_at`: the column decides across runs, restarts and crashes, the monotonic clock
//! inside a process.
//!
//! A worker that is given a channel has what is known of it too, its [`Memory`]; until it gives both
//! back, the channel is no other worker's. So ten channels keep ten paces, whatever the workers do.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::record::Unrecorded;
use super::typing::Typist;
use crate::clock::{Now, Timestamp};
use crate::send_window::Closed;
use crate::store::StoreError;

/// How long a session that was WORKING is believed to be.
///
/// Shorter than the least gap of a real number: each of its sends follows a look, so that nothing goes
/// out from another phone that scanned the code meanwhile.
const WORKING_FOR: Duration = Duration::from_secs(15);
/// How long a WAHA that offers no message ids is not asked again.
const NO_IDS_FOR: Duration = Duration::from_hours(1);

/// What becomes of a channel after a worker's turn.
#[derive(Debug)]
pub(super) enum After {
    /// Ready again at this monotonic time.
    Ready(Duration),
    /// Nothing to send; ready at this time if it was offered again meanwhile.
    Empty(Duration),
    /// It may not send now, offered again or not.
    Held,
    /// A request is out whose outcome the database has not taken: nobody may use the channel.
    Unrecorded(StoreError),
}

/// What this process knows of a channel beside its row.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// `ready_at` as this process wrote or first read it, and the same moment on the monotonic clock.
    pace: Option<(Timestamp, Duration)>,
    /// What was lately learnt about its session, so that WAHA is not asked the same before each send.
    session: Session,
    pub(super) typist: Option<Typist>,
    /// When its hours or another day begin, when it waits for that.
    pub(super) closed: Option<(Timestamp, Closed)>,
    /// When the first of its recipients is free that got something lately, when it waits for nothing else.
    pub(super) waits_until: Option<Timestamp>,
    pub(super) unrecorded: Option<Box<Unrecorded>>,
    /// Whether WAHA's last answer puts in doubt whatever is believed of any session.
    pub(super) doubts_sessions: bool,
}

#[derive(Debug, Default)]
struct Session {
    name: String,
    /// The monotonic time at which it was WORKING.
    working_at: Option<Duration>,
    /// The monotonic time at which it had no ids to offer.
    no_ids_at: Option<Duration>,
}

impl Memory {
    /// Notes that this process moved the pace: `column` is what it wrote, `ready` the exact monotonic time.
    pub(super) fn note_pace(&mut self, column: Timestamp, ready: Duration) {
        self.pace = Some((column, ready));
    }

    /// The monotonic time at which the channel is ready, by its column.
    ///
    /// A column that this process wrote means the exact moment that it noted. Any other (written
    /// before a restart, or by a person) is read by the wall clock; one that is further away than
    /// `longest` was written under another clock and counts as `longest` from now.
    pub(super) fn ready_time(
        &mut self,
        column: Option<Timestamp>,
        now: Now,
        longest: Duration,
    ) -> Duration {
        let Some(column) = column else {
            self.pace = None;
            return now.monotonic;
        };
        match self.pace {
            Some((noted, ready)) if noted == column => ready,
            // In the past too: the channels that are ready keep their order.
            Some(_) | None => {
                let ahead = now.monotonic + column.since(now.wall).min(longest);
                let ready = ahead.saturating_sub(now.wall.since(column));
                self.pace = Some((column, ready));
                ready
            }
        }
    }

    pub(super) fn is_working(&self, session: &str, now: Now) -> bool {
        self.session.name == session && is_fresh(self.session.working_at, now, WORKING_FOR)
    }

    pub(super) fn note_working(&mut self, session: &str, now: Now) {
        self.session_named(session).working_at = Some(now.monotonic);
    }

    /// The session has to be asked for again, if it was last heard of at `doubted_at` or before.
    pub(super) fn doubt_session(&mut self, doubted_at: Duration) {
        self.session.working_at = self.session.working_at.filter(|at| *at > doubted_at);
    }

    pub(super) fn may_offer_ids(&self, session: &str, now: Now) -> bool {
        self.session.name != session || !is_fresh(self.session.no_ids_at, now, NO_IDS_FOR)
    }

    pub(super) fn note_no_ids(&mut self, session: &str, now: Now) {
        self.session_named(session).no_ids_at = Some(now.monotonic);
    }

    fn session_named(&mut self, name: &str) -> &mut Session {
        if self.session.name != name {
            self.session = Session { name: name.to_owned(), ..Session::default() };
        }
        &mut self.session
    }
}

fn is_fresh(noted: Option<Duration>, now: Now, lasts: Duration) -> bool {
    noted.is_some_and(|at| now.monotonic.saturating_sub(at) < lasts)
}

/// The channels that this process knows, and those that wait for their turn.
#[derive(Debug, Default)]
pub(super) struct ChannelQueue {
    /// Waiting channels by the monotonic time at which they are ready.
    waiting: BTreeSet<(Duration, i64)>,
    known: HashMap<i64, Known>,
    out: usize,
}

#[derive(Debug, Default)]
struct Known {
    /// When it is ready, while it waits.
    ready: Option<Duration>,
    /// Whether a worker has it, or its last outcome is not recorded.
    is_out: bool,
    /// Whether it was offered again meanwhile: there is more to do.
    is_offered_again: bool,
    /// Empty while a worker has it.
    memory: Memory,
}

impl ChannelQueue {
    /// Lets a channel wait for its turn. One that is out is marked, so that it is looked at again.
    /// Its pace is that of `column`: see [`Memory::ready_time`].
    pub(super) fn offer(
        &mut self,
        channel: i64,
        column: Option<Timestamp>,
        now: Now,
        longest: Duration,
    ) {
        let known = self.known.entry(channel).or_default();
        if known.is_out {
            known.is_offered_again = true;
        } else {
            let ready = known.memory.ready_time(column, now, longest);
            self.wait_until(channel, ready);
        }
    }

    /// What is known of a channel that no worker has.
    pub(super) fn memory(&mut self, channel: i64) -> &mut Memory {
        &mut self.known.entry(channel).or_default().memory
    }

    /// Takes the channel that is ready first.
    pub(super) fn take(&mut self, now: Now) -> Option<(i64, Memory)> {
        let (ready, channel) = self.waiting.first().copied()?;
        if ready > now.monotonic {
            return None;
        }
        self.waiting.remove(&(ready, channel));
        let known = self.known.entry(channel).or_default();
        (known.ready, known.is_out) = (None, true);
        self.out += 1;
        Some((channel, std::mem::take(&mut known.memory)))
    }

    /// Takes a channel back with what is known of it by now.
    pub(super) fn put_back(&mut self, channel: i64, memory: Memory, after: &After) {
        let known = self.known.entry(channel).or_default();
        known.memory = memory;
        let ready = match after {
            After::Unrecorded(_) => return,
            After::Ready(ready) => Some(*ready),
            After::Empty(ready) => known.is_offered_again.then_some(*ready),
            After::Held => None,
        };
        (known.is_out, known.is_offered_again) = (false, false);
        self.out -= 1;
        if let Some(ready) = ready {
            self.wait_until(channel, ready);
        }
    }

    /// The monotonic time at which the first channel is ready.
    pub(super) fn first_ready(&self) -> Option<Duration> {
        self.waiting.first().map(|(ready, _)| *ready)
    }

    /// Drops the channels that would be ready only after `last`; all that wait, once that is past.
    pub(super) fn drop_after(&mut self, last: Duration, now: Now) {
        let late = if now.monotonic > last {
            std::mem::take(&mut self.waiting)
        } else {
            self.waiting.split_off(&(last + Duration::from_nanos(1), i64::MIN))
        };
        for (_, channel) in late {
            self.known.entry(channel).or_default().ready = None;
        }
    }

    /// Whether no channel waits and none is out.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.out == 0
    }

    fn wait_until(&mut self, channel: i64, ready: Duration) {
        let known = self.known.entry(channel).or_default();
        if let Some(before) = known.ready.replace(ready) {
            self.waiting.remove(&(before, channel));
        }
        self.waiting.insert((ready, channel));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(75);

    fn now(wall: i64, monotonic: u64) -> Now {
        Now { wall: Timestamp::from_secs(wall), monotonic: secs(monotonic) }
    }

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    /// Lets a channel wait that is ready at this monotonic second.
    fn offer(queue: &mut ChannelQueue, channel: i64, ready: u64) {
        queue.memory(channel).note_pace(Timestamp::from_secs(0), secs(ready));
        queue.offer(channel, Some(Timestamp::from_secs(0)), now(0, 0), LONGEST);
    }

    fn take(queue: &mut ChannelQueue, monotonic: u64) -> Option<i64> {
        queue.take(now(0, monotonic)).map(|(channel, _)| channel)
    }

    #[test]
    fn a_channel_is_taken_by_one_worker_only() {
        let mut queue = ChannelQueue::default();
        offer(&mut queue, 1, 0);
        assert_eq!(take(&mut queue, 0), Some(1));
        offer(&mut queue, 1, 0);
        assert_eq!(take(&mut queue, 0), None);
        assert!(!queue.is_idle());
    }

    #[test]
    fn a_channel_that_was_offered_while_it_was_out_is_looked_at_again() {
        let mut queue = ChannelQueue::default();
        offer(&mut queue, 1, 0);
        take(&mut queue, 0);
        offer(&mut queue, 1, 0);
        queue.put_back(1, Memory::default(), &After::Empty(secs(5)));
        assert_eq!((take(&mut queue, 0), queue.first_ready()), (None, Some(secs(5))));
        assert_eq!(take(&mut queue, 5), Some(1));
        queue.put_back(1, Memory::default(), &After::Empty(secs(9)));
        assert!(queue.is_idle());
    }

    #[test]
    fn the_channel_that_is_ready_first_goes_first() {
        let mut queue = ChannelQueue::default();
        offer(&mut queue, 1, 9);
        offer(&mut queue, 2, 3);
        assert_eq!((take(&mut queue, 0), queue.first_ready()), (None, Some(secs(3))));
        assert_eq!(take(&mut queue, 10), Some(2));
        assert_eq!(take(&mut queue, 10), Some(1));
    }

    #[test]
    fn what_is_ready_only_after_the_last_moment_is_dropped_and_the_rest_stays() {
        let mut queue = ChannelQueue::default();
        offer(&mut queue, 1, 9);
        offer(&mut queue, 2, 31);
        offer(&mut queue, 3, 30);
        queue.drop_after(secs(30), now(0, 8));
        assert_eq!(queue.waiting.len(), 2);
        assert_eq!(take(&mut queue, 30), Some(1));
        queue.drop_after(secs(30), now(0, 31));
        assert_eq!(queue.first_ready(), None);
        assert!(!queue.is_idle(), "one that is out stays");
        queue.put_back(1, Memory::default(), &After::Held);
        assert!(queue.is_idle());
    }

    #[test]
    fn a_wall_clock_that_jumps_does_not_move_a_pace_of_this_process() {
        let mut memory = Memory::default();
        let column = Timestamp::from_secs(1060);
        memory.note_pace(column, secs(60));
        assert_eq!(memory.ready_time(Some(column), now(90_000, 5), LONGEST), secs(60));
        assert_eq!(memory.ready_time(Some(column), now(-90_000, 5), LONGEST), secs(60));
    }

    #[test]
    fn after_a_restart_the_column_decides_but_never_for_longer_than_the_gap() {
        let ready = |column: i64| {
            let column = Some(Timestamp::from_secs(column));
            Memory::default().ready_time(column, now(1000, 7), LONGEST)
        };
        assert_eq!(ready(1030), secs(37));
        assert_eq!(ready(999_999), secs(7) + LONGEST);
        assert_eq!((ready(998), ready(10)), (secs(5), secs(0)));
    }

    #[test]
    fn a_pace_that_a_person_changed_in_the_table_is_read_anew() {
        let mut memory = Memory::default();
        memory.note_pace(Timestamp::from_secs(1060), secs(60));
        assert_eq!(memory.ready_time(None, now(1000, 5), LONGEST), secs(5));
        let later = Some(Timestamp::from_secs(1020));
        assert_eq!(memory.ready_time(later, now(1000, 5), LONGEST), secs(25));
    }

    #[test]
    fn a_session_is_believed_for_a_while_unless_it_is_doubted_or_another_one() {
        let mut memory = Memory::default();
        memory.note_working("satu", now(0, 10));
        assert!(memory.is_working("satu", now(0, 24)));
        assert!(!memory.is_working("satu", now(0, 25)));
        assert!(!memory.is_working("dua", now(0, 10)));
        memory.doubt_session(secs(9));
        assert!(memory.is_working("satu", now(0, 10)));
        memory.doubt_session(secs(10));
        assert!(!memory.is_working("satu", now(0, 10)));
        memory.note_no_ids("satu", now(0, 10));
        assert!(!memory.may_offer_ids("satu", now(0, 11)));
        assert!(memory.may_offer_ids("dua", now(0, 11)));
    }
}
