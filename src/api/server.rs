//! The server behind the guard: tiny_http in front of [`Api`], where strangers cannot reach it. A few
//! threads take requests; one that waits for the end of a run, or whose body has to be read, gets a
//! thread of its own, and there are not many of those.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use subtle::ConstantTimeEq;
use tiny_http::{Header, Request, Response, Server};

use super::guard::{
    BackListener, FORWARDED_HEADER, Guard, GuardError, Hideout, Limits, PEER_HEADER, TOKEN_HEADER,
};
use super::pages::LARGE_BYTES;
use super::{
    Answer, Api, BODY_BYTES_MAX, Incoming, PAGE_BODY_BYTES_MAX, PageReply, PageRequest, Pages,
    Posted, Reply, STRANGERS_BODY_BYTES_MAX, large_buffer, refuse, refuse_message,
};
use crate::clock::Clock;
use crate::config::Config;
use crate::trigger::RunNumber;

const THREADS: usize = 2;
const STACK_BYTES: usize = 256 * 1024;
/// Requests that wait for a run at the same time; one more is told at once how it stands.
const WAITING_MAX: usize = 16;
/// Events from WAHA taken at the same time; one more is told to come again, which WAHA does.
const EVENTS_MAX: usize = 16;
/// Large events taken at the same time: whoever sends one slowly keeps no small one out.
const LARGE_EVENTS_MAX: usize = 4;
/// Pages made at the same time; one more is told to come again.
const PAGES_MAX: usize = 4;
const PAGE_STACK_BYTES: usize = 1024 * 1024;

/// The HTTP side, serving.
pub struct ApiServer {
    guard: Guard,
    server: Arc<Server>,
    threads: Vec<JoinHandle<()>>,
    _hideout: Hideout,
}

