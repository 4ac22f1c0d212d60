//! The log: one line an event, UTC, to stderr or a file. Its sentences are listed in the README; none
//! holds a text of a message, a key or a secret, and phone numbers are masked.

mod log_file;

use std::error::Error;
use std::path::{Path, PathBuf};

use log::LevelFilter;
use simplelog::{ConfigBuilder, FormatItem, WriteLogger, format_description};

use log_file::LogFile;

const TIME_FORMAT: &[FormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

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
    let config = ConfigBuilder::new()
        .set_time_format_custom(TIME_FORMAT)
        .set_target_level(LevelFilter::Off)
        .set_thread_level(LevelFilter::Off)
        .set_location_level(LevelFilter::Off)
        .add_filter_allow_str("auto_message_scheduler")
        .build();
    let started = match file {
        None => WriteLogger::init(level, config, std::io::stderr()),
        Some(path) => {
            let file =
                LogFile::open(path).map_err(|source| LogError { path: path.to_owned(), source })?;
            WriteLogger::init(level, config, file)
        }
    };
    drop(started); // an Err means that a log is there already
    Ok(())
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
