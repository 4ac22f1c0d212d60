//! Settings: every key with its default, read from the environment and an env file.
//!
//! A bad value or an unknown key is an error that names the key and what it should be; no secret is
//! ever repeated in one.

mod admin;
mod callback;
mod env_file;
mod error;
mod hosts;
mod url;
mod values;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use log::LevelFilter;

use crate::private_file::with_ending;
use crate::recipient::CountryCode;
use crate::schedule::Zone;
use crate::send_window::{Allowance, Gap, RECIPIENT_GAP_HOURS_MAX, Rest};
use crate::text_enum::text_enum;

use values::{Values, listen_addr, log_level, on_or_off};

pub use admin::AdminPassword;
pub use callback::{CallbackEvent, CallbackTarget};
pub use env_file::parse as parse_env_file;
pub(crate) use env_file::value as env_value;
pub(crate) use error::ConfigError;
pub use hosts::Authority;
pub(crate) use url::is_public_without_tls;
pub use values::Secret;

/// The env file that is read when it exists and none is named.
pub(crate) const DEFAULT_ENV_FILE: &str = "auto-message-scheduler.env";

/// One key, in the environment and in env files: its default as a person would write it (empty for
/// none), and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub key: &'static str,
    pub default: &'static str,
    pub meaning: &'static str,
}

impl Setting {
    /// Whether its value is shown to nobody: a URL may be a secret by itself.
    pub(crate) fn is_secret(&self) -> bool {
        let name_ends = ["_KEY", "_SECRET", "_PREVIOUS", "_PASSWORD", "_HASH", "_PROXY"];
        let is_told = matches!(self.key, "HEARTBEAT_URL" | "ALERT_URL" | "CALLBACK_URL");
        is_told || name_ends.iter().any(|end| self.key.ends_with(end))
    }

    fn shown(&self, value: Option<String>, from: SettingSource) -> Shown {
        let mask = |value| if self.is_secret() { "(set)".to_owned() } else { value };
        let Self { key, default, meaning } = *self;
        Shown { key, value: value.map(mask), default, from, meaning }
    }
}

/// A setting as it is shown: a secret only says that it is set.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Shown {
    pub(crate) key: &'static str,
    pub(crate) value: Option<String>,
    pub(crate) default: &'static str,
    pub(crate) from: SettingSource,
    pub(crate) meaning: &'static str,
}

impl Shown {
    /// What it is now.
    pub(crate) fn now(&self) -> &str {
        self.value.as_deref().unwrap_or(self.default)
    }
}

macro_rules! settings {
    ($($key:ident: $default:literal, $meaning:literal;)+) => {
        /// All keys. The table in docs/settings.md and the sample in `dist/` say the same; a test compares them.
        pub const SETTINGS: &[Setting] = &[$(
            Setting { key: stringify!($key), default: $default, meaning: $meaning }
        ),+];
    };
}

