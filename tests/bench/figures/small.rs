//! What the program weighs when it does nothing.

use std::thread;
use std::time::Duration;

use crate::Line;
use crate::program::{Place, program};
use crate::stub::Stub;

pub fn binary(_is_quick: bool) -> Vec<Line> {
    let bytes = std::fs::metadata(program()).expect("cargo bench builds it").len();
    vec![Line {
        figure: "release binary".into(),
        must: "at most 10 MB".into(),
        measured: format!("{:.2} MB", mega(bytes)),
        is_reached: bytes <= 10_000_000,
    }]
}

/// With the default ticker, nothing to do, and a minute of it.
pub fn idle(is_quick: bool) -> Vec<Line> {
    let stub = Stub::start(Duration::ZERO);
    let place = Place::new(&stub.base_url, &[("TICK_SECONDS", "60")]);
    let server = place.serve();
    thread::sleep(Duration::from_secs(3));
    let before = server.usage();
    let secs = if is_quick { 10 } else { 120 };
    thread::sleep(Duration::from_secs(secs));
    let after = server.usage();
    #[expect(clippy::cast_precision_loss, reason = "a count of wake-ups")]
    let wakeups = (after.wakeups - before.wakeups) as f64 / Duration::from_secs(secs).as_secs_f64();
    let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64()
        / Duration::from_secs(secs).as_secs_f64();
    vec![Line {
        figure: "idle `serve`".into(),
        must: "at most 10 MB resident, 2 wake-ups a second, 0.0 % CPU".into(),
        measured: format!(
            "{:.1} MB, {wakeups:.2} wake-ups a second, {:.2} % CPU",
            mega(after.resident_kib * 1024),
            cpu * 100.0
        ),
        is_reached: after.resident_kib * 1024 <= 10_000_000 && wakeups <= 2.0 && cpu < 0.0005,
    }]
}

#[expect(clippy::cast_precision_loss, reason = "sizes of programs")]
pub fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
