//! The threads: one dispatcher and the workers over an [`Engine`]. Only these loops sleep; a trigger, an
//! answer or a signal wakes them at once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::{Engine, When};
use crate::clock::lock;
use crate::store::{StoreError, Trigger};
use crate::trigger::{Progress, RunNumber, RunReport};

/// Room for a TLS handshake, and little more: shared hosts count memory.
const STACK_BYTES: usize = 512 * 1024;
/// How long a start, or a look whether the run has ended, waits.
const LOOK_REST: Duration = Duration::from_secs(5);
/// How often a run without a server looks for what fell due meanwhile.
const LOOK_AGAIN: Duration = Duration::from_mins(1);
/// Between two pieces of planning: whoever waits for the database has it then. A lock goes to whoever
/// asks first, and the one who has just let go of it always does.
const LET_OTHERS: Duration = Duration::from_millis(1);
/// How long a run with nobody to wait for it puts up with a database that fails.
const DATABASE_PATIENCE: Duration = Duration::from_secs(30);

/// Sending came to an end that it should not have.
#[derive(Debug, thiserror::Error)]
pub enum SendingError {
    #[error("failed to start a sender thread: lower SENDERS, or ask your host for more processes")]
    Thread(#[source] std::io::Error),
    /// A thread panicked. What it had claimed is `unknown` after the next start.
    #[error("a sender stopped by a fault in the program: please report it, and start it again")]
    Panicked,
    #[error(transparent)]
    Database(#[from] StoreError),
    #[error("the run stopped early: the database failed for {} seconds; see the log for the cause", DATABASE_PATIENCE.as_secs())]
    DatabaseStays,
}

/// What the dispatcher does by itself.
#[derive(Clone, Copy)]
enum Until {
    /// It looks for due messages every so often, and waits for the hours of channels.
    Stopped { tick: Option<Duration> },
    /// It ends with this run, and with what falls due meanwhile: many recipients take hours.
    Ended(RunNumber),
}

impl Engine {
    /// Recovers what another process left in the middle, however long the database fails. Returns
    /// `false` when [`crate::trigger::Triggers::stop`] was called before that.
    pub fn recover_until_stopped(&self) -> bool {
        loop {
            let seen = self.core.triggers.wake.rings();
            if self.core.triggers.is_stopping() {
                return false;
            }
            if self.recover().is_ok() {
                return true;
            }
            self.sleep(seen, Some(LOOK_REST));
        }
    }

    /// Sends until [`crate::trigger::Triggers::stop`] is called; looks for due messages by itself every
    /// `tick`.
    /// A database that fails is waited for.
    pub fn send_until_stopped(
        &self,
        workers: usize,
        tick: Option<Duration>,
    ) -> Result<(), SendingError> {
        self.with_workers(workers, Until::Stopped { tick })?;
        self.stop()?;
        Ok(())
    }

    /// Sends until the run `number` has ended or [`crate::trigger::Triggers::stop`] is called; returns
    /// what it did.
    /// Fails also when the database fails for longer than a run waits.
    pub fn send_one_run(
        &self,
        workers: usize,
        number: RunNumber,
    ) -> Result<RunReport, SendingError> {
        match self.with_workers(workers, Until::Ended(number)) {
            Err(error @ (SendingError::Thread(_) | SendingError::Panicked)) => Err(error),
            // Whether the run ended, was stopped or failed: its row and its report tell what it did.
            sent => {
                let pending = self.stop()?;
                sent.map(|()| RunReport { pending, ..self.core.triggers.report() })
            }
        }
    }

    fn with_workers(&self, workers: usize, until: Until) -> Result<(), SendingError> {
        lock(&self.dispatcher).workers = workers;
        let triggers = &self.core.triggers;
        let has_panicked = AtomicBool::new(false);
        // A fault must not leave a server behind that answers and never sends: everybody stops, the
        // program ends with an error, and whoever watches it starts it again.
        let guarded = |work: &mut dyn FnMut()| {
            if catch_unwind(AssertUnwindSafe(work)).is_err() {
                has_panicked.store(true, Ordering::SeqCst);
                triggers.stop();
            }
        };
        let mut dispatched = Ok(());
        thread::scope(|scope| {
            for number in 0..workers {
                let builder = thread::Builder::new().name(format!("sender-{number}"));
                let body = || guarded(&mut || self.work_until_stopped());
                if let Err(error) = builder.stack_size(STACK_BYTES).spawn_scoped(scope, body) {
                    dispatched = Err(SendingError::Thread(error));
                    break;
                }
            }
            if dispatched.is_ok() {
                guarded(&mut || dispatched = self.dispatch(until));
            }
            triggers.stop();
            self.has_job.ring();
        });
        if has_panicked.load(Ordering::SeqCst) { Err(SendingError::Panicked) } else { dispatched }
    }

    fn work_until_stopped(&self) {
        loop {
            let seen = self.has_job.rings();
            if self.core.triggers.is_stopping() {
                return;
            }
            if !self.work() {
                self.core.clock.sleep(&self.has_job, seen, None);
            }
        }
    }

    fn dispatch(&self, until: Until) -> Result<(), SendingError> {
        let (clock, triggers) = (&self.core.clock, &self.core.triggers);
        let began = clock.now().monotonic;
        // A server's first look is at once: what came due while nothing ran is late already.
        let (tick, mut next_tick) = match until {
            Until::Stopped { tick } => (tick, tick.map(|_| began)),
            Until::Ended(_) => (Some(LOOK_AGAIN), Some(began + LOOK_AGAIN)),
        };
        let mut trouble_since = None;
        loop {
            let seen = triggers.wake.rings();
            if triggers.is_stopping() {
                return Ok(());
            }
            let now = clock.now().monotonic;
            if let Some(at) = next_tick.filter(|at| *at <= now) {
                next_tick = Some(now + tick.unwrap_or(at));
                triggers.pull(Trigger::Timer, None);
            }
            let step = match until {
                Until::Stopped { .. } => self.step_of_server(),
                Until::Ended(_) => self.step(),
            };
            let when = match (step, until) {
                (Ok(when), _) => when,
                // It is noted, and the step rests. A worker may still have an outcome to record.
                (Err(_), Until::Stopped { .. }) => continue,
                (Err(error), Until::Ended(_)) if !error.may_pass() => return Err(error.into()),
                (Err(_), Until::Ended(_)) => When::Rung,
            };
            if let Until::Ended(number) = until {
                if matches!(triggers.progress(number), Progress::Finished(_)) {
                    return Ok(());
                }
                let has_trouble = triggers.has_database_trouble();
                trouble_since =
                    trouble_since.filter(|_| has_trouble).or(has_trouble.then_some(now));
                if trouble_since.is_some_and(|since| now.saturating_sub(since) > DATABASE_PATIENCE)
                {
                    return Err(SendingError::DatabaseStays);
                }
            }
            let until_tick = next_tick.map(|at| at.saturating_sub(now));
            let until_look = matches!(until, Until::Ended(_)).then_some(LOOK_REST);
            let at_most = [until_tick, until_look].into_iter().flatten().min();
            match at_most.map_or(when, |max| when.within(max)) {
                When::AtOnce => self.sleep(triggers.wake.rings(), Some(LET_OTHERS)),
                When::In(wait) => self.sleep(seen, Some(wait)),
                When::Rung => self.sleep(seen, None),
            }
        }
    }

    fn sleep(&self, seen: u64, max: Option<Duration>) {
        self.core.clock.sleep(&self.core.triggers.wake, seen, max);
    }
}
