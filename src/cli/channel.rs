//! `channel`: the WhatsApp numbers, how they stand, and what people do with them.

use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::output::Output;
use super::table::{pairs, table};
use super::{CliError, CliResult, Desk, acts, init};
use crate::channels::{self, ChannelView, Edit, OwnGap, OwnLimit, OwnWindow, State};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::language::Language;
use crate::logging::in_one_line;
use crate::send_window::Day;
use crate::serve;
use crate::store::{ActedOn, Channel};
use crate::terminal::one_line;

/// A person waits for the answer.
const WAHA_PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, Subcommand)]
pub(super) enum ChannelCommand {
    /// Add a WhatsApp number: a session of WAHA, with a name for people
    Add {
        /// What people call it
        name: String,
        /// Its session in WAHA
        #[arg(long)]
        session: String,
        #[command(flatten)]
        own: Own,
        #[command(flatten)]
        output: Output,
    },
    /// Show all channels: state, WAHA's view of each session, sent today, hours
    List {
        /// Do not ask WAHA
        #[arg(long)]
        offline: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Show one channel
    Show {
        /// Do not ask WAHA
        #[arg(long)]
        offline: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Change a channel
    Edit {
        /// Another name
        #[arg(long)]
        name: Option<String>,
        /// Another session in WAHA
        #[arg(long)]
        session: Option<String>,
        #[command(flatten)]
        own: Own,
        #[command(flatten)]
        which: Which,
    },
    /// Stop sending on a channel until `resume`; its messages wait, up to LATE_LIMIT_HOURS
    Pause {
        /// Why, for whoever looks
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        which: Which,
    },
    /// Let a channel send again, whoever stopped it
    Resume(Which),
    /// Say that the number which the session of a held channel has now is the right one
    Confirm(Which),
    /// Remove a channel that nothing uses any more; what it sent stays on record
    Remove(Which),
}

#[derive(Debug, Args)]
pub(super) struct Which {
    /// Its number or name
    channel: String,
    #[command(flatten)]
    output: Output,
}

/// What a channel may have of its own.
#[derive(Debug, Args)]
pub(super) struct Own {
    /// Its own hours, local, such as 07:00-21:00; always; or default for SEND_WINDOW
    #[arg(long, value_name = "HOURS")]
    window: Option<OwnWindow>,
    /// Its own limit per local day; 0 for none; or default for DAILY_LIMIT
    #[arg(long, value_name = "N")]
    daily_limit: Option<OwnLimit>,
    /// Hours between two messages to the same chat; 0 for none; or default for RECIPIENT_GAP_HOURS
    #[arg(long, value_name = "HOURS")]
    recipient_gap: Option<OwnGap>,
    /// Begin slowly: today, or the day on which that began (2026-12-01); off ends it
    #[arg(long, value_name = "DAY")]
    warmup: Option<WarmupDay>,
}

/// From when a number is warmed up.
#[derive(Clone, Copy, Debug)]
pub(super) enum WarmupDay {
    Today,
    From(Day),
    Off,
}

impl FromStr for WarmupDay {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_lowercase().as_str() {
            "today" | "hari ini" => Ok(Self::Today),
            "off" => Ok(Self::Off),
            day => Day::parse(day).map(Self::From).ok_or("write today, 2026-12-01, or off"),
        }
    }
}

pub(super) fn channel(command: &ChannelCommand, config: &Config) -> CliResult {
    let mut desk = Desk::open_or_make(config)?;
    let now = desk.now;
    let (what, id, output, done) = match command {
        ChannelCommand::List { offline, output } => return list(&mut desk, *offline, *output),
        ChannelCommand::Show { offline, which } => return show(&mut desk, which, *offline),
        ChannelCommand::Remove(Which { channel, output }) => {
            let id = channels::find(&mut desk.store, channel)?.id;
            let view = view(&mut desk, id)?;
            channels::remove(&mut desk.store, channel)?;
            output.print(&view, |view| told(view, "removed"))?;
            acts::note(config, ActedOn::Channel, ("deleted", Some(id)));
            return Ok(());
        }
        ChannelCommand::Add { name, session, own, output } => {
            let edit = own.offered(&desk)?;
            let id = channels::add(&mut desk.store, name, session, &edit, now)?;
            let hint = match edit.warmup_from {
                Some(_) => String::new(),
                None => format!(
                    ". A new number? `channel edit {id} --warmup today` lets it begin slowly"
                ),
            };
            ("added", id, output, format!("added{hint}"))
        }
        ChannelCommand::Edit { name, session, own, which: Which { channel, output } } => {
            let edit = Edit { name: name.clone(), session: session.clone(), ..own.edit(&desk)? };
            let was = channels::edit(&mut desk.store, channel, &edit, now)?;
            ("saved", was.id, output, "changed".to_owned())
        }
        ChannelCommand::Pause { reason, which: Which { channel, output } } => {
            let was = channels::pause(&mut desk.store, channel, reason.as_deref(), now)?;
            let done = "paused; `channel resume` lets it send again".to_owned();
            ("channel_paused", was.id, output, done)
        }
        ChannelCommand::Resume(Which { channel, output }) => {
            let was = channels::resume(&mut desk.store, channel, now)?;
            ("channel_resumed", was.id, output, resumed(&was))
        }
        ChannelCommand::Confirm(Which { channel, output }) => {
            let was = channels::confirm(&mut desk.store, channel, now)?;
            ("number_confirmed", was.id, output, confirmed(&was))
        }
    };
    output.print(&view(&mut desk, id)?, |view| told(view, &done))?;
    acts::note(config, ActedOn::Channel, (what, Some(id)));
    Ok(())
}

fn list(desk: &mut Desk<'_>, offline: bool, output: Output) -> CliResult {
    let mut views = channels::list(&mut desk.store, desk.config, desk.now)?;
    let remark = ask(&mut views, desk, offline)?;
    output.print(&views, |views| {
        let rows = views.iter().map(|view| row(view, desk));
        let header = ["id", "channel", "session", "state", "today", "hours"];
        format!("{}{remark}", table(&header, rows))
    })
}

fn show(desk: &mut Desk<'_>, which: &Which, offline: bool) -> CliResult {
    let id = channels::find(&mut desk.store, &which.channel)?.id;
    let mut view = view(desk, id)?;
    let remark = ask(std::slice::from_mut(&mut view), desk, offline)?;
    which.output.print(&view, |view| format!("{}{remark}", pairs(details(view, desk))))
}

impl Own {
    /// Of a new channel: a person who is there is asked whether its number begins slowly.
    fn offered(&self, desk: &Desk<'_>) -> CliResult<Edit> {
        let mut edit = self.edit(desk)?;
        if edit.warmup_from.is_none() && init::begins_slowly()? {
            edit.warmup_from = Some(Some(Day::of(&desk.config.zone, desk.now)));
        }
        Ok(edit)
    }

