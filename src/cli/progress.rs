//! A bar on a terminal that shows how far something is; nothing when stderr is no terminal.
//!
//! Ours, because the library for it brought its own mathematics: three hundred kilobytes of memory
//! for a server that never draws a bar.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How wide the bar is, without the words beside it.
const WIDTH: u64 = 40;

/// A bar, moved perhaps from several places.
#[derive(Debug)]
pub(super) struct Progress {
    is_shown: bool,
    position: AtomicU64,
    length: AtomicU64,
    is_drawn: AtomicBool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            is_shown: io::stderr().is_terminal(),
            position: AtomicU64::new(0),
            length: AtomicU64::new(0),
            is_drawn: AtomicBool::new(false),
        }
    }

    /// How much there is in all; while nobody knows, there are only words.
    pub(super) fn set_length(&self, length: u64) {
        self.length.store(length, Ordering::Relaxed);
    }

    pub(super) fn set_position(&self, position: u64) {
        self.position.store(position, Ordering::Relaxed);
    }

    pub(super) fn advance(&self, more: u64) {
        self.position.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn draw(&self, words: &str) {
        if self.is_shown {
            self.is_drawn.store(true, Ordering::Relaxed);
            // A terminal that is gone is no reason to stop.
            drop(write!(io::stderr(), "\r  {}{words} ", self.bar()));
        }
    }

    /// Takes the bar away, so that something else can be written; the next [`Self::draw`] brings it
    /// back.
    pub(super) fn clear(&self) {
        if self.is_drawn.swap(false, Ordering::Relaxed) {
            drop(write!(io::stderr(), "\r\x1b[2K"));
        }
    }

    /// Leaves the bar where it is; what follows is on a line of its own.
    pub(super) fn finish(&self) {
        if self.is_drawn.swap(false, Ordering::Relaxed) {
            drop(writeln!(io::stderr()));
        }
    }

    fn bar(&self) -> String {
        let length = self.length.load(Ordering::Relaxed);
        if length == 0 {
            return String::new();
        }
        let full = self.position.load(Ordering::Relaxed).min(length).saturating_mul(WIDTH) / length;
        let steps = (0..WIDTH).map(|at| if at < full { '█' } else { '░' });
        steps.chain([' ']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_full_as_the_work_is_done_and_never_fuller() {
        let progress = Progress::new();
        let full = || progress.bar().chars().filter(|c| *c == '█').count();
        assert_eq!(progress.bar(), "", "nobody knows how much there is");
        progress.set_length(200);
        assert_eq!(full(), 0);
        progress.set_position(50);
        assert_eq!(full(), 10);
        progress.advance(1_000);
        assert_eq!(full(), 40);
    }
}
