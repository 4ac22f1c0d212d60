//! What changes in a project under a link, and around it: PostgreSQL that dies, takes statements back or
//! learns of tables late, channels and rows that the website moves, and a clock that is wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::project::{Project, link_on};
use crate::site::{Server, Site, stderr};

/// See `crash::every_fail_point_of_the_source_is_tried`.
pub const PLACES: [&str; 1] = ["link_handed_over"];
const MIGRATION: &str = include_str!("../../dist/supabase/migration.sql");

/// PostgREST connects to its database anew after up to half a minute.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(90), "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn said(site: &Site, arguments: &[&str]) -> String {
    let output = site.run(arguments);
    format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output))
}

/// Commands ask with the time limit that people have.
fn patiently(project: &Project, site: &Site, arguments: &[&str]) -> String {
    site.write_settings(&format!(
        "{}SUPABASE_TIMEOUT_SECONDS=12\n",
        project.settings_at(&project.url)
    ));
    said(site, arguments)
}

#[test]
fn while_postgresql_is_dead_what_is_planned_goes_out_and_is_written_afterwards() {
    let project = Project::shared();
    let channel = project.channel("Toko", "default");
    let site = project.site();
    let settings = project.settings_at(&project.url);
    site.write_settings(&format!("{settings}SEND_DELAY_SECONDS=1\nSUPABASE_TIMEOUT_SECONDS=0.6\n"));
    let _server = site.serve();
    let id = project.message(&channel, "now()", &["6281200007001", "6281200007002"]);
    until("the first is sent", || !site.waha.received().is_empty());
    project.verb("crash-pg");
    until("all are sent", || site.waha.received().len() == 2);
    until("it is told", || {
        said(&site, &["link", "status", "--json"]).contains("\"trouble\": \"503")
    });
    project.verb("start-pg");
    until("the row is sent", || project.status(&id) == "sent");
    let results = "select count(*) from auto_message_deliveries where status = 'sent'";
    until("the results are written", || project.sql(results) == "2");
    let next = project.message(&channel, "now()", &["6281200007003"]);
    until("it goes on", || project.status(&next) == "sent");
    assert_eq!(site.waha.received().len(), 3);
}

/// A serialization failure, as of a database whose transactions are serializable.
#[test]
fn a_statement_that_the_database_takes_back_because_of_another_is_asked_again() {
    let project = Project::shared();
    let channel = project.channel("Toko", "default");
    let site = project.site();
    let writes = [
        ("auto_message_claims", "insert"),
        ("auto_message_deliveries", "insert"),
        ("auto_messages", "update"),
        ("auto_message_claims", "update"),
    ];
    for (number, (table, verb)) in writes.iter().enumerate() {
        project.sql(&format!(
            "create sequence tries{number};
             create function fail{number}() returns trigger language plpgsql as $$ begin
                 if nextval('tries{number}') = 1 then
                     raise exception 'could not serialize access' using errcode = '40001';
                 end if;
                 return new;
             end $$;
             create trigger fail{number} before {verb} on {table} for each row execute function fail{number}()"
        ));
    }
    let _server = site.serve();
    send_one_through(&project, &site, &channel, writes.len());
}

/// Sends a message in spite of what each of the writes meets the first time, which `tries…` count.
fn send_one_through(project: &Project, site: &Site, channel: &str, writes: usize) {
    let id = project.message(channel, "now()", &["6281200007001"]);
    until("the row is sent", || project.status(&id) == "sent");
    let claim = "select status, sent_count, settled_at is not null from auto_message_claims";
    until("the claim is settled", || project.sql(claim) == "sent|1|t");
    let results = "select string_agg(status, ',') from auto_message_deliveries";
    assert_eq!(project.sql(results), "sent");
    for number in 0..writes {
        let met = format!("select last_value > 1 from tries{number}");
        assert_eq!(project.sql(&met), "t", "write {number} was not asked again");
    }
    assert_eq!(site.waha.received().len(), 1);
}

/// Each write waits for a lock that somebody else has, who then waits for what the write has: PostgreSQL ends the write.
#[test]
fn a_write_that_the_database_ends_because_of_a_deadlock_is_asked_again() {
    let project = Project::shared();
    let channel = project.channel("Toko", "default");
    let site = project.site();
    site.write_settings(&format!(
        "{}SUPABASE_TIMEOUT_SECONDS=2\n",
        project.settings_at(&project.url)
    ));
    let writes = ["auto_message_claims", "auto_message_deliveries"];
    for (number, table) in writes.iter().enumerate() {
        project.sql(&format!(
            "create sequence tries{number};
             create function block{number}() returns trigger language plpgsql as $$ begin
                 if nextval('tries{number}') = 1 then
                     perform pg_advisory_xact_lock({number}, 1);
                     perform pg_advisory_xact_lock({number}, 2);
                 end if;
                 return new;
             end $$;
             create trigger block{number} before insert on {table} for each row execute function block{number}()"
        ));
    }
    std::thread::scope(|scope| {
        for number in 0..writes.len() {
            let project = &project;
            // Its own time limit is long, so that it is always the write that is ended.
            scope.spawn(move || {
                project.sql(&format!(
                    "set deadlock_timeout = '60s';
                     do $$ begin
                         perform pg_advisory_xact_lock({number}, 2);
                         for time in 1..3000 loop
                             exit when exists (select from pg_locks
                                               where locktype = 'advisory' and classid = {number} and not granted);
                             perform pg_sleep(0.02);
                         end loop;
                         perform pg_advisory_xact_lock({number}, 1);
                     end $$"
                ))
            });
        }
        let held = "select count(*) from pg_locks where locktype = 'advisory' and granted";
        until("all hold their locks", || project.sql(held) == "2");
        let _server = site.serve();
        send_one_through(&project, &site, &channel, writes.len());
    });
}

