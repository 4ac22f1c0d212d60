//! What a message carries, chosen in a browser: pictures and files by upload, the other kinds by fields.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use auto_message_scheduler::api::Pages;
use auto_message_scheduler::config::{AdminPassword, Config, Secret};
use auto_message_scheduler::fake_waha::{Engine, Options, Received};
use auto_message_scheduler::http::{Request, Response};
use auto_message_scheduler::panel::Panel;
use auto_message_scheduler::store::Store;
use serde_json::{Value, json};

use super::{Browser, PASSWORD, header, hidden, panel, text};
use crate::media::{jpeg, opus, put, sha256};
use crate::world::{World, config};

const NEW: &str = "/panel/messages/new";
const NOW: [(&str, &str); 3] = [("to", "081200007001"), ("when", "now"), ("do", "save")];
const PNG: &[u8] = b"\x89PNG\r\n\x1a\nand more";

/// Sends a form with a file, as a browser does: with the token and the mark of the last page.
fn send(
    browser: &mut Browser,
    panel: &Panel,
    target: &str,
    fields: &[(&str, &str)],
    (name, bytes): (&str, &[u8]),
) -> Response {
    let (token, mark) = (browser.token.clone(), browser.mark.clone());
    let own = [("csrf", token.as_str()), ("mark", mark.as_str())];
    let mut body = Vec::new();
    for (name, value) in own.iter().chain(fields) {
        let part =
            format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let part = format!(
        "--XX\r\nContent-Disposition: form-data; name=\"upload\"; filename=\"{name}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    body.extend_from_slice(part.as_bytes());
    body.extend_from_slice(bytes);
    body.extend_from_slice(b"\r\n--XX--\r\n");
    let mut request =
        Request::new("POST", target).with("Content-Type", "multipart/form-data; boundary=XX");
    request.body = body;
    browser.send(panel, request)
}

fn files(world: &World) -> Vec<String> {
    let Ok(entries) = fs::read_dir(format!("{}.files", world.path.display())) else {
        return Vec::new();
    };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn content(world: &World, id: i64) -> Value {
    let column = format!("SELECT coalesce(content, 'null') FROM auto_messages WHERE id = {id}");
    serde_json::from_str(&world.ask(&column)).unwrap()
}

fn last(world: &World) -> Received {
    world.run();
    world.received().pop().unwrap()
}

fn made(reply: &Response, id: i64) {
    let there = format!("/panel/messages/{id}?done=scheduled");
    assert_eq!(header(reply, "Location"), Some(there.as_str()), "{}", text(reply));
}

/// The bytes of an answer, wherever they are.
fn bytes(reply: Response) -> Vec<u8> {
    let Some(open) = reply.file else { return reply.body };
    let mut bytes = Vec::new();
    Arc::clone(&open.file).read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, open.bytes);
    bytes
}

#[test]
fn a_chosen_picture_arrives_byte_for_byte_and_the_pages_show_it() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let form = text(&browser.get(&panel, NEW));
    assert!(form.contains("enctype=\"multipart/form-data\"") && form.contains("type=\"file\""));
    let picture = jpeg(300_000);
    let fields = [&[("text", "Promo!"), ("kind", "image")][..], &NOW].concat();
    made(&send(&mut browser, &panel, NEW, &fields, ("promo.jpg", &picture)), 1);
    let name = sha256(&picture);
    assert_eq!(content(&world, 1), json!({"kind": "image", "file": name, "filename": "promo.jpg"}));
    let received = last(&world);
    let file = received.file.unwrap();
    assert_eq!((received.route.as_str(), received.text.as_str()), ("sendImage", "Promo!"));
    assert_eq!((file.sha256, file.filename), (Some(name.clone()), Some("promo.jpg".to_owned())));
    let page = text(&browser.get(&panel, "/panel/messages/1"));
    assert!(page.contains(&format!("src=\"/panel/files/{name}\" alt=\"promo.jpg\"")), "{page}");
    assert!(page.contains("300 kB"), "{page}");
    let csv = text(&browser.get(&panel, "/panel/messages/1/recipients.csv"));
    assert!(
        csv.contains("\"Jenis\",\"File\"") && csv.contains("\"Gambar\",\"promo.jpg\""),
        "{csv}"
    );
    let shown = browser.get(&panel, &format!("/panel/files/{name}"));
    assert_eq!(header(&shown, "Content-Type"), Some("image/jpeg"));
    assert_eq!(header(&shown, "X-Content-Type-Options"), Some("nosniff"));
    assert!(header(&shown, "Content-Security-Policy").unwrap().starts_with("default-src 'none';"));
    assert_eq!(bytes(shown), picture);
}

#[test]
fn each_kind_of_file_reaches_each_engine_as_it_was_chosen() {
    let mut video = b"\0\0\0\x18ftypmp42".to_vec();
    video.resize(70_001, 7);
    let files = [
        ("image", "promo.png", PNG.to_vec(), "Promo", "sendImage"),
        ("file", "nota.pdf", b"%PDF-1.7".to_vec(), "Nota", "sendFile"),
        ("video", "toko.mp4", video, "", "sendVideo"),
        ("voice", "suara.ogg", opus(), "", "sendVoice"),
    ];
    for engine in [Engine::Gows, Engine::Noweb, Engine::Webjs, Engine::Wpp] {
        let mut builder = World::builder();
        builder.options = Options { engine, ..Options::default() };
        let world = builder.build();
        let panel = panel(&world);
        let mut browser = Browser::logged_in(&panel);
        for (id, (kind, name, bytes, words, route)) in (1..).zip(&files) {
            browser.get(&panel, NEW);
            let fields = [&[("text", *words), ("kind", *kind)][..], &NOW].concat();
            made(&send(&mut browser, &panel, NEW, &fields, (*name, bytes)), id);
            let received = last(&world);
            let file = received.file.unwrap();
            assert_eq!((received.route.as_str(), received.text.as_str()), (*route, *words));
            assert_eq!(
                (file.sha256, file.filename),
                (Some(sha256(bytes)), Some((*name).to_owned()))
            );
            assert_eq!(world.status(id), "sent", "{engine} {kind}");
        }
    }
}

#[test]
fn what_is_no_picture_is_never_shown_and_strangers_see_nothing() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    for other in [&svg[..], b"<html><script>alert(1)</script>", b"%PDF-1.7", b"MZ", b"GIF89a"] {
        let reply = browser.get(&panel, &format!("/panel/files/{}", put(&world, other)));
        assert_eq!((reply.status, reply.file), (404, None));
    }
    let name = put(&world, PNG);
    for target in
        [format!("/panel/files/../{name}"), "/panel/files/%2e%2e".into(), "/panel/files".into()]
    {
        assert_eq!(browser.get(&panel, &target).status, 404, "{target}");
    }
    let shown = browser.get(&panel, &format!("/panel/files/{name}"));
    assert_eq!(
        (header(&shown, "Content-Type"), bytes(shown.clone())),
        (Some("image/png"), PNG.to_vec())
    );
    let stranger = Browser::default().get(&panel, &format!("/panel/files/{name}"));
    assert_eq!((stranger.status, stranger.file), (303, None));
}

