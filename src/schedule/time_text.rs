//! Dates, times of day and day names as people and web forms write them.
//!
//! Only texts with one meaning are read. This file must never know about columns or JSON.

use std::str::FromStr;

use time::{Date, Month, PrimitiveDateTime, Time, Weekday};

use super::zone::{Zone, ZoneError};

/// An error repeats so much of a text, in characters.
const QUOTE_CHARS_MAX: usize = 40;

const YEAR_MIN: i32 = 1970;

/// The halves of a 12-hour day, and the hours before them; longer spellings first, so that they win.
const HALVES: [(&str, u8); 6] =
    [("a.m.", 0), ("p.m.", 12), ("a.m", 0), ("p.m", 12), ("am", 0), ("pm", 12)];

/// Day names without apostrophes, in English and Indonesian, full and short.
const DAY_NAMES: [(Weekday, &[&str]); 7] = [
    (Weekday::Sunday, &["sunday", "sun", "minggu", "min", "ahad"]),
    (Weekday::Monday, &["monday", "mon", "senin", "sen"]),
    (Weekday::Tuesday, &["tuesday", "tue", "selasa", "sel"]),
    (Weekday::Wednesday, &["wednesday", "wed", "rabu", "rab"]),
    (Weekday::Thursday, &["thursday", "thu", "kamis", "kam"]),
    (Weekday::Friday, &["friday", "fri", "jumat", "jum"]),
    (Weekday::Saturday, &["saturday", "sat", "sabtu", "sab"]),
];

/// A flaw of a date or a time of day. Each holds the text, shortened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextFlaw {
    #[error("`{0}` is not a date (year first `2026-12-01`, or day first `01/12/2026`)")]
    NotADate(String),
    #[error(
        "`{0}` is a moment in another zone, so its day here is not certain: write the date alone"
    )]
    Instant(String),
    #[error("`{0}` has a short year: write all four digits, as in `01/12/2026`")]
    ShortYear(String),
    #[error("`{0}`: the year must be {YEAR_MIN} to 9999")]
    Year(String),
    #[error("`{0}`: there is no such month (the day comes first in `31/12/2026`)")]
    Month(String),
    #[error("`{0}`: there is no such day in that month")]
    Day(String),
    #[error("`{0}` has no time of day")]
    NoTime(String),
    #[error("`{0}` is not a time of day (such as `08:00` or `8:00 PM`)")]
    NotATime(String),
    #[error("`{0}`: write the minutes with two digits, as in `08:05`")]
    ShortMinutes(String),
    #[error("`{0}`: a day ends at 23:59, so write `00:00` and the next day")]
    EndOfDay(String),
    #[error("`{0}`: the hour must be 0 to 23")]
    Hour(String),
    #[error("`{0}`: with AM or PM the hour must be 1 to 12; leave AM or PM out to count to 23")]
    HalfDayHour(String),
    #[error("`{0}`: minutes and seconds must be 00 to 59")]
    Sixty(String),
    #[error(transparent)]
    Zone(#[from] ZoneError),
}

/// `YYYY-MM-DD`, `DD/MM/YYYY` or `DD-MM-YYYY`, of the years 1970 to 9999. Of a date and time, as JavaScript
/// stores a date (`2026-12-01T00:00:00.000Z`), the date part counts as it is written; with a zone
/// and another time than midnight the day is not certain, and it is refused.
pub(super) fn read_date(text: &str) -> Result<Date, TextFlaw> {
    let (date, rest) = split_date(text.trim());
    let date = read_calendar(date).map_err(|flaw| whole(flaw, text))?;
    let Some(rest) = rest else { return Ok(date) };
    match read_clock_and_zone(rest) {
        // A browser in Jakarta stores its midnight of the 1st as 17:00Z of the day before.
        Ok((time, Some(_))) if time != Time::MIDNIGHT => Err(TextFlaw::Instant(quote(text))),
        Ok(_) => Ok(date),
        Err(_) => Err(TextFlaw::NotADate(quote(text))),
    }
}

