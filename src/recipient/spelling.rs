//! What the characters of a written phone number mean, before any country comes into it.
//!
//! It folds the many digits, dashes and spaces of Unicode into ASCII and refuses what is no single
//! phone number. It knows no country: `phone` does.

use std::borrow::Cow;

use super::{chat, shorten};
use crate::reason::Reason;

/// More digits than the longest honest spelling has: `00`, 15 digits and a trunk `0`.
const DIGITS_MAX: usize = 18;
/// Digits from which a part of a text may be a phone number by itself.
pub(super) const PHONE_DIGITS_MIN: usize = 7;

const LINKS: [&str; 4] = ["https://wa.me/", "http://wa.me/", "https://www.wa.me/", "wa.me/"];
const SCHEMES: [&str; 2] = ["tel:", "whatsapp:"];

/// A phone number taken apart.
#[derive(Debug)]
pub(super) struct Spelling {
    /// ASCII digits only, 1 to 18 of them.
    pub(crate) digits: String,
    pub(crate) plus: bool,
    /// Whether its place says that it is international without `+`: a `wa.me` link or a chat id.
    pub(crate) international: bool,
    /// Where in `digits` a zero in brackets stands, as in `+62 (0)812`.
    pub(crate) bracket_zero: Option<usize>,
}

impl Spelling {
    pub(super) fn read(raw: &str) -> Result<Self, Reason> {
        // Most are so: a list of a million is read in half the time.
        if is_simple(raw) {
            return Self::from_characters(raw, raw);
        }
        let is_plain = raw.is_ascii() && !raw.contains(['\\', '\t']);
        let folded = if is_plain { Cow::Borrowed(raw) } else { Cow::Owned(fold(raw)) };
        let trimmed = trim(&folded);
        let (text, is_chat) = match trimmed.rfind('@') {
            None => (trimmed, false),
            Some(at) if chat::is_person_suffix(&trimmed[at..]) => {
                (trim(chat::without_device(&trimmed[..at])), true)
            }
            Some(_) => return Err(Reason::NotAPerson { written: shorten(raw) }),
        };
        let (text, is_link) = without_link(text);
        let text = trim(text).trim_end_matches([',', ';']);
        if let Some(flaw) = flaw_of(text, raw) {
            return Err(flaw);
        }
        let mut spelling = Self::from_characters(text, raw)?;
        spelling.international = !spelling.plus
            && !spelling.digits.starts_with('0')
            && (is_link || (is_chat && is_digits(text)));
        Ok(spelling)
    }

    fn from_characters(text: &str, raw: &str) -> Result<Self, Reason> {
        let mut digits = String::with_capacity(DIGITS_MAX);
        let mut plus = false;
        let mut brackets_open = 0_usize;
        for c in text.chars() {
            match c {
                '0'..='9' if digits.len() == DIGITS_MAX => {
                    return Err(Reason::NumberTooLong { written: shorten(raw) });
                }
                '0'..='9' => digits.push(c),
                '+' if plus => return Err(Reason::NumberWithTwoPluses { written: shorten(raw) }),
                '+' if !digits.is_empty() => {
                    return Err(Reason::NumberWithPlusInside { written: shorten(raw) });
                }
                '+' => plus = true,
                '(' => brackets_open += 1,
                ')' if brackets_open > 0 => brackets_open -= 1,
                ' ' | '-' | '.' | '/' => {}
                _ if c.is_whitespace() => {}
                _ => {
                    return Err(Reason::NumberWithSign {
                        written: shorten(raw),
                        sign: c.escape_debug().to_string(),
                    });
                }
            }
        }
        if digits.is_empty() {
            return Err(Reason::NumberWithoutDigits { written: shorten(raw) });
        }
        let dense = || text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        let dense = if text.contains('(') { dense() } else { String::new() };
        let bracket_zero = dense.find("(0)").map(|at| count_digits(&dense[..at]));
        Ok(Self { digits, plus, international: false, bracket_zero })
    }
}

