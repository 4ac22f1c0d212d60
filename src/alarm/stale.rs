//! Stale: nothing triggers any more, and something could be sent.
//!
//! Never a false alarm: what waits for its pace, its hours, its daily limit, or a channel that is held
//! or not active, is not stale; nor is a message that is paused. Who asks the database sees also what
//! another process does.

use std::sync::Arc;
use std::time::Duration;

use crate::channels::{Availability, look};
use crate::clock::{Now, Timestamp};
use crate::config::Config;
use crate::store::{SqlResult, Tx};
use crate::trigger::Triggers;

#[derive(Clone, Debug)]
pub struct Watch {
    pub config: Arc<Config>,
    /// When the watch began, on the monotonic clock.
    pub began: Duration,
}

impl Watch {
    pub(crate) fn new(config: &Arc<Config>, now: Now) -> Self {
        Self { config: Arc::clone(config), began: now.monotonic }
    }

    /// Whether no trigger came for long enough; only then is [`Self::stale_since`] worth its reads.
    pub fn is_quiet(&self, triggers: &Triggers, now: Now) -> bool {
        let Some(after) = self.config.stale_after else { return false };
        let last = triggers.looked_at().map_or(self.began, |at| at.monotonic.max(self.began));
        !triggers.is_running() && now.monotonic.saturating_sub(last) >= after
    }

    /// Since when something that could be sent is due, when that is longer than triggers may stay
    /// away, and none came meanwhile in another process.
    pub fn stale_since(&self, tx: &Tx<'_>, now: Timestamp) -> SqlResult<Option<Timestamp>> {
        let Some(after) = self.config.stale_after else { return Ok(None) };
        let before = now.minus(after);
        let newest = tx.newest_trigger()?.and_then(|run| run.started_at);
        if newest.is_some_and(|at| at > before && at <= now) {
            return Ok(None);
        }
        let mut oldest = tx.oldest_unplanned(before)?;
        for channel in tx.channels_with_work(now)? {
            // Nothing but a missing trigger kept it from sending, now and all the time since `before`.
            let (then, _) = look(tx, &channel, &self.config, before)?;
            let (still, _) = look(tx, &channel, &self.config, now)?;
            if then == Availability::Ready && still == Availability::Ready {
                let open = tx.next_open_delivery(channel.id, Timestamp::from_millis(i64::MIN))?;
                let waited = tx.first_waiting(channel.id, before)?;
                let due = open.map(|open| open.due_at).into_iter().chain(waited);
                oldest = oldest.into_iter().chain(due.filter(|due| *due <= before)).min();
            }
        }
        Ok(oldest)
    }
}
