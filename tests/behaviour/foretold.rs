//! Random mixtures of all rules that say when a message goes out: what the forecast says is what then
//! happens, to the second, and nothing starves.
//!
//! `FORETOLD_SEED=17` replays a mixture, `FORETOLD_SEEDS=2000` runs so many.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use auto_message_scheduler::config::{Config, SendOrder};
use auto_message_scheduler::forecast::{Bounds, Fate, Scope, Seen, forecast};
use auto_message_scheduler::schedule::Zone;
use auto_message_scheduler::send_window::{Day, Rest, SendWindow, WarmupRule};
use auto_message_scheduler::store::{Store, Trigger};

use crate::simulation::{each_seed, number};
use crate::world::World;

const SEEDS_IN_CI: u64 = 200;
/// Cron comes so often. What waits for a time of day or for the end of somebody's gap wakes the server by itself;
/// what waits for a channel's pace or rest is waited for by its run.
const TICK: Duration = Duration::from_mins(30);
/// So many get messages, or a dozen more.
const PEOPLE: u32 = 4;
/// After so long all has gone out or is too late.
const DAYS: u32 = 6;

/// By message and chat: through which channel it goes out and when, in seconds; or why it does not.
type Fates = BTreeMap<(i64, String), End>;
type End = Result<(i64, i64), &'static str>;

const TOO_LATE: &str = "too late";
const NOT_THERE: &str = "not on WhatsApp";

/// How often the mixtures met what.
#[derive(Clone, Copy, Debug, Default)]
struct Met {
    sent: u64,
    late: u64,
    absent: u64,
    /// How many numbers were checked.
    checked: u64,
    /// Those that waited for the end of a gap, and went out in the second in which it ended.
    waited: u64,
    /// Those of messages of several channels.
    shared: u64,
    /// Those who went before others whom the message names first.
    known: u64,
}

#[test]
fn random_mixtures_of_all_rules_go_out_as_foretold_to_the_second() {
    if let Some(seed) = number("FORETOLD_SEED") {
        tell(seed);
        return;
    }
    let seeds = number("FORETOLD_SEEDS").unwrap_or(SEEDS_IN_CI);
    let mut met = Met::default();
    for one in each_seed(seeds, "FORETOLD_SEED", tell) {
        met.sent += one.sent;
        met.late += one.late;
        met.absent += one.absent;
        met.checked += one.checked;
        met.waited += one.waited;
        met.shared += one.shared;
        met.known += one.known;
    }
    println!("{seeds} mixtures: {met:?}, all as foretold");
    let is_wild = met.sent > 5 * seeds && met.late > seeds;
    let is_checked = met.absent > seeds / 4 && met.checked > seeds;
    assert!(is_wild && is_checked, "tame mixtures: {met:?}");
    let is_met = |count: u64| count > seeds / 5;
    assert!([met.waited, met.shared, met.known].into_iter().all(is_met), "tame mixtures: {met:?}");
}

fn tell(seed: u64) -> Met {
    let dice = &mut fastrand::Rng::with_seed(seed);
    let world = mixture(dice);
    for _ in 0..dice.u32(..6) {
        tick(&world);
    }
    let so_far = happened(&world);
    let foretold = look(&world);
    let checked = world.waha.checks_from(0).len();
    for _ in 0..DAYS * 48 {
        tick(&world);
        if world.ask("SELECT count(*) FROM auto_messages WHERE status IN ('scheduled', 'sending')")
            == "0"
        {
            break;
        }
    }
    let mut then = happened(&world);
    then.retain(|who, _| !so_far.contains_key(who));
    let open = "SELECT count(*) FROM deliveries WHERE status IN ('pending', 'sending')";
    assert_eq!(world.ask(open), "0", "something starves");
    let what = world.rows("SELECT * FROM channels").join("\n");
    assert_eq!(then, foretold, "{:?}\n{what}", world.config);
    let checked = (world.waha.checks_from(0).len() - checked) as u64;
    Met { checked, ..count(&world, &foretold) }
}

