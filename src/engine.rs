//! The engine: from a trigger to the last delivery that can be sent now.
//!
//! One decides, [`dispatcher`], behind a lock: it plans, keeps every channel's pace and gives out jobs. It has a
//! thread. The others are alike, [`worker`]: they claim, send and record, or ask WAHA something, and answer. An
//! answer that only ends a channel's turn is taken at once, in the worker's thread; any other wakes the
//! dispatcher's, like a trigger, an opt-out and a stop. A tick and a channel that is ready end its sleep. Only the
//! loops in [`threads`] sleep.

mod channel_queue;
mod check;
mod clock_check;
mod dispatcher;
mod gaps;
mod lookup;
mod media;
mod plan;
mod record;
mod threads;
mod typing;
mod upkeep;
mod worker;

use std::collections::VecDeque;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use crate::clock::{Clock, Now, Wake, lock};
use crate::config::Config;
use crate::files::Files;
use crate::store::{DueLookup, HiddenNumber, SqlResult, Store, StoreError, Trigger, Tx};
use crate::trigger::{DatabaseUser, Triggers};
use crate::waha::Waha;

use channel_queue::{After, Memory};
use dispatcher::Dispatcher;
use lookup::LookedUp;

pub use plan::Planner;
pub(crate) use plan::{PRUNED_AGE_MIN, check};
pub use threads::SendingError;
pub(crate) use upkeep::first_time;

/// How long a worker's channel rests after the database failed, or a row was changed under it.
const DATABASE_REST: Duration = Duration::from_secs(1);

/// How long a program may take that its host ends.
///
/// What may not be cut off is a request to WAHA whose outcome is not recorded yet: it would be
/// `unknown`. So nothing is begun in the last part of the time, and what is under way is finished,
/// however long it takes.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimit {
    /// When it began, on the monotonic clock.
    pub began: Duration,
    pub max: Duration,
    /// How long a whole request may take: more room than that is of no use.
    pub request_max: Duration,
}

impl TimeLimit {
    /// Most requests take a few seconds; a WAHA that types first, or is busy, takes longer.
    const ROOM: Duration = Duration::from_secs(20);

    /// The last moment, on the monotonic clock, at which something may be begun: 20 s before the
    /// end, but never in the first half of the time.
    fn last_begin(self) -> Duration {
        let room = Self::ROOM.min(self.request_max).min(self.max / 2);
        self.began + self.max.saturating_sub(room)
    }
}

/// When the dispatcher's next step is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// There is more to plan.
    AtOnce,
    /// After so long, or when the bell rings.
    In(Duration),
    Rung,
}

impl When {
    /// The same, or after `max` when that is sooner.
    fn within(self, max: Duration) -> Self {
        match self {
            Self::AtOnce => Self::AtOnce,
            Self::In(wait) => Self::In(wait.min(max)),
            Self::Rung => Self::In(max),
        }
    }
}

enum Job {
    /// A turn with a channel, which is the worker's until it answers.
    Channel(i64, Memory),
    LookUp(DueLookup),
    HiddenNumber(HiddenNumber),
    AskTheTime,
}

/// What a worker says when its job is done.
enum Answer {
    Channel(i64, Memory, Done<After>),
    /// Of the look-up of a channel's delivery; `None` when nothing had to be asked.
    LookUp(i64, Done<Option<LookedUp>>),
    /// Whether others may be asked for.
    HiddenNumber(Done<bool>),
    AskedTheTime,
}

/// What nothing but the database makes fail.
type Done<T> = Result<T, StoreError>;

/// What the dispatcher and the workers share.
struct Core {
    store: Arc<Mutex<Store>>,
    waha: Waha,
    clock: Arc<dyn Clock>,
    triggers: Arc<Triggers>,
    config: Arc<Config>,
    files: Files,
    /// When WAHA last said that it is Plus, on the monotonic clock.
    plus_at: Mutex<Option<Duration>>,
    uploads: AtomicUsize,
    random: Mutex<fastrand::Rng>,
    /// The last moment, on the monotonic clock, at which anything may be begun: a program that is
    /// killed some time later must not leave a request without its outcome.
    last_begin: OnceLock<Duration>,
    /// Whether the mean of what is at random is taken.
    is_average: OnceLock<()>,
}

