//! What only a message with a file asks: whether this WAHA can send files at all, how many may go out at once, and how
//! often it is tried to bring one through.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::worker::CUTS_MAX;
use super::{Core, Done};
use crate::clock::lock;
use crate::delivery::{Counts, Outcome, Status};
use crate::reason::Reason;
use crate::store::{Claimed, Open};

/// For how long WAHA's word is believed that it is Plus. That it is not is never believed later: it would fail a
/// message after the owner did what its reason says.
const BELIEVED_FOR: Duration = Duration::from_mins(10);

/// How soon a channel looks again whether its file may go out.
pub(super) const UPLOAD_REST: Duration = Duration::from_millis(250);

/// A file on its way; the place is free again when this is dropped.
pub(super) struct Upload<'a>(&'a AtomicUsize);

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Core {
    /// A place for one more file, when there is one. An upload may take minutes, so one sender is always left for
    /// the texts of other channels; a single sender does both.
    pub(super) fn begin_upload(&self) -> Option<Upload<'_>> {
        let most = self.config.senders.saturating_sub(1).max(1);
        let upload = Upload(&self.uploads);
        (self.uploads.fetch_add(1, Ordering::SeqCst) < most).then_some(upload)
    }

    /// Whether WAHA says that it is CORE, which refuses files. One that does not say is tried.
    pub(super) fn is_core(&self) -> bool {
        let now = self.clock.now().monotonic;
        if lock(&self.plus_at).is_some_and(|at| now.saturating_sub(at) < BELIEVED_FOR) {
            return false;
        }
        let Ok(server) = self.waha.server() else { return false };
        if server.tier.is_empty() {
            return false;
        }
        let is_plus = server.is_plus();
        *lock(&self.plus_at) = is_plus.then_some(now);
        let now = self.clock.now().wall;
        if let Err(error) = self.write(|tx| tx.note_tier(is_plus, now)) {
            // It is asked again.
            log::debug!("the tier of WAHA could not be noted: {error}");
        }
        !is_plus
    }

    /// Fails all that is pending of an occurrence, because the message itself cannot be sent.
    pub(super) fn fail_pending(&self, open: &Open, why: &Reason) -> Done<()> {
        let (id, due_at, now) = (open.auto_message_id, open.due_at, self.clock.now().wall);
        let (failed, settled) = self.write(|tx| {
            let failed = tx.end_all_pending(id, due_at, (Status::Failed, why), now)?;
            let failed = u64::try_from(failed).unwrap_or(u64::MAX);
            let ended = Counts { failed, ..Counts::default() };
            let settled = tx.settle_if_done(id, due_at, ended, &self.config.zone, now)?;
            tx.note_cause(settled.as_ref(), why)?;
            Ok((failed, settled))
        })?;
        self.triggers.note_deliveries(id, Status::Failed, failed);
        self.triggers.note_settled(&settled);
        log::warn!("message {id}: {failed} deliveries failed: {}", why.headline());
        Ok(())
    }
}

/// A file that never gets through would keep all else on its channel waiting, again and again.
pub(super) fn give_up_cuts(claimed: &Claimed, outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Deferred(hold)
            if claimed.attempt >= CUTS_MAX && matches!(hold.reason, Reason::UploadCut { .. }) =>
        {
            Outcome::Failed { reason: hold.reason }
        }
        outcome => outcome,
    }
}
