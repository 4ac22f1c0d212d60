//! Why something did not happen: a value with a code and parameters, and a text in English for the
//! `error` and `held_reason` columns.
//!
//! Nobody reads a sentence to decide: code compares the variant, programs the code.

use std::fmt;

use crate::clock::Timestamp;

/// Why a message, a delivery or a channel is not where a person would expect it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    // --- schedules ---
    /// An edit left the schedule of a message nothing more to send.
    ScheduleOver,

    // --- texts ---
    /// The text holds a NUL character, at which WhatsApp's own programs may cut it off.
    NulInText,

    // --- recipients ---
    NobodyAtAll,
    /// The contact was removed from the address book while its delivery waited.
    ContactRemoved,
    /// The contact's number was corrected to one that gets this occurrence already.
    NumberServed,

    // --- backups ---
    /// The message was given another time after the backup was made that was restored, and was sent then.
    SentSinceBackup,

    // --- channels ---
    /// The channel was removed while its deliveries waited.
    ChannelRemoved {
        channel_id: i64,
    },
    /// Another phone scanned the code of the channel's session.
    OtherNumber {
        channel: String,
        session: String,
        /// The channel's number, as `+6281234567890`.
        known: String,
        /// The number that the session has now.
        seen: String,
    },

    // --- what WAHA said ---
    /// WhatsApp does not resolve the number (GOWS answers 500 for it; nothing was sent).
    NoLid,
    /// WAHA_BASE_URL has a path at which there is no WAHA.
    UrlHasPath {
        path: String,
        /// The URL without it.
        origin: String,
    },
    /// WAHA_BASE_URL begins with https, and plain http is spoken there.
    NoTlsThere {
        /// The URL with http.
        url: String,
    },
    /// WAHA_BASE_URL begins with http, and https is spoken there.
    TlsThere {
        /// The URL with https.
        url: String,
    },
    /// WAHA CORE has only the session `default`.
    OnlyDefaultSession {
        /// The session that was asked for.
        session: String,
    },
    /// This WAHA, its tier or its engine has no such feature: whoever the recipient is.
    NotOffered {
        /// WAHA's own words, shortened; may be empty.
        words: String,
    },
    /// A session takes messages, and WhatsApp's server does not get them.
    SessionStuck {
        count: u64,
        /// Whether an ack of WhatsApp's server ever came.
        has_acks: bool,
    },
    /// WAHA answers, and does not tell what became of a message.
    LookUpRefused {
        /// Its status, or what it says in place of an answer.
        what: String,
        /// WAHA's own words, shortened; may be empty.
        words: String,
    },
    /// WAHA cannot be reached, so nothing is known of a message.
    LookUpAway {
        cause: String,
    },
    /// The channel has no session that could be asked what became of a message.
    LookUpWithoutSession,
    /// A look-up found nothing, and WAHA's clock differs from ours.
    WahaClockAhead {
        /// How many seconds WAHA's clock is ahead of ours; negative when it is behind.
        ahead_secs: i64,
    },
    /// WhatsApp refused the message: an ack of -1, in WAHA's answer or in an event after it.
    Refused,
    // --- clocks ---
    /// This machine's clock and WAHA's are too far apart.
    ClocksDiffer {
        ours: Timestamp,
        theirs: Timestamp,
    },
    /// The clock was last believed too long ago, and WAHA does not answer.
    ClockUnsure {
        /// When it was believed.
        since: Timestamp,
    },
}

/// No ack ever came: then the events may be what is wrong.
const NO_ACKS: &str = " (if they did arrive, its webhook lacks the event message.ack)";

impl Reason {
    /// The stable name that programs and translations read.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::NobodyAtAll => "nobody_at_all",
            Self::ScheduleOver => "schedule_over",
            Self::NulInText => "nul_in_text",
            Self::ContactRemoved => "contact_removed",
            Self::NumberServed => "number_served",
            Self::SentSinceBackup => "sent_since_backup",
            Self::ChannelRemoved { .. } => "channel_removed",
            Self::OtherNumber { .. } => "other_number",
            Self::NoLid => "no_lid",
            Self::UrlHasPath { .. } => "url_has_path",
            Self::NoTlsThere { .. } => "no_tls_there",
            Self::TlsThere { .. } => "tls_there",
            Self::OnlyDefaultSession { .. } => "only_default_session",
            Self::ClocksDiffer { .. } => "clocks_differ",
            Self::ClockUnsure { .. } => "clock_unsure",
            Self::NotOffered { .. } => "not_offered",
            Self::SessionStuck { .. } => "session_stuck",
            Self::LookUpRefused { .. } => "look_up_refused",
            Self::LookUpAway { .. } => "look_up_away",
            Self::LookUpWithoutSession => "look_up_without_session",
            Self::WahaClockAhead { .. } => "waha_clock_ahead",
            Self::Refused => "refused",
        }
    }
}

