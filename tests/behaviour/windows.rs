//! Send windows: nothing goes out at night, nothing is lost for it, and nobody waits for the morning.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use auto_message_scheduler::clock::{Clock, Now, Timestamp, Wake};
use auto_message_scheduler::config::Config;
use auto_message_scheduler::engine;
use auto_message_scheduler::fake_waha::{FakeWaha, Options};
use auto_message_scheduler::send_window::{Allowance, SendWindow};
use auto_message_scheduler::store::Store;
use auto_message_scheduler::trigger::Triggers;
use auto_message_scheduler::waha::Waha;

use crate::site::{Site, stderr};
use crate::world::{Builder, World, config};

const THREE: &str = "081200007001, 081200007002, 081200007003";

fn with_window(window: &str) -> Builder {
    let mut builder = World::builder();
    builder.config.allowance.window = SendWindow::parse(window).unwrap();
    builder
}

/// The local time of each arrival, in Jakarta.
fn arrivals(world: &World) -> Vec<String> {
    let local = |at: Timestamp| at.plus(Duration::from_hours(7)).to_string()[..16].to_owned();
    world.received().iter().map(|received| local(received.at)).collect()
}

#[test]
fn outside_the_window_a_run_ends_at_once_and_leaves_everything_pending() {
    let world = with_window("09:00-17:00").build();
    let id = world.message(THREE);
    let before = world.clock.now().monotonic;
    let report = world.run();
    assert_eq!((report.pending, report.deliveries.sent), (3, 0));
    assert_eq!(world.clock.now().monotonic, before, "nobody waited");
    assert_eq!(world.status(id), "sending");
    assert_eq!(world.ask("SELECT held_reason FROM channels"), "", "a window is no trouble");
    assert!(world.waha.requests().is_empty(), "WAHA is not even asked");
}

#[test]
fn when_the_window_opens_what_waited_goes_out_at_the_usual_pace() {
    let world = with_window("09:00-17:00").build();
    let id = world.message(THREE);
    world.run();
    world.clock.pass(Duration::from_hours(1));
    world.run();
    assert_eq!(arrivals(&world), ["2026-12-01T09:00", "2026-12-01T09:01", "2026-12-01T09:02"]);
    assert_eq!(world.status(id), "sent");
}

#[test]
fn a_server_rests_when_the_window_opens_for_what_was_cancelled_meanwhile() {
    // Woken at the very moment, and a little later, as a real clock does it.
    for late in [Duration::ZERO, Duration::from_millis(7)] {
        let world = with_window("09:00-17:00").build();
        let id = world.message(THREE);
        world.trigger();
        let minute = Duration::from_mins(1);
        for _ in 0..10 {
            world.serve_at_most(minute);
        }
        assert_eq!(world.status(id), "sending");
        world.execute("UPDATE auto_messages SET status = 'cancelled'");
        for _ in 0..200 {
            world.serve_at_most(minute);
            world.clock.pass(late);
        }
        assert!(world.clock.wall() > Timestamp::parse("2026-12-01T04:00:00Z").unwrap(), "{late:?}");
        assert!(world.received().is_empty());
    }
}

#[test]
fn a_window_that_ends_during_a_message_leaves_the_rest_for_the_next_morning() {
    let world = with_window("06:00-08:02").build();
    let id = world.message(THREE);
    let before = world.clock.now().monotonic;
    assert_eq!(world.run().pending, 1);
    let waited = world.clock.now().monotonic.checked_sub(before).unwrap();
    assert_eq!(waited.as_secs(), 60, "the run ends with its last send, not a gap later");
    assert_eq!(arrivals(&world), ["2026-12-01T08:00", "2026-12-01T08:01"]);
    world.clock.pass(Duration::from_hours(24));
    world.clock.set("2026-12-01T23:00:00Z");
    world.run();
    assert_eq!(arrivals(&world)[2], "2026-12-02T06:00");
    assert_eq!(world.status(id), "sent");
}

#[test]
fn what_waits_for_a_window_past_the_late_limit_expires() {
    let world = with_window("09:00-17:00").build();
    let id = world.message("081200007001");
    world.run();
    world.clock.pass(Duration::from_hours(25));
    world.execute("UPDATE channels SET send_window = '12:00-13:00'");
    let report = world.run();
    assert_eq!(report.deliveries.expired, 1);
    assert_eq!(world.status(id), "failed");
    assert_eq!(world.ask("SELECT error FROM deliveries"), "still pending 24 hours after its time");
    assert!(world.received().is_empty());
}

