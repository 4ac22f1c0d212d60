//! How long sends took, in this process: counted in buckets, as monitors want it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper ends of the buckets, in seconds.
const BUCKETS: [f64; 10] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];

/// How long sends took.
#[derive(Debug, Default)]
pub(crate) struct Latency(Mutex<Counted>);

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    sum: Duration,
}

impl Latency {
    /// Notes one send, from the request to the end of its answer, or to its time-out.
    pub(crate) fn note(&self, took: Duration) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = BUCKETS.iter().position(|end| took.as_secs_f64() <= *end);
        if let Some(index) = fits {
            counted.buckets[index] += 1;
        }
        counted.count += 1;
        counted.sum += took;
    }

    /// Upper ends in seconds, each with how many sends took at most so long; then all of them, and
    /// how many seconds they took together.
    pub(crate) fn read(&self) -> (Vec<(f64, u64)>, u64, f64) {
        let counted = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut so_far = 0;
        let cumulate = |(end, number): (f64, u64)| {
            so_far += number;
            (end, so_far)
        };
        let buckets = BUCKETS.into_iter().zip(counted.buckets).map(cumulate).collect();
        (buckets, counted.count, counted.sum.as_secs_f64())
    }
}
