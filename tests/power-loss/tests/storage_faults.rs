//! A disk that is full, read-only or broken, a writer that does not let go: the sender stops and says
//! why, sends nothing whose claim is not committed, records what it owes, and goes on by itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use auto_message_scheduler::api::Api;
use auto_message_scheduler::clock::Clock;
use auto_message_scheduler::config::Secret;
use auto_message_scheduler::engine::When;
use auto_message_scheduler::http::Request;
use auto_message_scheduler::store::{Store, Trigger};
use power_loss::disk::{Disk, Fault};
use power_loss::log_lines;
use power_loss::world::{Program, World, rows};
use rusqlite::Connection;

/// Steps that take a program from anything it may do to the end of its retries.
const MANY: usize = 30;
const FAULTS: [Fault; 3] = [Fault::Full, Fault::ReadOnly, Fault::Sync];

/// Steps as the program's own loops do, which sleep and come back when the database fails.
fn steps(program: &Program, count: usize) {
    for _ in 0..count {
        if program.step().is_err() {
            program.clock.pass(Duration::from_secs(5));
        }
    }
}

/// Steps until so much time has passed, in waiting for the database or in rests.
fn steps_for(program: &Program, duration: Duration) {
    let until = program.clock.now().monotonic + duration;
    for _ in 0..1000 {
        if program.clock.now().monotonic >= until {
            return;
        }
        steps(program, 1);
    }
    panic!("nothing waits");
}

/// Pulls a trigger and plans, without sending yet.
fn plan(program: &Program) {
    program.triggers.pull(Trigger::Cron, None);
    while program.engine.step().unwrap() == When::AtOnce {}
}

fn recipients(world: &World) -> Vec<String> {
    world.waha.received().into_iter().map(|received| received.chat_id).collect()
}

fn statuses(sql: &Connection) -> Vec<String> {
    rows(sql, "SELECT status, attempts FROM deliveries ORDER BY id").unwrap()
}

fn health(world: &World, program: &Program) -> u16 {
    let store = Store::open_on(&world.path, world.disk.vfs()).unwrap();
    let secret = Secret::new("a-secret-for-tests-0123456789");
    let clock = world.clock.clone();
    let api =
        Api::new(store, Arc::clone(&program.triggers), clock, secret.into(), Duration::ZERO, None);
    api.answer(&mut Request::new("GET", "/health"), false).status
}

/// The log has said that sending stops and why, once.
fn assert_said_why(remedy: &str) {
    let lines = log_lines::kept();
    let stops: Vec<_> = lines.iter().filter(|line| line.contains("sending stops")).collect();
    assert!(matches!(&stops[..], [line] if line.contains(remedy)), "{remedy}: {lines:#?}");
}

fn remedy(fault: Fault, sql: &Connection) -> &'static str {
    let has_wal = rows(sql, "PRAGMA journal_mode").unwrap() == ["wal"];
    match fault {
        Fault::Full => "the disk is full: make room",
        // Without WAL, the journal could not even be made.
        Fault::ReadOnly if !has_wal => "whether it is mounted read-only",
        Fault::ReadOnly | Fault::Sync => "the disk or its file system fails: see what the system",
        Fault::Noise => "the file is damaged: stop the program, keep a copy, and restore a backup",
    }
}

fn assert_goes_on() {
    let lines = log_lines::kept();
    let count = lines.iter().filter(|line| line.contains("sending goes on")).count();
    assert_eq!(count, 1, "{lines:#?}");
}

fn both_kinds_of_disk() -> [&'static Disk; 2] {
    [Disk::new(), Disk::without_shared_memory()]
}

#[test]
fn a_disk_that_takes_no_claim_sends_nothing_until_it_is_well() {
    for fault in FAULTS {
        for disk in both_kinds_of_disk() {
            let world = World::new(disk);
            let program = world.start().unwrap();
            let sql = world.sql();
            world.message(&sql, "Halo", "081200007001, 081200007002");
            plan(&program);
            log_lines::keep();
            disk.break_with(fault);
            steps(&program, MANY);
            assert_eq!(recipients(&world), [""; 0], "{fault:?}");
            assert_said_why(remedy(fault, &sql));
            disk.mend();
            assert_eq!(health(&world, &program), 503, "{fault:?}");
            program.run().unwrap();
            assert_goes_on();
            assert_eq!(health(&world, &program), 200);
            assert_eq!(recipients(&world), ["6281200007001@c.us", "6281200007002@c.us"]);
            assert_eq!(statuses(&sql), ["sent|1", "sent|1"], "{fault:?}");
        }
    }
}

