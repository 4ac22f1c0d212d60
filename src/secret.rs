//! The secret of the two endpoints: made at the first start and kept beside the database, mode 0600.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use crate::config::Secret;

/// Of the generated secret, before it is written in hex.
const SECRET_BYTES: usize = 32;
/// Of any secret, in characters.
pub(crate) const LENGTH_MIN: usize = 16;

/// The secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read or made.
    #[error("failed to use secret file `{}`: check owner and mode of the file and of its directory", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file holds no secret.
    #[error("`{}` holds no secret of {LENGTH_MIN} characters or more: delete it, and the next start makes a new one", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
    },
    /// The system gave no random bytes.
    #[error(
        "failed to make a secret: the system has no random bytes: {0}; set CRON_SECRET yourself"
    )]
    Random(getrandom::Error),
}

/// Where the secret of `database` is kept.
#[must_use]
pub fn path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".cron-secret");
    PathBuf::from(name)
}

/// Reads the secret of `database`, or makes one.
///
/// # Errors
/// [`SecretError`] when the file cannot be used or holds no secret.
pub fn read_or_make(database: &Path) -> Result<Secret, SecretError> {
    let path = path(database);
    let failed = |source| SecretError::File { path: path.clone(), source };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) if !is_unwritten(&text) => text,
        Ok(_) => make(&path)?,
        Err(error) if error.kind() == ErrorKind::NotFound => make(&path)?,
        Err(error) => return Err(failed(error)),
    };
    let text = text.trim();
    let is_fit = text.len() >= LENGTH_MIN && text.bytes().all(|b| b.is_ascii_graphic());
    if is_fit { Ok(Secret::new(text)) } else { Err(SecretError::Unfit { path }) }
}

/// Writes a new secret and returns what the file then holds. Of programs that do so at the same
/// moment one writes, and the others wait for it and read.
fn make(path: &Path) -> Result<String, SecretError> {
    let failed = |source| SecretError::File { path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    file.lock().map_err(failed)?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    if is_unwritten(&text) {
        text = random_hex()? + "\n";
        // One write, so that a file that is not empty is whole.
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    }
    Ok(text)
}

/// A program that ended between making the file and writing it leaves it empty; a power cut may
/// leave zeros in it.
fn is_unwritten(text: &str) -> bool {
    text.bytes().all(|byte| byte == 0)
}

fn random_hex() -> Result<String, SecretError> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(SecretError::Random)?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_only_its_owner_may_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("x.db");
        let made = read_or_make(&database).unwrap();
        assert_eq!(made.reveal().len(), 64);
        assert!(read_or_make(&database).unwrap() == made);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let permissions = std::fs::metadata(path(&database)).unwrap().permissions();
            assert_eq!(permissions.mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_file_that_a_dead_program_left_unwritten_gets_its_secret() {
        for left in ["", &"\0".repeat(4096)] {
            let directory = tempfile::tempdir().unwrap();
            let database = directory.path().join("x.db");
            std::fs::write(path(&database), left).unwrap();
            let made = read_or_make(&database).unwrap();
            assert_eq!(made.reveal().len(), 64);
            assert!(read_or_make(&database).unwrap() == made);
        }
    }

    #[test]
    fn those_who_make_it_at_the_same_moment_get_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("x.db");
        let made: Vec<Secret> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| read_or_make(&database).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(made.iter().all(|one| *one == made[0]));
    }

    #[test]
    fn a_file_without_a_secret_is_an_error_that_says_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("x.db");
        std::fs::write(path(&database), "short\n").unwrap();
        assert!(read_or_make(&database).unwrap_err().to_string().contains("delete it"));
    }
}
