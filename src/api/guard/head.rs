//! The head of a request, read strictly: what two programs could read in two ways is refused. Pure.

use crate::config::Authority;

/// More headers than this are too many.
const HEADERS_MAX: usize = 64;
const METHOD_BYTES_MAX: usize = 16;
/// Of X-Forwarded-For, in the audit trail.
const FORWARDED_CHARS_MAX: usize = 100;

/// The headers that go on; everything else stays here, strangers' copies of our own ones too. Those
/// with `false` may stand there only once.
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
    ("If-None-Match", true),
    ("If-Modified-Since", false),
    ("X-Webhook-Hmac", false),
    ("X-Webhook-Hmac-Algorithm", false),
    ("X-Webhook-Request-Id", false),
];

/// Why a request is not taken: a status and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 400 to 499, or 503.
    pub(crate) status: u16,
    pub(crate) message: &'static str,
}

impl Refusal {
    pub(in crate::api) const fn new(status: u16, message: &'static str) -> Self {
        Self { status, message }
    }
}

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So many bytes; 0 without a body.
    Bytes(u64),
    /// It comes in chunks, and says itself when it ends.
    Chunked,
}

/// A request's head, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub(crate) method: String,
    /// Begins with a slash; visible ASCII.
    pub(crate) target: String,
    pub(crate) length: Length,
    /// `Host`; only HTTP/1.0 may have none.
    pub(crate) host: Option<Authority>,
    pub(crate) origin: Option<String>,
    pub(crate) fetch_site: Option<String>,
    /// `X-Forwarded-For`, made harmless; anybody can write anything there.
    pub(crate) forwarded: Option<String>,
    /// The connection ends with this request.
    pub(crate) is_last: bool,
    /// The client waits for a `100 Continue` before it sends the body.
    pub(crate) expects_continue: bool,
    /// The header lines that go on.
    pub(super) passed: Vec<u8>,
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
    let refuse = |message| Err(Refusal::new(400, message));
    match (before, byte) {
        (None, 0x16) => refuse("this port speaks http: an https request came"),
        (None, b'\r' | b'\n') => refuse("an empty line stands before the request"),
        (None | Some(b'\n'), b' ' | b'\t') => refuse("a line begins with a space"),
        (Some(b'\r'), b'\n') => Ok(()),
        (_, b'\n') => refuse("a line ends without CR"),
        (Some(b'\r'), _) => refuse("a CR stands within a line"),
        (_, 0) => refuse("a NUL stands in the head"),
        (_, b'\t' | b'\r') => Ok(()),
        (_, 0x01..=0x1f | 0x7f) => refuse("a control character stands in the head"),
        (Some(_) | None, _) => Ok(()),
    }
}

/// Method, target, and the minor version of HTTP/1.
fn request_line(line: &[u8]) -> Result<(&str, &str, u8), Refusal> {
    let refuse = |message| Err(Refusal::new(400, message));
    let Ok(line) = std::str::from_utf8(line) else { return refuse("the request line is no ASCII") };
    let words: Vec<&str> = line.splitn(4, ' ').collect();
    let [method, target, version] = words[..] else {
        return refuse("the request line must be a method, a path and HTTP/1.1");
    };
    let minor = match version {
        "HTTP/1.1" => 1,
        "HTTP/1.0" => 0,
        _ => return refuse("only HTTP/1.1 and HTTP/1.0 are spoken here"),
    };
    let is_method = |byte: u8| byte.is_ascii_uppercase() || byte == b'-';
    if method.is_empty() || method.len() > METHOD_BYTES_MAX || !method.bytes().all(is_method) {
        return refuse("this is no method");
    }
    let is_visible = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    if !target.starts_with('/') || !target.bytes().all(is_visible) {
        return refuse(
            "the path must begin with / and be without spaces, # and letters beyond ASCII",
        );
    }
    Ok((method, target, minor))
}

impl Head {
    /// Bytes of the body, as far as that is known.
    pub(super) fn body_bytes(&self) -> usize {
        match self.length {
            // It was compared with a limit, which is a usize.
            Length::Bytes(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX),
            Length::Chunked => 0,
        }
    }

