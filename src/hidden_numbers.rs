//! People who asked to stop have two names, a phone number and a hidden one (`…@lid`), and a message
//! may go to either: WAHA is asked for the one that is missing, and the opt-out becomes that of both.
//!
//! The webhook stores the request and answers; the asking is done here, by the threads that send, in a
//! run: it survives a restart, and what WAHA cannot tell is asked again with growing gaps.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::contacts::opt_out::{self, Addressee, OptedOut};
use crate::recipient::mask_phone;
use crate::store::{HiddenNumber, SqlResult, Store, StoreError, Tx};
use crate::trigger::Triggers;
use crate::waha::{OtherName, Waha};

/// How many are asked for in one look at the table.
const LOOKS_AT_ONCE: u32 = 20;
/// When WAHA is asked again, counted from the look before; after the last one no more.
const AGAIN_AFTER: [Duration; 5] = [
    Duration::from_mins(1),
    Duration::from_mins(10),
    Duration::from_hours(1),
    Duration::from_hours(6),
    Duration::from_hours(24),
];

const NOT_KNOWN: &str = "WAHA does not know it";

/// Asks for the missing names, one at a step.
pub(crate) struct HiddenNumbers {
    store: Arc<Mutex<Store>>,
    waha: Waha,
    clock: Arc<dyn Clock>,
    triggers: Arc<Triggers>,
    config: Arc<Config>,
    queue: Mutex<VecDeque<HiddenNumber>>,
    under_way: AtomicUsize,
}

impl HiddenNumbers {
    /// Asks `waha` about those in `store`.
    pub(crate) fn new(
        store: Arc<Mutex<Store>>,
        waha: Waha,
        clock: Arc<dyn Clock>,
        triggers: Arc<Triggers>,
        config: Arc<Config>,
    ) -> Self {
        Self {
            store,
            waha,
            clock,
            triggers,
            config,
            queue: Mutex::default(),
            under_way: AtomicUsize::new(0),
        }
    }

    /// Notes about whom WAHA is to be asked now, when nothing is noted or under way.
    pub(crate) fn gather(&self, now: Timestamp) -> Result<(), StoreError> {
        if self.is_idle() {
            let due = self.store().read(|tx| tx.due_hidden(now, LOOKS_AT_ONCE))?;
            self.queue().extend(due);
        }
        Ok(())
    }

    /// Whether there is nothing to ask now.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue().is_empty() && self.under_way.load(Ordering::SeqCst) == 0
    }

    /// Leaves what is not under way to the next run.
    pub(crate) fn leave_the_rest(&self) {
        self.queue().clear();
    }

    /// Asks for one name, and calls `begins` before that takes its time. Returns whether there was one.
    pub(crate) fn step(&self, begins: impl FnOnce()) -> Result<bool, StoreError> {
        let hidden = {
            let mut queue = self.queue();
            let Some(hidden) = queue.pop_front() else { return Ok(false) };
            self.under_way.fetch_add(1, Ordering::SeqCst);
            hidden
        };
        begins();
        let done = self.ask(&hidden);
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        if done.is_err() {
            self.queue().clear();
        }
        done.map(|()| true)
    }

    fn ask(&self, hidden: &HiddenNumber) -> Result<(), StoreError> {
        let HiddenNumber { lid, digits, session, .. } = hidden;
        let (answer, known) = match (lid, digits) {
            (Some(lid), _) => (self.waha.number_of_lid(session, lid), lid),
            (None, Some(digits)) => (self.waha.lid_of_number(session, digits), digits),
            (None, None) => return Ok(()), // the table has a CHECK
        };
        // The network was used: time has passed.
        let now = self.clock.now().wall;
        let why = match answer {
            OtherName::Known(other) => {
                let done = self.store().write(|tx| self.take(tx, hidden, &other, now))?;
                if let Some(done) = done {
                    done.tell(&self.triggers);
                }
                return Ok(());
            }
            OtherName::NotKnown => NOT_KNOWN.to_owned(),
            OtherName::NotNow(why) => {
                // What ails WAHA ails the others too.
                self.queue().clear();
                why
            }
        };
        // Whether a phone number has a hidden one is asked until WAHA says something.
        let is_over = lid.is_none() && why == NOT_KNOWN;
        let looks = usize::try_from(hidden.looks).ok().filter(|_| !is_over);
        let next = looks.and_then(|looks| AGAIN_AFTER.get(looks));
        let next = next.map(|after| now.plus(*after));
        self.store().write(|tx| tx.postpone_hidden(hidden.id, next, &why))?;
        if next.is_none() && lid.is_some() {
            let who = mask_phone(known);
            log::warn!(
                "hidden number {who}: WAHA does not tell its phone number, asked no more: {why}"
            );
        }
        Ok(())
    }

    /// Makes the opt-out that of both names, unless it was taken back meanwhile.
    fn take(
        &self,
        tx: &Tx<'_>,
        hidden: &HiddenNumber,
        other: &str,
        now: Timestamp,
    ) -> SqlResult<Option<OptedOut>> {
        let (lid, digits) = match &hidden.lid {
            Some(lid) => (lid.as_str(), other),
            None => (other, hidden.digits.as_deref().unwrap_or_default()),
        };
        let is_out = match &hidden.lid {
            Some(lid) => tx.is_hidden_opted_out(lid)?,
            None => opt_out::is_opted_out(tx, digits, &self.config.country)?,
        };
        tx.pair_hidden(lid, digits, &hidden.session, now)?;
        if !is_out {
            return Ok(None);
        }
        let person = Addressee::Number(digits.to_owned());
        opt_out::record(tx, &person, hidden.name.as_deref(), None, &self.config, now).map(Some)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // A panic inside a transaction rolled it back.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<HiddenNumber>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
