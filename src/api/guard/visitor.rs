//! One client's connection: a request read within its limits, handed on, its answer written, and
//! again. It never waits; what it waits for is in its stage.

mod service;

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown};
use std::time::Duration;

use mio::net::TcpStream;

use super::chunks::Chunks;
use super::head::find_end;
use super::{Head, Length, Limits, Refusal, reply};
use crate::config::Config;
use service::Service;

pub(super) use service::Asked;

/// What is read and thrown away after a refusal, so that the client gets to read it.
const LINGER_BYTES_MAX: usize = 256 * 1024;
/// Reads of one connection before others have their turn.
const READS_MAX: usize = 16;

/// A client's connection.
#[expect(clippy::struct_excessive_bools, reason = "four independent facts that the system told")]
pub(super) struct Visitor {
    client: TcpStream,
    /// Who is at the other end.
    pub(super) peer: IpAddr,
    /// Since when it keeps us waiting for the request that it has not completed.
    pub(super) since: Duration,
    /// When it is given up, on the monotonic clock.
    pub(super) deadline: Duration,
    /// When the answer that is under way must be out.
    reply_until: Duration,
    stage: Stage,
    /// Bytes that came and are not handed on.
    input: Vec<u8>,
    scanned: usize,
    output: Output,
    can_read: bool,
    can_write: bool,
    has_half_closed: bool,
    has_left: bool,
}

enum Stage {
    Idle,
    Head,
    Body(Box<Head>),
    Chunks(Box<Head>, Chunks),
    Queued(Box<Head>),
    Served(Box<Service>),
    /// The rest of an answer is written; then comes the end, or the next request.
    Ending(After),
    /// So many bytes more are read and thrown away.
    Lingering(usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    NextRequest,
    Close,
    Linger,
}

/// How easily a connection is given up for another one; the first goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    /// Nothing is lost with it.
    Nothing,
    /// It has not completed a request.
    Unfinished,
    /// It is being served.
    Served,
}

/// The connection shall be dropped.
#[derive(Debug)]
pub(super) struct Gone;

/// What all connections share.
pub(super) struct Shared<'a> {
    pub(super) now: Duration,
    pub(super) limits: &'a Limits,
    pub(super) config: &'a Config,
    pub(super) scratch: &'a mut [u8],
    /// What a connection gets that makes room for another one.
    pub(super) full: &'a [u8],
    /// Refusals that belong into the log: who, and why.
    pub(super) refused: &'a mut Vec<(IpAddr, Refusal)>,
}

enum Received {
    Bytes(usize),
    Nothing,
    End,
}

impl Visitor {
    pub(super) fn new(client: TcpStream, peer: IpAddr, now: Duration, limits: &Limits) -> Self {
        Self {
            client,
            peer,
            since: now,
            deadline: now + limits.head_within,
            reply_until: Duration::MAX,
            stage: Stage::Head,
            input: Vec::new(),
            scanned: 0,
            output: Output::default(),
            can_read: true,
            can_write: true,
            has_half_closed: false,
            has_left: false,
        }
    }

    pub(super) fn worth(&self) -> Worth {
        match &self.stage {
            Stage::Idle | Stage::Lingering(_) => Worth::Nothing,
            Stage::Head | Stage::Body(_) | Stage::Chunks(..) => Worth::Unfinished,
            // It does not read what it asked for, or asks for more before it has the first answer.
            Stage::Queued(_) | Stage::Served(_) | Stage::Ending(_)
                if !self.output.is_empty() || self.is_hasty() =>
            {
                Worth::Nothing
            }
            Stage::Served(service) if service.missing(&self.input) > 0 => Worth::Unfinished,
            Stage::Queued(_) | Stage::Served(_) | Stage::Ending(_) => Worth::Served,
        }
    }

    /// Whether the next request came before the answer to this one: no browser and no cron job does so.
    pub(super) fn is_hasty(&self) -> bool {
        match &self.stage {
            Stage::Queued(head) => self.input.len() > head.body_bytes(),
            Stage::Served(service) => self.input.len() > service.body(),
            _ => false,
        }
    }

    pub(super) fn is_queued(&self) -> bool {
        matches!(self.stage, Stage::Queued(_))
    }

