//! The real program: its commands, its HTTP side, its signals, its log.

use std::fs;
use std::time::{Duration, Instant};

use auto_message_scheduler::fake_waha::Options;

use crate::site::{SECRET, Server, Site, command, stderr, until};

#[test]
fn cron_gets_202_at_once_and_the_scheduler_200_with_counts() {
    let site = Site::new();
    site.message("081200007001, 081200007002, belum");
    let server = site.serve();
    let (status, body) = server.post("/api/cron-auto-message");
    assert_eq!(
        (status, body["status"].as_str(), body["due"].as_u64()),
        (202, Some("started"), Some(1))
    );
    assert_eq!(body["error"], false);

    let (status, body) = server.post("/api/auto-message-scheduler");
    assert_eq!((status, body["status"].as_str()), (200, Some("finished")));
    assert_eq!((body["processed"].as_u64(), body["success"].as_u64()), (Some(1), Some(1)));
    assert_eq!(body["deliveries"]["sent"], 2);
    assert_eq!(body["deliveries"]["pending"], 0);
    assert_eq!(site.status(), "sent");
}

#[test]
fn sqlite3_beside_the_server_sees_what_it_writes_and_takes_nothing_away() {
    // Closing any descriptor of a file drops all POSIX locks of the process on it; the next program
    // that closes the database would then believe that it is the last one, and delete the WAL under
    // the server's hands.
    let site = Site::new();
    fs::remove_file(site.database()).unwrap();
    let server = site.serve();
    for round in 1..=3 {
        site.sqlite3(
            "INSERT INTO auto_messages (message, contact_ids, scheduled_at)
             VALUES ('x', '081200007001', datetime('now'))",
        );
        assert!(site.path("shop.db-wal").exists(), "round {round}: the WAL is gone");
        assert_eq!(server.post("/api/auto-message-scheduler").0, 200);
        let sent = site.sqlite3("SELECT count(*) FROM auto_messages WHERE status = 'sent'");
        assert_eq!(sent.trim(), round.to_string());
    }
}

#[test]
fn a_long_run_is_answered_with_the_counts_so_far() {
    let site = Site::new();
    site.write_settings("TRIGGER_WAIT_SECONDS=0\n");
    site.message("081200007001, 081200007002, 081200007003");
    let server = site.serve();
    let (status, body) = server.post("/api/auto-message-scheduler");
    assert_eq!((status, body["status"].as_str()), (202, Some("running")));
    let (_, body) = server.post("/api/cron-auto-message");
    assert_eq!(body["status"], "already_running");
}

#[test]
fn without_the_secret_nothing_is_triggered() {
    let site = Site::new();
    site.message("081200007001");
    let server = site.serve();
    for path in ["/api/cron-auto-message", "/api/auto-message-scheduler"] {
        for headers in [
            "",
            "Authorization: Bearer wrong-wrong-wrong-wrong\r\n",
            "Authorization: Basic YTpi\r\n",
            &format!("Authorization: {SECRET}\r\n"),
        ] {
            let (status, head, body) = server.request("POST", path, headers);
            assert_eq!(status, 401, "{headers}");
            assert!(head.contains("WWW-Authenticate: Bearer"), "{head}");
            assert!(body.contains(r#""error":true"#), "{body}");
        }
    }
    assert_eq!(site.status(), "scheduled");
    assert!(server.log().contains("refused a trigger from 127.0.0.1"));
}

#[test]
fn other_paths_and_methods_are_told_so() {
    let site = Site::new();
    let server = site.serve();
    let (status, head, body) = server.request("GET", "/health", "");
    assert_eq!((status, body.as_str()), (200, r#"{"status":"ok"}"#));
    assert!(head.contains("Content-Type: application/json"), "{head}");
    let (status, head, _) = server.request("GET", "/api/cron-auto-message", "");
    assert!(status == 405 && head.contains("Allow: POST"), "{head}");
    assert!(head.contains("405 Method Not Allowed"), "{head}");
    let (status, head, _) = server.request("POST", "/health", "");
    assert!(status == 405 && head.contains("Allow: GET, HEAD"), "{head}");
    for path in ["/", "/api", "/api/cron-auto-message/", "/favicon.ico"] {
        assert_eq!(server.request("GET", path, "").0, 404, "{path}");
    }
}

#[test]
fn a_hundred_triggers_at_once_send_each_message_once() {
    let site = Site::new();
    site.message("081200007001, 081200007002");
    let server = site.serve();
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| assert_eq!(server.post("/api/cron-auto-message").0, 202));
        }
    });
    until("the message is sent", || site.status() == "sent");
    assert_eq!(site.waha.received().len(), 2);
    let runs: i64 =
        site.sql().query_row("SELECT count(*) FROM runs", [], |row| row.get(0)).unwrap();
    assert_eq!(runs, 100, "each trigger leaves a row");
}

