//! Callbacks of the real program: `run` and `serve`, a receiver that hangs, kills, and the commands.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::ledger::gaps_millis;
use crate::receiver::{Mood, Receiver};
use crate::site::{Site, stderr, until};

fn site(receiver: &Receiver, more: &str) -> Site {
    let site = Site::new();
    site.write_settings(&format!(
        "CALLBACK_URL={}\nCALLBACK_SECRET=whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n{more}",
        receiver.url("/sangat-rahasia")
    ));
    site
}

/// So that what happens from now on is told.
fn begin(site: &Site) {
    assert!(site.run(&["run"]).status.success());
}

fn shown(site: &Site, arguments: &[&str]) -> String {
    let output = site.run(arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_run_from_cron_tells_before_it_ends_and_serve_tells_what_another_process_did() {
    let receiver = Receiver::new(Mood::Answers(200));
    let site = site(&receiver, "");
    begin(&site);
    site.message("081200007001");
    begin(&site);
    let told = receiver.take();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].1.contains("\"message.finished\"") && !told[0].1.contains("Rahasia"));
    // A fact of another process is told by the one that sends.
    site.sql().execute("UPDATE auto_messages SET status = 'failed'", []).unwrap();
    let server = site.serve();
    receiver.wait(|told| told.len() == 1);
    drop(server);
    assert!(shown(&site, &["callback", "list"]).contains("message.finished   message 1   told"));
}

#[test]
fn a_receiver_that_hangs_changes_no_pace_and_ends_with_the_program() {
    let receiver = Receiver::new(Mood::Hangs);
    let site = site(&receiver, "CALLBACK_EVENTS=all\n");
    begin(&site);
    let mut server = site.serve();
    site.message("081200007001, 081200007002, 081200007003, 081200007004");
    server.post("/api/cron-auto-message");
    until("all are sent", || site.waha.received().len() == 4);
    receiver.wait(|told| !told.is_empty());
    let gaps = gaps_millis(&site.waha.received());
    assert!(gaps.iter().all(|gap| (1000..8000).contains(gap)), "{gaps:?}");
    let began = Instant::now();
    server.signal("TERM");
    assert_eq!(server.end(), 0);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(!server.log().contains("sangat-rahasia"));
    assert!(shown(&site, &["status"]).contains("Callbacks  5 waiting, 0 failed"));
}

/// With how many calls the receiver then has.
pub const PLACES: [(&str, usize); 2] = [("callback_read", 1), ("callback_taken", 2)];

#[test]
fn killed_before_and_after_the_receiver_took_it_the_next_start_tells_it_with_the_same_id() {
    for (place, visits) in PLACES {
        let receiver = Receiver::new(Mood::Answers(200));
        let site = site(&receiver, "");
        begin(&site);
        site.message("081200007001");
        let mut killed = site.start("serve", "killed.log", Some(place));
        killed.wait_until_ready();
        killed.post("/api/cron-auto-message");
        killed.wait_for_log(&format!("fail point: {place}"));
        until("the message is sent", || site.status() == "sent");
        assert!(killed.kill());
        let mut server = site.serve();
        receiver.wait(|told| told.len() == visits);
        until("it is marked", || shown(&site, &["callback", "list"]).contains("told"));
        server.signal("TERM");
        assert_eq!(server.end(), 0);
        let heads = receiver.take_heads();
        assert!(heads.iter().all(|head| head["webhook-id"] == heads[0]["webhook-id"]));
        assert_eq!(heads.len(), visits);
    }
}

