//! The wire: connections, one thread each, requests in, answers out, or no answer at all.
//!
//! It speaks HTTP/1.1 with keep-alive and bodies of a stated length: what HTTP clients send. It must
//! survive any client, a slow, a malformed or a vanished one, and end as soon as it is told to stop.

mod call;
mod server;

pub(super) use call::{Call, decoded};
pub(super) use server::Server;

use std::fmt::Write as _;

use serde_json::Value;

/// An answer, ready to be written.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    status: u16,
    content_type: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json", &body.to_string())
    }

    pub(super) fn text(status: u16, content_type: &'static str, body: &str) -> Self {
        Self { status, content_type, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// All bytes of the answer. The answer to a HEAD has a length but no body.
    fn bytes(&self, keep_alive: bool, is_head: bool) -> Vec<u8> {
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let mut head = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}; charset=utf-8\r\nContent-Length: {}\r\nConnection: {connection}\r\n",
            self.status,
            reason(self.status),
            self.content_type,
            self.body.len(),
        );
        for (name, value) in &self.headers {
            // Writing to a String cannot fail.
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        if !is_head {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// What happens on the connection after a request.
#[derive(Debug)]
pub(super) enum Then {
    Answer(Answer),
    /// Close without a byte.
    HangUp,
    /// Keep silent until the client gives up.
    Hold,
}

/// A reply, and the place in the journal of the message that the request brought, if it did.
#[derive(Debug)]
pub(super) struct Reply {
    pub(crate) then: Then,
    pub(crate) received: Option<usize>,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self { then: Then::Answer(answer), received: None }
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        411 => "Length Required",
        413 => "Payload Too Large",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unknown",
    }
}
