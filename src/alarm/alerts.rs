//! Alerts: what the table `alerts` has waiting is posted to ALERT_URL as JSON, oldest first.
//!
//! Told once: it is marked after the receiver took it. Should the program die in between, it is told
//! again with the same `id`. Many of a kind become one alert, so that a bad day is no flood.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::place;
use super::stale::Watch;
use super::telling::{Trouble, post_alert};
use crate::clock::{Clock, Now, Timestamp};
use crate::config::Secret;
use crate::http_client::HttpClient;
use crate::logging::in_one_line;
use crate::recipient::mask_numbers;
use crate::store::{Alert, Store, StoreError};
use crate::trigger::Triggers;

/// How often the table is looked at when no bell rings: a person may have changed a channel.
const LOOK: Duration = Duration::from_secs(30);
/// Between two alerts: receivers for people limit them.
const PACE: Duration = Duration::from_secs(1);
/// After each failure in a row.
const GAPS_SECS: [u64; 6] = [10, 30, 60, 300, 900, 3600];
/// Then an alert is given up; by then it waited for some hours.
const ATTEMPTS_MAX: u32 = 10;
const BATCH: u32 = 200;
/// More than these of one kind become one.
const SINGLE_MAX: usize = 3;
const REASON_CHARS_MAX: usize = 300;

pub struct Alerts {
    store: Store,
    url: Secret,
    client: HttpClient,
    watch: Watch,
    triggers: Arc<Triggers>,
    database: PathBuf,
    /// When staleness is looked at next, on the monotonic clock.
    next_watch: Duration,
    /// No call before, on the monotonic clock.
    ready_at: Duration,
    failures: usize,
    trouble: Trouble,
    /// Whether `meta` may say that triggers stay away.
    may_be_stale: bool,
    /// When triggers were last looked at, as far as it is known here.
    looked_at: Option<Now>,
}

impl Alerts {
    pub fn new(
        store: Store,
        url: Secret,
        client: HttpClient,
        watch: Watch,
        triggers: Arc<Triggers>,
    ) -> Self {
        let database = store.path().to_owned();
        Self {
            store,
            url,
            client,
            watch,
            triggers,
            database,
            next_watch: Duration::ZERO,
            ready_at: Duration::ZERO,
            failures: 0,
            trouble: Trouble::default(),
            may_be_stale: true,
            looked_at: None,
        }
    }

    /// Tells the next alert, if its time has come. Returns when to come back at the latest.
    pub fn step(&mut self, now: Now) -> Option<Duration> {
        let told = self.try_step(now);
        let wait = told.unwrap_or_else(|error| {
            // Whoever sends meets the same database, and says more of it.
            log::debug!("alerts: the database cannot be used: {}", in_one_line(&error));
            LOOK
        });
        Some(wait)
    }

    /// Tells what waits until it is told, the receiver fails, or it is `until` on the monotonic clock.
    pub(crate) fn last_words(&mut self, clock: &dyn Clock, until: Duration) {
        while clock.now().monotonic < until
            && self.failures == 0
            && self.tell(clock.now()).is_ok_and(|is_told| is_told)
        {}
    }

    fn try_step(&mut self, now: Now) -> Result<Duration, StoreError> {
        self.watch_triggers(now)?;
        if self.ready_at <= now.monotonic {
            self.tell(now)?;
        }
        let rest = self.ready_at.saturating_sub(now.monotonic);
        Ok(if rest.is_zero() { LOOK } else { rest.min(LOOK) })
    }

    fn watch_triggers(&mut self, now: Now) -> Result<(), StoreError> {
        // Only a trigger that came says that they come again; a start alone does not.
        let looked_at = self.triggers.looked_at();
        if looked_at != self.looked_at {
            if self.may_be_stale {
                self.store.write(|tx| tx.end_stale().map(drop))?;
                self.may_be_stale = false;
            }
            self.looked_at = looked_at;
        }
        if now.monotonic < self.next_watch {
            return Ok(());
        }
        self.next_watch = now.monotonic + LOOK;
        if !self.watch.is_quiet(&self.triggers, now) {
            return Ok(());
        }
        let Some(since) = self.store.read(|tx| self.watch.stale_since(tx, now.wall))? else {
            return Ok(());
        };
        self.may_be_stale = true;
        if self.store.write(|tx| tx.begin_stale(since, now.wall))? {
            log::warn!("alarm: no trigger comes, and messages wait since {since}");
        }
        Ok(())
    }

