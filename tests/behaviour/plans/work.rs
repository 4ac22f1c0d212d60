//! The work of a shop, of every kind, on one watched database: so that all its statements run.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use auto_message_scheduler::alarm::Callbacks;
use auto_message_scheduler::api::{Api, V1, keys};
use auto_message_scheduler::clock::{Clock, Timestamp};
use auto_message_scheduler::config::{Config, Secret};
use auto_message_scheduler::contacts::export::{Format, export};
use auto_message_scheduler::contacts::{self, Changes, Filter, opt_out};
use auto_message_scheduler::delivery::{Ack, CapWarning, Hold, MessageId, MessageStatus, Status};
use auto_message_scheduler::fake_waha::{Engine, Options};
use auto_message_scheduler::forecast::{Bounds, Scope, forecast};
use auto_message_scheduler::http::Request;
use auto_message_scheduler::http_client::HttpClient;
use auto_message_scheduler::messages::{self, Edit, Retry, Timing, WeeklyTiming};
use auto_message_scheduler::panel::Panel;
use auto_message_scheduler::prune::prune;
use auto_message_scheduler::recipient::parse_contact_ids;
use auto_message_scheduler::schedule::Zone;
use auto_message_scheduler::send_window::Day;
use auto_message_scheduler::store::{
    CallbackStatus, Can, Echo, MessageEvent, MessageFilter, SessionEvent, Statement, Unsigned,
    noted_statements, watch_statements,
};
use auto_message_scheduler::{channels, instance};

use crate::message_commands::{add, draft, store};
use crate::panel::contacts::upload;
use crate::panel::{Browser, PAGES, header, panel};
use crate::receiver::{Mood, Receiver};
use crate::world::{World, config};

/// What was noted while a shop, which is `prepared` first, did all that it can do.
pub fn statements(prepared: impl Fn(&World)) -> Vec<Statement> {
    let mut noted = Vec::new();
    // One engine offers ids for messages before they are sent, the other does not.
    for engine in [Engine::Gows, Engine::Webjs] {
        let mut builder = World::builder();
        builder.options = Options { engine, ..Options::default() };
        builder.in_memory = true;
        builder.portion = 3;
        let mut world = builder.build();
        prepared(&world);
        watch_statements(&world.path);
        world.restart();
        send(&mut world);
        check_numbers(&mut world);
        let_wait(&world);
        change_meanwhile(&world);
        edit_rules(&world);
        hear(&world);
        share(&world);
        compose(&world);
        look(&world);
        keep_contacts(&world);
        keep_channels(&world);
        alarm(&world);
        serve_programs(&world);
        prune_old(&world);
        noted.extend(noted_statements(&world.path));
    }
    noted.sort_by(|a, b| (a.file, a.line, &a.sql).cmp(&(b.file, b.line, &b.sql)));
    noted.dedup();
    noted
}

/// What is older than all of the above, counted and removed.
fn prune_old(world: &World) {
    let old = "2020-01-01T00:00:00Z";
    world.execute(&format!(
        "INSERT INTO auto_messages (id, message, scheduled_at, status, created_at, updated_at)
         VALUES (999, 'Halo', '{old}', 'failed', '{old}', '{old}');
         INSERT INTO deliveries (auto_message_id, due_at, channel_id, chat_id, status, finished_at)
         VALUES (999, '{old}', 1, 'x', 'failed', '{old}')"
    ));
    for is_dry in [true, false] {
        let age = Duration::from_hours(24 * 365);
        prune(&mut store(world), age, is_dry, &config(), &*world.clock).unwrap();
    }
    assert!(store(world).read(|tx| tx.had_message(999)).unwrap());
    assert_eq!(world.status(999), "");
}

/// What two years leave behind, and statistics of it: one channel has nearly all, one status too. The
/// ids leave room for those that the work has.
pub fn fill_and_analyze(world: &World) {
    fill(world, 4_000);
    world.execute("ANALYZE");
}

