//! What comes: the calendar, as long as the forecast says, and the list of it by time.

use auto_message_scheduler::clock::Timestamp;
use auto_message_scheduler::forecast;

use super::{Browser, panel, text};
use crate::message_commands::store;
use crate::world::World;

/// It is Tuesday, 2026-12-01, 08:00 in Jakarta. Two numbers; one message for tomorrow at nine to sixty people, one
/// that comes every Wednesday and Friday, one in two weeks.
fn shop() -> World {
    let world = World::new();
    let people: Vec<String> = (0..60).map(|i| format!("0812000070{i:02}")).collect();
    world.execute(&format!(
        "UPDATE channels SET name = 'Toko';
         INSERT INTO channels (id, name, session_name) VALUES (2, 'Klinik', 'klinik');
         INSERT INTO auto_messages (title, message, contact_ids, contact_count, scheduled_at) VALUES
             ('Promo besar', 'x', '{}', 60, '2026-12-02 02:00'),
             ('Nanti', 'x', '081200001001', 1, '2026-12-15 02:00');
         INSERT INTO auto_messages (title, message, contact_ids, contact_count, channel_id, scheduled_at, interval_config)
         VALUES ('Kontrol', 'x', '081200001002', 1, 2, '2026-12-02 03:30', '{{\"time\":\"10:30\",\"weekDays\":[\"wed\",\"fri\"]}}')",
        people.join(", ")
    ));
    world
}

/// The section whose title begins so.
fn section<'a>(page: &'a str, title: &str) -> &'a str {
    let mut sections = page.split("<section class=\"card").skip(1);
    let found = sections.find(|section| section.contains(&format!("\">{title}")));
    found.unwrap_or_else(|| panic!("{title}: {page}")).split("</section>").next().unwrap()
}

#[test]
fn a_week_has_each_message_as_long_as_the_forecast_says_and_what_comes_again() {
    let world = shop();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let page = text(&browser.get(&panel, "/panel/calendar"));
    assert!(page.contains("Besok: 2 pesan, 61 orang"), "{page}");
    assert!(page.contains("Hari ini: 0 pesan, 0 orang"), "{page}");
    let wednesday = section(&page, "Rab, 2 Des");
    assert!(wednesday.contains("2 pesan, 61 orang"), "{wednesday}");
    let english = text(&browser.get(&panel, "/panel/calendar?lang=en"));
    assert!(section(&english, "Fri, 4 Dec").contains("1 message, 1 person"), "{english}");
    // The end that is drawn is the forecast's.
    let config = crate::world::config();
    let now = world.clock.wall();
    let seen = forecast::of_message(&mut store(&world), 1, &config, now).unwrap().unwrap();
    let ends = seen.due_at.unwrap().secs() + i64::try_from(seen.takes_secs).unwrap();
    let ends = config.zone.format_local(Timestamp::from_secs(ends));
    let ends = ends.split(' ').nth(1).unwrap()[..5].replace(':', ".");
    assert!(seen.takes_secs > 3_000, "sixty take about an hour");
    assert!(
        wednesday.contains(&format!("09.00–{ends}</span> <b>Promo besar")),
        "{ends}: {wednesday}"
    );
    let minutes = seen.takes_secs / 60;
    assert!(wednesday.contains(&format!("x=\"540\" y=\"0\" width=\"{minutes}\"")), "{wednesday}");
    assert!(
        wednesday.contains("10.30</span> <b>Kontrol") && wednesday.contains("Klinik · berulang")
    );
    assert!(section(&page, "Jum, 4 Des").contains("Kontrol"), "{page}");
    assert!(!page.contains("Nanti"), "{page}");
    let next = text(&browser.get(&panel, "/panel/calendar?date=2026-12-15&lang=en"));
    assert!(section(&next, "Tue, 15 Dec").contains("Nanti"), "{next}");
    assert!(section(&next, "Wed, 16 Dec").contains("repeats"), "{next}");
}

#[test]
fn a_day_goes_by_number_and_one_number_can_be_chosen() {
    let world = shop();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let day = "/panel/calendar?view=day&date=2026-12-02";
    let page = text(&browser.get(&panel, day));
    assert!(section(&page, "Toko").contains("Promo besar"), "{page}");
    assert!(section(&page, "Klinik").contains("Kontrol"), "{page}");
    let page = text(&browser.get(&panel, &format!("{day}&channel=2")));
    assert!(page.contains("Kontrol") && !page.contains("Promo besar"), "{page}");
    // What is over midnight stands on both days.
    world.execute("UPDATE auto_messages SET scheduled_at = '2026-12-02 16:30' WHERE id = 1");
    for (date, when) in [("2026-12-02", "23.30–…"), ("2026-12-03", "…–00.")] {
        let page = text(&browser.get(&panel, &format!("/panel/calendar?view=day&date={date}")));
        assert!(section(&page, "Toko").contains(when), "{when}: {page}");
    }
    let page = text(&browser.get(&panel, "/panel/calendar?view=day&date=2026-12-03"));
    assert!(section(&page, "Toko").contains("0 pesan, 0 orang"), "it began the day before: {page}");
    for odd in [
        "?date=x",
        "?date=2026-99-99",
        "?view=day&date=9999-12-31",
        "?date=1970-01-01",
        "?channel=x",
        "?channel=99",
    ] {
        assert_eq!(browser.get(&panel, &format!("/panel/calendar{odd}")).status, 200, "{odd}");
    }
}

