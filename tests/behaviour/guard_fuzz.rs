//! Raw bytes at the public listener: smuggled and malformed requests, and what comes of them when
//! bytes are changed, cut, doubled and joined.
//!
//! The seed is fixed, so a failure comes back. 50,000 cases by default, as many as FUZZ_CASES says.

use std::fs;
use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use fastrand::Rng;

use crate::guard::{Gate, malformed, rest, short_limits};
use crate::site::{SECRET, Site, until};

/// Of ten cases so many go to the real program, the others to a guard whose other side is watched.
const REAL_IN_TEN: usize = 2;
const THREADS: u64 = 4;

fn cases() -> usize {
    std::env::var("FUZZ_CASES").map_or(50_000, |count| count.parse().unwrap())
}

/// Requests to begin with: those that must be refused, and some that are taken.
fn corpus() -> Vec<Vec<u8>> {
    let mut corpus: Vec<Vec<u8>> =
        malformed().into_iter().map(|(request, _)| request.into_bytes()).collect();
    corpus.retain(|request| request.len() < 4096);
    let good = [
        "GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
        "HEAD /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET /health HTTP/1.0\r\n\r\n",
        "POST /api/cron-auto-message HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\nContent-Length: 2\r\n\r\n{}",
        "POST /api/cron-auto-message HTTP/1.1\r\nHost: [::1]:80\r\nAuthorization: Bearer SECRET\r\nContent-Length: 0\r\n\r\n",
        "POST /api/waha-webhook HTTP/1.1\r\nHost: x\r\nX-Webhook-Hmac: 00\r\nContent-Length: 2\r\n\r\n{}",
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n00\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 33\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: y\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGGET /b HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\nContent-Length: 3\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: x\r\nX-A: b\r\n\tTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
        "GET / HTTP/1.1\r\nHost: x\r\nX-Guard-Peer: 1.2.3.4\r\nX-Guard-Token: 0\r\nX-Forwarded-For: a, b\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, keep-alive\r\nUpgrade: h2c\r\nTE: trailers\r\n\r\n",
    ];
    for _ in 0..3 {
        corpus.extend(good.map(|request| request.replace("SECRET", SECRET).into_bytes()));
    }
    corpus
}

/// What is put into a request: what parsers differ about.
const PIECES: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "\0",
    " ",
    "\t",
    ":",
    ",",
    "0",
    "-",
    "+",
    "\u{b}",
    "\u{7f}",
    "é",
    "\r\n\r\n",
    "\r\n ",
    "Content-Length: 0\r\n",
    "Content-Length: 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Host: y\r\n",
    "Connection: close\r\n",
    " HTTP/1.1",
    "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "0\r\n\r\n",
    "ffffffffffffffff",
    "99999999999999999999",
    "Authorization: Bearer x\r\n",
];

