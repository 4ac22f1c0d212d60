//! What a restore makes of what may have been sent since the backup.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use auto_message_scheduler::backup::{self, BackupError};
use auto_message_scheduler::instance::Standing;
use auto_message_scheduler::lock::SenderLock;
use auto_message_scheduler::messages::{self, Retry};
use auto_message_scheduler::store::Store;
use auto_message_scheduler::store::StoreError;

use super::{THREE, assert_nobody_twice, damage};
use crate::world::{World, config};

#[test]
fn without_evidence_all_that_may_have_been_sent_since_is_unknown_and_nobody_gets_it_twice() {
    let mut world = World::new();
    world.settle_in();
    let planned = world.message(THREE);
    world.trigger();
    world.step_until_received(1);
    let due_later = world.message("081200007011, 081200007012, belum");
    world.execute("UPDATE auto_messages SET scheduled_at = '2026-12-01 02:00' WHERE id = 2");
    world.message("081200007021");
    world.execute("UPDATE auto_messages SET scheduled_at = '2026-12-01 09:00' WHERE id = 3");
    let file = world.backup("b");
    world.run();
    world.clock.pass(Duration::from_hours(2));
    world.run();
    assert_eq!(world.received().len(), 5, "all but the last one");
    world.lose_the_history();

    let restored = world.restore_and_run(&file);
    assert_eq!((restored.marked.unknown, restored.marked.sent, restored.pending), (4, 0, 0));
    assert!(!restored.has_evidence);
    assert_eq!(world.received().len(), 5, "nothing is sent again");
    assert_eq!(world.status(planned), "sent", "one had been sent before the backup");
    assert_eq!(
        world.ask("SELECT sent_count || unknown_count FROM auto_messages WHERE id = 1"),
        "12"
    );
    assert_eq!(
        world.ask("SELECT skipped_count || unknown_count FROM auto_messages WHERE id = 2"),
        "12"
    );
    assert_eq!(world.status(due_later), "failed");
    assert!(world.error(due_later).contains("2 unknown"), "{}", world.error(due_later));
    let row = world.rows("SELECT text, error FROM deliveries WHERE status = 'unknown' LIMIT 1");
    assert_eq!(
        row,
        ["Halo|a backup was restored: it may have been sent after the backup was made"]
    );

    world.clock.pass(Duration::from_hours(8));
    world.run();
    assert_eq!(world.received().len(), 6, "what was not due yet goes out");
    assert_nobody_twice(&world);
}

#[test]
fn the_database_until_now_tells_what_was_sent_and_the_rest_goes_out_once() {
    let mut world = World::new();
    world.settle_in();
    let id = world.message(&format!("{THREE}, 081200000400, 081200000502"));
    world.execute("UPDATE auto_messages SET scheduled_at = '2026-12-01 02:00'");
    let file = world.backup("b");
    world.clock.pass(Duration::from_hours(1));
    world.trigger();
    world.step_until_received(2);
    world.step_until_nothing_is_out();
    let sent = world
        .rows("SELECT chat_id, waha_message_id, finished_at FROM deliveries WHERE status = 'sent'");
    assert_eq!(sent.len(), 2);

    let restored = world.restore_and_run(&file);
    assert!(restored.has_evidence);
    assert_eq!((restored.marked.unknown, restored.marked.sent, restored.pending), (0, 2, 3));
    // The last one's answer was lost, and a look-up found it.
    assert_eq!(world.statuses(), ["sent", "sent", "sent", "failed", "sent"]);
    let kept = "SELECT chat_id, waha_message_id, finished_at FROM deliveries WHERE status = 'sent' ORDER BY id LIMIT 2";
    assert_eq!(world.rows(kept), sent);
    assert_nobody_twice(&world);
    assert_eq!(world.status(id), "sent");
    assert_eq!(
        world.ask("SELECT sent_count || failed_count || unknown_count FROM auto_messages"),
        "410"
    );
}

