//! What a message would be: who gets it and with which words, who does not and why, and when it will
//! be through. Nothing is stored.

use std::collections::{BTreeMap, HashMap};

use super::ahead::Ahead;
use super::carried::{self, Carried};
use super::compose::Fields;
use super::people::{self, Picked};
use super::visit::Visit;
use super::{PageError, format};
use crate::clock::Timestamp;
use crate::forecast::{self, RecipientForecast};
use crate::messages::{self, Reached};
use crate::recipient;
use crate::store::Message;
use crate::template::Template;

const SAMPLES_MAX: usize = 3;
/// Reasons that are shown, and people of each.
const SKIPPED_SHOWN_MAX: usize = 12;
const SUCH_AS_MAX: usize = 3;

/// What would happen.
#[derive(Default)]
pub(super) struct Preview {
    /// Recipients who would get it.
    pub(crate) count: u64,
    pub(crate) counted: String,
    pub(crate) samples: Vec<Sample>,
    /// The first recipients, to choose from: a number and a name.
    pub(crate) first: Vec<(String, String)>,
    pub(crate) skipped_count: u64,
    pub(crate) skipped: Vec<Skipped>,
    /// Whether there are more reasons than are shown.
    pub(crate) skipped_is_cut: bool,
    /// Those who are named one by one.
    pub(crate) picked: Vec<Picked>,
    /// What the plan says of it.
    pub(crate) ahead: Ahead,
    /// What the button of the form does, in words.
    pub(crate) does: String,
    /// What they get beside the words.
    pub(crate) carried: Carried,
    /// Of a message of several channels: whom each sends to.
    pub(crate) shares: Vec<Share>,
    /// What a person should know.
    pub(crate) notes: Vec<String>,
}

/// What one of several channels sends.
pub(super) struct Share {
    pub(crate) name: String,
    pub(crate) counted: String,
    /// To whom first.
    pub(crate) first: String,
    pub(crate) has_more: bool,
}

/// The words for one recipient.
pub(super) struct Sample {
    pub(crate) who: String,
    pub(crate) number: String,
    pub(crate) text: String,
}

/// Some who would not get it, all for the same reason.
pub(super) struct Skipped {
    /// One by name, or how many.
    pub(crate) who: String,
    pub(crate) why: String,
    /// Some of them by name, when they are many.
    pub(crate) such_as: String,
}

/// `of` is the message that the form changes; a new one has none.
pub(super) fn look(
    visit: &Visit<'_>,
    fields: &Fields,
    of: Option<i64>,
) -> Result<Preview, PageError> {
    let is_new = of.is_none();
    let (w, language) = (visit.words(), visit.language);
    let begins = fields
        .times
        .timing()
        .and_then(|timing| messages::begins_at(&timing, &visit.panel.config, visit.now));
    let mut preview =
        Preview { does: does(visit, fields, is_new, begins, 0), ..Preview::default() };
    preview.picked = people::picked(visit, fields)?;
    preview.carried = Carried::of(visit, fields.content());
    preview.notes.extend(content_problem(visit, fields)?);
    let column = fields.column();
    let config = &visit.panel.config;
    let found = visit.panel.read(|tx| {
        messages::recipients(
            tx,
            Some(&column),
            (&fields.read_content(), &fields.text),
            config,
            true,
        )
    })?;
    let found = match visit.told(found)? {
        Ok(found) => found,
        Err(why) => {
            preview.notes.push(why);
            return Ok(preview);
        }
    };
    preview.count = found.count;
    preview.first = found.first.iter().map(named).collect();
    preview.samples = found.first.into_iter().take(SAMPLES_MAX).map(sample).collect();
    preview.skipped_count = found.skipped.len() as u64;
    let (skipped, is_cut) = grouped(&found.skipped, visit);
    (preview.skipped, preview.skipped_is_cut) = (skipped, is_cut);
    preview.counted = w.recipients_count.replace("{}", &format::number(preview.count, language));
    (preview.ahead, preview.shares) = ahead(visit, fields, of)?;
    preview.does = does(visit, fields, is_new, begins, preview.count);
    let odd = Template::parse(&fields.text).oddities();
    preview.notes.extend(odd.iter().map(|odd| w.odd_placeholder.replace("{}", odd)));
    Ok(preview)
}

/// Why what a message carries could not be sent, in the reader's words.
pub(super) fn content_problem(
    visit: &Visit<'_>,
    fields: &Fields,
) -> Result<Option<String>, PageError> {
    let Some(column) = fields.content() else { return Ok(None) };
    if let Some(lacks) = carried::lacks(column, visit.words()) {
        return Ok(Some(lacks.to_owned()));
    }
    let config = &visit.panel.config;
    let checked = visit
        .panel
        .with_store(|store| messages::check_content(store, Some(column), config, visit.now));
    Ok(match visit.told(checked)? {
        Ok(_) => {
            carried::text_problem(column, &fields.text).map(|reason| reason.text(visit.language))
        }
        Err(why) => Some(why),
    })
}

fn named(one: &Reached) -> (String, String) {
    (recipient::shown(&one.to), one.name.clone().unwrap_or_default())
}

