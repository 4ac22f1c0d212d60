//! The HTTP side: it owns the public listener, lets only complete, small and well-formed requests through to the
//! server behind it, the upstream (tiny_http), and gives the routes a [`Request`] for a [`Response`].
//!
//! ```text
//! client -> accept -> slots -> connection: head, body -> upstream -> server -> Routes -> Response -> connection -> client
//! ```
//!
//! One connection of a stranger can kill a tiny_http that it talks to directly: it has no time-outs and no limits.
//! So each connection gets one of few slots and a thread with a small stack here, which reads a head and a body
//! within their limits, refuses what is malformed or not meant for us, writes the request anew, and relays the
//! answer. When all slots are taken, `slots` says which connection has to go.
//!
//! One thread accepts; each connection has a thread as long as it lasts. An idle front does not wake up. When it
//! cannot go on, it says so: its process must end then, and never stay up with a dead port.

mod connection;
mod head;
pub(crate) mod input;
pub(crate) mod multipart;
pub(crate) mod quota;
pub(crate) mod response;
mod server;
mod slots;
mod upstream;

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::clock::{Clock, lock};
use quota::{LINES_PER_MINUTE, Quota};
use slots::Slots;
use upstream::Connector;

pub(crate) use head::Length;
pub use head::{FORWARDED, Head, PEER, Refusal};
pub use response::{OpenFile, Response};
pub(crate) use response::{refuse, see_other};
pub(crate) use server::{Class, Routes};
pub use server::{Request, Server, ServerError};
pub use upstream::{Address, Listener, PrivateSocket, Upstream};

const CONNECTIONS_MAX: usize = 64;
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// A larger body is never kept by the front, but handed on as it comes.
const BODY_BYTES_MAX: usize = 64 * 1024;
const STACK_BYTES: usize = 128 * 1024;
const THREAD_TRIES: u32 = 3;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// For the answers that are under way when it is stopped.
const STOP_WITHIN: Duration = Duration::from_secs(1);
/// New connections that the system keeps for us; it may allow fewer. With the 128 of the standard library a flood
/// makes everybody's connect fail, and be tried again a second later.
const BACKLOG: i32 = 4096;

const FULL: Refusal = Refusal::new(503, "too many connections");

#[derive(Clone, Debug)]
pub struct Limits {
    /// From the first wait for a head to its end.
    pub head_within: Duration,
    /// From the end of a head to the end of its body.
    pub body_within: Duration,
    /// Between two requests of a connection.
    pub idle: Duration,
    /// From a complete request to the beginning of its answer.
    pub answer_within: Duration,
    /// The same for a client that has closed its side, and may be gone.
    pub half_closed: Duration,
    /// While the client takes nothing of its answer.
    pub reply_stall: Duration,
    /// After a refusal, for the client to read it.
    pub linger: Duration,
    /// When accepts have failed for so long, the front gives up.
    pub accept_within: Duration,
}

impl Limits {
    /// Those in force, when an answer may take `trigger_wait`.
    pub const fn production(trigger_wait: Duration) -> Self {
        Self {
            head_within: Duration::from_secs(10),
            body_within: Duration::from_secs(10),
            idle: Duration::from_secs(15),
            answer_within: trigger_wait.saturating_add(Duration::from_mins(1)),
            half_closed: Duration::from_secs(10),
            reply_stall: Duration::from_secs(10),
            linger: Duration::from_secs(1),
            accept_within: Duration::from_mins(1),
        }
    }
}

/// Decides about a request by its head, before its body is read.
pub trait Admission: Send + Sync {
    /// The most bytes of a body; of one that comes in chunks never more than 64 KiB are taken.
    fn admit(&self, head: &Head) -> Result<u64, Refusal>;
}

