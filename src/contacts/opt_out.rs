//! Opt-outs: the people who want no more messages, and the words that say so.

use std::collections::{HashMap, HashSet};

use super::{ContactError, as_key, with_number};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::delivery::Status;
use crate::recipient::{CountryCode, Entry, is_invisible, mask_phone, normalize_phone};
use crate::store::{Contact, Numbers, Skipped, SqlResult, Stop, Store, Tx};
use crate::trigger::Triggers;

/// A message that is exactly one of these, but for case, width, punctuation and blanks between the
/// letters, opts its writer out. Longer texts do not: `please stop by tomorrow` is no opt-out.
pub(crate) const STOP_WORDS: [&str; 6] =
    ["stop", "berhenti", "unsub", "unsubscribe", "stop promo", "berhenti langganan"];

/// Longer texts are not looked at.
const STOP_BYTES_MAX: usize = 100;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptedOut {
    /// The contacts with the number; one is made if there is none. Empty when the number is hidden.
    pub(crate) contact_ids: Vec<i64>,
    /// The hidden number, when WAHA has to be asked whose it is.
    pub(crate) hidden: Option<String>,
    /// Whether any of them was not opted out before.
    pub(crate) is_news: bool,
    /// The deliveries that waited.
    pub skipped: Skipped,
}

impl OptedOut {
    /// Tells the log, when it is news, and the run that waited for these deliveries.
    pub(crate) fn tell(self, triggers: &Triggers) {
        let count = self.skipped.messages.len();
        match (&self.hidden, self.contact_ids.first()) {
            (Some(hidden), _) if self.is_news => {
                let who = mask_phone(hidden);
                log::info!(
                    "hidden number {who}: opted out by a message, {count} deliveries skipped"
                );
            }
            (None, Some(id)) if self.is_news => {
                log::info!("contact {id}: opted out by a message, {count} deliveries skipped");
            }
            _ => {}
        }
        for message in self.skipped.messages {
            triggers.note_deliveries(message, Status::Skipped, 1);
        }
        triggers.note_settled(&self.skipped.settled);
        triggers.note_opt_out();
    }
}

/// The writer of a message that says stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// E.164 digits, when the message tells them.
    pub digits: Option<String>,
    /// The hidden number, `<digits>@lid`, when it tells that.
    pub lid: Option<String>,
    /// The name in the message.
    pub name: Option<String>,
}

/// The numbers of all people who opted out, in E.164 digits whatever the spelling of their rows, and
/// their hidden numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct OptedOutNumbers {
    digits: HashSet<i64>,
    /// With the phone number; `None` for one that is opted out by itself.
    hidden: HashMap<String, Option<String>>,
}

impl OptedOutNumbers {
    /// Reads them from the table.
    pub(crate) fn read(tx: &Tx<'_>, country: &CountryCode) -> SqlResult<Self> {
        let mut numbers = HashSet::new();
        tx.each_number(Numbers::OptedOut, |_, written| {
            // A number that cannot be read gets no message anyway.
            if let Ok(digits) = normalize_phone(written, country) {
                numbers.insert(as_key(&digits));
            }
            Ok(())
        })?;
        Ok(Self { digits: numbers, hidden: tx.hidden_numbers()? })
    }

    /// Whether the person with this chat opted out. A group is no person.
    pub(crate) fn has_chat(&self, chat_id: &str) -> bool {
        let is_out = |digits: &str| self.digits.contains(&as_key(digits));
        match (chat_id.strip_suffix("@c.us"), self.hidden.get(chat_id)) {
            (Some(digits), _) => is_out(digits),
            (None, Some(Some(digits))) => is_out(digits),
            (None, Some(None)) => true,
            (None, None) => false,
        }
    }
}

/// Whether a message's whole text asks for no more.
pub(crate) fn is_stop(text: &str) -> bool {
    if text.len() > STOP_BYTES_MAX {
        return false;
    }
    let plain: String = text
        .chars()
        .filter(|c| !is_invisible(*c))
        .map(|c| match c {
            // Full-width: ＳＴＯＰ.
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(' '),
            c => c,
        })
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .flat_map(char::to_lowercase)
        .collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    if STOP_WORDS.contains(&words.join(" ").as_str()) {
        return true;
    }
    // S T O P, s.t.o.p
    let is_spaced = words.len() > 1 && words.iter().all(|word| word.chars().count() == 1);
    is_spaced && STOP_WORDS.iter().any(|stop| stop.replace(' ', "") == words.concat())
}

