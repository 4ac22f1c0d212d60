//! What people and monitors see of the link: lists, alerts, pages and figures; and that the key is in none of them.

use std::sync::Arc;

use auto_message_scheduler::clock::SystemClock;
use auto_message_scheduler::config::{AdminPassword, Secret};
use auto_message_scheduler::panel::Panel;
use auto_message_scheduler::store::Store;

use crate::panel::{Browser, PASSWORD};
use crate::project::Project;
use crate::receiver::{Mood, Receiver};
use crate::site::{SECRET, Server, Site, stderr, until};
use crate::world::config;

fn said(site: &Site, arguments: &[&str]) -> String {
    let output = site.run(arguments);
    format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output))
}

#[test]
fn what_would_be_sent_what_stays_and_what_has_no_channel_is_listed() {
    let project = Project::alone();
    let channel = project.channel("Toko", "default");
    let insert = |rows: &str, at: &str, channel: &str| {
        project.sql(&format!(
            "insert into auto_messages (title, message, scheduled_at, chanel_id)
             select 'Baris ' || n, 'Rahasia pelanggan', {at}, {channel} from generate_series({rows}) n"
        ))
    };
    let ours = format!("'{channel}'");
    insert("1, 12", "now() + n * interval '1 hour'", &ours);
    insert("50, 52", "now() - interval '40 days'", &ours);
    let site = Site::new();
    site.write_settings(&format!(
        "{}SUPABASE_TIMEOUT_SECONDS=12\n",
        project.settings_at(&project.url)
    ));
    let check = said(&site, &["link", "check"]);
    let part = |from: &str| check.split(from).nth(1).unwrap_or_default().to_owned();
    let sends = part("would be sent");
    assert!(sends.contains("Baris 1\n") && sends.contains("Baris 10\n"), "{check}");
    assert!(!sends.contains("Baris 11\n") && sends.contains("and 2 more"), "{check}");
    assert!(part("old, stays as it is").contains("Baris 51"), "{check}");
    assert!(!check.contains("Rahasia") && !check.contains(&project.key), "{check}");

    crate::project::link_on(&site);
    insert("70, 70", "now()", "null");
    let check = said(&site, &["link", "check", "--json"]);
    let check: serde_json::Value = serde_json::from_str(&check).unwrap();
    assert_eq!((&check["to_send"], &check["without_channel"]), (&12.into(), &1.into()));
    assert_eq!(check["without_channel_rows"][0]["title"], "Baris 70");
    let doctor = said(&site, &["doctor"]);
    let doctor = doctor.split_whitespace().collect::<Vec<_>>().join(" ");
    let found = "rows of the website that are due without a channel (1): ";
    assert!(doctor.contains(found), "{doctor}");
    assert!(doctor.contains("`Baris 70` (no channel)"), "{doctor}");
}

