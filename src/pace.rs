//! The pace: the least gap between two sends on a channel.

use std::time::Duration;

/// The least gap between two sends on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub delay: Duration,
    /// SEND_JITTER_SECONDS: up to this much more, at random.
    pub jitter: Duration,
}

impl Gap {
    /// The longest that the gap can be.
    pub(crate) fn longest(self) -> Duration {
        self.delay + self.jitter
    }

    /// One gap; `chance` in 0..=1 says how much of the jitter it has.
    pub(crate) fn with_jitter(self, chance: f64) -> Duration {
        self.delay + self.jitter.mul_f64(chance.clamp(0.0, 1.0))
    }
}