#[test]
fn the_ticker_finds_what_is_due_by_itself_and_writes_no_row_when_nothing_is() {
    let site = Site::new();
    site.write_settings("TICK_SECONDS=1\n");
    let _server = site.serve();
    std::thread::sleep(Duration::from_millis(1200)); // a tick that finds nothing
    site.message("081200007001");
    until("the message is sent", || site.status() == "sent");
    let triggers: String = site
        .sql()
        .query_row("SELECT group_concat(trigger) FROM runs", [], |row| row.get(0))
        .unwrap();
    assert_eq!(triggers, "timer");
}

#[test]
fn sigterm_during_the_pause_ends_it_at_once_and_keeps_the_rest_pending() {
    for signal in ["TERM", "INT"] {
        let site = Site::new();
        site.write_settings("SEND_DELAY_SECONDS=60\n");
        site.message("081200007001, 081200007002");
        let mut server = site.serve();
        server.post("/api/cron-auto-message");
        server.wait_for_log("sent to");
        let asked = Instant::now();
        server.signal(signal);
        assert_eq!(server.end(), 0);
        assert!(asked.elapsed() < Duration::from_millis(4800), "{:?}", asked.elapsed());
        let sql = "SELECT group_concat(status) FROM (SELECT status FROM deliveries ORDER BY id)";
        let statuses: String = site.sql().query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(statuses, "sent,pending");
    }
}

#[test]
fn sigterm_during_a_request_waits_for_it_and_records_it() {
    let site = Site::with_options(Options {
        api_key: Some("kunci-rahasia".into()),
        latency: Duration::from_millis(700),
        ..Options::default()
    });
    site.message("081200007001, 081200007002");
    let mut server = site.serve();
    server.post("/api/cron-auto-message");
    until("the request is under way", || !site.waha.received().is_empty());
    server.signal("TERM");
    assert_eq!(server.end(), 0);
    assert_eq!(site.waha.received().len(), 1, "no new claim");
    let sql = "SELECT count(*) FROM deliveries WHERE status = 'sent'";
    let sent: i64 = site.sql().query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(sent, 1);
}

#[test]
fn a_second_process_never_sends() {
    let site = Site::new();
    site.write_settings("SEND_DELAY_SECONDS=60\n");
    site.message("081200007001, 081200007002");
    let first = site.serve();
    first.post("/api/cron-auto-message");
    until("the first is out", || site.waha.received().len() == 1);

    let run = site.run(&["run"]);
    assert!(run.status.success() && run.stderr.is_empty() && run.stdout.is_empty());

    let log = site.path("second.log");
    let second = site.command(&["serve"]).stderr(fs::File::create(&log).unwrap()).spawn().unwrap();
    let mut second = Server { child: second, log, address: String::new() };
    second.wait_for_log("another process is sending, this one stands by");
    first.signal("TERM");
    second.wait_for_log("the other process ended, this one sends now");
    assert_eq!(site.waha.received().len(), 1);
}

#[test]
fn run_sends_what_is_due_and_says_nothing_to_cron() {
    let site = Site::new();
    site.message("081200007001, 081200007002");
    let run = site.run(&["run"]);
    assert!(run.status.success(), "{}", stderr(&run));
    assert_eq!((run.stdout.len(), stderr(&run).as_str()), (0, ""));
    assert_eq!(site.status(), "sent");
    let received = site.waha.received();
    assert_eq!(received.len(), 2);
    assert!(received[1].at.millis() - received[0].at.millis() >= 1000);
}

