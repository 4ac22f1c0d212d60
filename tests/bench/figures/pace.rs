//! Punctuality: one channel as fast as the disk, many channels at their paces.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use super::small::mega;
use crate::program::Place;
use crate::stub::{Arrival, Stub};
use crate::{Line, limit};

/// One message to 5,000 recipients of one channel without a delay, against the limit.
pub fn drain(is_quick: bool) -> Vec<Line> {
    let count: u32 = if is_quick { 1_000 } else { 5_000 };
    let mut ratios = Vec::new();
    let mut rates = (0.0, 0.0);
    // The disk of a shared machine changes from one second to the next: limits around each run.
    for _ in 0..if is_quick { 1 } else { 3 } {
        let stub = Stub::start(Duration::ZERO);
        let place = Place::new(&stub.base_url, &[("SEND_DELAY_SECONDS", "0")]);
        place.fill(&message(1, "datetime('now')", count));
        let before = limit::messages_per_second(&stub, &place, count / 2);
        let already = stub.count();
        assert!(place.command(&["run"]).status().expect("it runs").success());
        let arrivals = stub.arrivals().split_off(already);
        assert_eq!(arrivals.len(), count as usize, "all were sent");
        let after = limit::messages_per_second(&stub, &place, count / 2);
        let taken = arrivals[arrivals.len() - 1].at - arrivals[0].at;
        let rate = f64::from(count - 1) / taken.as_secs_f64();
        let limit = 2.0 / (1.0 / before + 1.0 / after);
        ratios.push(rate / limit);
        rates = (rate, limit);
    }
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios[ratios.len() / 2];
    vec![Line {
        figure: format!("drain {count} recipients of one channel, delay 0"),
        must: "0.5 of the limit loop".into(),
        measured: format!("{ratio:.2} ({:.0} of {:.0} messages/s)", rates.0, rates.1),
        is_reached: ratio >= 0.5,
    }]
}

/// 1,000 channels at a delay of 2 s for a minute.
pub fn many_channels(is_quick: bool) -> Vec<Line> {
    let (channels, secs) = if is_quick { (200, 15) } else { (1_000, 60) };
    let stub = Stub::start(Duration::ZERO);
    let settings = [("SEND_DELAY_SECONDS", "2"), ("SENDERS", "16")];
    let place = Place::new(&stub.base_url, &settings);
    fill_channels(&place, channels, secs / 2 + 20);
    let paced = run_paced(&place, &stub, secs, Duration::from_secs(2), channels);
    let possible = f64::from(channels) / 2.0;
    let ratio = paced.rate / possible;
    vec![Line {
        figure: format!("{channels} channels, delay 2 s, {secs} s long"),
        must: format!("99 % of {possible:.1} messages/s, p99 lateness at most 50 ms"),
        measured: format!(
            "{:.1} %, p99 {:.0} ms, {:.1} MB resident, {:.0} % of a core",
            ratio * 100.0,
            paced.p99_lateness.as_secs_f64() * 1e3,
            mega(paced.peak_bytes),
            paced.cpu * 100.0
        ),
        is_reached: ratio >= 0.99 && paced.p99_lateness <= Duration::from_millis(50),
    }]
}

