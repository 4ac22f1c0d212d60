//! What grows: an address book that comes in, and a year of sends that is kept and then pruned.

use std::fs;
use std::time::{Duration, Instant};

use super::small::mega;
use crate::Line;
use crate::program::{Place, Ran};
use crate::stub::Stub;

/// A list of a million contacts, with names and a tag each, into an empty address book.
pub fn import(is_quick: bool) -> Vec<Line> {
    let count: u32 = if is_quick { 100_000 } else { 1_000_000 };
    let plain = |number: u32| {
        let kind = ["pelanggan", "pasien", "reseller"][number as usize % 3];
        format!("Pelanggan {number},0812{number:08},{kind}\n")
    };
    let google = |number: u32| {
        let kind = ["Pelanggan", "Pasien", "Reseller"][number as usize % 3];
        format!(
            "Pelanggan,,{number},,,,,,,,,,,,,,{kind} ::: * myContacts,,,Mobile,+62 812-{:04}-{:04},,,,,,,,,,,\r\n",
            number / 10_000,
            number % 10_000
        )
    };
    vec![
        import_of("contacts", count, "name,phone,tags\n", plain),
        import_of("contacts of Google's export", count, GOOGLE, google),
    ]
}

/// The columns of Google Contacts since 2024.
const GOOGLE: &str = "First Name,Middle Name,Last Name,Phonetic First Name,Phonetic Middle Name,Phonetic Last Name,\
    Name Prefix,Name Suffix,Nickname,File As,Organization Name,Organization Title,Organization Department,Birthday,\
    Notes,Photo,Labels,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,\
    Phone 2 - Value,Address 1 - Label,Address 1 - Formatted,Address 1 - Street,Address 1 - City,Address 1 - PO Box,\
    Address 1 - Region,Address 1 - Postal Code,Address 1 - Country,Address 1 - Extended Address\r\n";

fn import_of(what: &str, count: u32, header: &str, row: impl Fn(u32) -> String) -> Line {
    let place = Place::new("http://127.0.0.1:9", &[]);
    let list = |name: &str, count: u32| {
        let mut csv = header.to_owned();
        (0..count).for_each(|number| csv.push_str(&row(number)));
        fs::write(place.path(name), csv).expect("a list");
    };
    list("one.csv", 1);
    list("many.csv", count);
    let small = place.watch(&["contact", "import", "one.csv"]);
    let Ran { took, peak_kib } = place.watch(&["contact", "import", "many.csv"]);
    assert_eq!(place.ask::<u32>("SELECT count(*) FROM contacts"), count, "all of them");
    let rate = f64::from(count) / took.as_secs_f64();
    let more = peak_kib.saturating_sub(small.peak_kib) * 1024;
    Line {
        figure: format!("import {count} {what}"),
        must: "at least 100000 rows/s, at most 32 MB more memory".into(),
        measured: format!("{rate:.0} rows/s, {:.1} MB more", mega(more)),
        is_reached: rate >= 100_000.0 && more <= 32_000_000,
    }
}

/// A year of one channel that sends once a minute, sent by the program itself as fast as it can: a
/// message to 1,440 recipients for each day. Then the rows are made a year older, and pruned.
pub fn year(is_quick: bool) -> Vec<Line> {
    let days: u32 = if is_quick { 10 } else { 365 };
    let stub = Stub::start(Duration::ZERO);
    let place = Place::new(&stub.base_url, &[("SEND_DELAY_SECONDS", "0")]);
    place.fill(&messages(days));
    let began = Instant::now();
    assert!(place.command(&["run"]).status().expect("it runs").success());
    let took = began.elapsed();
    let sends = place.ask::<u32>("SELECT count(*) FROM deliveries WHERE status = 'sent'");
    assert_eq!(sends, days * 1_440, "all were sent");
    let full = place.size();
    place.fill(OLDER);
    let pruned = place.watch(&["prune", "--older-than", "90d"]);
    assert_eq!(place.ask::<u32>("SELECT count(*) FROM deliveries"), 0, "all are old");
    let left = place.size();
    vec![Line {
        figure: format!("{days} days of one channel, {sends} sends"),
        must: "database at most 300 MB, `prune --older-than` gives it back".into(),
        measured: format!(
            "{:.0} MB ({} bytes a send, sent in {:.0} s); after `prune` {:.1} MB, in {:.1} s",
            mega(full),
            full / u64::from(sends),
            took.as_secs_f64(),
            mega(left),
            pruned.took.as_secs_f64()
        ),
        is_reached: full <= 300_000_000 && left <= 1_000_000,
    }]
}

/// A text of 100 characters, to as many numbers as a day has minutes.
fn messages(days: u32) -> String {
    let text = "Selamat pagi! Pesanan Anda sudah siap diambil di toko kami, buka sampai pukul 21.00. Terima kasih ya";
    format!(
        "WITH RECURSIVE day(d) AS (SELECT 1 UNION ALL SELECT d + 1 FROM day WHERE d < {days}),
             n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1440)
         INSERT INTO auto_messages (message, scheduled_at, contact_ids)
         SELECT '{text}', strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-' || d || ' seconds'),
             (SELECT json_group_array(printf('0812%08d', i)) FROM n) FROM day"
    )
}

/// Everything that has a time happened a year ago.
const OLDER: &str = "
    UPDATE auto_messages SET scheduled_at = strftime('%Y-%m-%dT%H:%M:%SZ', scheduled_at, '-1 year'),
        sent_at = strftime('%Y-%m-%dT%H:%M:%SZ', sent_at, '-1 year'),
        created_at = strftime('%Y-%m-%dT%H:%M:%SZ', created_at, '-1 year'),
        updated_at = strftime('%Y-%m-%dT%H:%M:%SZ', updated_at, '-1 year');
    UPDATE deliveries SET due_at = strftime('%Y-%m-%dT%H:%M:%SZ', due_at, '-1 year'),
        claimed_at = strftime('%Y-%m-%dT%H:%M:%SZ', claimed_at, '-1 year'),
        finished_at = strftime('%Y-%m-%dT%H:%M:%SZ', finished_at, '-1 year'),
        created_at = strftime('%Y-%m-%dT%H:%M:%SZ', created_at, '-1 year')";