fn sample(one: Reached) -> Sample {
    let number = format::phone(&one.to);
    match one.name.filter(|name| !name.trim().is_empty()) {
        Some(who) => Sample { who, number, text: one.text },
        None => Sample { who: number, number: String::new(), text: one.text },
    }
}

/// Those who would not get it, by reason, the reason of most first; and whether some are not among them.
fn grouped(skipped: &[messages::Skipped], visit: &Visit<'_>) -> (Vec<Skipped>, bool) {
    let mut groups: Vec<(String, Vec<&messages::Skipped>)> = Vec::new();
    let mut places = HashMap::new();
    for one in skipped {
        let why = one.reason.text(visit.language);
        let place = *places.entry(why.clone()).or_insert(groups.len());
        if place == groups.len() {
            groups.push((why, Vec::new()));
        }
        groups[place].1.push(one);
    }
    groups.sort_by_key(|(_, ones)| std::cmp::Reverse(ones.len()));
    let is_cut = groups.len() > SKIPPED_SHOWN_MAX;
    let shown = groups.into_iter().take(SKIPPED_SHOWN_MAX).map(|(why, ones)| {
        let mut names = ones.iter().take(SUCH_AS_MAX).map(|one| name_of(one));
        if let [_] = ones.as_slice() {
            return Skipped { who: names.next().unwrap_or_default(), why, such_as: String::new() };
        }
        let count = format::number(ones.len() as u64, visit.language);
        let more = if ones.len() > SUCH_AS_MAX { ", …" } else { "" };
        let such_as = names.collect::<Vec<_>>().join(", ") + more;
        Skipped { who: visit.words().people_count.replace("{}", &count), why, such_as }
    });
    (shown.collect(), is_cut)
}

fn name_of(one: &messages::Skipped) -> String {
    let has_name = one.who != one.to && !one.who.trim().is_empty();
    if has_name { one.who.clone() } else { format::phone(&one.to) }
}

/// What the button does, to how many and when; in fewer words while that is not filled in.
fn does(
    visit: &Visit<'_>,
    fields: &Fields,
    is_new: bool,
    begins: Option<Timestamp>,
    count: u64,
) -> String {
    let (w, when) = (visit.words(), fields.times.when.as_str());
    let words = match (begins.filter(|_| count > 0), when) {
        (None, "now") if is_new => w.send_now,
        (None, _) if is_new => w.schedule_it,
        (None, _) => w.save,
        (Some(_), "now") => w.does_now,
        (Some(_), "weekly") if is_new => w.does_weekly,
        (Some(_), _) if is_new => w.does_at,
        (Some(_), "weekly") => w.saves_weekly,
        (Some(_), _) => w.saves_at,
    };
    let moment = |at| format::moment(at, &visit.panel.config.zone, visit.language);
    let mut when = begins.map(moment).unwrap_or_default();
    if fields.times.when == "at" && fields.times.at.len() > 1 {
        when = format!("{when} (+{})", fields.times.at.len() - 1);
    }
    words.replace("{when}", &when).replace("{n}", &format::number(count, visit.language))
}

/// What the plan says of what is filled in; nothing while that is no message.
fn ahead(
    visit: &Visit<'_>,
    fields: &Fields,
    of: Option<i64>,
) -> Result<(Ahead, Vec<Share>), PageError> {
    let (config, now) = (&visit.panel.config, visit.now);
    let Some(message) = messages::imagined(&fields.draft(false), config, now) else {
        return Ok(Default::default());
    };
    let message = Message { id: of.unwrap_or_default(), ..message };
    let mut by: BTreeMap<i64, (u64, Vec<String>)> = BTreeMap::new();
    let mut see = |row: &RecipientForecast<'_>| {
        let Some(id) = row.channel_id else { return };
        let (count, first) = by.entry(id).or_default();
        *count += 1;
        if first.len() < SAMPLES_MAX {
            let name = row.name.filter(|name| !name.trim().is_empty());
            first.push(name.map_or_else(|| format::phone(row.chat_id), str::to_owned));
        }
    };
    let seen = visit
        .panel
        .with_store(|store| forecast::of_unsaved(store, &message, config, now, &mut see))?;
    let Some(seen) = seen else { return Ok(Default::default()) };
    let shares = if message.several().is_some() { shares(visit, by)? } else { Vec::new() };
    let mut ahead = Ahead::of(visit, &message, &seen, of.is_none())?;
    if let Some(file) = &seen.file {
        let secs = format::number(file.upload_seconds_max, visit.language);
        ahead.times.push(' ');
        ahead.times += &visit.words().uploads_not_counted.replace("{}", &secs);
    }
    Ok((ahead, shares))
}

/// By channel: to how many, and to whom first.
fn shares(
    visit: &Visit<'_>,
    by: BTreeMap<i64, (u64, Vec<String>)>,
) -> Result<Vec<Share>, PageError> {
    let channels = visit.panel.read(|tx| tx.channels())?;
    let share = |(id, (count, first)): (i64, (u64, Vec<String>))| {
        let channel = channels.iter().find(|channel| channel.id == id)?;
        let counted = format::number(count, visit.language);
        Some(Share {
            name: channel.name.clone(),
            counted: visit.words().recipients_count.replace("{}", &counted),
            has_more: count > first.len() as u64,
            first: first.join(", "),
        })
    };
    Ok(by.into_iter().filter_map(share).collect())
}
