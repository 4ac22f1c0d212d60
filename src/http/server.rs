//! The upstream of the front: tiny_http, where strangers cannot reach it, and the routes behind it. One thread
//! takes requests; what may take longer than a look at the database has a thread of its own, and there are not
//! many of those.

use std::io::{self, Cursor, ErrorKind, Read};
use std::net::{SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::Duration;

use subtle::ConstantTimeEq;

use super::head::{FORWARDED, PEER, TOKEN};
use super::{
    Admission, BODY_BYTES_MAX, Front, FrontError, Limits, OpenFile, PrivateSocket, Response,
    refuse, start_thread,
};
use crate::clock::{Clock, lock};

const STACK_BYTES: usize = 256 * 1024;
/// A thread of a class without work waits so long for the next request before it ends.
const REST: Duration = Duration::from_secs(2);
/// For a large body that no route wants.
const LARGE: Class = Class { name: "http-refused", max: 0, stack_bytes: STACK_BYTES };

pub trait Routes: Send + Sync {
    /// The class of a request whose answer may take a while; `None` for one that is answered at once.
    fn class(&self, request: &Request) -> Option<Class>;

    /// The answer. `may_wait` is false for a request of a class of which too many are being answered.
    fn answer(&self, request: &mut Request, may_wait: bool) -> Response;

    /// The HTTP side cannot go on: the program must end, and not stay up without it.
    fn give_up(&self);
}

/// Requests that share a number of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    pub(crate) name: &'static str,
    /// Answered at the same time.
    pub(crate) max: usize,
    pub(crate) stack_bytes: usize,
}

pub struct Request {
    /// In upper case, such as `POST`.
    pub method: String,
    /// With a query, if there is one.
    pub target: String,
    /// Names and values of those that the front lets pass, and its own.
    pub headers: Vec<(String, String)>,
    /// As far as it was read; see [`Request::read_body`].
    pub body: Vec<u8>,
    source: Option<tiny_http::Request>,
}

impl Request {
    /// A request that came from nowhere, without headers and body.
    pub fn new(method: &str, target: &str) -> Self {
        let (method, target) = (method.to_owned(), target.to_owned());
        Self { method, target, headers: Vec::new(), body: Vec::new(), source: None }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn of(source: tiny_http::Request) -> Self {
        let mut request = Self::new(source.method().as_str(), source.url());
        request.headers = source
            .headers()
            .iter()
            .map(|header| (header.field.to_string(), header.value.to_string()))
            .collect();
        request.source = Some(source);
        request
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let named = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }

    /// The target without its query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The client's address, and what was said about where the request came from before, marked so.
    pub(crate) fn remote(&self) -> Option<String> {
        let peer = self.header(PEER)?;
        match self.header(FORWARDED) {
            Some(forwarded) => Some(format!("{peer} (forwarded for {forwarded})")),
            None => Some(peer.to_owned()),
        }
    }

    /// Bytes of the whole body; the front has let in only so many as the path takes.
    pub(crate) fn length(&self) -> usize {
        let source = self.source.as_ref();
        source.map_or(self.body.len(), |source| source.body_length().unwrap_or(0))
    }

    pub(crate) fn read_body(&mut self) -> Result<(), Response> {
        let length = self.length();
        if let Some(source) = &mut self.source {
            self.body.reserve_exact(length);
            let read = source.as_reader().take(length as u64).read_to_end(&mut self.body);
            read.map_err(|_| refuse(400, "the body ended too early"))?;
        }
        Ok(())
    }

    /// The body as it comes, which was not read before.
    pub(crate) fn coming(&mut self) -> Box<dyn Read + '_> {
        let length = self.length() as u64;
        match &mut self.source {
            Some(source) => Box::new(source.as_reader().take(length)),
            None => Box::new(self.body.as_slice()),
        }
    }

    /// Answers it. The client may have gone: that is no error.
    fn respond(self, response: Response) {
        let Some(mut source) = self.source else { return };
        // tiny_http would read what was not wanted of a body in one piece as large as it.
        drop(io::copy(source.as_reader(), &mut io::sink()));
        let (bytes, body): (u64, Box<dyn Read>) = match response.file {
            None => (response.body.len() as u64, Box::new(Cursor::new(response.body))),
            Some(OpenFile { file, bytes }) => (bytes, Box::new(file.take(bytes))),
        };
        let (status, bytes) = (response.status.into(), usize::try_from(bytes).ok());
        let mut answer = tiny_http::Response::new(status, Vec::new(), body, bytes, None);
        for (name, value) in response.headers {
            if let Ok(header) = tiny_http::Header::from_bytes(name, value) {
                answer.add_header(header);
            }
        }
        drop(source.respond(answer));
    }
}

