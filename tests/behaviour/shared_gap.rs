//! RECIPIENT_GAP_HOURS and CHECK_NUMBERS where somebody chooses before: of several numbers, of several days, of a plan that
//! is cut off.

use std::time::Duration;

use auto_message_scheduler::forecast::{self, Bounds, Fate, Scope, Seen};
use auto_message_scheduler::messages::SplitBy;
use auto_message_scheduler::store::Store;

use crate::world::{Builder, START, World};

fn with_gap(hours: u32) -> Builder {
    let mut builder = World::builder();
    builder.config.recipient_gap_hours = hours;
    builder.in_memory = true;
    builder
}

/// Numbers 2 and 3 beside the first.
fn three(builder: Builder) -> World {
    let world = builder.build();
    world.execute(
        "INSERT INTO channels (id, name, session_name) VALUES (2, 'dua', 'dua'), (3, 'tiga', 'tiga')",
    );
    world
}

/// Chats, told apart by their last digit.
fn to(lasts: &[u8]) -> String {
    lasts.iter().map(|last| format!("08120000700{last}")).collect::<Vec<_>>().join(", ")
}

/// These got something an hour ago, through the first number.
fn reached(world: &World, lasts: &[u8]) {
    world.execute(
        "INSERT INTO auto_messages (id, message, status, scheduled_at) VALUES (90, 'x', 'sent', '2026-11-30T00:00:00Z')",
    );
    for last in lasts {
        world.execute(&format!(
            "INSERT INTO deliveries (auto_message_id, due_at, channel_id, chat_id, status, attempts, text,
                 waha_message_id, claimed_at, finished_at)
             VALUES (90, '2026-11-30T00:00:00Z', 1, '628120000700{last}@c.us', 'sent', 1, 'x', 'y',
                 '2026-12-01T00:00:00Z', '2026-12-01T00:00:00Z');
             DELETE FROM numbers"
        ));
    }
}

/// A message that is due now, on these numbers.
fn on(world: &World, channels: &str, lasts: &[u8]) -> i64 {
    let id = world.message(&to(lasts));
    world.execute(&format!("UPDATE auto_messages SET channel_ids = '{channels}' WHERE id = {id}"));
    id
}

/// The last digit of a chat, the number that sends to it, and how many minutes after the beginning.
type Sends = Vec<(u8, i64, i64)>;

fn minutes(secs: i64) -> i64 {
    let start = auto_message_scheduler::clock::Timestamp::parse(START).unwrap();
    (secs - start.secs()) / 60
}

fn last_digit(chat_id: &str) -> u8 {
    chat_id.trim_end_matches("@c.us").bytes().last().unwrap() - b'0'
}

fn plan(world: &World, scope: Scope, bounds: Bounds) -> Sends {
    let (mut store, mut sends) = (Store::open(&world.path).unwrap(), Sends::new());
    let see = &mut |seen: Seen<'_>| {
        if let Seen::Recipient(row) = seen
            && let Fate::GoesOut { at } = row.fate
        {
            sends.push((last_digit(row.chat_id), row.channel_id.unwrap(), minutes(at.secs())));
        }
    };
    forecast::forecast(&mut store, scope, &world.config, bounds, world.clock.wall(), see).unwrap();
    sends.sort_unstable();
    sends
}

const ALL: Bounds = Bounds { messages: u64::MAX, recipients: u64::MAX };

/// Lets some hours pass, with a trigger every minute.
fn sent_in_hours(world: &World) -> Sends {
    for _ in 0..390 {
        world.trigger();
        world.work_until(world.clock.wall().plus(Duration::from_mins(1)));
    }
    let of = |session: &str| match session {
        "default" => 1,
        "dua" => 2,
        _ => 3,
    };
    let sent = world.received().into_iter();
    let mut sent: Sends = sent
        .map(|one| (last_digit(&one.chat_id), of(&one.session), minutes(one.at.secs())))
        .collect();
    sent.sort_unstable();
    sent
}

#[test]
fn the_number_whose_gap_ends_first_sends_and_whoever_waits_takes_nobodys_place() {
    let world = three(with_gap(5));
    world.execute("UPDATE channels SET recipient_gap_hours = 3 WHERE id = 3");
    reached(&world, &[1]);
    let id = on(&world, "[2,3]", &[1, 4, 5, 6, 7]);
    let told = plan(&world, Scope::Message(id), ALL);
    assert_eq!(told, [(1, 3, 120), (4, 2, 0), (5, 3, 0), (6, 2, 1), (7, 3, 1)]);
    assert_eq!(sent_in_hours(&world), told);
}

