//! Contacts, their tags and opt-outs; lists of contacts that come in and go out as CSV.
//!
//! The rules are here, for the command line and for whatever else shows contacts; nothing here
//! prints. A number is stored as `+6281234567890` and found in whatever spelling a row has, since
//! people write into the table too. It never forgets what it was not told to forget: a blank cell
//! erases nothing, and an opt-out is only taken back by name.

pub(crate) mod cell;
pub(crate) mod excepted;
pub mod export;
pub mod import;
pub(crate) mod named;
pub mod opt_out;
pub(crate) mod tags;
pub mod waiting;

use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::config::Config;
use crate::reason::Reason;
use crate::recipient::{CountryCode, normalize_phone, shorten};
use crate::store::{
    Contact, FormMark, MadeBefore, Numbers, PageFrom, SqlResult, Stop, Store, StoreError, Tx,
};
use crate::template::is_same_name;

use waiting::OnItsWay;

pub(crate) const NAME_CHARS_MAX: usize = 200;
pub(crate) const VALUE_CHARS_MAX: usize = 2_000;
pub(crate) const KEY_CHARS_MAX: usize = 100;

/// A contact whose number, tags and attributes were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = Contact))]
pub struct Person {
    pub(crate) id: i64,
    pub(crate) name: Option<String>,
    /// As it is written.
    pub(crate) phone_number: String,
    /// E.164 digits without `+`; `None` when the number is none.
    pub(crate) digits: Option<String>,
    pub(crate) tags: Vec<String>,
    /// Empty when the column holds no JSON object.
    pub(crate) attributes: Map<String, Value>,
    pub(crate) opted_out_at: Option<String>,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
}

/// A change of a contact; a field that is `None` or empty changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub name: Option<String>,
    /// The new number, in any spelling.
    pub number: Option<String>,
    pub add_tags: Vec<String>,
    pub remove_tags: Vec<String>,
    pub set: Vec<(String, String)>,
    pub unset: Vec<String>,
}

/// A filter of contacts; a field that is `None` lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// A part of the name, or digits of the number.
    pub(crate) search: Option<String>,
    /// A tag, in any case.
    pub(crate) tag: Option<String>,
    /// Only contacts that opted out, or only those that did not.
    pub(crate) opted_out: Option<bool>,
}

#[derive(Debug, thiserror::Error)]
pub enum ContactError {
    #[error("there is no contact {0}: `contact list` shows them")]
    NoSuchContact(i64),
    #[error(transparent)]
    Phone(#[from] Reason),
    /// Somebody else has the number.
    #[error("contact {0} has this number already: `contact edit {0}` changes it")]
    Taken(i64),
    /// A text that is too long, blank, or no JSON where JSON should be.
    #[error("{0}")]
    Refused(String),
    /// Removing the row would forget an opt-out.
    #[error(
        "contact {0} opted out, and only its row keeps messages away from the number: add \
         --forget-opt-out to remove it all the same"
    )]
    OptedOut(i64),
    #[error("this was done already: see contact {}", .0.id)]
    MadeBefore(MadeBefore),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<MadeBefore> for ContactError {
    fn from(before: MadeBefore) -> Self {
        Self::MadeBefore(before)
    }
}

impl From<ContactError> for Stop<ContactError> {
    fn from(why: ContactError) -> Self {
        Self::Refused(why)
    }
}

/// The digits of a number, for look-ups: at most 15, so that they fit.
pub(crate) fn as_key(digits: &str) -> i64 {
    digits.parse().unwrap_or(0)
}

