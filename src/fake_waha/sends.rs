//! The routes that send: what each asks of its body, and what a recipient would see of it. As careless as
//! WAHA's own: wrong fields of a file give a 500, and a poll with one option is sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::http::Call;
use super::{ReceivedFile, replies};
use crate::recipient::STATUS_CHAT;
use crate::secret::to_hex;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sends {
    Text,
    Story,
    Location,
    Contact,
    Poll,
    Image,
    File,
    Video,
    Voice,
}

impl Sends {
    /// The route of a POST to this path.
    pub(super) fn of(call: &Call, segments: &[&str]) -> Option<Self> {
        if call.head.method != "POST" {
            return None;
        }
        Some(match segments {
            ["api", "sendText"] => Self::Text,
            ["api", _, "status", "text"] => Self::Story,
            ["api", "sendLocation"] => Self::Location,
            ["api", "sendContactVcard"] => Self::Contact,
            ["api", "sendPoll"] => Self::Poll,
            ["api", "sendImage"] => Self::Image,
            ["api", "sendFile"] => Self::File,
            ["api", "sendVideo"] => Self::Video,
            ["api", "sendVoice"] => Self::Voice,
            _ => return None,
        })
    }

    pub(super) fn is_plus(self) -> bool {
        match self {
            Self::Image | Self::File | Self::Video | Self::Voice => true,
            Self::Text | Self::Story | Self::Location | Self::Contact | Self::Poll => false,
        }
    }

    /// Whether look-ups and events give back its words as the text of the message.
    pub(super) fn has_body(self) -> bool {
        match self {
            Self::Text | Self::Story | Self::Image | Self::File | Self::Video | Self::Voice => true,
            Self::Location | Self::Contact | Self::Poll => false,
        }
    }

    /// The chat that the body leaves out.
    pub(super) fn own_chat(self) -> Option<&'static str> {
        (self == Self::Story).then_some(STATUS_CHAT)
    }

    /// What the recipient would see, a text and perhaps a file, whose data is taken from `body`. Or what JavaScript
    /// throws at it.
    pub(super) fn shown(self, body: &mut Value) -> Result<(String, Option<ReceivedFile>), Value> {
        let words = match self {
            Self::Text | Self::Story => text(body, "text", "match")?,
            Self::Location => body["title"].as_str().unwrap_or_default().to_owned(),
            Self::Contact => match body["contacts"].as_array().and_then(|cards| cards.first()) {
                Some(card) => {
                    let number = card["phoneNumber"].as_str().unwrap_or_default();
                    format!("{} {number}", card["fullName"].as_str().unwrap_or_default())
                }
                None => return Err(replies::undefined_error("map")),
            },
            Self::Poll => text(&body["poll"], "name", "toString")?,
            Self::Image | Self::File | Self::Video | Self::Voice => {
                body["caption"].as_str().unwrap_or_default().to_owned()
            }
        };
        Ok((words, if self.is_plus() { Some(take_file(body)?) } else { None }))
    }
}

/// A text field; without it, the exception of JavaScript calling `method` on it.
pub(super) fn text(value: &Value, field: &str, method: &str) -> Result<String, Value> {
    match value.get(field) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(replies::type_error(field, other, method)),
        None => Err(replies::undefined_error(method)),
    }
}

/// Reads the file of a body; in place of its data stays how many bytes there were and their SHA-256.
fn take_file(body: &mut Value) -> Result<ReceivedFile, Value> {
    let Some(file) = body.get_mut("file") else { return Err(replies::undefined_error("url")) };
    let mimetype = file["mimetype"].as_str().unwrap_or_default().to_owned();
    let data = file["data"].as_str().map(|data| STANDARD.decode(data));
    let url = file["url"].as_str().map(str::to_owned);
    let (sha256, bytes) = match (data, &url) {
        _ if mimetype.is_empty() => return Err(replies::undefined_error("split")),
        (Some(Ok(bytes)), None) => (Some(to_hex(&Sha256::digest(&bytes))), bytes.len()),
        (None, Some(_)) => (None, 0),
        (Some(_), _) => return Err(json!({ "message": "bad base64", "name": "Error" })),
        (None, None) => return Err(replies::undefined_error("data")),
    };
    let filename = file["filename"].as_str().map(str::to_owned);
    if sha256.is_some() {
        file["data"] = json!({ "bytes": bytes, "sha256": sha256 });
    }
    Ok(ReceivedFile { mimetype, filename, url, sha256, bytes })
}
