//! The head of a request, read strictly: what two programs could read in two ways is refused. Pure.

use std::borrow::Cow;

use crate::config::Authority;
use crate::http::{Response, refuse, see_other};

/// A route knows by this header, a word that only the front has, that a request comes from it.
pub(super) const TOKEN: &str = "X-Guard-Token";
pub const PEER: &str = "X-Guard-Peer";
/// `X-Forwarded-For`, as the client or a proxy wrote it. It decides nothing, unless the peer is trusted.
pub const FORWARDED: &str = "X-Guard-Forwarded";

/// The headers that pass from a client to the routes, and whether they may stand there more than once.
const PASSED: &[(&str, bool)] = &[
    ("Host", false),
    ("Authorization", false),
    ("Content-Type", false),
    ("Cookie", true),
    ("Accept", true),
    ("Accept-Language", true),
    ("User-Agent", false),
    ("Referer", false),
    ("Origin", false),
    ("Sec-Fetch-Site", false),
    ("Idempotency-Key", false),
    ("If-Match", true),
    ("If-None-Match", true),
    ("If-Modified-Since", false),
    ("X-Forwarded-Proto", false),
    ("X-Webhook-Hmac", false),
    ("X-Webhook-Hmac-Algorithm", false),
    ("X-Webhook-Request-Id", false),
];
const HEADERS_MAX: usize = 64;
const METHOD_BYTES_MAX: usize = 16;
/// Of X-Forwarded-For, in the audit trail.
const FORWARDED_CHARS_MAX: usize = 100;

/// Why a request is not taken: a status and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 400 to 499, or 503; 303 for a page that says it, whose path `message` is.
    pub(crate) status: u16,
    pub(crate) message: Cow<'static, str>,
}

impl Refusal {
    pub(crate) const fn new(status: u16, message: &'static str) -> Self {
        Self { status, message: Cow::Borrowed(message) }
    }

    pub(super) fn response(&self) -> Response {
        if self.status == 303 {
            see_other(&self.message)
        } else {
            refuse(self.status, &self.message)
        }
    }
}

fn malformed<T>(message: &'static str) -> Result<T, Refusal> {
    Err(Refusal::new(400, message))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// So many bytes; 0 without a body.
    Bytes(u64),
    /// It comes in chunks, and says itself when it ends.
    Chunked,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub(crate) method: String,
    /// Begins with a slash; visible ASCII.
    pub(crate) target: String,
    /// Of the body.
    pub(crate) length: Length,
    /// The connection ends with this request.
    pub(crate) is_last: bool,
    /// The client waits for a `100 Continue` before it sends the body.
    pub(crate) expects_continue: bool,
    minor: u8,
    headers: Vec<(String, String)>,
}

/// Looks for the end of a head in `input`, byte by byte, from `scanned` on. Gives where the body
/// begins, or nothing as long as the head is not complete.
pub(super) fn find_end(input: &[u8], scanned: &mut usize) -> Result<Option<usize>, Refusal> {
    while let Some(&byte) = input.get(*scanned) {
        let at = *scanned;
        let before = at.checked_sub(1).map(|at| input[at]);
        check_byte(before, byte)?;
        *scanned += 1;
        if byte == b'\n' {
            let line_end = at - 1; // a bare LF was refused, so a CR stands before it
            if input[..line_end].ends_with(b"\r\n") {
                return Ok(Some(at + 1));
            }
            if !input[..line_end].contains(&b'\n') {
                request_line(&input[..line_end])?;
            }
        }
    }
    Ok(None)
}

fn check_byte(before: Option<u8>, byte: u8) -> Result<(), Refusal> {
    match (before, byte) {
        (None, 0x16) => malformed("this port speaks http: an https request came"),
        (None, b'\r' | b'\n') => malformed("an empty line stands before the request"),
        (None | Some(b'\n'), b' ' | b'\t') => malformed("a line begins with a space"),
        (Some(b'\r'), b'\n') => Ok(()),
        (_, b'\n') => malformed("a line ends without CR"),
        (Some(b'\r'), _) => malformed("a CR stands within a line"),
        (_, 0) => malformed("a NUL stands in the head"),
        (_, b'\t' | b'\r') => Ok(()),
        (_, 0x01..=0x1f | 0x7f) => malformed("a control character stands in the head"),
        (Some(_) | None, _) => Ok(()),
    }
}

/// Method, target, and the minor version of HTTP/1.
fn request_line(line: &[u8]) -> Result<(&str, &str, u8), Refusal> {
    let Ok(line) = std::str::from_utf8(line) else {
        return malformed("the request line is no ASCII");
    };
    let words: Vec<&str> = line.splitn(4, ' ').collect();
    let [method, target, version] = words[..] else {
        return malformed("the request line must be a method, a path and HTTP/1.1");
    };
    let minor = match version {
        "HTTP/1.1" => 1,
        "HTTP/1.0" => 0,
        _ => return malformed("only HTTP/1.1 and HTTP/1.0 are spoken here"),
    };
    let is_method = |byte: u8| byte.is_ascii_uppercase() || byte == b'-';
    if method.is_empty() || method.len() > METHOD_BYTES_MAX || !method.bytes().all(is_method) {
        return malformed("this is no method");
    }
    let is_visible = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    if !target.starts_with('/') || !target.bytes().all(is_visible) {
        return malformed(
            "the path must begin with / and be without spaces, # and letters beyond ASCII",
        );
    }
    Ok((method, target, minor))
}

