//! The `message` commands of the real program: argv, what they print, and beside a running `serve`.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::site::{Site, stderr, until};

/// Runs a command that must do well; returns what it prints.
fn ok(site: &Site, arguments: &[&str]) -> String {
    let output = site.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    assert_eq!(stderr(&output), "", "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that must be refused; returns why.
fn refused(site: &Site, arguments: &[&str], code: i32) -> String {
    let output = site.run(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{arguments:?}");
    stderr(&output)
}

#[test]
fn a_message_is_added_shown_and_sent_by_the_real_program() {
    let site = Site::new();
    let budi = r#"{"phone":"081200007002","name":"Budi"}"#;
    let added = ok(
        &site,
        &[
            "message",
            "add",
            "Halo {{name|Kak}}",
            "--to",
            "0812-0000-7001",
            budi,
            "--at",
            "now",
            "--title",
            "Promo",
        ],
    );
    assert!(
        added.starts_with("message 1 is scheduled: 2 recipients on channel `default`\nbegins "),
        "{added}"
    );
    assert!(added.contains("(Asia/Jakarta), the last one has it by "), "{added}");
    ok(&site, &["run"]);
    let texts: Vec<String> = site.waha.received().into_iter().map(|one| one.text).collect();
    assert_eq!(texts, ["Halo Kak", "Halo Budi"]);
    let list = ok(&site, &["message", "list", "--status", "sent", "--search", "promo"]);
    assert!(list.contains("2/2") && list.contains("times are in Asia/Jakarta"), "{list}");
    assert!(list.lines().all(|line| line.chars().count() <= 80), "{list}");
    let shown = ok(&site, &["message", "show", "1"]);
    for part in ["status    sent", "  Halo {{name|Kak}}", "Budi", "+6281200007002"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let json: Value =
        serde_json::from_str(&ok(&site, &["message", "show", "1", "--json"])).unwrap();
    assert_eq!(json["deliveries"][1]["text"], "Halo Budi");
    assert_eq!(json["occurrences"][0]["sent"], 2);
    let json: Value = serde_json::from_str(&ok(&site, &["message", "list", "--json"])).unwrap();
    assert_eq!(json[0]["created_by"], "cli");
}

#[test]
fn a_text_comes_from_a_file_or_from_standard_input() {
    let site = Site::new();
    std::fs::write(site.path("teks.txt"), "\u{feff}Satu\r\nDua\r\n").unwrap();
    std::fs::write(site.path("latin.txt"), b"caf\xe9").unwrap();
    let to = ["--to", "081200007001", "--at", "+1h"];
    let add = |file: &str| {
        let mut command = site.command(&["message", "add", "--file", file]);
        let mut child =
            command.args(to).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Who reads a file does not read this.
        drop(child.stdin.take().unwrap().write_all("Tiga\n\nEmpat\n".as_bytes()));
        child.wait_with_output().unwrap()
    };
    assert!(add("teks.txt").status.success());
    assert!(add("-").status.success());
    assert!(stderr(&add("latin.txt")).contains("is not UTF-8"));
    assert!(stderr(&add("tidak-ada.txt")).contains("cannot be read"));
    assert_eq!(
        site.sqlite3("SELECT quote(message) FROM auto_messages"),
        "'Satu\nDua'\n'Tiga\n\nEmpat'\n"
    );
}

#[test]
fn wrong_usage_is_told_from_a_refusal_by_the_exit_code() {
    let site = Site::new();
    refused(&site, &["message", "add", "x", "--to", "0812", "--at", "now", "--weekly", "mon"], 2);
    refused(&site, &["message", "add", "x", "--weekly", "mon"], 2);
    refused(&site, &["message", "list", "--status", "terkirim"], 2);
    refused(&site, &["message", "show", "x"], 2);
    let why = refused(&site, &["message", "show", "7"], 1);
    assert!(why.contains("there is no message 7"), "{why}");
    let why = refused(&site, &["message", "add", "x", "--to", "081200007001"], 1);
    assert!(why.contains("it has no time"), "{why}");
}

#[test]
fn what_may_arrive_twice_or_is_lost_for_good_wants_a_yes() {
    let site = Site::new();
    site.message(r#"["081200000502"]"#);
    ok(&site, &["run"]);
    let why = refused(&site, &["message", "retry", "1", "--unknown"], 1);
    assert!(why.contains("TWICE") && why.contains("--yes"), "{why}");
    let why = refused(&site, &["message", "remove", "1"], 1);
    assert!(why.contains("--yes"), "{why}");
    assert_eq!(site.waha.received().len(), 1);
    let told = ok(&site, &["message", "retry", "1", "--unknown", "--yes"]);
    assert!(told.contains("sent again to 1 recipients"), "{told}");
    ok(&site, &["run"]);
    assert_eq!(site.waha.received().len(), 2);
    ok(&site, &["message", "remove", "1", "--yes"]);
}

#[test]
fn messages_are_paused_resumed_and_cancelled_while_serve_sends() {
    let site = Site::new();
    site.write_settings("TICK_SECONDS=1\n");
    let _server = site.serve();
    let many: Vec<String> = (1..=9).map(|number| format!("08120000700{number}")).collect();
    let mut arguments = vec!["message", "add", "Halo", "--at", "now", "--to"];
    arguments.extend(many.iter().map(String::as_str));
    ok(&site, &arguments);
    until("the first one arrives", || !site.waha.received().is_empty());
    let told = ok(&site, &["message", "pause", "1"]);
    assert!(told.contains("is paused") && told.contains(" wait"), "{told}");
    // What was under way when it was paused arrives; then nothing more.
    until("nothing is under way", || {
        site.sqlite3("SELECT count(*) FROM deliveries WHERE status = 'sending'") == "0\n"
    });
    let sent = site.waha.received().len();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(site.waha.received().len(), sent);
    ok(&site, &["message", "resume", "1"]);
    until("it goes on", || site.waha.received().len() > sent);
    ok(&site, &["message", "cancel", "1"]);
    assert_eq!(site.sqlite3("SELECT status FROM auto_messages"), "cancelled\n");
}

#[test]
fn a_test_message_tells_what_waha_said() {
    let site = Site::new();
    let told = ok(&site, &["message", "test-send", "0812-0000-7001", "Tes"]);
    assert!(
        told.starts_with("sent to 6281200007001@c.us: WAHA took it and gave the id "),
        "{told}"
    );
    let why = refused(&site, &["message", "test-send", "081200000400", "Tes"], 1);
    assert!(why.contains("failed: WAHA refused it with 400"), "{why}");
    let why = refused(&site, &["message", "test-send", "Budi", "Tes"], 1);
    assert!(why.contains("cannot get it"), "{why}");
    site.waha.set_status("default", "SCAN_QR_CODE");
    let why = refused(&site, &["message", "test-send", "081200007001", "Tes"], 1);
    assert!(why.contains("not sent, and cancelled") && why.contains("scan the QR code"), "{why}");
    assert_eq!(
        site.sqlite3("SELECT status FROM auto_messages ORDER BY id"),
        "sent\nfailed\ncancelled\n"
    );
}

#[test]
fn a_test_message_goes_through_the_server_that_sends() {
    let site = Site::new();
    site.write_settings("TICK_SECONDS=1\n");
    let _server = site.serve();
    let told = ok(&site, &["message", "test-send", "081200007001", "Tes", "--json"]);
    let json: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(json["status"], "sent");
    assert_eq!(json["waha_message_id"], site.waha.received()[0].id.as_str());
}
