//! What columns hold: our own types as SQL values, and texts and times that may be odd.

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use super::{SqlResult, Trigger};
use crate::clock::Timestamp;
use crate::delivery::{Ack, HoldKind, MessageStatus, Status};
use crate::reason::{Explanation, Reason};
use crate::send_window::Day;

fn unreadable(text: &str, what: &str) -> FromSqlError {
    FromSqlError::Other(format!("`{text}` is no {what}").into())
}

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.to_string().into())
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        Self::parse(text).ok_or_else(|| unreadable(text, "time"))
    }
}

macro_rules! words {
    ($($name:ident: $what:literal),+) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.as_str().into())
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let word = value.as_str()?;
                Self::from_word(word).ok_or_else(|| unreadable(word, $what))
            }
        }
    )+};
}

words!(Status: "status", MessageStatus: "status", Trigger: "trigger");

/// The sentence. Code and parameters have columns of their own.
impl ToSql for Reason {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.to_string().into())
    }
}

impl ToSql for Explanation {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.to_string().into())
    }
}

impl ToSql for Day {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.to_string().into())
    }
}

/// There is no `FromSql`: a kind that this version does not know is read as `None`, as if a person held.
impl ToSql for HoldKind {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl ToSql for Ack {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.number().into())
    }
}

/// A text column whose odd bytes must not stop anybody: what is not UTF-8 (a name imported from a
/// Latin-1 file, say) is replaced.
pub(super) fn lossy(row: &Row<'_>, column: &str) -> SqlResult<Option<String>> {
    let value = row.get_ref(column)?;
    Ok(value.as_bytes_or_null()?.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
}

/// The sentence, the code and the parameters of a reason, in these columns.
pub(super) fn explanation(row: &Row<'_>, names: [&str; 3]) -> SqlResult<Option<Explanation>> {
    let [sentence, code, args] = names;
    let Some(sentence) = lossy(row, sentence)? else { return Ok(None) };
    let (code, args) = (lossy(row, code)?, lossy(row, args)?);
    Ok(Some(Explanation::of_columns(sentence, code.as_deref(), args.as_deref())))
}

/// A time as a list shows it: what is no time is none, since one bad row must not hide the others.
pub(super) fn seen_time(row: &Row<'_>, column: &str) -> SqlResult<Option<Timestamp>> {
    Ok(lossy(row, column)?.and_then(|text| Timestamp::parse(&text)))
}
