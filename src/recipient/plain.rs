//! Entries in plain text: `1,2,3`, `0812…; 0813…`, one to a line, or with spaces between them.
//!
//! Commas, semicolons and line breaks separate; spaces and tabs are treacherous, because people
//! write them inside phone numbers too. Where both readings are possible, neither is taken.

use super::spelling::{
    PHONE_DIGITS_MIN, Spelling, count_digits, fold, is_blank, is_comma, is_digits, is_excel_number,
    is_line_break, strip_prefix_any_case, trim, without_link,
};
use super::{ENTRIES_MAX, Entry, chat, unreadable};
use crate::reason::{EntryFlaw, Reason};

const ALL: &str = "all";
/// What stands before a tag.
const TAG_PREFIX: &str = "tag:";
/// What stands before those who get nothing.
const EXCEPT_PREFIX: &str = "except:";
const EXCEPT_EACH: &str =
    "stands behind an exception: write `except:` before each of them, and others first";
/// Longer than any tag.
const TAG_CHARS_MAX: usize = 100;
/// From this many digits a part between spaces is a phone number by itself.
const WHOLE_DIGITS_MIN: usize = 9;

/// What stands between commas, semicolons and line breaks.
struct Segment<'a> {
    text: &'a str,
    /// Whether only line breaks stand before it.
    is_after_line_break: bool,
    /// Whether one is among what stands before it.
    is_on_new_line: bool,
}

/// Reads all entries of a text that is neither JSON nor an array.
pub(super) fn read(text: &str, entries: &mut Vec<Entry>) {
    let (mut after_fragment, mut after_except, mut in_link_text) = (false, false, false);
    let mut segments = segments(text).peekable();
    while let Some(Segment { text: segment, is_after_line_break, is_on_new_line }) = segments.next()
    {
        if entries.len() > ENTRIES_MAX {
            return;
        }
        if let Some(who) = excepted(segment) {
            entries.push(Entry::Except(Box::new(read_one(who))));
            after_except = true;
            continue;
        }
        // `except:1,2` may mean both.
        if after_except {
            let other = Entry::invalid(segment.trim(), unreadable(EXCEPT_EACH));
            entries.push(Entry::Except(Box::new(other)));
            continue;
        }
        let folded = fold(segment);
        // Nobody is named in the text of a link: `wa.me/628…?text=Pesan 1,2`, `…?text=Hi, all`.
        in_link_text &= !is_on_new_line && !without_link(trim(&folded)).1;
        if in_link_text {
            entries.push(Entry::invalid(segment.trim(), unreadable(EntryFlaw::InLinkText)));
            continue;
        }
        in_link_text = folded.to_ascii_lowercase().contains("text=");
        // `8,12345E+11` is Excel's number with a decimal comma, not contact 8.
        let digit = trim(segment);
        if let Some(Segment { text: tail, .. }) =
            segments.next_if(|next| is_excel_tail(digit, next))
        {
            entries.push(read_one(&format!("{digit},{}", trim(tail))));
            after_fragment = false;
            continue;
        }
        // A phone number that is broken over lines must not become contacts 3456 and 7890.
        let is_continuation = after_fragment && is_after_line_break && is_short_id(trim(&folded));
        after_fragment = is_continuation || is_phone_fragment(trim(&folded));
        if is_continuation {
            entries.push(Entry::invalid(segment.trim(), unreadable(EntryFlaw::Doubtful)));
        } else {
            read_segment(segment, entries);
        }
    }
}

/// Whom an exception names: `12` in `except:12`.
pub(crate) fn excepted(text: &str) -> Option<&str> {
    strip_prefix_any_case(trim(text), EXCEPT_PREFIX)
}

/// The parts of a text that are not blank.
fn segments(text: &str) -> impl Iterator<Item = Segment<'_>> {
    let (mut has_comma, mut has_break) = (false, false);
    text.split_inclusive(|c| is_comma(c) || is_line_break(c)).filter_map(move |part| {
        let text = part.trim_end_matches(|c| is_comma(c) || is_line_break(c));
        let (comma, line_break) = (part.ends_with(is_comma), part.ends_with(is_line_break));
        if trim(text).is_empty() {
            has_comma |= comma;
            has_break |= line_break;
            return None;
        }
        let is_after_line_break = !std::mem::replace(&mut has_comma, comma);
        let is_on_new_line = std::mem::replace(&mut has_break, line_break);
        Some(Segment { text, is_after_line_break, is_on_new_line })
    })
}

