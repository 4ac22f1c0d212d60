//! Several numbers for one message: who gets it from which, and that nobody gets it twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use auto_message_scheduler::clock::Timestamp;
use auto_message_scheduler::config::Config;
use auto_message_scheduler::delivery::Status;
use auto_message_scheduler::forecast::{Bounds, Fate, Scope, Seen, forecast};
use auto_message_scheduler::messages::{Draft, Edit, Moved, Retry, edit, move_to_channel, retry};
use auto_message_scheduler::send_window::{Allowance, Gap, Rest, SendWindow};
use auto_message_scheduler::store::Store;

use crate::message_commands::{add, draft};
use crate::world::{World, config};

/// A world with three numbers.
fn world() -> World {
    with_three(World::new())
}

fn with_three(world: World) -> World {
    world.execute(
        "INSERT INTO channels (id, name, session_name) VALUES (2, 'dua', 'dua'), (3, 'tiga', 'tiga')",
    );
    world
}

/// A message that is due now, on these channels.
fn on(world: &World, channels: &str, contact_ids: &str) -> i64 {
    let id = world.message(contact_ids);
    world.execute(&format!("UPDATE auto_messages SET channel_ids = '{channels}' WHERE id = {id}"));
    id
}

fn chats(count: u32) -> String {
    (1..=count).map(|n| format!("0812000070{n:02}")).collect::<Vec<_>>().join(",")
}

/// From which session each chat got something, in the order of the sessions.
fn sent_by(world: &World) -> BTreeMap<String, Vec<String>> {
    let mut by: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in world.received() {
        by.entry(one.session).or_default().push(one.chat_id[8..13].to_owned());
    }
    by
}

fn by(pairs: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
    pairs.iter().map(|(session, chats)| ((*session).to_owned(), owned(chats))).collect()
}

#[test]
fn the_number_that_is_free_first_sends_to_the_next_one() {
    let world = world();
    on(&world, "[2,3]", &chats(4));
    world.run();
    assert_eq!(sent_by(&world), by(&[("dua", &["07001", "07003"]), ("tiga", &["07002", "07004"])]));
    assert_eq!(world.received().iter().map(|one| one.at.secs()).max(), Some(1_796_086_860));
}

#[test]
fn what_a_number_has_to_send_before_counts() {
    let world = world();
    world.execute(&format!(
        "INSERT INTO auto_messages (message, contact_ids, channel_id, scheduled_at)
         VALUES ('penuh', '{}', 2, '2026-12-01T00:59:00Z')",
        chats(3)
    ));
    on(&world, "[2,3]", "081200007011, 081200007012, 081200007013, 081200007014");
    world.run();
    // The second number sends three others first, so the third has sent three before it comes to this.
    let sent = sent_by(&world);
    assert_eq!(sent["tiga"], ["07011", "07012", "07013"]);
    assert_eq!(sent["dua"], ["07001", "07002", "07003", "07014"]);
}

#[test]
fn who_spoke_with_a_number_hears_from_that_one() {
    let world = world();
    world.execute(
        "INSERT INTO numbers (chat_id, channel_id, last_inbound_at)
         VALUES ('6281200007001@c.us', 3, '2026-11-30T00:00:00Z'), ('6281200007002@c.us', 1, '2026-11-30T00:00:00Z')",
    );
    on(&world, "[2,3]", &chats(3));
    world.run();
    // The first spoke with the third number; the second with one that the message does not use.
    assert_eq!(sent_by(&world), by(&[("dua", &["07002", "07003"]), ("tiga", &["07001"])]));
    // From now on each spoke with the number that sent to them.
    on(&world, "[3,2]", &chats(3));
    world.run();
    let sent = sent_by(&world);
    assert_eq!(sent["dua"], ["07002", "07003", "07002", "07003"]);
    assert_eq!(sent["tiga"], ["07001", "07001"]);
}