    /// Reads a complete head, with its empty line.
    ///
    /// # Errors
    /// The refusal, when anything about it is not as it must be.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let refuse = |message| Err(Refusal::new(400, message));
        let end = find_end(bytes, &mut 0)?;
        if end != Some(bytes.len()) {
            return refuse("the head is not complete");
        }
        let line_end = bytes.windows(2).position(|pair| pair == b"\r\n").unwrap_or(0);
        let (method, target, minor) = request_line(&bytes[..line_end])?;
        let mut slots = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let (_, headers) = match httparse::parse_headers(&bytes[line_end + 2..], &mut slots) {
            Ok(httparse::Status::Complete(parsed)) => parsed,
            Err(httparse::Error::TooManyHeaders) => {
                return Err(Refusal::new(431, "there are too many headers"));
            }
            Ok(httparse::Status::Partial) | Err(_) => return refuse("a header is malformed"),
        };
        let headers = Headers(headers);
        let connection = headers.all("Connection").collect::<Vec<_>>().join(",");
        let has_token =
            |word: &str| connection.split(',').any(|token| token.trim().eq_ignore_ascii_case(word));
        let length = headers.length(minor)?;
        let text = |name: &str| headers.first(name).map(str::to_owned);
        let head = Self {
            method: method.to_owned(),
            target: target.to_owned(),
            length,
            host: headers.host(minor)?,
            forwarded: headers.forwarded(),
            is_last: minor == 0 || has_token("close"),
            expects_continue: headers.expects_continue()? && minor == 1,
            passed: headers.passed()?,
            origin: text("Origin"),
            fetch_site: text("Sec-Fetch-Site"),
        };
        Ok(head)
    }
}

struct Headers<'a>(&'a [httparse::Header<'a>]);

impl<'a> Headers<'a> {
    fn raw(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let named = move |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case(name);
        self.0.iter().filter(named).map(|header| header.value)
    }

    /// Those in ASCII; what is not cannot be any that we know.
    fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let is_ascii = |value: &&[u8]| value.is_ascii();
        self.raw(name).filter(is_ascii).filter_map(|value| std::str::from_utf8(value).ok())
    }

    fn first(&self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }

    fn host(&self, minor: u8) -> Result<Option<Authority>, Refusal> {
        let refuse = |message| Err(Refusal::new(400, message));
        let hosts: Vec<&[u8]> = self.raw("Host").collect();
        match hosts[..] {
            [] if minor == 0 => Ok(None),
            [] => refuse("the header Host is missing"),
            [host] => match std::str::from_utf8(host).ok().and_then(Authority::parse) {
                Some(host) => Ok(Some(host)),
                None => refuse("the header Host is malformed"),
            },
            [..] => refuse("the header Host stands there twice"),
        }
    }

    fn length(&self, minor: u8) -> Result<Length, Refusal> {
        let refuse = |message| Err(Refusal::new(400, message));
        let lengths: Vec<&[u8]> = self.raw("Content-Length").collect();
        let encodings: Vec<&[u8]> = self.raw("Transfer-Encoding").collect();
        match (&lengths[..], &encodings[..]) {
            ([], []) => Ok(Length::Bytes(0)),
            ([], [only]) if minor == 1 && only.eq_ignore_ascii_case(b"chunked") => {
                Ok(Length::Chunked)
            }
            ([], _) => refuse("only Transfer-Encoding: chunked is understood, in HTTP/1.1"),
            ([digits], []) if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
                // A number that does not fit is too large for every limit.
                let number = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
                Ok(Length::Bytes(number.unwrap_or(u64::MAX)))
            }
            ([_], []) => refuse("the header Content-Length is no number"),
            (_, []) => refuse("the header Content-Length stands there twice"),
            (_, _) => refuse("Content-Length and Transfer-Encoding contradict each other"),
        }
    }

    fn expects_continue(&self) -> Result<bool, Refusal> {
        let mut expected = self.raw("Expect");
        match expected.next() {
            None => Ok(false),
            Some(value) if value.eq_ignore_ascii_case(b"100-continue") => Ok(true),
            Some(_) => Err(Refusal::new(417, "the header Expect asks for what is not offered")),
        }
    }

    fn passed(&self) -> Result<Vec<u8>, Refusal> {
        let mut lines = Vec::new();
        for (name, may_repeat) in PASSED {
            if !may_repeat && self.raw(name).count() > 1 {
                return Err(Refusal::new(400, "a header stands there twice"));
            }
            for value in self.all(name) {
                lines.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            }
        }
        Ok(lines)
    }

    /// Only what addresses are written with; all headers of the name, as one list.
    fn forwarded(&self) -> Option<String> {
        let text = self.all("X-Forwarded-For").collect::<Vec<_>>().join(", ");
        let plain =
            |c: char| if c.is_ascii_alphanumeric() || ".:,[]_- ".contains(c) { c } else { '?' };
        let text: String = text.trim().chars().map(plain).take(FORWARDED_CHARS_MAX).collect();
        (!text.is_empty()).then_some(text)
    }
}