/// `08:00`, `8.00`, `08:00:30` on a 24-hour clock, `8:00 PM`, `8 pm` on a 12-hour one. Fractions
/// of a second are dropped.
pub(super) fn read_time(text: &str) -> Result<Time, TextFlaw> {
    let (digits, half) = split_half(text.trim());
    let not_a_time = || TextFlaw::NotATime(quote(text));
    let separator = if digits.contains(':') { ':' } else { '.' };
    let mut parts = digits.split(separator);
    let hour = parts.next().and_then(|part| number(part, 1, 2)).ok_or_else(not_a_time)?;
    let minute = match (parts.next(), half) {
        (Some(part), _) if number::<u8>(part, 1, 1).is_some() => {
            return Err(TextFlaw::ShortMinutes(quote(text)));
        }
        (Some(part), _) => number(part, 2, 2).ok_or_else(not_a_time)?,
        (None, Some(_)) => 0,
        (None, None) => return Err(not_a_time()),
    };
    let second = match parts.next() {
        Some(part) => read_second(part).ok_or_else(not_a_time)?,
        None => 0,
    };
    if parts.next().is_some() {
        return Err(not_a_time());
    }
    if minute > 59 || second > 59 {
        return Err(TextFlaw::Sixty(quote(text)));
    }
    let hour = match (half, hour) {
        (None, 0..=23) => hour,
        (None, 24) => return Err(TextFlaw::EndOfDay(quote(text))),
        (None, _) => return Err(TextFlaw::Hour(quote(text))),
        (Some(hours_before), 1..=12) => hour % 12 + hours_before,
        (Some(_), _) => return Err(TextFlaw::HalfDayHour(quote(text))),
    };
    Time::from_hms(hour, minute, second).map_err(|_| not_a_time())
}

/// A date, then a time, then perhaps a zone. Returns the local time, and the zone when there is one.
pub(super) fn read_instant(text: &str) -> Result<(PrimitiveDateTime, Option<Zone>), TextFlaw> {
    let (date, rest) = split_date(text.trim());
    let date = read_calendar(date).map_err(|flaw| whole(flaw, text))?;
    let rest = rest.filter(|rest| !rest.is_empty());
    let rest = rest.ok_or_else(|| TextFlaw::NoTime(quote(text)))?;
    let (time, zone) = read_clock_and_zone(rest)?;
    Ok((PrimitiveDateTime::new(date, time), zone))
}

/// A day of the week: one digit from 0 (Sunday) to 6, or its name; any case.
pub(super) fn read_day(text: &str) -> Option<Weekday> {
    let plain: String = text
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| !matches!(c, '\'' | '’' | '‘' | '`'))
        .collect();
    if let Some(number) = number::<usize>(&plain, 1, 1) {
        return DAY_NAMES.get(number).map(|(day, _)| *day);
    }
    DAY_NAMES.iter().find(|(_, names)| names.contains(&plain.as_str())).map(|(day, _)| *day)
}

