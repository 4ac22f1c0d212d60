//! Keys of a rule that nobody understands: they may mean "no more", so nothing is sent.

use super::*;

#[test]
fn a_key_that_is_not_understood_fails_the_message_and_is_named() {
    for (key, value) in [
        ("onlyHolidays", "true"),
        ("weeks", "[1, 3]"),
        ("skip", "1"),
        ("rrule", r#""FREQ=DAILY""#),
        ("dates", r#"["2026-11-01"]"#),
    ] {
        let with_key = |rule: String| rule.replace('}', &format!(r#","{key}":{value}}}"#));
        let weekly = format!("'{}'", with_key(rule("0,1,2,3,4,5,6", "09:00")));
        let entry = with_key(r#"{"date":"2026-12-01","time":"09:00"}"#.to_owned());
        for (columns, values) in [
            ("interval_config", weekly.clone()),
            ("interval_config, scheduled_at", format!("{weekly}, '2026-12-01 02:00'")),
            ("schedules", format!("'[{entry}]'")),
        ] {
            let world = world_in(JAKARTA);
            let id = insert(&world, columns, &values);
            world.run();
            assert_eq!(world.status(id), "failed", "{key} {columns}");
            let named = format!("`{key}` is not understood");
            assert!(world.error(id).contains(&named), "{}", world.error(id));
            run_until(&world, "2026-12-03T00:00:00Z");
            assert_eq!(sent(&world), [""; 0], "{key} {columns}");
        }
    }
}

#[test]
fn a_key_that_appears_while_the_message_waits_or_is_sent_ends_it() {
    let world = world_in(JAKARTA);
    let good = rule("0,1,2,3,4,5,6", "09:00");
    let bad = good.replace('}', r#","onlyHolidays":true}"#);
    let waits = insert(&world, "interval_config", &format!("'{good}'"));
    let is_sent = insert(&world, "interval_config", &format!("'{good}'"));
    edit(&world, is_sent, "contact_ids = '081200007002, 081200007003'");
    world.run();
    edit(&world, waits, &format!("interval_config = '{bad}'"));
    world.clock.set("2026-12-01T02:00:00Z");
    world.trigger();
    world.step();
    assert_eq!(world.status(is_sent), "sending");
    edit(&world, is_sent, &format!("interval_config = '{bad}'"));
    run_until(&world, "2026-12-03T00:00:00Z");
    assert_eq!(world.recipients(), ["6281200007002@c.us", "6281200007003@c.us"]);
    for (id, status) in [(waits, "failed"), (is_sent, "sent")] {
        assert_eq!(world.status(id), status);
        assert!(
            world.error(id).contains("`onlyHolidays` is not understood"),
            "{}",
            world.error(id)
        );
    }
    // Corrected and scheduled again, it goes on from then.
    edit(&world, waits, &format!("interval_config = '{good}', status = 'scheduled'"));
    run_until(&world, "2026-12-03T03:00:00Z");
    assert_eq!(sent(&world).len(), 3);
}

#[test]
fn notes_beside_a_rule_and_fields_that_are_empty_are_let_pass() {
    let notes = r#","id":7,"name":"Promo","label":"x","note":"y","color":"red","created_at":"z","until":null,"count":"","end":[]}"#;
    let world = world_in(JAKARTA);
    let weekly = rule("2", "09:00").replace('}', notes);
    let entry = r#"{"date":"2026-12-01","time":"09:00"}"#.replace('}', notes);
    insert(&world, "interval_config", &format!("'{weekly}'"));
    insert(&world, "schedules", &format!("'[{entry}]'"));
    run_until(&world, "2026-12-01T03:00:00Z");
    assert_eq!(sent(&world).len(), 2);
}

#[test]
fn a_rule_that_is_switched_off_or_over_sends_nothing_and_says_so() {
    for (more, status, why) in [
        (r#","enabled":false"#, "cancelled", "switched off"),
        (r#","isActive":0"#, "cancelled", "switched off"),
        (r#","paused":true"#, "cancelled", "switched off"),
        (r#","status":"cancelled""#, "cancelled", "switched off"),
        (r#","until":"2026-11-30""#, "failed", "had passed"),
    ] {
        let world = world_in(JAKARTA);
        let off = rule("0,1,2,3,4,5,6", "09:00").replace('}', &format!("{more}}}"));
        let id = insert(&world, "interval_config", &format!("'{off}'"));
        run_until(&world, "2026-12-01T03:00:00Z");
        assert_eq!((world.status(id).as_str(), sent(&world).len()), (status, 0), "{more}");
        assert!(world.error(id).contains(why), "{}", world.error(id));
    }
    // What passed was not switched off.
    let world = world_in(JAKARTA);
    let lost = r#"[{"date":"2026-10-01","time":"09:00"},{"date":"2026-12-02","time":"09:00","enabled":false}]"#;
    let id = insert(&world, "schedules", &format!("'{lost}'"));
    world.run();
    assert_eq!(world.status(id), "failed");
    assert!(world.error(id).contains("had passed"), "{}", world.error(id));
    let world = world_in(JAKARTA);
    let listed = r#"[{"date":"2026-12-01","time":"09:00","enabled":false},
        {"date":"2026-12-01","time":"09:30"},{"date":"2026-12-01","time":"10:00","until":"2026-11-30"}]"#;
    insert(&world, "schedules", &format!("'{listed}'"));
    run_until(&world, "2026-12-01T04:00:00Z");
    assert_eq!(sent(&world), ["2026-12-01T02:30"]);
}

#[test]
fn a_rule_that_is_switched_off_for_a_while_goes_on_when_it_is_scheduled_again() {
    let world = world_in(JAKARTA);
    let on = rule("0,1,2,3,4,5,6", "09:00");
    let off = on.replace('}', r#","enabled":false}"#);
    let id = insert(&world, "interval_config", &format!("'{on}'"));
    run_until(&world, "2026-12-01T03:00:00Z");
    edit(&world, id, &format!("interval_config = '{off}'"));
    run_until(&world, "2026-12-03T03:00:00Z");
    assert_eq!((world.status(id).as_str(), sent(&world).len()), ("sent", 1));
    assert!(world.error(id).contains("switched off"), "{}", world.error(id));
    edit(&world, id, &format!("interval_config = '{on}', status = 'scheduled'"));
    run_until(&world, "2026-12-05T03:00:00Z");
    assert_eq!(sent(&world), ["2026-12-01T02:00", "2026-12-04T02:00", "2026-12-05T02:00"]);
    assert_eq!((world.status(id).as_str(), world.error(id).as_str()), ("scheduled", ""));
}

#[test]
fn a_rule_with_its_own_zone_that_a_program_or_a_person_adds_goes_out_once() {
    let moves = [(JAKARTA, "Asia/Tokyo"), ("Pacific/Kiritimati", "Etc/GMT+12"), (JAKARTA, JAKARTA)];
    for own in [MAKASSAR, "Asia/Jayapura", "America/New_York", "Pacific/Kiritimati"] {
        for ((before, after), time) in moves.into_iter().zip(["10:00", "00:30", "23:30"]) {
            let mut world = world_in(before);
            let daily = format!(r#"{{"time":"{time}","frequency":"daily","timezone":"{own}"}}"#);
            let entry = |day: u8| {
                format!(r#"{{"date":"2026-12-0{day}","time":"{time}","timezone":"{own}"}}"#)
            };
            let listed = format!("[{},{}]", entry(3), entry(4));
            let ids = [Timing::Interval(daily), Timing::Schedules(listed)]
                .map(|timing| add_in(&world, before, timing));
            world.run();
            move_to(&mut world, after);
            run_until(&world, "2026-12-06T00:00:00Z");
            // What the clock of its own zone shows: each day once.
            for (id, least) in ids.into_iter().zip([4, 2]) {
                let due = world.rows(&format!(
                    "SELECT due_at FROM deliveries WHERE auto_message_id = {id} ORDER BY id"
                ));
                let due: Vec<Timestamp> =
                    due.iter().map(|at| Timestamp::parse(at).unwrap()).collect();
                let clock = |at: &Timestamp| zone(own).format_local(*at).ends_with(time);
                assert!(due.iter().all(clock), "{before} {after} {own} {time}: {due:?}");
                let days = due.windows(2).map(|two| two[1].since(two[0]));
                assert!(days.clone().all(|day| day == Duration::from_hours(24)), "{own}: {due:?}");
                assert!(due.len() >= least, "{before} {after} {own} {time}: {due:?}");
            }
        }
    }
}

#[test]
fn a_rule_with_its_own_zone_goes_out_once_whatever_timezone_is() {
    let mut world = world_in(JAKARTA);
    let daily = r#"{"time":"10:00","frequency":"daily","timezone":"Asia/Makassar"}"#;
    let id = insert(&world, "interval_config", &format!("'{daily}'"));
    world.run();
    move_to(&mut world, "Pacific/Kiritimati");
    run_until(&world, "2026-12-02T02:00:00Z");
    move_to(&mut world, MAKASSAR);
    run_until(&world, "2026-12-03T02:00:00Z");
    move_to(&mut world, "Pacific/Kiritimati");
    run_until(&world, "2026-12-04T02:00:00Z");
    move_to(&mut world, JAKARTA);
    run_until(&world, "2026-12-05T02:00:00Z");
    let due = world
        .rows(&format!("SELECT due_at FROM deliveries WHERE auto_message_id = {id} ORDER BY id"));
    let days: Vec<String> = (1..=5).map(|day| format!("2026-12-0{day}T02:00:00Z")).collect();
    assert_eq!(due, days);
}
