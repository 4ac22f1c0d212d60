//! What the simulator remembers: the messages that reached `WhatsApp`, the requests, the sessions.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard};

use serde_json::{Value, json};

use super::{Checked, Received, Request};
use crate::clock::{Timestamp, lock};

const RECEIVED_MAX: usize = 500_000;
const REQUESTS_MAX: usize = 100_000;

/// Shared by all connections; every method locks for as long as it runs.
pub(super) struct Journal {
    status_default: String,
    id_seed: RandomState,
    kept: Mutex<Kept>,
}

#[derive(Default)]
pub(super) struct Kept {
    pub(super) received: Vec<Received>,
    pub(super) requests: VecDeque<Request>,
    pub(super) checks: Vec<Checked>,
    sessions: BTreeMap<String, Session>,
    /// Hidden numbers (`<digits>@lid`) and the phone numbers' digits.
    pub(super) lids: BTreeMap<String, String>,
    /// How far WAHA's clock is ahead of ours; negative when it is behind.
    pub(super) ahead_secs: i64,
    ids_made: u32,
    pub(super) tells_date: TellsDate,
}

/// What a test gave to a session.
#[derive(Clone, Default)]
pub(super) struct Session {
    pub(super) status: Option<String>,
    /// Fields beside those of `me`.
    pub(super) me: Option<Value>,
    pub(super) config: Option<Value>,
    /// While it is STARTING because it was asked to: what it is once somebody has seen that.
    pub(super) then: Option<&'static str>,
    /// The status and the body that every look-up is answered with.
    pub(super) look_ups: Option<(u16, String)>,
}

#[derive(Clone, Copy, Default)]
pub(super) enum TellsDate {
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

    pub(super) fn give(&self, session: &str, change: impl FnOnce(&mut Session)) {
        change(self.kept().sessions.entry(session.to_owned()).or_default());
    }

    pub(super) fn session(&self, session: &str) -> Session {
        self.kept().sessions.get(session).cloned().unwrap_or_default()
    }

    /// The status of a session; `None` when there is no such session. Every name is a session,
    /// except those that begin with `nosuch`.
    pub(super) fn status(&self, session: &str) -> Option<String> {
        let default = || (!session.starts_with("nosuch")).then(|| self.status_default.clone());
        self.session(session).status.or_else(default)
    }

    pub(super) fn start(&self, session: &str, then: &'static str) {
        self.give(session, |given| {
            given.status = Some("STARTING".to_owned());
            given.then = Some(then);
        });
    }

    /// Somebody has seen how a session stands: one that starts has started by the next look.
    pub(super) fn note_seen(&self, session: &str) {
        self.give(session, |given| {
            if let Some(then) = given.then.take() {
                given.status = Some(then.to_owned());
            }
        });
    }

    pub(super) fn scan(&self, session: &str, digits: &str) {
        self.give(session, |given| {
            given.status = Some("WORKING".to_owned());
            given.me = Some(json!({ "id": format!("{digits}@c.us") }));
        });
    }

    pub(super) fn date(&self, at: Timestamp) -> Option<Timestamp> {
        match self.kept().tells_date {
            TellsDate::OfTheClock => Some(at),
            TellsDate::Fixed(date) => Some(date),
            TellsDate::Never => None,
        }
    }

    /// `default` and the sessions that were given a status, in order of their names.
    pub(super) fn session_names(&self) -> Vec<String> {
        let kept = self.kept();
        let given = kept.sessions.iter().filter(|(_, session)| session.status.is_some());
        let mut names: Vec<String> = given.map(|(name, _)| name.clone()).collect();
        if !names.iter().any(|name| name == "default") {
            names.push("default".to_owned());
            names.sort_unstable();
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

    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        lock(&self.kept)
    }
}