    fn edit(&self, desk: &Desk<'_>) -> CliResult<Edit> {
        let today = Day::of(&desk.config.zone, desk.now);
        let warmup_from = match self.warmup {
            // Every day until then would be its first.
            Some(WarmupDay::From(day)) if day > today => {
                let why =
                    format!("--warmup: {day} is yet to come: write today, a day that was, or off");
                return Err(CliError::Refused(why));
            }
            Some(WarmupDay::Today) => Some(Some(today)),
            Some(WarmupDay::From(day)) => Some(Some(day)),
            Some(WarmupDay::Off) => Some(None),
            None => None,
        };
        let Self { window, daily_limit, recipient_gap, .. } = *self;
        Ok(Edit { window, daily_limit, warmup_from, recipient_gap, ..Edit::default() })
    }
}

fn view(desk: &mut Desk<'_>, id: i64) -> CliResult<ChannelView> {
    let view = channels::one(&mut desk.store, id, desk.config, desk.now)?;
    view.ok_or_else(|| CliError::Refused(format!("channel {id} was removed meanwhile")))
}

/// Asks WAHA about the sessions; returns a line that people should read when it was not asked.
fn ask(views: &mut [ChannelView], desk: &mut Desk<'_>, offline: bool) -> CliResult<String> {
    let remark = match serve::waha(desk.config) {
        _ if offline => None,
        Ok(waha) => channels::ask_waha(views, &mut desk.store, &waha.brief(WAHA_PATIENCE))?,
        Err(error) => Some(format!("WAHA was not asked: {}", in_one_line(&error))),
    };
    Ok(remark.map(|remark| format!("\n{}", one_line(&remark))).unwrap_or_default())
}

fn told(view: &ChannelView, what: &str) -> String {
    one_line(&format!("channel {} `{}` {what}", view.id, view.name)).into_owned()
}

fn row(view: &ChannelView, desk: &Desk<'_>) -> Vec<String> {
    let session = view.session_name.as_deref().unwrap_or("-");
    vec![
        view.id.to_string(),
        view.name.clone(),
        format!("{session} {}", waha_word(view)).trim_end().to_owned(),
        state(view, desk),
        today(view),
        view.send_window.clone(),
    ]
}

fn details(view: &ChannelView, desk: &Desk<'_>) -> Vec<(&'static str, String)> {
    let zone = &desk.config.zone;
    let own = |is_own: bool| if is_own { "its own" } else { "from the settings" };
    let session = view.session_name.as_deref().unwrap_or("-");
    let trouble = view.session.as_ref().and_then(|session| session.trouble.clone());
    let limit = view.daily_limit.map_or("none".to_owned(), |limit| limit.to_string());
    let gap = match view.recipient_gap_hours {
        0 => "no gap".to_owned(),
        hours => format!("at most every {hours} h"),
    };
    let warmup = view.warmup.as_ref().map(|one| format!("day {}, since {}", one.day, one.from));
    let mut rows = vec![
        ("channel", format!("{} {}", view.id, view.name)),
        ("session", format!("{session} {}", waha_word(view)).trim_end().to_owned()),
        ("number", view.phone_number.clone().unwrap_or_else(|| "not told yet".to_owned())),
        ("state", state(view, desk)),
        ("today", today(view)),
        ("seven days", view.week.text(Language::English)),
        ("daily limit", format!("{limit} ({})", own(view.daily_limit_is_own))),
        ("same chat", format!("{gap} ({})", own(view.recipient_gap_is_own))),
        ("warm-up", warmup.unwrap_or_else(|| "none".to_owned())),
        ("hours", format!("{} {} ({})", view.send_window, zone, own(view.send_window_is_own))),
        ("waiting", view.pending.to_string()),
    ];
    let is_said = view.state == State::Ready; // in the state
    rows.extend(trouble.filter(|_| !is_said).map(|trouble| ("WAHA says", trouble)));
    rows
}

/// WAHA's word on the session, in brackets; nothing when it was not asked.
fn waha_word(view: &ChannelView) -> String {
    match view.session.as_ref().map(|session| (&session.status, &session.trouble)) {
        None => String::new(),
        Some((Some(status), Some(_))) if status == "WORKING" => {
            format!("({status}, but may not send)")
        }
        Some((Some(status), _)) => format!("({status})"),
        Some((None, _)) => "(unknown to WAHA)".to_owned(),
    }
}

fn state(view: &ChannelView, desk: &Desk<'_>) -> String {
    let local = |at: Option<Timestamp>| at.map(|at| desk.config.zone.format_local(at));
    let next = local(view.next_send_at).map(|at| format!(" from {at}")).unwrap_or_default();
    let reason = view.reason.as_ref().map(ToString::to_string).unwrap_or_default();
    let trouble = view.session.as_ref().and_then(|session| session.trouble.as_deref());
    let warned =
        view.warning.as_ref().map(|warning| format!("; {}", warning.text(Language::English)));
    let state = match view.state {
        // The next send finds that out too, and holds the channel.
        State::Ready if trouble.is_some() => {
            format!("cannot send now: {}", trouble.unwrap_or_default())
        }
        State::Ready if view.next_send_at.is_none_or(|at| at.secs() <= desk.now.secs()) => {
            "ready".to_owned()
        }
        State::Ready => format!("ready{next}"),
        State::Waiting => format!("waits{next}: {reason}").replace(" from ", " until "),
        State::Held => match local(view.held_until) {
            Some(until) => format!("held until {until} or until it works: {reason}"),
            None => format!("held: {reason}"),
        },
        State::Paused => format!("paused: {reason}"),
        State::Inactive | State::NoSession => reason,
    };
    state + &warned.unwrap_or_default()
}

fn today(view: &ChannelView) -> String {
    let sent = view.sent_today;
    view.daily_limit.map_or_else(|| sent.to_string(), |limit| format!("{sent} of {limit}"))
}

fn resumed(was: &Channel) -> String {
    match &was.held {
        Some(held) => {
            let again = channels::held_again(held.kind).replacen("the", "The", 1);
            format!("may send again. It was held: {}. {again}", held.reason)
        }
        None if was.is_active => "was not held".to_owned(),
        None => format!("is active again; {}", channels::held_again(None)),
    }
}

fn confirmed(was: &Channel) -> String {
    match (&was.other_number, &was.phone_number) {
        (Some(number), _) => format!("sends from {number} from now on"),
        (None, Some(number)) => format!("has nothing to confirm: it sends from {number}"),
        (None, None) => {
            "has nothing to confirm: it takes the number that WAHA tells first".to_owned()
        }
    }
}
