//! The link to a website's project: a whole cycle beside what PostgREST itself gives, a poll beside many
//! scheduled rows, and what many appliances ask for.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

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
    /// `None` when a tool is not there.
    fn start() -> Option<Self> {
        let directory = tempfile::Builder::new().prefix("ams-bench-").tempdir_in("/tmp");
        let mut project = Self { directory: directory.expect("a place"), key: String::new() };
        let mut start = project.command("start");
        start.env("MIGRATION", root().join("dist/supabase/migration.sql"));
        if !start.output().expect("it starts").status.success() {
            eprintln!(
                "link: skipped; `bash tests/supabase/up.sh install` gets PostgreSQL and PostgREST"
            );
            return None;
        }
        let env =
            std::fs::read_to_string(project.directory.path().join("env")).expect("its settings");
        let key = env.lines().find_map(|line| line.strip_prefix("SUPABASE_SERVICE_ROLE_KEY="));
        key.expect("a key").clone_into(&mut project.key);
        Some(project)
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

    /// One request; returns the rows of its answer.
    fn ask(
        &self,
        agent: &ureq::Agent,
        method: &str,
        path: &str,
        prefer: &str,
        body: &Value,
    ) -> Vec<Value> {
        let url = format!("{GATEWAY}/rest/v1/{path}");
        let json = "application/json";
        let sent = match method {
            "GET" => self.headers(agent.get(&url)).call(),
            "POST" => self
                .headers(agent.post(&url))
                .header("Prefer", prefer)
                .header("Content-Type", json)
                .send(body.to_string()),
            _ => self
                .headers(agent.patch(&url))
                .header("Prefer", prefer)
                .header("Content-Type", json)
                .send(body.to_string()),
        };
        let text = sent.expect("an answer").body_mut().read_to_string().expect("a body");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Everything that an appliance asks PostgREST for, `batch` messages at a time, and nothing else: no
    /// ledger, no WAHA. Returns the messages a second of `clients`, each with `count` of them.
    fn round_trips(&self, clients: usize, count: usize, batch: usize) -> f64 {
        self.sql(&format!("delete from auto_messages; {}", rows(clients * count, clients)));
        let channels: Vec<String> = (1..=clients)
            .map(|n| self.sql(&format!("select id from chanels where name = 'c{n}'")))
            .collect();
        let began = Instant::now();
        thread::scope(|scope| {
            for channel in &channels {
                scope.spawn(move || {
                    let agent = ureq::Agent::new_with_defaults();
                    for _ in 0..count / batch {
                        self.cycle(&agent, channel, batch);
                    }
                });
            }
        });
        let left =
            self.sql("select count(*) from auto_message_claims where settled_at is not null");
        assert_eq!(left, (clients * count).to_string());
        let rate = clients * count;
        f64::from(u32::try_from(rate).expect("few")) / began.elapsed().as_secs_f64()
    }

    fn cycle(&self, agent: &ureq::Agent, channel: &str, batch: usize) {
        let list = |names: &[String]| names.join(",");
        let rows = "return=representation";
        let seen = "auto_message_channel_owners?appliance_id=eq.x&select=channel_id";
        self.ask(agent, "PATCH", seen, rows, &json!({ "seen_at": "now" }));
        let path = format!("{POLL}&chanel_id=eq.{channel}&limit={batch}");
        let found = self.ask(agent, "GET", &path, "", &Value::Null);
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let ids: Vec<String> = found.iter().map(|row| text(row, "id")).collect();
        let claims: Vec<Value> = found
            .iter()
            .map(|row| {
                json!({ "auto_message_id": row["id"],
            "due_at": row["scheduled_at"], "claimed_by": "x", "claim_token": row["id"] })
            })
            .collect();
        let ignore = "resolution=ignore-duplicates,return=representation";
        let path = "auto_message_claims?on_conflict=auto_message_id,due_at";
        self.ask(agent, "POST", path, ignore, &json!(claims));
        let whole = "select=id,title,message,contact_ids,scheduled_at,schedules,status,sent_at,updated_at,chanel_id";
        let path = format!("auto_messages?id=in.({})&{whole}", list(&ids));
        let read = self.ask(agent, "GET", &path, "", &Value::Null);
        let path = "contacts?phone_number=in.(6281200007001,%2B6281200007001)&select=id,name,phone_number,is_active";
        self.ask(agent, "GET", path, "", &Value::Null);
        let results: Vec<Value> = found.iter().map(|row| json!({ "auto_message_id": row["id"],
            "due_at": row["scheduled_at"], "chat_id": "6281200007001@c.us", "status": "sent", "seq": 1 })).collect();
        let merge = "resolution=merge-duplicates,return=representation";
        let path =
            "auto_message_deliveries?on_conflict=auto_message_id,due_at,chat_id&select=chat_id";
        self.ask(agent, "POST", path, merge, &json!(results));
        let guard = |row: &Value| {
            let at = |name| text(row, name).replace('+', "%2B");
            format!(
                "and(id.eq.{},scheduled_at.eq.%22{}%22,updated_at.eq.%22{}%22)",
                text(row, "id"),
                at("scheduled_at"),
                at("updated_at")
            )
        };
        let guards: Vec<String> = read.iter().map(guard).collect();
        let path = format!("auto_messages?status=eq.scheduled&or=({})", guards.join(","));
        self.ask(
            agent,
            "PATCH",
            &path,
            "return=minimal",
            &json!({ "status": "sent", "sent_at": "now" }),
        );
        let path = format!(
            "auto_messages?id=in.({})&select=id,status,scheduled_at,updated_at",
            list(&ids)
        );
        self.ask(agent, "GET", &path, "", &Value::Null);
        let path = format!(
            "auto_message_claims?claim_token=in.({0})&auto_message_id=in.({0})&select=due_at",
            list(&ids)
        );
        self.ask(agent, "PATCH", &path, rows, &json!({ "settled_at": "now", "status": "sent" }));
    }
}

/// SQL that makes due rows on the first `channels` channels.
fn rows(count: usize, channels: usize) -> String {
    format!(
        "insert into auto_messages (title, message, contact_ids, scheduled_at, chanel_id)
         select 'x', 'Halo', '[{{\"phone\":\"6281200007001\"}}]', now(),
             (select id from chanels where name = 'c' || (n % {channels} + 1))
         from generate_series(1, {count}) n"
    )
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
    let Some(project) = Project::start() else { return Vec::new() };
    project.sql("insert into chanels (name, session_name) select 'c' || n, 's' || n from generate_series(1, 10) n");
    let count = if is_quick { 400 } else { 2_000 };
    vec![cycle(&project, count), load(&project), poll(&project), memory(&project)]
}

/// A place that is linked to the project.
fn linked(project: &Project, stub: &Stub, tick: &str) -> Place {
    let settings = [
        ("SEND_DELAY_SECONDS", "0"),
        ("TICK_SECONDS", tick),
        ("SUPABASE_URL", GATEWAY),
        ("SUPABASE_SERVICE_ROLE_KEY", &project.key),
    ];
    let place = Place::new(&stub.base_url, &settings);
    assert!(place.command(&["link", "on", "--yes"]).status().expect("it runs").success());
    place
}

/// From rows that are due to rows and claims that are settled, by one appliance.
fn cycle(project: &Project, count: u32) -> Line {
    let before = project.round_trips(1, 400, BATCH);
    let stub = Stub::start(Duration::ZERO);
    let place = linked(project, &stub, "1");
    project.sql(&format!("delete from auto_messages; {}", rows(count as usize, 10)));
    let began = Instant::now();
    let server = place.serve();
    let settled = "SELECT count(*) FROM link_claims WHERE state = 'settled'";
    while place.ask::<u32>(settled) < count {
        assert!(began.elapsed() < Duration::from_mins(3), "it does not end");
        thread::sleep(Duration::from_millis(50));
    }
    let rate = f64::from(count) / began.elapsed().as_secs_f64();
    drop(server);
    assert_eq!(
        project.sql("select count(*) from auto_messages where status = 'sent'"),
        count.to_string()
    );
    assert_eq!(stub.count(), count as usize);
    project.sql("truncate auto_message_channel_owners");
    let limit = f64::midpoint(before, project.round_trips(1, 400, BATCH));
    Line {
        figure: format!(
            "link: {count} rows of a website found, claimed, sent and settled by one appliance"
        ),
        must: "300 messages/s; the limit is its requests to PostgREST and nothing else".into(),
        measured: format!("{rate:.0} messages/s, {:.2} of {limit:.0}", rate / limit),
        is_reached: rate >= 300.0,
    }
}

/// Messages that an appliance takes, plans and settles together.
const BATCH: usize = 20;

const POLL: &str = "auto_messages?select=id,scheduled_at,auto_message_claims()&status=eq.scheduled&scheduled_at=lte.now&scheduled_at=gte.2026-01-01T00:00:00Z&auto_message_claims.settled_at=is.null&auto_message_claims=is.null&order=scheduled_at,id";

/// What 100 appliances that send a message a minute each ask for, beside what the project can do.
fn load(project: &Project) -> Line {
    let possible = project.round_trips(10, 60, 1);
    let asked = 100.0 / 60.0;
    let share = asked / possible * 100.0;
    Line {
        figure: "link: 100 appliances on one project, a message a minute each, one at a time"
            .into(),
        must: "under 5 % of what it can do".into(),
        measured: format!("{share:.1} % ({asked:.1} of {possible:.0} messages/s)"),
        is_reached: share < 5.0,
    }
}

/// What the link weighs when nothing is due; without SUPABASE_URL nothing of it exists.
fn memory(project: &Project) -> Line {
    let stub = Stub::start(Duration::ZERO);
    let resident = |place: &Place| {
        let server = place.serve();
        thread::sleep(Duration::from_secs(10));
        (server.usage().resident_kib, server.has_thread("link"))
    };
    let (without, has_thread) = resident(&Place::new(&stub.base_url, &[("TICK_SECONDS", "2")]));
    let (with, _) = resident(&linked(project, &stub, "2"));
    let megabytes = |kib: u64| super::small::mega(kib * 1024);
    Line {
        figure: "link: resident, idle, without SUPABASE_URL and with it".into(),
        must: "without it no thread".into(),
        measured: format!("{:.2} and {:.2} MB", megabytes(without), megabytes(with)),
        is_reached: !has_thread,
    }
}

/// A poll beside 100,000 rows that wait for their time.
fn poll(project: &Project) -> Line {
    let poll = format!("{POLL}&limit=100");
    let before = project.gets_a_second(&poll, 1, 3);
    project.sql(
        "insert into auto_messages (title, message, contact_ids, scheduled_at, chanel_id)
         select 'x', 'Halo', '[]', now() + n * interval '1 minute' + interval '1 day', (select id from chanels limit 1)
         from generate_series(1, 100000) n",
    );
    project.sql("analyze auto_messages");
    let after = project.gets_a_second(&poll, 1, 3);
    Line {
        figure: "link: a poll beside 100,000 scheduled rows".into(),
        must: "at most 2 times as slow".into(),
        measured: format!("{:.2} times ({:.1} ms)", before / after, 1e3 / after),
        is_reached: before / after <= 2.0,
    }
}
