//! Outgoing HTTP: the only user of ureq. Every limit is set here, and none is left to a default.
//!
//! What a caller must know after a failed POST is whether the request can have arrived. Error kinds
//! cannot tell (a reset looks the same during TLS and after sending). What can: ureq sends the head
//! first and asks for the body only then, so a body that was never read means that no complete
//! request ever left. [`Body`] notes whether it was read.

use std::fs::OpenOptions;
use std::io::{self, Cursor, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::typestate::{WithBody, WithoutBody};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Proxy, RequestBuilder, SendBody};

use crate::private_file;

/// More than any reply of WAHA that matters; what is longer is cut.
const REPLY_BYTES_MAX: u64 = 1024 * 1024;
/// As much as Node itself, which WAHA runs on, takes in a head.
const REPLY_HEAD_BYTES_MAX: usize = 16 * 1024;
const JSON: &str = "application/json";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The same for [`HttpClient::ask`], which has less time for all of it.
const QUESTION_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A session that is not WORKING answers after up to 15 s.
const GET_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a connection that is not used may be used again. One that dies while it is idle makes
/// the fate of the next send unknown, and Node, which WAHA runs on, closes its own after 5 s. So only
/// what follows at once shares one: the look at a session and the send after it, a channel without a
/// delay. Between two sends at their pace none is kept.
const IDLE_MAX: Duration = Duration::from_secs(1);
const IDLE_CONNECTIONS_MAX: usize = 8;
/// Of each connection; the first must hold a whole reply head. The library has 128 KiB for each.
const INPUT_BUFFER_BYTES: usize = 20 * 1024;
const OUTPUT_BUFFER_BYTES: usize = 8 * 1024;

/// Speaks HTTP/1.1, with or without TLS. No redirects, and no proxy from the environment.
#[derive(Clone, Debug)]
pub struct HttpClient {
    agent: Agent,
    /// For GETs and small POSTs.
    question_timeout: Duration,
}

/// How the server is reached, when not directly with public certificates.
#[derive(Clone, Copy, Default)]
pub struct Transport<'a> {
    /// A PEM file with the only CA certificates that are trusted.
    pub ca_file: Option<&'a Path>,
    /// The URL of an HTTP proxy, perhaps with user and password.
    pub proxy: Option<&'a str>,
}

/// The CA file or the proxy is of no use.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    #[error("failed to read WAHA_CA_FILE `{}`", path.display())]
    CaFile { path: PathBuf, source: io::Error },
    #[error(
        "WAHA_CA_FILE `{}` holds no certificate in PEM form (lines that begin with \
         `-----BEGIN CERTIFICATE-----`); from DER form: openssl x509 -inform der -in FILE -out ca.pem",
        .0.display()
    )]
    NoPem(PathBuf),
    /// The proxy's URL is none; it is not repeated.
    #[error("WAHA_PROXY must be the URL of an HTTP proxy such as http://proxy:3128")]
    Proxy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Patch,
    Delete,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) date: Option<String>,
    /// The body, at most 1 MiB of it, or what [`HttpClient::ask`] was given.
    pub body: Vec<u8>,
    pub is_whole: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoReply {
    /// No complete request ever left this machine.
    #[error("{0}")]
    NotSent(String),
    /// The request may have arrived.
    #[error("{0}")]
    MaybeSent(String),
}

type Headers<'a> = &'a [(&'a str, &'a str)];
pub(crate) type Answer = Result<Reply, NoReply>;

/// What came of [`HttpClient::post_upload`].
pub(crate) struct Upload {
    pub(crate) answer: Answer,
    /// Whether any of the body left, and whether all of it did.
    pub(crate) was_begun: bool,
    pub(crate) is_whole: bool,
}

impl HttpClient {
    /// A client whose POSTs may take `post_timeout` from look-up to the last byte of the reply.
    pub fn new(post_timeout: Duration) -> Self {
        Self::over(post_timeout, RootCerts::WebPki, None)
    }

    /// The same, with a CA or a proxy of one's own.
    pub fn with_transport(
        post_timeout: Duration,
        transport: &Transport<'_>,
    ) -> Result<Self, TransportError> {
        let roots = transport.ca_file.map_or(Ok(RootCerts::WebPki), read_ca_file)?;
        let proxy =
            transport.proxy.map(Proxy::new).transpose().map_err(|_| TransportError::Proxy)?;
        Ok(Self::over(post_timeout, roots, proxy))
    }

