//! The files of messages, beside the database: `<database>.files/<SHA-256>`. Their bytes are never decoded,
//! only looked at for what they are; a file's own name is never a path here.
//!
//! A file is written under a name of its own, made durable, and only then gets the name by which it is
//! known; nothing is ever changed in place. Rows refer to files by that name: see [`crate::prune`] for
//! when one goes.

mod fit;
mod kind;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use crate::clock::{Timestamp, lock};
use crate::content::is_sha256;
use crate::fail_point;
use crate::private_file::{self, with_ending};
use crate::reason::Reason;
use crate::secret::{Stamp, random_hex, to_hex};

pub(crate) use fit::{mimetype_elsewhere, shown_name};
pub(crate) use kind::FileKind;

/// As `<database>` has it.
const ENDING: &str = ".files";
/// A file on its way to its name.
const PARTIAL: &str = ".partial-";
/// How much of a file tells what it is.
const HEAD_BYTES: usize = 8 * 1024;
const CHUNK_BYTES: usize = 64 * 1024;
/// A partial file that is older than this was left by a program that ended.
const PARTIAL_KEPT: Duration = Duration::from_hours(24);

/// The files beside one database. A clone knows what the others have looked at.
#[derive(Clone, Debug)]
pub struct Files {
    database: PathBuf,
    directory: PathBuf,
    /// Files whose bytes were found to be what their name says.
    verified: Arc<Mutex<HashMap<String, Stamp>>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The SHA-256 of its bytes.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) kind: FileKind,
}

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("failed to read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("failed to write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("it has more than {} MB, the most that MEDIA_MAX_MB allows", .most >> 20)]
    TooLarge { most: u64 },
    #[error("it is empty")]
    Empty,
}

