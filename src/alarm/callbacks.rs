//! Callbacks: what the table `callbacks` has waiting is posted to CALLBACK_URL, signed as Standard
//! Webhooks has it (<https://www.standardwebhooks.com>).
//!
//! At least once: a callback is marked after the receiver took it. Should the program die in between,
//! it is told again with the same `webhook-id`. Facts of one subject (a message with its deliveries)
//! are told in their order; where one fails, the others do not wait for it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::telling::{NotTold, Trouble, taken};
use crate::clock::{Clock, Now, Timestamp};
use crate::config::CallbackTarget;
use crate::fail_point;
use crate::http_client::HttpClient;
use crate::logging::in_one_line;
use crate::recipient::mask_numbers;
use crate::store::{Callback, Store, StoreError};

/// For one call, from the look-up of the name to the end of the answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// How often the table is looked at: other processes write it too.
const LOOK: Duration = Duration::from_secs(2);
const WAITING_MAX: u32 = 100_000;
/// How often what waits is counted.
const COUNT_EVERY: Duration = Duration::from_secs(30);
/// After each failed attempt of a callback; the last one again and again.
const GAPS_SECS: [u64; 8] = [5, 30, 120, 600, 1800, 3600, 3 * 3600, 6 * 3600];
/// A callback is tried for so long after its first attempt.
const TRIED_FOR: Duration = Duration::from_hours(72);
/// Between calls to a receiver that fails each of them, from the first failure on.
const REST_SECS: [u64; 5] = [5, 10, 30, 60, 120];
const ERROR_CHARS_MAX: usize = 200;

pub struct Callbacks {
    store: Store,
    target: CallbackTarget,
    client: HttpClient,
    /// No call before, on the monotonic clock.
    ready_at: Duration,
    /// When those that wait are counted next, on the monotonic clock.
    next_count: Duration,
    /// In a row.
    failures: usize,
    trouble: Trouble,
    waiting_max: u32,
}

impl Callbacks {
    pub fn new(store: Store, target: CallbackTarget, client: HttpClient) -> Self {
        Self {
            store,
            target,
            client,
            ready_at: Duration::ZERO,
            next_count: Duration::ZERO,
            failures: 0,
            trouble: Trouble::default(),
            waiting_max: WAITING_MAX,
        }
    }

    /// The same with another limit, for tests.
    pub fn with_waiting_max(self, waiting_max: u32) -> Self {
        Self { waiting_max, ..self }
    }

    /// Tells the next callback, if its time has come. Returns when to come back at the latest.
    pub fn step(&mut self, now: Now) -> Option<Duration> {
        let told = self.try_step(now);
        Some(told.unwrap_or_else(|error| {
            // Whoever sends meets the same database, and says more of it.
            log::debug!("callbacks: the database cannot be used: {}", in_one_line(&error));
            LOOK
        }))
    }

    /// Tells what waits until it is told, the receiver fails, or it is `until` on the monotonic clock.
    pub(crate) fn last_words(&mut self, clock: &dyn Clock, until: Duration) {
        while clock.now().monotonic < until
            && self.failures == 0
            && self.tell(clock.now()).is_ok_and(|is_told| is_told)
        {}
    }

    fn try_step(&mut self, now: Now) -> Result<Duration, StoreError> {
        if self.next_count <= now.monotonic {
            self.next_count = now.monotonic + COUNT_EVERY;
            self.drop_too_many()?;
        }
        if self.ready_at <= now.monotonic && self.tell(now)? {
            return Ok(Duration::ZERO);
        }
        Ok(self.ready_at.saturating_sub(now.monotonic).max(LOOK))
    }

    fn drop_too_many(&mut self) -> Result<(), StoreError> {
        let max = self.waiting_max;
        if self.store.read(|tx| tx.callback_counts())?.waiting <= u64::from(max) {
            return Ok(());
        }
        let dropped = self.store.write(|tx| tx.drop_callbacks(max))?;
        log::warn!("callbacks: more than {max} wait, the oldest were dropped untold: {dropped}");
        Ok(())
    }

