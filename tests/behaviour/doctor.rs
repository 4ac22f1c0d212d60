//! `doctor` finds what is wrong, says what to do, and touches nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auto_message_scheduler::clock::{Clock, Now, SystemClock, Wake};
use auto_message_scheduler::fake_waha::{Engine, FakeWaha, Options};
use serde_json::{Value, json};

use crate::media::{jpeg, sha256};
use crate::site::{Site, stderr};
use crate::webhook::{Planted, Shop};

/// What was found, as `verdict subject found`, and the exit code.
fn doctor(site: &Site) -> (Vec<String>, i32) {
    let output = site.run(&["doctor", "--json"]);
    let value: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("no JSON: {}", stderr(&output)));
    let lines = value["findings"].as_array().unwrap().iter().map(|finding| {
        assert_eq!(finding["verdict"] == "ok", finding["remedy"].is_null(), "{finding}");
        let word = |name: &str| finding[name].as_str().unwrap().to_owned();
        format!("{} {} {}", word("verdict"), word("subject"), word("found"))
    });
    (lines.collect(), output.status.code().unwrap())
}

fn has(lines: &[String], start: &str, part: &str) -> bool {
    lines.iter().any(|line| line.starts_with(start) && line.contains(part))
}

/// A site with which nothing is wrong.
fn healthy() -> Site {
    let site = Site::new();
    site.write_settings("SEND_DELAY_SECONDS=60\n");
    fs::set_permissions(site.path("auto-message-scheduler.env"), fs::Permissions::from_mode(0o600))
        .unwrap();
    assert!(site.run(&["run"]).status.success());
    site
}

