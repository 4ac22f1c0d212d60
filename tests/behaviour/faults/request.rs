//! A request as it lies in the socket: seen without taking it, or taken.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// A request of a few hundred bytes is there at once or never.
const LOOKS_MAX: usize = 5000;
const LOOK_EVERY: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub api_key: Option<String>,
    /// Of a request to send, when its body was seen.
    pub chat_id: String,
    /// The reserved id of a request to send.
    pub id: Option<String>,
    head_bytes: usize,
    body_bytes: usize,
    /// The body comes only when it is asked for.
    expects_continue: bool,
}

impl Request {
    /// `None` when the client has nothing more to say.
    pub fn peek_head(stream: &TcpStream) -> Option<Self> {
        peek_until(stream, Self::read_head)
    }

    /// With its body, which is asked for as Node does, when the client waits for that.
    pub fn peek_all(mut stream: &TcpStream) -> Option<Self> {
        let mut has_asked = false;
        peek_until(stream, |seen| {
            let mut request = Self::read_head(seen)?;
            let all = request.head_bytes + request.body_bytes;
            if request.expects_continue && seen.len() < all && !has_asked {
                has_asked = true;
                stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
            }
            let body = seen.get(request.head_bytes..all)?;
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            body["chatId"].as_str().unwrap_or_default().clone_into(&mut request.chat_id);
            request.id = body["id"].as_str().map(str::to_owned);
            Some(request)
        })
    }

    pub fn take_head(stream: &TcpStream) -> Option<()> {
        take(stream, Self::peek_head(stream)?.head_bytes)
    }

    pub fn take_all(stream: &TcpStream) -> Option<Self> {
        let request = Self::peek_all(stream)?;
        take(stream, request.head_bytes + request.body_bytes)?;
        Some(request)
    }

    fn read_head(seen: &[u8]) -> Option<Self> {
        let head_bytes = seen.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&seen[..head_bytes]).into_owned();
        let mut words = head.split(' ');
        let header = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            let mut found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
            found.next().map(|(_, value)| value.to_owned())
        };
        Some(Self {
            method: words.next()?.to_owned(),
            path: words.next()?.to_owned(),
            api_key: header("x-api-key"),
            chat_id: String::new(),
            id: None,
            head_bytes,
            expects_continue: header("expect").is_some(),
            body_bytes: header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0),
        })
    }
}

fn peek_until<T>(stream: &TcpStream, mut read: impl FnMut(&[u8]) -> Option<T>) -> Option<T> {
    let mut buffer = vec![0; 64 * 1024];
    for _ in 0..LOOKS_MAX {
        let seen = stream.peek(&mut buffer).ok().filter(|seen| *seen > 0)?;
        if let Some(found) = read(&buffer[..seen]) {
            return Some(found);
        }
        thread::sleep(LOOK_EVERY);
    }
    None
}

fn take(mut stream: &TcpStream, bytes: usize) -> Option<()> {
    stream.read_exact(&mut vec![0; bytes]).ok()
}
