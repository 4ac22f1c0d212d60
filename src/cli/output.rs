//! How commands print data: as text for people, or as JSON for programs.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use super::{CliError, CliResult};
use crate::terminal;

/// The switch of every command that prints data.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Output {
    /// Print JSON, for programs
    #[arg(long)]
    pub(super) json: bool,
}

impl Output {
    /// Prints `data` as JSON, or else what `text` makes of it, and a line end. Of the text only line
    /// feeds reach the terminal as they are: a value in it goes through [`terminal::one_line`] first.
    pub(super) fn print<T: Serialize>(
        self,
        data: &T,
        text: impl FnOnce(&T) -> String,
    ) -> CliResult {
        if self.json {
            let json = serde_json::to_string_pretty(data).map_err(io::Error::from)?;
            print(format!("{json}\n").as_bytes())
        } else {
            say(&text(data))
        }
    }
}

/// Prints lines for people, as by [`Output::print`].
pub(super) fn say(text: &str) -> CliResult {
    print(format!("{}\n", terminal::lines(text)).as_bytes())
}

pub(super) fn print(bytes: &[u8]) -> CliResult {
    unless_read_enough(io::stdout().write_all(bytes).map_err(CliError::from))
}

/// A reader that has seen enough (`| head`) is no error.
pub(super) fn unless_read_enough(done: CliResult) -> CliResult {
    match done {
        Err(CliError::Failed(error))
            if error.downcast_ref().map(io::Error::kind) == Some(io::ErrorKind::BrokenPipe) =>
        {
            Ok(())
        }
        done => done,
    }
}

/// `1 message`, `2 messages`.
pub(super) fn counted(number: u64, word: &str) -> String {
    match word.strip_suffix('y') {
        _ if number == 1 => format!("{number} {word}"),
        Some(start) => format!("{number} {start}ies"),
        None => format!("{number} {word}s"),
    }
}
