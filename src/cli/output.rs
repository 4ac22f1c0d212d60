//! How commands print data: as text for people, or as JSON for programs.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

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
    ) -> io::Result<()> {
        if self.json { print(&serde_json::to_string_pretty(data)?) } else { say(&text(data)) }
    }
}

/// Prints lines for people, as by [`Output::print`].
pub(super) fn say(text: &str) -> io::Result<()> {
    print(&terminal::lines(text))
}

fn print(text: &str) -> io::Result<()> {
    // A reader that has seen enough (`| head`) is no error.
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// `1 message`, `2 messages`.
pub(super) fn counted(number: u64, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}