#[test]
fn a_channels_own_window_goes_before_the_setting_and_never_means_another_channel() {
    let world = with_window("09:00-17:00").build();
    world.execute(
        "INSERT INTO channels (id, name, session_name, send_window) VALUES
             (2, 'pagi', 'pagi', '7.00 - 8.30'), (3, 'selalu', 'selalu', 'always')",
    );
    for channel in [1, 2, 3] {
        let id = world.message("081200007001");
        world.execute(&format!("UPDATE auto_messages SET channel_id = {channel} WHERE id = {id}"));
    }
    world.run();
    let mut sessions: Vec<_> = world.received().into_iter().map(|one| one.session).collect();
    sessions.sort();
    assert_eq!(sessions, ["pagi", "selalu"]);
}

#[test]
fn a_wall_clock_that_is_set_into_the_night_stops_the_sending() {
    let world = with_window("07:00-21:00").build();
    world.message(THREE);
    world.trigger();
    world.step_until_received(1);
    world.clock.set("2026-12-01T15:00:00Z");
    world.run();
    assert_eq!(world.received().len(), 1);
    world.clock.set("2026-12-01T02:00:00Z");
    world.run();
    assert_eq!(world.received().len(), 3);
}

#[test]
fn nonsense_is_refused_with_the_right_form_and_other_spellings_become_the_usual_one() {
    let world = World::new();
    for (written, kept) in [
        ("07:00-21:00", "07:00-21:00"),
        ("7.00 - 21.00", "07:00-21:00"),
        ("7:05–9:30", "07:05-09:30"),
        ("21:00-2:00", "21:00-02:00"),
        ("08:00-24:00", "08:00-24:00"),
        ("ALWAYS", "always"),
        ("", ""),
        ("  ", ""),
    ] {
        world.execute("UPDATE channels SET send_window = NULL");
        world.execute(&format!("UPDATE channels SET send_window = '{written}'"));
        assert_eq!(world.ask("SELECT send_window FROM channels"), kept, "{written}");
        let name = format!("x{written}");
        let insert = "INSERT INTO channels (name, send_window) VALUES (?1, ?2)";
        world.sql.execute(insert, [&name, written]).unwrap();
        let sql = format!("SELECT send_window FROM channels WHERE name = '{name}'");
        assert_eq!(world.ask(&sql), kept, "{written}");
        SendWindow::parse(kept).unwrap();
    }
    for written in [
        "siang",
        "7-21",
        "07:00",
        "07:00-07:00",
        "07:60-08:00",
        "25:00-26:00",
        "24:00-07:00",
        "07:00-24:01",
        "-",
        "107:00-21:00",
    ] {
        assert!(SendWindow::parse(written).is_err(), "{written}: the program and the table agree");
        for sql in [
            "UPDATE channels SET send_window = ?1 WHERE id = 1",
            "INSERT INTO channels (name, send_window) VALUES ('y', ?1)",
        ] {
            let error = world.sql.execute(sql, [written]).unwrap_err().to_string();
            assert!(error.contains("write it as 07:00-21:00"), "{written}: {error}");
        }
    }
}

#[test]
fn a_row_with_nonsense_in_spite_of_the_triggers_holds_its_own_channel_only() {
    let world = World::new();
    world.execute(
        "INSERT INTO channels (id, name, session_name) VALUES (2, 'kedua', 'kedua');
         DROP TRIGGER channels_send_window_on_update;
         UPDATE channels SET send_window = 'siang' WHERE id = 1",
    );
    let first = world.message("081200007001");
    let second = world.message("081200007002");
    world.execute(&format!("UPDATE auto_messages SET channel_id = 2 WHERE id = {second}"));
    world.run();
    assert_eq!(world.status(second), "sent");
    assert_eq!(world.status(first), "sending");
    let held = world.ask("SELECT held_reason FROM channels WHERE id = 1");
    assert!(held.contains("send_window `siang` is no window: write hours such as"), "{held}");
    world.execute("UPDATE channels SET send_window = NULL WHERE id = 1");
    world.run();
    assert_eq!(world.status(first), "sent", "mended, it goes on by itself");
}

