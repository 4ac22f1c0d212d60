//! Requests that come twice: the first answer to an Idempotency-Key is kept in the transaction of what it tells, and
//! given again. A crash leaves both or neither.

use super::call::{Answered, ApiResult, Call, Problem};
use super::{V1, keys};
use crate::clock::lock;
use crate::fail_point;
use crate::http::Response;
use crate::store::{KeptAnswer, Store};

const HEADER: &str = "Idempotency-Key";
const KEY_BYTES_MAX: usize = 255;

struct Turn<'a> {
    v1: &'a V1,
    key: (i64, String),
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        lock(&self.v1.under_way).retain(|key| *key != self.key);
    }
}

impl Call<'_> {
    fn idempotency_key(&self) -> ApiResult<Option<&str>> {
        let key = self.request.header(HEADER).filter(|_| self.request.method == "POST");
        let is_fit = |key: &str| {
            (1..=KEY_BYTES_MAX).contains(&key.len())
                && key.bytes().all(|b| (b' '..=b'~').contains(&b))
        };
        match key {
            Some(key) if !is_fit(key) => Err(Problem::invalid(
                HEADER,
                "invalid",
                format!("the header `{HEADER}` must have 1 to {KEY_BYTES_MAX} characters"),
            )),
            key => Ok(key),
        }
    }

    /// What the same key must come with: of a file, whose bytes were not kept in memory, its SHA-256
    /// and what it is called.
    fn fingerprint(&self) -> String {
        let head = format!("{} {}\n", self.request.method, self.request.target);
        let file = self.uploaded.as_ref().map(|(stored, filename)| {
            [stored.name.as_str(), filename.as_deref().unwrap_or_default()].concat()
        });
        let file = file.unwrap_or_default();
        keys::hex(&[head.as_bytes(), &self.request.body, file.as_bytes()].concat())
    }

    pub(super) fn answered_before(&self) -> ApiResult<Option<Response>> {
        let Some(key) = self.idempotency_key()? else { return Ok(None) };
        self.with_store(|store| self.kept(store, key))
    }

    fn kept(&self, store: &mut Store, key: &str) -> ApiResult<Option<Response>> {
        let Some(kept) = store.read(|tx| tx.kept_answer(self.key.id, key, self.now))? else {
            return Ok(None);
        };
        if kept.request != self.fingerprint() {
            let words = "this Idempotency-Key came with another request before: give each its own";
            return Err(Problem::invalid(HEADER, "idempotency_key_reused", words));
        }
        let answer = Response::new(kept.status, "application/json", kept.body);
        let answer = answer.with("Cache-Control", "no-store").with("Idempotency-Replayed", "true");
        let headers = [("Location", kept.location), ("ETag", kept.etag)];
        let headers = headers.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Ok(Some(headers.fold(answer, |answer, (name, value)| answer.with(name, value))))
    }

    /// Does `work` once for an Idempotency-Key, and keeps its answer with what it does; without a key, does it.
    pub(super) fn once(&self, work: impl FnOnce(&mut Store) -> Answered) -> Answered {
        self.once_boxed(Box::new(work))
    }

    /// The same, compiled once for all routes.
    fn once_boxed(&self, work: Box<dyn FnOnce(&mut Store) -> Answered + '_>) -> Answered {
        let Some(key) = self.idempotency_key()? else { return self.with_store(work) };
        let _turn = self.take_turn(key)?;
        self.with_store(|store| {
            store.together(|store| {
                // Another process may have answered it meanwhile.
                if let Some(answer) = self.kept(store, key)? {
                    return Ok(answer);
                }
                let answer = work(store)?;
                fail_point::reach("api_answer_made");
                let header = |name| {
                    let found = answer.headers.iter().find(|(known, _)| *known == name);
                    found.map(|(_, value)| value.clone())
                };
                let kept = KeptAnswer {
                    request: self.fingerprint(),
                    status: answer.status,
                    location: header("Location"),
                    etag: header("ETag"),
                    body: String::from_utf8_lossy(&answer.body).into_owned(),
                };
                store.write(|tx| tx.keep_answer(self.key.id, key, &kept, self.now))?;
                fail_point::reach("api_answer_kept");
                Ok(answer)
            })
        })
    }

    fn take_turn(&self, key: &str) -> ApiResult<Turn<'_>> {
        let key = (self.key.id, key.to_owned());
        let mut under_way = lock(&self.v1.under_way);
        if under_way.contains(&key) {
            let words = "a request with this Idempotency-Key is under way: ask again in a moment";
            let problem = Problem::new(409, "request_under_way", words);
            return Err(problem.with("Retry-After", "1".to_owned()));
        }
        under_way.push(key.clone());
        Ok(Turn { v1: self.v1, key })
    }
}
