//! TIMEZONE changes, or a shell has another one than the program that sends.

use auto_message_scheduler::forecast;
use auto_message_scheduler::messages::{self, Resumed};

use super::*;
use crate::site::{Site, stderr};

/// Wednesday 08:00, as a weekly message and as one entry of a list.
fn wednesday() -> [Timing; 2] {
    let listed = ["2026-12-02 08:00", "2026-12-09 08:00"].map(str::to_owned).to_vec();
    [weekly("wed", "08:00"), Timing::At(listed)]
}

#[test]
fn what_went_out_in_one_zone_does_not_go_out_again_in_another() {
    for timing in wednesday() {
        let mut world = world_in(MAKASSAR);
        add_in(&world, MAKASSAR, timing);
        run_until(&world, "2026-12-02T00:30:00Z");
        assert_eq!(sent(&world), ["2026-12-02T00:00"]);
        move_to(&mut world, JAKARTA);
        run_until(&world, "2026-12-09T03:00:00Z");
        assert_eq!(sent(&world), ["2026-12-02T00:00", "2026-12-09T01:00"]);
    }
}

#[test]
fn a_message_goes_out_once_at_the_time_of_the_new_zone() {
    for (before, after, at) in
        [(MAKASSAR, JAKARTA, "2026-12-02T01:00"), (JAKARTA, MAKASSAR, "2026-12-02T00:00")]
    {
        for timing in wednesday() {
            let mut world = world_in(before);
            add_in(&world, before, timing);
            world.run();
            move_to(&mut world, after);
            run_until(&world, "2026-12-03T00:00:00Z");
            assert_eq!(sent(&world), [at], "{before} {after}");
        }
    }
}

#[test]
fn the_zone_of_the_program_that_sends_counts_and_not_that_of_the_shell() {
    for (shell, server, at) in
        [(MAKASSAR, JAKARTA, "2026-12-02T01:00"), (JAKARTA, MAKASSAR, "2026-12-02T00:00")]
    {
        for timing in wednesday() {
            let world = world_in(server);
            add_in(&world, shell, timing);
            run_until(&world, "2026-12-03T00:00:00Z");
            assert_eq!(sent(&world), [at], "{shell} {server}");
        }
    }
}

#[test]
fn what_the_new_zone_has_over_already_goes_out_late_and_once() {
    for timing in wednesday() {
        let mut world = world_in(JAKARTA);
        add_in(&world, JAKARTA, timing);
        run_until(&world, "2026-12-02T00:30:00Z"); // 07:30 in Jakarta, 08:30 in Makassar
        move_to(&mut world, MAKASSAR);
        run_until(&world, "2026-12-02T12:00:00Z");
        assert_eq!(sent(&world), ["2026-12-02T00:30"]);
    }
}

#[test]
fn a_zone_that_changes_there_and_back_changes_nothing() {
    let mut world = world_in(JAKARTA);
    let id = add_in(&world, JAKARTA, weekly("daily", "08:00"));
    for hours in 1..=4 {
        for name in ["Pacific/Kiritimati", "Etc/GMT+12", JAKARTA] {
            move_to(&mut world, name);
            world.run();
        }
        assert_eq!(scheduled_at(&world, id), "2026-12-02T01:00:00Z");
        run_until(&world, &format!("2026-12-01T0{}:00:00Z", hours * 2));
    }
    assert_eq!(sent(&world), [""; 0]);
}

#[test]
fn a_message_that_is_on_its_way_goes_on_and_its_next_time_is_of_the_new_zone() {
    let mut world = world_in(MAKASSAR);
    let id = add_in(&world, MAKASSAR, weekly("daily", "09:30"));
    world.execute("UPDATE auto_messages SET contact_ids = '081200007001, 081200007002'");
    world.clock.set("2026-12-01T01:30:00Z");
    world.trigger();
    world.step_until_received(1);
    move_to(&mut world, JAKARTA);
    run_until(&world, "2026-12-01T03:00:00Z");
    assert_eq!(sent(&world), ["2026-12-01T01:30", "2026-12-01T01:31"]);
    assert_eq!(scheduled_at(&world, id), "2026-12-02T02:30:00Z");
}

#[test]
fn what_was_cancelled_half_way_goes_on_in_another_zone_to_those_who_did_not_get_it() {
    let mut world = world_in(MAKASSAR);
    add_in(&world, MAKASSAR, weekly("daily", "09:30"));
    world.execute("UPDATE auto_messages SET contact_ids = '081200007001, 081200007002'");
    world.clock.set("2026-12-01T01:30:00Z");
    world.trigger();
    world.step_until_received(1);
    world.step_until_nothing_is_out();
    world.execute("UPDATE auto_messages SET status = 'cancelled'");
    move_to(&mut world, JAKARTA);
    world.execute("UPDATE auto_messages SET status = 'scheduled'");
    run_until(&world, "2026-12-01T12:00:00Z");
    assert_eq!(world.recipients(), ["6281200007001@c.us", "6281200007002@c.us"]);
}

