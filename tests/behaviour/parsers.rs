//! The parsers of what strangers and people write, under random input that looks like the real
//! thing: they never panic, and what they promise holds. `PROPTEST_CASES=100000` looks longer; the
//! fuzz targets in `fuzz/` look with coverage.
//!
//! Where a new parser comes, it gets its property here and a target there.

mod pieces;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use auto_message_scheduler::api::Api;
use auto_message_scheduler::clock::{SystemClock, Timestamp};
use auto_message_scheduler::config::{Config, SETTINGS, Secret, parse_env_file};
use auto_message_scheduler::contacts::import::{ImportRules, Imported, Refused, Watch, import};
use auto_message_scheduler::http::Request;
use auto_message_scheduler::language::Language;
use auto_message_scheduler::recipient::{
    CountryCode, Entry, mask_numbers, normalize_phone, parse_contact_ids, phone_to_chat,
};
use auto_message_scheduler::schedule::{Zone, has_schedule, next_occurrence, parse_local};
use auto_message_scheduler::store::Store;
use auto_message_scheduler::trigger::Triggers;
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use rusqlite::Connection;

use pieces::{
    CONTACT_PIECES, ENV_PIECES, EVENT_PIECES, LIST_PIECES, PHONE_PIECES, SCHEDULE_PIECES,
    TIME_PIECES,
};

const KEY: &str = "my-secret-key";

