//! What happens in one seed.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use auto_message_scheduler::clock::{Clock, Timestamp};
use auto_message_scheduler::config::SendOrder;
use auto_message_scheduler::delivery::{Ack, MessageId};
use auto_message_scheduler::fail_point::{Crash, crash_at};
use auto_message_scheduler::fake_waha::{Engine, Options};
use auto_message_scheduler::messages::move_to_channel;
use auto_message_scheduler::schedule::Zone;
use auto_message_scheduler::send_window::{Allowance, Gap, Rest, SendWindow, WarmupRule};
use auto_message_scheduler::store::{MessageEvent, Store};
use auto_message_scheduler::trigger::Progress;

use super::calendar::RULES;
use super::promises::Promises;
use crate::media::{jpeg, put};
use crate::world::World;

/// They wrote to us, and go first with SEND_ORDER=known_first.
const WROTE: [&str; 3] = ["6281200007003", "6281300007006", "6281300007010"];

/// Numbers that work, that fault in every way that answers at once, and that are none.
const RECIPIENTS: [&str; 26] = [
    "081200007001",
    "081200007002",
    "081200007003",
    "+62 812-0000-7004",
    "081300007005",
    "081300007006",
    "0812 0000 7001",
    "120363000000000001@g.us",
    "081200000200",
    "081200000201",
    "081200000302",
    "081200000400",
    "081200000401",
    "081200000408",
    "081200000422",
    "081200000429",
    "081200000463",
    "081200000500",
    "081200000502",
    "081200000504",
    "081200000777",
    "081200000776",
    "081200000540",
    "081200000501",
    "081200000424",
    "belum ada",
];

/// Where people are: as far apart as zones can be.
const ZONES: [&str; 5] =
    ["Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura", "Pacific/Kiritimati", "Etc/GMT+12"];

/// Channels that share a message; one is not there.
const LISTS: [&str; 4] = ["[1,2]", "[3,2,1]", "[2,3]", "[3,7,2]"];

/// Texts, plain and with placeholders.
const TEXTS: [&str; 4] = ["Halo", "Halo {{name|Kak}}", "{{phone_number|}} {{", "Halo {{name}}"];

/// What a seed came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    pub steps: u64,
    pub crashes: u64,
    pub deliveries: u64,
    pub sent: u64,
    pub unknown: u64,
    pub moved: u64,
    /// Questions whether a number is there, and those who were skipped because they are not.
    pub checked: u64,
    pub absent: u64,
    /// Channels that the breaker stopped: for failures, missing ticks, restrictions and log-outs.
    pub broke: [u64; 4],
}

const BREAKER: [&str; 4] = ["many_failed", "no_ticks", "restricted_again", "logged_out_again"];

impl Totals {
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.crashes += other.crashes;
        self.deliveries += other.deliveries;
        self.sent += other.sent;
        self.unknown += other.unknown;
        self.moved += other.moved;
        self.checked += other.checked;
        self.absent += other.absent;
        for (mine, theirs) in self.broke.iter_mut().zip(other.broke) {
            *mine += theirs;
        }
    }
}

/// One seed's world and its dice.
pub struct Story {
    world: World,
    promises: Promises,
    dice: fastrand::Rng,
    totals: Totals,
    is_told_aloud: bool,
    /// What takes WAHA's events, when it sends any.
    events: Option<Store>,
    /// The file that some messages carry.
    picture: String,
}

