//! What was lately learnt about sessions, so that WAHA is not asked the same before each send.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::Now;

/// How long a session that was WORKING is believed to be.
///
/// Shorter than the least gap of a real number: each of its sends follows a look, so that nothing goes
/// out from another phone that scanned the code meanwhile.
const WORKING_FOR: Duration = Duration::from_secs(15);
/// How long a WAHA that offers no message ids is not asked again.
const NO_IDS_FOR: Duration = Duration::from_hours(1);

#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// By session: the monotonic time at which it was WORKING.
    working: HashMap<String, Duration>,
    /// By session: the monotonic time at which it had no ids to offer.
    no_ids: HashMap<String, Duration>,
}

impl Sessions {
    pub(super) fn is_working(&self, session: &str, now: Now) -> bool {
        is_fresh(self.working.get(session), now, WORKING_FOR)
    }

    pub(super) fn note_working(&mut self, session: &str, now: Now) {
        self.working.insert(session.to_owned(), now.monotonic);
    }

    /// Every session has to be asked for again.
    pub(super) fn forget_all(&mut self) {
        self.working.clear();
    }

    pub(super) fn may_offer_ids(&self, session: &str, now: Now) -> bool {
        !is_fresh(self.no_ids.get(session), now, NO_IDS_FOR)
    }

    pub(super) fn note_no_ids(&mut self, session: &str, now: Now) {
        self.no_ids.insert(session.to_owned(), now.monotonic);
    }
}

fn is_fresh(noted: Option<&Duration>, now: Now, lasts: Duration) -> bool {
    noted.is_some_and(|at| now.monotonic.saturating_sub(*at) < lasts)
}
