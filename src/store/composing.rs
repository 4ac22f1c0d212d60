//! Messages as people make, look at and change them. A change is guarded by the status that was seen
//! before: whoever sends meanwhile is not overtaken.

use rusqlite::types::ToSql;
use rusqlite::{Row, named_params};

use super::{SqlResult, Tx, lossy};
use crate::clock::Timestamp;
use crate::delivery::Counts;
use crate::schedule::{Taken, Timetable};

/// What a person decides of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageFields {
    pub(crate) title: Option<String>,
    pub(crate) message: String,
    pub(crate) channel_id: i64,
    /// The recipients, as written.
    pub(crate) contact_ids: Option<String>,
    /// How many they are.
    pub(crate) contact_count: u64,
    pub scheduled_at: Option<Timestamp>,
    /// What the clock shows then, and the zone in which the rule gave that: see [`Timetable`].
    pub(crate) scheduled_local: Option<String>,
    pub(crate) scheduled_zone: Option<String>,
    pub(crate) schedules: Option<String>,
    pub(crate) interval_config: Option<String>,
    pub(crate) status: String,
}

/// A message with all that people look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRow {
    pub(crate) id: i64,
    /// What a person decided, as the row has it.
    pub fields: MessageFields,
    /// The channel's name, when there is such a channel.
    pub(crate) channel_name: Option<String>,
    /// The last occurrence that was planned.
    pub(crate) taken: Option<Taken>,
    /// Why its channel is held.
    pub(crate) channel_held: Option<String>,
    /// When somebody last got it, as the table has it.
    pub(crate) sent_at: Option<String>,
    /// How the latest occurrence stands with its retries; `expired` is in `failed`.
    pub(crate) counts: Counts,
    pub(crate) error: Option<String>,
    pub(crate) metadata: Option<String>,
    pub(crate) created_by: Option<String>,
    /// As the table has it.
    pub(crate) created_at: String,
}

impl MessageRow {
    /// What the row says of when it goes out.
    pub(crate) fn timetable(&self) -> Timetable {
        let fields = &self.fields;
        Timetable {
            schedules: fields.schedules.clone(),
            interval_config: fields.interval_config.clone(),
            local: fields.scheduled_local.clone(),
            zone: fields.scheduled_zone.clone(),
            taken: self.taken.clone(),
        }
    }
}

/// A delivery with all that people look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    pub(crate) id: i64,
    pub(crate) contact_id: Option<i64>,
    /// The contact's number when it was planned, when it goes to whatever number the contact has.
    pub(crate) contact_number: Option<String>,
    pub(crate) name: Option<String>,
    /// Whom it goes to; for a skipped one, what was written.
    pub(crate) chat_id: String,
    pub(crate) status: String,
    /// When it ended, as the table has it.
    pub(crate) finished_at: Option<String>,
    pub(crate) waha_message_id: Option<String>,
    /// How far it got.
    pub(crate) ack: Option<i64>,
    /// The exact text, once it was claimed.
    pub(crate) text: Option<String>,
    /// Why it was not sent.
    pub(crate) error: Option<String>,
}

/// How the deliveries of one occurrence stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    pub due_at: Timestamp,
    /// For a retry, when the occurrence was due whose recipients are tried again.
    pub(crate) retry_of: Option<Timestamp>,
    pub ended: Counts,
    pub pending: u64,
    /// Those that are under way.
    pub(crate) sending: u64,
}

/// Which messages to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// Only those with this status.
    pub status: Option<String>,
    /// Only those with this in title or text, in any case (of ASCII letters).
    pub search: Option<String>,
    /// At most so many; `None` for all.
    pub limit: Option<u32>,
}

const MESSAGE: &str = "m.id, m.title, m.message, m.channel_id, m.contact_ids, m.contact_count,
    m.scheduled_at, m.scheduled_local, m.scheduled_zone, m.taken_local, m.taken_rule, m.schedules,
    m.interval_config, m.status, m.sent_at, m.sent_count, m.failed_count,
    m.skipped_count, m.unknown_count, m.error, m.metadata, m.created_by, m.created_at,
    c.name AS channel_name, c.held_reason AS channel_held
    FROM auto_messages m LEFT JOIN channels c ON c.id = m.channel_id";

/// What a [`DeliveryRow`] is read from.
pub(super) const DELIVERY: &str =
    "d.id, d.contact_id, d.contact_number, d.name, d.chat_id, d.status, d.finished_at,
    d.waha_message_id, d.ack, d.text, d.error";

