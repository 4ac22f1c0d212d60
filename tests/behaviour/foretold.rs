//! Random mixtures of all rules that say when a message goes out: what the forecast says is what then
//! happens, to the second, and nothing starves.
//!
//! `FORETOLD_SEED=17` replays a mixture, `FORETOLD_SEEDS=2000` runs so many.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use auto_message_scheduler::config::Config;
use auto_message_scheduler::forecast::{Bounds, Fate, Scope, Seen, forecast};
use auto_message_scheduler::schedule::Zone;
use auto_message_scheduler::send_window::{Day, Rest, SendWindow, WarmupRule};
use auto_message_scheduler::store::{Store, Trigger};
use auto_message_scheduler::trigger::Progress;

use crate::simulation::{each_seed, number};
use crate::world::World;

const SEEDS_IN_CI: u64 = 200;
/// Cron comes so often. What waits for a time of day waits for one of these moments; what waits for a gap
/// or a rest is waited for by its run.
const TICK: Duration = Duration::from_mins(30);
/// After so long all has gone out or is too late.
const DAYS: u32 = 6;

/// By message and chat: when it goes out, in seconds; or why it does not.
type Fates = BTreeMap<(i64, String), Result<i64, &'static str>>;

const TOO_LATE: &str = "too late";
const NOT_THERE: &str = "not on WhatsApp";

#[test]
fn random_mixtures_of_all_rules_go_out_as_foretold_to_the_second() {
    if let Some(seed) = number("FORETOLD_SEED") {
        tell(seed);
        return;
    }
    let seeds = number("FORETOLD_SEEDS").unwrap_or(SEEDS_IN_CI);
    let told = each_seed(seeds, "FORETOLD_SEED", tell);
    let sum = |of: fn(&Told) -> u64| told.iter().map(of).sum::<u64>();
    let (sent, late, absent) = (sum(|one| one.sent), sum(|one| one.late), sum(|one| one.absent));
    let checked = sum(|one| one.checked);
    println!(
        "{seeds} mixtures: {sent} went out as foretold, {late} were too late and {absent} not there, {checked} were checked"
    );
    let is_wild = sent > 5 * seeds && late > seeds && absent > seeds / 4 && checked > seeds;
    assert!(is_wild, "tame mixtures");
}

/// What became of a mixture after the forecast: how many.
struct Told {
    sent: u64,
    late: u64,
    absent: u64,
    checked: u64,
}