settings! {
    WAHA_BASE_URL: "",
        "https URL of WAHA, or http on this machine or in a private network; required to send";
    WAHA_API_KEY: "", "sent to WAHA as X-Api-Key";
    WAHA_CA_FILE: "",
        "PEM file with the CA that signed WAHA's certificate, when that is your own, with a relative path as for DATABASE_PATH; then no other CA is trusted";
    WAHA_PROXY: "",
        "URL of an HTTP proxy on the way to WAHA; without it none is used, whatever HTTP_PROXY says";
    DATABASE_PATH: "auto-message-scheduler.db",
        "the SQLite file; a relative path counts from the directory of the file named with `--env-file`, else from the working directory";
    LISTEN_ADDR: "127.0.0.1:8787", "where `serve` listens";
    ALLOWED_HOSTS: "",
        "host names under which `serve` may be asked, separated by commas, such as `jadwal.example.com, 127.0.0.1`; every name when empty";
    CORS_ORIGINS: "",
        "web pages that may use `/api/v1` from a browser, separated by commas, such as `https://app.example.com`; none when empty";
    TRUSTED_PROXIES: "",
        "addresses of your reverse proxies, separated by commas, such as `127.0.0.1, ::1`: their X-Forwarded-Proto and X-Forwarded-For are believed, nobody else's";
    CRON_SECRET: "",
        "Bearer token of the two endpoints, 16 characters or more; made at the first start and kept in `<database>.cron-secret` when empty";
    CRON_SECRET_PREVIOUS: "", "also good as Bearer token, while you change CRON_SECRET everywhere";
    WEBHOOK_HMAC_KEY: "",
        "HMAC key of WAHA's webhooks, 12 characters or more; without it `/api/waha-webhook` is 404";
    ADMIN_PASSWORD: "",
        "password of the panel at `/panel`, 8 characters or more; without it (and without the next one) there is no panel";
    ADMIN_PASSWORD_HASH: "",
        "instead of ADMIN_PASSWORD: its Argon2 hash, as the command `password-hash` prints it";
    TICK_SECONDS: "60",
        "`serve` also looks for due messages by itself this often; 0 = only when triggered";
    TRIGGER_WAIT_SECONDS: "50",
        "how long `/api/auto-message-scheduler` waits for the end of the run";
    SEND_DELAY_SECONDS: "60", "least gap between two sends on a channel; under 20 is for tests";
    SEND_JITTER_SECONDS: "15",
        "up to this much more, at random; when not set, at most a quarter of SEND_DELAY_SECONDS";
    SEND_WINDOW: "",
        "hours of the day in which messages go out, such as 07:00-21:00, local; empty = always; a channel may have its own";
    DAILY_LIMIT: "0",
        "most messages that a channel sends on one local day; 0 = no limit; a channel may have its own";
    WARMUP_START: "20",
        "most messages on the first day of a channel that warms up (`channel edit --warmup today`)";
    WARMUP_GROWTH: "1.3",
        "the next day it may send so many times as much, until its own limit; without one for 30 days";
    REST_AFTER: "0", "after so many messages in a row a channel rests; 0 = never";
    REST_MINUTES: "5-10", "so long, at random";
    RECIPIENT_GAP_HOURS: "0",
        "the same chat gets its next automatic message at the earliest so many hours after one, from whatever message and channel, up to 168; 0 = at once; a channel or a message may have its own";
    CHECK_NUMBERS: "off",
        "on = before the first message to a number that nobody here spoke with, WhatsApp is asked whether it has that number: one turn of the channel's pace; the answer is kept for 30 days, and a number that is not there is skipped";
    SEND_ORDER: "as_given",
        "who gets a message first: as_given = in the order of its recipients; known_first = those who ever wrote to us before all others";
    TYPING_SECONDS: "0",
        "before each message the recipient sees typing, up to so many seconds, longer for longer texts; 0 = never";
    HEARTBEAT_URL: "",
        "URL that is called after each run, as healthchecks.io has it: `/start`, nothing or `/fail` is added; it raises the alarm when nothing comes any more";
    ALERT_URL: "",
        "URL that gets a JSON POST when a person should look: a channel held, a message failed, something unknown; `doctor --alert` tries it";
    CALLBACK_URL: "",
        "URL of your own program that gets a signed JSON POST of what became of messages, as docs/callbacks.md says";
    CALLBACK_SECRET: "",
        "signs them: `whsec_` and 24 to 64 bytes in base64, such as `openssl rand -base64 32` prints; needed with CALLBACK_URL";
    CALLBACK_EVENTS: "message.finished",
        "which events it gets, separated by commas, or all; docs/callbacks.md has the list";
    CALLBACK_NUMBERS: "0",
        "1 = events also have the number and name of a recipient, and the whole words of an error";
    STALE_MINUTES: "15",
        "no trigger and no tick for so long while something could be sent: `/health` is 503 `stale`, and an alert goes out; 0 = never";
    SENDERS: "8", "sender threads: channels served at the same time";
    WAHA_TIMEOUT_SECONDS: "135", "for one whole request to WAHA";
    MEDIA_MAX_MB: "35",
        "largest file that a message may carry; WAHA takes 50 MB of JSON, which are some 37 of file";
    MEDIA_TIMEOUT_SECONDS_PER_MB: "5",
        "so much longer than WAHA_TIMEOUT_SECONDS a file may take for each of its MB; more for a slow line";
    LATE_LIMIT_HOURS: "24", "how late a message may still go out";
    TIMEZONE: "Asia/Jakarta", "IANA name, WIB, WITA, WIT or an offset such as +07:00";
    DEFAULT_COUNTRY_CODE: "62", "for phone numbers in national form";
    SUPABASE_URL: "",
        "URL of the website's Supabase project: its due messages are sent too, once `link on` was run; see supabase.md";
    SUPABASE_SERVICE_ROLE_KEY: "",
        "the project's service_role key, or a secret key (`sb_secret_…`); required with SUPABASE_URL";
    APPLIANCE_NAME: "",
        "what this machine is called in the project's tables; the host's name when empty";
    SUPABASE_MESSAGES_TABLE: "auto_messages",
        "the project's table of messages";
    SUPABASE_CONTACTS_TABLE: "contacts",
        "the project's table of contacts";
    SUPABASE_CHANNELS_TABLE: "",
        "the project's table of channels; found by itself (`chanels` or `channels`) when empty";
    SUPABASE_CHANNEL_COLUMN: "",
        "the column of messages that names their channel; found by itself (`chanel_id` or `channel_id`) when empty";
    SUPABASE_TIMEOUT_SECONDS: "12",
        "for one whole request to Supabase; under 1 is for tests";
    LOG_LEVEL: "info", "error, warn, info or debug";
    LOG_FILE: "",
        "a file to append the log to, with a relative path as for DATABASE_PATH; stderr when empty";
}