#[test]
fn a_form_of_a_stranger_or_of_another_page_stores_nothing() {
    let world = World::new();
    let panel = panel(&world);
    let fields = [&[("kind", "image")][..], &NOW].concat();
    let mut stranger = Browser::default();
    stranger.get(&panel, "/panel/login");
    // It asks for the password, with what was typed; the file is not taken.
    assert_eq!(send(&mut stranger, &panel, NEW, &fields, ("a.png", PNG)).status, 401);
    let mut browser = Browser::logged_in(&panel);
    let token = std::mem::replace(&mut browser.token, "0".repeat(64));
    assert_eq!(send(&mut browser, &panel, NEW, &fields, ("a.png", PNG)).status, 403);
    assert_eq!(
        (files(&world).len(), world.ask("SELECT count(*) FROM auto_messages").as_str()),
        (0, "0")
    );
    browser.token = token;
    made(&send(&mut browser, &panel, NEW, &fields, ("a.png", PNG)), 1);
}

#[test]
fn a_refused_file_is_told_in_words_and_the_form_keeps_all_else() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, NEW);
    let large = jpeg((16 << 20) + 1);
    for (kind, file, said) in [
        ("image", ("promo.jpg", &b"MZ a program"[..]), "berkasnya program, yang tidak ditampilkan"),
        ("image", ("promo.jpg", b"<svg xmlns='x'>"), "berkasnya gambar SVG, yang tidak"),
        ("file", ("nota.pdf", b"MZ a program"), "menyembunyikannya"),
        ("image", ("promo.jpg", &large), "16: perkecil"),
        ("image", ("promo.jpg", b""), "Pilih file yang ada isinya"),
        ("voice", ("suara.ogg", &opus()), "tidak punya teks"),
        ("image", ("", b""), "Pilih filenya dulu"),
    ] {
        let fields = [&[("text", "Promo besar"), ("kind", kind)][..], &NOW].concat();
        let reply = send(&mut browser, &panel, NEW, &fields, file);
        let page = text(&reply);
        let shown = page.replace("&#39;", "'");
        assert!(
            reply.status == 422 && shown.contains(said),
            "{kind} {file:?}: {page}",
            file = file.0
        );
        assert!(page.contains(">Promo besar<") && page.contains("081200007001"), "{page}");
        assert!(page.contains(&format!("value=\"{kind}\" selected")), "{page}");
    }
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "0");
    assert!(files(&world).iter().all(|name| !name.starts_with('.')), "nothing half is left");
}

