//! The store: the only speaker of SQL. One SQLite file, one connection per [`Store`].
//!
//! Reads and writes go through [`Store::read`] and [`Store::write`]; every statement is a method of
//! [`Tx`], named by its verb, in the file of its table. A write is one IMMEDIATE transaction with a
//! full sync, and none is ever open while the network is used: the callers are given no way to do
//! both, because a [`Tx`] lives only inside the closure.

mod acts;
mod alerts;
mod api;
mod backup;
mod breaker;
mod callbacks;
mod channels;
mod columns;
mod contacts;
mod deliveries;
mod events;
mod gaps;
mod hidden_numbers;
mod link;
mod lists;
mod lookups;
mod maintenance;
mod messages;
mod meta;
mod numbers;
mod occurrences;
mod open;
mod panel;
mod prune;
mod restore;
mod runs;
mod statements;
mod statistics;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode};

use crate::{fail_point, private_file};

pub use acts::Door;
pub(crate) use acts::{ACTS_KEPT, Act, ActedOn, Noted};
pub(crate) use alerts::Alert;
pub(crate) use api::KeptAnswer;
pub use api::{ApiKey, Can};
pub use backup::{Contents, DataVersion};
pub(crate) use breaker::SendEnd;
pub use callbacks::CallbackStatus;
pub(crate) use callbacks::{Callback, CallbackCounts};
pub(crate) use channels::{Channel, Held, StatusCount, WeekCounts};
use columns::{explanation, lossy, seen_time, text};
pub use contacts::WaitingForContact;
pub(crate) use contacts::{Contact, INSERTED_TOGETHER, Numbers, Skipped};
pub use deliveries::{
    ClaimRequest, Claimed, Delivery, NewDelivery, Occurrence, Open, RecipientNow,
};
pub(crate) use deliveries::{Ended, SameReason};
pub use events::{Echo, EventsHeard, MessageEvent, SessionEvent, Taken, Unsigned};
pub(crate) use hidden_numbers::{HiddenNumber, Unresolved};
pub(crate) use link::{
    ClaimState, LinkAlarm, LinkChannel, LinkClaim, LinkEnding, LinkFigures, LinkResult, LinkState,
    LinkedRow,
};
use lists::containing;
pub(crate) use lists::{Need, PageFrom};
pub(crate) use lookups::{DueLookup, UnknownDelivery};
pub(crate) use maintenance::SchemaDifferences;
pub use maintenance::WAL_LARGE_BYTES;
pub use messages::{Message, MessageFilter};
pub(crate) use messages::{Past, Queued, Wanted};
pub(crate) use meta::ClockBelieved;
pub(crate) use numbers::{CHECK_COUNTS_FOR, CheckTurn, Number, Standing};
pub use occurrences::Settled;
pub(crate) use open::wait_no_longer;
pub(crate) use panel::{FormMark, MadeBefore, PanelSession, PanelUpload, TEST_METADATA};
pub use prune::{Counted, Old, Side};
pub(crate) use restore::{LOOK_AT_UNKNOWN, Marked, Restoration};
pub(crate) use runs::TEST_SEND;
pub use runs::{Run, RunCounts, Trigger};
#[cfg(debug_assertions)]
pub use statements::{Statement, noted_statements, watch_statements};
use statements::{Whole, params, read};
pub(crate) use statistics::EndedOne;

/// What a statement gives inside a transaction.
pub(crate) type SqlResult<T> = rusqlite::Result<T>;

/// Why a transaction changes nothing: a statement failed, or what it was to do is refused.
#[derive(Debug)]
pub(crate) enum Stop<E> {
    Sql(rusqlite::Error),
    Refused(E),
}

impl<E> From<rusqlite::Error> for Stop<E> {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// A connection to the database. Not shared between threads without a lock.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    /// Whether the present transactions are parts of one of [`Store::together`].
    is_joined: bool,
    /// Whether SQLite keeps in memory what it needs to undo a statement.
    undoes_in_memory: bool,
}

