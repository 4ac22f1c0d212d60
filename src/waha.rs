//! WAHA (WhatsApp HTTP API): the only speaker of it. Requests go out, [`Outcome`]s come back.
//!
//! Facts are from WAHA 2026.7.1's OpenAPI and source, and from replies recorded from 2024.10.8.
//! Must never log or return what WAHA echoes: an engine failure repeats the whole request, text and
//! all, and a session object carries its webhook keys.

mod date;
mod reply;
mod report;
mod send;
mod upload;

use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::clock::{Clock, Now, Timestamp};
use crate::config::{Config, Secret};
use crate::delivery::{CapWarning, Hold, HoldKind};
use crate::http_client::{HttpClient, NoReply, Reply, Transport, TransportError};
use crate::reason::{Explanation, Reason};

pub use date::{CLOCKS_AGREE_WITHIN, WahaTime};
pub(crate) use report::{
    KnownSession, NoServer, ServerReport, SessionReport, WEBHOOK_PATH, WantedWebhook, hook_lines,
};
pub use send::Outgoing;

use date::Dates;

#[derive(Clone)]
pub struct Waha {
    client: HttpClient,
    base_url: String,
    api_key: Option<String>,
    dates: Dates,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// It may, from this number, where WAHA says it. WhatsApp may have warned of the number.
    Working {
        number: Option<String>,
        warning: Option<CapWarning>,
    },
    Held(Hold),
}

/// What WAHA says of a session, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionLook {
    pub(crate) is_reachable: bool,
    /// `WORKING`, `SCAN_QR_CODE` and the like; `None` when WAHA does not say.
    pub(crate) status: Option<String>,
    pub trouble: Option<Reason>,
    pub(crate) number: Option<String>,
}

/// Whether somebody was shown that a message is being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Typing {
    Shown,
    /// This version, engine or chat has no such thing, or WAHA had other trouble with it.
    NotShown,
    /// The session may not send at all.
    Held(Hold),
}

/// Whether WAHA offers an id for the next message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdOffer {
    Reserved(String),
    /// This version or engine has none to offer.
    None,
    /// Not this time: WAHA had other trouble with the question.
    NotNow,
    Held(Hold),
}

/// A message of ours that WAHA knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) id: String,
    /// The text, when WAHA tells it.
    pub(crate) text: Option<String>,
    /// Whether it is a file, when WAHA tells it.
    pub(crate) has_media: Option<bool>,
    /// -1 error, 0 pending, 1 server, 2 device, 3 read, 4 played; `None` when WAHA does not say.
    pub(crate) ack: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    /// These are all that there are; perhaps none.
    Done(Vec<Sighting>),
    /// WAHA answered, and does not tell.
    Refused(Reason),
    /// WAHA could not be reached.
    Away(Reason),
}

/// What asking for the messages of a chat came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChatSearch {
    pub(crate) search: Search,
    /// What WAHA's clock said as it answered; `None` when the answer does not tell.
    pub(crate) clock: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Existence {
    There {
        /// The chat id that WhatsApp has for it: `<digits>@c.us` or `<digits>@lid`.
        chat_id: Option<String>,
    },
    NotThere,
    /// WAHA answered, and does not tell of this number.
    Untold(Reason),
    /// WAHA could not be asked, or is in no state to tell of any.
    Held(Hold),
}

/// The other name of somebody: a phone number's hidden one, or the other way round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OtherName {
    /// E.164 digits, or `<digits>@lid`.
    Known(String),
    /// WAHA does not know it; old versions know none.
    NotKnown,
    /// WAHA could not tell, and why.
    NotNow(String),
}

/// More messages of ours than a chat gets in a few minutes.
const SEARCH_LIMIT: usize = 100;

impl Waha {
    /// A server at `base_url` (http or https, with or without a path). `timeout` is for one whole
    /// send; WAHA's engines take up to 120 s.
    pub fn new(base_url: &str, api_key: Option<String>, timeout: Duration) -> Self {
        Self::with_client(base_url, api_key, HttpClient::new(timeout))
    }

    /// The WAHA of the settings, at `base_url`, which is theirs: with their key, CA and proxy.
    pub(crate) fn of(config: &Config, base_url: &str) -> Result<Self, TransportError> {
        let key = config.waha_api_key.as_ref().map(|key| key.reveal().to_owned());
        let transport = Transport {
            ca_file: config.waha_ca_file.as_deref(),
            proxy: config.waha_proxy.as_ref().map(Secret::reveal),
        };
        let client = HttpClient::with_transport(config.waha_timeout, &transport)?;
        Ok(Self::with_client(base_url, key, client))
    }

