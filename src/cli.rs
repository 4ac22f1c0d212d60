//! The command line: words in, a command done, an exit code out.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage or settings.

mod acts;
mod api_key;
mod backup;
mod callback;
mod channel;
mod contact;
mod cron_line;
mod demo;
mod doctor;
mod fake_waha;
mod file;
mod generate;
mod health;
mod init;
mod link;
mod mcp;
mod message;
mod output;
mod plan;
mod progress;
mod prune;
mod secret;
mod settings;
mod status;
mod table;
mod webhook_setup;

use std::error::Error;
use std::io::{self, IsTerminal};
use std::iter;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use log::LevelFilter;

use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::{Config, ConfigError, absolute};
use crate::logging::{self, in_one_line};
use crate::malloc;
use crate::secret::path as secret_path;
use crate::serve::{self, RunEnd, ServeError};
use crate::store::{Channel, SqlResult, Store, wait_no_longer};
use crate::terminal::{lines, one_line};
use crate::trigger::Triggers;

/// Sends scheduled WhatsApp messages through WAHA: never twice, never lost, never a burst.
#[derive(Debug, Parser)]
#[command(name = "auto-message-scheduler", version, arg_required_else_help = true, term_width = 80, after_help = ABOUT)]
struct Arguments {
    /// Read settings from this file [default: auto-message-scheduler.env, when it is there]
    #[arg(long, global = true, value_name = "FILE")]
    env_file: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Begin: ask for WAHA's address and key, try them, and write the settings
    Init(init::InitArgs),
    /// Send in the background and answer triggers over HTTP, until stopped
    Serve,
    /// Send what is due now, paced, and exit: for a cron line without a server
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// The WhatsApp numbers: add, list, show, edit, pause, resume, remove
    #[command(subcommand)]
    Channel(channel::ChannelCommand),
    /// Add, show and change messages
    #[command(subcommand)]
    Message(message::MessageCommand),
    /// The pictures and files that messages carry: add, list, remove
    #[command(subcommand)]
    File(file::FileCommand),
    /// Keep the address book: contacts, their tags, who wants no more messages
    #[command(subcommand)]
    Contact(contact::ContactCommand),
    /// Send what a website keeps in its Supabase project
    #[command(subcommand)]
    Link(link::LinkCommand),
    /// What CALLBACK_URL was told, and what waits: list, retry, test
    #[command(subcommand)]
    Callback(callback::CallbackCommand),
    /// What will happen, before it does: who gets what, and when
    Plan(plan::PlanArgs),
    /// How everything stands, on one screen
    Status(status::StatusArgs),
    /// What is wrong, and what to do about it
    Doctor(doctor::DoctorArgs),
    /// Whether `serve` answers and is well: exit code 0 or 1, for a container's health check
    Health,
    /// Every setting: what it is, and who said so
    Settings(settings::SettingsArgs),
    /// Let WAHA send its events here: what becomes of messages, STOP, sessions that stop
    WebhookSetup(webhook_setup::WebhookSetupArgs),
    /// Print the crontab line for this directory and its settings
    CronLine(cron_line::CronArgs),
    /// Copy the database into a file, checked, also while it is used to send
    Backup(backup::BackupArgs),
    /// Make a backup the database; what may have been sent since is marked, and not sent again
    Restore(backup::RestoreArgs),
    /// Remove what ended long ago, and give its room back to the disk; also while `serve` sends
    Prune(prune::PruneArgs),
    /// Say that the database sends from here, after it was copied or moved to another place
    #[command(visible_alias = "confirm-place")]
    ConfirmHost,
    /// Read the panel's password from standard input and print its hash for ADMIN_PASSWORD_HASH
    PasswordHash(secret::PasswordArgs),
    /// Show or change the secret that cron and websites send
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    /// The keys of programs that use the API at /api/v1: add, list, revoke
    #[command(subcommand)]
    ApiKey(api_key::ApiKeyCommand),
    /// Watch it work, offline: a simulated WAHA, a throw-away database, a few messages
    Demo(demo::DemoArgs),
    /// Simulate WAHA, for work offline and for tests
    FakeWaha(fake_waha::FakeWahaArgs),
    /// For an assistant: messages and contacts by the Model Context Protocol, on standard input
    /// and output
    Mcp(mcp::McpArgs),
    /// Print what makes a shell complete these commands
    Completions(generate::CompletionsArgs),
    /// Print the manual page, or write all pages
    Man(generate::ManArgs),
}

