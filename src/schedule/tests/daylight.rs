//! Clocks that jump: every case is (zone, what a clock shows, the instant), from the IANA data.

use super::*;

fn instant(zone_name: &str, local: &str) -> String {
    parse_local(local, &zone(zone_name)).unwrap().to_string()
}

#[test]
fn a_skipped_time_moves_forward_by_what_was_skipped() {
    for (zone_name, local, expected, shown) in [
        ("America/New_York", "2026-03-08 02:30", "2026-03-08T07:30:00Z", "2026-03-08 03:30"),
        ("America/New_York", "2026-03-08 02:00", "2026-03-08T07:00:00Z", "2026-03-08 03:00"),
        ("Europe/Berlin", "2026-03-29 02:30", "2026-03-29T01:30:00Z", "2026-03-29 03:30"),
        ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03T15:45:00Z", "2026-10-04 02:45"),
        ("America/Sao_Paulo", "2018-11-04 00:00", "2018-11-04T03:00:00Z", "2018-11-04 01:00"),
        ("America/Sao_Paulo", "2018-11-04 00:59", "2018-11-04T03:59:00Z", "2018-11-04 01:59"),
        ("Asia/Beirut", "2026-03-29 00:30", "2026-03-28T22:30:00Z", "2026-03-29 01:30"),
        ("Pacific/Apia", "2011-12-30 08:00", "2011-12-30T18:00:00Z", "2011-12-31 08:00"),
    ] {
        assert_eq!(instant(zone_name, local), expected, "{zone_name} {local}");
        assert_eq!(zone(zone_name).format_local(utc(expected)), shown, "{zone_name} {local}");
    }
}

#[test]
fn a_doubled_time_is_the_first() {
    for (zone_name, local, expected) in [
        ("America/New_York", "2026-11-01 01:30", "2026-11-01T05:30:00Z"),
        ("Europe/Berlin", "2026-10-25 02:30", "2026-10-25T00:30:00Z"),
        ("Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-04T14:45:00Z"),
        ("America/Sao_Paulo", "2018-02-17 23:30", "2018-02-18T01:30:00Z"),
        ("Asia/Beirut", "2026-10-24 23:30", "2026-10-24T20:30:00Z"),
    ] {
        assert_eq!(instant(zone_name, local), expected, "{zone_name} {local}");
    }
}

#[test]
fn the_edges_of_a_jump_are_ordinary_times() {
    for (zone_name, local, expected) in [
        ("America/New_York", "2026-03-08 01:59", "2026-03-08T06:59:00Z"),
        ("America/New_York", "2026-03-08 03:00", "2026-03-08T07:00:00Z"),
        ("America/New_York", "2026-11-01 00:59", "2026-11-01T04:59:00Z"),
        ("America/New_York", "2026-11-01 02:00", "2026-11-01T07:00:00Z"),
        ("Pacific/Apia", "2011-12-29 23:59", "2011-12-30T09:59:00Z"),
        ("Pacific/Apia", "2011-12-31 00:00", "2011-12-30T10:00:00Z"),
        ("Asia/Jakarta", "2026-03-29 02:30", "2026-03-28T19:30:00Z"),
        // Rules go on beyond the years that the zone data lists one by one.
        ("Europe/Berlin", "2500-07-01 12:00", "2500-07-01T10:00:00Z"),
        ("Europe/Berlin", "9999-07-01 12:00", "9999-07-01T10:00:00Z"),
    ] {
        assert_eq!(instant(zone_name, local), expected, "{zone_name} {local}");
    }
}

#[test]
fn a_weekly_time_keeps_its_wall_clock_through_the_year() {
    let rule = r#"{"time":"08:00","weekDays":["sun"]}"#;
    let berlin = zone("Europe/Berlin");
    let mut at = utc("2026-01-01T00:00:00Z");
    for _ in 0..52 {
        at = next_occurrence(None, Some(rule), &berlin, at).unwrap().unwrap();
        assert!(berlin.format_local(at).ends_with(" 08:00"), "{at}");
    }
    assert_eq!(at, utc("2026-12-27T07:00:00Z"));
}

#[test]
fn a_doubled_weekly_time_goes_out_once() {
    let rule = r#"{"time":"01:30","weekDays":["sun"]}"#;
    let new_york = zone("America/New_York");
    let next = |after| next_occurrence(None, Some(rule), &new_york, after).unwrap().unwrap();
    let first = next(utc("2026-10-31T12:00:00Z"));
    assert_eq!(first, utc("2026-11-01T05:30:00Z"));
    // 06:30Z shows 01:30 once more, and it is no occurrence.
    assert_eq!(next(first), utc("2026-11-08T06:30:00Z"));
}

#[test]
fn a_moved_time_neither_hides_nor_repeats_the_ones_that_it_overtakes() {
    let rule = r#"{"time":["02:30","03:10"],"weekDays":["sun"],"endDate":"2026-03-08"}"#;
    let next = |after| next(None, Some(rule), "America/New_York", after).unwrap();
    assert_eq!(next("2026-03-08 01:00"), "2026-03-08 03:10");
    assert_eq!(next("2026-03-08 03:10"), "2026-03-08 03:30");
    assert_eq!(next("2026-03-08 03:30"), "-");
}

#[test]
fn a_day_that_a_zone_skipped_is_made_up_for_on_the_day_after() {
    let friday = r#"{"time":"08:00","weekDays":["fri"],"endDate":"2011-12-30"}"#;
    let next_friday = |after| next(None, Some(friday), "Pacific/Apia", after).unwrap();
    assert_eq!(next_friday("2011-12-29 09:00"), "2011-12-31 08:00");
    assert_eq!(next_friday("2011-12-31 07:59"), "2011-12-31 08:00");
    assert_eq!(next_friday("2011-12-31 08:00"), "-");
    let daily = r#"{"time":"08:00","weekDays":[0,1,2,3,4,5,6]}"#;
    let next_daily = |after| next(None, Some(daily), "Pacific/Apia", after).unwrap();
    assert_eq!(next_daily("2011-12-29 08:00"), "2011-12-31 08:00");
    assert_eq!(next_daily("2011-12-31 08:00"), "2012-01-01 08:00");
}

#[test]
fn midnight_goes_out_at_one_where_the_day_begins_at_one() {
    let daily = r#"{"time":"12:00 AM","weekDays":[0,1,2,3,4,5,6]}"#;
    let next_after = |after| next(None, Some(daily), "America/Sao_Paulo", after).unwrap();
    assert_eq!(next_after("2018-11-03 00:00"), "2018-11-04 01:00");
    assert_eq!(next_after("2018-11-04 01:00"), "2018-11-05 00:00");
}
