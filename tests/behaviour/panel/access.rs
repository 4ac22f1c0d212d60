//! Who is let in, and for how long.

use std::time::Duration;

use auto_message_scheduler::api::Pages;
use auto_message_scheduler::config::{AdminPassword, Secret};
use auto_message_scheduler::http::{PEER, Request};
use auto_message_scheduler::panel::Panel;
use auto_message_scheduler::password;

use super::{Browser, PAGES, PASSWORD, PROXY, header, panel, panel_with, text};
use crate::site::Site;
use crate::world::World;

#[test]
fn without_a_password_no_route_of_it_exists() {
    let site = Site::new();
    let server = site.serve();
    let (status, _, nothing) = server.request("GET", "/nothing-here", "");
    assert_eq!(status, 404);
    for path in PAGES.iter().chain(&["/", "/panel/login", "/panel/", "/panel/assets/panel.css"]) {
        for method in ["GET", "POST"] {
            let (status, head, body) = server.request(method, path, "");
            assert_eq!((status, body.as_str()), (404, nothing.as_str()), "{method} {path}");
            assert!(!head.contains("Set-Cookie"), "{head}");
        }
    }
}

#[test]
fn with_a_password_the_real_server_shows_the_login() {
    let site = Site::new();
    site.write_settings("ADMIN_PASSWORD=rahasia toko\n");
    let server = site.serve();
    let (status, head, body) = server.request("GET", "/panel/login", "");
    assert_eq!(status, 200, "{body}");
    assert!(head.contains("Content-Security-Policy: default-src 'none'"), "{head}");
    assert!(body.contains("<html lang=\"id\">"), "{body}");
    let (status, head, _) = server.request("GET", "/panel", "");
    assert_eq!(status, 303, "{head}");
    let (status, head, _) = server.request("GET", "/", "");
    assert!(status == 303 && head.contains("Location: /panel\r\n"), "{head}");
    assert!(server_log_has(&site, "serve: the panel is at http://"));
    assert!(!server_log_has(&site, "rahasia"));
}

fn server_log_has(site: &Site, word: &str) -> bool {
    std::fs::read_to_string(site.path("serve.log")).unwrap().contains(word)
}

#[test]
fn nothing_is_shown_to_who_is_not_logged_in() {
    let world = World::new();
    world.message("1");
    let panel = panel(&world);
    let mut stranger = Browser::default();
    stranger.get(&panel, "/panel/login");
    for page in PAGES {
        let reply = stranger.get(&panel, page);
        assert!(matches!(reply.status, 303 | 401), "{page}: {}", reply.status);
        let reply = stranger.post(&panel, page, &[]);
        assert!(matches!(reply.status, 303 | 401), "{page}: {}", reply.status);
    }
    stranger.cookies.insert("panel_session".into(), "0".repeat(64));
    assert_eq!(stranger.get(&panel, "/panel").status, 303);
    assert_eq!(world.ask("SELECT status FROM auto_messages"), "scheduled");
}

#[test]
fn the_cookie_is_for_this_browser_and_this_panel_only() {
    let world = World::new();
    let panel = panel(&world);
    for is_tls in [false, true] {
        let mut browser = Browser { is_tls, ..Browser::default() };
        let reply = browser.log_in(&panel, PASSWORD);
        let cookies: Vec<&String> = reply
            .headers
            .iter()
            .filter(|(name, _)| *name == "Set-Cookie")
            .map(|(_, value)| value)
            .collect();
        assert!(cookies.iter().any(|cookie| cookie.starts_with("panel_session=")));
        for cookie in cookies {
            for part in ["; Path=/panel", "; HttpOnly", "; SameSite=Strict"] {
                assert!(cookie.contains(part), "{cookie}");
            }
            assert_eq!(cookie.contains("; Secure"), is_tls, "{cookie}");
        }
        let id = &browser.cookies["panel_session"];
        assert_eq!(id.len(), 64);
        let kept = world.rows("SELECT id_hash FROM panel_sessions").join("\n");
        assert!(!kept.contains(id.as_str()), "the database must not hold what the cookie holds");
    }
}

