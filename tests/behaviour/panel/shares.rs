//! A message that several numbers share, and its own distance between two messages to a person, in the form.

use super::{Browser, header, panel, text};
use crate::world::World;

fn world() -> World {
    let world = World::new();
    world.execute(
        "UPDATE channels SET name = 'Toko' WHERE id = 1;
         INSERT INTO channels (id, name, session_name) VALUES (2, 'Kedua', 'dua'), (3, 'Ketiga', 'tiga');
         INSERT INTO numbers (chat_id, channel_id) VALUES ('6281200007003@c.us', 3)",
    );
    world
}

const BASE: [(&str, &str); 4] = [
    ("text", "Halo"),
    ("to", "081200007001\n081200007002\n081200007003"),
    ("when", "at"),
    ("at", "2026-12-05T08:00"),
];

fn row(world: &World) -> String {
    world.ask("SELECT channel_id || coalesce(channel_ids, '') || '|' || coalesce(recipient_gap_hours, '') FROM auto_messages")
}

#[test]
fn several_numbers_are_ticked_and_the_preview_says_who_gets_it_from_which() {
    let world = world();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let form = text(&browser.get(&panel, "/panel/messages/new"));
    assert_eq!(form.matches("type=\"checkbox\" name=\"also\"").count(), 3, "{form}");
    assert!(form.contains("<details class=\"inset\"><summary>Bagi ke beberapa nomor"), "{form}");
    let one = [&BASE[..], &[("channel", "1")]].concat();
    let preview = text(&browser.post(&panel, "/panel/messages/preview", &one));
    assert!(!preview.contains("Siapa dari nomor mana"), "{preview}");
    // The first number, ticked as well, is one of them all the same.
    let shared = [&BASE[..], &[("channel", "2"), ("also", "2"), ("also", "3")]].concat();
    let preview = text(&browser.post(&panel, "/panel/messages/preview", &shared));
    let share = preview.split("Siapa dari nomor mana").nth(1).unwrap();
    let share = share.split("</ul>").next().unwrap();
    assert!(share.contains("<b>Kedua</b> – 1 penerima: +62 812-0000-7001<"), "{share}");
    assert!(
        share.contains("<b>Ketiga</b> – 2 penerima: +62 812-0000-7002, +62 812-0000-7003<"),
        "{share}"
    );
    let reply = browser.post(&panel, "/panel/messages/new", &shared);
    assert_eq!(reply.status, 303, "{}", text(&reply));
    assert_eq!(row(&world), "2[2,3]|");
}

#[test]
fn a_form_that_is_saved_as_it_came_keeps_the_order_and_another_one_changes_it() {
    let world = world();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let shared = [&BASE[..], &[("channel", "3"), ("also", "1"), ("gap", "24")]].concat();
    browser.post(&panel, "/panel/messages/new", &shared);
    assert_eq!(row(&world), "3[3,1]|24");
    let form = text(&browser.get(&panel, "/panel/messages/1/edit"));
    assert!(form.contains("<option value=\"3\" selected>"), "{form}");
    assert!(form.contains("name=\"also\" value=\"1\" checked"), "{form}");
    assert!(form.contains("name=\"gap\" min=\"0\" max=\"168\" value=\"24\""), "{form}");
    let edit = "/panel/messages/1/edit";
    let reply = browser.post(&panel, edit, &shared);
    assert!(header(&reply, "Location").unwrap().ends_with("?done=unchanged"), "{}", text(&reply));
    for (fields, expected) in [
        (&[("channel", "3"), ("also", "1"), ("also", "2"), ("gap", "0")][..], "3[3,1,2]|0"),
        (&[("channel", "2")], "2|"),
    ] {
        let reply = browser.post(&panel, edit, &[&BASE[..], fields].concat());
        assert_eq!(
            header(&reply, "Location"),
            Some("/panel/messages/1?done=saved"),
            "{}",
            text(&reply)
        );
        assert_eq!(row(&world), expected);
    }
}

#[test]
fn a_distance_that_is_none_is_refused_in_words_and_nothing_is_made() {
    let world = world();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for gap in ["169", "-1", "sehari", "1.5"] {
        let fields = [&BASE[..], &[("channel", "1"), ("gap", gap)]].concat();
        let reply = browser.post(&panel, "/panel/messages/new", &fields);
        assert_eq!(reply.status, 422);
        assert!(text(&reply).contains("0 sampai 168 jam"), "{}", text(&reply));
        assert!(text(&reply).contains(&format!("value=\"{gap}\"")), "what was typed stays");
    }
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "0");
}
