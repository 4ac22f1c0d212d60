//! A contact is removed or corrected, a channel is removed, while a message waits for them.

use std::time::Duration;

use auto_message_scheduler::contacts::waiting::OnItsWay;
use auto_message_scheduler::contacts::{self, Changes};
use auto_message_scheduler::messages::{self, Retry};
use auto_message_scheduler::store::Store;

use crate::world::{World, config};

const REMOVED: &str = "the contact was removed from the address book";
const SERVED: &str = "the contact has a number now that gets this message already";

/// Contacts 1 to 3 with the numbers 62812000070 01 to 03, and a message to all that has reached the
/// first one.
fn world() -> World {
    let world = World::new();
    fill(&world);
    world.message("[1, 2, 3]");
    world.trigger();
    world.step_until_received(1);
    world.step_until_nothing_is_out();
    world
}

fn fill(world: &World) {
    world.execute(
        "INSERT INTO contacts (id, name, phone_number) VALUES (1, 'Budi', '+6281200007001'),
             (2, 'Siti', '0812-0000-7002'), (3, 'Agus', '+6281200007003')",
    );
}

fn store(world: &World) -> Store {
    Store::open(&world.path).unwrap()
}

fn remove(world: &World, id: i64) -> OnItsWay {
    let now = world.clock.wall();
    contacts::remove(&mut store(world), &[id], false, &config(), now).unwrap()
}

fn correct(world: &World, id: i64, number: &str) -> OnItsWay {
    let changes = Changes { number: Some(number.into()), ..Changes::default() };
    let now = world.clock.wall();
    contacts::edit(&mut store(world), id, &changes, &config(), now).unwrap()
}

/// Whom it reached, without what is common to all.
fn reached(world: &World) -> Vec<String> {
    let chats = world.recipients().into_iter();
    chats.map(|chat| chat.replace("628120000", "").replace("@c.us", "")).collect()
}

fn deliveries(world: &World) -> Vec<String> {
    world.rows("SELECT contact_id, status, error FROM deliveries ORDER BY id")
}

#[test]
fn a_contact_that_is_removed_gets_nothing_that_waits() {
    let world = world();
    let all = remove(&world, 2);
    assert_eq!(all, OnItsWay { skipped: 1, ..OnItsWay::default() });
    world.execute("DELETE FROM contacts WHERE id = 3");
    world.run();
    assert_eq!(reached(&world), ["7001"]);
    let skipped = |id| format!("{id}|skipped|{REMOVED}");
    assert_eq!(deliveries(&world), ["1|sent|".to_owned(), skipped(2), skipped(3)]);
    assert_eq!(
        world.rows("SELECT status, sent_count, skipped_count FROM auto_messages"),
        ["sent|1|2"]
    );
}

#[test]
fn the_last_one_who_is_removed_settles_the_message() {
    let world = world();
    world.execute("DELETE FROM contacts WHERE id = 3");
    remove(&world, 2);
    assert_eq!(world.status(1), "sending");
    world.run();
    assert_eq!(world.status(1), "sent");
}

#[test]
fn a_corrected_number_gets_what_waits_and_the_old_one_nothing() {
    let world = world();
    let all = correct(&world, 2, "0812 0000 8002");
    assert_eq!(all, OnItsWay { moved: 1, ..OnItsWay::default() });
    world.execute("UPDATE contacts SET phone_number = '0812-0000-8003' WHERE id = 3");
    world.run();
    assert_eq!(reached(&world), ["7001", "8002", "8003"]);
    let again = correct(&world, 2, "0812 0000 8012");
    assert_eq!(again, OnItsWay::default(), "what is sent is not touched");
}

#[test]
fn another_spelling_of_the_number_changes_nothing() {
    let world = world();
    world.execute("UPDATE contacts SET phone_number = '+62 812 0000 700' || id");
    world.execute("INSERT OR REPLACE INTO contacts (id, phone_number) VALUES (3, '081200007003')");
    world.run();
    assert_eq!(reached(&world), ["7001", "7002", "7003"]);
}

#[test]
fn a_number_that_got_the_message_as_another_recipient_does_not_get_it_again() {
    let world = world();
    world.execute(
        "UPDATE contacts SET phone_number = '081200007001' WHERE id = 2;
         UPDATE contacts SET phone_number = 'belum ada' WHERE id = 3",
    );
    world.run();
    assert_eq!(reached(&world), ["7001"]);
    assert_eq!(deliveries(&world)[1], format!("2|skipped|{SERVED}"));
    assert!(deliveries(&world)[2].starts_with("3|skipped|"), "{:?}", deliveries(&world));
}

