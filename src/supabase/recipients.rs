//! Whom a row of the website's goes to: its entries become numbers with names, because a contact's id
//! there is none of ours. Who cannot get it stays in the list, with the reason.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::remote::{Remote, text};
use super::reply::Told;
use super::tables::Tables;
use crate::recipient::{self, Named, Parted, SKIP_KEY};

/// Digits that a phone number has at least; what is shorter is an id.
const PHONE_DIGITS_MIN: usize = 8;

struct Contact {
    name: Option<String>,
    phone: Option<String>,
    is_active: bool,
}

/// What the website says of the contacts of some rows.
pub(super) struct Contacts {
    known: HashMap<String, Contact>,
    /// The numbers, as digits, of those who are off.
    off: HashSet<String>,
}

impl Contacts {
    /// Looks up all whom `rows` (their `contact_ids`) name.
    pub(super) fn look_up<'a>(
        remote: &Remote,
        tables: &Tables,
        rows: impl Iterator<Item = &'a Value>,
    ) -> Told<Self> {
        let entries: Vec<Value> = rows.flat_map(entries).map(|(entry, _)| entry).collect();
        let ids = entries.iter().filter_map(|entry| contact_id(tables, entry)).collect();
        Ok(Self {
            known: contacts(remote, tables, &ids)?,
            off: inactive(remote, tables, &entries)?,
        })
    }

    /// Turns `contact_ids` of a row into ours.
    pub(super) fn ours(&self, tables: &Tables, contact_ids: &Value) -> String {
        let ours = entries(contact_ids).into_iter().filter_map(|(entry, role)| match role {
            Role::Recipient => Some(self.entry(tables, &entry)),
            Role::Exception => self.exception(tables, &entry),
            Role::NotUnderstood => Some(entry),
        });
        Value::Array(ours.collect()).to_string()
    }

    fn entry(&self, tables: &Tables, entry: &Value) -> Value {
        match (contact_id(tables, entry), phone(entry)) {
            (Some(id), _) => self.contact(&id),
            (None, Some(phone)) if self.off.contains(&digits(&phone)) => {
                skipped("website_contact_off", &phone)
            }
            (None, Some(phone)) => json!({ "phone": phone, "name": text(entry, "name") }),
            (None, None) => skipped("website_contact_missing", &shown(entry)),
        }
    }

    /// One who gets nothing, as ours; one that the website does not know fails the message, and one without a number
    /// is none.
    fn exception(&self, tables: &Tables, entry: &Value) -> Option<Value> {
        let known = contact_id(tables, entry).map(|id| self.known.get(&id));
        let phone = match (known, phone(entry)) {
            (Some(Some(contact)), _) => contact.phone.clone()?,
            (None, Some(phone)) => phone,
            (Some(None), _) | (None, None) => {
                let missing = skipped("website_contact_missing", &shown(entry));
                return Some(json!({ "except": [missing] }));
            }
        };
        Some(json!({ "except": [{ "phone": phone }] }))
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

#[derive(Clone, Copy)]
enum Role {
    Recipient,
    Exception,
    /// It fails the message here.
    NotUnderstood,
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
                let role = if is_left_out { Role::Exception } else { role };
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

fn digits(phone: &str) -> String {
    phone.chars().filter(char::is_ascii_digit).collect()
}

/// The number in an entry that names nobody by an id.
fn phone(entry: &Value) -> Option<String> {
    let field = ["phone", "phone_number", "number", "whatsapp"]
        .into_iter()
        .find_map(|key| text(entry, key));
    let bare = || matches!(entry, Value::String(_) | Value::Number(_)).then(|| shown(entry));
    let phone = field.or_else(bare)?;
    (digits(&phone).len() >= PHONE_DIGITS_MIN).then_some(phone)
}

/// The id of a contact that an entry names, when it names no number.
fn contact_id(tables: &Tables, entry: &Value) -> Option<String> {
    let contacts = tables.contacts.as_ref()?;
    if phone(entry).is_some() && (entry.is_object() || !contacts.can_have_id(&shown(entry))) {
        return None;
    }
    let id = if entry.is_object() {
        text(entry, "id").or_else(|| text(entry, "contact_id"))?
    } else {
        shown(entry)
    };
    contacts.can_have_id(&id).then_some(id)
}

fn contacts(
    remote: &Remote,
    tables: &Tables,
    ids: &HashSet<String>,
) -> Told<HashMap<String, Contact>> {
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let rows = remote.contacts(tables, "id", &ids)?;
    let contact = |row: &Value| {
        let contact = Contact {
            name: text(row, "name"),
            phone: text(row, "phone_number").filter(|phone| !phone.trim().is_empty()),
            is_active: row["is_active"].as_bool() != Some(false),
        };
        Some((text(row, "id")?, contact))
    };
    Ok(rows.iter().filter_map(contact).collect())
}

/// The numbers, as digits, of those who are named by a number and are off on the website.
fn inactive(remote: &Remote, tables: &Tables, entries: &[Value]) -> Told<HashSet<String>> {
    if !tables.contacts.as_ref().is_some_and(|contacts| contacts.has("is_active")) {
        return Ok(HashSet::new());
    }
    let named = entries.iter().filter(|entry| contact_id(tables, entry).is_none());
    let phones: HashSet<String> = named.filter_map(phone).collect();
    let spelled: HashSet<String> = phones
        .iter()
        .flat_map(|phone| [phone.clone(), digits(phone), format!("+{}", digits(phone))])
        .collect();
    let spelled: Vec<&str> = spelled.iter().map(String::as_str).collect();
    let rows = remote.contacts(tables, "phone_number", &spelled)?;
    // A number that two contacts have counts as off when each of them is.
    let mut on = HashSet::new();
    let mut off = HashSet::new();
    for row in &rows {
        let Some(phone) = text(row, "phone_number") else { continue };
        let list = if row["is_active"] == false { &mut off } else { &mut on };
        list.insert(digits(&phone));
    }
    Ok(off.difference(&on).cloned().collect())
}
