//! A WAHA on raw TCP that answers as WAHA does, except one request to send: there it makes the
//! moves of a script. It keeps a journal of what really arrived.
//!
//! Each one has a loopback address of its own (127.77.x.y), so that nobody takes its port while it
//! refuses connections.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use auto_message_scheduler::clock::Timestamp;

use super::request::Request;
use super::script::{Move, Script, Trick};
use crate::world::SimClock;

/// The key that every request must carry, and that nobody else may see.
pub const API_KEY: &str = "kunci-rahasia-waha";

const PATIENCE: Duration = Duration::from_secs(20);
const DRIP_EVERY: Duration = Duration::from_millis(50);

/// A complete request to send.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub chat_id: String,
    pub at: Timestamp,
    /// It was answered with a definite no: nothing went out.
    pub is_rejected: bool,
    /// It was read after the client had given up.
    pub is_late: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Journal {
    pub complete: Vec<Arrival>,
    /// Requests to send of which at least the head arrived.
    pub begun: usize,
    /// Requests without the right key.
    pub keyless: usize,
    /// Bytes of an endless reply that the client took before it hung up.
    pub flooded: usize,
}

/// Whether connections are accepted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    Open,
    /// Nobody shall accept.
    Filling,
    /// Nobody accepts.
    Full,
    /// Nobody listens.
    Closed,
}

struct State {
    journal: Journal,
    door: Door,
    /// The script was played, or is being played.
    has_fired: bool,
    is_playing: bool,
    is_healed: bool,
    /// Connections that fill the backlog.
    crowd: Vec<TcpStream>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    address: SocketAddr,
    /// Where a redirect leads.
    elsewhere: String,
    script: Script,
    clock: Arc<SimClock>,
    state: Mutex<State>,
    changed: Condvar,
}

pub struct ScriptedWaha {
    shared: Arc<Shared>,
}

impl ScriptedWaha {
    pub fn start(script: Script, elsewhere: &str, clock: Arc<SimClock>) -> Self {
        let listener = listen_on(SocketAddr::new(own_address().into(), 0));
        let state = State {
            journal: Journal::default(),
            door: Door::Open,
            has_fired: false,
            is_playing: false,
            is_healed: false,
            crowd: Vec::new(),
            acceptor: None,
        };
        let shared = Arc::new(Shared {
            address: listener.local_addr().unwrap(),
            elsewhere: elsewhere.to_owned(),
            script,
            clock,
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        shared.accept_on(listener);
        Self { shared }
    }

    /// `http` or `https`.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.shared.address)
    }

    pub fn journal(&self) -> Journal {
        self.shared.state().journal.clone()
    }

    /// Whether the fault has happened, or is happening.
    pub fn has_fired(&self) -> bool {
        self.shared.state().has_fired
    }

    /// Makes the fault of the connection happen now.
    pub fn shut_the_door(&self) {
        self.shared.shut_the_door();
    }

    /// Ends the fault; returns when nothing of it is left.
    pub fn heal(&self) {
        let mut state = self.shared.state();
        let was_closed = state.door == Door::Closed;
        state.is_healed = true;
        state.door = Door::Open;
        state.crowd.clear();
        self.shared.changed.notify_all();
        let wait =
            self.shared.changed.wait_timeout_while(state, PATIENCE, |state| state.is_playing);
        assert!(!wait.unwrap().1.timed_out(), "the script does not end");
        if was_closed {
            self.shared.accept_on(listen_on(self.shared.address));
        }
    }
}

impl Drop for ScriptedWaha {
    fn drop(&mut self) {
        self.shared.state().is_healed = true;
        self.shared.close_door();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept_on(self: &Arc<Self>, listener: TcpListener) {
        let shared = Arc::clone(self);
        let acceptor = thread::spawn(move || shared.accept(&listener));
        self.state().acceptor = Some(acceptor);
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            let (stream, _) = listener.accept().unwrap();
            let mut state = self.state();
            match state.door {
                Door::Open => {
                    let shared = Arc::clone(self);
                    thread::spawn(move || shared.serve(&stream));
                }
                Door::Filling | Door::Full => {
                    state.door = Door::Full;
                    self.changed.notify_all();
                    let is_full = |state: &mut State| state.door == Door::Full;
                    drop(self.changed.wait_while(state, is_full).unwrap());
                }
                Door::Closed => return,
            }
        }
    }

    fn close_door(&self) {
        let acceptor = {
            let mut state = self.state();
            state.door = Door::Closed;
            state.acceptor.take()
        };
        self.changed.notify_all();
        if let Some(acceptor) = acceptor {
            drop(TcpStream::connect(self.address)); // so that it looks at the door
            acceptor.join().unwrap();
        }
    }