#[test]
fn contacts_that_exchange_their_numbers_both_get_it() {
    let world = world();
    world.execute(
        "UPDATE contacts SET phone_number = 'x' WHERE id = 2;
         UPDATE contacts SET phone_number = '081200007002' WHERE id = 3;
         UPDATE contacts SET phone_number = '081200007003' WHERE id = 2",
    );
    world.run();
    assert_eq!(reached(&world), ["7001", "7003", "7002"]);
    assert_eq!(deliveries(&world), ["1|sent|", "2|sent|", "3|sent|"]);
}

#[test]
fn a_number_that_was_skipped_for_another_contact_is_free() {
    let world = world();
    remove(&world, 2);
    assert_eq!(correct(&world, 3, "081200007002").moved, 1);
    world.run();
    assert_eq!(reached(&world), ["7001", "7002"]);
}

#[test]
fn a_new_number_that_opted_out_gets_nothing() {
    let world = world();
    world.execute(
        "INSERT INTO contacts (phone_number, opted_out_at) VALUES ('0812-0000-8002', '2026-01-01')",
    );
    world.execute("UPDATE contacts SET phone_number = '081200008002' WHERE id = 2");
    world.run();
    assert_eq!(reached(&world), ["7001", "7003"]);
    assert_eq!(deliveries(&world)[1], "2|skipped|opted out");
}

#[test]
fn who_opts_out_after_the_number_was_corrected_gets_nothing() {
    let world = world();
    correct(&world, 2, "081200008002");
    world.execute("UPDATE contacts SET opted_out_at = '2026-01-01' WHERE id = 2");
    world.run();
    assert_eq!(reached(&world), ["7001", "7003"]);
}

#[test]
fn a_number_that_the_message_itself_names_is_no_contacts() {
    let world = World::new();
    fill(&world);
    world.message(
        r#"["081200007009", {"contact_id": 2, "phone": "081200007002"}, {"id": 77, "phone": "081200007077"}]"#,
    );
    world.trigger();
    world.step_until_received(1);
    world.execute("DELETE FROM contacts");
    world.run();
    assert_eq!(reached(&world), ["7009", "7002", "7077"]);
}

#[test]
fn a_request_that_is_in_flight_is_left_alone_and_told() {
    let mut world = world();
    world.execute(
        "UPDATE deliveries SET status = 'sending', text = 'Halo', attempts = 1,
             claimed_at = '2026-12-01T01:00:30Z' WHERE contact_id = 2",
    );
    let all = correct(&world, 2, "081200008002");
    assert_eq!(all, OnItsWay { in_flight: 1, ..OnItsWay::default() });
    assert_eq!(remove(&world, 2).in_flight, 1);
    world.restart();
    world.run();
    let row = "SELECT chat_id, status FROM deliveries WHERE contact_id = 2";
    assert_eq!(world.rows(row), ["6281200007002@c.us|unknown"]);
}

#[test]
fn a_message_that_is_planned_in_portions_goes_to_the_numbers_that_are_right_in_the_end() {
    let mut builder = World::builder();
    builder.portion = 1;
    let world = builder.build();
    fill(&world);
    world.message("[1, 2, 3]");
    world.trigger();
    while world.ask("SELECT count(*) FROM deliveries") != "2" {
        world.step();
    }
    // The third one has the number of the second one now, who was planned with it.
    world.execute(
        "UPDATE contacts SET phone_number = '081200008002' WHERE id = 2;
         UPDATE contacts SET phone_number = '081200007002' WHERE id = 3;
         DELETE FROM contacts WHERE id = 1",
    );
    world.run();
    let mut reached = reached(&world);
    reached.sort();
    assert_eq!(reached, ["7002", "8002"]);
}

#[test]
fn who_got_it_at_the_old_number_does_not_get_it_at_the_new_one_when_it_is_set_back() {
    let world = world();
    correct(&world, 1, "081200008001");
    world.execute("UPDATE auto_messages SET status = 'scheduled'");
    world.run();
    assert_eq!(reached(&world), ["7001", "7002", "7003"]);
}

#[test]
fn a_retry_goes_to_the_corrected_number() {
    let world = World::new();
    world.execute("INSERT INTO contacts (id, phone_number) VALUES (1, '081200000400')");
    let id = world.message("1");
    world.run();
    assert_eq!(world.status(id), "failed");
    correct(&world, 1, "081200007001");
    let retry = Retry { with_unknown: false };
    let now = world.clock.wall();
    messages::retry(&mut store(&world), id, retry, None, &config(), now).unwrap();
    world.run();
    assert_eq!(reached(&world), ["7001"]);
}

