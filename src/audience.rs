//! Who gets a message: the entries of `contact_ids`, looked up in the address book, become recipients
//! with a chat, or with the reason why they are skipped. Reads only.

use std::collections::HashMap;

use crate::recipient::{self, CountryCode, Entry};
use crate::store::{SqlResult, Tx};
use crate::template::{Template, Values};

/// A recipient as it goes into `deliveries`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The contact, when it is one.
    pub contact_id: Option<i64>,
    /// The name, when one is known.
    pub name: Option<String>,
    /// The chat id; for one that is skipped what was written, made unlike every other one that is.
    pub chat_id: String,
    /// Why it is skipped, in words; `None` when it is not.
    pub skipped: Option<String>,
}

/// Calls `visit` with the recipient of each entry, in their order. The same chat may come twice: the
/// table keeps it once. `country` is for phone numbers in national form.
///
/// # Errors
/// When a statement fails, and what `visit` gives.
pub fn each_recipient(
    tx: &Tx<'_>,
    entries: Vec<Entry>,
    country: &CountryCode,
    mut visit: impl FnMut(Recipient) -> SqlResult<()>,
) -> SqlResult<()> {
    let mut times_skipped: HashMap<String, u32> = HashMap::new();
    for entry in entries {
        let mut recipient = resolve(tx, entry, country)?;
        if recipient.skipped.is_some() {
            // Two entries that are wrong in the same words are still two entries.
            let times = times_skipped.entry(recipient.chat_id.clone()).or_default();
            *times += 1;
            if *times > 1 {
                recipient.chat_id = format!("{} ({times})", recipient.chat_id);
            }
        }
        visit(recipient)?;
    }
    Ok(())
}

/// Why a recipient cannot get a text with placeholders, in words; `None` when it can.
///
/// # Errors
/// When a statement fails.
pub fn unrenderable(
    tx: &Tx<'_>,
    template: &Template,
    recipient: &Recipient,
) -> SqlResult<Option<String>> {
    let values = values(tx, recipient)?;
    Ok(template.render(&values).err().map(|why| why.to_string()))
}

/// What placeholders may say of a recipient.
///
/// # Errors
/// When a statement fails.
pub fn values(tx: &Tx<'_>, recipient: &Recipient) -> SqlResult<Values> {
    let known = match recipient.contact_id {
        Some(id) => tx.contact_values(id)?,
        None => None,
    };
    let (contact_name, attributes) = known.unwrap_or_default();
    let name = recipient.name.as_deref().filter(|name| !name.trim().is_empty());
    let name = name.or(contact_name.as_deref());
    Ok(Values::new(name, &recipient.chat_id, attributes.as_deref()))
}

fn resolve(tx: &Tx<'_>, entry: Entry, country: &CountryCode) -> SqlResult<Recipient> {
    Ok(match entry {
        Entry::Contact(id) => match tx.contact(id)? {
            None => {
                Recipient::skipped(format!("contact {id}"), format!("there is no contact {id}"))
            }
            Some(contact) if contact.opted_out => Recipient {
                contact_id: Some(id),
                name: contact.name,
                ..Recipient::skipped(contact.phone_number, "opted out".to_owned())
            },
            Some(contact) => by_phone(Some(id), contact.name, contact.phone_number, country),
        },
        Entry::Person { contact_id, phone, name } => by_phone(contact_id, name, phone, country),
        Entry::Chat { chat_id, name } => {
            Recipient { contact_id: None, name, chat_id: chat_id.to_string(), skipped: None }
        }
        Entry::Invalid { raw, reason } => Recipient::skipped(raw, reason),
    })
}

fn by_phone(
    contact_id: Option<i64>,
    name: Option<String>,
    phone: String,
    country: &CountryCode,
) -> Recipient {
    match recipient::phone_to_chat(&phone, country) {
        Ok(chat_id) => Recipient { contact_id, name, chat_id: chat_id.to_string(), skipped: None },
        Err(error) => {
            Recipient { contact_id, name, ..Recipient::skipped(phone, error.to_string()) }
        }
    }
}

impl Recipient {
    fn skipped(what: String, reason: String) -> Self {
        Self { contact_id: None, name: None, chat_id: what, skipped: Some(reason) }
    }
}