pub(super) fn read_delivery(row: &Row<'_>) -> SqlResult<DeliveryRow> {
    Ok(DeliveryRow {
        id: row.get("id")?,
        contact_id: row.get("contact_id")?,
        contact_number: lossy(row, "contact_number")?,
        name: lossy(row, "name")?,
        chat_id: lossy(row, "chat_id")?.unwrap_or_default(),
        status: row.get("status")?,
        finished_at: lossy(row, "finished_at")?,
        waha_message_id: lossy(row, "waha_message_id")?,
        ack: row.get("ack")?,
        text: lossy(row, "text")?,
        error: lossy(row, "error")?,
    })
}

fn read_message(row: &Row<'_>) -> SqlResult<MessageRow> {
    let scheduled_at = lossy(row, "scheduled_at")?.and_then(|text| Timestamp::parse(&text));
    Ok(MessageRow {
        id: row.get("id")?,
        fields: MessageFields {
            title: lossy(row, "title")?,
            message: lossy(row, "message")?.unwrap_or_default(),
            channel_id: row.get("channel_id")?,
            contact_ids: lossy(row, "contact_ids")?,
            contact_count: row.get("contact_count")?,
            scheduled_at,
            scheduled_local: lossy(row, "scheduled_local")?,
            scheduled_zone: lossy(row, "scheduled_zone")?,
            schedules: lossy(row, "schedules")?,
            interval_config: lossy(row, "interval_config")?,
            status: row.get("status")?,
        },
        channel_name: lossy(row, "channel_name")?,
        taken: Taken::read(lossy(row, "taken_local")?.as_deref(), lossy(row, "taken_rule")?),
        channel_held: lossy(row, "channel_held")?,
        sent_at: lossy(row, "sent_at")?,
        counts: Counts {
            sent: row.get("sent_count")?,
            failed: row.get("failed_count")?,
            skipped: row.get("skipped_count")?,
            unknown: row.get("unknown_count")?,
            ..Counts::default()
        },
        error: lossy(row, "error")?,
        metadata: lossy(row, "metadata")?,
        created_by: lossy(row, "created_by")?,
        created_at: lossy(row, "created_at")?.unwrap_or_default(),
    })
}

