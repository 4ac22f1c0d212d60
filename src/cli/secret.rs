//! `secret show` and `secret rotate`.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use clap::{Args, Subcommand};

use super::output::{print, say};
use super::{CliError, CliResult, refuse};
use crate::config::{AdminPassword, Config, ConfigError, Secret};
use crate::password;
use crate::secret::{self, SecretError};
use crate::store::Store;

#[derive(Debug, Subcommand)]
pub(super) enum SecretCommand {
    /// Say where the secret is; on a terminal, show it
    Show,
    /// Make a new secret; the old one stays good until the next rotation, or `--forget`
    Rotate {
        /// Make no new secret, only the old one useless: once everybody has the new one
        #[arg(long)]
        forget: bool,
    },
}

pub(super) fn secret(command: &SecretCommand, config: &Config) -> CliResult {
    let database = &config.database_path;
    let text = match (command, &config.cron_secret) {
        (SecretCommand::Show, Some(set)) => {
            shown("CRON_SECRET in the environment or the env file".to_owned(), set)
        }
        (SecretCommand::Show, None) => {
            let path = secret::path(database);
            if !path.exists() {
                return Err(SecretError::NotMade(path).into());
            }
            // Nothing else on stdout: `cat "$(… secret show)"` must work.
            shown(path.display().to_string(), &secret::read_or_make(database)?)
        }
        (SecretCommand::Rotate { forget: false }, Some(set)) => setting_lines(Some(set))?,
        // Where strangers can ask, the secret belongs into the settings: `serve` says so.
        (SecretCommand::Rotate { forget: false }, None) if !config.is_for_this_machine() => {
            setting_lines(None)?
        }
        (SecretCommand::Rotate { forget: false }, None) => rotate(database)?,
        (SecretCommand::Rotate { forget: true }, set) => forget(config, set.is_some())?,
    };
    print(format!("{text}\n").as_bytes())
}

/// Where the secret is; and the secret, when a person looks.
fn shown(place: String, secret: &Secret) -> String {
    if io::stdout().is_terminal() { format!("{place}\n{}", secret.reveal()) } else { place }
}

fn rotate(database: &Path) -> CliResult<String> {
    secret::rotate(database)?;
    Ok(format!(
        "The new secret is in {}.\n\
         The old one is in {} and stays good for now.\n\
         A running `serve` knows both already. Give the new one to cron and websites, then:\n  \
         auto-message-scheduler secret rotate --forget",
        secret::path(database).display(),
        secret::previous_path(database).display()
    ))
}

/// What a person writes into the settings: this program does not change them.
fn setting_lines(old: Option<&Secret>) -> CliResult<String> {
    let lines = format!(
        "# Write this into the env file in place of what is there, then restart `serve`:\n\
         CRON_SECRET={}",
        secret::random()?.reveal()
    );
    let Some(old) = old else { return Ok(lines) };
    Ok(format!(
        "{lines}\nCRON_SECRET_PREVIOUS={}\n\
         # Give the new one to cron and websites, then take out the second line.",
        old.reveal()
    ))
}

fn forget(config: &Config, is_set: bool) -> CliResult<String> {
    let has_previous = config.cron_secret_previous.is_some();
    let of_setting = "Take CRON_SECRET_PREVIOUS out of the settings, then restart `serve`.";
    if is_set && !has_previous {
        return Ok("There is no old secret: CRON_SECRET_PREVIOUS is not set.".to_owned());
    }
    let is_forgotten = !is_set && secret::forget_previous(&config.database_path)?;
    let of_file = match (is_forgotten, has_previous) {
        (true, _) => "The old secret is useless now, for a running `serve` too.",
        (false, true) => "",
        (false, false) => "There is no old secret.",
    };
    let lines = [if has_previous { of_setting } else { "" }, of_file];
    Ok(lines.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n"))
}

const LENGTH_MIN: usize = 8;

#[derive(Debug, Args)]
pub(super) struct PasswordArgs {
    /// Give it to the panel at once, in place of the one in the settings, and log everybody out
    #[arg(long)]
    panel: bool,
}

/// Reads a password from standard input and prints its line for the env file, or gives it to the panel.
pub(super) fn password_hash(
    args: &PasswordArgs,
    config: impl FnOnce() -> Result<Config, ConfigError>,
) -> CliResult {
    let config = args.panel.then(config).transpose()?;
    let setting = config.as_ref().map(|config| config.admin_password.as_ref());
    if setting == Some(None) {
        return refuse(
            "there is no panel: set ADMIN_PASSWORD_HASH to the line that `password-hash` prints",
        );
    }
    if io::stdin().is_terminal() {
        // What is typed can be seen: no more is promised than a pipe would keep.
        writeln!(io::stderr(), "Type the panel's password and press Enter (it will be visible):")?;
    }
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let hash = hashed(line.trim())?;
    let Some((config, setting)) = config.as_ref().zip(setting.flatten()) else {
        return say(&format!("ADMIN_PASSWORD_HASH={hash}"));
    };
    let replaced = setting.hashed().map_err(no_random_bytes)?;
    let mut store = Store::open(&config.database_path)?;
    store.write(|tx| tx.replace_panel_password(&hash, &replaced))?;
    say(
        "The panel takes this password now, and everybody is logged out. Another ADMIN_PASSWORD or \
         ADMIN_PASSWORD_HASH in the settings would count again from the next start of `serve`.",
    )
}

/// The hash of a password that is long enough for the panel.
pub(super) fn hashed(password: &str) -> CliResult<String> {
    if !AdminPassword::is_long_enough(password) {
        return refuse(format!(
            "the password must have {LENGTH_MIN} characters or more: choose a longer one"
        ));
    }
    password::hash(password).map_err(no_random_bytes)
}

fn no_random_bytes(error: getrandom::Error) -> CliError {
    CliError::Refused(format!("failed to hash: the system has no random bytes: {error}"))
}
