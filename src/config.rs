//! Settings: every key with its default, read from the environment and an env file.
//!
//! A bad value or an unknown key is an error that names the key and what it should be; no secret is
//! ever repeated in one.

mod env_file;

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use log::LevelFilter;

use crate::pace::Gap;
use crate::password;
use crate::recipient::CountryCode;
use crate::schedule::Zone;

/// The env file that is read when it exists and none is named.
pub const DEFAULT_ENV_FILE: &str = "auto-message-scheduler.env";

/// One key: its name, its default as a person would write it, and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The name, in the environment and in env files.
    pub key: &'static str,
    /// The default; empty for none.
    pub default: &'static str,
    /// In a few words.
    pub meaning: &'static str,
}

/// All keys. The README's table and the sample in `dist/` say the same; a test compares them.
pub const SETTINGS: &[Setting] = &[
    setting("WAHA_BASE_URL", "", "http(s) URL of WAHA; required to send"),
    setting("WAHA_API_KEY", "", "sent to WAHA as X-Api-Key"),
    setting("DATABASE_PATH", "auto-message-scheduler.db", "the SQLite file"),
    setting("LISTEN_ADDR", "127.0.0.1:8787", "where `serve` listens"),
    setting(
        "CRON_SECRET",
        "",
        "Bearer token of the two endpoints, 16 characters or more; made at the first start and kept in `<database>.cron-secret` when empty",
    ),
    setting(
        "WEBHOOK_HMAC_KEY",
        "",
        "HMAC key of WAHA's webhooks, 12 characters or more; without it `/api/waha-webhook` is 404",
    ),
    setting(
        "ADMIN_PASSWORD",
        "",
        "password of the panel at `/panel`, 8 characters or more; without it (and without the next one) there is no panel",
    ),
    setting(
        "ADMIN_PASSWORD_HASH",
        "",
        "instead of ADMIN_PASSWORD: its Argon2 hash, as the command `password-hash` prints it",
    ),
    setting(
        "TICK_SECONDS",
        "60",
        "`serve` also looks for due messages by itself this often; 0 = only when triggered",
    ),
    setting(
        "TRIGGER_WAIT_SECONDS",
        "50",
        "how long `/api/auto-message-scheduler` waits for the end of the run",
    ),
    setting(
        "SEND_DELAY_SECONDS",
        "60",
        "least gap between two sends on a channel; under 20 is for tests",
    ),
    setting(
        "SEND_JITTER_SECONDS",
        "15",
        "up to this much more, at random; when not set, at most a quarter of SEND_DELAY_SECONDS",
    ),
    setting("SENDERS", "8", "sender threads: channels served at the same time"),
    setting("WAHA_TIMEOUT_SECONDS", "135", "for one whole request to WAHA"),
    setting("LATE_LIMIT_HOURS", "24", "how late a message may still go out"),
    setting("TIMEZONE", "Asia/Jakarta", "IANA name, WIB, WITA, WIT or an offset such as +07:00"),
    setting("DEFAULT_COUNTRY_CODE", "62", "for phone numbers in national form"),
    setting("LOG_LEVEL", "info", "error, warn, info or debug"),
    setting("LOG_FILE", "", "a file to append the log to; stderr when empty"),
];

const fn setting(key: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { key, default, meaning }
}

/// Under this delay a WhatsApp number is in danger.
const SAFE_DELAY: Duration = Duration::from_secs(20);

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Config {
    /// WAHA_BASE_URL; without it nothing can be sent.
    pub waha_base_url: Option<String>,
    /// WAHA_API_KEY.
    pub waha_api_key: Option<Secret>,
    /// DATABASE_PATH.
    pub database_path: PathBuf,
    /// LISTEN_ADDR.
    pub listen_addr: SocketAddr,
    /// CRON_SECRET, when it was set.
    pub cron_secret: Option<Secret>,
    /// WEBHOOK_HMAC_KEY; without it no webhooks are taken.
    pub webhook_hmac_key: Option<Secret>,
    /// ADMIN_PASSWORD or ADMIN_PASSWORD_HASH; without one there is no panel.
    pub admin_password: Option<AdminPassword>,
    /// TICK_SECONDS; `None` for 0.
    pub tick: Option<Duration>,
    /// TRIGGER_WAIT_SECONDS.
    pub trigger_wait: Duration,
    /// SEND_DELAY_SECONDS and SEND_JITTER_SECONDS.
    pub gap: Gap,
    /// SENDERS.
    pub senders: usize,
    /// WAHA_TIMEOUT_SECONDS.
    pub waha_timeout: Duration,
    /// LATE_LIMIT_HOURS.
    pub late_limit: Duration,
    /// TIMEZONE.
    pub zone: Zone,
    /// DEFAULT_COUNTRY_CODE.
    pub country: CountryCode,
    /// LOG_LEVEL; `None` when it was not set.
    pub log_level: Option<LevelFilter>,
    /// LOG_FILE.
    pub log_file: Option<PathBuf>,
}

