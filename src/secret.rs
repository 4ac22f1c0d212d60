//! The secrets of the two endpoints: made at the first start, kept beside the database with mode 0600,
//! and changed without an interruption: the one before stays good until it is forgotten.

use std::fmt::Write as _;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use subtle::{Choice, ConstantTimeEq};

use crate::clock::lock;
use crate::config::{SECRET_LENGTH_MIN, Secret};
use crate::fail_point;
use crate::logging::in_one_line;
use crate::private_file::{self, with_ending};

/// Of the generated secret, before it is written in hex.
const SECRET_BYTES: usize = 32;
/// More than any secret file.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// How often a rotation looks for the lock while others rotate.
const LOCK_TRIES_MAX: usize = 100;

#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("failed to use secret file `{}`: check owner and mode of the file and of its directory", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("`{}` holds no secret of {SECRET_LENGTH_MIN} characters or more: delete it, and the next start makes a new one", path.display())]
    Unfit { path: PathBuf },
    #[error("`{}` can be read or changed by other users of this machine: {remedy}", path.display())]
    Open { path: PathBuf, remedy: String },
    #[error("there is no secret file `{}`: the first `serve` makes it; if that was somewhere else, go there or correct DATABASE_PATH", .0.display())]
    NotMade(PathBuf),
    #[error(
        "failed to make a secret: the system has no random bytes: {0}; set CRON_SECRET yourself"
    )]
    Random(getrandom::Error),
}

/// The secrets that are good: those of the settings, and those in the files beside the database when
/// CRON_SECRET is not set. The files are read anew when they were changed, so that `secret rotate` and
/// `--forget` need no restart.
#[derive(Debug)]
pub struct Accepted {
    settings: Vec<Secret>,
    /// With the database that they are beside.
    files: Option<(PathBuf, Mutex<Files>)>,
}

#[derive(Debug)]
struct Files {
    /// Of the files when they were read last: an attempt costs two looks at them and reads nothing.
    stamps: [Option<Stamp>; 2],
    /// The present one, and the one before.
    secrets: Vec<Secret>,
}

/// Which content a file has, without reading it; its mode too, which may be what was mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    identity: Option<(u64, u64)>,
    permissions: Permissions,
}

impl Accepted {
    /// CRON_SECRET and CRON_SECRET_PREVIOUS; without the first, the secret of `database`, which is
    /// made when there is none.
    pub(crate) fn new(
        current: Option<Secret>,
        previous: Option<Secret>,
        database: &Path,
    ) -> Result<Self, SecretError> {
        let mut files = None;
        if current.is_none() {
            read_or_make(database)?;
            // The stamps before the content: what changes in between is read again.
            let (stamps, secrets) = (stamps(database), read_both(database)?);
            files = Some((database.to_owned(), Mutex::new(Files { stamps, secrets })));
        }
        Ok(Self { settings: current.into_iter().chain(previous).collect(), files })
    }

    /// Whether `token` is one of them, found in a time that depends neither on where it differs nor
    /// on which one it is.
    pub(crate) fn accepts(&self, token: &str) -> bool {
        let is_any = |secrets: &[Secret]| {
            let same = secrets.iter().map(|one| one.reveal().as_bytes().ct_eq(token.as_bytes()));
            same.fold(Choice::from(0), |found, same| found | same)
        };
        let mut found = is_any(&self.settings);
        if let Some((database, files)) = &self.files {
            let mut files = lock(files);
            files.refresh(database);
            found |= is_any(&files.secrets);
        }
        found.into()
    }
}

/// One secret, whatever is in files.
impl From<Secret> for Accepted {
    fn from(secret: Secret) -> Self {
        Self { settings: vec![secret], files: None }
    }
}

impl Files {
    /// Reads what was changed. What cannot be read leaves the secrets as they were known: a slip of a
    /// person must not shut cron out.
    fn refresh(&mut self, database: &Path) {
        let stamps = stamps(database);
        if stamps == self.stamps {
            return;
        }
        self.stamps = stamps;
        match read_both(database) {
            Ok(secrets) => {
                self.secrets = secrets;
                log::info!(
                    "secret: it was changed, and read anew from {}",
                    path(database).display()
                );
            }
            Err(error) => log::warn!(
                "secret: the file was changed and cannot be used, what was good before stays good: {}",
                in_one_line(&error)
            ),
        }
    }
}

impl Stamp {
    pub(crate) fn of(about: &Metadata) -> Self {
        Self {
            modified: about.modified().ok(),
            length: about.len(),
            identity: private_file::identity(about),
            permissions: about.permissions(),
        }
    }
}

/// Where the secret of `database` is kept.
pub(crate) fn path(database: &Path) -> PathBuf {
    with_ending(database, ".cron-secret")
}

/// Where the one before is kept, until it is forgotten.
pub(crate) fn previous_path(database: &Path) -> PathBuf {
    with_ending(database, ".cron-secret.previous")
}

/// Reads the secret of `database`, or makes one.
pub(crate) fn read_or_make(database: &Path) -> Result<Secret, SecretError> {
    let path = path(database);
    let text = match read_text(&path)? {
        Some(text) if !is_unwritten(&text) => text,
        Some(_) | None => make(&path)?,
    };
    fit(&path, &text)
}

/// Reads the secret of `database` that was rotated away and is still good, if there is one.
pub(crate) fn read_previous(database: &Path) -> Result<Option<Secret>, SecretError> {
    let path = previous_path(database);
    read_text(&path)?.map(|text| fit(&path, &text)).transpose()
}

