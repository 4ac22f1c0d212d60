//! A schedule for people: `every Mon, Thu at 08:00, until 2026-12-31`.

use time::{Time, Weekday};

use super::columns::{Weekly, read_interval_config, read_schedules};

/// How many listed times are named.
const NAMED_MAX: usize = 5;

/// The two columns in words and in local time, the list first; a column that cannot be read
/// stays as it is.
pub(crate) fn in_words(schedules: Option<&str>, interval_config: Option<&str>) -> Vec<String> {
    let as_it_is = |column: Option<&str>| column.map(str::to_owned);
    let listed = match read_schedules(schedules) {
        Ok(times) if times.is_empty() => None,
        Ok(times) => {
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
    let weekly = match read_interval_config(interval_config) {
        Ok(weekly) => weekly.map(|weekly| week(&weekly)),
        Err(_) => as_it_is(interval_config),
    };
    listed.into_iter().chain(weekly).collect()
}

fn week(weekly: &Weekly) -> String {
    let days: Vec<String> = std::iter::successors(Some(Weekday::Monday), |day| Some(day.next()))
        .take(7)
        .filter(|day| weekly.names(*day))
        .map(|day| day.to_string()[..3].to_owned())
        .collect();
    let days = if days.len() == 7 { "day".to_owned() } else { days.join(", ") };
    let times: Vec<String> = weekly.times.iter().map(|time| clock(*time)).collect();
    let from = weekly.start.map(|date| format!(", from {date}")).unwrap_or_default();
    let until = weekly.end.map(|date| format!(", until {date}")).unwrap_or_default();
    format!("every {days} at {}{from}{until}", times.join(", "))
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
        assert_eq!(in_words(Some("besok"), Some("[1]")), ["besok", "[1]"]);
        assert!(in_words(None, None).is_empty());
    }
}