#[test]
fn a_draft_of_another_zone_is_resumed_for_the_time_of_this_one() {
    let mut world = world_in(MAKASSAR);
    let id = add_in(&world, MAKASSAR, weekly("wed", "08:00"));
    messages::pause(&mut store(&world), id, world.clock.wall()).unwrap();
    move_to(&mut world, JAKARTA);
    let resumed =
        messages::resume(&mut store(&world), id, &config_in(JAKARTA), world.clock.wall()).unwrap();
    let at = Timestamp::parse("2026-12-02T01:00:00Z").unwrap();
    assert_eq!(resumed, Resumed::Scheduled { at });
    run_until(&world, "2026-12-02T03:00:00Z");
    assert_eq!(sent(&world), ["2026-12-02T01:00"]);
}

#[test]
fn an_instant_is_the_same_in_every_zone() {
    let mut world = world_in(MAKASSAR);
    add_in(&world, MAKASSAR, Timing::At(vec!["2026-12-02 08:00".to_owned()]));
    // One that a person gives a weekly message for its first time.
    insert(
        &world,
        "scheduled_at, interval_config",
        &format!("'2026-12-02 00:30', '{}'", rule("3", "20:00")),
    );
    world.run();
    move_to(&mut world, JAKARTA);
    run_until(&world, "2026-12-02T02:00:00Z");
    assert_eq!(sent(&world), ["2026-12-02T00:00", "2026-12-02T00:30"]);
}

#[test]
fn a_time_that_a_website_worked_out_from_its_rule_is_the_rules() {
    let mut world = world_in(MAKASSAR);
    let values = format!("'2026-12-02T00:00:00Z', '{}'", rule("3", "08:00"));
    let id = insert(&world, "scheduled_at, interval_config", &values);
    world.run();
    move_to(&mut world, JAKARTA);
    world.run();
    assert_eq!(scheduled_at(&world, id), "2026-12-02T01:00:00Z");
    run_until(&world, "2026-12-03T00:00:00Z");
    assert_eq!(sent(&world), ["2026-12-02T01:00"]);
}

#[test]
fn the_log_says_once_that_messages_have_the_time_of_another_zone() {
    let site = Site::new();
    site.write_settings("LOG_LEVEL=info\nTIMEZONE=Asia/Makassar\n");
    for weekly in ["mon 08:00", "tue 08:00"] {
        let (days, time) = weekly.split_once(' ').unwrap();
        let ran = site.run(&[
            "message",
            "add",
            "Halo",
            "--to",
            "081200007001",
            "--weekly",
            days,
            "--time",
            time,
        ]);
        assert!(ran.status.success(), "{}", stderr(&ran));
    }
    let said = |part: &str| stderr(&site.run(&["run"])).matches(part).count();
    let words = "have the time of another zone";
    assert_eq!(said(words), 0);
    site.write_settings("LOG_LEVEL=info\nTIMEZONE=Asia/Jakarta\n");
    assert_eq!(
        said("schedules: 2 messages have the time of another zone: Asia/Jakarta counts now"),
        1
    );
    assert_eq!(said(words), 0);
}

#[test]
fn a_message_of_an_older_version_is_taken_over_as_it_is() {
    let mut world = world_in(MAKASSAR);
    let id = add_in(&world, MAKASSAR, weekly("daily", "08:00"));
    run_until(&world, "2026-12-02T00:10:00Z");
    let forget = "UPDATE auto_messages SET scheduled_local = NULL, scheduled_zone = NULL,
                      taken_local = NULL, taken_rule = NULL";
    world.execute(forget);
    world.restart();
    run_until(&world, "2026-12-02T00:30:00Z");
    assert_eq!(scheduled_at(&world, id), "2026-12-03T00:00:00Z");
    // Its rule is edited at once: the day on which it went out is done.
    world.execute(forget);
    edit(&world, id, &format!("interval_config = '{}'", rule("3,5", "09:00")));
    world.restart();
    run_until(&world, "2026-12-04T06:00:00Z");
    assert_eq!(sent(&world), ["2026-12-02T00:00", "2026-12-04T01:00"]);
}

#[test]
fn a_forecast_says_what_the_next_tick_makes_of_the_time_of_another_zone() {
    let world = world_in(JAKARTA);
    let id = add_in(&world, MAKASSAR, weekly("wed", "08:00"));
    let emptied = add_in(&world, MAKASSAR, weekly("wed", "08:00"));
    edit(&world, emptied, &format!("interval_config = '{}'", rule("4", "10:00")));
    let config = config_in(JAKARTA);
    let look = |id| {
        let ahead = forecast::of_message(&mut store(&world), id, &config, world.clock.wall());
        let ahead = ahead.unwrap().unwrap();
        (ahead.due_at.unwrap().to_string(), ahead.next_at.unwrap().to_string())
    };
    let foretold = [look(id), look(emptied)];
    let wanted = [
        ("2026-12-02T01:00:00Z".to_owned(), "2026-12-09T01:00:00Z".to_owned()),
        ("2026-12-03T03:00:00Z".to_owned(), "2026-12-10T03:00:00Z".to_owned()),
    ];
    assert_eq!(foretold, wanted);
    world.run();
    assert_eq!([look(id), look(emptied)], wanted);
    run_until(&world, "2026-12-04T00:00:00Z");
    assert_eq!(sent(&world), ["2026-12-02T01:00", "2026-12-03T03:00"]);
    assert_eq!(scheduled_at(&world, id), wanted[0].1);
}
