//! How the channels stand, and why nothing moves where nothing moves.

use serde::Serialize;

use crate::clock::Timestamp;
use crate::delivery::HoldKind;
use crate::pace::Gap;
use crate::schedule::Zone;
use crate::store::{Channel, Store, StoreError};
use crate::waha::Waha;
use crate::window::{Allowance, Day, DayCount};

/// What the settings say.
#[derive(Clone, Debug)]
pub(crate) struct ViewRules {
    pub(crate) allowance: Allowance,
    pub(crate) zone: Zone,
    pub(crate) gap: Gap,
}

/// How a channel stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// It may send, at `next_send_at`.
    Ready,
    /// It is outside its hours or has sent enough today: it may again at `next_send_at`.
    Waiting,
    /// There was trouble; the program frees it.
    Held,
    /// A person stopped it.
    Paused,
    /// `is_active` is 0: its messages fail.
    Inactive,
    /// It has no session_name: its messages fail.
    NoSession,
}

/// A channel as it stands. Times are UTC, `YYYY-MM-DDTHH:MM:SSZ`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ChannelView {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) session_name: Option<String>,
    /// The number that it sends from, `+6281234567890`; `None` until WAHA tells it.
    pub(crate) phone_number: Option<String>,
    /// The number that its session has now, while the channel is held for it.
    pub(crate) other_number: Option<String>,
    pub(crate) state: State,
    /// Why it may not send now.
    pub(crate) reason: Option<String>,
    /// What sort of trouble holds it, as `channels.held_kind`; `None` for a person's hold.
    pub(crate) held_kind: Option<&'static str>,
    /// Until when the program holds it.
    pub(crate) held_until: Option<String>,
    /// When it may send next; `None` while it is held.
    pub(crate) next_send_at: Option<String>,
    /// The hours that it goes by, or what cannot be read as hours.
    pub(crate) send_window: String,
    /// Whether those are its own.
    pub(crate) send_window_is_own: bool,
    /// The limit that it goes by; `None` for none.
    pub(crate) daily_limit: Option<i64>,
    /// Whether that is its own.
    pub(crate) daily_limit_is_own: bool,
    /// Deliveries that were claimed today and may have gone out.
    pub(crate) sent_today: u32,
    /// Deliveries that wait for it.
    pub(crate) pending: u64,
    /// What WAHA says of its session; `None` when it was not asked.
    pub(crate) session: Option<SessionView>,
}

/// WAHA's view of a session.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SessionView {
    /// `WORKING`, `SCAN_QR_CODE` and the like.
    pub(crate) status: Option<String>,
    /// Why it may not send.
    pub(crate) trouble: Option<String>,
}

/// All channels, by id.
pub(crate) fn list(
    store: &mut Store,
    rules: &ViewRules,
    now: Timestamp,
) -> Result<Vec<ChannelView>, StoreError> {
    let day = Day::of(&rules.zone, now);
    store.read(|tx| {
        let view = |channel: Channel| {
            let counted = DayCount { day, count: tx.day_count(channel.id, day)? };
            let pending = tx.count_pending_on(channel.id)?;
            Ok(view(channel, rules, counted, pending, now))
        };
        tx.channels()?.into_iter().map(view).collect()
    })
}

/// Asks WAHA about each session. Once WAHA does not answer, the rest is not asked. Returns why WAHA
/// cannot be reached, if so.
pub(crate) fn ask_waha(
    views: &mut [ChannelView],
    store: &mut Store,
    waha: &Waha,
) -> Result<Option<String>, StoreError> {
    for view in views {
        let Some(session) = &view.session_name else { continue };
        let look = waha.look_at_session(session);
        if !look.is_reachable {
            return Ok(look.trouble);
        }
        let channel = store.read(|tx| tx.channel(view.id))?;
        let seen = look.number.as_deref();
        let other = channel.zip(seen).and_then(|(one, seen)| one.hold_for_number(session, seen));
        let trouble = look.trouble.or_else(|| other.map(|hold| hold.reason));
        view.session = Some(SessionView { status: look.status, trouble });
    }
    Ok(None)
}

fn view(
    channel: Channel,
    rules: &ViewRules,
    counted: DayCount,
    pending: u64,
    now: Timestamp,
) -> ChannelView {
    let allowance = rules.allowance.of_channel(channel.send_window.as_deref(), channel.daily_limit);
    let mut view = ChannelView {
        id: channel.id,
        name: channel.name,
        session_name: channel.session_name,
        phone_number: channel.phone_number,
        other_number: channel.other_number,
        state: State::Ready,
        reason: None,
        held_kind: None,
        held_until: None,
        next_send_at: None,
        send_window: allowance.as_ref().map_or_else(
            |_| channel.send_window.clone().unwrap_or_default(),
            |allowance| allowance.window.to_string(),
        ),
        send_window_is_own: channel.send_window.is_some(),
        daily_limit: allowance
            .as_ref()
            .map_or(channel.daily_limit, |allowance| allowance.daily_limit.map(i64::from)),
        daily_limit_is_own: channel.daily_limit.is_some(),
        sent_today: counted.count,
        pending,
        session: None,
    };
    if !channel.is_active {
        view.state = State::Inactive;
        view.reason =
            Some("not active: its messages fail; `channel resume` makes it active".into());
    } else if view.session_name.is_none() {
        view.state = State::NoSession;
        view.reason = Some("no session: its messages fail; `channel edit` gives it one".into());
    } else if let Some(held) = channel.held {
        view.state = if held.kind.is_some() { State::Held } else { State::Paused };
        view.reason = Some(held.reason);
        view.held_kind = held.kind.map(HoldKind::as_str);
        view.held_until = held.until.map(|until| until.to_string());
    } else {
        match allowance {
            Ok(allowance) => {
                // A pace from another clock counts as one gap, as it does for the senders.
                let longest = now.plus(rules.gap.longest());
                let ready = channel.ready_at.map_or(now, |ready| ready.min(longest).max(now));
                let next = allowance.next(&rules.zone, ready, counted);
                view.next_send_at = Some(next.at.to_string());
                if let Some(closed) = next.closed {
                    view.state = State::Waiting;
                    view.reason = Some(closed.to_string());
                }
            }
            Err(error) => {
                view.state = State::Held;
                view.reason = Some(error.to_string());
            }
        }
    }
    view
}
