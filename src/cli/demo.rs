//! `demo`: the whole way of a message in one command, offline: a simulated WAHA and a real server
//! on free loopback ports, a throw-away database, a trigger over HTTP as cron would send it.

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use clap::Args;
use tempfile::TempDir;

use super::output::unless_read_enough;
use super::progress::Progress;
use super::table::table;
use super::{CliError, CliResult};
use crate::clock::{Clock, SystemClock, Timestamp, Wake};
use crate::config::Config;
use crate::delivery::MessageStatus;
use crate::fake_waha::{FakeWaha, Options};
use crate::http_client::HttpClient;
use crate::private_file;
use crate::serve;
use crate::store::{Delivery, Message, Store, StoreError};
use crate::trigger::Triggers;

/// Long past the end of the demo on the slowest host.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// For the throw-away server only.
const SECRET: &str = "only-for-this-demo-0123456789";

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Keep the database in this new directory instead of throwing it away
    #[arg(long, value_name = "DIRECTORY")]
    keep: Option<PathBuf>,
}

const STOPPED: &str = "stopped before its end";
const NOT_STARTED: &str =
    "the demo's server did not start; run it again with LOG_LEVEL=debug `serve` to see why";

/// Contacts as people write them: every number is one that nobody has.
const CONTACTS: [(&str, &str); 4] = [
    ("Budi Santoso", "0812-0000-7001"),
    ("Siti Rahayu", "+62 813 0000 7002"),
    ("Agus Wijaya", "(0857) 0000.7003"),
    ("Dewi Lestari", "6281200007004"),
];

/// Contact ids, objects, a phone number, a group, one that WAHA refuses, and one that is none.
const RECIPIENTS: &str = r#"[1, "2", {"id": 3}, {"contact_id": 4},
    {"phone": "0878 0000 7005", "name": "Rina"}, "120363000000000001@g.us",
    {"phone": "081300000400", "name": "Nomor salah"}, "08-belum-ada"]"#;

const TEXT: &str = "Halo! Pengingat dari Toko Melati: pesanan Anda siap diambil hari ini.";

pub(super) fn demo(args: &DemoArgs) -> CliResult {
    unless_read_enough(play(args))
}

/// The whole of it; a signal or an error on the way throws the directory away as its end does.
fn play(args: &DemoArgs) -> CliResult {
    let clock = SystemClock::default();
    // Before there is anything to throw away.
    let triggers = super::stopped_by_signals()?;
    let made = directory(args.keep.as_deref());
    let (directory, _thrown_away) =
        made.map_err(|error| refused(format!("failed to make a directory for the demo: {error}")))?;
    let fake = FakeWaha::start(Options::default(), Arc::new(SystemClock::default()), |_| {})?;
    let config = Arc::new(config(&directory, &fake)?);
    let mut store = Store::open(&config.database_path)?;
    let id = fill(&mut store, &clock)?;

    let mut out = io::stdout();
    writeln!(out, "A simulated WAHA listens on {}.", fake.base_url())?;
    writeln!(out, "A database has 4 contacts and a message to 8 recipients that is due now.")?;

    let (told, ready) = mpsc::channel();
    let shown = thread::scope(|scope| {
        let (config, serving) = (&config, &triggers);
        scope.spawn(move || {
            // Whatever goes wrong here is seen below: nobody tells the address, or nothing is sent.
            serve::serve(config, serving, |address| {
                let _ = told.send(address);
            })
        });
        let shown = trigger_and_watch(&ready, &mut store, id, &triggers, &clock);
        let was_stopped = triggers.is_stopping();
        triggers.stop();
        // Whatever failed after a signal failed because of it.
        if was_stopped { Err(refused(STOPPED)) } else { shown }
    });
    let deliveries = shown?;
    show_rows(&deliveries)?;
    show_next_steps(&directory, args, fake.received().len())
}

fn config(directory: &Path, fake: &FakeWaha) -> CliResult<Config> {
    let values = [
        ("WAHA_BASE_URL", fake.base_url()),
        ("DATABASE_PATH", directory.join("demo.db").display().to_string()),
        ("LISTEN_ADDR", "127.0.0.1:0".to_owned()),
        ("CRON_SECRET", SECRET.to_owned()),
        ("SEND_DELAY_SECONDS", "1".to_owned()),
        ("TICK_SECONDS", "0".to_owned()),
    ];
    let values: HashMap<String, String> =
        values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Ok(Config::from_values(values)?)
}

fn fill(store: &mut Store, clock: &dyn Clock) -> Result<i64, StoreError> {
    let now = clock.now().wall;
    store.write(|tx| {
        for (name, phone) in CONTACTS {
            tx.add_contact(name, phone)?;
        }
        let message = Message {
            title: Some("Demo".to_owned()),
            message: TEXT.to_owned(),
            channel_id: 1,
            contact_ids: Some(RECIPIENTS.to_owned()),
            scheduled_at: Some(now),
            status: MessageStatus::Scheduled,
            ..Message::default()
        };
        tx.insert_message(&message, "demo", now)
    })
}

