//! The link to a website's project: a whole cycle beside what PostgREST itself gives, a poll beside many
//! scheduled rows, and what many appliances ask for.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::Line;
use crate::program::Place;
use crate::stub::Stub;

const PORTS: [(&str, &str); 3] =
    [("PG_PORT", "27432"), ("REST_PORT", "27431"), ("GATEWAY_PORT", "27430")];
const GATEWAY: &str = "http://127.0.0.1:27430";

/// PostgreSQL, PostgREST and a gateway: see `tests/supabase/up.sh`.
struct Project {
    directory: tempfile::TempDir,
    key: String,
}

impl Project {
    fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("ams-bench-").tempdir_in("/tmp");
        let mut project = Self { directory: directory.expect("a place"), key: String::new() };
        let mut start = project.command("start");
        start.env("MIGRATION", root().join("dist/supabase/migration.sql"));
        assert!(
            start.output().expect("it starts").status.success(),
            "see tests/supabase/up.sh install"
        );
        let env =
            std::fs::read_to_string(project.directory.path().join("env")).expect("its settings");
        let key = env.lines().find_map(|line| line.strip_prefix("SUPABASE_SERVICE_ROLE_KEY="));
        key.expect("a key").clone_into(&mut project.key);
        project
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new("bash");
        command.arg(root().join("tests/supabase/up.sh")).arg(verb).arg(self.directory.path());
        command.envs(PORTS).env("TOOLS", root().join("target/supabase-tools"));
        command
    }

    fn sql(&self, sql: &str) -> String {
        let output = self.command("psql").args(["-At", "-c", sql, "postgres"]).output();
        let output = output.expect("psql runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn headers<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        request.header("apikey", &self.key).header("Authorization", format!("Bearer {}", self.key))
    }

    /// GETs a second, one after the other for `secs`, by `clients` at once.
    fn gets_a_second(&self, path: &str, clients: usize, secs: u64) -> f64 {
        let url = format!("{GATEWAY}/rest/v1/{path}");
        let until = Instant::now() + Duration::from_secs(secs);
        let one = || {
            let agent = ureq::Agent::new_with_defaults();
            let mut count = 0_u32;
            while Instant::now() < until {
                let mut reply = self.headers(agent.get(&url)).call().expect("an answer");
                reply.body_mut().read_to_string().expect("a body");
                count += 1;
            }
            f64::from(count)
        };
        let total: f64 = thread::scope(|scope| {
            let all: Vec<_> = (0..clients).map(|_| scope.spawn(one)).collect();
            all.into_iter().map(|one| one.join().expect("no panic")).sum()
        });
        total / Duration::from_secs(secs).as_secs_f64()
    }

    /// PATCHes a second on one connection: a message needs two.
    fn patches_a_second(&self, count: u32) -> f64 {
        let agent = ureq::Agent::new_with_defaults();
        let url = format!(
            "{GATEWAY}/rest/v1/chanels?select=id&id=eq.{}",
            self.sql("select id from chanels limit 1")
        );
        let began = Instant::now();
        for _ in 0..count {
            let request = self.headers(agent.patch(&url)).header("Prefer", "return=representation");
            let mut reply = request
                .header("Content-Type", "application/json")
                .send(r#"{"name":"x"}"#)
                .expect("an answer");
            reply.body_mut().read_to_string().expect("a body");
        }
        f64::from(count) / began.elapsed().as_secs_f64()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        drop(self.command("clean").output());
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

pub fn link(is_quick: bool) -> Vec<Line> {
    let project = Project::start();
    project.sql("insert into chanels (name, session_name) select 'c' || n, 's' || n from generate_series(1, 8) n");
    let mut lines = vec![cycle(&project, if is_quick { 400 } else { 2_000 })];
    lines.push(load(&project));
    lines.push(poll(&project));
    lines
}

/// From rows that are due to rows and claims that are settled, by one appliance.
fn cycle(project: &Project, count: u32) -> Line {
    let stub = Stub::start(Duration::ZERO);
    let settings = [
        ("SEND_DELAY_SECONDS", "0"),
        ("TICK_SECONDS", "1"),
        ("SUPABASE_URL", GATEWAY),
        ("SUPABASE_SERVICE_ROLE_KEY", &project.key),
    ];
    let place = Place::new(&stub.base_url, &settings);
    assert!(place.command(&["link", "on", "--yes"]).status().expect("it runs").success());
    project.sql(&format!(
        "insert into auto_messages (title, message, contact_ids, scheduled_at, chanel_id)
         select 'x', 'Halo', '[{{\"phone\":\"6281200007001\"}}]', now(), (select id from chanels where name = 'c' || (n % 8 + 1))
         from generate_series(1, {count}) n"
    ));
    let before = project.patches_a_second(500);
    let began = Instant::now();
    let server = place.serve();
    while project.sql("select count(*) from auto_message_claims where settled_at is not null")
        != count.to_string()
    {
        thread::sleep(Duration::from_millis(100));
    }
    let rate = f64::from(count) / began.elapsed().as_secs_f64();
    drop(server);
    let limit = (before + project.patches_a_second(500)) / 4.0;
    Line {
        figure: format!(
            "link: {count} rows of a website found, claimed, sent and settled by one appliance"
        ),
        must: "300 messages/s, or half of what two PATCHes a message allow".into(),
        measured: format!("{rate:.0} messages/s, {:.2} of {limit:.0}", rate / limit),
        is_reached: rate >= 300.0 || rate >= limit / 2.0,
    }
}

const POLL: &str = "auto_messages?select=id,scheduled_at,auto_message_claims()&status=eq.scheduled&scheduled_at=lte.now&scheduled_at=gte.2026-01-01T00:00:00Z&auto_message_claims.settled_at=is.null&auto_message_claims=is.null&order=scheduled_at,id&limit=100";

/// What 100 appliances with a tick of 60 s ask for: each tick up to six requests.
fn load(project: &Project) -> Line {
    let possible = project.gets_a_second(POLL, 10, 3);
    let asked = 100.0 * 6.0 / 60.0;
    let share = asked / possible * 100.0;
    Line {
        figure: "link: 100 appliances, tick 60 s, on one project".into(),
        must: "under 5 % of what it can do".into(),
        measured: format!("{share:.1} % ({asked:.0} of {possible:.0} requests/s)"),
        is_reached: share < 5.0,
    }
}

/// A poll beside 100,000 rows that wait for their time.
fn poll(project: &Project) -> Line {
    let before = project.gets_a_second(POLL, 1, 3);
    project.sql(
        "insert into auto_messages (title, message, contact_ids, scheduled_at, chanel_id)
         select 'x', 'Halo', '[]', now() + n * interval '1 minute' + interval '1 day', (select id from chanels limit 1)
         from generate_series(1, 100000) n",
    );
    project.sql("analyze auto_messages");
    let after = project.gets_a_second(POLL, 1, 3);
    Line {
        figure: "link: a poll beside 100,000 scheduled rows".into(),
        must: "at most 2 times as slow".into(),
        measured: format!("{:.2} times ({:.1} ms)", before / after, 1e3 / after),
        is_reached: before / after <= 2.0,
    }
}
