//! The claim by itself: what the senders ask of the database, without the senders. Their own checks
//! must not be all that keeps a message from going out twice or on the wrong number.

use std::time::Duration;

use auto_message_scheduler::channels::{Availability, Off, availability};
use auto_message_scheduler::clock::Timestamp;
use auto_message_scheduler::config::Config;
use auto_message_scheduler::schedule::Zone;
use auto_message_scheduler::send_window::{
    Allowance, Closed, Day, DayCount, Gap, SendWindow, WarmupRule,
};
use auto_message_scheduler::store::{ClaimRequest, Claimed, Open, Store};

/// Channels `default` (1) and `kedua` (2) with a pending delivery each: 10 and 20.
struct Table {
    store: Store,
    /// What a person's `sqlite3` would be.
    sql: rusqlite::Connection,
    _directory: tempfile::TempDir,
}

const DUE_AT: &str = "2026-12-01T00:30:00Z";
const READY_AT: &str = "2026-12-01T00:59:00Z";

fn now() -> Timestamp {
    Timestamp::parse("2026-12-01T01:00:00Z").unwrap()
}

impl Table {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.db");
        let store = Store::open(&path).unwrap();
        let sql = rusqlite::Connection::open(&path).unwrap();
        sql.execute_batch(&format!(
            "UPDATE channels SET ready_at = '{READY_AT}';
             INSERT INTO channels (id, name, session_name, ready_at)
                 VALUES (2, 'kedua', 'kedua', '{READY_AT}');
             INSERT INTO auto_messages (id, message, channel_id, scheduled_at, status)
                 VALUES (1, 'Halo', 1, '{DUE_AT}', 'sending'), (2, 'Hai', 2, '{DUE_AT}', 'sending');
             INSERT INTO contacts (id, phone_number) VALUES (1, '081200007001');
             INSERT INTO deliveries (id, auto_message_id, due_at, channel_id, contact_id, contact_number,
                 chat_id, status)
                 VALUES (20, 2, '{DUE_AT}', 2, NULL, NULL, '6281300007001@c.us', 'pending'),
                     (10, 1, '{DUE_AT}', 1, 1, '081200007001', '6281200007001@c.us', 'pending');"
        ))
        .unwrap();
        Self { store, sql, _directory: directory }
    }

    /// Asks for delivery 10 as a sender does that has just looked at channel 1.
    fn claim(&mut self) -> Option<Claimed> {
        self.claim_as(&request())
    }

    fn claim_as(&mut self, request: &ClaimRequest<'_>) -> Option<Claimed> {
        self.store.write(|tx| tx.claim(request, now())).unwrap()
    }

    fn next_of(&mut self, channel: i64) -> Option<Open> {
        let late_before = Timestamp::parse("2026-11-30T01:00:00Z").unwrap();
        self.store.read(|tx| tx.next_open_delivery(channel, late_before)).unwrap()
    }

    /// Every row of the two tables that a claim changes.
    fn rows(&self) -> Vec<String> {
        let sql = "SELECT json_array(id, status, attempts, next_attempt_at, text, waha_message_id,
                       claimed_at, finished_at, error) FROM deliveries
                   UNION ALL
                   SELECT json_array(id, session_name, is_active, ready_at, held_reason, held_kind,
                       held_until, held_count) FROM channels";
        let mut statement = self.sql.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    }
}

pub fn request() -> ClaimRequest<'static> {
    ClaimRequest {
        delivery_id: 10,
        channel_id: 1,
        session: "default",
        seen_ready_at: Timestamp::parse(READY_AT),
        seen_send_window: None,
        seen_daily_limit: None,
        seen_warmup_from: None,
        warmup_from: None,
        sends_since_rest: 0,
        rests: false,
        day: Day::of(&Zone::parse("WIB").unwrap(), now()),
        day_limit: None,
        next_ready_at: Timestamp::parse("2026-12-01T01:01:00Z").unwrap(),
        reserved_id: Some("3EB0A1"),
        rendered: None,
        seen_content: None,
        recipient_gap: None,
        seen_recipient_gaps: (None, None),
    }
}

