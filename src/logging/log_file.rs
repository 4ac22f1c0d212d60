//! The log file: whole lines, appended, always to the file that has the name now.
//!
//! Whoever rotates logs renames the file and expects to be noticed. Copying and truncating instead
//! loses what is written in between, and a signal cannot reach a `run` that cron has just started. So
//! the name is looked at before each line: one `stat`, beside which a line is rare and a send is slow.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::private_file;

#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    /// A line that is not whole yet: pieces of lines of several programs would mix.
    line: Vec<u8>,
}

impl LogFile {
    /// Opens the file to append to it; makes it, for its owner only, when it is not there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        Ok(Self { path: path.to_owned(), file, line: Vec::new() })
    }

    /// One write for one line. What cannot be opened anew leaves the line in the old file: moved
    /// away is better than lost.
    fn write_line(&mut self) -> io::Result<()> {
        if !self.has_its_name()
            && let Ok(file) = open(&self.path)
        {
            self.file = file;
        }
        let written = self.file.write_all(&self.line);
        self.line.clear();
        written
    }

    /// Without inodes a file that took the name meanwhile is not noticed, only that it is free.
    fn has_its_name(&self) -> bool {
        match (std::fs::metadata(&self.path), self.file.metadata()) {
            (Ok(named), Ok(own)) => private_file::identity(&named) == private_file::identity(&own),
            _ => false,
        }
    }
}

impl Write for LogFile {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(piece);
        if piece.ends_with(b"\n") {
            self.write_line()?;
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.line.is_empty() { Ok(()) } else { self.write_line() }
    }
}

fn open(path: &Path) -> io::Result<File> {
    private_file::open(path, private_file::options().append(true).create(true))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(log: &mut LogFile, line: &str) {
        for piece in line.split_inclusive(' ') {
            log.write_all(piece.as_bytes()).unwrap();
        }
        log.write_all(b"\n").unwrap();
    }

    #[test]
    fn a_file_that_was_renamed_is_left_and_a_new_one_is_made() {
        let directory = tempfile::tempdir().unwrap();
        let (path, rotated) = (directory.path().join("x.log"), directory.path().join("x.log.1"));
        let mut log = LogFile::open(&path).unwrap();
        write(&mut log, "first line");
        fs::rename(&path, &rotated).unwrap();
        write(&mut log, "second line");
        assert_eq!(fs::read_to_string(&rotated).unwrap(), "first line\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "second line\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_took_the_name_gets_the_next_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.log");
        let mut log = LogFile::open(&path).unwrap();
        fs::rename(&path, directory.path().join("x.log.1")).unwrap();
        fs::write(&path, "made by another\n").unwrap();
        write(&mut log, "a line");
        assert_eq!(fs::read_to_string(&path).unwrap(), "made by another\na line\n");
    }

    #[test]
    fn a_line_is_never_parted_between_two_files() {
        let directory = tempfile::tempdir().unwrap();
        let (path, rotated) = (directory.path().join("x.log"), directory.path().join("x.log.1"));
        let mut log = LogFile::open(&path).unwrap();
        log.write_all(b"a line ").unwrap();
        fs::rename(&path, &rotated).unwrap();
        log.write_all(b"in pieces\n").unwrap();
        assert_eq!(fs::read_to_string(&rotated).unwrap(), "");
        assert_eq!(fs::read_to_string(&path).unwrap(), "a line in pieces\n");
    }

    #[test]
    fn a_directory_that_is_gone_keeps_the_line_in_the_old_file_and_does_not_stop_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let logs = directory.path().join("logs");
        fs::create_dir(&logs).unwrap();
        let mut log = LogFile::open(&logs.join("x.log")).unwrap();
        let moved = directory.path().join("moved");
        fs::rename(&logs, &moved).unwrap();
        write(&mut log, "a line");
        assert_eq!(fs::read_to_string(moved.join("x.log")).unwrap(), "a line\n");
        fs::create_dir(&logs).unwrap();
        write(&mut log, "the next");
        assert_eq!(fs::read_to_string(logs.join("x.log")).unwrap(), "the next\n");
    }

    #[test]
    fn a_file_that_was_truncated_goes_on_at_its_begin() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.log");
        let mut log = LogFile::open(&path).unwrap();
        write(&mut log, "first");
        fs::OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
        write(&mut log, "second");
        assert_eq!(fs::read_to_string(&path).unwrap(), "second\n");
    }
}