impl Head {
    /// Reads a complete head, with its empty line.
    /// Refuses a head that two programs could read in two ways.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if find_end(bytes, &mut 0)? != Some(bytes.len()) {
            return malformed("the head is not complete");
        }
        let line_end = bytes.windows(2).position(|pair| pair == b"\r\n").unwrap_or(0);
        let (method, target, minor) = request_line(&bytes[..line_end])?;
        let mut slots = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let parsed = match httparse::parse_headers(&bytes[line_end + 2..], &mut slots) {
            Ok(httparse::Status::Complete((_, parsed))) => parsed,
            Err(httparse::Error::TooManyHeaders) => {
                return Err(Refusal::new(431, "there are too many headers"));
            }
            Ok(httparse::Status::Partial) | Err(_) => return malformed("a header is malformed"),
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut head = Self {
            method: method.to_owned(),
            target: target.to_owned(),
            length: Length::Bytes(0),
            is_last: minor == 0,
            expects_continue: false,
            minor,
            headers: parsed.iter().map(|one| (one.name.to_owned(), text(one.value))).collect(),
        };
        let closes =
            |value: &str| value.split(',').any(|token| token.trim().eq_ignore_ascii_case("close"));
        let is_closed = head.all("Connection").any(closes);
        head.is_last |= is_closed;
        head.length = head.read_length()?;
        head.expects_continue = match head.header("Expect") {
            None => false,
            Some(value) if value.eq_ignore_ascii_case("100-continue") => minor == 1,
            Some(_) => {
                return Err(Refusal::new(417, "the header Expect asks for what is not offered"));
            }
        };
        Ok(head)
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = move |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
        self.headers.iter().filter(named).map(|(_, value)| value.as_str())
    }

    /// The target without its query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The first value of a header; what was not UTF-8 in it is replaced.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// `Host`; only HTTP/1.0 may have none.
    pub(crate) fn host(&self) -> Result<Option<Authority>, Refusal> {
        let hosts: Vec<&str> = self.all("Host").collect();
        match hosts[..] {
            [] if self.minor == 0 => Ok(None),
            [] => malformed("the header Host is missing"),
            [host] => match Authority::parse(host) {
                Some(host) => Ok(Some(host)),
                None => malformed("the header Host is malformed"),
            },
            [..] => malformed("the header Host stands there twice"),
        }
    }

    fn read_length(&self) -> Result<Length, Refusal> {
        let lengths: Vec<&str> = self.all("Content-Length").collect();
        let encodings: Vec<&str> = self.all("Transfer-Encoding").collect();
        match (&lengths[..], &encodings[..]) {
            ([], []) => Ok(Length::Bytes(0)),
            ([], [only]) if self.minor == 1 && only.eq_ignore_ascii_case("chunked") => {
                Ok(Length::Chunked)
            }
            ([], _) => malformed("only Transfer-Encoding: chunked is understood, in HTTP/1.1"),
            ([digits], []) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                // A number that does not fit is too large for every limit.
                Ok(Length::Bytes(digits.parse().unwrap_or(u64::MAX)))
            }
            ([_], []) => malformed("the header Content-Length is no number"),
            (_, []) => malformed("the header Content-Length stands there twice"),
            (_, _) => malformed("Content-Length and Transfer-Encoding contradict each other"),
        }
    }

    /// The header lines that the routes get, with `Host` checked. A stranger's copies of our own headers are not
    /// among them, and tiny_http reads ASCII only.
    pub(super) fn passed(&self) -> Result<String, Refusal> {
        self.host()?;
        let mut lines = String::new();
        for (name, may_repeat) in PASSED {
            if !may_repeat && self.all(name).count() > 1 {
                let message = Cow::Owned(format!("the header {name} stands there twice"));
                return Err(Refusal { status: 400, message });
            }
            for value in self.all(name).filter(|value| value.is_ascii()) {
                lines.extend([name, ": ", value, "\r\n"]);
            }
        }
        Ok(lines)
    }

    /// `X-Forwarded-For` as one list, with only the characters of addresses: anybody can write there.
    pub(super) fn forwarded(&self) -> Option<String> {
        let text = self.all("X-Forwarded-For").collect::<Vec<_>>().join(", ");
        let plain =
            |c: char| if c.is_ascii_alphanumeric() || ".:,[]_- ".contains(c) { c } else { '?' };
        let text: String = text.trim().chars().map(plain).take(FORWARDED_CHARS_MAX).collect();
        (!text.is_empty()).then_some(text)
    }
}
