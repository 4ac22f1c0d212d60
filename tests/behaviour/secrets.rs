//! Secrets: who may trigger, how a secret is changed while the program works, and that nothing which
//! it writes can be read by others.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::site::{SECRET, Server, Site, stderr, until, write_private};

/// A site whose secret is in the file that the first start makes.
fn site_with_made_secret(more: &str) -> Site {
    let site = Site::new();
    site.write_settings(more);
    let file = site.path("auto-message-scheduler.env");
    let settings = fs::read_to_string(&file).unwrap();
    fs::write(file, settings.replace(&format!("CRON_SECRET={SECRET}\n"), "")).unwrap();
    site
}

fn made_secret(site: &Site) -> String {
    fs::read_to_string(site.path("shop.db.cron-secret")).unwrap().trim().to_owned()
}

fn trigger(server: &Server, secret: &str) -> u16 {
    let header = format!("Authorization: Bearer {secret}\r\n");
    server.request("POST", "/api/cron-auto-message", &header).0
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_running_server_knows_a_rotated_secret_and_forgets_the_old_one_when_told() {
    let site = site_with_made_secret("");
    let server = site.serve();
    let old = made_secret(&site);
    assert_eq!(trigger(&server, &old), 202);

    let told = stdout(&site.run(&["secret", "rotate"]));
    let new = made_secret(&site);
    assert!(new != old && !told.contains(&new) && !told.contains(&old), "{told}");
    assert_eq!((trigger(&server, &old), trigger(&server, &new)), (202, 202));

    let told = stdout(&site.run(&["secret", "rotate", "--forget"]));
    assert!(told.contains("useless"), "{told}");
    assert_eq!((trigger(&server, &old), trigger(&server, &new)), (401, 202));
    assert!(!site.path("shop.db.cron-secret.previous").exists());
    let log = server.log();
    assert!(log.contains("secret: it was changed") && !log.contains(&new), "{log}");
}

#[test]
fn a_rotation_that_is_killed_half_way_shuts_nobody_out() {
    let site = site_with_made_secret("");
    let server = site.serve();
    let old = made_secret(&site);
    let log = site.path("rotate.log");
    let mut command = site.command(&["secret", "rotate"]);
    command.env("FAIL_POINT", "secret_half_rotated").stdout(Stdio::null());
    let child = command.stderr(fs::File::create(&log).unwrap()).spawn().unwrap();
    let mut rotation = Server { child, log, address: String::new() };
    rotation.wait_for_log("secret_half_rotated");
    rotation.kill();
    assert_eq!(trigger(&server, &old), 202);
    assert_eq!(made_secret(&site), old);
    stdout(&site.run(&["secret", "rotate"]));
    assert_eq!((trigger(&server, &old), trigger(&server, &made_secret(&site))), (202, 202));
}

#[test]
fn a_secret_of_the_settings_is_rotated_by_the_lines_that_are_printed() {
    let site = Site::new();
    let lines = stdout(&site.run(&["secret", "rotate"]));
    assert!(lines.contains(&format!("CRON_SECRET_PREVIOUS={SECRET}\n")), "{lines}");
    let new = lines.lines().find_map(|line| line.strip_prefix("CRON_SECRET=")).unwrap();
    // As a person does: all lines into the file, in place of the old one.
    let file = site.path("auto-message-scheduler.env");
    let settings = fs::read_to_string(&file).unwrap();
    let line = format!("CRON_SECRET={SECRET}\n");
    assert!(settings.contains(&line));
    write_private(&file, &settings.replace(&line, &lines));
    let server = site.serve();
    assert_eq!((trigger(&server, new), trigger(&server, SECRET)), (202, 202));
    assert_eq!(trigger(&server, "wrong-wrong-wrong-wrong"), 401);
    let told = stdout(&site.run(&["secret", "rotate", "--forget"]));
    assert!(told.contains("Take CRON_SECRET_PREVIOUS out"), "{told}");
    assert!(!site.path("shop.db.cron-secret").exists(), "nothing is made that nobody uses");
}

#[test]
fn the_secret_is_shown_on_a_terminal_only() {
    let site = site_with_made_secret("");
    let none = site.run(&["secret", "show"]);
    assert!(stderr(&none).contains("there is no secret file"), "{}", stderr(&none));
    assert!(stderr(&site.run(&["secret", "rotate"])).contains("correct DATABASE_PATH"));
    drop(site.serve());
    let secret = made_secret(&site);
    assert_eq!(stdout(&site.run(&["secret", "show"])), "shop.db.cron-secret\n");
    assert!(on_a_terminal(&site).contains(&secret));

    let site = Site::new();
    assert!(!stdout(&site.run(&["secret", "show"])).contains(SECRET));
    assert!(on_a_terminal(&site).contains(SECRET));
}

/// What `secret show` prints on a terminal; `script` is in every Debian.
fn on_a_terminal(site: &Site) -> String {
    let program = env!("CARGO_BIN_EXE_auto-message-scheduler");
    let mut script = Command::new("script");
    script.args(["-qec", &format!("'{program}' secret show"), "/dev/null"]);
    stdout(&script.current_dir(site.directory.path()).stdin(Stdio::null()).output().unwrap())
}

#[test]
fn strangers_are_let_in_only_with_a_secret_that_was_chosen_and_the_error_says_how() {
    let site = site_with_made_secret("LISTEN_ADDR=0.0.0.0:0\n");
    let refused = site.run(&["serve"]);
    let error = stderr(&refused);
    assert_eq!(refused.status.code(), Some(2), "{error}");
    assert!(error.contains("CRON_SECRET") && error.contains("`secret rotate`"), "{error}");
    assert!(site.run(&["run"]).status.success(), "`run` lets nobody in");

    let lines = stdout(&site.run(&["secret", "rotate"]));
    let file = site.path("auto-message-scheduler.env");
    write_private(&file, &(fs::read_to_string(&file).unwrap() + &lines));
    let mut server = site.serve();
    server.address = server.address.replace("0.0.0.0", "127.0.0.1");
    let new = lines.lines().find_map(|line| line.strip_prefix("CRON_SECRET=")).unwrap();
    assert_eq!((trigger(&server, new), trigger(&server, SECRET)), (202, 401));
}

#[test]
fn an_env_file_that_others_can_read_is_refused_by_every_command() {
    let site = Site::new();
    let file = site.path("auto-message-scheduler.env");
    for mode in [0o644, 0o640, 0o606] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        for arguments in [&["serve"][..], &["run"], &["secret", "show"], &["backup", "x.db"]] {
            let output = site.run(arguments);
            let error = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
            assert!(
                error.trim_end().ends_with(": chmod 600 auto-message-scheduler.env"),
                "{error}"
            );
        }
    }
    let mend = "chmod 600 auto-message-scheduler.env";
    let mended = Command::new("sh").args(["-c", mend]).current_dir(site.directory.path()).status();
    assert!(mended.unwrap().success() && site.run(&["run"]).status.success());
}