#[test]
fn those_who_wait_are_shared_among_the_numbers() {
    let world = three(with_gap(5));
    reached(&world, &[1, 2, 3, 4]);
    let id = on(&world, "[2,3]", &[1, 2, 3, 4]);
    let told = plan(&world, Scope::Message(id), ALL);
    assert_eq!(told, [(1, 2, 240), (2, 3, 240), (3, 2, 241), (4, 3, 241)]);
    assert_eq!(sent_in_hours(&world), told);
}

#[test]
fn the_number_of_the_last_conversation_leaves_it_to_another_when_its_gap_ends_too_late() {
    for (late_hours, expected) in [(2, (1, 2, 0)), (6, (1, 3, 240))] {
        let mut builder = with_gap(0);
        builder.config.late_limit = Duration::from_hours(late_hours);
        let world = three(builder);
        world.execute("UPDATE channels SET recipient_gap_hours = 5 WHERE id = 3");
        reached(&world, &[1]);
        world.execute("INSERT INTO numbers (chat_id, channel_id) VALUES ('6281200007001@c.us', 3)");
        let id = on(&world, "[2,3]", &[1]);
        let told = plan(&world, Scope::Message(id), ALL);
        assert_eq!(told, [expected]);
        assert_eq!(sent_in_hours(&world), told, "{late_hours}");
    }
}

#[test]
fn a_message_of_its_own_gap_is_chosen_for_by_that_gap() {
    let world = three(with_gap(0));
    world.execute("UPDATE channels SET send_window = '08:00-10:00' WHERE id = 2");
    reached(&world, &[1]);
    let id = on(&world, "[2,3]", &[1, 2]);
    world.execute("UPDATE auto_messages SET recipient_gap_hours = 4");
    // When the gap ends, at 11:00, the second number sends no more today.
    let told = plan(&world, Scope::Message(id), ALL);
    assert_eq!(told, [(1, 3, 180), (2, 2, 0)]);
    assert_eq!(sent_in_hours(&world), told);
}

#[test]
fn what_was_planned_before_and_waits_for_its_gap_is_no_queue() {
    let world = three(with_gap(5));
    reached(&world, &[1, 2, 3]);
    let before = world.message(&to(&[1, 2, 3]));
    world.execute(&format!(
        "UPDATE auto_messages SET channel_id = 2, scheduled_at = '2026-12-01T00:59:00Z' WHERE id = {before}"
    ));
    on(&world, "[2,3]", &[4, 5, 6]);
    let told = plan(&world, Scope::All, ALL);
    assert_eq!(told[3..], [(4, 2, 0), (5, 3, 0), (6, 2, 1)]);
    assert_eq!(sent_in_hours(&world), told);
}

#[test]
fn the_check_of_a_new_number_takes_a_turn_of_the_number_that_sends() {
    // Planned before on the second number, or the first of the message itself.
    for is_before in [true, false] {
        let mut builder = with_gap(0);
        builder.config.check_numbers = true;
        let world = three(builder);
        for known in 2..=5 {
            world.execute(&format!(
                "INSERT INTO numbers (chat_id, last_sent_at) VALUES ('628120000700{known}@c.us', '2026-11-01T00:00:00Z')"
            ));
        }
        if is_before {
            let before = world.message(&to(&[1]));
            world.execute(&format!(
                "UPDATE auto_messages SET channel_id = 2, scheduled_at = '2026-12-01T00:59:00Z' WHERE id = {before}"
            ));
        }
        let first = if is_before { 2 } else { 1 };
        on(&world, "[2,3]", &(first..=5).collect::<Vec<_>>());
        let told = plan(&world, Scope::All, ALL);
        assert_eq!(told, [(1, 2, 1), (2, 3, 0), (3, 3, 1), (4, 2, 2), (5, 3, 2)], "{is_before}");
        assert_eq!(sent_in_hours(&world), told, "{is_before}");
    }
}

#[test]
fn a_number_that_is_not_there_takes_no_turn_of_the_number_that_sends() {
    let mut builder = with_gap(0);
    builder.config.check_numbers = true;
    let world = three(builder);
    world.execute(
        "INSERT INTO numbers (chat_id, checked_at, \"exists\") VALUES ('6281200007001@c.us', '2026-11-30T00:00:00Z', 0),
             ('6281200007002@c.us', '2026-11-30T00:00:00Z', 1), ('6281200007003@c.us', '2026-11-30T00:00:00Z', 1)",
    );
    on(&world, "[2,3]", &[1, 2, 3]);
    let told = plan(&world, Scope::All, ALL);
    assert_eq!(told, [(2, 2, 0), (3, 3, 0)]);
    assert_eq!(sent_in_hours(&world), told);
}

/// A message of one number.
fn by(world: &World, channel: i64, lasts: &[u8], scheduled_at: &str) {
    let id = world.message(&to(lasts));
    world.execute(&format!(
        "UPDATE auto_messages SET channel_id = {channel}, scheduled_at = '{scheduled_at}' WHERE id = {id}"
    ));
}

