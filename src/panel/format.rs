//! How things look to people: times, spans, numbers, statuses. Words come from `words`.

use std::time::Duration;

use super::words::Words;
use crate::clock::Timestamp;
use crate::delivery::{MessageStatus, Status};
use crate::language::Language;
use crate::schedule::Zone;

/// A status as a word with a sign and a colour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Badge {
    pub(crate) class: &'static str,
    /// The path of its sign, in a box of 24.
    pub(crate) icon: &'static str,
    pub(crate) word: &'static str,
}

pub(super) struct Choice {
    pub(crate) word: String,
    pub(crate) is_chosen: bool,
    /// The value of a field, or a link.
    pub(crate) value: String,
}

impl Choice {
    pub(super) fn new(word: impl Into<String>, is_chosen: bool, value: impl Into<String>) -> Self {
        Self { word: word.into(), is_chosen, value: value.into() }
    }
}

const CLOCK: &str = "M12 7v5l3 2M12 3.5a8.5 8.5 0 1 0 .01 0z";
const CHECK: &str = "M5 12.5l4.5 4.5L19 7.5";
const CHECKS: &str = "M1.5 12.5l4.5 4.5L15 7.5M10 15.5l1.5 1.5L22 7.5";
const CROSS: &str = "M6 6l12 12M18 6L6 18";
const ARROW: &str = "M4 12h15M13 6l6 6-6 6";
const PAUSE: &str = "M9 6v12M15 6v12";
const QUESTION: &str = "M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.2-1.5 2.4M12 18v.3";
const SKIP: &str = "M5 12h14";
const HAND: &str = "M12 4v9M12 17.5v.5";

pub(super) fn message_badge(status: MessageStatus, w: &'static Words) -> Badge {
    let (class, icon, word) = match status {
        MessageStatus::Scheduled => ("info", CLOCK, w.status_scheduled),
        MessageStatus::Sending => ("busy", ARROW, w.status_sending),
        MessageStatus::Sent => ("good", CHECK, w.sent),
        MessageStatus::Failed => ("bad", CROSS, w.failed),
        MessageStatus::Cancelled => ("off", CROSS, w.status_cancelled),
        MessageStatus::Draft => ("off", PAUSE, w.status_draft),
    };
    Badge { class, icon, word }
}

/// The status of a delivery, with ticks as WhatsApp has them.
pub(super) fn delivery_badge(status: Status, ack: Option<i64>, w: &'static Words) -> Badge {
    let (class, icon, word) = match (status, ack.unwrap_or(0)) {
        (Status::Pending, _) => ("info", CLOCK, w.delivery_pending),
        (Status::Sending, _) => ("busy", ARROW, w.status_sending),
        (Status::Sent, 3..) => ("seen", CHECKS, w.read),
        (Status::Sent, 2) => ("good", CHECKS, w.delivered),
        (Status::Sent, _) => ("good", CHECK, w.sent),
        (Status::Failed, _) => ("bad", CROSS, w.failed),
        (Status::Skipped, _) => ("off", SKIP, w.skipped),
        (Status::Expired, _) => ("bad", CLOCK, w.too_late),
        (Status::Cancelled, _) => ("off", CROSS, w.status_cancelled),
        (Status::Unknown, _) => ("warn", QUESTION, w.unknown),
    };
    Badge { class, icon, word }
}

pub(super) fn good(word: &'static str) -> Badge {
    Badge { class: "good", icon: CHECK, word }
}

pub(super) fn bad(word: &'static str) -> Badge {
    Badge { class: "bad", icon: CROSS, word }
}

/// The state of a channel that waits for a person.
pub(super) fn held(word: &'static str) -> Badge {
    Badge { class: "warn", icon: HAND, word }
}

/// The state of a channel that waits for its hours.
pub(super) fn waits(word: &'static str) -> Badge {
    Badge { class: "info", icon: CLOCK, word }
}

/// The state of a channel that is not used.
pub(super) fn off(word: &'static str) -> Badge {
    Badge { class: "off", icon: PAUSE, word }
}

