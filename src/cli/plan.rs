//! `plan` and `run --dry-run`: what will happen, before it does.

use std::collections::HashSet;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use clap::Args;
use serde_json::json;
use unicode_width::UnicodeWidthStr as _;

use super::output::{Output, counted, unless_read_enough};
use super::prune::size;
use super::table::{NARROW, cut, fitted, table, width, wrapped};
use super::{CliResult, Desk};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::forecast::{
    self, Bounds, Fate, Forecast, MessageForecast, PlannedFile, RecipientForecast, Scope, Seen,
};
use crate::language::Language;
use crate::lock::{self, Sending};
use crate::reason::Reason;
use crate::schedule::Zone;
use crate::store::Store;
use crate::terminal::one_line;

/// How much of the list is kept until the look is over. A forecast is of one moment, and whoever reads
/// it in a pager must not keep the database at that moment.
const KEPT_BYTES: usize = 8 << 20;
/// How much is looked at without `--all`: seconds of work at most.
const BOUNDS: Bounds = Bounds { messages: 1000, recipients: 200_000 };
const UNBOUNDED: Bounds = Bounds { messages: u64::MAX, recipients: u64::MAX };

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auto-message-scheduler plan            all that is scheduled or on its way
  auto-message-scheduler plan 7          message 7, whatever its status
  auto-message-scheduler plan 7 --all    with every recipient")]
pub(super) struct PlanArgs {
    /// Only this message [default: all that are scheduled or on their way]
    #[arg(value_parser = super::row_id)]
    message_id: Option<i64>,
    #[command(flatten)]
    how_much: HowMuch,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Copy, Debug, Args)]
struct HowMuch {
    /// Show so many recipients
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = super::at_least_one)]
    limit: usize,
    /// Show all of them, however many
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

pub(super) fn plan(args: &PlanArgs, config: &Config) -> CliResult {
    let scope = args.message_id.map_or(Scope::All, Scope::Message);
    show(scope, args.how_much, args.output, config)
}

/// `run --dry-run`.
pub(super) fn dry_run(output: Output, config: &Config) -> CliResult {
    show(Scope::DueNow, HowMuch { limit: 20, all: false }, output, config)
}

fn show(scope: Scope, how_much: HowMuch, output: Output, config: &Config) -> CliResult {
    let Desk { mut store, now, .. } = Desk::open_existing(config)?;
    let look = Look { scope, how_much, now, config };
    unless_read_enough(if output.json {
        look.print_json(&mut store)
    } else {
        look.print(&mut store)
    })
}

/// For who watches a `run`: it may wait a minute before its first message, and between two.
pub(super) fn say_what_is_due(config: &Config) -> CliResult {
    let Desk { mut store, now, .. } = Desk::open(config)?;
    if lock::who_sends(store.path()) != Sending::Nobody {
        return Ok(());
    }
    let seen = forecast::forecast(&mut store, Scope::DueNow, config, BOUNDS, now, &mut |_| {})?;
    let Some(totals) = seen.map(|seen| seen.totals) else { return Ok(()) };
    if let (Some(begins), Some(ends)) = (totals.begins_at, totals.ends_at) {
        let who = counted(totals.goes_out, "recipient");
        let (begins, ends) = (clock(begins, &config.zone), clock(ends, &config.zone));
        let when = if begins == ends { begins } else { format!("{begins} to about {ends}") };
        eprintln!("{who}, {when}; Ctrl-C leaves the rest for the next run");
    }
    Ok(())
}

struct Look<'a> {
    scope: Scope,
    how_much: HowMuch,
    now: Timestamp,
    config: &'a Config,
}

