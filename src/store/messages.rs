//! The table `auto_messages`.
//!
//! A change that a person makes is guarded by the status that was seen before: whoever sends meanwhile
//! is not overtaken. What becomes of an occurrence, from due to settled, is in `occurrences`.

use std::collections::{BTreeSet, HashSet};

use rusqlite::Row;

use super::{
    PageFrom, SqlResult, Tx, containing, explanation, lossy, params, read, seen_time, text,
};
use crate::clock::Timestamp;
use crate::content::Content;
use crate::delivery::{Counts, MessageStatus};
use crate::reason::{Explanation, Reason};
use crate::schedule::{Taken, Timetable, Zone, local_text};

/// How much of a text stands in for a title, in characters.
const LABEL_CHARS_MAX: usize = 40;

pub(super) const TIMETABLE: &str =
    "schedules, interval_config, scheduled_local, scheduled_zone, taken_local, taken_rule";

/// The columns of a [`Message`] but for `message` and `contact_ids`, which a list shortens.
macro_rules! columns {
    ($message:literal, $contact_ids:literal) => {
        concat!(
            "id, title, status, error, scheduled_at, ",
            $message,
            ", channel_id, ",
            $contact_ids,
            ", metadata, schedules, interval_config, scheduled_local, scheduled_zone, taken_local,
            taken_rule, contact_count, sent_at, sent_count, failed_count, skipped_count,
            unknown_count, created_by, created_at, updated_at, error_code, error_args, content,
            channel_ids, recipient_gap_hours"
        )
    };
}

pub(super) const MESSAGE: &str = columns!("message", "contact_ids");
/// With the whole text, for programs.
const WITH_TEXT: &str = columns!("message", "NULL AS contact_ids");
/// For a page that is asked for again and again: recipients can be megabytes.
pub(super) const LISTED: &str =
    columns!("substr(message, 1, 160) AS message", "NULL AS contact_ids");

/// A row of `auto_messages`. Bytes that are not UTF-8 are replaced, so that one bad row hides no other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    pub(crate) id: i64,
    pub(crate) title: Option<String>,
    /// The text, before placeholders are filled in; its first 160 characters in a list.
    pub(crate) message: String,
    /// What it carries beside its text, as written: see `content`.
    pub(crate) content: Option<String>,
    /// The channel that sends it; may not exist. With several, the first of them.
    pub(crate) channel_id: i64,
    /// Several channels that share its recipients, as written: a JSON array of ids.
    pub(crate) channel_ids: Option<String>,
    /// The recipients, as written; `None` in a list.
    pub(crate) contact_ids: Option<String>,
    /// Recipients of the latest occurrence.
    pub(crate) contact_count: u64,
    /// Its time, or its next one.
    pub scheduled_at: Option<Timestamp>,
    /// The other columns that say when.
    pub(crate) timetable: Timetable,
    pub(crate) status: MessageStatus,
    /// As the table has it: see `MessageView::sent_at`.
    pub(crate) sent_at: Option<String>,
    /// How the latest occurrence stands with its retries; `expired` is in `failed`.
    pub(crate) counts: Counts,
    pub(crate) error: Option<Explanation>,
    pub(crate) metadata: Option<String>,
    /// Its own RECIPIENT_GAP_HOURS.
    pub(crate) recipient_gap_hours: Option<i64>,
    pub(crate) created_by: Option<String>,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    /// The first column that sending needs and that is not UTF-8, and what is wrong with it.
    pub(crate) unreadable: Option<(&'static str, String)>,
}

/// What the deliveries of a message without a time say of its past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Past {
    /// When the row was made; `None` when that is no time.
    pub(crate) since: Option<Timestamp>,
    /// Its latest occurrence that was planned.
    pub(crate) latest_due_at: Option<Timestamp>,
    /// The same without retries: those have a time of their own.
    pub(crate) latest_planned_at: Option<Timestamp>,
}

/// The place of a message in the order of sending, read for thousands of messages at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Queued {
    pub(crate) id: i64,
    /// The channel that sends it, and `channel_ids`.
    pub(crate) channel_id: i64,
    pub(crate) channel_ids: Option<String>,
    /// To how many people it goes, as far as that was counted.
    pub(crate) recipients: u64,
    pub(crate) due_at: Timestamp,
    /// The first of its deliveries that has something left to do, when it is planned.
    pub(crate) first_open: Option<i64>,
}

