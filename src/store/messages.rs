//! The table `auto_messages`, up to the moment when a message is planned; `settle` has the rest.

use rusqlite::{Row, named_params};

use super::{SqlResult, Tx, lossy};
use crate::clock::Timestamp;
use crate::delivery::Verdict;
use crate::schedule::{TAKEN_AHEAD_MAX, Taken, Timetable, Zone, local_text};

/// The columns that [`read_timetable`] reads.
pub(super) const TIMETABLE: &str =
    "schedules, interval_config, scheduled_local, scheduled_zone, taken_local, taken_rule";

/// A message whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DueMessage {
    pub(crate) id: i64,
    pub(crate) due_at: Timestamp,
    pub(crate) message: String,
    /// The channel that sends it; may not exist.
    pub(crate) channel_id: i64,
    pub(crate) contact_ids: Option<String>,
    pub(crate) metadata: Option<String>,
    /// The rest of when.
    pub(crate) timetable: Timetable,
}

/// A scheduled message without a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Untimed {
    pub(crate) id: i64,
    /// When the row was made; `None` when that is no time.
    pub(crate) since: Option<Timestamp>,
    /// Its rule, and what was planned of it.
    pub(crate) timetable: Timetable,
    /// Its latest occurrence that was planned.
    pub(crate) latest_due_at: Option<Timestamp>,
    /// The same without retries: those have a time of their own.
    pub(crate) latest_planned_at: Option<Timestamp>,
}

/// A scheduled message that may have another time in another zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Timed {
    /// Its time as it is.
    pub(crate) scheduled_at: Timestamp,
    /// What that comes from.
    pub(crate) timetable: Timetable,
    /// Whether some of it may have gone out: it goes on as it was begun.
    pub(crate) has_begun: bool,
}

/// The timetable of a row that has the columns of [`TIMETABLE`].
pub(super) fn read_timetable(row: &Row<'_>) -> SqlResult<Timetable> {
    let taken_local: Option<String> = lossy(row, "taken_local")?;
    Ok(Timetable {
        schedules: row.get("schedules")?,
        interval_config: row.get("interval_config")?,
        local: lossy(row, "scheduled_local")?,
        zone: lossy(row, "scheduled_zone")?,
        taken: Taken::read(taken_local.as_deref(), lossy(row, "taken_rule")?),
    })
}