#[test]
fn an_older_message_that_is_proved_late_changes_no_conversation() {
    let world = world();
    let id = world.message("081200007001");
    world.run();
    let sent = "UPDATE deliveries SET status = 'unknown', channel_id = 2, finished_at = '2026-12-01T00:00:00Z'";
    world.execute(&format!("{sent} WHERE auto_message_id = {id}"));
    world.execute("UPDATE deliveries SET status = 'sent'");
    assert_eq!(world.ask("SELECT channel_id FROM numbers"), "1");
}

#[test]
fn who_spoke_with_a_number_that_is_full_today_hears_from_another_in_time() {
    let world = world();
    world.execute(
        "INSERT INTO numbers (chat_id, channel_id) VALUES ('6281200007001@c.us', 3), ('6281200007002@c.us', 3);
         UPDATE channels SET daily_limit = 1, send_window = '08:00-08:10' WHERE id = 3",
    );
    let mut builder = World::builder();
    builder.config.late_limit = Duration::from_hours(2);
    let id = on(&world, "[2,3]", &chats(2));
    world.run();
    // Tomorrow is within the late limit of a day.
    assert_eq!(sent_by(&world), by(&[("tiga", &["07001"])]));
    let waits = format!(
        "SELECT channel_id FROM deliveries WHERE auto_message_id = {id} AND status = 'pending'"
    );
    assert_eq!(world.ask(&waits), "3");
    let short = with_three(builder.build());
    short.execute(
        "INSERT INTO numbers (chat_id, channel_id) VALUES ('6281200007001@c.us', 3), ('6281200007002@c.us', 3);
         UPDATE channels SET daily_limit = 1 WHERE id = 3",
    );
    on(&short, "[2,3]", &chats(2));
    short.run();
    assert_eq!(sent_by(&short), by(&[("dua", &["07002"]), ("tiga", &["07001"])]));
}

#[test]
fn a_number_that_is_held_gets_nobody_new_and_the_message_goes_on() {
    for hold in ["'banned', held_kind = 'breaker'", "'by hand'", "'session', held_kind = 'session'"]
    {
        let world = world();
        world.waha.set_status("dua", "SCAN_QR_CODE");
        world.execute(&format!("UPDATE channels SET held_reason = {hold} WHERE id = 2"));
        let id = on(&world, "[2,3]", &chats(3));
        world.run();
        assert_eq!(sent_by(&world), by(&[("tiga", &["07001", "07002", "07003"])]), "{hold}");
        assert_eq!(world.status(id), "sent", "{hold}");
    }
}

#[test]
fn a_number_that_only_a_person_frees_does_not_even_keep_its_own() {
    let world = world();
    world.execute(
        "INSERT INTO numbers (chat_id, channel_id) VALUES ('6281200007001@c.us', 2);
         UPDATE channels SET held_reason = 'banned', held_kind = 'breaker' WHERE id = 2",
    );
    on(&world, "[2,3]", &chats(1));
    world.run();
    assert_eq!(sent_by(&world), by(&[("tiga", &["07001"])]));
}

#[test]
fn a_session_that_comes_back_keeps_its_own() {
    let world = world();
    world.execute(
        "INSERT INTO numbers (chat_id, channel_id) VALUES ('6281200007001@c.us', 2);
         UPDATE channels SET held_reason = 'down', held_kind = 'session', held_count = 1 WHERE id = 2",
    );
    on(&world, "[2,3]", &chats(1));
    world.run();
    assert_eq!(sent_by(&world), by(&[("dua", &["07001"])]));
}

#[test]
fn a_number_that_is_held_on_the_way_keeps_its_recipients_and_the_others_go_on() {
    let world = world();
    let id = on(&world, "[2,3]", &chats(6));
    world.trigger();
    world.step_until_received(2);
    world.execute("UPDATE channels SET held_reason = 'by hand' WHERE id = 2");
    world.run();
    let sent = sent_by(&world);
    assert_eq!(
        (sent["dua"].len(), &sent["tiga"][..]),
        (1, &["07002", "07004", "07006"].map(str::to_owned)[..])
    );
    assert_eq!(world.status(id), "sending");
    assert_eq!(world.ask("SELECT sent_count FROM auto_messages"), "4");
    world.execute("UPDATE channels SET held_reason = NULL WHERE id = 2");
    world.run();
    assert_eq!(world.received().len(), 6);
    assert_eq!(
        (world.status(id), world.ask("SELECT sent_count FROM auto_messages")),
        ("sent".to_owned(), "6".to_owned())
    );
}

