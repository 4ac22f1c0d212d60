//! A small world for one test: a database, a simulated WAHA, a simulated clock, and the program
//! between them, all in one thread.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use auto_message_scheduler::clock::{Clock, Now, Timestamp, Wake};
use auto_message_scheduler::config::Config;
use auto_message_scheduler::engine::{Engine, TimeLimit, When};
use auto_message_scheduler::fake_waha::{FakeWaha, Options, Received};
use auto_message_scheduler::send_window::Gap;
use auto_message_scheduler::store::{Store, Trigger};
use auto_message_scheduler::trigger::{Progress, RunReport, Triggers};
use auto_message_scheduler::waha::Waha;

/// Where every world begins: a Tuesday, 08:00 in Jakarta.
pub const START: &str = "2026-12-01T01:00:00Z";
/// For how long the machine is on when a test begins.
const UP_FOR: Duration = Duration::from_hours(24 * 365);

/// More steps than any test's run needs.
const STEPS_MAX: usize = 2_000;

/// The defaults: Jakarta, 62, late after 24 hours; but without jitter.
pub fn config() -> Config {
    let gap = Gap { delay: Duration::from_mins(1), jitter: Duration::ZERO };
    Config { gap, ..Config::default() }
}

/// A clock that passes only when somebody sleeps, or when a test says so.
pub struct SimClock {
    now: Mutex<Now>,
    /// Asked at each reading of the clock: whether the program dies there.
    dies: Mutex<Option<Question>>,
}

type Question = Box<dyn FnMut() -> bool + Send>;

/// What the death of the program in [`World::die_while_sending`] throws.
struct Died;

impl SimClock {
    fn new() -> Self {
        let now = Now { wall: Timestamp::parse(START).unwrap(), monotonic: UP_FOR };
        Self { now: Mutex::new(now), dies: Mutex::new(None) }
    }

    /// The wall clock, for others than the program.
    pub fn wall(&self) -> Timestamp {
        self.now.lock().unwrap().wall
    }

    /// The time that only passes, for others than the program.
    pub fn monotonic(&self) -> Duration {
        self.now.lock().unwrap().monotonic
    }

    /// What a clock says that nobody set since the test began.
    pub fn true_wall(&self) -> Timestamp {
        Timestamp::parse(START).unwrap().plus(self.monotonic().saturating_sub(UP_FOR))
    }

    /// Lets time pass.
    pub fn pass(&self, duration: Duration) {
        let mut now = self.now.lock().unwrap();
        now.wall = now.wall.plus(duration);
        now.monotonic += duration;
    }

    /// Lets time pass at the `count`-th reading of the clock from now on, and for that reading already.
    pub fn pass_at_reading(self: &Arc<Self>, count: u32, duration: Duration) {
        let clock = Arc::clone(self);
        self.at_reading(count, move || clock.pass(duration));
    }

    /// Lets something happen at the `count`-th reading of the clock from now on, before what it says is known.
    pub fn at_reading(&self, count: u32, act: impl FnOnce() + Send + 'static) {
        let (mut act, mut readings) = (Some(act), 0);
        *self.dies.lock().unwrap() = Some(Box::new(move || {
            readings += 1;
            if readings == count
                && let Some(act) = act.take()
            {
                act();
            }
            false
        }));
    }

    /// Sets the wall clock, as NTP or a person does; monotonic time goes on.
    pub fn set(&self, wall: &str) {
        self.now.lock().unwrap().wall = Timestamp::parse(wall).unwrap();
    }
}

impl Clock for SimClock {
    fn now(&self) -> Now {
        let question = self.dies.lock().unwrap().take();
        if let Some(mut question) = question {
            if question() {
                resume_unwind(Box::new(Died)); // Unlike a panic, it prints nothing.
            }
            *self.dies.lock().unwrap() = Some(question);
        }
        *self.now.lock().unwrap()
    }

    fn sleep(&self, _wake: &Wake, _seen: u64, max: Option<Duration>) {
        self.pass(max.expect("nobody would ring: this sleep would never end"));
    }
}

