//! What kills a tiny_http that strangers talk to, against the real program: it lives, its port
//! answers, and no thread, descriptor or megabyte stays behind. And floods, with figures.
//!
//! The floods are small by default; `FLOOD=1 cargo test --release --test behaviour flood --
//! --nocapture` makes them as large as the promise.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::guard::{rest, status};
use crate::guard_fuzz::{Held, held};
use crate::site::{SECRET, SOON, Server, Site, until};

/// Every 20 ms, of the connections that were pushed out: 1,000 a second of each kind.
const REOPENED: usize = 20;
const RESIDENT_KIB_MAX: usize = 64 * 1024;

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// How long a good trigger takes; it must be taken.
fn trigger(server: &Server) -> Duration {
    let began = Instant::now();
    let mut stream = connect(server);
    let request = format!(
        "POST /api/cron-auto-message HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\n\
         Content-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let answer = rest(&mut stream);
    assert_eq!(status(&answer), 202, "{answer} after {:?}: {}", began.elapsed(), server.log());
    began.elapsed()
}

/// The program lives, answers, and holds no more than before.
fn assert_unharmed(site: &Site, server: &mut Server, before: Held, attack: &str) {
    assert!(server.is_alive(), "{attack}: {}", server.log());
    assert!(trigger(server) < SOON, "{attack}");
    until(&format!("{attack}: nothing stays behind"), || {
        let now = held(server.child.id());
        now.threads <= before.threads && now.descriptors <= before.descriptors
    });
    let kib = held(server.child.id()).kib;
    assert!(kib < before.kib + 4 * 1024, "{attack}: {} KiB, then {kib}", before.kib);
    assert!(!server.log().contains("panicked"), "{attack}: {}", server.log());
    drop(site.status());
}

#[test]
fn what_kills_a_server_without_a_guard_does_nothing_here() {
    let site = Site::new();
    site.write_settings("WEBHOOK_HMAC_KEY=kunci-webhook-0123\n");
    let mut server = site.serve();
    // Threads and pages that are made once and kept.
    for _ in 0..50 {
        trigger(&server);
    }
    until("all senders are there", || is_thread(server.child.id(), "sender-7"));
    let before = held(server.child.id());
    for (name, attack) in [
        ("a length of a terabyte", terabyte as fn(&Server)),
        ("a request, then a reset", reset),
        ("the preface of HTTP/2", preface),
        ("pipelined requests", pipelined),
        ("a head without end", endless_head),
        ("slow heads and bodies", slow),
        ("lengths that contradict", contradicting),
        ("idle connections", idle),
    ] {
        attack(&server);
        assert_unharmed(&site, &mut server, before, name);
    }
}

fn is_thread(pid: u32, name: &str) -> bool {
    let mut threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads.any(|thread| {
        let comm = std::fs::read_to_string(thread.unwrap().path().join("comm"));
        comm.is_ok_and(|comm| comm.trim() == name)
    })
}

fn terabyte(server: &Server) {
    for _ in 0..20 {
        let mut stream = connect(server);
        let head =
            "POST /api/waha-webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 1099511627776\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        assert_eq!(status(&rest(&mut stream)), 413);
    }
}

fn reset(server: &Server) {
    for _ in 0..100 {
        let mut stream = connect(server);
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        // An answer that was not read makes the close a reset.
        stream.peek(&mut [0]).unwrap();
        drop(stream);
        let mut stream = connect(server);
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    }
}

fn preface(server: &Server) {
    for _ in 0..50 {
        let mut stream = connect(server);
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        assert_eq!(status(&rest(&mut stream)), 400);
    }
}

fn pipelined(server: &Server) {
    let mut stream = connect(server);
    stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let many = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
    for _ in 0..300 {
        if stream.write_all(&many).is_err() {
            break; // it takes no more before its answers are read
        }
    }
}

fn endless_head(server: &Server) {
    let mut stream = connect(server);
    let many = vec![b'a'; 1 << 16];
    drop(stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: "));
    for _ in 0..3200 {
        if stream.write_all(&many).is_err() {
            break; // refused and closed, long before 200 MiB
        }
    }
}

fn slow(server: &Server) {
    let slow: Vec<TcpStream> = (0..40)
        .map(|number| {
            let mut stream = connect(server);
            let body =
                "POST /api/waha-webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx";
            let text = if number % 2 == 0 { body } else { "GET / HT" };
            stream.write_all(text.as_bytes()).unwrap();
            stream
        })
        .collect();
    for _ in 0..20 {
        assert!(trigger(server) < SOON);
    }
    drop(slow);
}

fn contradicting(server: &Server) {
    for lines in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    ] {
        let mut stream = connect(server);
        let text = format!("POST /api/cron-auto-message HTTP/1.1\r\nHost: x\r\n{lines}\r\nhello");
        stream.write_all(text.as_bytes()).unwrap();
        assert_eq!(status(&rest(&mut stream)), 400);
    }
}

fn idle(server: &Server) {
    let idle: Vec<TcpStream> = (0..600).map(|_| connect(server)).collect();
    assert!(trigger(server) < SOON);
    drop(idle);
}

#[test]
fn a_host_that_gives_few_descriptors_is_survived() {
    let site = Site::new();
    let log = site.path("few.log");
    // Fewer than 64 connections and the program itself need.
    let mut command = std::process::Command::new("sh");
    let program = env!("CARGO_BIN_EXE_auto-message-scheduler");
    command.args(["-c", &format!("ulimit -n 56; exec {program} serve")]);
    command.current_dir(site.directory.path()).env_clear().env("PATH", "/usr/bin:/bin");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(std::fs::File::create(&log).unwrap());
    let child = command.spawn().unwrap();
    let mut server = Server { child, log, address: String::new() };
    server.wait_until_ready();
    let idle: Vec<TcpStream> = (0..200).map(|_| connect(&server)).collect();
    for _ in 0..20 {
        assert!(trigger(&server) < SOON, "{}", server.log());
    }
    drop(idle);
    assert!(trigger(&server) < SOON);
    let log = server.log();
    assert!(log.contains("cannot be taken") || log.contains("cannot be handed on"), "{log}");
    let about_it = log.lines().filter(|line| line.contains("] http: ")).count();
    assert!(about_it < 20, "the log is not flooded: {log}");
    assert!(server.is_alive());
}

#[test]
fn a_program_whose_http_side_is_gone_ends_with_an_error() {
    let site = Site::new();
    let log = site.path("gone.log");
    let mut command = site.command(&["serve"]);
    command.env("TMPDIR", site.directory.path());
    command.stderr(std::fs::File::create(&log).unwrap()).stdout(Stdio::null());
    let mut server = Server { child: command.spawn().unwrap(), log, address: String::new() };
    server.wait_until_ready();
    let private = std::fs::read_dir(site.directory.path()).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        path.join("http").exists().then_some(path)
    });
    std::fs::remove_file(private.unwrap().join("http")).unwrap();
    let mut stream = connect(&server);
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(server.end(), 1);
    let log = server.log();
    assert!(log.contains("error: the HTTP side ended: start the program again"), "{log}");
}

