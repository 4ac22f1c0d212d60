//! The table `channels`: one WhatsApp number each, its pace and its holds.

use rusqlite::Row;

use super::{
    ClaimRequest, SendEnd, SqlResult, Tx, breaker, explanation, lossy, params, read, seen_time,
    text,
};
use crate::clock::Timestamp;
use crate::delivery::{CapWarning, Hold, HoldKind};
use crate::reason::{ChannelName, Explanation, Reason};
use crate::schedule::Zone;
use crate::send_window::{Allowance, Day, Warned, WindowError};

/// One WhatsApp number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Channel {
    pub(crate) id: i64,
    pub(crate) name: String,
    /// Its session in WAHA; `None` when the column is NULL or blank.
    pub(crate) session_name: Option<String>,
    pub(crate) is_active: bool,
    /// No send begins before this.
    pub ready_at: Option<Timestamp>,
    /// Why it may not send for now.
    pub(crate) held: Option<Held>,
    /// How often it was held since its last success.
    pub(crate) held_count: u32,
    /// Its own hours, as written; what they mean is for `send_window` to say.
    pub(crate) send_window: Option<String>,
    /// Its own daily limit, as written.
    pub(crate) daily_limit: Option<i64>,
    /// The first day of its warm-up, while it has one; as written.
    pub(crate) warmup_from: Option<String>,
    /// Claims since it last rested.
    pub(crate) sends_since_rest: u32,
    pub(crate) recipient_gap_hours: Option<i64>,
    /// Of its last sends: see `breaker`.
    pub(crate) recent_outcomes: String,
    pub(crate) acked_at: Option<Timestamp>,
    pub(crate) fifth_unacked_at: Option<Timestamp>,
    pub(crate) sends_since_ack: u32,
    pub(crate) broke_at: Option<Timestamp>,
    /// What WhatsApp last warned of, when that was last seen, and its limit by that while it has no other.
    pub(crate) warning: Option<CapWarning>,
    pub(crate) warned_at: Option<Timestamp>,
    pub(crate) warned_limit: Option<u32>,
    pub(crate) created_at: Option<Timestamp>,
    /// The number that it sends from, as `+6281234567890`; `None` when WAHA has not told it yet.
    pub(crate) phone_number: Option<String>,
    /// The number that its session has now, while the channel is held for it.
    pub(crate) other_number: Option<String>,
}

/// The counts of a channel's last seven days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeekCounts {
    pub(crate) sent: u64,
    /// Hours in which somebody wrote to it, counted for each person.
    pub(crate) received: u64,
    /// The sends of the busiest day.
    pub(crate) busiest: u32,
}

/// How many rows of a kind have a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusCount {
    pub(crate) counted: String,
    pub(crate) status: String,
    pub(crate) number: i64,
}

/// A hold as the table has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub(crate) reason: Explanation,
    /// `None` when a person held the channel by writing `held_reason`.
    pub(crate) kind: Option<HoldKind>,
    /// Until when; a person's hold has no end.
    pub(crate) until: Option<Timestamp>,
}

impl Channel {
    pub(super) fn from_row(row: &Row<'_>) -> SqlResult<Self> {
        let kind: Option<String> = row.get("held_kind")?;
        let warning: Option<String> = row.get("warning")?;
        let reason = explanation(row, "held_reason")?;
        let until = row.get("held_until")?;
        read! { row => Self {
            id,
            text name,
            session_name: lossy(row, "session_name")?.filter(|name| !name.is_empty()),
            is_active, ready_at,
            held: reason.map(|reason| Held {
                reason,
                kind: kind.as_deref().and_then(HoldKind::from_word),
                until,
            }),
            held_count, lossy send_window, daily_limit, lossy warmup_from, sends_since_rest,
            recipient_gap_hours,
            recent_outcomes, seen_time acked_at, seen_time fifth_unacked_at, sends_since_ack,
            seen_time broke_at,
            warning: warning.as_deref().and_then(CapWarning::from_word),
            seen_time warned_at, warned_limit, seen_time created_at,
            lossy phone_number, lossy other_number,
        } }
    }

