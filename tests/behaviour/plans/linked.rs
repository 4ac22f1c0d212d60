//! The statements of the link, noted with a real project.

use std::sync::{Arc, LazyLock};

use auto_message_scheduler::clock::{Clock, SystemClock};
use auto_message_scheduler::config::{Config, parse_env_file};
use auto_message_scheduler::store::{Statement, Store, noted_statements, watch_statements};
use auto_message_scheduler::supabase::{Choice, pass_once, turn_on};

use crate::project::Project;
use crate::site::{Site, until};

/// What was noted while rows were sent, edited, cancelled and refused, in both modes.
pub static STATEMENTS: LazyLock<Vec<Statement>> = LazyLock::new(|| {
    let (shared, alone) = (Project::shared(), Project::alone());
    [sent(&shared), restored(&alone)].concat()
});

fn config(site: &Site) -> Arc<Config> {
    let path = site.path("auto-message-scheduler.env");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut values = parse_env_file(&path, &text).unwrap();
    values.insert("DATABASE_PATH".to_owned(), site.database().display().to_string());
    Arc::new(Config::from_values(values).unwrap())
}

fn pass(site: &Site) {
    let config = config(site);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    watch_statements(&site.database());
    pass_once(&config, &clock).unwrap();
}

fn site(project: &Project) -> Site {
    let site = project.site();
    site.write_settings(&format!(
        "{}SUPABASE_TIMEOUT_SECONDS=12\n",
        project.settings_at(&project.url)
    ));
    site
}

fn sent(project: &Project) -> Vec<Statement> {
    let channel = project.channel("Toko", "default");
    let site = site(project);
    let message = |phone: &str| project.message(&channel, "now()", &[phone]);
    let (again, refused) = (message("6281200007001"), message("6281200007002"));
    let series = r#"[{"date":"2020-01-01","time":"09:00"},{"date":"2090-01-01","time":"09:00"}]"#;
    let contacts = r#"[{"phone":"6281200007003"}]"#;
    project.row(&channel, "now()", contacts, series);
    pass(&site);
    // Edited and cancelled before anything of them is sent.
    let (edited, over) = (message("6281200007004"), message("6281200007005"));
    pass(&site);
    project.sql(&format!("update auto_messages set title = 'lain' where id = '{edited}'"));
    project.sql(&format!("update auto_messages set status = 'cancelled' where id = '{over}'"));
    pass(&site);
    assert!(site.run(&["run"]).status.success());
    // Armed again for somebody new; a result that is refused; a claim of another; another session.
    project.sql(&format!(
        "update auto_messages set status = 'scheduled', contact_ids = contact_ids || '[{{\"phone\":\"6281200007006\"}}]' where id = '{again}';
         alter table auto_messages add constraint strict check (id <> '{refused}' or status <> 'sent') not valid;
         update auto_messages set status = 'scheduled', contact_ids = contact_ids || '[{{\"phone\":\"6281200007007\"}}]' where id = '{refused}'"
    ));
    let foreign = message("6281200007008");
    project.sql(&format!(
        "insert into auto_message_claims (auto_message_id, due_at, claimed_by, claim_token)
         select id, scheduled_at, 'lain', 'x' from auto_messages where id = '{foreign}';
         update chanels set session_name = 'sesi lain'"
    ));
    pass(&site);
    // What is refused in a run of cron is refused here, too, and told.
    assert!(site.run(&["run"]).status.success());
    site.sqlite3(
        "INSERT INTO meta (key, value) VALUES ('alerts_on', '1');
         DELETE FROM meta WHERE key LIKE 'link_told:%'",
    );
    pass(&site);
    site.sqlite3(
        "UPDATE auto_messages SET failed_count = failed_count + 1; UPDATE deliveries SET ack = 2",
    );
    pass(&site);
    pass(&site);
    noted_statements(&site.database())
}

/// A database that was copied from another one, was off, and shares the project then.
fn restored(project: &Project) -> Vec<Statement> {
    project.channel("Toko", "default");
    let site = site(project);
    site.sqlite3("UPDATE meta SET value = 'another' WHERE key = 'link_history'");
    pass(&site);
    assert!(site.run(&["link", "off"]).status.success());
    assert!(project.psql(include_str!("../../../dist/supabase/migration.sql")).status.success());
    let check = || site.run(&["link", "check", "--json"]).stdout;
    until("PostgREST knows the tables", || {
        String::from_utf8(check()).unwrap().contains(r#""mode": "shared""#)
    });
    watch_statements(&site.database());
    let mut store = Store::open(&site.database()).unwrap();
    let choice = Choice { channels: None, has_session: &|_| true };
    turn_on(&config(&site), &mut store, &choice, SystemClock::default().now().wall).unwrap();
    noted_statements(&site.database())
}
