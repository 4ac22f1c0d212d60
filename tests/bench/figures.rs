//! The figures, by what they are about.

pub mod api;
pub mod grown;
pub mod link;
pub mod media;
pub mod pace;
pub mod pages;
pub mod rules;
pub mod small;
pub mod stored;