/// Pulls the trigger as cron would, then shows the progress until the message is settled.
fn trigger_and_watch(
    ready: &mpsc::Receiver<SocketAddr>,
    store: &mut Store,
    id: i64,
    triggers: &Triggers,
    clock: &dyn Clock,
) -> CliResult<Vec<Delivery>> {
    let mut out = io::stdout();
    let address = ready.recv_timeout(PATIENCE).map_err(|_| refused(NOT_STARTED))?;
    let url = format!("http://{address}/api/cron-auto-message");
    writeln!(out, "A server is ready on http://{address}. Cron would now say:")?;
    writeln!(out, "  curl -X POST -H 'Authorization: Bearer <CRON_SECRET>' {url}")?;
    let authorization = format!("Bearer {SECRET}");
    let reply = HttpClient::new(PATIENCE)
        .post_json(&url, &[("Authorization", &authorization)], b"{}".to_vec())
        .map_err(|error| not_taken(&error.to_string()))?;
    let answer = String::from_utf8_lossy(&reply.body);
    writeln!(out, "  {} {answer}", reply.status)?;
    if reply.status != 202 {
        return Err(not_taken(&answer));
    }
    writeln!(out, "One message a second (for real it is one a minute):")?;
    let due_at = watch(store, id, triggers, clock)?;
    Ok(store.read(|tx| tx.first_deliveries(id, due_at, None))?)
}

/// Returns when the message was due.
fn watch(
    store: &mut Store,
    id: i64,
    triggers: &Triggers,
    clock: &dyn Clock,
) -> CliResult<Timestamp> {
    let bar = Progress::new();
    let (sleeper, started) = (Wake::default(), clock.now().monotonic);
    loop {
        if triggers.is_stopping() {
            bar.finish();
            return Err(refused(STOPPED));
        }
        let seen = store.read(|tx| {
            let message = tx.message(id)?;
            let Some((message, at)) = message.and_then(|one| one.scheduled_at.map(|at| (one, at)))
            else {
                return Ok(None);
            };
            Ok(Some((message, at, tx.count_occurrence(id, at)?.total())))
        })?;
        let status = seen.as_ref().map_or("gone", |(message, ..)| message.status.as_str());
        if let Some((message, due_at, ended)) = &seen {
            bar.set_length(message.contact_count);
            bar.set_position(*ended);
            bar.draw(&format!("{ended} of {} recipients", message.contact_count));
            if matches!(message.status, MessageStatus::Sent | MessageStatus::Failed) {
                bar.finish();
                return Ok(*due_at);
            }
        }
        if clock.now().monotonic.saturating_sub(started) > PATIENCE {
            return Err(refused(format!(
                "the demo's message is still {status} after {} seconds",
                PATIENCE.as_secs()
            )));
        }
        clock.sleep(&sleeper, sleeper.rings(), Some(LOOK_EVERY));
    }
}

fn show_rows(deliveries: &[Delivery]) -> CliResult {
    let rows = deliveries.iter().map(|delivery| {
        let id = delivery.waha_message_id.as_deref().map(|id| format!("id {id:.12}…"));
        let note = delivery.error.as_ref().map(ToString::to_string).or(id);
        let time = delivery.finished_at.map(|at| at.to_string()[11..19].to_owned());
        vec![
            delivery.name.clone().unwrap_or_default(),
            delivery.chat_id.clone(),
            delivery.status.to_string(),
            time.unwrap_or_default(),
            note.unwrap_or_default(),
        ]
    });
    let header = ["name", "chat_id", "status", "UTC", "WAHA's id, or error"];
    writeln!(io::stdout(), "\nThe table `deliveries`:\n{}", table(&header, rows))?;
    Ok(())
}

fn show_next_steps(directory: &Path, args: &DemoArgs, received: usize) -> CliResult {
    let database = directory.join("demo.db");
    let kept = match &args.keep {
        Some(_) => {
            format!("The database stays: sqlite3 {} 'SELECT * FROM deliveries'", database.display())
        }
        None => "The database is thrown away; `demo --keep DIRECTORY` keeps it.".to_owned(),
    };
    let name = super::own_name();
    Ok(writeln!(
        io::stdout(),
        "\nThe simulated WhatsApp got {received} messages: each recipient once.\n{kept}\n\n\
         Go on: 1. {name} fake-waha   (or your own WAHA)\n       \
         2. {name} init\n       \
         3. {name} message test-send YOUR-NUMBER 'Halo!'"
    )?)
}

fn refused(why: impl Into<String>) -> CliError {
    CliError::Refused(why.into())
}

fn not_taken(why: &str) -> CliError {
    refused(format!("the demo's trigger was not taken: {why}"))
}

/// Where the demo's database lives: in a directory that is made anew, because one that exists is
/// somebody's, or in one that is removed when the demo ends.
fn directory(keep: Option<&Path>) -> io::Result<(PathBuf, Option<TempDir>)> {
    if let Some(path) = keep {
        private_file::make_directory(path)?;
        return Ok((path.to_owned(), None));
    }
    let made = tempfile::Builder::new().prefix("auto-message-scheduler-demo-").tempdir()?;
    Ok((made.path().to_owned(), Some(made)))
}
