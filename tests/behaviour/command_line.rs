//! What a person meets at a terminal: help, completions, manual pages.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::site::{command, stderr};

fn text(arguments: &[&str]) -> String {
    let output = command(&std::env::temp_dir(), arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The commands under these words, by their help.
fn commands_of(above: &[&str]) -> Vec<Vec<String>> {
    let help = text(&[above, &["--help"]].concat());
    let mut found = vec![above.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()];
    let listed = help.split("\nCommands:\n").nth(1).and_then(|rest| rest.split("\n\n").next());
    for line in listed.unwrap_or_default().lines() {
        // What follows a long name is indented further.
        let Some(rest) = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')) else {
            continue;
        };
        let name = rest.split(' ').next().unwrap();
        if name != "help" {
            found.extend(commands_of(&[above, &[name]].concat()));
        }
    }
    found
}

#[test]
fn every_help_fits_80_columns() {
    let commands = commands_of(&[]);
    assert!(commands.len() > 10, "{commands:?}");
    for words in &commands {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        for help in ["-h", "--help"] {
            for line in text(&[&words[..], &[help]].concat()).lines() {
                assert!(line.chars().count() <= 80, "{words:?}: {line}");
            }
        }
    }
}

/// The files in `fixtures/golden` are what the program printed before.
#[test]
fn every_help_is_what_it_was_to_the_byte() {
    let mut printed = String::new();
    for words in commands_of(&[]) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (short, long) =
            (text(&[&words[..], &["-h"]].concat()), text(&[&words[..], &["--help"]].concat()));
        let typed = [&["auto-message-scheduler"], &words[..]].concat().join(" ");
        writeln!(printed, "$ {typed} -h\n{short}").unwrap();
        if long != short {
            writeln!(printed, "$ {typed} --help\n{long}").unwrap();
        }
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden/help.txt");
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        fs::write(&golden, &printed).unwrap();
    }
    let before = fs::read_to_string(golden).unwrap();
    for (now, before) in printed.lines().zip(before.lines()) {
        assert_eq!(now, before);
    }
    assert_eq!(printed.len(), before.len());
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = text(&["completions", shell]);
        for word in ["confirm-place", "--dry-run", "--env-file"] {
            let word = if shell == "fish" { word.trim_start_matches('-') } else { word };
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("script");
    fs::write(&script, text(&["completions", "bash"])).unwrap();
    for (words, expected) in [
        (&["pl"][..], "plan"),
        (&["message", "retr"], "retry"),
        (&["message", "add", "--we"], "--weekly"),
        (&["message", "list", "--status", "sc"], "scheduled"),
        (&["contact", "opt-o"], "opt-out"),
        (&["cron-line", "--ev"], "--every"),
    ] {
        let typed = words.join(" ");
        let (last, before) = (words[words.len() - 1], words.len().checked_sub(2));
        let before = before.map_or("auto-message-scheduler", |at| words[at]);
        let try_it = format!(
            "source {}; COMP_WORDS=(auto-message-scheduler {typed}); COMP_CWORD={}; \
             _auto__message__scheduler auto-message-scheduler {last} {before}; echo ${{COMPREPLY[@]}}",
            script.display(),
            words.len()
        );
        let output = Command::new("bash").args(["-c", &try_it]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert_eq!(told.trim(), expected, "{typed}: {}", stderr(&output));
    }
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("man1");
    text(&["man", path.to_str().unwrap()]);
    for words in commands_of(&[]) {
        let name = [vec!["auto-message-scheduler".to_owned()], words].concat().join("-") + ".1";
        let page = fs::read_to_string(path.join(&name)).unwrap();
        for heading in ["SYNOPSIS", "ENVIRONMENT", "FILES", "EXIT STATUS"] {
            assert_eq!(page.matches(&format!("\n.SH {heading}\n")).count(), 1, "{name}: {heading}");
        }
    }
    assert!(text(&["man"]).contains(".SH SUBCOMMANDS"));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let program = env!("CARGO_BIN_EXE_auto-message-scheduler");
    for arguments in ["man", "completions zsh"] {
        let line = format!("set -o pipefail; {program} {arguments} | head -c 1 >/dev/null");
        let output = Command::new("bash").args(["-c", &line]).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{}", stderr(&output));
    }
}