/// The claim waits behind a lock longer than the appliance does; in the meantime the website edits the row.
/// (An appliance that is alone claims nothing before it sends.)
#[test]
fn what_is_edited_before_a_late_claim_applies_counts() {
    let project = Project::shared();
    let channel = project.channel("Toko", "default");
    let site = project.site();
    let server = site.serve();
    let edited = |edit: &str, phone: &str| {
        // It sees the row when somebody has it already.
        server.signal("STOP");
        let id = project.message(&channel, "now()", &[phone]);
        // Then the claim waits for this transaction, and nobody waits for the claim any more when it goes on.
        let edit = format!(
            "do $$ begin
                 perform from auto_messages where id = '{id}' for update;
                 perform pg_advisory_xact_lock(1);
                 for time in 1..3000 loop
                     exit when exists (select from pg_locks where not granted);
                     perform pg_sleep(0.02);
                 end loop;
                 assert exists (select from pg_locks where not granted), 'no claim waits';
                 perform pg_sleep(1);
                 update auto_messages set {edit} where id = '{id}';
             end $$"
        );
        std::thread::scope(|scope| {
            scope.spawn(|| project.sql(&edit));
            let held = "select count(*) from pg_locks where locktype = 'advisory' and granted";
            until("somebody has the row", || project.sql(held) == "1");
            server.signal("CONT");
        });
        id
    };
    let id = edited("message = 'Sesudah'", "6281200007001");
    until("the row is sent", || project.status(&id) == "sent");
    assert_eq!(site.waha.received()[0].text, "Sesudah");

    let later = edited("scheduled_at = now() + interval '1 hour'", "6281200007002");
    let next = project.message(&channel, "now()", &["6281200007003"]);
    until("the next is sent", || project.status(&next) == "sent");
    until("the moved one waits", || project.status(&later) == "scheduled");
    assert_eq!(site.waha.received().len(), 2, "what was moved is not sent");
    project.sql(&format!("update auto_messages set scheduled_at = now() where id = '{later}'"));
    until("it is sent at its new time", || project.status(&later) == "sent");

    let cancelled = edited("status = 'cancelled'", "6281200007004");
    let next = project.message(&channel, "now()", &["6281200007005"]);
    until("the next is sent", || project.status(&next) == "sent");
    assert_eq!(project.status(&cancelled), "cancelled");
    assert_eq!(site.waha.received().len(), 4, "each once, and not what was cancelled");
}

