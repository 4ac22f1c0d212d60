//! Crashes, lateness, cancelling: what happens to a message that does not simply go out.

use std::time::Duration;

use auto_message_scheduler::clock::Timestamp;

use crate::world::World;

/// Puts a delivery into the state that a process leaves which dies after its claim.
fn die_after_the_claim(world: &World) {
    world.execute(
        "UPDATE deliveries SET status = 'sending', attempts = 1, text = 'Halo',
             claimed_at = '2026-12-01T01:00:00Z'
         WHERE id = (SELECT min(id) FROM deliveries WHERE status = 'pending')",
    );
}

#[test]
fn a_claim_that_outlived_its_process_is_unknown_and_is_never_sent_again() {
    let mut world = World::new();
    let id = world.message("081200007001, 081200007002");
    world.trigger();
    world.waha.set_status("default", "STOPPED"); // planned, and nothing sent
    world.step();
    die_after_the_claim(&world);
    world.waha.set_status("default", "WORKING");
    world.restart();
    let row = world.rows("SELECT status, error FROM deliveries ORDER BY id LIMIT 1").remove(0);
    assert!(row.starts_with("unknown|the program ended while this was being sent"), "{row}");
    world.run();
    assert_eq!(world.recipients(), ["6281200007002@c.us"]);
    assert_eq!(world.status(id), "sent");
    assert_eq!(world.ask("SELECT sent_count || unknown_count FROM auto_messages"), "11");
}

#[test]
fn a_channel_rests_a_whole_gap_after_a_crash_in_a_send() {
    let mut world = World::new();
    world.message("081200007001, 081200007002");
    world.trigger();
    world.waha.set_status("default", "STOPPED");
    world.step();
    die_after_the_claim(&world);
    world.waha.set_status("default", "WORKING");
    world.clock.pass(Duration::from_secs(100));
    world.restart();
    world.run();
    assert_eq!(world.received()[0].at.to_string(), "2026-12-01T01:02:40Z");
}

#[test]
fn a_message_whose_every_delivery_is_unknown_is_failed_and_says_how_many() {
    let world = World::new();
    let id = world.message("081200000500, 081300000500");
    world.run();
    assert_eq!(world.status(id), "sending", "it was not looked up yet");
    world.clock.pass(std::time::Duration::from_secs(211));
    world.run();
    assert_eq!(world.status(id), "failed");
    assert!(world.error(id).contains("2 unknown"), "{}", world.error(id));
}

#[test]
fn one_recipient_is_enough_for_sent_and_the_counts_tell_the_rest() {
    let world = World::new();
    let id = world.message("081200007001, 081200000400, 081200000502, 08-belum");
    world.run();
    let row = world.rows(
        "SELECT status, contact_count, sent_count, failed_count, skipped_count, unknown_count, error
         FROM auto_messages",
    );
    assert_eq!(row, ["sent|4|1|1|1|1|"]);
    assert_eq!(world.ask(&format!("SELECT sent_at FROM auto_messages WHERE id = {id}")).len(), 20);
}

#[test]
fn what_is_later_than_the_late_limit_expires_and_is_not_sent() {
    let world = World::new();
    let id = world.message("081200007001, 081200007002");
    world.clock.pass(Duration::from_hours(25));
    world.run();
    assert!(world.received().is_empty());
    assert_eq!(world.status(id), "failed");
    assert_eq!(world.rows("SELECT status FROM deliveries"), ["expired", "expired"]);
    assert_eq!(world.ask("SELECT failed_count FROM auto_messages"), "2");
}

#[test]
fn what_waits_on_a_held_channel_past_the_limit_expires() {
    let world = World::new();
    world.waha.set_status("default", "FAILED");
    let id = world.message("081200007001");
    world.run();
    assert_eq!(world.status(id), "sending");
    world.clock.pass(Duration::from_hours(25));
    world.run();
    assert_eq!(world.status(id), "failed");
    assert!(world.error(id).contains("1 expired"), "{}", world.error(id));
}

#[test]
fn what_is_late_by_exactly_the_limit_still_goes_out_and_a_second_later_it_fails() {
    for is_planned in [false, true] {
        for (late, status) in [("2026-12-02T01:00:00Z", "sent"), ("2026-12-02T01:00:01Z", "failed")]
        {
            let mut builder = World::builder();
            builder.in_memory = true;
            let world = builder.build();
            let id = world.message("081200007001");
            if is_planned {
                world.waha.set_status("default", "FAILED");
                world.run();
                world.waha.set_status("default", "WORKING");
            }
            let late = Timestamp::parse(late).unwrap();
            world.clock.pass(late.since(world.clock.wall()));
            world.run();
            assert_eq!(world.status(id), status, "planned before: {is_planned}, at {late}");
        }
    }
}

