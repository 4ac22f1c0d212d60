//! Recording what became of a claim, and keeping it in memory while the database will not take it.
//!
//! An outcome that is never recorded becomes `unknown` at the next start: true, but less than we
//! know. So it is tried again until the program ends, and its channel rests meanwhile.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Lane, Sender, lock, log_hold};
use crate::clock::{Now, Timestamp};
use crate::delivery::{Counts, Hold, Outcome, Status, Transition};
use crate::fail_point;
use crate::logging::in_one_line;
use crate::reason::Reason;
use crate::recipient::mask_phone;
use crate::store::{Claimed, Settled, SqlResult, StoreError, Tx};
use crate::trigger::DatabaseUser;

/// A claim and what became of it.
#[derive(Clone, Debug)]
pub(super) struct Unrecorded {
    pub(super) claimed: Claimed,
    pub(super) outcome: Outcome,
    /// The channel's `held_count` when it was claimed.
    pub(super) held_count: u32,
}

/// A claim's end, as it is to be written.
#[derive(Clone, Copy)]
struct Ending<'a> {
    claimed: &'a Claimed,
    outcome: &'a Outcome,
    transition: &'a Transition,
    /// The hold that it brings, and until when.
    hold: Option<(&'a Hold, Timestamp)>,
    /// When the channel may send again.
    ready_at: Timestamp,
}

/// What was written.
struct Recorded {
    /// Whether the row was still as the claim made it.
    was_ours: bool,
    status: Status,
    /// How many others of its message failed with it.
    given_up: u64,
    settled: Option<Settled>,
    /// Whether the channel has more to send.
    has_next: bool,
}

impl Sender {
    /// Records an outcome; keeps it for later when the database fails.
    pub(super) fn record(&self, result: Unrecorded) -> Lane {
        match self.try_to_record(&result, self.clock.now()) {
            Ok(lane) => lane,
            Err(error) => {
                log::error!(
                    "delivery {}: the outcome could not be recorded yet: {}",
                    result.claimed.delivery_id,
                    in_one_line(&error)
                );
                let user = DatabaseUser::Channel(result.claimed.channel_id);
                self.triggers.note_database(user, Some(&error));
                lock(&self.unrecorded).push(result);
                self.has_unrecorded.store(true, Ordering::SeqCst);
                Lane::Unrecorded
            }
        }
    }

    /// Records what the database did not take before. Returns whether nothing is left.
    pub(super) fn record_leftovers(&self, now: Now) -> bool {
        let mut leftovers = lock(&self.unrecorded);
        while let Some(result) = leftovers.last() {
            let Ok(lane) = self.try_to_record(result, now) else { return false };
            let channel_id = result.claimed.channel_id;
            leftovers.pop();
            self.triggers.note_database(DatabaseUser::Channel(channel_id), None);
            self.return_lane(channel_id, &lane);
        }
        self.has_unrecorded.store(false, Ordering::SeqCst);
        self.triggers.wake.ring(); // The run may be at its end.
        true
    }

    /// Before the end of the program: what is not recorded now is `unknown` after the next start. Tries
    /// for `max`.
    pub(crate) fn record_before_end(&self, max: Duration) {
        let last = self.clock.now().monotonic + max;
        while self.has_unrecorded.load(Ordering::SeqCst) {
            let now = self.clock.now();
            if self.record_leftovers(now) || now.monotonic >= last {
                return;
            }
        }
    }

    fn try_to_record(&self, result: &Unrecorded, now: Now) -> Result<Lane, StoreError> {
        let Unrecorded { claimed, outcome, held_count } = result;
        let transition = outcome.transition();
        let (ready_at, ready) = self.next_ready(now);
        let hold = transition
            .hold
            .as_ref()
            .map(|hold| (hold, now.wall.plus(hold.length(now.wall, *held_count, self.chance()))));
        let ending = Ending { claimed, outcome, transition: &transition, hold, ready_at };
        let recorded = lock(&self.store).write(|tx| self.write_ending(tx, &ending, now))?;
        fail_point::reach("recorded");
        lock(&self.board).note_pace(claimed.channel_id, ready_at, ready);
        self.tell(&ending, &recorded);
        Ok(match hold {
            Some((hold, until)) => {
                log_hold(claimed.channel_id, hold, Some(until), true);
                Lane::Held
            }
            // With nothing left, the run need not wait for the end of a gap.
            None if !recorded.has_next => Lane::Empty(ready),
            None => self.next_turn(claimed.channel_id, ready_at, ready),
        })
    }