#[test]
fn the_password_is_kept_as_a_hash_only() {
    let world = World::new();
    Browser::logged_in(&panel(&world));
    let kept = world.rows("SELECT value FROM meta").join("\n");
    assert!(kept.contains("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
    assert!(!kept.contains(PASSWORD));
}

#[test]
fn a_hash_in_the_settings_opens_it_too() {
    let world = World::new();
    let hash = password::hash("kata sandi lain").unwrap();
    let panel = panel_with(&world, AdminPassword::Hash(Secret::new(hash)));
    let mut browser = Browser::default();
    assert_eq!(browser.log_in(&panel, PASSWORD).status, 401);
    assert_eq!(browser.log_in(&panel, "kata sandi lain").status, 303);
}

#[test]
fn a_form_that_no_page_of_ours_made_changes_nothing() {
    let world = World::new();
    world.message("1");
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let mut other = Browser::logged_in(&panel);
    other.get(&panel, "/panel/messages");
    for token in [None, Some(""), Some("x"), Some(other.token.as_str())] {
        let fields: Vec<(&str, &str)> = token.map(|token| ("csrf", token)).into_iter().collect();
        for path in [
            "/panel/messages/1/cancel",
            "/panel/messages/new",
            "/panel/contacts/new",
            "/panel/logout-everywhere",
            "/panel/logout",
        ] {
            let reply = browser.post_raw(&panel, path, &fields);
            assert_eq!(reply.status, 403, "{path}: {}", text(&reply));
        }
    }
    assert_eq!(world.ask("SELECT status FROM auto_messages"), "scheduled");
    assert_eq!(browser.get(&panel, "/panel").status, 200);
    let mut stranger = Browser::default();
    assert_eq!(stranger.post_raw(&panel, "/panel/login", &[("password", PASSWORD)]).status, 403);
}

#[test]
fn a_restart_logs_nobody_out_and_a_new_password_everybody() {
    let world = World::new();
    let mut browser = Browser::logged_in(&panel(&world));
    assert_eq!(browser.get(&panel(&world), "/panel").status, 200);
    let changed = panel_with(&world, AdminPassword::Plain(Secret::new("yang baru")));
    assert_eq!(browser.get(&changed, "/panel").status, 303);
    // Nor does the old password bring the old session back.
    assert_eq!(browser.get(&panel(&world), "/panel").status, 303);
}

#[test]
fn logging_out_ends_one_session_and_everywhere_all() {
    let world = World::new();
    let panel = panel(&world);
    let mut phone = Browser::logged_in(&panel);
    let mut desk = Browser::logged_in(&panel);
    let stolen = phone.clone();
    assert_eq!(phone.post(&panel, "/panel/logout", &[]).status, 303);
    assert_eq!(stolen.clone().get(&panel, "/panel").status, 303);
    assert_eq!(desk.get(&panel, "/panel").status, 200);
    let mut phone = Browser::logged_in(&panel);
    assert_eq!(desk.post(&panel, "/panel/logout-everywhere", &[]).status, 303);
    assert_eq!(phone.get(&panel, "/panel").status, 303);
}

#[test]
fn a_session_ends_after_a_week_unused_and_after_a_month_in_any_case() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for _ in 0..4 {
        world.clock.pass(Duration::from_hours(6 * 24));
        assert_eq!(browser.get(&panel, "/panel").status, 200);
    }
    world.clock.pass(Duration::from_hours(6 * 24));
    assert_eq!(browser.get(&panel, "/panel").status, 303);
    let mut browser = Browser::logged_in(&panel);
    world.clock.pass(Duration::from_hours(7 * 24));
    assert_eq!(browser.get(&panel, "/panel").status, 303);
}

#[test]
fn a_restored_database_knows_no_sessions() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    world.execute("UPDATE meta SET value = 'another' WHERE key = 'history_id'");
    assert_eq!(browser.get(&panel, "/panel").status, 303);
}

/// A browser with an address.
fn at(peer: &str) -> Browser {
    Browser { peer: Some(peer.to_owned()), ..Browser::default() }
}

/// How many seconds the right password waits, tried once a second while `guess` is called five times.
fn waits(world: &World, panel: &Panel, mut owner: Browser, guess: impl Fn(&Panel)) -> u32 {
    for second in 0..60 {
        for _ in 0..5 {
            guess(panel);
            world.clock.pass(Duration::from_millis(200));
        }
        if owner.log_in(panel, PASSWORD).status == 303 {
            return second;
        }
    }
    panic!("locked out")
}

