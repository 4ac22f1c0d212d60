//! The one thread that watches all connections. Who has to go when there are too many, says `room`.

mod room;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};

use super::back::BackStream;
use super::visitor::{Asked, Gone, Shared, Visitor};
use super::{BackDoor, GuardError, Limits, Refusal, reply};
use crate::api::quota::{LINES_PER_MINUTE, Quota};
use crate::clock::Clock;
use crate::config::Config;

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
const EVENTS_MAX: usize = 256;
const SCRATCH_BYTES: usize = 16 * 1024;
/// Newcomers taken before those that are here have their turn.
const ACCEPTS_MAX: usize = 32;
/// Requests that the server behind has not answered and got only just now: more of them at once
/// would make it start a thread each.
const YOUNG_MAX: usize = 8;
const YOUNG: Duration = Duration::from_millis(100);
/// The server behind needs three descriptors for a connection with ours, and dies when it gets none.
#[cfg(unix)]
const SPARE_PAIRS: usize = 3;
/// Connections to the server behind that failed one after the other before it is believed to be gone.
const BACK_FAILURES_MAX: u32 = 3;
const BACK_PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Watch {
    poll: Poll,
    listener: Option<TcpListener>,
    door: BackDoor,
    limits: Limits,
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
    is_stopping: Arc<AtomicBool>,
    /// By number; a number is never used twice, so an event that comes late hits nobody else.
    visitors: BTreeMap<usize, Visitor>,
    next_number: usize,
    /// Waits a little for a slot.
    newcomer: Option<Visitor>,
    /// Connections at once: as many as the limits say, or fewer while the system is short.
    slots: usize,
    short_until: Duration,
    scratch: Vec<u8>,
    /// Connections that have more to do at once.
    busy: Vec<usize>,
    accepting: Accepting,
    back_failures: u32,
    back_rests_until: Duration,
    refused: Vec<(IpAddr, Refusal)>,
    /// The refusal of those who make room, ready to be sent.
    full: Vec<u8>,
    lines: Quota,
}

#[derive(Default)]
struct Accepting {
    /// Somebody may be waiting at the listener.
    is_wanted: bool,
    rests_until: Duration,
    failing_since: Option<Duration>,
    /// Since when all slots are taken by connections that are being served.
    full_since: Option<Duration>,
}

/// What became of a newcomer, or of a failed accept.
enum Step {
    Next,
    NobodyWaits,
    Rest(Duration),
}

impl Watch {
    pub(super) fn new(
        listener: std::net::TcpListener,
        door: BackDoor,
        limits: Limits,
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
        is_stopping: Arc<AtomicBool>,
    ) -> io::Result<(Self, Waker)> {
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let watch = Self {
            newcomer: None,
            slots: limits.connections,
            short_until: Duration::ZERO,
            poll,
            listener: Some(listener),
            door,
            limits,
            config,
            clock,
            is_stopping,
            visitors: BTreeMap::new(),
            next_number: 1,
            scratch: vec![0; SCRATCH_BYTES],
            busy: Vec::new(),
            accepting: Accepting { is_wanted: true, ..Accepting::default() },
            back_failures: 0,
            back_rests_until: Duration::ZERO,
            refused: Vec::new(),
            full: reply::refusal(Refusal::new(503, "too many connections"), false),
            lines: Quota::per_minute(LINES_PER_MINUTE),
        };
        Ok((watch, waker))
    }

