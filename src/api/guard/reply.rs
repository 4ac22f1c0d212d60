//! What goes back to the client: our own refusals, and the answers of the server behind, whose heads
//! are written anew.

use serde_json::json;

use super::Refusal;

/// The head of an answer from behind; ours are short.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 32;

/// Headers of one connection that mean nothing on the next, and one that is nobody's business.
const DROPPED: &[&str] = &["Connection", "Keep-Alive", "Transfer-Encoding", "Server"];

/// A refusal as it is sent; its connection ends with it.
pub(super) fn refusal(refusal: Refusal, is_head: bool) -> Vec<u8> {
    let Refusal { status, message } = refusal;
    let body = json!({"error": true, "message": message}).to_string();
    let mut text = format!(
        "HTTP/1.1 {status} {}\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        reason(status),
        body.len()
    );
    if !is_head {
        text.push_str(&body);
    }
    text.into_bytes()
}

fn reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        403 => "Forbidden",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Refused",
    }
}

/// How far an answer from behind has come.
#[derive(Debug)]
pub(super) enum Relay {
    /// Its head, as far as it came.
    Head(Vec<u8>),
    /// So many bytes of the body are missing.
    Body(u64),
}

/// What the server behind sent is no answer, or it broke down over the request.
#[derive(Debug)]
pub(super) struct Broken;

impl Relay {
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Body(0))
    }

    pub(super) fn has_begun(&self) -> bool {
        matches!(self, Self::Body(_))
    }

    /// Takes bytes from behind and appends to `out` what the client gets for them.
    pub(super) fn take(
        &mut self,
        mut bytes: &[u8],
        out: &mut Vec<u8>,
        is_head: bool,
        is_last: bool,
    ) -> Result<(), Broken> {
        if let Self::Head(head) = self {
            head.extend_from_slice(bytes);
            let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else {
                return if head.len() > HEAD_BYTES_MAX { Err(Broken) } else { Ok(()) };
            };
            let head = std::mem::take(head);
            let length = write_head(&head[..end + 4], out, is_last)?;
            *self = Self::Body(if is_head { 0 } else { length });
            return self.take(&head[end + 4..], out, is_head, is_last);
        }
        if let Self::Body(missing) = self {
            let length = usize::try_from(*missing).unwrap_or(usize::MAX).min(bytes.len());
            bytes = &bytes[..length];
            *missing -= length as u64;
            out.extend_from_slice(bytes);
        }
        Ok(())
    }
}

/// Writes the head of an answer anew and gives the length of the body that follows.
fn write_head(head: &[u8], out: &mut Vec<u8>, is_last: bool) -> Result<u64, Broken> {
    let mut slots = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Response::new(&mut slots);
    let is_whole = parsed.parse(head).is_ok_and(|status| status.is_complete());
    let (Some(status), true) = (parsed.code, is_whole) else { return Err(Broken) };
    // tiny_http says 500 for a request that was dropped: by a panic, or for want of a thread.
    if status == 500 {
        return Err(Broken);
    }
    let mut length = None;
    let reason = parsed.reason.unwrap_or_default();
    out.extend_from_slice(format!("HTTP/1.1 {status} {reason}\r\n").as_bytes());
    for header in parsed.headers.iter() {
        if header.name.eq_ignore_ascii_case("Content-Length") {
            let text = std::str::from_utf8(header.value).map_err(|_| Broken)?;
            length = Some(text.parse().map_err(|_| Broken)?);
        }
        if !DROPPED.iter().any(|name| header.name.eq_ignore_ascii_case(name)) {
            out.extend_from_slice(header.name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(header.value);
            out.extend_from_slice(b"\r\n");
        }
    }
    let connection = if is_last { "close" } else { "keep-alive" };
    out.extend_from_slice(format!("Connection: {connection}\r\n\r\n").as_bytes());
    match status {
        204 | 304 => Ok(0),
        _ => length.ok_or(Broken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay(text: &str, piece: usize) -> Result<(Relay, String), Broken> {
        let (mut relay, mut out) = (Relay::Head(Vec::new()), Vec::new());
        for bytes in text.as_bytes().chunks(piece) {
            relay.take(bytes, &mut out, false, true)?;
        }
        Ok((relay, String::from_utf8(out).unwrap()))
    }

    #[test]
    fn an_answer_is_the_same_in_any_pieces() {
        let text =
            "HTTP/1.0 202 Accepted\r\nServer: x\r\nContent-Length: 2\r\nAllow: POST\r\n\r\n{}more";
        for piece in 1..text.len() {
            let (relay, out) = relay(text, piece).unwrap();
            assert!(relay.is_done());
            assert_eq!(
                out,
                "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nAllow: POST\r\nConnection: close\r\n\r\n{}"
            );
        }
    }

    #[test]
    fn a_breakdown_behind_is_not_passed_on() {
        for text in [
            "HTTP/1.0 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.0 200 OK\r\n\r\n",
            "gibberish\r\n\r\n",
        ] {
            assert!(relay(text, 1000).is_err(), "{text}");
        }
    }
}