#[test]
fn tables_that_come_later_change_or_are_gone_for_a_while_lose_nothing() {
    let project = Project::alone();
    let channel = project.channel("Toko", "default");
    let site = project.site();
    let _server = site.serve();
    let first = project.message(&channel, "now()", &["6281200007001"]);
    until("the first is sent", || project.status(&first) == "sent");
    // From here on PostgREST hears of changes only when it is told.
    project.sql("drop event trigger pgrst_ddl_watch");
    project.sql("drop event trigger pgrst_drop_watch");
    for _ in 0..2 {
        let output = project.psql(MIGRATION);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    until("the mode is shared", || {
        patiently(&project, &site, &["link", "on", "--yes"]).contains("shared")
    });
    let second = project.message(&channel, "now()", &["6281200007002"]);
    until("the second is sent", || project.status(&second) == "sent");
    let result = "select count(*) from auto_message_deliveries where status = 'sent'";
    until("its result is there", || project.sql(result) == "1");

    project.sql("alter table auto_messages drop column sent_at");
    let third = project.message(&channel, "now()", &["6281200007003"]);
    let trouble = |words: &str| said(&site, &["link", "status"]).contains(words);
    until("PostgREST does not know yet", || trouble("42703"));
    project.sql("notify pgrst, 'reload schema'");
    until("the third is sent", || project.status(&third) == "sent");

    project.sql("drop table auto_message_claims; notify pgrst, 'reload schema'");
    let fourth = project.message(&channel, "now()", &["6281200007004"]);
    until("it is told", || trouble("the tables of the migration are gone"));
    assert!(project.psql(MIGRATION).status.success());
    until("the fourth is sent", || project.status(&fourth) == "sent");
    assert_eq!(site.waha.received().len(), 4);
}

#[test]
fn an_appliance_that_was_alone_sends_nothing_twice_beside_one_that_is_linked_after_the_migration() {
    let project = Project::alone();
    let (shop, store) = (project.channel("Toko", "default"), project.channel("Gudang", "default"));
    let (first, second) = (project.site(), Site::new());
    second.write_settings(&project.settings_at(&project.url));
    assert!(said(&first, &["link", "status"]).contains("alone"));
    migrate(&project, "");
    // The second one takes a channel, before a person runs `link on` on the first one again.
    let on = patiently(&project, &second, &["link", "on", "--yes", "--channels", "Toko"]);
    assert!(on.contains("shared"), "{on}");
    let (_first, _second) = (first.serve(), second.serve());
    let ids = [
        project.message(&shop, "now()", &["6281200007001", "6281200007002"]),
        project.message(&store, "now()", &["6281200007003"]),
    ];
    until("both are sent", || ids.iter().all(|id| project.status(id) == "sent"));
    let received = |site: &Site| {
        let mut all: Vec<String> =
            site.waha.received().into_iter().map(|one| one.chat_id).collect();
        all.sort();
        all
    };
    assert_eq!(received(&second), ["6281200007001@c.us", "6281200007002@c.us"]);
    assert_eq!(received(&first), ["6281200007003@c.us"]);
    assert!(said(&first, &["link", "status"]).contains("shared"));
}

/// What an appliance has that was alone: what is under way, and what came due while it was away.
#[test]
fn a_second_appliance_that_takes_a_channel_leaves_what_was_due_before_to_the_one_that_was_alone() {
    let project = Project::alone();
    let shop = project.channel("Toko", "default");
    let (first, second) = (project.site(), Site::new());
    // The second one was linked before, alone: it knows an earlier instant than that of the first one.
    second.write_settings(&project.settings_at(&project.url));
    assert!(patiently(&project, &second, &["link", "on", "--yes"]).contains("alone"));
    assert!(second.run(&["link", "off"]).status.success());
    let settings = project.settings_at(&project.url);
    first.write_settings(&format!("{settings}SEND_DELAY_SECONDS=3\n"));
    let mut serving = first.serve();
    let begun =
        project.message(&shop, "now()", &["6281200007001", "6281200007002", "6281200007003"]);
    let sent = "SELECT count(*) FROM deliveries WHERE status = 'sent'";
    until("it is begun", || first.sqlite3(sent).trim() == "1");
    serving.kill();
    let due = project.message(&shop, "now()", &["6281200007004"]);
    joins(&project, &second);
    let mut serving = second.serve();
    let later = project.message(&shop, "now()", &["6281200007005"]);
    until("the later one is sent", || project.status(&later) == "sent");
    let _first = first.serve();
    until("the first one goes on", || first.waha.received().len() >= 2);
    serving.kill();
    let _second = second.serve(); // It looks at everything anew.
    until("both are sent", || [&begun, &due].iter().all(|id| project.status(id) == "sent"));
    let received = |site: &Site| {
        let mut all: Vec<String> =
            site.waha.received().into_iter().map(|one| one.chat_id).collect();
        all.sort();
        all
    };
    let number = |last: u8| format!("628120000700{last}@c.us");
    assert_eq!(received(&first), [1, 2, 3, 4].map(number));
    assert_eq!(received(&second), [number(5)]);
    let unknown = "select count(*) from auto_message_claims where unknown_count > 0";
    assert_eq!(project.sql(unknown), "0");
}

/// The tables come with which appliances share a project, and `more`; PostgREST knows them.
fn migrate(project: &Project, more: &str) {
    assert!(project.psql(&format!("{MIGRATION}\n{more}")).status.success());
    let anybody = Site::new();
    until("the mode is shared", || {
        patiently(project, &anybody, &["link", "check", "--json"]).contains("\"mode\": \"shared\"")
    });
}

/// A second appliance that takes all channels as soon as it can.
fn joins(project: &Project, second: &Site) {
    migrate(project, "");
    assert!(patiently(project, second, &["link", "on", "--yes"]).contains("shared"));
}

fn is_handed(site: &Site) -> bool {
    site.sqlite3("SELECT count(*) FROM link_channels WHERE handed_to IS NULL").trim() == "0"
}

#[test]
fn what_an_appliance_finishes_on_a_channel_that_another_took_the_website_may_edit() {
    let project = Project::alone();
    let shop = project.channel("Toko", "default");
    let (first, second) = (project.site(), Site::new());
    let settings = project.settings_at(&project.url);
    first.write_settings(&format!("{settings}SEND_DELAY_SECONDS=4\n"));
    let mut serving = first.serve();
    // A series: the second one must not move it on, either, because somebody edits it.
    let contacts =
        r#"[{"phone":"6281200007001"},{"phone":"6281200007002"},{"phone":"6281200007003"}]"#;
    let list = r#"[{"date":"2026-01-01","time":"09:00"},{"date":"2099-01-01","time":"09:00"}]"#;
    let id = project.row(&shop, "now()", contacts, list);
    let sent = "SELECT count(*) FROM deliveries WHERE status = 'sent'";
    until("it is begun", || first.sqlite3(sent).trim() == "1");
    serving.kill();
    joins(&project, &second);
    let _first = first.serve();
    until("it is handed over", || is_handed(&first));
    project.sql(&format!("update auto_messages set message = 'Baru' where id = '{id}'"));
    let _second = second.serve();
    until("the next time is written", || {
        project.sql("select extract(year from scheduled_at) from auto_messages") == "2099"
    });
    let is_settled = "select settled_at is not null from auto_message_claims";
    until("the claim is settled", || project.sql(is_settled) == "t");
    let claim = "select status, sent_count, unknown_count from auto_message_claims";
    assert_eq!(project.sql(claim), "sent|3|0");
    assert_eq!(first.waha.received().len(), 3);
    assert_eq!(first.waha.received()[2].text, "Baru");
    assert_eq!(second.waha.received().len(), 0);
}

#[test]
fn what_was_due_before_another_took_the_channel_is_sent_wherever_the_first_is_killed() {
    for place in ["link_intended", "link_claim_sent", "link_claimed"] {
        let project = Project::alone();
        let shop = project.channel("Toko", "default");
        let (first, second) = (project.site(), Site::new());
        let id = project.message(&shop, "now()", &["6281200007001"]);
        joins(&project, &second);
        let mut serving = first.start("serve", "killed.log", Some(place));
        serving.wait_for_log(place);
        serving.kill();
        let _second = second.serve();
        let _first = first.serve();
        until("it is sent", || project.status(&id) == "sent");
        assert_eq!((first.waha.received().len(), second.waha.received().len()), (1, 0), "{place}");
    }
}

#[test]
fn what_was_due_before_another_took_the_channel_is_sent_when_the_channel_is_on_again() {
    let project = Project::alone();
    let shop = project.channel("Toko", "default");
    let (first, second) = (project.site(), Site::new());
    let id = project.message(&shop, "now()", &["6281200007001"]);
    joins(&project, &second);
    project.sql("update chanels set is_active = false");
    let mut serving = first.serve();
    until("it is handed over", || is_handed(&first));
    serving.kill();
    project.sql("update chanels set is_active = true");
    let _first = first.serve();
    until("it is sent", || project.status(&id) == "sent");
    assert_eq!((first.waha.received().len(), second.waha.received().len()), (1, 0));
}

#[test]
fn an_appliance_that_is_off_takes_no_channel_while_it_ends_what_it_had() {
    let project = Project::alone();
    let shop = project.channel("Toko", "default");
    let (off, first) = (project.site(), Site::new());
    let settings = project.settings_at(&project.url);
    off.write_settings(&format!("{settings}SEND_DELAY_SECONDS=4\n"));
    let mut serving = off.serve();
    let begun = project.message(&shop, "now()", &["6281200007001", "6281200007002"]);
    until("it is begun", || off.waha.received().len() == 1);
    assert!(off.run(&["link", "off"]).status.success());
    serving.kill();
    migrate(&project, "");
    let _off = off.serve();
    until("what it had is sent", || project.status(&begun) == "sent");
    assert_eq!(project.sql("select count(*) from auto_message_channel_owners"), "0");
    assert!(patiently(&project, &first, &["link", "on", "--yes"]).contains("shared"));
}

#[test]
fn an_appliance_that_was_alone_and_off_sends_what_is_due_since_a_channel_is_its_own() {
    let project = Project::alone();
    let shop = project.channel("Toko", "default");
    let second = project.site();
    assert!(second.run(&["link", "off"]).status.success());
    migrate(&project, "");
    // Its `link on` was killed when it had the channel.
    let name = second.sqlite3("SELECT value FROM meta WHERE key = 'link_appliance'");
    project.sql(&format!(
        "insert into auto_message_channel_owners (channel_id, appliance_id, taken_at)
         values ('{shop}', '{}', now() - interval '1 minute')",
        name.trim()
    ));
    let old = project.message(&shop, "now() - interval '2 minutes'", &["6281200007001"]);
    let id = project.message(&shop, "now() - interval '10 seconds'", &["6281200007002"]);
    second.sqlite3("UPDATE link_channels SET since = '2026-01-01T00:00:00Z'");
    assert!(patiently(&project, &second, &["link", "on", "--yes"]).contains("shared"));
    let _second = second.serve();
    until("it is sent", || project.status(&id) == "sent");
    assert_eq!(project.status(&old), "scheduled");
    assert_eq!(second.waha.received().len(), 1);
}

#[test]
fn an_appliance_that_was_alone_and_off_leaves_old_rows_alone_of_a_channel_that_it_takes_over() {
    let project = Project::alone();
    let shop = project.channel("Toko", "default");
    let (second, first) = (project.site(), Site::new());
    assert!(second.run(&["link", "off"]).status.success());
    second.sqlite3("UPDATE link_channels SET since = '2026-01-01T00:00:00Z'");
    let old = project.message(&shop, "now()", &["6281200007001"]);
    joins(&project, &first);
    let id = project.message(&shop, "now()", &["6281200007002"]);
    let said = patiently(&project, &second, &["link", "take-over", "Toko", "--yes"]);
    assert!(said.contains("Toko"), "{said}");
    let _second = second.serve();
    until("it is sent", || project.status(&id) == "sent");
    assert_eq!(project.status(&old), "scheduled");
    assert_eq!(second.waha.received().len(), 1);
}

#[test]
fn a_restored_backup_of_one_that_was_alone_sends_nothing_again_when_it_becomes_shared() {
    let project = Project::alone();
    let shop = project.channel("Toko", "default");
    let site = project.site();
    let settings = project.settings_at(&project.url);
    site.write_settings(&format!("{settings}SEND_DELAY_SECONDS=600\n"));
    assert!(site.run(&["backup", "salinan.db"]).status.success());
    let mut serving = site.serve();
    let begun = project.message(&shop, "now()", &["6281200007001", "6281200007002"]);
    until("it is begun", || site.waha.received().len() == 1);
    serving.kill();
    for side in ["", "-wal", "-shm"] {
        drop(fs::remove_file(site.path(&format!("shop.db{side}"))));
    }
    let restored = site.run(&["restore", "salinan.db"]);
    assert!(restored.status.success(), "{}", stderr(&restored));
    joins(&project, &site);
    let _server = site.serve();
    // What is due until two seconds after it is left alone.
    let later = project.message(&shop, "now() + interval '3 seconds'", &["6281200007003"]);
    until("the later one is sent", || project.status(&later) == "sent");
    assert_eq!(project.status(&begun), "scheduled");
    assert_eq!(site.waha.received().len(), 2, "{:?}", site.waha.received());
}

/// The other one had the channel before, and looks at rows from before the first one had it.
#[test]
fn what_an_appliance_had_taken_when_it_was_turned_off_goes_out_beside_the_next_one() {
    let project = Project::shared();
    let shop = project.channel("Toko", "default");
    let (second, first) = (project.site(), Site::new());
    assert!(second.run(&["link", "off"]).status.success());
    assert!(patiently(&project, &first, &["link", "on", "--yes"]).contains("Toko"));
    let settings = project.settings_at(&project.url);
    first.write_settings(&format!("{settings}SEND_DELAY_SECONDS=3\n"));
    let _first = first.serve();
    let id = project.message(&shop, "now()", &["6281200007001", "6281200007002", "6281200007003"]);
    until("it is begun", || first.waha.received().len() == 1);
    assert!(first.run(&["link", "off"]).status.success());
    assert!(patiently(&project, &second, &["link", "on", "--yes"]).contains("Toko"));
    let _second = second.serve();
    until("its claim is settled", || {
        project.sql("select settled_at is not null from auto_message_claims") == "t"
    });
    let claim = "select status, sent_count, unknown_count from auto_message_claims";
    assert_eq!(project.sql(claim), "sent|3|0");
    assert_eq!(project.status(&id), "sent");
    assert_eq!((first.waha.received().len(), second.waha.received().len()), (3, 0));
}

#[test]
fn a_link_that_was_off_takes_only_the_channels_that_are_named_then() {
    let project = Project::shared();
    let shop = project.channel("Toko", "default");
    project.channel("Gudang", "dua");
    let site = project.site();
    let owners = || project.sql("select count(*) from auto_message_channel_owners");
    assert_eq!(owners(), "2");
    assert!(site.run(&["link", "off"]).status.success());
    let on = patiently(&project, &site, &["link", "on", "--yes", "--channels", "Toko"]);
    assert!(on.contains("Toko"), "{on}");
    {
        let _server = site.serve();
        let id = project.message(&shop, "now()", &["6281200007001"]);
        until("it is sent", || project.status(&id) == "sent");
    }
    assert_eq!(owners(), "1");
    // One that is named and cannot be had just then is not forgotten: it goes on from where it was.
    site.sqlite3("UPDATE link_channels SET since = '2026-01-01T00:00:00Z'");
    project.sql("update chanels set session_name = null where name = 'Toko'");
    assert!(site.run(&["link", "off"]).status.success());
    let on = patiently(&project, &site, &["link", "on", "--yes", "--channels", "Toko,Gudang"]);
    assert!(on.contains("no session_name"), "{on}");
    let since = "SELECT since FROM link_channels WHERE name = 'Toko'";
    assert_eq!(site.sqlite3(since).trim(), "2026-01-01T00:00:00Z");
}

/// Supabase did not hear of `link off`, so that the project has a channel as this one's for long.
#[test]
fn a_new_channel_is_not_sent_for_since_another_one_was_taken() {
    let project = Project::shared();
    let (shop, store) = (project.channel("Toko", "default"), project.channel("Gudang", "default"));
    let site = project.site();
    project.sql(&format!(
        "update auto_message_channel_owners set taken_at = now() - interval '1 hour';
         delete from auto_message_channel_owners where channel_id = '{store}'"
    ));
    site.sqlite3("DELETE FROM link_channels");
    let old = project.message(&store, "now() - interval '1 minute'", &["6281200007001"]);
    assert!(patiently(&project, &site, &["link", "on", "--yes"]).contains("Gudang"));
    let _server = site.serve();
    let ids = [&shop, &store].map(|id| project.message(id, "now()", &["6281200007002"]));
    until("the new ones are sent", || ids.iter().all(|id| project.status(id) == "sent"));
    assert_eq!(project.status(&old), "scheduled");
}

/// The other one has the channel, and the first does not know: what nobody took before that is the first one's.
#[test]
fn what_was_due_before_another_took_the_channel_is_sent_although_taking_it_back_failed() {
    let project = Project::alone();
    let shop = project.channel("Toko", "default");
    let (first, second) = (project.site(), Site::new());
    let id = project.message(&shop, "now()", &["6281200007001"]);
    joins(&project, &second);
    project.sql(
        "create function fail() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
         create trigger fail before update on auto_message_channel_owners for each row execute function fail()",
    );
    let words = patiently(&project, &first, &["link", "take-over", "Toko", "--yes"]);
    assert!(words.contains("P0001"), "{words}");
    project.sql("drop trigger fail on auto_message_channel_owners");
    let _first = first.serve();
    until("it is sent", || project.status(&id) == "sent");
    assert_eq!((first.waha.received().len(), second.waha.received().len()), (1, 0));
}

#[test]
fn an_appliance_that_is_killed_when_its_channel_is_taken_over_sends_nothing_more_of_it() {
    let project = Project::shared();
    let shop = project.channel("Toko", "default");
    let site = project.site();
    let settings = project.settings_at(&project.url);
    site.write_settings(&format!("{settings}SEND_DELAY_SECONDS=600\n"));
    let mut server = site.start("serve", "killed.log", Some(PLACES[0]));
    project.message(&shop, "now()", &["6281200007001", "6281200007002"]);
    until("it is begun", || site.waha.received().len() == 1);
    project.sql("update auto_message_channel_owners set appliance_id = 'another'");
    server.wait_for_log(PLACES[0]);
    server.kill();
    let _server = site.serve();
    let is_over = "SELECT count(*) FROM deliveries WHERE status = 'cancelled'";
    until("the rest is cancelled", || site.sqlite3(is_over).trim() == "1");
    assert_eq!(site.waha.received().len(), 1);
}

#[test]
fn a_channel_that_is_given_up_while_the_program_looks_whose_it_is_stays_given_up() {
    let project = Project::shared();
    let _shop = project.channel("Toko", "default");
    let _store = project.channel("Gudang", "default");
    let site = project.site();
    site.write_settings(&format!(
        "{}SUPABASE_TIMEOUT_SECONDS=12\n",
        project.settings_at(&project.url)
    ));
    let _server = site.serve();
    // While there is a row in `slow`, a statement waits before it begins.
    project.sql(
        "create table slow as select 1; grant all on slow to public;
         create function wait() returns trigger language plpgsql as $$ begin
             while exists (select from slow) loop perform pg_sleep(0.1); end loop;
             return null;
         end $$;
         create trigger wait before update on auto_message_channel_owners for each statement execute function wait()",
    );
    let waiting = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'";
    let owned = || {
        let names = "select string_agg(name, ',') from auto_message_channel_owners
             join chanels on chanels.id::text = channel_id";
        project.sql(names)
    };
    for (again, left) in [(true, "Toko"), (false, "")] {
        until("it waits", || project.sql(waiting) == "1");
        assert!(said(&site, &["link", "off"]).contains("is off"));
        if again {
            said(&site, &["link", "on", "--yes", "--channels", "Toko"]);
            assert_eq!(owned(), "Toko");
        }
        project.sql("delete from slow");
        std::thread::sleep(Duration::from_secs(3)); // The pass goes on.
        assert_eq!(owned(), left);
        project.sql("insert into slow values (1)");
    }
}

#[test]
fn what_was_taken_on_a_channel_that_is_not_named_any_more_goes_out_also_when_it_is_edited() {
    let project = Project::shared();
    let shop = project.channel("Toko", "default");
    project.channel("Gudang", "dua");
    let site = project.site();
    let settings = project.settings_at(&project.url);
    site.write_settings(&format!("{settings}SEND_DELAY_SECONDS=600\n"));
    let mut serving = site.serve();
    let id = project.message(&shop, "now()", &["6281200007001", "6281200007002"]);
    until("it is begun", || site.waha.received().len() == 1);
    serving.kill();
    assert!(patiently(&project, &site, &["link", "off"]).contains("is off"));
    let on = patiently(&project, &site, &["link", "on", "--yes", "--channels", "Gudang"]);
    assert!(on.contains("Gudang"), "{on}");
    project.sql("update auto_messages set message = 'Baru'");
    site.write_settings(&format!("{settings}SEND_DELAY_SECONDS=600\n"));
    let mut serving = site.serve();
    until("it is read again", || {
        site.sqlite3("SELECT message FROM auto_messages").trim() == "Baru"
    });
    serving.kill();
    site.write_settings(&settings);
    let _server = site.serve();
    until("it is sent", || project.status(&id) == "sent");
    assert_eq!(site.waha.received().len(), 2);
    assert_eq!(site.waha.received()[1].text, "Baru");
}

/// The series is edited while the first one, which is off, sends its first time: the second one must not move it on.
#[test]
fn what_an_appliance_that_was_alone_and_is_off_still_sends_is_told_when_the_tables_come() {
    let project = Project::alone();
    let shop = project.channel("Toko", "default");
    let (first, second) = (project.site(), Site::new());
    let settings = project.settings_at(&project.url);
    first.write_settings(&format!("{settings}SEND_DELAY_SECONDS=600\n"));
    let mut serving = first.serve();
    let contacts = r#"[{"phone":"6281200007001"},{"phone":"6281200007002"}]"#;
    let list = r#"[{"date":"2026-01-01","time":"09:00"},{"date":"2099-01-01","time":"09:00"}]"#;
    let id = project.row(&shop, "now()", contacts, list);
    until("it is begun", || first.waha.received().len() == 1);
    assert!(first.run(&["link", "off"]).status.success());
    first.sqlite3("UPDATE link_channels SET since = '2026-01-01T00:00:00Z'");
    joins(&project, &second);
    let claims = "select count(*) from auto_message_claims";
    until("what it has begun is told", || project.sql(claims) == "1");
    project.sql(&format!("update auto_messages set message = 'Baru' where id = '{id}'"));
    let _second = second.serve();
    serving.kill();
    first.write_settings(&settings);
    let _first = first.serve();
    let year = "select extract(year from scheduled_at) from auto_messages";
    until("the next time is written", || project.sql(year) == "2099");
    let is_settled = "select settled_at is not null from auto_message_claims";
    until("the claim is settled", || project.sql(is_settled) == "t");
    let claim = "select status, sent_count, unknown_count from auto_message_claims";
    assert_eq!(project.sql(claim), "sent|2|0");
    assert_eq!((first.waha.received().len(), second.waha.received().len()), (2, 0));
    // What came due on its channel before it knew of the others nobody sends, although it is on again.
    let since = "SELECT min(since) > '2026-01-02' FROM link_channels";
    assert_eq!(first.sqlite3(since).trim(), "1");
}

/// Of a channel that it does not keep, nobody else could take it, and nobody would send.
#[test]
fn a_link_off_that_supabase_did_not_hear_of_leaves_no_channel_behind_that_is_not_named_any_more() {
    let project = Project::shared();
    for (name, session) in [("Toko", "default"), ("Gudang", "dua"), ("Pasar", "tiga")] {
        project.channel(name, session);
    }
    let (site, second) = (project.site(), Site::new());
    let owned = "select string_agg(name, ',' order by name) from auto_message_channel_owners
         join chanels on chanels.id::text = channel_id";
    assert_eq!(project.sql(owned), "Gudang,Pasar,Toko");
    let settings = project.settings_at(&project.url);
    let unheard = |site: &Site| {
        site.write_settings(&settings.replace(&project.url, "http://127.0.0.1:1"));
        assert!(site.run(&["link", "off"]).status.success());
        site.write_settings(&settings);
    };
    unheard(&site);
    let on = patiently(&project, &site, &["link", "on", "--yes", "--channels", "Toko,Gudang"]);
    assert!(on.contains("Toko"), "{on}");
    assert_eq!(project.sql(owned), "Gudang,Toko");
    // Of a link that is on, what is named comes to what there is.
    patiently(&project, &site, &["link", "on", "--yes", "--channels", "Toko"]);
    assert_eq!(project.sql(owned), "Gudang,Toko");
    second.write_settings(&settings);
    assert!(patiently(&project, &second, &["link", "on", "--yes"]).contains("Pasar"));
    unheard(&site);
    let over = patiently(&project, &site, &["link", "take-over", "Pasar", "--yes"]);
    assert!(over.contains("is sent from here now"), "{over}");
    assert_eq!(project.sql(owned), "Pasar");
}

/// As `link off` and `link on` for another channel forget it, after a pass began.
#[test]
fn a_channel_that_is_forgotten_while_the_program_looks_how_it_stands_stays_forgotten() {
    let project = Project::shared();
    project.channel("Toko", "default");
    let store = project.channel("Gudang", "dua");
    let site = project.site();
    site.write_settings(&format!(
        "{}SUPABASE_TIMEOUT_SECONDS=12\n",
        project.settings_at(&project.url)
    ));
    project.sql("create table slow as select 1");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            project.sql(
                "begin; lock table chanels;
                 do $$ begin while exists (select from slow) loop perform pg_sleep(0.1); end loop; end $$; commit",
            )
        });
        let _server = site.serve();
        let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'";
        until("it waits", || project.sql(waiting) == "1");
        site.sqlite3(&format!("DELETE FROM link_channels WHERE remote_id = '{store}'"));
        project.sql(&format!(
            "delete from auto_message_channel_owners where channel_id = '{store}'; delete from slow"
        ));
        std::thread::sleep(Duration::from_secs(3)); // The pass goes on, and the next one.
        let owners = "select count(*) from auto_message_channel_owners";
        assert_eq!(project.sql(owners), "1");
        assert_eq!(site.sqlite3("SELECT name FROM link_channels").trim(), "Toko");
    });
}

