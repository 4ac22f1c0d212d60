//! The public listener under hostile hands: a guard in front of a server that writes down what
//! reaches it, and the real one in front of the real API.

mod slots;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use auto_message_scheduler::clock::SystemClock;
use auto_message_scheduler::config::Config;
use auto_message_scheduler::http::{Front, FrontError, Limits, PrivateSocket};

use crate::site::{SOON, until};

const MS: Duration = Duration::from_millis(1);

/// Time-outs that a test can wait for.
pub fn short_limits() -> Limits {
    Limits {
        head_within: 300 * MS,
        body_within: 300 * MS,
        idle: 300 * MS,
        answer_within: 1000 * MS,
        half_closed: 500 * MS,
        reply_stall: 500 * MS,
        linger: 200 * MS,
        accept_within: 300 * MS,
    }
}

/// A guard in front of a server that keeps every request as it came and answers 200.
pub struct Gate {
    guard: Option<Front>,
    pub address: SocketAddr,
    /// Head and body of each request, as they reached the server behind.
    pub passed: Arc<Mutex<Vec<Vec<u8>>>>,
    pub has_failed: Arc<AtomicBool>,
    /// While it is true, the server behind does not answer.
    pub is_held: Arc<AtomicBool>,
    is_closed: Arc<AtomicBool>,
    socket: PrivateSocket,
    _directory: tempfile::TempDir,
}

impl Gate {
    pub fn new(limits: Limits) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), limits)
    }

    pub fn on(public: TcpListener, limits: Limits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (listener, socket) = PrivateSocket::open(&[directory.path()]).unwrap();
        let (passed, has_failed, is_held, is_closed) = <(
            Arc<Mutex<Vec<Vec<u8>>>>,
            Arc<AtomicBool>,
            Arc<AtomicBool>,
            Arc<AtomicBool>,
        )>::default();
        let (kept, held, closed) =
            (Arc::clone(&passed), Arc::clone(&is_held), Arc::clone(&is_closed));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if closed.load(Ordering::SeqCst) {
                    return;
                }
                let (kept, held) = (Arc::clone(&kept), Arc::clone(&held));
                std::thread::spawn(move || answer(&mut stream.unwrap(), &kept, &held));
            }
        });
        let failed = Arc::clone(&has_failed);
        let fail = move || failed.store(true, Ordering::SeqCst);
        let clock = Arc::new(SystemClock::default());
        let (upstream, config) = (socket.upstream().clone(), Arc::<Config>::default());
        let guard = Front::start(public, upstream, limits, config, clock, fail).unwrap();
        let address = guard.address();
        let guard = Some(guard);
        Self {
            guard,
            address,
            passed,
            has_failed,
            is_held,
            is_closed,
            socket,
            _directory: directory,
        }
    }

    pub fn stop(mut self) -> Result<(), FrontError> {
        self.guard.take().unwrap().stop()
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    /// Sends bytes and gives the whole answer, until the guard closes.
    pub fn say(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        drop(stream.write_all(bytes)); // a refusal may come before all of it is out
        rest(&mut stream)
    }

    pub fn passed(&self) -> Vec<String> {
        let passed = self.passed.lock().unwrap();
        passed.iter().map(|bytes| String::from_utf8(bytes.clone()).unwrap()).collect()
    }

    /// The server behind goes away.
    fn close_back(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        let path = &self.socket.upstream().address;
        drop(UnixStream::connect(path));
        until("nobody listens behind", || UnixStream::connect(path).is_err());
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if let Some(guard) = self.guard.take() {
            drop(guard.stop());
        }
        self.is_closed.store(true, Ordering::SeqCst);
        drop(UnixStream::connect(&self.socket.upstream().address));
    }
}

