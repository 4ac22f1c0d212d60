//! Texts with placeholders: `Halo {{name|Kak}}, saldo Anda {{saldo}}`. Pure: no SQL, no clock.
//!
//! A placeholder is `{{`, a name, perhaps `|` and a fallback, and `}}`, on one line and without braces
//! in it. A name matches in any case, and blanks, underscores and hyphens are alike: `{{No Order}}`
//! is the attribute `no_order`. What is no placeholder (`{{` that nothing closes, `{{}}`) stays as it
//! is written; [`Template::oddities`] names it, so that a person can be asked first.
//!
//! `{{pilih: Halo {{name}} | Hai | Selamat pagi}}`, or `{{choose: …}}`, is one of its options, which may have
//! placeholders and line ends: not everybody gets the same text. The recipient and the time that it is due decide
//! which one, so that a forecast shows it and a retry keeps it; an option that lacks a value is not taken.
//!
//! A value is never a template: what a customer's name holds is printed as it is.

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::reason::Reason;

/// The longest text that WhatsApp takes, in UTF-16 units, as WhatsApp itself counts them.
pub(crate) const TEXT_UNITS_MAX: usize = 65_536;

/// A longer name is none: somebody's braces around a whole sentence.
const NAME_CHARS_MAX: usize = 60;
/// How much of an oddity is shown, in characters.
const SHOWN_CHARS_MAX: usize = 30;
/// From here on a fraction is not printed as a person wrote it.
const FLOAT_MAX: f64 = 1e15;

/// Filters of other programs that change a value; as a fallback they would go out as a word.
const FILTERS: &str =
    "upcase downcase capitalize title upper lower trim strip escape safe e raw first titlecase";

/// Names of a person's name in the placeholders of others, in the folded form. Only these words are
/// refused in brackets: `[promo]` is a text, and `[kota]` may be a form that readers fill in.
const OTHERS_NAMES: &str = "nama,name,nama lengkap,nama depan,nama belakang,nama panggilan,\
    nama pelanggan,nama customer,nama konsumen,nama pasien,nama siswa,nama kontak,nama penerima,\
    first name,firstname,fname,last name,lastname,lname,full name,fullname,contact name,\
    customer name,recipient name";

/// How a choice begins, in any case, before its colon.
const CHOICES: [&str; 2] = ["pilih", "choose"];
/// A longer one is none: otherwise a text of nothing but beginnings would be gone through again and again.
const CHOICE_BYTES_MAX: usize = 4096;
/// So many choices within each other are read.
const CHOICE_DEPTH_MAX: u8 = 3;

/// What the import takes for these columns, in the folded form.
const NAMES: [&str; 2] = ["name", "nama"];
const PHONES: [&str; 8] =
    ["phone number", "phone", "nomor", "no hp", "hp", "whatsapp", "wa", "nomor hp"];

/// A text, parted into what is fixed and what is filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
    /// See [`Template::foreign`].
    foreign: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Fixed(String),
    Placeholder(Placeholder),
    /// The options of a choice.
    Choice(Vec<Vec<Part>>),
}

/// One `{{…}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placeholder {
    /// The name as written, without the blanks around it.
    pub(crate) name: String,
    /// What stands in when there is no value; may be empty.
    pub(crate) fallback: Option<String>,
    /// The name in the form that is compared.
    key: String,
}

/// What is known of one recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Values {
    name: Option<String>,
    phone_number: Option<String>,
    /// Folded names with their values, printed.
    attributes: Vec<(String, String)>,
    /// What decides a choice, beside its place in the text.
    chooses_by: String,
}

/// Whether a text may have placeholders at all, of ours or of another program. Only such a text has to be
/// parsed. The store's `MAY_BE_TEMPLATE` says the same in SQL.
pub(crate) fn is_template(text: &str) -> bool {
    text.contains(['{', '[', '%', '<', '«']) || text.contains("*|")
}

/// The length of a text as WhatsApp counts it, in UTF-16 units.
pub(crate) fn text_units(text: &str) -> usize {
    text.encode_utf16().count()
}

impl Template {
    /// Parts a text. Every text is a template: what is no placeholder is fixed.
    pub fn parse(text: &str) -> Self {
        let parts = parts_of(text, 0);
        let foreign = foreign_among(&parts);
        Self { parts, foreign }
    }

