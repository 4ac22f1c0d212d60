//! The Rust side of tests/compare: many cases through one process. Not part of the program.
//!
//! `compare numbers`: a line `<country code>\t<JSON string>` in, the digits or `-` out.
//! `compare occurrences`: a line of JSON `{"schedules":…,"interval_config":…,"zone":…,"after":secs,
//! "count":n}` in, the next `count` occurrences in seconds since 1970 out, or `error: …`.

use std::io::{self, BufRead, Write};

use auto_message_scheduler::clock::Timestamp;
use auto_message_scheduler::recipient::{CountryCode, normalize_phone};
use auto_message_scheduler::schedule::{Zone, next_occurrence};
use serde_json::Value;

fn main() -> io::Result<()> {
    let answer = match std::env::args().nth(1).as_deref() {
        Some("numbers") => number,
        Some("occurrences") => occurrences,
        _ => return Err(io::Error::other("say `numbers` or `occurrences`")),
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        writeln!(out, "{}", answer(&line?)?)?;
    }
    out.flush()
}

fn number(line: &str) -> io::Result<String> {
    let (code, written) = line.split_once('\t').ok_or_else(|| io::Error::other("no tab"))?;
    let written: String = serde_json::from_str(written)?;
    let country = CountryCode::parse(code).map_err(io::Error::other)?;
    Ok(normalize_phone(&written, &country).unwrap_or_else(|_| "-".to_owned()))
}

fn occurrences(line: &str) -> io::Result<String> {
    let asked: Value = serde_json::from_str(line)?;
    let zone = Zone::parse(asked["zone"].as_str().unwrap_or_default()).map_err(io::Error::other)?;
    let column = |name: &str| asked[name].as_str();
    let mut after = Timestamp::from_secs(asked["after"].as_i64().unwrap_or_default());
    let mut answer = Vec::new();
    for _ in 0..asked["count"].as_u64().unwrap_or(1) {
        match next_occurrence(column("schedules"), column("interval_config"), &zone, after) {
            Ok(Some(at)) => {
                answer.push(at.secs().to_string());
                after = at;
            }
            Ok(None) => break,
            Err(error) => {
                answer.push(format!("error: {error}"));
                break;
            }
        }
    }
    Ok(answer.join(" "))
}
