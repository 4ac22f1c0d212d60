//! `settings`: every key, what it is now, and who said so.

use std::path::Path;

use clap::Args;

use super::CliResult;
use super::output::{self, Output};
use super::table::table;
use crate::config::{self, SETTINGS, SettingSource, Shown};

const SAMPLE_HEAD: &str = "\
# Settings of auto-message-scheduler. Copy this file to auto-message-scheduler.env beside the program,
# take the # off the lines that you change, and keep it to yourself: chmod 600 auto-message-scheduler.env
# What is set in the environment wins over this file.
";

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auto-message-scheduler settings
  auto-message-scheduler settings --sample > auto-message-scheduler.env")]
pub(super) struct SettingsArgs {
    /// Only those that are not at their defaults
    #[arg(long)]
    changed: bool,
    /// Print an env file in which every setting is explained
    #[arg(long, conflicts_with_all = ["changed", "json"])]
    sample: bool,
    #[command(flatten)]
    output: Output,
}

pub(super) fn settings(args: &SettingsArgs, env_file: Option<&Path>) -> CliResult {
    if args.sample {
        let lines =
            SETTINGS.iter().map(|it| format!("\n# {}\n#{}={}\n", it.meaning, it.key, it.default));
        return output::print((SAMPLE_HEAD.to_owned() + &lines.collect::<String>()).as_bytes());
    }
    let all = config::shown(env_file)?.into_iter();
    let shown: Vec<Shown> =
        all.filter(|one| !args.changed || one.from != SettingSource::Default).collect();
    args.output.print(&shown, |shown| {
        let rows = shown.iter().map(|one| {
            vec![one.key.to_owned(), one.now().to_owned(), one.from.as_str().to_owned()]
        });
        table(&["setting", "value", "from"], rows)
    })?;
    // A value that no start would take is said here too, after what it is.
    config::Config::load(env_file)?;
    Ok(())
}
