//! The env file: `KEY=value` lines, as systemd and Docker read them.
//!
//! Of our own because the library of the field puts environment variables into values: an API key
//! with a `$` in it would silently be another.

use std::collections::HashMap;
use std::path::Path;

use super::{ConfigError, SETTINGS};
use crate::private_file;

/// Far more than all settings with their remarks.
const BYTES_MAX: u64 = 1024 * 1024;

/// Reads the file, when nobody else can.
pub(super) fn read(path: &Path) -> Result<HashMap<String, String>, ConfigError> {
    let failed = |source| ConfigError::EnvFile { path: path.to_owned(), source };
    let (text, remedy) = private_file::read(path, BYTES_MAX).map_err(failed)?;
    match remedy {
        Some(remedy) => Err(ConfigError::EnvFileOpen { path: path.to_owned(), remedy }),
        None => parse(path, &text),
    }
}

/// The settings in the text of an env file; `path` is for errors. Blank lines and lines that begin
/// with `#` are skipped, `export ` before a key and quotes around a value are taken off, ` #` after
/// an unquoted value begins a remark.
pub fn parse(path: &Path, text: &str) -> Result<HashMap<String, String>, ConfigError> {
    let mut values = HashMap::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let (line, number) = (line.trim(), index + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((key, value)) = line.split_once('=') else {
            return Err(ConfigError::Line { path: path.to_owned(), line: number });
        };
        let key = key.trim();
        if !SETTINGS.iter().any(|setting| setting.key == key) {
            let (path, key) = (path.to_owned(), key.to_owned());
            return Err(ConfigError::UnknownKey { path, line: number, key });
        }
        values.insert(key.to_owned(), unquote(value.trim()).to_owned());
    }
    Ok(values)
}

fn unquote(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner;
        }
    }
    let remark = value.find(" #").or_else(|| value.find("\t#"));
    remark.map_or(value, |at| value[..at].trim_end())
}

/// A value as it stands in an env file: [`parse`] reads it back as it was.
pub(crate) fn value(text: &str) -> String {
    let is_plain = unquote(text) == text && text.trim() == text;
    if is_plain { text.to_owned() } else { format!("\"{text}\"") }
}
