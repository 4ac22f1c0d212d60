//! A schedule for people: `every Mon, Thu at 08:00, until 2026-12-31`.

use time::{Date, PrimitiveDateTime, Time, Weekday};

use crate::language::Language;

use super::columns::{
    Frequency, Rule, holds_something, own_zone, read_interval_config, read_schedules,
};
use super::time_text::quote;
use super::zone::Zone;

/// How many listed times are named.
const NAMED_MAX: usize = 5;

/// The two columns in words and in local time, the list first; what cannot be read stays as it is.
pub(crate) fn in_words(schedules: Option<&str>, interval_config: Option<&str>) -> Vec<String> {
    let as_it_is = |column: Option<&str>| column.map(str::to_owned);
    let listed = match read_schedules(schedules) {
        Ok((times, _)) if times.is_empty() => None,
        Ok((times, _)) => {
            let named = times.iter().take(NAMED_MAX);
            let mut named: Vec<String> =
                named.map(|at| format!("{} {}", at.date(), clock(at.time()))).collect();
            if let Some(more) = times.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
                named.push(format!("and {more} more"));
            }
            Some(named.join(", "))
        }
        Err(_) => as_it_is(schedules),
    };
    let rule = match read_interval_config(interval_config) {
        Ok(rule) => rule.map(|rule| rule_in_words(&rule)),
        Err(_) => as_it_is(interval_config),
    };
    let mut words: Vec<String> = listed.into_iter().chain(rule).collect();
    if let (Some(last), Some(zone)) = (words.last_mut(), own_zone(schedules, interval_config)) {
        last.extend([" (", zone.name(), ")"]);
    }
    words
}

fn rule_in_words(rule: &Rule) -> String {
    let days: Vec<String> = std::iter::successors(Some(Weekday::Monday), |day| Some(day.next()))
        .take(7)
        .filter(|day| rule.names(*day))
        .map(|day| day.to_string()[..3].to_owned())
        .collect();
    let days = (days.len() < 7).then(|| days.join(", "));
    let every = |unit: &str| match rule.interval {
        1 => format!("every {unit}"),
        interval => format!("every {interval} {unit}s"),
    };
    let on = |days: Option<String>| days.map(|days| format!(" on {days}")).unwrap_or_default();
    let when = match &rule.frequency {
        Frequency::Weekly if rule.interval == 1 => {
            format!("every {}", days.unwrap_or_else(|| "day".to_owned()))
        }
        Frequency::Weekly => every("week") + &on(days),
        Frequency::Daily => every("day") + &on(days),
        Frequency::Monthly { days: dates, has_last } => {
            let dates = dates.iter().map(u8::to_string);
            let dates = dates.chain(has_last.then(|| "the last day".to_owned()));
            let when = every("month") + &on(Some(dates.collect::<Vec<_>>().join(", ")));
            when + &days.map(|days| format!(" if it is {days}")).unwrap_or_default()
        }
    };
    let times: Vec<String> = rule.times.iter().map(|time| clock(*time)).collect();
    let bound = |word: &str, at: Option<PrimitiveDateTime>| match at {
        None => String::new(),
        Some(at) if [Time::MIDNIGHT, Time::MAX].contains(&at.time()) => {
            format!(", {word} {}", at.date())
        }
        Some(at) => format!(", {word} {} {}", at.date(), clock(at.time())),
    };
    let but: Vec<String> =
        rule.bounds.excluded.iter().take(NAMED_MAX).map(Date::to_string).collect();
    let but = if but.is_empty() { String::new() } else { format!(", but {}", but.join(", ")) };
    let off = if rule.bounds.is_stopped { ", switched off" } else { "" };
    let (from, until) = (bound("from", rule.bounds.start), bound("until", rule.bounds.end));
    format!("{when} at {}{from}{until}{but}{off}", times.join(", "))
}

