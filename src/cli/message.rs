//! `message …`: argv into calls of `messages`, and what came of them in words.

mod add;
mod show;
pub(super) mod test_send;

use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::init::is_yes;
use super::output::{Output, counted};
use super::{CliError, CliResult, Desk, acts, refuse};
use crate::channels;
use crate::config::Config;
use crate::forecast;
use crate::messages::{
    self, MovedView, Resumed, Retry, SplitBy, SplitPart, StaysView, Timing, WeeklyTiming,
};
use crate::store::{ActedOn, Occurrence};
use crate::terminal::one_line;

/// The most that a text file may hold: more than WhatsApp takes in any encoding.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

#[derive(Debug, Subcommand)]
pub(super) enum MessageCommand {
    /// Add a message, to be sent at its time
    Add(Box<add::AddArgs>),
    /// Show the newest messages
    List(show::ListArgs),
    /// Show a message and what became of it for each recipient
    Show(show::ShowArgs),
    /// Make a new message that says the same to the same people, as a draft or at a time
    Copy(add::CopyArgs),
    /// Change a message, as far as it has not been sent
    Edit(Box<add::EditArgs>),
    /// Stop a message for good; what is under way goes out
    Cancel(IdArgs),
    /// Stop a message for now
    Pause(IdArgs),
    /// Let a draft or a paused message go out
    Resume(IdArgs),
    /// Send again to those for whom it failed or came too late
    Retry(RetryArgs),
    /// Let another channel send to those who wait for one
    Move(MoveArgs),
    /// Send a text to one number now, and say what WAHA said
    TestSend(test_send::TestSendArgs),
    /// Make several messages of one that does not fit: each recipient is in exactly one of them
    Split(SplitArgs),
    /// Delete a message that has ended, and what is known of it
    Remove(RemoveArgs),
}

#[derive(Clone, Copy, Debug, Args)]
pub(super) struct IdArgs {
    /// The message's id, as `message list` shows it
    #[arg(value_parser = crate::cli::row_id)]
    id: i64,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct RetryArgs {
    /// Also to those who may have got it: they may get it twice
    #[arg(long)]
    unknown: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    of: IdArgs,
}

#[derive(Debug, Args)]
pub(super) struct MoveArgs {
    /// The channel for which they wait, by name or id
    #[arg(long, value_name = "A")]
    from: String,
    /// The channel that sends to them from now on, by name or id
    #[arg(long, value_name = "B")]
    to: String,
    #[command(flatten)]
    of: IdArgs,
}

#[derive(Debug, Args)]
pub(super) struct SplitArgs {
    /// Two messages at the same time, the other one on this channel; without it one a day
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    #[command(flatten)]
    of: IdArgs,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// Do not ask, and remove it even when deliveries are unknown
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    of: IdArgs,
}

/// A text on the command line, in a file or on standard input.
#[derive(Debug, Args)]
struct TextArgs {
    /// The text; {{name}}, {{phone_number}} and attributes of the contact are filled in
    text: Option<String>,
    /// Take the text from this file, or from standard input with `-`
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    file: Option<PathBuf>,
    /// The text, below a picture or file
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["text", "file"])]
    caption: Option<String>,
}

/// When a message goes out.
#[derive(Debug, Args)]
struct TimingArgs {
    /// `2026-12-01 08:00` or `1-12-2026 08:00` in TIMEZONE, `08:00`, `besok 08:00`, `+10m`, `+2h`, `+1d`
    /// or `now`; may be given several times
    #[arg(long, value_name = "TIME", conflicts_with = "days")]
    at: Vec<String>,
    /// Each week on these days: `mon,thu`, `senin,kamis`, or `daily`
    #[arg(long, value_name = "DAYS", requires = "time", group = "days")]
    weekly: Option<String>,
    /// Each month on these days: `1,15`, or `last`
    #[arg(long, value_name = "DAYS", requires = "time", group = "days")]
    monthly: Option<String>,
    /// The time of day for --weekly and --monthly, as `08:00`; may be given several times
    #[arg(long, value_name = "TIME", requires = "days")]
    time: Vec<String>,
    /// The first date for --weekly and --monthly, as `2026-12-01`
    #[arg(long, value_name = "DATE", requires = "days")]
    from: Option<String>,
    /// The last date for --weekly and --monthly
    #[arg(long, value_name = "DATE", requires = "days")]
    until: Option<String>,
}

