//! A complete request on its way to the server behind, and its answer on the way back.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use super::super::back::BackStream;
use super::super::reply::Relay;
use super::super::{FORWARDED_HEADER, Head, PEER_HEADER, Refusal, TOKEN_HEADER};
use super::{After, Gone, Received, Shared, Stage, Visitor};

/// Of an answer, what is read ahead of the client.
const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// A request in the hands of the server behind.
pub(super) struct Service {
    head: Box<Head>,
    back: BackStream,
    /// The head as it is handed on; the body follows from the connection's input.
    request: Vec<u8>,
    written: usize,
    /// So many bytes of the body are not handed on yet. What of it has come is the front of the input.
    body: usize,
    /// The server behind takes no more: its answer counts.
    is_deaf: bool,
    relay: Relay,
    since: Duration,
    can_read: bool,
    can_write: bool,
}

/// The server behind did not do what it must.
struct Failed;

/// What [`Visitor::hand_over`] wants: the connection to hand the request to.
pub(in super::super) struct Asked<'a> {
    pub(in super::super) back: BackStream,
    pub(in super::super) token: &'a str,
}

impl Service {
    pub(super) fn has_answer(&self) -> bool {
        self.relay.has_begun()
    }

    pub(super) fn since(&self) -> Duration {
        self.since
    }

    pub(super) fn is_head(&self) -> bool {
        self.head.method == "HEAD"
    }

    fn is_last(&self) -> bool {
        self.head.is_last
    }

    pub(super) fn make_last(&mut self) {
        self.head.is_last = true;
    }

    /// Bytes of the body that are not handed on yet.
    pub(super) fn body(&self) -> usize {
        self.body
    }

    /// Bytes of the body that have not come yet, as long as anybody wants them.
    pub(super) fn missing(&self, input: &[u8]) -> usize {
        if self.is_deaf || self.has_answer() { 0 } else { self.body.saturating_sub(input.len()) }
    }

    /// Hands on what is left of the request and has come, as much as is taken now.
    fn write(&mut self, input: &mut Vec<u8>) -> Result<(), Failed> {
        while self.can_write && !self.is_deaf {
            let is_head = self.written < self.request.len();
            let rest = if is_head {
                &self.request[self.written..]
            } else {
                &input[..self.body.min(input.len())]
            };
            if rest.is_empty() {
                break;
            }
            match self.back.write(rest) {
                Ok(0) => return Err(Failed),
                Ok(count) if is_head => self.written += count,
                Ok(count) => {
                    self.body -= count;
                    input.drain(..count);
                    if input.is_empty() {
                        *input = Vec::new();
                    }
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::NotConnected => self.can_write = false,
                    // It may have answered without reading everything.
                    ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => self.is_deaf = true,
                    _ => return Err(Failed),
                },
            }
        }
        Ok(())
    }

    /// Some bytes of the answer; 0 for none yet.
    fn read(&mut self, scratch: &mut [u8]) -> Result<usize, Failed> {
        while self.can_read {
            match self.back.read(scratch) {
                Ok(0) => return Err(Failed), // it ended before its answer did
                Ok(count) => return Ok(count),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::NotConnected => self.can_read = false,
                    _ => return Err(Failed),
                },
            }
        }
        Ok(0)
    }
}

impl Visitor {
    /// Hands the request that waits in the queue to the server behind.
    pub(in super::super) fn hand_over(&mut self, asked: Asked<'_>, now: Duration) {
        let Stage::Queued(head) = std::mem::replace(&mut self.stage, Stage::Idle) else { return };
        let Asked { back, token } = asked;
        self.stage = Stage::Served(Box::new(Service {
            request: request(&head, token, &self.peer.to_string()),
            written: 0,
            body: head.body_bytes(),
            is_deaf: false,
            head,
            back,
            relay: Relay::Head(Vec::new()),
            since: now,
            can_read: false,
            can_write: true,
        }));
    }