/// One transaction; see the files beside this one for what it can do.
#[derive(Debug)]
pub struct Tx<'store> {
    transaction: &'store Connection,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("failed to open database `{}`: check that the directory exists and that you may write there", path.display())]
    Open { path: PathBuf, source: std::io::Error },
    #[error("failed to use database `{}`: {why}", path.display())]
    Denied { path: PathBuf, why: String },
    #[error("`{}` is not a SQLite database: give DATABASE_PATH another name, or restore the file from a backup", path.display())]
    NotADatabase { path: PathBuf },
    #[error("`{}` is a SQLite database of another program: give DATABASE_PATH another name", path.display())]
    Foreign { path: PathBuf },
    #[error("database `{}` may be read but not written: check owner and mode of the file and whether the file system is mounted read-only", path.display())]
    ReadOnly { path: PathBuf },
    #[error(
        "`{}` is from a newer version of this program (its tables are version {found}, this program knows {known}): install the newer version; the file was not touched",
        path.display()
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error(
        "failed to keep a copy of `{}` as `{}` before its tables are brought up to date: make room on the disk, or see what is wrong; nothing was changed",
        path.display(),
        copy.display()
    )]
    KeepBefore { path: PathBuf, copy: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("failed to bring the tables of `{}` up to date", path.display())]
    Migrate { path: PathBuf, source: Box<refinery::Error> },
    #[error("SQLite did not accept `{pragma}` for `{}`: it answered `{answer}`", path.display())]
    Pragma { path: PathBuf, pragma: &'static str, answer: String },
    #[error("another program wrote into `{}` meanwhile: nothing was changed; stop what writes into it, and try again", path.display())]
    Changed { path: PathBuf },
    #[error("`{}` is missing because a restore was cut off: run `restore` again (or delete `{}` to begin with an empty database)", path.display(), restoring.display())]
    RestoreCutOff { path: PathBuf, restoring: PathBuf },
    #[error("failed to use database `{}`{}", path.display(), remedy(path, source))]
    Sql { path: PathBuf, source: rusqlite::Error },
}

/// With less room SQLite's side files do not grow.
const ROOM_MIN_BYTES: u64 = 128 << 10;

/// Whether the disk is full. Where its shared memory cannot grow, SQLite speaks of a failing disk.
fn is_full(path: &Path, error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => true,
        Some(ErrorCode::SystemIoFailure) => {
            private_file::room_bytes(private_file::directory_of(path))
                .is_some_and(|bytes| bytes < ROOM_MIN_BYTES)
        }
        _ => false,
    }
}

/// What a person can do about a failed statement.
fn remedy(path: &Path, error: &rusqlite::Error) -> &'static str {
    if is_full(path, error) {
        return " (the disk is full: make room)";
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            " (another program holds it: end its transaction)"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            " (check owner and mode of the file, of its -wal and -shm and of the directory, and whether it is mounted read-only)"
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            " (the file is damaged: stop the program, keep a copy, and restore a backup)"
        }
        Some(ErrorCode::SystemIoFailure) => {
            " (the disk or its file system fails: see what the system's log says)"
        }
        _ => "",
    }
}

impl StoreError {
    /// Whether this may pass while the program runs, without a person who mends the file.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(
            self.code(),
            Some(
                ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::DiskFull
                    | ErrorCode::SystemIoFailure
            )
        )
    }

    /// What is wrong with the row, when the statement was well but a row holds what its column
    /// cannot (a text that is not UTF-8, a time that is none).
    pub(crate) fn unreadable_row(&self) -> Option<String> {
        let Self::Sql { source, .. } = self else { return None };
        why_unreadable(source)
    }

    pub(crate) fn is_disk_full(&self) -> bool {
        matches!(self, Self::Sql { path, source } if is_full(path, source))
    }

    pub(crate) fn is_damage(&self) -> bool {
        self.code() == Some(ErrorCode::DatabaseCorrupt)
    }

    fn code(&self) -> Option<ErrorCode> {
        let Self::Sql { source, .. } = self else { return None };
        source.sqlite_error_code()
    }
}

/// What is wrong with a row that was read, when the statement itself was well.
fn why_unreadable(error: &rusqlite::Error) -> Option<String> {
    match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..) => Some(error.to_string()),
        _ => None,
    }
}

