//! One contact: to look at, add, change, and to note that somebody wants no more messages.

use askama::Template;

use super::forms::Form;
use super::merge::{self, Conflict, Told};
use super::searched::{self, ToPerson};
use super::visit::{Page, Refusal, Visit};
use super::{Answered, PageResult, access, reply};
use crate::clock::Timestamp;
use crate::contacts::{self, Changes, ContactError, Person, opt_out, tags};
use crate::language::Language;
use crate::reason::Reason;
use crate::recipient::Entry;

const HISTORY_MAX: u32 = 20;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Fields {
    name: String,
    number: String,
    tags: String,
    /// `kota=Bandung`, one a line.
    attributes: String,
}

#[derive(Template)]
#[template(path = "contact.html")]
struct ContactPage<'a> {
    p: Page<'a>,
    heading: String,
    action: String,
    id: Option<i64>,
    told: Told,
    f: Fields,
    /// What the fields were when the form was made; a new contact has none.
    was: Option<Fields>,
    opted_out: String,
    history: Vec<ToPerson>,
}

impl Fields {
    fn read(form: &Form, prefix: &str) -> Self {
        let [name, number, tags, attributes] =
            form.values(prefix, ["name", "number", "tags", "attributes"]);
        Self { name, number, tags, attributes }
    }

    fn read_was(form: &Form) -> Option<Self> {
        form.get("was_number").map(|_| Self::read(form, "was_"))
    }

    fn of(person: &Person) -> Self {
        let pairs = person.attributes.iter().map(|(key, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{key}={value}")
        });
        Self {
            name: person.name.clone().unwrap_or_default(),
            number: person.phone_number.clone(),
            tags: person.tags.join(", "),
            attributes: pairs.collect::<Vec<_>>().join("\n"),
        }
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let lines = self.attributes.lines().map(str::trim).filter(|line| !line.is_empty());
        lines
            .map(|line| line.split_once(['=', ':']).unwrap_or((line, "")))
            .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
            .collect()
    }

    /// What makes `before` this.
    fn changes(&self, before: &Self) -> Changes {
        let split =
            |fields: &Self| tags::split(&fields.tags).map(str::to_owned).collect::<Vec<_>>();
        let (tags_now, tags_before) = (split(self), split(before));
        let without = |some: &[String], others: &[String]| -> Vec<String> {
            let others: Vec<String> = others.iter().map(|tag| tags::fold(tag)).collect();
            some.iter().filter(|tag| !others.contains(&tags::fold(tag))).cloned().collect()
        };
        let (now, old) = (self.pairs(), before.pairs());
        let is_gone =
            |key: &String| !now.iter().any(|(known, _)| crate::template::is_same_name(known, key));
        Changes {
            name: (self.name != before.name).then(|| self.name.clone()),
            number: (self.number != before.number).then(|| self.number.clone()),
            add_tags: without(&tags_now, &tags_before),
            remove_tags: without(&tags_before, &tags_now),
            unset: old.iter().map(|(key, _)| key).filter(|key| is_gone(key)).cloned().collect(),
            set: now.into_iter().filter(|pair| !old.contains(pair)).collect(),
        }
    }
}

