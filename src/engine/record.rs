//! Recording what became of a claim, and keeping it in memory while the database will not take it.
//!
//! An outcome that is never recorded becomes `unknown` at the next start: true, but less than we
//! know. So it is tried again until the program ends, and its channel rests meanwhile.

use std::time::Duration;

use super::channel_queue::{After, Memory};
use super::gaps::soon;
use super::worker::log_hold;
use super::{Core, Done};
use crate::clock::{Now, Timestamp};
use crate::delivery::{Counts, Hold, HoldKind, Outcome, Status, Transition};
use crate::fail_point;
use crate::reason::Reason;
use crate::recipient::mask_phone;
use crate::send_window::{Day, DayCount};
use crate::store::{Channel, Claimed, Delivery, SendEnd, Settled, SqlResult, Tx};

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
    ready_at: Timestamp,
}

struct Recorded {
    /// Whether the row was still as the claim made it.
    was_ours: bool,
    status: Status,
    /// How many others of its message failed with it.
    given_up: u64,
    settled: Option<Settled>,
    /// Why the hold is the breaker's now, when it is.
    broke: Option<Reason>,
    ahead: Ahead,
}

/// What a channel has to send after a turn of its pace.
pub(super) struct Ahead {
    /// Whether there is anything, and else when the first is free that waits.
    has_next: bool,
    waits_until: Option<Timestamp>,
    /// The channel, and what it sent on the day of its next send, when there is one.
    next: Option<(Channel, DayCount)>,
}

/// Channel ids with the time before which each may not send; `None` for at once.
type Paced = Vec<(i64, Option<Timestamp>)>;

impl Core {
    /// Makes what another process left `sending` `unknown`, and lets its channels rest a whole gap:
    /// the requests may have gone out just now. Returns how many stay `unknown`: an event of WAHA's
    /// may have proved what became of the others. With them the channels that have a pace.
    pub(super) fn recover(&self) -> Done<(usize, Paced)> {
        let Now { wall: now, .. } = self.clock.now();
        let ready_at = now.plus(self.config.longest_gap()).ceil_to_second();
        let (recovered, settled, paced) = self.write(|tx| {
            let mut recovered = tx.recover_sending(now)?;
            for one in &mut recovered {
                one.status = tx.weigh_kept_events(one.id, now)?.unwrap_or(one.status);
            }
            let mut settled = Vec::new();
            for Delivery { auto_message_id, due_at, channel_id, status, .. } in &recovered {
                tx.set_channel_ready_at(*channel_id, ready_at, SendEnd::default(), now)?;
                let (ended, zone) = (Counts::of_one(*status), &self.config.zone);
                settled.extend(tx.settle_if_done(*auto_message_id, *due_at, ended, zone, now)?);
            }
            fail_point::reach("recover_uncommitted");
            Ok((recovered, settled, tx.paced_channels()?))
        })?;
        fail_point::reach("recovered");
        self.store().forget_statements();
        for Delivery { id, status, .. } in &recovered {
            log::warn!("delivery {id}: unknown, the program ended while it was being sent");
            if *status != Status::Unknown {
                log_proven(*id, *status);
            }
        }
        self.triggers.note_settled(&settled);
        let unknown = recovered.iter().filter(|one| one.status == Status::Unknown).count();
        Ok((unknown, paced.iter().map(|channel| (channel.id, channel.ready_at)).collect()))
    }

    /// Records an outcome; keeps it for later when the database fails.
    pub(super) fn record(&self, memory: &mut Memory, result: Box<Unrecorded>, now: Now) -> After {
        match self.try_to_record(memory, &result, now) {
            Ok(after) => after,
            Err(error) => {
                memory.unrecorded = Some(result);
                After::Unrecorded(error)
            }
        }
    }