    /// All of it in one transaction: the outcome, the pace, the hold and the counts.
    fn write_ending(&self, tx: &Tx<'_>, ending: &Ending<'_>, now: Now) -> SqlResult<Recorded> {
        let Ending { claimed, outcome, transition, hold, ready_at } = *ending;
        let channel = claimed.channel_id;
        let (accepted_id, is_sent) = match outcome {
            Outcome::Sent { waha_message_id } => (Some(waha_message_id.as_str()), true),
            Outcome::Refused { waha_message_id } => (Some(waha_message_id.as_str()), false),
            Outcome::Deferred(_)
            | Outcome::Failed { .. }
            | Outcome::NotOffered { .. }
            | Outcome::Restricted { .. }
            | Outcome::Unknown { .. } => (None, false),
        };
        let was_ours = tx.record(claimed, transition, accepted_id, now.wall)?;
        let given_up = if was_ours { give_up_the_rest(tx, ending, now)? } else { 0 };
        // WAHA's events may have been faster than its answer, or all that came of it.
        let proven =
            if was_ours { tx.weigh_kept_events(claimed.delivery_id, now.wall)? } else { None };
        let status = proven.unwrap_or(transition.status);
        tx.set_channel_ready_at(channel, ready_at, is_sent, now.wall)?;
        if was_ours && status == Status::Pending {
            tx.uncount_claim(channel, claimed.day)?;
        }
        if let Some((hold, until)) = hold {
            tx.hold_channel(channel, hold, Some(until), now.wall)?;
        }
        let settled = if was_ours {
            self.count_or_settle(tx, claimed, (status, given_up), now)?
        } else {
            None
        };
        let late_before = now.wall.minus(self.config.late_limit);
        let next = tx.next_open_delivery(channel, now.wall, late_before)?;
        fail_point::reach("record_uncommitted");
        Ok(Recorded { was_ours, status, given_up, settled, has_next: next.is_some() })
    }

    /// Tells the log and the run what was recorded.
    fn tell(&self, ending: &Ending<'_>, recorded: &Recorded) {
        let Claimed { delivery_id, auto_message_id, .. } = *ending.claimed;
        if recorded.was_ours {
            self.log_outcome(ending.claimed, ending.outcome);
            if recorded.status != ending.transition.status {
                log_proven(delivery_id, recorded.status);
            }
            self.triggers.note_delivery(auto_message_id, recorded.status);
            for _ in 0..recorded.given_up {
                self.triggers.note_delivery(auto_message_id, Status::Failed);
            }
        } else {
            log::error!("delivery {delivery_id}: its row was changed while it was being sent");
        }
        if let Some(settled) = &recorded.settled {
            self.triggers.note_settled(settled);
        }
    }

    fn count_or_settle(
        &self,
        tx: &Tx<'_>,
        claimed: &Claimed,
        (status, given_up): (Status, u64),
        now: Now,
    ) -> SqlResult<Option<Settled>> {
        let one = match status {
            Status::Sent => Counts { sent: 1, ..Counts::default() },
            Status::Failed => Counts { failed: 1 + given_up, ..Counts::default() },
            Status::Unknown => Counts { unknown: 1, ..Counts::default() },
            Status::Pending
            | Status::Sending
            | Status::Skipped
            | Status::Expired
            | Status::Cancelled => return Ok(None),
        };
        let Claimed { auto_message_id, due_at, .. } = *claimed;
        tx.settle_if_done(auto_message_id, due_at, one, &self.config.zone, now.wall)
    }

    /// The row's `error` has WAHA's words; the log has only ours: who knows what WAHA repeats.
    fn log_outcome(&self, claimed: &Claimed, outcome: &Outcome) {
        let ours = |reason: &str| reason.split(": ").next().unwrap_or_default().to_owned();
        let (id, to) = (claimed.delivery_id, mask_phone(&claimed.chat_id));
        match outcome {
            Outcome::Sent { .. } => log::info!("delivery {id}: sent to {to}"),
            Outcome::Deferred(hold) => {
                log::warn!("delivery {id}: not sent, tried later: {}", ours(&hold.reason));
            }
            Outcome::Failed { reason }
            | Outcome::NotOffered { reason }
            | Outcome::Restricted { reason } => {
                log::warn!("delivery {id}: failed, to {to}: {}", ours(reason));
            }
            Outcome::Refused { .. } => {
                log::warn!("delivery {id}: failed, to {to}: {}", Reason::Refused);
            }
            Outcome::Unknown { reason } => {
                log::warn!("delivery {id}: unknown, it may have reached {to}: {}", ours(reason));
            }
        }
        match outcome {
            Outcome::Sent { .. }
            | Outcome::Failed { .. }
            | Outcome::Refused { .. }
            | Outcome::NotOffered { .. } => {}
            // Whatever was believed of the sessions is in doubt; the next look asks WAHA.
            Outcome::Deferred(_) | Outcome::Restricted { .. } | Outcome::Unknown { .. } => {
                lock(&self.sessions).forget_all();
            }
        }
    }
}

/// What this WAHA cannot send to anybody is not tried for the message's other recipients. Returns how
/// many they are.
fn give_up_the_rest(tx: &Tx<'_>, ending: &Ending<'_>, now: Now) -> SqlResult<u64> {
    let Outcome::NotOffered { reason } = ending.outcome else { return Ok(0) };
    let Claimed { auto_message_id, due_at, .. } = *ending.claimed;
    let failed = (Status::Failed, reason.as_str());
    let count = tx.end_all_pending(auto_message_id, due_at, failed, now.wall)?;
    Ok(u64::try_from(count).unwrap_or(u64::MAX))
}

/// What WAHA's events made of a delivery that had another outcome, or none.
pub(super) fn log_proven(delivery_id: i64, status: Status) {
    let word = status.as_str();
    log::info!("delivery {delivery_id}: {word}, as an event from WAHA proves");
}
