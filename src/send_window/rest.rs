//! After so many sends a channel rests. Pure.

use std::time::Duration;

/// REST_AFTER and REST_MINUTES.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// How many sends come before a rest, 1 or more.
    pub after: u32,
    pub least: Duration,
    pub most: Duration,
}

impl Rest {
    /// How many sends a channel has had since it rested, with one more after `counted`, and whether it
    /// rests after that one; the number is 0 then.
    pub(crate) fn after(self, counted: u32) -> (u32, bool) {
        let count = counted.saturating_add(1);
        if count >= self.after { (0, true) } else { (count, false) }
    }

    /// One rest; `chance` in 0..=1 says where between the least and the most.
    pub(crate) fn length(self, chance: f64) -> Duration {
        self.least + self.most.saturating_sub(self.least).mul_f64(chance.clamp(0.0, 1.0))
    }

    /// Reads `5-10`, or `5`, in minutes.
    pub(crate) fn minutes(text: &str) -> Option<(Duration, Duration)> {
        let (least, most) = text.split_once(['-', '–']).unwrap_or((text, text));
        let minutes = |text: &str| text.trim().parse().ok().filter(|minutes| *minutes <= 24 * 60);
        let (least, most) = (minutes(least)?, minutes(most)?);
        (least <= most && most > 0).then(|| (Duration::from_mins(least), Duration::from_mins(most)))
    }
}