    /// The placeholders, in their order; one that stands twice comes twice.
    pub(crate) fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        all_parts(&self.parts).into_iter().filter_map(|part| match part {
            Part::Placeholder(placeholder) => Some(placeholder),
            Part::Fixed(_) | Part::Choice(_) => None,
        })
    }

    /// Whether the text is not the same for everybody.
    pub(crate) fn varies(&self) -> bool {
        self.parts.iter().any(|part| !matches!(part, Part::Fixed(_)))
    }

    /// What looks like a placeholder gone wrong and would go out as it is written: double braces
    /// that are left over, and single ones around a word. Shortened, in their order.
    pub(crate) fn oddities(&self) -> Vec<String> {
        let mut found = Vec::new();
        for part in all_parts(&self.parts) {
            let Part::Fixed(text) = part else { continue };
            for line in text.lines() {
                found.extend(odd_braces(line));
            }
        }
        found
    }

    /// A placeholder of another program, which nobody would fill in: `*|FNAME|*`, `{% if %}`,
    /// `{contactfield=firstname}`, `{{{name}}}`, `{{name | upcase}}`, `[Nama]`. Shortened; a message with one
    /// must not go out.
    pub(crate) fn foreign(&self) -> Option<&str> {
        self.foreign.as_deref()
    }

    /// The exact text for a recipient.
    pub(crate) fn render(&self, values: &Values) -> Result<String, Reason> {
        if let Some(placeholder) = self.foreign.clone() {
            return Err(Reason::ForeignPlaceholder { placeholder });
        }
        let mut text = String::new();
        fill_in(&self.parts, values, &mut 0, &mut text)?;
        // A text that was blank before may be: a picture needs no words.
        let was_blank = self.parts.iter().all(|part| match part {
            Part::Fixed(fixed) => fixed.trim().is_empty(),
            Part::Placeholder(_) | Part::Choice(_) => false,
        });
        if text.trim().is_empty() && !was_blank {
            return Err(Reason::BlankText);
        }
        if text.contains('\0') {
            return Err(Reason::NulInText);
        }
        let text = with_line_feeds(&text).into_owned();
        match text_units(&text) {
            units if units > TEXT_UNITS_MAX => {
                let (characters, most) = (units as u64, TEXT_UNITS_MAX as u64);
                Err(Reason::FilledTextTooLong { characters, most })
            }
            _ => Ok(text),
        }
    }
}

impl Values {
    /// What is known of the recipient with this name, chat id and `contacts.attributes`. The phone
    /// number is the one that the message goes to, as `+6281234567890`; a group has none. Attributes
    /// that are no JSON object are no attributes. `due_at` is when the message is due, for a retry when it
    /// first was; choices go by it.
    pub(crate) fn new(
        name: Option<&str>,
        chat_id: &str,
        attributes: Option<&str>,
        due_at: Option<Timestamp>,
    ) -> Self {
        let number = chat_id.strip_suffix("@c.us");
        let attributes = attributes
            .and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok())
            .unwrap_or_default();
        Self {
            name: name.and_then(filled),
            phone_number: number.map(|digits| format!("+{digits}")),
            attributes: attributes
                .iter()
                .filter_map(|(name, value)| Some((fold(name), filled(&print(value)?)?)))
                .collect(),
            chooses_by: format!("{chat_id} {}", due_at.map_or(0, Timestamp::secs)),
        }
    }

    /// One of `count` options of the choice that comes `nth` in the text.
    fn choose(&self, nth: u32, count: usize) -> usize {
        let hash = Sha256::digest(format!("{} {nth}", self.chooses_by));
        let number = hash.iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        number as usize % count
    }

    /// The value of a placeholder. `name` and `phone_number` are the recipient's own; their other
    /// names (`nama`, `nomor` …) are so only when no attribute is called that.
    pub(crate) fn get(&self, placeholder: &Placeholder) -> Option<&str> {
        let key = placeholder.key.as_str();
        let own = if NAMES.contains(&key) {
            self.name.as_deref()
        } else if PHONES.contains(&key) {
            self.phone_number.as_deref()
        } else {
            None
        };
        // Of two that SQL wrote with one name, the later one.
        let mut named = self.attributes.iter().filter(|(name, _)| name == key);
        let attribute = named.next_back().map(|(_, value)| value.as_str());
        if key == NAMES[0] || key == PHONES[0] { own.or(attribute) } else { attribute.or(own) }
    }
}

