//! From texts to values: each reader says what its key should be.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use log::LevelFilter;

use super::{ConfigError, SETTINGS, Supabase};
use crate::send_window::{Allowance, DAILY_LIMIT_MAX, Rest, SendWindow, WINDOW_FORM, WarmupRule};

/// Of any secret, in characters: more would not fit into the head of a request.
const SECRET_LENGTH_MAX: usize = 1024;

/// The raw values; an empty one is as good as none.
pub(super) struct Values(HashMap<String, String>);

impl Values {
    /// No setting has a use for control characters; in a header or a path they are an attack or an
    /// accident. White space at the ends is forgiven where nothing else would come of it.
    pub(super) fn new(values: HashMap<String, String>) -> Result<Self, ConfigError> {
        for setting in SETTINGS {
            let value = values.get(setting.key).map_or("", String::as_str);
            let is_odd = |c: char| c.is_control() && c != '\t';
            if value.trim_end_matches(['\r', '\n']).contains(is_odd) {
                let wanted = "one line without control characters";
                return Err(ConfigError::unshown(setting.key, wanted));
            }
        }
        Ok(Self(values))
    }

    pub(super) fn is_set(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| !value.trim().is_empty())
    }

    pub(super) fn optional(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    pub(super) fn text(&self, key: &str) -> &str {
        let default = SETTINGS.iter().find(|setting| setting.key == key);
        self.optional(key).unwrap_or_else(|| default.map_or("", |setting| setting.default))
    }

    pub(super) fn number<T>(&self, key: &'static str, min: T, max: T) -> Result<T, ConfigError>
    where
        T: PartialOrd + FromStr + fmt::Display,
    {
        let wanted = format!("a whole number from {min} to {max}");
        let in_range = |number: &T| (min..=max).contains(number);
        self.parsed(key, &wanted, |text| text.parse().ok().filter(in_range))
    }

    pub(super) fn secs(
        &self,
        key: &'static str,
        min: u64,
        max: u64,
    ) -> Result<Duration, ConfigError> {
        self.number(key, min, max).map(Duration::from_secs)
    }

    /// What `parse` makes of the value, or of the default.
    pub(super) fn parsed<T>(
        &self,
        key: &'static str,
        wanted: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ConfigError> {
        let text = self.text(key);
        parse(text).ok_or_else(|| bad(key, wanted, text))
    }

    /// The same for each entry of a list that commas divide.
    pub(super) fn list<T>(
        &self,
        key: &'static str,
        wanted: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, ConfigError> {
        let one = |text: &str| parse(text.trim()).ok_or_else(|| bad(key, wanted, text));
        self.optional(key).map_or(Ok(Vec::new()), |list| list.split(',').map(one).collect())
    }

    pub(super) fn allowance(&self) -> Result<Allowance, ConfigError> {
        let window =
            self.parsed("SEND_WINDOW", WINDOW_FORM, |text| SendWindow::parse(text).ok())?;
        let daily_limit = self.number("DAILY_LIMIT", 0, DAILY_LIMIT_MAX)?;
        let daily_limit = Some(daily_limit).filter(|limit| *limit > 0);
        let start = self.number("WARMUP_START", 1, DAILY_LIMIT_MAX)?;
        let growth_percent = self.parsed("WARMUP_GROWTH", "a number from 1 to 10", percent)?;
        let warmup_rule = WarmupRule { start, growth_percent };
        Ok(Allowance { window, daily_limit, warmup_rule, ..Allowance::default() })
    }

    /// `None` when channels do not rest.
    pub(super) fn rest(&self) -> Result<Option<Rest>, ConfigError> {
        let after = self.number("REST_AFTER", 0, 1_000_000)?;
        let (least, most) =
            self.parsed("REST_MINUTES", "minutes such as 5-10, at most 1440", Rest::minutes)?;
        Ok((after > 0).then_some(Rest { after, least, most }))
    }

    /// The project, when SUPABASE_URL names one.
    pub(super) fn supabase(&self) -> Result<Option<Supabase>, ConfigError> {
        let Some(url) = self.optional("SUPABASE_URL") else { return Ok(None) };
        let name = |key: &'static str| match self.text(key) {
            "" => Ok(None),
            text if is_sql_name(text) => Ok(Some(text.to_owned())),
            text => Err(bad(key, "the name of a table or column: letters, digits and _", text)),
        };
        // One that was cut is named by the link, with where the whole one is.
        let key = self.secret("SUPABASE_SERVICE_ROLE_KEY", 1)?.ok_or(ConfigError::Missing {
            key: "SUPABASE_SERVICE_ROLE_KEY",
            remedy: "SUPABASE_URL is set: copy the service_role or secret key from the project's \
                     settings (API keys) into auto-message-scheduler.env, or empty SUPABASE_URL",
        })?;
        let is_name = |text: &str| text.len() <= 60 && !text.contains(['/', '"']);
        let appliance_name = self.parsed("APPLIANCE_NAME", "at most 60 characters", |text| {
            is_name(text).then(|| text.to_owned())
        })?;
        let millis = |text: &str| Some((text.parse::<f64>().ok()? * 1000.0).round());
        let wanted = "seconds from 0.1 to 120";
        let timeout = self.parsed("SUPABASE_TIMEOUT_SECONDS", wanted, |text| {
            millis(text).filter(|millis| (100.0..=120_000.0).contains(millis))
        })?;
        Ok(Some(Supabase {
            url: super::url::supabase(url)?,
            key,
            appliance_name: Some(appliance_name).filter(|name| !name.is_empty()),
            messages_table: name("SUPABASE_MESSAGES_TABLE")?.unwrap_or_default(),
            contacts_table: name("SUPABASE_CONTACTS_TABLE")?.unwrap_or_default(),
            channels_table: name("SUPABASE_CHANNELS_TABLE")?,
            channel_column: name("SUPABASE_CHANNEL_COLUMN")?,
            timeout: Duration::from_secs_f64(timeout / 1000.0),
        }))
    }

    /// A secret goes into a header, so it must be visible ASCII, also at its ends: a line end there
    /// may mean that the rest of it is missing.
    pub(super) fn secret(
        &self,
        key: &'static str,
        length_min: usize,
    ) -> Result<Option<Secret>, ConfigError> {
        let Some(text) = self.optional(key) else { return Ok(None) };
        let has_line_end = self.0.get(key).is_some_and(|value| value.contains(['\r', '\n']));
        let is_fit = (length_min..=SECRET_LENGTH_MAX).contains(&text.len()) && !has_line_end;
        if is_fit && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Some(Secret::new(text)));
        }
        let wanted = format!(
            "{length_min} to {SECRET_LENGTH_MAX} characters, letters, digits and signs, without spaces or line ends"
        );
        Err(ConfigError::unshown(key, wanted))
    }
}

/// Of a number from 1 to 10.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "100 to 1000")]
fn percent(text: &str) -> Option<u32> {
    let number: f64 = text.replace(',', ".").parse().ok()?;
    (1.0..=10.0).contains(&number).then(|| (number * 100.0).round() as u32)
}

/// Whether a name needs no quotes anywhere.
fn is_sql_name(text: &str) -> bool {
    text.len() <= 63 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The error for a value that is no secret.
pub(super) fn bad(key: &'static str, wanted: &str, value: &str) -> ConfigError {
    ConfigError::Value { key, wanted: wanted.to_owned(), value: Some(value.to_owned()) }
}

/// `localhost` is taken for 127.0.0.1: a name that had to be looked up could be anybody's.
pub(super) fn listen_addr(text: &str) -> Option<SocketAddr> {
    let named = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    named.as_deref().unwrap_or(text).parse().ok()
}

pub(super) fn on_or_off(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "1" => Some(true),
        "off" | "0" => Some(false),
        _ => None,
    }
}

pub(super) fn log_level(text: &str) -> Option<LevelFilter> {
    let level = text.parse().ok()?;
    (LevelFilter::Error..=LevelFilter::Debug).contains(&level).then_some(level)
}

/// A text that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