#[test]
fn a_message_that_was_deleted_since_may_have_been_sent() {
    let mut world = World::new();
    world.settle_in();
    let id = world.message(THREE);
    let file = world.backup("b");
    world.run();
    world.execute("DELETE FROM auto_messages");
    let restored = world.restore_and_run(&file);
    assert!(restored.has_evidence);
    assert_eq!((restored.marked.unknown, restored.pending), (3, 0));
    assert!(world.error(id).contains("3 unknown"), "{}", world.error(id));
    assert_eq!(world.received().len(), 3);
}

#[test]
fn what_was_planned_before_and_ended_since_is_taken_over_with_its_counts() {
    let mut world = World::new();
    world.settle_in();
    let id = world.message(THREE);
    world.trigger();
    world.waha.set_status("default", "STOPPED");
    world.step();
    let file = world.backup("b");
    world.waha.set_status("default", "WORKING");
    world.clock.pass(Duration::from_mins(10));
    world.run();
    let sent_at = world.ask("SELECT sent_at FROM auto_messages");
    world.execute("UPDATE deliveries SET status = 'sending' WHERE id = 2"); // as if it died there
    world.clock.pass(Duration::from_mins(10));

    let restored = world.restore_and_run(&file);
    assert_eq!((restored.marked.sent, restored.marked.unknown), (2, 1));
    // The unknown one had gone out, and a look-up found it.
    assert_eq!(world.statuses(), ["sent", "sent", "sent"]);
    assert_eq!(world.status(id), "sent");
    assert_eq!(world.ask("SELECT sent_count || unknown_count FROM auto_messages"), "30");
    assert_eq!(world.ask("SELECT sent_at FROM auto_messages"), sent_at);
    assert_eq!(world.received().len(), 3);
}

#[test]
fn an_unknown_delivery_that_was_found_sent_since_settles_its_message_anew() {
    let mut world = World::new();
    world.settle_in();
    let id = world.message("081200000500");
    world.run();
    world.clock.pass(Duration::from_mins(4));
    world.run();
    assert_eq!(world.status(id), "failed");
    let file = world.backup("b");
    world.execute("UPDATE deliveries SET status = 'sent', waha_message_id = 'AB', error = NULL");
    world.restore_and_run(&file);
    assert_eq!(
        world.rows("SELECT status, sent_count, unknown_count, error FROM auto_messages"),
        ["sent|1|0|"]
    );
    assert_eq!(world.ask("SELECT waha_message_id FROM deliveries"), "AB");
}

#[test]
fn what_was_sent_since_the_backup_counts_for_the_daily_limit() {
    let mut world = World::new();
    world.settle_in();
    let file = world.backup("b");
    world.message("081200007001, 081200007002");
    world.run();
    assert!(world.restore_and_run(&file).has_evidence);
    assert_eq!(world.rows("SELECT channel_id, day, claimed FROM channel_days"), ["1|2026-12-01|2"]);
}

#[test]
fn every_occurrence_of_a_weekly_message_since_the_backup_is_unknown_and_the_next_goes_out() {
    let mut world = World::new();
    world.execute(
        r#"INSERT INTO auto_messages (message, contact_ids, interval_config, created_at, updated_at)
           VALUES ('x', '081200007001', '{"startDate":"2026-12-01","time":"09:00",
               "weekDays":["Selasa","Kamis"]}', '2026-12-01T01:00:00Z', '2026-12-01T01:00:00Z')"#,
    );
    let file = world.backup("b");
    for _ in 0..6 {
        world.run();
        world.clock.pass(Duration::from_hours(24));
    }
    world.run();
    assert_eq!(world.received().len(), 2);
    world.lose_the_history();
    world.restore_and_run(&file);
    assert_eq!(
        world.rows("SELECT due_at, status FROM deliveries ORDER BY due_at"),
        ["2026-12-01T02:00:00Z|unknown", "2026-12-03T02:00:00Z|unknown"],
        "not expired: they were sent in time"
    );
    assert_eq!(
        world.rows("SELECT status, scheduled_at FROM auto_messages"),
        ["scheduled|2026-12-08T02:00:00Z"]
    );
    world.clock.pass(Duration::from_hours(24));
    world.run();
    assert_eq!(world.received().len(), 3);
}