/// Of CRON_SECRET, in characters.
pub(crate) const SECRET_LENGTH_MIN: usize = 16;
/// WhatsApp stops showing it after about 25 s, and nobody waits for a shop that long.
const TYPING_SECS_MAX: u64 = 20;

/// Under this delay a WhatsApp number is in danger.
const SAFE_DELAY: Duration = Duration::from_secs(20);

#[derive(Clone, Debug)]
pub struct Config {
    /// WAHA_BASE_URL; without it nothing can be sent.
    pub waha_base_url: Option<String>,
    pub waha_api_key: Option<Secret>,
    pub waha_ca_file: Option<PathBuf>,
    /// WAHA_PROXY; may hold a password.
    pub waha_proxy: Option<Secret>,
    pub database_path: PathBuf,
    pub listen_addr: SocketAddr,
    /// ALLOWED_HOSTS; empty for every name.
    pub allowed_hosts: Vec<Authority>,
    /// CORS_ORIGINS, as browsers send them.
    pub cors_origins: Vec<String>,
    pub trusted_proxies: Vec<IpAddr>,
    pub cron_secret: Option<Secret>,
    pub cron_secret_previous: Option<Secret>,
    /// WEBHOOK_HMAC_KEY; without it no webhooks are taken.
    pub webhook_hmac_key: Option<Secret>,
    /// ADMIN_PASSWORD or ADMIN_PASSWORD_HASH; without one there is no panel.
    pub admin_password: Option<AdminPassword>,
    /// TICK_SECONDS; `None` for 0.
    pub tick: Option<Duration>,
    pub trigger_wait: Duration,
    pub gap: Gap,
    /// REST_AFTER and REST_MINUTES; `None` for no rests.
    pub rest: Option<Rest>,
    pub allowance: Allowance,
    pub recipient_gap_hours: u32,
    pub check_numbers: bool,
    pub send_order: SendOrder,
    /// TYPING_SECONDS; `None` for 0.
    pub typing_max: Option<Duration>,
    /// HEARTBEAT_URL; whoever knows it can call it.
    pub heartbeat_url: Option<Secret>,
    /// ALERT_URL; whoever knows it can write there.
    pub alert_url: Option<Secret>,
    /// CALLBACK_URL and what belongs to it.
    pub callback: Option<CallbackTarget>,
    /// STALE_MINUTES; `None` for 0.
    pub stale_after: Option<Duration>,
    pub senders: usize,
    pub waha_timeout: Duration,
    pub media_max_mb: u64,
    /// MEDIA_TIMEOUT_SECONDS_PER_MB.
    pub timeout_per_mb: Duration,
    pub late_limit: Duration,
    pub zone: Zone,
    pub country: CountryCode,
    /// SUPABASE_URL and what belongs to it; `None` when that is not set.
    pub supabase: Option<Supabase>,
    /// LOG_LEVEL; `None` when it was not set.
    pub log_level: Option<LevelFilter>,
    pub log_file: Option<PathBuf>,
    /// Where the settings were read from; `None` for the default.
    pub env_file: Option<PathBuf>,
    /// Every setting as people may see it.
    pub shown: Vec<Shown>,
}

text_enum! {
    /// Who of a message's recipients gets it first.
    pub enum SendOrder {
        /// In the order of the entries, those of a group by id.
        AsGiven = "as_given",
        /// Those who ever wrote to us, then the others, each in that order.
        KnownFirst = "known_first",
    }
}

