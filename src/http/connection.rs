//! One client's connection, on its thread: a request read within its limits, handed to the upstream, its answer
//! relayed, and again.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use super::head::{FORWARDED, Head, Length, PEER, Refusal, TOKEN};
use super::input::{
    Ended, Input, LINGER_BYTES_MAX, LINGER_UPLOAD_BYTES_MAX, PIECE_BYTES, has_closed, is_timeout,
};
use super::slots::{Slot, Stage};
use super::upstream::{Stream, Turn};
use super::{BODY_BYTES_MAX, FULL, FrontError, HEAD_BYTES_MAX, Shared, response};
use crate::clock::Wake;

/// The head of an answer; ours are short.
const ANSWER_HEAD_BYTES_MAX: usize = 16 * 1024;
/// The upstream has read a request by then.
const READ_WITHIN: Duration = Duration::from_millis(50);
/// A client that waits for its answer is asked so often whether it is still there.
const LOOK: Duration = Duration::from_millis(500);
/// After a connection to the upstream that failed.
const UPSTREAM_PAUSE: Duration = Duration::from_millis(50);
/// From the beginning of an answer to its end.
const REPLY_WITHIN: Duration = Duration::from_mins(1);
/// A body gets more time for what is beyond this, as much as it needs at this speed.
const STREAMED_BYTES: u64 = 1024 * 1024;
const STREAMED_BYTES_PER_SEC: u64 = 32 * 1024;
/// For a few bytes to a client that should be waiting for them: an eviction does not end such a write.
const SHORT_WRITE: Duration = Duration::from_millis(10);

const NO_ANSWER: Refusal = Refusal::new(503, "the server could not answer; see its log");
const NO_ANSWER_YET: Refusal = Refusal::new(503, "there is no answer yet: ask again");

pub(super) fn serve(shared: &Shared, slot: &Slot) {
    let input = Input::new(&slot.stream, &*shared.clock);
    let mut connection = Connection { shared, slot, input, is_head: false };
    let mut exchanged = connection.exchange();
    while let Ok(true) = exchanged {
        exchanged = connection.wait_for_request().and_then(|()| connection.exchange());
    }
    if let Err(ended) = exchanged {
        connection.end(&ended);
    }
}

struct Connection<'a> {
    shared: &'a Shared,
    slot: &'a Slot,
    input: Input<'a>,
    is_head: bool,
}

impl<'a> Connection<'a> {
    fn now(&self) -> Duration {
        self.shared.now()
    }

    /// Waits between two requests. A client that says nothing more gets no answer.
    fn wait_for_request(&mut self) -> Result<(), Ended> {
        if self.input.rest().is_empty() {
            self.slot.enter(Stage::Idle)?;
            self.input.more(self.now() + self.shared.limits.idle).map_err(|_| Ended::Closed)?;
        }
        Ok(())
    }

    /// One request and its answer. True when another one may follow.
    fn exchange(&mut self) -> Result<bool, Ended> {
        let limits = &self.shared.limits;
        self.is_head = false;
        self.slot.enter(Stage::Unfinished)?;
        let head = self.input.head(HEAD_BYTES_MAX, self.now() + limits.head_within)?;
        self.is_head = head.method == "HEAD";
        let passed = head.passed()?;
        // A large body is not kept here: its route takes it while it comes.
        let (body, coming) = match self.admitted(&head)? {
            Length::Bytes(bytes) if bytes > BODY_BYTES_MAX as u64 => (Vec::new(), bytes),
            length => {
                (self.input.body(length, BODY_BYTES_MAX, self.now() + limits.body_within)?, 0)
            }
        };
        drop(self.slot.stream.set_nodelay(true)); // answers are small, and may come in two pieces
        if coming == 0 {
            self.slot.enter(Stage::Served)?;
        }
        let (turn, upstream) = self.connect(!self.input.rest().is_empty() && coming == 0)?;
        let mut turn = Some(turn);
        let mut request = self.request(&head, &passed, body.len() as u64 + coming).into_bytes();
        request.extend_from_slice(&body);
        drop(body);
        self.send(&upstream, &request)?;
        drop(request);
        if coming > 0 {
            turn = None; // the rest is not read before its route wants it
            self.stream(&upstream, coming)?;
            self.slot.enter(Stage::Served)?;
        }
        self.relay(&upstream, self.answer(&upstream, turn)?, head.is_last)
    }