#[test]
fn what_was_too_late_already_when_the_backup_was_made_is_expired_and_not_unknown() {
    let mut world = World::new();
    world.message("081200007001");
    world.clock.pass(Duration::from_hours(25));
    let file = world.backup("b");
    world.lose_the_history();
    world.clock.pass(Duration::from_hours(48));
    world.restore_and_run(&file);
    assert_eq!(world.statuses(), ["expired"]);
}

#[test]
fn a_plain_copy_without_a_time_leaves_nothing_for_unsent() {
    let mut world = World::new();
    world.message("081200007001");
    let file = world.backup("b");
    let copy = rusqlite::Connection::open(&file).unwrap();
    copy.execute("DELETE FROM meta", []).unwrap();
    drop(copy);
    world.clock.pass(Duration::from_hours(24 * 400));
    let restored = world.restore_and_run(&file);
    assert_eq!(restored.made_at, None);
    assert_eq!(world.statuses(), ["unknown"]);
}

#[test]
fn a_message_that_cannot_be_planned_any_more_says_that_it_may_have_been_sent() {
    let mut world = World::new();
    let id = world.message("081200007001");
    world.execute("UPDATE channels SET is_active = 0");
    let file = world.backup("b");
    world.lose_the_history();
    let restored = world.restore_and_run(&file);
    assert_eq!(restored.failed_messages, 1);
    let error = world.error(id);
    assert!(error.contains("is not active") && error.contains("may have been sent"), "{error}");
}

#[test]
fn holds_and_opt_outs_since_the_backup_outlive_it_and_every_channel_rests_a_gap() {
    let world = World::new();
    world.settle_in();
    world.execute(
        "INSERT INTO contacts (id, phone_number) VALUES (1, '081200007001'), (2, '081200007002');
         INSERT INTO channels (id, name, session_name) VALUES (2, 'second', 'second')",
    );
    let file = world.backup("b");
    world.message("1, 2");
    world.execute(
        "UPDATE contacts SET opted_out_at = '2026-12-01' WHERE id = 1;
         UPDATE channels SET held_reason = '429', held_kind = 'rate_limited',
             held_until = '2026-12-01T05:00:00Z' WHERE id = 2;
         UPDATE channels SET ready_at = NULL",
    );
    let restored = world.try_to_restore(&file).unwrap();
    assert_eq!(restored.lost_messages, 1);
    assert_eq!(world.rows("SELECT opted_out_at IS NULL FROM contacts"), ["0", "1"]);
    assert_eq!(
        world.rows("SELECT ready_at, held_kind FROM channels"),
        ["2026-12-01T01:01:00Z|", "2026-12-01T01:01:00Z|rate_limited"]
    );
}

#[test]
fn a_restore_keeps_the_database_until_now_and_that_one_can_be_restored_too() {
    let mut world = World::new();
    world.settle_in();
    world.message("081200007001");
    let file = world.backup("b");
    world.run();
    let second = world.message("081200007002");
    let restored = world.restore_and_run(&file);
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "1");
    let before = restored.before.unwrap();
    assert_eq!(before, world.file("test.db.before-restore-2026-12-01T010000Z"));
    let undone = world.restore_and_run(&before);
    assert!(!undone.has_evidence, "a restore begins a new history");
    assert_eq!(world.status(second), "failed");
    assert_nobody_twice(&world);
}