#[test]
fn a_file_is_uploaded_once_and_kept_through_preview_and_refusal() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, NEW);
    let fields = [("text", "Promo"), ("kind", "image"), ("to", ""), ("when", "now")];
    let preview = [&fields[..], &[("do", "preview")]].concat();
    let page = text(&send(&mut browser, &panel, NEW, &preview, ("a.png", PNG)));
    let kept = |page: &str| hidden(page, "content").unwrap().replace("&#34;", "\"");
    let wanted = json!({"kind": "image", "file": sha256(PNG), "filename": "a.png"});
    assert_eq!(serde_json::from_str::<Value>(&kept(&page)).unwrap(), wanted);
    assert!(page.contains(&format!("src=\"/panel/files/{}\"", sha256(PNG))), "{page}");
    // Nobody to send it to: refused, and the file is still chosen.
    let column = kept(&page);
    let again = [&fields[..], &[("content", column.as_str()), ("do", "save")]].concat();
    let reply = send(&mut browser, &panel, NEW, &again, ("", b""));
    let column = kept(&text(&reply));
    assert_eq!(
        (reply.status, serde_json::from_str::<Value>(&column).unwrap()),
        (422, wanted.clone())
    );
    let fields = [&[("text", "Promo"), ("kind", "image"), ("content", &column)][..], &NOW].concat();
    made(&browser.press(&panel, NEW, &fields), 1);
    assert_eq!(content(&world, 1), wanted);
}

#[test]
fn a_file_is_taken_in_and_judged_as_soon_as_it_is_chosen() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, NEW);
    for (file, said) in [(("a.png", PNG), "/panel/files/"), (("a.jpg", b"MZ"), "WhatsApp")] {
        let reply = send(&mut browser, &panel, "/panel/messages/file", &[("kind", "image")], file);
        let piece = text(&reply);
        assert!(piece.contains(said) && !piece.contains("<html"), "{piece}");
        assert_eq!(hidden(&piece, "content").is_some(), reply.status == 200);
    }
    let mut stranger = Browser::default();
    stranger.get(&panel, "/panel/login");
    let reply = send(&mut stranger, &panel, "/panel/messages/file", &[], ("a.png", b"other"));
    assert_eq!((reply.status, files(&world).len()), (401, 2));
}