#[test]
fn nothing_that_the_program_makes_can_be_read_by_others_whatever_the_umask() {
    for umask in ["022", "000"] {
        let site = site_with_made_secret("LOG_FILE=sent.log\nTICK_SECONDS=1\n");
        fs::remove_file(site.database()).unwrap();
        let widest = Watch::start(site.directory.path());
        let program = env!("CARGO_BIN_EXE_auto-message-scheduler");
        let run = |command: &str| {
            let line = format!("umask {umask}; exec '{program}' {command}");
            let mut sh = Command::new("sh");
            sh.args(["-c", &line]).current_dir(site.directory.path()).stdin(Stdio::null());
            sh
        };
        let log = site.path("sent.log");
        let mut server =
            Server { child: run("serve").spawn().unwrap(), log, address: String::new() };
        until("the log is there", || site.path("sent.log").exists());
        server.wait_until_ready();
        site.message("081200007001");
        until("the message is sent", || site.status() == "sent");
        for command in
            ["secret rotate", "backup copy.db", "backup kept.db --keep 2", "backup copy.db"]
        {
            let output = run(command).output().unwrap();
            assert!(output.status.success(), "{command}: {}", stderr(&output));
        }
        server.signal("TERM");
        assert_eq!(server.end(), 0);
        let output = run("restore copy.db").output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let seen = widest.stop();
        for name in [
            "shop.db",
            "shop.db-wal",
            "shop.db-shm",
            "shop.db.lock",
            "shop.db.cron-secret",
            "shop.db.cron-secret.previous",
            "copy.db",
            "sent.log",
        ] {
            assert!(seen.contains_key(name), "{name} was never there: {seen:?}");
        }
        for (name, mode) in seen {
            assert_eq!(mode & 0o077, 0, "umask {umask}: {name} had mode {mode:o}");
        }
    }
}

