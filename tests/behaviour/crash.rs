//! SIGKILL at every named place of the program, then a start without it: the crash table of the
//! crate doc, tried on the real binary.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::ledger::{self, Ledger, arrivals, gaps_millis};
use crate::site::{Site, until};

/// What stands when the program with one sender thread was killed at the nth visit of a place.
#[derive(Debug, PartialEq, Eq)]
struct Standing {
    /// Messages that have deliveries.
    planned: usize,
    sent: usize,
    sending: usize,
    /// What WhatsApp got.
    arrived: usize,
}

/// Three messages on two channels, and seven deliveries: enough for three visits of each place.
const MESSAGES: [(usize, usize); 3] = [(1, 2), (2, 3), (1, 2)];
const SESSIONS: [&str; 3] = ["default", "toko", "gudang"];
const VISITS: [usize; 3] = [1, 2, 3];

type Stands = fn(usize) -> Standing;

/// The places between a trigger and a status, in that order.
const PLACES: [(&str, Stands); 10] = [
    ("run_recorded", |_| standing(0, 0, 0, 0)),
    ("plan_uncommitted", |visit| standing(visit - 1, 0, 0, 0)),
    ("planned", |visit| standing(visit, 0, 0, 0)),
    ("before_claim", |visit| standing(3, visit - 1, 0, visit - 1)),
    ("claim_uncommitted", |visit| standing(3, visit - 1, 0, visit - 1)),
    ("claimed", |visit| standing(3, visit - 1, 1, visit - 1)),
    ("answered", |visit| standing(3, visit - 1, 1, visit)),
    ("record_uncommitted", |visit| standing(3, visit - 1, 1, visit)),
    ("recorded", |visit| standing(3, visit, 0, visit)),
    ("run_ended", |_| standing(3, 7, 0, 7)),
];

/// The places that a start visits, once.
const START_PLACES: [&str; 2] = ["recover_uncommitted", "recovered"];

/// The places where a channel is held and freed, once for each channel.
const HOLD_PLACES: [&str; 2] = ["held", "freed"];

/// The places that every transaction visits, whatever it is for.
const COMMIT_PLACES: [&str; 2] = ["before_commit", "committed"];

const fn standing(planned: usize, sent: usize, sending: usize, arrived: usize) -> Standing {
    Standing { planned, sent, sending, arrived }
}

/// A program to be killed, and what it had to do.
struct Victim {
    site: Site,
    ledger: Ledger,
    command: &'static str,
}

impl Victim {
    fn new(command: &'static str, settings: &str, messages: &[(usize, usize)]) -> Self {
        Self::at(Site::new(), command, settings, messages)
    }

    fn at(site: Site, command: &'static str, settings: &str, messages: &[(usize, usize)]) -> Self {
        site.write_settings(settings);
        for name in &SESSIONS[1..] {
            let sql = "INSERT INTO channels (name, session_name) VALUES (?1, ?1)";
            site.sql().execute(sql, [name]).unwrap();
        }
        let mut ledger = Ledger::default();
        for (channel, recipients) in messages {
            ledger.add(&site, *channel, *recipients);
        }
        Self { site, ledger, command }
    }

    /// Lets it run until it stops at `place`, and kills it there.
    fn kill_at(&self, place: &str, visit: usize) {
        let fail_point = format!("{place}:{visit}");
        let mut program = self.site.start(self.command, "killed.log", Some(&fail_point));
        if self.command == "serve" && !START_PLACES.contains(&place) {
            program.wait_until_ready();
            for _ in VISITS {
                assert_eq!(program.post("/api/cron-auto-message").0, 202);
            }
        }
        program.wait_for_log(&format!("fail point: {place}"));
        assert!(program.kill(), "{place}: killed while it ran");
    }

    /// The same for a run that may end before it comes there; returns whether it was killed.
    fn try_to_kill_at(&self, place: &str, visit: usize) -> bool {
        let log = format!("{place}-{visit}.log");
        let mut run = self.site.start("run", &log, Some(&format!("{place}:{visit}")));
        until("the run stops or ends", || run.log().contains("fail point") || !run.is_alive());
        run.kill()
    }

