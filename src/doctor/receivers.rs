//! Who is told when something is wrong.

use super::Findings;
use crate::alarm::{NotTold, try_alert, try_heartbeat};
use crate::clock::Timestamp;
use crate::config::Config;

/// Calls the receivers only when `alert` says so.
pub(super) fn examine(config: &Config, now: Timestamp, alert: bool, findings: &mut Findings) {
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

fn tried(key: &str, told: Result<(), NotTold>, findings: &mut Findings) {
    match told {
        Ok(()) => findings.ok("alarms", format!("{key} took a test")),
        Err(why) => {
            let found = format!("{key} did not take a test: {why}");
            findings.wrong("alarms", found, format!("correct {key}, or ask whoever runs it"));
        }
    }
}
