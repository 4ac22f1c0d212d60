//! Texts with placeholders: what each recipient gets, and who is skipped.

use std::fs;
use std::time::Duration;

use auto_message_scheduler::backup;
use auto_message_scheduler::fake_waha::Engine;
use auto_message_scheduler::forecast::{Bounds, Scope, Seen, forecast};
use auto_message_scheduler::messages::{self, Retry};
use auto_message_scheduler::schedule::Zone;
use auto_message_scheduler::send_window::Day;
use auto_message_scheduler::store::{ClaimRequest, Store};

use crate::api_v1::Door;
use crate::message_commands::store;
use crate::panel;
use crate::site::{Site, stderr};
use crate::world::{World, config};

/// A world with three contacts: whole, without a town, and without anything.
fn world() -> World {
    let world = World::new();
    world.execute(
        r#"INSERT INTO contacts (id, name, phone_number, attributes) VALUES
               (1, 'Budi', '0812-0000-7001', '{"Kota": "Solo", "saldo": 15000}'),
               (2, 'Siti', '081200007002', '{"saldo": 0}'),
               (3, NULL, '081200007003', '{oops')"#,
    );
    world
}

fn message(world: &World, text: &str, contact_ids: &str) -> i64 {
    let id = world.message(contact_ids);
    world.sql.execute("UPDATE auto_messages SET message = ?1 WHERE id = ?2", (text, id)).unwrap();
    id
}

fn texts(world: &World) -> Vec<String> {
    world.received().into_iter().map(|received| received.text).collect()
}

#[test]
fn each_recipient_gets_its_own_text_and_the_row_has_it_exactly() {
    let world = world();
    let id =
        message(&world, "Halo {{Name|Kak}}, {{ kota | kota Anda }}: {{phone_number}}", "[1,2,3]");
    world.run();
    let expected = [
        "Halo Budi, Solo: +6281200007001",
        "Halo Siti, kota Anda: +6281200007002",
        "Halo Kak, kota Anda: +6281200007003",
    ];
    assert_eq!(texts(&world), expected);
    assert_eq!(world.rows("SELECT text FROM deliveries ORDER BY id"), expected);
    assert_eq!(world.status(id), "sent");
}