    /// The same, through a client with a transport of its own.
    pub fn with_client(base_url: &str, api_key: Option<String>, client: HttpClient) -> Self {
        let base_url = base_url.trim_end_matches('/').to_owned();
        Self { client, base_url, api_key, dates: Dates::default() }
    }

    /// The same, noting by `clock` what each answer tells of WAHA's own: see [`Self::time`].
    pub fn noting_dates_by(self, clock: Arc<dyn Clock>) -> Self {
        Self { dates: Dates::by(clock), ..self }
    }

    /// The same for somebody who waits at most `timeout` for each answer but that to a send.
    pub(crate) fn brief(self, timeout: Duration) -> Self {
        Self { client: self.client.brief(timeout), ..self }
    }

    /// What WAHA's clock says at `now`, by its latest answer to this client or a clone of it.
    pub fn time(&self, now: Now) -> WahaTime {
        self.dates.time(now)
    }

    /// Asks only to hear what time it is there: any answer tells, whatever its status.
    pub fn ask_the_time(&self) {
        drop(self.get("/ping"));
    }

    pub fn session(&self, name: &str) -> SessionState {
        self.get(&of_session(name, ""))
            .map_or_else(SessionState::Held, |reply| self.state(&reply, name))
    }

    /// What the reply says of the session, with the setting that is wrong when it shows that.
    fn state(&self, reply: &Reply, name: &str) -> SessionState {
        match reply::session_state(reply, name) {
            SessionState::Held(hold) => SessionState::Held(self.explained(hold, reply)),
            working @ SessionState::Working { .. } => working,
        }
    }

    /// Asks for a session's own word on itself.
    pub fn look_at_session(&self, name: &str) -> SessionLook {
        match self.get(&of_session(name, "")) {
            Ok(reply) => reply::session_look(&reply, self.state(&reply, name)),
            Err(hold) => SessionLook {
                is_reachable: false,
                status: None,
                trouble: Some(hold.reason),
                number: None,
            },
        }
    }

    /// The code that a phone scans to give the session its number, as a PNG; `None` when there is none now. It is
    /// a login: whoever has the picture can take the session.
    pub(crate) fn session_code(&self, session: &str) -> Option<Vec<u8>> {
        let url = self.url(&format!("/api/{}/auth/qr?format=image", encode(session)));
        let mut headers = self.headers();
        headers.push(("Accept", "image/png"));
        reply::session_code(&self.heard(self.client.get(&url, &headers)).ok()?)
    }

    /// Makes a session and starts it; the error says why not.
    pub(crate) fn make_session(&self, session: &str) -> Result<(), Reason> {
        self.change_session("/api/sessions", &json!({ "name": session, "start": true }), session)
    }

    pub(crate) fn start_session(&self, session: &str) -> Result<(), Reason> {
        self.change_session(&of_session(session, "/start"), &json!({}), session)
    }

    pub(crate) fn restart_session(&self, session: &str) -> Result<(), Reason> {
        self.change_session(&of_session(session, "/restart"), &json!({}), session)
    }

    fn change_session(&self, path: &str, body: &Value, session: &str) -> Result<(), Reason> {
        let body = body.to_string().into_bytes();
        let posted = self.client.post_small(&self.url(path), &self.headers(), body);
        match self.reached(posted).map_err(|hold| hold.reason)? {
            Reply { status: 200..300, .. } => Ok(()),
            reply => Err(self.explained(reply::session_refused(&reply, session), &reply).reason),
        }
    }

    /// Shows somebody that a message is being typed.
    pub(crate) fn start_typing(&self, session: &str, chat_id: &str) -> Typing {
        let shown = self.post_typing("/api/startTyping", session, chat_id);
        shown.map_or(Typing::NotShown, |reply| reply::typing(&reply, session))
    }

    /// Ends what [`Self::start_typing`] shows; WhatsApp ends it by itself soon enough.
    pub(crate) fn stop_typing(&self, session: &str, chat_id: &str) {
        drop(self.post_typing("/api/stopTyping", session, chat_id));
    }

    fn post_typing(&self, path: &str, session: &str, chat_id: &str) -> Result<Reply, NoReply> {
        let body = json!({ "session": session, "chatId": chat_id }).to_string();
        self.heard(self.client.post_small(&self.url(path), &self.headers(), body.into_bytes()))
    }

