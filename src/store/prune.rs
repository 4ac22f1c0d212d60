//! Finding what is old and removing it in small pieces, while a sender goes on beside it.
//!
//! What may go is decided here, in SQL, from the rows as they are in the transaction that removes
//! them. Two rules keep every promise whatever is removed, and whenever it is cut off:
//!
//! * Of a message, the earliest occurrence goes first, and the latest one goes only with the message
//!   itself: a retry, which looks at the latest, never sees an earlier one in its place.
//! * What is due at the message's present time, or later, stays: it is what keeps it from being
//!   planned again. What is due earlier is too late to be sent, also by the mark `pruned_before`.

use rusqlite::Row;

use super::{SqlResult, Tx, params};
use crate::clock::Timestamp;
use crate::text_enum::text_enum;

const MARK: &str = "pruned_before";

/// A delivery that nobody needs when its occurrence is old: it ended before `:cut`, and no look-up
/// of it is planned. (Who sets a status by hand leaves `finished_at` empty.)
const IS_OVER: &str = "(status NOT IN ('pending', 'sending')
    AND coalesce(finished_at, '') < :cut
    AND NOT (status = 'unknown' AND next_attempt_at IS NOT NULL))";

/// What of a message is old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Old {
    pub(crate) id: i64,
    status: String,
    /// Its time, as it was seen.
    scheduled_at: Option<String>,
    /// All occurrences until this one go; none when there is none.
    last: Option<String>,
    /// Whether the message goes as well.
    pub(crate) is_whole: bool,
    pub(crate) counted: Counted,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    pub messages: u64,
    pub deliveries: u64,
    /// Those of them of which nobody knows whether they went out.
    pub unknown: u64,
}

impl Counted {
    pub(crate) fn add(&mut self, more: Self) {
        self.messages += more.messages;
        self.deliveries += more.deliveries;
        self.unknown += more.unknown;
    }
}

text_enum! {
    /// Tables of which rows go by their age alone.
    pub enum Side {
        /// Those that ended; the newest row stays.
        Runs = "runs",
        Alerts = "alerts",
        /// Those that were told or given up.
        Callbacks = "callbacks",
        /// Events of WAHA that nothing can repeat any more.
        WebhookEvents = "webhook_events",
        /// What sessions last said of themselves.
        WebhookSessions = "webhook_sessions",
        PanelSessions = "panel_sessions",
        /// Files that waited for a yes in the panel.
        PanelUploads = "panel_uploads",
        /// Contacts whose removal could be undone.
        PanelRemoved = "panel_removed",
        Acts = "acts",
        ChannelDays = "channel_days",
    }
}

impl Side {
    /// Which rows are old, by their key.
    fn old(self) -> String {
        let (key, old) = match self {
            // They are made in the order of time: only the first ones are looked at, so that a table of new
            // ones is not read through.
            Self::Runs => {
                return "id IN (SELECT id FROM (SELECT id, started_at, finished_at FROM runs ORDER BY id LIMIT :rows)
                    WHERE started_at < :cut AND finished_at IS NOT NULL)
                 AND id < (SELECT max(id) FROM runs)"
                    .to_owned();
            }
            Self::Alerts => ("id", "is_over = 1 AND created_at < :cut"),
            Self::Callbacks => ("id", "status <> 'waiting' AND created_at < :cut"),
            Self::WebhookEvents => ("id", "received_at < :cut"),
            Self::WebhookSessions => ("session_name", "received_at < :cut"),
            Self::PanelSessions => ("id_hash", "seen_at < :cut"),
            Self::PanelUploads => ("id_hash", "uploaded_at < :cut"),
            Self::PanelRemoved => ("batch, id", "removed_at < :cut"),
            Self::Acts => ("id", "at < :cut"),
            // A day begins up to a day earlier or later in local time than in UTC.
            Self::ChannelDays => {
                return "(channel_id, day) IN (SELECT d.channel_id, d.day FROM channels c
                    CROSS JOIN channel_days d ON d.channel_id = c.id
                        AND d.day < date(:cut, '-1 day') LIMIT :rows)"
                    .to_owned();
            }
        };
        format!("({key}) IN (SELECT {key} FROM {self} WHERE {old} LIMIT :rows)")
    }
}