impl Tx<'_> {
    /// How many messages are due at `now` or on their way.
    pub fn count_due(&self, now: Timestamp) -> SqlResult<u64> {
        let sql = "SELECT (SELECT count(*) FROM auto_messages
                       WHERE status = 'scheduled' AND scheduled_at <= :now)
                   + (SELECT count(*) FROM auto_messages WHERE status = 'sending')";
        self.query_value(sql, named_params! { ":now": now })
    }

    /// The ids of at most `limit` messages that are due at `now`, the longest due first.
    pub(crate) fn due_message_ids(&self, now: Timestamp, limit: u32) -> SqlResult<Vec<i64>> {
        let sql = "SELECT id FROM auto_messages
                   WHERE status = 'scheduled' AND scheduled_at <= :now
                   ORDER BY scheduled_at, id LIMIT :limit";
        self.query_values(sql, named_params! { ":now": now, ":limit": limit })
    }

    /// The message, when it is still scheduled and due at `now`.
    pub(crate) fn due_message(&self, id: i64, now: Timestamp) -> SqlResult<Option<DueMessage>> {
        let sql = format!(
            "SELECT id, scheduled_at, message, channel_id, contact_ids, metadata, {TIMETABLE}
             FROM auto_messages
             WHERE id = :id AND status = 'scheduled' AND scheduled_at <= :now"
        );
        let read = |row: &Row<'_>| {
            Ok(DueMessage {
                id: row.get("id")?,
                due_at: row.get("scheduled_at")?,
                message: row.get("message")?,
                channel_id: row.get("channel_id")?,
                contact_ids: row.get("contact_ids")?,
                metadata: row.get("metadata")?,
                timetable: read_timetable(row)?,
            })
        };
        let mut statement = self.prepare(&sql)?;
        let mut rows = statement.query_map(named_params! { ":id": id, ":now": now }, read)?;
        rows.next().transpose()
    }

    /// The ids of at most `limit` messages that are scheduled without a time.
    pub(crate) fn untimed_message_ids(&self, limit: u32) -> SqlResult<Vec<i64>> {
        let sql = "SELECT id FROM auto_messages
                   WHERE status = 'scheduled' AND scheduled_at IS NULL LIMIT :limit";
        self.query_values(sql, named_params! { ":limit": limit })
    }

    /// The message, when it is still scheduled without a time.
    pub(crate) fn untimed_message(&self, id: i64) -> SqlResult<Option<Untimed>> {
        let sql = format!(
            "SELECT id, {TIMETABLE},
                 strftime('%Y-%m-%dT%H:%M:%SZ', created_at) AS since,
                 (SELECT max(due_at) FROM deliveries WHERE auto_message_id = :id AND due_at IS NOT
                     (SELECT due_at FROM plannings WHERE auto_message_id = :id)) AS latest_due_at,
                 (SELECT max(due_at) FROM deliveries WHERE auto_message_id = :id AND due_at IS NOT
                     (SELECT due_at FROM plannings WHERE auto_message_id = :id)
                     AND retry_of IS NULL) AS latest_planned_at
             FROM auto_messages
             WHERE id = :id AND status = 'scheduled' AND scheduled_at IS NULL"
        );
        let read = |row: &Row<'_>| {
            Ok(Untimed {
                id: row.get("id")?,
                since: row.get("since")?,
                timetable: read_timetable(row)?,
                latest_due_at: row.get("latest_due_at")?,
                latest_planned_at: row.get("latest_planned_at")?,
            })
        };
        let mut statement = self.prepare(&sql)?;
        let mut rows = statement.query_map(named_params! { ":id": id }, read)?;
        rows.next().transpose()
    }

    /// The ids of at most `limit` scheduled messages with a rule whose time was worked out in another
    /// zone than the one of this name, or was written by somebody and not looked at yet.
    pub(crate) fn message_ids_of_other_zones(
        &self,
        zone: &Zone,
        limit: u32,
    ) -> SqlResult<Vec<i64>> {
        let from = "SELECT id FROM auto_messages INDEXED BY idx_auto_messages_scheduled_zone
            WHERE status = 'scheduled' AND scheduled_at IS NOT NULL AND (schedules IS NOT NULL OR interval_config IS NOT NULL)";
        let sql = format!(
            "{from} AND scheduled_zone IS NULL
             UNION ALL {from} AND scheduled_zone > '' AND scheduled_zone < :zone
             UNION ALL {from} AND scheduled_zone > :zone LIMIT :limit"
        );
        let params = named_params! { ":zone": zone.name(), ":limit": limit };
        self.query_values(&sql, params)
    }

    /// What the time of a message comes from, when it is still scheduled for one.
    pub(crate) fn timed_message(&self, id: i64) -> SqlResult<Option<Timed>> {
        let sql = format!(
            "SELECT scheduled_at, {TIMETABLE},
                 EXISTS (SELECT 1 FROM deliveries WHERE auto_message_id = :id AND due_at = scheduled_at)
                     AND NOT EXISTS (SELECT 1 FROM plannings
                         WHERE auto_message_id = :id AND due_at = scheduled_at) AS has_begun
             FROM auto_messages
             WHERE id = :id AND status = 'scheduled' AND scheduled_at IS NOT NULL"
        );
        let read = |row: &Row<'_>| {
            Ok(Timed {
                scheduled_at: row.get("scheduled_at")?,
                timetable: read_timetable(row)?,
                has_begun: row.get("has_begun")?,
            })
        };
        self.query_optional(&sql, named_params! { ":id": id }, read)
    }

    /// Gives a scheduled message the time that its rule has in `zone`.
    pub(crate) fn set_scheduled_at(
        &self,
        id: i64,
        scheduled_at: Timestamp,
        zone: &Zone,
        now: Timestamp,
    ) -> SqlResult<()> {
        let sql = "UPDATE auto_messages SET scheduled_at = :scheduled_at,
                       scheduled_local = :local, scheduled_zone = :zone, updated_at = :now
                   WHERE id = :id AND status = 'scheduled'";
        let params = named_params! {
            ":id": id,
            ":scheduled_at": scheduled_at,
            ":local": local_text(scheduled_at, zone),
            ":zone": zone.name(),
            ":now": now,
        };
        self.execute_sql(sql, params)
    }

    /// Empties the time of a scheduled message whose rule was edited when it had ended.
    pub(crate) fn clear_scheduled_at(&self, id: i64) -> SqlResult<()> {
        let sql = "UPDATE auto_messages SET scheduled_at = NULL, scheduled_zone = NULL,
                       scheduled_local = strftime('%Y-%m-%dT%H:%M:%SZ', updated_at)
                   WHERE id = :id AND status = 'scheduled'";
        self.execute_sql(sql, named_params! { ":id": id })
    }

    /// Notes that somebody has looked at a message's time: it is right in the zone of this name, or
    /// (empty) it does not come from a rule.
    pub(crate) fn set_scheduled_zone(&self, id: i64, zone: &str, now: Timestamp) -> SqlResult<()> {
        let sql = "UPDATE auto_messages SET scheduled_zone = :zone, updated_at = :now
                   WHERE id = :id AND status = 'scheduled'";
        let params = named_params! { ":id": id, ":zone": zone, ":now": now };
        self.execute_sql(sql, params)
    }

    /// Turns what an older version planned, an instant, into what the clock in `zone` showed then. Of
    /// an occurrence that is under way and comes from its rule, also the time and its zone.
    pub(crate) fn localize_taken(&self, zone: &Zone, now: Timestamp) -> SqlResult<()> {
        let sql = format!(
            "SELECT id, status, scheduled_at, {TIMETABLE}
             FROM auto_messages INDEXED BY idx_auto_messages_taken_as_instant
             WHERE taken_local GLOB '*Z' AND taken_local > ''"
        );
        let read = |row: &Row<'_>| {
            let at = lossy(row, "taken_local")?.and_then(|text| Timestamp::parse(&text));
            let is_under_way = row.get::<_, String>("status")? == "sending"
                && at == Timestamp::parse(&lossy(row, "scheduled_at")?.unwrap_or_default());
            // A row that cannot be read fails alone, later.
            let is_from_rule = is_under_way
                && read_timetable(row)
                    .is_ok_and(|timetable| at.is_some_and(|at| timetable.has(at, zone)));
            Ok((row.get::<_, i64>("id")?, at.map(|at| local_text(at, zone)), is_from_rule))
        };
        let taken: Vec<_> = self.prepare(&sql)?.query_map([], read)?.collect::<SqlResult<_>>()?;
        let sql = "UPDATE auto_messages SET taken_local = :local,
                       scheduled_local = iif(:is_from_rule, :local, scheduled_local),
                       scheduled_zone = iif(:is_from_rule, :zone, scheduled_zone), updated_at = :now
                   WHERE id = :id";
        for (id, local, is_from_rule) in taken {
            let params = named_params! {
                ":id": id,
                ":local": local,
                ":is_from_rule": is_from_rule,
                ":zone": zone.name(),
                ":now": now,
            };
            self.change_rows(sql, params)?;
        }
        Ok(())
    }

    /// Ends a scheduled message whose rule has nothing left: as its latest occurrence ended, and when
    /// nothing is known of that any more, by its counts. What is still under way settles it later. Dates
    /// that passed before they were written get no message: `error` says so, also of one that was sent.
    pub(crate) fn end_message(
        &self,
        id: i64,
        latest_due_at: Option<Timestamp>,
        error: &str,
        now: Timestamp,
    ) -> SqlResult<()> {
        let over = error;
        let (status, error) = match latest_due_at {
            None => (None, error.to_owned()),
            Some(due_at) if self.has_open_deliveries(id, due_at)? => {
                (Some("sending"), String::new())
            }
            Some(due_at) => match self.count_occurrence(id, due_at)?.verdict() {
                Verdict::Sent => (Some("sent"), String::new()),
                Verdict::Failed { error } => (Some("failed"), error),
            },
        };
        let sql = "UPDATE auto_messages SET scheduled_at = :due_at, scheduled_local = NULL,
                       scheduled_zone = NULL, updated_at = :now,
                       status = coalesce(:status, iif(sent_at IS NULL, 'failed', 'sent')),
                       error = CASE
                           WHEN coalesce(:status, iif(sent_at IS NULL, 'failed', 'sent')) = 'failed' THEN :error
                           WHEN schedules GLOB '*[0-9]*' AND :status IS NOT 'sending' THEN :over END
                   WHERE id = :id AND status = 'scheduled'";
        let params = named_params! {
            ":id": id,
            ":due_at": latest_due_at,
            ":status": status,
            ":error": error,
            ":over": over,
            ":now": now,
        };
        self.execute_sql(sql, params)
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
                       taken_local = max(iif(taken_local < :ahead, taken_local, ''),
                           CASE WHEN scheduled_zone <> '' THEN scheduled_local ELSE :local END),
                       taken_rule = CASE WHEN taken_local < :ahead AND date(taken_local) >=
                           date(CASE WHEN scheduled_zone <> '' THEN scheduled_local ELSE :local END)
                           THEN taken_rule ELSE interval_config END,
                       contact_count = (SELECT count(*) FROM deliveries
                           WHERE auto_message_id = :id AND due_at = :due_at), updated_at = :now
                   WHERE id = :id AND status = 'scheduled'";
        let params = named_params! {
            ":id": id,
            ":due_at": due_at,
            ":local": local_text(due_at, zone),
            ":ahead": local_text(now.plus(TAKEN_AHEAD_MAX), zone),
            ":now": now,
        };
        self.change_rows(sql, params)?;
        // One that was replaced on its way (INSERT OR REPLACE) has rows of the channel that it had.
        let channel = "UPDATE deliveries SET channel_id = m.channel_id FROM auto_messages m
                       WHERE m.id = :id AND auto_message_id = :id AND due_at = :due_at
                           AND deliveries.status IN ('pending', 'sending')
                           AND deliveries.status = 'pending'
                           AND deliveries.channel_id <> m.channel_id";
        let params = named_params! { ":id": id, ":due_at": due_at };
        self.change_rows(channel, params)?;
        let counts = self.count_occurrence(id, due_at)?;
        self.set_counts(id, due_at, counts, now)
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
        self.change_rows(sql, named_params! { ":now": now })
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
        let params = named_params! {
            ":early_after": early_after,
            ":now": now,
        };
        self.change_rows(sql, params)
    }

    /// Fails a scheduled message that cannot be planned; its counts are of this occurrence. One of
    /// which somebody got something before (it was cancelled and scheduled again) stays `sent`, with
    /// the reason. Returns whether it was scheduled.
    pub(crate) fn fail_message(&self, id: i64, error: &str, now: Timestamp) -> SqlResult<bool> {
        let sql = "UPDATE auto_messages SET error = :error, updated_at = :now,
                       status = CASE WHEN EXISTS (SELECT 1 FROM deliveries WHERE auto_message_id = :id
                           AND due_at = scheduled_at AND status = 'sent') THEN 'sent' ELSE 'failed' END,
                       (contact_count, sent_count, failed_count, skipped_count, unknown_count) =
                           (SELECT count(*), count(*) FILTER (WHERE status = 'sent'),
                               count(*) FILTER (WHERE status IN ('failed', 'expired')),
                               count(*) FILTER (WHERE status = 'skipped'),
                               count(*) FILTER (WHERE status = 'unknown')
                           FROM deliveries
                           WHERE auto_message_id = :id AND due_at = scheduled_at)
                   WHERE id = :id AND status = 'scheduled'";
        let params = named_params! {
            ":id": id,
            ":error": error,
            ":now": now,
        };
        self.change(sql, params)
    }

    /// The occurrences on their way that were due before `before`.
    pub(crate) fn late_occurrences(&self, before: Timestamp) -> SqlResult<Vec<(i64, Timestamp)>> {
        let sql = "SELECT id, scheduled_at FROM auto_messages
                   WHERE status = 'sending' AND scheduled_at < :before";
        self.occurrences(sql, named_params! { ":before": before })
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
}
