//! Never twice, never lost, never a lie, with a WAHA that misbehaves in every way we could think of.
//!
//! Each fault hits the first, a middle and the last of five recipients; after it the program goes
//! on, ends once the outcome is recorded, or dies before. Then WAHA is well, and time passes until
//! nothing is left to do. The same with a picture: a third of the cases, all with FAULTS=all.
//! `cargo test --test behaviour faults -- --nocapture` prints the table.

mod around;
mod request;
mod script;
mod scripted_waha;
mod table;

use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use auto_message_scheduler::config::Config;
use auto_message_scheduler::content::Content;
use auto_message_scheduler::delivery::{HoldKind, Outcome};
use auto_message_scheduler::files::Files;
use auto_message_scheduler::waha::{Outgoing, Waha};

use crate::media::{jpeg, put, sha256};
use crate::world::World;
use script::{Fault, Script, Trick};
use scripted_waha::{API_KEY, Arrival, ScriptedWaha};
use table::{REACH, REPLIES, Reach, WIRE, of_a_picture, url_without_address};

const RECIPIENTS: usize = 5;
const DELAY_MILLIS: i64 = 60_000;
/// Most cases wait or write more than they compute.
const THREADS: usize = 8;
/// Less than this, and a busy machine makes healthy requests late.
const SHORT_TIMEOUT: Duration = Duration::from_millis(600);
const LONG_TIMEOUT: Duration = Duration::from_secs(20);
/// Of 50 MB, the rest being what the sockets' buffers hold: our 1 MiB and theirs.
const FLOODED_MAX: usize = 16 * 1024 * 1024;

/// What the program does right after the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    GoesOn,
    EndsOnceRecorded,
    DiesBeforeRecording,
}

/// What the five recipients shall get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carries {
    Text,
    Picture,
}

struct Case<'a> {
    fault: &'a Fault,
    carries: Carries,
    reach: Option<Reach>,
    /// The recipient that it hits, from 1.
    on: usize,
    after: After,
    offers_ids: bool,
}

/// What the cases of one fault came to.
#[derive(Clone, Default)]
struct Tally {
    times: usize,
    lost: usize,
    duplicated: usize,
}

#[test]
fn no_fault_of_the_wire_loses_or_repeats_a_message() {
    let all = [After::GoesOn, After::EndsOnceRecorded, After::DiesBeforeRecording];
    try_all(&WIRE.iter().map(|fault| (fault, None)).collect::<Vec<_>>(), &all, Carries::Text);
}

#[test]
fn no_fault_of_the_wire_loses_or_repeats_a_picture() {
    try_all_with_a_picture(WIRE);
}

#[test]
fn no_reply_of_waha_loses_or_repeats_a_picture() {
    try_all_with_a_picture(REPLIES);
}

fn try_all_with_a_picture(faults: &[Fault]) {
    let all = [After::GoesOn, After::EndsOnceRecorded, After::DiesBeforeRecording];
    let faults: Vec<Fault> = faults.iter().filter_map(of_a_picture).collect();
    let faults: Vec<_> = faults.iter().map(|fault| (fault, None)).collect();
    try_all(&faults, &all, Carries::Picture);
}

#[test]
fn no_reply_of_waha_loses_or_repeats_a_message() {
    let all = [After::GoesOn, After::EndsOnceRecorded, After::DiesBeforeRecording];
    try_all(&REPLIES.iter().map(|fault| (fault, None)).collect::<Vec<_>>(), &all, Carries::Text);
}

#[test]
fn an_address_that_leads_nowhere_loses_or_repeats_no_message() {
    // Nothing is claimed: the look at the session fails already. So nobody dies while sending.
    let faults: Vec<_> = REACH.iter().map(|(fault, reach)| (fault, Some(*reach))).collect();
    for carries in [Carries::Text, Carries::Picture] {
        try_all(&faults, &[After::GoesOn, After::EndsOnceRecorded], carries);
    }
}

