//! Whether our clock may be believed: what is due, what is too late and what is over hangs on it, and
//! none of that can be taken back.
//!
//! Two doubts. WAHA's clock says another time: nothing is planned, sent or ended as past until the two
//! agree, whichever of them is wrong. And when the clock was last believed longer ago than
//! LATE_LIMIT_HOURS, or later than it says now, the machine may have come back from a night without
//! power with any time at all: WAHA is asked first. A WAHA that answers without a `Date` settles that
//! doubt too, because nothing better will come; one that does not answer leaves it, because then
//! nothing can be sent anyway, and nothing is lost by waiting.

use std::time::Duration;

use super::{Core, Done};
use crate::clock::{Now, Timestamp};
use crate::reason::Reason;
use crate::store::ClockBelieved;
use crate::waha::{CLOCKS_AGREE_WITHIN, WahaTime};

/// How often it is noted that the clock is believed; a part of LATE_LIMIT_HOURS if that is shorter.
const NOTED_EVERY: Duration = Duration::from_hours(1);
/// How long WAHA's answer is waited for.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// What to do before planning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Good,
    /// WAHA is being asked: look again when it has answered.
    Asking,
    /// Nothing may be planned.
    Held,
}

/// Whether WAHA was asked what time it is since the latest trigger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Question {
    #[default]
    NotAsked,
    Wanted,
    Asking,
    Answered,
}

impl Core {
    /// Whether anything may be planned at `now`; wants WAHA's time when that is in doubt.
    pub(super) fn look_at_clock(&self, question: &mut Question, now: Now) -> Done<Look> {
        let Some(doubt) = self.clock_doubt(now)? else {
            return self.note_clock_good(now.wall).map(|()| Look::Good);
        };
        match question {
            Question::NotAsked => *question = Question::Wanted,
            Question::Wanted | Question::Asking => {}
            Question::Answered => return self.note_clock_held(&doubt).map(|()| Look::Held),
        }
        Ok(Look::Asking)
    }

    /// At the end of a run: what the workers heard of WAHA's clock meanwhile is said.
    pub(super) fn note_clock_heard(&self) -> Done<()> {
        match self.clocks_differ(self.clock.now()) {
            Some(doubt) => self.note_clock_held(&doubt),
            None => Ok(()),
        }
    }

    pub(super) fn ask_the_time(&self) {
        self.waha.clone().brief(ASK_TIMEOUT).ask_the_time();
    }

    /// Why our clock is not to be believed.
    fn clock_doubt(&self, now: Now) -> Done<Option<Reason>> {
        match self.waha.time(now) {
            WahaTime::Told(_) => Ok(self.clocks_differ(now)),
            WahaTime::Untold => Ok(None),
            WahaTime::Unheard => {
                let believed = self.clock_believed()?;
                let is_unsure = |seen: &Timestamp| {
                    believed.hold.is_some()
                        || now.wall.since(*seen) > self.config.late_limit
                        || seen.since(now.wall) > CLOCKS_AGREE_WITHIN
                };
                Ok(believed.at.filter(is_unsure).map(|since| Reason::ClockUnsure { since }))
            }
        }
    }

    fn clocks_differ(&self, now: Now) -> Option<Reason> {
        match self.waha.time(now) {
            time @ WahaTime::Told(theirs) if time.is_not(now.wall) => {
                Some(Reason::ClocksDiffer { ours: now.wall, theirs })
            }
            WahaTime::Told(_) | WahaTime::Untold | WahaTime::Unheard => None,
        }
    }

    fn note_clock_good(&self, now: Timestamp) -> Done<()> {
        let believed = self.clock_believed()?;
        let every = NOTED_EVERY.min(self.config.late_limit / 4);
        let is_fresh = believed.at.is_some_and(|at| at <= now && now.since(at) < every);
        if is_fresh && believed.hold.is_none() {
            return Ok(());
        }
        self.write(|tx| tx.believe_clock(now))?;
        if believed.hold.is_some() {
            log::warn!("clock: it is believed again, everything goes on");
        }
        Ok(())
    }

    fn clock_believed(&self) -> Done<ClockBelieved> {
        self.read(|tx| tx.clock_believed())
    }

    fn note_clock_held(&self, doubt: &Reason) -> Done<()> {
        if self.write(|tx| tx.hold_for_clock(doubt))? {
            log::error!("clock: {doubt}");
        }
        Ok(())
    }
}