    /// Notes what the system says about the side of the server behind.
    pub(in super::super) fn note_back(&mut self, event: &mio::event::Event) {
        if let Stage::Served(service) = &mut self.stage {
            let has_ended = event.is_error() || event.is_read_closed();
            service.can_read |= event.is_readable() || has_ended;
            service.can_write |= event.is_writable() || event.is_write_closed() || has_ended;
        }
    }

    pub(super) fn serve(&mut self, shared: &mut Shared<'_>) -> Result<bool, Gone> {
        let has_read = self.read_rest_of_body(shared)?;
        let Stage::Served(service) = &mut self.stage else { return Ok(true) };
        let begun = service.relay.has_begun();
        let served = service.write(&mut self.input).and_then(|()| {
            if self.output.rest().len() >= AHEAD_BYTES_MAX {
                return Ok(0);
            }
            let count = service.read(shared.scratch)?;
            // An answer before the end of the body: what follows is no request.
            service.head.is_last |= count > 0 && service.body > self.input.len();
            let (is_head, is_last) = (service.is_head(), service.is_last());
            let (relay, out) = (&mut service.relay, &mut self.output.bytes);
            relay.take(&shared.scratch[..count], out, is_head, is_last).map_err(|_| Failed)?;
            Ok(count)
        });
        let (has_begun, is_done) = (service.relay.has_begun(), service.relay.is_done());
        let (is_last, body) = (service.is_last(), service.body);
        match served {
            Err(Failed) if begun => return Err(Gone), // half an answer is out
            Err(Failed) => {
                self.refuse(Refusal::new(503, "the server could not answer; see its log"), shared);
                return Ok(true);
            }
            Ok(_) if !begun && has_begun => self.begin_reply(shared),
            Ok(_) => {}
        }
        if !is_done {
            return Ok(has_read || matches!(served, Ok(count) if count > 0));
        }
        // A body that was not wanted behind is of no use to the next request either.
        let has_whole_body = body <= self.input.len();
        self.input.drain(..body.min(self.input.len()));
        let after = match (is_last || self.has_half_closed, has_whole_body && self.input.is_empty())
        {
            (false, _) => After::NextRequest,
            (true, true) => After::Close,
            (true, false) => After::Linger,
        };
        self.stage = Stage::Ending(after);
        Ok(true)
    }

    /// Of a body that is handed on as it comes, a piece more. True when one came.
    fn read_rest_of_body(&mut self, shared: &mut Shared<'_>) -> Result<bool, Gone> {
        let Stage::Served(service) = &self.stage else { return Ok(false) };
        let missing = service.missing(&self.input);
        if missing == 0 || self.input.len() >= shared.scratch.len() {
            return Ok(false);
        }
        match self.receive(missing, shared.scratch)? {
            Received::Nothing => Ok(false),
            Received::End => {
                self.refuse(Refusal::new(400, "the body ended too early"), shared);
                Ok(true)
            }
            Received::Bytes(count) => {
                self.input.extend_from_slice(&shared.scratch[..count]);
                if count == missing {
                    self.deadline = shared.now + shared.limits.answer_within;
                }
                Ok(true)
            }
        }
    }
}

/// The head as the server behind gets it: nothing that was not understood here. HTTP/1.0, so that
/// the answer comes with its length and not in chunks.
fn request(head: &Head, token: &str, peer: &str) -> Vec<u8> {
    let mut text = format!("{} {} HTTP/1.0\r\n", head.method, head.target);
    // Writing to a String cannot fail.
    let _ = write!(text, "{TOKEN_HEADER}: {token}\r\n{PEER_HEADER}: {peer}\r\n");
    if let Some(forwarded) = &head.forwarded {
        let _ = write!(text, "{FORWARDED_HEADER}: {forwarded}\r\n");
    }
    let _ = write!(text, "Content-Length: {}\r\nConnection: close\r\n", head.body_bytes());
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(&head.passed);
    bytes.extend_from_slice(b"\r\n");
    bytes
}
