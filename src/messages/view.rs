//! A message and its deliveries as other programs see them: the API writes the views, `--json` the keys that it
//! always had. Both are made here, from the same rows.

use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::delivery::{Ack, Counts, MessageStatus, Status};
use crate::reason::Explanation;
use crate::secret::to_hex;
use crate::store::{Channel, Delivery, Message};

/// A message.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = Message))]
pub(crate) struct MessageView {
    #[cfg_attr(test, schema(minimum = 1))]
    pub(crate) id: i64,
    pub(crate) title: Option<String>,
    /// The text, before placeholders are filled in.
    pub(crate) text: String,
    /// What it carries beside its text; `null` for a text alone.
    pub(crate) content: Option<Map<String, Value>>,
    pub(crate) status: MessageStatus,
    /// The channel that sends it; of several the first.
    pub(crate) channel: ChannelOf,
    /// All channels that share its recipients.
    pub(crate) channels: Vec<ChannelOf>,
    /// When it goes out next, UTC; `null` once it has ended.
    pub(crate) next_at: Option<Timestamp>,
    /// When its latest occurrence that somebody got had ended, UTC; `null` while its first one is on its
    /// way, and after that was cancelled.
    pub(crate) sent_at: Option<String>,
    pub(crate) counts: CountsOf,
    /// Why it failed, or what is odd: the English sentence.
    pub(crate) error: Option<Explanation>,
    /// The code of `error`, as docs/reasons.md lists them.
    pub(crate) code: Option<&'static str>,
    /// What the caller gave to keep with it.
    pub(crate) metadata: Option<Map<String, Value>>,
    /// Hours since each recipient's last message; `null` for the channel's.
    pub(crate) recipient_gap_hours: Option<i64>,
    /// The local dates and times at which it goes out, as `[{"date":"2026-12-01","time":"08:00"}]`.
    pub(crate) schedules: Option<Vec<Value>>,
    /// The days of the week on which it goes out, as `{"time":"08:00","weekDays":[1,4]}`.
    pub(crate) interval: Option<Map<String, Value>>,
    /// UTC.
    pub(crate) created_at: String,
    /// UTC.
    pub(crate) updated_at: String,
}

/// The channel of a message.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(crate) struct ChannelOf {
    pub(crate) id: i64,
    /// `null` when there is no such channel any more.
    pub(crate) name: Option<String>,
    /// Why nothing goes out on it now.
    pub(crate) held_reason: Option<Explanation>,
}

impl ChannelOf {
    fn new(id: i64, channel: Option<&Channel>) -> Self {
        let held = channel.and_then(|channel| channel.held.as_ref());
        Self {
            id,
            name: channel.map(|channel| channel.name.clone()),
            held_reason: held.map(|held| held.reason.clone()),
        }
    }
}

/// How the recipients of the latest occurrence stand, with its retries.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(crate) struct CountsOf {
    pub(crate) sent: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    /// A request may have reached WhatsApp; nobody knows.
    pub(crate) unknown: u64,
    /// Too late to be sent.
    pub(crate) expired: u64,
    /// They wait for their turn; so seem those that SQL cancelled one by one, until the occurrence ends.
    pub(crate) pending: u64,
}

/// What became of a message for one recipient.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = Delivery))]
pub(crate) struct DeliveryView {
    #[cfg_attr(test, schema(minimum = 1))]
    pub(crate) id: i64,
    pub(crate) message_id: i64,
    pub(crate) contact_id: Option<i64>,
    /// The channel that sends it.
    pub(crate) channel_id: i64,
    /// The chat, as `6281234567890@c.us`; of one that is skipped what was written.
    pub(crate) to: String,
    pub(crate) name: Option<String>,
    pub(crate) status: Status,
    /// How far it came: -1 error, 0 pending, 1 server, 2 device, 3 read, 4 played.
    pub(crate) ack: Option<i64>,
    /// Why it was not sent, or what a look-up found: the English sentence.
    pub(crate) error: Option<Explanation>,
    /// The code of `error`, as docs/reasons.md lists them.
    pub(crate) code: Option<&'static str>,
    /// The exact text that was sent.
    pub(crate) text: Option<String>,
    /// What went along with it; `null` for a text alone, and before its turn.
    pub(crate) content: Option<Map<String, Value>>,
    pub(crate) waha_message_id: Option<String>,
    /// When its occurrence was due, UTC.
    pub(crate) due_at: Timestamp,
    /// When it was sent, UTC; `null` unless it was.
    pub(crate) sent_at: Option<Timestamp>,
}

