//! The simulation with the link in it: appliances, each with its database, engine and link, on one
//! project whose answers are cut, late or refused, while people use the website, take channels over,
//! and lose or restore databases.

mod truth;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use auto_message_scheduler::backup::{self, BackupError};
use auto_message_scheduler::clock::{Clock, Timestamp};
use auto_message_scheduler::config::{Config, Secret, Supabase};
use auto_message_scheduler::fail_point::{Crash, crash_at};
use auto_message_scheduler::fake_waha::{Engine, Options};
use auto_message_scheduler::send_window::Gap;
use auto_message_scheduler::store::{Store, Trigger};
use auto_message_scheduler::supabase::{Choice, Link, Passed, take_over, turn_off, turn_on};
use auto_message_scheduler::trigger::Progress;
use serde_json::{Value, json};

use super::promises::Promises;
use crate::link_remote::{PATIENCE, Remote, Request, Row, instant, micros};
use crate::link_same::shapes;
use crate::world::{SimClock, World, config};
use truth::Truth;

const PHONES: [&str; 12] = [
    "6281200007001",
    "6281200007002",
    "6281200007003",
    "6281200007004",
    "081300007005",
    "6281300007006",
    "6281300007007",
    "6281300007008",
    "6281200000200",
    "6281200000500",
    "6281200000422",
    "6281200000777",
];
const CONTACT: &str = "00000000-0000-4000-8000-00000000c001";
const SESSIONS: [&str; 2] = ["default", "dua"];
/// More passes than anything needs.
const PASSES_MAX: usize = 60;

/// What a seed came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    pub steps: u64,
    pub requests: u64,
    pub spoiled: u64,
    pub applied_late: u64,
    pub crashes: u64,
    pub rows: u64,
    pub arrived: u64,
    pub unknown: u64,
    pub edits: u64,
    pub taken_over: u64,
    pub restored: u64,
    pub lost_databases: u64,
    pub migrated: u64,
}

impl Totals {
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.requests += other.requests;
        self.spoiled += other.spoiled;
        self.applied_late += other.applied_late;
        self.crashes += other.crashes;
        self.rows += other.rows;
        self.arrived += other.arrived;
        self.unknown += other.unknown;
        self.edits += other.edits;
        self.taken_over += other.taken_over;
        self.restored += other.restored;
        self.lost_databases += other.lost_databases;
        self.migrated += other.migrated;
    }
}

/// A machine.
struct Appliance {
    world: World,
    link: Option<Link>,
    promises: Promises,
    backup: Option<PathBuf>,
    arrivals_seen: usize,
}

/// One seed's machines, project and dice.
pub struct Story {
    clock: Arc<SimClock>,
    remote: Remote,
    appliances: Vec<Appliance>,
    truth: Truth,
    dice: fastrand::Rng,
    is_shared: bool,
    gap: Duration,
    totals: Totals,
    is_told_aloud: bool,
}