/// Whether a text is surely one number: digits, signs that mean one thing, and too few digits for two.
fn is_simple(text: &str) -> bool {
    let is_one_of = |b: u8| matches!(b, b'0'..=b'9' | b'+' | b'-' | b' ' | b'(' | b')');
    text.bytes().all(is_one_of) && (1..2 * PHONE_DIGITS_MIN).contains(&count_digits(text))
}

/// Unicode digits, dashes, spaces and signs as ASCII; invisible marks are gone. Line breaks stay.
pub(super) fn fold(text: &str) -> String {
    text.chars().filter(|c| !is_invisible(*c)).map(fold_char).collect()
}

/// Without the spaces and quotes around it; also without an apostrophe that Excel put in front.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c) || is_quote(c))
}

/// Whether it is one or more ASCII digits and nothing else.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

pub(super) fn count_digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// Whether it is a number as Excel shows a long one: `8.12345E+11`, `8,12345E+11`, `6.28E12`.
pub(super) fn is_excel_number(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return false };
    let mantissa = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    is_digits(whole) && (fraction.is_empty() || is_digits(fraction)) && is_digits(exponent)
}

/// Without a `tel:` or `wa.me/` in front, or the number in `whatsapp.com/send?phone=`; true for a link.
pub(super) fn without_link(text: &str) -> (&str, bool) {
    let is_send = |text: &str| {
        let lower = text.to_ascii_lowercase();
        lower.contains("whatsapp.com/send") || lower.starts_with("whatsapp://send")
    };
    if text.len() < 500 && text.contains('?') && is_send(text) {
        let mut parameters = text.split(['?', '&', '#']).skip(1);
        let phone = parameters.find_map(|one| strip_prefix_any_case(one, "phone="));
        if let Some(phone) = phone {
            return (strip_prefix_any_case(phone, "%2B").unwrap_or(phone), true);
        }
    }
    if let Some(rest) = LINKS.iter().find_map(|link| strip_prefix_any_case(text, link)) {
        let end = rest.find(['?', '#']).unwrap_or(rest.len());
        return (&rest[..end], true);
    }
    (SCHEMES.iter().find_map(|scheme| strip_prefix_any_case(text, scheme)).unwrap_or(text), false)
}

/// Why a text is no single phone number, as far as that shows before its digits are counted.
fn flaw_of(text: &str, raw: &str) -> Option<Reason> {
    let is_foreign = text.chars().any(|c| c.is_alphabetic() || c == '#');
    Some(match text {
        "" => Reason::NumberEmpty,
        _ if is_excel_number(text) => Reason::NumberFromExcel { written: shorten(raw) },
        _ if has_decimals(text) || starts_with_list_number(text) => {
            Reason::NumberWithDecimals { written: shorten(raw) }
        }
        _ if is_foreign && has_extension(text) => {
            Reason::NumberWithExtension { written: shorten(raw) }
        }
        _ if is_foreign => Reason::NumberWithLetters { written: shorten(raw) },
        _ if is_several(text) => Reason::SeveralNumbers { written: shorten(raw) },
        _ => return None,
    })
}

/// `81234567890.0`: reading the `0` as a digit would reach somebody else.
fn has_decimals(text: &str) -> bool {
    let Some((whole, fraction)) = text.split_once(['.', ',']) else { return false };
    let whole = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    is_digits(whole)
        && whole.len() >= PHONE_DIGITS_MIN
        && is_digits(fraction)
        && (fraction.len() <= 2 || fraction.bytes().all(|b| b == b'0'))
}

/// `8.81234567890` is the eighth line of a list, or a mantissa that lost its exponent. Only `1` and
/// `7` are country codes of one digit, and then more dots follow: `1.415.555.2671`.
fn starts_with_list_number(text: &str) -> bool {
    let Some((first, rest)) = text.split_once('.') else { return false };
    let is_country_code = matches!(first, "1" | "7") && rest.contains('.');
    first.len() == 1 && is_digits(first) && !is_country_code
}

