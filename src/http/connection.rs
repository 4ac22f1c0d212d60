//! One client's connection, on its thread: a request read within its limits, handed to the upstream,
//! its answer relayed, and again.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use super::head::{Head, Length, Refusal};
use super::input::{Ended, Input, PIECE_BYTES, has_closed, is_timeout};
use super::private_socket::Stream;
use super::slots::{FULL, Slot, Stage};
use super::upstream::Turn;
use super::{Front, GuardError, headers, reply};
use crate::clock::Wake;

/// The head of an answer; ours are short.
const ANSWER_HEAD_BYTES_MAX: usize = 16 * 1024;
/// The upstream has read a request by then.
const READ_WITHIN: Duration = Duration::from_millis(50);
/// A client that waits for its answer is asked so often whether it is still there.
const LOOK: Duration = Duration::from_secs(1);
/// After a connection to the upstream that failed.
const UPSTREAM_PAUSE: Duration = Duration::from_millis(50);
/// A body gets more time for what is beyond this, as much as it needs at this speed.
const STREAMED_BYTES: u64 = 1024 * 1024;
const STREAMED_BYTES_PER_SEC: u64 = 32 * 1024;
/// For a few bytes to a client that should be waiting for them: an eviction does not end such a write.
const SHORT_WRITE: Duration = Duration::from_millis(10);

const NO_ANSWER: Refusal = Refusal::new(503, "the server could not answer; see its log");
const NO_ANSWER_YET: Refusal = Refusal::new(503, "there is no answer yet: ask again");

/// Serves a connection until either side ends it.
pub(super) fn serve(front: &Front, slot: &Slot) {
    let input = Input::new(&slot.stream, &*front.clock);
    let mut connection = Connection { front, slot, input, is_head: false };
    let mut is_first = true;
    loop {
        match connection.exchange(is_first) {
            Ok(true) => is_first = false,
            Ok(false) => return,
            Err(ended) => return connection.end(&ended),
        }
    }
}

struct Connection<'a> {
    front: &'a Front,
    slot: &'a Slot,
    input: Input<'a>,
    /// The request asks for a head only.
    is_head: bool,
}

/// A body on its way to the upstream.
enum Body {
    Whole(Vec<u8>),
    /// So many bytes are still to come.
    Coming(u64),
}

impl<'a> Connection<'a> {
    fn now(&self) -> Duration {
        self.front.now()
    }

    /// One request and its answer. True when another one may follow.
    fn exchange(&mut self, is_first: bool) -> Result<bool, Ended> {
        let limits = &self.front.limits;
        self.is_head = false;
        if !is_first && self.input.rest().is_empty() {
            self.slot.enter(Stage::Idle)?;
            // A client that says nothing more gets no answer.
            self.input.more(self.now() + limits.idle).map_err(|_| Ended::Closed)?;
        }
        self.slot.enter(Stage::Unfinished)?;
        let head = self.input.head(limits.head_bytes, self.now() + limits.head_within)?;
        self.is_head = head.method == "HEAD";
        let passed = head.passed()?;
        let body = self.body(&head)?;
        drop(self.slot.stream.set_nodelay(true)); // answers are small, and may come in two pieces
        let (upstream, answer) = self.ask(&head, &passed, body)?;
        self.relay(&upstream, answer, head.is_last)
    }

    /// Reads the body of a request, unless it is so large that its route takes it while it comes.
    fn body(&mut self, head: &Head) -> Result<Body, Ended> {
        let limits = &self.front.limits;
        let bytes_max = self.front.admission.admit(head)?;
        let bytes = match head.length {
            Length::Bytes(bytes) if bytes > bytes_max => {
                return Err(Refusal::new(413, "the body is too large").into());
            }
            Length::Bytes(bytes) => Some(bytes),
            Length::Chunked => None,
        };
        if head.expects_continue && bytes != Some(0) && self.input.rest().is_empty() {
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n", self.now() + SHORT_WRITE)?;
        }
        match bytes {
            Some(bytes) if bytes > limits.body_bytes as u64 => Ok(Body::Coming(bytes)),
            Some(_) | None => {
                let deadline = self.now() + limits.body_within;
                let body = self.input.body(head.length, limits.body_bytes, deadline)?;
                Ok(Body::Whole(body))
            }
        }
    }