    /// Runs to the end of all work.
    fn finish(&self) {
        if self.command == "serve" {
            let server = self.site.serve();
            let (status, body) = server.post("/api/auto-message-scheduler");
            assert_eq!((status, body["status"].as_str()), (200, Some("finished")));
        } else {
            assert!(self.site.run(&["run"]).status.success());
        }
    }

    fn standing(&self) -> Standing {
        let rows = ledger::rows(&self.site);
        let count = |status: &str| rows.values().filter(|row| row.status == status).count();
        let planned: BTreeSet<&str> = rows.keys().map(|(_, text)| text.as_str()).collect();
        let arrived = self.site.waha.received().len();
        standing(planned.len(), count("sent"), count("sending"), arrived)
    }

    /// Finishes the work, and compares each recipient with how it stood after the kill.
    fn finish_and_compare(&self) {
        let left = ledger::rows(&self.site);
        let before = arrivals(&self.site.waha.received());
        self.finish();
        let balance = self.ledger.balance(&self.site);
        assert_eq!((balance.lost, balance.duplicated), (0, 0), "{balance}");
        for (letter, row) in ledger::rows(&self.site) {
            let was = left.get(&letter).map_or("not planned", |left| left.status.as_str());
            let now = row.status.as_str();
            match was {
                "sending" | "unknown" => assert_eq!(now, "unknown", "{letter:?} was {was}"),
                "sent" => assert_eq!(row.waha_message_id, left[&letter].waha_message_id),
                _ => {
                    assert_eq!(now, "sent", "{letter:?} was {was}");
                    assert!(!before.contains_key(&letter), "{letter:?} had gone out as {was}");
                }
            }
        }
    }
}

/// Does every piece of work in a few threads: most of it waits for the disk.
fn in_parallel<T: Sync>(all: &[T], threads: usize, work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::SeqCst)) {
                    work(one);
                }
            });
        }
    });
}

#[test]
fn a_run_killed_at_any_place_leaves_what_the_crash_table_says_and_the_next_run_ends_it() {
    let mut cases = Vec::new();
    for (place, stands) in PLACES {
        // One `run` is started once and ends once.
        let is_once = ["run_recorded", "run_ended"].contains(&place);
        let visits = if is_once { &VISITS[..1] } else { &VISITS };
        cases.extend(visits.iter().map(|visit| (place, stands, *visit)));
    }
    in_parallel(&cases, 4, |(place, stands, visit)| {
        let victim = Victim::new("run", "SEND_DELAY_SECONDS=0\nSENDERS=1\n", &MESSAGES);
        victim.kill_at(place, *visit);
        assert_eq!(victim.standing(), stands(*visit), "{place}:{visit}");
        victim.finish_and_compare();
    });
}

#[test]
fn a_run_killed_at_any_commit_loses_nothing_and_sends_nothing_twice() {
    in_parallel(&COMMIT_PLACES, 2, |place| {
        let visits = (1..1000).take_while(|visit| {
            let settings = "SEND_DELAY_SECONDS=0\nSENDERS=1\n";
            let victim = Victim::new("run", settings, &[(1, 2), (2, 1)]);
            let was_killed = victim.try_to_kill_at(place, *visit);
            victim.finish_and_compare();
            was_killed
        });
        let commits = visits.count();
        println!("killed at {commits} commits: {place}");
        assert!(commits > 10, "{place}: {commits} commits");
    });
}

#[test]
fn a_look_up_killed_at_any_commit_still_finds_what_arrived_and_sends_nothing() {
    for place in COMMIT_PLACES {
        let victim = Victim::new("run", "SEND_DELAY_SECONDS=0\nSENDERS=1\n", &[(1, 2)]);
        victim.kill_at("answered", 1);
        victim.finish();
        let due = "UPDATE deliveries SET next_attempt_at = datetime('now', '-1 minute')
                   WHERE status = 'unknown'";
        assert_eq!(victim.site.sql().execute(due, []).unwrap(), 1);
        let commits = (1..1000).take_while(|visit| victim.try_to_kill_at(place, *visit)).count();
        println!("killed at {commits} commits of a look-up: {place}");
        assert!(commits > 5, "{place}: {commits} commits");
        let balance = victim.ledger.balance(&victim.site);
        assert_eq!((balance.sent, balance.lost, balance.duplicated), (2, 0, 0), "{balance}");
    }
}