/// `Sel, 1 Des 2026, 08.00`, or `Tue, 1 Dec 2026, 08:00`.
pub(super) fn moment(at: Timestamp, zone: &Zone, language: Language) -> String {
    let local = zone.to_local(at);
    let (days, months) = language.calendar();
    let day = days[usize::from(local.weekday().number_days_from_sunday())];
    let month = months[usize::from(u8::from(local.month())) - 1];
    let point = language.pick(':', '.');
    format!(
        "{day}, {} {month} {}, {:02}{point}{:02}",
        local.day(),
        local.year(),
        local.hour(),
        local.minute()
    )
}

/// `1 Des`, of a day that begins at `at`.
pub(super) fn day(at: Timestamp, zone: &Zone, language: Language) -> String {
    let local = zone.to_local(at);
    let (_, months) = language.calendar();
    format!("{} {}", local.day(), months[usize::from(u8::from(local.month())) - 1])
}

/// `42 detik`, `3 menit`, `5 jam`, `2 hari`: one unit, rounded down.
pub(super) fn span(duration: Duration, w: &Words) -> String {
    let secs = duration.as_secs();
    let (count, unit) = match secs {
        0..60 => (secs, w.seconds),
        60..3600 => (secs / 60, w.minutes),
        3600..172_800 => (secs / 3600, w.hours),
        _ => (secs / 86_400, w.days),
    };
    format!("{count} {unit}")
}

/// `3 menit lalu`.
pub(super) fn ago(at: Timestamp, now: Timestamp, w: &Words) -> String {
    w.ago.replace("{}", &span(now.since(at), w))
}

/// `12.345`, or `12,345`.
pub(super) fn number(count: u64, language: Language) -> String {
    let digits = count.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(language.pick(",", "."))
}

/// Which of `for one|for more` goes with a count; words without a `|` go with each.
pub(super) fn for_count(words: &str, is_one: bool) -> &str {
    words.split_once('|').map_or(words, |(one, more)| if is_one { one } else { more })
}

/// A chat, or a number as contacts have it, as people know it: `+62 812-3456-7890`; what is no phone number stays
/// as it is.
pub(super) fn phone(chat_id: &str) -> String {
    let number = chat_id.strip_prefix('+').filter(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
    let Some(digits) = chat_id.strip_suffix("@c.us").or(number) else { return chat_id.to_owned() };
    match digits.strip_prefix("62") {
        Some(rest) if rest.len() >= 8 && rest.is_char_boundary(3) && rest.is_char_boundary(7) => {
            format!("+62 {}-{}-{}", &rest[..3], &rest[3..7], &rest[7..])
        }
        Some(_) | None => format!("+{digits}"),
    }
}

/// The same of a delivery, which may stand for a contact that is not there: its row names that in English.
pub(super) fn recipient(to: &str, language: Language) -> String {
    let missing = to.strip_prefix("contact ");
    missing.map_or_else(|| phone(to), |id| format!("{} {id}", language.pick("contact", "kontak")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_local_and_in_the_readers_words() {
        let zone = Zone::parse("Asia/Jakarta").unwrap();
        let at = Timestamp::parse("2026-12-01T01:05:00Z").unwrap();
        assert_eq!(moment(at, &zone, Language::Indonesian), "Sel, 1 Des 2026, 08.05");
        assert_eq!(moment(at, &zone, Language::English), "Tue, 1 Dec 2026, 08:05");
    }

    #[test]
    fn numbers_and_phones_are_grouped() {
        assert_eq!(number(1_234_567, Language::Indonesian), "1.234.567");
        assert_eq!(number(999, Language::English), "999");
        assert_eq!(phone("6281234567890@c.us"), "+62 812-3456-7890");
        assert_eq!(phone("12025550123@c.us"), "+12025550123");
        assert_eq!(phone("+6281234567890"), "+62 812-3456-7890");
        assert_eq!(phone("120363@g.us"), "120363@g.us");
    }

    #[test]
    fn one_has_words_of_its_own_where_the_language_has_them() {
        let words = Language::English.words().people_count;
        assert_eq!(
            [true, false].map(|is_one| for_count(words, is_one)),
            ["{} person", "{} people"]
        );
        let words = Language::Indonesian.words().people_count;
        assert_eq!(for_count(words, true), "{} orang");
    }
}
