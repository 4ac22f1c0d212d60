//! The program on a [`Disk`], with a simulated WAHA and a simulated clock, all in one thread.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use auto_message_scheduler::api::{Api, V1, keys};
use auto_message_scheduler::clock::{Clock, Now, Timestamp, Wake};
use auto_message_scheduler::config::{Config, Secret};
use auto_message_scheduler::engine::{Engine, When};
use auto_message_scheduler::fake_waha::{FakeWaha, Options, Received};
use auto_message_scheduler::http::Request;
use auto_message_scheduler::send_window::Gap;
use auto_message_scheduler::store::{Can, Store, StoreError, Trigger};
use auto_message_scheduler::trigger::{Progress, Triggers};
use auto_message_scheduler::waha::Waha;
use rusqlite::{Connection, OpenFlags};

use crate::disk::{Disk, Event, Message};

/// More steps than any run here needs.
const STEPS_MAX: usize = 20_000;
const GAP: Gap = Gap { delay: Duration::from_mins(1), jitter: Duration::ZERO };
/// More than is read in one piece.
const PICTURE_BYTES: usize = 66_000;
const LATE_LIMIT: Duration = Duration::from_hours(24);

/// A clock that passes only when somebody sleeps.
pub struct SimClock {
    now: Mutex<Now>,
}

impl SimClock {
    /// A clock that shows 2026-12-01 08:00 in Jakarta.
    #[must_use]
    pub fn new() -> Arc<Self> {
        let wall = Timestamp::parse("2026-12-01T01:00:00Z").unwrap();
        let now = Now { wall, monotonic: Duration::from_secs(1000) };
        Arc::new(Self { now: Mutex::new(now) })
    }

    /// Lets time pass.
    pub fn pass(&self, duration: Duration) {
        let mut now = self.now.lock().unwrap();
        now.wall = now.wall.plus(duration);
        now.monotonic += duration;
    }
}

impl Clock for SimClock {
    fn now(&self) -> Now {
        *self.now.lock().unwrap()
    }

