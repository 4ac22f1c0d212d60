//! Where a person comes in from the terminal: which database, who was meant, what a Ctrl-C leaves.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;

use crate::panel::{Browser, panel, text};
use crate::site::{PATIENCE, Server, Site, command, stderr, until, write_private};
use crate::world::World;

fn out(site: &Site, arguments: &[&str]) -> String {
    let output = site.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(site: &Site, arguments: &[&str]) -> String {
    let output = site.run(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", stderr(&output));
    stderr(&output)
}

#[test]
fn relative_paths_count_from_the_directory_of_the_env_file_that_is_named() {
    let site = Site::new();
    let elsewhere = tempfile::tempdir().unwrap();
    site.write_settings("LOG_FILE=shop.log\n");
    let env_file = site.path("auto-message-scheduler.env");
    let there = |words: &[&str]| {
        let words = [&["--env-file", env_file.to_str().unwrap()], words].concat();
        command(elsewhere.path(), &words).output().unwrap()
    };
    site.message("081200007001");
    let ran = there(&["run"]);
    assert!(ran.status.success(), "{}", stderr(&ran));
    assert_eq!((site.status().as_str(), stderr(&ran).as_str()), ("sent", ""));
    assert!(fs::read_to_string(site.path("shop.log")).unwrap().contains("message 1: sent"));
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    let database = site.database().display().to_string();
    let status: serde_json::Value =
        serde_json::from_slice(&there(&["status", "--json"]).stdout).unwrap();
    assert_eq!(status["database"], database);
    let screen = String::from_utf8(site.run(&["status"]).stdout).unwrap();
    assert!(screen.contains(&format!("Database   {database}\n")), "{screen}");
    let doctor = String::from_utf8(site.run(&["doctor", "--json"]).stdout).unwrap();
    assert!(doctor.contains(&format!("`{database}` is sound")), "{doctor}");
}

#[test]
fn a_database_in_the_working_directory_is_not_left_there_without_a_word() {
    let site = Site::new();
    let settings = site.path("conf");
    fs::create_dir(&settings).unwrap();
    fs::rename(site.path("auto-message-scheduler.env"), settings.join("x.env")).unwrap();
    for words in [&["run"][..], &["message", "list"], &["status"], &["doctor"]] {
        let output = site.run(&[&["--env-file", "conf/x.env"], words].concat());
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
        // The lines of `doctor` are wrapped.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_ne!(output.status.code(), Some(0), "{words:?}");
        for path in [settings.join("shop.db"), site.database()] {
            assert!(text.contains(&format!("`{}`", path.display())), "{words:?}: {text}");
        }
    }
    assert!(!settings.join("shop.db").exists());
    // Where it is said in full, nothing is in doubt.
    let text = fs::read_to_string(settings.join("x.env")).unwrap();
    let absolute = format!("DATABASE_PATH={}\n", site.database().display());
    write_private(&settings.join("x.env"), &text.replace("DATABASE_PATH=shop.db\n", &absolute));
    assert!(site.run(&["--env-file", "conf/x.env", "run"]).status.success());
}

#[test]
fn a_new_database_is_told_of_once() {
    for words in [
        &["contact", "list"][..],
        &["channel", "list", "--offline"],
        &["message", "list"],
        &["run"],
    ] {
        let site = Site::new();
        fs::remove_file(site.database()).unwrap();
        let first = site.run(words);
        assert!(first.status.success(), "{}", stderr(&first));
        let line = format!("making a new database: {}\n", site.database().display());
        assert_eq!(stderr(&first), line, "{words:?}");
        assert_eq!(stderr(&site.run(words)), "", "{words:?}");
    }
    let site = Site::new();
    fs::remove_file(site.database()).unwrap();
    let told = |server: &Server| server.log().matches("making a new database").count();
    assert_eq!(told(&site.serve()), 1);
    assert_eq!(told(&site.serve()), 0);
}

#[test]
fn all_is_everybody_who_has_not_opted_out() {
    let site = Site::new();
    for (name, number) in
        [("Budi", "081200007001"), ("Siti", "081200007002"), ("Agus", "081200007003")]
    {
        out(&site, &["contact", "add", name, number]);
    }
    out(&site, &["contact", "opt-out", "2"]);
    let added = out(&site, &["message", "add", "Halo", "--to", "all", "--at", "now"]);
    assert!(added.starts_with("message 1 is scheduled: 2 recipients on"), "{added}");
    assert!(!added.contains("skipped"), "{added}");
    assert!(out(&site, &["plan", "1"]).contains("2 of 2"));
    // As other programs write it.
    for column in ["all", "[\"ALL\", 3]", "{all}"] {
        site.message(column);
    }
    site.sql().execute("UPDATE auto_messages SET status = 'scheduled'", []).unwrap();
    site.write_settings("SEND_DELAY_SECONDS=0\n");
    out(&site, &["run"]);
    let sent =
        site.sqlite3("SELECT group_concat(sent_count || '/' || contact_count) FROM auto_messages");
    assert_eq!(sent.trim(), "2/2,2/2,2/2,2/2");
    assert!(site.waha.received().iter().all(|one| !one.chat_id.contains("7002")));
    let none = Site::new();
    let why = refused(&none, &["message", "add", "Halo", "--to", "all", "--at", "now"]);
    assert!(why.contains("there is no contact who has not opted out"), "{why}");
    let why = refused(&site, &["contact", "opt-out", "all"]);
    assert!(why.contains("`all` is not one person"), "{why}");
    for group in ["all", "tag:vip", "1,3"] {
        let why = refused(&site, &["message", "test-send", group, "Halo"]);
        assert!(why.contains("is not one recipient"), "{why}");
    }
}

#[test]
fn a_text_behind_to_is_named_as_what_it_was_taken_for() {
    let site = Site::new();
    out(&site, &["contact", "add", "Budi", "081200007001", "--tag", "Pelanggan"]);
    let why =
        refused(&site, &["message", "add", "--at", "now", "--to", "1", "081200007001", "Hai"]);
    assert!(
        why.contains("it has no text: `Hai` was taken for a recipient")
            && why.contains("\"Hai\" --to 1 081200007001;"),
        "{why}"
    );
    let why = refused(&site, &["message", "add", "--at", "now", "--to", "1", "Hai,", "semua"]);
    assert!(why.contains("`Hai, semua` was taken for a recipient"), "{why}");
    let why = refused(&site, &["message", "add", "--at", "now", "--to", "1"]);
    assert!(why.contains("it has no text: give one"), "{why}");
    out(&site, &["message", "add", "Hai", "--at", "+1h", "--to", "1"]);
    let why = refused(&site, &["message", "edit", "1", "--to", "1", "Halo"]);
    assert!(why.contains("`Halo` was taken for a recipient"), "{why}");
    let why = refused(&site, &["message", "add", "Hai", "--at", "now", "--to", "pelanggan"]);
    assert!(why.contains("did you mean `tag:Pelanggan`"), "{why}");
    let why = refused(&site, &["message", "add", "Hai", "--at", "now", "--to", "langganan"]);
    assert!(!why.contains("tag:"), "{why}");
}

#[test]
fn a_typed_backslash_n_is_warned_of() {
    let site = Site::new();
    let added =
        out(&site, &["message", "add", "Satu\\nDua", "--at", "+1h", "--to", "081200007001"]);
    assert!(added.contains("warning: `\\n` goes out as it is written"), "{added}");
    let added = out(&site, &["message", "add", "Satu\nDua", "--at", "+1h", "--to", "081200007001"]);
    assert!(!added.contains("warning"), "{added}");
    let sent = site.run(&["message", "test-send", "081200007001", "Satu\\nDua"]);
    assert!(stderr(&sent).contains("warning: `\\n` goes out"), "{}", stderr(&sent));
}

/// What is in a directory, and below it.
fn files(directory: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().flatten();
    entries.map(|entry| entry.path().display().to_string()).collect()
}

#[test]
fn a_demo_that_is_ended_by_a_signal_leaves_nothing_behind() {
    for signal in ["INT", "TERM", "HUP"] {
        // As soon as its directory is there, and while it sends.
        for part in ["", "One message a second"] {
            let here = tempfile::tempdir().unwrap();
            let temporary = tempfile::tempdir().unwrap();
            let log = here.path().join("demo.log");
            let mut demo = command(here.path(), &["demo"]);
            demo.env("TMPDIR", temporary.path()).stdout(fs::File::create(&log).unwrap());
            let mut child = demo.stderr(Stdio::null()).spawn().unwrap();
            until("the demo began", || {
                let text = fs::read_to_string(&log).unwrap();
                !files(temporary.path()).is_empty() && text.contains(part)
            });
            let kill = format!("kill -{signal} {}", child.id());
            assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
            let mut code = None;
            until("it ends", || {
                code = child.try_wait().unwrap();
                code.is_some()
            });
            assert_eq!(code.unwrap().code(), Some(1), "SIG{signal}, `{part}`");
            assert_eq!(files(temporary.path()), [""; 0], "SIG{signal}, `{part}`");
            assert_eq!(files(here.path()), [log.display().to_string()]);
        }
    }
}

#[test]
fn a_demo_whose_reader_has_seen_enough_ends() {
    let temporary = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_auto-message-scheduler");
    let line = format!("timeout {} {program} demo | head -1", PATIENCE.as_secs());
    let mut shell = Command::new("bash");
    let output = shell
        .args(["-o", "pipefail", "-c", &line])
        .env("TMPDIR", temporary.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(files(temporary.path()), [""; 0]);
}

/// The command of a crontab line.
fn cron_command(printed: &str) -> String {
    let line = printed.lines().find(|line| !line.starts_with('#')).unwrap();
    line.splitn(6, ' ').nth(5).unwrap().replace("\\%", "%")
}

#[test]
fn a_redirect_fails_the_curl_line_loudly_and_the_secret_goes_nowhere_else() {
    let site = Site::new();
    for status in
        ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let target = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = target.local_addr().unwrap();
        target.set_nonblocking(true).unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 2048];
            let length = stream.read(&mut request).unwrap();
            let answer =
                format!("HTTP/1.1 {status}\r\nLocation: http://{to}/\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let line = cron_command(&out(&site, &["cron-line", "--curl", &url]));
        let ran = Command::new("sh").args(["-c", &line]).output().unwrap();
        assert_eq!(ran.status.code(), Some(47), "{status}: {}", stderr(&ran));
        assert!(stderr(&ran).contains("redirects"), "{}", stderr(&ran));
        assert!(server.join().unwrap().starts_with("POST /api/cron-auto-message "));
        assert!(target.accept().is_err(), "{status}: somebody asked the other place");
    }
}

#[test]
fn a_public_url_without_tls_gets_no_curl_line() {
    let site = Site::new();
    for url in [
        "http://shop.example.com",
        "http://203.0.113.7:8787/api/cron-auto-message",
        "http://0x7f.1/",
    ] {
        let why = refused(&site, &["cron-line", "--curl", url]);
        assert!(why.contains("public and not encrypted") && why.contains("https://"), "{why}");
    }
    let private = out(&site, &["cron-line", "--curl", "http://192.168.1.5:8787"]);
    assert!(private.contains("# the secret travels unencrypted"), "{private}");
    for url in ["https://shop.example.com", "http://127.0.0.1:8787", "http://localhost:8787"] {
        assert!(!out(&site, &["cron-line", "--curl", url]).contains("unencrypted"), "{url}");
    }
}

#[test]
fn the_panel_knows_all_too() {
    let world = World::new();
    world.execute(
        "INSERT INTO contacts (name, phone_number, opted_out_at) VALUES
         ('Budi', '081200001001', NULL), ('Siti', '081200001002', '2026-11-01'), ('Agus', '081200001003', NULL)",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let fields =
        [("text", "Halo {{name}}!"), ("to", "all"), ("when", "at"), ("at", "2026-12-01T09:00")];
    let page = text(&browser.post(&panel, "/panel/messages/preview", &fields));
    assert!(page.contains("Halo Budi!") && page.contains("Halo Agus!"), "{page}");
    assert!(page.contains("2 penerima") && !page.contains("Siti"), "{page}");
}
