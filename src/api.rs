//! The HTTP side: who may ask, what is asked, what is answered. It pulls triggers and reads counts;
//! it must never see WAHA, and nothing that it does waits for a send.
//!
//! `guard` owns the public listener, and keeps out what is malformed, too large, too slow or too much;
//! `server` behind it is the only speaker of tiny_http; `webhook` takes what WAHA tells us.

mod guard;
mod lean;
mod metrics;
mod mistaken;
mod pages;
mod quota;
mod rules;
mod server;
mod webhook;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::alarm::Watch;
use crate::clock::{Clock, Now};
use crate::logging::in_one_line;
use crate::secret::Accepted;
use crate::store::{SqlResult, Store, StoreError, Trigger, Tx};
use crate::trigger::{Progress, RunNumber, RunReport, Triggers};

pub use guard::{
    BackAddress, BackDoor, BackListener, Guard, GuardError, Head, Hideout, Length, Limits, Refusal,
};
pub use pages::{
    PAGE_BODY_BYTES_MAX, PAGES_ROOT, PageReply, PageRequest, Pages, STRANGERS_BODY_BYTES_MAX,
    large_buffer,
};
pub use server::{ApiServer, ServerError};
pub use webhook::{BODY_BYTES_MAX, Posted, Webhook};

use metrics::Figures;
pub use quota::{LINES_PER_MINUTE, Quota};

const JSON: &str = "application/json";
const WEBHOOK_PATH: &str = "/api/waha-webhook";
/// Wrong secrets in a minute, whoever sends them; more are told to wait.
const WRONG_SECRETS_MAX: u32 = 10;

/// What the answers are made from.
pub struct Api {
    store: Mutex<Store>,
    triggers: Arc<Triggers>,
    clock: Arc<dyn Clock>,
    secrets: Accepted,
    trigger_wait: Duration,
    webhook: Option<Webhook>,
    watch: Option<Watch>,
    wrong_secrets: Quota,
    refusal_lines: Quota,
    pages: Option<Arc<dyn Pages>>,
}

/// A request, as far as it matters.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// In upper case, such as `POST`.
    pub method: &'a str,
    /// With a query, if there is one.
    pub path: &'a str,
    pub authorization: Option<&'a str>,
    /// The address of the peer, for the audit trail.
    pub remote: Option<&'a str>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// JSON, unless the next says otherwise.
    pub body: String,
    pub(crate) content_type: &'static str,
    /// The header `Allow`, with a 405.
    pub(crate) allow: Option<&'static str>,
    /// The header `Retry-After` in seconds, with a 429.
    pub(crate) retry_after_secs: Option<u64>,
}

/// An answer now, or when a run has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Now(Reply),
    AtTheEnd(RunNumber),
    /// That of [`Api::expect_event`] or [`Api::take_event`].
    WithBody,
}

enum Route {
    Cron,
    Scheduler,
    Webhook,
    Health,
    Metrics,
}

impl Route {
    fn find(path: &str) -> Option<Self> {
        match path.split('?').next() {
            Some("/api/cron-auto-message") => Some(Self::Cron),
            Some("/api/auto-message-scheduler") => Some(Self::Scheduler),
            Some(WEBHOOK_PATH) => Some(Self::Webhook),
            Some("/health") => Some(Self::Health),
            Some("/metrics") => Some(Self::Metrics),
            Some(_) | None => None,
        }
    }
}

impl Api {
    /// An API over its own connection to the database. `trigger_wait` is how long
    /// `/api/auto-message-scheduler` waits for the end of a run. Without a `webhook`, its route is none.
    pub fn new(
        store: Store,
        triggers: Arc<Triggers>,
        clock: Arc<dyn Clock>,
        secrets: Accepted,
        trigger_wait: Duration,
        webhook: Option<Webhook>,
    ) -> Self {
        let store = Mutex::new(store);
        let wrong_secrets = Quota::per_minute(WRONG_SECRETS_MAX);
        let refusal_lines = Quota::per_minute(LINES_PER_MINUTE);
        Self {
            store,
            triggers,
            clock,
            secrets,
            trigger_wait,
            webhook,
            watch: None,
            wrong_secrets,
            refusal_lines,
            pages: None,
        }
    }

    /// The same API, which also says when triggers stay away.
    pub fn watching(self, watch: Watch) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// The HTTP side cannot go on: the program must end, and not stay up without it.
    pub(crate) fn give_up(&self) {
        self.triggers.stop();
    }

    /// The same with pages for people; without them no path of theirs is any.
    pub(crate) fn with_pages(self, pages: Arc<dyn Pages>) -> Self {
        Self { pages: Some(pages), ..self }
    }

    /// The pages, when `target` is one of theirs.
    fn pages_for(&self, target: &str) -> Option<&Arc<dyn Pages>> {
        self.pages.as_ref().filter(|_| pages::is_page(target))
    }

