//! What the owner sees of the settings and of what is wrong, another password, and a backup to take away.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use auto_message_scheduler::config::{AdminPassword, Config, Secret};
use auto_message_scheduler::panel::Panel;
use auto_message_scheduler::store::Store;

use super::{Browser, PASSWORD, header, panel, panel_with, text};
use crate::world::{World, config};

const NEW: &str = "kopi tubruk manis";
/// A reason in Indonesian and in English.
const NO_LID: (&str, &str) =
    ("WhatsApp tidak menemukan nomor ini", "WhatsApp does not resolve this number");

fn change(
    browser: &mut Browser,
    panel: &Panel,
    old: &str,
    new: &str,
    again: &str,
) -> (u16, String) {
    browser.get(panel, "/panel/settings");
    let fields = [("password", old), ("new", new), ("repeated", again)];
    let reply = browser.press(panel, "/panel/settings/password", &fields);
    (reply.status, text(&reply))
}

#[test]
fn another_password_needs_the_old_one_and_ends_the_other_sessions() {
    let world = World::new();
    let panel = panel(&world);
    let (mut owner, mut other) = (Browser::logged_in(&panel), Browser::logged_in(&panel));
    for (old, new, again, words) in [
        (PASSWORD, "pendek", "pendek", "paling sedikit 8 karakter"),
        (PASSWORD, NEW, "kopi tubruk", "tidak sama"),
        ("bukan itu", NEW, NEW, "Kata sandi salah"),
    ] {
        let (status, page) = change(&mut owner, &panel, old, new, again);
        assert!(matches!(status, 401 | 422) && page.contains(words), "{words}: {page}");
    }
    assert_eq!(other.get(&panel, "/panel").status, 200);
    assert_eq!(change(&mut owner, &panel, PASSWORD, NEW, NEW).0, 303);
    assert_eq!(owner.get(&panel, "/panel").status, 200, "who changed it stays");
    assert_eq!(other.get(&panel, "/panel").status, 303, "the others are logged out");
    assert_eq!(other.log_in(&panel, PASSWORD).status, 401);
    assert_eq!(other.log_in(&panel, NEW).status, 303);
    let page = text(&owner.get(&panel, "/panel/settings"));
    assert!(page.contains("dipilih di sini, bukan yang di pengaturan"), "{page}");
}

#[test]
fn wrong_old_passwords_are_slowed_like_logins() {
    let world = World::new();
    let panel = panel(&world);
    let mut owner = Browser::logged_in(&panel);
    let mut seen = Vec::new();
    for _ in 0..20 {
        seen.push(change(&mut owner, &panel, "tebakan salah", NEW, NEW).0);
    }
    assert!(seen.contains(&429) && seen.contains(&401), "{seen:?}");
    owner.get(&panel, "/panel/settings");
    let reply = owner.press(&panel, "/panel/settings/backup", &[("password", PASSWORD)]);
    assert_eq!(reply.status, 429, "a backup is no way around it");
}

#[test]
fn the_password_that_was_chosen_last_counts_after_a_restart() {
    let world = World::new();
    let first = panel(&world);
    let mut owner = Browser::logged_in(&first);
    assert_eq!(change(&mut owner, &first, PASSWORD, NEW, NEW).0, 303);
    // The same setting: the panel's own counts.
    let second = panel(&world);
    assert_eq!(owner.get(&second, "/panel").status, 200, "sessions outlive a restart");
    let mut browser = Browser::default();
    assert_eq!(browser.log_in(&second, PASSWORD).status, 401);
    assert_eq!(browser.log_in(&second, NEW).status, 303);
    // Another setting: that one counts, and everybody is logged out.
    let third = panel_with(&world, AdminPassword::Plain(Secret::new("teh manis hangat")));
    assert_eq!(owner.get(&third, "/panel").status, 303);
    let mut browser = Browser::default();
    assert_eq!(browser.log_in(&third, NEW).status, 401);
    assert_eq!(browser.log_in(&third, "teh manis hangat").status, 303);
    let page = text(&browser.get(&third, "/panel/settings"));
    assert!(!page.contains("dipilih di sini"), "{page}");
}

