//! A complete request on its way to the server behind, and its answer on the way back.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use super::super::back::BackStream;
use super::super::reply::Relay;
use super::super::{FORWARDED_HEADER, Head, PEER_HEADER, Refusal, TOKEN_HEADER};
use super::{After, Gone, Shared, Stage, Visitor};

/// Of an answer, what is read ahead of the client.
const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// A request in the hands of the server behind.
pub(super) struct Service {
    head: Box<Head>,
    back: BackStream,
    /// The head as it is handed on; the body follows from the connection's input.
    request: Vec<u8>,
    written: usize,
    /// So many bytes of the input are the body.
    body: usize,
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

    pub(super) fn make_last(&mut self) {
        self.head.is_last = true;
    }

    /// Hands on what is left of the request, as much as is taken now.
    fn write(&mut self, body: &[u8]) -> Result<(), Failed> {
        let total = self.request.len() + self.body;
        while self.can_write && self.written < total {
            let rest = match self.request.get(self.written..) {
                Some(rest) if !rest.is_empty() => rest,
                _ => &body[self.written - self.request.len()..self.body],
            };
            match self.back.write(rest) {
                Ok(0) => return Err(Failed),
                Ok(count) => self.written += count,
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::NotConnected => self.can_write = false,
                    // It may have answered without reading everything: the answer counts.
                    ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => self.written = total,
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
        let Stage::Served(service) = &mut self.stage else { return Ok(false) };
        let begun = service.relay.has_begun();
        let served = service.write(&self.input).and_then(|()| {
            if service.body > 0 && service.written == service.request.len() + service.body {
                self.input.drain(..service.body);
                self.input.shrink_to_fit();
                service.written -= service.body;
                service.body = 0;
            }
            if self.output.rest().len() >= AHEAD_BYTES_MAX {
                return Ok(0);
            }
            let count = service.read(shared.scratch)?;
            let (is_head, is_last) = (service.is_head(), service.head.is_last);
            let (relay, out) = (&mut service.relay, &mut self.output.bytes);
            relay.take(&shared.scratch[..count], out, is_head, is_last).map_err(|_| Failed)?;
            Ok(count)
        });
        match served {
            Err(Failed) if begun => return Err(Gone), // half an answer is out
            Err(Failed) => {
                self.refuse(Refusal::new(503, "the server could not answer; see its log"), shared);
                return Ok(true);
            }
            Ok(_) => {}
        }
        if !service.relay.is_done() {
            if !begun && service.relay.has_begun() {
                self.deadline = shared.now + shared.limits.reply_stall;
            }
            return Ok(matches!(served, Ok(count) if count > 0));
        }
        // A body that was not wanted behind is of no use to the next request either.
        self.input.drain(..service.body);
        let after = match (service.head.is_last || self.has_half_closed, self.input.is_empty()) {
            (false, _) => After::NextRequest,
            (true, true) => After::Close,
            (true, false) => After::Linger,
        };
        self.stage = Stage::Ending(after);
        self.deadline = shared.now + shared.limits.reply_stall;
        Ok(true)
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
