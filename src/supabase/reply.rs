//! What a reply of PostgREST, of the gateway before it, or none at all means for a request.
//!
//! The question that matters after a write is whether it was applied: an error that the database
//! itself tells means no; anything that an intermediate server says, or no answer, tells nothing.

use std::time::Duration;

use serde_json::Value;

use crate::http_client::{NoReply, Reply};

/// More words of a server are not kept.
const WORDS_MAX: usize = 200;
/// A project that is paused or over its quota is so for long.
const PAUSED_WAIT: Duration = Duration::from_mins(15);
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

/// What Supabase tells.
pub(super) type Told<T> = Result<T, Trouble>;
/// The rows of an answer, or why there are none.
pub(super) type Answer = Told<Vec<Value>>;

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

/// Whether a request was done whose answer has no rows.
pub(super) fn done(reply: Result<Reply, NoReply>) -> Told<()> {
    match reply {
        Ok(reply) if (200..300).contains(&reply.status) => Ok(()),
        reply => read(reply).map(drop),
    }
}

pub(super) fn read(reply: Result<Reply, NoReply>) -> Told<Value> {
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

fn read_reply(reply: &Reply) -> Told<Value> {
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
    let kind = kind(reply.status, &code, body.is_some());
    let mut trouble = Trouble::new(kind, format!("{} {code} {message}", reply.status));
    if kind == Kind::Slow {
        let asked = reply.retry_after.as_deref().and_then(|text| text.trim().parse().ok());
        let asked = asked.map(|secs| Duration::from_secs(secs).min(WAIT_MAX));
        trouble.wait = asked.or((reply.status != 429).then_some(PAUSED_WAIT));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Real replies, recorded from PostgREST 12.0.2 and a gateway before it.
    fn recorded() -> serde_json::Map<String, Value> {
        let text = include_str!("../../tests/fixtures/supabase/replies.json");
        serde_json::from_str(text).unwrap()
    }

    fn answer(one: &Value) -> Answer {
        let body = match &one["body"] {
            Value::String(text) => text.clone().into_bytes(),
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        rows(Ok(Reply {
            status: u16::try_from(one["status"].as_u64().unwrap()).unwrap(),
            retry_after: one["retry_after"].as_str().map(str::to_owned),
            date: None,
            body,
            is_whole: true,
        }))
    }

    #[test]
    fn each_recorded_reply_means_what_the_design_says() {
        let kinds = [
            ("ambiguous_settle_504", Kind::Unknown),
            ("anon_claim_401_42501", Kind::Key),
            ("bad_apikey_401", Kind::Key),
            ("bad_filter_400", Kind::Refused),
            ("bad_json_400", Kind::Refused),
            ("claim_of_deleted_message_409", Kind::Gone),
            ("claim_without_resolution_409", Kind::Taken),
            ("contacts_bad_uuid_400", Kind::Filter),
            ("contacts_by_ids_100", Kind::Unknown),
            ("contacts_by_ids_1000_url_too_long", Kind::Filter),
            ("contacts_range_416", Kind::Refused),
            ("deliveries_bulk_keys_differ_400", Kind::Refused),
            ("deliveries_bulk_same_row_twice_500", Kind::Refused),
            ("gateway_503", Kind::NotApplied),
            ("get_channel_object_none", Kind::Refused),
            ("html_521", Kind::Unknown),
            ("jwt_wrong_signature_401", Kind::Key),
            ("max_affected", Kind::Refused),
            ("no_apikey_401", Kind::Key),
            ("patch_plus_not_encoded", Kind::Filter),
            ("postgres_down", Kind::NotApplied),
            ("postgres_down_3", Kind::NotApplied),
            ("postgres_down_again", Kind::NotApplied),
            ("postgrest_down_502", Kind::Unknown),
            ("rate_limit_429", Kind::Slow),
            ("schema_cache_stale_column", Kind::Schema),
            ("schema_cache_stale_post", Kind::Schema),
            ("settle_minimal_zero_rows_204", Kind::Unknown),
            ("settle_row_locked_timeout", Kind::NotApplied),
            ("status_sending_refused_400", Kind::Refused),
            ("unknown_column_400", Kind::Schema),
            ("unknown_column_in_body_400", Kind::Schema),
            ("unknown_rpc_404", Kind::Schema),
            ("unknown_table_404", Kind::Schema),
            ("user_claim_403_42501", Kind::Key),
            ("website_delete", Kind::Unknown),
        ];
        for (name, one) in recorded() {
            let expected = kinds.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
            assert_eq!(answer(&one).err().map(|trouble| trouble.kind), expected, "{name}");
        }
    }

    #[test]
    fn the_details_of_a_refusal_which_quote_whole_rows_are_not_kept() {
        let refused = answer(&recorded()["status_sending_refused_400"]).unwrap_err();
        let details = recorded()["status_sending_refused_400"]["body"]["details"].to_string();
        assert!(details.contains("Failing row contains") && refused.words.contains("23514"));
        assert!(!refused.words.contains("Failing row"), "{}", refused.words);
        assert_eq!(
            answer(&recorded()["rate_limit_429"]).unwrap_err().wait,
            Some(Duration::from_secs(7))
        );
    }
}