/// How the password of the panel was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminPassword {
    /// Itself.
    Plain(Secret),
    /// Its Argon2 hash, a PHC string.
    Hash(Secret),
}

/// A text that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the place that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The env file cannot be read.
    #[error("failed to read env file `{}`", path.display())]
    EnvFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A line of the env file is no setting.
    #[error("`{}`, line {line}: write `KEY=value`, or begin a remark with `#`", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// A key that no setting has.
    #[error("`{}`, line {line}: there is no setting `{key}`{}", path.display(), did_you_mean(key))]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// As written.
        key: String,
    },
    /// A value that the key cannot have.
    #[error("{key} must be {wanted}{}", but_is(value.as_deref()))]
    Value {
        /// The key.
        key: &'static str,
        /// What it should be.
        wanted: String,
        /// What it is; not for secrets.
        value: Option<String>,
    },
    /// A key that this command needs.
    #[error("{key} is not set: {remedy}")]
    Missing {
        /// The key.
        key: &'static str,
        /// What to do.
        remedy: &'static str,
    },
}

fn but_is(value: Option<&str>) -> String {
    value.map(|value| format!(", not `{value}`")).unwrap_or_default()
}

fn did_you_mean(key: &str) -> String {
    let letters = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
    };
    let written = letters(key);
    let near = SETTINGS.iter().find(|setting| {
        let known = letters(setting.key);
        known == written
            || (written.len() >= 4 && (known.contains(&written) || written.contains(&known)))
    });
    near.map(|setting| format!("; did you mean `{}`?", setting.key)).unwrap_or_default()
}

impl Config {
    /// Reads the settings from this process's environment and from `env_file`, or from
    /// [`DEFAULT_ENV_FILE`] when that exists and none is named. The environment wins.
    ///
    /// # Errors
    /// [`ConfigError`], which names the key or the line and what it should be.
    pub fn load(env_file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut values = match env_file {
            Some(path) => env_file::read(path)?,
            None if Path::new(DEFAULT_ENV_FILE).exists() => {
                env_file::read(Path::new(DEFAULT_ENV_FILE))?
            }
            None => HashMap::new(),
        };
        for setting in SETTINGS {
            if let Some(value) = std::env::var_os(setting.key) {
                let wanted = || "text in UTF-8".to_owned();
                let value = value.into_string().map_err(|_| ConfigError::Value {
                    key: setting.key,
                    wanted: wanted(),
                    value: None,
                })?;
                values.insert(setting.key.to_owned(), value);
            }
        }
        Self::from_values(values)
    }

    /// Reads the settings from `values`; a key that is absent or empty has its default.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first value that its key cannot have.
    pub fn from_values(values: HashMap<String, String>) -> Result<Self, ConfigError> {
        let values = Values(values);
        let delay = values.secs("SEND_DELAY_SECONDS", 0, 86_400)?;
        let jitter = values.secs("SEND_JITTER_SECONDS", 0, 86_400)?;
        // The default jitter belongs to the default delay; a test's delay of 1 s must not wait 16.
        let jitter =
            if values.is_set("SEND_JITTER_SECONDS") { jitter } else { jitter.min(delay / 4) };
        let tick = values.secs("TICK_SECONDS", 0, 86_400)?;
        Ok(Self {
            waha_base_url: values.optional("WAHA_BASE_URL").map(base_url).transpose()?,
            waha_api_key: values.secret("WAHA_API_KEY", 1)?,
            database_path: PathBuf::from(values.text("DATABASE_PATH")),
            listen_addr: values
                .parse("LISTEN_ADDR", "an address and port such as 127.0.0.1:8787")?,
            cron_secret: values.secret("CRON_SECRET", 16)?,
            webhook_hmac_key: values.secret("WEBHOOK_HMAC_KEY", 12)?,
            admin_password: values.admin_password()?,
            tick: (!tick.is_zero()).then_some(tick),
            trigger_wait: values.secs("TRIGGER_WAIT_SECONDS", 0, 3600)?,
            gap: Gap { delay, jitter },
            senders: usize::try_from(values.number("SENDERS", 1, 256)?).unwrap_or(1),
            waha_timeout: values.secs("WAHA_TIMEOUT_SECONDS", 1, 3600)?,
            late_limit: Duration::from_secs(values.number("LATE_LIMIT_HOURS", 1, 8760)? * 3600),
            zone: values.zone()?,
            country: values.country()?,
            log_level: values.optional("LOG_LEVEL").map(log_level).transpose()?,
            log_file: values.optional("LOG_FILE").map(PathBuf::from),
        })
    }

    /// The URL of WAHA, for a command that sends.
    ///
    /// # Errors
    /// [`ConfigError::Missing`] when it is not set.
    pub fn require_waha(&self) -> Result<&str, ConfigError> {
        self.waha_base_url.as_deref().ok_or(ConfigError::Missing {
            key: "WAHA_BASE_URL",
            remedy: "write WAHA_BASE_URL=http://127.0.0.1:3000 (or where your WAHA is) into \
                     auto-message-scheduler.env",
        })
    }

