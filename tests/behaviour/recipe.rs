//! The README's first recipe and the guide in `dist/`, done as they stand there: their blocks of commands,
//! from an empty directory up to the message on the reader's phone. The guide in an account without root
//! and without `sqlite3`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use auto_message_scheduler::clock::SystemClock;
use auto_message_scheduler::fake_waha::{FakeWaha, Options};

use crate::site::{program, until};

/// The user `nobody`, where the tests may choose one.
const NOBODY: u32 = 65_534;
/// What a host has beside a shell.
const TOOLS: [&str; 7] = ["bash", "sh", "cat", "cp", "env", "crontab", "script"];
/// Blocks of the guide that need root, systemd or Docker, and what runs them.
const NOT_HERE: [(&str, &str); 3] = [
    ("install -m 755", "tests/hosting/vps.sh, as root"),
    ("systemctl status", "systemd"),
    ("docker build", "tests/hosting/docker.sh, with buildah"),
];

/// The pieces between fences, each with the language of its fence.
fn blocks(text: &str) -> Vec<(&str, &str)> {
    let pieces = text.split("\n```").skip(1).step_by(2);
    pieces.filter_map(|piece| piece.split_once('\n')).collect()
}

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn section<'a>(page: &'a str, begins: &str) -> &'a str {
    let mut sections = page.split("\n## ");
    sections.find(|one| one.starts_with(begins)).unwrap_or_else(|| panic!("no section {begins}"))
}

/// An account of a host: a home directory with the program in `~/scheduler`, few tools, no root.
struct Account {
    home: tempfile::TempDir,
    waha: FakeWaha,
}