/// What a test may choose before its world begins.
pub struct Builder {
    pub clock: Arc<SimClock>,
    pub options: Options,
    pub config: Config,
    pub waha_url: Option<String>,
    pub api_key: Option<String>,
    /// For one whole send.
    pub waha_timeout: Duration,
    /// On a file system in memory, where there is one: for many worlds in a row.
    pub in_memory: bool,
    /// How many recipients are planned in one transaction.
    pub portion: usize,
    /// Whether the program takes the mean of what is at random, as a forecast does.
    pub is_average: bool,
}

/// A message that reached the simulated WhatsApp.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub delivery_id: i64,
    pub session: String,
    pub chat_id: String,
    /// On the program's clock.
    pub wall: Timestamp,
    /// On the clock that never jumps.
    pub monotonic: Duration,
}

impl Builder {
    pub fn build(self) -> World {
        let memory = Path::new("/dev/shm");
        let directory = if self.in_memory && memory.is_dir() {
            tempfile::tempdir_in(memory).unwrap()
        } else {
            tempfile::tempdir().unwrap()
        };
        let clock = self.clock;
        let arrivals = Arc::new(Mutex::new(Vec::new()));
        let (noted, noted_clock) = (Arc::clone(&arrivals), Arc::clone(&clock));
        let note = move |received: &Received| {
            noted.lock().unwrap().push(Arrival {
                delivery_id: received.body["metadata"]["delivery_id"].as_i64().unwrap(),
                session: received.session.clone(),
                chat_id: received.chat_id.clone(),
                wall: received.at,
                monotonic: noted_clock.now().monotonic,
            });
        };
        let waha = FakeWaha::start(self.options, clock.clone(), note).unwrap();
        let url = self.waha_url.unwrap_or_else(|| waha.base_url());
        let path = directory.path().join("test.db");
        if self.in_memory {
            copy_of_an_empty_database(&path);
        } else {
            drop(Store::open(&path).unwrap());
        }
        let sql = rusqlite::Connection::open(&path).unwrap();
        let triggers = Arc::new(Triggers::default());
        let mut world = World {
            clock,
            waha,
            arrivals,
            sql,
            path,
            triggers,
            engine: None,
            config: self.config,
            url,
            api_key: self.api_key,
            waha_timeout: self.waha_timeout,
            portion: self.portion,
            is_average: self.is_average,
            _directory: directory,
        };
        world.restart();
        world
    }
}

/// All migrations are a third of what a short story costs: they are run once. Each copy begins a
/// history of its own, as a new database does.
fn copy_of_an_empty_database(path: &Path) {
    static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();
    let empty = EMPTY.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("empty.db");
        drop(Store::open(&path).unwrap());
        std::fs::read(&path).unwrap()
    });
    std::fs::write(path, empty).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    let history = "UPDATE meta SET value = lower(hex(randomblob(16))) WHERE key = 'history_id'";
    let sql = rusqlite::Connection::open(path).unwrap();
    assert_eq!(sql.execute(history, []).unwrap(), 1);
}

/// The world.
pub struct World {
    pub clock: Arc<SimClock>,
    pub waha: FakeWaha,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    /// What a person's `sqlite3` would be: another connection, with foreign keys off.
    pub sql: rusqlite::Connection,
    pub path: PathBuf,
    pub triggers: Arc<Triggers>,
    engine: Option<Engine>,
    /// From the next start on.
    pub config: Config,
    /// Where the program thinks that WAHA is, from its next start on.
    pub url: String,
    api_key: Option<String>,
    waha_timeout: Duration,
    portion: usize,
    is_average: bool,
    _directory: tempfile::TempDir,
}

impl World {
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// The default: a delay of 60 s and no jitter.
    pub fn builder() -> Builder {
        Builder {
            clock: Arc::new(SimClock::new()),
            options: Options::default(),
            config: config(),
            waha_url: None,
            api_key: None,
            waha_timeout: Duration::from_secs(2),
            in_memory: false,
            portion: 1_000,
            is_average: false,
        }
    }

