//! `init`: asks what a first message needs, tries it, and writes the env file.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use clap::Args;

use super::message::test_send::{TestSendArgs, test_send};
use super::output::say;
use super::table::wrapped;
use super::{CliError, CliResult, Desk, refuse, secret};
use crate::channels;
use crate::config::{self, Config, DEFAULT_ENV_FILE};
use crate::cron_line::{self, RunLine};
use crate::private_file;
use crate::schedule::Zone;
use crate::send_window::Day;
use crate::serve;
use crate::terminal::one_line;
use crate::waha::KnownSession;

const WAHA_HERE: &str = "http://127.0.0.1:3000";
const TEST_TEXT: &str = "Halo! Auto Message Scheduler is ready.";

#[derive(Debug, Args)]
#[command(after_help = "\
On a terminal it asks for what is not given. What stands on a command line, others on this machine can see
while it runs: let it ask for the key and the password.

Examples:
  auto-message-scheduler init
  auto-message-scheduler init --waha-url http://127.0.0.1:3000 --test 0812-3456-7890")]
pub(super) struct InitArgs {
    /// WAHA's address [default: http://127.0.0.1:3000]
    #[arg(long, value_name = "URL")]
    waha_url: Option<String>,
    /// WAHA's API key
    #[arg(long, value_name = "KEY")]
    waha_key: Option<String>,
    /// The session of WAHA that sends [default: the one that is WORKING]
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
    /// WIB, WITA, WIT or a name such as Asia/Jakarta [default: WIB]
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// The password of the panel; without it there is no panel
    #[arg(long, value_name = "PASSWORD")]
    panel_password: Option<String>,
    /// Send a test message to this number, best your own
    #[arg(long, value_name = "NUMBER")]
    test: Option<String>,
    /// Write the file although WAHA does not answer
    #[arg(long)]
    unchecked: bool,
}

pub(super) fn init(args: &InitArgs, env_file: Option<&Path>) -> CliResult {
    let file = env_file.unwrap_or(Path::new(DEFAULT_ENV_FILE));
    if file.symlink_metadata().is_ok() {
        return refuse(format!(
            "`{}` is there already, and stays as it is: `settings` shows what it says, an editor changes it",
            file.display()
        ));
    }
    let (url, key, sessions) = waha_that_answers(args)?;
    let session = choose_session(args, &sessions)?;
    let zone_asked = "Time zone: WIB, WITA, WIT or a name";
    let zone = ask_until(args.timezone.as_ref(), zone_asked, "WIB", zone)?;
    let password_asked = "The panel's password, 8 or more (visible; empty: no panel)";
    let hashed = |password: &str| match password {
        "" => Ok(String::new()),
        password => secret::hashed(password),
    };
    let hash = ask_until(args.panel_password.as_ref(), password_asked, "", hashed)?;
    let settings = [
        ("WAHA_BASE_URL", url),
        ("WAHA_API_KEY", key),
        ("TIMEZONE", zone),
        ("ADMIN_PASSWORD_HASH", hash),
    ];
    write(file, &settings)?;
    let config = Config::load(env_file)?;
    set_session(&config, session.as_deref())?;
    let begins_slowly = offer_warmup(&config)?;
    say(&format!("wrote {}", one_line(&config::absolute(file).display().to_string())))?;
    let number = ask(args.test.as_ref(), "Your own number, for a test message (empty: none)", "")?;
    if !number.is_empty() {
        test_send(&TestSendArgs::new(number, TEST_TEXT.to_owned()), &config)?;
    }
    say(&next_steps(env_file, &config, begins_slowly)?)
}

