//! CHECK_NUMBERS: before the first message to a number that nobody here spoke with, WhatsApp is asked whether it has it.
//!
//! It comes before the claim, and a crash leaves nothing unknown: the turn of the pace is committed before the network is
//! touched, so there is never a burst, and an answer that was not recorded is asked for once more, a gap later. Only a
//! clear no ends a delivery. What ails WAHA or the session holds the channel, as it does when it sends; an answer that says
//! nothing of one number lets that delivery wait, and the channel's others go on.

use std::time::Duration;

use super::channel_queue::After;
use super::gaps::Next;
use super::record::Ahead;
use super::worker::Turn;
use super::{Core, DATABASE_REST, Done};
use crate::channels;
use crate::clock::{Now, Timestamp};
use crate::delivery::Status;
use crate::fail_point;
use crate::reason::Reason;
use crate::recipient::{mask_phone, number_to_check};
use crate::send_window::Allowance;
use crate::store::{Open, RecipientNow, SendEnd, Settled, SqlResult, Standing, Tx};
use crate::waha::Existence;

/// How long a channel waits for the answer about a number that another one asked for.
const ASKED_REST: Duration = Duration::from_secs(5);
/// A number of which WAHA could not tell is asked about again after as long as its message is late by then, within these: a
/// few times before it is too late, however many such numbers there are.
const AGAIN_MIN: Duration = Duration::from_mins(15);
const AGAIN_MAX: Duration = Duration::from_hours(6);

struct Noted {
    ahead: Ahead,
    skipped: Option<Skipped>,
}

/// A delivery that was skipped, and its message when that settled it.
struct Skipped(Option<Settled>);

impl Core {
    /// Whether anything may be sent to whom a channel has next.
    pub(super) fn standing(&self, tx: &Tx<'_>, next: &Next, now: Timestamp) -> SqlResult<Standing> {
        match next {
            Next::Open(open)
                if self.config.check_numbers && number_to_check(&open.chat_id).is_some() =>
            {
                Ok(tx.number(&open.chat_id)?.standing(now))
            }
            Next::Open(_) | Next::Waits | Next::Nobody(_) => Ok(Standing::Known),
        }
    }

    /// When a number is asked about again of which WAHA could not tell.
    fn again_at(open: &Open, now: Timestamp) -> Timestamp {
        now.plus(now.since(open.due_at).clamp(AGAIN_MIN, AGAIN_MAX))
    }
}

