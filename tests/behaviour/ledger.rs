//! The two sides of the account: what the tables say, and what WhatsApp got. The journal is in the
//! test's own memory, so it outlives every kill. Every second message is more than a text.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;

use auto_message_scheduler::fake_waha::Received;

use crate::media::{jpeg, opus, sha256};
use crate::site::Site;

/// A recipient and a text; the texts of two messages differ. For a message without words, its number.
pub type Letter = (String, String);

/// A delivery as the table has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub status: String,
    pub waha_message_id: Option<String>,
}

/// What a test asked to be sent.
#[derive(Default)]
pub struct Ledger {
    messages: usize,
    letters: Vec<Letter>,
}

/// How the account stands at the end.
#[derive(Debug, PartialEq, Eq)]
pub struct Balance {
    pub deliveries: usize,
    pub sent: usize,
    pub unknown: usize,
    /// Not in an end state, without a row, or `sent` and never arrived.
    pub lost: usize,
    /// Arrived more than once.
    pub duplicated: usize,
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { deliveries, lost, duplicated, unknown, .. } = self;
        write!(f, "deliveries: {deliveries}, lost: {lost}, duplicated: {duplicated}, ")?;
        write!(f, "unknown: {unknown}")
    }
}

impl Ledger {
    /// Adds a message that is due now, as a person with `sqlite3` would.
    pub fn add(&mut self, site: &Site, channel: usize, recipients: usize) {
        self.messages += 1;
        let (words, content) = carried(site, self.messages);
        let text = if words.is_empty() { format!("#{}", self.messages) } else { words.clone() };
        let phones: Vec<String> =
            (0..recipients).map(|number| format!("0812{channel:04}{:04}", 7001 + number)).collect();
        let sql = "INSERT INTO auto_messages
                       (id, message, channel_id, contact_ids, content, scheduled_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, datetime('now'))";
        let row = (self.messages, &words, channel, phones.join(", "), content);
        site.sql().execute(sql, row).unwrap();
        for phone in phones {
            self.letters.push((format!("62{}@c.us", &phone[1..]), text.clone()));
        }
    }

    /// How many recipients there are.
    pub fn len(&self) -> usize {
        self.letters.len()
    }

    /// Compares the tables with the journal, recipient by recipient, after everything has ended.
    pub fn balance(&self, site: &Site) -> Balance {
        let (rows, arrived) = (rows(site), arrivals(&site.waha.received()));
        let count = |status: &str| rows.values().filter(|row| row.status == status).count();
        let mut balance = Balance {
            deliveries: rows.len(),
            sent: count("sent"),
            unknown: count("unknown"),
            lost: 0,
            duplicated: arrived.values().filter(|ids| ids.len() > 1).count(),
        };
        for letter in &self.letters {
            let ids = arrived.get(letter).map_or(&[][..], Vec::as_slice);
            let is_kept = rows.get(letter).is_some_and(|row| match row.status.as_str() {
                "sent" => row.waha_message_id.as_ref() == ids.first(),
                "unknown" => true,
                _ => false,
            });
            if !is_kept {
                eprintln!("lost: {letter:?}, {:?}, arrived as {ids:?}", rows.get(letter));
                balance.lost += 1;
            }
        }
        assert_eq!(rows.len(), self.letters.len(), "rows that nobody asked for");
        assert!(arrived.keys().all(|letter| rows.contains_key(letter)), "arrived without a row");
        self.check_messages(site);
        balance
    }

    /// Every message has ended, or waits for the look-up of what is unknown, and its counts are those of its deliveries; no run is left open.
    fn check_messages(&self, site: &Site) {
        let ask = |sql: &str| -> usize { site.sql().query_row(sql, [], |row| row.get(0)).unwrap() };
        let sql = "SELECT count(*) FROM auto_messages m WHERE m.status IN
                       (CASE WHEN sent_count > 0 THEN 'sent' ELSE 'failed' END,
                        CASE WHEN sent_count = 0 AND unknown_count > 0 THEN 'sending' END)
                   AND sent_count = (SELECT count(*) FROM deliveries d
                       WHERE d.auto_message_id = m.id AND d.status = 'sent')
                   AND unknown_count = (SELECT count(*) FROM deliveries d
                       WHERE d.auto_message_id = m.id AND d.status = 'unknown')";
        assert_eq!(ask(sql), self.messages, "messages whose status and counts are true");
        assert_eq!(ask("SELECT count(*) FROM runs WHERE finished_at IS NULL"), 0, "open runs");
    }
}

/// The text and the content of the `number`-th message; its file is put beside the database.
fn carried(site: &Site, number: usize) -> (String, Option<String>) {
    let text = format!("pesan {number}");
    let put = |bytes: &[u8]| {
        let name = sha256(bytes);
        let files = site.path("shop.db.files");
        fs::create_dir_all(&files).unwrap();
        fs::write(files.join(&name), bytes).unwrap();
        name
    };
    let with = |kind: &str, name: &str| format!(r#"{{"kind":"{kind}","file":"{name}"}}"#);
    match number % 8 {
        // From one piece to more than the sockets hold.
        2 => (text, Some(with("image", &put(&jpeg(number * 37_000 % 4_000_000 + 5))))),
        4 => (text, Some(with("file", &put(format!("%PDF {number}").as_bytes())))),
        6 => (String::new(), Some(with("voice", &put(&opus())))),
        0 => (text, Some(r#"{"kind":"poll","options":["a","b"]}"#.to_owned())),
        _ => (text, None),
    }
}

/// All deliveries.
pub fn rows(site: &Site) -> BTreeMap<Letter, Row> {
    let sql = site.sql();
    let mut statement = sql
        .prepare(
            "SELECT d.chat_id, coalesce(nullif(m.message, ''), '#' || m.id), d.status,
                    d.waha_message_id
             FROM deliveries d JOIN auto_messages m ON m.id = d.auto_message_id",
        )
        .unwrap();
    let read = |row: &rusqlite::Row<'_>| {
        let (status, waha_message_id) = (row.get(2)?, row.get(3)?);
        Ok(((row.get(0)?, row.get(1)?), Row { status, waha_message_id }))
    };
    statement.query_map([], read).unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

/// The ids under which each letter arrived.
pub fn arrivals(received: &[Received]) -> BTreeMap<Letter, Vec<String>> {
    let mut arrived: BTreeMap<Letter, Vec<String>> = BTreeMap::new();
    for one in received {
        let number = &one.body["metadata"]["auto_message_id"];
        let text = if one.text.is_empty() { format!("#{number}") } else { one.text.clone() };
        arrived.entry((one.chat_id.clone(), text)).or_default().push(one.id.clone());
    }
    arrived
}

/// Milliseconds between each arrival and the next one on the same channel.
pub fn gaps_millis(received: &[Received]) -> Vec<i64> {
    let mut by_session: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for one in received {
        by_session.entry(&one.session).or_default().push(one.at.millis());
    }
    let pairs = by_session.values().flat_map(|times| times.windows(2));
    pairs.map(|pair| pair[1] - pair[0]).collect()
}
