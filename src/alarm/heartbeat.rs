//! The heartbeat: HEARTBEAT_URL is called as healthchecks.io defines it, so that somebody is told when
//! nothing runs any more.
//!
//! `/start` when a trigger from outside began a run, or when any run lasts; the URL itself after a run,
//! and with each trigger and tick that joins a long one; `/fail` when the database stops the sending or
//! the program breaks down. A message that fails is no failed run: ALERT_URL tells of that. At most one
//! pair of calls a minute.

use std::time::Duration;

use super::Ending;
use super::telling::{NotTold, Trouble, taken};
use crate::clock::Now;
use crate::config::Secret;
use crate::http_client::HttpClient;
use crate::store::Trigger;
use crate::trigger::{Pulse, Triggers};

/// Between two pairs of calls: ticks come every 60 s, and not to the millisecond.
const GAP: Duration = Duration::from_secs(55);
/// A run that lasts longer than this is worth a `/start`, even of the ticker.
const SHORT: Duration = Duration::from_secs(2);
const FAIL: &str = "/fail";

pub struct Heartbeat {
    caller: Caller,
    /// On the monotonic clock.
    called_at: Option<Duration>,
    /// A run is under way since then, and nobody was told.
    quiet_since: Option<Duration>,
    /// Somebody was told that a run began, and waits to hear of its end.
    is_awaited: bool,
    owed: Option<Owed>,
    trouble: Trouble,
}

/// The newest that is to be told.
struct Owed {
    suffix: &'static str,
    body: String,
    is_end: bool,
}

impl Heartbeat {
    pub fn new(url: Secret, client: HttpClient) -> Self {
        Self {
            caller: Caller::new(url, client),
            called_at: None,
            quiet_since: None,
            is_awaited: false,
            owed: None,
            trouble: Trouble::default(),
        }
    }

    /// Tells what happened since the last step, if its time has come. Returns when to come back at
    /// the latest.
    pub fn step(&mut self, triggers: &Triggers, now: Now) -> Option<Duration> {
        let has_failed = triggers.has_database_trouble();
        for pulse in triggers.take_pulses() {
            self.note(pulse, has_failed, now.monotonic);
        }
        let until_due = self.until_due(now.monotonic);
        if let Some(since) = self.quiet_since {
            let rest = until_due.max(SHORT.saturating_sub(now.monotonic.saturating_sub(since)));
            if !rest.is_zero() && self.owed.is_none() {
                return Some(rest);
            }
            if rest.is_zero() {
                self.start(now.monotonic);
            }
        }
        let owed = self.owed.take()?;
        let is_awaited = owed.is_end && self.is_awaited;
        if !until_due.is_zero() && !is_awaited {
            self.owed = Some(owed);
            return Some(until_due);
        }
        self.is_awaited &= !owed.is_end;
        self.call(owed.suffix, &owed.body, now.monotonic);
        None
    }

    /// The last step: `ending` is how it all came out.
    pub fn end(&mut self, triggers: &Triggers, ending: Ending, now: Now) {
        self.step(triggers, now);
        match ending {
            Ending::Failed => self.call(FAIL, "the program broke down; see its log", now.monotonic),
            Ending::Done(report) if self.is_awaited => {
                self.call("", &report.to_string(), now.monotonic);
            }
            Ending::Done(_) | Ending::Stopped => {
                if let Some(owed) = self.owed.take() {
                    self.call(owed.suffix, &owed.body, now.monotonic);
                }
            }
        }
    }

    fn note(&mut self, pulse: Pulse, has_failed: bool, now: Duration) {
        let suffix = if has_failed { FAIL } else { "" };
        match pulse {
            Pulse::Began(Trigger::Timer) => self.quiet_since = Some(now),
            Pulse::Began(Trigger::Cron | Trigger::Api | Trigger::Cli) => {
                if self.until_due(now).is_zero() {
                    self.start(now);
                } else {
                    self.quiet_since = Some(now);
                }
            }
            Pulse::Joined(report) => {
                // The end of a run that was not told yet says more than that the next one goes on.
                let body = format!("under way: {report}");
                self.owed = Some(Owed { suffix, body, is_end: false });
            }
            Pulse::Ended(report) => {
                self.quiet_since = None;
                self.owed = Some(Owed { suffix, body: report.to_string(), is_end: true });
            }
        }
    }

    fn start(&mut self, now: Duration) {
        self.quiet_since = None;
        self.is_awaited = true;
        self.call("/start", "", now);
    }

    fn until_due(&self, now: Duration) -> Duration {
        self.called_at.map_or(Duration::ZERO, |at| (at + GAP).saturating_sub(now))
    }

    fn call(&mut self, suffix: &'static str, body: &str, now: Duration) {
        self.called_at = Some(now);
        match self.caller.call(suffix, body) {
            Ok(()) if self.trouble.ends() => log::info!("heartbeat: HEARTBEAT_URL takes it again"),
            Err(why) if self.trouble.begins(now) => {
                log::warn!("heartbeat: HEARTBEAT_URL does not take it: {why}");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

/// Calls a URL with an ending, in the way that its server wants.
pub(super) struct Caller {
    url: Secret,
    client: HttpClient,
    /// Some servers take no POST.
    wants_get: bool,
    /// Some servers know no `/start`.
    knows_start: bool,
}

impl Caller {
    pub(super) fn new(url: Secret, client: HttpClient) -> Self {
        Self { url, client, wants_get: false, knows_start: true }
    }

    pub(super) fn call(&mut self, suffix: &str, body: &str) -> Result<(), NotTold> {
        let is_start = suffix == "/start";
        if is_start && !self.knows_start {
            return Ok(());
        }
        let url = with_ending(self.url.reveal(), suffix);
        let mut told = self.ask(&url, body);
        if !is_start && !self.wants_get && told == Err(NotTold::Status(405)) {
            self.wants_get = true;
            told = self.ask(&url, body);
        }
        if is_start && matches!(told, Err(NotTold::Status(404 | 405))) {
            self.knows_start = false;
            return Ok(());
        }
        told
    }

    fn ask(&self, url: &str, body: &str) -> Result<(), NotTold> {
        let reply = if self.wants_get {
            self.client.get(url, &[])
        } else {
            self.client.post_text(url, body.to_owned())
        };
        taken(&self.url, reply)
    }
}

/// The ending belongs to the path, and a query after it.
fn with_ending(url: &str, suffix: &str) -> String {
    if suffix.is_empty() {
        return url.to_owned();
    }
    let (path, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    format!("{}{suffix}{query}", path.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_comes_before_a_query() {
        assert_eq!(with_ending("https://hc/a", "/fail"), "https://hc/a/fail");
        assert_eq!(with_ending("https://hc/a/?x=1", "/fail"), "https://hc/a/fail?x=1");
        assert_eq!(with_ending("https://hc/a?x=1", ""), "https://hc/a?x=1");
    }
}
