//! The pace: which channel may send next, and when. In memory, and only a mirror of
//! `channels.ready_at`: the column decides across runs, restarts and crashes, the monotonic clock
//! inside a process.
//!
//! A [`Board`] holds a lane for each channel that may have something to do. A sender thread takes
//! the lane that is ready first; while it works on it, nobody else can. So identical threads keep
//! one pace per channel, and ten channels keep ten.
//!
//! When no lane is ready, one thread, the lookout, sleeps until the first one is; the others sleep
//! until they are woken. So a lane that becomes ready wakes one thread, not sixty.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::thread::ThreadId;
use std::time::Duration;

use crate::clock::{Now, Timestamp};

/// The least gap between two sends on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub delay: Duration,
    /// SEND_JITTER_SECONDS: up to this much more, at random.
    pub jitter: Duration,
}

impl Gap {
    /// The longest that the gap can be.
    pub(crate) fn longest(self) -> Duration {
        self.delay + self.jitter
    }

    /// One gap; `chance` in 0..=1 says how much of the jitter it has.
    pub(crate) fn with_jitter(self, chance: f64) -> Duration {
        self.delay + self.jitter.mul_f64(chance.clamp(0.0, 1.0))
    }
}

/// What [`Board::take`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// This channel is the caller's until it is returned or dropped.
    Channel(i64),
    /// Nothing is ready for so long. The caller is the lookout: it has to come back then.
    Wait(Duration),
    /// Nothing for the caller: no lane is waiting, or another thread is the lookout.
    Nothing,
}

/// The lanes of all channels.
#[derive(Debug, Default)]
pub(crate) struct Board {
    /// Waiting lanes by the monotonic time at which they are ready.
    waiting: BTreeSet<(Duration, i64)>,
    /// The same, by channel.
    ready_of: HashMap<i64, Duration>,
    /// Lanes that a sender has taken.
    taken: HashSet<i64>,
    /// Taken lanes that were offered again meanwhile: there is more to do.
    offered_again: HashSet<i64>,
    /// What this process knows of a channel's `ready_at` more exactly than the column says.
    paces: HashMap<i64, Pace>,
    /// Who sleeps until a lane is ready, and until when.
    lookout: Option<(ThreadId, Duration)>,
}

#[derive(Clone, Copy, Debug)]
struct Pace {
    /// The column as this process wrote or first read it.
    column: Timestamp,
    /// The same moment on the monotonic clock.
    ready: Duration,
}

impl Board {
    /// Notes that this process moved a channel's pace: `column` is what it wrote, `ready` the exact
    /// monotonic time.
    pub(crate) fn note_pace(&mut self, channel: i64, column: Timestamp, ready: Duration) {
        self.paces.insert(channel, Pace { column, ready });
    }

    /// The monotonic time at which a channel is ready, by its column.
    ///
    /// A column that this process wrote means the exact moment that it noted. Any other (written
    /// before a restart, or by a person) is read by the wall clock; one that is further away than
    /// `longest` was written under another clock and counts as `longest` from now.
    pub(crate) fn ready_time(
        &mut self,
        channel: i64,
        column: Option<Timestamp>,
        now: Now,
        longest: Duration,
    ) -> Duration {
        let Some(column) = column else {
            self.paces.remove(&channel);
            return now.monotonic;
        };
        match self.paces.get(&channel) {
            Some(pace) if pace.column == column => pace.ready,
            Some(_) | None => {
                let ready = now.monotonic + column.since(now.wall).min(longest);
                self.paces.insert(channel, Pace { column, ready });
                ready
            }
        }
    }

    /// Puts a channel on the board, ready at `ready`. A lane that is taken is marked, so that its
    /// sender looks again.
    pub(crate) fn offer(&mut self, channel: i64, ready: Duration) {
        if self.taken.contains(&channel) {
            self.offered_again.insert(channel);
        } else {
            self.wait_until(channel, ready);
        }
    }