#[test]
fn a_claim_writes_all_that_it_promises_and_touches_no_other_row() {
    let mut table = Table::new();
    let others = |rows: Vec<String>| rows.into_iter().skip(1).step_by(2).collect::<Vec<_>>();
    let before = others(table.rows());
    let claimed = table.claim().unwrap();
    assert_eq!((claimed.delivery_id, claimed.channel_id, claimed.attempt), (10, 1, 1));
    assert_eq!((claimed.text.as_str(), claimed.chat_id.as_str()), ("Halo", "6281200007001@c.us"));
    let rows = table.rows();
    assert_eq!(
        rows[0],
        r#"[10,"sending",1,null,"Halo","3EB0A1","2026-12-01T01:00:00Z",null,null]"#
    );
    assert_eq!(rows[2], r#"[1,"default",1,"2026-12-01T01:01:00Z",null,null,null,0]"#);
    assert_eq!(others(rows), before);
}

#[test]
fn a_claim_is_refused_and_changes_nothing_when_something_else_is_true_by_then() {
    for (what, sql) in [
        ("the channel is held", "UPDATE channels SET held_reason = 'libur' WHERE id = 1"),
        (
            "the program holds the channel",
            "UPDATE channels SET held_reason = 'x', held_kind = 'session', held_count = 1 WHERE id = 1",
        ),
        ("the channel is inactive", "UPDATE channels SET is_active = 0 WHERE id = 1"),
        ("the channel has another session", "UPDATE channels SET session_name = 'x' WHERE id = 1"),
        ("the channel has no session", "UPDATE channels SET session_name = NULL WHERE id = 1"),
        (
            "somebody else moved the pace",
            "UPDATE channels SET ready_at = '2026-12-01 00:59:01' WHERE id = 1",
        ),
        ("the pace was taken away", "UPDATE channels SET ready_at = NULL WHERE id = 1"),
        ("the channel has other hours", "UPDATE channels SET send_window = '06:00-22:00' WHERE id = 1"),
        ("the channel has another limit", "UPDATE channels SET daily_limit = 1000 WHERE id = 1"),
        ("the channel is gone", "DELETE FROM channels WHERE id = 1"),
        ("the contact is gone", "DELETE FROM contacts"),
        ("the contact has another number", "UPDATE contacts SET phone_number = '081200007002'"),
        ("another contact has the id", "INSERT OR REPLACE INTO contacts (id, phone_number) VALUES (1, '0813')"),
        ("the message is paused", "UPDATE auto_messages SET status = 'draft' WHERE id = 1"),
        ("the message is cancelled", "UPDATE auto_messages SET status = 'cancelled' WHERE id = 1"),
        (
            "the message has a new time",
            "UPDATE auto_messages SET status = 'scheduled', scheduled_at = '2027-01-01' WHERE id = 1",
        ),
        (
            "the message is at another occurrence",
            "UPDATE auto_messages SET status = 'scheduled', scheduled_at = '2027-01-01' WHERE id = 1;
             UPDATE auto_messages SET status = 'sending' WHERE id = 1;
             UPDATE deliveries SET status = 'pending' WHERE id = 10",
        ),
        ("the delivery is cancelled", "UPDATE deliveries SET status = 'cancelled' WHERE id = 10"),
        ("the delivery is on another channel", "UPDATE deliveries SET channel_id = 2 WHERE id = 10"),
        (
            "the delivery is on its way",
            "UPDATE deliveries SET status = 'sending', text = 'x', attempts = 1,
                 claimed_at = '2026-12-01T00:59:00Z' WHERE id = 10",
        ),
    ] {
        let mut table = Table::new();
        table.sql.execute_batch(sql).unwrap();
        let before = table.rows();
        assert_eq!(table.claim(), None, "{what}");
        assert_eq!(table.rows(), before, "{what}");
    }
}

#[test]
fn a_claim_for_one_channel_cannot_take_a_delivery_of_another() {
    let mut table = Table::new();
    let before = table.rows();
    let other = ClaimRequest { delivery_id: 20, ..request() };
    assert_eq!(table.claim_as(&other), None);
    let other = ClaimRequest { channel_id: 2, session: "kedua", ..request() };
    assert_eq!(table.claim_as(&other), None);
    assert_eq!(table.rows(), before);
}

#[test]
fn a_claim_counts_for_its_day_and_the_last_one_of_a_day_is_the_last() {
    let mut table = Table::new();
    let count = "INSERT INTO channel_days (channel_id, day, claimed) VALUES (1, '2026-12-01', ?1), (1, '2026-11-30', 7),
                     (2, '2026-12-01', 7)";
    table.sql.execute(count, [3]).unwrap();
    let before = table.rows();
    let full = ClaimRequest { day_limit: Some(3), ..request() };
    assert_eq!(table.claim_as(&full), None);
    assert_eq!(table.rows(), before);
    let last = ClaimRequest { day_limit: Some(4), ..request() };
    assert!(table.claim_as(&last).is_some());
    let days = "SELECT group_concat(claimed) FROM (SELECT claimed FROM channel_days
                    ORDER BY channel_id, day)";
    let days: String = table.sql.query_row(days, [], |row| row.get(0)).unwrap();
    assert_eq!(days, "7,4,7");
}

