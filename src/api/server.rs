//! The listener: tiny_http in front of [`Api`]. A few threads take requests; one that waits for the
//! end of a run gets a thread of its own, and there are not many of those.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use tiny_http::{Header, Request, Response, Server};

use super::{Answer, Api, Incoming, Reply};
use crate::trigger::RunNumber;

const THREADS: usize = 2;
const STACK_BYTES: usize = 256 * 1024;
/// Requests that wait for a run at the same time; one more is told at once how it stands.
const WAITING_MAX: usize = 16;

/// The HTTP side, serving.
pub struct ApiServer {
    server: Arc<Server>,
    address: SocketAddr,
    threads: Vec<JoinHandle<()>>,
}

/// The HTTP side cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be had.
    #[error("failed to listen on `{address}`{}", remedy(source))]
    Listen {
        /// LISTEN_ADDR.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// A thread could not be started.
    #[error("failed to start an HTTP thread: ask your host for more processes")]
    Thread(#[source] io::Error),
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
    /// Listens on `address` and serves `api` until it is stopped.
    ///
    /// # Errors
    /// When the address cannot be had or a thread cannot be started.
    pub fn start(address: SocketAddr, api: &Arc<Api>) -> Result<Self, ServerError> {
        let listen = |source| ServerError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(listen)?;
        let bound = listener.local_addr().map_err(listen)?;
        let server = Server::from_listener(listener, None)
            .map_err(|source| listen(io::Error::other(source)))?;
        let server = Arc::new(server);
        let waiting = Arc::new(AtomicUsize::new(0));
        let mut threads = Vec::new();
        for number in 0..THREADS {
            let (server, api, waiting) =
                (Arc::clone(&server), Arc::clone(api), Arc::clone(&waiting));
            let builder = thread::Builder::new().name(format!("http-{number}"));
            let serve = move || serve(&server, &api, &waiting);
            threads
                .push(builder.stack_size(STACK_BYTES).spawn(serve).map_err(ServerError::Thread)?);
        }
        Ok(Self { server, address: bound, threads })
    }

    /// Where it listens; with the real port when LISTEN_ADDR had port 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, and returns when those that were taken are answered.
    pub fn stop(self) {
        for _ in &self.threads {
            self.server.unblock();
        }
        for thread in self.threads {
            drop(thread.join()); // a thread that panicked has ended too
        }
    }
}

fn serve(server: &Server, api: &Arc<Api>, waiting: &Arc<AtomicUsize>) {
    // `recv` ends with an error when it is unblocked.
    while let Ok(request) = server.recv() {
        answer(request, api, waiting);
    }
}

fn answer(request: Request, api: &Arc<Api>, waiting: &Arc<AtomicUsize>) {
    let method = request.method().to_string();
    let authorization = request
        .headers()
        .iter()
        .find(|header| header.field.equiv("Authorization"))
        .map(|header| header.value.to_string());
    let remote = request.remote_addr().map(|address| address.ip().to_string());
    let incoming = Incoming {
        method: &method,
        path: request.url(),
        authorization: authorization.as_deref(),
        remote: remote.as_deref(),
    };
    match api.answer(&incoming) {
        Answer::Now(reply) => respond(request, reply),
        Answer::AtTheEnd(run) => respond_at_the_end(request, run, api, waiting),
    }
}

fn respond_at_the_end(
    request: Request,
    run: RunNumber,
    api: &Arc<Api>,
    waiting: &Arc<AtomicUsize>,
) {
    if waiting.fetch_add(1, Ordering::SeqCst) >= WAITING_MAX {
        waiting.fetch_sub(1, Ordering::SeqCst);
        return respond(request, api.look(run));
    }
    let (api, waiting_there) = (Arc::clone(api), Arc::clone(waiting));
    let wait = move || {
        let reply = api.wait(run);
        waiting_there.fetch_sub(1, Ordering::SeqCst);
        respond(request, reply);
    };
    let builder = thread::Builder::new().name("http-waiting".to_owned());
    if let Err(error) = builder.stack_size(STACK_BYTES).spawn(wait) {
        // The request is gone with the closure, so its connection closes without an answer.
        waiting.fetch_sub(1, Ordering::SeqCst);
        log::error!("http: no thread for a waiting request: {error}");
    }
}

fn respond(request: Request, reply: Reply) {
    let mut response = Response::from_string(reply.body).with_status_code(reply.status);
    let mut headers = vec![("Content-Type", "application/json"), ("Cache-Control", "no-store")];
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
