//! What the system denies: files of another owner, and a database that another program holds while
//! this one shall end.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::media::{jpeg, sha256};
use crate::site::{Site, program, stderr, until};

const NOBODY: u32 = 65_534;

/// A site of the user nobody, in which root did something once. `None` without the rights to make it.
fn nobodys_site(settings: &str) -> Option<Site> {
    let site = Site::new();
    site.write_settings(settings);
    let own = |path: &Path| chown(path, Some(NOBODY), Some(NOBODY));
    own(site.directory.path()).ok()?;
    for file in ["shop.db", "auto-message-scheduler.env"] {
        own(&site.path(file)).unwrap();
    }
    // Whether nobody can get at the program at all is the machine's matter.
    let mut help = site.command(&["--version"]);
    help.uid(NOBODY).gid(NOBODY).output().is_ok().then_some(site)
}

fn as_nobody(site: &Site, arguments: &[&str]) -> (Option<i32>, String) {
    let output = site.command(arguments).uid(NOBODY).gid(NOBODY).output().unwrap();
    (output.status.code(), stderr(&output))
}

#[test]
fn a_file_that_root_left_is_named_with_its_owner_and_the_remedy() {
    for (file, settings, arguments) in [
        ("shop.db", "", &["run"][..]),
        ("shop.db-wal", "", &["run"]),
        ("shop.db-shm", "", &["serve"]),
        ("shop.db.lock", "", &["run"]),
        ("shop.log", "LOG_FILE=shop.log\n", &["serve"]),
        ("shop.db.cron-secret", "CRON_SECRET=\n", &["serve"]),
        ("auto-message-scheduler.env", "", &["status"]),
    ] {
        let Some(site) = nobodys_site(settings) else { return };
        let path = site.path(file);
        if !path.exists() {
            fs::write(&path, "x".repeat(40)).unwrap();
        }
        if file.ends_with("-wal") || file.ends_with("-shm") {
            fs::write(&path, "").unwrap();
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        chown(&path, Some(0), Some(0)).unwrap();
        let (code, error) = as_nobody(&site, arguments);
        assert_ne!(code, Some(0), "{file}");
        for part in
            [file, "belongs to user root (0)", "runs as user nobody (65534)", "`chown 65534:"]
        {
            assert!(error.contains(part), "{file}: {part}: {error}");
        }
        // The remedy is one.
        chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
        if arguments == ["run"] {
            assert_eq!(as_nobody(&site, arguments).0, Some(0), "{file}");
        }
    }
}

#[test]
fn a_file_that_root_takes_in_or_brings_back_belongs_to_the_owner_of_the_database() {
    let Some(site) = nobodys_site("") else { return };
    fs::write(site.path("promo.jpg"), jpeg(20_000)).unwrap();
    let add = ["message", "add", "--image", "promo.jpg", "--to", "081200007001", "--at", "now"];
    assert!(site.run(&add).status.success());
    assert_eq!(as_nobody(&site, &["run"]).0, Some(0));
    assert_eq!(site.waha.received().len(), 1);
    assert!(site.run(&["backup", "copy.db"]).status.success());
    let file = site.path("shop.db.files").join(sha256(&jpeg(20_000)));
    fs::remove_file(&file).unwrap();
    fs::write(&file, "something else, in place of which no link can be put").unwrap();
    assert!(site.run(&["restore", "copy.db"]).status.success());
    assert_eq!(fs::read(&file).unwrap(), jpeg(20_000));
    assert_eq!(fs::metadata(&file).unwrap().uid(), NOBODY);
}

#[test]
fn a_directory_and_a_mode_that_deny_it_are_named_too() {
    let Some(site) = nobodys_site("") else { return };
    chown(site.directory.path(), Some(0), Some(0)).unwrap();
    fs::set_permissions(site.directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (_, error) = as_nobody(&site, &["run"]);
    assert!(error.contains("the directory") && error.contains("user root (0)"), "{error}");
    chown(site.directory.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    fs::set_permissions(site.path("shop.db"), fs::Permissions::from_mode(0o400)).unwrap();
    let (_, error) = as_nobody(&site, &["run"]);
    assert!(error.contains("mode 400: `chmod 600 "), "{error}");
}

#[test]
fn a_full_disk_is_named_with_the_remedy_and_no_other() {
    let site = Site::new();
    let script = "mount -t tmpfs -o size=1m tmpfs . || exit 77
        cd \"$PWD\"; export DATABASE_PATH=full.db WAHA_BASE_URL=http://127.0.0.1:1
        \"$0\" message add Halo --to 081200007001 --at +1h || exit 78
        cat /dev/zero >fill; \"$0\" run; \"$0\" doctor";
    let mut shell = Command::new("unshare");
    shell.args(["-m", "sh", "-c", script]).arg(program()).current_dir(site.directory.path());
    let Ok(output) = shell.output() else { return };
    if output.status.code() == Some(77) || stderr(&output).contains("unshare failed") {
        return; // This machine lets nobody mount.
    }
    let told = stderr(&output);
    assert!(told.contains("the disk is full: make room"), "{told}");
    let found = String::from_utf8_lossy(&output.stdout);
    assert!(
        found.contains("until then nothing is recorded") && !found.contains("backup"),
        "{found}"
    );
}

#[test]
fn a_signal_ends_the_program_within_two_seconds_while_another_one_holds_the_database() {
    for command in ["serve", "run"] {
        let site = Site::new();
        site.write_settings("SEND_DELAY_SECONDS=60\nTICK_SECONDS=1\n");
        site.message("081200007001, 081200007002");
        let mut program = site.start(command, "program.log", None);
        until("the first is recorded", || {
            let sql = "SELECT count(*) FROM deliveries WHERE status = 'sent'";
            site.sql().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap() == 1
        });
        let other = site.sql();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        // Something to write, for the one that conducts.
        if command == "serve" {
            program.wait_until_ready();
            drop(program.post("/api/cron-auto-message"));
        }
        std::thread::sleep(Duration::from_millis(300));
        let began = Instant::now();
        program.signal("TERM");
        program.end();
        // More than two seconds for a machine that is busy; without a stop it were five and more.
        assert!(began.elapsed() < Duration::from_millis(4800), "{command}: {:?}", began.elapsed());
        other.execute_batch("ROLLBACK").unwrap();
        // Nothing is lost by it.
        let sql = "SELECT group_concat(status) FROM deliveries";
        let statuses: String = site.sql().query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(statuses, "sent,pending", "{command}");
    }
}

#[test]
fn an_outcome_is_still_recorded_when_the_database_is_given_back_in_time() {
    let (asked, released) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
    let (arrived, answer) = (std::sync::Mutex::new(asked.0), std::sync::Mutex::new(released.1));
    let key = Some("kunci-rahasia".to_owned());
    let options = auto_message_scheduler::fake_waha::Options { api_key: key, ..Default::default() };
    let site = Site::with_waha(options, move |_| {
        arrived.lock().unwrap().send(()).unwrap();
        answer.lock().unwrap().recv().unwrap();
    });
    site.message("081200007001");
    let mut program = site.start("run", "program.log", None);
    asked.1.recv_timeout(Duration::from_secs(20)).unwrap();
    let other = site.sql();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    program.signal("TERM");
    released.0.send(()).unwrap();
    std::thread::sleep(Duration::from_millis(600));
    other.execute_batch("ROLLBACK").unwrap();
    program.end();
    let sql = "SELECT group_concat(status) FROM deliveries";
    let statuses: String = site.sql().query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(statuses, "sent", "{}", program.log());
}
