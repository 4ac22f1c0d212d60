//! What people and WAHA wrote is text, on every page, whatever it looks like.

use super::{Browser, PAGES, header, panel, text};
use crate::world::World;

const HOSTILE: &str =
    "</textarea></title><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{x}}";

/// A row in every table with [`HOSTILE`] in every text column that takes it.
fn hostile_world() -> World {
    let world = World::new();
    let columns = [
        ("channels", "name, session_name, held_reason", "?1, ?1 || '2', ?1"),
        (
            "contacts",
            "name, phone_number, tags, attributes",
            "?1, ?1, json_array(?1), json_object(?1, ?1)",
        ),
        (
            "auto_messages",
            "title, message, contact_ids, schedules, interval_config, status, error, created_by, contact_count, sent_count, failed_count, unknown_count, scheduled_at",
            "?1, ?1, json_array(?1), ?1, ?1, 'draft', ?1, ?1, 4, 1, 1, 1, '2026-12-02T01:00:00Z'",
        ),
        (
            "auto_messages",
            "title, message, contact_ids, status, contact_count, scheduled_at",
            "?1, ?1, ?1, 'scheduled', 4, '2026-12-03T01:00:00Z'",
        ),
        (
            "runs",
            "trigger, remote, started_at, finished_at, error",
            "'cron', ?1, '2026-12-01T00:00:00Z', ?1, ?1",
        ),
    ];
    for (table, names, values) in columns {
        world
            .sql
            .execute(&format!("INSERT INTO {table} ({names}) VALUES ({values})"), [HOSTILE])
            .unwrap();
    }
    for status in ["pending", "sent", "failed", "skipped", "unknown", "expired", "cancelled"] {
        let sql = "INSERT INTO deliveries (auto_message_id, due_at, channel_id, name, chat_id, status, attempts, text, waha_message_id, error, claimed_at, finished_at)
                   VALUES (1, '2026-12-02T01:00:00Z', 1, ?1, ?1 || ?2, ?2, 1, ?1, ?1, ?1, ?1, CASE ?2 WHEN 'sent' THEN '2026-12-01T00:30:00Z' ELSE ?1 END)";
        world.sql.execute(sql, [HOSTILE, status]).unwrap();
    }
    world
}

#[test]
fn markup_in_any_field_of_any_table_shows_as_text_everywhere() {
    let world = hostile_world();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let mut times_shown = 0;
    for language in ["id", "en"] {
        browser.get(&panel, &format!("/panel?lang={language}"));
        for page in PAGES {
            let reply = browser.get(&panel, page);
            let shown = text(&reply);
            assert_eq!(reply.status, 200, "{page}: {shown}");
            for bad in ["<script>", "<img src=x", "onerror=alert(2)>", "</textarea></title>"] {
                assert!(!shown.contains(bad), "{page} has {bad}: {shown}");
            }
            times_shown += shown.matches("&#60;script&#62;").count();
        }
    }
    assert!(times_shown > 40, "{times_shown}: the pages should show what is there");
}

#[test]
fn markup_that_comes_back_in_a_form_or_an_address_is_text_too() {
    let world = hostile_world();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let fields = |names: &[&'static str]| -> Vec<(&'static str, &'static str)> {
        names.iter().map(|name| (*name, HOSTILE)).collect()
    };
    let message = fields(&[
        "title", "text", "to", "tag", "channel", "when", "at", "day", "time", "from", "until",
    ]);
    let contact = fields(&["name", "number", "tags", "attributes"]);
    for (path, fields) in [
        ("/panel/messages/new", &message),
        ("/panel/messages/preview", &message),
        ("/panel/messages/1/edit", &message),
        ("/panel/contacts/new", &contact),
        ("/panel/contacts/1", &contact),
        ("/panel/contacts/import", &contact),
    ] {
        let shown = text(&browser.post(&panel, path, fields));
        assert!(!shown.contains("<script>") && !shown.contains("<img src=x"), "{path}: {shown}");
    }
    let escaped = "%3Cscript%3Ealert(1)%3C/script%3E%22%27";
    for path in ["messages", "contacts", "login", "messages/1", "runs"] {
        for name in ["q", "tag", "status", "next", "show", "after", "at", "older", "done", "lang"] {
            let reply = browser.get(&panel, &format!("/panel/{path}?{name}={escaped}"));
            assert!(!text(&reply).contains("<script>"), "{path} {name}");
            assert!(reply.headers.iter().all(|(_, value)| !value.contains(['<', '\r', '\n'])));
        }
    }
}

#[test]
fn a_csv_of_recipients_holds_no_formula() {
    let world = World::new();
    world.execute(
        "INSERT INTO auto_messages (message, scheduled_at, status) VALUES ('x', '2026-12-02T01:00:00Z', 'sent');
         INSERT INTO deliveries (auto_message_id, due_at, channel_id, name, chat_id, status, waha_message_id)
         VALUES (1, '2026-12-02T01:00:00Z', 1, '=cmd|'' /C calc''!A1', '6281200001001@c.us', 'sent', 'AA')",
    );
    let panel = panel(&world);
    let reply = Browser::logged_in(&panel).get(&panel, "/panel/messages/1/recipients.csv");
    assert_eq!(header(&reply, "Content-Type"), Some("text/csv; charset=utf-8"));
    let disposition = header(&reply, "Content-Disposition").unwrap();
    assert!(disposition.starts_with("attachment;"), "{disposition}");
    let csv = text(&reply);
    assert!(csv.contains("\"'=cmd|' /C calc'!A1\",\"+6281200001001\",\"Terkirim\""), "{csv}");
}