fn count(world: &World, foretold: &Fates) -> Met {
    let shared = world.rows("SELECT id FROM auto_messages WHERE channel_ids IS NOT NULL");
    let is_shared = |id: i64| shared.contains(&id.to_string());
    let fates = |of: &dyn Fn(i64, &End) -> bool| {
        foretold.iter().filter(|((id, _), fate)| of(*id, fate)).count() as u64
    };
    // Each hour of the gap that anything may have here, to the second.
    let waited =
        "SELECT count(*) FROM deliveries d JOIN auto_messages m ON m.id = d.auto_message_id
         JOIN channels c ON c.id = d.channel_id, (SELECT column1 AS of_all FROM (VALUES (";
    let waited = format!(
        "{waited}{}))) WHERE EXISTS (SELECT 1 FROM deliveries e WHERE e.chat_id = d.chat_id AND e.claimed_at =
             strftime('%Y-%m-%dT%H:%M:%SZ', d.claimed_at,
                 '-' || coalesce(m.recipient_gap_hours, c.recipient_gap_hours, of_all) || ' hours')
             AND e.id <> d.id)",
        world.config.recipient_gap_hours
    );
    let known = "SELECT count(*) FROM deliveries d JOIN auto_messages m ON m.id = d.auto_message_id
         WHERE EXISTS (SELECT 1 FROM deliveries e WHERE e.auto_message_id = d.auto_message_id AND e.id > d.id
             AND e.chat_id < d.chat_id)";
    let ask = |sql: &str| world.ask(sql).parse().unwrap();
    Met {
        sent: fates(&|_, fate| fate.is_ok()),
        late: fates(&|_, fate| *fate == Err(TOO_LATE)),
        absent: fates(&|_, fate| *fate == Err(NOT_THERE)),
        checked: 0,
        waited: ask(&waited),
        shared: fates(&|id, fate| fate.is_ok() && is_shared(id)),
        known: ask(known),
    }
}

/// The rules, the channels with what they did before, and the messages of a seed.
fn mixture(dice: &mut fastrand::Rng) -> World {
    let mut builder = World::builder();
    (builder.in_memory, builder.is_average) = (true, true);
    rules(&mut builder.config, dice);
    // The night after which clocks go back in New York, and forward in Lord Howe a month before.
    let begins = ["2026-12-01T01:00:00Z", "2026-10-31T22:30:00Z", "2026-10-03T10:00:00Z"];
    builder.clock.set(begins[dice.usize(..3)]);
    let world = builder.build();
    let channels = dice.i64(1..=3);
    for id in 1..=channels {
        channel(&world, id, dice);
    }
    let now = world.clock.wall();
    for message in 0..dice.u32(1..=5) {
        let ahead = [10, 70][dice.usize(..2)];
        let at = now.plus(TICK * dice.u32(..ahead)).minus(TICK * dice.u32(..12));
        // The same people may get several messages.
        let first = dice.u32(..PEOPLE);
        let to = (first..first + dice.u32(1..12)).map(|one| format!("0812000070{one:02}"));
        let to = to.collect::<Vec<_>>().join(",");
        let channel = dice.i64(1..=channels);
        let several = ["NULL".to_owned(), format!("'[{channel},{}]'", 1 + channel % channels)];
        let several = &several[usize::from(channels > 1 && dice.bool())];
        let own_gap = ["NULL", "NULL", "NULL", "0", "4"][dice.usize(..5)];
        world.execute(&format!(
            "INSERT INTO auto_messages (message, contact_ids, channel_id, channel_ids, recipient_gap_hours, scheduled_at,
                     created_at, updated_at)
                 VALUES ('pesan {message}', '{to}', {channel}, {several}, {own_gap}, '{at}', '{now}', '{now}')"
        ));
    }
    numbers(&world, dice);
    world
}

/// One setting of each rule; a rule that is new belongs here.
fn rules(config: &mut Config, dice: &mut fastrand::Rng) {
    let mut some = |values: &[u32]| values[dice.usize(..values.len())];
    config.gap.delay = Duration::from_secs(some(&[1, 20, 60, 300, 3000]).into());
    // The delay's spread: both sides take its mean, in whole seconds, as the table keeps the pace.
    config.gap.jitter = Duration::from_secs(some(&[0, 0, 16, 30, 600]).into());
    let least = Duration::from_mins(some(&[5, 20]).into());
    let rest = Rest { after: some(&[1, 2, 5]), least, most: least * 2 };
    config.rest = (some(&[0, 1]) == 1).then_some(rest);
    let (start, growth_percent) = (some(&[1, 3]), some(&[100, 130, 200]));
    config.allowance.warmup_rule = WarmupRule { start, growth_percent };
    config.allowance.daily_limit = Some(some(&[0, 0, 0, 2, 4, 9])).filter(|limit| *limit > 0);
    let windows = ["always", "08:00-11:30", "07:00-21:00", "21:30-02:00"];
    let window = windows[some(&[0, 0, 0, 1, 2, 3]) as usize];
    config.allowance.window = SendWindow::parse(window).unwrap();
    config.check_numbers = some(&[0, 1]) == 1;
    config.recipient_gap_hours = some(&[0, 1, 2, 5, 5, 24]);
    config.send_order = SendOrder::ALL[some(&[0, 1]) as usize];
    config.late_limit = Duration::from_hours(some(&[4, 24, 48, 70, 70]).into());
    let zones = ["Asia/Jakarta", "America/New_York", "Australia/Lord_Howe"];
    config.zone = Zone::parse(zones[some(&[0, 1, 2]) as usize]).unwrap();
}

/// What is known of some of those who get something: they spoke with us, through a channel that is there or not, or were
/// checked lately or long ago.
fn numbers(world: &World, dice: &mut fastrand::Rng) {
    let day = |days: u64| world.clock.wall().minus(Duration::from_hours(24 * days));
    for one in 0..16 {
        let (spoke, lately, long_ago) = (day(400), day(dice.u64(0..20)), day(dice.u64(31..90)));
        let (exists, channel) = (dice.u8(..2), dice.i64(1..=4));
        let (columns, values) = match dice.u8(..6) {
            0 => ("last_sent_at", format!("'{spoke}'")),
            1 => ("last_inbound_at", format!("'{spoke}'")),
            2 => ("checked_at, \"exists\"", format!("'{lately}', {exists}")),
            3 => ("checked_at, \"exists\"", format!("'{long_ago}', {exists}")),
            _ => continue,
        };
        world.execute(&format!(
            "INSERT INTO numbers (chat_id, channel_id, {columns}) VALUES ('62812000070{one:02}@c.us',
                 (SELECT id FROM channels WHERE id = {channel}), {values})"
        ));
    }
}