impl Tx<'_> {
    /// Notes, with what is removed, that what was due before `cut` may be gone. The mark only grows.
    pub(crate) fn note_pruned_before(&self, cut: Timestamp) -> SqlResult<()> {
        if self.pruned_before()?.is_some_and(|at| at.secs() >= cut.secs()) {
            return Ok(());
        }
        self.set_meta(MARK, &cut.to_string())
    }

    /// Before which time deliveries may have been removed; `None` when none ever were.
    pub(crate) fn pruned_before(&self) -> SqlResult<Option<Timestamp>> {
        self.meta_time(MARK)
    }

    /// At most `limit` messages of one status whose id is greater than `after`, by id, each with whether
    /// it may have something old: indexes alone answer that.
    pub(crate) fn look_for_old(
        &self,
        status: &str,
        after: i64,
        cut: Timestamp,
        limit: u32,
    ) -> SqlResult<Vec<(i64, bool)>> {
        let sql = "SELECT m.id, coalesce(
                       (SELECT min(d.due_at) FROM deliveries d WHERE d.auto_message_id = m.id) < :cut,
                       m.status IN ('sent', 'failed', 'cancelled'))
                   FROM auto_messages m INDEXED BY idx_auto_messages_status
                   WHERE m.status = :status AND m.id > :after ORDER BY m.id LIMIT :limit";
        let params = params! { status, after, cut, limit };
        self.query_rows(sql, params, |row| Ok((row.get(0)?, row.get(1)?)))
    }

    pub(crate) fn what_is_old(&self, id: i64, cut: Timestamp) -> SqlResult<Option<Old>> {
        let sql = "SELECT status, scheduled_at,
                       status IN ('sent', 'failed', 'cancelled')
                           AND max(coalesce(scheduled_at, ''), coalesce(sent_at, ''), created_at,
                               updated_at) < :cut AS is_over,
                       (SELECT max(due_at) FROM deliveries WHERE auto_message_id = :id) AS latest
                   FROM auto_messages WHERE id = :id";
        let params = params! { id, cut };
        let read = |row: &Row<'_>| {
            let latest: Option<String> = row.get("latest")?;
            let old = Old {
                id,
                status: row.get("status")?,
                scheduled_at: row.get("scheduled_at")?,
                last: None,
                is_whole: row.get("is_over")?,
                counted: Counted::default(),
            };
            Ok((old, latest))
        };
        let Some((mut old, latest)) = self.query_optional(sql, params, read)? else {
            return Ok(None);
        };
        old.is_whole &= latest.as_ref().is_none_or(|latest| *latest < cut.to_string());
        let occurrences = self.old_occurrences(id, cut)?;
        old.is_whole &= occurrences.iter().all(|(_, _, stay)| *stay == 0);
        let keeps = |due_at: &String| {
            latest.as_ref().is_some_and(|latest| due_at >= latest)
                || old.scheduled_at.as_ref().is_some_and(|at| due_at >= at)
        };
        for (due_at, counted, stay) in occurrences {
            if stay > 0 || !old.is_whole && keeps(&due_at) {
                break;
            }
            old.counted.add(counted);
            old.last = Some(due_at);
        }
        old.counted.messages = u64::from(old.is_whole);
        Ok((old.is_whole || old.last.is_some()).then_some(old))
    }

    /// The occurrences before `cut`, the earliest first, each with its deliveries and how many must stay.
    fn old_occurrences(&self, id: i64, cut: Timestamp) -> SqlResult<Vec<(String, Counted, u64)>> {
        let sql = format!(
            "SELECT due_at, count(*) AS rows, count(*) FILTER (WHERE status = 'unknown') AS unknown,
                 count(*) FILTER (WHERE NOT {IS_OVER}) AS stay
             FROM deliveries WHERE auto_message_id = :id AND due_at < :cut
             GROUP BY due_at ORDER BY due_at"
        );
        self.query_rows(&sql, params! { id, cut }, |row| {
            let (deliveries, unknown) = (row.get("rows")?, row.get("unknown")?);
            Ok((row.get("due_at")?, Counted { messages: 0, deliveries, unknown }, row.get("stay")?))
        })
    }

    /// Removes at most `rows` of the deliveries of `old`, when its message is still as it was seen.
    /// Returns how many went; fewer than `rows` when all are gone.
    pub(crate) fn remove_deliveries(
        &self,
        old: &Old,
        cut: Timestamp,
        rows: u64,
    ) -> SqlResult<Counted> {
        let Some(last) = &old.last else { return Ok(Counted::default()) };
        let sql = format!(
            "DELETE FROM deliveries
             WHERE id IN (SELECT id FROM deliveries
                     WHERE auto_message_id = :id AND due_at <= :last AND due_at < :cut AND {IS_OVER}
                     ORDER BY due_at, chat_id LIMIT :rows)
                 AND EXISTS (SELECT 1 FROM auto_messages
                     WHERE id = :id AND status = :status AND scheduled_at IS :scheduled_at)
             RETURNING status = 'unknown' AS is_unknown"
        );
        let params = params! { last, cut, rows, old.{ id, status, scheduled_at } };
        let mut counted = Counted::default();
        self.each_row(&sql, params, &mut |row| {
            counted.deliveries += 1;
            counted.unknown += u64::from(row.get::<_, bool>("is_unknown")?);
            Ok(true)
        })?;
        Ok(counted)
    }

    /// Removes the message of `old`, when it is as it was seen and has no delivery. Returns whether it went.
    pub(crate) fn remove_message(&self, old: &Old) -> SqlResult<bool> {
        let sql = "DELETE FROM auto_messages
                   WHERE id = :id AND status = :status AND status IN ('sent', 'failed', 'cancelled')
                       AND scheduled_at IS :scheduled_at
                       AND NOT EXISTS (SELECT 1 FROM deliveries WHERE auto_message_id = :id)";
        self.change(sql, params! { old.{ id, status, scheduled_at } })
    }

    /// Removes at most `rows` rows of a table that are from before `cut`. Returns how many went.
    pub(crate) fn remove_old(&self, side: Side, cut: Timestamp, rows: u64) -> SqlResult<u64> {
        let sql = format!("DELETE FROM {} WHERE {}", side, side.old());
        Ok(u64::try_from(self.change_rows(&sql, params! { cut, rows })?).unwrap_or(u64::MAX))
    }

    /// How many rows of a table are from before `cut`.
    pub(crate) fn count_old(&self, side: Side, cut: Timestamp) -> SqlResult<u64> {
        let sql = format!("SELECT count(*) FROM {} WHERE {}", side, side.old());
        self.query_value(&sql, params! { cut, ":rows": i64::MAX })
    }

    /// Whether a message with this id was there once: ids are never given again.
    pub fn had_message(&self, id: i64) -> SqlResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_sequence
                       WHERE name = 'auto_messages' AND :id BETWEEN 1 AND seq)";
        self.query_value(sql, params! { id })
    }
}
