//! `message list` and `message show`.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};

use super::super::output::Output;
use super::super::table::{table, wrapped};
use super::super::{CliError, Desk};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::delivery::{Ack, Counts};
use crate::recipient;
use crate::schedule::in_words;
use crate::store::{DeliveryRow, MessageFilter, MessageRow, Occurrence, label};
use crate::terminal::one_line;

const STATUSES: [&str; 6] = ["draft", "scheduled", "sending", "sent", "failed", "cancelled"];
/// How many earlier occurrences are summed up.
const EARLIER_SHOWN_MAX: usize = 5;

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only those with this status
    #[arg(long, value_parser = STATUSES)]
    status: Option<String>,
    /// Only those with this in title or text
    #[arg(long)]
    search: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// All of them
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The message's id, as `message list` shows it
    #[arg(value_parser = crate::cli::row_id)]
    id: i64,
    /// Show at most so many recipients
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Show all recipients
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    #[command(flatten)]
    output: Output,
}

pub(super) fn list(args: &ListArgs, config: &Config) -> Result<(), CliError> {
    // One more than asked for tells whether there are more.
    let limit = (!args.all).then(|| args.limit.saturating_add(1));
    let filter = MessageFilter { status: args.status.clone(), search: args.search.clone(), limit };
    let mut rows = Desk::open_or_make(config)?.store.read(|tx| tx.message_rows(&filter))?;
    let shown = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let has_more = !args.all && rows.len() > shown;
    if has_more {
        rows.truncate(shown);
    }
    let data: Vec<Value> = rows.iter().map(message_json).collect();
    args.output.print(&data, |_| {
        if rows.is_empty() {
            return "no messages: `message add` makes one".to_owned();
        }
        let lines = rows.iter().map(|row| {
            let counts = row.counts;
            let when = row.fields.scheduled_at.map(|at| config.zone.format_local(at));
            vec![
                row.id.to_string(),
                row.fields.status.clone(),
                when.unwrap_or_default(),
                format!("{}/{}", counts.sent, row.fields.contact_count),
                (counts.failed + counts.unknown).to_string(),
                title(row),
            ]
        });
        let text = table(&["id", "status", "time", "sent", "not", "title"], lines);
        let more =
            if has_more { "\nthere are more: --all shows them, --search finds them" } else { "" };
        let zone = &config.zone;
        format!(
            "{text}\ntimes are in {zone}; `not` counts failed, expired and unknown{more}{}",
            holds(&rows)
        )
    })
}

/// Why the channel of a message that waits for it is held.
fn hold(row: &MessageRow) -> Option<&str> {
    let waits = ["scheduled", "sending"].contains(&row.fields.status.as_str());
    row.channel_held.as_deref().filter(|_| waits)
}

/// A line for each held channel that one of these messages waits for.
fn holds(rows: &[MessageRow]) -> String {
    let mut holds = BTreeMap::new();
    for row in rows {
        if let Some(why) = hold(row) {
            holds.insert(row.fields.channel_id, (row.channel_name.as_deref(), why));
        }
    }
    let line = |(id, (name, why)): (i64, (Option<&str>, &str))| {
        let line = format!("channel {id} `{}` is held: {why}", name.unwrap_or_default());
        format!("\n{}", wrapped(&one_line(&line), 2))
    };
    holds.into_iter().map(line).collect()
}

fn title(row: &MessageRow) -> String {
    label(row.fields.title.as_deref(), &row.fields.message)
}

fn message_json(row: &MessageRow) -> Value {
    let fields = &row.fields;
    json!({
        "id": row.id,
        "title": fields.title,
        "message": fields.message,
        "status": fields.status,
        "channel_id": fields.channel_id,
        "channel": row.channel_name,
        "channel_held": row.channel_held,
        "contact_ids": fields.contact_ids,
        "contact_count": fields.contact_count,
        "scheduled_at": fields.scheduled_at.map(|at| at.to_string()),
        "schedules": fields.schedules,
        "interval_config": fields.interval_config,
        "sent_at": row.sent_at,
        "sent_count": row.counts.sent,
        "failed_count": row.counts.failed,
        "skipped_count": row.counts.skipped,
        "unknown_count": row.counts.unknown,
        "error": row.error,
        "metadata": row.metadata,
        "created_by": row.created_by,
        "created_at": row.created_at,
    })
}

pub(super) fn show(args: &ShowArgs, config: &Config) -> Result<(), CliError> {
    let id = args.id;
    let limit = (!args.all).then_some(args.limit);
    let mut desk = Desk::open_or_make(config)?;
    let (row, occurrences, deliveries) = desk.store.read(|tx| {
        let row = tx.message_row(id)?;
        let occurrences = tx.occurrences_of(id)?;
        let deliveries = match occurrences.first() {
            Some(latest) => tx.delivery_rows(id, latest.due_at, &[], limit)?,
            None => Vec::new(),
        };
        Ok((row, occurrences, deliveries))
    })?;
    let Some(row) = row else {
        return Err(super::super::no_message(&mut desk.store, id));
    };
    let mut data = message_json(&row);
    data["occurrences"] = occurrences.iter().map(occurrence_json).collect();
    data["deliveries"] = deliveries.iter().map(delivery_json).collect();
    args.output.print(&data, |_| describe(&row, &occurrences, &deliveries, &desk))
}