/// The HTTP side cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be had.
    #[error("failed to listen on `{address}`{}", remedy(source))]
    Listen { address: SocketAddr, source: io::Error },
    /// There is no private place for the server behind the guard.
    #[error("failed to make a private socket: let TMPDIR name a directory that can be written to")]
    Hideout(#[source] io::Error),
    /// A thread could not be started.
    #[error("failed to start an HTTP thread: ask your host for more processes")]
    Thread(#[source] io::Error),
    /// It served, and cannot go on.
    #[error("the HTTP side ended: start the program again")]
    Guard(#[from] GuardError),
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

impl ApiServer {
    /// Listens on `address` and serves `api` until it is stopped, within `limits` and by `config`. A
    /// private socket is made in the first of `directories` where that can be done.
    ///
    /// # Errors
    /// When the address or the socket cannot be had, or a thread cannot be started.
    pub fn start(
        address: SocketAddr,
        api: &Arc<Api>,
        limits: Limits,
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
        directories: &[&Path],
    ) -> Result<Self, ServerError> {
        let listen = |source| ServerError::Listen { address, source };
        let public = TcpListener::bind(address).map_err(listen)?;
        Self::start_on(public, api, limits, config, clock, directories)
    }

    /// The same on a listener that is there already.
    ///
    /// # Errors
    /// When the private socket cannot be had, or a thread cannot be started.
    pub(crate) fn start_on(
        public: TcpListener,
        api: &Arc<Api>,
        limits: Limits,
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
        directories: &[&Path],
    ) -> Result<Self, ServerError> {
        let (listener, hideout) = Hideout::open(directories).map_err(ServerError::Hideout)?;
        let server = match listener {
            #[cfg(unix)]
            BackListener::Socket(listener) => Server::from_listener(listener, None),
            BackListener::Loopback(listener) => Server::from_listener(listener, None),
        };
        let server =
            server.map_err(|source| ServerError::Hideout(io::Error::other(source.to_string())))?;
        let server = Arc::new(server);
        let crowd = Arc::new(Crowd::default());
        let mut threads = Vec::new();
        for number in 0..THREADS {
            let (server, api, crowd) = (Arc::clone(&server), Arc::clone(api), Arc::clone(&crowd));
            let token = hideout.door().token.clone();
            let builder = thread::Builder::new().name(format!("http-{number}"));
            let serve = move || serve(&server, &token, &api, &crowd);
            threads
                .push(builder.stack_size(STACK_BYTES).spawn(serve).map_err(ServerError::Thread)?);
        }
        let door = hideout.door().clone();
        let failing = Arc::clone(api);
        let guard = Guard::start(public, door, limits, config, clock, move || failing.give_up())
            .map_err(ServerError::Thread)?;
        Ok(Self { guard, server, threads, _hideout: hideout })
    }

    /// Where it listens; with the real port when LISTEN_ADDR had port 0.
    pub fn address(&self) -> SocketAddr {
        self.guard.address()
    }

    /// Takes no more requests, and returns when those that were taken are answered.
    ///
    /// # Errors
    /// When it could not go on before it was stopped.
    pub fn stop(self) -> Result<(), ServerError> {
        let ended = self.guard.stop();
        for _ in &self.threads {
            self.server.unblock();
        }
        for thread in self.threads {
            drop(thread.join()); // a thread that panicked has ended too
        }
        Ok(ended?)
    }
}

/// How many requests have a thread of their own.
#[derive(Default)]
struct Crowd {
    waiting: Arc<AtomicUsize>,
    events: Arc<AtomicUsize>,
    pages: Arc<AtomicUsize>,
    large_events: Arc<AtomicUsize>,
    /// Held while a page with a large body is made: however many come, they take the memory of one.
    large_page: Arc<Mutex<()>>,
}

fn serve(server: &Server, token: &str, api: &Arc<Api>, crowd: &Crowd) {
    // `recv` ends with an error when it is unblocked.
    while let Ok(request) = server.recv() {
        // A panic over one request must not be felt by the next one. Nothing is left half-changed:
        // what the answers are made from is behind locks, and the database rolls back.
        let answered = catch_unwind(AssertUnwindSafe(|| answer(request, token, api, crowd)));
        if answered.is_err() {
            log::error!("http: a request broke down: please report what stderr says of it");
        }
    }
}

fn answer(mut request: Request, token: &str, api: &Arc<Api>, crowd: &Crowd) {
    // On loopback other programs of this machine can come here; they must use the front door.
    let shown = header(&request, TOKEN_HEADER).unwrap_or_default();
    if !bool::from(shown.as_bytes().ct_eq(token.as_bytes())) {
        return respond(request, refuse(403, "this is not the door"));
    }
    if let Some(pages) = api.pages_for(request.url()) {
        return respond_with_a_page(request, pages, crowd);
    }
    let (method, path) = (request.method().to_string(), request.url().to_owned());
    let authorization = header(&request, "Authorization");
    let remote = remote(&request);
    let incoming = Incoming {
        method: &method,
        path: &path,
        authorization: authorization.as_deref(),
        remote: remote.as_deref(),
    };
    if api.is_good_trigger(&incoming)
        && let Ok(body) = read_body(&mut request)
        && let Some(reply) = refuse_message(&body)
    {
        return respond(request, reply);
    }
    match api.answer(&incoming) {
        Answer::Now(reply) => respond(request, reply),
        Answer::AtTheEnd(run) => respond_at_the_end(request, run, api, crowd),
        Answer::WithBody => respond_to_an_event(request, api, crowd),
    }
}

fn respond_at_the_end(request: Request, run: RunNumber, api: &Arc<Api>, crowd: &Crowd) {
    let waiting = Arc::clone(api);
    let refused =
        in_a_thread(request, &crowd.waiting, WAITING_MAX, "http-waiting", move |request| {
            let reply = waiting.wait(run);
            (request, reply)
        });
    if let Some(request) = refused {
        respond(request, api.look(run));
    }
}

fn respond_to_an_event(request: Request, api: &Arc<Api>, crowd: &Crowd) {
    let api = Arc::clone(api);
    let (count, max) = match request.body_length() {
        Some(0..=LARGE_BYTES) => (&crowd.events, EVENTS_MAX),
        Some(_) | None => (&crowd.large_events, LARGE_EVENTS_MAX),
    };
    let refused = in_a_thread(request, count, max, "http-event", move |mut request| {
        let reply = take_event(&mut request, &api);
        (request, reply)
    });
    if let Some(request) = refused {
        respond(request, refuse(503, "too many events at once: send it again"));
    }
}

/// Answers with a page in a thread of its own: looking at the database and checking a password take
/// time that triggers must not wait for.
fn respond_with_a_page(mut request: Request, pages: &Arc<dyn Pages>, crowd: &Crowd) {
    let (pages, count) = (Arc::clone(pages), Arc::clone(&crowd.pages));
    if count.fetch_add(1, Ordering::SeqCst) >= PAGES_MAX {
        count.fetch_sub(1, Ordering::SeqCst);
        return respond(request, refuse(503, "too many pages at once: ask again"));
    }
    let (place, turn) = (Place(count), Arc::clone(&crowd.large_page));
    let work = move || {
        let page = answer_page(&mut request, &*pages, &turn);
        drop(place);
        match page {
            Ok(page) => respond_page(request, page),
            Err(reply) => respond(request, reply),
        }
    };
    let builder = thread::Builder::new().name("http-page".to_owned());
    if let Err(error) = builder.stack_size(PAGE_STACK_BYTES).spawn(work) {
        // The request is gone with the closure, and its place too; the guard answers 503.
        log::error!("http: no thread for a waiting request: {error}");
    }
}

/// Reads what a page needs of a request, and makes the page. A body that is too large for a stranger
/// is read only when the pages say so; without it a form is one that no page of ours made.
fn answer_page(
    request: &mut Request,
    pages: &dyn Pages,
    turn: &Mutex<()>,
) -> Result<PageReply, Reply> {
    let length = request.body_length().unwrap_or(0);
    let mut asked = PageRequest {
        method: request.method().to_string(),
        target: request.url().to_owned(),
        cookie: header(request, "Cookie"),
        content_type: header(request, "Content-Type"),
        origin: header(request, "Origin"),
        forwarded_proto: header(request, "X-Forwarded-Proto"),
        forwarded_for: header(request, FORWARDED_HEADER),
        peer: header(request, PEER_HEADER),
        remote: remote(request),
        body: Vec::new(),
    };
    if length <= STRANGERS_BODY_BYTES_MAX {
        asked.body = read_body(request)?;
        return Ok(pages.answer(&asked));
    }
    match pages.body_bytes_max(&asked) {
        None => return Ok(pages.answer(&asked)),
        Some(max) if length > max => {
            let message = "the body is too large: a form may have 128 KiB and a file 1 MiB; `contact import` takes \
                           larger files";
            return Err(refuse(413, message));
        }
        Some(_) => {}
    }
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    asked.body = read_body(request)?;
    Ok(pages.answer(&asked))
}

/// The whole body; the guard has let in only so much of it as its path takes, and says how much.
fn read_body(request: &mut Request) -> Result<Vec<u8>, Reply> {
    let length = request.body_length().unwrap_or(0).min(PAGE_BODY_BYTES_MAX.max(BODY_BYTES_MAX));
    let mut body = large_buffer(length);
    let read = request.as_reader().take(length as u64).read_to_end(&mut body);
    read.map_err(|_| refuse(400, "the body ended too early"))?;
    Ok(body)
}

fn respond_page(mut request: Request, page: PageReply) {
    discard_body(&mut request);
    let mut response = Response::from_data(page.body).with_status_code(page.status);
    for (name, value) in page.headers {
        if let Ok(header) = Header::from_bytes(name, value) {
            response.add_header(header);
        }
    }
    drop(request.respond(response)); // the peer may have gone
}

/// Reads the body, if it is worth it, and never more of it than is taken.
fn take_event(request: &mut Request, api: &Api) -> Reply {
    let posted = Posted {
        hmac: header(request, "X-Webhook-Hmac"),
        algorithm: header(request, "X-Webhook-Hmac-Algorithm"),
        request_id: header(request, "X-Webhook-Request-Id"),
        remote: remote(request),
    };
    if let Err(reply) = api.expect_event(&posted, request.body_length()) {
        return reply;
    }
    match read_body(request) {
        Ok(body) => api.take_event(&posted, &body),
        Err(reply) => reply,
    }
}

/// Throws away what of a body was not wanted: tiny_http would do so in one piece as large as the body.
fn discard_body(request: &mut Request) {
    drop(io::copy(request.as_reader(), &mut io::sink()));
}

/// One of a few places, given back however its thread ends.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Answers a request in a thread of its own, unless there are `max` already: then it gives it back.
fn in_a_thread(
    request: Request,
    count: &Arc<AtomicUsize>,
    max: usize,
    name: &str,
    reply_to: impl FnOnce(Request) -> (Request, Reply) + Send + 'static,
) -> Option<Request> {
    if count.fetch_add(1, Ordering::SeqCst) >= max {
        count.fetch_sub(1, Ordering::SeqCst);
        return Some(request);
    }
    let place = Place(Arc::clone(count));
    let work = move || {
        let (request, reply) = reply_to(request);
        drop(place);
        respond(request, reply);
    };
    let builder = thread::Builder::new().name(name.to_owned());
    if let Err(error) = builder.stack_size(STACK_BYTES).spawn(work) {
        // The request is gone with the closure, and its place too; the guard answers 503.
        log::error!("http: no thread for a waiting request: {error}");
    }
    None
}

fn header(request: &Request, name: &'static str) -> Option<String> {
    let mut headers = request.headers().iter();
    headers.find(|header| header.field.equiv(name)).map(|header| header.value.to_string())
}

/// The client's address, and what was said about where the request came from before, marked so.
fn remote(request: &Request) -> Option<String> {
    let peer = header(request, PEER_HEADER)?;
    match header(request, FORWARDED_HEADER) {
        Some(forwarded) => Some(format!("{peer} (forwarded for {forwarded})")),
        None => Some(peer),
    }
}

fn respond(mut request: Request, reply: Reply) {
    discard_body(&mut request);
    let mut response = Response::from_string(reply.body).with_status_code(reply.status);
    let retry_after = reply.retry_after_secs.map(|secs| secs.to_string());
    let mut headers = vec![("Content-Type", reply.content_type), ("Cache-Control", "no-store")];
    headers.extend(retry_after.as_deref().map(|secs| ("Retry-After", secs)));
    headers.extend(reply.allow.map(|allow| ("Allow", allow)));
    if reply.status == 401 {
        headers.push(("WWW-Authenticate", "Bearer"));
    }
    for (name, value) in headers {
        if let Ok(header) = Header::from_bytes(name, value) {
            response.add_header(header);
        }
    }
    // The peer may have gone: its run is recorded all the same.
    drop(request.respond(response));
}
