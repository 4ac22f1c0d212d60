//! Rows of a list: their cells are read, and a row adds a contact, changes one that is there, or changes
//! nothing.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::header::{Column, Header};
use super::heading::{Meaning, NumberKind, OptOut, meaning};
use super::{Import, ImportRules, Problem};
use crate::clock::Timestamp;
use crate::contacts::cell::{is_no_value, unguard};
use crate::contacts::tags::{self, TAG_CHARS_MAX, TAGS_MAX};
use crate::contacts::{
    KEY_CHARS_MAX, NAME_CHARS_MAX, VALUE_CHARS_MAX, as_key, attribute_called, attributes,
    set_attribute, tidy,
};
use crate::reason::Reason;
use crate::recipient::{CountryCode, normalize_phone, shorten};
use crate::schedule::{self, Zone};
use crate::store::{Contact, INSERTED_TOGETHER, Numbers, SqlResult, Tx};

#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Where it begins in the list, from 1.
    pub line: u64,
    /// As it is written, to be shown if it is refused after all: with NULs between the cells.
    cells: Box<str>,
    /// `+6281234567890`.
    pub number: String,
    pub name: Option<String>,
    pub tags: Vec<String>,
    pub attributes: Vec<(String, String)>,
    /// When the person opted out, as the table has it.
    pub opted_out_at: Option<String>,
    /// Whether it opts its person out of e-mail only.
    pub(super) is_out_of_email: bool,
    /// Cells that may say something of opt-outs and were not understood, with their headings.
    pub(super) unclear: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Merged {
    Added,
    Changed,
    Same,
    Refused(Problem),
}

/// In the noted numbers: not a contact, but a row of this file that a preview has seen.
const SEEN: i64 = 0;
/// Between several values in one cell, as Google Contacts writes them.
const BETWEEN: &str = ":::";

impl Row {
    /// Reads a row. The error has the cell that is wrong.
    pub(super) fn read(
        line: u64,
        mut cells: Vec<String>,
        header: &Header,
        rules: &ImportRules<'_>,
        now: &str,
    ) -> Result<Self, Box<(Vec<String>, String, Problem)>> {
        let mut row = Self { line, ..Self::default() };
        let taken = take_surplus(&mut cells, header)
            .and_then(|()| row.take_number(&cells, header, rules.country))
            .and_then(|()| row.take_cells(&cells, header, now))
            .and_then(|()| row.take_name(&cells, header));
        if let Err((value, problem)) = taken {
            return Err(Box::new((cells, value, problem)));
        }
        for tag in rules.tags {
            tags::give(&mut row.tags, tag);
        }
        Ok(Self { cells: cells.join("\0").into(), ..row })
    }

    pub(super) fn cells(&self) -> Vec<String> {
        self.cells.split('\0').map(str::to_owned).collect()
    }

