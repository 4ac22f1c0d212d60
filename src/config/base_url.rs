//! WAHA_BASE_URL: which URLs it may have.

use super::ConfigError;
use super::values::bad;

/// The URL without a slash at its end.
///
/// # Errors
/// [`ConfigError::Value`], which does not repeat a password.
pub(super) fn base_url(text: &str) -> Result<String, ConfigError> {
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
