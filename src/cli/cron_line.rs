//! `cron-line`: the crontab line of this installation.

use std::path::Path;

use clap::Args;

use super::output::print;
use super::{CliError, CliResult, refuse};
use crate::config::{self, Config, DEFAULT_ENV_FILE, SETTINGS};
use crate::cron_line::{self, RunLine, SecretFile};
use crate::http::reachable;
use crate::secret;

#[derive(Debug, Args)]
pub(super) struct CronArgs {
    /// Minutes between two triggers: 1, 5, 10 or another number that divides an hour
    #[arg(long, default_value_t = 1, value_name = "MINUTES")]
    every: u32,
    /// Trigger the server at this URL instead of starting `run` [without a URL: the one on this host]
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "", conflicts_with = "max_seconds")]
    curl: Option<String>,
    /// For a host that kills what runs longer: `run` gets it too
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=86_400))]
    max_seconds: Option<u64>,
}

/// The line, after remarks on what it lacks.
pub(super) fn cron_line(args: &CronArgs, env_file: Option<&Path>, config: &Config) -> CliResult {
    if cfg!(windows) {
        return refuse("Windows has no crontab: use the task in dist/windows");
    }
    let directory = std::env::current_dir()?;
    let mut remarks = vec![what_it_does(args)];
    let line = if let Some(url) = &args.curl {
        let own = format!("http://{}", reachable(config.listen_addr));
        let url = if url.is_empty() { own } else { url.clone() };
        if args.curl.as_ref().is_some_and(|given| config::is_public_without_tls(given)) {
            return refuse(format!(
                "`{url}` is public and not encrypted: everybody on the way could read the secret; give its https:// URL"
            ));
        }
        if cron_line::is_in_the_clear(&url) {
            remarks.push("the secret travels unencrypted: use https://".to_owned());
        }
        cron_line::curl(args.every, &url, &secret_file(&directory, env_file, config)?)
    } else {
        remarks.extend(what_is_missing(config));
        let env_file = env_file.map(|file| directory.join(file));
        let line = RunLine {
            program: &std::env::current_exe()?,
            directory: &directory,
            env_file: env_file.as_deref(),
            max_seconds: args.max_seconds,
        };
        cron_line::run(args.every, &line)
    };
    let line = line.map_err(|error| CliError::Refused(error.to_string()))?;
    let mut lines: Vec<String> = remarks.iter().map(|remark| format!("# {remark}")).collect();
    lines.push(line + "\n");
    print(lines.join("\n").as_bytes())
}

fn what_it_does(args: &CronArgs) -> String {
    let when = match args.every {
        1 => "every minute".to_owned(),
        minutes => format!("every {minutes} minutes"),
    };
    format!("auto-message-scheduler, {when}. Add it with `crontab -e`.")
}

/// Cron starts programs with next to no environment.
fn what_is_missing(config: &Config) -> Vec<String> {
    let mut remarks = Vec::new();
    let set = |key: &str| std::env::var_os(key).is_some_and(|value| !value.is_empty());
    let keys: Vec<&str> = SETTINGS.iter().map(|one| one.key).filter(|key| set(key)).collect();
    if !keys.is_empty() {
        remarks.push(format!(
            "Cron does not see the variables of your shell: write {} into {DEFAULT_ENV_FILE}.",
            keys.join(", ")
        ));
    }
    if config.waha_base_url.is_none() {
        remarks.push(format!(
            "WAHA_BASE_URL is not set: write it into {DEFAULT_ENV_FILE} in this directory."
        ));
    }
    remarks
}

/// The file from which the line reads the secret; it is made when there is none yet.
fn secret_file(
    directory: &Path,
    env_file: Option<&Path>,
    config: &Config,
) -> CliResult<SecretFile> {
    let refused = |what: &str| {
        refuse(format!(
            "{what}; or take CRON_SECRET out, and a secret is made and kept in a file of its own"
        ))
    };
    let Some(secret) = &config.cron_secret else {
        let made =
            secret::read_or_make(&config.database_path).map_err(crate::serve::ServeError::from)?;
        let path = secret::path(&config.database_path);
        if !cron_line::is_plain_secret(made.reveal()) {
            return refuse(format!(
                "the secret in `{}` has characters other than letters, digits and -._~+/=: delete the file, and the \
                 next start makes a new one",
                path.display()
            ));
        }
        return Ok(SecretFile::Alone(directory.join(path)));
    };
    if std::env::var_os("CRON_SECRET").is_some_and(|value| !value.is_empty()) {
        return refused("cron does not see CRON_SECRET of your shell: write it into the env file");
    }
    let file = directory.join(env_file.unwrap_or(Path::new(DEFAULT_ENV_FILE)));
    let text = std::fs::read_to_string(&file)?;
    let written: Vec<&str> =
        text.split('\n').filter_map(|line| line.strip_prefix("CRON_SECRET=")).collect();
    if written != [secret.reveal()] || !cron_line::is_plain_secret(secret.reveal()) {
        return refused(
            "write CRON_SECRET in the env file once, as CRON_SECRET=value, of letters, digits and -._~+/= only, without \
             blanks or quotes",
        );
    }
    Ok(SecretFile::Env(file))
}
