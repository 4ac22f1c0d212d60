//! A run: from a trigger to the last delivery that can be sent now.
//!
//! [`Runner::step`] is the conductor's work: take triggers, plan what is due, put channels on the
//! board, and end the run when the senders have nothing left. Nothing here sends or sleeps.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, Now, Timestamp};
use crate::clock_check::{ClockCheck, Look};
use crate::config::Config;
use crate::fail_point;
use crate::hidden_numbers::HiddenNumbers;
use crate::lookup::Lookup;
use crate::planner::Planner;
use crate::sender::{Sender, Step};
use crate::store::{RunCounts, Store, StoreError, Trigger, WAL_LARGE_BYTES};
use crate::trigger::{DatabaseUser, Request, RunReport, Triggers};
use crate::waha::Waha;

/// Runs that found nothing are kept so long.
const EMPTY_RUNS_KEPT: Duration = Duration::from_hours(168);

/// How long the end of the program waits for a database that does not take an outcome.
const RECORDS_BEFORE_END: Duration = Duration::from_millis(800);

/// Plans and sends on one database. One process per database may have one: see the OS lock.
pub struct Runner {
    store: Arc<Mutex<Store>>,
    clock: Arc<dyn Clock>,
    triggers: Arc<Triggers>,
    clock_check: ClockCheck,
    planner: Planner,
    sender: Sender,
    lookup: Lookup,
    hidden_numbers: HiddenNumbers,
    recorded: Mutex<Recorded>,
    /// Whether the WAL was found too large, and said to be.
    is_wal_large: AtomicBool,
    last_begin: Option<Duration>,
}

/// How long a program may take that its host ends.
///
/// What may not be cut off is a request to WAHA whose outcome is not recorded yet: it would be
/// `unknown`. So nothing is begun in the last part of the time, and what is under way is finished,
/// however long it takes.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimit {
    /// When it began, on the monotonic clock.
    pub began: Duration,
    /// How long it may take.
    pub max: Duration,
    /// How long a whole request may take: more room than that is of no use.
    pub request_max: Duration,
}

impl TimeLimit {
    /// Most requests take a few seconds; a WAHA that types first, or is busy, takes longer.
    const ROOM: Duration = Duration::from_secs(20);

    /// The last moment, on the monotonic clock, at which something may be begun: 20 s before the
    /// end, but never in the first half of the time.
    pub(crate) fn last_begin(self) -> Duration {
        let room = Self::ROOM.min(self.request_max).min(self.max / 2);
        self.began + self.max.saturating_sub(room)
    }
}

/// What the table knows of the run under way.
#[derive(Debug, Default)]
struct Recorded {
    /// Triggers that have no row yet.
    requests: VecDeque<Request>,
    /// The first trigger, and when it was looked at.
    begin: Option<(Trigger, Timestamp)>,
    /// The run's own row.
    row: Option<i64>,
    is_planning: bool,
}

/// What the conductor found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conducted {
    /// There is more to plan: come back at once.
    More,
    /// The run goes on without the conductor: come back when the bell rings.
    Running,
    /// No run is under way.
    Idle,
}

/// How far planning came.
enum Planned {
    /// There is more: come back at once.
    More,
    /// WAHA is asked for its time before: come back when the bell rings.
    Asking,
    /// What is due is planned, or stays due.
    All,
}

impl Runner {
    /// A runner on `store` that sends through `waha`. `seed` is for the jitter.
    pub fn new(
        store: Arc<Mutex<Store>>,
        waha: Waha,
        clock: Arc<dyn Clock>,
        triggers: Arc<Triggers>,
        config: Arc<Config>,
        seed: u64,
    ) -> Self {
        let waha = waha.noting_dates_by(Arc::clone(&clock));
        let hidden_numbers = HiddenNumbers::new(
            Arc::clone(&store),
            waha.clone(),
            Arc::clone(&clock),
            Arc::clone(&triggers),
            Arc::clone(&config),
        );
        let clock_check = ClockCheck::new(
            Arc::clone(&store),
            waha.clone(),
            Arc::clone(&triggers),
            config.late_limit,
        );
        let planner = Planner::new(Arc::clone(&store), Arc::clone(&triggers), Arc::clone(&config));
        let lookup = Lookup::new(
            Arc::clone(&store),
            waha.clone(),
            Arc::clone(&clock),
            Arc::clone(&triggers),
            config.zone.clone(),
        );
        let sender = Sender::new(
            Arc::clone(&store),
            waha,
            Arc::clone(&clock),
            Arc::clone(&triggers),
            config,
            seed,
        );
        Self {
            store,
            clock,
            triggers,
            clock_check,
            planner,
            sender,
            lookup,
            hidden_numbers,
            recorded: Mutex::default(),
            is_wal_large: AtomicBool::new(false),
            last_begin: None,
        }
    }

    /// Keeps the work within `limit`: what does not fit waits for the next run.
    pub fn within(mut self, limit: TimeLimit) -> Self {
        let last_begin = limit.last_begin();
        self.sender.set_last_claim(last_begin);
        self.last_begin = Some(last_begin);
        self
    }

