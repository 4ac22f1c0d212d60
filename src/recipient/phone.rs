//! A written phone number becomes E.164 digits, with the country code for numbers in national form.
//!
//! It knows how numbers are dialled in a few countries, and no numbering plan: whether anybody has a
//! number is for WAHA to say. A form that could be read in two ways is refused.

use std::fmt;

use super::spelling::{Spelling, is_digits};
use super::{ChatId, shorten};
use crate::reason::Reason;

/// The fewest and the most digits that a number has, country code included.
pub(super) const E164_DIGITS: std::ops::RangeInclusive<usize> = 8..=15;
/// A number that starts with the country code but has no `+` has at least this many digits.
const WITHOUT_PLUS_DIGITS_MIN: usize = 10;
const COUNTRY_CODE_DIGITS_MAX: usize = 3;
/// Numbers of country codes 1 and 7 have exactly this many digits.
const ONE_DIGIT_CODE_DIGITS: usize = 11;

/// The digits of a country code, 1 to 3 of them, such as `62`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountryCode(String);

impl CountryCode {
    /// Reads `62` or `+62`.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        let digits = text.trim();
        let digits = digits.strip_prefix('+').unwrap_or(digits);
        if is_digits(digits) && digits.len() <= COUNTRY_CODE_DIGITS_MAX && !digits.starts_with('0')
        {
            return Ok(Self(digits.to_owned()));
        }
        Err(Reason::NotACountryCode { written: shorten(text) })
    }

    /// Whether E.164 digits are a number of a landline here; of other countries it is not known.
    pub(crate) fn is_landline(&self, digits: &str) -> bool {
        self.0 == "62" && digits.starts_with("62") && !digits.starts_with("628")
    }

    fn national_zero(&self) -> NationalZero {
        match self.0.as_str() {
            "39" | "225" | "229" | "242" | "378" | "379" => NationalZero::Kept,
            // Not all of them, only those whose people are likely to run this. For the others a
            // number in national form has no 0 anyway.
            // In Argentina a `15` has to become a `9` elsewhere.
            "1" | "7" | "30" | "34" | "36" | "45" | "47" | "48" | "54" | "65" | "351" | "420"
            | "852" | "853" => NationalZero::Absent,
            _ => NationalZero::Dropped,
        }
    }

    /// A `(0)` may stand first, or after this country's code.
    fn is_zero_in_place(&self, spelling: &Spelling, at: usize) -> bool {
        let before = &spelling.digits[..at];
        let code = before.strip_prefix("00").unwrap_or(before);
        let is_in_place = before.is_empty() && !spelling.plus || code == self.0;
        is_in_place && self.national_zero() != NationalZero::Absent
    }

    fn international_digits(&self, spelling: &Spelling, raw: &str) -> Result<String, Reason> {
        let digits = spelling.digits.as_str();
        if spelling.plus {
            if digits.starts_with('0') {
                return Err(Reason::NumberWithPlusZero { written: shorten(raw) });
            }
            return self.without_national_zero(digits, raw);
        }
        if let Some(rest) = digits.strip_prefix("00") {
            return match rest.as_bytes().first() {
                None | Some(b'0') => Err(Reason::NumberWithManyZeros { written: shorten(raw) }),
                // In Indonesia `001` and `007` are carriers' prefixes, before the country code.
                Some(b'1' | b'7') if rest.len() != ONE_DIGIT_CODE_DIGITS => {
                    Err(Reason::NumberWithoutCountry { written: shorten(raw) })
                }
                Some(_) => self.without_national_zero(rest, raw),
            };
        }
        if let Some(rest) = digits.strip_prefix('0') {
            // `012…` is Malaysia's, `050…` the Emirates', `030…` Berlin's: no number here begins so.
            if self.0 == "62"
                && (rest.starts_with('1')
                    || rest.get(1..).is_some_and(|rest| rest.starts_with('0')))
            {
                return Err(Reason::NumberOfElsewhere {
                    written: shorten(raw),
                    country: self.to_string(),
                });
            }
            return match self.national_zero() {
                NationalZero::Dropped => Ok(format!("{self}{rest}")),
                NationalZero::Kept => Ok(format!("{self}{digits}")),
                NationalZero::Absent => Err(Reason::NumberWithForeignZero {
                    written: shorten(raw),
                    country: self.to_string(),
                }),
            };
        }
        let is_national = self.is_clearly_national(digits);
        if spelling.international && !is_national {
            return self.without_national_zero(digits, raw);
        }
        if !spelling.international && digits.starts_with(&self.0) {
            let digits = self.without_national_zero(digits, raw)?;
            if self.is_plausible_without_plus(&digits) {
                return Ok(digits);
            }
        }
        // WhatsApp reads `wa.me/812…` as Japan; whoever wrote it may have meant otherwise.
        if is_national && !spelling.international {
            return Ok(format!("{self}{digits}"));
        }
        // No country code makes it long enough.
        if digits.len() + COUNTRY_CODE_DIGITS_MAX < *E164_DIGITS.start() {
            return Err(Reason::NumberTooShort { written: shorten(raw) });
        }
        Err(Reason::NumberWithoutCountry { written: shorten(raw) })
    }

    /// `812…`, where no other reading is likely: an Indonesian mobile number has 9 to 12 digits and
    /// starts with 8, and 80 and 84 are nobody's. A longer one is another country's.
    fn is_clearly_national(&self, digits: &str) -> bool {
        match self.0.as_str() {
            "62" => {
                (9..=12).contains(&digits.len())
                    && digits.starts_with('8')
                    && !digits[1..].starts_with(['0', '4'])
            }
            "1" => digits.len() == 10 && !digits.starts_with(['0', '1']),
            _ => false,
        }
    }

    /// `620812…` and `+62 0812…` are `62812…`, in the default country only: elsewhere we do not know.
    fn without_national_zero(&self, digits: &str, raw: &str) -> Result<String, Reason> {
        let is_dropped = self.national_zero() == NationalZero::Dropped;
        let national = digits.strip_prefix(&self.0).filter(|_| is_dropped);
        match national.and_then(|national| national.strip_prefix('0')) {
            None => Ok(digits.to_owned()),
            Some(rest) if rest.starts_with('0') => {
                Err(Reason::NumberWithManyZeros { written: shorten(raw) })
            }
            Some(rest) => Ok(format!("{self}{rest}")),
        }
    }

    fn is_plausible_without_plus(&self, digits: &str) -> bool {
        match self.0.as_str() {
            "1" | "7" => digits.len() == ONE_DIGIT_CODE_DIGITS,
            // A mobile number has 9 digits or more after the 62; with fewer it is one of area code 0628.
            "62" if digits.starts_with("628") => digits.len() > WITHOUT_PLUS_DIGITS_MIN,
            _ => digits.len() >= WITHOUT_PLUS_DIGITS_MIN,
        }
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What becomes of the `0` in front of a number in national form when the country code comes before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NationalZero {
    /// `0812…` is `+62 812…`: most countries.
    Dropped,
    /// `06…` is `+39 06…`: the 0 is part of the number.
    Kept,
    /// Numbers in national form start with no 0, or with something more than it.
    Absent,
}

pub fn phone_to_chat(raw: &str, country: &CountryCode) -> Result<ChatId, Reason> {
    normalize_phone(raw, country).map(|digits| ChatId(digits + "@c.us"))
}

/// The E.164 digits of a phone number, without `+`: 8 to 15 of them.
///
/// `country` is the country of numbers in national form.
pub fn normalize_phone(raw: &str, country: &CountryCode) -> Result<String, Reason> {
    let spelling = &Spelling::read(raw)?;
    if spelling.bracket_zero.is_some_and(|at| !country.is_zero_in_place(spelling, at)) {
        return Err(Reason::NumberWithBracketZero { written: shorten(raw) });
    }
    let digits = country.international_digits(spelling, raw)?;
    // `062 812 3456 7890` is no number of the area code 0628, whose numbers are shorter.
    if country.0 == "62" && digits.starts_with("62628") && digits.len() >= 13 {
        return Err(Reason::NumberWithCodeTwice { written: shorten(raw) });
    }
    match digits.len() {
        length if length < *E164_DIGITS.start() => {
            Err(Reason::NumberTooShort { written: shorten(raw) })
        }
        length if length > *E164_DIGITS.end() => {
            Err(Reason::NumberTooLong { written: shorten(raw) })
        }
        _ => Ok(digits),
    }
}