#[test]
fn names_of_files_are_no_paths_and_always_fit() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let long = format!("{}.png", "n".repeat(4096));
    let short = format!("{}.png", "n".repeat(251));
    for (id, (name, shown)) in [
        ("../../../etc/cron.d/x.png", "x.png"),
        ("..\\..\\x.png", "x.png"),
        (&long, &short),
        ("{{name}};\\\"<b>.png", "{name}};\"<b>.png"),
    ]
    .into_iter()
    .enumerate()
    {
        browser.get(&panel, NEW);
        let fields = [&[("text", name), ("kind", "image")][..], &NOW].concat();
        let id = i64::try_from(id).unwrap() + 1;
        made(&send(&mut browser, &panel, NEW, &fields[1..], (name, PNG)), id);
        assert_eq!(content(&world, id)["filename"], *shown);
        // Else the same is asked about.
        world.clock.pass(Duration::from_mins(11));
    }
    assert_eq!(files(&world), [sha256(PNG)], "the same bytes are one file, and no path is a name");
}

#[test]
fn the_other_kinds_are_filled_in_and_reach_whatsapp() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for (id, (fields, route)) in [
        (
            &[("kind", "location"), ("place", "-6.2088, 106.8456"), ("text", "Toko")][..],
            "sendLocation",
        ),
        (
            &[("kind", "contact"), ("card_name", "Toko"), ("card_phone", "0812-3456-7890")],
            "sendContactVcard",
        ),
        (
            &[
                ("kind", "poll"),
                ("options", "Pagi\nSiang"),
                ("multiple", "1"),
                ("text", "Jam berapa?"),
            ],
            "sendPoll",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        browser.get(&panel, NEW);
        let page =
            text(&browser.post(&panel, NEW, &[fields, &NOW[..2], &[("do", "preview")]].concat()));
        for part in fields.iter().map(|(_, value)| *value).filter(|value| value.len() > 9) {
            assert!(page.contains(part.split('\n').next().unwrap()), "{part}: {page}");
        }
        made(&browser.press(&panel, NEW, &[fields, &NOW].concat()), i64::try_from(id).unwrap() + 1);
        assert_eq!(last(&world).route, route);
    }
    for (fields, said) in [
        (&[("kind", "location"), ("place", "di sana")][..], "Isi koordinatnya"),
        (&[("kind", "location"), ("place", "-96, 1")], "Isi koordinatnya"),
        (&[("kind", "contact"), ("card_name", "Toko")], "nama dan nomor"),
        (&[("kind", "poll"), ("text", "?")], "pilihan jawabannya"),
        (&[("kind", "poll"), ("text", "?"), ("options", "satu")], "2 sampai 12"),
        (&[("kind", "poll"), ("text", "?"), ("options", "a\nb\na")], "tidak ada yang sama"),
    ] {
        browser.get(&panel, NEW);
        let reply = browser.press(&panel, NEW, &[fields, &NOW].concat());
        assert!(reply.status == 422 && text(&reply).contains(said), "{said}: {}", text(&reply));
        assert!(!text(&reply).contains("di `content`"), "{said}: {}", text(&reply));
    }
}

/// A scheduled message with a picture, and the fields of its form.
fn with_picture(world: &World, column: &Value) -> [(&'static str, &'static str); 4] {
    let sql = "INSERT INTO auto_messages (message, contact_ids, content, scheduled_at)
               VALUES ('Halo', '[\"081200007001\"]', ?1, '2026-12-05T01:00:00Z')";
    world.sql.execute(sql, [column.to_string()]).unwrap();
    [("to", "081200007001"), ("channel", "1"), ("when", "at"), ("at", "2026-12-05T08:00")]
}