    /// The first number that says it is WhatsApp's, else the first mobile one, else the first.
    fn take_number(
        &mut self,
        cells: &[String],
        header: &Header,
        country: &CountryCode,
    ) -> Result<(), (String, Problem)> {
        if header.numbers.is_empty() {
            return self.take_number_in_attributes(cells, header, country);
        }
        let mut landline: Option<(usize, String, bool)> = None;
        let mut found = None;
        let mut wrong: Option<(String, Problem)> = None;
        let code = header.code.and_then(|at| CountryCode::parse(cells.get(at)?).ok());
        let read = |text: &str| match &code {
            Some(code) if code != country => of_country(text, code, country),
            _ => normalize_phone(text, country),
        };
        'all: for &(at, is_whatsapp) in &header.numbers {
            let Some(cell) = cells.get(at).map(|cell| cell.trim()) else { continue };
            if is_no_value(cell) {
                continue;
            }
            let (text, is_formula) = plain_text(cell);
            if is_formula {
                wrong.get_or_insert((cell.to_owned(), Problem::Formula));
                continue;
            }
            let parts = numbers_in(&text, &read);
            let is_several = parts.len() > 1;
            for part in parts {
                match part {
                    Ok(digits) if is_whatsapp || !country.is_landline(&digits) => {
                        found = Some((at, digits, is_several));
                        break 'all;
                    }
                    Ok(digits) => drop(landline.get_or_insert((at, digits, is_several))),
                    Err(reason) => {
                        let is_word = |text: &str| !text.contains(|c: char| c.is_ascii_digit());
                        if wrong.as_ref().is_none_or(|(before, _)| is_word(before)) {
                            wrong = Some((cell.to_owned(), Problem::Phone { reason }));
                        }
                    }
                }
            }
        }
        let Some((chosen, digits, is_several)) = found.or(landline) else {
            let name = || header.name_sources.iter().find_map(|parts| joined(cells, parts));
            return Err(wrong.unwrap_or_else(|| (name().unwrap_or_default(), Problem::NoNumber)));
        };
        self.number = format!("+{digits}");
        // Other numbers of the person stay known.
        for &(at, _) in &header.numbers {
            let (Some(cell), Column::Number(name)) = (cells.get(at), &header.columns[at]) else {
                continue;
            };
            let cell = cell.trim();
            let has_more = if at == chosen { is_several } else { has_number(cell) };
            if has_more && normalize_phone(cell, country).ok().as_ref() != Some(&digits) {
                let text = plain_text(cell).0;
                self.take_attribute(name, &text).map_err(|problem| (cell.to_owned(), problem))?;
            }
        }
        Ok(())
    }

    /// From `{"phone":"0812…"}` among the attributes: listmonk has no column for numbers.
    fn take_number_in_attributes(
        &mut self,
        cells: &[String],
        header: &Header,
        country: &CountryCode,
    ) -> Result<(), (String, Problem)> {
        let is_json = |column: &Column| matches!(column, Column::Attributes(_));
        let column = header.columns.iter().position(is_json).and_then(|at| cells.get(at));
        let written = column.and_then(|cell| number_among(cell));
        let Some(written) = written else { return Err((String::new(), Problem::NoNumber)) };
        let digits = normalize_phone(&written, country);
        let digits = digits.map_err(|reason| (written, Problem::Phone { reason }))?;
        self.number = format!("+{digits}");
        Ok(())
    }

    fn take_cells(
        &mut self,
        cells: &[String],
        header: &Header,
        now: &str,
    ) -> Result<(), (String, Problem)> {
        for (column, cell) in header.columns.iter().zip(cells) {
            if cell.is_empty() || matches!(column, Column::Ignored | Column::Number(_)) {
                continue;
            }
            let cell = cell.trim();
            if !is_no_value(cell) {
                self.take(column, cell, now).map_err(|problem| (cell.to_owned(), problem))?;
            }
        }
        Ok(())
    }

    fn take(&mut self, column: &Column, cell: &str, now: &str) -> Result<(), Problem> {
        let (text, is_formula) = plain_text(cell);
        if is_formula {
            return Err(Problem::Formula);
        }
        match column {
            Column::Name | Column::Number(_) | Column::Ignored => {}
            Column::Tags => self.take_tags(&text)?,
            Column::OptOut(out, heading) => {
                let at = time(&text);
                let is_out = match (out, &at) {
                    // MySQL's way to say never.
                    _ if text.starts_with("0000-00-00") => Some(false),
                    (OptOut::Yes, Some(_)) => Some(true),
                    // The time of a consent.
                    (_, Some(_)) => Some(false),
                    _ => out.read(&text),
                };
                match is_out {
                    Some(true) => self.opted_out_at = at.or_else(|| Some(now.to_owned())),
                    Some(false) if !out.is_soft() => {}
                    None if !out.is_soft() => {
                        return Err(Problem::NoOptOut { heading: heading.clone() });
                    }
                    Some(false) => self.take_attribute(heading, &text)?,
                    None => {
                        self.unclear.push((heading.clone(), shorten(&text)));
                        self.take_attribute(heading, &text)?;
                    }
                }
            }
            Column::EmailOptOut(out, heading) => {
                self.is_out_of_email |= out.read(&text) == Some(true);
                self.take_attribute(heading, &text)?;
            }
            Column::Attribute(name) => self.take_attribute(name, &text)?,
            Column::Attributes(name) => match attributes(&text) {
                Some(object) => self.take_more(object)?,
                // Somebody's own column of that name.
                None => self.take_attribute(name, &text)?,
            },
        }
        Ok(())
    }

    /// The first name that is one; a number is none.
    fn take_name(&mut self, cells: &[String], header: &Header) -> Result<(), (String, Problem)> {
        let mut named = header.name_sources.iter().filter_map(|parts| joined(cells, parts));
        self.name = named.next();
        match &self.name {
            Some(name) if name.len() > NAME_CHARS_MAX && name.chars().count() > NAME_CHARS_MAX => {
                Err((name.clone(), Problem::TooManyCharacters { max: NAME_CHARS_MAX }))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn take_attribute(&mut self, name: &str, text: &str) -> Result<(), Problem> {
        let value = limited(text, VALUE_CHARS_MAX, lines)?;
        self.attributes.extend(value.map(|value| (name.to_owned(), value)));
        Ok(())
    }

    fn take_more(&mut self, object: Map<String, Value>) -> Result<(), Problem> {
        for (key, value) in object {
            if let Some(key) = limited(&key, KEY_CHARS_MAX, tidy)? {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                self.take_attribute(&key, &value)?;
            }
        }
        Ok(())
    }

    fn take_tags(&mut self, text: &str) -> Result<(), Problem> {
        for tag in tags::read(text) {
            // Groups of Google's own: `* myContacts`.
            if let Some(tag) =
                limited(&tag, TAG_CHARS_MAX, tidy)?.filter(|tag| !tag.starts_with("* "))
            {
                tags::give(&mut self.tags, &tag);
            }
            if self.tags.len() > TAGS_MAX {
                return Err(Problem::TooManyTags { max: TAGS_MAX });
            }
        }
        Ok(())
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let attributes = self.attributes.iter().flat_map(|(key, value)| [key, value]);
        let unclear = self.unclear.iter().flat_map(|(heading, text)| [heading, text]);
        let texts = self.name.iter().chain(&self.tags).chain(attributes).chain(unclear);
        200 + self.cells.len() + texts.map(|text| text.len() + 32).sum::<usize>()
    }
}

/// Notes the numbers of contacts whose spelling the index does not find. Returns whether there are any.
pub(super) fn note_odd_numbers(tx: &Tx<'_>, country: &CountryCode) -> SqlResult<bool> {
    tx.clear_noted_numbers()?;
    let mut is_any = false;
    tx.each_number(Numbers::Odd, |id, written| {
        if let Ok(digits) = normalize_phone(written, country) {
            is_any = true;
            tx.note_number(as_key(&digits), id)?;
        }
        Ok(())
    })?;
    Ok(is_any)
}

impl Import<'_> {
    /// Stores one row, perhaps only with the next ones in `new`. A preview only finds out the result.
    pub(super) fn store(
        &self,
        tx: &Tx<'_>,
        row: &Row,
        new: &mut Vec<Contact>,
    ) -> SqlResult<Merged> {
        let is_new = |contact: &Contact| contact.phone_number == row.number;
        if new.len() == INSERTED_TOGETHER || new.iter().any(is_new) {
            self.add_all(tx, new)?;
        }
        let known = match self.find(tx, row)? {
            Some(SEEN) => return Ok(Merged::Changed),
            Some(id) => tx.contact(id)?,
            None => None,
        };
        match known {
            Some(known) => self.merge(tx, row, known),
            None => self.add(tx, row, new),
        }
    }

    fn find(&self, tx: &Tx<'_>, row: &Row) -> SqlResult<Option<i64>> {
        match tx.contacts_with_spelling(&row.number)?.first().copied() {
            None if self.has_noted || self.rules.is_preview => tx.noted_number(as_key(&row.number)),
            found => Ok(found),
        }
    }

    /// Stores the contacts that wait.
    pub(super) fn add_all(&self, tx: &Tx<'_>, new: &mut Vec<Contact>) -> SqlResult<()> {
        tx.insert_contacts(new, &self.now)?;
        new.clear();
        Ok(())
    }

    fn add(&self, tx: &Tx<'_>, row: &Row, new: &mut Vec<Contact>) -> SqlResult<Merged> {
        if self.rules.is_preview {
            tx.note_number(as_key(&row.number), SEEN)?;
            return Ok(Merged::Added);
        }
        let named = row.attributes.iter().map(|(key, value)| (key.clone(), value.as_str().into()));
        new.push(Contact {
            tags: tags::to_column(&row.tags),
            attributes: Value::Object(named.collect()).to_string(),
            opted_out_at: row.opted_out_at.clone(),
            ..Contact::new(row.name.clone(), row.number.clone())
        });
        Ok(Merged::Added)
    }

    /// Filled cells replace the values of the contact, tags are added, and blank cells change nothing.
    fn merge(&self, tx: &Tx<'_>, row: &Row, mut contact: Contact) -> SqlResult<Merged> {
        let Some(mut attributes) = attributes(&contact.attributes) else {
            return Ok(Merged::Refused(Problem::NoObject { id: contact.id }));
        };
        let mut tags = tags::read(&contact.tags);
        let mut is_changed = false;
        for tag in &row.tags {
            is_changed |= tags::give(&mut tags, tag);
        }
        for (key, value) in &row.attributes {
            let known = attribute_called(&attributes, key);
            if !known.is_some_and(|(_, old)| is_text(old, value)) {
                set_attribute(&mut attributes, key, value.as_str().into());
                is_changed = true;
            }
        }
        is_changed |= row.name.is_some() && row.name != contact.name;
        is_changed |= row.opted_out_at.is_some() && contact.opted_out_at.is_none();
        if !is_changed {
            return Ok(Merged::Same);
        }
        if !self.rules.is_preview {
            contact.name = row.name.clone().or(contact.name);
            contact.tags = tags::to_column(&tags);
            contact.attributes = Value::Object(attributes).to_string();
            contact.opted_out_at = contact.opted_out_at.or(row.opted_out_at.clone());
            tx.update_contact(&contact, &self.now)?;
        }
        Ok(Merged::Changed)
    }
}

/// The text of a cell without its protection from spreadsheets (`'=x`, `="0812"`); whether it is a formula.
fn plain_text(cell: &str) -> (Cow<'_, str>, bool) {
    let quoted = cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    if let Some(inner) = quoted.filter(|inner| !inner.contains('"')) {
        return (inner.trim().into(), false);
    }
    let is_formula = cell.starts_with('=')
        || (cell.starts_with(['+', '-', '@']) && cell.contains('|') && cell.contains('!'));
    (unguard(cell), is_formula)
}

/// What stands beyond the headings belongs to a last cell of text: an address with a comma, say.
fn take_surplus(cells: &mut Vec<String>, header: &Header) -> Result<(), (String, Problem)> {
    let columns = header.columns.len();
    if cells.len() <= columns {
        return Ok(());
    }
    let count = cells.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |at| at + 1);
    match header.columns.last() {
        _ if count <= columns => cells.truncate(columns),
        Some(Column::Attribute(_)) if count > 0 => {
            cells.truncate(count);
            let separator = char::from(header.delimiter).to_string();
            let rest = cells.split_off(columns - 1).join(&separator);
            cells.push(rest);
        }
        _ => {
            let value = cells[columns].trim().to_owned();
            return Err((value, Problem::TooManyCells { count, columns }));
        }
    }
    Ok(())
}