fn answer(stream: &mut UnixStream, kept: &Mutex<Vec<Vec<u8>>>, held: &AtomicBool) {
    let Some(request) = read_request(stream) else { return };
    kept.lock().unwrap().push(request);
    while held.load(Ordering::SeqCst) {
        std::thread::sleep(5 * MS);
    }
    drop(stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"));
}

/// One request with its body, by its Content-Length; and nothing may follow it.
fn read_request(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 8192]);
    loop {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head.split("\r\nContent-Length: ").nth(1).unwrap();
            let length: usize = length.split('\r').next().unwrap().parse().unwrap();
            assert!(bytes.len() <= end + length, "more than one request behind");
            if bytes.len() == end + length {
                return Some(bytes);
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

pub fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    drop(stream.read_to_end(&mut bytes)); // a reset after the answer is an end too
    String::from_utf8_lossy(&bytes).into_owned()
}

pub fn status(answer: &str) -> u16 {
    let is_answer = answer.starts_with("HTTP/1.1 ");
    if is_answer { answer[9..12].parse().unwrap() } else { 0 }
}

const GOOD: &[u8] = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi";

/// Reads one answer of a connection that stays open.
fn one_answer(stream: &mut TcpStream) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 1]);
    while !text.ends_with("\r\n\r\nok") && stream.read(&mut buffer).is_ok_and(|count| count == 1) {
        text.push(char::from(buffer[0]));
    }
    text
}