#[test]
fn a_request_that_cannot_have_left_is_deferred_whatever_kept_it() {
    let clock = World::builder().clock;
    let start = |trick| {
        ScriptedWaha::start(Script { trick, on_send: 1, offers_ids: false }, "", clock.clone())
    };
    let cases = [
        (start(Trick::None), "https"),
        (start(Trick::TlsAlert), "https"),
        (start(Trick::TlsClosed), "https"),
        (start(Trick::TlsSilence), "https"),
        (start(Trick::Refuses), "http"),
        (start(Trick::FullBacklog), "http"),
    ];
    for (waha, scheme) in &cases {
        waha.shut_the_door();
        assert_deferred(&waha.url(scheme));
        let journal = waha.journal();
        assert_eq!((journal.begun, journal.complete.len()), (0, 0));
    }
    assert_deferred(&url_without_address());
}

fn assert_deferred(url: &str) {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("shop.db");
    let picture = jpeg(20_000);
    let files = directory.path().join("shop.db.files");
    std::fs::create_dir(&files).unwrap();
    std::fs::write(files.join(sha256(&picture)), &picture).unwrap();
    let column = format!(r#"{{"kind":"image","file":"{}"}}"#, sha256(&picture));
    for column in [None, Some(column.as_str())] {
        assert_one_deferred(url, &Content::read(column).unwrap(), &Files::beside(&database));
    }
}

fn assert_one_deferred(url: &str, content: &Content, files: &Files) {
    let waha = Waha::new(url, Some(API_KEY.to_owned()), SHORT_TIMEOUT);
    let outcome = waha.send(&Outgoing {
        session: "default",
        chat_id: "6281200007001@c.us",
        text: "Halo",
        content,
        files,
        config: &Config {
            waha_timeout: SHORT_TIMEOUT,
            timeout_per_mb: Duration::ZERO,
            ..Config::default()
        },
        reserved_id: None,
        auto_message_id: 1,
        delivery_id: 1,
        metadata: None,
    });
    let Outcome::Deferred(hold) = outcome else { panic!("{url}: {outcome:?}") };
    assert_eq!(hold.kind, HoldKind::Unreachable, "{url}");
    assert!(!hold.reason.to_string().contains(API_KEY), "{}", hold.reason);
}

fn try_all(faults: &[(&Fault, Option<Reach>)], afters: &[After], carries: Carries) {
    // Neighbours have different faults, so that not all wait, or fill a backlog, at once.
    let mut cases = Vec::new();
    let is_thin = carries == Carries::Picture && std::env::var_os("FAULTS").is_none();
    for on in [1, 3, RECIPIENTS] {
        for (turn, after) in afters.iter().copied().enumerate() {
            for (place, (fault, reach)) in faults.iter().enumerate() {
                if is_thin && (place + on / 2 + turn) % afters.len() != 0 {
                    continue;
                }
                let offers_ids = fault.trick.is_about_connecting() || (on + turn) % 2 == 0;
                cases.push((place, Case { fault, carries, reach: *reach, on, after, offers_ids }));
            }
        }
    }
    let tallies = Mutex::new(vec![Tally::default(); faults.len()]);
    let wrong = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((place, case)) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let found = case.run();
                    let mut tallies = tallies.lock().unwrap();
                    tallies[*place].times += 1;
                    tallies[*place].lost += found.lost;
                    tallies[*place].duplicated += found.duplicated;
                    wrong.lock().unwrap().extend(found.wrong);
                }
            });
        }
    });
    for ((fault, _), tally) in faults.iter().zip(tallies.into_inner().unwrap()) {
        let Tally { times, lost, duplicated } = tally;
        println!("| {}, {carries:?} | {times} | {lost} | {duplicated} |", fault.name);
    }
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} complaints, {} cases:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

