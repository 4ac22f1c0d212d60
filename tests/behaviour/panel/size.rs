//! A large chain of shops: every page stays small. How long each takes is a figure: `cargo bench -- pages`.

use std::time::{Duration, Instant};

use super::{Browser, panel, text};
use crate::world::World;

/// 200 numbers, 100,000 contacts, 10,000 messages, and the pages that people look at.
const LARGE: &str = include_str!("../../panel/large.sql");
const PAGES: &str = include_str!("../../panel/large-pages.txt");

#[test]
fn with_200_numbers_100_000_contacts_and_10_000_messages_every_page_is_small() {
    let mut builder = World::builder();
    builder.in_memory = true;
    let world = builder.build();
    let now = world.clock.wall();
    world.execute(&format!(
        "CREATE TEMP TABLE moment AS SELECT '{now}' AS now; BEGIN; {LARGE} COMMIT;"
    ));
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for page in PAGES.lines().filter(|page| !page.is_empty()) {
        let page = page.replace("{day}", "2026-12-06");
        let reply = match page.split(' ').collect::<Vec<_>>()[..] {
            ["POST", path, fields] => {
                let fields: Vec<_> = form_urlencoded::parse(fields.as_bytes()).collect();
                let fields: Vec<(&str, &str)> =
                    fields.iter().map(|(name, value)| (&**name, &**value)).collect();
                browser.post(&panel, path, &fields)
            }
            _ => browser.get(&panel, &page),
        };
        assert!([200, 303].contains(&reply.status), "{page}: {}", text(&reply));
        assert!(reply.body.len() <= 100_000, "{page}: {} bytes", reply.body.len());
    }
}

/// A page until it has what it counts.
fn counted(mut ask: impl FnMut() -> String) -> String {
    let asked = Instant::now();
    loop {
        let page = ask();
        if !page.contains("data-counting") {
            return page;
        }
        assert!(asked.elapsed() < Duration::from_mins(2), "{page}");
    }
}

/// 1,500 people, every third a patron, two of them gone; a number that sends 200 a day; and a message to the patrons.
fn many() -> World {
    let world = World::new();
    world.execute(
        "UPDATE channels SET daily_limit = 200, name = 'Toko';
         INSERT INTO channels (id, name, session_name, daily_limit) VALUES (2, 'Kedua', 'kedua', 400);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
         INSERT INTO contacts (name, phone_number, tags, opted_out_at)
         SELECT 'Orang ' || i, '+62812' || printf('%08d', i), CASE i % 3 WHEN 0 THEN '[\"vip\"]' ELSE '[]' END,
             CASE WHEN i IN (3, 6) THEN '2026-11-01T00:00:00Z' END FROM n;
         INSERT INTO auto_messages (id, title, message, contact_ids, contact_count, scheduled_at, status)
         VALUES (7, 'Promo', 'Halo', '[\"tag:vip\"]', 500, '2026-12-02T02:00:00Z', 'scheduled')",
    );
    world
}

#[test]
fn what_takes_longer_than_a_page_is_counted_beside_it_and_is_what_the_plan_says() {
    let world = many();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let form = [
        ("text", "Halo {{name}}"),
        ("tag", "vip"),
        ("channel", "1"),
        ("when", "at"),
        ("at", "2026-12-02T09:30"),
    ];
    let preview = counted(|| text(&browser.post(&panel, "/panel/messages/preview?lang=id", &form)));
    // The 498 before it fill the days until it is too late.
    for says in
        ["498 penerima", "2 orang", "0 sempat, 498 tidak", "data-too-late=\"498\"", "Orang 9"]
    {
        assert!(preview.contains(says), "{says}: {preview}");
    }
    let mut page = counted(|| text(&browser.get(&panel, "/panel/messages/7?lang=id")));
    let piece = counted(|| text(&browser.get(&panel, "/panel/messages/7/ahead")));
    let said = piece.split("<form").next().unwrap().trim();
    assert!(page.contains(said) && !page.contains("data-once"), "{piece}\n{page}");
    for says in ["sempat, ", "Bagi ", "Pakai nomor kedua: Kedua", "name=\"by\" value=\"days\""] {
        assert!(piece.contains(says), "{says}: {piece}");
    }
    // What somebody changes counts at once.
    browser.get(&panel, "/panel/channels/1");
    browser.press(
        &panel,
        "/panel/channels/1",
        &[("name", "Toko"), ("session", "default"), ("daily_limit", "")],
    );
    assert_eq!(world.ask("SELECT count(*) FROM channels WHERE daily_limit = 200"), "0");
    let changed = counted(|| text(&browser.get(&panel, "/panel/messages/7?lang=id")));
    assert!(!changed.contains("tidak (batas"), "{changed}");
    // Saving waits for nothing: the form knows to how many it goes.
    page = text(&browser.post(&panel, "/panel/messages/new?lang=id", &with_now(&form)));
    assert!(page.contains("langsung dikirim ke 498 penerima"), "{page}");
}

