//! Waiting for another program that holds the database: as long as [`BUSY_TIMEOUT`], and hardly at all
//! once this program has been told to end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::clock;

/// How long a statement waits for another process that holds the database.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The same once the program shall end. Several statements may follow before it does.
const ENDING_TIMEOUT: Duration = Duration::from_millis(150);
/// Before each try, as SQLite itself has it; the last one is for all that follow.
const DELAYS_MILLIS: [u64; 12] = [1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100];

/// Whether this process was told to end.
static IS_ENDING: AtomicBool = AtomicBool::new(false);

/// This process shall end: no statement of it waits for long from now on, also the one that waits now.
pub(crate) fn wait_no_longer() {
    IS_ENDING.store(true, Ordering::SeqCst);
}

/// SQLite's question after `tries` tries: whether to try again.
pub(super) fn wait(tries: i32) -> bool {
    let tries = usize::try_from(tries).unwrap_or(0);
    let last = DELAYS_MILLIS.len() - 1;
    let waited: u64 = DELAYS_MILLIS.iter().take(tries).sum::<u64>()
        + DELAYS_MILLIS[last] * u64::try_from(tries.saturating_sub(last + 1)).unwrap_or(0);
    let max = if IS_ENDING.load(Ordering::SeqCst) { ENDING_TIMEOUT } else { BUSY_TIMEOUT };
    if Duration::from_millis(waited) >= max {
        return false;
    }
    clock::nap(Duration::from_millis(DELAYS_MILLIS[tries.min(last)]));
    true
}
