//! The simulation: the planner, the senders, the look-ups and the store in one thread, on a simulated
//! clock, against a simulated WAHA, with a program that can crash at any commit.
//!
//! A seed decides faults, crashes, clock jumps, overlapping triggers and edits by people with
//! `sqlite3`. After every step the promises are checked against what WhatsApp really got; at the end
//! everything heals, and nothing may be left over.
//!
//! `SIM_SEED=17 cargo test simulation` replays a seed; `SIM_SEEDS=10000` runs so many.

mod calendar;
mod promises;
mod story;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use auto_message_scheduler::fail_point::Crash;
use story::{Story, Totals};

const SEEDS_IN_CI: u64 = 500;

fn number(variable: &str) -> Option<u64> {
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
    let next = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(2, usize::from);
    let totals = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut totals = Totals::default();
                    loop {
                        let seed = next.fetch_add(1, Ordering::SeqCst);
                        if seed >= seeds {
                            return totals;
                        }
                        let told =
                            catch_unwind(AssertUnwindSafe(|| Story::new(seed, false).tell()));
                        totals.add(&told.unwrap_or_else(|_| {
                            panic!(
                                "broken promise: replay with SIM_SEED={seed} cargo test simulation"
                            )
                        }));
                    }
                })
            })
            .collect();
        workers.into_iter().fold(Totals::default(), |mut all, worker| {
            all.add(&worker.join().unwrap());
            all
        })
    });
    println!("seeds: {seeds}, {totals:?}, lost: 0, duplicated: 0");
    assert!(totals.crashes > 0 && totals.sent > 0 && totals.unknown > 0, "a tame simulation");
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
