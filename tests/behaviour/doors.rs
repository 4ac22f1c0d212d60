//! The doors of the real program, as a stranger finds them: each one that takes a body, with the worst
//! that 1 MiB can hold, by its memory; and clients that ask and do not read, by what a good trigger sees.
//!
//! The debug build's code is larger, and mapped from its file: of such pages only as many count as the
//! release build has. `PROGRAM=$PWD/target/release/auto-message-scheduler cargo test --test behaviour
//! doors::` counts all of them, those of the release build.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;

use crate::api_v1::add_key;
use crate::guard::{rest, status};
use crate::media::{jpeg, sha256};
use crate::site::{SECRET, SOON, Server, Site, until};

const PASSWORD: &str = "rahasia toko";
const HMAC_KEY: &str = "kunci-webhook-0123";
const MIB: usize = 1 << 20;
const PEAK_KIB_MAX: usize = 32 * 1024;
const AFTERWARDS_KIB_MAX: usize = 12 * 1024;
/// The debug build is slow, so more threads are at work at once, and each leaves some memory behind.
const DEBUG_AFTERWARDS_KIB_MAX: usize = 13 * 1024;
/// Pages of the release build's file, as `RssFile` has them.
const RELEASE_FILE_KIB: usize = 6 * 1024;
/// Connections at once, and how often each comes.
const CROWD: usize = 24;
const ROUNDS: usize = 2;

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
const MULTIPART: &str = "Content-Type: multipart/form-data; boundary=XX\r\n";

/// What the system says of the program's memory in a line such as `VmRSS:`, in KiB.
fn memory_line(server: &Server, key: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// What the program holds now, and the most since the last time that `forget_peak` was called, in KiB.
fn memory(server: &Server) -> (usize, usize) {
    let value = |key| memory_line(server, key);
    let code =
        if is_debug_build() { value("RssFile:").saturating_sub(RELEASE_FILE_KIB) } else { 0 };
    (value("VmRSS:") - code, value("VmHWM:").saturating_sub(code))
}

fn is_debug_build() -> bool {
    cfg!(debug_assertions) && std::env::var_os("PROGRAM").is_none()
}

fn afterwards_kib_max() -> usize {
    if is_debug_build() { DEBUG_AFTERWARDS_KIB_MAX } else { AFTERWARDS_KIB_MAX }
}

fn forget_peak(server: &Server) {
    fs::write(format!("/proc/{}/clear_refs", server.child.id()), "5").unwrap();
}

fn connect(server: &Server) -> TcpStream {
    connect_from([127, 0, 0, 1], server)
}

/// A connection from an address of this machine, whose window is as small as the system allows.
fn connect_from(address: [u8; 4], server: &Server) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(1).unwrap();
    socket.bind(&SocketAddr::from((address, 0)).into()).unwrap();
    let to: SocketAddr = server.address.parse().unwrap();
    socket.connect(&to.into()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.into()
}

/// Sends one request and gives the whole answer; what is refused before it is out may be reset.
fn ask(server: &Server, path: &str, headers: &str, body: &[u8]) -> String {
    let mut stream = connect(server);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)));
    rest(&mut stream)
}

fn signed(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha512>::new_from_slice(HMAC_KEY.as_bytes()).unwrap();
    mac.update(body);
    let bytes = mac.finalize().into_bytes();
    let hex = bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    format!("X-Webhook-Hmac: {hex}\r\n")
}