/// A form against what is stored now: tags and attributes one by one, so that two people who change different
/// ones both get what they want. Returns what changes, the form with what others changed, and what both changed.
fn merged(
    visit: &Visit<'_>,
    mine: &Fields,
    was: &Fields,
    stored: &Fields,
) -> (Changes, Fields, Vec<Conflict>) {
    let (w, mut changes) = (visit.words(), mine.changes(was));
    let (mut fields, mut conflicts) = (stored.clone(), Vec::new());
    let mut clash = |label: &str, theirs: Option<&str>| {
        conflicts.push(Conflict::new(label, theirs.unwrap_or_default()));
    };
    for (label, mine, was, stored, field) in [
        (w.name, &changes.name, &was.name, &stored.name, &mut fields.name),
        (w.whatsapp_number, &changes.number, &was.number, &stored.number, &mut fields.number),
    ] {
        let Some(mine) = mine else { continue };
        if stored != was && stored != mine {
            clash(label, Some(stored));
        }
        field.clone_from(mine);
    }
    let (kept, then) = (stored.pairs(), was.pairs());
    let find = |pairs: &'_ [(String, String)], key: &str| {
        pairs.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
    };
    let mut pairs = kept.clone();
    for (key, value) in changes
        .set
        .iter()
        .map(|(key, value)| (key, Some(value)))
        .chain(changes.unset.iter().map(|key| (key, None)))
    {
        let theirs = find(&kept, key);
        if theirs != find(&then, key) && theirs.as_ref() != value {
            clash(key, theirs.as_deref());
        }
        let at = pairs.iter().position(|(known, _)| known == key);
        match (at, value) {
            (Some(at), Some(value)) => pairs[at].1.clone_from(value),
            (Some(at), None) => drop(pairs.remove(at)),
            (None, Some(value)) => pairs.push((key.clone(), value.clone())),
            (None, None) => {}
        }
    }
    let lines = pairs.iter().map(|(key, value)| format!("{key}={value}"));
    fields.attributes = lines.collect::<Vec<_>>().join("\n");
    let gone =
        |tag: &&str| changes.remove_tags.iter().any(|one| tags::fold(one) == tags::fold(tag));
    let mut all: Vec<String> =
        tags::split(&stored.tags).filter(|tag| !gone(tag)).map(str::to_owned).collect();
    for tag in &changes.add_tags {
        tags::give(&mut all, tag);
    }
    fields.tags = all.join(", ");
    // What somebody else took away is away.
    changes.unset.retain(|key| find(&kept, key).is_some());
    (changes, fields, conflicts)
}

pub(super) fn new_form(visit: &Visit<'_>) -> Answered {
    show(visit, None, Fields::default(), Told::default())
}

pub(super) fn save_new(visit: &Visit<'_>) -> Answered {
    let fields = Fields::read(&visit.form, "");
    merge::or_shown(add(visit, &fields), |told| show(visit, None, fields, told))
}

fn add(visit: &Visit<'_>, fields: &Fields) -> Answered {
    access::only_shown(visit)?;
    let mut changes = fields.changes(&Fields::default());
    changes.number = Some(fields.number.clone());
    let (country, now, mark) = (&visit.config.country, visit.now, visit.mark());
    let added = visit.with_store(|store| contacts::add(store, &changes, mark, country, now));
    let id = match added {
        Err(ContactError::MadeBefore(before)) if visit.is_same_as(&before) => before.id,
        added => visit.told(added)?,
    };
    Ok(reply::done(&format!("/panel/contacts/{id}"), "contact_added"))
}

pub(super) fn route(visit: &Visit<'_>, id: i64, rest: &[&str]) -> Answered {
    let country = &visit.config.country;
    let found = visit.with_store(|store| contacts::find(store, id, country));
    let person = match found {
        Ok(person) => person,
        Err(ContactError::Store(error)) => return Err(error.into()),
        Err(_) => return reply::not_found(visit),
    };
    let there = format!("/panel/contacts/{id}");
    let (who, now) = (Entry::Contact(id), visit.now);
    let pressed = match (visit.is_post, rest) {
        (false, []) => {
            return show(visit, Some(&person), Fields::of(&person), Told::default());
        }
        (true, []) => return save(visit, &person),
        (true, ["opt-out"]) => visit.press(id, (&there, "opted_out"), |store| {
            opt_out::opt_out(store, &who, visit.config, now).map(drop)
        }),
        (true, ["opt-in"]) => visit.press(id, (&there, "opted_in"), |store| {
            opt_out::opt_in(store, &who, country, now).map(drop)
        }),
        _ => return reply::not_found(visit),
    };
    merge::or_shown(pressed, |told| {
        let told = Told { status: Some(409), ..told };
        show(visit, Some(&person), Fields::of(&person), told)
    })
}