#[test]
fn the_right_password_gets_in_within_seconds_however_many_wrong_ones_come() {
    let guess_from = |peer: &str| {
        let peer = peer.to_owned();
        move |panel: &Panel| drop(at(&peer).log_in(panel, "salah semua"))
    };
    let flood = |count: u32| {
        move |panel: &Panel| {
            (0..count).for_each(|_| drop(at("203.0.113.9").log_in(panel, "salah semua")));
        }
    };
    let world = World::new();
    let panel = panel(&world);
    for _ in 0..100 {
        guess_from("203.0.113.9")(&panel);
    }
    // From the address of the one who guesses, as behind a proxy that nobody named.
    assert!(waits(&world, &panel, at("203.0.113.9"), guess_from("203.0.113.9")) <= 2);
    // From another one while one address sends far more than is looked at.
    assert!(waits(&world, &panel, at("198.51.100.7"), flood(10)) <= 2);
    let mut guesser = at("203.0.113.9");
    let refused =
        (0..40).map(|_| guesser.log_in(&panel, "salah semua")).find(|reply| reply.status == 429);
    assert_eq!(header(&refused.expect("some are not looked at"), "Retry-After"), Some("1"));
}

#[test]
fn a_known_browser_does_not_wait_for_strangers_nor_for_other_known_browsers() {
    let world = World::new();
    let panel = panel(&world);
    let (mut owner, mut former) = (Browser::logged_in(&panel), Browser::logged_in(&panel));
    for browser in [&mut owner, &mut former] {
        browser.post(&panel, "/panel/logout", &[]);
    }
    let flood = |browser: &mut Browser| {
        (0..40).any(|_| browser.log_in(&panel, "salah semua").status == 429)
    };
    assert!(flood(&mut Browser::default()) && flood(&mut former));
    assert_eq!(owner.log_in(&panel, PASSWORD).status, 303);
}

#[test]
fn the_mark_of_a_known_browser_ends_with_the_password_and_with_log_out_everywhere() {
    let world = World::new();
    let mut former = Browser::logged_in(&panel(&world));
    let mark = former.cookies["panel_device"].clone();
    for is_password in [false, true] {
        let panel = if is_password {
            panel_with(&world, AdminPassword::Plain(Secret::new("yang baru")))
        } else {
            let panel = panel(&world);
            Browser::logged_in(&panel).post(&panel, "/panel/logout-everywhere", &[]);
            panel
        };
        // As a stranger it waits with the strangers.
        let mut stranger = Browser::default();
        while stranger.log_in(&panel, "salah semua").status == 401 {}
        former.cookies.insert("panel_device".into(), mark.clone());
        assert_eq!(former.log_in(&panel, "salah semua").status, 429, "{is_password}");
        world.clock.pass(Duration::from_secs(5));
    }
}

#[test]
fn the_mark_of_a_known_browser_cannot_be_made_up() {
    let world = World::new();
    let panel = panel(&world);
    Browser::logged_in(&panel);
    let mut stranger = Browser::default();
    let mut statuses = Vec::new();
    for number in 0..30 {
        stranger.cookies.insert("panel_device".into(), format!("{number}.{}", "0".repeat(64)));
        statuses.push(stranger.log_in(&panel, "salah semua").status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 12, "{statuses:?}");
    assert_eq!(*statuses.last().unwrap(), 429);
}

#[test]
fn a_login_or_a_log_out_that_is_pressed_twice_is_none_that_expired() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::default();
    browser.get(&panel, "/panel/login?next=%2Fpanel%2Fruns");
    let fields = [("password", PASSWORD), ("next", "/panel/runs")];
    for _ in 0..2 {
        let reply = browser.post(&panel, "/panel/login", &fields);
        assert_eq!(header(&reply, "Location"), Some("/panel/runs"), "{}", text(&reply));
    }
    browser.get(&panel, "/panel");
    for _ in 0..2 {
        let reply = browser.post(&panel, "/panel/logout", &[]);
        assert_eq!(header(&reply, "Location"), Some("/panel/login?done=left"));
    }
}