/// 1 MiB of what is small on the wire and large in memory.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let mut fields = b"a&".repeat(MIB / 2);
    fields.truncate(MIB);
    let list = format!("{{\"payload\":[{}0]}}", "0,".repeat(MIB / 2 - 20));
    let lists = format!("{{\"payload\":[{}0]}}", "[[]],".repeat(MIB / 5 - 20));
    let keys: Vec<String> = (0..90_000).map(|number| format!("\"{number:x}\":0")).collect();
    let object = format!("{{\"event\":\"message\",\"payload\":{{{}}}}}", keys.join(","));
    let deep = "{\"a\":".repeat(MIB / 5);
    let part = "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n";
    let parts = part.repeat(MIB / part.len() - 1) + "--XX--\r\n";
    let mut file = part.replace("name=\"a\"", "name=\"a\"; filename=\"a.csv\"").repeat(2);
    file.truncate(file.len() - 2);
    let file = file + &"0812,".repeat((MIB - 1000) / 5) + "\r\n--XX--\r\n";
    let json = "Content-Type: application/json\r\n";
    vec![
        (FORM, fields),
        (json, list.into_bytes()),
        (json, lists.into_bytes()),
        (json, object.into_bytes()),
        (json, deep.into_bytes()),
        (MULTIPART, parts.into_bytes()),
        (MULTIPART, file.into_bytes()),
    ]
}

/// The cookies and the token of the page that somebody gets there.
fn open_page(server: &Server, path: &str, cookies: &str) -> (String, String) {
    let (_, head, body) = server.request("GET", path, cookies);
    let cookie = |name: &str| {
        let value = head.split(&format!("{name}=")).nth(1)?.split(';').next()?;
        Some(format!("Cookie: {name}={value}\r\n"))
    };
    let token = body.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    (cookie("panel_visitor").unwrap_or_default(), token.unwrap_or_default().to_owned())
}

/// The session of the owner, as a header.
fn log_in(server: &Server) -> String {
    let (visitor, token) = open_page(server, "/panel/login", "");
    let form = format!("csrf={token}&password={}", PASSWORD.replace(' ', "+"));
    let answer = ask(server, "/panel/login", &format!("{FORM}{visitor}"), form.as_bytes());
    let session = answer.split("panel_session=").nth(1).expect(&answer).split(';').next().unwrap();
    format!("Cookie: panel_session={session}\r\n")
}

fn guarded_site() -> Site {
    let site = Site::new();
    site.write_settings(&format!("WEBHOOK_HMAC_KEY={HMAC_KEY}\nADMIN_PASSWORD={PASSWORD}\n"));
    site
}

#[test]
fn the_panel_knows_a_test_that_the_command_line_sent_and_takes_it_for_no_message_of_the_shop() {
    let site = guarded_site();
    assert!(site.run(&["message", "test-send", "081200007001", "Tes"]).status.success());
    let server = site.serve();
    let (_, _, page) = server.request("GET", "/panel", &log_in(&server));
    assert_eq!(page.matches("<li class=\"done\">").count(), 2, "the number and the test: {page}");
}

#[test]
fn no_door_lets_a_stranger_take_memory_or_keep_it() {
    let site = guarded_site();
    let mut server = site.serve();
    let session = log_in(&server);
    let secret = format!("Authorization: Bearer {SECRET}\r\n");
    let wrong = format!("X-Webhook-Hmac: {}\r\n", "0".repeat(128));
    let stale = format!("Cookie: panel_session={}\r\n", "a".repeat(64));
    let no = String::new();
    let wrong_key = format!("Authorization: Bearer ams_{}\r\n", "0".repeat(64));
    let key = format!("Authorization: Bearer {}\r\n", add_key(&site, &["toko"]));
    // Path, headers, and whether the body is signed.
    let strangers: &[(&str, &String, bool)] = &[
        ("/panel/login", &no, false),
        ("/panel/login", &stale, false),
        ("/panel/messages/new", &no, false),
        ("/panel/contacts/import", &no, false),
        ("/panel/contacts/import", &stale, false),
        ("/panel/logout-everywhere", &no, false),
        ("/panel/nothing", &no, false),
        ("/api/cron-auto-message", &no, false),
        ("/api/cron-auto-message", &secret, false),
        ("/api/auto-message-scheduler", &secret, false),
        ("/api/waha-webhook", &no, false),
        ("/api/waha-webhook", &wrong, false),
        ("/api/waha-webhook", &no, true),
        ("/api/v1/messages", &no, false),
        ("/api/v1/messages", &wrong_key, false),
        ("/api/v1/contacts/import", &wrong_key, false),
        ("/api/nothing", &no, false),
        ("/health", &no, false),
    ];
    let owners: &[(&str, &String, bool)] = &[
        ("/panel/login", &session, false),
        ("/panel/messages/new", &session, false),
        ("/panel/messages/preview", &session, false),
        ("/panel/messages/file", &session, false),
        ("/panel/contacts/new", &session, false),
        ("/panel/contacts/import", &session, false),
        ("/panel/contacts/import/confirm", &session, false),
        ("/panel/channels/1/pause", &session, false),
        ("/api/v1/messages", &key, false),
        ("/api/v1/contacts/import", &key, false),
    ];
    for door in strangers {
        attack(&server, *door);
    }
    let began = Instant::now();
    while memory(&server).0 > afterwards_kib_max() && began.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(100));
    }
    let (now, _) = memory(&server);
    assert!(now <= afterwards_kib_max(), "{now} KiB five seconds later");
    for door in owners {
        attack(&server, *door);
    }
    assert!(server.is_alive() && !server.log().contains("panicked"), "{}", server.log());
    assert_eq!(server.post("/api/cron-auto-message").0, 202);
}

