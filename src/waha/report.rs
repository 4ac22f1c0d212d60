//! What WAHA tells of itself and of a session's configuration: for looking for faults, never for sending.

use serde_json::{Value, json};

use super::SessionState;
use crate::clock::Timestamp;
use crate::config::Secret;
use crate::http_client::Reply;
use crate::language::sentences;
use crate::reason::{Explanation, Reason};
use crate::recipient::number_of_chat;

/// What a server says of itself; empty where it does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerReport {
    pub(crate) version: String,
    /// `GOWS`, `NOWEB`, `WEBJS` or `WPP`.
    pub(crate) engine: String,
    pub(crate) tier: String,
    /// Its clock, in whole seconds, from the header `Date`.
    pub(crate) clock: Option<Timestamp>,
}

impl ServerReport {
    /// Whether it can send files.
    pub(crate) fn is_plus(&self) -> bool {
        self.tier.eq_ignore_ascii_case("PLUS")
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionReport {
    pub(crate) state: SessionState,
    /// Whether the store of a NOWEB session is on; `None` where WAHA does not say.
    pub(crate) has_store: Option<bool>,
    /// The session's own webhooks; those of WAHA's environment are not told.
    pub(crate) webhooks: Vec<WebhookReport>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WebhookReport {
    pub(crate) url: String,
    pub(crate) events: Vec<String>,
    pub(crate) hmac_key: Option<Secret>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownSession {
    pub(crate) name: String,
    /// `WORKING`, `SCAN_QR_CODE` and the like.
    pub(crate) status: String,
    /// Its number, as `+6281234567890`.
    pub(crate) number: Option<String>,
}

/// Where WAHA sends its events, on our server.
pub(crate) const WEBHOOK_PATH: &str = "/api/waha-webhook";
/// The events that are of use here; the last is only for STOP and its kin.
pub(crate) const WEBHOOK_EVENTS: [&str; 5] =
    ["message.ack", "message.ack.group", "message.any", "session.status", "message"];

/// The lines for WAHA's environment that let all its sessions send their events to `url`.
pub(crate) fn hook_lines(url: &str, key: &str) -> [String; 3] {
    [
        format!("WHATSAPP_HOOK_URL={url}"),
        format!("WHATSAPP_HOOK_EVENTS={}", WEBHOOK_EVENTS.join(",")),
        format!("WHATSAPP_HOOK_HMAC_KEY={key}"),
    ]
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct WantedWebhook<'a> {
    pub(crate) url: &'a str,
    pub(crate) key: &'a Secret,
}

impl SessionReport {
    pub(super) fn untold(state: SessionState) -> Self {
        Self { state, has_store: None, webhooks: Vec::new() }
    }
}

sentences! {
    /// Why WAHA does not say what it is.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) enum NoServer {
        /// No answer, or the address is wrong.
        Unreached { reason: Reason }: "{reason}", "{reason}";
        NoWaha: "what answers there is no WAHA: check WAHA_BASE_URL",
            "yang menjawab di sana bukan WAHA: periksa WAHA_BASE_URL";
        Key: "WAHA does not accept the key: check WAHA_API_KEY",
            "WAHA menolak kuncinya: periksa WAHA_API_KEY";
        NoRight: "WAHA_API_KEY has no right to ask for WAHA's version",
            "WAHA_API_KEY tidak punya hak untuk menanyakan versi WAHA";
        NotFound: "WAHA answered 404: check WAHA_BASE_URL, its path above all",
            "WAHA menjawab 404: periksa WAHA_BASE_URL, terutama bagian sesudah alamatnya";
        Status { status: u64 }: "WAHA answered {status}: look at WAHA and at what stands before it",
            "WAHA menjawab {status}: periksa WAHA dan yang ada di depannya";
    }
}

pub(super) fn server(reply: &Reply) -> Result<ServerReport, NoServer> {
    let told: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    let status = u64::from(reply.status);
    match reply.status {
        200 if told.get("version").is_some_and(Value::is_string) => {
            let word = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
            Ok(ServerReport {
                version: word("version"),
                engine: word("engine"),
                tier: word("tier"),
                clock: reply.date.as_deref().and_then(Timestamp::parse_http),
            })
        }
        200 => Err(NoServer::NoWaha),
        401 => Err(NoServer::Key),
        403 => Err(NoServer::NoRight),
        404 => Err(NoServer::NotFound),
        300..=399 => Err(NoServer::Unreached { reason: Reason::Redirected { status } }),
        _ => Err(NoServer::Status { status }),
    }
}

pub(super) fn sessions(reply: &Reply) -> Result<Vec<KnownSession>, Explanation> {
    let told: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    let Some(list) = told.as_array().filter(|_| reply.status == 200) else {
        let status = reply.status;
        return Err(Explanation::Said {
            english: format!("WAHA answered {status} when it was asked for its sessions"),
            indonesian: format!("WAHA menjawab {status} saat ditanya sesi-sesinya"),
        });
    };
    let word = |one: &Value, name: &str| one[name].as_str().map(str::to_owned);
    Ok(list
        .iter()
        .filter_map(|one| {
            Some(KnownSession {
                name: word(one, "name")?,
                status: word(one, "status").unwrap_or_default(),
                number: one.pointer("/me/id").and_then(Value::as_str).and_then(number_of_chat),
            })
        })
        .collect())
}

pub(super) fn session(reply: &Reply, state: SessionState) -> SessionReport {
    let told: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    let webhooks = told.pointer("/config/webhooks").and_then(Value::as_array);
    SessionReport {
        state,
        has_store: told.pointer("/config/noweb/store/enabled").and_then(Value::as_bool),
        webhooks: webhooks.into_iter().flatten().map(webhook).collect(),
    }
}

/// The body that gives a session `wanted` in place of an older one of ours, and keeps all else that
/// `reply`, the session as it is, says of its configuration.
pub(super) fn with_webhook(reply: &Reply, wanted: &WantedWebhook<'_>) -> Value {
    let told: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    let mut config = told.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
    let is_ours =
        |hook: &Value| hook["url"].as_str().is_some_and(|url| url.ends_with(WEBHOOK_PATH));
    let hooks = config.get("webhooks").and_then(Value::as_array).into_iter().flatten();
    let mut hooks: Vec<Value> = hooks.filter(|hook| !is_ours(hook)).cloned().collect();
    hooks.push(json!({
        "url": wanted.url, "events": WEBHOOK_EVENTS, "hmac": { "key": wanted.key.reveal() }
    }));
    config.insert("webhooks".to_owned(), hooks.into());
    json!({ "config": config })
}

fn webhook(told: &Value) -> WebhookReport {
    let events = told["events"].as_array().into_iter().flatten();
    WebhookReport {
        url: told["url"].as_str().unwrap_or_default().to_owned(),
        events: events.filter_map(Value::as_str).map(str::to_owned).collect(),
        hmac_key: told.pointer("/hmac/key").and_then(Value::as_str).map(Secret::new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_waha_is_said_in_both_languages_with_the_same_values() {
        for (name, fields, english, indonesian) in NoServer::TABLE {
            let has =
                |text: &str| fields.iter().all(|field| text.contains(&format!("{{{field}}}")));
            assert!(has(english) && has(indonesian), "{name}");
        }
    }

    #[test]
    fn compose_yaml_gives_waha_the_same_events() {
        let compose = include_str!("../../dist/docker/compose.yaml");
        let line = format!("WHATSAPP_HOOK_EVENTS: {}\n", WEBHOOK_EVENTS.join(","));
        assert!(compose.contains(&line) && compose.contains(WEBHOOK_PATH), "{compose}");
    }
}
