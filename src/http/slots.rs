//! The slots of all connections, and which connection goes when they are all taken.
//!
//! A new connection takes the slot of the one that is worth least: first those between two requests, then those
//! that do not take their answers, then those without a complete request. Of these it is one of the network that
//! holds most such slots, and there the one that kept us waiting longest: an attacker who opens many connections
//! pushes out their own. Behind a reverse proxy all clients have one address, the cron job too, so the address
//! only decides among equals. When all are being served, one of a network that holds more than its share goes for
//! a client of another network. Otherwise the new connection waits a little, and is refused then.
//!
//! The thread of an evicted connection notices it by the end of its socket.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::FULL;
use super::input::{Ended, PIECE_BYTES};
use crate::clock::{Clock, Wake, lock};

/// A connection without a request is left alone for so long, unless most are such.
const GRACE: Duration = Duration::from_millis(250);
/// A client that has not taken its answer after so long does not read.
const ANSWERED: Duration = Duration::from_millis(50);
/// A new connection waits so long for a slot when all are being served.
const SLOT_WITHIN: Duration = Duration::from_millis(250);
/// Connections that are being closed, beside those that count.
const CLOSING_MAX: usize = 16;
/// The system may be slow to let their threads end.
const CLOSING_WITHIN: Duration = Duration::from_secs(2);
/// When the system is short of something, so many slots are given up, and so many are kept.
const SHORT_BY: usize = 8;
const SLOTS_MIN: usize = 4;
/// Then all of them are tried again.
const SHORT: Duration = Duration::from_mins(1);

/// What a connection is doing. The first ones are worth least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Between two requests.
    Idle,
    /// The client takes its answer.
    Answering,
    /// The request is not complete.
    Unfinished,
    /// Its thread has not begun to read: the request may have come.
    New,
    /// The request is complete and there is no answer yet.
    Served,
}

pub(super) struct Slots {
    state: Mutex<State>,
    /// Rung when a slot comes free.
    freed: Wake,
    clock: Arc<dyn Clock>,
    max: usize,
}

#[derive(Default)]
struct State {
    /// By number; a number is never used twice.
    entries: BTreeMap<u64, Entry>,
    next_number: u64,
    is_stopping: bool,
    /// Since when no new connection got a slot.
    full_since: Option<Duration>,
    /// Fewer slots until then.
    short: Option<(usize, Duration)>,
}

struct Entry {
    stream: Arc<TcpStream>,
    network: u128,
    stage: Stage,
    since: Duration,
    is_evicted: bool,
}

/// A connection's slot, until it is dropped.
pub(super) struct Slot {
    pub(super) stream: Arc<TcpStream>,
    pub(super) peer: IpAddr,
    number: u64,
    slots: Arc<Slots>,
}

impl Slots {
    pub(super) fn new(max: usize, clock: Arc<dyn Clock>) -> Self {
        Self { state: Mutex::default(), freed: Wake::default(), clock, max }
    }

    fn now(&self) -> Duration {
        self.clock.now().monotonic
    }

    pub(super) fn is_stopping(&self) -> bool {
        lock(&self.state).is_stopping
    }

    pub(super) fn count(&self) -> usize {
        lock(&self.state).entries.len()
    }

    /// A slot for a new connection. When all are taken by connections that are being served, it is refused.
    pub(super) fn take(self: &Arc<Self>, stream: TcpStream, peer: IpAddr) -> Option<Slot> {
        let (stream, slots, network) = (Arc::new(stream), Arc::clone(self), network(peer));
        loop {
            let (seen, now) = (self.freed.rings(), self.now());
            let mut state = lock(&self.state);
            if state.make_room(self.max, network, now) {
                let number = state.next_number;
                (state.next_number, state.full_since) = (number + 1, None);
                let entry = Entry {
                    stream: Arc::clone(&stream),
                    network,
                    stage: Stage::New,
                    since: now,
                    is_evicted: false,
                };
                state.entries.insert(number, entry);
                return Some(Slot { stream, peer, number, slots });
            }
            let within = if state.is_closing() { CLOSING_WITHIN } else { SLOT_WITHIN };
            let until = *state.full_since.get_or_insert(now) + within;
            drop(state);
            if now >= until {
                refuse(&stream);
                return None;
            }
            // A slot that is not freed may be one that can go, meanwhile.
            self.clock.sleep(&self.freed, seen, Some(until.saturating_sub(now).min(ANSWERED)));
        }
    }