/// A person waits for the answer.
const WAHA_PATIENCE: Duration = Duration::from_secs(5);

const ABOUT: &str = "\
Environment:
  Every setting may be a variable, and wins over the env file: `settings` lists
  them all.

Files:
  auto-message-scheduler.env   the settings, in the working directory; `init`
                               makes it
  auto-message-scheduler.db    all messages (DATABASE_PATH); beside it -wal and
                               -shm of SQLite, .cron-secret, .lock

Exit status:
  0 done, 1 failed, 2 wrong usage or settings";

const RUN_EXAMPLES: &str = "\
Examples:
  auto-message-scheduler run --dry-run     what it would send
  * * * * * cd /home/you/scheduler && ./auto-message-scheduler run";

#[derive(Debug, Args)]
struct RunArgs {
    /// Be done in about so many seconds, for hosts that kill what runs longer: nothing is begun in
    /// the last 20, and what does not fit is left for the next run
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=86_400))]
    max_seconds: Option<u64>,
    /// Send nothing: show what would be sent
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: print JSON, for programs
    #[arg(long, requires = "dry_run")]
    json: bool,
}

#[derive(Debug)]
enum CliError {
    /// What was asked for cannot be done: the thing and the remedy, in words.
    Refused(String),
    Failed(Box<dyn Error>),
}

type CliResult<T = ()> = Result<T, CliError>;

impl<E: Error + 'static> From<E> for CliError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl CliError {
    fn exit_code(&self) -> ExitCode {
        let Self::Failed(error) = self else { return ExitCode::FAILURE };
        let is_of_settings = matches!(
            error.downcast_ref::<ServeError>(),
            Some(ServeError::Config(_) | ServeError::Transport(_) | ServeError::Key(_))
        );
        ExitCode::from(if is_of_settings || error.is::<ConfigError>() { 2 } else { 1 })
    }
}

/// What was asked for cannot be done: the thing and the remedy, in words.
fn refuse<T>(why: impl Into<String>) -> CliResult<T> {
    Err(CliError::Refused(why.into()))
}

/// Reads the command line of this process and does what it says. Prints an error, with its causes,
/// once.
pub fn main() -> ExitCode {
    let args = match Arguments::try_parse() {
        Ok(args) => args,
        Err(error) => return show_usage(&error),
    };
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let text = match &error {
                CliError::Refused(why) => why.clone(),
                CliError::Failed(failed) if failed.is::<io::Error>() => {
                    format!("failed to write to the terminal: {failed}")
                }
                CliError::Failed(failed) => in_one_line(&**failed),
            };
            eprintln!("error: {}", one_line(&text));
            error.exit_code()
        }
    }
}

