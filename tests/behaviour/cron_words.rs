//! What a `run` of cron says on standard error, which cron mails: why messages wait, once.

use std::time::Duration;

use auto_message_scheduler::clock::Timestamp;
use auto_message_scheduler::config::Config;
use auto_message_scheduler::lock::SenderLock;
use auto_message_scheduler::schedule::Zone;
use auto_message_scheduler::send_window::Gap;
use auto_message_scheduler::status;
use auto_message_scheduler::store::Store;
use serde_json::Value;

use crate::site::{Site, stderr, until};
use crate::world::config;

const NOBODY_THERE: &str = "http://127.0.0.1:9";

/// What a run says, with WAHA at `url`, or where it is.
fn run(site: &Site, url: Option<&str>) -> String {
    let mut command = site.command(&["run"]);
    command.envs(url.map(|url| ("WAHA_BASE_URL", url)));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    stderr(&output)
}

fn out(site: &Site, arguments: &[&str]) -> String {
    String::from_utf8(site.run(arguments).stdout).unwrap()
}

#[test]
fn a_waha_that_is_down_is_said_once_per_hold_and_not_each_minute() {
    let site = Site::new();
    assert_eq!(run(&site, Some(NOBODY_THERE)), "", "nothing waits");
    for round in 0..2 {
        site.message("081200007001");
        let said = run(&site, Some(NOBODY_THERE));
        assert!(
            said.starts_with("channel 1 `default` is held, 1 waiting: WAHA cannot be reached"),
            "{round}: {said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
        for _ in 0..3 {
            assert_eq!(run(&site, Some(NOBODY_THERE)), "", "{round}");
        }
        assert_eq!(run(&site, None), "");
        assert_eq!(site.waha.received().len(), round + 1, "WORKING frees it");
    }
}

#[test]
fn a_wrong_key_and_a_persons_hold_are_said_once_too() {
    let site = Site::new();
    site.message("081200007001");
    let mut command = site.command(&["run"]);
    command.env("WAHA_API_KEY", "salah");
    let first = stderr(&command.output().unwrap());
    assert!(first.contains("is held, 1 waiting: WAHA answered 401"), "{first}");
    assert_eq!(stderr(&command.output().unwrap()), "");
    out(&site, &["channel", "pause", "default", "--reason", "libur\u{1b}[31m"]);
    assert_eq!(run(&site, None), "", "the same hold, with other words");
    out(&site, &["channel", "resume", "default"]);
    out(&site, &["channel", "pause", "default", "--reason", "libur\u{1b}[31m"]);
    let said = run(&site, None);
    assert!(said.starts_with("channel 1 `default` is held, 1 waiting: libur"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said:?}");
    assert_eq!(run(&site, None), "");
}

#[test]
fn the_list_and_the_message_itself_name_the_hold_that_it_waits_for() {
    let site = Site::new();
    site.message("081200007001");
    run(&site, Some(NOBODY_THERE));
    for arguments in [&["message", "list"][..], &["message", "show", "1"]] {
        let text = out(&site, arguments);
        assert!(text.contains("held") && text.contains("WAHA cannot be"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
    let shown: Value =
        serde_json::from_str(&out(&site, &["message", "show", "1", "--json"])).unwrap();
    assert!(shown["channel_held"].as_str().unwrap().starts_with("WAHA cannot"), "{shown}");
    out(&site, &["message", "cancel", "1"]);
    let text = out(&site, &["message", "list"]);
    assert!(!text.contains("is held"), "it waits for nothing: {text}");
}

#[test]
fn a_run_that_was_stopped_with_the_lock_is_said_with_its_process_and_since_when() {
    let site = Site::new();
    site.write_settings("SEND_DELAY_SECONDS=60\n");
    site.message("081200007001, 081200007002");
    let hanging = site.start("run", "run.log", None);
    let sent = "SELECT count(*) FROM deliveries WHERE status = 'sent'";
    until("the first is recorded", || {
        site.sql().query_row(sent, [], |row| row.get::<_, i64>(0)).unwrap() == 1
    });
    let pid = hanging.child.id();
    let words = format!("process {pid} (`run`) has been sending since 20");
    assert_eq!(run(&site, None), "", "one that works is no news");
    let doctor = |verdict: &str| {
        let text = out(&site, &["doctor", "--json"]);
        let report: Value = serde_json::from_str(&text).unwrap();
        let findings = report["findings"].as_array().unwrap();
        let of = |one: &&Value| one["subject"] == "triggers" && one["verdict"] == verdict;
        let found = findings.iter().find(of).unwrap_or_else(|| panic!("{verdict}: {text}"));
        assert!(found["found"].as_str().unwrap().starts_with(&words), "{found}");
    };
    doctor("ok");
    hanging.signal("STOP");
    until("it is stopped", || auto_message_scheduler::lock::is_stopped(pid.into()));
    let said = run(&site, None);
    assert!(said.starts_with(&words) && said.contains("it is stopped"), "{said}");
    assert!(said.contains(&format!("`kill -9 {pid}` ends it")), "{said}");
    assert_eq!(run(&site, None), "", "once");
    doctor("wrong");
    let mut server = site.serve();
    server.wait_for_log(&format!("serve: process {pid} has the lock since 20"));
    hanging.signal("CONT");
}

#[test]
fn a_run_that_records_nothing_for_half_an_hour_hangs_and_a_server_may_have_nothing_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.db");
    let mut store = Store::open(&path).unwrap();
    let mut lock = SenderLock::try_take(&path).unwrap().unwrap();
    let since = Timestamp::parse("2026-12-01T01:00:00Z").unwrap();
    let gap = Gap { delay: Duration::from_mins(1), jitter: Duration::ZERO };
    let zone = Zone::parse("Asia/Jakarta").unwrap();
    for (command, minutes, hangs) in [("run", 29, false), ("run", 31, true), ("serve", 600, false)]
    {
        lock.sign(command, since);
        let now = since.plus(Duration::from_mins(minutes));
        let sender = status::sender(&mut store, &Config { gap, ..config() }, now).unwrap().unwrap();
        assert_eq!(sender.hangs.is_some(), hangs, "{command} {minutes}");
        let words = sender.in_words(&zone);
        assert!(words.contains("since 2026-12-01 08:00"), "{words}");
        assert_eq!(words.contains("nothing was recorded for 31 min"), hangs, "{words}");
    }
    // A gap of an hour is none that hangs.
    lock.sign("run", since);
    let slow = Gap { delay: Duration::from_hours(1), jitter: Duration::ZERO };
    let now = since.plus(Duration::from_mins(90));
    assert_eq!(
        status::sender(&mut store, &Config { gap: slow, ..config() }, now).unwrap().unwrap().hangs,
        None
    );
}