    /// Ends the program, however it stands, and starts it anew.
    pub fn restart(&mut self) {
        self.engine = None;
        self.triggers = Arc::new(Triggers::default());
        let store = Store::open(&self.path).unwrap();
        let engine = Engine::new(
            Arc::new(Mutex::new(store)),
            Waha::new(&self.url, self.api_key.clone(), self.waha_timeout),
            self.clock.clone(),
            Arc::clone(&self.triggers),
            Arc::new(self.config.clone()),
            7,
        )
        .planning_in_portions_of(self.portion);
        let engine = if self.is_average { engine.without_chance() } else { engine };
        engine.recover().unwrap();
        self.engine = Some(engine);
    }

    /// What a cron line with `run --max-seconds` does: a program that starts, runs and ends.
    pub fn run_within(&mut self, max: Duration) -> RunReport {
        self.run_begun(Duration::ZERO, max)
    }

    /// The same when so much of its time had passed before it could look at anything.
    pub fn run_begun(&mut self, before: Duration, max: Duration) -> RunReport {
        self.restart();
        let began = self.clock.now().monotonic.saturating_sub(before);
        let limit = TimeLimit { began, max, request_max: Duration::from_secs(135) };
        self.engine = self.engine.take().map(|engine| engine.within(limit));
        self.run()
    }

    /// Ends the program and closes everything that has the database open.
    pub fn stop(&mut self) {
        self.engine = None;
        self.sql = rusqlite::Connection::open_in_memory().unwrap();
    }

    /// Starts the program on the database at `path`, after [`Self::stop`].
    pub fn start(&mut self) {
        self.restart();
        self.sql = rusqlite::Connection::open(&self.path).unwrap();
    }

    /// Runs SQL as a person would.
    pub fn execute(&self, sql: &str) {
        self.sql.execute_batch(sql).unwrap();
    }

    /// One value of one row, as text; NULL is empty.
    pub fn ask(&self, sql: &str) -> String {
        let value: Option<String> = self
            .sql
            .query_row(&format!("SELECT CAST(({sql}) AS TEXT)"), [], |row| row.get(0))
            .unwrap();
        value.unwrap_or_default()
    }

    /// The rows of a query, columns joined by `|` as `sqlite3` shows them.
    pub fn rows(&self, sql: &str) -> Vec<String> {
        let mut statement = self.sql.prepare(sql).unwrap();
        let columns = statement.column_count();
        let rows = statement
            .query_map([], |row| {
                let cells = (0..columns).map(|index| {
                    Ok(match row.get_ref(index)? {
                        rusqlite::types::ValueRef::Null => String::new(),
                        rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                        rusqlite::types::ValueRef::Text(text) => {
                            String::from_utf8_lossy(text).into_owned()
                        }
                        other => format!("{other:?}"),
                    })
                });
                Ok(cells.collect::<rusqlite::Result<Vec<_>>>()?.join("|"))
            })
            .unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    }

    /// A message that is due now; returns its id.
    pub fn message(&self, contact_ids: &str) -> i64 {
        // Made by the world's clock: SQLite's own default would be the day on which the tests run. A second
        // before, so that what changes now has another time than the row.
        let sql = "INSERT INTO auto_messages
                       (title, message, contact_ids, scheduled_at, created_at, updated_at)
                   VALUES ('test', 'Halo', ?1, ?2, ?2, strftime('%Y-%m-%dT%H:%M:%SZ', ?2, '-1 second'))";
        let now = self.clock.now().wall.to_string();
        self.sql.execute(sql, [contact_ids, now.as_str()]).unwrap();
        self.sql.last_insert_rowid()
    }

    /// `status` of a message.
    pub fn status(&self, id: i64) -> String {
        self.ask(&format!("SELECT status FROM auto_messages WHERE id = {id}"))
    }

    /// `error` of a message.
    pub fn error(&self, id: i64) -> String {
        self.ask(&format!("SELECT error FROM auto_messages WHERE id = {id}"))
    }

    /// What reached the simulated WhatsApp.
    pub fn received(&self) -> Vec<Received> {
        self.waha.received()
    }

    /// The arrivals from the `index`-th on.
    pub fn arrivals_from(&self, index: usize) -> Vec<Arrival> {
        self.arrivals.lock().unwrap()[index..].to_vec()
    }