/// Prints help, or what is wrong with the words that were typed, which may be somebody else's words.
fn show_usage(error: &clap::Error) -> ExitCode {
    let typed = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let text = typed.fold(error.to_string(), |text, word| text.replace(&*word, &one_line(&word)));
    let text = lines(text.trim_end());
    if error.use_stderr() {
        eprintln!("{text}");
    } else {
        // A terminal that is gone cannot be told.
        drop(output::say(&text));
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

fn run(args: &Arguments) -> CliResult {
    let config = || Config::load(args.env_file.as_deref());
    match &args.command {
        Command::Init(init) => init::init(init, args.env_file.as_deref()),
        Command::Serve => serve_command(&Arc::new(config()?)),
        Command::Channel(command) => channel::channel(command, &config()?),
        Command::Message(command) => message::message(command, &config()?),
        Command::File(command) => file::file(command, &config()?),
        Command::Contact(command) => contact::contact(command, &config()?),
        Command::Link(command) => link::link(command, &config()?),
        Command::Callback(command) => callback::callback(command, &config()?),
        Command::Run(RunArgs { dry_run: true, json, .. }) => {
            plan::dry_run(output::Output { json: *json }, &config()?)
        }
        Command::Run(run) => run_command(run, &Arc::new(config()?)),
        Command::Plan(args) => plan::plan(args, &config()?),
        Command::Doctor(doctor) => doctor::doctor(doctor, args.env_file.as_deref()),
        Command::Status(args) => status::status(args, &config()?),
        Command::Settings(settings) => settings::settings(settings, args.env_file.as_deref()),
        Command::WebhookSetup(args) => webhook_setup::webhook_setup(args, &config()?),
        Command::CronLine(cron) => cron_line::cron_line(cron, args.env_file.as_deref(), &config()?),
        Command::Backup(args) => backup::backup(args, &config()?),
        Command::Restore(args) => backup::restore(args, &config()?),
        Command::Prune(args) => prune::prune(args, &config()?),
        Command::ConfirmHost => backup::confirm_host(&config()?),
        Command::PasswordHash(args) => secret::password_hash(args, config),
        Command::Health => health::health(&config()?),
        Command::Secret(command) => secret::secret(command, &config()?),
        Command::ApiKey(command) => api_key::api_key(command, &config()?),
        Command::Demo(demo) => demo::demo(demo),
        Command::FakeWaha(fake) => fake_waha::fake_waha(fake),
        Command::Mcp(args) => mcp::mcp(args, config()?),
        Command::Completions(args) => generate::completions(args),
        Command::Man(args) => generate::man(args),
    }
}

fn serve_command(config: &Arc<Config>) -> CliResult {
    logging::start(config.log_level.unwrap_or(LevelFilter::Info), config.log_file.as_deref())?;
    serve::check(config)?;
    say_when_new(config);
    if malloc::may_restart() {
        // What migrations take of memory is not what a server should keep.
        drop(Store::open(&config.database_path)?);
        malloc::restart();
    }
    let triggers = stopped_by_signals()?;
    let secret_path = secret_path(&config.database_path);
    serve::serve(config, &triggers, |_address| {
        if config.cron_secret.is_none() {
            log::info!("serve: the secret for triggers is in {}", secret_path.display());
        }
    })?;
    Ok(())
}

/// For cron: nothing but errors, unless somebody is watching or asked for a log.
fn run_command(args: &RunArgs, config: &Arc<Config>) -> CliResult {
    let default = if config.log_file.is_some() { LevelFilter::Info } else { LevelFilter::Error };
    logging::start(config.log_level.unwrap_or(default), config.log_file.as_deref())?;
    let triggers = stopped_by_signals()?;
    say_when_new(config);
    let is_watched = std::io::stdout().is_terminal();
    if is_watched {
        plan::say_what_is_due(config)?;
    }
    let end = serve::run_once(config, &triggers, args.max_seconds.map(Duration::from_secs), None)?;
    let remarks = remarks(config, end, is_watched)?;
    if !is_watched {
        for remark in &remarks {
            eprintln!("{}", one_line(remark));
        }
        return Ok(());
    }
    let held = Store::open(&config.database_path)?.read(|tx| Ok(tx.clock_believed()?.hold))?;
    let held = held.map(|why| format!("; held: {why}")).unwrap_or_default();
    let summary = match end {
        RunEnd::AlreadySending => "another process is sending".to_owned(),
        RunEnd::Done(report) => format!("{report}{held}"),
    };
    let lines = remarks.iter().map(|remark| one_line(remark).into_owned());
    output::say(&iter::once(summary).chain(lines).collect::<Vec<_>>().join("\n"))
}

/// What keeps messages back, after a run: held channels, or a sender that has the lock. Who watches is
/// told each time; cron, which mails what it is told, once for each hold and each sender that hangs.
fn remarks(config: &Config, end: RunEnd, is_watched: bool) -> CliResult<Vec<String>> {
    let mut store = Store::open(&config.database_path)?;
    let now = SystemClock::default().now().wall;
    if end == RunEnd::AlreadySending {
        let Some(sender) = crate::status::sender(&mut store, config, now)? else {
            return Ok(Vec::new());
        };
        let words = sender.in_words(&config.zone);
        if sender.hangs.is_none() {
            return Ok(if is_watched { vec![words] } else { Vec::new() });
        }
        let name = format!("{} {}", sender.holder.pid, sender.holder.since);
        // One that hangs may hold the database too: better told twice than never.
        let is_news = is_watched || store.write(|tx| tx.note_hanging_told(&name)).unwrap_or(true);
        let remedy = sender.holder.remedy();
        return Ok(is_news.then(|| format!("{words}; {remedy}")).into_iter().collect());
    }
    let mut remarks = Vec::new();
    let holds = store.read(|tx| {
        let with_place = |(channel, pending, is_untold): (Channel, u64, bool)| {
            Ok((tx.is_held_as_copy(channel.id)?, channel, pending, is_untold))
        };
        tx.holds()?.into_iter().map(with_place).collect::<SqlResult<Vec<_>>>()
    })?;
    for (is_copy, channel, pending, is_untold) in holds {
        // The log has said of a copy what there is to say.
        let is_logged = is_copy && config.log_file.is_none();
        if is_watched || is_untold && !is_logged {
            let reason = channel.held.as_ref().map(|held| held.reason.to_string());
            let reason = reason.unwrap_or_default();
            let (id, name) = (channel.id, &channel.name);
            remarks.push(format!("channel {id} `{name}` is held, {pending} waiting: {reason}"));
        }
        if !is_watched && is_untold {
            store.write(|tx| tx.note_hold_told(channel.id, now))?;
        }
    }
    Ok(remarks)
}

/// What a command works on, and when.
struct Desk<'a> {
    config: &'a Config,
    store: Store,
    now: Timestamp,
}

impl<'a> Desk<'a> {
    /// For a command that may make the database.
    fn open_or_make(config: &'a Config) -> CliResult<Self> {
        say_when_new(config);
        Self::open(config)
    }

    /// For a command that only looks: a database that is not there is not made.
    fn open_existing(config: &'a Config) -> CliResult<Self> {
        let path = &config.database_path;
        if path.exists() {
            return Self::open(config);
        }
        let path = absolute(path);
        let path = path.display();
        refuse(format!(
            "there is no database `{path}` yet: `serve` or `run` makes it; or correct DATABASE_PATH"
        ))
    }

    fn open(config: &'a Config) -> CliResult<Self> {
        let store = Store::open(&config.database_path)?;
        Ok(Self { config, store, now: SystemClock::default().now().wall })
    }

    /// `2026-12-01 08:00 (Asia/Jakarta)`.
    fn local(&self, at: Timestamp) -> String {
        format!("{} ({})", self.config.zone.format_local(at), self.config.zone)
    }
}

/// A new database in a wrong place looks as if all messages were lost.
fn say_when_new(config: &Config) {
    let path = &config.database_path;
    if !path.exists() && !Store::restoring_path(path).exists() {
        let path = absolute(path);
        eprintln!("making a new database: {}", one_line(&path.display().to_string()));
    }
}

/// The program as it was typed: one in this directory is not found by its name alone.
fn own_name() -> String {
    let typed = std::env::args_os().next().map(|typed| typed.to_string_lossy().into_owned());
    let name = typed.unwrap_or_else(|| "auto-message-scheduler".to_owned());
    one_line(&name).into_owned()
}

fn row_id(text: &str) -> Result<i64, String> {
    let id = text.trim().parse().ok().filter(|id| *id > 0);
    id.ok_or("an id is a number such as 7: the command `list` shows the ids".to_owned())
}

/// How much of a list is shown.
fn at_least_one(text: &str) -> Result<usize, String> {
    let number = text.trim().parse().ok().filter(|number| *number > 0);
    number.ok_or("write a number from 1".to_owned())
}

fn no_message(store: &mut Store, id: i64) -> CliError {
    match crate::messages::no_such_message(store, id) {
        Ok(why) => CliError::Refused(why),
        Err(error) => error.into(),
    }
}

/// Triggers that SIGINT, SIGTERM and Ctrl-C stop.
fn stopped_by_signals() -> CliResult<Arc<Triggers>> {
    let triggers = Arc::new(Triggers::default());
    let to_stop = Arc::clone(&triggers);
    ctrlc::set_handler(move || {
        wait_no_longer();
        to_stop.stop();
    })
    .map_err(|error| CliError::Refused(format!("failed to listen for signals: {error}")))?;
    Ok(triggers)
}
