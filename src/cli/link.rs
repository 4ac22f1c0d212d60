//! `link`: the website's Supabase project, and what this machine sends of it.

use clap::Subcommand;
use serde_json::json;

use super::message::confirm;
use super::output::{self, Output, counted};
use super::table::{pairs, table};
use super::{CliResult, Desk, WAHA_PATIENCE};
use crate::config::Config;
use crate::serve;
use crate::supabase::{self, Choice, LinkStatus, Survey, SurveyedRow};
use crate::terminal::one_line;

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  auto-message-scheduler link check
  auto-message-scheduler link on
  auto-message-scheduler link migration > link.sql")]
pub(super) enum LinkCommand {
    /// Look at the project: what would be sent, from when, and what stands in the way
    Check(Output),
    /// Send the website's due messages from now on
    On {
        /// Only these of the website's channels, by name, separated by commas
        #[arg(long, value_delimiter = ',', value_name = "NAMES")]
        channels: Option<Vec<String>>,
        /// Do not ask: the website's own cron is off, and no other appliance sends for this project
        /// without the tables of `link migration`
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Take nothing more from the website
    Off(Output),
    /// How the link stands, without asking Supabase
    Status(Output),
    /// Send for a channel that another appliance has, which is switched off or gone
    TakeOver {
        /// The website's name of the channel, or its id
        channel: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Print the SQL with which several appliances share a project: run it in Supabase's SQL editor
    Migration,
}

pub(super) fn link(command: &LinkCommand, config: &Config) -> CliResult {
    match command {
        LinkCommand::Migration => {
            output::print(supabase::migration(config.supabase.as_ref()).as_bytes())
        }
        LinkCommand::Check(output) => check(*output, config),
        LinkCommand::On { channels, yes, output } => on(channels.as_deref(), *yes, *output, config),
        LinkCommand::Off(output) => off(*output, config),
        LinkCommand::Status(output) => status(*output, config),
        LinkCommand::TakeOver { channel, yes, output } => take_over(channel, *yes, *output, config),
    }
}

fn check(output: Output, config: &Config) -> CliResult {
    let mut desk = Desk::open_or_make(config)?;
    let survey = supabase::survey(config, Some(&mut desk.store), desk.now)?;
    output.print(&survey, |survey| survey_text(survey, &desk))
}

const OLD: [&str; 2] = [
    "scheduled row is older, and stays as it is",
    "scheduled rows are older, and stay as they are",
];

fn survey_text(survey: &Survey, desk: &Desk<'_>) -> String {
    let count = |number: usize, [one, many]: [&str; 2]| {
        let more = if number >= supabase::COUNTED_MAX { " or more" } else { "" };
        format!("{number}{more} {}", if number == 1 { one } else { many })
    };
    let mut lines = vec![
        ("project", survey.url.clone()),
        ("link", if survey.is_on { "on".to_owned() } else { "off: `link on` begins".to_owned() }),
        ("mode", match survey.mode {
            "shared" => "shared: several appliances, each with its channels".to_owned(),
            _ => "alone: this must be the only appliance; `link migration` prints the tables for more".to_owned(),
        }),
        ("tables", format!("{}; channel in {}", survey.tables.join(", "), survey.channel_column)),
        ("from", format!("{}: rows due before are left alone", survey.since)),
        ("old", count(survey.old, OLD)),
        ("due", count(survey.due, ["row is due", "rows are due"])),
    ];
    let mut line = |name: &'static str, words: String| lines.push((name, words));
    if survey.without_channel > 0 {
        let words = [
            "due row has no channel: nobody sends it",
            "due rows have no channel: nobody sends them",
        ];
        line("no channel", count(survey.without_channel, words));
    }
    if let Some(sent) = survey.sent_by_website.filter(|sent| *sent > 0) {
        let remedy = match survey.mode {
            "shared" => "by another appliance, or by the website's own cron, which must be off",
            _ => "turn the website's own cron off first",
        };
        let sent = count(sent, ["row was", "rows were"]);
        line("cron", format!("{sent} sent in the last 24 hours, not from here: {remedy}"));
    }
    if let Some(ahead) = survey.clock_ahead_secs.filter(|_| survey.has_skew()) {
        let words = "s ahead of Supabase's: set it, best by NTP";
        line("clock", format!("this machine's clock is {ahead} {words}"));
    }
    if survey.wants_index() {
        let index = "create index on auto_messages (scheduled_at, id) where status = 'scheduled'";
        line("index", index.to_owned());
    }
    let verb = if survey.is_on { "is sent from here" } else { "would be sent" };
    let lists = [
        (verb, &survey.to_send_rows, survey.to_send),
        ("old, stays as it is", &survey.old_rows, survey.old),
        ("due, but on no channel", &survey.without_channel_rows, survey.without_channel),
        ("due, but nobody sends", &survey.unsent_rows, survey.unsent),
    ];
    let lists = lists.map(|(what, rows, number)| list_text(what, rows, number, desk));
    format!("{}\n\n{}{}", pairs(lines), channels_text(survey), lists.concat())
}

fn channels_text(survey: &Survey) -> String {
    let rows = survey.channels.iter().map(|channel| {
        let whose = match (&channel.owner, channel.is_ours) {
            (_, true) if channel.on_website.is_active => "sent from here".to_owned(),
            (_, true) => "from here, once it is on".to_owned(),
            (Some(owner), false) => {
                let seen = channel.seen_at.as_deref().unwrap_or("never");
                format!("{owner}, seen {seen}")
            }
            (None, false) => "free".to_owned(),
        };
        let session =
            channel.on_website.session_name.clone().unwrap_or_else(|| "no session".to_owned());
        let is_on = if channel.on_website.is_active { "on" } else { "off" };
        vec![channel.on_website.name.clone(), session, is_on.to_owned(), whose]
    });
    table(&["channel", "session", "website", "sends"], rows)
}

/// The first rows of a kind, and how many more there are; nothing when there are none.
fn list_text(what: &str, rows: &[SurveyedRow], number: usize, desk: &Desk<'_>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let shown = rows.iter().map(|row| {
        let at = row.at.map_or_else(String::new, |at| desk.local(at));
        vec![at, row.channel.clone().unwrap_or_default(), row.title.clone()]
    });
    let more = match number - rows.len() {
        0 => String::new(),
        more if number >= supabase::COUNTED_MAX => format!("\nand {more} more, or many more"),
        more => format!("\nand {more} more"),
    };
    format!("\n\n{}{more}", table(&[what, "channel", "title"], shown))
}