    /// Takes the lane that is ready first, for the thread `who`. When none is ready, `who` becomes the
    /// lookout, unless another thread will come back in time.
    pub(crate) fn take(&mut self, now: Now, who: ThreadId) -> Turn {
        self.step_aside(who);
        match self.waiting.first().copied() {
            None => Turn::Nothing,
            Some((ready, _)) if ready > now.monotonic => {
                if !self.needs_lookout() {
                    return Turn::Nothing;
                }
                self.lookout = Some((who, ready));
                Turn::Wait(ready.saturating_sub(now.monotonic))
            }
            Some((ready, channel)) => {
                self.waiting.remove(&(ready, channel));
                self.ready_of.remove(&channel);
                self.taken.insert(channel);
                Turn::Channel(channel)
            }
        }
    }

    /// The thread `who` will not come back soon: it is no longer the lookout.
    pub(crate) fn step_aside(&mut self, who: ThreadId) {
        if self.lookout.is_some_and(|(lookout, _)| lookout == who) {
            self.lookout = None;
        }
    }

    /// Whether lanes wait and nobody comes back when the first of them is ready: one of the threads
    /// that sleep has to be woken.
    pub(crate) fn needs_lookout(&self) -> bool {
        let first = self.waiting.first();
        first.is_some_and(|(ready, _)| self.lookout.is_none_or(|(_, until)| until > *ready))
    }

    /// Returns a taken lane, ready again at `ready`.
    pub(crate) fn put_back(&mut self, channel: i64, ready: Duration) {
        self.taken.remove(&channel);
        self.offered_again.remove(&channel);
        self.wait_until(channel, ready);
    }

    /// Drops a taken lane that has nothing to do; it stays, ready at `ready`, when it was offered
    /// again since it was taken.
    pub(crate) fn drop_lane(&mut self, channel: i64, ready: Duration) {
        self.taken.remove(&channel);
        if self.offered_again.remove(&channel) {
            self.wait_until(channel, ready);
        }
    }

    /// Drops a taken lane of a channel that may not send now, offered again or not.
    pub(crate) fn drop_held(&mut self, channel: i64) {
        self.taken.remove(&channel);
        self.offered_again.remove(&channel);
    }

    /// Drops the lanes that would be ready only after `last`; all that wait, once that is past.
    /// Returns whether there were any. Taken lanes stay.
    pub(crate) fn drop_after(&mut self, last: Duration, now: Now) -> bool {
        let is_past = now.monotonic > last;
        let is_late = |lane: &&(Duration, i64)| is_past || lane.0 > last;
        let dropped: Vec<_> = self.waiting.iter().rev().take_while(is_late).copied().collect();
        for lane in &dropped {
            self.waiting.remove(lane);
            self.ready_of.remove(&lane.1);
        }
        !dropped.is_empty()
    }