    /// The system is short of descriptors or threads: fewer slots for a while, for those that are served.
    pub(super) fn shrink(&self) {
        let (mut state, now) = (lock(&self.state), self.now());
        let live = state.live().count();
        if live < state.entries.len() {
            return; // something comes free in a moment
        }
        let kept = live.saturating_sub(SHORT_BY).max(SLOTS_MIN);
        state.short = Some((kept, now + SHORT));
        // Who is taking an answer, or has just come, is about to be done.
        let may_go = |entry: &Entry| entry.stage == Stage::Unfinished || entry.may_go(now);
        for _ in kept..live {
            state.evict(&may_go);
        }
    }

    /// Waits until a slot comes free, at most `max`.
    pub(super) fn wait(&self, max: Duration) {
        self.clock.sleep(&self.freed, self.freed.rings(), Some(max));
    }

    pub(super) fn begin_to_stop(&self) {
        let mut state = lock(&self.state);
        state.is_stopping = true;
        for entry in state.entries.values().filter(|entry| entry.stage.is_between_answers()) {
            drop(entry.stream.shutdown(Shutdown::Both)); // the client may have gone
        }
    }

    /// Returns when no connection is left, or after `max`.
    pub(super) fn wait_until_free(&self, max: Duration) {
        let mut until = None;
        loop {
            let seen = self.freed.rings();
            if self.count() == 0 {
                return;
            }
            let left = until.get_or_insert(self.now() + max).saturating_sub(self.now());
            if left.is_zero() {
                return;
            }
            self.clock.sleep(&self.freed, seen, Some(left));
        }
    }
}

/// Tells a new connection that there is no slot, or no thread, for it.
pub(super) fn refuse(mut stream: &TcpStream) {
    if stream.set_nonblocking(true).is_ok() {
        // What came and was not read would turn the end into a reset that overtakes the answer.
        drop(stream.read(&mut [0; PIECE_BYTES]));
        drop(stream.write(&FULL.response().bytes(true, false)));
    }
}

impl State {
    /// The connections that count.
    fn live(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(|entry| !entry.is_evicted)
    }

    fn is_closing(&self) -> bool {
        self.entries.len() - self.live().count() >= CLOSING_MAX
    }

    /// Whether there is room for one more connection, from `newcomer`; one that is worth less goes for it.
    fn make_room(&mut self, max: usize, newcomer: u128, now: Duration) -> bool {
        let max = match self.short {
            Some((short, until)) if now < until => short.min(max),
            Some(_) | None => max,
        };
        if self.is_closing() {
            return false;
        }
        let live = self.live().count();
        if live < max {
            return true;
        }
        let silent = self.live().filter(|entry| entry.stage == Stage::Unfinished).count();
        let is_greedy =
            |network| network != newcomer && self.held(network, |_| true) > max - max / 8;
        let networks = self.live().map(|entry| entry.network);
        let greedy: Vec<u128> = networks.filter(|network| is_greedy(*network)).collect();
        let is_silent = |entry: &Entry| entry.stage == Stage::Unfinished && silent * 2 >= max;
        let may_go = |entry: &Entry| {
            greedy.contains(&entry.network) || is_silent(entry) || entry.may_go(now)
        };
        (max..=live).all(|_| self.evict(&may_go))
    }

    /// How many slots a network holds, of those that `count`.
    fn held(&self, network: u128, counts: fn(&Entry) -> bool) -> usize {
        self.live().filter(|entry| entry.network == network && counts(entry)).count()
    }

    /// Ends the connection that is worth least of those that `may_go`.
    fn evict(&mut self, may_go: &dyn Fn(&Entry) -> bool) -> bool {
        let may_go = self.entries.iter().filter(|(_, entry)| !entry.is_evicted && may_go(entry));
        let least = may_go.min_by_key(|(_, entry)| {
            let held = self.held(entry.network, |entry| entry.stage != Stage::Served);
            (entry.stage, usize::MAX - held, entry.since)
        });
        let least = least.map(|(number, _)| *number);
        let victim = least.and_then(|number| self.entries.get_mut(&number));
        let Some(victim) = victim else { return false };
        victim.is_evicted = true;
        // A thread that reads can still say a last word. Errors: the client has gone already.
        let is_reading = victim.stage == Stage::Unfinished;
        drop(victim.stream.shutdown(if is_reading { Shutdown::Read } else { Shutdown::Both }));
        true
    }
}

