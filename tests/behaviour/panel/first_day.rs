//! The first day: steps that tick themselves, a list to begin with; and that nothing of what was typed is lost.

use auto_message_scheduler::http::Request;
use auto_message_scheduler::panel::Panel;

use super::contacts::upload;
use super::{Browser, PASSWORD, header, hidden, panel, text};
use crate::world::World;

#[test]
fn the_first_steps_tick_themselves_and_go_when_all_are_done() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let done = |browser: &mut Browser| {
        let page = text(&browser.get(&panel, "/panel"));
        page.contains("first-name").then(|| page.matches("<li class=\"done\">").count())
    };
    assert_eq!(done(&mut browser), Some(0));
    browser.post(&panel, "/panel/contacts/new", &[("number", "081200001001")]);
    assert_eq!(done(&mut browser), Some(1));
    browser.get(&panel, "/panel/messages/new");
    let test = [("text", "Halo"), ("own", "081200009999"), ("do", "test"), ("when", "at")];
    browser.press(&panel, "/panel/messages/new", &test);
    assert_eq!(
        done(&mut browser),
        Some(1),
        "it did not go out yet, and is no message of the shop's"
    );
    world.run();
    assert_eq!(done(&mut browser), Some(3), "the number is connected, and the test went out");
    browser.get(&panel, "/panel/messages/new");
    let first =
        [("text", "Halo"), ("to", "1"), ("when", "at"), ("at", "2026-12-05T08:00"), ("do", "save")];
    browser.press(&panel, "/panel/messages/new", &first);
    assert_eq!(done(&mut browser), None);
}

#[test]
fn the_list_to_begin_with_can_be_imported_as_it_is() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for lang in ["id", "en"] {
        let reply = browser.get(&panel, &format!("/panel/contacts/import/sample.csv?lang={lang}"));
        let page = text(&upload(&mut browser, &panel, &reply.body));
        assert!(
            page.contains("+62 812-3456-7890") && page.contains("<dd class=\"big\">2</dd>"),
            "{page}"
        );
        assert!(!page.contains("refused.csv"), "{page}");
    }
}

#[test]
fn refused_rows_can_be_downloaded_all_of_them_with_the_reason() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let rows: Vec<String> = (0..30).map(|i| format!("Nama {i},12,=1+1\n")).collect();
    let rows = rows.concat();
    let page = text(&upload(
        &mut browser,
        &panel,
        format!("nama,hp,kota\nAni,081200001001,Solo\n{rows}").as_bytes(),
    ));
    assert!(page.contains("/panel/contacts/import/refused.csv"), "{page}");
    let reply = browser.post(&panel, "/panel/contacts/import/refused.csv", &[]);
    let list = text(&reply);
    assert!(header(&reply, "Content-Disposition").unwrap().contains("refused.csv"));
    assert_eq!(list.lines().count(), 31, "{list}");
    assert!(list.starts_with("\u{feff}nama,hp,kota,Alasan\r\n"), "{list}");
    assert!(
        list.contains("Nama 29,12,") && !list.contains("Ani") && !list.contains(",=1+1"),
        "{list}"
    );
    assert_eq!(world.ask("SELECT count(*) FROM contacts"), "0");
}

/// The session of this browser has ended, and its page is still open.
fn end_session(world: &World, browser: &mut Browser) {
    world.execute("DELETE FROM panel_sessions");
    browser.cookies.remove("panel_session");
}

fn log_in_under(
    browser: &mut Browser,
    panel: &Panel,
    path: &str,
    page: &str,
    password: &str,
) -> String {
    let names = [
        "title",
        "text",
        "to",
        "when",
        "at",
        "do",
        "name",
        "number",
        "attributes",
        "was_number",
        "login",
    ];
    let values: Vec<(&str, String)> =
        names.iter().filter_map(|name| Some((*name, hidden(page, name)?))).collect();
    let mut fields: Vec<(&str, &str)> =
        values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    fields.push(("password", password));
    text(&browser.post(panel, path, &fields))
}

#[test]
fn a_login_under_a_form_brings_back_what_was_typed_and_does_nothing_else() {
    let world = World::new();
    world.message("1");
    let panel = panel(&world);
    for path in ["/panel/messages/new", "/panel/messages/1/edit"] {
        let mut browser = Browser::logged_in(&panel);
        browser.get(&panel, path);
        end_session(&world, &mut browser);
        let typed = [
            ("title", "Promo <b>"),
            ("text", "Halo semua"),
            ("to", "081200001001"),
            ("when", "now"),
            ("do", "save"),
        ];
        let reply = browser.press(&panel, path, &typed);
        let page = text(&reply);
        assert_eq!(reply.status, 401, "{page}");
        assert!(
            page.contains("Isian Anda masih ada") && page.contains(&format!("action=\"{path}\"")),
            "{page}"
        );
        assert!(!page.contains("Promo <b>"), "{page}");
        let page = log_in_under(&mut browser, &panel, path, &page, "salah");
        assert!(page.contains("Kata sandi salah") && page.contains("Halo semua"), "{page}");
        let page = log_in_under(&mut browser, &panel, path, &page, PASSWORD);
        assert!(
            page.contains(">Halo semua</textarea>") && page.contains("Anda sudah masuk lagi"),
            "{page}"
        );
        assert!(!page.contains(PASSWORD), "{page}");
        assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "1", "nothing is done yet");
        assert_eq!(browser.get(&panel, "/panel").status, 200, "the session is there");
    }
    // A contact's form.
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, "/panel/contacts/new");
    end_session(&world, &mut browser);
    let page = text(&browser.press(
        &panel,
        "/panel/contacts/new",
        &[("name", "Ani"), ("number", "081200001001")],
    ));
    let page = log_in_under(&mut browser, &panel, "/panel/contacts/new", &page, PASSWORD);
    assert!(page.contains("value=\"Ani\"") && page.contains("value=\"081200001001\""), "{page}");
    assert_eq!(world.ask("SELECT count(*) FROM contacts"), "0");
}

#[test]
fn the_other_language_shows_the_same_form_with_what_was_typed() {
    let world = World::new();
    world.execute("INSERT INTO contacts (name, phone_number) VALUES ('Ani', '+6281200001001')");
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for (path, fields, kept) in [
        ("/panel/messages/new", &[("text", "Halo")][..], ">Halo</textarea>"),
        ("/panel/contacts/new", &[("name", "Budi")], "value=\"Budi\""),
        ("/panel/contacts/1", &[("name", "Citra"), ("number", "1")], "value=\"Citra\""),
    ] {
        let page = text(&browser.get(&panel, &format!("{path}?lang=id")));
        assert!(page.contains(&format!("formaction=\"{path}?lang=en\"")), "{page}");
        let fields = [fields, &[("do", "preview")]].concat();
        let page = text(&browser.press(&panel, &format!("{path}?lang=en"), &fields));
        assert!(page.contains("<html lang=\"en\">") && page.contains(kept), "{page}");
    }
    assert_eq!(world.ask("SELECT name FROM contacts"), "Ani");
}

#[test]
fn what_is_too_large_is_a_page_in_words() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for (lang, words) in [("id", "Terlalu besar"), ("en", "Too large")] {
        let reply =
            browser.send(&panel, Request::new("GET", &format!("/panel/too-large?lang={lang}")));
        assert!(reply.status == 413 && text(&reply).contains(words), "{}", text(&reply));
    }
}
