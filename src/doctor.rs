//! The list of troubleshooting, done by the machine: what is wrong, and what to do about it.
//!
//! Reads only, and never takes the sender's lock: it may be asked while a server sends, before there
//! is a database, and about a broken one. Says nothing of keys and texts.

mod database;
mod files;
mod receivers;
mod server;

use std::path::Path;

use serde::Serialize;

use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::logging::in_one_line;

/// How a finding is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, but somebody should know.
    Warning,
    /// Messages do not go out for it, or not as they should.
    Wrong,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at, in one word or two.
    pub(crate) subject: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) found: String,
    /// What to do; none when all is well.
    pub(crate) remedy: Option<String>,
}

/// Looks at everything. With `alert`, ALERT_URL and HEARTBEAT_URL are told that this is a test: people
/// may be woken by it. `config` is what reading the settings came to, `env_file` where they may be.
pub(crate) fn examine(
    config: &Result<Config, ConfigError>,
    env_file: &Path,
    clock: &dyn Clock,
    alert: bool,
) -> Vec<Finding> {
    let mut findings = Findings::default();
    match config {
        Err(error) => {
            let remedy = "correct it: everything else depends on it";
            findings.wrong("settings", in_one_line(error), remedy);
        }
        Ok(config) => {
            settings(config, env_file, &mut findings);
            files::examine(config, env_file, &mut findings);
            let now = clock.now().wall;
            let waha = server::examine(config, now, &mut findings);
            database::examine(config, clock, waha.as_ref(), &mut findings);
            receivers::examine(config, now, alert, &mut findings);
        }
    }
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

/// What was found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn ok(&mut self, subject: &'static str, found: impl Into<String>) {
        self.0.push(Finding { subject, verdict: Verdict::Ok, found: found.into(), remedy: None });
    }

    fn warning(
        &mut self,
        subject: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let remedy = Some(remedy.into());
        self.0.push(Finding { subject, verdict: Verdict::Warning, found: found.into(), remedy });
    }

    fn wrong(
        &mut self,
        subject: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let remedy = Some(remedy.into());
        self.0.push(Finding { subject, verdict: Verdict::Wrong, found: found.into(), remedy });
    }
}