    fn fill_backlog(&self) {
        self.state().door = Door::Filling;
        drop(TcpStream::connect(self.address));
        // Not before nobody takes a connection any more: that would make room for one.
        let is_moving = |state: &mut State| state.door == Door::Filling;
        drop(self.changed.wait_while(self.state(), is_moving).unwrap());
        let mut crowd = Vec::new();
        while let Ok(one) = TcpStream::connect_timeout(&self.address, Duration::from_millis(100)) {
            crowd.push(one);
        }
        self.state().crowd = crowd;
    }

    fn serve(&self, stream: &TcpStream) {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut first = [0];
        if matches!(stream.peek(&mut first), Ok(1)) && first[0] == 22 {
            return self.shake_hands(stream);
        }
        while let Some(head) = Request::peek_head(stream) {
            {
                let mut state = self.state();
                state.journal.keyless += usize::from(head.api_key.as_deref() != Some(API_KEY));
            }
            let goes_on = match head.method.as_str() {
                "POST" => self.send_text(stream),
                _ => self.get(stream),
            };
            if goes_on.is_none() {
                return;
            }
        }
    }

    /// Somebody speaks TLS to this plain port.
    fn shake_hands(&self, mut stream: &TcpStream) {
        let alert: &[u8] = &[21, 3, 3, 0, 2, 2, 40]; // fatal, handshake_failure
        let plain = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
        let answer = match self.script.trick {
            Trick::TlsAlert => alert,
            Trick::TlsClosed => b"",
            Trick::TlsSilence => return self.await_healing(),
            _ => plain,
        };
        let mut hello = [0; 4096];
        let _ = stream.read(&mut hello);
        let _ = stream.write_all(answer);
    }