fn fill(world: &World, messages: u32) {
    world.execute(&format!(
        "BEGIN;
         CREATE TEMP TABLE n (i INTEGER PRIMARY KEY);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {messages})
         INSERT INTO temp.n SELECT i FROM n;
         INSERT INTO contacts (id, name, phone_number, tags)
         SELECT 1000 + i, 'Pelanggan ' || i, '+62813' || printf('%08d', i), '[\"lama\"]' FROM temp.n;
         INSERT INTO auto_messages (id, message, contact_ids, contact_count, scheduled_at, status, sent_at, sent_count)
         SELECT 1000 + i, 'Halo dari toko kami!', '[1]', 5, strftime('%Y-%m-%dT%H:%M:%SZ', '2026-11-30', '-' || i || ' minutes'),
             'sent', '2026-11-30T00:00:00Z', 5 FROM temp.n;
         INSERT INTO deliveries (auto_message_id, due_at, channel_id, chat_id, status, attempts, text,
             waha_message_id, ack, claimed_at, finished_at)
         SELECT m.id, m.scheduled_at, 1, '62813' || printf('%08d', m.id % 1000 * 5 + r.value) || '@c.us',
             'sent', 1, m.message, printf('3EC0%016X', m.id * 5 + r.value), 3, m.scheduled_at, m.scheduled_at
         FROM auto_messages m, json_each('[0,1,2,3,4]') r WHERE m.id > 1000;
         INSERT INTO runs (trigger, started_at, finished_at, processed)
         SELECT 'timer', '2026-11-01T00:00:00Z', '2026-11-01T00:00:00Z', 1 FROM temp.n;
         INSERT INTO webhook_events (id, waha_message_id, ack, received_at)
         SELECT 'e' || i, printf('3EC0%016X', i), 2, '2026-11-30T00:00:00Z' FROM temp.n;
         INSERT INTO channel_days (channel_id, day, claimed)
         SELECT 1, date('2026-11-30', '-' || i || ' days'), 100 FROM temp.n;
         DROP TABLE temp.n;
         COMMIT;"
    ));
}

/// Everything that can happen to a message on its way.
fn send(world: &mut World) {
    store(world).write(|tx| tx.set_alerts_on(true)).unwrap();
    world.run(); // nothing is due
    world.execute(
        r#"INSERT INTO contacts (id, name, phone_number, tags, attributes, opted_out_at) VALUES
             (1, 'Budi', '+6281200007001', '["vip"]', '{"kota":"Solo"}', NULL),
             (2, 'Siti', '0812-0000-7002', '[]', '{}', NULL),
             (3, 'Agus', '+6281200007003', '["vip"]', '{}', '2026-11-01 00:00');
           INSERT OR IGNORE INTO channels (id, name, session_name, daily_limit, warmup_from, ready_at)
             VALUES (2, 'b', 'b', 50, '2026-10-01', '2026-11-01 00:00');
           INSERT INTO auto_messages (id, message, contact_ids) VALUES (1, 'tanpa waktu', '[1]');
           INSERT INTO auto_messages (id, message, contact_ids, schedules) VALUES
             (2, 'Halo {{name}}', 'tag:vip, 081200007008, belum', '[{"date":"2026-12-01","time":"08:10"},{"date":"2026-12-02","time":"08:10"}]');
           INSERT INTO auto_messages (id, message, contact_ids, channel_id, scheduled_at) VALUES
             (3, 'b', '081200007005', 2, '2026-12-01 01:00'), (4, 'x', '[1]', 99, '2026-12-01 01:00'),
             (5, 'lama', '[2]', 1, '2026-11-20 01:00');"#,
    );
    // One that is planned in portions, and cut off.
    let many = world.message("081200000601, 081200000602, 081200000603, 081200000604");
    world.trigger();
    while world.rows("SELECT due_at FROM plannings").is_empty() {
        world.step();
    }
    world.restart();
    world.execute(&format!("UPDATE auto_messages SET contact_ids = '1' WHERE id = {many}"));
    // Sent, unknown but found, unknown for good, refused, and a session that is not WORKING.
    for to in ["[1,2,3]", "081200000502", "081200000500", "081200000400"] {
        world.message(to);
    }
    world.run();
    world.clock.pass(Duration::from_mins(20));
    world.run();
    world.message("081200000422");
    world.run();
    world.waha.set_status("default", "SCAN_QR_CODE");
    world.run();
    world.waha.set_status("default", "WORKING");
    world.clock.pass(Duration::from_hours(2));
    world.run();
    // A process that dies; a person who stops deliveries one by one; one that comes too late.
    world.execute(
        "UPDATE auto_messages SET status = 'cancelled' WHERE status = 'sending';
         UPDATE channels SET held_reason = NULL, held_kind = NULL, held_until = NULL;",
    );
    world.message("081200007001, 081200007002, 081200007003");
    world.trigger();
    world.step_until_received(world.received().len() + 1);
    let last = "(SELECT max(id) FROM deliveries WHERE status = 'sent')";
    world.execute(&format!("UPDATE deliveries SET status = 'sending' WHERE id = {last}"));
    world.restart();
    world.trigger();
    world.step();
    world.execute("UPDATE deliveries SET status = 'cancelled' WHERE status = 'pending'");
    world.run();
    world.message("081200007001, 081200007002");
    world.trigger();
    world.step();
    world.clock.pass(Duration::from_hours(25));
    world.run();
    // Somebody opts out by hand in between, a text becomes empty, a message is set on its way by hand.
    for change in
        ["UPDATE contacts SET opted_out_at = '2026-12-01'", "UPDATE auto_messages SET message = ''"]
    {
        world.execute("UPDATE contacts SET opted_out_at = NULL WHERE id < 3");
        world.execute("UPDATE channels SET held_reason = 'libur'");
        world.message("[1, 2]");
        world.trigger();
        world.step();
        world.execute(change);
        world.execute("UPDATE channels SET held_reason = NULL");
        world.run();
    }
    world.execute("UPDATE auto_messages SET status = 'sending' WHERE id = 1");
    world.clock.pass(Duration::from_hours(24 * 8));
    world.run();
}

