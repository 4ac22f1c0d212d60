//! Whom a row of the website's goes to: its entries become numbers with names, because a contact's id
//! there is none of ours. Who cannot get it stays in the list, with the reason.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::remote::{Remote, is_on, text};
use super::reply::Told;
use super::tables::Tables;
use crate::recipient::{
    self, CountryCode, Named, Parted, SKIP_KEY, normalize_phone, number_of_chat,
};

/// Digits that a phone number has at least; what is shorter is an id.
const PHONE_DIGITS_MIN: usize = 8;
const PHONES: [&str; 4] = ["phone", "phone_number", "number", "whatsapp"];

struct Contact {
    name: Option<String>,
    phone: Option<String>,
    is_active: bool,
}

/// All contacts that are off on the website, read once in a pass that plans somebody by a number:
/// PostgREST cannot compare numbers in other spellings, so it is done here.
#[derive(Default)]
pub(super) struct Off(OnceCell<OffContacts>);

#[derive(Default)]
struct OffContacts {
    ids: HashSet<String>,
    /// Each number as digits, and as one of them is written.
    numbers: HashMap<String, String>,
}

impl Off {
    fn read(&self, remote: &Remote, tables: &Tables, country: &CountryCode) -> Told<&OffContacts> {
        if let Some(read) = self.0.get() {
            return Ok(read);
        }
        let mut off = OffContacts::default();
        if let Some(table) = tables.contacts.as_ref().filter(|table| table.has_truth("is_active")) {
            remote.contacts_off(table, |rows| {
                for row in rows {
                    off.ids.extend(text(&row, "id"));
                    let written = text(&row, "phone_number");
                    off.numbers.extend(written.and_then(|one| Some((number(&one, country)?, one))));
                }
            })?;
        }
        Ok(self.0.get_or_init(|| off))
    }
}

/// What the website says of the contacts of some rows.
pub(super) struct Contacts {
    known: HashMap<String, Contact>,
    /// Of those who are named by a number: the ids and the numbers, as digits, of those who are off.
    off_ids: HashSet<String>,
    off_numbers: HashSet<String>,
    country: CountryCode,
}

