//! Composing: what a person wants to send becomes a row that will not fail later, and what a person
//! may do to a message afterwards. The command line and a web panel use the same.
//!
//! Whatever would fail when its time comes is refused here, with the remedy, in words for whoever
//! typed it. Checks only read; each change is one short transaction, guarded by what was seen before,
//! so that all of it is safe while messages are being sent.

/// Why something is not done, in words: in English, or in English and Indonesian where the panel says it, too.
macro_rules! refused {
    ($english:literal / $indonesian:literal $($values:tt)*) => {
        $crate::messages::ComposeError::Refused($crate::reason::Explanation::Said {
            english: std::fmt::format(format_args!($english $($values)*)),
            indonesian: std::fmt::format(format_args!($indonesian $($values)*)),
        })
    };
    ($($words:tt)*) => {
        $crate::messages::ComposeError::Refused(std::fmt::format(format_args!($($words)*)).into())
    };
}

mod change;
mod channel_move;
mod checks;
mod moves;
mod retry;
mod split;
mod timing;
mod view;

use std::time::Duration;

use crate::channels::OwnGap;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::delivery::MessageStatus;
use crate::reason::{Explanation, Reason};
use crate::schedule::ScheduleError;
use crate::store::{FormMark, MadeBefore, Message, SqlResult, Stop, Store, StoreError, Tx};

pub use change::{Edit, Edited, Today, edit};
pub use channel_move::{Moved, move_to_channel};
pub(crate) use channel_move::{MovedView, StaysView};
pub use checks::Skipped;
pub(crate) use checks::{
    Checked, Reached, ask_tier, column, content as check_content, content_as_believed, recipients,
    text_problem,
};
pub(crate) use moves::is_for_now;
pub use moves::{Resumed, cancel, pause, removable, remove, resume};
pub use retry::{Retried, Retry, retry, unknown_count};
pub(crate) use split::{Part, add_split, split};
pub use split::{SplitBy, SplitPart};
pub(crate) use timing::{Before, begins_at, why_no_time};
pub use timing::{Kept, Timing, WeeklyTiming};
pub(crate) use view::{DeliveryView, MessageView, ack_words, delivery_json, message_json, stamp};

/// For so long, a second message with the same text and recipients is said to be one.
const SAME_SAID: Duration = Duration::from_mins(10);

#[derive(Clone, Debug, Default)]
pub struct Draft {
    pub text: String,
    /// For `content`: a JSON object.
    pub content: Option<String>,
    pub title: Option<String>,
    /// The recipients: contact ids, phone numbers, chat ids and all else that `contact_ids` takes.
    pub to: Vec<String>,
    /// The recipients as the column `contact_ids` has them, in place of `to`.
    pub contact_ids: Option<String>,
    /// A channel's id or name, or several with commas in between; the channel 1 when none is given.
    pub channel: Option<String>,
    pub timing: Option<Timing>,
    /// For `metadata`: a JSON object.
    pub metadata: Option<String>,
    pub recipient_gap: Option<OwnGap>,
    /// Whether it stays a draft; then recipients and time may come later.
    pub is_draft: bool,
    /// Whether recipients that cannot get it are left out; else they are a refusal.
    pub skip_bad: bool,
    pub created_by: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    pub id: i64,
    pub(crate) status: MessageStatus,
    pub(crate) channel: String,
    /// How many will get it, as it stands now.
    pub recipient_count: u64,
    pub skipped: Vec<Skipped>,
    pub begins_at: Option<Timestamp>,
    pub warnings: Vec<Warned>,
}

/// What a person should know of a message.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = Warning))]
pub struct Warned {
    /// A stable name for programs.
    #[cfg_attr(test, schema(example = "same_message"))]
    pub(crate) code: &'static str,
    /// The English sentence.
    pub message: String,
}

