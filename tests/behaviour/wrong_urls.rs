//! WAHA_BASE_URL as people copy it, and sessions that this WAHA does not have: one plain sentence each.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use auto_message_scheduler::fake_waha::FakeWaha;
use auto_message_scheduler::waha::{SessionState, Waha};

use crate::site::{Site, stderr};
use crate::world::World;

/// Why a channel on the session `default` would be held.
fn why(url: &str) -> String {
    match Waha::new(url, None, Duration::from_secs(5)).session("default") {
        SessionState::Held(hold) => hold.reason.to_string(),
        SessionState::Working { .. } => "WORKING".to_owned(),
    }
}

/// A server that answers every request like this.
fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let answered = |mut stream: TcpStream| {
                let mut head = [0; 4096];
                let _ = stream.read(&mut head)?;
                stream.write_all(answer.as_bytes())
            };
            drop(stream.and_then(answered));
        }
    });
    address.to_string()
}

#[test]
fn a_url_with_a_path_is_named_as_such_by_every_door_and_not_as_a_missing_session() {
    for path in ["/api", "/dashboard", "/dashboard/sessions"] {
        let site = Site::new();
        let url = format!("{}{path}", site.waha.base_url());
        let words = format!(
            "WAHA_BASE_URL has the path `{path}`, and WAHA does not answer there: write WAHA_BASE_URL={}",
            site.waha.base_url()
        );
        site.message("081200007001");
        let with_url = |arguments: &[&str]| {
            let mut command = site.command(arguments);
            let output = command.env("WAHA_BASE_URL", &url).output().unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned() + &stderr(&output)
        };
        for arguments in [
            &["run"][..],
            &["channel", "list", "--json"],
            &["doctor", "--json"],
            &["message", "show", "1", "--json"],
        ] {
            let text = with_url(arguments);
            assert!(text.contains(&words), "{arguments:?}: {text}");
            assert!(!text.contains("no session"), "{arguments:?}: {text}");
        }
        let reason = "SELECT held_kind || ': ' || held_reason FROM channels";
        let held: String = site.sql().query_row(reason, [], |row| row.get(0)).unwrap();
        assert_eq!(held, format!("misconfigured: {words}"));
    }
    // A page that answers everything, as the dashboard's may.
    let page = answering("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>");
    assert!(why(&format!("http://{page}/dashboard")).contains("has the path `/dashboard`"));
    assert!(!why(&format!("http://{page}")).contains("path"), "{}", why(&format!("http://{page}")));
}

#[test]
fn a_session_whose_name_has_that_word_in_it_is_not_missing_for_it() {
    // 2024.10.8 offers no ids: `Cannot GET /api/session-1/new-message-id`.
    let refused = answering(
        "HTTP/1.1 404 Not Found\r\nContent-Length: 80\r\nConnection: close\r\n\r\n\
         {\"message\":\"Cannot GET /api/session-1/new-message-id\",\"statusCode\":404,   \"e\":\"\"}",
    );
    let waha = Waha::new(&format!("http://{refused}"), None, Duration::from_secs(5));
    let offer = waha.reserve_id("session-1");
    assert!(matches!(offer, auto_message_scheduler::waha::IdOffer::None), "{offer:?}");
}

#[test]
fn https_on_a_port_of_http_and_the_other_way_round_are_said_in_one_sentence() {
    let plain = FakeWaha::start(
        auto_message_scheduler::fake_waha::Options::default(),
        std::sync::Arc::new(auto_message_scheduler::clock::SystemClock::default()),
        |_| {},
    )
    .unwrap();
    let url = plain.base_url();
    assert_eq!(
        why(&url.replace("http://", "https://")),
        format!(
            "WAHA cannot be reached: WAHA_BASE_URL begins with https, but plain http is spoken there: write WAHA_BASE_URL={url}"
        )
    );
    for words in [
        "<center>The plain HTTP request was sent to HTTPS port</center>",
        "Client sent an HTTP request to an HTTPS server.",
    ] {
        let answer = format!(
            "HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{words}",
            words.len()
        );
        let address = answering(answer.leak());
        assert_eq!(
            why(&format!("http://{address}")),
            format!(
                "WAHA_BASE_URL begins with http, but https is spoken there: write WAHA_BASE_URL=https://{address}"
            )
        );
    }
}

#[test]
fn a_core_waha_with_another_session_says_that_it_has_only_the_default_one() {
    let core = answering(
        "HTTP/1.1 422 Unprocessable Entity\r\nContent-Length: 130\r\nConnection: close\r\n\r\n\
         {\"statusCode\":422,\"message\":\"WAHA Core support only 'default' session. If you want to run more, get PLUS\",\"error\":\"Unprocessable\"}",
    );
    let waha = Waha::new(&format!("http://{core}"), None, Duration::from_secs(5));
    let SessionState::Held(hold) = waha.session("toko") else { panic!("it works?") };
    assert_eq!(
        hold.reason.to_string(),
        "this WAHA is the CORE edition, which has no session `toko`, only `default`: give the channel \
         that session (`channel edit --session default`), or use WAHA Plus"
    );
    let look = waha.look_at_session("toko").trouble.unwrap();
    assert_eq!(look, hold.reason, "`channel list` says the same");
    // Nobody's message is burnt for it.
    let mut builder = World::builder();
    builder.waha_url = Some(format!("http://{core}"));
    let world = builder.build();
    let message = world.message("081200007001");
    world.run();
    assert_eq!(world.status(message), "sending");
    assert_eq!(world.ask("SELECT held_kind FROM channels"), "session");
}