#[test]
fn an_appliance_that_is_turned_off_while_it_becomes_shared_keeps_no_channel() {
    let project = Project::alone();
    let shop = project.channel("Toko", "default");
    let site = project.site();
    let _server = site.serve();
    let id = project.message(&shop, "now()", &["6281200007001"]);
    until("it is sent", || project.status(&id) == "sent");
    let fails = "create function fail() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
         create trigger fail before insert on auto_message_claims for each row execute function fail();";
    migrate(&project, fails);
    project.message(&shop, "now()", &["6281200007002"]); // It looks before it takes this.
    let owners = || project.sql("select count(*) from auto_message_channel_owners");
    until("it has the channel", || owners() == "1");
    assert!(patiently(&project, &site, &["link", "off"]).contains("is off"));
    assert_eq!(owners(), "0");
}

/// Each third request fails: who began anew each time would never come to the end.
#[test]
fn what_was_sent_in_a_long_time_alone_is_told_although_requests_fail() {
    let project = Project::alone();
    let shop = project.channel("Toko", "default");
    let site = project.site();
    let ids = project.sql(&format!(
        "with new as (insert into auto_messages (title, message, contact_ids, scheduled_at, status, chanel_id)
             select 'x', 'y', '[]', '2026-01-01T00:00:00Z', 'sent', '{shop}' from generate_series(1, 120) returning id)
         select id from new"
    ));
    for id in ids.lines() {
        site.sqlite3(&format!(
            "INSERT INTO link_claims (project, remote_id, due_at, local_due_at, claim_token, state, status, created_at)
             VALUES ('{}', '{id}', '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00Z', '{id}', 'settled', 'sent', '')",
            project.url
        ));
    }
    let fails = "create sequence tries;
         create function fail() returns trigger language plpgsql as $$ begin
             if nextval('tries') % 3 = 2 then
                 raise exception 'not now' using errcode = '55P03';
             end if;
             return null;
         end $$;
         create trigger fail before insert on auto_message_claims for each statement execute function fail();
         grant all on sequence tries to service_role;";
    migrate(&project, fails);
    let _server = site.serve();
    until("the mode is shared", || said(&site, &["link", "status"]).contains("shared"));
    assert_eq!(
        project.sql("select count(*) from auto_message_claims where status = 'sent'"),
        "120"
    );
}

