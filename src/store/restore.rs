//! Restoring a backup: what was unsent when it was made may have been sent since. The database that
//! was there until now is evidence, when it is a later moment of the same history; what neither
//! tells becomes `unknown`, and is never sent by itself.
//!
//! All of it happens in a file that is not the database yet, with the evidence attached as `present`: a
//! copy whose tables were brought up to date, too.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{OptionalExtension, Params, Row};

use super::deliveries::FIRST_LOOKUP_AFTER;
use super::open::explain;
use super::{SqlResult, Store, StoreError, Tx, explanation, params, read};
use crate::clock::Timestamp;
use crate::delivery::Counts;
use crate::reason::{Explanation, Reason};
use crate::schedule::Zone;

/// Shows what a restore made unknown; for people.
pub(crate) const LOOK_AT_UNKNOWN: &str = "SELECT id, auto_message_id, due_at, name, chat_id, error FROM deliveries WHERE status = 'unknown'";

/// A delivery whose fate the attached evidence does not leave open: it was certainly not sent. One
/// that is pending there was not; nor was one of an occurrence that had not been planned there, and
/// of which nothing can have been pruned.
const KNOWN_UNSENT: &str = "
    EXISTS (SELECT 1 FROM present.deliveries p
        WHERE p.auto_message_id = deliveries.auto_message_id AND p.due_at = deliveries.due_at
            AND p.chat_id = deliveries.chat_id AND p.status = 'pending')
    OR (EXISTS (SELECT 1 FROM present.auto_messages m
            WHERE m.id = deliveries.auto_message_id
                AND (m.status = 'scheduled' AND m.scheduled_at <= deliveries.due_at
                    OR m.status = 'sending' AND m.scheduled_at < deliveries.due_at))
        AND NOT EXISTS (SELECT 1 FROM present.deliveries p
            WHERE p.auto_message_id = deliveries.auto_message_id AND p.due_at = deliveries.due_at
                AND p.chat_id = deliveries.chat_id)
        AND deliveries.due_at >=
            coalesce((SELECT value FROM present.meta WHERE key = 'pruned_before'), ''))";

#[derive(Clone, Debug)]
pub(crate) struct Restoration {
    /// Whether the database until now is attached.
    pub(crate) has_evidence: bool,
    /// The local time of schedules.
    pub(crate) zone: Zone,
    pub(crate) now: Timestamp,
}

/// What a restoration found out about deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marked {
    /// Nobody knows: not sent by themselves.
    pub unknown: u64,
    /// Sent since the backup, as the evidence says.
    pub sent: u64,
    /// Ended in another way since the backup, as the evidence says.
    pub(crate) ended: u64,
}

impl Marked {
    fn add(&mut self, status: &str) {
        match status {
            "unknown" => self.unknown += 1,
            "sent" => self.sent += 1,
            "pending" => {}
            _ => self.ended += 1,
        }
    }
}

struct Touched {
    auto_message_id: i64,
    due_at: Timestamp,
    status: String,
}

impl Store {
    /// Attaches the database that was there until now. Returns whether it is evidence: a later moment
    /// of the same history. Otherwise it is not attached.
    pub(crate) fn attach_evidence(&mut self, present: &Path) -> Result<bool, StoreError> {
        let Some(path) = present.to_str() else { return Ok(false) };
        let failed = |source| explain(present, source);
        self.connection.execute("ATTACH DATABASE ?1 AS present", [path]).map_err(failed)?;
        // One that has had fewer rows than the backup is not later; one that is held as a copy
        // does not know what was sent from the other place.
        let sql = "SELECT (SELECT value FROM main.meta WHERE key = 'history_id')
                       = (SELECT value FROM present.meta WHERE key = 'history_id')
                   AND NOT EXISTS (SELECT 1 FROM present.place_holds)
                   AND NOT EXISTS (SELECT 1 FROM main.sqlite_sequence s
                       LEFT JOIN present.sqlite_sequence p ON p.name = s.name
                       WHERE s.seq > coalesce(p.seq, 0))";
        let is_evidence: Option<bool> =
            self.connection.query_row(sql, [], |row| row.get(0)).map_err(failed)?;
        if is_evidence != Some(true) {
            self.detach_evidence()?;
        }
        Ok(is_evidence == Some(true))
    }

