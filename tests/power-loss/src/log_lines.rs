//! The program's log lines, for the test that runs in the same thread.

use std::cell::RefCell;
use std::sync::Once;

use log::{LevelFilter, Log, Metadata, Record};

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Kept;

impl Log for Kept {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        LINES.with_borrow_mut(|lines| lines.push(format!("{} {}", record.level(), record.args())));
    }

    fn flush(&self) {}
}

/// Begins to keep the lines.
pub fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if log::set_logger(&Kept).is_ok() {
            log::set_max_level(LevelFilter::Info);
        }
    });
    LINES.with_borrow_mut(Vec::clear);
}

/// The lines of this thread since [`keep`].
#[must_use]
pub fn kept() -> Vec<String> {
    LINES.with_borrow(Clone::clone)
}
