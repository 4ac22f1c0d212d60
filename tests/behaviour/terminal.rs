//! What others wrote (names, titles, texts, reasons, WAHA's words) at a terminal and in the log: it is
//! shown, and it moves no cursor, hides nothing and begins no line.

use std::fs;
use std::process::{Command, Output, Stdio};

use auto_message_scheduler::fake_waha::Options;
use serde_json::{Value, json};

use crate::site::{Site, program, until};
use crate::webhook::Shop;

/// Clears the screen, turns the writing round, and begins a line that looks like one of ours.
const EVIL: &str = "Bu\u{1b}[2J\u{7f}\u{9b}1m\u{202e}\r\nFORGED\u{2028}";

fn is_odd(c: char) -> bool {
    c != '\n' && c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether the words can do nothing.
fn is_tame(what: &[&str], text: &str) {
    assert!(!text.contains(is_odd), "{what:?}: {text:?}");
    // Lines that belong to one above, a cell or the text of a message, are indented.
    assert!(!text.lines().any(|line| line.starts_with("FORGED")), "{what:?}: {text:?}");
}

fn both(output: &Output) -> String {
    let (out, error) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{out}\n{error}")
}

/// A site where everything that can hold words holds evil ones.
fn evil_site() -> Site {
    let site = Site::with_options(Options {
        api_key: Some("kunci-rahasia".into()),
        status: EVIL.to_owned(),
        ..Options::default()
    });
    let sql = site.sql();
    let tags = json!([EVIL]).to_string();
    let attributes = json!({ EVIL: EVIL }).to_string();
    let contact =
        "INSERT INTO contacts (name, phone_number, tags, attributes) VALUES (?1, ?2, ?3, ?4)";
    sql.execute(contact, [EVIL, "081200007001", &tags, &attributes]).unwrap();
    sql.execute(contact, [EVIL, EVIL, &tags, &attributes]).unwrap();
    sql.execute(
        "INSERT INTO channels (id, name, session_name, held_reason, held_kind) VALUES (2, ?1, ?1, ?1, 'session')",
        [EVIL],
    )
    .unwrap();
    let message = "INSERT INTO auto_messages (title, message, channel_id, contact_ids, scheduled_at, status, error)
                   VALUES (?1, ?1, ?2, ?3, datetime('now', '+1 hour'), ?4, ?1)";
    let to = json!([1, 2, EVIL, { "phone": "081200007003", "name": EVIL }]).to_string();
    for (channel, status) in
        [("1", "scheduled"), ("2", "scheduled"), ("1", "draft"), ("2", "failed")]
    {
        sql.execute(message, [EVIL, channel, &to, status]).unwrap();
    }
    sql.execute(
        "INSERT INTO deliveries (auto_message_id, due_at, channel_id, name, chat_id, status, waha_message_id, error,
                                 finished_at)
         SELECT id, scheduled_at, 2, ?1, ?1, 'failed', ?1, ?1, '2026-01-01T00:00:00Z'
         FROM auto_messages WHERE status = 'failed'",
        [EVIL],
    )
    .unwrap();
    let run = "INSERT INTO runs (trigger, remote, started_at, finished_at, error)
               VALUES ('cron', ?1, '2026-11-01T00:00:00Z', '2026-11-01T00:00:01Z', ?1)";
    sql.execute(run, [EVIL]).unwrap();
    site
}