fn person(row: Contact, country: &CountryCode) -> Person {
    Person {
        id: row.id,
        name: row.name,
        digits: normalize_phone(&row.phone_number, country).ok(),
        phone_number: row.phone_number,
        tags: tags::read(&row.tags),
        attributes: attributes(&row.attributes).unwrap_or_default(),
        opted_out_at: row.opted_out_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

/// Adds a contact and returns its id. When it comes from a form, the form's mark is kept in the same
/// transaction, and the same form makes no second one.
pub fn add(
    store: &mut Store,
    changes: &Changes,
    mark: Option<FormMark<'_>>,
    country: &CountryCode,
    now: Timestamp,
) -> Result<i64, ContactError> {
    let digits = normalize_phone(changes.number.as_deref().unwrap_or_default(), country)?;
    let mut person = Person { phone_number: format!("+{digits}"), ..Person::default() };
    person.change(changes)?;
    store.write_or_refuse(|tx| {
        let make = || {
            // The second time, the first contact has it.
            if let Some(id) = with_number(tx, &digits, country)?.first() {
                return Err(ContactError::Taken(*id).into());
            }
            Ok(tx.insert_contact(&person.to_row(), &now.to_string())?)
        };
        tx.make_once(mark, now, make, |id| *id)
    })
}

/// Changes a contact. Returns how many messages that wait go to its new number, and how many are skipped.
pub fn edit(
    store: &mut Store,
    id: i64,
    changes: &Changes,
    config: &Config,
    at: Timestamp,
) -> Result<OnItsWay, ContactError> {
    let country = &config.country;
    let number = changes.number.as_deref();
    let digits = number.map(|number| normalize_phone(number, country)).transpose()?;
    let now = at.to_string();
    store.write_or_refuse(|tx| {
        let row = tx.contact(id)?.ok_or(ContactError::NoSuchContact(id))?;
        if attributes(&row.attributes).is_none() {
            let reason = format!("the attributes of contact {id} are no JSON object");
            return Err(ContactError::Refused(reason).into());
        }
        let before = row.phone_number.clone();
        let mut person = person(row, country);
        if let Some(digits) = &digits {
            let others = with_number(tx, digits, country)?;
            if let Some(other) = others.into_iter().find(|other| *other != id) {
                return Err(ContactError::Taken(other).into());
            }
            person.phone_number = format!("+{digits}");
        }
        person.change(changes)?;
        tx.update_contact(&person.to_row(), &now)?;
        leave_opt_out(tx, &before, &person, country, at)?;
        if digits.is_none() {
            return Ok(OnItsWay::default());
        }
        Ok(waiting::follow_all(tx, id, &before, config, at)?)
    })
}

/// The number that a contact had stays opted out when the contact did and has another one now: in the
/// other contacts that have it, or in one of its own.
fn leave_opt_out(
    tx: &Tx<'_>,
    before: &str,
    person: &Person,
    country: &CountryCode,
    now: Timestamp,
) -> SqlResult<()> {
    let (Some(_), Ok(digits)) = (&person.opted_out_at, normalize_phone(before, country)) else {
        return Ok(());
    };
    let ids = with_number(tx, &digits, country)?;
    for id in &ids {
        tx.set_opted_out(*id, Some(now), now)?;
    }
    if ids.is_empty() {
        let phone_number = format!("+{digits}");
        let old = Person { phone_number, tags: Vec::new(), ..person.clone() };
        tx.insert_contact(&old.to_row(), &now.to_string())?;
    }
    Ok(())
}

/// Removes contacts, all or none of them. Deliveries that were sent to them stay on record, those that
/// wait are skipped. A contact that opted out is only removed with `forget_opt_out`.
pub fn remove(
    store: &mut Store,
    ids: &[i64],
    forget_opt_out: bool,
    config: &Config,
    now: Timestamp,
) -> Result<OnItsWay, ContactError> {
    store.write_or_refuse(|tx| {
        let mut numbers = Vec::new();
        for id in ids {
            let contact = tx.contact(*id)?.ok_or(ContactError::NoSuchContact(*id))?;
            if contact.opted_out_at.is_some() && !forget_opt_out {
                return Err(ContactError::OptedOut(*id).into());
            }
            numbers.push((*id, contact.phone_number));
        }
        let mut all = OnItsWay::default();
        for (id, number) in numbers {
            if tx.remove_contact(id)? {
                all.add(waiting::follow_all(tx, id, &number, config, now)?);
            }
        }
        Ok(all)
    })
}

pub fn find(store: &mut Store, id: i64, country: &CountryCode) -> Result<Person, ContactError> {
    let row = store.read(|tx| tx.contact(id))?;
    row.map(|row| person(row, country)).ok_or(ContactError::NoSuchContact(id))
}

/// Removes contacts as [`remove`] does, but for those that opted out, and keeps them in the batch from which
/// [`bring_back`] takes them. Returns how many.
pub(crate) fn remove_for_now(
    store: &mut Store,
    ids: &[i64],
    batch: &str,
    config: &Config,
    now: Timestamp,
) -> Result<u64, StoreError> {
    store.write(|tx| {
        let mut count = 0;
        for id in ids {
            let Some(contact) = tx.contact(*id)? else { continue };
            // Only its row keeps messages away from the number.
            if contact.opted_out_at.is_some() {
                continue;
            }
            tx.keep_removed(&contact, batch, now)?;
            tx.remove_contact(*id)?;
            waiting::follow_all(tx, *id, &contact.phone_number, config, now)?;
            count += 1;
        }
        Ok(count)
    })
}

/// Brings back what was removed as a batch since `oldest`, but for numbers that somebody else has by now. What
/// was skipped meanwhile stays so. Returns how many.
pub(crate) fn bring_back(
    store: &mut Store,
    batch: &str,
    oldest: Timestamp,
    country: &CountryCode,
    now: Timestamp,
) -> Result<u64, StoreError> {
    store.write(|tx| {
        let mut count = 0;
        for contact in tx.removed_since(batch, oldest)? {
            let is_taken = match normalize_phone(&contact.phone_number, country) {
                Ok(digits) => !with_number(tx, &digits, country)?.is_empty(),
                Err(_) => false,
            };
            if !is_taken {
                count += u64::from(tx.insert_removed(&contact, now)?);
            }
        }
        tx.forget_removed(batch)?;
        Ok(count)
    })
}

/// Contacts that are tagged in one transaction.
const TAGGED_TOGETHER: usize = 500;

/// Gives all these contacts tags, or takes them away. Returns how many that changed.
pub(crate) fn tag_all(
    store: &mut Store,
    ids: &[i64],
    words: &str,
    gives: bool,
    now: Timestamp,
) -> Result<u64, ContactError> {
    let changes = if gives {
        Changes { add_tags: vec![words.to_owned()], ..Changes::default() }
    } else {
        let remove_tags = tags::split(words).map(str::to_owned).collect();
        Changes { remove_tags, ..Changes::default() }
    };
    let now = now.to_string();
    let mut count = 0;
    for some in ids.chunks(TAGGED_TOGETHER) {
        count += store.write_or_refuse::<u64, ContactError>(|tx| {
            let mut news = 0;
            for id in some {
                let Some(row) = tx.contact(*id)? else { continue };
                let mut person = Person { tags: tags::read(&row.tags), ..Person::default() };
                let before = person.tags.clone();
                person.change(&changes)?;
                if person.tags != before {
                    // Only the tags: what else stands in the row may be no more than text.
                    tx.set_tags(*id, &tags::to_column(&person.tags), &now)?;
                    news += 1;
                }
            }
            Ok(news)
        })?;
    }
    Ok(count)
}

/// Calls `visit` with every contact that `filter` lets through, by id.
pub fn each(
    store: &mut Store,
    filter: &Filter,
    country: &CountryCode,
    mut visit: impl FnMut(Person),
) -> Result<(), StoreError> {
    let search = filter.search.as_deref().map(|text| Search::new(text, country));
    let tag = filter.tag.as_deref().map(tags::fold);
    store.read(|tx| {
        tx.each_contact_after(i64::MIN, |row| {
            let is_wanted = filter.opted_out.is_none_or(|out| out == row.opted_out_at.is_some())
                && tag.as_ref().is_none_or(|tag| tags::has(&row.tags, tag))
                && search.as_ref().is_none_or(|search| search.finds(&row));
            if is_wanted {
                visit(person(row, country));
            }
            Ok(true)
        })
    })
}

/// At most `limit` contacts that `filter` lets through, the newest first.
pub(crate) fn page(
    store: &mut Store,
    filter: &Filter,
    from: PageFrom,
    limit: usize,
    country: &CountryCode,
) -> Result<Vec<Person>, StoreError> {
    let (search, tag) = (filter.search.as_deref(), filter.tag.as_deref());
    let digits = search.and_then(digits_of);
    let folded = tag.map(tags::fold);
    let keep = |row: &Contact| {
        filter.opted_out.is_none_or(|out| out == row.opted_out_at.is_some())
            && folded.as_ref().is_none_or(|tag| tags::has(&row.tags, tag))
    };
    let rows =
        store.read(|tx| tx.page_of_contacts(search, digits.as_deref(), tag, from, limit, keep))?;
    Ok(rows.into_iter().map(|row| person(row, country)).collect())
}

/// What a search for a number looks for, however it is spelled: the digits after a leading zero.
pub(crate) fn digits_of(search: &str) -> Option<String> {
    let is_number = search.chars().all(|c| c.is_ascii_digit() || " +-().".contains(c));
    let digits: String = search.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0');
    (is_number && digits.len() >= 2).then(|| digits.to_owned())
}

/// The contacts that have this number (E.164 digits), in whatever spelling, by id.
pub fn with_number(tx: &Tx<'_>, digits: &str, country: &CountryCode) -> SqlResult<Vec<i64>> {
    let mut ids = tx.contacts_with_spelling(&format!("+{digits}"))?;
    tx.each_number(Numbers::Odd, |id, written| {
        if normalize_phone(written, country).is_ok_and(|other| other == digits) {
            ids.push(id);
        }
        Ok(())
    })?;
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// The JSON object of a contact's attributes; `None` when the column holds something else. Names that
/// are one to a placeholder are one attribute, with the later value.
pub(crate) fn attributes(column: &str) -> Option<Map<String, Value>> {
    if column.trim().is_empty() {
        return Some(Map::new());
    }
    let written: Map<String, Value> = serde_json::from_str(column).ok()?;
    let mut merged = Map::new();
    for (name, value) in written {
        set_attribute(&mut merged, &name, value);
    }
    Some(merged)
}

/// The attribute of that name, in whatever case and with whatever gaps it was asked for.
pub(crate) fn attribute_called<'a>(
    attributes: &'a Map<String, Value>,
    name: &str,
) -> Option<(&'a String, &'a Value)> {
    attributes.iter().find(|(known, _)| is_same_name(known, name))
}

/// Gives an attribute a value: `kota` is the attribute that is there as `Kota`.
pub(crate) fn set_attribute(attributes: &mut Map<String, Value>, name: &str, value: Value) {
    let known = attribute_called(attributes, name).map(|(known, _)| known);
    let name = known.cloned().unwrap_or_else(|| name.to_owned());
    attributes.insert(name, value);
}

struct Search {
    text: String,
    digits: Option<String>,
}

impl Search {
    /// `0812-34` and `+62 812 34` look for the same digits.
    fn new(text: &str, country: &CountryCode) -> Self {
        let mut digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let is_number = !text.chars().any(char::is_alphabetic) && digits.len() >= 3;
        if let Some(rest) = digits.strip_prefix('0') {
            digits = format!("{country}{rest}");
        }
        Self { text: text.trim().to_lowercase(), digits: is_number.then_some(digits) }
    }

    fn finds(&self, row: &Contact) -> bool {
        let is_named =
            row.name.as_ref().is_some_and(|name| name.to_lowercase().contains(&self.text));
        is_named
            || row.phone_number.contains(&self.text)
            || self.digits.as_ref().is_some_and(|digits| {
                let written: String =
                    row.phone_number.chars().filter(char::is_ascii_digit).collect();
                written.contains(digits)
                    || written.strip_prefix('0').is_some_and(|rest| {
                        digits.get(2..).is_some_and(|national| rest.contains(national))
                    })
            })
    }
}

impl Person {
    fn to_row(&self) -> Contact {
        Contact {
            id: self.id,
            name: self.name.clone(),
            phone_number: self.phone_number.clone(),
            tags: tags::to_column(&self.tags),
            attributes: Value::Object(self.attributes.clone()).to_string(),
            opted_out_at: self.opted_out_at.clone(),
            created_at: self.created_at.clone(),
            updated_at: self.updated_at.clone(),
        }
    }

    fn change(&mut self, changes: &Changes) -> Result<(), ContactError> {
        if let Some(name) = &changes.name {
            let name = text(name, "the name", NAME_CHARS_MAX)?;
            self.name = (!name.is_empty()).then_some(name);
        }
        for tag in changes.add_tags.iter().flat_map(|tags| tags::split(tags)) {
            text(tag, "a tag", tags::TAG_CHARS_MAX)?;
            tags::give(&mut self.tags, tag);
        }
        if self.tags.len() > tags::TAGS_MAX {
            let reason = format!("a contact has at most {} tags", tags::TAGS_MAX);
            return Err(ContactError::Refused(reason));
        }
        for tag in &changes.remove_tags {
            let taken = tags::fold(tag);
            self.tags.retain(|tag| tags::fold(tag) != taken);
        }
        for (key, value) in &changes.set {
            let key = text(key, "the name of an attribute", KEY_CHARS_MAX)?;
            if key.is_empty() {
                let reason = "an attribute needs a name: write it like kota=Bandung".to_owned();
                return Err(ContactError::Refused(reason));
            }
            let value = text(value, "an attribute", VALUE_CHARS_MAX)?;
            set_attribute(&mut self.attributes, &key, Value::String(value));
        }
        for key in &changes.unset {
            let Some((known, _)) = attribute_called(&self.attributes, key.trim()) else {
                let key = shorten(key);
                return Err(ContactError::Refused(format!("the contact has no attribute `{key}`")));
            };
            self.attributes.remove(&known.clone());
        }
        Ok(())
    }
}

/// The text on one line, without blanks around it.
fn text(raw: &str, what: &str, chars_max: usize) -> Result<String, ContactError> {
    let text = tidy(raw);
    if text.chars().count() > chars_max {
        let reason = format!("{what} has more than {chars_max} characters: `{}`", shorten(&text));
        return Err(ContactError::Refused(reason));
    }
    Ok(text)
}

/// On one line: control characters and runs of spaces become one space.
pub(crate) fn tidy(raw: &str) -> String {
    let trimmed = raw.trim();
    if !trimmed.contains(|c: char| c.is_control()) {
        return trimmed.to_owned();
    }
    let spaced: String = trimmed.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}