    /// Plans at most `recipients` (1 or more) in one transaction.
    pub fn planning_in_portions_of(mut self, recipients: usize) -> Self {
        self.planner = self.planner.in_portions_of(recipients);
        self
    }

    /// Before the first step, with the lock held: what another process left in the middle becomes
    /// what it is. A delivery that is `sending` may have gone out just now, so its channel rests a
    /// whole gap.
    ///
    /// # Errors
    /// When the database fails, which is noted. It can be called again.
    pub fn recover(&self) -> Result<(), StoreError> {
        let recovered = self.recover_now();
        self.triggers.note_database(DatabaseUser::Conductor, recovered.as_ref().err());
        recovered
    }

    fn recover_now(&self) -> Result<(), StoreError> {
        let now = self.clock.now().wall;
        let recovered = self.sender.recover()?;
        let interrupted = self.store().write(|tx| tx.close_interrupted_runs(now))?;
        if recovered + interrupted > 0 {
            log::warn!("start: the program had ended in between: {recovered} deliveries unknown");
        }
        Ok(())
    }

    /// One bounded piece of a sender thread's work: whose a hidden number is that asked to stop, or else
    /// a delivery, or else a look-up.
    pub fn work(&self) -> Step {
        if self.is_over(self.clock.now()) {
            self.hidden_numbers.leave_the_rest();
        }
        let asked = self.hidden_numbers.step(|| self.sender.step_aside());
        if !matches!(asked, Ok(false)) {
            self.triggers.note_database(DatabaseUser::HiddenNumbers, asked.as_ref().err());
            // The run may be at its end.
            self.triggers.wake.ring();
            return Step::Worked;
        }
        if self.clock_check.step(|| self.sender.step_aside()) {
            self.triggers.wake.ring();
            return Step::Worked;
        }
        match self.sender.step() {
            Step::Worked => Step::Worked,
            idle @ (Step::Wait(_) | Step::Nothing) => {
                if self.is_over(self.clock.now()) {
                    self.lookup.leave_the_rest();
                }
                let looked = self.lookup.step(|| self.sender.step_aside());
                if !matches!(looked, Ok(false)) {
                    self.triggers.note_database(DatabaseUser::Lookup, looked.as_ref().err());
                    // The run may be at its end.
                    self.triggers.wake.ring();
                }
                if matches!(looked, Ok(true)) { Step::Worked } else { idle }
            }
        }
    }

    /// One bounded piece of the conductor's work.
    ///
    /// # Errors
    /// When the database fails, which is noted. Nothing is lost by it: the next step goes on where
    /// this one stopped.
    pub fn step(&self) -> Result<Conducted, StoreError> {
        let conducted = self.conduct();
        self.triggers.note_database(DatabaseUser::Conductor, conducted.as_ref().err());
        conducted
    }

    fn conduct(&self) -> Result<Conducted, StoreError> {
        let now = self.clock.now();
        let requests = self.triggers.take_requests(now);
        if !requests.is_empty() {
            self.watch_wal();
            self.clock_check.begin();
        }
        if !self.triggers.is_running() {
            return Ok(Conducted::Idle);
        }
        let is_planning = {
            let mut recorded = self.recorded();
            recorded.is_planning |= !requests.is_empty();
            recorded.requests.extend(requests);
            recorded.is_planning
        };
        self.record_triggers(now.wall)?;
        // Who asked to stop just now may be the next recipient.
        self.hidden_numbers.gather(now.wall)?;
        if !self.hidden_numbers.is_idle() {
            self.triggers.turns.ring();
        }
        if is_planning {
            match self.plan(now)? {
                Planned::More => return Ok(Conducted::More),
                Planned::Asking => return Ok(Conducted::Running),
                Planned::All => {}
            }
        }
        // Looked at before the counts: a delivery that ends in between is counted.
        let is_idle =
            self.sender.is_idle() && self.lookup.is_idle() && self.hidden_numbers.is_idle();
        self.record_timer_run()?;
        if !is_idle {
            return Ok(Conducted::Running);
        }
        let is_due = self.planner.settle_unlooked(now.wall)? | self.lookup.take_made_due();
        if is_due && !self.is_over(now) {
            self.recorded().is_planning = true;
            return Ok(Conducted::More);
        }
        self.end(now.wall)
    }

    /// Plans what is due, as far as there is time and the clock may be believed.
    fn plan(&self, now: Now) -> Result<Planned, StoreError> {
        let was_under_way = self.planner.is_under_way();
        // What is begun is finished: otherwise a host that gives little time would never see the end.
        if !was_under_way {
            if self.is_over(now) {
                self.recorded().is_planning = false; // What is due stays due.
                return Ok(Planned::All);
            }
            match self.clock_check.look(now)? {
                Look::Good => {}
                Look::Asking => return Ok(Planned::Asking),
                Look::Held => {
                    self.recorded().is_planning = false;
                    // Their sessions may be looked at all the same.
                    self.offer_channels(now)?;
                    return Ok(Planned::All);
                }
            }
        }
        let has_more = self.planner.pass(now.wall)?;
        // A further portion of a message gives the senders nothing to do before its last one.
        if !was_under_way {
            self.lookup.gather(now.wall)?;
            self.offer_channels(now)?;
        }
        self.recorded().is_planning = has_more;
        Ok(if has_more { Planned::More } else { Planned::All })
    }

