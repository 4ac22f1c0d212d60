//! Passwords of people, as Argon2id hashes in PHC form. Nothing here knows whose they are.
//!
//! One computation at a time: each takes [`MEMORY_KIB`] of memory, and small hosts have little.

use std::sync::Mutex;

use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq;

use crate::clock::lock;

/// What OWASP recommends for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const OUTPUT_BYTES: usize = 32;

/// The most that a hash made elsewhere may ask of this host.
const MEMORY_KIB_MAX: u32 = 128 * 1024;
const PASSES_MAX: u32 = 16;

/// More than any real password: hashing must not become work for strangers to give.
pub(crate) const BYTES_MAX: usize = 1024;

/// The memory is reserved in a piece larger than 32 MiB, of which only what is needed is ever
/// touched: glibc gives pieces of that size back to the system at once, and keeps smaller ones.
const RESERVED_BLOCKS: usize = 33 * 1024;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The hash of a new password, with a new salt, as a PHC string.
pub fn hash(password: &str) -> Result<String, getrandom::Error> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt)?;
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT_BYTES)).unwrap_or_default();
    let mut output = [0; OUTPUT_BYTES];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let salted = compute(&argon, password, &salt, &mut output)
        .and_then(|()| Some((Salt::new(&salt).ok()?, Output::new(&output).ok()?)))
        .map(|(salt, output)| PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: (&params).try_into().unwrap_or_default(),
            salt: Some(salt),
            hash: Some(output),
        });
    // Our own parameters are valid; an empty text fits no password.
    Ok(salted.map(|hash| hash.to_string()).unwrap_or_default())
}

/// Whether `password` is the one that `hash` was made from. What is no hash fits no password.
pub(crate) fn fits(hash: &str, password: &str) -> bool {
    let Some(parsed) = Parsed::read(hash) else { return false };
    if password.len() > BYTES_MAX {
        return false;
    }
    let mut output = vec![0; parsed.output.len()];
    compute(&parsed.argon, password, parsed.salt.as_ref(), &mut output).is_some()
        && bool::from(output.as_slice().ct_eq(parsed.output.as_bytes()))
}

/// Whether `hash` is an Argon2 PHC string that this host can afford to check.
pub(crate) fn is_hash(hash: &str) -> bool {
    Parsed::read(hash).is_some()
}

struct Parsed {
    argon: Argon2<'static>,
    salt: Salt,
    output: Output,
}

impl Parsed {
    fn read(text: &str) -> Option<Self> {
        let hash = PasswordHash::new(text).ok()?;
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
        let version = match hash.version {
            Some(version) => Version::try_from(version).ok()?,
            None => Version::V0x10,
        };
        let params = Params::try_from(&hash).ok()?;
        let is_cheap = params.m_cost() <= MEMORY_KIB_MAX && params.t_cost() <= PASSES_MAX;
        let (salt, output) = (hash.salt?, hash.hash?);
        is_cheap.then(|| Self { argon: Argon2::new(algorithm, version, params), salt, output })
    }
}

fn compute(argon: &Argon2<'_>, password: &str, salt: &[u8], output: &mut [u8]) -> Option<()> {
    let _one = lock(&ONE_AT_A_TIME);
    let count = argon.params().block_count();
    let mut blocks = Vec::with_capacity(count.max(RESERVED_BLOCKS));
    blocks.resize(count, Block::new());
    argon.hash_password_into_with_memory(password.as_bytes(), salt, output, &mut blocks).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_fits_its_own_password_only() {
        let made = hash("rahasia toko").unwrap();
        assert!(made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{made}");
        assert!(fits(&made, "rahasia toko"));
        assert!(!fits(&made, "rahasia Toko"));
        assert!(!fits(&made, ""));
        assert_ne!(made, hash("rahasia toko").unwrap());
    }

    #[test]
    fn a_hash_of_another_program_fits() {
        // echo -n password | argon2 somesalt -id -t 2 -k 256 -p 1 -e
        let other = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$\
                     nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        assert!(is_hash(other) && fits(other, "password"));
        assert!(!fits(other, "passw0rd"));
    }

    #[test]
    fn what_is_no_hash_or_too_dear_fits_nothing() {
        let dear = "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$\
                    nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        for text in ["", "rahasia", "$2y$10$abcdefghijklmnopqrstuv", "$argon2id$v=19$m=256", dear] {
            assert!(!is_hash(text) && !fits(text, "password") && !fits(text, ""), "{text}");
        }
    }
}
