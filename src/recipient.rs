//! Recipients: the `contact_ids` of a message in every form seen in the wild, phone numbers in every
//! spelling, and the chat ids that WAHA wants.
//!
//! It holds no state and does no input or output: no SQL, no network, no clock. It must never guess
//! in a way that could reach the wrong person: what is doubtful becomes an [`Entry::Invalid`] or a
//! [`Reason`], with the reason and the remedy in words, and nothing is dropped silently.

use std::fmt;

use crate::reason::{EntryFlaw, Reason};

mod chat;
mod entries;
mod object;
mod phone;
mod plain;
mod postgres;
mod spelling;
#[cfg(test)]
mod tests;

pub(crate) use object::{Named, Parted, SKIP_KEY, part};
pub use phone::{CountryCode, normalize_phone, phone_to_chat};
pub(crate) use plain::excepted;
pub(crate) use spelling::is_invisible;

/// The most text that `contact_ids` may hold, in bytes: room for 100,000 objects.
const TEXT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The most entries in one message: at a minute each, they take ten weeks.
const ENTRIES_MAX: usize = 100_000;
/// The most characters of somebody's text that an entry or an error repeats.
const SHOWN_CHARS_MAX: usize = 40;
/// The most stars that [`mask_phone`] writes.
const STARS_MAX: usize = 32;

/// A chat's address as WAHA wants it: `<digits>@c.us`, `<id>@g.us`, `<id>@lid` or `<id>@newsletter`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChatId(String);

impl ChatId {
    /// The whole address, such as `6281234567890@c.us`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One entry of `contact_ids`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The id of a row in `contacts`, 1 or more.
    Contact(i64),
    /// Somebody named by a phone number.
    Person {
        /// The id of a row in `contacts`, when the entry has that too.
        contact_id: Option<i64>,
        /// The number as written; [`phone_to_chat`] reads it.
        phone: String,
        /// The name in the entry; a number alone has none.
        name: Option<String>,
    },
    Chat {
        chat_id: ChatId,
        name: Option<String>,
    },
    /// Every contact with this tag.
    Tag(String),
    /// Every contact who has not opted out.
    All,
    /// Nobody of these, by whatever name the message has for them.
    Except(Box<Entry>),
    /// What names nobody, or might name the wrong one.
    Invalid {
        /// The entry as written, cut to 40 characters.
        raw: String,
        /// Why, and what to write instead.
        reason: Reason,
    },
}

/// The chat of stories: one delivery, which WAHA itself brings to everybody who may see it.
pub(crate) const STATUS_CHAT: &str = "status@broadcast";

impl Entry {
    fn invalid(raw: &str, reason: Reason) -> Self {
        Self::Invalid { raw: shorten(raw), reason }
    }
}

fn unreadable(cause: impl Into<EntryFlaw>) -> Reason {
    Reason::RecipientUnreadable { cause: cause.into() }
}

/// Why no entry at all could be read from `contact_ids`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// Broken JSON, or a broken Postgres array.
    #[error(
        "contact_ids `{shown}` cannot be read: write it like [1,2] or [\"081234567890\"], with phone \
         numbers in double quotes: {cause}"
    )]
    Unreadable {
        shown: String,
        /// What the parser stumbled over.
        cause: String,
    },
    #[error(
        "contact_ids holds {bytes} bytes, more than {TEXT_BYTES_MAX}: split it into several messages"
    )]
    TooLarge { bytes: usize },
    #[error("contact_ids names more than {ENTRIES_MAX} recipients: split it into several messages")]
    TooMany,
}

/// Reads the `contact_ids` column.
///
/// `None`, an empty text, `[]`, `{}` and `null` are no entries. What can be read in part gives an
/// [`Entry::Invalid`] for each part that cannot.
///
/// # Errors
/// When the text is unreadable (such as `[1,2`), has an exception that is, or is over the limits.
pub fn parse_contact_ids(raw: Option<&str>) -> Result<Vec<Entry>, RecipientError> {
    let Some(text) = raw else { return Ok(Vec::new()) };
    if text.len() > TEXT_BYTES_MAX {
        return Err(RecipientError::TooLarge { bytes: text.len() });
    }
    entries::read(text)
}