/// Reads one entry, which is taken as a whole.
pub(super) fn read_one(raw: &str) -> Entry {
    let raw = trim(raw);
    let folded = fold(raw);
    let text = trim(&folded);
    if let Some(who) = excepted(raw) {
        return Entry::Except(Box::new(read_one(who)));
    }
    if let Some(tag) = strip_prefix_any_case(raw, TAG_PREFIX) {
        return read_tag(raw, tag).unwrap_or_else(|reason| Entry::invalid(raw, reason));
    }
    if text.eq_ignore_ascii_case(ALL) {
        return Entry::All;
    }
    if text.contains('@') {
        return chat::read(raw, None);
    }
    if let Some(reason) = of_another_system(text) {
        return Entry::invalid(raw, reason);
    }
    if is_digits(text) && text.len() < PHONE_DIGITS_MIN {
        return read_id(raw, text);
    }
    let is_negative =
        text.strip_prefix('-').is_some_and(|rest| is_digits(rest) && rest.len() < PHONE_DIGITS_MIN);
    if is_negative {
        return Entry::invalid(raw, unreadable(EntryFlaw::IdNegative));
    }
    read_phone(raw, raw, None)
}

/// The reason to refuse an id that another system made: a UUID, or a long one with letters.
pub(super) fn of_another_system(text: &str) -> Option<Reason> {
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let has_letter = text.contains(|c: char| c.is_ascii_alphabetic());
    let what = match parts[..] {
        [8, 4, 4, 4, 12] if is_hex => "a UUID",
        [24 | 32] if is_hex && has_letter => "an id of another database",
        _ => return None,
    };
    let why =
        format!("{what}, but contacts here have numbers: write the id that `contact list` shows");
    Some(unreadable(why))
}

/// A tag as an entry; `raw` is the whole of what is written.
pub(super) fn read_tag(raw: &str, tag: &str) -> Result<Entry, Reason> {
    let tag = trim(tag);
    match tag.chars().count() {
        0 => Err(unreadable(EntryFlaw::NoTag)),
        1..=TAG_CHARS_MAX => Ok(Entry::Tag(tag.to_owned())),
        _ => Err(unreadable(format!("`{}` is too long for a tag", super::shorten(raw)))),
    }
}

/// A phone number as an entry: `phone` is kept as it is written, `raw` is what to show when it is none.
pub(super) fn read_phone(raw: &str, phone: &str, name: Option<String>) -> Entry {
    match Spelling::read(phone) {
        Err(reason) => Entry::invalid(raw, reason),
        Ok(spelling) if spelling.digits.len() < PHONE_DIGITS_MIN => {
            Entry::invalid(raw, unreadable(EntryFlaw::TooShort))
        }
        Ok(_) => Entry::Person { contact_id: None, phone: phone.to_owned(), name },
    }
}

fn read_id(raw: &str, digits: &str) -> Entry {
    if digits.bytes().all(|b| b == b'0') {
        return Entry::invalid(raw, unreadable(EntryFlaw::IdBelowOne));
    }
    if digits.starts_with('0') {
        return Entry::invalid(raw, unreadable(EntryFlaw::ShortAfterZero));
    }
    digits.parse().map_or_else(|_| Entry::invalid(raw, unreadable(EntryFlaw::NoId)), Entry::Contact)
}

/// What stands between commas, semicolons and line breaks.
fn read_segment(text: &str, entries: &mut Vec<Entry>) {
    if strip_prefix_any_case(trim(text), TAG_PREFIX).is_some() {
        entries.push(read_one(text)); // A tag may have spaces in it.
        return;
    }
    let pieces = pieces(text);
    let mut rest = pieces.as_slice();
    while !rest.is_empty() {
        // A plus after a space begins a new number, whatever stands before it.
        let next_plus = rest.iter().skip(1).position(|piece| piece.folded.starts_with('+'));
        let (group, after) = rest.split_at(next_plus.map_or(rest.len(), |at| at + 1));
        read_group(text, group, entries);
        rest = after;
    }
}

fn read_group(text: &str, pieces: &[Piece], entries: &mut Vec<Entry>) {
    let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return };
    let whole = &text[first.start..last.end];
    if pieces.len() == 1 {
        entries.push(read_one(whole));
    } else if pieces.iter().all(|piece| is_short_id(&piece.folded)) && !may_be_phone(pieces)
        || pieces.iter().all(|piece| is_whole(&piece.folded))
    {
        entries.extend(pieces.iter().map(|piece| read_one(&text[piece.start..piece.end])));
    } else if is_one_phone(pieces) {
        entries.push(read_one(whole));
    } else {
        let one = read_one(whole);
        let is_too_much = matches!(
            Spelling::read(whole),
            Err(Reason::NumberTooLong { .. } | Reason::SeveralNumbers { .. })
        );
        let has_own_reason = matches!(one, Entry::Invalid { .. }) && !is_too_much;
        entries.push(if has_own_reason {
            one
        } else {
            Entry::invalid(whole, unreadable(EntryFlaw::Doubtful))
        });
    }
}