/// The short names of the days, from Sunday, and of the months.
pub(crate) type Calendar<'a> = ([&'a str; 7], [&'a str; 12]);

/// The two columns in the reader's words, the list first; what cannot be read as it is, cut short. Empty when
/// there is neither.
pub(crate) fn words_for(
    schedules: Option<&str>,
    interval_config: Option<&str>,
    language: Language,
    calendar: &Calendar<'_>,
) -> String {
    let listed = match read_schedules(schedules) {
        Ok((times, _)) if times.is_empty() => {
            let off = language.pick("all dates are switched off", "semua tanggal dimatikan");
            holds_something(schedules).then(|| off.to_owned())
        }
        Ok((times, zone)) => {
            let named = times.iter().take(NAMED_MAX);
            let named = named
                .map(|at| format!("{}, {}", day(at.date(), calendar), hour(at.time(), language)));
            let more = times.len().saturating_sub(NAMED_MAX);
            let more = (more > 0)
                .then(|| language.pick(format!("and {more} more"), format!("dan {more} lagi")));
            let named: Vec<String> = named.chain(more).collect();
            Some(named.join("; ") + &in_zone(zone.as_ref()))
        }
        Err(_) => schedules.map(quote),
    };
    let rule = match read_interval_config(interval_config) {
        Ok(_) => rule_for(interval_config, language, calendar),
        Err(_) => interval_config.map(quote),
    };
    listed.into_iter().chain(rule).collect::<Vec<_>>().join("; ")
}

/// A rule in the reader's words: `setiap Sen, Kam, 08.00, sampai 31 Jan 2027`. `None` for no rule, and for one
/// that cannot be read.
pub(crate) fn rule_for(
    interval_config: Option<&str>,
    language: Language,
    calendar: &Calendar<'_>,
) -> Option<String> {
    let rule = read_interval_config(interval_config).ok()??;
    let times: Vec<String> = rule.times.iter().map(|time| hour(*time, language)).collect();
    let bound = |word: &str, at: Option<PrimitiveDateTime>| match at {
        None => String::new(),
        Some(at) if [Time::MIDNIGHT, Time::MAX].contains(&at.time()) => {
            format!(", {word} {}", day(at.date(), calendar))
        }
        Some(at) => format!(", {word} {}, {}", day(at.date(), calendar), hour(at.time(), language)),
    };
    let from = bound(language.pick("from", "mulai"), rule.bounds.start);
    let until = bound(language.pick("until", "sampai"), rule.bounds.end);
    let but = rule.bounds.excluded.iter().take(NAMED_MAX).map(|date| day(*date, calendar));
    let more = if rule.bounds.excluded.len() > NAMED_MAX { ", …" } else { "" };
    let but = match but.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => none,
        but => format!(", {} {but}{more}", language.pick("but not on", "kecuali")),
    };
    let off = language.pick(", switched off", ", dimatikan");
    let off = if rule.bounds.is_stopped { off } else { "" };
    let (when, zone) = (days_for(&rule, language, calendar.0), in_zone(rule.bounds.zone.as_ref()));
    Some(format!("{when}, {}{from}{until}{but}{zone}{off}", times.join(", ")))
}

/// `setiap Sen, Kam`, `every 2 weeks, Mon`, `setiap bulan, tanggal 1, 15`.
fn days_for(rule: &Rule, language: Language, days: [&str; 7]) -> String {
    let named: Vec<&str> = std::iter::successors(Some(Weekday::Monday), |day| Some(day.next()))
        .take(7)
        .filter(|day| rule.names(*day))
        .map(|day| days[usize::from(day.number_days_from_sunday())])
        .collect();
    let on = if named.len() < 7 { format!(" {}", named.join(", ")) } else { String::new() };
    let count = if rule.interval == 1 { String::new() } else { format!("{} ", rule.interval) };
    let every = |one: (&str, &str), many: &str| {
        let english = if rule.interval == 1 { one.0 } else { many };
        language.pick(format!("every {count}{english}"), format!("setiap {count}{}", one.1))
    };
    match &rule.frequency {
        Frequency::Weekly if rule.interval == 1 && !on.is_empty() => {
            format!("{}{on}", language.pick("every", "setiap"))
        }
        Frequency::Weekly if rule.interval == 1 => every(("day", "hari"), "days"),
        Frequency::Weekly => every(("week", "minggu"), "weeks") + &comma(&on),
        Frequency::Daily => every(("day", "hari"), "days") + &comma(&on),
        Frequency::Monthly { days: dates, has_last } => {
            let dates = dates.iter().map(u8::to_string);
            let last = language.pick("the last day", "hari terakhir");
            let dates = dates.chain(has_last.then(|| last.to_owned()));
            let dates = dates.collect::<Vec<_>>().join(", ");
            let month = every(("month", "bulan"), "months");
            format!("{month}{} {dates}{}", language.pick(" on", ", tanggal"), comma(&on))
        }
    }
}

/// `1 Des 2026`.
fn day(date: Date, (_, months): &Calendar<'_>) -> String {
    format!("{} {} {}", date.day(), months[usize::from(u8::from(date.month())) - 1], date.year())
}

/// `08.00`, or `08:00` in English.
fn hour(time: Time, language: Language) -> String {
    clock(time).replace(':', language.pick(":", "."))
}

fn in_zone(zone: Option<&Zone>) -> String {
    zone.map(|zone| format!(" ({})", zone.name())).unwrap_or_default()
}

fn comma(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(",{words}") }
}