/// A channel with what it did before.
fn channel(world: &World, id: i64, dice: &mut fastrand::Rng) {
    let (zone, now) = (&world.config.zone, world.clock.wall());
    let mut some = |values: &[&str]| values[dice.usize(..values.len())].to_owned();
    let window = some(&["NULL", "NULL", "'08:30-12:00'", "'always'", "'always'"]);
    let limit = some(&["NULL", "NULL", "0", "0", "2", "5"]);
    let gap = some(&["NULL", "NULL", "0", "3"]);
    let rested = some(&["0", "1", "4"]);
    let sent = some(&["0", "1", "3"]);
    let day = |days_ago: u64| Day::of(zone, now.minus(Duration::from_hours(24 * days_ago)));
    let mut days_ago = |most: u64| dice.u64(..most);
    let warmup =
        if days_ago(3) == 0 { format!("'{}'", day(days_ago(20))) } else { "NULL".to_owned() };
    let warned = if days_ago(3) == 0 {
        let at = now.minus(Duration::from_hours(24 * days_ago(9)));
        format!("warned_at = '{at}', warned_limit = {}", 1 + days_ago(5))
    } else {
        "warned_at = NULL".to_owned()
    };
    let before = [Duration::from_secs(days_ago(3000)), Duration::from_hours(24 * days_ago(12))];
    let ready = now.minus(before[usize::from(days_ago(2) == 0)]);
    let ahead = now.plus(Duration::from_secs(days_ago(world.config.gap.delay.as_secs())));
    // Of two channels that may send at the same moment, the one goes first that was ready first.
    let ready = match days_ago(3) {
        0 => format!("'{ahead}'"),
        1 => format!("'{ready}'"),
        _ => "NULL".to_owned(),
    };
    world.execute(&format!(
        "INSERT OR IGNORE INTO channels (id, name, session_name) VALUES ({id}, 'nomor {id}', 'sesi{id}');
         UPDATE channels SET send_window = {window}, daily_limit = {limit}, sends_since_rest = {rested}, recipient_gap_hours = {gap},
             warmup_from = {warmup}, {warned}, ready_at = {ready} WHERE id = {id};
         INSERT INTO channel_days (channel_id, day, claimed) VALUES ({id}, '{}', {sent})",
        day(0)
    ));
}

