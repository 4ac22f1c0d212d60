//! `prune` as the real program, beside one that sends, killed, and on databases of older versions;
//! and the WAL under somebody who reads for long.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::site::{Site, stderr, until};
use crate::world::World;

/// `messages` of last year that were sent, with five deliveries each.
fn old_messages(site: &Site, messages: u32) {
    site.sql()
        .execute_batch(&format!(
            "BEGIN;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {messages})
             INSERT INTO auto_messages (message, contact_count, scheduled_at, status, sent_at, sent_count,
                 created_at, updated_at)
             SELECT 'Halo dari toko kami!', 5, t, 'sent', t, 5, t, t FROM
                 (SELECT strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-1 year', '-' || i || ' minutes') AS t FROM n);
             INSERT INTO deliveries (auto_message_id, due_at, channel_id, chat_id, status, attempts, text,
                 waha_message_id, ack, claimed_at, finished_at, created_at)
             SELECT m.id, m.scheduled_at, 1, r.value || '@c.us', 'sent', 1, m.message,
                 printf('3EB0%016X', m.id * 5 + r.value), 3, m.sent_at, m.sent_at, m.sent_at
             FROM auto_messages m, json_each('[0,1,2,3,4]') r WHERE m.sent_count = 5;
             COMMIT; PRAGMA wal_checkpoint(TRUNCATE)"
        ))
        .unwrap();
}

/// As a version before `prune` made it.
fn made_by_an_older_version(site: &Site) {
    site.sql().execute_batch("PRAGMA auto_vacuum = NONE; VACUUM").unwrap();
    assert_eq!(site.sqlite3("PRAGMA auto_vacuum").trim(), "0");
}

fn prune(site: &Site, more: &[&str]) -> Value {
    let arguments = [&["prune", "--older-than", "30d", "--json"], more].concat();
    let output = site.run(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn bytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |it| it.len())
}

fn assert_sound(site: &Site) {
    assert_eq!(site.sqlite3("PRAGMA integrity_check; PRAGMA foreign_key_check").trim(), "ok");
    let wrong = "SELECT (SELECT count(*) FROM deliveries)
                     - (SELECT sum(number) FROM status_counts WHERE counted = 'delivery')";
    assert_eq!(site.sqlite3(wrong).trim(), "0");
}

#[test]
fn it_works_beside_a_server_that_sends_each_message_once_and_gives_the_room_back() {
    let site = Site::new();
    site.write_settings("SEND_DELAY_SECONDS=0\n");
    old_messages(&site, 4_000);
    let server = site.serve();
    let numbers: Vec<String> = (0..150).map(|number| format!("0812{:08}", 7000 + number)).collect();
    site.message(&numbers.join(","));
    server.post("/api/cron-auto-message");
    until("it sends", || site.waha.received().len() > 5);
    let before = bytes(&site.database());
    let pruned = prune(&site, &[]);
    assert_eq!(pruned["removed"]["messages"], 4_000);
    assert_eq!(pruned["removed"]["deliveries"], 20_000);
    until("all were sent", || site.waha.received().len() >= 150);
    until("it is settled", || site.status() == "sent");
    let chats: BTreeSet<String> = site.waha.received().into_iter().map(|one| one.chat_id).collect();
    assert_eq!((chats.len(), site.waha.received().len()), (150, 150), "nobody twice, nobody not");
    assert!(!server.log().contains("database: sending stops"), "{}", server.log());
    assert_sound(&site);
    prune(&site, &[]);
    assert!(bytes(&site.database()) < before / 4, "{} of {before}", bytes(&site.database()));
    assert!(pruned["bytes_after"].as_u64() < pruned["bytes_before"].as_u64());
}

#[test]
fn what_it_says_and_what_it_refuses() {
    let site = Site::new();
    old_messages(&site, 3);
    let say = |arguments: &[&str]| {
        let output = site.run(&[&["prune", "--older-than"], arguments].concat());
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned() + &stderr(&output),
        )
    };
    let (code, said) = say(&["1y", "--dry-run"]);
    assert_eq!(code, Some(0));
    assert!(
        said.contains("would be removed, ended before")
            && said.contains("3 messages, 15 deliveries")
    );
    let (code, said) = say(&["12m"]);
    assert_eq!(code, Some(0));
    assert!(
        said.starts_with("removed, ended before") && said.contains("3 messages, 15 deliveries")
    );
    assert!(said.contains("the database had 0."), "{said}");
    let (code, said) = say(&["6d"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("at least 7d"), "{said}");
    site.write_settings("LATE_LIMIT_HOURS=720\n");
    let (code, said) = say(&["4w"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("more than LATE_LIMIT_HOURS (720 hours)"), "{said}");
}

#[test]
fn a_database_of_an_older_version_is_written_anew_when_nobody_sends_and_else_says_how() {
    let site = Site::new();
    old_messages(&site, 1_000);
    made_by_an_older_version(&site);
    let before = bytes(&site.database());
    let mut server = site.serve();
    let output = site.run(&["prune", "--older-than", "30d"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("stop `serve` (and cron's `run`), run `prune` again"), "{said}");
    assert_eq!(bytes(&site.database()), before, "the file keeps its room");
    server.signal("TERM");
    assert_eq!(server.end(), 0);
    let pruned = prune(&site, &[]);
    assert_eq!(
        (&pruned["removed"]["messages"], &pruned["bytes_kept_free"]),
        (&0.into(), &0.into())
    );
    assert!(bytes(&site.database()) < before / 2);
    assert_eq!(site.sqlite3("PRAGMA auto_vacuum").trim(), "2", "from now on in steps");
    assert_sound(&site);
    let id = "INSERT INTO auto_messages (message, status) VALUES ('x', 'draft') RETURNING id";
    assert_eq!(site.sqlite3(id).trim(), "1001", "ids go on");
    site.message("081200007001");
    assert!(site.run(&["run"]).status.success());
    assert_eq!(site.waha.received().len(), 1);
}

#[test]
fn a_kill_while_it_removes_gives_back_or_writes_anew_leaves_all_whole() {
    for (place, is_old) in [("committed:3", false), ("gave_back:2", false), ("write_anew", true)] {
        let site = Site::new();
        old_messages(&site, 1_000);
        if is_old {
            made_by_an_older_version(&site);
        }
        let mut command = site.command(&["prune", "--older-than", "30d"]);
        let log = site.path("prune.log");
        command.env("FAIL_POINT", place).stderr(fs::File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        until("the place is reached", || fs::read_to_string(&log).unwrap().contains("fail point"));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_sound(&site);
        prune(&site, &[]);
        assert_sound(&site);
        assert_eq!(site.sqlite3("SELECT count(*) FROM deliveries").trim(), "0", "{place}");
        assert_eq!(site.sqlite3("PRAGMA freelist_count").trim(), "0", "{place}");
    }
}

#[test]
fn a_new_database_and_its_backup_give_back_in_steps() {
    let site = Site::new();
    assert_eq!(site.sqlite3("PRAGMA auto_vacuum").trim(), "2");
    let backup = site.path("backup.db");
    assert!(site.run(&["backup", backup.to_str().unwrap()]).status.success());
    let copy = rusqlite::Connection::open(&backup).unwrap();
    let mode: i64 = copy.query_row("PRAGMA auto_vacuum", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, 2);
    drop(copy);
    made_by_an_older_version(&site);
    assert!(site.run(&["restore", backup.to_str().unwrap()]).status.success());
    assert_eq!(site.sqlite3("PRAGMA auto_vacuum").trim(), "2");
    assert_sound(&site);
}

/// How many bytes of WAL a send may write: two commits, each with the pages that it changes.
const WAL_PER_SEND_MAX: u64 = 160 * 1024;

#[test]
fn a_long_reader_lets_the_wal_grow_by_a_bound_per_send_and_it_is_small_again_afterwards() {
    let world = World::new();
    let wal = world.path.with_file_name("test.db-wal");
    let send = |from: u32, count: u32| {
        let numbers: Vec<String> =
            (from..from + count).map(|number| format!("0812{:08}", 7000 + number)).collect();
        world.message(&numbers.join(","));
        world.run();
    };
    send(0, 100); // the WAL has its usual size now, and pages are shared as in daily life
    let frames = |world: &World| {
        world
            .sql
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(frames(&world), 0);
    let before = bytes(&wal);
    let reader = rusqlite::Connection::open(&world.path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM deliveries").unwrap();
    send(1_000, 400);
    let per_send = (bytes(&wal) - before) / 400;
    println!("WAL under a reader: {per_send} bytes per send");
    assert!(per_send <= WAL_PER_SEND_MAX, "{per_send} bytes per send");
    assert_eq!(world.received().len(), 500, "everything is sent");
    assert!(bytes(&wal) > 17 << 20, "the reader was in the way: {}", bytes(&wal));
    reader.execute_batch("COMMIT").unwrap();
    drop(reader);
    send(2_000, 30);
    assert!(bytes(&wal) <= 16 << 20, "it shrinks by itself: {}", bytes(&wal));
    assert_eq!(world.received().len(), 530);
}

#[test]
fn a_wal_that_somebody_keeps_from_being_emptied_is_said_once_and_by_the_doctor() {
    let site = Site::new();
    site.write_settings("STALE_MINUTES=0\n");
    let mut server = site.serve();
    let reader = site.sql();
    reader.execute_batch("BEGIN; SELECT count(*) FROM contacts").unwrap();
    site.sql()
        .execute_batch(
            "INSERT INTO contacts (phone_number, attributes) VALUES ('1', hex(zeroblob(34 << 20)))",
        )
        .unwrap();
    let line =
        "database: its -wal has grown to 68 MiB: another program reads the database for long";
    for _ in 0..2 {
        server.post("/api/auto-message-scheduler");
    }
    server.wait_for_log(line);
    let doctor = || String::from_utf8(site.run(&["doctor"]).stdout).unwrap();
    assert!(doctor().contains("its -wal has grown to"), "{}", doctor());
    reader.execute_batch("COMMIT").unwrap();
    drop(reader);
    site.message("081200007001");
    server.post("/api/auto-message-scheduler");
    until("it is sent", || site.status() == "sent");
    // The first commit after the reader's end may still be the one that finds the file free.
    site.message("081200007002");
    server.post("/api/auto-message-scheduler");
    assert!(bytes(&site.path("shop.db-wal")) <= 16 << 20, "{}", bytes(&site.path("shop.db-wal")));
    assert!(!doctor().contains("its -wal has grown to"));
    assert_eq!(server.log().matches(line).count(), 1, "{}", server.log());
}
