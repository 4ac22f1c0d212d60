//! The four promises, checked against what the simulated WhatsApp got.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use auto_message_scheduler::config::Config;
use auto_message_scheduler::recipient::{CountryCode, phone_to_chat};
use auto_message_scheduler::schedule::Zone;
use auto_message_scheduler::send_window::{Allowance, Day, Rest};

use super::calendar::Calendar;
use crate::world::{Arrival, World};

/// When a number was checked is known to the millisecond.
const CHECKED_WITHIN: Duration = Duration::from_millis(1);

/// What was seen so far.
pub struct Promises {
    delay: Duration,
    allowance: Allowance,
    rest: Option<Rest>,
    /// Whether the numbers are new: two messages on 2026-11-30, half as many more each day after.
    is_new: bool,
    /// By session: how many arrived since it rested.
    in_a_row: HashMap<String, u32>,
    zone: Zone,
    /// By session and local day: how many arrived.
    day_counts: HashMap<(String, String), u32>,
    arrivals_seen: usize,
    /// Each with what it was: a database that is restored gives ids anew.
    delivered: HashMap<i64, String>,
    /// By session: when the last message arrived, on the monotonic clock.
    last_arrival: HashMap<String, Duration>,
    has_jumped: bool,
    /// Sessions whose next gap nobody could know: see [`Promises::note_restart`].
    pardoned: HashSet<String>,
    deliveries_seen: u64,
    /// Message, occurrence and contact.
    served: HashSet<String>,
    /// Message, occurrence and chat: whatever channel it came from.
    reached: HashSet<String>,
    /// By reason of the breaker: the sessions of channels that it holds, until a person frees them.
    broken: HashMap<String, HashSet<String>>,
    checks_numbers: bool,
    checks_seen: usize,
    /// By digits: when the program last noted an answer of WhatsApp's, by the clock that it had.
    answered: HashMap<String, i64>,
    /// Who was asked about at least once.
    asked: HashSet<String>,
    recipient_gap_hours: u32,
    /// By chat: which delivery arrived when, by the clock that the program had.
    got: HashMap<String, Vec<(i64, i64)>>,
    pub calendar: Calendar,
}

/// To whom a delivery goes, and of which time.
fn delivery(world: &World, id: i64) -> String {
    world.rows(&format!("SELECT chat_id, due_at FROM deliveries WHERE id = {id}")).concat()
}

impl Promises {
    pub fn new(config: &Config, is_new: bool) -> Self {
        Self {
            delay: config.gap.delay,
            allowance: config.allowance,
            rest: config.rest,
            is_new,
            in_a_row: HashMap::new(),
            zone: Zone::parse("Asia/Jakarta").unwrap(),
            day_counts: HashMap::new(),
            arrivals_seen: 0,
            delivered: HashMap::new(),
            last_arrival: HashMap::new(),
            has_jumped: false,
            pardoned: HashSet::new(),
            deliveries_seen: 0,
            served: HashSet::new(),
            reached: HashSet::new(),
            broken: HashMap::new(),
            checks_numbers: config.check_numbers,
            checks_seen: 0,
            answered: HashMap::new(),
            asked: HashSet::new(),
            recipient_gap_hours: config.recipient_gap_hours,
            got: HashMap::new(),
            calendar: Calendar::default(),
        }
    }

    /// TIMEZONE was set; the program starts anew with it.
    pub fn note_zone(&mut self, zone: &Zone) {
        self.zone = zone.clone();
    }

    /// The wall clock was set.
    pub fn note_jump(&mut self) {
        self.has_jumped = true;
    }

    /// A program that starts anew knows the pace by the wall clock alone. When that was set since the
    /// last send, one gap per channel may come out shorter: docs/evidence.md says so.
    pub fn note_restart(&mut self) {
        if self.has_jumped {
            self.pardoned = self.last_arrival.keys().cloned().collect();
        }
        self.has_jumped = false;
    }

    /// A person freed all channels.
    pub fn note_freed(&mut self) {
        self.broken.clear();
    }

