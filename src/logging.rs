//! The log: one line an event, UTC, to stderr or a file. Its sentences are listed in the README; none
//! holds a text of a message, a key or a secret, and phone numbers are masked.

mod log_file;

use std::error::Error;
use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::clock::{Clock, SystemClock, Timestamp};
use crate::terminal;
use log_file::LogFile;

/// The log file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("failed to open log file `{}`: correct LOG_FILE, or empty it to log to stderr", path.display())]
pub struct LogError {
    path: PathBuf,
    source: std::io::Error,
}

/// Starts the log: lines of `level` and worse, appended to `file`, or to stderr. A second call in a
/// process changes nothing. A file that is renamed, as logrotate does, is made anew by the next line.
///
/// # Errors
/// When the file cannot be opened.
pub fn start(level: LevelFilter, file: Option<&Path>) -> Result<(), LogError> {
    let out: Box<dyn Write + Send> = match file {
        None => Box::new(std::io::stderr()),
        Some(path) => Box::new(
            LogFile::open(path).map_err(|source| LogError { path: path.to_owned(), source })?,
        ),
    };
    // An Err means that a log is there already.
    if log::set_boxed_logger(Box::new(Logger { clock: SystemClock::new(), out: out.into() }))
        .is_ok()
    {
        log::set_max_level(level);
    }
    Ok(())
}

/// Of our own, because the one of the field wrote a line end inside a value as a line end.
struct Logger {
    clock: SystemClock,
    out: Mutex<Box<dyn Write + Send>>,
}

impl Log for Logger {
    /// Lines of libraries are in no list.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("auto_message_scheduler")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = line(self.clock.now().wall, record.level(), record.args());
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            // Whole lines; what cannot be written is no reason to stop sending.
            drop(out.write_all(line.as_bytes()));
        }
    }

    fn flush(&self) {}
}

/// One line, whatever the values in the sentence hold.
fn line(now: Timestamp, level: Level, sentence: &impl Display) -> String {
    format!("{now} [{level}] {}\n", terminal::one_line(&sentence.to_string()))
}

/// An error and its causes, in one line.
#[must_use]
pub fn in_one_line(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_with_line_ends_and_escape_sequences_makes_one_line() {
        let now = Timestamp::parse("2026-12-01T01:00:00Z").unwrap();
        let forged = "channel 1: held: gone\r\n2026-12-01T01:00:00Z [INFO] message 2: sent\x1b[2J";
        assert_eq!(
            line(now, Level::Warn, &forged),
            "2026-12-01T01:00:00Z [WARN] channel 1: held: gone\\r\\n2026-12-01T01:00:00Z [INFO] \
             message 2: sent\\x1b[2J\n"
        );
    }
}
