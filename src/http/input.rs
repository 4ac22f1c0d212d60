//! The incoming side of a connection: heads and bodies, read within limits of size and time. The simulator of WAHA
//! reads its requests with it too.

use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::head::{Head, Length, Refusal, find_end};
use crate::clock::Clock;

pub(super) const PIECE_BYTES: usize = 4 * 1024;
/// Hex digits of a chunk's size.
const CHUNK_DIGITS_MAX: usize = 8;
/// What is read and thrown away after the last answer.
pub(crate) const LINGER_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The same when a person sent a file that is too large: a browser reads the answer only once all of it is sent.
pub(super) const LINGER_UPLOAD_BYTES_MAX: usize = 128 * 1024 * 1024;
/// The system counts time-outs in steps of a few milliseconds, and takes no zero.
const TIMEOUT_MIN: Duration = Duration::from_millis(1);

/// Why a connection cannot go on.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The client closed its side, or the connection broke.
    Closed,
    Late,
    /// The client gets this answer, and then the connection ends.
    Refused(Refusal),
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

fn refused<T>(status: u16, message: &'static str) -> Result<T, Ended> {
    Err(Refusal::new(status, message).into())
}

pub(super) fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Bytes that came and are not used yet, and the connection that more come from. Deadlines are on the monotonic
/// clock; no byte that drips in makes one later.
pub(crate) struct Input<'a> {
    stream: &'a TcpStream,
    clock: &'a dyn Clock,
    bytes: Vec<u8>,
    used: usize,
}

impl<'a> Input<'a> {
    pub(crate) fn new(stream: &'a TcpStream, clock: &'a dyn Clock) -> Self {
        Self { stream, clock, bytes: Vec::new(), used: 0 }
    }

    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.used..]
    }

    pub(crate) fn more(&mut self, deadline: Duration) -> Result<(), Ended> {
        if self.rest().is_empty() {
            self.bytes = Vec::new(); // a connection that waits holds little memory
        } else {
            self.bytes.drain(..self.used);
        }
        self.used = 0;
        let (mut stream, mut piece) = (self.stream, [0; PIECE_BYTES]);
        loop {
            let left = deadline.saturating_sub(self.clock.now().monotonic);
            if left.is_zero() {
                return Err(Ended::Late);
            }
            let waits = stream.set_read_timeout(Some(left.max(TIMEOUT_MIN)));
            match waits.and_then(|()| stream.read(&mut piece)) {
                Ok(count) if count > 0 => {
                    self.bytes.extend_from_slice(&piece[..count]);
                    return Ok(());
                }
                Err(error) if is_timeout(error.kind()) => {}
                Ok(_) | Err(_) => return Err(Ended::Closed),
            }
        }
    }

    /// The next bytes, at most `max`; waits until there are some.
    pub(super) fn next(&mut self, max: usize, deadline: Duration) -> Result<&[u8], Ended> {
        if self.rest().is_empty() {
            self.more(deadline)?;
        }
        let start = self.used;
        self.used = self.bytes.len().min(start.saturating_add(max));
        Ok(&self.bytes[start..self.used])
    }

    /// The next bytes of a body, which the client owes.
    pub(super) fn owed(&mut self, max: usize, deadline: Duration) -> Result<&[u8], Ended> {
        self.next(max, deadline).map_err(|ended| match ended {
            Ended::Closed => Refusal::new(400, "the body ended too early").into(),
            Ended::Late | Ended::Refused(_) => ended,
        })
    }

    /// Reads on for a moment after the last answer, because unread bytes make a reset that could overtake it.
    pub(crate) fn linger(&mut self, within: Duration, bytes_max: usize) {
        drop(self.stream.shutdown(Shutdown::Write)); // the client may have gone
        let deadline = self.clock.now().monotonic + within;
        let mut left = bytes_max;
        while left > 0
            && let Ok(piece) = self.next(left, deadline)
        {
            left -= piece.len();
        }
    }

    pub(crate) fn head(&mut self, bytes_max: usize, deadline: Duration) -> Result<Head, Ended> {
        let mut scanned = 0;
        loop {
            let end = find_end(self.rest(), &mut scanned)?;
            if end.map_or(self.rest().len() >= bytes_max, |end| end > bytes_max) {
                return refused(431, "the headers are too large");
            }
            if let Some(end) = end {
                let head = Head::parse(&self.rest()[..end])?;
                self.used += end;
                return Ok(head);
            }
            self.more(deadline)?;
        }
    }

    pub(crate) fn body(
        &mut self,
        length: Length,
        bytes_max: usize,
        deadline: Duration,
    ) -> Result<Vec<u8>, Ended> {
        let mut body = Vec::new();
        match length {
            Length::Bytes(bytes) => {
                let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
                self.take(bytes, &mut body, bytes_max, deadline)?;
            }
            // Nobody here needs extensions and trailers: they are refused.
            Length::Chunked => loop {
                let size = self.chunk_size(deadline)?;
                self.take(size, &mut body, bytes_max, deadline)?;
                self.expect(b"\r\n", deadline)?;
                if size == 0 {
                    break;
                }
            },
        }
        Ok(body)
    }

    /// Appends the next `bytes` bytes to `body`, which may have `bytes_max`.
    fn take(
        &mut self,
        bytes: usize,
        body: &mut Vec<u8>,
        bytes_max: usize,
        deadline: Duration,
    ) -> Result<(), Ended> {
        if bytes > bytes_max - body.len() {
            return refused(413, "the body is too large");
        }
        body.reserve(bytes);
        let end = body.len() + bytes;
        while body.len() < end {
            body.extend_from_slice(self.owed(end - body.len(), deadline)?);
        }
        Ok(())
    }

    fn chunk_size(&mut self, deadline: Duration) -> Result<usize, Ended> {
        let mut size = 0;
        for digits in 0..=CHUNK_DIGITS_MAX {
            let byte = self.owed(1, deadline)?[0];
            match char::from(byte).to_digit(16) {
                Some(digit) if digits < CHUNK_DIGITS_MAX => size = size << 4 | digit as usize,
                None if digits > 0 && byte == b'\r' => {
                    return self.expect(b"\n", deadline).map(|()| size);
                }
                Some(_) | None => break,
            }
        }
        refused(400, "the chunks of the body are malformed")
    }

    fn expect(&mut self, bytes: &[u8], deadline: Duration) -> Result<(), Ended> {
        for byte in bytes {
            if self.owed(1, deadline)? != [*byte] {
                return refused(400, "the chunks of the body are malformed");
            }
        }
        Ok(())
    }
}

/// Whether the client has closed its side; an error when it has broken the connection off.
pub(crate) fn has_closed(stream: &TcpStream) -> io::Result<bool> {
    stream.set_nonblocking(true)?;
    let looked = stream.peek(&mut [0]);
    stream.set_nonblocking(false)?;
    match looked {
        Ok(count) => Ok(count == 0),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}