/// The English sentence.
impl fmt::Display for Reason {
    #[expect(clippy::too_many_lines, reason = "a table: one arm for each reason")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NobodyAtAll => f.write_str(
                "there is no contact who has not opted out: `contact import` or `contact add` makes some",
            ),
            Self::ScheduleOver => f.write_str(
                "its schedule has no time left: nothing more of it is sent; give it a new one to go on",
            ),
            Self::NulInText => f.write_str("the text holds a NUL character: save it as plain text"),
            Self::ContactRemoved => f.write_str("the contact was removed from the address book"),
            Self::NumberServed => {
                f.write_str("the contact has a number now that gets this message already")
            }
            Self::SentSinceBackup => f.write_str(
                "a backup was restored, after which this was sent at another time: `message resume` sends it once more",
            ),
            Self::ChannelRemoved { channel_id } => {
                write!(
                    f,
                    "channel {channel_id} was removed: set channel_id to one that is there, and retry"
                )
            }
            Self::OtherNumber { channel, session, known, seen } => write!(
                f,
                "session `{session}` is now {seen} and was {known}: if the new number is right, \
                 say `channel confirm {0}`; if not, scan the code with the old one and say \
                 `channel resume {0}`",
                word(channel)
            ),
            Self::NoLid => f.write_str("WhatsApp does not resolve this number (no LID found)"),
            Self::UrlHasPath { path, origin } => write!(
                f,
                "WAHA_BASE_URL has the path `{path}`, and WAHA does not answer there: write \
                 WAHA_BASE_URL={origin}"
            ),
            Self::NoTlsThere { url } => write!(
                f,
                "WAHA cannot be reached: WAHA_BASE_URL begins with https, but plain http is spoken \
                 there: write WAHA_BASE_URL={url}"
            ),
            Self::TlsThere { url } => write!(
                f,
                "WAHA_BASE_URL begins with http, but https is spoken there: write WAHA_BASE_URL={url}"
            ),
            Self::OnlyDefaultSession { session } => write!(
                f,
                "this WAHA is the CORE edition, which has no session `{session}`, only `default`: give \
                 the channel that session (`channel edit --session default`), or use WAHA Plus"
            ),
            Self::ClocksDiffer { ours, theirs } => write!(
                f,
                "this machine's clock said {ours} when WAHA's said {theirs}: nothing is sent and \
                 nothing expires before they agree; set the wrong one"
            ),
            Self::ClockUnsure { since } => write!(
                f,
                "nothing ran since {since}, so this machine's clock may be wrong, and WAHA does not \
                 answer with its own: nothing is sent and nothing expires before it does"
            ),
            Self::NotOffered { words } => {
                f.write_str("this WAHA cannot send it, to nobody")?;
                if words.is_empty() { Ok(()) } else { write!(f, ": {words}") }
            }
            Self::SessionStuck { count, has_acks } => {
                write!(
                    f,
                    "{count} messages have not reached WhatsApp's server: restart the session"
                )?;
                if *has_acks { Ok(()) } else { f.write_str(NO_ACKS) }
            }
            Self::LookUpRefused { what, words } => {
                write!(f, "WAHA does not tell what became of it, it answered {what}")?;
                if words.is_empty() { Ok(()) } else { write!(f, ": {words}") }
            }
            Self::LookUpAway { cause } => write!(f, "WAHA cannot be reached: {cause}"),
            Self::LookUpWithoutSession => {
                f.write_str("its channel has no session that could be asked")
            }
            Self::WahaClockAhead { ahead_secs } => {
                let side = if *ahead_secs < 0 { "behind" } else { "ahead of" };
                let secs = ahead_secs.unsigned_abs();
                write!(f, "WAHA's clock is {secs} s {side} ours: set both, best by NTP")
            }
            Self::Refused => {
                f.write_str("WhatsApp refused it after WAHA had accepted it (ack ERROR)")
            }
        }
    }
}

/// A name as one word of a command.
fn word(name: &str) -> String {
    let is_word =
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
    if is_word { name.to_owned() } else { format!("\"{name}\"") }
}
