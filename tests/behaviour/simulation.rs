//! The simulation: the planner, the senders, the look-ups and the store in one thread, on a simulated
//! clock, against a simulated WAHA, with a program that can crash at any commit.
//!
//! A seed decides faults, crashes, clock jumps, overlapping triggers and edits by people with
//! `sqlite3`. After every step the promises are checked against what WhatsApp really got; at the end
//! everything heals, and nothing may be left over.
//!
//! `SIM_SEED=17 cargo test simulation` replays a seed; `SIM_SEEDS=10000` runs so many.

mod calendar;
mod link;
mod promises;
mod story;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use auto_message_scheduler::fail_point::Crash;
use story::{Story, Totals};

const SEEDS_IN_CI: u64 = 500;
const LINK_SEEDS_IN_CI: u64 = 60;
/// Further ones, that broke a promise once.
const LINK_SEEDS_OF_OLD: [u64; 7] = [4813, 5083, 5693, 6257, 6315, 6662, 8397];

pub fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn the_promises_hold_for_every_seed() {
    silence_crashes();
    if let Some(seed) = number("SIM_SEED") {
        println!("{:?}", Story::new(seed, true).tell());
        return;
    }
    let seeds = number("SIM_SEEDS").unwrap_or(SEEDS_IN_CI);
    let told = each_seed(seeds, "SIM_SEED", |seed| Story::new(seed, false).tell());
    let totals = told.iter().fold(Totals::default(), |mut all, one| {
        all.add(one);
        all
    });
    println!("seeds: {seeds}, {totals:?}, lost: 0, duplicated: 0");
    let is_wild = totals.crashes > 0 && totals.sent > 0 && totals.unknown > 0;
    // A few seeds may not meet each rule; missing ticks are met by one in some hundreds.
    let [failures, no_ticks, restrictions, log_outs] = totals.broke;
    let is_held = seeds < SEEDS_IN_CI
        || failures > 0 && restrictions > 0 && log_outs > 0 && (no_ticks > 0 || seeds < 5000);
    let is_moved = seeds < 100 || totals.moved > 0;
    let is_checked = seeds < 100 || totals.checked > seeds && totals.absent > seeds / 10;
    assert!(is_wild && is_moved && is_held && is_checked, "a tame simulation: {totals:?}");
}

/// The same with a website's project: `LINK_SEED=17` replays a seed, `LINK_SEEDS=10000` runs so many.
#[test]
fn the_promises_hold_for_every_seed_with_the_link() {
    silence_crashes();
    if let Some(seed) = number("LINK_SEED") {
        println!("{:?}", link::Story::new(seed, true).tell());
        return;
    }
    let seeds = number("LINK_SEEDS").unwrap_or(LINK_SEEDS_IN_CI);
    let mut told = each_seed(seeds, "LINK_SEED", |seed| link::Story::new(seed, false).tell());
    told.extend(LINK_SEEDS_OF_OLD.map(|seed| link::Story::new(seed, false).tell()));
    let totals = told.iter().fold(link::Totals::default(), |mut all, one| {
        all.add(one);
        all
    });
    println!("seeds: {seeds}, {totals:?}, lost: 0, duplicated: 0");
    let is_wild = totals.crashes > 0 && totals.arrived > 0 && totals.applied_late > 0;
    assert!(is_wild && totals.taken_over > 0 && totals.restored > 0, "a tame simulation");
}

/// Tells the story of each seed, one in each thread. `variable` replays one.
pub fn each_seed<T: Send>(seeds: u64, variable: &str, tell: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(number("FIRST_SEED").unwrap_or(0));
    let end = next.load(Ordering::SeqCst) + seeds;
    let threads = thread::available_parallelism().map_or(2, usize::from);
    let work = || {
        let mut told = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= end {
                return told;
            }
            let one = catch_unwind(AssertUnwindSafe(|| tell(seed)));
            told.push(one.unwrap_or_else(|_| {
                panic!("broken promise: replay with {variable}={seed} cargo test --test behaviour")
            }));
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

/// Crashes are part of the play; everything else that panics is shown.
pub fn silence_crashes() {
    let show = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !info.payload().is::<Crash>() {
            show(info);
        }
    }));
}
