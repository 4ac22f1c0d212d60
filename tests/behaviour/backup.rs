//! Backups, restoring one, and copies: none of them sends anything twice.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use auto_message_scheduler::backup::{self, BackupError, RestoreRules, Restored};
use auto_message_scheduler::clock::Clock;
use auto_message_scheduler::lock::SenderLock;
use auto_message_scheduler::pace::Gap;
use auto_message_scheduler::place::{self, Standing};
use auto_message_scheduler::planner::PlanRules;
use auto_message_scheduler::recipient::CountryCode;
use auto_message_scheduler::schedule::Zone;
use auto_message_scheduler::store::{Store, StoreError};

use crate::world::World;

const THREE: &str = "081200007001, 081200007002, 081200007003";

impl World {
    fn file(&self, name: &str) -> PathBuf {
        self.path.with_file_name(name)
    }

    fn backup(&self, name: &str) -> PathBuf {
        let path = self.file(name);
        backup::backup(&self.path, &path, None, self.clock.now().wall).unwrap();
        path
    }

    /// As a start of the program: the database is at home from now on.
    fn settle_in(&self) -> Standing {
        let mut store = Store::open(&self.path).unwrap();
        place::check(&mut store, self.clock.now().wall).unwrap()
    }

    fn try_to_restore(&self, file: &Path) -> Result<Restored, BackupError> {
        let rules = RestoreRules {
            plan: PlanRules {
                late_limit: Duration::from_hours(24),
                zone: Zone::parse("Asia/Jakarta").unwrap(),
                country: CountryCode::parse("62").unwrap(),
            },
            gap: Gap { delay: Duration::from_mins(1), jitter: Duration::ZERO },
        };
        backup::restore(&self.path, file, &rules, self.clock.now().wall)
    }

    /// Restores, starts the program anew and lets it send whatever it wants for two days.
    fn restore_and_run(&mut self, file: &Path) -> Restored {
        let restored = self.try_to_restore(file).unwrap();
        self.restart();
        assert_eq!(self.settle_in(), Standing::AtHome);
        self.run();
        self.clock.pass(Duration::from_hours(1));
        self.run();
        restored
    }

    fn statuses(&self) -> Vec<String> {
        self.rows("SELECT status FROM deliveries ORDER BY due_at, id")
    }

    /// Forgets where the database was, as if its file were from another world: no evidence.
    fn lose_the_history(&self) {
        self.execute("UPDATE meta SET value = 'another' WHERE key = 'history_id'");
    }

    /// Goes on with a plain copy of the database.
    fn move_to_a_copy(&mut self) {
        self.stop();
        let copy = self.file("copy.db");
        fs::copy(&self.path, &copy).unwrap();
        self.path = copy;
        self.start();
    }

    /// The names beside the database that are not its own.
    fn others(&self) -> Vec<String> {
        let own = ["test.db", "test.db-wal", "test.db-shm", "test.db.lock"];
        let names = fs::read_dir(self.path.parent().unwrap()).unwrap();
        let mut names: Vec<String> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !own.contains(&name.as_str()))
            .collect();
        names.sort();
        names
    }
}

fn assert_nobody_twice(world: &World) {
    let mut recipients = world.recipients();
    recipients.sort();
    let all = recipients.len();
    recipients.dedup();
    assert_eq!(recipients.len(), all, "somebody got it twice: {:?}", world.recipients());
}

#[test]
fn a_backup_is_one_private_checked_file_that_says_when_it_was_made() {
    let world = World::new();
    world.message(THREE);
    world.trigger();
    world.step_until_received(1);
    let made = backup::backup(&world.path, &world.file("b"), None, world.clock.now().wall).unwrap();
    assert_eq!((made.contents.messages, made.contents.deliveries), (1, 3));
    assert_eq!(world.others(), ["b"], "nothing else is left");
    let metadata = fs::metadata(&made.path).unwrap();
    assert_eq!(metadata.len(), made.bytes);
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777, 0o600);
    let copy = rusqlite::Connection::open(&made.path).unwrap();
    let ask = |sql: &str| copy.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(ask("PRAGMA integrity_check"), "ok");
    assert_eq!(ask("PRAGMA journal_mode"), "delete");
    assert_eq!(ask("SELECT value FROM meta WHERE key = 'backup_made_at'"), crate::world::START);
    assert_eq!(world.ask("SELECT count(*) FROM meta WHERE key = 'backup_made_at'"), "0");
    world.run();
    assert_eq!(world.received().len(), 3, "the live database goes on");
}

