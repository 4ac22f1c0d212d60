//! What is not certain: looks that are refused, refusals in an answer, and messages of which nothing
//! else is known than that they may have gone out.

use std::time::Duration;

use auto_message_scheduler::delivery::{Ack, MessageId};
use auto_message_scheduler::fake_waha::{Engine, Options};
use auto_message_scheduler::store::{MessageEvent, Store};

use crate::world::World;

const FIRST_LOOK: Duration = Duration::from_secs(151);

fn world_on(engine: Engine) -> World {
    let mut builder = World::builder();
    builder.options = Options { engine, ..Options::default() };
    builder.in_memory = true; // many runs
    let world = builder.build();
    world.execute("INSERT INTO meta (key, value) VALUES ('alerts_on', '1')");
    world
}

fn message_row(world: &World) -> String {
    let sql = "SELECT status, sent_count, failed_count, unknown_count FROM auto_messages
               ORDER BY id LIMIT 1";
    world.rows(sql).remove(0)
}

fn first(world: &World) -> String {
    world.rows("SELECT status, ack FROM deliveries ORDER BY id LIMIT 1").remove(0)
}

fn error(world: &World) -> String {
    world.ask("SELECT error FROM deliveries ORDER BY id LIMIT 1")
}

fn alerts(world: &World) -> Vec<String> {
    world.rows("SELECT event FROM alerts ORDER BY id")
}

fn looks(world: &World, session: &str) -> usize {
    let route = format!("/api/{session}/chats/");
    world.waha.requests().iter().filter(|request| request.path.starts_with(&route)).count()
}

fn posts(world: &World) -> usize {
    world.waha.requests().iter().filter(|request| request.path == "/api/sendText").count()
}