impl Story {
    pub fn new(seed: u64, is_told_aloud: bool) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed);
        let clock = World::builder().clock;
        let begin = clock.now();
        let (base, of_remote) = (begin.wall.millis() * 1000, Arc::clone(&clock));
        let is_shared = dice.u8(0..4) > 0;
        let remote = Remote::start(seed, is_shared, move || {
            let passed = of_remote.monotonic().saturating_sub(begin.monotonic);
            base + i64::try_from(passed.as_micros()).unwrap()
        });
        let count = if is_shared { dice.usize(1..4) } else { 1 };
        let mut story = Self {
            clock,
            remote,
            appliances: Vec::new(),
            truth: Truth::default(),
            gap: Duration::from_secs([0, 1, 20, 60][dice.usize(0..4)]),
            dice,
            is_shared,
            totals: Totals::default(),
            is_told_aloud,
        };
        for number in 0..3 {
            let session = SESSIONS[number % 2];
            let channel = json!({ "id": channel(number), "name": format!("Kasir {number}"), "session_name": session });
            story.website("POST", "chanels", &channel);
        }
        let contact = json!({ "id": CONTACT, "name": "Ani", "phone_number": "6281200007009" });
        story.website("POST", "contacts", &contact);
        for number in 0..count {
            let appliance = story.appliance(number);
            story.appliances.push(appliance);
            let names: Vec<String> = (0..3)
                .filter(|one| one % count == number)
                .map(|one| format!("Kasir {one}"))
                .collect();
            story.turn_on(number, Some(&names));
        }
        if !is_shared && story.dice.bool() {
            story.was_alone_before();
        }
        story.remote.state().is_told_aloud = is_told_aloud;
        story.remote.state().max_rows = [1000, 1000, 2][story.dice.usize(0..3)];
        story.remote.state().faults = [0, 5, 15, 40][story.dice.usize(0..4)];
        story
    }

    /// Another machine was alone on the project, and is off.
    fn was_alone_before(&mut self) {
        let appliance = self.appliance(1);
        self.appliances.push(appliance);
        self.turn_on(1, None);
        self.turn_off(1);
    }

    /// The tables come with which several machines share the project, and another one is linked; a person runs
    /// `link on` again on the first one before that, or does not.
    fn migrate(&mut self) {
        self.say("the migration");
        self.remote.state().migrate();
        self.is_shared = true;
        self.truth.note_channel_edit();
        self.totals.migrated += 1;
        if self.dice.bool() {
            self.turn_on(0, None);
        }
        if self.appliances.len() == 1 {
            let appliance = self.appliance(1);
            self.appliances.push(appliance);
        }
        if self.dice.bool() {
            let number = self.dice.usize(0..3);
            self.turn_on(1, Some(&[format!("Kasir {number}")]));
        } else {
            self.turn_on(1, None);
        }
    }

    /// A machine with an empty database.
    fn appliance(&mut self, number: usize) -> Appliance {
        let engines = [Engine::Gows, Engine::Noweb, Engine::Webjs, Engine::Wpp];
        let mut builder = World::builder();
        builder.clock = Arc::clone(&self.clock);
        builder.in_memory = true;
        builder.options = Options { engine: engines[self.dice.usize(0..4)], ..Options::default() };
        builder.portion = [1, 1_000][self.dice.usize(0..2)];
        builder.config = Config {
            gap: Gap { delay: self.gap, jitter: Duration::ZERO },
            supabase: Some(Supabase {
                url: self.remote.url.clone(),
                key: Secret::new("sb_secret_of_the_simulation"),
                appliance_name: Some(format!("kasir-{number}")),
                messages_table: "auto_messages".into(),
                contacts_table: "contacts".into(),
                channels_table: None,
                channel_column: None,
                timeout: PATIENCE,
            }),
            ..config()
        };
        let promises = Promises::new(&builder.config, false);
        let world = builder.build();
        let mut one = Appliance { world, link: None, promises, backup: None, arrivals_seen: 0 };
        one.open_link();
        one
    }

    /// Plays the story, then lets everything heal; panics at a broken promise.
    pub fn tell(mut self) -> Totals {
        for _ in 0..self.dice.u64(30..100) {
            self.event();
            self.check();
        }
        self.heal();
        self.check_end();
        let same = shapes();
        let state = self.remote.state();
        let strange: Vec<&String> = state.shapes.difference(&same).collect();
        assert!(strange.is_empty(), "nobody knows what PostgREST answers: {strange:?}");
        self.totals.requests = state.requests;
        self.totals.spoiled = state.spoiled;
        self.totals.applied_late = state.applied_late;
        self.totals
    }

    fn say(&self, what: &str) {
        if self.is_told_aloud {
            let now = self.clock.now();
            println!("{:>6} {} {what}", now.monotonic.as_secs(), now.wall);
        }
    }

    fn now(&self) -> i64 {
        self.remote.state().now()
    }

    /// What the website asks its own tables.
    fn website(&self, method: &str, target: &str, body: &Value) {
        self.say(&format!("website: {method} {target} {body}"));
        let request = Request::new(method, target, "", body.clone());
        let (status, body) = self.remote.state().answer(&request);
        assert!(status < 300, "{status} {body}");
    }

    fn event(&mut self) {
        let one = self.dice.usize(0..self.appliances.len());
        match self.dice.u32(0..100) {
            0..13 => self.new_row(),
            13..33 => self.pass(one),
            33..42 => {
                for one in 0..self.appliances.len() {
                    self.pass(one);
                    self.appliances[one].world.step();
                    self.check();
                }
            }
            42..58 => {
                let steps = self.dice.u32(1..12);
                self.say(&format!("{steps} steps of {one}"));
                for _ in 0..steps {
                    self.appliances[one].world.step();
                    self.check();
                }
            }
            58..66 => {
                let secs = [1, 30, 61, 200, 900, 7200][self.dice.usize(0..6)];
                self.say(&format!("{secs} s pass"));
                self.clock.pass(Duration::from_secs(secs));
            }
            66..72 => self.crash(one),
            72..74 => {
                self.say(&format!("restart of {one}"));
                self.appliances[one].restart();
            }
            74..86 => self.edit(),
            86..88 => self.jump(),
            88..90 => self.weather(),
            90..92 => self.session(one),
            92..94 if !self.is_shared => self.migrate(),
            92..93 => self.take_over(one),
            93..94 if self.is_shared && self.dice.bool() => self.turn_off_and_on(one),
            94..96 => self.backup(one),
            96..98 => self.restore(one),
            98..99 if self.is_shared && self.dice.bool() => self.lose(one),
            _ => {
                let id = self.appliances[one].world.message("081200007011");
                self.say(&format!("local message {id} on {one}"));
            }
        }
    }

    /// The website's form writes a new row.
    fn new_row(&mut self) {
        let id = format!("00000000-0000-4000-8000-{:012x}", self.truth.rows.len() + 1);
        let now = self.now();
        let at = match self.dice.u32(0..4) {
            0 => now + self.dice.i64(1..900) * 1_000_000,
            1 => now - self.dice.i64(1..2000) * 1_000_000,
            _ => now,
        };
        let mut row = self.form(at, None);
        row["id"] = json!(id);
        row["chanel_id"] = json!(channel(self.dice.usize(0..3)));
        self.website("POST", "auto_messages", &row);
        self.truth.note_row(&id, now);
        self.totals.rows += 1;
    }

    /// What a form of the website's writes: all of it, with the first time in `scheduled_at`.
    fn form(&mut self, at: i64, schedules: Option<&Value>) -> Value {
        let contacts: Vec<Value> = (0..self.dice.usize(1..4))
            .map(|_| match self.dice.u8(0..12) {
                0 => json!(CONTACT),
                1 => json!("contact1"),
                _ => json!({ "name": "Budi", "phone": PHONES[self.dice.usize(0..PHONES.len())] }),
            })
            .collect();
        let text = ["Halo", "Halo {{name|Kak}}", "Promo"][self.dice.usize(0..3)];
        let mut at = at;
        let list = match schedules {
            Some(list) => list.clone(),
            None if self.dice.u8(0..4) == 0 => {
                // In Jakarta's wall-clock, whole minutes.
                at = at.div_euclid(60_000_000) * 60_000_000;
                let count = self.dice.i64(1..4);
                let apart = self.dice.i64(1..20);
                (0..count).map(|n| entry(at + n * apart * 60_000_000)).collect()
            }
            None => json!([]),
        };
        if let Some(first) = list.get(0).filter(|_| schedules.is_some()) {
            at = instant_of(first);
        }
        json!({
            "title": "Judul", "message": text, "contact_ids": contacts, "status": "scheduled",
            "scheduled_at": instant(at), "schedules": list,
            "interval_config": if self.dice.bool() { Value::Null } else { json!({ "every": "day" }) },
        })
    }

    /// What the website does to a row that there is.
    fn edit(&mut self) {
        let rows: Vec<Row> = self.remote.state().rows("auto_messages").to_vec();
        if rows.is_empty() {
            return;
        }
        // Mostly the newest: it is the one under way.
        let back = if self.dice.bool() { 0 } else { self.dice.usize(0..rows.len()) };
        let row = &rows[rows.len() - 1 - back];
        let id = row["id"].as_str().unwrap().to_owned();
        let at = micros(row["scheduled_at"].as_str().unwrap(), 0).unwrap();
        let by_id = format!("auto_messages?id=eq.{id}");
        self.totals.edits += 1;
        self.truth.note_edit(&id);
        match self.dice.u32(0..12) {
            0 | 1 => {
                // The whole form: text and recipients may be others, sent rows are armed again.
                let schedules = row["schedules"].clone();
                let form = self.form(at, Some(&schedules));
                self.website("PATCH", &by_id, &form);
            }
            2 => {
                let body = json!({ "message": "Diubah", "status": "scheduled" });
                self.website("PATCH", &by_id, &body);
            }
            3 => {
                let form = self.form(at, None);
                self.website("PATCH", &by_id, &form);
            }
            4 | 5 => {
                let by = [-3600, -60, 1, 60, 600, 7200][self.dice.usize(0..6)] * 1_000_000;
                let body = json!({ "scheduled_at": instant(at + by), "status": "scheduled" });
                self.website("PATCH", &by_id, &body);
            }
            6 | 7 => {
                self.website("PATCH", &by_id, &json!({ "status": "cancelled" }));
                self.truth.note_over(&id);
            }
            8 => {
                self.website("DELETE", &by_id, &Value::Null);
                self.truth.note_over(&id);
            }
            9 => {
                let other = match self.dice.usize(0..4) {
                    3 => Value::Null,
                    number => json!(channel(number)),
                };
                self.website("PATCH", &by_id, &json!({ "chanel_id": other }));
            }
            10 => {
                let now = self.now();
                let body = json!({ "status": "sent", "sent_at": instant(now) });
                self.website("PATCH", &by_id, &body);
                self.truth.note_over(&id);
            }
            _ => {
                let number = self.dice.usize(0..3);
                let target = format!("chanels?id=eq.{}", channel(number));
                let body = json!({ "is_active": self.dice.bool() });
                self.website("PATCH", &target, &body);
                self.truth.note_channel_edit();
            }
        }
    }

    /// A pass of an appliance's link.
    fn pass(&mut self, one: usize) {
        let is_brief = self.dice.u8(0..4) == 0;
        let over = self.truth.over.clone();
        let appliance = &mut self.appliances[one];
        let Some(link) = &mut appliance.link else { return };
        let passed = link.pass(is_brief);
        self.say(&format!("pass of {one}: {passed:?}"));
        if !is_brief && matches!(passed, Passed::Done { .. }) {
            self.truth.note_pass(one, over);
        }
    }

    /// Lets a machine run until it crashes at a place that the dice choose.
    fn crash(&mut self, one: usize) {
        let places = self.dice.u64(1..50);
        self.say(&format!("crash of {one} at place {places}"));
        let appliance = &mut self.appliances[one];
        appliance.world.trigger();
        crash_at(places);
        let ended = catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..6 {
                if let Some(link) = &mut appliance.link {
                    link.pass(false);
                }
                for _ in 0..5 {
                    appliance.world.step();
                }
            }
        }));
        crash_at(0);
        if let Err(payload) = ended {
            if !payload.is::<Crash>() {
                resume_unwind(payload);
            }
            self.totals.crashes += 1;
            self.check();
            self.appliances[one].restart();
        }
    }

    fn jump(&mut self) {
        let by = Duration::from_secs([1, 3600, 86_400][self.dice.usize(0..3)]);
        let now = self.clock.now().wall;
        let to = if self.dice.bool() { now.plus(by) } else { now.minus(by) };
        self.say(&format!("the clocks of the appliances jump to {to}"));
        self.appliances.iter_mut().for_each(|one| one.promises.note_jump());
        self.clock.set(&to.to_string());
    }

    fn weather(&mut self) {
        let mut state = self.remote.state();
        state.is_away = self.dice.u8(0..3) == 0;
        state.faults = [0, 5, 15, 40, 90][self.dice.usize(0..5)];
        let said = format!("weather: {} {}", state.is_away, state.faults);
        drop(state);
        self.say(&said);
    }

    fn session(&mut self, one: usize) {
        let session = SESSIONS[self.dice.usize(0..2)];
        let status = ["WORKING", "SCAN_QR_CODE", "WORKING"][self.dice.usize(0..3)];
        self.say(&format!("session {session} of {one} is {status}"));
        self.appliances[one].world.waha.set_status(session, status);
    }

    /// `link on`; whatever Supabase says.
    fn turn_on(&mut self, one: usize, channels: Option<&[String]>) {
        let now = self.clock.now().wall;
        let has_session = |session: &str| SESSIONS.contains(&session);
        let choice = Choice { channels, has_session: &has_session };
        let world = &self.appliances[one].world;
        let mut store = Store::open(&world.path).unwrap();
        let done = turn_on(&world.config, &mut store, &choice, now);
        self.say(&format!("link on {one}: {done:?}"));
    }

    fn turn_off(&mut self, one: usize) {
        let now = self.clock.now().wall;
        let world = &self.appliances[one].world;
        let mut store = Store::open(&world.path).unwrap();
        let done = turn_off(&world.config, &mut store, now);
        self.say(&format!("link off {one}: {done:?}"));
        self.truth.note_channel_edit();
    }

    fn turn_off_and_on(&mut self, one: usize) {
        self.turn_off(one);
        if self.dice.bool() {
            self.turn_on(one, None);
        }
    }

    /// `link take-over` of any channel.
    fn take_over(&mut self, one: usize) {
        let number = self.dice.usize(0..3);
        self.take_over_of(one, number);
    }

    fn take_over_of(&mut self, one: usize, number: usize) -> bool {
        let now = self.clock.now().wall;
        let world = &self.appliances[one].world;
        let mut store = Store::open(&world.path).unwrap();
        let done = take_over(&world.config, &mut store, &channel(number), now);
        self.say(&format!("link take-over {number} by {one}: {done:?}"));
        self.totals.taken_over += u64::from(done.is_ok());
        self.truth.note_channel_edit();
        done.is_ok()
    }

    fn backup(&mut self, one: usize) {
        let appliance = &mut self.appliances[one];
        let file = appliance.world.path.with_file_name("backup.db");
        let now = self.clock.now().wall;
        backup::backup(&appliance.world.path, &file, None, now).unwrap();
        appliance.backup = Some(file);
        self.say(&format!("backup of {one}"));
    }

    /// The disk is new, and the backup is restored to it; or the backup is restored beside the
    /// database, which can tell what was sent since.
    fn restore(&mut self, one: usize) {
        let is_disk_lost = self.dice.bool();
        let now = self.clock.now().wall;
        let appliance = &mut self.appliances[one];
        let Some(file) = appliance.backup.clone() else { return };
        appliance.link = None;
        appliance.world.stop();
        let path = appliance.world.path.clone();
        if is_disk_lost {
            for side in ["", "-wal", "-shm"] {
                drop(std::fs::remove_file(format!("{}{side}", path.display())));
            }
        }
        let mut done = backup::restore(&path, &file, &appliance.world.config, now);
        if let Err(BackupError::ClockBehind { made_at, .. }) = done {
            // A person sets the clock, and says so when it was ahead.
            let now = self.clock.true_wall();
            self.clock.set(&now.to_string());
            self.appliances.iter_mut().for_each(|one| one.promises.note_jump());
            let config = &self.appliances[one].world.config;
            done = backup::restore(&path, &file, config, now.max(made_at));
        }
        let done = done.unwrap();
        let appliance = &mut self.appliances[one];
        appliance.world.start();
        appliance.open_link();
        let arrived = appliance.world.arrivals_from(0).len();
        appliance.promises.note_restore(&appliance.world, arrived);
        self.totals.restored += 1;
        self.truth.note_restore();
        self.say(&format!("restore of {one} (disk lost: {is_disk_lost}): {done:?}"));
    }

    /// The disk is new and there is no backup: a machine of the same name takes the channels over.
    fn lose(&mut self, one: usize) {
        self.say(&format!("the database of {one} is lost"));
        let lost = self.appliance(one);
        self.appliances[one] = lost;
        self.truth.note_lost(one);
        self.totals.lost_databases += 1;
        self.turn_on(one, None);
        for number in 0..3 {
            self.take_over_of(one, number);
        }
    }

    fn check(&mut self) {
        self.totals.steps += 1;
        self.remote.state().apply_late(false);
        Truth::check_settled(&self.remote.state());
        for number in 0..self.appliances.len() {
            let rivals = self.remote.state().rivals.clone();
            let Self { truth, appliances, .. } = self;
            let one = &mut appliances[number];
            one.promises.check(&one.world);
            for arrival in one.world.arrivals_from(one.arrivals_seen) {
                one.arrivals_seen += 1;
                truth.note_arrival(number, &one.world, &arrival, &rivals);
            }
        }
    }

    /// The trouble ends, the people stop, time passes: what is left must come to its end.
    fn heal(&mut self) {
        self.say("everything heals");
        {
            let mut state = self.remote.state();
            (state.faults, state.is_away) = (0, false);
            state.apply_late(true);
        }
        for number in 0..3 {
            let target = format!("chanels?id=eq.{}", channel(number));
            self.website("PATCH", &target, &json!({ "is_active": true }));
        }
        // Alone, there is one machine.
        let linked = if self.is_shared { self.appliances.len() } else { 1 };
        (0..linked).for_each(|one| self.turn_on(one, None));
        for number in 0..3 {
            let owner = self.owner(number);
            if self.is_shared && !owner.is_some_and(|id| self.ids().contains(&id)) {
                self.take_over_of(0, number);
            }
        }
        for one in &self.appliances {
            for session in SESSIONS {
                one.world.waha.set_status(session, "WORKING");
            }
            one.world.execute(
                "UPDATE channels SET held_reason = NULL, held_kind = NULL, held_until = NULL, is_active = 1",
            );
        }
        for _ in 0..6 {
            for one in 0..self.appliances.len() {
                self.pass_and_run(one);
            }
            self.clock.pass(Duration::from_hours(1));
        }
        // What waits for a channel that WAHA never lets through expires at last.
        self.appliances.iter_mut().for_each(|one| one.promises.note_jump());
        let later = self.clock.now().wall.plus(Duration::from_hours(24 * 180));
        self.clock.set(&later.to_string());
        // Of a channel that was handed over, each look finds one time of a series.
        for _ in 0..if self.totals.migrated > 0 { 6 } else { 2 } {
            for one in 0..self.appliances.len() {
                self.pass_and_run(one);
            }
            self.clock.pass(Duration::from_mins(11));
        }
    }

    fn pass_and_run(&mut self, one: usize) {
        for round in 0..PASSES_MAX {
            let passed = self.appliances[one].link.as_mut().map(|link| link.pass(false));
            self.say(&format!("pass of {one}: {passed:?}"));
            self.run_to_its_end(one);
            match passed {
                Some(Passed::Done { has_more: false, .. } | Passed::Off) | None if round > 1 => {
                    return;
                }
                Some(Passed::Failed { .. }) if round > 3 => panic!("the link never gets well"),
                _ => self.clock.pass(Duration::from_secs(1)),
            }
        }
        panic!("the link finds more for ever");
    }

    fn run_to_its_end(&mut self, one: usize) {
        let run = self.appliances[one].world.triggers.pull(Trigger::Cron, None).run;
        for _ in 0..5000 {
            self.appliances[one].world.step();
            self.check();
            if matches!(self.appliances[one].world.triggers.progress(run), Progress::Finished(_)) {
                return;
            }
        }
        panic!("a run does not end");
    }

    /// The appliances' ids in the project.
    fn ids(&self) -> Vec<String> {
        let id = "SELECT value FROM meta WHERE key = 'link_appliance'";
        self.appliances.iter().map(|one| one.world.ask(id)).collect()
    }

    fn owner(&self, number: usize) -> Option<String> {
        let state = self.remote.state();
        let owners = state.rows("auto_message_channel_owners");
        let row = owners.iter().find(|row| row["channel_id"] == *channel(number))?;
        row["appliance_id"].as_str().map(str::to_owned)
    }

    fn check_end(&mut self) {
        for one in &self.appliances {
            Promises::check_end(&one.world);
        }
        let worlds: Vec<&World> = self.appliances.iter().map(|one| &one.world).collect();
        let state = self.remote.state();
        if self.is_shared {
            self.truth.check_shared(&worlds, &state);
        } else {
            self.truth.check_alone(worlds[0], &state);
        }
        drop(state);
        self.totals.arrived = self.truth.arrived.len() as u64;
        for one in &self.appliances {
            let unknown = one.world.ask("SELECT count(*) FROM deliveries WHERE status = 'unknown'");
            self.totals.unknown += unknown.parse::<u64>().unwrap();
        }
    }
}

