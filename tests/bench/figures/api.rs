//! The API: messages made from kept connections, and lists and single messages of a large database.

use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use super::stored::{history, median};
use crate::program::{Place, Server};
use crate::stub::Stub;
use crate::{Line, limit};

const CONNECTIONS: u32 = 8;

/// A server with a key, and a connection to it that is kept.
struct Client<'a> {
    server: &'a Server,
    key: &'a str,
    agent: ureq::Agent,
}

impl<'a> Client<'a> {
    fn new(server: &'a Server, key: &'a str) -> Self {
        let agent = ureq::Agent::config_builder().max_idle_connections(1).build().into();
        Self { server, key, agent }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/api/v1{path}", self.server.address())
    }

    fn create(&self, number: u32) {
        let body = format!(
            r#"{{"text":"Halo, pesanan {number} sudah siap","to":["0812{number:08}"],"at":"2037-01-01 08:00"}}"#
        );
        let request = self.agent.post(self.url("/messages")).content_type("application/json");
        let request = request.header("Authorization", format!("Bearer {}", self.key));
        let mut answer = request.send(&body).expect("201");
        answer.body_mut().read_to_string().expect("a body");
    }

    fn get(&self, path: &str) -> Duration {
        let began = Instant::now();
        let request = self.agent.get(self.url(path));
        let mut answer =
            request.header("Authorization", format!("Bearer {}", self.key)).call().expect("200");
        answer.body_mut().read_to_string().expect("a body");
        began.elapsed()
    }
}

fn add_key(place: &Place) -> String {
    let mut command = place.command(&["api-key", "add", "figures"]);
    let output = command.stdout(Stdio::piped()).output().expect("it runs");
    String::from_utf8(output.stdout).expect("a key").trim().to_owned()
}

/// Messages a second that eight connections make, against the limit.
pub fn create(is_quick: bool) -> Vec<Line> {
    let count: u32 = if is_quick { 1_000 } else { 4_000 };
    let stub = Stub::start(Duration::ZERO);
    let place = Place::new(&stub.base_url, &[]);
    let key = add_key(&place);
    let server = place.serve();
    let mut rounds = Vec::new();
    for round in 0..if is_quick { 1 } else { 3 } {
        let before = limit::messages_per_second(&stub, &place, count / 4);
        let began = Instant::now();
        thread::scope(|scope| {
            for connection in 0..CONNECTIONS {
                let (server, key) = (&server, &key);
                scope.spawn(move || {
                    let client = Client::new(server, key);
                    let first = (round * CONNECTIONS + connection) * count;
                    (0..count / CONNECTIONS).for_each(|one| client.create(first + one));
                });
            }
        });
        let rate = f64::from(count) / began.elapsed().as_secs_f64();
        let after = limit::messages_per_second(&stub, &place, count / 4);
        let limit = 2.0 / (1.0 / before + 1.0 / after);
        rounds.push((rate / limit, rate, limit));
    }
    rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (ratio, rate, limit) = rounds[rounds.len() / 2];
    vec![Line {
        figure: format!("POST /api/v1/messages from {CONNECTIONS} kept connections"),
        must: "0.5 of the limit loop".into(),
        measured: format!("{ratio:.2} ({rate:.0} of {limit:.0} messages/s)"),
        is_reached: ratio >= 0.5,
    }]
}

/// A page and one message, on a database with a page of messages and on one with very many.
pub fn look(is_quick: bool) -> Vec<Line> {
    let messages: u32 = if is_quick { 50_000 } else { 1_000_000 };
    let stub = Stub::start(Duration::ZERO);
    let places = [60, messages].map(|count| {
        let place = Place::new(&stub.base_url, &[]);
        place.fill(&history(count));
        let key = add_key(&place);
        (place, key)
    });
    let servers = [places[0].0.serve(), places[1].0.serve()];
    let line = |path: &str| {
        let clients = [0, 1].map(|one: usize| Client::new(&servers[one], &places[one].1));
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..51 {
            for (client, times) in clients.iter().zip(&mut times) {
                times.push(client.get(path));
            }
        }
        let [few, many] = times.map(|times| median(times).as_secs_f64() * 1e3);
        let ratio = many / few;
        Line {
            figure: format!("GET /api/v1{path}, {messages} messages, {} deliveries", messages * 5),
            must: "at most 2 x the time with 60 messages".into(),
            measured: format!("{ratio:.2} x ({many:.2} ms against {few:.2} ms)"),
            is_reached: ratio <= 2.0,
        }
    };
    ["/messages", "/messages?status=sent", "/messages/30", "/messages/30/deliveries"]
        .map(line)
        .into()
}
