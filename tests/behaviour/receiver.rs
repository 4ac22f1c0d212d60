//! Whoever is told by HEARTBEAT_URL, ALERT_URL or CALLBACK_URL: a small HTTP server that notes what it gets.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What it does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Answers with this status.
    Answers(u16),
    /// Takes the request and never answers.
    Hangs,
}

/// A request: `POST /path`, and its body.
pub type Told = (String, String);

pub struct Receiver {
    port: u16,
    told: Arc<Mutex<Vec<Told>>>,
    /// The headers of each request, in lower case.
    heads: Arc<Mutex<Vec<HashMap<String, String>>>>,
    mood: Arc<Mutex<Mood>>,
}

impl Receiver {
    pub fn new(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let told: Arc<Mutex<Vec<Told>>> = Arc::default();
        let (mood, heads) = (Arc::new(Mutex::new(mood)), Arc::default());
        let (noted, shown) = (Arc::clone(&told), Arc::clone(&mood));
        let noted_heads: Arc<Mutex<Vec<_>>> = Arc::clone(&heads);
        thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some((request, head)) = read(&mut stream) else { continue };
                noted_heads.lock().unwrap().push(head);
                noted.lock().unwrap().push(request);
                let mood = *shown.lock().unwrap();
                match mood {
                    Mood::Answers(status) => {
                        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\n");
                        drop(
                            stream
                                .write_all(format!("{head}Connection: close\r\n\r\nOK").as_bytes()),
                        );
                    }
                    Mood::Hangs => kept.push(stream),
                }
            }
        });
        Self { port, told, heads, mood }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn set_mood(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// What it was told since the last call.
    pub fn take(&self) -> Vec<Told> {
        std::mem::take(&mut self.told.lock().unwrap())
    }

    /// The headers of what it was told since the last call.
    pub fn take_heads(&self) -> Vec<HashMap<String, String>> {
        std::mem::take(&mut self.heads.lock().unwrap())
    }

    /// The request lines alone.
    pub fn take_lines(&self) -> Vec<String> {
        self.take().into_iter().map(|(line, _)| line).collect()
    }

    /// Waits until `is_enough` of all that it was told.
    pub fn wait(&self, is_enough: impl Fn(&[Told]) -> bool) {
        let began = Instant::now();
        while !is_enough(&self.told.lock().unwrap()) {
            let told = self.told.lock().unwrap().clone();
            assert!(began.elapsed() < Duration::from_secs(20), "only: {told:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn read(stream: &mut TcpStream) -> Option<(Told, HashMap<String, String>)> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut head) = (String::new(), HashMap::new());
    reader.read_line(&mut line).ok()?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if let Some((name, value)) = header.trim().split_once(": ") {
            head.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        if header.trim().is_empty() {
            break;
        }
    }
    let length = head.get("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let request = line.trim().trim_end_matches(" HTTP/1.1").to_owned();
    Some(((request, String::from_utf8(body).ok()?), head))
}