/// `depth` is how many choices are around it.
fn parts_of(text: &str, depth: u8) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut fixed = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        fixed.push_str(&rest[..at]);
        if let Some((part, length)) = read_part(&rest[at..], depth) {
            if !fixed.is_empty() {
                parts.push(Part::Fixed(std::mem::take(&mut fixed)));
            }
            parts.push(part);
            rest = &rest[at + length..];
        } else {
            // One brace only: in `{{{name}}}` the placeholder is the inner one.
            fixed.push('{');
            rest = &rest[at + 1..];
        }
    }
    fixed.push_str(rest);
    if !fixed.is_empty() {
        parts.push(Part::Fixed(fixed));
    }
    parts
}

/// Reads the choice or the placeholder at the beginning of a text, and how many bytes it takes.
fn read_part(text: &str, depth: u8) -> Option<(Part, usize)> {
    let choice = if depth < CHOICE_DEPTH_MAX { read_choice(text, depth) } else { None };
    choice.or_else(|| {
        read_placeholder(text).map(|(placeholder, length)| (Part::Placeholder(placeholder), length))
    })
}

fn read_choice(text: &str, around: u8) -> Option<(Part, usize)> {
    let options = after_choice_word(text)?;
    let mut parted = Vec::new();
    let begin = text.len() - options.len();
    let options = &options[..options.floor_char_boundary(CHOICE_BYTES_MAX)];
    let (mut from, mut at, mut depth) = (0, 0, 0_u32);
    loop {
        let step = at + options[at..].find(['{', '}', '|'])?;
        at = step + 1;
        match &options[step..] {
            left if left.starts_with("{{") => (depth, at) = (depth + 1, step + 2),
            left if left.starts_with("}}") && depth == 0 => {
                parted.push(&options[from..step]);
                let length = begin + step + "}}".len();
                let options: Vec<_> =
                    parted.iter().map(|option| parts_of(option.trim(), around + 1)).collect();
                return Some((Part::Choice(options), length));
            }
            left if left.starts_with("}}") => (depth, at) = (depth - 1, step + 2),
            left if left.starts_with('|') && depth == 0 => {
                parted.push(&options[from..step]);
                from = at;
            }
            _ => {}
        }
    }
}

/// What follows on `{{pilih:`, or on `{{pilih :`.
fn after_choice_word(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("{{")?.trim_start();
    CHOICES.iter().find_map(|word| {
        let begin = inner.get(..word.len())?;
        let is_it = begin.eq_ignore_ascii_case(word);
        is_it.then(|| inner[word.len()..].trim_start().strip_prefix(':'))?
    })
}

/// Every part, and those in the options of choices.
fn all_parts(parts: &[Part]) -> Vec<&Part> {
    let mut all = Vec::new();
    for part in parts {
        all.push(part);
        if let Part::Choice(options) = part {
            all.extend(options.iter().flat_map(|option| all_parts(option)));
        }
    }
    all
}

/// Writes the parts for a recipient to `text`. `nth` is how many choices came before, taken or not.
fn fill_in(
    parts: &[Part],
    values: &Values,
    nth: &mut u32,
    text: &mut String,
) -> Result<(), Reason> {
    for part in parts {
        match part {
            Part::Fixed(fixed) => text.push_str(fixed),
            Part::Placeholder(placeholder) => {
                let value = values.get(placeholder).or(placeholder.fallback.as_deref());
                let no_value = || Reason::NoValue { placeholder: placeholder.name.clone() };
                text.push_str(value.ok_or_else(no_value)?);
            }
            Part::Choice(options) => {
                *nth += 1;
                let place = *nth;
                let (mut filled, mut missing) = (Vec::new(), None);
                for option in options {
                    let mut written = String::new();
                    match fill_in(option, values, nth, &mut written) {
                        Ok(()) => filled.push(written),
                        Err(why) => missing = Some(why),
                    }
                }
                match missing {
                    Some(why) if filled.is_empty() => return Err(why),
                    _ => text.push_str(&filled[values.choose(place, filled.len())]),
                }
            }
        }
    }
    Ok(())
}

