//! Figures for monitors and screens. Each statement is bounded by an index or by the number of
//! channels: they are asked every few seconds, beside millions of deliveries.

use super::channels::COLUMNS;
use super::{Channel, SqlResult, Tx, params, read};
use crate::clock::Timestamp;

/// How many rows of a kind have a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusCount {
    pub(crate) counted: String,
    pub(crate) status: String,
    pub(crate) number: i64,
}

impl Tx<'_> {
    /// How many messages and deliveries have which status; those that nobody has are there with 0.
    pub fn status_counts(&self) -> SqlResult<Vec<StatusCount>> {
        let sql = "SELECT counted, status, number FROM status_counts ORDER BY counted, status";
        self.query_rows(sql, [], |row| read! { row => StatusCount { counted, status, number } })
    }

    /// Every channel, with how many deliveries wait for it.
    pub fn channels_with_pending(&self) -> SqlResult<Vec<(Channel, u64)>> {
        let sql = format!(
            "SELECT {COLUMNS}, (SELECT count(*) FROM deliveries d
                 WHERE d.channel_id = c.id AND d.status = 'pending') AS pending
             FROM channels c ORDER BY c.id"
        );
        self.query_rows(&sql, [], |row| Ok((Channel::from_row(row)?, row.get("pending")?)))
    }

    /// The held channels for which deliveries wait, each with how many, and whether no `run` has told
    /// of the hold yet.
    pub fn holds(&self) -> SqlResult<Vec<(Channel, u64, bool)>> {
        let untold =
            "SELECT id FROM channels WHERE held_reason IS NOT NULL AND hold_told_at IS NULL";
        let untold = self.query_values(untold, [])?;
        let held = self.channels_with_pending()?.into_iter();
        let held = held.filter(|(channel, pending)| channel.held.is_some() && *pending > 0);
        Ok(held
            .map(|(channel, pending)| {
                let is_untold = untold.contains(&channel.id);
                (channel, pending, is_untold)
            })
            .collect())
    }

    /// Notes that a `run` told of a hold.
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
