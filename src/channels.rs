//! Channels as people see and change them: how each one stands and why, and what may be done with it.
//! For every front end alike; it prints nothing and changes nothing that is on its way.

mod availability;
mod check;
mod line;
mod view;

use crate::clock::Timestamp;
use crate::delivery::HoldKind;
use crate::send_window::{DAILY_LIMIT_MAX, Day, RECIPIENT_GAP_HOURS_MAX, SendWindow, WindowError};
use crate::store::{Channel, Message, SqlResult, Store, StoreError, Tx};

pub use availability::{Availability, HoldEnds, Off, availability};
pub(crate) use availability::{hold_ends, look, ready_at, usable};
pub(crate) use check::check_turn;
pub use line::Line;
pub(crate) use line::{Lines, is_too_late};
pub(crate) use view::{ChannelView, State, WarningView, WeekView, ask_waha, list, one};

/// The channel of messages that name none: `auto_messages.channel_id` has it as its default.
pub(crate) const DEFAULT_CHANNEL: i64 = 1;
const NAME_CHARS_MAX: usize = 100;

/// What was asked for was not done.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// It cannot be done: the thing and the remedy, in words.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Store(#[from] StoreError),
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

    /// For the column.
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

impl std::str::FromStr for OwnLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().eq_ignore_ascii_case("default") {
            return Ok(Self(None));
        }
        match text.trim().parse() {
            Ok(limit) if limit <= DAILY_LIMIT_MAX => Ok(Self(Some(limit))),
            _ => Err(format!("write 1 to {DAILY_LIMIT_MAX}, 0 for no limit, or default")),
        }
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

impl std::str::FromStr for OwnGap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().eq_ignore_ascii_case("default") {
            return Ok(Self(None));
        }
        match text.trim().parse() {
            Ok(hours) if hours <= RECIPIENT_GAP_HOURS_MAX => Ok(Self(Some(hours))),
            _ => Err(format!("write 1 to {RECIPIENT_GAP_HOURS_MAX} hours, 0 for none, or default")),
        }
    }
}

/// Makes a channel and returns its id.
pub fn add(
    store: &mut Store,
    name: &str,
    session: &str,
    edit: &Edit,
    now: Timestamp,
) -> Result<i64, ChannelError> {
    let edit =
        Edit { name: Some(name.to_owned()), session: Some(session.to_owned()), ..edit.clone() };
    let wanted = edited(Channel::default(), &edit).map_err(ChannelError::Refused)?;
    write(store, |tx| {
        if let Some(why) = taken(tx, &wanted)? {
            return Ok(Err(why));
        }
        tx.add_channel(&wanted, now).map(Ok)
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
        return Err(ChannelError::Refused(format!("nothing to change: give {what}")));
    }
    on_channel(store, channel, |tx, was| {
        let wanted = match edited(was.clone(), edit) {
            Ok(wanted) => wanted,
            Err(why) => return Ok(Err(why)),
        };
        if let Some(why) = taken(tx, &wanted)? {
            return Ok(Err(why));
        }
        tx.set_channel(&wanted, now).map(Ok)
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
    change(store, channel, |tx, was| tx.pause_channel(was.id, reason.unwrap_or("paused"), now))
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
    on_channel(store, channel, |tx, was| {
        let name = &was.name;
        if was.id == DEFAULT_CHANNEL {
            return Ok(Err(format!(
                "channel 1 `{name}` is where messages without a channel go: pause or edit it instead"
            )));
        }
        let (messages, open, looked_up) = tx.channel_uses(was.id)?;
        let why = if messages > 0 {
            format!("{messages} messages use it: cancel them, or give them another channel")
        } else if open > 0 {
            format!("{open} deliveries wait for it: cancel their messages")
        } else if looked_up > 0 {
            format!(
                "{looked_up} unknown deliveries are still looked up through it: wait a day, or pause it"
            )
        } else {
            return tx.remove_channel(was.id).map(Ok);
        };
        Ok(Err(format!("channel {} `{name}` was not removed: {why}", was.id)))
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
            let why = "the database was copied or moved, and all channels are held for it: see \
                       `confirm-place`";
            return Ok(Err(why.to_owned()));
        }
        work(tx, was).map(Ok)
    })
}

/// Finds a channel and does `work`, which may refuse in words, in one transaction. Returns the channel
/// as it was.
fn on_channel(
    store: &mut Store,
    channel: &str,
    work: impl FnOnce(&Tx<'_>, &Channel) -> SqlResult<Result<(), String>>,
) -> Result<Channel, ChannelError> {
    write(store, |tx| match find_in(tx, channel)? {
        Ok(was) => Ok(work(tx, &was)?.map(|()| was)),
        Err(why) => Ok(Err(why)),
    })
}

/// The channel with this id, or else with this name.
pub(crate) fn find(store: &mut Store, channel: &str) -> Result<Channel, ChannelError> {
    store.read(|tx| find_in(tx, channel))?.map_err(ChannelError::Refused)
}

/// The same in a transaction.
fn find_in(tx: &Tx<'_>, text: &str) -> SqlResult<Result<Channel, String>> {
    let mut channels = tx.channels()?;
    let text = text.trim();
    if let Some(place) = channels.iter().position(|channel| channel.id.to_string() == text) {
        return Ok(Ok(channels.swap_remove(place)));
    }
    channels.retain(|channel| is_same(&channel.name, text));
    Ok(match channels.len() {
        1 => Ok(channels.swap_remove(0)),
        0 => Err(format!("there is no channel `{text}`: see `channel list`")),
        _ => Err(format!("several channels are called `{text}`: give the number instead")),
    })
}

fn edited(mut channel: Channel, edit: &Edit) -> Result<Channel, String> {
    let refused = |why: &str| Err(why.to_owned());
    if let Some(name) = &edit.name {
        name.trim().clone_into(&mut channel.name);
        let is_number = channel.name.parse::<i64>().is_ok();
        if channel.name.is_empty() || channel.name.chars().count() > NAME_CHARS_MAX || is_number {
            return refused("a channel's name is 1 to 100 characters, and not a number alone");
        }
    }
    if let Some(session) = &edit.session {
        let session = session.trim();
        if session.is_empty() || session.chars().any(char::is_control) {
            return refused(
                "a channel needs the name of its session in WAHA: give it with --session",
            );
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

/// Whose name or session that is already.
fn taken(tx: &Tx<'_>, wanted: &Channel) -> SqlResult<Option<String>> {
    for other in tx.channels()?.into_iter().filter(|other| other.id != wanted.id) {
        if is_same(&other.name, &wanted.name) {
            return Ok(Some(format!("channel {} is called `{}` already", other.id, other.name)));
        }
        if wanted.session_name.is_some() && other.session_name == wanted.session_name {
            let session = wanted.session_name.as_deref().unwrap_or_default();
            return Ok(Some(format!(
                "session `{session}` is channel {} `{}` already: two channels on one number would \
                 send at twice the pace",
                other.id, other.name
            )));
        }
    }
    Ok(None)
}

fn is_same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

fn write<T>(
    store: &mut Store,
    work: impl FnOnce(&Tx<'_>) -> SqlResult<Result<T, String>>,
) -> Result<T, ChannelError> {
    store.write(work)?.map_err(ChannelError::Refused)
}