#[test]
fn a_retry_keeps_the_number_that_tried_before() {
    let world = world();
    // Only the third number is restricted: its recipient fails.
    let id = on(&world, "[2,3]", "081200007001, 081200000463, 081200007002");
    world.run();
    let failed = "SELECT channel_id FROM deliveries WHERE status = 'failed'";
    assert_eq!(world.ask(failed), "3");
    world.execute("UPDATE channels SET held_reason = NULL, held_kind = NULL, held_until = NULL");
    world.clock.pass(Duration::from_mins(10));
    let mut store = Store::open(&world.path).unwrap();
    retry(&mut store, id, Retry::default(), None, &config(), world.clock.wall()).unwrap();
    // Both are free: anew, the second would be chosen.
    let again = "SELECT channel_id FROM deliveries WHERE retry_of IS NOT NULL";
    assert_eq!(world.ask(again), "3");
    // One that cannot send any more leaves it to another.
    world.run();
    world.execute("UPDATE channels SET held_reason = NULL, held_kind = NULL, held_until = NULL, is_active = id <> 3");
    world.clock.pass(Duration::from_mins(10));
    retry(&mut store, id, Retry::default(), None, &config(), world.clock.wall()).unwrap();
    assert_eq!(world.ask(&format!("{again} ORDER BY due_at DESC LIMIT 1")), "2");
}

#[test]
fn another_list_on_the_way_moves_nobody() {
    for other in ["'[1]'", "NULL", "'[3,1]'", "NULL, channel_id = 1"] {
        let world = world();
        let id = on(&world, "[2,3]", &chats(4));
        world.trigger();
        world.step_until_received(2);
        world.execute(&format!("UPDATE auto_messages SET channel_ids = {other} WHERE id = {id}"));
        world.run();
        assert_eq!(
            sent_by(&world),
            by(&[("dua", &["07001", "07003"]), ("tiga", &["07002", "07004"])]),
            "{other}"
        );
    }
}

#[test]
fn numbers_that_cannot_send_at_all_are_left_out_unless_none_can() {
    let world = world();
    world.execute("UPDATE channels SET is_active = 0 WHERE id = 2");
    let some = on(&world, "[2,77,3]", &chats(2));
    let none = on(&world, "[77,2]", &chats(2));
    world.run();
    assert_eq!((world.status(some), world.status(none)), ("sent".to_owned(), "failed".to_owned()));
    assert_eq!(sent_by(&world), by(&[("tiga", &["07001", "07002"])]));
    assert_eq!(world.error(none), "there is no channel 77: correct channel_id");
}

#[test]
fn planning_in_portions_chooses_the_same() {
    for portion in [1, 2, 1_000] {
        let mut builder = World::builder();
        builder.portion = portion;
        let world = with_three(builder.build());
        on(&world, "[2,3,1]", &chats(8));
        world.run();
        let chosen = world.rows("SELECT channel_id FROM deliveries ORDER BY id");
        assert_eq!(chosen, ["2", "3", "1", "2", "3", "1", "2", "3"], "{portion}");
    }
}

