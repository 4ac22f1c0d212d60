//! `contact`: the address book at a terminal.

mod check;
mod lists;

use std::io::{self, IsTerminal as _};

use clap::{Args, Subcommand};

use super::message::confirm;
use super::output::{Output, counted, say};
use super::table::{pairs, table};
use super::{CliResult, Desk, acts, refuse};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::contacts::waiting::OnItsWay;
use crate::contacts::{self, Changes, ContactError, Filter, Person, opt_out};
use crate::recipient::{self, Entry};
use crate::schedule::Zone;
use crate::store::ActedOn;
use crate::terminal::one_line;

const LIST_LIMIT: usize = 50;

#[derive(Debug, Subcommand)]
pub(super) enum ContactCommand {
    /// Add a contact
    Add(AddArgs),
    /// List contacts
    List(ListArgs),
    /// Show one contact, with all that is known of it
    Show(ShowArgs),
    /// Change a contact
    Edit(EditArgs),
    /// Remove contacts; what was sent to them stays on record, what waits for them is skipped
    Remove(RemoveArgs),
    /// Take contacts in from a CSV, vCard or Excel file; known numbers are merged
    Import(lists::ImportArgs),
    /// Write all contacts as CSV, as `import` reads it
    Export(lists::ExportArgs),
    /// Ask WhatsApp whether the numbers exist, with turns of the channel's pace; an answer counts for 30 days
    Check(CheckArgs),
    /// Send no more messages to somebody, whatever list has them
    OptOut(WhoArgs),
    /// Take an opt-out back, when the person asked for it
    OptIn(WhoArgs),
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// The name
    name: String,
    /// The phone number, in any spelling
    number: String,
    /// Give the contact a tag (repeat it for more)
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Set an attribute, for templates (repeat it for more)
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only names that have this in them, or numbers that have these digits
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only contacts with this tag
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Only contacts that opted out
    #[arg(long)]
    opted_out: bool,
    /// How many to show
    #[arg(long, value_name = "N", default_value_t = LIST_LIMIT, value_parser = super::at_least_one)]
    limit: usize,
    /// Show all of them
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Copy, Debug, Args)]
pub(super) struct ShowArgs {
    /// The id, as `contact list` shows it
    #[arg(value_parser = super::row_id)]
    id: i64,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct EditArgs {
    /// The new name; empty for none
    #[arg(long)]
    name: Option<String>,
    /// The new phone number, in any spelling
    #[arg(long)]
    number: Option<String>,
    /// Give a tag (repeat it for more)
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Take a tag away
    #[arg(long, value_name = "TAG")]
    untag: Vec<String>,
    /// Set an attribute
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
    /// Remove an attribute
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    #[command(flatten)]
    of: ShowArgs,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// The ids, as `contact list` shows them
    #[arg(required = true, value_parser = super::row_id)]
    ids: Vec<i64>,
    /// Remove also who opted out: messages to the number may then go out again
    #[arg(long)]
    forget_opt_out: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The ids; without any, all contacts
    #[arg(value_parser = super::row_id)]
    ids: Vec<i64>,
    /// Only contacts with this tag
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// The channel that asks, by name or id
    #[arg(long, default_value = "1")]
    channel: String,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct WhoArgs {
    /// Ids or phone numbers
    #[arg(required = true)]
    who: Vec<String>,
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it like kota=Bandung")?;
    Ok((key.to_owned(), value.to_owned()))
}

pub(super) fn contact(command: &ContactCommand, config: &Config) -> CliResult {
    let mut desk = Desk::open_or_make(config)?;
    let ((), what, about) = match command {
        ContactCommand::List(args) => return list(args, &mut desk),
        ContactCommand::Show(args) => return show(args, &mut desk),
        ContactCommand::Export(args) => return lists::export(args, &mut desk),
        ContactCommand::Check(args) => return check::check(args, &mut desk),
        ContactCommand::Import(args) if args.dry_run => return lists::import(args, &mut desk),
        ContactCommand::Import(args) => (lists::import(args, &mut desk)?, "imported", None),
        ContactCommand::Add(args) => (add(args, &mut desk)?, "contact_added", None),
        ContactCommand::Edit(args) => (edit(args, &mut desk)?, "saved", Some(args.of.id)),
        ContactCommand::Remove(args) => {
            let one = if let [id] = args.ids[..] { Some(id) } else { None };
            (remove(args, &mut desk)?, "deleted", one)
        }
        ContactCommand::OptOut(args) => (opt_out(args, &mut desk)?, "opted_out", None),
        ContactCommand::OptIn(args) => (opt_in(args, &mut desk)?, "opted_in", None),
    };
    acts::note(config, ActedOn::Contact, (what, about));
    Ok(())
}

fn show(args: &ShowArgs, desk: &mut Desk<'_>) -> CliResult {
    let person = contacts::find(&mut desk.store, args.id, &desk.config.country)?;
    args.output.print(&person, |person| details(person, &desk.config.zone))
}

fn remove(args: &RemoveArgs, desk: &mut Desk<'_>) -> CliResult {
    let Desk { config, store, now } = desk;
    let who = counted(args.ids.len() as u64, "contact");
    // Scripts of earlier days give no --yes.
    if !args.yes && io::stdin().is_terminal() {
        confirm(&format!("{who} would be gone, with tags and attributes. Go on?"))?;
    }
    let all = contacts::remove(store, &args.ids, args.forget_opt_out, config, *now)?;
    say(&format!("{who} removed{}", on_its_way(all)))
}

fn add(args: &AddArgs, desk: &mut Desk<'_>) -> CliResult {
    let Desk { config, store, now } = desk;
    let changes = Changes {
        name: Some(args.name.clone()),
        number: Some(args.number.clone()),
        add_tags: args.tags.clone(),
        set: args.set.clone(),
        ..Changes::default()
    };
    let id = contacts::add(store, &changes, None, &config.country, *now)?;
    let person = contacts::find(store, id, &config.country)?;
    args.output.print(&person, |person| {
        let name = person.name.as_deref().unwrap_or("without a name");
        format!("contact {id}: {}, {}", one_line(name), one_line(&person.phone_number))
    })
}

fn edit(args: &EditArgs, desk: &mut Desk<'_>) -> CliResult {
    let (Desk { config, store, now }, ShowArgs { id, output }) = (desk, args.of);
    let changes = Changes {
        name: args.name.clone(),
        number: args.number.clone(),
        add_tags: args.tags.clone(),
        remove_tags: args.untag.clone(),
        set: args.set.clone(),
        unset: args.unset.clone(),
    };
    if changes == Changes::default() {
        let what = "--name, --number, --tag, --untag, --set or --unset";
        return refuse(format!("nothing to change: give {what}"));
    }
    let all = contacts::edit(store, id, &changes, config, *now)?;
    let person = contacts::find(store, id, &config.country)?;
    let edited = Edited { person, on_its_way: changes.number.is_some().then_some(all) };
    output.print(&edited, |edited| {
        let details = details(&edited.person, &config.zone);
        match on_its_way(all).strip_prefix("; ") {
            Some(told) => format!("{details}\n{told}"),
            None => details,
        }
    })
}

/// A contact, and what its new number did to what waited.
#[derive(serde::Serialize)]
struct Edited {
    #[serde(flatten)]
    person: Person,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_its_way: Option<OnItsWay>,
}

/// What became of messages on their way, each part after a semicolon; empty when there were none.
fn on_its_way(all: OnItsWay) -> String {
    let OnItsWay { moved, skipped, in_flight } = all;
    let part = |count: u64, noun: &str, what: &str| match count {
        0 => String::new(),
        count => format!("; {} {what}", counted(count, noun)),
    };
    let goes = if moved == 1 { "goes to the new number" } else { "go to the new number" };
    part(moved, "waiting message", goes)
        + &part(skipped, "waiting message", "skipped")
        + &part(in_flight, "message", "in flight to the old number")
}

/// One line for each thing that is known.
fn details(person: &Person, zone: &Zone) -> String {
    let local = |at: &str| Timestamp::parse(at).map_or(at.to_owned(), |at| zone.format_local(at));
    let opted_out = person.opted_out_at.as_deref().map_or("no".to_owned(), local);
    let number = match &person.digits {
        Some(digits) if person.phone_number == format!("+{digits}") => person.phone_number.clone(),
        Some(digits) => format!("{} (+{digits})", person.phone_number),
        None => format!("{} (no number that can be written to)", person.phone_number),
    };
    let mut rows = vec![
        ("id".to_owned(), person.id.to_string()),
        ("name".to_owned(), person.name.clone().unwrap_or_default()),
        ("number".to_owned(), number),
        ("tags".to_owned(), person.tags.join(", ")),
        ("opted out".to_owned(), opted_out),
        ("added".to_owned(), local(&person.created_at)),
        ("changed".to_owned(), local(&person.updated_at)),
    ];
    rows.extend(person.attributes.iter().map(|(key, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (format!("attribute {key}"), value)
    }));
    pairs(rows)
}

fn list(args: &ListArgs, desk: &mut Desk<'_>) -> CliResult {
    let Desk { config, store, .. } = desk;
    let filter = Filter {
        search: args.search.clone(),
        tag: args.tag.clone(),
        opted_out: args.opted_out.then_some(true),
    };
    let limit = if args.all { usize::MAX } else { args.limit };
    let (mut shown, mut total) = (Vec::new(), 0_usize);
    contacts::each(store, &filter, &config.country, |person| {
        total += 1;
        if shown.len() < limit {
            shown.push(person);
        }
    })?;
    args.output.print(&shown, |people| {
        let is_asked_for = filter.search.is_some() || filter.tag.is_some() || args.opted_out;
        if people.is_empty() && is_asked_for {
            return "no contact is like that: `contact list` shows all".to_owned();
        }
        if people.is_empty() {
            return "no contacts: `contact add` and `contact import` make some".to_owned();
        }
        let rows = people.iter().map(|person| {
            let at = person.opted_out_at.as_deref().unwrap_or_default();
            let local = Timestamp::parse(at).map(|at| config.zone.format_local(at));
            let day = local.as_deref().unwrap_or(at);
            vec![
                person.id.to_string(),
                person.name.clone().unwrap_or_default(),
                person.phone_number.clone(),
                person.tags.join(", "),
                day.get(..10).unwrap_or(day).to_owned(),
            ]
        });
        let table = table(&["id", "name", "number", "tags", "opted out"], rows);
        let more = if people.len() < total {
            format!("\n{} of {total}: --all shows them all", people.len())
        } else {
            String::new()
        };
        table + &more
    })
}

fn opt_out(args: &WhoArgs, desk: &mut Desk<'_>) -> CliResult {
    let Desk { config, store, now } = desk;
    for who in people(&args.who)? {
        let done = opt_out::opt_out(store, &who, config, *now)?;
        let word = if done.is_news { "opted out" } else { "had opted out before" };
        let skipped = counted(done.skipped.messages.len() as u64, "waiting message");
        match &done.hidden {
            Some(hidden) => say(&format!(
                "{hidden}: {word}; {skipped} skipped; WAHA is asked for the phone number"
            ))?,
            None => say(&format!("contact {}: {word}; {skipped} skipped", ids(&done.contact_ids)))?,
        }
    }
    Ok(())
}

fn opt_in(args: &WhoArgs, desk: &mut Desk<'_>) -> CliResult {
    let Desk { config, store, now } = desk;
    for who in people(&args.who)? {
        let (changed, had_hidden) = opt_out::opt_in(store, &who, &config.country, *now)?;
        if had_hidden {
            say("the hidden number gets messages again")?;
        }
        if !changed.is_empty() {
            say(&format!("contact {}: gets messages again", ids(&changed)))?;
        } else if !had_hidden {
            say("nobody with this number had opted out")?;
        }
    }
    Ok(())
}

/// Ids and numbers, as `contact_ids` has them.
fn people(words: &[String]) -> CliResult<Vec<Entry>> {
    let text = words.join(", ");
    let entries = recipient::parse_contact_ids(Some(&text))
        .map_err(|error| ContactError::Refused(error.to_string()))?;
    Ok(entries)
}

fn ids(ids: &[i64]) -> String {
    ids.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}
