//! The rooms: who may speak what, and that the docs, the sample and the code say the same.

use std::fs;
use std::path::{Path, PathBuf};

use auto_message_scheduler::config::SETTINGS;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file with its path from `src/`, without its unit tests.
fn sources() -> Vec<(String, String)> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let source_root = root().join("src");
    let mut paths = Vec::new();
    walk(&source_root, &mut paths);
    paths
        .into_iter()
        .map(|path| {
            let name =
                path.strip_prefix(&source_root).unwrap().to_string_lossy().replace('\\', "/");
            let text = fs::read_to_string(&path).unwrap();
            let code =
                text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
            (name, code)
        })
        .filter(|(name, _)| !name.contains("tests"))
        .collect()
}

/// A line of code that has one of `words` outside the files that begin with one of `rooms`.
fn outside(rooms: &[&str], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, text) in sources() {
        if rooms.iter().any(|room| name.starts_with(room)) {
            continue;
        }
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{name}: {}", line.trim()));
            }
        }
    }
    found
}

#[test]
fn only_the_store_speaks_sql() {
    let words = ["rusqlite::", "Connection::", "SELECT ", "UPDATE ", "INSERT INTO", "DELETE FROM"];
    // The demo tells people a statement to type.
    assert_eq!(outside(&["store", "cli/demo.rs"], &words), [""; 0]);
}

#[test]
fn only_the_http_client_uses_ureq_and_only_the_server_tiny_http() {
    assert_eq!(outside(&["http_client.rs"], &["ureq::"]), [""; 0]);
    assert_eq!(outside(&["http/server.rs"], &["tiny_http::"]), [""; 0]);
    // The server behind the front must not be given a listener that strangers reach.
    assert_eq!(outside(&["http", "fake_waha"], &[".accept()"]), [""; 0]);
}

#[test]
fn only_the_clock_sleeps_and_asks_the_time() {
    let words = ["thread::sleep", "Instant::now", "SystemTime::now", "now_utc", "wait_timeout"];
    // The simulator must not sleep on a clock that may be simulated: see its module doc.
    assert_eq!(outside(&["clock.rs", "fake_waha"], &words), [""; 0]);
}

#[test]
fn only_schedule_zone_knows_the_zone_library() {
    assert_eq!(outside(&["schedule/zone.rs"], &["jiff::"]), [""; 0]);
}

#[test]
fn imports_point_down_the_list_of_rooms() {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let list = text.split("# The rooms").nth(1).unwrap().split("```").nth(1).unwrap();
    let rooms: Vec<&str> =
        list.split_whitespace().filter(|word| !matches!(*word, "//!" | "text")).collect();
    let modules = text.lines().filter_map(|line| line.split_once("mod ")?.1.strip_suffix(';'));
    assert!(
        modules.clone().count() == rooms.len() && modules.clone().all(|one| rooms.contains(&one))
    );
    let rank = |room: &str| rooms.iter().position(|known| *known == room);
    for (name, text) in sources() {
        let room = name.split(['/', '.']).next().unwrap();
        let Some(own) = rank(room) else { continue };
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for imported in line.split("crate::").skip(1) {
                let imported = imported.split([':', ';', ' ', '(', '{']).next().unwrap();
                let Some(other) = rank(imported) else { continue };
                let is_down = other >= own;
                let is_seen =
                    !matches!((room, imported), ("waha", "store") | ("store" | "api", "waha"));
                assert!(is_down && is_seen, "{name} imports {imported}: {line}");
            }
        }
    }
}

#[test]
fn a_setting_is_the_same_in_code_sample_and_docs() {
    let docs = fs::read_to_string(root().join("docs/settings.md")).unwrap();
    let sample = fs::read_to_string(root().join("dist/auto-message-scheduler.env")).unwrap();
    for setting in SETTINGS {
        let (key, default) = (setting.key, setting.default);
        assert!(sample.contains(&format!("#{key}={default}\n")), "{key} in the sample");
        let shown = if default.is_empty() { "empty".to_owned() } else { format!("`{default}`") };
        let row = format!("| {key} | {shown} | {} |", setting.meaning);
        assert!(docs.contains(&row), "docs/settings.md lacks: {row}");
    }
    let sampled = sample.lines().filter(|line| line.starts_with('#') && line.contains('='));
    let keys = sampled.filter(|line| line[1..].starts_with(|c: char| c.is_ascii_uppercase()));
    assert_eq!(keys.count(), SETTINGS.len(), "a key in the sample that the code lacks");
}

#[test]
fn every_log_line_is_in_the_docs() {
    let docs = fs::read_to_string(root().join("docs/log-lines.md")).unwrap();
    for (name, text) in sources() {
        for level in ["error", "warn", "info"] {
            for call in text.split(&format!("log::{level}!(")).skip(1) {
                let sentence = call.split('"').nth(1).unwrap();
                // The fixed words before the first value, such as `delivery `.
                let words: Vec<&str> =
                    sentence.split(['{', '}']).step_by(2).filter(|part| part.len() > 3).collect();
                let is_listed = docs
                    .lines()
                    .filter(|line| line.starts_with("| `"))
                    .any(|line| words.iter().all(|part| line.contains(part.trim())));
                assert!(is_listed, "{name}: docs/log-lines.md does not list `{sentence}`");
            }
        }
    }
}
