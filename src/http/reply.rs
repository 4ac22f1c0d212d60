//! Bytes that go back to a client: the front's own refusals, and the head of an upstream's answer,
//! written anew. Pure.

use serde_json::json;

use super::Refusal;
use super::headers::ANSWER;

const HEADERS_MAX: usize = 32;

/// A refusal as it is sent; its connection ends with it.
pub(super) fn refusal(refusal: Refusal, is_head: bool) -> Vec<u8> {
    let Refusal { status, message } = refusal;
    let body = json!({"error": true, "message": message}).to_string();
    let head = format!(
        "HTTP/1.1 {status} {}\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        reason(status),
        body.len()
    );
    (head + if is_head { "" } else { &body }).into_bytes()
}

/// The words of a status.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Payload Too Large",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unknown",
    }
}

/// Writes the head of an answer anew. Gives it with the length of the body that follows, or nothing
/// when the upstream sent no answer, or broke down over the request.
pub(super) fn head(bytes: &[u8], is_head: bool, is_last: bool) -> Option<(Vec<u8>, u64)> {
    let mut slots = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Response::new(&mut slots);
    if !parsed.parse(bytes).ok()?.is_complete() {
        return None;
    }
    let status = parsed.code?;
    // tiny_http says 500 for a request that was dropped: by a panic, or for want of a thread.
    if status == 500 {
        return None;
    }
    let has_no_body = is_head || matches!(status, 204 | 304);
    let mut length = has_no_body.then_some(0);
    let reason = parsed.reason.unwrap_or_default();
    let mut head = format!("HTTP/1.1 {status} {reason}\r\n").into_bytes();
    for header in parsed.headers.iter() {
        if header.name.eq_ignore_ascii_case("Content-Length") && !has_no_body {
            length = Some(std::str::from_utf8(header.value).ok()?.parse().ok()?);
        }
        if ANSWER.iter().any(|name| header.name.eq_ignore_ascii_case(name)) {
            for part in [header.name.as_bytes(), b": ", header.value, b"\r\n"] {
                head.extend_from_slice(part);
            }
        }
    }
    let connection = if is_last { "close" } else { "keep-alive" };
    head.extend_from_slice(format!("Connection: {connection}\r\n\r\n").as_bytes());
    Some((head, length?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_an_answer_keeps_the_headers_that_pass() {
        let head = |text: &str| {
            let (head, length) = head(text.as_bytes(), false, true)?;
            Some((String::from_utf8(head).unwrap(), length))
        };
        let text = "HTTP/1.0 202 Accepted\r\nServer: x\r\nContent-Length: 2\r\nAllow: POST\r\nKeep-Alive: 5\r\n\r\n";
        let anew = "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nAllow: POST\r\nConnection: close\r\n\r\n";
        assert_eq!(head(text), Some((anew.to_owned(), 2)));
        for text in [
            "HTTP/1.0 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.0 200 OK\r\n\r\n",
            "gibberish\r\n\r\n",
        ] {
            assert_eq!(head(text), None, "{text}");
        }
    }
}
