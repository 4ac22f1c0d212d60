//! What `--json` prints, to the byte: programs of others read it. The files in `fixtures/golden` are
//! what the program printed of `shop.sql`; only the time of the look and the directory are replaced.

use std::fs;
use std::path::{Path, PathBuf};

use auto_message_scheduler::store::Store;

use crate::site::{command, stderr, write_private};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden")
}

/// Each command with the name of its file.
const COMMANDS: [(&str, &[&str]); 11] = [
    ("message-list", &["message", "list"]),
    ("message-list-search", &["message", "list", "--status", "sent", "--search", "halo"]),
    ("message-show-2", &["message", "show", "2"]),
    ("message-show-4", &["message", "show", "4"]),
    ("message-show-7", &["message", "show", "7"]),
    ("plan", &["plan"]),
    ("plan-4", &["plan", "4"]),
    ("plan-7", &["plan", "7", "--all"]),
    ("status", &["status"]),
    ("contact-list", &["contact", "list"]),
    ("channel-list", &["channel", "list"]),
];

/// Times of today and tomorrow become `NOW`: everything else in the shop is years away.
fn without_now(text: &str) -> String {
    let year = |text: &str| {
        let year = text.get(..4).and_then(|year| year.parse::<u32>().ok());
        year.is_some_and(|year| (2021..2099).contains(&year))
    };
    let mut kept = String::new();
    for (index, part) in text.split('"').enumerate() {
        let is_time = part.len() == 20 && part.ends_with('Z') && year(part);
        kept.push_str(if index > 0 { "\"" } else { "" });
        kept.push_str(if is_time { "NOW" } else { part });
    }
    kept
}

#[test]
fn json_is_what_it_was_to_the_byte() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("shop.db");
    drop(Store::open(&database).unwrap());
    let shop = fs::read_to_string(fixtures().join("shop.sql")).unwrap();
    rusqlite::Connection::open(&database).unwrap().execute_batch(&shop).unwrap();
    let settings = "DATABASE_PATH=shop.db\nWAHA_BASE_URL=http://127.0.0.1:9\n";
    write_private(&directory.path().join("auto-message-scheduler.env"), settings);
    let place = directory.path().canonicalize().unwrap();
    for (name, arguments) in COMMANDS {
        let output =
            command(directory.path(), &[arguments, &["--json"]].concat()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        let printed = String::from_utf8(output.stdout).unwrap();
        let printed = without_now(&printed.replace(&place.display().to_string(), "/shop"));
        let golden = fixtures().join(format!("{name}.json"));
        if std::env::var_os("WRITE_GOLDEN").is_some() {
            fs::write(&golden, &printed).unwrap();
        }
        let golden = fs::read_to_string(golden).unwrap();
        assert_eq!(printed, golden, "{arguments:?}");
    }
}
