//! One request of the API: its parameters, its body, and what can be wrong with them.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::files::Uploaded;
use super::{Route, USE_NOTED_EVERY, V1};
use crate::channels::ChannelError;
use crate::clock::{Timestamp, lock};
use crate::contacts::ContactError;
use crate::contacts::import::ImportError;
use crate::http::{Request, Response};
use crate::logging::in_one_line;
use crate::messages::ComposeError;
use crate::reason::Explanation;
use crate::store::{Act, ActedOn, ApiKey, Door, Store, StoreError};

/// Rows of a page when none is asked for, and the most.
const LIMIT: u32 = 50;
const LIMIT_MAX: u32 = 100;

pub(super) type ApiResult<T> = Result<T, Problem>;
pub(super) type Answered = ApiResult<Response>;

#[derive(Debug)]
pub(super) struct Problem {
    status: u16,
    code: &'static str,
    message: String,
    field: Option<String>,
    header: Option<(&'static str, String)>,
}

/// What a refusal says.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = Error))]
pub(super) struct ErrorView<'a> {
    /// Always `true`.
    error: bool,
    /// A stable name for programs: see docs/api.md.
    code: &'a str,
    /// The English sentence for people.
    message: &'a str,
    /// What of the request is wrong, as `text` or `to[3]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Page<T> {
    pub(super) data: Vec<T>,
    /// The `cursor` of the next page; `null` at the end.
    pub(super) next_cursor: Option<String>,
}

impl Problem {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), field: None, header: None }
    }

    pub(super) fn invalid(field: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), ..Self::new(422, code, message) }
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "not_found", message)
    }

    pub(super) fn unavailable() -> Self {
        Self::new(503, "unavailable", "the database cannot be used; see the log")
    }

    pub(super) fn with(self, name: &'static str, value: String) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    fn of_reason(status: u16, why: &Explanation, field: Option<&str>) -> Self {
        let code = why.code().unwrap_or(if status == 409 { "conflict" } else { "invalid" });
        Self { field: field.map(str::to_owned), ..Self::new(status, code, why.to_string()) }
    }

    pub(super) fn response(self) -> Response {
        let Self { status, code, message, field, header } = self;
        let body = ErrorView { error: true, code, message: &message, field: field.as_deref() };
        let answer = json(status, &body);
        header.into_iter().fold(answer, |answer, (name, value)| answer.with(name, value))
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        log::error!("http: a request of the API failed: {}", in_one_line(&error));
        Self::unavailable()
    }
}

impl From<ComposeError> for Problem {
    fn from(error: ComposeError) -> Self {
        match error {
            ComposeError::Refused(why) => Self::of_reason(409, &why, None),
            ComposeError::Field { field, why } => Self::of_reason(422, &why, Some(field)),
            ComposeError::Changed(why) => Self::of_reason(412, &why, None),
            ComposeError::MadeBefore(before) => {
                Self::new(409, "made_before", format!("it made message {}", before.id))
            }
            ComposeError::Store(error) => error.into(),
        }
    }
}

impl From<ContactError> for Problem {
    fn from(error: ContactError) -> Self {
        let words = error.to_string();
        match error {
            ContactError::NoSuchContact(_) => Self::not_found(words),
            ContactError::Phone(reason) => {
                Self::of_reason(422, &reason.into(), Some("phone_number"))
            }
            ContactError::Taken(_) => Self {
                field: Some("phone_number".to_owned()),
                ..Self::new(409, "number_taken", words)
            },
            ContactError::Refused(_) => Self::new(422, "invalid", words),
            ContactError::OptedOut(id) => Self::new(
                409,
                "opted_out",
                format!(
                    "contact {id} opted out, and only its row keeps messages away from the number: add \
                     `?forget_opt_out=true` to remove it all the same"
                ),
            ),
            ContactError::MadeBefore(_) => Self::new(409, "made_before", words),
            ContactError::Store(error) => error.into(),
        }
    }
}

