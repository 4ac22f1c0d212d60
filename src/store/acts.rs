//! The table `acts`: who did what, through which door. Kept for 90 days.

use std::time::Duration;

use rusqlite::Row;

use super::{PageFrom, SqlResult, Store, Tx, lossy, params, read, seen_time, text};
use crate::clock::Timestamp;
use crate::logging::in_one_line;
use crate::text_enum::text_enum;

pub(crate) const ACTS_KEPT: Duration = Duration::from_hours(90 * 24);

text_enum! {
    /// Through which door somebody came.
    pub enum Door {
        Panel = "panel",
        Api = "api",
        Cli = "cli",
    }
}

text_enum! {
    /// What something was done to.
    pub enum ActedOn {
        Message = "message",
        Contact = "contact",
        Channel = "channel",
    }
}

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Act {
    pub(crate) door: Door,
    /// The address of a browser, the name of an API key.
    pub(crate) who: Option<String>,
    /// A stable name, such as `cancelled`.
    pub(crate) what: String,
    pub(crate) kind: Option<ActedOn>,
    pub(crate) about: Option<i64>,
    /// How many it was, where it is more than one.
    pub(crate) number: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Noted {
    pub(crate) id: i64,
    pub(crate) at: Option<Timestamp>,
    pub(crate) act: Act,
}

impl Store {
    /// Notes what somebody did. It is done: a history that cannot be written does not make it a failure.
    pub(crate) fn note_done(&mut self, act: &Act, now: Timestamp) {
        if let Err(error) = self.write(|tx| tx.note_act(act, now)) {
            log::warn!("history: what was done is not noted: {}", in_one_line(&error));
        }
    }
}

impl Tx<'_> {
    /// Notes what somebody did, and drops what was done 90 days ago.
    pub(crate) fn note_act(&self, act: &Act, now: Timestamp) -> SqlResult<()> {
        let old = "DELETE FROM acts WHERE at < :oldest";
        self.execute_sql(old, params! { ":oldest": now.minus(ACTS_KEPT) })?;
        let sql = "INSERT INTO acts (at, door, who, what, kind, about, number)
                   VALUES (:now, :door, :who, :what, :kind, :about, :number)";
        self.execute_sql(sql, params! { now, act.{ door, who, what, kind, about, number } })
    }

    /// A page of what was done, the newest first.
    pub(crate) fn page_of_acts(&self, from: PageFrom, limit: u32) -> SqlResult<Vec<Noted>> {
        let ((above, below), order) = (from.bounds(), from.order());
        let sql = format!(
            "SELECT * FROM acts WHERE id > :above AND id < :below ORDER BY id {order} LIMIT :limit"
        );
        let read = |row: &Row<'_>| {
            let act: SqlResult<Act> =
                read! { row => Act { door, lossy who, text what, kind, about, number } };
            read! { row => Noted { id, seen_time at, act: act? } }
        };
        Ok(from.newest_first(self.query_rows(&sql, params! { above, below, limit }, read)?))
    }
}
