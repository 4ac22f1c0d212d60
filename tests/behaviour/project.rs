//! A website's Supabase project of real parts: PostgreSQL, PostgREST and a gateway, started by
//! `tests/supabase/up.sh`, with the tables as the website in the wild has them.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU16, Ordering};

use crate::site::{Site, stderr};

/// A running project; stopped and deleted when dropped.
pub struct Project {
    directory: tempfile::TempDir,
    ports: [u16; 3],
    pub is_shared: bool,
    pub url: String,
    pub key: String,
    pub anon_key: String,
    pub secret_key: String,
}

/// What the script is given beside the ports.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Numbers and not uuids.
    pub has_numbers: bool,
    /// The tables of the shared mode.
    pub is_shared: bool,
    /// No answer has more rows.
    pub max_rows: u32,
}

impl Default for Kind {
    fn default() -> Self {
        Self { has_numbers: false, is_shared: false, max_rows: 1000 }
    }
}

impl Project {
    pub fn alone() -> Self {
        Self::start(Kind::default())
    }

    pub fn shared() -> Self {
        Self::start(Kind { is_shared: true, ..Kind::default() })
    }

    pub fn start(kind: Kind) -> Self {
        let directory = tempfile::Builder::new().prefix("ams-project-").tempdir_in("/tmp").unwrap();
        let ports = [free_port(), free_port(), free_port()];
        let mut project = Self {
            directory,
            ports,
            is_shared: kind.is_shared,
            url: format!("http://127.0.0.1:{}", ports[2]),
            key: String::new(),
            anon_key: String::new(),
            secret_key: String::new(),
        };
        let mut command = project.command("start");
        command.env("IDS", if kind.has_numbers { "bigint" } else { "uuid" });
        command.env("MAX_ROWS", kind.max_rows.to_string());
        if kind.is_shared {
            command.env("MIGRATION", root().join("dist/supabase/migration.sql"));
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let env = std::fs::read_to_string(project.directory.path().join("env")).unwrap();
        let value = |name: &str| {
            let line = env.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
            line.unwrap().to_owned()
        };
        project.key = value("SUPABASE_SERVICE_ROLE_KEY");
        project.anon_key = value("SUPABASE_ANON_KEY");
        project.secret_key = value("SUPABASE_NEW_SECRET_KEY");
        project
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new("bash");
        command.arg(root().join("tests/supabase/up.sh")).arg(verb).arg(self.directory.path());
        let names = ["PG_PORT", "REST_PORT", "GATEWAY_PORT"];
        command.envs(names.into_iter().zip(self.ports.map(|port| port.to_string())));
        command.env("TOOLS", root().join("target/supabase-tools"));
        command
    }

    /// Stops PostgreSQL, PostgREST and the gateway, or starts them again with what they had; or
    /// PostgreSQL alone.
    pub fn verb(&self, verb: &str) {
        let output = self.command(verb).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }

    /// A signal for PostgREST; the gateway and PostgreSQL go on.
    pub fn postgrest(&self, signal: &str) {
        self.signal("postgrest.pid", signal);
    }

    fn signal(&self, file: &str, signal: &str) {
        let text = std::fs::read_to_string(self.directory.path().join(file)).unwrap();
        let pid = text.lines().next().unwrap();
        assert!(Command::new("kill").args(["-s", signal, pid]).status().unwrap().success());
    }

    /// From now on the gateway knows the old service key no more; the secret key goes on.
    pub fn refuse_key(&self) {
        let path = self.directory.path().join("nginx.conf");
        let text = std::fs::read_to_string(&path).unwrap();
        let old = format!("\"{}\" ok;", self.key);
        assert!(text.contains(&old));
        std::fs::write(&path, text.replace(&old, "")).unwrap();
        self.signal("nginx.pid", "HUP");
    }

    pub fn psql(&self, sql: &str) -> Output {
        let mut command = self.command("psql");
        command.args(["-At", "-c", sql, "postgres"]).output().unwrap()
    }

    /// What a statement prints: rows in lines, columns with `|` between them.
    pub fn sql(&self, sql: &str) -> String {
        let output = self.psql(sql);
        assert!(output.status.success(), "{sql}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// A channel of the website's on a session of WAHA. Returns its id.
    pub fn channel(&self, name: &str, session: &str) -> String {
        self.sql(&format!(
            "with new as (insert into chanels (name, session_name) values ('{name}', '{session}') returning id)
             select id from new"
        ))
    }

    /// A message that is due at `at` (an SQL expression) for numbers. Returns its id.
    pub fn message(&self, channel: &str, at: &str, phones: &[&str]) -> String {
        let contacts: Vec<String> = phones
            .iter()
            .map(|phone| format!("{{\"name\":\"Budi\",\"phone\":\"{phone}\"}}"))
            .collect();
        self.row(channel, at, &format!("[{}]", contacts.join(",")), "[]")
    }

    /// The same with columns as they are.
    pub fn row(&self, channel: &str, at: &str, contact_ids: &str, schedules: &str) -> String {
        self.sql(&format!(
            "with new as (insert into auto_messages (title, message, contact_ids, scheduled_at, schedules, chanel_id)
                 values ('Promo', 'Rahasia pelanggan', '{contact_ids}', {at}, '{schedules}', '{channel}') returning id)
             select id from new"
        ))
    }

    pub fn status(&self, id: &str) -> String {
        self.sql(&format!("select status from auto_messages where id = '{id}'"))
    }

    /// The settings of an appliance on this project, at `url` (the gateway, or something before it).
    pub fn settings_at(&self, url: &str) -> String {
        format!(
            "TICK_SECONDS=1\nSEND_DELAY_SECONDS=0\nSUPABASE_URL={url}\nSUPABASE_SERVICE_ROLE_KEY={}\n\
             SUPABASE_TIMEOUT_SECONDS=0.3\nAPPLIANCE_NAME=kasir\n",
            self.key
        )
    }

    /// A site that is linked to this project.
    pub fn site(&self) -> Site {
        let site = Site::new();
        let settings = self.settings_at(&self.url);
        site.write_settings(&format!("{settings}SUPABASE_TIMEOUT_SECONDS=12\n"));
        link_on(&site);
        site.write_settings(&settings);
        site
    }
}

/// A port for a program that is started later, or for none. It is below those that the system gives
/// out (from 32768 on Linux): a port of these would be another's before the program has it.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    // Another run of these tests, at the same time, begins elsewhere.
    let first = std::process::id().wrapping_mul(97) % 20_000;
    loop {
        let count = u32::from(TAKEN.fetch_add(1, Ordering::SeqCst));
        let port = 12_000 + u16::try_from((first + count) % 20_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub fn link_on(site: &Site) {
    let output = site.run(&["link", "on", "--yes"]);
    assert!(output.status.success(), "{}", stderr(&output));
}

impl Drop for Project {
    fn drop(&mut self) {
        drop(self.command("clean").output());
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
