//! What the program promises, one sentence a test.
//!
//! Most run the real planner, sender, store and WAHA client in this thread, on a real SQLite file and
//! a simulated WAHA on loopback, with a simulated clock: hours pass in milliseconds. `binary` runs
//! the real program.

mod bad_rows;
mod binary;
mod borders;
mod lifecycle;
mod messages;
mod outcomes;
mod pacing;
mod recipients;
mod schema;
mod webhook;
mod webhook_live;
mod webhook_order;
mod world;
