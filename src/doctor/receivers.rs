//! Who is told when something is wrong.

use super::Findings;
use crate::alarm::{NotTold, try_alert, try_heartbeat};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::store::{CallbackCounts, Store, StoreError};

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

/// What CALLBACK_URL is told; its receiver is called by `callback test` only.
pub(super) fn callbacks(
    store: &mut Store,
    config: &Config,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let counts = store.read(|tx| tx.callback_counts())?;
    let CallbackCounts { waiting, failed, dropped } = counts;
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
            findings.wrong("alarms", found, format!("correct {key}, or ask whoever runs it"));
        }
    }
}
