//! The list of troubleshooting, done by the machine: what is wrong, and what to do about it.
//!
//! Reads only, and never takes the sender's lock: it may be asked while a server sends, before there
//! is a database, and about a broken one. Says nothing of keys and texts.

mod database;
mod files;
mod link;
mod media;
mod number;
mod said;
mod server;
mod webhook;

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::alarm::{NotTold, try_alert, try_heartbeat};
use crate::clock::{Clock, Timestamp};
use crate::config::{Config, ConfigError, DEFAULT_ENV_FILE};
use crate::language::Language;
use crate::logging::in_one_line;
use crate::store::{CallbackCounts, Store, StoreError};
use crate::text_enum::text_enum;

pub(crate) use said::Said;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Ok,
    /// It works, but somebody should know.
    Warning,
    /// Messages do not go out for it, or not as they should.
    Wrong,
}

macro_rules! subjects {
    ($($name:ident = $english:literal, $indonesian:literal;)+) => {
        text_enum! {
            /// What was looked at.
            pub enum Subject { $($name = $english,)+ }
        }

        impl Subject {
            pub(crate) fn text(self, language: Language) -> &'static str {
                language.pick(self.as_str(), match self { $(Self::$name => $indonesian),+ })
            }
        }
    };
}

subjects! {
    Settings = "settings", "pengaturan";
    Alarms = "alarms", "peringatan";
    Callbacks = "callbacks", "callback";
    Waha = "WAHA", "WAHA";
    Clock = "clock", "jam";
    Session = "session", "sesi";
    Store = "store", "simpanan sesi";
    Webhook = "webhook", "webhook";
    Events = "events", "kabar dari WAHA";
    Database = "database", "database";
    Panel = "panel", "panel";
    Place = "place", "tempat database";
    Channels = "channels", "nomor WA";
    Number = "number", "kesehatan nomor";
    Triggers = "triggers", "pemicu";
    Unknown = "unknown", "belum pasti";
    Contacts = "contacts", "kontak";
    Messages = "messages", "pesan";
    Media = "media", "gambar dan file";
    Secret = "secret", "rahasia cron";
    Files = "files", "izin file";
    Disk = "disk", "tempat di disk";
    Link = "link", "penghubung situs web";
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Finding {
    pub(crate) subject: Subject,
    pub(crate) verdict: Verdict,
    pub(crate) found: Said,
    /// What to do; none when all is well.
    pub(crate) remedy: Option<Said>,
    /// Lines to paste, as the remedy says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) lines: Vec<String>,
}

/// How much is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    All,
    /// What takes a moment: no search for damage, no look at every contact and message, and a WAHA that does
    /// not answer is not waited for.
    Quick,
}

/// How long a quick look waits for each answer of WAHA.
const QUICK_PATIENCE: Duration = Duration::from_secs(4);

/// What a person sees who waits for a page: the quick half of [`examine`], of the settings that this program
/// runs with.
pub(crate) fn examine_quickly(config: &Config, clock: &dyn Clock) -> Vec<Finding> {
    let env_file = config.env_file.as_deref().unwrap_or(Path::new(DEFAULT_ENV_FILE));
    look(config, env_file, clock, (Depth::Quick, false))
}

/// Looks at everything. With `alert`, ALERT_URL and HEARTBEAT_URL are told that this is a test: people
/// may be woken by it. `config` is what reading the settings came to, `env_file` where they may be.
pub(crate) fn examine(
    config: &Result<Config, ConfigError>,
    env_file: &Path,
    clock: &dyn Clock,
    alert: bool,
) -> Vec<Finding> {
    match config {
        Err(error) => {
            let mut findings = Findings::default();
            let cause = in_one_line(error);
            let found = Said::SettingsUnreadable { cause };
            findings.wrong(Subject::Settings, found, Said::CorrectSettings);
            findings.0
        }
        Ok(config) => look(config, env_file, clock, (Depth::All, alert)),
    }
}

