use super::*;

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn window(text: &str) -> SendWindow {
    SendWindow::parse(text).unwrap()
}

/// No sends yet on the day of `at`.
fn none(zone: &Zone, at: Timestamp) -> DayCount {
    DayCount { day: Day::of(zone, at), count: 0 }
}

#[test]
fn a_window_may_be_written_in_every_usual_way() {
    for (text, shown) in [
        ("07:00-21:00", "07:00-21:00"),
        (" 7.00 - 21.00 ", "07:00-21:00"),
        ("7:00–21:30", "07:00-21:30"),
        ("21:00-02:00", "21:00-02:00"),
        ("08:00-24:00", "08:00-24:00"),
        ("21:00-00:00", "21:00-00:00"),
        ("00:00-24:00", "always"),
        ("", "always"),
        (" Always ", "always"),
    ] {
        assert_eq!(window(text).to_string(), shown, "{text}");
    }
}

#[test]
fn what_is_no_window_is_refused_with_the_right_form() {
    for text in [
        "7-21",
        "07:00",
        "07:00-",
        "-",
        "07:00-07:00",
        "24:00-07:00",
        "07:60-08:00",
        "25:00-26:00",
        "07:00-24:01",
        "7:0-9:00",
        "siang",
        "07:00-12:00,13:00-21:00",
        "+7:00-21:00",
        "07:00-21:00 WIB",
    ] {
        let error = SendWindow::parse(text).expect_err(text).to_string();
        assert!(error.contains("07:00-21:00"), "{error}");
    }
}

#[test]
fn a_window_is_local_and_ends_before_its_last_minute() {
    let (wib, hours) = (zone("WIB"), window("07:00-21:00"));
    for (utc, is_open) in [
        ("2026-12-01T23:59:59Z", false),
        ("2026-12-02T00:00:00Z", true),
        ("2026-12-02T13:59:59Z", true),
        ("2026-12-02T14:00:00Z", false),
    ] {
        assert_eq!(hours.contains(&wib, at(utc)), is_open, "{utc}");
    }
    assert_eq!(hours.next_open(&wib, at("2026-12-02T14:00:00Z")), at("2026-12-03T00:00:00Z"));
    assert_eq!(hours.next_open(&wib, at("2026-12-02T23:59:01Z")), at("2026-12-03T00:00:00Z"));
    assert_eq!(hours.next_open(&wib, at("2026-12-02T03:04:05Z")), at("2026-12-02T03:04:05Z"));
}

#[test]
fn a_window_may_go_across_midnight() {
    let (wib, night) = (zone("WIB"), window("21:00-02:00"));
    for (utc, is_open) in [
        ("2026-12-02T13:59:59Z", false),
        ("2026-12-02T14:00:00Z", true),
        ("2026-12-02T17:00:00Z", true),
        ("2026-12-02T18:59:59Z", true),
        ("2026-12-02T19:00:00Z", false),
    ] {
        assert_eq!(night.contains(&wib, at(utc)), is_open, "{utc}");
    }
    assert_eq!(night.next_open(&wib, at("2026-12-02T19:00:00Z")), at("2026-12-03T14:00:00Z"));
}

#[test]
fn daylight_saving_moves_a_window_with_the_clock_on_the_wall() {
    let (york, day) = (zone("America/New_York"), window("09:00-17:00"));
    assert_eq!(day.next_open(&york, at("2026-03-07T23:00:00Z")), at("2026-03-08T13:00:00Z"));
    assert_eq!(day.next_open(&york, at("2026-03-06T23:00:00Z")), at("2026-03-07T14:00:00Z"));
    // 02:00 to 03:00 does not exist on that day: a window that begins in it opens when it is over.
    let night = window("02:30-05:00");
    assert_eq!(night.next_open(&york, at("2026-03-08T06:00:00Z")), at("2026-03-08T07:00:00Z"));
    // 01:00 to 02:00 comes twice on that day: the window opens twice.
    let fold = window("01:30-01:45");
    let first = fold.next_open(&york, at("2026-11-01T05:00:00Z"));
    assert_eq!(first, at("2026-11-01T05:30:00Z"));
    assert_eq!(fold.next_open(&york, at("2026-11-01T05:45:00Z")), at("2026-11-01T06:30:00Z"));
}

