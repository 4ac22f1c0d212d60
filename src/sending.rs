//! The threads that send: identical senders and one conductor over a [`Runner`]. Only these loops
//! sleep; a trigger or a signal wakes them at once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::clock::Clock;
use crate::run::{Conducted, Runner};
use crate::sender::Step;
use crate::store::{StoreError, Trigger};
use crate::trigger::{Progress, RunNumber, RunReport, Triggers};

/// Room for a TLS handshake, and little more: shared hosts count memory.
const STACK_BYTES: usize = 512 * 1024;
/// How long the conductor lets a database rest that failed.
const DATABASE_REST: Duration = Duration::from_secs(5);
/// How often a run without a server looks for what fell due meanwhile.
const LOOK_AGAIN: Duration = Duration::from_mins(1);
/// Between two portions of planning: whoever waits for the database has it then.
const LET_OTHERS: Duration = Duration::from_millis(1);
/// How long a run with nobody to wait for it puts up with a database that fails.
const DATABASE_PATIENCE: Duration = Duration::from_secs(30);

/// Sending came to an end that it should not have.
#[derive(Debug, thiserror::Error)]
pub enum SendingError {
    /// A thread could not be started.
    #[error("failed to start a sender thread: lower SENDERS, or ask your host for more processes")]
    Thread(#[source] std::io::Error),
    /// A thread panicked. What it had claimed is `unknown` after the next start.
    #[error("a sender stopped by a fault in the program: please report it, and start it again")]
    Panicked,
    /// The database failed, and time will not mend it.
    #[error(transparent)]
    Database(#[from] StoreError),
    /// The database failed for longer than a run waits.
    #[error("the run stopped early: the database failed for {} seconds; see the log for the cause", DATABASE_PATIENCE.as_secs())]
    DatabaseStays,
}

/// Recovers what another process left in the middle, however long the database fails. Returns `false`
/// when [`Triggers::stop`] was called before that.
pub fn recover_until_stopped(runner: &Runner, clock: &dyn Clock, triggers: &Triggers) -> bool {
    loop {
        let seen = triggers.wake.rings();
        if triggers.is_stopping() {
            return false;
        }
        if runner.recover().is_ok() {
            return true;
        }
        clock.sleep(&triggers.wake, seen, Some(DATABASE_REST));
    }
}

/// Sends until [`Triggers::stop`] is called; looks for due messages by itself every `tick`.
///
/// # Errors
/// [`SendingError::Thread`] or [`SendingError::Panicked`]; a database that fails is waited for.
pub fn send_until_stopped(
    runner: &Runner,
    clock: &dyn Clock,
    triggers: &Triggers,
    senders: usize,
    tick: Option<Duration>,
) -> Result<(), SendingError> {
    with_senders(runner, clock, triggers, senders, || conduct(runner, clock, triggers, tick))?;
    runner.stop()?;
    Ok(())
}

/// Sends until the run `number` has ended or [`Triggers::stop`] is called; returns what it did.
///
/// # Errors
/// [`SendingError`], also when the database fails for longer than a run waits.
pub fn send_one_run(
    runner: &Runner,
    clock: &dyn Clock,
    triggers: &Triggers,
    senders: usize,
    number: RunNumber,
) -> Result<RunReport, SendingError> {
    let mut failed = None;
    with_senders(runner, clock, triggers, senders, || {
        failed = conduct_one_run(runner, clock, triggers, number).err();
        triggers.stop();
    })?;
    // Whether the run ended, was stopped or failed: its row and its report tell what it did.
    let pending = runner.stop()?;
    failed.map_or_else(|| Ok(RunReport { pending, ..triggers.report() }), Err)
}

fn with_senders(
    runner: &Runner,
    clock: &dyn Clock,
    triggers: &Triggers,
    senders: usize,
    conduct: impl FnOnce(),
) -> Result<(), SendingError> {
    let has_panicked = AtomicBool::new(false);
    // A fault must not leave a server behind that answers and never sends: everybody stops, the
    // program ends with an error, and whoever watches it starts it again.
    let guarded = |work: &mut dyn FnMut()| {
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            has_panicked.store(true, Ordering::SeqCst);
            triggers.stop();
        }
    };
    let started = thread::scope(|scope| {
        let mut conduct = Some(conduct);
        for number in 0..senders {
            let builder = thread::Builder::new().name(format!("sender-{number}"));
            let body = || guarded(&mut || send(runner, clock, triggers));
            if let Err(error) = builder.stack_size(STACK_BYTES).spawn_scoped(scope, body) {
                triggers.stop();
                return Err(SendingError::Thread(error));
            }
        }
        guarded(&mut || conduct.take().into_iter().for_each(|conduct| conduct()));
        Ok(())
    });
    started?;
    if has_panicked.load(Ordering::SeqCst) { Err(SendingError::Panicked) } else { Ok(()) }
}

fn send(runner: &Runner, clock: &dyn Clock, triggers: &Triggers) {
    loop {
        let seen = triggers.turns.rings();
        if triggers.is_stopping() {
            return;
        }
        match runner.work() {
            Step::Worked => {}
            Step::Wait(wait) => clock.sleep(&triggers.turns, seen, Some(wait)),
            Step::Nothing => clock.sleep(&triggers.turns, seen, None),
        }
    }
}

fn conduct(runner: &Runner, clock: &dyn Clock, triggers: &Triggers, tick: Option<Duration>) {
    // The first look is at once: what came due while nothing ran is late already.
    let mut next_tick = tick.map(|_| clock.now().monotonic);
    loop {
        let seen = triggers.wake.rings();
        if triggers.is_stopping() {
            return;
        }
        let now = clock.now().monotonic;
        if let (Some(tick), Some(at)) = (tick, next_tick)
            && at <= now
        {
            next_tick = Some(now + tick);
            triggers.pull(Trigger::Timer, None);
        }
        let mut until_opening = runner.opening();
        if until_opening == Some(Duration::ZERO) {
            triggers.pull(Trigger::Timer, None);
            until_opening = None; // The bell was rung: there is no sleep.
        }
        let until_tick = next_tick.map(|at| at.saturating_sub(now));
        let wait = until_tick.into_iter().chain(until_opening).min();
        match runner.step() {
            Ok(Conducted::More) => let_others(clock, triggers),
            Ok(Conducted::Running | Conducted::Idle) => {
                clock.sleep(&triggers.wake, seen, wait);
            }
            Err(_) => {
                // Rung meanwhile or not, the database has its rest; but not when all shall end.
                let seen = triggers.wake.rings();
                if triggers.is_stopping() {
                    return;
                }
                clock.sleep(&triggers.wake, seen, Some(DATABASE_REST));
            }
        }
    }
}

/// A lock goes to whoever asks first, and the one who has just let go of it always does.
fn let_others(clock: &dyn Clock, triggers: &Triggers) {
    clock.sleep(&triggers.wake, triggers.wake.rings(), Some(LET_OTHERS));
}

fn conduct_one_run(
    runner: &Runner,
    clock: &dyn Clock,
    triggers: &Triggers,
    number: RunNumber,
) -> Result<(), SendingError> {
    let mut trouble_since = None;
    let mut next_look = clock.now().monotonic + LOOK_AGAIN;
    loop {
        let seen = triggers.wake.rings();
        // A run of many recipients takes hours, and what falls due meanwhile is its work too.
        let now = clock.now().monotonic;
        if next_look <= now {
            next_look = now + LOOK_AGAIN;
            triggers.pull(Trigger::Timer, None);
        }
        let conducted = match runner.step() {
            Ok(conducted) => conducted,
            // It is noted as trouble. A sender may still have an outcome to record.
            Err(error) if error.may_pass() => Conducted::Running,
            Err(error) => return Err(error.into()),
        };
        if triggers.is_stopping() || matches!(triggers.progress(number), Progress::Finished(_)) {
            return Ok(());
        }
        if triggers.has_database_trouble() {
            if now.saturating_sub(*trouble_since.get_or_insert(now)) > DATABASE_PATIENCE {
                return Err(SendingError::DatabaseStays);
            }
        } else {
            trouble_since = None;
        }
        match conducted {
            Conducted::More => let_others(clock, triggers),
            Conducted::Running | Conducted::Idle => {
                clock.sleep(&triggers.wake, seen, Some(DATABASE_REST));
            }
        }
    }
}