/// Reads the placeholder at the beginning of a text, and how many bytes it takes.
fn read_placeholder(text: &str) -> Option<(Placeholder, usize)> {
    if after_choice_word(text).is_some() {
        return None; // One that nothing ends, or that is too long.
    }
    let inner = text.strip_prefix("{{")?;
    let end = inner.find(['{', '}', '\n', '\r'])?;
    if !inner[end..].starts_with("}}") {
        return None;
    }
    let (name, fallback) = match inner[..end].split_once('|') {
        Some((name, fallback)) => (name, Some(without_default(fallback.trim()).to_owned())),
        None => (&inner[..end], None),
    };
    let name = name.trim();
    let is_name = name.chars().any(char::is_alphanumeric)
        && name.chars().count() <= NAME_CHARS_MAX
        && !name.contains(char::is_control);
    let placeholder = Placeholder { name: name.to_owned(), fallback, key: fold(name) };
    is_name.then_some((placeholder, "{{".len() + end + "}}".len()))
}

/// The fallback in `default: 'Kak'`, as Liquid and Jinja write it, or the text itself.
fn without_default(fallback: &str) -> &str {
    let written = fallback.strip_prefix("default").map(str::trim_start).and_then(|rest| {
        let inner = rest.strip_prefix('(').and_then(|rest| rest.trim_end().strip_suffix(')'));
        rest.strip_prefix(':').or(inner).map(str::trim)
    });
    let Some(written) = written else { return fallback };
    let quoted = ['\'', '"', '’'].iter().find_map(|quote| {
        let start = if *quote == '’' { '‘' } else { *quote };
        written.strip_prefix(start)?.strip_suffix(*quote)
    });
    quoted.unwrap_or(written)
}

/// Whether two names are one to a placeholder.
pub(crate) fn is_same_name(one: &str, other: &str) -> bool {
    one == other || fold(one) == fold(other)
}

/// The form in which names are compared.
fn fold(name: &str) -> String {
    let is_gap = |c: char| c.is_whitespace() || matches!(c, '_' | '-');
    let words: Vec<&str> = name.split(is_gap).filter(|word| !word.is_empty()).collect();
    words.join(" ").to_lowercase()
}

/// A value as a customer reads it; nothing for null, an object, or a number that is not exact.
fn print(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Object(_) => None,
        Value::Bool(truth) => Some(truth.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_f64() => {
            number.as_f64().filter(|float| float.abs() < FLOAT_MAX).map(|float| float.to_string())
        }
        Value::Number(number) => Some(number.to_string()),
        Value::Array(values) => {
            let mut printed = String::new();
            for value in values.iter().filter_map(print) {
                let comma = if printed.is_empty() { "" } else { ", " };
                // Writing into a String cannot fail.
                let _ = write!(printed, "{comma}{value}");
            }
            Some(printed)
        }
    }
}

/// Without the blanks around it; nothing when it is blank.
fn filled(text: &str) -> Option<String> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn foreign_among(parts: &[Part]) -> Option<String> {
    parts.iter().enumerate().find_map(|(at, part)| match part {
        Part::Placeholder(placeholder) => {
            let filter = placeholder.fallback.as_deref()?.rsplit('|').next()?.trim();
            let name = &placeholder.name;
            FILTERS
                .split(' ')
                .any(|known| known == filter)
                .then(|| format!("{{{{{name} | {filter}}}}}"))
        }
        Part::Choice(options) => options.iter().find_map(|option| foreign_among(option)),
        Part::Fixed(text) => {
            let named = match parts.get(at + 1) {
                Some(Part::Placeholder(next)) if text.ends_with('{') => {
                    Some(format!("{{{{{{{}}}}}}}", next.name))
                }
                _ => None,
            };
            named.or_else(|| foreign_in(text))
        }
    })
}