/// 2,000 channels at a delay of 60 s, and a WAHA that takes a second for each.
pub fn slow_waha(is_quick: bool) -> Vec<Line> {
    let (channels, secs) = if is_quick { (400, 130) } else { (2_000, 300) };
    let stub = Stub::start(Duration::from_secs(1));
    let settings = [("SEND_DELAY_SECONDS", "60"), ("SENDERS", "64")];
    let place = Place::new(&stub.base_url, &settings);
    fill_channels(&place, channels, secs / 60 + 4);
    // The delay counts from the end of a send, so a second of WAHA's is a second of the gap.
    let gap = Duration::from_secs(61);
    let paced = run_paced(&place, &stub, secs, gap, channels);
    let possible = f64::from(channels) / gap.as_secs_f64();
    let ratio = paced.rate / possible;
    vec![Line {
        figure: format!(
            "{channels} channels, delay 60 s, WAHA answering in 1 s, 64 senders, {secs} s"
        ),
        must: format!(
            "99 % of {possible:.1} messages/s, p99 lateness at most 100 ms, 24 MB, 10 % of a core"
        ),
        measured: format!(
            "{:.1} %, p99 {:.0} ms, {:.1} MB resident, {:.1} % of a core",
            ratio * 100.0,
            paced.p99_lateness.as_secs_f64() * 1e3,
            mega(paced.peak_bytes),
            paced.cpu * 100.0
        ),
        is_reached: ratio >= 0.99
            && paced.p99_lateness <= Duration::from_millis(100)
            && paced.peak_bytes <= 24_000_000
            && paced.cpu <= 0.1,
    }]
}

pub struct Paced {
    pub rate: f64,
    pub p99_lateness: Duration,
    peak_bytes: u64,
    pub cpu: f64,
}

/// Triggers once and watches: the rate is that of the window after every channel's first send, the
/// lateness of a message is what its channel waited beyond `gap`.
pub fn run_paced(place: &Place, stub: &Stub, secs: u32, gap: Duration, channels: u32) -> Paced {
    let server = place.serve();
    server.post("/api/cron-auto-message");
    assert!(stub.wait_for(channels as usize, Duration::from_mins(5)), "every channel begins");
    // Whole rounds, so that the rate does not depend on where in a round the window ends.
    let rounds = (Duration::from_secs(secs.into()).as_secs_f64() / gap.as_secs_f64()).floor();
    let (began, cpu_before) = (Instant::now(), server.usage().cpu);
    let window = gap.mul_f64(rounds);
    thread::sleep(window);
    let ended = Instant::now();
    let usage = server.usage();
    let arrivals = stub.arrivals();
    let inside = arrivals.iter().filter(|one| one.at >= began && one.at < ended).count();
    let mut lateness = lateness(&arrivals, gap);
    lateness.sort();
    let p99_lateness = lateness[lateness.len() * 99 / 100];
    #[expect(clippy::cast_precision_loss, reason = "a count of messages")]
    let rate = inside as f64 / window.as_secs_f64();
    let cpu = usage.cpu.saturating_sub(cpu_before).as_secs_f64() / window.as_secs_f64();
    Paced { rate, p99_lateness, peak_bytes: usage.peak_kib * 1024, cpu }
}

pub fn lateness(arrivals: &[Arrival], gap: Duration) -> Vec<Duration> {
    let mut last: HashMap<&str, Instant> = HashMap::new();
    let mut lateness = Vec::new();
    for one in arrivals {
        if let Some(before) = last.insert(&one.session, one.at) {
            let waited = one.at - before;
            assert!(
                waited + Duration::from_millis(2) >= gap,
                "a burst: {waited:?} on {}",
                one.session
            );
            lateness.push(waited.saturating_sub(gap));
        }
    }
    lateness
}

/// Channels with a message each to `recipients` recipients.
pub fn fill_channels(place: &Place, channels: u32, recipients: u32) {
    let mut sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < {channels})
         INSERT INTO channels (id, name, session_name) SELECT i, 'c' || i, 's' || i FROM n;"
    );
    for channel in 1..=channels {
        sql.push_str(&message(channel, "datetime('now')", recipients));
    }
    place.fill(&sql);
}

/// A message to `count` numbers that no other channel has.
pub fn message(channel: u32, scheduled_at: &str, count: u32) -> String {
    format!(
        "INSERT INTO auto_messages (message, channel_id, scheduled_at, contact_ids)
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         SELECT 'Halo dari toko kami!', {channel}, {scheduled_at},
             json_group_array(printf('0812%04d%06d', {channel}, i)) FROM n;"
    )
}
