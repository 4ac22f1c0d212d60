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
use crate::schedule::{NOTE_KEYS, same_name};

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
/// Keys beside a list that say nothing of who gets it; `all` may say no.
const LIST_NOTES: &str = "count total contactcount recipientcount source success meta version";
/// What a `type` of them says that leaves nobody out.
const LIST_TYPES: &str = "contact contacts kontak tag tags number numbers phone list group recipient recipients manual selected custom \
    individual individuals";
const ALL: &str = "all selectall isall";
/// Keys whose value names those who get nothing; a yes says so of the entry itself.
const EXCEPTIONS: &str = "except exceptids exceptcontacts exceptcontactids exclude excludeids excludecontacts \
    excludecontactids excludedcontactids excluded excludedids excludedcontacts excluding exclusions kecuali dikecualikan";
/// Keys of an entry that gets nothing when they say no.
const WANTED: &str = "selected isselected checked ischecked enabled isenabled active isactive include included isincluded \
    send kirim dipilih terpilih aktif optin optedin isoptedin subscribed issubscribed consent waoptin whatsappoptin waconsent whatsappconsent \
    marketingconsent marketingoptin";
/// And when they say anything but no: yes, or since when.
const UNWANTED: &str = "isexcluded skip skipped disabled isdisabled removed isremoved removedat deleted isdeleted deletedat \
    optout optedout isoptedout optedoutat waoptout whatsappoptout unsubscribe unsubscribed isunsubscribed unsubscribedat blocked isblocked blockedat \
    blacklisted isblacklisted inactive isinactive donotsend donotcontact donotcall dnc dnd stop berhenti diblokir blokir";
const STATUS: &str = "status state subscriptionstatus contactstatus optinstatus";
const STATUS_OFF: &str = "tidakaktif stop donotcontact donotsend dnc dnd denied revoked withdrawn ditolak unsub optout \
    unsubscribed unsubscribe optedout blocked blacklisted blocklisted excluded removed deleted disabled \
    inactive nonaktif unselected notsubscribed skipped skip off berhenti diblokir blokir";
/// Keys of a list that PHP wrote as an object have fewer digits than a phone number.
const INDEX_DIGITS_MAX: usize = 6;

/// More than any spelling of a phone number.
const PHONE_BYTES_MAX: usize = 200;

/// In entries of the link: why somebody is skipped, by the reason's code, beside `raw`, who it is.
pub(crate) const SKIP_KEY: &str = "skip";

/// An object, parted into whom it names and whom it leaves out.
pub(crate) struct Parted {
    pub(crate) named: Named,
    /// Whether the one that it names gets nothing: `{"id":1,"selected":false}`.
    pub(crate) is_left_out: bool,
    /// What names those who get nothing.
    pub(crate) exceptions: Vec<Value>,
}

pub(crate) enum Named {
    List(Vec<Value>),
    /// An entry, or what names nobody.
    One(Map<String, Value>),
    Nobody,
}

/// Parts an object. The error is a key that is not understood and may leave somebody out: without it, somebody would
/// get what they must not.
pub(crate) fn part(fields: Map<String, Value>) -> Result<Parted, String> {
    let is_exception = |key: &str| is_key(key, EXCEPTIONS);
    let (excepting, fields): (Vec<_>, Vec<_>) =
        fields.into_iter().partition(|(key, _)| is_exception(key));
    let fields: Map<String, Value> = fields.into_iter().collect();
    let list = list_in(&fields);
    let (is_tag, is_one) = kind(&fields);
    let is_group = is_tag && list.is_none();
    let mut is_left_out = list.is_none() && is_off(&fields);
    let is_nobody = fields.is_empty() && !excepting.is_empty();
    let mut exceptions = Vec::new();
    for (key, value) in excepting {
        match truth(&value) {
            // Of a tag, 1 may be a contact or a yes.
            Some(says_so) if list.is_none() && (is_one || is_group && !is_number(&value)) => {
                is_left_out |= says_so;
            }
            Some(_) if is_group || value == Value::Bool(true) => return Err(key),
            says if is_nothing(&value) || says == Some(false) => {}
            _ => exceptions.push(value),
        }
    }
    let has_more = is_group || list.is_some() && !fields.keys().all(|key| is_index(key));
    let mut more = fields.iter().filter(|_| has_more);
    if let Some((key, _)) = more.find(|(key, value)| narrows(key, value, is_group)) {
        return Err(key.clone());
    }
    let named = match list {
        Some(list) => Named::List(list),
        None if is_nobody => Named::Nobody,
        None => Named::One(fields),
    };
    Ok(Parted { named, is_left_out, exceptions })
}