#[test]
fn only_a_proxy_that_was_named_is_believed_about_tls_and_about_addresses() {
    let world = World::new();
    let panel = panel(&world);
    let is_secure = |peer: &str, proto: &str| {
        let mut request = Request::new("GET", "/panel/login?lang=en")
            .with(PEER, peer)
            .with("X-Forwarded-Proto", proto);
        let reply = panel.answer(&mut request);
        let cookies: Vec<_> =
            reply.headers.iter().filter(|(name, _)| *name == "Set-Cookie").collect();
        assert_eq!(cookies.len(), 2, "{cookies:?}");
        let secure = cookies.iter().filter(|(_, cookie)| cookie.contains("; Secure")).count();
        assert!(secure == 0 || secure == 2, "{cookies:?}");
        secure == 2
    };
    assert!(is_secure(PROXY, "https") && is_secure("::ffff:10.0.0.1", "HTTPS"));
    assert!(!is_secure(PROXY, "http"));
    assert!(!is_secure("10.0.0.2", "https") && !is_secure("127.0.0.1", "https"));
    // Behind the proxy each address has tries of its own; a stranger's header counts for nothing.
    let guesses = |peer: &str, forwarded: &dyn Fn(u32) -> String| {
        world.clock.pass(Duration::from_mins(1));
        let mut browser = at(peer);
        browser.get(&panel, "/panel/login");
        let tries = (0..20).map(|number| {
            browser.forwarded_for = Some(forwarded(number));
            browser.post(&panel, "/panel/login", &[("password", "salah semua")]).status
        });
        tries.filter(|status| *status == 401).count()
    };
    assert_eq!(guesses(PROXY, &|number| format!("198.51.100.{number}")), 20);
    assert_eq!(guesses(PROXY, &|number| format!("198.51.100.{number}, 203.0.113.9")), 12);
    assert_eq!(guesses("203.0.113.9", &|number| format!("198.51.100.{number}")), 12);
}

#[test]
fn a_password_that_can_be_guessed_is_warned_of_where_others_can_try() {
    let site = Site::new();
    let warned = |settings: &str| {
        site.write_settings(settings);
        drop(site.serve());
        server_log_has(&site, "panel: ADMIN_PASSWORD can be guessed")
    };
    assert!(!warned("ADMIN_PASSWORD=rahasia123\n"));
    assert!(warned("ADMIN_PASSWORD=rahasia123\nTRUSTED_PROXIES=127.0.0.1\n"));
    assert!(!warned("ADMIN_PASSWORD=kuda-baterai-staples\nTRUSTED_PROXIES=127.0.0.1\n"));
}

#[test]
fn the_login_leads_back_to_the_page_that_was_asked_for_and_nowhere_else() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::default();
    let reply = browser.get(&panel, "/panel/messages?status=sent");
    let login = header(&reply, "Location").unwrap().to_owned();
    assert_eq!(login, "/panel/login?next=%2Fpanel%2Fmessages%3Fstatus%3Dsent");
    assert!(text(&browser.get(&panel, &login)).contains("value=\"/panel/messages?status=sent\""));
    for (next, there) in [
        ("/panel/messages?status=sent", "/panel/messages?status=sent"),
        ("//evil.example", "/panel"),
        ("/panel/..//evil.example", "/panel"),
        ("/panel/%2e%2e//evil.example", "/panel"),
        ("/panel/\\evil.example", "/panel"),
    ] {
        let mut browser = Browser::default();
        browser.get(&panel, "/panel/login");
        let reply = browser.post(&panel, "/panel/login", &[("password", PASSWORD), ("next", next)]);
        assert_eq!(header(&reply, "Location"), Some(there));
    }
}

#[test]
fn other_methods_are_refused_and_broken_bodies_harm_nobody() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for method in ["PUT", "DELETE", "OPTIONS", "TRACE", "get"] {
        assert_eq!(browser.send(&panel, Request::new(method, "/panel")).status, 405, "{method}");
    }
    for body in [&b"\xff\xfe%zz=&&&=;\0"[..], b"", b"csrf", b"--x\r\n\r\n"] {
        for content_type in [None, Some("multipart/form-data; boundary=x"), Some("text/plain")] {
            let mut request = Request::new("POST", "/panel/messages/new");
            if let Some(content_type) = content_type {
                request = request.with("Content-Type", content_type);
            }
            request.body = body.to_vec();
            assert_eq!(panel.answer(&mut request).status, 403);
            assert_eq!(browser.send(&panel, request).status, 403);
        }
    }
}