pub struct Server {
    front: Front,
    upstream: Arc<tiny_http::Server>,
    serving: JoinHandle<()>,
    _socket: PrivateSocket,
}

#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("failed to listen on `{address}`{}", remedy(source))]
    Listen { address: SocketAddr, source: io::Error },
    #[error("failed to make a private socket: let TMPDIR name a directory that can be written to")]
    Socket(#[source] io::Error),
    #[error("failed to start an HTTP thread: ask your host for more processes")]
    Thread(#[source] io::Error),
    #[error("the HTTP side ended: start the program again")]
    Front(#[from] FrontError),
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            ": another program has this port; is `serve` running already? Else give LISTEN_ADDR another one"
        }
        io::ErrorKind::PermissionDenied => {
            ": ports under 1024 are for root; give LISTEN_ADDR a higher one"
        }
        io::ErrorKind::AddrNotAvailable => {
            ": this machine has no such address; correct LISTEN_ADDR"
        }
        _ => "",
    }
}

impl Server {
    /// Listens on `address` and serves `routes` until it is stopped, within `limits`. A private socket is made in the
    /// first of `directories` where that can be done.
    pub fn start(
        address: SocketAddr,
        routes: Arc<impl Routes + 'static>,
        limits: Limits,
        admission: impl Admission + 'static,
        clock: Arc<dyn Clock>,
        directories: &[&Path],
    ) -> Result<Self, ServerError> {
        let listen = |source| ServerError::Listen { address, source };
        let public = TcpListener::bind(address).map_err(listen)?;
        let (listener, socket) = PrivateSocket::open(directories).map_err(ServerError::Socket)?;
        let upstream = tiny_http::Server::from_listener(listener, None)
            .map_err(|source| ServerError::Socket(io::Error::other(source.to_string())))?;
        let upstream = Arc::new(upstream);
        let (way, failing) = (socket.upstream().clone(), Arc::clone(&routes));
        let shared =
            Arc::new(Shared { routes, busy: Mutex::default(), threads: Threads::new(REST) });
        let (requests, token) = (Arc::clone(&upstream), way.token.clone());
        let serving =
            start_thread("http-server", STACK_BYTES, move || serve(&requests, &token, &shared))
                .map_err(ServerError::Thread)?;
        let front = Front::start(public, way, limits, admission, clock, move || failing.give_up())
            .map_err(ServerError::Thread)?;
        Ok(Self { front, upstream, serving, _socket: socket })
    }

    /// Where it listens; with the real port when LISTEN_ADDR had port 0.
    pub fn address(&self) -> SocketAddr {
        self.front.address()
    }

    /// Takes no more requests, and returns when those that were taken are answered.
    /// Fails when it could not go on before it was stopped.
    pub fn stop(self) -> Result<(), ServerError> {
        let ended = self.front.stop();
        self.upstream.unblock();
        drop(self.serving.join()); // its panics are caught
        Ok(ended?)
    }
}

struct Shared {
    routes: Arc<dyn Routes>,
    /// The class of each request that is being answered, by its name.
    busy: Mutex<Vec<&'static str>>,
    threads: Arc<Threads>,
}

type Work = Box<dyn FnOnce() + Send>;

/// The threads of all classes. A client that asks again and again does not cost a new one each time.
struct Threads {
    rest: Duration,
    /// Those without work.
    resting: Mutex<Vec<(Class, ThreadId, Sender<Work>)>>,
}

impl Threads {
    fn new(rest: Duration) -> Arc<Self> {
        Arc::new(Self { rest, resting: Mutex::default() })
    }

    /// Does `work` on a thread of `class`: on the one that has rested least, or else on a new one.
    fn hand_out(self: &Arc<Self>, class: Class, work: Work) -> io::Result<()> {
        let mut resting = lock(&self.resting);
        if let Some(at) = resting.iter().rposition(|(own, ..)| *own == class) {
            let (.., thread) = resting.remove(at);
            return thread.send(work).map_err(|_| ErrorKind::BrokenPipe.into());
        }
        drop(resting);
        let threads = Arc::clone(self);
        let work = move || threads.work(class, work);
        start_thread(class.name, class.stack_bytes, work).map(drop)
    }

    fn work(&self, class: Class, mut work: Work) {
        let (own, (sender, next)) = (thread::current().id(), channel());
        loop {
            work();
            lock(&self.resting).push((class, own, sender.clone()));
            let more = next.recv_timeout(self.rest).or_else(|_| {
                lock(&self.resting).retain(|(_, thread, _)| *thread != own);
                next.try_recv() // it may have been given some between its wait and this
            });
            let Ok(more) = more else { return };
            work = more;
        }
    }
}

/// One of the threads of a class, given back however the thread ends.
struct Permit {
    class: Class,
    shared: Arc<Shared>,
}

