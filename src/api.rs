//! What is asked over HTTP, who may ask, what is answered. It pulls triggers, reads counts and serves other programs
//! (`v1`); it must never see WAHA, and nothing that it does waits for a send.
//!
//! The room `http` listens and asks `rules` which requests may come in; `webhook` takes what WAHA tells us.

mod lean;
mod metrics;
mod mistaken;
mod pages;
mod rules;
pub(crate) mod v1;
mod webhook;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::alarm::Watch;
use crate::clock::{Clock, Now};
use crate::http::quota::{LINES_PER_MINUTE, Quota};
use crate::http::{Class, Request, Response, Routes, refuse};
use crate::logging::in_one_line;
use crate::secret::Accepted;
use crate::store::{ApiKey, SqlResult, Store, StoreError, Trigger, Tx};
use crate::text_enum::text_enum;
use crate::trigger::{Progress, RunNumber, RunReport, Triggers};

pub use pages::{PAGE_BODY_BYTES_MAX, PAGES_ROOT, Pages, STRANGERS_BODY_BYTES_MAX, takes_files};
pub use v1::{V1, keys};
pub use webhook::{BODY_BYTES_MAX, Webhook};

use metrics::Figures;

/// Wrong secrets in a minute, from all addresses; more get 429.
const WRONG_SECRETS_MAX: u32 = 10;

const STACK_BYTES: usize = 256 * 1024;
/// Requests that wait for a run; one more is told at once how it stands.
const WAITING: Class = Class { name: "http-waiting", max: 16, stack_bytes: STACK_BYTES };
/// Events from WAHA; one more is to come again, which WAHA does.
const EVENT: Class = Class { name: "http-event", max: 16, stack_bytes: STACK_BYTES };
/// Large events: a slow one keeps no small one out.
const LARGE_EVENT: Class = Class { name: "http-large", max: 4, stack_bytes: STACK_BYTES };
const LARGE_BYTES: usize = 64 * 1024;
/// Pages: looking at the database and checking a password take time that triggers must not wait for.
const PAGE: Class = Class { name: "http-page", max: 4, stack_bytes: 1024 * 1024 };

/// Pages that take a file while it comes: a slow one keeps no other page away.
const UPLOAD: Class = Class { name: "http-upload", max: 4, stack_bytes: 1024 * 1024 };

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
    v1: Option<V1>,
    cors_origins: Vec<String>,
    /// Held while a page with a large body is made: many of them take the memory of one.
    large_page: Mutex<()>,
}

