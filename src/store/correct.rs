//! Correcting a message whose delivery turned out otherwise after all: its counts, its status and
//! the words in its `error`.

use rusqlite::Row;

use super::{SqlResult, Tx, params};
use crate::clock::Timestamp;
use crate::delivery::{Counts, Status, Verdict};
use crate::reason::Reason;

impl Tx<'_> {
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
        self.rewrite_counts(auto_message_id, due_at, after, now)?;
        let verdict = after.verdict();
        if before == verdict {
            return Ok(None);
        }
        let has_changed = self.rewrite_verdict(auto_message_id, due_at, &verdict, now)?;
        let is_other = matches!(before, Verdict::Sent) != matches!(verdict, Verdict::Sent);
        Ok((has_changed && is_other).then_some(verdict))
    }

    /// The last retry of the occurrence `first`, or itself; `None` when it is not the latest one.
    fn latest_try(&self, id: i64, first: Timestamp) -> SqlResult<Option<Timestamp>> {
        let sql = "SELECT max(due_at) AS due_at FROM deliveries WHERE auto_message_id = :id";
        let read = |row: &Row<'_>| row.get("due_at");
        let latest = self.prepare(sql)?.query_row(params! { id }, read)?;
        let Some(latest) = latest else { return Ok(None) };
        Ok((self.first_of(id, latest)? == first).then_some(latest))
    }

    fn stored_counts(&self, id: i64) -> SqlResult<Counts> {
        let sql = "SELECT sent_count, failed_count, skipped_count, unknown_count
                   FROM auto_messages WHERE id = :id";
        self.prepare(sql)?.query_row(params! { id }, |row| {
            Ok(Counts {
                sent: row.get("sent_count")?,
                failed: row.get("failed_count")?,
                skipped: row.get("skipped_count")?,
                unknown: row.get("unknown_count")?,
                ..Counts::default()
            })
        })
    }

    /// Also when the message waits for its next occurrence already: its counts are still of this one.
    fn rewrite_counts(
        &self,
        id: i64,
        due_at: Timestamp,
        counts: Counts,
        now: Timestamp,
    ) -> SqlResult<()> {
        let sql = "UPDATE auto_messages SET sent_count = :sent, failed_count = :failed,
                       skipped_count = :skipped, unknown_count = :unknown, updated_at = :now
                   WHERE id = :id AND (scheduled_at = :due_at OR status = 'scheduled')";
        self.prepare(sql)?.execute(params! {
            id, due_at, now, counts.{ sent, skipped, unknown },
            ":failed": counts.failed + counts.expired,
        })?;
        Ok(())
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
        let (status, error) = match verdict {
            Verdict::Sent => ("sent", None),
            Verdict::Failed { error } => ("failed", Some(error)),
        };
        let sql = "UPDATE auto_messages SET
                       status = CASE status WHEN 'scheduled' THEN status ELSE :status END,
                       error = :error, error_code = :code, error_args = :args, updated_at = :now,
                       sent_at = (SELECT max(finished_at) FROM deliveries
                           WHERE auto_message_id = :id AND status = 'sent')
                   WHERE id = :id AND (status = 'scheduled'
                       OR status IN ('sent', 'failed') AND scheduled_at = :due_at)";
        let changed =
            self.prepare(sql)?.execute(params! { id, due_at, status, now, why(error) })?;
        Ok(changed > 0)
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
