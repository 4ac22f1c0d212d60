//! A browser is led to the page that answers a form: a reload and the way back send nothing again and lose nothing.

use std::time::Duration;

use auto_message_scheduler::http::{Request, Response};
use auto_message_scheduler::panel::Panel;

use super::{Browser, header, panel, text};
use crate::world::World;

/// A form as a browser sends it: it wants a page.
fn submit(browser: &mut Browser, panel: &Panel, target: &str, fields: &[(&str, &str)]) -> Response {
    let mut body = form_urlencoded::Serializer::new(String::new());
    let (token, mark) = (browser.token.clone(), browser.mark.clone());
    body.append_pair("csrf", &token).append_pair("mark", &mark).extend_pairs(fields);
    let mut request = Request::new("POST", target)
        .with("Content-Type", "application/x-www-form-urlencoded")
        .with("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    request.body = body.finish().into_bytes();
    browser.send(panel, request)
}

#[test]
fn what_was_refused_is_a_page_of_its_own_that_can_be_loaded_again() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, "/panel/messages/new");
    let refused = [("text", "Panjang sekali"), ("to", "12"), ("when", "now"), ("do", "save")];
    let reply = submit(&mut browser, &panel, "/panel/messages/new", &refused);
    assert_eq!(reply.status, 303, "{}", text(&reply));
    let there = header(&reply, "Location").unwrap().to_owned();
    assert!(there.starts_with("/panel/answers/"), "{there}");
    for _ in 0..3 {
        let page = browser.get(&panel, &there);
        assert_eq!(page.status, 422);
        let page = text(&page);
        assert!(page.contains("Panjang sekali") && page.contains("role=\"alert\""), "{page}");
    }
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "0");
    // Corrected on that page, and sent again from it by the way back: one message.
    let good =
        [("text", "Panjang sekali"), ("to", "081200001001"), ("when", "now"), ("do", "save")];
    for _ in 0..2 {
        let page = text(&browser.get(&panel, &there));
        assert!(page.contains("action=\"/panel/messages/new\""), "{page}");
        let reply = submit(&mut browser, &panel, "/panel/messages/new", &good);
        assert_eq!(header(&reply, "Location"), Some("/panel/messages/1?done=scheduled"));
    }
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "1");
    // A question and a look are pages of their own too; a script and a program get theirs at once.
    browser.get(&panel, "/panel/messages/new");
    let look = [("text", "Halo"), ("to", "1"), ("do", "preview")];
    assert_eq!(submit(&mut browser, &panel, "/panel/messages/new", &look).status, 303);
    assert_eq!(browser.press(&panel, "/panel/messages/new", &look).status, 200);
}

#[test]
fn such_a_page_outlives_its_session_and_not_its_hour() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, "/panel/contacts/new");
    let there = {
        let reply = submit(&mut browser, &panel, "/panel/contacts/new", &[("number", "12")]);
        header(&reply, "Location").unwrap().to_owned()
    };
    // A stranger is asked to log in; whoever does finds the form as it was, and can send it.
    let mut other = Browser::default();
    let asked = other.get(&panel, &there);
    assert_eq!(header(&asked, "Location").unwrap().split('?').next(), Some("/panel/login"));
    let mut other = Browser::logged_in(&panel);
    let page = text(&other.get(&panel, &there));
    assert!(page.contains("value=\"12\""), "{page}");
    let reply = other.press(&panel, "/panel/contacts/new", &[("number", "081200001001")]);
    assert_eq!(header(&reply, "Location"), Some("/panel/contacts/1?done=contact_added"));
    world.clock.pass(Duration::from_mins(61));
    for (lang, words) in [("id", "tidak disimpan lagi"), ("en", "is not kept any more")] {
        let gone = browser.get(&panel, &format!("{there}?lang={lang}"));
        assert!(gone.status == 410 && text(&gone).contains(words), "{}", text(&gone));
    }
}

#[test]
fn the_pages_take_a_megabyte_at_most() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, "/panel/messages/new");
    let long = "kata ".repeat(12_000);
    let mut answers = Vec::new();
    for _ in 0..30 {
        let fields = [("text", long.as_str()), ("to", "12"), ("when", "now"), ("do", "save")];
        let reply = submit(&mut browser, &panel, "/panel/messages/new", &fields);
        let there = header(&reply, "Location").unwrap().to_owned();
        browser.get(&panel, &there);
        answers.push(there);
    }
    let kept: Vec<usize> = answers
        .iter()
        .map(|there| browser.get(&panel, there))
        .filter(|page| page.status == 422)
        .map(|page| page.body.len())
        .collect();
    assert!(!kept.is_empty() && kept.iter().sum::<usize>() <= 1 << 20, "{kept:?}");
    assert_eq!(browser.get(&panel, answers.last().unwrap()).status, 422, "the newest is there");
    assert_eq!(browser.get(&panel, &answers[0]).status, 410);
}
