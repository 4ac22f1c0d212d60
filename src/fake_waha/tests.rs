//! Over real loopback HTTP, mostly with the HTTP client that the program itself uses.

mod faults;
mod lookups;
mod sending;
mod wire;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Engine, FakeWaha, Options};
use crate::clock::{Clock, Now, Timestamp, Wake};

const PERSON: &str = "6281234567890@c.us";
const START_SECS: i64 = 1_800_000_000;

/// A clock that stands still, so that a simulator that slept on it would hang.
struct StillClock(AtomicI64);

impl Clock for StillClock {
    fn now(&self) -> Now {
        let wall = Timestamp::from_secs(self.0.load(Ordering::Relaxed));
        Now { wall, monotonic: Duration::ZERO }
    }

    fn sleep(&self, _wake: &Wake, _seen: u64, _max: Option<Duration>) {
        panic!("the simulator must not sleep on the clock");
    }
}

/// A running simulator, its clock, and a client.
struct World {
    waha: FakeWaha,
    clock: Arc<StillClock>,
    agent: ureq::Agent,
}

/// What the client saw.
struct Seen {
    status: u16,
    retry_after: Option<String>,
    location: Option<String>,
    text: String,
}

impl Seen {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

impl World {
    fn new(engine: Engine) -> Self {
        Self::with(Options { engine, ..Options::default() })
    }

    fn with(options: Options) -> Self {
        let clock = Arc::new(StillClock(AtomicI64::new(START_SECS)));
        let waha = FakeWaha::start(options, Arc::clone(&clock) as Arc<dyn Clock>, |_| {}).unwrap();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .new_agent();
        Self { waha, clock, agent }
    }

    fn set_clock(&self, secs: i64) {
        self.clock.0.store(secs, Ordering::Relaxed);
    }

    fn try_post(&self, path: &str, body: &str) -> Result<Seen, ureq::Error> {
        let url = self.waha.base_url() + path;
        let answer = self.agent.post(&url).content_type("application/json").send(body)?;
        seen(answer)
    }

    fn post(&self, path: &str, body: &Value) -> Seen {
        self.try_post(path, &body.to_string()).unwrap()
    }

    fn get(&self, path: &str) -> Seen {
        seen(self.agent.get(self.waha.base_url() + path).call().unwrap()).unwrap()
    }

    fn send(&self, chat_id: &str, text: &str) -> Seen {
        self.post("/api/sendText", &text_to(chat_id, text))
    }

    /// A connection of our own, which sends `bytes` as they are.
    fn raw(&self, bytes: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.waha.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        stream
    }

    /// A kept-alive `sendText` over a connection of our own.
    fn raw_send(&self, chat_id: &str) -> TcpStream {
        let body = text_to(chat_id, "hi").to_string();
        self.raw(&format!(
            "POST /api/sendText HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    }
}

fn seen(mut answer: ureq::http::Response<ureq::Body>) -> Result<Seen, ureq::Error> {
    let header = |name| Some(answer.headers().get(name)?.to_str().ok()?.to_owned());
    let (retry_after, location) = (header("Retry-After"), header("Location"));
    let status = answer.status().as_u16();
    Ok(Seen { status, retry_after, location, text: answer.body_mut().read_to_string()? })
}

fn text_to(chat_id: &str, text: &str) -> Value {
    json!({ "session": "default", "chatId": chat_id, "text": text })
}

/// Everything that comes until the other side closes.
fn read_all(mut stream: &TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