#[test]
fn an_edit_keeps_replaces_or_removes_what_a_message_carries() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let column = json!({"kind": "image", "file": put(&world, PNG), "filename": "a.png",
        "caption": "Promo", "reply_to": "3EB0C0FFEE"});
    let fields = with_picture(&world, &column);
    let edit = "/panel/messages/1/edit";
    let mut saved = |more: &[(&str, &str)], file: (&str, &[u8])| {
        let page = text(&browser.get(&panel, edit));
        let kept = hidden(&page, "content").unwrap().replace("&#34;", "\"");
        let was = hidden(&page, "was").unwrap();
        let own = [("content", kept.as_str()), ("was", was.as_str())];
        let all = [more, &fields, &own].concat();
        let reply = send(&mut browser, &panel, edit, &all, file);
        (page, header(&reply, "Location").unwrap_or_default().to_owned())
    };
    let none = ("", &b""[..]);
    let (page, there) = saved(&[("text", "Promo"), ("kind", "image")], none);
    assert!(page.contains(">Promo<"), "the words are those that people read: {page}");
    assert!(there.ends_with("done=unchanged"), "{there}");
    assert_eq!(content(&world, 1), column);
    saved(&[("text", "Promo baru"), ("kind", "image")], none);
    let kept = json!({"kind": "image", "file": sha256(PNG), "filename": "a.png", "reply_to": "3EB0C0FFEE"});
    assert_eq!(content(&world, 1), kept, "an older caption would hide the new words");
    assert_eq!(world.ask("SELECT message FROM auto_messages"), "Promo baru");
    let picture = jpeg(2000);
    saved(&[("text", "Promo baru"), ("kind", "image")], ("b.jpg", &picture));
    let other = json!({"kind": "image", "file": sha256(&picture), "filename": "b.jpg", "reply_to": "3EB0C0FFEE"});
    assert_eq!(content(&world, 1), other);
    saved(&[("text", "Promo baru"), ("kind", "file")], none);
    assert_eq!(content(&world, 1)["kind"], "file");
    saved(&[("text", "Promo baru"), ("kind", "text")], none);
    assert_eq!(content(&world, 1), json!({"reply_to": "3EB0C0FFEE"}));
}

#[test]
fn a_copy_carries_the_same_and_of_two_editors_none_takes_the_others_picture_away() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let column = json!({"kind": "image", "file": put(&world, PNG), "filename": "a.png"});
    let fields = with_picture(&world, &column);
    let page = text(&browser.get(&panel, "/panel/messages/new?copy=1"));
    assert!(page.contains(&sha256(PNG)) && page.contains("value=\"image\" selected"), "{page}");
    let page = text(&browser.get(&panel, "/panel/messages/1/edit"));
    let was = hidden(&page, "was").unwrap();
    let kept = hidden(&page, "content").unwrap().replace("&#34;", "\"");
    let own = [("content", kept.as_str()), ("was", was.as_str()), ("kind", "image")];
    let other = json!({"kind": "image", "file": put(&world, &jpeg(99)), "filename": "b.jpg"});
    world.sql.execute("UPDATE auto_messages SET content = ?1", [other.to_string()]).unwrap();
    let mut save = |text: &str, file: (&str, &[u8])| {
        let all = [&[("text", text)], &fields[..], &own].concat();
        send(&mut browser, &panel, "/panel/messages/1/edit", &all, file)
    };
    let reply = save("Halo", ("c.png", b"\x89PNG\r\n\x1a\nc"));
    assert!(reply.status == 409 && text(&reply).contains("b.jpg"), "{}", text(&reply));
    assert_eq!(save("Halo semua", ("", b"")).status, 303);
    assert_eq!(
        (content(&world, 1), world.ask("SELECT message FROM auto_messages").as_str()),
        (other, "Halo semua")
    );
}

