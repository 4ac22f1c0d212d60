//! A newer program: the database of the older one is kept before its tables change, and the file of
//! the program may be replaced while it runs.

use std::fs;
use std::path::{Path, PathBuf};

use auto_message_scheduler::store::Store;
use refinery::{Migration, Runner, Target};

use crate::site::{Server, Site, stderr, until};

/// A database as the program of that version left it, with a contact in it.
fn older(path: &Path, version: i32) {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let migrations: Vec<Migration> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            Migration::unapplied(&name, &fs::read_to_string(&path).unwrap()).unwrap()
        })
        .collect();
    let mut sql = rusqlite::Connection::open(path).unwrap();
    sql.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    Runner::new(&migrations)
        .set_grouped(true)
        .set_target(Target::Version(version))
        .run(&mut sql)
        .unwrap();
    let contact = "INSERT INTO contacts (name, phone_number) VALUES ('Budi', '6281200007001')";
    sql.execute(contact, []).unwrap();
}

fn kept(directory: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().contains(".before-v"))
        .collect();
    names.sort();
    names
}

fn ask(path: &Path, sql: &str) -> String {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

const VERSION: &str = "SELECT max(version) || '' FROM refinery_schema_history";

#[test]
fn a_database_of_an_older_version_is_kept_whole_and_private_before_it_is_changed() {
    for version in [1, 3] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("shop.db");
        older(&path, version);
        drop(Store::open(&path).unwrap());
        let newest = ask(&path, VERSION);
        let copies = kept(directory.path());
        assert_eq!(copies, [directory.path().join(format!("shop.db.before-v{newest}"))]);
        assert_eq!(ask(&copies[0], VERSION), version.to_string());
        assert_eq!(ask(&copies[0], "SELECT name FROM contacts"), "Budi");
        assert_eq!(ask(&copies[0], "PRAGMA journal_mode"), "delete", "one file");
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &fs::metadata(&copies[0]).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
        drop(Store::open(&path).unwrap());
        assert_eq!(kept(directory.path()).len(), 1, "only once");
    }
}

#[test]
fn the_holds_of_an_older_version_stay_and_other_kinds_are_taken() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.db");
    older(&path, 12);
    let sql = rusqlite::Connection::open(&path).unwrap();
    sql.execute_batch(
        "UPDATE channels SET held_reason = 'x', held_kind = 'restricted',
             held_until = '2099-01-01T00:00:00Z';
         INSERT INTO channels (name, session_name) VALUES ('free', 'free')",
    )
    .unwrap();
    drop(Store::open(&path).unwrap());
    let kinds = "SELECT group_concat(coalesce(held_kind, '-')) FROM channels";
    assert_eq!(ask(&path, kinds), "restricted,-");
    for kind in ["other_number", "breaker"] {
        let hold = format!(
            "UPDATE channels SET held_reason = 'y' || id, held_kind = '{kind}' WHERE id = 2"
        );
        sql.execute(&hold, []).unwrap();
        assert_eq!(ask(&path, kinds), format!("restricted,{kind}"));
    }
    let error = sql.execute("UPDATE channels SET held_kind = 'nonsense'", []).unwrap_err();
    assert!(error.to_string().contains("CHECK"), "{error}");
    // A person who writes a reason holds the channel, as before.
    sql.execute("UPDATE channels SET held_reason = 'libur' WHERE id = 2", []).unwrap();
    assert_eq!(ask(&path, kinds), "restricted,-");
}

#[test]
fn what_waits_at_an_upgrade_goes_by_its_contact_and_no_channel_id_is_given_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.db");
    older(&path, 16);
    let sql = rusqlite::Connection::open(&path).unwrap();
    sql.execute_batch(
        "INSERT INTO contacts (id, phone_number) VALUES (2, '0812-0000-7002'), (3, '+62 (812) 0000.7003'),
             (4, '081200007009');
         INSERT INTO auto_messages (id, message, channel_id, status) VALUES (1, 'Halo', 5, 'sent'),
             (2, 'Halo', 99999999, 'failed');
         INSERT INTO deliveries (auto_message_id, due_at, channel_id, contact_id, chat_id, status) VALUES
             (1, '2026-12-01T01:00:00Z', 7, 1, '6281200007001@c.us', 'pending'),
             (1, '2026-12-01T01:00:00Z', 7, 2, '6281200007002@c.us', 'pending'),
             (1, '2026-12-01T01:00:00Z', 7, 3, '6281200007003@c.us', 'pending'),
             (1, '2026-12-01T01:00:00Z', 7, 4, '6281200007004@c.us', 'pending')",
    )
    .unwrap();
    drop(Store::open(&path).unwrap());
    assert_eq!(
        ask(&path, "SELECT group_concat(coalesce(contact_number, '-')) FROM deliveries"),
        "6281200007001,0812-0000-7002,+62 (812) 0000.7003,-"
    );
    sql.execute("INSERT INTO channels (name, session_name) VALUES ('dua', 'dua')", []).unwrap();
    assert_eq!(ask(&path, "SELECT max(id) || '' FROM channels"), "8");
}