impl Look<'_> {
    /// Looks ahead; the first error of `see` ends the telling, not the looking.
    fn forecast(
        &self,
        store: &mut Store,
        mut see: impl FnMut(Seen<'_>) -> io::Result<()>,
    ) -> CliResult<Forecast> {
        let bounds = if self.how_much.all { UNBOUNDED } else { BOUNDS };
        let mut written = Ok(());
        let seen =
            forecast::forecast(store, self.scope, self.config, bounds, self.now, &mut |seen| {
                if written.is_ok() {
                    written = see(seen);
                }
            })?;
        written?;
        let Scope::Message(id) = self.scope else {
            return Ok(seen.unwrap_or_else(|| unreachable!("only a message can be missing")));
        };
        seen.ok_or_else(|| super::no_message(store, id))
    }

    /// First the summary, then the rows: a second look, so that nothing is kept of a long list.
    fn print(&self, store: &mut Store) -> CliResult {
        let limit = if self.how_much.all { usize::MAX } else { self.how_much.limit };
        let mut messages = Vec::new();
        let forecast = self.forecast(store, |seen| {
            match seen {
                Seen::Message(message) if messages.len() < limit => messages.push(message.clone()),
                Seen::Message(_) | Seen::Recipient(_) => {}
            }
            Ok(())
        })?;
        let mut out = BufWriter::with_capacity(KEPT_BYTES, io::stdout().lock());
        let zone = &self.config.zone;
        let mut lines = match (self.scope, messages.as_slice()) {
            (Scope::Message(_), [one]) => of_message(one, &forecast, zone),
            _ => of_messages(&messages, &forecast, zone),
        };
        lines.extend(of_channels(&forecast));
        if forecast.totals.goes_out > 0 {
            lines.push(wrapped(&pace(&forecast, zone), 0));
        }
        writeln!(out, "{}", lines.join("\n"))?;
        let shown = limit.min(usize::try_from(forecast.totals.recipients).unwrap_or(limit));
        if shown == 0 {
            return Ok(out.flush()?);
        }
        let note = Note::Text("text, or why not".to_owned());
        writeln!(out, "\n{}", line("when", "to", "name", &note))?;
        writeln!(out, "{}", "─".repeat(width()))?;
        let shared = messages.iter().filter(|one| one.channel_ids.is_some());
        let shared: HashSet<i64> = shared.map(|one| one.id).collect();
        let mut left = limit;
        self.forecast(store, |seen| match seen {
            Seen::Recipient(row) if left > 0 => {
                left -= 1;
                let is_shared = shared.contains(&row.message_id);
                writeln!(out, "{}", recipient_line(row, is_shared, zone))
            }
            Seen::Recipient(_) | Seen::Message(_) => Ok(()),
        })?;
        let more = forecast.totals.recipients.saturating_sub(shown as u64);
        if more > 0 {
            writeln!(out, "… and {more} more: --all shows them")?;
        }
        Ok(out.flush()?)
    }

    /// One object, written as it is found.
    fn print_json(&self, store: &mut Store) -> CliResult {
        let limit = if self.how_much.all { usize::MAX } else { self.how_much.limit };
        let mut out = BufWriter::with_capacity(KEPT_BYTES, io::stdout().lock());
        let (mut left, mut separator) = (limit, "");
        write!(out, "{{\"recipients\":[")?;
        self.forecast(store, |seen| match seen {
            Seen::Recipient(row) if left > 0 => {
                left -= 1;
                let mut value = json!(row);
                value["number"] = json!(row.number());
                write!(out, "{separator}\n  {value}")?;
                separator = ",";
                Ok(())
            }
            Seen::Recipient(_) | Seen::Message(_) => Ok(()),
        })?;
        write!(out, "\n],\"messages\":[")?;
        (left, separator) = (limit, "");
        let forecast = self.forecast(store, |seen| match seen {
            Seen::Message(message) if left > 0 => {
                left -= 1;
                let mut value = json!(message);
                value["warning"] = json!(message.warning().map(|warning| warning.to_string()));
                value["known"] = json!(message.known());
                let risks = message.risks().into_iter().map(|risk| risk.to_string());
                value["risks"] = json!(risks.collect::<Vec<_>>());
                write!(out, "{separator}\n  {value}")?;
                separator = ",";
                Ok(())
            }
            Seen::Recipient(_) | Seen::Message(_) => Ok(()),
        })?;
        let Forecast { now, gap, late_limit, totals, channels, .. } = &forecast;
        let summary = json!({
            "now": now.to_string(),
            "delay_seconds": gap.delay.as_secs(),
            "jitter_seconds": gap.jitter.as_secs(),
            "late_limit_hours": late_limit.as_secs() / 3600,
            "messages": forecast.messages,
            "messages_left_out": forecast.messages_left_out,
            "totals": totals,
            "channels": channels,
        });
        writeln!(out, "\n],\"summary\":{summary}}}")?;
        Ok(out.flush()?)
    }
}