#[test]
fn wrong_secrets_are_slowed_down_and_the_right_one_is_not() {
    let site = Site::new();
    let server = site.serve();
    let wrong = "Authorization: Bearer wrong-wrong-wrong-wrong\r\n";
    let ask = |headers: &str| server.request("POST", "/api/cron-auto-message", headers);
    for _ in 0..10 {
        assert_eq!(ask(wrong).0, 401);
    }
    let (status, head, body) = ask(wrong);
    assert_eq!(status, 429, "{body}");
    let wait = head.split("Retry-After: ").nth(1).unwrap().split('\r').next().unwrap();
    assert!((1..=61).contains(&wait.parse::<u64>().unwrap()), "{head}");
    assert_eq!(ask("").0, 401, "no secret is no guess");
    assert_eq!(server.post("/api/cron-auto-message").0, 202);
    let lines = server.log().lines().filter(|line| line.contains("refused a trigger")).count();
    assert_eq!(lines, 10, "{}", server.log());
}

#[test]
fn other_hosts_and_other_sites_pages_are_refused_and_logged() {
    let site = Site::new();
    site.write_settings("ALLOWED_HOSTS=shop.example.com, 127.0.0.1\n");
    let server = site.serve();
    let ask = |host: &str, lines: &str| {
        let mut stream = connect(&server);
        let text = format!(
            "POST /api/cron-auto-message HTTP/1.1\r\nHost: {host}\r\n{lines}Authorization: Bearer {SECRET}\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(text.as_bytes()).unwrap();
        let answer = rest(&mut stream);
        assert!(!answer.contains("Access-Control"), "{answer}");
        status(&answer)
    };
    assert_eq!(ask("evil.example", ""), 421);
    assert_eq!(ask("Shop.Example.com:8787", ""), 202);
    assert_eq!(ask("127.0.0.1", "Origin: https://shop.example.com\r\n"), 202);
    assert_eq!(ask("shop.example.com", "Origin: https://evil.example\r\n"), 403);
    assert_eq!(ask("shop.example.com", "Sec-Fetch-Site: same-site\r\n"), 403);
    for status in [421, 403] {
        let line = format!("refused a request from 127.0.0.1 with {status}");
        until("the log says it", || server.log().contains(&line));
    }
}

#[test]
fn a_forwarded_address_is_written_down_as_such_and_made_harmless() {
    let site = Site::new();
    let server = site.serve();
    let secret = format!("Authorization: Bearer {SECRET}\r\n");
    for (line, remote) in [
        ("", "127.0.0.1"),
        ("X-Guard-Peer: 6.6.6.6\r\n", "127.0.0.1"),
        ("X-Forwarded-For: 198.51.100.7\r\n", "127.0.0.1 (forwarded for 198.51.100.7)"),
        ("X-Forwarded-For: a')\"\t<b>\r\n", "127.0.0.1 (forwarded for a?????b?)"),
    ] {
        let headers = format!("{secret}{line}");
        assert_eq!(server.request("POST", "/api/auto-message-scheduler", &headers).0, 200);
        assert_eq!(site.sqlite3("SELECT remote FROM runs ORDER BY id DESC LIMIT 1").trim(), remote);
    }
    let long = format!("{secret}X-Forwarded-For: {}\r\n", "1".repeat(5000));
    assert_eq!(server.request("POST", "/api/auto-message-scheduler", &long).0, 200);
    let length = site.sqlite3("SELECT max(length(remote)) FROM runs");
    assert!(length.trim().parse::<u32>().unwrap() < 150, "{length}");
}

/// Connections that say nothing, connections that drip, one head without end.
#[test]
fn a_flood_of_slow_connections_delays_no_good_trigger() {
    let full = std::env::var_os("FLOOD").is_some();
    let each = if full { 1000 } else { 200 };
    let site = Site::new();
    let mut server = site.serve();
    let (is_over, peak) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut times = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| hold_open(&server, each, &is_over));
        scope.spawn(|| drip(&server, each, &is_over));
        scope.spawn(|| {
            endless_head(&server);
            while full && !is_over.load(Ordering::SeqCst) {
                endless_head(&server);
            }
        });
        let began = Instant::now();
        let lasting = Duration::from_secs(if full { 20 } else { 2 });
        while began.elapsed() < lasting {
            times.push(trigger(&server));
            peak.fetch_max(held(server.child.id()).kib, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(50));
        }
        is_over.store(true, Ordering::SeqCst);
    });
    report("slow connections", &mut times, peak.load(Ordering::SeqCst));
    assert!(server.is_alive());
}