    fn get(&self, stream: &TcpStream) -> Option<()> {
        let taken = Request::take_all(stream)?;
        if matches!(self.script.trick, Trick::Redirects) {
            let head = format!("HTTP/1.1 307 Away\r\nLocation: {}\r\n", self.elsewhere);
            return reply(stream, &head, "");
        }
        let (status, body) = if self.is_down() {
            (503, String::new())
        } else if taken.path.starts_with("/api/sessions/") {
            (200, r#"{"name":"default","status":"WORKING"}"#.to_owned())
        } else if taken.path.ends_with("/new-message-id") && self.script.offers_ids {
            let number = self.open_trapdoor();
            (200, format!(r#"{{"id":"3EB0{number:016}"}}"#))
        } else {
            (404, r#"{"statusCode":404,"message":"Cannot GET this"}"#.to_owned())
        };
        let connection = self.connection();
        let head = format!("HTTP/1.1 {status} Said\r\nConnection: {connection}\r\n");
        reply(stream, &head, &body)?;
        (connection == "keep-alive").then_some(())
    }

    /// What becomes of a connection after an answer: a fault of connecting needs a new one each time.
    fn connection(&self) -> &'static str {
        if self.script.trick.is_about_connecting() { "close" } else { "keep-alive" }
    }

    /// Before the request that the script is about: for faults of its connection.
    fn open_trapdoor(&self) -> usize {
        let number = {
            let mut state = self.state();
            let number = state.journal.begun + 1;
            let is_it = number == self.script.on_send && !state.has_fired;
            if !is_it || !self.script.trick.is_about_connecting() {
                return number;
            }
            state.has_fired = true;
            number
        };
        self.shut_the_door();
        number
    }

    fn shut_the_door(&self) {
        match self.script.trick {
            Trick::Refuses => self.close_door(),
            Trick::FullBacklog => self.fill_backlog(),
            Trick::None
            | Trick::TlsAlert
            | Trick::TlsClosed
            | Trick::TlsSilence
            | Trick::Redirects
            | Trick::Plays(_)
            | Trick::GoesDown(_) => {}
        }
    }

    fn send_text(&self, stream: &TcpStream) -> Option<()> {
        let moves = {
            let mut state = self.state();
            state.journal.begun += 1;
            let is_it = state.journal.begun == self.script.on_send && !state.has_fired;
            match self.script.trick {
                Trick::Plays(moves) | Trick::GoesDown(moves) if is_it => {
                    state.has_fired = true;
                    state.is_playing = true;
                    moves
                }
                _ => &[],
            }
        };
        if moves.is_empty() {
            return self.accept_message(stream);
        }
        let _ = self.play(stream, moves);
        None
    }

    fn accept_message(&self, stream: &TcpStream) -> Option<()> {
        let request = Request::take_all(stream)?;
        self.note_arrival(&request);
        let id = request.id.unwrap_or_else(|| format!("3EB0FF{:04}", self.journal_len()));
        let body = format!(r#"{{"id":"true_{}_{id}"}}"#, request.chat_id);
        let connection = self.connection();
        reply(stream, &format!("HTTP/1.1 201 Created\r\nConnection: {connection}\r\n"), &body)?;
        (connection == "keep-alive").then_some(())
    }

    fn play(&self, mut stream: &TcpStream, moves: &[Move]) -> Option<()> {
        let _end = EndOfPlay(self);
        let mut has_it = false;
        for one in moves {
            match *one {
                Move::ReadHead => Request::take_head(stream)?,
                Move::ReadAll => {
                    self.note_arrival(&Request::take_all(stream)?);
                    has_it = true;
                }
                Move::PeekAll => {
                    self.note_arrival(&Request::peek_all(stream)?);
                    has_it = true;
                }
                Move::AwaitHealing => self.await_healing(),
                Move::Reply(status, headers, body) => {
                    self.note_status(has_it, status);
                    let headers = headers.replace("ELSEWHERE", &self.elsewhere);
                    let head = format!("HTTP/1.1 {status} Said\r\nConnection: close\r\n{headers}");
                    reply(stream, &head, body)?;
                }
                Move::Write(text) => {
                    let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
                    let status = status.and_then(|status| status.parse().ok());
                    if let Some(status) = status {
                        self.note_status(has_it, status);
                    }
                    stream.write_all(text.as_bytes()).ok()?;
                }
                Move::Drip(text) => self.drip(stream, text)?,
                Move::Flood(text, bytes) => self.flood(stream, text, bytes),
                Move::Drain => drain(stream),
            }
        }
        Some(())
    }

    fn await_healing(&self) {
        let state = self.state();
        drop(self.changed.wait_timeout_while(state, PATIENCE, |state| !state.is_healed));
    }

    fn drip(&self, mut stream: &TcpStream, text: &str) -> Option<()> {
        for byte in text.as_bytes() {
            if self.state().is_healed {
                return None;
            }
            stream.write_all(&[*byte]).ok()?;
            thread::sleep(DRIP_EVERY);
        }
        Some(())
    }

    fn flood(&self, mut stream: &TcpStream, text: &str, bytes: usize) {
        let chunk = text.repeat((64 * 1024 / text.len()).max(1));
        let mut flooded = 0;
        while flooded < bytes && stream.write_all(chunk.as_bytes()).is_ok() {
            flooded += chunk.len();
        }
        self.state().journal.flooded = flooded;
    }

    fn is_down(&self) -> bool {
        let state = self.state();
        let goes_down = matches!(self.script.trick, Trick::GoesDown(_));
        goes_down && state.has_fired && !state.is_healed
    }

    fn journal_len(&self) -> usize {
        self.state().journal.complete.len()
    }

    fn note_arrival(&self, request: &Request) {
        let at = self.clock.wall();
        let mut state = self.state();
        let is_late = state.is_playing && state.is_healed;
        let chat_id = request.chat_id.clone();
        state.journal.complete.push(Arrival { chat_id, at, is_rejected: false, is_late });
    }

    /// A 3xx or 4xx is a no, but for 408, which says only that somebody waited too long.
    fn note_status(&self, has_it: bool, status: u16) {
        let is_no = (300..500).contains(&status) && status != 408;
        if has_it && is_no {
            self.state().journal.complete.last_mut().unwrap().is_rejected = true;
        }
    }
}

/// Says that the script was played, however that ended.
struct EndOfPlay<'a>(&'a Shared);

impl Drop for EndOfPlay<'_> {
    fn drop(&mut self) {
        self.0.state().is_playing = false;
        self.0.changed.notify_all();
    }
}

fn reply(mut stream: &TcpStream, head: &str, body: &str) -> Option<()> {
    let text = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).ok()
}

/// Takes what still comes, as servers do that close without a reset.
fn drain(mut stream: &TcpStream) {
    let mut waste = [0; 4096];
    let _ = stream.shutdown(std::net::Shutdown::Write);
    while matches!(stream.read(&mut waste), Ok(1..)) {}
}

fn own_address() -> [u8; 4] {
    static NEXT: AtomicU16 = AtomicU16::new(1);
    let [high, low] = NEXT.fetch_add(1, Ordering::SeqCst).to_be_bytes();
    [127, 77, high, low]
}

/// Somebody's last connection may take a moment to leave the port.
fn listen_on(address: SocketAddr) -> TcpListener {
    for _ in 0..100 {
        match TcpListener::bind(address) {
            Ok(listener) => return listener,
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                thread::sleep(Duration::from_millis(10));
            }
            Err(error) => panic!("{address}: {error}"),
        }
    }
    panic!("{address} stays in use");
}
