//! Composing: what a person wants to send becomes a row that will not fail later, and what a person
//! may do to a message afterwards. The command line and a web panel use the same.
//!
//! Whatever would fail when its time comes is refused here, with the remedy, in words for whoever
//! typed it. Checks only read; each change is one short transaction, guarded by what was seen before,
//! so that all of it is safe while messages are being sent.

/// Why something is not done, in words.
macro_rules! refused {
    ($($words:tt)*) => {
        $crate::messages::ComposeError::Refused(std::fmt::format(format_args!($($words)*)).into())
    };
}

mod change;
mod checks;
mod moves;
mod retry;
mod timing;

use std::time::Duration;

use crate::clock::Timestamp;
use crate::config::Config;
use crate::delivery::MessageStatus;
use crate::reason::{Explanation, Reason};
use crate::store::{FormMark, MadeBefore, Message, Store, StoreError};

pub use change::{Edit, Edited, Today, edit};
pub(crate) use checks::Skipped;
pub use moves::{Resumed, cancel, pause, removable, remove, resume};
pub use retry::{Retried, Retry, retry, unknown_count};
pub(crate) use timing::begins_at;
pub use timing::{Timing, WeeklyTiming};

/// For so long, a second message with the same text and recipients is said to be one.
const SAME_SAID: Duration = Duration::from_mins(10);

/// What a person wants to send.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    pub text: String,
    /// A name for it.
    pub title: Option<String>,
    /// The recipients: contact ids, phone numbers, chat ids and all else that `contact_ids` takes.
    pub to: Vec<String>,
    /// A channel's id or name; the channel 1 when none is given.
    pub channel: Option<String>,
    pub timing: Option<Timing>,
    /// Whether it stays a draft; then recipients and time may come later.
    pub is_draft: bool,
    /// Whether recipients that cannot get it are left out; else they are a refusal.
    pub skip_bad: bool,
    /// Who makes it, for `created_by`.
    pub created_by: &'static str,
}

/// What became of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    pub id: i64,
    pub(crate) status: MessageStatus,
    pub(crate) channel: String,
    /// How many will get it, as it stands now.
    pub recipient_count: u64,
    /// Who will not, and why.
    pub skipped: Vec<Skipped>,
    pub begins_at: Option<Timestamp>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// It cannot be done, and what to do instead, in words.
    #[error("{0}")]
    Refused(Explanation),
    /// The same form came before.
    #[error("this was done already: see message {}", .0.id)]
    MadeBefore(MadeBefore),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ComposeError {
    fn refused(why: impl Into<Explanation>) -> Self {
        Self::Refused(why.into())
    }
}

/// Adds a message, and keeps the mark of the form that it comes from in the same transaction.
pub fn add(
    store: &mut Store,
    draft: &Draft,
    mark: Option<FormMark<'_>>,
    config: &Config,
    now: Timestamp,
) -> Result<Composed, ComposeError> {
    // What is missing is told in the order in which it is typed.
    let mut warnings = checks::text(&draft.text)?;
    let mut fields = Message::default();
    match &draft.timing {
        Some(timing) => timing::set(&mut fields, timing, None, config, now)?,
        None if draft.is_draft => {}
        None => {
            return Err(refused!(
                "it has no time: give `--at \"2026-12-01 08:00\"`, `--at +10m`, `--at now` or `--weekly mon --time 08:00`, \
                 or keep it as a draft with `--draft`"
            ));
        }
    }
    let found = store.read(|tx| checks::channel(tx, draft.channel.as_deref()))??;
    warnings.extend(found.warning);
    let contact_ids = checks::contact_ids(&draft.to);
    let checked = store.read(|tx| {
        checks::recipients(tx, contact_ids.as_deref(), &draft.text, config, draft.skip_bad)
    })??;
    if !draft.is_draft {
        checks::somebody(&checked)?;
    }
    warnings.extend(checked.warnings);
    let status = if draft.is_draft { MessageStatus::Draft } else { MessageStatus::Scheduled };
    let message = Message {
        title: draft.title.clone().filter(|title| !title.trim().is_empty()),
        message: draft.text.clone(),
        channel_id: found.id,
        contact_ids,
        contact_count: checked.count + checks::len(&checked.skipped),
        status,
        ..fields
    };
    let made = store.write(|tx| {
        tx.make_once(mark, now, || tx.insert_message(&message, draft.created_by, now))
    })?;
    let id = made.map_err(ComposeError::MadeBefore)?;
    if let Some(same) = store.read(|tx| tx.same_message_before(id, now.minus(SAME_SAID)))? {
        warnings.push(format!(
            "message {same} says the same to the same recipients, and was made a moment ago: \
             `message cancel {id}` if this is a second one by mistake"
        ));
    }
    Ok(Composed {
        id,
        status,
        channel: found.name,
        recipient_count: checked.count,
        skipped: checked.skipped,
        begins_at: message.scheduled_at,
        warnings,
    })
}

/// The message with this id.
fn existing(store: &mut Store, id: i64) -> Result<Message, ComposeError> {
    match store.read(|tx| tx.message(id))? {
        Some(row) => Ok(row),
        None => Err(ComposeError::refused(no_such_message(store, id)?)),
    }
}

/// Why there is no message with this id, in words.
pub(crate) fn no_such_message(store: &mut Store, id: i64) -> Result<String, StoreError> {
    let was_there = store.read(|tx| tx.had_message(id))?;
    let why = if was_there { " any more, it was removed, perhaps by `prune`" } else { "" };
    Ok(format!("there is no message {id}{why}: `message list` shows all"))
}

/// The words for a row that changed between the look and the change.
fn changed_meanwhile(store: &mut Store, id: i64) -> Result<ComposeError, ComposeError> {
    let status = existing(store, id)?.status.to_string();
    Ok(ComposeError::refused(Reason::MessageChanged { message_id: id, status }))
}
