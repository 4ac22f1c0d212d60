//! Answers: those of the routes, of the front and of the simulator of WAHA, and how they are written. Pure.

use std::fs::File;
use std::sync::Arc;

use ::http::StatusCode;
use serde_json::{Value, json};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// Names and values, `Content-Type` among them.
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// In place of a body: a file, which is read while it goes out.
    pub file: Option<OpenFile>,
}

/// A file that a program of ours opened, and how many bytes it has.
#[derive(Clone, Debug)]
pub struct OpenFile {
    pub file: Arc<File>,
    pub bytes: u64,
}

impl PartialEq for OpenFile {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.file, &other.file)
    }
}

impl Eq for OpenFile {}

impl Response {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("Content-Type", content_type.to_owned())];
        Self { status, headers, body: body.into(), file: None }
    }

    /// An answer in JSON that nobody may keep.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string()).with("Cache-Control", "no-store")
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// All bytes of it. The answer to a HEAD has a length but no body.
    pub(crate) fn bytes(&self, is_last: bool, is_head: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.extend([*name, ": ", value.as_str(), "\r\n"]);
        }
        let length = format!("Content-Length: {}\r\n", self.body.len());
        let body = if is_head { &[] } else { self.body.as_slice() };
        [head.as_bytes(), length.as_bytes(), end(is_last).as_bytes(), body].concat()
    }
}

pub(crate) fn refuse(status: u16, message: &str) -> Response {
    let body = json!({"error": true, "code": code(status), "message": message});
    let refusal = Response::json(status, &body);
    if status == 401 { refusal.with("WWW-Authenticate", "Bearer") } else { refusal }
}

/// On to a page of ours, by GET.
pub(crate) fn see_other(path: &str) -> Response {
    Response::new(303, "text/plain; charset=utf-8", "").with("Location", path)
}

/// The name of a refusal for programs, where its status tells all.
fn code(status: u16) -> &'static str {
    match status {
        400 => "bad_request",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        405 => "method_not_allowed",
        408 => "too_slow",
        413 => "too_large",
        421 => "wrong_host",
        429 => "too_many_wrong_secrets",
        431 => "headers_too_large",
        503 => "unavailable",
        _ => "refused",
    }
}

fn end(is_last: bool) -> &'static str {
    if is_last { "Connection: close\r\n\r\n" } else { "Connection: keep-alive\r\n\r\n" }
}

pub(crate) fn reason(status: u16) -> &'static str {
    let known = StatusCode::from_u16(status).ok();
    known.and_then(|status| status.canonical_reason()).unwrap_or("Unknown")
}

/// Writes the head of an answer of tiny_http anew. Gives it with the length of the body that follows, or nothing
/// when that is no answer, or one that says 500: tiny_http says so of a request that was dropped, by a panic or
/// because the system had no thread.
pub(super) fn head(bytes: &[u8], is_head: bool, is_last: bool) -> Option<(Vec<u8>, u64)> {
    let mut lines = std::str::from_utf8(bytes).ok()?.trim_end().split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.get(2..)?;
    let has_no_body = is_head || matches!(status.get(..3)?, "204" | "304");
    let mut length = has_no_body.then_some(0);
    let mut head = format!("HTTP/1.1 {status}\r\n");
    for line in lines {
        let (name, value) = line.split_once(':')?;
        match name.to_ascii_lowercase().as_str() {
            "connection" | "keep-alive" | "server" => continue,
            "content-length" if !has_no_body => length = Some(value.trim().parse().ok()?),
            _ => {}
        }
        head.extend([line, "\r\n"]);
    }
    head += end(is_last);
    let length = length?;
    (!status.starts_with("500")).then(|| (head.into_bytes(), length))
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