/// Pieces of which people and programs put such texts together, and any text between them.
fn text_of(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => proptest::sample::select(pieces).prop_map(str::to_owned),
        2 => "[0-9]{1,16}",
        1 => "\\PC{0,4}",
        1 => any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn zones() -> impl Strategy<Value = Zone> {
    const NAMES: &[&str] = &[
        "Asia/Jakarta",
        "WIT",
        "+14:00",
        "-11:00",
        "America/New_York",
        "Australia/Lord_Howe",
        "UTC",
    ];
    proptest::sample::select(NAMES).prop_map(|name| Zone::parse(name).unwrap())
}

fn countries() -> impl Strategy<Value = CountryCode> {
    const CODES: &[&str] = &["62", "1", "7", "39", "44", "49", "65", "351", "852"];
    proptest::sample::select(CODES).prop_map(|code| CountryCode::parse(code).unwrap())
}

fn timestamps() -> impl Strategy<Value = Timestamp> {
    prop_oneof![any::<i64>(), -62_167_219_200_000..=253_402_300_799_999_i64]
        .prop_map(Timestamp::from_millis)
}

/// As many as by default, or as PROPTEST_CASES says; a failure is told and not kept in a file.
fn cases() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_phone_number_that_is_read_has_8_to_15_digits_and_is_read_the_same_again(
        text in text_of(PHONE_PIECES), country in countries(),
    ) {
        let Ok(digits) = normalize_phone(&text, &country) else { return Ok(()) };
        prop_assert!((8..=15).contains(&digits.len()), "{text:?}: {digits}");
        prop_assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{text:?}: {digits}");
        prop_assert!(!digits.starts_with('0'), "{text:?}: {digits}");
        let again = normalize_phone(&format!("+{digits}"), &country);
        prop_assert_eq!(again.as_ref(), Ok(&digits), "{:?}", text);
        let chat = phone_to_chat(&text, &country).unwrap();
        prop_assert_eq!(chat.as_str(), format!("{digits}@c.us"));
    }

    #[test]
    fn whatever_contact_ids_hold_each_entry_is_somebody_or_says_why_not(text in text_of(CONTACT_PIECES)) {
        let Ok(entries) = parse_contact_ids(Some(&text)) else { return Ok(()) };
        prop_assert!(entries.len() <= text.chars().count() + 1, "{text:?}");
        for entry in entries {
            match entry {
                Entry::Contact(id) => prop_assert!(id > 0),
                Entry::Person { phone, .. } => prop_assert!(!phone.trim().is_empty(), "{text:?}"),
                Entry::Chat { chat_id, .. } => prop_assert!(chat_id.as_str().contains('@')),
                Entry::Tag(tag) => prop_assert!(!tag.trim().is_empty(), "{text:?}"),
                Entry::All => {}
                // Left out, it would let somebody get what they must not.
                Entry::Except(whom) => prop_assert!(
                    !matches!(*whom, Entry::Invalid { .. } | Entry::All | Entry::Except(_)),
                    "{text:?}"
                ),
                Entry::Invalid { reason, .. } => prop_assert!(!reason.to_string().is_empty()),
            }
        }
    }

    #[test]
    fn an_occurrence_is_strictly_after_and_the_next_one_after_it(
        schedules in proptest::option::of(text_of(SCHEDULE_PIECES)),
        interval in proptest::option::of(text_of(SCHEDULE_PIECES)),
        zone in zones(), after in timestamps(),
    ) {
        let next = |after| next_occurrence(schedules.as_deref(), interval.as_deref(), &zone, after);
        let Ok(Some(first)) = next(after) else { return Ok(()) };
        prop_assert!(first > after);
        prop_assert!(has_schedule(schedules.as_deref(), interval.as_deref()));
        if let Some(second) = next(first).unwrap() {
            prop_assert!(second > first);
        }
    }

    #[test]
    fn a_well_formed_week_has_an_occurrence_within_eight_days(
        days in proptest::collection::btree_set(0..7_u8, 1..7), hour in 0..24_u8, minute in 0..60_u8,
        zone in zones(), secs in 1_580_000_000..4_000_000_000_i64,
    ) {
        let days: Vec<String> = days.iter().map(u8::to_string).collect();
        let interval = format!(
            r#"{{"startDate":"2020-01-01","time":"{hour:02}:{minute:02}","weekDays":[{}]}}"#, days.join(",")
        );
        let after = Timestamp::from_secs(secs);
        let next = next_occurrence(None, Some(&interval), &zone, after).unwrap().unwrap();
        prop_assert!(next > after && next.since(after) <= Duration::from_hours(8 * 24), "{interval}: {next}");
    }

    #[test]
    fn a_time_is_written_and_read_again_as_the_same_second(at in timestamps(), zone in zones()) {
        let text = at.to_string();
        prop_assert_eq!(Timestamp::parse(&text), Some(Timestamp::from_secs(at.secs())));
        if (0..4_000_000_000).contains(&at.secs()) {
            prop_assert_eq!(parse_local(&text, &zone).ok(), Timestamp::parse(&text), "{}", text);
        }
    }

    #[test]
    fn no_text_is_too_odd_to_be_asked_whether_it_is_a_time(text in text_of(TIME_PIECES), zone in zones()) {
        if let Some(at) = Timestamp::parse(&text) {
            prop_assert_eq!(Timestamp::parse(&at.to_string()), Some(at));
        }
        if let Ok(at) = parse_local(&text, &zone) {
            prop_assert!(Timestamp::parse(&at.to_string()).is_some());
        }
        drop(Zone::parse(&text));
    }

    #[test]
    fn no_run_of_seven_digits_comes_through_the_mask(text in text_of(PHONE_PIECES)) {
        let masked = mask_numbers(&text);
        let longest = masked.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
        prop_assert!(longest.unwrap_or(0) < 7, "{text:?}: {masked}");
    }

    #[test]
    fn an_env_file_holds_known_keys_or_is_refused_and_no_value_breaks_the_settings(text in text_of(ENV_PIECES)) {
        let Ok(values) = parse_env_file(Path::new("x.env"), &text) else { return Ok(()) };
        for key in values.keys() {
            prop_assert!(SETTINGS.iter().any(|setting| setting.key == key.as_str()), "{key}");
        }
        let Ok(config) = Config::from_values(values) else { return Ok(()) };
        let url = config.waha_base_url.unwrap_or_default();
        prop_assert!(!url.contains(['@', '?', '#', '\\', ' ']) && !url.contains(char::is_control), "{url:?}");
        for secret in [config.waha_api_key, config.cron_secret, config.waha_proxy].into_iter().flatten() {
            prop_assert!(secret.reveal().bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }

    #[test]
    fn a_value_in_quotes_is_read_as_it_is(value in "[ -~]{0,40}") {
        let text = format!("WAHA_API_KEY=\"{value}\"\n");
        let values = parse_env_file(Path::new("x.env"), &text).unwrap();
        prop_assert_eq!(&values["WAHA_API_KEY"], &value);
    }

    #[test]
    fn each_row_of_a_list_is_counted_once_and_the_same_list_brings_nobody_new(
        header in proptest::sample::select(
            &["nama;no hp;kota\r\n", "name,phone,tags\n", "\u{feff}hp\tnama\r", "sep=;\nwa;label\n", ""][..],
        ),
        rows in text_of(LIST_PIECES), spoilt in proptest::option::of((any::<usize>(), any::<u8>())),
        is_utf_16 in any::<bool>(),
    ) {
        let text = format!("{header}{rows}");
        let mut list = if is_utf_16 {
            let units = text.trim_start_matches('\u{feff}').encode_utf16();
            [0xff, 0xfe].into_iter().chain(units.flat_map(u16::to_le_bytes)).collect()
        } else {
            text.clone().into_bytes()
        };
        if let Some((at, byte)) = spoilt && !list.is_empty() {
            let at = at % list.len();
            list[at] = byte;
        }
        let Some((first, refused)) = take_list(&list) else { return Ok(()) };
        let Imported { rows, added, merged, unchanged, refused: count, .. } = first;
        prop_assert_eq!(rows, added + merged + unchanged + count, "{:?}", text);
        prop_assert_eq!(count, refused.len() as u64, "{:?}", text);
        for one in &refused {
            prop_assert!(one.line > 0 && !one.reason.is_empty(), "{text:?}: {one:?}");
            prop_assert!(!one.value.contains(char::is_control), "{text:?}: {one:?}");
        }
        let (again, _) = take_list(&list).unwrap();
        prop_assert_eq!((again.rows, again.added, again.refused), (rows, 0, count), "{:?}", text);
    }

    #[test]
    fn no_bytes_without_an_hmac_move_anything_and_none_with_one_break_it(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            text_of(EVENT_PIECES).prop_map(String::into_bytes),
            event().prop_map(String::into_bytes),
        ],
        wrong in proptest::option::of("[0-9a-fA-F]{0,130}"),
    ) {
        let door = door();
        let before = door.rows();
        let post = |hmac: Option<String>| {
            let mut request = Request::new("POST", "/api/waha-webhook")
                .with("X-Webhook-Hmac-Algorithm", "sha512");
            if let Some(hmac) = hmac {
                request = request.with("X-Webhook-Hmac", &hmac);
            }
            request.body.clone_from(&bytes);
            door.api.answer(&mut request, true).status
        };
        prop_assert_eq!(post(wrong), 401);
        prop_assert_eq!(door.rows(), before, "something moved");
        prop_assert!(matches!(post(Some(hmac(&bytes))), 200 | 400));
    }
}

/// Events that are nearly right: a delivery of ours, with any value anywhere.
fn event() -> impl Strategy<Value = String> {
    let value = || {
        proptest::sample::select(
            &[
                "null",
                "-1",
                "3",
                "4",
                "\"A1\"",
                "\"6281200007001@c.us\"",
                "true",
                "[]",
                "{}",
                "1e400",
                "\"WORKING\"",
            ][..],
        )
    };
    let kind = proptest::sample::select(&["message.ack", "message.any", "session.status", "x"][..]);
    let id = proptest::sample::select(
        &["true_6281200007001@c.us_A1", "A1", "true_x_", "", "false_1@c.us_A1"][..],
    );
    (kind, id, value(), value(), value()).prop_map(|(kind, id, ack, to, status)| {
        format!(
            r#"{{"event":"{kind}","session":"default","payload":{{"id":"{id}","ack":{ack},"fromMe":true,"to":{to},"status":{status},"timestamp":{ack}}}}}"#
        )
    })
}

#[derive(Default)]
struct Noted(Vec<Refused>);

impl Watch for Noted {
    fn refused(&mut self, refused: Refused) -> io::Result<()> {
        self.0.push(refused);
        Ok(())
    }
}

/// Imports a list into one database for all cases; `None` when the whole list is refused.
fn take_list(list: &[u8]) -> Option<(Imported, Vec<Refused>)> {
    static STORE: OnceLock<(tempfile::TempDir, Mutex<Store>)> = OnceLock::new();
    let (_, store) = STORE.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("shop.db")).unwrap();
        (directory, Mutex::new(store))
    });
    let (country, clock) = (CountryCode::parse("62").unwrap(), SystemClock::default());
    let rules = ImportRules {
        country: &country,
        tags: &[],
        language: Language::English,
        clock: &clock,
        is_preview: false,
        number_column: None,
        name_column: None,
        chosen: &[],
    };
    let mut noted = Noted::default();
    let imported = import(&mut store.lock().unwrap(), list, &rules, &mut noted).ok()?;
    Some((imported, noted.0))
}