/// KILLS=200 makes more of them; of many more the table forgets what was told.
#[test]
fn kills_at_random_times_leave_no_fact_untold() {
    let kills: u64 = std::env::var("KILLS").map_or(15, |text| text.parse().unwrap());
    let mut random = fastrand::Rng::with_seed(1);
    let receiver = Receiver::new(Mood::Answers(200));
    let site = site(&receiver, "CALLBACK_EVENTS=all\nSEND_DELAY_SECONDS=0\n");
    begin(&site);
    let mut killed = 0;
    while killed < kills {
        site.message("081200007001, 081200007002, belum");
        let arrivals = site.waha.received().len();
        let mut program = site.start("run", "killed.log", None);
        until("something arrives", || site.waha.received().len() > arrivals || !program.is_alive());
        std::thread::sleep(Duration::from_micros(random.u64(0..25_000)));
        killed += u64::from(program.kill());
        receiver.set_mood(Mood::Answers(if random.bool() { 200 } else { 500 }));
    }
    receiver.set_mood(Mood::Answers(200));
    // What is unknown is looked up after 150 s only: a person ends the messages that wait for it.
    begin(&site);
    site.sql()
        .execute("UPDATE auto_messages SET status = 'failed' WHERE status = 'sending'", [])
        .unwrap();
    shown(&site, &["callback", "retry"]);
    begin(&site);
    let told: BTreeSet<String> = receiver
        .take_heads()
        .into_iter()
        // A program that is killed while it tells leaves half a head.
        .filter_map(|mut head| head.remove("webhook-id"))
        .collect();
    let facts = "SELECT count(*), count(*) FILTER (WHERE status = 'told') FROM callbacks";
    let count = |sql: &str| {
        site.sql()
            .query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
            .unwrap()
    };
    let (all, marked) = count(facts);
    assert_eq!((all, all), (marked, i64::try_from(told.len()).unwrap()));
    // Every delivery and every message has its fact.
    let (deliveries, facts) = count(
        "SELECT count(*), (SELECT count(DISTINCT json_extract(data, '$.id')) FROM callbacks
             WHERE event GLOB 'delivery.*') FROM deliveries",
    );
    assert_eq!(deliveries, facts);
    let (messages, facts) = count(
        "SELECT count(*), (SELECT count(DISTINCT subject) FROM callbacks
             WHERE event = 'message.finished') FROM auto_messages",
    );
    assert_eq!(messages, facts);
    println!("kills: {kills}, facts: {all}");
}

#[test]
fn the_commands_show_failures_try_again_and_send_a_test() {
    let receiver = Receiver::new(Mood::Answers(503));
    let site = site(&receiver, "");
    begin(&site);
    let refused = site.run(&["callback", "test"]);
    let words = "CALLBACK_URL did not take a test: it answered 503";
    assert!(stderr(&refused).contains(words), "{}", stderr(&refused));
    assert_eq!(refused.status.code(), Some(1));
    site.message("belum");
    begin(&site);
    let text = shown(&site, &["callback", "list"]);
    assert!(text.contains("it answered 503") && text.contains("1 waiting, 0 failed"), "{text}");
    site.sql().execute("UPDATE callbacks SET status = 'failed'", []).unwrap();
    let doctor = String::from_utf8(site.run(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("0 callbacks wait, 1 failed, 0 were dropped untold"), "{doctor}");
    assert!(shown(&site, &["callback", "list", "--status", "waiting"]).starts_with("0 wait"));
    let id = shown(&site, &["callback", "list", "--status", "failed", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&id).unwrap();
    assert_eq!(list["counts"]["failed"], 1);
    assert_eq!(list["callbacks"][0]["attempts"], 1);
    receiver.set_mood(Mood::Answers(200));
    receiver.take_heads();
    assert!(shown(&site, &["callback", "test"]).contains("took a test"));
    let unknown = site.run(&["callback", "retry", "1", "99"]);
    assert!(stderr(&unknown).contains("is not there"), "{}", stderr(&unknown));
    assert!(shown(&site, &["callback", "retry"]).starts_with("1 will be told again"));
    begin(&site);
    let heads = receiver.take_heads();
    assert_eq!(heads.len(), 2);
    assert_eq!(list["callbacks"][0]["webhook_id"], heads[1]["webhook-id"].as_str());
    site.write_settings("");
    let off = site.run(&["callback", "test"]);
    assert!(stderr(&off).contains("CALLBACK_URL is not set"), "{}", stderr(&off));
}

#[test]
fn without_a_secret_nothing_starts() {
    let site = Site::new();
    site.write_settings("CALLBACK_URL=https://toko.example.com/hook\n");
    let output = site.run(&["run"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("CALLBACK_SECRET is not set"), "{}", stderr(&output));
}