fn on(channels: Option<&[String]>, yes: bool, output: Output, config: &Config) -> CliResult {
    let mut desk = Desk::open_or_make(config)?;
    let survey = supabase::survey(config, Some(&mut desk.store), desk.now)?;
    if survey.is_clock_wrong() {
        let ahead = survey.clock_ahead_secs.unwrap_or_default();
        let words = format!(
            "this machine's clock is {ahead} s ahead of Supabase's: set it, best by NTP, then run `link on`"
        );
        return Err(supabase::LinkError::Refused(words).into());
    }
    if !yes {
        eprintln!("{}\n", crate::terminal::lines(&survey_text(&survey, &desk)));
        if !survey.is_on {
            confirm(
                "Everything goes out twice unless the website's own cron (its scheduler) is off. Is it turned off?",
            )?;
        }
        if survey.mode == "alone" {
            confirm("Is this the only appliance that sends for this project?")?;
        }
    }
    let waha = serve::waha(config)?.brief(WAHA_PATIENCE);
    let has_session = |name: &str| waha.has_session(name);
    let choice = Choice { channels, has_session: &has_session };
    let done = supabase::turn_on(config, &mut desk.store, &choice, desk.now)?;
    output.print(&done, |done| {
        let left = done.left.iter().map(|left| format!("\nnot taken: {}", one_line(left)));
        format!(
            "linked as {} in mode {}: {}; rows due since {} are sent{}",
            done.appliance,
            done.mode,
            one_line(&done.channels.join(", ")),
            done.since,
            left.collect::<String>()
        )
    })
}

fn off(output: Output, config: &Config) -> CliResult {
    let mut desk = Desk::open_existing(config)?;
    let was_on = supabase::turn_off(config, &mut desk.store, desk.now)?;
    output.print(&json!({ "was_on": was_on }), |_| {
        let off = "the link is off: nothing more is taken; what was taken goes out and is written back while `serve` or `run` runs; `link status` shows what is open";
        if was_on { off.to_owned() } else { "the link was off".to_owned() }
    })
}

fn status(output: Output, config: &Config) -> CliResult {
    let mut desk = Desk::open_existing(config)?;
    let status = desk.store.read(LinkStatus::read)?;
    output.print(&json!({ "link": status }), |_| match &status {
        None => "the website was never linked: `link check` looks at it".to_owned(),
        Some(status) => status_text(status, &desk),
    })
}

fn status_text(status: &LinkStatus, desk: &Desk<'_>) -> String {
    let at =
        |at: Option<crate::clock::Timestamp>| at.map_or("never".to_owned(), |at| desk.local(at));
    let LinkStatus { state, mode, figures, channels } = status;
    let mut lines = vec![
        ("link", if state.is_on { "on" } else { "off" }.to_owned()),
        ("appliance", state.appliance.clone()),
        ("mode", (*mode).to_owned()),
        ("channels", channels.join(", ")),
        ("from", state.since.clone()),
        ("answered", at(state.answered_at)),
        ("open", counted(figures.open, "occurrence")),
        ("to write", counted(figures.outbox, "row")),
    ];
    if figures.refused > 0 {
        lines.push(("refused", counted(figures.refused, "result")));
    }
    if let Some(trouble) = &state.trouble {
        lines.push(("trouble", format!("{trouble}, since {}", at(state.trouble_since))));
    }
    if let Some(alarm) = &state.alarm {
        lines.push(("look", alarm.clone()));
    }
    pairs(lines)
}

fn take_over(channel: &str, yes: bool, output: Output, config: &Config) -> CliResult {
    let mut desk = Desk::open_or_make(config)?;
    if !yes {
        confirm(
            "Is the other appliance switched off? What it claimed and did not report becomes unknown",
        )?;
    }
    let done = supabase::take_over(config, &mut desk.store, channel, desk.now)?;
    output.print(&done, |done| {
        format!(
            "channel {} is sent from here now, not by {}; {} of it: what it did not report is unknown, or cancelled where it still runs",
            one_line(&done.channel),
            one_line(&done.from),
            counted(done.claims as u64, "occurrence")
        )
    })
}
