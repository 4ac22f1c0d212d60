//! Keys, connections, limits, bad clients, and the end.

use std::net::TcpListener;
use std::time::Instant;

use super::*;
use crate::fake_waha::FakeWahaError;
use crate::fake_waha::routes::decoded;

const CLOSING_PING: &str = "GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[test]
fn every_route_but_ping_wants_the_api_key() {
    let world = World::with(Options { api_key: Some("secret".to_owned()), ..Options::default() });
    assert_eq!(world.get("/ping").status, 200);
    let refused = json!({ "message": "Unauthorized", "statusCode": 401 });
    for path in ["/health", "/api/sessions", "/api/nope"] {
        let seen = world.get(path);
        assert_eq!((seen.status, seen.json()), (401, refused.clone()), "{path}");
    }
    assert_eq!(world.send(PERSON, "hi").status, 401);
    assert_eq!(world.waha.received(), []);
    for (key, status) in [("wrong", "401"), ("Secret", "401"), ("secret", "200")] {
        let head = format!("GET /health HTTP/1.1\r\nx-api-key: {key}\r\nConnection: close\r\n\r\n");
        let answer = read_all(&world.raw(&head));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{key}: {answer}");
    }
}

#[test]
fn every_request_is_noted() {
    let world = World::new(Engine::Gows);
    world.get("/api/sessions?all=true");
    world.send("+6281", "hi");
    let requests = world.waha.requests();
    assert_eq!((&*requests[0].method, &*requests[0].path), ("GET", "/api/sessions?all=true"));
    assert_eq!((&*requests[1].method, &*requests[1].path), ("POST", "/api/sendText"));
    assert_eq!(
        (requests[0].chat_id.clone(), requests[1].chat_id.as_deref()),
        (None, Some("+6281"))
    );
    assert_eq!(requests[1].at, Timestamp::from_secs(START_SECS));
}

#[test]
fn one_connection_carries_many_requests_also_ahead_of_their_answers() {
    let world = World::new(Engine::Gows);
    let stream = world.raw(&format!("GET /ping HTTP/1.1\r\n\r\n{CLOSING_PING}"));
    assert_eq!(read_all(&stream).matches("pong").count(), 2);
}

#[test]
fn a_body_may_come_in_pieces_and_after_a_continue() {
    let world = World::new(Engine::Gows);
    let body = text_to(PERSON, "hi").to_string();
    let mut stream = world.raw(&format!(
        "POST /api/sendText HTTP/1.1\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    let mut line = [0; 25];
    stream.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"HTTP/1.1 100 Continue\r\n\r\n");
    let (first, second) = body.split_at(10);
    stream.write_all(first.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    stream.write_all(second.as_bytes()).unwrap();
    assert!(read_all(&stream).starts_with("HTTP/1.1 201 Created\r\n"));
}

#[test]
fn a_bad_client_is_refused_or_dropped_and_harms_nobody() {
    let world = World::new(Engine::Gows);
    let long_head = format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(20_000));
    for (bytes, status) in [
        ("nonsense\r\n\r\n", "400"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nContent-Length: 1099511627776\r\n\r\n", "413"),
        ("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", "413"),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "411"),
        (&long_head, "431"),
    ] {
        let answer = read_all(&world.raw(bytes));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes:.60}: {answer}");
    }
    drop(world.raw("POST /api/sendText HTTP/1.1\r\nContent-Length: 100\r\n\r\n{"));
    drop(world.raw(""));
    let _slow: Vec<_> = (0..50).map(|_| world.raw("GET /pi")).collect();
    assert_eq!(world.get("/ping").status, 200);
}

#[test]
fn latencies_run_side_by_side() {
    let latency = Duration::from_millis(500);
    let world = World::with(Options { latency, ..Options::default() });
    let began = Instant::now();
    let streams: Vec<_> = (0..10).map(|_| world.raw_send(PERSON)).collect();
    for mut stream in streams {
        stream.read_exact(&mut [0; 12]).unwrap();
    }
    assert!(began.elapsed() >= latency && began.elapsed() < latency * 8, "{:?}", began.elapsed());
}

#[test]
fn a_client_that_gave_up_during_the_latency_was_not_answered() {
    let latency = Duration::from_millis(100);
    let world = World::with(Options { latency, ..Options::default() });
    let stream = world.raw_send(PERSON);
    while world.waha.received().is_empty() {
        std::thread::sleep(Duration::from_millis(2));
    }
    drop(stream);
    let began = Instant::now();
    while world.waha.received()[0].answered && began.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!world.waha.received()[0].answered);
}

#[test]
fn more_requests_at_once_than_256_get_a_503() {
    let world = World::new(Engine::Gows);
    let held: Vec<_> = (0..256).map(|_| world.raw_send("628123450599@c.us")).collect();
    while world.waha.received().len() < held.len() {
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(world.get("/ping").status, 503);
    drop(held);
    let began = Instant::now();
    while world.get("/ping").status != 200 && began.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(world.get("/ping").status, 200);
}

#[test]
fn a_stop_ends_every_connection_and_frees_the_port() {
    let latency = Duration::from_mins(1);
    // An address of its own: on the usual one the freed port may be another test's at once.
    let listen = "127.78.0.1:0".to_owned();
    let world = World::with(Options { listen, latency, ..Options::default() });
    let address = world.waha.address;
    let streams = [
        world.raw(""),
        world.raw_send(PERSON),
        world.raw_send("628123450599@c.us"),
        world.raw("GET"),
    ];
    while world.waha.received().len() < 2 {
        std::thread::sleep(Duration::from_millis(2));
    }
    let began = Instant::now();
    world.waha.stop();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    for stream in &streams {
        assert_eq!((&*stream).read(&mut [0; 1]).unwrap_or(0), 0);
    }
    drop(TcpListener::bind(address).unwrap());
}

#[test]
fn a_port_that_is_in_use_is_named() {
    let world = World::new(Engine::Gows);
    let listen = world.waha.address.to_string();
    let options = Options { listen: listen.clone(), ..Options::default() };
    let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
    let error = FakeWaha::start(options, clock, |_| {}).err().unwrap();
    assert!(matches!(error, FakeWahaError::Listen { .. }));
    assert_eq!(error.to_string(), format!("failed to listen on `{listen}`"));
}

#[test]
fn a_listener_on_all_interfaces_is_reached_on_loopback() {
    let world = World::with(Options { listen: "0.0.0.0:0".to_owned(), ..Options::default() });
    assert!(world.waha.base_url().starts_with("http://127.0.0.1:"));
    assert_eq!(world.get("/ping").status, 200);
}

#[test]
fn percent_encoding_is_undone_and_what_is_not_one_stays() {
    for (text, plain) in [
        ("1%40c.us", "1@c.us"),
        ("a+b", "a+b"),
        ("%2b%2B", "++"),
        ("100%", "100%"),
        ("%zz%4", "%zz%4"),
    ] {
        assert_eq!(decoded(text), plain);
    }
}
