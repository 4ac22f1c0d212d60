//! Planning a message to very many recipients, in portions: nothing of it goes out before all of it
//! is planned, whatever happens in between.

use std::time::Duration;

use auto_message_scheduler::messages::{self, Edit};

use crate::message_commands::store;
use crate::world::{World, config};

const SEVEN: &str = "081200007001, 081200007002, 081200007003, 081200007004, 081200007005, \
                     081200007006, 081200007007";

/// A world that plans two recipients at a time.
fn world() -> World {
    let mut builder = World::builder();
    builder.portion = 2;
    builder.build()
}

fn planned(world: &World) -> String {
    world.ask("SELECT group_concat(status || ' ' || chat_id, ', ') FROM (SELECT * FROM deliveries ORDER BY id)")
}

/// Lets the program plan two portions of the message, no more.
fn plan_a_part(world: &World) {
    world.trigger();
    world.step();
    world.step();
    assert_eq!(world.ask("SELECT count(*) FROM deliveries"), "4");
}

#[test]
fn what_comes_due_in_the_middle_of_a_pass_is_planned_by_the_trigger_that_came_with_it() {
    let world = world();
    world.message("081200007001");
    world.message("081200007002");
    world.trigger();
    world.step();
    assert_eq!(world.ask("SELECT count(*) FROM deliveries"), "1");
    let id = world.message("081200007003");
    world.trigger();
    for _ in 0..100 {
        world.step();
    }
    assert_eq!(world.status(id), "sent", "no third trigger was needed");
}

#[test]
fn each_recipient_of_many_gets_it_once() {
    let world = world();
    let id = world.message(SEVEN);
    let report = world.run();
    assert_eq!(report.deliveries.sent, 7);
    assert_eq!(world.recipients().len(), 7);
    assert_eq!(world.status(id), "sent");
    assert_eq!(world.ask("SELECT contact_count || ' ' || sent_count FROM auto_messages"), "7 7");
    assert_eq!(world.ask("SELECT count(*) FROM plannings"), "0");
}

#[test]
fn nothing_goes_out_before_the_last_recipient_is_planned() {
    let world = world();
    let id = world.message(SEVEN);
    plan_a_part(&world);
    assert_eq!(world.status(id), "scheduled");
    world.step();
    assert_eq!(world.ask("SELECT count(*) FROM deliveries"), "6");
    assert_eq!(world.received().len(), 0);
    world.step();
    assert_eq!(world.ask("SELECT count(*) FROM deliveries"), "7");
    assert_eq!(world.status(id), "sending");
}

#[test]
fn other_channels_send_while_a_message_to_many_is_planned() {
    let world = world();
    world.execute("INSERT INTO channels (id, name, session_name) VALUES (2, 'dua', 'dua')");
    world.message("081300007010");
    world.execute("UPDATE auto_messages SET channel_id = 2");
    world.trigger();
    world.step_until_received(1);
    world.message("081300007011");
    world.execute("UPDATE auto_messages SET channel_id = 2 WHERE id = 2");
    let many = world.message(SEVEN);
    world.clock.pass(Duration::from_mins(1));
    world.trigger();
    while world.received().len() < 2 {
        world.step();
    }
    assert_eq!(world.status(many), "scheduled", "{}", planned(&world));
}

#[test]
fn a_planning_that_was_cut_off_begins_anew() {
    let mut world = world();
    world.message(SEVEN);
    plan_a_part(&world);
    world.restart();
    let report = world.run();
    assert_eq!(report.deliveries.sent, 7);
    assert_eq!(world.recipients().len(), 7);
    assert_eq!(world.ask("SELECT count(*) FROM deliveries"), "7");
}

#[test]
fn a_planning_goes_on_while_others_write_what_does_not_concern_it() {
    let world = world();
    let id = world.message(SEVEN);
    world.trigger();
    for count in ["2", "4", "6", "7"] {
        world.step();
        assert_eq!(world.ask("SELECT count(*) FROM deliveries"), count);
        world.execute(&format!(
            "UPDATE auto_messages SET title = 'Judul {count}';
             INSERT INTO contacts (phone_number) VALUES ('08130000700{count}')"
        ));
    }
    assert_eq!(world.status(id), "sending");
}

#[test]
fn who_was_taken_out_after_a_planning_was_cut_off_gets_nothing() {
    let mut world = world();
    world.message(SEVEN);
    plan_a_part(&world);
    world.restart();
    world.execute("UPDATE auto_messages SET contact_ids = '081200007004, 081200007009'");
    world.run();
    assert_eq!(world.recipients(), ["6281200007004@c.us", "6281200007009@c.us"]);
    assert_eq!(planned(&world), "sent 6281200007004@c.us, sent 6281200007009@c.us");
}

#[test]
fn a_message_that_is_changed_while_it_is_planned_goes_to_whom_it_names_then() {
    let world = world();
    world.message(SEVEN);
    plan_a_part(&world);
    world.execute("UPDATE auto_messages SET contact_ids = '081200007006', message = 'Baru'");
    world.run();
    let received = world.received();
    assert_eq!(received.len(), 1);
    assert_eq!(
        (received[0].chat_id.as_str(), received[0].text.as_str()),
        ("6281200007006@c.us", "Baru")
    );
}

#[test]
fn a_message_that_is_cancelled_while_it_is_planned_goes_to_nobody() {
    let world = world();
    let id = world.message(SEVEN);
    plan_a_part(&world);
    world.execute("UPDATE auto_messages SET status = 'cancelled'");
    world.run();
    assert_eq!(world.received().len(), 0);
    assert_eq!(world.status(id), "cancelled");
    world.execute("UPDATE auto_messages SET status = 'scheduled'");
    assert_eq!(world.run().deliveries.sent, 7);
    assert_eq!(world.recipients().len(), 7);
}

