//! The real program: its commands, its HTTP side, its signals, its log.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use auto_message_scheduler::clock::SystemClock;
use auto_message_scheduler::fake_waha::{FakeWaha, Options, Received};
use auto_message_scheduler::store::Store;

const SECRET: &str = "a-secret-for-tests-0123456789";
const PATIENCE: Duration = Duration::from_secs(20);

/// A directory with an env file and a database, and a simulated WAHA on the real clock.
pub struct Site {
    directory: tempfile::TempDir,
    pub waha: FakeWaha,
}

impl Site {
    /// Two sends on a channel are one second apart; no jitter, no ticker.
    pub fn new() -> Self {
        Self::with_options(Options { api_key: Some("kunci-rahasia".into()), ..Options::default() })
    }

    pub fn with_options(options: Options) -> Self {
        Self::with_waha(options, |_| {})
    }

    /// `on_received` is called between a message's arrival and its answer.
    pub fn with_waha(
        options: Options,
        on_received: impl Fn(&Received) + Send + Sync + 'static,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let waha = FakeWaha::start(options, Arc::new(SystemClock::new()), on_received).unwrap();
        let site = Self { directory, waha };
        site.write_settings("");
        drop(Store::open(&site.database()).unwrap());
        site
    }

    pub fn write_settings(&self, more: &str) {
        let settings = format!(
            "WAHA_BASE_URL={}\nWAHA_API_KEY=kunci-rahasia\nDATABASE_PATH=shop.db\n\
             LISTEN_ADDR=127.0.0.1:0\nCRON_SECRET={SECRET}\nSEND_DELAY_SECONDS=1\n\
             SEND_JITTER_SECONDS=0\nTICK_SECONDS=0\n{more}",
            self.waha.base_url()
        );
        fs::write(self.path("auto-message-scheduler.env"), settings).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn database(&self) -> PathBuf {
        self.path("shop.db")
    }

    pub fn sql(&self) -> rusqlite::Connection {
        let sql = rusqlite::Connection::open(self.database()).unwrap();
        sql.busy_timeout(PATIENCE).unwrap();
        sql
    }

    /// A message that is due now.
    pub fn message(&self, contact_ids: &str) {
        let sql = "INSERT INTO auto_messages (title, message, contact_ids, scheduled_at)
                   VALUES ('x', 'Rahasia pelanggan', ?1, datetime('now'))";
        self.sql().execute(sql, [contact_ids]).unwrap();
    }

    /// What Debian's `sqlite3` prints for a statement.
    pub fn sqlite3(&self, sql: &str) -> String {
        let output = Command::new("sqlite3").arg(self.database()).arg(sql).output();
        let output = output.expect("the Debian package sqlite3 is needed: see tests/run.sh");
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn status(&self) -> String {
        let sql = "SELECT coalesce(group_concat(status), '') FROM auto_messages";
        self.sql().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        command(self.directory.path(), arguments)
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn serve(&self) -> Server {
        let log = self.path("serve.log");
        let file = fs::File::create(&log).unwrap();
        let child = self.command(&["serve"]).stderr(file).spawn().unwrap();
        let mut server = Server { child, log, address: String::new() };
        server.wait_for_log("ready on http://");
        let text = server.log();
        let rest = text.split("ready on http://").nth(1).unwrap();
        rest.lines().next().unwrap().clone_into(&mut server.address);
        server
    }
}

fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auto-message-scheduler"));
    command.args(arguments).current_dir(directory).env_clear().stdin(Stdio::null());
    command
}

/// A running `serve`; killed when dropped.
pub struct Server {
    child: Child,
    log: PathBuf,
    pub address: String,
}

impl Server {
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub fn wait_for_log(&mut self, part: &str) {
        until(&format!("the log says `{part}`"), || {
            let status = self.child.try_wait().unwrap();
            assert!(status.is_none(), "serve ended: {}", self.log());
            self.log().contains(part)
        });
    }

    /// A request with the secret; returns status and body.
    pub fn post(&self, path: &str) -> (u16, serde_json::Value) {
        let (status, _, body) =
            self.request("POST", path, &format!("Authorization: Bearer {SECRET}\r\n"));
        (status, serde_json::from_str(&body).unwrap())
    }

    pub fn request(&self, method: &str, path: &str, headers: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_owned(), body.to_owned())
    }

    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for the end and returns the exit code.
    pub fn end(&mut self) -> i32 {
        let mut code = None;
        until("serve ends", || {
            code = self.child.try_wait().unwrap();
            code.is_some()
        });
        code.and_then(|status| status.code()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

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
fn sigterm_during_the_pause_ends_within_two_seconds_and_keeps_the_rest_pending() {
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
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
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
