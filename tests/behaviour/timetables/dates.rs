//! A date that went out is done, and what waits for its first time keeps it: whatever is edited,
//! replaced, or was planned by an older version or another clock.

use auto_message_scheduler::messages::Edit;

use super::*;

/// Each day at these times.
fn at_times(times: &[&str]) -> String {
    let times: Vec<String> = times.iter().map(|time| format!("\"{time}\"")).collect();
    format!(r#"'{{"time":[{}],"weekDays":[0,1,2,3,4,5,6]}}'"#, times.join(","))
}

fn set_times(world: &World, id: i64, times: &[&str]) {
    edit(world, id, &format!("interval_config = {}", at_times(times)));
}

#[test]
fn the_first_rule_of_a_date_is_the_one_that_counts_on_it() {
    let world = world_in(JAKARTA);
    let id = insert(&world, "interval_config", &at_times(&["09:00", "12:00"]));
    run_until(&world, "2026-12-01T02:00:00Z");
    set_times(&world, id, &["12:00", "15:00"]);
    run_until(&world, "2026-12-02T02:00:00Z");
    assert_eq!(sent(&world), ["2026-12-01T02:00", "2026-12-01T05:00"]);
    run_until(&world, "2026-12-02T12:00:00Z");
    assert_eq!(sent(&world)[2..], ["2026-12-02T05:00", "2026-12-02T08:00"]);
}

#[test]
fn a_date_of_a_list_does_not_open_its_day_for_an_edited_rule() {
    let world = world_in(JAKARTA);
    let listed = r#"'[{"date":"2026-12-01","time":"12:00"}]'"#;
    let values = format!("{}, {listed}", at_times(&["09:00"]));
    let id = insert(&world, "interval_config, schedules", &values);
    run_until(&world, "2026-12-01T02:00:00Z");
    set_times(&world, id, &["15:00"]);
    run_until(&world, "2026-12-02T02:00:00Z");
    assert_eq!(sent(&world), ["2026-12-01T02:00", "2026-12-01T05:00"]);
}

#[test]
fn a_message_that_was_paused_and_edited_goes_out_once_on_its_date() {
    let world = world_in(JAKARTA);
    let id = insert(&world, "interval_config", &at_times(&["09:00"]));
    world.run();
    world.execute("UPDATE channels SET held_reason = 'libur'");
    run_until(&world, "2026-12-01T02:00:00Z");
    assert_eq!(world.status(id), "sending");
    edit(&world, id, "status = 'draft'");
    set_times(&world, id, &["15:00"]);
    edit(&world, id, "status = 'scheduled'");
    world.execute("UPDATE channels SET held_reason = NULL");
    run_until(&world, "2026-12-02T09:00:00Z");
    assert_eq!(sent(&world).len(), 2, "{:?}", sent(&world));
    assert_eq!(sent(&world)[1], "2026-12-02T08:00");
}

#[test]
fn also_today_gives_today_all_times_of_the_new_rule() {
    let world = world_in(JAKARTA);
    let id = insert(&world, "interval_config", &at_times(&["09:00"]));
    run_until(&world, "2026-12-01T02:00:00Z");
    let timing = Timing::Weekly(WeeklyTiming {
        days: "daily".to_owned(),
        times: vec!["12:00".to_owned(), "15:00".to_owned()],
        ..WeeklyTiming::default()
    });
    let again = Edit { timing: Some(timing), also_today: true, ..Edit::default() };
    messages::edit(&mut store(&world), id, &again, &config_in(JAKARTA), world.clock.wall())
        .unwrap();
    run_until(&world, "2026-12-01T09:00:00Z");
    assert_eq!(sent(&world), ["2026-12-01T02:00", "2026-12-01T05:00", "2026-12-01T08:00"]);
    // And that rule is the one of today from then on.
    set_times(&world, id, &["17:00"]);
    run_until(&world, "2026-12-02T09:30:00Z");
    assert_eq!(sent(&world).len(), 3);
}

/// As the upgrade leaves a row that an older version planned.
fn as_upgraded(world: &World) {
    world.execute(
        "UPDATE auto_messages SET taken_rule = interval_config, taken_local =
             (SELECT max(due_at) FROM deliveries WHERE auto_message_id = auto_messages.id),
             scheduled_zone = NULL, scheduled_local = NULL",
    );
}

#[test]
fn an_edit_after_the_upgrade_does_not_send_today_again() {
    let world = world_in(JAKARTA);
    let id = insert(&world, "interval_config", &at_times(&["09:00"]));
    run_until(&world, "2026-12-01T02:00:00Z");
    as_upgraded(&world);
    let later = Edit { timing: Some(weekly("daily", "15:00")), ..Edit::default() };
    let edited =
        messages::edit(&mut store(&world), id, &later, &config_in(JAKARTA), world.clock.wall())
            .unwrap();
    assert!(edited.today.unwrap().could_again);
    run_until(&world, "2026-12-02T09:00:00Z");
    assert_eq!(sent(&world), ["2026-12-01T02:00", "2026-12-02T08:00"]);
}

#[test]
fn what_is_under_way_at_the_upgrade_goes_out_once_whatever_rule_and_zone_become() {
    for is_edited in [true, false] {
        let mut world = world_in(MAKASSAR);
        let id = insert(&world, "interval_config", &at_times(&["09:00"]));
        world.run();
        world.execute("UPDATE channels SET held_reason = 'libur'");
        run_until(&world, "2026-12-01T01:00:00Z");
        as_upgraded(&world);
        world.run();
        if is_edited {
            set_times(&world, id, &["15:00"]);
        }
        move_to(&mut world, JAKARTA);
        world.execute("UPDATE channels SET held_reason = NULL");
        run_until(&world, "2026-12-01T12:00:00Z");
        assert_eq!(sent(&world).len(), 1, "{:?}", sent(&world));
        run_until(&world, "2026-12-02T12:00:00Z");
        let next = if is_edited { "2026-12-02T08:00" } else { "2026-12-02T02:00" };
        assert_eq!(sent(&world)[1..], [next]);
    }
}

#[test]
fn the_next_time_of_what_is_under_way_at_the_upgrade_is_not_lost_in_another_zone() {
    let mut world = world_in(JAKARTA);
    let id = insert(&world, "interval_config", &at_times(&["09:00", "09:30"]));
    world.run();
    world.execute("UPDATE channels SET held_reason = 'libur'");
    run_until(&world, "2026-12-01T02:00:00Z"); // 10:00 in Makassar
    as_upgraded(&world);
    world.run();
    move_to(&mut world, MAKASSAR);
    world.execute("UPDATE channels SET held_reason = NULL");
    run_until(&world, "2026-12-01T12:00:00Z");
    assert_eq!(sent(&world).len(), 2, "{:?}", sent(&world));
    assert_eq!(scheduled_at(&world, id), "2026-12-02T01:00:00Z");
}

#[test]
fn a_row_that_is_replaced_keeps_the_rest_of_its_day_and_not_what_went_out() {
    let world = world_in(JAKARTA);
    let times = at_times(&["09:00", "15:00"]);
    let id = insert(&world, "interval_config", &times);
    run_until(&world, "2026-12-01T02:00:00Z");
    let replace = |times: &str| {
        let now = world.clock.wall();
        world.execute(&format!(
            "INSERT OR REPLACE INTO auto_messages
                 (id, message, contact_ids, interval_config, created_at, updated_at)
             VALUES ({id}, 'Halo', '081200007001', {times}, '2026-11-01T00:00:00Z', '{now}')"
        ));
    };
    replace(&times);
    run_until(&world, "2026-12-01T08:00:00Z");
    assert_eq!(sent(&world), ["2026-12-01T02:00", "2026-12-01T08:00"]);
    replace(&at_times(&["17:00"]));
    run_until(&world, "2026-12-02T12:00:00Z");
    assert_eq!(sent(&world)[2..], ["2026-12-02T10:00"]);
}

#[test]
fn a_row_that_waits_for_its_first_tick_keeps_its_time_when_something_else_is_edited() {
    for column in ["schedules", "interval_config"] {
        let world = world_in(JAKARTA); // 08:00
        let today = if column == "schedules" {
            r#"'[{"date":"2026-12-01","time":"09:00"}]'"#.to_owned()
        } else {
            at_times(&["09:00"])
        };
        let id = insert(&world, column, &today);
        world.clock.set("2026-12-01T03:00:00Z");
        edit(&world, id, "title = 'Judul'");
        run_until(&world, "2026-12-01T12:00:00Z");
        assert_eq!(sent(&world), ["2026-12-01T03:00"], "{column}");
    }
}

#[test]
fn what_becomes_scheduled_or_loses_its_time_later_makes_up_for_nothing() {
    for set in ["status = 'scheduled'", "scheduled_at = NULL, status = 'scheduled'"] {
        let world = world_in(JAKARTA); // 08:00
        let values = format!("{}, 'draft'", at_times(&["09:00", "15:00"]));
        let id = insert(&world, "interval_config, status", &values);
        world.clock.set("2026-12-01T03:00:00Z");
        edit(&world, id, set);
        world.clock.set("2026-12-01T03:30:00Z");
        run_until(&world, "2026-12-01T12:00:00Z");
        assert_eq!(sent(&world), ["2026-12-01T08:00"], "{set}");
    }
    let world = world_in(JAKARTA);
    let id = insert(&world, "interval_config", &at_times(&["09:00", "15:00"]));
    world.clock.set("2026-12-01T01:30:00Z");
    edit(&world, id, "scheduled_at = '2026-12-05T01:00:00Z'");
    world.clock.set("2026-12-01T03:00:00Z");
    edit(&world, id, "scheduled_at = NULL");
    run_until(&world, "2026-12-01T12:00:00Z");
    assert_eq!(sent(&world), ["2026-12-01T08:00"]);
    // A rule that is edited before the first tick counts from the edit on.
    let world = world_in(JAKARTA);
    let id = insert(&world, "interval_config", &at_times(&["15:00"]));
    world.clock.set("2026-12-01T03:00:00Z");
    set_times(&world, id, &["09:00"]);
    run_until(&world, "2026-12-01T12:00:00Z");
    assert_eq!(sent(&world), [""; 0]);
}

#[test]
fn a_list_that_is_edited_to_dates_that_passed_says_that_nothing_more_is_sent() {
    let world = world_in(JAKARTA);
    let list = |date: &str| format!(r#"[{{"date":"2026-12-{date}","time":"09:00"}}]"#);
    let both = format!("'{}'", list("02").replace(']', &format!(",{}", &list("05")[1..])));
    let id = insert(&world, "schedules", &both);
    run_until(&world, "2026-12-03T00:00:00Z");
    assert_eq!(sent(&world), ["2026-12-02T02:00"]);
    edit(&world, id, &format!("schedules = '{}'", list("01")));
    world.run();
    assert_eq!(world.status(id), "sent");
    assert!(world.error(id).contains("its schedule has no time left"), "{}", world.error(id));
}

#[test]
fn what_a_clock_that_ran_ahead_has_planned_does_not_keep_a_rule_waiting_for_years() {
    let world = world_in(JAKARTA);
    let id = insert(&world, "interval_config", &at_times(&["09:00"]));
    world.run();
    edit(&world, id, "taken_local = '2031-01-01T08:00:00', taken_rule = interval_config");
    world.clock.set("2026-12-01T01:10:00Z");
    set_times(&world, id, &["10:00"]);
    world.clock.set("2026-12-01T01:30:00Z");
    run_until(&world, "2026-12-01T04:00:00Z");
    assert_eq!(sent(&world), ["2026-12-01T03:00"]);
    assert_eq!(world.ask("SELECT taken_local FROM auto_messages"), "2026-12-01T10:00:00");
    edit(&world, id, "taken_local = '2031-01-01T08:00:00'");
    let later = Edit { timing: Some(weekly("daily", "15:00")), ..Edit::default() };
    let edited =
        messages::edit(&mut store(&world), id, &later, &config_in(JAKARTA), world.clock.wall())
            .unwrap();
    assert_eq!(edited.next_at.unwrap().to_string(), "2026-12-01T08:00:00Z");
}
