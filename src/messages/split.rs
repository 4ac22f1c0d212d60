//! A message that does not fit becomes several: each recipient is in exactly one of them.

use serde_json::Value;

use super::{ComposeResult, Draft, changed_meanwhile, check, checks, own};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::delivery::MessageStatus;
use crate::store::{FormMark, Message, Store, StoreError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitBy {
    /// One a day at the same time of day, each with as many as the day holds.
    Days,
    /// Two at the same time, the other one on this channel.
    Channel(i64),
}

/// One message of several, as the forecast finds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// In place of those that the message has.
    pub(crate) channel_id: Option<i64>,
    pub(crate) due_at: Timestamp,
    /// As the column `contact_ids` has them.
    pub(crate) recipients: Vec<Value>,
}

/// What finds the parts of a message; the forecast does.
pub(crate) type Find<'a> =
    &'a dyn Fn(&mut Store, &Message, SplitBy) -> Result<Option<Vec<Part>>, StoreError>;

/// One message of several.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = PartOfMessage))]
pub struct SplitPart {
    pub id: i64,
    pub(crate) channel_id: i64,
    /// When it goes out, UTC.
    pub due_at: Option<Timestamp>,
    pub recipients: u64,
}

/// Splits a message that is there: it keeps the first part, the others are new messages.
pub(crate) fn split(
    store: &mut Store,
    id: i64,
    by: SplitBy,
    find: Find<'_>,
    now: Timestamp,
) -> ComposeResult<Vec<SplitPart>> {
    let row = own(store, id)?;
    let at = row.scheduled_at.filter(|_| !row.repeats());
    let (MessageStatus::Draft | MessageStatus::Scheduled, Some(at)) = (row.status, at) else {
        return Err(refused!(
            "message {id} cannot be split: only one that waits for its one time can; one that repeats goes to fewer \
             people, less often, or out on another channel"
                / "pesan {id} tidak bisa dibagi: hanya yang menunggu satu waktu kirim yang bisa; yang berulang: kurangi \
                   penerimanya, lebih jarang, atau pakai nomor lain"
        ));
    };
    if store.read(|tx| tx.has_deliveries(id, at))? {
        return Err(refused!(
            "message {id} cannot be split: it is planned for its recipients already"
                / "pesan {id} tidak bisa dibagi: penerimanya sudah ditetapkan"
        ));
    }
    let rows = rows(store, &row, by, find)?;
    let created_by = row.created_by.clone().unwrap_or_default();
    let made = store.write(|tx| {
        if tx.message(id)?.as_ref() != Some(&row) || !tx.change_message(&row, &rows[0], now)? {
            return Ok(None);
        }
        let mut made = vec![part(id, &rows[0])];
        for row in &rows[1..] {
            made.push(part(tx.insert_message(row, &created_by, now)?, row));
        }
        Ok(Some(made))
    })?;
    made.map_or_else(|| Err(changed_meanwhile(store, id)?), Ok)
}

/// Adds a message in parts, and keeps the mark of the form with the first of them.
pub(crate) fn add_split(
    store: &mut Store,
    (draft, mark): (&Draft, Option<FormMark<'_>>),
    by: SplitBy,
    find: Find<'_>,
    config: &Config,
    now: Timestamp,
) -> ComposeResult<i64> {
    let message = check(store, draft, config, now)?.message;
    if message.repeats() {
        return Err(refused!(
            "it cannot be split, because it repeats: let it go to fewer people, less often, or out on another channel"
                / "pesan yang berulang tidak bisa dibagi: kurangi penerimanya, lebih jarang, atau pakai nomor lain"
        ));
    }
    let rows = rows(store, &message, by, find)?;
    store.write_or_refuse(|tx| {
        let make = || {
            let first = tx.insert_message(&rows[0], draft.created_by, now)?;
            for row in &rows[1..] {
                tx.insert_message(row, draft.created_by, now)?;
            }
            Ok(first)
        };
        tx.make_once(mark, now, make, |first| *first)
    })
}

/// The messages that it becomes, two or more.
fn rows(
    store: &mut Store,
    message: &Message,
    by: SplitBy,
    find: Find<'_>,
) -> ComposeResult<Vec<Message>> {
    if let SplitBy::Channel(other) = by {
        store.read_or_refuse(|tx| checks::channels(tx, Some(&other.to_string())))?;
        if message.channels().contains(&other) {
            return Err(refused!(
                "it goes out on channel {other} already: choose another"
                    / "nomor {other} sudah dipakai pesan ini: pilih nomor lain"
            ));
        }
    }
    let Some(parts) = find(store, message, by)? else {
        return Err(refused!(
            "it cannot be split so that everybody gets it in time; `plan` shows what goes out before it"
                / "tidak bisa dibagi supaya semua menerimanya tepat waktu"
        ));
    };
    let all = parts.len();
    Ok(parts
        .into_iter()
        .enumerate()
        .map(|(place, part)| {
            let title =
                message.title.as_ref().map(|title| format!("{title} ({}/{all})", place + 1));
            let mut row = Message { title, ..message.clone() };
            if let Some(channel_id) = part.channel_id {
                (row.channel_id, row.channel_ids) = (channel_id, None);
            }
            row.scheduled_at = Some(part.due_at);
            row.contact_count = part.recipients.len() as u64;
            row.contact_ids = Some(Value::Array(part.recipients).to_string());
            row
        })
        .collect())
}

fn part(id: i64, row: &Message) -> SplitPart {
    let (channel_id, due_at) = (row.channel_id, row.scheduled_at);
    SplitPart { id, channel_id, due_at, recipients: row.contact_count }
}