/// The columns of a [`Queued`], of those whose time is to come and of those on their way.
const QUEUED_SCHEDULED: &str = "SELECT id, channel_id, channel_ids, max(contact_count, 0) AS recipients, scheduled_at, NULL AS first_open
    FROM auto_messages m WHERE status = 'scheduled'";
const QUEUED_SENDING: &str = "SELECT id, channel_id, channel_ids, max(contact_count, 0) AS recipients, scheduled_at,
        (SELECT min(d.id) FROM deliveries d
            WHERE d.auto_message_id = m.id AND d.due_at = m.scheduled_at AND d.status IN ('pending', 'sending'))
    FROM auto_messages m WHERE status = 'sending'";

/// Which messages a program asks for; a field that is `None` lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) status: Option<MessageStatus>,
    pub(crate) channel_id: Option<i64>,
    /// From this time on, by `scheduled_at`.
    pub(crate) from: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    /// In title or text, in any case (of ASCII letters).
    pub(crate) search: Option<String>,
    /// A key of `metadata`, as a JSON path, and its value as text.
    pub(crate) metadata: Option<(String, String)>,
    /// Only those with a higher id.
    pub(crate) above: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageFilter {
    pub status: Option<String>,
    /// Only those with this in title or text, in any case (of ASCII letters).
    pub search: Option<String>,
    /// At most so many; `None` for all.
    pub limit: Option<u32>,
}

impl Message {
    pub(super) fn from_row(row: &Row<'_>) -> SqlResult<Self> {
        let mut unreadable = None;
        let needed =
            ["schedules", "interval_config", "message", "content", "contact_ids", "metadata"];
        for column in needed {
            if unreadable.is_none() && row.get_ref(column)?.as_str_or_null().is_err() {
                let flaw = row.get::<_, Option<String>>(column).err();
                unreadable = flaw.map(|flaw| (column, flaw.to_string()));
            }
        }
        read! { row => Self {
            id, lossy title, text message, lossy content, channel_id, lossy channel_ids, lossy contact_ids,
            contact_count, seen_time scheduled_at, timetable: read_timetable(row)?, status, lossy sent_at,
            counts: read_message_counts(row)?, explanation error, lossy metadata, recipient_gap_hours, lossy created_by,
            text created_at, text updated_at, unreadable: unreadable,
        } }
    }

    /// The channels that share its recipients; just its channel when it has no several.
    pub(crate) fn channels(&self) -> Vec<i64> {
        self.several().unwrap_or_else(|| vec![self.channel_id])
    }

    /// The channels that share its recipients, each once; `None` when `channel_id` alone counts.
    pub(crate) fn several(&self) -> Option<Vec<i64>> {
        read_channels(self.channel_ids.as_deref()?)
    }

    /// What a person knows it by: its title, or how its text begins, on one line.
    pub(crate) fn label(&self) -> String {
        let title = self.title.as_deref().filter(|title| !title.trim().is_empty());
        let words = title.unwrap_or(&self.message).split_whitespace();
        let mut line = words.collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            // A picture needs no words.
            line = Content::read(self.content.as_deref()).unwrap_or_default().label();
        }
        if line.chars().count() <= LABEL_CHARS_MAX {
            return line;
        }
        line.chars().take(LABEL_CHARS_MAX - 1).chain(['…']).collect()
    }

    /// Whether it has a list of times, or days of the week.
    pub(crate) fn repeats(&self) -> bool {
        let Timetable { schedules, interval_config, .. } = &self.timetable;
        let is_long = |column: &Option<String>| {
            column.as_ref().is_some_and(|text| text.trim_matches(' ').chars().count() > 2)
        };
        is_long(schedules) || is_long(interval_config)
    }

    /// Whether it is scheduled, and the time is still to be worked out.
    pub(crate) fn is_untimed(&self) -> bool {
        self.status == MessageStatus::Scheduled && self.scheduled_at.is_none()
    }

    /// Why it cannot be sent as it is written.
    pub(crate) fn why_unreadable(&self) -> Option<Reason> {
        let (_, cause) = self.unreadable.as_ref()?;
        Some(Reason::RowUnreadable { cause: cause.clone() })
    }

    /// The same, of the columns that say when.
    pub(crate) fn why_rule_unreadable(&self) -> Option<Reason> {
        let (column, _) = self.unreadable.as_ref()?;
        if !matches!(*column, "schedules" | "interval_config") {
            return None;
        }
        self.why_unreadable()
    }

    /// Whether the same would be planned of it: other columns may have changed meanwhile.
    pub(crate) fn is_planned_like(&self, other: &Self) -> bool {
        let planned = |one: &Self| {
            let Self { id, scheduled_at, channel_id, .. } = *one;
            (id, scheduled_at, channel_id)
        };
        planned(self) == planned(other)
            && self.message == other.message
            && self.channel_ids == other.channel_ids
            && self.content == other.content
            && self.contact_ids == other.contact_ids
            && self.metadata == other.metadata
            && self.timetable == other.timetable
            && self.unreadable == other.unreadable
    }
}

