//! Opening: whose file is it, the settings that the promises rest on, and the migrations.
//!
//! Migrations go forward only. Whoever has to go back to the older program needs a database that it
//! knows: before anything is changed, a copy is whole, checked and on the disk, or nothing is changed.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::backup::copy_pages;
use super::{Store, StoreError};
use crate::private_file::{self, SIDE_FILES, with_ending};
use crate::{clock, fail_point};

/// How often a start asks for WAL while other programs start on the same new file.
const WAL_TRIES_MAX: usize = 20;
/// How large the WAL's file stays once nobody reads what is in it. In daily use it is 4 MiB (SQLite
/// empties it at 1,000 pages), so that this is never reached; a long reader of another program, or a
/// message to very many, makes it larger, and without a limit it would stay so for ever.
const WAL_KEPT_BYTES: u32 = 16 << 20;
/// Prepared statements kept per connection: more than sending, planning and triggers have together.
const STATEMENTS_KEPT: usize = 64;

/// The files of `migrations/`, as refinery read them when the program was built (`build.rs`).
const MIGRATIONS: &str = include_str!(concat!(env!("OUT_DIR"), "/migrations.json"));
/// The version of the last of them.
pub(super) const NEWEST_MIGRATION: i64 = 37;

/// How much of the file a connection keeps in memory: half of what SQLite would. What a send touches
/// is far less, and the system's own cache has the rest.
const CACHE_KIB: i32 = 1024;

