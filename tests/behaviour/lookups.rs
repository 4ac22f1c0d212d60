//! Look-ups: what is unknown is asked for, never sent again.

use std::time::Duration;

use auto_message_scheduler::fake_waha::{Engine, Options};

use crate::world::World;

/// A world on `engine`; those that offer no ids are looked up by text.
fn world_on(engine: Engine) -> World {
    let mut builder = World::builder();
    builder.options = Options { engine, ..Options::default() };
    builder.build()
}

fn delivery(world: &World) -> String {
    world.rows("SELECT status, ack FROM deliveries ORDER BY id LIMIT 1").remove(0)
}

fn get_count(world: &World) -> usize {
    world.waha.requests().iter().filter(|request| request.path.contains("/messages")).count()
}

#[test]
fn a_message_that_went_out_without_an_answer_is_found_and_is_sent() {
    for engine in [Engine::Gows, Engine::Noweb, Engine::Webjs, Engine::Wpp] {
        for fault in ["0502", "0504", "0408", "0201"] {
            let world = world_on(engine);
            let id = world.message(&format!("08120000{fault}"));
            world.run();
            assert_eq!(world.status(id), "sending", "{engine} {fault}");
            world.clock.pass(Duration::from_secs(149));
            world.run();
            assert_eq!(get_count(&world), 0, "{engine} {fault}: not before 150 s");
            world.clock.pass(Duration::from_secs(2));
            world.run();
            assert_eq!(delivery(&world), "sent|2", "{engine} {fault}");
            assert_eq!(world.received().len(), 1, "{engine} {fault}");
            let kept = world.ask("SELECT waha_message_id FROM deliveries");
            assert_eq!(kept, world.received()[0].id, "{engine} {fault}");
            let message =
                world.rows("SELECT status, sent_count, unknown_count, error FROM auto_messages");
            assert_eq!(message, ["sent|1|0|"], "{engine} {fault}");
        }
    }
}

#[test]
fn a_message_that_whatsapp_refused_is_found_and_is_failed() {
    // The number's fault shows ack -1; the claim is made to look as if its process had died.
    let mut world = world_on(Engine::Gows);
    world.message("081200000777");
    world.run();
    world.execute("UPDATE deliveries SET status = 'sending', ack = NULL");
    world.execute("UPDATE auto_messages SET status = 'sending'");
    world.restart();
    world.clock.pass(Duration::from_mins(5));
    world.run();
    assert_eq!(delivery(&world), "failed|-1");
    let message = world.rows("SELECT status, sent_count, failed_count FROM auto_messages");
    assert_eq!(message, ["failed|0|1"]);
}

#[test]
fn what_is_not_there_stays_unknown_and_is_looked_up_a_few_times_only() {
    for engine in [Engine::Gows, Engine::Webjs] {
        let world = world_on(engine);
        let id = world.message("081200000500"); // not sent, but who could know
        world.run();
        for _ in 0..60 {
            world.clock.pass(Duration::from_hours(1));
            world.run();
        }
        assert_eq!(delivery(&world), "unknown|", "{engine}");
        assert_eq!(world.status(id), "failed");
        let error = world.ask("SELECT error FROM deliveries");
        assert!(error.contains("; looked up at ") && error.contains("proves nothing"), "{error}");
        assert_eq!(error.matches("looked up").count(), 1, "{error}");
        assert!((3..=10).contains(&get_count(&world)), "{engine}: {}", get_count(&world));
        assert_eq!(world.ask("SELECT next_attempt_at FROM deliveries"), "");
        assert!(world.received().is_empty());
    }
}

#[test]
fn a_look_up_never_posts_and_never_downloads_media() {
    let world = world_on(Engine::Webjs);
    world.message("081200000502");
    world.run();
    let before = world.waha.requests().len();
    world.clock.pass(Duration::from_mins(5));
    world.run();
    let requests = world.waha.requests().split_off(before);
    assert!(!requests.is_empty());
    for request in requests {
        assert_eq!(request.method, "GET");
        assert!(request.path.contains("downloadMedia=false"), "{}", request.path);
    }
}

