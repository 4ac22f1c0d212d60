//! The same at a million rows: triggers, claims, starts and plans on a large database.

use std::thread;
use std::time::{Duration, Instant};

use super::pace::message;
use super::small::mega;
use crate::Line;
use crate::program::{Place, Server};
use crate::stub::Stub;

const TRIGGER: &str = "/api/auto-message-scheduler";

/// Triggers and starts, on an empty database and on one with `messages` and five deliveries each.
pub fn stored(is_quick: bool) -> Vec<Line> {
    let messages: u32 = if is_quick { 50_000 } else { 1_000_000 };
    let stub = Stub::start(Duration::ZERO);
    let empty = Place::new(&stub.base_url, &[]);
    let full = Place::new(&stub.base_url, &[]);
    full.fill(&history(messages));
    let start = first_answer(&full);
    let (on_empty, on_full) = (empty.serve(), full.serve());
    let nothing_due = medians(&on_empty, &on_full);
    let ratio = nothing_due.1.as_secs_f64() / nothing_due.0.as_secs_f64();
    let claim = claim_after_trigger(&full, &on_full, &stub);
    vec![
        Line {
            figure: format!(
                "trigger with nothing due, {messages} messages, {} deliveries",
                messages * 5
            ),
            must: "at most 2 x the time on an empty database".into(),
            measured: format!(
                "{ratio:.2} x ({:.2} ms against {:.2} ms)",
                nothing_due.1.as_secs_f64() * 1e3,
                nothing_due.0.as_secs_f64() * 1e3
            ),
            is_reached: ratio <= 2.0,
        },
        Line {
            figure: "one due message among those".into(),
            must: "at WAHA within 10 ms of the trigger".into(),
            measured: format!("{:.1} ms (median of 11)", claim.as_secs_f64() * 1e3),
            is_reached: claim <= Duration::from_millis(10),
        },
        Line {
            figure: format!("start to first answer, {messages} messages stored"),
            must: "at most 30 ms".into(),
            measured: format!("{:.1} ms (median of 11)", start.as_secs_f64() * 1e3),
            is_reached: start <= Duration::from_millis(30),
        },
    ]
}

/// One message to 100,000 recipients is planned while another channel sends at its pace.
pub fn plan(is_quick: bool) -> Vec<Line> {
    let recipients: u32 = if is_quick { 10_000 } else { 100_000 };
    let stub = Stub::start(Duration::ZERO);
    let place = Place::new(&stub.base_url, &[("SEND_DELAY_SECONDS", "1")]);
    place.fill(&format!(
        "INSERT INTO channels (id, name, session_name) VALUES (2, 'two', 'two');{}{}",
        message(2, "datetime('now')", 60),
        message(1, "'2037-01-01'", recipients),
    ));
    let server = place.serve();
    server.post("/api/cron-auto-message");
    assert!(stub.wait_for(3, Duration::from_secs(20)), "the other channel sends");
    let before = server.usage();
    let began = Instant::now();
    place.fill("UPDATE auto_messages SET scheduled_at = datetime('now') WHERE channel_id = 1");
    server.post("/api/cron-auto-message");
    let patience = Instant::now() + Duration::from_mins(1);
    while place.ask::<String>("SELECT status FROM auto_messages WHERE channel_id = 1") != "sending"
    {
        assert!(Instant::now() < patience, "it is never planned");
        thread::sleep(Duration::from_millis(2));
    }
    let taken = began.elapsed();
    thread::sleep(Duration::from_secs(4));
    let more_kib = server.usage().peak_kib.saturating_sub(before.resident_kib);
    let arrivals = stub.arrivals();
    let times: Vec<Instant> =
        arrivals.iter().filter(|one| one.session == "two").map(|one| one.at).collect();
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
    let late = longest.saturating_sub(Duration::from_secs(1));
    vec![Line {
        figure: format!("plan a message of {recipients} recipients"),
        must: "at most 2 s and 32 MB more, other channels keep their pace".into(),
        measured: format!(
            "{:.2} s, {:.1} MB more, another channel at most {:.0} ms late",
            taken.as_secs_f64(),
            mega(more_kib * 1024),
            late.as_secs_f64() * 1e3
        ),
        is_reached: taken <= Duration::from_secs(2)
            && more_kib <= 32 * 1024
            && late <= Duration::from_millis(250),
    }]
}

/// Messages of the past that were sent, with five deliveries each.
pub fn history(messages: u32) -> String {
    format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {messages})
         INSERT INTO auto_messages (message, contact_ids, contact_count, scheduled_at, status, sent_at, sent_count)
         SELECT 'Halo dari toko kami!', '[1,2,3,4,5]', 5,
             strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-' || (i + 60) || ' minutes'), 'sent',
             strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-' || i || ' minutes'), 5 FROM n;
         INSERT INTO deliveries (auto_message_id, due_at, channel_id, chat_id, status, attempts, text,
             waha_message_id, ack, claimed_at, finished_at, created_at)
         SELECT m.id, m.scheduled_at, 1, '62812' || printf('%08d', m.id % 1000 * 5 + r.value) || '@c.us',
             'sent', 1, m.message, printf('3EB0%016X', m.id * 5 + r.value), 3, m.sent_at, m.sent_at, m.sent_at
         FROM auto_messages m, json_each('[0,1,2,3,4]') r"
    )
}

/// The median time of a trigger that finds nothing, on both, taken in turns.
fn medians(on_empty: &Server, on_full: &Server) -> (Duration, Duration) {
    let (mut empty, mut full) = (Vec::new(), Vec::new());
    for _ in 0..51 {
        empty.push(on_empty.post(TRIGGER));
        full.push(on_full.post(TRIGGER));
    }
    (median(empty), median(full))
}

fn claim_after_trigger(place: &Place, server: &Server, stub: &Stub) -> Duration {
    let mut times = Vec::new();
    for _ in 0..11 {
        let already = stub.count();
        // Ready again at once: what is measured is the way from the trigger to the request.
        place.fill(&format!(
            "UPDATE channels SET ready_at = NULL; {}",
            message(1, "datetime('now')", 1)
        ));
        let began = Instant::now();
        server.post("/api/cron-auto-message");
        assert!(stub.wait_for(already + 1, Duration::from_secs(20)), "it is sent");
        times.push(stub.arrivals()[already].at - began);
        thread::sleep(Duration::from_millis(200));
    }
    median(times)
}

/// From starting the program to the first answer.
fn first_answer(place: &Place) -> Duration {
    let mut times = Vec::new();
    for _ in 0..11 {
        let began = Instant::now();
        let server = place.serve();
        server.get_health();
        times.push(began.elapsed());
    }
    median(times)
}

pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