#[test]
fn a_contact_that_lost_its_tag_after_planning_still_gets_it() {
    let world = World::new();
    fill(&world);
    world.execute(r#"UPDATE contacts SET tags = '["vip"]' WHERE id < 3"#);
    world.message("tag:vip");
    world.trigger();
    world.step_until_received(1);
    world.execute("UPDATE contacts SET tags = '[]'");
    world.run();
    assert_eq!(reached(&world), ["7001", "7002"]);
}

#[test]
fn a_removed_channel_ends_what_waits_for_it_at_the_next_tick() {
    let world = world();
    world.execute("INSERT INTO contacts (id, phone_number) VALUES (4, '081200007004')");
    world.execute("DELETE FROM channels");
    world.clock.pass(Duration::from_mins(1));
    world.run();
    let why = "channel 1 was removed: set channel_id to one that is there, and retry";
    assert_eq!(
        world.rows("SELECT status, sent_count, failed_count, error FROM auto_messages"),
        [format!("sent|1|2|{why}")]
    );
    assert_eq!(deliveries(&world)[1..], [format!("2|failed|{why}"), format!("3|failed|{why}")]);
}

#[test]
fn a_message_that_is_given_a_channel_that_is_not_there_fails_with_the_reason() {
    let mut builder = World::builder();
    builder.portion = 1;
    let world = builder.build();
    let id = world.message("081200007001, 081200007002");
    world.execute("UPDATE channels SET held_reason = 'libur'");
    world.run();
    world.execute("UPDATE auto_messages SET channel_id = 99");
    world.run();
    assert_eq!(world.status(id), "failed");
    assert!(world.error(id).starts_with("channel 99 was removed"), "{}", world.error(id));
}

#[test]
fn a_message_on_its_way_goes_on_through_the_channel_that_it_is_given() {
    let world = world();
    world.execute(
        "INSERT INTO channels (id, name, session_name) VALUES (2, 'dua', 'dua');
         UPDATE auto_messages SET channel_id = 2",
    );
    world.run();
    let sessions: Vec<String> =
        world.received().into_iter().map(|received| received.session).collect();
    assert_eq!(sessions, ["default", "dua", "dua"]);
}

#[test]
fn the_id_of_a_removed_channel_is_not_given_again() {
    let world = World::new();
    world.execute(
        "INSERT INTO channels (name, session_name) VALUES ('dua', 'dua');
         INSERT INTO auto_messages (message, contact_ids, channel_id, scheduled_at)
             VALUES ('Halo', '081200007001', 2, '2026-12-01T02:00:00Z');
         DELETE FROM channels WHERE id = 2;
         INSERT INTO channels (name, session_name) VALUES ('tiga', 'tiga')",
    );
    assert_eq!(world.ask("SELECT group_concat(id) FROM channels"), "1,3");
    world.clock.pass(Duration::from_hours(1));
    world.run();
    assert!(world.received().is_empty());
    assert!(world.error(1).contains("no channel 2"), "{}", world.error(1));
}

/// What became of a message to these, with contacts 4 and 5 that have one number.
fn shared(contact_ids: &str) -> World {
    let world = World::new();
    fill(&world);
    world.execute(
        "INSERT INTO contacts (id, name, phone_number, tags) VALUES
             (4, 'Ani', '+6281200007004', '[]'), (5, 'Ani toko', '0812-0000-7004', '[\"vip\"]')",
    );
    world.message(contact_ids);
    world.trigger();
    world.step_until_received(1);
    world.step_until_nothing_is_out();
    world
}

#[test]
fn a_number_that_the_message_names_itself_gets_it_when_its_contact_is_removed_or_corrected() {
    let world = shared(r#"[1, 2, "081200007002", 3, "+62 812 0000 7003"]"#);
    remove(&world, 2);
    correct(&world, 3, "081200008003");
    world.run();
    assert_eq!(reached(&world), ["7001", "7002", "7003"]);
}

#[test]
fn who_shares_the_number_of_a_removed_contact_still_gets_it() {
    for names in ["[1, 4, 5]", r#"[1, 4, "tag:vip"]"#, "all"] {
        let world = shared(names);
        assert_eq!(remove(&world, 4), OnItsWay::default(), "{names}");
        world.run();
        assert!(reached(&world).contains(&"7004".to_owned()), "{names}");
        let row = "SELECT contact_id, name, status FROM deliveries WHERE chat_id LIKE '%7004%'";
        assert_eq!(world.rows(row), ["5|Ani toko|sent"], "{names}");
    }
    // One who had another number before, and gave way to the one who is removed.
    let world = shared("[1, 4, 3]");
    world.execute("UPDATE contacts SET phone_number = '081200007004' WHERE id = 3");
    let followed =
        "UPDATE deliveries SET status = 'skipped', error = 'served' WHERE contact_id = 3";
    world.execute(followed);
    remove(&world, 4);
    world.run();
    assert_eq!(reached(&world), ["7001", "7004"]);
    // By SQL, and one that the message does not name.
    let world = shared("[1, 4, 5]");
    world.execute("DELETE FROM contacts WHERE id = 4");
    world.run();
    assert_eq!(reached(&world), ["7001", "7004"]);
    let world = shared("[1, 4]");
    remove(&world, 4);
    world.run();
    assert_eq!(reached(&world), ["7001"]);
}

#[test]
fn who_shares_the_number_of_a_corrected_contact_gets_it_and_so_does_the_corrected_one() {
    let world = shared("[1, 4, 5]");
    assert_eq!(correct(&world, 4, "081200008004").moved, 1);
    assert_eq!(world.ask("SELECT contact_count FROM auto_messages"), "3");
    world.run();
    assert_eq!(reached(&world), ["7001", "8004", "7004"]);
    assert_eq!(world.rows("SELECT status, sent_count FROM auto_messages"), ["sent|3"]);
    // By SQL, to a number that gets it already.
    let world = shared("[1, 4, 5]");
    world.execute("UPDATE contacts SET phone_number = '+6281200007001' WHERE id = 4");
    world.run();
    assert_eq!(reached(&world), ["7001", "7004"]);
}

#[test]
fn a_retry_leaves_out_who_has_a_number_now_that_got_it() {
    let failed = || {
        let world = World::new();
        world.execute(
            "INSERT INTO contacts (id, phone_number) VALUES (1, '081200000400'), (2, '081200007002'),
                 (3, '081300000400')",
        );
        world.message("[1, 2, 3]");
        world.run();
        assert_eq!(reached(&world), ["7002"]);
        world
    };
    let retry = |world: &World| {
        let (retry, now) = (Retry { with_unknown: false }, world.clock.wall());
        messages::retry(&mut store(world), 1, retry, None, &config(), now).unwrap()
    };
    let world = failed();
    world.execute("UPDATE contacts SET phone_number = '+6281200007002' WHERE id = 1");
    let retried = retry(&world);
    assert_eq!((retried.pending, retried.skipped), (1, 1));
    world.run();
    assert_eq!(reached(&world), ["7002"]);
    let world = failed();
    assert_eq!(retry(&world).pending, 2);
    world.execute("UPDATE contacts SET phone_number = '+6281200007002' WHERE id = 1");
    world.run();
    assert_eq!(reached(&world), ["7002"]);
    let error = "SELECT error FROM deliveries WHERE contact_id = 1 AND status = 'skipped'";
    assert_eq!(world.ask(error), SERVED);
}

#[test]
fn a_message_that_is_replaced_on_its_way_goes_on_through_the_channel_of_the_new_row() {
    let world = world();
    world.execute(
        "INSERT INTO channels (id, name, session_name) VALUES (2, 'dua', 'dua');
         REPLACE INTO auto_messages (id, message, contact_ids, scheduled_at, channel_id)
             SELECT id, message, contact_ids, scheduled_at, 2 FROM auto_messages",
    );
    world.run();
    let sessions: Vec<String> =
        world.received().into_iter().map(|received| received.session).collect();
    assert_eq!(sessions, ["default", "dua", "dua"]);
}

#[test]
fn a_channel_that_is_replaced_by_sql_keeps_its_number_unless_its_session_is_another() {
    let world = World::new();
    world.execute("UPDATE channels SET phone_number = '+6281200000001'");
    let number = "SELECT coalesce(phone_number, 'none') FROM channels";
    for (session, kept) in
        [("default", "+6281200000001"), ("default ", "+6281200000001"), ("dua", "none")]
    {
        world.execute(&format!(
            "INSERT OR IGNORE INTO channels (id, name, session_name) VALUES (1, 'x', 'x');
             REPLACE INTO channels (id, name, session_name) VALUES (1, 'satu', '{session}')"
        ));
        assert_eq!(world.ask(number), kept, "{session}");
    }
}
