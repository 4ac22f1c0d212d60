//! The tables of the API: `api_keys`, and `api_answers`, the first answer to each request that had an
//! Idempotency-Key.

use std::time::Duration;

use rusqlite::Row;

use super::statements::{params, read};
use super::{SqlResult, Tx, seen_time};
use crate::clock::Timestamp;
use crate::text_enum::text_enum;

const ANSWERS_LAST: Duration = Duration::from_hours(7 * 24);
/// Old answers that one request drops: it writes one.
const DROPPED_MAX: u32 = 50;

text_enum! {
    /// What a key may do, as `api_keys.can` has it.
    pub enum Can {
        Read = "read",
        Write = "write",
        Both = "read,write",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ApiKey {
    #[serde(skip)]
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) can: Can,
    pub(crate) created_at: Option<Timestamp>,
    /// `None` for never.
    pub(crate) expires_at: Option<Timestamp>,
    /// Within a minute.
    pub(crate) last_used_at: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
}

/// The answer to a request with an Idempotency-Key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptAnswer {
    /// SHA-256 of the request.
    pub(crate) request: String,
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) etag: Option<String>,
    pub(crate) body: String,
}

const KEY: &str = "id, name, can, created_at, expires_at, last_used_at, revoked_at";

impl ApiKey {
    fn from_row(row: &Row<'_>) -> SqlResult<Self> {
        read! { row => Self {
            id, name, can, seen_time created_at, seen_time expires_at, seen_time last_used_at,
            seen_time revoked_at,
        } }
    }
}

impl Tx<'_> {
    /// Adds a key by its hash. Returns whether no other one that is good has this name.
    pub(crate) fn add_api_key(
        &self,
        (name, hash): (&str, &str),
        can: Can,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> SqlResult<bool> {
        let sql = "INSERT INTO api_keys (name, hash, can, created_at, expires_at)
                   SELECT :name, :hash, :can, :now, :expires_at WHERE NOT EXISTS
                       (SELECT 1 FROM api_keys WHERE name = :name AND revoked_at IS NULL)";
        self.change(sql, params! { name, hash, can, now, expires_at })
    }

    /// All keys, those that were revoked too, by id.
    pub(crate) fn api_keys(&self) -> SqlResult<Vec<ApiKey>> {
        self.query_rows(&format!("SELECT {KEY} FROM api_keys ORDER BY id"), &[], ApiKey::from_row)
    }

    /// The key with this hash, when it is good at `now`.
    pub(crate) fn api_key(&self, hash: &str, now: Timestamp) -> SqlResult<Option<ApiKey>> {
        let sql = format!("SELECT {KEY} FROM api_keys WHERE hash = :hash AND revoked_at IS NULL");
        let found = self.query_optional(&sql, params! { hash }, ApiKey::from_row)?;
        Ok(found.filter(|key| key.expires_at.is_none_or(|at| at > now)))
    }

    pub(crate) fn has_api_keys(&self, now: Timestamp) -> SqlResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM api_keys
                       WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now))";
        self.query_value(sql, params! { now })
    }

    pub(crate) fn note_api_key(&self, id: i64, now: Timestamp) -> SqlResult<()> {
        let sql = "UPDATE api_keys SET last_used_at = :now WHERE id = :id";
        self.execute_sql(sql, params! { id, now })
    }

    /// Makes a key useless. Returns whether a good one had this name.
    pub(crate) fn revoke_api_key(&self, name: &str, now: Timestamp) -> SqlResult<bool> {
        let sql = "UPDATE api_keys SET revoked_at = :now WHERE name = :name AND revoked_at IS NULL";
        self.change(sql, params! { name, now })
    }

    /// The first answer to the request with this Idempotency-Key of an API key, for 7 days.
    pub(crate) fn kept_answer(
        &self,
        api_key_id: i64,
        idempotency_key: &str,
        now: Timestamp,
    ) -> SqlResult<Option<KeptAnswer>> {
        let sql = "SELECT request, status, location, etag, body FROM api_answers
                   WHERE api_key_id = :api_key_id AND idempotency_key = :idempotency_key
                       AND kept_at >= :oldest";
        let oldest = now.minus(ANSWERS_LAST);
        self.query_optional(sql, params! { api_key_id, idempotency_key, oldest }, |row| {
            read! { row => KeptAnswer { request, status, location, etag, body } }
        })
    }

    /// Keeps an answer, and drops old ones.
    pub(crate) fn keep_answer(
        &self,
        api_key_id: i64,
        idempotency_key: &str,
        answer: &KeptAnswer,
        now: Timestamp,
    ) -> SqlResult<()> {
        let old = "DELETE FROM api_answers WHERE (api_key_id, idempotency_key) IN
                       (SELECT api_key_id, idempotency_key FROM api_answers
                        WHERE kept_at < :oldest LIMIT :max)";
        let (oldest, max) = (now.minus(ANSWERS_LAST), DROPPED_MAX);
        self.execute_sql(old, params! { oldest, max })?;
        let sql = "INSERT OR REPLACE INTO api_answers
                       (api_key_id, idempotency_key, request, status, location, etag, body, kept_at)
                   VALUES (:api_key_id, :idempotency_key, :request, :status, :location, :etag, :body, :now)";
        let params = params! {
            api_key_id, idempotency_key, now, answer.{ request, status, location, etag, body },
        };
        self.execute_sql(sql, params)
    }
}
