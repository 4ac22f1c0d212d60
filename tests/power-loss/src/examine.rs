//! Cuts the power at every point of a history and looks whether what is left breaks a promise.
//!
//! What must be there is taken from the history itself: the tables as they were when the last
//! transaction was reported as committed. An image may show these, or those after the transaction
//! that was under way, and nothing else.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use auto_message_scheduler::store::Store;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::disk::{Event, Message, Role};
use crate::platter::{Cut, Image, Platter};
use crate::world::{Program, SimClock, directory, fake_waha, rows};

/// How long the power is away.
const OUTAGE: Duration = Duration::from_hours(2);
/// Rounds of chance after which there is nothing new to be found.
const ROUNDS_MAX: u64 = 10_000;
const SECTORS: [u64; 2] = [512, 4096];

/// What the examination of a history came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Different images that were opened, or the same ones at points that promise more.
    pub images: u64,
    /// Different states in which the program was started and ran to its end.
    pub ends: u64,
    /// Images that could not be opened, or were not sound.
    pub corrupt: u64,
    /// Images that lack what was committed, or in which nobody could see the end of a delivery.
    pub lost: u64,
    /// Images that show a message as unsent, or do not show it, that WhatsApp had got.
    pub unsent: u64,
    /// Images after which somebody got a message twice.
    pub duplicated: u64,
    /// Images that show or come to `sent` for a message that WhatsApp never got.
    pub lies: u64,
    /// What was wrong with the first few.
    pub examples: Vec<String>,
}

impl Tally {
    /// Whether no promise is broken.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.corrupt + self.lost + self.unsent + self.duplicated + self.lies == 0
    }

    fn example(&mut self, text: String) {
        const EXAMPLES_MAX: usize = 5;
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(text);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { images, ends, corrupt, lost, unsent, duplicated, lies, .. } = self;
        write!(
            f,
            "{images} images, {ends} run to the end: {corrupt} corrupt, {lost} lost, \
             {unsent} sent but shown unsent, {duplicated} duplicated, {lies} lies"
        )
    }
}

/// How many images to make of one history: POWER_IMAGES, or enough for every day.
///
/// # Panics
/// When POWER_IMAGES is no number.
#[must_use]
pub fn images_wanted(default: u64) -> u64 {
    match std::env::var("POWER_IMAGES") {
        Ok(text) => text.parse().expect("POWER_IMAGES is a number of images"),
        Err(_) => default,
    }
}

/// What one image shows.
#[derive(Clone, Debug)]
struct Shown {
    /// A fingerprint of all rows.
    state: u64,
    /// By message: the status of its delivery.
    statuses: HashMap<Message, String>,
}

/// What became of the deliveries after the next start.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    is_lost: bool,
    is_duplicated: bool,
    is_lie: bool,
}

/// A point of a history.
struct Point<'a> {
    number: usize,
    /// Transactions that had ended.
    ended: usize,
    /// What WhatsApp had got.
    got: &'a [Message],
}

/// Examines one history; remembers what it saw, because most images are alike.
#[derive(Default)]
struct Examiner {
    tally: Tally,
    /// The state after each transaction.
    states: Vec<u64>,
    seen: HashSet<(u64, usize, usize)>,
    /// By image, and shared by those with the same rows.
    shown: HashMap<u64, Result<Rc<Shown>, String>>,
    by_state: HashMap<u64, Rc<Shown>>,
    ends: HashMap<(u64, usize), End>,
}

/// Cuts the power at each point of `events`: first every way that needs no chance, then by chance
/// until `images` were made.
#[must_use]
pub fn examine(events: &[Event], images: u64) -> Tally {
    let mut examiner = Examiner::default();
    examiner.learn_states(events);
    for round in 0..ROUNDS_MAX {
        if round > 0 && examiner.tally.images >= images {
            break;
        }
        examiner.round(events, round);
    }
    examiner.tally
}

impl Examiner {
    fn learn_states(&mut self, events: &[Event]) {
        let mut platter = Platter::default();
        let all = [Event::Ended].iter().chain(events).chain(&[Event::Ended]).cloned();
        for event in all.collect::<Vec<_>>() {
            platter.apply(&event);
            if matches!(event, Event::Ended) {
                let shown = self.look(&platter.cut(Cut::Kept));
                self.states.push(shown.expect("without a power cut nothing breaks").state);
            }
        }
    }

    fn round(&mut self, events: &[Event], round: u64) {
        let mut platter = Platter::default();
        let mut got = Vec::new();
        let mut ended = 0;
        for number in 0..=events.len() {
            let point = Point { number, ended, got: &got };
            if round == 0 || !platter.is_settled() {
                for cut in cuts(round, number) {
                    self.try_image(&platter.cut(cut), cut, &point);
                }
            }
            let Some(event) = events.get(number) else { break };
            platter.apply(event);
            match event {
                Event::Ended => ended += 1,
                Event::Got(message) => got.push(message.clone()),
                Event::Create(_)
                | Event::Write { .. }
                | Event::Truncate { .. }
                | Event::Sync { .. }
                | Event::Rename { .. }
                | Event::SyncNames { .. }
                | Event::Delete { .. } => {}
            }
        }
    }

