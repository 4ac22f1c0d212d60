//! The figures, by what they are about.

pub mod pace;
pub mod small;
pub mod stored;