    /// Watches until it is stopped.
    pub(super) fn run(&mut self) -> Result<(), GuardError> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        loop {
            let now = self.now();
            let wait = self.next_wake(now).map(|at| at.saturating_sub(now));
            match self.poll.poll(&mut events, wait.map(rounded_up)) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(GuardError::Wait(error)),
            }
            let now = self.now();
            self.note(&events, now);
            self.expire(now);
            self.hand_over(now)?;
            self.accept(now)?;
            self.hand_over(now)?; // those that came with a complete request
            self.log_refused(now);
            if self.is_stopping.load(Ordering::SeqCst) {
                return self.finish(&mut events);
            }
        }
    }

    /// Answers what was taken, and closes everything else.
    fn finish(&mut self, events: &mut Events) -> Result<(), GuardError> {
        self.listener = None;
        self.newcomer = None;
        self.visitors.retain(|_, visitor| visitor.close_if_idle().is_ok());
        let until = self.now() + self.limits.stop_within;
        while !self.visitors.is_empty() && self.now() < until {
            let now = self.now();
            let wake = self.next_wake(now).map_or(until, |at| at.min(until));
            let wait = rounded_up(wake.saturating_sub(now));
            match self.poll.poll(events, Some(wait)) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(GuardError::Wait(error)),
            }
            let now = self.now();
            self.note(events, now);
            self.expire(now);
            self.hand_over(now)?;
        }
        Ok(())
    }

    fn now(&self) -> Duration {
        self.clock.now().monotonic
    }

    /// When something has to be done though nothing happens.
    fn next_wake(&self, now: Duration) -> Option<Duration> {
        if !self.busy.is_empty() {
            return Some(Duration::ZERO);
        }
        let deadlines = self.visitors.values().map(|visitor| visitor.deadline);
        let accepting = &self.accepting;
        let may_accept = accepting.is_wanted && self.listener.is_some();
        let is_queued = self.visitors.values().any(Visitor::is_queued);
        // A failing back rests; a young crowd grows old.
        let queue = if self.young(now).count() < YOUNG_MAX {
            Duration::ZERO
        } else {
            self.young(now).min().unwrap_or_default() + YOUNG
        };
        deadlines
            .chain(may_accept.then_some(accepting.rests_until))
            .chain(is_queued.then_some(queue.max(self.back_rests_until)))
            .min()
    }

    fn note(&mut self, events: &Events, now: Duration) {
        let mut touched = std::mem::take(&mut self.busy);
        for event in events {
            match event.token() {
                LISTENER => self.accepting.is_wanted = true,
                WAKER => {}
                Token(token) => {
                    let number = token / 2;
                    let Some(visitor) = self.visitors.get_mut(&number) else { continue };
                    if token % 2 == 0 {
                        visitor.note_client(event, now, &self.limits);
                    } else {
                        visitor.note_back(event);
                    }
                    touched.push(number);
                }
            }
        }
        for number in touched {
            self.step(number, now);
        }
    }

    /// Lets a connection go on, and drops it when that was its end.
    fn step(&mut self, number: usize, now: Duration) {
        self.with(number, now, Visitor::step);
    }

    fn with(
        &mut self,
        number: usize,
        now: Duration,
        work: impl FnOnce(&mut Visitor, &mut Shared<'_>) -> Result<bool, Gone>,
    ) {
        let Some(visitor) = self.visitors.get_mut(&number) else { return };
        let mut shared = Shared {
            now,
            limits: &self.limits,
            config: &self.config,
            scratch: &mut self.scratch,
            full: &self.full,
            refused: &mut self.refused,
        };
        match work(visitor, &mut shared) {
            Ok(false) => {}
            Ok(true) => self.busy.push(number),
            Err(Gone) => drop(self.visitors.remove(&number)),
        }
    }

    fn expire(&mut self, now: Duration) {
        let is_over = |visitor: &Visitor| visitor.deadline <= now;
        let over = self.visitors.iter().filter(|(_, visitor)| is_over(visitor));
        for number in over.map(|(&number, _)| number).collect::<Vec<_>>() {
            self.with(number, now, |visitor, shared| {
                visitor.expire(shared)?;
                visitor.step(shared)
            });
        }
    }

    /// Hands requests to the server behind, the oldest first; but those of clients that do not wait for
    /// their answers come last.
    fn hand_over(&mut self, now: Duration) -> Result<(), GuardError> {
        while now >= self.back_rests_until {
            let queued = self.visitors.iter().filter(|(_, one)| one.is_queued());
            let first = queued.min_by_key(|(_, one)| (one.is_hasty(), one.since));
            let Some(number) = first.map(|(&number, _)| number) else { break };
            if self.young(now).count() >= YOUNG_MAX {
                break;
            }
            match self.connect_back(number) {
                Ok(back) => {
                    self.back_failures = 0;
                    let token = &self.door.token;
                    if let Some(visitor) = self.visitors.get_mut(&number) {
                        visitor.hand_over(Asked { back, token }, now);
                    }
                    self.step(number, now);
                }
                Err(error) => self.rest_from_back(error, now)?,
            }
        }
        Ok(())
    }

    /// When those were handed over that have no answer yet, and are not known to take long.
    fn young(&self, now: Duration) -> impl Iterator<Item = Duration> {
        let unanswered = self.visitors.values().filter_map(Visitor::unanswered_since);
        unanswered.filter(move |&since| now < since + YOUNG)
    }

    fn connect_back(&self, number: usize) -> io::Result<BackStream> {
        has_spare_descriptors()?;
        let mut back = BackStream::connect(&self.door.address)?;
        back.register(self.poll.registry(), Token(number * 2 + 1))?;
        Ok(back)
    }

    fn rest_from_back(&mut self, error: io::Error, now: Duration) -> Result<(), GuardError> {
        self.back_rests_until = now + BACK_PAUSE;
        // Many are waiting there, or the system is short of something: that passes.
        let is_gone = matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound);
        if is_gone {
            self.back_failures += 1;
            if self.back_failures >= BACK_FAILURES_MAX {
                return Err(GuardError::Back(error));
            }
        } else if error.kind() != ErrorKind::WouldBlock {
            self.shrink(now);
            self.lines.log(now, || log::error!("http: a request cannot be handed on: {error}"));
        }
        Ok(())
    }

    fn accept(&mut self, now: Duration) -> Result<(), GuardError> {
        if now >= self.short_until {
            self.slots = self.limits.connections;
        }
        if self.newcomer.is_some() {
            self.accepting.rests_until = Duration::ZERO; // a slot may have come free meanwhile
        }
        for _ in 0..ACCEPTS_MAX {
            if !self.accepting.is_wanted || now < self.accepting.rests_until {
                return Ok(());
            }
            match self.accept_one(now)? {
                Step::Next => {}
                Step::NobodyWaits => self.accepting.is_wanted = false,
                Step::Rest(until) => self.accepting.rests_until = until,
            }
        }
        Ok(()) // more may wait: `next_wake` says at once
    }

    fn accept_one(&mut self, now: Duration) -> Result<Step, GuardError> {
        let visitor = match (self.newcomer.take(), &self.listener) {
            (Some(visitor), _) => visitor,
            (None, None) => return Ok(Step::NobodyWaits),
            (None, Some(listener)) => match listener.accept() {
                Ok((client, address)) => {
                    self.accepting.failing_since = None;
                    Visitor::new(client, address.ip().to_canonical(), now, &self.limits)
                }
                Err(error) => return self.note_accept_error(error, now),
            },
        };
        if self.has_room() || self.make_room_for_newcomer(visitor.peer, now) {
            self.accepting.full_since = None;
            self.welcome(visitor, now);
            return Ok(Step::Next);
        }
        let since = *self.accepting.full_since.get_or_insert(now);
        if now < since + self.limits.slot_within {
            self.newcomer = Some(visitor);
            return Ok(Step::Rest(since + self.limits.slot_within));
        }
        self.evict(visitor, now);
        Ok(Step::Next)
    }

    fn has_room(&self) -> bool {
        self.visitors.len() < self.slots
    }

    fn welcome(&mut self, mut visitor: Visitor, now: Duration) {
        let number = self.next_number;
        self.next_number += 1;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = Token(number * 2);
        if self.poll.registry().register(visitor.client(), token, interest).is_ok() {
            self.visitors.insert(number, visitor);
            self.step(number, now);
        }
    }

    fn note_accept_error(&mut self, error: io::Error, now: Duration) -> Result<Step, GuardError> {
        match error.kind() {
            ErrorKind::WouldBlock => {
                self.accepting.failing_since = None;
                return Ok(Step::NobodyWaits);
            }
            // The client went away before it was taken.
            ErrorKind::Interrupted | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => {
                return Ok(Step::Next);
            }
            _ => {}
        }
        let since = *self.accepting.failing_since.get_or_insert(now);
        if now >= since + self.limits.accept_within {
            return Err(GuardError::Accept(error));
        }
        self.lines.log(now, || log::error!("http: a connection cannot be taken: {error}"));
        if self.shrink(now) {
            return Ok(Step::Next);
        }
        Ok(Step::Rest(now + self.limits.accept_pause))
    }

    fn log_refused(&mut self, now: Duration) {
        for (peer, Refusal { status, message }) in std::mem::take(&mut self.refused) {
            self.lines.log(now, || {
                log::warn!("http: refused a request from {peer} with {status}: {message}");
            });
        }
    }
}

/// The system waits in whole milliseconds, and rounds down.
fn rounded_up(wait: Duration) -> Duration {
    if wait.is_zero() { wait } else { wait.saturating_add(Duration::from_millis(1)) }
}

/// Whether the system gives a few more descriptors.
#[cfg(unix)]
fn has_spare_descriptors() -> io::Result<()> {
    let mut spare = Vec::with_capacity(SPARE_PAIRS);
    for _ in 0..SPARE_PAIRS {
        spare.push(std::os::unix::net::UnixStream::pair()?);
    }
    Ok(())
}

/// There is no such limit.
#[cfg(not(unix))]
fn has_spare_descriptors() -> io::Result<()> {
    Ok(())
}
