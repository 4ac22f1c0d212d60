//! Files and the disk: the secret, who may read what, how much room there is.

use std::path::{Path, PathBuf};

use super::Findings;
use crate::config::{Config, SECRET_LENGTH_MIN};
use crate::private_file;
use crate::secret;

const MIB: u64 = 1024 * 1024;
/// Under so much room something fails soon; under the other today.
const ROOM_SMALL: u64 = 500 * MIB;
const ROOM_NONE: u64 = 20 * MIB;

pub(super) fn examine(config: &Config, env_file: &Path, findings: &mut Findings) {
    secret(config, findings);
    modes(config, env_file, findings);
    room(config, findings);
}

fn secret(config: &Config, findings: &mut Findings) {
    let path = secret::path(&config.database_path);
    if config.cron_secret.is_some() {
        return findings.ok("secret", "CRON_SECRET is set");
    }
    if !path.exists() {
        return findings.ok("secret", "the first `serve` makes it");
    }
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim().len() >= SECRET_LENGTH_MIN => {
            findings.ok("secret", format!("in `{}`", path.display()));
        }
        Ok(_) => {
            let found = format!("`{}` holds no secret of 16 characters or more", path.display());
            findings.wrong("secret", found, "delete it: the next `serve` makes a new one");
        }
        Err(error) => {
            let error = private_file::explained(&path, error);
            let found = format!("`{}` cannot be read: {error}", path.display());
            findings.wrong("secret", found, "check its owner and mode, or run this as its owner");
        }
    }
}

/// Keys, numbers and texts are nobody else's business.
fn modes(config: &Config, env_file: &Path, findings: &mut Findings) {
    let database = &config.database_path;
    let beside = |ending| private_file::with_ending(database, ending);
    let own = [
        env_file.to_owned(),
        secret::path(database),
        secret::previous_path(database),
        beside(".lock"),
    ];
    let shared = [database.clone(), beside("-wal"), beside("-shm")];
    let owned = own.iter().chain(&config.log_file).map(|path| private_file::check(path));
    for checked in owned.chain(shared.iter().map(|path| private_file::check_shared(path))) {
        if let Err(error) = checked {
            let remedy = "see how it came there: nothing reads or writes it as it is";
            findings.wrong("files", error.to_string(), remedy);
        }
    }
    let group = private_file::sharing_group(database);
    let shared_bits = if group.is_some() { 0o007 } else { 0o077 };
    let named = |paths: &mut dyn Iterator<Item = &PathBuf>| {
        paths.map(|path| path.display().to_string()).collect::<Vec<_>>()
    };
    let own = own.iter().filter(|path| mode(path).is_some_and(|mode| mode & 0o077 != 0));
    let open = shared.iter().filter(|path| mode(path).is_some_and(|mode| mode & shared_bits != 0));
    let open = named(&mut own.chain(open));
    let is_closed = |path: &&PathBuf| mode(path).is_some_and(|mode| mode & 0o060 != 0o060);
    let closed = named(&mut shared.iter().filter(is_closed));
    match group {
        _ if !open.is_empty() => {
            let found = format!("others may read {}", open.join(", "));
            findings.warning("files", found, &format!("chmod 600 {}", open.join(" ")));
        }
        Some(group) if !closed.is_empty() => {
            let found =
                format!("the group `{group}` shares the database, but not {}", closed.join(", "));
            findings.warning("files", found, &format!("chmod 660 {}", closed.join(" ")));
        }
        Some(group) => {
            let found = format!(
                "the group `{group}` shares the database; only their owner may read the others"
            );
            findings.ok("files", found);
        }
        None => findings.ok("files", "only their owner may read them"),
    }
}

/// `None` for a file that is not there, and where files have no modes.
fn mode(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    return Some(std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(path).ok()?));
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

fn room(config: &Config, findings: &mut Findings) {
    let directory = private_file::directory_of(&config.database_path);
    let Some(bytes) = private_file::room_bytes(directory) else { return };
    let found = format!("{} MB are free", bytes / MIB);
    let remedy = "make room: without any nothing can be recorded, so nothing is sent";
    match bytes {
        0..ROOM_NONE => findings.wrong("disk", found, remedy),
        ROOM_NONE..ROOM_SMALL => findings.warning("disk", found, remedy),
        ROOM_SMALL.. => findings.ok("disk", found),
    }
}