fn save(visit: &Visit<'_>, person: &Person) -> Answered {
    let mut fields = Fields::read(&visit.form, "");
    let saved = edit(visit, person, &mut fields);
    merge::or_shown(saved, |told| show(visit, Some(person), fields, told))
}

fn edit(visit: &Visit<'_>, person: &Person, mine: &mut Fields) -> Answered {
    let w = visit.words();
    access::only_shown(visit)?;
    let there = format!("/panel/contacts/{}", person.id);
    if visit.is_second()? {
        return Ok(reply::done(&there, "saved"));
    }
    let stored = Fields::of(person);
    let was = Fields::read_was(&visit.form).unwrap_or_else(|| stored.clone());
    let (changes, fields, conflicts) = merged(visit, mine, &was, &stored);
    *mine = fields;
    if !conflicts.is_empty() {
        return Err(Told { conflicts, ..Told::problem(409, w.changed_meanwhile) }.into());
    }
    if *mine == stored {
        return Ok(reply::done(&there, "unchanged"));
    }
    let (country, now, id) = (&visit.config.country, visit.now, person.id);
    let edited = visit.with_store(|store| {
        // Nobody else in the panel changes it between this look and the change.
        if Fields::of(&contacts::find(store, id, country)?) != stored {
            return Ok(false);
        }
        contacts::edit(store, id, &changes, visit.config, now).map(|_| true)
    });
    if !visit.told(edited)? {
        return Err(Told::problem(409, w.contact_changed_just_now).into());
    }
    visit.keep_mark(id)?;
    Ok(reply::done(&there, "saved"))
}

impl Refusal for ContactError {
    fn in_language(self, language: Language) -> PageResult<String> {
        let w = language.words();
        match self {
            Self::Store(error) => Err(error.into()),
            Self::Phone(error) => Ok(error.text(language)),
            Self::MadeBefore(before) => {
                Ok(w.contact_form_used.replace("{}", &before.id.to_string()))
            }
            Self::Taken(id) => Ok(w.number_taken.replace("{}", &id.to_string())),
            Self::NoSuchContact(contact_id) => {
                Ok(Reason::NoSuchContact { contact_id }.text(language))
            }
            error @ (Self::Refused(_) | Self::OptedOut(_)) => Ok(error.to_string()),
        }
    }
}

fn show(visit: &Visit<'_>, person: Option<&Person>, f: Fields, told: Told) -> Answered {
    let w = visit.words();
    let id = person.map(|person| person.id);
    let opted_out = person.and_then(|person| person.opted_out_at.as_deref()).map(|at| {
        let at = Timestamp::parse(at);
        at.map_or_else(|| w.opted_out.to_owned(), |at| visit.moment(at))
    });
    let heading =
        person.and_then(|person| person.name.clone().or(Some(person.phone_number.clone())));
    let page = ContactPage {
        p: visit.page("contacts"),
        heading: heading.unwrap_or_else(|| w.new_contact.to_owned()),
        action: id.map_or("/panel/contacts/new".to_owned(), |id| format!("/panel/contacts/{id}")),
        id,
        f,
        // A look changes nothing of what the form was made from.
        was: Fields::read_was(&visit.form)
            .filter(|_| told.conflicts.is_empty())
            .or(person.map(Fields::of)),
        told,
        opted_out: opted_out.unwrap_or_default(),
        history: history(visit, id)?,
    };
    reply::html(page.told.status.unwrap_or(200), &page)
}

fn history(visit: &Visit<'_>, id: Option<i64>) -> PageResult<Vec<ToPerson>> {
    let Some(id) = id else { return Ok(Vec::new()) };
    let found = visit.read(|tx| tx.deliveries_of_contact(id, HISTORY_MAX))?;
    Ok(found.into_iter().map(|one| searched::of_delivery(visit, one)).collect())
}
