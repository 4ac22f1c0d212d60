//! Deliveries: their statuses, what can become of a send ([`Outcome`]), and what follows from it
//! ([`Outcome::transition`], [`Counts::verdict`]). Pure: no SQL, no network, no clock.
//!
//! `message_id` reads WAHA's ids, and `evidence` says what its events prove.

mod evidence;
mod message_id;

use std::time::Duration;

use crate::clock::Timestamp;
use crate::reason::{Missed, Reason, SessionStatus};
use crate::text_enum::text_enum;

pub use evidence::{Ack, Weighed, weigh};
pub use message_id::{MessageId, is_bare_id};

text_enum! {
    /// The state of one delivery, as `deliveries.status` holds it.
    pub enum Status {
        /// Waits for its turn.
        Pending = "pending",
        /// Claimed: a request to WAHA may be under way.
        Sending = "sending",
        /// WAHA accepted it and gave an id.
        Sent = "sent",
        /// WAHA refused it for good.
        Failed = "failed",
        /// Never to be sent: the recipient is not valid.
        Skipped = "skipped",
        /// A request may have reached WAHA; nobody knows.
        Unknown = "unknown",
        /// It was still pending when its time had long passed.
        Expired = "expired",
        /// A person cancelled it before it went out.
        Cancelled = "cancelled",
    }
}

text_enum! {
    /// The state of a message, as `auto_messages.status` holds it.
    #[derive(Default)]
    pub enum MessageStatus {
        /// It waits for a person.
        #[default]
        Draft = "draft",
        Scheduled = "scheduled",
        /// Its deliveries are planned, and some have not ended.
        Sending = "sending",
        /// At least one recipient got it.
        Sent = "sent",
        /// No recipient is known to have got it.
        Failed = "failed",
        Cancelled = "cancelled",
    }
}

impl MessageStatus {
    /// Whether nothing more of it goes out, unless a person wants that.
    pub(crate) const fn has_ended(self) -> bool {
        match self {
            Self::Draft | Self::Scheduled | Self::Sending => false,
            Self::Sent | Self::Failed | Self::Cancelled => true,
        }
    }
}

/// What became of one request to send. Data, never an error: WAHA failing is normal life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// WAHA accepted it. The id is the bare one: no chat, no participant.
    Sent { waha_message_id: String },
    /// It did not go out, by no fault of the message: the channel is held, the delivery pending again.
    Deferred(Hold),
    /// WAHA refused this message for good.
    Failed { reason: Reason },
    /// WAHA accepted it and said at once that WhatsApp did not (ack -1). It stands like one that an
    /// event refused: a higher ack proves the contrary.
    Refused { waha_message_id: String },
    /// This WAHA cannot send such a message to anybody: nobody's delivery of it is to be tried.
    NotOffered { reason: Reason },
    /// WhatsApp restricted the account (error 463): failed, and the channel is held.
    Restricted,
    /// It may have gone out. Only a look-up or a person can tell.
    Unknown { reason: Reason },
}

/// What an outcome does to its delivery and its channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transition {
    pub(crate) status: Status,
    /// Whether the attempt counts. It does not when the session was in no state to send.
    pub(crate) counts_attempt: bool,
    /// `None` when it was sent.
    pub(crate) error: Option<Reason>,
    /// For `deliveries.ack`, when the outcome tells it.
    pub(crate) ack: Option<Ack>,
    pub(crate) hold: Option<Hold>,
}

