//! Every form in which the columns and people write the same thing.

use super::*;

#[test]
fn every_form_of_the_list_is_read() {
    for form in [
        r#"[{"date":"2026-12-01","time":"08:00"}]"#,
        r#"{"date":"2026-12-01","time":"08:00"}"#,
        r#""[{\"date\":\"2026-12-01\",\"time\":\"08:00\"}]""#,
        r#""\"{\\\"date\\\":\\\"2026-12-01\\\",\\\"time\\\":\\\"08:00\\\"}\"""#,
        r#" [ {"Date":" 2026-12-01 ","TIME":" 8.00 ","id":7} ] "#,
        r#"[{"date":"2026-12-01T00:00:00.000Z","time":"8 am"}]"#,
        r#"[{"date":"2026-12-01 23:59:59","time":["08:00"]}]"#,
        r#"[{"date":"2026-12-01T00:00:00+07:00","time":"08:00:00"}]"#,
        r#"[{"date":"01/12/2026","time":"8:00 AM"}]"#,
        r#"[{"date":"1/12/2026","time":"8:00 a.m."}]"#,
    ] {
        assert_eq!(next_listed(form, "2026-11-30 08:00"), "2026-12-01 08:00", "{form}");
    }
}

#[test]
fn every_form_of_the_weekly_rule_is_read() {
    for form in [
        r#"{"startDate":"2026-12-01","time":"08:00","weekDays":[2,4],"endDate":"2026-12-31"}"#,
        r#"{"start_date":"2026-12-01","time":"08:00","week_days":[2,4],"end_date":"2026-12-31"}"#,
        r#"{"startdate":"2026-12-01","Time":"08:00","WeekDays":["2","4"],"END_DATE":null}"#,
        r#"{"startDate":"2026-12-01T00:00:00.000Z","time":"8 AM","weekDays":"tue,thu","endDate":""}"#,
        r#"{"startDate":"01/12/2026","time":["8.00"],"weekDays":"[2,4]"}"#,
        r#""{\"startDate\":\"2026-12-01\",\"time\":\"08:00\",\"weekDays\":[2,4]}""#,
        r#"{"startDate":"2026-12-01","start_date":null,"time":"08:00","weekDays":"Selasa; Kamis"}"#,
    ] {
        assert_eq!(next_weekly_at(form, "2026-01-01 00:00"), "2026-12-01 08:00", "{form}");
        assert_eq!(next_weekly_at(form, "2026-12-01 08:00"), "2026-12-03 08:00", "{form}");
    }
}

#[test]
fn a_rule_without_a_start_counts_from_any_date() {
    for start in ["", r#""startDate":null,"#, r#""startDate":" ","#] {
        let rule = format!(r#"{{{start}"time":"08:00","weekDays":2}}"#);
        assert_eq!(next_weekly_at(&rule, "2026-12-01 07:00"), "2026-12-01 08:00");
    }
}

#[test]
fn every_day_has_its_number_and_its_names() {
    // 2026-11-29 is a Sunday.
    for (number, names) in [
        (0, ["0", "sun", "SUNDAY", "Minggu", "min", "Ahad", "sunday"]),
        (1, ["1", "Mon", "monday", "Senin", "SEN", "senin", " mon "]),
        (2, ["2", "tue", "Tuesday", "Selasa", "sel", "SELASA", "Tue"]),
        (3, ["3", "wed", "Wednesday", "Rabu", "rab", "RABU", "Wed"]),
        (4, ["4", "thu", "Thursday", "Kamis", "kam", "KAMIS", "Thu"]),
        (5, ["5", "fri", "Friday", "Jumat", "jum", "Jum'at", "JUM’AT"]),
        (6, ["6", "sat", "Saturday", "Sabtu", "sab", "SABTU", "Sat"]),
    ] {
        let day = 29 + number;
        let expected = if day > 30 {
            format!("2026-12-{:02} 08:00", day - 30)
        } else {
            format!("2026-11-{day} 08:00")
        };
        for name in names {
            for days in [format!("[{name:?}]"), format!("{name:?}")] {
                let rule = format!(r#"{{"time":"08:00","weekDays":{days}}}"#);
                assert_eq!(next_weekly_at(&rule, "2026-11-29 00:00"), expected, "{days}");
            }
        }
    }
}

#[test]
fn every_form_of_one_instant_is_read() {
    let jakarta = zone("Asia/Jakarta");
    for (form, expected) in [
        ("2026-12-01 08:00", "2026-12-01T01:00:00Z"),
        ("2026-12-01T08:00", "2026-12-01T01:00:00Z"),
        ("  2026-12-01   8.00  ", "2026-12-01T01:00:00Z"),
        ("01/12/2026 08.00", "2026-12-01T01:00:00Z"),
        ("1/2/2026 8 am", "2026-02-01T01:00:00Z"),
        ("2026-12-01 8:00 PM", "2026-12-01T13:00:00Z"),
        ("2026-12-01 8:00\u{202f}PM", "2026-12-01T13:00:00Z"),
        ("2026-12-01 08.00 p.m.", "2026-12-01T13:00:00Z"),
        ("2026-12-01 12:00 AM", "2026-11-30T17:00:00Z"),
        ("2026-12-01 08:00:30", "2026-12-01T01:00:30Z"),
        ("2026-12-01T08:00Z", "2026-12-01T08:00:00Z"),
        ("2026-12-01t08:00:00.999z", "2026-12-01T08:00:00Z"),
        ("2026-12-01T08:00:00.000+09:00", "2026-11-30T23:00:00Z"),
        ("2026-12-01 08:00 +0530", "2026-12-01T02:30:00Z"),
        ("2026-12-01 08:00-3", "2026-12-01T11:00:00Z"),
        ("2026-12-01 8 pm UTC+8", "2026-12-01T12:00:00Z"),
        ("2026-12-01 08.00 WIT", "2026-11-30T23:00:00Z"),
        ("2026-12-01 08:00 America/New_York", "2026-12-01T13:00:00Z"),
        ("2026-12-01 8 pm America/New_York", "2026-12-02T01:00:00Z"),
    ] {
        let read = parse_local(form, &jakarta).map(|at| at.to_string());
        assert_eq!(read.as_deref(), Ok(expected), "{form}");
    }
}

#[test]
fn what_format_local_writes_parse_local_reads() {
    for name in ["WIB", "UTC", "America/New_York", "+05:45"] {
        let zone = zone(name);
        let at = utc("2026-12-01T01:00:00Z");
        assert_eq!(parse_local(&zone.format_local(at), &zone), Ok(at), "{name}");
    }
}