impl Store {
    fn over(connection: Connection, path: &Path) -> Self {
        let (is_joined, undoes_in_memory) = (false, false);
        Self { connection, path: path.to_owned(), is_joined, undoes_in_memory }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` in one read transaction: all that it sees is of one moment.
    pub fn read<T>(&mut self, work: impl FnOnce(&Tx<'_>) -> SqlResult<T>) -> Result<T, StoreError> {
        self.read_or_refuse(|tx| work(tx).map_err(Stop::Sql))
    }

    /// Like [`Store::read`], for `work` that may refuse.
    pub(crate) fn read_or_refuse<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, Stop<E>>,
    ) -> Result<T, E> {
        self.transact("BEGIN", work)
    }

    /// Runs `work` in one write transaction and commits it, durably: when this returns `Ok`, a power
    /// cut cannot undo it. On `Err` nothing was changed.
    pub fn write<T>(
        &mut self,
        work: impl FnOnce(&Tx<'_>) -> SqlResult<T>,
    ) -> Result<T, StoreError> {
        self.write_or_refuse(|tx| work(tx).map_err(Stop::Sql))
    }

    /// Like [`Store::write`], for `work` that may refuse: then nothing was changed either.
    pub(crate) fn write_or_refuse<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, Stop<E>>,
    ) -> Result<T, E> {
        self.undo_in_memory(false)?;
        self.transact("BEGIN IMMEDIATE", work)
    }

    /// Like [`Store::write`], for `work` that changes a few rows, often.
    ///
    /// For a statement that may fail in its middle SQLite copies the pages that it changes: into a file, by way of a
    /// buffer of 64 KiB that is made and given back each time; or, so, into memory, page by page.
    pub fn write_few<T>(
        &mut self,
        work: impl FnOnce(&Tx<'_>) -> SqlResult<T>,
    ) -> Result<T, StoreError> {
        self.undo_in_memory(true)?;
        self.transact("BEGIN IMMEDIATE", |tx| work(tx).map_err(Stop::Sql))
    }

    /// Like [`Store::write`], but when `work` gives `None` nothing is changed.
    pub(crate) fn write_all_or_nothing<T>(
        &mut self,
        work: impl FnOnce(&Tx<'_>) -> SqlResult<Option<T>>,
    ) -> Result<Option<T>, StoreError> {
        match self.write_or_refuse(|tx| work(tx)?.ok_or(Stop::Refused(None))) {
            Ok(value) => Ok(Some(value)),
            Err(None) => Ok(None),
            Err(Some(error)) => Err(error),
        }
    }

    /// Whether this is inside [`Self::together`], where no network may be waited for.
    pub(crate) fn is_together(&self) -> bool {
        self.is_joined
    }

    /// Runs `work`, whose transactions become parts of one write transaction: when this returns `Ok`, all of
    /// them are committed, durably; on `Err` nothing was changed.
    pub(crate) fn together<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        /// Ends the transaction however `work` ends.
        struct Joined<'a>(&'a mut Store);

        impl Drop for Joined<'_> {
            fn drop(&mut self) {
                self.0.is_joined = false;
                if !self.0.connection.is_autocommit() {
                    drop(self.0.connection.execute_batch("ROLLBACK"));
                }
            }
        }

        self.undo_in_memory(false)?;
        self.execute("BEGIN IMMEDIATE")?;
        self.is_joined = true;
        let joined = Joined(self);
        let value = work(joined.0)?;
        fail_point::reach("joined_before_commit");
        joined.0.execute("COMMIT")?;
        fail_point::reach("joined_committed");
        Ok(value)
    }

    fn execute(&self, sql: &str) -> Result<(), StoreError> {
        let executed = self.connection.execute_batch(sql);
        executed.map_err(|source| open::explain_statement(&self.path, source))
    }

    /// Lets this connection keep little in memory: it answers requests now and then.
    pub(crate) fn keep_little(&mut self) -> Result<(), StoreError> {
        self.connection.set_prepared_statement_cache_capacity(11);
        self.set_cache(128)
    }

    /// Gives back the statements that are kept prepared: those of a start are not needed again.
    pub(crate) fn forget_statements(&self) {
        self.connection.flush_prepared_statement_cache();
    }

    /// Lets this connection keep `kib` KiB of the file in memory: much for what touches all of a table.
    pub(crate) fn set_cache(&mut self, kib: u32) -> Result<(), StoreError> {
        self.undo_in_memory(false)?;
        self.connection
            .execute_batch(&format!("PRAGMA main.cache_size = -{kib};"))
            .map_err(|source| StoreError::Sql { path: self.path.clone(), source })
    }

    /// Also where SQLite keeps temporary tables, and what it sorts.
    fn undo_in_memory(&mut self, in_memory: bool) -> Result<(), StoreError> {
        if self.undoes_in_memory != in_memory && !self.is_joined {
            self.execute(if in_memory {
                "PRAGMA temp_store = MEMORY"
            } else {
                "PRAGMA temp_store = DEFAULT"
            })?;
            self.undoes_in_memory = in_memory;
        }
        Ok(())
    }

    fn transact<T, E: From<StoreError>>(
        &mut self,
        begin: &str,
        work: impl FnOnce(&Tx<'_>) -> Result<T, Stop<E>>,
    ) -> Result<T, E> {
        let Self { connection, path, is_joined, .. } = self;
        let attempt = || {
            if *is_joined {
                let part = connection.savepoint()?;
                let value = work(&Tx { transaction: &part })?;
                part.commit()?;
                return Ok(value);
            }
            let whole = Whole::begin(connection, begin)?;
            let value = work(&Tx { transaction: connection })?;
            fail_point::reach("before_commit");
            whole.commit()?;
            fail_point::reach("committed");
            Ok(value)
        };
        attempt().map_err(|stop| match stop {
            Stop::Sql(source) => open::explain_statement(path, source).into(),
            Stop::Refused(why) => why,
        })
    }
}