    /// What the breaker holds for `code` stays held. Returns how many channels it holds anew; what arrived before
    /// this look counts as before the hold.
    pub fn check_breaker(&mut self, world: &World, code: &str) -> u64 {
        let free = world.rows("SELECT session_name FROM channels WHERE held_reason IS NULL");
        let held = self.broken.entry(code.to_owned()).or_default();
        let freed = free.iter().find(|session| held.contains(*session));
        assert_eq!(freed, None, "nobody freed it, and the breaker held it for {code}");
        for arrival in world.arrivals_from(self.arrivals_seen) {
            assert!(
                !held.contains(&arrival.session),
                "sent while the breaker held it: {arrival:?}"
            );
        }
        let sql = format!(
            "SELECT session_name FROM channels WHERE held_kind = 'breaker' AND held_code = '{code}'"
        );
        let now = world.rows(&sql).into_iter();
        now.filter(|session| held.insert(session.clone())).count() as u64
    }

    /// A backup took the database's place: what it does not know begins anew, with the ids that it
    /// has left.
    pub fn note_restore(&mut self, world: &World, arrived: usize) {
        self.note_restart();
        self.arrivals_seen = arrived;
        self.deliveries_seen = 0;
        self.served.clear();
        self.reached.clear();
        self.broken.clear();
        self.got.clear();
        self.delivered.retain(|id, what| delivery(world, *id) == *what);
        self.pardoned = self.last_arrival.keys().cloned().collect();
    }

    /// After every step.
    pub fn check(&mut self, world: &World) {
        let arrivals = world.arrivals_from(self.arrivals_seen);
        self.never_a_burst_of_both(world, &arrivals);
        for arrival in arrivals {
            self.arrivals_seen += 1;
            self.never_twice(world, &arrival);
            self.never_unchecked(&arrival);
            self.never_out_of_hours(&arrival);
            never_a_lie(world, &arrival);
            self.never_another_than_the_contact(world, &arrival);
            self.never_too_soon(world, &arrival);
        }
        self.never_lost(world);
        self.calendar.check(world, &self.zone);
        let lies = world
            .rows("SELECT id, waha_message_id FROM deliveries WHERE status = 'sent' ORDER BY id");
        for row in lies {
            let id: i64 = row.split('|').next().unwrap().parse().unwrap();
            assert!(
                self.delivered.contains_key(&id),
                "a lie: delivery {row} is sent and never arrived"
            );
        }
    }

    fn never_twice(&mut self, world: &World, arrival: &Arrival) {
        let what = delivery(world, arrival.delivery_id);
        let is_first = self.delivered.insert(arrival.delivery_id, what).is_none();
        assert!(is_first, "twice: delivery {} to {}", arrival.delivery_id, arrival.chat_id);
        let sql = format!(
            "SELECT auto_message_id, due_at FROM deliveries WHERE id = {}",
            arrival.delivery_id
        );
        let Some(occurrence) = world.rows(&sql).pop() else { return };
        let reached = format!("{occurrence}|{}", arrival.chat_id);
        assert!(self.reached.insert(reached.clone()), "twice: {reached}");
    }

    /// A contact gets an occurrence once, whatever its number was, and at the number that it has now:
    /// nobody edits between a claim and this look.
    fn never_another_than_the_contact(&mut self, world: &World, arrival: &Arrival) {
        let sql = format!(
            "SELECT d.auto_message_id, d.due_at, d.contact_id FROM deliveries d
             WHERE d.id = {} AND d.contact_number IS NOT NULL",
            arrival.delivery_id
        );
        let Some(served) = world.rows(&sql).pop() else { return };
        let id = served.rsplit('|').next().unwrap();
        let number = world.ask(&format!("SELECT phone_number FROM contacts WHERE id = {id}"));
        let chat = phone_to_chat(&number, &CountryCode::parse("62").unwrap()).unwrap().to_string();
        assert_eq!(chat, arrival.chat_id, "not the number of contact {id}");
        assert!(self.served.insert(served.clone()), "twice: {served}");
    }

