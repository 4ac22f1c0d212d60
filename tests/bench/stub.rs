//! A WAHA that answers at once, or after a fixed time, and notes when each message arrived: the peer
//! that costs least, so that what is measured is ours. Files it takes in no faster than a line of 4 MB a second, and
//! keeps none of their bytes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A message that arrived.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub at: Instant,
    pub session: String,
}

/// The stub, until the program ends.
pub struct Stub {
    pub base_url: String,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
}

impl Stub {
    /// Takes connections on a port of its own; each POST is answered after `answer_after`.
    pub fn start(answer_after: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let base_url = format!("http://{}", listener.local_addr().expect("bound"));
        let arrivals = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&arrivals);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let arrivals = Arc::clone(&shared);
                let talk = move || drop(talk(stream, answer_after, &arrivals));
                drop(thread::Builder::new().stack_size(128 * 1024).spawn(talk));
            }
        });
        Self { base_url, arrivals }
    }

    pub fn count(&self) -> usize {
        self.arrivals.lock().expect("no panic").len()
    }

    pub fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.lock().expect("no panic").clone()
    }

    /// Waits until `count` messages arrived; `false` when that takes longer than `patience`.
    pub fn wait_for(&self, count: usize, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while self.count() < count {
            if Instant::now() > until {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
        true
    }
}

/// Serves one connection for as long as it is kept.
fn talk(
    stream: TcpStream,
    answer_after: Duration,
    arrivals: &Mutex<Vec<Arrival>>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let request = line.clone();
        let (mut length, mut closes, mut waits) = (0, false, false);
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let header = line.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            closes |= header == "connection: close";
            waits |= header == "expect: 100-continue";
        }
        if waits {
            writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let is_message = request.starts_with("POST /api/send");
        let body = if is_message && !request.starts_with("POST /api/sendText") {
            take_slowly(&mut reader, length)?
        } else {
            let mut body = vec![0; length];
            reader.read_exact(&mut body)?;
            body
        };
        let answer = if is_message {
            arrivals.lock().expect("no panic").push(arrival(&body));
            if !answer_after.is_zero() {
                thread::sleep(answer_after);
            }
            reply("201 Created", r#"{"key":{"id":"3EB0C431C26A1916E07A"}}"#)
        } else if request.contains("/new-message-id") {
            reply(
                "404 Not Found",
                r#"{"message":"Cannot GET","error":"Not Found","statusCode":404}"#,
            )
        } else {
            reply(
                "200 OK",
                r#"{"name":"default","status":"WORKING","engine":{"engine":"NOWEB"},"tier":"PLUS","version":"2026.7.1"}"#,
            )
        };
        writer.write_all(answer.as_bytes())?;
        if closes {
            return Ok(());
        }
    }
}

/// Takes a body with a file in it; what comes before the file is returned.
fn take_slowly(reader: &mut impl Read, length: usize) -> std::io::Result<Vec<u8>> {
    const BYTES_PER_SECOND: f64 = 4e6;
    let (mut piece, mut taken, mut head) = (vec![0; 64 * 1024], 0, Vec::new());
    let began = Instant::now();
    while taken < length {
        let most = piece.len().min(length - taken);
        let count = reader.read(&mut piece[..most])?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if head.is_empty() {
            head.extend_from_slice(&piece[..count]);
        }
        taken += count;
        #[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
        let due = Duration::from_secs_f64(taken as f64 / BYTES_PER_SECOND);
        thread::sleep(due.saturating_sub(began.elapsed()));
    }
    Ok(head)
}

/// Reads no more than the name of the session, because a file's body is not kept whole.
fn arrival(body: &[u8]) -> Arrival {
    let text = String::from_utf8_lossy(body);
    let after = text.split_once("\"session\":\"").map_or("", |(_, rest)| rest);
    let session = after.split('"').next().unwrap_or_default().to_owned();
    Arrival { at: Instant::now(), session }
}

fn reply(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}
