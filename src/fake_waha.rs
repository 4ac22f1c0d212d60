//! A WAHA simulator on loopback HTTP: for `fake-waha`, for `demo`, and for the tests, as their WAHA.
//!
//! It keeps a journal of what `WhatsApp` really got ([`FakeWaha::received`]), faults included, so
//! that a test can prove that nothing was sent twice and that nothing was lost. It answers in the
//! shapes of WAHA 2026.7.1 on each engine, and it is as careless as WAHA is: it validates nothing
//! in `sendText` and sends the same id as often as it is asked to. Numbers with certain last digits
//! fail on purpose: [`fault_table`].
//!
//! It must never sleep on the [`Clock`], which may be simulated: it only takes timestamps from it.
//! It speaks no `WhatsApp`, calls no webhook and keeps nothing when it stops.
//!
//! Its HTTP is its own (`http`, which reads requests as the front does) because its faults are those of the
//! wire. `tiny_http` cannot close a kept-alive connection without an answer, since its reading
//! thread keeps the writing half open, and it cannot tell that a client has given up.

mod faults;
mod http;
mod journal;
mod replies;
mod routes;
mod sends;
#[cfg(test)]
mod tests;

use std::net::{SocketAddr, TcpListener};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

use crate::clock::{Clock, Timestamp};
use crate::http::reachable;
use crate::text_enum::text_enum;

pub(crate) use faults::fault_table;

use http::Server;
use journal::{Journal, TellsDate};
use routes::Site;

text_enum! {
    /// What runs under WAHA and gives its replies their shape; the name is as WAHA writes it.
    pub enum Engine {
        Gows = "GOWS",
        Noweb = "NOWEB",
        Webjs = "WEBJS",
        Wpp = "WPP",
    }
}

impl Engine {
    /// Whether `sendText` uses the `id` that it is given, and `new-message-id` exists.
    /// The others ignore a given id without a word.
    pub(crate) fn honours_id(self) -> bool {
        match self {
            Self::Gows | Self::Noweb => true,
            Self::Webjs | Self::Wpp => false,
        }
    }
}

/// Reads the name in any case.
impl FromStr for Engine {
    type Err = FakeWahaError;

    fn from_str(text: &str) -> Result<Self, FakeWahaError> {
        let unknown = || FakeWahaError::UnknownEngine { text: text.to_owned() };
        Self::from_word(&text.trim().to_ascii_uppercase()).ok_or_else(unknown)
    }
}

#[derive(Clone, Debug)]
pub struct Options {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: String,
    /// Whose shapes the replies have.
    pub engine: Engine,
    /// When given, every route but `/ping` wants it in `X-Api-Key`.
    pub api_key: Option<String>,
    /// How long each answer under `/api` takes, in real time. A message reaches `WhatsApp` before it.
    pub latency: Duration,
    /// The status of every session that [`FakeWaha::set_status`] did not name.
    pub status: String,
    /// Whether it is WAHA Plus: CORE refuses files.
    pub is_plus: bool,
    /// A longer request is refused with 413, as by a proxy; WAHA's own limit is 50 MB.
    pub body_bytes_max: usize,
}

/// A free port on loopback, GOWS, Plus, no key, no latency, every session WORKING.
impl Default for Options {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".to_owned(),
            engine: Engine::Gows,
            api_key: None,
            latency: Duration::ZERO,
            status: "WORKING".to_owned(),
            is_plus: true,
            body_bytes_max: http::BODY_BYTES_MAX,
        }
    }
}

/// One message that reached `WhatsApp`.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// The bare message id.
    pub id: String,
    pub session: String,
    /// As `WhatsApp` names the chat: a bare number has got its `@c.us`.
    pub chat_id: String,
    /// The text, caption, title, question, or the name and number of a card.
    pub text: String,
    /// The last part of the route, such as `sendPoll`.
    pub route: String,
    pub file: Option<ReceivedFile>,
    /// The whole request, unknown fields included, but for the data of a file.
    pub body: Value,
    pub at: Timestamp,
    /// False: it was sent, but no answer of any kind reached the client. Expected from the fault
    /// table at first, and corrected when the client turns out to have gone.
    pub(crate) answered: bool,
    /// Whether look-ups tell its words.
    has_body: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedFile {
    pub mimetype: String,
    pub filename: Option<String>,
    /// Where WAHA would fetch it; the simulator fetches nothing.
    pub url: Option<String>,
    /// Of the bytes that came with the request.
    pub sha256: Option<String>,
    /// How many those were.
    pub bytes: usize,
}

/// One HTTP request that was understood, whatever its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// Path and query, as they were sent.
    pub path: String,
    pub(crate) at: Timestamp,
    /// The `chatId` of a message, as it was sent.
    pub(crate) chat_id: Option<String>,
}

/// A number whose being on `WhatsApp` was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    pub session: String,
    pub digits: String,
    pub at: Timestamp,
}

