//! Backups, restores and copies with the real program, while it sends and while it is killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use auto_message_scheduler::clock::SystemClock;
use auto_message_scheduler::fake_waha::{FakeWaha, Options};
use auto_message_scheduler::store::Store;

use crate::media::sha256;
use crate::site::write_private;

const PATIENCE: Duration = Duration::from_secs(20);

/// A directory with settings and a database, and a simulated WAHA.
struct Shop {
    directory: tempfile::TempDir,
    waha: FakeWaha,
}

/// Killed when dropped.
struct Running {
    child: Child,
    log: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Running {
    fn wait_for_log(&self, part: &str) {
        until(part, || fs::read_to_string(&self.log).unwrap().contains(part));
    }
}

impl Shop {
    fn new() -> Self {
        let options = Options::default();
        let waha = FakeWaha::start(options, Arc::new(SystemClock::default()), |_| {}).unwrap();
        let shop = Self { directory: tempfile::tempdir().unwrap(), waha };
        drop(Store::open(&shop.path("shop.db")).unwrap());
        shop.write_settings("shop.db", 0);
        shop
    }

    fn write_settings(&self, database: &str, delay_secs: u32) {
        let settings = format!(
            "WAHA_BASE_URL={}\nDATABASE_PATH={database}\nLISTEN_ADDR=127.0.0.1:0\n\
             SEND_DELAY_SECONDS={delay_secs}\nSEND_JITTER_SECONDS=0\nTICK_SECONDS=1\n",
            self.waha.base_url()
        );
        write_private(&self.path("auto-message-scheduler.env"), &settings);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn ask(&self, database: &str, sql: &str) -> String {
        let connection = rusqlite::Connection::open(self.path(database)).unwrap();
        connection.busy_timeout(PATIENCE).unwrap();
        let sql = format!("SELECT CAST(({sql}) AS TEXT)");
        connection
            .query_row(&sql, [], |row| row.get::<_, Option<String>>(0))
            .unwrap()
            .unwrap_or_default()
    }

    fn message(&self, recipients: std::ops::Range<u32>) {
        let phones: Vec<String> = recipients.map(|number| format!("0812000{number:05}")).collect();
        let connection = rusqlite::Connection::open(self.path("shop.db")).unwrap();
        connection.busy_timeout(PATIENCE).unwrap();
        let sql = "INSERT INTO auto_messages (message, contact_ids, scheduled_at)
                   VALUES ('Halo', ?1, datetime('now'))";
        connection.execute(sql, [phones.join(",")]).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_auto-message-scheduler"));
        command.args(arguments).current_dir(self.directory.path()).env_clear().stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn start(&self, arguments: &[&str], fail_point: Option<&str>) -> Running {
        let log = self.path("program.log");
        let mut command = self.command(arguments);
        command.stderr(fs::File::create(&log).unwrap()).stdout(Stdio::null());
        if let Some(point) = fail_point {
            command.env("FAIL_POINT", point);
        }
        Running { child: command.spawn().unwrap(), log }
    }

    /// Starts a command, and kills it at a fail point.
    fn kill_at(&self, point: &str, arguments: &[&str]) {
        let running = self.start(arguments, Some(point));
        running.wait_for_log(&format!("fail point: {point}"));
    }

    fn assert_nobody_twice(&self) {
        let mut chats: Vec<String> =
            self.waha.received().into_iter().map(|received| received.chat_id).collect();
        chats.sort();
        let all = chats.len();
        chats.dedup();
        assert_eq!(chats.len(), all, "somebody got it twice");
    }
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn is_well(path: &Path) -> bool {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap()
        == "ok"
}

#[test]
fn backups_are_made_while_the_server_sends_and_each_of_them_is_whole() {
    let shop = Shop::new();
    shop.message(7000..7150);
    let _server = shop.start(&["serve"], None);
    until("it sends", || shop.waha.received().len() > 3);
    let mut made = Vec::new();
    for number in 0..5 {
        let name = format!("b{number}");
        let output = shop.run(&["backup", &name]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let line = text(&output.stdout);
        assert!(line.starts_with(&format!("{name}: 1 message, 150 deliveries, ")), "{line}");
        assert_eq!(line.lines().count(), 1);
        made.push(name);
    }
    until("all is sent", || shop.ask("shop.db", "SELECT status FROM auto_messages") == "sent");
    for name in &made {
        assert!(is_well(&shop.path(name)));
        assert_eq!(shop.ask(name, "SELECT count(*) FROM deliveries"), "150");
    }
    assert_eq!(shop.waha.received().len(), 150);
    shop.assert_nobody_twice();
}

#[test]
fn a_backup_that_is_killed_leaves_the_older_one_and_the_next_one_cleans_up() {
    let shop = Shop::new();
    shop.message(7000..7200);
    assert!(shop.run(&["backup", "b"]).status.success());
    let older = fs::read(shop.path("b")).unwrap();
    for point in ["backup_half", "backup_copied", "backup_checked"] {
        shop.kill_at(point, &["backup", "b"]);
        assert_eq!(fs::read(shop.path("b")).unwrap(), older, "{point}");
        shop.kill_at(point, &["backup", "new"]);
        assert!(!shop.path("new").exists(), "{point}");
    }
    for name in ["b", "new"] {
        assert!(shop.run(&["backup", name]).status.success());
        assert!(is_well(&shop.path(name)));
    }
    let left: Vec<String> =
        shop.names().into_iter().filter(|name| name.contains("partial")).collect();
    assert_eq!(left, [""; 0]);
}

/// A message with a file.
fn with_file(shop: &Shop) {
    shop.message(7000..7200);
    fs::write(shop.path("shop.db.pdf"), "%PDF-1.7").unwrap();
    let name = text(&shop.run(&["file", "add", "shop.db.pdf"]).stdout);
    let connection = rusqlite::Connection::open(shop.path("shop.db")).unwrap();
    let sql = "UPDATE auto_messages SET content = json_object('kind', 'file', 'file', ?1)";
    connection.execute(sql, [name.trim()]).unwrap();
}

#[test]
fn what_a_killed_backup_or_restore_left_under_another_time_goes_with_the_next_one() {
    let shop = Shop::new();
    with_file(&shop);
    assert!(shop.run(&["backup", "b"]).status.success());
    for point in ["backup_half", "backup_checked"] {
        shop.kill_at(point, &["backup", "daily", "--keep", "2"]);
    }
    shop.kill_at("backup_copied", &["restore", "b"]);
    std::thread::sleep(Duration::from_millis(1100));
    assert!(shop.run(&["backup", "daily", "--keep", "2"]).status.success());
    assert!(shop.run(&["restore", "b"]).status.success());
    let mut names = shop.names();
    names.retain(|name| name.starts_with("daily") || name.contains("partial"));
    names.sort();
    let [made, files] = &names[..] else { panic!("{names:?}") };
    assert_eq!(*files, format!("{made}.files"));
    assert_eq!(fs::read_dir(shop.path(files)).unwrap().count(), 1);
}

#[test]
fn a_backup_on_another_disk_that_is_ended_by_a_signal_leaves_nothing_behind() {
    let memory = Path::new("/dev/shm");
    if !memory.is_dir() {
        return;
    }
    let shop = Shop::new();
    with_file(&shop);
    let disk = tempfile::tempdir_in(memory).unwrap();
    let target = disk.path().join("b");
    let interrupt = |mut running: Running| {
        let kill = format!("kill -INT {}", running.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        assert_eq!(running.child.wait().unwrap().code(), Some(1));
        assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 0);
    };
    let running = shop.start(&["backup", target.to_str().unwrap()], Some("file_written"));
    running.wait_for_log("fail point: file_written");
    interrupt(running);
    // It goes on with other files while the first ones are removed.
    let connection = rusqlite::Connection::open(shop.path("shop.db")).unwrap();
    for number in 0..100 {
        let bytes = vec![number; 1 << 20];
        let name = sha256(&bytes);
        fs::write(shop.path("shop.db.files").join(&name), bytes).unwrap();
        let sql = "INSERT INTO auto_messages (message, contact_ids, scheduled_at, content)
                   VALUES ('', '1', datetime('now'), json_object('kind', 'file', 'file', ?1))";
        connection.execute(sql, [name]).unwrap();
    }
    for _ in 0..3 {
        let running = shop.start(&["backup", target.to_str().unwrap()], None);
        let files = disk.path().join("b.files");
        until("some are there", || fs::read_dir(&files).is_ok_and(|names| names.count() > 5));
        interrupt(running);
    }
}

#[test]
fn a_backup_that_is_ended_by_a_signal_leaves_nothing_behind() {
    let shop = Shop::new();
    with_file(&shop);
    assert!(shop.run(&["backup", "b"]).status.success());
    // Beside the database SQLite's own files come and go.
    let names = || {
        let mut names = shop.names();
        names.retain(|name| !name.starts_with("shop.db") && name != "program.log");
        names.sort();
        names
    };
    let before = names();
    for (signal, arguments) in [
        ("INT", &["backup", "b"][..]),
        ("TERM", &["backup", "new"]),
        ("HUP", &["backup", "b", "--keep", "2"]),
    ] {
        for point in ["backup_half", "backup_checked"] {
            let mut running = shop.start(arguments, Some(point));
            running.wait_for_log(&format!("fail point: {point}"));
            let kill = format!("kill -{signal} {}", running.child.id());
            assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
            assert_eq!(running.child.wait().unwrap().code(), Some(1), "SIG{signal} at {point}");
            assert_eq!(names(), before, "SIG{signal} at {point}");
        }
    }
}

#[test]
fn a_restore_under_a_server_is_refused_and_after_it_sends_nobody_twice() {
    let shop = Shop::new();
    shop.message(7000..7005);
    assert!(shop.run(&["backup", "b"]).status.success());
    shop.write_settings("shop.db", 60);
    let mut server = shop.start(&["serve"], None);
    until("the first is out", || shop.waha.received().len() == 1);
    let refused = shop.run(&["restore", "b"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("is being used to send: stop `serve`"));
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    drop(server);

    let restored = shop.run(&["restore", "b"]);
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    let told = text(&restored.stdout);
    // The one may be sent or, when it died before the record, unknown; four were certainly not.
    assert!(told.contains("; 4 pending."), "{told}");
    assert!(shop.names().iter().any(|name| name.starts_with("shop.db.before-restore-")));
    shop.write_settings("shop.db", 0);
    fs::remove_file(shop.path("b")).unwrap();
    let connection = rusqlite::Connection::open(shop.path("shop.db")).unwrap();
    connection.execute("UPDATE channels SET ready_at = NULL", []).unwrap();
    let run = shop.run(&["run"]);
    assert_eq!((run.status.code(), text(&run.stderr).as_str()), (Some(0), ""));
    assert_eq!(shop.waha.received().len(), 5);
    shop.assert_nobody_twice();
}

#[test]
fn a_restore_that_knows_nothing_prints_what_to_look_at() {
    let shop = Shop::new();
    shop.message(7000..7003);
    assert!(shop.run(&["backup", "b"]).status.success());
    assert!(shop.run(&["run"]).status.success());
    for name in ["shop.db", "shop.db-wal", "shop.db-shm"] {
        drop(fs::remove_file(shop.path(name)));
    }
    let told = text(&shop.run(&["restore", "b"]).stdout);
    for part in ["3 unknown, 0 sent", "never sent by themselves", "WHERE status = 'unknown'"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(shop.run(&["run"]).status.success());
    assert_eq!(shop.waha.received().len(), 3);
    shop.assert_nobody_twice();
}

#[test]
fn a_restore_that_is_killed_leaves_the_old_database_and_can_be_done_again() {
    let shop = Shop::new();
    shop.message(7000..7002);
    assert!(shop.run(&["run"]).status.success());
    assert!(shop.run(&["backup", "b"]).status.success());
    shop.message(7002..7004);
    for point in ["backup_half", "restore_prepared", "restore_half"] {
        shop.kill_at(point, &["restore", "b"]);
        assert!(is_well(&shop.path("shop.db")), "{point}");
        assert_eq!(shop.ask("shop.db", "SELECT count(*) FROM auto_messages"), "2", "{point}");
    }
    assert!(shop.run(&["restore", "b"]).status.success());
    assert_eq!(shop.ask("shop.db", "SELECT count(*) FROM auto_messages"), "1");
    assert!(!shop.names().iter().any(|name| name.contains("restoring")), "{:?}", shop.names());
}

#[test]
fn a_restore_that_is_killed_between_two_renames_is_not_taken_for_an_empty_database() {
    let shop = Shop::new();
    shop.message(7000..7002);
    assert!(shop.run(&["backup", "b"]).status.success());
    fs::write(shop.path("shop.db"), "no database any more").unwrap();
    shop.kill_at("restore_moved_aside", &["restore", "b"]);
    let run = shop.run(&["run"]);
    assert_eq!(run.status.code(), Some(1));
    assert!(text(&run.stderr).contains("a restore was cut off"), "{}", text(&run.stderr));
    assert!(shop.run(&["restore", "b"]).status.success());
    assert!(shop.run(&["run"]).status.success());
    assert_eq!(shop.ask("shop.db", "SELECT unknown_count FROM auto_messages"), "2");
    assert!(shop.waha.received().is_empty());
}

#[test]
fn a_second_copy_does_not_send_until_it_is_confirmed() {
    let shop = Shop::new();
    assert!(shop.run(&["run"]).status.success()); // the database knows its place
    shop.message(7000..7003);
    fs::copy(shop.path("shop.db"), shop.path("copy.db")).unwrap();
    assert!(shop.run(&["run"]).status.success());
    assert_eq!(shop.waha.received().len(), 3);

    shop.write_settings("copy.db", 0);
    let run = shop.run(&["run"]);
    assert!(run.status.success());
    let error = text(&run.stderr);
    assert!(error.contains("all channels are held") && error.contains("confirm-place"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    let run = shop.run(&["run"]);
    assert_eq!(text(&run.stderr), "", "one mail from cron is enough");
    assert_eq!(shop.waha.received().len(), 3);

    let server = shop.start(&["serve"], None);
    server.wait_for_log("still not confirmed");
    let confirmed = shop.run(&["confirm-place"]);
    assert_eq!(text(&confirmed.stdout), "copy.db sends from here now; 1 channel freed\n");
    until("it sends", || shop.waha.received().len() > 3);
    let again = shop.run(&["confirm-place"]);
    assert!(text(&again.stdout).starts_with("nothing to confirm"));
}

#[test]
fn a_server_that_stood_by_does_not_send_from_a_file_that_was_taken_away() {
    let shop = Shop::new();
    let first = shop.start(&["serve"], None);
    first.wait_for_log("ready on");
    let log = shop.path("second.log");
    let child = shop.command(&["serve"]).stderr(fs::File::create(&log).unwrap()).spawn().unwrap();
    let mut second = Running { child, log };
    second.wait_for_log("stands by");
    fs::rename(shop.path("shop.db"), shop.path("old.db")).unwrap();
    drop(Store::open(&shop.path("shop.db")).unwrap());
    drop(first);
    until("it ends", || second.child.try_wait().unwrap().is_some());
    second.wait_for_log("was replaced while this process stood by");
}