    /// The moment when it was handed on, as long as there is no answer.
    pub(super) fn unanswered_since(&self) -> Option<Duration> {
        match &self.stage {
            Stage::Served(service) if !service.has_answer() => Some(service.since()),
            _ => None,
        }
    }

    /// Notes what the system says about the client's side.
    pub(super) fn note_client(
        &mut self,
        event: &mio::event::Event,
        now: Duration,
        limits: &Limits,
    ) {
        self.can_read |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.can_write |= event.is_writable() || event.is_write_closed() || event.is_error();
        self.has_left |= event.is_write_closed() || event.is_error();
        if event.is_read_closed() && !self.has_half_closed {
            self.has_half_closed = true;
            // It may only have said all that it has to say, or be gone: an answer that comes soon
            // is still worth writing.
            if self.worth() == Worth::Served {
                self.deadline = self.deadline.min(now + limits.half_closed);
            }
        }
    }

    pub(super) fn client(&mut self) -> &mut TcpStream {
        &mut self.client
    }

    /// Goes on as far as it can without waiting. True when there is more to do at once.
    pub(super) fn step(&mut self, shared: &mut Shared<'_>) -> Result<bool, Gone> {
        if self.has_left {
            return Err(Gone); // nobody is there to read an answer
        }
        for _ in 0..READS_MAX {
            self.write(shared)?;
            let has_moved = match &mut self.stage {
                Stage::Idle | Stage::Head => self.read_head(shared)?,
                Stage::Body(_) => self.read_body(shared)?,
                Stage::Chunks(..) => self.read_chunks(shared)?,
                Stage::Queued(_) => false,
                Stage::Served(_) => self.serve(shared)?,
                Stage::Ending(_) => self.end(shared)?,
                Stage::Lingering(_) => self.linger(shared)?,
            };
            if !has_moved {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The time is up.
    pub(super) fn expire(&mut self, shared: &mut Shared<'_>) -> Result<(), Gone> {
        match self.stage {
            Stage::Idle | Stage::Ending(_) | Stage::Lingering(_) => Err(Gone),
            Stage::Head | Stage::Body(_) | Stage::Chunks(..) => {
                self.refuse(Refusal::new(408, "the request took too long to come"), shared);
                Ok(())
            }
            Stage::Served(ref service) if service.has_answer() || self.has_half_closed => Err(Gone),
            Stage::Served(ref service) if service.missing(&self.input) > 0 => {
                self.refuse(Refusal::new(408, "the request took too long to come"), shared);
                Ok(())
            }
            Stage::Queued(_) | Stage::Served(_) => {
                self.refuse(Refusal::new(503, "there is no answer yet: ask again"), shared);
                Ok(())
            }
        }
    }

    /// Answers with a refusal; the connection ends with it.
    pub(super) fn refuse(&mut self, refusal: Refusal, shared: &mut Shared<'_>) {
        let is_head = match &self.stage {
            Stage::Body(head) | Stage::Chunks(head, _) | Stage::Queued(head) => {
                head.method == "HEAD"
            }
            Stage::Served(service) => service.is_head(),
            _ => self.input.starts_with(b"HEAD "),
        };
        if matches!(refusal.status, 403 | 421) {
            shared.refused.push((self.peer, refusal));
        }
        self.output.bytes.extend_from_slice(&reply::refusal(refusal, is_head));
        self.input = Vec::new();
        self.stage = Stage::Ending(After::Linger);
        self.begin_reply(shared);
    }

    /// From now on the client must read.
    fn begin_reply(&mut self, shared: &Shared<'_>) {
        self.reply_until = shared.now + shared.limits.reply_within;
        self.deadline = shared.now + shared.limits.reply_stall;
    }

    /// Makes room for another connection: says so and ends at once.
    pub(super) fn evict(mut self, shared: &mut Shared<'_>) {
        let is_answered = matches!(&self.stage, Stage::Served(service) if service.has_answer());
        if self.worth() > Worth::Nothing && !is_answered {
            // What came and was not read would turn the end into a reset that overtakes the answer.
            drop(self.client.read(shared.scratch));
            drop(self.client.write(shared.full));
        }
    }

    /// No more requests are taken; an answer that is under way is finished.
    pub(super) fn close_if_idle(&mut self) -> Result<(), Gone> {
        match &mut self.stage {
            Stage::Idle
            | Stage::Head
            | Stage::Body(_)
            | Stage::Chunks(..)
            | Stage::Lingering(_) => Err(Gone),
            Stage::Ending(after) => {
                *after = After::Close;
                Ok(())
            }
            Stage::Queued(head) => {
                head.is_last = true;
                Ok(())
            }
            Stage::Served(service) => {
                service.make_last();
                Ok(())
            }
        }
    }

    fn read_head(&mut self, shared: &mut Shared<'_>) -> Result<bool, Gone> {
        let end = match find_end(&self.input, &mut self.scanned) {
            Ok(end) => end,
            Err(refusal) => {
                self.refuse(refusal, shared);
                return Ok(true);
            }
        };
        let bytes_max = shared.limits.head_bytes;
        if end.is_some_and(|end| end > bytes_max) || end.is_none() && self.input.len() >= bytes_max
        {
            self.refuse(Refusal::new(431, "the headers are too large"), shared);
            return Ok(true);
        }
        if let Some(end) = end {
            self.take_head(end, shared);
            return Ok(true);
        }
        match self.receive(usize::MAX, shared.scratch)? {
            Received::Nothing => Ok(false),
            Received::End => Err(Gone),
            Received::Bytes(count) => {
                self.input.extend_from_slice(&shared.scratch[..count]);
                if let Stage::Idle = self.stage {
                    self.begin(shared);
                }
                Ok(true)
            }
        }
    }

    /// The first byte of a request has come.
    fn begin(&mut self, shared: &Shared<'_>) {
        self.stage = Stage::Head;
        self.since = shared.now;
        self.deadline = shared.now + shared.limits.head_within;
    }

    fn take_head(&mut self, end: usize, shared: &mut Shared<'_>) {
        let limits = shared.limits;
        let taken = Head::parse(&self.input[..end]).and_then(|head| {
            crate::api::rules::check(&head, &shared.config.allowed_hosts)?;
            let bytes_max = limits.body_max(&head.target) as u64;
            if matches!(head.length, Length::Bytes(bytes) if bytes > bytes_max) {
                return Err(Refusal::new(413, "the body is too large"));
            }
            Ok(head)
        });
        match taken {
            Err(refusal) => self.refuse(refusal, shared),
            Ok(head) => {
                self.input.drain(..end);
                self.scanned = 0;
                if head.expects_continue && self.input.is_empty() && head.length != Length::Bytes(0)
                {
                    self.output.bytes.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                }
                match head.length {
                    // The server behind says by the head alone whether it wants so much.
                    Length::Bytes(bytes) if bytes > limits.body_bytes as u64 => {
                        self.queue(Box::new(head), shared);
                    }
                    Length::Bytes(_) => self.stage = Stage::Body(Box::new(head)),
                    Length::Chunked => {
                        self.stage = Stage::Chunks(Box::new(head), Chunks::default());
                    }
                }
                self.deadline = shared.now + limits.body_within;
            }
        }
    }

    fn read_body(&mut self, shared: &mut Shared<'_>) -> Result<bool, Gone> {
        let Stage::Body(head) = &self.stage else { return Ok(false) };
        let missing = head.body_bytes().saturating_sub(self.input.len());
        if missing == 0 {
            if let Stage::Body(head) = std::mem::replace(&mut self.stage, Stage::Idle) {
                self.queue(head, shared);
            }
            return Ok(true);
        }
        self.read_more_body(missing, shared)
    }

    fn read_chunks(&mut self, shared: &mut Shared<'_>) -> Result<bool, Gone> {
        let Stage::Chunks(_, chunks) = &mut self.stage else { return Ok(false) };
        match chunks.take(&mut self.input, shared.limits.body_bytes) {
            Err(refusal) => {
                self.refuse(refusal, shared);
                return Ok(true);
            }
            Ok(false) => return self.read_more_body(usize::MAX, shared),
            Ok(true) => {}
        }
        let stage = std::mem::replace(&mut self.stage, Stage::Idle);
        if let Stage::Chunks(mut head, Chunks { mut body, .. }) = stage {
            head.length = Length::Bytes(body.len() as u64);
            body.append(&mut self.input); // what comes after it
            self.input = body;
            self.queue(head, shared);
        }
        Ok(true)
    }

    /// The request is complete, or as large as to be handed on as it comes.
    fn queue(&mut self, head: Box<Head>, shared: &Shared<'_>) {
        let limits = shared.limits;
        drop(self.client.set_nodelay(true)); // answers are small, and may come in two pieces
        self.stage = Stage::Queued(head);
        let is_leaving = self.has_half_closed;
        let within = if is_leaving { limits.half_closed } else { limits.answer_within };
        self.deadline = shared.now + within;
    }

    fn read_more_body(&mut self, bytes_max: usize, shared: &mut Shared<'_>) -> Result<bool, Gone> {
        match self.receive(bytes_max, shared.scratch)? {
            Received::Nothing => Ok(false),
            Received::End => {
                self.refuse(Refusal::new(400, "the body ended too early"), shared);
                Ok(true)
            }
            Received::Bytes(count) => {
                if self.input.capacity() - self.input.len() < count {
                    // Doubling, but never beyond what was announced.
                    self.input.reserve_exact(bytes_max.min(self.input.len().max(count)));
                }
                self.input.extend_from_slice(&shared.scratch[..count]);
                Ok(true)
            }
        }
    }

    fn end(&mut self, shared: &mut Shared<'_>) -> Result<bool, Gone> {
        let Stage::Ending(after) = self.stage else { return Ok(false) };
        if !self.output.is_empty() {
            return Ok(false); // the client must read first
        }
        match after {
            After::Close => Err(Gone),
            After::Linger => {
                drop(self.client.shutdown(Shutdown::Write));
                self.stage = Stage::Lingering(LINGER_BYTES_MAX);
                self.deadline = shared.now + shared.limits.linger;
                Ok(true)
            }
            After::NextRequest => {
                self.scanned = 0;
                self.stage = Stage::Idle;
                self.since = shared.now;
                self.deadline = shared.now + shared.limits.idle;
                if !self.input.is_empty() {
                    self.begin(shared); // it did not wait for the answer
                }
                Ok(true)
            }
        }
    }

    fn linger(&mut self, shared: &mut Shared<'_>) -> Result<bool, Gone> {
        let Stage::Lingering(left) = self.stage else { return Ok(false) };
        match self.receive(left, shared.scratch)? {
            Received::Nothing => Ok(false),
            Received::End => Err(Gone),
            Received::Bytes(count) if count >= left => Err(Gone),
            Received::Bytes(count) => {
                self.stage = Stage::Lingering(left - count);
                Ok(true)
            }
        }
    }

    fn receive(&mut self, bytes_max: usize, scratch: &mut [u8]) -> Result<Received, Gone> {
        if !self.can_read {
            return Ok(Received::Nothing);
        }
        let length = scratch.len().min(bytes_max);
        loop {
            match self.client.read(&mut scratch[..length]) {
                Ok(0) => return Ok(Received::End),
                Ok(count) => return Ok(Received::Bytes(count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.can_read = false;
                    return Ok(Received::Nothing);
                }
                Err(_) => return Err(Gone),
            }
        }
    }

    /// Writes as much as the client takes. A client that takes nothing is given up in time.
    fn write(&mut self, shared: &Shared<'_>) -> Result<(), Gone> {
        while self.can_write && !self.output.is_empty() {
            match self.client.write(self.output.rest()) {
                Ok(0) => return Err(Gone),
                Ok(count) => {
                    self.output.advance(count);
                    let is_answering = match &self.stage {
                        Stage::Served(service) => service.has_answer(),
                        Stage::Ending(_) => true,
                        _ => false,
                    };
                    if is_answering {
                        let stall = shared.now + shared.limits.reply_stall;
                        self.deadline = stall.min(self.reply_until);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.can_write = false,
                Err(_) => return Err(Gone),
            }
        }
        Ok(())
    }
}

/// Bytes that the client has not taken yet.
#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    written: usize,
}

impl Output {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    fn advance(&mut self, count: usize) {
        self.written += count;
        if self.is_empty() {
            *self = Self::default(); // an idle visitor holds no memory
        }
    }
}