fn describe(
    row: &MessageRow,
    occurrences: &[Occurrence],
    deliveries: &[DeliveryRow],
    desk: &Desk<'_>,
) -> String {
    let fields = &row.fields;
    let mut lines = vec![format!("message {}: {}", row.id, title(row))];
    let planned_now =
        occurrences.first().is_some_and(|one| Some(one.due_at) == fields.scheduled_at);
    let paused = if fields.status == "draft" && planned_now { " (paused)" } else { "" };
    lines.push(format!("status    {}{paused}", fields.status));
    if let Some(error) = &row.error {
        lines.push(format!("error     {}", one_line(error)));
    }
    let channel = row.channel_name.as_deref().unwrap_or("there is none with this id");
    lines.push(format!("channel   {} ({})", fields.channel_id, one_line(channel)));
    if let Some(why) = hold(row) {
        lines.push(wrapped(&format!("held      {}", one_line(why)), 10));
    }
    if let Some(at) = fields.scheduled_at {
        lines.push(format!("time      {}", desk.local(at)));
    }
    for words in in_words(fields.schedules.as_deref(), fields.interval_config.as_deref()) {
        lines.push(wrapped(&format!("repeats   {words}"), 10));
    }
    lines.push("text".to_owned());
    lines.extend(fields.message.split('\n').map(|line| format!("  {line}")));
    let Some(latest) = occurrences.first() else {
        let to = fields.contact_ids.as_deref().map_or("nobody".to_owned(), words);
        lines.push(format!("to        {} (nothing was planned yet)", one_line(&to)));
        return lines.join("\n");
    };
    if latest.retry_of.is_some() {
        let Counts { sent, failed, skipped, unknown, .. } = row.counts;
        lines.push(format!(
            "in all    {sent} of {} sent, {failed} failed or expired, {skipped} skipped, {unknown} unknown",
            fields.contact_count
        ));
    }
    lines.push(format!("{} {}: {}", kind(latest), desk.local(latest.due_at), sum(latest)));
    lines.push(recipients(deliveries, desk.config));
    let total = latest.pending + latest.sending + total(latest.ended);
    let shown = u64::try_from(deliveries.len()).unwrap_or(u64::MAX);
    if total > shown {
        lines.push(format!("{} more: --all shows them", total - shown));
    }
    for earlier in occurrences.iter().skip(1).take(EARLIER_SHOWN_MAX) {
        let at = desk.local(earlier.due_at);
        lines.push(format!("before, {} {at}: {}", kind(earlier), sum(earlier)));
    }
    lines.join("\n")
}

fn recipients(deliveries: &[DeliveryRow], config: &Config) -> String {
    let rows = deliveries.iter().map(|one| {
        let at = one.finished_at.as_deref().and_then(Timestamp::parse);
        let note = match (&one.error, one.ack.and_then(Ack::from_number)) {
            (Some(error), _) => error.clone(),
            (None, Some(ack)) => ack_words(ack).to_owned(),
            (None, None) => String::new(),
        };
        vec![
            one.name.clone().unwrap_or_default(),
            recipient::shown(&one.chat_id),
            one.status.clone(),
            at.map(|at| config.zone.format_local(at)).unwrap_or_default(),
            note,
        ]
    });
    table(&["name", "number", "status", "ended", "note"], rows)
}

/// A list of words as `message add` writes it, without its quotes; anything else as it is.
fn words(column: &str) -> String {
    serde_json::from_str::<Vec<String>>(column).map_or(column.to_owned(), |words| words.join(", "))
}

fn ack_words(ack: Ack) -> &'static str {
    match ack {
        Ack::Error => "refused by WhatsApp",
        Ack::Pending => "WAHA has it",
        Ack::Server => "WhatsApp has it",
        Ack::Device => "delivered",
        Ack::Read => "read",
        Ack::Played => "played",
    }
}

fn total(counts: Counts) -> u64 {
    let Counts { sent, failed, skipped, unknown, expired, cancelled } = counts;
    sent + failed + skipped + unknown + expired + cancelled
}

fn kind(occurrence: &Occurrence) -> &'static str {
    if occurrence.retry_of.is_some() { "retry at" } else { "occurrence of" }
}

/// `12 sent, 3 failed`.
fn sum(occurrence: &Occurrence) -> String {
    let Counts { sent, failed, skipped, unknown, expired, cancelled } = occurrence.ended;
    let parts: Vec<String> = [
        (sent, "sent"),
        (occurrence.pending, "pending"),
        (occurrence.sending, "sending"),
        (failed, "failed"),
        (skipped, "skipped"),
        (unknown, "unknown"),
        (expired, "expired"),
        (cancelled, "cancelled"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{count} {word}"))
    .collect();
    parts.join(", ")
}

fn occurrence_json(occurrence: &Occurrence) -> Value {
    let Counts { sent, failed, skipped, unknown, expired, cancelled } = occurrence.ended;
    json!({
        "due_at": occurrence.due_at.to_string(),
        "retry_of": occurrence.retry_of.map(|at| at.to_string()),
        "pending": occurrence.pending,
        "sending": occurrence.sending,
        "sent": sent,
        "failed": failed,
        "skipped": skipped,
        "unknown": unknown,
        "expired": expired,
        "cancelled": cancelled,
    })
}

fn delivery_json(delivery: &DeliveryRow) -> Value {
    json!({
        "id": delivery.id,
        "contact_id": delivery.contact_id,
        "name": delivery.name,
        "chat_id": delivery.chat_id,
        "status": delivery.status,
        "finished_at": delivery.finished_at,
        "waha_message_id": delivery.waha_message_id,
        "ack": delivery.ack,
        "ack_words": delivery.ack.and_then(Ack::from_number).map(ack_words),
        "text": delivery.text,
        "error": delivery.error,
    })
}