fn of_message(message: &MessageForecast, forecast: &Forecast, zone: &Zone) -> Vec<String> {
    let label = cut(&message.label, (width() - 30).min(40));
    let mut lines = vec![format!("Message {} `{label}`: {}", message.id, message.status)];
    let mut field = |name: &str, value: String| {
        lines.push(wrapped(&format!("  {name:<9} {value}"), 12));
    };
    let shown = |at: Option<Timestamp>| at.map(|at| clock(at, zone)).unwrap_or_default();
    field("due", format!("{} ({})", shown(message.due_at), zone.name()));
    if let Some(why) = &message.fails {
        field("fails", why.to_string());
    }
    if let Some(remark) = &message.remark {
        field("note", remark.clone());
    }
    if message.tally.goes_out > 0 {
        field("begins", shown(message.tally.begins_at));
        let takes = match message.takes_secs {
            0 => String::new(),
            secs => format!(", takes {}", length(Duration::from_secs(secs))),
        };
        field("ends", shown(message.tally.ends_at) + &takes);
    }
    field("gets it", counts(message, forecast));
    if message.wait_for_gap + message.too_soon > 0 {
        field("same chat", gap_words(message));
    }
    if message.checked_first > 0 {
        let words = "never seen here: WhatsApp is asked about each first, and the times count that";
        field("checked", format!("{} {words}", message.checked_first));
    }
    if let Some(file) = &message.file {
        field("file", file_words(file, message.tally.goes_out));
    }
    if message.next_at.is_some() {
        field("then", shown(message.next_at));
    }
    if let Some(known) = message.known() {
        field("knows you", format!("{known} of {} ever wrote to you", message.tally.goes_out));
    }
    if let Some(warning) = message.warning() {
        field("warning", warning.to_string());
    }
    for risk in message.risks() {
        field("risk", risk.to_string());
    }
    lines
}

/// Who got another message lately.
fn gap_words(message: &MessageForecast) -> String {
    let MessageForecast { wait_for_gap, too_soon, .. } = *message;
    let mut parts = Vec::new();
    if wait_for_gap > 0 {
        parts.push(format!("{wait_for_gap} wait, because the chat got another message lately"));
    }
    if too_soon > 0 {
        parts.push(format!("{too_soon} would wait until it is too late"));
    }
    parts.join(", ")
}

/// Its size, and what the times leave out.
fn file_words(file: &PlannedFile, count: u64) -> String {
    let PlannedFile { filename, bytes, mimetype, upload_seconds_max } = file;
    let name = filename.as_deref().map(|name| format!("{}, ", one_line(name))).unwrap_or_default();
    let all = size(bytes.saturating_mul(count));
    format!(
        "{name}{} ({mimetype}) to each recipient, {all} in all; the times do not count its uploads, which may take \
         {upload_seconds_max} s each at most",
        size(*bytes)
    )
}

fn counts(message: &MessageForecast, forecast: &Forecast) -> String {
    let tally = message.tally;
    let late =
        format!("too late (more than {} h after its time)", forecast.late_limit.as_secs() / 3600);
    let parts = [
        (tally.skipped, "skipped"),
        (tally.too_late, late.as_str()),
        (tally.waits, "waiting for their channel"),
        (tally.ended, "ended before"),
    ];
    let others = parts.into_iter().filter(|(count, _)| *count > 0);
    let text = format!("{} of {}", tally.goes_out, message.recipients);
    others.fold(text, |text, (count, what)| format!("{text}, {count} {what}"))
}

