//! The log: one line an event, UTC, to stderr or a file. Its sentences are listed in docs/log-lines.md; none
//! holds a text of a message, a key or a secret, and phone numbers are masked.

mod log_file;

use std::error::Error;
use std::io::{LineWriter, Write};
use std::path::{Path, PathBuf};

use log::{LevelFilter, Log, Metadata, Record};
use simplelog::{ConfigBuilder, FormatItem, WriteLogger, format_description};

use crate::terminal;
use log_file::LogFile;

const TIME_FORMAT: &[FormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

#[derive(Debug, thiserror::Error)]
#[error("failed to open log file `{}`: correct LOG_FILE, or empty it to log to stderr", path.display())]
pub(crate) struct LogError {
    path: PathBuf,
    source: std::io::Error,
}

/// Starts the log: lines of `level` and worse, appended to `file`, or to stderr. A second call in a
/// process changes nothing. A file that is renamed, as logrotate does, is made anew by the next line.
pub(crate) fn start(level: LevelFilter, file: Option<&Path>) -> Result<(), LogError> {
    let logger = match file {
        // The logger writes a line in many pieces; each would be a call of the system.
        None => OneLine::to(LineWriter::new(std::io::stderr()), level),
        Some(path) => OneLine::to(
            LogFile::open(path).map_err(|source| LogError { path: path.to_owned(), source })?,
            level,
        ),
    };
    // An Err means that a log is there already.
    if log::set_boxed_logger(Box::new(logger)).is_ok() {
        log::set_max_level(level);
    }
    Ok(())
}

/// Keeps each sentence on its line: `WriteLogger` writes a line end inside a value as it is, and a
/// value could forge the next line.
struct OneLine(Box<dyn Log>);

impl OneLine {
    fn to(out: impl Write + Send + 'static, level: LevelFilter) -> Self {
        let config = ConfigBuilder::new()
            .set_time_format_custom(TIME_FORMAT)
            .set_target_level(LevelFilter::Off)
            .set_thread_level(LevelFilter::Off)
            .set_location_level(LevelFilter::Off)
            .add_filter_allow_str("auto_message_scheduler")
            .build();
        Self(WriteLogger::new(level, config, out))
    }
}

impl Log for OneLine {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        let sentence = record.args().to_string();
        let shown = terminal::one_line(&sentence);
        let metadata = record.metadata().clone();
        self.0.log(&Record::builder().metadata(metadata).args(format_args!("{shown}")).build());
    }

    fn flush(&self) {
        self.0.flush();
    }
}

/// An error and its causes, in one line.
pub(crate) fn in_one_line(error: &dyn Error) -> String {
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
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_value_with_line_ends_and_escape_sequences_makes_one_line() {
        let written = Written::default();
        let logger = OneLine::to(written.clone(), LevelFilter::Info);
        let forged = "held: gone\r\n2026-12-01T01:00:00Z [INFO] message 2: sent\x1b[2J";
        for target in ["auto_message_scheduler::sender", "refinery"] {
            logger.log(
                &Record::builder().target(target).args(format_args!("channel 1: {forged}")).build(),
            );
        }
        let written = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let (_, sentence) = written.split_once(' ').unwrap();
        assert_eq!(
            sentence,
            "[INFO] channel 1: held: gone\\r\\n2026-12-01T01:00:00Z [INFO] message 2: sent\\x1b[2J\n"
        );
    }
}
