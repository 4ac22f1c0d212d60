//! The address book: the list, one contact, and lists that come in as CSV.

use askama::Template;

use super::visit::{OnePage, Page, Visit};
use super::{Answered, contact, format, import, reply};
use crate::contacts::tags;
use crate::recipient;
use crate::store::Contact;

const CONTACTS_PER_PAGE: usize = 50;

/// A contact in the list.
struct ContactRow {
    id: i64,
    name: String,
    initial: String,
    number: String,
    tags: Vec<String>,
    opted_out: bool,
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
}

pub(super) fn route(visit: &Visit<'_>, rest: &[&str]) -> Answered {
    match (visit.is_post, rest) {
        (false, []) => list(visit),
        (false, ["new"]) => contact::new_form(visit),
        (true, ["new"]) => contact::save_new(visit),
        (false, ["import"]) => import::form(visit),
        (true, ["import"]) => import::upload(visit),
        (true, ["import", "confirm"]) => import::confirm(visit),
        (_, [id, rest @ ..]) => match id.parse() {
            Ok(id) => contact::route(visit, id, rest),
            Err(_) => reply::not_found(visit),
        },
        _ => reply::not_found(visit),
    }
}

fn list(visit: &Visit<'_>) -> Answered {
    let (search, tag) = (visit.query.filled("q"), visit.query.filled("tag"));
    let digits = search.and_then(digits_of);
    let from = visit.page_from();
    let (count, found) = visit.panel.read(|tx| {
        let keep = |row: &Contact| tag.is_none_or(|tag| tags::has(&row.tags, &tags::fold(tag)));
        let limit = CONTACTS_PER_PAGE + 1;
        let found = tx.page_of_contacts(search, digits.as_deref(), tag, from, limit, keep)?;
        Ok((tx.count_contacts()?, found))
    })?;
    let found = OnePage::of(found, from, CONTACTS_PER_PAGE, |row| row.id);
    let (search, tag) = (search.unwrap_or_default(), tag.unwrap_or_default());
    let (newer, older) = found.links("/panel/contacts", [("q", search), ("tag", tag)]);
    let page = ContactsPage {
        p: visit.page("contacts"),
        count: format::number(count, visit.language),
        search,
        tag,
        rows: found.rows.into_iter().map(|row| of_row(visit, row)).collect(),
        newer,
        older,
    };
    reply::html(200, &page)
}

fn of_row(visit: &Visit<'_>, row: Contact) -> ContactRow {
    let chat = recipient::phone_to_chat(&row.phone_number, &visit.panel.config.country);
    let number = chat.map_or(row.phone_number, |chat| format::phone(chat.as_str()));
    let name = row.name.filter(|name| !name.trim().is_empty());
    let name = name.unwrap_or_else(|| number.clone());
    let initial = name.chars().find(|c| c.is_alphanumeric()).unwrap_or('#');
    ContactRow {
        id: row.id,
        initial: initial.to_uppercase().collect(),
        name,
        number,
        tags: tags::read(&row.tags),
        opted_out: row.opted_out_at.is_some(),
    }
}

/// What a search for a number looks for, however it is spelled: the digits after a leading zero.
fn digits_of(search: &str) -> Option<String> {
    let is_number = search.chars().all(|c| c.is_ascii_digit() || " +-().".contains(c));
    let digits: String = search.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0');
    (is_number && digits.len() >= 2).then(|| digits.to_owned())
}
