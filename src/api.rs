//! The HTTP side: who may ask, what is asked, what is answered. It pulls triggers and reads counts;
//! it must never see WAHA, and nothing that it does waits for a send.
//!
//! `server` is the only speaker of tiny_http; `webhook` takes what WAHA tells us.

mod pages;
mod server;
mod webhook;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use crate::clock::Clock;
use crate::config::Secret;
use crate::logging::in_one_line;
use crate::store::{SqlResult, Store, StoreError, Trigger, Tx};
use crate::trigger::{Progress, RunNumber, RunReport, Triggers};

pub use pages::{PAGE_BODY_BYTES_MAX, PAGES_ROOT, PageReply, PageRequest, Pages};
pub use server::{ApiServer, ServerError};
pub use webhook::{BODY_BYTES_MAX, Posted, Webhook};

/// What the answers are made from.
pub struct Api {
    store: Mutex<Store>,
    triggers: Arc<Triggers>,
    clock: Arc<dyn Clock>,
    secret: Secret,
    trigger_wait: Duration,
    webhook: Option<Webhook>,
    pages: Option<Arc<dyn Pages>>,
}

/// A request, as far as it matters.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// In upper case, such as `POST`.
    pub method: &'a str,
    /// With a query, if there is one.
    pub path: &'a str,
    /// The header `Authorization`.
    pub authorization: Option<&'a str>,
    /// The address of the peer, for the audit trail.
    pub remote: Option<&'a str>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 200 to 599.
    pub status: u16,
    /// JSON.
    pub body: String,
    /// The header `Allow`, with a 405.
    pub allow: Option<&'static str>,
}

/// An answer now, or when a run has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This one.
    Now(Reply),
    /// That of [`Api::wait`].
    AtTheEnd(RunNumber),
    /// That of [`Api::expect_event`] or [`Api::take_event`].
    WithBody,
}

enum Route {
    Cron,
    Scheduler,
    Webhook,
    Health,
}

impl Route {
    fn find(path: &str) -> Option<Self> {
        match path.split('?').next() {
            Some("/api/cron-auto-message") => Some(Self::Cron),
            Some("/api/auto-message-scheduler") => Some(Self::Scheduler),
            Some("/api/waha-webhook") => Some(Self::Webhook),
            Some("/health") => Some(Self::Health),
            Some(_) | None => None,
        }
    }
}

impl Api {
    /// An API over its own connection to the database. `trigger_wait` is how long
    /// `/api/auto-message-scheduler` waits for the end of a run. Without a `webhook`, its route is none.
    #[must_use]
    pub fn new(
        store: Store,
        triggers: Arc<Triggers>,
        clock: Arc<dyn Clock>,
        secret: Secret,
        trigger_wait: Duration,
        webhook: Option<Webhook>,
    ) -> Self {
        let pages = None;
        Self { store: Mutex::new(store), triggers, clock, secret, trigger_wait, webhook, pages }
    }

    /// The same with pages for people; without them no path of theirs is any.
    #[must_use]
    pub fn with_pages(self, pages: Arc<dyn Pages>) -> Self {
        Self { pages: Some(pages), ..self }
    }

    /// The pages, when `target` is one of theirs.
    fn pages_for(&self, target: &str) -> Option<&Arc<dyn Pages>> {
        self.pages.as_ref().filter(|_| pages::is_page(target))
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
            (Route::Health, _) => Answer::Now(not_allowed("GET, HEAD")),
            (Route::Cron, "POST") => self.guarded(request, || self.cron(request)),
            (Route::Scheduler, "POST") => self.guarded(request, || self.scheduler(request)),
            (Route::Cron | Route::Scheduler | Route::Webhook, _) => {
                Answer::Now(not_allowed("POST"))
            }
        }
    }

    /// Waits for a run to end, at most as long as the setting says, and tells how it stands then.
    pub fn wait(&self, run: RunNumber) -> Reply {
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
                    self.clock.sleep(
                        &self.triggers.ended,
                        seen,
                        Some(until.checked_sub(now).unwrap()),
                    );
                }
            }
        }
    }

    /// How a run stands, without waiting.
    pub fn look(&self, run: RunNumber) -> Reply {
        match self.triggers.progress(run) {
            Progress::Finished(report) => finished(&report),
            Progress::Running(report) => self.running(report),
        }
    }

    /// Looks at an event before its body is read; the answer when it need not be read.
    ///
    /// # Errors
    /// The answer: what has no signature, or is too large, is not read.
    pub fn expect_event(&self, posted: &Posted, length: Option<usize>) -> Result<(), Reply> {
        if self.webhook.is_some() { webhook::expect(posted, length) } else { Err(nothing_here()) }
    }

    /// Takes an event with its body.
    pub fn take_event(&self, posted: &Posted, body: &[u8]) -> Reply {
        match &self.webhook {
            Some(webhook) => webhook.take(posted, body, self.clock.now().wall, &self.triggers),
            None => nothing_here(),
        }
    }

    fn guarded(&self, request: &Incoming<'_>, answer: impl FnOnce() -> Answer) -> Answer {
        if self.is_authorised(request.authorization) {
            return answer();
        }
        let remote = request.remote.unwrap_or("an unknown address");
        log::warn!("http: refused a trigger from {remote}: no secret or a wrong one");
        let message = "send the header `Authorization: Bearer <CRON_SECRET>`";
        Answer::Now(refuse(401, message))
    }

    /// Compares in a time that does not depend on where the two differ.
    fn is_authorised(&self, authorization: Option<&str>) -> bool {
        let Some((scheme, token)) = authorization.and_then(|value| value.split_once(' ')) else {
            return false;
        };
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        let is_equal = token.trim().as_bytes().ct_eq(self.secret.reveal().as_bytes());
        is_bearer && bool::from(is_equal)
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
        Answer::Now(Reply { status: 202, body: body.to_string(), allow: None })
    }

    fn scheduler(&self, request: &Incoming<'_>) -> Answer {
        if let Err(reply) = self.count_due() {
            return Answer::Now(reply);
        }
        let pulled = self.triggers.pull(Trigger::Api, request.remote.map(str::to_owned));
        Answer::AtTheEnd(pulled.run)
    }

    fn health(&self) -> Reply {
        let now = self.clock.now().wall;
        let can_read = self.read(|tx| tx.count_due(now)).is_ok();
        let is_well = can_read && !self.triggers.has_database_trouble();
        let (status, word) = if is_well { (200, "ok") } else { (503, "database_error") };
        Reply { status, body: json!({"status": word}).to_string(), allow: None }
    }

    /// The counts so far; what still waits is counted now.
    fn running(&self, mut report: RunReport) -> Reply {
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the method's path is of one lifetime only"
        )]
        let pending = self.read(|tx| tx.count_pending());
        report.pending = match pending {
            Ok(pending) => pending,
            Err(reply) => return reply,
        };
        let message = format!("still running; deliveries sent so far: {}", report.deliveries.sent);
        Reply { status: 202, body: counts(&report, "running", &message).to_string(), allow: None }
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
    let body = json!({"error": true, "message": message});
    Reply { status, body: body.to_string(), allow: None }
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
    Reply { status: 200, body: counts(report, "finished", &message).to_string(), allow: None }
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
