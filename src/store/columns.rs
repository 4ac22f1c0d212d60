//! What columns hold: our own types as SQL values, and texts and times that may be odd.

use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Row, RowIndex};

use super::{ActedOn, CallbackStatus, Can, ClaimState, Door, SqlResult, Trigger};
use crate::clock::Timestamp;
use crate::config::CallbackEvent;
use crate::delivery::{Ack, CapWarning, HoldKind, MessageStatus, Status};
use crate::reason::{Explanation, Reason};
use crate::send_window::Day;

/// Columns hold what `Display` shows. `HoldKind` has no `FromSql`: a kind that this version does not
/// know is read as `None`, as if a person held. Of a reason it is the sentence: code and parameters
/// have columns of their own.
macro_rules! shown {
    ($($name:ident),+) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.to_string().into())
            }
        }
    )+};
}

shown!(
    CallbackEvent,
    ActedOn,
    Door,
    CallbackStatus,
    Can,
    ClaimState,
    Timestamp,
    Status,
    MessageStatus,
    Trigger,
    HoldKind,
    CapWarning,
    Reason,
    Explanation,
    Day
);

macro_rules! read_by {
    ($($read:ident of $name:ident: $what:literal),+) => {$(
        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let text = value.as_str()?;
                let unreadable = || FromSqlError::Other(format!("`{text}` is no {}", $what).into());
                Self::$read(text).ok_or_else(unreadable)
            }
        }
    )+};
}

read_by!(parse of Timestamp: "time", from_word of CallbackStatus: "status", from_word of Status: "status",
    from_word of ClaimState: "state", from_word of MessageStatus: "status", from_word of Trigger: "trigger",
    from_word of Can: "right", from_word of Door: "door",
    from_word of ActedOn: "kind");

impl ToSql for Ack {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.number().into())
    }
}

/// Where a column stands. `near` is where it stood last: SQLite would compare the names of all columns.
pub(super) fn place(row: &Row<'_>, name: &str, near: &AtomicUsize) -> SqlResult<usize> {
    let (statement, last) = (row.as_ref(), near.load(Ordering::Relaxed));
    let is_there = |at| statement.column_name(at).is_ok_and(|known| known == name);
    if last < statement.column_count() && is_there(last) {
        return Ok(last);
    }
    let at = statement.column_index(name)?;
    near.store(at, Ordering::Relaxed);
    Ok(at)
}

/// A text column whose odd bytes (of a Latin-1 file, say) must not stop anybody: they are replaced.
pub(super) fn lossy(row: &Row<'_>, column: impl RowIndex) -> SqlResult<Option<String>> {
    let value = row.get_ref(column)?;
    Ok(value.as_bytes_or_null()?.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
}

/// The same; what is NULL is empty.
pub(super) fn text(row: &Row<'_>, column: impl RowIndex) -> SqlResult<String> {
    lossy(row, column).map(Option::unwrap_or_default)
}

/// The reason in `error` or `held_reason`, with its code and parameters in the columns beside it.
pub(super) fn explanation(row: &Row<'_>, column: &str) -> SqlResult<Option<Explanation>> {
    let Some(sentence) = lossy(row, column)? else { return Ok(None) };
    let group = column.trim_end_matches("_reason");
    let code = lossy(row, format!("{group}_code").as_str())?;
    let args = lossy(row, format!("{group}_args").as_str())?;
    Ok(Some(Explanation::of_columns(sentence, code.as_deref(), args.as_deref())))
}

/// A time as a list shows it: what is no time is none, since one bad row must not hide the others.
pub(super) fn seen_time(row: &Row<'_>, column: impl RowIndex) -> SqlResult<Option<Timestamp>> {
    Ok(lossy(row, column)?.and_then(|text| Timestamp::parse(&text)))
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn a_column_is_found_wherever_a_statement_has_it() {
        let connection = Connection::open_in_memory().unwrap();
        let near = AtomicUsize::new(0);
        let read = |sql: &str| {
            connection.query_row(sql, [], |row| row.get::<_, i64>(place(row, "wanted", &near)?))
        };
        for _ in 0..2 {
            assert_eq!(read("SELECT 1 AS wanted, 2 AS other, 3 AS last"), Ok(1));
            assert_eq!(read("SELECT 1 AS other, 2 AS last, 3 AS wanted"), Ok(3));
            assert_eq!(read("SELECT 7 AS wanted"), Ok(7));
            assert!(read("SELECT 1 AS other, 2 AS another, 3 AS last").is_err());
        }
    }
}
