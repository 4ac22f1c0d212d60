//! The API for other programs: JSON under [`ROOT`], for those that show an API key. Its routes read a request, call
//! the rooms below, and write their views; docs/openapi.json says the same to programs.

mod call;
mod channels;
mod contacts;
mod files;
pub mod keys;
mod messages;
mod once;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::clock::{Clock, lock};
use crate::config::Config;
use crate::forecast::Walked;
use crate::http::{Class, Request, Response};
use crate::store::{ActedOn, ApiKey, Can, Store, Trigger};
use crate::trigger::Triggers;

use call::{Answered, ApiResult, Call, Problem};

pub(super) const ROOT: &str = "/api/v1";
/// The path of a list of contacts as CSV, which may be larger than other bodies.
pub(super) const IMPORT_PATH: &str = "/api/v1/contacts/import";
/// The path of a file that comes, which is not kept in memory.
pub(super) const FILES_PATH: &str = "/api/v1/files";
/// Requests of keys that are good; they take turns at the database.
pub(super) const CLASS: Class = Class { name: "http-api", max: 16, stack_bytes: 512 * 1024 };
const DOCUMENT: &str = include_str!("../../docs/openapi.json");
/// How exactly the last use of a key is known.
const USE_NOTED_EVERY: Duration = Duration::from_mins(1);

pub struct V1 {
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
    triggers: Arc<Triggers>,
    /// Opened when it is needed first: most servers have no key.
    store: Mutex<Option<Store>>,
    /// The Idempotency-Keys of the requests under way, each with the API key.
    under_way: Mutex<Vec<(i64, String)>>,
    /// For the forecasts of new messages; never locked before the store.
    walked: Mutex<Walked>,
}

