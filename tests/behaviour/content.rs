//! Messages that are more than a text: places, contact cards, polls, answers, mentions, stories.

use std::time::Duration;

use auto_message_scheduler::fake_waha::{Engine, Options, Received};
use serde_json::{Value, json};

use crate::world::World;

const ENGINES: [Engine; 4] = [Engine::Gows, Engine::Noweb, Engine::Webjs, Engine::Wpp];

fn world_on(engine: Engine) -> World {
    let mut builder = World::builder();
    builder.options = Options { engine, ..Options::default() };
    builder.build()
}

/// A message that is due now, as a SQL user writes it; returns its id.
fn message(world: &World, text: &str, contact_ids: &str, content: &str) -> i64 {
    let sql = "INSERT INTO auto_messages (message, contact_ids, content, scheduled_at)
               VALUES (?1, ?2, ?3, ?4)";
    let now = world.clock.wall().to_string();
    world.sql.execute(sql, [text, contact_ids, content, &now]).unwrap();
    world.sql.last_insert_rowid()
}

/// What reached WhatsApp of one message to one recipient.
fn sent(world: &World, text: &str, content: &Value) -> Received {
    let before = world.received().len();
    let id = message(world, text, "081200007001", &content.to_string());
    world.run();
    let why = world.error(id) + &world.ask("SELECT error FROM deliveries ORDER BY id DESC LIMIT 1");
    assert_eq!(world.status(id), "sent", "{content}: {why}");
    world.received().remove(before)
}

#[test]
fn a_place_a_card_and_a_poll_reach_whatsapp_on_each_engine() {
    for engine in ENGINES {
        let world = world_on(engine);
        let place = json!({ "kind": "location", "latitude": -6.2, "longitude": 106.8 });
        let place = sent(&world, "Toko kami", &place);
        assert_eq!(place.route, "sendLocation");
        assert_eq!(
            (&place.body["latitude"], &place.body["title"]),
            (&json!(-6.2), &json!("Toko kami"))
        );
        let card = json!({ "kind": "contact", "name": "Sari", "phone": "0812-3456-7890" });
        let card = sent(&world, "", &card);
        let contact = json!({
            "fullName": "Sari", "phoneNumber": "+6281234567890", "whatsappId": "6281234567890",
        });
        assert_eq!(
            (card.route.as_str(), &card.body["contacts"][0]),
            ("sendContactVcard", &contact)
        );
        let poll = json!({
            "kind": "poll", "question": "Jam berapa?", "options": ["Pagi", "Siang"], "multiple": true,
        });
        let poll = sent(&world, "", &poll);
        let wanted = json!({
            "name": "Jam berapa?", "options": ["Pagi", "Siang"], "multipleAnswers": true,
        });
        assert_eq!((poll.route.as_str(), &poll.body["poll"]), ("sendPoll", &wanted));
        let ids = world.rows("SELECT waha_message_id FROM deliveries ORDER BY id");
        let received: Vec<String> = world.received().into_iter().map(|one| one.id).collect();
        assert_eq!(ids, received, "{engine}");
    }
}

#[test]
fn words_of_a_question_and_a_place_are_filled_in_for_each_recipient() {
    let world = World::new();
    world.execute(
        "INSERT INTO contacts (id, name, phone_number) VALUES (1, 'Sari', '+6281200007001'), (2, NULL, '+6281200007002')",
    );
    let poll =
        json!({ "kind": "poll", "question": "{{name|Kak}}, jam berapa?", "options": ["8", "9"] });
    message(&world, "", "[1,2]", &poll.to_string());
    let named = json!({ "kind": "poll", "question": "{{name}}?", "options": ["8", "9"] });
    let named = message(&world, "", "[1,2]", &named.to_string());
    world.run();
    let texts: Vec<String> = world.received().into_iter().map(|one| one.text).collect();
    assert_eq!(texts, ["Sari, jam berapa?", "Kak, jam berapa?", "Sari?"]);
    let counts = "SELECT sent_count, skipped_count FROM auto_messages WHERE id = ";
    assert_eq!(world.rows(&format!("{counts}{named}")), ["1|1"]);
    let kept = "SELECT count(*) FROM deliveries d JOIN auto_messages m ON m.id = d.auto_message_id
                WHERE d.status = 'sent' AND d.content = m.content";
    assert_eq!(world.ask(kept), "3", "what was claimed is on record");
}