impl Turn<'_> {
    /// What comes before anything is sent to the next delivery's number; `None` when that may go out now.
    pub(super) fn number_first(
        &mut self,
        allowance: &Allowance,
        open: &Open,
        standing: Standing,
    ) -> Done<Option<After>> {
        let (core, now) = (self.core, self.core.clock.now());
        Ok(Some(match standing {
            Standing::Known => return Ok(None),
            Standing::NotThere => {
                core.end_unsendable(open, Status::Skipped, &Reason::NotOnWhatsapp, now.wall)?;
                After::Ready(now.monotonic)
            }
            Standing::BeingAsked => After::Ready(now.monotonic + ASKED_REST),
            Standing::Unknown => self.check_number(allowance, open)?,
        }))
    }

    /// Asks WhatsApp about the number of the next delivery, with the channel's turn.
    fn check_number(&mut self, allowance: &Allowance, open: &Open) -> Done<After> {
        let (core, channel, session) = (self.core, self.channel, self.session);
        let Some(digits) = number_to_check(&open.chat_id) else { return Ok(After::Held) };
        if core.triggers.is_stopping() || core.is_over(core.clock.now()) {
            return Ok(After::Held);
        }
        fail_point::reach("before_check");
        let begun = core.write_few(|tx| {
            let now = core.clock.now();
            let is_open = allowance.window.contains(&core.config.zone, now.wall);
            let number = tx.number(&open.chat_id)?;
            let is_asked = number.standing(now.wall) != Standing::Unknown;
            if !is_open || is_asked || core.is_clock_wrong(now) {
                return Ok(None);
            }
            let chance = core.chance();
            let turn = channels::check_turn(channel, session, &core.config, now.wall, chance);
            let Ok((turn, gap)) = turn else { return Ok(None) }; // its hours were read just now
            let is_begun = tx.begin_check((&open.chat_id, number), &turn, now.wall)?;
            fail_point::reach("check_uncommitted");
            Ok(is_begun.then_some((turn.ready_at, now.monotonic + gap, turn.rests)))
        })?;
        fail_point::reach("check_begun");
        // Somebody changed a row in between, or the hours ended.
        let Some((ready_at, ready, rests)) = begun else {
            return Ok(After::Ready(core.clock.now().monotonic + DATABASE_REST));
        };
        self.memory.note_pace(ready_at, ready);
        let found = core.waha.check_exists(session, digits);
        fail_point::reach("check_answered");
        self.note_existence(open, &found, rests)
    }

    /// Records the answer, and that the gap begins only now.
    fn note_existence(&mut self, open: &Open, found: &Existence, rests: bool) -> Done<After> {
        let (core, now) = (self.core, self.core.clock.now());
        let (ready_at, ready) = core.next_ready(now, rests);
        let noted = core.write_few(|tx| {
            tx.set_channel_ready_at(self.channel.id, ready_at, SendEnd::default(), now.wall)?;
            let skipped = core.note_in(tx, (self.channel.id, open), found, now)?;
            let is_held = matches!(found, Existence::Held(_));
            let ahead = core.ahead(tx, self.channel.id, (ready_at, is_held), now.wall)?;
            fail_point::reach("check_noted_uncommitted");
            Ok(Noted { ahead, skipped })
        })?;
        fail_point::reach("check_noted");
        self.memory.note_pace(ready_at, ready);
        let (id, to) = (open.id, mask_phone(&open.chat_id));
        if let Some(Skipped(settled)) = &noted.skipped {
            log::info!("delivery {id}: skipped, {to} is not on WhatsApp");
            core.note_ended(open, Status::Skipped, settled.as_ref());
        }
        match found {
            Existence::There { .. } => log::debug!("delivery {id}: {to} is on WhatsApp"),
            Existence::NotThere => {}
            Existence::Untold(reason) => {
                let why = reason.headline();
                log::warn!("delivery {id}: waits, whether {to} is on WhatsApp is not known: {why}");
            }
            Existence::Held(hold) => {
                self.memory.doubts_sessions = true;
                return self.hold(hold);
            }
        }
        Ok(core.after(self.memory, noted.ahead, (ready_at, ready), now))
    }
}

impl Core {
    /// Notes an answer about the number of a delivery, and what becomes of that.
    fn note_in(
        &self,
        tx: &Tx<'_>,
        (channel, open): (i64, &Open),
        found: &Existence,
        now: Now,
    ) -> SqlResult<Option<Skipped>> {
        match found {
            Existence::There { chat_id } => {
                tx.note_check(&open.chat_id, true, chat_id.as_deref(), now.wall)?;
            }
            Existence::NotThere => {
                tx.note_check(&open.chat_id, false, None, now.wall)?;
                // Whoever was given another number meanwhile is looked at in its turn.
                let late_before = now.wall.minus(self.config.late_limit);
                let still = tx.next_open_delivery(channel, late_before)?.is_some_and(|next| {
                    next.recipient == RecipientNow::AsPlanned
                        && (next.id, &next.chat_id) == (open.id, &open.chat_id)
                });
                if still {
                    let why = &Reason::NotOnWhatsapp;
                    let settled = self.end_in(tx, open, Status::Skipped, why, now.wall)?;
                    return Ok(Some(Skipped(settled)));
                }
            }
            Existence::Untold(reason) => {
                tx.forget_check(&open.chat_id)?;
                let cause = Box::new(reason.clone().into());
                let until = Self::again_at(open, now.wall);
                tx.let_wait(open.id, until, &Reason::NotChecked { cause })?;
            }
            Existence::Held(_) => tx.forget_check(&open.chat_id)?,
        }
        Ok(None)
    }
}
