//! SUPABASE_SERVICE_ROLE_KEY: which kind it is, whether it is the right one, and how it is sent.
//!
//! A wrong key does not fail: for a key of role `anon` every table looks empty (200 and `[]`), because
//! row level security hides the rows. So the role is looked at before anything is asked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::config::Secret;

/// A key that may read and write the whole project.
#[derive(Clone, Debug)]
pub(super) struct Key {
    secret: Secret,
    /// A JWT, which goes into two headers.
    is_jwt: bool,
}

impl Key {
    /// Reads a key at `now`. The error does not repeat it.
    pub(super) fn read(secret: &Secret, now: Timestamp) -> Result<Self, String> {
        let text = secret.reveal();
        if text.starts_with("sb_secret_") {
            return Ok(Self { secret: secret.clone(), is_jwt: false });
        }
        if text.starts_with("sb_publishable_") {
            return Err(wrong("is a publishable key, for browsers"));
        }
        let payload = text.split('.').nth(1).filter(|_| text.starts_with("eyJ"));
        let payload = payload.and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
        let claims = payload.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let Some(claims): Option<Value> = claims else {
            return Err(wrong("is neither a JWT (`eyJ…`) nor a secret key (`sb_secret_…`)"));
        };
        match claims["role"].as_str() {
            Some("service_role") => {}
            Some(role) => {
                let role: String =
                    role.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
                return Err(wrong(&format!(
                    "has the role `{role}`, which sees only part of the tables"
                )));
            }
            None => return Err(wrong("names no role")),
        }
        if let Some(end) = claims["exp"].as_i64()
            && Timestamp::from_secs(end) <= now
        {
            return Err(wrong("has expired"));
        }
        Ok(Self { secret: secret.clone(), is_jwt: true })
    }

    pub(super) fn headers(&self) -> Vec<(&'static str, String)> {
        let key = self.secret.reveal();
        let mut headers = vec![("apikey", key.to_owned())];
        if self.is_jwt {
            headers.push(("Authorization", format!("Bearer {key}")));
        }
        headers
    }
}

fn wrong(what: &str) -> String {
    format!(
        "SUPABASE_SERVICE_ROLE_KEY {what}: copy the service_role key, or a secret key, from the project's settings (API keys)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: &str =
        "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIiwiZXhwIjoyMDAwMDAwMDAwfQ.c2ln";
    const ANON: &str = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiIsImV4cCI6MjAwMDAwMDAwMH0.c2ln";

    fn read(text: &str, now_secs: i64) -> Result<Vec<(&'static str, String)>, String> {
        Key::read(&Secret::new(text), Timestamp::from_secs(now_secs)).map(|key| key.headers())
    }

    #[test]
    fn a_service_role_jwt_goes_into_two_headers_and_a_secret_key_into_one() {
        let jwt = read(SERVICE, 1_900_000_000).unwrap();
        assert_eq!(jwt[1], ("Authorization", format!("Bearer {SERVICE}")));
        let secret = read("sb_secret_0123456789", 0).unwrap();
        assert_eq!(secret, [("apikey", "sb_secret_0123456789".to_owned())]);
    }

    #[test]
    fn other_keys_are_refused_without_being_repeated() {
        for (text, now, words) in [
            (ANON, 0, "role `anon`"),
            (SERVICE, 2_000_000_001, "expired"),
            ("sb_publishable_0123456789", 0, "publishable"),
            ("eyJrubbish", 0, "neither"),
            ("a-password-of-the-database", 0, "neither"),
        ] {
            let error = read(text, now).unwrap_err();
            assert!(error.contains(words) && !error.contains(text), "{error}");
        }
    }
}