#[test]
fn what_an_older_version_planned_last_and_by_which_rule_is_known_after_the_upgrade() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.db");
    older(&path, 12);
    let sql = rusqlite::Connection::open(&path).unwrap();
    sql.execute_batch(
        "INSERT INTO auto_messages (id, message, interval_config, status, scheduled_at) VALUES
             (1, 'weekly', '{r}', 'sending', '2026-12-01T01:00:00Z'),
             (2, 'once', NULL, 'sending', '2026-12-01T01:00:00Z'),
             (3, 'never', '{r}', 'scheduled', '2026-12-01T01:00:00Z');
         INSERT INTO auto_messages (id, message, interval_config, created_at, updated_at)
             VALUES (4, 'untimed', '{r}', '2026-11-01T01:00:00Z', '2026-11-20 01:00:00');
         INSERT INTO deliveries (auto_message_id, channel_id, chat_id, status, due_at) VALUES
             (1, 1, 'a', 'failed', '2026-11-24T01:00:00Z'),
             (1, 1, 'a', 'pending', '2026-12-01T01:00:00Z'),
             (2, 1, 'a', 'pending', '2026-12-01T01:00:00Z')",
    )
    .unwrap();
    drop(Store::open(&path).unwrap());
    let taken = "SELECT group_concat(coalesce(taken_local || taken_rule, '-')) FROM auto_messages";
    assert_eq!(ask(&path, taken), "2026-12-01T01:00:00Z{r},-,-,-");
    let counts_from = "SELECT scheduled_local FROM auto_messages WHERE id = 4";
    assert_eq!(ask(&path, counts_from), "2026-11-20T01:00:00Z");
}

#[test]
fn a_new_database_and_one_that_is_up_to_date_leave_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.db");
    for _ in 0..2 {
        drop(Store::open(&path).unwrap());
        assert!(kept(directory.path()).is_empty());
    }
}

#[test]
fn a_second_upgrade_does_not_overwrite_what_the_first_one_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.db");
    older(&path, 3);
    drop(Store::open(&path).unwrap());
    let first = fs::read(&kept(directory.path())[0]).unwrap();
    fs::remove_file(&path).unwrap(); // a person went back to an older program
    older(&path, 3);
    drop(Store::open(&path).unwrap());
    let kept = kept(directory.path());
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(kept[1].to_str().unwrap().ends_with(".2"));
    assert_eq!(fs::read(&kept[0]).unwrap(), first);
}

#[test]
fn what_cannot_be_kept_is_not_changed() {
    let site = Site::new();
    fs::remove_file(site.database()).unwrap();
    older(&site.database(), 3);
    let bytes = fs::read(site.database()).unwrap();
    // The name of the copy is too long for the file system: the longest that the database may have.
    let long = site.path(&format!("{}.db", "x".repeat(240)));
    fs::write(&long, bytes).unwrap();
    site.write_settings(&format!("DATABASE_PATH={}\n", long.display()));
    let run = site.run(&["run"]);
    assert_eq!(run.status.code(), Some(1));
    assert!(stderr(&run).contains("nothing was changed"), "{}", stderr(&run));
    assert_eq!(ask(&long, VERSION), "3");
}

#[test]
fn a_damaged_database_is_not_brought_up_to_date() {
    let site = Site::new();
    fs::remove_file(site.database()).unwrap();
    older(&site.database(), 3);
    let root = "SELECT rootpage || '' FROM sqlite_schema WHERE name = 'contacts'";
    let page: usize = ask(&site.database(), root).parse().unwrap();
    let mut bytes = fs::read(site.database()).unwrap();
    bytes[(page - 1) * 4096..page * 4096].fill(0x5a);
    fs::write(site.database(), bytes).unwrap();
    let run = site.run(&["run"]);
    assert_eq!(run.status.code(), Some(1));
    assert!(stderr(&run).contains("damaged"), "{}", stderr(&run));
    assert!(kept(site.directory.path()).is_empty());
}

