//! Time zones: [`Zone`] turns UTC into local time and back. The only speaker of the zone library.
//!
//! The zone data is inside the program, so a server without `/usr/share/zoneinfo` counts the same
//! hours as any other. It must never look at the system's own zone or zone files.

use std::fmt;

use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};
use time::{OffsetDateTime, PrimitiveDateTime};

use super::time_text::quote;
use crate::clock::Timestamp;

/// The Indonesian names of the three zones of Indonesia.
const SHORT_NAMES: [(&str, &str); 3] =
    [("WIB", "Asia/Jakarta"), ("WITA", "Asia/Makassar"), ("WIT", "Asia/Jayapura")];

const UTC_NAMES: [&str; 3] = ["UTC", "GMT", "Z"];

/// The offsets in use on Earth, in minutes: -12:00 to +14:00.
const OFFSET_MINUTES_MIN: i32 = -12 * 60;
const OFFSET_MINUTES_MAX: i32 = 14 * 60;

/// The zone library's name for "nobody knows", which behaves as UTC; for us it is a mistake.
const UNKNOWN_ZONE: &str = "Etc/Unknown";

/// A time zone: an IANA zone with its daylight saving rules, or a fixed offset. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

/// The value is not a time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{value}` is not a time zone: write a name such as `Asia/Jakarta` or `WIB`, or an offset such as `+07:00`"
)]
pub struct ZoneError {
    /// The text, shortened.
    pub(crate) value: String,
}

impl Zone {
    /// Reads an IANA name in any case, `WIB`, `WITA`, `WIT`, `UTC`, `Z`, or an offset from UTC
    /// between -12:00 and +14:00 such as `+07:00`, `+7`, `+0530`, `UTC+7`, `GMT+07:00`.
    pub fn parse(name: &str) -> Result<Self, ZoneError> {
        let name = name.trim();
        if UTC_NAMES.iter().any(|utc| utc.eq_ignore_ascii_case(name)) {
            return Ok(Self::fixed(0));
        }
        if let Some(minutes) = offset_minutes(name) {
            return Ok(Self::fixed(minutes));
        }
        let full = SHORT_NAMES.iter().find(|(short, _)| short.eq_ignore_ascii_case(name));
        let rules = TimeZoneDatabase::bundled().get(full.map_or(name, |(_, full)| full));
        rules
            .ok()
            .and_then(|rules| Some(Self { name: rules.iana_name()?.to_owned(), rules }))
            .filter(|zone| zone.name != UNKNOWN_ZONE)
            .ok_or_else(|| ZoneError { value: quote(name) })
    }

    /// The IANA name as the zone data spells it, `UTC`, or an offset such as `+07:00`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The local time in this zone at `at`, in whole seconds; at most the end of year 9999.
    pub fn to_local(&self, at: Timestamp) -> PrimitiveDateTime {
        OffsetDateTime::from_unix_timestamp(at.secs() + self.offset_secs(at))
            .map_or(PrimitiveDateTime::MAX, |shown| {
                PrimitiveDateTime::new(shown.date(), shown.time())
            })
    }

    /// How far the clock in this zone is ahead of UTC at `at`; negative west of Greenwich.
    pub(crate) fn offset_secs(&self, at: Timestamp) -> i64 {
        self.rules.to_offset(nearest(at.secs())).seconds().into()
    }

