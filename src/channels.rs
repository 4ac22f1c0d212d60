//! Channels as people see and change them: how each one stands and why, and what may be done with it.
//! For every front end alike; it prints nothing and changes nothing that is on its way.

mod all;
mod availability;
mod line;
mod session;
mod view;

use std::time::Duration;

use crate::clock::Timestamp;
use crate::config::Config;
use crate::delivery::HoldKind;
use crate::reason::{Explanation, Reason};
use crate::send_window::{DAILY_LIMIT_MAX, Day, RECIPIENT_GAP_HOURS_MAX, SendWindow, WindowError};
use crate::store::{Channel, CheckTurn, Message, SqlResult, Stop, Store, StoreError, Tx};

pub(crate) use all::{count_paused_with_all, pause_all, resume_all};
pub use availability::{Availability, HoldEnds, Off, availability};
pub(crate) use availability::{hold_ends, look, ready_at, rests, usable};
pub use line::Line;
pub(crate) use line::{Comer, Lines, Sent, is_too_late};
pub use session::Sessions;
pub(crate) use session::{Code, Looked, note_look, note_number};
pub(crate) use view::{ChannelView, State, WarningView, WeekView, ask_waha, list, one};

/// The channel of messages that name none: `auto_messages.channel_id` has it as its default.
pub(crate) const DEFAULT_CHANNEL: i64 = 1;
const NAME_CHARS_MAX: usize = 100;

#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// It cannot be done: the thing and the remedy, in words.
    #[error("{0}")]
    Refused(Explanation),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Reason> for Stop<ChannelError> {
    fn from(why: Reason) -> Self {
        Self::Refused(ChannelError::Refused(why.into()))
    }
}

/// A change of a channel; `None` leaves a column as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    pub name: Option<String>,
    pub session: Option<String>,
    pub window: Option<OwnWindow>,
    pub daily_limit: Option<OwnLimit>,
    /// `Some(None)` ends a warm-up.
    pub warmup_from: Option<Option<Day>>,
    pub recipient_gap: Option<OwnGap>,
}

/// A channel's own hours, or the setting's: `default`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnWindow(pub(crate) Option<SendWindow>);

/// A channel's own limit (0 for none), or the setting's: `default`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnLimit(pub(crate) Option<u32>);

/// Hours between two messages to a chat of a channel's or a message's own (0 for none), or `default`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnGap(pub(crate) Option<u32>);

impl OwnGap {
    pub(crate) fn of(hours: u32) -> Self {
        Self(Some(hours))
    }

    pub(crate) fn column(self) -> Option<i64> {
        self.0.map(i64::from)
    }
}

impl std::str::FromStr for OwnWindow {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        match text.trim() {
            word if word.eq_ignore_ascii_case("default") => Ok(Self(None)),
            "" => Err(WindowError::Window(String::new())),
            hours => Ok(Self(Some(SendWindow::parse(hours)?))),
        }
    }
}

/// A number up to `most`, or `default`; `unit` is what it counts, for the refusal.
fn own_number(text: &str, most: u32, unit: &str) -> Result<Option<u32>, String> {
    if text.trim().eq_ignore_ascii_case("default") {
        return Ok(None);
    }
    let number = text.trim().parse().ok().filter(|number| *number <= most);
    number.map(Some).ok_or_else(|| format!("write 1 to {most}{unit}, or default"))
}

impl std::str::FromStr for OwnLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        own_number(text, DAILY_LIMIT_MAX, ", 0 for no limit").map(Self)
    }
}

impl std::str::FromStr for OwnGap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        own_number(text, RECIPIENT_GAP_HOURS_MAX, " hours, 0 for none").map(Self)
    }
}

/// The channel by which a message stands or falls before any recipient is looked at: its own; of several the
/// first that can send at all, because the others are left out.
pub(crate) fn sender_of(tx: &Tx<'_>, message: &Message) -> SqlResult<Option<Channel>> {
    for id in message.several().unwrap_or_default() {
        let channel = tx.channel(id)?;
        if usable(channel.as_ref()).is_ok() {
            return Ok(channel);
        }
    }
    tx.channel(message.channel_id)
}