    /// Hands the request on and waits for its answer. Gives what came of the answer, its whole head
    /// at least.
    fn ask(
        &mut self,
        head: &Head,
        passed: &[u8],
        body: Body,
    ) -> Result<(Arc<Stream>, Vec<u8>), Ended> {
        let is_hasty = !self.input.rest().is_empty() && matches!(body, Body::Whole(_));
        let stage = if is_hasty { Stage::Hasty } else { Stage::Served };
        let began = self.now();
        let (turn, upstream) = match body {
            Body::Whole(bytes) => {
                self.slot.enter(stage)?;
                let (turn, upstream) = self.connect(began, is_hasty)?;
                let request = self.request(head, passed, bytes.len() as u64);
                self.send(&upstream, &request)?;
                self.send(&upstream, &bytes)?;
                (Some(turn), upstream)
            }
            Body::Coming(bytes) => {
                let (turn, upstream) = self.connect(began, is_hasty)?;
                self.send(&upstream, &self.request(head, passed, bytes))?;
                drop(turn); // the rest is not read before its route wants it
                self.stream(&upstream, bytes)?;
                self.slot.enter(stage)?;
                (None, upstream)
            }
        };
        let answer = self.answer(&upstream, turn, self.now())?;
        Ok((upstream, answer))
    }

    fn connect(&self, began: Duration, is_hasty: bool) -> Result<(Turn<'a>, Arc<Stream>), Ended> {
        let front = self.front;
        let deadline = began + front.limits.answer_within;
        loop {
            let turn = front.connector.turn(is_hasty);
            match turn.connect(&self.slot.stream) {
                Ok(upstream) => {
                    self.slot.serve_by(&upstream)?;
                    return Ok((turn, upstream));
                }
                Err(error) if turn.is_gone() => {
                    front.fail(GuardError::Upstream(error));
                    return Err(NO_ANSWER.into());
                }
                Err(error) => {
                    drop(turn);
                    front.slots.shrink();
                    front.lines.log(self.now(), || {
                        log::error!("http: a request cannot be handed on: {error}");
                    });
                }
            }
            if self.now() >= deadline {
                return Err(NO_ANSWER_YET.into());
            }
            front.clock.sleep(&Wake::default(), 0, Some(UPSTREAM_PAUSE));
        }
    }

    /// The head as the upstream gets it: nothing that was not understood here. HTTP/1.0, so that the
    /// answer comes with its length and not in chunks.
    fn request(&self, head: &Head, passed: &[u8], body_bytes: u64) -> Vec<u8> {
        let (token, peer) = (&self.front.connector.upstream.token, self.slot.peer);
        let forwarded = head.forwarded().map(|text| format!("{}: {text}\r\n", headers::FORWARDED));
        let text = format!(
            "{} {} HTTP/1.0\r\n{}: {token}\r\n{}: {peer}\r\n{}Content-Length: {body_bytes}\r\n\
             Connection: close\r\n",
            head.method,
            head.target,
            headers::TOKEN,
            headers::PEER,
            forwarded.unwrap_or_default(),
        );
        [text.as_bytes(), passed, b"\r\n"].concat()
    }

    /// Sends bytes to the upstream. It may answer without reading everything: that is no error.
    fn send(&self, mut upstream: &Stream, bytes: &[u8]) -> Result<(), Ended> {
        let within = Some(self.front.limits.answer_within);
        match upstream.set_write_timeout(within).and_then(|()| upstream.write_all(bytes)) {
            Ok(()) => Ok(()),
            Err(error) => match error.kind() {
                ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => Ok(()),
                _ => Err(NO_ANSWER.into()),
            },
        }
    }

    /// Hands a body on while it comes.
    fn stream(&mut self, upstream: &Stream, mut missing: u64) -> Result<(), Ended> {
        let stall = self.front.limits.body_within;
        let more = missing.saturating_sub(STREAMED_BYTES) / STREAMED_BYTES_PER_SEC;
        let within = stall + Duration::from_secs(more);
        let deadline = self.now() + within;
        let mut piece = [0; PIECE_BYTES];
        while missing > 0 {
            let max = usize::try_from(missing).unwrap_or(usize::MAX);
            let came = self.input.some(&mut piece, max, deadline.min(self.now() + stall));
            let count = came.map_err(Ended::of_a_body)?;
            missing -= count as u64;
            self.send(upstream, &piece[..count])?;
        }
        Ok(())
    }