impl Outcome {
    /// What this outcome does to a delivery that is `sending`.
    pub(crate) fn transition(&self) -> Transition {
        match self {
            Self::Sent { .. } => Transition::ended(Status::Sent, None, None),
            Self::Deferred(hold) => Transition {
                status: Status::Pending,
                counts_attempt: hold.kind == HoldKind::Unreachable,
                error: Some(hold.reason.clone()),
                ack: None,
                hold: Some(hold.clone()),
            },
            Self::Failed { reason } | Self::NotOffered { reason } => {
                Transition::ended(Status::Failed, Some(reason.clone()), None)
            }
            Self::Refused { .. } => Transition {
                ack: Some(Ack::Error),
                ..Transition::ended(Status::Failed, Some(Reason::Refused), None)
            },
            Self::Restricted => {
                let hold = Hold::new(HoldKind::Restricted, Reason::Restricted);
                Transition::ended(Status::Failed, Some(Reason::Restricted), Some(hold))
            }
            Self::Unknown { reason } => {
                Transition::ended(Status::Unknown, Some(reason.clone()), None)
            }
        }
    }
}

impl Transition {
    fn ended(status: Status, error: Option<Reason>, hold: Option<Hold>) -> Self {
        Self { status, counts_attempt: true, error, ack: None, hold }
    }
}

/// Why a channel may not send for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub kind: HoldKind,
    /// Never a recipient's number, a text or a key. The channel's own numbers are there in full when
    /// they are the reason: a person must know them again. Logs and alerts mask them.
    pub reason: Reason,
    /// What WAHA asked for, with a 429.
    pub(crate) retry_after: Option<RetryAfter>,
}

text_enum! {
    /// The sorts of trouble that hold a channel, as `channels.held_kind` has them.
    pub enum HoldKind {
        /// WAHA cannot be reached: refused, DNS, TLS, connect time-out.
        Unreachable = "unreachable",
        /// The session is not WORKING, unknown, locked or capped.
        Session = "session",
        /// 429: too many requests.
        RateLimited = "rate_limited",
        /// 401, 403, a redirect or a wrong path: the settings are wrong.
        Misconfigured = "misconfigured",
        /// 463: WhatsApp restricted the account.
        Restricted = "restricted",
        /// The session has another number than the channel.
        OtherNumber = "other_number",
        /// WhatsApp showed displeasure, more than once.
        Breaker = "breaker",
    }
}

impl HoldKind {
    /// Whether only a person ends the hold, however the session looks and however long it lasts.
    pub(crate) fn is_freed_by_a_person(self) -> bool {
        matches!(self, Self::OtherNumber | Self::Breaker)
    }

    /// Whether the hold lasts its time even when the session looks well meanwhile.
    pub(crate) fn lasts_its_time(self) -> bool {
        matches!(self, Self::RateLimited | Self::Restricted)
    }

    /// Whether a person has to mend something, so that the log says it as an error.
    pub(crate) fn needs_a_person(self) -> bool {
        matches!(self, Self::Misconfigured | Self::Restricted | Self::OtherNumber | Self::Breaker)
    }
}

text_enum! {
    /// What WhatsApp says of a number before it caps it, as WAHA's `messageCapping` has it.
    pub enum CapWarning {
        First = "FIRST_WARNING",
        Second = "SECOND_WARNING",
    }
}

/// What WhatsApp does to a number that it does not like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Displeasure {
    /// Error 463, a time lock or a cap.
    Restricted,
    /// The session has lost its phone.
    LoggedOut,
}

/// The `Retry-After` of a 429, RFC 9110 section 10.2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetryAfter {
    /// So many seconds from the reply.
    Seconds(u64),
    At(Timestamp),
}

impl Hold {
    /// The longest hold of any kind that the program makes by itself.
    pub(crate) const LONGEST: Duration = Duration::from_hours(24);

    const GROWING_MINUTES: [u64; 5] = [1, 2, 5, 15, 60];
    const RATE_LIMIT_MIN: Duration = Duration::from_mins(1);
    const RATE_LIMIT_MAX: Duration = Duration::from_hours(6);

    pub(crate) fn new(kind: HoldKind, reason: Reason) -> Self {
        Self { kind, reason, retry_after: None }
    }