#[test]
fn an_outcome_that_the_disk_did_not_take_is_recorded_when_it_is_well_and_not_sent_again() {
    for fault in FAULTS {
        for disk in both_kinds_of_disk() {
            let world = World::with(disk, move |received| {
                if received.chat_id.ends_with("7001@c.us") {
                    disk.break_with(fault);
                }
            });
            let program = world.start().unwrap();
            let sql = world.sql();
            world.message(&sql, "Halo", "081200007001, 081200007002");
            plan(&program);
            log_lines::keep();
            steps(&program, MANY);
            assert_eq!(recipients(&world), ["6281200007001@c.us"], "{fault:?}");
            assert_said_why(remedy(fault, &sql));
            disk.mend();
            assert_eq!(health(&world, &program), 503, "{fault:?}");
            program.run().unwrap();
            assert_goes_on();
            assert_eq!(recipients(&world), ["6281200007001@c.us", "6281200007002@c.us"]);
            assert_eq!(statuses(&sql), ["sent|1", "sent|1"], "{fault:?}");
        }
    }
}

#[test]
fn an_outcome_that_was_never_recorded_is_unknown_after_the_next_start() {
    let disk = Disk::new();
    let world = World::with(disk, |_| disk.break_with(Fault::Full));
    let program = world.start().unwrap();
    let sql = world.sql();
    world.message(&sql, "Halo", "081200007001");
    plan(&program);
    steps(&program, MANY);
    drop(program);
    disk.mend();
    let program = world.start().unwrap();
    program.run().unwrap();
    assert_eq!(recipients(&world).len(), 1);
    assert_eq!(statuses(&sql), ["unknown|1"]);
}

#[test]
fn a_run_whose_end_could_not_be_written_down_is_ended_and_well_when_the_disk_is() {
    let disk = Disk::new();
    let world = World::new(disk);
    let program = world.start().unwrap();
    let sql = world.sql();
    world.message(&sql, "Halo", "081200007001");
    plan(&program);
    while statuses(&sql) != ["sent|1"] {
        program.engine.work();
    }
    disk.break_with(Fault::Full);
    steps(&program, MANY);
    disk.mend();
    assert_eq!(health(&world, &program), 503);
    steps(&program, 1);
    assert_eq!(health(&world, &program), 200);
    let left = rows(&sql, "SELECT count(*) FROM runs WHERE finished_at IS NULL").unwrap();
    assert_eq!(left, ["0"]);
}

#[test]
fn a_channel_that_only_waits_does_not_say_that_the_database_is_well() {
    let disk = Disk::new();
    let world = World::new(disk);
    let program = world.start().unwrap();
    let sql = world.sql();
    sql.execute_batch(
        "INSERT INTO channels (id, name, session_name) VALUES (2, 'second', 'second');
         INSERT INTO auto_messages (title, message, channel_id, contact_ids, scheduled_at)
             VALUES ('t', 'Halo', 1, '081200007001', '2026-12-01 01:00'),
                    ('t', 'Halo', 2, '081200007002', '2026-12-01 01:00');
         UPDATE channels SET ready_at = '2026-12-01T01:00:20Z' WHERE id = 1",
    )
    .unwrap();
    plan(&program);
    // The queue knows of the 20 s. A person moves the end of the rest: the channel is looked at, and
    // has to wait again, without a write.
    sql.execute_batch("UPDATE channels SET ready_at = '2026-12-01T01:00:55Z' WHERE id = 1")
        .unwrap();
    log_lines::keep();
    disk.break_with(Fault::Full);
    steps(&program, MANY);
    assert_said_why("the disk is full");
    disk.mend();
    program.run().unwrap();
    assert_goes_on();
    assert_eq!(recipients(&world).len(), 2);
}

/// A person's transaction that stays open; SQLite's waiting for it passes the simulated time.
fn hold(world: &World) -> Connection {
    let clock = world.clock.clone();
    world.disk.on_sleep(move |slept| clock.pass(slept));
    let holder = world.sql();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    holder
}

