//! `completions` and `man`: made from the definitions of the commands themselves, so that they never
//! say anything else.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::CliResult;
use super::output::print;
use crate::private_file;

const NAME: &str = "auto-message-scheduler";

#[derive(Debug, Args)]
#[command(after_help = "\
Once; a new shell completes then, when the program is in a directory of PATH:
  echo 'source <(auto-message-scheduler completions bash)' >> ~/.bashrc
  auto-message-scheduler completions fish \\
    > ~/.config/fish/completions/auto-message-scheduler.fish
  auto-message-scheduler completions zsh > ~/.zfunc/_auto-message-scheduler
    (~/.zshrc: fpath=(~/.zfunc $fpath); autoload -Uz compinit; compinit)")]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auto-message-scheduler man | man -l -
  auto-message-scheduler man ~/.local/share/man/man1")]
pub(super) struct ManArgs {
    /// Write a page for each command into this directory, instead of the main page to standard output
    directory: Option<PathBuf>,
}

pub(super) fn completions(args: &CompletionsArgs) -> CliResult {
    // A script is whole or nothing: writing it piece by piece could panic on a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Arguments::command(), NAME, &mut script);
    if args.shell == Shell::Bash {
        script = with_one_name(&script);
    }
    print(&script)
}

/// The bash script of clap_complete sets one name of a command and then looks for another when the
/// program's name has a `-` in it: nothing after the first word would be completed.
fn with_one_name(script: &[u8]) -> Vec<u8> {
    let (looked_for, set) = (NAME.replace('-', "__subcmd__"), NAME.replace('-', "__"));
    String::from_utf8_lossy(script).replace(&looked_for, &set).into_bytes()
}

pub(super) fn man(args: &ManArgs) -> CliResult {
    let mut command = super::Arguments::command().disable_help_subcommand(true);
    command.build();
    let Some(directory) = &args.directory else { return print(&page(&command)?) };
    fs::create_dir_all(directory)?;
    Ok(write_pages(directory, NAME, &command)?)
}

/// The page of a command and of those under it.
fn write_pages(directory: &Path, name: &str, command: &Command) -> io::Result<()> {
    write(&directory.join(format!("{name}.1")), &page(command)?)?;
    for subcommand in command.get_subcommands() {
        write_pages(directory, &format!("{name}-{}", subcommand.get_name()), subcommand)?;
    }
    Ok(())
}

/// Everybody may read a page, so it has the mode that the umask gives it.
fn write(path: &Path, page: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    private_file::open(path, options.write(true).create(true).truncate(true))?.write_all(page)
}

/// A page, with what `--help` says at its end of all commands under the headings that pages have for it.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let own = command.get_after_help().map(ToString::to_string);
    let is_main = own.as_deref() == Some(super::ABOUT);
    let command = if is_main {
        command.clone().after_help(clap::builder::Resettable::Reset)
    } else {
        command.clone()
    };
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    for paragraph in super::ABOUT.split("\n\n") {
        let (heading, lines) = paragraph.split_once(":\n").unwrap_or((paragraph, ""));
        let lines: Vec<&str> =
            lines.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
        let text = lines.join("\n").replace('-', "\\-");
        write!(page, "\n.SH {}\n.nf\n{text}\n.fi\n", heading.to_uppercase())?;
    }
    Ok(page)
}