/// The same form for at once, which asks first.
fn with_now<'a>(form: &[(&'static str, &'a str)]) -> Vec<(&'static str, &'a str)> {
    let form = form.iter().copied().filter(|(name, _)| *name != "at");
    let form = form.map(|(name, value)| (name, if name == "when" { "now" } else { value }));
    form.chain([("skip_bad", "yes")]).collect()
}

#[test]
fn a_page_that_is_still_counted_says_so_and_asks_again() {
    let world = many();
    // As many as no machine counts in the moment that a page waits.
    world.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
         INSERT INTO contacts (phone_number) SELECT '+62813' || printf('%08d', i) FROM n;
         UPDATE auto_messages SET contact_ids = '\"all\"'",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let page = text(&browser.get(&panel, "/panel/messages/7?lang=id"));
    assert!(page.contains("sedang dihitung"), "{page}");
    assert!(
        page.contains("data-live=\"/panel/messages/7/ahead\" data-seconds=\"1\" data-once"),
        "{page}"
    );
    let edit = text(&browser.get(&panel, "/panel/messages/7/edit"));
    assert!(edit.contains("sedang dihitung") && !edit.contains("Isi pesan dan penerima"), "{edit}");
    let there = counted(|| text(&browser.get(&panel, "/panel/messages/7/ahead")));
    assert!(there.contains("tidak (batas"), "{there}");
}

#[test]
fn of_200_numbers_a_page_shows_some_and_all_are_found() {
    let world = World::new();
    world.execute(
        "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
         INSERT INTO channels (id, name, session_name) SELECT i, 'Cabang ' || i || '.', 's' || i FROM n;
         UPDATE channels SET held_reason = 'x', held_kind = 'session' WHERE id > 190",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let (mut pages, mut next) = (String::new(), Some("/panel/channels".to_owned()));
    while let Some(path) = next {
        let page = text(&browser.get(&panel, &path));
        // What refreshes itself is the same page of them.
        let live = text(&browser.get(&panel, &path.replace("/channels", "/channels/live")));
        let cards = |page: &str| page.matches("<article").count();
        assert_eq!(cards(&page), cards(&live), "{path}");
        let link = page.split("rel=\"next\" href=\"").nth(1);
        next = link.map(|rest| rest.split('"').next().unwrap().replace("&#38;", "&"));
        pages += &page;
    }
    for i in 2..=200 {
        assert_eq!(pages.matches(&format!(">Cabang {i}.<")).count(), 1, "{i}");
    }
    for search in ["cabang+77", "s77"] {
        let found = text(&browser.get(&panel, &format!("/panel/channels?q={search}")));
        assert!(found.contains(">Cabang 77.<") && !found.contains(">Cabang 78.<"), "{found}");
    }
    let nobody = text(&browser.get(&panel, "/panel/channels?q=tidak-ada&lang=en"));
    assert!(nobody.contains("No number matches."), "{nobody}");
    // The overview has those that need a person, and says how many there are.
    let overview = text(&browser.get(&panel, "/panel?lang=id"));
    for i in 191..=200 {
        assert!(overview.contains(&format!("Cabang {i}.")), "{i}: {overview}");
    }
    assert!(overview.contains("dan 188 nomor lagi"), "{overview}");
    assert!(overview.contains("5 nomor lain juga perlu dilihat"), "{overview}");
}

#[test]
fn paging_goes_through_all_rows_once_forth_and_back() {
    let world = World::new();
    world.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 75)
         INSERT INTO auto_messages (title, message, status) SELECT 'Judul ' || i || '.', 'x', 'draft' FROM n",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let link = |page: &str, rel: &str| -> Option<String> {
        let rest = page.split(&format!("rel=\"{rel}\" href=\"")).nth(1)?;
        Some(rest.split('"').next()?.replace("&#38;", "&"))
    };
    for query in ["", "?status=draft", "?q=Judul"] {
        let first = text(&browser.get(&panel, &format!("/panel/messages{query}")));
        let mut pages = vec![first.clone()];
        while let Some(next) = link(pages.last().unwrap(), "next") {
            pages.push(text(&browser.get(&panel, &next)));
        }
        assert_eq!(pages.len(), 3, "{query}");
        let all = pages.join("");
        for i in 1..=75 {
            assert_eq!(all.matches(&format!("Judul {i}.")).count(), 1, "{query}: {i}");
        }
        let back = link(&pages[2], "prev").unwrap();
        let second = text(&browser.get(&panel, &back));
        assert!(second.contains("Judul 45.") && second.contains("Judul 16."), "{query}: {second}");
        let first_again = text(&browser.get(&panel, &link(&second, "prev").unwrap()));
        assert!(
            first_again.contains("Judul 75.") && link(&first_again, "prev").is_none(),
            "{query}"
        );
    }
}