    /// Whether the body of a request for a run is worth a look: its secret is right.
    pub(crate) fn is_good_trigger(&self, request: &Incoming<'_>) -> bool {
        let is_trigger = matches!(Route::find(request.path), Some(Route::Cron | Route::Scheduler));
        is_trigger && request.method == "POST" && self.is_authorised(request.authorization)
    }

    /// Answers a request. Never blocks for longer than a database read.
    pub fn answer(&self, request: &Incoming<'_>) -> Answer {
        let Some(route) = Route::find(request.path) else {
            return Answer::Now(nothing_here());
        };
        match (route, request.method) {
            (Route::Webhook, _) if self.webhook.is_none() => Answer::Now(nothing_here()),
            (Route::Webhook, "POST") => Answer::WithBody,
            (Route::Health, "GET" | "HEAD") => Answer::Now(self.health()),
            (Route::Metrics, "GET" | "HEAD") => {
                self.guarded(request, || Answer::Now(self.metrics()))
            }
            (Route::Health | Route::Metrics, _) => Answer::Now(not_allowed("GET, HEAD")),
            (Route::Cron, "POST") => self.guarded(request, || self.cron(request)),
            (Route::Scheduler, "POST") => self.guarded(request, || self.scheduler(request)),
            (Route::Cron | Route::Scheduler | Route::Webhook, _) => {
                Answer::Now(not_allowed("POST"))
            }
        }
    }

    /// Waits for a run to end, at most as long as the setting says, and tells how it stands then.
    pub(crate) fn wait(&self, run: RunNumber) -> Reply {
        let until = self.clock.now().monotonic + self.trigger_wait;
        loop {
            let seen = self.triggers.ended.rings();
            match self.triggers.progress(run) {
                Progress::Finished(report) => return finished(&report),
                Progress::Running(report) => {
                    let now = self.clock.now().monotonic;
                    if now >= until || self.triggers.is_stopping() {
                        return self.running(report);
                    }
                    self.clock.sleep(&self.triggers.ended, seen, Some(until.saturating_sub(now)));
                }
            }
        }
    }

    /// How a run stands, without waiting.
    pub(crate) fn look(&self, run: RunNumber) -> Reply {
        match self.triggers.progress(run) {
            Progress::Finished(report) => finished(&report),
            Progress::Running(report) => self.running(report),
        }
    }

    /// Looks at an event before its body is read; the answer when it need not be read.
    ///
    /// # Errors
    /// The answer: what has no signature, or is too large, is not read.
    pub(crate) fn expect_event(&self, posted: &Posted, length: Option<usize>) -> Result<(), Reply> {
        match &self.webhook {
            Some(webhook) => webhook.expect(posted, length, self.clock.now().monotonic),
            None => Err(nothing_here()),
        }
    }

    /// Takes an event with its body.
    pub fn take_event(&self, posted: &Posted, body: &[u8]) -> Reply {
        match &self.webhook {
            Some(webhook) => webhook.take(posted, body, self.clock.now(), &self.triggers),
            None => nothing_here(),
        }
    }

    fn guarded(&self, request: &Incoming<'_>, answer: impl FnOnce() -> Answer) -> Answer {
        if self.is_authorised(request.authorization) {
            return answer();
        }
        self.log_refused(request);
        if let Some(secs) = self.wait_after_wrong_secret(request.authorization) {
            let reply = refuse(429, "too many wrong secrets: wait");
            return Answer::Now(Reply { retry_after_secs: Some(secs), ..reply });
        }
        let message = "send the header `Authorization: Bearer <CRON_SECRET>`";
        Answer::Now(refuse(401, message))
    }

    /// Seconds to wait when too many wrong secrets came lately, from wherever they came. Who sends
    /// none is not guessing; who sends the right one never comes here.
    fn wait_after_wrong_secret(&self, authorization: Option<&str>) -> Option<u64> {
        authorization?;
        let wait = self.wrong_secrets.take(self.clock.now().monotonic).err()?;
        Some(wait.as_secs() + 1)
    }

    fn log_refused(&self, request: &Incoming<'_>) {
        let remote = request.remote.unwrap_or("an unknown address");
        self.refusal_lines.log(self.clock.now().monotonic, || {
            if request.method == "POST" {
                log::warn!("http: refused a trigger from {remote}: no secret or a wrong one");
            } else {
                log::warn!("http: refused to show metrics to {remote}: no secret or a wrong one");
            }
        });
    }

    fn is_authorised(&self, authorization: Option<&str>) -> bool {
        let Some((scheme, token)) = authorization.and_then(|value| value.split_once(' ')) else {
            return false;
        };
        scheme.eq_ignore_ascii_case("bearer") && self.secrets.accepts(token.trim())
    }

