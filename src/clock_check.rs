//! Whether our clock may be believed: what is due, what is too late and what is over hangs on it, and
//! none of that can be taken back.
//!
//! Two doubts. WAHA's clock says another time: nothing is planned, sent or ended as past until the two
//! agree, whichever of them is wrong. And when the clock was last believed longer ago than
//! LATE_LIMIT_HOURS, or later than it says now, the machine may have come back from a night without
//! power with any time at all: WAHA is asked first. A WAHA that answers without a `Date` settles that
//! doubt too, because nothing better will come; one that does not answer leaves it, because then
//! nothing can be sent anyway, and nothing is lost by waiting.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Now, Timestamp};
use crate::reason::Reason;
use crate::store::{ClockBelieved, Store, StoreError};
use crate::trigger::Triggers;
use crate::waha::{CLOCKS_AGREE_WITHIN, Waha, WahaTime};

/// How often it is noted that the clock is believed, at most; a small part of LATE_LIMIT_HOURS if that
/// is shorter.
const NOTED_EVERY: Duration = Duration::from_hours(1);
/// How long WAHA's answer is waited for.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// Compares clocks before anything is planned.
pub(crate) struct ClockCheck {
    store: Arc<Mutex<Store>>,
    waha: Waha,
    triggers: Arc<Triggers>,
    late_limit: Duration,
    question: Mutex<Question>,
}

/// What to do before planning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Good,
    /// WAHA is being asked: look again when the bell rings.
    Asking,
    /// Nothing may be planned.
    Held,
}

/// Whether WAHA was asked what time it is since the latest trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    NotAsked,
    Wanted,
    Asking,
    Answered,
}

impl ClockCheck {
    /// Nothing is compared yet. `waha` has to note the dates of its answers.
    pub(crate) fn new(
        store: Arc<Mutex<Store>>,
        waha: Waha,
        triggers: Arc<Triggers>,
        late_limit: Duration,
    ) -> Self {
        let question = Mutex::new(Question::NotAsked);
        Self { store, waha: waha.brief(ASK_TIMEOUT), triggers, late_limit, question }
    }

    /// A trigger came: WAHA may be asked once more.
    pub(crate) fn begin(&self) {
        let mut question = self.question();
        if *question == Question::Answered {
            *question = Question::NotAsked;
        }
    }

    /// Whether anything may be planned at `now`; asks for WAHA's time when that is in doubt.
    pub(crate) fn look(&self, now: Now) -> Result<Look, StoreError> {
        let Some(doubt) = self.doubt(now)? else {
            self.note_good(now.wall)?;
            return Ok(Look::Good);
        };
        {
            let mut question = self.question();
            match *question {
                Question::NotAsked => *question = Question::Wanted,
                Question::Wanted | Question::Asking => {}
                Question::Answered => {
                    drop(question);
                    return self.note_held(&doubt).map(|()| Look::Held);
                }
            }
        }
        self.triggers.turns.ring();
        Ok(Look::Asking)
    }

    /// At the end of a run: what the senders heard of WAHA's clock meanwhile is said.
    pub(crate) fn note_what_was_heard(&self, now: Now) -> Result<(), StoreError> {
        match self.differing(now) {
            Some(doubt) => self.note_held(&doubt),
            None => Ok(()),
        }
    }

    /// Asks WAHA if that is wanted, and calls `begins` before it takes its time. Returns whether it
    /// was.
    pub(crate) fn step(&self, begins: impl FnOnce()) -> bool {
        {
            let mut question = self.question();
            if *question != Question::Wanted {
                return false;
            }
            *question = Question::Asking;
        }
        begins();
        self.waha.ask_the_time();
        *self.question() = Question::Answered;
        true
    }

    /// Why our clock is not to be believed.
    fn doubt(&self, now: Now) -> Result<Option<Reason>, StoreError> {
        match self.waha.time(now) {
            WahaTime::Told(_) => Ok(self.differing(now)),
            WahaTime::Untold => Ok(None),
            WahaTime::Unheard => {
                let believed = self.believed()?;
                let is_unsure = |seen: &Timestamp| {
                    believed.hold.is_some()
                        || now.wall.since(*seen) > self.late_limit
                        || seen.since(now.wall) > CLOCKS_AGREE_WITHIN
                };
                Ok(believed.at.filter(is_unsure).map(|since| Reason::ClockUnsure { since }))
            }
        }
    }

    fn differing(&self, now: Now) -> Option<Reason> {
        match self.waha.time(now) {
            time @ WahaTime::Told(theirs) if time.is_not(now.wall) => {
                Some(Reason::ClocksDiffer { ours: now.wall, theirs })
            }
            WahaTime::Told(_) | WahaTime::Untold | WahaTime::Unheard => None,
        }
    }

    fn note_good(&self, now: Timestamp) -> Result<(), StoreError> {
        let believed = self.believed()?;
        let every = NOTED_EVERY.min(self.late_limit / 4);
        let is_fresh = believed.at.is_some_and(|at| at <= now && now.since(at) < every);
        if is_fresh && believed.hold.is_none() {
            return Ok(());
        }
        self.store().write(|tx| tx.believe_clock(now))?;
        if believed.hold.is_some() {
            log::warn!("clock: it is believed again, everything goes on");
        }
        Ok(())
    }

    fn believed(&self) -> Result<ClockBelieved, StoreError> {
        self.store().read(|tx| tx.clock_believed())
    }

    fn note_held(&self, doubt: &Reason) -> Result<(), StoreError> {
        let is_news = self.store().write(|tx| tx.hold_for_clock(doubt))?;
        if is_news {
            log::error!("clock: {doubt}");
        }
        Ok(())
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // A panic inside a transaction rolled it back.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn question(&self) -> MutexGuard<'_, Question> {
        self.question.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
