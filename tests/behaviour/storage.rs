//! The database's file and its directory: cut short, read-only, damaged.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use auto_message_scheduler::clock::{Clock, Now, SystemClock, Timestamp, Wake};
use auto_message_scheduler::engine::{Engine, SendingError};
use auto_message_scheduler::fake_waha::{FakeWaha, Options};
use auto_message_scheduler::store::{Store, Trigger};
use auto_message_scheduler::trigger::{RunReport, Triggers};
use auto_message_scheduler::waha::Waha;

use crate::site::write_private;
use crate::windows::FastClock;
use crate::world::config;

/// A copy of a database in the middle of a transaction, as a power cut leaves it without WAL: half
/// of the pages are new, and the old ones are in the journal.
fn cut_short_in_rollback_mode(directory: &Path) -> PathBuf {
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
        let beside = |path: &Path| format!("{}{end}", path.display());
        fs::copy(beside(&path), beside(&copy)).unwrap();
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

/// A directory with a message that is due, and the program as a user whom permissions bind: root's
/// tests run it as nobody.
struct Shop {
    directory: tempfile::TempDir,
    program: PathBuf,
    is_root: bool,
    waha: FakeWaha,
}

const NOBODY: u32 = 65534;

impl Shop {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let waha =
            FakeWaha::start(Options::default(), Arc::new(SystemClock::default()), |_| {}).unwrap();
        let settings = format!("WAHA_BASE_URL={}\nDATABASE_PATH=shop.db\n", waha.base_url());
        let env_file = directory.path().join("auto-message-scheduler.env");
        write_private(&env_file, &settings);
        let program = directory.path().join("program");
        let built = env!("CARGO_BIN_EXE_auto-message-scheduler");
        if fs::hard_link(built, &program).is_err() {
            // Not `fs::copy`: a child of another test could hold the file open for writing (ETXTBSY).
            let mut copy = std::process::Command::new("cp");
            assert!(copy.arg(built).arg(&program).status().unwrap().success());
        }
        let is_root = fs::metadata(directory.path()).unwrap().uid() == 0;
        let shop = Self { directory, program, is_root, waha };
        drop(Store::open(&shop.database()).unwrap());
        shop.sql()
            .execute_batch(
                "INSERT INTO auto_messages (title, message, contact_ids, scheduled_at)
                 VALUES ('x', 'Halo', '081200007001', datetime('now'))",
            )
            .unwrap();
        if is_root {
            for path in [shop.directory.path(), &shop.database(), &env_file] {
                chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        shop
    }

    fn database(&self) -> PathBuf {
        self.directory.path().join("shop.db")
    }

    fn sql(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.database()).unwrap()
    }

    /// `run`: whether it ended well, and what it said.
    fn run(&self) -> (bool, String) {
        let mut command = Command::new(&self.program);
        command.arg("run").current_dir(self.directory.path()).env_clear();
        if self.is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn assert_stops_with(&self, remedy: &str) {
        let (is_well, said) = self.run();
        assert!(!is_well && said.contains(remedy), "{said}");
        assert!(self.waha.received().is_empty());
    }

    fn assert_goes_on(&self) {
        let (is_well, said) = self.run();
        assert!(is_well, "{said}");
        assert_eq!(self.waha.received().len(), 1);
    }
}

#[test]
fn a_file_that_may_only_be_read_sends_nothing_until_it_may_be_written() {
    let shop = Shop::new();
    Shop::set_mode(&shop.database(), 0o444);
    shop.assert_stops_with("the file has mode 444: `chmod 600 ");
    Shop::set_mode(&shop.database(), 0o600);
    shop.assert_goes_on();
}

#[test]
fn an_error_that_only_a_person_can_mend_ends_a_run_at_once_and_with_its_cause() {
    let shop = Shop::new();
    shop.sql()
        .execute_batch(
            "CREATE TRIGGER mine BEFORE INSERT ON deliveries
             BEGIN SELECT RAISE(ABORT, 'closed for stocktaking'); END",
        )
        .unwrap();
    let (is_well, said) = shop.run();
    let last = said.lines().last().unwrap_or_default();
    assert!(!is_well && last.contains("closed for stocktaking"), "{said}");
    shop.sql().execute_batch("DROP TRIGGER mine").unwrap();
    shop.assert_goes_on();
}

/// A clock that makes room on the disk when its time has come.
struct Mender {
    clock: FastClock,
    at: Duration,
    sql: Mutex<rusqlite::Connection>,
}

impl Clock for Mender {
    fn now(&self) -> Now {
        self.clock.now()
    }

    fn sleep(&self, wake: &Wake, seen: u64, max: Option<Duration>) {
        self.clock.sleep(wake, seen, max);
        if self.now().monotonic >= self.at {
            self.sql.lock().unwrap().execute_batch("DROP TRIGGER IF EXISTS full_disk").unwrap();
        }
    }
}

/// A run during whose first seconds the disk is full.
fn run_with_a_full_disk_for(seconds: u64) -> (Result<RunReport, SendingError>, usize) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    let store = Store::open(&path).unwrap();
    let sql = rusqlite::Connection::open(&path).unwrap();
    // SQLite's own words for an AUTOINCREMENT that came to its end are those of a full disk.
    sql.execute_batch(
        "CREATE TABLE at_its_end (id INTEGER PRIMARY KEY AUTOINCREMENT);
         INSERT INTO at_its_end VALUES (9223372036854775807);
         CREATE TRIGGER full_disk BEFORE INSERT ON deliveries
             BEGIN INSERT INTO at_its_end VALUES (NULL); END;
         INSERT INTO auto_messages (message, contact_ids, scheduled_at)
             VALUES ('Halo', '081200007001', '2026-12-01T01:00:00Z')",
    )
    .unwrap();
    let start = Timestamp::parse("2026-12-01T01:00:00Z").unwrap();
    let clock = FastClock::new(start);
    let (at, sql) = (Duration::from_secs(seconds), Mutex::new(sql));
    let clock: Arc<dyn Clock> = Arc::new(Mender { clock, at, sql });
    let waha = FakeWaha::start(Options::default(), Arc::clone(&clock), |_| {}).unwrap();
    let triggers = Arc::new(Triggers::default());
    let engine = Engine::new(
        Arc::new(Mutex::new(store)),
        Waha::new(&waha.base_url(), None, Duration::from_secs(5)),
        clock,
        Arc::clone(&triggers),
        Arc::new(config()),
        7,
    );
    let run = triggers.pull(Trigger::Cli, None).run;
    (engine.send_one_run(1, run), waha.received().len())
}

#[test]
fn a_run_waits_for_a_database_that_fails_for_half_a_minute_and_not_longer() {
    for seconds in [3, 20, 29] {
        let (report, received) = run_with_a_full_disk_for(seconds);
        assert_eq!((report.unwrap().deliveries.sent, received), (1, 1), "{seconds}");
    }
    let (report, received) = run_with_a_full_disk_for(3_600);
    let said = report.unwrap_err().to_string();
    assert!(said.contains("the database failed for 30 seconds"), "{said}");
    assert_eq!(received, 0);
}

#[test]
fn a_directory_that_may_only_be_read_sends_nothing_until_it_may_be_written() {
    let shop = Shop::new();
    Shop::set_mode(shop.directory.path(), 0o555);
    shop.assert_stops_with("the directory has mode 555: `chmod 700 ");
    Shop::set_mode(shop.directory.path(), 0o755);
    shop.assert_goes_on();
}

#[test]
fn a_damaged_page_sends_nothing_until_the_file_is_replaced() {
    let shop = Shop::new();
    let page: u64 = shop
        .sql()
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'auto_messages'", [], |row| {
            row.get(0)
        })
        .unwrap();
    let whole = fs::read(shop.database()).unwrap();
    let mut damaged = whole.clone();
    let from = usize::try_from((page - 1) * 4096).unwrap();
    damaged[from..from + 4096].fill(0xA5);
    fs::write(shop.database(), damaged).unwrap();
    shop.assert_stops_with(
        "the file is damaged: stop the program, keep a copy, and restore a backup",
    );
    for end in ["-wal", "-shm"] {
        drop(fs::remove_file(shop.directory.path().join(format!("shop.db{end}"))));
    }
    fs::write(shop.database(), whole).unwrap();
    shop.assert_goes_on();
}
