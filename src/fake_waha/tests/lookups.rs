//! The GETs: messages, sessions, ids, numbers, the server itself.

use super::*;

/// Sends `texts`, one a second from `START_SECS`.
fn world_with(engine: Engine, texts: &[&str]) -> World {
    let world = World::new(engine);
    for (at, text) in (START_SECS..).zip(texts) {
        world.set_clock(at);
        world.send(PERSON, text);
    }
    world
}

fn bodies(world: &World, query: &str) -> Vec<String> {
    let path = format!("/api/default/chats/6281234567890%40c.us/messages?{query}");
    let items = world.get(&path).json();
    let items = items.as_array().unwrap();
    items.iter().map(|item| item["body"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_chat_shows_what_was_sent_to_it_newest_first() {
    let world = world_with(Engine::Gows, &["one", "two", "three"]);
    world.send("6281111111111@c.us", "to another");
    assert_eq!(bodies(&world, "limit=50"), ["three", "two", "one"]);
    assert_eq!(bodies(&world, "limit=50&sortOrder=asc"), ["one", "two", "three"]);
    assert_eq!(bodies(&world, "limit=1&offset=1"), ["two"]);
    assert_eq!(bodies(&world, "limit=abc").len(), 3);
}

#[test]
fn a_chat_is_filtered_by_time_and_by_writer() {
    let world = world_with(Engine::Gows, &["one", "two", "three"]);
    let second = START_SECS + 1;
    let from = format!("filter.fromMe=true&filter.timestamp.gte={second}");
    assert_eq!(bodies(&world, &from), ["three", "two"]);
    assert_eq!(bodies(&world, &format!("{from}&filter.timestamp.lte={second}")), ["two"]);
    assert!(bodies(&world, "filter.fromMe=false").is_empty());
}

#[test]
fn an_item_is_as_it_was_recorded() {
    let world = world_with(Engine::Noweb, &["hi"]);
    let id = world.waha.received()[0].id.clone();
    let item =
        world.get(&format!("/api/default/chats/{PERSON}/messages?limit=1")).json()[0].clone();
    assert_eq!(
        item,
        json!({
            "id": format!("true_{PERSON}_{id}"), "timestamp": START_SECS, "from": PERSON,
            "fromMe": true, "body": "hi", "hasMedia": false, "ack": 2, "ackName": "DEVICE",
            "replyTo": null,
            "_data": {
                "key": { "remoteJid": "6281234567890@s.whatsapp.net", "fromMe": true, "id": id },
                "message": { "extendedTextMessage": { "text": "hi" } },
                "messageTimestamp": START_SECS, "status": 3,
            },
        })
    );
}

#[test]
fn a_message_is_found_by_its_bare_and_by_its_full_id() {
    for engine in [Engine::Gows, Engine::Noweb, Engine::Webjs, Engine::Wpp] {
        let world = world_with(engine, &["one", "two"]);
        let id = world.waha.received()[1].id.clone();
        for id in
            [id.clone(), format!("true_{PERSON}_{id}"), format!("true_{PERSON}_{id}_1%40c.us")]
        {
            let path = format!("/api/default/chats/{PERSON}/messages/{id}?downloadMedia=false");
            assert_eq!(world.get(&path).json()["body"], "two", "{engine} {path}");
        }
    }
}

#[test]
fn a_message_that_is_not_there_is_a_404() {
    let world = world_with(Engine::Gows, &["one"]);
    let id = &world.waha.received()[0].id;
    for path in [
        format!("/api/default/chats/{PERSON}/messages/3EB0FFFF"),
        format!("/api/default/chats/6281111111111@c.us/messages/{id}"),
        format!("/api/other/chats/{PERSON}/messages/{id}"),
        format!("/api/default/chats/{PERSON}/messages/false_{PERSON}_{id}"),
    ] {
        assert_eq!(world.get(&path).status, 404, "{path}");
    }
}

#[test]
fn a_message_that_never_got_its_answer_is_found() {
    let world = World::new(Engine::Gows);
    drop(world.try_post("/api/sendText", &text_to("628123450502@c.us", "hi").to_string()));
    let items = world.get("/api/default/chats/628123450502@c.us/messages?limit=5").json();
    assert_eq!(items[0]["body"], "hi");
}

#[test]
fn a_message_to_0777_shows_that_it_failed() {
    let world = World::new(Engine::Gows);
    world.send("628123450777@c.us", "hi");
    let id = world.waha.received()[0].id.clone();
    let item = world.get(&format!("/api/default/chats/628123450777@c.us/messages/{id}")).json();
    assert_eq!((&item["ack"], &item["ackName"]), (&(-1).into(), &"ERROR".into()));
}

#[test]
fn look_ups_want_a_working_session() {
    let world = World::with(Options { status: "STARTING".to_owned(), ..Options::default() });
    for path in [
        "/api/default/chats/1@c.us/messages",
        "/api/default/chats/1@c.us/messages/3EB0",
        "/api/default/new-message-id",
        "/api/contacts/check-exists?phone=62812&session=default",
    ] {
        let seen = world.get(path);
        assert_eq!((seen.status, &seen.json()["status"]), (422, &"STARTING".into()), "{path}");
    }
}

#[test]
fn new_ids_are_upper_hex_and_unique_where_the_engine_has_them() {
    let world = World::new(Engine::Noweb);
    let mut ids: Vec<String> = (0..50)
        .map(|_| world.get("/api/default/new-message-id").json()["id"].as_str().unwrap().to_owned())
        .collect();
    let upper_hex = |id: &String| id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
    assert!(ids.iter().all(|id| id.starts_with("3EB0") && upper_hex(id)), "{ids:?}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 50);
    for engine in [Engine::Webjs, Engine::Wpp] {
        assert_eq!(World::new(engine).get("/api/default/new-message-id").status, 422);
    }
}

#[test]
fn sessions_are_shown_with_their_status() {
    let world = World::new(Engine::Gows);
    let session = world.get("/api/sessions/toko%20satu").json();
    assert_eq!((&session["name"], &session["status"]), (&"toko satu".into(), &"WORKING".into()));
    assert_eq!(session["engine"]["engine"], "GOWS");
    assert_eq!(session["me"]["id"], "15550000001@c.us");
    let missing = world.get("/api/sessions/nosuch");
    assert_eq!(missing.status, 404);
    let recorded =
        json!({ "statusCode": 404, "message": "Session not found", "error": "Not Found" });
    assert_eq!(missing.json(), recorded);
}

#[test]
fn stopped_sessions_are_listed_only_when_all_are_asked_for() {
    let world = World::new(Engine::Gows);
    world.waha.set_status("two", "STOPPED");
    let names = |path: &str| {
        let list = world.get(path).json();
        let list = list.as_array().unwrap();
        list.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("/api/sessions"), ["default"]);
    assert_eq!(names("/api/sessions?all=true"), ["default", "two"]);
}

#[test]
fn an_account_can_be_locked_or_capped() {
    let world = World::new(Engine::Gows);
    world.waha.set_me("default", json!({ "messageCapping": { "cappingStatus": "CAPPED" } }));
    let me = world.get("/api/sessions/default").json()["me"].clone();
    assert_eq!(me["messageCapping"]["cappingStatus"], "CAPPED");
    assert_eq!(me["pushName"], "Fake Me");
}

#[test]
fn a_number_exists_unless_it_ends_in_0404() {
    let world = World::new(Engine::Gows);
    let check = |query: &str| world.get(&format!("/api/contacts/check-exists?{query}"));
    let found = check("phone=%2B62812345&session=default").json();
    assert_eq!(found, json!({ "numberExists": true, "chatId": "62812345@c.us" }));
    assert_eq!(check("phone=6280404&session=default").json(), json!({ "numberExists": false }));
    let missing = check("session=default");
    assert_eq!(
        (missing.status, &missing.json()["request"]["query"]["session"]),
        (500, &"default".into())
    );
}

#[test]
fn typing_is_answered_as_it_was_recorded() {
    let world = World::new(Engine::Gows);
    for path in ["/api/startTyping", "/api/stopTyping"] {
        let seen = world.post(path, &json!({ "session": "default", "chatId": PERSON }));
        assert_eq!((seen.status, seen.json()), (201, json!({ "result": true })), "{path}");
    }
    assert_eq!(world.waha.received(), []);
}

#[test]
fn the_server_says_what_it_is() {
    let world = World::new(Engine::Wpp);
    let version = json!({ "version": "2026.7.1", "engine": "WPP", "tier": "PLUS" });
    assert_eq!(world.get("/api/server/version").json(), version);
    assert_eq!(world.get("/ping").json(), json!({ "message": "pong" }));
    assert_eq!(world.get("/health").status, 200);
    for (path, message) in [
        ("/api/nope", "Cannot GET /api/nope"),
        ("/", "Cannot GET /"),
        ("/api/sendText", "Cannot GET /api/sendText"),
    ] {
        let seen = world.get(path);
        let recorded = json!({ "statusCode": 404, "message": message, "error": "Not Found" });
        assert_eq!((seen.status, seen.json()), (404, recorded));
    }
}
