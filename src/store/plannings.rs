//! The table `plannings`: messages whose deliveries are not all there yet.

use rusqlite::named_params;

use super::{DataVersion, SqlResult, Tx};
use crate::clock::Timestamp;

impl Tx<'_> {
    /// This moment in the life of the database: another connection has written since, or not.
    pub(crate) fn data_version(&self) -> SqlResult<DataVersion> {
        self.query_value("PRAGMA data_version", []).map(DataVersion)
    }

    /// The occurrence of a message whose planning was begun and not ended.
    pub(crate) fn begun_planning(&self, auto_message_id: i64) -> SqlResult<Option<Timestamp>> {
        let sql = "SELECT due_at FROM plannings WHERE auto_message_id = :id";
        self.query_optional(sql, named_params! { ":id": auto_message_id }, |row| row.get("due_at"))
    }

    /// Notes that the planning of an occurrence has begun.
    pub(crate) fn begin_planning(&self, auto_message_id: i64, due_at: Timestamp) -> SqlResult<()> {
        let sql =
            "INSERT OR REPLACE INTO plannings (auto_message_id, due_at) VALUES (:id, :due_at)";
        let params = named_params! { ":id": auto_message_id, ":due_at": due_at };
        self.execute_sql(sql, params)
    }

    /// Notes that the planning of a message has ended, or is given up.
    pub(crate) fn end_planning(&self, auto_message_id: i64) -> SqlResult<()> {
        let sql = "DELETE FROM plannings WHERE auto_message_id = :id";
        self.execute_sql(sql, named_params! { ":id": auto_message_id })
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
        let params = named_params! {
            ":id": auto_message_id,
            ":due_at": due_at,
            ":limit": i64::try_from(limit).unwrap_or(i64::MAX),
        };
        self.change_rows(sql, params)
    }
}
