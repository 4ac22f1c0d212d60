//! People that a search finds, with what they got and what they are going to get: contacts by name or
//! number in any spelling, and recipients that are no contacts.

use std::collections::HashSet;

use super::PageResult;
use super::format::{self, Badge};
use super::messages::name_of;
use super::visit::Visit;
use crate::contacts::named::Who;
use crate::contacts::{self, Filter, Person};
use crate::recipient::{self, Entry};
use crate::store::{Delivery, Message, PageFrom, SqlResult, Tx};

/// So many people are shown, each with so many messages.
const PEOPLE_MAX: usize = 5;
const MESSAGES_MAX: u32 = 5;
/// So many scheduled messages are looked into.
const LOOKED_INTO_MAX: u32 = 100;

pub(super) struct Found {
    pub(crate) name: String,
    pub(crate) number: String,
    /// The page of the contact; empty for somebody who is none.
    pub(crate) link: String,
    pub(crate) messages: Vec<ToPerson>,
}

pub(super) struct ToPerson {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) when: String,
    pub(crate) status: Badge,
    pub(crate) error: String,
}

/// A delivery, and the title of its message.
type Titled = (Delivery, Option<String>);

/// A contact, or somebody who is none and has only a chat.
#[derive(Default)]
struct Someone {
    id: Option<i64>,
    chat: Option<String>,
    /// As it is shown.
    number: String,
    name: Option<String>,
    tags: Vec<String>,
    has_opted_out: bool,
}

pub(super) fn people(visit: &Visit<'_>, search: Option<&str>) -> PageResult<Vec<Found>> {
    let Some(search) = search else { return Ok(Vec::new()) };
    let someone = someone(visit, search)?;
    if someone.is_empty() {
        return Ok(Vec::new());
    }
    let coming = visit.read(|tx| tx.next_with_recipients(LOOKED_INTO_MAX))?;
    let with_entries = |message: Message| {
        let entries = recipient::parse_contact_ids(message.contact_ids.as_deref());
        (message, entries.unwrap_or_default())
    };
    let coming: Vec<_> = coming.into_iter().map(with_entries).collect();
    someone.into_iter().map(|one| found(visit, one, &coming)).collect()
}

fn someone(visit: &Visit<'_>, search: &str) -> PageResult<Vec<Someone>> {
    let (panel, country) = (visit.panel, &visit.config.country);
    let filter = Filter { search: Some(search.to_owned()), ..Filter::default() };
    let mut people = visit.contacts(&filter, PageFrom::Newest, PEOPLE_MAX)?;
    // A whole number finds contacts however it is written there.
    let digits = recipient::normalize_phone(search, country).ok();
    if let Some(digits) = &digits {
        for id in panel.read(|tx| contacts::with_number(tx, digits, country))? {
            if people.len() < PEOPLE_MAX
                && people.iter().all(|one| one.id != id)
                && let Ok(person) = panel.with_store(|store| contacts::find(store, id, country))
            {
                people.push(person);
            }
        }
    }
    let part = contacts::digits_of(search);
    let room = PEOPLE_MAX - people.len().min(PEOPLE_MAX);
    let wanted = digits.or(part);
    let strangers = panel.read(|tx| {
        let limit = u32::try_from(2 * PEOPLE_MAX).unwrap_or(0);
        tx.strangers_like(search, wanted.as_deref(), limit)
    })?;
    let is_known = |chat: &str| {
        let digits = chat.strip_suffix("@c.us");
        digits.is_some() && people.iter().any(|one| one.digits.as_deref() == digits)
    };
    let mut seen = HashSet::new();
    let is_news = |(chat, _): &(String, _)| !is_known(chat) && seen.insert(chat.clone());
    let chats: Vec<_> = strangers.into_iter().filter(is_news).take(room).collect();
    Ok(people.into_iter().map(Someone::from).chain(chats.into_iter().map(Someone::from)).collect())
}

impl From<Person> for Someone {
    fn from(one: Person) -> Self {
        let chat = one.digits.map(|digits| format!("{digits}@c.us"));
        Self {
            id: Some(one.id),
            number: chat.as_deref().map_or(one.phone_number, format::phone),
            chat,
            name: one.name,
            tags: one.tags,
            has_opted_out: one.opted_out_at.is_some(),
        }
    }
}

impl From<(String, Option<String>)> for Someone {
    fn from((chat, name): (String, Option<String>)) -> Self {
        Self { number: format::phone(&chat), chat: Some(chat), name, ..Self::default() }
    }
}

fn found(visit: &Visit<'_>, one: Someone, coming: &[(Message, Vec<Entry>)]) -> PageResult<Found> {
    let Someone { id, chat, number, name, tags, has_opted_out } = one;
    let digits = chat.as_deref().and_then(|chat| chat.strip_suffix("@c.us"));
    let who = Who { contact_id: id, digits, tags: &tags };
    let next = coming
        .iter()
        .filter(|(_, entries)| !has_opted_out && who.is_named_by(entries, &visit.config.country))
        .map(|(message, _)| to_come(visit, message));
    let mut messages: Vec<ToPerson> = next.take(MESSAGES_MAX as usize).collect();
    let got = visit.read(|tx| got(tx, id, chat.as_deref()))?;
    messages.extend(got.into_iter().map(|one| of_delivery(visit, one)));
    let name = name.filter(|name| !name.trim().is_empty());
    Ok(Found {
        number: if name.is_some() { number.clone() } else { String::new() },
        name: name.unwrap_or(number),
        link: id.map(|id| format!("/panel/contacts/{id}")).unwrap_or_default(),
        messages,
    })
}

/// What somebody got, as a contact and as a number, the newest first.
fn got(tx: &Tx<'_>, id: Option<i64>, chat: Option<&str>) -> SqlResult<Vec<Titled>> {
    let got = id.map(|id| tx.deliveries_of_contact(id, MESSAGES_MAX)).transpose()?;
    let mut got = got.unwrap_or_default();
    if let Some(chat) = chat {
        got.extend(tx.deliveries_to_chat(chat, MESSAGES_MAX)?);
    }
    got.sort_unstable_by_key(|(delivery, _)| std::cmp::Reverse(delivery.id));
    got.dedup_by_key(|(delivery, _)| delivery.id);
    got.truncate(MESSAGES_MAX as usize);
    Ok(got)
}

fn to_come(visit: &Visit<'_>, message: &Message) -> ToPerson {
    let w = visit.words();
    let when = message.scheduled_at.map(|at| visit.moment(at));
    ToPerson {
        id: message.id,
        name: name_of(message, visit),
        when: when.unwrap_or_default(),
        status: format::message_badge(message.status, w),
        error: String::new(),
    }
}

pub(super) fn of_delivery(visit: &Visit<'_>, (delivery, title): Titled) -> ToPerson {
    let w = visit.words();
    let title = title.filter(|title| !title.trim().is_empty());
    let at = delivery.finished_at.unwrap_or(delivery.due_at);
    ToPerson {
        id: delivery.auto_message_id,
        name: title.unwrap_or_else(|| format!("{} {}", w.message, delivery.auto_message_id)),
        when: visit.moment(at),
        status: format::delivery_badge(delivery.status, delivery.ack, w),
        error: visit.explain(delivery.error.as_ref()),
    }
}
