//! Claiming a delivery with its exact text, and sending it.

use std::time::Duration;

use super::recording::Unrecorded;
use super::{DATABASE_REST, Lane, Sender, lock, text_message};
use crate::clock::Timestamp;
use crate::contacts::opt_out;
use crate::contacts::waiting::{self, Followed};
use crate::delivery::{Counts, Status};
use crate::fail_point;
use crate::send_window::{Allowance, Day};
use crate::store::{
    Channel, ClaimRequest, Claimed, OPTED_OUT, Open, Settled, SqlResult, StoreError, Tx,
};

/// What became of claiming a delivery.
enum Claim {
    Made(Claimed),
    /// It is not to be claimed as it was seen.
    Changed,
    /// It cannot get its text or opted out, and its message may have settled by that.
    Skipped(Option<Settled>),
}

impl Sender {
    /// Claims a delivery and sends it.
    pub(super) fn claim_and_send(
        &self,
        (channel, session): (&Channel, &str),
        allowance: &Allowance,
        open: &Open,
        reserved_id: Option<&str>,
    ) -> Result<Lane, StoreError> {
        // The looks at the session and for an id may have taken long.
        let now = self.clock.now().monotonic;
        if self.triggers.is_stopping() || self.last_claim.is_some_and(|last| now > last) {
            return Ok(Lane::Held);
        }
        fail_point::reach("before_claim");
        let mut began = now;
        let claimed = lock(&self.store).write(|tx| {
            // Only here, with the database ours, has all waiting ended: the time of the claim.
            let now = self.clock.now();
            began = now.monotonic;
            if !allowance.window.contains(&self.config.zone, now.wall) || self.is_clock_wrong(now) {
                return Ok((Claim::Changed, now.wall, now.monotonic));
            }
            let (next_ready_at, ready) = self.next_ready(now);
            let request = ClaimRequest {
                delivery_id: open.id,
                channel_id: channel.id,
                session,
                seen_ready_at: channel.ready_at,
                seen_send_window: channel.send_window.as_deref(),
                seen_daily_limit: channel.daily_limit,
                day: Day::of(&self.config.zone, now.wall),
                day_limit: allowance.daily_limit,
                next_ready_at,
                reserved_id,
                rendered: None,
            };
            let claim = self.claim(tx, open, &request, now.wall)?;
            fail_point::reach("claim_uncommitted");
            Ok((claim, next_ready_at, ready))
        });
        let (claim, next_ready_at, ready) = match claimed {
            Ok(claim) => claim,
            Err(error) => {
                let Some(why) = error.unreadable_row() else { return Err(error) };
                let why = format!("the message or its delivery cannot be read: {why}");
                let now = self.clock.now();
                self.end_unsendable(open, Status::Failed, &why, now.wall)?;
                return Ok(Lane::Ready(now.monotonic));
            }
        };
        fail_point::reach("claimed");
        let claimed = match claim {
            Claim::Made(claimed) => claimed,
            // Somebody changed a row in between, or the hours ended: look again, not faster than once
            // a rest.
            Claim::Changed => return Ok(Lane::Ready(self.clock.now().monotonic + DATABASE_REST)),
            Claim::Skipped(settled) => {
                self.triggers.note_delivery(open.auto_message_id, Status::Skipped);
                if let Some(settled) = settled {
                    self.triggers.note_settled(&settled);
                }
                return Ok(Lane::Ready(self.clock.now().monotonic));
            }
        };
        lock(&self.board).note_pace(channel.id, next_ready_at, ready);
        Ok(self.send(channel, session, claimed, began))
    }

    /// The one place where messages leave: after the commit of the claim, before anything else.
    /// `began` is when it was claimed, on the monotonic clock.
    fn send(&self, channel: &Channel, session: &str, claimed: Claimed, began: Duration) -> Lane {
        log::debug!("delivery {}: claimed, attempt {}", claimed.delivery_id, claimed.attempt);
        let outcome = self.waha.send(&text_message(session, &claimed));
        self.triggers.latency.note(self.clock.now().monotonic.saturating_sub(began));
        fail_point::reach("answered");
        self.record(Unrecorded { claimed, outcome, held_count: channel.held_count })
    }

    /// Ends a delivery whose message was changed into something that cannot be sent, or whose
    /// recipient wants none.
    pub(super) fn end_unsendable(
        &self,
        open: &Open,
        status: Status,
        error: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut one = Counts::default();
        one.of(status).into_iter().for_each(|count| *count = 1);
        let settled = lock(&self.store).write(|tx| {
            tx.end_pending(open.id, status, error, now)?;
            tx.settle_if_done(open.auto_message_id, open.due_at, one, &self.config.zone, now)
        })?;
        self.triggers.note_delivery(open.auto_message_id, status);
        if let Some(settled) = settled {
            self.triggers.note_settled(&settled);
        }
        Ok(())
    }

    /// Lets a delivery follow its contact, who was removed or has another number: to that number, or
    /// nowhere.
    pub(super) fn follow_contact(&self, open: &Open, now: Timestamp) -> Result<(), StoreError> {
        let followed =
            lock(&self.store).write(|tx| waiting::follow(tx, open.id, &self.config, now))?;
        match followed {
            Followed::Goes | Followed::HandedOver | Followed::Gone => {}
            Followed::Skipped(settled) => {
                self.triggers.note_delivery(open.auto_message_id, Status::Skipped);
                if let Some(settled) = settled {
                    self.triggers.note_settled(&settled);
                }
            }
        }
        Ok(())
    }

    /// Claims a delivery with its exact text, or skips it when its placeholders cannot be filled in
    /// any more: all of it in this transaction, so that nobody edits the text in between.
    fn claim(
        &self,
        tx: &Tx<'_>,
        open: &Open,
        request: &ClaimRequest<'_>,
        now: Timestamp,
    ) -> SqlResult<Claim> {
        let is_made = |claimed: Option<Claimed>| claimed.map_or(Claim::Changed, Claim::Made);
        let skip = |why: &str| {
            tx.end_pending(open.id, Status::Skipped, why, now)?;
            let one = Counts { skipped: 1, ..Counts::default() };
            tx.settle_if_done(open.auto_message_id, open.due_at, one, &self.config.zone, now)
                .map(Claim::Skipped)
        };
        if opt_out::is_out_by_odd_spelling(tx, &open.chat_id, &self.config.country)? {
            return skip(OPTED_OUT);
        }
        if !open.is_template {
            return tx.claim(request, now).map(is_made);
        }
        match tx.render(open.id)? {
            None => Ok(Claim::Changed),
            Some(Ok(text)) => tx
                .claim(&ClaimRequest { rendered: Some(&text), ..request.clone() }, now)
                .map(is_made),
            Some(Err(why)) => skip(&why.to_string()),
        }
    }
}