/// A trigger, and what follows from it on a server until the next one is to come: at a whole half hour.
fn tick(world: &World) {
    let now = || world.clock.wall().millis().unsigned_abs();
    let tick = 1000 * TICK.as_secs();
    let next = now() - now() % tick + tick;
    world.triggers.pull(Trigger::Timer, None);
    while now() < next {
        world.serve_at_most(Duration::from_millis(next - now()));
    }
}

/// What is to come, before the next trigger.
fn look(world: &World) -> Fates {
    let (mut fates, ended) = (Fates::new(), happened(world));
    let ended: BTreeSet<_> = ended.into_keys().collect();
    let see = &mut |seen: Seen<'_>| {
        let Seen::Recipient(row) = seen else { return };
        let fate = match row.fate {
            Fate::GoesOut { at } => Ok((row.channel_id.unwrap(), at.secs())),
            Fate::TooLate | Fate::TooSoon { .. } => Err(TOO_LATE),
            // What ended before.
            Fate::Ended { .. } => return,
            Fate::Skipped { .. } if ended.contains(&(row.message_id, row.chat_id.to_owned())) => {
                return;
            }
            Fate::Skipped { reason } if reason.contains(NOT_THERE) => Err(NOT_THERE),
            Fate::Skipped { .. } | Fate::Waits { .. } | Fate::InFlight => panic!("{row:?}"),
        };
        fates.insert((row.message_id, row.chat_id.to_owned()), fate);
    };
    let (mut store, bounds) =
        (Store::open(&world.path).unwrap(), Bounds { messages: 99, recipients: 999 });
    forecast(&mut store, Scope::All, &world.config, bounds, world.clock.wall(), see).unwrap();
    fates
}

/// What went out or came too late so far.
fn happened(world: &World) -> Fates {
    let of = |column: &str, id: i64| {
        let sql = format!("SELECT {column} FROM deliveries WHERE id = {id}");
        world.ask(&sql).parse().unwrap()
    };
    let arrivals = world.arrivals_from(0).into_iter().map(|one| {
        let (message, channel) = ("auto_message_id", "channel_id");
        let (message, channel) = (of(message, one.delivery_id), of(channel, one.delivery_id));
        ((message, one.chat_id), Ok((channel, one.wall.secs())))
    });
    let ended =
        [("expired", TOO_LATE), ("skipped", NOT_THERE)].into_iter().flat_map(|(status, why)| {
            let sql = format!(
                "SELECT auto_message_id, chat_id FROM deliveries WHERE status = '{status}'"
            );
            let rows = world.rows(&sql).into_iter().map(move |row| {
                let (message, chat) = row.split_once('|').unwrap();
                ((message.parse().unwrap(), chat.to_owned()), Err(why))
            });
            rows.collect::<Vec<_>>()
        });
    arrivals.chain(ended).collect()
}
