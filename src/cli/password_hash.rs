//! `password-hash`: what ADMIN_PASSWORD_HASH wants.

use std::io::{self, IsTerminal, Write};

use super::CliError;
use super::output::say;
use crate::password;

const LENGTH_MIN: usize = 8;

/// Reads a password from standard input and prints its line for the env file.
pub(super) fn password_hash() -> Result<(), CliError> {
    if io::stdin().is_terminal() {
        // What is typed can be seen: no more is promised than a pipe would keep.
        writeln!(io::stderr(), "Type the panel's password and press Enter (it will be visible):")?;
    }
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let password = line.trim();
    if password.chars().count() < LENGTH_MIN || password.len() > password::BYTES_MAX {
        let why =
            format!("the password must have {LENGTH_MIN} characters or more: choose a longer one");
        return Err(CliError::Refused(why));
    }
    let hash = password::hash(password).map_err(|error| {
        CliError::Refused(format!("failed to hash: the system has no random bytes: {error}"))
    })?;
    say(&format!("ADMIN_PASSWORD_HASH={hash}"))
}
