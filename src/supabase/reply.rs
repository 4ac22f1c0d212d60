//! What a reply of PostgREST, of the gateway before it, or none at all means for a request.
//!
//! The question that matters after a write is whether it was applied: an error that the database
//! itself tells means no; anything that an intermediate server says, or no answer, tells nothing.

use std::time::Duration;

use serde_json::Value;

use crate::http_client::{NoReply, Reply};

/// More words of a server are not kept.
const WORDS_MAX: usize = 200;
const WAIT_MAX: Duration = Duration::from_hours(6);

/// What became of a request that has no rows for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The database or the gateway did not do it: repeat it later.
    NotApplied,
    /// Too many requests, or the project is paused or over its quota.
    Slow,
    /// It may have been done.
    Unknown,
    /// The key is not accepted.
    Key,
    /// The clocks disagree about the key's times.
    Clock,
    /// A table or a column is not there, or not known yet.
    Schema,
    /// A value in the filter, or its length: a smaller page may go through.
    Filter,
    /// Somebody has that row already.
    Taken,
    /// The row that it belongs to is not there any more.
    Gone,
    /// The request itself is wrong.
    Refused,
}

/// A request without rows for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) kind: Kind,
    /// For a person: code and message of the server. Never its `details`, which quote whole rows.
    pub(super) words: String,
    /// How long the server wants to be left alone.
    pub(super) wait: Option<Duration>,
}

/// The rows of an answer, or why there are none.
pub(super) type Answer = Result<Vec<Value>, Trouble>;

impl Trouble {
    pub(super) fn new(kind: Kind, words: impl Into<String>) -> Self {
        let words: String = words.into();
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        Self { kind, words: words.chars().take(WORDS_MAX).collect(), wait: None }
    }
}

/// Reads the rows that came back. One object instead of a list comes from somebody else.
pub(super) fn rows(reply: Result<Reply, NoReply>) -> Answer {
    match read(reply)? {
        Value::Array(rows) => Ok(rows),
        _ => Err(Trouble::new(Kind::Unknown, "an answer that is no list of rows")),
    }
}

/// Reads what came back.
pub(super) fn read(reply: Result<Reply, NoReply>) -> Result<Value, Trouble> {
    match reply {
        Err(NoReply::NotSent(why)) => {
            Err(Trouble::new(Kind::NotApplied, format!("no connection: {why}")))
        }
        Err(NoReply::MaybeSent(why)) => {
            Err(Trouble::new(Kind::Unknown, format!("no answer: {why}")))
        }
        Ok(reply) => read_reply(&reply),
    }
}

fn read_reply(reply: &Reply) -> Result<Value, Trouble> {
    let body: Option<Value> =
        reply.is_whole.then(|| serde_json::from_slice(&reply.body).ok()).flatten();
    if (200..300).contains(&reply.status) {
        // A cut body: the request was done, and we do not know what it gave.
        let words = format!("{} with an answer that cannot be read", reply.status);
        return body.ok_or_else(|| Trouble::new(Kind::Unknown, words));
    }
    let field = |name: &str| {
        body.as_ref().and_then(|body| body[name].as_str()).unwrap_or_default().to_owned()
    };
    let (code, message) = (field("code"), field("message"));
    let is_json = body.is_some();
    let kind = kind(reply.status, &code, is_json);
    let mut trouble = Trouble::new(kind, format!("{} {code} {message}", reply.status));
    if kind == Kind::Slow {
        let asked = reply.retry_after.as_deref().and_then(|text| text.trim().parse().ok());
        trouble.wait = asked.map(|secs| Duration::from_secs(secs).min(WAIT_MAX));
    }
    Err(trouble)
}

fn kind(status: u16, code: &str, is_json: bool) -> Kind {
    match (status, code) {
        (_, "42703" | "42P01" | "PGRST200" | "PGRST204" | "PGRST205") => Kind::Schema,
        (
            _,
            "57014" | "40P01" | "40001" | "55P03" | "PGRST000" | "PGRST001" | "PGRST002"
            | "PGRST003",
        ) => Kind::NotApplied,
        (_, "21000" | "23514" | "PGRST100" | "PGRST102") => Kind::Refused,
        (_, "23505") => Kind::Taken,
        (_, "23503") => Kind::Gone,
        (_, "42501" | "PGRST301" | "PGRST302") => Kind::Key,
        (_, "PGRST303") => Kind::Clock,
        (_, "22P02" | "22007" | "22008") | (413 | 414 | 431, _) => Kind::Filter,
        (402 | 429 | 540, _) => Kind::Slow,
        (401 | 403, _) => Kind::Key,
        (404, _) => Kind::Schema,
        (409, _) => Kind::Taken,
        // The gateway did not get as far as PostgREST, and says so in JSON.
        (503, "") if is_json => Kind::NotApplied,
        // PostgREST has a code for whatever the database refused.
        (400..=499, _) => Kind::Refused,
        (500, code) if !code.is_empty() => Kind::NotApplied,
        _ => Kind::Unknown,
    }
}