    /// Whether no lane waits and none is taken.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.taken.is_empty()
    }

    fn wait_until(&mut self, channel: i64, ready: Duration) {
        if let Some(before) = self.ready_of.insert(channel, ready) {
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
        Now { wall: Timestamp::from_secs(wall), monotonic: Duration::from_secs(monotonic) }
    }

    fn me() -> ThreadId {
        std::thread::current().id()
    }

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_channel_is_taken_by_one_sender_only() {
        let mut board = Board::default();
        board.offer(1, secs(0));
        assert_eq!(board.take(now(0, 0), me()), Turn::Channel(1));
        board.offer(1, secs(0));
        assert_eq!(board.take(now(0, 0), me()), Turn::Nothing);
        assert!(!board.is_idle());
    }

    #[test]
    fn a_lane_that_was_offered_while_taken_is_looked_at_again() {
        let mut board = Board::default();
        board.offer(1, secs(0));
        board.take(now(0, 0), me());
        board.offer(1, secs(0));
        board.drop_lane(1, secs(5));
        assert_eq!(board.take(now(0, 0), me()), Turn::Wait(secs(5)));
        assert_eq!(board.take(now(0, 5), me()), Turn::Channel(1));
        board.drop_lane(1, secs(9));
        assert!(board.is_idle());
    }

    #[test]
    fn the_channel_that_is_ready_first_goes_first() {
        let mut board = Board::default();
        board.offer(1, secs(9));
        board.offer(2, secs(3));
        assert_eq!(board.take(now(0, 0), me()), Turn::Wait(secs(3)));
        assert_eq!(board.take(now(0, 10), me()), Turn::Channel(2));
        assert_eq!(board.take(now(0, 10), me()), Turn::Channel(1));
    }

    #[test]
    fn one_sleeping_thread_comes_back_for_the_first_lane_and_the_others_are_woken() {
        let other = std::thread::spawn(|| std::thread::current().id()).join().unwrap();
        let mut board = Board::default();
        board.offer(1, secs(9));
        assert!(board.needs_lookout());
        assert_eq!(board.take(now(0, 0), me()), Turn::Wait(secs(9)));
        assert!(!board.needs_lookout());
        assert_eq!(board.take(now(0, 1), other), Turn::Nothing);
        board.offer(2, secs(3));
        assert!(board.needs_lookout(), "the lookout would come too late");
        assert_eq!(board.take(now(0, 1), other), Turn::Wait(secs(2)));
        assert_eq!(board.take(now(0, 2), me()), Turn::Nothing, "no lookout any more");
        assert_eq!(board.take(now(0, 3), other), Turn::Channel(2));
        assert!(board.needs_lookout(), "the lookout works now");
        assert_eq!(board.take(now(0, 3), me()), Turn::Wait(secs(6)));
        board.step_aside(me());
        assert!(board.needs_lookout(), "the lookout has other work");
    }

    #[test]
    fn what_is_ready_only_after_the_last_moment_is_dropped_and_the_rest_stays() {
        let mut board = Board::default();
        board.offer(1, secs(9));
        board.offer(2, secs(31));
        board.offer(3, secs(30));
        assert!(board.drop_after(secs(30), now(0, 8)));
        assert!(!board.drop_after(secs(30), now(0, 8)));
        assert_eq!(board.take(now(0, 30), me()), Turn::Channel(1));
        assert!(board.drop_after(secs(30), now(0, 31)));
        assert!(!board.is_idle(), "a taken lane stays");
        board.drop_held(1);
        assert!(board.is_idle());
    }

    #[test]
    fn a_wall_clock_that_jumps_does_not_move_a_pace_of_this_process() {
        let mut board = Board::default();
        let column = Timestamp::from_secs(1060);
        board.note_pace(1, column, secs(60));
        assert_eq!(board.ready_time(1, Some(column), now(90_000, 5), LONGEST), secs(60));
        assert_eq!(board.ready_time(1, Some(column), now(-90_000, 5), LONGEST), secs(60));
    }

    #[test]
    fn after_a_restart_the_column_decides_but_never_for_longer_than_the_gap() {
        let mut board = Board::default();
        let soon = Some(Timestamp::from_secs(1030));
        assert_eq!(board.ready_time(1, soon, now(1000, 7), LONGEST), secs(37));
        let far = Some(Timestamp::from_secs(999_999));
        assert_eq!(board.ready_time(2, far, now(1000, 7), LONGEST), secs(7) + LONGEST);
        let past = Some(Timestamp::from_secs(10));
        assert_eq!(board.ready_time(3, past, now(1000, 7), LONGEST), secs(7));
    }

    #[test]
    fn a_pace_that_a_person_changed_in_the_table_is_read_anew() {
        let mut board = Board::default();
        board.note_pace(1, Timestamp::from_secs(1060), secs(60));
        assert_eq!(board.ready_time(1, None, now(1000, 5), LONGEST), secs(5));
        let later = Some(Timestamp::from_secs(1020));
        assert_eq!(board.ready_time(1, later, now(1000, 5), LONGEST), secs(25));
    }
}