#[test]
fn each_wrong_form_fails_its_message_with_a_reason_and_nothing_is_claimed() {
    let world = World::new();
    for (text, content, code) in [
        ("Halo", r#"{"kind":"sticker"}"#, "content_kind"),
        ("Halo", r#"{"kind":"poll","options":["a"]}"#, "content_value"),
        (" ", r#"{"kind":"poll","options":["a","b"]}"#, "content_missing"),
        ("Halo", r#"{"caption":"x"}"#, "content_key"),
        (
            "Halo",
            r#"{"kind":"contact","name":"S","phone":"0812-3456-7890"}"#,
            "content_without_text",
        ),
        ("", r#"{"kind":"contact","name":"S","phone":"0812"}"#, "number_too_short"),
        ("", r#"{"kind":"contact","name":"{{name}}","phone":"0812"}"#, "content_placeholder"),
        ("", r#"{"kind":"text"}"#, "no_text"),
        ("Halo", r#"{"reply_to":"true_x"}"#, "content_value"),
        ("*|FNAME|*", r#"{"kind":"poll","options":["a","b"]}"#, "foreign_placeholder"),
    ] {
        let id = message(&world, text, "081200007001", content);
        world.run();
        let row = format!("SELECT status, error_code FROM auto_messages WHERE id = {id}");
        assert_eq!(world.rows(&row), [format!("failed|{code}")], "{content}");
    }
    assert_eq!(world.ask("SELECT count(*) FROM deliveries"), "0");
    assert!(world.received().is_empty());
}

#[test]
fn content_that_is_no_json_object_is_refused_by_the_table() {
    let world = World::new();
    world.message("081200007001");
    for content in ["", "x", "[]", "7", "{\"kind\":", "null"] {
        let sql = "UPDATE auto_messages SET content = ?1";
        let error = world.sql.execute(sql, [content]).unwrap_err().to_string();
        assert!(error.contains("content is NULL or a JSON object"), "{content}: {error}");
    }
}

#[test]
fn answers_and_mentions_go_along_and_a_preview_is_off_for_more_than_one() {
    let world = World::new();
    let id = "true_6281200007001@c.us_3EB0C0FFEE";
    let content = json!({ "reply_to": id, "mentions": ["6281200007009@c.us"] });
    let one = sent(&world, "Halo @6281200007009", &content);
    assert_eq!((one.route.as_str(), &one.body["reply_to"]), ("sendText", &json!(id)));
    assert_eq!(one.body["mentions"], json!(["6281200007009@c.us"]));
    assert_eq!(one.body.get("linkPreview"), None, "WAHA's own default");
    let asked = [("{}", Some(false)), (r#"{"link_preview":true}"#, Some(true))];
    for (content, preview) in asked {
        let before = world.received().len();
        message(&world, "https://toko.example", "081200007001, 081200007002", content);
        world.run();
        for received in &world.received()[before..] {
            assert_eq!(received.body["linkPreview"].as_bool(), preview, "{content}");
        }
    }
    let before = world.received().len();
    world.message("081200007001, 081200007002");
    world.run();
    assert!(world.received()[before..].iter().all(|one| one.body.get("linkPreview").is_none()));
}

#[test]
fn a_text_goes_to_groups_channels_and_to_the_status_and_only_a_text_to_that() {
    let world = World::new();
    let to = "120363025246125486@g.us, 120363025246125487@newsletter, status@broadcast";
    world.message(to);
    world.run();
    let routes: Vec<_> = world.received().into_iter().map(|one| (one.route, one.chat_id)).collect();
    let wanted = [
        ("sendText", "120363025246125486@g.us"),
        ("sendText", "120363025246125487@newsletter"),
        ("text", "status@broadcast"),
    ];
    assert_eq!(routes, wanted.map(|(route, chat)| (route.to_owned(), chat.to_owned())));
    let story = &world.received()[2].body;
    assert_eq!(story["text"], "Halo");
    let poll = r#"{"kind":"poll","options":["a","b"]}"#;
    let id = message(&world, "Jam?", to, poll);
    world.run();
    let skipped = "SELECT chat_id, error_code FROM deliveries WHERE status = 'skipped'";
    assert_eq!(world.rows(skipped), ["status@broadcast|status_only_text"]);
    assert_eq!(world.status(id), "sent");
}

#[test]
fn a_poll_without_an_answer_stays_unknown_whatever_words_are_in_the_chat() {
    for engine in ENGINES {
        let world = world_on(engine);
        let poll = r#"{"kind":"poll","options":["a","b"]}"#;
        let id = message(&world, "Jam berapa?", "081200000502", poll);
        world.run();
        // The same words as a text, by hand, in the same chat and at the same time.
        let url = format!("{}/api/sendText", world.waha.base_url());
        let by_hand = json!({
            "session": "default", "chatId": "6281200000502@c.us", "text": "Jam berapa?",
            "metadata": { "delivery_id": 0 },
        });
        drop(ureq::post(&url).send(by_hand.to_string()));
        for _ in 0..8 {
            world.clock.pass(Duration::from_hours(6));
            world.run();
        }
        assert_eq!(world.ask("SELECT status FROM deliveries"), "unknown", "{engine}");
        assert_eq!(world.status(id), "failed");
        let why = world.ask("SELECT error FROM deliveries");
        assert!(why.contains("look into WhatsApp"), "{why}");
    }
}

#[test]
fn content_that_is_broken_while_it_goes_out_fails_what_waits_with_the_reason() {
    let world = World::new();
    let poll = r#"{"kind":"poll","options":["a","b"]}"#;
    message(&world, "Jam?", "081200007001, 081200007002", poll);
    world.trigger();
    world.step_until_received(1);
    world.execute(r#"UPDATE auto_messages SET content = '{"kind":"poll"}'"#);
    world.run();
    let rows = world.rows("SELECT status, error_code FROM deliveries ORDER BY id");
    assert_eq!(rows, ["sent|", "failed|content_missing"]);
    assert_eq!(world.received().len(), 1);
}

#[test]
fn what_this_waha_does_not_offer_stops_the_message_once() {
    let world = World::new();
    let poll = r#"{"kind":"poll","options":["a","b"]}"#;
    message(&world, "Jam?", "081200000501, 081200007002, 081200007003", poll);
    world.run();
    assert!(world.received().is_empty());
    let codes = world.rows("SELECT DISTINCT status, error_code FROM deliveries");
    assert_eq!(codes, ["failed|not_offered"]);
    let fate = "SELECT status, error_code FROM auto_messages";
    assert_eq!(world.rows(fate), ["failed|not_offered"], "the message itself says why");
    assert_eq!(world.ask("SELECT held_reason FROM channels"), "", "no trouble of the session");
}