#[test]
fn keep_removes_only_older_backups_of_that_very_name() {
    let world = World::new();
    let base = world.file("shop");
    let keep = NonZeroUsize::new(2);
    for name in ["shop.2026-12-01T0100000Z", "shop.old", "shops.2020-12-01T010000Z", "shop"] {
        fs::write(world.file(name), "mine").unwrap();
    }
    fs::write(world.file("shop.2020-12-01T010000Z"), "").unwrap();
    for _ in 0..3 {
        world.clock.pass(Duration::from_hours(1));
        backup::backup(&world.path, &base, keep, world.clock.now().wall).unwrap();
    }
    // Newer than the clock, because the clock was set back: still not the one that goes.
    world.clock.set("1970-01-01T00:00:00Z");
    let made = backup::backup(&world.path, &base, keep, world.clock.now().wall).unwrap();
    assert!(made.path.exists());
    assert_eq!(
        world.others(),
        [
            "shop",
            "shop.1970-01-01T000000Z",
            "shop.2026-12-01T0100000Z",
            "shop.2026-12-01T040000Z",
            "shop.old",
            "shops.2020-12-01T010000Z"
        ]
    );
}

#[test]
fn a_backup_is_never_put_over_the_database_or_over_what_is_no_backup() {
    let world = World::new();
    let env = world.file("shop.env");
    fs::write(&env, "WAHA_API_KEY=x").unwrap();
    fs::hard_link(&world.path, world.file("link.db")).unwrap();
    let other = world.file("other.db");
    let live = Store::open(&other).unwrap();
    for target in ["test.db", "test.db-wal", "link.db", "shop.env", "other.db"] {
        let target = world.file(target);
        let error = backup::backup(&world.path, &target, None, world.clock.now().wall).unwrap_err();
        assert!(error.to_string().contains("give another name"), "{error}");
    }
    assert_eq!(fs::read_to_string(&env).unwrap(), "WAHA_API_KEY=x");
    drop(live);
    world.backup("other.db"); // closed, it is a backup like any other
    let missing = world.file("none.db");
    let error = backup::backup(&missing, &env, None, world.clock.now().wall).unwrap_err();
    assert!(error.to_string().contains("no backup"), "{error}");
    let error = backup::backup(&missing, &world.file("x"), None, world.clock.now().wall);
    assert!(error.unwrap_err().to_string().contains("there is no database"));
    assert!(!missing.exists());
}

#[test]
fn a_damaged_database_is_not_made_a_backup() {
    let world = World::new();
    world.message(THREE);
    world.run();
    let good = world.backup("b");
    let before = fs::read(&good).unwrap();
    damage(&world);
    let error = backup::backup(&world.path, &good, None, world.clock.now().wall).unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
    assert_eq!(fs::read(&good).unwrap(), before, "the older backup is as it was");
    assert_eq!(world.others(), ["b"]);
}

/// Overwrites the pages of the deliveries' unique index.
fn damage(world: &World) {
    let page: u64 = world
        .ask("SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_deliveries_1'")
        .parse()
        .unwrap();
    world.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    // A second process, because a descriptor of our own would drop SQLite's locks when it is closed.
    let command = format!(
        "dd if=/dev/zero of='{}' bs=4096 seek={} count=1 conv=notrunc status=none",
        world.path.display(),
        page - 1
    );
    assert!(std::process::Command::new("sh").args(["-c", &command]).status().unwrap().success());
}

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
    while world.ask("SELECT count(*) FROM deliveries WHERE status = 'sending'") != "0" {
        world.step();
    }
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
    let id = world.message("081200000502");
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
    assert_eq!(world.rows("SELECT * FROM channel_days"), ["1|2026-12-01|2"]);
}

