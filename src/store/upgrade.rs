//! Before the tables of an older version are brought up to date, the file as it is is kept.
//!
//! Migrations go forward only. Whoever has to go back to the older program needs a database that it
//! knows: the copy is whole, checked and on the disk before anything is changed, or nothing is.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::snapshot::copy_pages;
use super::{BUSY_TIMEOUT, StoreError};
use crate::fail_point;
use crate::private_file;

/// What can fail on the way to the copy; it is told with the names of both files.
type Cause = Box<dyn Error + Send + Sync>;

/// Copies the database at `path`, when its tables are older than version `known`, into
/// `<path>.before-v<known>`. A copy that is there already is another moment's, and stays: then the
/// name ends in `.2`, and so on.
pub(super) fn keep_before(
    connection: &Connection,
    path: &Path,
    known: i64,
) -> Result<(), StoreError> {
    let sql = |source| StoreError::Sql { path: path.to_owned(), source };
    if !is_older(connection, known).map_err(sql)? {
        return Ok(());
    }
    let name = with_ending(path, &format!(".before-v{known}"));
    let partial = with_ending(&name, &format!(".partial-{}", std::process::id()));
    let kept = copy(connection, &partial, known).and_then(|copied| match copied {
        Copied::Older => Ok(Some(give_name(&partial, &name)?)),
        // Another program has brought it up to date just now, and kept a copy.
        Copied::UpToDate => Ok(None),
        Copied::Damaged(complaint) => Err(complaint.into()),
    });
    fail_point::reach("upgrade_kept");
    match kept {
        Ok(Some(name)) => {
            log::info!(
                "database: tables brought up to version {known}; kept before: {}",
                name.display()
            );
            Ok(())
        }
        Ok(None) => {
            remove(&partial);
            Ok(())
        }
        Err(source) => {
            remove(&partial);
            Err(StoreError::KeepBefore { path: path.to_owned(), copy: name, source })
        }
    }
}

enum Copied {
    Older,
    UpToDate,
    Damaged(String),
}

/// Makes the copy durable; it has the name that no program looks for.
fn copy(connection: &Connection, partial: &Path, known: i64) -> Result<Copied, Cause> {
    remove(partial);
    // Closed before SQLite opens it: a descriptor that is closed later would drop SQLite's locks.
    drop(private_file::options().write(true).create_new(true).open(partial)?);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(partial, flags)?;
    copy.busy_timeout(BUSY_TIMEOUT)?;
    {
        // One moment, though others may write meanwhile.
        let moment = connection.unchecked_transaction()?;
        copy_pages(&moment, &mut copy, "upgrade_half", || Ok(true))?;
    }
    if !is_older(&copy, known)? {
        return Ok(Copied::UpToDate);
    }
    let found: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Ok(Copied::Damaged(format!("the database is damaged: {found}")));
    }
    // So that nobody takes it for the database itself.
    if has_table(&copy, "meta")? {
        copy.execute_batch(
            "INSERT OR IGNORE INTO meta (key, value)
             VALUES ('backup_made_at', strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))",
        )?;
    }
    let _: String = copy.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
    copy.close().map_err(|(_, error)| error)?;
    OpenOptions::new().write(true).open(partial)?.sync_all()?;
    Ok(Copied::Older)
}

fn give_name(partial: &Path, name: &Path) -> Result<PathBuf, Cause> {
    let mut free = name.to_owned();
    let mut number = 1_u32;
    while free.exists() {
        number += 1;
        free = with_ending(name, &format!(".{number}"));
    }
    fs::rename(partial, &free)?;
    let parent = free.parent().filter(|parent| !parent.as_os_str().is_empty());
    // A system that cannot open a directory has no need of it.
    if let Ok(directory) = File::open(parent.unwrap_or(Path::new("."))) {
        directory.sync_all()?;
    }
    Ok(free)
}

/// Whether there are tables of ours, of a version before `known`.
fn is_older(connection: &Connection, known: i64) -> rusqlite::Result<bool> {
    if !has_table(connection, "refinery_schema_history")? {
        return Ok(false);
    }
    let found: Option<i64> =
        connection
            .query_row("SELECT max(version) FROM refinery_schema_history", [], |row| row.get(0))?;
    Ok(found.is_some_and(|found| found < known))
}

fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    Ok(connection.query_row(sql, [name], |_| Ok(())).optional()?.is_some())
}

/// What is not there need not be removed, and what cannot be is in nobody's way.
fn remove(partial: &Path) {
    for ending in ["", "-journal", "-wal", "-shm"] {
        let _ = fs::remove_file(with_ending(partial, ending));
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
