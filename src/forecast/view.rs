//! What a forecast says, as data: the command line and the panel show it.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::risks::{Counted, Risk};
use crate::channels::{Line, WarningView};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::delivery::{MessageStatus, Status};
use crate::messages::Warned;
use crate::reason::Explanation;
use crate::recipient;
use crate::send_window::{Gap, Rest};
use crate::store::Message;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "fate", rename_all = "snake_case")]
pub enum Fate<'a> {
    /// At about that time.
    GoesOut { at: Timestamp },
    /// It gets nothing, and there is a reason.
    Skipped { reason: &'a str },
    /// Its turn comes only after the late limit: it expires.
    TooLate,
    /// Its chat got another message less than so many hours before, and waiting would be too late: it
    /// expires.
    TooSoon { hours: u64 },
    /// Its channel cannot send at all.
    Waits { reason: &'a str },
    /// A request to WAHA is out.
    InFlight,
    /// It came to its end before.
    Ended { status: Status, at: Option<Timestamp>, error: Option<&'a str> },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecipientForecast<'a> {
    pub message_id: i64,
    pub(crate) contact_id: Option<i64>,
    pub(crate) name: Option<&'a str>,
    /// The chat id; for one that is skipped what was written.
    pub chat_id: &'a str,
    /// The channel that sends it; `None` for one that is skipped before it has one.
    pub channel_id: Option<i64>,
    /// The text that it gets; of what has ended the text that it got.
    pub text: Option<&'a str>,
    #[serde(flatten)]
    pub fate: Fate<'a>,
}

/// How many recipients, by what becomes of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub(crate) recipients: u64,
    pub goes_out: u64,
    /// They get nothing, and there is a reason.
    pub(crate) skipped: u64,
    /// Their turn would come after the late limit.
    pub too_late: u64,
    /// Their channel cannot send.
    pub(crate) waits: u64,
    /// They came to their end before, or a request is out.
    pub(crate) ended: u64,
    pub(crate) failing_messages: u64,
    pub(crate) begins_at: Option<Timestamp>,
    pub(crate) ends_at: Option<Timestamp>,
}

/// What a person should know of a message before it is too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// Some of its recipients come after the late limit.
    TooLate { in_time: u64, recipients: u64, too_late: u64 },
    /// It is due again before all of its recipients had their turn.
    DueAgain { in_time: u64, recipients: u64 },
    /// All get it this time, but each time later: a week holds fewer than it needs.
    FallsBehind { recipients: u64 },
}

impl Warning {
    /// The stable name that programs and translations read.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLate { .. } => "too_late",
            Self::DueAgain { .. } => "due_again",
            Self::FallsBehind { .. } => "falls_behind",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLate { in_time, recipients, too_late } => write!(
                f,
                "only about {in_time} of the {recipients} recipients get it in time, {too_late} come too late: raise \
                 LATE_LIMIT_HOURS, or make several messages on different days"
            ),
            Self::DueAgain { in_time, recipients } => write!(
                f,
                "only about {in_time} of the {recipients} recipients get it before it is due again: pace, hours and \
                 daily limit hold no more; send it to fewer, less often, or on several channels"
            ),
            Self::FallsBehind { recipients } => write!(
                f,
                "pace, hours and daily limit do not hold {recipients} recipients each time: the last ones get it later \
                 and later, then not at all; send it to fewer, less often, or on several channels"
            ),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MessageForecast {
    pub id: i64,
    pub(crate) title: Option<String>,
    /// The title, or how the text begins.
    pub(crate) label: String,
    pub(crate) status: MessageStatus,
    pub(crate) channel_id: i64,
    /// Those that share its recipients; one channel alone has no such key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel_ids: Option<Vec<i64>>,
    pub due_at: Option<Timestamp>,
    /// Why it fails as a whole when its time comes.
    pub fails: Option<Explanation>,
    pub remark: Option<String>,
    pub recipients: u64,
    pub tally: Tally,
    /// From the first send to the last.
    pub takes_secs: u64,
    /// The occurrence after this one.
    pub next_at: Option<Timestamp>,
    /// How many of those that get it do so only when it is due again.
    pub(crate) after_next: u64,
    /// How many wait because their chat got another message lately; how many would wait too long. They are among
    /// those that get it, and those that come too late.
    #[serde(skip_serializing_if = "is_none")]
    pub(crate) wait_for_gap: u64,
    #[serde(skip_serializing_if = "is_none")]
    pub(crate) too_soon: u64,
    /// How many of those that get it are checked first: each takes one more turn of its channel's pace.
    #[serde(skip_serializing_if = "is_none")]
    pub(crate) checked_first: u64,
    /// Whether nobody sent it in time, whatever the pace is.
    #[serde(skip)]
    pub(super) is_missed: bool,
    /// Whether each occurrence would end later than the one before.
    pub(crate) falls_behind: bool,
    /// What its risks are made of.
    #[serde(skip)]
    pub(super) counted: Option<Counted>,
    /// The file that goes to each recipient; a text alone has no such key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<PlannedFile>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// The file of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct PlannedFile {
    /// What the recipient sees as its name.
    pub(crate) filename: Option<String>,
    /// It is uploaded anew for each recipient.
    pub(crate) bytes: u64,
    pub(crate) mimetype: &'static str,
    /// So many seconds a request with it may take: WAHA_TIMEOUT_SECONDS, and MEDIA_TIMEOUT_SECONDS_PER_MB for
    /// each MB. How long it does take nobody knows before; the times of a plan do not count it.
    pub(crate) upload_seconds_max: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChannelForecast {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) blocked: Option<String>,
    /// Why it is held now. But for a hold that lasts its time, the forecast counts as if it were free.
    pub held_reason: Option<String>,
    /// Why it waits now though nothing is wrong: its hours, or its daily limit.
    pub(crate) closed: Option<String>,
    /// WhatsApp's warning of its number, while it halves the limit; the days after it count whole.
    pub(crate) warning: Option<WarningView>,
    /// When it may send after all that was looked at.
    pub(crate) free_at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct Forecast {
    pub(crate) now: Timestamp,
    /// Between two sends on a channel; the mean of the jitter is counted.
    pub(crate) gap: Gap,
    /// After so many sends a channel rests.
    pub(crate) rest: Option<Rest>,
    pub(crate) late_limit: Duration,
    /// Of all messages that were looked at.
    pub(crate) totals: Tally,
    pub messages: u64,
    /// How many later ones were not looked at.
    pub messages_left_out: u64,
    pub channels: Vec<ChannelForecast>,
}

impl RecipientForecast<'_> {
    /// `+62812…` of a person, else the chat id or what was written.
    pub(crate) fn number(&self) -> String {
        recipient::shown(self.chat_id)
    }
}

impl MessageForecast {
    pub(super) fn new(id: i64, seen: &Message, due_at: Timestamp) -> Self {
        let is_failed = seen.status == MessageStatus::Failed;
        Self {
            id,
            title: seen.title.clone(),
            label: seen.label(),
            status: seen.status,
            channel_id: seen.channel_id,
            channel_ids: seen.several(),
            due_at: Some(due_at),
            remark: seen.error.as_ref().filter(|_| is_failed).map(ToString::to_string),
            ..Self::default()
        }
    }

    pub fn risks(&self) -> Vec<Risk> {
        self.counted.as_ref().map(Counted::risks).unwrap_or_default()
    }

    /// How many of those that get it ever wrote to us; `None` when nobody tells us of those who write.
    pub fn known(&self) -> Option<u64> {
        self.counted
            .as_ref()
            .and_then(|one| one.strangers)
            .map(|strangers| self.tally.goes_out.saturating_sub(strangers))
    }

    pub fn warning(&self) -> Option<Warning> {
        let Tally { too_late, goes_out, skipped, ended, .. } = self.tally;
        // Who gets nothing however much time there is does not count as one that it was too short for.
        let recipients = self.recipients - skipped - ended;
        match (self.next_at, too_late, self.after_next) {
            (_, 0, 0) if self.falls_behind => Some(Warning::FallsBehind { recipients }),
            (_, 0, 0) => None,
            (next, ..) if next.is_none() || self.is_missed => {
                Some(Warning::TooLate { in_time: goes_out, recipients, too_late })
            }
            (_, _, after_next) => {
                Some(Warning::DueAgain { in_time: goes_out - after_next, recipients })
            }
        }
    }

    pub(crate) fn warned(&self) -> Vec<Warned> {
        let told = |warning: Warning| Warned::new(warning.code(), warning.to_string());
        let risks = self.risks().into_iter();
        let risks = risks.map(|risk| Warned::new(risk.code(), risk.to_string()));
        self.warning().map(told).into_iter().chain(risks).collect()
    }

    pub(super) fn count(&mut self, fate: &Fate<'_>) {
        self.recipients += 1;
        let tally = &mut self.tally;
        tally.recipients += 1;
        match fate {
            Fate::GoesOut { at } => {
                tally.goes_out += 1;
                self.after_next += u64::from(self.next_at.is_some_and(|next| *at >= next));
                tally.span(Some(*at), Some(*at));
            }
            Fate::Skipped { .. } => tally.skipped += 1,
            Fate::TooLate => tally.too_late += 1,
            Fate::TooSoon { .. } => {
                tally.too_late += 1;
                self.too_soon += 1;
            }
            Fate::Waits { .. } => tally.waits += 1,
            Fate::InFlight | Fate::Ended { .. } => tally.ended += 1,
        }
    }

    pub(super) fn finish(&mut self) {
        self.tally.failing_messages = u64::from(self.fails.is_some());
        if let (Some(first), Some(last)) = (self.tally.begins_at, self.tally.ends_at) {
            self.takes_secs = last.since(first).as_secs();
        }
    }
}

impl Tally {
    pub(super) fn add(&mut self, message: &MessageForecast) {
        let other = message.tally;
        self.recipients += other.recipients;
        self.goes_out += other.goes_out;
        self.skipped += other.skipped;
        self.too_late += other.too_late;
        self.waits += other.waits;
        self.ended += other.ended;
        self.failing_messages += other.failing_messages;
        self.span(other.begins_at, other.ends_at);
    }

    fn span(&mut self, from: Option<Timestamp>, until: Option<Timestamp>) {
        self.begins_at = self.begins_at.into_iter().chain(from).min();
        self.ends_at = self.ends_at.max(until);
    }
}

impl ChannelForecast {
    pub(super) fn new(id: i64, line: &Line, config: &Config) -> Self {
        Self {
            id,
            name: line.channel.as_ref().map(|channel| channel.name.clone()).unwrap_or_default(),
            blocked: line.next(config, line.ready).err(),
            held_reason: line.held.as_ref().map(|held| held.reason.to_string()),
            closed: line.closed_at_first.clone(),
            warning: line.warning.clone(),
            free_at: line.ready,
        }
    }
}