/// Against the slowest and plainest search, around the days on which clocks are set.
#[test]
fn the_next_opening_is_the_first_minute_in_the_window() {
    let mut dice = fastrand::Rng::with_seed(4);
    let zones = [
        "Asia/Jakarta",
        "America/New_York",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "Africa/Cairo",
    ];
    let days = ["2026-03-08", "2026-03-29", "2026-04-05", "2026-10-25", "2026-11-01", "2026-04-24"];
    for round in 0..300 {
        let zone = zone(zones[dice.usize(0..zones.len())]);
        let (from, until) = (dice.u16(0..1440), dice.u16(0..=1440));
        if from == until {
            continue;
        }
        let hours = SendWindow::Hours { from, until };
        let start = at(&format!("{}T00:00:00Z", days[dice.usize(0..days.len())]));
        let from = Timestamp::from_secs(start.secs() + dice.i64(-86_400..86_400));
        let open = hours.next_open(&zone, from);
        let seen = format!("{round}: {hours} {zone} {from} {open}");
        assert!(open >= from && hours.contains(&zone, open), "{seen}");
        let mut earlier = from;
        while earlier < open {
            assert!(!hours.contains(&zone, earlier), "{seen}: {earlier} is open, too");
            earlier = Timestamp::from_secs((earlier.secs() / 60 + 1) * 60);
        }
    }
}

#[test]
fn a_full_day_waits_for_the_first_open_minute_of_the_next_one() {
    let wib = zone("WIB");
    let allowance =
        Allowance { window: window("07:00-21:00"), daily_limit: Some(2), ..Allowance::default() };
    let noon = at("2026-12-02T05:00:00Z");
    let mut counted = none(&wib, noon);
    for _ in 0..2 {
        assert_eq!(allowance.next(&wib, noon, counted), Next { at: noon, closed: None });
        counted.note(&wib, noon);
    }
    let next = allowance.next(&wib, noon, counted);
    assert_eq!(next.at, at("2026-12-03T00:00:00Z"));
    assert_eq!(next.closed, Some(Closed::DailyLimit(2)));
    counted.note(&wib, next.at);
    assert_eq!(counted.count, 1, "another day");
    let always =
        Allowance { window: SendWindow::Always, daily_limit: Some(1), ..Allowance::default() };
    assert_eq!(always.next(&wib, next.at, counted).at, at("2026-12-03T17:00:00Z"));
}

#[test]
fn after_the_windows_end_the_window_and_not_the_full_day_is_the_reason() {
    let wib = zone("WIB");
    let allowance =
        Allowance { window: window("07:00-21:00"), daily_limit: Some(2), ..Allowance::default() };
    let late = at("2026-12-02T15:00:00Z");
    let full = DayCount { day: Day::of(&wib, late), count: 2 };
    let next = allowance.next(&wib, late, full);
    assert_eq!(next.at, at("2026-12-03T00:00:00Z"));
    assert_eq!(next.closed, Some(Closed::Window(allowance.window)));
}

#[test]
fn a_channels_own_columns_go_before_the_settings() {
    let settings =
        Allowance { window: window("07:00-21:00"), daily_limit: Some(100), ..Allowance::default() };
    assert_eq!(settings.of_channel(None, None, None), Ok(settings));
    assert_eq!(settings.of_channel(Some(" "), None, None), Ok(settings));
    assert_eq!(settings.of_channel(Some("always"), Some(0), None), Ok(Allowance::default()));
    let own = settings.of_channel(Some("08:00-12:00"), Some(5), None).unwrap();
    assert_eq!((own.window.to_string().as_str(), own.daily_limit), ("08:00-12:00", Some(5)));
    assert!(settings.of_channel(Some("pagi"), None, None).is_err());
    assert!(settings.of_channel(None, Some(-1), None).is_err());
    assert!(settings.of_channel(None, Some(i64::MAX), None).is_err());
}