impl Files {
    pub fn beside(database: &Path) -> Self {
        let directory = with_ending(database, ENDING);
        Self { database: database.to_owned(), directory, verified: Arc::default() }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Takes in what `source` gives, which a person knows as `from`. The same bytes again are the same file.
    pub(crate) fn add(
        &self,
        source: impl Read,
        from: &Path,
        bytes_max: u64,
    ) -> Result<Stored, FileError> {
        self.make_directory()?;
        self.add_there(source, from, bytes_max)
    }

    fn add_there(
        &self,
        mut source: impl Read,
        from: &Path,
        bytes_max: u64,
    ) -> Result<Stored, FileError> {
        let random = random_hex().map_err(|error| self.unwritten(io::Error::other(error)))?;
        let partial = Partial(self.directory.join(format!("{PARTIAL}{random}")));
        let file = private_file::options().write(true).create_new(true).open(&partial.0);
        let file = file.map_err(|error| self.unwritten(error))?;
        self.give_to_owner(&file);
        let (mut digest, mut head, mut bytes) = (Sha256::new(), Vec::new(), 0_u64);
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let count = match source.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(source) => return Err(FileError::Read { path: from.to_owned(), source }),
            };
            bytes += count as u64;
            if bytes > bytes_max {
                return Err(FileError::TooLarge { most: bytes_max });
            }
            digest.update(&chunk[..count]);
            head.extend_from_slice(&chunk[..count.min(HEAD_BYTES - head.len())]);
            private_file::write(&file, &partial.0, &chunk[..count])
                .map_err(|error| self.unwritten(error))?;
        }
        if bytes == 0 {
            return Err(FileError::Empty);
        }
        fail_point::reach("file_written");
        private_file::sync(&file, &partial.0).map_err(|error| self.unwritten(error))?;
        fail_point::reach("file_synced");
        let name = to_hex(&digest.finalize());
        let path = self.directory.join(&name);
        private_file::rename(&partial.0, &path).map_err(|error| self.unwritten(error))?;
        fail_point::reach("file_named");
        private_file::sync_name(&path).map_err(|error| self.unwritten(error))?;
        // The directory itself may be new.
        private_file::sync_name(&self.directory).map_err(|error| self.unwritten(error))?;
        Ok(Stored { name, bytes, kind: FileKind::of(&head) })
    }

    pub(crate) fn make_directory(&self) -> Result<(), FileError> {
        match private_file::make_directory(&self.directory) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                Err(self.unwritten(private_file::explained(&self.directory, error)))
            }
            Err(_) => Ok(()),
            Ok(()) => {
                let made = private_file::open(&self.directory, fs::OpenOptions::new().read(true));
                if let Ok(directory) = made {
                    self.give_to_owner(&directory);
                }
                Ok(())
            }
        }
    }

    /// What root takes in, the server must still be able to read.
    fn give_to_owner(&self, file: &File) {
        if let Ok(owner) = fs::metadata(&self.database) {
            // Only root can; for others it is theirs anyway.
            let _ = private_file::give_to(file, &owner);
        }
    }

    fn unwritten(&self, source: io::Error) -> FileError {
        FileError::Write { path: self.directory.clone(), source }
    }

    /// The file of this name, without a look at all of its bytes.
    pub(crate) fn look(&self, name: &str) -> Result<Stored, Reason> {
        let mut head = Vec::new();
        let read = self.open(name).and_then(|(file, bytes)| {
            file.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
            Ok(bytes)
        });
        let bytes = read.map_err(|error| why_not_there(name, &error))?;
        Ok(Stored { name: name.to_owned(), bytes, kind: FileKind::of(&head) })
    }

    /// The same, when its bytes are what its name says. They are read once, while the file stays as it is.
    pub(crate) fn verify(&self, name: &str) -> Result<Stored, Reason> {
        let stored = self.look(name)?;
        let stamp = self.stamp(name);
        if stamp.is_some() && lock(&self.verified).get(name) == stamp.as_ref() {
            return Ok(stored);
        }
        let (mut file, _) = self.open(name).map_err(|error| why_not_there(name, &error))?;
        let mut digest = Sha256::new();
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match file.read(&mut chunk).map_err(|error| why_not_there(name, &error))? {
                0 => break,
                count => digest.update(&chunk[..count]),
            }
        }
        if to_hex(&digest.finalize()) != name {
            return Err(Reason::FileChanged { file: name.to_owned() });
        }
        if let Some(stamp) = stamp {
            lock(&self.verified).insert(name.to_owned(), stamp);
        }
        Ok(stored)
    }

    fn stamp(&self, name: &str) -> Option<Stamp> {
        fs::metadata(self.directory.join(name)).ok().map(|about| Stamp::of(&about))
    }

    /// Opens a file, and says how many bytes it has.
    pub(crate) fn open(&self, name: &str) -> io::Result<(File, u64)> {
        if !is_sha256(name) {
            return Err(io::Error::new(ErrorKind::NotFound, "it is no name of a file"));
        }
        let path = self.directory.join(name);
        let file = private_file::open(&path, fs::OpenOptions::new().read(true))?;
        let bytes = file.metadata()?.len();
        Ok((file, bytes))
    }

    /// The names of all files, and when each came.
    pub(crate) fn names(&self) -> io::Result<Vec<(String, Option<SystemTime>)>> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if is_sha256(&name) {
                names.push((name, entry.metadata().and_then(|about| about.modified()).ok()));
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// When a file came, the last time that it did.
    pub(crate) fn came_at(&self, name: &str) -> Option<SystemTime> {
        fs::metadata(self.directory.join(name)).and_then(|about| about.modified()).ok()
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        lock(&self.verified).remove(name);
        fs::remove_file(self.directory.join(name))
    }

    /// Removes all other files, and the directory when it is empty then. What stays is in nobody's way.
    pub(crate) fn keep_only(&self, names: &[String]) {
        for (name, _) in self.names().unwrap_or_default() {
            if !names.contains(&name) {
                let _ = self.remove(&name);
            }
        }
        let _ = fs::remove_dir(&self.directory);
    }

    /// Removes what programs that ended have left half written.
    pub(crate) fn sweep(&self, now: Timestamp) {
        let Ok(entries) = fs::read_dir(&self.directory) else { return };
        for entry in entries.flatten() {
            let is_partial = entry.file_name().to_string_lossy().starts_with(PARTIAL);
            let modified = entry.metadata().and_then(|about| about.modified()).ok();
            if is_partial && modified.is_some_and(|at| age(at, now) > PARTIAL_KEPT) {
                // Whoever cannot remove it has nothing to lose by it.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Has a file of `other` here, too, by a link: it takes no room. An error where both are not on one disk, or
    /// something has the name.
    pub(crate) fn link_from(&self, other: &Self, name: &str) -> Result<(), FileError> {
        let to = self.directory.join(name);
        fs::hard_link(other.directory.join(name), &to)
            .and_then(|()| private_file::sync_name(&to))
            .map_err(|error| self.unwritten(error))
    }

    /// Brings a verified file here from `other`, in place of one that was changed: by a link where there can be one.
    pub(crate) fn take_from(&self, other: &Self, name: &str) -> Result<(), FileError> {
        if self.link_from(other, name).is_err() {
            let from = other.directory.join(name);
            let file = other.open(name).map(|(file, _)| file);
            let file = file.map_err(|source| FileError::Read { path: from.clone(), source })?;
            // What changed since it was verified is not there any more.
            if self.add_there(file, &from, u64::MAX)?.name != name {
                return Err(FileError::Read { path: from, source: ErrorKind::NotFound.into() });
            }
        }
        // It need not be read once more.
        if let Some(stamp) = self.stamp(name) {
            lock(&self.verified).insert(name.to_owned(), stamp);
        }
        Ok(())
    }
}

/// How long ago; nothing for a time to come.
pub(crate) fn age(at: SystemTime, now: Timestamp) -> Duration {
    let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = u64::try_from(now.millis()).unwrap_or_default();
    Duration::from_millis(now).saturating_sub(at)
}

fn why_not_there(name: &str, error: &io::Error) -> Reason {
    let file = name.to_owned();
    match error.kind() {
        ErrorKind::NotFound => Reason::FileMissing { file },
        _ => Reason::FileUnreadable { file, cause: error.to_string() },
    }
}

/// A file that is removed again unless it got another name.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
