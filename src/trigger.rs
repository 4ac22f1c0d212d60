//! Triggers and the run that they start: what the HTTP side, the ticker and the sending side say to
//! each other. Holds no SQL and no network; a lock is held only to read or change a few numbers.
//!
//! A run begins with a trigger and ends when nothing that is due can be sent any more. A trigger
//! during a run joins it: the run looks for due messages once more.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use crate::clock::{Now, Wake, lock};
use crate::delivery::{Counts, Status, Verdict};
use crate::logging::in_one_line;
use crate::reason::Reason;
use crate::recipient::mask_numbers;
use crate::store::{RunCounts, Settled, StoreError, Trigger};

/// The meeting point of those who trigger and those who send.
#[derive(Debug, Default)]
pub struct Triggers {
    state: Mutex<State>,
    is_stopping: AtomicBool,
    /// Rung when the dispatcher may have work, or the program shall stop.
    pub wake: Wake,
    /// Rung when a run ended, or the program shall stop.
    pub(crate) ended: Wake,
    /// Rung when there is something that a person or a monitor may want to hear of.
    pub(crate) pulse: Wake,
    /// How long sends took.
    pub(crate) latency: Latency,
}

/// What a monitor wants to hear of, in the order in which it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pulse {
    Began(Trigger),
    /// A trigger joined the run under way.
    Joined(RunReport),
    Ended(RunReport),
}

/// A trigger that was pulled and not looked at yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub(crate) trigger: Trigger,
    /// Who, when it came over the network.
    pub(crate) remote: Option<String>,
}

/// What a trigger did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulled {
    pub run: RunNumber,
    /// Whether that run was under way before.
    pub(crate) was_running: bool,
}

/// Counts the runs of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunNumber(u64);

/// What a run did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunReport {
    pub messages: RunCounts,
    /// Deliveries that ended in this run.
    pub deliveries: Counts,
    /// Deliveries that still wait: their channel is held, or the run was cut short.
    pub pending: u64,
}

/// Counts, and nothing else.
impl fmt::Display for RunReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages: RunCounts { success, failed, .. }, deliveries, pending } = self;
        let Counts { sent, failed: refused, skipped, unknown, expired, .. } = deliveries;
        write!(
            f,
            "messages: {success} sent, {failed} failed; deliveries: {sent} sent, {refused} failed, \
             {skipped} skipped, {unknown} unknown, {expired} expired, {pending} pending"
        )
    }
}

/// Who may find that the database fails, each for itself: what works for one, a read perhaps, says
/// nothing of what fails for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum DatabaseUser {
    /// The dispatcher, which plans and ends runs.
    Run,
    /// A worker that looks up what is unknown.
    Lookup,
    /// A worker that asks whose a hidden number is.
    HiddenNumbers,
    /// The worker that has this channel.
    Channel(i64),
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is under way, or about to begin.
    Running(RunReport),
    Finished(RunReport),
}

#[derive(Debug, Default)]
struct State {
    requests: Vec<Request>,
    /// The number of the newest run; it is under way when `is_running`.
    newest: RunNumber,
    is_running: bool,
    /// What it did so far, and with which messages.
    report: RunReport,
    messages: HashSet<i64>,
    /// The report of run `newest` after its end, else of the one before.
    last: RunReport,
    /// Another process holds the sender's lock.
    is_standby: bool,
    /// Who cannot use the database now.
    database_trouble: HashSet<DatabaseUser>,
    pulses: VecDeque<Pulse>,
    /// When triggers were last looked at.
    looked_at: Option<Now>,
    /// Whether somebody opted out since the dispatcher looked.
    has_opt_out: bool,
}

/// Triggers that wait to be looked at, at most; more of them would say nothing new.
const REQUESTS_MAX: usize = 1000;
/// Pulses that wait to be heard, at most: the oldest ones say the least.
const PULSES_MAX: usize = 100;

impl State {
    /// Returns whether it is the run's first message.
    fn note_message(&mut self, auto_message_id: i64) -> bool {
        self.messages.insert(auto_message_id);
        let count = self.messages.len() as u64;
        std::mem::replace(&mut self.report.messages.processed, count) == 0
    }

    fn note_pulse(&mut self, pulse: Pulse) {
        if self.pulses.len() >= PULSES_MAX {
            self.pulses.pop_front();
        }
        self.pulses.push_back(pulse);
    }
}

impl Triggers {
    /// Pulls a trigger: starts a run, or joins the one under way.
    pub fn pull(&self, trigger: Trigger, remote: Option<String>) -> Pulled {
        let pulled = {
            let mut state = self.lock();
            let was_running = state.is_running || state.is_standby || !state.requests.is_empty();
            if state.requests.len() < REQUESTS_MAX {
                state.requests.push(Request { trigger, remote });
            }
            let current = state.newest.0;
            let run = RunNumber(if state.is_running { current } else { current + 1 });
            Pulled { run, was_running }
        };
        self.wake.ring();
        pulled
    }