impl Queued {
    fn from_row(row: &Row<'_>) -> SqlResult<Self> {
        read! { row => Self {
            id, channel_id, lossy channel_ids, recipients, due_at: row.get("scheduled_at")?, first_open,
        } }
    }

    /// What is planned has lower delivery ids than what is not.
    pub(crate) fn place(&self) -> (Timestamp, i64, i64) {
        (self.due_at, self.first_open.unwrap_or(i64::MAX), self.id)
    }

    /// As [`Message::channels`].
    pub(crate) fn channels(&self) -> Vec<i64> {
        let several = self.channel_ids.as_deref().and_then(read_channels);
        several.unwrap_or_else(|| vec![self.channel_id])
    }
}

/// The ids in `channel_ids`, each once. The table takes nothing else.
fn read_channels(column: &str) -> Option<Vec<i64>> {
    let mut ids: Vec<i64> = serde_json::from_str(column).ok()?;
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(*id));
    Some(ids).filter(|ids| !ids.is_empty())
}

/// The name of a file, as `content` reads it: what is no text is none.
fn file_name(row: &Row<'_>) -> SqlResult<Option<String>> {
    Ok(row.get_ref("name")?.as_str().ok().map(|name| name.trim().to_owned()))
}

pub(super) fn read_timetable(row: &Row<'_>) -> SqlResult<Timetable> {
    read! { row => Timetable {
        lossy schedules, lossy interval_config, lossy scheduled_local, lossy scheduled_zone,
        taken: Taken::read(lossy(row, "taken_local")?.as_deref(), lossy(row, "taken_rule")?),
    } }
}

pub(super) fn read_message_counts(row: &Row<'_>) -> SqlResult<Counts> {
    Ok(Counts {
        sent: row.get("sent_count")?,
        failed: row.get("failed_count")?,
        skipped: row.get("skipped_count")?,
        unknown: row.get("unknown_count")?,
        ..Counts::default()
    })
}

