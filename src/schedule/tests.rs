//! What the two columns promise, together: [`next_occurrence`], [`has_schedule`], [`parse_local`].

mod daylight;
mod forms;
mod refusals;

use super::*;

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap()
}

fn utc(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// The next occurrence after a local time, as local text; `-` when none is left.
fn next(
    schedules: Option<&str>,
    interval: Option<&str>,
    zone_name: &str,
    after: &str,
) -> Result<String, ScheduleError> {
    let zone = zone(zone_name);
    let after = parse_local(after, &zone).unwrap();
    let next = next_occurrence(schedules, interval, &zone, after)?;
    Ok(next.map_or_else(|| "-".to_owned(), |at| zone.format_local(at)))
}

fn next_listed(schedules: &str, after: &str) -> String {
    next(Some(schedules), None, "WIB", after).unwrap()
}

fn next_weekly_at(interval: &str, after: &str) -> String {
    next(None, Some(interval), "WIB", after).unwrap()
}

/// The error of a column, as a person reads it.
fn refusal(schedules: Option<&str>, interval: Option<&str>) -> String {
    next(schedules, interval, "WIB", "2026-01-01 00:00").unwrap_err().to_string()
}

const TWO_DATES: &str =
    r#"[{"date":"2026-12-03","time":"08:00"},{"date":"2026-12-01","time":"20:00"}]"#;

#[test]
fn a_list_is_followed_in_the_order_of_time_not_of_writing() {
    assert_eq!(next_listed(TWO_DATES, "2026-11-01 00:00"), "2026-12-01 20:00");
    assert_eq!(next_listed(TWO_DATES, "2026-12-02 00:00"), "2026-12-03 08:00");
    assert_eq!(next_listed(TWO_DATES, "2026-12-03 08:01"), "-");
}

#[test]
fn an_occurrence_is_strictly_later_so_it_never_follows_itself() {
    let at = utc("2026-12-01T13:00:00Z");
    let next = |after| next_occurrence(Some(TWO_DATES), None, &zone("WIB"), after).unwrap();
    assert_eq!(next(Timestamp::from_millis(at.millis() - 1)), Some(at));
    assert_eq!(next(at), Some(utc("2026-12-03T01:00:00Z")));
    assert_eq!(next(Timestamp::from_millis(at.millis() + 500)), Some(utc("2026-12-03T01:00:00Z")));
}

#[test]
fn the_same_instant_twice_is_one_occurrence() {
    let twice = r#"[{"date":"2026-12-01","time":"08:00"},{"date":"01/12/2026","time":"8.00 AM"}]"#;
    let weekly = r#"{"time":"08:00","weekDays":[2],"endDate":"2026-12-01"}"#;
    let next_both = |after| next(Some(twice), Some(weekly), "WIB", after).unwrap();
    assert_eq!(next_both("2026-11-30 09:00"), "2026-12-01 08:00");
    assert_eq!(next_both("2026-12-01 08:00"), "-");
}

#[test]
fn the_earliest_of_both_columns_wins() {
    let weekly = r#"{"time":"07:00","weekDays":"wed"}"#;
    let next_both = |after| next(Some(TWO_DATES), Some(weekly), "WIB", after).unwrap();
    assert_eq!(next_both("2026-12-01 12:00"), "2026-12-01 20:00");
    assert_eq!(next_both("2026-12-01 20:00"), "2026-12-02 07:00");
    assert_eq!(next_both("2026-12-02 07:00"), "2026-12-03 08:00");
    assert_eq!(next_both("2026-12-03 08:00"), "2026-12-09 07:00");
}

#[test]
fn a_weekly_rule_goes_from_day_to_day_and_over_the_end_of_the_week() {
    // 2026-12-01 is a Tuesday.
    let rule = r#"{"startDate":"2026-12-01","time":"08:00","weekDays":[0,2,5]}"#;
    for (after, expected) in [
        ("2026-11-30 00:00", "2026-12-01 08:00"),
        ("2026-12-01 07:59", "2026-12-01 08:00"),
        ("2026-12-01 08:00", "2026-12-04 08:00"),
        ("2026-12-04 08:00", "2026-12-06 08:00"),
        ("2026-12-06 08:00", "2026-12-08 08:00"),
        ("2026-12-31 08:00", "2027-01-01 08:00"),
    ] {
        assert_eq!(next_weekly_at(rule, after), expected, "after {after}");
    }
}

#[test]
fn one_day_a_week_comes_back_after_exactly_seven_days() {
    for day in 0..7 {
        let rule = format!(r#"{{"time":"23:59","weekDays":[{day}]}}"#);
        let first = next_weekly_at(&rule, "2026-12-01 00:00");
        let second = next_weekly_at(&rule, &first);
        let days = |text: &str| parse_local(text, &zone("WIB")).unwrap().secs() / 86_400;
        assert_eq!(days(&second) - days(&first), 7, "{first} {second}");
    }
}

#[test]
fn the_end_date_is_the_last_day_that_counts() {
    let rule =
        r#"{"startDate":"2026-12-01","time":"08:00","weekDays":[2,4],"endDate":"2026-12-03"}"#;
    assert_eq!(next_weekly_at(rule, "2026-12-01 08:00"), "2026-12-03 08:00");
    assert_eq!(next_weekly_at(rule, "2026-12-03 08:00"), "-");
    let one_day =
        r#"{"startDate":"2026-12-01","time":"08:00","weekDays":[2],"endDate":"2026-12-01"}"#;
    assert_eq!(next_weekly_at(one_day, "2026-01-01 08:00"), "2026-12-01 08:00");
}

#[test]
fn a_start_far_away_is_reached_at_once_and_the_past_does_not_begin_before_1970() {
    let far = r#"{"startDate":"9998-01-01","time":"08:00","weekDays":["mon"]}"#;
    assert_eq!(next_weekly_at(far, "1970-01-01 00:00"), "9998-01-05 08:00");
    let any = r#"{"time":"08:00","weekDays":["thu"]}"#;
    let next = next_occurrence(None, Some(any), &zone("UTC"), Timestamp::from_millis(i64::MIN));
    assert_eq!(next, Ok(Some(utc("1970-01-01T08:00:00Z"))));
}

#[test]
fn after_the_last_day_of_year_9999_nothing_is_left() {
    let daily = r#"{"time":"08:00","weekDays":[0,1,2,3,4,5,6]}"#;
    for name in ["UTC", "Pacific/Kiritimati", "Etc/GMT+12"] {
        assert_eq!(next(None, Some(daily), name, "9999-12-31 07:00").unwrap(), "9999-12-31 08:00");
        let end = Timestamp::from_millis(i64::MAX);
        assert_eq!(next_occurrence(None, Some(daily), &zone(name), end), Ok(None));
    }
}

#[test]
fn several_times_a_day_are_several_occurrences() {
    let weekly = r#"{"time":["20:00","8 am"],"weekDays":[2]}"#;
    assert_eq!(next_weekly_at(weekly, "2026-12-01 00:00"), "2026-12-01 08:00");
    assert_eq!(next_weekly_at(weekly, "2026-12-01 08:00"), "2026-12-01 20:00");
    assert_eq!(next_weekly_at(weekly, "2026-12-01 20:00"), "2026-12-08 08:00");
    let listed = r#"{"date":"2026-12-01","time":["20:00","08:00"]}"#;
    assert_eq!(next_listed(listed, "2026-12-01 08:00"), "2026-12-01 20:00");
}

#[test]
fn every_form_of_nothing_is_no_schedule() {
    for nothing in [
        "",
        "  \n",
        "null",
        "NULL",
        "[]",
        " [ ] ",
        "{}",
        r#""""#,
        r#""[]""#,
        r#""null""#,
        r#"{"startDate":"","time":null,"weekDays":[]}"#,
    ] {
        assert!(!has_schedule(Some(nothing), Some(nothing)), "{nothing:?}");
        assert_eq!(next(Some(nothing), Some(nothing), "WIB", "2026-01-01 00:00").unwrap(), "-");
    }
    assert!(!has_schedule(None, None));
}

#[test]
fn a_schedule_that_cannot_be_read_is_still_a_schedule() {
    for something in [TWO_DATES, "oops", "[", "0", "false", r"[null]", r#"{"time":"8"}"#] {
        assert!(has_schedule(Some(something), None), "{something:?}");
        assert!(has_schedule(None, Some(something)), "{something:?}");
    }
    assert!(has_schedule(Some(&" ".repeat(10_000_000)), None));
}

/// The days and hours in Jakarta that a rule promises from the 1st to the 20th of December 2026.
fn december(rule: &str) -> Vec<String> {
    let (mut after, mut found) = ("2026-11-30 23:59".to_owned(), Vec::new());
    loop {
        after = next_weekly_at(rule, &after);
        if after == "-" || after.as_str() > "2026-12-20" {
            return found;
        }
        found.push(after[8..13].to_owned());
    }
}

#[test]
fn keys_that_people_use_mean_what_they_say() {
    let tuesdays = ["01 09", "08 09", "15 09"];
    for (more, expected) in [
        (r#","until":"2026-12-08""#, &tuesdays[..2]),
        (r#","end":"2026-12-08 08:00""#, &tuesdays[..1]),
        (r#","endsAt":"2026-12-08T09:00""#, &tuesdays[..2]),
        (r#","from":"2026-12-02""#, &tuesdays[1..]),
        (r#","start":"2026-12-08 09:00""#, &tuesdays[1..]),
        (r#","start_at":"2026-12-08 09:01""#, &tuesdays[2..]),
        (r#","enabled":true,"status":"active""#, &tuesdays),
        (r#","enabled":false"#, &[]),
        (r#","isActive":"false""#, &[]),
        (r#","paused":true"#, &[]),
        (r#","status":"cancelled""#, &[]),
        (r#","count":2,"startDate":"2026-12-01""#, &tuesdays[..2]),
        (r#","count":2,"startDate":"2026-11-24""#, &tuesdays[..1]),
        (r#","interval":2,"startDate":"2026-12-01""#, &["01 09", "15 09"]),
        (r#","interval":2,"startDate":"2026-11-24""#, &tuesdays[1..2]),
        (r#","excludeDates":["2026-12-08"]"#, &["01 09", "15 09"]),
        (r#","timezone":"Asia/Makassar""#, &["01 08", "08 08", "15 08"]),
    ] {
        let rule = format!(r#"{{"time":"09:00","weekDays":[2]{more}}}"#);
        assert_eq!(december(&rule), expected, "{rule}");
    }
    for (rule, expected) in [
        (
            r#"{"time":"09:00","frequency":"daily","from":"2026-12-05","until":"2026-12-07"}"#,
            &["05 09", "06 09", "07 09"][..],
        ),
        (
            r#"{"time":"09:00","frequency":"daily","interval":7,"from":"2026-12-03"}"#,
            &["03 09", "10 09", "17 09"],
        ),
        (
            r#"{"time":"09:00","frequency":"weekly","from":"2026-12-03"}"#,
            &["03 09", "10 09", "17 09"],
        ),
        (r#"{"time":"09:00","frequency":"monthly","monthDays":[5,"31"]}"#, &["05 09"]),
        (r#"{"time":"09:00","frequency":"monthly","from":"2026-11-07"}"#, &["07 09"]),
    ] {
        assert_eq!(december(rule), expected, "{rule}");
    }
    let last = r#"{"time":"09:00","monthDays":["last",30],"from":"2027-01-15"}"#;
    let mut after = "2026-12-01 00:00".to_owned();
    for expected in ["2027-01-30", "2027-01-31", "2027-02-28", "2027-03-30"] {
        after = next_weekly_at(last, &after);
        assert_eq!(after[..10], *expected, "a month without the 30th has none");
    }
    let leap = r#"{"time":"09:00","monthDays":[29],"interval":12,"from":"2028-02-01"}"#;
    assert_eq!(next_weekly_at(leap, "2028-03-01 00:00"), "2032-02-29 09:00");
    let never = r#"{"time":"09:00","monthDays":[30],"interval":12,"from":"2028-02-01"}"#;
    assert_eq!(next_weekly_at(never, "2028-03-01 00:00"), "-");
    let two_zones = next(
        Some(r#"[{"date":"2026-12-01","time":"09:00","timezone":"WITA"}]"#),
        Some(r#"{"time":"09:00","weekDays":[2]}"#),
        "WIB",
        "2026-11-01 00:00",
    );
    assert!(two_zones.unwrap_err().to_string().contains("`timezone` must be the same"));
}
