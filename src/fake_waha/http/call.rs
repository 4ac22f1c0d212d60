//! Reading one request, within limits of size and time.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use httparse::Status;

use super::Answer;
use crate::fake_waha::replies;

const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// From the first byte of a request to its last.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);

/// One request, complete.
#[derive(Debug)]
pub(in crate::fake_waha) struct Call {
    pub(crate) method: String,
    /// Path and query, as they were sent.
    pub(crate) target: String,
    /// Decoded, in order.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) api_key: Option<String>,
    pub(crate) body: Vec<u8>,
    /// Whether the client means to send more on this connection.
    pub(crate) keep_alive: bool,
}

/// Why there is no call.
#[derive(Debug)]
pub(super) enum Unread {
    /// The client left, or is too slow.
    Gone,
    /// It is to be told so, and then the connection ends: nobody knows where a next request begins.
    Refused(Answer),
}

impl From<io::Error> for Unread {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl Call {
    /// Reads the next request. `ahead` holds bytes that were read and not used, from call to call.
    pub(super) fn read(mut stream: &TcpStream, ahead: &mut Vec<u8>) -> Result<Self, Unread> {
        let mut started = None;
        let (mut call, head) = loop {
            if let Some(read) = Head::parse(ahead)? {
                break read;
            }
            if ahead.len() >= HEAD_BYTES_MAX {
                return Err(too_long_head());
            }
            more(stream, ahead, &mut started)?;
        };
        if head.expects_continue && ahead.len() < head.bytes + head.body_bytes {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        while ahead.len() < head.bytes + head.body_bytes {
            more(stream, ahead, &mut started)?;
        }
        call.body = ahead[head.bytes..head.bytes + head.body_bytes].to_vec();
        ahead.drain(..head.bytes + head.body_bytes);
        Ok(call)
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

/// What the head says about the bytes of the request.
struct Head {
    bytes: usize,
    body_bytes: usize,
    expects_continue: bool,
}

impl Head {
    /// The call, still without its body; `None` while the head is incomplete.
    fn parse(bytes: &[u8]) -> Result<Option<(Call, Self)>, Unread> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        let head_bytes = match request.parse(bytes) {
            Ok(Status::Complete(head_bytes)) => head_bytes,
            Ok(Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(too_long_head()),
            Err(error) => return Err(refused(400, &error.to_string(), "Bad Request")),
        };
        let all = |name: &'static str| {
            let named =
                request.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
            named.map(|header| String::from_utf8_lossy(header.value).trim().to_owned())
        };
        if all("Transfer-Encoding").next().is_some() {
            return Err(refused(411, "send a Content-Length", "Length Required"));
        }
        let says =
            |name, word: &str| all(name).any(|value| value.to_ascii_lowercase().contains(word));
        let keep_alive = match request.version {
            Some(1) => !says("Connection", "close"),
            Some(_) | None => says("Connection", "keep-alive"),
        };
        let target = request.path.unwrap_or_default().to_owned();
        let call = Call {
            method: request.method.unwrap_or_default().to_owned(),
            query: query_of(&target),
            target,
            api_key: all("X-Api-Key").next(),
            body: Vec::new(),
            keep_alive,
        };
        let body_bytes = body_bytes(&all("Content-Length").collect::<Vec<_>>())?;
        let expects_continue = says("Expect", "100-continue");
        Ok(Some((call, Self { bytes: head_bytes, body_bytes, expects_continue })))
    }
}

/// The length of the body from all its `Content-Length` headers.
fn body_bytes(stated: &[String]) -> Result<usize, Unread> {
    let Some(first) = stated.first() else { return Ok(0) };
    let is_number = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || stated.iter().any(|other| other != first) {
        return Err(refused(400, "bad Content-Length", "Bad Request"));
    }
    // A number that is too large for usize is too large for us as well.
    match first.parse() {
        Ok(length) if length <= BODY_BYTES_MAX => Ok(length),
        Ok(_) | Err(_) => Err(refused(413, "request entity too large", "Payload Too Large")),
    }
}

/// Reads some more bytes; the first ones start the time of the request.
fn more(
    mut stream: &TcpStream,
    ahead: &mut Vec<u8>,
    started: &mut Option<Instant>,
) -> Result<(), Unread> {
    let mut chunk = [0; 4096];
    let count = stream.read(&mut chunk)?;
    let began = *started.get_or_insert_with(Instant::now);
    if count == 0 || began.elapsed() > REQUEST_TIME_MAX {
        return Err(Unread::Gone);
    }
    ahead.extend_from_slice(&chunk[..count]);
    Ok(())
}

fn refused(status: u16, message: &str, error: &str) -> Unread {
    Unread::Refused(replies::nest(status, message, error))
}

fn too_long_head() -> Unread {
    refused(431, "request header too large", "Request Header Fields Too Large")
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
