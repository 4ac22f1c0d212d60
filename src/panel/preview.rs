//! What a message would be: who gets it and with which words, who does not and why, and when it will
//! be through. Nothing is stored.

use super::ahead::Ahead;
use super::carried::{self, Carried};
use super::compose::Fields;
use super::people::{self, Picked};
use super::visit::Visit;
use super::{PageError, format};
use crate::clock::Timestamp;
use crate::forecast;
use crate::language::Language;
use crate::messages::{self, Reached};
use crate::recipient;
use crate::store::Message;
use crate::template::Template;

const SAMPLES_MAX: usize = 3;
const SKIPPED_SHOWN_MAX: usize = 12;

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
    /// Those who are named one by one.
    pub(crate) picked: Vec<Picked>,
    /// What the plan says of it.
    pub(crate) ahead: Ahead,
    /// What the button of the form does, in words.
    pub(crate) does: String,
    /// What they get beside the words.
    pub(crate) carried: Carried,
    /// What a person should know.
    pub(crate) notes: Vec<String>,
}

/// The words for one recipient.
pub(super) struct Sample {
    pub(crate) who: String,
    pub(crate) number: String,
    pub(crate) text: String,
}

/// Somebody who would not get it.
pub(super) struct Skipped {
    pub(crate) who: String,
    pub(crate) why: String,
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
    let skipped = found.skipped.into_iter().take(SKIPPED_SHOWN_MAX);
    preview.skipped = skipped.map(|one| skipped_one(&one, language)).collect();
    preview.counted = w.recipients_count.replace("{}", &format::number(preview.count, language));
    preview.ahead = ahead(visit, fields, of)?;
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

fn skipped_one(one: &messages::Skipped, language: Language) -> Skipped {
    let has_name = one.who != one.to && !one.who.trim().is_empty();
    let who = if has_name { one.who.clone() } else { format::phone(&one.to) };
    Skipped { who, why: one.reason.text(language) }
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
fn ahead(visit: &Visit<'_>, fields: &Fields, of: Option<i64>) -> Result<Ahead, PageError> {
    let (config, now) = (&visit.panel.config, visit.now);
    let Some(message) = messages::imagined(&fields.draft(false), config, now) else {
        return Ok(Ahead::default());
    };
    let message = Message { id: of.unwrap_or_default(), ..message };
    let seen = visit
        .panel
        .with_store(|store| forecast::of_unsaved(store, &message, config, now, &mut |_| {}))?;
    let Some(seen) = seen else { return Ok(Ahead::default()) };
    let mut ahead = Ahead::of(visit, &message, &seen, of.is_none())?;
    if let Some(file) = &seen.file {
        let secs = format::number(file.upload_seconds_max, visit.language);
        ahead.times.push(' ');
        ahead.times += &visit.words().uploads_not_counted.replace("{}", &secs);
    }
    Ok(ahead)
}
