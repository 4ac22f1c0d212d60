//! The README's first recipe, done as it stands there: in an empty directory, line after line, up to
//! the message on the reader's phone; and then the weekly one, sent by `serve`. And the guide in `dist/`.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use auto_message_scheduler::clock::SystemClock;
use auto_message_scheduler::fake_waha::{FakeWaha, Options};

use crate::site::{until, write_private};

/// The blocks between fences in the section, without the fences.
fn blocks() -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let section = readme.split("\n## ").find(|one| one.starts_with("From nothing")).unwrap();
    section.split("```").skip(1).step_by(2).map(str::to_owned).collect()
}

fn shell(line: &str, directory: &Path) -> Command {
    let mut shell = Command::new("bash");
    // As on a terminal, where `run` says what it did; without the minute between two messages.
    let line = line.replace(
        "./auto-message-scheduler run",
        "script -qec './auto-message-scheduler run' /dev/null",
    );
    shell.args(["-c", &line]).current_dir(directory).env_clear().stdin(Stdio::null());
    shell
        .env("PATH", "/usr/bin:/bin")
        .env("SEND_DELAY_SECONDS", "0")
        .env("LISTEN_ADDR", "127.0.0.1:0");
    shell
}

/// Without what differs each time: figures, identifiers, paths.
fn shape(line: &str) -> String {
    let words = line.split_whitespace().filter(|word| !word.starts_with(['/', '3']));
    let words: Vec<String> =
        words.map(|word| word.chars().filter(|c| !c.is_ascii_digit()).collect()).collect();
    words.join(" ")
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn the_readmes_first_recipe_ends_with_a_message_on_the_readers_phone() {
    let waha = FakeWaha::start(Options::default(), Arc::new(SystemClock::new()), |_| {}).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let program = here.join("auto-message-scheduler");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_auto-message-scheduler"), program).unwrap();
    let blocks = blocks();
    let lines = |block: &str| -> Vec<String> {
        let lines = block.lines().skip(1).filter(|line| !line.is_empty());
        lines.map(|line| line.replace("http://127.0.0.1:3000", &waha.base_url())).collect()
    };
    let mut printed = String::new();
    for line in lines(&blocks[0]) {
        let output = shell(&line, here).output().unwrap();
        printed += &String::from_utf8_lossy(&output.stderr);
        printed += &String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{line}: {printed}");
    }
    let received: Vec<(String, String)> =
        waha.received().into_iter().map(|one| (one.chat_id, one.text)).collect();
    let phone = "6281234567890@c.us".to_owned();
    let texts = ["Halo!", "Halo Budi, promo di Solo!"].map(str::to_owned);
    assert_eq!(received, texts.map(|text| (phone.clone(), text)));
    let shapes: Vec<String> = printed.lines().map(shape).collect();
    for line in lines(&blocks[1]).iter().filter(|line| *line != "…") {
        assert!(shapes.contains(&shape(line)), "nothing prints `{line}`: {printed}");
    }

    let mut weekly = lines(&blocks[2]);
    let serve = weekly.pop().unwrap();
    for line in weekly {
        let output = shell(&line, here).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stdout));
    }
    let sql = rusqlite::Connection::open(here.join("auto-message-scheduler.db")).unwrap();
    let due = "UPDATE auto_messages SET scheduled_at = datetime('now', '-1 minute') WHERE id = 3";
    sql.execute(due, []).unwrap();
    // `exec`, so that the program itself is what is killed.
    let serve =
        shell(&format!("exec {serve}"), here).stderr(Stdio::null()).process_group(0).spawn();
    let _serve = Killed(serve.unwrap());
    until("the weekly message arrives", || waha.received().len() == 3);
    assert_eq!(waha.received()[2].text, "Halo Budi!");
}

#[test]
fn the_guides_commands_need_no_sqlite3_and_do_what_they_say() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("dist/PANDUAN.md");
    let guide = fs::read_to_string(guide).unwrap();
    let blocks = guide.split("```").skip(1).step_by(2);
    assert!(!blocks.clone().any(|block| block.contains("sqlite3")), "a block needs sqlite3");
    assert!(["/panel", "STOP", "opt-out"].iter().all(|word| guide.contains(word)));

    let waha = FakeWaha::start(Options::default(), Arc::new(SystemClock::new()), |_| {}).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let program = here.join("auto-message-scheduler");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_auto-message-scheduler"), program).unwrap();
    fs::write(here.join("pelanggan.csv"), "nama;hp\nSiti;081200007002\n").unwrap();
    let section = guide.split("\n## ").find(|one| one.starts_with("A. ")).unwrap();
    let blocks: Vec<&str> = section.split("```").skip(1).step_by(2).collect();
    let settings = blocks[0].replace("https://waha.tokoanda.com", &waha.base_url());
    write_private(&here.join("auto-message-scheduler.env"), settings.trim_start());
    let mut printed = String::new();
    let lines = blocks.iter().filter_map(|block| block.strip_prefix("sh\n")).flat_map(str::lines);
    // The home directory of the guide is this one, and its dates pass.
    for line in lines.map(|line| line.replace("cd ~/scheduler", "true")) {
        let line = line.replace("--at \"2026-12-01 09:00\"", "--at +1h");
        let output = shell(&line, here).output().unwrap();
        printed += &String::from_utf8_lossy(&output.stdout);
        printed += &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {printed}");
    }
    assert_eq!(waha.received().len(), 1);
    for part in [
        "making a new database: ",
        "sent to +6281234567890: WAHA took it",
        "message 3 is scheduled: 1 recipient",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
}