text_enum! {
    /// The paths that are no page's and not those of `v1`.
    enum Route {
        Cron = "/api/cron-auto-message",
        Scheduler = "/api/auto-message-scheduler",
        Webhook = "/api/waha-webhook",
        Health = "/health",
        Metrics = "/metrics",
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
        Self {
            store: Mutex::new(store),
            triggers,
            clock,
            secrets,
            trigger_wait,
            webhook,
            watch: None,
            wrong_secrets: Quota::per_minute(WRONG_SECRETS_MAX),
            refusal_lines: Quota::per_minute(LINES_PER_MINUTE),
            pages: None,
            v1: None,
            cors_origins: Vec::new(),
            large_page: Mutex::default(),
        }
    }

    /// The same API, which also says when triggers stay away.
    pub fn watching(self, watch: Watch) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// The same with pages for people; without them no path of theirs is any.
    pub(crate) fn with_pages(self, pages: Arc<dyn Pages>) -> Self {
        Self { pages: Some(pages), ..self }
    }

    /// The same with the API for other programs, whose answers pages of `cors_origins` may read.
    pub fn with_v1(self, v1: V1, cors_origins: &[String]) -> Self {
        Self { v1: Some(v1), cors_origins: cors_origins.to_vec(), ..self }
    }

    /// Answers a request. Only one that `may_wait` waits for the end of a run, for its body, or for other pages.
    pub fn answer(&self, request: &mut Request, may_wait: bool) -> Response {
        if let Some(pages) = self.pages.as_ref().filter(|_| pages::is_page(&request.target)) {
            if !may_wait {
                return refuse(503, "too many pages at once: ask again");
            }
            return pages::answer(&**pages, request, &self.large_page);
        }
        if let Some(v1) = self.v1_for(request) {
            return self.answer_v1(v1, request, may_wait);
        }
        if self.pages.is_some() && request.path() == "/" && request.method == "GET" {
            return Response::new(303, "text/plain; charset=utf-8", "")
                .with("Location", PAGES_ROOT);
        }
        let Some(route) = Route::from_word(request.path()) else { return nothing_here() };
        match (route, request.method.as_str(), &self.webhook) {
            (Route::Webhook, _, None) => nothing_here(),
            (Route::Webhook, "POST", Some(_)) if !may_wait => {
                refuse(503, "too many events at once: send it again")
            }
            (Route::Webhook, "POST", Some(webhook)) => {
                webhook.take(request, self.clock.now(), &self.triggers)
            }
            (Route::Health, "GET" | "HEAD", _) => self.health(),
            (Route::Metrics, "GET" | "HEAD", _) => {
                self.refuse_stranger(request).unwrap_or_else(|| self.metrics())
            }
            (Route::Health | Route::Metrics, _, _) => not_allowed("GET, HEAD"),
            (Route::Cron | Route::Scheduler, "POST", _) => match self.check_trigger(request) {
                Err(refusal) => refusal,
                Ok(due) if matches!(route, Route::Cron) => self.cron(request, due),
                Ok(_) => self.scheduler(request, may_wait),
            },
            (Route::Cron | Route::Scheduler | Route::Webhook, _, _) => not_allowed("POST"),
        }
    }

    fn v1_for(&self, request: &Request) -> Option<&V1> {
        self.v1.as_ref().filter(|_| v1::is_api(request.path()))
    }

    fn answer_v1(&self, v1: &V1, request: &mut Request, may_wait: bool) -> Response {
        let origin = request.header("Origin").map(str::to_owned);
        let origin = origin.filter(|origin| {
            self.cors_origins.iter().any(|known| known.eq_ignore_ascii_case(origin))
        });
        let answer = match self.api_key(request) {
            Err(refusal) => refusal,
            Ok(Some(_)) if !may_wait => {
                refuse(503, "too many requests at once: ask again").with("Retry-After", "1")
            }
            Ok(Some(key)) => v1.answer(request, key),
            Ok(None) => match self.read(|tx| tx.has_api_keys(self.clock.now().wall)) {
                Err(refusal) => refusal,
                Ok(false) => nothing_here(),
                Ok(true) if request.method == "OPTIONS" && origin.is_some() => v1::preflight(),
                Ok(true) => self.refuse_wrong(request, ("key", "<API key>")),
            },
        };
        origin.iter().fold(answer, |answer, origin| v1::share(answer, origin))
    }

    fn api_key(&self, request: &Request) -> Result<Option<ApiKey>, Response> {
        let Some(hash) = bearer(request).and_then(keys::hash) else { return Ok(None) };
        let now = self.clock.now().wall;
        self.read(|tx| tx.api_key(&hash, now))
    }

    /// Waits for a run to end, at most as long as the setting says, and tells how it stands then.
    fn wait(&self, run: RunNumber, max: Duration) -> Response {
        let until = self.clock.now().monotonic + max;
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

    fn refuse_stranger(&self, request: &Request) -> Option<Response> {
        if bearer(request).is_some_and(|token| self.secrets.accepts(token)) {
            return None;
        }
        Some(self.refuse_wrong(request, ("secret", "<CRON_SECRET>")))
    }

    /// The refusal of a request without what it needs; `wanted` is a word for that, and how it is shown.
    fn refuse_wrong(&self, request: &Request, (what, wanted): (&str, &str)) -> Response {
        self.log_refused(request);
        // From wherever they came. Who sends none is not guessing; who sends the right one never comes here.
        if request.header("Authorization").is_some()
            && let Err(wait) = self.wrong_secrets.take(self.clock.now().monotonic)
        {
            let refusal = refuse(429, &format!("too many wrong {what}s: wait"));
            return refusal.with("Retry-After", (wait.as_secs() + 1).to_string());
        }
        refuse(
            401,
            &format!("{what} missing or wrong: send the header `Authorization: Bearer {wanted}`"),
        )
    }

    /// How many messages are due, for a trigger that may be pulled.
    fn check_trigger(&self, request: &mut Request) -> Result<u64, Response> {
        if let Some(refusal) = self.refuse_stranger(request) {
            return Err(refusal);
        }
        request.read_body()?;
        if mistaken::is_message(&request.body) {
            return Err(refuse(
                400,
                "this is a trigger: it takes no message, and this one was not stored. Put the message into the table auto_messages, with the panel, or with the command `message add`; a trigger has no body",
            ));
        }
        if self.triggers.is_stopping() {
            return Err(refuse(503, "the program is stopping"));
        }
        let now = self.clock.now().wall;
        self.read(|tx| tx.count_due(now))
    }

    fn log_refused(&self, request: &Request) {
        let remote = request.remote().unwrap_or("an unknown address".to_owned());
        self.refusal_lines.log(self.clock.now().monotonic, || {
            if v1::is_api(request.path()) {
                log::warn!(
                    "http: refused a request of the API from {remote}: no key or a wrong one"
                );
            } else if request.method == "POST" {
                log::warn!("http: refused a trigger from {remote}: no secret or a wrong one");
            } else {
                log::warn!("http: refused to show metrics to {remote}: no secret or a wrong one");
            }
        });
    }

    fn cron(&self, request: &Request, due: u64) -> Response {
        let pulled = self.triggers.pull(Trigger::Cron, request.remote());
        let (status, message) = if pulled.was_running {
            ("already_running", format!("a run is under way; messages due: {due}"))
        } else {
            ("started", format!("started; messages due: {due}"))
        };
        let body = json!({"error": false, "message": message, "status": status, "due": due});
        Response::json(202, &body)
    }

    fn scheduler(&self, request: &Request, may_wait: bool) -> Response {
        let run = self.triggers.pull(Trigger::Api, request.remote()).run;
        self.wait(run, if may_wait { self.trigger_wait } else { Duration::ZERO })
    }

    fn health(&self) -> Response {
        let now = self.clock.now();
        let looked = self.read(|tx| {
            tx.count_due(now.wall)?;
            self.is_stale(tx, now)
        });
        let has_trouble = self.triggers.has_database_trouble();
        let (status, word) = match looked {
            Ok(true) if !has_trouble => (503, "stale"),
            Ok(false) if !has_trouble => (200, "ok"),
            Ok(_) | Err(_) => (503, "database_error"),
        };
        Response::json(status, &json!({"status": word}))
    }

    /// Whether no trigger comes while something could be sent.
    fn is_stale(&self, tx: &Tx<'_>, now: Now) -> SqlResult<bool> {
        let quiet = self.watch.as_ref().filter(|watch| watch.is_quiet(&self.triggers, now));
        quiet.map_or(Ok(false), |watch| Ok(watch.stale_since(tx, now.wall)?.is_some()))
    }

    fn metrics(&self) -> Response {
        let now = self.clock.now();
        let looked = self.read(|tx| Ok((Figures::read(tx, now.wall)?, self.is_stale(tx, now)?)));
        match looked {
            Err(refusal) => refusal,
            Ok((figures, is_stale)) => {
                let body = figures.render(&self.triggers, is_stale, now.wall);
                Response::new(200, metrics::CONTENT_TYPE, body).with("Cache-Control", "no-store")
            }
        }
    }

    /// The counts so far; what still waits is counted now.
    fn running(&self, mut report: RunReport) -> Response {
        report.pending = match self.read(|tx| tx.count_pending()) {
            Ok(pending) => pending,
            Err(refusal) => return refusal,
        };
        let message = format!("still running; deliveries sent so far: {}", report.deliveries.sent);
        Response::json(202, &counts(&report, "running", &message))
    }

    fn read<T>(&self, work: impl FnOnce(&Tx<'_>) -> SqlResult<T>) -> Result<T, Response> {
        // A panic inside a transaction rolled it back.
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.read(work).map_err(|error: StoreError| {
            log::error!("http: the database cannot be read: {}", in_one_line(&error));
            refuse(503, "the database cannot be read; see the log")
        })
    }
}

impl Routes for Api {
    fn class(&self, request: &Request) -> Option<Class> {
        if let Some(pages) = self.pages.as_ref().filter(|_| pages::is_page(&request.target)) {
            return Some(if pages.takes_body(request) { UPLOAD } else { PAGE });
        }
        if self.v1_for(request).is_some() {
            // A request without a good key is refused at once, and takes no turn of the others.
            return self.api_key(request).ok().flatten().map(|_| v1::CLASS);
        }
        match Route::from_word(request.path())? {
            Route::Scheduler => Some(WAITING),
            Route::Webhook if request.length() > LARGE_BYTES => Some(LARGE_EVENT),
            Route::Webhook => Some(EVENT),
            Route::Cron | Route::Health | Route::Metrics => None,
        }
    }

    fn answer(&self, request: &mut Request, may_wait: bool) -> Response {
        self.answer(request, may_wait)
    }

    fn give_up(&self) {
        self.triggers.stop();
    }
}

fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header("Authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn nothing_here() -> Response {
    refuse(404, "there is nothing here")
}

fn not_allowed(allow: &str) -> Response {
    refuse(405, &format!("use {allow}")).with("Allow", allow)
}

fn finished(report: &RunReport) -> Response {
    let message =
        format!("messages: {} sent, {} failed", report.messages.success, report.messages.failed);
    Response::json(200, &counts(report, "finished", &message))
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
