//! The real program's surroundings: a directory with settings and a database, a simulated WAHA on the
//! real clock, and the program itself, started, watched, signalled and killed.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use auto_message_scheduler::clock::SystemClock;
use auto_message_scheduler::fake_waha::{FakeWaha, Options, Received};
use auto_message_scheduler::store::Store;

pub const SECRET: &str = "a-secret-for-tests-0123456789";
pub const PATIENCE: Duration = Duration::from_secs(25);
/// What a program does at once takes less, also on a machine that is busy with other things; what it must not wait
/// for takes longer, or does not end.
pub const SOON: Duration = Duration::from_secs(8);

/// A directory with an env file and a database, and a simulated WAHA on the real clock.
pub struct Site {
    pub directory: tempfile::TempDir,
    pub waha: FakeWaha,
    /// How many messages have reached WhatsApp; cheaper to ask for than the journal.
    pub arrivals: Arc<AtomicUsize>,
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
        let arrivals = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&arrivals);
        let count = move |received: &Received| {
            counter.fetch_add(1, Ordering::SeqCst);
            on_received(received);
        };
        let waha = FakeWaha::start(options, Arc::new(SystemClock::default()), count).unwrap();
        let site = Self { directory, waha, arrivals };
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
        write_private(&self.path("auto-message-scheduler.env"), &settings);
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
        let output = Command::new("sqlite3")
            .args(["-cmd", ".timeout 20000"])
            .arg(self.database())
            .arg(sql)
            .output();
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
        let mut server = self.start("serve", "serve.log", None);
        server.wait_until_ready();
        server
    }

    /// Starts `serve` or `run` and returns at once; `fail_point` is where it stops for ever.
    pub fn start(&self, name: &str, log: &str, fail_point: Option<&str>) -> Server {
        let log = self.path(log);
        let mut command = self.command(&[name]);
        command.stderr(fs::File::create(&log).unwrap()).stdout(Stdio::null());
        command.envs(fail_point.map(|place| ("FAIL_POINT", place)));
        Server { child: command.spawn().unwrap(), log, address: String::new() }
    }
}

/// As an env file has to be: another mode is refused.
pub fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// The program: the one that was built with the tests, or another one that PROGRAM names, such as the
/// release build (an absolute path).
pub fn program() -> PathBuf {
    let own = env!("CARGO_BIN_EXE_auto-message-scheduler");
    std::env::var_os("PROGRAM").map_or_else(|| PathBuf::from(own), PathBuf::from)
}

pub fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).current_dir(directory).env_clear().stdin(Stdio::null());
    command
}

/// A running `serve` (or a `run`, which has no address); killed when dropped.
pub struct Server {
    pub child: Child,
    pub log: PathBuf,
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

    /// Waits until requests are taken, and notes where.
    pub fn wait_until_ready(&mut self) {
        self.wait_for_log("ready on http://");
        // A line is written in pieces: half an address is one where nobody listens.
        until("the address is complete", || {
            let text = self.log();
            let line = text.split("ready on http://").nth(1).and_then(|rest| rest.split_once('\n'));
            line.map(|(address, _)| address.clone_into(&mut self.address)).is_some()
        });
    }

    /// Whether it has not ended by itself.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// SIGKILL. Returns once nothing of it is left; false when it had ended by itself.
    pub fn kill(&mut self) -> bool {
        let was_alive = self.is_alive();
        drop(self.child.kill());
        let status = self.child.wait().unwrap();
        was_alive && status.signal() == Some(9)
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

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
