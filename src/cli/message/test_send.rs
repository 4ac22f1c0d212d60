//! `message test-send`: one text to one number, by the way that every message goes, and what became
//! of it.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::Args;
use log::LevelFilter;
use serde_json::json;

use super::super::output::{Output, counted};
use super::super::{CliResult, Desk, refuse, stopped_by_signals};
use crate::channels::OwnGap;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::delivery::{MessageStatus, Status};
use crate::logging;
use crate::messages::{self, Draft, Timing};
use crate::recipient::{self, Entry, normalize_phone};
use crate::serve::{self, RunEnd};
use crate::store::{Delivery, Store, TEST_METADATA, TEST_SEND};
use crate::terminal::one_line;
use crate::trigger::Triggers;

const LOOK_AGAIN: Duration = Duration::from_millis(200);

const WAIT_SECS: u64 = 300;

#[derive(Debug, Args)]
pub(in crate::cli) struct TestSendArgs {
    /// A phone number or a chat id; it need not be a contact
    number: String,
    /// The text
    text: String,
    /// The channel that sends it, by name or id [default: 1]
    #[arg(long)]
    channel: Option<String>,
    /// Wait at most so long for the result
    #[arg(long, default_value_t = WAIT_SECS, value_name = "SECONDS")]
    wait: u64,
    #[command(flatten)]
    output: Output,
}

impl TestSendArgs {
    pub(in crate::cli) fn new(number: String, text: String) -> Self {
        Self { number, text, channel: None, wait: WAIT_SECS, output: Output { json: false } }
    }
}

enum Seen {
    Ended(Box<Delivery>),
    /// The message failed before it was planned.
    Failed(String),
    /// It waits, and why.
    Waits(String),
}

pub(in crate::cli) fn test_send(args: &TestSendArgs, config: &Config) -> CliResult {
    config.require_waha()?;
    one_recipient(&args.number)?;
    logging::start(config.log_level.unwrap_or(LevelFilter::Off), config.log_file.as_deref())?;
    let clock = SystemClock::default();
    let Desk { mut store, .. } = Desk::open_or_make(config)?;
    let draft = Draft {
        text: args.text.clone(),
        title: Some("test-send".to_owned()),
        to: vec![args.number.clone()],
        channel: args.channel.clone(),
        recipient_gap: Some(OwnGap::of(0)), // a person waits for it
        timing: Some(Timing::At(vec!["now".to_owned()])),
        metadata: Some(TEST_METADATA.to_owned()),
        created_by: "cli",
        ..Draft::default()
    };
    let composed = messages::add(&mut store, &draft, None, config, clock.now().wall)?;
    let id = composed.id;
    if let Ok(own) = normalize_phone(&args.number, &config.country) {
        store.write(|tx| tx.note_panel_test(&format!("+{own}"), id))?;
    }
    for warning in &composed.warnings {
        eprintln!("warning: {}", one_line(&warning.message));
    }
    let triggers = stopped_by_signals()?;
    let seen = send_and_wait(args, config, &mut store, id, &triggers, &clock)?;
    match seen {
        Seen::Ended(delivery) => told(args, id, &delivery),
        Seen::Failed(why) => refuse(format!("not sent: {why}")),
        Seen::Waits(why) => {
            // A test that comes hours later, when nobody expects it, would be no test.
            match messages::cancel(&mut store, id, clock.now().wall) {
                Ok(Some(stood)) if stood.sending > 0 => refuse(format!(
                    "a request to WAHA is still under way: `message show {id}` tells what becomes of it"
                )),
                Ok(_) => refuse(format!("not sent, and cancelled: {why}")),
                Err(_) => refuse(format!(
                    "it ended just now: `message show {id}` tells what became of it"
                )),
            }
        }
    }
}

/// A test to a group of contacts would be no test.
fn one_recipient(number: &str) -> CliResult {
    let entries = recipient::parse_contact_ids(Some(number)).unwrap_or_default();
    match entries.as_slice() {
        [Entry::Tag(_) | Entry::All | Entry::Except(_)] | [_, _, ..] => {
            refuse(format!("`{number}` is not one recipient: give one phone number or chat id"))
        }
        // What is wrong with it is told later.
        _ => Ok(()),
    }
}

/// Says what WAHA said; anything but sent is a failure of this command.
fn told(args: &TestSendArgs, id: i64, delivery: &Delivery) -> CliResult {
    if delivery.status != Status::Sent {
        let error = delivery.error.clone().unwrap_or("no reason is known".into());
        return refuse(format!("{}: {error} (message {id})", delivery.status));
    }
    let waha_id = delivery.waha_message_id.as_deref().unwrap_or_default();
    let data = json!({ "id": id, "status": delivery.status, "chat_id": delivery.chat_id,
        "waha_message_id": waha_id, "ack": delivery.ack });
    args.output.print(&data, |_| {
        format!(
            "sent to {}: WAHA took it and gave the id {} (message {id})",
            recipient::shown(&delivery.chat_id),
            one_line(waha_id)
        )
    })
}

