//! Whom a form names, as people know them: names in place of ids, tags with how many have them, and a search.

use std::collections::HashMap;

use askama::Template;

use super::compose::Fields;
use super::contacts::shown;
use super::visit::{Page, Visit};
use super::{Answered, PageResult, format, reply};
use crate::contacts::{Filter, Person, tags};
use crate::reason::Reason;
use crate::recipient::{self, Entry};
use crate::store::{PageFrom, SqlResult, Tx};

/// So many tags are shown at once; there is a search for the others.
const TAGS_SHOWN_MAX: usize = 40;
const PICKED_SHOWN_MAX: usize = 40;
const FOUND_MAX: usize = 8;

pub(super) struct TagChoices {
    pub(crate) shown: Vec<TagChoice>,
    pub(crate) count: usize,
    pub(crate) is_cut: bool,
    pub(crate) search: String,
    pub(crate) has_exceptions: bool,
}

pub(super) struct TagChoice {
    pub(crate) name: String,
    pub(crate) count: String,
    pub(crate) is_chosen: bool,
    pub(crate) is_excepted: bool,
}

pub(super) struct Picked {
    /// As the form has it.
    pub(crate) entry: String,
    pub(crate) name: String,
    pub(crate) is_bad: bool,
}

struct Found {
    id: i64,
    name: String,
    number: String,
}

#[derive(Template)]
#[template(path = "tags.html")]
struct TagsPiece<'a> {
    p: Page<'a>,
    tags: TagChoices,
}

#[derive(Template)]
#[template(path = "found.html")]
struct FoundPiece<'a> {
    p: Page<'a>,
    found: Vec<Found>,
}

impl TagChoices {
    /// What is chosen is always shown; of the others those that are searched for, the commonest first.
    pub(super) fn of(visit: &Visit<'_>, fields: &Fields) -> PageResult<Self> {
        let columns = visit.read(|tx| tx.tag_counts())?;
        let mut all = counted(&columns);
        let count = all.len();
        for tag in fields.tags.iter().chain(&fields.except_tags) {
            match all.iter_mut().find(|(name, _)| tags::fold(name) == tags::fold(tag)) {
                // As the message has it: else it would look like a change.
                Some((name, _)) => name.clone_from(tag),
                None => all.push((tag.clone(), 0)),
            }
        }
        let search = visit.form.filled("tag_search").unwrap_or_default().to_owned();
        let wanted = tags::fold(&search);
        let has = |some: &[String], name: &str| {
            some.iter().any(|tag| tags::fold(tag) == tags::fold(name))
        };
        let is_cut = count > TAGS_SHOWN_MAX;
        let mut left = TAGS_SHOWN_MAX;
        let mut shown: Vec<TagChoice> = all
            .into_iter()
            .map(|(name, count)| TagChoice {
                is_chosen: has(&fields.tags, &name),
                is_excepted: has(&fields.except_tags, &name),
                count: visit.number(count),
                name,
            })
            .filter(|tag| {
                let is_found = !is_cut || tags::fold(&tag.name).contains(&wanted);
                let is_shown = tag.is_chosen || tag.is_excepted || is_found && left > 0;
                left = left.saturating_sub(usize::from(is_shown));
                is_shown
            })
            .collect();
        shown.sort_unstable_by_key(|tag| tags::fold(&tag.name));
        let has_exceptions = !fields.except.is_empty() || !fields.except_tags.is_empty();
        Ok(Self { shown, count, is_cut, search, has_exceptions })
    }
}

/// The tags of all contacts with how many have each, the commonest first; of several spellings of one tag the
/// one that most have.
fn counted(columns: &[(String, u64)]) -> Vec<(String, u64)> {
    let mut all: HashMap<String, HashMap<String, u64>> = HashMap::new();
    for (column, count) in columns {
        for tag in tags::read(column) {
            let spellings = all.entry(tags::fold(&tag)).or_default();
            *spellings.entry(tag.trim().to_owned()).or_default() += count;
        }
    }
    let commonest = |spellings: HashMap<String, u64>| {
        let count = spellings.values().sum();
        let name = spellings.into_iter().max_by(|(a, x), (b, y)| x.cmp(y).then_with(|| a.cmp(b)));
        Some((name?.0, count))
    };
    let mut all: Vec<(String, u64)> = all.into_values().filter_map(commonest).collect();
    all.sort_unstable_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    all
}

/// The tags for what a form searches: for the script.
pub(super) fn tags(visit: &Visit<'_>) -> Answered {
    let tags = TagChoices::of(visit, &Fields::read(visit, None))?;
    reply::html(200, &TagsPiece { p: visit.page("messages"), tags })
}

/// Contacts by a part of their name or number: for the script.
pub(super) fn find(visit: &Visit<'_>) -> Answered {
    let found = match visit.query.filled("q") {
        None => Vec::new(),
        Some(search) => {
            let filter = Filter { search: Some(search.to_owned()), ..Filter::default() };
            visit.contacts(&filter, PageFrom::Newest, FOUND_MAX)?
        }
    };
    let shown = |person: &Person| {
        let (name, number) = shown(person);
        Found { id: person.id, name, number }
    };
    let found = found.iter().map(shown).collect();
    reply::html(200, &FoundPiece { p: visit.page("messages"), found })
}

/// The recipients of a form that are named one by one, by name.
pub(super) fn picked(visit: &Visit<'_>, fields: &Fields) -> PageResult<Vec<Picked>> {
    let lines = fields.to.split(['\n', ',', ';']).map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.take(PICKED_SHOWN_MAX).collect();
    if fields.to.starts_with(['[', '{']) {
        return Ok(Vec::new());
    }
    let (w, language) = (visit.words(), visit.language);
    let read = |tx: &Tx<'_>| {
        lines
            .iter()
            .map(|line| {
                let entries = recipient::parse_contact_ids(Some(line)).unwrap_or_default();
                let (name, is_bad) = match entries.as_slice() {
                    [Entry::Contact(id)] => {
                        let why = Reason::NoSuchContact { contact_id: *id };
                        let name = tx.contact(*id)?.map(|row| named(row.name, &row.phone_number));
                        (name.clone().unwrap_or_else(|| why.text(language)), name.is_none())
                    }
                    [Entry::Person { phone, .. }] => {
                        match recipient::normalize_phone(phone, &visit.config.country) {
                            Ok(digits) => (of_number(tx, &digits)?, false),
                            Err(_) => ((*line).to_owned(), true),
                        }
                    }
                    [Entry::Tag(tag)] => (format!("{}: {tag}", w.tag), false),
                    [Entry::All] => (w.everybody.to_owned(), false),
                    [Entry::Chat { chat_id, .. }] => (format::phone(chat_id.as_str()), false),
                    _ => ((*line).to_owned(), true),
                };
                Ok(Picked { entry: (*line).to_owned(), name, is_bad })
            })
            .collect::<SqlResult<Vec<Picked>>>()
    };
    visit.read(read)
}

fn named(name: Option<String>, number: &str) -> String {
    name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| format::phone(number))
}

/// The name of the contact with a number, else the number.
fn of_number(tx: &Tx<'_>, digits: &str) -> SqlResult<String> {
    let shown = format::phone(&format!("{digits}@c.us"));
    let Some(id) = tx.contacts_with_spelling(&format!("+{digits}"))?.first().copied() else {
        return Ok(shown);
    };
    let name = tx.contact(id)?.and_then(|row| row.name).filter(|name| !name.trim().is_empty());
    // The name apart, because an Arabic one turns the number behind it around.
    Ok(name.map_or(shown.clone(), |name| format!("\u{2068}{name}\u{2069} · {shown}")))
}