/// The look-ups of the session `default` are answered with this.
const REFUSALS: [(u16, &str, &str); 8] = [
    (
        400,
        r#"{"message":"Enable NOWEB store \"config.noweb.store.enabled=True\""}"#,
        "answered 400: Enable NOWEB store",
    ),
    (
        422,
        r#"{"error":"Session status is not as expected","status":"STOPPED","expected":["WORKING"]}"#,
        "answered 422",
    ),
    (404, r#"{"message":"Session not found"}"#, "answered 404: Session not found"),
    (404, r#"{"message":"Cannot GET /api/default/chats"}"#, "answered 404: Cannot GET"),
    (401, r#"{"message":"Unauthorized"}"#, "answered 401"),
    (429, "{}", "answered 429"),
    (500, r#"{"exception":{"message":"no storage"}}"#, "answered 500: no storage"),
    (200, "<html>a page</html>", "no list of messages"),
];

#[test]
fn a_look_up_that_waha_refuses_counts_says_why_and_keeps_no_other_session_waiting() {
    for (status, body, words) in REFUSALS {
        let world = world_on(Engine::Webjs);
        world.execute("INSERT INTO channels (id, name, session_name) VALUES (2, 'dua', 'dua')");
        let refused = "081200000502, 081300000502, 081400000502, 081500000502";
        world.message(refused);
        let other = world.message("081600000502");
        world.execute(&format!("UPDATE auto_messages SET channel_id = 2 WHERE id = {other}"));
        world.waha.set_look_ups("default", Some((status, body)));
        world.run();
        world.clock.pass(Duration::from_mins(4));
        world.run();
        assert_eq!(world.status(other), "sent", "{status}: the other session goes on");
        for _ in 0..7 {
            world.clock.pass(Duration::from_mins(1));
            world.run();
        }
        let unlooked = "SELECT count(*) FROM deliveries WHERE channel_id = 1
            AND (status <> 'unknown' OR error NOT LIKE '%; looked up at %')";
        assert_eq!(world.ask(unlooked), "0", "{status}");
        assert!(error(&world).contains(words), "{status}: {}", error(&world));
        for minutes in [1, 1, 1, 40, 10, 1, 300, 1, 1, 1100, 1, 1, 1] {
            world.clock.pass(Duration::from_mins(minutes));
            world.run();
        }
        assert_eq!(world.ask("SELECT count(*) FROM deliveries WHERE next_attempt_at > ''"), "0");
        assert_eq!(looks(&world, "default"), 4 * 5, "{status}: each of the four, five times");
        assert_eq!(message_row(&world), "failed|0|0|4", "{status}");
    }
}

#[test]
fn more_messages_in_the_chat_than_waha_lists_at_once_count_as_a_look() {
    let world = world_on(Engine::Webjs);
    world.message("081200000502");
    world.run();
    let one = r#"{"id":"true_1@c.us_A","fromMe":true,"timestamp":1,"body":"Halo","ack":1}"#;
    let many = format!("[{}]", vec![one; 100].join(","));
    world.waha.set_look_ups("default", Some((200, &many)));
    for _ in 0..15 {
        world.clock.pass(Duration::from_mins(1));
        world.run();
    }
    assert!(error(&world).contains("100 messages of that time in the chat"), "{}", error(&world));
    assert_eq!((first(&world).as_str(), looks(&world, "default")), ("unknown|", 2));
}

#[test]
fn a_waha_that_is_away_burns_no_look_and_is_asked_when_it_is_back() {
    let world = world_on(Engine::Webjs);
    world.message("081200000502");
    world.run();
    world.waha.set_look_ups("default", Some((502, "<html>bad gateway</html>")));
    world.clock.pass(FIRST_LOOK);
    world.run();
    assert_eq!(message_row(&world), "failed|0|0|1", "the first try ends the wait");
    assert!(error(&world).contains("cannot be reached: what stands in front"), "{}", error(&world));
    for _ in 0..60 {
        world.clock.pass(Duration::from_mins(30));
        world.run();
    }
    assert!((8..30).contains(&looks(&world, "default")), "{}", looks(&world, "default"));
    world.waha.set_look_ups("default", None);
    world.clock.pass(Duration::from_hours(7));
    world.run();
    assert_eq!((first(&world).as_str(), message_row(&world).as_str()), ("sent|2", "sent|1|0|0"));
}

#[test]
fn a_number_that_whatsapp_does_not_resolve_is_failed_and_says_so() {
    let world = world_on(Engine::Gows);
    let id = world.message("081200000540, 081200007001");
    world.run();
    assert_eq!(first(&world), "failed|");
    assert_eq!(error(&world), "WhatsApp does not resolve this number (no LID found)");
    assert_eq!(world.status(id), "sent", "the next one got his");
    assert_eq!(world.ask("SELECT held_kind FROM channels"), "");
}

#[test]
fn a_201_that_says_error_is_failed_until_a_higher_ack_proves_the_contrary() {
    for engine in [Engine::Gows, Engine::Noweb, Engine::Webjs, Engine::Wpp] {
        let world = world_on(engine);
        let id = world.message("081200000776");
        world.run();
        assert_eq!((first(&world).as_str(), world.status(id).as_str()), ("failed|-1", "failed"));
        assert!(error(&world).contains("WhatsApp refused it"), "{engine}: {}", error(&world));
        let kept = world.ask("SELECT waha_message_id FROM deliveries");
        let message = MessageId { bare: kept, from_me: Some(true), chat_id: None };
        let event =
            MessageEvent { event_id: "e", message: &message, ack: Some(Ack::Server), echo: None };
        let mut store = Store::open(&world.path).unwrap();
        store.write(|tx| tx.take_message_event(&event, world.clock.wall())).unwrap();
        assert_eq!(first(&world), "sent|1", "{engine}");
        assert_eq!(message_row(&world), "sent|1|0|0", "{engine}");
    }
}

#[test]
fn what_this_waha_cannot_send_fails_the_message_once_and_is_no_trouble_of_the_session() {
    for (fault, words) in [("0424", "only in Plus"), ("0501", "not implemented by")] {
        let world = world_on(Engine::Noweb);
        let id = world.message(&format!("08120000{fault}, 081200007001, 081200007002"));
        let next = world.message("081200007003");
        let report = world.run();
        assert_eq!(message_row(&world), "failed|0|3|0", "{fault}");
        assert_eq!(report.deliveries.failed, 3, "{fault}");
        let reasons = world.rows("SELECT DISTINCT error FROM deliveries WHERE status = 'failed'");
        assert!(reasons.len() == 1 && reasons[0].contains(words), "{reasons:?}");
        assert!(world.error(id).contains(words), "{}", world.error(id));
        assert_eq!(world.ask("SELECT held_reason FROM channels"), "", "{fault}");
        assert_eq!((world.status(next).as_str(), posts(&world)), ("sent", 2), "{fault}");
    }
}

#[test]
fn a_message_of_which_all_is_unknown_waits_for_its_first_look_up_and_no_failure_is_told_before() {
    for (number, ends, told) in [
        ("081200000502", "sent|1|0|0", vec!["deliveries_unknown"]),
        ("081200000500", "failed|0|0|1", vec!["deliveries_unknown", "message_failed"]),
    ] {
        let mut world = world_on(Engine::Gows);
        let id = world.message(number);
        world.run();
        assert_eq!(message_row(&world), "sending|0|0|1");
        world.restart();
        world.clock.pass(Duration::from_mins(1));
        world.run();
        assert_eq!(message_row(&world), "sending|0|0|1", "it waits, also after a restart");
        assert_eq!(alerts(&world), ["deliveries_unknown"]);
        world.clock.pass(Duration::from_secs(91));
        let report = world.run();
        assert_eq!((message_row(&world).as_str(), alerts(&world)), (ends, to_owned(&told)));
        assert_eq!(report.messages.processed, 1, "the run that settles it counts it");
        assert_eq!(world.error(id).contains("1 unknown"), ends.starts_with("failed"));
        assert_eq!(posts(&world), 1);
    }
}

fn to_owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_message_that_somebody_got_waits_for_no_look_up() {
    let world = world_on(Engine::Gows);
    world.message("081200007001, 081200000502");
    world.run();
    assert_eq!(message_row(&world), "sent|1|0|1");
}

#[test]
fn a_daily_message_goes_on_with_a_cron_that_comes_once_a_day_and_says_nothing_false() {
    let world = world_on(Engine::Gows);
    world.execute(
        r#"INSERT INTO auto_messages (message, contact_ids, interval_config, created_at)
           VALUES ('x', '081200000502', '{"time":"08:00","weekDays":[0,1,2,3,4,5,6]}',
               '2026-12-01T01:00:00Z')"#,
    );
    for day in 1..=3 {
        world.run();
        assert_eq!(world.received().len(), day, "an unknown one keeps no later one back");
        world.clock.pass(Duration::from_hours(24));
    }
    assert_eq!(
        world.rows("SELECT status FROM deliveries ORDER BY due_at"),
        ["sent", "sent", "unknown"]
    );
    assert!(!alerts(&world).contains(&"message_failed".to_owned()), "{:?}", alerts(&world));
}

#[test]
fn a_message_ends_all_the_same_when_its_look_up_cannot_come() {
    // The clock was wrong when it was claimed: its look-up is due tomorrow.
    let world = world_on(Engine::Gows);
    world.message("081200000502");
    world.run();
    world.clock.set("2026-11-30T01:00:00Z");
    world.run();
    assert_eq!(message_row(&world), "failed|0|0|1");

    // Each run has so little time that it never comes to a look-up.
    let mut world = world_on(Engine::Gows);
    world.message("081200000502");
    world.run();
    for status in ["sending", "failed"] {
        world.clock.pass(Duration::from_mins(6));
        world.run_begun(Duration::from_mins(1), Duration::from_secs(30));
        assert!(message_row(&world).starts_with(status), "{status}");
    }
    assert_eq!(looks(&world, "default"), 0);

    // Its channel is gone, or has no session any more.
    for sql in ["DELETE FROM channels", "UPDATE channels SET session_name = ''"] {
        let world = world_on(Engine::Gows);
        world.message("081200000502");
        world.run();
        world.execute(sql);
        world.clock.pass(FIRST_LOOK);
        world.run();
        assert_eq!(message_row(&world), "failed|0|0|1", "{sql}");
        assert!(error(&world).contains("no session that could be asked"), "{}", error(&world));
        let next = world.ask("SELECT next_attempt_at FROM deliveries");
        assert_eq!(next, "2026-12-01T01:10:00Z", "{sql}: not at each tick");
    }
}

#[test]
fn a_message_that_is_cancelled_while_it_waits_stays_so_and_its_count_is_corrected() {
    let world = world_on(Engine::Gows);
    world.message("081200000502");
    world.run();
    world.execute("UPDATE auto_messages SET status = 'cancelled'");
    world.clock.pass(FIRST_LOOK);
    world.run();
    assert_eq!(message_row(&world), "cancelled|1|0|0");
}

#[test]
fn line_feeds_go_out_and_a_look_up_compares_what_whatsapp_keeps() {
    let world = world_on(Engine::Webjs);
    let message = |text: &str, to: &str| {
        let id = world.message(to);
        world
            .sql
            .execute("UPDATE auto_messages SET message = ?1 WHERE id = ?2", (text, id))
            .unwrap();
    };
    message("\r\n Halo\r\nBudi,\rapa kabar?  \r\n", "081200000502");
    message(" Halo {{name|Kak}}\r\n ", "081300000502");
    world.run();
    let sent: Vec<String> = world.received().into_iter().map(|one| one.text).collect();
    assert_eq!(sent, ["\n Halo\nBudi,\napa kabar?  \n", " Halo Kak\n "]);
    world.clock.pass(FIRST_LOOK);
    world.run();
    assert_eq!(world.rows("SELECT status FROM deliveries"), ["sent", "sent"]);
}

#[test]
fn two_texts_that_whatsapp_keeps_alike_are_not_told_apart() {
    let world = world_on(Engine::Webjs);
    world.message("081200000502");
    world.message("081200000502");
    world.execute("UPDATE auto_messages SET message = ' Halo' WHERE id = 2");
    world.run();
    world.clock.pass(Duration::from_mins(5));
    world.run();
    assert_eq!(world.rows("SELECT status FROM deliveries"), ["unknown", "unknown"]);
}

#[test]
fn a_nul_in_a_text_is_refused_with_the_reason_by_whatever_door_it_comes() {
    let world = world_on(Engine::Gows);
    let by_sql = "INSERT INTO auto_messages (message, contact_ids, scheduled_at)
                  VALUES ('a' || char(0) || 'b', '081200007001', '2026-12-01T01:00:00Z')";
    let refusal = world.sql.execute(by_sql, []).unwrap_err().to_string();
    assert!(refusal.contains("NUL"), "{refusal}");
    let id = world.message("081200007001");
    let edit = "UPDATE auto_messages SET message = 'a' || char(0)";
    assert!(world.sql.execute(edit, []).unwrap_err().to_string().contains("NUL"));

    // One from before the program refused it, and one that comes with a contact's attribute.
    world.execute("DROP TRIGGER auto_messages_no_nul_on_update");
    world.execute(edit);
    world.execute(
        r#"INSERT INTO contacts (id, phone_number, attributes)
               VALUES (7, '081200007002', '{"kota":"So\u0000lo"}');
           INSERT INTO auto_messages (message, contact_ids, scheduled_at)
               VALUES ('Halo {{kota}}', '[7]', '2026-12-01T01:00:00Z')"#,
    );
    world.run();
    assert_eq!(world.status(id), "failed");
    assert!(world.error(id).contains("NUL character"), "{}", world.error(id));
    let skipped = world.ask("SELECT status || ': ' || error FROM deliveries");
    assert!(skipped.starts_with("skipped: ") && skipped.contains("NUL character"), "{skipped}");
    assert!(world.received().is_empty());
}

#[test]
fn a_look_up_counts_its_time_by_wahas_clock_and_names_it_when_it_differs() {
    for ahead_secs in [-1200, 1200, 45] {
        let world = world_on(Engine::Webjs);
        world.waha.set_clock_ahead(ahead_secs);
        world.message("081200000502");
        world.message("081300000500");
        world.run();
        world.clock.pass(Duration::from_mins(4));
        world.run();
        assert_eq!(first(&world), "sent|2", "{ahead_secs}");
        let error = world.ask("SELECT error FROM deliveries ORDER BY id DESC LIMIT 1");
        let side = if ahead_secs < 0 { "1200 s behind ours" } else { "1200 s ahead of ours" };
        assert_eq!(error.contains(side), ahead_secs.abs() > 60, "{ahead_secs}: {error}");
    }
}