    /// The instant at which the clock in this zone shows `local`, in whole seconds.
    ///
    /// A time that the clock skips moves forward by what was skipped; one that it shows twice is the first.
    pub fn to_utc(&self, local: PrimitiveDateTime) -> Timestamp {
        let secs = local.assume_utc().unix_timestamp();
        let shown = Offset::UTC.to_datetime(nearest(secs));
        // The offset before the change answers both: a skipped time counted by the old clock lies
        // that much after the change, and a doubled one was shown first by the old clock.
        let offset = match self.rules.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => before,
        };
        Timestamp::from_secs(secs - i64::from(offset.seconds()))
    }

    /// For people: `2026-12-01 08:00`, local, rounded down to the minute.
    pub fn format_local(&self, at: Timestamp) -> String {
        let local = self.to_local(at);
        format!("{} {:02}:{:02}", local.date(), local.hour(), local.minute())
    }

    /// A fixed offset, within the range that [`offset_minutes`] allows.
    fn fixed(minutes: i32) -> Self {
        // In range, so the fallback is never taken; it only spares a panic.
        let offset = Offset::from_seconds(minutes * 60).unwrap_or(Offset::UTC);
        let (sign, size) = (if minutes < 0 { '-' } else { '+' }, minutes.abs());
        let name = match minutes {
            0 => "UTC".to_owned(),
            _ => format!("{sign}{:02}:{:02}", size / 60, size % 60),
        };
        Self { name, rules: TimeZone::fixed(offset) }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// `+07:00`, `+7`, `+07`, `+0530`, each also after `UTC` or `GMT`, in minutes.
///
/// A dot is no separator here: `08.00-10.00` are opening hours, not an offset.
fn offset_minutes(text: &str) -> Option<i32> {
    let offset = match text.get(..3) {
        Some(utc) if utc.eq_ignore_ascii_case("UTC") || utc.eq_ignore_ascii_case("GMT") => {
            text[3..].trim_start()
        }
        Some(_) | None => text,
    };
    let (sign, size) = match offset.split_at_checked(1)? {
        ("+", size) => (1, size),
        ("-", size) => (-1, size),
        _ => return None,
    };
    let (hours, minutes) = match size.split_once(':') {
        Some((hours, minutes)) if minutes.len() == 2 => (hours, minutes),
        Some(_) => return None,
        None if size.len() == 4 => size.split_at_checked(2)?,
        None => (size, "00"),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !(1..=2).contains(&hours.len()) || !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes) = (hours.parse::<i32>().ok()?, minutes.parse::<i32>().ok()?);
    let total = sign * (hours * 60 + minutes);
    (minutes < 60 && (OFFSET_MINUTES_MIN..=OFFSET_MINUTES_MAX).contains(&total)).then_some(total)
}

/// The zone library's form of an instant. It ends a day before the end of year 9999, where we ask
/// for the offset of its last moment instead; no zone has anything planned in between.
fn nearest(secs: i64) -> jiff::Timestamp {
    let (first, last) = (jiff::Timestamp::MIN, jiff::Timestamp::MAX);
    jiff::Timestamp::from_second(secs.clamp(first.as_second(), last.as_second())).unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(text: &str) -> String {
        Zone::parse(text).unwrap().name().to_owned()
    }

    #[test]
    fn a_zone_is_known_by_every_name_that_people_use() {
        for (text, name) in [
            ("Asia/Jakarta", "Asia/Jakarta"),
            ("asia/jakarta", "Asia/Jakarta"),
            (" AMERICA/NEW_YORK ", "America/New_York"),
            ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
            ("WIB", "Asia/Jakarta"),
            ("wita", "Asia/Makassar"),
            ("Wit", "Asia/Jayapura"),
            ("UTC", "UTC"),
            ("z", "UTC"),
            ("gmt", "UTC"),
            ("+07:00", "+07:00"),
            ("+7", "+07:00"),
            ("+07", "+07:00"),
            ("+0530", "+05:30"),
            ("UTC+7", "+07:00"),
            ("utc +7", "+07:00"),
            ("GMT+07:00", "+07:00"),
            ("-3:30", "-03:30"),
            ("-00:30", "-00:30"),
            ("-12", "-12:00"),
            ("+14:00", "+14:00"),
            ("UTC+0", "UTC"),
            ("-00:00", "UTC"),
        ] {
            assert_eq!(name_of(text), name, "{text}");
        }
    }

    #[test]
    fn what_is_no_zone_is_refused_with_its_name_and_examples() {
        for text in [
            "",
            " ",
            "WIBB",
            "Jakarta",
            "Asia/Jakarta/Selatan",
            "7",
            "07:00",
            "+",
            "-",
            "+:",
            "+7:",
            "+7:5",
            "+7:60",
            "+070",
            "+07000",
            "+14:01",
            "-12:01",
            "+99",
            "+1.5",
            "+07.00",
            "++7",
            "+-7",
            "+7a",
            "+٧",
            "UTC7",
            "UTC+",
            "Z+7",
            "Etc/Unknown",
            "posixrules",
            "../etc/passwd",
            "\0",
            "é+7",
        ] {
            let error = Zone::parse(text).expect_err(text);
            assert_eq!(error.value, quote(text), "{text}");
        }
        assert_eq!(
            Zone::parse("Mars/Base").unwrap_err().to_string(),
            "`Mars/Base` is not a time zone: write a name such as `Asia/Jakarta` or `WIB`, or an offset such as `+07:00`"
        );
    }

    #[test]
    fn the_wall_clock_and_its_offset_are_those_of_the_zone() {
        for (zone, at, shown, offset_secs) in [
            ("WIB", "2026-12-01T01:00:00Z", "2026-12-01 08:00", 25_200),
            ("America/New_York", "2026-07-01T00:30:00Z", "2026-06-30 20:30", -14_400),
            ("America/New_York", "2026-12-01T00:30:00Z", "2026-11-30 19:30", -18_000),
            ("Australia/Lord_Howe", "2026-07-01T00:00:00Z", "2026-07-01 10:30", 37_800),
            ("+05:45", "2026-12-31T23:59:59Z", "2027-01-01 05:44", 20_700),
            ("UTC", "1970-01-01T00:00:00Z", "1970-01-01 00:00", 0),
        ] {
            let (zone, at) = (Zone::parse(zone).unwrap(), Timestamp::parse(at).unwrap());
            assert_eq!(zone.format_local(at), shown);
            assert_eq!(zone.offset_secs(at), offset_secs);
            assert_eq!(zone.to_utc(zone.to_local(at)), at);
        }
    }

    #[test]
    fn the_ends_of_time_are_answered_too() {
        for name in ["+14:00", "-12:00", "America/New_York", "Pacific/Kiritimati"] {
            let zone = Zone::parse(name).unwrap();
            for millis in [i64::MIN, i64::MAX] {
                let at = Timestamp::from_millis(millis);
                let again = zone.to_utc(zone.to_local(at));
                assert!(at.since(again).as_secs() < 86_400 && again <= at, "{name} {at} {again}");
            }
            let _ = zone.to_utc(PrimitiveDateTime::MIN);
            let _ = zone.to_utc(PrimitiveDateTime::MAX);
        }
    }

    #[test]
    fn a_zone_can_go_from_thread_to_thread() {
        fn shared<T: Send + Sync + Clone + fmt::Debug>() {}
        shared::<Zone>();
    }
}