#[test]
fn the_same_claim_twice_is_one_claim() {
    let mut table = Table::new();
    assert!(table.claim().is_some());
    let before = table.rows();
    assert_eq!(table.claim(), None);
    let again = ClaimRequest { seen_ready_at: Some(request().next_ready_at), ..request() };
    assert_eq!(table.claim_as(&again), None);
    assert_eq!(table.rows(), before);
}

#[test]
fn the_next_delivery_of_a_channel_is_its_own() {
    let mut table = Table::new();
    for due_first in [10, 20] {
        let sql = "UPDATE auto_messages SET status = 'scheduled', scheduled_at = ?1 WHERE id = ?2;";
        table.sql.execute(sql, ["2026-12-01T00:20:00Z", &(due_first / 10).to_string()]).unwrap();
        table
            .sql
            .execute_batch(&format!(
                "UPDATE deliveries SET status = 'pending', due_at = '2026-12-01T00:20:00Z'
                     WHERE id = {due_first};
                 UPDATE auto_messages SET status = 'sending'"
            ))
            .unwrap();
        assert_eq!(table.next_of(1).unwrap().id, 10);
        assert_eq!(table.next_of(2).unwrap().id, 20);
        assert_eq!(table.next_of(3), None);
    }
    table.claim().unwrap();
    assert_eq!(table.next_of(1), None);
    assert_eq!(table.next_of(2).unwrap().id, 20);
}

