//! RECIPIENT_GAP_HOURS: whose turn it is, but who got something lately, waits; the channel's others go on.

use std::time::Duration;

use super::{Core, Done};
use crate::clock::Timestamp;
use crate::delivery::Status;
use crate::reason::Reason;
use crate::store::{Channel, Open, Settled, SqlResult, Tx};

/// How many deliveries are let wait, or freed, in one transaction.
const TOGETHER: u32 = 200;
/// How long who is getting something just now is left alone: nobody knows yet whether it gets there.
const LOOK_AGAIN: Duration = Duration::from_mins(1);
/// A wait that is longer is looked at in between: the wall clock may be set.
const SOON: Duration = Duration::from_hours(24);

/// What a channel has to do next.
pub(super) enum Next {
    Open(Open),
    /// Some have to wait, or have waited long enough: see [`Core::let_wait`].
    Waits,
    /// Nothing, before the first of those who wait is free.
    Nobody(Option<Timestamp>),
}

/// What becomes of a delivery whose chat got something lately.
enum Wait {
    Until(Timestamp),
    /// That would be too late.
    TooLong,
}

/// When the dispatcher looks again for who waits until then.
pub(super) fn soon(until: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    until.map(|at| at.min(now.plus(SOON)))
}

impl Core {
    /// How long before it the chat of a delivery may have got nothing.
    pub(super) fn recipient_gap(&self, channel: &Channel, open: &Open) -> Option<Duration> {
        let (own, channel) = (open.recipient_gap_hours, channel.recipient_gap_hours);
        self.config.recipient_gap(own, channel).filter(|_| !open.is_wanted_again)
    }

    pub(super) fn next(
        &self,
        tx: &Tx<'_>,
        channel: &Channel,
        late_before: Timestamp,
        now: Timestamp,
    ) -> SqlResult<Next> {
        let first = tx.first_waiting(channel.id, now)?;
        if first.is_some_and(|at| at <= now) {
            return Ok(Next::Waits);
        }
        let Some(open) = tx.next_open_delivery(channel.id, late_before)? else {
            return Ok(Next::Nobody(soon(first, now)));
        };
        let waits = self.wait(tx, channel, &open, now)?.is_some();
        Ok(if waits { Next::Waits } else { Next::Open(open) })
    }

    fn wait(
        &self,
        tx: &Tx<'_>,
        channel: &Channel,
        open: &Open,
        now: Timestamp,
    ) -> SqlResult<Option<Wait>> {
        let Some(gap) = self.recipient_gap(channel, open) else { return Ok(None) };
        let Some(reached) = tx.reached(&open.chat_id, gap, now)? else { return Ok(None) };
        let free_at = reached.at.plus(gap);
        let is_too_long = open.due_at < free_at.minus(self.config.late_limit);
        Ok(Some(match (reached.is_sending, is_too_long) {
            (true, _) => Wait::Until(free_at.min(now.plus(LOOK_AGAIN))),
            (false, true) => Wait::TooLong,
            (false, false) => Wait::Until(free_at),
        }))
    }

    /// Frees those who have waited, and lets those wait who are next and got something lately.
    pub(super) fn let_wait(
        &self,
        channel: &Channel,
        late_before: Timestamp,
        now: Timestamp,
    ) -> Done<()> {
        let mut expired: Vec<(Open, Option<Settled>)> = Vec::new();
        self.write(|tx| {
            expired.clear();
            tx.free_waiting(channel.id, now, TOGETHER)?;
            for _ in 0..TOGETHER {
                let Some(open) = tx.next_open_delivery(channel.id, late_before)? else { break };
                let Some(wait) = self.wait(tx, channel, &open, now)? else { break };
                let gap = self.recipient_gap(channel, &open).unwrap_or_default();
                let why = Reason::RecipientGap { hours: gap.as_secs() / 3600 };
                match wait {
                    Wait::Until(at) => tx.let_wait(open.id, at, &why)?,
                    Wait::TooLong => {
                        let settled = self.end_in(tx, &open, Status::Expired, &why, now)?;
                        expired.push((open, settled));
                    }
                }
            }
            Ok(())
        })?;
        for (open, settled) in &expired {
            self.note_ended(open, Status::Expired, settled.as_ref());
        }
        Ok(())
    }
}