#[test]
fn a_server_killed_at_any_place_among_many_threads_loses_nothing_and_sends_nothing_twice() {
    let cases: Vec<(&str, usize)> =
        PLACES.iter().flat_map(|(place, _)| VISITS.map(|visit| (*place, visit))).collect();
    in_parallel(&cases, 4, |(place, visit)| {
        // The ticker begins one run after another.
        let settings = "SEND_DELAY_SECONDS=0\nTICK_SECONDS=1\n";
        let victim = Victim::new("serve", settings, &MESSAGES);
        victim.kill_at(place, *visit);
        victim.finish_and_compare();
    });
}

#[test]
fn a_start_that_is_killed_again_and_again_still_makes_unknown_what_was_being_sent() {
    let cases: Vec<(&str, &str)> =
        START_PLACES.iter().flat_map(|place| [(*place, "run"), (*place, "serve")]).collect();
    in_parallel(&cases, 2, |(place, command)| {
        let victim = Victim::new(command, "SEND_DELAY_SECONDS=0\nSENDERS=1\n", &MESSAGES);
        victim.kill_at("answered", 3);
        for visit in VISITS {
            victim.kill_at(place, 1);
            let wanted = if *place == "recovered" { "unknown" } else { "sending" };
            let rows = ledger::rows(&victim.site);
            let count = rows.values().filter(|row| row.status == wanted).count();
            assert_eq!(count, 1, "{place}, start {visit}: {wanted}");
        }
        victim.finish_and_compare();
    });
}

#[test]
fn a_kill_while_channels_are_held_or_freed_leaves_their_deliveries_to_be_sent() {
    let cases: Vec<(&str, usize)> =
        HOLD_PLACES.iter().flat_map(|place| VISITS.map(|visit| (*place, visit))).collect();
    in_parallel(&cases, 2, |(place, visit)| {
        let messages = [(1, 1), (2, 2), (3, 1)];
        let victim = Victim::new("run", "SEND_DELAY_SECONDS=0\n", &messages);
        let set_all = |status| {
            for session in SESSIONS {
                victim.site.waha.set_status(session, status);
            }
        };
        set_all("STOPPED");
        if *place == "freed" {
            assert!(victim.site.run(&["run"]).status.success());
            set_all("WORKING");
        }
        victim.kill_at(place, *visit);
        set_all("WORKING");
        victim.finish_and_compare();
    });
}

/// Once for each message that is planned in portions.
const PORTION_PLACES: [&str; 1] = ["planned_in_part"];

#[test]
fn a_message_to_many_whose_planning_was_killed_goes_out_once_to_each() {
    let victim = Victim::new("run", "SEND_DELAY_SECONDS=0\n", &[(1, 1_001), (2, 1)]);
    victim.kill_at(PORTION_PLACES[0], 1);
    assert_eq!(victim.site.waha.received().len(), 0);
    victim.finish_and_compare();
    assert_eq!(victim.site.waha.received().len(), 1_002);
}

#[test]
fn no_kill_shortens_the_gap_between_two_sends_on_a_channel() {
    // A run that has ended has no next arrival.
    in_parallel(&PLACES[..PLACES.len() - 1], PLACES.len(), |(place, _)| {
        let victim = Victim::new("serve", "SEND_DELAY_SECONDS=1\n", &[(1, 3), (2, 2)]);
        victim.kill_at(place, 1);
        victim.finish_and_compare();
        let gaps = gaps_millis(&victim.site.waha.received());
        assert!(!gaps.is_empty() && gaps.iter().all(|gap| *gap >= 1000), "{place}: {gaps:?}");
    });
}

