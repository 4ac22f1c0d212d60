//! SIGKILL at random times, of one program and of several on one database.
//!
//! KILLS=1000 makes more of them; a failure prints its seed, and KILL_SEED tries the same choices
//! again. It cannot replay the moments themselves: those are the machine's.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use auto_message_scheduler::fake_waha::{Engine, Options};

use crate::ledger::{self, Ledger, gaps_millis};
use crate::site::{Server, Site, stderr, until};

/// How many kills without KILLS.
const KILLS: u64 = 50;
const CHANNELS: usize = 4;

fn number_from_environment(key: &str) -> Option<u64> {
    let text = std::env::var(key).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{key} must be a whole number")))
}

/// A random choice that a seed repeats.
fn random() -> fastrand::Rng {
    let seed = number_from_environment("KILL_SEED").unwrap_or(1);
    eprintln!("KILL_SEED={seed}"); // Shown when the test fails.
    fastrand::Rng::with_seed(seed)
}

fn up_to_millis(random: &mut fastrand::Rng, most: u64) -> Duration {
    Duration::from_micros(random.u64(0..=most * 1000))
}

fn shop(options: Options, settings: &str) -> Site {
    let site = Site::with_options(options);
    site.write_settings(settings);
    for number in 2..=CHANNELS {
        let sql = "INSERT INTO channels (name, session_name) VALUES (?1, ?1)";
        site.sql().execute(sql, [format!("toko-{number}")]).unwrap();
    }
    site
}

#[test]
fn kills_at_random_times_lose_nothing_and_send_nothing_twice() {
    let kills = number_from_environment("KILLS").unwrap_or(KILLS);
    let mut random = random();
    let engine = random.choice([Engine::Gows, Engine::Noweb, Engine::Webjs, Engine::Wpp]).unwrap();
    let latency = Duration::from_millis(random.u64(1..=8));
    let options = Options { engine, latency, ..Options::default() };
    let site = shop(options, "SEND_DELAY_SECONDS=0\nTICK_SECONDS=1\n");
    let mut ledger = Ledger::default();
    let mut killed = 0;
    while killed < kills {
        let mut add = |random: &mut fastrand::Rng| {
            ledger.add(&site, random.usize(1..=CHANNELS), random.usize(1..=4));
        };
        add(&mut random);
        let command = if random.bool() { "serve" } else { "run" };
        let before = site.arrivals.load(Ordering::SeqCst);
        let mut program = site.start(command, "killed.log", None);
        if random.bool() {
            add(&mut random);
        }
        if random.bool() {
            // Else most kills would hit the start and few the sending.
            until("something arrives", || {
                site.arrivals.load(Ordering::SeqCst) > before || !program.is_alive()
            });
        }
        thread::sleep(up_to_millis(&mut random, 60));
        killed += u64::from(program.kill());
    }
    let last = site.run(&["run"]);
    assert!(last.status.success(), "{}", stderr(&last));
    let balance = ledger.balance(&site);
    println!("kills: {kills}, {balance}");
    assert_eq!((balance.lost, balance.duplicated), (0, 0), "{balance}");
    assert!(balance.sent > 0 && (balance.unknown > 0 || kills < KILLS), "{balance}");
}

/// Places for programs on one database; each starts and dies by itself.
struct Rivals<'site> {
    site: &'site Site,
    programs: Vec<Option<Server>>,
    logs: usize,
}

impl<'site> Rivals<'site> {
    const COMMANDS: [&'static str; 5] = ["serve", "serve", "run", "run", "run"];

    /// All at the same moment.
    fn start(site: &'site Site) -> Self {
        let mut rivals = Self { site, programs: Vec::new(), logs: 0 };
        rivals.programs.resize_with(Self::COMMANDS.len(), || None);
        (0..Self::COMMANDS.len()).for_each(|place| rivals.start_one(place));
        rivals
    }

    fn start_one(&mut self, place: usize) {
        self.logs += 1;
        let log = format!("rival-{}.log", self.logs);
        self.programs[place] = Some(self.site.start(Self::COMMANDS[place], &log, None));
    }

    /// Kills the program of a place, or starts one where none is running.
    fn turn(&mut self, place: usize) {
        let killed = self.programs[place].take().is_some_and(|mut program| program.kill());
        if !killed {
            self.start_one(place);
        }
    }
}

#[test]
fn of_many_programs_one_sends_and_when_it_is_killed_another_goes_on() {
    let mut random = random();
    let options = Options { latency: Duration::from_millis(5), ..Options::default() };
    let site = shop(options, "SEND_DELAY_SECONDS=1\nTICK_SECONDS=1\n");
    let mut ledger = Ledger::default();
    (1..=CHANNELS).for_each(|channel| ledger.add(&site, channel, 4));
    let mut rivals = Rivals::start(&site);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(4) {
        thread::sleep(up_to_millis(&mut random, 150));
        rivals.turn(random.usize(0..Rivals::COMMANDS.len()));
    }
    drop(rivals);
    let mut sending = site.serve();
    let mut standby = site.start("serve", "standby.log", None);
    standby.wait_for_log("another process is sending, this one stands by");
    let before = site.arrivals.load(Ordering::SeqCst);
    (1..=CHANNELS).for_each(|channel| ledger.add(&site, channel, 2));
    until("the first server sends", || site.arrivals.load(Ordering::SeqCst) > before);
    assert!(sending.kill());
    standby.wait_for_log("the other process ended, this one sends now");
    until("the survivor ends all work", || {
        let rows = ledger::rows(&site);
        let has_ended = |row: &ledger::Row| ["sent", "unknown"].contains(&row.status.as_str());
        rows.len() == ledger.len() && rows.values().all(has_ended)
    });
    standby.signal("TERM");
    assert_eq!(standby.end(), 0);
    let balance = ledger.balance(&site);
    assert_eq!((balance.lost, balance.duplicated), (0, 0), "{balance}");
    let gaps = gaps_millis(&site.waha.received());
    assert!(gaps.len() >= CHANNELS && gaps.iter().all(|gap| *gap >= 1000), "{gaps:?}");
}
