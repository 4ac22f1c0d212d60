//! Power cuts: whatever the disk keeps of the last writes, nothing that was sent is shown as unsent,
//! no row is lost, nobody gets a message twice after the next start, and a file that a message refers to is there
//! and whole.
//!
//! POWER_IMAGES=100000 makes so many images of each history instead of a few hundred.

use power_loss::disk::{Disk, Event, Role};
use power_loss::examine::{
    Tally, examine, images_wanted, without_commit_syncs, without_syncs_of, without_syncs_of_files,
};
use power_loss::world::World;

const IMAGES: u64 = 500;

/// A shop's day on a new database: messages with and without trouble, one with a picture, a person who checkpoints, and
/// a program that is stopped and started, so that the WAL is begun anew in both ways.
fn history(disk: &'static Disk) -> Vec<Event> {
    let world = World::new(disk);
    let program = world.start().unwrap();
    let sql = world.sql();
    // Every fact of a delivery and a message becomes a row in the commit of the fact.
    sql.execute_batch(
        "INSERT INTO callback_wants VALUES (1, 'message.finished'), (3, 'delivery.sent'),
             (6, 'delivery.failed'), (8, 'delivery.skipped')",
    )
    .unwrap();
    world.message(&sql, "Promo A", "081200007001, 081200000502, 081200007003");
    world.message(&sql, "Promo B", "081200007001, 081200000400, 08-belum");
    program.run().unwrap();
    sql.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
    world.message(&sql, "Promo C", "081200007004, 081200007001");
    program.run().unwrap();
    drop(program);
    drop(sql);
    let program = world.start().unwrap();
    let sql = world.sql();
    world.message(&sql, "Promo D", "081200007001, 081200007005");
    world.ask_for_message(&program, "Promo E", "081200007006", false);
    world.ask_for_message(&program, "Promo F", "081200007001", true);
    program.run().unwrap();
    assert_eq!(world.waha.received().len(), 10, "what the simulated WhatsApp got");
    drop(program);
    let callbacks = "SELECT count(*) FROM callbacks";
    let count: i64 = sql.query_row(callbacks, [], |row| row.get(0)).unwrap();
    assert!(count >= 14, "{count} callbacks");
    drop(sql);
    disk.events()
}

fn report(name: &str, events: &[Event], tally: &Tally) {
    println!("power loss, {name}: {} points, {tally}", events.len() + 1);
    for example in &tally.examples {
        println!("  {example}");
    }
}

#[test]
fn a_power_cut_at_any_point_loses_nothing_and_repeats_nothing() {
    let events = history(Disk::new());
    let tally = examine(&events, images_wanted(IMAGES));
    report("WAL", &events, &tally);
    assert!(tally.is_clean());
}

#[test]
fn neither_does_one_where_the_file_system_has_no_wal() {
    let events = history(Disk::without_shared_memory());
    let tally = examine(&events, images_wanted(IMAGES));
    report("rollback journal", &events, &tally);
    assert!(tally.is_clean());
}

#[test]
fn with_synchronous_normal_the_harness_finds_messages_shown_as_unsent_and_sent_twice() {
    let events = without_commit_syncs(&history(Disk::new()));
    let tally = examine(&events, 1);
    report("WAL with synchronous=NORMAL, must break", &events, &tally);
    assert!(tally.lost > 0 && tally.unsent > 0 && tally.duplicated > 0);
    assert_eq!(tally.corrupt, 0, "NORMAL loses commits, it does not corrupt");
}

#[test]
fn without_the_syncs_of_files_the_harness_finds_torn_ones() {
    let disk = Disk::new();
    let world = World::new(disk);
    let program = world.start().unwrap();
    world.ask_for_message(&program, "Promo", "081200007001", true);
    program.run().unwrap();
    let events = without_syncs_of_files(&disk.events());
    let tally = examine(&events, 1);
    report("files that are not synced, must break", &events, &tally);
    assert!(tally.corrupt > 0, "{tally}");
}

#[test]
fn with_a_disk_that_lies_about_syncs_the_harness_finds_corruption() {
    let events = without_syncs_of(&history(Disk::new()), Role::Database);
    // Some of each cut: with one image of each, luck decides whether a page is torn.
    let tally = examine(&events, 2500);
    report("a disk that lies, must break", &events, &tally);
    assert!(tally.corrupt > 0);
}
