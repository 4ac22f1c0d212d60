//! Pictures, files, videos and voice messages, from the store of files to the bytes at the far end.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use auto_message_scheduler::delivery::{Ack, MessageId};
use auto_message_scheduler::fake_waha::{Engine, Options, Received, Request};
use auto_message_scheduler::store::{Echo, MessageEvent, Store};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::world::World;

const ENGINES: [Engine; 4] = [Engine::Gows, Engine::Noweb, Engine::Webjs, Engine::Wpp];

pub fn jpeg(bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(bytes as u64);
    let mut picture = b"\xff\xd8\xff\xe0".to_vec();
    picture.resize_with(bytes.max(5), || random.u8(..));
    picture
}

pub fn opus() -> Vec<u8> {
    let mut sound = b"OggS".to_vec();
    sound.resize(28, 0);
    sound.extend_from_slice(b"OpusHead and the sound");
    sound
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn world_with(options: Options) -> World {
    let mut builder = World::builder();
    builder.options = options;
    builder.build()
}

fn world_on(engine: Engine) -> World {
    world_with(Options { engine, ..Options::default() })
}

fn place_of(world: &World, name: &str) -> PathBuf {
    PathBuf::from(format!("{}.files", world.path.display())).join(name)
}

/// Puts a file beside the database, as `file add` does; returns its name.
pub fn put(world: &World, bytes: &[u8]) -> String {
    let name = sha256(bytes);
    let path = place_of(world, &name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
    name
}

fn message(world: &World, text: &str, contact_ids: &str, content: &Value) -> i64 {
    let sql = "INSERT INTO auto_messages (message, contact_ids, content, scheduled_at)
               VALUES (?1, ?2, ?3, ?4)";
    let (content, now) = (content.to_string(), world.clock.wall().to_string());
    world.sql.execute(sql, [text, contact_ids, &content, &now]).unwrap();
    world.sql.last_insert_rowid()
}

fn last(world: &World) -> Received {
    world.received().pop().unwrap()
}

/// The status and the code of a message's error, or of its first delivery's.
fn fate(world: &World, id: i64) -> String {
    world.ask(&format!(
        "SELECT status || '|' || coalesce(error_code, '') FROM auto_messages WHERE id = {id}"
    ))
}

#[test]
fn each_kind_reaches_whatsapp_byte_for_byte_on_each_engine() {
    for engine in ENGINES {
        let world = world_on(engine);
        let mut video = b"\0\0\0\x18ftypmp42".to_vec();
        video.resize(70_001, 7);
        for (kind, bytes, mimetype) in [
            ("image", jpeg(100_000), "image/jpeg"),
            ("file", b"%PDF-1.7 an invoice".to_vec(), "application/pdf"),
            ("video", video, "video/mp4"),
            ("voice", opus(), "audio/ogg; codecs=opus"),
        ] {
            let name = put(&world, &bytes);
            let content = json!({ "kind": kind, "file": name, "filename": "nota.bin" });
            let text = if kind == "voice" { "" } else { "Untuk {{name|Kakak}}" };
            let id = message(&world, text, "081200007001", &content);
            world.run();
            assert_eq!(fate(&world, id), "sent|", "{engine} {kind}");
            let received = last(&world);
            let file = received.file.unwrap();
            assert_eq!(file.sha256.as_deref(), Some(name.as_str()), "{engine} {kind}");
            assert_eq!((file.bytes, file.mimetype.as_str()), (bytes.len(), mimetype));
            assert_eq!(file.filename.as_deref(), Some("nota.bin"));
            let caption = if kind == "voice" { "" } else { "Untuk Kakak" };
            assert_eq!(received.text, caption);
            let kept = world.ask("SELECT waha_message_id FROM deliveries ORDER BY id DESC LIMIT 1");
            assert_eq!(kept, received.id, "{engine} {kind}");
        }
    }
}

#[test]
fn a_document_without_a_name_is_called_by_its_type_or_its_address() {
    let world = World::new();
    let pdf = put(&world, b"%PDF-1.7 an invoice");
    let picture = put(&world, &jpeg(9));
    for (content, name) in [
        (json!({ "kind": "file", "file": pdf }), Some("file.pdf")),
        (json!({ "kind": "file", "file": picture }), Some("file.jpg")),
        (json!({ "kind": "file", "file": pdf, "filename": "nota.pdf" }), Some("nota.pdf")),
        (json!({ "kind": "image", "file": picture }), None),
        (
            json!({ "kind": "file", "url": "https://toko.example/a/harga.xlsx?v=2" }),
            Some("harga.xlsx"),
        ),
        (
            json!({ "kind": "file", "url": "https://toko.example/Daftar%20Harga%2F%C3%A9.pdf" }),
            Some("é.pdf"),
        ),
        (
            json!({ "kind": "file", "url": "https://toko.example/nota%20toko.pdf" }),
            Some("nota toko.pdf"),
        ),
        (json!({ "kind": "file", "url": "https://toko.example/unduh?id=7" }), None),
    ] {
        message(&world, "", "081200007001", &content);
        world.run();
        assert_eq!(last(&world).file.unwrap().filename.as_deref(), name, "{content}");
    }
}

#[test]
fn a_public_url_is_fetched_by_waha_and_a_picture_needs_no_words() {
    let world = World::new();
    let url = "https://toko.example/promo.png?x=1";
    let id = message(&world, "", "081200007001", &json!({ "kind": "image", "url": url }));
    world.run();
    assert_eq!(fate(&world, id), "sent|");
    let file = last(&world).file.unwrap();
    assert_eq!((file.url.as_deref(), file.mimetype.as_str()), (Some(url), "image/png"));
}

#[test]
fn what_whatsapp_would_not_take_fails_before_anything_is_claimed() {
    let mut builder = World::builder();
    builder.config.media_max_mb = 20;
    let world = builder.build();
    let sent = |content: Value| message(&world, "", "081200007001", &content);
    let of = |kind: &str, bytes: &[u8], filename: &str| {
        sent(json!({ "kind": kind, "file": put(&world, bytes), "filename": filename }))
    };
    let program = b"MZ\x90 a program".to_vec();
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>";
    let long = format!("{}.jpg", "a".repeat(4_096));
    let changed = put(&world, b"%PDF before");
    fs::write(place_of(&world, &changed), b"%PDF after!").unwrap();
    let cases = [
        (of("image", &program, "promo.jpg"), "file_unfit"),
        (of("file", &program, "invoice.pdf"), "file_disguised"),
        (of("file", b"\x7fELF a program", "promo.jpg.pdf"), "file_disguised"),
        (of("file", b"PK\x03\x04....AndroidManifest.xml", "nota.pdf"), "file_disguised"),
        (of("image", svg, "logo.svg"), "file_unfit"),
        (of("voice", &jpeg(9), "a.ogg"), "file_unfit"),
        (of("image", &jpeg(17 << 20), "besar.jpg"), "file_too_large"),
        (of("file", &jpeg(60 << 20), "besar.bin"), "file_too_large"),
        (of("image", &jpeg(9), &long), "content_value"),
        (of("image", &jpeg(9), "../../etc/passwd"), "content_value"),
        (sent(json!({ "kind": "image", "file": sha256(b"nowhere") })), "file_missing"),
        (sent(json!({ "kind": "file", "file": changed })), "file_changed"),
        (sent(json!({ "kind": "image", "file": "../../etc/passwd" })), "content_value"),
        (sent(json!({ "kind": "image" })), "content_source"),
        (sent(json!({ "kind": "image", "url": "file:///etc/passwd" })), "content_value"),
        (sent(json!({ "kind": "voice", "file": sha256(b"x"), "caption": "x" })), "content_key"),
    ];
    world.run();
    for (id, code) in cases {
        assert_eq!(fate(&world, id), format!("failed|{code}"), "{id}");
    }
    assert_eq!(world.ask("SELECT count(*) FROM deliveries"), "0");
    assert!(world.received().is_empty());
    // A picture with ten thousand million dots is only bytes to us.
    let bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\x01\x86\xa0\0\x01\x86\xa0";
    let id = of("image", bomb, "bomb.png");
    world.run();
    assert_eq!(fate(&world, id), "sent|");
}

#[test]
fn a_core_waha_refuses_files_once_and_nobody_is_asked_one_by_one() {
    for says_tier in [true, false] {
        let world = world_with(Options { is_plus: false, ..Options::default() });
        if !says_tier {
            // Only the answer to the send tells.
            world.execute("DELETE FROM meta WHERE key = 'waha_is_plus'");
        }
        let content = json!({ "kind": "image", "file": put(&world, &jpeg(9)) });
        let id = message(&world, "", "081200007001, 081200007002, 081200007003", &content);
        world.run();
        assert_eq!(fate(&world, id), "failed|media_only_plus");
        let rows = world.rows("SELECT DISTINCT status, error_code, attempts FROM deliveries");
        assert_eq!(rows, ["failed|media_only_plus|0"]);
        let posts = world.waha.requests().iter().filter(|one| one.method == "POST").count();
        assert_eq!((posts, world.ask("SELECT held_reason FROM channels")), (0, String::new()));
    }
}

/// A chat without faults: what was not sent, and is unknown all the same, was for this one.
const CHAT: &str = "6281200007009@c.us";

/// A message whose request failed in a way that proves nothing, while nothing went out.
fn unknown_and_not_sent(world: &World, text: &str, content: &Value) {
    message(world, text, "081200000500", content);
    world.run();
    let moved = format!(
        "DROP TRIGGER IF EXISTS deliveries_stay_where_they_are;
         UPDATE deliveries SET chat_id = '{CHAT}' WHERE status = 'unknown'"
    );
    world.execute(&moved);
    assert_eq!(world.ask("SELECT count(*) FROM deliveries WHERE status = 'unknown'"), "1");
}

/// By hand, in the same chat and at the same time.
fn send_by_hand(world: &World, route: &str, mut body: Value) {
    let url = format!("{}/api/{route}", world.waha.base_url());
    body["session"] = json!("default");
    body["chatId"] = json!(CHAT);
    body["metadata"] = json!({ "delivery_id": 0 });
    ureq::post(&url).send(body.to_string()).unwrap();
}

fn look_up_often(world: &World) {
    for _ in 0..8 {
        world.clock.pass(Duration::from_hours(6));
        world.run();
    }
}

#[test]
fn a_picture_without_words_and_without_an_answer_stays_unknown_beside_another() {
    for engine in ENGINES {
        let world = world_on(engine);
        let content = json!({ "kind": "image", "file": put(&world, &jpeg(9)) });
        unknown_and_not_sent(&world, "", &content);
        let other = json!({ "mimetype": "image/jpeg", "url": "https://x.example/y.jpg" });
        send_by_hand(&world, "sendImage", json!({ "file": other }));
        look_up_often(&world);
        assert_eq!(world.ask("SELECT status FROM deliveries"), "unknown", "{engine}");
        assert_eq!(world.received().len(), 1, "{engine}: the one by hand");
    }
}

#[test]
fn a_picture_is_known_by_its_caption_and_a_text_of_the_same_words_is_none() {
    for engine in ENGINES {
        let world = world_on(engine);
        let content = json!({ "kind": "image", "file": put(&world, &jpeg(9)) });
        message(&world, "Promo {{name|Kak}}", "081200000502", &content);
        world.run();
        world.clock.pass(Duration::from_mins(3));
        world.run();
        assert_eq!(world.ask("SELECT status FROM deliveries"), "sent", "{engine}");
        assert_eq!(world.ask("SELECT waha_message_id FROM deliveries"), world.received()[0].id);
        unknown_and_not_sent(&world, "Lain", &content);
        send_by_hand(&world, "sendText", json!({ "text": "Lain" }));
        look_up_often(&world);
        let status = world.ask("SELECT status FROM deliveries ORDER BY id DESC LIMIT 1");
        assert_eq!(status, "unknown", "{engine}");
    }
}

#[test]
fn an_event_of_another_picture_proves_nothing_and_one_with_the_caption_does() {
    let world = world_on(Engine::Webjs);
    let content = json!({ "kind": "image", "file": put(&world, &jpeg(9)) });
    for (caption, fate) in [("", "unknown"), ("Promo", "sent")] {
        world.execute("DELETE FROM auto_messages");
        message(&world, caption, "081200000504", &content);
        world.run();
        assert_eq!(world.ask("SELECT status FROM deliveries"), "unknown");
        let bare = format!("3EB0{fate}");
        let id = MessageId { bare, from_me: Some(true), chat_id: None };
        let echo = Echo {
            session: "default",
            chat_id: "6281200000504@c.us",
            text: caption,
            at: world.clock.wall(),
        };
        let (message, echo) = (&id, Some(echo));
        let event = MessageEvent { event_id: fate, message, ack: Some(Ack::Server), echo };
        let mut store = Store::open(&world.path).unwrap();
        store.write(|tx| tx.take_message_event(&event, world.clock.wall())).unwrap();
        assert_eq!(world.ask("SELECT status FROM deliveries"), fate, "{caption}");
    }
}

#[test]
fn a_proxy_that_takes_no_large_bodies_fails_the_message_and_says_so() {
    let world = world_with(Options { body_bytes_max: 1 << 20, ..Options::default() });
    let content = json!({ "kind": "image", "file": put(&world, &jpeg(3 << 20)) });
    let id = message(&world, "", "081200007001", &content);
    let text = world.message("081200007002");
    world.run();
    let row = "SELECT status, error_code, error FROM deliveries WHERE auto_message_id = ";
    let row = world.rows(&format!("{row}{id}")).remove(0);
    assert!(row.starts_with("failed|refused_by_waha|WAHA refused it with 413"), "{row}");
    assert_eq!(world.status(text), "sent", "the others on the channel go on");
}

#[test]
fn a_file_that_is_removed_while_its_message_goes_out_fails_what_waits() {
    let world = World::new();
    let name = put(&world, &jpeg(9));
    let content = json!({ "kind": "image", "file": name });
    message(&world, "", "081200007001, 081200007002, 081200007003", &content);
    world.trigger();
    world.step_until_received(1);
    fs::remove_file(place_of(&world, &name)).unwrap();
    world.run();
    let rows = world.rows("SELECT status, error_code, attempts FROM deliveries ORDER BY id");
    assert_eq!(rows, ["sent||1", "failed|file_missing|0", "failed|file_missing|0"]);
    assert_eq!(world.received().len(), 1);
}

#[test]
fn a_file_that_is_changed_behind_our_back_never_reaches_whatsapp_as_another() {
    let world = World::new();
    let picture = jpeg(200_000);
    let content = json!({ "kind": "image", "file": put(&world, &picture) });
    message(&world, "", "081200007001, 081200007002, 081200007003", &content);
    world.trigger();
    world.step_until_received(1);
    // Of the same length and with the same times, so that only its bytes tell; the last of them.
    let path = place_of(&world, &sha256(&picture));
    let mut changed = picture.clone();
    *changed.last_mut().unwrap() ^= 1;
    let file = fs::File::options().write(true).open(&path).unwrap();
    let modified = file.metadata().unwrap().modified().unwrap();
    (&file).write_all(&changed).unwrap();
    file.set_modified(modified).unwrap();
    world.run();
    let rows = world.rows("SELECT status, error_code FROM deliveries ORDER BY id");
    assert_eq!(rows, ["sent|", "failed|file_changed", "failed|file_changed"]);
    assert_eq!(world.received().len(), 1, "no whole request had other bytes");
}

#[test]
fn a_422_of_plus_and_a_501_to_a_file_stop_its_message_once_and_hold_nothing() {
    let mut video = b"\0\0\0\x18ftypmp42".to_vec();
    video.resize(50_000, 7);
    for (kind, bytes, first) in [
        ("image", jpeg(50_000), "081200000424"),
        ("file", jpeg(50_000), "081200000424"),
        ("voice", opus(), "081200000424"),
        ("video", video, "081200000501"),
    ] {
        let world = World::new();
        let content = json!({ "kind": kind, "file": put(&world, &bytes) });
        let to = format!("{first}, 081200007002, 081200007003");
        let id = message(&world, "", &to, &content);
        let other = world.message("081200007004");
        world.run();
        assert_eq!(fate(&world, id), "failed|not_offered");
        assert_eq!(world.status(other), "sent");
        let rows = "SELECT DISTINCT status, error_code FROM deliveries WHERE auto_message_id = ";
        assert_eq!(world.rows(&format!("{rows}{id}")), ["failed|not_offered"], "{kind}");
        let asked =
            |one: &&Request| one.path.starts_with("/api/send") && one.path != "/api/sendText";
        assert_eq!(world.waha.requests().iter().filter(asked).count(), 1, "{kind}: once");
        assert_eq!(world.ask("SELECT held_reason FROM channels"), "", "{kind}");
    }
}

#[test]
fn a_request_may_take_longer_the_larger_its_file_is() {
    let mut builder = World::builder();
    builder.options.latency = Duration::from_millis(1_300);
    builder.waha_timeout = Duration::from_millis(300);
    builder.config.waha_timeout = builder.waha_timeout;
    builder.config.timeout_per_mb = Duration::from_millis(900);
    let world = builder.build();
    for (megabytes, fate) in [(1, "unknown"), (4, "sent")] {
        let content = json!({ "kind": "image", "file": put(&world, &jpeg(megabytes << 20)) });
        let id = message(&world, "", "081200007001", &content);
        world.trigger();
        while world.ask(&format!("SELECT count(*) FROM deliveries WHERE auto_message_id = {id} AND finished_at IS NOT NULL")) == "0" {
            world.step();
        }
        let status = world.ask("SELECT status FROM deliveries ORDER BY id DESC LIMIT 1");
        assert_eq!(status, fate, "{megabytes} MB");
    }
}

#[test]
fn a_picture_whose_answer_never_comes_stays_unknown_beside_one_that_is_sent_by_hand() {
    let mut builder = World::builder();
    builder.config.waha_timeout = Duration::from_millis(600);
    builder.config.timeout_per_mb = Duration::ZERO;
    let world = builder.build();
    let content = json!({ "kind": "image", "file": put(&world, &jpeg(9)) });
    // Without an answer, though WhatsApp has it.
    message(&world, "", "081200000599", &content);
    world.run();
    let url = format!("{}/api/sendImage", world.waha.base_url());
    let file = json!({ "mimetype": "image/jpeg", "url": "https://x.example/y.jpg" });
    let body = json!({
        "session": "default", "chatId": "6281200000599@c.us", "file": file,
        "metadata": { "delivery_id": 0 },
    });
    let hasty = ureq::Agent::config_builder().timeout_global(Some(Duration::from_millis(300)));
    drop(hasty.build().new_agent().post(&url).send(body.to_string()));
    assert_eq!(world.received().len(), 2, "ours and the one by hand");
    look_up_often(&world);
    assert_eq!(world.rows("SELECT status, waha_message_id FROM deliveries"), ["unknown|"]);
    assert_eq!(world.received().len(), 2, "it is not sent again");
}

#[test]
fn what_goes_along_with_a_file_reaches_its_route_too_and_waha_converts_other_sounds() {
    let world = World::new();
    let id = "true_6281200007001@c.us_3EB0C0FFEE";
    let content = json!({
        "kind": "image", "file": put(&world, &jpeg(9)), "reply_to": id,
        "mentions": ["6281200007009@c.us"],
    });
    message(&world, "Untuk @6281200007009", "081200007001", &content);
    world.run();
    let body = last(&world).body;
    let along = (&body["reply_to"], &body["mentions"], &body["caption"]);
    let wanted = (&json!(id), &json!(["6281200007009@c.us"]), &json!("Untuk @6281200007009"));
    assert_eq!(along, wanted);
    for (sound, converts) in [(opus(), Value::Null), (b"ID3 a sound".to_vec(), json!(true))] {
        let content = json!({ "kind": "voice", "file": put(&world, &sound) });
        message(&world, "", "081200007001", &content);
        world.run();
        assert_eq!(last(&world).body["convert"], converts);
    }
}

#[test]
fn what_died_with_a_picture_on_its_way_is_unknown_and_never_sent_again() {
    let mut world = World::new();
    let content = json!({ "kind": "image", "file": put(&world, &jpeg(50_000)) });
    message(&world, "", "081200007001", &content);
    world.run();
    // As its process would have left it.
    world.execute("UPDATE deliveries SET status = 'sending', waha_message_id = NULL, ack = NULL");
    world.execute("UPDATE auto_messages SET status = 'sending'");
    world.restart();
    for _ in 0..8 {
        world.clock.pass(Duration::from_hours(6));
        world.run();
    }
    assert_eq!(world.ask("SELECT status FROM deliveries"), "unknown");
    assert_eq!(world.received().len(), 1);
}

/// Passes requests on to WAHA, but breaks off each that has a file, in the middle of it.
fn breaking_line(waha: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let waha = waha.trim_start_matches("http://").to_owned();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, waha) = (client.unwrap(), waha.clone());
            thread::spawn(move || {
                let (mut head, mut byte) = (Vec::new(), [0]);
                while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).unwrap_or(0) == 1 {
                    head.push(byte[0]);
                }
                if head.starts_with(b"POST /api/sendImage") {
                    drop(client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n"));
                    drop(client.read_exact(&mut vec![0; 100_000]));
                    return;
                }
                let mut waha = TcpStream::connect(waha).unwrap();
                head.truncate(head.len() - 2);
                head.extend_from_slice(b"Connection: close\r\n\r\n");
                waha.write_all(&head).unwrap();
                let (mut from, mut to) = (client.try_clone().unwrap(), waha.try_clone().unwrap());
                thread::spawn(move || drop(io::copy(&mut from, &mut to)));
                drop(io::copy(&mut waha, &mut client));
                drop(client.shutdown(Shutdown::Both));
            });
        }
    });
    url
}

#[test]
fn a_line_that_breaks_in_the_middle_of_a_file_is_no_unknown_and_given_up_after_three() {
    let mut world = World::new();
    world.url = breaking_line(&world.waha.base_url());
    world.restart();
    let content = json!({ "kind": "image", "file": put(&world, &jpeg(3 << 20)) });
    let id = message(&world, "", "081200007001", &content);
    let text = world.message("081200007002");
    world.run();
    let row = format!("SELECT status, attempts FROM deliveries WHERE auto_message_id = {id}");
    assert_eq!(world.rows(&row), ["pending|1"], "nobody got it, and that is known");
    let held = world.ask("SELECT held_kind || held_code FROM channels WHERE id = 1");
    assert_eq!(held, "unreachableupload_cut");
    for _ in 0..3 {
        world.clock.pass(Duration::from_mins(20));
        world.run();
    }
    assert_eq!(world.rows(&row), ["failed|3"]);
    let code = format!("SELECT error_code FROM deliveries WHERE auto_message_id = {id}");
    assert_eq!((world.ask(&code).as_str(), world.status(text).as_str()), ("upload_cut", "sent"));
    assert_eq!(world.received().len(), 1, "only the text");
}