    /// Reads an answer until its head is complete.
    fn answer(
        &self,
        upstream: &Stream,
        mut turn: Option<Turn<'_>>,
        began: Duration,
    ) -> Result<Vec<u8>, Ended> {
        let limits = &self.front.limits;
        let mut deadline = began + limits.answer_within;
        let (mut answer, mut piece) = (Vec::new(), [0; PIECE_BYTES]);
        while end_of_head(&answer).is_none() && answer.len() < ANSWER_HEAD_BYTES_MAX {
            let left = deadline.saturating_sub(self.now());
            if left.is_zero() {
                return Err(NO_ANSWER_YET.into());
            }
            let step = if turn.is_some() { READ_WITHIN } else { LOOK };
            match read(upstream, &mut piece, left.min(step)) {
                Ok(0) => return Err(NO_ANSWER.into()),
                Ok(count) => answer.extend_from_slice(&piece[..count]),
                Err(error) if is_timeout(error.kind()) => {
                    turn = None;
                    // It may only have said all that it has to say, or be gone: an answer that comes
                    // soon is still worth writing.
                    if has_closed(&self.slot.stream).map_err(|_| Ended::Closed)? {
                        deadline = deadline.min(began + limits.half_closed);
                    }
                }
                Err(_) => return Err(NO_ANSWER.into()),
            }
        }
        Ok(answer)
    }

    /// Relays an answer that has begun. True when the connection goes on.
    fn relay(&self, upstream: &Stream, answer: Vec<u8>, is_last: bool) -> Result<bool, Ended> {
        let limits = &self.front.limits;
        let is_last = is_last || self.slot.is_ending();
        let end = end_of_head(&answer).ok_or(NO_ANSWER)?;
        let anew = reply::head(&answer[..end], self.is_head, is_last);
        let (mut out, mut missing) = anew.ok_or(NO_ANSWER)?;
        self.slot.enter(Stage::Answering)?;
        let deadline = self.now() + limits.reply_within;
        let mut came = answer;
        came.drain(..end);
        loop {
            let count = usize::try_from(missing).unwrap_or(usize::MAX).min(came.len());
            out.extend_from_slice(&came[..count]);
            self.write(&out, deadline)?;
            missing -= count as u64;
            if missing == 0 {
                break;
            }
            out.clear();
            came.resize(PIECE_BYTES, 0);
            // When it ended before its answer did, half an answer is out.
            let read = read(upstream, &mut came, limits.reply_stall).map_err(|_| Ended::Closed)?;
            if read == 0 {
                return Err(Ended::Closed);
            }
            came.truncate(read);
        }
        if is_last && !self.input.rest().is_empty() {
            self.slot.enter(Stage::Idle)?;
            self.input.linger(limits.linger);
        }
        Ok(!is_last)
    }

    /// Writes all the bytes, as long as the client takes some of them now and then.
    fn write(&self, mut bytes: &[u8], deadline: Duration) -> Result<(), Ended> {
        let mut client = &*self.slot.stream;
        while !bytes.is_empty() {
            let left = deadline.saturating_sub(self.now()).min(self.front.limits.reply_stall);
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
    fn end(&self, ended: &Ended) {
        let is_evicted = self.slot.is_evicted();
        let refusal = match ended {
            _ if is_evicted => FULL,
            Ended::Closed => return,
            Ended::Late => Refusal::new(408, "the request took too long to come"),
            Ended::Refused(refusal) => *refusal,
        };
        if matches!(refusal.status, 403 | 421) {
            let Refusal { status, message } = refusal;
            let peer = self.slot.peer;
            self.front.lines.log(self.now(), || {
                log::warn!("http: refused a request from {peer} with {status}: {message}");
            });
        }
        let is_head = self.is_head || self.input.rest().starts_with(b"HEAD ");
        let bytes = reply::refusal(refusal, is_head);
        if is_evicted {
            drop(self.write(&bytes, self.now() + SHORT_WRITE)); // the connection ends either way
        } else if self.slot.enter(Stage::Answering).is_ok()
            && self.write(&bytes, self.now() + self.front.limits.reply_stall).is_ok()
            && self.slot.enter(Stage::Idle).is_ok()
        {
            self.input.linger(self.front.limits.linger);
        }
    }
}

fn end_of_head(answer: &[u8]) -> Option<usize> {
    answer.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

fn read(mut upstream: &Stream, piece: &mut [u8], max: Duration) -> io::Result<usize> {
    upstream.set_read_timeout(Some(max))?;
    upstream.read(piece)
}