    fn try_image(&mut self, image: &Image, cut: Cut, point: &Point<'_>) {
        if !self.seen.insert((fingerprint(image), point.ended, point.got.len())) {
            return;
        }
        self.tally.images += 1;
        let place = format!("cut before event {} ({cut:?})", point.number);
        let shown = match self.look(image) {
            Ok(shown) => shown,
            Err(why) => {
                self.tally.corrupt += 1;
                return self.tally.example(format!("{place}: corrupt: {why}"));
            }
        };
        let allowed = &self.states[point.ended..(point.ended + 2).min(self.states.len())];
        if !allowed.contains(&shown.state) {
            self.tally.lost += 1;
            self.tally.example(format!("{place}: what was committed is not there"));
        }
        let status = |message| shown.statuses.get(message).map_or("missing", String::as_str);
        for message in point.got {
            if matches!(status(message), "pending" | "missing" | "cancelled" | "skipped") {
                self.tally.unsent += 1;
                self.tally
                    .example(format!("{place}: {message:?} was got, it is {}", status(message)));
                break;
            }
        }
        let is_lie = shown
            .statuses
            .iter()
            .any(|(message, status)| status == "sent" && !point.got.contains(message));
        let end = self.end(image, shown.state, point);
        self.tally.lies += u64::from(is_lie || end.is_lie);
        self.tally.lost += u64::from(end.is_lost);
        self.tally.duplicated += u64::from(end.is_duplicated);
        if is_lie || end.is_lie || end.is_lost || end.is_duplicated {
            self.tally.example(format!("{place}: shows a lie: {is_lie}, and then {end:?}"));
        }
    }

    /// Opens the image as the program does after the power is back.
    fn look(&mut self, image: &Image) -> Result<Rc<Shown>, String> {
        let key = fingerprint(image);
        if let Some(known) = self.shown.get(&key) {
            return known.clone();
        }
        let directory = directory();
        let path = directory.path().join("test.db");
        image.write_to(&path);
        let shown = look_at(&path).map(|shown| {
            Rc::clone(self.by_state.entry(shown.state).or_insert_with(|| Rc::new(shown)))
        });
        self.shown.insert(key, shown.clone());
        shown
    }

    /// Starts the program on the image, lets it send what is left, and compares with WhatsApp. Two
    /// images with the same rows have the same end.
    fn end(&mut self, image: &Image, state: u64, point: &Point<'_>) -> End {
        let key = (state, point.got.len());
        if let Some(known) = self.ends.get(&key) {
            return *known;
        }
        let directory = directory();
        let path = directory.path().join("test.db");
        image.write_to(&path);
        let end = run_to_the_end(&path, point.got);
        self.tally.ends += 1;
        self.ends.insert(key, end);
        end
    }
}

/// Round 0 needs no chance; in each later round every point has one way, and each way its turn.
fn cuts(round: u64, point: usize) -> Vec<Cut> {
    if round == 0 {
        return vec![Cut::Dropped, Cut::Kept];
    }
    let seed = round.wrapping_mul(1_000_003).wrapping_add(point as u64);
    let [small, large] = SECTORS;
    let ways = [
        Cut::Random { seed },
        Cut::Torn { sector: small, seed },
        Cut::Scattered { sector: large, seed },
        Cut::Torn { sector: large, seed },
        Cut::Scattered { sector: small, seed },
    ];
    let turn = (round + point as u64) % ways.len() as u64;
    vec![ways[usize::try_from(turn).unwrap()]]
}

fn look_at(path: &Path) -> Result<Shown, String> {
    let _store = Store::open(path).map_err(|error| chain(&error))?;
    let text = |error: rusqlite::Error| error.to_string();
    let sql = Connection::open(path).map_err(text)?;
    let found = rows(&sql, "PRAGMA integrity_check").map_err(text)?;
    if found != ["ok"] {
        return Err(found.join("; "));
    }
    let mut hasher = DefaultHasher::new();
    for query in [
        "SELECT * FROM auto_messages ORDER BY id",
        "SELECT * FROM deliveries ORDER BY id",
        "SELECT * FROM contacts ORDER BY id",
        "SELECT * FROM runs ORDER BY id",
        "SELECT * FROM callbacks ORDER BY id",
        "SELECT * FROM api_keys ORDER BY id",
        "SELECT * FROM api_answers ORDER BY idempotency_key",
        // Without the times of row 1, which the first migration made on the real clock.
        "SELECT id, name, session_name, is_active, ready_at, held_reason, held_kind FROM channels ORDER BY id",
    ] {
        rows(&sql, query).map_err(text)?.hash(&mut hasher);
    }
    look_at_files(path, &sql)?;
    Ok(Shown { state: hasher.finish(), statuses: statuses(&sql).map_err(text)? })
}

