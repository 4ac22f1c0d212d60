//! What gets a number banned, said before it happens. Pure.

use std::fmt;

use crate::send_window::Day;

/// To fewer strangers nobody minds the same words, or a link.
const SAME_TEXT_FROM: u64 = 50;
const LINK_FROM: u64 = 10;
/// A day with fewer sends is no leap, whatever came before.
const LEAP_FROM: u64 = 60;
const LEAP: u64 = 3;
/// A few at night are answers to people who are awake.
const NIGHT_FROM: u64 = 10;
/// From this hour until before that one people sleep.
const NIGHT: (u8, u8) = (22, 6);

/// What a forecast counts of a message for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Of those that get it: how many never wrote to us; `None` when nobody tells us of those who write.
    pub(super) strangers: Option<u64>,
    /// How many get it at night.
    pub(super) at_night: u64,
    /// Its first day; how many get it then, and how many its channel sent on the day before that.
    pub(super) first_day: Option<Day>,
    pub(super) on_first_day: u64,
    pub(super) day_before: u64,
    /// Whether the text is not the same for everybody, and whether it has a link.
    pub(super) varies: bool,
    pub(super) has_link: bool,
}

/// A risk for the number that sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Risk {
    SameText { strangers: u64 },
    LinkToStrangers { strangers: u64 },
    Leap { count: u64, day_before: u64 },
    Night { count: u64 },
}

impl Risk {
    /// The stable name that programs read.
    pub const fn code(self) -> &'static str {
        match self {
            Self::SameText { .. } => "risk_same_text",
            Self::LinkToStrangers { .. } => "risk_link",
            Self::Leap { .. } => "risk_leap",
            Self::Night { .. } => "risk_night",
        }
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameText { strangers } => write!(
                f,
                "{strangers} people who never wrote to you get the same text: let it vary with {{{{pilih: … | …}}}}, or write to fewer"
            ),
            Self::LinkToStrangers { strangers } => write!(
                f,
                "{strangers} people who never wrote to you get a link: leave it out until they answer"
            ),
            Self::Leap { count, day_before } => write!(
                f,
                "{count} in a day, after {day_before} the day before: let the number grow into it, with a daily limit or `channel edit --warmup`"
            ),
            Self::Night { count } => write!(
                f,
                "{count} go out between {}:00 and {}:00: give the channel hours, such as 07:00-21:00",
                NIGHT.0, NIGHT.1
            ),
        }
    }
}

/// Whether people sleep at this hour of the day.
pub(super) fn is_night(hour: u8) -> bool {
    hour >= NIGHT.0 || hour < NIGHT.1
}

/// Whether a text names a page.
pub(super) fn has_link(text: &str) -> bool {
    let text = text.to_lowercase();
    ["http://", "https://", "www.", "wa.me/", "bit.ly/"].iter().any(|sign| text.contains(sign))
}

/// The risks of a message.
pub(super) fn risks(counted: Counted) -> Vec<Risk> {
    let Counted { strangers, at_night, on_first_day, day_before, varies, has_link, .. } = counted;
    let strangers = strangers.unwrap_or(0);
    let leaps = on_first_day >= LEAP_FROM && on_first_day > LEAP * day_before;
    [
        (strangers >= SAME_TEXT_FROM && !varies).then_some(Risk::SameText { strangers }),
        (strangers >= LINK_FROM && has_link).then_some(Risk::LinkToStrangers { strangers }),
        leaps.then_some(Risk::Leap { count: on_first_day, day_before }),
        (at_night >= NIGHT_FROM).then_some(Risk::Night { count: at_night }),
    ]
    .into_iter()
    .flatten()
    .collect()
}
