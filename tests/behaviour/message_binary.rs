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
    assert!(added.contains("(Asia/Jakarta), the last one gets it about "), "{added}");
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
    let run = || {
        ok(&site, &["run"]);
        // Ten minutes later it is looked up, and not found.
        let earlier = "UPDATE deliveries SET claimed_at = strftime('%Y-%m-%dT%H:%M:%SZ', claimed_at, '-10 minutes'),
            next_attempt_at = strftime('%Y-%m-%dT%H:%M:%SZ', next_attempt_at, '-10 minutes')";
        site.sql().execute(earlier, []).unwrap();
        ok(&site, &["run"]);
    };
    let posts = || site.waha.requests().iter().filter(|one| one.path == "/api/sendText").count();
    site.message(r#"["081200000500"]"#);
    run();
    let why = refused(&site, &["message", "retry", "1", "--unknown"], 1);
    assert!(why.contains("TWICE") && why.contains("--yes"), "{why}");
    let why = refused(&site, &["message", "remove", "1"], 1);
    assert!(why.contains("--yes"), "{why}");
    assert_eq!(posts(), 1);
    let told = ok(&site, &["message", "retry", "1", "--unknown", "--yes"]);
    assert!(told.contains("sent again to 1 recipient"), "{told}");
    run();
    assert_eq!(posts(), 2);
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
    assert!(told.starts_with("sent to +6281200007001: WAHA took it and gave the id "), "{told}");
    let why = refused(&site, &["message", "test-send", "081200000400", "Tes"], 1);
    assert!(why.contains("failed: WAHA refused it with 400"), "{why}");
    let why = refused(&site, &["message", "test-send", "Budi", "Tes"], 1);
    assert!(why.contains("nobody can get it") && !why.contains("--skip-bad"), "{why}");
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

#[test]
fn the_end_of_a_new_message_counts_what_goes_out_before_it_on_its_channel() {
    let site = Site::new();
    site.write_settings("SEND_DELAY_SECONDS=600\nLATE_LIMIT_HOURS=1\n".trim_start());
    let numbers: Vec<String> = (1..=5).map(|number| format!("08120000700{number}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let add = |numbers: &[&str]| {
        let at = ["--at", "2099-01-01 08:00", "--json"];
        let arguments = [&["message", "add", "Halo", "--to"], numbers, &at].concat();
        serde_json::from_str::<Value>(&ok(&site, &arguments)).unwrap()
    };
    let first = add(&numbers[..4]);
    assert_eq!(first["last_at"], "2099-01-01T01:30:00Z");
    assert_eq!(first["warnings"], serde_json::json!([]));
    let second = add(&numbers);
    assert_eq!(second["first_at"], "2099-01-01T01:40:00Z");
    assert_eq!(second["last_at"], "2099-01-01T02:00:00Z");
    let warning = second["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("only about 3 of the 5 recipients get it in time"), "{warning}");
    let shown = ok(&site, &["plan", "2"]);
    assert!(shown.contains("3 of 5, 2 too late"), "{shown}");
}

#[test]
fn a_message_is_known_by_its_text_and_its_days_are_told_in_words() {
    let site = Site::new();
    let weekly = ["--weekly", "senin,kamis", "--time", "08:00"];
    let add =
        ["message", "add", "Halo 日本語日本語日本語日本語日本語日本語", "--to", "081200007001"];
    ok(&site, &[&add[..], &weekly].concat());
    assert!(ok(&site, &["message", "show", "1"]).contains("repeats   every Mon, Thu at 08:00\n"));
    for (arguments, part) in [
        (&["status"][..], "message 1 `Halo 日本語"),
        (&["plan"], "Halo"),
        (&["plan", "1"], "Message 1 `Halo 日本語"),
        (&["message", "list"], "Halo 日本語"),
    ] {
        let shown = ok(&site, arguments);
        assert!(shown.contains(part), "{arguments:?}: {shown}");
        let columns =
            |line: &str| line.chars().map(|c| if c > '\u{2fff}' { 2 } else { 1 }).sum::<usize>();
        assert!(shown.lines().all(|line| columns(line) <= 80), "{arguments:?}: {shown}");
    }
}

#[test]
fn a_channel_that_waits_for_its_hours_says_so_wherever_it_is_shown() {
    let site = Site::new();
    ok(&site, &["message", "add", "Halo", "--to", "081200007001", "--at", "now"]);
    site.sql().execute("UPDATE channels SET daily_limit = 1", []).unwrap();
    ok(&site, &["run"]);
    ok(&site, &["message", "add", "Halo", "--to", "081200007001", "--at", "now"]);
    for command in ["status", "plan", "channel list"] {
        let shown = ok(&site, &command.split(' ').collect::<Vec<_>>());
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.contains("its daily limit of 1 is"), "{command}: {shown}");
    }
}

#[test]
fn a_cancel_says_nothing_was_sent_only_when_nobody_ever_got_it() {
    let site = Site::new();
    let add = |text: &str| {
        ok(
            &site,
            &[
                "message",
                "add",
                text,
                "--to",
                "081200007001",
                "--weekly",
                "harian",
                "--time",
                "08:00",
            ],
        )
    };
    add("Pagi");
    add("Siang");
    site.sqlite3(
        "UPDATE auto_messages SET scheduled_at = datetime('now', '-1 minute') WHERE id = 1",
    );
    ok(&site, &["run"]);
    assert_eq!(site.waha.received().len(), 1);
    let told = |id: &str| ok(&site, &["message", "cancel", id]);
    assert_eq!(told("1"), "message 1 is cancelled: nothing more of it is sent\n");
    assert_eq!(told("2"), "message 2 is cancelled: nothing of it was sent\n");
}

#[test]
fn a_slip_of_the_hand_is_named_with_its_remedy() {
    let site = Site::new();
    for (arguments, code, part) in [
        (&["plna"][..], 2, "a similar subcommand exists: 'plan'"),
        (&["message", "show", "abc"], 2, "an id is a number such as 7"),
        (&["plan", "--limit", "0"], 2, "write a number from 1"),
        (&["message", "add"], 1, "it has no text"),
        (&["message", "remove", "9"], 1, "there is no message 9"),
        (&["channel", "edit", "1"], 1, "nothing to change"),
        (
            &["message", "add", "Hai", "--to", "abc", "--at", "+1d"],
            1,
            "error: nobody can get it: `abc`",
        ),
        (
            &["message", "add", "Halo {{kota}}", "--to", "081200007001", "--at", "+1d"],
            1,
            "error: nobody can get it: `+6281200007001` (no value for {{kota}}",
        ),
        (
            &["message", "add", "Hai", "--to", "1", "--weekly", "sennin", "--time", "8"],
            1,
            "`--weekly`: `sennin` is not a day",
        ),
    ] {
        let why = refused(&site, arguments, code);
        assert!(why.contains(part), "{arguments:?}: {why}");
    }
    assert!(ok(&site, &["contact", "list", "--tag", "vip"]).contains("no contact is like that"));
}

#[test]
fn a_copy_says_the_same_to_the_same_and_waits_as_a_draft_for_its_time() {
    let site = Site::new();
    let add = ["message", "add", "Halo {{name|Kak}}", "--title", "promo", "--at", "+1h"];
    ok(&site, &[&add[..], &["--to", "081200007001", "081200007002"]].concat());
    let said = ok(&site, &["message", "copy", "1"]);
    assert!(!said.contains("says the same"), "{said}");
    ok(&site, &["message", "copy", "1", "--to", "081200007003", "--at", "+2h"]);
    let column = |name: &str| -> Vec<String> {
        let sql = site.sql();
        let mut rows =
            sql.prepare(&format!("SELECT {name} FROM auto_messages ORDER BY id")).unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(column("status"), ["scheduled", "draft", "scheduled"]);
    assert_eq!(column("message"), ["Halo {{name|Kak}}"; 3]);
    assert_eq!(column("title"), ["promo"; 3]);
    let to = column("contact_ids");
    assert_eq!(to[0], to[1]);
    assert!(to[2].contains("7003") && !to[2].contains("7001"), "{to:?}");
    refused(&site, &["message", "copy", "9"], 1);
}
