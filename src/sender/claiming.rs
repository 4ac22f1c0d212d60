//! Claiming a delivery with its exact text.

use super::Sender;
use crate::clock::Timestamp;
use crate::delivery::{Counts, Status};
use crate::store::{ClaimRequest, Claimed, Open, Settled, SqlResult, Tx};

/// What became of claiming a delivery.
pub(super) enum Claim {
    Made(Claimed),
    /// It is not to be claimed as it was seen.
    Changed,
    /// It cannot get its text, and its message may have settled by that.
    Skipped(Option<Settled>),
}

impl Sender {
    /// Claims a delivery with its exact text, or skips it when its placeholders cannot be filled in
    /// any more: all of it in this transaction, so that nobody edits the text in between.
    pub(super) fn claim(
        &self,
        tx: &Tx<'_>,
        open: &Open,
        request: &ClaimRequest<'_>,
        now: Timestamp,
    ) -> SqlResult<Claim> {
        let is_made = |claimed: Option<Claimed>| claimed.map_or(Claim::Changed, Claim::Made);
        if !open.is_template {
            return tx.claim(request, now).map(is_made);
        }
        match tx.render(open.id)? {
            None => Ok(Claim::Changed),
            Some(Ok(text)) => tx
                .claim(&ClaimRequest { rendered: Some(&text), ..request.clone() }, now)
                .map(is_made),
            Some(Err(why)) => {
                tx.end_pending(open.id, Status::Skipped, &why.to_string(), now)?;
                let one = Counts { skipped: 1, ..Counts::default() };
                let zone = &self.rules.zone;
                tx.settle_if_done(open.auto_message_id, open.due_at, one, zone, now)
                    .map(Claim::Skipped)
            }
        }
    }
}
