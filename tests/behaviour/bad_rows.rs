//! Databases that are not ours, not readable, or from the future.

use auto_message_scheduler::store::Store;

fn refused(path: &std::path::Path) -> String {
    let before = std::fs::read(path).unwrap();
    let error = Store::open(path).unwrap_err().to_string();
    assert_eq!(std::fs::read(path).unwrap(), before, "the file was touched: {error}");
    assert!(error.contains(path.to_str().unwrap()), "{error}");
    error
}

#[test]
fn a_database_from_a_newer_version_is_refused_untouched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.db");
    drop(Store::open(&path).unwrap());
    let sql = rusqlite::Connection::open(&path).unwrap();
    sql.execute_batch(
        "INSERT INTO refinery_schema_history VALUES (99, 'later', '2030-01-01', '0');
         PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE",
    )
    .unwrap();
    drop(sql);
    let error = refused(&path);
    assert!(error.contains("newer version") && error.contains("version 99"), "{error}");
}

#[test]
fn another_programs_database_is_refused_untouched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.db");
    let sql = rusqlite::Connection::open(&path).unwrap();
    sql.execute_batch("CREATE TABLE users (id)").unwrap();
    drop(sql);
    assert!(refused(&path).contains("another program"));
}

#[test]
fn a_file_that_is_no_database_is_refused_untouched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.db");
    std::fs::write(&path, "nomor,nama\n0812,Budi\n".repeat(100)).unwrap();
    assert!(refused(&path).contains("not a SQLite database"));
}

#[test]
fn a_missing_directory_is_named_with_what_to_check() {
    let error = Store::open(std::path::Path::new("/nowhere/at/all/x.db")).unwrap_err().to_string();
    assert!(error.contains("/nowhere/at/all/x.db") && error.contains("directory"), "{error}");
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_database() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.db");
    let mut store = Store::open(&path).unwrap();
    store.write(|tx| tx.add_contact("Budi", "081200007001")).unwrap();
    for name in ["x.db", "x.db-wal", "x.db-shm"] {
        let permissions = std::fs::metadata(directory.path().join(name)).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, 0o600, "{name}");
    }
}
