//! The incoming side of a connection: heads and bodies, read within limits of size and time. The
//! simulator of WAHA reads its requests with it too.

use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::head::find_end;
use super::{Head, Length, Refusal};
use crate::clock::Clock;

/// Bytes of one read.
pub(super) const PIECE_BYTES: usize = 4 * 1024;
/// A larger body gets memory of its own.
const SMALL_BYTES: usize = 4 * 1024;
/// glibc gives pieces of more than 32 MiB back to the system at once, and keeps smaller ones.
const RESERVED_BYTES: usize = 33 * 1024 * 1024;
/// Hex digits of a chunk's size.
const CHUNK_DIGITS_MAX: usize = 8;
/// What is read and thrown away after the last answer.
const LINGER_BYTES_MAX: usize = 256 * 1024;
/// The system counts time-outs in steps of a few milliseconds, and takes no zero.
const TIMEOUT_MIN: Duration = Duration::from_millis(1);

/// Why a connection cannot go on.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The client closed its side, or the connection broke.
    Closed,
    /// The deadline passed.
    Late,
    /// The client gets this answer, and then the connection ends.
    Refused(Refusal),
}

impl Ended {
    /// The same, when the client owes a part of a body.
    pub(super) fn of_a_body(self) -> Self {
        match self {
            Self::Closed => Refusal::new(400, "the body ended too early").into(),
            Self::Late | Self::Refused(_) => self,
        }
    }
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Whether an operation only took longer than it may.
pub(crate) fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// An empty buffer for `length` bytes from outside. When they are more than `small`, the memory is only
/// touched as far as it is filled, and comes back when the buffer is dropped.
pub(crate) fn buffer(length: usize, small: usize) -> Vec<u8> {
    let mut buffer = Vec::new();
    // A host may limit what is reserved; then the buffer is as large as what it is for.
    if length <= small || buffer.try_reserve_exact(length.max(RESERVED_BYTES)).is_err() {
        buffer.reserve_exact(length);
    }
    buffer
}

/// Bytes that came and are not used yet, and the connection that more come from. Deadlines are on the
/// monotonic clock; no byte that drips in makes one later.
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