#[test]
fn a_recipient_that_is_only_a_number_with_a_name_gets_that_name() {
    let world = world();
    message(&world, "Halo {{nama}}", r#"[{"phone":"081200007009","name":"Tono"}]"#);
    world.run();
    assert_eq!(texts(&world), ["Halo Tono"]);
}

#[test]
fn a_recipient_without_the_value_is_skipped_with_the_name_of_the_placeholder() {
    let world = world();
    let id = message(&world, "Di {{kota}}", "[1,2,3,\"081200007004\"]");
    world.run();
    assert_eq!(texts(&world), ["Di Solo"]);
    assert_eq!(
        world.rows("SELECT status, substr(error, 1, 21) FROM deliveries ORDER BY id"),
        [
            "sent|",
            "skipped|no value for {{kota}}",
            "skipped|no value for {{kota}}",
            "skipped|no value for {{kota}}"
        ]
    );
    assert_eq!(world.ask(&format!("SELECT skipped_count FROM auto_messages WHERE id = {id}")), "3");
    assert_eq!(world.status(id), "sent");
}

#[test]
fn when_nobody_can_be_given_the_text_the_message_fails_and_says_so() {
    let world = world();
    let id = message(&world, "{{apa}}", "[1,2]");
    world.run();
    assert_eq!(world.status(id), "failed");
    assert!(world.error(id).contains("no valid recipient (2 skipped)"), "{}", world.error(id));
    assert!(world.received().is_empty());
}

#[test]
fn what_is_no_placeholder_and_what_a_value_holds_goes_out_as_it_is() {
    let world = world();
    world.execute("UPDATE contacts SET name = '{{kota}}' WHERE id = 1");
    message(&world, "{{name}} {{ {x} {{", "[1]");
    world.run();
    assert_eq!(texts(&world), ["{{kota}} {{ {x} {{"]);
}

#[test]
fn a_text_that_is_edited_after_planning_is_taken_as_edited() {
    let world = world();
    let id = message(&world, "Satu", "[1,2,3]");
    world.trigger();
    world.step_until_received(1);
    message_text(&world, id, "Dua {{name|Kak}}");
    world.step_until_received(2);
    message_text(&world, id, "Tiga {{saldo}}");
    world.run();
    assert_eq!(texts(&world), ["Satu", "Dua Siti"]);
    let row = "SELECT status, error LIKE 'no value for {{saldo}}%', text FROM deliveries WHERE contact_id = 3";
    assert_eq!(world.rows(row), ["skipped|1|"]);
    let counts = "SELECT status, sent_count, skipped_count, contact_count FROM auto_messages";
    assert_eq!(world.rows(counts), ["sent|2|1|3"]);
}

fn message_text(world: &World, id: i64, text: &str) {
    world.sql.execute("UPDATE auto_messages SET message = ?1 WHERE id = ?2", (text, id)).unwrap();
}

#[test]
fn a_text_that_got_placeholders_since_it_was_looked_at_is_not_claimed_raw() {
    let world = world();
    let id = message(&world, "Halo", "[1,2]");
    world.trigger();
    world.step_until_received(1);
    let mut store = Store::open(&world.path).unwrap();
    let now = world.clock.wall();
    let channel = store.read(|tx| tx.channel(1)).unwrap().unwrap();
    let request = ClaimRequest {
        delivery_id: 2,
        channel_id: 1,
        session: "default",
        seen_ready_at: channel.ready_at,
        seen_send_window: None,
        seen_daily_limit: None,
        seen_warmup_from: None,
        warmup_from: None,
        sends_since_rest: 0,
        rests: false,
        day: Day::of(&Zone::parse("WIB").unwrap(), now),
        day_limit: None,
        next_ready_at: now.plus(Duration::from_mins(1)),
        reserved_id: None,
        rendered: None,
        seen_content: None,
        recipient_gap: None,
        seen_recipient_gaps: (None, None),
    };
    message_text(&world, id, "Halo {{name}}");
    assert_eq!(store.write(|tx| tx.claim(&request, now)).unwrap(), None);
    message_text(&world, id, "Halo");
    let claimed = store.write(|tx| tx.claim(&request, now)).unwrap();
    assert_eq!(claimed.map(|claimed| claimed.text).as_deref(), Some("Halo"));
}

#[test]
fn a_skip_at_the_claim_moves_no_pace_and_the_counts_at_once() {
    let world = world();
    let id = message(&world, "Halo", "[1,2,3]");
    world.trigger();
    world.step_until_received(1);
    world.execute("DELETE FROM contacts WHERE id = 2");
    message_text(&world, id, "{{saldo|}}!");
    world.execute(r#"UPDATE contacts SET attributes = '{"saldo": 3}' WHERE id = 3"#);
    message_text(&world, id, "{{saldo}}!");
    world.step_until_received(2);
    assert_eq!(world.rows("SELECT skipped_count FROM auto_messages"), ["1"]);
    world.run();
    let received = world.received();
    assert_eq!(texts(&world), ["Halo", "3!"]);
    assert_eq!(crate::world::gaps(&received), [60], "the skipped one cost no turn");
}

#[test]
fn a_message_that_is_paused_when_it_cannot_be_rendered_is_not_skipped() {
    let world = world();
    let id = message(&world, "Halo", "[1,2]");
    world.trigger();
    world.step_until_received(1);
    world.execute(&format!(
        "UPDATE auto_messages SET status = 'draft', message = '{{{{x}}}}' WHERE id = {id}"
    ));
    world.run();
    assert_eq!(world.rows("SELECT status FROM deliveries ORDER BY id"), ["sent", "pending"]);
}

#[test]
fn a_text_that_is_too_long_or_blank_with_its_values_is_skipped() {
    let world = world();
    let long = "x".repeat(65_530);
    world
        .sql
        .execute("UPDATE contacts SET attributes = json_object('a', ?1) WHERE id = 1", [&long])
        .unwrap();
    message(&world, "{{a|}}", "[1,2]");
    message(&world, "{{a|pendek}} panjang", "[1,2]");
    world.run();
    assert_eq!(
        world.rows(
            "SELECT status, substr(coalesce(error, text), 1, 20) FROM deliveries ORDER BY id"
        ),
        [
            "sent|xxxxxxxxxxxxxxxxxxxx",
            "skipped|the text is blank on",
            "skipped|the text has 65538 c",
            "sent|pendek panjang"
        ]
    );
}

#[test]
fn a_plain_text_that_is_too_long_fails_its_message() {
    let world = world();
    let id = message(&world, &"x".repeat(65_537), "[1]");
    world.run();
    assert_eq!(world.status(id), "failed");
    assert!(world.error(id).contains("65537 characters"), "{}", world.error(id));
}

#[test]
fn an_unknown_delivery_is_looked_up_by_the_text_that_went_out() {
    let mut builder = World::builder();
    builder.options.engine = Engine::Webjs;
    let world = builder.build();
    // The number's fault: it arrives, and the answer is a 502.
    world.message(r#"[{"phone":"081200000502","name":"Budi"}]"#);
    world.execute("UPDATE auto_messages SET message = 'Halo {{name}}'");
    world.run();
    assert_eq!(world.rows("SELECT status, text FROM deliveries"), ["unknown|Halo Budi"]);
    world.clock.pass(Duration::from_secs(151));
    world.run();
    assert_eq!(world.rows("SELECT status FROM deliveries"), ["sent"]);
    assert_eq!(texts(&world), ["Halo Budi"]);
}

#[test]
fn after_a_restore_an_unknown_delivery_tells_the_text_that_may_have_gone_out() {
    let mut world = world();
    message(&world, "Halo {{name|Kak}}", "[1,3]");
    world.trigger();
    world.step_until_received(1);
    let copy = world.path.with_file_name("copy.db");
    world.execute(&format!("VACUUM INTO '{}'", copy.display()));
    world.stop();
    fs::remove_file(&world.path).unwrap();
    for side in ["-wal", "-shm"] {
        drop(fs::remove_file(format!("{}{side}", world.path.display())));
    }
    backup::restore(&world.path, &copy, &config(), world.clock.wall()).unwrap();
    drop(Store::open(&world.path).unwrap());
    world.start();
    let rows =
        "SELECT status, text FROM deliveries WHERE status = 'unknown' AND claimed_at IS NULL";
    assert_eq!(world.rows(rows), ["unknown|Halo Kak"]);
}

const FOREIGN: [&str; 7] = [
    "Halo *|FNAME|*",
    "{% if x %}Halo{% endif %}",
    "Hai {contactfield=firstname}",
    "Hai {{{name}}}",
    "Halo [Nama], apa kabar",
    "[info] Dear [FIRST_NAME]",
    "Halo {nama}",
];

#[test]
fn a_placeholder_of_another_program_never_goes_out() {
    for text in FOREIGN {
        let world = World::new();
        let id = message(&world, text, "081200007001");
        world.run();
        assert_eq!((world.status(id).as_str(), world.received().len()), ("failed", 0), "{text}");
        assert!(world.error(id).contains("no placeholder of this program"), "{}", world.error(id));
        // Nor when somebody writes it while the message is on its way.
        let id = message(&world, "Halo", r#"["081200007002","081200007003"]"#);
        world.trigger();
        world.step_until_received(1);
        message_text(&world, id, text);
        world.run();
        assert_eq!(texts(&world), ["Halo"], "{text}");
        let skipped = "SELECT error_code FROM deliveries WHERE status = 'skipped'";
        assert_eq!(world.rows(skipped), ["foreign_placeholder"], "{text}");
    }
    for text in
        ["Halo {{ name | default: 'Kak' }}", "[promo] Halo Kak", "Balas DAFTAR (nama)#[kota] 5%"]
    {
        let world = World::new();
        message(&world, text, "081200007001");
        world.run();
        let sent = text.replace("{{ name | default: 'Kak' }}", "Kak");
        assert_eq!(texts(&world), [sent]);
    }
}

#[test]
fn a_placeholder_of_another_program_is_refused_at_every_door() {
    let site = Site::new();
    let door = Door::open(&site);
    let world = World::new();
    let panel = panel::panel(&world);
    let mut browser = panel::Browser::logged_in(&panel);
    for text in FOREIGN {
        let ran = site.run(&["message", "add", "--to", "081200007001", "--", text]);
        let said = stderr(&ran);
        assert!(!ran.status.success() && said.contains("no placeholder of this"), "{text}: {said}");
        let body = serde_json::json!({"text": text, "to": ["081200007001"]});
        let answer = door.post("/messages", &body);
        assert_eq!(answer.refusal(), (422, "invalid", "text"), "{text}");
        let fields = [("text", text), ("to", "081200007001"), ("when", "now")];
        let reply = browser.post(&panel, "/panel/messages/new", &fields);
        assert_eq!(reply.status, 422, "{text}");
        let page = panel::text(&reply);
        assert!(
            page.contains("bukan tanda yang dikenal") || page.contains("no placeholder of this"),
            "{page}"
        );
    }
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "0");
    assert_eq!(site.sqlite3("SELECT count(*) FROM auto_messages").trim(), "0");
}

#[test]
fn a_choice_is_what_the_plan_says_it_is_and_a_retry_keeps_it() {
    let world = World::new();
    let text = "{{pilih: Halo | Hai | Selamat pagi}} {{pilih: Kak | Kakak}}";
    let all = r#"["081200007001","081200007002","081200000400","081200007004","081200007005"]"#;
    let id = message(&world, text, all);
    let foretold = planned_texts(&world, id);
    world.run();
    assert_eq!(world.rows("SELECT text FROM deliveries ORDER BY id"), foretold);
    assert!(texts(&world).iter().any(|text| *text != texts(&world)[0]), "not all are alike");
    world.clock.pass(Duration::from_hours(30));
    let retry = Retry { with_unknown: false };
    let now = world.clock.wall();
    messages::retry(&mut store(&world), id, retry, None, &config(), now).unwrap();
    let again = planned_texts(&world, id);
    world.run();
    let failed = "SELECT text FROM deliveries WHERE chat_id = '6281200000400@c.us' ORDER BY id";
    assert_eq!(world.rows(failed), [foretold[2].clone(), foretold[2].clone()]);
    assert_eq!(again, [foretold[2].clone()]);
}

/// The texts that a message's recipients are said to get.
fn planned_texts(world: &World, id: i64) -> Vec<String> {
    let mut texts = Vec::new();
    let bounds = Bounds { messages: u64::MAX, recipients: u64::MAX };
    let see = &mut |seen: Seen<'_>| {
        if let Seen::Recipient(row) = seen {
            texts.push(row.text.unwrap_or_default().to_owned());
        }
    };
    let now = world.clock.wall();
    forecast(&mut store(world), Scope::Message(id), &config(), bounds, now, see).unwrap();
    texts
}
