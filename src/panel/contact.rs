//! One contact: to look at, add, change, and to note that somebody wants no more messages.

use askama::Template;

use super::forms::Form;
use super::visit::{Page, Visit};
use super::{Answered, Broken, format, reasons, reply};
use crate::address_book::language::Language as Tongue;
use crate::address_book::{self, Changes, ContactError, Person, opt_out, tags};
use crate::clock::Timestamp;
use crate::recipient::Entry;

/// What the form holds.
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
    problem: String,
    f: Fields,
    opted_out: String,
}

impl Fields {
    fn read(form: &Form) -> Self {
        let text = |name: &str| form.get(name).unwrap_or_default().trim().replace("\r\n", "\n");
        Self {
            name: text("name"),
            number: text("number"),
            tags: text("tags"),
            attributes: text("attributes"),
        }
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
        let is_gone = |key: &String| !now.iter().any(|(known, _)| known == key);
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

pub(super) fn new_form(visit: &Visit<'_>) -> Answered {
    show(visit, 200, None, Fields::default(), String::new())
}

pub(super) fn save_new(visit: &Visit<'_>) -> Answered {
    let fields = Fields::read(&visit.form);
    let mut changes = fields.changes(&Fields::default());
    changes.number = Some(fields.number.clone());
    let country = &visit.panel.rules.country;
    let now = visit.now;
    let added = visit.panel.with_store(|store| address_book::add(store, &changes, country, now));
    match told(visit, added)? {
        Ok(id) => Ok(reply::done(&format!("/panel/contacts/{id}"), "contact_added")),
        Err(problem) => show(visit, 422, None, fields, problem),
    }
}

/// What a path under a contact's id asks for.
pub(super) fn route(visit: &Visit<'_>, id: i64, rest: &[&str]) -> Answered {
    let country = &visit.panel.rules.country;
    let found = visit.panel.with_store(|store| address_book::find(store, id, country));
    let person = match found {
        Ok(person) => person,
        Err(ContactError::Store(error)) => return Err(error.into()),
        Err(_) => return reply::not_found(visit),
    };
    match (visit.is_post, rest) {
        (false, []) => show(visit, 200, Some(&person), Fields::of(&person), String::new()),
        (true, []) => save(visit, &person),
        (true, ["opt-out"]) => {
            let rules = (country, &visit.panel.rules.zone);
            let (who, now) = (Entry::Contact(id), visit.now);
            let done =
                visit.panel.with_store(|store| opt_out::opt_out(store, &who, rules, now).map(drop));
            finish(visit, &person, done, "opted_out")
        }
        (true, ["opt-in"]) => {
            let (who, now) = (Entry::Contact(id), visit.now);
            let done = visit
                .panel
                .with_store(|store| opt_out::opt_in(store, &who, country, now).map(drop));
            finish(visit, &person, done, "opted_in")
        }
        _ => reply::not_found(visit),
    }
}

fn save(visit: &Visit<'_>, person: &Person) -> Answered {
    let fields = Fields::read(&visit.form);
    let changes = fields.changes(&Fields::of(person));
    if changes == Changes::default() {
        return Ok(reply::done(&format!("/panel/contacts/{}", person.id), "unchanged"));
    }
    let rules = (&visit.panel.rules.country, &visit.panel.rules.zone);
    let edited = visit
        .panel
        .with_store(|store| address_book::edit(store, person.id, &changes, rules, visit.now));
    match told(visit, edited)? {
        Ok(_) => Ok(reply::done(&format!("/panel/contacts/{}", person.id), "saved")),
        Err(problem) => show(visit, 422, Some(person), fields, problem),
    }
}

fn finish(
    visit: &Visit<'_>,
    person: &Person,
    done: Result<(), ContactError>,
    code: &str,
) -> Answered {
    match told(visit, done)? {
        Ok(()) => Ok(reply::done(&format!("/panel/contacts/{}", person.id), code)),
        Err(problem) => show(visit, 409, Some(person), Fields::of(person), problem),
    }
}

/// A refusal in the reader's words; what broke goes on as it is.
fn told<T>(
    visit: &Visit<'_>,
    result: Result<T, ContactError>,
) -> Result<Result<T, String>, Broken> {
    let w = visit.words();
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(ContactError::Store(error)) => Err(error.into()),
        Err(ContactError::Phone(error)) => Ok(Err(tongue(visit).phone_error(&error))),
        Err(ContactError::Taken(id)) => Ok(Err(w.number_taken.replace("{}", &id.to_string()))),
        Err(error) => Ok(Err(reasons::in_words(&error.to_string(), visit.language))),
    }
}

/// The language of the address book's own reasons.
pub(super) fn tongue(visit: &Visit<'_>) -> Tongue {
    visit.language.pick(Tongue::Indonesian, Tongue::English)
}

fn show(
    visit: &Visit<'_>,
    status: u16,
    person: Option<&Person>,
    f: Fields,
    problem: String,
) -> Answered {
    let w = visit.words();
    let id = person.map(|person| person.id);
    let opted_out = person.and_then(|person| person.opted_out_at.as_deref()).map(|at| {
        let at = Timestamp::parse(at);
        let zone = &visit.panel.rules.zone;
        at.map_or_else(|| w.opted_out.to_owned(), |at| format::moment(at, zone, visit.language))
    });
    let heading =
        person.and_then(|person| person.name.clone().or(Some(person.phone_number.clone())));
    let page = ContactPage {
        p: visit.page("contacts"),
        heading: heading.unwrap_or_else(|| w.new_contact.to_owned()),
        action: id.map_or("/panel/contacts/new".to_owned(), |id| format!("/panel/contacts/{id}")),
        id,
        problem,
        f,
        opted_out: opted_out.unwrap_or_default(),
    };
    reply::html(status, &page)
}
