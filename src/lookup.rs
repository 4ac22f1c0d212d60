//! Look-ups: what is `unknown` becomes `sent` or `failed` by asking WAHA, never by sending.
//!
//! WAHA is asked for the message by the id that was reserved for it; without one, for messages in
//! the chat with exactly the text, from around the claim. One match proves it. None proves nothing:
//! after a restart WAHA may have forgotten a message that it sent (recorded). So a few look-ups
//! with growing gaps, and then it stays `unknown` until a person decides.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, Now, Timestamp};
use crate::delivery::Status;
use crate::store::{Store, StoreError, UnknownDelivery};
use crate::waha::{Search, Sighting, Waha};

/// How many look-ups one run does.
const LOOKUPS_PER_RUN: u32 = 50;
/// A message in the chat may carry a time from so much before the claim (clocks differ) …
const WINDOW_BEFORE: Duration = Duration::from_mins(2);
/// … to so much after it (WEBJS may take 300 s, and a queue before it some more).
const WINDOW_AFTER: Duration = Duration::from_mins(10);
/// When it is looked up again, counted from the claim; after the last one no more.
const AGAIN_AFTER: [Duration; 4] = [
    Duration::from_mins(10),
    Duration::from_hours(1),
    Duration::from_hours(6),
    Duration::from_hours(24),
];

/// Looks up unknown deliveries, one at a step.
pub struct Lookup {
    store: Arc<Mutex<Store>>,
    waha: Waha,
    clock: Arc<dyn Clock>,
    queue: Mutex<VecDeque<i64>>,
    under_way: AtomicUsize,
}

/// What a look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Finding {
    /// It went out, or WhatsApp refused it: the sighting's ack tells.
    Proof { waha_message_id: String, ack: i64 },
    /// Nothing that proves anything, and why.
    Nothing(String),
    /// WAHA could not be asked.
    NotNow,
}

impl Lookup {
    /// Look-ups in `store`, through `waha`.
    #[must_use]
    pub fn new(store: Arc<Mutex<Store>>, waha: Waha, clock: Arc<dyn Clock>) -> Self {
        Self { store, waha, clock, queue: Mutex::default(), under_way: AtomicUsize::new(0) }
    }

    /// Notes what is to be looked up in this run.
    ///
    /// # Errors
    /// When the database fails.
    pub fn gather(&self, now: Timestamp) -> Result<(), StoreError> {
        let due = self.store().read(|tx| tx.due_lookups(now, LOOKUPS_PER_RUN))?;
        let mut queue = self.queue();
        for id in due {
            if !queue.contains(&id) {
                queue.push_back(id);
            }
        }
        Ok(())
    }