    /// Takes the triggers that were pulled since the last call; begins a run when there are any and
    /// none is under way.
    pub fn take_requests(&self, now: Now) -> Vec<Request> {
        let requests = {
            let mut state = self.lock();
            let requests = std::mem::take(&mut state.requests);
            let Some(first) = requests.first() else { return requests };
            state.looked_at = Some(now);
            if state.is_running {
                let report = state.report;
                state.note_pulse(Pulse::Joined(report));
            } else {
                state.is_running = true;
                state.newest.0 += 1;
                state.report = RunReport::default();
                state.messages.clear();
                state.note_pulse(Pulse::Began(first.trigger));
            }
            requests
        };
        self.pulse.ring();
        requests
    }

    /// Notes that somebody opted out: a run may be at its end by that, or has a name to ask for.
    pub(crate) fn note_opt_out(&self) {
        self.lock().has_opt_out = true;
        self.wake.ring();
    }

    /// Whether somebody opted out since the last call.
    pub(crate) fn take_opt_out(&self) -> bool {
        std::mem::take(&mut self.lock().has_opt_out)
    }

    /// What happened since the last call, oldest first.
    pub(crate) fn take_pulses(&self) -> VecDeque<Pulse> {
        std::mem::take(&mut self.lock().pulses)
    }

    /// When triggers were last looked at; `None` when there was none yet.
    pub(crate) fn looked_at(&self) -> Option<Now> {
        self.lock().looked_at
    }

    /// How many runs began since the program started.
    pub(crate) fn count_runs(&self) -> u64 {
        self.lock().newest.0
    }

    /// Ends the run under way unless a trigger joined it meanwhile; returns its report when it
    /// ended. `pending` is how many deliveries still wait.
    pub(crate) fn end_run(&self, pending: u64) -> Option<RunReport> {
        let report = {
            let mut state = self.lock();
            if !state.is_running || !state.requests.is_empty() {
                return None;
            }
            state.is_running = false;
            state.report.pending = pending;
            state.last = state.report;
            let report = state.report;
            state.note_pulse(Pulse::Ended(report));
            report
        };
        self.ended.ring();
        self.pulse.ring();
        Some(report)
    }

    /// How a run stands that [`Triggers::pull`] named.
    pub fn progress(&self, run: RunNumber) -> Progress {
        let state = self.lock();
        if run > state.newest {
            Progress::Running(RunReport::default())
        } else if run == state.newest && state.is_running {
            Progress::Running(state.report)
        } else {
            // Only the newest report is kept; who asks for an older one waited so long that the
            // next run ended too, and that one has counted on.
            Progress::Finished(state.last)
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.lock().is_running
    }

    /// Notes that a message was planned, with how many of its recipients ended at once.
    pub(crate) fn note_planned(&self, auto_message_id: i64, skipped: u64, expired: u64) {
        let mut state = self.lock();
        state.note_message(auto_message_id);
        state.report.deliveries.skipped += skipped;
        state.report.deliveries.expired += expired;
    }

    /// Notes that so many deliveries of a message ended with `status`.
    pub(crate) fn note_deliveries(&self, auto_message_id: i64, status: Status, count: u64) {
        if count > 0 {
            let ended = |report: &mut RunReport| {
                report.deliveries.of(status).into_iter().for_each(|counted| *counted += count);
            };
            self.note(auto_message_id, ended);
        }
    }

    /// Notes, also in the log, that messages were settled.
    pub(crate) fn note_settled<'a>(&self, all: impl IntoIterator<Item = &'a Settled>) {
        for Settled { auto_message_id: id, verdict, next } in all {
            let next = next.map(|at| format!(", next at {at}")).unwrap_or_default();
            match verdict {
                Verdict::Sent => {
                    log::info!("message {id}: sent{next}");
                    self.note(*id, |report| report.messages.success += 1);
                }
                Verdict::Failed { error } => {
                    log::warn!("message {id}: failed{next}: {}", mask_numbers(&error.to_string()));
                    self.note(*id, |report| report.messages.failed += 1);
                }
            }
        }
    }

    /// Notes, also in the log, that a message failed before it was planned.
    pub(crate) fn note_failed(&self, auto_message_id: i64, error: &Reason) {
        log::warn!("message {auto_message_id}: failed: {}", mask_numbers(&error.to_string()));
        self.note(auto_message_id, |report| report.messages.failed += 1);
    }

    /// Counts what became of a message. The first message of a run is news to the dispatcher: the
    /// ticker's run has a row from then on.
    fn note(&self, auto_message_id: i64, count: impl FnOnce(&mut RunReport)) {
        let is_first = {
            let mut state = self.lock();
            count(&mut state.report);
            state.note_message(auto_message_id)
        };
        if is_first {
            self.wake.ring();
        }
        self.pulse.ring();
    }

    /// What the run under way, or the last one, did so far.
    pub(crate) fn report(&self) -> RunReport {
        self.lock().report
    }

