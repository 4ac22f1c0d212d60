//! `backup`, `restore` and `confirm-host`.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::CliError;
use super::output::Output;
use crate::backup::{self, BackupError, Restored};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::instance;
use crate::store::{LOOK_AT_UNKNOWN, Store};

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The file to write
    file: PathBuf,
    /// Write FILE.2026-12-01T010000Z instead, and remove all but the newest N of them
    #[arg(long, value_name = "N")]
    keep: Option<NonZeroUsize>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// A file that `backup` made
    file: PathBuf,
}

/// One line: where, and how much.
pub(super) fn backup(args: &BackupArgs, config: &Config) -> Result<(), CliError> {
    let now = SystemClock::new().now().wall;
    let target = args.file.clone();
    ctrlc::set_handler(move || {
        backup::abandon(&target);
        eprintln!("error: stopped before its end: no backup was made");
        std::process::exit(1);
    })?;
    let made = backup::backup(&config.database_path, &args.file, args.keep, now)?;
    let contents = made.contents;
    let data = json!({
        "path": made.path,
        "messages": contents.messages,
        "deliveries": contents.deliveries,
        "contacts": contents.contacts,
        "bytes": made.bytes,
        "removed": made.removed,
    });
    args.output.print(&data, |_| {
        format!(
            "{}: {} messages, {} deliveries, {} contacts, {} bytes; {} older removed",
            made.path.display(),
            contents.messages,
            contents.deliveries,
            contents.contacts,
            made.bytes,
            made.removed,
        )
    })?;
    Ok(())
}

pub(super) fn restore(args: &RestoreArgs, config: &Config) -> Result<(), CliError> {
    let now = SystemClock::new().now().wall;
    let restored = backup::restore(&config.database_path, &args.file, config, now)?;
    show(args, config, &restored)?;
    Ok(())
}

/// The counts, and what a person does next.
fn show(args: &RestoreArgs, config: &Config, restored: &Restored) -> io::Result<()> {
    let mut out = io::stdout();
    let made =
        restored.made_at.map_or("at a time that it does not say".to_owned(), |at| at.to_string());
    let database = config.database_path.display();
    writeln!(out, "{database} is now the backup {}, made {made}.", args.file.display())?;
    match &restored.before {
        Some(before) => writeln!(out, "The database until now is kept as {}.", before.display())?,
        None => writeln!(out, "There was no database until now.")?,
    }
    if restored.lost_messages > 0 {
        writeln!(
            out,
            "{} messages were made after the backup: only that file has them.",
            restored.lost_messages
        )?;
    }
    writeln!(
        out,
        "Messages and contacts are as they were then: look at what was changed or cancelled since."
    )?;
    let marked = restored.marked;
    writeln!(
        out,
        "Deliveries since the backup: {} unknown, {} sent, {} ended otherwise; {} pending.",
        marked.unknown, marked.sent, marked.ended, restored.pending
    )?;
    if !restored.has_evidence {
        writeln!(
            out,
            "The database until now could not tell what was sent since, so nothing is taken for unsent."
        )?;
    }
    if restored.failed_messages > 0 {
        writeln!(
            out,
            "{} messages failed before anything was planned; each `error` says why, and that they may have been sent.",
            restored.failed_messages
        )?;
    }
    if marked.unknown > 0 {
        writeln!(
            out,
            "The unknown ones may have been sent. They are never sent by themselves. To see them:"
        )?;
        writeln!(out, "  {LOOK_AT_UNKNOWN};")?;
        writeln!(
            out,
            "Look into WhatsApp, and send again only what did not arrive: docs/sql.md says how."
        )?;
    }
    if restored.is_from_elsewhere {
        writeln!(
            out,
            "The backup is from another place: make sure that the program there does not send any more."
        )?;
    }
    Ok(())
}

pub(super) fn confirm_host(config: &Config) -> Result<(), CliError> {
    let path = &config.database_path;
    if !path.exists() {
        return Err(BackupError::NoDatabase(path.clone()).into());
    }
    let mut store = Store::open(path).map_err(BackupError::from)?;
    let freed =
        instance::confirm(&mut store, SystemClock::new().now().wall).map_err(BackupError::from)?;
    let text = match freed {
        None => "nothing to confirm: the database is where it was".to_owned(),
        Some(freed) => format!("{} sends from here now; {freed} channels freed", path.display()),
    };
    writeln!(io::stdout(), "{text}")?;
    Ok(())
}