    /// Asks the server what it is.
    /// The error says why it does not tell, in words with a remedy.
    pub(crate) fn server(&self) -> Result<ServerReport, NoServer> {
        let unreached = |reason| NoServer::Unreached { reason };
        let reply = self.get("/api/server/version").map_err(|hold| unreached(hold.reason))?;
        report::server(&reply).map_err(|why| self.wrong_url(&reply).map_or(why, unreached))
    }

    /// The sessions that WAHA has, those too that do not run.
    /// The error says why it does not tell, in words with a remedy.
    pub(crate) fn sessions(&self) -> Result<Vec<KnownSession>, Explanation> {
        let reply = self.get("/api/sessions?all=true").map_err(|hold| hold.reason)?;
        report::sessions(&reply)
    }

    /// Lets a session send its events to us beside what else it is told to do, for which WAHA restarts it.
    pub(crate) fn set_webhook(
        &self,
        session: &str,
        wanted: &WantedWebhook<'_>,
    ) -> Result<(), String> {
        let path = of_session(session, "");
        let reply = self.get(&path).map_err(|hold| hold.reason.to_string())?;
        if let SessionState::Held(hold) = self.state(&reply, session)
            && reply.status != 200
        {
            return Err(hold.reason.to_string());
        }
        let body = report::with_webhook(&reply, wanted).to_string().into_bytes();
        let put = self.client.put_small(&self.url(&path), &self.headers(), body);
        match self.reached(put).map_err(|hold| hold.reason.to_string())? {
            Reply { status: 200..300, .. } => Ok(()),
            // What else WAHA says may repeat the key.
            Reply { status, .. } => Err(format!(
                "session `{session}`: WAHA answered {status} to the new webhook: set WHATSAPP_HOOK_URL in its environment instead"
            )),
        }
    }

    pub(crate) fn session_report(&self, name: &str) -> SessionReport {
        match self.get(&of_session(name, "")) {
            Ok(reply) => report::session(&reply, self.state(&reply, name)),
            Err(hold) => SessionReport::untold(SessionState::Held(hold)),
        }
    }

    /// Whether WAHA has a session of this name, in whatever state.
    pub(crate) fn has_session(&self, name: &str) -> bool {
        match self.session_report(name).state {
            SessionState::Working { .. } => true,
            SessionState::Held(hold) => !matches!(
                hold.reason,
                Reason::SessionMissing { .. } | Reason::OnlyDefaultSession { .. }
            ),
        }
    }

    /// Asks for the id of the next message (WAHA 2026.4.3 and later, GOWS and NOWEB).
    pub fn reserve_id(&self, session: &str) -> IdOffer {
        match self.get(&format!("/api/{}/new-message-id", encode(session))) {
            Ok(reply) => reply::id_offer(&reply, session),
            Err(hold) => IdOffer::Held(hold),
        }
    }

    /// Looks for a message of ours by its bare id.
    pub(crate) fn find_by_id(&self, session: &str, chat_id: &str, id: &str) -> Search {
        let path = format!(
            "/api/{}/chats/{}/messages/{}?downloadMedia=false",
            encode(session),
            encode(chat_id),
            encode(&format!("true_{chat_id}_{id}")),
        );
        match self.ask(&path) {
            Ok(reply) => reply::one_sighting(&reply),
            Err(away) => Search::Away(away),
        }
    }