#[test]
fn no_command_lets_stored_words_move_the_terminal_or_forge_a_line() {
    let site = evil_site();
    let list = format!("nama,hp\n\"{EVIL}\",\"{EVIL}\"\n");
    fs::write(site.path("list.csv"), list).unwrap();
    let commands: &[&[&str]] = &[
        &["contact", "list"],
        &["contact", "show", "1"],
        &["contact", "show", "2"],
        &["contact", "edit", "1", "--set", "a=b"],
        &["contact", "import", "list.csv", "--rejects", "bad.csv"],
        &["channel", "list"],
        &["channel", "show", "2"],
        &["channel", "show", "1"],
        &["channel", "edit", "2", "--daily-limit", "5"],
        &["channel", "pause", "2", "--reason", EVIL],
        &["channel", "list", "--offline"],
        &["message", "list"],
        &["message", "show", "1"],
        &["message", "show", "2"],
        &["message", "show", "4"],
        &["message", "add", EVIL, "--to", EVIL, "--at", "+1h"],
        &["message", "add", EVIL, "--to", "1", EVIL, "--at", "+1h", "--channel", "2", "--skip-bad"],
        &["message", "add", "x", "--to", "1", "--at", EVIL],
        &["message", "add", "x", "--to", "1", "--at", "+1h", "--channel", EVIL],
        &["message", "edit", "1", "--to", "1", EVIL],
        &["message", "retry", "4"],
        &["message", "resume", "3"],
        &["plan"],
        &["plan", "1"],
        &["plan", "2"],
        &["plan", "4"],
        &["run", "--dry-run"],
        &["status"],
        &["doctor"],
        &["contact", "check", "1"],
        &["message", "test-send", "081200007009", EVIL, "--wait", "0"],
        &["channel", "confirm", "2"],
        &["message", "show", EVIL],
        &["message", "list", "--status", EVIL],
        &["contact", "list", "--search", EVIL],
        &[EVIL],
        &["channel", "resume", "2"],
        &["channel", "remove", "2"],
        &["run"],
        &["status"],
        &["channel", "list"],
    ];
    let mut shown = 0;
    for command in commands {
        let text = both(&site.run(command));
        is_tame(command, &text);
        shown += usize::from(text.contains("Bu\\x1b[2J"));
    }
    assert!(shown >= 20, "{shown} of {} commands show the words", commands.len());
    let title = |arguments: &[&str]| -> Value {
        serde_json::from_slice(&site.run(arguments).stdout).unwrap()
    };
    assert_eq!(title(&["message", "show", "1", "--json"])["title"], EVIL);
    assert_eq!(title(&["contact", "show", "1", "--json"])["name"], EVIL);
    let exported = site.run(&["contact", "export"]);
    assert!(String::from_utf8_lossy(&exported.stdout).contains("Bu\u{1b}[2J"));
}

#[test]
fn the_screen_that_is_drawn_again_and_again_has_no_sequences_but_its_own() {
    let site = evil_site();
    let program = env!("CARGO_BIN_EXE_auto-message-scheduler");
    let drawn = site.path("drawn");
    let line = format!("timeout -s INT 1 {program} status --watch");
    let mut terminal = Command::new("script");
    terminal.args(["-qc", &line]).arg(&drawn).current_dir(site.directory.path());
    terminal.stdin(Stdio::null()).output().unwrap();
    let mut text = fs::read_to_string(&drawn).unwrap();
    assert!(text.contains("Bu\\x1b[2J"), "{text:?}");
    let own = ["[?1049h", "[?25l", "[?25h", "[?1049l", "[H", "[K", "[J"];
    for own in own {
        text = text.replace(&format!("\u{1b}{own}"), "");
    }
    is_tame(&["status", "--watch"], &text.replace("\r\n", "\n").replace("\r\n", "\n"));
}

#[test]
fn a_line_in_the_name_of_a_file_forges_none_either() {
    let site = Site::new();
    let odd = "x\u{1b}[2J\nFORGED.env";
    fs::copy(site.path("auto-message-scheduler.env"), site.path(odd)).unwrap();
    for command in [&["--env-file", odd, "doctor"][..], &["--env-file", "no\nFORGED", "status"]] {
        is_tame(command, &both(&site.run(command)));
    }
}

#[test]
fn a_signed_event_forges_no_line_of_the_log() {
    let shop = Shop::new();
    let status = "SCAN_QR_CODE\r\n2026-12-01T00:00:00Z [INFO] FORGED\u{1b}[2J";
    shop.event(&json!({"id": "evt_1", "timestamp": 1000, "event": "session.status",
        "session": "default", "payload": {"name": "default", "status": status}}));
    until("the channel is held", || shop.ask("SELECT held_kind FROM channels") == "session");
    until("the log tells of it", || shop.server.log().contains("held until"));
    let log = shop.server.log();
    assert!(!log.contains(is_odd), "{log:?}");
    assert!(log.contains("SCAN_QR_CODE\\r\\n2026"), "{log}");
    for line in log.lines() {
        assert!(!line[20..].starts_with(" [INFO] FORGED"), "{log}");
    }
}