/// Address and key of a WAHA that took them, and its sessions; a person may type them again.
fn waha_that_answers(args: &InitArgs) -> CliResult<(String, String, Vec<KnownSession>)> {
    loop {
        let url = ask(args.waha_url.as_ref(), "WAHA's address", WAHA_HERE)?;
        let key = ask(args.waha_key.as_ref(), "WAHA's API key (visible; empty: none)", "")?;
        match look_at_waha(&url, &key) {
            Ok(sessions) => return Ok((url, key, sessions)),
            Err(why) if args.unchecked => {
                eprintln!("warning: {}", one_line(&why));
                return Ok((url, key, Vec::new()));
            }
            Err(why) if is_asked(args.waha_url.as_ref()) || is_asked(args.waha_key.as_ref()) => {
                let name = super::own_name();
                eprintln!(
                    "{}",
                    wrapped(
                        &format!(
                            "{why}. Without a WAHA, `{name} fake-waha` in another terminal simulates one"
                        ),
                        0
                    )
                );
            }
            Err(why) => {
                return refuse(format!("{why}; `--unchecked` writes the file nevertheless"));
            }
        }
    }
}

fn look_at_waha(url: &str, key: &str) -> Result<Vec<KnownSession>, String> {
    let values = [("WAHA_BASE_URL", url), ("WAHA_API_KEY", key)];
    let values = values.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let config = Config::from_values(HashMap::from(values)).map_err(|error| error.to_string())?;
    let waha = serve::waha(&config).map_err(|error| error.to_string())?;
    let waha = waha.brief(super::WAHA_PATIENCE);
    let server = waha.server().map_err(|why| why.to_string())?;
    eprintln!("{}", one_line(&format!("WAHA {} {} answers", server.version, server.engine)));
    waha.sessions().map_err(|why| why.to_string())
}

/// The session that sends; `None` leaves the channel as it is.
fn choose_session(args: &InitArgs, sessions: &[KnownSession]) -> CliResult<Option<String>> {
    for one in sessions {
        let number = one.number.as_deref().unwrap_or("no number");
        let line = format!("  session {}: {}, {number}", one.name, one.status);
        eprintln!("{}", one_line(&line));
    }
    let is_working = |one: &&KnownSession| one.status == "WORKING";
    let best = sessions.iter().find(is_working).or(sessions.first());
    if sessions.is_empty() && !args.unchecked {
        eprintln!("WAHA has no session yet: start one in its dashboard, and scan the code");
    }
    let name = match (&args.session, best) {
        (None, None) => return Ok(None),
        (None, Some(only)) if sessions.len() == 1 => only.name.clone(),
        (given, best) => {
            let best = best.map_or("default", |one| one.name.as_str());
            ask_until(given.as_ref(), "Which session sends", best, |name| {
                if sessions.iter().any(|one| one.name == name) || sessions.is_empty() {
                    Ok(name.to_owned())
                } else {
                    refuse(format!("WAHA has no session `{name}`"))
                }
            })?
        }
    };
    if sessions.iter().any(|one| one.name == name && one.status != "WORKING") {
        eprintln!("{}", one_line(&format!("session {name} sends nothing before it is WORKING")));
    }
    Ok(Some(name))
}

fn zone(name: &str) -> CliResult<String> {
    let zone = Zone::parse(name).map(|zone| zone.name().to_owned());
    zone.or_else(|error| refuse(error.to_string()))
}

/// Makes the env file, whole or not at all.
fn write(file: &Path, settings: &[(&str, String)]) -> CliResult {
    let mut text =
        "# What else may stand here: `auto-message-scheduler settings --sample`\n".to_owned();
    for (key, value) in settings.iter().filter(|(_, value)| !value.is_empty()) {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{key}={}", config::env_value(value));
    }
    let failed = |error: io::Error| {
        let error = private_file::explained(file, error);
        CliError::Refused(format!("failed to write `{}`: {error}", file.display()))
    };
    let mut options = private_file::options();
    let mut made =
        private_file::open(file, options.write(true).create_new(true)).map_err(failed)?;
    let written = made.write_all(text.as_bytes()).and_then(|()| made.sync_all());
    written.map_err(|error| {
        drop(std::fs::remove_file(file));
        failed(error)
    })
}

