//! What the simulator remembers: the messages that reached `WhatsApp`, the requests, the sessions.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::{Received, Request};
use crate::clock::Timestamp;

const RECEIVED_MAX: usize = 500_000;
const REQUESTS_MAX: usize = 100_000;

/// Shared by all connections; every method locks for as long as it runs.
pub(super) struct Journal {
    status_default: String,
    id_seed: RandomState,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    received: Vec<Received>,
    requests: VecDeque<Request>,
    statuses: BTreeMap<String, String>,
    me_extras: BTreeMap<String, Value>,
    configs: BTreeMap<String, Value>,
    /// Hidden numbers (`<digits>@lid`) and the phone numbers' digits.
    lids: BTreeMap<String, String>,
    /// By session: the status and the body that every look-up is answered with.
    look_ups: BTreeMap<String, (u16, String)>,
    /// How far WAHA's clock is ahead of ours; negative when it is behind.
    ahead_secs: i64,
    ids_made: u32,
    tells_date: TellsDate,
}

/// What the header `Date` says.
#[derive(Clone, Copy, Default)]
enum TellsDate {
    #[default]
    OfTheClock,
    Fixed(Timestamp),
    Never,
}

impl Journal {
    pub(super) fn new(status_default: &str) -> Self {
        Self {
            status_default: status_default.to_owned(),
            id_seed: RandomState::new(),
            kept: Mutex::default(),
        }
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.kept().received.clone()
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.kept().requests.iter().cloned().collect()
    }

    pub(super) fn set_status(&self, session: &str, status: &str) {
        self.kept().statuses.insert(session.to_owned(), status.to_owned());
    }

    pub(super) fn set_me(&self, session: &str, extra: Value) {
        self.kept().me_extras.insert(session.to_owned(), extra);
    }

    /// The status of a session; `None` when there is no such session. Every name is a session,
    /// except those that begin with `nosuch`.
    pub(super) fn status(&self, session: &str) -> Option<String> {
        if let Some(status) = self.kept().statuses.get(session) {
            return Some(status.clone());
        }
        (!session.starts_with("nosuch")).then(|| self.status_default.clone())
    }

    pub(super) fn set_lid(&self, lid: &str, digits: &str) {
        self.kept().lids.insert(lid.to_owned(), digits.to_owned());
    }

    /// The phone number's digits.
    pub(super) fn digits_of(&self, lid: &str) -> Option<String> {
        self.kept().lids.get(lid).cloned()
    }

    /// The hidden number.
    pub(super) fn lid_of(&self, digits: &str) -> Option<String> {
        let kept = self.kept();
        kept.lids.iter().find(|(_, known)| *known == digits).map(|(lid, _)| lid.clone())
    }

    pub(super) fn set_config(&self, session: &str, config: Value) {
        self.kept().configs.insert(session.to_owned(), config);
    }

    /// What `Date` says from now on; `None` for no `Date`.
    pub(super) fn set_date(&self, date: Option<Timestamp>) {
        self.kept().tells_date = date.map_or(TellsDate::Never, TellsDate::Fixed);
    }

    /// `Date` says again what the simulator's clock says.
    pub(super) fn set_date_by_clock(&self) {
        self.kept().tells_date = TellsDate::OfTheClock;
    }

    /// What an answer at `at` has as `Date`.
    pub(super) fn date(&self, at: Timestamp) -> Option<Timestamp> {
        match self.kept().tells_date {
            TellsDate::OfTheClock => Some(at),
            TellsDate::Fixed(date) => Some(date),
            TellsDate::Never => None,
        }
    }

    pub(super) fn set_ahead_secs(&self, secs: i64) {
        self.kept().ahead_secs = secs;
    }

    /// How far WAHA's clock is ahead of ours.
    pub(super) fn ahead_secs(&self) -> i64 {
        self.kept().ahead_secs
    }

    pub(super) fn set_look_ups(&self, session: &str, answer: Option<(u16, String)>) {
        let looks = &mut self.kept().look_ups;
        match answer {
            Some(answer) => drop(looks.insert(session.to_owned(), answer)),
            None => drop(looks.remove(session)),
        }
    }

    /// What [`Self::set_look_ups`] gave to a session.
    pub(super) fn look_ups(&self, session: &str) -> Option<(u16, String)> {
        self.kept().look_ups.get(session).cloned()
    }

    /// What [`Self::set_config`] gave to a session.
    pub(super) fn config(&self, session: &str) -> Option<Value> {
        self.kept().configs.get(session).cloned()
    }

    /// What [`Self::set_me`] gave to a session.
    pub(super) fn me_extra(&self, session: &str) -> Option<Value> {
        self.kept().me_extras.get(session).cloned()
    }

    /// `default` and the sessions that were given a status, in order of their names.
    pub(super) fn session_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.kept().statuses.keys().cloned().collect();
        if !names.iter().any(|name| name == "default") {
            names.push("default".to_owned());
            names.sort();
        }
        names
    }

    /// A new message id: `3EB0`, then upper-case hex digits. The counter in it makes it unique in
    /// this run, the random part also across runs.
    pub(super) fn new_id(&self) -> String {
        let number = {
            let mut kept = self.kept();
            kept.ids_made = kept.ids_made.wrapping_add(1);
            kept.ids_made
        };
        format!("3EB0{:016X}{number:08X}", self.id_seed.hash_one(number))
    }

    /// Notes a request; the oldest one is forgotten when there are too many.
    pub(super) fn note_request(&self, request: Request) {
        let mut kept = self.kept();
        if kept.requests.len() == REQUESTS_MAX {
            kept.requests.pop_front();
        }
        kept.requests.push_back(request);
    }

    /// Notes a message that reached `WhatsApp` and says where; `None` when the journal is full, and
    /// then it must not count as sent: a journal that forgets would prove nothing.
    pub(super) fn receive(&self, received: Received) -> Option<usize> {
        let mut kept = self.kept();
        if kept.received.len() == RECEIVED_MAX {
            return None;
        }
        kept.received.push(received);
        Some(kept.received.len() - 1)
    }

    /// Corrects `answered`: the client of the message at `place` never saw an answer.
    pub(super) fn not_answered(&self, place: usize) {
        if let Some(received) = self.kept().received.get_mut(place) {
            received.answered = false;
        }
    }

    /// The messages of one chat that `wanted` accepts, oldest first.
    pub(super) fn in_chat(
        &self,
        session: &str,
        chat_id: &str,
        wanted: impl Fn(&Received) -> bool,
    ) -> Vec<Received> {
        self.kept()
            .received
            .iter()
            .filter(|message| message.session == session && message.chat_id == chat_id)
            .filter(|message| wanted(message))
            .cloned()
            .collect()
    }

    /// A panic elsewhere leaves nothing half-written here, so a poisoned lock is still good.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
