//! WAHA: reachable, the key accepted, its version and its clock.

use std::time::Duration;

use super::{Depth, Findings, QUICK_PATIENCE, Said, Subject, webhook};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::logging::in_one_line;
use crate::store::{Channel, EventsHeard};
use crate::waha::{ServerReport, SessionState, Waha};

/// Clocks that differ by more than these.
const SKEW_SEEN: Duration = Duration::from_secs(30);
const SKEW_TOO_MUCH: Duration = Duration::from_mins(5);
/// From here on WAHA offers message ids beforehand.
const OFFERS_IDS: [u32; 3] = [2026, 4, 3];

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
        findings.wrong(Subject::Waha, Said::NoWahaUrl, Said::SetWahaUrl);
        local_clock(config, now, findings);
        return None;
    };
    let waha = match Waha::of(config, url) {
        Ok(waha) if depth == Depth::Quick => waha.brief(QUICK_PATIENCE),
        Ok(waha) => waha,
        Err(why) => {
            let found = Said::SettingsUnreadable { cause: in_one_line(&why) };
            findings.wrong(Subject::Waha, found, Said::CorrectSettings);
            local_clock(config, now, findings);
            return None;
        }
    };
    match waha.server() {
        Ok(server) => {
            version(&server, findings);
            clocks(config, &server, now, findings);
            Some(Answering { waha, server })
        }
        Err(why) => {
            let remedy = Said::TryWaha { url: url.clone() };
            findings.wrong(Subject::Waha, Said::NoWaha { why }, remedy);
            local_clock(config, now, findings);
            None
        }
    }
}

fn version(server: &ServerReport, findings: &mut Findings) {
    let ServerReport { version, engine, tier, .. } = server.clone();
    let numbers: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
    let has_ids =
        numbers.as_slice() >= OFFERS_IDS.as_slice() && !matches!(engine.as_str(), "WEBJS" | "WPP");
    let found = if has_ids {
        Said::Waha { version, engine, tier }
    } else {
        Said::WahaWithoutIds { version, engine, tier }
    };
    findings.ok(Subject::Waha, found);
}

fn local_clock(config: &Config, now: Timestamp, findings: &mut Findings) {
    findings.ok(Subject::Clock, clock(config, now));
}

fn clock(config: &Config, now: Timestamp) -> Said {
    Said::Clock { local: config.zone.format_local(now), zone: config.zone.name().to_owned() }
}

fn clocks(config: &Config, server: &ServerReport, now: Timestamp, findings: &mut Findings) {
    let Some(theirs) = server.clock else { return local_clock(config, now, findings) };
    let skew = now.since(theirs).max(theirs.since(now));
    let (clock, secs) = (Box::new(clock(config, now)), skew.as_secs());
    if skew <= SKEW_SEEN {
        return findings.ok(Subject::Clock, Said::ClockAsWahas { clock });
    }
    let found = if now > theirs {
        Said::ClockAhead { clock, secs }
    } else {
        Said::ClockBehind { clock, secs }
    };
    if skew > SKEW_TOO_MUCH {
        findings.wrong(Subject::Clock, found, Said::SetClock);
    } else {
        findings.warning(Subject::Clock, found, Said::SetClock);
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

    pub(super) fn session(
        &self,
        name: &str,
        channel: &Channel,
        (config, heard): (&Config, &EventsHeard),
        findings: &mut Findings,
    ) {
        let report = self.waha.session_report(name);
        let (of, session) = (channel.name.clone(), name.to_owned());
        match &report.state {
            SessionState::Held(hold) => {
                let found = Said::SessionHeld { channel: of, why: hold.reason.clone() };
                return findings.wrong(Subject::Session, found, Said::StartSession);
            }
            SessionState::Working { number, .. } => {
                let other =
                    number.as_ref().and_then(|number| channel.hold_for_number(name, number));
                if let Some(hold) = other {
                    let found = Said::OtherPhone { channel: of };
                    findings.wrong(Subject::Session, found, Said::HeldFor { why: hold.reason });
                } else {
                    let session = session.clone();
                    findings.ok(Subject::Session, Said::SessionWorks { channel: of, session });
                }
            }
        }
        if self.server.engine == "NOWEB" && report.has_store != Some(true) {
            findings.warning(Subject::Store, Said::NoStore { session }, Said::SetStore);
        }
        webhook::of_session(name, &report, (config, heard), &self.server, findings);
    }
}
