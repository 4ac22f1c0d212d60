//! The sender's lock: one sending process per database. The operating system frees it when its
//! holder dies, however it dies.

use std::fs::{File, TryLockError};
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};

use crate::clock::Timestamp;
use crate::private_file;

/// Held while this process may send; dropping it lets another one.
#[derive(Debug)]
pub struct SenderLock {
    file: File,
}

#[derive(Debug, thiserror::Error)]
#[error("failed to lock `{}`: check owner and mode of the file and of its directory", path.display())]
pub struct LockError {
    path: PathBuf,
    source: std::io::Error,
}

impl SenderLock {
    /// Takes the lock of `database`; `None` when another process has it.
    pub fn try_take(database: &Path) -> Result<Option<Self>, LockError> {
        let path = lock_path(database);
        let failed = |source| LockError { path: path.clone(), source };
        let mut options = private_file::options();
        options.read(true).write(true).create(true).truncate(false);
        let file = private_file::open(&path, &options).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Writes into the file whose lock it is since `now`, for those who find it taken. `command` is what
    /// holds it. The lock is as good without that.
    pub fn sign(&mut self, command: &str, now: Timestamp) {
        let text = format!("{} {now} {command}\n", std::process::id());
        let written = self.file.set_len(0).and_then(|()| self.file.rewind());
        drop(written.and_then(|()| self.file.write_all(text.as_bytes())));
    }
}

/// Closing the file would do, but for a child that another thread starts at this moment: it has the
/// descriptor too until it is another program.
impl Drop for SenderLock {
    fn drop(&mut self) {
        // Whatever the system says to it, the descriptor is closed now.
        let _ = self.file.unlock();
    }
}

/// What the one who has the lock wrote of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) pid: i64,
    pub(crate) since: Timestamp,
    /// `run`, `serve` and the like.
    pub(crate) command: String,
}

impl Holder {
    /// What to do about one that is stopped or hangs.
    pub(crate) fn remedy(&self) -> String {
        let pid = self.pid;
        format!("`kill -CONT {pid}` lets it go on, `kill -9 {pid}` ends it")
    }
}

/// What the one who has the lock of `database` wrote of itself; `None` when nobody has it, or it wrote
/// nothing.
pub(crate) fn holder(database: &Path) -> Option<Holder> {
    let Sending::Process(holding) = who_sends(database) else { return None };
    let text = std::fs::read_to_string(lock_path(database)).ok()?;
    let mut words = text.split_whitespace();
    let pid = words.next()?.parse().ok()?;
    let since = Timestamp::parse(words.next()?)?;
    // What an earlier one wrote stays in the file.
    (holding == 0 || pid == holding).then(|| Holder {
        pid,
        since,
        command: words.next().unwrap_or_default().to_owned(),
    })
}

/// Whether a process is stopped: it does nothing until somebody lets it go on (Linux only).
pub fn is_stopped(pid: i64) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    // The name in brackets may hold anything.
    let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    matches!(state, Some("T" | "t"))
}

/// Who has the sender's lock, as far as the system tells without taking it: a look must never stop a
/// sender that starts at the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    Nobody,
    /// The process with this id; 0 when it is out of sight, in another container perhaps.
    Process(i64),
    /// This system does not tell.
    NotTold,
}

impl Sending {
    pub(crate) fn pid(self) -> Option<i64> {
        match self {
            Self::Process(pid) if pid > 0 => Some(pid),
            Self::Process(_) | Self::Nobody | Self::NotTold => None,
        }
    }
}

/// How often the list of locks is read before a lock that is not in it counts as free.
const LOOKS: u32 = 3;

/// Who sends from `database`, by the kernel's list of locks (Linux only).
pub(crate) fn who_sends(database: &Path) -> Sending {
    let about = std::fs::metadata(lock_path(database)).ok();
    let inode = about.and_then(|about| private_file::identity(&about)).map(|(_, inode)| inode);
    // The kernel gives the list in pieces, and leaves an entry out when another one goes in between.
    for _ in 0..LOOKS {
        let Ok(locks) = std::fs::read_to_string("/proc/locks") else { return Sending::NotTold };
        let Some(inode) = inode else { return Sending::Nobody };
        let found = find_lock(&locks, inode);
        if found != Sending::Nobody {
            return found;
        }
    }
    Sending::Nobody
}

/// Lines such as `3: FLOCK  ADVISORY  WRITE 1234 fe:00:131 0 EOF`; one that waits has `->` in front.
fn find_lock(locks: &str, inode: u64) -> Sending {
    let inode = inode.to_string();
    let holder = locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, pid, file, ..] = words.as_slice() else { return None };
        (file.rsplit(':').next() == Some(&inode)).then(|| pid.parse().unwrap_or(0))
    });
    holder.map_or(Sending::Nobody, Sending::Process)
}

/// Through a link or another spelling it is the same database, and must be the same lock.
fn lock_path(database: &Path) -> PathBuf {
    let database = std::fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    private_file::with_ending(&database, ".lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_once_and_free_when_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("x.db");
        let lock = SenderLock::try_take(&database).unwrap().unwrap();
        assert!(SenderLock::try_take(&database).unwrap().is_none());
        // As a child has it that another thread is about to start.
        let copy = lock.file.try_clone().unwrap();
        drop(lock);
        assert!(SenderLock::try_take(&database).unwrap().is_some());
        drop(copy);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn who_holds_the_lock_is_seen_without_taking_it() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("x.db");
        assert_eq!(who_sends(&database), Sending::Nobody);
        let mut lock = SenderLock::try_take(&database).unwrap().unwrap();
        let own = i64::from(std::process::id());
        assert_eq!(who_sends(&database), Sending::Process(own));
        assert_eq!(holder(&database), None, "it wrote nothing yet");
        let since = Timestamp::from_secs(1_795_343_769);
        lock.sign("run", since);
        lock.sign("run", since);
        let command = "run".to_owned();
        assert_eq!(holder(&database), Some(Holder { pid: own, since, command }));
        assert!(!is_stopped(own));
        drop(lock);
        assert_eq!(who_sends(&database), Sending::Nobody);
        assert_eq!(holder(&database), None);
    }
}