#[test]
fn a_kill_on_the_way_leaves_the_database_as_it_was_or_whole_and_kept() {
    // In the middle of the copying, and with the copy done.
    for (place, copies) in [("upgrade_half", 0), ("upgrade_kept", 1)] {
        let site = Site::new();
        fs::remove_file(site.database()).unwrap();
        older(&site.database(), 3);
        let mut run = site.start("run", "run.log", Some(place));
        run.wait_for_log(&format!("fail point: {place}"));
        assert!(run.kill());
        assert_eq!(ask(&site.database(), VERSION), "3", "{place}: nothing was changed");
        let whole = |path: &PathBuf| !path.to_str().unwrap().contains("partial");
        let count = || kept(site.directory.path()).iter().filter(|path| whole(path)).count();
        assert_eq!(count(), copies, "{place}");
        assert!(site.run(&["run"]).status.success());
        assert_ne!(ask(&site.database(), VERSION), "3");
        assert_eq!(count(), copies + 1, "{place}");
        for path in kept(site.directory.path()).iter().filter(|path| whole(path)) {
            assert_eq!(ask(path, VERSION), "3", "{place}");
        }
    }
}

#[test]
fn a_backup_of_an_older_version_is_restored_without_a_second_copy_of_it() {
    let site = Site::new();
    let backup = site.path("old-backup.db");
    older(&backup, 3);
    let restored = site.run(&["restore", backup.to_str().unwrap()]);
    assert!(restored.status.success(), "{}", stderr(&restored));
    assert_eq!(site.sqlite3("SELECT name FROM contacts").trim(), "Budi");
    assert!(kept(site.directory.path()).is_empty());
}

#[test]
fn what_was_kept_can_be_restored() {
    let site = Site::new();
    fs::remove_file(site.database()).unwrap();
    older(&site.database(), 4);
    drop(Store::open(&site.database()).unwrap());
    // With no newer version than 4 there is nothing to keep: then 3 stands for it.
    if kept(site.directory.path()).is_empty() {
        fs::remove_file(site.database()).unwrap();
        older(&site.database(), 3);
        drop(Store::open(&site.database()).unwrap());
    }
    let kept = kept(site.directory.path());
    let restored = site.run(&["restore", kept[0].to_str().unwrap()]);
    assert!(restored.status.success(), "{}", stderr(&restored));
    assert_eq!(site.sqlite3("SELECT name FROM contacts").trim(), "Budi");
}

#[test]
fn the_program_may_be_replaced_while_it_serves() {
    let site = Site::new();
    let program = site.path("program");
    // Not `fs::copy`: a child of another test could hold the file open for writing (ETXTBSY).
    let mut copy = std::process::Command::new("cp");
    copy.arg(env!("CARGO_BIN_EXE_auto-message-scheduler")).arg(&program);
    assert!(copy.status().unwrap().success());
    let serve = || {
        let log = site.path("serve.log");
        let mut command = std::process::Command::new(&program);
        command.arg("serve").current_dir(site.directory.path()).env_clear();
        command.stderr(fs::File::create(&log).unwrap());
        let mut server = Server { child: command.spawn().unwrap(), log, address: String::new() };
        server.wait_until_ready();
        server
    };
    let mut server = serve();
    site.message("081200007001");
    assert_eq!(server.post("/api/auto-message-scheduler").0, 200);

    let newer = site.path("program.new");
    fs::copy(env!("CARGO_BIN_EXE_auto-message-scheduler"), &newer).unwrap();
    fs::rename(&newer, &program).unwrap();

    site.message("081200007002");
    assert_eq!(server.post("/api/auto-message-scheduler").0, 200, "the old one goes on");
    assert_eq!(site.waha.received().len(), 2);
    server.signal("TERM");
    assert_eq!(server.end(), 0);
    let server = serve();
    site.message("081200007003");
    assert_eq!(server.post("/api/auto-message-scheduler").0, 200);
    until("the new one sent it", || site.waha.received().len() == 3);
}

#[test]
fn doctor_says_of_an_older_database_that_it_will_be_brought_up_to_date_and_calls_it_sound() {
    for version in [15, 18] {
        let site = Site::new();
        fs::remove_file(site.database()).unwrap();
        older(&site.database(), version);
        let shown = String::from_utf8(site.run(&["doctor"]).stdout).unwrap();
        let said = format!("its tables are version {version}, this program knows");
        assert!(shown.contains(&said) && shown.contains("is sound"), "{shown}");
        assert!(!shown.contains("wrong    database"), "{shown}");
    }
}
