//! Fail points: named places where a test stops the program for ever, to kill it there.
//!
//! Only in builds with debug assertions; in a release build nothing of it is left. FAIL_POINT names
//! the place, `claimed`, or its third visit, `claimed:3`. The thread that comes there writes one line
//! to stderr and never goes on; whatever it holds, it holds until the process is killed.
//!
//! A test that runs the program's parts in its own thread crashes it by [`crash_at`] instead: a panic
//! that takes everything in memory along and leaves the disk as it is.

#[cfg(debug_assertions)]
thread_local! {
    static PLACES_LEFT: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// The payload of the panic that [`crash_at`] asked for.
#[cfg(debug_assertions)]
#[derive(Clone, Copy, Debug)]
pub struct Crash;

/// Makes this thread panic with [`Crash`] at the `places`-th place from now; 0 for never.
#[cfg(debug_assertions)]
pub fn crash_at(places: u64) {
    PLACES_LEFT.set(places);
}

/// Marks a place.
#[cfg(debug_assertions)]
pub(crate) fn reach(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static WANTED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static VISITS: AtomicU64 = AtomicU64::new(0);

    let left = PLACES_LEFT.get();
    PLACES_LEFT.set(left.saturating_sub(1));
    if left == 1 {
        std::panic::panic_any(Crash);
    }

    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("FAIL_POINT").ok()?;
        let (name, visit) = text.split_once(':').unwrap_or((&text, "1"));
        Some((name.to_owned(), visit.parse().unwrap_or(1)))
    });
    let Some((wanted, visit)) = wanted else { return };
    if wanted == name && VISITS.fetch_add(1, Ordering::SeqCst) + 1 == *visit {
        eprintln!("fail point: {name}");
        loop {
            std::thread::park();
        }
    }
}

/// Marks a place; nothing in a release build.
#[cfg(not(debug_assertions))]
pub(crate) fn reach(_name: &str) {}