impl Appliance {
    fn open_link(&mut self) {
        let store = Store::open(&self.world.path).unwrap();
        let config = Arc::new(self.world.config.clone());
        let clock: Arc<dyn Clock> = self.world.clock.clone();
        let link = Link::new(&config, store, &clock, &self.world.triggers);
        self.link = link.map(|link| link.map_err(|why| panic!("{why}")).unwrap());
    }

    fn restart(&mut self) {
        self.link = None;
        self.promises.note_restart();
        self.world.restart();
        self.open_link();
    }
}

fn channel(number: usize) -> String {
    format!("00000000-0000-4000-8000-00000000000{}", number + 1)
}

/// An entry of `schedules`: an instant in Jakarta's wall-clock.
fn entry(at: i64) -> Value {
    let local = instant(at + 7 * 3_600_000_000);
    json!({ "date": local[..10], "time": local[11..16] })
}

fn instant_of(entry: &Value) -> i64 {
    let (date, time) = (entry["date"].as_str().unwrap(), entry["time"].as_str().unwrap());
    micros(&format!("{date}T{time}:00Z"), 0).unwrap() - 7 * 3_600_000_000
}

/// `due_at` of deliveries, of an instant there.
fn local(text: &str) -> String {
    let secs = micros(text, 0).unwrap().div_euclid(1_000_000);
    Timestamp::from_secs(secs).to_string()
}