    /// The hold for a session whose `status` is not WORKING.
    pub fn not_working(session: &str, status: &str) -> Self {
        let status = SessionStatus(status.chars().take(40).collect());
        let session = session.to_owned();
        Self::new(HoldKind::Session, Reason::SessionNotWorking { session, status })
    }

    /// What WhatsApp shows by it, if anything: twice is too much.
    pub(crate) fn displeasure(&self) -> Option<Displeasure> {
        let is_lost = |status: &SessionStatus| status.0 == "SCAN_QR_CODE";
        if let Reason::Restricted | Reason::NumberLocked { .. } | Reason::NumberCapped { .. } =
            self.reason
        {
            return Some(Displeasure::Restricted);
        }
        matches!(&self.reason, Reason::SessionNotWorking { status, .. } if is_lost(status))
            .then_some(Displeasure::LoggedOut)
    }

    /// How long the hold lasts from `now`.
    ///
    /// `held_count` is how often the channel was held since its last success; `jitter` in 0..=1 adds
    /// up to a quarter, so that many channels do not come back in the same second. A rate limit is
    /// kept within 60 s to 6 h; a restriction lasts 24 h.
    pub(crate) fn length(&self, now: Timestamp, held_count: u32, jitter: f64) -> Duration {
        let grown = || {
            let step = usize::try_from(held_count).unwrap_or(usize::MAX);
            let step = step.min(Self::GROWING_MINUTES.len() - 1);
            let wait = Duration::from_secs(Self::GROWING_MINUTES[step] * 60);
            wait + wait.mul_f64(jitter.clamp(0.0, 1.0) / 4.0)
        };
        match self.kind {
            HoldKind::Unreachable | HoldKind::Session | HoldKind::Misconfigured => grown(),
            HoldKind::RateLimited => match self.retry_after {
                Some(RetryAfter::Seconds(secs)) => Duration::from_secs(secs),
                Some(RetryAfter::At(at)) => at.since(now),
                None => grown(),
            }
            .clamp(Self::RATE_LIMIT_MIN, Self::RATE_LIMIT_MAX),
            HoldKind::Restricted | HoldKind::OtherNumber | HoldKind::Breaker => Self::LONGEST,
        }
    }

    /// When the hold ends that begins at `now`; `None` when a person ends it. See [`Self::length`].
    pub(crate) fn until(&self, now: Timestamp, held_count: u32, jitter: f64) -> Option<Timestamp> {
        let is_timed = !self.kind.is_freed_by_a_person();
        is_timed.then(|| now.plus(self.length(now, held_count, jitter)))
    }
}

/// How the deliveries of one occurrence ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    pub sent: u64,
    pub failed: u64,
    pub skipped: u64,
    pub unknown: u64,
    pub expired: u64,
    pub cancelled: u64,
}

/// How a message ended, as `auto_messages.status` and `error` say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// At least one recipient got it.
    Sent,
    /// None did, or none is known to have.
    Failed { error: Reason },
}

impl Verdict {
    pub(crate) fn status(&self) -> MessageStatus {
        match self {
            Self::Sent => MessageStatus::Sent,
            Self::Failed { .. } => MessageStatus::Failed,
        }
    }

    pub(crate) fn error(&self) -> Option<&Reason> {
        match self {
            Self::Sent => None,
            Self::Failed { error } => Some(error),
        }
    }
}

impl Counts {
    /// One delivery of this status; nothing while it has not ended.
    pub(crate) fn of_one(status: Status) -> Self {
        let mut counts = Self::default();
        counts.of(status).into_iter().for_each(|count| *count = 1);
        counts
    }

    /// The count that a delivery of this status is in; none while it has not ended.
    pub(crate) fn of(&mut self, status: Status) -> Option<&mut u64> {
        match status {
            Status::Pending | Status::Sending => None,
            Status::Sent => Some(&mut self.sent),
            Status::Failed => Some(&mut self.failed),
            Status::Skipped => Some(&mut self.skipped),
            Status::Unknown => Some(&mut self.unknown),
            Status::Expired => Some(&mut self.expired),
            Status::Cancelled => Some(&mut self.cancelled),
        }
    }