    /// Returns whether there was something to tell, and it was told.
    fn tell(&mut self, now: Now) -> Result<bool, StoreError> {
        let Some(callback) = self.store.read(|tx| tx.next_callback(now.wall))? else {
            return Ok(false);
        };
        let body = body(&callback, self.target.has_numbers);
        fail_point::reach("callback_read");
        match post(&self.client, &self.target, &callback.webhook_id, &body, now.wall) {
            Ok(()) => {
                fail_point::reach("callback_taken");
                self.store.write(|tx| tx.note_callback_told(callback.id, now.wall))?;
                self.failures = 0;
                if self.trouble.ends() {
                    log::info!("callbacks: CALLBACK_URL takes them again");
                }
                Ok(true)
            }
            Err(why) => {
                self.note_failure(&callback, &why, now)?;
                Ok(false)
            }
        }
    }

    fn note_failure(
        &mut self,
        callback: &Callback,
        why: &NotTold,
        now: Now,
    ) -> Result<(), StoreError> {
        if self.trouble.begins(now.monotonic) {
            log::warn!("callbacks: CALLBACK_URL does not take them, tried later: {why}");
        }
        let rest = REST_SECS[self.failures.min(REST_SECS.len() - 1)];
        self.failures += 1;
        self.ready_at = now.monotonic + Duration::from_secs(rest);
        let (id, first) = (callback.id, callback.first_attempt_at.unwrap_or(now.wall));
        let next = (now.wall.since(first) < TRIED_FOR).then(|| {
            let tried = usize::try_from(callback.attempts).unwrap_or(usize::MAX);
            now.wall.plus(Duration::from_secs(GAPS_SECS[tried.min(GAPS_SECS.len() - 1)]))
        });
        let error: String = why.to_string().chars().take(ERROR_CHARS_MAX).collect();
        self.store.write(|tx| tx.note_callback_not_told(id, &error, next, now.wall))?;
        if next.is_none() {
            log::warn!("callback {id}: given up after 3 days: {why}");
        }
        Ok(())
    }
}

/// The JSON that is posted. Numbers and names go along only when `has_numbers`.
fn body(callback: &Callback, has_numbers: bool) -> String {
    // What cannot be read is told without data: the fact itself is known.
    let mut data: Value = serde_json::from_str(&callback.data).unwrap_or(Value::Null);
    if let Value::Object(fields) = &mut data
        && !has_numbers
    {
        fields.remove("to");
        fields.remove("name");
        if let Some(Value::String(error)) = fields.get_mut("error") {
            *error = mask_numbers(error.split(": ").next().unwrap_or_default());
        }
    }
    json!({ "type": callback.event, "timestamp": callback.created_at, "data": data }).to_string()
}

/// Posts a callback with the headers of Standard Webhooks. `at` is when it is tried: receivers
/// refuse what is older than a few minutes.
fn post(
    client: &HttpClient,
    target: &CallbackTarget,
    id: &str,
    body: &str,
    at: Timestamp,
) -> Result<(), NotTold> {
    let seconds = at.secs().to_string();
    let mut mac =
        Hmac::<Sha256>::new_from_slice(&target.key()).expect("HMAC takes a key of any length");
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let headers =
        [("webhook-id", id), ("webhook-timestamp", &seconds), ("webhook-signature", &signature)];
    let reply = client.post_json(target.url.reveal(), &headers, body.as_bytes().to_vec());
    taken(&target.url, reply)
}

pub(super) fn client() -> HttpClient {
    HttpClient::new(CALL_TIMEOUT).brief(CALL_TIMEOUT)
}

pub(crate) fn try_callback(target: &CallbackTarget, at: Timestamp) -> Result<(), NotTold> {
    let id = format!("msg_test_{:032x}", fastrand::u128(..));
    let body = json!({ "type": "test", "timestamp": at, "data": {} }).to_string();
    post(&client(), target, &id, &body, at)
}