#[test]
fn a_restore_is_refused_while_somebody_sends_and_of_files_that_are_not_fit() {
    let world = World::new();
    let file = world.backup("b");
    let refused = |file: &Path, part: &str| {
        let error = world.try_to_restore(file).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    let lock = SenderLock::try_take(&world.path).unwrap().unwrap();
    refused(&file, "is being used to send");
    drop(lock);

    refused(&world.path, "is the database itself");
    refused(&world.file("none"), "failed to read");
    fs::write(world.file("text"), "a text that is long enough to be looked at".repeat(30)).unwrap();
    refused(&world.file("text"), "is no database of this program");
    fs::write(world.file("empty"), "").unwrap();
    refused(&world.file("empty"), "is no database of this program");
    let foreign = rusqlite::Connection::open(world.file("foreign")).unwrap();
    foreign.execute("CREATE TABLE x (y)", []).unwrap();
    refused(&world.file("foreign"), "is no database of this program");
    let newer = rusqlite::Connection::open(&file).unwrap();
    newer
        .execute("UPDATE refinery_schema_history SET version = 999 WHERE version = 1", [])
        .unwrap();
    refused(&file, "from a newer version");
    world.message(THREE);
    world.run();
    let copy = world.backup("c");
    let mut bytes = fs::read(&copy).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(7);
    fs::write(&copy, bytes).unwrap();
    refused(&copy, "damaged");
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "1");
    assert!(world.others().iter().all(|name| !name.contains("restor")), "{:?}", world.others());
}

#[test]
fn a_damaged_database_is_moved_aside_with_its_wal_and_what_it_knew_is_unknown() {
    let mut world = World::new();
    world.message(THREE);
    let file = world.backup("b");
    world.run();
    assert_eq!(world.received().len(), 3);
    damage(&world);
    world.stop();
    let restored = world.try_to_restore(&file).unwrap();
    assert_eq!((restored.marked.unknown, restored.has_evidence), (3, false));
    assert!(restored.before.unwrap().exists());
    for side in ["test.db-wal", "test.db-shm"] {
        assert!(!world.file(side).exists(), "{side} of the old database beside the new one");
    }
    world.start();
    assert_eq!(world.settle_in(), Standing::AtHome);
    world.run();
    assert_eq!(world.received().len(), 3);
    assert_eq!(world.ask("SELECT integrity_check FROM pragma_integrity_check"), "ok");
}

#[test]
fn what_the_database_until_now_has_pruned_is_no_proof_that_it_was_not_sent() {
    let mut world = World::new();
    world.settle_in();
    let id = world.message("081200007001, 081200007002");
    world.execute(
        "UPDATE auto_messages SET interval_config =
             '{\"startDate\":\"2026-12-01\",\"time\":\"08:00\",\"weekDays\":[2]}'",
    );
    world.waha.set_status("default", "STOPPED"); // planned, and nothing sent
    world.trigger();
    world.step();
    let file = world.backup("b");
    world.waha.set_status("default", "WORKING");
    world.clock.pass(Duration::from_mins(30));
    for _ in 0..3 {
        world.run();
        world.clock.pass(Duration::from_hours(7 * 24));
    }
    assert_eq!(world.received().len(), 6);
    assert_eq!(crate::prune::prune(&world, 15), (0, 2));
    // As if it had never been planned.
    world.execute(&format!(
        "UPDATE auto_messages SET scheduled_at = '2026-12-01 01:00' WHERE id = {id}"
    ));
    let restored = world.restore_and_run(&file);
    assert!(restored.has_evidence);
    let first = "SELECT status FROM deliveries WHERE due_at = '2026-12-01T01:00:00Z'";
    assert_eq!(world.rows(first), ["unknown", "unknown"]);
    assert_eq!(world.received().len(), 8, "the week that was due meanwhile");
}

#[test]
fn no_stale_wal_stays_beside_a_restored_database() {
    let mut world = World::new();
    let file = world.backup("b");
    world.stop();
    fs::write(&world.path, "no database any more").unwrap();
    fs::write(world.file("test.db-wal"), "stale").unwrap();
    let restored = world.try_to_restore(&file).unwrap();
    assert!(!world.file("test.db-wal").exists());
    let before = restored.before.unwrap();
    assert_eq!(fs::read_to_string(&before).unwrap(), "no database any more");
    let wal = before.with_file_name("test.db.before-restore-2026-12-01T010000Z-wal");
    assert_eq!(fs::read_to_string(wal).unwrap(), "stale");
    world.start();
}

