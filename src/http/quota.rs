//! So many in a minute, and no more: for log lines that strangers can cause, and for wrong secrets.

use std::sync::Mutex;
use std::time::Duration;

use crate::clock::lock;

/// Log lines of one kind that strangers can cause.
pub const LINES_PER_MINUTE: u32 = 10;
const WINDOW: Duration = Duration::from_mins(1);

/// Counts what happens in a minute, whoever caused it.
#[derive(Debug)]
pub struct Quota {
    max: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    began: Option<Duration>,
    taken: u32,
    refused: u64,
}

impl Quota {
    pub(crate) fn per_minute(max: u32) -> Self {
        Self { max, state: Mutex::default() }
    }

    /// Takes one at `now`, on the monotonic clock. Gives how many were refused in the minute before,
    /// once; or, when there were too many, how long until the next minute begins.
    pub(crate) fn take(&self, now: Duration) -> Result<u64, Duration> {
        let mut state = lock(&self.state);
        let began = *state.began.get_or_insert(now);
        let passed = now.saturating_sub(began);
        let mut refused = 0;
        if passed >= WINDOW {
            refused = state.refused;
            *state = State { began: Some(now), ..State::default() };
        }
        if state.taken < self.max {
            state.taken += 1;
            return Ok(refused);
        }
        state.refused += 1;
        Err(WINDOW.saturating_sub(passed))
    }

    /// Writes a log line, unless there were too many of them in this minute.
    pub(crate) fn log(&self, now: Duration, write: impl FnOnce()) {
        if let Ok(left_out) = self.take(now) {
            if left_out > 0 {
                log::warn!("http: lines left out in the minute before: {left_out}");
            }
            write();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_its_number_and_the_next_one_tells_what_was_refused() {
        let quota = Quota::per_minute(2);
        let at = Duration::from_secs;
        assert_eq!(quota.take(at(5)), Ok(0));
        assert_eq!(quota.take(at(6)), Ok(0));
        assert_eq!(quota.take(at(35)), Err(at(30)));
        assert_eq!(quota.take(at(64)), Err(at(1)));
        assert_eq!(quota.take(at(65)), Ok(2));
        assert_eq!(quota.take(at(66)), Ok(0));
    }
}
