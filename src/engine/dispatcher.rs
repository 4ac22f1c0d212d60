//! The dispatcher: the one who decides, one step at a time. It owns the queue of channels, the run from a trigger to the
//! last delivery that can be sent now, and what is to be asked of WAHA; workers are given jobs and
//! answer. It plans what is due itself, a bounded piece at a step. Nothing here sends or sleeps.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::channel_queue::{After, ChannelQueue, Memory};
use super::clock_check::{Look, Question};
use super::lookup::{LOOKS_AT_ONCE, LOOKUPS_PER_RUN, Lookups};
use super::plan::Planner;
use super::{Answer, Core, DATABASE_REST, Done, Job, When};
use crate::channels::{HoldEnds, hold_ends};
use crate::clock::{Now, Timestamp};
use crate::fail_point;
use crate::reason::Reason;
use crate::send_window::Closed;
use crate::store::{HiddenNumber, RunCounts, Trigger, WAL_LARGE_BYTES};
use crate::trigger::{DatabaseUser, Request, RunReport};

/// Runs that found nothing are kept so long.
const EMPTY_RUNS_KEPT: Duration = Duration::from_hours(168);
/// How long the end of the program waits for a database that does not take an outcome.
const RECORDS_BEFORE_END: Duration = Duration::from_millis(800);
/// How long the run lets a database rest that failed.
const RUN_REST: Duration = Duration::from_secs(5);
/// How long planning goes first: what is due at a moment is planned before more is sent at that moment, unless it is so
/// much that the channels would wait for it.
const PLANNING_FIRST: Duration = Duration::from_millis(100);
/// How long an opening is slept towards before the wall clock, which may be set, is looked at again.
const LOOK_AT_CLOCK: Duration = Duration::from_mins(1);
/// An opening further away than this was reckoned under another clock.
const OPENING_MAX: Duration = Duration::from_hours(72);

pub(super) struct Dispatcher {
    core: Arc<Core>,
    pub(super) planner: Planner,
    run: Run,
    channels: ChannelQueue,
    /// Channels that wait for their hours or for another day. Such a wait is no hold, and no run waits
    /// for its end: see [`Dispatcher::opening`].
    waits: HashMap<i64, (Timestamp, Closed)>,
    /// The same of channels whose recipients got something lately.
    gaps: HashMap<i64, Timestamp>,
    /// Channels with an outcome that the database did not take: nothing else is begun before it does.
    unrecorded: VecDeque<i64>,
    is_recording: bool,
    lookups: Lookups,
    has_made_due: bool,
    hidden_numbers: VecDeque<HiddenNumber>,
    hidden_out: usize,
    question: Question,
    /// When WAHA last gave reason to doubt what is believed of its sessions, on the monotonic clock.
    doubted_at: Option<Duration>,
    /// How many workers there are, and how many have a job.
    pub(super) workers: usize,
    out: usize,
    /// The run lets the database rest until then, and so do the outcomes that it did not take.
    run_rests_until: Option<Duration>,
    records_rest_until: Option<Duration>,
    /// When its thread looks again by itself, on the monotonic clock.
    wakes_at: Option<Duration>,
    /// Since when there is more to plan at once, on the monotonic clock.
    plans_since: Option<Duration>,
    /// Whether the WAL was found too large, and said to be.
    is_wal_large: bool,
}

/// What the table knows of the run under way, and what is left to do for it.
#[derive(Debug, Default)]
struct Run {
    /// Triggers that have no row yet.
    requests: VecDeque<Request>,
    /// The first trigger, and when it was looked at.
    begin: Option<(Trigger, Timestamp)>,
    row: Option<i64>,
    is_planning: bool,
    /// A trigger came in the middle of a pass, which may not have seen what it was pulled for.
    looks_again: bool,
    /// Whether somebody asked to stop whose other name is to be asked for.
    has_opt_out: bool,
}

/// How far planning came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Planned {
    /// There is more: come back at once.
    More,
    /// WAHA is asked for its time before.
    Asking,
    /// What is due is planned, or stays due.
    All,
}

impl Dispatcher {
    pub(super) fn new(core: Arc<Core>, planner: Planner) -> Self {
        Self {
            core,
            planner,
            run: Run::default(),
            channels: ChannelQueue::default(),
            waits: HashMap::new(),
            gaps: HashMap::new(),
            unrecorded: VecDeque::new(),
            is_recording: false,
            lookups: Lookups::default(),
            has_made_due: false,
            hidden_numbers: VecDeque::new(),
            hidden_out: 0,
            question: Question::default(),
            doubted_at: None,
            workers: 1,
            out: 0,
            run_rests_until: None,
            records_rest_until: None,
            wakes_at: None,
            plans_since: None,
            is_wal_large: false,
        }
    }