#[test]
fn a_linked_project_lists_what_is_not_sent_apart_from_what_is() {
    let project = Project::alone();
    let off = project.channel("Toko", "default");
    let on = project.channel("Gudang", "default");
    let insert = |title: &str, at: &str, channel: &str| {
        project.sql(&format!(
            "insert into auto_messages (title, message, scheduled_at, chanel_id)
             values ('{title}', 'Rahasia pelanggan', {at}, {channel})"
        ))
    };
    insert("Lama", "now() - interval '40 days'", "null");
    let site = project.site();
    site.write_settings(&format!(
        "{}SUPABASE_TIMEOUT_SECONDS=12\n",
        project.settings_at(&project.url)
    ));
    let free = project.channel("Cabang", "tidak-ada");
    let doctor = said(&site, &["doctor"]);
    let complaints = ["without a channel", "that is off there"];
    assert!(complaints.iter().all(|words| !doctor.contains(words)), "{doctor}");
    project.sql(&format!("update chanels set is_active = false where id = '{off}'"));
    for (title, channel) in [("Mati", &off), ("Hidup", &on), ("Bebas", &free)] {
        insert(title, "now()", &format!("'{channel}'"));
        insert(&format!("{title} besok"), "now() + interval '1 day'", &format!("'{channel}'"));
    }
    let json = said(&site, &["link", "check", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let titles = |rows: &str| -> Vec<String> {
        let rows = json[rows].as_array().unwrap();
        rows.iter().map(|row| row["title"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(titles("to_send_rows"), ["Hidup", "Hidup besok"]);
    assert_eq!(titles("unsent_rows"), ["Mati", "Bebas"]);
    assert_eq!(titles("old_rows"), ["Lama"]);
    assert_eq!((&json["unsent"], &json["without_channel"]), (&2.into(), &0.into()));
    let check = said(&site, &["link", "check"]);
    let part = check.split("due, but nobody sends").nth(1).unwrap_or_default();
    assert!(part.contains("Mati") && part.contains("Bebas"), "{check}");
    assert!(check.contains("from here, once it is on"), "{check}");
    let doctor = said(&site, &["doctor"]);
    let doctor = doctor.split_whitespace().collect::<Vec<_>>().join(" ");
    let found = "rows of the website that are due on a channel that is off there, or that nobody sends for (2):";
    assert!(doctor.contains(found) && doctor.contains("`Mati` (Toko)"), "{doctor}");
    assert!(!doctor.contains("without a channel"), "{doctor}");
}

#[test]
fn a_name_that_no_channel_of_the_website_has_is_told_beside_those_that_are_taken() {
    let project = Project::alone();
    project.channel("Apotek", "default");
    let unnamed = project.channel("", "tanpa-nama");
    let site = Site::new();
    let settings = project.settings_at(&project.url);
    site.write_settings(&format!("{settings}SUPABASE_TIMEOUT_SECONDS=12\n"));
    let told = "Gudnag: the website has no such channel: `link check` lists them";
    let on = said(&site, &["link", "on", "--yes", "--channels", "Apotek,Gudnag"]);
    assert!(on.contains("Apotek") && on.contains(told), "{on}");

    let on = said(&site, &["link", "on", "--yes", "--channels", "Apotek,"]);
    assert!(on.contains("Apotek") && !on.contains(&unnamed), "{on}");
    assert!(!on.contains("not taken"), "{on}");

    let output = site.run(&["link", "on", "--yes", "--channels", "Gudnag"]);
    assert!(!output.status.success() && crate::site::stderr(&output).contains(told));
}

#[test]
fn a_project_that_does_not_answer_as_one_is_told_with_the_settings_that_name_it() {
    let site = Site::new();
    // Nobody listens there; and a server that is none of Supabase's.
    let (closed, other) = ("http://127.0.0.1:1".to_owned(), site.waha.base_url());
    for (url, words) in [(closed, "refused"), (other, "40")] {
        site.write_settings(&format!(
            "SUPABASE_URL={url}\nSUPABASE_SERVICE_ROLE_KEY=sb_secret_0123456789\n"
        ));
        let output = site.run(&["link", "check"]);
        let told = crate::site::stderr(&output);
        assert!(!output.status.success() && told.contains(words), "{told}");
        assert!(told.contains("look at SUPABASE_URL"), "{told}");
    }
    site.write_settings(
        "SUPABASE_URL=https://abc.supabase.co\nSUPABASE_SERVICE_ROLE_KEY=sb_secre\n",
    );
    let told = crate::site::stderr(&site.run(&["link", "check"]));
    assert!(told.contains("from the project's settings (API keys)"), "{told}");
    assert!(!told.contains("sb_secre:"), "{told}");
}

/// The panel's first page, over the site's database.
fn page(site: &Site) -> String {
    let store = Store::open(&site.database()).unwrap();
    let password = AdminPassword::Plain(Secret::new(PASSWORD));
    let (clock, triggers) = (Arc::new(SystemClock::default()), Arc::default());
    let panel = Panel::new(store, clock, triggers, config().into(), password);
    let body = Browser::logged_in(&panel).get(&panel, "/panel").body;
    String::from_utf8(body).unwrap()
}

/// Whatever shows something of the link.
fn everything(site: &Site, server: &Server) -> String {
    let mut all = server.log();
    for command in [
        &["status"][..],
        &["status", "--json"],
        &["doctor"],
        &["doctor", "--json"],
        &["link", "status"],
        &["link", "status", "--json"],
        &["link", "check"],
        &["link", "check", "--json"],
        &["link", "on", "--yes"],
        &["link", "take-over", "Toko", "--yes"],
        &["settings"],
        &["settings", "--json"],
    ] {
        all += &said(site, command);
    }
    let bearer = format!("Authorization: Bearer {SECRET}\r\n");
    all += &server.request("GET", "/metrics", &bearer).2;
    all += &server.request("GET", "/health", "").2;
    all += &page(site);
    all += &site.sqlite3("SELECT * FROM meta; SELECT * FROM link_claims; SELECT * FROM alerts");
    all
}

#[test]
fn a_key_that_was_changed_is_refused_with_words_nothing_is_lost_and_no_output_has_it() {
    let project = Project::shared();
    let channel = project.channel("Toko", "default");
    let site = project.site();
    let alerts = Receiver::new(Mood::Answers(200));
    let settings = |key: &str| {
        format!(
            "{}SUPABASE_SERVICE_ROLE_KEY={key}\nSUPABASE_TIMEOUT_SECONDS=0.6\nALERT_URL={}\n",
            project.settings_at(&project.url),
            alerts.url("/x")
        )
    };
    site.write_settings(&settings(&project.key));
    let mut server = site.serve();
    let first = project.message(&channel, "now()", &["6281200007001"]);
    until("the first is sent", || project.status(&first) == "sent");
    let secret = |text: &str| {
        let signature = project.key.rsplit('.').next().unwrap();
        text.contains(&project.key)
            || text.contains(signature)
            || text.contains(&project.secret_key)
    };
    let all = everything(&site, &server);
    assert!(!secret(&all), "{all}");
    for part in ["ams_link_outbox 0", "ams_link_refused 0", "0 open, 0 to write; Toko", "Toko · 0 "]
    {
        assert!(all.contains(part), "{part}: {all}");
    }

    project.refuse_key();
    let second = project.message(&channel, "now()", &["6281200007002"]);
    server.wait_for_log("Supabase: 401");
    alerts.wait(|told| told.iter().any(|(_, body)| body.contains("link_trouble")));
    let all = everything(&site, &server);
    assert!(all.contains("Invalid API key") && all.contains("ams_link_trouble 1"), "{all}");
    assert!(!secret(&all), "{all}");
    assert_eq!(project.status(&second), "scheduled");
    let told = alerts.take();
    assert_eq!(told.len(), 1, "told once: {told:?}");
    assert!(told[0].1.contains("Supabase refuses the key") && !secret(&told[0].1), "{told:?}");

    server.kill();
    site.write_settings(&settings(&project.secret_key));
    let server = site.serve();
    until("the second is sent", || project.status(&second) == "sent");
    alerts.wait(|told| told.iter().any(|(_, body)| body.contains("link_over")));
    let all = everything(&site, &server);
    assert!(!secret(&all), "{all}");
    assert_eq!(site.waha.received().len(), 2);
}

#[test]
fn a_project_that_stays_away_is_told_once_and_so_is_its_return() {
    let project = Project::alone();
    project.channel("Toko", "default");
    let site = project.site();
    let alerts = Receiver::new(Mood::Answers(200));
    site.write_settings(&format!(
        "{}ALERT_URL={}\n",
        project.settings_at(&project.url),
        alerts.url("/x")
    ));
    let mut server = site.serve();
    until("it answers", || said(&site, &["status", "--json"]).contains("\"answered_at\": \"20"));
    project.verb("stop");
    server.wait_for_log("link: Supabase: ");
    // A quarter of an hour later.
    site.sqlite3("UPDATE meta SET value = '2026-01-01T00:00:00Z' WHERE key = 'link_trouble_since'");
    alerts.wait(|told| !told.is_empty());
    let doctor = said(&site, &["doctor"]);
    assert!(doctor.contains("no good answer since 2026-01-01"), "{doctor}");
    project.verb("start");
    alerts.wait(|told| told.len() > 1);
    let told = alerts.take();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].1.contains("link_trouble") && told[0].1.contains("no good answer since"));
    assert!(told[1].1.contains("link_over") && told[1].1.contains("answers again"), "{told:?}");
}

#[test]
fn a_result_that_the_website_refuses_is_told_and_shown_until_it_is_taken_and_holds_up_no_other() {
    let project = Project::shared();
    let channel = project.channel("Toko", "default");
    let site = project.site();
    let alerts = Receiver::new(Mood::Answers(200));
    let settings = project.settings_at(&project.url);
    site.write_settings(&format!("{settings}ALERT_URL={}\n", alerts.url("/x")));
    let message = |phone: &str| project.message(&channel, "now() + interval '2 seconds'", &[phone]);
    let (bad, good) = (message("6281200007001"), message("6281200007002"));
    project.sql(&format!(
        "alter table auto_messages add constraint strict check (id <> '{bad}' or status <> 'sent')"
    ));
    let server = site.serve();
    until("the other one is written", || project.status(&good) == "sent");
    alerts.wait(|told| !told.is_empty());
    let all = everything(&site, &server);
    for part in
        ["ams_link_refused 1", "1 refused", "1 ditolak", "Supabase refuses 1 result", "23514"]
    {
        assert!(all.contains(part), "{part}: {all}");
    }
    assert!(!all.contains("Failing row") && !all.contains("Rahasia"), "{all}");
    project.sql("alter table auto_messages drop constraint strict");
    until("it is taken", || project.status(&bad) == "sent");
    alerts.wait(|told| told.len() > 1);
    let told = alerts.take();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].1.contains("has taken what it refused"), "{told:?}");
}
