//! `callback`: what CALLBACK_URL was told, and what waits.

use clap::Subcommand;
use serde_json::json;

use super::output::Output;
use super::table::table;
use super::{CliError, CliResult, Desk, refuse};
use crate::alarm::try_callback;
use crate::config::Config;
use crate::store::{Callback, CallbackStatus};
use crate::terminal::one_line;

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  auto-message-scheduler callback test               does your program take one?
  auto-message-scheduler callback list --status failed
  auto-message-scheduler callback retry              all that failed, now")]
pub(super) enum CallbackCommand {
    /// Show the newest callbacks, and how many wait
    List {
        /// Only those that are waiting, told or failed
        #[arg(long, value_parser = status)]
        status: Option<CallbackStatus>,
        /// Show at most so many
        #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        #[command(flatten)]
        output: Output,
    },
    /// Tell callbacks again: these, or all that failed
    Retry {
        /// Their ids, as `callback list` shows them
        #[arg(value_parser = super::row_id)]
        ids: Vec<i64>,
        #[command(flatten)]
        output: Output,
    },
    /// Send a signed test to CALLBACK_URL now
    Test,
}

fn status(word: &str) -> Result<CallbackStatus, String> {
    CallbackStatus::from_word(word).ok_or_else(|| "write waiting, told or failed".to_owned())
}

pub(super) fn callback(command: &CallbackCommand, config: &Config) -> CliResult {
    let mut desk = Desk::open_existing(config)?;
    match command {
        CallbackCommand::List { status, limit, output } => {
            list(&mut desk, *status, *limit, *output)
        }
        CallbackCommand::Retry { ids, output } => retry(&mut desk, ids, *output),
        CallbackCommand::Test => test(&desk),
    }
}

fn list(
    desk: &mut Desk<'_>,
    status: Option<CallbackStatus>,
    limit: u32,
    output: Output,
) -> CliResult {
    let read = desk.store.read(|tx| Ok((tx.callbacks(status, limit)?, tx.callback_counts()?)))?;
    let (callbacks, counts) = read;
    let data = json!({ "counts": counts, "callbacks": callbacks });
    let words = format!(
        "{} waiting, {} failed, {} were dropped untold",
        counts.waiting, counts.failed, counts.dropped
    );
    output.print(&data, |_| {
        if callbacks.is_empty() {
            return words;
        }
        let row = |one: &Callback| {
            let at = one.created_at.map(|at| desk.config.zone.format_local(at));
            vec![
                one.id.to_string(),
                at.unwrap_or_default(),
                one.event.clone(),
                one.subject.clone(),
                one.status.to_string(),
                one.attempts.to_string(),
            ]
        };
        let header = ["id", "happened", "event", "about", "status", "tried"];
        let why = callbacks.iter().find_map(|one| one.error.as_deref());
        let why = why.map(|why| format!("\nthe last failure: {}", one_line(why)));
        let why = why.unwrap_or_default();
        format!("{}\n{words}{why}", table(&header, callbacks.iter().map(row)))
    })
}

fn retry(desk: &mut Desk<'_>, ids: &[i64], output: Output) -> CliResult {
    let done = desk.store.write_all_or_nothing(|tx| {
        if ids.is_empty() {
            return tx.retry_callbacks().map(Some);
        }
        for id in ids {
            if !tx.retry_callback(*id)? {
                return Ok(None);
            }
        }
        Ok(Some(ids.len()))
    })?;
    let Some(count) = done else {
        return refuse("one of these callbacks is not there: `callback list` shows the ids");
    };
    output.print(&json!({ "retried": count }), |_| {
        format!("{count} will be told again, with the same webhook-id")
    })
}

fn test(desk: &Desk<'_>) -> CliResult {
    let Some(target) = &desk.config.callback else {
        return refuse("CALLBACK_URL is not set: docs/callbacks.md tells how");
    };
    try_callback(target, desk.now)
        .map_err(|why| CliError::Refused(format!("CALLBACK_URL did not take a test: {why}")))?;
    super::output::say("CALLBACK_URL took a test")
}