    /// Before the first step: what another process left in the middle becomes what it is.
    ///
    /// From here on the monotonic clock keeps every pace: a wall clock that is set later, even before
    /// a channel is first looked at, changes none.
    pub(super) fn recover(&mut self) -> Done<()> {
        let (recovered, paced) = self.core.recover()?;
        let longest = self.core.config.longest_gap();
        for (channel, column) in paced {
            self.channels.memory(channel).ready_time(column, self.core.clock.now(), longest);
        }
        let now = self.core.clock.now().wall;
        let interrupted = self.core.write(|tx| tx.close_interrupted_runs(now))?;
        if recovered + interrupted > 0 {
            log::warn!("start: the program had ended in between: {recovered} deliveries unknown");
        }
        Ok(())
    }

    /// Takes the workers' answers, does one bounded piece of the run's work, and gives out jobs. Says
    /// when to come back; or that the database failed, which is noted. Nothing is lost by that: a later
    /// step goes on where this one stopped.
    pub(super) fn step(&mut self, answers: Vec<Answer>) -> (Done<When>, Vec<Job>) {
        for answer in answers {
            self.take(answer);
        }
        let now = self.core.clock.now();
        self.leave_what_does_not_fit(now);
        let mut conducted = Ok(false);
        if self.run_rests_until.is_none_or(|until| until <= now.monotonic) {
            conducted = self.conduct(now);
            self.core.triggers.note_database(DatabaseUser::Run, conducted.as_ref().err());
            self.run_rests_until = conducted.is_err().then(|| now.monotonic + RUN_REST);
        }
        let now = self.core.clock.now();
        self.plans_since = match conducted {
            Ok(true) => self.plans_since.or(Some(now.monotonic)),
            Ok(false) | Err(_) => None,
        };
        let jobs = self.give_jobs(now);
        let when = conducted.map(|has_more| if has_more { When::AtOnce } else { self.when(now) });
        self.wakes_at = match when {
            Ok(When::AtOnce) | Err(_) => Some(now.monotonic),
            Ok(When::In(wait)) => Some(now.monotonic + wait),
            Ok(When::Rung) => None,
        };
        (when, jobs)
    }

    /// Whether an answer only ends its channel's turn: most do, and to wake another thread for each takes longer.
    pub(super) fn is_plain(&self, answer: &Answer) -> bool {
        match answer {
            Answer::Channel(_, memory, Ok(After::Ready(_) | After::Empty(_) | After::Held)) => {
                let waits = memory.closed.is_some() || memory.waits_until.is_some();
                !waits && !memory.doubts_sessions && self.unrecorded.is_empty()
            }
            Answer::Channel(_, _, Ok(After::Unrecorded(_)) | Err(_))
            | Answer::LookUp(..)
            | Answer::HiddenNumber(_)
            | Answer::AskedTheTime => false,
        }
    }

    /// Takes such an answer in the worker's thread, and gives out jobs. Says also whether the dispatcher's own thread
    /// has to look before it would by itself.
    pub(super) fn take_plain(&mut self, answer: Answer) -> (Vec<Job>, bool) {
        self.take(answer);
        let now = self.core.clock.now();
        self.leave_what_does_not_fit(now);
        let jobs = self.give_jobs(now);
        let ready = self.channels.first_ready().filter(|ready| *ready > now.monotonic);
        let is_sooner = ready.is_some_and(|at| self.wakes_at.is_none_or(|wakes| at < wakes));
        if is_sooner {
            self.wakes_at = ready;
        }
        (jobs, is_sooner || self.is_idle())
    }

    fn give_jobs(&mut self, now: Now) -> Vec<Job> {
        let mut jobs = Vec::new();
        while self.out < self.workers
            && let Some(job) = self.next_job(now)
        {
            self.out += 1;
            jobs.push(job);
        }
        jobs
    }

    fn plans_first(&self, now: Now) -> bool {
        let is_new = |since| now.monotonic.saturating_sub(since) < PLANNING_FIRST;
        self.plans_since.is_some_and(is_new) && !self.planner.is_in_portions()
    }