/// The project of a website.
#[derive(Clone, Debug)]
pub struct Supabase {
    /// Without `/rest/v1`.
    pub url: String,
    /// SUPABASE_SERVICE_ROLE_KEY, of either kind.
    pub key: Secret,
    /// APPLIANCE_NAME; `None` for the host's name.
    pub appliance_name: Option<String>,
    pub messages_table: String,
    pub contacts_table: String,
    /// `None` when it is to be found.
    pub channels_table: Option<String>,
    /// `None` when it is to be found.
    pub channel_column: Option<String>,
    pub timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self::from_values(HashMap::new()).expect("the defaults are values that their keys can have")
    }
}

impl Config {
    /// Reads the settings from this process's environment and from `env_file`, or from
    /// [`DEFAULT_ENV_FILE`] when that exists and none is named. The environment wins. Relative paths
    /// count from the directory of `env_file`: a command finds the same database wherever it is given.
    pub(crate) fn load(env_file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut values = read_file(env_file)?;
        values.extend(read_environment()?);
        let mut config = Self::from_values(values)?;
        config.env_file = env_file.map(Path::to_owned);
        config.shown = shown(env_file)?;
        if let Some(directory) = env_file.and_then(Path::parent) {
            config = config.counted_from(directory)?;
        }
        if let Some(path) = &config.log_file
            && let Some(what) = config.own_file(path)
        {
            let wanted = format!("name another file, because `{}` {what}", path.display());
            return Err(ConfigError::Rule { key: "LOG_FILE", wanted });
        }
        Ok(config)
    }