fn tell(seed: u64) -> Told {
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
    let count = |of: &dyn Fn(&Result<i64, &str>) -> bool| {
        foretold.values().filter(|fate| of(fate)).count() as u64
    };
    Told {
        sent: count(&|fate| fate.is_ok()),
        late: count(&|fate| *fate == Err(TOO_LATE)),
        absent: count(&|fate| *fate == Err(NOT_THERE)),
        checked: (world.waha.checks_from(0).len() - checked) as u64,
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
    if world.config.check_numbers {
        numbers(&world, dice);
    }
    let now = world.clock.wall();
    for message in 0..dice.u32(1..=5) {
        let at = now.plus(TICK * dice.u32(..70)).minus(TICK * dice.u32(..12));
        // The same people may get several messages.
        let first = dice.u32(..20);
        let to = (first..first + dice.u32(1..12)).map(|one| format!("0812000070{one:02}"));
        let to = to.collect::<Vec<_>>().join(",");
        let channel = dice.i64(1..=channels);
        world.execute(&format!(
            "INSERT INTO auto_messages (message, contact_ids, channel_id, scheduled_at, created_at, updated_at)
                 VALUES ('pesan {message}', '{to}', {channel}, '{at}', '{now}', '{now}')"
        ));
    }
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
    config.allowance.daily_limit = Some(some(&[0, 0, 2, 4, 9])).filter(|limit| *limit > 0);
    let windows = ["always", "08:00-11:30", "07:00-21:00", "21:30-02:00"];
    let window = windows[some(&[0, 1, 2, 3]) as usize];
    config.allowance.window = SendWindow::parse(window).unwrap();
    config.late_limit = Duration::from_hours(some(&[4, 24, 48, 70, 70]).into());
    let zones = ["Asia/Jakarta", "America/New_York", "Australia/Lord_Howe"];
    config.zone = Zone::parse(zones[some(&[0, 1, 2]) as usize]).unwrap();
    config.check_numbers = some(&[0, 1]) == 1;
}

/// What is known of some of those who get something: they spoke with us, or were checked lately or long ago.
fn numbers(world: &World, dice: &mut fastrand::Rng) {
    let day = |days: u64| world.clock.wall().minus(Duration::from_hours(24 * days));
    for one in 0..32 {
        let (spoke, lately, long_ago) = (day(400), day(dice.u64(0..20)), day(dice.u64(31..90)));
        let exists = dice.u8(..2);
        let columns = match dice.u8(..6) {
            0 => format!("last_sent_at) VALUES ('{spoke}'"),
            1 => format!("last_inbound_at) VALUES ('{spoke}'"),
            2 => format!("checked_at, \"exists\") VALUES ('{lately}', {exists}"),
            3 => format!("checked_at, \"exists\") VALUES ('{long_ago}', {exists}"),
            _ => continue,
        };
        let sql = columns.replace("VALUES (", &format!("VALUES ('62812000070{one:02}@c.us', "));
        world.execute(&format!("INSERT INTO numbers (chat_id, {sql})"));
    }
}

/// A channel with what it did before.
fn channel(world: &World, id: i64, dice: &mut fastrand::Rng) {
    let (zone, now) = (&world.config.zone, world.clock.wall());
    let mut some = |values: &[&str]| values[dice.usize(..values.len())].to_owned();
    let window = some(&["NULL", "NULL", "'08:30-12:00'", "'always'"]);
    let limit = some(&["NULL", "NULL", "0", "2", "5"]);
    let rested = some(&["0", "1", "4"]);
    let sent = some(&["0", "1", "3"]);
    let day = |days_ago: u64| Day::of(zone, now.minus(Duration::from_hours(24 * days_ago)));
    let mut days_ago = |most: u64| dice.u64(..most);
    let warmup =
        if days_ago(2) == 0 { format!("'{}'", day(days_ago(20))) } else { "NULL".to_owned() };
    let warned = if days_ago(3) == 0 {
        let at = now.minus(Duration::from_hours(24 * days_ago(9)));
        format!("warned_at = '{at}', warned_limit = {}", 1 + days_ago(5))
    } else {
        "warned_at = NULL".to_owned()
    };
    let before = [Duration::from_secs(days_ago(3000)), Duration::from_hours(24 * days_ago(12))];
    let ready = now.minus(before[usize::from(days_ago(2) == 0)]);
    let ahead = now.plus(Duration::from_secs(days_ago(world.config.gap.delay.as_secs())));
    let ready = if days_ago(3) == 0 { ahead } else { ready };
    world.execute(&format!(
        "INSERT OR IGNORE INTO channels (id, name, session_name) VALUES ({id}, 'nomor {id}', 'sesi{id}');
         UPDATE channels SET send_window = {window}, daily_limit = {limit}, sends_since_rest = {rested},
             warmup_from = {warmup}, {warned}, ready_at = '{ready}' WHERE id = {id};
         INSERT INTO channel_days (channel_id, day, claimed) VALUES ({id}, '{}', {sent})",
        day(0)
    ));
}

/// A trigger, and what follows from it until the next one is to come: at a whole half hour.
fn tick(world: &World) {
    let now = || world.clock.wall().millis().unsigned_abs();
    let tick = 1000 * TICK.as_secs();
    let next = now() - now() % tick + tick;
    let run = world.triggers.pull(Trigger::Timer, None).run;
    while now() < next {
        let left = Duration::from_millis(next - now());
        if let Progress::Finished(_) = world.triggers.progress(run) {
            world.clock.pass(left);
        } else {
            world.step_at_most(left);
        }
    }
}

/// What is to come, before the next trigger.
fn look(world: &World) -> Fates {
    let (mut fates, ended) = (Fates::new(), happened(world));
    let ended: BTreeSet<_> = ended.into_keys().collect();
    let see = &mut |seen: Seen<'_>| {
        let Seen::Recipient(row) = seen else { return };
        let fate = match row.fate {
            Fate::GoesOut { at } => Ok(at.secs()),
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
    let message_of = |id: i64| {
        let sql = format!("SELECT auto_message_id FROM deliveries WHERE id = {id}");
        world.ask(&sql).parse().unwrap()
    };
    let arrivals = world.arrivals_from(0).into_iter();
    let arrivals =
        arrivals.map(|one| ((message_of(one.delivery_id), one.chat_id), Ok(one.wall.secs())));
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
