//! Files and the disk: the secret, who may read what, how much room there is.

use std::path::{Path, PathBuf};

use super::{Findings, Said, Subject};
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
        return findings.ok(Subject::Secret, Said::SecretSet);
    }
    if !path.exists() {
        return findings.ok(Subject::Secret, Said::SecretToBeMade);
    }
    let shown = path.display().to_string();
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim().len() >= SECRET_LENGTH_MIN => {
            findings.ok(Subject::Secret, Said::SecretInFile { path: shown });
        }
        Ok(_) => {
            findings.wrong(Subject::Secret, Said::SecretShort { path: shown }, Said::DeleteSecret);
        }
        Err(error) => {
            let cause = private_file::explained(&path, error).to_string();
            let found = Said::Unreadable { path: shown, cause };
            findings.wrong(Subject::Secret, found, Said::CheckOwnerOrRun);
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
            let found = Said::FileOdd { cause: error.to_string() };
            findings.wrong(Subject::Files, found, Said::SeeHow);
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
            let found = Said::OthersMayRead { files: open.join(", ") };
            let remedy = Said::Chmod { mode: 600, files: open.join(" ") };
            findings.warning(Subject::Files, found, remedy);
        }
        Some(group) if !closed.is_empty() => {
            let group = group.clone();
            let found = Said::GroupButNot { group, files: closed.join(", ") };
            let remedy = Said::Chmod { mode: 660, files: closed.join(" ") };
            findings.warning(Subject::Files, found, remedy);
        }
        Some(group) => {
            findings.ok(Subject::Files, Said::GroupShares { group: group.clone() });
        }
        None => findings.ok(Subject::Files, Said::OnlyOwner),
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
    let found = Said::Room { mb: bytes / MIB };
    match bytes {
        0..ROOM_NONE => findings.wrong(Subject::Disk, found, Said::MakeRoom),
        ROOM_NONE..ROOM_SMALL => findings.warning(Subject::Disk, found, Said::MakeRoom),
        ROOM_SMALL.. => findings.ok(Subject::Disk, found),
    }
}