/// The numbers in a cell: one as it stands, or those between ` ::: `, slashes and the like. Words that say
/// nothing but what it is may stand beside a number, as in `WA: 0812…`; the name of somebody else may not.
pub(super) fn numbers_in(
    cell: &str,
    read: &dyn Fn(&str) -> Result<String, Reason>,
) -> Vec<Result<String, Reason>> {
    let whole = |part: &str| match read(part) {
        Err(reason) => plain_number(part).and_then(|plain| read(&plain).ok()).ok_or(reason),
        digits => digits,
    };
    if cell.contains(BETWEEN) {
        let parts = cell.split(BETWEEN).map(str::trim).filter(|part| !is_no_value(part));
        return parts.map(whole).collect();
    }
    let one = whole(cell);
    if one.is_ok() {
        return vec![one];
    }
    let parted = [" atau ", " dan ", " or ", " and "]
        .iter()
        .fold(cell.to_lowercase(), |text, word| text.replace(word, "/"));
    let parts = parted.split(['/', '&', ',', ';', '|', '\n']).map(str::trim);
    let all: Result<Vec<String>, Reason> = parts
        .filter(|part| !part.is_empty())
        .map(|part| if has_number(part) { whole(part) } else { Err(Reason::NumberEmpty) })
        .collect();
    match all {
        Ok(all) if all.len() > 1 => all.into_iter().map(Ok).collect(),
        Ok(_) | Err(_) => vec![one],
    }
}