#[test]
fn a_form_with_a_file_that_is_pressed_twice_makes_one_message() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, NEW);
    let fields = [&[("kind", "image")][..], &NOW].concat();
    for _ in 0..2 {
        made(&send(&mut browser, &panel, NEW, &fields, ("a.png", PNG)), 1);
    }
    // Another picture in the same form is something else, and not swallowed.
    let reply = send(&mut browser, &panel, NEW, &fields, ("a.png", b"\x89PNG\r\n\x1a\nother"));
    assert_eq!(reply.status, 409, "{}", text(&reply));
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "1");
}

#[test]
fn a_core_waha_is_told_in_the_form_before_anything_is_made() {
    let mut builder = World::builder();
    builder.options = Options { is_plus: false, ..Options::default() };
    let world = builder.build();
    let column = json!({"kind": "image", "file": put(&world, PNG)}).to_string();
    let sql = "INSERT INTO auto_messages (message, contact_ids, content, scheduled_at)
               VALUES ('x', '[\"081200007001\"]', ?1, '2026-12-01T00:00:00Z')";
    world.sql.execute(sql, [column]).unwrap();
    world.run(); // WAHA says what it is
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, NEW);
    let fields = [&[("text", "Promo"), ("kind", "image")][..], &NOW].concat();
    let reply = send(&mut browser, &panel, NEW, &fields, ("a.png", PNG));
    assert!(reply.status == 422 && text(&reply).contains("WAHA ini CORE"), "{}", text(&reply));
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "1");
}

#[test]
fn a_waha_that_was_core_is_asked_again_but_not_at_each_key_and_not_waited_for_twice() {
    let world = World::new();
    let far_end = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", far_end.local_addr().unwrap());
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    // It hangs up on whoever asks.
    thread::spawn(move || {
        for _caller in far_end.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let config = Config { waha_base_url: Some(url), ..config() };
    let (store, triggers) = (Store::open(&world.path).unwrap(), Arc::clone(&world.triggers));
    let password = AdminPassword::Plain(Secret::new(PASSWORD));
    let panel = Panel::new(store, world.clock.clone(), triggers, config.into(), password);
    let mut browser = Browser::logged_in(&panel);
    let asked = || taken.swap(0, Ordering::SeqCst);
    world.execute(
        "INSERT INTO meta (key, value) VALUES ('waha_is_plus', '0'), ('waha_tier_at', '2026-12-01T01:00:00Z')",
    );
    let column = json!({"kind": "image", "file": put(&world, PNG)}).to_string();
    browser.get(&panel, NEW);
    let fields =
        [&[("text", "Promo"), ("kind", "image"), ("content", column.as_str())][..], &NOW].concat();
    for _ in 0..3 {
        let typed = browser.post(&panel, "/panel/messages/preview", &fields);
        assert!(text(&typed).contains("WAHA ini CORE"), "{}", text(&typed));
    }
    assert_eq!(asked(), 0, "at each key");
    for after in [0, 9] {
        world.clock.pass(Duration::from_secs(after));
        let sent = browser.post(&panel, NEW, &fields);
        assert!(sent.status == 422 && text(&sent).contains("WAHA ini CORE"), "{}", text(&sent));
    }
    assert_eq!(asked(), 1, "it did not answer, and would hold all pages each time");
    world.clock.pass(Duration::from_secs(2));
    browser.post(&panel, NEW, &fields);
    assert_eq!(asked(), 1);
}

#[test]
fn a_form_that_is_cut_makes_nothing_and_leaves_no_half_file() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, NEW);
    let mut request =
        Request::new("POST", NEW).with("Content-Type", "multipart/form-data; boundary=XX");
    request.body = format!(
        "--XX\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{}\r\n--XX\r\n\
         Content-Disposition: form-data; name=\"upload\"; filename=\"a.png\"\r\n\r\nhalf",
        browser.token
    )
    .into_bytes();
    assert!(panel.takes_body(&request) == browser.cookies.is_empty(), "a stranger's is not");
    assert_eq!(browser.send(&panel, request).status, 403);
    assert_eq!(files(&world), Vec::<String>::new());
}