fn look(
    config: &Config,
    env_file: &Path,
    clock: &dyn Clock,
    (depth, alert): (Depth, bool),
) -> Vec<Finding> {
    let (mut findings, now) = (Findings::default(), clock.now().wall);
    settings(config, env_file, &mut findings);
    files::examine(config, env_file, &mut findings);
    let waha = server::examine(config, now, depth, &mut findings);
    database::examine(config, clock, depth, waha.as_ref(), &mut findings);
    if depth == Depth::All {
        link::examine(config, now, &mut findings);
    }
    receivers(config, now, alert, &mut findings);
    findings.0
}

fn settings(config: &Config, env_file: &Path, findings: &mut Findings) {
    let source = if env_file.exists() {
        Said::SettingsFromFile { path: env_file.display().to_string() }
    } else {
        Said::SettingsFromEnvironment
    };
    findings.ok(Subject::Settings, source);
    if config.is_pace_dangerous() {
        let found = Said::PaceDangerous { secs: config.gap.delay.as_secs() };
        findings.warning(Subject::Settings, found, Said::SetPace);
    }
}

type Examined = Result<(), StoreError>;

#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn ok(&mut self, subject: Subject, found: Said) {
        self.add(Verdict::Ok, subject, found, None);
    }

    fn warning(&mut self, subject: Subject, found: Said, remedy: Said) {
        self.add(Verdict::Warning, subject, found, Some(remedy));
    }

    fn wrong(&mut self, subject: Subject, found: Said, remedy: Said) {
        self.add(Verdict::Wrong, subject, found, Some(remedy));
    }

    fn add(&mut self, verdict: Verdict, subject: Subject, found: Said, remedy: Option<Said>) {
        self.0.push(Finding { subject, verdict, found, remedy, lines: Vec::new() });
    }

    /// Lines for the finding that was added last, unless another one has them already.
    fn paste(&mut self, lines: Vec<String>) {
        if !self.0.iter().any(|one| one.lines == lines)
            && let Some(last) = self.0.last_mut()
        {
            last.lines = lines;
        }
    }
}

/// Calls the receivers only when `alert` says so.
fn receivers(config: &Config, now: Timestamp, alert: bool, findings: &mut Findings) {
    if config.alert_url.is_none() && config.heartbeat_url.is_none() {
        return findings.ok(Subject::Alarms, Said::NobodyTold);
    }
    if !alert {
        return findings.ok(Subject::Alarms, Said::AlarmsSet);
    }
    if let Some(url) = &config.alert_url {
        let told = try_alert(url, &config.database_path, now);
        tried("ALERT_URL", told, findings);
    }
    if let Some(url) = &config.heartbeat_url {
        tried("HEARTBEAT_URL", try_heartbeat(url), findings);
    }
}

/// What CALLBACK_URL is told; its receiver is called by `callback test` only.
fn callbacks(store: &mut Store, config: &Config, findings: &mut Findings) -> Examined {
    let CallbackCounts { waiting, failed, dropped } = store.read(|tx| tx.callback_counts())?;
    let counts = Said::Callbacks { waiting, failed, dropped };
    if failed + dropped > 0 {
        findings.warning(Subject::Callbacks, counts, Said::SeeCallbacks);
    } else if waiting > 0 && config.callback.is_none() {
        let found = Said::CallbacksWithoutUrl { counts: counts.into() };
        findings.warning(Subject::Callbacks, found, Said::SetCallbackUrl);
    } else if config.callback.is_some() {
        findings.ok(Subject::Callbacks, Said::CallbacksOn { counts: counts.into() });
    }
    Ok(())
}

fn tried(key: &str, told: Result<(), NotTold>, findings: &mut Findings) {
    let key = key.to_owned();
    match told {
        Ok(()) => findings.ok(Subject::Alarms, Said::AlarmTook { key }),
        Err(why) => {
            let found = Said::AlarmFailed { key: key.clone(), cause: why.to_string() };
            findings.wrong(Subject::Alarms, found, Said::CorrectAlarm { key });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subject_has_a_word_in_both_languages() {
        let same = [Subject::Waha, Subject::Webhook, Subject::Database, Subject::Panel];
        for subject in Subject::ALL {
            let [english, indonesian] =
                [Language::English, Language::Indonesian].map(|language| subject.text(language));
            assert_eq!(english == indonesian, same.contains(&subject), "{english}");
        }
    }
}