    /// What it is allowed: its own columns, or else what the settings say.
    pub(crate) fn allowance(
        &self,
        settings: Allowance,
        zone: &Zone,
    ) -> Result<Allowance, WindowError> {
        let from = self.warmup_from.as_deref().and_then(Day::parse);
        // Its gap was over then: the day of its last send, or the one after.
        let warmup = from.map(|from| (from, self.ready_at.map(|ready| Day::of(zone, ready))));
        let own = settings.of_channel(self.send_window.as_deref(), self.daily_limit, warmup)?;
        Ok(Allowance { warned: self.warned(zone), ..own })
    }

    /// WhatsApp's last warning of its number; it may be over.
    pub(crate) fn warned(&self, zone: &Zone) -> Option<Warned> {
        let (at, without_limit) = self.warned_at.zip(self.warned_limit)?;
        Some(Warned { seen: Day::of(zone, at), without_limit })
    }

    /// How many days its number is used before `day`: since its warm-up began, if it is known, or since it is here.
    pub(crate) fn age(&self, zone: &Zone, day: Day) -> i64 {
        let told = self.warmup_from.as_deref().and_then(Day::parse);
        let since = told.or_else(|| self.created_at.map(|at| Day::of(zone, at)));
        since.map_or(0, |since| since.days_until(day)).max(0)
    }

    /// The hold for a channel whose `session` has the number `seen` (as `+6281234567890`), when that
    /// is another one than the channel's. A channel without a number has no other one.
    pub(crate) fn hold_for_number(&self, session: &str, seen: &str) -> Option<Hold> {
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let known = self.phone_number.as_ref().filter(|known| digits(known) != digits(seen))?;
        let reason = Reason::OtherNumber {
            channel: ChannelName(self.name.clone()),
            session: session.to_owned(),
            known: known.clone(),
            seen: seen.to_owned(),
        };
        Some(Hold::new(HoldKind::OtherNumber, reason))
    }
}

/// How many deliveries wait for the channel `c`: not those of paused messages, which wait for a person.
const PENDING: &str = "((SELECT count(*) FROM deliveries d
        WHERE d.channel_id = c.id AND d.status = 'pending')
    - (SELECT count(*) FROM auto_messages m INDEXED BY idx_auto_messages_status
        CROSS JOIN deliveries d INDEXED BY idx_deliveries_open
            ON d.auto_message_id = m.id AND d.due_at = m.scheduled_at
            AND d.status IN ('pending', 'sending') AND d.status = 'pending'
        WHERE m.status = 'draft' AND d.channel_id = c.id))";

pub(super) const COLUMNS: &str = "c.id, c.name, trim(c.session_name) AS session_name, c.is_active, c.ready_at, \
                       c.held_reason, c.held_kind, c.held_until, c.held_count, c.send_window, c.daily_limit, \
                       c.warmup_from, c.sends_since_rest, c.recipient_gap_hours, \
                       c.recent_outcomes, c.acked_at, c.fifth_unacked_at, c.sends_since_ack, c.broke_at, \
                       c.warning, c.warned_at, c.warned_limit, c.created_at, \
                       c.phone_number, c.other_number, c.held_code, c.held_args";