/// The first thing in a fixed text that only another program, or a person, would fill in.
fn foreign_in(text: &str) -> Option<String> {
    let between = |open: &str, close: &str, is_it: fn(&str) -> bool| {
        text.match_indices(open).find_map(|(at, _)| {
            let inner = &text[at + open.len()..];
            let inner = &inner[..inner.find(close)?];
            let found = || format!("{open}{inner}{close}").chars().take(SHOWN_CHARS_MAX).collect();
            (is_it(inner) && !inner.contains('\n')).then(found)
        })
    };
    let is_word = |inner: &str| {
        !inner.is_empty()
            && inner.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '.' | ' '))
    };
    let choice = text.match_indices("{{").map(|(at, _)| &text[at..]);
    let choice = choice.filter(|left| after_choice_word(left).is_some());
    if let Some(left) = choice.map(|left| left.chars().take(SHOWN_CHARS_MAX).collect()).next() {
        return Some(left);
    }
    let is_name = |inner: &str| OTHERS_NAMES.split(',').any(|name| name == fold(inner));
    let named = [("[", "]"), ("<<", ">>"), ("«", "»"), ("%", "%"), ("{", "}")];
    between("*|", "|*", is_word)
        .or_else(|| between("{%", "%}", |inner| !inner.trim().is_empty()))
        .or_else(|| between("{", "}", |inner| inner.starts_with("contactfield=")))
        .or_else(|| named.iter().find_map(|(open, close)| between(open, close, is_name)))
}

/// `[kota]`: perhaps a placeholder of people, or a form that readers fill in.
fn bracketed(line: &str) -> impl Iterator<Item = String> + '_ {
    const WORDS: [&str; 7] = ["nomor", "no hp", "phone", "kota", "city", "alamat", "address"];
    line.match_indices('[').filter_map(|(at, _)| {
        let inner = &line[at + 1..];
        let inner = &inner[..inner.find(']')?];
        WORDS.contains(&fold(inner).as_str()).then(|| format!("[{inner}]"))
    })
}

fn odd_braces(line: &str) -> Vec<String> {
    let short = |text: &str| text.chars().take(SHOWN_CHARS_MAX).collect::<String>();
    if let Some(at) = line.find("{{") {
        return vec![short(&line[at..])];
    }
    if let Some(at) = line.find("}}") {
        let from = line[..at].char_indices().rev().nth(SHOWN_CHARS_MAX / 2).map_or(0, |(at, _)| at);
        return vec![short(&line[from..])];
    }
    let mut found: Vec<String> = bracketed(line).collect();
    let mut rest = line;
    while let Some(at) = rest.find('{') {
        let Some(length) = rest[at..].find('}') else { break };
        // The innermost, of several.
        let begin = at + rest[at..at + length].rfind('{').unwrap_or_default();
        let inner = &rest[begin + 1..at + length];
        let is_word = !inner.trim().is_empty()
            && inner.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' '));
        let shown = short(&rest[begin..=at + length]);
        if inner.contains('|') && !shown.ends_with('}') {
            let begins_another = if shown.contains('|') { "" } else { "…|" };
            found.push(format!("{shown}{begins_another}…}}"));
        } else if is_word || inner.contains('|') {
            found.push(shown);
        }
        rest = &rest[at + length..];
    }
    found
}

/// What somebody meant who wrote an oddity in single braces or brackets: `{{nama}}` by `{nama}`, a choice by
/// `{Halo|Hai}`, as other programs write one. `{{Halo|Hai}}` would be a fallback, which everybody gets.
pub(crate) fn meant_by(oddity: &str) -> String {
    if oddity.contains("{{") || oddity.contains("}}") {
        return meant_by_double(oddity);
    }
    let inner = oddity.trim_matches(['{', '}', '[', ']']);
    let choice = if inner.contains('|') { "pilih: " } else { "" };
    format!("{{{{{choice}{inner}}}}}")
}

/// The same of double braces that are left over, with what else stands on the line: `{{name}}` by `{{name}, halo`.
fn meant_by_double(oddity: &str) -> String {
    let inner = match (oddity.split_once("{{"), oddity.split_once("}}")) {
        (Some((_, rest)), _) => match rest.split_once(['{', '}']) {
            Some((inner, _)) => inner.trim(),
            None => rest.split_whitespace().next().unwrap_or_default(),
        },
        (None, Some((before, _))) => {
            before.split(['{', ' ']).next_back().unwrap_or_default().trim()
        }
        (None, None) => "",
    };
    let inner = if inner.is_empty() { "name|Kak" } else { inner };
    format!("{{{{{inner}}}}}")
}

/// The text with every line end as a line feed, as WhatsApp keeps it.
pub(crate) fn with_line_feeds(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether two texts are the same once WhatsApp has them: it keeps no blanks around them.
pub(crate) fn is_same_text(one: &str, other: &str) -> bool {
    with_line_feeds(one).trim() == with_line_feeds(other).trim()
}

#[cfg(test)]
mod tests;
