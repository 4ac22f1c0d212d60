//! The link with a real PostgreSQL and PostgREST: what a website's owner sees.

use serde_json::json;

use crate::project::{Kind, Project, link_on};
use crate::site::{Site, stderr, until};

/// How often each number got something, in the order of the numbers.
fn received(site: &Site) -> Vec<(String, usize)> {
    let mut all = std::collections::BTreeMap::new();
    for one in site.waha.received() {
        *all.entry(one.chat_id.trim_end_matches("@c.us").to_owned()).or_insert(0) += 1;
    }
    all.into_iter().collect()
}

fn once(numbers: &[&str]) -> Vec<(String, usize)> {
    numbers.iter().map(|number| ((*number).to_owned(), 1)).collect()
}

#[test]
fn whom_a_row_of_the_website_leaves_out_gets_nothing() {
    let project = Project::start(Kind::default());
    let channel = project.channel("Toko", "default");
    let site = project.site();
    let _server = site.serve();
    let contact = |name: &str, number: &str| {
        project.sql(&format!(
            "with new as (insert into contacts (name, phone_number) values ('{name}', '{number}') returning id)
             select id from new"
        ))
    };
    let (ani, budi) = (contact("Ani", "6281200007001"), contact("Budi", "6281200007002"));
    let rows = [
        format!(
            r#"{{"ids":["{ani}","{budi}",{{"phone":"6281200007003"}},"6281200007004"],"except":["{budi}","6281200007004"]}}"#
        ),
        format!(
            r#"["6281200007005","081200007002","except:{budi}",{{"id":"{ani}","selected":false}}]"#
        ),
        // By the id, whatever number is beside it; and who is not there any more needs no exception.
        format!(
            r#"{{"contacts":[{{"id":"{budi}","phone":"6281200007008"}},"6281200007006"],"exclude_ids":["{budi}"]}}"#
        ),
        r#"[{"id":"00000000-0000-4000-8000-000000000000","selected":false},"6281200007007"]"#
            .to_owned(),
        // Not understood: nobody gets anything.
        format!(r#"{{"ids":["{ani}"],"mode":"exclude"}}"#),
        r#"["6281200007001","except:tag:staff"]"#.to_owned(),
    ];
    let rows = rows.map(|to| project.row(&channel, "now()", &to, "[]"));
    for (row, status) in rows.iter().zip(["sent", "sent", "sent", "sent", "failed", "failed"]) {
        until("the row is done", || project.status(row) == status);
    }
    assert_eq!(
        received(&site),
        once(&[
            "6281200007001",
            "6281200007003",
            "6281200007005",
            "6281200007006",
            "6281200007007"
        ])
    );
    let why = site.sqlite3("SELECT error FROM auto_messages WHERE status = 'failed' ORDER BY id");
    assert!(why.contains("its key `mode`") && why.contains("the exception `tag:staff`"), "{why}");
}

#[test]
fn a_due_row_is_sent_and_written_back_whatever_the_ids_and_the_mode_are() {
    for kind in [Kind::default(), Kind { has_numbers: true, is_shared: true, ..Kind::default() }] {
        let project = Project::start(kind);
        let channel = project.channel("Toko", "default");
        let old = project.message(&channel, "now() - interval '40 days'", &["6281200007009"]);
        let site = project.site();
        let server = site.serve();
        let contact = project.sql(
            "with new as (insert into contacts (name, phone_number) values ('Ani', '081200007002') returning id)
             select id from new",
        );
        project.sql("insert into contacts (name, phone_number, is_active) values ('Off', '6281200007003', false)");
        let id = if kind.has_numbers { contact } else { format!("\"{contact}\"") };
        let contacts = format!(
            "[{{\"name\":\"Budi\",\"phone\":\"6281200007001\"}}, {id}, \"contact1\", {{\"name\":\"Off\",\"phone\":\"+62 812-0000-7003\"}}]"
        );
        let message = project.row(&channel, "now()", &contacts, "[]");
        until("the row is sent", || project.status(&message) == "sent");
        let row = format!(
            "select contact_count, sent_at > now() - interval '1 minute' from auto_messages where id = '{message}'"
        );
        assert_eq!(project.sql(&row), "2|t");
        assert_eq!(received(&site), once(&["6281200007001", "6281200007002"]));
        let skipped = site.sqlite3(
            "SELECT chat_id, error_code FROM deliveries WHERE status = 'skipped' ORDER BY id",
        );
        assert!(skipped.contains("contact1|website_contact_missing"), "{skipped}");
        assert!(skipped.contains("|website_contact_off"), "{skipped}");
        assert_eq!(project.status(&old), "scheduled", "what was due before the link stays");
        if kind.is_shared {
            until("results are there", || {
                project.sql("select count(*) from auto_message_deliveries where status = 'sent'")
                    == "2"
            });
            let claim = "select status, sent_count, skipped_count, settled_at is not null from auto_message_claims";
            assert_eq!(project.sql(claim), "sent|2|2|t");
        }
        let log = server.log();
        assert!(
            !log.contains(&project.key) && !log.contains("Rahasia") && !log.contains("81200007001")
        );
        let said = site.run(&["link", "check", "--json"]);
        let said = String::from_utf8(said.stdout).unwrap();
        assert!(said.contains("\"old\": 1") && !said.contains(&project.key), "{said}");
    }
}

#[test]
fn a_contact_that_is_off_on_the_website_gets_nothing_however_it_is_named() {
    let project = Project::start(Kind { max_rows: 2, ..Kind::default() });
    let channel = project.channel("Toko", "default");
    let contact = |number: &str, is_on: bool| {
        project.sql(&format!(
            "with new as (insert into contacts (name, phone_number, is_active) values ('n', '{number}', {is_on}) returning id)
             select id from new"
        ))
    };
    // As the website has it, and as the message has it.
    let spelled = [
        ("0812-0000-7001", "6281200007001"),
        ("6281200007002", "0812 0000 7002"),
        ("+62 812.0000.7003", "https://wa.me/6281200007003?text=Halo"),
        ("wa.me/6281200007004", "+62 (0)812-0000-7004"),
        ("81200007005", "6281200007005@c.us"),
        ("\u{ff10}81200007006", "62\u{a0}812\u{2011}0000\u{2011}7006"),
    ];
    let mut entries = Vec::new();
    for (website, message) in spelled {
        contact(website, false);
        entries.push(json!({ "name": "Off", "phone": message }));
    }
    let renamed = contact("6281200007010", false);
    entries.push(json!({ "id": renamed, "phone": "6281200007011" }));
    entries.push(json!({ "contact_id": renamed.to_uppercase(), "whatsapp": "6281200007012" }));
    entries.push(json!(renamed.to_uppercase()));
    // Those get it: on, or also on under a second name, or unknown there.
    let on = contact("0812-0000-7020", true);
    entries.push(json!(on.to_uppercase()));
    for (off, on, message) in [
        ("6281200007021", "0812-0000-7021", "0812-0000-7021"),
        ("0812 0000 7022", "6281200007022", "+62 812 0000 7022"),
    ] {
        contact(off, false);
        contact(on, true);
        entries.push(json!({ "phone": message }));
    }
    entries.push(json!({ "id": on, "phone": "6281200007023" }));
    // What is no number says so.
    entries.push(json!({ "number": "62812" }));
    entries.push(json!({ "phone": "", "name": "Tanpa" }));
    entries.push(json!({ "phone": 6_281_200_007_030.0 }));
    let site = project.site();
    let _server = site.serve();
    let id = project.row(&channel, "now()", &json!(entries).to_string(), "[]");
    until("the row is sent", || project.status(&id) == "sent");
    let reached = ["6281200007020", "6281200007021", "6281200007022", "6281200007023"];
    assert_eq!(received(&site), once(&reached));
    let counted = "SELECT error_code, count(*) FROM deliveries WHERE status = 'skipped' GROUP BY 1";
    let skipped = "number_from_excel|1\nnumber_without_country|1\nwebsite_contact_missing|1\nwebsite_contact_off|9";
    assert_eq!(site.sqlite3(counted).trim(), skipped);
}

#[test]
fn tables_of_other_names_are_found() {
    let project = Project::shared();
    project.sql("alter table chanels rename to channels; alter table auto_messages rename chanel_id to channel_id;
                 alter table auto_messages drop column sent_at; alter table contacts drop column is_active;
                 alter table channels drop column is_active");
    project.sql("insert into channels (name, session_name) values ('Toko', 'default')");
    let site = Site::new();
    site.write_settings(&format!(
        "{}SUPABASE_TIMEOUT_SECONDS=12\n",
        project.settings_at(&project.url)
    ));
    // PostgREST sees new names after a moment.
    until("the names are found", || site.run(&["link", "on", "--yes"]).status.success());
    let _server = site.serve();
    project.sql(
        "insert into auto_messages (title, message, contact_ids, scheduled_at, channel_id)
                 select 'x', 'y', '[{\"phone\":\"6281200007001\"}]', now(), id from channels",
    );
    until("the row is sent", || project.sql("select status from auto_messages") == "sent");
}

#[test]
fn keys_that_see_only_part_of_the_project_are_refused_at_the_start() {
    let project = Project::alone();
    project.channel("Toko", "default");
    let site = Site::new();
    let with = |key: &str| {
        format!("{}SUPABASE_SERVICE_ROLE_KEY={key}\n", project.settings_at(&project.url))
    };
    for (key, words) in [
        (project.anon_key.as_str(), "role `anon`"),
        ("sb_publishable_0123456789abc", "publishable"),
    ] {
        site.write_settings(&with(key));
        for command in [&["serve"][..], &["run"], &["link", "on", "--yes"]] {
            let output = site.run(command);
            assert!(
                !output.status.success() && stderr(&output).contains(words),
                "{}",
                stderr(&output)
            );
            assert!(!stderr(&output).contains(key));
        }
    }
    site.write_settings(&with(&project.secret_key));
    link_on(&site);
}

#[test]
fn what_the_website_does_while_a_message_is_sent_counts() {
    let project = Project::shared();
    let channel = project.channel("Toko", "default");
    let site = project.site();
    site.write_settings(&format!("{}SEND_DELAY_SECONDS=4\n", project.settings_at(&project.url)));
    let _server = site.serve();
    let pair = |n: u32| [format!("62812000070{n:02}"), format!("62812000070{:02}", n + 1)];
    let mut arrived = 0;
    let changes: [(&str, usize, &str); 5] = [
        ("update auto_messages set status = 'cancelled' where id = ", 1, "cancelled"),
        ("update auto_messages set message = 'Diubah' where id = ", 2, "sent"),
        (
            "update auto_messages set scheduled_at = now() + interval '1 day' where id = ",
            1,
            "scheduled",
        ),
        ("update auto_messages set chanel_id = chanel_id where id = ", 2, "sent"),
        ("delete from auto_messages where id = ", 1, ""),
    ];
    for (number, (change, wanted, status)) in (10..).step_by(2).zip(changes) {
        let [first, second] = pair(number);
        let id = project.message(&channel, "now()", &[&first, &second]);
        until("the first one is sent", || site.waha.received().len() == arrived + 1);
        project.sql(&format!("{change} '{id}'"));
        until("nothing is left of it", || {
            site.sqlite3("SELECT count(*) FROM link_claims WHERE state <> 'settled'").trim() == "0"
        });
        let received = site.waha.received();
        assert_eq!(received.len(), arrived + wanted, "{change}");
        if change.contains("Diubah") {
            assert_eq!(
                received.last().unwrap().text,
                "Diubah",
                "what is pending takes the new text"
            );
        }
        assert_eq!(project.status(&id), status, "{change}");
        arrived = received.len();
    }
    assert_eq!(
        project.sql("select count(*) from auto_message_claims where settled_at is null"),
        "0"
    );
}

#[test]
fn a_row_that_is_moved_into_the_past_while_it_is_sent_is_the_same_occurrence_and_gets_its_time_back()
 {
    for project in [Project::alone(), Project::shared()] {
        let channel = project.channel("Toko", "default");
        let site = project.site();
        site.write_settings(&format!(
            "{}SEND_DELAY_SECONDS=2\n",
            project.settings_at(&project.url)
        ));
        let _server = site.serve();
        let id = project.message(
            &channel,
            "now()",
            &["6281200007001", "6281200007002", "6281200007003"],
        );
        let at = format!("select scheduled_at from auto_messages where id = '{id}'");
        let before = project.sql(&at);
        until("the first is sent", || site.waha.received().len() == 1);
        project.sql(&format!(
            "update auto_messages set scheduled_at = now() - interval '10 minutes', message = 'Diubah' where id = '{id}'"
        ));
        until("the row is sent", || project.status(&id) == "sent");
        assert_eq!(received(&site), once(&["6281200007001", "6281200007002", "6281200007003"]));
        assert_eq!(project.sql(&at), before);
        assert_eq!(site.waha.received().last().unwrap().text, "Diubah");
        std::thread::sleep(std::time::Duration::from_secs(2));
        assert_eq!(site.waha.received().len(), 3, "nothing of it is found again");
    }
}

#[test]
fn a_row_that_an_edit_arms_again_goes_only_to_those_who_are_new() {
    let project = Project::alone();
    let channel = project.channel("Toko", "default");
    let site = project.site();
    let _server = site.serve();
    let id = project.message(&channel, "now()", &["6281200007001"]);
    until("the row is sent", || project.status(&id) == "sent");
    let sent_at = format!("select sent_at from auto_messages where id = '{id}'");
    let first = project.sql(&sent_at);
    project.sql(&format!(
        "update auto_messages set status = 'scheduled', sent_at = null where id = '{id}'"
    ));
    until("it is sent again in the table only", || project.status(&id) == "sent");
    assert_eq!(project.sql(&sent_at), first);
    assert_eq!(received(&site), once(&["6281200007001"]));
    project.sql(&format!(
        "update auto_messages set status = 'scheduled', contact_ids = contact_ids || '[{{\"phone\":\"6281200007002\"}}]' where id = '{id}'"
    ));
    until("the new one gets it", || received(&site).len() == 2);
    until("the row is sent", || project.status(&id) == "sent");
    assert_eq!(received(&site), once(&["6281200007001", "6281200007002"]));
}

#[test]
fn each_time_of_a_series_goes_out_once_also_when_an_edit_writes_the_first_one_again() {
    let project = Project::alone();
    let channel = project.channel("Toko", "default");
    let site = project.site();
    let _server = site.serve();
    // The wall-clock of a browser in Makassar (WITA), while TIMEZONE is Asia/Jakarta.
    let list = project.sql(
        "select jsonb_agg(jsonb_build_object('date', to_char(at, 'YYYY-MM-DD'), 'time', to_char(at, 'HH24:MI:SS')))
         from (select date_trunc('second', now() at time zone 'Asia/Makassar') + n * n * interval '4 seconds' as at
               from generate_series(0, 2) n) times",
    );
    let id = project.row(
        &channel,
        "date_trunc('second', now())",
        r#"[{"phone":"6281200007001"}]"#,
        &list,
    );
    project.sql(&format!(
        "update auto_messages set interval_config = '{{\"every\":\"day\"}}', scheduled_at = (select to_timestamp(
             (schedules->0->>'date') || (schedules->0->>'time'), 'YYYY-MM-DDHH24:MI:SS')::timestamp at time zone 'Asia/Makassar')
         where id = '{id}'"
    ));
    until("the second one is sent", || site.waha.received().len() == 2);
    // The website's form writes the first time, whatever was sent.
    project.sql(&format!(
        "update auto_messages set status = 'scheduled', message = 'Diubah', scheduled_at = (select to_timestamp(
             (schedules->0->>'date') || (schedules->0->>'time'), 'YYYY-MM-DDHH24:MI:SS')::timestamp at time zone 'Asia/Makassar')
         where id = '{id}'"
    ));
    until("the series is over", || project.status(&id) == "sent");
    let texts: Vec<String> = site.waha.received().into_iter().map(|one| one.text).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert_eq!(texts[2], "Diubah");
}