#[test]
fn a_writer_that_holds_the_database_for_120_s_delays_the_claim() {
    let world = World::new(Disk::new());
    let program = world.start().unwrap();
    let sql = world.sql();
    world.message(&sql, "Halo", "081200007001");
    plan(&program);
    log_lines::keep();
    let holder = hold(&world);
    steps_for(&program, Duration::from_mins(2));
    assert_eq!(recipients(&world), [""; 0]);
    assert_said_why("another program holds it: end its transaction");
    assert_eq!(health(&world, &program), 503);
    holder.execute_batch("COMMIT").unwrap();
    program.run().unwrap();
    assert_goes_on();
    assert_eq!(statuses(&sql), ["sent|1"]);
    assert_eq!(recipients(&world).len(), 1);
}

#[test]
fn a_writer_that_comes_between_the_request_and_the_record_delays_the_record() {
    let disk = Disk::new();
    let person: Arc<Mutex<Option<Connection>>> = Arc::default();
    let hand = Arc::clone(&person);
    let world = World::with(disk, move |_| {
        let person = hand.lock().unwrap();
        person.as_ref().unwrap().execute_batch("BEGIN IMMEDIATE").unwrap();
    });
    let program = world.start().unwrap();
    let sql = world.sql();
    world.message(&sql, "Halo", "081200007001");
    plan(&program);
    let clock = world.clock.clone();
    disk.on_sleep(move |slept| clock.pass(slept));
    *person.lock().unwrap() = Some(world.sql());
    log_lines::keep();
    steps_for(&program, Duration::from_mins(2));
    assert_eq!(statuses(&sql), ["sending|1"]);
    assert_said_why("another program holds it: end its transaction");
    person.lock().unwrap().as_ref().unwrap().execute_batch("COMMIT").unwrap();
    program.run().unwrap();
    assert_eq!(statuses(&sql), ["sent|1"]);
    assert_eq!(recipients(&world).len(), 1);
}

/// Lets go of a held database when it was waited for so long.
fn let_go_after(world: &World, holder: Connection, held: Duration) {
    let (clock, from) = (world.clock.clone(), world.clock.now().monotonic);
    let holder = Mutex::new(Some(holder));
    world.disk.on_sleep(move |slept| {
        clock.pass(slept);
        if clock.now().monotonic > from + held {
            // Closing a connection ends its transaction.
            drop(holder.lock().unwrap().take());
        }
    });
}

#[test]
fn a_single_run_waits_a_while_for_a_held_database() {
    let world = World::new(Disk::new());
    let program = world.start().unwrap();
    let sql = world.sql();
    world.message(&sql, "Halo", "081200007001");
    let holder = hold(&world);
    let_go_after(&world, holder, Duration::from_secs(12));
    let run = program.triggers.pull(Trigger::Cli, None).run;
    let report = program.engine.send_one_run(1, run).unwrap();
    assert_eq!(report.deliveries.sent, 1);
    assert_eq!(statuses(&sql), ["sent|1"]);
}

#[test]
fn a_server_that_starts_while_the_database_is_held_waits_for_it() {
    let world = World::new(Disk::new());
    let store = Store::open_on(&world.path, world.disk.vfs()).unwrap();
    let sql = world.sql();
    world.message(&sql, "Halo", "081200007001");
    let program = Program::new(store, &world.waha, &world.clock);
    let (holder, from) = (hold(&world), world.clock.now().monotonic);
    let_go_after(&world, holder, Duration::from_mins(2));
    log_lines::keep();
    assert!(program.engine.recover_until_stopped());
    assert!(world.clock.now().monotonic > from + Duration::from_mins(2));
    assert_said_why("another program holds it: end its transaction");
    assert_goes_on();
    program.run().unwrap();
    assert_eq!(statuses(&sql), ["sent|1"]);
}

#[test]
fn pages_that_come_back_as_noise_stop_the_sender_before_the_request() {
    let disk = Disk::new();
    let world = World::new(disk);
    let program = world.start().unwrap();
    let sql = world.sql();
    world.message(&sql, "Halo", "081200007001, 081200007002");
    plan(&program);
    // Another's commit makes SQLite read the pages again.
    let touch = "UPDATE contacts SET name = name; INSERT INTO contacts (phone_number) VALUES ('1')";
    sql.execute_batch(touch).unwrap();
    log_lines::keep();
    disk.break_with(Fault::Noise);
    steps(&program, MANY);
    assert_eq!(recipients(&world), [""; 0]);
    assert_said_why(remedy(Fault::Noise, &sql));
    disk.mend();
    assert_eq!(health(&world, &program), 503);
    sql.execute_batch(touch).unwrap();
    program.run().unwrap();
    assert_goes_on();
    assert_eq!(statuses(&sql), ["sent|1", "sent|1"]);
    assert_eq!(recipients(&world).len(), 2);
}