/// Somebody's text for an error: one line, and short however long the text is.
pub(super) fn quote(text: &str) -> String {
    let mut chars = text.trim().chars();
    let mut short: String = (&mut chars)
        .take(QUOTE_CHARS_MAX)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

/// Parts the date from the text behind a `T` or a space.
fn split_date(text: &str) -> (&str, Option<&str>) {
    match text.split_once(|c: char| matches!(c, 'T' | 't') || c.is_whitespace()) {
        Some((date, rest)) => (date, Some(rest.trim_start())),
        None => (text, None),
    }
}

fn read_calendar(text: &str) -> Result<Date, TextFlaw> {
    let not_a_date = || TextFlaw::NotADate(quote(text));
    let separator = if text.contains('/') { '/' } else { '-' };
    let mut parts = text.split(separator);
    let (Some(first), Some(month), Some(last), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(not_a_date());
    };
    // A year has four digits, so `1-12-2026` has one meaning as well.
    let is_day_first = separator == '/' || number::<u16>(last, 4, 4).is_some();
    let (year, day) = if is_day_first { (last, first) } else { (first, last) };
    let (Some(day), Some(month)) = (number(day, 1, 2), number::<u8>(month, 1, 2)) else {
        return Err(not_a_date());
    };
    if separator == '/' && number::<u16>(year, 2, 2).is_some() {
        return Err(TextFlaw::ShortYear(quote(text)));
    }
    let year = number(year, 4, 4).ok_or_else(not_a_date)?;
    if year < YEAR_MIN {
        return Err(TextFlaw::Year(quote(text)));
    }
    let month = Month::try_from(month).map_err(|_| TextFlaw::Month(quote(text)))?;
    Date::from_calendar_date(year, month, day).map_err(|_| TextFlaw::Day(quote(text)))
}

/// A malformed date is quoted with all that stands around it: `tomorrow at 8`, not `tomorrow`.
fn whole(flaw: TextFlaw, text: &str) -> TextFlaw {
    if matches!(flaw, TextFlaw::NotADate(_)) { TextFlaw::NotADate(quote(text)) } else { flaw }
}

fn read_clock_and_zone(text: &str) -> Result<(Time, Option<Zone>), TextFlaw> {
    let (clock, zone) = split_clock(text);
    if clock.is_empty() {
        return Err(TextFlaw::NotATime(quote(text)));
    }
    let time = read_time(clock)?;
    Ok((time, if zone.is_empty() { None } else { Some(Zone::parse(zone)?) }))
}

/// Parts a time of day, AM or PM included, from the zone that follows it.
fn split_clock(text: &str) -> (&str, &str) {
    let digits = text.find(|c: char| !matches!(c, '0'..='9' | ':' | '.')).unwrap_or(text.len());
    let rest = text[digits..].trim_start();
    let half = HALVES.iter().map(|(name, _)| name.len()).find(|length| {
        let (name, follows) = rest.split_at_checked(*length).unwrap_or_default();
        // `America/…` begins like AM, but a letter follows.
        half_named(name).is_some() && !follows.starts_with(char::is_alphabetic)
    });
    match half {
        Some(length) => {
            let zone = &rest[length..];
            (&text[..text.len() - zone.len()], zone.trim())
        }
        None => (&text[..digits], rest.trim()),
    }
}

/// Parts `8:00` from `PM`.
fn split_half(text: &str) -> (&str, Option<u8>) {
    let found = HALVES.iter().find_map(|(name, _)| {
        let (digits, name) = text.split_at_checked(text.len().checked_sub(name.len())?)?;
        Some((digits.trim_end(), half_named(name)?))
    });
    found.map_or((text, None), |(digits, half)| (digits, Some(half)))
}

fn half_named(text: &str) -> Option<u8> {
    HALVES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, half)| *half)
}

/// Two digits, perhaps with a fraction as in `30.000`, which is dropped.
fn read_second(text: &str) -> Option<u8> {
    match text.split_once('.') {
        Some((second, fraction)) => number::<u32>(fraction, 1, 9).and(number(second, 2, 2)),
        None => number(text, 2, 2),
    }
}