#[test]
fn after_downtime_what_is_not_too_late_goes_out_paced() {
    let world = World::new();
    world.message("081200007001, 081200007002");
    world.clock.pass(Duration::from_hours(23));
    world.run();
    assert_eq!(crate::world::gaps(&world.received()), [60]);
}

#[test]
fn cancelling_with_sqlite3_stops_what_has_not_gone_out() {
    let world = World::new();
    let id = world.message("081200007001, 081200007002, 081200007003");
    world.trigger();
    world.step_until_received(1);
    world.execute("UPDATE auto_messages SET status = 'cancelled'");
    world.run();
    assert_eq!(world.received().len(), 1);
    assert_eq!(world.status(id), "cancelled");
    assert_eq!(
        world.rows("SELECT status FROM deliveries ORDER BY id"),
        ["sent", "cancelled", "cancelled"]
    );
}

#[test]
fn a_cancelled_message_that_is_scheduled_again_goes_on_where_it_stopped() {
    let world = World::new();
    let id = world.message("081200007001, 081200007002");
    world.trigger();
    world.step_until_received(1);
    world.execute("UPDATE auto_messages SET status = 'cancelled'");
    world.run();
    world.execute("UPDATE auto_messages SET status = 'scheduled'");
    world.run();
    assert_eq!(world.recipients(), ["6281200007001@c.us", "6281200007002@c.us"]);
    assert_eq!(world.status(id), "sent");
}

#[test]
fn a_sent_message_set_to_scheduled_without_a_new_time_sends_nothing() {
    let world = World::new();
    let id = world.message("081200007001");
    world.run();
    world.execute("UPDATE auto_messages SET status = 'scheduled'");
    world.run();
    assert_eq!(world.received().len(), 1);
    assert_eq!(world.status(id), "sent");
}

#[test]
fn a_new_time_is_a_new_occurrence_for_everybody() {
    let world = World::new();
    world.message("081200007001");
    world.run();
    world.execute(
        "UPDATE auto_messages SET status = 'scheduled', scheduled_at = '2026-12-01 01:05'",
    );
    world.clock.pass(Duration::from_mins(10));
    world.run();
    assert_eq!(world.received().len(), 2);
}

#[test]
fn a_draft_waits_and_goes_on_as_sending() {
    let world = World::new();
    let id = world.message("081200007001, 081200007002");
    world.trigger();
    world.step_until_received(1);
    world.execute("UPDATE auto_messages SET status = 'draft'");
    world.run();
    assert_eq!(world.received().len(), 1);
    world.execute("UPDATE auto_messages SET status = 'sending'");
    world.run();
    assert_eq!((world.received().len(), world.status(id)), (2, "sent".to_owned()));
}

#[test]
fn deleting_a_message_takes_its_deliveries_along() {
    let world = World::new();
    world.message("081200007001, 081200007002");
    world.trigger();
    world.step_until_received(1);
    world.step_until_nothing_is_out();
    world.execute("DELETE FROM auto_messages");
    world.run();
    assert_eq!(world.received().len(), 1);
    assert_eq!(world.ask("SELECT count(*) FROM deliveries"), "0");
}

#[test]
fn deliveries_cancelled_one_by_one_settle_their_message() {
    let world = World::new();
    let id = world.message("081200007001, 081200007002");
    world.trigger();
    world.step_until_received(1);
    world.step_until_nothing_is_out();
    world.execute("UPDATE deliveries SET status = 'cancelled' WHERE status = 'pending'");
    world.run();
    assert_eq!(world.status(id), "sent");
}

#[test]
fn a_message_with_a_list_of_times_goes_out_at_each_of_them() {
    let world = World::new();
    world.execute(
        r#"INSERT INTO auto_messages (message, contact_ids, schedules, created_at)
           VALUES ('x', '081200007001', '[{"date":"2026-12-02","time":"9:00 AM"},
               {"date":"2026-12-01","time":"08.30"}]', '2026-12-01T01:00:00Z')"#,
    );
    world.run();
    let due = "SELECT status || ' ' || scheduled_at FROM auto_messages";
    assert_eq!(world.ask(due), "scheduled 2026-12-01T01:30:00Z");
    world.clock.pass(Duration::from_mins(31));
    world.run();
    assert_eq!(world.ask(due), "scheduled 2026-12-02T02:00:00Z");
    world.clock.pass(Duration::from_hours(25));
    world.run();
    assert_eq!(world.ask(due), "sent 2026-12-02T02:00:00Z");
    assert_eq!(
        world.rows("SELECT due_at, status FROM deliveries ORDER BY id"),
        ["2026-12-01T01:30:00Z|sent", "2026-12-02T02:00:00Z|sent"]
    );
}