struct Door {
    api: Api,
    path: std::path::PathBuf,
    _directory: tempfile::TempDir,
}

impl Door {
    /// All that an event could move.
    fn rows(&self) -> String {
        let sql = Connection::open(&self.path).unwrap();
        let ask = "SELECT (SELECT group_concat(status || ifnull(ack, '-')) FROM deliveries)
                       || (SELECT count(*) FROM webhook_events)
                       || (SELECT group_concat(ifnull(held_reason, '-')) FROM channels)";
        sql.query_row(ask, [], |row| row.get(0)).unwrap()
    }
}

/// One database for all cases: what they leave in it makes the next ones odder.
fn door() -> &'static Door {
    static DOOR: OnceLock<Door> = OnceLock::new();
    DOOR.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("shop.db");
        let store = Store::open(&path).unwrap();
        let sql = Connection::open(&path).unwrap();
        sql.execute_batch(
            "INSERT INTO auto_messages (message, status, scheduled_at, contact_count, sent_count)
             VALUES ('Halo', 'sent', '2026-11-22T00:00:00Z', 1, 1);
             INSERT INTO deliveries (auto_message_id, due_at, channel_id, chat_id, status, attempts,
                 text, waha_message_id, claimed_at, finished_at)
             VALUES (1, '2026-11-22T00:00:00Z', 1, '6281200007001@c.us', 'sent', 1, 'Halo', 'A1',
                 '2026-11-22T10:36:09Z', '2026-11-22T10:36:10Z')",
        )
        .unwrap();
        let webhook = auto_message_scheduler::api::Webhook::new(
            Store::open(&path).unwrap(),
            Secret::new(KEY),
            Arc::default(),
        );
        let secret = Secret::new("a-secret-for-tests-0123456789");
        let api = Api::new(
            store,
            Arc::new(Triggers::default()),
            Arc::new(SystemClock::default()),
            secret.into(),
            Duration::ZERO,
            Some(webhook),
        );
        Door { api, path, _directory: directory }
    })
}

fn hmac(body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha512>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(body);
    mac.finalize().into_bytes().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}
