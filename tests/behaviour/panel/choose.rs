//! Contacts as the place to choose: whom a form names, tags with counts, and those who get nothing.

use super::{Browser, panel, text};
use crate::world::World;

fn shop() -> World {
    let world = World::new();
    world.execute(
        "INSERT INTO contacts (name, phone_number, tags) VALUES
             ('Ani', '+6281200001001', '[\"vip\"]'), ('Budi', '+6281200001002', '[\"VIP\",\"karyawan\"]'),
             ('Citra', '+6281200001003', '[]')",
    );
    world
}

#[test]
fn those_who_are_excepted_in_a_form_get_nothing_and_stand_in_it_when_it_is_opened_again() {
    let world = shop();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, "/panel/messages/new");
    let fields = [
        ("text", "Halo"),
        ("tag", "vip"),
        ("to", "3\n0812-0000-1009"),
        ("except_tag", "karyawan"),
        ("except", "0812 0000 1003"),
        ("when", "now"),
    ];
    let preview = text(&browser.post(&panel, "/panel/messages/preview", &fields));
    assert!(preview.contains("2 penerima") && !preview.contains("Budi"), "{preview}");
    let save = [&fields[..], &[("do", "save")]].concat();
    assert_eq!(browser.press(&panel, "/panel/messages/new", &save).status, 303);
    let page = text(&browser.get(&panel, "/panel/messages/1/edit"));
    for part in [
        "name=\"except_tag\" value=\"karyawan\" checked",
        ">0812 0000 1003</textarea>",
        ">3\n0812-0000-1009</textarea>",
        "name=\"tag\" value=\"vip\" checked",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    world.run();
    assert_eq!(world.recipients(), ["6281200001009@c.us", "6281200001001@c.us"]);
}

#[test]
fn an_exception_that_is_mistyped_is_refused_before_anything_goes_out() {
    let world = shop();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    browser.get(&panel, "/panel/messages/new");
    let fields =
        [("text", "Halo"), ("to", "all"), ("except", "siapa"), ("when", "now"), ("do", "save")];
    let reply = browser.press(&panel, "/panel/messages/new", &fields);
    assert_eq!(reply.status, 422, "{}", text(&reply));
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "0");
}

#[test]
fn recipients_of_a_form_are_shown_by_name_and_what_is_wrong_is_marked() {
    let world = shop();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let fields = [("text", "Halo"), ("to", "1\n081200001002\n081200009999\ntag:vip\n99\n12x")];
    let piece = text(&browser.post(&panel, "/panel/messages/preview", &fields));
    assert!(piece.contains("<b>kontak 99</b> –"), "{piece}");
    let picked = piece.split("picked-piece").nth(1).unwrap();
    for part in [
        "<li>Ani <",
        // Its name is apart: an Arabic one would turn the number around.
        "<li>\u{2068}Budi\u{2069} · +62 812-0000-1002 <",
        "<li>+62 812-0000-9999 <",
        "<li>Label: vip <",
        "<li class=\"bad\">kontak 99 tidak ada <",
        "<li class=\"bad\">12x <",
        "data-drop=\"081200001002\"",
    ] {
        assert!(picked.contains(part), "{part}: {picked}");
    }
    let found = text(&browser.get(&panel, "/panel/messages/find?q=0812-0000-1002"));
    assert!(found.contains("data-pick=\"2\"") && found.contains("Budi"), "{found}");
    assert!(!found.contains("Ani"), "{found}");
    let mut stranger = Browser::default();
    assert_eq!(stranger.get(&panel, "/panel/messages/find?q=Ani").status, 401);
}

#[test]
fn tags_have_counts_and_beyond_forty_there_is_a_search_that_keeps_what_is_chosen() {
    let world = shop();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let page = text(&browser.get(&panel, "/panel/messages/new"));
    assert!(page.contains("value=\"vip\">vip <span class=\"muted\">2</span>"), "{page}");
    assert!(page.contains("<span class=\"muted\">1</span>"), "{page}");
    assert!(!page.contains("tag_search"), "{page}");
    world.execute(
        "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
         INSERT INTO contacts (name, phone_number, tags) SELECT 'X', '+62813' || (10000000 + i), '[\"kota ' || i || '\"]' FROM n",
    );
    let page = text(&browser.get(&panel, "/panel/messages/new"));
    assert_eq!(page.matches("name=\"tag\" value=").count(), 40);
    assert!(page.contains("value=\"vip\"") && page.contains("(393)"), "the commonest: {page}");
    let fields = [("tag_search", "kota 377"), ("tag", "kota 12"), ("except_tag", "kota 13")];
    let piece = text(&browser.post(&panel, "/panel/messages/tags", &fields));
    for part in [
        "name=\"tag\" value=\"kota 377\">",
        "name=\"tag\" value=\"kota 12\" checked",
        "name=\"except_tag\" value=\"kota 13\" checked",
    ] {
        assert!(piece.contains(part), "{part}: {piece}");
    }
    assert_eq!(piece.matches("name=\"tag\" value=").count(), 3, "{piece}");
    // Without a script: the button that looks again.
    browser.get(&panel, "/panel/messages/new");
    let look = [("tag_search", "kota 377"), ("text", "Halo"), ("do", "preview")];
    let page = text(&browser.press(&panel, "/panel/messages/new", &look));
    assert!(page.contains("value=\"kota 377\"") && page.contains(">Halo</textarea>"), "{page}");
}