/// `08:00`, with its seconds when it has any: also as a field of a form wants it.
pub(crate) fn clock(time: Time) -> String {
    match time.as_hms() {
        (hour, minute, 0) => format!("{hour:02}:{minute:02}"),
        (hour, minute, second) => format!("{hour:02}:{minute:02}:{second:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_told_in_words_and_what_cannot_be_read_as_it_is() {
        let listed =
            r#"[{"date":"2026-12-01","time":"8:00 PM"},{"date":"24/12/2026","time":"08:00"}]"#;
        assert_eq!(in_words(Some(listed), None), ["2026-12-01 20:00, 2026-12-24 08:00"]);
        let weekly = r#"{"startDate":"2026-12-01","time":"08:00","weekDays":["kamis",1],"endDate":"2027-01-31"}"#;
        assert_eq!(
            in_words(None, Some(weekly)),
            ["every Mon, Thu at 08:00, from 2026-12-01, until 2027-01-31"]
        );
        let daily = r#"{"time":["08:00","17:30"],"weekDays":[0,1,2,3,4,5,6]}"#;
        assert_eq!(in_words(Some("[]"), Some(daily)), ["every day at 08:00, 17:30"]);
        for (rule, words) in [
            (
                r#"{"time":"08:00","weekDays":[1],"interval":2,"from":"2026-12-01","count":3,"exclude":["2026-12-14"]}"#,
                "every 2 weeks on Mon at 08:00, from 2026-12-01, until 2027-01-11 08:00, but 2026-12-14",
            ),
            (
                r#"{"time":"08:00","monthDays":[1,"last"],"timezone":"WITA"}"#,
                "every month on 1, the last day at 08:00 (Asia/Makassar)",
            ),
            (
                r#"{"time":"08:00","frequency":"daily","enabled":false}"#,
                "every day at 08:00, switched off",
            ),
        ] {
            assert_eq!(in_words(None, Some(rule)), [words]);
        }
        assert_eq!(in_words(Some("besok"), Some("[1]")), ["besok", "[1]"]);
        assert!(in_words(None, None).is_empty());
    }

    #[test]
    fn a_readers_words_name_everything_that_changes_when_it_goes_out() {
        let listed =
            r#"[{"date":"2026-12-01","time":"8:00 PM"},{"date":"24/12/2026","time":"08:00"}]"#;
        let weekly = r#"{"startDate":"2026-12-01","time":"08:00","weekDays":["kamis",1],"endDate":"2027-01-31"}"#;
        let daily = r#"{"time":["08:00","17:30"],"weekDays":[0,1,2,3,4,5,6]}"#;
        let months = "Jan Feb Mar Apr Mei Jun Jul Agu Sep Okt Nov Des".split(' ');
        let months = months.collect::<Vec<_>>().try_into().unwrap();
        let id = (["Min", "Sen", "Sel", "Rab", "Kam", "Jum", "Sab"], months);
        for (rule, indonesian) in [
            (weekly, "setiap Sen, Kam, 08.00, mulai 1 Des 2026, sampai 31 Jan 2027"),
            (daily, "setiap hari, 08.00, 17.30"),
            (
                r#"{"time":"08:00","monthDays":[1,"last"]}"#,
                "setiap bulan, tanggal 1, hari terakhir, 08.00",
            ),
            (
                r#"{"time":"08:00","weekDays":[1],"interval":2,"from":"2026-12-01"}"#,
                "setiap 2 minggu, Sen, 08.00, mulai 1 Des 2026",
            ),
            (
                r#"{"time":"8:00 PM","weekDays":[1],"exclude":["2026-12-14"],"timezone":"WITA","enabled":false}"#,
                "setiap Sen, 20.00, kecuali 14 Des 2026 (Asia/Makassar), dimatikan",
            ),
        ] {
            let told = rule_for(Some(rule), Language::Indonesian, &id);
            assert_eq!(told.as_deref(), Some(indonesian));
        }
        let en = (["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"], months);
        let told = rule_for(Some(weekly), Language::English, &en);
        let english = "every Mon, Thu, 08:00, from 1 Des 2026, until 31 Jan 2027";
        assert_eq!(told.as_deref(), Some(english));
        let told = |listed, rule| words_for(listed, rule, Language::Indonesian, &id);
        assert_eq!(told(Some(listed), None), "1 Des 2026, 20.00; 24 Des 2026, 08.00");
        let in_wita = r#"[{"date":"2026-12-01","time":"8.00","timezone":"WITA"}]"#;
        assert_eq!(told(Some(in_wita), None), "1 Des 2026, 08.00 (Asia/Makassar)");
        assert_eq!(told(Some("[]"), Some(daily)), "setiap hari, 08.00, 17.30");
        let off = r#"[{"date":"2026-12-01","time":"8.00","enabled":false}]"#;
        assert_eq!(told(Some(off), Some("[1]")), "semua tanggal dimatikan; [1]");
        assert_eq!(told(None, None), "");
    }

    #[test]
    fn a_long_list_names_five_times_and_counts_the_others() {
        for (count, end) in [(5, "2026-12-05 08:00"), (6, ", and 1 more"), (9, ", and 4 more")] {
            let at = |day| format!(r#"{{"date":"2026-12-{day:02}","time":"08:00"}}"#);
            let times: Vec<String> = (1..=count).map(at).collect();
            let words = in_words(Some(&format!("[{}]", times.join(","))), None);
            assert!(words.len() == 1 && words[0].ends_with(end), "{words:?}");
            assert_eq!(words[0].matches("08:00").count(), 5);
        }
    }
}