#[test]
fn a_request_reaches_the_server_behind_written_anew_and_its_answer_comes_back() {
    let gate = Gate::new(short_limits());
    let answer = gate.say(
        b"POST /a?b HTTP/1.1\r\nhOST: x:1\r\nX-Guard-Peer: 9.9.9.9\r\nX-Guard-Token: y\r\n\
          x-guard-forwarded: evil\r\nX-Forwarded-For: 1.2.3.4, <b>\r\nAuthorization: Bearer z\r\n\
          X-Other: no\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi",
    );
    assert_eq!(answer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    let token = &gate.socket.upstream().token;
    assert_eq!(
        gate.passed(),
        [format!(
            "POST /a?b HTTP/1.0\r\nX-Guard-Token: {token}\r\nX-Guard-Peer: 127.0.0.1\r\n\
             X-Guard-Forwarded: 1.2.3.4, ?b?\r\nContent-Length: 2\r\nConnection: close\r\n\
             Host: x:1\r\nAuthorization: Bearer z\r\n\r\nhi"
        )]
    );
}

#[test]
fn a_connection_is_kept_for_more_requests_and_then_closed_without_a_word() {
    let gate = Gate::new(short_limits());
    let mut stream = gate.connect();
    for round in 0..3 {
        stream.write_all(GOOD).unwrap();
        let answer = one_answer(&mut stream);
        assert!(answer.contains("Connection: keep-alive"), "{round}: {answer}");
    }
    let began = Instant::now();
    assert_eq!(rest(&mut stream), "");
    assert!(began.elapsed() > 200 * MS && began.elapsed() < SOON, "{:?}", began.elapsed());
    // Requests that do not wait for the answers come one after the other.
    let mut stream = gate.connect();
    stream.write_all(&[GOOD, GOOD, GOOD].concat()).unwrap();
    for _ in 0..3 {
        assert_eq!(status(&one_answer(&mut stream)), 200);
    }
    assert_eq!(gate.passed().len(), 6);
}

#[test]
fn a_body_in_chunks_is_handed_on_whole() {
    let gate = Gate::new(short_limits());
    let head =
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    assert_eq!(
        status(&gate.say(format!("{head}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").as_bytes())),
        200
    );
    assert!(gate.passed()[0].ends_with("Host: x\r\n\r\nabcde"), "{:?}", gate.passed());
    assert!(gate.passed()[0].contains("Content-Length: 5\r\n"));
    assert_eq!(status(&gate.say(format!("{head}fffff\r\n").as_bytes())), 413);
    assert_eq!(status(&gate.say(format!("{head}-3\r\nabc\r\n").as_bytes())), 400);
}

#[test]
fn a_client_that_asks_may_go_on_and_sends_its_body_then() {
    let gate = Gate::new(short_limits());
    let mut stream = gate.connect();
    let head = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hi").unwrap();
    assert_eq!(status(&rest(&mut stream)), 200);
}

#[test]
fn what_two_programs_could_read_in_two_ways_is_refused() {
    let gate = Gate::new(short_limits());
    for (request, expected) in malformed() {
        let answer = gate.say(request.as_bytes());
        assert_eq!(status(&answer), expected, "{request:?}: {answer}");
        assert!(answer.contains("Connection: close\r\n"), "{answer}");
        assert!(answer.contains("\"error\":true,\"message\":\""), "{answer}");
        assert!(answer.contains("{\"code\":\""), "{answer}");
    }
    assert_eq!(gate.passed(), [""; 0]);
    assert_eq!(status(&gate.say(&[GOOD, b"\0"].concat())), 200, "the next request is another one");
}

/// Requests that must be refused, and with what.
pub fn malformed() -> Vec<(String, u16)> {
    let get = |lines: &str| format!("GET / HTTP/1.1\r\nHost: x\r\n{lines}\r\n");
    let post = |lines: &str| format!("POST / HTTP/1.1\r\nHost: x\r\n{lines}\r\nhello");
    let mut cases = vec![
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 400),
        ("GET /\r\n".to_owned(), 400),
        ("GET / HTTP/0.9\r\n".to_owned(), 400),
        ("GET / HTTP/1.2\r\n".to_owned(), 400),
        ("GET / http/1.1\r\n".to_owned(), 400),
        ("GET  / HTTP/1.1\r\n".to_owned(), 400),
        ("GET / HTTP/1.1 \r\n".to_owned(), 400),
        ("GET\t/\tHTTP/1.1\r\n".to_owned(), 400),
        ("get / HTTP/1.1\r\n".to_owned(), 400),
        ("G{}T / HTTP/1.1\r\n".to_owned(), 400),
        ("GET http://x/ HTTP/1.1\r\n".to_owned(), 400),
        ("GET x HTTP/1.1\r\n".to_owned(), 400),
        ("OPTIONS * HTTP/1.1\r\n".to_owned(), 400),
        ("CONNECT x:443 HTTP/1.1\r\n".to_owned(), 400),
        ("GET /#a HTTP/1.1\r\n".to_owned(), 400),
        ("GET /é HTTP/1.1\r\n".to_owned(), 400),
        ("\r\nGET / HTTP/1.1\r\n".to_owned(), 400),
        (" GET / HTTP/1.1\r\n".to_owned(), 400),
        ("\u{16}\u{3}\u{1}".to_owned(), 400),
        ("GET / HTTP/1.1\nHost: x\n\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: x\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: x\0\r\n\r\n".to_owned(), 400),
        ("GET /\0 HTTP/1.1\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost : x\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\n Host: x\r\n\r\n".to_owned(), 400),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(), 400),
        (get("A: b\r\n c\r\n"), 400),
        (get("A: b\r\n\tc\r\n"), 400),
        (get("A\r\n"), 400),
        (get(": b\r\n"), 400),
        (get("A b: c\r\n"), 400),
        (get("A: \u{1}\r\n"), 400),
        (get("Authorization: Bearer a\r\nauthorization: Bearer b\r\n"), 400),
        (get("Expect: something\r\n"), 417),
        (get(&"A: b\r\n".repeat(100)), 431),
        (get(&format!("A: {}\r\n", "b".repeat(17_000))), 431),
        (format!("GET /{} HTTP/1.1\r\n", "a".repeat(17_000)), 431),
        (format!("GET /{}", "a".repeat(17_000)), 431),
        (get("Origin: http://evil.example\r\n"), 403),
        (get("Sec-Fetch-Site: cross-site\r\n"), 403),
    ];
    for wrong in ["-5", "+5", "5 5", "5,5", "5, 5", "0x5", "5.0", "", "five", "٥"] {
        cases.push((post(&format!("Content-Length: {wrong}\r\n")), 400));
    }
    cases.push((post("Content-Length: 5\r\nContent-Length: 5\r\n"), 400));
    cases.push((post("Content-Length: 5\r\ncontent-length: 6\r\n"), 400));
    cases.push((post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400));
    for wrong in
        ["gzip", "chunked, chunked", "gzip, chunked", "xchunked", "\u{b}chunked", "identity"]
    {
        cases.push((post(&format!("Transfer-Encoding: {wrong}\r\n")), 400));
    }
    cases.push((post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), 400));
    let both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
    cases.push((format!("POST / HTTP/1.1\r\nHost: x\r\n{both}\r\n0\r\n\r\n"), 400));
    cases.push((post("Content-Length: 65537\r\n"), 413));
    cases.push((post("Content-Length: 1099511627776\r\n"), 413));
    cases.push((post("Content-Length: 99999999999999999999999999999\r\n"), 413));
    cases
}