    fn when(&self, now: Now) -> When {
        let records = self.records_rest_until.filter(|_| !self.unrecorded.is_empty());
        // A channel that is ready already waits for a worker, whose answer rings.
        let ready = self.channels.first_ready().filter(|ready| *ready > now.monotonic);
        let first = [self.run_rests_until, records, ready].into_iter().flatten().min();
        match first {
            Some(at) => When::In(at.saturating_sub(now.monotonic)),
            None => When::Rung,
        }
    }

    fn take(&mut self, answer: Answer) {
        self.out -= 1;
        let triggers = &self.core.triggers;
        match answer {
            Answer::Channel(id, memory, after) => self.take_channel(id, memory, after),
            Answer::LookUp(channel, done) => {
                triggers.note_database(DatabaseUser::Lookup, done.as_ref().err());
                match done {
                    Ok(None) => {}
                    Ok(Some(done)) => {
                        self.has_made_due |= done.has_made_due;
                        self.lookups.note(channel, &done);
                    }
                    Err(_) => self.lookups.leave_the_rest(),
                }
            }
            Answer::HiddenNumber(done) => {
                self.hidden_out -= 1;
                triggers.note_database(DatabaseUser::HiddenNumbers, done.as_ref().err());
                if !matches!(done, Ok(true)) {
                    self.hidden_numbers.clear();
                }
            }
            Answer::AskedTheTime => self.question = Question::Answered,
        }
    }

    fn take_channel(&mut self, id: i64, mut memory: Memory, after: Done<After>) {
        let now = self.core.clock.now().monotonic;
        let user = DatabaseUser::Channel(id);
        let trouble = match &after {
            Ok(After::Unrecorded(error)) | Err(error) => Some(error),
            Ok(After::Ready(_) | After::Empty(_) | After::Held) => None,
        };
        self.core.triggers.note_database(user, trouble);
        let after = after.unwrap_or(After::Ready(now + DATABASE_REST));
        let was_left = self.unrecorded.front() == Some(&id) && self.is_recording;
        match (&after, was_left) {
            (After::Unrecorded(_), true) => self.records_rest_until = Some(now + DATABASE_REST),
            (After::Unrecorded(_), false) => self.unrecorded.push_back(id),
            (_, true) => drop(self.unrecorded.pop_front()),
            (_, false) => {}
        }
        self.is_recording &= !was_left;
        if std::mem::take(&mut memory.doubts_sessions) {
            self.doubted_at = Some(now);
        }
        if let Some(closed) = memory.closed.take() {
            self.waits.insert(id, closed);
        }
        if let Some(until) = memory.waits_until.take() {
            self.gaps.insert(id, until);
        }
        self.channels.put_back(id, memory, &after);
    }

    /// The next job for a worker. Whose a hidden number is that asked to stop comes before any delivery.
    fn next_job(&mut self, now: Now) -> Option<Job> {
        if let Some(hidden) = self.hidden_numbers.pop_front() {
            self.hidden_out += 1;
            return Some(Job::HiddenNumber(hidden));
        }
        if self.question == Question::Wanted {
            self.question = Question::Asking;
            return Some(Job::AskTheTime);
        }
        if let Some(id) = self.unrecorded.front().copied() {
            let rests = self.records_rest_until.is_some_and(|until| until > now.monotonic);
            if rests || self.is_recording {
                return None;
            }
            (self.is_recording, self.records_rest_until) = (true, None);
            return Some(Job::Channel(id, std::mem::take(self.channels.memory(id))));
        }
        if self.plans_first(now) {
            return None; // the next step comes at once
        }
        if let Some((id, mut memory)) = self.channels.take(now) {
            memory.closed = self.waits.remove(&id);
            self.gaps.remove(&id);
            if let Some(at) = self.doubted_at {
                memory.doubt_session(at);
            }
            return Some(Job::Channel(id, memory));
        }
        self.lookups.next().map(Job::LookUp)
    }

    /// Leaves to the next run what may not be begun any more.
    fn leave_what_does_not_fit(&mut self, now: Now) {
        let Some(last) = self.core.last_begin.get() else { return };
        self.channels.drop_after(*last, now);
        if self.core.is_over(now) {
            self.hidden_numbers.clear();
            self.lookups.leave_the_rest();
        }
    }

