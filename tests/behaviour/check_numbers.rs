//! On WhatsApp at all? CHECK_NUMBERS.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use auto_message_scheduler::clock::Timestamp;
use auto_message_scheduler::fail_point::{Crash, crash_at};
use auto_message_scheduler::forecast::{Bounds, Fate, Scope, Seen, forecast};
use auto_message_scheduler::send_window::{Rest, SendWindow};
use auto_message_scheduler::store::Store;

use crate::simulation::silence_crashes;
use crate::world::{Builder, START, World};

const A: &str = "081200007001";
const B: &str = "081200007002";
const NOBODY: &str = "081200010404";
/// WAHA fails to answer about it.
const UNTOLD: &str = "081200010405";

fn checking() -> Builder {
    let mut builder = World::builder();
    builder.config.check_numbers = true;
    builder
}

fn since_start(at: Timestamp) -> i64 {
    at.secs() - Timestamp::parse(START).unwrap().secs()
}

/// The last four digits of who was asked about and when, in seconds.
fn checks(world: &World) -> Vec<(String, i64)> {
    let checks = world.waha.checks_from(0).into_iter();
    checks.map(|one| (one.digits[9..].to_owned(), since_start(one.at))).collect()
}

/// The same of what was sent.
fn sent(world: &World) -> Vec<(String, i64)> {
    let received = world.received().into_iter();
    received.map(|one| (one.chat_id[9..13].to_owned(), since_start(one.at))).collect()
}

fn of(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected.iter().map(|(who, at)| ((*who).to_owned(), *at)).collect()
}

fn deliveries(world: &World) -> Vec<String> {
    world.rows("SELECT status, coalesce(error_code, '') FROM deliveries ORDER BY id")
}

#[test]
fn a_number_that_was_never_seen_is_checked_first_and_each_takes_a_turn() {
    let world = checking().build();
    let id = world.message(&format!("{A}, {NOBODY}, {B}"));
    world.run();
    assert_eq!(checks(&world), of(&[("7001", 0), ("0404", 120), ("7002", 180)]));
    assert_eq!(sent(&world), of(&[("7001", 60), ("7002", 240)]));
    assert_eq!(deliveries(&world), ["sent|", "skipped|not_on_whatsapp", "sent|"]);
    let error = world.ask("SELECT error FROM deliveries WHERE id = 2");
    assert!(error.contains("not on WhatsApp"), "{error}");
    assert_eq!(
        (world.status(id).as_str(), world.ask("SELECT skipped_count FROM auto_messages").as_str()),
        ("sent", "1")
    );
    assert_eq!(world.ask("SELECT claimed FROM channel_days"), "2", "the day counts no checks");
    let row = "SELECT checked_at, \"exists\" FROM numbers WHERE chat_id = '6281200010404@c.us'";
    assert_eq!(world.rows(row), ["2026-12-01T01:02:00Z|0"]);
}

#[test]
fn it_is_off_by_default() {
    let world = World::new();
    world.message(A);
    world.run();
    assert_eq!((checks(&world), sent(&world)), (of(&[]), of(&[("7001", 0)])));
}

