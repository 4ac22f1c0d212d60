//! Whole databases: copying one while others write into it, checking it, and putting the content of
//! one into another in a single transaction.
//!
//! Content is put into a live file through SQLite, never under it by a rename: a process that stands
//! by has the old file open, and would go on sending from it.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::open::{connect_as_is, explain, look_before_touching};
use super::{Store, StoreError, read};
use crate::fail_point;

/// Pages that are copied between two looks at a fail point.
const PAGES_PER_STEP: i32 = 16;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    pub messages: u64,
    pub deliveries: u64,
    pub(crate) contacts: u64,
}

/// A moment in the life of a database: it is another one as soon as another connection has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataVersion(pub(super) i64);

impl Store {
    /// Opens a database that must be there, as it is: no table is made or changed. `None` without any table.
    pub fn open_as_is(path: &Path) -> Result<Option<Self>, StoreError> {
        if !look_before_touching(path, None, OpenFlags::SQLITE_OPEN_READ_ONLY)? {
            return Ok(None);
        }
        let connection = connect_as_is(path).map_err(|source| explain(path, source))?;
        Ok(Some(Self::over(connection, path)))
    }

    /// Copies the database as it is at one moment into the empty file `target`. Others may write
    /// meanwhile. Returns what the copy holds.
    pub(crate) fn copy_to(&self, target: &Path) -> Result<Contents, StoreError> {
        // The open read transaction keeps the moment: without it the copying would begin anew after
        // every write of another process, perhaps for ever.
        let reading = |source| explain(&self.path, source);
        let transaction = self.connection.unchecked_transaction().map_err(reading)?;
        let contents = contents(&transaction).map_err(reading)?;
        let writing = |source| explain(target, source);
        let mut copy = Connection::open(target).map_err(writing)?;
        copy_pages(&transaction, &mut copy, "backup_half", || Ok(true)).map_err(|source| {
            let is_source = source.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt);
            explain(if is_source { &self.path } else { target }, source)
        })?;
        Ok(contents)
    }

    /// Makes the database one file without a WAL, and closes it.
    pub(crate) fn close_as_one_file(self) -> Result<(), StoreError> {
        let answer: String = self.ask("PRAGMA journal_mode = DELETE")?;
        let Self { connection, path, .. } = self;
        if answer != "delete" {
            return Err(StoreError::Pragma { path, pragma: "journal_mode = DELETE", answer });
        }
        connection.close().map_err(|(_, source)| explain(&path, source))
    }

    /// The present moment of the database, to be compared with a later one.
    pub fn data_version(&self) -> Result<DataVersion, StoreError> {
        self.ask("PRAGMA data_version").map(DataVersion)
    }

    /// Puts the content of `new` in the place of this database's own, in one durable transaction.
    /// Connections that others have go on with the new content. With anybody having written since
    /// `unchanged_since`, nothing is changed.
    pub fn replace_content(
        &self,
        new: &Self,
        unchanged_since: DataVersion,
    ) -> Result<(), StoreError> {
        let failed = |source| explain(&self.path, source);
        let mut target = connect_as_is(&self.path).map_err(failed)?;
        let mode: String =
            target.query_row("PRAGMA journal_mode", [], |row| row.get(0)).map_err(failed)?;
        let is_unchanged = || {
            let sql = "PRAGMA data_version";
            Ok(self.connection.query_row(sql, [], |row| row.get(0)).map(DataVersion)?
                == unchanged_since)
        };
        // In WAL mode one connection can read while another one holds the write lock: with the lock
        // taken, nobody can slip in after the look. With a rollback journal the look comes just
        // before.
        let is_placed = if mode == "wal" {
            copy_pages(&new.connection, &mut target, "restore_half", is_unchanged)
        } else if is_unchanged().map_err(failed)? {
            copy_pages(&new.connection, &mut target, "restore_half", || Ok(true))
        } else {
            Ok(false)
        };
        if is_placed.map_err(failed)? {
            Ok(())
        } else {
            Err(StoreError::Changed { path: self.path.clone() })
        }
    }
}

/// Copies all pages in one transaction of `to`. `may_go_on` is asked once `to` is locked; when it says
/// no, nothing is changed, and this returns `false`.
pub(super) fn copy_pages(
    from: &Connection,
    to: &mut Connection,
    fail_point: &str,
    may_go_on: impl FnOnce() -> rusqlite::Result<bool>,
) -> rusqlite::Result<bool> {
    let backup = Backup::new(from, to)?;
    // No database of ours has only one page, so the first step never commits.
    step(&backup, 1)?;
    if !may_go_on()? {
        return Ok(false);
    }
    while step(&backup, PAGES_PER_STEP)? == StepResult::More {
        fail_point::reach(fail_point);
    }
    Ok(true)
}

fn step(backup: &Backup<'_, '_>, pages: i32) -> rusqlite::Result<StepResult> {
    match backup.step(pages)? {
        StepResult::Busy | StepResult::Locked => {
            let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
            Err(rusqlite::Error::SqliteFailure(busy, None))
        }
        other => Ok(other),
    }
}

fn contents(connection: &Connection) -> rusqlite::Result<Contents> {
    let sql = "SELECT (SELECT count(*) FROM auto_messages) AS messages,
                   (SELECT count(*) FROM deliveries) AS deliveries,
                   (SELECT count(*) FROM contacts) AS contacts";
    connection.query_row(
        sql,
        [],
        |row| read! { row => Contents { messages, deliveries, contacts } },
    )
}
