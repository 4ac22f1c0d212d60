//! Sending again to those who did not get it: as a new occurrence, now, for just these recipients.
//!
//! The deliveries that failed stay as they are, with their reasons; the new ones are of another
//! occurrence, so that "at most one request per message, occurrence and recipient" holds for them as
//! for all. The counts of the message are of both: a retry looks at the latest occurrence and at its
//! earlier retries, so a second retry reaches only the recipients that failed again.

use std::time::Duration;

use super::moves::expire_rest;
use super::{ComposeError, ComposeResult, changed_meanwhile, checks, existing};
use crate::channels;
use crate::clock::Timestamp;
use crate::config::{Config, SendOrder};
use crate::content::Content;
use crate::delivery::{MessageStatus, Status};
use crate::reason::Reason;
use crate::recipient;
use crate::recipients::{self, Recipient};
use crate::store::{Delivery, FormMark, Message, NewDelivery, Occurrence, SqlResult, Store, Tx};
use crate::template::Template;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retry {
    /// Also what may have arrived. A person has to know that.
    pub with_unknown: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retried {
    pub(crate) due_at: Timestamp,
    pub pending: u64,
    pub skipped: u64,
    /// How many recipients of the latest occurrence were unknown, whether or not they are among them.
    pub unknown: u64,
}

/// How many deliveries of the latest occurrence are unknown: for asking first.
pub fn unknown_count(store: &mut Store, id: i64) -> ComposeResult<u64> {
    existing(store, id)?;
    let latest = store.read(|tx| tx.occurrences_of(id))?.into_iter().next();
    let Some(latest) = latest else { return Ok(0) };
    Ok(store.read(|tx| tx.count_occurrence(id, latest.due_at))?.unknown)
}

/// Sends a message again to the recipients of its latest occurrence for whom it failed or expired, and
/// keeps the mark of the form that asks for it in the same transaction.
pub fn retry(
    store: &mut Store,
    id: i64,
    retry: Retry,
    mark: Option<FormMark<'_>>,
    config: &Config,
    now: Timestamp,
) -> ComposeResult<Retried> {
    if let Some(mark) = mark
        && let Some(before) = store.read(|tx| tx.made_by_mark(mark.mark))?
    {
        return Err(ComposeError::MadeBefore(before));
    }
    let (row, latest) = look(store, id, config, now)?;
    let content = checks::content(store, row.content.as_deref(), config, now)?;
    checks::text(&content, &row.message)?;
    store.read_or_refuse(|tx| checks::channel_of(tx, &row))?;
    let statuses = [Status::Failed, Status::Expired, Status::Unknown];
    let statuses = if retry.with_unknown { &statuses[..] } else { &statuses[..2] };
    let first = latest.retry_of.unwrap_or(latest.due_at);
    let (rows, stood) = store.read(|tx| {
        Ok((tx.recipients_to_retry(id, first, statuses)?, tx.count_occurrence(id, first)?))
    })?;
    if rows.is_empty() {
        let unknown = match stood.unknown {
            0 => String::new(),
            count => format!(
                "; {count} are unknown, they may have got it: `message retry {id} --unknown` sends to them too"
            ),
        };
        return Err(refused!(
            "nobody is to be tried again: none of its latest occurrence failed or expired{unknown}"
                / "tidak ada yang perlu dikirimi ulang: tidak ada yang gagal atau kedaluwarsa"
        ));
    }
    // Whole seconds, and never an occurrence that was.
    let due_at = Timestamp::from_secs(now.secs()).max(latest.due_at.plus(Duration::from_secs(1)));
    let planned = store.write(|tx| {
        let planned = plan(tx, (&row, first), &rows, config, due_at, now)?;
        if let Planned::Done { .. } = planned {
            tx.note_retry(id, due_at, first)?;
            tx.count_anew(id, due_at, now)?;
            mark.map_or(Ok(()), |mark| tx.keep_mark(mark, id, now))?;
        }
        Ok(planned)
    })?;
    let unknown = stood.unknown;
    match planned {
        Planned::Done { pending, skipped } => Ok(Retried { due_at, pending, skipped, unknown }),
        Planned::Nobody => Err(refused!(
            "nobody is to be tried again: all opted out, have a number now that got it, or cannot get the text any more"
                / "tidak ada yang bisa dikirimi ulang: semuanya minta berhenti, nomor barunya sudah menerima, atau tidak bisa menerima isinya lagi"
        )),
        Planned::Changed => Err(changed_meanwhile(store, id)?),
    }
}

/// The message and its latest occurrence, when it may be tried again.
fn look(
    store: &mut Store,
    id: i64,
    config: &Config,
    now: Timestamp,
) -> ComposeResult<(Message, Occurrence)> {
    let mut row = existing(store, id)?;
    let latest = store.read(|tx| tx.occurrences_of(id))?.into_iter().next();
    let Some(mut latest) = latest else {
        let status = row.status;
        if status == MessageStatus::Failed {
            return Err(refused!(
                "nothing of message {id} was planned, so there is nothing to try again: put right what its \
                 `error` says, then `message edit {id} --at now` (or another time) sends it"
                    / "belum ada yang dikirim dari pesan {id}, jadi tidak ada yang perlu dikirim ulang: bereskan dulu \
                       penyebab gagalnya, lalu ubah pesan itu dan beri waktu baru"
            ));
        }
        return Err(refused!(
            "nothing of message {id} was planned yet, so there is nothing to try again; it is `{status}`"
                / "belum ada yang dikirim dari pesan {id}, jadi tidak ada yang perlu dikirim ulang"
        ));
    };
    match row.status {
        MessageStatus::Sent | MessageStatus::Failed => {}
        MessageStatus::Scheduled => check_next(&row, config, now)?,
        MessageStatus::Draft
            if Some(latest.due_at) == row.scheduled_at
                && latest.due_at < now.minus(config.late_limit) =>
        {
            expire_rest(store, &row, latest.due_at, config, now)?;
            row = existing(store, id)?;
            let occurrences = store.read(|tx| tx.occurrences_of(id))?;
            latest = occurrences.into_iter().next().unwrap_or(latest);
            if row.status == MessageStatus::Scheduled {
                check_next(&row, config, now)?;
            }
        }
        MessageStatus::Draft => {
            return Err(refused!(
                "message {id} is a draft: `message resume {id}` lets it go on"
                    / "pesan {id} sedang dijeda: lanjutkan dulu"
            ));
        }
        MessageStatus::Cancelled => {
            return Err(refused!(
                "message {id} was cancelled: make a new one with `message add`"
                    / "pesan {id} sudah dibatalkan: buat pesan baru, atau salin pesan itu"
            ));
        }
        MessageStatus::Sending => {
            return Err(refused!(
                "message {id} is `sending`: wait until it has ended; `message show {id}` tells"
                    / "pesan {id} sedang dikirim: tunggu sampai selesai"
            ));
        }
    }
    Ok((row, latest))
}

/// A retry stands where the next occurrence stood, which is found again from the schedule afterwards:
/// so it must come from there, and not be due yet.
fn check_next(row: &Message, config: &Config, now: Timestamp) -> ComposeResult<()> {
    let timetable = &row.timetable;
    let next = timetable.next(&config.zone, Some(now))?;
    let here = row.scheduled_at.map(|at| timetable.at_in(at, &config.zone));
    if next.is_some() && next == here {
        return Ok(());
    }
    Err(refused!(
        "message {} is scheduled for a time of its own that a retry would take the place of: wait until that has been, \
         or make a new message for those who did not get it"
            / "pesan {} punya waktu kirim sendiri yang akan tergantikan: tunggu sampai lewat, atau buat pesan baru untuk yang \
               belum menerima",
        row.id
    ))
}

enum Planned {
    Done {
        pending: u64,
        skipped: u64,
    },
    Nobody,
    /// Nothing was written: the message is not as it was seen.
    Changed,
}

fn plan(
    tx: &Tx<'_>,
    (row, first): (&Message, Timestamp),
    deliveries: &[Delivery],
    config: &Config,
    due_at: Timestamp,
    now: Timestamp,
) -> SqlResult<Planned> {
    let content = Content::read(row.content.as_deref()).unwrap_or_default();
    let template = Template::parse(content.words(&row.message).unwrap_or_default());
    let reasons = deliveries
        .iter()
        .map(|delivery| why_not(tx, (row.id, first), delivery, (&content, &template), config))
        .collect::<SqlResult<Vec<_>>>()?;
    if reasons.iter().all(Option::is_some) {
        return Ok(Planned::Nobody);
    }
    if !tx.move_message(row, MessageStatus::Sending, Some(due_at), now)? {
        return Ok(Planned::Changed);
    }
    let (mut pending, mut skipped) = (0, 0);
    for (delivery, reason) in deliveries.iter().zip(&reasons) {
        let (status, count) = match reason {
            Some(_) => (Status::Skipped, &mut skipped),
            None => (Status::Pending, &mut pending),
        };
        let new = NewDelivery {
            auto_message_id: row.id,
            due_at,
            channel_id: channel_again(tx, row, delivery)?,
            contact_id: delivery.contact_id,
            contact_number: delivery.contact_number.as_deref(),
            name: delivery.name.as_deref(),
            chat_id: &delivery.chat_id,
            status,
            error: reason.as_ref(),
        };
        *count += u64::from(tx.plan_delivery(&new, now)?);
    }
    Ok(Planned::Done { pending, skipped })
}

/// The channel that tries again: the message's own; of several the one that tried before, while it can send.
fn channel_again(tx: &Tx<'_>, row: &Message, delivery: &Delivery) -> SqlResult<i64> {
    let before = tx.channel(delivery.channel_id)?;
    if row.several().is_some() && channels::usable(before.as_ref()).is_ok() {
        return Ok(delivery.channel_id);
    }
    Ok(channels::sender_of(tx, row)?.map_or(row.channel_id, |channel| channel.id))
}

/// Why a recipient cannot get it any more. `message` and `first` are the occurrence that is tried again.
fn why_not(
    tx: &Tx<'_>,
    (message, first): (i64, Timestamp),
    delivery: &Delivery,
    (content, template): (&Content, &Template),
    config: &Config,
) -> SqlResult<Option<Reason>> {
    if let Some(id) = delivery.contact_id
        && let Some(contact) = tx.contact(id)?
    {
        if contact.opted_out_at.is_some() {
            return Ok(Some(Reason::OptedOut));
        }
        if delivery.contact_number.is_some()
            && let Ok(chat_id) = recipient::phone_to_chat(&contact.phone_number, &config.country)
            && chat_id.as_str() != delivery.chat_id
            && tx.is_served(message, first, chat_id.as_str())?
        {
            return Ok(Some(Reason::NumberServed));
        }
    }
    let chat = serde_json::json!([delivery.chat_id]).to_string();
    let entries = recipient::parse_contact_ids(Some(&chat)).unwrap_or_default();
    let mut why = None;
    recipients::each_recipient(tx, (entries, SendOrder::AsGiven), config, |recipient| {
        let recipient = Recipient {
            contact_id: delivery.contact_id.or(recipient.contact_id),
            name: delivery.name.clone().or(recipient.name),
            ..recipient
        };
        let not_to = || content.why_not_to(&recipient.chat_id);
        why = match recipient.skipped.clone().or_else(not_to) {
            Some(reason) => Some(reason),
            None => recipients::render(tx, template, &recipient, Some(first))?.err(),
        };
        Ok(())
    })?;
    Ok(why)
}
