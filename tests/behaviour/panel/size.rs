//! A large shop: every page stays small and quick.

use std::time::Instant;

use super::{Browser, panel, text};
use crate::world::World;

/// 100,000 contacts, 10,000 messages with 60,000 deliveries, one of them with 5,000.
fn large_world() -> World {
    let mut builder = World::builder();
    builder.in_memory = true;
    let world = builder.build();
    world.execute(
        "BEGIN;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
         INSERT INTO contacts (name, phone_number, tags, attributes)
         SELECT 'Pelanggan ' || i, '+62812' || printf('%08d', i), CASE i % 100 WHEN 0 THEN '[\"vip\"]' ELSE '[\"pelanggan\"]' END, '{\"kota\":\"Bandung\"}' FROM n;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
         INSERT INTO auto_messages (title, message, contact_ids, contact_count, scheduled_at, status, sent_count)
         SELECT 'Promo ' || i, 'Halo {{name|Kak}}, ' || hex(zeroblob(200)), '[1]', 6, strftime('%Y-%m-%dT%H:%M:%SZ', '2026-12-01 01:00:00', '-' || i || ' minutes'), CASE WHEN i % 10 = 0 THEN 'failed' ELSE 'sent' END, 6 FROM n;
         INSERT INTO deliveries (auto_message_id, due_at, channel_id, contact_id, name, chat_id, status, attempts, text, waha_message_id, ack, claimed_at, finished_at)
         SELECT m.id, m.scheduled_at, 1, c.id, c.name, substr(c.phone_number, 2) || '@c.us', 'sent', 1, 'Halo', 'A' || m.id || 'B' || c.id, 3, m.scheduled_at, m.scheduled_at
         FROM auto_messages m JOIN contacts c ON c.id <= 6;
         INSERT INTO deliveries (auto_message_id, due_at, channel_id, contact_id, name, chat_id, status, attempts, text, waha_message_id, ack, claimed_at, finished_at)
         SELECT 1, '2026-12-01T00:59:00Z', 1, c.id, c.name, substr(c.phone_number, 2) || '@c.us', 'sent', 1, 'Halo', 'AB' || c.id, 3, '2026-12-01T00:59:00Z', '2026-12-01T00:59:00Z'
         FROM contacts c WHERE c.id BETWEEN 7 AND 5000;
         UPDATE auto_messages SET contact_count = 5000 WHERE id = 1;
         COMMIT;",
    );
    world
}

#[test]
fn with_100_000_contacts_and_10_000_messages_every_page_is_small_and_quick() {
    let world = large_world();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let pages = [
        "/panel",
        "/panel/live",
        "/panel/messages",
        "/panel/messages?status=failed",
        "/panel/messages?older=5000",
        "/panel/messages?q=Promo+77",
        "/panel/messages?q=tidak-ada",
        "/panel/messages/new",
        "/panel/messages/1",
        "/panel/messages/1?show=failed",
        "/panel/messages/1/edit",
        "/panel/contacts",
        "/panel/contacts?older=50000",
        "/panel/contacts?q=Pelanggan+99",
        "/panel/contacts?q=tidak-ada",
        "/panel/contacts?tag=vip",
        "/panel/contacts/50000",
        "/panel/channels",
        "/panel/channels/1",
        "/panel/runs",
        "/panel/attention",
        "/panel/statistics?from=2026-01-01",
        "/panel/statistics?from=2026-01-01&tag=pelanggan",
        "/panel/acts",
        "/panel/attention?kind=late",
        "/panel/messages?q=0812+0000+0003",
        "/panel/messages?q=Pelanggan+77",
    ];
    for page in pages {
        let began = Instant::now();
        let reply = browser.get(&panel, page);
        let took = began.elapsed();
        println!("{page}: {} KB, {} ms", reply.body.len() / 1024, took.as_millis());
        assert_eq!(reply.status, 200, "{page}: {}", text(&reply));
        assert!(reply.body.len() < 100_000, "{page}: {} bytes", reply.body.len());
        // A debug build on a busy machine; a release build is some five times as fast.
        assert!(took.as_millis() < 1500, "{page}: {took:?}");
    }
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
