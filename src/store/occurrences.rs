//! An occurrence in its message's row: due, planned (with the table `plannings`: those whose deliveries are not all
//! there yet), on its way, and settled: with nothing left to do, it ends its message or schedules the next one. And
//! correcting a message whose delivery turned out otherwise after all: its counts, status and `error`.

use super::deliveries::{FIRST_LOOKUP_AFTER, counts_by, read_counts, words};
use super::messages::{TIMETABLE, read_message_counts, read_timetable};
use super::{DataVersion, Delivery, Message, SqlResult, Tx, params};
use crate::clock::Timestamp;
use crate::delivery::{Counts, MessageStatus, Status, Verdict};
use crate::reason::Reason;
use crate::schedule::{TAKEN_AHEAD_MAX, Timetable, Zone, local_text};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    pub(crate) auto_message_id: i64,
    /// Sent, or failed and why.
    pub(crate) verdict: Verdict,
    pub(crate) next: Option<Timestamp>,
}

/// The recipients of the occurrence `:first` of a message, with its retries: each stands where its
/// best delivery is. What was sent was sent; what waits decides later; what is unknown may have
/// arrived, whatever became of a retry; else the last delivery that was not cancelled counts.
const RECIPIENTS: &str = "recipients AS (
    SELECT chat_id, last_at, CASE WHEN sent > 0 THEN 'sent' WHEN open > 0 THEN 'open'
        WHEN unknown > 0 THEN 'unknown' ELSE status END AS stands
    FROM (SELECT chat_id, status,
            max(CASE status WHEN 'cancelled' THEN '' ELSE due_at END) AS last_at,
            count(*) FILTER (WHERE status = 'sent') AS sent,
            count(*) FILTER (WHERE status IN ('pending', 'sending')) AS open,
            count(*) FILTER (WHERE status = 'unknown') AS unknown
        FROM deliveries
        WHERE auto_message_id = :id AND due_at >= :first AND (due_at = :first OR retry_of = :first)
        GROUP BY chat_id))";