    /// Whether nothing is left to look up in this run.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.queue().is_empty() && self.under_way.load(Ordering::SeqCst) == 0
    }

    /// Leaves what is not under way to the next run.
    pub fn leave_the_rest(&self) {
        self.queue().clear();
    }

    /// Looks one delivery up, and calls `begins` before that takes its time. Returns whether there was
    /// one.
    ///
    /// # Errors
    /// When the database fails; the delivery is looked up again in a later run.
    pub fn step(&self, begins: impl FnOnce()) -> Result<bool, StoreError> {
        let id = {
            let mut queue = self.queue();
            let Some(id) = queue.pop_front() else { return Ok(false) };
            self.under_way.fetch_add(1, Ordering::SeqCst);
            id
        };
        begins();
        let done = self.look_up(id);
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        if done.is_err() {
            self.queue().clear();
        }
        done.map(|()| true)
    }

    fn look_up(&self, id: i64) -> Result<(), StoreError> {
        let Some(unknown) = self.store().read(|tx| tx.unknown_delivery(id))? else { return Ok(()) };
        let finding = match self.find(&unknown)? {
            Finding::NotNow => {
                // What ails WAHA ails the others too; they stay due, and the next run asks again.
                self.queue().clear();
                return Ok(());
            }
            finding => finding,
        };
        // The network was used: time has passed.
        self.record(&unknown, &finding, self.clock.now())
    }

    fn find(&self, unknown: &UnknownDelivery) -> Result<Finding, StoreError> {
        let UnknownDelivery { session, chat_id, text, claimed_at, .. } = unknown;
        if let Some(id) = &unknown.reserved_id {
            let found = match self.waha.find_by_id(session, chat_id, id) {
                Search::Done(sightings) => sightings,
                Search::NotNow(_) => return Ok(Finding::NotNow),
            };
            if !found.is_empty() {
                return Ok(judge(found));
            }
        }
        let from = claimed_at.minus(WINDOW_BEFORE);
        let until = claimed_at.plus(WINDOW_AFTER);
        let sightings = match self.waha.find_in_chat(session, chat_id, from, until) {
            Search::Done(sightings) => sightings,
            Search::NotNow(_) => return Ok(Finding::NotNow),
        };
        if let Some(id) = &unknown.reserved_id {
            // An engine that offers ids uses them: a message with another id is another message.
            return Ok(judge(sightings.into_iter().filter(|one| one.id == *id).collect()));
        }
        if self.store().read(|tx| tx.has_rival(unknown, WINDOW_BEFORE + WINDOW_AFTER))? {
            let why = "the same text went to the same chat at nearly the same time";
            return Ok(Finding::Nothing(why.to_owned()));
        }
        let mut ours = Vec::new();
        for one in sightings.into_iter().filter(|one| one.text.as_deref() == Some(text)) {
            if !self.store().read(|tx| tx.is_id_of_another(&one.id, unknown.id))? {
                ours.push(one);
            }
        }
        Ok(judge(ours))
    }

    fn record(
        &self,
        unknown: &UnknownDelivery,
        finding: &Finding,
        now: Now,
    ) -> Result<(), StoreError> {
        let id = unknown.id;
        match finding {
            Finding::NotNow => Ok(()),
            Finding::Proof { waha_message_id, ack } => {
                let (status, error) = if *ack >= 0 {
                    (Status::Sent, None)
                } else {
                    (Status::Failed, Some("WhatsApp refused it (ack -1), as a look-up found"))
                };
                let is_resolved = self.store().write(|tx| {
                    tx.resolve_unknown(unknown, status, waha_message_id, *ack, error, now.wall)
                })?;
                if is_resolved {
                    log::info!("delivery {id}: a look-up found it: {}", status.as_str());
                }
                Ok(())
            }
            Finding::Nothing(why) => {
                let next = next_lookup(unknown.claimed_at, now.wall);
                let first = unknown.error.split(LOOKED_UP).next().unwrap_or_default();
                let error = format!("{first}{LOOKED_UP}{}: {why}", now.wall);
                self.store().write(|tx| tx.postpone_lookup(id, next, &error))?;
                match next {
                    Some(next) => {
                        log::info!("delivery {id}: a look-up found nothing, next at {next}");
                    }
                    None => log::warn!(
                        "delivery {id}: the last look-up found nothing, it stays unknown"
                    ),
                }
                Ok(())
            }
        }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // A panic inside a transaction rolled it back.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<i64>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Parts what was known from what the last look-up found, in `deliveries.error`.
const LOOKED_UP: &str = "; looked up at ";

/// One sighting with an ack proves something; none, many, or one without an ack do not.
fn judge(mut sightings: Vec<Sighting>) -> Finding {
    match (sightings.pop(), sightings.len()) {
        (None, _) => Finding::Nothing("not in the chat, which proves nothing".to_owned()),
        (Some(Sighting { id, ack: Some(ack), .. }), 0) => {
            Finding::Proof { waha_message_id: id, ack }
        }
        (Some(_), 0) => Finding::Nothing("in the chat, but without an ack".to_owned()),
        (Some(_), others) => Finding::Nothing(format!("{} messages in the chat fit", others + 1)),
    }
}

/// The next of the growing gaps; `None` after the last.
fn next_lookup(claimed_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    AGAIN_AFTER.iter().map(|after| claimed_at.plus(*after)).find(|at| *at > now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(ack: Option<i64>) -> Sighting {
        Sighting { id: "3EB0".into(), text: None, ack }
    }

    #[test]
    fn only_one_sighting_with_an_ack_is_proof() {
        let proof = |ack| Finding::Proof { waha_message_id: "3EB0".into(), ack };
        assert_eq!(judge(vec![sighting(Some(0))]), proof(0));
        assert_eq!(judge(vec![sighting(Some(-1))]), proof(-1));
        for doubtful in [vec![], vec![sighting(None)], vec![sighting(Some(1)), sighting(Some(1))]] {
            assert!(matches!(judge(doubtful), Finding::Nothing(_)));
        }
    }

    #[test]
    fn look_ups_come_a_few_times_with_growing_gaps() {
        let claimed_at = Timestamp::from_secs(0);
        let mut now = Timestamp::from_secs(150);
        let mut minutes = Vec::new();
        while let Some(next) = next_lookup(claimed_at, now) {
            minutes.push(next.secs() / 60);
            now = next;
        }
        assert_eq!(minutes, [10, 60, 360, 1440]);
    }
}
