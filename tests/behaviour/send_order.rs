//! SEND_ORDER: who of a message's recipients gets it first.

use auto_message_scheduler::config::SendOrder;
use auto_message_scheduler::forecast::{Bounds, Fate, Scope, Seen, forecast};
use auto_message_scheduler::store::Store;

use crate::world::{Builder, World};

fn known_first() -> Builder {
    let mut builder = World::builder();
    builder.config.send_order = SendOrder::KnownFirst;
    builder.in_memory = true;
    builder
}

/// Chats of this number, which the tests tell apart by its last digit.
fn to(lasts: &[u8]) -> String {
    lasts.iter().map(|last| format!("08120000700{last}")).collect::<Vec<_>>().join(", ")
}

/// These wrote to us.
fn wrote(world: &World, lasts: &[u8]) {
    for last in lasts {
        world.execute(&format!(
            "INSERT INTO numbers (chat_id, last_inbound_at) VALUES ('628120000700{last}@c.us', '2026-11-01T00:00:00Z')
             ON CONFLICT (chat_id) DO UPDATE SET last_inbound_at = excluded.last_inbound_at"
        ));
    }
}

fn last_digit(chat_id: &str) -> u8 {
    chat_id.trim_end_matches("@c.us").bytes().last().unwrap() - b'0'
}

/// The last digit of each, with the second of its send, in the order of sending.
type Sends = Vec<(u8, i64)>;

fn sent(world: &World) -> Sends {
    world.received().iter().map(|one| (last_digit(&one.chat_id), one.at.secs())).collect()
}

fn order(world: &World) -> Vec<u8> {
    sent(world).into_iter().map(|(last, _)| last).collect()
}

/// As `plan` lists them.
fn plan(world: &World, id: i64) -> Sends {
    let (mut store, mut sends) = (Store::open(&world.path).unwrap(), Sends::new());
    let see = &mut |seen: Seen<'_>| {
        if let Seen::Recipient(row) = seen
            && let Fate::GoesOut { at } = row.fate
        {
            sends.push((last_digit(row.chat_id), at.secs()));
        }
    };
    let bounds = Bounds { messages: u64::MAX, recipients: u64::MAX };
    forecast(&mut store, Scope::Message(id), &world.config, bounds, world.clock.wall(), see)
        .unwrap();
    sends
}

#[test]
fn those_who_ever_wrote_go_first_and_the_order_is_as_given_otherwise() {
    for portion in [1, 2, 1_000] {
        let mut builder = known_first();
        builder.portion = portion;
        let world = builder.build();
        wrote(&world, &[5, 3]);
        let id = world.message(&to(&[1, 2, 3, 4, 5, 6]));
        let told = plan(&world, id);
        world.run();
        assert_eq!(order(&world), [3, 5, 1, 2, 4, 6], "{portion}");
        assert_eq!(sent(&world), told, "{portion}");
        assert_eq!(world.ask("SELECT sent_count FROM auto_messages"), "6");
    }
}

#[test]
fn without_the_setting_and_while_nobody_ever_wrote_the_order_is_as_given() {
    let as_given = World::new();
    wrote(&as_given, &[2]);
    let nobody = known_first().build();
    nobody.execute("INSERT INTO numbers (chat_id, channel_id) VALUES ('6281200007002@c.us', 1)");
    for world in [as_given, nobody] {
        let id = world.message(&to(&[1, 2]));
        let told = plan(&world, id);
        world.run();
        assert_eq!((order(&world), sent(&world)), (vec![1, 2], told));
    }
}

#[test]
fn a_group_is_ordered_too_and_whoever_is_skipped_or_excepted_stays_so() {
    for portion in [1, 3, 1_000] {
        let mut builder = known_first();
        builder.portion = portion;
        let world = builder.build();
        for (last, out) in [(1, "NULL"), (2, "'2026-11-01T00:00:00Z'"), (3, "NULL"), (4, "NULL")] {
            world.execute(&format!(
                "INSERT INTO contacts (phone_number, tags, opted_out_at) VALUES ('08120000700{last}', 'vip', {out})"
            ));
        }
        wrote(&world, &[2, 3, 4, 6]);
        let id =
            world.message(r#"["tag:vip", "oops", "oops", "except:081200007004", "081200007006"]"#);
        let told = plan(&world, id);
        world.run();
        assert_eq!((order(&world), sent(&world)), (vec![3, 6, 1], told), "{portion}");
        let counts = "SELECT sent_count, skipped_count, contact_count FROM auto_messages";
        assert_eq!(world.rows(counts), ["3|3|6"], "{portion}");
    }
}

#[test]
fn whoever_writes_while_it_is_planned_gets_it_once_and_nobody_is_left_out() {
    for after in 1..16 {
        let mut builder = known_first();
        builder.portion = 1;
        let world = builder.build();
        wrote(&world, &[4]);
        world.message(&to(&[1, 2, 3, 4, 5]));
        world.trigger();
        for _ in 0..after {
            world.step();
        }
        wrote(&world, &[1, 3]);
        world.run();
        let mut all = order(&world);
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3, 4, 5], "after {after} steps");
    }
}

#[test]
fn of_several_numbers_each_sends_to_those_who_wrote_first() {
    let world = known_first().build();
    world.execute("INSERT INTO channels (id, name, session_name) VALUES (2, 'dua', 'dua')");
    wrote(&world, &[3, 4, 6]);
    let id = world.message(&to(&[1, 2, 3, 4, 5, 6]));
    world.execute("UPDATE auto_messages SET channel_ids = '[1,2]'");
    let mut told = plan(&world, id);
    world.run();
    let by = |session: &str| {
        let received = world.received().into_iter().filter(|one| one.session == session);
        received.map(|one| last_digit(&one.chat_id)).collect::<Vec<_>>()
    };
    assert_eq!((by("default"), by("dua")), (vec![3, 6, 2], vec![4, 1, 5]));
    let mut happened = sent(&world);
    told.sort_unstable();
    happened.sort_unstable();
    assert_eq!(happened, told);
}

#[test]
fn it_is_decided_when_the_message_is_planned() {
    let world = known_first().build();
    wrote(&world, &[9]);
    let id = world.message(&to(&[1, 2, 3, 4]));
    world.trigger();
    world.step_until_received(1);
    world.step_until_nothing_is_out();
    wrote(&world, &[4]);
    let told: Vec<u8> = plan(&world, id).into_iter().map(|(last, _)| last).collect();
    assert_eq!(told, [2, 3, 4]);
    world.run();
    assert_eq!(order(&world), [1, 2, 3, 4]);
}

#[test]
fn a_word_that_is_no_order_is_refused_by_the_key() {
    use auto_message_scheduler::config::Config;
    let of = |word: &str| Config::from_values([("SEND_ORDER".to_owned(), word.to_owned())].into());
    assert_eq!(of("").unwrap().send_order, SendOrder::AsGiven);
    assert_eq!(of("known_first").unwrap().send_order, SendOrder::KnownFirst);
    let error = of("known").unwrap_err().to_string();
    assert!(error.contains("SEND_ORDER") && error.contains("known_first"), "{error}");
}
