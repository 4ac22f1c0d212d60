//! `mcp`.

use std::io;
use std::sync::Arc;

use clap::Args;
use log::LevelFilter;

use super::{CliResult, refuse};
use crate::api::v1::V1;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::logging;
use crate::mcp::Server;
use crate::trigger::Triggers;

#[derive(Debug, Args)]
#[command(after_help = "\
Your assistant starts it, with a configuration such as
  {\"mcpServers\": {\"whatsapp\": {
    \"command\": \"/usr/local/bin/auto-message-scheduler\",
    \"args\": [\"mcp\", \"--env-file\", \"/path/to/auto-message-scheduler.env\"]}}}")]
pub(super) struct McpArgs {
    /// What it may do: read, or write, which is to make, cancel and pause messages
    #[arg(long, value_name = "RIGHT", default_value = "read", value_parser = ["read", "write"])]
    can: String,
    /// What it schedules goes out at its time; without it, it makes drafts
    #[arg(long)]
    may_send: bool,
}

pub(super) fn mcp(args: &McpArgs, config: Config) -> CliResult {
    let can_write = args.can == "write";
    if args.may_send && !can_write {
        return refuse("--may-send needs --can write");
    }
    // Standard output is for the protocol alone.
    logging::start(config.log_level.unwrap_or(LevelFilter::Warn), config.log_file.as_deref())?;
    drop(super::Desk::open_existing(&config)?);
    let v1 =
        V1::new(Arc::new(config), Arc::new(SystemClock::default()), Arc::new(Triggers::default()));
    let server = Server { v1: &v1, can_write, may_send: args.may_send };
    Ok(server.serve(io::stdin().lock(), io::stdout().lock())?)
}
