//! `webhook-setup`: lets WAHA send its events here, by lines for its environment or by its API.

use clap::Args;

use super::message::confirm;
use super::output::say;
use super::{CliError, CliResult, Desk, WAHA_PATIENCE};
use crate::config::{Config, Secret};
use crate::http::reachable;
use crate::secret;
use crate::serve;
use crate::waha::{WEBHOOK_PATH, WantedWebhook, hook_lines};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auto-message-scheduler webhook-setup --url http://172.17.0.1:8787
  auto-message-scheduler webhook-setup --apply")]
pub(super) struct WebhookSetupArgs {
    /// Where WAHA reaches this program; a container has another 127.0.0.1 than its host [default: LISTEN_ADDR]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Tell WAHA by its API: each session of a channel is restarted for it. WAHA CORE forgets it when
    /// it restarts itself
    #[arg(long)]
    apply: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(super) fn webhook_setup(args: &WebhookSetupArgs, config: &Config) -> CliResult {
    let own = || format!("http://{}", reachable(config.listen_addr));
    let url = args.url.clone().unwrap_or_else(own);
    let url = format!("{}{WEBHOOK_PATH}", url.trim_end_matches('/').trim_end_matches(WEBHOOK_PATH));
    if args.apply {
        return apply(&url, args.yes, config);
    }
    let (key, is_new) = match &config.webhook_hmac_key {
        Some(key) => (key.clone(), false),
        None => (secret::random()?, true),
    };
    let mut lines = Vec::new();
    if is_new {
        lines.push("# For auto-message-scheduler.env; then restart `serve`:".to_owned());
        lines.push(format!("WEBHOOK_HMAC_KEY={}\n", key.reveal()));
    }
    lines.push("# For the environment of WAHA, then restart WAHA. All its sessions take them, and they stay:".to_owned());
    lines.extend(hook_lines(&url, key.reveal()));
    if args.url.is_none() && config.is_for_this_machine() {
        lines.push(
            "\n# A WAHA in a container reaches this program only by an address of the host: give it with --url,\n\
             # and let LISTEN_ADDR be that address."
                .to_owned(),
        );
    }
    say(&lines.join("\n"))
}

fn apply(url: &str, yes: bool, config: &Config) -> CliResult {
    let key: &Secret = config.webhook_hmac_key.as_ref().ok_or_else(|| {
        let why = "WEBHOOK_HMAC_KEY is not set: `webhook-setup` without --apply prints a new one";
        CliError::Refused(why.to_owned())
    })?;
    let waha = serve::waha(config)?.brief(WAHA_PATIENCE);
    let server = waha.server().map_err(|why| CliError::Refused(why.to_string()))?;
    let Desk { mut store, .. } = Desk::open_or_make(config)?;
    let mut sessions = store.read(|tx| {
        Ok(tx.channels()?.into_iter().filter_map(|it| it.session_name).collect::<Vec<_>>())
    })?;
    sessions.sort_unstable();
    sessions.dedup();
    if !yes {
        let names = sessions.join(", ");
        confirm(&format!("WAHA restarts the sessions {names} for it. Go on?"))?;
    }
    let wanted = WantedWebhook { url, key };
    for session in &sessions {
        waha.set_webhook(session, &wanted).map_err(CliError::Refused)?;
        say(&format!("session {session} sends its events to {url}"))?;
    }
    if server.tier != "PLUS" {
        say(
            "WAHA CORE forgets this when it restarts: the lines of `webhook-setup` in its environment stay",
        )?;
    }
    Ok(())
}