#[test]
fn an_appliance_does_not_turn_alone_while_the_tables_are_gone_that_it_shares_with_others() {
    let project = Project::shared();
    let _shop = project.channel("Toko", "default");
    let (first, second) = (project.site(), Site::new());
    second.write_settings(&project.settings_at(&project.url));
    project.sql("drop table auto_message_claims; notify pgrst, 'reload schema'");
    let refused = |site: &Site| {
        let words = patiently(&project, site, &["link", "on", "--yes"]);
        words.contains("run what `link migration` prints").then_some(words)
    };
    let mut words = None;
    until("the first one is refused", || {
        words = refused(&first);
        words.is_some()
    });
    assert!(words.unwrap().contains("the link is in mode `shared`"));
    let words = refused(&second).unwrap();
    assert!(words.contains("other appliances share this project"), "{words}");
    assert!(said(&second, &["link", "status"]).contains("never"));
}

#[test]
fn a_row_that_loses_or_changes_its_channel_and_a_channel_that_is_turned_off_are_obeyed() {
    let project = Project::shared();
    project.sql("alter table auto_messages alter created_by set default '00000000-0000-4000-8000-0000000000aa'");
    let (channel, other) = (project.channel("Toko", "default"), project.channel("Lain", "dua"));
    let site = project.site();
    site.write_settings(&format!("{}SEND_DELAY_SECONDS=4\n", project.settings_at(&project.url)));
    let mut server = site.serve();
    let pair = ["6281200007001", "6281200007002"];
    let settled =
        || site.sqlite3("SELECT count(*) FROM link_claims WHERE state <> 'settled'").trim() == "0";
    let mut arrived = 0;
    let cases = [
        ("chanel_id = null", 1, "scheduled"),
        (&*format!("chanel_id = '{other}'"), 2, "sent"),
        ("created_by = null", 2, "sent"),
    ];
    for (change, wanted, status) in cases {
        let id = project.message(&channel, "now()", &pair);
        until("the first one is sent", || site.waha.received().len() == arrived + 1);
        project.sql(&format!("update auto_messages set {change} where id = '{id}'"));
        until("nothing is left of it", settled);
        assert_eq!(site.waha.received().len(), arrived + wanted, "{change}");
        assert_eq!(project.status(&id), status, "{change}");
        arrived += wanted;
    }
    // Deleted, and its channel turned off, while nobody looks.
    let id = project.message(&channel, "now()", &pair);
    until("the first one is sent", || site.waha.received().len() == arrived + 1);
    server.kill();
    project.sql(&format!("delete from auto_messages where id = '{id}'; update chanels set is_active = false where id = '{channel}'"));
    let off = project.message(&channel, "now()", &["6281200007003"]);
    let on = project.message(&other, "now()", &["6281200007004"]);
    let mut server = site.serve();
    until("what is on a channel that is on is sent", || project.status(&on) == "sent");
    until("nothing is left", settled);
    assert_eq!(
        (site.waha.received().len(), project.status(&off)),
        (arrived + 2, "scheduled".into())
    );
    server.kill();
    project.sql("update chanels set is_active = true");
    let _server = site.serve();
    until("it is on again", || project.status(&off) == "sent");
    assert_eq!(site.waha.received().len(), arrived + 3);
}