    fn cron(&self, request: &Incoming<'_>) -> Answer {
        let due = match self.count_due() {
            Ok(due) => due,
            Err(reply) => return Answer::Now(reply),
        };
        let pulled = self.triggers.pull(Trigger::Cron, request.remote.map(str::to_owned));
        let (status, message) = if pulled.was_running {
            ("already_running", format!("a run is under way; messages due: {due}"))
        } else {
            ("started", format!("started; messages due: {due}"))
        };
        let body = json!({"error": false, "message": message, "status": status, "due": due});
        Answer::Now(reply(202, &body))
    }

    fn scheduler(&self, request: &Incoming<'_>) -> Answer {
        if let Err(reply) = self.count_due() {
            return Answer::Now(reply);
        }
        let pulled = self.triggers.pull(Trigger::Api, request.remote.map(str::to_owned));
        Answer::AtTheEnd(pulled.run)
    }

    fn health(&self) -> Reply {
        let now = self.clock.now();
        let looked = self.read(|tx| {
            tx.count_due(now.wall)?;
            self.is_stale(tx, now)
        });
        let (status, word) = match looked {
            Ok(is_stale) if !self.triggers.has_database_trouble() => {
                if is_stale {
                    (503, "stale")
                } else {
                    (200, "ok")
                }
            }
            Ok(_) | Err(_) => (503, "database_error"),
        };
        reply(status, &json!({"status": word}))
    }

    /// Whether no trigger comes while something could be sent.
    fn is_stale(&self, tx: &Tx<'_>, now: Now) -> SqlResult<bool> {
        let quiet = self.watch.as_ref().filter(|watch| watch.is_quiet(&self.triggers, now));
        match quiet {
            Some(watch) => Ok(watch.stale_since(tx, now.wall)?.is_some()),
            None => Ok(false),
        }
    }

    fn metrics(&self) -> Reply {
        let now = self.clock.now();
        let looked = self.read(|tx| Ok((Figures::read(tx, now.wall)?, self.is_stale(tx, now)?)));
        match looked {
            Err(reply) => reply,
            Ok((figures, is_stale)) => {
                let body = figures.render(&self.triggers, is_stale, now.wall);
                let content_type = metrics::CONTENT_TYPE;
                Reply { status: 200, body, content_type, allow: None, retry_after_secs: None }
            }
        }
    }

    /// The counts so far; what still waits is counted now.
    fn running(&self, mut report: RunReport) -> Reply {
        let pending = self.read(|tx| tx.count_pending());
        report.pending = match pending {
            Ok(pending) => pending,
            Err(reply) => return reply,
        };
        let message = format!("still running; deliveries sent so far: {}", report.deliveries.sent);
        reply(202, &counts(&report, "running", &message))
    }

    /// How many messages are due, for a trigger that may be pulled.
    fn count_due(&self) -> Result<u64, Reply> {
        if self.triggers.is_stopping() {
            return Err(refuse(503, "the program is stopping"));
        }
        let now = self.clock.now().wall;
        self.read(|tx| tx.count_due(now))
    }

    fn read<T>(&self, work: impl FnOnce(&Tx<'_>) -> SqlResult<T>) -> Result<T, Reply> {
        // A panic inside a transaction rolled it back.
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.read(work).map_err(|error: StoreError| {
            log::error!("http: the database cannot be read: {}", in_one_line(&error));
            refuse(503, "the database cannot be read; see the log")
        })
    }
}

/// An error answer.
pub(crate) fn refuse(status: u16, message: &str) -> Reply {
    reply(status, &json!({"error": true, "message": message}))
}

/// An answer in JSON.
pub(crate) fn reply(status: u16, body: &Value) -> Reply {
    Reply {
        status,
        body: body.to_string(),
        content_type: JSON,
        allow: None,
        retry_after_secs: None,
    }
}

/// The answer to a trigger with `body` when somebody takes it for a way to send a message.
fn refuse_message(body: &[u8]) -> Option<Reply> {
    mistaken::is_message(body).then(|| {
        refuse(
            400,
            "this is a trigger: it takes no message, and this one was not stored. Put the message into the table              auto_messages, with the panel, or with the command `message add`; a trigger has no body",
        )
    })
}

fn nothing_here() -> Reply {
    refuse(404, "there is nothing here")
}

fn not_allowed(allow: &'static str) -> Reply {
    Reply { allow: Some(allow), ..refuse(405, &format!("use {allow}")) }
}

fn finished(report: &RunReport) -> Reply {
    let message =
        format!("messages: {} sent, {} failed", report.messages.success, report.messages.failed);
    reply(200, &counts(report, "finished", &message))
}

fn counts(report: &RunReport, status: &str, message: &str) -> Value {
    let RunReport { messages, deliveries, pending } = report;
    json!({
        "error": false,
        "message": message,
        "status": status,
        "processed": messages.processed,
        "success": messages.success,
        "failed": messages.failed,
        "deliveries": {
            "sent": deliveries.sent,
            "failed": deliveries.failed,
            "skipped": deliveries.skipped,
            "unknown": deliveries.unknown,
            "expired": deliveries.expired,
            "pending": pending,
        },
    })
}
