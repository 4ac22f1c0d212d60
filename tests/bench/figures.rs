//! The figures, by what they are about.

pub mod grown;
pub mod pace;
pub mod small;
pub mod stored;