#[test]
fn weekly_occurrences_missed_while_nothing_ran_expire_and_the_next_is_due_as_usual() {
    let world = World::new();
    world.execute(
        r#"INSERT INTO auto_messages (message, contact_ids, interval_config, created_at)
           VALUES ('x', '081200007001', '{"startDate":"2026-12-01","time":"09:00",
               "weekDays":["Selasa","Kamis"]}', '2026-12-01T01:00:00Z')"#,
    );
    world.run();
    world.clock.pass(Duration::from_hours(24 * 6)); // a Tuesday and a Thursday pass
    world.run();
    assert_eq!(
        world.rows("SELECT due_at, status FROM deliveries ORDER BY id"),
        ["2026-12-01T02:00:00Z|expired", "2026-12-03T02:00:00Z|expired",]
    );
    let next = world.rows("SELECT status, scheduled_at FROM auto_messages");
    assert_eq!(next, ["scheduled|2026-12-08T02:00:00Z"]);
}

#[test]
fn each_trigger_leaves_a_row_with_who_and_what() {
    let world = World::new();
    world.message("081200007001");
    let report = world.run();
    assert_eq!((report.messages.processed, report.messages.success, report.pending), (1, 1, 0));
    let rows = world.rows("SELECT trigger, remote, processed, success, failed, error FROM runs");
    assert_eq!(rows, ["cron|127.0.0.1|1|1|0|"]);
    assert_eq!(world.ask("SELECT count(*) FROM runs WHERE finished_at IS NULL"), "0");
}

#[test]
fn a_run_that_was_cut_off_is_closed_and_says_so() {
    let mut world = World::new();
    world.message("081200007001, 081200007002");
    world.trigger();
    world.step_until_received(1);
    world.restart();
    let error = world.ask("SELECT error FROM runs");
    assert_eq!(error, "the program ended during this run");
}

#[test]
fn runs_that_found_nothing_are_dropped_after_a_week() {
    let world = World::new();
    world.run();
    assert_eq!(world.ask("SELECT count(*) FROM runs"), "1");
    world.clock.pass(Duration::from_hours(24 * 8));
    world.run();
    assert_eq!(world.ask("SELECT count(*) FROM runs"), "1");
}

#[test]
fn a_paused_message_that_is_given_a_new_time_goes_to_everybody_once_at_that_time() {
    let world = World::new();
    world.message("081200007001, 081200007002, 081200007003");
    world.trigger();
    world.step_until_received(1);
    world.step_until_nothing_is_out();
    // One after the other, as a person types it.
    world.execute("UPDATE auto_messages SET status = 'draft'");
    world.execute("UPDATE auto_messages SET scheduled_at = '2026-12-01 01:10'");
    world.execute("UPDATE auto_messages SET status = 'scheduled'");
    world.clock.pass(Duration::from_mins(20));
    world.run();
    let later = world.recipients().split_off(1);
    assert_eq!(later, ["6281200007001@c.us", "6281200007002@c.us", "6281200007003@c.us"]);
    assert_eq!(world.ask("SELECT count(*) FROM deliveries WHERE status = 'pending'"), "0");
}

#[test]
fn replacing_the_row_of_a_message_does_not_erase_what_was_sent() {
    let world = World::new();
    let id = world.message("081200007001, 081200007002");
    world.trigger();
    world.step_until_received(1);
    world.step_until_nothing_is_out();
    for foreign_keys in ["ON", "OFF"] {
        world.execute(&format!(
            "PRAGMA foreign_keys = {foreign_keys};
             INSERT OR REPLACE INTO auto_messages (id, message, contact_ids, scheduled_at)
             VALUES ({id}, 'Halo', '081200007001, 081200007002', '2026-12-01 01:00')"
        ));
        world.run();
    }
    assert_eq!(world.recipients(), ["6281200007001@c.us", "6281200007002@c.us"]);
}

#[test]
fn a_delivery_in_flight_cannot_be_cancelled_or_set_to_pending_by_hand() {
    let world = World::new();
    world.message("081200007001");
    world.run();
    world.execute("UPDATE deliveries SET status = 'sending'");
    for status in ["cancelled", "pending", "skipped", "expired"] {
        let sql = format!("UPDATE deliveries SET status = '{status}'");
        let error = world.sql.execute(&sql, []).unwrap_err().to_string();
        assert!(error.contains("in flight"), "{status}: {error}");
    }
}