    /// How many deliveries have ended.
    pub(crate) fn total(self) -> u64 {
        let Self { sent, failed, skipped, unknown, expired, cancelled } = self;
        sent + failed + skipped + unknown + expired + cancelled
    }

    /// `sent` when at least one recipient got it, else `failed` with the counts in words.
    pub(crate) fn verdict(self) -> Verdict {
        if self.sent > 0 {
            return Verdict::Sent;
        }
        let Self { failed, expired, unknown, skipped, cancelled, .. } = self;
        let is_nobody_valid = failed + expired + unknown + cancelled == 0;
        Verdict::Failed {
            error: if is_nobody_valid {
                Reason::NoneValid { skipped }
            } else {
                Reason::NoneGotIt {
                    counts: Missed { failed, expired, unknown, skipped, cancelled },
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn a_deferred_delivery_is_pending_again_and_its_channel_held() {
        let hold = Hold::new(HoldKind::Unreachable, Reason::NotFound);
        let transition = Outcome::Deferred(hold.clone()).transition();
        assert_eq!(transition.status, Status::Pending);
        assert!(transition.counts_attempt);
        assert_eq!(transition.hold, Some(hold));
    }

    #[test]
    fn trouble_with_the_session_counts_no_attempt() {
        let hold = Hold::not_working("toko", "SCAN_QR_CODE");
        assert!(!Outcome::Deferred(hold).transition().counts_attempt);
    }

    #[test]
    fn a_restricted_account_fails_the_delivery_and_holds_the_channel_for_a_day() {
        let transition = Outcome::Restricted.transition();
        assert_eq!(transition.status, Status::Failed);
        let hold = transition.hold.unwrap();
        assert_eq!(hold.length(at(0), 0, 1.0), Duration::from_hours(24));
        assert!(hold.kind.lasts_its_time());
    }

    #[test]
    fn holds_of_an_unreachable_waha_grow_from_one_minute_to_an_hour() {
        let hold = Hold::new(HoldKind::Unreachable, Reason::NotFound);
        let minutes: Vec<u64> =
            (0..7).map(|count| hold.length(at(0), count, 0.0).as_secs() / 60).collect();
        assert_eq!(minutes, [1, 2, 5, 15, 60, 60, 60]);
        assert_eq!(hold.length(at(0), 0, 1.0).as_secs(), 75, "jitter adds up to a quarter");
    }

    #[test]
    fn a_rate_limit_is_kept_between_a_minute_and_six_hours() {
        let length = |retry_after| {
            Hold { retry_after, ..Hold::new(HoldKind::RateLimited, Reason::TooManyRequests) }
                .length(at(1000), 0, 0.0)
                .as_secs()
        };
        assert_eq!(length(Some(RetryAfter::Seconds(5))), 60);
        assert_eq!(length(Some(RetryAfter::Seconds(600))), 600);
        assert_eq!(length(Some(RetryAfter::Seconds(u64::MAX))), 21_600);
        assert_eq!(length(Some(RetryAfter::At(at(1300)))), 300);
        assert_eq!(length(Some(RetryAfter::At(at(0)))), 60, "a date in the past");
        assert_eq!(length(None), 60);
    }

    #[test]
    fn one_recipient_is_enough_for_sent() {
        let counts = Counts { sent: 1, failed: 99, ..Counts::default() };
        assert_eq!(counts.verdict(), Verdict::Sent);
    }

    #[test]
    fn with_none_sent_the_error_says_how_many_are_unknown() {
        let counts = Counts { unknown: 3, skipped: 1, ..Counts::default() };
        let Verdict::Failed { error } = counts.verdict() else { panic!("sent?") };
        let error = error.to_string();
        assert!(error.contains("3 unknown, 1 skipped"), "{error}");
    }
}