    /// A question to WhatsApp takes a turn like a send; and no number is asked about again within 30 days, once its
    /// answer was noted.
    fn never_a_burst_of_both(&mut self, world: &World, arrivals: &[Arrival]) {
        let (now, wall) = (world.clock.monotonic(), world.clock.wall());
        let sent = arrivals.iter().map(|one| (one.monotonic, one.session.clone()));
        let mut turns: Vec<(Duration, String)> = sent.collect();
        for check in world.waha.checks_from(self.checks_seen) {
            self.checks_seen += 1;
            assert!(self.checks_numbers, "nobody asked to check {check:?}");
            turns.push((now.saturating_sub(wall.since(check.at)), check.session.clone()));
            let answered = self.answered.get(&check.digits);
            let is_fresh = answered.is_some_and(|at| (at - check.at.secs()).abs() < 30 * 86_400);
            assert!(!is_fresh, "asked twice: {check:?}");
            self.asked.insert(check.digits);
        }
        turns.sort();
        for (at, session) in turns {
            self.never_a_burst(&session, at);
        }
        if self.checks_numbers {
            let answered =
                "SELECT chat_id, unixepoch(checked_at) FROM numbers WHERE \"exists\" IS NOT NULL";
            let answered = world.rows(answered).into_iter().map(|row| {
                let (chat, at) = row.split_once('|').unwrap();
                (chat.trim_end_matches("@c.us").to_owned(), at.parse().unwrap())
            });
            self.answered = answered.collect();
            let there = "SELECT chat_id FROM deliveries WHERE status = 'skipped' AND error_code = 'not_on_whatsapp'
                             AND chat_id NOT LIKE '%0404@c.us'";
            assert_eq!(world.rows(there), [""; 0], "skipped, and is there");
        }
    }

    /// Whoever wrote to us is not asked about.
    pub fn note_known(&mut self, digits: &str) {
        self.asked.insert(digits.to_owned());
    }

    /// With CHECK_NUMBERS, nobody gets anything about whom nobody asked, nor who is not there.
    fn never_unchecked(&self, arrival: &Arrival) {
        let Some(digits) = arrival.chat_id.strip_suffix("@c.us") else { return };
        let is_fit = self.asked.contains(digits) && !digits.ends_with("0404");
        assert!(!self.checks_numbers || is_fit, "not checked: {arrival:?}");
    }

    fn never_a_burst(&mut self, session: &str, at: Duration) {
        let before = self.last_arrival.insert(session.to_owned(), at);
        let in_a_row = self.in_a_row.entry(session.to_owned()).or_default();
        if self.pardoned.remove(session) {
            *in_a_row = 1;
            return;
        }
        if let Some(rest) = self.rest {
            let gap = before.map(|before| at.saturating_sub(before) + CHECKED_WITHIN);
            *in_a_row = if gap.is_some_and(|gap| gap >= rest.least) { 1 } else { *in_a_row + 1 };
            assert!(*in_a_row <= rest.after, "{in_a_row} without a rest: {session}");
        }
        if let Some(before) = before {
            let gap = at.saturating_sub(before) + CHECKED_WITHIN;
            assert!(gap >= self.delay, "a burst on {}: {gap:?} < {:?}", session, self.delay);
        }
    }

    /// Within the hours, and never more on a local day than the limit, by the clock that the program had.
    fn never_out_of_hours(&mut self, arrival: &Arrival) {
        let Allowance { window, daily_limit, .. } = self.allowance;
        assert!(window.contains(&self.zone, arrival.wall), "outside {window}: {arrival:?}");
        let day = Day::of(&self.zone, arrival.wall).to_string();
        let count = self.day_counts.entry((arrival.session.clone(), day)).or_default();
        *count += 1;
        assert!(
            daily_limit.is_none_or(|limit| *count <= limit),
            "more than {daily_limit:?}: {arrival:?}"
        );
        let age = Day::of(&self.zone, arrival.wall).to_string();
        let age = world_days(&age) - world_days("2026-11-30");
        let warm = 2.0 * 1.5_f64.powi(age.max(0));
        let is_within = daily_limit.is_none() && age >= 30 || f64::from(*count) <= warm;
        assert!(!self.is_new || is_within, "{count} on day {age} of a new number: {arrival:?}");
    }