/// The turn of its pace that `channel` takes at `now` for a question to WhatsApp, whether a number is there: like a
/// send, but for the daily limit, which it does not count for. `chance` in 0..=1 says how long of what is at random;
/// with it comes the time until the next turn.
pub(crate) fn check_turn<'a>(
    channel: &'a Channel,
    session: &'a str,
    config: &Config,
    now: Timestamp,
    chance: f64,
) -> Result<(CheckTurn<'a>, Duration), WindowError> {
    let allowance = channel.allowance(config.allowance, &config.zone)?;
    let (sends_since_rest, rests) = config.rest_after(channel.sends_since_rest);
    let gap = config.gap_after(rests, chance);
    let day = Day::of(&config.zone, now);
    let turn = CheckTurn {
        channel_id: channel.id,
        session,
        seen_ready_at: channel.ready_at,
        seen_warmup_from: channel.warmup_from.as_deref(),
        ready_at: now.plus(gap).ceil_to_second(),
        warmup_from: allowance.warmup.map(|warmup| warmup.first_day_as_of(day)),
        sends_since_rest,
        rests,
    };
    Ok((turn, gap))
}

pub fn add(
    store: &mut Store,
    name: &str,
    session: &str,
    edit: &Edit,
    now: Timestamp,
) -> Result<i64, ChannelError> {
    let edit =
        Edit { name: Some(name.to_owned()), session: Some(session.to_owned()), ..edit.clone() };
    store.write_or_refuse(|tx| {
        let wanted = edited(Channel::default(), &edit)?;
        not_taken(tx, &wanted)?;
        Ok(tx.add_channel(&wanted, now)?)
    })
}

/// Changes a channel; returns it as it was.
pub fn edit(
    store: &mut Store,
    channel: &str,
    edit: &Edit,
    now: Timestamp,
) -> Result<Channel, ChannelError> {
    if *edit == Edit::default() {
        let what = "--name, --session, --window, --daily-limit, --recipient-gap or --warmup";
        return Err(ChannelError::Refused(format!("nothing to change: give {what}").into()));
    }
    on_channel(store, channel, |tx, was| {
        let wanted = edited(was.clone(), edit)?;
        not_taken(tx, &wanted)?;
        Ok(tx.set_channel(&wanted, now)?)
    })
}

/// Stops a channel until [`resume`]; its messages wait. Returns it as it was.
pub fn pause(
    store: &mut Store,
    channel: &str,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<Channel, ChannelError> {
    let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
    pause_because(store, channel, &reason.unwrap_or("paused").into(), now)
}

/// The same for a reason that the program knows.
pub(crate) fn pause_because(
    store: &mut Store,
    channel: &str,
    reason: &Explanation,
    now: Timestamp,
) -> Result<Channel, ChannelError> {
    change(store, channel, |tx, was| tx.pause_channel(was.id, reason, now))
}

/// Frees a channel, whoever held it, and makes it active. Returns it as it was.
pub fn resume(store: &mut Store, channel: &str, now: Timestamp) -> Result<Channel, ChannelError> {
    change(store, channel, |tx, was| tx.resume_channel(was.id, now))
}

/// Says that the number which a channel's session has now is the right one: the channel sends from it
/// from now on. Returns the channel as it was; it had no `other_number` when there was nothing to
/// confirm.
pub fn confirm(store: &mut Store, channel: &str, now: Timestamp) -> Result<Channel, ChannelError> {
    change(store, channel, |tx, was| tx.confirm_number(was.id, now).map(drop))
}

/// When the program will hold a channel again that was just freed, in words.
pub(crate) fn held_again(kind: Option<HoldKind>) -> &'static str {
    match kind {
        None => "the program holds it only when WAHA has trouble with it",
        Some(HoldKind::Session) => {
            "the program holds it again while its session in WAHA is not WORKING"
        }
        Some(HoldKind::Unreachable) => "the program holds it again while WAHA cannot be reached",
        Some(HoldKind::Misconfigured) => {
            "the program holds it again at its next send unless the cause is mended"
        }
        Some(HoldKind::RateLimited) => {
            "the program holds it again when WAHA answers 429; a hold like this is better waited for"
        }
        Some(HoldKind::OtherNumber) => {
            "the program holds it again at its next look unless the session has the number from before; \
             `channel confirm` says that the new one is right"
        }
        Some(HoldKind::Breaker) => {
            "the program holds it again when WhatsApp shows displeasure once more: send less, and only to \
             people who know the number"
        }
        Some(HoldKind::Restricted) => {
            "the program holds it for a day at the next error 463; WhatsApp may ban a number that \
             goes on sending"
        }
    }
}

/// Removes a channel that nothing uses; what it sent stays on record. Returns it as it was.
pub fn remove(store: &mut Store, channel: &str) -> Result<Channel, ChannelError> {
    on_channel(store, channel, |tx, was| match why_it_stays(tx, was)? {
        Some(why) => Err(why.into()),
        None => Ok(tx.remove_channel(was.id)?),
    })
}