#[test]
fn what_was_sent_of_a_message_on_its_way_is_neither_deleted_nor_left_behind() {
    let world = World::new();
    let id = world.message("081200007001, 081200007002");
    world.trigger();
    world.step_until_received(1);
    world.step_until_nothing_is_out();
    for status in ["sending", "draft", "scheduled"] {
        world.execute(&format!("UPDATE auto_messages SET status = '{status}'"));
        for (sql, says) in [
            ("DELETE FROM deliveries", "from going out twice"),
            ("UPDATE deliveries SET due_at = '2026-12-01 00:00'", "all three stay"),
            ("UPDATE deliveries SET auto_message_id = 7", "all three stay"),
            ("UPDATE deliveries SET chat_id = '6281200007009@c.us'", "all three stay"),
            ("UPDATE auto_messages SET id = 7", "the id stays"),
            ("UPDATE auto_messages SET rowid = 7", "the id stays"),
        ] {
            let error = world.sql.execute(sql, []).unwrap_err().to_string();
            assert!(error.contains(says), "{status}: {sql}: {error}");
        }
    }
    world.run();
    assert_eq!(world.recipients(), ["6281200007001@c.us", "6281200007002@c.us"]);
    assert_eq!(world.status(id), "sent");
    // What has ended may be tidied up, and a message that is deleted takes its deliveries along.
    world.execute("DELETE FROM deliveries WHERE id = 1");
    world.execute("DELETE FROM auto_messages");
    assert_eq!(world.ask("SELECT count(*) FROM deliveries"), "0");
}

#[test]
fn a_schedule_does_not_reach_back_before_its_row_was_made_or_changed() {
    for created_at in ["2026-12-01 01:00:00", "garbage", "2020-01-01T00:00:00Z"] {
        let world = World::new();
        world.execute(&format!(
            r#"INSERT INTO auto_messages (message, contact_ids, interval_config, created_at, updated_at)
               VALUES ('x', '081200007001', '{{"time":"07:30","weekDays":[0,1,2,3,4,5,6]}}',
                   '{created_at}', '2026-12-01T01:00:00Z')"#
        ));
        world.run();
        let due = world.rows("SELECT status, scheduled_at FROM auto_messages");
        assert_eq!(due, ["scheduled|2026-12-02T00:30:00Z"], "{created_at}");
        assert!(world.received().is_empty());
    }
}

#[test]
fn a_draft_set_to_sending_before_it_was_planned_is_planned_at_its_time() {
    let world = World::new();
    world.execute(
        "INSERT INTO auto_messages (message, contact_ids, scheduled_at, status)
         VALUES ('x', '081200007001', '2026-12-01 02:00', 'draft')",
    );
    world.execute("UPDATE auto_messages SET status = 'sending'");
    world.run();
    assert_eq!(world.ask("SELECT status FROM auto_messages"), "scheduled");
    world.clock.pass(Duration::from_hours(1));
    world.run();
    assert_eq!(world.ask("SELECT status FROM auto_messages"), "sent");
}

#[test]
fn a_message_set_to_failed_by_hand_leaves_nothing_pending() {
    let world = World::new();
    world.message("081200007001, 081200007002");
    world.trigger();
    world.step_until_received(1);
    world.step_until_nothing_is_out();
    world.execute("UPDATE auto_messages SET status = 'failed'");
    assert_eq!(world.rows("SELECT status FROM deliveries ORDER BY id"), ["sent", "cancelled"]);
}

#[test]
fn a_text_that_cannot_be_read_any_more_stops_its_own_delivery_only() {
    let world = World::new();
    world.message("081200007001");
    world.message("081200007002");
    world.waha.set_status("default", "STOPPED");
    world.run();
    world.execute("UPDATE auto_messages SET message = CAST(x'ff41' AS TEXT) WHERE id = 1");
    world.execute("UPDATE auto_messages SET message = char(10) WHERE id = 3");
    world.waha.set_status("default", "WORKING");
    world.run();
    assert_eq!(world.recipients(), ["6281200007002@c.us"]);
    assert_eq!(world.rows("SELECT status FROM auto_messages"), ["failed", "sent"]);
}

#[test]
fn a_text_that_was_emptied_can_be_filled_in_and_sent() {
    let world = World::new();
    let id = world.message("081200007001");
    world.waha.set_status("default", "STOPPED");
    world.run();
    world.execute("UPDATE auto_messages SET message = char(10)");
    world.waha.set_status("default", "WORKING");
    world.run();
    assert!(world.received().is_empty());
    let error = world.ask("SELECT error FROM deliveries");
    assert!(error.contains("set status to scheduled"), "{error}");
    world.execute("UPDATE auto_messages SET message = 'Halo', status = 'scheduled'");
    world.run();
    assert_eq!((world.received().len(), world.status(id).as_str()), (1, "sent"));
}

#[test]
fn the_report_of_a_run_counts_skipped_and_expired() {
    let world = World::new();
    world.message("081200007001, belum");
    let deliveries = world.run().deliveries;
    assert_eq!((deliveries.sent, deliveries.skipped), (1, 1));
}
