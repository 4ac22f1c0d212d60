//! How much of the disk the database takes, and giving back what it no longer needs.

use std::path::PathBuf;
use std::time::Duration;

use super::open::explain;
use super::{BUSY_TIMEOUT, Store, StoreError};
use crate::fail_point;

/// From here on the WAL is larger than anything that this program does alone makes it.
pub const WAL_LARGE_BYTES: u64 = 64 << 20;

/// How long the last step waits for others that read or write. It holds up every writer meanwhile.
const TRUNCATE_PATIENCE: Duration = Duration::from_millis(200);

/// How the file gives back what is free in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivesBack {
    /// In steps, while others use it.
    InSteps,
    /// Only by being written anew as a whole: it was made by an older version.
    AsAWhole,
}

impl Store {
    /// How the file gives back what is free in it.
    pub(crate) fn gives_back(&self) -> Result<GivesBack, StoreError> {
        let mode = self.pragma("auto_vacuum")?;
        Ok(if mode == 0 { GivesBack::AsAWhole } else { GivesBack::InSteps })
    }

    /// How many bytes inside the file are free.
    pub(crate) fn free_bytes(&self) -> Result<u64, StoreError> {
        let (pages, size) = (self.pragma("freelist_count")?, self.pragma("page_size")?);
        Ok(u64::try_from(pages * size).unwrap_or(0))
    }

    /// Gives at most `pages` free pages back, as one transaction. Returns whether there are more.
    pub(crate) fn give_back(&self, pages: u32) -> Result<bool, StoreError> {
        let before = self.pragma("freelist_count")?;
        // It gives a row for each page, and is done only when all were asked for.
        self.connection
            .pragma(None, "incremental_vacuum", pages, |_| Ok(()))
            .map_err(|source| explain(&self.path, source))?;
        fail_point::reach("gave_back");
        let after = self.pragma("freelist_count")?;
        Ok(after > 0 && after < before)
    }

    /// Writes the whole file anew without what is free in it, and so that it can give back in steps
    /// from now on. Takes as much room again on the disk meanwhile; nobody else can write.
    ///
    /// # Errors
    /// When there is no room, or another connection writes.
    pub(crate) fn write_anew(&self) -> Result<(), StoreError> {
        fail_point::reach("write_anew");
        self.connection
            .execute_batch("PRAGMA auto_vacuum = INCREMENTAL; VACUUM")
            .map_err(|source| explain(&self.path, source))
    }

    /// Brings what is in the WAL into the database, and makes the WAL empty unless others still read
    /// it. Returns whether it is empty.
    pub(crate) fn empty_wal(&self) -> Result<bool, StoreError> {
        let failed = |source| explain(&self.path, source);
        let checkpoint = |kind: &str| {
            let sql = format!("PRAGMA wal_checkpoint({kind})");
            self.connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).map_err(failed)
        };
        // First as far as it goes without being in anybody's way.
        checkpoint("PASSIVE")?;
        self.connection.busy_timeout(TRUNCATE_PATIENCE).map_err(failed)?;
        let busy = checkpoint("TRUNCATE");
        self.connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        Ok(busy? == 0)
    }

    /// The size of the WAL in bytes; 0 when there is none. Looks at the directory, never into the
    /// file: closing it would drop SQLite's locks.
    pub(crate) fn wal_bytes(&self) -> u64 {
        std::fs::metadata(self.beside("-wal")).map_or(0, |it| it.len())
    }

    /// The size of the database with its WAL, in bytes.
    pub(crate) fn bytes_on_disk(&self) -> u64 {
        std::fs::metadata(self.beside("")).map_or(0, |it| it.len()) + self.wal_bytes()
    }

    /// SQLite's own name of the file: through a link, that of what it points to.
    fn beside(&self, ending: &str) -> PathBuf {
        let own = self.connection.path().filter(|path| !path.is_empty());
        let mut name = own.map_or_else(|| self.path.as_os_str().to_owned(), Into::into);
        name.push(ending);
        PathBuf::from(name)
    }

    fn pragma(&self, name: &str) -> Result<i64, StoreError> {
        self.connection
            .query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
            .map_err(|source| explain(&self.path, source))
    }
}