    /// The run's next piece of work. Returns whether there is more to do at once.
    fn conduct(&mut self, now: Now) -> Done<bool> {
        let requests = self.core.triggers.take_requests(now);
        if !requests.is_empty() {
            self.watch_wal();
            if self.question == Question::Answered {
                self.question = Question::NotAsked; // WAHA may be asked once more.
            }
        }
        self.run.has_opt_out |= self.core.triggers.take_opt_out();
        if !self.core.triggers.is_running() {
            return Ok(false);
        }
        self.run.is_planning |= !requests.is_empty();
        self.run.looks_again |= !requests.is_empty() && self.planner.is_under_way();
        self.run.requests.extend(requests);
        self.record_triggers(now.wall)?;
        if self.run.is_planning || self.run.has_opt_out || self.is_idle() {
            // Who asked to stop just now may be the next recipient.
            self.gather_hidden_numbers(now.wall)?;
        }
        if self.run.is_planning {
            match self.plan(now)? {
                Planned::More => return Ok(true),
                Planned::Asking => return Ok(false),
                Planned::All => {}
            }
        }
        self.record_timer_run()?;
        if !self.is_idle() {
            return Ok(false);
        }
        let is_due =
            self.planner.settle_unlooked(now.wall)? | std::mem::take(&mut self.has_made_due);
        if is_due && !self.core.is_over(now) {
            self.run.is_planning = true;
            return Ok(true);
        }
        self.end(now.wall)
    }

    /// Whether nothing is left that can be done now, and no worker does anything.
    fn is_idle(&self) -> bool {
        self.out == 0
            && self.channels.is_idle()
            && self.lookups.is_empty()
            && self.hidden_numbers.is_empty()
    }

    /// Notes about whom WAHA is to be asked now, when nothing is noted or under way.
    fn gather_hidden_numbers(&mut self, now: Timestamp) -> Done<()> {
        if self.hidden_numbers.is_empty() && self.hidden_out == 0 {
            self.hidden_numbers.extend(self.core.read(|tx| tx.due_hidden(now, LOOKS_AT_ONCE))?);
            self.run.has_opt_out = false;
        }
        Ok(())
    }

    /// Plans what is due, as far as there is time and the clock may be believed.
    fn plan(&mut self, now: Now) -> Done<Planned> {
        // What is begun is finished: otherwise a host that gives little time would never see the end.
        if !self.planner.is_under_way() {
            if self.core.is_over(now) {
                self.run.is_planning = false; // What is due stays due.
                return Ok(Planned::All);
            }
            match self.core.look_at_clock(&mut self.question, now)? {
                Look::Good => {}
                Look::Asking => return Ok(Planned::Asking),
                Look::Held => {
                    self.run.is_planning = false;
                    // Their sessions may be looked at all the same.
                    self.offer_channels(now)?;
                    return Ok(Planned::All);
                }
            }
        }
        let was_in_portions = self.planner.is_in_portions();
        let mut has_more = self.planner.step(now.wall)?;
        if !self.planner.is_under_way() {
            has_more |= std::mem::take(&mut self.run.looks_again);
        }
        // A further portion of a message gives the workers nothing to do before its last one.
        if !was_in_portions && (self.planner.is_in_portions() || !self.planner.is_under_way()) {
            let due = self.core.read(|tx| tx.due_lookups(now.wall, LOOKUPS_PER_RUN))?;
            self.lookups.gather(due);
            self.offer_channels(now)?;
        }
        self.run.is_planning = has_more;
        Ok(if has_more { Planned::More } else { Planned::All })
    }

    /// Lets every channel that may have something to do wait for its turn, but for those whose hold a
    /// look at the session does not end: no run waits for their gap.
    fn offer_channels(&mut self, now: Now) -> Done<()> {
        let longest = self.core.config.longest_gap();
        let channels = self.core.read(|tx| tx.channels_with_work(now.wall))?;
        for channel in channels {
            let ends = channel.held.as_ref().map(|held| hold_ends(held, now.wall));
            if matches!(ends, None | Some(HoldEnds::ByLook)) {
                self.channels.offer(channel.id, channel.ready_at, now, longest);
            }
        }
        self.leave_what_does_not_fit(now);
        Ok(())
    }

