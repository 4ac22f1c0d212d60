//! Tags and opt-outs, from the address book to what is sent.

use auto_message_scheduler::contacts::opt_out;
use auto_message_scheduler::recipient::parse_contact_ids;
use auto_message_scheduler::store::Store;

use crate::world::{World, config};

fn world() -> World {
    let world = World::new();
    world.execute(
        r#"INSERT INTO contacts (id, name, phone_number, tags) VALUES
             (1, 'Budi', '0812-0000-7001', '["Pelanggan","vip"]'),
             (2, 'Siti', '+6281300007002', '[" pelanggan "]'),
             (3, 'Agus', 'rusak', 'pelanggan, lama'),
             (4, 'Dewi', '081200007004', '{"a":'),
             (5, 'Rina', '081200007005', '["vip"]');"#,
    );
    world
}

/// As `contact opt-out` does, in a connection of its own.
fn opt_out(world: &World, who: &str) -> usize {
    let mut store = Store::open(&world.path).unwrap();
    let entry = parse_contact_ids(Some(who)).unwrap().remove(0);
    let now = world.clock.wall();
    let done = opt_out::opt_out(&mut store, &entry, &config(), now).unwrap();
    done.skipped.messages.len()
}

#[test]
fn a_tag_reaches_everybody_who_has_it_in_whatever_form_the_column_is() {
    for contact_ids in [r#"{"tag":"pelanggan"}"#, "tag:PELANGGAN", r#"[{"tag":"pelanggan"},1,2]"#] {
        let world = world();
        let id = world.message(contact_ids);
        world.run();
        assert_eq!(world.recipients(), ["6281200007001@c.us", "6281300007002@c.us"]);
        assert_eq!(world.status(id), "sent");
        let skipped =
            "SELECT chat_id || ' ' || contact_id FROM deliveries WHERE status = 'skipped'";
        assert_eq!(world.rows(skipped), ["rusak 3"], "{contact_ids}");
    }
}

#[test]
fn tags_ids_and_numbers_mix_and_nobody_gets_it_twice() {
    let world = world();
    world.message("tag:vip, 081200007001, tag:pelanggan; 4");
    world.run();
    assert_eq!(
        world.recipients(),
        ["6281200007001@c.us", "6281200007005@c.us", "6281300007002@c.us", "6281200007004@c.us"]
    );
}

