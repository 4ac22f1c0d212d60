//! `status`: one screen of 24 lines and 80 columns.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use clap::Args;

use super::output::{Output, counted};
use super::plan::{clock, length};
use super::table::{NARROW, cut, cut_front, fitted, width, wrapped};
use super::{CliError, CliResult, Desk, refuse};
use crate::channels::{self, Off};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::delivery::Status;
use crate::language::Language;
use crate::lock::Sending;
use crate::schedule::Zone;
use crate::status::{self, ChannelState, Overview};
use crate::store::{CallbackCounts, Run};

const REDRAW_EVERY: Duration = Duration::from_secs(2);
/// Lines for channels: the others take 16.
const CHANNELS_MAX: usize = 7;

/// The other screen of the terminal, without a cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auto-message-scheduler status            one screen
  auto-message-scheduler status --watch    the same, again and again")]
pub(super) struct StatusArgs {
    /// Draw it anew every two seconds, until Ctrl-C; on a terminal only
    #[arg(long, conflicts_with = "json")]
    watch: bool,
    #[command(flatten)]
    output: Output,
}

pub(super) fn status(args: &StatusArgs, config: &Config) -> CliResult {
    let Desk { mut store, now, .. } = Desk::open_existing(config)?;
    if !args.watch {
        let now = status::status(&mut store, config, now)?;
        return args.output.print(&now.to_json(), |_| shown(&screen(&now, &config.zone)));
    }
    if !io::stdout().is_terminal() {
        return refuse("--watch draws on a terminal, and standard output is none: leave it out");
    }
    let (stop, system) = (super::stopped_by_signals()?, SystemClock::default());
    let mut out = io::stdout();
    write!(out, "{ENTER}")?;
    let drawn = loop {
        let seen = stop.wake.rings();
        if stop.is_stopping() {
            break Ok(());
        }
        let drawn = status::status(&mut store, config, system.now().wall)
            .map_err(CliError::from)
            .and_then(|now| Ok(draw(&mut out, &screen(&now, &config.zone))?));
        if drawn.is_err() {
            break drawn;
        }
        system.sleep(&stop.wake, seen, Some(REDRAW_EVERY));
    };
    write!(out, "{LEAVE}")?;
    out.flush()?;
    drawn
}

/// One screen, where a line is cut; or, on a narrow terminal, lines that go on below.
fn shown(screen: &[String]) -> String {
    let width = width();
    let fit = |line: &String| {
        if width < NARROW { wrapped(line, 4) } else { cut(line, width) }
    };
    screen.iter().map(fit).collect::<Vec<_>>().join("\n")
}

/// Over what is there, line by line: nothing flickers.
fn draw(out: &mut impl Write, screen: &[String]) -> io::Result<()> {
    write!(out, "\x1b[H")?;
    for line in screen {
        write!(out, "{}\x1b[K\r\n", cut(line, width()))?;
    }
    write!(out, "\x1b[J")?;
    out.flush()
}

fn screen(now: &Overview, zone: &Zone) -> Vec<String> {
    let hint =
        if now.unknown > 0 { ": they may have gone out; `message show` tells which" } else { "" };
    let mut lines = vec![
        format!("{} {}   {}", clock(now.now, zone), zone.name(), who_sends(now)),
        format!("Database   {}", cut_front(&now.database.display().to_string(), width() - 11)),
        next_due(now, zone),
        format!(
            "Messages   {} scheduled, {} of them due; {} being sent; {}",
            now.scheduled,
            now.due,
            now.on_their_way,
            counted(now.drafts, "draft")
        ),
        today(now),
        format!("Unknown    {}{hint}", now.unknown),
        format!("Backlog    {}", backlog(now, zone)),
        now.clock_hold.as_ref().map_or_else(|| callbacks(now), |why| format!("HELD       {why}")),
    ];
    lines.extend(now.link_in_words().map(|words| format!("Website    {words}")));
    lines.push("Channels".to_owned());
    lines.extend(channels(now));
    lines.extend([String::new(), last_trigger(now)]);
    lines.extend(now.runs.iter().map(|run| run_line(run, zone)));
    lines
}

fn who_sends(now: &Overview) -> String {
    match now.sending {
        Sending::Process(pid) if pid > 0 => format!("process {pid} is sending"),
        Sending::Process(_) => "another process is sending".to_owned(),
        Sending::Nobody => "no process is sending now".to_owned(),
        Sending::NotTold => String::new(),
    }
}

