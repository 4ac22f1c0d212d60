//! Which instance of a database this is. A copy of one, on another host or beside it, would send
//! everything a second time: so a database remembers its instance, and is held when it wakes up as
//! another one.
//!
//! An instance is the machine (a digest of `/etc/machine-id`), the file's inode and the time of its
//! birth. They survive a reboot, an upgrade and a `mv` within a file system; a copy has other ones,
//! however it was made. Neither path nor host name counts: both change without a copy. What a
//! system does not tell is not compared.
//!
//! The weak sides: a clone of a whole machine that keeps its machine id is not noticed; a `mv` to
//! another file system is a copy to us, and so is a host that makes itself a new machine id at each
//! start.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::clock::Timestamp;
use crate::private_file;
use crate::reason::Reason;
use crate::store::{Store, StoreError};

const MACHINE_ID: &str = "/etc/machine-id";

const FIELDS: [&str; 3] = ["machine", "inode", "born"];

/// The instance of a database file, by [`FIELDS`]; what is `None` nobody could tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instance([Option<String>; 3]);

#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    #[error("failed to look at `{}`", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether a database may send as the instance that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the instance that sent last, or none has ever sent.
    AtHome,
    /// It is another one: every channel is held. `newly` says whether one was not held before.
    Held {
        /// Whether this look held one.
        newly: bool,
    },
}

impl Instance {
    /// The instance of an existing file. Looks at its metadata only: see `store::open` for why a
    /// database must not be opened.
    pub(crate) fn of(database: &Path) -> Result<Self, InstanceError> {
        let failed = |source| InstanceError::File { path: database.to_owned(), source };
        let metadata = std::fs::metadata(database).map_err(failed)?;
        let born = metadata.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let inode = private_file::identity(&metadata).map(|(_, inode)| inode.to_string());
        let machine = std::fs::read_to_string(MACHINE_ID).ok();
        let machine = machine.map(|id| id.trim().to_owned()).filter(|id| !id.is_empty());
        let machine = machine.map(|id| format!("{:016x}", digest(&id)));
        Ok(Self([machine, inode, born.map(|since| since.as_nanos().to_string())]))
    }

    /// Whether nothing that both know speaks against it.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let mut pairs = self.0.iter().zip(&other.0);
        pairs.all(|(one, two)| one.is_none() || two.is_none() || one == two)
    }

    /// Reads what `Display` wrote. A text of another kind is an instance that no file is.
    pub fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let mut words = text.split(' ').filter_map(|word| word.split_once('='));
            words.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
        };
        match FIELDS.map(field) {
            [None, None, None] => Self([None, Some("-".to_owned()), None]),
            fields => Self(fields),
        }
    }
}

/// `machine=… inode=… born=…`, without what nobody could tell.
impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = FIELDS.iter().zip(&self.0);
        let words = fields.filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
        f.write_str(&words.collect::<Vec<_>>().join(" "))
    }
}

/// Before anything is sent, with the lock held: holds every channel when the database is another
/// instance than before. The first start of a database notes its instance.
pub fn check(store: &mut Store, now: Timestamp) -> Result<Standing, InstanceError> {
    let here = Instance::of(store.path())?;
    let text = here.to_string();
    let standing = store.write(|tx| {
        let recorded = tx.instance()?;
        let is_home =
            recorded.as_deref().is_none_or(|text| Instance::parse(text).is_same_as(&here));
        let is_backup = tx.backup_made_at()?.is_some();
        if is_home && !is_backup {
            if recorded.as_deref() != Some(&text) {
                tx.set_instance(&text)?;
            }
            return Ok(Standing::AtHome);
        }
        let reason = if is_backup { Reason::BackupWithoutRestore } else { Reason::Copied };
        Ok(Standing::Held { newly: tx.hold_as_copy(&reason, now)? > 0 })
    })?;
    match standing {
        Standing::AtHome => {}
        Standing::Held { newly: true } => log::error!(
            "place: this database was copied or moved here: all channels are held, see held_reason; `confirm-place` frees them"
        ),
        Standing::Held { newly: false } => {
            log::warn!("place: still not confirmed: all channels are held, see held_reason");
        }
    }
    Ok(standing)
}

/// A person says that this instance of the database sends. Returns how many channels
/// that freed; `None` when it does already.
pub fn confirm(store: &mut Store, now: Timestamp) -> Result<Option<usize>, InstanceError> {
    let here = Instance::of(store.path())?;
    Ok(store.write(|tx| {
        let is_home = tx.instance()?.is_some_and(|text| Instance::parse(&text).is_same_as(&here));
        if is_home && tx.backup_made_at()?.is_none() && !tx.has_copy_holds()? {
            return Ok(None);
        }
        tx.confirm_instance(&here.to_string(), now).map(Some)
    })?)
}

/// FNV-1a, 64 bits: a machine id is not to be told to whoever gets a backup, and the digest must
/// stay the same in every version of this program.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_file_is_the_same_instance_and_a_copy_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let (one, two) = (directory.path().join("one"), directory.path().join("two"));
        std::fs::write(&one, "x").unwrap();
        let instance = Instance::of(&one).unwrap();
        assert_eq!(Instance::parse(&instance.to_string()), instance);
        std::fs::copy(&one, &two).unwrap();
        assert!(!Instance::of(&two).unwrap().is_same_as(&instance));
        std::fs::rename(&one, directory.path().join("three")).unwrap();
        assert!(Instance::of(&directory.path().join("three")).unwrap().is_same_as(&instance));
    }

    #[test]
    fn another_machine_is_another_instance_and_what_is_not_told_is_not_compared() {
        let instance = Instance::parse("machine=aa inode=1 born=2");
        assert!(!Instance::parse("machine=bb inode=1 born=2").is_same_as(&instance));
        assert!(Instance::parse("inode=1").is_same_as(&instance));
        assert!(!Instance::parse("written by somebody").is_same_as(&instance));
    }
}
