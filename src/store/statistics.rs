//! What became of deliveries over a stretch of time, one by one, and how many messages came back.

use rusqlite::Row;

use super::{SqlResult, Tx, params};
use crate::clock::Timestamp;
use crate::delivery::Status;
use crate::send_window::Day;

/// A delivery that came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndedOne {
    pub(crate) status: Status,
    pub(crate) ack: i64,
    pub(crate) channel_id: i64,
    pub(crate) contact_id: Option<i64>,
}

impl Tx<'_> {
    /// Calls `visit` with each delivery that ended in one of the days, and which of them, in the order of
    /// time. `starts` are when the days begin, and when the last one is over. It is read in the index
    /// alone, and times are compared as text, as SQLite does: there are many.
    pub(crate) fn each_ended(
        &self,
        starts: &[Timestamp],
        mut visit: impl FnMut(usize, EndedOne),
    ) -> SqlResult<()> {
        let sql = "SELECT finished_at, status, ack, channel_id, contact_id
                   FROM deliveries INDEXED BY idx_deliveries_finished_at
                   WHERE finished_at >= :from AND finished_at < :until ORDER BY finished_at";
        self.each_ended_by(sql, starts, |day, ended, row| {
            visit(day, EndedOne { contact_id: row.get(4)?, ..ended });
            Ok(())
        })
    }

    /// The same of those that go to a number that was typed: with the chat.
    pub(crate) fn each_typed_ended(
        &self,
        starts: &[Timestamp],
        mut visit: impl FnMut(usize, EndedOne, &str) -> SqlResult<()>,
    ) -> SqlResult<()> {
        let sql = "SELECT finished_at, status, ack, channel_id, chat_id
                   FROM deliveries INDEXED BY idx_deliveries_finished_at
                   WHERE finished_at >= :from AND finished_at < :until AND contact_id IS NULL
                   ORDER BY finished_at";
        self.each_ended_by(sql, starts, |day, ended, row| {
            visit(day, ended, row.get_ref(4)?.as_str().unwrap_or_default())
        })
    }

    fn each_ended_by(
        &self,
        sql: &str,
        starts: &[Timestamp],
        mut visit: impl FnMut(usize, EndedOne, &Row<'_>) -> SqlResult<()>,
    ) -> SqlResult<()> {
        let [from, .., until] = starts else { return Ok(()) };
        let starts: Vec<String> = starts.iter().map(ToString::to_string).collect();
        let mut day = 0;
        self.each_row(sql, params! { from, until }, &mut |row| {
            let at = row.get_ref(0)?.as_str().unwrap_or_default();
            while day + 2 < starts.len() && at >= starts[day + 1].as_str() {
                day += 1;
            }
            let ended = EndedOne {
                status: row.get(1)?,
                ack: row.get::<_, Option<i64>>(2)?.unwrap_or_default(),
                channel_id: row.get(3)?,
                contact_id: None,
            };
            visit(day, ended, row).map(|()| true)
        })
    }

    /// How many messages people wrote to a channel, by day, from `first` to `last`.
    pub(crate) fn received_on(
        &self,
        channel_id: i64,
        first: Day,
        last: Day,
    ) -> SqlResult<Vec<(String, u64)>> {
        let sql = "SELECT day, received FROM channel_days
                   WHERE channel_id = :channel_id AND day >= :first AND day <= :last";
        let params = params! { channel_id, ":first": first.to_string(), ":last": last.to_string() };
        self.query_rows(sql, params, |row| Ok((row.get("day")?, row.get("received")?)))
    }

    /// The contacts that have a tag: `has` says so of the column.
    pub(crate) fn contacts_with(&self, has: impl Fn(&str) -> bool) -> SqlResult<Vec<i64>> {
        let sql = "SELECT id, tags FROM contacts INDEXED BY idx_contacts_tags WHERE tags <> '[]'";
        let mut ids = Vec::new();
        // The index has the same tags one after the other.
        let (mut last, mut has_last) = (String::new(), false);
        self.each_row(sql, &[], &mut |row| {
            let tags = row.get_ref(1)?.as_str().unwrap_or_default();
            if tags != last {
                tags.clone_into(&mut last);
                has_last = has(tags);
            }
            if has_last {
                ids.push(row.get(0)?);
            }
            Ok(true)
        })?;
        Ok(ids)
    }
}
