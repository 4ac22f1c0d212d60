//! The table `plannings`: messages whose deliveries are not all there yet.

use rusqlite::{OptionalExtension, named_params};

use super::{DataVersion, SqlResult, Tx, timestamp};
use crate::clock::Timestamp;

impl Tx<'_> {
    /// This moment in the life of the database: another connection has written since, or not.
    pub(crate) fn data_version(&self) -> SqlResult<DataVersion> {
        self.prepare("PRAGMA data_version")?.query_row([], |row| row.get(0)).map(DataVersion)
    }

    /// The occurrence of a message whose planning was begun and not ended.
    pub(crate) fn begun_planning(&self, auto_message_id: i64) -> SqlResult<Option<Timestamp>> {
        let sql = "SELECT due_at FROM plannings WHERE auto_message_id = :id";
        self.prepare(sql)?
            .query_row(named_params! { ":id": auto_message_id }, |row| timestamp(row, "due_at"))
            .optional()
    }

    /// Notes that the planning of an occurrence has begun.
    pub(crate) fn begin_planning(&self, auto_message_id: i64, due_at: Timestamp) -> SqlResult<()> {
        let sql =
            "INSERT OR REPLACE INTO plannings (auto_message_id, due_at) VALUES (:id, :due_at)";
        let params = named_params! { ":id": auto_message_id, ":due_at": due_at.to_string() };
        self.prepare(sql)?.execute(params).map(drop)
    }

    /// Notes that the planning of a message has ended, or is given up.
    pub(crate) fn end_planning(&self, auto_message_id: i64) -> SqlResult<()> {
        let sql = "DELETE FROM plannings WHERE auto_message_id = :id";
        self.prepare(sql)?.execute(named_params! { ":id": auto_message_id }).map(drop)
    }

    /// Removes at most `limit` deliveries that a planning which was cut off has left, none of which was
    /// ever claimed. Returns how many.
    pub(crate) fn remove_unplanned(
        &self,
        auto_message_id: i64,
        due_at: Timestamp,
        limit: usize,
    ) -> SqlResult<usize> {
        let sql = "DELETE FROM deliveries WHERE id IN
                       (SELECT id FROM deliveries
                           WHERE auto_message_id = :id AND due_at = :due_at AND attempts = 0
                               AND claimed_at IS NULL
                               AND status IN ('pending', 'skipped', 'expired', 'cancelled')
                           LIMIT :limit)";
        self.prepare(sql)?.execute(named_params! {
            ":id": auto_message_id,
            ":due_at": due_at.to_string(),
            ":limit": i64::try_from(limit).unwrap_or(i64::MAX),
        })
    }
}