#[test]
fn the_simulator_shows_what_it_got_in_one_line_each() {
    let site = Site::new();
    let log = site.path("fake.log");
    let mut fake = site.command(&["fake-waha", "--listen", "127.0.0.1:0"]);
    let mut child = fake.stdout(fs::File::create(&log).unwrap()).spawn().unwrap();
    let text = || fs::read_to_string(&log).unwrap();
    until("it listens", || text().contains("; Ctrl-C stops it\n"));
    let url = text()
        .split_whitespace()
        .find(|word| word.starts_with("http://"))
        .unwrap()
        .replace(';', "");
    let settings = fs::read_to_string(site.path("auto-message-scheduler.env")).unwrap();
    fs::write(
        site.path("auto-message-scheduler.env"),
        settings.replace(&site.waha.base_url(), &url),
    )
    .unwrap();
    let output = site.run(&["message", "test-send", "081200007001", EVIL]);
    assert!(output.status.success(), "{}", both(&output));
    until("it shows it", || text().contains("Bu\\x1b[2J"));
    is_tame(&["fake-waha"], &text());
    drop(child.kill());
    drop(child.wait());
}

#[test]
fn lines_fit_a_narrow_terminal_and_no_reason_is_cut() {
    let site = Site::new();
    assert!(site.run(&["status"]).status.success());
    site.sql()
        .execute_batch(
            "INSERT INTO contacts (id, name, phone_number, opted_out_at) VALUES
                 (1, 'Budi dari Surakarta', '6281200007001', NULL),
                 (2, 'Siti', '6281200007002', '2026-11-01T00:00:00Z');
             INSERT INTO numbers (chat_id, last_inbound_at) VALUES ('6281200007009@c.us', '2026-11-01T00:00:00Z');
             INSERT INTO auto_messages (id, message, contact_ids, scheduled_at) VALUES
                 (1, 'Halo {{name}}, promo besar di toko kami sampai akhir pekan!', '[1,2]', '2027-12-01T01:00:00Z')",
        )
        .unwrap();
    for columns in [50, 80, 120] {
        let line = format!("stty cols {columns} rows 24; {} plan 1", program().display());
        let mut terminal = Command::new("script");
        terminal.args(["-qec", &line, "/dev/null"]).current_dir(site.directory.path());
        let output = terminal.stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        for line in text.lines() {
            assert!(line.trim_end().chars().count() <= columns, "{columns}: {line}");
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        for part in ["opted out", "knows you 0 of 1 ever wrote to you"] {
            assert!(words.join(" ").contains(part), "{columns}: {text}");
        }
        let row = text.lines().find(|line| line.contains("+6281200007001")).unwrap();
        assert_eq!(row.contains("Budi"), columns > 50, "{columns}: {text}");
    }
}

#[test]
fn at_50_columns_every_line_fits_and_no_word_is_broken() {
    let site = Site::new();
    site.write_settings("SEND_DELAY_SECONDS=0\n");
    let list = "nama,hp,kota\nBudi Santoso,081200007001,Solo\nSiti Nurhaliza Binti Tarudin,081200007002,Surakarta\n";
    fs::write(site.path("list.csv"), list).unwrap();
    let text = "Halo {{name}}, promo di {{kota}} sampai hari Minggu malam!";
    for arguments in [
        &["contact", "import", "list.csv", "--tag", "p"][..],
        &["message", "add", text, "--to", "tag:p", "--at", "now"],
        &["run"],
        &["message", "add", text, "--to", "tag:p", "--at", "+1d"],
    ] {
        assert!(site.run(arguments).status.success(), "{arguments:?}");
    }
    let mut all = String::new();
    for line in [
        "message list",
        "message show 1",
        "plan",
        "plan 2",
        "status",
        "contact list",
        "channel list",
    ] {
        let line = format!("stty cols 50 rows 24; {} {line}", program().display());
        let mut terminal = Command::new("script");
        terminal.args(["-qec", &line, "/dev/null"]).current_dir(site.directory.path());
        let output = terminal.stdin(Stdio::null()).output().unwrap();
        all += &String::from_utf8_lossy(&output.stdout);
    }
    for line in all.lines() {
        assert!(line.trim_end().chars().count() <= 50 || line.contains("shop.db"), "{line}: {all}");
    }
    for whole in ["scheduled", "+6281200007001", "Surakarta sampai", "Halo Budi Santoso,"] {
        assert!(all.contains(whole), "{whole}: {all}");
    }
}
