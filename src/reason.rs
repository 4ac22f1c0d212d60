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

    // --- recipients ---
    /// `all` names nobody.
    NobodyAtAll,
    /// The contact was removed from the address book while its delivery waited.
    ContactRemoved,
    /// The contact's number was corrected to one that gets this occurrence already.
    NumberServed,

    // --- channels ---
    /// The channel was removed while its deliveries waited.
    ChannelRemoved {
        /// Its id.
        channel_id: i64,
    },
    /// Another phone scanned the code of the channel's session.
    OtherNumber {
        /// The channel's name.
        channel: String,
        /// The session.
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
        /// Such as `/dashboard`.
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
    // --- clocks ---
    /// This machine's clock and WAHA's are too far apart.
    ClocksDiffer {
        /// This machine's.
        ours: Timestamp,
        /// WAHA's.
        theirs: Timestamp,
    },
    /// The clock was last believed too long ago, and WAHA does not answer.
    ClockUnsure {
        /// When it was believed.
        since: Timestamp,
    },
}

impl Reason {
    /// The stable name that programs and translations read.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NobodyAtAll => "nobody_at_all",
            Self::ScheduleOver => "schedule_over",
            Self::ContactRemoved => "contact_removed",
            Self::NumberServed => "number_served",
            Self::ChannelRemoved { .. } => "channel_removed",
            Self::OtherNumber { .. } => "other_number",
            Self::NoLid => "no_lid",
            Self::UrlHasPath { .. } => "url_has_path",
            Self::NoTlsThere { .. } => "no_tls_there",
            Self::TlsThere { .. } => "tls_there",
            Self::OnlyDefaultSession { .. } => "only_default_session",
            Self::ClocksDiffer { .. } => "clocks_differ",
            Self::ClockUnsure { .. } => "clock_unsure",
        }
    }
}

/// The English sentence.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NobodyAtAll => f.write_str(
                "there is no contact who has not opted out: `contact import` or `contact add` makes some",
            ),
            Self::ScheduleOver => f.write_str(
                "its schedule has no time left: nothing more of it is sent; give it a new one to go on",
            ),
            Self::ContactRemoved => f.write_str("the contact was removed from the address book"),
            Self::NumberServed => {
                f.write_str("the contact has a number now that gets this message already")
            }
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
        }
    }
}

/// A name as one word of a command.
fn word(name: &str) -> String {
    let is_word =
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
    if is_word { name.to_owned() } else { format!("\"{name}\"") }
}
