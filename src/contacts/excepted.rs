//! Who gets nothing of a message, because it names them as an exception: by a tag, a contact, a number or a chat.
//! They are known by their number too, so that no other name for the same person gets around it.

use std::collections::{HashMap, HashSet};

use super::{as_key, tags};
use crate::recipient::{CountryCode, Entry, normalize_phone};
use crate::store::{SqlResult, Tx};

#[derive(Debug, Default)]
pub(crate) struct Excepted {
    ids: HashSet<i64>,
    digits: HashSet<i64>,
    chats: HashSet<String>,
    /// Phone numbers of hidden ones; empty without exceptions.
    hidden: HashMap<String, Option<String>>,
}

impl Excepted {
    /// Looks up whom the exceptions among `entries` name.
    pub(crate) fn read(tx: &Tx<'_>, entries: &[Entry], country: &CountryCode) -> SqlResult<Self> {
        let mut excepted = Self::default();
        let mut wanted = Vec::new();
        for entry in entries {
            let Entry::Except(whom) = entry else { continue };
            match &**whom {
                Entry::Contact(id) => {
                    if let Some(contact) = tx.contact(*id)? {
                        excepted.add(Some(*id), &contact.phone_number, country);
                    }
                }
                Entry::Person { contact_id, phone, .. } => {
                    excepted.add(*contact_id, phone, country);
                }
                Entry::Chat { chat_id, .. } => {
                    let chat_id = chat_id.to_string();
                    let digits = match chat_id.strip_suffix("@c.us") {
                        Some(digits) => Some(digits.to_owned()),
                        None => tx.digits_of_hidden(&chat_id)?,
                    };
                    excepted.digits.extend(digits.as_deref().map(as_key));
                    excepted.chats.insert(chat_id);
                }
                Entry::Tag(tag) => wanted.push(tags::fold(tag)),
                // Such a list of recipients cannot be read at all.
                Entry::All | Entry::Except(_) | Entry::Invalid { .. } => {}
            }
        }
        if !wanted.is_empty() {
            let is_such = |column: &str| wanted.iter().any(|tag| tags::has(column, tag));
            tx.each_tagged_contact_after(i64::MIN, is_such, |id, contact| {
                if let Some(contact) = contact {
                    excepted.add(Some(id), &contact.phone_number, country);
                }
                Ok(true)
            })?;
        }
        if !excepted.is_empty() {
            excepted.hidden = tx.hidden_numbers()?;
        }
        Ok(excepted)
    }

    pub(crate) fn has(&self, contact_id: Option<i64>, chat_id: &str) -> bool {
        if self.is_empty() {
            return false;
        }
        let hidden = self.hidden.get(chat_id).and_then(Option::as_deref);
        let digits = chat_id.strip_suffix("@c.us").or(hidden);
        contact_id.is_some_and(|id| self.ids.contains(&id))
            || digits.is_some_and(|digits| self.digits.contains(&as_key(digits)))
            || self.chats.contains(chat_id)
    }

    fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.digits.is_empty() && self.chats.is_empty()
    }

    fn add(&mut self, contact_id: Option<i64>, phone: &str, country: &CountryCode) {
        self.ids.extend(contact_id);
        // A number that cannot be read gets no message anyway.
        self.digits.extend(normalize_phone(phone, country).ok().as_deref().map(as_key));
    }
}
