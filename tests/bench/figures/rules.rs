//! What all rules that keep a number alive cost, while none of them is in the way: the same work with and without them,
//! in turns.

use std::time::Duration;

use super::pace::{self, Paced};
use crate::Line;
use crate::program::Place;
use crate::stub::Stub;

/// Limits so high that none is reached, rests so late that none comes, a window around the present hour.
fn rules() -> Vec<(&'static str, String)> {
    let connection = rusqlite::Connection::open_in_memory().expect("a clock");
    let hour = |hours: i8| -> String {
        let sql = format!("SELECT strftime('%H:00', 'now', '+7 hours', '{hours} hours')");
        connection.query_row(&sql, [], |row| row.get(0)).expect("an hour")
    };
    let rules = [
        ("RECIPIENT_GAP_HOURS", "24"),
        ("REST_AFTER", "1000000"),
        ("DAILY_LIMIT", "1000000"),
        ("WARMUP_START", "1000000"),
        ("CHECK_NUMBERS", "on"),
        ("SEND_ORDER", "known_first"),
    ];
    let rules = rules.into_iter().map(|(key, value)| (key, value.to_owned()));
    rules.chain([("SEND_WINDOW", format!("{}-{}", hour(-6), hour(6)))]).collect()
}

/// All channels warm up; every second recipient ever wrote, and the others were checked lately.
const KNOWN: &str = "
    UPDATE channels SET warmup_from = strftime('%Y-%m-%d', 'now', '+7 hours', '-1 day');
    INSERT OR IGNORE INTO numbers (chat_id, last_inbound_at)
        SELECT '62' || substr(value, 2) || '@c.us', '2026-01-01T00:00:00Z'
        FROM auto_messages, json_each(contact_ids) WHERE json_each.key % 2 = 0;
    INSERT OR IGNORE INTO numbers (chat_id, checked_at, \"exists\")
        SELECT '62' || substr(value, 2) || '@c.us', strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-1 day'), 1
        FROM auto_messages, json_each(contact_ids);";

/// A place where the rules are on, or the same without them.
fn place(
    stub: &Stub,
    settings: &[(&'static str, &str)],
    has_rules: bool,
    fill: impl Fn(&Place),
) -> Place {
    let rules = if has_rules { rules() } else { Vec::new() };
    let rules = rules.iter().map(|(key, value)| (*key, value.as_str()));
    let settings: Vec<_> = settings.iter().copied().chain(rules).collect();
    let place = Place::new(&stub.base_url, &settings);
    fill(&place);
    if has_rules {
        place.fill(KNOWN);
    }
    place
}

pub fn rules_on(is_quick: bool) -> Vec<Line> {
    vec![drain(is_quick), many(is_quick)]
}

/// One message to many recipients of one channel without a delay: the median of the ratios of runs in turns.
fn drain(is_quick: bool) -> Line {
    let count: u32 = if is_quick { 1_000 } else { 5_000 };
    let rate = |has_rules: bool| {
        let stub = Stub::start(Duration::ZERO);
        let message = pace::message(1, "datetime('now')", count);
        let settings = [("SEND_DELAY_SECONDS", "0")];
        let place = place(&stub, &settings, has_rules, |place| place.fill(&message));
        assert!(place.command(&["run"]).status().expect("it runs").success());
        let arrivals = stub.arrivals();
        assert_eq!(arrivals.len(), count as usize, "all were sent");
        let taken = arrivals[arrivals.len() - 1].at - arrivals[0].at;
        f64::from(count - 1) / taken.as_secs_f64()
    };
    let mut pairs: Vec<(f64, f64)> = Vec::new();
    for turn in 0..if is_quick { 1 } else { 5 } {
        // Neither has the disk always second.
        let first = rate(turn % 2 == 0);
        let second = rate(turn % 2 == 1);
        pairs.push(if turn % 2 == 0 { (first, second) } else { (second, first) });
    }
    pairs.sort_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
    let (with, without) = pairs[pairs.len() / 2];
    Line {
        figure: format!("all rules on: drain {count} recipients"),
        must: "0.9 of the same without them".into(),
        measured: format!("{:.2} ({with:.0} of {without:.0} messages/s)", with / without),
        is_reached: with / without >= 0.9,
    }
}

/// Many channels at a delay of 2 s.
fn many(is_quick: bool) -> Line {
    let (channels, secs) = if is_quick { (200, 15) } else { (1_000, 60) };
    let paced = |has_rules: bool| -> Paced {
        let stub = Stub::start(Duration::ZERO);
        let settings = [("SEND_DELAY_SECONDS", "2"), ("SENDERS", "16")];
        let fill = |place: &Place| pace::fill_channels(place, channels, secs / 2 + 20);
        let place = place(&stub, &settings, has_rules, fill);
        pace::run_paced(&place, &stub, secs, Duration::from_secs(2), channels)
    };
    let (without, with) = (paced(false), paced(true));
    let of = |paced: &Paced| {
        let p99 = paced.p99_lateness.as_secs_f64() * 1e3;
        format!(
            "{:.0} messages/s, p99 {p99:.0} ms, {:.0} % of a core",
            paced.rate,
            paced.cpu * 100.0
        )
    };
    Line {
        figure: format!("all rules on: {channels} channels, delay 2 s, {secs} s long"),
        must: "0.9 of the same without them".into(),
        measured: format!(
            "{:.2} ({}; without them {})",
            with.rate / without.rate,
            of(&with),
            of(&without)
        ),
        is_reached: with.rate / without.rate >= 0.9,
    }
}
