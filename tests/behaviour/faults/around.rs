//! What is around a send: redirected questions, proxies, and what a fault says of the next send.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use auto_message_scheduler::clock::SystemClock;
use auto_message_scheduler::fake_waha::{FakeWaha, Options};
use auto_message_scheduler::send_window::Gap;
use auto_message_scheduler::store::Store;
use auto_message_scheduler::waha::{IdOffer, SessionState, Waha};

use super::script::{Move, Script, Trick};
use super::scripted_waha::{API_KEY, ScriptedWaha};
use crate::world::World;

const UNAVAILABLE: &[Move] = &[Move::ReadAll, Move::Reply(503, "", "<html>down</html>")];

#[test]
fn a_question_that_is_redirected_takes_no_key_to_another_host() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let url = format!("http://{}/", elsewhere.local_addr().unwrap());
    let script = Script { trick: Trick::Redirects, on_send: 1, offers_ids: true };
    let waha = ScriptedWaha::start(script, &url, World::builder().clock);
    let client = Waha::new(&waha.url("http"), Some(API_KEY.to_owned()), Duration::from_secs(2));
    assert!(matches!(client.session("default"), SessionState::Held(_)));
    assert!(matches!(client.reserve_id("default"), IdOffer::Held(_)));
    assert!(elsewhere.accept().is_err(), "another host was asked");
    assert_eq!(waha.journal().keyless, 0);
}

#[test]
fn a_waha_that_went_down_makes_one_delivery_unknown_and_not_the_next_ones() {
    let mut builder = World::builder();
    // Shorter than a session is believed to be WORKING.
    builder.config.gap = Gap { delay: Duration::from_secs(20), jitter: Duration::ZERO };
    let script = Script { trick: Trick::GoesDown(UNAVAILABLE), on_send: 1, offers_ids: false };
    let waha = ScriptedWaha::start(script, "", builder.clock.clone());
    builder.waha_url = Some(waha.url("http"));
    builder.api_key = Some(API_KEY.to_owned());
    let world = builder.build();
    world.message("081200007001, 081200007002, 081200007003");
    world.run();
    let statuses = "SELECT group_concat(status) FROM deliveries";
    assert_eq!(world.ask(statuses), "unknown,pending,pending");
    assert_eq!(world.ask("SELECT held_kind FROM channels"), "unreachable");
    waha.heal();
    world.run();
    assert_eq!(world.ask(statuses), "unknown,sent,sent");
}

#[test]
fn a_proxy_in_the_environment_gets_neither_the_key_nor_the_text() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let proxy_url = format!("http://{}", proxy.local_addr().unwrap());
    let options = Options { api_key: Some(API_KEY.to_owned()), ..Options::default() };
    let waha = FakeWaha::start(options, Arc::new(SystemClock::default()), |_| {}).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("shop.db");
    drop(Store::open(&database).unwrap());
    let sql = "INSERT INTO auto_messages (title, message, contact_ids, scheduled_at)
               VALUES ('x', 'Halo', '081200007001', datetime('now'))";
    rusqlite::Connection::open(&database).unwrap().execute(sql, []).unwrap();

    let mut command = Command::new(env!("CARGO_BIN_EXE_auto-message-scheduler"));
    command.arg("run").current_dir(directory.path()).env_clear().stdin(Stdio::null());
    command.env("WAHA_BASE_URL", waha.base_url()).env("WAHA_API_KEY", API_KEY);
    command.env("DATABASE_PATH", &database).env("SEND_DELAY_SECONDS", "0");
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env(name, &proxy_url);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(waha.received().len(), 1);
    assert!(proxy.accept().is_err(), "the proxy was asked");
}
