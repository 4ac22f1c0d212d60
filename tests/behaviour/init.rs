//! `init`, `settings` and `webhook-setup`: from an empty directory to a checked env file and a first message.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use auto_message_scheduler::clock::SystemClock;
use auto_message_scheduler::config::parse_env_file;
use auto_message_scheduler::fake_waha::{FakeWaha, Options};
use serde_json::json;

use crate::site::{Site, command, program};

const KEY: &str = "'kunci#1'"; // quotes that belong to it
const FILE: &str = "auto-message-scheduler.env";

fn waha() -> FakeWaha {
    let options = Options { api_key: Some(KEY.to_owned()), ..Options::default() };
    let waha = FakeWaha::start(options, Arc::new(SystemClock::default()), |_| {}).unwrap();
    waha.set_status("toko", "WORKING");
    waha.set_status("default", "SCAN_QR_CODE");
    waha
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    command(directory, arguments).env("SEND_DELAY_SECONDS", "0").output().unwrap()
}

fn both(output: &Output) -> String {
    let (out, error) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(error)
}

#[test]
fn init_by_flags_writes_a_private_file_sets_the_session_and_sends_a_test() {
    let (waha, directory) = (waha(), tempfile::tempdir().unwrap());
    let here = directory.path();
    let url = waha.base_url();
    let given = ["init", "--waha-url", &url, "--waha-key", KEY, "--session", "toko"];
    let more =
        ["--timezone", "WITA", "--panel-password", "rahasia toko", "--test", "0812-3456-7890"];
    let output = run(here, &[&given[..], &more].concat());
    let told = both(&output);
    assert!(output.status.success(), "{told}");
    let bits = fs::metadata(here.join(FILE)).unwrap().permissions().mode();
    assert_eq!(bits & 0o777, 0o600);
    let text = fs::read_to_string(here.join(FILE)).unwrap();
    let values = parse_env_file(Path::new(FILE), &text).unwrap();
    assert_eq!(values["WAHA_API_KEY"], KEY);
    assert_eq!(values["TIMEZONE"], "Asia/Makassar");
    assert!(values["ADMIN_PASSWORD_HASH"].starts_with("$argon2id$"), "{text}");
    let received = waha.received();
    assert_eq!(received.len(), 1, "{told}");
    assert_eq!((&*received[0].session, &*received[0].chat_id), ("toko", "6281234567890@c.us"));
    for word in [
        "WAHA",
        "session toko: WORKING",
        "serve",
        "/panel",
        "crontab",
        "* * * * * cd",
        "--warmup today",
    ] {
        assert!(told.contains(word), "`{word}` is not in: {told}");
    }
    assert!(!told.contains(KEY), "{told}");
}

#[test]
fn init_asks_on_a_terminal_and_again_for_what_cannot_be() {
    let (waha, directory) = (waha(), tempfile::tempdir().unwrap());
    // A wrong key, then the right one; no such session, then the one that is offered; no such zone.
    let typed = format!(
        "{url}\nsalah\n{url}\n{KEY}\nbesar\n\nMars\nWIT\npendek\n\nya\n0812-3456-7890\n",
        url = waha.base_url()
    );
    let input = directory.path().join("typed");
    fs::write(&input, typed).unwrap();
    let line = format!("{} init", program().display());
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &line, "/dev/null"]).current_dir(directory.path());
    let output = terminal
        .env("SEND_DELAY_SECONDS", "0")
        .stdin(fs::File::open(&input).unwrap())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let told = both(&output);
    assert!(output.status.success(), "{told}");
    for word in ["does not accept the key", "no session `besar`", "Mars", "8 characters or more"] {
        assert!(told.contains(word), "`{word}` is not in: {told}");
    }
    assert_eq!(waha.received()[0].session, "toko");
    let text = fs::read_to_string(directory.path().join(FILE)).unwrap();
    assert!(text.contains("TIMEZONE=Asia/Jayapura") && !text.contains("ADMIN"), "{text}");
    let shown = both(&run(directory.path(), &["channel", "show", "default", "--offline"]));
    assert!(shown.contains("day 1, since"), "the number is new: {shown}");
}

