//! `message add` and `message edit`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::super::file::take_in;
use super::super::output::{Output, counted};
use super::super::{CliResult, Desk, refuse};
use super::{IdArgs, TextArgs, TimingArgs};
use crate::channels::OwnGap;
use crate::config::Config;
use crate::content::{Content, filename_of};
use crate::delivery::MessageStatus;
use crate::files::Files;
use crate::forecast::{self, MessageForecast, Tally};
use crate::messages::{self, Composed, Draft, Edit, Skipped, Today, Warned};
use crate::recipient::{self, Entry};
use crate::terminal::one_line;

const SKIPPED_SHOWN_MAX: usize = 10;

#[derive(Debug, Args)]
pub(in crate::cli) struct AddArgs {
    #[command(flatten)]
    text: TextArgs,
    #[command(flatten)]
    content: ContentArgs,
    /// Who gets it: contact ids, phone numbers, chat ids, `tag:pelanggan`, `all`
    #[arg(long, value_name = "WHO", num_args = 1..)]
    to: Vec<String>,
    /// Who of them gets nothing, by whatever name `--to` has for them: as for `--to`
    #[arg(long, value_name = "WHO", num_args = 1.., requires = "to")]
    except: Vec<String>,
    /// A name for the message; nobody gets it
    #[arg(long)]
    title: Option<String>,
    /// The channel that sends it, by name or id; several share its recipients: `1,2` [default: 1]
    #[arg(long)]
    channel: Option<String>,
    /// Hours since each recipient's last message, from whatever message; 0 for none [default: the channel's]
    #[arg(long, value_name = "HOURS")]
    recipient_gap: Option<OwnGap>,
    #[command(flatten)]
    timing: TimingArgs,
    /// Keep it as a draft: nothing is sent before `message resume`
    #[arg(long)]
    draft: bool,
    /// Leave out recipients that cannot get it
    #[arg(long)]
    skip_bad: bool,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CopyArgs {
    /// Other recipients than that message has
    #[arg(long, value_name = "WHO", num_args = 1..)]
    to: Vec<String>,
    /// Who of them gets nothing, by whatever name `--to` has for them: as for `--to`
    #[arg(long, value_name = "WHO", num_args = 1.., requires = "to")]
    except: Vec<String>,
    /// Another channel, by name or id, or several: `1,2`
    #[arg(long)]
    channel: Option<String>,
    #[command(flatten)]
    timing: TimingArgs,
    /// Leave out recipients that cannot get it
    #[arg(long)]
    skip_bad: bool,
    #[command(flatten)]
    of: IdArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct EditArgs {
    /// The message's id, as `message list` shows it
    #[arg(value_parser = crate::cli::row_id)]
    pub(super) id: i64,
    #[command(flatten)]
    text: TextArgs,
    /// What it carries beside its text, as for `message add`; an empty text takes it away
    #[arg(long, value_name = "JSON")]
    content: Option<String>,
    /// The recipients, in place of all that it had
    #[arg(long, value_name = "WHO", num_args = 1..)]
    to: Vec<String>,
    /// Who of them gets nothing, by whatever name `--to` has for them: as for `--to`
    #[arg(long, value_name = "WHO", num_args = 1.., requires = "to")]
    except: Vec<String>,
    /// A name for the message; an empty one takes it away
    #[arg(long)]
    title: Option<String>,
    /// The channel that sends it, by name or id; several share its recipients: `1,2`
    #[arg(long)]
    channel: Option<String>,
    /// Hours since each recipient's last message; 0 for none; or default for the channel's
    #[arg(long, value_name = "HOURS")]
    recipient_gap: Option<OwnGap>,
    #[command(flatten)]
    timing: TimingArgs,
    /// With --weekly or --monthly: also today, though today's went out already
    #[arg(long, requires = "days")]
    also_today: bool,
    /// Leave out recipients that cannot get it
    #[arg(long)]
    skip_bad: bool,
    #[command(flatten)]
    output: Output,
}

/// What a message carries beside its text, or in place of it.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct ContentArgs {
    /// A picture (JPEG or PNG), with the text as its caption
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// A PDF or any other file, with the text as its caption
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
    /// A video (MP4), with the text as its caption
    #[arg(long, value_name = "FILE")]
    video: Option<PathBuf>,
    /// A voice message; it has no text
    #[arg(long, value_name = "FILE")]
    voice: Option<PathBuf>,
    /// A place, a contact card, a poll and all else that docs/media.md has, such as
    /// `{"kind":"poll","options":["Pagi","Siang"]}`
    #[arg(long, value_name = "JSON")]
    content: Option<String>,
}

impl ContentArgs {
    /// The column, with the file taken in; its own name is what the recipient sees.
    fn column(&self, config: &Config) -> CliResult<Option<String>> {
        let Self { image, document, video, voice, content } = self;
        let kinds = [(image, "image"), (document, "file"), (video, "video"), (voice, "voice")];
        let Some((path, kind)) =
            kinds.into_iter().find_map(|(path, kind)| Some((path.as_ref()?, kind)))
        else {
            return Ok(content.clone());
        };
        let files = Files::beside(&config.database_path);
        let stored = take_in(&files, path, config)?;
        let mut column = json!({ "kind": kind, "file": stored.name });
        if let Some(name) = path.to_str().and_then(filename_of) {
            column["filename"] = json!(name);
        }
        Ok(Some(column.to_string()))
    }