/// Lets it be sent: by whoever sends on this database, else by a run in this process, which ends when
/// the result is there.
fn send_and_wait(
    args: &TestSendArgs,
    config: &Config,
    store: &mut Store,
    id: i64,
    triggers: &Arc<Triggers>,
    clock: &SystemClock,
) -> CliResult<Seen> {
    let ended = std::sync::Mutex::new(None);
    let seen = thread::scope(|scope| {
        let run = scope.spawn(|| {
            let end = serve::run_once(&Arc::new(config.clone()), triggers, None, Some(TEST_SEND));
            if let Ok(mut ended) = ended.lock() {
                *ended = Some(matches!(end, Ok(RunEnd::AlreadySending)));
            }
            triggers.wake.ring();
            end
        });
        let seen =
            watch(args, store, id, triggers, clock, || ended.lock().ok().and_then(|ended| *ended));
        triggers.stop();
        let end = run.join();
        match (seen, end) {
            (seen, Ok(Ok(_))) => seen,
            (Ok(seen @ (Seen::Ended(_) | Seen::Failed(_))), _) => Ok(seen),
            (Ok(Seen::Waits(_)), Ok(Err(error))) => Err(error.into()),
            (seen, _) => seen,
        }
    });
    // What was under way when the wait ended has been recorded by the run.
    match seen? {
        Seen::Waits(why) => Ok(look(store, id)?.unwrap_or(Seen::Waits(why))),
        seen => Ok(seen),
    }
}

/// Looks at the row until the delivery has ended, the run here has ended without it, or time is up.
fn watch(
    args: &TestSendArgs,
    store: &mut Store,
    id: i64,
    triggers: &Triggers,
    clock: &SystemClock,
    run_ended: impl Fn() -> Option<bool>,
) -> CliResult<Seen> {
    let started = clock.now().monotonic;
    let never = crate::clock::Wake::default();
    loop {
        // Before the look: what the run did last is seen.
        let run = run_ended();
        if let Some(seen) = look(store, id)? {
            return Ok(seen);
        }
        let (is_held, why) = why_not(store, id)?;
        let waited = clock.now().monotonic.saturating_sub(started);
        if run == Some(false)
            || run == Some(true) && is_held
            || waited >= Duration::from_secs(args.wait)
            || triggers.is_stopping()
        {
            return Ok(Seen::Waits(why));
        }
        clock.sleep(&never, never.rings(), Some(LOOK_AGAIN));
    }
}

/// The result, once there is one.
fn look(store: &mut Store, id: i64) -> CliResult<Option<Seen>> {
    let (row, delivery) = store.read(|tx| {
        let row = tx.message(id)?;
        let delivery = match row.as_ref().and_then(|row| row.scheduled_at) {
            Some(at) => tx.first_deliveries(id, at, Some(1))?.into_iter().next(),
            None => None,
        };
        Ok((row, delivery))
    })?;
    let Some(row) = row else {
        return Ok(Some(Seen::Failed("the message was removed meanwhile".to_owned())));
    };
    Ok(match delivery {
        Some(delivery) if !matches!(delivery.status, Status::Pending | Status::Sending) => {
            Some(Seen::Ended(Box::new(delivery)))
        }
        None if row.status == MessageStatus::Failed => {
            Some(Seen::Failed(row.error.map(|why| why.to_string()).unwrap_or_default()))
        }
        Some(_) | None => None,
    })
}

/// Whether its channel is held, and why it waits.
fn why_not(store: &mut Store, id: i64) -> CliResult<(bool, String)> {
    let (is_scheduled, held, before) = store.read(|tx| {
        let Some(row) = tx.message(id)? else { return Ok((false, None, 0)) };
        let before = match row.scheduled_at {
            Some(at) => tx.count_before(row.channel_id, at)?,
            None => 0,
        };
        let held = tx.channel(row.channel_id)?.and_then(|channel| channel.held);
        Ok((row.status == MessageStatus::Scheduled, held, before))
    })?;
    let is_held = held.is_some();
    let why = match held {
        Some(held) => format!("its channel is held: {}", held.reason),
        None if before > 0 => {
            let before = counted(before, "delivery");
            format!("{before} on this channel must go out before it: try again later")
        }
        None if is_scheduled => {
            "whoever sends on this database has not looked yet: pull the trigger (see TICK_SECONDS)"
                .to_owned()
        }
        None => "its turn has not come: give more time with `--wait`".to_owned(),
    };
    Ok((is_held, why))
}
