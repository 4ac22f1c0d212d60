//! The guard at the door: owns the public listener, and lets only complete, small and well-formed
//! requests through to the server behind it.
//!
//! One connection of a stranger can kill a tiny_http that it talks to directly: it has no time-outs
//! and no limits. So strangers talk to one thread of ours, which never waits for any of them: it
//! reads a head and a body within their limits, refuses what is malformed or not meant for us, writes
//! the request anew, and relays the answer. A stranger costs a slot, a descriptor and what it sent so
//! far, and loses them when its time is up or somebody else needs the slot: see `watch`.
//!
//! An idle guard does not wake up. When it cannot go on, it says so: its process must end then, and
//! never stay up with a dead port.

mod back;
mod chunks;
mod head;
mod reply;
mod visitor;
mod watch;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mio::Waker;

use super::WEBHOOK_PATH;
use super::webhook;
use crate::clock::Clock;
use crate::config::Config;
use watch::Watch;

pub use back::{BackAddress, BackDoor, BackListener, Hideout};
pub use head::{Head, Length, Refusal};

const STACK_BYTES: usize = 256 * 1024;

/// Newcomers that the system keeps for us; it may allow fewer. With the 128 of the standard library a
/// flood makes everybody's connect fail, and be tried again a second later.
const BACKLOG: i32 = 4096;

/// By this word the server behind knows that a request comes from the guard.
pub(super) const TOKEN_HEADER: &str = "X-Guard-Token";
/// The address of the client.
pub(super) const PEER_HEADER: &str = "X-Guard-Peer";
/// What the client, or a proxy, says about where the request comes from. It decides nothing.
pub(super) const FORWARDED_HEADER: &str = "X-Guard-Forwarded";

/// How much of everything, and how long.
#[derive(Clone, Debug)]
pub struct Limits {
    pub connections: usize,
    pub head_bytes: usize,
    /// Bytes of a body; a larger one is never kept here, but handed on as it comes.
    pub body_bytes: usize,
    /// Bytes of a webhook's or a page's body, when it says how long it is.
    pub event_bytes: usize,
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
    /// From the beginning of an answer to the end of what is written of it.
    pub reply_within: Duration,
    /// After a refusal, for the client to read it.
    pub linger: Duration,
    /// A newcomer waits so long for a slot when all are in use, before it is refused.
    pub slot_within: Duration,
    /// After an accept that failed.
    pub accept_pause: Duration,
    /// When accepts have failed for so long, the guard gives up.
    pub accept_within: Duration,
    /// For the answers that are under way when it is stopped.
    pub stop_within: Duration,
}

impl Limits {
    /// Those in force, when an answer may take `trigger_wait`.
    pub const fn production(trigger_wait: Duration) -> Self {
        Self {
            connections: 64,
            head_bytes: 16 * 1024,
            body_bytes: 64 * 1024,
            event_bytes: webhook::BODY_BYTES_MAX,
            head_within: Duration::from_secs(10),
            body_within: Duration::from_secs(10),
            idle: Duration::from_secs(15),
            answer_within: trigger_wait.saturating_add(Duration::from_mins(1)),
            half_closed: Duration::from_secs(10),
            reply_stall: Duration::from_secs(10),
            reply_within: Duration::from_mins(1),
            linger: Duration::from_secs(1),
            slot_within: Duration::from_millis(250),
            accept_pause: Duration::from_millis(100),
            accept_within: Duration::from_mins(1),
            stop_within: Duration::from_secs(1),
        }
    }

    /// How many slots the connections of one network may take, when nobody of them makes room.
    fn share(&self) -> usize {
        self.connections - self.connections / 8
    }

    /// The largest body that a path takes.
    fn body_max(&self, target: &str) -> usize {
        if target.split('?').next() == Some(WEBHOOK_PATH) || super::pages::is_page(target) {
            self.event_bytes
        } else {
            self.body_bytes
        }
    }
}

/// The guard cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    #[error("no connection could be accepted for a minute: raise the limit of open files")]
    Accept(#[source] io::Error),
    /// The server behind does not listen any more.
    #[error("the HTTP server behind the guard is gone")]
    Back(#[source] io::Error),
    /// The system does not tell what happens any more.
    #[error("failed to wait for connections")]
    Wait(#[source] io::Error),
    /// A fault of ours.
    #[error("the guard broke down")]
    Panic,
}

/// The guard, at work.
pub struct Guard {
    address: SocketAddr,
    waker: Waker,
    is_stopping: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), GuardError>>,
}

impl Guard {
    /// Guards `listener` in front of `door`. `on_failure` is called when it cannot go on; why, says
    /// [`Guard::stop`].
    ///
    /// # Errors
    /// When the listener cannot be watched, or no thread can be started.
    pub fn start(
        listener: TcpListener,
        door: BackDoor,
        limits: Limits,
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
        on_failure: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        // Where the system does not take it, it keeps the 128 that it had.
        drop(socket2::SockRef::from(&listener).listen(BACKLOG));
        let is_stopping = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&is_stopping);
        let (mut watch, waker) = Watch::new(listener, door, limits, config, clock, stopping)?;
        let guard = move || {
            let watched = catch_unwind(AssertUnwindSafe(|| watch.run()));
            let ended = watched.unwrap_or(Err(GuardError::Panic));
            drop(watch);
            if ended.is_err() {
                on_failure();
            }
            ended
        };
        let builder = thread::Builder::new().name("http-guard".to_owned());
        let thread = builder.stack_size(STACK_BYTES).spawn(guard)?;
        Ok(Self { address, waker, is_stopping, thread })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, and returns when those that were taken are answered, or soon after.
    ///
    /// # Errors
    /// When it had given up before.
    pub fn stop(self) -> Result<(), GuardError> {
        self.is_stopping.store(true, Ordering::SeqCst);
        drop(self.waker.wake()); // an Err means that the thread has ended, or will not sleep
        self.thread.join().unwrap_or(Err(GuardError::Panic))
    }
}