pub(super) fn message(command: &MessageCommand, config: &Config) -> CliResult {
    let desk = || Desk::open_or_make(config);
    let ((), what, about) = match command {
        MessageCommand::List(args) => return show::list(args, config),
        MessageCommand::Show(args) => return show::show(args, config),
        MessageCommand::TestSend(args) => return test_send::test_send(args, config),
        MessageCommand::Add(args) => (add::add(args, config)?, "added", None),
        MessageCommand::Copy(args) => (add::copy(args, config)?, "added", None),
        MessageCommand::Edit(args) => (add::edit(args, config)?, "saved", Some(args.id)),
        MessageCommand::Cancel(args) => (cancel(args, &mut desk()?)?, "cancelled", Some(args.id)),
        MessageCommand::Pause(args) => (pause(args, &mut desk()?)?, "paused", Some(args.id)),
        MessageCommand::Resume(args) => (resume(args, &mut desk()?)?, "resumed", Some(args.id)),
        MessageCommand::Retry(args) => (retry(args, config)?, "retried", Some(args.of.id)),
        MessageCommand::Split(args) => (split(args, &mut desk()?)?, "split", Some(args.of.id)),
        MessageCommand::Move(args) => (move_to(args, &mut desk()?)?, "moved", Some(args.of.id)),
        MessageCommand::Remove(args) => (remove(args, config)?, "deleted", Some(args.of.id)),
    };
    acts::note(config, ActedOn::Message, (what, about));
    Ok(())
}

/// How many recipients wait.
fn wait(count: u64) -> String {
    if count == 1 { "1 waits".to_owned() } else { format!("{count} wait") }
}

fn cancel(args: &IdArgs, desk: &mut Desk<'_>) -> CliResult {
    let id = args.id;
    let stood = messages::cancel(&mut desk.store, id, desk.now)?;
    let data = json!({ "id": id, "status": "cancelled", "sent": stood.map(|one| one.ended.sent),
        "under_way": stood.map(|one| one.sending) });
    let row = desk.store.read(|tx| tx.message(id))?;
    let was_sent = row.is_some_and(|row| row.sent_at.is_some() || row.counts.sent > 0);
    args.output.print(&data, |_| match stood {
        None if was_sent => format!("message {id} is cancelled: nothing more of it is sent"),
        None => format!("message {id} is cancelled: nothing of it was sent"),
        Some(Occurrence { ended, sending, retry_of, .. }) => {
            let whose = if retry_of.is_some() { " of those tried again" } else { "" };
            format!(
                "message {id} is cancelled: {}{whose} got it, the others will not{}",
                ended.sent,
                under_way(sending)
            )
        }
    })
}

fn pause(args: &IdArgs, desk: &mut Desk<'_>) -> CliResult {
    let id = args.id;
    let stood = messages::pause(&mut desk.store, id, desk.now)?;
    let data = json!({ "id": id, "status": "draft", "pending": stood.map(|one| one.pending),
        "under_way": stood.map(|one| one.sending) });
    args.output.print(&data, |_| {
        let left = match stood {
            None => String::new(),
            Some(Occurrence { ended, pending, sending, .. }) => {
                format!(": {} got it, {}{}", ended.sent, wait(pending), under_way(sending))
            }
        };
        format!("message {id} is paused{left}; `message resume {id}` lets it go on")
    })
}

fn under_way(sending: u64) -> String {
    if sending == 0 { String::new() } else { format!(", {sending} under way go out") }
}

fn resume(args: &IdArgs, desk: &mut Desk<'_>) -> CliResult {
    let (id, now) = (args.id, desk.now);
    let resumed = messages::resume(&mut desk.store, id, desk.config, now)?;
    let data = match resumed {
        Resumed::GoesOn { pending } => json!({ "id": id, "status": "sending", "pending": pending }),
        Resumed::Scheduled { at } => {
            json!({ "id": id, "status": "scheduled", "scheduled_at": at.to_string() })
        }
        Resumed::Expired { count, next } => {
            json!({ "id": id, "status": "scheduled", "expired": count,
            "scheduled_at": next.to_string() })
        }
    };
    args.output.print(&data, |_| match resumed {
        Resumed::GoesOn { pending } => format!("message {id} goes on: {}", wait(pending)),
        Resumed::Scheduled { at } if at <= now => {
            format!("message {id} is scheduled: its time {} has come, it begins now", desk.local(at))
        }
        Resumed::Scheduled { at } => {
            format!("message {id} is scheduled: it begins {}", desk.local(at))
        }
        Resumed::Expired { count, next } => format!(
            "message {id} is scheduled: it begins {}; too late and expired: {}, `message retry {id}` \
             sends to them now",
            desk.local(next),
            counted(count as u64, "delivery")
        ),
    })
}