    /// To whom, in order.
    pub fn recipients(&self) -> Vec<String> {
        self.received().into_iter().map(|received| received.chat_id).collect()
    }

    /// A trigger, and then all that follows from it until the run ends.
    pub fn run(&self) -> RunReport {
        let run = self.triggers.pull(Trigger::Cron, Some("127.0.0.1".to_owned())).run;
        for _ in 0..STEPS_MAX {
            self.step();
            if let Progress::Finished(report) = self.triggers.progress(run) {
                return report;
            }
        }
        panic!("the run does not end");
    }

    /// Pulls the trigger without doing anything yet.
    pub fn trigger(&self) {
        self.triggers.pull(Trigger::Cron, None);
    }

    /// One round of the dispatcher and one worker; sleeps when there is nothing else to do.
    pub fn step(&self) {
        self.step_at_most(Duration::MAX);
    }

    /// The same; sleeps for `max` at most.
    pub fn step_at_most(&self, max: Duration) {
        let engine = self.engine.as_ref().unwrap();
        let when = engine.step().unwrap();
        if !engine.work()
            && let When::In(wait) = when
        {
            self.clock.sleep(&Wake::default(), 0, Some(wait.min(max)));
        }
    }

    /// One round of a server's dispatcher and one worker; sleeps for `max` when there is nothing else to do and nobody
    /// is to be woken before.
    pub fn serve_at_most(&self, max: Duration) {
        let engine = self.engine.as_ref().unwrap();
        let when = engine.step_of_server().unwrap();
        if engine.work() {
            return;
        }
        match when {
            When::AtOnce => {}
            When::In(wait) => self.clock.pass(wait.min(max)),
            When::Rung => self.clock.pass(max),
        }
    }

    /// Lets it work and sleep until then, and no longer.
    pub fn work_until(&self, until: Timestamp) {
        let engine = self.engine.as_ref().unwrap();
        for _ in 0..STEPS_MAX {
            let when = engine.step().unwrap();
            if engine.work() {
                continue;
            }
            let left = until.since(self.clock.wall());
            match when {
                When::AtOnce => {}
                When::In(wait) if wait < left => self.clock.pass(wait),
                When::In(_) | When::Rung => return self.clock.pass(left),
            }
        }
        panic!("the work does not end");
    }

    /// Steps until the program dies, as by a power cut, between a request and the recording of what
    /// became of it: at the first look at the clock while the table says that a delivery is on its
    /// way. Only [`Self::restart`] makes sense afterwards.
    pub fn die_while_sending(&self) {
        let sql = rusqlite::Connection::open(&self.path).unwrap();
        *self.clock.dies.lock().unwrap() = Some(Box::new(move || {
            let is_sending = "SELECT EXISTS (SELECT 1 FROM deliveries WHERE status = 'sending')";
            sql.query_row(is_sending, [], |row| row.get(0)).unwrap()
        }));
        for _ in 0..STEPS_MAX {
            if let Err(cause) = catch_unwind(AssertUnwindSafe(|| self.step())) {
                if cause.is::<Died>() {
                    return;
                }
                resume_unwind(cause);
            }
        }
        panic!("nothing is ever sent");
    }

    /// Steps until no request is out.
    pub fn step_until_nothing_is_out(&self) {
        for _ in 0..STEPS_MAX {
            if self.ask("SELECT count(*) FROM deliveries WHERE status = 'sending'") == "0" {
                return;
            }
            self.step();
        }
        panic!("a request stays out for ever");
    }

    /// Steps until `count` messages have reached WhatsApp.
    pub fn step_until_received(&self, count: usize) {
        for _ in 0..STEPS_MAX {
            if self.received().len() >= count {
                return;
            }
            self.step();
        }
        panic!("{count} messages never arrive");
    }
}

/// Seconds between each message and the next, in order of arrival.
pub fn gaps(received: &[Received]) -> Vec<i64> {
    received.windows(2).map(|pair| (pair[1].at.millis() - pair[0].at.millis()) / 1000).collect()
}