/// Whether an object is a tag, and whether it is an entry of somebody.
fn kind(fields: &Map<String, Value>) -> (bool, bool) {
    let has =
        |keys: &str| fields.iter().any(|(key, value)| is_key(key, keys) && !is_nothing(value));
    let names_nobody = Person::find(fields).is_ok_and(|person| person.is_nobody());
    let is_one = !names_nobody || has("contact");
    (!is_one && has(TAGS[0]), is_one)
}

/// Whether a field beside a list or a tag may leave somebody out.
fn narrows(key: &str, value: &Value, is_tag: bool) -> bool {
    let is_known = if is_tag {
        [TAGS[0], WANTED, UNWANTED, STATUS].iter().any(|keys| is_key(key, keys))
    } else {
        is_key(key, LISTS) && value.is_array() || is_key(key, ALL) && truth(value) == Some(false)
    };
    let is_note = [NOTE_KEYS, LIST_NOTES, NAMES[0], NAMES[1]].iter().any(|keys| is_key(key, keys));
    let is_type =
        is_key(key, "type kind") && value.as_str().is_some_and(|one| is_key(one, LIST_TYPES));
    !is_known && !is_note && !is_type && !is_nothing(value)
}

/// Whether an entry says of itself, or of the contact in it, that it gets nothing.
fn is_off(fields: &Map<String, Value>) -> bool {
    fields.iter().any(|(key, value)| match value {
        Value::Object(contact) if is_key(key, "contact") => is_off(contact),
        _ if is_key(key, WANTED) => truth(value) == Some(false) || is_status_off(value),
        _ if key != SKIP_KEY || skipped(fields).is_none() => {
            // MySQL's time for never.
            let is_never = value.as_str().is_some_and(|text| text.starts_with("0000-00-00"));
            let is_unwanted = is_key(key, UNWANTED) || is_key(key, EXCEPTIONS);
            is_unwanted && !is_nothing(value) && truth(value) != Some(false) && !is_never
                || is_key(key, STATUS) && is_status_off(value)
        }
        _ => false,
    })
}

fn is_status_off(value: &Value) -> bool {
    value.as_str().is_some_and(|word| is_key(word.trim(), STATUS_OFF))
}

fn is_index(key: &str) -> bool {
    is_digits(key) && key.len() <= INDEX_DIGITS_MAX
}

/// What says yes or no, as programs write it.
fn truth(value: &Value) -> Option<bool> {
    let text = value.as_bool().map(|truth| truth.to_string()).or_else(|| text_of(value))?;
    match text.to_lowercase().as_str() {
        "true" | "1" | "yes" | "ya" | "iya" | "y" | "t" | "on" => Some(true),
        "false" | "0" | "no" | "tidak" | "tdk" | "n" | "f" | "off" => Some(false),
        _ => None,
    }
}

fn is_number(value: &Value) -> bool {
    text_of(value).is_some_and(|text| is_digits(&text))
}

/// What a form stores of a field that nobody filled.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => is_blank(value) && !value.is_boolean(),
    }
}

/// The recipients in an object that is a list: `{"0":1,"2":3}` as PHP writes one, or `{"ids":[…]}`.
fn list_in(fields: &Map<String, Value>) -> Option<Vec<Value>> {
    if !fields.is_empty() && fields.keys().all(|key| is_index(key)) {
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
    key.len() <= 20 && keys.split_whitespace().any(|known| same_name(key, known))
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
