//! Copies and moved databases: none sends what another one may have sent.

use std::fs;
use std::time::Duration;

use auto_message_scheduler::clock::Clock;
use auto_message_scheduler::instance;
use auto_message_scheduler::instance::Standing;
use auto_message_scheduler::store::Store;

use crate::world::World;

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
    assert_eq!(instance::confirm(&mut store, now).unwrap(), Some(2));
    assert_eq!(instance::confirm(&mut store, now).unwrap(), None);
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
