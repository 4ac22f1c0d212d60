//! Files: what eight of them on their way at once cost in memory, and what a channel with texts notices of it.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use super::pace::{fill_channels, lateness};
use super::small::mega;
use crate::Line;
use crate::program::Place;
use crate::stub::Stub;

const FILE_BYTES: usize = 16 << 20;
const CHANNELS: u32 = 8;
const GAP: Duration = Duration::from_secs(1);

/// What one run came to.
struct Ran {
    peak_bytes: u64,
    /// Of the channel that has only texts.
    p99_lateness: Duration,
    files: usize,
    texts: usize,
}

/// Nine channels; eight of them send a picture of 16 MB again and again, over lines of 4 MB a second. Then the same
/// with texts alone.
pub fn media(is_quick: bool) -> Vec<Line> {
    let secs = if is_quick { 20 } else { 60 };
    let texts = run(false, secs);
    let files = run(true, secs);
    let more = files.peak_bytes.saturating_sub(texts.peak_bytes);
    let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
    vec![Line {
        figure: format!("16 MB files on {CHANNELS} channels, 8 senders and so 7 files at once, {secs} s"),
        must: "at most 2 MB more at its peak than with texts; another channel's p99 lateness at most 50 ms".into(),
        measured: format!(
            "{:.1} MB more ({:.1} and {:.1} MB; {} files); p99 {:.0} ms in {} texts, {:.0} ms with texts alone",
            mega(more),
            mega(files.peak_bytes),
            mega(texts.peak_bytes),
            files.files,
            millis(files.p99_lateness),
            files.texts,
            millis(texts.p99_lateness),
        ),
        is_reached: more <= 2_000_000 && files.p99_lateness <= Duration::from_millis(50),
    }]
}

fn run(has_files: bool, secs: u32) -> Ran {
    let stub = Stub::start(Duration::ZERO);
    let place = Place::new(&stub.base_url, &[("SEND_DELAY_SECONDS", "1"), ("SENDERS", "8")]);
    fill_channels(&place, CHANNELS + 1, secs + 20);
    if has_files {
        let name = take_in(&place);
        place.fill(&format!(
            r#"UPDATE auto_messages SET content = '{{"kind":"image","file":"{name}"}}'
               WHERE channel_id <= {CHANNELS}"#
        ));
    }
    let server = place.serve();
    server.post("/api/cron-auto-message");
    thread::sleep(Duration::from_secs(secs.into()));
    let peak_bytes = server.usage().peak_kib * 1024;
    drop(server);
    let (texts, files): (Vec<_>, Vec<_>) =
        (stub.arrivals().into_iter()).partition(|one| one.session == format!("s{}", CHANNELS + 1));
    let mut late = lateness(&texts, GAP);
    late.sort();
    let p99_lateness = late[late.len() * 99 / 100];
    Ran { peak_bytes, p99_lateness, files: files.len(), texts: texts.len() }
}

/// Puts a picture beside the database, as people do; returns its name.
fn take_in(place: &Place) -> String {
    let mut picture = b"\xff\xd8\xff\xe0".to_vec();
    picture.resize(FILE_BYTES, 7);
    fs::write(place.path("promo.jpg"), picture).expect("a picture");
    let mut command = place.command(&["file", "add", "promo.jpg"]);
    let output = command.stdout(Stdio::piped()).output().expect("it runs");
    assert!(output.status.success(), "it is taken in");
    String::from_utf8(output.stdout).expect("a name").trim().to_owned()
}
