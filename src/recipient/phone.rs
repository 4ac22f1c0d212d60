//! A written phone number becomes E.164 digits, with the country code for numbers in national form.
//!
//! It knows how numbers are dialled in a few countries, and no numbering plan: whether anybody has a
//! number is for WAHA to say. A form that could be read in two ways is refused.

use std::fmt;

use super::spelling::{Spelling, is_digits};
use super::{ChatId, shorten};

/// The fewest and the most digits that a number has, country code included.
pub(super) const E164_DIGITS: std::ops::RangeInclusive<usize> = 8..=15;
/// A number that starts with the country code but has no `+` has at least this many digits.
const WITHOUT_PLUS_DIGITS_MIN: usize = 10;
/// Numbers of country codes 1 and 7 have exactly this many digits.
const ONE_DIGIT_CODE_DIGITS: usize = 11;

/// Why a text is not a phone number that can be written to; each says what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    #[error("`{0}` is not a country code: write 1 to 3 digits, such as 62")]
    CountryCode(String),
    /// Nothing but spaces and quotes.
    #[error("the phone number is empty")]
    Empty,
    /// A number with an exponent.
    #[error(
        "`{0}` is how Excel writes a long number: digits are lost; format the column as text and type \
         it again"
    )]
    ExcelNumber(String),
    /// A number with decimals, or with a list number in front.
    #[error(
        "`{0}` looks like a number with decimals: format the column as text and write only the phone number"
    )]
    Decimal(String),
    /// A number behind a switchboard.
    #[error("`{0}` has an extension, which WhatsApp cannot reach: write the number without it")]
    Extension(String),
    #[error("`{0}` has letters in it: write only the phone number")]
    Letters(String),
    /// Some other sign that no phone number has.
    #[error("`{raw}` has `{}` in it: write only the phone number", found.escape_debug())]
    Unexpected { raw: String, found: char },
    #[error("`{0}` has no digits: write a phone number")]
    NoDigits(String),
    /// More than one number.
    #[error("`{0}` looks like more than one phone number: write each one as an entry of its own")]
    Several(String),
    /// A group, a channel, or an address elsewhere.
    #[error("`{0}` is not the chat of one person: write a phone number")]
    NotAPerson(String),
    /// `++62…`
    #[error("`{0}` has two plus signs: write one, in front of the country code")]
    TwoPluses(String),
    #[error("`{0}` has a plus sign in the middle: write it in front of the country code")]
    PlusInside(String),
    /// `+0812…`
    #[error(
        "`{0}` has a 0 after the plus sign, where the country code belongs: write +62812… or 0812…"
    )]
    PlusZero(String),
    /// `000…`, or two zeros after the country code.
    #[error("`{0}` has too many zeros in front: write it with + and the country code")]
    TooManyZeros(String),
    /// `(0)` where it means nothing certain.
    #[error("`{0}` has a 0 in brackets: write it with + and the country code, without that 0")]
    BracketZero(String),
    /// A national form that this country does not have.
    #[error(
        "`{raw}` starts with 0, but numbers of +{country} do not: write it with + and the country code"
    )]
    NoNationalZero {
        raw: String,
        /// The default country code.
        country: String,
    },
    #[error("`{0}` seems to have the country code twice, or a 0 before it: write +62812… or 0812…")]
    CodeTwice(String),
    /// Neither a country code nor a clear national form.
    #[error("`{0}` could belong to more than one country: write it with + and the country code")]
    NoCountryCode(String),
    /// Fewer than 8 digits.
    #[error("`{0}` has too few digits for a phone number: it needs 8 to 15 with the country code")]
    TooShort(String),
    /// More than 15 digits.
    #[error("`{0}` has too many digits for a phone number: it needs 8 to 15 with the country code")]
    TooLong(String),
}

/// The digits of a country code, 1 to 3 of them, such as `62`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountryCode(String);

impl CountryCode {
    /// Reads `62` or `+62`.
    ///
    /// # Errors
    /// When it is not 1 to 3 digits, or starts with 0.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        let digits = text.trim();
        let digits = digits.strip_prefix('+').unwrap_or(digits);
        if is_digits(digits) && digits.len() <= 3 && !digits.starts_with('0') {
            return Ok(Self(digits.to_owned()));
        }
        Err(PhoneError::CountryCode(shorten(text)))
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

/// The chat of the person with this phone number.
pub fn phone_to_chat(raw: &str, country: &CountryCode) -> Result<ChatId, PhoneError> {
    normalize_phone(raw, country).map(|digits| ChatId(digits + "@c.us"))
}

/// The E.164 digits of a phone number, without `+`: 8 to 15 of them.
///
/// `country` is the country of numbers in national form.
///
/// # Errors
/// With the reason in words, when it is not one phone number or could be read as two.
pub fn normalize_phone(raw: &str, country: &CountryCode) -> Result<String, PhoneError> {
    let spelling = Spelling::read(raw)?;
    let number = Number { raw, spelling: &spelling, country };
    number.refuse_misplaced_bracket_zero()?;
    let digits = number.international_digits()?;
    number.refuse_code_twice(&digits)?;
    if digits.len() < *E164_DIGITS.start() {
        return Err(PhoneError::TooShort(shorten(raw)));
    }
    if digits.len() > *E164_DIGITS.end() {
        return Err(PhoneError::TooLong(shorten(raw)));
    }
    Ok(digits)
}

struct Number<'a> {
    raw: &'a str,
    spelling: &'a Spelling,
    country: &'a CountryCode,
}

