//! `message list` and `message show`.

use std::collections::{BTreeMap, HashMap};

use clap::Args;
use serde_json::{Value, json};

use super::super::output::Output;
use super::super::prune::size;
use super::super::table::{table, wrapped};
use super::super::{CliResult, Desk};
use super::IdArgs;
use crate::config::Config;
use crate::content::Content;
use crate::delivery::{Counts, MessageStatus};
use crate::files::Files;
use crate::messages::{ack_words, delivery_json, message_json};
use crate::reason::Explanation;
use crate::recipient;
use crate::schedule::{Timetable, in_words};
use crate::store::{Channel, Delivery, Message, MessageFilter, Occurrence, SqlResult, Tx};
use crate::terminal::one_line;

const EARLIER_SHOWN_MAX: usize = 5;

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    /// Only those with this status
    #[arg(long, value_parser = MessageStatus::ALL.map(MessageStatus::as_str))]
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
pub(in crate::cli) struct ShowArgs {
    /// Show at most so many recipients
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Show all recipients
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    #[command(flatten)]
    of: IdArgs,
}

pub(super) fn list(args: &ListArgs, config: &Config) -> CliResult {
    // One more than asked for tells whether there are more.
    let limit = (!args.all).then(|| args.limit.saturating_add(1));
    let filter = MessageFilter { status: args.status.clone(), search: args.search.clone(), limit };
    let (mut rows, channels) = Desk::open_or_make(config)?
        .store
        .read(|tx| Ok((tx.messages(&filter)?, Channels::of(tx)?)))?;
    let shown = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let has_more = !args.all && rows.len() > shown;
    if has_more {
        rows.truncate(shown);
    }
    let data: Vec<Value> =
        rows.iter().map(|row| message_json(row, channels.0.get(&row.channel_id))).collect();
    args.output.print(&data, |_| {
        if rows.is_empty() {
            return "no messages: `message add` makes one".to_owned();
        }
        let lines = rows.iter().map(|row| {
            let counts = row.counts;
            let when = row.scheduled_at.map(|at| config.zone.format_local(at));
            vec![
                row.id.to_string(),
                row.status.to_string(),
                when.unwrap_or_default(),
                format!("{}/{}", counts.sent, row.contact_count),
                (counts.failed + counts.unknown).to_string(),
                row.label(),
            ]
        });
        let text = table(&["id", "status", "time", "sent", "not", "title"], lines);
        let more =
            if has_more { "\nthere are more: --all shows them, --search finds them" } else { "" };
        let words =
            format!("times are in {}; `not` counts failed, expired and unknown", config.zone);
        format!("{text}\n{}{more}{}", wrapped(&words, 2), channels.holds(&rows))
    })
}

/// The channels by id: a message may have one that is not there.
struct Channels(HashMap<i64, Channel>);

impl Channels {
    fn of(tx: &Tx<'_>) -> SqlResult<Self> {
        Ok(Self(tx.channels()?.into_iter().map(|channel| (channel.id, channel)).collect()))
    }

    fn name(&self, id: i64) -> Option<&str> {
        Some(self.0.get(&id)?.name.as_str())
    }

    /// The channels of a message that are held, and why, when it waits for them.
    fn held(&self, row: &Message) -> Vec<(i64, &Explanation)> {
        if !matches!(row.status, MessageStatus::Scheduled | MessageStatus::Sending) {
            return Vec::new();
        }
        let reason = |id: i64| Some((id, &self.0.get(&id)?.held.as_ref()?.reason));
        row.channels().into_iter().filter_map(reason).collect()
    }

    /// A line for each held channel that one of these messages waits for.
    fn holds(&self, rows: &[Message]) -> String {
        let mut holds: BTreeMap<i64, &Explanation> = BTreeMap::new();
        holds.extend(rows.iter().flat_map(|row| self.held(row)));
        let line = |(id, why): (i64, &Explanation)| {
            let name = self.name(id).unwrap_or_default();
            let line = format!("channel {id} `{name}` is held: {why}");
            format!("\n{}", wrapped(&one_line(&line), 2))
        };
        holds.into_iter().map(line).collect()
    }
}

pub(super) fn show(args: &ShowArgs, config: &Config) -> CliResult {
    let IdArgs { id, output } = args.of;
    let limit = (!args.all).then_some(args.limit);
    let mut desk = Desk::open_or_make(config)?;
    let (row, channels, occurrences, deliveries) = desk.store.read(|tx| {
        let row = tx.message(id)?;
        let occurrences = tx.occurrences_of(id)?;
        let deliveries = match occurrences.first() {
            Some(latest) => tx.first_deliveries(id, latest.due_at, limit)?,
            None => Vec::new(),
        };
        Ok((row, Channels::of(tx)?, occurrences, deliveries))
    })?;
    let Some(row) = row else {
        return Err(super::super::no_message(&mut desk.store, id));
    };
    let mut data = message_json(&row, channels.0.get(&row.channel_id));
    data["occurrences"] = json!(occurrences);
    data["deliveries"] = deliveries.iter().map(delivery_json).collect();
    output.print(&data, |_| describe(&row, &channels, &occurrences, &deliveries, &desk))
}