    /// Whether the request may come in, with its body; a client that waits for that is told.
    fn admitted(&self, head: &Head) -> Result<Length, Ended> {
        let bytes_max = self.shared.admission.admit(head)?;
        if matches!(head.length, Length::Bytes(bytes) if bytes > bytes_max) {
            return Err(Refusal::new(413, "the body is too large").into());
        }
        let is_awaited = head.length != Length::Bytes(0) && self.input.rest().is_empty();
        if head.expects_continue && is_awaited {
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n", self.now() + SHORT_WRITE)?;
        }
        Ok(head.length)
    }

    fn connect(&self, is_hasty: bool) -> Result<(Turn<'a>, Stream), Ended> {
        let shared = self.shared;
        let deadline = self.now() + shared.limits.answer_within;
        while self.now() < deadline {
            let turn = shared.upstream.turn(is_hasty);
            match turn.connect(&self.slot.stream) {
                Ok(upstream) => return Ok((turn, upstream)),
                Err(error) if turn.is_gone() => {
                    shared.fail(FrontError::Upstream(error));
                    return Err(NO_ANSWER.into());
                }
                Err(error) => {
                    drop(turn);
                    shared.slots.shrink();
                    shared.lines.log(self.now(), || {
                        log::error!("http: a request cannot be handed on: {error}");
                    });
                    shared.clock.sleep(&Wake::default(), 0, Some(UPSTREAM_PAUSE));
                }
            }
        }
        Err(NO_ANSWER_YET.into())
    }

    /// The head as the upstream gets it, all of it understood here. An HTTP/1.0 answer has a length, no chunks.
    fn request(&self, head: &Head, passed: &str, body_bytes: u64) -> String {
        let (token, peer) = (self.shared.upstream.token(), self.slot.peer);
        let forwarded = head.forwarded().map(|text| format!("{FORWARDED}: {text}\r\n"));
        let forwarded = forwarded.unwrap_or_default();
        format!(
            "{} {} HTTP/1.0\r\n{TOKEN}: {token}\r\n{PEER}: {peer}\r\n{forwarded}Content-Length: {body_bytes}\r\n\
             Connection: close\r\n{passed}\r\n",
            head.method, head.target,
        )
    }

    /// Hands a body on while it comes.
    fn stream(&mut self, upstream: &Stream, bytes: u64) -> Result<(), Ended> {
        let limits = &self.shared.limits;
        let more = bytes.saturating_sub(STREAMED_BYTES) / STREAMED_BYTES_PER_SEC;
        let deadline = self.now() + limits.body_within + Duration::from_secs(more);
        let mut missing = bytes;
        while missing > 0 {
            let stalled = self.now() + limits.body_within;
            let max = usize::try_from(missing).unwrap_or(usize::MAX);
            let piece = self.input.owed(max, deadline.min(stalled))?.to_vec();
            missing -= piece.len() as u64;
            self.send(upstream, &piece)?;
        }
        Ok(())
    }

    /// Sends bytes to the upstream. It may answer without reading everything: that is no error.
    fn send(&self, mut upstream: &Stream, mut bytes: &[u8]) -> Result<(), Ended> {
        let deadline = self.now() + self.shared.limits.answer_within;
        while !bytes.is_empty() {
            match upstream.set_write_timeout(Some(LOOK)).and_then(|()| upstream.write(bytes)) {
                Ok(0) => return Err(NO_ANSWER.into()),
                Ok(count) => bytes = &bytes[count..],
                Err(error) => match error.kind() {
                    ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => return Ok(()),
                    kind if !is_timeout(kind) || self.now() >= deadline => {
                        return Err(NO_ANSWER.into());
                    }
                    _ if self.slot.is_evicted() => return Err(Ended::Closed),
                    _ => {}
                },
            }
        }
        Ok(())
    }

    fn answer(&self, upstream: &Stream, mut turn: Option<Turn<'_>>) -> Result<Vec<u8>, Ended> {
        let (limits, began) = (&self.shared.limits, self.now());
        let mut deadline = began + limits.answer_within;
        let mut answer = Vec::new();
        while end_of_head(&answer).is_none() && answer.len() < ANSWER_HEAD_BYTES_MAX {
            let left = deadline.saturating_sub(self.now());
            if left.is_zero() {
                return Err(NO_ANSWER_YET.into());
            }
            let step = if turn.is_some() { READ_WITHIN } else { LOOK };
            match read(upstream, &mut answer, left.min(step)) {
                Ok(count) if count > 0 => {}
                Err(error) if is_timeout(error.kind()) => {
                    turn = None;
                    if self.slot.is_evicted() {
                        return Err(Ended::Closed);
                    }
                    // It may only have said all that it has to say, or be gone: an answer that comes soon is
                    // still worth writing.
                    if has_closed(&self.slot.stream).map_err(|_| Ended::Closed)? {
                        deadline = deadline.min(began + limits.half_closed);
                    }
                }
                Ok(_) | Err(_) => return Err(NO_ANSWER.into()),
            }
        }
        Ok(answer)
    }

