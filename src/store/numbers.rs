//! The table `numbers`: when people last wrote to us, and through which channel they last heard from us or wrote.
//! Times only, never a text.

use std::time::Duration;

use super::{SqlResult, Tx, params};
use crate::clock::Timestamp;
use crate::send_window::Day;

/// A time is written anew only when it is so old: most people write several messages at once.
const NOTED_EVERY: Duration = Duration::from_hours(1);

impl Tx<'_> {
    /// Whether it is noted that the person behind a chat wrote to this session within the last hour, and has
    /// not spoken with another since.
    pub fn wrote_lately(&self, chat_id: &str, session: &str, now: Timestamp) -> SqlResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM numbers
                       WHERE chat_id = :chat_id AND last_inbound_at > :since AND last_inbound_at <= :now
                           AND channel_id IS (SELECT id FROM channels
                               WHERE trim(session_name) = :session AND trim(session_name) <> ''))";
        self.query_value(sql, params! { chat_id, session, now, ":since": now.minus(NOTED_EVERY) })
    }

    /// Notes that the person behind a chat wrote to a session, and counts it for its channel. Who writes
    /// several times within an hour counts once: ten lines of one person are no ten people.
    pub fn note_inbound(
        &self,
        chat_id: &str,
        session: &str,
        day: Day,
        now: Timestamp,
    ) -> SqlResult<()> {
        if self.wrote_lately(chat_id, session, now)? {
            return Ok(());
        }
        let sql = "INSERT INTO channel_days (channel_id, day, claimed, received)
                   SELECT id, :day, 0, 1 FROM channels
                       WHERE trim(session_name) = :session AND trim(session_name) <> ''
                   ON CONFLICT (channel_id, day) DO UPDATE SET received = received + 1";
        self.execute_sql(sql, params! { session, day })?;
        let sql = "INSERT INTO numbers (chat_id, last_inbound_at, channel_id)
                   VALUES (:chat_id, :now, (SELECT id FROM channels
                       WHERE trim(session_name) = :session AND trim(session_name) <> ''))
                   ON CONFLICT (chat_id) DO UPDATE SET last_inbound_at = excluded.last_inbound_at,
                       channel_id = excluded.channel_id";
        self.execute_sql(sql, params! { chat_id, session, now })
    }

    /// The channel of the last conversation with the person or group behind a chat.
    pub(crate) fn spoke_through(&self, chat_id: &str) -> SqlResult<Option<i64>> {
        let sql = "SELECT channel_id FROM numbers WHERE chat_id = :chat_id";
        Ok(self.query_maybe(sql, params! { chat_id })?.flatten())
    }

    /// Whether the person behind a chat ever wrote.
    pub fn has_written(&self, chat_id: &str) -> SqlResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM numbers
                       WHERE chat_id = :chat_id AND last_inbound_at IS NOT NULL)";
        self.query_value(sql, params! { chat_id })
    }

    /// Whether WAHA tells us at all of those who write.
    pub(crate) fn hears_of_writers(&self) -> SqlResult<bool> {
        self.query_value(
            "SELECT EXISTS (SELECT 1 FROM numbers WHERE last_inbound_at IS NOT NULL)",
            [],
        )
    }
}