#[test]
fn a_backup_is_restored_where_there_is_no_database() {
    let mut world = World::new();
    world.message(THREE);
    let file = world.backup("b");
    world.stop();
    fs::remove_file(&world.path).unwrap();
    let restored = world.try_to_restore(&file).unwrap();
    assert_eq!(restored.before, None);
    world.start();
    assert_eq!(world.statuses(), ["unknown"; 3]);
    assert_eq!(world.settle_in(), Standing::AtHome);
}

#[test]
fn what_is_written_while_a_restore_prepares_is_not_lost() {
    let world = World::new();
    let file = world.backup("b");
    let present = Store::open_as_is(&world.path).unwrap().unwrap();
    let version = present.data_version().unwrap();
    let new = Store::open_as_is(&file).unwrap().unwrap();
    world.message("081200007001");
    let error = present.replace_content(&new, version).unwrap_err();
    assert!(matches!(error, StoreError::Changed { .. }), "{error}");
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "1");
    present.replace_content(&new, present.data_version().unwrap()).unwrap();
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "0");
}

#[test]
fn what_is_being_written_when_a_restore_begins_is_not_lost() {
    let world = World::new();
    let file = world.backup("b");
    let present = Store::open_as_is(&world.path).unwrap().unwrap();
    let version = present.data_version().unwrap();
    let new = Store::open_as_is(&file).unwrap().unwrap();
    world.execute("BEGIN IMMEDIATE");
    world.message("081200007001");
    let error = thread::scope(|scope| {
        let restore = scope.spawn(move || present.replace_content(&new, version).unwrap_err());
        // It waits for the lock by then; when it does not yet, it finds the message all the same.
        thread::sleep(Duration::from_millis(300));
        world.execute("COMMIT");
        restore.join().unwrap()
    });
    assert!(matches!(error, StoreError::Changed { .. }), "{error}");
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "1");
}

#[test]
fn a_database_without_a_wal_is_replaced_unless_somebody_wrote_meanwhile() {
    let mut world = World::new();
    let file = world.backup("b");
    world.stop();
    world.sql = rusqlite::Connection::open(&world.path).unwrap();
    assert_eq!(world.rows("PRAGMA journal_mode = DELETE"), ["delete"]);
    let present = Store::open_as_is(&world.path).unwrap().unwrap();
    let version = present.data_version().unwrap();
    let new = Store::open_as_is(&file).unwrap().unwrap();
    world.message("081200007001");
    let error = present.replace_content(&new, version).unwrap_err();
    assert!(matches!(error, StoreError::Changed { .. }), "{error}");
    present.replace_content(&new, present.data_version().unwrap()).unwrap();
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "0");
}

#[test]
fn a_number_that_was_confirmed_and_a_hidden_one_that_said_stop_since_the_backup_stay_so() {
    let mut world = World::new();
    world.settle_in();
    world.execute("UPDATE channels SET phone_number = '+6281200000001'");
    let file = world.backup("b");
    world.execute(
        "UPDATE channels SET phone_number = '+15550000001';
         INSERT INTO hidden_numbers (lid, session_name, opted_out_at)
             VALUES ('99@lid', 'default', '2026-12-01T01:00:00Z')",
    );
    assert!(world.restore_and_run(&file).has_evidence);
    assert_eq!(world.ask("SELECT phone_number FROM channels"), "+15550000001");
    world.clock.pass(Duration::from_hours(1));
    world.message("99@lid, 081200007001");
    world.run();
    assert_eq!(world.recipients(), ["6281200007001@c.us"]);
}