impl From<ChannelError> for Problem {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::Refused(why) => Self::new(409, "conflict", why.to_string()),
            ChannelError::Store(error) => error.into(),
        }
    }
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Store(error) => error.into(),
            error @ (ImportError::Read(_) | ImportError::Watch(_) | ImportError::File(_)) => {
                Self::new(422, "list_unreadable", error.to_string())
            }
        }
    }
}

/// An answer in JSON that nobody may keep.
pub(super) fn json(status: u16, body: &impl Serialize) -> Response {
    // Our own views have text keys and no other trouble.
    let body = serde_json::to_vec(body).unwrap_or_default();
    Response::new(status, "application/json", body).with("Cache-Control", "no-store")
}

pub(super) struct Call<'a> {
    pub(super) v1: &'a V1,
    pub(super) request: &'a Request,
    pub(super) key: ApiKey,
    /// The id in the path.
    pub(super) id: i64,
    pub(super) now: Timestamp,
    /// The file that the body was, when the route takes one.
    pub(super) uploaded: Option<Uploaded>,
    query: Vec<(String, String)>,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        v1: &'a V1,
        request: &'a Request,
        key: ApiKey,
        id: i64,
        uploaded: Option<Uploaded>,
    ) -> Self {
        let query = request.target.split_once('?').map_or("", |(_, query)| query);
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { v1, request, key, id, now: v1.clock.now().wall, uploaded, query }
    }

    /// Answers it by its route, or as it was answered before.
    pub(super) fn answer(&self, route: &Route) -> Answered {
        self.check_query(route.query)?;
        if let Some(answer) = self.answered_before()? {
            return Ok(answer);
        }
        self.note_use()?;
        let answer = (route.answer)(self)?;
        match route.changes() {
            Some(ActedOn::Contact) => lock(&self.v1.walked).forget_small(),
            Some(_) => lock(&self.v1.walked).forget(),
            None => {}
        }
        if let Some((kind, what)) = route.act().filter(|_| answer.status < 300) {
            self.note_act(kind, what);
        }
        Ok(answer)
    }

    /// For the history that the panel shows.
    fn note_act(&self, kind: ActedOn, what: &str) {
        let act = Act {
            door: Door::Api,
            who: Some(self.key.name.clone()),
            what: what.to_owned(),
            kind: Some(kind),
            about: Some(self.id),
            number: None,
        };
        let note = |store: &mut Store| {
            store.note_done(&act, self.now);
            Ok(())
        };
        // The store is open: the change went through it.
        self.with_store(note).ok();
    }

    fn check_query(&self, known: &[&str]) -> ApiResult<()> {
        let is_known = |name: &str| {
            known
                .iter()
                .any(|known| *known == name || known.ends_with('.') && name.starts_with(known))
        };
        for (place, (name, _)) in self.query.iter().enumerate() {
            if !is_known(name) {
                let words = format!("there is no parameter `{name}`");
                return Err(Problem::invalid(name, "unknown_parameter", words));
            }
            if self.query[..place].iter().any(|(other, _)| other == name) {
                let words = format!("the parameter `{name}` stands there twice");
                return Err(Problem::invalid(name, "repeated_parameter", words));
            }
        }
        Ok(())
    }

    fn note_use(&self) -> ApiResult<()> {
        let noted = self.now.minus(USE_NOTED_EVERY);
        if self.key.last_used_at.is_some_and(|at| at > noted) {
            return Ok(());
        }
        self.v1.with_store(|store| Ok(store.write(|tx| tx.note_api_key(self.key.id, self.now))?))
    }

    pub(super) fn with_store<T>(
        &self,
        work: impl FnOnce(&mut Store) -> ApiResult<T>,
    ) -> ApiResult<T> {
        self.v1.with_store(work)
    }

    /// A parameter of the query; one that is empty is as good as none.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let named = self.query.iter().find(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The parameter whose name begins so, with the rest of its name.
    pub(super) fn parameter_after(&self, prefix: &str) -> Option<(&str, &str)> {
        self.query
            .iter()
            .find_map(|(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
    }

    /// A parameter that `read` understands; `wanted` says what it should be.
    pub(super) fn parsed<T>(
        &self,
        name: &str,
        wanted: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> ApiResult<Option<T>> {
        let Some(text) = self.parameter(name) else { return Ok(None) };
        let wrong = || Problem::invalid(name, "invalid", format!("`{name}` must be {wanted}"));
        read(text).ok_or_else(wrong).map(Some)
    }

    pub(super) fn flag(&self, name: &str) -> ApiResult<bool> {
        let read = |text: &str| text.parse().ok();
        Ok(self.parsed(name, "true or false", read)?.unwrap_or(false))
    }

    pub(super) fn limit(&self) -> ApiResult<u32> {
        let wanted = format!("a number from 1 to {LIMIT_MAX}");
        let in_range = |limit: &u32| (1..=LIMIT_MAX).contains(limit);
        let read = |text: &str| text.parse().ok().filter(in_range);
        Ok(self.parsed("limit", &wanted, read)?.unwrap_or(LIMIT))
    }

    /// The id after which a page of a list begins, newest first; the first page without one.
    pub(super) fn cursor(&self) -> ApiResult<Option<i64>> {
        let read = |text: &str| text.parse().ok().filter(|id: &i64| *id > 0);
        self.parsed("cursor", "the `next_cursor` of the page before", read)
    }

    /// The body; without one what is usual.
    pub(super) fn body_or_default<T: DeserializeOwned + Default>(&self) -> ApiResult<T> {
        if self.request.body.is_empty() { Ok(T::default()) } else { self.body() }
    }

    pub(super) fn body<T: DeserializeOwned>(&self) -> ApiResult<T> {
        self.check_is_object()?;
        let mut text = serde_json::Deserializer::from_slice(&self.request.body);
        let read = serde_path_to_error::deserialize(&mut text);
        let read =
            read.map_err(|error| unreadable(error.path().to_string(), &error.into_inner()))?;
        let end = text.end();
        end.map_err(|_| Problem::new(400, "not_json", "something follows the JSON of the body"))?;
        Ok(read)
    }

    fn check_is_object(&self) -> ApiResult<()> {
        let content_type = self.request.header("Content-Type").unwrap_or("application/json");
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            let words = "send JSON, and say so: `Content-Type: application/json`";
            return Err(Problem::new(415, "not_json", words));
        }
        // Else a list of values would do for an object.
        if self.request.body.trim_ascii_start().starts_with(b"[") {
            return Err(Problem::new(422, "invalid", "the body must be a JSON object"));
        }
        Ok(())
    }

    /// Refuses a change of what is not as the caller saw it; `stamp` is how it is now.
    pub(super) fn check_seen(&self, stamp: &str) -> ApiResult<()> {
        let Some(seen) = self.request.header("If-Match") else {
            let words = "send the header `If-Match` with the ETag of what you saw";
            return Err(Problem::new(428, "if_match_missing", words));
        };
        let is_seen = seen.split(',').map(str::trim).any(|one| one == "*" || one == etag(stamp));
        if is_seen {
            return Ok(());
        }
        let words = "it was changed since you looked at it: look again";
        Err(Problem::new(412, "changed_meanwhile", words))
    }
}

/// What is wrong with a body that is JSON, or is none.
fn unreadable(path: String, error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        return Problem::new(400, "not_json", format!("the body is no JSON: {error}"));
    }
    let words = error.to_string();
    // Of a name that is missing or not known, only the words tell.
    let named = words.split('`').nth(1).filter(|_| path == "." || path == "?");
    let field = named.map_or(path, str::to_owned);
    let code = if words.starts_with("unknown field") { "unknown_field" } else { "invalid" };
    Problem::invalid(&field, code, words)
}

pub(super) fn etag(stamp: &str) -> String {
    format!("\"{stamp}\"")
}