    fn over(post_timeout: Duration, roots: RootCerts, proxy: Option<Proxy>) -> Self {
        let tls = TlsConfig::builder().root_certs(roots).build();
        Self { agent: agent(post_timeout, tls, proxy), question_timeout: GET_TIMEOUT }
    }

    /// The same for somebody who waits at most `timeout` for each answer but that of a send.
    pub fn brief(self, timeout: Duration) -> Self {
        Self { question_timeout: timeout, ..self }
    }

    pub(crate) fn post_json(&self, url: &str, headers: Headers<'_>, json: Vec<u8>) -> Answer {
        post(self.agent.post(url), JSON, headers, json)
    }

    /// Posts JSON that WAHA answers as soon as a GET.
    pub(crate) fn post_small(&self, url: &str, headers: Headers<'_>, json: Vec<u8>) -> Answer {
        post(self.question(self.agent.post(url)), JSON, headers, json)
    }

    pub(crate) fn put_small(&self, url: &str, headers: Headers<'_>, json: Vec<u8>) -> Answer {
        post(self.question(self.agent.put(url)), JSON, headers, json)
    }

    fn question<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        request.config().timeout_global(Some(self.question_timeout)).build()
    }

    /// Posts JSON of exactly `length` bytes as it is read, in pieces. The server is asked first whether it
    /// takes so much. What was not read to its end never was a whole request.
    pub(crate) fn post_upload(
        &self,
        url: &str,
        headers: Headers<'_>,
        (json, length): (impl Read + Send + 'static, u64),
        timeout: Duration,
    ) -> Upload {
        let read = Arc::new(AtomicU64::new(0));
        let body = Counted { json, read: Arc::clone(&read) };
        let request = self.agent.post(url).config().timeout_global(Some(timeout)).build();
        let request = request
            .header("Content-Type", JSON)
            .header("Content-Length", length.to_string())
            .header("Expect", "100-continue");
        let answer = with_headers(request, headers).send(SendBody::from_owned_reader(body));
        let read = read.load(Ordering::SeqCst);
        let no_reply = if read < length { NoReply::NotSent } else { NoReply::MaybeSent };
        let answer = answer.map(|response| read_reply(response, REPLY_BYTES_MAX));
        let answer = answer.map_err(|error| no_reply(error.to_string()));
        Upload { answer, was_begun: read > 0, is_whole: read >= length }
    }

    pub(crate) fn post_text(&self, url: &str, text: String) -> Answer {
        post(self.agent.post(url), "text/plain; charset=utf-8", &[], text.into_bytes())
    }

    /// Asks a data API, with any method, within the time of [`HttpClient::brief`]. Its replies may be
    /// longer than WAHA's: `reply_max` bytes of one are read.
    pub(crate) fn ask(
        &self,
        method: Method,
        url: &str,
        headers: Headers<'_>,
        json: Vec<u8>,
        reply_max: u64,
    ) -> Answer {
        let connect = Some(self.question_timeout.min(QUESTION_CONNECT_TIMEOUT));
        let bare = |request: RequestBuilder<WithoutBody>| {
            let request = self.question(request).config().timeout_connect(connect).build();
            let sent = with_headers(request, headers).call();
            let read = sent.map(|response| read_reply(response, reply_max));
            read.map_err(|error| NoReply::MaybeSent(error.to_string()))
        };
        let full = |request: RequestBuilder<WithBody>| {
            let request = self.question(request).config().timeout_connect(connect).build();
            post_for(request, JSON, headers, json, reply_max)
        };
        match method {
            Method::Get => bare(self.agent.get(url)),
            Method::Delete => bare(self.agent.delete(url)),
            Method::Post => full(self.agent.post(url)),
            Method::Patch => full(self.agent.patch(url)),
        }
    }

    /// [`NoReply::NotSent`] without a status line: a GET changes nothing, whether or not it arrived.
    pub fn get(&self, url: &str, headers: Headers<'_>) -> Answer {
        let request = with_headers(self.question(self.agent.get(url)), headers);
        let answer = request.call().map(|response| read_reply(response, REPLY_BYTES_MAX));
        answer.map_err(|error| NoReply::NotSent(error.to_string()))
    }
}