#[test]
fn whoever_said_stop_since_the_backup_stays_out_also_when_nobody_knew_them_then() {
    let mut world = World::new();
    world.settle_in();
    world.execute(
        "INSERT INTO hidden_numbers (lid, session_name) VALUES ('99@lid', 'default');
         INSERT INTO contacts (id, phone_number) VALUES (1, '+6281200007002')",
    );
    world.message("081200007001, 081200007002, 99@lid, 081200007003");
    world.execute("UPDATE auto_messages SET scheduled_at = '2026-12-01 02:00'");
    let file = world.backup("b");
    world.execute(
        "DELETE FROM contacts;
         INSERT INTO contacts (name, phone_number, opted_out_at)
             VALUES ('Budi', '+6281200007001', '2026-12-01'), (NULL, '+6281200007002', '2026-12-01');
         UPDATE hidden_numbers SET opted_out_at = '2026-12-01'",
    );
    assert!(world.restore_and_run(&file).has_evidence);
    world.clock.pass(Duration::from_hours(1));
    world.run();
    assert_eq!(world.recipients(), ["6281200007003@c.us"]);
    assert_eq!(
        world.rows(
            "SELECT name, phone_number FROM contacts WHERE opted_out_at IS NOT NULL ORDER BY 2"
        ),
        ["Budi|+6281200007001", "|+6281200007002"]
    );
}

