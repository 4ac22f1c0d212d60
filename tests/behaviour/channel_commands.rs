//! `channel` as a person types it.

use std::process::Output;

use serde_json::Value;

use crate::site::{Site, stderr};

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(site: &Site, arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(&site.run(&[arguments, &["--json"]].concat()))).unwrap()
}

/// A refusal: exit code 1, and its words.
fn refused(site: &Site, arguments: &[&str]) -> String {
    let output = site.run(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", stderr(&output));
    stderr(&output)
}

#[test]
fn a_channel_is_added_shown_changed_and_removed() {
    let site = Site::new();
    let added = stdout(&site.run(&[
        "channel",
        "add",
        "Toko Melati",
        "--session",
        "melati",
        "--window",
        "7.00-21.00",
        "--daily-limit",
        "100",
    ]));
    assert_eq!(
        added,
        "channel 2 `Toko Melati` added. A new number? `channel edit 2 --warmup today` lets it begin slowly\n"
    );
    let row = "SELECT name, session_name, send_window, daily_limit FROM channels WHERE id = 2";
    assert_eq!(site.sqlite3(row), "Toko Melati|melati|07:00-21:00|100\n");
    let view = json(&site, &["channel", "show", "toko melati"]);
    assert_eq!(view["session"]["status"], "WORKING");
    assert_eq!((view["daily_limit"].as_i64(), view["sent_today"].as_i64()), (Some(100), Some(0)));
    stdout(&site.run(&[
        "channel",
        "edit",
        "2",
        "--name",
        "Melati",
        "--window",
        "default",
        "--daily-limit",
        "0",
    ]));
    assert_eq!(site.sqlite3(row), "Melati|melati||0\n");
    assert_eq!(stdout(&site.run(&["channel", "remove", "melati"])), "channel 2 `Melati` removed\n");
    assert_eq!(site.sqlite3("SELECT count(*) FROM channels"), "1\n");
}

#[test]
fn a_new_number_is_warmed_up_and_the_channel_says_how_far_it_is() {
    let site = Site::new();
    let today =
        stdout(&site.run(&["channel", "add", "baru", "--session", "baru", "--warmup", "today"]));
    assert_eq!(today, "channel 2 `baru` added\n");
    let view = json(&site, &["channel", "show", "baru"]);
    assert_eq!((view["warmup"]["day"].as_i64(), view["daily_limit"].as_i64()), (Some(1), Some(20)));
    assert!(stdout(&site.run(&["channel", "show", "baru"])).contains("day 1, since 2"));
    stdout(&site.run(&[
        "channel",
        "edit",
        "baru",
        "--warmup",
        "2026-01-01",
        "--daily-limit",
        "100",
    ]));
    let view = json(&site, &["channel", "show", "baru"]);
    assert_eq!(view["daily_limit"].as_i64(), Some(100), "long since warm");
    stdout(&site.run(&["channel", "edit", "baru", "--warmup", "off"]));
    assert_eq!(json(&site, &["channel", "show", "baru"])["warmup"], Value::Null);
    let error = stderr(&site.run(&["channel", "edit", "baru", "--warmup", "besok"]));
    assert!(error.contains("write today, 2026-12-01, or off"), "{error}");
    let error = stderr(&site.run(&["channel", "edit", "baru", "--warmup", "2099-01-01"]));
    assert!(error.contains("2099-01-01 is yet to come"), "{error}");
}

#[test]
fn the_list_fits_a_terminal_and_says_what_waha_says_of_each_session() {
    let site = Site::new();
    site.waha.set_status("kedua", "SCAN_QR_CODE");
    stdout(&site.run(&["channel", "add", "kedua", "--session", "kedua"]));
    stdout(&site.run(&["channel", "add", "salah", "--session", "nosuch-session"]));
    let text = stdout(&site.run(&["channel", "list"]));
    for part in
        ["default (WORKING)", "(SCAN_QR_CODE)", "(unknown to", "ready ", "cannot send", "always"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let views = json(&site, &["channel", "list"]);
    assert_eq!(views[1]["session"]["status"], "SCAN_QR_CODE");
    assert!(views[1]["session"]["trouble"].as_str().unwrap().contains("scan the QR code"));
    assert_eq!(views[2]["session"]["status"], Value::Null);
    assert_eq!(views[0]["state"], "ready");
}

#[test]
fn a_waha_that_is_not_there_is_said_in_words_and_the_rest_is_shown() {
    let site = Site::new();
    let here = stdout(&site.run(&["channel", "list", "--offline"]));
    assert!(!here.contains("WORKING"), "{here}");
    let command = |url: &str| {
        let mut command = site.command(&["channel", "list"]);
        command.env("WAHA_BASE_URL", url);
        stdout(&command.output().unwrap())
    };
    let text = command("http://127.0.0.1:9");
    assert!(text.contains("default") && text.contains("WAHA cannot be reached"), "{text}");
    std::fs::write(site.path("auto-message-scheduler.env"), "DATABASE_PATH=shop.db\n").unwrap();
    let text = stdout(&site.run(&["channel", "list"]));
    assert!(text.contains("WAHA_BASE_URL"), "{text}");
}

#[test]
fn a_session_or_a_name_that_is_taken_is_refused_in_words() {
    let site = Site::new();
    let error = refused(&site, &["channel", "add", "lain", "--session", " default "]);
    assert!(error.contains("session `default` is channel 1 `default` already"), "{error}");
    let error = refused(&site, &["channel", "add", "DEFAULT", "--session", "x"]);
    assert!(error.contains("channel 1 is called `default` already"), "{error}");
    let error = refused(&site, &["channel", "add", "x", "--session", " "]);
    assert!(error.contains("--session"), "{error}");
    refused(&site, &["channel", "add", "17", "--session", "x"]);
    let error = refused(&site, &["channel", "edit", "tidak ada", "--name", "x"]);
    assert!(error.contains("there is no channel `tidak ada`"), "{error}");
    for bad in [["--window", "siang"], ["--daily-limit", "-1"]] {
        let output = site.run(&[&["channel", "edit", "1"], &bad[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{bad:?}");
    }
}

#[test]
fn a_paused_channel_sends_nothing_until_it_is_resumed() {
    let site = Site::new();
    stdout(&site.run(&["channel", "pause", "default", "--reason", "libur Lebaran"]));
    site.message("081200007001");
    stdout(&site.run(&["run"]));
    assert_eq!((site.status().as_str(), site.waha.received().len()), ("sending", 0));
    let text = stdout(&site.run(&["channel", "list"]));
    assert!(text.contains("paused: libur"), "{text}");
    let text = stdout(&site.run(&["channel", "resume", "default"]));
    assert!(text.contains("may send again. It was held: libur Lebaran"), "{text}");
    stdout(&site.run(&["run"]));
    assert_eq!((site.status().as_str(), site.waha.received().len()), ("sent", 1));
    let view = json(&site, &["channel", "show", "1"]);
    assert_eq!(view["sent_today"], 1);
}

#[test]
fn resume_says_when_the_program_will_hold_the_channel_again() {
    let site = Site::new();
    for (kind, part) in [
        ("session", "while its session in WAHA is not WORKING"),
        ("restricted", "WhatsApp may ban"),
        ("rate_limited", "answers 429"),
    ] {
        site.sqlite3(&format!(
            "UPDATE channels SET held_reason = 'sebab', held_kind = '{kind}', held_count = 3,
                 held_until = '2099-01-01', is_active = 0"
        ));
        let text = stdout(&site.run(&["channel", "resume", "1"]));
        assert!(text.contains(part), "{text}");
        let row =
            site.sqlite3("SELECT held_reason, held_kind, held_until, is_active FROM channels");
        assert_eq!(row, "|||1\n");
    }
}

#[test]
fn a_channel_that_is_held_because_the_database_was_copied_is_not_resumed() {
    let site = Site::new();
    site.sqlite3(
        "INSERT INTO place_holds (channel_id, reason) VALUES (1, 'copied');
         UPDATE channels SET held_reason = 'copied'",
    );
    for command in ["resume", "pause"] {
        let error = refused(&site, &["channel", command, "1"]);
        assert!(error.contains("confirm-place"), "{error}");
    }
    assert_eq!(site.sqlite3("SELECT held_reason FROM channels"), "copied\n");
}

#[test]
fn a_channel_in_use_is_not_removed_and_it_says_what_to_do() {
    let site = Site::new();
    let error = refused(&site, &["channel", "remove", "default"]);
    assert!(error.contains("pause or edit it instead"), "{error}");
    stdout(&site.run(&["channel", "add", "kedua", "--session", "kedua"]));
    site.message("081200007001");
    site.sqlite3("UPDATE auto_messages SET channel_id = 2");
    let error = refused(&site, &["channel", "remove", "kedua"]);
    assert!(error.contains("1 message uses it: cancel it"), "{error}");
    stdout(&site.run(&["run"]));
    stdout(&site.run(&["channel", "remove", "kedua"]));
    assert_eq!(site.sqlite3("SELECT status FROM deliveries"), "sent\n", "it stays on record");
}

#[test]
fn a_closed_channel_says_until_when_it_waits_and_why() {
    let site = Site::new();
    let closed = site.sqlite3(
        "SELECT strftime('%H:%M', 'now', '+2 hours') || '-' || strftime('%H:%M', 'now', '+3 hours')",
    );
    let closed = closed.trim();
    site.write_settings(&format!("TIMEZONE=UTC\nSEND_WINDOW={closed}\n"));
    let text = stdout(&site.run(&["channel", "show", "1"]));
    assert!(text.contains("waits until") && text.contains("outside its send window"), "{text}");
    let view = json(&site, &["channel", "show", "1"]);
    assert_eq!(
        (view["state"].as_str(), view["send_window"].as_str()),
        (Some("waiting"), Some(closed))
    );
    site.write_settings("DAILY_LIMIT=1\n");
    site.message("081200007001, 081200007002");
    stdout(&site.run(&["run"]));
    let text = stdout(&site.run(&["channel", "list"]));
    assert!(text.contains("1 of 1") && text.contains("its daily limit"), "{text}");
    site.sqlite3(
        "DROP TRIGGER channels_send_window_on_update; UPDATE channels SET send_window = 'x'",
    );
    let view = json(&site, &["channel", "show", "1"]);
    assert!(view["reason"].as_str().unwrap().contains("`x` is no window"), "{view}");
}
