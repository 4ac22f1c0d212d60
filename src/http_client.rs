//! Outgoing HTTP: the only user of ureq. Every limit is set here, and none is left to a default.
//!
//! What a caller must know after a failed POST is whether the request can have arrived. Error kinds
//! cannot tell (a reset looks the same during TLS and after sending). What can: ureq sends the head
//! first and asks for the body only then, so a body that was never read means that no complete
//! request ever left. [`Body`] notes whether it was read.

use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ureq::{Agent, SendBody};

/// More than any reply of WAHA that matters; what is longer is cut.
const REPLY_BYTES_MAX: u64 = 1024 * 1024;
const REPLY_HEAD_BYTES_MAX: usize = 32 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A session that is not WORKING answers after up to 15 s.
const GET_TIMEOUT: Duration = Duration::from_secs(20);

/// Speaks HTTP/1.1, with or without TLS. No redirects, no proxy, no connection kept: one that dies
/// while it is idle would make the next send's fate unknown.
#[derive(Clone, Debug)]
pub struct HttpClient {
    posts: Agent,
    gets: Agent,
}

/// A reply, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status, 100 to 999.
    pub status: u16,
    /// The header `Retry-After`, when it is text.
    pub retry_after: Option<String>,
    /// The header `Date`, when it is text.
    pub date: Option<String>,
    /// The body, at most 1 MiB of it.
    pub body: Vec<u8>,
    /// Whether that is the whole body.
    pub is_whole: bool,
}

/// There was no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoReply {
    /// No complete request ever left this machine.
    #[error("{0}")]
    NotSent(String),
    /// The request may have arrived.
    #[error("{0}")]
    MaybeSent(String),
}

impl HttpClient {
    /// A client whose POSTs may take `post_timeout` from look-up to the last byte of the reply.
    #[must_use]
    pub fn new(post_timeout: Duration) -> Self {
        Self { posts: agent(post_timeout), gets: agent(GET_TIMEOUT) }
    }

    /// Posts JSON.
    ///
    /// # Errors
    /// [`NoReply`] when no status line came back.
    pub fn post_json(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        json: Vec<u8>,
    ) -> Result<Reply, NoReply> {
        let was_read = Arc::new(AtomicBool::new(false));
        let length = json.len().to_string();
        let body = Body { bytes: Cursor::new(json), was_read: Arc::clone(&was_read) };
        let mut request = self
            .posts
            .post(url)
            .header("Content-Type", "application/json")
            .header("Content-Length", &length);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match request.send(SendBody::from_owned_reader(body)) {
            Ok(response) => Ok(read_reply(response)),
            Err(error) if was_read.load(Ordering::SeqCst) => {
                Err(NoReply::MaybeSent(error.to_string()))
            }
            Err(error) => Err(NoReply::NotSent(error.to_string())),
        }
    }

    /// Gets a resource.
    ///
    /// # Errors
    /// [`NoReply::NotSent`] when no status line came back: a GET changes nothing, so it never matters
    /// whether it arrived.
    pub fn get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Reply, NoReply> {
        let mut request = self.gets.get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.call().map(read_reply).map_err(|error| NoReply::NotSent(error.to_string()))
    }
}

fn agent(timeout: Duration) -> Agent {
    Agent::config_builder()
        .timeout_global(Some(timeout))
        .timeout_resolve(Some(CONNECT_TIMEOUT))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .http_status_as_error(false)
        .max_idle_connections(0)
        .max_response_header_size(REPLY_HEAD_BYTES_MAX)
        .user_agent(concat!("auto-message-scheduler/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

fn read_reply(response: ureq::http::Response<ureq::Body>) -> Reply {
    let status = response.status().as_u16();
    let header = |name: &str| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let (retry_after, date) = (header("retry-after"), header("date"));
    let mut body = Vec::new();
    let mut reader = response.into_body().into_reader().take(REPLY_BYTES_MAX + 1);
    let was_read = reader.read_to_end(&mut body).is_ok();
    let limit = usize::try_from(REPLY_BYTES_MAX).unwrap_or(usize::MAX);
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
