//! What people do with channels: look at all of them, make, change, stop, free and remove one.

use rusqlite::{Row, named_params};

use super::channels::{COLUMNS, read_channel};
use super::{Channel, SqlResult, Tx};
use crate::clock::Timestamp;

/// The columns of a channel that people choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChannelSettings {
    /// Its name, for people.
    pub(crate) name: String,
    /// Its session in WAHA.
    pub(crate) session_name: Option<String>,
    /// Its own hours; `None` for the setting.
    pub(crate) send_window: Option<String>,
    /// Its own limit; `None` for the setting, 0 for none.
    pub(crate) daily_limit: Option<i64>,
}

/// What would be lost with a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChannelUses {
    /// Messages that have not ended.
    pub(crate) messages: u64,
    /// Deliveries that wait or are on their way.
    pub(crate) open: u64,
    /// Unknown deliveries that are still to be looked up through its session.
    pub(crate) looked_up: u64,
}

impl Tx<'_> {
    /// All channels, by id.
    pub(crate) fn channels(&self) -> SqlResult<Vec<Channel>> {
        let sql = format!("SELECT {COLUMNS} FROM channels c ORDER BY c.id");
        self.prepare(&sql)?.query_map([], read_channel)?.collect()
    }

    /// Makes a channel and returns its id.
    ///
    /// # Errors
    /// When the statement fails, also because the session is another channel's.
    pub(crate) fn add_channel(&self, new: &ChannelSettings, now: Timestamp) -> SqlResult<i64> {
        let sql = "INSERT INTO channels
                       (name, session_name, send_window, daily_limit, created_at, updated_at)
                   VALUES (:name, :session, :window, :limit, :now, :now)";
        self.prepare(sql)?.insert(named_params! {
            ":name": new.name,
            ":session": new.session_name,
            ":window": new.send_window,
            ":limit": new.daily_limit,
            ":now": now.to_string(),
        })
    }

    /// Gives a channel these settings.
    ///
    /// # Errors
    /// When the statement fails, also because the session is another channel's.
    pub(crate) fn set_channel(
        &self,
        id: i64,
        to: &ChannelSettings,
        now: Timestamp,
    ) -> SqlResult<()> {
        let sql = "UPDATE channels SET name = :name, session_name = :session,
                       send_window = :window, daily_limit = :limit, updated_at = :now
                   WHERE id = :id";
        let params = named_params! {
            ":id": id,
            ":name": to.name,
            ":session": to.session_name,
            ":window": to.send_window,
            ":limit": to.daily_limit,
            ":now": now.to_string(),
        };
        self.prepare(sql)?.execute(params).map(drop)
    }

    /// Holds a channel until a person frees it.
    pub(crate) fn pause_channel(&self, id: i64, reason: &str, now: Timestamp) -> SqlResult<()> {
        let sql = "UPDATE channels SET held_reason = :reason, held_kind = NULL, held_until = NULL,
                       updated_at = :now
                   WHERE id = :id";
        let params = named_params! { ":id": id, ":reason": reason, ":now": now.to_string() };
        self.prepare(sql)?.execute(params).map(drop)
    }

    /// Ends any hold of a channel, and makes it active.
    pub(crate) fn resume_channel(&self, id: i64, now: Timestamp) -> SqlResult<()> {
        let sql = "UPDATE channels SET held_reason = NULL, held_kind = NULL, held_until = NULL,
                       held_count = 0, is_active = 1, updated_at = :now
                   WHERE id = :id";
        let params = named_params! { ":id": id, ":now": now.to_string() };
        self.prepare(sql)?.execute(params).map(drop)
    }

    /// Makes the number that a channel's session has now the channel's, and ends the hold for it.
    /// Returns whether there was such a number.
    pub(crate) fn confirm_number(&self, id: i64, now: Timestamp) -> SqlResult<bool> {
        let take = "UPDATE channels SET phone_number = other_number, other_number = NULL,
                        updated_at = :now
                    WHERE id = :id AND other_number IS NOT NULL";
        let free = "UPDATE channels SET held_reason = NULL, held_kind = NULL, held_until = NULL,
                        held_count = 0, updated_at = :now
                    WHERE id = :id AND held_kind = 'other_number'";
        let params = named_params! { ":id": id, ":now": now.to_string() };
        let changed = self.prepare(take)?.execute(params)?;
        self.prepare(free)?.execute(params)?;
        Ok(changed > 0)
    }

    /// Whether a channel is held because the database is a copy.
    pub(crate) fn is_held_as_copy(&self, id: i64) -> SqlResult<bool> {
        let sql =
            "SELECT EXISTS (SELECT 1 FROM place_holds p JOIN channels c ON c.id = p.channel_id
                       WHERE c.id = :id AND c.held_reason = p.reason)";
        self.prepare(sql)?.query_row(named_params! { ":id": id }, |row| row.get(0))
    }

    /// How many deliveries wait for a channel.
    pub(crate) fn count_pending_on(&self, id: i64) -> SqlResult<u64> {
        let sql = "SELECT count(*) FROM deliveries WHERE channel_id = :id AND status = 'pending'";
        self.prepare(sql)?.query_row(named_params! { ":id": id }, |row| row.get(0))
    }

    /// What still uses a channel.
    pub(crate) fn channel_uses(&self, id: i64) -> SqlResult<ChannelUses> {
        let sql = "SELECT (SELECT count(*) FROM auto_messages INDEXED BY idx_auto_messages_status
                           WHERE status IN ('draft', 'scheduled', 'sending') AND channel_id = :id) AS messages,
                       (SELECT count(*) FROM deliveries WHERE status = 'pending' AND channel_id = :id)
                       + (SELECT count(*) FROM deliveries WHERE status = 'sending' AND channel_id = :id) AS open,
                       (SELECT count(*) FROM deliveries WHERE status = 'unknown'
                           AND next_attempt_at IS NOT NULL AND channel_id = :id) AS looked_up";
        let read = |row: &Row<'_>| {
            Ok(ChannelUses {
                messages: row.get("messages")?,
                open: row.get("open")?,
                looked_up: row.get("looked_up")?,
            })
        };
        self.prepare(sql)?.query_row(named_params! { ":id": id }, read)
    }

    /// Removes a channel; what it sent stays on record.
    pub(crate) fn remove_channel(&self, id: i64) -> SqlResult<()> {
        let sql = "DELETE FROM channels WHERE id = :id";
        self.prepare(sql)?.execute(named_params! { ":id": id }).map(drop)
    }
}
