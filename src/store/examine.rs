//! What a look for faults asks of a database. Reads only.

use std::collections::BTreeMap;

use rusqlite::{Connection, ErrorCode};

use super::open::{explain, fresh_tables, newest_migration};
use super::{Store, StoreError};

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
    /// Compares what stands in the database with what our migrations make.
    pub(crate) fn compare_schema(&self) -> Result<SchemaDifferences, StoreError> {
        let sql = |source| explain(&self.path, source);
        let (version, _) = self.tables_version()?;
        let found = schema_of(&self.connection).map_err(sql)?;
        let own = schema_of(&fresh_tables(&self.path, version)?).map_err(sql)?;
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

    /// The version of the tables, and the newest that this program knows.
    pub(crate) fn tables_version(&self) -> Result<(i64, i64), StoreError> {
        let sql = "SELECT max(version) FROM refinery_schema_history";
        let found = self.connection.query_row(sql, [], |row| row.get(0));
        Ok((found.map_err(|source| explain(&self.path, source))?, newest_migration()))
    }

    /// `wal`, or the kind of rollback journal.
    pub(crate) fn journal_mode(&self) -> Result<String, StoreError> {
        let mode = self.connection.query_row("PRAGMA journal_mode", [], |row| row.get(0));
        mode.map_err(|source| explain(&self.path, source))
    }

    /// Whether the file can only be read.
    ///
    /// # Errors
    /// When nobody can tell.
    pub(crate) fn is_read_only(&self) -> Result<bool, StoreError> {
        self.connection.is_readonly("main").map_err(|source| explain(&self.path, source))
    }

    /// Ends what this connection does at the moment, from another thread.
    pub(crate) fn interrupter(&self) -> impl Fn() + Send + use<> {
        let handle = self.connection.get_interrupt_handle();
        move || handle.interrupt()
    }

    /// Looks through the file for damage, indexes aside: the first that is found. `None` when it was
    /// interrupted before its end.
    ///
    /// # Errors
    /// When the file cannot be read for another reason than damage.
    pub(crate) fn quick_check(&self) -> Result<Option<Result<(), String>>, StoreError> {
        let found =
            self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
        match found {
            Ok(found) if found == "ok" => Ok(Some(Ok(()))),
            Ok(found) => Ok(Some(Err(found))),
            Err(error) => match error.sqlite_error_code() {
                Some(ErrorCode::OperationInterrupted) => Ok(None),
                Some(ErrorCode::DatabaseCorrupt) => Ok(Some(Err(error.to_string()))),
                _ => Err(explain(&self.path, error)),
            },
        }
    }
}

/// Text and table of everything in a database, by kind and name.
fn schema_of(
    connection: &Connection,
) -> rusqlite::Result<BTreeMap<(String, String), (String, String)>> {
    let mut statement = connection.prepare(
        r"SELECT type, name, coalesce(sql, '') AS sql, tbl_name FROM sqlite_schema
          WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\'",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(((row.get("type")?, row.get("name")?), (row.get("sql")?, row.get("tbl_name")?)))
    })?;
    rows.collect()
}