    /// Says that no new claim may be made and everybody shall come to an end.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        self.wake.ring();
        self.ended.ring();
        self.pulse.ring();
    }

    /// Sleeps until [`Triggers::stop`] is called.
    pub(crate) fn wait_for_stop(&self) {
        while !self.is_stopping() {
            let seen = self.wake.rings();
            if !self.is_stopping() {
                self.wake.wait(seen, None);
            }
        }
    }

    pub fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }

    /// Says whether another process sends and this one only stands by.
    pub(crate) fn set_standby(&self, is_standby: bool) {
        self.lock().is_standby = is_standby;
    }

    /// Notes whether `user` can use the database; also in the log, when the first one cannot and
    /// when the last one can again.
    pub(crate) fn note_database(&self, user: DatabaseUser, trouble: Option<&StoreError>) {
        let (was_well, is_well) = {
            let users = &mut self.lock().database_trouble;
            let was_well = users.is_empty();
            if trouble.is_some() {
                users.insert(user)
            } else {
                users.remove(&user)
            };
            (was_well, users.is_empty())
        };
        match trouble {
            Some(error) if was_well => {
                log::error!("database: sending stops: {}", in_one_line(error));
            }
            None if !was_well && is_well => log::info!("database: sending goes on"),
            Some(_) | None => {}
        }
    }

    /// Whether somebody on the sending side cannot use the database.
    pub(crate) fn has_database_trouble(&self) -> bool {
        !self.lock().database_trouble.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// Upper ends of the buckets, in seconds.
const BUCKETS: [f64; 10] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];

/// How long sends took.
#[derive(Debug, Default)]
pub(crate) struct Latency(Mutex<Counted>);

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    sum: Duration,
}

impl Latency {
    /// Notes one send, from the request to the end of its answer, or to its time-out.
    pub(crate) fn note(&self, took: Duration) {
        let mut counted = lock(&self.0);
        let fits = BUCKETS.iter().position(|end| took.as_secs_f64() <= *end);
        if let Some(index) = fits {
            counted.buckets[index] += 1;
        }
        counted.count += 1;
        counted.sum += took;
    }

    /// Upper ends in seconds, each with how many sends took at most so long; then all of them, and
    /// how many seconds they took together.
    pub(crate) fn read(&self) -> (Vec<(f64, u64)>, u64, f64) {
        let counted = *lock(&self.0);
        let mut so_far = 0;
        let cumulate = |(end, number): (f64, u64)| {
            so_far += number;
            (end, so_far)
        };
        let buckets = BUCKETS.into_iter().zip(counted.buckets).map(cumulate).collect();
        (buckets, counted.count, counted.sum.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn now() -> Now {
        Now { wall: Timestamp::from_millis(0), monotonic: std::time::Duration::ZERO }
    }

    #[test]
    fn the_first_trigger_starts_a_run_and_the_next_ones_join_it() {
        let triggers = Triggers::default();
        let first = triggers.pull(Trigger::Cron, None);
        assert!(!first.was_running);
        let second = triggers.pull(Trigger::Api, None);
        assert!(second.was_running);
        assert_eq!(first.run, second.run);
        assert_eq!(triggers.take_requests(now()).len(), 2);
        assert!(matches!(triggers.progress(first.run), Progress::Running(_)));
    }

    #[test]
    fn a_run_does_not_end_before_it_looked_again_for_a_trigger_that_joined() {
        let triggers = Triggers::default();
        let first = triggers.pull(Trigger::Cron, None);
        triggers.take_requests(now());
        triggers.pull(Trigger::Cron, None);
        assert_eq!(triggers.end_run(0), None);
        triggers.take_requests(now());
        assert!(triggers.end_run(0).is_some());
        assert!(matches!(triggers.progress(first.run), Progress::Finished(_)));
    }

    #[test]
    fn a_trigger_after_the_end_waits_for_a_new_run() {
        let triggers = Triggers::default();
        triggers.pull(Trigger::Cron, None);
        triggers.take_requests(now());
        triggers.end_run(0);
        let next = triggers.pull(Trigger::Cron, None);
        assert!(!next.was_running);
        assert!(matches!(triggers.progress(next.run), Progress::Running(_)));
    }

    #[test]
    fn a_report_counts_messages_once_and_deliveries_by_their_end() {
        let triggers = Triggers::default();
        triggers.pull(Trigger::Cron, None);
        triggers.take_requests(now());
        triggers.note_deliveries(7, Status::Sent, 1);
        triggers.note_deliveries(7, Status::Failed, 1);
        let settled = Settled { auto_message_id: 7, verdict: Verdict::Sent, next: None };
        triggers.note_settled([&settled]);
        let report = triggers.end_run(3).unwrap();
        assert_eq!(report.messages, RunCounts { processed: 1, success: 1, failed: 0 });
        assert_eq!((report.deliveries.sent, report.deliveries.failed), (1, 1));
        assert_eq!(report.pending, 3);
    }
}