    /// Returns whether there was something to tell, and it was told.
    fn tell(&mut self, now: Now) -> Result<bool, StoreError> {
        let waiting = self.store.read(|tx| tx.waiting_alerts(BATCH))?;
        let Some(first) = waiting.first() else { return Ok(false) };
        let alike: Vec<&Alert> = waiting.iter().filter(|one| one.event == first.event).collect();
        let (more, last) = match alike.as_slice() {
            [.., last] if alike.len() > SINGLE_MAX => (alike.len() - 1, last.id),
            _ => (0, first.id),
        };
        let body = describe(first, more, &self.database);
        match post_alert(&self.client, &self.url, &body) {
            Ok(()) => {
                self.store.write(|tx| tx.note_told(&first.event, first.id, last))?;
                self.failures = 0;
                self.ready_at = now.monotonic + PACE;
                if self.trouble.ends() {
                    log::info!("alerts: ALERT_URL takes them again");
                }
                Ok(true)
            }
            Err(why) => {
                let gap = GAPS_SECS[self.failures.min(GAPS_SECS.len() - 1)];
                self.failures += 1;
                self.ready_at = now.monotonic + Duration::from_secs(gap);
                if self.trouble.begins(now.monotonic) {
                    log::warn!("alerts: ALERT_URL does not take them, tried later: {why}");
                }
                let given_up = self.store.write(|tx| tx.note_not_told(ATTEMPTS_MAX))?;
                if given_up > 0 {
                    log::warn!("alerts: given up, nobody was told: {given_up}");
                }
                Ok(false)
            }
        }
    }
}

/// What is posted. `more` is how many others of its kind it stands for.
fn describe(alert: &Alert, more: usize, database: &Path) -> Value {
    let (host, file) = place(database);
    let reason = alert.reason.as_deref().map(|reason| ours(&alert.event, reason));
    let channel = alert.channel.as_ref().map(|(id, name)| (*id, mask_numbers(name)));
    let sentence = sentence(alert, channel.as_ref(), reason.as_deref());
    let others = if more == 0 { String::new() } else { format!(" (and {more} more like it)") };
    json!({
        "id": alert.id,
        "event": alert.event,
        "text": format!("auto-message-scheduler ({file} on {host}): {sentence}{others}"),
        "at": alert.created_at,
        "channel_id": channel.as_ref().map(|(id, _)| id),
        "channel": channel.as_ref().map(|(_, name)| name),
        "message_id": alert.auto_message_id,
        "due_at": alert.due_at,
        "reason": reason,
        "count": alert.count.max(1),
        "more": more,
        "host": host,
        "database": file,
    })
}

fn sentence(alert: &Alert, channel: Option<&(i64, String)>, reason: Option<&str>) -> String {
    let channel = channel.map_or_else(String::new, |(id, name)| format!("channel {id} ({name})"));
    let message = alert.auto_message_id.map_or_else(String::new, |id| format!("message {id}"));
    let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    match alert.event.as_str() {
        "session_stopped" => format!("{channel} is held, its session is not WORKING{reason}"),
        "channel_held" => format!("{channel} is held{reason}"),
        "channel_freed" => format!("{channel} is free again"),
        "message_failed" => format!("{message} failed{reason}"),
        "deliveries_unknown" => {
            let count = alert.count.max(1);
            format!("{message}: {count} unknown: they may have gone out, and are looked up")
        }
        "no_trigger" => {
            let since = alert.due_at.map(|at| format!(", since {at}")).unwrap_or_default();
            format!("no trigger comes, and messages wait to be sent{since}: is cron running?")
        }
        "link_trouble" | "link_over" => format!("the link to Supabase{reason}"),
        "test" => "this is a test".to_owned(),
        other => format!("{other}{reason}"),
    }
}

/// Of the reason for a hold only our own words: nobody knows what WAHA repeats.
fn ours(event: &str, reason: &str) -> String {
    let is_hold = matches!(event, "session_stopped" | "channel_held");
    let own = if is_hold { reason.split(": ").next().unwrap_or_default() } else { reason };
    mask_numbers(own).chars().take(REASON_CHARS_MAX).collect()
}

pub(super) fn test(database: &Path, at: Timestamp) -> Value {
    let alert = Alert { event: "test".to_owned(), created_at: Some(at), ..Alert::default() };
    describe(&alert, 0, database)
}