#[test]
fn of_two_appliances_of_one_name_one_sends_and_the_other_takes_over_when_a_person_says_so() {
    let project = Project::shared();
    let channel = project.channel("Toko", "default");
    let (first, second) = (project.site(), Site::new());
    let patient = format!("{}SUPABASE_TIMEOUT_SECONDS=12\n", project.settings_at(&project.url));
    second.write_settings(&patient);
    let refused = second.run(&["link", "on", "--yes"]);
    assert!(stderr(&refused).contains("`link take-over` takes it"), "{}", stderr(&refused));
    first.write_settings(&format!("{}SEND_DELAY_SECONDS=3\n", project.settings_at(&project.url)));
    let first_server = first.serve();
    let id = project.message(&channel, "now()", &["6281200007001", "6281200007002"]);
    until("the first is sent", || first.waha.received().len() == 1);
    until("the result is there", || {
        project.sql("select count(*) from auto_message_deliveries where status = 'sent'") == "1"
    });
    first_server.signal("STOP");
    let late = project.message(&channel, "now()", &["6281200007003"]);
    // Who has the channel sends it: nobody needs to look at it elsewhere.
    let check = second.run(&["link", "check", "--json"]);
    let check = String::from_utf8(check.stdout).unwrap();
    assert!(check.contains("\"unsent\": 0") && check.contains("\"to_send\": 0"), "{check}");
    let taken = second.run(&["link", "take-over", "Toko", "--yes"]);
    assert!(taken.status.success(), "{}", stderr(&taken));
    let _second_server = second.serve();
    until("the unclaimed row goes out", || project.status(&late) == "sent");
    // What the first had claimed and not reported is unknown, and never sent by the second.
    until("the claimed row is settled", || project.status(&id) == "sent");
    until("the claims are settled", || {
        project.sql("select count(*) from auto_message_claims where settled_at is null") == "0"
    });
    assert_eq!(received(&second), once(&["6281200007003"]));
    let statuses = "select string_agg(status, ',' order by chat_id) from auto_message_deliveries where due_at =
                    (select due_at from auto_message_claims where claimed_by <> (select appliance_id from auto_message_channel_owners))";
    assert_eq!(project.sql(statuses), "sent,unknown");
    // `ASLEEP_SECS=120` for a machine that was away for long.
    let asleep = std::env::var("ASLEEP_SECS").map_or(0, |secs| secs.parse().unwrap());
    std::thread::sleep(std::time::Duration::from_secs(asleep));
    first_server.signal("CONT");
    until("the first one knows", || first_server.log().contains("was taken over by"));
    until("it ended what it had", || {
        first.sqlite3("SELECT count(*) FROM link_claims WHERE state <> 'settled'").trim() == "0"
    });
    assert!(first.waha.received().len() <= 2, "one request may have been on its way");
    // Whoever wrote the row first, it says to how many it was sent.
    let sent = project.sql(&format!("select contact_count from auto_messages where id = '{id}'"));
    assert_eq!(sent, first.waha.received().len().to_string());
}