#[test]
fn a_database_that_others_can_read_is_used_and_the_log_says_what_mends_it() {
    let site = Site::new();
    fs::set_permissions(site.database(), fs::Permissions::from_mode(0o644)).unwrap();
    let mut server = site.serve();
    server.wait_for_log("can read or change it: chmod 600 shop.db");
    drop(server);
    fs::set_permissions(site.database(), fs::Permissions::from_mode(0o600)).unwrap();
    let mut server = site.serve();
    server.signal("TERM");
    assert_eq!(server.end(), 0);
    assert!(!server.log().contains("chmod"), "{}", server.log());
}

/// Looks at a directory all the time, and keeps the widest mode that each file ever had.
struct Watch {
    stops: Arc<AtomicBool>,
    seen: Arc<Mutex<BTreeMap<String, u32>>>,
    thread: std::thread::JoinHandle<()>,
}

impl Watch {
    fn start(directory: &Path) -> Self {
        let (directory, stops) = (directory.to_owned(), Arc::new(AtomicBool::new(false)));
        let seen: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
        let (ends, notes) = (Arc::clone(&stops), Arc::clone(&seen));
        let thread = std::thread::spawn(move || {
            loop {
                // Once more after the end: what was made last counts too.
                let is_last = ends.load(Ordering::SeqCst);
                for entry in fs::read_dir(&directory).unwrap().flatten() {
                    let name = entry.file_name().into_string().unwrap();
                    let Ok(metadata) = entry.metadata() else { continue };
                    let mode = metadata.permissions().mode() & 0o777;
                    *notes.lock().unwrap().entry(name).or_default() |= mode;
                }
                if is_last {
                    return;
                }
            }
        });
        Self { stops, seen, thread }
    }

    fn stop(self) -> BTreeMap<String, u32> {
        self.stops.store(true, Ordering::SeqCst);
        self.thread.join().unwrap();
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

#[test]
fn each_trigger_leaves_a_row_that_says_what_it_was_and_from_where() {
    let site = Site::new();
    site.write_settings("TICK_SECONDS=1\n");
    {
        let server = site.serve();
        site.message("081200007001");
        until("the ticker sends it", || site.status() == "sent");
        server.post("/api/cron-auto-message");
        server.post("/api/auto-message-scheduler");
        assert_eq!(trigger(&server, "wrong-wrong-wrong-wrong"), 401);
        until("both have a row", || {
            site.sqlite3("SELECT count(*) FROM runs WHERE remote IS NOT NULL").trim() == "2"
        });
        assert!(server.log().contains("refused a trigger from 127.0.0.1"));
    }
    assert!(site.run(&["run"]).status.success());
    let rows =
        site.sqlite3("SELECT DISTINCT trigger, ifnull(remote, 'nobody') FROM runs ORDER BY 1");
    assert_eq!(rows, "api|127.0.0.1\ncli|nobody\ncron|127.0.0.1\ntimer|nobody\n");
}
