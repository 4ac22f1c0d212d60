//! A large chain of shops: every page stays small. How long each takes is a figure: `cargo bench -- pages`.

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