    /// Looks for messages of ours in a chat with a time within `from` and `until`, by WAHA's own clock.
    pub(crate) fn find_in_chat(
        &self,
        session: &str,
        chat_id: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> ChatSearch {
        let path = format!(
            "/api/{}/chats/{}/messages?limit={SEARCH_LIMIT}&downloadMedia=false&sortOrder=desc\
             &filter.fromMe=true&filter.timestamp.gte={}&filter.timestamp.lte={}",
            encode(session),
            encode(chat_id),
            from.secs(),
            until.secs(),
        );
        match self.ask(&path) {
            Ok(reply) => ChatSearch {
                search: reply::sightings(&reply, SEARCH_LIMIT, from, until),
                clock: reply.date.as_deref().and_then(Timestamp::parse_http),
            },
            Err(away) => ChatSearch { search: Search::Away(away), clock: None },
        }
    }

    /// Asks whether WhatsApp has a number (E.164 digits). Not often: that gets a number banned.
    pub(crate) fn check_exists(&self, session: &str, digits: &str) -> Existence {
        let (phone, name) = (encode(digits), encode(session));
        match self.get(&format!("/api/contacts/check-exists?phone={phone}&session={name}")) {
            Ok(reply) => match reply::existence(&reply, session) {
                Existence::Held(hold) => Existence::Held(self.explained(hold, &reply)),
                told => told,
            },
            Err(hold) => Existence::Held(hold),
        }
    }

    /// Asks whose a hidden number (`<digits>@lid`) is: the E.164 digits.
    pub(crate) fn number_of_lid(&self, session: &str, lid: &str) -> OtherName {
        self.other_name(&format!("/api/{}/lids/{}", encode(session), encode(lid)), "/pn")
    }

    /// Asks for the hidden number of a phone number (E.164 digits): `<digits>@lid`.
    pub(crate) fn lid_of_number(&self, session: &str, digits: &str) -> OtherName {
        let chat = encode(&format!("{digits}@c.us"));
        self.other_name(&format!("/api/{}/lids/pn/{chat}", encode(session)), "/lid")
    }

    fn other_name(&self, path: &str, pointer: &str) -> OtherName {
        match self.get(path) {
            Ok(reply) => reply::other_name(&reply, pointer),
            Err(hold) => OtherName::NotNow(hold.reason.to_string()),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    fn get(&self, path: &str) -> Result<Reply, Hold> {
        self.reached(self.client.get(&self.url(path), &self.headers()))
    }

    /// A reply that was heard; without one, WAHA cannot be reached.
    fn reached(&self, answer: Result<Reply, NoReply>) -> Result<Reply, Hold> {
        self.heard(answer).map_err(|error| self.unreachable(&error.to_string()))
    }

    /// A hold for wrong settings, with the setting that is wrong when the reply shows it.
    fn explained(&self, hold: Hold, reply: &Reply) -> Hold {
        if hold.kind != HoldKind::Misconfigured {
            return hold;
        }
        Hold { reason: self.wrong_url(reply).unwrap_or(hold.reason), ..hold }
    }

    /// What is wrong with WAHA_BASE_URL, when this reply shows it.
    fn wrong_url(&self, reply: &Reply) -> Option<Reason> {
        // What nginx, Go and others answer to plain http on the port of https.
        let speaks_of_https = |window: &[u8]| window.eq_ignore_ascii_case(b"https");
        if reply.status == 400
            && let Some(rest) = self.base_url.strip_prefix("http://")
            && reply.body.windows(5).any(speaks_of_https)
        {
            return Some(Reason::TlsThere { url: format!("https://{rest}") });
        }
        let host = self.base_url.find("://").map_or(0, |at| at + 3);
        let path = host + self.base_url[host..].find('/')?;
        let (origin, path) = self.base_url.split_at(path);
        let (origin, path) = (origin.to_owned(), path.to_owned());
        matches!(reply.status, 200 | 404).then_some(Reason::UrlHasPath { path, origin })
    }

    fn unreachable(&self, cause: &str) -> Hold {
        // rustls: the first bytes that came back are no TLS.
        let is_plain = cause.contains("InvalidContentType");
        let reason = match self.base_url.strip_prefix("https://").filter(|_| is_plain) {
            Some(rest) => Reason::NoTlsThere { url: format!("http://{rest}") },
            None => Reason::Unreachable { cause: without_io(cause) },
        };
        Hold::new(HoldKind::Unreachable, reason)
    }

    fn heard(&self, answer: Result<Reply, NoReply>) -> Result<Reply, NoReply> {
        answer.inspect(|reply| self.dates.note(reply))
    }

    /// The same for a look-up.
    fn ask(&self, path: &str) -> Result<Reply, Reason> {
        self.heard(self.client.get(&self.url(path), &self.headers()))
            .map_err(|error| Reason::LookUpAway { cause: without_io(&error.to_string()) })
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        self.api_key.iter().map(|key| ("X-Api-Key", key.as_str())).collect()
    }
}

/// Without the HTTP client's own word, which is not a person's.
fn without_io(cause: &str) -> String {
    cause.strip_prefix("io: ").unwrap_or(cause).to_owned()
}

/// The path of a session, or of what may be done with it.
fn of_session(name: &str, what: &str) -> String {
    format!("/api/sessions/{}{what}", encode(name))
}

fn encode(segment: &str) -> String {
    utf8_percent_encode(segment, NON_ALPHANUMERIC).to_string()
}
