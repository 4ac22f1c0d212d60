//! Stale: nothing triggers any more, and something could be sent.
//!
//! Never a false alarm: what waits for its pace, its hours, its daily limit, or a channel that is held
//! or not active, is not stale; nor is a message that is paused. Who asks the database sees also what
//! another process does.

use std::time::Duration;

use crate::clock::{Now, Timestamp};
use crate::config::Config;
use crate::schedule::Zone;
use crate::store::{Channel, SqlResult, Tx};
use crate::trigger::Triggers;
use crate::window::{Allowance, Day};

/// Watches whether triggers come.
#[derive(Clone, Debug)]
pub struct Watch {
    pub after: Option<Duration>,
    pub allowance: Allowance,
    pub zone: Zone,
    /// When the watch began, on the monotonic clock.
    pub began: Duration,
}

impl Watch {
    /// A watch by the settings that begins at `now`.
    pub(crate) fn new(config: &Config, now: Now) -> Self {
        Self {
            after: config.stale_after,
            allowance: config.allowance,
            zone: config.zone.clone(),
            began: now.monotonic,
        }
    }

    /// Whether no trigger came for long enough; only then is [`Self::stale_since`] worth its reads.
    pub fn is_quiet(&self, triggers: &Triggers, now: Now) -> bool {
        let Some(after) = self.after else { return false };
        let last = triggers.looked_at().map_or(self.began, |at| at.monotonic.max(self.began));
        !triggers.is_running() && now.monotonic.saturating_sub(last) >= after
    }

    /// Since when something that could be sent is due, when that is longer than triggers may stay
    /// away, and none came meanwhile in another process.
    pub fn stale_since(&self, tx: &Tx<'_>, now: Timestamp) -> SqlResult<Option<Timestamp>> {
        let Some(after) = self.after else { return Ok(None) };
        let before = now.minus(after);
        if tx.newest_run_at()?.is_some_and(|at| at > before && at <= now) {
            return Ok(None);
        }
        let mut oldest = tx.oldest_unplanned(before)?;
        for channel in tx.channels_with_work(now)? {
            if self.could_send(tx, &channel, before, now)? {
                let open =
                    tx.next_open_delivery(channel.id, now, Timestamp::from_millis(i64::MIN))?;
                let due = open.map(|open| open.due_at).filter(|due| *due <= before);
                oldest = oldest.into_iter().chain(due).min();
            }
        }
        Ok(oldest)
    }

    /// Whether nothing but a missing trigger keeps the channel from sending, now and all the time
    /// since `before`.
    fn could_send(
        &self,
        tx: &Tx<'_>,
        channel: &Channel,
        before: Timestamp,
        now: Timestamp,
    ) -> SqlResult<bool> {
        let own = channel.send_window.as_deref();
        let Ok(allowance) = self.allowance.of_channel(own, channel.daily_limit) else {
            return Ok(false);
        };
        let has_rested = channel.ready_at.is_none_or(|ready| ready <= before);
        let is_open = allowance.window.contains(&self.zone, before)
            && allowance.window.contains(&self.zone, now);
        if channel.held.is_some() || !has_rested || !is_open {
            return Ok(false);
        }
        let Some(limit) = allowance.daily_limit else { return Ok(true) };
        let day = Day::of(&self.zone, now);
        Ok(day == Day::of(&self.zone, before) && tx.day_count(channel.id, day)? < limit)
    }
}
