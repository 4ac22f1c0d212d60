//! What became of deliveries over a stretch of time, one by one, and how many messages came back.

use super::{SqlResult, Tx, params};
use crate::clock::Timestamp;
use crate::delivery::Status;
use crate::send_window::Day;

/// A delivery that came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndedOne {
    pub(crate) at: Timestamp,
    pub(crate) status: Status,
    pub(crate) ack: i64,
    pub(crate) channel_id: i64,
    pub(crate) contact_id: Option<i64>,
}

impl Tx<'_> {
    /// Calls `visit` with each delivery that ended from `from` until before `until`, in the order of
    /// time: read in the index alone.
    pub(crate) fn each_ended(
        &self,
        from: Timestamp,
        until: Timestamp,
        mut visit: impl FnMut(EndedOne),
    ) -> SqlResult<()> {
        let sql = "SELECT finished_at, status, ack, channel_id, contact_id
                   FROM deliveries INDEXED BY idx_deliveries_finished_at
                   WHERE finished_at >= :from AND finished_at < :until ORDER BY finished_at";
        self.each_row(sql, params! { from, until }, |row| {
            visit(EndedOne {
                at: row.get("finished_at")?,
                status: row.get("status")?,
                ack: row.get::<_, Option<i64>>("ack")?.unwrap_or_default(),
                channel_id: row.get("channel_id")?,
                contact_id: row.get("contact_id")?,
            });
            Ok(true)
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
        let params = params! {
            channel_id, ":first": first.to_string(), ":last": last.to_string(),
        };
        self.query_rows(sql, params, |row| Ok((row.get("day")?, row.get("received")?)))
    }

    /// The contacts that have a tag: `has` says so of the column.
    pub(crate) fn contacts_with(&self, has: impl Fn(&str) -> bool) -> SqlResult<Vec<i64>> {
        let sql = "SELECT id, tags FROM contacts INDEXED BY idx_contacts_tags WHERE tags <> '[]'";
        let mut ids = Vec::new();
        self.each_row(sql, [], |row| {
            if row.get_ref("tags")?.as_str().is_ok_and(&has) {
                ids.push(row.get("id")?);
            }
            Ok(true)
        })?;
        Ok(ids)
    }
}