fn retry(args: &RetryArgs, config: &Config) -> CliResult {
    let IdArgs { id, output } = args.of;
    if args.unknown && !args.yes {
        let count = messages::unknown_count(&mut Desk::open_or_make(config)?.store, id)?;
        if count > 0 {
            confirm(&format!(
                "unknown of message {id}: {}; they may have got it, and would then get it TWICE. \
                 Look into WhatsApp first. Send to them again?",
                counted(count, "recipient")
            ))?;
        }
    }
    let retry = Retry { with_unknown: args.unknown };
    let Desk { mut store, now, .. } = Desk::open_or_make(config)?;
    let retried = messages::retry(&mut store, id, retry, None, config, now)?;
    let data = json!({ "id": id, "status": "sending", "due_at": retried.due_at.to_string(),
        "pending": retried.pending, "skipped": retried.skipped, "unknown": retried.unknown });
    output.print(&data, |_| {
        let to = counted(retried.pending as u64, "recipient");
        let mut parts = vec![format!("message {id} is sent again to {to}")];
        if retried.skipped > 0 {
            parts.push(format!("{} cannot get it any more", retried.skipped));
        }
        if retried.unknown > 0 && !args.unknown {
            parts.push(format!(
                "{} are unknown and left alone: they may have got it (see --unknown)",
                retried.unknown
            ));
        }
        parts.join("; ")
    })
}

fn move_to(args: &MoveArgs, desk: &mut Desk<'_>) -> CliResult {
    let MoveArgs { from, to, of: IdArgs { id, output } } = args;
    let moved = messages::move_to_channel(&mut desk.store, *id, (from, to), desk.now)?;
    let view = MovedView::of(*id, &moved);
    output.print(&json!(view), |_| {
        let (from, to) = (one_line(&moved.from.name), one_line(&moved.to.name));
        let who = counted(view.moved, "recipient");
        let mut lines = vec![format!("message {id}: {who} moved from `{from}` to `{to}`")];
        lines.extend(view.stays.iter().map(|StaysView { status, count, message }| {
            format!("{count} {status} on `{from}`: {message}")
        }));
        if moved.to.held.is_some() {
            lines.push(format!("warning: channel `{to}` is held, they wait until it is free"));
        }
        lines.join("\n")
    })
}

fn split(args: &SplitArgs, desk: &mut Desk<'_>) -> CliResult {
    let by = match &args.channel {
        Some(channel) => SplitBy::Channel(channels::find(&mut desk.store, channel)?.id),
        None => SplitBy::Days,
    };
    let parts = forecast::split(&mut desk.store, args.of.id, by, desk.config, desk.now)?;
    args.of.output.print(&parts, |parts| {
        let line = |part: &SplitPart| {
            let when = part.due_at.map(|at| desk.local(at)).unwrap_or_default();
            let who = counted(part.recipients, "recipient");
            format!("message {}: {who}, {when}, channel {}", part.id, part.channel_id)
        };
        parts.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

fn remove(args: &RemoveArgs, config: &Config) -> CliResult {
    let IdArgs { id, output } = args.of;
    if !args.yes {
        messages::removable(&mut Desk::open_or_make(config)?.store, id, args.yes)?;
        confirm(&format!("Delete message {id} and all that is known of what was sent?"))?;
    }
    messages::remove(&mut Desk::open_or_make(config)?.store, id, args.yes)?;
    let data = json!({ "id": id, "removed": true });
    output.print(&data, |_| format!("message {id} is removed"))
}

/// Asks on the terminal; without one, only `--yes` says yes.
pub(super) fn confirm(question: &str) -> CliResult {
    if !io::stdin().is_terminal() {
        return refuse(format!("{question} Nobody is there to ask: give --yes to do it"));
    }
    let mut out = io::stderr();
    write!(out, "{} [y/N] ", one_line(question))?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if is_yes(answer.trim()) { Ok(()) } else { refuse("nothing was done") }
}

impl TextArgs {
    /// The text, without the line end that editors put after the last line.
    fn read(&self) -> CliResult<Option<String>> {
        let Some(file) = &self.file else {
            return Ok(self.text.clone().or_else(|| self.caption.clone()));
        };
        let bytes = if file == Path::new("-") {
            read_some(io::stdin().lock())
        } else {
            std::fs::File::open(file).and_then(read_some)
        };
        let refused = |why: String| CliError::Refused(format!("`{}`: {why}", file.display()));
        let bytes = bytes.map_err(|error| refused(format!("cannot be read: {error}")))?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > FILE_BYTES_MAX) {
            return Err(refused("is too large for a message".to_owned()));
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| refused("is not UTF-8: save it as UTF-8 (plain text)".to_owned()))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n");
        Ok(Some(text.trim_end_matches('\n').to_owned()))
    }
}

fn read_some(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl TimingArgs {
    fn timing(&self) -> Option<Timing> {
        match (&self.weekly, &self.monthly) {
            (None, None) if self.at.is_empty() => None,
            (None, None) => Some(Timing::At(self.at.clone())),
            (weekly, monthly) => Some(Timing::Weekly(WeeklyTiming {
                days: weekly.clone().unwrap_or_default(),
                month_days: monthly.clone().unwrap_or_default(),
                times: self.time.clone(),
                from: self.from.clone(),
                until: self.until.clone(),
            })),
        }
    }
}