impl Contacts {
    /// Looks up all whom `rows` (their `contact_ids`) name.
    pub(super) fn look_up<'a>(
        remote: &Remote,
        tables: &Tables,
        (off, country): (&Off, &CountryCode),
        rows: impl Iterator<Item = &'a Value>,
    ) -> Told<Self> {
        let named: Vec<(Whom, Role)> = rows
            .flat_map(entries)
            .map(|(entry, role)| (Whom::read(tables, &entry), role))
            .collect();
        let is_by_id = |(one, role): &(Whom, Role)| one.phone.is_none() || *role != Role::Recipient;
        let by_id = named.iter().filter(|one| is_by_id(one)).map(|(one, _)| one);
        let mut known = contacts(remote, tables, by_id)?;
        let by_phone = named.iter().map(|(one, _)| one).filter(|one| one.phone.is_some());
        let by_phone: Vec<&Whom> = by_phone.collect();
        let (mut off_ids, mut off_numbers) = (HashSet::new(), HashSet::new());
        if !by_phone.is_empty() {
            let off = off.read(remote, tables, country)?;
            let ids = by_phone.iter().filter_map(|one| one.id.clone());
            off_ids = ids.filter(|id| off.ids.contains(id)).collect();
            let is_off = |one: &&Whom| {
                one.number(country).is_some_and(|number| off.numbers.contains_key(&number))
            };
            let doubtful: Vec<&Whom> = by_phone.into_iter().filter(is_off).collect();
            known.extend(contacts(remote, tables, doubtful.iter().copied())?);
            off_numbers = doubtful.iter().filter_map(|one| one.number(country)).collect();
            for on in also_on(remote, tables, (off, country), &doubtful, &known)? {
                off_numbers.remove(&on);
            }
        }
        Ok(Self { known, off_ids, off_numbers, country: country.clone() })
    }

    /// Turns `contact_ids` of a row into ours.
    pub(super) fn ours(&self, tables: &Tables, contact_ids: &Value) -> String {
        let entries = entries(contact_ids);
        let is_out = |role: Role| matches!(role, Role::Exception | Role::LeftOut);
        let excepted = entries.iter().filter(|(_, role)| is_out(*role));
        let excepted: HashSet<String> =
            excepted.filter_map(|(entry, _)| Whom::read(tables, entry).id).collect();
        let ours = entries.into_iter().filter_map(|(entry, role)| match role {
            // By its id, whatever number is written beside it.
            Role::Recipient => {
                let id = Whom::read(tables, &entry).id;
                let is_excepted = id.is_some_and(|id| excepted.contains(&id));
                (!is_excepted).then(|| self.entry(tables, &entry))
            }
            Role::Exception | Role::LeftOut => {
                self.exception(tables, &entry, role == Role::Exception)
            }
            Role::NotUnderstood => Some(entry),
        });
        Value::Array(ours.collect()).to_string()
    }

    fn entry(&self, tables: &Tables, entry: &Value) -> Value {
        let whom = Whom::read(tables, entry);
        match (&whom.phone, &whom.id) {
            (Some(phone), id) if self.is_off(id.as_ref(), &whom) => {
                skipped("website_contact_off", &shown(phone))
            }
            (Some(phone), _) => json!({ "phone": phone, "name": text(entry, "name") }),
            (None, Some(id)) => self.contact(id),
            (None, None) => skipped("website_contact_missing", &shown(entry)),
        }
    }

    /// One who gets nothing, as ours, by the contact's number and by the one that is written; one that the website does
    /// not know fails the message, and one without a number is none.
    fn exception(&self, tables: &Tables, entry: &Value, must_be_known: bool) -> Option<Value> {
        let whom = Whom::read(tables, entry);
        let contact = whom.id.as_ref().and_then(|id| self.known.get(id));
        let of_contact = contact.and_then(|contact| contact.phone.clone()).map(Value::from);
        let phones = of_contact.into_iter().chain(whom.phone);
        let phones: Vec<Value> = phones.map(|phone| json!({ "phone": phone })).collect();
        match (phones.is_empty(), contact) {
            (false, _) => Some(json!({ "except": phones })),
            (true, contact) if contact.is_some() || !must_be_known => None,
            (true, _) => {
                let missing = skipped("website_contact_missing", &shown(entry));
                Some(json!({ "except": [missing] }))
            }
        }
    }

    fn is_off(&self, id: Option<&String>, whom: &Whom) -> bool {
        id.is_some_and(|id| self.off_ids.contains(id))
            || whom.number(&self.country).is_some_and(|one| self.off_numbers.contains(&one))
    }

    fn contact(&self, id: &str) -> Value {
        match self.known.get(id) {
            Some(Contact { phone: Some(phone), name, is_active: true }) => {
                json!({ "phone": phone, "name": name })
            }
            Some(Contact { is_active: false, phone, .. }) => {
                skipped("website_contact_off", phone.as_deref().unwrap_or(id))
            }
            Some(Contact { phone: None, .. }) => skipped("website_contact_without_number", id),
            None => skipped("website_contact_missing", id),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Recipient,
    Exception,
    /// An entry that says of itself that it gets nothing: `{"id":1,"selected":false}`.
    LeftOut,
    /// It fails the message here.
    NotUnderstood,
}

/// Whom an entry names: by a number, as it is written and perhaps with an id beside it, or by an id.
struct Whom {
    id: Option<String>,
    phone: Option<Value>,
}

impl Whom {
    fn read(tables: &Tables, entry: &Value) -> Self {
        let id_of = |spelled: String| tables.contacts.as_ref()?.value("id", &spelled);
        if !entry.is_object() {
            let id = id_of(shown(entry));
            let is_phone = id.is_none() && has_phone_digits(&shown(entry));
            return Self { id, phone: is_phone.then(|| entry.clone()) };
        }
        let id = text(entry, "id").or_else(|| text(entry, "contact_id")).and_then(id_of);
        let is_written = |key: &&str| text(entry, key).is_some_and(|one| !one.trim().is_empty());
        let phone = PHONES.into_iter().find(is_written).map(|key| entry[key].clone());
        // What is too short for a number says nothing beside an id; without one, the reason is told.
        let phone = phone.filter(|phone| id.is_none() || has_phone_digits(&shown(phone)));
        Self { id, phone }
    }

    fn number(&self, country: &CountryCode) -> Option<String> {
        number(&shown(self.phone.as_ref()?), country)
    }
}

fn entries(contact_ids: &Value) -> Vec<(Value, Role)> {
    let parsed = contact_ids.as_str().and_then(|text| serde_json::from_str(text).ok());
    let mut all = Vec::new();
    match parsed.unwrap_or_else(|| contact_ids.clone()) {
        Value::Null => {}
        value => add_entries(value, Role::Recipient, &mut all),
    }
    all
}

fn add_entries(value: Value, role: Role, all: &mut Vec<(Value, Role)>) {
    match value {
        Value::Array(entries) => {
            for entry in entries {
                add_entries(entry, role, all);
            }
        }
        Value::Object(fields) => match recipient::part(fields) {
            Ok(Parted { named, is_left_out, exceptions }) => {
                let role =
                    if is_left_out && role == Role::Recipient { Role::LeftOut } else { role };
                match named {
                    Named::List(list) => add_entries(Value::Array(list), role, all),
                    Named::One(fields) => all.push((Value::Object(fields), role)),
                    Named::Nobody => {}
                }
                for exception in exceptions {
                    add_entries(exception, Role::Exception, all);
                }
            }
            // Without its people: their ids are none of ours.
            Err(key) => all.push((json!({ "ids": [], key: true }), Role::NotUnderstood)),
        },
        Value::String(text) => match recipient::excepted(&text) {
            Some(whom) => all.push((Value::String(whom.to_owned()), Role::Exception)),
            None => all.push((Value::String(text), role)),
        },
        one => all.push((one, role)),
    }
}

fn skipped(reason: &str, raw: &str) -> Value {
    json!({ SKIP_KEY: reason, "raw": raw })
}

fn shown(entry: &Value) -> String {
    entry.as_str().map_or_else(|| entry.to_string(), str::to_owned)
}

fn has_phone_digits(text: &str) -> bool {
    text.chars().filter(|c| c.is_numeric()).count() >= PHONE_DIGITS_MIN
}

/// The digits that a written number is sent to.
fn number(written: &str, country: &CountryCode) -> Option<String> {
    let of_chat = number_of_chat(written.trim()).map(|number| number[1..].to_owned());
    of_chat.or_else(|| normalize_phone(written, country).ok())
}

fn contacts<'a>(
    remote: &Remote,
    tables: &Tables,
    named: impl IntoIterator<Item = &'a Whom>,
) -> Told<HashMap<String, Contact>> {
    let ids: HashSet<&str> = named.into_iter().filter_map(|one| one.id.as_deref()).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let rows = remote.contacts(tables, "id", &ids)?;
    let contact = |row: &Value| {
        let contact = Contact {
            name: text(row, "name"),
            phone: text(row, "phone_number").filter(|phone| !phone.trim().is_empty()),
            is_active: is_on(row),
        };
        Some((text(row, "id")?, contact))
    };
    Ok(rows.iter().filter_map(contact).collect())
}