/// The places of a question whether a number is on WhatsApp, before the first message to it.
const CHECK_PLACES: [&str; 6] = [
    "before_check",
    "check_uncommitted",
    "check_begun",
    "check_answered",
    "check_noted_uncommitted",
    "check_noted",
];

#[test]
fn a_kill_while_numbers_are_checked_loses_nothing_and_sends_nothing_twice() {
    let cases: Vec<(&str, usize)> =
        CHECK_PLACES.iter().flat_map(|place| [(*place, 1), (*place, 2)]).collect();
    in_parallel(&cases, 4, |(place, visit)| {
        let settings = "SEND_DELAY_SECONDS=0\nSENDERS=1\nCHECK_NUMBERS=on\n";
        let victim = Victim::new("run", settings, &MESSAGES);
        victim.kill_at(place, *visit);
        // An answer is waited for for minutes before it is believed to be lost.
        let lost = "UPDATE numbers SET checked_at = datetime('now', '-1 hour')
                    WHERE checked_at IS NOT NULL AND \"exists\" IS NULL";
        let awaited = victim.site.sql().execute(lost, []).unwrap();
        let is_lost = ["check_begun", "check_answered", "check_noted_uncommitted"].contains(place);
        assert_eq!(awaited, usize::from(is_lost), "{place}:{visit}");
        victim.finish_and_compare();
        assert_eq!(victim.site.waha.received().len(), 7, "{place}:{visit}");
    });
}

/// Tried in `backup_binary`.
const BACKUP_PLACES: [&str; 4] =
    ["backup_copied", "backup_checked", "restore_prepared", "restore_moved_aside"];
/// Tried in `secrets`.
const SECRET_PLACES: [&str; 1] = ["secret_half_rotated"];

/// Tried in `upgrade`.
const UPGRADE_PLACES: [&str; 1] = ["upgrade_kept"];

/// Tried in `prune_binary`.
const PRUNE_PLACES: [&str; 2] = ["gave_back", "write_anew"];

#[test]
fn every_fail_point_of_the_source_is_tried() {
    fn walk(directory: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let calls = text.split("fail_point::reach(\"").skip(1);
                found.extend(calls.map(|call| call.split('"').next().unwrap().to_owned()));
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    let tried = PLACES.iter().map(|(place, _)| *place).chain(START_PLACES);
    let tried = tried.chain(HOLD_PLACES).chain(COMMIT_PLACES).chain(BACKUP_PLACES);
    let tried = tried.chain(CHECK_PLACES);
    let tried = tried.chain(SECRET_PLACES).chain(UPGRADE_PLACES).chain(PORTION_PLACES);
    let tried = tried.chain(PRUNE_PLACES).chain(crate::media_binary::FILE_PLACES);
    // Those of other doors are tried where they are.
    let tried = tried.chain(crate::api_v1::once::PLACES.map(|(place, _)| place));
    let tried = tried.chain(crate::callbacks_binary::PLACES.map(|(place, _)| place));
    let tried = tried.chain(crate::link_faults::PLACES).chain(crate::link_changes::PLACES);
    assert_eq!(found, tried.map(str::to_owned).collect());
}

#[test]
fn a_release_build_has_no_fail_points() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = fs::read_to_string(root.join("src/fail_point.rs")).unwrap();
    let code: Vec<&str> = source.split("\npub(crate) fn reach(").collect();
    assert_eq!(code.len(), 3, "two of them: one for tests, one for releases");
    assert!(code[0].ends_with("\n#[cfg(debug_assertions)]"));
    assert!(code[1].ends_with("\n#[cfg(not(debug_assertions))]"));
    assert_eq!(code[2], "_name: &str) {}\n");
    let lines_with = |start: &str| source.lines().filter(|line| line.starts_with(start)).count();
    let items = ["pub ", "pub(crate) ", "thread_local!"].map(lines_with);
    let items: usize = items.iter().sum();
    assert_eq!(lines_with("#[cfg("), items, "each item is of one of the two builds");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    assert!(!manifest.contains("debug-assertions"), "a release has none");
}
