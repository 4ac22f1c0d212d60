//! WAHA's events: whether a session is set to send them, and whether they come. What was taken and
//! refused counts more than what is set: a webhook in WAHA's environment is seen in no session.

use super::Findings;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::http::reachable;
use crate::store::{EventsHeard, Unsigned};
use crate::waha::{ServerReport, SessionReport, WEBHOOK_PATH, hook_lines};

/// The others are seen in `message.any` too.
const EVENTS: [&str; 4] = ["message.ack", "message.ack.group", "message.any", "session.status"];
/// Up to here WAHA knows of a key for its webhooks, and signs nothing.
const SIGNS_NOTHING: [u32; 3] = [2024, 10, 8];

/// How one session is set. A session without a webhook of its own may have it by WAHA's environment.
pub(super) fn of_session(
    name: &str,
    report: &SessionReport,
    (config, heard): (&Config, &EventsHeard),
    server: &ServerReport,
    findings: &mut Findings,
) {
    let own = report.webhooks.iter().find(|hook| hook.url.ends_with(WEBHOOK_PATH));
    let Some(key) = &config.webhook_hmac_key else {
        if own.is_some() {
            let found = format!("session `{name}` sends events, but they are not taken");
            let remedy = "set WEBHOOK_HMAC_KEY to the key of that webhook";
            findings.warning("webhook", found, remedy);
        }
        return;
    };
    let Some(hook) = own else {
        if heard.taken_at.is_none() {
            let found = format!("session `{name}` has no webhook to {WEBHOOK_PATH}");
            findings.warning("webhook", found, "give WAHA's environment its WHATSAPP_HOOK lines");
            findings.paste(lines(config));
        }
        return;
    };
    let missing: Vec<&str> =
        EVENTS.into_iter().filter(|event| !hook.events.iter().any(|has| has == event)).collect();
    if hook.hmac_key.as_ref() != Some(key) {
        let found = format!("session `{name}` signs with another key: its events are refused");
        findings.wrong("webhook", found, "give it the HMAC key that WEBHOOK_HMAC_KEY has");
    } else if !missing.is_empty() && !hook.events.iter().any(|event| event == "*") {
        let found = format!("session `{name}` does not send {}", missing.join(", "));
        findings.warning("webhook", found, "add these events to its webhook in WAHA");
    } else if !server.is_plus() {
        let found = format!(
            "session `{name}` sends its events here until WAHA CORE restarts and forgets it"
        );
        let remedy = "give WAHA's environment its WHATSAPP_HOOK lines: they stay";
        findings.warning("webhook", found, remedy);
        findings.paste(lines(config));
    } else {
        findings.ok("webhook", format!("session `{name}` sends its events here"));
    }
}

/// What came. `server` is the WAHA that answered, if one did.
pub(super) fn heard(
    heard: &EventsHeard,
    config: &Config,
    server: Option<&ServerReport>,
    findings: &mut Findings,
) {
    if config.webhook_hmac_key.is_none() {
        return;
    }
    let local = |at: Timestamp| config.zone.format_local(at);
    let taken = match heard.taken_at {
        Some(at) => format!("the last event was taken at {}", local(at)),
        None => "no event was taken yet".to_owned(),
    };
    let refused = heard.refusal.map(|(at, why)| {
        let why = match why {
            Unsigned::NoHmac => "it had no HMAC",
            Unsigned::WrongHmac => "its HMAC was wrong",
        };
        let count = heard.refused;
        (at, format!("refused so far: {count}, the last at {}: {why}", local(at)))
    });
    match refused {
        Some((at, words)) if heard.taken_at.is_none_or(|taken| taken < at) => {
            let found = format!("{taken}; {words}");
            let remedy = remedy_of_refusal(heard, server);
            if heard.taken_at.is_none() {
                findings.wrong("events", found, remedy);
            } else {
                findings.warning("events", found, remedy);
            }
        }
        _ if heard.is_overdue => {
            let found = format!("{taken}, and messages have gone out since");
            let remedy = "WAHA has no webhook to here, as after a restart of CORE, or cannot reach it: give \
                          its environment its WHATSAPP_HOOK lines, and see that `serve` runs";
            findings.warning("events", found, remedy);
        }
        Some((_, words)) => return findings.ok("events", format!("{taken}; {words}")),
        None => return findings.ok("events", taken),
    }
    findings.paste(lines(config));
}

fn remedy_of_refusal(heard: &EventsHeard, server: Option<&ServerReport>) -> &'static str {
    let signs_nothing = server.is_some_and(|server| {
        let numbers: Vec<u32> =
            server.version.split('.').filter_map(|part| part.parse().ok()).collect();
        !numbers.is_empty() && numbers.as_slice() <= SIGNS_NOTHING.as_slice()
    });
    match heard.refusal {
        Some((_, Unsigned::NoHmac)) if signs_nothing => {
            "update WAHA: this version never signs, and events without HMAC are not believed"
        }
        Some((_, Unsigned::NoHmac)) => {
            "give WAHA's environment its WHATSAPP_HOOK lines; 2024.10.8 and older never sign"
        }
        _ => {
            "give WAHA the key that WEBHOOK_HMAC_KEY has: the lines below, or `webhook-setup --apply`"
        }
    }
}

/// For WAHA's environment. The key itself is for `webhook-setup`: what `doctor` says is sent to others.
fn lines(config: &Config) -> Vec<String> {
    let url = format!("http://{}{WEBHOOK_PATH}", reachable(config.listen_addr));
    hook_lines(&url, "<the value of WEBHOOK_HMAC_KEY>").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_waha_that_never_signs_is_to_be_updated() {
        let at = Timestamp::from_secs(1);
        for (version, why, part) in [
            ("2024.10.8", Unsigned::NoHmac, "update WAHA"),
            ("2024.9.1", Unsigned::NoHmac, "update WAHA"),
            ("2024.10.9", Unsigned::NoHmac, "WHATSAPP_HOOK lines"),
            ("2026.7.1", Unsigned::NoHmac, "WHATSAPP_HOOK lines"),
            ("2024.10.8", Unsigned::WrongHmac, "webhook-setup"),
        ] {
            let server = ServerReport {
                version: version.to_owned(),
                engine: "GOWS".to_owned(),
                tier: "CORE".to_owned(),
                clock: None,
            };
            let heard = EventsHeard { refused: 1, refusal: Some((at, why)), ..Default::default() };
            assert!(remedy_of_refusal(&heard, Some(&server)).contains(part), "{version}");
        }
    }
}