fn of_messages(messages: &[MessageForecast], forecast: &Forecast, zone: &Zone) -> Vec<String> {
    if messages.is_empty() {
        return vec!["Nothing is waiting to be sent.".to_owned()];
    }
    let shown = |at: Option<Timestamp>| at.map(|at| zone.format_local(at)).unwrap_or_default();
    let rows = messages.iter().map(|message| {
        let label = &message.label;
        let title = match &message.remark {
            Some(remark) if message.fails.is_none() => format!("{label}: {remark}"),
            Some(_) | None => label.clone(),
        };
        vec![
            message.id.to_string(),
            cut(&title, (width() - 20).min(60)),
            if message.fails.is_some() {
                "fails".to_owned()
            } else {
                shown(message.tally.begins_at.or(message.due_at))
            },
            shown(message.tally.ends_at),
            format!("{}/{}", message.tally.goes_out, message.recipients),
            message.tally.skipped.to_string(),
            message.tally.too_late.to_string(),
        ]
    });
    let header = ["id", "title", "begins", "ends", "get it", "skipped", "late"];
    let mut lines = vec![table(&header, rows)];
    lines.extend(messages.iter().filter_map(|one| {
        Some(wrapped(&format!("fails: message {}: {}", one.id, one.fails.as_ref()?), 0))
    }));
    lines.extend(messages.iter().filter_map(|one| {
        Some(wrapped(&format!("warning: message {}: {}", one.id, one.warning()?), 0))
    }));
    lines.extend(messages.iter().flat_map(|one| {
        let line = |risk| wrapped(&format!("risk: message {}: {risk}", one.id), 0);
        one.risks().into_iter().map(line)
    }));
    let more = forecast.messages.saturating_sub(messages.len() as u64);
    if more > 0 {
        lines.push(format!("… and {more} more messages: --all shows them"));
    }
    let left_out = forecast.messages_left_out;
    if left_out > 0 {
        lines.push(format!("{left_out} later messages were not looked at: --all does"));
    }
    let totals = forecast.totals;
    let text = format!(
        "{}, {}: {} get it, {} skipped, {} too late",
        counted(forecast.messages, "message"),
        counted(totals.recipients, "recipient"),
        totals.goes_out,
        totals.skipped,
        totals.too_late
    );
    lines.push(wrapped(&text, 2));
    lines
}

fn of_channels(forecast: &Forecast) -> Vec<String> {
    let mut lines = Vec::new();
    for channel in &forecast.channels {
        let (id, name) = (channel.id, &channel.name);
        if let Some(warning) = &channel.warning {
            let warning = warning.text(Language::English);
            lines.push(wrapped(&format!("Channel `{name}`: {warning}."), 2));
        }
        let text = match (&channel.blocked, &channel.held_reason, &channel.closed) {
            (Some(reason), ..) => format!("Nothing goes out on channel {id}: {reason}."),
            (_, Some(reason), _) => format!("Channel `{name}` is held: {reason}."),
            (.., Some(reason)) => format!("Channel `{name}` waits now: {reason}."),
            (None, None, None) => continue,
        };
        lines.push(wrapped(&text, 2));
        if channel.blocked.is_none() && channel.held_reason.is_some() {
            lines.push("Its times hold only if it is free again by then.".to_owned());
        }
    }
    lines
}