type Names = &'static [&'static str];
type Answer = fn(&Call<'_>) -> Answered;

struct Route {
    method: &'static str,
    /// From [`ROOT`]; `{id}` is a number.
    path: &'static str,
    /// What a key must be allowed to do.
    needs: Can,
    /// The parameters that its query may have; one that ends with a dot may go on.
    query: Names,
    answer: Answer,
}

const fn get(path: &'static str, query: Names, answer: Answer) -> Route {
    Route { method: "GET", path, needs: Can::Read, query, answer }
}

const fn change(method: &'static str, path: &'static str, query: Names, answer: Answer) -> Route {
    Route { method, path, needs: Can::Write, query, answer }
}

const fn post(path: &'static str, answer: Answer) -> Route {
    change("POST", path, &[], answer)
}

const ROUTES: &[Route] = &[
    get("/openapi.json", &[], document),
    get(
        "/messages",
        &["status", "channel", "from", "until", "search", "metadata.", "limit", "cursor"],
        messages::list,
    ),
    post("/messages", messages::create),
    Route { needs: Can::Read, ..post("/messages/preview", messages::preview) },
    get("/messages/{id}", &[], messages::show),
    change("PATCH", "/messages/{id}", &[], messages::edit),
    change("DELETE", "/messages/{id}", &["forget_unknown"], messages::remove),
    post("/messages/{id}/cancel", messages::cancel),
    post("/messages/{id}/pause", messages::pause),
    post("/messages/{id}/resume", messages::resume),
    post("/messages/{id}/retry", messages::retry),
    post("/messages/{id}/split", messages::split),
    post("/messages/{id}/move", messages::move_to),
    get(
        "/messages/{id}/deliveries",
        &["status", "due_at", "limit", "cursor"],
        messages::deliveries,
    ),
    get("/deliveries/{id}", &[], messages::delivery),
    post("/files", files::create),
    get("/contacts", &["phone", "search", "tag", "opted_out", "limit", "cursor"], contacts::list),
    post("/contacts", contacts::create),
    change("POST", "/contacts/import", &["tag", "strict", "dry_run"], contacts::import),
    get("/contacts/{id}", &[], contacts::show),
    change("PATCH", "/contacts/{id}", &[], contacts::edit),
    change("DELETE", "/contacts/{id}", &["forget_opt_out"], contacts::remove),
    post("/contacts/{id}/opt-out", contacts::opt_out),
    post("/contacts/{id}/opt-in", contacts::opt_in),
    get("/channels", &[], channels::list),
    get("/channels/{id}", &[], channels::show),
    post("/channels/{id}/pause", channels::pause),
    post("/channels/{id}/resume", channels::resume),
    get("/status", &[], channels::status),
];

impl Route {
    /// What somebody does by it, for the history: changes of what is there. What is new says itself who made it.
    fn act(&self) -> Option<(ActedOn, &'static str)> {
        let kind = match self.path.split('/').nth(1)? {
            "messages" => ActedOn::Message,
            "contacts" => ActedOn::Contact,
            "channels" => ActedOn::Channel,
            _ => return None,
        };
        let what = match (self.method, self.path.split("/{id}").nth(1)?) {
            ("PATCH", "") => "saved",
            ("DELETE", "") => "deleted",
            ("POST", "/cancel") => "cancelled",
            ("POST", "/pause") if kind == ActedOn::Channel => "channel_paused",
            ("POST", "/pause") => "paused",
            ("POST", "/resume") if kind == ActedOn::Channel => "channel_resumed",
            ("POST", "/resume") => "resumed",
            ("POST", "/retry") => "retried",
            ("POST", "/split") => "split",
            ("POST", "/move") => "moved",
            ("POST", "/opt-out") => "opted_out",
            ("POST", "/opt-in") => "opted_in",
            _ => return None,
        };
        Some((kind, what))
    }

    /// What it changes, if that may change what becomes of what waits; a new message does not.
    fn changes(&self) -> Option<ActedOn> {
        match (self.method, self.path) {
            ("GET", _) | ("POST", "/messages" | "/messages/preview") => None,
            (_, path) if path.starts_with("/messages/") => Some(ActedOn::Message),
            (_, path) if path.starts_with("/channels/") => Some(ActedOn::Channel),
            (_, path) if path.starts_with("/contacts") => Some(ActedOn::Contact),
            _ => None,
        }
    }

    /// The id in `path`, 0 when the route has none; `None` when it is another route's path.
    fn matches(&self, path: &str) -> Option<i64> {
        let (mut own, mut asked) = (self.path.split('/'), path.split('/'));
        let mut found = 0;
        loop {
            match (own.next(), asked.next()) {
                (None, None) => return Some(found),
                (Some("{id}"), Some(id)) if id.bytes().all(|byte| byte.is_ascii_digit()) => {
                    found = id.parse().ok().filter(|id| *id > 0)?;
                }
                (Some(own), Some(asked)) if own == asked => {}
                _ => return None,
            }
        }
    }
}

impl V1 {
    /// An API over its own connection to the database of `config`.
    pub fn new(config: Arc<Config>, clock: Arc<dyn Clock>, triggers: Arc<Triggers>) -> Self {
        let (store, under_way, walked) = Default::default();
        Self { config, clock, triggers, store, under_way, walked }
    }

    pub fn on(self, store: Store) -> Self {
        Self { store: Mutex::new(Some(store)), ..self }
    }

    pub(super) fn answer(&self, request: &mut Request, key: ApiKey) -> Response {
        let method = if request.method == "HEAD" { "GET" } else { request.method.as_str() };
        let path = request.path().strip_prefix(ROOT).unwrap_or_default().to_owned();
        let found: Vec<(&Route, i64)> =
            ROUTES.iter().filter_map(|route| Some((route, route.matches(&path)?))).collect();
        let Some((route, id)) = found.iter().find(|(route, _)| route.method == method) else {
            return match Self::allowed(&found) {
                None => Problem::not_found("there is nothing here: see /api/v1/openapi.json"),
                Some(allow) => Problem::new(405, "method_not_allowed", format!("use {allow}"))
                    .with("Allow", allow),
            }
            .response();
        };
        if key.can != Can::Both && key.can != route.needs {
            let words = format!("this key may only {}: `api-key add` makes others", key.can);
            return Problem::new(403, "key_has_no_right", words).response();
        }
        let mut uploaded = None;
        if request.path() == FILES_PATH {
            match files::take_in(self, request) {
                Ok(file) => uploaded = Some(file),
                Err(problem) => return problem.response(),
            }
        } else if let Err(refusal) = request.read_body() {
            return refusal;
        }
        let call = Call::new(self, request, key, *id, uploaded);
        call.answer(route).unwrap_or_else(Problem::response)
    }

    /// Answers a request that came in no other way than by this process: `mcp`.
    pub(crate) fn answer_own(&self, request: &mut Request, can: Can) -> Response {
        let key = ApiKey {
            id: 0,
            name: "mcp".to_owned(),
            can,
            created_at: None,
            expires_at: None,
            last_used_at: None,
            revoked_at: None,
        };
        self.answer(request, key)
    }

    /// The methods of a path, for `Allow`; `None` when there is no such path.
    fn allowed(found: &[(&Route, i64)]) -> Option<String> {
        let mut methods: Vec<&str> = found.iter().map(|(route, _)| route.method).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        (!methods.is_empty()).then(|| methods.join(", "))
    }

    /// Does `work` with the database; requests take turns.
    fn with_store<T>(&self, work: impl FnOnce(&mut Store) -> ApiResult<T>) -> ApiResult<T> {
        // A panic inside a transaction rolled it back.
        work(self.opened(&mut lock(&self.store))?)
    }

    fn opened<'s>(&self, store: &'s mut Option<Store>) -> ApiResult<&'s mut Store> {
        if store.is_none() {
            *store = Some(Store::open(&self.config.database_path)?);
        }
        store.as_mut().ok_or_else(Problem::unavailable)
    }

    /// Lets the senders look at once.
    fn wake(&self) {
        self.triggers.pull(Trigger::Timer, None);
    }
}

pub(super) fn is_api(path: &str) -> bool {
    path.strip_prefix(ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Lets a page of CORS_ORIGINS read the answer.
pub(super) fn share(answer: Response, origin: &str) -> Response {
    answer
        .with("Access-Control-Allow-Origin", origin)
        .with("Access-Control-Expose-Headers", "ETag, Location, Retry-After, Idempotency-Replayed")
        .with("Vary", "Origin")
}

pub(super) fn preflight() -> Response {
    Response { status: 204, ..Response::default() }
        .with("Access-Control-Allow-Methods", "GET, POST, PATCH, DELETE")
        .with(
            "Access-Control-Allow-Headers",
            "Authorization, Content-Type, Idempotency-Key, If-Match",
        )
        .with("Access-Control-Max-Age", "600")
}

#[expect(clippy::unnecessary_wraps, reason = "it is a route like the others")]
fn document(_: &Call<'_>) -> Answered {
    Ok(Response::new(200, "application/json", DOCUMENT))
}

#[cfg(test)]
mod tests {
    pub(super) mod document;
}
