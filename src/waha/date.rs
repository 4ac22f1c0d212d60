//! WAHA's clock, as the header `Date` of its answers tells it.
//!
//! Each answer is noted with the monotonic time at which it came, so that WAHA's time is known later
//! too, whatever our own wall clock was set to meanwhile.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::clock::{Clock, Now, Timestamp, lock};
use crate::http_client::Reply;

/// Two clocks that are further apart are not both right.
pub const CLOCKS_AGREE_WITHIN: Duration = Duration::from_hours(1);

/// What WAHA's answers so far tell of its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WahaTime {
    /// It has not answered yet.
    Unheard,
    /// It answered, without a `Date` that can be read.
    Untold,
    /// Its clock says this now.
    Told(Timestamp),
}

impl WahaTime {
    /// Whether WAHA's clock tells another time than `wall`, beyond what clocks differ.
    pub(crate) fn is_not(self, wall: Timestamp) -> bool {
        match self {
            Self::Told(theirs) => theirs.since(wall).max(wall.since(theirs)) > CLOCKS_AGREE_WITHIN,
            Self::Unheard | Self::Untold => false,
        }
    }

    /// How many milliseconds WAHA's clock is ahead of `wall`, less than zero when it is behind.
    pub fn ahead_of(self, wall: Timestamp) -> Option<i64> {
        match self {
            Self::Told(theirs) => Some(theirs.millis().saturating_sub(wall.millis())),
            Self::Unheard | Self::Untold => None,
        }
    }
}

/// The latest answer's time, shared by all clones of one client.
#[derive(Clone, Default)]
pub(super) struct Dates {
    /// Without one nothing is noted.
    clock: Option<Arc<dyn Clock>>,
    latest: Arc<Mutex<Option<Latest>>>,
}

#[derive(Clone, Copy)]
struct Latest {
    date: Option<Timestamp>,
    /// When it came, on the monotonic clock.
    came_at: Duration,
}

impl Dates {
    pub(super) fn by(clock: Arc<dyn Clock>) -> Self {
        Self { clock: Some(clock), latest: Arc::default() }
    }

    pub(super) fn note(&self, reply: &Reply) {
        let Some(clock) = &self.clock else { return };
        let date = reply.date.as_deref().and_then(Timestamp::parse_http);
        *self.latest() = Some(Latest { date, came_at: clock.now().monotonic });
    }

    pub(super) fn time(&self, now: Now) -> WahaTime {
        match *self.latest() {
            None => WahaTime::Unheard,
            Some(Latest { date: None, .. }) => WahaTime::Untold,
            Some(Latest { date: Some(date), came_at }) => {
                WahaTime::Told(date.plus(now.monotonic.saturating_sub(came_at)))
            }
        }
    }

    fn latest(&self) -> MutexGuard<'_, Option<Latest>> {
        lock(&self.latest)
    }
}