    /// Whether nothing may be begun any more.
    fn is_over(&self, now: Now) -> bool {
        self.last_begin.is_some_and(|last| now.monotonic > last)
    }

    /// Puts every channel that may have something to do on the board.
    fn offer_channels(&self, now: Now) -> Result<(), StoreError> {
        let channels = self.store().read(|tx| tx.channels_with_work())?;
        for channel in &channels {
            self.sender.offer(channel, now);
        }
        self.triggers.turns.ring();
        Ok(())
    }

    /// Each trigger leaves a row. The first one's is the run's; those that joined it end at once.
    /// The ticker's has one only when it finds something.
    fn record_triggers(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut recorded = self.recorded();
        while let Some(request) = recorded.requests.front() {
            let trigger = request.trigger;
            let is_first = recorded.begin.is_none();
            if trigger != Trigger::Timer {
                let remote = request.remote.as_deref();
                let row = self.store().write(|tx| {
                    let row = tx.start_run(trigger, remote, now)?;
                    if !is_first {
                        tx.finish_run(row, RunCounts::default(), None, now)?;
                    }
                    Ok(row)
                })?;
                fail_point::reach("run_recorded");
                if is_first {
                    recorded.row = Some(row);
                    log::info!("run {row}: started by {}", trigger.as_str());
                }
            }
            if is_first {
                recorded.begin = Some((trigger, now));
            }
            recorded.requests.pop_front();
        }
        Ok(())
    }

    fn record_timer_run(&self) -> Result<(), StoreError> {
        let mut recorded = self.recorded();
        if recorded.row.is_none()
            && let Some((trigger, began)) = recorded.begin
            && self.triggers.report().messages.processed > 0
        {
            let row = self.store().write(|tx| tx.start_run(trigger, None, began))?;
            recorded.row = Some(row);
            log::info!("run {row}: started by {}", trigger.as_str());
        }
        Ok(())
    }

    /// Says once that another program reads for so long that the WAL cannot be emptied: messages go
    /// out all the same, but the disk fills. One look at the directory.
    fn watch_wal(&self) {
        let bytes = self.store().wal_bytes();
        let is_large = bytes > WAL_LARGE_BYTES;
        if is_large && !self.is_wal_large.swap(is_large, Ordering::Relaxed) {
            log::warn!(
                "database: its -wal has grown to {} MiB: another program reads the database for long: end it",
                bytes >> 20
            );
        } else if bytes <= WAL_LARGE_BYTES / 2 {
            self.is_wal_large.store(false, Ordering::Relaxed);
        }
    }

    fn end(&self, now: Timestamp) -> Result<Conducted, StoreError> {
        self.watch_wal();
        self.clock_check.note_what_was_heard(self.clock.now())?;
        let mut recorded = self.recorded();
        let counts = self.triggers.report().messages;
        let pending = self.store().write(|tx| {
            if let Some(row) = recorded.row {
                let held = tx.clock_believed()?.hold;
                tx.finish_run(row, counts, held.as_deref(), now)?;
                tx.drop_empty_runs(now.minus(EMPTY_RUNS_KEPT))?;
            }
            tx.count_pending()
        })?;
        fail_point::reach("run_ended");
        let Some(report) = self.triggers.end_run(pending) else { return Ok(Conducted::More) };
        if let Some(row) = recorded.row {
            log_end(row, &report);
        }
        *recorded = Recorded::default();
        Ok(Conducted::Idle)
    }

    /// How long until a channel that waits for its hours or for another day may send again: see
    /// [`Sender::opening`]. At zero a trigger is to be pulled.
    pub(crate) fn opening(&self) -> Option<Duration> {
        self.sender.opening(self.clock.now().wall)
    }

    /// After the last step, when the program is told to end during a run: writes down what the run did.
    /// Returns how many deliveries still wait.
    pub(crate) fn stop(&self) -> Result<u64, StoreError> {
        self.sender.record_before_end(RECORDS_BEFORE_END);
        let now = self.clock.now().wall;
        let counts = self.triggers.report().messages;
        let row = self.recorded().row.take();
        self.store().write(|tx| {
            if let Some(row) = row {
                tx.finish_run(row, counts, Some("the program was stopped during this run"), now)?;
            }
            tx.count_pending()
        })
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recorded(&self) -> MutexGuard<'_, Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log_end(row: i64, report: &RunReport) {
    let RunReport { messages, deliveries, pending } = report;
    log::info!(
        "run {row}: ended: {} messages, {} sent, {} failed; {} deliveries sent, {pending} pending",
        messages.processed,
        messages.success,
        messages.failed,
        deliveries.sent,
    );
}