#[test]
fn the_table_takes_a_list_of_ids_and_says_what_else_is_wrong() {
    let world = world();
    let id = world.message(&chats(1));
    let write = |list: &str| {
        world.sql.execute(
            "UPDATE auto_messages SET channel_ids = ?1 WHERE id = ?2",
            rusqlite::params![list, id],
        )
    };
    for wrong in [
        "",
        "2,3",
        "2",
        "[]",
        "[ ]",
        "{}",
        "[2,]",
        "[\"2\"]",
        "[[2]]",
        "[2][3]",
        "[2",
        "[-1]",
        "[2.5]",
        "[02]",
        "[12345678901234567890]",
        "null",
        "[null]",
        " [2]",
        "dua",
    ] {
        let error = write(wrong).unwrap_err().to_string();
        assert!(
            error.contains("channel_ids is NULL or a JSON array of ids of channels"),
            "{wrong}: {error}"
        );
    }
    for right in ["[2]", "[2,3]", "[3, 2, 1]", "[3,3]"] {
        write(right).unwrap();
        let first = right.trim_matches(['[', ']']).split(',').next().unwrap();
        assert_eq!(world.ask("SELECT channel_id FROM auto_messages"), first);
    }
    let error = world.sql.execute("UPDATE auto_messages SET channel_id = 1", []).unwrap_err();
    assert!(error.to_string().contains("set channel_ids = NULL in the same UPDATE"), "{error}");
    world.execute("UPDATE auto_messages SET channel_id = 1, channel_ids = NULL");
    world.execute(
        "INSERT INTO auto_messages (message, contact_ids, channel_ids) VALUES ('x', '1', '[3,2]')",
    );
    assert_eq!(world.ask("SELECT channel_id FROM auto_messages ORDER BY id DESC LIMIT 1"), "3");
}

fn moved(world: &World, id: i64, from: &str, to: &str) -> Moved {
    let mut store = Store::open(&world.path).unwrap();
    move_to_channel(&mut store, id, (from, to), world.clock.wall()).unwrap()
}

#[test]
fn what_waits_for_a_banned_number_moves_to_another_and_what_was_sent_does_not() {
    for channels in ["NULL", "'[1,2]'"] {
        let world = world();
        let id = world.message(&chats(6));
        world.execute(&format!("UPDATE auto_messages SET channel_ids = {channels}"));
        world.trigger();
        world.step_until_received(2);
        world.step_until_nothing_is_out();
        world.execute(
            "UPDATE channels SET held_reason = 'banned', held_kind = 'breaker' WHERE id = 1",
        );
        let waits = "SELECT count(*) FROM deliveries WHERE channel_id = 1 AND status = 'pending'";
        let count: u64 = world.ask(waits).parse().unwrap();
        let sent = world.received().iter().filter(|one| one.session == "default").count() as u64;
        let first = moved(&world, id, "default", "2");
        assert_eq!((first.moved, first.stays), (count, vec![(Status::Sent, sent)]));
        assert_eq!(moved(&world, id, "1", "dua").moved, 0, "a second time");
        world.run();
        let mut all = world.recipients();
        all.sort();
        all.dedup();
        assert_eq!((all.len(), world.received().len()), (6, 6));
        assert_eq!(world.status(id), "sent");
        assert_eq!(world.ask("SELECT sent_count FROM auto_messages"), "6");
    }
}

#[test]
fn a_message_was_changed_when_somebody_of_it_moved_and_only_then() {
    let world = world();
    let id = world.message(&chats(3));
    world.trigger();
    world.step_until_received(1);
    world.step_until_nothing_is_out();
    let changed = || world.ask("SELECT updated_at FROM auto_messages");
    let before = changed();
    world.clock.pass(Duration::from_secs(7));
    assert_eq!((moved(&world, id, "dua", "tiga").moved, changed()), (0, before), "nobody");
    assert_eq!(moved(&world, id, "default", "dua").moved, 2);
    assert_eq!(changed(), world.clock.wall().to_string());
}

#[test]
fn what_goes_out_or_may_have_gone_out_does_not_move() {
    let looked = world();
    let id = looked.message("081200007001, 081200000500, 081200007002");
    looked.run();
    let stays = moved(&looked, id, "1", "2").stays;
    assert_eq!(stays, [(Status::Sent, 2), (Status::Unknown, 1)]);
    let mut world = world();
    let other = world.message("081200007003, 081200007004");
    world.execute("UPDATE channels SET held_reason = 'by hand' WHERE id = 1");
    world.run();
    // As a program leaves it that died with the request out.
    world.execute(
        "UPDATE deliveries SET status = 'sending', text = 'Halo', attempts = 1, claimed_at = '2026-12-01T01:00:00Z'
         WHERE chat_id = '6281200007003@c.us'",
    );
    let stays = moved(&world, other, "1", "2");
    assert_eq!((stays.moved, stays.stays), (1, vec![(Status::Sending, 1)]));
    world.restart();
    world.run();
    assert_eq!(sent_by(&world), by(&[("dua", &["07004"])]));
    assert_eq!(moved(&world, other, "1", "2").stays, [(Status::Unknown, 1)]);
}