    /// What a file of the program's own is, which nothing else may write into; `None` for any other.
    pub(crate) fn own_file(&self, path: &Path) -> Option<&'static str> {
        let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| absolute(path));
        let is_it = |other: &Path| real(other) == real(path);
        if is_it(self.env_file.as_deref().unwrap_or(Path::new(DEFAULT_ENV_FILE))) {
            return Some("has the settings");
        }
        let mut sides = ["", "-wal", "-shm", "-journal", ".lock", ".cron-secret"].into_iter();
        let is_side = sides.any(|side| is_it(&with_ending(&self.database_path, side)));
        is_side.then_some("belongs to the database")
    }

    /// Its relative paths count from `directory`. A database in the working directory, where they
    /// counted from before, is not left there without a word.
    fn counted_from(mut self, directory: &Path) -> Result<Self, ConfigError> {
        let found = self.database_path.clone();
        self.database_path = directory.join(&found);
        self.log_file = self.log_file.map(|path| directory.join(path));
        self.waha_ca_file = self.waha_ca_file.map(|path| directory.join(path));
        if !self.database_path.exists() && found.exists() {
            let wanted = absolute(&self.database_path);
            return Err(ConfigError::DatabaseElsewhere { wanted, found: absolute(&found) });
        }
        Ok(self)
    }

    /// The longest that a channel waits from one send to the next while nothing is in its way.
    pub(crate) fn longest_gap(&self) -> Duration {
        self.gap.longest().max(self.rest.map_or(Duration::ZERO, |rest| rest.most))
    }

    /// See [`Rest::after`].
    pub(crate) fn rest_after(&self, counted: u32) -> (u32, bool) {
        self.rest.map_or((0, false), |rest| rest.after(counted))
    }

    /// How long lies between two automatic messages to a chat, for a message and a channel with these columns;
    /// `None` for no time.
    pub(crate) fn recipient_gap(
        &self,
        message: Option<i64>,
        channel: Option<i64>,
    ) -> Option<Duration> {
        let own = message.or(channel).and_then(|hours| u64::try_from(hours).ok());
        let hours = own.unwrap_or(self.recipient_gap_hours.into());
        (hours > 0).then(|| Duration::from_hours(hours))
    }

    /// From one send to the next; `chance` in 0..=1 says how long of what is at random. `rests`: whether
    /// the channel rests in between.
    pub(crate) fn gap_after(&self, rests: bool, chance: f64) -> Duration {
        let rest = self.rest.filter(|_| rests).map_or(Duration::ZERO, |rest| rest.length(chance));
        self.gap.with_jitter(chance).max(rest)
    }

    /// Reads the settings from `values`; a key that is absent or empty has its default.
    #[expect(clippy::too_many_lines, reason = "one line a setting")]
    pub fn from_values(values: HashMap<String, String>) -> Result<Self, ConfigError> {
        let values = Values::new(values)?;
        let delay = values.secs("SEND_DELAY_SECONDS", 0, 86_400)?;
        let jitter = values.secs("SEND_JITTER_SECONDS", 0, 86_400)?;
        // The default jitter belongs to the default delay; a test's delay of 1 s must not wait 16.
        let jitter =
            if values.is_set("SEND_JITTER_SECONDS") { jitter } else { jitter.min(delay / 4) };
        let told = |key| values.optional(key).map(|text| url::told(key, text)).transpose();
        let unless_zero = |time: Duration| (!time.is_zero()).then_some(time);
        Ok(Self {
            waha_base_url: values.optional("WAHA_BASE_URL").map(url::base_url).transpose()?,
            waha_api_key: values.secret("WAHA_API_KEY", 1)?,
            waha_ca_file: values.optional("WAHA_CA_FILE").map(PathBuf::from),
            waha_proxy: values.optional("WAHA_PROXY").map(url::proxy).transpose()?,
            database_path: PathBuf::from(values.text("DATABASE_PATH")),
            listen_addr: values.parsed(
                "LISTEN_ADDR",
                "an address and port such as 127.0.0.1:8787 or [::1]:8787",
                listen_addr,
            )?,
            cron_secret: values.secret("CRON_SECRET", SECRET_LENGTH_MIN)?,
            cron_secret_previous: values.secret("CRON_SECRET_PREVIOUS", SECRET_LENGTH_MIN)?,
            allowed_hosts: values.list(
                "ALLOWED_HOSTS",
                "host names separated by commas, such as jadwal.example.com, 127.0.0.1:8787",
                Authority::parse,
            )?,
            cors_origins: values.list(
                "CORS_ORIGINS",
                "origins separated by commas, such as https://app.example.com",
                |text| Authority::of_origin(text).map(|_| text.to_owned()),
            )?,
            trusted_proxies: values.list(
                "TRUSTED_PROXIES",
                "addresses separated by commas, such as 127.0.0.1, ::1",
                |text| Some(text.parse::<IpAddr>().ok()?.to_canonical()),
            )?,
            webhook_hmac_key: values.secret("WEBHOOK_HMAC_KEY", 12)?,
            admin_password: values.admin_password()?,
            tick: unless_zero(values.secs("TICK_SECONDS", 0, 86_400)?),
            trigger_wait: values.secs("TRIGGER_WAIT_SECONDS", 0, 3600)?,
            gap: Gap { delay, jitter },
            rest: values.rest()?,
            allowance: values.allowance()?,
            recipient_gap_hours: values.number(
                "RECIPIENT_GAP_HOURS",
                0,
                RECIPIENT_GAP_HOURS_MAX,
            )?,
            check_numbers: values.parsed("CHECK_NUMBERS", "on or off", on_or_off)?,
            send_order: values.parsed(
                "SEND_ORDER",
                "as_given or known_first",
                SendOrder::from_word,
            )?,
            typing_max: unless_zero(values.secs("TYPING_SECONDS", 0, TYPING_SECS_MAX)?),
            heartbeat_url: told("HEARTBEAT_URL")?,
            alert_url: told("ALERT_URL")?,
            callback: values.callback()?,
            stale_after: unless_zero(Duration::from_mins(values.number(
                "STALE_MINUTES",
                0,
                10_080,
            )?)),
            senders: values.number("SENDERS", 1, 256)?,
            waha_timeout: values.secs("WAHA_TIMEOUT_SECONDS", 1, 3600)?,
            media_max_mb: values.number("MEDIA_MAX_MB", 1, 2_000)?,
            timeout_per_mb: values.secs("MEDIA_TIMEOUT_SECONDS_PER_MB", 0, 600)?,
            late_limit: Duration::from_secs(values.number("LATE_LIMIT_HOURS", 1, 8760)? * 3600),
            zone: values.parsed(
                "TIMEZONE",
                "a time zone such as Asia/Jakarta, WIB or +07:00",
                |text| Zone::parse(text).ok(),
            )?,
            country: values.parsed(
                "DEFAULT_COUNTRY_CODE",
                "a country code of 1 to 3 digits such as 62",
                |text| CountryCode::parse(text).ok(),
            )?,
            supabase: values.supabase()?,
            log_level: values
                .is_set("LOG_LEVEL")
                .then(|| values.parsed("LOG_LEVEL", "error, warn, info or debug", log_level))
                .transpose()?,
            log_file: values.optional("LOG_FILE").map(PathBuf::from),
            env_file: None,
            shown: SETTINGS.iter().map(|one| one.shown(None, SettingSource::Default)).collect(),
        })
    }

    /// How long the request for a file of so many bytes may take.
    pub(crate) fn upload_timeout(&self, bytes: u64) -> Duration {
        let megabytes = u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(u32::MAX);
        self.waha_timeout.saturating_add(self.timeout_per_mb.saturating_mul(megabytes))
    }

    /// The URL of WAHA, for a command that sends.
    pub(crate) fn require_waha(&self) -> Result<&str, ConfigError> {
        self.waha_base_url.as_deref().ok_or(ConfigError::Missing {
            key: "WAHA_BASE_URL",
            remedy: "write WAHA_BASE_URL=http://127.0.0.1:3000 (or where your WAHA is) into \
                     auto-message-scheduler.env",
        })
    }

    /// Refuses to listen where strangers can ask, unless the secret was chosen for that.
    pub(crate) fn require_secret_for_strangers(&self) -> Result<(), ConfigError> {
        if self.cron_secret.is_some() || self.is_for_this_machine() {
            return Ok(());
        }
        Err(ConfigError::Missing {
            key: "CRON_SECRET",
            remedy: "LISTEN_ADDR lets other machines in, so choose a secret: `secret rotate` \
                     prints a new one as a line for the env file; or let LISTEN_ADDR be \
                     127.0.0.1:8787, behind a reverse proxy",
        })
    }

    /// Whether LISTEN_ADDR is one that only this machine can reach.
    pub(crate) fn is_for_this_machine(&self) -> bool {
        self.listen_addr.ip().to_canonical().is_loopback()
    }

    /// Whether others than this machine can reach the panel, and its password can be guessed.
    pub(crate) fn is_panel_open_to_guesses(&self) -> bool {
        self.admin_password.as_ref().is_some_and(|password| self.is_open_to_guesses(password))
    }

    /// The same, if this were its password.
    pub(crate) fn is_open_to_guesses(&self, password: &AdminPassword) -> bool {
        let is_public = !self.is_for_this_machine() || !self.trusted_proxies.is_empty();
        is_public && password.is_weak()
    }

    /// Whether the pace is one for tests only.
    pub(crate) fn is_pace_dangerous(&self) -> bool {
        self.gap.delay < SAFE_DELAY
    }
}

