//! `fake-waha`: the simulator on its own.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::{CliResult, stopped_by_signals};
use crate::clock::SystemClock;
use crate::fake_waha::{Engine, FakeWaha, Options, Received, fault_table};
use crate::terminal::one_line;

#[derive(Debug, Args)]
#[command(after_long_help = fault_table())]
pub(super) struct FakeWahaArgs {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:3000", value_name = "ADDRESS")]
    listen: String,
    /// The engine whose replies are imitated: GOWS, NOWEB, WEBJS or WPP
    #[arg(long, default_value = "GOWS")]
    engine: Engine,
    /// Ask for this X-Api-Key
    #[arg(long, value_name = "KEY")]
    api_key: Option<String>,
    /// Answer each request after so many milliseconds
    #[arg(long, default_value_t = 0, value_name = "MS")]
    latency: u64,
    /// `CORE` refuses pictures and files, as WAHA without Plus does
    #[arg(long, default_value = "PLUS", value_parser = ["PLUS", "CORE"])]
    tier: String,
    /// The status of every session, such as SCAN_QR_CODE
    #[arg(long, default_value = "WORKING")]
    status: String,
}

/// Simulates WAHA until stopped, and prints every message that it receives. Faults go by the last
/// four digits of the number: see `--help`.
pub(super) fn fake_waha(args: &FakeWahaArgs) -> CliResult {
    let triggers = stopped_by_signals()?;
    let options = Options {
        listen: args.listen.clone(),
        engine: args.engine,
        api_key: args.api_key.clone(),
        latency: Duration::from_millis(args.latency),
        status: args.status.clone(),
        is_plus: args.tier == "PLUS",
        ..Options::default()
    };
    let fake = FakeWaha::start(options, Arc::new(SystemClock::default()), print)?;
    println!("fake WAHA ({}) on {}; Ctrl-C stops it", args.engine, fake.base_url());
    triggers.wait_for_stop();
    fake.stop();
    Ok(())
}

fn print(received: &Received) {
    let Received { at, session, chat_id, text, route, file, .. } = received;
    let file = file.as_ref().map(|file| {
        let what = file.sha256.as_ref().or(file.url.as_ref()).map_or("", String::as_str);
        format!("{} {what} ", file.mimetype)
    });
    let kind = if route == "sendText" { String::new() } else { format!("[{route}] ") };
    let line = format!(
        "{at} {session} -> {chat_id}: {kind}{}{}",
        file.unwrap_or_default(),
        text.replace('\n', " ⏎ ")
    );
    // A closed terminal is no reason to stop simulating.
    drop(writeln!(std::io::stdout(), "{}", one_line(&line)));
}
