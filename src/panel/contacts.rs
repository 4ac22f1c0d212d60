//! The address book: the list, one contact, and lists that come in as CSV.

use askama::Template;

use super::visit::{OnePage, Page, Visit};
use super::{Answered, contact, format, import, reply, selected};
use crate::contacts::{Filter, Person};

const CONTACTS_PER_PAGE: usize = 50;

struct ContactRow {
    person: Person,
    name: String,
    initial: String,
    number: String,
}

#[derive(Template)]
#[template(path = "contacts.html")]
struct ContactsPage<'a> {
    p: Page<'a>,
    count: String,
    search: &'a str,
    tag: &'a str,
    rows: Vec<ContactRow>,
    newer: String,
    older: String,
    /// The words for all that the search finds, when they are more than the page shows.
    all: String,
    undo: String,
}

pub(super) fn route(visit: &Visit<'_>, rest: &[&str]) -> Answered {
    match (visit.is_post, rest) {
        (false, []) => list(visit),
        (true, ["selected"]) => selected::act(visit),
        (true, ["undo"]) => selected::undo(visit),
        (false, ["new"]) => contact::new_form(visit),
        (true, ["new"]) => contact::save_new(visit),
        (false, ["import"]) => import::form(visit),
        (true, ["import"]) => import::upload(visit),
        (true, ["import", "look"]) => Ok(import::look_again(visit)),
        (true, ["import", "confirm"]) => import::confirm(visit),
        (true, ["import", "refused.csv"]) => import::refused(visit),
        (false, ["import", "sample.csv"]) => Ok(import::sample(visit)),
        (_, [id, rest @ ..]) => match id.parse() {
            Ok(id) => contact::route(visit, id, rest),
            Err(_) => reply::not_found(visit),
        },
        _ => reply::not_found(visit),
    }
}

fn list(visit: &Visit<'_>) -> Answered {
    selected::forget_removed(visit)?;
    let (search, tag) = (visit.query.filled("q"), visit.query.filled("tag"));
    let from = visit.page_from();
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let filter = Filter { search: owned(search), tag: owned(tag), opted_out: None };
    let found = visit.contacts(&filter, from, CONTACTS_PER_PAGE + 1)?;
    let count = visit.read(|tx| tx.count_contacts())?;
    let found = OnePage::of(found, from, CONTACTS_PER_PAGE, |row| row.id);
    let (search, tag) = (search.unwrap_or_default(), tag.unwrap_or_default());
    let (newer, older) = found.links("/panel/contacts", &[("q", search), ("tag", tag)]);
    let is_filtered = !search.is_empty() || !tag.is_empty();
    let has_more = !newer.is_empty() || !older.is_empty();
    let all = if is_filtered { visit.words().select_all_found } else { visit.words().select_all };
    let all = visit.counted(all, count);
    let page = ContactsPage {
        p: visit.page("contacts"),
        count: visit.number(count),
        search,
        tag,
        rows: found.rows.into_iter().map(of_row).collect(),
        newer,
        older,
        all: if has_more { all } else { String::new() },
        undo: selected::undo_of(visit)?,
    };
    reply::html(200, &page)
}

/// The name of a contact, else its number; and its number, as people know it.
pub(super) fn shown(person: &Person) -> (String, String) {
    let digits = person.digits.as_ref().map(|digits| format::phone(&format!("{digits}@c.us")));
    let number = digits.unwrap_or_else(|| person.phone_number.clone());
    let name = person.name.clone().filter(|name| !name.trim().is_empty());
    (name.unwrap_or_else(|| number.clone()), number)
}

fn of_row(person: Person) -> ContactRow {
    let (name, number) = shown(&person);
    let initial = name.chars().find(|c| c.is_alphanumeric()).unwrap_or('#');
    ContactRow { person, initial: initial.to_uppercase().collect(), name, number }
}
