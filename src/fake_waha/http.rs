//! The wire: connections, one thread each, requests in, answers out, or no answer at all.
//!
//! It speaks HTTP/1.1 with keep-alive and bodies of a stated length: what HTTP clients send. It must survive any
//! client, a slow, a malformed or a vanished one, and end as soon as it is told to stop.

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::replies;
use super::routes::Site;
use crate::clock::{Clock, SystemClock, lock};
use crate::http::input::{Ended, Input, LINGER_BYTES_MAX, has_closed};
use crate::http::response::reason;
use crate::http::{Head, Length, Refusal, Response, start_thread};

const HEAD_BYTES_MAX: usize = 16 * 1024;
/// WAHA's own limit, of JSON.
pub(super) const BODY_BYTES_MAX: usize = 50 * 1024 * 1024;
/// A connection on which nothing comes for so long is closed.
const IDLE_MAX: Duration = Duration::from_mins(2);
/// From the first byte of a request to its last.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);
/// More connections than these are closed at once; more requests at the same time get a 503.
const CONNECTIONS_MAX: usize = 512;
const REQUESTS_AT_ONCE_MAX: usize = 256;
const STACK_BYTES: usize = 512 * 1024;
const WRITE_MAX: Duration = Duration::from_secs(10);
const LINGER_MAX: Duration = Duration::from_secs(1);
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
const HOLD_MAX: Duration = Duration::from_mins(10);
/// How often a held connection is asked whether its client is still there.
const HOLD_STEP: Duration = Duration::from_millis(50);
const STOP_MAX: Duration = Duration::from_secs(5);

/// What happens on the connection after a request.
#[derive(Debug)]
pub(super) enum Then {
    Answer(Response),
    /// Close without a byte.
    HangUp,
    /// Keep silent until the client gives up.
    Hold,
}

/// A reply, and the place in the journal of the message that the request brought, if it did.
#[derive(Debug)]
pub(super) struct Reply {
    pub(crate) then: Then,
    pub(crate) received: Option<usize>,
}

impl From<Response> for Reply {
    fn from(answer: Response) -> Self {
        Self { then: Then::Answer(answer), received: None }
    }
}

#[derive(Debug)]
pub(super) struct Call {
    pub(crate) head: Head,
    /// Decoded, in order.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    fn read(
        mut stream: &TcpStream,
        input: &mut Input<'_>,
        clock: &SystemClock,
        body_bytes_max: usize,
    ) -> Result<Self, Ended> {
        if input.rest().is_empty() {
            input.more(clock.now().monotonic + IDLE_MAX)?;
        }
        let deadline = clock.now().monotonic + REQUEST_TIME_MAX;
        let head = input.head(HEAD_BYTES_MAX, deadline)?;
        if head.length == Length::Chunked {
            return Err(Refusal::new(411, "send a Content-Length").into());
        }
        if matches!(head.length, Length::Bytes(bytes) if bytes > body_bytes_max as u64) {
            return Err(Refusal::new(413, "request entity too large").into());
        }
        if head.expects_continue && input.rest().is_empty() {
            let written = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
            written.map_err(|_| Ended::Closed)?;
        }
        let body = input.body(head.length, body_bytes_max, deadline)?;
        let query = head.target.split_once('?').map_or("", |(_, query)| query);
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Ok(Self { head, query, body })
    }

    pub(super) fn path(&self) -> &str {
        self.head.path()
    }

    /// The first value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

pub(super) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves `site` on `listener`, which clients on this machine reach at `address`.
    pub(super) fn start(
        listener: TcpListener,
        address: SocketAddr,
        site: Site,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            site,
            clock: SystemClock::default(),
            open: Mutex::default(),
            changed: Condvar::new(),
            served: Arc::default(),
        });
        let accepting = start_thread("fake-waha", STACK_BYTES, {
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        })?;
        Ok(Self { address, shared, accepting: Some(accepting) })
    }

    /// Closes the port and every connection, and waits for their threads, 5 s at most.
    pub(super) fn stop(&mut self) {
        self.shared.begin_to_stop();
        // The accepting thread looks up from its wait when somebody connects.
        let woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok();
        if let Some(accepting) =
            self.accepting.take().filter(|thread| woken || thread.is_finished())
        {
            drop(accepting.join()); // a panic has been printed, and there is nothing more to stop
        }
        let is_open = |open: &mut Open| !open.streams.is_empty();
        drop(self.shared.changed.wait_timeout_while(self.shared.open(), STOP_MAX, is_open));
    }
}

struct Shared {
    site: Site,
    /// Real time, for the deadlines of the wire.
    clock: SystemClock,
    open: Mutex<Open>,
    /// Rung when the server stops and when a connection ends.
    changed: Condvar,
    /// Shared with each request that is being served.
    served: Arc<()>,
}

