//! The list of troubleshooting, done by the machine: what is wrong, and what to do about it.
//!
//! Reads only, and never takes the sender's lock: it may be asked while a server sends, before there
//! is a database, and about a broken one. Says nothing of keys and texts.

mod database;
mod files;
mod link;
mod media;
mod number;
mod server;
mod webhook;

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::alarm::{NotTold, try_alert, try_heartbeat};
use crate::clock::{Clock, Timestamp};
use crate::config::{Config, ConfigError, DEFAULT_ENV_FILE};
use crate::logging::in_one_line;
use crate::store::{CallbackCounts, Store, StoreError};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Ok,
    /// It works, but somebody should know.
    Warning,
    /// Messages do not go out for it, or not as they should.
    Wrong,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at, in one word or two.
    pub(crate) subject: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) found: String,
    /// What to do; none when all is well.
    pub(crate) remedy: Option<String>,
    /// Lines to paste, as the remedy says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) lines: Vec<String>,
}

/// How much is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    All,
    /// What takes a moment: no search for damage, no look at every contact and message, and a WAHA that does
    /// not answer is not waited for.
    Quick,
}

/// How long a quick look waits for each answer of WAHA.
const QUICK_PATIENCE: Duration = Duration::from_secs(4);

/// What a person sees who waits for a page: the quick half of [`examine`], of the settings that this program
/// runs with.
pub(crate) fn examine_quickly(config: &Config, clock: &dyn Clock) -> Vec<Finding> {
    let env_file = config.env_file.as_deref().unwrap_or(Path::new(DEFAULT_ENV_FILE));
    look(config, env_file, clock, (Depth::Quick, false))
}

/// Looks at everything. With `alert`, ALERT_URL and HEARTBEAT_URL are told that this is a test: people
/// may be woken by it. `config` is what reading the settings came to, `env_file` where they may be.
pub(crate) fn examine(
    config: &Result<Config, ConfigError>,
    env_file: &Path,
    clock: &dyn Clock,
    alert: bool,
) -> Vec<Finding> {
    match config {
        Err(error) => {
            let mut findings = Findings::default();
            let remedy = "correct it: everything else depends on it";
            findings.wrong("settings", in_one_line(error), remedy);
            findings.0
        }
        Ok(config) => look(config, env_file, clock, (Depth::All, alert)),
    }
}

fn look(
    config: &Config,
    env_file: &Path,
    clock: &dyn Clock,
    (depth, alert): (Depth, bool),
) -> Vec<Finding> {
    let (mut findings, now) = (Findings::default(), clock.now().wall);
    settings(config, env_file, &mut findings);
    files::examine(config, env_file, &mut findings);
    let waha = server::examine(config, now, depth, &mut findings);
    database::examine(config, clock, depth, waha.as_ref(), &mut findings);
    if depth == Depth::All {
        link::examine(config, now, &mut findings);
    }
    receivers(config, now, alert, &mut findings);
    findings.0
}

fn settings(config: &Config, env_file: &Path, findings: &mut Findings) {
    let source = if env_file.exists() {
        format!("read from `{}` and the environment", env_file.display())
    } else {
        "read from the environment; there is no env file".to_owned()
    };
    findings.ok("settings", source);
    if config.is_pace_dangerous() {
        findings.warning(
            "settings",
            format!("SEND_DELAY_SECONDS is {}", config.gap.delay.as_secs()),
            "set it to 20 or more: a real number gets banned for less",
        );
    }
}

#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn ok(&mut self, subject: &'static str, found: impl Into<String>) {
        self.add(Verdict::Ok, subject, found.into(), None);
    }

    fn warning(&mut self, subject: &'static str, found: impl Into<String>, remedy: &str) {
        self.add(Verdict::Warning, subject, found.into(), Some(remedy));
    }

    fn wrong(&mut self, subject: &'static str, found: impl Into<String>, remedy: &str) {
        self.add(Verdict::Wrong, subject, found.into(), Some(remedy));
    }

    fn add(&mut self, verdict: Verdict, subject: &'static str, found: String, what: Option<&str>) {
        let (remedy, lines) = (what.map(str::to_owned), Vec::new());
        self.0.push(Finding { subject, verdict, found, remedy, lines });
    }

    /// Lines for the finding that was added last, unless another one has them already.
    fn paste(&mut self, lines: Vec<String>) {
        if !self.0.iter().any(|one| one.lines == lines)
            && let Some(last) = self.0.last_mut()
        {
            last.lines = lines;
        }
    }
}

/// Calls the receivers only when `alert` says so.
fn receivers(config: &Config, now: Timestamp, alert: bool, findings: &mut Findings) {
    if config.alert_url.is_none() && config.heartbeat_url.is_none() {
        let found =
            "nobody is told when something is wrong: ALERT_URL and HEARTBEAT_URL are not set";
        return findings.ok("alarms", found);
    }
    if !alert {
        let found = "ALERT_URL or HEARTBEAT_URL is set; `doctor --alert` sends a test";
        return findings.ok("alarms", found);
    }
    if let Some(url) = &config.alert_url {
        let told = try_alert(url, &config.database_path, now);
        tried("ALERT_URL", told, findings);
    }
    if let Some(url) = &config.heartbeat_url {
        tried("HEARTBEAT_URL", try_heartbeat(url), findings);
    }
}

/// What CALLBACK_URL is told; its receiver is called by `callback test` only.
fn callbacks(
    store: &mut Store,
    config: &Config,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let CallbackCounts { waiting, failed, dropped } = store.read(|tx| tx.callback_counts())?;
    let found = format!("{waiting} callbacks wait, {failed} failed, {dropped} were dropped untold");
    if failed + dropped > 0 {
        let remedy = "see `callback list --status failed`; `callback retry` tells them again";
        findings.warning("callbacks", found, remedy);
    } else if waiting > 0 && config.callback.is_none() {
        let remedy = "set CALLBACK_URL again, and they are told";
        findings.warning("callbacks", format!("{found}, and CALLBACK_URL is not set"), remedy);
    } else if config.callback.is_some() {
        findings.ok("callbacks", format!("{found}; `callback test` tries CALLBACK_URL"));
    }
    Ok(())
}

fn tried(key: &str, told: Result<(), NotTold>, findings: &mut Findings) {
    match told {
        Ok(()) => findings.ok("alarms", format!("{key} took a test")),
        Err(why) => {
            let found = format!("{key} did not take a test: {why}");
            findings.wrong("alarms", found, &format!("correct {key}, or ask whoever runs it"));
        }
    }
}
