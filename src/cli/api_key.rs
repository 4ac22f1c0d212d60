//! `api-key …`: the keys of programs that use `/api/v1`.

use std::time::Duration;

use clap::Subcommand;

use super::output::{Output, print, say};
use super::table::table;
use super::{CliResult, Desk};
use crate::api::keys;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::store::Can;
use crate::terminal::one_line;

#[derive(Debug, Subcommand)]
pub(super) enum ApiKeyCommand {
    /// Make a key and print it, once: only its hash is kept
    Add {
        /// What uses it, such as `website`
        name: String,
        /// What it may do
        #[arg(long, value_name = "RIGHTS", default_value = "read,write", value_parser = Can::ALL.map(Can::as_str))]
        can: String,
        /// Useless after so many days, such as `90d`
        #[arg(long, value_name = "DAYS", value_parser = days)]
        expires: Option<Duration>,
    },
    /// Show the keys and when each was last used
    List(Output),
    /// Make a key useless at once
    Revoke {
        /// Its name, as `api-key list` shows it
        name: String,
    },
}

pub(super) fn api_key(command: &ApiKeyCommand, config: &Config) -> CliResult {
    let Desk { mut store, now, .. } = Desk::open_or_make(config)?;
    match command {
        ApiKeyCommand::Add { name, can, expires } => {
            let can = Can::from_word(can).unwrap_or(Can::Read);
            let expires_at = expires.map(|expires| now.plus(expires));
            let key = keys::add(&mut store, name, can, expires_at, now)?;
            eprintln!("Keep it now, it is not shown again. Send it as `Authorization: Bearer …`.");
            print(format!("{key}\n").as_bytes())
        }
        ApiKeyCommand::List(output) => {
            let keys = keys::list(&mut store)?;
            output.print(&keys, |keys| {
                if keys.is_empty() {
                    return "no keys: `api-key add` makes one".to_owned();
                }
                let local = |at: Option<Timestamp>| {
                    at.map(|at| config.zone.format_local(at)).unwrap_or_default()
                };
                let rows = keys.iter().map(|key| {
                    let is_expired = key.expires_at.is_some_and(|at| at <= now);
                    let state = match (key.revoked_at, is_expired) {
                        (Some(_), _) => "revoked",
                        (None, true) => "expired",
                        (None, false) => "good",
                    };
                    let (used, expires) = (local(key.last_used_at), local(key.expires_at));
                    vec![
                        one_line(&key.name).into_owned(),
                        key.can.to_string(),
                        state.to_owned(),
                        used,
                        expires,
                    ]
                });
                table(&["name", "can", "state", "last used", "expires"], rows)
            })
        }
        ApiKeyCommand::Revoke { name } => {
            keys::revoke(&mut store, name, now)?;
            say(&format!("key `{}` is useless now", one_line(name)))
        }
    }
}

fn days(text: &str) -> Result<Duration, String> {
    let days = text.trim().strip_suffix(['d', 'D']).unwrap_or(text).trim().parse();
    match days {
        Ok(days @ 1..=3650) => Ok(Duration::from_hours(days * 24)),
        _ => Err("write a number of days from 1d to 3650d".to_owned()),
    }
}