    /// Whether the pace is one for tests only.
    #[must_use]
    pub fn is_pace_dangerous(&self) -> bool {
        self.gap.delay < SAFE_DELAY
    }
}

/// The raw values; an empty one is as good as none.
struct Values(HashMap<String, String>);

impl Values {
    fn is_set(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| !value.trim().is_empty())
    }

    fn optional(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn text(&self, key: &str) -> &str {
        let default = SETTINGS.iter().find(|setting| setting.key == key);
        self.optional(key).unwrap_or_else(|| default.map_or("", |setting| setting.default))
    }

    fn parse<T: std::str::FromStr>(
        &self,
        key: &'static str,
        wanted: &str,
    ) -> Result<T, ConfigError> {
        let text = self.text(key);
        text.parse().map_err(|_| bad(key, wanted, text))
    }

    fn number(&self, key: &'static str, min: u64, max: u64) -> Result<u64, ConfigError> {
        let wanted = format!("a whole number from {min} to {max}");
        let number = self.parse(key, &wanted)?;
        if (min..=max).contains(&number) {
            Ok(number)
        } else {
            Err(bad(key, &wanted, self.text(key)))
        }
    }

    fn secs(&self, key: &'static str, min: u64, max: u64) -> Result<Duration, ConfigError> {
        self.number(key, min, max).map(Duration::from_secs)
    }

    fn zone(&self) -> Result<Zone, ConfigError> {
        let text = self.text("TIMEZONE");
        let wanted = "a time zone such as Asia/Jakarta, WIB or +07:00";
        Zone::parse(text).map_err(|_| bad("TIMEZONE", wanted, text))
    }

    fn country(&self) -> Result<CountryCode, ConfigError> {
        let text = self.text("DEFAULT_COUNTRY_CODE");
        let wanted = "a country code of 1 to 3 digits such as 62";
        CountryCode::parse(text).map_err(|_| bad("DEFAULT_COUNTRY_CODE", wanted, text))
    }

    fn admin_password(&self) -> Result<Option<AdminPassword>, ConfigError> {
        let refuse = |key, wanted: &str| ConfigError::Value { key, wanted: wanted.into(), value: None };
        match (self.optional("ADMIN_PASSWORD"), self.optional("ADMIN_PASSWORD_HASH")) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => {
                Err(refuse("ADMIN_PASSWORD", "empty when ADMIN_PASSWORD_HASH is set"))
            }
            (Some(plain), None) if plain.chars().count() < 8 || plain.len() > password::BYTES_MAX => {
                Err(refuse("ADMIN_PASSWORD", "8 characters or more, and not a whole page"))
            }
            (Some(plain), None) => Ok(Some(AdminPassword::Plain(Secret::new(plain)))),
            (None, Some(hash)) if !password::is_hash(hash) => Err(refuse(
                "ADMIN_PASSWORD_HASH",
                "an Argon2 hash in PHC form ($argon2id$v=19$…), as `password-hash` prints it",
            )),
            (None, Some(hash)) => Ok(Some(AdminPassword::Hash(Secret::new(hash)))),
        }
    }

    /// A secret goes into a header, so it must be visible ASCII.
    fn secret(&self, key: &'static str, length_min: usize) -> Result<Option<Secret>, ConfigError> {
        let Some(text) = self.optional(key) else { return Ok(None) };
        if text.len() >= length_min && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Some(Secret::new(text)));
        }
        let wanted = format!(
            "{length_min} characters or more, letters, digits and signs, without spaces or line ends"
        );
        Err(ConfigError::Value { key, wanted, value: None })
    }
}

fn bad(key: &'static str, wanted: &str, value: &str) -> ConfigError {
    ConfigError::Value { key, wanted: wanted.to_owned(), value: Some(value.to_owned()) }
}

fn base_url(text: &str) -> Result<String, ConfigError> {
    let wanted = "a URL such as http://127.0.0.1:3000 or https://waha.example.com, without ? or #";
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let is_plain = |rest: &str| {
        !rest.is_empty()
            && !rest.starts_with(['/', ':'])
            && rest.chars().all(|c| c.is_ascii_graphic() && !"?#@\\".contains(c))
    };
    match rest {
        Some(rest) if is_plain(rest) => Ok(text.trim_end_matches('/').to_owned()),
        // What stands before an @ is a password: it is not repeated.
        Some(_) | None if text.contains('@') => Err(ConfigError::Value {
            key: "WAHA_BASE_URL",
            wanted: format!("{wanted}, and without a user name (use WAHA_API_KEY)"),
            value: None,
        }),
        Some(_) | None => Err(bad("WAHA_BASE_URL", wanted, text)),
    }
}

fn log_level(text: &str) -> Result<LevelFilter, ConfigError> {
    match text.to_ascii_lowercase().as_str() {
        "error" => Ok(LevelFilter::Error),
        "warn" => Ok(LevelFilter::Warn),
        "info" => Ok(LevelFilter::Info),
        "debug" => Ok(LevelFilter::Debug),
        _ => Err(bad("LOG_LEVEL", "error, warn, info or debug", text)),
    }
}

#[cfg(test)]
mod tests;
