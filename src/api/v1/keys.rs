//! API keys: made, shown once, and kept as a hash.

use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::secret;
use crate::store::{ApiKey, Can, Store, StoreError};

/// All keys begin with it, so that people and scanners know one when they see it.
const PREFIX: &str = "ams_";
/// Hex digits of 256 random bits.
const DIGITS: usize = 64;
const NAME_CHARS_MAX: usize = 100;

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be done: the thing and the remedy, in words.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a key of this name and returns it; it is not kept. `expires_at` is `None` for never.
pub fn add(
    store: &mut Store,
    name: &str,
    can: Can,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<String, KeyError> {
    let name = name.trim();
    if !(1..=NAME_CHARS_MAX).contains(&name.chars().count()) {
        let words = format!("a key's name has 1 to {NAME_CHARS_MAX} characters");
        return Err(KeyError::Refused(words));
    }
    let random = secret::random().map_err(|error| KeyError::Refused(error.to_string()))?;
    let key = format!("{PREFIX}{}", random.reveal());
    let hash = hex(key.as_bytes());
    if store.write(|tx| tx.add_api_key((name, &hash), can, expires_at, now))? {
        return Ok(key);
    }
    let words = format!("there is a key `{name}` already: `api-key revoke` it first");
    Err(KeyError::Refused(words))
}

/// All keys, those that were revoked too.
pub fn list(store: &mut Store) -> Result<Vec<ApiKey>, StoreError> {
    store.read(|tx| tx.api_keys())
}

/// Makes the key of this name useless at once.
pub fn revoke(store: &mut Store, name: &str, now: Timestamp) -> Result<(), KeyError> {
    if store.write(|tx| tx.revoke_api_key(name.trim(), now))? {
        return Ok(());
    }
    let words = format!("there is no good key `{}`: `api-key list` shows them", name.trim());
    Err(KeyError::Refused(words))
}

/// What is kept of a key; `None` when it is none. A plain hash is enough for 256 random bits.
pub(crate) fn hash(key: &str) -> Option<String> {
    let digits = key.strip_prefix(PREFIX)?;
    (digits.len() == DIGITS).then(|| hex(key.as_bytes()))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    secret::to_hex(&Sha256::digest(bytes))
}