    fn is_some(&self) -> bool {
        let Self { image, document, video, voice, content } = self;
        content.is_some() || [image, document, video, voice].into_iter().any(Option::is_some)
    }
}

pub(super) fn add(args: &AddArgs, config: &Config) -> CliResult {
    let blank = || args.content.is_some().then(String::new);
    let Some(text) = args.text.read()?.or_else(blank) else {
        let why = taken_for_recipient(&args.to).unwrap_or_default();
        return refuse(format!("it has no text: {why}give one, or a file with `--file`"));
    };
    let mut draft = Draft {
        text,
        title: args.title.clone(),
        to: with_exceptions(&args.to, &args.except),
        channel: args.channel.clone(),
        recipient_gap: args.recipient_gap,
        timing: args.timing.timing(),
        is_draft: args.draft,
        skip_bad: args.skip_bad,
        created_by: "cli",
        ..Draft::default()
    };
    draft.content = args.content.column(config)?;
    make(&draft, false, args.output, Desk::open_or_make(config)?)
}

pub(super) fn copy(args: &CopyArgs, config: &Config) -> CliResult {
    let mut desk = Desk::open_or_make(config)?;
    let mut draft = messages::draft_of(&mut desk.store, args.of.id)?;
    if !args.to.is_empty() {
        (draft.to, draft.contact_ids) = (with_exceptions(&args.to, &args.except), None);
    }
    draft.channel = args.channel.clone().or(draft.channel);
    draft.timing = args.timing.timing();
    draft.is_draft = draft.timing.is_none();
    draft.skip_bad = args.skip_bad;
    draft.created_by = "cli";
    make(&draft, true, args.of.output, desk)
}

/// Makes a message, and says how it stands.
fn make(draft: &Draft, is_copy: bool, output: Output, mut desk: Desk<'_>) -> CliResult {
    let config = desk.config;
    if Content::read(draft.content.as_deref()).is_ok_and(|content| content.needs_plus()) {
        messages::ask_tier(&mut desk.store, config, desk.now)?;
    }
    let mut composed = messages::add(&mut desk.store, draft, None, config, desk.now)?;
    // A copy says the same as what it was made of.
    composed.warnings.retain(|one| !(is_copy && one.code == "same_message"));
    let ahead = forecast::of_message(&mut desk.store, composed.id, config, desk.now)?;
    let ahead = ahead.filter(|_| composed.begins_at.is_some());
    composed.warnings.extend(ahead.iter().flat_map(MessageForecast::warned));
    let tally = ahead.map(|ahead| ahead.tally);
    let data = json!({
        "id": composed.id,
        "status": composed.status,
        "channel": composed.channel,
        "recipients": composed.recipient_count,
        "skipped": composed.skipped.iter()
            .map(|Skipped { who, reason, .. }| json!({ "who": who, "reason": reason }))
            .collect::<Vec<_>>(),
        "scheduled_at": composed.begins_at.map(|at| at.to_string()),
        "first_at": tally.and_then(|tally| tally.begins_at).map(|at| at.to_string()),
        "last_at": tally.and_then(|tally| tally.ends_at).map(|at| at.to_string()),
        "warnings": words(&composed.warnings),
    });
    output.print(&data, |_| describe(&composed, tally, &desk))
}

fn describe(composed: &Composed, tally: Option<Tally>, desk: &Desk<'_>) -> String {
    let Composed { id, status, channel, recipient_count, .. } = composed;
    let people = counted(*recipient_count, "recipient");
    let kind = if *status == MessageStatus::Draft { "a draft" } else { "scheduled" };
    let mut text = format!(
        "message {id} is {kind}: {people} on channel `{}`",
        one_line(channel).replace(", ", "` and `")
    );
    // Writing into a String cannot fail.
    let begins = tally.and_then(|tally| tally.begins_at).or(composed.begins_at);
    if let Some(at) = begins {
        let _ = write!(text, "\nbegins {}", desk.local(at));
    }
    // Beside all that goes out on the channel before it; what nobody can know yet has no end.
    let ends = tally.and_then(|tally| tally.ends_at).filter(|_| *recipient_count > 1);
    if let Some(ends) = ends {
        let ends = desk.config.zone.format_local(ends);
        let _ = write!(text, ", the last one gets it about {ends}");
    }
    for Skipped { who, reason, .. } in composed.skipped.iter().take(SKIPPED_SHOWN_MAX) {
        let _ = write!(text, "\nskipped: {}: {}", one_line(who), one_line(&reason.to_string()));
    }
    if let Some(more) = composed.skipped.len().checked_sub(SKIPPED_SHOWN_MAX + 1) {
        let _ = write!(text, "\nand {} more are skipped", more + 1);
    }
    for warning in &composed.warnings {
        let _ = write!(text, "\nwarning: {}", one_line(&warning.message));
    }
    if *status == MessageStatus::Draft {
        let _ = write!(text, "\n`message resume {id}` lets it go out");
    }
    text
}

pub(super) fn edit(args: &EditArgs, config: &Config) -> CliResult {
    let (id, text) = (args.id, args.text.read()?);
    if let Some(why) = taken_for_recipient(&args.to)
        && text.is_none()
        && !args.skip_bad
    {
        return refuse(format!("{why}or correct the recipients"));
    }
    let edit = Edit {
        text,
        content: args.content.clone(),
        title: args.title.clone(),
        to: (!args.to.is_empty()).then(|| with_exceptions(&args.to, &args.except)),
        channel: args.channel.clone(),
        recipient_gap: args.recipient_gap,
        timing: args.timing.timing(),
        also_today: args.also_today,
        skip_bad: args.skip_bad,
        ..Edit::default()
    };
    let mut desk = Desk::open_or_make(config)?;
    let mut edited = messages::edit(&mut desk.store, id, &edit, config, desk.now)?;
    let ahead = forecast::of_message(&mut desk.store, id, config, desk.now)?;
    edited.warnings.extend(ahead.iter().flat_map(MessageForecast::warned));
    let mut data = json!({ "id": id, "warnings": words(&edited.warnings) });
    if let Some(next) = edited.next_at {
        data["scheduled_at"] = json!(next.to_string());
        data["went_out_today_at"] = json!(edited.today.map(|today| today.at.to_string()));
    }
    args.output.print(&data, |_| {
        let mut text = format!("message {id} is changed");
        if let Some(next) = edited.next_at {
            let _ = write!(text, ", it goes out next {}", desk.local(next));
        }
        if let Some(today) = edited.today {
            let _ = write!(text, "\n{}", describe_today(today, config));
        }
        for warning in &edited.warnings {
            let _ = write!(text, "\nwarning: {}", one_line(&warning.message));
        }
        text
    })
}

fn words(warnings: &[Warned]) -> Vec<&str> {
    warnings.iter().map(|one| one.message.as_str()).collect()
}

/// The recipients with those who get nothing, as the column has them.
fn with_exceptions(to: &[String], except: &[String]) -> Vec<String> {
    let except = except.iter().map(|who| format!("except:{}", who.trim()));
    to.iter().cloned().chain(except).collect()
}

/// Words for a text that stands behind `--to`, where every word is a recipient.
fn taken_for_recipient(to: &[String]) -> Option<String> {
    let is_recipient = |word: &String| {
        let entries = recipient::parse_contact_ids(Some(word)).unwrap_or_default();
        !entries.is_empty() && !entries.iter().any(|one| matches!(one, Entry::Invalid { .. }))
    };
    let at = to.iter().rposition(is_recipient)? + 1;
    let text = to.get(at..).filter(|words| !words.is_empty())?.join(" ");
    Some(format!(
        "`{text}` was taken for a recipient, as all words behind `--to` are: write the text before it, as in \
         \"{text}\" --to {}; ",
        to[..at].join(" ")
    ))
}

fn describe_today(today: Today, config: &Config) -> String {
    let at = config.zone.format_local(today.at);
    let went = if today.has_arrived { "went out already" } else { "was tried and reached nobody" };
    let again = if today.could_again { "; `--also-today` sends today again" } else { "" };
    format!("today's of {at} {went}{again}")
}
