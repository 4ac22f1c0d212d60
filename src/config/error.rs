//! What is wrong with the settings, in words that name the key and the remedy.

use std::path::PathBuf;

use super::SETTINGS;

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("failed to read env file `{}`", path.display())]
    EnvFile { path: PathBuf, source: std::io::Error },
    #[error("`{}` holds secrets and can be read or changed by other users of this machine: {remedy}", path.display())]
    EnvFileOpen { path: PathBuf, remedy: String },
    #[error("`{}`, line {line}: write `KEY=value`, or begin a remark with `#`", path.display())]
    Line { path: PathBuf, line: usize },
    #[error("`{}`, line {line}: there is no setting `{key}`{}", path.display(), did_you_mean(key))]
    UnknownKey { path: PathBuf, line: usize, key: String },
    #[error(
        "there is no database `{}`, but there is one at `{}`: a relative DATABASE_PATH counts from the directory of the \
         env file; write the absolute path into DATABASE_PATH, or move the database and its side files there",
        wanted.display(), found.display()
    )]
    DatabaseElsewhere { wanted: PathBuf, found: PathBuf },
    #[error("{key} must be {wanted}{}", but_is(value.as_deref()))]
    Value {
        key: &'static str,
        wanted: String,
        /// What it is; not for secrets.
        value: Option<String>,
    },
    #[error("{key} must {wanted}")]
    Rule { key: &'static str, wanted: String },
    #[error("{key} is not set: {remedy}")]
    Missing { key: &'static str, remedy: &'static str },
}

impl ConfigError {
    /// For a value that is a secret, or cannot be shown.
    pub(super) fn unshown(key: &'static str, wanted: impl Into<String>) -> Self {
        Self::Value { key, wanted: wanted.into(), value: None }
    }
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