    /// Time passes at once; only a sleep without an end waits for the bell of another thread.
    fn sleep(&self, wake: &Wake, seen: u64, max: Option<Duration>) {
        if let Some(max) = max {
            return self.pass(max);
        }
        while wake.rings() == seen {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A WAHA that calls `on_received` for each message before it answers.
///
/// # Panics
/// When it cannot start.
pub fn fake_waha(
    clock: &Arc<SimClock>,
    on_received: impl Fn(&Received) + Send + Sync + 'static,
) -> FakeWaha {
    FakeWaha::start(Options::default(), clock.clone(), on_received).unwrap()
}

/// The part of a message that WhatsApp got by which the tests know it again.
impl From<&Received> for Message {
    fn from(received: &Received) -> Self {
        Self { chat_id: received.chat_id.clone(), text: received.text.clone() }
    }
}

/// The program between a database and a WAHA.
pub struct Program {
    pub engine: Engine,
    pub triggers: Arc<Triggers>,
    pub clock: Arc<SimClock>,
}

impl Program {
    /// The program as it starts, before [`Engine::recover`].
    #[must_use]
    pub fn new(store: Store, waha: &FakeWaha, clock: &Arc<SimClock>) -> Self {
        let triggers = Arc::new(Triggers::default());
        let config = Config { gap: GAP, late_limit: LATE_LIMIT, ..Config::default() };
        let engine = Engine::new(
            Arc::new(Mutex::new(store)),
            Waha::new(&waha.base_url(), None, Duration::from_secs(2)),
            clock.clone(),
            Arc::clone(&triggers),
            Arc::new(config),
            7,
        )
        .planning_in_portions_of(2);
        Self { engine, triggers, clock: Arc::clone(clock) }
    }

    /// A trigger, and all that follows from it until the run ends.
    ///
    /// # Errors
    /// When the database fails the dispatcher.
    pub fn run(&self) -> Result<(), StoreError> {
        let run = self.triggers.pull(Trigger::Cron, None).run;
        for _ in 0..STEPS_MAX {
            self.step()?;
            if let Progress::Finished(_) = self.triggers.progress(run) {
                return Ok(());
            }
        }
        panic!("the run does not end");
    }

    /// One round of the dispatcher and one worker; time passes when there is nothing else to do.
    ///
    /// # Errors
    /// When the database fails the dispatcher.
    pub fn step(&self) -> Result<(), StoreError> {
        let when = self.engine.step()?;
        if !self.engine.work()
            && let When::In(wait) = when
        {
            self.clock.pass(wait);
        }
        Ok(())
    }
}

/// A database on a [`Disk`] and all around it.
pub struct World {
    pub disk: &'static Disk,
    pub clock: Arc<SimClock>,
    pub waha: FakeWaha,
    pub path: PathBuf,
    _directory: tempfile::TempDir,
}

impl World {
    /// WhatsApp's messages are noted on the disk's list of events.
    #[must_use]
    pub fn new(disk: &'static Disk) -> Self {
        Self::with(disk, |_| {})
    }

    /// `on_received` is called for each message before its answer.
    ///
    /// # Panics
    /// When there is no place for it.
    pub fn with(
        disk: &'static Disk,
        on_received: impl Fn(&Received) + Send + Sync + 'static,
    ) -> Self {
        let directory = directory();
        let clock = SimClock::new();
        let waha = fake_waha(&clock, move |received| {
            disk.note(Event::Got(received.into()));
            on_received(received);
        });
        let path = directory.path().join("test.db");
        disk.watch_files(&path);
        Self { disk, clock, waha, path, _directory: directory }
    }

    /// The program on this disk, recovered.
    ///
    /// # Errors
    /// When the database cannot be opened or recovered.
    pub fn start(&self) -> Result<Program, StoreError> {
        let store = Store::open_on(&self.path, self.disk.vfs())?;
        let program = Program::new(store, &self.waha, &self.clock);
        program.engine.recover()?;
        Ok(program)
    }

    /// A person's connection, on this disk too.
    ///
    /// # Panics
    /// When it cannot be opened.
    #[must_use]
    pub fn sql(&self) -> Connection {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let sql = Connection::open_with_flags_and_vfs(&self.path, flags, self.disk.vfs()).unwrap();
        // Without WAL, SQLite's own default does not sync the name of the journal that it deletes, so
        // that a power cut just then takes this person's last row back. EXTRA does.
        sql.execute_batch("PRAGMA synchronous = EXTRA").unwrap();
        sql
    }

    /// A message that is due now, made twice by the API with one Idempotency-Key; `has_picture` that is uploaded
    /// before.
    ///
    /// # Panics
    /// When it is not made once.
    pub fn ask_for_message(&self, program: &Program, text: &str, to: &str, has_picture: bool) {
        let open = || Store::open_on(&self.path, self.disk.vfs()).unwrap();
        let now = self.clock.now().wall;
        let key = keys::add(&mut open(), text, Can::Both, None, now).unwrap();
        let clock: Arc<dyn Clock> = self.clock.clone();
        let triggers = || Arc::clone(&program.triggers);
        let config = Config { database_path: self.path.clone(), ..Config::default() };
        let v1 = V1::new(Arc::new(config), Arc::clone(&clock), triggers()).on(open());
        let secret = Secret::new("a-secret-for-tests-0123456789");
        let api = Api::new(open(), triggers(), clock, secret.into(), Duration::ZERO, None);
        let api = api.with_v1(v1, &[]);
        let post = |path: &str, body: Vec<u8>| {
            let mut request = Request::new("POST", path)
                .with("Authorization", &format!("Bearer {key}"))
                .with("Idempotency-Key", &format!("{text} {path}"));
            request.body = body;
            api.answer(&mut request, true)
        };
        let mut content = String::new();
        if has_picture {
            let picture = [b"\xff\xd8\xff\xe0".to_vec(), vec![7; PICTURE_BYTES]].concat();
            let answer = post("/api/v1/files", picture);
            let body = String::from_utf8(answer.body).unwrap();
            assert_eq!(answer.status, 200, "{body}");
            let name = body.split("\"file\":\"").nth(1).and_then(|rest| rest.get(..64)).unwrap();
            content = format!(r#","content":{{"kind":"image","file":"{name}"}}"#);
        }
        let body = format!(r#"{{"text":"{text}","to":"{to}"{content}}}"#);
        let answers = [(); 2].map(|()| post("/api/v1/messages", body.clone().into_bytes()));
        assert_eq!(answers[0].status, 201, "{}", String::from_utf8_lossy(&answers[0].body));
        assert_eq!(answers[0].body, answers[1].body);
    }

    /// A message that is due now.
    ///
    /// # Panics
    /// When the database fails.
    pub fn message(&self, sql: &Connection, text: &str, contact_ids: &str) {
        let statement = "INSERT INTO auto_messages (title, message, contact_ids, scheduled_at)
                         VALUES ('test', ?1, ?2, ?3)";
        let now = self.clock.now().wall.to_string();
        sql.execute(statement, [text, contact_ids, now.as_str()]).unwrap();
    }
}

/// A new directory, in memory where there is such a place: thousands of images are made and dropped.
///
/// # Panics
/// When there is no place for it.
#[must_use]
pub fn directory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir()
        && let Ok(directory) = tempfile::tempdir_in(memory)
    {
        return directory;
    }
    tempfile::tempdir().unwrap()
}

/// The rows of a query, columns joined by `|` as `sqlite3` shows them.
///
/// # Errors
/// When the database fails.
pub fn rows(sql: &Connection, query: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = sql.prepare(query)?;
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        let cells = (0..columns).map(|index| {
            Ok(match row.get_ref(index)? {
                rusqlite::types::ValueRef::Null => String::new(),
                rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                other => format!("{other:?}"),
            })
        });
        Ok(cells.collect::<rusqlite::Result<Vec<_>>>()?.join("|"))
    })?;
    rows.collect()
}