#[test]
fn what_was_moved_and_sent_since_the_backup_is_not_sent_again() {
    let mut world = World::new();
    world.settle_in();
    let list = |hour: &str| format!(r#"[{{"date":"2026-12-01","time":"{hour}:00"}}]"#);
    let rule =
        |hour: &str| format!(r#"{{"startDate":"2026-12-01","time":"{hour}:00","weekDays":[2]}}"#);
    world.message("081200007001, 081200007002"); // once, at ten
    world.message("081200007003"); // every Tuesday at eleven
    world.message("081200007004"); // by a list, at eleven
    world.message("081200007005"); // once, at ten, and left alone
    world.execute(&format!(
        "UPDATE auto_messages SET scheduled_at = '2026-12-01 03:00' WHERE id IN (1, 4);
         UPDATE auto_messages SET scheduled_at = NULL, interval_config = '{}' WHERE id = 2;
         UPDATE auto_messages SET scheduled_at = NULL, schedules = '{}' WHERE id = 3",
        rule("11"),
        list("11")
    ));
    world.run();
    let file = world.backup("b");
    world.execute(&format!(
        "UPDATE auto_messages SET scheduled_at = '2026-12-01 01:00' WHERE id = 1;
         UPDATE auto_messages SET interval_config = '{}' WHERE id = 2;
         UPDATE auto_messages SET schedules = '{}' WHERE id = 3",
        rule("09"),
        list("09")
    ));
    world.clock.pass(Duration::from_hours(1));
    world.run();
    assert_eq!(world.received().len(), 4);

    assert!(world.restore_and_run(&file).has_evidence);
    world.clock.pass(Duration::from_hours(2));
    world.run();
    assert_eq!(world.received().len(), 5, "only the one that was left alone");
    assert_nobody_twice(&world);
    for id in [1, 3] {
        assert_eq!(world.status(id), "draft");
        assert!(world.error(id).contains("since it was made this was sent"), "{}", world.error(id));
    }
    assert_eq!(
        world.rows("SELECT status, scheduled_at FROM auto_messages WHERE id = 2"),
        ["scheduled|2026-12-08T04:00:00Z"]
    );
}

#[test]
fn who_was_tried_again_since_the_backup_is_not_failed_and_a_draft_that_went_out_says_so() {
    let mut world = World::new();
    world.settle_in();
    let id = world.message("081200007001, 081200000400, 081200000413");
    let draft = world.message("081200007002");
    world.execute(&format!("UPDATE auto_messages SET status = 'draft' WHERE id = {draft}"));
    world.run();
    let file = world.backup("b");
    world.clock.pass(Duration::from_mins(10));
    let retry = |world: &World| {
        let mut store = Store::open(&world.path).unwrap();
        let now = world.clock.wall();
        messages::retry(&mut store, id, Retry::default(), None, &config(), now).unwrap()
    };
    retry(&world);
    // As if WAHA took it this time.
    world.execute(
        "UPDATE deliveries SET status = 'sending', attempts = 1, text = 'Halo', claimed_at = '2026-12-01T01:11:00Z'
         WHERE status = 'pending' AND chat_id LIKE '%0400@%';
         UPDATE deliveries SET status = 'sent', waha_message_id = 'A', finished_at = '2026-12-01T01:11:00Z'
         WHERE status = 'sending'",
    );
    world.execute(&format!("UPDATE auto_messages SET status = 'scheduled' WHERE id = {draft}"));
    world.run();
    let counts = "SELECT status, scheduled_at, contact_count, sent_count, failed_count FROM auto_messages WHERE id = 1";
    let before = world.rows(counts);
    assert!(before[0].starts_with("sent|") && before[0].ends_with("|3|2|1"), "{before:?}");
    let received = world.received().len();

    let restored = world.restore_and_run(&file);
    assert_eq!((restored.marked.unknown, restored.marked.sent), (0, 1));
    assert_eq!(world.rows(counts), before);
    assert_eq!(retry(&world).pending, 1, "only who failed again");
    assert_eq!(world.status(draft), "draft");
    assert!(world.error(draft).contains("since it was made this was sent"));
    assert_eq!(world.received().len(), received, "nothing goes out by itself");
}

#[test]
fn who_was_tried_again_at_a_new_number_since_the_backup_is_not_sent_it_once_more() {
    let mut world = World::new();
    world.settle_in();
    world
        .execute("INSERT INTO contacts (id, name, phone_number) VALUES (1, 'K', '+6281200000400')");
    let id = world.message("[1]");
    world.run();
    assert_eq!(world.status(id), "failed");
    let file = world.backup("b");
    let correct = |world: &World| {
        world.execute("UPDATE contacts SET phone_number = '+6281200007001' WHERE id = 1");
        let mut store = Store::open(&world.path).unwrap();
        messages::retry(&mut store, id, Retry::default(), None, &config(), world.clock.wall())
    };
    world.clock.pass(Duration::from_mins(10));
    correct(&world).unwrap();
    world.run();
    assert_eq!(world.status(id), "sent");
    assert!(world.restore_and_run(&file).has_evidence);
    assert_eq!(world.status(id), "sent");
    world.clock.pass(Duration::from_mins(10));
    drop(correct(&world));
    world.run();
    assert_nobody_twice(&world);
}

#[test]
fn what_failed_and_was_sent_at_a_new_time_since_the_backup_says_so() {
    let mut world = World::new();
    world.settle_in();
    let id = world.message("081200000400");
    world.run();
    assert_eq!(world.status(id), "failed");
    let file = world.backup("b");
    world.clock.pass(Duration::from_mins(10));
    world.execute(
        "UPDATE auto_messages SET contact_ids = '081200007001', scheduled_at = '2026-12-01 01:05', status = 'scheduled'",
    );
    world.run();
    assert_eq!(world.status(id), "sent");
    assert!(world.restore_and_run(&file).has_evidence);
    assert_eq!(world.status(id), "draft");
    assert!(world.error(id).contains("since it was made this was sent"), "{}", world.error(id));
}

/// Messages that went out after the backup are not due yet by such a clock, and would go out again.
#[test]
fn a_backup_of_a_later_time_than_the_clocks_is_not_restored_before_the_clock_is_right() {
    let mut world = World::new();
    world.message(THREE);
    let file = world.backup("b");
    world.stop();
    fs::remove_file(&world.path).unwrap();
    let made_at = world.clock.wall();
    world.clock.set("2026-12-01T00:00:00Z");
    let Err(BackupError::ClockBehind { made_at: told, .. }) = world.try_to_restore(&file) else {
        panic!("it was restored");
    };
    assert_eq!(told, made_at);
    assert!(!world.path.exists());
    // As `--clock-is-right` does.
    backup::restore(&world.path, &file, &config(), made_at).unwrap();
    world.start();
    assert_eq!(world.statuses(), ["unknown"; 3]);
}
