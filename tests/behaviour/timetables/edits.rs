//! A person changes a rule with `sqlite3`, or with `message edit`.

use crate::world::config;
use auto_message_scheduler::messages::{ComposeError, Edit, Edited, Kept};

use super::*;
use crate::panel::{Browser, header, panel, text};
use crate::site::{Site, stderr};

/// A message each day at 08:00 in Jakarta, added on Tuesday 2026-12-01 at 08:00.
fn daily() -> (World, i64) {
    let world = world_in(JAKARTA);
    let id = insert(
        &world,
        "interval_config",
        &format!(
            "'{}'",
            rule("0,1,2,3,4,5,6", "08:00").replace('}', r#","startDate":"2026-12-02"}"#)
        ),
    );
    world.run();
    assert_eq!(scheduled_at(&world, id), "2026-12-02T01:00:00Z");
    (world, id)
}

#[test]
fn an_edit_of_the_rule_empties_the_time_at_once_and_the_next_tick_fills_it() {
    let (world, id) = daily();
    edit(&world, id, &format!("interval_config = '{}'", rule("3", "15:00")));
    assert_eq!(scheduled_at(&world, id), "");
    world.run();
    assert_eq!(scheduled_at(&world, id), "2026-12-02T08:00:00Z");
    run_until(&world, "2026-12-03T00:00:00Z");
    assert_eq!(sent(&world), ["2026-12-02T08:00"]);
}

#[test]
fn a_time_that_the_same_update_sets_wins() {
    let (world, id) = daily();
    let set = format!(
        "interval_config = '{}', scheduled_at = '2026-12-01 09:00+07:00'",
        rule("3", "15:00")
    );
    edit(&world, id, &set);
    assert_eq!(scheduled_at(&world, id), "2026-12-01T02:00:00Z");
    run_until(&world, "2026-12-03T00:00:00Z");
    assert_eq!(sent(&world), ["2026-12-01T02:00", "2026-12-02T08:00"]);
}

#[test]
fn a_date_that_was_taken_out_of_the_list_is_not_sent() {
    let world = world_in(JAKARTA);
    let entry = |date: &str| format!(r#"{{"date":"2026-12-{date}","time":"08:00"}}"#);
    let list = |dates: &[&str]| {
        format!("'[{}]'", dates.iter().map(|date| entry(date)).collect::<Vec<_>>().join(","))
    };
    let id = insert(&world, "schedules", &list(&["02", "03", "04"]));
    world.run();
    edit(&world, id, &format!("schedules = {}", list(&["03", "04"])));
    run_until(&world, "2026-12-03T02:00:00Z");
    assert_eq!(sent(&world), ["2026-12-03T01:00"]);
    // One more on a day that was, at another time: an entry of a list is its date and its time.
    let more = list(&["04"]).replace("]'", r#",{"date":"2026-12-03","time":"15:00"}]'"#);
    edit(&world, id, &format!("schedules = {more}"));
    run_until(&world, "2026-12-05T00:00:00Z");
    assert_eq!(sent(&world)[1..], ["2026-12-03T08:00", "2026-12-04T01:00"]);
    assert_eq!(world.status(id), "sent");
}

#[test]
fn a_rule_that_ends_by_an_edit_ends_its_message_and_sends_nothing_more() {
    let over = rule("0,1,2,3,4,5,6", "08:00").replace('}', r#","endDate":"2026-12-02"}"#);
    for set in [format!("interval_config = '{over}'"), "interval_config = NULL".to_owned()] {
        let (world, id) = daily();
        run_until(&world, "2026-12-02T02:00:00Z");
        let sent_at = world.ask("SELECT sent_at FROM auto_messages");
        edit(&world, id, &set);
        run_until(&world, "2026-12-05T00:00:00Z");
        assert_eq!(sent(&world), ["2026-12-02T01:00"], "{set}");
        let row = world.rows("SELECT status, sent_count, scheduled_at, error FROM auto_messages");
        assert_eq!(row, ["sent|1|2026-12-02T01:00:00Z|"], "{set}");
        assert_eq!(world.ask("SELECT sent_at FROM auto_messages"), sent_at);
    }
}

#[test]
fn a_message_of_which_nobody_got_anything_fails_when_its_rule_ends() {
    let (world, id) = daily();
    world.execute("UPDATE auto_messages SET contact_ids = '081200000400'");
    run_until(&world, "2026-12-02T02:00:00Z");
    edit(&world, id, "interval_config = NULL");
    world.run();
    assert_eq!(world.status(id), "failed");
    assert!(
        world.error(id).contains("no recipient is known to have got it"),
        "{}",
        world.error(id)
    );
    // And one that never went out at all.
    let (world, id) = daily();
    edit(
        &world,
        id,
        r#"interval_config = '{"time":"08:00","weekDays":[1],"endDate":"2026-11-01"}'"#,
    );
    run_until(&world, "2026-12-09T00:00:00Z");
    assert_eq!(world.status(id), "failed");
    assert!(world.error(id).contains("give it a new one"), "{}", world.error(id));
    assert_eq!(sent(&world), [""; 0]);
}

#[test]
fn other_days_of_the_week_count_from_the_edit_on() {
    let (world, id) = daily();
    run_until(&world, "2026-12-03T02:00:00Z");
    edit(&world, id, &format!("interval_config = '{}'", rule("2,6", "08:00")));
    run_until(&world, "2026-12-09T00:00:00Z");
    let days = ["2026-12-02T01:00", "2026-12-03T01:00", "2026-12-05T01:00", "2026-12-08T01:00"];
    assert_eq!(sent(&world), days);
}

#[test]
fn a_rule_that_is_added_to_a_message_gives_it_its_times() {
    let world = world_in(JAKARTA);
    let id = insert(&world, "scheduled_at", "'2026-12-01 05:00'");
    edit(&world, id, &format!("interval_config = '{}'", rule("3", "08:00")));
    run_until(&world, "2026-12-03T00:00:00Z");
    assert_eq!(sent(&world), ["2026-12-02T01:00"]);
}

#[test]
fn a_form_that_saves_an_empty_rule_leaves_the_time_that_somebody_wrote() {
    for nothing in ["'{}'", "''", "'[]'", "NULL", r#"'{"time":"","weekDays":[]}'"#] {
        let world = world_in(JAKARTA);
        let id = insert(&world, "scheduled_at, interval_config", "'2026-12-01 05:00', 'null'");
        world.run();
        edit(&world, id, &format!("interval_config = {nothing}"));
        run_until(&world, "2026-12-02T00:00:00Z");
        assert_eq!(sent(&world), ["2026-12-01T05:00"], "{nothing}");
        assert_eq!(world.status(id), "sent");
    }
}

#[test]
fn a_date_that_went_out_is_done_whatever_its_rule_becomes() {
    let (world, id) = daily();
    run_until(&world, "2026-12-02T02:00:00Z");
    for time in ["15:00", "16:00"] {
        edit(&world, id, &format!("interval_config = '{}'", rule("3,4", time)));
        world.run();
    }
    run_until(&world, "2026-12-03T12:00:00Z");
    assert_eq!(sent(&world), ["2026-12-02T01:00", "2026-12-03T09:00"]);
}

#[test]
fn what_both_rules_have_later_on_a_day_still_goes_out() {
    let world = world_in(JAKARTA);
    let times = |times: &str| format!(r#"{{"time":{times},"weekDays":[0,1,2,3,4,5,6]}}"#);
    let id =
        insert(&world, "interval_config", &format!("'{}'", times(r#"["09:00","15:00","18:00"]"#)));
    run_until(&world, "2026-12-01T03:00:00Z");
    edit(&world, id, &format!("interval_config = '{}'", times(r#"["09:00","14:00","18:00"]"#)));
    run_until(&world, "2026-12-02T12:00:00Z");
    let today = ["2026-12-01T02:00", "2026-12-01T11:00"];
    let tomorrow = ["2026-12-02T02:00", "2026-12-02T07:00", "2026-12-02T11:00"];
    assert_eq!(sent(&world), [&today[..], &tomorrow].concat());
}

#[test]
fn an_edit_while_it_is_sent_counts_for_the_next_occurrence() {
    let (world, id) = daily();
    world.execute("UPDATE auto_messages SET contact_ids = '081200007001, 081200007002'");
    world.clock.set("2026-12-02T01:00:00Z");
    world.trigger();
    world.step_until_received(1);
    edit(&world, id, &format!("interval_config = '{}'", rule("3,4", "15:00")));
    assert_eq!(scheduled_at(&world, id), "2026-12-02T01:00:00Z");
    run_until(&world, "2026-12-04T00:00:00Z");
    let due = world.rows("SELECT due_at, status FROM deliveries ORDER BY id");
    let [today, thursday] = ["2026-12-02T01:00:00Z|sent", "2026-12-03T08:00:00Z|sent"];
    assert_eq!(due, [today, today, thursday, thursday]);
}

#[test]
fn what_is_due_and_not_planned_yet_is_not_lost_by_an_edit() {
    for (time, at) in [("08:00", "2026-12-02T03:00"), ("15:00", "2026-12-02T08:00")] {
        let (world, id) = daily();
        world.clock.set("2026-12-02T02:00:00Z"); // nothing ran since 08:00, and it is 09:00
        edit(&world, id, &format!("interval_config = '{}'", rule("3", time)));
        world.clock.set("2026-12-02T03:00:00Z");
        run_until(&world, "2026-12-03T00:00:00Z");
        assert_eq!(sent(&world), [at], "{time}");
    }
}

#[test]
fn an_ended_message_that_gets_a_new_rule_begins_with_it_and_makes_up_for_nothing() {
    for together in [true, false] {
        let (world, id) = daily();
        run_until(&world, "2026-12-02T02:00:00Z");
        edit(&world, id, "interval_config = NULL");
        world.run();
        assert_eq!(world.status(id), "sent");
        run_until(&world, "2026-12-08T03:00:00Z"); // a Tuesday, 10:00
        let new = format!("interval_config = '{}'", rule("0,1,2,3,4,5,6", "09:00"));
        if together {
            edit(&world, id, &format!("{new}, status = 'scheduled'"));
        } else {
            edit(&world, id, &new);
            world.run();
            edit(&world, id, "status = 'scheduled'");
        }
        run_until(&world, "2026-12-09T03:00:00Z");
        assert_eq!(sent(&world), ["2026-12-02T01:00", "2026-12-09T02:00"], "{together}");
    }
}

#[test]
fn a_message_that_is_half_planned_is_planned_anew_by_its_new_rule() {
    let mut builder = World::builder();
    builder.portion = 1;
    let world = builder.build();
    let id = insert(&world, "interval_config", &format!("'{}'", rule("2", "08:00")));
    world.execute(
        "UPDATE auto_messages SET contact_ids = '081200007001, 081200007002, 081200007003'",
    );
    world.trigger();
    world.step();
    world.step();
    assert_ne!(world.ask("SELECT count(*) FROM plannings"), "0");
    edit(&world, id, &format!("interval_config = '{}'", rule("2", "10:00")));
    run_until(&world, "2026-12-02T00:00:00Z");
    let times = ["2026-12-01T03:00", "2026-12-01T03:01", "2026-12-01T03:02"];
    assert_eq!(sent(&world), times);
}

fn compose(world: &World, id: i64, edit: &Edit) -> Result<Edited, ComposeError> {
    messages::edit(&mut store(world), id, edit, &config(), world.clock.wall())
}

#[test]
fn an_edit_with_a_command_does_not_lose_what_is_due_and_not_planned_yet_either() {
    let list = r#"[{"date":"2026-12-02","time":"08:00"},{"date":"2026-12-09","time":"08:00"}]"#;
    for timing in [
        weekly("wed", "08:00"),
        Timing::Interval(rule("3", "08:00")),
        Timing::Schedules(list.to_owned()),
        // The panel's "leave it as it is", of a row whose time nobody has counted yet.
        Timing::Kept(Kept { interval_config: Some(rule("3", "08:00")), ..Kept::default() }),
    ] {
        let (world, id) = daily();
        world.clock.set("2026-12-02T02:00:00Z"); // nothing ran since 08:00, and it is 09:00
        let wanted = Edit { timing: Some(timing.clone()), ..Edit::default() };
        let edited = compose(&world, id, &wanted).unwrap();
        let next = edited.next_at.map(|at| at.to_string());
        assert_eq!(next.as_deref(), Some("2026-12-02T01:00:00Z"), "{timing:?}");
        run_until(&world, "2026-12-03T00:00:00Z");
        assert_eq!(sent(&world), ["2026-12-02T02:00"], "{timing:?}");
    }
}

/// Nothing ran for six days: what is over by more than LATE_LIMIT_HOURS does not go out.
#[test]
fn an_edit_of_a_rule_that_was_missed_for_days_says_the_next_time_that_goes_out() {
    let (world, id) = daily();
    world.clock.set("2026-12-08T03:00:00Z");
    let timing = Some(weekly("daily", "09:00"));
    let edited = compose(&world, id, &Edit { timing, ..Edit::default() }).unwrap();
    assert_eq!(edited.next_at.unwrap().to_string(), "2026-12-08T02:00:00Z");
    assert_eq!(scheduled_at(&world, id), "2026-12-02T02:00:00Z", "what was missed is told");
    run_until(&world, "2026-12-09T00:00:00Z");
    assert_eq!(sent(&world), ["2026-12-08T03:00"]);
    assert_eq!(world.ask("SELECT count(*) FROM deliveries WHERE status = 'expired'"), "6");
}

#[test]
fn a_list_that_is_edited_just_after_one_of_its_times_went_out_goes_on_with_the_next() {
    let list = |times: &[&str]| {
        let entry = |time: &&str| format!(r#"{{"date":"2026-12-02","time":"{time}"}}"#);
        format!("[{}]", times.iter().map(entry).collect::<Vec<_>>().join(","))
    };
    let world = world_in(JAKARTA);
    let id = insert(&world, "schedules", &format!("'{}'", list(&["08:00", "09:00"])));
    run_until(&world, "2026-12-02T01:02:00Z");
    let timing = Some(Timing::Schedules(list(&["08:00", "09:00", "10:00"])));
    let edited = compose(&world, id, &Edit { timing, ..Edit::default() }).unwrap();
    assert_eq!(edited.next_at.unwrap().to_string(), "2026-12-02T02:00:00Z");
    run_until(&world, "2026-12-03T00:00:00Z");
    assert_eq!(sent(&world).len(), 3);
}

#[test]
fn today_is_not_offered_again_when_the_edited_message_goes_out_then_anyway() {
    let world = world_in(JAKARTA);
    let both = r#"'{"time":["08:00","12:00"],"weekDays":[3]}'"#;
    let id = insert(&world, "interval_config", both);
    run_until(&world, "2026-12-02T02:00:00Z");
    world.clock.set("2026-12-02T05:06:00Z"); // nothing ran since 12:00
    let timing = Some(weekly("wed", "12:00"));
    let edited = compose(&world, id, &Edit { timing, ..Edit::default() }).unwrap();
    assert_eq!(edited.next_at.unwrap().to_string(), "2026-12-02T05:00:00Z");
    assert!(!edited.today.unwrap().could_again);
}

#[test]
fn an_edited_message_goes_out_today_again_only_when_that_is_asked() {
    for also_today in [false, true] {
        let (world, id) = daily();
        run_until(&world, "2026-12-02T02:00:00Z");
        let timing = Some(weekly("wed,fri", "15:00"));
        let edited = compose(&world, id, &Edit { timing, also_today, ..Edit::default() }).unwrap();
        let today = edited.today.unwrap();
        assert_eq!(today.at.to_string(), "2026-12-02T01:00:00Z");
        assert_eq!((today.has_arrived, today.could_again), (true, !also_today));
        let next = if also_today { "2026-12-02T08:00" } else { "2026-12-04T08:00" };
        assert_eq!(edited.next_at.unwrap().to_string()[..16], *next);
        run_until(&world, "2026-12-04T07:00:00Z");
        let wanted =
            if also_today { vec!["2026-12-02T01:00", next] } else { vec!["2026-12-02T01:00"] };
        assert_eq!(sent(&world), wanted);
        run_until(&world, "2026-12-04T09:00:00Z");
        assert_eq!(sent(&world).last().unwrap(), "2026-12-04T08:00");
    }
}

#[test]
fn an_edit_that_leaves_the_next_time_as_it_is_keeps_it() {
    let (world, id) = daily();
    let timing = Some(weekly("wed,thu", "08:00"));
    let edited = compose(&world, id, &Edit { timing, ..Edit::default() }).unwrap();
    assert_eq!(
        (edited.next_at.unwrap().to_string().as_str(), edited.today),
        ("2026-12-02T01:00:00Z", None)
    );
    assert_eq!(scheduled_at(&world, id), "2026-12-02T01:00:00Z");
    let at = Some(Timing::At(vec!["2026-12-02 08:00".to_owned()]));
    compose(&world, id, &Edit { timing: at, ..Edit::default() }).unwrap();
    assert_eq!(scheduled_at(&world, id), "2026-12-02T01:00:00Z");
    run_until(&world, "2026-12-05T00:00:00Z");
    assert_eq!(sent(&world), ["2026-12-02T01:00"]);
}

#[test]
fn message_edit_says_when_it_goes_out_next_and_that_todays_went_out() {
    let site = Site::new();
    let message = |arguments: &[&str]| {
        let output = site.run(&[&["message"], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    message(&["add", "Halo", "--to", "081200007001", "--weekly", "daily", "--time", "00:00"]);
    // Today's went out just after midnight.
    site.sql()
        .execute_batch(
            "UPDATE auto_messages SET taken_rule = interval_config, sent_count = 1,
                 taken_local = strftime('%Y-%m-%dT00:00:00', 'now', '+7 hours')",
        )
        .unwrap();
    let edit = ["edit", "1", "--weekly", "daily", "--time", "23:59"];
    let said = message(&edit);
    assert!(said.starts_with("message 1 is changed, it goes out next 2"), "{said}");
    assert!(said.contains(" 23:59 (Asia/Jakarta)\ntoday's of "), "{said}");
    assert!(said.contains("went out already; `--also-today` sends today again"), "{said}");
    let next = site
        .sqlite3("SELECT datetime(scheduled_at) > datetime('now', '+1 day') FROM auto_messages");
    let again = message(&[&edit[..], &["--also-today"]].concat());
    assert!(again.contains("today's of ") && !again.contains("--also-today"), "{again}");
    let today = site
        .sqlite3("SELECT datetime(scheduled_at) > datetime('now', '+1 day') FROM auto_messages");
    assert_eq!((next.trim(), today.trim()), ("1", "0"));
    let output = site.run(&["message", "edit", "1", "--text", "x", "--also-today"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_edit_in_the_panel_is_no_second_one_today_either() {
    let (world, id) = daily();
    run_until(&world, "2026-12-02T02:00:00Z");
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let fields = [
        ("text", "Halo"),
        ("to", "081200007001"),
        ("channel", "1"),
        ("when", "weekly"),
        ("day", "wed"),
        ("day", "fri"),
        ("time", "15:00"),
    ];
    let there = format!("/panel/messages/{id}");
    let preview = text(&browser.post(&panel, &format!("/panel/messages/preview?of={id}"), &fields));
    assert!(preview.contains("mulai Jum, 4 Des 2026, 15.00"), "{preview}");
    assert!(!preview.contains("2 Des 2026"), "{preview}");
    let reply = browser.post(&panel, &format!("{there}/edit"), &fields);
    let shown = header(&reply, "Location").unwrap_or_default().to_owned();
    assert!(shown.starts_with(&there), "{shown}: {}", text(&reply));
    let page = text(&browser.get(&panel, &shown));
    assert!(page.contains("Kiriman hari ini sudah dijalankan"), "{page}");
    run_until(&world, "2026-12-04T09:00:00Z");
    assert_eq!(sent(&world), ["2026-12-02T01:00", "2026-12-04T08:00"]);
}