/// What a forecast does: 250 messages, 60 s apart, 100 a day, within office hours.
#[test]
fn a_forecast_is_a_walk_over_the_same_functions() {
    let wib = zone("WIB");
    let allowance =
        Allowance { window: window("09:00-10:30"), daily_limit: Some(80), ..Allowance::default() };
    let mut now = at("2026-12-02T02:30:00Z");
    let mut counted = none(&wib, now);
    let mut days: Vec<(String, u32)> = Vec::new();
    for _ in 0..250 {
        now = allowance.next(&wib, now, counted).at;
        counted.note(&wib, now);
        let day = counted.day.to_string();
        match days.last_mut() {
            Some((last, count)) if *last == day => *count = counted.count,
            _ => days.push((day, counted.count)),
        }
        now = Timestamp::from_secs(now.secs() + 60);
    }
    let counts: Vec<u32> = days.iter().map(|(_, count)| *count).collect();
    assert_eq!(counts, [60, 80, 80, 30]);
    assert_eq!(days[0].0, "2026-12-02");
}

fn warmup(from: &str, last: Option<&str>) -> Warmup {
    let day = |text| Day::parse(text).unwrap();
    Warmup { rule: WarmupRule::default(), from: day(from), last: last.map(day) }
}

fn limits(warmup: Warmup, most: Option<u32>, days: &[&str]) -> Vec<Option<u32>> {
    days.iter().map(|day| warmup.limit_on(Day::parse(day).unwrap(), most)).collect()
}

#[test]
fn a_new_numbers_limit_grows_each_day_until_its_own() {
    let days = ["2026-12-01", "2026-12-02", "2026-12-03", "2026-12-06", "2026-12-11", "2027-12-01"];
    let new = warmup("2026-12-01", Some("2026-12-01"));
    // A year later it has not sent since: a week less than nothing.
    let expected = [Some(20), Some(26), Some(33), Some(74), Some(20), Some(20)];
    assert_eq!(limits(new, Some(200), &days), expected);
    for (day, limit) in [("2026-12-11", Some(200)), ("2027-12-01", Some(200))] {
        let busy = Warmup { last: Day::parse(day), ..new };
        assert_eq!(limits(busy, Some(200), &[day]), [limit]);
        assert_eq!(limits(busy, Some(15), &[day]), [Some(15)]);
    }
    assert_eq!(limits(new, Some(15), &["2026-12-01"]), [Some(15)]);
}

#[test]
fn without_a_limit_a_warm_up_ends_after_30_days() {
    let of = |day| {
        limits(Warmup { last: Day::parse(day), ..warmup("2026-12-01", None) }, None, &[day])[0]
    };
    assert_eq!(
        (of("2026-12-01"), of("2026-12-30"), of("2026-12-31")),
        (Some(20), Some(40_307), None)
    );
    // Before its first day, as on it: a clock may be set.
    assert_eq!(of("2026-11-01"), Some(20));
}

#[test]
fn a_week_without_a_send_takes_a_week_of_the_warm_up_back() {
    let from = |last, day| {
        warmup("2026-12-01", Some(last)).first_day_as_of(Day::parse(day).unwrap()).to_string()
    };
    assert_eq!(from("2026-12-10", "2026-12-17"), "2026-12-01", "six days without one");
    // Nine days warm at the last send, two after the pause.
    assert_eq!(from("2026-12-10", "2026-12-18"), "2026-12-16");
    assert_eq!(from("2026-12-10", "2027-03-01"), "2027-02-27");
    assert_eq!(from("2026-12-03", "2026-12-11"), "2026-12-11", "anew");
    assert_eq!(from("2026-12-03", "1970-01-01"), "2026-12-01", "a clock was set");
    assert_eq!(
        from("2026-11-03", "2026-12-11"),
        "2026-12-01",
        "what it sent before does not count"
    );
}

#[test]
fn a_rest_comes_after_so_many_sends() {
    let (least, most) = Rest::minutes(" 5 - 10 ").unwrap();
    let rest = Rest { after: 3, least, most };
    assert_eq!((rest.after(0), rest.after(1), rest.after(2)), ((1, false), (2, false), (0, true)));
    assert_eq!(rest.after(9), (0, true), "the setting was more");
    assert_eq!((rest.length(0.0), rest.length(1.0)), (least, most));
    for wrong in ["", "10-5", "0", "-5", "5-1441", "lima"] {
        assert_eq!(Rest::minutes(wrong), None, "{wrong}");
    }
}