/// Comes to a door with everything, and looks how much memory that takes.
fn attack(server: &Server, (path, headers, is_signed): (&str, &String, bool)) {
    let takes_large = ["/panel", "/api/waha-webhook", "/api/v1/contacts/import"]
        .iter()
        .any(|large| path.starts_with(large));
    let largest = if takes_large { MIB } else { 64 * 1024 };
    forget_peak(server);
    let mut statuses = BTreeMap::new();
    for (kind, body) in bodies() {
        // A form of the panel may be of the second size for somebody who is logged in.
        for size in [largest, 120 * 1024, 16 * 1024] {
            let body = &body[..body.len().min(size).min(largest)];
            let hmac = if is_signed { signed(body) } else { String::new() };
            for status in besiege(server, path, &format!("{kind}{headers}{hmac}"), body) {
                *statuses.entry(status).or_insert(0) += 1;
            }
        }
    }
    let peak = memory(server).1;
    assert!(peak <= PEAK_KIB_MAX, "{path} {headers}: a peak of {peak} KiB; {statuses:?}");
    assert!(!statuses.contains_key(&500), "{path}: {statuses:?}");
}

/// Many connections at once, each with the same request, more than once. Gives the statuses.
fn besiege(server: &Server, path: &str, headers: &str, body: &[u8]) -> Vec<u16> {
    let seen = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..CROWD {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let status = status(&ask(server, path, headers, body));
                    seen.lock().unwrap().push(status);
                }
            });
        }
    });
    seen.into_inner().unwrap()
}

#[test]
fn many_who_guess_passwords_at_once_take_the_memory_of_one() {
    let site = guarded_site();
    let server = site.serve();
    let (visitor, token) = open_page(&server, "/panel/login", "");
    forget_peak(&server);
    let form = format!("csrf={token}&password=tebakan");
    let seen = besiege(&server, "/panel/login", &format!("{FORM}{visitor}"), form.as_bytes());
    assert!(seen.contains(&401), "{seen:?}");
    let (_, peak) = memory(&server);
    assert!(peak <= PEAK_KIB_MAX, "{peak} KiB");
    until("memory comes back", || memory(&server).0 <= afterwards_kib_max());
}

