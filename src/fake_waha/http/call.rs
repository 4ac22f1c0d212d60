//! Reading one request, within limits of size and time.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use super::Answer;
use crate::clock::Clock;
use crate::fake_waha::replies;
use crate::http::input::{Ended, Input};
use crate::http::{Length, Refusal, reply};

const HEAD_BYTES_MAX: usize = 16 * 1024;
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// A connection on which nothing comes for so long is closed.
const IDLE_MAX: Duration = Duration::from_mins(2);
/// From the first byte of a request to its last.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);

/// One request, complete.
#[derive(Debug)]
pub(in crate::fake_waha) struct Call {
    pub method: String,
    /// Path and query, as they were sent.
    pub target: String,
    /// Decoded, in order.
    pub query: Vec<(String, String)>,
    pub api_key: Option<String>,
    pub body: Vec<u8>,
    /// Whether the client means to send more on this connection.
    pub keep_alive: bool,
}

/// Why there is no call.
#[derive(Debug)]
pub(super) enum Unread {
    /// The client left, or is too slow.
    Gone,
    /// It is to be told so, and then the connection ends: nobody knows where a next request begins.
    Refused(Answer),
}

impl From<Ended> for Unread {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Closed | Ended::Late => Self::Gone,
            Ended::Refused(Refusal { status, message }) => {
                Self::Refused(replies::nest(status, message, reply::reason(status)))
            }
        }
    }
}

impl Call {
    /// Reads the next request of a connection.
    pub(super) fn read(
        mut stream: &TcpStream,
        input: &mut Input<'_>,
        clock: &dyn Clock,
    ) -> Result<Self, Unread> {
        if input.rest().is_empty() {
            input.more(clock.now().monotonic + IDLE_MAX)?;
        }
        let deadline = clock.now().monotonic + REQUEST_TIME_MAX;
        let head = input.head(HEAD_BYTES_MAX, deadline)?;
        if head.length == Length::Chunked {
            return Err(Ended::from(Refusal::new(411, "send a Content-Length")).into());
        }
        if head.expects_continue && input.rest().is_empty() {
            let written = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
            written.map_err(|_| Unread::Gone)?;
        }
        let body = input.body(head.length, BODY_BYTES_MAX, deadline)?;
        Ok(Self {
            query: query_of(&head.target),
            api_key: head.header("X-Api-Key").map(str::to_owned),
            keep_alive: !head.is_last,
            method: head.method,
            target: head.target,
            body,
        })
    }

    /// The path as it was sent, without the query.
    pub(in crate::fake_waha) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The first value of a query parameter.
    pub(in crate::fake_waha) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

fn query_of(target: &str) -> Vec<(String, String)> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decoded(key, true), decoded(value, true)))
        .collect()
}

/// Percent-decoded; in a query `+` is a space too. What is not encoded correctly stays as it is.
pub(in crate::fake_waha) fn decoded(text: &str, is_query: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                bytes.push(hex_value(*high) << 4 | hex_value(*low));
                rest = after;
            }
            (b'+', _) if is_query => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The value of a digit that is known to be hexadecimal.
fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        other => (other | 0x20) - b'a' + 10,
    }
}
