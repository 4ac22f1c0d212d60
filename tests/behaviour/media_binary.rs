//! Messages with files, with the real program: taken in, sent, backed up, restored, pruned.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use auto_message_scheduler::clock::SystemClock;
use auto_message_scheduler::fake_waha::{FakeWaha, Options, Received};
use serde_json::{Value, json};

use crate::api_v1::{Door, add_key};
use crate::media::{jpeg, sha256};
use crate::project::free_port;
use crate::site::{Server, Site, program, stderr, until};

fn site(options: Options) -> Site {
    Site::with_options(Options { api_key: Some("kunci-rahasia".into()), ..options })
}

fn files(site: &Site) -> Vec<String> {
    let Ok(entries) = fs::read_dir(site.path("shop.db.files")) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn done(site: &Site, arguments: &[&str]) -> String {
    let output = site.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(site: &Site, arguments: &[&str]) -> String {
    let output = site.run(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    stderr(&output)
}

#[test]
fn a_picture_of_the_command_line_arrives_byte_for_byte_under_its_own_name() {
    let site = site(Options::default());
    let picture = jpeg(300_000);
    fs::write(site.path("promo.jpg"), &picture).unwrap();
    let arguments = ["Promo!", "--image", "promo.jpg", "--to", "081200007001", "--at", "now"];
    done(&site, &[&["message", "add"], &arguments[..]].concat());
    let mode = |path: &str| {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(site.path(path)).unwrap().permissions().mode() & 0o777
    };
    let name = sha256(&picture);
    assert_eq!(files(&site), [name.as_str()]);
    assert_eq!((mode("shop.db.files"), mode(&format!("shop.db.files/{name}"))), (0o700, 0o600));
    fs::remove_file(site.path("promo.jpg")).unwrap();
    done(&site, &["run"]);
    let received = site.waha.received().remove(0);
    let file = received.file.unwrap();
    assert_eq!((received.text.as_str(), received.route.as_str()), ("Promo!", "sendImage"));
    assert_eq!((file.sha256, file.filename), (Some(name.clone()), Some("promo.jpg".to_owned())));
    let shown = done(&site, &["message", "show", "1"]);
    assert!(shown.contains(&name) && shown.contains("promo.jpg"), "{shown}");
    assert!(shown.contains("file      0.3 MB (image/jpeg)"), "{shown}");
}

#[test]
fn a_plan_says_how_large_the_file_is_and_what_its_times_leave_out() {
    let site = site(Options::default());
    fs::write(site.path("promo.jpg"), jpeg(1_200_000)).unwrap();
    let to = ["--to", "081200007001", "081200007002", "--at", "+1h"];
    done(&site, &[&["message", "add", "Promo!", "--image", "promo.jpg"][..], &to].concat());
    let plan = done(&site, &["plan", "1"]).split_whitespace().collect::<Vec<_>>().join(" ");
    let words = "promo.jpg, 1.2 MB (image/jpeg) to each recipient, 2.4 MB in all; the times do not count its uploads, \
                 which may take";
    assert!(plan.contains(words), "{plan}");
    let plan: Value = serde_json::from_str(&done(&site, &["plan", "1", "--json"])).unwrap();
    let file = &plan["messages"][0]["file"];
    assert_eq!((&file["bytes"], &file["filename"]), (&1_200_000.into(), &"promo.jpg".into()));
    assert!(file["upload_seconds_max"].as_u64() > Some(0), "{file}");
}

#[test]
fn a_core_waha_is_asked_when_the_message_is_made_and_a_bad_file_is_named() {
    let site = site(Options { is_plus: false, ..Options::default() });
    fs::write(site.path("promo.jpg"), jpeg(9)).unwrap();
    fs::write(site.path("virus.jpg"), b"MZ a program").unwrap();
    let add = |file: &str| {
        let arguments = ["message", "add", "--image", file, "--to", "081200007001", "--at", "now"];
        refused(&site, &arguments)
    };
    assert!(add("promo.jpg").contains("only WAHA Plus sends pictures"), "{}", add("promo.jpg"));
    assert!(add("virus.jpg").contains("the file is a program"), "{}", add("virus.jpg"));
    assert!(add("none.jpg").contains("none.jpg"), "{}", add("none.jpg"));
    assert_eq!(site.status(), "", "nothing was made");
    site.write_settings("MEDIA_MAX_MB=1\n");
    fs::write(site.path("large.bin"), jpeg(2 << 20)).unwrap();
    let large = refused(&site, &["file", "add", "large.bin"]);
    assert!(large.contains("more than 1 MB"), "{large}");
    assert!(files(&site).iter().all(|name| !name.starts_with('.')), "nothing half is left");
}

#[test]
fn a_waha_that_became_plus_is_not_called_core_by_a_serve_that_saw_it_before() {
    // Not a port that the system gives to others in between.
    let listen = format!("127.0.0.1:{}", free_port());
    let mut site = site(Options { is_plus: false, listen: listen.clone(), ..Options::default() });
    fs::write(site.path("promo.jpg"), jpeg(9)).unwrap();
    done(&site, &["file", "add", "promo.jpg"]);
    let content = format!(r#"{{"kind":"image","file":"{}"}}"#, sha256(&jpeg(9)));
    let door = Door::open(&site);
    let new = json!({
        "text": "Halo", "to": "081200007001", "at": "+1h", "content": serde_json::from_str::<Value>(&content).unwrap(),
    });
    let fate = |site: &Site| {
        let sql = "INSERT INTO auto_messages (message, contact_ids, scheduled_at, content)
                   VALUES ('Promo!', '081200007001', datetime('now'), ?1)";
        site.sql().execute(sql, [&content]).unwrap();
        door.server.post("/api/auto-message-scheduler");
        let sql = "SELECT status || ' ' || coalesce(error_code, '') FROM auto_messages ORDER BY id DESC LIMIT 1";
        site.sqlite3(sql).trim().to_owned()
    };
    assert_eq!(fate(&site), "failed media_only_plus");
    assert_eq!(door.post("/messages", &new).refusal(), (422, "media_only_plus", "content"));
    // The owner does what the reason says.
    let start = |options| FakeWaha::start(options, Arc::new(SystemClock::default()), |_| {});
    site.waha = start(Options::default()).unwrap();
    let api_key = Some("kunci-rahasia".to_owned());
    let plus = Options { listen, api_key, ..Options::default() };
    // A program that another test starts just now has the old listener until it runs.
    site.waha = (0..100)
        .find_map(|_| {
            start(plus.clone()).inspect_err(|_| thread::sleep(Duration::from_millis(10))).ok()
        })
        .expect("the port stays in use");
    assert_eq!(door.post("/messages", &new).status, 201);
    assert_eq!(fate(&site), "sent");
}

#[test]
fn a_full_disk_leaves_neither_half_a_file_nor_a_message() {
    let site = site(Options::default());
    fs::write(site.path("promo.jpg"), jpeg(900_000)).unwrap();
    let line = format!(
        "trap '' XFSZ; ulimit -f 600; exec {} message add --image promo.jpg --to 081200007001 --at now",
        program().display()
    );
    let output = Command::new("bash")
        .args(["-c", &line])
        .current_dir(site.directory.path())
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("failed to write into"), "{}", stderr(&output));
    assert_eq!((files(&site), site.status()), (Vec::new(), String::new()));
}

#[test]
fn a_backup_takes_the_files_along_and_a_restore_brings_them_back() {
    let site = site(Options::default());
    let picture = jpeg(20_000);
    fs::write(site.path("promo.jpg"), &picture).unwrap();
    let arguments = ["--image", "promo.jpg", "--to", "081200007001", "--at", "+2h"];
    done(&site, &[&["message", "add"], &arguments[..]].concat());
    let made: Value = serde_json::from_str(&done(&site, &["backup", "copy.db", "--json"])).unwrap();
    assert_eq!((&made["files"], &made["missing_files"]), (&1.into(), &0.into()));
    let name = sha256(&picture);
    assert_eq!(fs::read(site.path(&format!("copy.db.files/{name}"))).unwrap(), picture);
    fs::remove_dir_all(site.path("shop.db.files")).unwrap();
    let output = site.run(&["confirm-host"]);
    assert!(stderr(&output).contains(": 1 file of messages; copy that"), "{}", stderr(&output));
    done(&site, &["restore", "copy.db"]);
    assert_eq!(fs::read(site.path(&format!("shop.db.files/{name}"))).unwrap(), picture);
    fs::remove_dir_all(site.path("shop.db.files")).unwrap();
    fs::remove_dir_all(site.path("copy.db.files")).unwrap();
    let told = done(&site, &["restore", "copy.db"]);
    assert!(told.contains("Neither here nor beside the backup: 1 file of"), "{told}");
}

#[test]
fn prune_removes_a_file_only_when_no_message_refers_to_it_and_it_is_old() {
    let site = site(Options::default());
    let old = SystemTime::now() - Duration::from_hours(24 * 30);
    for (name, is_old) in [("used.jpg", true), ("unused.jpg", true), ("new.jpg", false)] {
        fs::write(site.path(name), jpeg(name.len() * 1_000)).unwrap();
        let file = done(&site, &["file", "add", name]);
        if is_old {
            let path = site.path(&format!("shop.db.files/{}", file.trim()));
            fs::File::options().append(true).open(path).unwrap().set_modified(old).unwrap();
        }
        if name == "used.jpg" {
            let content = format!(r#"{{"kind":"image","file":"{}"}}"#, file.trim());
            let arguments = ["--content", &content, "--to", "081200007001", "--draft"];
            done(&site, &[&["message", "add"], &arguments[..]].concat());
            let refusal = refused(&site, &["file", "remove", file.trim()]);
            assert!(refusal.contains("message 1 refers to it: `message remove 1`"), "{refusal}");
        }
    }
    let list: Value = serde_json::from_str(&done(&site, &["file", "list", "--json"])).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 3);
    done(&site, &["prune", "--older-than", "30d", "--dry-run"]);
    assert_eq!(files(&site).len(), 3);
    let told = done(&site, &["prune", "--older-than", "30d"]);
    assert!(told.contains("1 file of no message"), "{told}");
    assert_eq!(files(&site).len(), 2);
}

#[test]
fn a_file_that_comes_once_more_while_prune_goes_through_the_old_ones_stays() {
    let site = site(Options::default());
    let old = SystemTime::now() - Duration::from_hours(24 * 30);
    let mut names = Vec::new();
    fs::write(site.path("last.jpg"), jpeg(999)).unwrap();
    done(&site, &["file", "add", "last.jpg"]);
    for count in 0..300 {
        let path = site.path(&format!("shop.db.files/{count:064x}"));
        fs::write(&path, "x").unwrap();
        names.push(path);
    }
    let last = site.path(&format!("shop.db.files/{}", sha256(&jpeg(999))));
    for path in names.iter().chain([&last]) {
        fs::File::options().append(true).open(path).unwrap().set_modified(old).unwrap();
    }
    let mut prune = site.command(&["prune", "--older-than", "30d"]).spawn().unwrap();
    until("prune began", || !names[0].exists());
    done(&site, &["file", "add", "last.jpg"]);
    assert!(prune.wait().unwrap().success() && !names[299].exists());
    assert!(last.exists(), "it was pruned a moment after it came");
}

/// A message with a picture that waits, and the path of the picture beside the database.
fn waiting_picture(site: &Site) -> PathBuf {
    fs::write(site.path("promo.jpg"), jpeg(20_000)).unwrap();
    let arguments = ["message", "add", "--image", "promo.jpg", "--to", "081200007001"];
    done(site, &[&arguments[..], &["--at", "+2h"]].concat());
    site.path(&format!("shop.db.files/{}", sha256(&jpeg(20_000))))
}

#[test]
fn a_message_that_failed_for_want_of_its_file_says_how_it_goes_out_after_all() {
    let site = site(Options::default());
    let file = waiting_picture(&site);
    let again = ["message", "edit", "1", "--at", "now"];
    done(&site, &again);
    fs::remove_file(file).unwrap();
    site.run(&["run"]);
    let refusal = refused(&site, &["message", "retry", "1", "--yes"]);
    assert!(refusal.contains("`message edit 1 --at now` (or another time) sends it"), "{refusal}");
    done(&site, &["file", "add", "promo.jpg"]);
    done(&site, &again);
    done(&site, &["run"]);
    assert_eq!((site.status().as_str(), site.waha.received().len()), ("sent", 1));
}

/// Puts other bytes under the name of a file, as a copy that went wrong does.
fn change(path: &Path) {
    fs::remove_file(path).unwrap();
    fs::write(path, "something else").unwrap();
}

#[test]
fn a_restore_brings_back_a_file_that_was_changed_and_a_backup_does_not_count_one() {
    let site = site(Options::default());
    let file = waiting_picture(&site);
    let backup = |name: &str| -> Value {
        serde_json::from_str(&done(&site, &["backup", name, "--json"])).unwrap()
    };
    backup("good.db");
    change(&file);
    let made = backup("bad.db");
    assert_eq!((&made["files"], &made["missing_files"]), (&0.into(), &1.into()));
    // One that has the file keeps it.
    assert_eq!(backup("good.db")["missing_files"], 0);
    let output = site.run(&["confirm-host"]);
    assert!(stderr(&output).contains(": 1 file of messages; copy that"), "{}", stderr(&output));
    done(&site, &["restore", "good.db"]);
    assert_eq!(fs::read(&file).unwrap(), jpeg(20_000));
    change(&file);
    let told = done(&site, &["restore", "bad.db"]);
    assert!(told.contains("Neither here nor beside the backup: 1 file of"), "{told}");
}

#[test]
fn a_file_that_is_pruned_while_a_restore_brings_it_back_is_there_in_the_end() {
    let site = site(Options::default());
    let file = waiting_picture(&site);
    done(&site, &["backup", "copy.db"]);
    done(&site, &["message", "cancel", "1"]);
    done(&site, &["message", "remove", "1", "--yes"]);
    fs::remove_file(&file).unwrap();
    // The restore waits for this before its end.
    let database = site.sql();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut restore = site.command(&["restore", "copy.db"]).spawn().unwrap();
    until("the file is back", || file.exists());
    fs::remove_file(&file).unwrap();
    database.execute_batch("ROLLBACK").unwrap();
    assert!(restore.wait().unwrap().success());
    assert_eq!(fs::read(&file).unwrap(), jpeg(20_000));
}

#[test]
fn the_database_until_a_restore_still_has_its_files_after_a_prune() {
    let site = site(Options::default());
    done(&site, &["backup", "copy.db"]);
    let file = waiting_picture(&site);
    done(&site, &["restore", "copy.db"]);
    let made = fs::read_dir(site.directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let is_before = |path: &PathBuf| {
        let name = path.to_string_lossy();
        name.contains(".before-") && !name.ends_with(".files")
    };
    let before = made.into_iter().find(is_before).unwrap();
    let old = SystemTime::now() - Duration::from_hours(24 * 30);
    fs::File::open(&file).unwrap().set_modified(old).unwrap();
    done(&site, &["prune", "--older-than", "30d"]);
    assert!(!file.exists());
    // In the same second the next one would have its name.
    fs::rename(format!("{}.files", before.display()), site.path("aside.db.files")).unwrap();
    fs::rename(before, site.path("aside.db")).unwrap();
    let told = done(&site, &["restore", "aside.db"]);
    assert!(!told.contains("Neither here nor"), "{told}");
    assert_eq!(fs::read(&file).unwrap(), jpeg(20_000));
}

#[test]
fn a_backup_that_fails_leaves_no_files() {
    let site = site(Options::default());
    waiting_picture(&site);
    let left = || -> Vec<String> {
        let entries = fs::read_dir(site.directory.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("copy")).collect()
    };
    // As much as a file may be long here is less than the database.
    let line = format!("trap '' XFSZ; ulimit -f 100; exec {} backup", program().display());
    for more in ["copy.db", "copy.db --keep 2"] {
        let mut command = Command::new("bash");
        command.args(["-c", &format!("{line} {more}")]).current_dir(site.directory.path());
        let output = command.env_clear().output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert_eq!(left(), Vec::<String>::new(), "{more}");
    }
}

#[test]
fn a_backup_that_fails_leaves_the_files_of_one_that_was_made_under_its_name_meanwhile() {
    let site = site(Options::default());
    let file = waiting_picture(&site);
    let (aside, pipe) = (site.path("aside"), site.path("pipe"));
    // The one that will fail waits for the other end of a pipe.
    fs::rename(&file, &aside).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    let line = format!("trap '' XFSZ; ulimit -f 100; exec {} backup copy.db", program().display());
    let mut failing = Command::new("bash");
    failing.args(["-c", &line]).current_dir(site.directory.path()).env_clear();
    // Where the tests write into a file, it may be longer than the limit.
    failing.stdout(Stdio::null()).stderr(Stdio::null());
    let mut failing = failing.spawn().unwrap();
    let mut other_end = fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::custom_flags(other_end.write(true), nix::libc::O_NONBLOCK);
    let mut opened = None;
    until("it reads", || {
        opened = other_end.open(&file).ok();
        opened.is_some()
    });
    fs::rename(&file, &pipe).unwrap();
    fs::rename(&aside, &file).unwrap();
    done(&site, &["backup", "copy.db"]);
    drop(opened);
    assert_eq!(failing.wait().unwrap().code(), Some(1));
    let copied = site.path("copy.db.files").join(file.file_name().unwrap());
    assert_eq!(fs::read(copied).unwrap(), jpeg(20_000));
}

#[test]
fn a_file_whose_name_has_blanks_around_it_is_used_and_a_name_that_is_none_stops_nothing() {
    let site = site(Options::default());
    let file = waiting_picture(&site);
    let name = sha256(&jpeg(20_000));
    let old = SystemTime::now() - Duration::from_hours(24 * 30);
    fs::File::options().append(true).open(&file).unwrap().set_modified(old).unwrap();
    for written in [format!("{name}\n"), format!("  {name}"), format!("\u{a0}{name}")] {
        let content = json!({ "kind": "image", "file": written });
        let sql = format!("UPDATE auto_messages SET content = '{content}'");
        site.sql().execute(&sql, []).unwrap();
        done(&site, &["prune", "--older-than", "30d"]);
        let list: Value = serde_json::from_str(&done(&site, &["file", "list", "--json"])).unwrap();
        assert_eq!(list[0]["used"], true, "{written:?}");
        let made = done(&site, &["backup", "copy.db", "--json"]);
        let made: Value = serde_json::from_str(&made).unwrap();
        assert_eq!(made["files"], 1, "{written:?}");
    }
    let sql = r#"UPDATE auto_messages SET content = '{"kind":"image","file":123}'"#;
    site.sql().execute(sql, []).unwrap();
    done(&site, &["backup", "copy.db"]);
    let output = site.run(&["doctor"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!told.contains("Invalid column type"), "{told}");
}

/// The most memory that a process ever had, in KiB.
fn peak_kib(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_file_of_sixteen_megabytes_takes_two_of_memory_at_most() {
    let site = site(Options::default());
    fs::write(site.path("promo.jpg"), jpeg(16 << 20)).unwrap();
    let server = site.serve();
    let send = |arguments: &[&str], count: usize| {
        let to = ["--to", "081200007001", "--at", "now"];
        done(&site, &[&["message", "add"], arguments, &to].concat());
        server.post("/api/cron-auto-message");
        until("it arrives", || site.waha.received().len() == count);
        until("it is recorded", || !site.status().contains("sending"));
    };
    send(&["Halo"], 1);
    // The first file brings the library's own tables.
    let before = peak_kib(&server);
    send(&["--image", "promo.jpg"], 2);
    let grown = peak_kib(&server).saturating_sub(before);
    let file = site.waha.received().remove(1).file.unwrap();
    assert_eq!((file.bytes, file.sha256), (16 << 20, Some(sha256(&jpeg(16 << 20)))));
    println!("16 MB file: the peak grew by {grown} KiB, from {before}");
    assert!(grown <= 2 * 1024, "{grown} KiB");
}

#[test]
fn a_program_killed_with_a_file_on_its_way_never_sends_it_again() {
    for (place, arrives) in [("claimed", 0), ("answered", 1)] {
        let site = site(Options::default());
        fs::write(site.path("promo.jpg"), jpeg(1 << 20)).unwrap();
        let arguments = ["--image", "promo.jpg", "--to", "081200007001", "--at", "now"];
        done(&site, &[&["message", "add"], &arguments[..]].concat());
        let mut run = site.start("run", "run.log", Some(place));
        let sending = "SELECT count(*) FROM deliveries WHERE status = 'sending'";
        until("it is claimed", || {
            let count: i64 = site.sql().query_row(sending, [], |row| row.get(0)).unwrap();
            count == 1 && site.waha.received().len() == arrives
        });
        run.kill();
        done(&site, &["run"]);
        done(&site, &["run"]);
        let row = site.sqlite3("SELECT status, attempts FROM deliveries");
        assert_eq!((row.trim(), site.waha.received().len()), ("unknown|1", arrives), "{place}");
    }
}

#[test]
fn a_text_does_not_wait_for_the_files_of_other_channels() {
    let (seen, in_vain) = (AtomicBool::new(false), Arc::new(AtomicUsize::new(0)));
    let failed = Arc::clone(&in_vain);
    // No picture is answered before the text is there.
    let on_received = move |received: &Received| {
        if received.file.is_none() {
            return seen.store(true, Ordering::SeqCst);
        }
        let began = Instant::now();
        while !seen.load(Ordering::SeqCst) {
            if began.elapsed() > Duration::from_secs(5) {
                failed.fetch_add(1, Ordering::SeqCst);
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    };
    let options = Options { api_key: Some("kunci-rahasia".into()), ..Options::default() };
    let site = Site::with_waha(options, on_received);
    site.write_settings("SENDERS=2\n");
    fs::write(site.path("promo.jpg"), jpeg(100_000)).unwrap();
    for name in ["dua", "tiga"] {
        done(&site, &["channel", "add", name, "--session", name]);
    }
    let add = |channel: &str, what: &[&str]| {
        let to = ["--channel", channel, "--to", "081200007001", "--at", "now"];
        done(&site, &[&["message", "add"], what, &to].concat());
    };
    add("1", &["--image", "promo.jpg"]);
    add("dua", &["--image", "promo.jpg"]);
    add("tiga", &["Halo"]);
    done(&site, &["run"]);
    assert_eq!(in_vain.load(Ordering::SeqCst), 0, "pictures that waited for the text in vain");
    assert_eq!(site.status(), "sent,sent,sent");
}

/// The places of a file on its way to its name.
pub const FILE_PLACES: [&str; 3] = ["file_written", "file_synced", "file_named"];

#[test]
fn a_program_killed_while_it_takes_a_file_in_leaves_no_message_and_no_half_file_under_a_name() {
    for place in FILE_PLACES {
        let site = site(Options::default());
        fs::write(site.path("promo.jpg"), jpeg(300_000)).unwrap();
        let to = ["--image", "promo.jpg", "--to", "081200007001", "--at", "now"];
        let arguments = [&["message", "add"], &to[..]].concat();
        let log = fs::File::create(site.path("killed.log")).unwrap();
        let mut command = site.command(&arguments);
        let mut child = command.env("FAIL_POINT", place).stderr(log).spawn().unwrap();
        let said = || fs::read_to_string(site.path("killed.log")).unwrap();
        until("it stops", || said().contains("fail point"));
        child.kill().unwrap();
        child.wait().unwrap();
        let named = files(&site).into_iter().filter(|name| !name.starts_with('.'));
        for name in named {
            let bytes = fs::read(site.path(&format!("shop.db.files/{name}"))).unwrap();
            assert_eq!(sha256(&bytes), name, "{place}");
        }
        assert_eq!(site.status(), "", "{place}");
        done(&site, &arguments);
        done(&site, &["run"]);
        let received = site.waha.received();
        assert_eq!(received.len(), 1, "{place}");
        assert_eq!(received[0].file.as_ref().unwrap().bytes, 300_000, "{place}");
    }
}

#[test]
fn a_form_of_the_api_takes_the_same_file_and_says_its_name() {
    let site = site(Options::default());
    site.write_settings("MEDIA_MAX_MB=1\n");
    let door = Door::open(&site);
    let part = |name: &str, filename: &str, bytes: &[u8]| {
        let head = format!(
            "--XX\r\nContent-Disposition: form-data; name=\"{name}\"{filename}\r\n\
             Content-Type: image/jpeg\r\n\r\n"
        );
        [head.as_bytes(), bytes, b"\r\n"].concat()
    };
    let form = |body: &[u8]| {
        let kind = [("Content-Type", "multipart/form-data; boundary=XX")];
        door.ask_with("POST", "/files", &kind, body).unwrap()
    };
    for kind in ["multipart/form-data", "Multipart/Mixed; boundary=XX"] {
        let form = [("Content-Type", kind)];
        let refused = door.ask_with("POST", "/files", &form, b"--XX--").unwrap();
        assert_eq!(refused.refusal().0, 400, "{kind}: the form itself is no file");
    }
    let picture = jpeg(1 << 20);
    let named = part("file", "; filename=\"../promo.jpg\"", &picture);
    let taken = form(&[&named[..], b"--XX--\r\n"].concat()).expect(200).body;
    assert_eq!(
        (&taken["file"], &taken["filename"]),
        (&sha256(&picture).into(), &"promo.jpg".into())
    );
    assert_eq!(
        door.ask_with("POST", "/files", &[], &picture).unwrap().expect(200).body["file"],
        taken["file"]
    );
    for (body, refusal) in [
        (b"--XX--\r\n".to_vec(), (422, "invalid")),
        ([part("other", "", b"x"), b"--XX--".to_vec()].concat(), (422, "invalid")),
        ([part("file", "", b""), b"--XX--".to_vec()].concat(), (422, "invalid")),
        (
            [part("file", "", b"x"), part("file", "", b"y"), b"--XX--".to_vec()].concat(),
            (422, "invalid"),
        ),
        (part("file", "", b"cut"), (400, "bad_request")),
        ([part("file", "", &jpeg((1 << 20) + 1)), b"--XX--".to_vec()].concat(), (413, "too_large")),
    ] {
        let answer = form(&body);
        let (status, code, _) = answer.refusal();
        assert_eq!(
            (status, code),
            refusal,
            "{}",
            String::from_utf8_lossy(&body[..80.min(body.len())])
        );
    }
    assert!(files(&site).iter().all(|name| !name.starts_with('.')), "nothing half is left");
}

#[test]
fn a_file_of_the_api_arrives_byte_for_byte_and_a_message_says_what_it_carries() {
    let site = site(Options::default());
    site.write_settings("MEDIA_MAX_MB=1\n");
    let door = Door::open(&site);
    let picture = jpeg(900 << 10);
    let upload = |bytes: &[u8]| door.ask_with("POST", "/files", &[], bytes).unwrap();
    let name = sha256(&picture);
    for _ in 0..2 {
        let taken = upload(&picture).expect(200).body;
        assert_eq!(
            (&taken["file"], &taken["mimetype"]),
            (&name.as_str().into(), &"image/jpeg".into())
        );
    }
    assert_eq!(upload(b"").expect(422).refusal().1, "invalid");
    // Of a refused body 2 MiB are still read, so that its sender can read why.
    assert_eq!(upload(&jpeg((1 << 20) + 1)).status, 413);
    let content = serde_json::json!({ "kind": "image", "file": name, "filename": "promo.jpg" });
    let new = serde_json::json!({ "content": content, "to": ["081200007001"], "at": "now" });
    let id = door.post("/messages", &new).expect(201).body["id"].clone();
    until("it arrives", || site.waha.received().len() == 1);
    let file = site.waha.received().remove(0).file.unwrap();
    assert_eq!((file.sha256, file.bytes), (Some(name), picture.len()));
    assert_eq!(door.get(&format!("/messages/{id}"))["content"], content);
    for (content, code) in [
        (serde_json::json!({ "kind": "sticker" }), "content_kind"),
        (serde_json::json!({ "kind": "image", "file": sha256(b"?") }), "file_missing"),
    ] {
        let new = serde_json::json!({ "content": content, "to": ["081200007001"] });
        assert_eq!(door.post("/messages", &new).refusal(), (422, code, "content"));
    }
    let planned = door.post("/messages/preview", &new).expect(200).body;
    assert_eq!(planned["file"]["bytes"], picture.len());
    let deliveries = door.get(&format!("/messages/{id}/deliveries"));
    assert_eq!(deliveries["data"][0]["content"], content);
    let other = add_key(&site, &["lihat", "--can", "read"]);
    let header = format!("Bearer {other}");
    let refused = door.ask_with("POST", "/files", &[("Authorization", &header)], b"x").unwrap();
    assert_eq!((refused.status, files(&site).len()), (403, 1));
}