#[derive(Debug, Error)]
pub enum FakeWahaError {
    #[error("failed to listen on `{listen}`")]
    Listen {
        listen: String,
        #[source]
        source: std::io::Error,
    },
    #[error("failed to start a thread for the simulator")]
    Thread(#[source] std::io::Error),
    #[error("unknown engine `{text}`: choose gows, noweb, webjs or wpp")]
    UnknownEngine { text: String },
}

/// A running simulator. It stops, and frees its port, when it is dropped.
pub struct FakeWaha {
    address: SocketAddr,
    journal: Arc<Journal>,
    server: Server,
}

impl FakeWaha {
    /// Binds and serves on threads of its own. `on_received` is called on them for each message that
    /// reaches `WhatsApp`, before its answer, and should be quick.
    pub fn start(
        options: Options,
        clock: Arc<dyn Clock>,
        on_received: impl Fn(&Received) + Send + Sync + 'static,
    ) -> Result<Self, FakeWahaError> {
        let listen = options.listen.clone();
        let refused = |source| FakeWahaError::Listen { listen: listen.clone(), source };
        let listener = TcpListener::bind(&listen).map_err(refused)?;
        let address = reachable(listener.local_addr().map_err(refused)?);
        let journal = Arc::new(Journal::new(&options.status));
        let site = Site {
            options,
            clock,
            journal: Arc::clone(&journal),
            on_received: Box::new(on_received),
        };
        let server = Server::start(listener, address, site).map_err(FakeWahaError::Thread)?;
        Ok(Self { address, journal, server })
    }

    /// `http://127.0.0.1:PORT`: what to give as `WAHA_BASE_URL`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The messages that reached `WhatsApp`, in order. None is ever dropped: when 500,000 are
    /// reached, `sendText` sends no more and answers 503.
    pub fn received(&self) -> Vec<Received> {
        self.journal.kept().received.clone()
    }

    /// The last 100,000 HTTP requests, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.journal.kept().requests.iter().cloned().collect()
    }

    /// The numbers that a session which works was asked about, from the `index`-th on.
    pub fn checks_from(&self, index: usize) -> Vec<Checked> {
        self.journal.kept().checks.iter().skip(index).cloned().collect()
    }

    /// Gives one session a status of its own, such as `SCAN_QR_CODE`, and lets a `nosuch…` session exist.
    pub fn set_status(&self, session: &str, status: &str) {
        self.journal.give(session, |given| given.status = Some(status.to_owned()));
    }

    /// Adds the fields of the object `extra` to `me` of one session, such as `reachoutTimelock` and
    /// `messageCapping`; a second call replaces what the first one gave.
    pub fn set_me(&self, session: &str, extra: Value) {
        self.journal.give(session, |given| given.me = Some(extra));
    }

    /// A phone with this number (E.164 digits) scans the session's code.
    pub fn scan(&self, session: &str, digits: &str) {
        self.journal.scan(session, digits);
    }

    /// Lets every session know that a hidden number (`<digits>@lid`) is this phone number (E.164 digits).
    pub fn set_lid(&self, lid: &str, digits: &str) {
        self.journal.kept().lids.insert(lid.to_owned(), digits.to_owned());
    }

    /// Sets WAHA's clock so far ahead of ours (or behind), in `Date` and in the times of messages.
    pub fn set_clock_ahead(&self, secs: i64) {
        self.journal.kept().ahead_secs = secs;
    }

    /// Answers every look-up of a session with this status and body; `None` ends that.
    pub fn set_look_ups(&self, session: &str, answer: Option<(u16, &str)>) {
        let answer = answer.map(|(status, body)| (status, body.to_owned()));
        self.journal.give(session, |given| given.look_ups = answer);
    }

    /// Gives a session this `config`: webhooks, the store of its engine.
    pub fn set_config(&self, session: &str, config: Value) {
        self.journal.give(session, |given| given.config = Some(config));
    }

    /// What a session is configured to do, by [`Self::set_config`] or a client; `Null` for nothing.
    pub fn config(&self, session: &str) -> Value {
        self.journal.session(session).config.unwrap_or_default()
    }

    /// Lets the header `Date` of every answer say `date`; `None` for none, as from a proxy.
    pub fn set_date(&self, date: Option<Timestamp>) {
        self.journal.kept().tells_date = date.map_or(TellsDate::Never, TellsDate::Fixed);
    }

    /// Lets `Date` say again what the simulator's clock says.
    pub fn set_date_by_clock(&self) {
        self.journal.kept().tells_date = TellsDate::OfTheClock;
    }

    /// Stops at once: waiting requests get no answer, every connection is closed, the port is free.
    pub(crate) fn stop(self) {
        drop(self);
    }
}

impl Drop for FakeWaha {
    fn drop(&mut self) {
        self.server.stop();
    }
}