#[test]
fn bytes_that_drip_do_not_get_more_time() {
    let gate = Gate::new(short_limits());
    for (whole, missing) in
        [(&GOOD[..GOOD.len() - 12], "the head"), (&GOOD[..GOOD.len() - 2], "the body")]
    {
        let mut stream = gate.connect();
        let mut dripping = stream.try_clone().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let began = Instant::now();
        let body = if missing == "the body" { whole.to_vec() } else { Vec::new() };
        dripping.write_all(&body).unwrap();
        let drip = std::thread::spawn(move || {
            let head = b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ";
            let slow: &[u8] = if body.is_empty() { head } else { b"" };
            for byte in slow.iter().chain([b'z'; 1].iter().cycle()) {
                if over.load(Ordering::SeqCst) || dripping.write_all(&[*byte]).is_err() {
                    return;
                }
                std::thread::sleep(if slow.is_empty() { 250 * MS } else { 20 * MS });
            }
        });
        let answer = rest(&mut stream);
        is_over.store(true, Ordering::SeqCst);
        drip.join().unwrap();
        if missing == "the head" {
            assert_eq!(status(&answer), 408, "{missing}: {answer}");
        } else {
            assert!([408, 200].contains(&status(&answer)), "{missing}: {answer}");
        }
        assert!(began.elapsed() < SOON, "{missing}: {:?}", began.elapsed());
    }
    // Nothing at all, and a body of which nothing comes.
    for bytes in [&b""[..], b"P", b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhi"] {
        assert_eq!(status(&gate.say(bytes)), 408);
    }
    assert!(gate.passed().len() <= 1);
}

#[test]
fn a_client_that_goes_away_leaves_nothing_behind() {
    let gate = Gate::new(short_limits());
    let before = descriptors();
    gate.is_held.store(true, Ordering::SeqCst);
    for _ in 0..30 {
        let mut stream = gate.connect();
        stream.write_all(GOOD).unwrap();
        drop(stream);
    }
    // One that only closed its side gets its answer, when that comes soon.
    let mut stream = gate.connect();
    stream.write_all(GOOD).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    std::thread::sleep(50 * MS);
    gate.is_held.store(false, Ordering::SeqCst);
    assert_eq!(status(&rest(&mut stream)), 200);
    drop(stream);
    until("all descriptors are free", || descriptors() <= before);
}

/// Open descriptors of this process. Other tests open some too, so it is only looked at for an end.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn a_server_behind_that_does_not_answer_is_503() {
    let gate = Gate::new(short_limits());
    gate.is_held.store(true, Ordering::SeqCst);
    let answer = gate.say(GOOD);
    assert_eq!(status(&answer), 503, "{answer}");
}

#[test]
fn a_guard_that_cannot_go_on_says_so_and_why() {
    // The system accepts nothing any more on this listener.
    let public = TcpListener::bind("127.0.0.1:0").unwrap();
    let same = std::os::fd::OwnedFd::from(public.try_clone().unwrap());
    let gate = Gate::on(public, short_limits());
    TcpStream::from(same).shutdown(Shutdown::Both).unwrap();
    until("it gives up", || gate.has_failed.load(Ordering::SeqCst));
    assert!(matches!(gate.stop(), Err(FrontError::Accept(_))));
    // The server behind is gone.
    let gate = Gate::new(short_limits());
    gate.close_back();
    drop(gate.say(GOOD));
    until("it gives up", || gate.has_failed.load(Ordering::SeqCst));
    assert!(matches!(gate.stop(), Err(FrontError::Upstream(_))));
}

#[test]
fn a_guard_that_is_stopped_answers_what_it_took() {
    let gate = Gate::new(short_limits());
    gate.is_held.store(true, Ordering::SeqCst);
    let (mut served, mut silent) = (gate.connect(), gate.connect());
    served.write_all(GOOD).unwrap();
    until("it is handed on", || gate.passed.lock().unwrap().len() == 1);
    let held = Arc::clone(&gate.is_held);
    let release = std::thread::spawn(move || {
        std::thread::sleep(100 * MS);
        held.store(false, Ordering::SeqCst);
    });
    let address = gate.address;
    assert!(gate.stop().is_ok());
    release.join().unwrap();
    assert_eq!(status(&rest(&mut served)), 200);
    assert_eq!(rest(&mut silent), "");
    assert!(TcpStream::connect(address).is_err());
}