pub(crate) fn why_it_stays(tx: &Tx<'_>, channel: &Channel) -> SqlResult<Option<Reason>> {
    let (channel_id, name) = (channel.id, channel.name.clone());
    if channel_id == DEFAULT_CHANNEL {
        return Ok(Some(Reason::ChannelDefaultStays { channel: name }));
    }
    Ok(match tx.channel_uses(channel_id)? {
        (0, 0, 0) => None,
        (0, 0, deliveries) => {
            Some(Reason::ChannelHasUnknown { channel_id, channel: name, deliveries })
        }
        (0, deliveries, _) => {
            Some(Reason::ChannelHasDeliveries { channel_id, channel: name, deliveries })
        }
        (messages, ..) => Some(Reason::ChannelHasMessages { channel_id, channel: name, messages }),
    })
}

/// Changes a channel that is not held because the database is a copy. Returns it as it was.
fn change(
    store: &mut Store,
    channel: &str,
    work: impl FnOnce(&Tx<'_>, &Channel) -> SqlResult<()>,
) -> Result<Channel, ChannelError> {
    on_channel(store, channel, |tx, was| {
        if tx.is_held_as_copy(was.id)? {
            return Err(Reason::DatabaseIsCopy.into());
        }
        Ok(work(tx, was)?)
    })
}

/// Finds a channel and does `work`, which may refuse, in one transaction. Returns the channel as it was.
fn on_channel(
    store: &mut Store,
    channel: &str,
    work: impl FnOnce(&Tx<'_>, &Channel) -> Result<(), Stop<ChannelError>>,
) -> Result<Channel, ChannelError> {
    store.write_or_refuse(|tx| {
        let was = find_in(tx, channel)?;
        work(tx, &was)?;
        Ok(was)
    })
}

/// The channel with this id, or else with this name.
pub(crate) fn find(store: &mut Store, channel: &str) -> Result<Channel, ChannelError> {
    store.read_or_refuse(|tx| find_in(tx, channel))
}

fn find_in(tx: &Tx<'_>, text: &str) -> Result<Channel, Stop<ChannelError>> {
    let mut channels = tx.channels()?;
    let text = text.trim();
    if let Some(place) = channels.iter().position(|channel| channel.id.to_string() == text) {
        return Ok(channels.swap_remove(place));
    }
    channels.retain(|channel| is_same(&channel.name, text));
    match channels.len() {
        1 => Ok(channels.swap_remove(0)),
        0 => Err(Reason::ChannelUnknown { channel: text.to_owned() }.into()),
        _ => Err(Reason::ChannelAmbiguous { channel: text.to_owned() }.into()),
    }
}

fn edited(mut channel: Channel, edit: &Edit) -> Result<Channel, Reason> {
    if let Some(name) = &edit.name {
        name.trim().clone_into(&mut channel.name);
        let is_number = channel.name.parse::<i64>().is_ok();
        if channel.name.is_empty() || channel.name.chars().count() > NAME_CHARS_MAX || is_number {
            return Err(Reason::ChannelNameBad);
        }
    }
    if let Some(session) = &edit.session {
        let session = session.trim();
        if session.is_empty() || session.chars().any(char::is_control) {
            return Err(Reason::ChannelNeedsSession);
        }
        channel.session_name = Some(session.to_owned());
    }
    if let Some(OwnWindow(window)) = edit.window {
        channel.send_window = window.map(|window| window.to_string());
    }
    if let Some(OwnLimit(limit)) = edit.daily_limit {
        channel.daily_limit = limit.map(i64::from);
    }
    if let Some(from) = edit.warmup_from {
        channel.warmup_from = from.map(|from| from.to_string());
    }
    if let Some(gap) = edit.recipient_gap {
        channel.recipient_gap_hours = gap.column();
    }
    Ok(channel)
}

/// Refuses a name or a session that another channel has.
fn not_taken(tx: &Tx<'_>, wanted: &Channel) -> Result<(), Stop<ChannelError>> {
    for other in tx.channels()?.into_iter().filter(|other| other.id != wanted.id) {
        let (channel_id, channel) = (other.id, other.name);
        if is_same(&channel, &wanted.name) {
            return Err(Reason::ChannelNameTaken { channel_id, channel }.into());
        }
        if let Some(session) = &wanted.session_name
            && other.session_name.as_ref() == Some(session)
        {
            let session = session.clone();
            return Err(Reason::ChannelSessionTaken { session, channel_id, channel }.into());
        }
    }
    Ok(())
}

fn is_same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}