/// How the times were counted.
fn pace(forecast: &Forecast, zone: &Zone) -> String {
    let (least, most) = (forecast.gap.delay.as_secs(), forecast.gap.longest().as_secs());
    let mean = forecast.gap.with_jitter(0.5).as_secs_f32();
    let gaps = if least == most {
        format!("{least} s between two sends on a channel")
    } else {
        format!("{least} to {most} s between two sends on a channel, {mean} s on average")
    };
    let rest = forecast.rest.map_or(String::new(), |rest| {
        let (least, most) = (rest.least.as_secs() / 60, rest.most.as_secs() / 60);
        format!(", and a rest of {least} to {most} min after {} sends", rest.after)
    });
    format!("Times are about right, in {}: {gaps}{rest}.", zone.name())
}

/// `is_shared`: whether several channels share the recipients of its message.
fn recipient_line(row: &RecipientForecast<'_>, is_shared: bool, zone: &Zone) -> String {
    let text = || Note::Text(row.text.unwrap_or_default().to_owned());
    let (when, note) = match row.fate {
        Fate::GoesOut { at } => (clock(at, zone), text()),
        Fate::Skipped { reason } => ("skipped".to_owned(), Note::Reason(reason.to_owned())),
        Fate::TooLate => ("too late".to_owned(), text()),
        Fate::TooSoon { hours } => {
            let reason = Reason::RecipientGap { hours };
            ("too late".to_owned(), Note::Reason(reason.to_string()))
        }
        Fate::Waits { reason } => ("waits".to_owned(), Note::Reason(reason.to_owned())),
        Fate::InFlight => ("sending now".to_owned(), text()),
        Fate::Ended { status, at, error } => {
            let at = at.map(|at| clock(at, zone)).unwrap_or_default();
            let note = match error {
                Some(error) => Note::Reason(format!("{status} {error}")),
                None => Note::Text(format!("{status} {}", row.text.unwrap_or_default())),
            };
            (at, note)
        }
    };
    let note = match (note, row.channel_id) {
        (Note::Text(text), Some(id)) if is_shared => Note::Text(format!("channel {id}: {text}")),
        (note, _) => note,
    };
    line(&when, &row.number(), row.name.unwrap_or_default(), &note)
}

/// What the last column says.
enum Note {
    /// Cut where it ends: `message show` has it whole.
    Text(String),
    /// Never cut.
    Reason(String),
}

/// A row, with its last column under the others where a terminal is narrow.
fn line(when: &str, to: &str, name: &str, note: &Note) -> String {
    let row = format!("{when:<19}  {}  ", fitted(to, 16));
    let is_narrow = width() < NARROW;
    let (row, indent) = if is_narrow {
        (format!("{}\n  {}  ", row.trim_end(), cut(name, 15)), 2)
    } else {
        (format!("{row}{}  ", fitted(name, 15)), 56)
    };
    // The first line of the note stands behind the row.
    let behind = row.lines().last().unwrap_or_default().width();
    let note = match note {
        Note::Text(text) => cut(text, width() - behind),
        Note::Reason(reason) => {
            wrapped(&(" ".repeat(behind) + &one_line(reason)), indent).trim_start().to_owned()
        }
    };
    (row + &note).trim_end().to_owned()
}

/// `2026-12-01 08:00:00` in local time.
pub(super) fn clock(at: Timestamp, zone: &Zone) -> String {
    format!("{}:{:02}", zone.format_local(at), zone.to_local(at).second())
}

/// `16 h 40 min`, `5 min`, `40 s`.
pub(super) fn length(duration: Duration) -> String {
    let secs = duration.as_secs();
    match (secs / 86_400, secs / 3600 % 24, secs / 60 % 60, secs % 60) {
        (0, 0, 0, secs) => format!("{secs} s"),
        (0, 0, minutes, 0) => format!("{minutes} min"),
        (0, 0, minutes, secs) if minutes < 10 => format!("{minutes} min {secs} s"),
        (0, 0, minutes, _) => format!("{minutes} min"),
        (0, hours, 0, _) => format!("{hours} h"),
        (0, hours, minutes, _) => format!("{hours} h {minutes} min"),
        (days, hours, _, _) => format!("{days} d {hours} h"),
    }
}
