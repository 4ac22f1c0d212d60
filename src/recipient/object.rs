//! An entry that is a JSON object: `{"id":1}`, `{"phone":"0812…","name":"Budi"}`,
//! `{"tag":"pelanggan"}` and their kin.
//!
//! Where an object names somebody in several ways, the most particular one counts: a chat id, then a
//! phone number, then the id of a contact. Ways that contradict each other name nobody.

use serde_json::{Map, Value};

use super::plain;
use super::spelling::{count_digits, fold, is_digits, trim};
use super::{Entry, chat, shorten, unreadable};
use crate::reason::Reason;

// Keys are compared in lower case without `_`, `-` and spaces. Those that say it more surely come first.
// `value` is what a form stores of what was selected.
const IDS: [&str; 3] = ["contactid", "id", "value"];
const CHATS: [&str; 1] = ["chatid"];
const TAGS: [&str; 1] = ["tag"];
const NAMES: [&str; 2] = ["name nama", "label text"];
/// `number` may count rows.
const PHONES: [&str; 3] = [
    "whatsapp wa nowa nomorwa nowhatsapp nomorwhatsapp",
    "phone phonenumber nohp nomorhp hp nomor telepon notelepon nomortelepon telp notelp mobile handphone msisdn tel",
    "number",
];
/// Keys whose value is a whole list of recipients.
const LISTS: &str =
    "ids contactids contacts recipients numbers phones to data items penerima kontak";
/// Keys of a list that PHP wrote as an object have fewer digits than a phone number.
const INDEX_DIGITS_MAX: usize = 6;

/// More than any spelling of a phone number.
const PHONE_BYTES_MAX: usize = 200;

/// In entries of the link: why somebody is skipped, by the reason's code, beside `raw`, who it is.
pub(crate) const SKIP_KEY: &str = "skip";

/// The recipients in an object that is a list: `{"0":1,"2":3}` as PHP writes one, or `{"ids":[…]}`.
pub(super) fn list_in(fields: &Map<String, Value>) -> Option<Vec<Value>> {
    let is_index = |key: &String| is_digits(key) && key.len() <= INDEX_DIGITS_MAX;
    if !fields.is_empty() && fields.keys().all(is_index) {
        return Some(fields.values().cloned().collect());
    }
    let mut lists = fields.iter().filter(|(key, value)| value.is_array() && is_key(key, LISTS));
    let (Some((_, Value::Array(list))), None) = (lists.next(), lists.next()) else { return None };
    // Beside a person of its own it says something of that person.
    Person::find(fields).is_ok_and(|person| person.is_nobody()).then(|| list.clone())
}

pub(super) fn read(fields: &Map<String, Value>) -> Entry {
    if let Some(entry) = skipped(fields) {
        return entry;
    }
    let entry = match fields.iter().find(|(key, _)| is_key(key, "contact")) {
        Some((_, Value::Object(contact))) => read_nested(contact, fields),
        Some(_) | None => Person::find(fields).and_then(|person| match tag(fields)? {
            // What is said of a person is no tag to send to.
            Some(tag) if person.is_nobody() => plain::read_tag(&tag, &tag),
            Some(_) | None => person.entry(),
        }),
    };
    entry.unwrap_or_else(|reason| {
        Entry::invalid(&serde_json::to_string(fields).unwrap_or_default(), reason)
    })
}

fn skipped(fields: &Map<String, Value>) -> Option<Entry> {
    let reason = match fields.get(SKIP_KEY)?.as_str()? {
        "website_contact_off" => Reason::WebsiteContactOff,
        "website_contact_missing" => Reason::WebsiteContactMissing,
        "website_contact_without_number" => Reason::WebsiteContactWithoutNumber,
        _ => return None,
    };
    Some(Entry::invalid(fields.get("raw")?.as_str()?, reason))
}

/// `{"id":9,"contact_id":3,"contact":{"phone":"0812…"}}`: the outer `id` is of some other table.
fn read_nested<'a>(
    contact: &'a Map<String, Value>,
    outer: &'a Map<String, Value>,
) -> Result<Entry, Reason> {
    let mut person = Person::find(contact)?;
    if person.is_nobody() {
        return Person::find(outer)?.entry();
    }
    if person.id.is_none() {
        person.id = value_of(outer, &IDS[..1], is_same_text)?;
    }
    person.entry()
}

/// `{"tag":"pelanggan"}`.
fn tag(fields: &Map<String, Value>) -> Result<Option<String>, Reason> {
    let Some(value) = value_of(fields, &TAGS, is_same_text)? else { return Ok(None) };
    text_of(value)
        .map(Some)
        .ok_or_else(|| unreadable("its tag is not text: write one tag in double quotes"))
}

/// What an object says about somebody.
struct Person<'a> {
    id: Option<&'a Value>,
    phone: Option<&'a Value>,
    chat: Option<&'a Value>,
    name: Option<String>,
}

impl<'a> Person<'a> {
    fn find(fields: &'a Map<String, Value>) -> Result<Self, Reason> {
        // `{"value":"0812…","label":"Sari"}`: what was selected is an id or a number.
        let is_number =
            |value: &&Value| text_of(value).is_some_and(|text| count_digits(&text) >= 7);
        let has_id = value_of(fields, &IDS[..2], is_same_text)?.is_some();
        let selected = value_of(fields, &IDS[2..], is_same_text)?;
        let selected_number = selected.filter(|value| !has_id && is_number(value));
        Ok(Self {
            phone: value_of(fields, &PHONES, is_same_number)?.or(selected_number),
            id: value_of(fields, &IDS, is_same_text)?.filter(|_| selected_number.is_none()),
            chat: value_of(fields, &CHATS, is_same_text)?,
            // Two different names are no danger: the first will do.
            name: value_of(fields, &NAMES, |_, _| true)?.and_then(text_of),
        })
    }