/// Lets the first channel send from the session that was chosen.
fn set_session(config: &Config, session: Option<&str>) -> CliResult {
    let Desk { mut store, now, .. } = Desk::open_or_make(config)?;
    let channel = store.read(|tx| tx.channel(channels::DEFAULT_CHANNEL))?;
    let Some((session, channel)) = session.zip(channel) else { return Ok(()) };
    if channel.session_name.as_deref() != Some(session) {
        let edit = channels::Edit { session: Some(session.to_owned()), ..Default::default() };
        channels::edit(&mut store, &channel.id.to_string(), &edit, now)?;
    }
    Ok(())
}

/// Lets a number begin slowly that is new, when a person is there to say so.
fn offer_warmup(config: &Config) -> CliResult<bool> {
    if !begins_slowly()? {
        return Ok(false);
    }
    let Desk { mut store, now, .. } = Desk::open_or_make(config)?;
    let warmup_from = Some(Some(Day::of(&config.zone, now)));
    let edit = channels::Edit { warmup_from, ..Default::default() };
    channels::edit(&mut store, &channels::DEFAULT_CHANNEL.to_string(), &edit, now)?;
    Ok(true)
}

/// What a person says of a number, when one is there to say it.
pub(super) fn begins_slowly() -> CliResult<bool> {
    let question = "Is the number new to WhatsApp, or to sending? It then begins slowly (y/n)";
    Ok(is_yes(&ask(None, question, "n")?))
}

pub(super) fn is_yes(typed: &str) -> bool {
    matches!(typed.to_lowercase().as_str(), "y" | "yes" | "ya")
}

fn next_steps(env_file: Option<&Path>, config: &Config, begins_slowly: bool) -> CliResult<String> {
    let named = env_file.map(|file| format!(" --env-file {}", file.display())).unwrap_or_default();
    let name = super::own_name();
    let mut text = format!(
        "\nNow it can send. Keep this running: it sends each message at its time, until it is stopped\n\
         \x20 {name}{named} serve\n"
    );
    if config.admin_password.is_some() {
        let _ = writeln!(text, "with the panel at http://{}/panel", config.listen_addr);
    }
    let directory = std::env::current_dir()?;
    let env_file = env_file.map(|file| directory.join(file));
    let line = RunLine {
        program: &std::env::current_exe()?,
        directory: &directory,
        env_file: env_file.as_deref(),
        max_seconds: None,
    };
    if let Ok(line) = cron_line::run(1, &line).map_err(|error| error.to_string()) {
        let _ = writeln!(
            text,
            "or, where nothing may keep running, this line in `crontab -e`:\n  {line}\n\
             or a unit of systemd: dist/systemd has it."
        );
    }
    if !begins_slowly {
        let _ = writeln!(
            text,
            "A number that is new? `{name}{named} channel edit default --warmup today` lets it begin slowly."
        );
    }
    let _ = write!(text, "`{name}{named} doctor` says what is missing, `settings` what is set.");
    Ok(text)
}

/// Whether a person is asked for what was not `given`.
fn is_asked(given: Option<&String>) -> bool {
    given.is_none() && io::stdin().is_terminal()
}

/// What was `given`, or what a person types, or `default`.
fn ask(given: Option<&String>, question: &str, default: &str) -> CliResult<String> {
    if !is_asked(given) {
        return Ok(given.map_or(default, String::as_str).trim().to_owned());
    }
    let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
    write!(io::stderr(), "{}{}: ", one_line(question), one_line(&shown))?;
    let mut line = String::new();
    if io::stdin().read_line(&mut line)? == 0 {
        return refuse("the input ended: nothing was written");
    }
    let typed = line.trim();
    Ok(if typed.is_empty() { default } else { typed }.to_owned())
}

/// The same, checked; a person may type it again.
fn ask_until<T>(
    given: Option<&String>,
    question: &str,
    default: &str,
    check: impl Fn(&str) -> CliResult<T>,
) -> CliResult<T> {
    loop {
        match (check(&ask(given, question, default)?), is_asked(given)) {
            (Err(CliError::Refused(why)), true) => eprintln!("{}", one_line(&why)),
            (done, _) => return done,
        }
    }
}