impl Account {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let options = Options::default();
        let waha = FakeWaha::start(options, Arc::new(SystemClock::default()), |_| {}).unwrap();
        let account = Self { home, waha };
        for directory in [account.here(), account.tools()] {
            fs::create_dir(directory).unwrap();
        }
        // A link would lead into a directory that the account may not see. Not `fs::copy`: a child of another
        // test would have the file open for writing for a moment, and nobody could start it (ETXTBSY).
        let mut copy = Command::new("cp");
        copy.arg(program()).arg(account.here().join("auto-message-scheduler"));
        assert!(copy.status().unwrap().success());
        for tool in TOOLS {
            let there = ["/usr/bin", "/bin"].map(|bin| Path::new(bin).join(tool));
            if let Some(there) = there.iter().find(|path| path.exists()) {
                std::os::unix::fs::symlink(there, account.tools().join(tool)).unwrap();
            }
        }
        if is_root() {
            fs::set_permissions(account.home.path(), fs::Permissions::from_mode(0o755)).unwrap();
            for path in [account.home.path(), &account.here()] {
                chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        account
    }

    fn here(&self) -> PathBuf {
        self.home.path().join("scheduler")
    }

    fn tools(&self) -> PathBuf {
        self.home.path().join("bin")
    }

    /// A block, or a part of one, in the account's shell, as on a terminal where `run` says what it did;
    /// without the minute between two messages.
    fn shell(&self, lines: &str) -> Command {
        let run = "\nscript -qec './auto-message-scheduler run' /dev/null";
        let lines = lines
            .replace("http://127.0.0.1:3000", &self.waha.base_url())
            .replace("https://waha.tokoanda.com", &self.waha.base_url())
            .replace("\n./auto-message-scheduler run ", &format!("{run} "))
            .replace("\n./auto-message-scheduler run\n", &format!("{run}\n"));
        let mut shell = Command::new("/bin/bash");
        shell.args(["-e", "-c", &lines]).current_dir(self.here()).env_clear().stdin(Stdio::null());
        shell.env("HOME", self.home.path()).env("PATH", self.tools());
        shell.env("SEND_DELAY_SECONDS", "0").env("LISTEN_ADDR", "127.0.0.1:0");
        if is_root() {
            shell.uid(NOBODY).gid(NOBODY);
        }
        shell
    }

    /// Runs it to its good end, and returns all that it printed.
    fn run(&self, lines: &str) -> String {
        let output = self.shell(lines).output().unwrap();
        let printed = [&output.stderr[..], &output.stdout].concat();
        let printed = String::from_utf8_lossy(&printed).into_owned();
        assert!(output.status.success(), "{lines}: {printed}");
        printed
    }

    /// Starts a block whose last line is `serve`, and returns when it is ready.
    fn serve(&self, lines: &str) -> Killed {
        let log = self.home.path().join("serve.log");
        // `exec`, so that the program itself is what is killed.
        let mut shell =
            self.shell(&lines.replace(
                "\n./auto-message-scheduler serve",
                "\nexec ./auto-message-scheduler serve",
            ));
        shell.stderr(fs::File::create(&log).unwrap()).stdout(Stdio::null());
        let serve = Killed(shell.spawn().unwrap());
        until("serve is ready", || fs::read_to_string(&log).unwrap().contains("ready on http://"));
        serve
    }

    /// Makes a message due.
    fn make_due(&self, id: i64) {
        let sql =
            rusqlite::Connection::open(self.here().join("auto-message-scheduler.db")).unwrap();
        let due =
            "UPDATE auto_messages SET scheduled_at = datetime('now', '-1 minute') WHERE id = ?1";
        assert_eq!(sql.execute(due, [id]).unwrap(), 1);
    }

    fn received(&self) -> Vec<(String, String)> {
        self.waha.received().into_iter().map(|one| (one.chat_id, one.text)).collect()
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
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
    let account = Account::new();
    let readme = page("README.md");
    let [(_, first), (_, shown), (_, weekly)] = blocks(section(&readme, "The first message"))[..]
    else {
        panic!("the section has other blocks");
    };
    let printed = account.run(first);
    let phone = "6281234567890@c.us".to_owned();
    let texts = ["Halo!", "Halo Budi, promo di Solo!"].map(str::to_owned);
    assert_eq!(account.received(), texts.map(|text| (phone.clone(), text)));
    let shapes: Vec<String> = printed.lines().map(shape).collect();
    for line in shown.lines() {
        assert!(shapes.contains(&shape(line)), "nothing prints `{line}`: {printed}");
    }
    let (before, _) = weekly.split_once("./auto-message-scheduler serve").unwrap();
    account.run(before);
    account.make_due(3);
    let _serve = account.serve("true\n./auto-message-scheduler serve");
    until("the weekly message arrives", || account.received().len() == 3);
    assert_eq!(account.received()[2].1, "Halo Budi!");
}

#[test]
fn the_record_of_the_first_day_is_what_its_commands_still_do() {
    let account = Account::new();
    let record = page("docs/first-day.md");
    let [(_, init), (_, asked), (_, campaign), (_, told), (_, arrived)] = blocks(&record)[..]
    else {
        panic!("the page has other blocks");
    };
    // What the build leaves, and the list of the README.
    let built = account.home.path().join("target/release");
    fs::create_dir_all(&built).unwrap();
    let program = "auto-message-scheduler";
    fs::rename(account.here().join(program), built.join(program)).unwrap();
    let readme = page("README.md");
    let (_, list) = readme.split_once("<<'CSV'\n").unwrap();
    fs::write(account.here().join("pelanggan.csv"), list.split_once("CSV\n").unwrap().0).unwrap();
    // The questions of the record, answered as there.
    let questions = [
        ("WAHA's address [http://127.0.0.1:3000]:", account.waha.base_url()),
        ("WAHA's API key (visible; empty: none): ", String::new()),
        ("Time zone: WIB, WITA, WIT or a name [WIB]:", String::new()),
        (
            "A password for the panel, 8 characters or more (visible; empty: no panel): ",
            String::new(),
        ),
        (
            "Is the number new to WhatsApp, or to sending? It then begins slowly (y/n) [n]:",
            String::new(),
        ),
        ("Your own number, for a test message (empty: none): ", String::new()),
    ];
    let mut typed = String::new();
    for (question, instead) in questions {
        let line = asked.lines().find(|line| line.starts_with(question));
        let answer =
            &line.unwrap_or_else(|| panic!("not in the record: {question}"))[question.len()..];
        typed += if instead.is_empty() { answer } else { &instead };
        typed.push('\n');
    }
    fs::write(account.here().join("typed"), typed).unwrap();
    let (copy, _) = init.split_once("./auto-message-scheduler init").unwrap();
    let on_terminal = "script -qec './auto-message-scheduler init' /dev/null < typed";
    let printed = account.run(&format!("cd ~\n{copy}\n{on_terminal}"));
    let printed = printed + &account.run(campaign);
    let shapes: Vec<String> = printed.lines().map(shape).collect();
    // What is typed from a file does not stand behind its question; a weekly message begins on another day.
    let differs =
        |line: &str| line.contains("]:") || line.contains("): ") || line.starts_with("begins ");
    for line in asked.lines().chain(told.lines()).filter(|line| !differs(line)) {
        let line = shape(line);
        assert!(shapes.iter().any(|it| it.ends_with(&line)), "nothing prints `{line}`: {printed}");
    }
    let texts: Vec<String> =
        arrived.lines().map(|line| line.split_once("c.us: ").unwrap().1.to_owned()).collect();
    assert_eq!(account.received().into_iter().map(|(_, text)| text).collect::<Vec<_>>(), texts);
}

#[test]
fn the_guide_is_followed_to_the_letter_without_root_and_without_sqlite3() {
    let guide = page("dist/PANDUAN.md");
    let account = Account::new();
    assert!(!account.shell("sqlite3 --version").status().unwrap().success());
    let (mut ran, mut printed) = (0, String::new());
    for begins in ["A. ", "3. ", "5. ", "6. ", "Cadangan"] {
        for (language, block) in blocks(section(&guide, begins)) {
            if language == "sh" {
                // As on a terminal, a line that fails ends nothing; here it is a fault.
                printed += &account.run(&format!("cd ~/scheduler\n{block}"));
                ran += 1;
            }
        }
    }
    for part in [
        "making a new database: ",
        "sent to +6281234567890: WAHA took it",
        "is how Excel writes a long number",
        "3 rows: 2 added, 0 merged, 0 unchanged, 1 refused",
        "message 3 is scheduled: 2 recipients",
        "WHATSAPP_HOOK_URL=",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    assert_eq!(account.received().len(), 1, "only the first is for now");
    // What cron would do each minute.
    let line = printed.lines().find_map(|line| line.strip_prefix("* * * * * ")).unwrap();
    account.make_due(4);
    account.run(line);
    let texts: Vec<String> = account.received().into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts[1..], ["Halo Budi!", "Halo Siti!"], "{printed}");
    // And what a VPS does.
    account.make_due(3);
    let serves = |block: &str| block.ends_with("./auto-message-scheduler serve");
    let (_, serve) =
        blocks(section(&guide, "B. ")).into_iter().find(|(_, block)| serves(block)).unwrap();
    let _serve = account.serve(serve);
    until("serve sends", || account.received().len() == 5);
    assert_eq!(account.received()[3].1, "Halo Budi, besok promo di Solo!");
    // Every other block says who runs it.
    let others = blocks(&guide).into_iter().filter(|(language, _)| *language == "sh");
    let others =
        others.filter(|(_, block)| NOT_HERE.iter().any(|(start, _)| block.starts_with(start)));
    assert_eq!(
        blocks(&guide).iter().filter(|(language, _)| *language == "sh").count(),
        ran + others.count() + 1
    );
}