const CONNECTION_OPTIONS: [(DbConfig, bool); 4] = [
    // A statement's plan never depends on the values that it is given: otherwise SQLite makes some
    // anew each time, which was a third of what a send costs in SQLite.
    (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
    // A column name with a typing error is an error, and not a text.
    (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
    (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
    // A restored file may be anybody's: its triggers and views reach no virtual table.
    (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
];

/// How long a statement waits for another process that holds the database.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The same once the program shall end. Several statements may follow before it does.
const ENDING_TIMEOUT: Duration = Duration::from_millis(150);
/// Before each try, as SQLite itself has it; the last one is for all that follow.
const DELAYS_MILLIS: [u64; 12] = [1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100];

/// Whether this process was told to end.
static IS_ENDING: AtomicBool = AtomicBool::new(false);

/// What can fail on the way to the copy that is kept; it is told with the names of both files.
type Cause = Box<dyn Error + Send + Sync>;

impl Store {
    /// Opens the database at `path`, makes it when it is not there (mode 0600), and brings its
    /// tables up to date. One of an older version is kept as `<path>.before-v<version>` first.
    /// A file that is not ours, or from a newer version, is not touched.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        open(path, None, false)
    }

    /// The same for a file that is a copy itself: one of an older version is not kept.
    pub(crate) fn open_copy(path: &Path) -> Result<Self, StoreError> {
        open(path, None, true)
    }

    /// The same through the SQLite VFS `vfs`: for tests that watch or break the disk under the database.
    pub fn open_on(path: &Path, vfs: &str) -> Result<Self, StoreError> {
        open(path, Some(vfs), false)
    }

    /// Where a restore into `database` prepares the new file. When it is there and the database is not,
    /// a restore was cut off between two renames, and an empty database would be a lie.
    pub(crate) fn restoring_path(database: &Path) -> PathBuf {
        with_ending(database, ".restoring")
    }
}

fn open(path: &Path, vfs: Option<&str>, is_copy: bool) -> Result<Store, StoreError> {
    let fresh = create_private(path)?;
    let mut connection = connect(path, vfs, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Before anything is read: reading makes a WAL with the file's mode, which would stay read-only
    // when the file no longer is.
    if connection.is_readonly("main").map_err(|source| explain(path, source))? {
        return Err(match why_denied(path) {
            Some(why) => StoreError::Denied { path: path.to_owned(), why },
            None => StoreError::ReadOnly { path: path.to_owned() },
        });
    }
    if !fresh {
        match look_before_touching(path, vfs, OpenFlags::SQLITE_OPEN_READ_ONLY) {
            // A power cut left a rollback journal. Nothing can be read before it is rolled back,
            // whoever's it is: the file becomes what its own program had committed.
            Err(StoreError::Sql { source, .. }) if is_cut_short(&source) => {
                look_before_touching(path, vfs, OpenFlags::SQLITE_OPEN_READ_WRITE)?
            }
            looked => looked?,
        };
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    if fresh {
        // Only before anything else is written: what is removed later can then be given back to the
        // disk in small steps.
        connection
            .execute_batch("PRAGMA auto_vacuum = INCREMENTAL")
            .map_err(|source| explain(path, source))?;
    }
    set_pragmas(&connection, path)?;
    if !is_copy {
        keep_before(&connection, path)?;
    }
    migrate(&mut connection, path)?;
    Ok(Store::over(connection, path))
}

fn connect(path: &Path, vfs: Option<&str>, access: OpenFlags) -> Result<Connection, StoreError> {
    let sql = |source| explain(path, source);
    check_owners(path)?;
    // No URI file names: a path means what it says. No mutex: a connection has one owner at a time.
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match vfs {
        None => Connection::open_with_flags(path, flags),
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs),
    };
    let mut connection = connection.map_err(sql)?;
    // A disk of its own also sleeps in its own way, which only SQLite's own waiting asks for.
    match vfs {
        None => connection.busy_handler(Some(wait)),
        Some(_) => connection.busy_timeout(BUSY_TIMEOUT),
    }
    .map_err(sql)?;
    for (option, is_on) in CONNECTION_OPTIONS {
        connection.set_db_config(option, is_on).map_err(sql)?;
    }
    Ok(connection)
}

/// The database and what SQLite keeps beside it; through a link, that of what it points to.
fn files_of(path: &Path) -> [PathBuf; 4] {
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let [wal, shm, journal] = SIDE_FILES.map(|ending| with_ending(&real, ending));
    [real, wal, shm, journal]
}

/// Refuses a database, or a file that SQLite would use with it, that another user may have put there.
fn check_owners(path: &Path) -> Result<(), StoreError> {
    let files = files_of(path);
    let mut checked = files.iter().map(|file| private_file::check_shared(file));
    private_file::check_shared(path)
        .and_then(|()| checked.try_for_each(|one| one))
        .map_err(|source| StoreError::Open { path: path.to_owned(), source })
}

/// Makes an empty file that only its owner can read, when there is none; SQLite gives its side files
/// the same mode. Returns whether the file is empty.
///
/// A file that exists is never opened here: this process may have it open already, and closing any
/// descriptor of a file drops all of the process's locks on it. The next program that closes the
/// database would take itself for the last one, and delete the WAL under our hands.
fn create_private(path: &Path) -> Result<bool, StoreError> {
    let failed = |source| StoreError::Open { path: path.to_owned(), source };
    let restoring = Store::restoring_path(path);
    if !path.exists() && restoring.exists() {
        return Err(StoreError::RestoreCutOff { path: path.to_owned(), restoring });
    }
    match private_file::options().write(true).create_new(true).open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Ok(std::fs::metadata(path).map_err(failed)?.len() == 0)
        }
        Err(error) => Err(failed(private_file::explained(path, error))),
    }
}

/// Which of the files that SQLite needs is denied to this program, with its owner and the remedy.
fn why_denied(path: &Path) -> Option<String> {
    // One that is not there has to be made.
    files_of(path).iter().find_map(|file| private_file::why_denied(file))
}

/// A second connection to a database of ours, as it is.
pub(super) fn connect_as_is(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch("PRAGMA synchronous = FULL")?;
    Ok(connection)
}

/// Refuses what is not ours, through a connection that cannot change it. Returns whether it has our tables.
pub(super) fn look_before_touching(
    path: &Path,
    vfs: Option<&str>,
    access: OpenFlags,
) -> Result<bool, StoreError> {
    let sql = |source| explain(path, source);
    let connection = connect(path, vfs, access)?;
    // All that is looked at is of one moment: another program may be making the tables just now.
    connection.execute_batch("BEGIN").map_err(sql)?;
    let Some(found) = tables_version(&connection).map_err(sql)? else {
        // A history without an entry is that of another program's start at this moment.
        let is_free = "SELECT count(*) = 0 OR sum(name = 'refinery_schema_history') > 0
                       FROM sqlite_schema";
        let is_free: bool = connection.query_row(is_free, [], |row| row.get(0)).map_err(sql)?;
        return if is_free {
            Ok(false)
        } else {
            Err(StoreError::Foreign { path: path.to_owned() })
        };
    };
    if !has_table(&connection, "auto_messages").map_err(sql)? {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    let known = NEWEST_MIGRATION;
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    Ok(true)
}

pub(super) fn tables_version(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    if !has_table(connection, "refinery_schema_history")? {
        return Ok(None);
    }
    connection.query_row("SELECT max(version) FROM refinery_schema_history", [], |row| row.get(0))
}

fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)";
    connection.query_row(sql, [name], |row| row.get(0))
}

/// The tables that `path` should have in this version, in memory.
pub(super) fn fresh_tables(path: &Path, version: i64) -> Result<Connection, StoreError> {
    let mut connection = Connection::open_in_memory().map_err(|source| explain(path, source))?;
    let target = i32::try_from(version).map_or(refinery::Target::Latest, refinery::Target::Version);
    migrations().set_target(target).run(&mut connection).map_err(|source| StoreError::Migrate {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    Ok(connection)
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
    if ask_for_wal(connection).map_err(sql)? != "wal" {
        // WAL needs shared memory, which network file systems lack. TRUNCATE with a full sync is only slower.
        let mode = ask("journal_mode = TRUNCATE")?;
        if mode != "truncate" {
            let pragma = "journal_mode = WAL or TRUNCATE";
            return Err(StoreError::Pragma { path: path.to_owned(), pragma, answer: mode });
        }
        log::warn!("database: no WAL on this file system, using a rollback journal instead");
    }
    connection
        .execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
        .and_then(|()| connection.pragma_update(None, "cache_size", -CACHE_KIB))
        .map_err(sql)?;
    ask(&format!("journal_size_limit = {WAL_KEPT_BYTES}"))?;
    for (pragma, wanted) in [("synchronous", "2"), ("foreign_keys", "1")] {
        let answer = ask(pragma)?;
        if answer != wanted {
            return Err(StoreError::Pragma { path: path.to_owned(), pragma, answer });
        }
    }
    Ok(())
}

/// Asks for WAL; returns the mode that the file has then.
///
/// For this change alone SQLite does not wait for other connections, it fails at once. So that
/// programs that make the same database at the same moment do not trip over each other, we wait for
/// the write lock, which is waiting for whoever is in the way, and ask again.
fn ask_for_wal(connection: &Connection) -> rusqlite::Result<String> {
    let ask = || connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0));
    for _ in 1..WAL_TRIES_MAX {
        match ask() {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK")?;
            }
            answered => return answered,
        }
    }
    ask()
}