/// Makes a new secret for `database`, and keeps the present one as the one before. Whatever ends the
/// program, and when this fails, there is always a whole secret, and the one that was good is good.
pub(crate) fn rotate(database: &Path) -> Result<(), SecretError> {
    let path = path(database);
    let lock = lock_current(&path)?;
    let present = read_present(database)?;
    let owner = lock.metadata().map_err(failed(&path))?;
    let new = random()?;
    // First the one before: in between both are the same, and nobody is shut out.
    replace(&previous_path(database), present.reveal(), &owner)?;
    fail_point::reach("secret_half_rotated");
    replace(&path, new.reveal(), &owner)
}

/// Makes the one before useless. Returns whether there was one.
pub(crate) fn forget_previous(database: &Path) -> Result<bool, SecretError> {
    let path = previous_path(database);
    match fs::remove_file(&path) {
        Ok(()) => private_file::sync_name(&path).map(|()| true).map_err(failed(&path)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(&path)(error)),
    }
}

/// A new secret of 64 hex digits.
pub(crate) fn random() -> Result<Secret, SecretError> {
    random_hex().map(Secret::new).map_err(SecretError::Random)
}

/// 64 random hex digits.
pub(crate) fn random_hex() -> Result<String, getrandom::Error> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(to_hex(&bytes))
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}

fn read_present(database: &Path) -> Result<Secret, SecretError> {
    let path = path(database);
    let text = read_text(&path)?.ok_or_else(|| SecretError::NotMade(path.clone()))?;
    fit(&path, &text)
}

/// The present secret and the one before.
fn read_both(database: &Path) -> Result<Vec<Secret>, SecretError> {
    Ok([read_present(database)?].into_iter().chain(read_previous(database)?).collect())
}

fn stamps(database: &Path) -> [Option<Stamp>; 2] {
    [path(database), previous_path(database)]
        .map(|path| fs::metadata(path).ok().map(|about| Stamp::of(&about)))
}

/// What the file holds; `None` when there is none.
fn read_text(path: &Path) -> Result<Option<String>, SecretError> {
    match private_file::read(path, FILE_BYTES_MAX) {
        // Without a secret in it, it is closed before one is written.
        Ok((text, Some(remedy))) if !is_unwritten(&text) => {
            Err(SecretError::Open { path: path.to_owned(), remedy })
        }
        Ok((text, _)) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path)(error)),
    }
}

fn fit(path: &Path, text: &str) -> Result<Secret, SecretError> {
    let text = text.trim();
    let is_fit = text.len() >= SECRET_LENGTH_MIN && text.bytes().all(|b| b.is_ascii_graphic());
    if is_fit { Ok(Secret::new(text)) } else { Err(SecretError::Unfit { path: path.to_owned() }) }
}

/// Writes a new secret and returns what the file then holds. Of programs that do so at the same
/// moment one writes, and the others wait for it and read.
fn make(path: &Path) -> Result<String, SecretError> {
    let failed = failed(path);
    let mut options = private_file::options();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = private_file::open(path, &options).map_err(&failed)?;
    file.lock().map_err(&failed)?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(&failed)?;
    if is_unwritten(&text) {
        close_to_others(&file).map_err(&failed)?;
        text = random()?.reveal().to_owned() + "\n";
        // One write, so that a file that is not empty is whole.
        file.set_len(0).and_then(|()| file.rewind()).map_err(&failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(&failed)?;
    }
    Ok(text)
}

/// A program that ended between making the file and writing it leaves it empty; a power cut may
/// leave zeros in it.
fn is_unwritten(text: &str) -> bool {
    text.bytes().all(|byte| byte == 0)
}

/// A file that somebody else made may be open to all.
fn close_to_others(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        file.set_permissions(mode)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        Ok(())
    }
}

/// The file that has the name, locked: who waits for a rotation finds another file under it then.
fn lock_current(path: &Path) -> Result<File, SecretError> {
    for _ in 0..LOCK_TRIES_MAX {
        let file = match private_file::open(path, OpenOptions::new().read(true)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(SecretError::NotMade(path.to_owned()));
            }
            Err(error) => return Err(failed(path)(error)),
        };
        file.lock().map_err(failed(path))?;
        let locked = file.metadata().map_err(failed(path))?;
        let named = fs::metadata(path).map_err(failed(path))?;
        if Stamp::of(&locked) == Stamp::of(&named) {
            return Ok(file);
        }
    }
    Err(failed(path)(io::Error::other("others change it all the time")))
}

/// Gives `path` a new content in one step. The file belongs to whom `like` belongs: what root rotates,
/// the server must still be able to read.
fn replace(path: &Path, secret: &str, like: &Metadata) -> Result<(), SecretError> {
    let new = with_ending(path, ".new");
    // One that was left behind by a rotation that was cut off; nobody else writes it under the lock.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(&new)(error)),
        Ok(()) | Err(_) => {}
    }
    let mut file =
        private_file::options().write(true).create_new(true).open(&new).map_err(failed(&new))?;
    let written = private_file::give_to(&file, like)
        .and_then(|()| file.write_all(format!("{secret}\n").as_bytes()))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written.and_then(|()| private_file::sync_name(path)).map_err(failed(path))
}

fn failed(path: &Path) -> impl Fn(io::Error) -> SecretError {
    let path = path.to_owned();
    move |source| SecretError::File { path: path.clone(), source }
}

#[cfg(test)]
mod tests;
