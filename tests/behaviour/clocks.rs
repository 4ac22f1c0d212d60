//! Our clock and WAHA's.

use std::time::Duration;

use auto_message_scheduler::clock::{Clock, Timestamp};
use auto_message_scheduler::waha::{Waha, WahaTime};

use crate::site::{Site, stderr};
use crate::world::{START, World};

#[test]
fn any_answer_of_waha_tells_its_time_and_a_clock_that_is_set_does_not_change_it() {
    let world = World::new();
    let clock = world.clock.clone();
    let waha = Waha::new(&world.url, None, Duration::from_secs(2)).noting_dates_by(clock.clone());
    assert_eq!(waha.time(clock.now()), WahaTime::Unheard);

    let theirs = Timestamp::parse("2026-12-01T04:00:00Z").unwrap();
    world.waha.set_date(Some(theirs));
    let _ = waha.clone().session("nosuch");
    let three_hours = 3 * 3_600_000;
    assert_eq!(waha.time(clock.now()).ahead_of(clock.wall()), Some(three_hours));

    clock.pass(Duration::from_mins(1));
    clock.set(START);
    assert_eq!(waha.time(clock.now()), WahaTime::Told(theirs.plus(Duration::from_mins(1))));
    assert_eq!(waha.time(clock.now()).ahead_of(clock.wall()), Some(three_hours + 60_000));

    world.waha.set_date(None);
    waha.ask_the_time();
    assert_eq!(waha.time(clock.now()), WahaTime::Untold);
}

/// The clock that WAHA's answers tell, from now on, and that passes with ours.
fn waha_says(world: &World, at: &str) {
    world.waha.set_date(Some(Timestamp::parse(at).unwrap()));
}

fn hold(world: &World) -> String {
    world.ask("SELECT value FROM meta WHERE key = 'clock_hold'")
}

/// A message for the next day, one for every week until the end of the year, and one of now that is sent.
fn shop() -> World {
    let world = World::new();
    world.execute(
        r#"INSERT INTO auto_messages (message, contact_ids, scheduled_at) VALUES
             ('besok', '081200007002', '2026-12-02T01:00:00Z');
           INSERT INTO auto_messages (message, contact_ids, interval_config, created_at) VALUES
             ('mingguan', '081200007003', '{"time":"08:00","weekDays":[3],"endDate":"2026-12-31"}',
              '2026-12-01T01:00:00Z')"#,
    );
    world.message("081200007001");
    world.run();
    assert_eq!(world.recipients(), ["6281200007001@c.us"]);
    world
}

#[test]
fn a_clock_years_ahead_for_one_run_ends_nothing() {
    let mut world = shop();
    world.clock.set("2031-05-05T00:00:00Z");
    waha_says(&world, "2026-12-01T01:05:00Z");
    world.restart();
    let before = world.rows("SELECT id, status, scheduled_at FROM auto_messages");
    world.run();
    assert_eq!(world.rows("SELECT id, status, scheduled_at FROM auto_messages"), before);
    assert!(
        hold(&world).contains("2031-05-05T00:00:00Z when WAHA's said 2026-12-01"),
        "{}",
        hold(&world)
    );
    let error = world.ask("SELECT error FROM runs ORDER BY id DESC LIMIT 1");
    assert!(error.contains("set the wrong one"), "{error}");

    world.clock.set("2026-12-01T01:10:00Z");
    world.waha.set_date_by_clock();
    world.restart();
    world.run();
    assert_eq!(hold(&world), "");
    world.clock.set("2026-12-02T01:00:00Z");
    world.run();
    assert_eq!(world.received().len(), 3);
    assert_eq!(
        world.rows("SELECT status, scheduled_at FROM auto_messages ORDER BY id")[..2],
        ["sent|2026-12-02T01:00:00Z", "scheduled|2026-12-09T01:00:00Z"]
    );
}

#[test]
fn a_clock_that_is_set_while_the_program_runs_sends_nothing_before_wahas_agrees() {
    let world = World::new();
    world.message("081200007001, 081200007002");
    world.trigger();
    world.step_until_received(1);
    world.step_until_nothing_is_out();
    world.waha.set_date(Some(world.clock.wall()));
    world.clock.set("2026-12-01T07:00:00Z");
    world.execute(
        "INSERT INTO auto_messages (message, contact_ids, scheduled_at)
         VALUES ('nanti', '081200007003', '2026-12-01T06:00:00Z')",
    );
    let report = world.run();
    assert_eq!((world.received().len(), report.pending), (1, 1));
    assert_eq!(world.status(2), "scheduled");
    assert!(hold(&world).contains("WAHA's said"), "{}", hold(&world));
    world.waha.set_date_by_clock();
    world.run();
    assert_eq!(world.received().len(), 3, "it goes on by itself");
}