fn next_due(now: &Overview, zone: &Zone) -> String {
    let next = now.next_due.as_ref().and_then(|next| Some((next, next.scheduled_at?)));
    let Some((next, due_at)) = next else { return "Next due   nothing is scheduled".to_owned() };
    let away = if due_at > now.now {
        format!("in {}", length(due_at.since(now.now)))
    } else {
        format!("{} ago: waits for a trigger", length(now.now.since(due_at)))
    };
    format!(
        "Next due   {}, {away}: message {} `{}`",
        zone.format_local(due_at),
        next.id,
        next.label()
    )
}

fn today(now: &Overview) -> String {
    let part = |status: Status| format!("{} {}", now.today(status), status.as_str());
    let ends = [Status::Sent, Status::Failed, Status::Skipped, Status::Unknown];
    let mut parts: Vec<String> = ends.into_iter().map(part).collect();
    let rare = [Status::Expired, Status::Cancelled];
    parts.extend(rare.into_iter().filter(|status| now.today(*status) > 0).map(part));
    format!("Today      {}", parts.join(", "))
}

fn backlog(now: &Overview, zone: &Zone) -> String {
    let pending: u64 = now.channels.iter().map(|state| state.pending).sum();
    let waits = counted(pending, "delivery");
    match (pending, now.backlog_ends_at()) {
        (0, _) => "none".to_owned(),
        (_, None) => format!("{waits}, on channels that may not send"),
        (_, Some(end)) => {
            let away = length(end.since(now.now));
            format!("{waits}, until about {} ({away})", zone.format_local(end))
        }
    }
}

/// Nothing while no callback waits too long or was lost: most sites have none.
fn callbacks(now: &Overview) -> String {
    let counts = now.callbacks;
    if counts == CallbackCounts::default() {
        return String::new();
    }
    format!(
        "Callbacks  {} waiting, {} failed, {} dropped untold; `callback list` tells why",
        counts.waiting, counts.failed, counts.dropped
    )
}

/// Those that a person should look at come first.
fn channels(now: &Overview) -> Vec<String> {
    let mut states: Vec<&ChannelState> = now.channels.iter().collect();
    states.sort_unstable_by_key(|state| {
        (state.channel.held.is_none(), state.pending == 0, state.channel.id)
    });
    let is_cut = states.len() > CHANNELS_MAX;
    let shown = if is_cut { CHANNELS_MAX - 1 } else { CHANNELS_MAX };
    let mut lines: Vec<String> =
        states.iter().take(shown).map(|state| channel_line(state)).collect();
    if is_cut {
        lines.push(format!("  … and {} more: `channel list`", states.len() - shown));
    }
    lines
}

fn channel_line(state: &ChannelState) -> String {
    let channel = &state.channel;
    let pace = match (channels::usable(Some(channel)), &channel.held) {
        (Err(Off::NoSession), _) => "has no session_name".to_owned(),
        (Err(Off::Inactive | Off::Missing), _) => "not active".to_owned(),
        (Ok(_), Some(held)) => format!("held: {}", held.reason),
        (Ok(_), None) if state.ready_in.is_zero() => "ready".to_owned(),
        (Ok(_), None) => match &state.closed {
            Some(why) => format!("waits {}: {why}", length(state.ready_in)),
            None if state.rests => format!("rests for {} (REST_AFTER)", length(state.ready_in)),
            None => format!("ready in {}", length(state.ready_in)),
        },
    };
    let warned = state.warning.as_ref().map(|one| format!("; {}", one.text(Language::English)));
    let warned = warned.unwrap_or_default();
    format!("  {} {:>6} waiting   {pace}{warned}", fitted(&channel.name, 16), state.pending)
}

fn last_trigger(now: &Overview) -> String {
    match now.last_trigger_at {
        None => "Runs       no trigger has come yet".to_owned(),
        Some(at) => format!("Runs       the last trigger was {} ago", length(now.now.since(at))),
    }
}

fn run_line(run: &Run, zone: &Zone) -> String {
    let end = match (&run.error, run.finished_at) {
        (Some(error), _) => error.to_string(),
        (None, None) => "under way".to_owned(),
        (None, Some(at)) => format!("took {}", length(at.since(run.started_at.unwrap_or(at)))),
    };
    format!(
        "  {}  {:<5} {}, {} sent, {} failed; {end}",
        run.started_at.map(|at| clock(at, zone)).unwrap_or_default(),
        run.trigger,
        counted(run.counts.processed, "message"),
        run.counts.success,
        run.counts.failed
    )
}