    /// Each trigger leaves a row. The first one's is the run's; those that joined it end at once.
    /// The ticker's has one only when it finds something.
    fn record_triggers(&mut self, now: Timestamp) -> Done<()> {
        while let Some(Request { trigger, remote }) = self.run.requests.front() {
            let (trigger, is_first) = (*trigger, self.run.begin.is_none());
            if trigger != Trigger::Timer {
                let row = self.core.write(|tx| {
                    let row = tx.start_run(trigger, remote.as_deref(), now)?;
                    if !is_first {
                        tx.finish_run(row, RunCounts::default(), None, now)?;
                    }
                    Ok(row)
                })?;
                fail_point::reach("run_recorded");
                if is_first {
                    self.note_row(row, trigger);
                }
            }
            self.run.begin.get_or_insert((trigger, now));
            self.run.requests.pop_front();
        }
        Ok(())
    }

    fn record_timer_run(&mut self) -> Done<()> {
        if self.run.row.is_none()
            && let Some((trigger, began)) = self.run.begin
            && self.core.triggers.report().messages.processed > 0
        {
            let row = self.core.write(|tx| tx.start_run(trigger, None, began))?;
            self.note_row(row, trigger);
        }
        Ok(())
    }

    fn note_row(&mut self, row: i64, trigger: Trigger) {
        self.run.row = Some(row);
        log::info!("run {row}: started by {trigger}");
    }

    /// Says once that another program reads for so long that the WAL cannot be emptied: messages go
    /// out all the same, but the disk fills. One look at the directory.
    fn watch_wal(&mut self) {
        let bytes = self.core.store().wal_bytes();
        if bytes > WAL_LARGE_BYTES && !std::mem::replace(&mut self.is_wal_large, true) {
            log::warn!(
                "database: its -wal has grown to {} MiB: another program reads the database for long: end it",
                bytes >> 20
            );
        }
        self.is_wal_large &= bytes > WAL_LARGE_BYTES / 2;
    }

    /// Ends the run, unless a trigger joined it meanwhile. Returns whether one did.
    fn end(&mut self, now: Timestamp) -> Done<bool> {
        self.watch_wal();
        self.core.note_clock_heard()?;
        let counts = self.core.triggers.report().messages;
        let row = self.run.row;
        let pending = self.core.write(|tx| {
            if let Some(row) = row {
                let held = tx.clock_believed()?.hold;
                tx.finish_run(row, counts, held.as_ref(), now)?;
                tx.drop_empty_runs(now.minus(EMPTY_RUNS_KEPT))?;
            }
            tx.count_pending()
        })?;
        fail_point::reach("run_ended");
        let Some(report) = self.core.triggers.end_run(pending) else { return Ok(true) };
        if let Some(row) = row {
            log_end(row, &report);
        }
        self.run = Run::default();
        Ok(false)
    }

    /// How long until a channel that waits for its hours, for another day or for its recipients may send again: zero when
    /// it may now, and then only once; at most a minute, because the wall clock may be set meanwhile.
    /// `None` when none waits.
    pub(super) fn opening(&mut self) -> Option<Duration> {
        let closed = self.waits.values().map(|(at, _)| at);
        let first = closed.chain(self.gaps.values()).copied().min()?;
        let now = self.core.clock.now().wall;
        if first <= now || first.since(now) > OPENING_MAX {
            let is_ahead = |at: Timestamp| at > now && at.since(now) <= OPENING_MAX;
            self.waits.retain(|_, (at, _)| is_ahead(*at));
            self.gaps.retain(|_, at| is_ahead(*at));
            return Some(Duration::ZERO);
        }
        Some(first.since(now).min(LOOK_AT_CLOCK))
    }

    /// After the last step, when the program is told to end during a run: writes down what the run did.
    /// Returns how many deliveries still wait.
    pub(super) fn stop(&mut self, answers: Vec<Answer>) -> Done<u64> {
        for answer in answers {
            self.take(answer);
        }
        let last = self.core.clock.now().monotonic + RECORDS_BEFORE_END;
        for id in std::mem::take(&mut self.unrecorded) {
            self.core.record_before_end(self.channels.memory(id), last);
        }
        let now = self.core.clock.now().wall;
        let counts = self.core.triggers.report().messages;
        let row = self.run.row.take();
        self.core.write(|tx| {
            if let Some(row) = row {
                tx.finish_run(row, counts, Some(&Reason::StoppedDuringRun.into()), now)?;
            }
            tx.count_pending()
        })
    }
}

fn log_end(row: i64, report: &RunReport) {
    let RunReport { messages: RunCounts { processed, success, failed }, deliveries, pending } =
        report;
    let sent = deliveries.sent;
    log::info!(
        "run {row}: ended: {processed} messages, {success} sent, {failed} failed; {sent} deliveries sent, {pending} pending"
    );
}