#[derive(Debug, thiserror::Error)]
pub enum FrontError {
    #[error("no connection could be accepted for a minute: raise the limit of open files")]
    Accept(#[source] io::Error),
    #[error("the HTTP server behind the guard is gone")]
    Upstream(#[source] io::Error),
    #[error("the guard broke down")]
    Panic,
}

pub struct Front {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    limits: Limits,
    admission: Box<dyn Admission>,
    clock: Arc<dyn Clock>,
    upstream: Connector,
    slots: Arc<Slots>,
    lines: Quota,
    failure: Mutex<Option<FrontError>>,
    on_failure: Box<dyn Fn() + Send + Sync>,
}

impl Front {
    /// Takes connections of `listener` for `upstream`. `on_failure` is called when it cannot go on.
    pub fn start(
        listener: TcpListener,
        upstream: Upstream,
        limits: Limits,
        admission: impl Admission + 'static,
        clock: Arc<dyn Clock>,
        on_failure: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        // Where the system does not take it, it keeps the 128 that it had.
        drop(socket2::SockRef::from(&listener).listen(BACKLOG));
        let shared = Arc::new(Shared {
            limits,
            admission: Box::new(admission),
            upstream: Connector::new(upstream),
            slots: Arc::new(Slots::new(CONNECTIONS_MAX, Arc::clone(&clock))),
            clock,
            lines: Quota::per_minute(LINES_PER_MINUTE),
            failure: Mutex::default(),
            on_failure: Box::new(on_failure),
        });
        let accepts = Arc::clone(&shared);
        let accepting = start_thread("http-accept", STACK_BYTES, move || {
            let accepted = catch_unwind(AssertUnwindSafe(|| accepts.accept(&listener)));
            if let Err(error) = accepted.unwrap_or(Err(FrontError::Panic)) {
                accepts.fail(error);
            }
        })?;
        Ok(Self { address, shared, accepting })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, and returns when those that were taken are answered, or soon after.
    /// Fails when it had given up before.
    pub fn stop(self) -> Result<(), FrontError> {
        let Self { address, shared, accepting } = self;
        shared.slots.begin_to_stop();
        // The accepting thread looks up from its wait when somebody connects.
        let woken = TcpStream::connect_timeout(&reachable(address), STOP_WITHIN).is_ok();
        if woken || accepting.is_finished() {
            drop(accepting.join()); // its panics are caught
        }
        shared.slots.wait_until_free(STOP_WITHIN);
        lock(&shared.failure).take().map_or(Ok(()), Err)
    }
}

/// The address by which a client on this machine reaches a listener, also one on all interfaces.
pub(crate) fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

pub(crate) fn start_thread(
    name: &str,
    stack_bytes: usize,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).stack_size(stack_bytes).spawn(work)
}

impl Shared {
    fn now(&self) -> Duration {
        self.clock.now().monotonic
    }

    /// Takes connections until it is stopped. Errors, such as too many open files, are waited out.
    fn accept(self: &Arc<Self>, listener: &TcpListener) -> Result<(), FrontError> {
        let mut failing_since = None;
        // It was accepted and has to wait until a descriptor is left for its request.
        let mut waiting = None;
        // With so many connections there were descriptors left.
        let mut open_max = 0;
        loop {
            let open = self.slots.count();
            let accepted = waiting.take().map_or_else(|| listener.accept(), Ok);
            let accepted = accepted.and_then(|accepted| {
                if open > open_max {
                    if let Err(error) = upstream::has_spare(&accepted.0) {
                        waiting = Some(accepted);
                        return Err(error);
                    }
                    open_max = open;
                }
                Ok(accepted)
            });
            if self.slots.is_stopping() {
                return Ok(());
            }
            let now = self.now();
            match accepted {
                Ok((stream, address)) => {
                    failing_since = None;
                    self.take(stream, address.ip().to_canonical());
                }
                // The client went away before it was taken.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    // One that waits comes in as soon as an earlier one ends: that is no reason to give up.
                    let is_over =
                        now >= *failing_since.get_or_insert(now) + self.limits.accept_within;
                    if is_over && waiting.is_none() {
                        return Err(FrontError::Accept(error));
                    }
                    self.lines.log(now, || {
                        log::error!("http: a connection cannot be taken: {error}");
                    });
                    self.slots.shrink();
                    self.slots.wait(ACCEPT_PAUSE);
                }
            }
        }
    }

    fn take(self: &Arc<Self>, stream: TcpStream, peer: IpAddr) {
        // In a flood, many are gone before they are taken: they need no thread.
        if !input::has_closed(&stream).is_ok_and(|has_closed| !has_closed) {
            return;
        }
        let Some(slot) = self.slots.take(stream, peer).map(Arc::new) else { return };
        for _ in 0..THREAD_TRIES {
            let (shared, slot) = (Arc::clone(self), Arc::clone(&slot));
            let serve = move || {
                let served = AssertUnwindSafe(|| connection::serve(&shared, &slot));
                if catch_unwind(served).is_err() {
                    log::error!("http: a request broke down: please report what stderr says of it");
                }
            };
            let Err(error) = start_thread("http-connection", STACK_BYTES, serve) else { return };
            self.lines.log(self.now(), || {
                log::error!("http: no thread for a waiting request: {error}");
            });
            self.slots.shrink();
            self.slots.wait(ACCEPT_PAUSE); // the thread of another connection may end
        }
        slots::refuse(&slot.stream);
    }

    fn fail(&self, error: FrontError) {
        lock(&self.failure).get_or_insert(error);
        (self.on_failure)();
    }
}