impl Tx<'_> {
    pub fn channel(&self, id: i64) -> SqlResult<Option<Channel>> {
        let sql = format!("SELECT {COLUMNS} FROM channels c WHERE c.id = :id");
        self.query_optional(&sql, params! { id }, Channel::from_row)
    }

    pub(crate) fn paced_channels(&self) -> SqlResult<Vec<Channel>> {
        let sql = format!("SELECT {COLUMNS} FROM channels c WHERE c.ready_at IS NOT NULL");
        self.query_rows(&sql, &[], Channel::from_row)
    }

    /// The channels that may have something to do: pending deliveries, a hold that a look at the session may
    /// end, or ticks that do not come, of which a person is to hear whether or not more is to be sent.
    pub(crate) fn channels_with_work(&self, now: Timestamp) -> SqlResult<Vec<Channel>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM channels c
             WHERE c.is_active = 1 AND trim(c.session_name) <> ''
                 AND (c.held_kind IS NOT NULL OR EXISTS
                     (SELECT 1 FROM deliveries d WHERE d.channel_id = c.id AND d.status = 'pending')
                     OR c.held_reason IS NULL AND c.fifth_unacked_at <= :before AND c.acked_at >= :since)"
        );
        let (before, since) = breaker::no_ticks_between(now);
        self.query_rows(&sql, params! { before, since }, Channel::from_row)
    }

    /// The ids of channels that are not there, by a person's doing, and for which deliveries wait.
    pub(crate) fn missing_channels(&self) -> SqlResult<Vec<i64>> {
        // From one channel to the next in the index, not through all that waits.
        let sql = "WITH RECURSIVE waited_for(id) AS (
                       SELECT min(channel_id) FROM deliveries WHERE status = 'pending'
                       UNION ALL
                       SELECT (SELECT min(d.channel_id) FROM deliveries d
                           WHERE d.status = 'pending' AND d.channel_id > waited_for.id)
                       FROM waited_for WHERE waited_for.id IS NOT NULL)
                   SELECT w.id FROM waited_for w LEFT JOIN channels c ON c.id = w.id
                   WHERE w.id IS NOT NULL AND c.id IS NULL";
        self.query_values(sql, &[])
    }

    /// Fails at most `limit` of the deliveries that wait for a channel which is not there, but none
    /// of a message that is not wholly planned. Returns the occurrence of each.
    pub(crate) fn fail_pending_of_missing_channel(
        &self,
        channel_id: i64,
        limit: usize,
        now: Timestamp,
    ) -> SqlResult<Vec<(i64, Timestamp)>> {
        let error = Reason::ChannelRemoved { channel_id };
        let sql = "UPDATE deliveries SET status = 'failed', error = :error, error_code = :code,
                       error_args = :args, finished_at = :now
                   WHERE NOT EXISTS (SELECT 1 FROM channels WHERE channels.id = :channel_id)
                       AND id IN (SELECT d.id FROM deliveries d
                           WHERE d.channel_id = :channel_id AND d.status = 'pending'
                               AND NOT EXISTS (SELECT 1 FROM plannings p
                                   WHERE p.auto_message_id = d.auto_message_id AND p.due_at = d.due_at)
                           LIMIT :limit)
                   RETURNING auto_message_id, due_at";
        let params = params! {
            channel_id, now,
            ":limit": i64::try_from(limit).unwrap_or(i64::MAX),
            why(&error),
        };
        self.query_rows(sql, params, |row| Ok((row.get("auto_message_id")?, row.get("due_at")?)))
    }

    /// How many deliveries of a channel were claimed on a local day and may have gone out.
    pub(crate) fn day_count(&self, channel_id: i64, day: Day) -> SqlResult<u32> {
        let sql = "SELECT claimed FROM channel_days WHERE channel_id = :id AND day = :day";
        Ok(self.query_maybe(sql, params! { day, ":id": channel_id })?.unwrap_or(0))
    }

    pub(super) fn count_claim(&self, channel_id: i64, day: Day) -> SqlResult<()> {
        let sql = "INSERT INTO channel_days (channel_id, day, claimed) VALUES (:id, :day, 1)
                   ON CONFLICT (channel_id, day) DO UPDATE SET claimed = claimed + 1";
        self.execute_sql(sql, params! { day, ":id": channel_id })
    }

    /// What a channel claimed and what people wrote to it on the seven days up to `today`.
    pub(crate) fn week_counts(&self, channel_id: i64, today: Day) -> SqlResult<WeekCounts> {
        let sql =
            "SELECT coalesce(sum(claimed), 0) AS sent, coalesce(sum(received), 0) AS received,
                       coalesce(max(claimed), 0) AS busiest FROM channel_days
                   WHERE channel_id = :id AND day BETWEEN :from AND :today";
        let params = params! { today, ":id": channel_id, ":from": today.minus(6) };
        self.query_one(sql, params, |row| read! { row => WeekCounts { sent, received, busiest } })
    }

    /// Takes a claim back from its day, because its request certainly never left.
    pub(crate) fn uncount_claim(&self, channel_id: i64, day: Day) -> SqlResult<()> {
        let sql = "UPDATE channel_days SET claimed = claimed - 1
                   WHERE channel_id = :id AND day = :day AND claimed > 0";
        self.execute_sql(sql, params! { day, ":id": channel_id })
    }

    /// Holds a channel until `until`, or until a person ends it. A person's hold is left alone, and so
    /// is one that a person has to end. Returns the breaker's reason when it becomes that: see [`Self::breaks`].
    pub fn hold_channel(
        &self,
        id: i64,
        hold: &Hold,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> SqlResult<Option<Reason>> {
        let broke = self.breaks(id, hold, now)?;
        let (kind, reason, until) = match &broke {
            Some(reason) => (HoldKind::Breaker, reason, None),
            None => (hold.kind, &hold.reason, until),
        };
        let sql = "UPDATE channels SET held_reason = :error, held_code = :code, held_args = :args,
                       held_kind = :kind, held_until = :until,
                       broke_at = iif(:kind = 'breaker', :now, broke_at),
                       held_count = held_count + 1, updated_at = :now
                   WHERE id = :id AND (held_reason IS NULL
                       OR held_kind NOT IN ('other_number', 'breaker') OR held_kind = :kind)";
        let until = until.map(Timestamp::ceil_to_second);
        self.execute_sql(sql, params! { id, now, kind, until, why(reason) })?;
        Ok(broke)
    }

    /// Gives a channel the number that its session has, when it has none yet.
    pub(crate) fn adopt_number(&self, id: i64, number: &str) -> SqlResult<()> {
        let sql =
            "UPDATE channels SET phone_number = :number WHERE id = :id AND phone_number IS NULL";
        self.execute_sql(sql, params! { id, number })
    }

    /// Notes which number a held channel's session has.
    pub fn note_other_number(&self, id: i64, number: &str) -> SqlResult<()> {
        // A person has to act, whatever was told of the hold before.
        let sql = "UPDATE channels SET other_number = :number, hold_told_at = NULL WHERE id = :id";
        self.execute_sql(sql, params! { id, number })
    }

    /// Ends a hold that the program made and may end. Returns whether there was one.
    pub fn free_channel(&self, id: i64, now: Timestamp) -> SqlResult<bool> {
        let sql = "UPDATE channels SET held_reason = NULL, held_code = NULL, held_args = NULL,
                       held_kind = NULL, held_until = NULL, updated_at = :now
                   WHERE id = :id AND held_kind NOT IN ('other_number', 'breaker')";
        self.change(sql, params! { id, now })
    }

    /// Moves the pace of a channel: no send begins before `ready_at`. `ended` is what is known of its send.
    pub(crate) fn set_channel_ready_at(
        &self,
        id: i64,
        ready_at: Timestamp,
        ended: SendEnd,
        now: Timestamp,
    ) -> SqlResult<()> {
        let sql = "UPDATE channels SET ready_at = :ready_at, updated_at = :now,
                       held_count = CASE WHEN :sent THEN 0 ELSE held_count END,
                       recent_outcomes = substr(recent_outcomes || :mark, -20),
                       fifth_unacked_at = CASE WHEN :awaits_tick AND sends_since_ack = 4 THEN :now
                           ELSE fifth_unacked_at END,
                       sends_since_ack = sends_since_ack + :awaits_tick
                   WHERE id = :id";
        let params =
            params! { id, ready_at, now, ":sent": ended.is_sent, ended.{ mark, awaits_tick } };
        self.execute_sql(sql, params)
    }

    /// The same with a claim, which counts towards the channel's rest.
    pub(super) fn pace_channel(&self, claim: &ClaimRequest<'_>, now: Timestamp) -> SqlResult<()> {
        let sql = "UPDATE channels SET ready_at = :next_ready_at, updated_at = :now,
                       sends_since_rest = :sends_since_rest, warmup_from = :warmup_from
                   WHERE id = :channel_id";
        self.execute_sql(
            sql,
            params! { now, claim.{ channel_id, next_ready_at, sends_since_rest, warmup_from } },
        )
    }

    pub(crate) fn channels(&self) -> SqlResult<Vec<Channel>> {
        let sql = format!("SELECT {COLUMNS} FROM channels c ORDER BY c.id");
        self.query_rows(&sql, &[], Channel::from_row)
    }

    /// Makes a channel with name, session, hours and limit of `new`, and returns its id.
    /// Fails when the session is another channel's.
    pub(crate) fn add_channel(&self, new: &Channel, now: Timestamp) -> SqlResult<i64> {
        let sql = "INSERT INTO channels
                       (name, session_name, send_window, daily_limit, warmup_from, recipient_gap_hours, created_at,
                        updated_at)
                   VALUES (:name, :session_name, :send_window, :daily_limit, :warmup_from,
                       :recipient_gap_hours, :now, :now)";
        let params = params! {
            now,
            new.{ name, session_name, send_window, daily_limit, warmup_from, recipient_gap_hours },
        };
        self.insert_row(sql, params)
    }

    /// Writes name, session, hours and limit of a channel that is there.
    /// Fails when the session is another channel's.
    pub(crate) fn set_channel(&self, to: &Channel, now: Timestamp) -> SqlResult<()> {
        let sql = "UPDATE channels SET name = :name, session_name = :session_name,
                       send_window = :send_window, daily_limit = :daily_limit, warmup_from = :warmup_from,
                       recipient_gap_hours = :recipient_gap_hours, updated_at = :now
                   WHERE id = :id";
        let params = params! {
            now,
            to.{ id, name, session_name, send_window, daily_limit, warmup_from, recipient_gap_hours },
        };
        self.execute_sql(sql, params)
    }

    /// Holds a channel until a person frees it.
    pub(crate) fn pause_channel(
        &self,
        id: i64,
        reason: &Explanation,
        now: Timestamp,
    ) -> SqlResult<()> {
        let sql = "UPDATE channels SET held_reason = :reason, held_code = :code, held_args = :args,
                       held_kind = NULL, held_until = NULL, updated_at = :now
                   WHERE id = :id";
        let (code, args) = (reason.code(), reason.args());
        self.execute_sql(sql, params! { id, code, args, now, ":reason": reason.to_string() })
    }

    /// Ends any hold of a channel, and makes it active.
    pub(crate) fn resume_channel(&self, id: i64, now: Timestamp) -> SqlResult<()> {
        let sql = "UPDATE channels SET held_reason = NULL, held_code = NULL, held_args = NULL,
                       held_kind = NULL, held_until = NULL, held_count = 0, is_active = 1, updated_at = :now
                   WHERE id = :id";
        self.execute_sql(sql, params! { id, now })
    }

    /// Makes the number that a channel's session has now the channel's, and ends the hold for it.
    /// Returns whether there was such a number.
    pub(crate) fn confirm_number(&self, id: i64, now: Timestamp) -> SqlResult<bool> {
        let take = "UPDATE channels SET phone_number = other_number, other_number = NULL,
                        updated_at = :now
                    WHERE id = :id AND other_number IS NOT NULL";
        let free = "UPDATE channels SET held_reason = NULL, held_code = NULL, held_args = NULL,
                        held_kind = NULL, held_until = NULL, held_count = 0, updated_at = :now
                    WHERE id = :id AND held_kind = 'other_number'";
        let params = params! { id, now };
        let changed = self.change_rows(take, params)?;
        self.execute_sql(free, params)?;
        Ok(changed > 0)
    }

    pub(crate) fn is_held_as_copy(&self, id: i64) -> SqlResult<bool> {
        let sql =
            "SELECT EXISTS (SELECT 1 FROM place_holds p JOIN channels c ON c.id = p.channel_id
                       WHERE c.id = :id AND c.held_reason = p.reason)";
        self.query_value(sql, params! { id })
    }

    pub(crate) fn count_pending_on(&self, id: i64) -> SqlResult<u64> {
        let sql = format!("SELECT {PENDING} FROM channels c WHERE c.id = :id");
        self.query_value(&sql, params! { id })
    }

    /// What still uses a channel: messages that have not ended; deliveries that wait or are on their
    /// way; unknown deliveries that are still to be looked up through its session.
    pub(crate) fn channel_uses(&self, id: i64) -> SqlResult<(u64, u64, u64)> {
        let sql = "SELECT (SELECT count(*) FROM auto_messages INDEXED BY idx_auto_messages_status
                           WHERE status IN ('draft', 'scheduled', 'sending') AND (channel_id = :id
                               OR instr(',' || trim(replace(channel_ids, ' ', ''), '[]') || ',', ',' || :id || ',') > 0)),
                       (SELECT count(*) FROM deliveries WHERE status = 'pending' AND channel_id = :id)
                       + (SELECT count(*) FROM deliveries WHERE status = 'sending' AND channel_id = :id),
                       (SELECT count(*) FROM deliveries WHERE status = 'unknown'
                           AND next_attempt_at IS NOT NULL AND channel_id = :id)";
        self.query_one(sql, params! { id }, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
    }

    /// Removes a channel; what it sent stays on record.
    pub(crate) fn remove_channel(&self, id: i64) -> SqlResult<()> {
        self.execute_sql("DELETE FROM channels WHERE id = :id", params! { id })
    }

    // Figures for monitors and screens. Each statement is bounded by an index or by the number of channels:
    // they are asked every few seconds, beside millions of deliveries.

    /// How many messages and deliveries have which status; those that nobody has are there with 0.
    pub fn status_counts(&self) -> SqlResult<Vec<StatusCount>> {
        let sql = "SELECT counted, status, number FROM status_counts ORDER BY counted, status";
        self.query_rows(sql, &[], |row| read! { row => StatusCount { counted, status, number } })
    }

    /// All channels, with how many deliveries wait for each.
    pub fn channels_with_pending(&self) -> SqlResult<Vec<(Channel, u64)>> {
        let sql = format!("SELECT {COLUMNS}, {PENDING} AS pending FROM channels c ORDER BY c.id");
        self.query_rows(&sql, &[], |row| Ok((Channel::from_row(row)?, row.get("pending")?)))
    }

    /// Until when the last of a channel's deliveries waits for its gap, and when the last of them was due; those of
    /// paused messages left out.
    pub fn last_of_pending(&self, id: i64) -> SqlResult<(Option<Timestamp>, Option<Timestamp>)> {
        let sql = "SELECT max(d.next_attempt_at), max(d.due_at)
                   FROM deliveries d INDEXED BY idx_deliveries_pending
                   CROSS JOIN auto_messages m ON m.id = d.auto_message_id AND m.status <> 'draft'
                   WHERE d.channel_id = :id AND d.status = 'pending'";
        self.query_one(sql, params! { id }, |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// The held channels for which deliveries wait, with how many, and whether no `run` has told of it yet.
    pub fn holds(&self) -> SqlResult<Vec<(Channel, u64, bool)>> {
        let untold =
            "SELECT id FROM channels WHERE held_reason IS NOT NULL AND hold_told_at IS NULL";
        let untold = self.query_values(untold, &[])?;
        let held = self.channels_with_pending()?.into_iter();
        let held = held.filter(|(channel, pending)| channel.held.is_some() && *pending > 0);
        Ok(held
            .map(|(channel, pending)| {
                let is_untold = untold.contains(&channel.id);
                (channel, pending, is_untold)
            })
            .collect())
    }

    pub fn note_hold_told(&self, channel_id: i64, now: Timestamp) -> SqlResult<()> {
        let sql =
            "UPDATE channels SET hold_told_at = :now WHERE id = :id AND held_reason IS NOT NULL";
        self.execute_sql(sql, params! { now, ":id": channel_id })
    }

    /// Notes that a `run` told of a sender that seems to hang. Returns whether it is the first time.
    pub fn note_hanging_told(&self, sender: &str) -> SqlResult<bool> {
        let is_news = self.meta("hanging_told")?.as_deref() != Some(sender);
        if is_news {
            self.set_meta("hanging_told", sender)?;
        }
        Ok(is_news)
    }
}