#[test]
fn files_that_are_missing_or_changed_and_a_waha_that_takes_none_are_named() {
    let site = healthy();
    let names = [jpeg(70_000), jpeg(80_000), jpeg(90_000)].map(|picture| {
        fs::write(site.path("promo.jpg"), &picture).unwrap();
        let to = ["--image", "promo.jpg", "--to", "081200007001", "--at", "+2h"];
        let output = site.run(&[&["message", "add"], &to[..]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        site.path(&format!("shop.db.files/{}", sha256(&picture)))
    });
    let (lines, code) = doctor(&site);
    assert!(has(&lines, "ok media", "3 files in"), "{lines:#?}");
    assert_eq!(code, 0, "{lines:#?}");
    fs::remove_file(&names[0]).unwrap();
    let mut changed = fs::read(&names[1]).unwrap();
    changed[60_000] ^= 1;
    fs::write(&names[1], changed).unwrap();
    let (lines, code) = doctor(&site);
    assert!(has(&lines, "wrong media", "2 files of messages that wait cannot"), "{lines:#?}");
    assert_eq!(code, 1);
    let options = Options { is_plus: false, ..Options::default() };
    let other = FakeWaha::start(options, Arc::new(SystemClock::default()), |_| {}).unwrap();
    let mut command = site.command(&["doctor"]);
    let text = command.env("WAHA_BASE_URL", other.base_url()).output().unwrap().stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains("3 messages with pictures or files wait, and this WAHA is CORE"),
        "{text}"
    );
}

#[test]
fn nothing_is_wrong_where_nothing_is() {
    let site = healthy();
    let (lines, code) = doctor(&site);
    assert!(lines.iter().all(|line| line.starts_with("ok")), "{lines:#?}");
    assert_eq!(code, 0);
    for (start, part) in [
        ("ok secret", "CRON_SECRET"),
        ("ok WAHA", "2026.7.1, engine GOWS"),
        ("ok clock", "as WAHA's"),
        ("ok session", "WORKING"),
        ("ok database", "sound; WAL"),
        ("ok triggers", "0 min ago"),
        ("ok disk", "MB"),
    ] {
        assert!(has(&lines, start, part), "{start} {part}: {lines:#?}");
    }
    let text = String::from_utf8(site.run(&["doctor"]).stdout).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn a_test_message_is_no_trigger_and_a_run_may_be_of_cron_or_by_hand() {
    let site = Site::new();
    assert!(site.run(&["message", "test-send", "081200007001", "Tes"]).status.success());
    let status =
        || serde_json::from_slice::<Value>(&site.run(&["status", "--json"]).stdout).unwrap();
    let (lines, _) = doctor(&site);
    assert!(has(&lines, "warning triggers", "no trigger has come yet"), "{lines:#?}");
    assert_eq!(status()["last_trigger_at"], Value::Null);
    assert_eq!(status()["runs"][0]["trigger"], "cli");
    let screen = String::from_utf8(site.run(&["status"]).stdout).unwrap();
    assert!(screen.contains("Runs       no trigger has come yet\n"), "{screen}");
    assert_eq!(site.sqlite3("SELECT remote FROM runs"), "test-send\n");
    assert!(site.run(&["run"]).status.success());
    let (lines, _) = doctor(&site);
    assert!(
        has(&lines, "ok triggers", "`run` was started 0 min ago, by cron or by hand"),
        "{lines:#?}"
    );
    assert!(status()["last_trigger_at"].is_string());
}

/// A trouble, what makes it, and the finding's beginning and a part of it.
type Case<'a> = (&'a str, &'a dyn Fn(&Site), &'a str, &'a str);

#[test]
fn each_trouble_is_found_and_exit_is_1() {
    let sql = |site: &Site, sql: &str| site.sql().execute_batch(sql).unwrap();
    let cases: [Case<'_>; 13] = [
        ("the key", &|site| site.write_settings("WAHA_API_KEY=salah\n"), "wrong WAHA", "key"),
        (
            "unreachable",
            &|site| site.write_settings("WAHA_BASE_URL=http://127.0.0.1:9\n"),
            "wrong WAHA",
            "cannot be reached",
        ),
        ("no WAHA", &|site| site.write_settings("WAHA_BASE_URL=\n"), "wrong WAHA", "is not set"),
        ("settings", &|site| site.write_settings("SENDERS=viel\n"), "wrong settings", "SENDERS"),
        (
            "a session that is not WORKING",
            &|site| site.waha.set_status("default", "SCAN_QR_CODE"),
            "wrong session",
            "SCAN_QR_CODE",
        ),
        (
            "no session_name",
            &|site| sql(site, "UPDATE channels SET session_name = NULL"),
            "wrong channels",
            "session_name",
        ),
        (
            "no active channel",
            &|site| sql(site, "UPDATE channels SET is_active = 0"),
            "wrong channels",
            "no channel is active",
        ),
        (
            "nobody triggers",
            &|site| {
                sql(site, "UPDATE runs SET started_at = '2026-01-01T00:00:00Z'");
                site.message("081200007001");
            },
            "wrong triggers",
            "1 message is due",
        ),
        ("a message that will fail", &|site| site.message("[1"), "wrong messages", "contact_ids"),
        (
            "the secret",
            &|site| {
                site.write_settings("CRON_SECRET=\n");
                fs::write(site.path("shop.db.cron-secret"), "kurz").unwrap();
            },
            "wrong secret",
            "holds no secret",
        ),
        (
            "another program's database",
            &|site| {
                fs::remove_file(site.database()).unwrap();
                let other = rusqlite::Connection::open(site.database()).unwrap();
                other.execute_batch("CREATE TABLE theirs (x)").unwrap();
            },
            "wrong database",
            "another program",
        ),
        (
            "no database at all",
            &|site| fs::write(site.database(), "x".repeat(5000)).unwrap(),
            "wrong database",
            "not a SQLite database",
        ),
        (
            "a copy",
            &|site| {
                fs::rename(site.database(), site.path("before")).unwrap();
                fs::copy(site.path("before"), site.database()).unwrap();
            },
            "wrong place",
            "copied",
        ),
    ];
    for (what, break_it, start, part) in cases {
        let site = healthy();
        break_it(&site);
        let (lines, code) = doctor(&site);
        assert!(has(&lines, start, part), "{what}: {lines:#?}");
        assert_eq!(code, 1, "{what}");
        let told = format!("{lines:?}");
        assert!(!told.contains("kunci-rahasia") && !told.contains("Rahasia pelanggan"), "{told}");
    }
}

#[test]
fn a_backup_that_was_put_in_place_is_to_be_restored_before_and_after_a_run() {
    let site = Site::new();
    assert!(site.run(&["run"]).status.success());
    assert!(site.run(&["backup", "backup.db"]).status.success());
    let database = site.path("shop.db");
    fs::copy(site.path("backup.db"), &database).unwrap();
    for _ in 0..2 {
        let (lines, code) = doctor(&site);
        assert!(has(&lines, "wrong place", "put here without `restore`"), "{lines:#?}");
        assert_eq!(code, 1);
        let text = String::from_utf8(site.run(&["doctor"]).stdout).unwrap();
        let words: Vec<&str> = text.split_whitespace().collect();
        assert!(words.join(" ").contains("-> stop the program, then run `restore`"), "{text}");
        assert!(site.run(&["run"]).status.success());
    }
}

#[test]
fn what_only_somebody_should_know_is_a_warning_and_exit_0() {
    let site = healthy();
    site.write_settings("SEND_DELAY_SECONDS=5\n");
    fs::set_permissions(site.database(), fs::Permissions::from_mode(0o644)).unwrap();
    site.sql()
        .execute_batch(
            "INSERT INTO contacts (name, phone_number) VALUES ('Budi', 'belum ada'), ('Siti', '0812-0000-7001');
             UPDATE channels SET held_reason = 'liburan';
             UPDATE runs SET started_at = '2026-01-01T00:00:00Z';",
        )
        .unwrap();
    site.sql()
        .execute(
            "INSERT INTO auto_messages (message, contact_ids, scheduled_at)
             VALUES ('x', '[1, 2]', datetime('now', '+1 hour'))",
            [],
        )
        .unwrap();
    let (lines, code) = doctor(&site);
    assert_eq!(code, 0, "{lines:#?}");
    for (start, part) in [
        ("warning settings", "SEND_DELAY_SECONDS is 5"),
        ("warning files", "shop.db"),
        ("warning contacts", "1 of 2 numbers cannot be written to; contact 1"),
        ("warning channels", "liburan"),
        ("warning triggers", "`run` was started"),
        ("warning messages", "1 recipient will be skipped; message 1"),
    ] {
        assert!(has(&lines, start, part), "{start} {part}: {lines:#?}");
    }
}

#[test]
fn it_works_before_there_is_a_database_and_makes_none() {
    let site = healthy();
    for end in ["", "-wal", "-shm", ".lock"] {
        drop(fs::remove_file(site.path(&format!("shop.db{end}"))));
    }
    let before = files(site.directory.path());
    let (lines, code) = doctor(&site);
    assert!(has(&lines, "warning database", "not there yet"), "{lines:#?}");
    assert_eq!(code, 0);
    assert_eq!(files(site.directory.path()), before);
}

fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_health_of_a_number_is_told_and_each_trouble_has_its_remedy() {
    let site = healthy();
    let (lines, _) = doctor(&site);
    let words = "channel `default`: 0 days old, no daily limit; seven days: 0 sent";
    assert!(has(&lines, "ok number", words), "{lines:#?}");
    let ago = |time: &str| format!("strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-{time}')");
    site.sql()
        .execute_batch(&format!(
            "INSERT INTO numbers (chat_id, last_inbound_at) VALUES ('1@c.us', {0});
             INSERT INTO channel_days (channel_id, day, claimed, received)
                 VALUES (1, date('now', '-2 days'), 120, 5);
             UPDATE channels SET warning = 'FIRST_WARNING', warned_at = {0}, warned_limit = 60,
                 broke_at = {1}, recent_outcomes = '..x.x.x', acked_at = {1}, sends_since_ack = 5",
            ago("1 day"),
            ago("3 days")
        ))
        .unwrap();
    let (lines, code) = doctor(&site);
    for part in [
        "WhatsApp warned (FIRST_WARNING)",
        "its busiest day of seven had 120 messages, and a number of 0 days bears about 20",
        "120 messages in seven days, and 5 answers",
        "the breaker stopped it at",
        "WhatsApp refused 3 of its last 7 messages",
        "the last 5 messages have no tick yet",
    ] {
        assert!(has(&lines, "warning number", part), "{part}: {lines:#?}");
    }
    assert_eq!(code, 0);
    site.sql().execute_batch("UPDATE channels SET acked_at = NULL, sends_since_ack = 20").unwrap();
    let never = "of 20 messages none has a tick";
    assert!(!has(&doctor(&site).0, "warning number", never), "no event ever came");
    let heard =
        format!("INSERT INTO meta (key, value) VALUES ('events_taken_at', {})", ago("1 hour"));
    site.sql().execute_batch(&heard).unwrap();
    assert!(has(&doctor(&site).0, "warning number", never));
}

#[test]
fn damage_is_found() {
    let site = healthy();
    site.sql()
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
             INSERT INTO contacts (name, phone_number) SELECT hex(randomblob(40)), '0812' FROM n;
             PRAGMA wal_checkpoint(TRUNCATE);",
        )
        .unwrap();
    let mut bytes = fs::read(site.database()).unwrap();
    let half = bytes.len() / 2 / 4096 * 4096;
    bytes[half..half + 8192].fill(0x5a);
    fs::write(site.database(), bytes).unwrap();
    let (lines, code) = doctor(&site);
    assert!(has(&lines, "wrong database", "damaged"), "{lines:#?}");
    assert_eq!(code, 1);
}

#[test]
fn beside_a_server_it_says_who_sends_and_disturbs_nobody() {
    let site = healthy();
    let mut server = site.serve();
    let (lines, _) = doctor(&site);
    let who = format!("process {} (`serve`) has been sending since 20", server.child.id());
    assert!(has(&lines, "ok triggers", &who), "{lines:#?}");
    assert!(!has(&lines, "warning settings", ""), "{lines:#?}");
    let settings = fs::File::options().append(true).open(site.path("auto-message-scheduler.env"));
    settings.unwrap().set_modified(SystemTime::now() + Duration::from_mins(2)).unwrap();
    let (lines, _) = doctor(&site);
    assert!(has(&lines, "warning settings", "changed after `serve` began"), "{lines:#?}");
    site.message("081200007001");
    assert_eq!(server.post("/api/auto-message-scheduler").1["deliveries"]["sent"], 1);
    assert!(server.is_alive());
}

#[test]
fn the_store_and_the_webhook_of_a_session_are_looked_at() {
    let key = Some("kunci-rahasia".to_owned());
    let site =
        Site::with_options(Options { api_key: key, engine: Engine::Noweb, ..Options::default() });
    site.write_settings("WEBHOOK_HMAC_KEY=kunci-webhook-12\n");
    let hook = |url: &str, events: &[&str], key: &str| {
        json!({"webhooks": [{"url": url, "events": events, "hmac": {"key": key}}],
               "noweb": {"store": {"enabled": true, "fullSync": false}}})
    };
    let url = "https://toko.example/api/waha-webhook";
    let (lines, _) = doctor(&site);
    assert!(has(&lines, "warning store", "no store"), "{lines:#?}");
    assert!(has(&lines, "warning webhook", "has no webhook"), "{lines:#?}");
    for (config, start, part) in [
        (hook(url, &["message.ack"], "kunci-webhook-12"), "warning webhook", "session.status"),
        (hook(url, &["*"], "kunci-webhook-34"), "wrong webhook", "another key"),
        (hook(url, &["*"], "kunci-webhook-12"), "ok webhook", "sends its events here"),
    ] {
        site.waha.set_config("default", config);
        let (lines, _) = doctor(&site);
        assert!(has(&lines, start, part), "{lines:#?}");
        assert!(!has(&lines, "warning store", ""), "{lines:#?}");
        assert!(!format!("{lines:?}").contains("kunci-webhook"), "{lines:#?}");
    }
    site.write_settings("");
    let (lines, _) = doctor(&site);
    assert!(has(&lines, "warning webhook", "not taken"), "{lines:#?}");
}

/// The lines to paste that were found.
fn lines_to_paste(site: &Site) -> Vec<String> {
    let output = site.run(&["doctor", "--json"]);
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = value["findings"].as_array().unwrap();
    let lines = findings.iter().filter_map(|one| one["lines"].as_array()).flatten();
    lines.map(|line| line.as_str().unwrap().to_owned()).collect()
}

#[test]
fn events_are_judged_by_those_that_were_really_taken_and_refused() {
    let mut shop = Shop::new();
    let (lines, _) = doctor(&shop.site);
    assert!(has(&lines, "ok events", "no event was taken yet"), "{lines:#?}");
    // A message went out, and WAHA told nothing of it.
    let planted =
        Planted { status: "sent", id: Some("AAA1"), chat: "6281200007001@c.us", text: "x" };
    shop.plant(&planted);
    let (lines, _) = doctor(&shop.site);
    assert!(has(&lines, "warning events", "messages have gone out since"), "{lines:#?}");
    let refused = shop.server.request("POST", "/api/waha-webhook", "").0;
    assert_eq!(refused, 401);
    let (lines, code) = doctor(&shop.site);
    assert!(has(&lines, "wrong events", "refused so far: 1"), "{lines:#?}");
    assert!(has(&lines, "wrong events", "it had no HMAC") && code == 1, "{lines:#?}");
    let paste = lines_to_paste(&shop.site);
    assert!(paste[0].starts_with("WHATSAPP_HOOK_URL=http://127.0.0.1:"), "{paste:?}");
    assert!(paste[1].contains("message.ack,") && paste.len() == 3, "{paste:?}");
    assert!(!paste.concat().contains("my-secret-key"), "{paste:?}");
    let text = String::from_utf8(shop.site.run(&["doctor"]).stdout).unwrap();
    assert!(paste.iter().all(|line| text.lines().any(|one| one == line)), "{text}");
    // One that is signed with the right key.
    shop.ack("AAA1", 2);
    let (lines, _) = doctor(&shop.site);
    assert!(has(&lines, "ok events", "the last event was taken at 20"), "{lines:#?}");
    // All of it is known after a kill, too.
    assert!(shop.server.kill());
    let (lines, _) = doctor(&shop.site);
    assert!(has(&lines, "ok events", "refused so far: 1"), "{lines:#?}");
    // Which event was the last is noted to the minute: one of the same minute is not missed.
    for (taken_at, verdict) in
        [("2026-11-22T10:35:10Z", "ok events"), ("2026-11-22T10:30:10Z", "warning events")]
    {
        let noted =
            "UPDATE meta SET value = ?1 WHERE key IN ('events_taken_at', 'events_refused_at')";
        assert_eq!(shop.site.sql().execute(noted, [taken_at]).unwrap(), 2);
        let (lines, _) = doctor(&shop.site);
        assert!(has(&lines, verdict, "the last event was taken at 2026-11-22"), "{lines:#?}");
    }
}

#[test]
fn a_core_that_forgets_its_webhook_is_said_with_the_lines_that_stay() {
    let key = Some("kunci-rahasia".to_owned());
    for is_plus in [true, false] {
        let site =
            Site::with_options(Options { api_key: key.clone(), is_plus, ..Options::default() });
        site.write_settings("WEBHOOK_HMAC_KEY=kunci-webhook-12\n");
        let url = "https://toko.example/api/waha-webhook";
        let hook = json!({"url": url, "events": ["*"], "hmac": {"key": "kunci-webhook-12"}});
        site.waha.set_config("default", json!({ "webhooks": [hook] }));
        let (lines, _) = doctor(&site);
        let forgets = has(&lines, "warning webhook", "CORE restarts and forgets it");
        assert_eq!(forgets, !is_plus, "{lines:#?}");
        assert_eq!(lines_to_paste(&site).len(), if is_plus { 0 } else { 3 });
    }
}

/// The system's clock, set forward.
struct Ahead(SystemClock, Duration);

impl Clock for Ahead {
    fn now(&self) -> Now {
        let now = self.0.now();
        Now { wall: now.wall.plus(self.1), ..now }
    }

    fn sleep(&self, wake: &Wake, seen: u64, max: Option<Duration>) {
        self.0.sleep(wake, seen, max);
    }
}

#[test]
fn a_clock_that_is_not_wahas_is_said() {
    let site = healthy();
    for (ahead, start) in [(5, "ok clock"), (90, "warning clock"), (7200, "wrong clock")] {
        let clock = Ahead(SystemClock::default(), Duration::from_secs(ahead));
        let waha = FakeWaha::start(Options::default(), Arc::new(clock), |_| {}).unwrap();
        site.write_settings(&format!("WAHA_BASE_URL={}\n", waha.base_url()));
        let (lines, _) = doctor(&site);
        assert!(has(&lines, start, ""), "{ahead}: {lines:#?}");
    }
}

#[test]
fn a_directory_that_is_missing_is_wrong_because_nothing_makes_it() {
    let site = healthy();
    let output = site.command(&["doctor"]).env("DATABASE_PATH", "nope/shop.db").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let directory = site.path("nope");
    assert!(text.contains(&format!("there is no directory `{}`", directory.display())), "{text}");
    assert_eq!(output.status.code(), Some(1), "{text}");
}

#[test]
fn triggers_and_views_that_are_not_ours_are_named_and_ours_are_missed() {
    let site = healthy();
    site.sqlite3(
        "CREATE VIEW laporan AS SELECT id FROM auto_messages; CREATE INDEX milik_toko ON contacts(name);
         CREATE TABLE catatan (x)",
    );
    let (lines, code) = doctor(&site);
    for name in ["view `laporan`", "index `milik_toko`", "table `catatan`"] {
        assert!(has(&lines, "ok database", name), "{name}: {lines:#?}");
    }
    assert!(lines.iter().all(|line| line.starts_with("ok")), "{lines:#?}");
    assert_eq!(code, 0);
    site.sqlite3(
        "CREATE TRIGGER diam AFTER INSERT ON auto_messages BEGIN SELECT RAISE(IGNORE); END",
    );
    let (lines, code) = doctor(&site);
    let warned = has(&lines, "warning database", "trigger `diam` on `auto_messages`");
    assert!(warned && code == 0, "{lines:#?}");
    let sql =
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND name <> 'diam' LIMIT 1";
    let (name, text): (String, String) =
        site.sql().query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    site.sqlite3(&format!("DROP TRIGGER {name}"));
    let (lines, code) = doctor(&site);
    assert!(has(&lines, "wrong database", &format!("trigger `{name}` is missing")), "{lines:#?}");
    assert_eq!(code, 1);
    site.sql().execute_batch(&text.replacen("BEGIN", "/* other */ BEGIN", 1)).unwrap();
    let (lines, _) = doctor(&site);
    assert!(has(&lines, "wrong database", &format!("trigger `{name}` was changed")), "{lines:#?}");
}

#[test]
fn a_database_that_a_group_shares_is_as_it_should_be_and_one_that_others_read_is_not() {
    let site = Site::new();
    let mode = |name: &str, mode: u32| {
        fs::set_permissions(site.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    let open = rusqlite::Connection::open(site.database()).unwrap(); // so that there is a -wal
    open.query_row("SELECT count(*) FROM contacts", [], |_| Ok(())).unwrap();
    for (database, wal, found) in [
        (0o600, 0o600, "only their owner may read them"),
        (0o660, 0o660, "shares the database; only their owner may read the others"),
        (0o660, 0o600, "shares the database, but not"),
        (0o664, 0o600, "others may read"),
        (0o640, 0o600, "others may read"),
    ] {
        for name in ["shop.db-wal", "shop.db-shm"] {
            mode(name, wal);
        }
        mode("shop.db", database);
        let shown = doctor(&site).0.join("\n");
        assert!(shown.contains(found), "{database:o} {wal:o}: {shown}");
        let log = stderr(&site.command(&["run"]).env("LOG_LEVEL", "warn").output().unwrap());
        assert_eq!(
            log.contains("other users of this machine"),
            database & 0o067 != 0o060 && database != 0o600,
            "{log}"
        );
    }
}