#[test]
fn nobody_is_checked_who_was_sent_to_or_wrote_nor_what_is_no_number() {
    let world = checking().build();
    let lid = "998855500010@lid";
    world.execute(
        "INSERT INTO numbers (chat_id, last_inbound_at) VALUES ('6281200007002@c.us', '2025-01-01T00:00:00Z');
         INSERT INTO numbers (chat_id, last_sent_at) VALUES ('6281200007001@c.us', '2025-01-01T00:00:00Z')",
    );
    world.message(&format!(r#"["{A}", "{B}", "120363000000000001@g.us", "{lid}"]"#));
    world.run();
    assert_eq!((checks(&world), sent(&world).len()), (of(&[]), 4));
    world.message("081200007003");
    world.run();
    world.clock.pass(Duration::from_hours(1));
    world.message("081200007003");
    world.run();
    assert_eq!(checks(&world).len(), 1, "a send makes it known");
}

#[test]
fn an_answer_counts_for_30_days_whatever_message_and_channel_it_was_for() {
    let world = checking().build();
    world.execute("INSERT INTO channels (id, name, session_name) VALUES (2, 'dua', 'dua')");
    for _ in 0..2 {
        world.message(NOBODY);
        world.run();
    }
    let id = world.message(NOBODY);
    world.execute(&format!("UPDATE auto_messages SET channel_id = 2 WHERE id = {id}"));
    world.run();
    assert_eq!(checks(&world).len(), 1);
    assert_eq!(deliveries(&world), ["skipped|not_on_whatsapp"; 3]);
    world.clock.pass(Duration::from_hours(30 * 24) - Duration::from_mins(2));
    world.message(NOBODY);
    world.run();
    assert_eq!(checks(&world).len(), 1);
    world.clock.pass(Duration::from_mins(2));
    world.message(NOBODY);
    world.run();
    assert_eq!(checks(&world).len(), 2);
}

#[test]
fn a_check_keeps_the_hours_and_counts_for_rests_and_no_full_day_asks() {
    let mut builder = checking();
    let five = Duration::from_mins(5);
    builder.config.rest = Some(Rest { after: 2, least: five, most: five });
    builder.config.allowance.window = SendWindow::parse("08:00-08:08").unwrap();
    builder.config.allowance.daily_limit = Some(2);
    let world = builder.build();
    world.message(&format!("{A}, {B}, 081200007003"));
    world.run();
    assert_eq!(checks(&world), of(&[("7001", 0), ("7002", 360)]));
    assert_eq!(sent(&world), of(&[("7001", 60), ("7002", 420)]));
    world.clock.pass(Duration::from_mins(24 * 60 - 7));
    world.run();
    assert_eq!(checks(&world)[2..], of(&[("7003", 86_400)]));
}

#[test]
fn wherever_the_window_ends_nobody_is_asked_about_after_its_end() {
    let mut asked = Vec::new();
    for reading in 1..25 {
        let mut builder = checking();
        builder.in_memory = true;
        builder.config.allowance.window = SendWindow::parse("07:00-08:01").unwrap();
        let world = builder.build();
        world.message(A);
        world.clock.pass_at_reading(reading, Duration::from_secs(61));
        world.run();
        asked.extend(checks(&world).into_iter().map(|(_, at)| at));
    }
    assert!((5..22).contains(&asked.len()), "it must end before the check and after it: {asked:?}");
    // What had begun in time may arrive a moment later: one reading of the clock, WAHA's own.
    let late = asked.iter().filter(|at| **at > 0).count();
    assert!(late <= 1, "{asked:?}");
}

#[test]
fn wherever_another_channel_asks_first_this_one_does_not() {
    let mut before = 0;
    for reading in 1..25 {
        let mut builder = checking();
        builder.in_memory = true;
        let world = builder.build();
        world.message(A);
        let sql = rusqlite::Connection::open(&world.path).unwrap();
        sql.busy_timeout(Duration::ZERO).unwrap();
        let is_asked = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&is_asked);
        world.clock.at_reading(reading, move || {
            let asking = "INSERT INTO numbers (chat_id, checked_at)
                          VALUES ('6281200007001@c.us', '2026-12-01T01:00:00Z')";
            // Not while the program writes, and not when it has asked.
            noted.store(sql.execute(asking, []).is_ok(), Ordering::Relaxed);
        });
        world.trigger();
        for _ in 0..20 {
            world.step();
        }
        let others = is_asked.load(Ordering::Relaxed);
        assert_eq!(checks(&world).is_empty(), others, "reading {reading}");
        before += u32::from(others);
    }
    assert!((3..22).contains(&before), "{before}: before this one asks and after");
}

#[test]
fn what_is_no_answer_skips_nobody_and_the_channel_is_held_as_for_a_send() {
    let world = checking().build();
    world.message(A);
    world.waha.set_status("default", "SCAN_QR_CODE");
    world.run();
    assert_eq!(deliveries(&world), ["pending|"]);
    assert_eq!(world.ask("SELECT held_kind FROM channels"), "session");
    world.waha.set_status("default", "WORKING");
    world.clock.pass(Duration::from_mins(2));
    world.run();
    assert_eq!(deliveries(&world), ["sent|"]);
    assert_eq!(checks(&world).len(), 1);
}

#[test]
fn a_session_that_ends_after_the_look_holds_the_channel_by_the_check() {
    let mut builder = checking();
    builder.config.gap.delay = Duration::from_secs(1);
    let world = builder.build();
    world.message(&format!("{A}, {B}"));
    world.trigger();
    while world.received().is_empty() {
        world.step();
    }
    world.waha.set_status("default", "STOPPED"); // believed to be WORKING for 15 s
    world.run();
    assert_eq!(deliveries(&world), ["sent|", "pending|"]);
    assert_eq!(world.ask("SELECT held_kind FROM channels"), "session");
    let asked = |request: &&auto_message_scheduler::fake_waha::Request| {
        request.path.contains("check-exists")
    };
    assert_eq!(world.waha.requests().iter().filter(asked).count(), 2);
    let row = "SELECT checked_at FROM numbers WHERE chat_id = '6281200007002@c.us'";
    assert_eq!(world.rows(row), [""], "that was no answer");
    world.waha.set_status("default", "WORKING");
    world.clock.pass(Duration::from_mins(2));
    world.run();
    assert_eq!(deliveries(&world), ["sent|", "sent|"]);
}

#[test]
fn a_number_of_which_waha_cannot_tell_waits_and_the_others_go_on_until_it_expires() {
    let world = checking().build();
    world.message(&format!("{UNTOLD}, {A}"));
    world.run();
    assert_eq!(deliveries(&world), ["pending|not_checked", "sent|"]);
    assert_eq!(world.ask("SELECT held_reason FROM channels"), "");
    for _ in 0..30 {
        world.clock.pass(Duration::from_hours(1));
        world.run();
    }
    assert_eq!(deliveries(&world), ["expired|too_late", "sent|"]);
    let asked = checks(&world).iter().filter(|(who, _)| who == "0405").count();
    assert!((4..12).contains(&asked), "{asked} times");
}

#[test]
fn a_contact_with_another_number_is_never_skipped_for_its_old_one() {
    let world = checking().build();
    world.execute(&format!(
        "INSERT INTO contacts (id, name, phone_number) VALUES (1, 'Budi', '{NOBODY}');
         INSERT INTO numbers (chat_id, checked_at, \"exists\") VALUES ('6281200010404@c.us', '2026-11-30T00:00:00Z', 0)"
    ));
    world.execute("UPDATE channels SET held_reason = 'libur'");
    world.message("[1]");
    world.run();
    world.execute(&format!(
        "UPDATE contacts SET phone_number = '{A}'; UPDATE channels SET held_reason = NULL"
    ));
    world.run();
    assert_eq!(sent(&world), of(&[("7001", 60)]));
}

#[test]
fn the_request_has_the_chat_id_that_came_back_and_the_row_its_own() {
    let world = checking().build();
    world.execute(
        "INSERT INTO numbers (chat_id, checked_at, \"exists\", checked_chat_id)
         VALUES ('6281200007001@c.us', '2026-11-30T00:00:00Z', 1, '6281200007009@c.us')",
    );
    world.message(A);
    world.run();
    assert_eq!(world.recipients(), ["6281200007009@c.us"]);
    assert_eq!(world.rows("SELECT chat_id, status FROM deliveries"), ["6281200007001@c.us|sent"]);
}

#[test]
fn two_channels_do_not_ask_about_the_same_number_at_once() {
    let world = checking().build();
    world.message(A);
    // Another channel has asked, and its answer is awaited.
    let asking = "INSERT INTO numbers (chat_id, checked_at) VALUES ('6281200007001@c.us', '2026-12-01T01:00:00Z')";
    world.execute(asking);
    world.trigger();
    for _ in 0..20 {
        world.step();
    }
    assert_eq!(checks(&world), of(&[]));
    world.execute("UPDATE numbers SET \"exists\" = 1");
    world.run();
    assert_eq!((checks(&world).len(), sent(&world).len()), (0, 1));
}

#[test]
fn a_check_whose_answer_is_not_recorded_has_its_gap_all_the_same() {
    let mut builder = checking();
    // Longer than an answer is waited for that was lost.
    builder.config.gap.delay = Duration::from_mins(10);
    let world = builder.build();
    world.message(A);
    world.execute(
        "CREATE TRIGGER mine BEFORE UPDATE OF \"exists\" ON numbers
         BEGIN SELECT RAISE(ABORT, 'closed for stocktaking'); END",
    );
    world.trigger();
    world.work_until(Timestamp::parse(START).unwrap().plus(Duration::from_secs(5)));
    world.execute("DROP TRIGGER mine");
    world.run();
    assert_eq!(checks(&world), of(&[("7001", 0), ("7001", 600)]));
    assert_eq!(sent(&world), of(&[("7001", 1200)]));
}

#[test]
fn wherever_the_program_dies_nothing_is_lost_twice_or_a_burst() {
    silence_crashes();
    let mut crashes = 0;
    for place in (1..100).step_by(3) {
        let mut builder = checking();
        builder.in_memory = true;
        // Longer than an answer is waited for that was lost.
        builder.config.gap.delay = Duration::from_mins(10);
        let mut world = builder.build();
        world.message(&format!("{NOBODY}, {A}, {B}"));
        world.trigger();
        crash_at(place);
        let ended = catch_unwind(AssertUnwindSafe(|| world.run()));
        crash_at(0);
        crashes += u32::from(ended.is_err_and(|payload| payload.is::<Crash>()));
        for _ in 0..6 {
            world.restart();
            world.run();
            world.clock.pass(Duration::from_hours(1));
        }
        let mut all: Vec<i64> =
            checks(&world).into_iter().chain(sent(&world)).map(|(_, at)| at).collect();
        all.sort_unstable();
        assert!(all.windows(2).all(|two| two[1] - two[0] >= 600), "place {place}: {all:?}");
        let whom: Vec<String> = sent(&world).into_iter().map(|(who, _)| who).collect();
        let once: BTreeSet<&String> = whom.iter().collect();
        assert_eq!(whom.len(), once.len(), "place {place}: {whom:?}");
        let rows = deliveries(&world);
        assert_eq!(rows[0], "skipped|not_on_whatsapp", "place {place}");
        // One that was claimed as the program died may have gone out, or not.
        let known = rows.iter().filter(|row| *row == "sent|").count();
        let unknown = rows.iter().filter(|row| row.starts_with("unknown|")).count();
        assert!((known + unknown, unknown.min(1)) == (2, unknown), "place {place}: {rows:?}");
        assert!((known..=2).contains(&whom.len()), "place {place}: {rows:?} {whom:?}");
        assert!(checks(&world).len() <= 4, "place {place}: only one answer can be lost");
    }
    assert!(crashes > 15, "only {crashes} crashes");
}

#[test]
fn the_plan_says_before_what_then_happens() {
    let world = checking().build();
    world.execute(
        "INSERT INTO numbers (chat_id, checked_at, \"exists\") VALUES ('6281200010404@c.us', '2026-11-30T00:00:00Z', 0)",
    );
    let id = world.message(&format!("{NOBODY}, {A}, {B}"));
    let (mut told, mut whole) = (Vec::new(), String::new());
    let mut store = Store::open(&world.path).unwrap();
    let bounds = Bounds { messages: 9, recipients: 9 };
    let see = &mut |seen: Seen<'_>| match seen {
        Seen::Recipient(row) => told.push(match row.fate {
            Fate::GoesOut { at } => Ok(since_start(at)),
            Fate::Skipped { reason } => Err(reason.to_owned()),
            other => panic!("{other:?}"),
        }),
        Seen::Message(message) => whole = format!("{message:?}"),
    };
    forecast(&mut store, Scope::Message(id), &world.config, bounds, world.clock.wall(), see)
        .unwrap();
    assert!(told[0].as_ref().unwrap_err().contains("not on WhatsApp"), "{told:?}");
    assert_eq!(told[1..], [Ok(60), Ok(180)]);
    assert!(whole.contains("checked_first: 2"), "{whole}");
    world.run();
    assert_eq!(sent(&world), of(&[("7001", 60), ("7002", 180)]));
}

#[test]
fn a_check_before_what_comes_too_late_anyway_is_none_for_the_next_message() {
    let world = checking().build();
    world.execute(
        "UPDATE channels SET send_window = '07:00-08:01';
         INSERT INTO channels (id, name, session_name, send_window)
             VALUES (2, 'dua', 'dua', '08:10-17:00')",
    );
    world.clock.pass(Duration::from_secs(5));
    let late = world.message(A);
    let id = world.message(A);
    world.execute(&format!(
        "UPDATE auto_messages SET scheduled_at = '2026-11-30T15:00:00Z' WHERE id = {late};
         UPDATE auto_messages SET channel_ids = '[1,2]' WHERE id = {id}"
    ));
    let mut told = Vec::new();
    let mut store = Store::open(&world.path).unwrap();
    let bounds = Bounds { messages: 9, recipients: 9 };
    let see = &mut |seen: Seen<'_>| match seen {
        Seen::Recipient(row) => match row.fate {
            Fate::GoesOut { at } => told.push(since_start(at)),
            other => panic!("{other:?}"),
        },
        Seen::Message(_) => {}
    };
    let scope = Scope::Message(id);
    forecast(&mut store, scope, &world.config, bounds, world.clock.wall(), see).unwrap();
    assert_eq!(told, [600], "by the other number: this one would have to ask first");
    world.run();
    world.clock.pass(Duration::from_secs(595));
    world.run();
    assert_eq!((checks(&world), sent(&world)), (of(&[("7001", 5)]), of(&[("7001", 600)])));
}