#[test]
fn every_occurrence_of_a_weekly_message_since_the_backup_is_unknown_and_the_next_goes_out() {
    let mut world = World::new();
    world.execute(
        r#"INSERT INTO auto_messages (message, contact_ids, interval_config, created_at)
           VALUES ('x', '081200007001', '{"startDate":"2026-12-01","time":"09:00",
               "weekDays":["Selasa","Kamis"]}', '2026-12-01T01:00:00Z')"#,
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
fn a_copy_sends_nothing_until_its_place_is_confirmed() {
    let mut world = World::new();
    world.execute(
        "INSERT INTO channels (id, name, session_name, held_reason, held_kind, held_until) VALUES
             (2, 'mine', 'b', 'holiday', NULL, NULL),
             (3, 'limited', 'c', '429', 'rate_limited', '2026-12-01T05:00:00Z'),
             (4, 'later', 'd', NULL, NULL, NULL)",
    );
    assert_eq!(world.settle_in(), Standing::AtHome);
    world.message("081200007001");
    world.move_to_a_copy();
    assert_eq!(world.settle_in(), Standing::Held { newly: true });
    assert_eq!(world.settle_in(), Standing::Held { newly: false });
    world.run();
    world.clock.pass(Duration::from_hours(10));
    world.run();
    assert!(world.received().is_empty());
    let held = world.rows("SELECT held_reason, held_kind FROM channels ORDER BY id");
    assert!(held[0].starts_with("this database was copied from another place"), "{}", held[0]);
    assert!(held[0].contains("confirm-place") && held[0].ends_with('|'), "{}", held[0]);
    assert_eq!(held[1], "holiday|");
    assert_eq!((&held[2], &held[3]), (&held[0], &held[0]));
    world.execute("UPDATE channels SET held_reason = 'its owner left' WHERE id = 4");

    let mut store = Store::open(&world.path).unwrap();
    let now = world.clock.now().wall;
    assert_eq!(place::confirm(&mut store, now).unwrap(), Some(2));
    assert_eq!(place::confirm(&mut store, now).unwrap(), None);
    assert_eq!(
        world.rows("SELECT held_reason, held_kind, held_until FROM channels ORDER BY id"),
        ["||", "holiday||", "429|rate_limited|2026-12-01T05:00:00Z", "its owner left||"]
    );
    assert_eq!(world.settle_in(), Standing::AtHome);
    world.run();
    assert_eq!(world.received().len(), 1);
}

#[test]
fn a_database_that_is_moved_or_on_a_machine_without_an_id_is_at_home() {
    let mut world = World::new();
    world.settle_in();
    world.stop();
    let moved = world.file("moved.db");
    fs::rename(&world.path, &moved).unwrap();
    world.path = moved;
    world.start();
    assert_eq!(world.settle_in(), Standing::AtHome);
    let inode =
        world.ask("SELECT substr(value, instr(value, 'inode=')) FROM meta WHERE key = 'place'");
    world.execute(&format!("UPDATE meta SET value = '{inode}' WHERE key = 'place'"));
    assert_eq!(world.settle_in(), Standing::AtHome);
}

#[test]
fn the_same_file_on_another_machine_is_held() {
    let world = World::new();
    world.settle_in();
    world.execute(
        "UPDATE meta SET value = 'machine=0 ' || substr(value, instr(value, 'inode=')) WHERE key = 'place'",
    );
    assert_eq!(world.settle_in(), Standing::Held { newly: true });
}

#[test]
fn a_backup_put_in_place_by_hand_is_held() {
    let mut world = World::new();
    world.settle_in();
    world.message("081200007001");
    let file = world.backup("b");
    world.run();
    world.stop();
    // Over the old content: neither inode nor birth tells anything.
    fs::write(&world.path, fs::read(&file).unwrap()).unwrap();
    world.start();
    assert_eq!(world.settle_in(), Standing::Held { newly: true });
    let reason = world.ask("SELECT held_reason FROM channels");
    assert!(reason.contains("without `restore`"), "{reason}");
    world.run();
    assert_eq!(world.received().len(), 1, "not a second time");
    let restored = world.restore_and_run(&file);
    assert!(!restored.has_evidence, "the content by hand knows nothing");
    assert_eq!((restored.marked.unknown, world.received().len()), (1, 1));
    assert_eq!(world.ask("SELECT count(*) FROM channels WHERE held_reason IS NOT NULL"), "0");
}

#[test]
fn a_copy_is_no_evidence_for_what_the_other_one_sent() {
    for was_started in [true, false] {
        let mut world = World::new();
        world.settle_in();
        world.message("081200007001");
        let file = world.backup("b");
        world.move_to_a_copy();
        if was_started {
            world.settle_in();
        }
        let restored = world.restore_and_run(&file);
        assert!(!restored.has_evidence && restored.is_from_elsewhere);
        assert_eq!((restored.marked.unknown, world.received().len()), (1, 0));
        assert_eq!(world.settle_in(), Standing::AtHome, "to restore is to confirm");
    }
}

#[test]
fn a_database_that_was_set_back_by_hand_is_no_evidence() {
    let mut world = World::new();
    world.settle_in();
    world.message("081200007001");
    world.stop();
    let old = fs::read(&world.path).unwrap();
    world.start();
    world.waha.set_status("default", "STOPPED");
    world.run();
    let file = world.backup("b"); // it is planned here, and not there
    world.waha.set_status("default", "WORKING");
    world.clock.pass(Duration::from_hours(2));
    world.run();
    assert_eq!(world.received().len(), 1);
    world.stop();
    fs::write(&world.path, old).unwrap();
    world.start();
    let restored = world.restore_and_run(&file);
    assert!(!restored.has_evidence);
    assert_eq!((restored.marked.unknown, world.received().len()), (1, 1));
}

#[test]
fn what_a_person_looked_into_is_sent_again_as_the_readme_says() {
    let mut world = World::new();
    let id = world.message("081200007001, 081200007002");
    let file = world.backup("b");
    world.restore_and_run(&file);
    assert_eq!(world.statuses(), ["unknown", "unknown"]);
    world.execute(
        "BEGIN;
         UPDATE deliveries SET status = 'pending', error = NULL, finished_at = NULL
             WHERE status = 'unknown' AND id IN (2);
         UPDATE auto_messages SET status = 'sending'
             WHERE id = (SELECT auto_message_id FROM deliveries WHERE id = 2);
         COMMIT",
    );
    world.run();
    assert_eq!(world.recipients(), ["6281200007002@c.us"]);
    assert_eq!(world.status(id), "sent");
}

#[test]
fn a_copy_that_was_held_elsewhere_and_put_back_is_no_evidence() {
    let mut world = World::new();
    world.settle_in();
    world.message("081200007001");
    let file = world.backup("b");
    world.execute("INSERT INTO place_holds (channel_id, reason) VALUES (1, 'copied')");
    assert!(!world.restore_and_run(&file).has_evidence);
}