#[test]
fn what_an_appliance_has_not_sent_ends_as_soon_as_its_channel_is_taken_over() {
    let project = Project::shared();
    let channel = project.channel("Toko", "default");
    let (first, second) = (project.site(), Site::new());
    first.write_settings(&format!("{}SEND_DELAY_SECONDS=1\n", project.settings_at(&project.url)));
    let patient = format!("{}SUPABASE_TIMEOUT_SECONDS=12\n", project.settings_at(&project.url));
    second.write_settings(&patient);
    let server = first.serve();
    let numbers: Vec<String> = (0..40).map(|n| format!("62812000070{n:02}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    project.message(&channel, "now()", &numbers);
    until("the first is sent", || !first.waha.received().is_empty());
    // The other one does not run yet: nobody else tells of the row.
    let taken = second.run(&["link", "take-over", "Toko", "--yes"]);
    assert!(taken.status.success(), "{}", stderr(&taken));
    until("it knows", || server.log().contains("was taken over by"));
    until("nothing waits", || {
        let waits = "SELECT count(*) FROM deliveries WHERE status IN ('pending', 'sending')";
        first.sqlite3(waits).trim() == "0"
    });
    let why = first.sqlite3("SELECT DISTINCT error FROM deliveries WHERE status = 'cancelled'");
    assert!(why.contains("another appliance took the channel over"), "{why}");
    assert!(first.waha.received().len() < 40);
}

#[test]
fn a_database_that_was_lost_makes_unknown_what_it_had_claimed() {
    let project = Project::shared();
    let channel = project.channel("Toko", "default");
    let site = project.site();
    site.write_settings(&format!("{}SEND_DELAY_SECONDS=30\n", project.settings_at(&project.url)));
    let mut server = site.serve();
    let id = project.message(&channel, "now()", &["6281200007001", "6281200007002"]);
    until("the first is sent", || site.waha.received().len() == 1);
    until("the results are there", || {
        project.sql("select count(*) from auto_message_deliveries where status = 'sent'") == "1"
    });
    server.kill();
    let owner = site.sqlite3("SELECT value FROM meta WHERE key = 'link_random'");
    for name in ["shop.db", "shop.db-wal", "shop.db-shm"] {
        drop(std::fs::remove_file(site.path(name)));
    }
    drop(auto_message_scheduler::store::Store::open(&site.database()).unwrap());
    site.sqlite3(&format!(
        "INSERT INTO meta (key, value) VALUES ('link_random', '{}')",
        owner.trim()
    ));
    link_on(&site);
    let server = site.serve();
    until("it is settled", || project.status(&id) == "sent");
    assert!(server.log().contains("are not in its database"), "{}", server.log());
    assert_eq!(site.waha.received().len(), 1, "nothing of it is sent again");
    assert_eq!(
        project.sql("select status, sent_count, unknown_count from auto_message_claims"),
        "sent|1|1"
    );
}

#[test]
fn local_messages_and_the_websites_share_one_pace_and_a_person_changes_each_where_it_lives() {
    let project = Project::alone();
    let channel = project.channel("Utama", "default");
    let site = project.site();
    site.write_settings(&format!("{}SEND_DELAY_SECONDS=2\n", project.settings_at(&project.url)));
    site.message("081200007005");
    let _server = site.serve();
    let id = project.message(&channel, "now()", &["6281200007001", "6281200007002"]);
    until("all are sent", || site.waha.received().len() == 3);
    let at: Vec<i64> = site.waha.received().iter().map(|one| one.at.millis()).collect();
    assert!(at.windows(2).all(|pair| pair[1] - pair[0] >= 2000), "{at:?}");
    until("the row is sent", || project.status(&id) == "sent");
    assert_eq!(site.sqlite3("SELECT count(*) FROM channels").trim(), "1");
    let local = site.sqlite3("SELECT auto_message_id FROM link_messages");
    for command in [["cancel", local.trim()], ["pause", local.trim()]] {
        let refused = site.run(&["message", command[0], command[1]]);
        assert!(stderr(&refused).contains("comes from the website"), "{}", stderr(&refused));
    }
}

#[test]
fn a_retry_is_written_back() {
    let project = Project::shared();
    let channel = project.channel("Toko", "default");
    let site = project.site();
    let _server = site.serve();
    let id = project.message(&channel, "now()", &["6281200007001"]);
    until("the row is sent", || project.status(&id) == "sent");
    // As if WAHA had refused it.
    site.sqlite3("UPDATE deliveries SET status = 'failed'; UPDATE auto_messages SET status = 'failed', sent_count = 0, failed_count = 1, sent_at = NULL");
    until("the correction is written", || project.status(&id) == "failed");
    let local = site.sqlite3("SELECT auto_message_id FROM link_messages");
    let output = site.run(&["message", "retry", local.trim()]);
    assert!(output.status.success(), "{}", stderr(&output));
    site.run(&["run"]);
    until("the retry is written", || project.status(&id) == "sent");
    assert_eq!(project.sql("select status, sent_count from auto_message_claims"), "sent|1");
}

#[test]
fn a_row_that_is_too_late_fails_and_says_so() {
    let project = Project::alone();
    let channel = project.channel("Toko", "default");
    let site = project.site();
    site.sqlite3("UPDATE link_channels SET since = '2020-01-01T00:00:00Z'");
    let _server = site.serve();
    let id = project.message(&channel, "now() - interval '3 days'", &["6281200007001"]);
    until("it failed", || project.status(&id) == "failed");
    assert_eq!(project.sql("select sent_at is null, contact_count from auto_messages"), "t|0");
    assert_eq!(site.sqlite3("SELECT status FROM deliveries").trim(), "expired");
    assert!(site.waha.received().is_empty());
}

#[test]
fn a_row_of_the_website_with_a_placeholder_of_another_program_fails_and_says_so() {
    let project = Project::alone();
    let channel = project.channel("Toko", "default");
    let site = project.site();
    let _server = site.serve();
    let mut texts = Vec::new();
    for text in ["Halo [Nama]", "Halo *|FNAME|*", "{% if x %}Halo{% endif %}", "{{{name}}}"] {
        let id = project.message(&channel, "now() + interval '1 day'", &["6281200007001"]);
        let due = "scheduled_at = now() + interval '1 second'";
        project
            .sql(&format!("update auto_messages set message = '{text}', {due} where id = '{id}'"));
        texts.push((id, text));
    }
    for (id, text) in texts {
        until("it failed", || project.status(&id) == "failed");
        let error = format!("SELECT error_code FROM auto_messages WHERE message = '{text}'");
        assert_eq!(site.sqlite3(&error).trim(), "foreign_placeholder", "{text}");
    }
    assert!(site.waha.received().is_empty());
}

#[test]
fn a_result_that_the_database_takes_late_is_neither_lost_nor_taken_for_anothers() {
    let project = Project::alone();
    let channel = project.channel("Toko", "default");
    let site = project.site();
    site.write_settings(&format!("{}SEND_DELAY_SECONDS=2\n", project.settings_at(&project.url)));
    let server = site.serve();
    let id = project.message(&channel, "now()", &["6281200007001", "6281200007002"]);
    until("the first is sent", || site.waha.received().len() == 1);
    let lock = format!(
        "begin; select 1 from auto_messages where id = '{id}' for update; select pg_sleep(5); commit"
    );
    std::thread::scope(|scope| {
        scope.spawn(|| project.sql(&lock));
        until("the second is sent", || site.waha.received().len() == 2);
    });
    until("the row is sent", || project.status(&id) == "sent");
    until("the claim is settled", || {
        site.sqlite3("SELECT state FROM link_claims").trim() == "settled"
    });
    assert_eq!(received(&site), once(&["6281200007001", "6281200007002"]));
    assert!(!server.log().contains("turn its own cron off"), "{}", server.log());
}

#[test]
fn a_website_that_sends_itself_is_told_of() {
    let project = Project::alone();
    let channel = project.channel("Toko", "default");
    project.message(&channel, "now()", &["6281200007009"]);
    project.sql("update auto_messages set status = 'sent', sent_at = now()");
    let site = Site::new();
    site.write_settings(&format!(
        "{}SUPABASE_TIMEOUT_SECONDS=12\n",
        project.settings_at(&project.url)
    ));
    let check = site.run(&["link", "check"]);
    let check = String::from_utf8(check.stdout).unwrap();
    assert!(check.contains("1 row was sent in the last 24 hours, not from here"), "{check}");
    link_on(&site);
    site.write_settings(&format!("{}SEND_DELAY_SECONDS=2\n", project.settings_at(&project.url)));
    let mut server = site.serve();
    let id = project.message(&channel, "now()", &["6281200007001", "6281200007002"]);
    until("the first is sent", || site.waha.received().len() == 1);
    project.sql(&format!(
        "update auto_messages set status = 'sent', sent_at = now() where id = '{id}'"
    ));
    server.wait_for_log("turn its own cron off");
    let doctor = site.run(&["doctor"]);
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("turn its own cron off"));
    until("what is left is cancelled", || {
        site.sqlite3("SELECT group_concat(status) FROM deliveries").trim() == "sent,cancelled"
    });
    assert_eq!(site.waha.received().len(), 1);
}

#[test]
fn a_run_by_cron_takes_sends_and_writes_back_and_a_link_that_is_off_does_nothing() {
    let project = Project::shared();
    let channel = project.channel("Toko", "default");
    let site = project.site();
    site.write_settings(&format!(
        "{}SUPABASE_TIMEOUT_SECONDS=12\n",
        project.settings_at(&project.url)
    ));
    let id = project.message(&channel, "now()", &["6281200007001"]);
    assert!(site.run(&["run"]).status.success());
    assert_eq!(project.status(&id), "sent");
    assert_eq!(project.sql("select status from auto_message_deliveries"), "sent");
    assert!(site.run(&["link", "off"]).status.success());
    assert_eq!(project.sql("select count(*) from auto_message_channel_owners"), "0");
    let id = project.message(&channel, "now()", &["6281200007002"]);
    assert!(site.run(&["run"]).status.success());
    assert_eq!(project.status(&id), "scheduled");
    link_on(&site);
    assert!(site.run(&["run"]).status.success());
    assert_eq!(project.status(&id), "sent");
}

#[test]
fn a_row_that_another_appliance_has_claimed_is_not_sent_from_here() {
    let project = Project::shared();
    let channel = project.channel("Toko", "default");
    let site = project.site();
    let claimed = |phone: &str, settled: &str| {
        let id = project.message(&channel, "now() + interval '3 seconds'", &[phone]);
        project.sql(&format!(
            "insert into auto_message_claims (auto_message_id, due_at, claimed_by, claim_token, settled_at, status)
             select id, scheduled_at, 'lain', 'x', {settled} from auto_messages where id = '{id}'"
        ));
        id
    };
    let settled = claimed("6281200007001", "now(), 'sent'");
    let open = claimed("6281200007002", "null, null");
    let own = project.message(&channel, "now() + interval '3 seconds'", &["6281200007003"]);
    let _server = site.serve();
    until("the own one is sent", || project.status(&own) == "sent");
    until("the settled one moves on", || project.status(&settled) == "sent");
    // Of a channel that is ours now, what another one left open is unknown, and never sent.
    until("the open one is ended", || {
        project.status(&open) != "scheduled" || !site.waha.received().is_empty()
    });
    assert_eq!(received(&site), once(&["6281200007003"]));
}
