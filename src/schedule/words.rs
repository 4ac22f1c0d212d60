//! A schedule for people: `every Mon, Thu at 08:00, until 2026-12-31`.

use time::{Date, PrimitiveDateTime, Time, Weekday};

use crate::language::Language;

use super::columns::{Frequency, Rule, own_zone, read_interval_config, read_schedules};

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

/// A rule in the reader's words, for a list: `setiap Sen, Kam, 08.00`. `days` are the short names of the
/// days, from Sunday. `None` for no rule, and for one that cannot be read.
pub(crate) fn rule_for(
    interval_config: Option<&str>,
    language: Language,
    days: [&str; 7],
) -> Option<String> {
    let rule = read_interval_config(interval_config).ok()??;
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
    let when = match &rule.frequency {
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
    };
    let point = language.pick(":", ".");
    let times: Vec<String> =
        rule.times.iter().map(|time| clock(*time).replace(':', point)).collect();
    let off = language.pick(", switched off", ", dimatikan");
    let off = if rule.bounds.is_stopped { off } else { "" };
    Some(format!("{when}, {}{off}", times.join(", ")))
}

fn comma(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(",{words}") }
}

fn clock(time: Time) -> String {
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
        let id = ["Min", "Sen", "Sel", "Rab", "Kam", "Jum", "Sab"];
        for (rule, indonesian) in [
            (weekly, "setiap Sen, Kam, 08.00"),
            (daily, "setiap hari, 08.00, 17.30"),
            (
                r#"{"time":"08:00","monthDays":[1,"last"]}"#,
                "setiap bulan, tanggal 1, hari terakhir, 08.00",
            ),
            (
                r#"{"time":"08:00","weekDays":[1],"interval":2,"from":"2026-12-01"}"#,
                "setiap 2 minggu, Sen, 08.00",
            ),
        ] {
            let told = rule_for(Some(rule), Language::Indonesian, id);
            assert_eq!(told.as_deref(), Some(indonesian));
        }
        let en = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        let told = rule_for(Some(weekly), Language::English, en);
        assert_eq!(told.as_deref(), Some("every Mon, Thu, 08:00"));
        assert_eq!(in_words(Some("besok"), Some("[1]")), ["besok", "[1]"]);
        assert!(in_words(None, None).is_empty());
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