#[test]
fn a_run_that_is_stopped_writes_down_what_it_did() {
    let site = Site::new();
    site.write_settings("SEND_DELAY_SECONDS=60\n");
    site.message("081200007001, 081200007002");
    let child = site.command(&["run"]).spawn().unwrap();
    let mut run = Server { child, log: site.path("none"), address: String::new() };
    until("the first is out", || site.waha.received().len() == 1);
    until("it is recorded", || {
        site.sqlite3("SELECT count(*) FROM deliveries WHERE status = 'sent'").trim() == "1"
    });
    run.signal("TERM");
    assert_eq!(run.end(), 0);
    let row = site.sqlite3("SELECT trigger, processed, error FROM runs");
    assert_eq!(row.trim(), "cli|1|the program was stopped during this run");
}

#[test]
fn the_log_has_no_text_no_key_no_secret_and_no_whole_number() {
    let site = Site::new();
    site.write_settings("LOG_LEVEL=debug\n");
    site.message("081200007001, 081200000500, 081200000400");
    let server = site.serve();
    server.post("/api/auto-message-scheduler");
    server.request(
        "POST",
        "/api/cron-auto-message",
        "Authorization: Bearer geheim-geheim-geheim\r\n",
    );
    let log = server.log();
    assert!(log.contains("sent to 6281*******01@c.us"), "{log}");
    for secret in
        ["Rahasia pelanggan", "kunci-rahasia", SECRET, "geheim", "6281200007001", "81200000500"]
    {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[test]
fn a_secret_is_made_at_the_first_start_and_its_place_is_told() {
    let site = Site::new();
    let settings = fs::read_to_string(site.path("auto-message-scheduler.env")).unwrap();
    let settings = settings.replace(&format!("CRON_SECRET={SECRET}\n"), "");
    fs::write(site.path("auto-message-scheduler.env"), settings).unwrap();
    let server = site.serve();
    until("the log names the file", || server.log().contains("shop.db.cron-secret"));
    let secret = fs::read_to_string(site.path("shop.db.cron-secret")).unwrap();
    let header = format!("Authorization: Bearer {}\r\n", secret.trim());
    assert_eq!(server.request("POST", "/api/cron-auto-message", &header).0, 202);
    assert!(!server.log().contains(secret.trim()));
}

#[test]
fn wrong_settings_end_with_code_2_and_one_line_that_names_the_key() {
    let site = Site::new();
    for (more, part) in [
        ("SEND_DELAY=60\n", "did you mean `SEND_DELAY_SECONDS`?"),
        ("TIMEZONE=Mars/Olympus\n", "TIMEZONE must be"),
        ("WAHA_BASE_URL=\n", "WAHA_BASE_URL is not set"),
    ] {
        site.write_settings(more);
        for command in ["serve", "run"] {
            let output = site.run(&[command]);
            assert_eq!(output.status.code(), Some(2), "{more}");
            let error = stderr(&output);
            assert!(error.starts_with("error: ") && error.contains(part), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}

#[test]
fn a_port_in_use_is_named_with_what_to_do() {
    let site = Site::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    site.write_settings(&format!("LISTEN_ADDR={}\n", taken.local_addr().unwrap()));
    let output = site.run(&["serve"]);
    assert_eq!(output.status.code(), Some(1));
    let error = stderr(&output);
    assert!(
        error.contains("another program has this port") && error.contains("LISTEN_ADDR"),
        "{error}"
    );
}

#[test]
fn the_demo_shows_a_message_from_row_to_status() {
    let directory = tempfile::tempdir().unwrap();
    let output = command(directory.path(), &["demo", "--keep", "kept"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let shown = String::from_utf8(output.stdout).unwrap();
    for part in ["202", "sent", "failed", "skipped", "got 6 messages"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(shown.lines().all(|line| line.chars().count() <= 100), "{shown}");
    let sql = rusqlite::Connection::open(directory.path().join("kept/demo.db")).unwrap();
    let status: String =
        sql.query_row("SELECT status FROM auto_messages", [], |row| row.get(0)).unwrap();
    assert_eq!(status, "sent");
}

#[test]
fn wrong_usage_ends_with_code_2() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [&["sned"][..], &[], &["serve", "--port", "1"]] {
        let output = command(directory.path(), arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}
