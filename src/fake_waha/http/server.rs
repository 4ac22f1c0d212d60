//! The listener, the connections, and how they all end.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::call::Unread;
use super::{Answer, Call, Then};
use crate::fake_waha::replies;
use crate::fake_waha::routes::Site;

/// More connections than these are closed at once; more requests at the same time get a 503.
const CONNECTIONS_MAX: usize = 512;
const REQUESTS_AT_ONCE_MAX: usize = 256;
const STACK_BYTES: usize = 512 * 1024;
/// A connection on which nothing comes for so long is closed.
const IDLE_MAX: Duration = Duration::from_mins(2);
const WRITE_MAX: Duration = Duration::from_secs(10);
const HOLD_MAX: Duration = Duration::from_mins(10);
/// How often a held connection is asked whether its client is still there.
const HOLD_STEP: Duration = Duration::from_millis(50);
const STOP_MAX: Duration = Duration::from_secs(5);

/// A running server.
pub(in crate::fake_waha) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves `site` on `listener`, which clients on this machine reach at `address`.
    pub(in crate::fake_waha) fn start(
        listener: TcpListener,
        address: SocketAddr,
        site: Site,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            site,
            open: Mutex::default(),
            changed: Condvar::new(),
            requests_now: AtomicUsize::new(0),
        });
        let accepting =
            thread::Builder::new().name("fake-waha".to_owned()).stack_size(STACK_BYTES).spawn({
                let shared = Arc::clone(&shared);
                move || accept(&listener, &shared)
            })?;
        Ok(Self { address, shared, accepting: Some(accepting) })
    }

    /// Closes the port and every connection, and waits for their threads, 5 s at most.
    pub(in crate::fake_waha) fn stop(&mut self) {
        self.shared.begin_to_stop();
        // The accepting thread looks up from its wait when somebody connects.
        let woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok();
        if let Some(accepting) =
            self.accepting.take().filter(|thread| woken || thread.is_finished())
        {
            // A panic of that thread has been printed, and there is nothing more to stop.
            let _ = accepting.join();
        }
        self.shared.wait_until_closed();
    }
}

/// What all threads share.
struct Shared {
    site: Site,
    open: Mutex<Open>,
    /// Rung when the server stops and when a connection ends.
    changed: Condvar,
    requests_now: AtomicUsize,
}

#[derive(Default)]
struct Open {
    stopping: bool,
    streams: HashMap<u64, Arc<TcpStream>>,
    next_key: u64,
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for `max`, in real time; true when the server stops before.
    fn stops_within(&self, max: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.open(), max, |open| !open.stopping);
        waited.unwrap_or_else(PoisonError::into_inner).0.stopping
    }

    fn begin_to_stop(&self) {
        let mut open = self.open();
        open.stopping = true;
        for stream in open.streams.values() {
            // It fails when the client has left already, which is as good.
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.changed.notify_all();
    }

    fn wait_until_closed(&self) {
        let waited =
            self.changed.wait_timeout_while(self.open(), STOP_MAX, |open| !open.streams.is_empty());
        drop(waited);
    }
}

/// Accepts until the server stops. An error, such as too many open files, is waited out.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let accepted = listener.accept();
        if shared.open().stopping {
            return;
        }
        match accepted {
            Ok((stream, _)) => start_connection(stream, shared),
            Err(_) => drop(shared.stops_within(Duration::from_millis(20))),
        }
    }
}

/// Gives the connection a thread; without one, or with too many of them, it is closed.
fn start_connection(stream: TcpStream, shared: &Arc<Shared>) {
    let Some(registered) = Registered::new(stream, shared) else { return };
    let builder =
        thread::Builder::new().name("fake-waha-client".to_owned()).stack_size(STACK_BYTES);
    // When no thread can be started, the closure is dropped, and with it the connection.
    let _ = builder.spawn(move || serve(&registered));
}

/// An open connection that a stop can close. Dropping it, by a panic too, closes and forgets it.
struct Registered {
    stream: Arc<TcpStream>,
    key: u64,
    shared: Arc<Shared>,
}