impl Entry {
    /// Whether its client has had its time.
    fn may_go(&self, now: Duration) -> bool {
        match self.stage {
            Stage::Idle => true,
            Stage::Answering => now >= self.since + ANSWERED,
            Stage::Unfinished => now >= self.since + GRACE,
            Stage::New | Stage::Served => !matches!(self.stream.take_error(), Ok(None)), // reset
        }
    }
}

impl Stage {
    fn is_between_answers(self) -> bool {
        matches!(self, Self::Idle | Self::Unfinished)
    }
}

impl Slot {
    pub(super) fn enter(&self, stage: Stage) -> Result<(), Ended> {
        let mut slots = lock(&self.slots.state);
        let is_over = slots.is_stopping && stage.is_between_answers();
        let entry = slots.entries.get_mut(&self.number);
        let entry = entry.filter(|entry| !entry.is_evicted && !is_over).ok_or(Ended::Closed)?;
        // The thread of a new connection may begin late: the oldest is the one that came first.
        if (entry.stage, stage) != (Stage::New, Stage::Unfinished) {
            entry.since = self.slots.now();
        }
        entry.stage = stage;
        Ok(())
    }

    pub(super) fn is_evicted(&self) -> bool {
        lock(&self.slots.state).entries.get(&self.number).is_none_or(|entry| entry.is_evicted)
    }

    /// Whether this request is the last one of the connection, whatever its client wants: no client keeps a slot
    /// by many requests while a new connection waits.
    pub(super) fn is_ending(&self) -> bool {
        let state = lock(&self.slots.state);
        state.is_stopping || state.full_since.is_some()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        lock(&self.slots.state).entries.remove(&self.number);
        self.slots.freed.ring();
    }
}

/// The network of a client: one customer has a whole /64.
fn network(peer: IpAddr) -> u128 {
    match peer {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => (u128::from(address) >> 64 << 64) | (1 << 40),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::clock::{Now, SystemClock, Timestamp};

    /// A clock that something happens on while it sleeps for the first time.
    struct Eventful {
        now: Mutex<Duration>,
        event: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    }

    impl Clock for Eventful {
        fn now(&self) -> Now {
            Now { wall: Timestamp::from_secs(0), monotonic: *lock(&self.now) }
        }

        fn sleep(&self, _: &Wake, _: u64, max: Option<Duration>) {
            *lock(&self.now) += max.unwrap_or_default();
            if let Some(event) = lock(&self.event).take() {
                event();
            }
        }
    }

    #[test]
    fn a_newcomer_need_not_wait_once_the_others_turn_out_to_be_silent() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let clock = Arc::new(Eventful { now: Mutex::default(), event: Mutex::default() });
        let slots = Arc::new(Slots::new(4, Arc::clone(&clock) as Arc<dyn Clock>));
        let connect = || TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let take = || slots.take(connect(), IpAddr::from([127, 0, 0, 1])).unwrap();
        let silent: Arc<[Slot]> = (0..4).map(|_| take()).collect();
        let theirs = Arc::clone(&silent);
        *lock(&clock.event) = Some(Box::new(move || {
            assert!(theirs.iter().all(|slot| slot.enter(Stage::Unfinished).is_ok()));
        }));
        let newcomer = take();
        assert!(slots.now() <= ANSWERED && !newcomer.is_evicted());
        assert!(silent[0].is_evicted());
    }

    #[test]
    fn who_has_just_come_or_takes_an_answer_does_not_go_when_the_system_is_short() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let slots = Arc::new(Slots::new(64, Arc::new(SystemClock::default())));
        let peer = IpAddr::from([127, 0, 0, 1]);
        let connect = || TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let take = || slots.take(connect(), peer).unwrap();
        let silent: Vec<Slot> = (0..SLOTS_MIN).map(|_| take()).collect();
        for slot in &silent {
            assert!(slot.enter(Stage::Unfinished).is_ok());
        }
        let (answered, served, new) = (take(), take(), take());
        assert!(served.enter(Stage::Served).is_ok());
        let began = slots.now();
        assert!(answered.enter(Stage::Answering).is_ok());
        slots.shrink();
        assert!(!served.is_evicted() && !new.is_evicted());
        assert!(!answered.is_evicted() || slots.now() >= began + ANSWERED);
        let evicted = silent.iter().chain([&answered]).filter(|slot| slot.is_evicted());
        assert_eq!(evicted.count(), 3);
    }
}