impl Story {
    pub fn new(seed: u64, is_told_aloud: bool) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed);
        let engines = [Engine::Gows, Engine::Noweb, Engine::Webjs, Engine::Wpp];
        let mut builder = World::builder();
        builder.in_memory = true;
        builder.options = Options { engine: engines[dice.usize(0..4)], ..Options::default() };
        builder.config.gap = Gap {
            delay: Duration::from_secs([0, 1, 20, 60][dice.usize(0..4)]),
            jitter: Duration::from_secs([0, 15][dice.usize(0..2)]),
        };
        // Some seeds have hours, limits and typing; the late limit expires what they keep too long.
        if dice.u8(0..3) == 0 {
            let windows = ["07:00-21:00", "08:00-08:10", "21:00-08:30"];
            let window = SendWindow::parse(windows[dice.usize(0..3)]).unwrap();
            let daily_limit = [None, Some(2), Some(5)][dice.usize(0..3)];
            builder.config.allowance = Allowance { window, daily_limit, ..Allowance::default() };
        }
        if dice.u8(0..3) == 0 {
            let (least, most) = (Duration::from_mins(5), Duration::from_mins(10));
            builder.config.rest = Some(Rest { after: dice.u32(1..5), least, most });
        }
        if dice.u8(0..3) == 0 {
            builder.config.recipient_gap_hours = [1, 5, 30][dice.usize(0..3)];
        }
        let is_new = dice.u8(0..3) == 0;
        builder.config.allowance.warmup_rule = WarmupRule { start: 2, growth_percent: 150 };
        builder.config.typing_max = (dice.u8(0..4) == 0).then_some(Duration::from_secs(5));
        builder.portion = [1, 2, 1_000][dice.usize(0..3)];
        builder.config.check_numbers = seed % 3 == 1; // no dice: the other seeds stay what they were
        builder.config.send_order = SendOrder::ALL[usize::from(seed % 2 == 1)];
        let mut promises = Promises::new(&builder.config, is_new);
        let world = builder.build();
        let picture = put(&world, &jpeg(4_000));
        world.execute(
            "INSERT INTO channels (id, name, session_name) VALUES (2, 'dua', 'dua'), (3, 'tiga', 'tiga');
             INSERT INTO contacts (id, name, phone_number)
                 VALUES (1, 'Budi', '081200007001'), (2, 'Siti', '081300007010')",
        );
        if is_new {
            world.execute("UPDATE channels SET warmup_from = '2026-11-30'");
        }
        for digits in WROTE.iter().filter(|_| world.config.send_order == SendOrder::KnownFirst) {
            world.execute(&format!(
                "INSERT INTO numbers (chat_id, last_inbound_at) VALUES ('{digits}@c.us', '2026-11-01T00:00:00Z')"
            ));
            promises.note_known(digits);
        }
        let events = dice.bool().then(|| Store::open(&world.path).unwrap());
        let totals = Totals::default();
        Self { world, promises, dice, totals, is_told_aloud, events, picture }
    }

    /// Plays the story, then lets everything heal; panics at a broken promise.
    pub fn tell(mut self) -> Totals {
        for _ in 0..self.dice.u64(30..90) {
            self.event();
            self.check();
        }
        self.heal();
        Promises::check_end(&self.world);
        let count = |status: &str| -> u64 {
            let sql = format!("SELECT count(*) FROM deliveries WHERE status {status}");
            self.world.ask(&sql).parse().unwrap()
        };
        self.totals.deliveries = count("IS NOT NULL");
        self.totals.sent = count("= 'sent'");
        self.totals.unknown = count("= 'unknown'");
        self.totals.checked = self.world.waha.checks_from(0).len() as u64;
        self.totals.absent = count("= 'skipped' AND error_code = 'not_on_whatsapp'");
        self.totals
    }

    fn check(&mut self) {
        self.totals.steps += 1;
        for (code, count) in BREAKER.iter().zip(&mut self.totals.broke) {
            let newly = self.promises.check_breaker(&self.world, code);
            *count += newly;
            assert!(
                newly == 0 || *code != "no_ticks" || self.events.is_some(),
                "no WAHA told of ticks"
            );
        }
        self.promises.check(&self.world);
    }

    fn say(&self, what: &str) {
        if self.is_told_aloud {
            let now = self.world.clock.now();
            println!("{:>6} {} {what}", now.monotonic.as_secs(), now.wall);
        }
    }

    fn event(&mut self) {
        match self.dice.u32(0..100) {
            0..20 => self.new_message(),
            20..35 => {
                self.say("trigger");
                self.world.trigger();
            }
            35..65 => {
                let steps = self.dice.u32(1..12);
                self.say(&format!("{steps} steps"));
                self.steps(steps);
            }
            65..75 => {
                let secs = [1, 30, 61, 200, 900, 7200][self.dice.usize(0..6)];
                self.say(&format!("{secs} s pass"));
                self.world.clock.pass(Duration::from_secs(secs));
            }
            75..83 => self.crash(),
            83..84 => {
                self.say("restart");
                self.restart();
            }
            84..86 => self.zone(),
            86..88 => self.jump(),
            88..90 => self.session(),
            90..92 => self.contact(),
            92..94 => self.move_to(),
            94..96 => self.ticks(),
            96 => self.log_out(),
            97 => self.strangers(),
            _ => self.edit(),
        }
    }

    fn new_message(&mut self) {
        let mut recipients: Vec<String> = (0..self.dice.usize(1..5))
            .map(|_| RECIPIENTS[self.dice.usize(0..RECIPIENTS.len())].to_owned())
            .collect();
        if self.world.config.check_numbers && self.dice.bool() {
            // Not on WhatsApp, and one of which WAHA cannot tell.
            let more = ["081200010404", "081200020404", "081300010404", "081200010405"];
            recipients.push(more[self.dice.usize(0..more.len())].to_owned());
        }
        let contact_ids = if self.dice.u8(0..5) == 0 {
            "[1, 2, 77]".to_owned()
        } else {
            serde_json::to_string(&recipients).unwrap()
        };
        let now = self.world.clock.now().wall;
        let due = match self.dice.u32(0..4) {
            0 => now.plus(Duration::from_secs(self.dice.u64(1..600))),
            1 => now.minus(Duration::from_secs(self.dice.u64(1..100_000))),
            _ => now,
        };
        let weekly = (self.dice.u8(0..4) == 0).then_some(RULES[self.dice.usize(0..3)]);
        let due = if weekly.is_some() { odd(due) } else { due };
        let channel = self.dice.i64(1..4);
        let several = (self.dice.u8(0..3) == 0).then_some(LISTS[self.dice.usize(0..LISTS.len())]);
        self.say(&format!("message on channel {channel} or {several:?}, due {due}: {contact_ids}"));
        let sql = "INSERT INTO auto_messages
                       (message, contact_ids, channel_id, scheduled_at, interval_config, created_at, content, channel_ids,
                        recipient_gap_hours)
                   VALUES (?6, ?1, ?2, ?3, ?4, ?5, ?7, ?8, ?9)";
        let due = if weekly.is_some() && self.dice.bool() { None } else { Some(due.to_string()) };
        // The last one cannot be filled in for who has no contact.
        let text = TEXTS[self.dice.usize(0..TEXTS.len())];
        let content = match self.dice.u8(0..6) {
            0 | 1 => Some(format!(r#"{{"kind":"image","file":"{}"}}"#, self.picture)),
            2 => Some(r#"{"kind":"poll","options":["Ya","Tidak"]}"#.to_owned()),
            _ => None,
        };
        let now = now.to_string();
        let gap = (self.dice.u8(0..6) == 0).then(|| self.dice.i64(0..4));
        let params =
            rusqlite::params![contact_ids, channel, due, weekly, now, text, content, several, gap];
        self.world.sql.execute(sql, params).unwrap();
    }

    fn steps(&mut self, count: u32) {
        for _ in 0..count {
            self.world.step();
            self.check();
        }
    }

    /// Lets the program run until it crashes at a place that the dice choose.
    fn crash(&mut self) {
        let places = self.dice.u64(1..60);
        self.say(&format!("crash at place {places}"));
        self.world.trigger();
        crash_at(places);
        let ended = catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..30 {
                self.world.step();
            }
        }));
        crash_at(0);
        if let Err(payload) = ended {
            if !payload.is::<Crash>() {
                resume_unwind(payload);
            }
            self.totals.crashes += 1;
            self.promises.check(&self.world);
            self.promises.note_restart();
            self.world.restart();
        }
    }

    fn restart(&mut self) {
        self.promises.note_restart();
        self.world.restart();
    }

    /// Somebody moves, or writes another TIMEZONE.
    fn zone(&mut self) {
        let name = ZONES[self.dice.usize(0..ZONES.len())];
        self.say(&format!("TIMEZONE={name}"));
        self.world.config.zone = Zone::parse(name).unwrap();
        self.promises.note_zone(&self.world.config.zone);
        self.restart();
    }

    fn jump(&mut self) {
        let now = self.world.clock.now().wall;
        let by = Duration::from_secs([1, 3600, 86_400][self.dice.usize(0..3)]);
        let to = match self.dice.u32(0..5) {
            0 | 1 => now.plus(by),
            2 | 3 => now.minus(by),
            _ => Timestamp::from_secs(60),
        };
        self.say(&format!("the clock jumps to {to}"));
        self.promises.note_jump();
        self.world.clock.set(&to.to_string());
    }

    fn session(&mut self) {
        let session = ["default", "dua", "tiga"][self.dice.usize(0..3)];
        let status = ["WORKING", "SCAN_QR_CODE", "STOPPED", "WORKING"][self.dice.usize(0..4)];
        self.say(&format!("session {session} is {status}"));
        self.world.waha.set_status(session, status);
    }

    /// Somebody moves what waits of a message to another number, or writes another list of numbers.
    fn move_to(&mut self) {
        let newest = self.world.ask("SELECT max(id) FROM auto_messages");
        let Ok(newest) = newest.parse::<i64>() else { return };
        let id = (newest - self.dice.i64(0..3)).max(1);
        if self.dice.u8(0..4) == 0 {
            let list = LISTS[self.dice.usize(0..LISTS.len())];
            let change = [format!("channel_ids = '{list}'"), "channel_ids = NULL".to_owned()];
            let change = &change[self.dice.usize(0..2)];
            self.say(change);
            self.world.execute(&format!("UPDATE auto_messages SET {change} WHERE id = {id}"));
            return;
        }
        let (from, to) = (self.dice.i64(1..4), self.dice.i64(1..4));
        self.say(&format!("what waits of message {id} moves from {from} to {to}"));
        let mut store = Store::open(&self.world.path).unwrap();
        let (from, to) = (from.to_string(), to.to_string());
        if let Ok(moved) =
            move_to_channel(&mut store, id, (&from, &to), self.world.clock.now().wall)
        {
            self.totals.moved += moved.moved;
        }
    }

    /// WAHA's events for some of what was sent; now and then WhatsApp refuses one.
    fn ticks(&mut self) {
        let Some(events) = &mut self.events else { return };
        let sent = "SELECT waha_message_id FROM deliveries WHERE status = 'sent' AND waha_message_id IS NOT NULL";
        for bare in self.world.rows(sent) {
            let ack = [None, None, Some(Ack::Server), Some(Ack::Error)][self.dice.usize(0..4)];
            let Some(ack) = ack.filter(|ack| *ack == Ack::Server || self.dice.bool()) else {
                continue;
            };
            let message = MessageId { bare: bare.clone(), from_me: Some(true), chat_id: None };
            let event_id = format!("{bare} {}", ack.number());
            let event =
                MessageEvent { event_id: &event_id, message: &message, ack: Some(ack), echo: None };
            let now = self.world.clock.now().wall;
            events.write(|tx| tx.take_message_event(&event, now)).unwrap();
        }
        self.say("ticks");
    }

    /// A session loses its phone and gets it back, twice.
    fn log_out(&mut self) {
        let session = ["default", "dua", "tiga"][self.dice.usize(0..3)];
        self.say(&format!("session {session} is logged out"));
        for status in ["SCAN_QR_CODE", "WORKING", "SCAN_QR_CODE", "WORKING"] {
            self.world.waha.set_status(session, status);
            self.world.clock.pass(Duration::from_mins(20));
            self.new_message();
            self.world.trigger();
            self.steps(8);
        }
    }

    /// A list of which WhatsApp does not know every other number.
    fn strangers(&mut self) {
        let numbers = (0..24).map(|one| {
            format!("\"08130{:03}{}\"", self.dice.u32(0..1000), ["0540", "7001"][one % 2])
        });
        let (numbers, now) = (numbers.collect::<Vec<_>>().join(","), self.world.clock.now().wall);
        let channel = self.dice.i64(1..4);
        self.say(&format!("message on channel {channel} to strangers: {numbers}"));
        self.world.execute(&format!(
            "INSERT INTO auto_messages (message, contact_ids, channel_id, scheduled_at, created_at)
                 VALUES ('Halo', '[{numbers}]', {channel}, '{now}', '{now}')"
        ));
    }

    /// A contact is removed, corrected, made anew, or exchanges its number with the other one.
    fn contact(&mut self) {
        let id = self.dice.u32(1..3);
        let number = RECIPIENTS[self.dice.usize(0..RECIPIENTS.len())];
        let sql = match self.dice.u32(0..4) {
            0 => format!("DELETE FROM contacts WHERE id = {id}"),
            1 => format!(
                "INSERT OR REPLACE INTO contacts (id, name, phone_number) VALUES ({id}, 'Baru', '{number}')"
            ),
            2 => "UPDATE contacts SET phone_number = (SELECT o.phone_number FROM contacts o
                      WHERE o.id = 3 - contacts.id) WHERE (SELECT count(*) FROM contacts) = 2"
                .to_owned(),
            _ => format!("UPDATE contacts SET phone_number = '{number}' WHERE id = {id}"),
        };
        self.say(&sql);
        self.world.execute(&sql);
    }

    /// What a person with `sqlite3` does.
    fn edit(&mut self) {
        let count: u64 = self.world.ask("SELECT count(*) FROM auto_messages").parse().unwrap();
        if count == 0 {
            return;
        }
        // Mostly the newest: it is the one under way.
        let skip = if self.dice.bool() { 0 } else { self.dice.u64(0..count) };
        let some = format!("(SELECT id FROM auto_messages ORDER BY id DESC LIMIT 1 OFFSET {skip})");
        let id: i64 = self.world.ask(&some).parse().unwrap();
        let now = self.world.clock.now().wall;
        let later = odd(now.plus(Duration::from_secs(self.dice.u64(60..4000))));
        let edit = self.dice.u32(0..13);
        if matches!(edit, 1 | 10..) {
            self.promises.calendar.note_edit(id);
        }
        let rule = RULES[self.dice.usize(0..RULES.len())];
        let sql = match edit {
            10 => format!(
                "UPDATE auto_messages SET interval_config = NULL, updated_at = '{now}' WHERE id = {id}"
            ),
            11 => format!(
                "UPDATE auto_messages SET interval_config = '{rule}', updated_at = '{now}' WHERE id = {id}"
            ),
            12 => format!(
                "UPDATE auto_messages SET interval_config = '{rule}', status = 'scheduled', updated_at = '{now}'
                     WHERE id = {id} AND status <> 'sending'"
            ),
            0 => format!("UPDATE auto_messages SET status = 'cancelled' WHERE id = {some}"),
            1 => format!(
                "UPDATE auto_messages SET status = 'scheduled', scheduled_at = '{later}' WHERE id = {some}"
            ),
            2 => format!("UPDATE auto_messages SET status = 'scheduled' WHERE id = {some}"),
            3 => format!(
                "UPDATE auto_messages SET status = 'draft' WHERE id = {some} AND status = 'sending'"
            ),
            4 => "UPDATE auto_messages SET status = 'sending' WHERE status = 'draft'".to_owned(),
            5 => "UPDATE deliveries SET status = 'cancelled' WHERE status = 'pending'
                      AND id = (SELECT max(id) FROM deliveries WHERE status = 'pending')"
                .to_owned(),
            6 => "UPDATE channels SET held_reason = 'by hand', held_kind = NULL, held_until = NULL
                      WHERE id = 2"
                .to_owned(),
            7 => "UPDATE channels SET held_reason = NULL, held_kind = NULL, held_until = NULL"
                .to_owned(),
            8 => "UPDATE channels SET is_active = 1 - is_active WHERE id = 3".to_owned(),
            _ => format!(
                "UPDATE auto_messages SET message = '{}' WHERE id = {some}",
                ["Apa kabar", TEXTS[3]][self.dice.usize(0..2)]
            ),
        };
        self.say(&sql);
        self.world.execute(&sql);
        if edit == 7 {
            self.promises.note_freed();
        }
    }

    /// The trouble ends, the people stop, time passes: what is left must come to its end.
    fn heal(&mut self) {
        self.say("everything heals");
        self.promises.note_freed();
        for session in ["default", "dua", "tiga"] {
            self.world.waha.set_status(session, "WORKING");
        }
        self.world.execute(
            "UPDATE channels SET held_reason = NULL, held_kind = NULL, held_until = NULL, is_active = 1;
             UPDATE auto_messages SET status = 'sending' WHERE status = 'draft';
             UPDATE auto_messages SET interval_config = NULL",
        );
        // Long enough for every hold, whatever the wall clock was set to.
        for _ in 0..8 {
            self.run_to_its_end();
            self.world.clock.pass(Duration::from_hours(4));
            self.world
                .execute("UPDATE channels SET held_reason = NULL WHERE held_kind = 'breaker'");
            self.promises.note_freed();
        }
        // What waits for a channel that WAHA never lets through (401) expires at last.
        self.promises.note_jump();
        self.world.clock.set("2027-06-01T00:00:00Z");
        self.run_to_its_end();
    }

    fn run_to_its_end(&mut self) {
        use auto_message_scheduler::store::Trigger;
        let run = self.world.triggers.pull(Trigger::Cron, None).run;
        for _ in 0..5000 {
            self.world.step();
            self.check();
            if matches!(self.world.triggers.progress(run), Progress::Finished(_)) {
                return;
            }
        }
        panic!("a run does not end");
    }
}

/// What people write into `scheduled_at`: no rule has the same second.
fn odd(at: Timestamp) -> Timestamp {
    Timestamp::from_secs(at.secs().div_euclid(60) * 60 + 7)
}