#[test]
fn what_is_paused_moves_and_what_is_not_planned_does_not() {
    let world = world();
    let id = world.message(&chats(3));
    assert_eq!(moved(&world, id, "1", "2").moved, 0);
    world.trigger();
    world.step_until_received(1);
    world.step_until_nothing_is_out();
    world.execute("UPDATE auto_messages SET status = 'draft'");
    assert_eq!(moved(&world, id, "1", "2").moved, 2);
    world.execute("UPDATE auto_messages SET status = 'sending'");
    world.run();
    assert_eq!(sent_by(&world), by(&[("default", &["07001"]), ("dua", &["07002", "07003"])]));
}

#[test]
fn a_move_that_cannot_be_is_refused_in_words() {
    let world = world();
    let id = world.message(&chats(1));
    world.execute("UPDATE channels SET is_active = 0 WHERE id = 3");
    let mut store = Store::open(&world.path).unwrap();
    let mut refused = |id: i64, from: &str, to: &str| {
        move_to_channel(&mut store, id, (from, to), world.clock.wall()).unwrap_err().to_string()
    };
    assert!(refused(99, "1", "2").contains("there is no message 99"));
    assert!(refused(id, "empat", "2").contains("there is no channel `empat`"));
    assert!(refused(id, "1", "tiga").contains("channel `tiga` cannot send"));
    assert!(refused(id, "1", "default").contains("to itself nothing moves"));
    world.execute(&format!(
        "INSERT INTO link_messages (auto_message_id, project, remote_id) VALUES ({id}, 'p', '7')"
    ));
    assert!(refused(id, "1", "2").contains("website"));
}

#[test]
fn a_person_names_several_channels_by_id_or_name() {
    let world = world();
    let composed = |channel: &str| {
        let draft = Draft {
            channel: Some(channel.to_owned()),
            ..draft("Halo", &["081200007001"], &["+1h"])
        };
        add(&world, &draft)
    };
    let id = composed("dua, 3,dua").unwrap().id;
    let row = format!("SELECT channel_id, channel_ids FROM auto_messages WHERE id = {id}");
    assert_eq!(world.rows(&row), ["2|[2,3]"]);
    let mut store = Store::open(&world.path).unwrap();
    let mut change = |channel: &str| {
        let edited = Edit { channel: Some(channel.to_owned()), ..Edit::default() };
        edit(&mut store, id, &edited, &config(), world.clock.wall()).map(drop)
    };
    change("3,1").unwrap();
    assert_eq!(world.rows(&row), ["3|[3,1]"]);
    change("2,2").unwrap();
    assert_eq!(world.rows(&row), ["2|"]);
    let error = change("1,empat").unwrap_err().to_string();
    assert!(error.contains("there is no channel `empat`"), "{error}");
    assert!(composed(",").unwrap_err().contains("there is no channel `,`"));
    world.execute("UPDATE channels SET name = 'satu, dua' WHERE id = 3");
    change("satu, dua").unwrap();
    assert_eq!(world.rows(&row), ["3|"]);
}

/// Message and chat, with the session and the second of its send.
type Sends = BTreeMap<(i64, String), (i64, i64)>;