impl Core {
    fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    fn read<T>(&self, work: impl FnOnce(&Tx<'_>) -> SqlResult<T>) -> Done<T> {
        self.store().read(work)
    }

    fn write<T>(&self, work: impl FnOnce(&Tx<'_>) -> SqlResult<T>) -> Done<T> {
        self.store().write(work)
    }

    /// For what is done at each send: see [`Store::write_few`].
    fn write_few<T>(&self, work: impl FnOnce(&Tx<'_>) -> SqlResult<T>) -> Done<T> {
        self.store().write_few(work)
    }

    /// Whether nothing may be begun any more.
    fn is_over(&self, now: Now) -> bool {
        self.last_begin.get().is_some_and(|last| now.monotonic > *last)
    }

    fn chance(&self) -> f64 {
        if self.is_average.get().is_some() { 0.5 } else { lock(&self.random).f64() }
    }
}

/// Plans and sends on one database. One process per database may have one: see the OS lock.
pub struct Engine {
    core: Arc<Core>,
    dispatcher: Mutex<Dispatcher>,
    jobs: Mutex<VecDeque<Job>>,
    /// Rung once for each job, and when there will be no more.
    has_job: Wake,
    /// The dispatcher's inbox, but for what [`Triggers`] keep for it.
    answers: Mutex<Vec<Answer>>,
}

impl Engine {
    /// An engine on `store` that sends through `waha`. `seed` is for the jitter.
    pub fn new(
        store: Arc<Mutex<Store>>,
        waha: Waha,
        clock: Arc<dyn Clock>,
        triggers: Arc<Triggers>,
        config: Arc<Config>,
        seed: u64,
    ) -> Self {
        let planner = Planner::new(Arc::clone(&store), Arc::clone(&triggers), Arc::clone(&config));
        let core = Arc::new(Core {
            store,
            waha: waha.noting_dates_by(Arc::clone(&clock)),
            clock,
            triggers,
            config,
            files: planner.files.clone(),
            plus_at: Mutex::default(),
            uploads: AtomicUsize::new(0),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            last_begin: OnceLock::new(),
            is_average: OnceLock::new(),
        });
        Self {
            dispatcher: Mutex::new(Dispatcher::new(Arc::clone(&core), planner)),
            core,
            jobs: Mutex::default(),
            has_job: Wake::default(),
            answers: Mutex::default(),
        }
    }

    /// Keeps the work within `limit`: what does not fit waits for the next run.
    pub fn within(self, limit: TimeLimit) -> Self {
        self.core.last_begin.get_or_init(|| limit.last_begin());
        self
    }

    /// Takes the mean of all that is at random, as a forecast does.
    pub fn without_chance(self) -> Self {
        self.core.is_average.get_or_init(|| ());
        self
    }

    /// Plans at most `recipients` (1 or more) in one transaction.
    pub fn planning_in_portions_of(self, recipients: usize) -> Self {
        lock(&self.dispatcher).planner.set_portion(recipients);
        self
    }

    /// Before the first step, with the lock held: what another process left in the middle becomes
    /// what it is. A delivery that is `sending` may have gone out just now, so its channel rests a
    /// whole gap.
    /// A database that fails is noted; it can be called again.
    pub fn recover(&self) -> Done<()> {
        let recovered = lock(&self.dispatcher).recover();
        self.core.triggers.note_database(DatabaseUser::Run, recovered.as_ref().err());
        recovered
    }

    /// One bounded piece of the dispatcher's work. Says when the next one is due.
    ///
    /// # Errors
    /// When the database fails, which is noted. Nothing is lost by it: a later step goes on where
    /// this one stopped.
    pub fn step(&self) -> Done<When> {
        let answers = std::mem::take(&mut *lock(&self.answers));
        let (when, jobs) = lock(&self.dispatcher).step(answers);
        for job in jobs {
            lock(&self.jobs).push_back(job);
            self.has_job.ring_one();
        }
        when
    }

    /// The same for a server, which pulls the trigger by itself when a channel that waits for its hours, for another day
    /// or for its recipients may send again. It asks before the step, so that such a channel has its place among those
    /// that are ready at the same moment, and after it: the step may just have heard of a wait.
    pub fn step_of_server(&self) -> Done<When> {
        self.until_opening();
        let when = self.step()?;
        Ok(match self.until_opening() {
            None => when,
            Some(Duration::ZERO) => When::AtOnce,
            Some(wait) => when.within(wait),
        })
    }

    /// How long until such a channel may send again. When one may now, it pulls the trigger.
    fn until_opening(&self) -> Option<Duration> {
        let opening = lock(&self.dispatcher).opening();
        if opening == Some(Duration::ZERO) {
            self.core.triggers.pull(Trigger::Timer, None);
        }
        opening
    }

    /// Does a worker's next job. Returns whether there was one.
    pub fn work(&self) -> bool {
        let Some(job) = lock(&self.jobs).pop_front() else { return false };
        let answer = self.core.work(job);
        // While the dispatcher decides, the answer waits for it.
        if let Ok(mut dispatcher) = self.dispatcher.try_lock()
            && dispatcher.is_plain(&answer)
        {
            let (jobs, is_rung) = dispatcher.take_plain(answer);
            drop(dispatcher);
            for (place, job) in jobs.into_iter().enumerate() {
                lock(&self.jobs).push_back(job);
                if place > 0 {
                    self.has_job.ring_one(); // the first one is this worker's
                }
            }
            if is_rung {
                self.core.triggers.wake.ring();
            }
            return true;
        }
        lock(&self.answers).push(answer);
        self.core.triggers.wake.ring();
        true
    }

    /// After the last step: see [`Dispatcher::stop`].
    fn stop(&self) -> Done<u64> {
        let answers = std::mem::take(&mut *lock(&self.answers));
        lock(&self.dispatcher).stop(answers)
    }
}