impl MessageView {
    /// `channels` are those of `row` that are there; `expired` counts among those that failed.
    pub(crate) fn of(row: Message, channels: &[Channel], expired: u64) -> Self {
        let Counts { sent, failed, skipped, unknown, .. } = row.counts;
        let is_open = !row.status.has_ended();
        let ended = sent + failed + skipped + unknown;
        let pending = if is_open { row.contact_count.saturating_sub(ended) } else { 0 };
        let expired = expired.min(failed);
        let ids = row.channels();
        let channel = |id: i64| ChannelOf::new(id, channels.iter().find(|one| one.id == id));
        let all = ids.into_iter().map(channel).collect();
        Self {
            id: row.id,
            title: row.title,
            text: row.message,
            content: read(row.content.as_deref()),
            status: row.status,
            channel: channel(row.channel_id),
            channels: all,
            next_at: row.scheduled_at.filter(|_| is_open),
            sent_at: row.sent_at,
            counts: CountsOf { sent, failed: failed - expired, skipped, unknown, expired, pending },
            code: row.error.as_ref().and_then(Explanation::code),
            error: row.error,
            metadata: read(row.metadata.as_deref()),
            recipient_gap_hours: row.recipient_gap_hours,
            schedules: read(row.timetable.schedules.as_deref()),
            interval: read(row.timetable.interval_config.as_deref()),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// What a column of JSON holds, when it is of that kind.
fn read<T: serde::de::DeserializeOwned>(column: Option<&str>) -> Option<T> {
    serde_json::from_str(column?).ok()
}

impl DeliveryView {
    pub(crate) fn of(row: Delivery) -> Self {
        Self {
            id: row.id,
            message_id: row.auto_message_id,
            contact_id: row.contact_id,
            channel_id: row.channel_id,
            to: row.chat_id,
            name: row.name,
            status: row.status,
            ack: row.ack,
            code: row.error.as_ref().and_then(Explanation::code),
            error: row.error,
            text: row.text,
            content: read(row.content.as_deref()),
            waha_message_id: row.waha_message_id,
            due_at: row.due_at,
            sent_at: row.finished_at.filter(|_| row.status == Status::Sent),
        }
    }
}

/// A word that changes with anything that changes in a message: of two that are the same, nobody has edited one.
pub(crate) fn stamp(row: &Message) -> String {
    to_hex(&Sha256::digest(format!("{row:?}"))[..12])
}

pub(crate) fn message_json(row: &Message, channel: Option<&Channel>) -> Value {
    let mut data = json!({
        "id": row.id,
        "title": row.title,
        "message": row.message,
        "status": row.status,
        "channel_id": row.channel_id,
        "channel": channel.map(|channel| &channel.name),
        "channel_held": channel.and_then(|channel| Some(&channel.held.as_ref()?.reason)),
        "contact_ids": row.contact_ids,
        "contact_count": row.contact_count,
        "scheduled_at": row.scheduled_at,
        "schedules": row.timetable.schedules,
        "interval_config": row.timetable.interval_config,
        "sent_at": row.sent_at,
        "sent_count": row.counts.sent,
        "failed_count": row.counts.failed,
        "skipped_count": row.counts.skipped,
        "unknown_count": row.counts.unknown,
        "error": row.error,
        "metadata": row.metadata,
        "created_by": row.created_by,
        "created_at": row.created_at,
    });
    // One channel alone has no such key.
    if let Some(several) = row.several() {
        data["channel_ids"] = json!(several);
    }
    if let Some(hours) = row.recipient_gap_hours {
        data["recipient_gap_hours"] = json!(hours);
    }
    with_content(data, row.content.as_deref())
}

/// A text alone has no such key.
fn with_content(mut data: Value, content: Option<&str>) -> Value {
    if let Some(content) = content {
        data["content"] = json!(content);
    }
    data
}

pub(crate) fn delivery_json(delivery: &Delivery) -> Value {
    let data = json!({
        "id": delivery.id,
        "contact_id": delivery.contact_id,
        "channel_id": delivery.channel_id,
        "name": delivery.name,
        "chat_id": delivery.chat_id,
        "status": delivery.status,
        "finished_at": delivery.finished_at,
        "waha_message_id": delivery.waha_message_id,
        "ack": delivery.ack,
        "ack_words": delivery.known_ack().map(ack_words),
        "text": delivery.text,
        "error": delivery.error,
    });
    with_content(data, delivery.content.as_deref())
}

pub(crate) fn ack_words(ack: Ack) -> &'static str {
    match ack {
        Ack::Error => "refused by WhatsApp",
        Ack::Pending => "WAHA has it",
        Ack::Server => "WhatsApp has it",
        Ack::Device => "delivered",
        Ack::Read => "read",
        Ack::Played => "played",
    }
}
