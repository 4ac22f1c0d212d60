//! The password of the panel: itself, or its hash.

use super::values::Values;
use super::{ConfigError, Secret};
use crate::password;

const LENGTH_MIN: usize = 8;

/// How the password of the panel was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminPassword {
    /// Itself.
    Plain(Secret),
    /// Its Argon2 hash, a PHC string.
    Hash(Secret),
}

impl Values {
    pub(super) fn admin_password(&self) -> Result<Option<AdminPassword>, ConfigError> {
        let refuse =
            |key, wanted: &str| ConfigError::Value { key, wanted: wanted.into(), value: None };
        match (self.optional("ADMIN_PASSWORD"), self.optional("ADMIN_PASSWORD_HASH")) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => {
                Err(refuse("ADMIN_PASSWORD", "empty when ADMIN_PASSWORD_HASH is set"))
            }
            (Some(plain), None)
                if plain.chars().count() < LENGTH_MIN || plain.len() > password::BYTES_MAX =>
            {
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
}
