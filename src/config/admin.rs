//! The password of the panel: itself, or its hash.

use super::values::Values;
use super::{ConfigError, Secret};
use crate::password;

const LENGTH_MIN: usize = 8;

/// How the password of the panel was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminPassword {
    Plain(Secret),
    /// Its Argon2 hash, a PHC string.
    Hash(Secret),
}

/// A password that is shorter can be guessed by a machine that tries a few times a second.
const STRONG_LENGTH: usize = 12;
/// Signs that a long password has at least.
const STRONG_SIGNS: usize = 6;
/// What many people choose, with any digits and signs behind it.
const USUAL: &str = " admin administrator bismillah indonesia password qwerty qwertyuiop rahasia \
                     sayang whatsapp letmein welcome iloveyou changeme ";

impl AdminPassword {
    pub(crate) fn fits(&self, hash: &str) -> bool {
        match self {
            Self::Plain(plain) => password::fits(hash, plain.reveal()),
            Self::Hash(set) => hash == set.reveal(),
        }
    }

    /// Its hash; that of a plain one is made anew.
    pub(crate) fn hashed(&self) -> Result<String, getrandom::Error> {
        match self {
            Self::Plain(plain) => password::hash(plain.reveal()),
            Self::Hash(set) => Ok(set.reveal().to_owned()),
        }
    }

    /// Whether it is one that a panel may have.
    pub(crate) fn is_long_enough(plain: &str) -> bool {
        plain.chars().count() >= LENGTH_MIN && plain.len() <= password::BYTES_MAX
    }

    /// Whether strangers may guess it: it is short, has few different signs, or is what many choose.
    /// Of a hash nobody knows.
    pub(crate) fn is_weak(&self) -> bool {
        let Self::Plain(plain) = self else { return false };
        let plain = plain.reveal().to_lowercase();
        let word = plain.trim_end_matches(|c: char| !c.is_alphabetic());
        let signs: std::collections::HashSet<char> = plain.chars().collect();
        plain.chars().count() < STRONG_LENGTH
            || signs.len() < STRONG_SIGNS
            || word.is_empty()
            || USUAL.split(' ').any(|usual| usual == word)
    }
}

impl Values {
    pub(super) fn admin_password(&self) -> Result<Option<AdminPassword>, ConfigError> {
        match (self.optional("ADMIN_PASSWORD"), self.optional("ADMIN_PASSWORD_HASH")) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => {
                Err(ConfigError::unshown("ADMIN_PASSWORD", "empty when ADMIN_PASSWORD_HASH is set"))
            }
            (Some(plain), None) if !AdminPassword::is_long_enough(plain) => {
                Err(ConfigError::unshown(
                    "ADMIN_PASSWORD",
                    "8 characters or more, and not a whole page",
                ))
            }
            (Some(plain), None) => Ok(Some(AdminPassword::Plain(Secret::new(plain)))),
            (None, Some(hash)) if !password::is_hash(hash) => Err(ConfigError::unshown(
                "ADMIN_PASSWORD_HASH",
                "an Argon2 hash in PHC form ($argon2id$v=19$…), as `password-hash` prints it",
            )),
            (None, Some(hash)) => Ok(Some(AdminPassword::Hash(Secret::new(hash)))),
        }
    }
}