impl Warned {
    pub(crate) fn new(code: &'static str, message: String) -> Self {
        Self { code, message }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// It cannot be done, and what to do instead, in words.
    #[error("{0}")]
    Refused(Explanation),
    /// The same, when one field of what was given is wrong.
    #[error("{why}")]
    Field { field: &'static str, why: Explanation },
    /// Somebody else changed the message meanwhile.
    #[error("{0}")]
    Changed(Explanation),
    #[error("this was done already: see message {}", .0.id)]
    MadeBefore(MadeBefore),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(crate) type ComposeResult<T> = Result<T, ComposeError>;

impl From<MadeBefore> for ComposeError {
    fn from(before: MadeBefore) -> Self {
        Self::MadeBefore(before)
    }
}

impl From<ComposeError> for Stop<ComposeError> {
    fn from(why: ComposeError) -> Self {
        Self::Refused(why)
    }
}

impl From<ScheduleError> for ComposeError {
    fn from(error: ScheduleError) -> Self {
        Self::refused(error.to_string())
    }
}

impl ComposeError {
    fn refused(why: impl Into<Explanation>) -> Self {
        Self::Refused(why.into())
    }

    /// The same refusal, as one of this field.
    fn of(self, field: &'static str) -> Self {
        if let Self::Refused(why) = self {
            return Self::Field { field, why };
        }
        self
    }
}

/// A draft that was checked: inserted, it is a message.
pub(crate) struct Ready {
    pub(crate) message: Message,
    pub(crate) channel: String,
    pub(crate) recipients: Checked,
    pub(crate) warnings: Vec<Warned>,
    created_by: &'static str,
}

/// Checks a draft. Whatever would fail when its time comes is refused. Nothing is stored.
pub(crate) fn check(
    store: &mut Store,
    draft: &Draft,
    config: &Config,
    now: Timestamp,
) -> ComposeResult<Ready> {
    // What is missing is told in the order in which it is typed.
    let content = checks::content(store, draft.content.as_deref(), config, now)?;
    let mut warnings = checks::text(&content, &draft.text)?;
    let mut fields = Message::default();
    match &draft.timing {
        Some(timing) => timing::set(&mut fields, timing, Before::default(), config, now)?,
        None if draft.is_draft => {}
        None => {
            return Err(refused!(
                "it has no time: give `--at \"2026-12-01 08:00\"`, `--at +10m`, `--at now` or `--weekly mon --time 08:00`, \
                 or keep it as a draft with `--draft`"
            )
            .of("at"));
        }
    }
    let contact_ids = draft.contact_ids.clone().or_else(|| column(&draft.to));
    let (found, mut recipients) = store.read_or_refuse::<_, ComposeError>(|tx| {
        let found = checks::channels(tx, draft.channel.as_deref())?;
        let (contact_ids, what) = (contact_ids.as_deref(), (&content, draft.text.as_str()));
        Ok((found, recipients(tx, contact_ids, what, config, draft.skip_bad)?))
    })?;
    warnings.extend(found.warnings.clone());
    if !draft.is_draft {
        checks::somebody(&recipients)?;
    }
    warnings.append(&mut recipients.warnings);
    let mut message = Message {
        title: draft.title.clone().filter(|title| !title.trim().is_empty()),
        message: draft.text.clone(),
        content: draft.content.clone(),
        contact_ids,
        contact_count: recipients.count + recipients.skipped.len() as u64,
        status: if draft.is_draft { MessageStatus::Draft } else { MessageStatus::Scheduled },
        metadata: draft.metadata.clone(),
        recipient_gap_hours: draft.recipient_gap.and_then(OwnGap::column),
        ..fields
    };
    found.set(&mut message);
    let (channel, created_by) = (found.name, draft.created_by);
    Ok(Ready { message, channel, recipients, warnings, created_by })
}

impl Ready {
    /// Stores the message, and says what is odd about that.
    pub(crate) fn insert(self, tx: &Tx<'_>, now: Timestamp) -> SqlResult<Composed> {
        let Self { message, channel, recipients, mut warnings, created_by } = self;
        let id = tx.insert_message(&message, created_by, now)?;
        if let Some(same) = tx.same_message_before(id, now.minus(SAME_SAID))? {
            let words = format!(
                "message {same} says the same to the same recipients, and was made a moment ago: \
                 `message cancel {id}` if this is a second one by mistake"
            );
            warnings.push(Warned::new("same_message", words));
        }
        Ok(Composed {
            id,
            status: message.status,
            channel,
            recipient_count: recipients.count,
            skipped: recipients.skipped,
            begins_at: message.scheduled_at,
            warnings,
        })
    }
}

/// The message that a draft would become, for the forecast: without a check; `None` while it has no time.
pub(crate) fn imagined(
    draft: &Draft,
    before: Before<'_>,
    config: &Config,
    now: Timestamp,
) -> Option<Message> {
    let channels = draft.channel.as_deref().unwrap_or_default().split(',');
    let channels: Vec<i64> = channels.filter_map(|id| id.trim().parse().ok()).collect();
    let mut message = Message {
        message: draft.text.clone(),
        content: draft.content.clone(),
        channel_id: channels.first().copied().unwrap_or(1),
        channel_ids: (channels.len() > 1).then(|| serde_json::json!(channels).to_string()),
        recipient_gap_hours: draft.recipient_gap.and_then(OwnGap::column),
        contact_ids: draft.contact_ids.clone().or_else(|| column(&draft.to)),
        status: MessageStatus::Scheduled,
        ..Message::default()
    };
    timing::set(&mut message, draft.timing.as_ref()?, before, config, now).ok()?;
    Some(message)
}

/// Adds a message, and keeps the mark of the form that it comes from in the same transaction.
pub fn add(
    store: &mut Store,
    draft: &Draft,
    mark: Option<FormMark<'_>>,
    config: &Config,
    now: Timestamp,
) -> ComposeResult<Composed> {
    let ready = check(store, draft, config, now)?;
    store.write_or_refuse(|tx| {
        tx.make_once(mark, now, || Ok(ready.insert(tx, now)?), |composed| composed.id)
    })
}

/// A draft that says the same to the same as a message, without its times.
pub(crate) fn draft_of(store: &mut Store, id: i64) -> ComposeResult<Draft> {
    let row = existing(store, id)?;
    let channels: Vec<String> = row.channels().iter().map(i64::to_string).collect();
    Ok(Draft {
        text: row.message,
        content: row.content,
        title: row.title,
        contact_ids: row.contact_ids,
        channel: Some(channels.join(",")),
        metadata: row.metadata,
        recipient_gap: row
            .recipient_gap_hours
            .and_then(|hours| u32::try_from(hours).ok())
            .map(OwnGap::of),
        is_draft: true,
        ..Draft::default()
    })
}

fn existing(store: &mut Store, id: i64) -> ComposeResult<Message> {
    match store.read(|tx| tx.message(id))? {
        Some(row) => Ok(row),
        None => Err(ComposeError::refused(no_such_message(store, id)?)),
    }
}

/// The message with this id, when it is one of this database's own: a website's is changed there.
fn own(store: &mut Store, id: i64) -> ComposeResult<Message> {
    if store.read(|tx| tx.is_linked(id))? {
        return Err(ComposeError::refused(Reason::LinkedMessage { message_id: id }));
    }
    existing(store, id)
}

pub(crate) fn no_such_message(store: &mut Store, id: i64) -> Result<String, StoreError> {
    let was_there = store.read(|tx| tx.had_message(id))?;
    let why = if was_there { " any more, it was removed, perhaps by `prune`" } else { "" };
    Ok(format!("there is no message {id}{why}: `message list` shows all"))
}

/// The words for a row that changed between the look and the change.
fn changed_meanwhile(store: &mut Store, id: i64) -> ComposeResult<ComposeError> {
    let status = existing(store, id)?.status.to_string();
    Ok(ComposeError::Changed(Reason::MessageChanged { message_id: id, status }.into()))
}
