//! The link to a website's Supabase project: its due messages are sent by this machine's own engine, and
//! the result is written back as the website expects it. Several machines may share a project.
//!
//! # What keeps a message from going out twice
//!
//! Between machines, the primary key of `auto_message_claims` there: whoever inserts the row of an
//! occurrence sends it. Inside a machine, the deliveries here, as for every message. A claim is written
//! here with its token before the request leaves, so that a reply that was lost is found again; and a
//! read proves only that a claim was made, never that it was not.
//!
//! # What may fail
//!
//! Everything but the database here. The link has a thread of its own: what Supabase does, or does not
//! do, never holds a channel of WAHA. Without SUPABASE_URL nothing of it exists.

mod filter;
mod key;
mod protocol;
mod recipients;
mod remote;
mod reply;
mod setup;
mod tables;
mod thread;
mod times;

use crate::clock::Timestamp;
use crate::config::Config;

pub(crate) use protocol::AWAY_MAX;
pub use protocol::{Link, Passed};
pub(crate) use setup::{COUNTED_MAX, LinkStatus, Survey, SurveyedRow, migration, survey};
pub use setup::{Choice, LinkError, TakenOver, TurnedOn, take_over, turn_off, turn_on};
pub use thread::pass_once;
pub(crate) use thread::start;

/// Looks at the settings, before anything is started. The error does not repeat the key.
pub(crate) fn check(config: &Config, now: Timestamp) -> Result<(), String> {
    let Some(settings) = &config.supabase else { return Ok(()) };
    key::Key::read(&settings.key, now).map(drop)
}