impl Tx<'_> {
    pub fn insert_message(
        &self,
        message: &Message,
        created_by: &str,
        now: Timestamp,
    ) -> SqlResult<i64> {
        let sql =
            "INSERT INTO auto_messages (title, message, content, channel_id, channel_ids, contact_ids, contact_count,
                       scheduled_at, scheduled_local, scheduled_zone, schedules, interval_config,
                       status, metadata, recipient_gap_hours, created_by, created_at, updated_at)
                   VALUES (:title, :message, :content, :channel_id, :channel_ids, :contact_ids, :contact_count,
                       :scheduled_at, :scheduled_local, :scheduled_zone, :schedules,
                       :interval_config, :status, :metadata, :recipient_gap_hours, :created_by, :now, :now)";
        let params = params! {
            created_by, now, message.{ title, message, channel_id, channel_ids, contact_ids },
            message.{ contact_count, content, scheduled_at, status, metadata, recipient_gap_hours },
            message.timetable.{ schedules, interval_config, scheduled_local, scheduled_zone },
        };
        self.insert_row(sql, params)
    }

    /// A message with the same text and recipients as message `id`, made shortly before it, since `since`.
    pub(crate) fn same_message_before(&self, id: i64, since: Timestamp) -> SqlResult<Option<i64>> {
        let sql = "SELECT b.id FROM auto_messages a
                   JOIN auto_messages b ON b.id < a.id AND b.id > a.id - 20
                   WHERE a.id = :id AND b.message = a.message AND b.content IS a.content
                       AND b.contact_ids IS a.contact_ids
                       AND b.channel_id = a.channel_id AND b.channel_ids IS a.channel_ids AND b.status <> 'cancelled'
                       AND b.created_at >= :since
                   ORDER BY b.id DESC LIMIT 1";
        self.query_maybe(sql, params! { id, since })
    }

    /// Writes what a person decided, when status and time are still those of `seen`. Returns whether they were.
    pub fn change_message(
        &self,
        seen: &Message,
        message: &Message,
        now: Timestamp,
    ) -> SqlResult<bool> {
        let sql = "UPDATE auto_messages SET title = :title, message = :message,
                       content = :content, channel_id = :channel_id, channel_ids = :channel_ids,
                       contact_ids = :contact_ids, contact_count = :contact_count, scheduled_at = :scheduled_at,
                       schedules = :schedules, interval_config = :interval_config,
                       metadata = :metadata, recipient_gap_hours = :recipient_gap_hours,
                       error = iif(status = :status, error, NULL),
                       error_code = iif(status = :status, error_code, NULL),
                       error_args = iif(status = :status, error_args, NULL), status = :status,
                       updated_at = :now
                   WHERE id = :id AND status = :seen_status AND scheduled_at IS :seen_at";
        let params = params! {
            now, seen.{ id }, message.{ title, message, channel_id, channel_ids, contact_ids },
            message.{ contact_count, content, scheduled_at, status, metadata, recipient_gap_hours },
            message.timetable.{ schedules, interval_config },
            ":seen_status": seen.status,
            ":seen_at": seen.scheduled_at,
        };
        let is_changed = self.change(sql, params)?;
        if is_changed {
            self.set_times(seen.id, message)?;
        }
        Ok(is_changed)
    }

    /// Gives all times of the present rule to the date that went out last.
    pub(crate) fn open_date_again(&self, id: i64) -> SqlResult<()> {
        let sql = "UPDATE auto_messages SET taken_rule = interval_config WHERE id = :id";
        self.execute_sql(sql, params! { id })
    }

    /// After a change of the rule: its trigger empties a time that stays the same.
    fn set_times(&self, id: i64, message: &Message) -> SqlResult<()> {
        let sql = "UPDATE auto_messages SET scheduled_at = :scheduled_at,
                       scheduled_local = :scheduled_local, scheduled_zone = :scheduled_zone
                   WHERE id = :id AND (scheduled_at IS NOT :scheduled_at
                       OR scheduled_local IS NOT :scheduled_local
                       OR scheduled_zone IS NOT :scheduled_zone)";
        let times = &message.timetable;
        let params =
            params! { id, message.{ scheduled_at }, times.{ scheduled_local, scheduled_zone } };
        self.execute_sql(sql, params)
    }

    /// Gives a message another status and time, when they are still those of `seen`. Returns whether
    /// they were. What follows for its deliveries, the table's triggers do.
    pub fn move_message(
        &self,
        seen: &Message,
        status: MessageStatus,
        scheduled_at: Option<Timestamp>,
        now: Timestamp,
    ) -> SqlResult<bool> {
        let sql = "UPDATE auto_messages SET status = :status, scheduled_at = :scheduled_at,
                       error = iif(:status = 'sending', NULL, error),
                       error_code = iif(:status = 'sending', NULL, error_code),
                       error_args = iif(:status = 'sending', NULL, error_args),
                       updated_at = :now
                   WHERE id = :id AND status = :seen_status AND scheduled_at IS :seen_at";
        let params = params! {
            status, scheduled_at, now, seen.{ id },
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
        self.execute_sql(sql, params! { id, ":first": self.first_of(id, due_at)?, due_at })?;
        self.set_counts(id, due_at, self.count_occurrence(id, due_at)?, false, now)
    }

    /// Deletes a message and its deliveries, when its status is still `status`. Returns whether it was.
    /// Fails while a request for it is in flight.
    pub fn delete_message(&self, id: i64, status: MessageStatus) -> SqlResult<bool> {
        let sql = "DELETE FROM auto_messages WHERE id = :id AND status = :status";
        self.change(sql, params! { id, status })
    }

    pub fn message(&self, id: i64) -> SqlResult<Option<Message>> {
        let sql = format!("SELECT {MESSAGE} FROM auto_messages WHERE id = :id");
        self.query_optional(&sql, params! { id }, Message::from_row)
    }

    /// The column `content` of a message; what is not UTF-8 is none.
    pub(crate) fn content_of_message(&self, id: i64) -> SqlResult<Option<String>> {
        let sql = "SELECT content FROM auto_messages WHERE id = :id";
        let read = |row: &Row<'_>| Ok(row.get_ref("content")?.as_str().ok().map(str::to_owned));
        Ok(self.query_optional(sql, params! { id }, read)?.flatten())
    }

    /// One of the messages that refer to a file, also with blanks around its name, which `content` passes over.
    pub fn message_with_file(&self, name: &str) -> SqlResult<Option<i64>> {
        let sql = "SELECT id FROM auto_messages WHERE content IS NOT NULL
                       AND json_extract(content, '$.file') >= :name
                       AND json_extract(content, '$.file') < :name || char(0x10FFFF)
                   UNION ALL SELECT id FROM auto_messages WHERE content IS NOT NULL
                       AND json_extract(content, '$.file') < '0'
                       AND instr(json_extract(content, '$.file'), :name) > 0
                   UNION ALL SELECT id FROM auto_messages WHERE content IS NOT NULL
                       AND json_extract(content, '$.file') > 'g'
                       AND instr(json_extract(content, '$.file'), :name) > 0
                   LIMIT 1";
        self.query_optional(sql, params! { name }, |row| row.get(0))
    }

    /// The files that messages refer to; none in a database of a version that knew none.
    pub fn files_of_messages(&self) -> SqlResult<Vec<String>> {
        let sql = "SELECT EXISTS (SELECT 1 FROM pragma_table_info('auto_messages')
                       WHERE name = 'content')";
        if !self.query_value::<bool>(sql, &[])? {
            return Ok(Vec::new());
        }
        let sql = "SELECT DISTINCT json_extract(content, '$.file') AS name FROM auto_messages
                   WHERE content IS NOT NULL AND json_extract(content, '$.file') IS NOT NULL";
        let names: BTreeSet<Option<String>> =
            self.query_rows(sql, &[], file_name)?.into_iter().collect();
        Ok(names.into_iter().flatten().collect())
    }

    /// How many messages that have not ended need WAHA Plus, by their file; none for what WAHA fetches.
    pub fn waiting_media(&self) -> SqlResult<Vec<(Option<String>, u64)>> {
        let sql = "SELECT json_extract(content, '$.file') AS name, count(*) AS messages
                   FROM auto_messages WHERE status IN ('scheduled', 'sending')
                       AND json_extract(content, '$.kind') IN ('image', 'file', 'video', 'voice')
                   GROUP BY name";
        self.query_rows(sql, &[], |row| Ok((file_name(row)?, row.get("messages")?)))
    }

    pub(crate) fn past(&self, id: i64) -> SqlResult<Past> {
        let sql = "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', created_at) AS since,
                       (SELECT max(due_at) FROM deliveries WHERE auto_message_id = :id AND due_at IS NOT
                           (SELECT due_at FROM plannings WHERE auto_message_id = :id)) AS latest_due_at,
                       (SELECT max(due_at) FROM deliveries WHERE auto_message_id = :id AND due_at IS NOT
                           (SELECT due_at FROM plannings WHERE auto_message_id = :id)
                           AND retry_of IS NULL) AS latest_planned_at
                   FROM auto_messages WHERE id = :id";
        let read =
            |row: &Row<'_>| read! { row => Past { since, latest_due_at, latest_planned_at } };
        self.query_one(sql, params! { id }, read)
    }

    /// The messages that a filter lets through, the newest first.
    pub fn messages(&self, filter: &MessageFilter) -> SqlResult<Vec<Message>> {
        // The statement differs, not only its values: else no index could be chosen.
        let by_status =
            if filter.status.is_some() { "status = :status" } else { ":status IS NULL" };
        let sql = format!(
            "SELECT {MESSAGE} FROM auto_messages
             WHERE {by_status}
                 AND (:search IS NULL OR instr(lower(coalesce(title, '') || char(10) || message), lower(:search)) > 0)
             ORDER BY id DESC LIMIT :limit"
        );
        let params = params! {
            filter.{ status, search },
            ":limit": filter.limit.map_or(-1, i64::from),
        };
        self.query_rows(&sql, params, Message::from_row)
    }

    /// At most `limit` messages that are `wanted`, the newest first; with the whole text, or as lists show it.
    pub(crate) fn page_of_messages(
        &self,
        wanted: &Wanted,
        from: PageFrom,
        limit: u32,
        has_text: bool,
    ) -> SqlResult<Vec<Message>> {
        let ((above, below), order) = (from.bounds(), from.order());
        // The statement differs, not only its values: else no index could be chosen. INDEXED BY: with
        // statistics, the few that failed would be looked for among all that were sent.
        let by_status = if wanted.status.is_some() {
            "INDEXED BY idx_auto_messages_status WHERE status = :status"
        } else {
            "WHERE :status IS NULL"
        };
        let sql = format!(
            "SELECT {} FROM auto_messages {by_status} AND id > :above AND id < :below
                 AND (:channel_id IS NULL OR channel_id = :channel_id
                     OR instr(',' || trim(replace(channel_ids, ' ', ''), '[]') || ',', ',' || :channel_id || ',') > 0)
                 AND (:from IS NULL OR scheduled_at >= :from)
                 AND (:until IS NULL OR scheduled_at < :until)
                 AND (:search IS NULL OR title LIKE :search ESCAPE '\\' OR message LIKE :search ESCAPE '\\')
                 AND (:path IS NULL OR iif(json_valid(metadata),
                     CAST(metadata ->> :path AS TEXT) = :value, 0))
             ORDER BY id {order} LIMIT :limit",
            if has_text { WITH_TEXT } else { LISTED },
        );
        let metadata = wanted.metadata.as_ref();
        let params = params! {
            below, limit, wanted.{ status, channel_id, from, until },
            ":above": wanted.above.map_or(above, |least| least.max(above)),
            ":search": wanted.search.as_deref().map(containing),
            ":path": metadata.map(|(path, _)| path),
            ":value": metadata.map(|(_, value)| value),
        };
        Ok(from.newest_first(self.query_rows(&sql, params, Message::from_row)?))
    }

    /// The highest id of a message; 0 when there is none.
    pub(crate) fn newest_message_id(&self) -> SqlResult<i64> {
        let sql = "SELECT id FROM auto_messages WHERE id < :all ORDER BY id DESC LIMIT 1";
        Ok(self.query_maybe(sql, params! { ":all": i64::MAX })?.unwrap_or(0))
    }

    /// How many recipients of a message stand as expired, in its latest occurrence with its retries.
    pub(crate) fn count_expired(&self, id: i64) -> SqlResult<u64> {
        let sql = "SELECT max(due_at) FROM deliveries
                   WHERE auto_message_id = :id AND status = 'expired'";
        // Nearly always there is none, and nothing is counted.
        let last: Option<Timestamp> = self.query_value(sql, params! { id })?;
        if last.is_none() {
            return Ok(0);
        }
        let Some((latest, _)) = self.occurrence_times(id, 1)?.first().copied() else {
            return Ok(0);
        };
        Ok(self.count_occurrence(id, latest)?.expired)
    }

    /// At most `limit` messages of a status that have a time, the earliest first.
    pub(crate) fn messages_by_time(
        &self,
        status: MessageStatus,
        limit: u32,
    ) -> SqlResult<Vec<Message>> {
        let sql = format!(
            "SELECT {LISTED} FROM auto_messages
             WHERE status = :status AND scheduled_at IS NOT NULL
             ORDER BY scheduled_at, id LIMIT :limit"
        );
        self.query_rows(&sql, params! { status, limit }, Message::from_row)
    }

    /// The scheduled message whose time comes first; one that is overdue too.
    pub fn next_due(&self) -> SqlResult<Option<Message>> {
        Ok(self.messages_by_time(MessageStatus::Scheduled, 1)?.pop())
    }

    pub fn count_messages(&self, status: MessageStatus) -> SqlResult<u64> {
        let sql = "SELECT count(*) FROM auto_messages WHERE status = :status";
        self.query_value(sql, params! { status })
    }

    /// How many messages are due at `now` or on their way.
    pub fn count_due(&self, now: Timestamp) -> SqlResult<u64> {
        let sql = "SELECT (SELECT count(*) FROM auto_messages
                       WHERE status = 'scheduled' AND scheduled_at <= :now)
                   + (SELECT count(*) FROM auto_messages WHERE status = 'sending')";
        self.query_value(sql, params! { now })
    }

    /// Since when the message that waits longest for being planned is due.
    pub fn oldest_unplanned(&self, now: Timestamp) -> SqlResult<Option<Timestamp>> {
        let sql = "SELECT scheduled_at FROM auto_messages
                   WHERE status = 'scheduled' AND scheduled_at <= :now
                   ORDER BY scheduled_at LIMIT 1";
        self.query_maybe(sql, params! { now })
    }

    /// The ids of at most `limit` messages that are scheduled without a time.
    pub(crate) fn untimed_message_ids(&self, limit: u32) -> SqlResult<Vec<i64>> {
        let sql = "SELECT id FROM auto_messages
                   WHERE status = 'scheduled' AND scheduled_at IS NULL LIMIT :limit";
        self.query_values(sql, params! { limit })
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
        self.query_values(&sql, params! { limit, ":zone": zone.name() })
    }

    /// At most `limit` scheduled messages that are due from `from` until before `until`, by their time.
    pub(crate) fn due_between(
        &self,
        from: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> SqlResult<Vec<Queued>> {
        let sql = format!(
            "{QUEUED_SCHEDULED} AND scheduled_at >= :from AND scheduled_at < :until
             ORDER BY scheduled_at, id LIMIT :limit"
        );
        self.query_rows(&sql, params! { from, until, limit }, Queued::from_row)
    }

    /// At most `limit` messages on their way, or scheduled for `until` at the latest, by their time.
    pub(crate) fn queued_messages(&self, until: Timestamp, limit: u64) -> SqlResult<Vec<Queued>> {
        let sql = format!(
            "{QUEUED_SCHEDULED} AND scheduled_at <= :until
             UNION ALL {QUEUED_SENDING} AND scheduled_at IS NOT NULL
             ORDER BY scheduled_at, id LIMIT :limit"
        );
        let params = params! { until, ":limit": i64::try_from(limit).unwrap_or(i64::MAX) };
        self.query_rows(&sql, params, Queued::from_row)
    }

    /// Those that are due after `from` and until `until`, or on their way after `from`, and those due until `from` that
    /// were made after the message `newest`; in no order.
    pub(crate) fn queued_messages_since(
        &self,
        (from, newest): (Timestamp, i64),
        until: Timestamp,
    ) -> SqlResult<Vec<Queued>> {
        let sql = format!(
            "{QUEUED_SCHEDULED} AND scheduled_at > :from AND scheduled_at <= :until
             UNION ALL {QUEUED_SENDING} AND scheduled_at > :from
             UNION ALL {QUEUED_SCHEDULED} AND +scheduled_at <= :from AND id > :newest
             UNION ALL {QUEUED_SENDING} AND +scheduled_at <= :from AND id > :newest"
        );
        self.query_rows(&sql, params! { from, newest, until }, Queued::from_row)
    }

    /// How many messages [`Self::queued_messages`] would give without a limit.
    pub(crate) fn count_queued(&self, until: Timestamp) -> SqlResult<u64> {
        let sql = "SELECT (SELECT count(*) FROM auto_messages
                       WHERE status = 'scheduled' AND scheduled_at <= :until)
                   + (SELECT count(*) FROM auto_messages
                       WHERE status = 'sending' AND scheduled_at IS NOT NULL)";
        self.query_value(sql, params! { until })
    }

    /// To how many people messages go that are due until then or on their way; with a channel to how many by this one, and
    /// then `limit` when several channels share any of them, or nobody counted one. From `limit` on it need not be all.
    pub(crate) fn recipients_until(
        &self,
        until: Timestamp,
        channel: Option<i64>,
        limit: u64,
    ) -> SqlResult<u64> {
        // CROSS: from the messages to their deliveries, whatever statistics say.
        let sql = "SELECT (SELECT coalesce(sum(recipients), 0) FROM
                       (SELECT iif(:channel IS NULL OR channel_ids IS NULL AND contact_count > 0,
                                min(max(contact_count, 1), :limit), :limit) AS recipients
                        FROM auto_messages
                        WHERE status = 'scheduled' AND scheduled_at <= :until
                            AND (:channel IS NULL OR channel_id = :channel OR channel_ids IS NOT NULL) LIMIT :limit))
                   + (SELECT count(*) FROM
                       (SELECT 1 FROM auto_messages m
                        CROSS JOIN deliveries d ON d.auto_message_id = m.id AND d.due_at = m.scheduled_at
                            AND d.status IN ('pending', 'sending')
                        WHERE m.status = 'sending' LIMIT :limit))";
        self.query_value(sql, params! { until, channel, limit })
    }

    /// The zone of a message's local times: its rule's own, else `zone`.
    pub(crate) fn rule_zone(&self, id: i64, zone: &Zone) -> SqlResult<Zone> {
        let sql = format!("SELECT {TIMETABLE} FROM auto_messages WHERE id = :id");
        let timetable = self.query_optional(&sql, params! { id }, read_timetable)?;
        Ok(timetable.map_or_else(|| zone.clone(), |timetable| timetable.zone_of(zone)))
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
        let own = self.rule_zone(id, zone)?;
        let params = params! {
            id, scheduled_at, now,
            ":local": local_text(scheduled_at, &own),
            ":zone": zone.name(),
        };
        self.execute_sql(sql, params)
    }

    /// Empties the time of a scheduled message whose rule was edited when it had ended.
    pub(crate) fn clear_scheduled_at(&self, id: i64) -> SqlResult<()> {
        let sql = "UPDATE auto_messages SET scheduled_at = NULL, scheduled_zone = NULL,
                       scheduled_local = strftime('%Y-%m-%dT%H:%M:%SZ', updated_at)
                   WHERE id = :id AND status = 'scheduled'";
        self.execute_sql(sql, params! { id })
    }

    /// Notes that somebody has looked at a message's time: it is right in the zone of this name, or
    /// (empty) it does not come from a rule.
    pub(crate) fn set_scheduled_zone(&self, id: i64, zone: &str, now: Timestamp) -> SqlResult<()> {
        let sql = "UPDATE auto_messages SET scheduled_zone = :zone, updated_at = :now
                   WHERE id = :id AND status = 'scheduled'";
        self.execute_sql(sql, params! { id, zone, now })
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
            let at = seen_time(row, "taken_local")?;
            let is_under_way = row.get::<_, MessageStatus>("status")? == MessageStatus::Sending
                && at == seen_time(row, "scheduled_at")?;
            let timetable = read_timetable(row)?;
            let is_from_rule = is_under_way && at.is_some_and(|at| timetable.has(at, zone));
            let local = at.map(|at| local_text(at, &timetable.zone_of(zone)));
            Ok((row.get::<_, i64>("id")?, local, is_from_rule))
        };
        let taken = self.query_rows(&sql, &[], read)?;
        let sql = "UPDATE auto_messages SET taken_local = :local,
                       scheduled_local = iif(:is_from_rule, :local, scheduled_local),
                       scheduled_zone = iif(:is_from_rule, :zone, scheduled_zone), updated_at = :now
                   WHERE id = :id";
        for (id, local, is_from_rule) in taken {
            self.change_rows(sql, params! { id, local, is_from_rule, now, ":zone": zone.name() })?;
        }
        Ok(())
    }

    /// Ends a scheduled message whose rule has nothing left: as its latest occurrence ended, and when
    /// nothing is known of that any more, by its counts. What is still under way settles it later. Dates
    /// that passed before they were written get no message: `error` says so, also of one that was sent, with
    /// `over`, why nothing is left.
    pub(crate) fn end_message(
        &self,
        id: i64,
        latest_due_at: Option<Timestamp>,
        over: &Reason,
        now: Timestamp,
    ) -> SqlResult<()> {
        let (status, error) = match latest_due_at {
            None => (None, over.clone()),
            Some(due_at) if self.has_open_deliveries(id, due_at)? => {
                (Some(MessageStatus::Sending), over.clone())
            }
            Some(due_at) => {
                let verdict = self.count_occurrence(id, due_at)?.verdict();
                (Some(verdict.status()), verdict.error().unwrap_or(over).clone())
            }
        };
        let sql = "UPDATE auto_messages SET scheduled_at = :due_at, scheduled_local = NULL,
                       scheduled_zone = NULL, updated_at = :now,
                       status = coalesce(:status, iif(sent_at IS NULL, 'failed', 'sent')),
                       (error, error_code, error_args) = (SELECT :error, :code, :args
                           WHERE coalesce(:status, iif(sent_at IS NULL, 'failed', 'sent')) = 'failed'
                           UNION ALL SELECT :over, :over_code, NULL
                           WHERE :status IS NOT 'sending'
                               AND (schedules GLOB '*[0-9]*' OR :over_code = 'schedule_off') LIMIT 1)
                   WHERE id = :id AND status = 'scheduled'";
        let params = params! {
            id, status, over, now,
            ":due_at": latest_due_at,
            ":over_code": over.code(),
            why(&error),
        };
        self.execute_sql(sql, params)
    }
}
