//! `secret show` and `secret rotate`.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use clap::{Args, Subcommand};

use super::CliError;
use crate::config::{Config, Secret};
use crate::secret::{self, SecretError};

#[derive(Debug, Args)]
pub(super) struct SecretArgs {
    #[command(subcommand)]
    command: SecretCommand,
}

#[derive(Debug, Subcommand)]
enum SecretCommand {
    /// Say where the secret is; on a terminal, show it
    Show,
    /// Make a new secret; the old one stays good until the next rotation, or `--forget`
    Rotate {
        /// Make no new secret, only the old one useless: once everybody has the new one
        #[arg(long)]
        forget: bool,
    },
}

pub(super) fn secret(args: &SecretArgs, config: &Config) -> Result<(), CliError> {
    let database = &config.database_path;
    match (&args.command, &config.cron_secret) {
        (SecretCommand::Show, Some(set)) => show_setting(set)?,
        (SecretCommand::Show, None) => show_file(database)?,
        (SecretCommand::Rotate { forget: false }, Some(set)) => print_lines(Some(set))?,
        // Where strangers can ask, the secret belongs into the settings: `serve` says so.
        (SecretCommand::Rotate { forget: false }, None) if !config.is_for_this_machine() => {
            print_lines(None)?;
        }
        (SecretCommand::Rotate { forget: false }, None) => rotate(database)?,
        (SecretCommand::Rotate { forget: true }, set) => forget(config, set.is_some())?,
    }
    Ok(())
}

/// Nothing else on stdout: `cat "$(… secret show)"` must work.
fn show_file(database: &Path) -> Result<(), CliError> {
    let path = secret::path(database);
    if !path.exists() {
        return Err(SecretError::NotMade(path).into());
    }
    writeln!(io::stdout(), "{}", path.display())?;
    if io::stdout().is_terminal() {
        writeln!(io::stdout(), "{}", secret::read_or_make(database)?.reveal())?;
    }
    Ok(())
}

fn show_setting(set: &Secret) -> Result<(), CliError> {
    writeln!(io::stdout(), "CRON_SECRET in the environment or the env file")?;
    if io::stdout().is_terminal() {
        writeln!(io::stdout(), "{}", set.reveal())?;
    }
    Ok(())
}

fn rotate(database: &Path) -> Result<(), CliError> {
    secret::rotate(database)?;
    let (new, old) = (secret::path(database), secret::previous_path(database));
    let mut out = io::stdout();
    writeln!(out, "The new secret is in {}.", new.display())?;
    writeln!(out, "The old one is in {} and stays good for now.", old.display())?;
    writeln!(
        out,
        "A running `serve` knows both already. Give the new one to cron and websites, then:"
    )?;
    writeln!(out, "  auto-message-scheduler secret rotate --forget")?;
    Ok(())
}

/// What a person writes into the settings: this program does not change them.
fn print_lines(old: Option<&Secret>) -> Result<(), CliError> {
    let mut out = io::stdout();
    writeln!(
        out,
        "# Write this into the env file in place of what is there, then restart `serve`:"
    )?;
    writeln!(out, "CRON_SECRET={}", secret::random()?.reveal())?;
    if let Some(old) = old {
        writeln!(out, "CRON_SECRET_PREVIOUS={}", old.reveal())?;
        writeln!(out, "# Give the new one to cron and websites, then take out the second line.")?;
    }
    Ok(())
}

fn forget(config: &Config, is_set: bool) -> Result<(), CliError> {
    let mut out = io::stdout();
    if config.cron_secret_previous.is_some() {
        writeln!(out, "Take CRON_SECRET_PREVIOUS out of the settings, then restart `serve`.")?;
    }
    if is_set {
        if config.cron_secret_previous.is_none() {
            writeln!(out, "There is no old secret: CRON_SECRET_PREVIOUS is not set.")?;
        }
        return Ok(());
    }
    if secret::forget_previous(&config.database_path)? {
        writeln!(out, "The old secret is useless now, for a running `serve` too.")?;
    } else if config.cron_secret_previous.is_none() {
        writeln!(out, "There is no old secret.")?;
    }
    Ok(())
}
