//! The database's file and its directory: cut short, read-only, damaged.

use auto_message_scheduler::store::Store;

/// A copy of a database in the middle of a transaction, as a power cut leaves it without WAL: half
/// of the pages are new, and the old ones are in the journal.
fn cut_short_in_rollback_mode(directory: &std::path::Path) -> std::path::PathBuf {
    let (path, copy) = (directory.join("running.db"), directory.join("shop.db"));
    drop(Store::open(&path).unwrap());
    let sql = rusqlite::Connection::open(&path).unwrap();
    sql.execute_batch(
        "PRAGMA journal_mode = TRUNCATE; PRAGMA cache_size = 1;
         INSERT INTO auto_messages (title, message) VALUES ('kept', 'Halo');
         BEGIN;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
         INSERT INTO auto_messages (title, message) SELECT 'cut', printf('%0500d', i) FROM n;",
    )
    .unwrap();
    for end in ["", "-journal"] {
        let beside = |path: &std::path::Path| format!("{}{end}", path.display());
        std::fs::copy(beside(&path), beside(&copy)).unwrap();
    }
    copy
}

#[test]
fn a_transaction_that_a_power_cut_ended_without_wal_is_rolled_back_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = cut_short_in_rollback_mode(directory.path());
    drop(Store::open(&path).unwrap());
    let sql = rusqlite::Connection::open(&path).unwrap();
    let titles: String = sql
        .query_row("SELECT group_concat(title) FROM auto_messages", [], |row| row.get(0))
        .unwrap();
    assert_eq!(titles, "kept");
}