/// What an edit adds to an occurrence that was sent is open in the project while it is sent, and is
/// added once: the database that is restored from before the edit does not know who has it.
#[test]
fn people_whom_an_edit_adds_get_it_once_also_when_the_database_is_lost_and_restored() {
    let project = Project::shared();
    let channel = project.channel("Toko", "default");
    let site = project.site();
    let settings = project.settings_at(&project.url);
    site.write_settings(&format!("{settings}SEND_DELAY_SECONDS=4\n"));
    let mut server = site.serve();
    let id = project.message(&channel, "now()", &["6281200007001"]);
    until("the row is sent", || project.status(&id) == "sent");
    let is_settled = "select settled_at is not null from auto_message_claims";
    until("the claim is settled", || project.sql(is_settled) == "t");
    assert!(site.run(&["backup", "salinan.db"]).status.success());
    project.sql(&format!(
        "update auto_messages set status = 'scheduled', contact_ids = contact_ids
             || '[{{\"phone\":\"6281200007002\"}}, {{\"phone\":\"6281200007003\"}}]' where id = '{id}'"
    ));
    let results = "select string_agg(status, ',' order by chat_id) from auto_message_deliveries";
    until("one of two is sent", || project.sql(results) == "sent,sent,pending");
    assert_eq!(project.sql(is_settled), "f");
    until("the row is sent again", || project.status(&id) == "sent");
    until("the claim is settled again", || project.sql(is_settled) == "t");
    assert_eq!(project.sql(results), "sent,sent,sent");

    assert!(server.kill());
    for side in ["", "-wal", "-shm"] {
        drop(fs::remove_file(site.path(&format!("shop.db{side}"))));
    }
    let restored = site.run(&["restore", "salinan.db"]);
    assert!(restored.status.success(), "{}", stderr(&restored));
    site.write_settings(&settings);
    let _server = site.serve();
    project.sql(&format!("update auto_messages set status = 'scheduled' where id = '{id}'"));
    until("the row is as it was", || project.status(&id) == "sent");
    std::thread::sleep(Duration::from_secs(2)); // Some ticks.
    let mut chats: Vec<String> = site.waha.received().into_iter().map(|one| one.chat_id).collect();
    chats.sort();
    assert_eq!(chats, ["6281200007001@c.us", "6281200007002@c.us", "6281200007003@c.us"]);
}

