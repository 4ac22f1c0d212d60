//! Which secrets a trigger may show just now.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use subtle::{Choice, ConstantTimeEq};

use super::{SecretError, Stamp, fit, path, previous_path, read_or_make, read_previous, read_text};
use crate::config::Secret;
use crate::logging::in_one_line;

/// The secrets that are good: those of the settings, and those in the files beside the database when
/// CRON_SECRET is not set. The files are read anew when they were changed, so that `secret rotate` and
/// `--forget` need no restart.
#[derive(Debug)]
pub struct Accepted {
    settings: Vec<Secret>,
    files: Option<Files>,
}

#[derive(Debug)]
struct Files {
    database: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    /// Of the files when they were read last: an attempt costs two looks at them and reads nothing.
    stamps: [Option<Stamp>; 2],
    current: Secret,
    previous: Option<Secret>,
}

impl Accepted {
    /// CRON_SECRET and CRON_SECRET_PREVIOUS; without the first, the secret of `database`, which is
    /// made when there is none.
    ///
    /// # Errors
    /// [`SecretError`] when a file cannot be used.
    pub(crate) fn new(
        current: Option<Secret>,
        previous: Option<Secret>,
        database: &Path,
    ) -> Result<Self, SecretError> {
        let files = match current {
            Some(_) => None,
            None => Some(Files::read(database)?),
        };
        Ok(Self { settings: current.into_iter().chain(previous).collect(), files })
    }

    /// Whether `token` is one of them, found in a time that depends neither on where it differs nor
    /// on which one it is.
    pub(crate) fn accepts(&self, token: &str) -> bool {
        let mut found = Choice::from(0);
        for secret in &self.settings {
            found |= secret.reveal().as_bytes().ct_eq(token.as_bytes());
        }
        if let Some(files) = &self.files {
            let mut known = files.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.refresh(&files.database);
            for secret in [Some(&known.current), known.previous.as_ref()].into_iter().flatten() {
                found |= secret.reveal().as_bytes().ct_eq(token.as_bytes());
            }
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
    fn read(database: &Path) -> Result<Self, SecretError> {
        read_or_make(database)?;
        // The stamps before the content: what changes in between is read again.
        let stamps = stamps(database);
        let (current, previous) = read_both(database)?;
        let known = Known { stamps, current, previous };
        Ok(Self { database: database.to_owned(), known: Mutex::new(known) })
    }
}

impl Known {
    /// Reads what was changed. What cannot be read leaves the secrets as they were known: a slip of a
    /// person must not shut cron out.
    fn refresh(&mut self, database: &Path) {
        let stamps = stamps(database);
        if stamps == self.stamps {
            return;
        }
        self.stamps = stamps;
        match read_both(database) {
            Ok((current, previous)) => {
                (self.current, self.previous) = (current, previous);
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

fn read_both(database: &Path) -> Result<(Secret, Option<Secret>), SecretError> {
    let path = path(database);
    let text = read_text(&path)?.ok_or_else(|| SecretError::NotMade(path.clone()))?;
    Ok((fit(&path, &text)?, read_previous(database)?))
}

fn stamps(database: &Path) -> [Option<Stamp>; 2] {
    [path(database), previous_path(database)]
        .map(|path| std::fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata)))
}
