//! `backup`, `restore` and `confirm-host`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::CliResult;
use super::output::{Output, counted, say};
use crate::backup::{self, Backup, BackupError, Restored};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::files::Files;
use crate::instance;
use crate::store::{Contents, LOOK_AT_UNKNOWN, Marked, Store};

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
    /// The clock was ahead when the backup was made, and is right now
    #[arg(long)]
    clock_is_right: bool,
}

/// One line: where, and how much.
pub(super) fn backup(args: &BackupArgs, config: &Config) -> CliResult {
    let now = SystemClock::default().now().wall;
    let path = backup::path_of(&args.file, args.keep, now);
    let had_files = backup::has_files(&path);
    ctrlc::set_handler(move || {
        eprintln!("error: stopped before its end: no backup was made");
        // At the very end, so that nothing more is written after it.
        backup::abandon(&path, had_files);
        std::process::exit(1);
    })?;
    let made = backup::backup(&config.database_path, &args.file, args.keep, now)?;
    let Backup { path, contents, bytes, removed, files, missing_files } = made;
    let Contents { messages, deliveries, contacts } = contents;
    let data = json!({
        "path": path, "messages": messages, "deliveries": deliveries, "contacts": contacts,
        "bytes": bytes, "removed": removed, "files": files, "missing_files": missing_files,
    });
    let path = path.display();
    let with_files = match (files, missing_files) {
        (0, 0) => String::new(),
        (_, 0) => format!("; {} in {path}.files", counted(files as u64, "file")),
        (_, _) => {
            format!(
                "; {} in {path}.files, {missing_files} not there or changed",
                counted(files as u64, "file")
            )
        }
    };
    args.output.print(&data, |_| {
        format!(
            "{path}: {}, {}, {}, {bytes} bytes; {removed} older removed{with_files}",
            counted(messages, "message"),
            counted(deliveries, "delivery"),
            counted(contacts, "contact")
        )
    })
}

pub(super) fn restore(args: &RestoreArgs, config: &Config) -> CliResult {
    let now = SystemClock::default().now().wall;
    let restore = |now| backup::restore(&config.database_path, &args.file, config, now);
    let restored = match restore(now) {
        Err(BackupError::ClockBehind { made_at, .. }) if args.clock_is_right => restore(made_at),
        restored => restored,
    }?;
    say(&told(args, config, &restored))
}

/// The counts, and what a person does next.
fn told(args: &RestoreArgs, config: &Config, restored: &Restored) -> String {
    let made =
        restored.made_at.map_or("at a time that it does not say".to_owned(), |at| at.to_string());
    let (database, file) = (config.database_path.display(), args.file.display());
    let mut lines = vec![format!("{database} is now the backup {file}, made {made}.")];
    lines.push(match &restored.before {
        Some(before) => format!("The database until now is kept as {}.", before.display()),
        None => "There was no database until now.".to_owned(),
    });
    let Restored { lost_messages, failed_messages, pending, .. } = *restored;
    let Marked { unknown, sent, ended } = restored.marked;
    let remarks = [
        (
            lost_messages > 0,
            format!("Made after the backup, and only in that file: {}.", counted(lost_messages, "message")),
        ),
        (
            true,
            format!(
                "Messages and contacts are as they were then: look at what was changed or cancelled since.\n\
                 Deliveries since the backup: {unknown} unknown, {sent} sent, {ended} ended otherwise; {pending} pending."
            ),
        ),
        (
            !restored.has_evidence,
            "The database until now could not tell what was sent since, so nothing is taken for unsent.".to_owned(),
        ),
        (
            failed_messages > 0,
            format!(
                "Failed before anything was planned: {}; each `error` says why, and that they may have been sent.",
                counted(failed_messages, "message")
            ),
        ),
        (
            unknown > 0,
            format!(
                "The unknown ones may have been sent. They are never sent by themselves. To see them:\n  {LOOK_AT_UNKNOWN};\n\
                 Look into WhatsApp, and send again only what did not arrive: docs/sql.md says how."
            ),
        ),
        (
            restored.missing_files > 0,
            format!(
                "Neither here nor beside the backup: {} of messages, which will fail and say so.",
                counted(restored.missing_files as u64, "file")
            ),
        ),
        (
            restored.is_from_elsewhere,
            "The backup is from another place: make sure that the program there does not send any more.".to_owned(),
        ),
    ];
    lines.extend(remarks.into_iter().filter_map(|(is_said, text)| is_said.then_some(text)));
    lines.join("\n")
}

pub(super) fn confirm_host(config: &Config) -> CliResult {
    let path = &config.database_path;
    if !path.exists() {
        return Err(BackupError::NoDatabase(path.clone()).into());
    }
    let mut store = Store::open(path).map_err(BackupError::from)?;
    let freed = instance::confirm(&mut store, SystemClock::default().now().wall)
        .map_err(BackupError::from)?;
    let missing = missing_files(&mut store)?;
    if missing > 0 {
        let directory = Files::beside(path);
        eprintln!(
            "not in {}: {} of messages; copy that directory along, too",
            directory.directory().display(),
            counted(missing as u64, "file")
        );
    }
    say(&match freed {
        None => "nothing to confirm: the database is where it was".to_owned(),
        Some(freed) => {
            format!(
                "{} sends from here now; {} freed",
                path.display(),
                counted(freed as u64, "channel")
            )
        }
    })
}

/// How many files messages refer to that are not there as they were.
fn missing_files(store: &mut Store) -> Result<usize, BackupError> {
    let files = Files::beside(store.path());
    let names = store.read(|tx| tx.files_of_messages())?;
    Ok(names.iter().filter(|name| files.verify(name).is_err()).count())
}
