//! What WAHA is asked to send: the route and the body of each kind of message, but for the bytes of a file
//! (see `upload`). Pure.

use serde_json::{Map, Value, json};

use super::{Outgoing, encode};
use crate::content::{Kind, Media, MediaKind, Source};
use crate::files::mimetype_elsewhere;
use crate::reason::Reason;
use crate::recipient::{STATUS_CHAT, normalize_phone};

/// What a story of text looks like: WhatsApp's own green, and its first font.
const STORY_COLOUR: &str = "#38b42f";
const STORY_FONT: u8 = 1;

/// The path and the body. WAHA ignores fields that a route does not know; proxies and forks may use `metadata`.
pub(super) fn of(message: &Outgoing<'_>) -> Result<(String, Value), Reason> {
    let Outgoing { session, chat_id, text, content, .. } = *message;
    let mut body = json!({ "session": session, "chatId": chat_id, "metadata": metadata(message) });
    let mut add = |name: &str, value: Value| body[name] = value;
    let path = match &content.kind {
        Kind::Text if chat_id == STATUS_CHAT => {
            add("text", json!(text));
            add("backgroundColor", json!(STORY_COLOUR));
            add("font", json!(STORY_FONT));
            format!("/api/{}/status/text", encode(session))
        }
        Kind::Text => {
            add("text", json!(text));
            "/api/sendText".to_owned()
        }
        Kind::Media(media) => {
            if !text.is_empty() {
                add("caption", json!(text));
            }
            if let Source::Url(url) = &media.source {
                add("file", file_elsewhere(media, url));
            }
            format!("/api/{}", route(media.kind))
        }
        Kind::Location { latitude, longitude, .. } => {
            add("latitude", json!(latitude));
            add("longitude", json!(longitude));
            add("title", json!(text));
            "/api/sendLocation".to_owned()
        }
        Kind::Contact { name, phone } => {
            let number = normalize_phone(phone, &message.config.country)?;
            let digits = number.trim_start_matches('+');
            let card = json!({
                "fullName": name, "phoneNumber": format!("+{digits}"), "whatsappId": digits,
            });
            add("contacts", json!([card]));
            "/api/sendContactVcard".to_owned()
        }
        Kind::Poll { options, multiple, .. } => {
            let poll = json!({ "name": text, "options": options, "multipleAnswers": multiple });
            add("poll", poll);
            "/api/sendPoll".to_owned()
        }
    };
    if let Some(id) = &content.reply_to {
        add("reply_to", json!(id));
    }
    if !content.mentions.is_empty() {
        add("mentions", json!(content.mentions));
    }
    if let Some(preview) = content.link_preview {
        add("linkPreview", json!(preview));
    }
    if let Some(id) = message.reserved_id {
        add("id", json!(id));
    }
    Ok((path, body))
}

fn route(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "sendImage",
        MediaKind::File => "sendFile",
        MediaKind::Video => "sendVideo",
        MediaKind::Voice => "sendVoice",
    }
}

fn file_elsewhere(media: &Media, url: &str) -> Value {
    let mut file = json!({ "mimetype": mimetype_elsewhere(media, url), "url": url });
    if let Some(filename) = &media.filename {
        file["filename"] = json!(filename);
    }
    file
}

fn metadata(message: &Outgoing<'_>) -> Map<String, Value> {
    let own: Option<Map<String, Value>> =
        message.metadata.and_then(|text| serde_json::from_str(text).ok());
    let mut metadata = own.unwrap_or_default();
    for (key, value) in [
        ("sender_type", json!("auto_message")),
        ("is_auto_message", json!(true)),
        ("message_type", json!("scheduled")),
        ("is_scheduled_message", json!(true)),
        ("auto_message_id", json!(message.auto_message_id)),
        ("delivery_id", json!(message.delivery_id)),
    ] {
        metadata.insert(key.to_owned(), value);
    }
    metadata
}