/// `812 3456 7890` and `62 812 3456 7890` would be contacts if they were not phone numbers; and so
/// would `65 8123 4567`, which has the shape of one: a short beginning, then groups of 3 and 4.
fn may_be_phone(pieces: &[Piece]) -> bool {
    let joined: usize = pieces.iter().map(|piece| piece.folded.len()).sum();
    if joined < WHOLE_DIGITS_MIN {
        return false;
    }
    let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return false };
    let is_shaped_so = joined <= 15
        && first.folded.len() <= 3
        && last.folded.len() == 4
        && pieces[1..].iter().all(|piece| matches!(piece.folded.len(), 3 | 4));
    let digits: String = pieces.iter().map(|piece| piece.folded.as_str()).collect();
    digits.starts_with('8') || digits.starts_with("62") || is_shaped_so
}

/// Whether a part is a phone number or chat id without its neighbours.
fn is_whole(folded: &str) -> bool {
    if let Some((local, _)) = folded.split_once('@') {
        return count_digits(local) >= WHOLE_DIGITS_MIN;
    }
    let (number, _) = without_link(folded);
    count_digits(number) >= WHOLE_DIGITS_MIN && !number.chars().any(char::is_alphabetic)
}

/// Whether several parts are surely one phone number: it starts with `+` or `0`, and no part of it
/// looks like a number of its own with an id behind it, as in `081234567890 5`.
fn is_one_phone(pieces: &[Piece]) -> bool {
    let Some((last, before)) = pieces.split_last() else { return false };
    let start: String = pieces.iter().flat_map(|piece| piece.folded.chars()).take(8).collect();
    let start = without_openers(&start);
    let digits_max = match start {
        _ if start.starts_with('+') => 16,
        _ if start.starts_with("00") => 18,
        _ if start.starts_with('0') => 13,
        _ => return false,
    };
    let digits_before: usize = before.iter().map(|piece| count_digits(&piece.folded)).sum();
    let digits_last = count_digits(&last.folded);
    // `+62 812 34 56 78 90` is written in pairs to its end.
    let is_in_pairs = pieces.len() >= 5 && pieces[2..].iter().all(|piece| piece.folded.len() == 2);
    let has_odd_end = digits_before >= 10 && (1..=2).contains(&digits_last) && !is_in_pairs;
    let has_whole_part = before.iter().any(|piece| count_digits(&piece.folded) > WHOLE_DIGITS_MIN);
    digits_before + digits_last <= digits_max && !has_odd_end && !has_whole_part
}

fn is_short_id(folded: &str) -> bool {
    is_digits(folded) && folded.len() < PHONE_DIGITS_MIN && !folded.starts_with('0')
}

/// `0812`, `+62`, `(0812)`: the beginning of a number whose rest is elsewhere.
fn is_phone_fragment(folded: &str) -> bool {
    without_openers(folded).starts_with(['+', '0'])
        && (2..PHONE_DIGITS_MIN).contains(&count_digits(folded))
        && !folded.chars().any(char::is_alphabetic)
}

fn without_openers(folded: &str) -> &str {
    let text = without_link(folded).0;
    text.trim_start_matches(|c: char| matches!(c, '(' | '-' | '\'' | '"') || c.is_whitespace())
}

fn is_excel_tail(digit: &str, next: &Segment<'_>) -> bool {
    let tail = trim(next.text);
    digit.len() == 1
        && is_digits(digit)
        && !next.is_after_line_break
        && is_excel_number(tail)
        && !tail.contains('.')
}

/// A part of a segment between spaces, with its place in the segment.
struct Piece {
    start: usize,
    end: usize,
    folded: String,
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut start = 0;
    text.split(is_blank)
        .map(|part| {
            let end = start + part.len();
            let piece = Piece { start, end, folded: trim(&fold(part)).to_owned() };
            start = end + text[end..].chars().next().map_or(0, char::len_utf8);
            piece
        })
        .filter(|piece| !piece.folded.is_empty())
        // One too many is enough for the caller to refuse them all.
        .take(ENTRIES_MAX + 1)
        .collect()
}