    /// The bytes that are not used yet.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.used..]
    }

    /// Waits for more bytes.
    pub(crate) fn more(&mut self, deadline: Duration) -> Result<(), Ended> {
        let mut piece = [0; PIECE_BYTES];
        let count = self.read(&mut piece, deadline)?;
        if self.rest().is_empty() {
            self.bytes = Vec::new(); // a connection that waits holds little memory
        } else {
            self.bytes.drain(..self.used);
        }
        self.used = 0;
        self.bytes.extend_from_slice(&piece[..count]);
        Ok(())
    }

    /// Reads from the connection, past the bytes that are not used yet.
    pub(super) fn read(&self, piece: &mut [u8], deadline: Duration) -> Result<usize, Ended> {
        let mut stream = self.stream;
        loop {
            let left = deadline.saturating_sub(self.clock.now().monotonic);
            if left.is_zero() {
                return Err(Ended::Late);
            }
            let waits = stream.set_read_timeout(Some(left.max(TIMEOUT_MIN)));
            match waits.and_then(|()| stream.read(piece)) {
                Ok(0) => return Err(Ended::Closed),
                Ok(count) => return Ok(count),
                Err(error) if is_timeout(error.kind()) => {}
                Err(_) => return Err(Ended::Closed),
            }
        }
    }

    /// Reads on for a moment after the last answer: an end with unread bytes is a reset, which could
    /// overtake the answer.
    pub(crate) fn linger(&self, within: Duration) {
        drop(self.stream.shutdown(Shutdown::Write)); // the client may have gone
        let deadline = self.clock.now().monotonic + within;
        let (mut left, mut piece) = (LINGER_BYTES_MAX, [0; PIECE_BYTES]);
        while let Ok(count) = self.read(&mut piece, deadline)
            && count < left
        {
            left -= count;
        }
    }

    /// Reads the head of a request.
    pub(crate) fn head(&mut self, bytes_max: usize, deadline: Duration) -> Result<Head, Ended> {
        let mut scanned = 0;
        loop {
            let end = find_end(self.rest(), &mut scanned)?;
            if end.map_or(self.rest().len() >= bytes_max, |end| end > bytes_max) {
                return Err(Refusal::new(431, "the headers are too large").into());
            }
            if let Some(end) = end {
                let head = Head::parse(&self.rest()[..end])?;
                self.used += end;
                return Ok(head);
            }
            self.more(deadline)?;
        }
    }

    /// Reads a body of at most `bytes_max` bytes.
    pub(crate) fn body(
        &mut self,
        length: Length,
        bytes_max: usize,
        deadline: Duration,
    ) -> Result<Vec<u8>, Ended> {
        let bytes = match length {
            Length::Bytes(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX),
            Length::Chunked => bytes_max,
        };
        if bytes > bytes_max {
            return Err(too_large());
        }
        let mut body = buffer(bytes, SMALL_BYTES);
        let read = match length {
            Length::Bytes(_) => self.take(bytes, &mut body, deadline),
            Length::Chunked => self.chunks(&mut body, bytes_max, deadline),
        };
        read.map_err(Ended::of_a_body)?;
        Ok(body)
    }

    /// Puts a body in chunks together. Nobody here needs extensions and trailers: they are refused.
    fn chunks(
        &mut self,
        body: &mut Vec<u8>,
        bytes_max: usize,
        deadline: Duration,
    ) -> Result<(), Ended> {
        loop {
            let size = self.chunk_size(deadline)?;
            if size > bytes_max - body.len() {
                return Err(too_large());
            }
            self.take(size, body, deadline)?;
            self.expect(b"\r\n", deadline)?;
            if size == 0 {
                return Ok(());
            }
        }
    }

    fn chunk_size(&mut self, deadline: Duration) -> Result<usize, Ended> {
        let mut size = 0;
        for digits in 0..=CHUNK_DIGITS_MAX {
            let byte = self.byte(deadline)?;
            match char::from(byte).to_digit(16) {
                Some(digit) if digits < CHUNK_DIGITS_MAX => size = size << 4 | digit as usize,
                None if digits > 0 && byte == b'\r' => {
                    self.expect(b"\n", deadline)?;
                    return Ok(size);
                }
                Some(_) | None => return Err(malformed()),
            }
        }
        Err(malformed())
    }

    fn expect(&mut self, bytes: &[u8], deadline: Duration) -> Result<(), Ended> {
        for &byte in bytes {
            if self.byte(deadline)? != byte {
                return Err(malformed());
            }
        }
        Ok(())
    }

    fn byte(&mut self, deadline: Duration) -> Result<u8, Ended> {
        while self.rest().is_empty() {
            self.more(deadline)?;
        }
        self.used += 1;
        Ok(self.bytes[self.used - 1])
    }

    /// Appends the next `bytes` bytes to `body`.
    fn take(&mut self, bytes: usize, body: &mut Vec<u8>, deadline: Duration) -> Result<(), Ended> {
        let mut missing = bytes;
        let mut piece = [0; PIECE_BYTES];
        while missing > 0 {
            let count = self.some(&mut piece, missing, deadline)?;
            body.extend_from_slice(&piece[..count]);
            missing -= count;
        }
        Ok(())
    }

    /// The next bytes, at most `max`; those that came come first.
    pub(super) fn some(
        &mut self,
        piece: &mut [u8; PIECE_BYTES],
        max: usize,
        deadline: Duration,
    ) -> Result<usize, Ended> {
        let max = max.min(PIECE_BYTES);
        if self.rest().is_empty() {
            return self.read(&mut piece[..max], deadline);
        }
        let count = max.min(self.rest().len());
        piece[..count].copy_from_slice(&self.rest()[..count]);
        self.used += count;
        Ok(count)
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

fn too_large() -> Ended {
    Refusal::new(413, "the body is too large").into()
}

fn malformed() -> Ended {
    Refusal::new(400, "the chunks of the body are malformed").into()
}
