//! The real program in a directory of its own: its tables are filled by SQL, as users do.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const SECRET: &str = "only-for-measuring-0123";

/// The program that is measured: the one that was built with the figures, or another one that PROGRAM names, so
/// that two can be compared.
pub fn program() -> PathBuf {
    let own = env!("CARGO_BIN_EXE_auto-message-scheduler");
    std::env::var_os("PROGRAM").map_or_else(|| PathBuf::from(own), PathBuf::from)
}

/// A directory with settings and a database.
pub struct Place {
    directory: tempfile::TempDir,
    settings: Vec<(String, String)>,
}

/// A server that runs.
pub struct Server {
    child: Child,
    address: SocketAddr,
}

/// What a command took.
#[derive(Clone, Copy, Debug)]
pub struct Ran {
    pub took: Duration,
    pub peak_kib: u64,
}

/// What `/proc` says of a process.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pub resident_kib: u64,
    pub peak_kib: u64,
    pub cpu: Duration,
    pub wakeups: u64,
}

impl Place {
    /// On the same disk as the build, with tables; `settings` win over those that all have.
    pub fn new(base_url: &str, settings: &[(&str, &str)]) -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        fs::create_dir_all(target).expect("a place on the disk");
        let directory = tempfile::tempdir_in(target).expect("a place on the disk");
        let common = [
            ("WAHA_BASE_URL", base_url),
            ("DATABASE_PATH", "figures.db"),
            ("LISTEN_ADDR", "127.0.0.1:0"),
            ("CRON_SECRET", SECRET),
            ("SEND_JITTER_SECONDS", "0"),
            ("TICK_SECONDS", "0"),
        ];
        let settings = common.iter().chain(settings);
        let settings = settings.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let place = Self { directory, settings: settings.collect() };
        assert!(place.command(&["run"]).status().expect("it starts").success());
        place
    }

    pub fn database(&self) -> PathBuf {
        self.directory.path().join("figures.db")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Fills tables, without the durability that the program itself keeps.
    pub fn fill(&self, sql: &str) {
        let connection = rusqlite::Connection::open(self.database()).expect("the database");
        let quick = "PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; BEGIN;";
        connection
            .execute_batch(&format!("{quick}{sql}; COMMIT; PRAGMA wal_checkpoint(TRUNCATE);"))
            .expect("it fills");
    }

    pub fn ask<T: rusqlite::types::FromSql>(&self, sql: &str) -> T {
        let connection = rusqlite::Connection::open(self.database()).expect("the database");
        connection.query_row(sql, [], |row| row.get(0)).expect("an answer")
    }

    /// The size of the database and its side files, in bytes.
    pub fn size(&self) -> u64 {
        ["figures.db", "figures.db-wal"].iter().map(|name| bytes(&self.path(name))).sum()
    }

    /// Runs a command to its end, and looks at it meanwhile.
    pub fn watch(&self, arguments: &[&str]) -> Ran {
        let began = Instant::now();
        let mut child = self.command(arguments).spawn().expect("it starts");
        let mut peak_kib = 0;
        let status = loop {
            peak_kib = peak_kib.max(usage(child.id()).peak_kib);
            if let Some(status) = child.try_wait().expect("ours") {
                break status;
            }
            thread::sleep(Duration::from_millis(2));
        };
        assert!(status.success(), "{arguments:?}");
        Ran { took: began.elapsed(), peak_kib }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(arguments).current_dir(self.directory.path()).env_clear();
        command.envs(self.settings.iter().map(|(key, value)| (key, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Starts `serve` and returns once it takes requests.
    pub fn serve(&self) -> Server {
        let mut command = self.command(&["serve"]);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let mut log = BufReader::new(child.stderr.take().expect("piped"));
        let address = loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).expect("a log") > 0, "it ended at once");
            if let Some((_, address)) = line.split_once("serve: ready on http://") {
                break address.trim().parse().expect("an address");
            }
        };
        thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Server { child, address }
    }
}

impl Server {
    /// Pulls a trigger; waits for the run when `path` is the one that waits. Returns how long the
    /// answer took.
    pub fn post(&self, path: &str) -> Duration {
        let began = Instant::now();
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
        began.elapsed()
    }

    pub fn get_health(&self) {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        let head = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn usage(&self) -> Usage {
        usage(self.child.id())
    }

    pub fn has_thread(&self, name: &str) -> bool {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let mut names = tasks
            .into_iter()
            .flatten()
            .flatten()
            .map(|task| fs::read_to_string(task.path().join("comm")).unwrap_or_default());
        names.any(|known| known.trim() == name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What `/proc` says of the process and all its threads.
pub fn usage(pid: u32) -> Usage {
    let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let field = |status: &str, name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
    };
    let status = read("status");
    let stat = read("stat");
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks =
        |nth: usize| after_name.split_whitespace().nth(nth).and_then(|n| n.parse::<u64>().ok());
    let cpu_ticks = ticks(11).unwrap_or(0) + ticks(12).unwrap_or(0);
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let wakeups = threads
        .map(|thread| fs::read_to_string(thread.path().join("status")).unwrap_or_default())
        .map(|status| field(&status, "voluntary_ctxt_switches"))
        .sum();
    Usage {
        resident_kib: field(&status, "VmRSS"),
        peak_kib: field(&status, "VmHWM"),
        cpu: Duration::from_millis(cpu_ticks * 10), // 100 ticks a second on Linux
        wakeups,
    }
}

/// The size of a file; 0 when it is not there.
fn bytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}
