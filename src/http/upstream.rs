//! Connections to the upstream, a few at a time.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::sync::{Condvar, Mutex, PoisonError};

use super::private_socket::{Stream, Upstream};

use crate::clock::lock;

/// tiny_http keeps four threads that read requests, and dies when it needs one more and gets none.
const TURNS: usize = 4;
/// Descriptors that must be free before anything takes one: for a request we need one and tiny_http three, and it
/// dies when it gets none.
const SPARE: usize = 4 * TURNS;
/// Connections that failed one after the other before the upstream is believed to be gone.
const FAILURES_MAX: u32 = 3;

pub(super) struct Connector {
    upstream: Upstream,
    state: Mutex<State>,
    turn_ended: Condvar,
}

#[derive(Default)]
struct State {
    turns: usize,
    /// Requests that wait for a turn, without those of clients that do not wait for their answers.
    waiting: usize,
    failures: u32,
}

/// A request's turn; held until the upstream has had the time to read it.
pub(super) struct Turn<'a>(&'a Connector);

impl Connector {
    pub(super) fn new(upstream: Upstream) -> Self {
        Self { upstream, state: Mutex::default(), turn_ended: Condvar::new() }
    }

    /// The word that the upstream knows us by.
    pub(super) fn token(&self) -> &str {
        &self.upstream.token
    }

    /// Waits for a turn. A hasty request, whose client does not wait for its answer, comes last.
    pub(super) fn turn(&self, is_hasty: bool) -> Turn<'_> {
        let mut state = lock(&self.state);
        let own = usize::from(!is_hasty);
        state.waiting += own;
        let waits = |state: &mut State| state.turns >= TURNS || is_hasty && state.waiting > 0;
        let waited = self.turn_ended.wait_while(state, waits);
        state = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= own;
        state.turns += 1;
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).turns -= 1;
        self.0.turn_ended.notify_all();
    }
}

impl Turn<'_> {
    /// Connects. `client` is any connection. An error passes, unless the upstream [`is_gone`](Turn::is_gone).
    pub(super) fn connect(&self, client: &TcpStream) -> io::Result<Stream> {
        let stream = has_spare(client).and_then(|()| Stream::connect(&self.0.upstream.address));
        let is_refused = |kind| matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::NotFound);
        let mut state = lock(&self.0.state);
        match &stream {
            Err(error) if is_refused(error.kind()) => state.failures += 1,
            Ok(_) | Err(_) => state.failures = 0,
        }
        stream
    }

    /// Whether the upstream does not listen any more.
    pub(super) fn is_gone(&self) -> bool {
        lock(&self.0.state).failures >= FAILURES_MAX
    }
}

/// Whether the system gives some more descriptors; an error when it does not. `client` is any connection.
pub(super) fn has_spare(client: &TcpStream) -> io::Result<()> {
    let spare: Vec<_> = (0..SPARE).map(|_| client.try_clone()).collect::<Result<_, _>>()?;
    drop(spare);
    Ok(())
}