/// A number without the words beside it, or without the decimals of a program that took it for an amount.
fn plain_number(text: &str) -> Option<String> {
    const WORDS: [&str; 17] = [
        "wa", "whatsapp", "hp", "no", "nowa", "nohp", "nomor", "telp", "tlp", "telepon", "tel",
        "phone", "mobile", "ponsel", "aktif", "utama", "baru",
    ];
    if let Some(digits) = text.strip_suffix(".0").filter(|digits| digits.len() >= 9) {
        return digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.to_owned());
    }
    let is_letter = |c: char| c.is_alphabetic();
    let mut words = text.split(|c: char| !is_letter(c)).filter(|word| !word.is_empty()).peekable();
    words.peek()?;
    let is_plain = words.all(|word| WORDS.contains(&word.to_lowercase().as_str()));
    let rest: String = text.chars().filter(|c| !is_letter(*c)).collect();
    let rest = rest.trim_matches(|c: char| c.is_whitespace() || ":.-/()=".contains(c));
    is_plain.then(|| rest.to_owned())
}

/// A number of the country that another column names: never one of ours by mistake.
fn of_country(text: &str, code: &CountryCode, ours: &CountryCode) -> Result<String, Reason> {
    let (text, digits) = (text.trim(), code.to_string());
    if text.starts_with(['+', '0']) {
        normalize_phone(text, code)
    } else if text.starts_with(&digits) {
        Err(Reason::NumberWithoutCountry { written: text.to_owned() })
    } else {
        normalize_phone(&format!("+{digits}{text}"), ours)
    }
}