impl Registered {
    fn new(stream: TcpStream, shared: &Arc<Shared>) -> Option<Self> {
        stream.set_nodelay(true).ok()?;
        stream.set_read_timeout(Some(IDLE_MAX)).ok()?;
        stream.set_write_timeout(Some(WRITE_MAX)).ok()?;
        let mut open = shared.open();
        if open.stopping || open.streams.len() >= CONNECTIONS_MAX {
            return None;
        }
        let stream = Arc::new(stream);
        open.next_key += 1;
        let key = open.next_key;
        open.streams.insert(key, Arc::clone(&stream));
        drop(open);
        Some(Self { stream, key, shared: Arc::clone(shared) })
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // It fails when the client has left already, which is as good.
        let _ = self.stream.shutdown(Shutdown::Both);
        self.shared.open().streams.remove(&self.key);
        self.shared.changed.notify_all();
    }
}

/// Serves one connection until either side ends it.
fn serve(connection: &Registered) {
    let stream = connection.stream.as_ref();
    let mut ahead = Vec::new();
    loop {
        match Call::read(stream, &mut ahead) {
            Ok(call) => {
                let kept = serve_call(stream, &call, &connection.shared);
                if !kept {
                    return;
                }
            }
            Err(Unread::Gone) => return,
            Err(Unread::Refused(answer)) => {
                // The client may have left; the connection ends either way.
                let mut writer = stream;
                let _ = writer.write_all(&answer.bytes(false, false));
                return linger(stream);
            }
        }
    }
}

/// Serves one request; false when the connection is to end.
fn serve_call(stream: &TcpStream, call: &Call, shared: &Shared) -> bool {
    let Some(_slot) = Slot::take(&shared.requests_now) else {
        let busy = replies::nest(503, "too many requests at once", "Service Unavailable");
        return send(stream, call, &busy) && call.keep_alive;
    };
    let reply = shared.site.reply(call);
    let stopped = shared.stops_within(shared.site.latency(call));
    let client_left = is_gone(stream);
    let written = match reply.then {
        Then::Answer(answer) => !stopped && send(stream, call, &answer),
        Then::HangUp => false,
        Then::Hold => {
            hold(stream, shared);
            false
        }
    };
    // Writing to a client that has left succeeds at first, hence both.
    if let (Some(place), false) = (reply.received, written && !client_left) {
        shared.site.not_answered(place);
    }
    written && call.keep_alive
}

/// Writes the answer; false when that failed.
fn send(mut stream: &TcpStream, call: &Call, answer: &Answer) -> bool {
    stream.write_all(&answer.bytes(call.keep_alive, call.method == "HEAD")).is_ok()
}

/// Keeps silent until the client gives up, the server stops, or ten minutes are over.
fn hold(stream: &TcpStream, shared: &Shared) {
    let began = Instant::now();
    while began.elapsed() < HOLD_MAX && !is_gone(stream) {
        if shared.stops_within(HOLD_STEP) {
            return;
        }
    }
}

/// Whether the client has closed its side. One that only finished writing counts as gone too.
fn is_gone(stream: &TcpStream) -> bool {
    if stream.set_nonblocking(true).is_err() {
        return true;
    }
    let peeked = stream.peek(&mut [0]);
    if stream.set_nonblocking(false).is_err() {
        return true;
    }
    match peeked {
        Ok(count) => count == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

/// Reads on for a moment after a refusal: closing with unread bytes would reset the connection, and
/// the client could lose the answer that says what was wrong.
fn linger(mut stream: &TcpStream) {
    let began = Instant::now();
    let mut scrap = [0; 4096];
    let ready = stream.shutdown(Shutdown::Write).is_ok()
        && stream.set_read_timeout(Some(Duration::from_millis(200))).is_ok();
    while ready && began.elapsed() < Duration::from_secs(1) {
        match stream.read(&mut scrap) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// One of the requests that are served at the same time.
struct Slot<'a>(&'a AtomicUsize);

impl<'a> Slot<'a> {
    fn take(requests_now: &'a AtomicUsize) -> Option<Self> {
        let before = requests_now.fetch_add(1, Ordering::Relaxed);
        let slot = Self(requests_now);
        (before < REQUESTS_AT_ONCE_MAX).then_some(slot)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
