//! The sender's lock: one sending process per database. The operating system frees it when its
//! holder dies, however it dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// Held while this process may send; dropping it lets another one.
#[derive(Debug)]
pub struct SenderLock {
    _file: File,
}

/// The lock file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("failed to lock `{}`: check owner and mode of the file and of its directory", path.display())]
pub struct LockError {
    path: PathBuf,
    source: std::io::Error,
}

impl SenderLock {
    /// Takes the lock of `database`; `None` when another process has it.
    ///
    /// # Errors
    /// When the file `<database>.lock` cannot be made or locked.
    pub fn try_take(database: &Path) -> Result<Option<Self>, LockError> {
        // Through a link or another spelling it is the same database, and must be the same lock.
        let database = std::fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
        let path = lock_path(&database);
        let failed = |source| LockError { path: path.clone(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
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
        drop(lock);
        assert!(SenderLock::try_take(&database).unwrap().is_some());
    }
}