/// Under its name is a file whole or not at all, and what a message refers to is there.
fn look_at_files(path: &Path, sql: &Connection) -> Result<(), String> {
    let directory = PathBuf::from(format!("{}.files", path.display()));
    let mut whole = HashSet::new();
    for entry in fs::read_dir(&directory).into_iter().flatten() {
        let entry = entry.map_err(|error| error.to_string())?;
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with('.') {
            continue; // on its way to its name
        }
        let bytes = fs::read(entry.path()).map_err(|error| error.to_string())?;
        let digest = Sha256::digest(&bytes);
        if digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")) != name {
            return Err(format!("the file `{name}` is torn: {} bytes", bytes.len()));
        }
        whole.insert(name);
    }
    let query =
        "SELECT json_extract(content, '$.file') FROM auto_messages WHERE content IS NOT NULL";
    let referred = rows(sql, query).map_err(|error| error.to_string())?;
    match referred.iter().find(|name| !whole.contains(*name)) {
        Some(name) => Err(format!("a message refers to the file `{name}`, which is not there")),
        None => Ok(()),
    }
}

fn statuses(sql: &Connection) -> rusqlite::Result<HashMap<Message, String>> {
    let query = "SELECT m.message, d.chat_id, d.status FROM deliveries d
                 JOIN auto_messages m ON m.id = d.auto_message_id";
    let mut statement = sql.prepare(query)?;
    let found = statement.query_map([], |row| {
        Ok((Message { text: row.get(0)?, chat_id: row.get(1)? }, row.get(2)?))
    })?;
    found.collect()
}

fn run_to_the_end(path: &Path, got: &[Message]) -> End {
    let clock = SimClock::new();
    clock.pass(OUTAGE);
    let waha = fake_waha(&clock, |_| {});
    let program = Program::new(Store::open(path).unwrap(), &waha, &clock);
    program.engine.recover().unwrap();
    program.run().unwrap();
    let mut all = got.to_vec();
    all.extend(waha.received().iter().map(Message::from));
    let different: HashSet<&Message> = all.iter().collect();
    let sql = Connection::open(path).unwrap();
    let left = rows(
        &sql,
        "SELECT id FROM auto_messages WHERE status IN ('sending', 'scheduled') UNION ALL
         SELECT id FROM deliveries WHERE status IN ('pending', 'sending')",
    );
    let statuses = statuses(&sql).unwrap();
    let is_explained = |message: &Message, status: &str| match status {
        "sent" => different.contains(message),
        "unknown" | "failed" | "skipped" => true,
        _ => false,
    };
    let is_lie =
        statuses.iter().any(|(message, status)| status == "sent" && !different.contains(message));
    End {
        is_lost: !left.unwrap().is_empty()
            || statuses
                .iter()
                .any(|(message, status)| status != "sent" && !is_explained(message, status)),
        is_duplicated: different.len() < all.len(),
        is_lie,
    }
}

/// The history as it would be with `synchronous=NORMAL`: the WAL is synced before its frames go into
/// the database and after its header, not after a commit.
#[must_use]
pub fn without_commit_syncs(events: &[Event]) -> Vec<Event> {
    let is_of_wal = |event: &Event| match event {
        Event::Write { role, .. } => Some(*role == Role::Wal),
        _ => None,
    };
    let mut kept = Vec::new();
    for (place, event) in events.iter().enumerate() {
        if matches!(event, Event::Sync { role: Role::Wal, directory: false }) {
            let header = events[..place].iter().rev().find_map(|event| match event {
                Event::Write { role: Role::Wal, offset, .. } => Some(*offset == 0),
                _ => None,
            });
            let next_is_wal = events[place..].iter().find_map(is_of_wal).unwrap_or(true);
            if header == Some(false) && next_is_wal {
                continue;
            }
        }
        kept.push(event.clone());
    }
    kept
}

/// The history on a disk that says that it synced `role` and did not.
#[must_use]
pub fn without_syncs_of(events: &[Event], role: Role) -> Vec<Event> {
    let is_synced =
        |event: &&Event| matches!(event, Event::Sync { role: synced, .. } if *synced == role);
    events.iter().filter(|event| !is_synced(event)).cloned().collect()
}

/// The history as it would be without the syncs of the files of messages and of their names.
#[must_use]
pub fn without_syncs_of_files(events: &[Event]) -> Vec<Event> {
    let is_synced = |event: &&Event| match event {
        Event::Sync { role, .. } => role.file_name().is_some(),
        Event::SyncNames { .. } => true,
        _ => false,
    };
    events.iter().filter(|event| !is_synced(event)).cloned().collect()
}

fn fingerprint(image: &Image) -> u64 {
    let mut hasher = DefaultHasher::new();
    image.hash(&mut hasher);
    hasher.finish()
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