/// A number that two contacts have counts as off when each of them is: of the numbers of `doubtful`,
/// those that a contact has who is on. Looked for in the spellings that are likely.
fn also_on(
    remote: &Remote,
    tables: &Tables,
    (off, country): (&OffContacts, &CountryCode),
    doubtful: &[&Whom],
    known: &HashMap<String, Contact>,
) -> Told<Vec<String>> {
    let Some(table) = &tables.contacts else { return Ok(Vec::new()) };
    let spellings = |one: &&Whom| {
        let number = one.number(country).unwrap_or_default();
        let mut all = vec![format!("+{number}")];
        all.extend(one.phone.as_ref().map(shown));
        all.extend(off.numbers.get(&number).cloned());
        let national = number.strip_prefix(&country.to_string());
        all.extend(national.into_iter().flat_map(|rest| [rest.to_owned(), format!("0{rest}")]));
        all.push(number);
        all
    };
    let spelled = doubtful.iter().flat_map(spellings);
    let spelled: HashSet<String> =
        spelled.filter_map(|one| table.value("phone_number", &one)).collect();
    let spelled: Vec<&str> = spelled.iter().map(String::as_str).collect();
    let rows = remote.contacts(tables, "phone_number", &spelled)?;
    let found = rows.iter().filter(|row| is_on(row)).filter_map(|row| text(row, "phone_number"));
    let known = known.values().filter(|contact| contact.is_active);
    let known = known.filter_map(|contact| contact.phone.clone());
    Ok(found.chain(known).filter_map(|phone| number(&phone, country)).collect())
}