    pub(crate) fn detach_evidence(&mut self) -> Result<(), StoreError> {
        self.connection.flush_prepared_statement_cache();
        self.explained(self.connection.execute("DETACH DATABASE present", [])).map(drop)
    }
}

impl Tx<'_> {
    /// What the present database has sent on a day counts for the daily limits.
    fn take_over_days(&self) -> SqlResult<()> {
        let days = "INSERT INTO main.channel_days (channel_id, day, claimed, received)
                    SELECT channel_id, day, claimed, received FROM present.channel_days
                    WHERE channel_id IN (SELECT id FROM main.channels)
                    ON CONFLICT (channel_id, day) DO UPDATE
                        SET claimed = max(claimed, excluded.claimed), received = max(received, excluded.received)";
        self.transaction.execute(days, []).map(drop)
    }

    /// A number that was confirmed since the backup was made stays confirmed, a hold for another one
    /// can be confirmed, and who asked to stop from a hidden number stays opted out. Nobody about whom WhatsApp was
    /// asked since is asked about again.
    fn take_over_numbers(&self) -> SqlResult<()> {
        self.transaction.execute_batch(
            "UPDATE main.channels SET phone_number = p.phone_number, other_number = p.other_number
             FROM present.channels p
             WHERE p.id = channels.id AND trim(p.session_name) = trim(channels.session_name);
             INSERT INTO main.hidden_numbers
                 (lid, phone_number, session_name, name, opted_out_at, looks, next_look_at, error, created_at)
             SELECT lid, phone_number, session_name, name, opted_out_at, looks, next_look_at, error, created_at
             FROM present.hidden_numbers p WHERE lid IS NOT NULL OR NOT EXISTS
                 (SELECT 1 FROM main.hidden_numbers h WHERE h.phone_number = p.phone_number)
             ON CONFLICT (lid) DO UPDATE SET
                 opted_out_at = coalesce(opted_out_at, excluded.opted_out_at),
                 phone_number = coalesce(phone_number, excluded.phone_number);
             INSERT INTO main.numbers (chat_id, checked_at, \"exists\", checked_chat_id)
             SELECT chat_id, checked_at, \"exists\", checked_chat_id FROM present.numbers p
             WHERE checked_at IS NOT NULL
             ON CONFLICT (chat_id) DO UPDATE SET checked_at = excluded.checked_at, \"exists\" = excluded.\"exists\",
                 checked_chat_id = excluded.checked_chat_id
             WHERE excluded.checked_at > coalesce(numbers.checked_at, '');",
        )
    }

    /// Whoever opted out since the backup stays so: as a contact, by number, also with a contact made since.
    fn take_over_opt_outs(&self) -> SqlResult<()> {
        self.transaction.execute_batch(
            "UPDATE main.contacts SET opted_out_at = p.opted_out_at
             FROM present.contacts p
             WHERE p.id = contacts.id AND p.opted_out_at IS NOT NULL
                 AND contacts.opted_out_at IS NULL;
             UPDATE main.contacts SET opted_out_at = p.opted_out_at
             FROM present.contacts p
             WHERE p.phone_number = contacts.phone_number AND p.opted_out_at IS NOT NULL
                 AND contacts.opted_out_at IS NULL;
             INSERT INTO main.contacts
                 (name, phone_number, tags, attributes, opted_out_at, created_at, updated_at)
             SELECT name, phone_number, tags, attributes, opted_out_at, created_at, updated_at
             FROM present.contacts p WHERE p.opted_out_at IS NOT NULL AND NOT EXISTS
                 (SELECT 1 FROM main.contacts c WHERE c.phone_number = p.phone_number);",
        )
    }

    /// Before anything is planned: no channel sends before `ready_at`, because one may have sent just
    /// now; a hold of the present database goes on, and whoever opted out stays opted out.
    pub(crate) fn take_over_channels(
        &self,
        restoration: &Restoration,
        ready_at: Timestamp,
    ) -> SqlResult<()> {
        let ready_at = ready_at.ceil_to_second().to_string();
        let sql = "UPDATE main.channels SET ready_at = :ready_at";
        self.transaction.execute(sql, params! { ready_at })?;
        if restoration.has_evidence {
            let holds = "UPDATE main.channels SET held_reason = p.held_reason,
                             held_code = p.held_code, held_args = p.held_args,
                             held_kind = p.held_kind, held_until = p.held_until,
                             held_count = p.held_count
                         FROM present.channels p
                         WHERE p.id = channels.id AND p.held_reason IS NOT NULL AND NOT EXISTS
                             (SELECT 1 FROM present.place_holds h WHERE h.channel_id = p.id)";
            self.transaction.execute(holds, [])?;
            self.take_over_numbers()?;
            self.take_over_opt_outs()?;
            self.take_over_days()?;
        }
        Ok(())
    }

    /// Who was tried again since the backup was made got it then: without that, a person who reads `failed` sends it
    /// to them once more. To be called when all that is due was decided.
    pub(crate) fn take_over_retries(
        &self,
        restoration: &Restoration,
        marked: &mut Marked,
    ) -> SqlResult<()> {
        let now = restoration.now;
        let sql = "INSERT INTO main.deliveries (auto_message_id, due_at, channel_id, contact_id, name, chat_id, status,
                       attempts, next_attempt_at, text, content, waha_message_id, ack, error, error_code, error_args,
                       claimed_at, finished_at, created_at, retry_of, contact_number)
                   SELECT auto_message_id, due_at, channel_id, contact_id, name, chat_id,
                       iif(is_out, 'unknown', status), attempts, iif(is_out, :lookup_at, next_attempt_at),
                       text, content, waha_message_id, ack, iif(is_out, :error, error),
                       iif(is_out, :code, error_code), iif(is_out, :args, error_args), claimed_at,
                       coalesce(finished_at, :now), created_at, retry_of, contact_number
                   FROM (SELECT *, status = 'sending' AS is_out FROM present.deliveries) AS p
                   WHERE retry_of IS NOT NULL AND status <> 'pending'
                       AND EXISTS (SELECT 1 FROM main.deliveries d WHERE d.auto_message_id = p.auto_message_id
                           AND d.due_at = p.retry_of)
                       AND NOT EXISTS (SELECT 1 FROM main.deliveries d WHERE d.auto_message_id = p.auto_message_id
                           AND d.due_at = p.due_at AND d.chat_id = p.chat_id)
                   ORDER BY p.due_at, p.id
                   RETURNING auto_message_id, due_at, status";
        let lookup_at = now.plus(FIRST_LOOKUP_AFTER).to_string();
        let params = params! { now, lookup_at, why(&Reason::EndedWhileSending) };
        let mut occurrences = BTreeSet::new();
        for one in self.touch(sql, params)? {
            marked.add(&one.status);
            occurrences.insert((one.auto_message_id, one.due_at));
        }
        for (id, due_at) in occurrences {
            self.follow_retry(id, due_at, now)?;
            self.resettle(id, due_at, restoration)?;
        }
        Ok(())
    }

    /// Lets a message stand where its latest retry stands.
    fn follow_retry(&self, id: i64, due_at: Timestamp, now: Timestamp) -> SqlResult<()> {
        if self.latest_try(id, self.first_of(id, due_at)?)? != Some(due_at) {
            return Ok(());
        }
        let sql = "UPDATE main.auto_messages SET scheduled_at = :due_at
                   WHERE id = :id AND status IN ('sent', 'failed')";
        self.execute_sql(sql, params! { id, due_at })?;
        self.set_counts(id, due_at, self.count_occurrence(id, due_at)?, true, now)
    }

    /// Heeds what the present database has sent at a time that somebody gave a message since, which
    /// stands nowhere in the backup: a weekly message goes on after that; any other one that would be sent
    /// once more, by its time or an entry of its list, waits for a person; a draft says so, too, and so does one that
    /// had failed and was given a new time. To be called when all that is due was decided.
    pub(crate) fn take_over_times(&self, now: Timestamp) -> SqlResult<()> {
        let once =
            "UPDATE main.auto_messages SET status = 'draft', error = :error, error_code = :code,
                        error_args = :args, updated_at = :now
                    WHERE status IN ('scheduled', 'draft', 'failed') AND interval_config IS NULL
                        AND EXISTS (SELECT 1 FROM present.auto_messages m
                            JOIN present.deliveries p ON p.auto_message_id = m.id
                            WHERE m.id = auto_messages.id AND (auto_messages.schedules IS NULL
                                    OR m.schedules IS NOT auto_messages.schedules)
                                AND p.status IN ('sending', 'sent', 'unknown') AND NOT EXISTS
                                (SELECT 1 FROM main.deliveries d
                                    WHERE d.auto_message_id = p.auto_message_id
                                        AND d.due_at = p.due_at AND d.chat_id = p.chat_id))";
        let now = now.to_string();
        self.transaction.execute(once, params! { now, why(&Reason::SentSinceBackup) })?;
        let later = "FROM present.auto_messages p WHERE p.id = auto_messages.id
                         AND p.taken_local > coalesce(auto_messages.taken_local, '')";
        let emptied = format!(
            "UPDATE main.auto_messages SET scheduled_at = NULL, scheduled_local = :now,
                 scheduled_zone = NULL {later} AND auto_messages.status = 'scheduled'
                 AND coalesce(auto_messages.schedules, auto_messages.interval_config) IS NOT NULL"
        );
        self.transaction.execute(&emptied, params! { now })?;
        let taken = format!(
            "UPDATE main.auto_messages SET taken_local = p.taken_local, taken_rule = p.taken_rule {later}"
        );
        self.transaction.execute(&taken, []).map(drop)
    }

    /// Decides every planned delivery: by the evidence, or as unknown. Its message's counts and
    /// status follow, so that the next occurrence may be due afterwards. Counts them in `marked`.
    pub(crate) fn mark_restored(
        &self,
        restoration: &Restoration,
        marked: &mut Marked,
    ) -> SqlResult<()> {
        let mut touched = Vec::new();
        if restoration.has_evidence {
            touched.extend(self.take_evidence(restoration.now)?);
        }
        touched.extend(self.make_unknown(restoration)?);
        for one in &touched {
            marked.add(&one.status);
        }
        let mut occurrences = BTreeSet::new();
        occurrences.extend(touched.iter().map(|one| (one.auto_message_id, one.due_at)));
        for (id, due_at) in occurrences {
            self.resettle(id, due_at, restoration)?;
        }
        Ok(())
    }

    /// What became of a delivery in the present database became of it here.
    fn take_evidence(&self, now: Timestamp) -> SqlResult<Vec<Touched>> {
        let sql = "UPDATE main.deliveries SET
                       status = CASE p.status WHEN 'sending' THEN 'unknown' ELSE p.status END,
                       attempts = p.attempts, text = p.text, content = p.content, ack = p.ack,
                       waha_message_id = p.waha_message_id, claimed_at = p.claimed_at,
                       error = CASE p.status WHEN 'sending' THEN :error ELSE p.error END,
                       error_code = CASE p.status WHEN 'sending' THEN :code ELSE p.error_code END,
                       error_args = CASE p.status WHEN 'sending' THEN :args ELSE p.error_args END,
                       finished_at = CASE p.status WHEN 'pending' THEN NULL
                           ELSE coalesce(p.finished_at, :now) END,
                       next_attempt_at = CASE
                           WHEN p.status = 'pending' THEN p.next_attempt_at
                           WHEN p.status IN ('sending', 'unknown') AND p.claimed_at IS NOT NULL
                               THEN :lookup_at END
                   FROM present.deliveries p
                   WHERE p.auto_message_id = deliveries.auto_message_id
                       AND p.due_at = deliveries.due_at AND p.chat_id = deliveries.chat_id
                       AND (deliveries.status IN ('pending', 'sending')
                               AND (p.status <> 'pending' OR deliveries.status = 'sending')
                           OR p.status = 'sent' AND deliveries.status <> 'sent'
                           OR p.status = 'failed' AND deliveries.status = 'unknown')
                   RETURNING auto_message_id, due_at, status";
        let lookup_at = now.plus(FIRST_LOOKUP_AFTER).to_string();
        self.touch(sql, params! { now, lookup_at, why(&Reason::EndedWhileSending) })
    }

    /// No look-up is planned: without a claim there is no time at which to look.
    fn make_unknown(&self, restoration: &Restoration) -> SqlResult<Vec<Touched>> {
        let known_unsent = if restoration.has_evidence { KNOWN_UNSENT } else { "0" };
        let sql = format!(
            "UPDATE main.deliveries SET status = 'unknown', error = :error, error_code = :code,
                 error_args = :args, finished_at = :now, next_attempt_at = NULL,
                 text = coalesce(text, (SELECT m.message FROM main.auto_messages m
                     WHERE m.id = deliveries.auto_message_id)),
                 content = CASE WHEN text IS NOT NULL THEN content ELSE (SELECT m.content
                     FROM main.auto_messages m WHERE m.id = deliveries.auto_message_id) END
             WHERE status = 'sending' OR status = 'pending' AND NOT ({known_unsent})
             RETURNING auto_message_id, due_at, status"
        );
        let params = params! { restoration.{ now }, why(&Reason::UnknownSinceBackup) };
        let touched = self.touch(&sql, params)?;
        self.fill_in_unclaimed()?;
        Ok(touched)
    }

    fn touch(&self, sql: &str, params: impl Params) -> SqlResult<Vec<Touched>> {
        let mut statement = self.transaction.prepare(sql)?;
        let read = |row: &Row<'_>| read! { row => Touched { auto_message_id, due_at, status } };
        statement.query_map(params, read)?.collect()
    }

    /// Brings a message in line with the deliveries of an occurrence, also when it had settled.
    fn resettle(&self, id: i64, due_at: Timestamp, restoration: &Restoration) -> SqlResult<()> {
        let Restoration { zone, now, .. } = restoration;
        let counts = self.count_occurrence(id, due_at)?;
        self.set_counts(id, due_at, counts, false, *now)?;
        self.settle_if_done(id, due_at, Counts::default(), zone, *now)?;
        if counts.sent == 0 {
            return Ok(());
        }
        let corrected = "UPDATE main.auto_messages SET status = 'sent', error = NULL,
                             error_code = NULL, error_args = NULL
                         WHERE id = :id AND scheduled_at = :due_at AND status = 'failed'";
        let params = params! { id, due_at };
        self.change_rows(corrected, params)?;
        // It was sent when it was sent, not when the backup was restored.
        let sent_at = "UPDATE main.auto_messages SET sent_at = last.at
                       FROM (SELECT max(finished_at) AS at FROM main.deliveries
                           WHERE auto_message_id = :id AND status = 'sent') AS last
                       WHERE id = :id AND sent_at IS NOT NULL
                           AND last.at IS strftime('%Y-%m-%dT%H:%M:%SZ', last.at, '+0 seconds')";
        self.execute_sql(sent_at, params! { id })
    }

    /// Says that a message which failed before it was planned may have been sent. Returns whether it had failed.
    pub(crate) fn note_maybe_sent(&self, id: i64) -> SqlResult<bool> {
        let sql = "SELECT error, error_code, error_args FROM main.auto_messages
                   WHERE id = :id AND status = 'failed' AND NOT EXISTS
                       (SELECT 1 FROM main.deliveries d WHERE d.auto_message_id = :id
                           AND d.due_at = auto_messages.scheduled_at)";
        let read = |row: &Row<'_>| explanation(row, "error");
        let failed = self.query_one(sql, params! { id }, read).optional()?;
        let Some(first) = failed else { return Ok(false) };
        let first = Box::new(first.unwrap_or(Explanation::Words(String::new())));
        self.note_reason(id, &Reason::FailedOrSentSinceBackup { first })?;
        Ok(true)
    }

    /// How many messages of the present database the backup does not have.
    pub(crate) fn count_lost_messages(&self) -> SqlResult<u64> {
        let sql = "SELECT count(*) FROM present.auto_messages
                   WHERE id NOT IN (SELECT id FROM main.auto_messages)";
        self.transaction.query_row(sql, [], |row| row.get(0))
    }
}