/// `021-5551234 ext. 5`, `021-5551234x5`, `021-5551234#5`.
fn has_extension(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let has_sign = lower.split_once(['x', '#']).is_some_and(|(number, extension)| {
        count_digits(number) >= PHONE_DIGITS_MIN && is_digits(trim(extension))
    });
    has_sign || (lower.contains("ext") && count_digits(text) >= PHONE_DIGITS_MIN)
}

/// Two numbers in one text must not become one long number of a stranger.
fn is_several(text: &str) -> bool {
    let is_split = text.contains([',', ';']) || text.chars().any(is_line_break);
    let whole_parts = text
        .split(|c: char| c == '/' || c.is_whitespace())
        .filter(|part| count_digits(part) >= PHONE_DIGITS_MIN)
        .count();
    // `021-5551234/35` means two numbers, the second one ending in 35.
    let has_second_ending = text.rsplit_once('/').is_some_and(|(number, ending)| {
        count_digits(number) >= PHONE_DIGITS_MIN && (1..=2).contains(&count_digits(ending))
    });
    is_split || whole_parts > 1 || has_second_ending
}

pub(super) fn strip_prefix_any_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let start = text.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

pub(super) fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether it is a comma or a semicolon, in any script.
pub(super) fn is_comma(c: char) -> bool {
    matches!(fold_char(c), ',' | ';')
}

/// Whether it is a space of any width; line breaks count too.
pub(super) fn is_blank(c: char) -> bool {
    fold_char(c).is_whitespace()
}

fn fold_char(c: char) -> char {
    match c {
        '!'..='[' | ']'..='~' => c,
        '\u{ff10}'..='\u{ff19}' => ascii_digit(c, '\u{ff10}'),
        '\u{660}'..='\u{669}' => ascii_digit(c, '\u{660}'),
        '\u{6f0}'..='\u{6f9}' => ascii_digit(c, '\u{6f0}'),
        '\u{ff0b}' | '\u{fe62}' | '\u{207a}' => '+',
        '\u{ff20}' | '\u{fe6b}' => '@',
        '\u{ff0e}' | '\u{fe52}' | '\u{b7}' | '\u{2024}' | '\u{2219}' | '\u{22c5}' => '.',
        '\u{ff0f}' | '\u{2044}' | '\u{2215}' | '\\' => '/',
        '\u{ff08}' | '\u{fe59}' => '(',
        '\u{ff09}' | '\u{fe5a}' => ')',
        '\u{ff0c}' | '\u{fe50}' | '\u{60c}' | '\u{3001}' => ',',
        '\u{ff1b}' | '\u{fe54}' | '\u{61b}' => ';',
        '\u{ff1a}' => ':',
        // Blank letters that Unicode does not count as spaces.
        '\u{2800}' | '\u{3164}' | '\u{115f}' | '\u{1160}' | '\u{ffa0}' => ' ',
        _ if is_dash(c) => '-',
        _ if c.is_whitespace() && !is_line_break(c) => ' ',
        _ => c,
    }
}

fn ascii_digit(c: char, zero: char) -> char {
    char::from_digit(u32::from(c) - u32::from(zero), 10).unwrap_or(c)
}

fn is_dash(c: char) -> bool {
    matches!(c,
        '-' | '\u{58a}' | '\u{5be}' | '\u{1400}' | '\u{1806}' | '\u{2010}'..='\u{2015}' | '\u{2043}'
        | '\u{207b}' | '\u{208b}' | '\u{2212}' | '\u{2e17}' | '\u{2e1a}' | '\u{2e3a}'..='\u{2e3b}'
        | '\u{2e40}' | '\u{2e5d}' | '\u{301c}' | '\u{3030}' | '\u{30a0}' | '\u{fe31}' | '\u{fe32}'
        | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' | '\u{10ead}')
}

/// Zero-width and bidirectional marks, soft hyphens, variation selectors, the byte order mark.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{e0000}'..='\u{e007f}')
}

fn is_quote(c: char) -> bool {
    matches!(
        c,
        '"' | '\'' | '`' | '\u{b4}' | '\u{ab}' | '\u{bb}' | '\u{2bc}' | '\u{2018}'
            ..='\u{201f}' | '\u{ff07}' | '\u{ff02}'
    )
}
