//! `status`: one screen that tells the truth, cheaply.

use std::fs;

use crate::site::{Site, stderr};

fn screen(site: &Site) -> String {
    let output = site.run(&["status"]);
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn json(site: &Site) -> serde_json::Value {
    serde_json::from_slice(&site.run(&["status", "--json"]).stdout).unwrap()
}

#[test]
fn status_counts_what_is_there() {
    let site = Site::new();
    site.message("081200007001, 081200007002, belum");
    assert!(site.run(&["run"]).status.success());
    site.message("081200007003");
    site.sql()
        .execute_batch(
            "UPDATE channels SET ready_at = datetime('now', '+40 seconds');
             INSERT INTO channels (id, name, session_name, held_reason) VALUES (2, 'toko', 'toko', 'liburan');
             INSERT INTO channels (id, name, is_active) VALUES (3, 'lama', 0);
             INSERT INTO deliveries (auto_message_id, due_at, channel_id, chat_id, status, finished_at)
                 VALUES (1, '2026-01-01T00:00:00Z', 1, 'x', 'unknown', '2026-01-01T00:00:00Z');",
        )
        .unwrap();
    let value = json(&site);
    assert_eq!(value["today"], serde_json::json!({"sent": 2, "skipped": 1}));
    assert_eq!(value["unknown"], 1);
    assert_eq!(value["messages"]["due"], 1);
    assert_eq!(value["next_due"]["id"], 2);
    assert_eq!(value["runs"][0]["trigger"], "cli");
    assert_eq!(value["channels"][1]["held_reason"], "liburan");
    let text = screen(&site);
    assert!(text.contains("2 sent, 0 failed, 1 skipped"), "{text}");
    assert!(text.contains("held: liburan") && text.contains("not active"), "{text}");
    // The column is further away than the gap of one second: it was written under another clock.
    assert!(text.contains("ready in 1 s") || text.contains("ready in 0 s"), "{text}");
    assert!(text.contains("no process is sending now"), "{text}");
}

#[test]
fn a_rest_of_a_channel_is_called_one() {
    let site = Site::new();
    site.write_settings("REST_AFTER=2\nREST_MINUTES=60-60\n");
    let sql = site.sql();
    for (counted, words) in [(0, "rests for "), (1, "ready in ")] {
        let ready = "ready_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '+40 minutes')";
        let set = format!("UPDATE channels SET {ready}, sends_since_rest = {counted}");
        sql.execute_batch(&set).unwrap();
        let text = screen(&site);
        assert!(text.contains(words), "{text}");
        assert_eq!(text.contains("(REST_AFTER)"), counted == 0, "{text}");
    }
}

#[test]
fn status_fits_one_screen_however_much_there_is() {
    let site = Site::new();
    site.sql()
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
             INSERT INTO channels (name, session_name, held_reason)
             SELECT 'cabang yang namanya panjang sekali ' || i, 's' || i, 'alasan ' || hex(zeroblob(200)) FROM n;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
             INSERT INTO runs (trigger, started_at, finished_at, error)
             SELECT 'cron', '2026-11-01T00:00:00Z', '2026-11-01T00:00:01Z', hex(zeroblob(200)) FROM n;
             INSERT INTO auto_messages (title, message, contact_ids, scheduled_at)
             VALUES (hex(zeroblob(200)), 'x', '1', '2027-01-01');",
        )
        .unwrap();
    let text = screen(&site);
    assert!(text.lines().count() <= 23, "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(text.contains("and 55 more"), "{text}");
}

#[test]
fn the_backlog_ends_when_the_last_delivery_goes_out() {
    let site = Site::new();
    site.write_settings("SEND_DELAY_SECONDS=60\n");
    site.message("081200007001, 081200007002, 081200007003, 081200007004");
    let mut server = site.start("run", "run.log", None);
    crate::site::until("one has arrived", || site.waha.received().len() == 1);
    crate::site::until("it is recorded", || json(&site)["today"]["sent"] == 1);
    let value = json(&site);
    assert_eq!(value["channels"][0]["pending"], 3);
    assert_eq!(value["sending_process"], server.child.id());
    let ready = value["channels"][0]["ready_in_seconds"].as_i64().unwrap();
    let seconds = |name: &str| {
        let at = value[name].as_str().unwrap();
        auto_message_scheduler::clock::Timestamp::parse(at).unwrap().secs()
    };
    let until_end = seconds("backlog_ends_at") - seconds("now");
    assert!((until_end - ready - 120).abs() <= 1, "{until_end} {ready}");
    server.kill();
}

#[test]
fn the_backlog_counts_no_paused_message_and_ends_with_the_gaps_and_the_late_limit() {
    let site = Site::new();
    site.write_settings("SEND_DELAY_SECONDS=60\nSEND_JITTER_SECONDS=0\nLATE_LIMIT_HOURS=2\n");
    let change = |sql: &str| site.sql().execute_batch(sql).unwrap();
    let ends = || {
        let value = json(&site);
        let seconds = |name: &str| {
            let at = value[name].as_str().map(auto_message_scheduler::clock::Timestamp::parse);
            at.flatten().map(auto_message_scheduler::clock::Timestamp::secs)
        };
        let minutes = seconds("backlog_ends_at").map(|at| (at - seconds("now").unwrap()) / 60);
        (value["channels"][0]["pending"].as_i64().unwrap(), minutes)
    };
    for id in [1, 2] {
        change(&format!(
            "INSERT INTO auto_messages (id, message, contact_ids, scheduled_at)
             VALUES ({id}, 'x', '1', datetime('now'));
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 11)
             INSERT INTO deliveries (auto_message_id, due_at, channel_id, chat_id, status)
             SELECT {id}, scheduled_at, 1, '62812000071' || i || '@c.us', 'pending'
             FROM n, auto_messages m WHERE m.id = {id};
             UPDATE auto_messages SET status = iif({id} = 1, 'sending', 'draft') WHERE id = {id}"
        ));
    }
    assert_eq!(ends(), (11, Some(10)), "one a minute, and nothing of the paused one");
    let listed = String::from_utf8(site.run(&["channel", "list", "--json"]).stdout).unwrap();
    assert!(listed.contains(r#""pending": 11"#), "as many at each door: {listed}");
    change(
        "UPDATE deliveries SET next_attempt_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '+3605 seconds')
         WHERE id = 3",
    );
    assert_eq!(ends(), (11, Some(60)), "one waits an hour for its gap");
    change(
        "UPDATE deliveries SET next_attempt_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '+5 hours')
         WHERE auto_message_id = 2",
    );
    assert_eq!(ends(), (11, Some(60)), "who waits for longer is of the paused one");
    // Another channel's message that was due later lets nothing of this one go out later.
    change(
        "INSERT INTO channels (id, name, session_name) VALUES (2, 'lain', 'lain');
         INSERT INTO auto_messages (id, message, contact_ids, channel_id, scheduled_at)
         VALUES (3, 'x', '1', 2, datetime('now', '+30 hours'));
         INSERT INTO deliveries (auto_message_id, due_at, channel_id, chat_id, status)
         SELECT 3, scheduled_at, 2, '6281200007201@c.us', 'pending' FROM auto_messages WHERE id = 3;
         UPDATE auto_messages SET status = 'sending' WHERE id = 3",
    );
    change("UPDATE channels SET daily_limit = 4");
    assert!(ends().1.unwrap() <= 120, "the rest does not go out tomorrow: it expires");
    change("UPDATE auto_messages SET status = 'draft'");
    assert_eq!(ends(), (0, None));
}

#[test]
fn a_look_makes_no_database_and_watch_wants_a_terminal() {
    let site = Site::new();
    let output = site.run(&["status", "--watch"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("on a terminal"), "{}", stderr(&output));
    fs::remove_file(site.database()).unwrap();
    let output = site.run(&["status"]);
    assert!(stderr(&output).contains("there is no database"), "{}", stderr(&output));
    assert!(!site.database().exists());
}