fn mutated(corpus: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let pick = |random: &mut Rng| corpus[random.usize(..corpus.len())].clone();
    let mut bytes = pick(random);
    for _ in 0..random.usize(0..4) {
        let at = random.usize(..=bytes.len());
        match random.u8(0..7) {
            0 if at < bytes.len() => bytes[at] = random.u8(..),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 => bytes.truncate(at),
            3 => bytes.extend(pick(random)),
            4 => {
                let end = random.usize(at..=bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            5 if at < bytes.len() => bytes[at] ^= 1 << random.u8(0..8),
            _ => {
                let piece = PIECES[random.usize(..PIECES.len())];
                bytes.splice(at..at, piece.bytes());
            }
        }
    }
    bytes
}

/// Sends the bytes in one or two pieces, closes this side, and gives all that comes back.
fn send(address: &str, bytes: &[u8], random: &mut Rng) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.set_nodelay(true).unwrap();
    let cut = if random.u8(0..4) == 0 { random.usize(..=bytes.len()) } else { 0 };
    drop(stream.write_all(&bytes[..cut]));
    drop(stream.write_all(&bytes[cut..]));
    drop(stream.shutdown(Shutdown::Write));
    Ok(rest(&mut stream))
}

/// Every status in what came back.
fn statuses(answers: &str) -> Vec<u16> {
    let parts = answers.split("HTTP/1.1 ").skip(1);
    parts.filter_map(|part| part.get(..3)?.parse().ok()).collect() // a text may name HTTP/1.1 too
}

/// The requests that the bytes hold for a reader that is laxer than ours: method, path and body.
fn reference(mut bytes: &[u8]) -> Vec<(String, String, Vec<u8>)> {
    let mut requests = Vec::new();
    loop {
        let mut slots = [httparse::EMPTY_HEADER; 200];
        let mut request = httparse::Request::new(&mut slots);
        let Ok(httparse::Status::Complete(length)) = request.parse(bytes) else { return requests };
        bytes = &bytes[length..];
        let value = |name: &str| {
            let mut headers = request.headers.iter();
            headers.find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
        };
        let body = if value("Transfer-Encoding").is_some() {
            let Some((body, rest)) = unchunked(bytes) else { return requests };
            bytes = rest;
            body
        } else {
            let length = value("Content-Length").map_or(Some(0), |text| {
                std::str::from_utf8(text).ok().and_then(|text| text.parse().ok())
            });
            let Some(body) = length.and_then(|length: usize| bytes.get(..length)) else {
                return requests;
            };
            bytes = &bytes[body.len()..];
            body.to_vec()
        };
        let (method, path) = (request.method.unwrap(), request.path.unwrap());
        requests.push((method.to_owned(), path.to_owned(), body));
    }
}

fn unchunked(mut bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut body = Vec::new();
    loop {
        let Ok(httparse::Status::Complete((length, size))) = httparse::parse_chunk_size(bytes)
        else {
            return None;
        };
        bytes = &bytes[length..];
        let data = bytes.get(..usize::try_from(size).ok()?)?;
        body.extend_from_slice(data);
        bytes = bytes.get(data.len()..)?.strip_prefix(b"\r\n")?;
        if size == 0 {
            return Some((body, bytes));
        }
    }
}

/// What reached the server behind is one clean request: its method, path and body.
fn checked(passed: &[u8]) -> (String, String, Vec<u8>) {
    let mut slots = [httparse::EMPTY_HEADER; 40];
    let mut request = httparse::Request::new(&mut slots);
    let length = request.parse(passed).unwrap().unwrap();
    let body = passed[length..].to_vec();
    let all = |name: &str| {
        let headers = request.headers.iter();
        let named = headers.filter(|header| header.name.eq_ignore_ascii_case(name));
        named.map(|header| String::from_utf8(header.value.to_vec()).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(all("Content-Length"), [body.len().to_string()]);
    assert_eq!(all("Transfer-Encoding"), [""; 0]);
    assert_eq!(all("Connection"), ["close"]);
    assert_eq!(all("X-Guard-Peer"), ["127.0.0.1"]);
    assert_eq!(all("X-Guard-Token").len(), 1);
    assert!(all("X-Guard-Token")[0].len() == 32 && all("Host").len() <= 1);
    assert!(passed[..length].is_ascii(), "tiny_http reads nothing else");
    (request.method.unwrap().to_owned(), request.path.unwrap().to_owned(), body)
}

#[test]
fn what_the_guard_hands_on_is_exactly_what_was_sent() {
    let count = cases() * (10 - REAL_IN_TEN) / 10;
    let passed_in_all: usize = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..THREADS).map(|seed| scope.spawn(move || fuzz_a_gate(seed, count))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    println!("{count} cases at a guard, {passed_in_all} requests handed on");
    assert!(passed_in_all > count / 20, "the cases are too wild to say anything");
}

fn fuzz_a_gate(seed: u64, count: usize) -> usize {
    let (gate, corpus, mut random) = (Gate::new(short_limits()), corpus(), Rng::with_seed(seed));
    let address = gate.address.to_string();
    let mut passed_in_all = 0;
    for _ in 0..count / usize::try_from(THREADS).unwrap() {
        let bytes = mutated(&corpus, &mut random);
        let answers = send(&address, &bytes, &mut random).unwrap();
        let shown = String::from_utf8_lossy(&bytes);
        let passed = std::mem::take(&mut *gate.passed.lock().unwrap());
        let known = [100, 200, 400, 403, 408, 413, 417, 431];
        let statuses = statuses(&answers);
        assert!(statuses.iter().all(|status| known.contains(status)), "{shown:?}: {answers}");
        let answered = statuses.iter().filter(|&&status| status == 200).count();
        assert_eq!(passed.len(), answered, "{shown:?}: {answers}");
        let mut expected = reference(&bytes).into_iter();
        for request in &passed {
            assert_eq!(Some(checked(request)), expected.next(), "{shown:?}");
        }
        passed_in_all += passed.len();
    }
    passed_in_all
}

#[test]
fn the_real_program_answers_after_every_case_and_keeps_nothing_of_it() {
    let site = Site::new();
    site.write_settings("WEBHOOK_HMAC_KEY=kunci-webhook-0123\nTRIGGER_WAIT_SECONDS=1\n");
    let mut server = site.serve();
    let (corpus, count) = (corpus(), cases() * REAL_IN_TEN / 10);
    let fuzz = |seed: u64, count: usize| {
        let mut random = Rng::with_seed(seed);
        for _ in 0..count {
            let bytes = mutated(&corpus, &mut random);
            let answers = send(&server.address, &bytes, &mut random)
                .unwrap_or_else(|error| panic!("{error}: {}", server.log()));
            for status in statuses(&answers) {
                let is_known = status < 500 || status == 503;
                assert!(is_known, "{:?}: {answers}", String::from_utf8_lossy(&bytes));
            }
        }
    };
    fuzz(99, 500); // what is made once and kept
    assert_eq!(server.post("/api/cron-auto-message").0, 202);
    // Its senders are threads, too, and on a busy machine they begin late.
    until("a run has ended", || server.log().contains(": ended: "));
    let before = held(server.child.id());
    std::thread::scope(|scope| {
        for seed in 0..THREADS {
            scope.spawn(move || fuzz(100 + seed, count / usize::try_from(THREADS).unwrap()));
        }
    });
    assert_eq!(server.request("GET", "/health", "").0, 200);
    assert!(server.is_alive());
    until("threads and descriptors are as before", || {
        let now = held(server.child.id());
        now.descriptors <= before.descriptors && now.threads <= before.threads
    });
    let after = held(server.child.id());
    assert!(after.kib < before.kib + 8 * 1024, "{before:?} {after:?}");
    assert!(!server.log().contains("panicked"), "{}", server.log());
    println!("{count} cases at the real program: before {before:?}, after {after:?}");
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub threads: usize,
    pub descriptors: usize,
    /// Resident.
    pub kib: usize,
}

pub fn held(pid: u32) -> Held {
    let count = |name: &str| fs::read_dir(format!("/proc/{pid}/{name}")).unwrap().count();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib = line.trim().trim_end_matches(" kB").parse().unwrap();
    Held { threads: count("task"), descriptors: count("fd"), kib }
}