#[test]
fn init_changes_no_file_that_is_there_and_writes_none_when_waha_does_not_answer() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let nobody = ["init", "--waha-url", "http://127.0.0.1:1"];
    let output = run(here, &nobody);
    assert_eq!(output.status.code(), Some(1));
    assert!(both(&output).contains("--unchecked"), "{}", both(&output));
    assert!(!here.join(FILE).exists());
    let output = run(here, &[&nobody[..], &["--unchecked"]].concat());
    assert!(output.status.success(), "{}", both(&output));
    let before = fs::read(here.join(FILE)).unwrap();
    let output = run(here, &[&nobody[..], &["--unchecked"]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(both(&output).contains("is there already"), "{}", both(&output));
    assert_eq!(fs::read(here.join(FILE)).unwrap(), before);
}

#[test]
fn init_writes_what_the_settings_read_back() {
    let (waha, directory) = (waha(), tempfile::tempdir().unwrap());
    let named = directory.path().join("toko.env");
    let named = named.to_str().unwrap();
    let url = waha.base_url();
    let given = ["--env-file", named, "init", "--waha-url", &url, "--waha-key", KEY];
    assert!(run(directory.path(), &given).status.success());
    let shown = run(directory.path(), &["--env-file", named, "settings", "--changed", "--json"]);
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let of = |key: &str| shown.as_array().unwrap().iter().find(|one| one["key"] == key).unwrap();
    assert_eq!(
        (&of("WAHA_BASE_URL")["value"], &of("WAHA_BASE_URL")["from"]),
        (&url.into(), &"file".into())
    );
    assert_eq!(of("WAHA_API_KEY")["value"], "(set)");
    assert_eq!(of("SEND_DELAY_SECONDS")["from"], "environment");
}

#[test]
fn settings_shows_every_key_no_secret_and_a_sample_that_holds() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let mut command = command(here, &["settings"]);
    command
        .env("ADMIN_PASSWORD", "rahasia sekali")
        .env("ALERT_URL", "https://ntfy.example/rahasia");
    let told = both(&command.output().unwrap());
    for setting in auto_message_scheduler::config::SETTINGS {
        assert!(told.contains(setting.key), "{} is not in: {told}", setting.key);
    }
    assert!(!told.contains("rahasia"), "{told}");
    let sample = run(here, &["settings", "--sample"]);
    let text = String::from_utf8(sample.stdout).unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("dist/auto-message-scheduler.env");
    assert_eq!(text, fs::read_to_string(file).unwrap());
    assert!(parse_env_file(Path::new(FILE), &text).unwrap().is_empty());
}

#[test]
fn webhook_setup_prints_lines_for_waha_with_the_key_that_serve_knows() {
    let site = Site::new();
    site.write_settings("");
    let lines = both(&site.run(&["webhook-setup", "--url", "http://172.17.0.1:8787/"]));
    let key = lines.lines().find_map(|line| line.strip_prefix("WEBHOOK_HMAC_KEY=")).unwrap();
    assert_eq!(key.len(), 64, "{lines}");
    for line in [
        "WHATSAPP_HOOK_URL=http://172.17.0.1:8787/api/waha-webhook",
        "WHATSAPP_HOOK_EVENTS=message.ack,message.ack.group,message.any,session.status,message",
        &format!("WHATSAPP_HOOK_HMAC_KEY={key}"),
    ] {
        assert!(lines.lines().any(|one| one == line), "`{line}` is not in: {lines}");
    }
    site.write_settings("WEBHOOK_HMAC_KEY=kunci-yang-ada\n");
    let lines = both(&site.run(&["webhook-setup"]));
    assert!(
        lines.contains("WHATSAPP_HOOK_HMAC_KEY=kunci-yang-ada") && !lines.contains("\nWEBHOOK")
    );
}

#[test]
fn webhook_setup_by_the_api_keeps_what_else_a_session_was_told() {
    let site = Site::new();
    site.write_settings("WEBHOOK_HMAC_KEY=kunci-yang-ada\n");
    let other = json!({"url": "https://crm.example/hook", "events": ["message"]});
    let old = json!({"url": "http://10.0.0.9/api/waha-webhook", "events": ["message.ack"]});
    let store = json!({"store": {"enabled": true}});
    site.waha.set_config("default", json!({"webhooks": [old, other], "noweb": store}));
    let output = site.run(&["webhook-setup", "--url", "http://10.0.0.2:8787", "--apply"]);
    assert!(both(&output).contains("--yes"), "{}", both(&output));
    let output = site.run(&["webhook-setup", "--url", "http://10.0.0.2:8787", "--apply", "--yes"]);
    assert!(output.status.success(), "{}", both(&output));
    assert!(!both(&output).contains("kunci"));
    let put = site.waha.requests().into_iter().rfind(|one| one.method == "PUT").unwrap();
    assert_eq!(put.path, "/api/sessions/default");
    // doctor reads what the session says of itself now.
    let found = both(&site.run(&["doctor"]));
    assert!(found.contains("session `default` sends its events here"), "{found}");
    let again = site.run(&["webhook-setup", "--url", "http://10.0.0.3:8787", "--apply", "--yes"]);
    assert!(again.status.success());
    let config = site.waha.config("default");
    assert_eq!(config["noweb"], store);
    let urls: Vec<&str> = config["webhooks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["url"].as_str().unwrap())
        .collect();
    assert_eq!(urls, ["https://crm.example/hook", "http://10.0.0.3:8787/api/waha-webhook"]);
}
