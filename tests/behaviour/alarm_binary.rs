//! Alarms of the real program: `run` from cron and `serve`, with receivers that answer, hang and refuse.

use std::time::{Duration, Instant};

use crate::receiver::{Mood, Receiver};
use crate::site::{SECRET, Site};

fn settings(heartbeat: &str, alert: &str) -> String {
    format!("HEARTBEAT_URL={heartbeat}\nALERT_URL={alert}\n")
}

#[test]
fn run_calls_start_and_end_and_tells_its_alerts_before_it_ends() {
    let site = Site::new();
    let (heart, alert) = (Receiver::new(Mood::Answers(200)), Receiver::new(Mood::Answers(200)));
    site.write_settings(&settings(&heart.url("/abc"), &alert.url("/x")));
    site.message("081200007001");
    assert!(site.run(&["run"]).status.success()); // From here on what happens is told.
    assert_eq!(heart.take_lines(), ["POST /abc/start", "POST /abc"]);
    assert!(alert.take().is_empty());
    site.message("belum");
    assert!(site.run(&["run"]).status.success());
    assert_eq!(heart.take_lines(), ["POST /abc/start", "POST /abc"]);
    let told = alert.take();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].1.contains("\"message_failed\"") && !told[0].1.contains("Rahasia"), "{told:?}");
    assert!(site.run(&["run"]).status.success());
    assert!(alert.take().is_empty(), "it is told again");
}

#[test]
fn a_run_that_breaks_down_is_a_failed_heartbeat() {
    let site = Site::new();
    let heart = Receiver::new(Mood::Answers(200));
    site.write_settings(&settings(&heart.url("/abc"), ""));
    std::fs::write(site.database(), "this is no database, however long it is ".repeat(50)).unwrap();
    assert!(!site.run(&["run"]).status.success());
    assert_eq!(heart.take_lines(), ["POST /abc/fail"]);
}

#[test]
fn receivers_that_hang_or_refuse_neither_stop_nor_delay_a_send_and_their_urls_are_never_shown() {
    let hanging = Receiver::new(Mood::Hangs);
    let refusing = "http://127.0.0.1:9/sangat-rahasia".to_owned();
    for url in [hanging.url("/sangat-rahasia"), refusing] {
        let site = Site::new();
        site.write_settings(&settings(&url, &url));
        site.message("081200007001");
        site.message("belum");
        let began = Instant::now();
        let output = site.command(&["run"]).env("LOG_LEVEL", "debug").output().unwrap();
        assert!(output.status.success());
        assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
        assert_eq!(site.waha.received().len(), 1);
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(!log.contains("sangat-rahasia"), "{log}");
        assert!(log.contains("HEARTBEAT_URL does not take it"), "{log}");
    }
}

#[test]
fn serve_tells_of_each_trigger_and_of_a_hold_and_shows_its_figures() {
    let site = Site::new();
    let (heart, alert) = (Receiver::new(Mood::Answers(200)), Receiver::new(Mood::Answers(200)));
    site.write_settings(&settings(&heart.url("/abc"), &alert.url("/x")));
    let mut server = site.serve();
    site.message("081200007001");
    site.message("belum");
    let (status, _) = server.post("/api/auto-message-scheduler");
    assert_eq!(status, 200);
    heart.wait(|told| told.len() >= 2);
    assert_eq!(heart.take_lines(), ["POST /abc/start", "POST /abc"]);
    alert.wait(|told| !told.is_empty());
    assert!(alert.take()[0].1.contains("message_failed"));

    for headers in ["", "Authorization: Bearer wrong-secret-0123456789\r\n"] {
        assert_eq!(server.request("GET", "/metrics", headers).0, 401);
    }
    let bearer = format!("Authorization: Bearer {SECRET}\r\n");
    let (status, head, body) = server.request("GET", "/metrics", &bearer);
    assert_eq!(status, 200);
    assert!(head.to_lowercase().contains("content-type: text/plain; version=0.0.4"), "{head}");
    if let Ok(path) = std::env::var("METRICS_FILE") {
        std::fs::write(path, &body).unwrap();
    }
    check_format(&body);
    for line in [
        "ams_messages{status=\"sent\"} 1",
        "ams_messages{status=\"failed\"} 1",
        "ams_deliveries{status=\"sent\"} 1",
        "ams_send_duration_seconds_count 1",
        "ams_channels_held 0",
        "ams_stale 0",
        "ams_delivery_lag_seconds 0",
    ] {
        assert!(body.lines().any(|shown| shown == line), "{line} in\n{body}");
    }
    assert_eq!(server.request("POST", "/metrics", &bearer).0, 405);
    assert_eq!(server.request("GET", "/health", "").0, 200);
    server.signal("TERM");
    assert_eq!(server.end(), 0);
}

#[test]
fn doctor_sends_a_test_only_when_it_is_asked_to() {
    let site = Site::new();
    let (heart, alert) = (Receiver::new(Mood::Answers(200)), Receiver::new(Mood::Answers(500)));
    site.write_settings(&settings(&heart.url("/abc"), &alert.url("/x")));
    site.run(&["doctor"]);
    assert!(heart.take().is_empty() && alert.take().is_empty());
    let shown = String::from_utf8(site.run(&["doctor", "--alert"]).stdout).unwrap();
    assert!(shown.contains("HEARTBEAT_URL took a test"), "{shown}");
    assert!(shown.contains("ALERT_URL did not take a test: it answered 500"), "{shown}");
    assert!(alert.take()[0].1.contains("\"event\":\"test\""));
    assert_eq!(heart.take_lines(), ["POST /abc"]);
}

/// What any parser of the format wants: each sample under its TYPE, and a number.
fn check_format(body: &str) {
    let mut types = Vec::new();
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["gauge", "counter", "histogram"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(!types.contains(&name.to_owned()), "twice: {line}");
            types.push(name.to_owned());
        } else if !line.starts_with("# HELP ") {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            assert!(name.starts_with(types.last().unwrap().as_str()), "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    assert!(body.ends_with('\n'));
}