/// Records a message that says stop, by the phone number or the hidden one that it tells. A hidden
/// number alone is opted out by itself, and WAHA is asked for the other name.
pub fn record_stop(
    tx: &Tx<'_>,
    writer: &Writer,
    session: &str,
    config: &Config,
    now: Timestamp,
) -> SqlResult<OptedOut> {
    let Writer { lid, name, .. } = writer;
    let person = match (known_digits(tx, writer)?, lid) {
        (Some(digits), lid) => {
            if let Some(lid) = lid {
                tx.pair_hidden(lid, &digits, session, now)?;
            }
            Addressee::Number(digits)
        }
        (None, Some(lid)) => Addressee::Hidden(lid.clone()),
        (None, None) => return Ok(OptedOut::default()),
    };
    record(tx, &person, name.as_deref(), Some(session), config, now)
}

/// The chat of who wrote, as deliveries name it: by the number when it is known, else by the hidden one.
pub(crate) fn chat_of(tx: &Tx<'_>, writer: &Writer) -> SqlResult<Option<String>> {
    let known = known_digits(tx, writer)?;
    Ok(known.map(|digits| format!("{digits}@c.us")).or_else(|| writer.lid.clone()))
}

fn known_digits(tx: &Tx<'_>, writer: &Writer) -> SqlResult<Option<String>> {
    match (&writer.digits, &writer.lid) {
        (None, Some(lid)) => tx.digits_of_hidden(lid),
        (digits, _) => Ok(digits.clone()),
    }
}