#[test]
fn a_tag_that_nobody_has_is_one_skipped_recipient() {
    let world = world();
    let id = world.message(r#"[{"tag":"tidak ada"},5]"#);
    world.run();
    assert_eq!(world.status(id), "sent");
    let rows = world.rows("SELECT chat_id, error FROM deliveries WHERE status = 'skipped'");
    assert_eq!(
        rows,
        ["tag:tidak ada|no contact has the tag `tidak ada`: `contact list` shows the tags"]
    );
}

#[test]
fn all_of_a_large_tag_are_planned() {
    let world = World::builder();
    let world = auto_message_scheduler_world(world);
    world.execute(
        r#"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
           INSERT INTO contacts (name, phone_number, tags)
           SELECT 'Orang ' || i, '0812' || printf('%08d', i), '["ramai"]' FROM n;"#,
    );
    world.message("tag:ramai");
    world.trigger();
    while world.status(1) == "scheduled" {
        world.step();
    }
    assert_eq!(world.ask("SELECT count(*) FROM deliveries"), "20000");
}

fn auto_message_scheduler_world(mut builder: crate::world::Builder) -> World {
    builder.in_memory = true;
    builder.build()
}

#[test]
fn who_opted_out_is_skipped_by_id_tag_number_and_chat_in_every_spelling() {
    for written in
        ["0812-0000-7001", "+6281200007001", "６２８１２００００７００１", "62 812 0000 7001"]
    {
        for contact_ids in [
            "1",
            "tag:vip",
            "081200007001",
            "+62 812 0000 7001",
            "6281200007001@c.us",
            r#"[{"phone":"0812 0000 7001","name":"Budi"}]"#,
            r#"[{"id":1,"phone":"081299990000"}]"#,
        ] {
            let world = world();
            world.execute(&format!(
                "UPDATE contacts SET tags = '[\"vip\"]', phone_number = '{written}',
                     opted_out_at = '2026-11-01' WHERE id = 1;
                 UPDATE contacts SET tags = '[]' WHERE id > 1"
            ));
            let id = world.message(contact_ids);
            world.run();
            assert_eq!(world.recipients(), [""; 0], "{written} by {contact_ids}");
            assert_eq!(world.rows("SELECT status, error FROM deliveries"), ["skipped|opted out"]);
            assert_eq!(world.status(id), "failed");
        }
    }
}

#[test]
fn an_opt_out_of_one_contact_counts_for_another_with_the_same_number() {
    let world = world();
    world.execute(
        "INSERT INTO contacts (id, phone_number, opted_out_at)
             VALUES (9, '(0812) 0000.7001', '2026-11-01')",
    );
    world.message("1");
    world.run();
    assert_eq!(world.recipients(), [""; 0]);
}

#[test]
fn an_opt_out_while_the_message_is_under_way_keeps_it_away() {
    for who in ["1", "0812 0000 7001"] {
        let world = world();
        let id = world.message("5, 081200007001, 2");
        world.trigger();
        world.step_until_received(1);
        assert_eq!(opt_out(&world, who), 1, "{who}");
        assert_eq!(world.ask("SELECT skipped_count FROM auto_messages"), "1");
        world.run();
        assert_eq!(world.recipients(), ["6281200007005@c.us", "6281300007002@c.us"]);
        assert_eq!(world.status(id), "sent");
        let counts = "SELECT sent_count || ' ' || skipped_count FROM auto_messages";
        assert_eq!(world.ask(counts), "2 1");
    }
}

#[test]
fn an_opt_out_of_the_last_one_who_waits_settles_the_message() {
    let world = world();
    let id = world.message("5, 081277770000");
    world.trigger();
    world.step_until_received(1);
    world.step();
    assert_eq!(opt_out(&world, "081277770000"), 1);
    assert_eq!(world.status(id), "sent");
    assert_eq!(world.ask("SELECT phone_number FROM contacts WHERE id > 5"), "+6281277770000");
    world.run();
    assert_eq!(world.recipients().len(), 1);
}

#[test]
fn an_opt_out_that_a_person_writes_by_sql_is_seen_at_the_claim() {
    let world = world();
    let id = world.message("5, 1, 081300007002");
    world.trigger();
    world.step_until_received(1);
    world.execute("UPDATE contacts SET opted_out_at = datetime('now') WHERE id IN (1, 2)");
    world.run();
    assert_eq!(world.recipients(), ["6281200007005@c.us"]);
    assert_eq!(world.status(id), "sent");
    assert_eq!(world.ask("SELECT skipped_count FROM auto_messages"), "2");
}

#[test]
fn an_opt_out_during_a_request_that_never_left_is_not_tried_again() {
    let mut world = world();
    world.url = "http://127.0.0.1:1".to_owned();
    world.restart();
    world.message("081200007001");
    world.run();
    let pending = "SELECT group_concat(status) FROM deliveries";
    assert_eq!(world.ask(pending), "pending");
    // As if the request were out: the row is nobody's to skip.
    world.execute(
        "UPDATE deliveries SET status = 'sending', text = 'x', claimed_at = '2026-12-01T01:00:00Z',
             attempts = 1",
    );
    assert_eq!(opt_out(&world, "081200007001"), 0);
    world.execute("UPDATE deliveries SET status = 'pending', claimed_at = NULL");
    world.execute("UPDATE channels SET held_reason = NULL, held_kind = NULL, held_until = NULL");
    world.url = world.waha.base_url();
    world.restart();
    world.run();
    assert_eq!((world.recipients().len(), world.ask(pending).as_str()), (0, "skipped"));
}

#[test]
fn the_id_of_a_removed_contact_is_never_given_to_another() {
    let world = world();
    world.execute(
        "DELETE FROM contacts WHERE id = 5; INSERT INTO contacts (phone_number) VALUES ('x')",
    );
    assert_eq!(world.ask("SELECT max(id) FROM contacts"), "6");
}