fn migrations() -> refinery::Runner {
    let all: Vec<refinery::Migration> =
        serde_json::from_str(MIGRATIONS).expect("as refinery wrote them");
    refinery::Runner::new(&all)
}

/// All missing migrations and their history rows are one transaction: a failure leaves the tables
/// as they were.
///
/// The look at the history is a transaction of its own, so another program that starts at the same
/// moment may do the work in between, and ours then fails ("table exists"). The second look finds
/// it done; what really fails does so again.
fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let found = tables_version(connection).map_err(|source| explain(path, source))?;
    if found == Some(NEWEST_MIGRATION) {
        return Ok(());
    }
    let runner = migrations().set_grouped(true);
    runner
        .run(connection)
        .or_else(|_| runner.run(connection))
        .map(drop)
        .map_err(|source| StoreError::Migrate { path: path.to_owned(), source: Box::new(source) })
}

/// Copies the database at `path`, when its tables are older than this program's, into
/// `<path>.before-v<version>`. A copy of another moment stays: then the name ends in `.2`, and so on.
fn keep_before(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let known = NEWEST_MIGRATION;
    let found = tables_version(connection)
        .map_err(|source| StoreError::Sql { path: path.to_owned(), source })?;
    if found.is_none_or(|found| found >= known) {
        return Ok(());
    }
    let name = with_ending(path, &format!(".before-v{known}"));
    let partial = with_ending(&name, &format!(".partial-{}", std::process::id()));
    let is_older = copy_older(connection, &partial, known);
    let kept =
        is_older.and_then(|is_older| is_older.then(|| give_name(&partial, &name)).transpose());
    fail_point::reach("upgrade_kept");
    match kept {
        Ok(Some(name)) => {
            log::info!(
                "database: tables brought up to version {known}; kept before: {}",
                name.display()
            );
            Ok(())
        }
        // Another program has brought it up to date just now, and kept a copy.
        Ok(None) => {
            private_file::remove_with_sides(&partial);
            Ok(())
        }
        Err(source) => {
            private_file::remove_with_sides(&partial);
            Err(StoreError::KeepBefore { path: path.to_owned(), copy: name, source })
        }
    }
}

