//! WAHA's events: whether a session is set to send them, and whether they come. What was taken and
//! refused counts more than what is set: a webhook in WAHA's environment is seen in no session.

use super::{Findings, Said, Subject};
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
    let session = name.to_owned();
    let own = report.webhooks.iter().find(|hook| hook.url.ends_with(WEBHOOK_PATH));
    let Some(key) = &config.webhook_hmac_key else {
        if own.is_some() {
            findings.warning(Subject::Webhook, Said::EventsNotTaken { session }, Said::SetHmac);
        }
        return;
    };
    let Some(hook) = own else {
        if heard.taken_at.is_none() {
            let found = Said::NoWebhook { session, path: WEBHOOK_PATH.to_owned() };
            findings.warning(Subject::Webhook, found, Said::GiveHookLines);
            findings.paste(lines(config));
        }
        return;
    };
    let missing: Vec<&str> =
        EVENTS.into_iter().filter(|event| !hook.events.iter().any(|has| has == event)).collect();
    if hook.hmac_key.as_ref() != Some(key) {
        findings.wrong(Subject::Webhook, Said::AnotherKey { session }, Said::GiveHmac);
    } else if !missing.is_empty() && !hook.events.iter().any(|event| event == "*") {
        let found = Said::EventsMissing { session, events: missing.join(", ") };
        findings.warning(Subject::Webhook, found, Said::AddEvents);
    } else if !server.is_plus() {
        let found = Said::EventsUntilRestart { session };
        findings.warning(Subject::Webhook, found, Said::GiveLastingLines);
        findings.paste(lines(config));
    } else {
        findings.ok(Subject::Webhook, Said::EventsCome { session });
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
    let taken = heard.taken_at.map_or(Said::NoEvent, |at| Said::EventTaken { local: local(at) });
    let refused = |taken: Said, (at, why): (Timestamp, Unsigned)| {
        let (taken, count, local) = (Box::new(taken), heard.refused, local(at));
        match why {
            Unsigned::NoHmac => Said::RefusedUnsigned { taken, count, local },
            Unsigned::WrongHmac => Said::RefusedSignature { taken, count, local },
        }
    };
    match heard.refusal {
        Some(refusal) if heard.taken_at.is_none_or(|taken| taken < refusal.0) => {
            let remedy = remedy_of_refusal(heard, server);
            if heard.taken_at.is_none() {
                findings.wrong(Subject::Events, refused(taken, refusal), remedy);
            } else {
                findings.warning(Subject::Events, refused(taken, refusal), remedy);
            }
        }
        _ if heard.is_overdue => {
            let found = Said::EventsOverdue { taken: taken.into() };
            findings.warning(Subject::Events, found, Said::MendWebhook);
        }
        Some(refusal) => return findings.ok(Subject::Events, refused(taken, refusal)),
        None => return findings.ok(Subject::Events, taken),
    }
    findings.paste(lines(config));
}

fn remedy_of_refusal(heard: &EventsHeard, server: Option<&ServerReport>) -> Said {
    let signs_nothing = server.is_some_and(|server| {
        let numbers: Vec<u32> =
            server.version.split('.').filter_map(|part| part.parse().ok()).collect();
        !numbers.is_empty() && numbers.as_slice() <= SIGNS_NOTHING.as_slice()
    });
    match heard.refusal {
        Some((_, Unsigned::NoHmac)) if signs_nothing => Said::UpdateWaha,
        Some((_, Unsigned::NoHmac)) => Said::GiveLinesOrUpdate,
        Some((_, Unsigned::WrongHmac)) | None => Said::GiveKey,
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
            assert!(
                remedy_of_refusal(&heard, Some(&server)).to_string().contains(part),
                "{version}"
            );
        }
    }
}
