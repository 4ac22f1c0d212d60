//! Who gets a message: the entries of `contact_ids`, looked up in the address book, become recipients
//! with a chat, or with the reason why they are skipped. Reads only.
//!
//! Who opted out is skipped by whatever name the message has for them: an id, a tag, the number in
//! any spelling, the chat.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::address_book::opt_out::OptedOutNumbers;
use crate::address_book::tags;
use crate::recipient::{self, ChatId, CountryCode, Entry};
use crate::store::{ContactRow, OPTED_OUT, SqlResult, Tx};
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

/// Calls `visit` with the recipients of each entry, in their order; those of a tag by id. The same
/// chat may come twice: the table keeps it once. `country` is for phone numbers in national form.
///
/// # Errors
/// When a statement fails, and what `visit` gives.
pub fn each_recipient(
    tx: &Tx<'_>,
    entries: Vec<Entry>,
    country: &CountryCode,
    visit: impl FnMut(Recipient) -> SqlResult<()>,
) -> SqlResult<()> {
    let opted_out = OptedOutNumbers::read(tx, country)?;
    let rules = Rules { country, opted_out };
    let mut visitor = Visitor { visit, times_skipped: HashMap::new() };
    for entry in entries {
        match entry {
            Entry::Tag(tag) => each_with_tag(tx, &tag, &rules, &mut visitor)?,
            Entry::Contact(id) => visitor.visit(rules.by_id(tx, id)?)?,
            Entry::Person { contact_id, phone, name } => {
                visitor.visit(rules.person(tx, contact_id, phone, name)?)?;
            }
            Entry::Chat { chat_id, name } => visitor.visit(rules.chat(&chat_id, name))?,
            Entry::Invalid { raw, reason } => visitor.visit(Recipient::skipped(raw, reason))?,
        }
    }
    Ok(())
}

/// One after the other, so that a tag of a hundred thousand needs no room.
fn each_with_tag(
    tx: &Tx<'_>,
    tag: &str,
    rules: &Rules<'_>,
    visitor: &mut Visitor<impl FnMut(Recipient) -> SqlResult<()>>,
) -> SqlResult<()> {
    let wanted = tags::fold(tag);
    let mut is_anybody = false;
    tx.each_contact(|row| {
        if tags::has(&row.tags, &wanted) {
            is_anybody = true;
            visitor.visit(rules.contact(row))?;
        }
        Ok(true)
    })?;
    if is_anybody {
        return Ok(());
    }
    let reason = format!("no contact has the tag `{tag}`: `contact list` shows the tags");
    visitor.visit(Recipient::skipped(format!("tag:{tag}"), reason))
}

struct Visitor<F> {
    visit: F,
    times_skipped: HashMap<String, u32>,
}

impl<F: FnMut(Recipient) -> SqlResult<()>> Visitor<F> {
    fn visit(&mut self, mut recipient: Recipient) -> SqlResult<()> {
        if recipient.skipped.is_some() {
            // Two entries that are wrong in the same words are still two entries.
            let times = self.times_skipped.entry(recipient.chat_id.clone()).or_default();
            *times += 1;
            if *times > 1 {
                recipient.chat_id = format!("{} ({times})", recipient.chat_id);
            }
        }
        (self.visit)(recipient)
    }
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

struct Rules<'a> {
    country: &'a CountryCode,
    opted_out: OptedOutNumbers,
}

impl Rules<'_> {
    fn by_id(&self, tx: &Tx<'_>, id: i64) -> SqlResult<Recipient> {
        Ok(match tx.contact_row(id)? {
            Some(contact) => self.contact(contact),
            None => {
                Recipient::skipped(format!("contact {id}"), format!("there is no contact {id}"))
            }
        })
    }

    fn person(
        &self,
        tx: &Tx<'_>,
        contact_id: Option<i64>,
        phone: String,
        name: Option<String>,
    ) -> SqlResult<Recipient> {
        let contact = match contact_id {
            Some(id) => tx.contact(id)?,
            None => None,
        };
        let is_opted_out = contact.is_some_and(|contact| contact.opted_out);
        Ok(self.by_phone(contact_id, name, phone, is_opted_out))
    }

    fn chat(&self, chat_id: &ChatId, name: Option<String>) -> Recipient {
        let chat_id = chat_id.to_string();
        let skipped = self.opted_out.has_chat(&chat_id).then(|| OPTED_OUT.to_owned());
        Recipient { contact_id: None, name, chat_id, skipped }
    }

    fn contact(&self, row: ContactRow<'_>) -> Recipient {
        let is_opted_out = row.opted_out_at.is_some();
        let name = row.name.map(Cow::into_owned);
        self.by_phone(Some(row.id), name, row.phone_number.into_owned(), is_opted_out)
    }

    fn by_phone(
        &self,
        contact_id: Option<i64>,
        name: Option<String>,
        phone: String,
        is_opted_out: bool,
    ) -> Recipient {
        let skipped = match recipient::phone_to_chat(&phone, self.country) {
            Ok(chat_id) if !is_opted_out && !self.opted_out.has_chat(chat_id.as_str()) => {
                let chat_id = chat_id.to_string();
                return Recipient { contact_id, name, chat_id, skipped: None };
            }
            Err(error) if !is_opted_out => error.to_string(),
            Ok(_) | Err(_) => OPTED_OUT.to_owned(),
        };
        Recipient { contact_id, name, ..Recipient::skipped(phone, skipped) }
    }
}

impl Recipient {
    fn skipped(what: String, reason: String) -> Self {
        Self { contact_id: None, name: None, chat_id: what, skipped: Some(reason) }
    }
}
