//! How commands print data: as text for people, or as JSON for programs.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

/// The switch of every command that prints data.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Output {
    /// Print JSON, for programs
    #[arg(long)]
    pub(super) json: bool,
}

impl Output {
    /// Prints `data` as JSON, or else what `text` makes of it, and a line end.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub(super) fn print<T: Serialize>(
        self,
        data: &T,
        text: impl FnOnce(&T) -> String,
    ) -> io::Result<()> {
        let out = if self.json { serde_json::to_string_pretty(data)? } else { text(data) };
        // A reader that has seen enough (`| head`) is no error.
        match writeln!(io::stdout(), "{out}") {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    }
}

/// `1 message`, `2 messages`.
pub(super) fn counted(number: u64, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}
