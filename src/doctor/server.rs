//! WAHA: reachable, the key accepted, its version and its clock.

use std::time::Duration;

use super::{Depth, Findings, QUICK_PATIENCE, webhook};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::store::{Channel, EventsHeard};
use crate::waha::{ServerReport, SessionState, Waha};

/// Clocks that differ by more than these.
const SKEW_SEEN: Duration = Duration::from_secs(30);
const SKEW_TOO_MUCH: Duration = Duration::from_mins(5);
/// From here on WAHA offers message ids beforehand.
const OFFERS_IDS: [u32; 3] = [2026, 4, 3];

/// A WAHA that answers, and what it is.
pub(super) struct Answering {
    waha: Waha,
    server: ServerReport,
}

/// `None` when there is no use in asking for sessions.
pub(super) fn examine(
    config: &Config,
    now: Timestamp,
    depth: Depth,
    findings: &mut Findings,
) -> Option<Answering> {
    let Some(url) = &config.waha_base_url else {
        let remedy = "write WAHA_BASE_URL=http://127.0.0.1:3000 (or where your WAHA is) into \
                      auto-message-scheduler.env";
        findings.wrong("WAHA", "WAHA_BASE_URL is not set: nothing can be sent", remedy);
        local_clock(config, now, findings);
        return None;
    };
    let key = config.waha_api_key.as_ref().map(|key| key.reveal().to_owned());
    let waha = Waha::new(url, key, config.waha_timeout);
    let waha = if depth == Depth::Quick { waha.brief(QUICK_PATIENCE) } else { waha };
    match waha.server() {
        Ok(server) => {
            version(&server, findings);
            clocks(config, &server, now, findings);
            Some(Answering { waha, server })
        }
        Err(why) => {
            let remedy = format!("try: curl -H 'X-Api-Key: …' {url}/api/server/version");
            findings.wrong("WAHA", why, &remedy);
            local_clock(config, now, findings);
            None
        }
    }
}

fn version(server: &ServerReport, findings: &mut Findings) {
    let ServerReport { version, engine, tier, .. } = server;
    let found = format!("{version}, engine {engine}, {tier}");
    let numbers: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
    let has_ids =
        numbers.as_slice() >= OFFERS_IDS.as_slice() && !matches!(engine.as_str(), "WEBJS" | "WPP");
    let remark =
        if has_ids { "" } else { "; it takes no message ids, so look-ups are less certain" };
    findings.ok("WAHA", format!("{found}{remark}"));
}

fn local_clock(config: &Config, now: Timestamp, findings: &mut Findings) {
    findings.ok("clock", clock(config, now));
}

fn clock(config: &Config, now: Timestamp) -> String {
    format!("{} in {}", config.zone.format_local(now), config.zone.name())
}

fn clocks(config: &Config, server: &ServerReport, now: Timestamp, findings: &mut Findings) {
    let Some(theirs) = server.clock else { return local_clock(config, now, findings) };
    let skew = now.since(theirs).max(theirs.since(now));
    let found = format!(
        "{}: {} s {} WAHA's clock",
        clock(config, now),
        skew.as_secs(),
        if now > theirs { "ahead of" } else { "behind" }
    );
    let remedy = "set the clock, best by NTP: messages go out by it";
    if skew > SKEW_TOO_MUCH {
        findings.wrong("clock", found, remedy);
    } else if skew > SKEW_SEEN {
        findings.warning("clock", found, remedy);
    } else {
        findings.ok("clock", format!("{}, as WAHA's", clock(config, now)));
    }
}

impl Answering {
    /// Whether it can send files, when it says so.
    pub(super) fn is_plus(&self) -> Option<bool> {
        (!self.server.tier.is_empty()).then(|| self.server.is_plus())
    }

    pub(super) fn server(&self) -> &ServerReport {
        &self.server
    }

    /// Looks at the session of a channel.
    pub(super) fn session(
        &self,
        name: &str,
        channel: &Channel,
        (config, heard): (&Config, &EventsHeard),
        findings: &mut Findings,
    ) {
        let report = self.waha.session_report(name);
        match &report.state {
            SessionState::Held(hold) => {
                let remedy =
                    "start it in WAHA's dashboard, and scan the QR code when it asks for it";
                let found = format!("channel `{}`: {}", channel.name, hold.reason);
                return findings.wrong("session", found, remedy);
            }
            SessionState::Working { number, .. } => {
                let other =
                    number.as_ref().and_then(|number| channel.hold_for_number(name, number));
                if let Some(hold) = other {
                    let found =
                        format!("channel `{}`: another phone scanned the code", channel.name);
                    findings.wrong("session", found, &hold.reason.to_string());
                } else {
                    let found = format!("channel `{}`: session `{name}` is WORKING", channel.name);
                    findings.ok("session", found);
                }
            }
        }
        if self.server.engine == "NOWEB" && report.has_store != Some(true) {
            findings.warning(
                "store",
                format!("session `{name}` has no store: what is unknown cannot be looked up"),
                "set config.noweb.store.enabled of the session to true in WAHA",
            );
        }
        webhook::of_session(name, &report, (config, heard), &self.server, findings);
    }
}