impl Tx<'_> {
    /// Adds a message and returns its id.
    pub(crate) fn insert_message(
        &self,
        fields: &MessageFields,
        created_by: &str,
        now: Timestamp,
    ) -> SqlResult<i64> {
        let sql =
            "INSERT INTO auto_messages (title, message, channel_id, contact_ids, contact_count,
                       scheduled_at, scheduled_local, scheduled_zone, schedules, interval_config,
                       status, created_by, created_at, updated_at)
                   VALUES (:title, :message, :channel_id, :contact_ids, :contact_count,
                       :scheduled_at, :scheduled_local, :scheduled_zone, :schedules,
                       :interval_config, :status, :created_by, :now, :now)";
        let params = named_params! {
            ":title": fields.title,
            ":message": fields.message,
            ":channel_id": fields.channel_id,
            ":contact_ids": fields.contact_ids,
            ":contact_count": fields.contact_count,
            ":scheduled_at": fields.scheduled_at,
            ":scheduled_local": fields.scheduled_local,
            ":scheduled_zone": fields.scheduled_zone,
            ":schedules": fields.schedules,
            ":interval_config": fields.interval_config,
            ":status": fields.status,
            ":created_by": created_by,
            ":now": now,
        };
        self.insert_row(sql, params)
    }

    /// A message with the same text and recipients as message `id`, made shortly before it, since `since`.
    pub(crate) fn same_message_before(&self, id: i64, since: Timestamp) -> SqlResult<Option<i64>> {
        let sql = "SELECT b.id FROM auto_messages a
                   JOIN auto_messages b ON b.id < a.id AND b.id > a.id - 20
                   WHERE a.id = :id AND b.message = a.message AND b.contact_ids IS a.contact_ids
                       AND b.channel_id = a.channel_id AND b.status <> 'cancelled'
                       AND b.created_at >= :since
                   ORDER BY b.id DESC LIMIT 1";
        let params = named_params! { ":id": id, ":since": since };
        self.query_optional(sql, params, |row| row.get("id"))
    }

    /// Writes what a person decided, when status and time are still those of `seen`. Returns whether
    /// they were.
    pub fn change_message(
        &self,
        id: i64,
        seen: &MessageFields,
        fields: &MessageFields,
        now: Timestamp,
    ) -> SqlResult<bool> {
        let sql = "UPDATE auto_messages SET title = :title, message = :message,
                       channel_id = :channel_id, contact_ids = :contact_ids,
                       contact_count = :contact_count, scheduled_at = :scheduled_at,
                       schedules = :schedules, interval_config = :interval_config,
                       error = CASE WHEN status = :status THEN error END, status = :status,
                       updated_at = :now
                   WHERE id = :id AND status = :seen_status AND scheduled_at IS :seen_at";
        let params = named_params! {
            ":id": id,
            ":title": fields.title,
            ":message": fields.message,
            ":channel_id": fields.channel_id,
            ":contact_ids": fields.contact_ids,
            ":contact_count": fields.contact_count,
            ":scheduled_at": fields.scheduled_at,
            ":schedules": fields.schedules,
            ":interval_config": fields.interval_config,
            ":status": fields.status,
            ":now": now,
            ":seen_status": seen.status,
            ":seen_at": seen.scheduled_at,
        };
        let changed = self.change_rows(sql, params)?;
        if changed > 0 {
            self.set_times(id, fields)?;
        }
        Ok(changed > 0)
    }

    /// Gives all times of the present rule to the date that went out last.
    pub(crate) fn open_date_again(&self, id: i64) -> SqlResult<()> {
        let sql = "UPDATE auto_messages SET taken_rule = interval_config WHERE id = :id";
        self.execute_sql(sql, named_params! { ":id": id })
    }

    /// After a change of the rule: its trigger empties a time that stays the same.
    fn set_times(&self, id: i64, fields: &MessageFields) -> SqlResult<()> {
        let sql = "UPDATE auto_messages SET scheduled_at = :scheduled_at,
                       scheduled_local = :scheduled_local, scheduled_zone = :scheduled_zone
                   WHERE id = :id AND (scheduled_at IS NOT :scheduled_at
                       OR scheduled_local IS NOT :scheduled_local
                       OR scheduled_zone IS NOT :scheduled_zone)";
        let params = named_params! {
            ":id": id,
            ":scheduled_at": fields.scheduled_at,
            ":scheduled_local": fields.scheduled_local,
            ":scheduled_zone": fields.scheduled_zone,
        };
        self.execute_sql(sql, params)
    }

    /// Gives a message another status and time, when they are still those of `seen`. Returns whether
    /// they were. What follows for its deliveries, the table's triggers do.
    pub fn move_message(
        &self,
        id: i64,
        seen: &MessageFields,
        status: &str,
        scheduled_at: Option<Timestamp>,
        now: Timestamp,
    ) -> SqlResult<bool> {
        let sql = "UPDATE auto_messages SET status = :status, scheduled_at = :scheduled_at,
                       error = CASE :status WHEN 'sending' THEN NULL ELSE error END,
                       updated_at = :now
                   WHERE id = :id AND status = :seen_status AND scheduled_at IS :seen_at";
        let params = named_params! {
            ":id": id,
            ":status": status,
            ":scheduled_at": scheduled_at,
            ":now": now,
            ":seen_status": seen.status,
            ":seen_at": seen.scheduled_at,
        };
        self.change(sql, params)
    }

    /// Brings `contact_count` and the counts in line with a retry: they are of the occurrence whose
    /// recipients are tried again, and of its retries.
    pub(crate) fn count_anew(&self, id: i64, due_at: Timestamp, now: Timestamp) -> SqlResult<()> {
        let sql = "UPDATE auto_messages SET contact_count = (SELECT count(*) FROM deliveries
                       WHERE auto_message_id = :id AND due_at = :first)
                   WHERE id = :id AND scheduled_at = :due_at";
        let params = named_params! {
            ":id": id,
            ":first": self.first_of(id, due_at)?,
            ":due_at": due_at,
        };
        self.change_rows(sql, params)?;
        let counts = self.count_occurrence(id, due_at)?;
        self.set_counts(id, due_at, counts, now)
    }

    /// Deletes a message and its deliveries, when its status is still `status`. Returns whether it was.
    ///
    /// # Errors
    /// When the statement fails, also while a request for it is in flight.
    pub fn delete_message(&self, id: i64, status: &str) -> SqlResult<bool> {
        let sql = "DELETE FROM auto_messages WHERE id = :id AND status = :status";
        let deleted = self.change_rows(sql, named_params! { ":id": id, ":status": status })?;
        Ok(deleted > 0)
    }

    /// The message with this id, if there is one.
    pub fn message_row(&self, id: i64) -> SqlResult<Option<MessageRow>> {
        self.query_optional(
            &format!("SELECT {MESSAGE} WHERE m.id = :id"),
            named_params! { ":id": id },
            read_message,
        )
    }

    /// The messages that a filter lets through, the newest first.
    pub fn message_rows(&self, filter: &MessageFilter) -> SqlResult<Vec<MessageRow>> {
        // The statement differs, not only its values: else no index could be chosen.
        let by_status =
            if filter.status.is_some() { "m.status = :status" } else { ":status IS NULL" };
        let sql = format!(
            "SELECT {MESSAGE}
             WHERE {by_status}
                 AND (:search IS NULL OR instr(lower(coalesce(m.title, '') || char(10) || m.message), lower(:search)) > 0)
             ORDER BY m.id DESC LIMIT :limit"
        );
        let params = named_params! {
            ":status": filter.status,
            ":search": filter.search,
            ":limit": filter.limit.map_or(-1, i64::from),
        };
        self.query_rows(&sql, params, read_message)
    }

    /// The occurrences of a message that were planned, the latest first.
    pub fn occurrences_of(&self, id: i64) -> SqlResult<Vec<Occurrence>> {
        let sql = "SELECT due_at, max(retry_of) AS retry_of,
                       count(*) FILTER (WHERE status = 'pending') AS pending,
                       count(*) FILTER (WHERE status = 'sending') AS sending,
                       count(*) FILTER (WHERE status = 'sent') AS sent,
                       count(*) FILTER (WHERE status = 'failed') AS failed,
                       count(*) FILTER (WHERE status = 'skipped') AS skipped,
                       count(*) FILTER (WHERE status = 'unknown') AS unknown,
                       count(*) FILTER (WHERE status = 'expired') AS expired,
                       count(*) FILTER (WHERE status = 'cancelled') AS cancelled
                   FROM deliveries d WHERE auto_message_id = :id AND NOT EXISTS
                       (SELECT 1 FROM plannings p
                           WHERE p.auto_message_id = :id AND p.due_at = d.due_at)
                   GROUP BY due_at ORDER BY due_at DESC";
        let read = |row: &Row<'_>| {
            Ok(Occurrence {
                due_at: row.get("due_at")?,
                retry_of: row.get("retry_of")?,
                pending: row.get("pending")?,
                sending: row.get("sending")?,
                ended: Counts {
                    sent: row.get("sent")?,
                    failed: row.get("failed")?,
                    skipped: row.get("skipped")?,
                    unknown: row.get("unknown")?,
                    expired: row.get("expired")?,
                    cancelled: row.get("cancelled")?,
                },
            })
        };
        self.query_rows(sql, named_params! { ":id": id }, read)
    }

    /// The deliveries of an occurrence in the order in which they were planned; only those of the
    /// given statuses, when some are given.
    pub fn delivery_rows(
        &self,
        id: i64,
        due_at: Timestamp,
        statuses: &[&str],
        limit: Option<u32>,
    ) -> SqlResult<Vec<DeliveryRow>> {
        let sql = format!(
            "SELECT {DELIVERY} FROM deliveries d
             WHERE d.auto_message_id = :id AND d.due_at = :due_at
                 AND (:statuses = '' OR instr(:statuses, ' ' || d.status || ' ') > 0)
             ORDER BY d.id LIMIT :limit"
        );
        let words = statuses.join("  ");
        let words = if words.is_empty() { words } else { format!(" {words} ") };
        let limit = limit.map_or(-1, i64::from);
        let params: &[(&str, &dyn ToSql)] =
            &[(":id", &id), (":due_at", &due_at), (":statuses", &words), (":limit", &limit)];
        self.query_rows(&sql, params, read_delivery)
    }

    /// How many deliveries of a channel wait and are before this one in due order.
    pub fn count_before(&self, channel_id: i64, due_at: Timestamp) -> SqlResult<u64> {
        let sql = "SELECT count(*) FROM deliveries d
                   JOIN auto_messages m ON m.id = d.auto_message_id AND m.status = 'sending'
                       AND m.scheduled_at = d.due_at
                   WHERE d.channel_id = :channel_id AND d.status = 'pending' AND d.due_at < :due_at";
        let params = named_params! { ":channel_id": channel_id, ":due_at": due_at };
        self.query_value(sql, params)
    }

    /// The ids of the channels with this name, in any case (of ASCII letters).
    pub(crate) fn channels_called(&self, name: &str) -> SqlResult<Vec<i64>> {
        let sql =
            "SELECT id FROM channels WHERE lower(trim(name)) = lower(trim(:name)) ORDER BY id";
        self.query_values(sql, named_params! { ":name": name })
    }

    /// The names of all channels.
    pub fn channel_names(&self) -> SqlResult<Vec<String>> {
        self.query_rows("SELECT name FROM channels ORDER BY id", [], |row| {
            Ok(lossy(row, "name")?.unwrap_or_default())
        })
    }
}