#[test]
fn a_password_that_can_be_guessed_is_refused_where_strangers_reach_the_panel() {
    let world = World::new();
    let store = Store::open(&world.path).unwrap();
    let config = Config { listen_addr: "0.0.0.0:8787".parse().unwrap(), ..config() };
    let (triggers, clock) = (Arc::clone(&world.triggers), world.clock.clone());
    let password = AdminPassword::Plain(Secret::new(PASSWORD));
    let panel = Panel::new(store, clock, triggers, config.into(), password);
    let mut owner = Browser::logged_in(&panel);
    let (status, page) = change(&mut owner, &panel, PASSWORD, "rahasia12", "rahasia12");
    assert!(status == 422 && page.contains("sulit ditebak"), "{page}");
}

#[test]
fn settings_are_shown_without_a_secret_and_with_their_source() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let page = text(&browser.get(&panel, "/panel/settings"));
    for part in ["SEND_DELAY_SECONDS", "LATE_LIMIT_HOURS", "bawaan"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains(PASSWORD), "{page}");
    let page = text(&browser.get(&panel, "/panel/settings?lang=en"));
    assert!(
        page.contains("What the program runs with now") && page.contains(">default<"),
        "{page}"
    );
}

#[test]
fn a_backup_is_a_whole_database_for_whoever_gives_the_password_again() {
    let world = World::new();
    world.message("081234567890");
    let config = Config { database_path: world.path.clone(), ..config() };
    let store = Store::open(&world.path).unwrap();
    let (triggers, clock) = (Arc::clone(&world.triggers), world.clock.clone());
    let password = AdminPassword::Plain(Secret::new(PASSWORD));
    let panel = Panel::new(store, clock, triggers, config.into(), password);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, "/panel/settings");
    let reply = browser.press(&panel, "/panel/settings/backup", &[("password", "bukan itu")]);
    assert!(reply.status == 401 && reply.file.is_none(), "{}", text(&reply));
    let reply = browser.press(&panel, "/panel/settings/backup", &[("password", PASSWORD)]);
    assert_eq!(reply.status, 200);
    let name = header(&reply, "Content-Disposition").unwrap();
    assert_eq!(name, "attachment; filename=\"auto-message-scheduler-2026-12-01-08-00.db\"");
    assert_eq!(header(&reply, "Cache-Control"), Some("no-store"));
    assert_eq!(world.ask("SELECT count(*) FROM acts WHERE what = 'backup_taken'"), "1");
    let opened = reply.file.unwrap();
    let mut bytes = Vec::new();
    (&*opened.file as &File).read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, opened.bytes);
    let taken = world.path.with_file_name("taken.db");
    std::fs::write(&taken, bytes).unwrap();
    let copy = rusqlite::Connection::open(&taken).unwrap();
    let ask = |sql: &str| copy.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(ask("PRAGMA integrity_check"), "ok");
    assert_eq!(ask("SELECT contact_ids FROM auto_messages"), "081234567890");
    // Nothing of it stays here.
    let left = std::fs::read_dir(world.path.parent().unwrap()).unwrap();
    let left: Vec<String> =
        left.map(|one| one.unwrap().file_name().to_string_lossy().into_owned()).collect();
    assert!(!left.iter().any(|name| name.contains(".taken")), "{left:?}");
}