/// Plain ASCII digits, `min` to `max` of them.
fn number<T: FromStr>(text: &str, min: usize, max: usize) -> Option<T> {
    let fits = (min..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_read_on_both_clocks() {
        for (text, hour, minute, second) in [
            ("08:00", 8, 0, 0),
            ("8:00", 8, 0, 0),
            ("8.00", 8, 0, 0),
            ("08.05", 8, 5, 0),
            ("00:00", 0, 0, 0),
            ("23:59", 23, 59, 0),
            ("08:00:30", 8, 0, 30),
            ("08.00.30", 8, 0, 30),
            ("08:00:30.999", 8, 0, 30),
            (" 08:00\t", 8, 0, 0),
            ("8:00 PM", 20, 0, 0),
            ("8:00pm", 20, 0, 0),
            ("8.15 Pm", 20, 15, 0),
            ("8:00:30 AM", 8, 0, 30),
            ("8 pm", 20, 0, 0),
            ("8pm", 20, 0, 0),
            ("8 a.m.", 8, 0, 0),
            ("8:00\u{a0}p.m", 20, 0, 0),
            ("8:00\u{202f}PM", 20, 0, 0),
            ("12:00 AM", 0, 0, 0),
            ("12:30 am", 0, 30, 0),
            ("12 am", 0, 0, 0),
            ("12:00 PM", 12, 0, 0),
            ("12:59 PM", 12, 59, 0),
            ("11:59 PM", 23, 59, 0),
            ("01:00 AM", 1, 0, 0),
        ] {
            assert_eq!(
                read_time(text),
                Ok(Time::from_hms(hour, minute, second).unwrap()),
                "{text}"
            );
        }
    }

    #[test]
    fn a_time_that_is_not_certain_is_refused_with_its_reason() {
        let refused = |text: &str| read_time(text).expect_err(text);
        for text in [
            "",
            "8",
            "08",
            "pm",
            " am",
            ":",
            ":00",
            "08:",
            "08:000",
            "008:00",
            "08:00:",
            "08:00:5",
            "08:00:30.",
            "08:00:00:00",
            "8:00.30",
            "-8:00",
            "+8:00",
            "08 00",
            "0800",
            "8h",
            "noon",
            "08:00 WIB",
            "8:00 xm",
            "8:00 AM PM",
            "８:00",
            "2026-12-01T08:00",
            "8,00",
            "pagi",
        ] {
            assert_eq!(refused(text), TextFlaw::NotATime(quote(text)), "{text}");
        }
        assert_eq!(refused("8:5"), TextFlaw::ShortMinutes("8:5".into()));
        assert_eq!(refused("8:5 pm"), TextFlaw::ShortMinutes("8:5 pm".into()));
        for text in ["24:00", "24:00:00", "24.30"] {
            assert_eq!(refused(text), TextFlaw::EndOfDay(text.into()));
        }
        for text in ["25:00", "99:59"] {
            assert_eq!(refused(text), TextFlaw::Hour(text.into()));
        }
        for text in ["13:00 PM", "0:30 AM", "00:00 am", "24:00 pm", "20:00pm"] {
            assert_eq!(refused(text), TextFlaw::HalfDayHour(text.into()));
        }
        for text in ["08:60", "08:00:60", "8:99 pm"] {
            assert_eq!(refused(text), TextFlaw::Sixty(text.into()));
        }
    }

    #[test]
    fn a_date_is_read_year_first_or_day_first() {
        for (text, expected) in [
            ("2026-12-01", (2026, 12, 1)),
            ("2026-2-3", (2026, 2, 3)),
            ("01/12/2026", (2026, 12, 1)),
            ("1/2/2026", (2026, 2, 1)),
            ("29/02/2028", (2028, 2, 29)),
            ("01-12-2026", (2026, 12, 1)),
            ("1-2-2026", (2026, 2, 1)),
            ("1970-01-01", (1970, 1, 1)),
            ("9999-12-31", (9999, 12, 31)),
            ("2026-12-01T00:00:00.000Z", (2026, 12, 1)),
            ("2026-12-01T00:00:00+07:00", (2026, 12, 1)),
            ("2026-12-01 00:00:00", (2026, 12, 1)),
        ] {
            let (year, month, day) = expected;
            let date = Date::from_calendar_date(year, Month::try_from(month).unwrap(), day);
            assert_eq!(read_date(text), Ok(date.unwrap()), "{text}");
        }
    }

    #[test]
    fn a_date_that_is_not_certain_is_refused_with_its_reason() {
        let refused = |text: &str| read_date(text).expect_err(text);
        for text in [
            "",
            "today",
            "2026",
            "2026-12",
            "26-12-01",
            "02026-12-01",
            "2026-12-001",
            "2026/12/01",
            "01-12-26",
            "20261201",
            "2026.12.01",
            "1 Dec 2026",
            "-2026-12-01",
            "2026-12-01T",
            "2026-12-01Tx",
            "2026-12-01T99:00",
            "2026-12-01T00:00 Mars",
            "2026-12-01-02",
            "//",
            "--",
            "２０２６-12-01",
            "12/1",
            "1/12/+026",
        ] {
            assert_eq!(refused(text), TextFlaw::NotADate(quote(text)), "{text}");
        }
        assert_eq!(refused("01/12/26"), TextFlaw::ShortYear("01/12/26".into()));
        for text in ["1969-12-31", "0000-01-01", "01/01/1900"] {
            assert_eq!(refused(text), TextFlaw::Year(text.into()));
        }
        for text in ["2026-13-01", "2026-00-10", "12/31/2026"] {
            assert_eq!(refused(text), TextFlaw::Month(text.into()));
        }
        for text in ["2026-02-29", "2026-12-00", "2026-04-31", "32/12/2026"] {
            assert_eq!(refused(text), TextFlaw::Day(text.into()));
        }
    }

    #[test]
    fn a_quotation_is_short_and_on_one_line() {
        assert_eq!(quote(" 08:00 "), "08:00");
        assert_eq!(quote("a\nb\0"), "a\u{fffd}b\u{fffd}");
        assert_eq!(quote(&"é".repeat(1000)), "é".repeat(40) + "…");
    }
}
