//! `file …`: the files that messages carry.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::output::{Output, say};
use super::table::table;
use super::{CliError, CliResult, Desk, refuse};
use crate::config::Config;
use crate::content::is_sha256;
use crate::files::{FileError, Files, Stored};

#[derive(Debug, Subcommand)]
pub(super) enum FileCommand {
    /// Take a file in, and print the name by which `content` refers to it
    Add {
        path: PathBuf,
        #[command(flatten)]
        output: Output,
    },
    /// Show the files, and whether a message refers to each
    List(Output),
    /// Remove a file that no message refers to
    Remove {
        /// Its name, as `file list` shows it
        name: String,
    },
}

pub(super) fn file(command: &FileCommand, config: &Config) -> CliResult {
    let mut desk = Desk::open_or_make(config)?;
    let files = Files::beside(desk.store.path());
    match command {
        FileCommand::Add { path, output } => {
            let Stored { name, bytes, kind } = take_in(&files, path, config)?;
            let data = json!({ "file": name, "bytes": bytes, "mimetype": kind.mimetype });
            output.print(&data, |_| name.clone())
        }
        FileCommand::List(output) => {
            let names = files.names().map_err(|error| unreadable(&files, &error))?;
            let mut rows = Vec::new();
            for (name, _) in names {
                let Ok(stored) = files.look(&name) else { continue };
                let is_used = desk.store.read(|tx| tx.message_with_file(&name))?.is_some();
                rows.push((stored, is_used));
            }
            let data: Vec<_> = rows
                .iter()
                .map(|(Stored { name, bytes, kind }, is_used)| {
                    json!({ "file": name, "bytes": bytes, "mimetype": kind.mimetype, "used": is_used })
                })
                .collect();
            output.print(&data, |_| {
                if rows.is_empty() {
                    return "no files: `file add` takes one in".to_owned();
                }
                let lines = rows.iter().map(|(stored, is_used)| {
                    let used = if *is_used { "yes" } else { "no" };
                    let Stored { name, bytes, kind } = stored;
                    vec![name.clone(), bytes.to_string(), kind.mimetype.to_owned(), used.to_owned()]
                });
                table(&["file", "bytes", "type", "used"], lines)
            })
        }
        FileCommand::Remove { name } => {
            if !is_sha256(name) {
                return refuse(format!("`{name}` is no name of a file: `file list`"));
            }
            if let Some(id) = desk.store.read(|tx| tx.message_with_file(name))? {
                return refuse(format!(
                    "message {id} refers to it: `message remove {id}` first, once that has ended"
                ));
            }
            files.remove(name).map_err(|error| unreadable(&files, &error))?;
            say(&format!("file {name} is removed"))
        }
    }
}

/// Takes a file in that a person names.
pub(super) fn take_in(files: &Files, path: &Path, config: &Config) -> CliResult<Stored> {
    let shown = path.display();
    let refused = |error: &dyn std::fmt::Display| CliError::Refused(format!("`{shown}`: {error}"));
    let file = File::open(path).map_err(|error| refused(&error))?;
    if file.metadata().is_ok_and(|about| about.is_dir()) {
        return Err(refused(&"it is a directory"));
    }
    files.add(file, path, config.media_max_mb << 20).map_err(|error| match &error {
        FileError::Read { source, .. } => refused(source),
        FileError::Write { source, .. } => {
            let directory = files.directory().display();
            CliError::Refused(format!("failed to write into `{directory}`: {source}"))
        }
        FileError::TooLarge { .. } | FileError::Empty => refused(&error),
    })
}

fn unreadable(files: &Files, error: &std::io::Error) -> CliError {
    CliError::Refused(format!("`{}`: {error}", files.directory().display()))
}