#[test]
fn what_cannot_go_out_whole_is_marked() {
    let world = shop();
    world.execute("UPDATE channels SET daily_limit = 10");
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let page = text(&browser.get(&panel, "/panel/calendar"));
    let wednesday = section(&page, "Rab, 2 Des");
    assert!(wednesday.contains("tidak semua sempat"), "{wednesday}");
}

#[test]
fn a_message_that_will_fail_says_so_in_calendar_and_lists() {
    let world = shop();
    world.execute(
        r#"UPDATE auto_messages SET interval_config = '{"time":"10:30"}' WHERE id = 3;
           INSERT INTO auto_messages (title, message, contact_ids, scheduled_at, interval_config)
           VALUES ('Besok', 'x', '081200001003', '2026-12-02 03:30', '{"time":"10:30"}')"#,
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let page = text(&browser.get(&panel, "/panel/calendar"));
    let wednesday = section(&page, "Rab, 2 Des");
    assert!(wednesday.contains("akan gagal"), "{wednesday}");
    for path in
        ["/panel", "/panel/messages?status=scheduled", "/panel/messages", "/panel/messages/3"]
    {
        let page = text(&browser.get(&panel, path));
        assert!(page.contains("Akan gagal pada waktunya: "), "{path}: {page}");
    }
}

#[test]
fn the_list_of_what_is_scheduled_goes_by_time_with_number_rule_and_next_dates() {
    let world = shop();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let page = text(&browser.get(&panel, "/panel/messages?status=scheduled"));
    let at = |words: &str| page.find(words).unwrap_or_else(|| panic!("{words}: {page}"));
    assert!(
        at("Besok, Rab, 2 Des") < at("<b>Promo besar") && at("<b>Promo besar") < at("<b>Kontrol")
    );
    assert!(at("<b>Kontrol") < at(">Sel, 15 Des") && at(">Sel, 15 Des") < at("<b>Nanti"));
    assert!(page.contains("setiap Rab, Jum, 10.30"), "{page}");
    assert!(page.contains("Berikutnya: Jum, 4 Des 2026, 10.30 · Rab, 9 Des 2026, 10.30"), "{page}");
    assert!(page.contains("Klinik"), "{page}");
    let page = text(&browser.get(&panel, "/panel/messages?status=scheduled&lang=en&q=Kontrol"));
    assert!(page.contains("every Wed, Fri, 10:30") && !page.contains("Promo besar"), "{page}");
}

#[test]
fn a_long_list_of_what_is_scheduled_goes_on_by_key() {
    let world = World::new();
    world.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70)
         INSERT INTO auto_messages (title, message, contact_ids, scheduled_at)
         SELECT 'Judul ' || i || '.', 'x', '1', '2027-01-01 0' || (9 - i / 10) || ':00' FROM n",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let (mut pages, mut next) =
        (String::new(), Some("/panel/messages?status=scheduled".to_owned()));
    while let Some(path) = next {
        let page = text(&browser.get(&panel, &path));
        let link = page.split("rel=\"next\" href=\"").nth(1);
        next = link.map(|rest| rest.split('"').next().unwrap().replace("&#38;", "&"));
        pages += &page;
    }
    for i in 1..=70 {
        assert_eq!(pages.matches(&format!("Judul {i}.")).count(), 1, "{i}");
    }
    assert!(pages.find("Judul 70.").unwrap() < pages.find("Judul 1.").unwrap(), "by time");
}

#[test]
fn with_10_000_messages_and_200_numbers_a_page_is_small() {
    let mut builder = World::builder();
    builder.in_memory = true;
    let world = builder.build();
    world.execute(
        "BEGIN;
         WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
         INSERT INTO channels (id, name, session_name) SELECT i, 'Cabang nomor ' || i, 's' || i FROM n;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
         INSERT INTO auto_messages (title, message, contact_ids, contact_count, channel_id, scheduled_at, interval_config)
         SELECT 'Pengingat untuk pelanggan nomor ' || i, 'Halo', '0812' || printf('%08d', i), 1, 1 + i % 200,
             strftime('%Y-%m-%dT%H:%M:%SZ', '2026-12-01 01:00:00', '+' || i || ' minutes'),
             CASE WHEN i % 10 = 0 THEN '{\"time\":\"08:00\",\"weekDays\":[0,1,2,3,4,5,6]}' END FROM n;
         COMMIT;",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for path in [
        "/panel",
        "/panel/calendar",
        "/panel/calendar?date=2026-12-05",
        "/panel/calendar?view=day",
        "/panel/calendar?view=day&date=2026-12-05",
        "/panel/calendar?view=day&date=2026-12-05&channel=7",
        "/panel/messages?status=scheduled",
        "/panel/attention",
    ] {
        let reply = browser.get(&panel, path);
        assert_eq!(reply.status, 200, "{path}");
        assert!(reply.body.len() < 100_000, "{path}: {}", reply.body.len());
    }
    let page = text(&browser.get(&panel, "/panel/calendar?date=2026-12-05"));
    assert!(section(&page, "Sab, 5 Des").contains("1."), "all are counted, few are shown: {page}");
}