    /// No chat gets two within the gap that the later one has, by the clock that the program had; what WhatsApp
    /// refused afterwards was none.
    fn never_too_soon(&mut self, world: &World, arrival: &Arrival) {
        let sql = format!(
            "SELECT coalesce(m.recipient_gap_hours, c.recipient_gap_hours, {}) FROM deliveries d
             JOIN auto_messages m ON m.id = d.auto_message_id JOIN channels c ON c.id = d.channel_id
             WHERE d.id = {}",
            self.recipient_gap_hours, arrival.delivery_id
        );
        let gap = world.ask(&sql).parse::<i64>().unwrap_or(0) * 3600;
        let (at, chat) = (arrival.wall.secs(), arrival.chat_id.clone());
        let earlier = self.got.entry(chat).or_default();
        for (id, before) in earlier.iter().filter(|(_, before)| (at - before).abs() < gap) {
            let status = world.ask(&format!("SELECT status FROM deliveries WHERE id = {id}"));
            assert_eq!(status, "failed", "too soon: {arrival:?} after delivery {id} at {before}");
        }
        earlier.push((arrival.delivery_id, at));
    }

    /// Rows do not vanish, but for those of a message that is not wholly planned; and a message that
    /// is on its way has a row for somebody.
    fn never_lost(&mut self, world: &World) {
        let whole = "SELECT count(*) FROM deliveries d WHERE NOT EXISTS
            (SELECT 1 FROM plannings p WHERE p.auto_message_id = d.auto_message_id AND p.due_at = d.due_at)";
        let count: u64 = world.ask(whole).parse().unwrap();
        assert!(count >= self.deliveries_seen, "lost: {count} of {} rows", self.deliveries_seen);
        self.deliveries_seen = count;
        let bare = world.ask(
            "SELECT count(*) FROM auto_messages m WHERE status = 'sending' AND NOT EXISTS
                 (SELECT 1 FROM deliveries d WHERE d.auto_message_id = m.id)",
        );
        assert_eq!(bare, "0", "lost: a message is on its way to nobody");
    }

    /// When everything has healed.
    pub fn check_end(world: &World) {
        let left = world.rows(
            "SELECT d.id, d.due_at, d.status, d.error, m.id, m.status, m.scheduled_at, c.held_reason FROM deliveries d
             JOIN auto_messages m ON m.id = d.auto_message_id
             LEFT JOIN channels c ON c.id = d.channel_id
             WHERE d.status IN ('pending', 'sending')",
        );
        assert!(left.is_empty(), "lost: {left:?} never end");
        let open = world.rows(
            "SELECT id, status, scheduled_at FROM auto_messages
             WHERE status = 'sending' OR (status = 'scheduled' AND scheduled_at IS NULL)",
        );
        assert!(open.is_empty(), "lost: messages {open:?} never settle");
        let wrong = world.rows(
            "SELECT m.id, m.status FROM auto_messages m WHERE m.status IN ('sent', 'failed')
                 AND m.scheduled_at = (SELECT max(due_at) FROM deliveries d WHERE d.auto_message_id = m.id)
                 AND (m.status = 'sent') <> EXISTS (SELECT 1 FROM deliveries d
                     WHERE d.auto_message_id = m.id AND d.due_at = m.scheduled_at AND d.status = 'sent')",
        );
        assert!(wrong.is_empty(), "a lie: messages {wrong:?}");
    }
}

/// The days from the beginning of 2000 on, as SQLite counts them.
fn world_days(day: &str) -> i32 {
    let sql = rusqlite::Connection::open_in_memory().unwrap();
    let days = "SELECT CAST(julianday(?1) - julianday('2000-01-01') AS INTEGER)";
    sql.query_row(days, [day], |row| row.get(0)).unwrap()
}

/// What arrived may be on its way, sent, or unknown; never said not to have gone out, unless WhatsApp
/// itself refused it afterwards (ack -1).
fn never_a_lie(world: &World, arrival: &Arrival) {
    let sql = format!("SELECT status, ack FROM deliveries WHERE id = {}", arrival.delivery_id);
    let row = world.rows(&sql).pop().unwrap_or_default();
    let is_true =
        ["sending|", "sent|", "unknown|", "failed|-1"].iter().any(|fit| row.starts_with(fit));
    assert!(is_true, "a lie: delivery {} arrived and is `{row}`", arrival.delivery_id);
}
