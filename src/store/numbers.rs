//! The table `numbers`: when people last wrote to us, through which channel they last heard from us or wrote, and
//! whether WhatsApp has them at all. Times only, never a text.

use std::time::Duration;

use rusqlite::Row;

use super::{SqlResult, Tx, params, read, seen_time};
use crate::clock::Timestamp;
use crate::send_window::Day;

/// A number of which nobody needs to know any more.
const IS_OLD: &str = "(coalesce(last_sent_at, '') < :spoken_before
    AND coalesce(last_inbound_at, '') < :spoken_before AND coalesce(checked_at, '') < :checked_before)";

/// A time is written anew only when it is so old: most people write several messages at once.
const NOTED_EVERY: Duration = Duration::from_hours(1);

/// So long WhatsApp's answer about a number counts: it is not asked again before.
pub(crate) const CHECK_COUNTS_FOR: Duration = Duration::from_hours(30 * 24);
/// An answer that did not come so long after the question was lost: the program ended in between.
const ANSWER_WITHIN: Duration = Duration::from_mins(3);

/// What is known of the number behind a chat; by default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Number {
    /// Whether something was sent to it, or it wrote.
    pub(crate) has_spoken: bool,
    /// When WhatsApp was last asked about it.
    checked_at: Option<Timestamp>,
    exists: Option<bool>,
}

/// Whether anything may be sent to a number, as far as CHECK_NUMBERS is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It may.
    Known,
    NotThere,
    /// WhatsApp is being asked just now, for another message.
    BeingAsked,
    /// WhatsApp is to be asked first.
    Unknown,
}

impl Number {
    pub(crate) fn standing(self, now: Timestamp) -> Standing {
        if self.has_spoken {
            return Standing::Known;
        }
        match self.answer(now) {
            Some(true) => Standing::Known,
            Some(false) => Standing::NotThere,
            None if self.is_being_asked(now) => Standing::BeingAsked,
            None => Standing::Unknown,
        }
    }

    pub(crate) fn is_being_asked(self, now: Timestamp) -> bool {
        let is_lately = |at| is_within(at, now, ANSWER_WITHIN);
        self.exists.is_none() && self.checked_at.is_some_and(is_lately)
    }

    /// What WhatsApp said of it, while that counts.
    pub(crate) fn answer(self, now: Timestamp) -> Option<bool> {
        let at = self.checked_at?;
        self.exists.filter(|_| is_within(at, now, CHECK_COUNTS_FOR))
    }
}

/// Whether two moments are less than `within` apart. One of the future was noted by another clock, and counts as well.
fn is_within(at: Timestamp, now: Timestamp, within: Duration) -> bool {
    let (at, now) = (at.secs(), now.secs());
    at.abs_diff(now) < within.as_secs()
}

/// A turn of a channel's pace that a question to WhatsApp takes.
#[derive(Clone, Debug)]
pub(crate) struct CheckTurn<'a> {
    pub(crate) channel_id: i64,
    /// Its session, its pace and its warm-up as they were when it was found ready.
    pub(crate) session: &'a str,
    pub(crate) seen_ready_at: Option<Timestamp>,
    pub(crate) seen_warmup_from: Option<&'a str>,
    /// The columns from now on.
    pub(crate) ready_at: Timestamp,
    pub(crate) warmup_from: Option<Day>,
    pub(crate) sends_since_rest: u32,
    pub(crate) rests: bool,
}

