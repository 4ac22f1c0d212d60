//! The first start, where database and secret are made: killed in between, and several at once.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::site::{SECRET, Server, Site};

/// A site without a database, and without a secret in its settings.
fn bare_site() -> Site {
    let site = Site::new();
    fs::remove_file(site.database()).unwrap();
    let file = site.path("auto-message-scheduler.env");
    let settings = fs::read_to_string(&file).unwrap();
    fs::write(file, settings.replace(&format!("CRON_SECRET={SECRET}\n"), "")).unwrap();
    site
}

/// What the program made beside its settings: the files that must not be half there.
fn is_whole(site: &Site) {
    let secret = fs::read_to_string(site.path("shop.db.cron-secret")).unwrap();
    assert_eq!(secret.trim().len(), 64, "`{secret}`");
    let check: String =
        site.sql().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[test]
fn a_first_start_that_is_killed_anywhere_does_not_keep_the_next_one_from_starting() {
    let site = bare_site();
    let started = Instant::now();
    site.serve();
    let whole = u32::try_from(started.elapsed().as_millis()).unwrap();
    for step in 0..20 {
        let site = bare_site();
        let mut first = site.start("serve", "killed.log", None);
        thread::sleep(Duration::from_micros(u64::from(whole * 1000 / 20 * step)));
        first.kill();
        let server = site.serve();
        drop(server);
        is_whole(&site);
    }
}

#[test]
fn first_starts_at_the_same_moment_do_not_trip_over_each_other() {
    for round in 0..5 {
        let site = bare_site();
        let mut servers: Vec<Server> = (0..3)
            .map(|number| site.start("serve", &format!("serve-{round}-{number}.log"), None))
            .collect();
        let mut runs: Vec<Server> = (0..3)
            .map(|number| site.start("run", &format!("run-{round}-{number}.log"), None))
            .collect();
        servers.iter_mut().for_each(Server::wait_until_ready);
        for run in &mut runs {
            assert_eq!(run.end(), 0, "{}", run.log());
        }
        is_whole(&site);
    }
}