#[test]
fn an_event_of_1_mib_is_taken_and_the_list_of_a_megabyte_is_imported() {
    let site = guarded_site();
    let server = site.serve();
    let text = "x".repeat(MIB - 200);
    let event = format!(
        "{{\"event\":\"message\",\"session\":\"default\",\"payload\":{{\"body\":\"{text}\"}}}}"
    );
    let answer = ask(&server, "/api/waha-webhook", &signed(event.as_bytes()), event.as_bytes());
    assert_eq!(status(&answer), 200, "{answer}");
    let session = log_in(&server);
    let (_, token) = open_page(&server, "/panel/contacts/import", &session);
    let rows: Vec<String> = (0..55_000).map(|row| format!("Budi,0812{row:08}\n")).collect();
    let list = format!("nama,hp\n{}", rows.concat());
    let body = format!(
        "--XX\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{token}\r\n--XX\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n{list}\r\n--XX--\r\n"
    );
    let headers = format!("{MULTIPART}{session}");
    let answer = ask(&server, "/panel/contacts/import", &headers, body.as_bytes());
    assert!(answer.contains("Location: /panel/contacts/import?look=1\r\n"), "{answer}");
    let (_, _, page) = server.request("GET", "/panel/contacts/import?look=1", &session);
    assert!(page.contains(">55.000<"), "{page}");
    let (_, peak) = memory(&server);
    assert!(peak <= PEAK_KIB_MAX, "{peak} KiB");
    // The same to a page that takes no file: on to the page that says so.
    let answer = ask(&server, "/panel/contacts/new", &headers, body.as_bytes());
    assert_eq!(status(&answer), 303, "{answer}");
    assert!(answer.contains("Location: /panel/too-large\r\n"), "{answer}");
}

/// As a browser does: it reads the answer once it has sent everything.
#[test]
fn whoever_sends_a_list_of_eighty_megabytes_to_its_end_is_led_to_a_page_in_words() {
    let site = guarded_site();
    let server = site.serve();
    let session = log_in(&server);
    let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
    let head = format!(
        "POST /panel/contacts/import HTTP/1.1\r\nHost: {}\r\n{MULTIPART}{session}Content-Length: {}\r\n\r\n",
        server.address,
        80 * MIB
    );
    stream.write_all(head.as_bytes()).unwrap();
    let piece = vec![b'x'; MIB];
    for _ in 0..80 {
        stream.write_all(&piece).unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 303 ") && answer.contains("/panel/too-large"), "{answer}");
    let (_, peak) = memory(&server);
    assert!(peak <= PEAK_KIB_MAX, "{peak} KiB");
}

#[test]
fn a_picture_of_sixteen_megabytes_takes_two_of_memory_at_most_to_come_and_to_be_seen() {
    let site = guarded_site();
    let server = site.serve();
    let session = log_in(&server);
    let (_, token) = open_page(&server, "/panel/messages/new", &session);
    let headers = format!("{MULTIPART}{session}");
    let send = |picture: &[u8]| {
        let head = format!(
            "--XX\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{token}\r\n--XX\r\n\
             Content-Disposition: form-data; name=\"kind\"\r\n\r\nimage\r\n--XX\r\n\
             Content-Disposition: form-data; name=\"upload\"; filename=\"a.jpg\"\r\n\r\n"
        );
        let body = [head.as_bytes(), picture, b"\r\n--XX--\r\n"].concat();
        let answer = ask(&server, "/panel/messages/file", &headers, &body);
        let path = format!("/panel/files/{}", sha256(picture));
        assert!(answer.contains(&path), "{answer}");
        assert_eq!(server.request("HEAD", &path, &session).0, 200);
        let mut stream = connect(&server);
        let get = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{session}\r\n");
        stream.write_all(get.as_bytes()).unwrap();
        let mut shown = Vec::new();
        stream.read_to_end(&mut shown).unwrap();
        assert!(shown.ends_with(picture), "{} bytes", shown.len());
    };
    // The first one brings what stays.
    send(&jpeg(100_000));
    for number in 1.. {
        forget_peak(&server);
        let (before, file_before) =
            (memory_line(&server, "VmHWM:"), memory_line(&server, "RssFile:"));
        send(&jpeg((16 << 20) - number));
        let (after, file_after) =
            (memory_line(&server, "VmHWM:"), memory_line(&server, "RssFile:"));
        let grown = after.saturating_sub(before);
        println!("a picture of 16 MB: the peak grew by {grown} KiB, from {before}");
        // The system takes pages of the program's file when it likes, and reads them again: that is no growth.
        let is_disturbed = file_before.abs_diff(file_after) > 512;
        if !is_disturbed || number == 5 {
            assert!(grown <= 2 * 1024, "{grown} KiB, of the file {file_before}, then {file_after}");
            break;
        }
    }
}

/// What keeps a slot without reading: how each connection begins, and what it does then.
enum Reader {
    /// Sends many requests and reads nothing.
    Nothing,
    /// The same, and takes a byte now and then.
    Drops,
    /// Asks again as soon as it has its answer.
    Eager,
}

#[test]
fn clients_that_do_not_read_keep_no_good_trigger_out() {
    let full = std::env::var_os("FLOOD").is_some();
    let limit = if full { Duration::from_millis(250) } else { SOON };
    let health = "GET /health HTTP/1.1\r\nHost:x\r\n\r\n";
    let page = "GET /panel/login HTTP/1.1\r\nHost:x\r\n\r\n";
    for (name, request, reader) in [
        ("health", health, Reader::Nothing),
        ("a page", page, Reader::Nothing),
        ("health, byte by byte", health, Reader::Drops),
        ("health, eagerly", health, Reader::Eager),
    ] {
        let site = guarded_site();
        let server = site.serve();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| hold(&server, request, &reader, &is_over));
            }
            std::thread::sleep(Duration::from_millis(500));
            for round in 0..30 {
                // The cron job of this machine, behind the same proxy, and somebody else.
                let address = if round % 2 == 0 { [127, 0, 0, 1] } else { [127, 0, 0, 2] };
                let (status, took) = trigger(&server, address);
                if status != 202 || took > limit {
                    is_over.store(true, Ordering::SeqCst);
                    panic!("{name}: trigger {round} from {address:?} got {status} in {took:?}");
                }
                std::thread::sleep(Duration::from_millis(30));
            }
            is_over.store(true, Ordering::SeqCst);
        });
    }
}

