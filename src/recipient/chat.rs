//! Chat ids as people and programs write them.
//!
//! It knows the kinds of address and which of them can be written to; a phone number in front of
//! `@c.us` is left to `phone` unless it is already in international form.

use super::phone::E164_DIGITS;
use super::spelling::{fold, is_digits, trim};
use super::{ChatId, Entry, unreadable};
use crate::reason::EntryFlaw;

const PERSON_SUFFIXES: [&str; 2] = ["@c.us", "@s.whatsapp.net"];
const OTHER_SUFFIXES: [&str; 3] = ["@g.us", "@lid", "@newsletter"];
/// Longer than any id of a group, channel or hidden person.
pub(super) const ID_BYTES_MAX: usize = 40;

/// Reads what has an `@` in it.
pub(super) fn read(raw: &str, name: Option<String>) -> Entry {
    let folded = fold(raw);
    let text = trim(&folded);
    let (local, suffix) = text.split_at(text.rfind('@').unwrap_or(text.len()));
    let suffix = suffix.to_ascii_lowercase();
    let local = without_device(trim(local));
    match suffix.as_str() {
        "@c.us" | "@s.whatsapp.net" => person(raw, local, name),
        "@g.us" if is_group(local) => chat(local, &suffix, name),
        "@lid" | "@newsletter" if is_digits(local) && local.len() <= ID_BYTES_MAX => {
            chat(local, &suffix, name)
        }
        "@g.us" | "@lid" | "@newsletter" => Entry::invalid(
            raw,
            unreadable(format!("the part before `{suffix}` is not an id: copy the chat id again")),
        ),
        "@broadcast" if local.eq_ignore_ascii_case("status") => chat("status", &suffix, name),
        "@broadcast" => Entry::invalid(raw, unreadable(EntryFlaw::BroadcastList)),
        _ if suffix.contains('.') && !suffix.contains(['/', ' ']) => {
            Entry::invalid(raw, unreadable(EntryFlaw::Email))
        }
        _ => Entry::invalid(
            raw,
            unreadable("not a chat id: it must end in @c.us, @g.us, @lid or @newsletter"),
        ),
    }
}

/// Whether it is the suffix of some chat id, in lower case or not.
pub(super) fn is_known_suffix(suffix: &str) -> bool {
    is_person_suffix(suffix)
        || OTHER_SUFFIXES.iter().any(|known| suffix.eq_ignore_ascii_case(known))
}

/// Whether it is the suffix of a chat id that is a phone number.
pub(super) fn is_person_suffix(suffix: &str) -> bool {
    PERSON_SUFFIXES.iter().any(|known| suffix.eq_ignore_ascii_case(known))
}

/// Without the device in `6281234567890:7@s.whatsapp.net`: the chat belongs to the person.
pub(super) fn without_device(local: &str) -> &str {
    match local.split_once(':') {
        Some((person, device)) if is_digits(device) => person,
        Some(_) | None => local,
    }
}

fn person(raw: &str, local: &str, name: Option<String>) -> Entry {
    if !is_digits(local) {
        return super::plain::read_phone(raw, local, name);
    }
    if local.starts_with('0') {
        return Entry::Person { contact_id: None, phone: local.to_owned(), name };
    }
    if E164_DIGITS.contains(&local.len()) {
        return chat(local, "@c.us", name);
    }
    let why = "the part before `@` is not a phone number: it needs 8 to 15 digits";
    Entry::invalid(raw, unreadable(why))
}

fn chat(local: &str, suffix: &str, name: Option<String>) -> Entry {
    Entry::Chat { chat_id: ChatId(format!("{local}{suffix}")), name }
}

/// `120363025246125486`, or as groups were named before: `6281234567890-1612345678`.
fn is_group(local: &str) -> bool {
    let (first, second) = local.split_once('-').unwrap_or((local, "0"));
    local.len() <= ID_BYTES_MAX && is_digits(first) && is_digits(second)
}
