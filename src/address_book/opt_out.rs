//! Opt-outs: who wants no more messages, and the words that say so.

use std::collections::HashSet;

use super::{ContactError, as_key, with_number};
use crate::clock::Timestamp;
use crate::recipient::{CountryCode, Entry, normalize_phone};
use crate::schedule::Zone;
use crate::store::{ContactValues, Skipped, SqlResult, Store, Tx};

/// A message that is exactly one of these, but for case and punctuation, opts its writer out. Longer
/// texts do not: `please stop by tomorrow` is no opt-out.
pub const STOP_WORDS: [&str; 6] =
    ["stop", "berhenti", "unsub", "unsubscribe", "stop promo", "berhenti langganan"];

/// Longer texts are not looked at.
const STOP_BYTES_MAX: usize = 100;

/// What recording an opt-out came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptedOut {
    /// The contacts with the number, made when there was none.
    pub contact_ids: Vec<i64>,
    /// Whether any of them was not opted out before.
    pub is_news: bool,
    /// What had waited to be sent.
    pub skipped: Skipped,
}

/// The numbers of all who opted out, in E.164 digits, whatever spelling their rows have.
#[derive(Clone, Debug, Default)]
pub struct OptedOutNumbers(HashSet<i64>);

impl OptedOutNumbers {
    /// Reads them from the table.
    ///
    /// # Errors
    /// When the statement fails.
    pub fn read(tx: &Tx<'_>, country: &CountryCode) -> SqlResult<Self> {
        let mut numbers = HashSet::new();
        tx.each_opted_out_number(|written| {
            // A number that is none cannot be sent to anyway.
            if let Ok(digits) = normalize_phone(written, country) {
                numbers.insert(as_key(&digits));
            }
        })?;
        Ok(Self(numbers))
    }

    /// Whether the person with this chat opted out. Groups and hidden numbers have no number.
    #[must_use]
    pub fn has_chat(&self, chat_id: &str) -> bool {
        chat_id.strip_suffix("@c.us").is_some_and(|digits| self.0.contains(&as_key(digits)))
    }
}

/// Whether a message's whole text asks for no more.
#[must_use]
pub fn is_stop(text: &str) -> bool {
    if text.len() > STOP_BYTES_MAX {
        return false;
    }
    let plain: String = text
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .flat_map(char::to_lowercase)
        .collect();
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    STOP_WORDS.contains(&words.as_str())
}

/// Records that the person with this number (E.164 digits) wants no more: in every contact that has
/// it, or in a new one called `name`. What waits to be sent there is skipped, in the same transaction.
///
/// # Errors
/// When a statement fails.
pub fn record(
    tx: &Tx<'_>,
    digits: &str,
    name: Option<&str>,
    (country, zone): (&CountryCode, &Zone),
    now: Timestamp,
) -> SqlResult<OptedOut> {
    let mut contact_ids = with_number(tx, digits, country)?;
    let mut is_news = false;
    for id in &contact_ids {
        is_news |= tx.set_opted_out(*id, Some(now), now)?;
    }
    let chat_id = format!("{digits}@c.us");
    let first = if let Some(first) = contact_ids.first() {
        *first
    } else {
        let now = now.to_string();
        let values = ContactValues {
            name,
            phone_number: &format!("+{digits}"),
            tags: "[]",
            attributes: "{}",
            opted_out_at: Some(&now),
        };
        is_news = true;
        let id = tx.insert_contact(&values, &now)?;
        contact_ids.push(id);
        id
    };
    let skipped = tx.skip_pending_of_chat(&chat_id, first, zone, now)?;
    Ok(OptedOut { contact_ids, is_news, skipped })
}

/// Records that somebody wants no more: a contact by its id, or whoever has a number.
///
/// # Errors
/// [`ContactError`] when there is no such contact, or the entry is no person.
pub fn opt_out(
    store: &mut Store,
    who: &Entry,
    (country, zone): (&CountryCode, &Zone),
    now: Timestamp,
) -> Result<OptedOut, ContactError> {
    let who = Who::find(store, who, country)?;
    let done = store.write(|tx| match &who {
        Who::Number(digits) => record(tx, digits, None, (country, zone), now),
        Who::WithoutNumber(id) => Ok(OptedOut {
            contact_ids: vec![*id],
            is_news: tx.set_opted_out(*id, Some(now), now)?,
            skipped: Skipped::default(),
        }),
    })?;
    Ok(done)
}

/// Takes an opt-out back. Returns the contacts that had opted out.
///
/// # Errors
/// As [`opt_out`].
pub fn opt_in(
    store: &mut Store,
    who: &Entry,
    country: &CountryCode,
    now: Timestamp,
) -> Result<Vec<i64>, ContactError> {
    let who = Who::find(store, who, country)?;
    let changed = store.write(|tx| match &who {
        Who::Number(digits) => take_back(tx, digits, country, now),
        Who::WithoutNumber(id) => {
            Ok(tx.set_opted_out(*id, None, now)?.then_some(*id).into_iter().collect())
        }
    })?;
    Ok(changed)
}

/// Who it is about.
enum Who {
    /// E.164 digits: everybody who has them.
    Number(String),
    /// A contact whose number is none.
    WithoutNumber(i64),
}

impl Who {
    fn find(store: &mut Store, who: &Entry, country: &CountryCode) -> Result<Self, ContactError> {
        match who {
            Entry::Contact(id) => {
                let contact = store.read(|tx| tx.contact(*id))?;
                let contact = contact.ok_or(ContactError::NoSuchContact(*id))?;
                Ok(match normalize_phone(&contact.phone_number, country) {
                    Ok(digits) => Self::Number(digits),
                    Err(_) => Self::WithoutNumber(*id),
                })
            }
            Entry::Person { phone, .. } => Ok(Self::Number(normalize_phone(phone, country)?)),
            Entry::Chat { chat_id, .. } => match chat_id.as_str().strip_suffix("@c.us") {
                Some(digits) => Ok(Self::Number(digits.to_owned())),
                None => Err(ContactError::Refused(format!("`{chat_id}` is not one person"))),
            },
            Entry::Tag(tag) => Err(ContactError::Refused(format!(
                "`tag:{tag}` is not one person: write ids or phone numbers"
            ))),
            Entry::All => Err(ContactError::Refused(
                "`all` is not one person: write ids or phone numbers".to_owned(),
            )),
            Entry::Invalid { raw, reason } => {
                Err(ContactError::Refused(format!("`{raw}`: {reason}")))
            }
        }
    }
}

/// Takes an opt-out back, in every contact with this number. Returns those that had opted out.
///
/// # Errors
/// When a statement fails.
pub fn take_back(
    tx: &Tx<'_>,
    digits: &str,
    country: &CountryCode,
    now: Timestamp,
) -> SqlResult<Vec<i64>> {
    let mut changed = Vec::new();
    for id in with_number(tx, digits, country)? {
        if tx.set_opted_out(id, None, now)? {
            changed.push(id);
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_text_that_says_stop_is_one() {
        for text in
            ["STOP", " stop. ", "Berhenti!", "*unsub*", "UNSUBSCRIBE", "Stop\npromo", "stop 🙏"]
        {
            assert!(is_stop(text), "{text}");
        }
        for text in ["", "stop by tomorrow", "jangan berhenti", "nonstop", "s t o p", "tidak"] {
            assert!(!is_stop(text), "{text}");
        }
        assert!(!is_stop(&"!".repeat(1_000_000)));
    }
}