fn with_headers<B>(request: RequestBuilder<B>, headers: Headers<'_>) -> RequestBuilder<B> {
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

fn post(
    request: RequestBuilder<WithBody>,
    content_type: &str,
    headers: Headers<'_>,
    bytes: Vec<u8>,
) -> Answer {
    post_for(request, content_type, headers, bytes, REPLY_BYTES_MAX)
}

fn post_for(
    request: RequestBuilder<WithBody>,
    content_type: &str,
    headers: Headers<'_>,
    bytes: Vec<u8>,
    reply_max: u64,
) -> Answer {
    let was_read = Arc::new(AtomicBool::new(false));
    let length = bytes.len().to_string();
    let body = Body { bytes: Cursor::new(bytes), was_read: Arc::clone(&was_read) };
    let request = request.header("Content-Type", content_type).header("Content-Length", &length);
    match with_headers(request, headers).send(SendBody::from_owned_reader(body)) {
        Ok(response) => Ok(read_reply(response, reply_max)),
        Err(error) if was_read.load(Ordering::SeqCst) => Err(NoReply::MaybeSent(error.to_string())),
        Err(error) => Err(NoReply::NotSent(error.to_string())),
    }
}

/// The certificates of a PEM file; other things in it are left out.
fn read_ca_file(path: &Path) -> Result<RootCerts, TransportError> {
    let mut pem = Vec::new();
    private_file::open(path, OpenOptions::new().read(true))
        .and_then(|mut file| file.read_to_end(&mut pem))
        .map_err(|source| TransportError::CaFile { path: path.to_owned(), source })?;
    let no_pem = || TransportError::NoPem(path.to_owned());
    let mut certificates: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|_| no_pem())? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(no_pem());
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

fn agent(timeout: Duration, tls: TlsConfig, proxy: Option<Proxy>) -> Agent {
    let config = Agent::config_builder()
        .timeout_global(Some(timeout))
        .timeout_resolve(Some(CONNECT_TIMEOUT))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .tls_config(tls)
        .proxy(proxy)
        .http_status_as_error(false)
        .max_idle_age(IDLE_MAX)
        .max_idle_connections(IDLE_CONNECTIONS_MAX)
        .max_idle_connections_per_host(IDLE_CONNECTIONS_MAX)
        .input_buffer_size(INPUT_BUFFER_BYTES)
        .output_buffer_size(OUTPUT_BUFFER_BYTES)
        .max_response_header_size(REPLY_HEAD_BYTES_MAX)
        .user_agent(concat!("auto-message-scheduler/", env!("CARGO_PKG_VERSION")))
        .build();
    Agent::with_parts(config, DefaultConnector::default(), Literal(DefaultResolver::default()))
}

/// Resolves names as the library does, in a thread with a time-out, but an address at once.
#[derive(Debug)]
struct Literal(DefaultResolver);

impl Resolver for Literal {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let port = uri.port_u16().or_else(|| match uri.scheme_str() {
            Some("https") => Some(443),
            Some("http") => Some(80),
            _ => None,
        });
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        match (host.parse::<IpAddr>(), port) {
            (Ok(address), Some(port)) => {
                let mut addresses = self.empty();
                addresses.push(SocketAddr::new(address, port));
                Ok(addresses)
            }
            _ => self.0.resolve(uri, config, timeout),
        }
    }
}

fn read_reply(response: ureq::http::Response<ureq::Body>, bytes_max: u64) -> Reply {
    let status = response.status().as_u16();
    let header = |name: &str| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let (retry_after, date) = (header("retry-after"), header("date"));
    let mut body = Vec::new();
    let mut reader = response.into_body().into_reader().take(bytes_max + 1);
    let was_read = reader.read_to_end(&mut body).is_ok();
    let limit = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    let is_whole = was_read && body.len() <= limit;
    body.truncate(limit);
    Reply { status, retry_after, date, body, is_whole }
}

/// A request body that notes whether it was ever asked for.
struct Body {
    bytes: Cursor<Vec<u8>>,
    was_read: Arc<AtomicBool>,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.was_read.store(true, Ordering::SeqCst);
        self.bytes.read(buffer)
    }
}

/// A request body that notes how much of it was given away.
struct Counted<R> {
    json: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.json.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::SeqCst);
        Ok(count)
    }
}