impl Permit {
    fn take(class: Class, shared: &Arc<Shared>) -> Option<Self> {
        let mut busy = lock(&shared.busy);
        let count = busy.iter().filter(|name| **name == class.name).count();
        (count < class.max).then(|| {
            busy.push(class.name);
            Self { class, shared: Arc::clone(shared) }
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut busy = lock(&self.shared.busy);
        let own = busy.iter().position(|name| *name == self.class.name);
        own.map(|at| busy.swap_remove(at));
    }
}

fn serve(upstream: &tiny_http::Server, token: &str, shared: &Arc<Shared>) {
    // `recv` ends with an error when it is unblocked.
    while let Ok(source) = upstream.recv() {
        let request = Request::of(source);
        // A panic over one request must not be felt by the next one. Nothing is left half-changed: what the
        // answers are made from is behind locks, and the database rolls back.
        if catch_unwind(AssertUnwindSafe(|| answer(request, token, shared))).is_err() {
            log::error!("http: a request broke down: please report what stderr says of it");
        }
    }
}

fn answer(mut request: Request, token: &str, shared: &Arc<Shared>) {
    // On loopback other programs of this machine can connect too; they must go through the front.
    let shown = request.header(TOKEN).unwrap_or_default();
    if !bool::from(shown.as_bytes().ct_eq(token.as_bytes())) {
        return request.respond(refuse(403, "this is not the door"));
    }
    let class = shared.routes.class(&request);
    let permit = class.and_then(|class| Permit::take(class, shared));
    let (may_wait, routes) = (class.is_none() || permit.is_some(), Arc::clone(&shared.routes));
    // A large body is read to its end even when it is refused, as slowly as it comes.
    let is_slow = permit.is_some() || request.length() > BODY_BYTES_MAX;
    let work = move || {
        let response = routes.answer(&mut request, may_wait);
        drop((permit, routes));
        request.respond(response);
    };
    if !is_slow {
        return work();
    }
    if let Err(error) = shared.threads.hand_out(class.unwrap_or(LARGE), Box::new(work)) {
        // The request is gone with the closure, and its permit too; the front answers 503.
        log::error!("http: no thread for a waiting request: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Class = Class { name: "one", max: 1, stack_bytes: STACK_BYTES };
    const OTHER: Class = Class { name: "other", ..ONE };

    /// The thread that does a piece of work of `class`.
    fn thread_of(threads: &Arc<Threads>, class: Class) -> ThreadId {
        let (sender, receiver) = channel();
        let work = move || sender.send(thread::current().id()).unwrap();
        threads.hand_out(class, Box::new(work)).unwrap();
        receiver.recv().unwrap()
    }

    fn wait_for(threads: &Threads, resting: usize) {
        while lock(&threads.resting).len() != resting {
            thread::yield_now();
        }
    }

    #[test]
    fn a_thread_that_rests_takes_the_next_work_of_its_class_and_of_no_other() {
        let threads = Threads::new(Duration::from_hours(1));
        let first = thread_of(&threads, ONE);
        wait_for(&threads, 1);
        assert_ne!(thread_of(&threads, OTHER), first);
        wait_for(&threads, 2);
        assert_eq!(thread_of(&threads, ONE), first);
    }

    #[test]
    fn work_beside_work_has_a_thread_of_its_own() {
        let threads = Threads::new(Duration::from_hours(1));
        let (go, wait) = channel::<()>();
        threads.hand_out(ONE, Box::new(move || assert!(wait.recv().is_err()))).unwrap();
        let beside = thread_of(&threads, ONE);
        wait_for(&threads, 1);
        drop(go);
        wait_for(&threads, 2);
        assert!(lock(&threads.resting).iter().any(|(_, thread, _)| *thread == beside));
    }

    #[test]
    fn work_that_comes_as_a_thread_ends_is_done_once() {
        let threads = Threads::new(Duration::ZERO);
        let (sender, receiver) = channel();
        for number in 0..2_000 {
            let sender = sender.clone();
            threads.hand_out(ONE, Box::new(move || sender.send(number).unwrap())).unwrap();
            if number % 8 == 0 {
                thread::yield_now();
            }
        }
        drop(sender);
        let mut done: Vec<_> = receiver.iter().collect();
        done.sort_unstable();
        assert_eq!(done, (0..2_000).collect::<Vec<_>>());
        wait_for(&threads, 0);
    }

    #[test]
    fn a_panic_ends_its_thread_only() {
        let threads = Threads::new(Duration::from_hours(1));
        let (sender, receiver) = channel::<()>();
        let work = move || {
            let _held = sender;
            panic!("on purpose");
        };
        threads.hand_out(ONE, Box::new(work)).unwrap();
        assert!(receiver.recv().is_err());
        thread_of(&threads, ONE);
        wait_for(&threads, 1);
    }
}