fn one(random: &mut fastrand::Rng, of: &[Option<&'static str>]) -> Option<&'static str> {
    of[random.usize(..of.len())]
}

/// As SQL has it.
fn literal(text: Option<&str>) -> String {
    text.map_or("NULL".to_owned(), |text| format!("'{text}'"))
}

#[test]
fn a_channel_that_is_said_to_be_available_is_one_that_the_claim_takes() {
    let mut table = Table::new();
    table.sql.execute_batch("DROP TRIGGER channels_send_window_on_update").unwrap();
    let mut random = fastrand::Rng::with_seed(15);
    let zone = Zone::parse("WIB").unwrap();
    let gap = Gap { delay: Duration::from_mins(1), jitter: Duration::ZERO };
    let day = Day::of(&zone, now());
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    for round in 0..2_000 {
        let kinds = [
            None,
            Some("unreachable"),
            Some("session"),
            Some("rate_limited"),
            Some("misconfigured"),
            Some("restricted"),
            Some("other_number"),
        ];
        let kind = one(&mut random, &kinds);
        let is_held = random.u8(..3) == 0;
        let until = one(
            &mut random,
            &[
                None,
                Some("2026-12-01T00:10:00Z"),
                Some("2026-12-01T02:00:00Z"),
                Some("2027-01-01T00:00:00Z"),
            ],
        );
        let session =
            one(&mut random, &[Some("default"), Some("default"), Some("default"), Some(" "), None]);
        let ready_at = one(
            &mut random,
            &[None, Some(READY_AT), Some("2026-12-01T01:00:30Z"), Some("2026-12-02T00:00:00Z")],
        );
        // 08:00 on the wall.
        let hours = one(
            &mut random,
            &[
                None,
                Some("07:00-09:00"),
                Some("08:00-08:01"),
                Some("21:00-08:00"),
                Some("always"),
                Some("pagi"),
            ],
        );
        let (own_limit, limit) = (
            random.choice([None, None, Some(0), Some(2)]).flatten(),
            random.choice([None, Some(3)]).flatten(),
        );
        let claimed = random.u32(..4);
        // A limit of 2 on its first day, of 3 on the next.
        let warmup_from = one(&mut random, &[None, None, Some("2026-12-01"), Some("2026-11-30")]);
        // Half, or 2 without a limit.
        let is_warned = random.u8(..4) == 0;
        table.sql.execute_batch(&format!(
            "UPDATE channels SET is_active = {}, session_name = {}, ready_at = {}, send_window = {},
                 daily_limit = {}, warmup_from = {}, warned_limit = 2, warned_at = {}, held_reason = NULL, held_kind = NULL, held_until = NULL WHERE id = 1;
             UPDATE channels SET held_reason = {}, held_kind = {}, held_until = {} WHERE id = 1;
             INSERT OR REPLACE INTO channel_days (channel_id, day, claimed) VALUES (1, '2026-12-01', {claimed});
             UPDATE deliveries SET status = 'pending', text = NULL, claimed_at = NULL WHERE id = 10",
            u8::from(random.u8(..6) > 0),
            literal(session),
            literal(ready_at),
            literal(hours),
            own_limit.map_or("NULL".to_owned(), |limit: u32| limit.to_string()),
            literal(warmup_from),
            literal(is_warned.then_some("2026-11-28T01:00:00Z")),
            literal(is_held.then_some("libur")),
            literal(kind.filter(|_| is_held)),
            literal(until.filter(|_| is_held)),
        )).unwrap();
        let window = SendWindow::parse("06:00-22:00").unwrap();
        let warmup_rule = WarmupRule { start: 2, growth_percent: 150 };
        let allowance =
            Allowance { window, daily_limit: limit, warmup_rule, ..Allowance::default() };
        let config = Config { gap, allowance, zone: zone.clone(), ..Config::default() };
        let channel = table.store.read(|tx| tx.channel(1)).unwrap();
        let ready = channel.as_ref().unwrap().ready_at.unwrap_or(now());
        let counted = DayCount { day, count: claimed };
        let said = availability(channel.as_ref(), counted, &config, ready, now());
        let day_limit = own_limit.map_or(limit, |own| Some(own).filter(|own| *own > 0));
        let warm = warmup_from.map(|from| if from == "2026-12-01" { 2 } else { 3 });
        let day_limit = day_limit.into_iter().chain(warm).min();
        let halved = day_limit.map_or(2, |limit| (limit / 2).max(1));
        let day_limit = if is_warned { Some(halved) } else { day_limit };
        let request = ClaimRequest {
            seen_ready_at: ready_at.and_then(Timestamp::parse),
            seen_send_window: hours,
            seen_daily_limit: own_limit.map(i64::from),
            seen_warmup_from: warmup_from,
            warmup_from: warmup_from.and_then(Day::parse),
            day_limit,
            ..request()
        };
        let is_taken = table.claim_as(&request).is_some();
        let is_open = match hours.map(SendWindow::parse) {
            Some(Ok(own)) => own.contains(&zone, now()),
            Some(Err(_)) => false,
            None => true,
        };
        let why = format!("round {round}: {said:?}");
        assert_eq!(said == Availability::Ready, is_taken && is_open && ready <= now(), "{why}");
        match said {
            Availability::Ready => {}
            // A full day matters only when the gap ends on it.
            Availability::PacedUntil(at) => {
                assert!(at == ready && (is_taken || Day::of(&zone, at) != day), "{why}");
            }
            Availability::ClosedUntil(at, Closed::Window(_)) => assert!(at > now(), "{why}"),
            Availability::ClosedUntil(
                at,
                Closed::DailyLimit(limit) | Closed::Warmup { limit, .. } | Closed::Warned(limit),
            ) => {
                assert!(claimed >= limit && at > now(), "{why}");
            }
            Availability::Unreadable(_) => assert_eq!(hours, Some("pagi"), "{why}"),
            Availability::Held(..) | Availability::Off(Off::Inactive | Off::NoSession) => {
                assert!(!is_taken, "{why}");
            }
            Availability::Off(Off::Missing) => panic!("{why}"),
        }
        let arm = format!("{said:?}");
        *seen.entry(arm.split('(').next().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
}
