//! Tests of auto-message-scheduler on a disk that loses power, fills up, or breaks.
//!
//! The program's own planner, senders and store run on a [`disk::Disk`], which writes down what
//! reaches it and when it is synced. [`platter`] makes of it what a power cut may leave, and
//! [`examine`] opens each of these images with the program and looks whether a promise is broken.

pub mod disk;
pub mod examine;
mod io_methods;
pub mod log_lines;
pub mod platter;
pub mod world;