#[test]
fn a_message_that_is_deleted_while_it_is_planned_leaves_nothing() {
    let world = world();
    world.message(SEVEN);
    plan_a_part(&world);
    world.execute("DELETE FROM auto_messages");
    world.run();
    assert_eq!(world.received().len(), 0);
    let left = "SELECT (SELECT count(*) FROM deliveries) + (SELECT count(*) FROM plannings)";
    assert_eq!(world.ask(left), "0");
}

#[test]
fn a_message_that_is_given_a_new_time_while_it_is_planned_goes_out_then() {
    let world = world();
    world.message(SEVEN);
    plan_a_part(&world);
    world.execute("UPDATE auto_messages SET scheduled_at = '2026-12-01 03:00'");
    world.run();
    assert_eq!(world.received().len(), 0);
    world.clock.pass(Duration::from_hours(2));
    assert_eq!(world.run().deliveries.sent, 7);
    assert_eq!(world.recipients().len(), 7);
}

#[test]
fn a_message_that_is_half_planned_is_planned_whole_whoever_says_that_it_is_being_sent() {
    for sql in [
        "UPDATE auto_messages SET status = 'sending'",
        "REPLACE INTO auto_messages (id, message, contact_ids, scheduled_at, status)
             SELECT id, message, contact_ids, scheduled_at, 'sending' FROM auto_messages",
    ] {
        let world = world();
        let id = world.message(SEVEN);
        plan_a_part(&world);
        world.execute(sql);
        assert_eq!(world.run().deliveries.sent, 7, "{sql}");
        assert_eq!((world.status(id), world.recipients().len()), ("sent".to_owned(), 7));
    }
}

#[test]
fn a_message_that_is_paused_while_it_is_planned_can_be_resumed_and_edited() {
    for is_edited in [false, true] {
        let world = world();
        let id = world.message(SEVEN);
        plan_a_part(&world);
        let now = world.clock.wall();
        messages::pause(&mut store(&world), id, now).unwrap();
        world.run();
        assert_eq!(world.received().len(), 0);
        if is_edited {
            let to = vec!["081200007001".to_owned(), "081200007009".to_owned()];
            let edit = Edit { to: Some(to), ..Edit::default() };
            messages::edit(&mut store(&world), id, &edit, &config(), now).unwrap();
        }
        messages::resume(&mut store(&world), id, &config(), now).unwrap();
        assert_eq!(world.status(id), "scheduled");
        let wanted = if is_edited { 2 } else { 7 };
        assert_eq!(world.run().deliveries.sent, wanted);
        assert_eq!(world.received().len() as u64, wanted);
    }
}

#[test]
fn who_asks_for_no_more_while_a_message_is_planned_gets_none() {
    let world = world();
    world.execute("INSERT INTO contacts (id, phone_number) VALUES (7, '0812-0000-7007')");
    world.message(SEVEN);
    plan_a_part(&world);
    world.execute("UPDATE contacts SET opted_out_at = '2026-12-01 01:00'");
    let report = world.run();
    assert_eq!((report.deliveries.sent, report.deliveries.skipped), (6, 1));
    assert!(!world.recipients().contains(&"6281200007007@c.us".to_owned()));
}

#[test]
fn a_planning_that_was_begun_is_finished_though_the_time_of_a_run_is_over() {
    let mut world = world();
    world.message(SEVEN);
    let clock = world.clock.clone();
    clock.pass_at_reading(12, Duration::from_secs(45));
    world.run_within(Duration::from_secs(50));
    assert_eq!(world.ask("SELECT count(*) FROM deliveries"), "7");
    assert_eq!(world.ask("SELECT status FROM auto_messages"), "sending");
}

#[test]
fn the_contacts_of_a_tag_are_planned_in_portions_too() {
    let world = world();
    for n in 1..=9 {
        let tags = if n % 3 == 0 { r#"["lain"]"# } else { r#"["Pelanggan"]"# };
        let out = if n == 4 { "'2026-11-01'" } else { "NULL" };
        world.execute(&format!(
            "INSERT INTO contacts (phone_number, tags, opted_out_at)
             VALUES ('08120000700{n}', '{tags}', {out})"
        ));
    }
    world.message("tag:pelanggan, 081300007010, tag:nobody");
    let report = world.run();
    assert_eq!((report.deliveries.sent, report.deliveries.skipped), (6, 2));
    let numbers = ["1", "2", "5", "7", "8"].map(|n| format!("628120000700{n}@c.us"));
    assert_eq!(world.recipients()[..5], numbers);
    assert_eq!(world.recipients()[5], "6281300007010@c.us");
    assert_eq!(
        world.ask(
            "SELECT count(*) FROM deliveries WHERE error LIKE '%no contact has the tag `nobody`%'"
        ),
        "1"
    );
}

#[test]
fn deliveries_of_before_stay_as_they_are_when_many_are_added() {
    let world = world();
    world.message("081200007001, 081200007002, 081200007003");
    world.trigger();
    world.step_until_received(1);
    world.execute("UPDATE auto_messages SET status = 'cancelled'");
    world.run();
    world.execute(&format!(
        "UPDATE auto_messages SET status = 'scheduled', contact_ids = '{SEVEN}'"
    ));
    world.run();
    let mut recipients = world.recipients();
    recipients.sort();
    recipients.dedup();
    assert_eq!((recipients.len(), world.received().len()), (7, 7));
}