#[test]
fn two_unknowns_that_could_be_one_message_both_stay_unknown() {
    // Without ids, one text twice to one chat within minutes: a match could be either's.
    let world = world_on(Engine::Webjs);
    world.message("081200000502");
    world.message("081200000502");
    world.run();
    world.clock.pass(Duration::from_mins(5));
    world.run();
    assert_eq!(world.rows("SELECT status FROM deliveries"), ["unknown", "unknown"]);
    assert!(world.ask("SELECT error FROM deliveries LIMIT 1").contains("same text"));
}

#[test]
fn with_ids_two_unknowns_to_one_chat_are_told_apart() {
    let world = world_on(Engine::Gows);
    world.message("081200000502");
    world.message("081200000502");
    world.run();
    world.clock.pass(Duration::from_mins(5));
    world.run();
    assert_eq!(world.rows("SELECT status FROM deliveries"), ["sent", "sent"]);
}

#[test]
fn the_same_text_that_an_earlier_message_sent_is_not_taken_for_this_one() {
    let world = world_on(Engine::Webjs);
    world.message("081200007001");
    world.run();
    world.execute(
        "DROP TRIGGER IF EXISTS deliveries_stay_where_they_are;
         UPDATE deliveries SET chat_id = '6281200000500@c.us'",
    );
    world.message("081200000500");
    world.run();
    world.clock.pass(Duration::from_mins(5));
    world.run();
    assert_eq!(world.rows("SELECT status FROM deliveries ORDER BY id"), ["sent", "unknown"]);
}

#[test]
fn a_claim_that_outlived_its_process_is_looked_up_too() {
    let mut world = world_on(Engine::Gows);
    world.message("081200007001");
    world.run();
    world.execute("UPDATE deliveries SET status = 'sending'");
    world.execute("UPDATE auto_messages SET status = 'sending'");
    world.restart();
    assert_eq!(delivery(&world), "unknown|");
    world.clock.pass(Duration::from_secs(151));
    world.run();
    assert_eq!((delivery(&world).as_str(), world.received().len()), ("sent|2", 1));
}

#[test]
fn a_session_that_refuses_a_look_up_is_asked_again_after_the_next_gap() {
    let world = world_on(Engine::Gows);
    world.message("081200000502");
    world.run();
    world.clock.pass(Duration::from_mins(3));
    world.waha.set_status("default", "STOPPED");
    world.run();
    assert_eq!(delivery(&world), "unknown|");
    world.waha.set_status("default", "WORKING");
    world.run();
    assert_eq!(delivery(&world), "unknown|", "not before ten minutes after the claim");
    world.clock.pass(Duration::from_mins(8));
    world.run();
    assert_eq!(delivery(&world), "sent|2");
}

#[test]
fn a_look_up_of_an_earlier_occurrence_leaves_the_counts_of_the_latest_alone() {
    let world = world_on(Engine::Gows);
    world.execute(
        r#"INSERT INTO auto_messages (message, contact_ids, schedules, created_at)
           VALUES ('x', '081200000502', '[{"date":"2026-12-01","time":"08:00"},
               {"date":"2026-12-01","time":"08:02"}]', '2026-12-01T01:00:00Z')"#,
    );
    world.run();
    world.execute("UPDATE auto_messages SET contact_ids = '081200000400' WHERE 1");
    world.clock.pass(Duration::from_mins(2));
    world.run();
    let counts = "SELECT status, sent_count, failed_count, unknown_count FROM auto_messages";
    assert_eq!(world.rows(counts), ["failed|0|1|0"]);
    world.clock.pass(Duration::from_mins(5));
    world.run();
    assert_eq!(delivery(&world), "sent|2", "the first occurrence was found");
    assert_eq!(world.rows(counts), ["failed|0|1|0"]);
}