fn describe(
    row: &Message,
    channels: &Channels,
    occurrences: &[Occurrence],
    deliveries: &[Delivery],
    desk: &Desk<'_>,
) -> String {
    let mut lines = vec![wrapped(&format!("message {}: {}", row.id, row.label()), 2)];
    let planned_now = occurrences.first().is_some_and(|one| Some(one.due_at) == row.scheduled_at);
    let paused = if row.status == MessageStatus::Draft && planned_now { " (paused)" } else { "" };
    lines.push(format!("status    {}{paused}", row.status));
    if let Some(error) = &row.error {
        lines.push(wrapped(&format!("error     {}", one_line(&error.to_string())), 10));
    }
    for id in row.channels() {
        let channel = channels.name(id).unwrap_or("there is none with this id");
        lines.push(format!("channel   {id} ({})", one_line(channel)));
    }
    let held = channels.held(row);
    for (id, why) in &held {
        let of = if row.several().is_some() { format!("channel {id}: ") } else { String::new() };
        lines.push(wrapped(&format!("held      {of}{}", one_line(&why.to_string())), 10));
    }
    if let Some(at) = row.scheduled_at {
        lines.push(format!("time      {}", desk.local(at)));
    }
    let Timetable { schedules, interval_config, .. } = &row.timetable;
    for words in in_words(schedules.as_deref(), interval_config.as_deref()) {
        lines.push(wrapped(&format!("repeats   {words}"), 10));
    }
    if let Some(content) = &row.content {
        lines.push(wrapped(&format!("content   {}", one_line(content)), 10));
        lines.extend(file(content, desk).map(|words| wrapped(&format!("file      {words}"), 10)));
    }
    lines.push("text".to_owned());
    lines.extend(row.message.split('\n').map(|line| wrapped(&format!("  {line}"), 2)));
    let Some(latest) = occurrences.first() else {
        let to = row.contact_ids.as_deref().map_or("nobody".to_owned(), words);
        lines.push(wrapped(&format!("to        {to} (nothing was planned yet)"), 10));
        return lines.join("\n");
    };
    if latest.retry_of.is_some() {
        let Counts { sent, failed, skipped, unknown, .. } = row.counts;
        lines.push(format!(
            "in all    {sent} of {} sent, {failed} failed or expired, {skipped} skipped, {unknown} unknown",
            row.contact_count
        ));
    }
    let summed = format!("{} {}: {}", kind(latest), desk.local(latest.due_at), sum(latest));
    lines.push(wrapped(&summed, 2));
    lines.push(recipients(deliveries, row, desk.config));
    let total = latest.pending + latest.sending + latest.ended.total();
    let shown = u64::try_from(deliveries.len()).unwrap_or(u64::MAX);
    if total > shown {
        lines.push(format!("{} more: --all shows them", total - shown));
    }
    for earlier in occurrences.iter().skip(1).take(EARLIER_SHOWN_MAX) {
        let at = desk.local(earlier.due_at);
        lines.push(wrapped(&format!("before, {} {at}: {}", kind(earlier), sum(earlier)), 2));
    }
    lines.join("\n")
}

/// The file of a message: how large it is, or why it is not there.
fn file(column: &str, desk: &Desk<'_>) -> Option<String> {
    let content = Content::read(Some(column)).ok()?;
    let files = Files::beside(desk.store.path());
    Some(match files.check(&content, desk.config.media_max_mb, false) {
        Ok(stored) => {
            let stored = stored?;
            format!("{} ({})", size(stored.bytes), stored.kind.mimetype)
        }
        Err(why) => why.to_string(),
    })
}

/// With the text of each one, where that is not the text as it stands.
fn recipients(deliveries: &[Delivery], row: &Message, config: &Config) -> String {
    let is_own = |one: &Delivery| one.text.as_ref().is_some_and(|text| *text != row.message);
    let is_personal = deliveries.iter().any(is_own);
    let is_shared = deliveries.iter().any(|one| one.channel_id != row.channel_id);
    let rows = deliveries.iter().map(|one| {
        let at = one.finished_at;
        let note = match (&one.error, one.known_ack()) {
            (Some(error), _) => error.to_string(),
            (None, Some(ack)) => ack_words(ack).to_owned(),
            (None, None) => String::new(),
        };
        let mut cells = vec![
            one.name.clone().unwrap_or_default(),
            recipient::shown(&one.chat_id),
            one.status.to_string(),
            at.map(|at| config.zone.format_local(at)).unwrap_or_default(),
            note,
        ];
        if is_shared {
            cells.insert(2, one.channel_id.to_string());
        }
        cells.extend(is_personal.then(|| one.text.clone().unwrap_or_default()));
        cells
    });
    let mut header = vec!["name", "number", "status", "ended", "note"];
    if is_shared {
        header.insert(2, "channel");
    }
    header.extend(is_personal.then_some("text"));
    table(&header, rows)
}

/// A list of words as `message add` writes it, without its quotes; anything else as it is.
fn words(column: &str) -> String {
    serde_json::from_str::<Vec<String>>(column).map_or(column.to_owned(), |words| words.join(", "))
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
