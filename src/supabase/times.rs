//! The times of a row of the website's: its instants as the database writes them, and which follow.
//!
//! The website keeps `schedules` in the wall-clock of the browser that wrote them, without a zone, and
//! their first entry as an instant in `scheduled_at`. So the instant tells the zone of the entries.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::clock::Timestamp;
use crate::schedule::{self, Zone};

const QUARTER_SECS: i64 = 15 * 60;
const OFFSETS: std::ops::RangeInclusive<i64> = -12 * 3600..=14 * 3600;

/// An instant as PostgREST writes it, rounded down to a whole second; without an offset it is UTC.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    Some(Timestamp::from_secs(precisely(text)?.unix_timestamp()))
}

/// The same with its microseconds.
pub(super) fn precisely(text: &str) -> Option<OffsetDateTime> {
    let read = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
    read(text).or_else(|| read(&format!("{text}Z")))
}

/// Whether one instant of the project's is before another one; one that cannot be read is not.
pub(super) fn is_before(one: &str, other: &str) -> bool {
    precisely(one).zip(precisely(other)).is_some_and(|(one, other)| one < other)
}

/// A moment that was surely not before `told` by a server: HTTP has whole seconds, and nginx keeps one.
pub(super) fn surely_past(told: Timestamp) -> Timestamp {
    told.plus(Duration::from_secs(2))
}

/// The occurrences of a row after `at`, in their order: those of its list, or the next one of its weekly
/// rule when it has no list. `scheduled_at` is the instant that stands for one of the entries, and
/// `offset` what [`offset`] told of it.
pub(super) fn following(
    (schedules, weekly): (Option<&str>, Option<&str>),
    offset: Option<i64>,
    at: Timestamp,
    zone: &Zone,
) -> Vec<Timestamp> {
    let listed = schedule::listed(schedules);
    if listed.is_empty() {
        let next = schedule::next_occurrence(None, weekly, zone, at);
        return next.ok().flatten().into_iter().collect();
    }
    let in_zone = listed.iter().map(|local| match offset {
        Some(offset) => Timestamp::from_secs(local.assume_utc().unix_timestamp() - offset),
        None => zone.to_utc(*local),
    });
    let mut all: Vec<Timestamp> = in_zone.filter(|one| *one > at).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// How far the wall-clock of a row's list is ahead of UTC, in seconds; `None` for that of TIMEZONE. It is
/// the `known` one while `scheduled_at` is an entry in it: of another entry than the first, two offsets
/// may fit.
pub(super) fn offset(
    schedules: Option<&str>,
    scheduled_at: Timestamp,
    known: Option<i64>,
    zone: &Zone,
) -> Option<i64> {
    let listed = schedule::listed(schedules);
    let shown: Vec<i64> = listed.iter().map(|local| local.assume_utc().unix_timestamp()).collect();
    let secs = scheduled_at.secs();
    if let Some(known) = known.filter(|known| shown.contains(&(secs + known))) {
        return Some(known);
    }
    if listed.iter().any(|local| zone.to_utc(*local).secs() == secs) {
        return None;
    }
    let is_offset = |offset: &i64| OFFSETS.contains(offset) && offset % QUARTER_SECS == 0;
    shown.iter().map(|shown| shown - secs).find(is_offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str =
        r#"[{"date":"2026-12-01","time":"09:00"},{"date":"2026-12-02","time":"09:00"}]"#;

    fn next(schedules: Option<&str>, weekly: Option<&str>, at: &str) -> Vec<String> {
        let zone = Zone::parse("Asia/Jakarta").unwrap();
        let at = instant(at).unwrap();
        let offset = offset(schedules, at, None, &zone);
        following((schedules, weekly), offset, at, &zone).iter().map(|at| at.to_string()).collect()
    }

    #[test]
    fn the_instant_tells_in_which_zone_the_entries_are() {
        // 09:00 in Jakarta, in Makassar (WITA), and in a zone that the list does not fit at all.
        assert_eq!(next(Some(LIST), None, "2026-12-01T02:00:00+00:00"), ["2026-12-02T02:00:00Z"]);
        assert_eq!(next(Some(LIST), None, "2026-12-01T01:00:00+00:00"), ["2026-12-02T01:00:00Z"]);
        assert_eq!(next(Some(LIST), None, "2026-12-02T02:00:00.123456+00:00"), [""; 0]);
    }

    #[test]
    fn beside_a_list_the_weekly_note_counts_for_nothing() {
        let weekly = r#"{"startDate":"2026-12-01","time":"10:00","weekDays":[1,2,3,4,5,6,0]}"#;
        assert_eq!(next(Some(LIST), Some(weekly), "2026-12-02T02:00:00Z"), [""; 0]);
        assert_eq!(
            next(Some("[]"), Some(weekly), "2026-12-01T03:00:00Z"),
            ["2026-12-02T03:00:00Z"]
        );
        assert_eq!(next(None, Some(r#"{"every":"hari"}"#), "2026-12-01T03:00:00Z"), [""; 0]);
    }

    /// In Makassar (WITA), while TIMEZONE is Jakarta's, every next time fits the entry before it, too.
    #[test]
    fn a_list_of_another_zone_ends_with_its_last_entry() {
        let list = r#"[{"date":"2026-12-01","time":"09:00"},{"date":"2026-12-01","time":"10:00"},{"date":"2026-12-01","time":"17:00"}]"#;
        let zone = Zone::parse("Asia/Jakarta").unwrap();
        let (mut at, mut known, mut seen) = (instant("2026-12-01T01:00:00Z").unwrap(), None, 0);
        loop {
            known = offset(Some(list), at, known, &zone);
            assert_eq!(known, Some(8 * 3600));
            seen += 1;
            let next = following((Some(list), None), known, at, &zone).into_iter().next();
            let Some(next) = next else { break };
            at = next;
        }
        assert_eq!((seen, at.to_string()), (3, "2026-12-01T09:00:00Z".to_owned()));
    }
}