#[test]
fn wherever_the_window_ends_nothing_is_claimed_after_its_end() {
    let mut late = 0;
    for reading in 1..25 {
        let mut builder = with_window("07:00-08:01");
        builder.in_memory = true;
        let world = builder.build();
        world.message("081200007001");
        world.clock.pass_at_reading(reading, Duration::from_secs(61));
        world.run();
        let claimed_at = world.ask("SELECT claimed_at FROM deliveries");
        assert!(claimed_at.as_str() < "2026-12-01T01:01:00Z", "reading {reading}: {claimed_at}");
        late += u32::from(claimed_at.is_empty());
    }
    assert!((3..20).contains(&late), "{late}: the window must end before the claim and after it");
}

/// A clock whose time passes while somebody sleeps, for programs of several threads.
pub struct FastClock(Mutex<Now>);

impl FastClock {
    pub fn new(wall: Timestamp) -> Self {
        Self(Mutex::new(Now { wall, monotonic: Duration::ZERO }))
    }
}

impl Clock for FastClock {
    fn now(&self) -> Now {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, wake: &Wake, seen: u64, max: Option<Duration>) {
        thread::sleep(Duration::from_millis(1));
        // Whoever waits for the bell alone waits for ever without it.
        while max.is_none() && wake.rings() == seen {
            thread::sleep(Duration::from_millis(1));
        }
        if let Some(max) = max
            && wake.rings() == seen
        {
            let mut now = self.0.lock().unwrap();
            now.wall = now.wall.plus(max);
            now.monotonic += max;
        }
    }
}

/// What a server without a ticker sends from `start` on, once it is `count` messages; none when nobody wakes.
pub fn served(
    config: Config,
    start: &str,
    rows: impl FnOnce(&rusqlite::Connection),
    count: usize,
) -> Vec<Timestamp> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    let start = Timestamp::parse(start).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(FastClock::new(start));
    let fake = FakeWaha::start(Options::default(), Arc::clone(&clock), |_| {}).unwrap();
    let store = Store::open(&path).unwrap();
    rows(&rusqlite::Connection::open(&path).unwrap());
    let triggers = Arc::new(Triggers::default());
    let engine = engine::Engine::new(
        Arc::new(Mutex::new(store)),
        Waha::new(&fake.base_url(), None, Duration::from_secs(5)),
        Arc::clone(&clock),
        Arc::clone(&triggers),
        Arc::new(config),
        7,
    );
    triggers.pull(auto_message_scheduler::store::Trigger::Cron, None);
    thread::scope(|scope| {
        scope.spawn(|| {
            engine.send_until_stopped(1, None).unwrap();
        });
        // A failure must end the program, too.
        let arrived = (0..30_000).any(|_| {
            thread::sleep(Duration::from_millis(1));
            fake.received().len() == count
        });
        triggers.stop();
        assert!(arrived, "nobody woke");
    });
    fake.received().iter().map(|one| one.at).collect()
}

#[test]
fn a_server_without_a_ticker_wakes_when_the_window_opens() {
    let window = SendWindow::parse("07:00-21:00").unwrap();
    let config = Config { allowance: Allowance { window, ..Allowance::default() }, ..config() };
    let sql =
        "INSERT INTO auto_messages (message, contact_ids, scheduled_at) VALUES ('Halo', ?1, ?2)";
    let message = |db: &rusqlite::Connection| {
        db.execute(sql, [THREE, "2026-12-01T15:00:00Z"]).unwrap();
    };
    let sent = served(config, "2026-12-01T15:00:00Z", message, 3);
    let late = sent[0].secs() - Timestamp::parse("2026-12-02T00:00:00Z").unwrap().secs();
    assert!((0..=60).contains(&late), "in the first minute of the window: {sent:?}");
}

#[test]
fn a_cron_run_and_the_scheduler_do_not_wait_for_the_window() {
    let site = Site::new();
    // A window that is closed now, whatever the hour.
    let closed = site.sqlite3("SELECT strftime('%H:%M', 'now', '+2 hours') || '-' || strftime('%H:%M', 'now', '+3 hours')");
    site.write_settings(&format!("TIMEZONE=UTC\nSEND_WINDOW={closed}"));
    site.message("081200007001");
    let output = site.run(&["run"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(site.status(), "sending");
    let mut server = site.serve();
    let (status, body) = server.post("/api/auto-message-scheduler");
    assert_eq!((status, body["deliveries"]["pending"].as_u64()), (200, Some(1)), "{body}");
    server.wait_for_log("channel 1: waits until ");
    assert!(server.log().contains("it is outside its send window"), "{}", server.log());
    assert_eq!(site.waha.received().len(), 0);
}
