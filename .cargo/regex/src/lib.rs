//! `regex-lite` under the name of `regex`: see this crate's Cargo.toml.

pub use regex_lite::*;