    /// Relays an answer that has begun. True when the connection goes on.
    fn relay(
        &mut self,
        upstream: &Stream,
        mut came: Vec<u8>,
        is_last: bool,
    ) -> Result<bool, Ended> {
        let limits = &self.shared.limits;
        let is_last = is_last || self.slot.is_ending();
        let end = end_of_head(&came).ok_or(NO_ANSWER)?;
        let head = response::head(&came[..end], self.is_head, is_last).ok_or(NO_ANSWER)?;
        let (mut out, mut missing) = head;
        self.slot.enter(Stage::Answering)?;
        let deadline = self.now() + REPLY_WITHIN;
        came.drain(..end);
        loop {
            let count = usize::try_from(missing).unwrap_or(usize::MAX).min(came.len());
            out.extend(came.drain(..count));
            self.write(&out, deadline)?;
            missing -= count as u64;
            if missing == 0 {
                break;
            }
            out.clear();
            // When it ended before its answer did, half an answer is out.
            if !read(upstream, &mut came, limits.reply_stall).is_ok_and(|count| count > 0) {
                return Err(Ended::Closed);
            }
        }
        if is_last && !self.input.rest().is_empty() {
            self.slot.enter(Stage::Idle)?;
            self.input.linger(limits.linger, LINGER_BYTES_MAX);
        }
        Ok(!is_last)
    }

    /// Writes all the bytes, as long as the client takes some of them now and then.
    fn write(&self, mut bytes: &[u8], deadline: Duration) -> Result<(), Ended> {
        let mut client = &*self.slot.stream;
        while !bytes.is_empty() {
            let left = deadline.saturating_sub(self.now()).min(self.shared.limits.reply_stall);
            // The system refuses a time-out of zero: that is the end as well.
            let written = client.set_write_timeout(Some(left)).and_then(|()| client.write(bytes));
            match written {
                Ok(count) if count > 0 => bytes = &bytes[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => return Err(Ended::Closed),
            }
        }
        Ok(())
    }

    /// Says why the connection ends, if there is something to say.
    fn end(&mut self, ended: &Ended) {
        let is_evicted = self.slot.is_evicted();
        let refusal = match ended {
            _ if is_evicted => FULL,
            Ended::Closed => return,
            Ended::Late => Refusal::new(408, "the request took too long to come"),
            Ended::Refused(refusal) => refusal.clone(),
        };
        if let Refusal { status: status @ (403 | 421), message } = &refusal {
            let peer = self.slot.peer;
            self.shared.lines.log(self.now(), || {
                log::warn!("http: refused a request from {peer} with {status}: {message}");
            });
        }
        let is_head = self.is_head || self.input.rest().starts_with(b"HEAD ");
        let bytes = refusal.response().bytes(true, is_head);
        if is_evicted {
            drop(self.write(&bytes, self.now() + SHORT_WRITE)); // the connection ends either way
        } else if self.slot.enter(Stage::Answering).is_ok()
            && self.write(&bytes, self.now() + self.shared.limits.reply_stall).is_ok()
            && self.slot.enter(Stage::Idle).is_ok()
        {
            let limits = &self.shared.limits;
            // On to a page: somebody waits for it. Meanwhile the connection is idle, and gives way to others.
            if refusal.status == 303 {
                self.input.linger(limits.answer_within, LINGER_UPLOAD_BYTES_MAX);
            } else {
                self.input.linger(limits.linger, LINGER_BYTES_MAX);
            }
        }
    }
}

fn end_of_head(answer: &[u8]) -> Option<usize> {
    answer.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// Appends what comes from the upstream within `max`.
fn read(mut upstream: &Stream, came: &mut Vec<u8>, max: Duration) -> io::Result<usize> {
    upstream.set_read_timeout(Some(max))?;
    let mut piece = [0; PIECE_BYTES];
    let count = upstream.read(&mut piece)?;
    came.extend_from_slice(&piece[..count]);
    Ok(count)
}