/// Makes a durable copy under a name that no program looks for. Returns whether it is older than `known`.
fn copy_older(connection: &Connection, partial: &Path, known: i64) -> Result<bool, Cause> {
    private_file::remove_with_sides(partial);
    // Closed before SQLite opens it: a descriptor that is closed later would drop SQLite's locks.
    drop(private_file::options().write(true).create_new(true).open(partial)?);
    let mut copy = connect_as_is(partial)?;
    {
        // One moment, though others may write meanwhile.
        let moment = connection.unchecked_transaction()?;
        copy_pages(&moment, &mut copy, "upgrade_half", || Ok(true))?;
    }
    if tables_version(&copy)?.is_none_or(|found| found >= known) {
        return Ok(false);
    }
    let found: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Err(format!("the database is damaged: {found}").into());
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
    Ok(true)
}

fn give_name(partial: &Path, name: &Path) -> Result<PathBuf, Cause> {
    let mut free = name.to_owned();
    let mut number = 1_u32;
    while free.exists() {
        number += 1;
        free = with_ending(name, &format!(".{number}"));
    }
    fs::rename(partial, &free)?;
    private_file::sync_name(&free)?;
    Ok(free)
}

fn is_cut_short(error: &rusqlite::Error) -> bool {
    error
        .sqlite_error()
        .is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_READONLY_ROLLBACK)
}

pub(super) fn explain(path: &Path, source: rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::NotADatabase { path },
        _ => explain_statement(&path, source),
    }
}

/// The error of a statement; a file that is denied to this program is named.
pub(super) fn explain_statement(path: &Path, source: rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    let is_denied = matches!(
        source.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied)
    );
    match is_denied.then(|| why_denied(&path)).flatten() {
        Some(why) => StoreError::Denied { path, why },
        None => StoreError::Sql { path, source },
    }
}

/// This process shall end: no statement of it waits for long from now on, also the one that waits now.
pub(crate) fn wait_no_longer() {
    IS_ENDING.store(true, Ordering::SeqCst);
}

/// SQLite's question after `tries` tries: whether to try again.
fn wait(tries: i32) -> bool {
    let tries = usize::try_from(tries).unwrap_or(0);
    let last = DELAYS_MILLIS.len() - 1;
    let waited: u64 = DELAYS_MILLIS.iter().take(tries).sum::<u64>()
        + DELAYS_MILLIS[last] * u64::try_from(tries.saturating_sub(last + 1)).unwrap_or(0);
    let max = if IS_ENDING.load(Ordering::SeqCst) { ENDING_TIMEOUT } else { BUSY_TIMEOUT };
    if Duration::from_millis(waited) >= max {
        return false;
    }
    clock::nap(Duration::from_millis(DELAYS_MILLIS[tries.min(last)]));
    true
}

#[cfg(test)]
mod tests {
    use super::{NEWEST_MIGRATION, migrations};

    #[test]
    fn the_newest_migration_is_the_last_file() {
        let runner = migrations();
        let newest = runner.get_migrations().iter().map(refinery::Migration::version).max();
        assert_eq!(newest.map(i64::from), Some(NEWEST_MIGRATION));
    }
}