#[derive(Default)]
struct Open {
    stopping: bool,
    streams: HashMap<u64, Arc<TcpStream>>,
    next_key: u64,
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, Open> {
        lock(&self.open)
    }

    /// Waits for `max`, in real time; true when the server stops before.
    fn stops_within(&self, max: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.open(), max, |open| !open.stopping);
        waited.unwrap_or_else(PoisonError::into_inner).0.stopping
    }

    /// A connection, unless there are too many of them.
    fn connection(self: &Arc<Self>, stream: TcpStream) -> Option<Connection> {
        stream.set_nodelay(true).ok()?;
        stream.set_write_timeout(Some(WRITE_MAX)).ok()?;
        let mut open = self.open();
        if open.stopping || open.streams.len() >= CONNECTIONS_MAX {
            return None;
        }
        let (stream, key) = (Arc::new(stream), open.next_key);
        open.next_key += 1;
        open.streams.insert(key, Arc::clone(&stream));
        drop(open);
        Some(Connection { stream, key, shared: Arc::clone(self) })
    }

    fn begin_to_stop(&self) {
        let mut open = self.open();
        open.stopping = true;
        for stream in open.streams.values() {
            drop(stream.shutdown(Shutdown::Both)); // the client may have left already
        }
        self.changed.notify_all();
    }
}

/// Accepts until the server stops. An error, such as too many open files, is waited out. A connection without a
/// thread, or one too many, is closed.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let accepted = listener.accept();
        if shared.open().stopping {
            return;
        }
        match accepted {
            Ok((stream, _)) => {
                if let Some(connection) = shared.connection(stream) {
                    drop(start_thread("fake-waha-client", STACK_BYTES, move || connection.serve()));
                }
            }
            Err(_) => drop(shared.stops_within(ACCEPT_PAUSE)),
        }
    }
}

/// An open connection that a stop can close. Dropping it, by a panic too, closes and forgets it.
struct Connection {
    stream: Arc<TcpStream>,
    key: u64,
    shared: Arc<Shared>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        drop(self.stream.shutdown(Shutdown::Both)); // the client may have left already
        self.shared.open().streams.remove(&self.key);
        self.shared.changed.notify_all();
    }
}

impl Connection {
    /// Serves requests until either side ends the connection.
    fn serve(&self) {
        let (clock, options) = (&self.shared.clock, &self.shared.site.options);
        let bytes_max = options.body_bytes_max;
        let mut input = Input::new(&self.stream, clock);
        loop {
            match Call::read(&self.stream, &mut input, clock, bytes_max) {
                Ok(call) if self.reply(&call) => {}
                Err(Ended::Refused(Refusal { status, message })) => {
                    // Nobody knows where a next request begins.
                    self.write(&replies::nest(status, &message, reason(status)).bytes(true, false));
                    return input.linger(LINGER_MAX, LINGER_BYTES_MAX);
                }
                Ok(_) | Err(Ended::Closed | Ended::Late) => return,
            }
        }
    }

    /// Serves one request; false when the connection is to end.
    fn reply(&self, call: &Call) -> bool {
        let (shared, keeps) = (&self.shared, !call.head.is_last);
        let write = |answer: &Response| {
            self.write(&answer.bytes(call.head.is_last, call.head.method == "HEAD"))
        };
        let served = Arc::clone(&shared.served);
        if Arc::strong_count(&served) > REQUESTS_AT_ONCE_MAX + 1 {
            return write(&replies::nest(503, "too many requests at once", reason(503))) && keeps;
        }
        let reply = shared.site.reply(call);
        let stopped = shared.stops_within(shared.site.latency(call));
        let client_left = has_closed(&self.stream).unwrap_or(true);
        let written = match reply.then {
            Then::Answer(answer) => !stopped && write(&answer),
            Then::HangUp => false,
            Then::Hold => {
                self.hold();
                false
            }
        };
        // Writing to a client that has left succeeds at first, hence both.
        if let (Some(place), false) = (reply.received, written && !client_left) {
            shared.site.journal.kept().received[place].answered = false;
        }
        written && keeps
    }

    /// Writes an answer; false when that failed.
    fn write(&self, bytes: &[u8]) -> bool {
        (&*self.stream).write_all(bytes).is_ok()
    }

    /// Keeps silent until the client gives up, the server stops, or ten minutes are over.
    fn hold(&self) {
        let began = Instant::now();
        while began.elapsed() < HOLD_MAX
            && !has_closed(&self.stream).unwrap_or(true)
            && !self.shared.stops_within(HOLD_STEP)
        {}
    }
}
