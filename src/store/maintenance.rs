//! What is asked of the file as a whole: whether it is as it should be, how much of the disk it takes;
//! and giving back what it no longer needs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rusqlite::types::FromSql;
use rusqlite::{Connection, ErrorCode};

use super::open::{BUSY_TIMEOUT, NEWEST_MIGRATION, explain, fresh_tables, tables_version};
use super::{Store, StoreError};
use crate::fail_point;
use crate::private_file::with_ending;

/// From here on the WAL is larger than anything that this program does alone makes it.
pub const WAL_LARGE_BYTES: u64 = 64 << 20;

/// How long the last step waits for others that read or write. It holds up every writer meanwhile.
const TRUNCATE_PATIENCE: Duration = Duration::from_millis(200);

/// How the tables, indexes, triggers and views of a database differ from our own of its version. Each
/// one is named as in ``trigger `x` on `auto_messages` ``.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SchemaDifferences {
    /// Triggers that we did not make: they can change or stop what is written.
    pub(crate) foreign_triggers: Vec<String>,
    /// Other things that we did not make.
    pub(crate) foreign: Vec<String>,
    /// Things of ours that are gone, and triggers of ours that say something else.
    pub(crate) broken: Vec<String>,
}

impl Store {
    pub(crate) fn compare_schema(&self) -> Result<SchemaDifferences, StoreError> {
        let (version, _) = self.tables_version()?;
        let found = self.explained(schema_of(&self.connection))?;
        let own = self.own_schema(version)?;
        let mut differences = SchemaDifferences::default();
        for (key, (text, table)) in &found {
            let (kind, name) = key;
            match own.get(key) {
                None if kind == "trigger" => {
                    let named = format!("trigger `{name}` on `{table}`");
                    differences.foreign_triggers.push(named);
                }
                None => differences.foreign.push(format!("{kind} `{name}`")),
                Some((made, _)) if kind == "trigger" && made != text => {
                    differences.broken.push(format!("trigger `{name}` was changed"));
                }
                Some(_) => {}
            }
        }
        let gone = own.keys().filter(|key| !found.contains_key(*key));
        differences.broken.extend(gone.map(|(kind, name)| format!("{kind} `{name}` is missing")));
        Ok(differences)
    }

    /// What our migrations make up to a version; of the newest once in the life of the process: it takes 50 ms.
    fn own_schema(&self, version: i64) -> Result<Arc<Schema>, StoreError> {
        static NEWEST: OnceLock<Arc<Schema>> = OnceLock::new();
        if let Some(newest) = NEWEST.get().filter(|_| version == NEWEST_MIGRATION) {
            return Ok(Arc::clone(newest));
        }
        let own = Arc::new(self.explained(schema_of(&fresh_tables(&self.path, version)?))?);
        if version == NEWEST_MIGRATION {
            return Ok(Arc::clone(NEWEST.get_or_init(|| own)));
        }
        Ok(own)
    }

    /// The version of the tables, and the newest that this program knows.
    pub(crate) fn tables_version(&self) -> Result<(i64, i64), StoreError> {
        Ok((self.explained(tables_version(&self.connection))?.unwrap_or(0), NEWEST_MIGRATION))
    }

    /// `wal`, or the kind of rollback journal.
    pub(crate) fn journal_mode(&self) -> Result<String, StoreError> {
        self.ask("PRAGMA journal_mode")
    }

    pub(crate) fn is_read_only(&self) -> Result<bool, StoreError> {
        self.explained(self.connection.is_readonly("main"))
    }

    /// Ends what this connection does at the moment, from another thread.
    pub(crate) fn interrupter(&self) -> impl Fn() + Send + use<> {
        let handle = self.connection.get_interrupt_handle();
        move || handle.interrupt()
    }