#[test]
fn wherever_a_clock_is_set_wrong_nothing_is_claimed_or_asked_by_it() {
    let in_time = "2026-12-01T02:00:00Z".to_owned();
    for check_numbers in [false, true] {
        let (mut stopped, mut asked_late) = (0, 0);
        for reading in 1..25 {
            let mut builder = World::builder();
            builder.in_memory = true;
            builder.config.check_numbers = check_numbers;
            let world = builder.build();
            waha_says(&world, START);
            world.message("081200007001");
            let clock = world.clock.clone();
            world.clock.at_reading(reading, move || clock.set("2026-12-01T07:00:00Z"));
            world.run();
            let claimed_at = world.ask("SELECT claimed_at FROM deliveries");
            assert!(claimed_at < in_time, "reading {reading}: {claimed_at}");
            let asked = world.waha.checks_from(0);
            asked_late += asked.iter().filter(|one| one.at.to_string() > in_time).count();
            stopped += u32::from(claimed_at.is_empty() && asked.is_empty());
        }
        assert!((3..22).contains(&stopped), "{stopped}: it must be set before and after");
        // What had begun in time may arrive a moment later: one reading of the clock, WAHA's own.
        assert!(asked_late <= 1, "{asked_late}");
    }
}

#[test]
fn a_machine_that_was_off_for_two_days_goes_on_by_itself() {
    let mut world = shop();
    world.waha.set_status("default", "STOPPED");
    world.message("081200007004");
    world.run();
    assert_eq!(world.status(4), "sending");
    world.clock.pass(Duration::from_hours(48));
    world.restart();
    // WAHA is not up yet.
    let (url, nowhere) = (world.url.clone(), "http://127.0.0.1:9".to_owned());
    world.url = nowhere;
    world.restart();
    for _ in 0..3 {
        world.run();
        world.clock.pass(Duration::from_mins(1));
        world.restart();
    }
    let waits = "SELECT group_concat(status) FROM auto_messages WHERE id IN (1, 2, 4)";
    assert_eq!(world.ask(waits), "scheduled,scheduled,sending", "nothing expires");
    assert!(hold(&world).starts_with("nothing ran since 2026-12-01T01:"), "{}", hold(&world));

    world.url = url;
    world.waha.set_status("default", "WORKING");
    world.restart();
    world.message("081200007005");
    world.run();
    assert_eq!(hold(&world), "");
    assert_eq!(
        world.rows("SELECT status, scheduled_at FROM auto_messages WHERE id <> 3 ORDER BY id"),
        [
            "failed|2026-12-02T01:00:00Z",
            "scheduled|2026-12-09T01:00:00Z",
            "failed|2026-12-01T01:00:00Z",
            "sent|2026-12-03T01:04:00Z"
        ]
    );
}

#[test]
fn a_waha_that_tells_no_time_does_not_hold_anything_for_ever() {
    let mut world = shop();
    world.waha.set_date(None);
    world.clock.set("2026-12-04T01:00:00Z");
    world.restart();
    world.message("081200007005");
    world.run();
    assert_eq!((world.status(1), world.status(4)), ("failed".into(), "sent".into()));
    assert_eq!(hold(&world), "");
}

#[test]
fn a_clock_that_was_set_back_is_believed_when_wahas_agrees() {
    let mut world = shop();
    world.clock.set("2026-11-01T00:00:00Z");
    waha_says(&world, "2026-12-01T01:05:00Z");
    world.restart();
    world.message("081200007005");
    world.run();
    assert_eq!(world.status(4), "scheduled");
    world.waha.set_date_by_clock();
    world.run();
    assert_eq!(world.status(4), "sent");
}

#[test]
fn what_a_clock_that_ran_ahead_has_planned_waits_until_it_is_due() {
    let mut world = shop();
    // A new process, and less than LATE_LIMIT_HOURS ahead: WAHA's clock is heard before the first send.
    world.restart();
    world.waha.set_date(Some(world.clock.wall()));
    world.clock.set("2026-12-02T00:59:59Z");
    world.execute("UPDATE auto_messages SET scheduled_at = '2026-12-02T00:30:00Z' WHERE id = 1");
    world.run();
    assert_eq!((world.status(1), world.received().len()), ("sending".into(), 1));
    assert!(hold(&world).contains("WAHA's said"), "{}", hold(&world));
    world.clock.set("2026-12-01T01:10:00Z");
    world.waha.set_date_by_clock();
    world.run();
    assert_eq!((world.status(1), world.received().len()), ("scheduled".into(), 1), "too early");
    let taken = world.ask("SELECT coalesce(taken_local, '-') FROM auto_messages WHERE id = 1");
    assert_eq!(taken, "-", "that date is not done");
    world.clock.set("2026-12-02T00:30:00Z");
    world.run();
    assert_eq!(world.received().len(), 2);
}

#[test]
fn a_hold_for_the_clock_is_said_once_by_run_and_shown_by_status_and_doctor() {
    let site = Site::new();
    site.message("081200007001");
    site.waha.set_date(Some(Timestamp::parse("2021-01-01T00:00:00Z").unwrap()));
    let told = stderr(&site.run(&["run"]));
    assert!(told.contains("[ERROR] clock: this machine's clock said"), "{told}");
    let told = stderr(&site.run(&["run"]));
    assert_eq!(told, "", "once for each hold");
    assert!(site.waha.received().is_empty());
    for arguments in [["status", "--json"], ["doctor", "--json"]] {
        let shown = String::from_utf8(site.run(&arguments).stdout).unwrap();
        assert!(shown.contains("when WAHA's said 2021-01-01T"), "{shown}");
    }
    let screen = String::from_utf8(site.run(&["status"]).stdout).unwrap();
    assert!(screen.contains("HELD       this machine's clock said"), "{screen}");
    site.waha.set_date_by_clock();
    site.run(&["run"]);
    assert_eq!(site.status(), "sent");
}