    fn try_to_record(&self, memory: &mut Memory, result: &Unrecorded, now: Now) -> Done<After> {
        let Unrecorded { claimed, outcome, held_count } = result;
        let transition = outcome.transition();
        let (ready_at, ready) = self.next_ready(now, claimed.rests);
        let hold = transition
            .hold
            .as_ref()
            .map(|hold| (hold, now.wall.plus(hold.length(now.wall, *held_count, self.chance()))));
        let ending = Ending { claimed, outcome, transition: &transition, hold, ready_at };
        let write_ending = |tx: &Tx<'_>| self.write_ending(tx, &ending, now);
        let recorded = match outcome {
            Outcome::NotOffered { .. } => self.write(write_ending), // all that is left of its message fails
            Outcome::Sent { .. }
            | Outcome::Failed { .. }
            | Outcome::Refused { .. }
            | Outcome::Deferred(_)
            | Outcome::Restricted
            | Outcome::Unknown { .. } => self.write_few(write_ending),
        }?;
        fail_point::reach("recorded");
        memory.note_pace(ready_at, ready);
        self.tell(&ending, &recorded);
        memory.doubts_sessions = recorded.was_ours
            && match outcome {
                Outcome::Sent { .. }
                | Outcome::Failed { .. }
                | Outcome::Refused { .. }
                | Outcome::NotOffered { .. } => false,
                Outcome::Deferred(_) | Outcome::Restricted | Outcome::Unknown { .. } => true,
            };
        Ok(match hold {
            Some((hold, until)) => {
                let broke = recorded.broke.map(|reason| Hold::new(HoldKind::Breaker, reason));
                let until = broke.is_none().then_some(until);
                log_hold(claimed.channel_id, broke.as_ref().unwrap_or(hold), until, true);
                After::Held
            }
            None => self.after(memory, recorded.ahead, (ready_at, ready), now),
        })
    }

    /// What becomes of a channel that is not held, whose next turn is at `ready_at`: on the monotonic clock `ready`.
    pub(super) fn after(
        &self,
        memory: &mut Memory,
        Ahead { has_next, waits_until, next }: Ahead,
        (ready_at, ready): (Timestamp, Duration),
        now: Now,
    ) -> After {
        // With nothing left, the run need not wait for the end of a gap.
        if !has_next {
            memory.waits_until = soon(waits_until, now.wall);
            return After::Empty(ready);
        }
        // Nor need it wait for a gap only to find that the day is full.
        let is_closed = next
            .is_some_and(|(channel, counted)| self.is_closed(memory, &channel, counted, ready_at));
        if is_closed { After::Held } else { After::Ready(ready) }
    }

    /// All of it in one transaction: the outcome, the pace, the hold and the counts.
    fn write_ending(&self, tx: &Tx<'_>, ending: &Ending<'_>, now: Now) -> SqlResult<Recorded> {
        let Ending { claimed, outcome, transition, hold, ready_at } = *ending;
        let channel = claimed.channel_id;
        let accepted_id = match outcome {
            Outcome::Sent { waha_message_id } | Outcome::Refused { waha_message_id } => {
                Some(waha_message_id.as_str())
            }
            Outcome::Deferred(_)
            | Outcome::Failed { .. }
            | Outcome::NotOffered { .. }
            | Outcome::Restricted
            | Outcome::Unknown { .. } => None,
        };
        let was_ours = tx.record(claimed, transition, accepted_id, now.wall)?;
        let ended = SendEnd::new(transition, &claimed.chat_id);
        tx.set_channel_ready_at(channel, ready_at, ended, now.wall)?;
        let broke = match hold {
            Some((hold, until)) => tx.hold_channel(channel, hold, Some(until), now.wall)?,
            None => None,
        };
        let (mut status, mut given_up, mut settled) = (transition.status, 0, None);
        if was_ours {
            given_up = give_up_the_rest(tx, ending, now)?;
            // WAHA's events may have been faster than its answer, or all that came of it.
            status = tx.weigh_kept_events(claimed.delivery_id, now.wall)?.unwrap_or(status);
            if status == Status::Pending {
                tx.uncount_claim(channel, claimed.day)?;
            } else {
                let mut ended = Counts::of_one(status);
                ended.failed += given_up;
                let Claimed { auto_message_id: id, due_at, .. } = *claimed;
                settled = tx.settle_if_done(id, due_at, ended, &self.config.zone, now.wall)?;
                if let Outcome::NotOffered { reason } = outcome {
                    tx.note_cause(settled.as_ref(), reason)?;
                }
            }
        }
        let ahead = self.ahead(tx, channel, (ready_at, hold.is_some()), now.wall)?;
        fail_point::reach("record_uncommitted");
        Ok(Recorded { was_ours, status, given_up, settled, broke, ahead })
    }