#[test]
fn of_two_numbers_that_may_send_at_once_the_one_goes_first_that_was_ready_first() {
    for (first, second, at) in [(3, 2, "2026-11-30T20:00:00Z"), (2, 3, "2026-11-30T19:00:00Z")] {
        let mut world = three(with_gap(5));
        world.execute(&format!(
            "UPDATE channels SET ready_at = iif(id = 2, '{at}', '2026-11-30T19:30:00Z')"
        ));
        // Another process let them rest.
        world.restart();
        by(&world, 3, &[1], "2026-12-01T00:59:00Z");
        by(&world, 2, &[1], "2026-12-01T00:59:00Z");
        let told = plan(&world, Scope::All, ALL);
        let mut expected = [(1, first, 0), (1, second, 300)];
        expected.sort_unstable();
        assert_eq!(told, expected);
        assert_eq!(sent_in_hours(&world), told);
    }
}

#[test]
fn what_is_due_at_a_moment_is_planned_before_more_is_sent_at_that_moment() {
    let world = three(with_gap(5));
    by(&world, 2, &[1, 2], "2026-12-01T01:00:00Z");
    // Two steps of planning, while the second number's gap ends.
    by(&world, 1, &[2], "2026-12-01T01:01:00Z");
    by(&world, 3, &[3], "2026-12-01T01:01:00Z");
    let told = plan(&world, Scope::All, ALL);
    assert_eq!(told, [(1, 2, 0), (2, 1, 1), (2, 2, 301), (3, 3, 1)]);
    assert_eq!(sent_in_hours(&world), told);
}

#[test]
fn a_plan_that_is_cut_off_knows_what_goes_out_after_it() {
    let world = three(with_gap(5));
    reached(&world, &[1]);
    world.message(&to(&[1, 2]));
    // It goes out while the first one's recipient waits, and lets it wait for longer.
    let other = world.message(&to(&[1]));
    world.execute(&format!(
        "UPDATE auto_messages SET recipient_gap_hours = 0, scheduled_at = '2026-12-01T02:00:00Z' WHERE id = {other}"
    ));
    let expected = [(1, 1, 360), (2, 1, 0)];
    assert_eq!(plan(&world, Scope::All, Bounds { messages: 1, ..ALL }), expected);
    assert_eq!(plan(&world, Scope::All, Bounds { recipients: 1, ..ALL }), expected);
    assert_eq!(plan(&world, Scope::DueNow, ALL), expected);
    assert_eq!(sent_in_hours(&world), [(1, 1, 60), (1, 1, 360), (2, 1, 0)]);
}

#[test]
fn what_is_split_among_days_goes_out_on_the_day_on_which_the_gap_is_over() {
    let mut builder = with_gap(28);
    builder.config.late_limit = Duration::from_hours(4);
    let world = three(builder);
    reached(&world, &[2]);
    let id = world.message(&to(&[1, 2, 3]));
    let before = plan(&world, Scope::Message(id), ALL);
    assert_eq!(before, [(1, 1, 0), (3, 1, 1)], "28 hours after the other one is too late");
    let (mut store, now) = (Store::open(&world.path).unwrap(), world.clock.wall());
    let parts = forecast::split(&mut store, id, SplitBy::Days, &world.config, now).unwrap();
    assert_eq!(parts.len(), 2);
    let rows = "SELECT scheduled_at, contact_ids FROM auto_messages WHERE id <> 90 ORDER BY id";
    assert_eq!(
        world.rows(rows),
        [
            r#"2026-12-01T01:00:00Z|["6281200007001@c.us","6281200007003@c.us"]"#,
            r#"2026-12-02T01:00:00Z|["6281200007002@c.us"]"#
        ]
    );
    let expected = [(1, 1, 0), (2, 1, 27 * 60), (3, 1, 1)];
    assert_eq!(plan(&world, Scope::All, ALL), expected);
}

#[test]
fn what_is_split_among_two_numbers_goes_out_through_the_one_whose_gap_ends_first() {
    let mut builder = with_gap(30);
    builder.config.late_limit = Duration::from_hours(4);
    let world = three(builder);
    world.execute("UPDATE channels SET recipient_gap_hours = 2 WHERE id = 3");
    reached(&world, &[1]);
    let id = world.message(&to(&[1, 2]));
    let (mut store, now) = (Store::open(&world.path).unwrap(), world.clock.wall());
    forecast::split(&mut store, id, SplitBy::Channel(3), &world.config, now).unwrap();
    let told = plan(&world, Scope::All, ALL);
    assert_eq!(told, [(1, 3, 60), (2, 1, 0)]);
    assert_eq!(sent_in_hours(&world), told);
}
