//! Messages for people: what the rows say when something is wrong.

use crate::world::World;

/// A message whose row is changed before it is planned; returns how it failed.
fn failed_because(change: &str) -> String {
    let world = World::new();
    let id = world.message("081200007001");
    world.execute(&format!("UPDATE auto_messages SET {change} WHERE id = {id}"));
    let good = world.message("081200007002");
    world.run();
    assert_eq!(world.status(id), "failed", "{change}");
    assert_eq!(world.status(good), "sent", "{change}: the others go on");
    assert_eq!(world.recipients(), ["6281200007002@c.us"], "{change}");
    world.error(id)
}

#[test]
fn a_message_that_cannot_be_sent_says_why_and_what_to_do() {
    for (change, part) in [
        ("channel_id = 99", "there is no channel 99: correct channel_id"),
        ("message = '  '", "it has no text: fill in `message`"),
        ("contact_ids = NULL", "no valid recipient: `contact_ids` is empty"),
        ("contact_ids = '[]'", "no valid recipient"),
        ("contact_ids = '[1,2'", "contact_ids"),
        ("contact_ids = '[77]'", "no valid recipient (1 skipped)"),
        ("metadata = 'not json'", "`metadata` is no JSON object"),
        ("metadata = '[1]'", "`metadata` is no JSON object"),
        ("schedules = '{oops'", "`schedules`"),
        ("interval_config = '[1]'", "`interval_config`"),
        ("contact_ids = CAST(x'ff' AS TEXT)", "the row cannot be read"),
        ("scheduled_at = NULL", "it has no time"),
        (
            r#"scheduled_at = NULL, schedules = '[{"date":"2020-01-01","time":"08:00"}]'"#,
            "all times of its schedule had passed",
        ),
    ] {
        let error = failed_because(change);
        assert!(error.contains(part), "{change}: {error}");
    }
}

#[test]
fn a_channel_that_cannot_send_fails_its_messages_and_says_what_to_do() {
    for (change, part) in [
        ("is_active = 0", "channel `default` is not active: set its is_active to 1"),
        ("session_name = NULL", "channel `default` has no session_name"),
        ("session_name = ' '", "channel `default` has no session_name"),
    ] {
        let world = World::new();
        world.execute(&format!("UPDATE channels SET {change}"));
        let id = world.message("081200007001");
        world.run();
        assert_eq!(world.status(id), "failed", "{change}");
        assert!(world.error(id).contains(part), "{}", world.error(id));
    }
}

#[test]
fn a_channel_that_is_switched_off_with_messages_on_their_way_sends_no_more_and_the_run_ends() {
    let world = World::new();
    world.message("081200007001,081200007002");
    world.trigger();
    world.step_until_received(1);
    world.execute("UPDATE channels SET is_active = 0");
    world.run();
    assert_eq!(world.received().len(), 1);
    let pending = "SELECT count(*) FROM deliveries WHERE status = 'pending'";
    assert_eq!(world.ask(pending), "1");
}

#[test]
fn a_channel_that_a_person_holds_waits_for_that_person() {
    let world = World::new();
    world.execute("UPDATE channels SET held_reason = 'nomor sedang dipakai'");
    world.message("081200007001");
    world.run();
    assert!(world.received().is_empty());
    assert!(world.waha.requests().is_empty());
    world.execute("UPDATE channels SET held_reason = NULL");
    world.run();
    assert_eq!(world.received().len(), 1);
}

#[test]
fn a_persons_hold_stays_even_on_a_channel_that_the_program_had_held() {
    let world = World::new();
    world.waha.set_status("default", "STOPPED");
    world.message("081200007001");
    world.run();
    world.execute("UPDATE channels SET held_reason = 'libur'");
    world.waha.set_status("default", "WORKING");
    world.run();
    assert!(world.received().is_empty());
    assert_eq!(world.rows("SELECT held_reason, held_kind FROM channels"), ["libur|"]);
}

#[test]
fn a_contact_with_odd_bytes_in_its_name_stops_nobody() {
    let world = World::new();
    world.execute(
        "INSERT INTO contacts (id, name, phone_number)
             VALUES (1, CAST(x'416e6472e9' AS TEXT), '081200007001'), (2, 'Siti', '081200007002')",
    );
    world.message("[1,2]");
    world.run();
    assert_eq!(world.received().len(), 2);
}
