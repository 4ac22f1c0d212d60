//! Fail points: named places where a test stops the program for ever, to kill it there.
//!
//! Only in builds with debug assertions; in a release build nothing of it is left. FAIL_POINT names
//! the place, `claimed`, or its third visit, `claimed:3`. The thread that comes there writes one line
//! to stderr and never goes on; whatever it holds, it holds until the process is killed.

/// Marks a place.
#[cfg(debug_assertions)]
pub(crate) fn reach(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static WANTED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static VISITS: AtomicU64 = AtomicU64::new(0);

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
