//! What a message would be: who gets it and with which words, who does not and why, and when it will
//! be through. Nothing is stored.

use std::sync::Arc;

use super::ahead::Ahead;
use super::carried::{self, Carried};
use super::compose::{Fields, KEEP};
use super::looked::{self, Asked, Looked, SAMPLES_MAX};
use super::people::{self, Picked};
use super::visit::{Refusal as _, Visit};
use super::{PageResult, format};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::content::Content;
use crate::messages::{self, ComposeError, Reached};
use crate::reason::Reason;
use crate::recipient;
use crate::store::{Message, Store};
use crate::template::{Template, meant_by};

/// How what a message carries is looked at: with a question to WAHA, when that refuses files, or without.
type CheckContent =
    fn(&mut Store, Option<&str>, &Config, Timestamp) -> Result<Content, ComposeError>;

#[derive(Default)]
pub(super) struct Preview {
    pub(crate) looked: Arc<Looked>,
    pub(crate) counted: String,
    pub(crate) samples: Vec<Sample>,
    /// The first recipients, to choose from: a number and a name.
    pub(crate) first: Vec<(String, String)>,
    pub(crate) skipped: Vec<Skipped>,
    /// Those who are named one by one.
    pub(crate) picked: Vec<Picked>,
    pub(crate) ahead: Ahead,
    /// What the button of the form does, in words.
    pub(crate) does: String,
    /// What they get beside the words.
    pub(crate) carried: Carried,
    /// Of a message of several channels: whom each sends to.
    pub(crate) shares: Vec<Share>,
    pub(crate) notes: Vec<String>,
}

/// What one of several channels sends.
pub(super) struct Share {
    pub(crate) name: String,
    pub(crate) counted: String,
    pub(crate) first: String,
    pub(crate) has_more: bool,
}

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

/// `of` is the message that the form changes; a new one has none. `check` looks at what it carries.
pub(super) fn look(
    visit: &Visit<'_>,
    fields: &Fields,
    of: Option<&Message>,
    check: CheckContent,
) -> PageResult<Preview> {
    let is_new = of.is_none();
    let w = visit.words();
    let begins = fields.begin(of, visit.config, visit.now);
    let mut preview =
        Preview { does: does(visit, fields, is_new, begins, 0), ..Preview::default() };
    preview.picked = people::picked(visit, fields)?;
    preview.carried = Carried::of(visit, fields.content());
    preview.notes.extend(content_problem(visit, fields, check)?);
    let unfit = messages::text_problem(&fields.text).map(|why| why.in_language(visit.language));
    let is_fit = unfit.is_none();
    preview.notes.extend(unfit.transpose()?);
    let asked = Asked::Form(Box::new(fields.clone()), of.map(|of| of.id));
    let Some(looked) = looked::look(visit, asked)? else {
        preview.ahead.is_being_counted = true;
        return Ok(preview);
    };
    if let Some(why) = &looked.refused {
        preview.notes.push(why.clone());
        return Ok(preview);
    }
    preview.take(visit, &looked)?;
    if !(is_fit && preview.carried.problem.is_empty()) {
        // The forecast says the same in the words of the column.
        preview.ahead.fits.clear();
    }
    preview.does = does(visit, fields, is_new, begins, looked.count);
    preview.looked = looked;
    let odd = Template::parse(&fields.text).oddities();
    let said =
        |odd: &String| w.odd_placeholder.replace("{meant}", &meant_by(odd)).replace("{odd}", odd);
    preview.notes.extend(odd.iter().filter(|_| is_fit).map(said));
    Ok(preview)
}

impl Preview {
    fn take(&mut self, visit: &Visit<'_>, looked: &Looked) -> PageResult<()> {
        let w = visit.words();
        self.counted = visit.recipients(looked.count);
        self.first = looked.first.iter().map(named).collect();
        self.samples = looked.first.iter().take(SAMPLES_MAX).map(sample).collect();
        self.skipped = looked.skipped.iter().map(|group| skipped(visit, group)).collect();
        let Some(planned) = &looked.planned else { return Ok(()) };
        self.ahead = Ahead::of(visit, planned)?;
        if let Some(file) = &planned.seen.file {
            let secs = visit.number(file.upload_seconds_max);
            self.ahead.times.push(' ');
            self.ahead.times += &w.uploads_not_counted.replace("{}", &secs);
        }
        if planned.message.several().is_some() {
            self.shares = shares(visit, looked)?;
        }
        Ok(())
    }
}

/// Why what a message carries could not be sent, in the reader's words.
pub(super) fn content_problem(
    visit: &Visit<'_>,
    fields: &Fields,
    check: CheckContent,
) -> PageResult<Option<String>> {
    let Some(column) = fields.content() else { return Ok(None) };
    if let Some(lacks) = carried::lacks(column, visit.words()) {
        return Ok(Some(lacks.to_owned()));
    }
    let config = visit.config;
    let checked = visit.with_store(|store| check(store, Some(column), config, visit.now));
    Ok(match checked {
        Ok(content) => {
            let unfit = content.words(&fields.text).err().filter(|why| *why != Reason::NoText);
            unfit.map(|why| why.text(visit.language))
        }
        Err(error) => Some(error.in_language(visit.language)?),
    })
}

fn named(one: &Reached) -> (String, String) {
    (recipient::shown(&one.to), one.name.clone().unwrap_or_default())
}

fn sample(one: &Reached) -> Sample {
    let (number, text) = (format::phone(&one.to), one.text.clone());
    match one.name.clone().filter(|name| !name.trim().is_empty()) {
        Some(who) => Sample { who, number, text },
        None => Sample { who: number, number: String::new(), text },
    }
}

fn skipped(visit: &Visit<'_>, group: &looked::Skipped) -> Skipped {
    let why = group.why.clone();
    if let ([who], 1) = (group.such_as.as_slice(), group.count) {
        return Skipped { who: who.clone(), why, such_as: String::new() };
    }
    let more = if group.count > group.such_as.len() as u64 { ", …" } else { "" };
    let who = visit.people(group.count);
    Skipped { who, why, such_as: group.such_as.join(", ") + more }
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
        (Some(_), KEEP) if is_new => w.does_kept,
        (Some(_), _) if is_new => w.does_at,
        (Some(_), "weekly") => w.saves_weekly,
        (Some(_), KEEP) => w.saves_kept,
        (Some(_), _) => w.saves_at,
    };
    let mut when = begins.map(|at| visit.moment(at)).unwrap_or_default();
    if fields.times.when == "at" && fields.times.at.len() > 1 {
        when = format!("{when} (+{})", fields.times.at.len() - 1);
    }
    words.replace("{when}", &when).replace("{n}", &visit.recipients(count))
}

/// By channel: to how many, and to whom first.
fn shares(visit: &Visit<'_>, looked: &Looked) -> PageResult<Vec<Share>> {
    let channels = visit.read(|tx| tx.channels())?;
    let share = |(id, (count, first)): (&i64, &(u64, Vec<String>))| {
        let channel = channels.iter().find(|channel| channel.id == *id)?;
        Some(Share {
            name: channel.name.clone(),
            counted: visit.recipients(*count),
            has_more: *count > first.len() as u64,
            first: first.join(", "),
        })
    };
    Ok(looked.shares.iter().filter_map(share).collect())
}
