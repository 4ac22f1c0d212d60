//! Sending one message: the route and the body of each kind of message, but for the bytes of a file (see `upload`), and
//! what became of it by the answer.

use std::io::Cursor;

use serde_json::{Map, Value, json};

use super::reply::{Body, answered, hold, not_offered, refused};
use super::{Waha, encode, upload, without_io};
use crate::clock::lock;
use crate::config::Config;
use crate::content::{Content, Kind, Media, MediaKind, Source};
use crate::delivery::{Hold, HoldKind, Outcome};
use crate::files::{Files, mimetype_elsewhere, shown_name};
use crate::http_client::{NoReply, Reply};
use crate::reason::Reason;
use crate::recipient::{STATUS_CHAT, normalize_phone};

/// What WhatsApp itself records; WAHA makes it of other sounds.
const VOICE: &str = "audio/ogg; codecs=opus";
/// What a story of text looks like: WhatsApp's own green, and its first font.
const STORY_COLOUR: &str = "#38b42f";
const STORY_FONT: u8 = 1;

#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The session: which WhatsApp number sends.
    pub session: &'a str,
    /// `<digits>@c.us`, `<id>@g.us`, `<id>@lid`, `<id>@newsletter` or `status@broadcast`.
    pub chat_id: &'a str,
    /// The exact text, caption or question.
    pub text: &'a str,
    pub content: &'a Content,
    pub files: &'a Files,
    /// For numbers in national form, and for how long a file may take.
    pub config: &'a Config,
    /// The id that the message shall have, from [`Waha::reserve_id`].
    pub reserved_id: Option<&'a str>,
    /// `auto_messages.id`, for the metadata.
    pub auto_message_id: i64,
    /// `deliveries.id`, for the metadata.
    pub delivery_id: i64,
    /// The message's own metadata, a JSON object as text. Anything else is left out.
    pub metadata: Option<&'a str>,
}

impl Waha {
    /// Sends a message. Never tries twice.
    pub fn send(&self, message: &Outgoing<'_>) -> Outcome {
        let (path, body) = match request(message) {
            Ok(request) => request,
            Err(reason) => return Outcome::Failed { reason },
        };
        match self.post_message(&self.url(&path), body, message) {
            Ok(answer) => self.send_outcome(answer, message.session),
            Err(outcome) => outcome,
        }
    }

    /// Posts a message, with its file when it has one. What certainly was no whole request has its outcome
    /// already.
    fn post_message(
        &self,
        url: &str,
        body: Value,
        message: &Outgoing<'_>,
    ) -> Result<Result<Reply, NoReply>, Outcome> {
        let headers = self.headers();
        let Kind::Media(media) = &message.content.kind else {
            return Ok(self.client.post_json(url, &headers, body.to_string().into_bytes()));
        };
        let config = message.config;
        let (uploaded, fault) = match &media.source {
            Source::Url(_) => {
                // How much WAHA has to fetch first, nobody knows.
                let timeout = config.upload_timeout(config.media_max_mb << 20);
                let body = body.to_string().into_bytes();
                let length = body.len() as u64;
                let body = (Cursor::new(body), length);
                (self.client.post_upload(url, &headers, body, timeout), None)
            }
            Source::File(name) => {
                let failed = |reason| Outcome::Failed { reason };
                let stored = message.files.look(name).map_err(failed)?;
                let (file, bytes) = message.files.open(name).map_err(|error| {
                    let (file, cause) = (name.clone(), error.to_string());
                    failed(Reason::FileUnreadable { file, cause })
                })?;
                let mimetype = stored.kind.mimetype_of(media.filename.as_deref());
                let mut body = body;
                if media.kind == MediaKind::Voice && mimetype != VOICE {
                    body["convert"] = json!(true);
                }
                let about = about_file(media, mimetype);
                let (body, length, fault) = upload::Body::new(&body, &about, (name, file, bytes));
                let timeout = config.upload_timeout(bytes);
                (self.client.post_upload(url, &headers, (body, length), timeout), Some(fault))
            }
        };
        if let Some(reason) = fault.and_then(|fault| lock(&fault).take()) {
            return Err(Outcome::Failed { reason }); // Its end never left.
        }
        match uploaded.answer {
            Err(NoReply::NotSent(cause)) if uploaded.was_begun => {
                let reason = Reason::UploadCut { cause: without_io(&cause) };
                Err(Outcome::Deferred(Hold::new(HoldKind::Unreachable, reason)))
            }
            // Nobody can have sent it, whatever the answer says; and who says so is not to be believed.
            Ok(Reply { status: status @ 200..300, .. }) if !uploaded.is_whole => {
                let cause = format!("it answered {status} before it had all of it");
                Err(Outcome::Unknown { reason: Reason::NoAnswer { cause } })
            }
            answer => Ok(answer),
        }
    }

    fn send_outcome(&self, answer: Result<Reply, NoReply>, session: &str) -> Outcome {
        match self.heard(answer) {
            Ok(reply) => match outcome(&reply, session) {
                Outcome::Deferred(hold) => Outcome::Deferred(self.explained(hold, &reply)),
                outcome => outcome,
            },
            Err(NoReply::NotSent(cause)) => Outcome::Deferred(self.unreachable(&cause)),
            Err(NoReply::MaybeSent(cause)) => {
                Outcome::Unknown { reason: Reason::NoAnswer { cause } }
            }
        }
    }
}

/// The path and the body. WAHA ignores fields that a route does not know; proxies and forks may use `metadata`.
fn request(message: &Outgoing<'_>) -> Result<(String, Value), Reason> {
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
                let mut file = about_file(media, mimetype_elsewhere(media, url));
                file["url"] = json!(url);
                add("file", file);
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

fn about_file(media: &Media, mimetype: &str) -> Value {
    let mut file = json!({ "mimetype": mimetype });
    if let Some(filename) = shown_name(media, mimetype) {
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

/// The outcome of `POST /api/sendText` that was answered with `reply`.
pub(super) fn outcome(reply: &Reply, session: &str) -> Outcome {
    let body = Body::read(reply);
    if !(200..300).contains(&reply.status) && body.speaks_of_restriction() {
        return Outcome::Restricted;
    }
    let status = u64::from(reply.status);
    match reply.status {
        200..300 => match body.message_id() {
            Some(waha_message_id) if body.says_refused() => Outcome::Refused { waha_message_id },
            Some(waha_message_id) => Outcome::Sent { waha_message_id },
            None => Outcome::Unknown { reason: Reason::AnsweredWithoutId { status } },
        },
        400 | 413 => Outcome::Failed { reason: refused(status, &body) },
        500 if body.speaks_of_no_lid() => Outcome::Failed { reason: Reason::NoLid },
        501 => not_offered(&body),
        422 if !body.is_about_a_session() && body.speaks_of_a_missing_feature() => {
            not_offered(&body)
        }
        422 if !body.is_about_a_session() && body.is_known() => {
            Outcome::Failed { reason: refused(status, &body) }
        }
        // The definite noes: nothing went out.
        300..=407 | 409..=499 => Outcome::Deferred(hold(reply, &body, session)),
        // Also what is no status at all (101, 999): whoever says that has read the request.
        _ => Outcome::Unknown { reason: answered(reply, &body) },
    }
}