text_enum! {
    /// Where a setting has its value from.
    pub enum SettingSource {
        Environment = "environment",
        File = "file",
        Default = "default",
    }
}

/// Every setting as it is shown, with who said so.
pub(crate) fn shown(env_file: Option<&Path>) -> Result<Vec<Shown>, ConfigError> {
    let (mut file, mut environment) = (read_file(env_file)?, read_environment()?);
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let all = SETTINGS.iter().map(|setting| {
        match (environment.remove(setting.key), given(file.remove(setting.key))) {
            // An empty variable hides the file's value, and means the default.
            (Some(text), _) if !text.trim().is_empty() => {
                setting.shown(Some(text), SettingSource::Environment)
            }
            (None, Some(text)) => setting.shown(Some(text), SettingSource::File),
            _ => setting.shown(None, SettingSource::Default),
        }
    });
    Ok(all.collect())
}

fn read_file(env_file: Option<&Path>) -> Result<HashMap<String, String>, ConfigError> {
    let default = Path::new(DEFAULT_ENV_FILE);
    match env_file.or_else(|| default.exists().then_some(default)) {
        Some(path) => env_file::read(path),
        None => Ok(HashMap::new()),
    }
}

fn read_environment() -> Result<HashMap<String, String>, ConfigError> {
    let mut values = HashMap::new();
    for setting in SETTINGS {
        if let Some(value) = std::env::var_os(setting.key) {
            let unfit = |_| ConfigError::unshown(setting.key, "text in UTF-8");
            values.insert(setting.key.to_owned(), value.into_string().map_err(unfit)?);
        }
    }
    Ok(values)
}

/// A path for people, who may not know where a command was started; as it is when the system does not
/// know either.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests;
