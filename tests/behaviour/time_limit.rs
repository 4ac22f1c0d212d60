//! `run --max-seconds`: what fits goes out, the rest waits for the next run, and nothing is cut off.

use std::fs;
use std::time::{Duration, Instant};

use auto_message_scheduler::clock::Clock;
use auto_message_scheduler::fake_waha::Options;
use auto_message_scheduler::send_window::Gap;

use crate::site::{SOON, Server, Site, stderr, until};
use crate::world::{World, gaps};

const FIFTY: Duration = Duration::from_secs(50);
const MINUTE: u64 = 60;

/// Cron: a run at each full minute, `minutes` times; returns how long each took.
fn every_minute(world: &mut World, minutes: u64) -> Vec<u64> {
    let begin = world.clock.now().monotonic;
    (0..minutes)
        .map(|minute| {
            let due = begin + Duration::from_secs(minute * MINUTE);
            world.clock.pass(due.saturating_sub(world.clock.now().monotonic));
            let started = world.clock.now().monotonic;
            world.run_within(FIFTY);
            world.clock.now().monotonic.saturating_sub(started).as_secs()
        })
        .collect()
}

#[test]
fn what_fits_goes_out_and_the_next_minutes_send_the_rest_at_the_same_pace() {
    let mut builder = World::builder();
    builder.config.gap = Gap { delay: Duration::from_mins(1), jitter: Duration::from_secs(15) };
    let mut world = builder.build();
    let numbers: Vec<String> = (0..12).map(|n| format!("0812000070{n:02}")).collect();
    world.message(&numbers.join(","));
    let lengths = every_minute(&mut world, 20);
    assert_eq!(world.recipients().len(), 12);
    assert!(gaps(&world.received()).iter().all(|gap| *gap >= 60), "{:?}", gaps(&world.received()));
    assert!(lengths.iter().all(|secs| *secs <= 30), "{lengths:?}");
    assert_eq!(world.ask("SELECT status FROM auto_messages"), "sent");
}

#[test]
fn no_run_waits_for_a_turn_that_comes_too_late_for_it() {
    let mut world = World::new();
    world.message("081200007001, 081200007002");
    let before = world.clock.now().monotonic;
    let report = world.run_within(FIFTY);
    assert_eq!((report.deliveries.sent, report.pending), (1, 1));
    assert_eq!(world.clock.now().monotonic, before, "the next turn is in 60 s");
}

#[test]
fn a_turn_within_the_first_30_of_50_seconds_is_waited_for_and_a_later_one_is_not() {
    for (gap, sent) in [(30, 2), (31, 1)] {
        let mut builder = World::builder();
        builder.config.gap = Gap { delay: Duration::from_secs(gap), jitter: Duration::ZERO };
        let mut world = builder.build();
        world.message("081200007001, 081200007002, 081200007003");
        assert_eq!(world.run_within(FIFTY).deliveries.sent, sent, "gap {gap}");
    }
}

#[test]
fn what_there_was_no_time_for_stays_as_it_is_for_the_next_run() {
    let mut world = World::new();
    let id = world.message("081200007001");
    let report = world.run_begun(Duration::from_secs(31), FIFTY);
    assert_eq!((report.messages.processed, world.received().len()), (0, 0));
    assert_eq!(world.status(id), "scheduled");
    world.run_within(FIFTY);
    assert_eq!(world.status(id), "sent");
}

#[test]
fn a_request_that_is_under_way_when_the_time_is_over_is_finished_and_recorded() {
    let options = Options { api_key: Some("kunci-rahasia".into()), ..Options::default() };
    let site = Site::with_waha(options, |_| std::thread::sleep(Duration::from_secs(2)));
    site.write_settings("SEND_DELAY_SECONDS=0\n");
    site.message("081200007001, 081200007002");
    let started = Instant::now();
    let run = site.run(&["run", "--max-seconds", "2"]);
    assert!(run.status.success(), "{}", stderr(&run));
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    let sql = "SELECT group_concat(status) FROM (SELECT status FROM deliveries ORDER BY id)";
    assert_eq!(site.sqlite3(sql).trim(), "sent,pending");
    assert_eq!(site.waha.received().len(), 1);
}

#[test]
fn no_claim_is_made_when_the_looks_before_it_took_the_time() {
    let site = Site::with_options(Options {
        api_key: Some("kunci-rahasia".into()),
        latency: Duration::from_millis(600),
        ..Options::default()
    });
    site.message("081200007001");
    assert!(site.run(&["run", "--max-seconds", "2"]).status.success());
    assert_eq!(site.sqlite3("SELECT status, attempts FROM deliveries").trim(), "pending|0");
    assert!(site.waha.received().is_empty());
}

#[test]
fn a_run_with_a_limit_writes_its_row_and_leaves_the_lock() {
    let site = Site::new();
    site.write_settings("SEND_DELAY_SECONDS=60\n");
    site.message("081200007001, 081200007002");
    for _ in 0..3 {
        let started = Instant::now();
        assert!(site.run(&["run", "--max-seconds", "50"]).status.success());
        assert!(started.elapsed() < SOON, "nothing to wait for");
    }
    let rows =
        site.sqlite3("SELECT count(*) FROM runs WHERE finished_at IS NOT NULL AND error IS NULL");
    assert_eq!((rows.trim(), site.waha.received().len()), ("3", 1));
    assert_eq!(site.status(), "sending");
}

#[test]
fn a_host_that_kills_at_60_seconds_finds_nobody_there() {
    // The turn of the second one comes in 1 s: it fits, and the third one's does not.
    let site = Site::new();
    site.write_settings("SEND_DELAY_SECONDS=1\n");
    site.message("081200007001, 081200007002, 081200007003, 081200007004");
    let log = site.path("run.log");
    let child = site
        .command(&["run", "--max-seconds", "3"])
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut run = Server { child, log, address: String::new() };
    let started = Instant::now();
    until("the run ends by itself", || !run.is_alive());
    assert!(started.elapsed() < 2 * SOON, "{:?}", started.elapsed());
    assert_eq!(run.end(), 0);
    let unfinished =
        site.sqlite3("SELECT count(*) FROM deliveries WHERE status IN ('sending','unknown')");
    assert_eq!((unfinished.trim(), site.waha.received().len()), ("0", 2));
}

#[test]
fn a_limit_of_no_use_is_refused() {
    let site = Site::new();
    for seconds in ["0", "1", "x", "-5"] {
        assert_eq!(
            site.run(&["run", "--max-seconds", seconds]).status.code(),
            Some(2),
            "{seconds}"
        );
    }
}