/// The text that `clean` makes of it; `None` when nothing is left.
fn limited(
    text: &str,
    chars_max: usize,
    clean: fn(&str) -> String,
) -> Result<Option<String>, Problem> {
    // Bytes first: counting characters takes longer.
    if text.len() > chars_max && text.chars().count() > chars_max {
        return Err(Problem::TooManyCharacters { max: chars_max });
    }
    let text = clean(text);
    Ok((!text.is_empty()).then_some(text))
}

/// Without the blanks around it and without control characters; its lines stay.
fn lines(text: &str) -> String {
    if text.contains(|c: char| c.is_control()) {
        text.split(['\n', '\r'])
            .map(tidy)
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>()
            .join("\n")
    } else {
        text.trim().to_owned()
    }
}

/// The value of the key in a JSON object that is named as a phone number, the surest of them.
pub(super) fn number_among(cell: &str) -> Option<String> {
    let object = attributes(cell).unwrap_or_default();
    let numbers = object.into_iter().filter_map(|(key, value)| match meaning(&key) {
        Meaning::Number(kind) if kind > NumberKind::Weak => Some((kind, value)),
        _ => None,
    });
    let value = numbers.max_by_key(|(kind, _)| *kind)?.1;
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// The parts of a name in one; `None` when there is none, or only a number.
fn joined(cells: &[String], parts: &[usize]) -> Option<String> {
    let parts = parts.iter().filter_map(|at| cells.get(*at)).map(|cell| cell.trim());
    let mut name = String::new();
    for part in parts.filter(|part| !is_no_value(part)) {
        let (text, is_formula) = plain_text(part);
        if !is_formula {
            name.push_str(if name.is_empty() { "" } else { " " });
            name.push_str(&tidy(&text));
        }
    }
    let is_name = name.contains(char::is_alphabetic) || !has_number(&name) && !name.is_empty();
    is_name.then_some(name)
}

/// Whether it has as many digits as a phone number.
fn has_number(text: &str) -> bool {
    text.bytes().filter(u8::is_ascii_digit).count() >= 6
}

/// A time as people, SQLite, Postgres and spreadsheets write it, or a date; UTC unless it says else.
fn time(text: &str) -> Option<String> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) || text.len() < 8 {
        return None;
    }
    let utc = Zone::parse("UTC").ok()?;
    let at = Timestamp::parse(text)
        .or_else(|| schedule::parse_local(text, &utc).ok())
        .or_else(|| schedule::parse_local(&format!("{text} 00:00"), &utc).ok());
    at.map(|at| at.to_string())
}

/// Whether a stored value is this text; a JSON number is the same as its digits.
fn is_text(old: &Value, text: &str) -> bool {
    match old {
        Value::String(old) => old == text,
        Value::Number(number) => number.to_string() == text,
        Value::Bool(truth) => truth.to_string() == text,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}