/// Numbers that nobody spoke with: one is there, one is not, and of one WAHA cannot tell.
fn check_numbers(world: &mut World) {
    world.config.check_numbers = true;
    world.restart();
    world.execute("INSERT OR REPLACE INTO channels (id, name, session_name) VALUES (78, 'c', 'c')");
    let id = world.message("081200007061, 081200010404, 081200010405");
    world.execute(&format!("UPDATE auto_messages SET channel_id = 78 WHERE id = {id}"));
    world.run();
    assert!(world.waha.checks_from(0).len() > 2);
    store(world).read(|tx| tx.check_counts(world.clock.wall())).unwrap();
    world.config.check_numbers = false;
    world.restart();
    world.execute(
        "UPDATE auto_messages SET status = 'cancelled' WHERE channel_id = 78 AND status = 'sending';
         UPDATE channels SET is_active = 0 WHERE id = 78",
    );
}

/// Who got something lately waits, and is foretold to.
fn let_wait(world: &World) {
    world.execute(
        "INSERT OR REPLACE INTO channels (id, name, session_name, recipient_gap_hours) VALUES (77, 'w', 'w', 2)",
    );
    for _ in 0..2 {
        let id = world.message("081200007041, 081200007042");
        world.execute(&format!("UPDATE auto_messages SET channel_id = 77 WHERE id = {id}"));
        world.run();
    }
    let bounds = Bounds { messages: 9, recipients: 9 };
    let (config, now) = (config(), world.clock.wall());
    forecast(&mut store(world), Scope::All, &config, bounds, now, &mut |_| {}).unwrap();
    let waiting = "next_attempt_at IS NOT NULL AND status = 'pending' AND channel_id = 77";
    world.execute(&format!(
        "UPDATE deliveries SET next_attempt_at = '2026-11-01 00:00' WHERE {waiting}"
    ));
    world.run();
    world.execute(
        "UPDATE auto_messages SET status = 'cancelled' WHERE channel_id = 77 AND status = 'sending';
         UPDATE channels SET is_active = 0 WHERE id = 77",
    );
}