impl Tx<'_> {
    pub(crate) fn number(&self, chat_id: &str) -> SqlResult<Number> {
        let sql = "SELECT last_sent_at IS NOT NULL OR last_inbound_at IS NOT NULL AS has_spoken,
                       checked_at, \"exists\" FROM numbers WHERE chat_id = :chat_id";
        let read = |row: &Row<'_>| {
            read! { row => Number { has_spoken, seen_time checked_at, exists } }
        };
        Ok(self.query_optional(sql, params! { chat_id }, read)?.unwrap_or_default())
    }

    /// Takes a turn of the channel's pace to ask about a number, and notes that it is being asked about. Must be
    /// committed before the network is touched. `false`, with nothing changed, when the channel or what is known of the
    /// number is no longer as it was seen.
    pub(crate) fn begin_check(
        &self,
        (chat_id, seen): (&str, Number),
        turn: &CheckTurn<'_>,
        now: Timestamp,
    ) -> SqlResult<bool> {
        if self.number(chat_id)? != seen {
            return Ok(false);
        }
        let sql = "UPDATE channels SET ready_at = :ready_at, warmup_from = :warmup_from,
                       sends_since_rest = :sends_since_rest, updated_at = :now
                   WHERE id = :channel_id AND is_active = 1 AND held_reason IS NULL
                       AND trim(session_name) = :session AND ready_at IS :seen_ready_at
                       AND warmup_from IS :seen_warmup_from";
        let params = params! {
            now, turn.{ channel_id, session, seen_ready_at, seen_warmup_from },
            turn.{ ready_at, warmup_from, sends_since_rest },
        };
        if !self.change(sql, params)? {
            return Ok(false);
        }
        let sql = "INSERT INTO numbers (chat_id, checked_at) VALUES (:chat_id, :now)
                   ON CONFLICT (chat_id) DO UPDATE SET checked_at = excluded.checked_at, \"exists\" = NULL";
        self.execute_sql(sql, params! { chat_id, now })?;
        Ok(true)
    }

    /// Notes what WhatsApp said of a number, and by which chat id it knows it.
    pub(crate) fn note_check(
        &self,
        chat_id: &str,
        exists: bool,
        checked_chat_id: Option<&str>,
        now: Timestamp,
    ) -> SqlResult<()> {
        let sql =
            "INSERT INTO numbers (chat_id, checked_at, \"exists\", checked_chat_id)
                   VALUES (:chat_id, :now, :exists, nullif(:checked_chat_id, :chat_id))
                   ON CONFLICT (chat_id) DO UPDATE SET checked_at = excluded.checked_at,
                       \"exists\" = excluded.\"exists\", checked_chat_id = excluded.checked_chat_id";
        self.execute_sql(sql, params! { chat_id, now, exists, checked_chat_id })
    }

    /// Notes that a question came to no answer: it may be asked again.
    pub(crate) fn forget_check(&self, chat_id: &str) -> SqlResult<()> {
        let sql = "UPDATE numbers SET checked_at = NULL
                   WHERE chat_id = :chat_id AND \"exists\" IS NULL";
        self.execute_sql(sql, params! { chat_id })
    }

    /// Of the numbers about which WhatsApp was asked since `since`: how many are there, and how many are not.
    pub fn check_counts(&self, since: Timestamp) -> SqlResult<(u64, u64)> {
        let sql =
            "SELECT count(*) FILTER (WHERE \"exists\" = 1), count(*) FILTER (WHERE \"exists\" = 0)
                   FROM numbers WHERE checked_at > :since";
        self.query_one(sql, params! { since }, |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// The last of the next `rows` numbers after `after`, by chat id.
    pub(crate) fn last_of_numbers(&self, after: &str, rows: u64) -> SqlResult<Option<String>> {
        let sql = "SELECT max(chat_id) FROM
                       (SELECT chat_id FROM numbers WHERE chat_id > :after ORDER BY chat_id LIMIT :rows)";
        self.query_value(sql, params! { after, rows })
    }

    /// How many of the numbers after `after` and up to `last` [`Self::remove_old_numbers`] would remove.
    pub(crate) fn count_old_numbers(
        &self,
        (after, last): (&str, &str),
        (spoken_before, checked_before): (Timestamp, Timestamp),
    ) -> SqlResult<u64> {
        let sql = format!(
            "SELECT count(*) FROM numbers WHERE chat_id > :after AND chat_id <= :last AND {IS_OLD}"
        );
        self.query_value(&sql, params! { after, last, spoken_before, checked_before })
    }

    /// Removes those of the numbers after `after` and up to `last` with which nobody here spoke since `spoken_before`,
    /// and of the others what WhatsApp said before `checked_before`. Returns how many were removed.
    pub(crate) fn remove_old_numbers(
        &self,
        (after, last): (&str, &str),
        (spoken_before, checked_before): (Timestamp, Timestamp),
    ) -> SqlResult<u64> {
        let sql =
            format!("DELETE FROM numbers WHERE chat_id > :after AND chat_id <= :last AND {IS_OLD}");
        let params = params! { after, last, spoken_before, checked_before };
        let gone = self.change_rows(&sql, params)?;
        let sql = "UPDATE numbers SET checked_at = NULL, \"exists\" = NULL
                   WHERE chat_id > :after AND chat_id <= :last AND checked_at < :checked_before";
        self.execute_sql(sql, params! { after, last, checked_before })?;
        Ok(u64::try_from(gone).unwrap_or(u64::MAX))
    }

    /// Whether the person behind a chat wrote to this session within the last hour, and to no other since.
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

    pub fn has_written(&self, chat_id: &str) -> SqlResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM numbers
                       WHERE chat_id = :chat_id AND last_inbound_at IS NOT NULL)";
        self.query_value(sql, params! { chat_id })
    }

    /// Whether WAHA tells us at all of those who write.
    pub(crate) fn hears_of_writers(&self) -> SqlResult<bool> {
        self.query_value(
            "SELECT EXISTS (SELECT 1 FROM numbers WHERE last_inbound_at IS NOT NULL)",
            &[],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(exists: Option<bool>, ago: i64) -> Standing {
        let now = Timestamp::from_secs(10_000_000);
        let checked_at = Some(Timestamp::from_secs(now.secs() - ago));
        Number { has_spoken: false, checked_at, exists }.standing(now)
    }

    #[test]
    fn an_answer_counts_for_30_days_by_whatever_clock_it_was_noted() {
        let days = 30 * 86_400;
        for (ago, standing) in [
            (days - 1, Standing::NotThere),
            (1 - days, Standing::NotThere),
            (days, Standing::Unknown),
            (-days, Standing::Unknown),
        ] {
            assert_eq!(checked(Some(false), ago), standing, "{ago}");
        }
        assert_eq!(checked(Some(true), days - 1), Standing::Known);
    }

    #[test]
    fn an_answer_that_does_not_come_is_lost_after_three_minutes() {
        assert_eq!(checked(None, 179), Standing::BeingAsked);
        assert_eq!(checked(None, 180), Standing::Unknown);
    }

    #[test]
    fn who_spoke_with_us_is_known_whatever_a_check_said() {
        let (now, exists) = (Timestamp::from_secs(0), Some(false));
        let number = Number { has_spoken: true, checked_at: Some(now), exists };
        assert_eq!(number.standing(now), Standing::Known);
        assert_eq!(Number::default().standing(now), Standing::Unknown);
    }
}
