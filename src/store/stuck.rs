//! Sessions that take messages and bring none to WhatsApp's server: WAHA's events say so by an ack
//! that stays at 0.

use std::time::Duration;

use super::{Channel, SqlResult, Tx, params};
use crate::clock::Timestamp;
use crate::reason::Reason;

/// WhatsApp's server has a message within seconds, whether or not its recipient is online.
const STUCK_AFTER: Duration = Duration::from_hours(1);
/// Older ones are history.
const STUCK_WITHIN: Duration = Duration::from_hours(7 * 24);
/// An event may be lost, and so many in a row are not.
const STUCK_MIN: u64 = 5;
/// Where no ack ever came, its event may not be asked for at all.
const STUCK_MIN_WITHOUT_ACKS: u64 = 20;

/// A channel whose session is stuck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    pub channel_id: i64,
    /// How many of its messages have not reached WhatsApp's server.
    pub count: u64,
    /// Whether an ack above 0 ever came: without one its webhook may be what is wrong.
    pub has_acks: bool,
}

impl Stuck {
    /// The same in words.
    pub fn reason(&self) -> Reason {
        let count = self.count;
        if self.has_acks {
            Reason::SessionStuck { count }
        } else {
            Reason::SessionStuckWithoutAcks { count }
        }
    }
}

impl Tx<'_> {
    /// Whether the session of a channel is stuck: the messages that it sent since WhatsApp's server
    /// last got one, and since the session last started, stay at ack 0. A message whose events do not
    /// come has no ack at all, and does not count; nor does one to a group, which is acked by its members.
    pub fn stuck_session(&self, channel: &Channel, now: Timestamp) -> SqlResult<Option<Stuck>> {
        let id = channel.id;
        let acked_at = "SELECT sent_at FROM channel_acks WHERE channel_id = :channel_id";
        let acked_at: Option<String> = self.query_maybe(acked_at, params! { ":channel_id": id })?;
        let started_at = "SELECT received_at FROM webhook_sessions
                          WHERE session_name = :session AND is_working = 1";
        let session = channel.session_name.as_deref().unwrap_or_default();
        let started_at: Option<String> = self.query_maybe(started_at, params! { session })?;
        let has_acks = acked_at.is_some();
        let oldest = Some(now.minus(STUCK_WITHIN).to_string());
        let since = oldest.into_iter().chain(acked_at).chain(started_at).max();
        let sql = "SELECT count(*) FROM deliveries
                   WHERE channel_id = :channel_id AND status = 'sent' AND ack = 0
                       AND finished_at > :since AND finished_at <= :before
                       AND (chat_id LIKE '%@c.us' OR chat_id LIKE '%@lid')";
        let params = params! { since, ":channel_id": id, ":before": now.minus(STUCK_AFTER) };
        let count: u64 = self.query_value(sql, params)?;
        let min = if has_acks { STUCK_MIN } else { STUCK_MIN_WITHOUT_ACKS };
        Ok((count >= min).then_some(Stuck { channel_id: id, count, has_acks }))
    }

    /// Makes an alert of a session that is stuck, once until [`Self::end_stuck`]. Returns whether this
    /// was the first time.
    pub fn begin_stuck(&self, stuck: &Stuck, now: Timestamp) -> SqlResult<bool> {
        let key = stuck_key(stuck.channel_id);
        if self.meta(&key)?.is_some() {
            return Ok(false);
        }
        self.set_meta(&key, &now.to_string())?;
        if self.are_alerts_on()? {
            let sql = "INSERT INTO alerts (event, channel_id, reason, count, created_at)
                       VALUES ('session_stuck', :channel_id, :reason, :count, :now)";
            let params = params! {
                now, stuck.{ channel_id, count },
                ":reason": stuck.reason().to_string(),
            };
            self.change_rows(sql, params)?;
        }
        Ok(true)
    }

    /// The session of a channel is not stuck. Returns whether it had been.
    pub fn end_stuck(&self, channel_id: i64) -> SqlResult<bool> {
        let sql = "DELETE FROM meta WHERE key = :key";
        let key = stuck_key(channel_id);
        self.change(sql, params! { key })
    }

    /// Whether it was told that the session of a channel is stuck.
    pub(crate) fn was_stuck(&self, channel_id: i64) -> SqlResult<bool> {
        Ok(self.meta(&stuck_key(channel_id))?.is_some())
    }
}

fn stuck_key(channel_id: i64) -> String {
    format!("session_stuck:{channel_id}")
}