/// Contacts and channels that change while a message waits for them.
fn change_meanwhile(world: &World) {
    world.execute(
        "INSERT INTO contacts (id, phone_number) VALUES (21, '+6281200007021'), (22, '+6281200007022'),
             (23, '+6281200007023'), (24, '+6281200007024'), (25, '+6281200007024'),
             (26, '+6281200007026'), (27, '+6281200007026');
         INSERT OR IGNORE INTO channels (id, name, session_name) VALUES (7, 'g', 'g');
         UPDATE channels SET held_reason = 'libur'",
    );
    let id = world.message(r#"[21, 22, 23, "081200007028", "081200007028"]"#);
    world.message("[24, 25, 26, 27]");
    let on_seven = world.message("081200007031");
    world.execute(&format!("UPDATE auto_messages SET channel_id = 7 WHERE id = {on_seven}"));
    world.run();
    // Two exchange their numbers, two of those with one number go away, one goes, and the message is set back.
    world.execute(&format!(
        "UPDATE contacts SET phone_number = CASE id WHEN 21 THEN '+6281200007022' ELSE '+6281200007021' END
             WHERE id IN (21, 22);
         UPDATE contacts SET phone_number = '+6281200007029' WHERE id = 24;
         DELETE FROM contacts WHERE id IN (23, 26);
         UPDATE auto_messages SET status = 'scheduled' WHERE id = {id};
         UPDATE channels SET held_reason = NULL;
         DELETE FROM channels WHERE id = 7"
    ));
    let (now, bounds) = (world.clock.wall(), Bounds { messages: 100, recipients: 100 });
    forecast(&mut store(world), Scope::All, &world.config, bounds, now, &mut |_| {}).unwrap();
    world.run();
    assert_eq!(world.status(on_seven), "failed");
}

/// A time that somebody wrote beside a rule; the rule is taken away, and there is another one.
fn edit_rules(world: &World) {
    let (now, rule) = (world.clock.wall(), r#"{"time":"08:00","weekDays":[0,1,2,3,4,5,6]}"#);
    world.execute(&format!(
        "UPDATE contacts SET opted_out_at = NULL WHERE id < 3;
         INSERT INTO auto_messages (id, message, contact_ids, scheduled_at, interval_config)
         VALUES (900, 'Halo', '[1]', '{now}', '{rule}')"
    ));
    for change in [
        "interval_config = interval_config".to_owned(),
        "interval_config = NULL".to_owned(),
        format!("interval_config = '{rule}'"),
        "status = 'scheduled'".to_owned(),
        "status = 'cancelled'".to_owned(),
    ] {
        world.execute(&format!("UPDATE auto_messages SET {change} WHERE id = 900"));
        world.run();
    }
}

/// A message with several channels, beside one that waits.
fn share(world: &World) {
    let now = world.clock.wall();
    world.execute(&format!(
        "INSERT INTO auto_messages (message, contact_ids, channel_ids, scheduled_at)
         VALUES ('Halo', '081200007091, 081200007092', '[1,2]', '{now}'),
             ('Halo', '081200007093, 081200007094', '[2,1]', '{now}')"
    ));
    world.run();
    let id = world.message("081200007091, 081200007092");
    world.execute("UPDATE channels SET held_reason = 'by hand' WHERE id = 1");
    world.run();
    messages::move_to_channel(&mut store(world), id, ("1", "2"), now).unwrap();
    world.execute(&format!(
        "UPDATE channels SET held_reason = NULL WHERE id = 1;
         UPDATE auto_messages SET status = 'cancelled' WHERE id = {id}"
    ));
}

/// WAHA's events: the methods that the webhook calls.
fn hear(world: &World) {
    let now = world.clock.wall();
    let mut store = store(world);
    let id = MessageId { bare: "3EB0AA".into(), from_me: Some(true), chat_id: None };
    world.execute(
        "INSERT INTO deliveries (auto_message_id, due_at, channel_id, chat_id, status, attempts, text, waha_message_id,
             claimed_at, finished_at) VALUES
             (2, '2026-12-03T00:00:00Z', 1, 'x@c.us', 'sent', 1, 'Halo', '3EB0AA', '2026-12-03T00:00:00Z', '2026-12-03T00:00:00Z'),
             (2, '2026-12-03T00:00:00Z', 1, 'y@c.us', 'unknown', 1, 'Halo', NULL, '2026-12-03T00:00:00Z', '2026-12-03T00:00:00Z');",
    );
    let at = Timestamp::parse("2026-12-03T00:00:01Z").unwrap();
    let echo = Echo { session: "default", chat_id: "y@c.us", text: "Halo", at };
    let other = MessageId { bare: "3EB0BB".into(), from_me: Some(true), chat_id: None };
    store
        .write(|tx| {
            tx.may_be_ours(&id)?;
            for (event_id, message, ack, echo) in [
                ("1", &id, Ack::from_number(2), None),
                ("2", &other, None, Some(echo)),
                ("3", &id, Ack::from_number(-1), None),
            ] {
                tx.take_message_event(&MessageEvent { event_id, message, ack, echo }, now)?;
            }
            let event = SessionEvent {
                event_id: Some("4"),
                session: "default",
                is_working: true,
                at_millis: Some(1),
            };
            tx.take_session_event(&event, now)?;
            tx.is_session_of_ours("default")?;
            tx.note_event_taken(now)?;
            tx.note_events_refused(1, Unsigned::NoHmac, now)?;
            tx.events_heard(now)?;
            tx.wrote_lately("6281200007001@c.us", "default", now)?;
            let day = Day::parse("2026-12-01").unwrap();
            tx.note_inbound("6281200007001@c.us", "default", day, now)?;
            tx.has_written("6281200007001@c.us")?;
            let zone = Zone::parse("Asia/Jakarta").unwrap();
            tx.note_warning(&tx.channel(1)?.unwrap(), CapWarning::First, &zone, now)?;
            tx.note_incoming("5", now)
        })
        .unwrap();
    world.execute(
        "UPDATE channels SET phone_number = '+6281200000001', held_reason = NULL WHERE id = 2",
    );
    let logged_out = Hold::not_working("b", "SCAN_QR_CODE");
    store.write(|tx| tx.hold_channel(2, &logged_out, Some(at), now)).unwrap();
    world.execute("UPDATE channels SET phone_number = NULL, held_reason = NULL WHERE id = 2");
}

/// What a person does with messages.
fn compose(world: &World) {
    let (now, config) = (world.clock.wall(), config());
    let id = add(world, &draft("Halo {{name|Kak}}", &["1", "081200007009"], &["+1h"])).unwrap().id;
    let mut store = store(world);
    let weekly = WeeklyTiming {
        days: "daily".into(),
        times: vec!["08:00".into()],
        ..WeeklyTiming::default()
    };
    let timing = Some(Timing::Weekly(weekly));
    let edit = Edit { timing, also_today: true, ..Edit::default() };
    world.execute(&format!("UPDATE auto_messages SET taken_local = '{now}' WHERE id = {id}"));
    messages::edit(&mut store, id, &edit, &config, now).unwrap();
    messages::pause(&mut store, id, now).unwrap();
    messages::resume(&mut store, id, &config, now).unwrap();
    messages::cancel(&mut store, id, now).unwrap();
    messages::remove(&mut store, id, false).unwrap();
    world.execute("INSERT INTO contacts (id, phone_number) VALUES (28, '+6281200000400')");
    let corrected = world.message("[28]");
    let failed = world.message("081200000400");
    world.run();
    world.execute("UPDATE contacts SET phone_number = '+6281200007030' WHERE id = 28");
    messages::retry(&mut store, corrected, Retry::default(), None, &config, now).unwrap();
    messages::unknown_count(&mut store, failed).unwrap();
    messages::retry(&mut store, failed, Retry::default(), None, &config, now).unwrap();
    world.run();
    let filter = |status: Option<&str>, search: Option<&str>| MessageFilter {
        status: status.map(str::to_owned),
        search: search.map(str::to_owned),
        limit: Some(20),
    };
    store
        .write(|tx| {
            for (status, search) in
                [(None, None), (Some("sent"), None), (None, Some("x")), (Some("sent"), Some("x"))]
            {
                tx.messages(&filter(status, search))?;
            }
            let latest = tx.occurrences_of(failed)?[0].due_at;
            tx.first_deliveries(failed, latest, None)?;
            tx.correct_message(failed, latest, (Status::Unknown, Status::Failed), now)?;
            tx.count_before(1, now)
        })
        .unwrap();
}

/// Every page, the forecast, the figures.
fn look(world: &World) {
    let now = world.clock.wall();
    let panel = panel(world);
    let mut browser = Browser::logged_in(&panel);
    let more = [
        "/panel/messages?status=sent",
        "/panel/messages?older=5",
        "/panel/messages?status=sent&newer=2",
        "/panel/messages?q=Halo",
        "/panel/messages/2?show=failed",
        "/panel/contacts?older=3",
        "/panel/contacts?newer=1",
        "/panel/runs?older=2",
        "/panel/runs?newer=2",
    ];
    for page in PAGES.iter().chain(&more) {
        let status = browser.get(&panel, page).status;
        assert!(matches!(status, 200 | 303 | 409), "{page}: {status}");
    }
    let others: Vec<String> = (0..40).map(|at| format!("Orang;0812 0001 10{at:02}\n")).collect();
    let others = others.concat();
    let list = format!("nama;no hp\nAni;0812 0000 1001\n{others}");
    upload(&mut browser, &panel, list.as_bytes());
    browser.post(&panel, "/panel/contacts/import/confirm", &[]);
    browser.get(&panel, "/panel/messages/new");
    let halo = [("text", "Halo"), ("to", "081200001001"), ("when", "now")];
    browser.post(&panel, "/panel/messages/preview", &halo);
    browser.press(&panel, "/panel/messages/new", &halo);
    choose(world, &panel, &mut browser);
    world.clock.pass(Duration::from_mins(61));
    browser.get(&panel, "/panel");
    browser.post(&panel, "/panel/logout", &[]);
    let mut store = store(world);
    let bounds = Bounds { messages: 100, recipients: 100 };
    world.message("[1], 081200007031");
    world.trigger();
    world.step();
    world.message("[1]");
    for scope in [Scope::All, Scope::Message(2), Scope::Message(1)] {
        forecast(&mut store, scope, &world.config, bounds, now, &mut |_| {}).unwrap();
    }
    store
        .read(|tx| {
            tx.status_counts()?;
            tx.oldest_unplanned(now)?;
            tx.message_with_file("none")?;
            tx.files_of_messages()?;
            tx.waiting_media()?;
            tx.oldest_pending()?;
            tx.newest_trigger()?;
            tx.next_due()?;
            tx.count_messages(MessageStatus::Sending)?;
            tx.count_unknown()?;
            tx.channels_with_pending()?;
            tx.last_of_pending(1)?;
            tx.count_ended_since(now)?;
            tx.last_runs(3)?;
            tx.count_due(now)
        })
        .unwrap();
}

/// What is done with contacts that are ticked; a removal is undone, and another one is not.
fn choose(world: &World, panel: &Panel, browser: &mut Browser) {
    let ids: Vec<String> = world.rows("SELECT id FROM contacts WHERE name = 'Orang' LIMIT 2");
    let id = ids.first().map_or("1", String::as_str);
    for fields in [
        &[("do", "tag"), ("label", "pilihan"), ("id", id)][..],
        &[("do", "export"), ("id", id)],
        &[("do", "remove"), ("id", id)],
    ] {
        browser.get(panel, "/panel/contacts");
        let reply = browser.press(panel, "/panel/contacts/selected", fields);
        if let Some(there) = header(&reply, "Location") {
            browser.get(panel, there);
        }
    }
    let batch = world.ask("SELECT batch FROM panel_removed LIMIT 1");
    browser.post(panel, "/panel/contacts/undo", &[("batch", &batch)]);
    browser.get(panel, "/panel/contacts");
    browser.press(panel, "/panel/contacts/selected", &[("do", "remove"), ("id", id)]);
    world.clock.pass(Duration::from_mins(2));
    browser.get(panel, "/panel/contacts");
}

/// What other programs ask.
fn serve_programs(world: &World) {
    let now = world.clock.wall();
    let mut its = store(world);
    let key = keys::add(&mut its, "toko", Can::Both, None, now).unwrap();
    keys::add(&mut its, "lama", Can::Read, None, now).unwrap();
    keys::revoke(&mut its, "lama", now).unwrap();
    assert_eq!(keys::list(&mut its).unwrap().len(), 2);
    let secret = Secret::new("a-secret-for-tests-0123456789");
    let clock: Arc<dyn Clock> = world.clock.clone();
    let config =
        Arc::new(Config { database_path: world.path.clone(), ..Config::clone(&world.config) });
    let v1 = V1::new(config, Arc::clone(&clock), Arc::clone(&world.triggers));
    let triggers = Arc::clone(&world.triggers);
    let api = Api::new(its, triggers, clock, secret.into(), Duration::ZERO, None).with_v1(v1, &[]);
    let ask = |method: &str, path: &str, body: &str| {
        let mut request = Request::new(method, &format!("/api/v1{path}"))
            .with("Authorization", &format!("Bearer {key}"))
            .with("Idempotency-Key", &format!("{path} {}", body.len()))
            .with("If-Match", "*");
        request.body = body.as_bytes().to_vec();
        let answer = api.answer(&mut request, true);
        let body = String::from_utf8_lossy(&answer.body);
        assert!(matches!(answer.status, 200..=204), "{method} {path} {body}");
    };
    ask("POST", "/messages", r#"{"text":"Halo {{name|Kak}}","to":"all","at":"+2h"}"#);
    // Without any gap the next one goes on where the forecast of the one before ended.
    world.execute(
        "UPDATE channels SET recipient_gap_hours = NULL; UPDATE auto_messages SET recipient_gap_hours = NULL;",
    );
    ask("POST", "/messages", r#"{"text":"Selamat malam","to":"all","at":"+2h"}"#);
    ask("POST", "/messages", r#"{"text":"Selamat pagi","to":"all","at":"+2h"}"#);
    for path in ["", "?status=sent", "?search=halo&channel=1&metadata.a=1", "/1", "/1/deliveries"] {
        ask("GET", &format!("/messages{path}"), "");
    }
    for path in ["/deliveries/1", "/contacts", "/contacts/1", "/channels", "/status"] {
        ask("GET", path, "");
    }
    world.execute(
        "UPDATE deliveries SET status = 'expired' WHERE id = 1;
         UPDATE auto_messages SET failed_count = 1 WHERE id = 1;",
    );
    ask("GET", "/messages/1", "");
    let mut stranger = Request::new("GET", "/api/v1/messages");
    assert_eq!(api.answer(&mut stranger, true).status, 401);
}

/// What a person does with contacts.
fn keep_contacts(world: &World) {
    let (now, config) = (world.clock.wall(), config());
    let country = config.country.clone();
    let mut store = store(world);
    let changes = Changes { number: Some("081200007077".into()), ..Changes::default() };
    let id = contacts::add(&mut store, &changes, None, &country, now).unwrap();
    contacts::find(&mut store, id, &country).unwrap();
    contacts::edit(&mut store, id, &changes, &config, now).unwrap();
    world.message("081200007077, 081200007078");
    world.trigger();
    world.step();
    let who = parse_contact_ids(Some("081200007077")).unwrap().remove(0);
    opt_out::opt_out(&mut store, &who, &config, now).unwrap();
    opt_out::opt_in(&mut store, &who, &country, now).unwrap();
    world.waha.set_lid("998855500077@lid", "6281200007077");
    let who = parse_contact_ids(Some("998855500077@lid")).unwrap().remove(0);
    opt_out::opt_out(&mut store, &who, &config, now).unwrap();
    let unknown = parse_contact_ids(Some("998855500078@lid")).unwrap().remove(0);
    opt_out::opt_out(&mut store, &unknown, &config, now).unwrap();
    world.run();
    opt_out::opt_in(&mut store, &who, &country, now).unwrap();
    opt_out::opt_in(&mut store, &unknown, &country, now).unwrap();
    store.read(|tx| tx.unresolved_hidden(now)).unwrap();
    contacts::remove(&mut store, &[id], true, &config, now).unwrap();
    contacts::each(&mut store, &Filter::default(), &country, |_| {}).unwrap();
    export(Format::Plain, &mut store, &Filter::default(), &country, &mut Cursor::new(Vec::new()))
        .unwrap();
    store.write(|tx| tx.add_contact("demo", "081200007079")).unwrap();
}

/// What a person does with channels in the panel.
fn connect(world: &World) {
    let panel = crate::panel::connect::panel(world);
    let mut browser = Browser::logged_in(&panel);
    for page in ["/panel/channels?check=1", "/panel/channels/1"] {
        assert_eq!(browser.get(&panel, page).status, 200);
    }
    for button in ["pause-all", "resume-all"] {
        browser.post(&panel, &format!("/panel/channels/{button}"), &[]);
    }
}

/// What a person does with channels.
fn keep_channels(world: &World) {
    let now = world.clock.wall();
    let mut store = store(world);
    channels::add(&mut store, "Melati", "melati", &channels::Edit::default(), now).unwrap();
    let edit = channels::Edit { name: Some("Mawar".into()), ..channels::Edit::default() };
    channels::edit(&mut store, "melati", &edit, now).unwrap();
    channels::pause(&mut store, "mawar", Some("libur"), now).unwrap();
    channels::resume(&mut store, "mawar", now).unwrap();
    store.write(|tx| tx.note_other_number(1, "+6281200007078")).unwrap();
    channels::confirm(&mut store, "1", now).unwrap();
    channels::remove(&mut store, "mawar").unwrap();
    connect(world);
    let held = store.read(|tx| Ok(tx.holds()?.len())).unwrap();
    store.write(|tx| tx.note_hold_told(1, now)).unwrap();
    store.write(|tx| tx.note_hanging_told(&held.to_string())).unwrap();
    store.read(|tx| Ok(tx.last_recorded()?.is_some())).unwrap();
    instance::check(&mut store, now).unwrap();
    instance::confirm(&mut store, now).unwrap();
    let copied = "INSERT OR REPLACE INTO meta (key, value) VALUES ('place', 'elsewhere')";
    world.execute(copied);
    instance::check(&mut store, now).unwrap();
    instance::confirm(&mut store, now).unwrap();
    store.write(|tx| tx.set_backup_made_at(now)).unwrap();
}

/// A receiver that refuses one callback, takes the next, and what a person asks for.
fn callbacks(world: &World) {
    let receiver = Receiver::new(Mood::Answers(500));
    let values = [
        ("CALLBACK_URL", receiver.url("/")),
        ("CALLBACK_SECRET", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".to_owned()),
        ("CALLBACK_EVENTS", "all".to_owned()),
    ];
    let values = values.map(|(key, value)| (key.to_owned(), value));
    let target = Config::from_values(values.into()).unwrap().callback.unwrap();
    store(world).write(|tx| tx.want_callbacks(&target.events)).unwrap();
    for hold in ["'x'", "NULL", "'x'", "NULL"] {
        world.execute(&format!("UPDATE channels SET held_reason = {hold}"));
    }
    let client = HttpClient::new(Duration::from_secs(1)).brief(Duration::from_secs(1));
    let mut callbacks = Callbacks::new(store(world), target, client).with_waiting_max(3);
    callbacks.step(world.clock.now());
    receiver.set_mood(Mood::Answers(200));
    world.clock.pass(Duration::from_mins(1));
    callbacks.step(world.clock.now());
    world.execute("DELETE FROM callback_wants");
    store(world)
        .write(|tx| {
            assert!(tx.are_callbacks_wanted(&[])?);
            tx.retry_callbacks()?;
            tx.retry_callback(3)?;
            for status in [None, CallbackStatus::from_word("waiting")] {
                assert!(!tx.callbacks(status, 20)?.is_empty());
            }
            Ok(())
        })
        .unwrap();
}

/// What is told, and that it was or was not.
fn alarm(world: &World) {
    let now = world.clock.wall();
    callbacks(world);
    world.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1001)
         INSERT INTO alerts (event) SELECT 'no_trigger' FROM n",
    );
    store(world)
        .write(|tx| {
            tx.begin_stale(now, now)?;
            tx.end_stale()?;
            let waiting = tx.waiting_alerts(200)?;
            assert!(!waiting.is_empty());
            tx.note_told(&waiting[0].event, waiting[0].id, waiting[0].id)?;
            tx.note_not_told(3)?;
            tx.set_alerts_on(false)
        })
        .unwrap();
}