fn foretold(world: &World, config: &Config) -> Sends {
    let mut store = Store::open(&world.path).unwrap();
    let mut sends = Sends::new();
    let bounds = Bounds { messages: u64::MAX, recipients: u64::MAX };
    let see = &mut |seen: Seen<'_>| {
        if let Seen::Recipient(row) = seen
            && let Fate::GoesOut { at } = row.fate
        {
            let channel = row.channel_id.unwrap();
            sends.insert((row.message_id, row.chat_id.to_owned()), (channel, at.secs()));
        }
    };
    forecast(&mut store, Scope::All, config, bounds, world.clock.wall(), see).unwrap();
    sends
}

fn happened(world: &World) -> Sends {
    let sent = world.received().into_iter().map(|one| {
        let id = one.body["metadata"]["auto_message_id"].as_i64().unwrap();
        let channel = ["default", "dua", "tiga"].iter().position(|name| *name == one.session);
        ((id, one.chat_id), (i64::try_from(channel.unwrap()).unwrap() + 1, one.at.secs()))
    });
    sent.collect()
}

/// One mixture of pace, hours, limits, rests and conversations, and messages on one channel and on several.
fn mixture(seed: u64) {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut builder = World::builder();
    builder.in_memory = true;
    builder.portion = [1, 3, 1_000][dice.usize(0..3)];
    builder.config.gap =
        Gap { delay: Duration::from_secs([30, 60, 300][dice.usize(0..3)]), jitter: Duration::ZERO };
    if dice.bool() {
        let window = SendWindow::parse(["07:00-21:00", "08:00-08:10"][dice.usize(0..2)]).unwrap();
        let daily_limit = [None, Some(2), Some(5)][dice.usize(0..3)];
        builder.config.allowance = Allowance { window, daily_limit, ..Allowance::default() };
    }
    if dice.bool() {
        let length = Duration::from_mins(5);
        builder.config.rest = Some(Rest { after: dice.u32(1..5), least: length, most: length });
    }
    let config = builder.config.clone();
    let world = with_three(builder.build());
    for id in 1..=3 {
        if dice.u8(0..4) == 0 {
            let limit = dice.u8(1..4);
            world.execute(&format!("UPDATE channels SET daily_limit = {limit} WHERE id = {id}"));
        }
    }
    let start = world.clock.wall();
    let chat = |dice: &mut fastrand::Rng| format!("0812000070{:02}", dice.u8(1..20));
    for _ in 0..dice.u8(0..5) {
        let (chat, channel) = (&chat(&mut dice)[1..], dice.u8(1..4));
        world.execute(&format!(
            "INSERT OR REPLACE INTO numbers (chat_id, channel_id) VALUES ('62{chat}@c.us', {channel})"
        ));
    }
    for n in 0..dice.u64(1..6) {
        let to: Vec<String> = (0..dice.u8(1..7)).map(|_| chat(&mut dice)).collect();
        let lists = ["[1,2]", "[3,2,1]", "[2,3]", "[3]"];
        let list = if dice.bool() { lists[dice.usize(0..4)] } else { "" };
        // None is planned in a second in which another one is sent: who is first would be chance.
        let due = start.plus(Duration::from_secs(30 * dice.u64(0..6) + n));
        world.sql.execute(
            "INSERT INTO auto_messages (message, contact_ids, channel_id, channel_ids, scheduled_at)
             VALUES ('Halo', ?1, ?2, nullif(?3, ''), ?4)",
            rusqlite::params![to.join(","), dice.u8(1..4), list, due.to_string()],
        ).unwrap();
    }
    let told = foretold(&world, &config);
    // A run comes whenever something is due or told to go out, as the server's own would.
    let mut moments: BTreeSet<i64> = told.values().map(|(_, at)| *at).collect();
    moments.extend((0..180).map(|n| start.secs() + n));
    let last = *moments.last().unwrap() + 90_000;
    moments.insert(last);
    for moment in moments {
        world.work_until(Timestamp::from_secs(moment));
        world.trigger();
    }
    assert_eq!(told, happened(&world), "seed {seed}");
}

#[test]
fn a_plan_tells_who_sends_to_whom_and_when_to_the_second() {
    let seeds = std::env::var("MIXTURES").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    for seed in 0..seeds {
        mixture(seed);
    }
}