#[test]
fn the_health_check_says_what_doctor_says() {
    let world = World::new();
    let config = Config {
        database_path: world.path.clone(),
        waha_base_url: Some(world.url.clone()),
        ..config()
    };
    let store = Store::open(&world.path).unwrap();
    let (triggers, clock) = (Arc::clone(&world.triggers), world.clock.clone());
    let password = AdminPassword::Plain(Secret::new(PASSWORD));
    let panel = Panel::new(store, clock, triggers, config.into(), password);
    world.waha.set_status("default", "SCAN_QR_CODE");
    let mut browser = Browser::logged_in(&panel);
    let ours = [
        ["1 salah", "mesin GOWS", "<b>sesi</b>", "tanpa batas harian", "→ mulai sesinya"],
        ["1 wrong", "engine GOWS", "<b>session</b>", "no daily limit", "→ start it in WAHA"],
    ];
    for (language, other, parts) in [("id", "en", ours[0]), ("en", "id", ours[1])] {
        let page = text(&browser.get(&panel, &format!("/panel/doctor?lang={language}")));
        assert!(page.contains("SCAN_QR_CODE"), "{page}");
        for part in parts {
            assert!(page.contains(part), "{language} {part}: {page}");
        }
        let list = page.split("<main").nth(1).unwrap();
        assert!(!list.contains(&format!("lang=\"{other}\"")), "one language: {list}");
        for word in ["there is no env file", "only their owner may read", "nobody is told"] {
            assert_eq!(list.contains(word), language == "en", "{language} {word}");
        }
    }
}

#[test]
fn those_who_will_not_get_it_are_grouped_by_their_reason() {
    let world = World::new();
    world.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250)
         INSERT INTO contacts (name, phone_number, tags) SELECT 'Orang ' || i, '0812000' || printf('%05d', i), '[\"vip\"]' FROM n",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, "/panel/messages/new");
    let fields = [("text", "Salam dari {{kota}}"), ("to", "12"), ("tag", "vip"), ("when", "now")];
    let page = text(&browser.post(&panel, "/panel/messages/preview", &fields));
    assert!(page.contains("<b>250 orang</b>"), "{page}");
    assert_eq!(page.matches("tidak ada kata penggantinya").count(), 1, "{page}");
    assert!(page.contains("(Orang 12, Orang 1, Orang 2, …)"), "{page}");
    browser.get(&panel, "/panel/messages/new?lang=en");
    let page = text(&browser.post(&panel, "/panel/messages/preview", &fields));
    assert!(page.contains("<b>250 people</b>") && page.contains("has no fallback"), "{page}");
}

#[test]
fn reasons_are_in_the_language_of_the_page_wherever_they_are_shown() {
    let world = World::new();
    world.execute(
        "INSERT INTO contacts (id, name, phone_number) VALUES (1, 'Ani', '081200000001');
         INSERT INTO auto_messages (id, title, message, contact_ids, status, scheduled_at, error, error_code)
         VALUES (1, 'Uji', 'Halo', '1', 'failed', '2026-12-01T01:00:00Z', 'x', 'no_text');
         INSERT INTO deliveries (auto_message_id, due_at, channel_id, contact_id, name, chat_id, status, finished_at, error, error_code)
         VALUES (1, '2026-12-01T01:00:00Z', 1, 1, 'Ani', '6281200000001@c.us', 'failed', '2026-12-01T01:00:00Z', 'x', 'no_lid');
         INSERT INTO runs (trigger, started_at, finished_at, error) VALUES ('cron', '2026-12-01T01:00:00Z', '2026-12-01T01:00:00Z', 'x');
         UPDATE runs SET error_code = 'ended_during_run';
         UPDATE channels SET held_reason = 'y';
         UPDATE channels SET held_reason = 'x', held_code = 'paused_in_panel'",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for (path, indonesian, english) in [
        ("/panel/messages/1", "isi pesannya kosong", "it has no text"),
        ("/panel/messages/1", NO_LID.0, NO_LID.1),
        ("/panel/messages/1/recipients.csv", NO_LID.0, NO_LID.1),
        ("/panel/contacts/1", NO_LID.0, NO_LID.1),
        ("/panel/channels", "dijeda lewat panel", "paused in the panel"),
        ("/panel/channels/1", "dijeda lewat panel", "paused in the panel"),
        ("/panel/runs", "program berhenti saat", "the program ended during"),
        ("/panel/runs", "jumlah pesan, bukan jumlah penerima", "count messages, not recipients"),
    ] {
        for (language, words, others) in [("id", indonesian, english), ("en", english, indonesian)]
        {
            browser.get(&panel, &format!("/panel?lang={language}"));
            let page = text(&browser.get(&panel, path));
            assert!(page.contains(words), "{path} {language}: {page}");
            assert!(!page.contains(others), "{path} {language}: {page}");
        }
    }
}