/// The elements of an array as Postgres writes it, `None` for NULL; the error says what is wrong with it.
pub(crate) fn postgres_elements(text: &str) -> Result<Vec<Option<String>>, String> {
    postgres::elements(text, 4, ENTRIES_MAX)
}

/// A chat id for people: `+6281234567890` for a person's, any other as it is.
pub(crate) fn shown(chat_id: &str) -> String {
    chat_id.strip_suffix("@c.us").map_or_else(|| chat_id.to_owned(), |digits| format!("+{digits}"))
}

/// The number of the person with this chat id, as `+6281234567890`: `6281234567890@c.us`, and
/// `6281234567890:7@s.whatsapp.net` for one of their devices. Other chats have none.
pub(crate) fn number_of_chat(chat_id: &str) -> Option<String> {
    let (local, suffix) = chat_id.split_at(chat_id.rfind('@')?);
    let digits = chat::without_device(local);
    let is_number = chat::is_person_suffix(suffix)
        && (8..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && spelling::is_digits(digits);
    is_number.then(|| format!("+{digits}"))
}

/// The number of a chat as deliveries have it, as E.164 digits, when it is one that WhatsApp can be asked about: not a group,
/// a channel, a status or a hidden number.
pub(crate) fn number_to_check(chat_id: &str) -> Option<&str> {
    chat_id.strip_suffix("@c.us").filter(|digits| spelling::is_digits(digits))
}

/// The hidden number in this chat id, as `<digits>@lid`: without the device in `998855500010:7@lid`.
pub(crate) fn lid_of_chat(chat_id: &str) -> Option<String> {
    let digits = chat::without_device(chat_id.strip_suffix("@lid")?);
    let is_id = (1..=chat::ID_BYTES_MAX).contains(&digits.len()) && spelling::is_digits(digits);
    is_id.then(|| format!("{digits}@lid"))
}

/// A phone number or chat id for a log line: the first 4 and the last 2 characters of the part
/// before a known `@` suffix remain, as in `6281*******90@c.us`. Six characters or fewer are all
/// hidden, and control characters never reach the log.
pub(crate) fn mask_phone(text: &str) -> String {
    let (local, suffix) = match text.rfind('@').map(|at| text.split_at(at)) {
        Some((local, suffix)) if chat::is_known_suffix(suffix) => (local, suffix),
        Some(_) | None => (text, ""),
    };
    let count = local.chars().count();
    if count <= 6 {
        return format!("{}{suffix}", "*".repeat(count));
    }
    let first = visible(local.chars().take(4));
    let last = visible(local.chars().skip(count - 2));
    format!("{first}{}{last}{suffix}", "*".repeat((count - 6).min(STARS_MAX)))
}

/// A sentence for the log: every run of seven or more digits is masked as a phone number.
pub fn mask_numbers(sentence: &str) -> String {
    let mut masked = String::with_capacity(sentence.len());
    let mut digits = String::new();
    for c in sentence.chars().chain(Some('\n')) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let is_phone = digits.len() >= 7;
        masked.push_str(&if is_phone { mask_phone(&digits) } else { digits.clone() });
        digits.clear();
        masked.push(c);
    }
    masked.pop(); // the line end that closed the last run
    masked
}

/// At most 40 characters of `text` on one line, for an entry or an error.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        None => visible(text.chars()),
        Some(_) => visible(text.chars().take(SHOWN_CHARS_MAX - 1)) + "…",
    }
}

/// Tabs and line breaks become spaces, other control characters a replacement sign.
fn visible(chars: impl Iterator<Item = char>) -> String {
    chars
        .map(|c| match c {
            _ if !c.is_control() => c,
            _ if c.is_whitespace() => ' ',
            _ => char::REPLACEMENT_CHARACTER,
        })
        .collect()
}