/// A good trigger: its status, 0 for none, and how long it took.
fn trigger(server: &Server, address: [u8; 4]) -> (u16, Duration) {
    let began = Instant::now();
    let mut stream = connect_from(address, server);
    let request = format!(
        "POST /api/cron-auto-message HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\n\
         Content-Length: 0\r\nConnection: close\r\n\r\n"
    );
    drop(stream.write_all(request.as_bytes()));
    (status(&rest(&mut stream)), began.elapsed())
}

/// Holds one connection, and opens another one whenever it is lost.
fn hold(server: &Server, request: &str, reader: &Reader, is_over: &AtomicBool) {
    let many = request.repeat(400);
    while !is_over.load(Ordering::SeqCst) {
        let mut stream = connect(server);
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        stream.set_nodelay(true).unwrap();
        let first = if let Reader::Eager = reader { request } else { &many };
        drop(stream.write_all(first.as_bytes()));
        while !is_over.load(Ordering::SeqCst) {
            match reader {
                Reader::Nothing => std::thread::sleep(Duration::from_millis(50)),
                Reader::Drops => {
                    std::thread::sleep(Duration::from_millis(100));
                    drop(stream.read(&mut [0]));
                }
                Reader::Eager => {
                    let read = stream.read(&mut [0; 4096]).unwrap_or(0);
                    if read == 0 || stream.write_all(request.as_bytes()).is_err() {
                        break;
                    }
                    continue;
                }
            }
            // Pushed out: what is sent now is answered with a reset.
            if stream.write_all(b"G").is_err() {
                break;
            }
        }
    }
}

