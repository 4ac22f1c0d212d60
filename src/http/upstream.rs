//! Connections to the upstream.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use super::lock;
use super::private_socket::{Stream, Upstream};
use crate::clock::{Clock, Wake};

/// tiny_http keeps four threads that read requests, and dies when it needs one more and gets none.
const TURNS: usize = 4;
/// Descriptors that must be free before anything takes one: for a request we need one and tiny_http
/// three, and it dies when it gets none.
const SPARE: usize = 4 * TURNS;
/// Connections that failed one after the other before the upstream is believed to be gone.
const FAILURES_MAX: u32 = 3;

/// Makes connections to the upstream, a few at a time, in the order in which they are asked for.
pub(super) struct Connector {
    pub(super) upstream: Upstream,
    queue: Mutex<Queue>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Queue {
    turns: usize,
    /// With whether the client does not wait for its answers: such requests come last.
    waiting: VecDeque<(bool, Wake)>,
    failures: u32,
}

/// A request's turn; held until the upstream has had the time to read it.
pub(super) struct Turn<'a>(&'a Connector);

impl Connector {
    pub(super) fn new(upstream: Upstream, clock: Arc<dyn Clock>) -> Self {
        Self { upstream, queue: Mutex::default(), clock }
    }

    /// Waits for a turn.
    pub(super) fn turn(&self, is_hasty: bool) -> Turn<'_> {
        let mut queue = lock(&self.queue);
        if queue.turns < TURNS {
            queue.turns += 1;
            return Turn(self);
        }
        let wake = Wake::default();
        let before = queue.waiting.iter().position(|(other, _)| *other && !is_hasty);
        let at = before.unwrap_or(queue.waiting.len());
        queue.waiting.insert(at, (is_hasty, wake.clone()));
        drop(queue);
        self.clock.sleep(&wake, 0, None);
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut queue = lock(&self.0.queue);
        match queue.waiting.pop_front() {
            Some((_, wake)) => wake.ring(),
            None => queue.turns -= 1,
        }
    }
}

impl Turn<'_> {
    /// Connects. `client` is any connection. An error passes, unless the upstream
    /// [`is_gone`](Turn::is_gone).
    pub(super) fn connect(&self, client: &TcpStream) -> io::Result<Arc<Stream>> {
        let stream = has_spare(client).and_then(|()| Stream::connect(&self.0.upstream.address));
        let is_refused = |kind| matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::NotFound);
        let mut queue = lock(&self.0.queue);
        match &stream {
            Err(error) if is_refused(error.kind()) => queue.failures += 1,
            Ok(_) | Err(_) => queue.failures = 0,
        }
        stream.map(Arc::new)
    }

    /// Whether the upstream does not listen any more.
    pub(super) fn is_gone(&self) -> bool {
        lock(&self.0.queue).failures >= FAILURES_MAX
    }
}

/// Whether the system gives some more descriptors; an error when it does not. `client` is any
/// connection.
pub(super) fn has_spare(client: &TcpStream) -> io::Result<()> {
    let spare: Vec<_> = (0..SPARE).map(|_| client.try_clone()).collect::<Result<_, _>>()?;
    drop(spare);
    Ok(())
}
