//! Two people, or two tabs, that change the same row.

use auto_message_scheduler::http::Response;
use auto_message_scheduler::panel::Panel;

use super::{Browser, header, hidden, panel, text};
use crate::world::World;

#[test]
fn what_two_people_change_in_different_fields_of_a_message_is_merged() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    make(&world);
    let was = open(&mut browser, &panel);
    let reply = save(&mut browser, &panel, &was, &[("text", "Halo, toko buka jam 9")]);
    assert_eq!(header(&reply, "Location"), Some("/panel/messages/1?done=saved"));
    // The other form is older, and changes the title and the time.
    let theirs = [("title", "Pengumuman"), ("at", "2026-12-06T08:00")];
    let reply = save(&mut browser, &panel, &was, &theirs);
    assert_eq!(
        header(&reply, "Location"),
        Some("/panel/messages/1?done=saved"),
        "{}",
        text(&reply)
    );
    assert_eq!(
        world.rows("SELECT title, message, scheduled_at FROM auto_messages"),
        ["Pengumuman|Halo, toko buka jam 9|2026-12-06T01:00:00Z"]
    );
}

#[test]
fn the_same_field_of_a_message_is_a_conflict_that_shows_both_and_saves_none() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for (field, column, one, other) in [
        ("title", "title", "Satu", "Dua"),
        ("text", "message", "Teks satu", "Teks dua"),
        ("to", "contact_ids", "081200001001", "081200001002"),
        ("at", "scheduled_at", "2026-12-07T08:00", "2026-12-08T08:00"),
    ] {
        make(&world);
        let was = open(&mut browser, &panel);
        let reply = save(&mut browser, &panel, &was, &[(field, one)]);
        assert_eq!(reply.status, 303, "{field}: {}", text(&reply));
        let kept = world.ask(&format!("SELECT {column} FROM auto_messages"));
        let reply = save(&mut browser, &panel, &was, &[(field, other)]);
        let page = text(&reply);
        assert_eq!(reply.status, 409, "{field}: {page}");
        assert!(page.contains("diubah di tempat lain"), "{field}: {page}");
        for shown in [one, other] {
            let spaced = shown.replace('T', " ");
            assert!(page.contains(shown) || page.contains(&spaced), "{field} {shown}: {page}");
        }
        assert_eq!(world.ask(&format!("SELECT {column} FROM auto_messages")), kept, "{field}");
        // Who saves again, now knowingly, has it.
        let was = hidden(&page, "was").unwrap();
        let reply = save(&mut browser, &panel, &was, &[(field, other)]);
        assert_eq!(reply.status, 303, "{field}: {}", text(&reply));
        assert_ne!(world.ask(&format!("SELECT {column} FROM auto_messages")), kept, "{field}");
    }
}

/// Message 1, as both people saw it.
fn make(world: &World) {
    world.execute(
        "DELETE FROM auto_messages;
         INSERT INTO auto_messages (id, title, message, contact_ids, scheduled_at)
         VALUES (1, 'Lama', 'Halo', '[\"081200001009\"]', '2026-12-05T01:00:00Z')",
    );
}

/// What its form says that its fields were.
fn open(browser: &mut Browser, panel: &Panel) -> String {
    hidden(&text(&browser.get(panel, "/panel/messages/1/edit")), "was").unwrap()
}

fn save(browser: &mut Browser, panel: &Panel, was: &str, changed: &[(&str, &str)]) -> Response {
    let base = [
        ("title", "Lama"),
        ("text", "Halo"),
        ("to", "081200001009"),
        ("channel", "1"),
        ("when", "at"),
        ("at", "2026-12-05T08:00"),
    ];
    let value = |name| changed.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let mut fields: Vec<(&str, &str)> =
        base.iter().map(|(name, old)| (*name, value(*name).unwrap_or(*old))).collect();
    fields.push(("was", was));
    browser.post(panel, "/panel/messages/1/edit", &fields)
}

#[test]
fn two_people_who_change_a_contact_both_get_what_they_want_or_are_told() {
    let world = World::new();
    world.execute(
        r#"INSERT INTO contacts (name, phone_number, tags, attributes)
           VALUES ('Ani', '+6281200001001', '["vip","lama"]', '{"kota":"Bandung","hari":"Senin"}')"#,
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let was = [
        ("was_name", "Ani"),
        ("was_number", "+6281200001001"),
        ("was_tags", "vip, lama"),
        ("was_attributes", "hari=Senin\nkota=Bandung"),
    ];
    let page = text(&browser.get(&panel, "/panel/contacts/1"));
    for (name, value) in was {
        assert_eq!(hidden(&page, name).as_deref(), Some(value), "{page}");
    }
    let mut save = |name: &str, tags: &str, attributes: &str| {
        let typed = [
            ("name", name),
            ("number", "+6281200001001"),
            ("tags", tags),
            ("attributes", attributes),
        ];
        browser.post(&panel, "/panel/contacts/1", &[&was[..], &typed].concat())
    };
    let row = || world.ask("SELECT name || tags || attributes FROM contacts");
    // Everything from the form as it was: one after the other changes other things.
    assert_eq!(save("Ani", "vip, lama, baru", "kota=Bogor\nhari=Senin").status, 303);
    assert_eq!(save("Ani B.", "lama", "kota=Bandung\nhari=Senin\nsuka=kopi").status, 303);
    assert_eq!(row(), r#"Ani B.["lama","baru"]{"hari":"Senin","kota":"Bogor","suka":"kopi"}"#);
    let before = row();
    for (name, attributes, theirs) in [
        ("Ani C.", "kota=Bandung\nhari=Senin", "Ani B."),
        ("Ani", "kota=Solo\nhari=Senin", "Bogor"),
        ("Ani", "hari=Senin", "Bogor"),
        ("Ani", "kota=Bandung\nhari=Senin\nsuka=teh", "kopi"),
    ] {
        let reply = save(name, "vip, lama", attributes);
        let page = text(&reply);
        assert_eq!(reply.status, 409, "{page}");
        assert!(page.contains(&format!("<div class=\"bubble\">{theirs}</div>")), "{page}");
        assert!(page.contains(name), "{page}");
        assert_eq!(row(), before);
    }
    // The same change by both is none.
    let reply = save("Ani B.", "vip, lama", "kota=Bogor\nhari=Senin");
    assert_eq!(header(&reply, "Location"), Some("/panel/contacts/1?done=unchanged"));
}
