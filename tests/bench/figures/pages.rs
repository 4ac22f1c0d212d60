//! The panel of a large chain of shops: how long each page takes, and how large it is.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::stored::median;
use crate::Line;
use crate::program::{Place, Server};
use crate::stub::Stub;

const PASSWORD: &str = "rahasia toko";
/// The database and the pages that tests/behaviour/panel/size.rs and the browser have, too.
const LARGE: &str = include_str!("../../panel/large.sql");
const PAGES: &str = include_str!("../../panel/large-pages.txt");
const NOW: &str =
    "CREATE TEMP TABLE moment AS SELECT strftime('%Y-%m-%dT%H:%M:%SZ', 'now') AS now;";

/// A browser that is logged in.
struct Browser<'a> {
    server: &'a Server,
    cookies: String,
    csrf: String,
}

struct Answer {
    status: String,
    cookies: Vec<String>,
    body: String,
    took: Duration,
}

/// Each page, asked several times over HTTP: the slowest by its median, and the largest. Those below the empty line ask
/// for the plan of a message to a tenth of all contacts, or to all.
pub fn pages(is_quick: bool) -> Vec<Line> {
    let stub = Stub::start(Duration::ZERO);
    let place = Place::new(&stub.base_url, &[("ADMIN_PASSWORD", PASSWORD)]);
    place.fill(&format!("{NOW}{LARGE}"));
    let day: String = place.ask("SELECT date('now', '+5 days')");
    let server = place.serve();
    let browser = Browser::log_in(&server);
    let rounds = if is_quick { 3 } else { 11 };
    let groups = PAGES.trim_end().split("\n\n");
    let whats =
        ["pages of the panel", "of them that ask for the plan of a message to 10000 or all"];
    let line = |(group, what): (&str, &str)| {
        let pages: Vec<String> = group.lines().map(|page| page.replace("{day}", &day)).collect();
        line(what, &pages.iter().map(|page| browser.measure(page, rounds)).collect::<Vec<_>>())
    };
    let mut lines: Vec<Line> = groups.clone().zip(whats).map(line).collect();
    let asking = groups.last().unwrap_or_default();
    let counted = asking.lines().map(|page| browser.until_counted(&page.replace("{day}", &day)));
    let slowest = counted.max().expect("there are pages");
    lines.push(Line {
        figure: "the plans of those 6, counted beside the page".into(),
        must: "at most 3 s".into(),
        measured: format!("the slowest was there after {:.2} s", slowest.as_secs_f64()),
        is_reached: slowest <= Duration::from_secs(3),
    });
    lines
}

/// A page with how long it took and its bytes.
type Measured = (String, Duration, usize);

fn line(what: &str, seen: &[Measured]) -> Line {
    let slowest = seen.iter().max_by_key(|one| one.1).expect("there are pages");
    let largest = seen.iter().max_by_key(|one| one.2).expect("there are pages");
    let short = |page: &str| page.split(' ').take(2).collect::<Vec<_>>().join(" ");
    Line {
        figure: format!("{} {what}; 200 numbers, 100000 contacts, 10000 messages", seen.len()),
        must: "each at most 100 ms and 100 KB".into(),
        measured: format!(
            "{:.0} ms (`{}`), {:.1} KB (`{}`); median of all {:.1} ms",
            slowest.1.as_secs_f64() * 1e3,
            short(&slowest.0),
            kilo(largest.2),
            short(&largest.0),
            median(seen.iter().map(|one| one.1).collect()).as_secs_f64() * 1e3,
        ),
        is_reached: slowest.1 <= Duration::from_millis(100) && largest.2 <= 100_000,
    }
}

impl<'a> Browser<'a> {
    fn log_in(server: &'a Server) -> Self {
        let mut browser = Self { server, cookies: String::new(), csrf: String::new() };
        for page in ["/panel/login", "POST /panel/login password=rahasia+toko", "/panel/runs"] {
            let answer = browser.ask(page);
            if !answer.cookies.is_empty() {
                browser.cookies = answer.cookies.join("; ");
            }
            if let Some(rest) = answer.body.split("name=\"csrf\" value=\"").nth(1) {
                rest.split('"').next().unwrap_or_default().clone_into(&mut browser.csrf);
            }
        }
        browser
    }

    fn measure(&self, page: &str, rounds: usize) -> Measured {
        let (mut times, mut bytes) = (Vec::new(), 0);
        for _ in 0..rounds {
            let answer = self.ask(page);
            assert!(["200", "303"].contains(&answer.status.as_str()), "{page}: {}", answer.status);
            times.push(answer.took);
            bytes = bytes.max(answer.body.len());
        }
        let took = median(times);
        eprintln!("  {:6.1} ms {bytes:7} bytes {page}", took.as_secs_f64() * 1e3);
        (page.to_owned(), took, bytes)
    }

    /// How long it takes until a page has what it counts, once what was counted before is forgotten.
    fn until_counted(&self, page: &str) -> Duration {
        thread::sleep(Duration::from_secs(11));
        let began = Instant::now();
        while self.ask(page).body.contains("data-counting") {
            thread::sleep(Duration::from_millis(20));
        }
        eprintln!(
            "  {:6.1} ms until its plan is there: {page}",
            began.elapsed().as_secs_f64() * 1e3
        );
        began.elapsed()
    }

    /// `PATH`, or `POST PATH FIELDS`.
    fn ask(&self, page: &str) -> Answer {
        let mut parts = page.split(' ');
        let (method, path, body) = match (parts.next(), parts.next(), parts.next()) {
            (Some("POST"), Some(path), Some(fields)) => {
                ("POST", path, format!("csrf={}&{fields}", self.csrf))
            }
            _ => ("GET", page, String::new()),
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.cookies,
            body.len()
        );
        let began = Instant::now();
        let mut stream = TcpStream::connect(self.server.address()).expect("it listens");
        stream.write_all(head.as_bytes()).expect("sent");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer");
        let took = began.elapsed();
        let answer = String::from_utf8_lossy(&bytes);
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let cookies = head.lines().filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            let is_cookie = name.eq_ignore_ascii_case("Set-Cookie");
            is_cookie.then(|| value.split(';').next().unwrap_or_default().to_owned())
        });
        Answer {
            status: head.split(' ').nth(1).unwrap_or_default().to_owned(),
            cookies: cookies.filter(|one| !one.ends_with('=')).collect(),
            body: body.to_owned(),
            took,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes of pages")]
fn kilo(bytes: usize) -> f64 {
    bytes as f64 / 1e3
}