impl Tx<'_> {
    /// The ids of at most `limit` messages that are due at `now`, the longest due first.
    pub(crate) fn due_message_ids(&self, now: Timestamp, limit: u32) -> SqlResult<Vec<i64>> {
        let sql = "SELECT id FROM auto_messages
                   WHERE status = 'scheduled' AND scheduled_at <= :now
                   ORDER BY scheduled_at, id LIMIT :limit";
        self.query_values(sql, params! { now, limit })
    }

    /// The message, when it is still scheduled and due at `now`.
    pub(crate) fn due_message(&self, id: i64, now: Timestamp) -> SqlResult<Option<Message>> {
        let is_due = |message: &Message| {
            message.status == MessageStatus::Scheduled
                && message.scheduled_at.is_some_and(|at| at <= now)
        };
        Ok(self.message(id)?.filter(is_due))
    }

    /// This moment in the life of the database: another connection has written since, or not.
    pub(crate) fn data_version(&self) -> SqlResult<DataVersion> {
        self.query_value("PRAGMA data_version", &[]).map(DataVersion)
    }

    /// The occurrence of a message whose planning was begun and not ended.
    pub(crate) fn begun_planning(&self, id: i64) -> SqlResult<Option<Timestamp>> {
        let sql = "SELECT due_at FROM plannings WHERE auto_message_id = :id";
        self.query_maybe(sql, params! { id })
    }

    pub(crate) fn begin_planning(&self, id: i64, due_at: Timestamp) -> SqlResult<()> {
        let sql =
            "INSERT OR REPLACE INTO plannings (auto_message_id, due_at) VALUES (:id, :due_at)";
        self.execute_sql(sql, params! { due_at, id })
    }

    pub(crate) fn end_planning(&self, id: i64) -> SqlResult<()> {
        let sql = "DELETE FROM plannings WHERE auto_message_id = :id";
        self.execute_sql(sql, params! { id })
    }

    /// Removes at most `limit` deliveries that a planning which was cut off has left, none of which was
    /// ever claimed. Returns how many.
    pub(crate) fn remove_unplanned(
        &self,
        id: i64,
        due_at: Timestamp,
        limit: usize,
    ) -> SqlResult<usize> {
        let sql = "DELETE FROM deliveries WHERE id IN
                       (SELECT id FROM deliveries
                           WHERE auto_message_id = :id AND due_at = :due_at AND attempts = 0
                               AND claimed_at IS NULL
                               AND status IN ('pending', 'skipped', 'expired', 'cancelled')
                           LIMIT :limit)";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.change_rows(sql, params! { id, due_at, limit })
    }

    /// Marks a planned message as on its way, with how many recipients it has and how they stand:
    /// the counts are of this occurrence from now on. What the clock showed then is remembered, so
    /// that no other zone makes it due again, with the rule that counted when its date began.
    pub(crate) fn start_sending(
        &self,
        id: i64,
        due_at: Timestamp,
        zone: &Zone,
        now: Timestamp,
    ) -> SqlResult<()> {
        let sql = "UPDATE auto_messages SET status = 'sending', error = NULL,
                       error_code = NULL, error_args = NULL,
                       taken_local = max(iif(taken_local < :ahead, taken_local, ''),
                           CASE WHEN scheduled_zone <> '' THEN scheduled_local ELSE :local END),
                       taken_rule = CASE WHEN taken_local < :ahead AND date(taken_local) >=
                           date(CASE WHEN scheduled_zone <> '' THEN scheduled_local ELSE :local END)
                           THEN taken_rule ELSE interval_config END,
                       contact_count = (SELECT count(*) FROM deliveries
                           WHERE auto_message_id = :id AND due_at = :due_at), updated_at = :now
                   WHERE id = :id AND status = 'scheduled'";
        let own = self.rule_zone(id, zone)?;
        let params = params! {
            id, due_at, now,
            ":local": local_text(due_at, &own),
            ":ahead": local_text(now.plus(TAKEN_AHEAD_MAX), zone),
        };
        self.change_rows(sql, params)?;
        // One that was replaced on its way (INSERT OR REPLACE) has rows of the channel that it had.
        let channel = "UPDATE deliveries SET channel_id = m.channel_id FROM auto_messages m
                       WHERE m.id = :id AND m.channel_ids IS NULL AND auto_message_id = :id AND due_at = :due_at
                           AND deliveries.status IN ('pending', 'sending')
                           AND deliveries.status = 'pending'
                           AND deliveries.channel_id <> m.channel_id";
        self.change_rows(channel, params! { id, due_at })?;
        self.set_counts(id, due_at, self.count_occurrence(id, due_at)?, false, now)
    }

    /// Puts messages back that a person set to `sending` before they were planned. Returns how many
    /// that were.
    pub(crate) fn put_back_unplanned(&self, now: Timestamp) -> SqlResult<usize> {
        let sql = "UPDATE auto_messages SET status = 'scheduled', updated_at = :now
                   WHERE status = 'sending' AND (scheduled_at IS NULL OR NOT EXISTS
                       (SELECT 1 FROM deliveries d
                           WHERE d.auto_message_id = auto_messages.id
                               AND d.due_at = auto_messages.scheduled_at)
                       OR EXISTS (SELECT 1 FROM plannings p
                           WHERE p.auto_message_id = auto_messages.id
                               AND p.due_at = auto_messages.scheduled_at))";
        self.change_rows(sql, params! { now })
    }

    /// Sets messages back that a clock which ran ahead has planned: they are on their way, due after
    /// `early_after`, and nothing of them was tried. One that has begun goes on.
    pub(crate) fn put_back_early(
        &self,
        early_after: Timestamp,
        now: Timestamp,
    ) -> SqlResult<usize> {
        let sql = "UPDATE auto_messages SET status = 'scheduled', taken_local = NULL,
                       taken_rule = NULL, updated_at = :now
                   WHERE status = 'sending' AND scheduled_at > :early_after AND NOT EXISTS
                       (SELECT 1 FROM deliveries d
                           WHERE d.auto_message_id = auto_messages.id
                               AND d.due_at = auto_messages.scheduled_at
                               AND (d.attempts > 0 OR d.status NOT IN ('pending', 'skipped')))";
        self.change_rows(sql, params! { early_after, now })
    }

    /// Fails a scheduled message that cannot be planned; its counts are of this occurrence. One of
    /// which somebody got something before (it was cancelled and scheduled again) stays `sent`, with
    /// the reason. Returns whether it was scheduled.
    pub(crate) fn fail_message(&self, id: i64, error: &Reason, now: Timestamp) -> SqlResult<bool> {
        let sql = "UPDATE auto_messages SET error = :error, error_code = :code, error_args = :args,
                       updated_at = :now,
                       status = CASE WHEN EXISTS (SELECT 1 FROM deliveries WHERE auto_message_id = :id
                           AND due_at = scheduled_at AND status = 'sent') THEN 'sent'
                           WHEN :code = 'schedule_off' THEN 'cancelled' ELSE 'failed' END,
                       (contact_count, sent_count, failed_count, skipped_count, unknown_count) =
                           (SELECT count(*), count(*) FILTER (WHERE status = 'sent'),
                               count(*) FILTER (WHERE status IN ('failed', 'expired')),
                               count(*) FILTER (WHERE status = 'skipped'),
                               count(*) FILTER (WHERE status = 'unknown')
                           FROM deliveries
                           WHERE auto_message_id = :id AND due_at = scheduled_at)
                   WHERE id = :id AND status = 'scheduled'";
        self.change(sql, params! { id, now, why(error) })
    }

    pub(crate) fn late_occurrences(&self, before: Timestamp) -> SqlResult<Vec<(i64, Timestamp)>> {
        let sql = "SELECT id, scheduled_at FROM auto_messages
                   WHERE status = 'sending' AND scheduled_at < :before";
        self.occurrences(sql, params! { before })
    }

    /// The occurrences on their way that have nothing left to do: a person cancelled their last
    /// deliveries one by one.
    pub(crate) fn finished_occurrences(&self) -> SqlResult<Vec<(i64, Timestamp)>> {
        let sql = "SELECT m.id, m.scheduled_at FROM auto_messages m
                   WHERE m.status = 'sending' AND m.scheduled_at IS NOT NULL AND NOT EXISTS
                       (SELECT 1 FROM deliveries d WHERE d.auto_message_id = m.id
                           AND d.due_at = m.scheduled_at AND d.status IN ('pending', 'sending'))";
        self.occurrences(sql, &[])
    }

    pub(super) fn occurrences(
        &self,
        sql: &str,
        params: &[(&str, &dyn rusqlite::ToSql)],
    ) -> SqlResult<Vec<(i64, Timestamp)>> {
        self.query_rows(sql, params, |row| Ok((row.get("id")?, row.get("scheduled_at")?)))
    }

    /// Settles a message when none of its occurrence's deliveries is pending or sending, and brings
    /// its counts in line with them. While something is left to do, `ended` (what has just ended) is
    /// added to the counts.
    ///
    /// `None` when something is left to do, when nobody got it and what is unknown was not looked up
    /// once, or when the message is not on its way (a person cancelled it or gave it a new time).
    pub(crate) fn settle_if_done(
        &self,
        auto_message_id: i64,
        due_at: Timestamp,
        ended: Counts,
        zone: &Zone,
        now: Timestamp,
    ) -> SqlResult<Option<Settled>> {
        if self.has_open_deliveries(auto_message_id, due_at)? {
            self.add_to_counts(auto_message_id, due_at, ended, now)?;
            return Ok(None);
        }
        let counts = self.count_occurrence(auto_message_id, due_at)?;
        self.set_counts(auto_message_id, due_at, counts, false, now)?;
        self.settle(auto_message_id, due_at, (counts, true), zone, now)
    }

    /// Settles an occurrence with nothing left to do though what is unknown of it was not looked up.
    pub(crate) fn settle_unlooked(
        &self,
        auto_message_id: i64,
        due_at: Timestamp,
        zone: &Zone,
        now: Timestamp,
    ) -> SqlResult<Option<Settled>> {
        let counts = self.count_occurrence(auto_message_id, due_at)?;
        self.settle(auto_message_id, due_at, (counts, false), zone, now)
    }

    fn settle(
        &self,
        auto_message_id: i64,
        due_at: Timestamp,
        (counts, waits): (Counts, bool),
        zone: &Zone,
        now: Timestamp,
    ) -> SqlResult<Option<Settled>> {
        let Some(timetable) = self.recurrence(auto_message_id, due_at)? else { return Ok(None) };
        let verdict = counts.verdict();
        let (next, schedule_error) = match timetable.following(zone, due_at) {
            Ok(next) => (next, None),
            Err(error) => (None, Some(Reason::ScheduleBreaksOff { cause: error.to_string() })),
        };
        // Nobody is told of a failure that a look-up is about to refute. The next occurrence does not
        // wait for one, unless it is due itself, and so part of this very run.
        if waits
            && counts.sent == 0
            && counts.unknown > 0
            && let Some(at) = self.last_first_lookup_at(auto_message_id, due_at)?
            && (at <= now || next.is_none_or(|next| next > now))
        {
            return Ok(None);
        }
        let error = verdict.error().or(schedule_error.as_ref());
        self.set_settled(auto_message_id, &verdict, next.zip(Some(zone)), error, now)?;
        Ok(Some(Settled { auto_message_id, verdict, next }))
    }

    /// Notes why a message that has just settled got to part of its recipients, or to none.
    pub(crate) fn note_reason(&self, id: i64, reason: &Reason) -> SqlResult<()> {
        let sql = "UPDATE auto_messages SET error = :error, error_code = :code, error_args = :args
                   WHERE id = :id";
        self.execute_sql(sql, params! { id, why(reason) })
    }

    /// Notes why all of a message failed, when it has just settled so: who watches the messages need not look at
    /// each delivery. Not of one that somebody may have got.
    pub(crate) fn note_cause(&self, settled: Option<&Settled>, cause: &Reason) -> SqlResult<()> {
        let Some(settled) = settled else { return Ok(()) };
        match settled.verdict.error() {
            Some(Reason::NoneGotIt { counts }) if counts.unknown == 0 => {
                self.note_reason(settled.auto_message_id, cause)
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn has_open_deliveries(&self, id: i64, due_at: Timestamp) -> SqlResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM deliveries
                       WHERE auto_message_id = :id AND due_at = :due_at
                           AND status IN ('pending', 'sending'))";
        self.query_value(sql, params! { id, due_at })
    }

    /// When what is unknown of an occurrence and was never looked up has been so; `None` when there is
    /// none.
    fn last_first_lookup_at(&self, id: i64, due_at: Timestamp) -> SqlResult<Option<Timestamp>> {
        let sql = "SELECT max(next_attempt_at) AS at FROM deliveries
                   WHERE auto_message_id = :id AND due_at = :due_at AND status = 'unknown'
                       AND next_attempt_at <=
                           strftime('%Y-%m-%dT%H:%M:%SZ', claimed_at, '+' || :secs || ' seconds')";
        self.query_value(sql, params! { id, due_at, ":secs": FIRST_LOOKUP_AFTER.as_secs() })
    }

    /// The occurrences on their way that have nothing left to do but look-ups, with none of a claim
    /// between `from` and `until`: their time has passed, or the clock was set back.
    pub(crate) fn unlooked_occurrences(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> SqlResult<Vec<(i64, Timestamp)>> {
        let sql = "SELECT m.id, m.scheduled_at FROM auto_messages m
                   WHERE m.status = 'sending' AND m.scheduled_at IS NOT NULL AND NOT EXISTS
                       (SELECT 1 FROM deliveries d WHERE d.auto_message_id = m.id
                           AND d.due_at = m.scheduled_at AND d.status IN ('pending', 'sending'))
                       AND EXISTS (SELECT 1 FROM deliveries d WHERE d.auto_message_id = m.id
                           AND d.due_at = m.scheduled_at AND d.status = 'unknown')
                       AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.auto_message_id = m.id
                           AND d.due_at = m.scheduled_at AND d.status = 'unknown'
                           AND d.claimed_at BETWEEN :from AND :until)";
        self.occurrences(sql, params! { from, until })
    }

    /// How the recipients of one occurrence stand: see [`RECIPIENTS`] when some were tried again.
    pub(crate) fn count_occurrence(&self, id: i64, due_at: Timestamp) -> SqlResult<Counts> {
        let first = self.first_of(id, due_at)?;
        if self.is_retried(id, first)? {
            return self.count_retried(id, first);
        }
        let sql = format!(
            "SELECT {} FROM deliveries WHERE auto_message_id = :id AND due_at = :due_at",
            counts_by("status")
        );
        self.query_one(&sql, params! { id, due_at }, read_counts)
    }

    fn count_retried(&self, id: i64, first: Timestamp) -> SqlResult<Counts> {
        let counts = counts_by("stands");
        let sql = format!("WITH {RECIPIENTS} SELECT {counts} FROM recipients");
        self.query_one(&sql, params! { id, first }, read_counts)
    }

    /// The occurrence that was tried again at `due_at`; `due_at` itself for one that is no retry.
    pub(super) fn first_of(&self, id: i64, due_at: Timestamp) -> SqlResult<Timestamp> {
        let sql = "SELECT retry_of FROM deliveries
                   WHERE auto_message_id = :id AND due_at = :due_at LIMIT 1";
        Ok(self.query_maybe(sql, params! { id, due_at })?.unwrap_or(due_at))
    }

    /// Whether some recipients of the occurrence `first` were tried again.
    pub(super) fn is_retried(&self, id: i64, first: Timestamp) -> SqlResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM deliveries
                       WHERE auto_message_id = :id AND due_at > :first AND retry_of = :first)";
        self.query_value(sql, params! { id, first })
    }

    /// Notes that the deliveries of `due_at` try recipients of `first` again.
    pub(crate) fn note_retry(&self, id: i64, due_at: Timestamp, first: Timestamp) -> SqlResult<()> {
        let sql = "UPDATE deliveries SET retry_of = :first
                   WHERE auto_message_id = :id AND due_at = :due_at";
        self.execute_sql(sql, params! { id, due_at, first })
    }

    /// The recipients of the occurrence `first` that stand in one of `statuses` after all its retries,
    /// each with its last delivery, in the order in which they were planned.
    pub(crate) fn recipients_to_retry(
        &self,
        id: i64,
        first: Timestamp,
        statuses: &[Status],
    ) -> SqlResult<Vec<Delivery>> {
        let sql = format!(
            "WITH {RECIPIENTS}
             SELECT d.* FROM recipients r
             CROSS JOIN deliveries d ON d.auto_message_id = :id AND d.due_at = r.last_at
                 AND d.chat_id = r.chat_id
             WHERE instr(:statuses, ',' || r.stands || ',') > 0 ORDER BY d.id"
        );
        let params = params! { id, first, ":statuses": words(statuses) };
        self.query_rows(&sql, params, Delivery::from_row)
    }

    /// Writes the counts of the latest occurrence; an expired delivery counts as failed. `also_of_past`
    /// when the message may wait for its next occurrence already: its counts are still of this one.
    pub(super) fn set_counts(
        &self,
        id: i64,
        due_at: Timestamp,
        counts: Counts,
        also_of_past: bool,
        now: Timestamp,
    ) -> SqlResult<()> {
        let sql = "UPDATE auto_messages SET sent_count = :sent, failed_count = :failed,
                       skipped_count = :skipped, unknown_count = :unknown, updated_at = :now
                   WHERE id = :id AND (scheduled_at = :due_at
                       OR :also_of_past AND status = 'scheduled')";
        let params = params! {
            id, due_at, also_of_past, now, counts.{ sent, skipped, unknown },
            ":failed": counts.failed + counts.expired,
        };
        self.execute_sql(sql, params)
    }

    fn add_to_counts(
        &self,
        id: i64,
        due_at: Timestamp,
        one: Counts,
        now: Timestamp,
    ) -> SqlResult<()> {
        let sql = "UPDATE auto_messages SET sent_count = sent_count + :sent,
                       failed_count = failed_count + :failed,
                       skipped_count = skipped_count + :skipped,
                       unknown_count = unknown_count + :unknown, updated_at = :now
                   WHERE id = :id AND scheduled_at = :due_at";
        self.execute_sql(sql, params! { id, due_at, now, one.{ sent, failed, skipped, unknown } })
    }

    fn recurrence(&self, id: i64, due_at: Timestamp) -> SqlResult<Option<Timetable>> {
        let sql = format!(
            "SELECT {TIMETABLE} FROM auto_messages
             WHERE id = :id AND status = 'sending' AND scheduled_at = :due_at"
        );
        self.query_optional(&sql, params! { id, due_at }, read_timetable)
    }

    fn set_settled(
        &self,
        id: i64,
        verdict: &Verdict,
        next: Option<(Timestamp, &Zone)>,
        error: Option<&Reason>,
        now: Timestamp,
    ) -> SqlResult<()> {
        let local = match next {
            Some((at, zone)) => Some(local_text(at, &self.rule_zone(id, zone)?)),
            None => None,
        };
        let sql = "UPDATE auto_messages SET
                       status = CASE WHEN :next IS NULL THEN :status ELSE 'scheduled' END,
                       scheduled_at = coalesce(:next, scheduled_at),
                       scheduled_local = coalesce(:local, scheduled_local),
                       scheduled_zone = coalesce(:zone, scheduled_zone),
                       sent_at = CASE :status WHEN 'sent' THEN :now ELSE sent_at END,
                       error = :error, error_code = :code, error_args = :args, updated_at = :now
                   WHERE id = :id AND status = 'sending'";
        let params = params! {
            id, now,
            ":status": verdict.status(),
            ":next": next.map(|(at, _)| at),
            ":local": local,
            ":zone": next.map(|(_, zone)| zone.name()),
            why(error),
        };
        self.execute_sql(sql, params)
    }

    /// Brings a message in line with one of its deliveries that moved `from` a status `to` another,
    /// in this transaction. Returns how it ended after all, when that changed.
    ///
    /// The counts are of the latest occurrence with its retries, so nothing changes for an earlier one. A message that
    /// is on its way gets its counts only; it is settled later. One that a person cancelled or took
    /// back stays so.
    pub fn correct_message(
        &self,
        auto_message_id: i64,
        due_at: Timestamp,
        (from, to): (Status, Status),
        now: Timestamp,
    ) -> SqlResult<Option<Verdict>> {
        let first = self.first_of(auto_message_id, due_at)?;
        let Some(due_at) = self.latest_try(auto_message_id, first)? else { return Ok(None) };
        let after = self.count_occurrence(auto_message_id, due_at)?;
        // With retries, one delivery that moved may change nothing of how its recipient stands.
        let before = if self.is_retried(auto_message_id, first)? {
            self.stored_counts(auto_message_id)?
        } else {
            moved_back(after, from, to)
        };
        let before = before.verdict();
        self.set_counts(auto_message_id, due_at, after, true, now)?;
        let verdict = after.verdict();
        if before == verdict {
            return Ok(None);
        }
        let has_changed = self.rewrite_verdict(auto_message_id, due_at, &verdict, now)?;
        let is_other = matches!(before, Verdict::Sent) != matches!(verdict, Verdict::Sent);
        Ok((has_changed && is_other).then_some(verdict))
    }

    /// The last retry of the occurrence `first`, or itself; `None` when it is not the latest one.
    pub(super) fn latest_try(&self, id: i64, first: Timestamp) -> SqlResult<Option<Timestamp>> {
        let sql = "SELECT max(due_at) AS due_at FROM deliveries WHERE auto_message_id = :id";
        let Some(latest) = self.query_maybe(sql, params! { id })? else { return Ok(None) };
        Ok((self.first_of(id, latest)? == first).then_some(latest))
    }

    fn stored_counts(&self, id: i64) -> SqlResult<Counts> {
        let sql = "SELECT sent_count, failed_count, skipped_count, unknown_count
                   FROM auto_messages WHERE id = :id";
        self.query_one(sql, params! { id }, read_message_counts)
    }

    /// `sent_at` becomes the end of the last request that got through, so that it does not depend on
    /// when the proof came. Returns whether the message had ended.
    fn rewrite_verdict(
        &self,
        id: i64,
        due_at: Timestamp,
        verdict: &Verdict,
        now: Timestamp,
    ) -> SqlResult<bool> {
        let (status, error) = (verdict.status(), verdict.error());
        let sql = "UPDATE auto_messages SET
                       status = CASE status WHEN 'scheduled' THEN status ELSE :status END,
                       error = :error, error_code = :code, error_args = :args, updated_at = :now,
                       sent_at = (SELECT max(finished_at) FROM deliveries
                           WHERE auto_message_id = :id AND status = 'sent')
                   WHERE id = :id AND (status = 'scheduled'
                       OR status IN ('sent', 'failed') AND scheduled_at = :due_at)";
        self.change(sql, params! { id, due_at, status, now, why(error) })
    }
}

/// The counts as they were before one delivery moved.
fn moved_back(mut counts: Counts, from: Status, to: Status) -> Counts {
    if let Some(count) = counts.of(to) {
        *count = count.saturating_sub(1);
    }
    if let Some(count) = counts.of(from) {
        *count += 1;
    }
    counts
}