/// Whether a contact with this number (E.164 digits) opted out.
pub(crate) fn is_opted_out(tx: &Tx<'_>, digits: &str, country: &CountryCode) -> SqlResult<bool> {
    for id in with_number(tx, digits, country)? {
        if tx.contact(id)?.is_some_and(|contact| contact.opted_out_at.is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a contact opted out whose number is this chat's in a spelling of a person: a claim finds
/// those that are spelled as the program does by itself.
pub(crate) fn is_out_by_odd_spelling(
    tx: &Tx<'_>,
    chat_id: &str,
    country: &CountryCode,
) -> SqlResult<bool> {
    let digits = match chat_id.strip_suffix("@c.us") {
        Some(digits) => Some(digits.to_owned()),
        None => tx.digits_of_hidden(chat_id)?,
    };
    let mut is_out = false;
    tx.each_number(Numbers::OddOptedOut, |_, written| {
        is_out |= digits.is_some() && normalize_phone(written, country).ok() == digits;
        Ok(())
    })?;
    Ok(is_out)
}

/// Records that a person wants no more: in every contact that has the number, or in a new one called
/// `name`. Deliveries that wait for the number, or its hidden one, are skipped in the same transaction;
/// `session`, or any, is asked for a hidden number that is not known.
pub(crate) fn record(
    tx: &Tx<'_>,
    person: &Addressee,
    name: Option<&str>,
    session: Option<&str>,
    config: &Config,
    now: Timestamp,
) -> SqlResult<OptedOut> {
    let zone = &config.zone;
    let digits = match person {
        Addressee::Number(digits) => digits,
        Addressee::Hidden(lid) => {
            return Ok(OptedOut {
                hidden: Some(lid.clone()),
                is_news: tx.opt_out_hidden(lid, session, name, now)?,
                skipped: tx.skip_pending_of_chat(lid, None, zone, now)?,
                ..OptedOut::default()
            });
        }
        Addressee::WithoutNumber(id) => {
            let is_news = tx.set_opted_out(*id, Some(now), now)?;
            return Ok(OptedOut { contact_ids: vec![*id], is_news, ..OptedOut::default() });
        }
    };
    let mut contact_ids = with_number(tx, digits, &config.country)?;
    let mut is_news = false;
    for id in &contact_ids {
        is_news |= tx.set_opted_out(*id, Some(now), now)?;
    }
    let chat_id = format!("{digits}@c.us");
    let first = if let Some(first) = contact_ids.first() {
        *first
    } else {
        let now = now.to_string();
        let contact = Contact::new(name.map(str::to_owned), format!("+{digits}"));
        is_news = true;
        let id =
            tx.insert_contact(&Contact { opted_out_at: Some(now.clone()), ..contact }, &now)?;
        contact_ids.push(id);
        id
    };
    let mut skipped = tx.skip_pending_of_chat(&chat_id, Some(first), zone, now)?;
    for lid in tx.hidden_of_digits(digits)? {
        skipped.add(tx.skip_pending_of_chat(&lid, Some(first), zone, now)?);
    }
    tx.ask_for_hidden(digits, session, now)?;
    Ok(OptedOut { contact_ids, hidden: None, is_news, skipped })
}

/// Records that a person wants no more: a contact by its id, or everybody with a number or a hidden one.
pub fn opt_out(
    store: &mut Store,
    entry: &Entry,
    config: &Config,
    now: Timestamp,
) -> Result<OptedOut, ContactError> {
    store.write_or_refuse(|tx| {
        let person = Addressee::find(tx, entry, &config.country)?;
        Ok(record(tx, &person, None, None, config, now)?)
    })
}

/// Takes an opt-out back. Returns the contacts that had opted out, and whether a hidden number had.
pub fn opt_in(
    store: &mut Store,
    entry: &Entry,
    country: &CountryCode,
    now: Timestamp,
) -> Result<(Vec<i64>, bool), ContactError> {
    store.write_or_refuse(|tx| {
        let (ids, had_hidden) = match Addressee::find(tx, entry, country)? {
            Addressee::Number(digits) => {
                (with_number(tx, &digits, country)?, tx.opt_in_hidden_of(&digits)?)
            }
            Addressee::Hidden(lid) => (Vec::new(), tx.opt_in_hidden(&lid)?),
            Addressee::WithoutNumber(id) => (vec![id], false),
        };
        let mut changed = Vec::new();
        for id in ids {
            if tx.set_opted_out(id, None, now)? {
                changed.push(id);
            }
        }
        Ok((changed, had_hidden))
    })
}

/// A person who gets messages.
pub(crate) enum Addressee {
    /// E.164 digits: all contacts that have them.
    Number(String),
    /// `<digits>@lid`, whose phone number is not known.
    Hidden(String),
    /// A contact whose number cannot be read.
    WithoutNumber(i64),
}

impl Addressee {
    fn find(tx: &Tx<'_>, entry: &Entry, country: &CountryCode) -> Result<Self, Stop<ContactError>> {
        let not_one = match entry {
            Entry::Contact(id) => {
                let contact = tx.contact(*id)?.ok_or(ContactError::NoSuchContact(*id))?;
                let digits = normalize_phone(&contact.phone_number, country);
                return Ok(digits.map_or(Self::WithoutNumber(*id), Self::Number));
            }
            Entry::Person { phone, .. } => {
                let digits = normalize_phone(phone, country).map_err(ContactError::from)?;
                return Ok(Self::Number(digits));
            }
            Entry::Chat { chat_id, .. } => match chat_id.as_str().strip_suffix("@c.us") {
                Some(digits) => return Ok(Self::Number(digits.to_owned())),
                None if chat_id.as_str().ends_with("@lid") => {
                    let digits = tx.digits_of_hidden(chat_id.as_str())?;
                    return Ok(
                        digits.map_or_else(|| Self::Hidden(chat_id.to_string()), Self::Number)
                    );
                }
                None => chat_id.to_string(),
            },
            Entry::Tag(tag) => format!("tag:{tag}"),
            Entry::All => "all".to_owned(),
            Entry::Except(_) => "except".to_owned(),
            Entry::Invalid { raw, reason } => {
                return Err(ContactError::Refused(format!("`{raw}`: {reason}")).into());
            }
        };
        let why = format!("`{not_one}` is not one person: write ids or phone numbers");
        Err(ContactError::Refused(why).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_text_that_says_stop_is_one() {
        for text in [
            "STOP",
            " stop. ",
            "Berhenti!",
            "*unsub*",
            "UNSUBSCRIBE",
            "Stop\npromo",
            "stop 🙏",
            "ＳＴＯＰ",
            "ｂｅｒｈｅｎｔｉ！",
            "S T O P",
            "s.t.o.p",
            "S-T-O-P!",
            "ＳＴＯＰ　ＰＲＯＭＯ",
            "s t o p p r o m o",
            "S\u{200b}TO\u{2060}P",
            "\u{202e}stop\u{202c}",
            "ST\u{ad}OP",
            "\u{feff}STOP\u{fe0f}",
            "s\u{a0}t\u{3000}o\u{2003}p",
        ] {
            assert!(is_stop(text), "{text}");
        }
        for text in [
            "",
            "stop by tomorrow",
            "jangan berhenti",
            "nonstop",
            "s top",
            "s t o p s",
            "st op",
            "tidak",
            "ＳＴＯＰ sekarang",
        ] {
            assert!(!is_stop(text), "{text}");
        }
        assert!(!is_stop(&"!".repeat(1_000_000)));
    }
}
