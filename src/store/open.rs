//! Opening: whose file is it, the settings that the promises rest on, and the migrations.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{BUSY_TIMEOUT, Store, StoreError};

mod migrations {
    refinery::embed_migrations!("migrations");
}

/// Prepared statements kept per connection: a few more than there are.
const STATEMENTS_KEPT: usize = 64;

pub(super) fn open(path: &Path) -> Result<Store, StoreError> {
    let fresh = create_private(path)?;
    if !fresh {
        look_before_touching(path)?;
    }
    let sql = |source| explain(path, source);
    let mut connection = Connection::open_with_flags(path, flags()).map_err(sql)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(sql)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    set_pragmas(&connection, path)?;
    migrate(&mut connection, path)?;
    Ok(Store { connection, path: path.to_owned() })
}

fn flags() -> OpenFlags {
    // No URI file names: a path means what it says. No mutex: a connection has one owner at a time.
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// Makes an empty file that only its owner can read, when there is none; SQLite gives its side files
/// the same mode. Returns whether the file is empty.
///
/// A file that exists is never opened here: this process may have it open already, and closing any
/// descriptor of a file drops all of the process's locks on it. The next program that closes the
/// database would take itself for the last one, and delete the WAL under our hands.
fn create_private(path: &Path) -> Result<bool, StoreError> {
    let failed = |source| StoreError::Open { path: path.to_owned(), source };
    let restoring = restoring_path(path);
    if !path.exists() && restoring.exists() {
        return Err(StoreError::RestoreCutOff { path: path.to_owned(), restoring });
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Ok(std::fs::metadata(path).map_err(failed)?.len() == 0)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Refuses what is not ours to change, through a connection that cannot change it. Returns whether
/// it has tables of ours.
pub(super) fn look_before_touching(path: &Path) -> Result<bool, StoreError> {
    let sql = |source| explain(path, source);
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(sql)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(sql)?;
    let has_table = |name: &str| -> Result<bool, StoreError> {
        connection
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)",
                [name],
                |row| row.get(0),
            )
            .map_err(sql)
    };
    if !has_table("refinery_schema_history")? {
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(sql)?;
        let foreign = StoreError::Foreign { path: path.to_owned() };
        return if tables == 0 { Ok(false) } else { Err(foreign) };
    }
    let found: Option<i64> = connection
        .query_row("SELECT max(version) FROM refinery_schema_history", [], |row| row.get(0))
        .map_err(sql)?;
    if found.is_some() && !has_table("auto_messages")? {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    let known = newest_migration();
    match found {
        Some(found) if found > known => {
            Err(StoreError::Newer { path: path.to_owned(), found, known })
        }
        Some(_) | None => Ok(found.is_some()),
    }
}

/// Where a restore into `database` prepares the new file. When it is there and the database is not,
/// a restore was cut off between two renames, and an empty database would be a lie.
pub(super) fn restoring_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".restoring");
    PathBuf::from(name)
}

fn newest_migration() -> i64 {
    let runner = migrations::migrations::runner();
    let versions = runner.get_migrations().iter().map(|migration| i64::from(migration.version()));
    versions.max().unwrap_or(0)
}

fn set_pragmas(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let sql = |source| explain(path, source);
    let ask = |pragma: &str| -> Result<String, StoreError> {
        connection
            .query_row(&format!("PRAGMA {pragma}"), [], |row| {
                row.get::<_, String>(0).or_else(|_| row.get::<_, i64>(0).map(|n| n.to_string()))
            })
            .map_err(sql)
    };
    if ask("journal_mode = WAL")? != "wal" {
        // WAL needs shared memory, which network file systems lack. TRUNCATE with a full sync keeps
        // every promise; it only costs speed.
        let mode = ask("journal_mode = TRUNCATE")?;
        if mode != "truncate" {
            let pragma = "journal_mode = WAL or TRUNCATE";
            return Err(StoreError::Pragma { path: path.to_owned(), pragma, answer: mode });
        }
        log::warn!("database: no WAL on this file system, using a rollback journal instead");
    }
    connection
        .execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
        .map_err(sql)?;
    for (pragma, wanted) in [("synchronous", "2"), ("foreign_keys", "1")] {
        let answer = ask(pragma)?;
        if answer != wanted {
            return Err(StoreError::Pragma { path: path.to_owned(), pragma, answer });
        }
    }
    Ok(())
}

/// Each migration and its history row are one transaction: a failure leaves the tables as they were.
fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    migrations::migrations::runner()
        .set_grouped(true)
        .run(connection)
        .map(drop)
        .map_err(|source| StoreError::Migrate { path: path.to_owned(), source: Box::new(source) })
}

pub(super) fn explain(path: &Path, source: rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::NotADatabase { path },
        _ => StoreError::Sql { path, source },
    }
}