/// What one case came to.
#[derive(Default)]
struct Found {
    wrong: Vec<String>,
    lost: usize,
    duplicated: usize,
}

impl Case<'_> {
    fn run(&self) -> Found {
        let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
        elsewhere.set_nonblocking(true).unwrap();
        let mut builder = World::builder();
        let script =
            Script { trick: self.fault.trick, on_send: self.on, offers_ids: self.offers_ids };
        let url = format!("http://{}/api/sendText", elsewhere.local_addr().unwrap());
        let waha = ScriptedWaha::start(script, &url, builder.clock.clone());
        builder.waha_url = Some(waha.url("http"));
        builder.api_key = Some(API_KEY.to_owned());
        builder.waha_timeout = if self.fault.is_slow { SHORT_TIMEOUT } else { LONG_TIMEOUT };
        (builder.config.waha_timeout, builder.config.timeout_per_mb) =
            (builder.waha_timeout, Duration::ZERO);
        let mut world = builder.build();
        world.message("081200007001, 081200007002, 081200007003, 081200007004, 081200007005");
        if self.carries == Carries::Picture {
            let name = put(&world, &jpeg(20_000));
            let content = format!(r#"{{"kind":"image","file":"{name}"}}"#);
            world.execute(&format!("UPDATE auto_messages SET content = '{content}'"));
        }

        let mut found = Found::default();
        self.suffer(&mut world, &waha, &mut found);
        waha.heal();
        finish(&world);
        self.check_end(&world, &waha, &mut found);
        if elsewhere.accept().is_ok() {
            self.note(&mut found, "another host was asked");
        }
        found
    }

    fn note(&self, found: &mut Found, what: &str) {
        let Self { fault, carries, on, after, .. } = self;
        found.wrong.push(format!("{}, {carries:?}, recipient {on}, {after:?}: {what}", fault.name));
    }

    fn expect(&self, found: &mut Found, is_so: bool, what: &str) {
        if !is_so {
            self.note(found, what);
        }
    }

    /// Up to and with the fault, and what the program does right after.
    fn suffer(&self, world: &mut World, waha: &ScriptedWaha, found: &mut Found) {
        world.trigger();
        let complete = |waha: &ScriptedWaha| waha.journal().complete.len();
        while complete(waha) + 1 < self.on {
            world.step();
        }
        if let Some(reach) = self.reach {
            let bad_url = match reach {
                Reach::NoSuchName => url_without_address(),
                Reach::Tls => waha.url("https"),
            };
            let good_url = std::mem::replace(&mut world.url, bad_url);
            world.restart();
            world.run();
            self.check_outcome(world, found);
            world.url = good_url;
            world.restart();
            return;
        }
        if self.after == After::DiesBeforeRecording {
            world.die_while_sending();
            self.expect(found, waha.has_fired(), "the fault did not happen");
            let status =
                world.ask(&format!("SELECT status FROM deliveries WHERE id = {}", self.on));
            self.expect(found, status == "sending", &format!("{status} on the disk, not sending"));
            world.restart();
            return;
        }
        while !waha.has_fired() {
            world.step();
        }
        self.check_outcome(world, found);
        if self.after == After::EndsOnceRecorded {
            world.restart();
        }
    }

    /// Right after the fault: its delivery, its channel, and nobody else.
    fn check_outcome(&self, world: &World, found: &mut Found) {
        let rows = world.rows("SELECT status, coalesce(error, '') FROM deliveries ORDER BY id");
        for (index, row) in rows.iter().enumerate() {
            let (status, error) = row.split_once('|').unwrap();
            let is_right = match (index + 1).cmp(&self.on) {
                std::cmp::Ordering::Less => status == "sent",
                std::cmp::Ordering::Greater => status == "pending",
                std::cmp::Ordering::Equal => {
                    let says_why = self.reach.is_some() || error.contains(self.fault.because);
                    self.fault.ends.contains(&status) && says_why
                }
            };
            self.expect(found, is_right, &format!("delivery {} is {row} after it", index + 1));
        }
        let channel = "SELECT coalesce(held_kind, ''), coalesce(held_reason, '') FROM channels";
        let channel = world.rows(channel).remove(0);
        let (kind, reason) = channel.split_once('|').unwrap();
        let says_why = self.fault.hold.is_empty() || reason.contains(self.fault.because);
        // Where the wire decides, one end holds the channel and the other does not.
        let is_pending = rows[self.on - 1].starts_with("pending");
        let either = self.fault.ends.len() > 1 && is_pending;
        let hold = if either { "unreachable" } else { self.fault.hold };
        self.expect(found, kind == hold && says_why, &format!("held: {channel}"));
        self.expect(found, !channel.contains(API_KEY), "the key is in the table");
    }

    /// When all is over: the table and WAHA's journal.
    fn check_end(&self, world: &World, waha: &ScriptedWaha, found: &mut Found) {
        let journal = waha.journal();
        let rows = world.rows("SELECT chat_id, status, error FROM deliveries ORDER BY id");
        self.expect(found, rows.len() == RECIPIENTS, "a recipient has no row");
        for (index, row) in rows.iter().enumerate() {
            let [chat_id, status, error] = row.splitn(3, '|').collect::<Vec<_>>()[..] else {
                unreachable!("three columns")
            };
            let is_hit = index + 1 == self.on;
            let arrivals: Vec<&Arrival> =
                journal.complete.iter().filter(|one| one.chat_id == chat_id).collect();
            let accepted = arrivals.iter().filter(|one| !one.is_rejected).count();
            let after_accepted = arrivals.iter().skip_while(|one| one.is_rejected).skip(1).count();
            if after_accepted > 0 {
                found.duplicated += after_accepted;
                self.note(found, &format!("{chat_id} got {} requests", arrivals.len()));
            }
            let is_visible = if is_hit {
                self.may_end_as(status) && (status == "sent" || !error.is_empty())
            } else {
                status == "sent"
            };
            let is_true = status != "sent" || accepted == 1;
            if !is_visible || !is_true {
                found.lost += 1;
                self.note(found, &format!("in the end: {row}, {accepted} accepted"));
            }
        }
        let message = world.ask("SELECT status FROM auto_messages");
        self.expect(found, message == "sent", &format!("the message is {message}"));
        self.expect(found, journal.keyless == 0, "a request had no key");
        self.expect(found, journal.begun <= RECIPIENTS + 1, "more requests than one retry");
        let flooded = journal.flooded;
        let is_bounded = self.fault.is_slow || flooded < FLOODED_MAX;
        self.expect(found, is_bounded, &format!("{flooded} bytes of a reply were taken"));
        let timely: Vec<i64> =
            journal.complete.iter().filter(|one| !one.is_late).map(|one| one.at.millis()).collect();
        let is_slow_enough = timely.windows(2).all(|pair| pair[1] - pair[0] >= DELAY_MILLIS);
        self.expect(found, is_slow_enough, &format!("a burst: {timely:?}"));
    }

    fn may_end_as(&self, status: &str) -> bool {
        if self.after == After::DiesBeforeRecording {
            return status == "unknown";
        }
        self.fault.ends.iter().any(|end| match *end {
            "pending" => status == "sent",
            end => status == end,
        })
    }
}

/// Lets time pass, with a trigger now and then, until nothing is left to do. A person frees a
/// restricted channel, which by itself would rest until the messages are too late.
fn finish(world: &World) {
    for _ in 0..12 {
        world.run();
        let open = "SELECT count(*) FROM deliveries WHERE status IN ('pending', 'sending')";
        if world.ask(open) == "0" {
            return;
        }
        world.execute("UPDATE channels SET held_reason = NULL WHERE held_kind = 'restricted'");
        world.clock.pass(Duration::from_mins(61));
    }
}