#[test]
fn what_is_due_on_a_channel_that_the_website_switched_off_is_not_taken_at_the_next_tick() {
    for project in [Project::alone(), Project::shared()] {
        let channel = project.channel("Toko", "default");
        let other = project.channel("Gudang", "default");
        let site = project.site();
        let settings = project.settings_at(&project.url);
        site.write_settings(&format!("{settings}SEND_DELAY_SECONDS=2\n"));
        let server = site.serve();
        let first = project.message(&channel, "now()", &["6281200007001", "6281200007005"]);
        until("the first one is sent", || site.waha.received().len() == 1);
        let switch = |to: bool| {
            project.sql(&format!("update chanels set is_active = {to} where id = '{channel}'"))
        };
        switch(false);
        let off = project.message(&channel, "now()", &["6281200007002"]);
        until("what was taken goes out", || project.status(&first) == "sent");
        // Who is added to what was sent does not get it either.
        project.sql(&format!(
            "update auto_messages set status = 'scheduled', contact_ids = contact_ids || '[{{\"phone\":\"6281200007003\"}}]'
             where id = '{first}'"
        ));
        let on = project.message(&other, "now()", &["6281200007004"]);
        until("that of the other channel is sent", || project.status(&on) == "sent");
        // A tick later, too.
        let later = project.message(&other, "now()", &["6281200007006"]);
        until("the next one of that channel is sent", || project.status(&later) == "sent");
        assert_eq!(
            (project.status(&off), project.status(&first)),
            ("scheduled".into(), "scheduled".into())
        );
        assert_eq!(site.waha.received().len(), 4);
        let taken = format!("SELECT count(*) FROM link_claims WHERE remote_id = '{off}'");
        assert_eq!(site.sqlite3(&taken).trim(), "0", "it is not even meant");
        assert!(!server.log().contains("Supabase:"), "{}", server.log());
        switch(true);
        drop(server);
        let _server = site.serve();
        until("it is sent", || project.status(&off) == "sent");
    }
}