/// Connections that are made and closed as fast as can be.
#[test]
fn a_flood_of_short_connections_delays_no_good_trigger() {
    let full = std::env::var_os("FLOOD").is_some();
    let (rate, secs) = if full { (10_000, 10) } else { (2000, 1) };
    let site = Site::new();
    let mut server = site.serve();
    let (is_over, made) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (mut times, mut peak) = (Vec::new(), 0);
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (server, is_over, made) = (&server, &is_over, &made);
            scope.spawn(move || connect_often(server, rate / 4, number, is_over, made));
        }
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(secs) {
            times.push(trigger(&server));
            peak = held(server.child.id()).kib.max(peak);
            std::thread::sleep(Duration::from_millis(50));
        }
        is_over.store(true, Ordering::SeqCst);
    });
    println!("{} connections in {secs} s", made.load(Ordering::SeqCst));
    report("short connections", &mut times, peak);
    assert!(server.is_alive());
}

/// What a good trigger may take beside a flood: its figure on a quiet machine with FLOOD=1.
fn answered_within() -> Duration {
    std::env::var_os("FLOOD").map_or(SOON, |_| Duration::from_millis(250))
}

fn report(flood: &str, times: &mut [Duration], peak_kib: usize) {
    times.sort_unstable();
    let worst = *times.last().unwrap();
    let median = times[times.len() / 2];
    println!(
        "{flood}: {} good triggers, median {median:?}, worst {worst:?}; at most {peak_kib} KiB",
        times.len()
    );
    assert!(worst < answered_within(), "{flood}: {worst:?}");
    assert!(peak_kib < RESIDENT_KIB_MAX, "{flood}: {peak_kib} KiB");
}

/// Keeps so many silent connections open, and opens new ones for those that were pushed out.
fn hold_open(server: &Server, count: usize, is_over: &AtomicBool) {
    let mut streams: Vec<TcpStream> = Vec::new();
    while !is_over.load(Ordering::SeqCst) {
        streams.retain(is_open);
        let missing = (count - streams.len()).min(REOPENED);
        streams.extend((0..missing).filter_map(|_| TcpStream::connect(&server.address).ok()));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The same with connections that send a byte of a head now and then.
fn drip(server: &Server, count: usize, is_over: &AtomicBool) {
    let mut streams: Vec<TcpStream> = Vec::new();
    while !is_over.load(Ordering::SeqCst) {
        streams.retain_mut(|stream| is_open(stream) && stream.write_all(b"G").is_ok());
        let missing = (count - streams.len()).min(REOPENED);
        streams.extend((0..missing).filter_map(|_| TcpStream::connect(&server.address).ok()));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_open(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let mut stream = stream;
    let read = stream.read(&mut [0; 512]);
    matches!(read, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

fn connect_often(
    server: &Server,
    rate: usize,
    number: usize,
    is_over: &AtomicBool,
    made: &AtomicUsize,
) {
    let began = Instant::now();
    let mut own = 0;
    while !is_over.load(Ordering::SeqCst) {
        let due = began.elapsed().as_secs_f64() * f64::from(u32::try_from(rate).unwrap());
        if f64::from(own) >= due {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        own += 1;
        if let Ok(mut stream) = TcpStream::connect(&server.address) {
            made.fetch_add(1, Ordering::SeqCst);
            if own % 4 == i32::try_from(number).unwrap() {
                drop(stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
            }
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}