/// FLOOD=1 with the release build (PROGRAM) prints the figures.
#[test]
fn a_thousand_wrong_keys_a_second_keep_neither_the_right_one_nor_a_trigger_out() {
    let site = Site::new();
    let key = format!("Authorization: Bearer {}\r\n", add_key(&site, &["toko"]));
    let wrong = format!("Authorization: Bearer ams_{}\r\n", "0".repeat(64));
    let server = site.serve();
    let (is_over, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
    let body = vec![b' '; 64 * 1024];
    forget_peak(&server);
    std::thread::scope(|scope| {
        for attacker in 0..32 {
            let (server, wrong, body, is_over, refused) =
                (&server, &wrong, &body, &is_over, &refused);
            scope.spawn(move || {
                while !is_over.load(Ordering::SeqCst) {
                    match attacker % 4 {
                        // A body that never ends.
                        0 => drip(server, wrong, is_over),
                        1 => drop(ask(server, "/api/v1/messages", wrong, body)),
                        _ => drop(ask(server, "/api/v1/messages", wrong, b"{}")),
                    }
                    refused.fetch_add(1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(15));
                }
            });
        }
        std::thread::sleep(Duration::from_millis(500));
        let mut took = [Vec::new(), Vec::new()];
        for round in 0..20 {
            let new = br#"{"text":"Halo","to":"081200007001","at":"2037-01-01 08:00"}"#;
            let began = Instant::now();
            let answer = ask(&server, "/api/v1/messages", &key, new);
            took[0].push(began.elapsed());
            let triggered = trigger(&server, [127, 0, 0, 2]);
            took[1].push(triggered.1);
            if status(&answer) != 201 || triggered.0 != 202 {
                is_over.store(true, Ordering::SeqCst);
                panic!("round {round}: {answer} and a trigger got {}", triggered.0);
            }
        }
        is_over.store(true, Ordering::SeqCst);
        let slowest = took.map(|times| times.into_iter().max().unwrap_or_default());
        let count = refused.load(Ordering::SeqCst);
        println!(
            "{count} wrong keys; slowest create and trigger: {slowest:?}; peak {} KiB",
            memory(&server).1
        );
        assert!(slowest.iter().all(|took| *took < SOON), "{slowest:?}");
    });
    assert!(memory(&server).1 <= PEAK_KIB_MAX, "{} KiB", memory(&server).1);
}

/// Sends a body a byte at a time, until it is pushed out.
fn drip(server: &Server, headers: &str, is_over: &AtomicBool) {
    let mut stream = connect(server);
    let head = format!(
        "POST /api/v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n{headers}\r\n"
    );
    drop(stream.write_all(head.as_bytes()));
    while !is_over.load(Ordering::SeqCst) && stream.write_all(b" ").is_ok() {
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_trigger_with_a_message_in_it_is_refused_and_names_the_way_in() {
    let site = Site::new();
    let server = site.serve();
    let secret = format!("Authorization: Bearer {SECRET}\r\n");
    for path in ["/api/cron-auto-message", "/api/auto-message-scheduler"] {
        for body in [
            r#"{"text":"Halo","to":"081200007001"}"#,
            r#"{"chatId":"6281200007001@c.us","message":"Halo"}"#,
            r#"{"contact_ids":[1]}"#,
            "phone=0812&text=Halo",
        ] {
            let answer = ask(&server, path, &secret, body.as_bytes());
            assert_eq!(status(&answer), 400, "{answer}");
            for word in ["trigger", "auto_messages", "panel", "message add"] {
                assert!(answer.contains(word), "{answer}");
            }
            // Without the secret nobody learns what is looked at.
            assert_eq!(status(&ask(&server, path, "", body.as_bytes())), 401);
        }
        for body in ["", "{}", r#"{"time":"2026-12-01T01:00:00Z"}"#, "not JSON", "source=cron"] {
            let answer = ask(&server, path, &secret, body.as_bytes());
            assert!(matches!(status(&answer), 200 | 202), "{body}: {answer}");
        }
    }
    assert_eq!(site.sqlite3("SELECT count(*) FROM auto_messages").trim(), "0");
}
