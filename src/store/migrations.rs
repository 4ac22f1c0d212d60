//! The migrations: files that bring the tables from one version to the next, forward only.
//!
//! Their history is in the table that refinery made, the library that did this before: with its columns and its
//! checksums, so that an older program finds what it knows. It asked for a regular expression engine, which was a
//! ninth of the program.

use std::hash::{Hash, Hasher};

use rusqlite::{Connection, TransactionBehavior, params};
use siphasher::sip::SipHasher13;

/// A file of `migrations/`.
pub(super) struct Migration {
    version: i32,
    /// The words of its file name.
    name: &'static str,
    sql: &'static str,
}

macro_rules! migration {
    ($version:literal, $name:literal) => {
        Migration {
            version: $version,
            name: $name,
            sql: include_str!(concat!("../../migrations/V", $version, "__", $name, ".sql")),
        }
    };
}

/// In the order of their versions.
const ALL: &[Migration] = &[
    migration!(1, "first_tables"),
    migration!(2, "lookups"),
    migration!(3, "webhook_events"),
    migration!(4, "meta"),
    migration!(5, "address_book"),
    migration!(7, "send_windows"),
    migration!(8, "overview"),
    migration!(9, "panel"),
    migration!(10, "alarms"),
    migration!(11, "looks_and_counts"),
    migration!(12, "plannings"),
    migration!(13, "timetables"),
    migration!(14, "form_marks_and_retries"),
    migration!(15, "uncertain"),
    migration!(16, "other_numbers"),
    migration!(17, "contacts_and_channels_that_change"),
    migration!(18, "reasons"),
    migration!(19, "link"),
    migration!(20, "api_keys"),
    migration!(21, "callbacks"),
    migration!(22, "content"),
    migration!(23, "files"),
    migration!(25, "link_offsets"),
    migration!(26, "link_alerts"),
];

/// The version of the last one.
pub(super) const NEWEST: i64 = ALL[ALL.len() - 1].version as i64;

const HISTORY: &str = "CREATE TABLE IF NOT EXISTS refinery_schema_history(
    version INT4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), checksum VARCHAR(255));";

impl Migration {
    /// As refinery reckons it.
    fn checksum(&self) -> u64 {
        let mut hasher = SipHasher13::new();
        self.name.hash(&mut hasher);
        self.version.hash(&mut hasher);
        self.sql.hash(&mut hasher);
        hasher.finish()
    }
}

/// Brings the tables up to `version`. All missing migrations and their history rows are one transaction: a failure
/// leaves the tables as they were. Another program that starts at the same moment waits, and finds it done.
pub(super) fn migrate(connection: &mut Connection, version: i64) -> rusqlite::Result<()> {
    connection.execute_batch(HISTORY)?;
    let whole = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql = "SELECT max(version) FROM refinery_schema_history";
    let found: Option<i64> = whole.query_row(sql, [], |row| row.get(0))?;
    let is_missing = |one: &&Migration| {
        let own = i64::from(one.version);
        found.is_none_or(|found| own > found) && own <= version
    };
    for one in ALL.iter().filter(is_missing) {
        whole.execute_batch(one.sql)?;
        let sql = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
                   VALUES (?1, ?2, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), ?3)";
        whole.execute(sql, params![one.version, one.name, one.checksum().to_string()])?;
    }
    whole.commit()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_file_is_a_migration_with_the_checksum_that_refinery_gives_it() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        let theirs = files.map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let sql = fs::read_to_string(&path).unwrap();
            let one = refinery::Migration::unapplied(name, &sql).unwrap();
            (one.version(), one.name().to_owned(), one.checksum())
        });
        let mut theirs: Vec<_> = theirs.collect();
        theirs.sort();
        let ours: Vec<_> =
            ALL.iter().map(|one| (one.version, one.name.to_owned(), one.checksum())).collect();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn refinery_finds_nothing_to_do_in_tables_of_ours_and_nothing_that_differs() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, NEWEST).unwrap();
        let all = ALL.iter().map(|one| {
            let name = format!("V{}__{}", one.version, one.name);
            refinery::Migration::unapplied(&name, one.sql).unwrap()
        });
        let runner = refinery::Runner::new(&all.collect::<Vec<_>>());
        assert!(runner.run(&mut connection).unwrap().applied_migrations().is_empty());
    }
}
