//! Files on their way to a name: private, durable, and never seen half under it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::{BackupError, failed_to};
use crate::private_file::{self, directory_of, remove_with_sides, with_ending};

/// Between the name that a file will have and the number of the program that writes it.
const PARTIAL: &str = ".partial-";
const SQLITE_HEADER: &[u8] = b"SQLite format 3\0";

/// A file that is removed again, with what SQLite puts beside it, unless it is finished.
///
/// Its descriptor stays open, and locked, until then: that tells others that somebody writes it, and
/// to close it earlier would drop SQLite's own locks on the file.
pub(super) struct Partial {
    path: PathBuf,
    file: File,
}

impl Partial {
    /// An empty file beside `target`, with a name that nobody else uses. What programs left behind
    /// that were killed while they made the same backup, or another one of `base`, is removed.
    pub(super) fn beside(target: &Path, base: &Path) -> Result<Self, BackupError> {
        sweep(base)?;
        Self::make(with_ending(target, &format!("{PARTIAL}{}", std::process::id())))
    }

    /// An empty file with this name; one that is there is replaced.
    pub(super) fn make(path: PathBuf) -> Result<Self, BackupError> {
        remove_with_sides(&path);
        let file = private_file::options().read(true).write(true).create_new(true).open(&path);
        let file = file.map_err(failed_to("make", &path))?;
        // Whoever finds it locked leaves it alone; where files have no locks, nobody sweeps.
        let _ = file.try_lock();
        Ok(Self { path, file })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the file durable and gives it its name; returns its size.
    pub(super) fn finish(self, target: &Path) -> Result<u64, BackupError> {
        self.file.sync_all().map_err(failed_to("write", &self.path))?;
        let bytes = self.file.metadata().map_err(failed_to("read", &self.path))?.len();
        fs::rename(&self.path, target).map_err(failed_to("replace", target))?;
        private_file::sync_name(target).map_err(failed_to("write", directory_of(target)))?;
        Ok(bytes)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After `finish` nothing has this name any more.
        remove_with_sides(&self.path);
    }
}

/// Removes all but the newest `keep` files `<base>.<time>`, never `newest`. Returns how many.
pub(super) fn remove_older(base: &Path, newest: &Path, keep: usize) -> Result<usize, BackupError> {
    let mut names: Vec<PathBuf> = beside(base)?
        .into_iter()
        .filter(|(_, rest)| rest.strip_prefix('.').is_some_and(is_time))
        .map(|(path, _)| path)
        .filter(|path| path.file_name() != newest.file_name())
        .collect();
    names.sort_unstable();
    let removed = (names.len() + 1).saturating_sub(keep);
    for path in &names[..removed] {
        fs::remove_file(path).map_err(failed_to("remove", path))?;
        // The files of its messages: what stays of them is in nobody's way.
        let _ = fs::remove_dir_all(with_ending(path, ".files"));
    }
    Ok(removed)
}

/// Whether both names are of one existing file.
pub(super) fn is_same_file(one: &Path, two: &Path) -> bool {
    let (Ok(first), Ok(second)) = (fs::metadata(one), fs::metadata(two)) else { return false };
    match (private_file::identity(&first), private_file::identity(&second)) {
        (Some(first), Some(second)) => first == second,
        _ => matches!((one.canonicalize(), two.canonicalize()), (Ok(one), Ok(two)) if one == two),
    }
}

/// Whether there is nothing at `path`, or an empty file, or a SQLite database.
pub(super) fn may_be_replaced(path: &Path) -> Result<bool, BackupError> {
    private_file::check(path).map_err(failed_to("replace", path))?;
    match fs::metadata(path) {
        Ok(about) if about.is_file() => {}
        Ok(_) => return Ok(false), // to open a pipe would be to wait for its other end
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(failed_to("read", path)(error)),
    }
    let file = File::open(path).map_err(failed_to("read", path))?;
    let mut head = Vec::new();
    let length = SQLITE_HEADER.len() as u64;
    file.take(length).read_to_end(&mut head).map_err(failed_to("read", path))?;
    Ok(head.is_empty() || head == SQLITE_HEADER)
}

/// Removes what this process has written so far of `target`, or of one of its `<target>.<time>`.
pub(super) fn abandon(target: &Path) -> Result<(), BackupError> {
    let own = format!("{PARTIAL}{}", std::process::id());
    for (path, _) in beside(target)?.into_iter().filter(|(_, rest)| rest.ends_with(&own)) {
        remove_with_sides(&path);
    }
    Ok(())
}

/// Removes partial files of `base`, or of one with a time, whose writer is gone: nobody holds their lock.
fn sweep(base: &Path) -> Result<(), BackupError> {
    for (path, rest) in beside(base)? {
        let Some((made, number)) = rest.split_once(PARTIAL) else { continue };
        let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let is_timed = made.strip_prefix(['.', '-']).is_some_and(is_time);
        let is_ours = is_number && (made.is_empty() || is_timed);
        let is_trusted = private_file::check(&path).is_ok();
        if is_ours && is_trusted && File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let target = with_ending(base, made);
            // Nobody else had the name at that time.
            if is_timed && !target.exists() {
                let _ = fs::remove_dir_all(with_ending(&target, ".files"));
            }
            remove_with_sides(&path);
        }
    }
    Ok(())
}

/// The plain files whose names begin with that of `base`, with the rest of their names.
fn beside(base: &Path) -> Result<Vec<(PathBuf, String)>, BackupError> {
    let failed = || failed_to("read", directory_of(base));
    let own = base.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let mut found = Vec::new();
    for entry in fs::read_dir(directory_of(base)).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        let name = entry.file_name();
        if let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(own))
            && entry.file_type().is_ok_and(|kind| kind.is_file())
            && !own.is_empty()
        {
            found.push((entry.path(), rest.to_owned()));
        }
    }
    Ok(found)
}

/// `2026-12-01T010000Z`.
fn is_time(text: &str) -> bool {
    let pattern = b"0000-00-00T000000Z";
    text.len() == pattern.len()
        && text.bytes().zip(pattern).all(|(byte, wanted)| match wanted {
            b'0' => byte.is_ascii_digit(),
            other => byte == *other,
        })
}