    /// The first damage in the file, indexes aside. `None` when the look was interrupted before its end.
    pub(crate) fn quick_check(&self) -> Result<Option<Result<(), String>>, StoreError> {
        match self.find_damage_by("PRAGMA quick_check(1)") {
            Ok(None) => Ok(Some(Ok(()))),
            Ok(Some(damage)) => Ok(Some(Err(damage))),
            Err(error) if error.code() == Some(ErrorCode::OperationInterrupted) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What SQLite finds wrong with the file; `None` when all is well.
    pub(crate) fn find_damage(&self) -> Result<Option<String>, StoreError> {
        self.find_damage_by("PRAGMA integrity_check(1)")
    }

    fn find_damage_by(&self, pragma: &str) -> Result<Option<String>, StoreError> {
        match self.ask::<String>(pragma) {
            Ok(found) => Ok((found != "ok").then_some(found)),
            Err(StoreError::Sql { source, .. })
                if source.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) =>
            {
                Ok(Some(source.to_string()))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the file gives back what is free in it in steps, while others use it; one of an older
    /// version does only by being written anew as a whole.
    pub(crate) fn gives_back_in_steps(&self) -> Result<bool, StoreError> {
        Ok(self.ask::<i64>("PRAGMA auto_vacuum")? != 0)
    }

    pub(crate) fn free_bytes(&self) -> Result<u64, StoreError> {
        Ok(self.ask::<u64>("PRAGMA freelist_count")? * self.ask::<u64>("PRAGMA page_size")?)
    }

    /// Gives at most `pages` free pages back, as one transaction. Returns whether there are more.
    pub(crate) fn give_back(&self, pages: u32) -> Result<bool, StoreError> {
        let before: u64 = self.ask("PRAGMA freelist_count")?;
        // It gives a row for each page, and is done only when all were asked for.
        self.explained(self.connection.pragma(None, "incremental_vacuum", pages, |_| Ok(())))?;
        fail_point::reach("gave_back");
        let after: u64 = self.ask("PRAGMA freelist_count")?;
        Ok(after > 0 && after < before)
    }

    /// Writes the whole file anew without what is free in it, and so that it can give back in steps
    /// from now on. Takes as much room again on the disk meanwhile; nobody else can write.
    pub(crate) fn write_anew(&self) -> Result<(), StoreError> {
        fail_point::reach("write_anew");
        self.explained(self.connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; VACUUM"))
    }

    /// Brings the WAL into the database, and empties it unless others still read it. Returns whether it is empty.
    pub(crate) fn empty_wal(&self) -> Result<bool, StoreError> {
        // First as far as it goes without being in anybody's way.
        self.ask::<i64>("PRAGMA wal_checkpoint(PASSIVE)")?;
        let wait = |time| self.explained(self.connection.busy_timeout(time));
        wait(TRUNCATE_PATIENCE)?;
        let busy: Result<i64, _> = self.ask("PRAGMA wal_checkpoint(TRUNCATE)");
        wait(BUSY_TIMEOUT)?;
        Ok(busy? == 0)
    }

    /// The size of the WAL in bytes; 0 when there is none. Looks at the directory, never into the
    /// file: closing it would drop SQLite's locks.
    pub(crate) fn wal_bytes(&self) -> u64 {
        std::fs::metadata(self.beside("-wal")).map_or(0, |it| it.len())
    }

    /// The size of the database with its WAL, in bytes.
    pub(crate) fn bytes_on_disk(&self) -> u64 {
        std::fs::metadata(self.beside("")).map_or(0, |it| it.len()) + self.wal_bytes()
    }

    /// SQLite's own name of the file: through a link, that of what it points to.
    fn beside(&self, ending: &str) -> PathBuf {
        let own = self.connection.path().filter(|path| !path.is_empty());
        with_ending(own.map_or(&self.path, Path::new), ending)
    }

    /// The one value that a pragma answers.
    pub(super) fn ask<T: FromSql>(&self, pragma: &str) -> Result<T, StoreError> {
        self.explained(self.connection.query_row(pragma, [], |row| row.get(0)))
    }

    pub(super) fn explained<T>(&self, done: rusqlite::Result<T>) -> Result<T, StoreError> {
        done.map_err(|source| explain(&self.path, source))
    }
}

/// By kind and name: the text of the statement that made it, and its table.
type Schema = BTreeMap<(String, String), (String, String)>;

fn schema_of(connection: &Connection) -> rusqlite::Result<Schema> {
    let mut statement = connection.prepare(
        r"SELECT type, name, coalesce(sql, '') AS sql, tbl_name FROM sqlite_schema
          WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\'",
    )?;
    let mut rows = statement.query([])?;
    let mut schema = Schema::new();
    while let Some(row) = rows.next()? {
        let key = (row.get("type")?, row.get("name")?);
        schema.insert(key, (row.get("sql")?, row.get("tbl_name")?));
    }
    Ok(schema)
}