impl Number<'_> {
    fn international_digits(&self) -> Result<String, PhoneError> {
        let digits = self.spelling.digits.as_str();
        if self.spelling.plus {
            if digits.starts_with('0') {
                return Err(PhoneError::PlusZero(shorten(self.raw)));
            }
            return self.without_national_zero(digits);
        }
        if let Some(rest) = digits.strip_prefix("00") {
            return self.after_double_zero(rest);
        }
        if let Some(rest) = digits.strip_prefix('0') {
            return self.national(rest);
        }
        let bare = self.bare_national(digits);
        if self.spelling.international {
            // WhatsApp reads `wa.me/812…` as Japan; whoever wrote it may have meant otherwise.
            return match bare {
                Some(_) => Err(self.no_country_code()),
                None => self.without_national_zero(digits),
            };
        }
        if digits.starts_with(&self.country.0) {
            let digits = self.without_national_zero(digits)?;
            if self.is_plausible_without_plus(&digits) {
                return Ok(digits);
            }
        }
        bare.ok_or_else(|| self.no_country_code())
    }

    /// `0062812…`; but in Indonesia `001` and `007` are carriers' prefixes, and the country code only
    /// comes after them.
    fn after_double_zero(&self, rest: &str) -> Result<String, PhoneError> {
        if rest.is_empty() || rest.starts_with('0') {
            return Err(PhoneError::TooManyZeros(shorten(self.raw)));
        }
        if rest.starts_with(['1', '7']) && rest.len() != ONE_DIGIT_CODE_DIGITS {
            return Err(self.no_country_code());
        }
        self.without_national_zero(rest)
    }

    /// `0812…`, given without its 0.
    fn national(&self, rest: &str) -> Result<String, PhoneError> {
        match self.country.national_zero() {
            NationalZero::Dropped => Ok(format!("{}{rest}", self.country)),
            NationalZero::Kept => Ok(format!("{}0{rest}", self.country)),
            NationalZero::Absent => Err(PhoneError::NoNationalZero {
                raw: shorten(self.raw),
                country: self.country.to_string(),
            }),
        }
    }

    /// `812…`, where no other reading is likely: an Indonesian mobile number has 9 to 12 digits and
    /// starts with 8, and 80 and 84 are nobody's. A longer one is another country's.
    fn bare_national(&self, digits: &str) -> Option<String> {
        let second = digits.as_bytes().get(1).copied().unwrap_or(b'0');
        let is_clear = match self.country.0.as_str() {
            "62" => {
                digits.starts_with('8')
                    && !matches!(second, b'0' | b'4')
                    && (9..=12).contains(&digits.len())
            }
            "1" => digits.len() == 10 && !digits.starts_with(['0', '1']),
            _ => false,
        };
        is_clear.then(|| format!("{}{digits}", self.country))
    }

    /// `620812…` and `+62 0812…` are `62812…`, in the default country only: elsewhere we do not know.
    fn without_national_zero(&self, digits: &str) -> Result<String, PhoneError> {
        let rest = match (digits.strip_prefix(&self.country.0), self.country.national_zero()) {
            (Some(rest), NationalZero::Dropped) => rest.strip_prefix('0'),
            (Some(_), NationalZero::Kept | NationalZero::Absent) | (None, _) => None,
        };
        match rest {
            None => Ok(digits.to_owned()),
            Some(rest) if rest.starts_with('0') => Err(PhoneError::TooManyZeros(shorten(self.raw))),
            Some(rest) => Ok(format!("{}{rest}", self.country)),
        }
    }

    fn is_plausible_without_plus(&self, digits: &str) -> bool {
        match self.country.0.as_str() {
            "1" | "7" => digits.len() == ONE_DIGIT_CODE_DIGITS,
            // A mobile number has 9 digits or more after the 62; with fewer it is one of the area
            // code 0628 without its 0.
            "62" if digits.starts_with("628") => digits.len() > WITHOUT_PLUS_DIGITS_MIN,
            _ => digits.len() >= WITHOUT_PLUS_DIGITS_MIN,
        }
    }

    /// A `(0)` may stand first, or after the default country's code.
    fn refuse_misplaced_bracket_zero(&self) -> Result<(), PhoneError> {
        let Some(at) = self.spelling.bracket_zero else { return Ok(()) };
        let before = &self.spelling.digits[..at];
        let code = before.strip_prefix("00").unwrap_or(before);
        let is_in_place = before.is_empty() && !self.spelling.plus || code == self.country.0;
        if is_in_place && self.country.national_zero() != NationalZero::Absent {
            return Ok(());
        }
        Err(PhoneError::BracketZero(shorten(self.raw)))
    }

    /// `062 812 3456 7890` is no number of the area code 0628, whose numbers are shorter.
    fn refuse_code_twice(&self, digits: &str) -> Result<(), PhoneError> {
        if self.country.0 == "62" && digits.starts_with("62628") && digits.len() >= 13 {
            return Err(PhoneError::CodeTwice(shorten(self.raw)));
        }
        Ok(())
    }

    fn no_country_code(&self) -> PhoneError {
        PhoneError::NoCountryCode(shorten(self.raw))
    }
}