    /// What a channel has to send from `ready_at` on.
    pub(super) fn ahead(
        &self,
        tx: &Tx<'_>,
        channel: i64,
        (ready_at, is_held): (Timestamp, bool),
        now: Timestamp,
    ) -> SqlResult<Ahead> {
        let late_before = now.minus(self.config.late_limit);
        let waits_until = tx.first_waiting(channel, now)?;
        let is_free = waits_until.is_some_and(|at| at <= now);
        let has_next = is_free || tx.has_open_delivery(channel, late_before)?;
        let wants_next = has_next && !is_held;
        let next = wants_next.then(|| self.at_next_send(tx, channel, ready_at)).flatten();
        Ok(Ahead { has_next, waits_until, next })
    }

    /// A channel and what it sent on the day of `at`, when its next send is. A row that cannot be read now is
    /// looked at in its turn: the outcome must be recorded.
    fn at_next_send(&self, tx: &Tx<'_>, id: i64, at: Timestamp) -> Option<(Channel, DayCount)> {
        let day = Day::of(&self.config.zone, at);
        let count = tx.day_count(id, day).ok()?;
        Some((tx.channel(id).ok()??, DayCount { day, count }))
    }

    /// Tells the log and the run what was recorded.
    fn tell(&self, ending: &Ending<'_>, recorded: &Recorded) {
        let Claimed { delivery_id, auto_message_id, .. } = *ending.claimed;
        if recorded.was_ours {
            log_outcome(ending.claimed, ending.outcome);
            if recorded.status != ending.transition.status {
                log_proven(delivery_id, recorded.status);
            }
            self.triggers.note_deliveries(auto_message_id, recorded.status, 1);
            self.triggers.note_deliveries(auto_message_id, Status::Failed, recorded.given_up);
        } else {
            log::error!("delivery {delivery_id}: its row was changed while it was being sent");
        }
        self.triggers.note_settled(&recorded.settled);
    }

    /// Before the end of the program: what is not recorded now is `unknown` after the next start. Tries
    /// until `last` on the monotonic clock.
    pub(super) fn record_before_end(&self, memory: &mut Memory, last: Duration) {
        while let Some(leftover) = memory.unrecorded.take() {
            let now = self.clock.now();
            self.record(memory, leftover, now);
            if now.monotonic >= last {
                return;
            }
        }
    }
}

/// The row's `error` has WAHA's words; the log has only ours: who knows what WAHA repeats.
fn log_outcome(claimed: &Claimed, outcome: &Outcome) {
    let (id, to) = (claimed.delivery_id, mask_phone(&claimed.chat_id));
    match outcome {
        Outcome::Sent { .. } => log::info!("delivery {id}: sent to {to}"),
        Outcome::Deferred(hold) => {
            log::warn!("delivery {id}: not sent, tried later: {}", hold.reason.headline());
        }
        Outcome::Failed { reason } | Outcome::NotOffered { reason } => {
            log::warn!("delivery {id}: failed, to {to}: {}", reason.headline());
        }
        Outcome::Restricted => {
            log::warn!("delivery {id}: failed, to {to}: {}", Reason::Restricted.headline());
        }
        Outcome::Refused { .. } => {
            log::warn!("delivery {id}: failed, to {to}: {}", Reason::Refused);
        }
        Outcome::Unknown { reason } => {
            log::warn!("delivery {id}: unknown, it may have reached {to}: {}", reason.headline());
        }
    }
}

/// What this WAHA cannot send to anybody ends for the message's other recipients. Returns how many.
fn give_up_the_rest(tx: &Tx<'_>, ending: &Ending<'_>, now: Now) -> SqlResult<u64> {
    let Outcome::NotOffered { reason } = ending.outcome else { return Ok(0) };
    let Claimed { auto_message_id, due_at, .. } = *ending.claimed;
    let failed = (Status::Failed, reason);
    let count = tx.end_all_pending(auto_message_id, due_at, failed, now.wall)?;
    Ok(u64::try_from(count).unwrap_or(u64::MAX))
}

/// What WAHA's events made of a delivery that had another outcome, or none.
fn log_proven(delivery_id: i64, status: Status) {
    let word = status.as_str();
    log::info!("delivery {delivery_id}: {word}, as an event from WAHA proves");
}