#[test]
fn a_link_that_is_turned_off_takes_nothing_more_and_writes_back_what_it_had() {
    for project in [Project::alone(), Project::shared()] {
        let channel = project.channel("Toko", "default");
        let site = project.site();
        let settings = format!("{}SEND_DELAY_SECONDS=3\n", project.settings_at(&project.url));
        site.write_settings(&settings);
        let _server = site.serve();
        let id = project.message(&channel, "now()", &["6281200007001", "6281200007002"]);
        until("the first one is sent", || site.waha.received().len() == 1);
        let said = patiently(&project, &site, &["link", "off"]);
        assert!(said.contains("the link is off"), "{said}");
        let later = project.message(&channel, "now()", &["6281200007003"]);
        until("what was taken is written back", || project.status(&id) == "sent");
        until("nothing is open", || {
            let status = patiently(&project, &site, &["link", "status", "--json"]);
            status.contains("\"open\": 0") && status.contains("\"outbox\": 0")
        });
        std::thread::sleep(Duration::from_secs(2)); // Some ticks.
        assert_eq!(project.status(&later), "scheduled");
        assert_eq!(site.waha.received().len(), 2);
        let check = patiently(&project, &site, &["link", "check"]);
        assert!(check.contains("free") && !check.contains("sent from here"), "{check}");
    }
}

#[test]
fn many_rows_with_many_contacts_are_taken_page_by_page() {
    let project = Project::shared();
    let channel = project.channel("Toko", "default");
    let site = project.site();
    site.write_settings(&format!(
        "{}SUPABASE_TIMEOUT_SECONDS=12\nSEND_DELAY_SECONDS=600\n",
        project.settings_at(&project.url)
    ));
    let _server = site.serve();
    project.sql("insert into contacts (name, phone_number) select 'n', '62812' || lpad(n::text, 8, '0') from generate_series(1, 3000) n");
    let insert = "insert into auto_messages (title, message, contact_ids, scheduled_at, chanel_id)";
    project.sql(&format!(
        "{insert} select 'x', 'y', (select jsonb_agg(id) from contacts), now(), '{channel}';
         {insert} select 'x', 'y', '[{{\"phone\":\"6281200007001\"}}]', now(), '{channel}' from generate_series(1, 1500)"
    ));
    until("all are claimed", || project.sql("select count(*) from auto_message_claims") == "1501");
    until("all are planned", || site.sqlite3("SELECT count(*) FROM deliveries").trim() == "4500");
    until("the results are there", || {
        project.sql("select count(*) from auto_message_deliveries") == "4500"
    });
}

/// The program's own clock a day off, by a library that is loaded before libc.
/// A library that sets a program's clock off.
fn clock_off(directory: &Path) -> PathBuf {
    let off = directory.join("off.so");
    let source = root().join("tests/supabase/clock_off.c");
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&off).arg(source).output();
    let built = built.expect("a C compiler is needed: SQLite is built by it");
    assert!(built.status.success(), "{}", stderr(&built));
    off
}

/// Of two claims of an appliance that had the channel before, one is four days old.
#[test]
fn how_long_another_appliance_has_for_what_it_had_begun_is_by_the_clock_of_the_project() {
    let project = Project::shared();
    let shop = project.channel("Toko", "default");
    let site = project.site();
    for days in [4, 0] {
        let id = project.message(&shop, "now() - interval '5 days'", &["6281200007001"]);
        project.sql(&format!(
            "insert into auto_message_claims (auto_message_id, due_at, claimed_by, claim_token, claimed_at)
             select id, scheduled_at, 'before', id, now() - interval '{days} days' from auto_messages
             where id = '{id}'"
        ));
    }
    let library = tempfile::tempdir().unwrap();
    let mut command = site.command(&["serve"]);
    command.env("LD_PRELOAD", clock_off(library.path())).env("CLOCK_OFF_SECONDS", "345600");
    let log = site.path("off.log");
    command.stderr(fs::File::create(&log).unwrap()).stdout(Stdio::null());
    let child = command.spawn().unwrap();
    let _server = Server { child, log, address: String::new() };
    let settled = || project.sql("select count(settled_at) from auto_message_claims");
    until("the old one is ended", || settled() != "0");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(settled(), "1");
}

#[test]
fn a_clock_that_is_a_day_off_finds_the_same_rows_and_neither_sends_nor_expires_them() {
    let library = tempfile::tempdir().unwrap();
    let off = clock_off(library.path());
    for by in ["86400", "-86400"] {
        let project = Project::shared();
        let channel = project.channel("Toko", "default");
        let with_clock = |mut command: Command| {
            command.env("LD_PRELOAD", &off).env("CLOCK_OFF_SECONDS", by);
            command
        };
        let site = Site::new();
        patiently(&project, &site, &["link", "check"]);
        let refused = with_clock(site.command(&["link", "on", "--yes"])).output().unwrap();
        assert!(stderr(&refused).contains("clock is") && !refused.status.success(), "{refused:?}");
        link_on(&site);
        // The clock was right, before the machine's battery failed.
        let first = project.message(&channel, "now()", &["6281200007001"]);
        let mut server = site.serve();
        until("the first is sent", || project.status(&first) == "sent");
        server.kill();

        let log = site.path("off.log");
        let mut command = with_clock(site.command(&["serve"]));
        command.stderr(fs::File::create(&log).unwrap()).stdout(Stdio::null());
        let child = command.spawn().unwrap();
        let mut server = Server { child, log, address: String::new() };
        server.wait_until_ready();
        let id = project.message(&channel, "now()", &["6281200007002"]);
        until("it is found", || {
            site.sqlite3("SELECT count(*) FROM link_claims WHERE state = 'planned'").trim() == "1"
        });
        until("the clock is told of", || server.log().contains("[ERROR] clock: "));
        std::thread::sleep(Duration::from_secs(3)); // Some ticks.
        assert_eq!(project.status(&id), "scheduled", "{by}");
        assert_eq!(site.waha.received().len(), 1, "{by}");
        assert!(server.kill());
        let _server = site.serve();
        until("with the right clock it is sent", || project.status(&id) == "sent");
        assert_eq!(site.waha.received().len(), 2, "{by}");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