    fn is_nobody(&self) -> bool {
        self.id.is_none() && self.phone.is_none() && self.chat.is_none()
    }

    fn entry(self) -> Result<Entry, Reason> {
        let id = self.id.map(read_id);
        let contact_id = id.as_ref().and_then(|id| id.as_ref().ok().copied());
        // Programs for WhatsApp put a chat id into `id`, and people put it anywhere.
        let chat_of = |value: Option<&Value>| {
            value.and_then(text_of).filter(|text| text.contains(['@', '＠']))
        };
        let chat = chat_of(self.chat).or_else(|| chat_of(self.phone)).or_else(|| chat_of(self.id));
        if let Some(chat) = chat {
            return Ok(with_contact(chat::read(&chat, self.name), contact_id));
        }
        if let Some(value) = self.chat {
            let text = text_of(value)
                .ok_or_else(|| unreadable("its chat id is not text: write it in double quotes"))?;
            return Ok(with_contact(plain::read_phone(&text, &text, self.name), contact_id));
        }
        if let Some(value) = self.phone {
            return Ok(Entry::Person { contact_id, phone: read_phone(value)?, name: self.name });
        }
        match id {
            Some(id) => id.map(Entry::Contact),
            None => Err(unreadable(
                "names nobody: it needs one of the keys id, contact_id, phone, phone_number, number, \
                 whatsapp, wa, no_hp, chat_id or tag",
            )),
        }
    }
}

/// Keeps the contact's id beside its chat, so that a contact who opted out is known by it.
fn with_contact(entry: Entry, contact_id: Option<i64>) -> Entry {
    match entry {
        Entry::Person { phone, name, .. } => Entry::Person { contact_id, phone, name },
        Entry::Chat { chat_id, name } => match (chat_id.as_str().strip_suffix("@c.us"), contact_id)
        {
            (Some(digits), Some(_)) => {
                Entry::Person { contact_id, phone: format!("+{digits}"), name }
            }
            (_, _) => Entry::Chat { chat_id, name },
        },
        other @ (Entry::Contact(_)
        | Entry::Tag(_)
        | Entry::All
        | Entry::Except(_)
        | Entry::Invalid { .. }) => other,
    }
}

/// The id of a contact, of any length, since the key says what it is.
fn read_id(value: &Value) -> Result<i64, Reason> {
    let text = fold(&text_of(value).unwrap_or_default());
    let text = trim(&text);
    if value.is_f64() {
        return Err(Reason::NumberFromExcel { written: shorten(text) });
    }
    let is_plain = is_digits(text) && !text.starts_with('0');
    text.parse().ok().filter(|_| is_plain).ok_or_else(|| {
        if let Some(reason) = plain::of_another_system(text) {
            return reason;
        }
        unreadable(
            "its id is not a whole number from 1 on, without a 0 in front: write the id that \
             `contact list` shows",
        )
    })
}

fn read_phone(value: &Value) -> Result<String, Reason> {
    if value.is_f64() {
        return Err(Reason::NumberFromExcel { written: shorten(&value.to_string()) });
    }
    if value.is_i64() && !value.is_u64() {
        return Err(unreadable("its phone number is negative: write it in double quotes"));
    }
    let text = text_of(value).ok_or_else(|| {
        unreadable("its phone number is neither text nor a number: write it in double quotes")
    })?;
    if text.len() > PHONE_BYTES_MAX {
        return Err(Reason::NumberTooLong { written: shorten(&text) });
    }
    Ok(text)
}

/// The value of one of the first `keys` that have any, unless it is null, blank or a yes or no. Values that
/// are not the same are an error.
fn value_of<'a>(
    fields: &'a Map<String, Value>,
    keys: &[&str],
    is_same: fn(&Value, &Value) -> bool,
) -> Result<Option<&'a Value>, Reason> {
    for keys in keys {
        let mut found = fields.iter().filter(|(key, value)| is_key(key, keys) && !is_blank(value));
        let Some((first_key, first)) = found.next() else { continue };
        return match found.find(|(_, value)| !is_same(first, value)) {
            None => Ok(Some(first)),
            Some((key, _)) => {
                let (first_key, key) = (shorten(first_key), shorten(key));
                Err(unreadable(format!("its `{first_key}` and `{key}` differ: keep one of them")))
            }
        };
    }
    Ok(None)
}

fn is_key(key: &str, keys: &str) -> bool {
    // No key that we know is longer, and a hostile one may have megabytes.
    key.len() <= 20 && {
        let plain: String = key.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).collect();
        keys.split_whitespace().any(|known| plain.eq_ignore_ascii_case(known))
    }
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::String(text) => trim(text).is_empty(),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn is_same_text(first: &Value, second: &Value) -> bool {
    text_of(first).is_some_and(|first| Some(first) == text_of(second))
}

/// `0812…` and `+62 812…` may be the same number: one ends with the other's digits.
fn is_same_number(first: &Value, second: &Value) -> bool {
    let digits = |value: &Value| {
        let digits: String = fold(&text_of(value)?).chars().filter(char::is_ascii_digit).collect();
        let national = digits.trim_start_matches('0').to_owned();
        (national.len() >= 7).then_some(national)
    };
    match (digits(first), digits(second)) {
        (Some(first), Some(second)) => first.ends_with(&second) || second.ends_with(&first),
        (_, _) => false,
    }
}
