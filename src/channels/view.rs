//! How the channels stand, and why nothing moves where nothing moves.

use serde::Serialize;

use super::availability::{Availability, Off, look, rests};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::delivery::{CapWarning, HoldKind};
use crate::language::Language;
use crate::reason::{Explanation, Reason};
use crate::schedule::Zone;
use crate::send_window::{Day, Warmup};
use crate::store::{Channel, SqlResult, Store, StoreError, Tx, WeekCounts};
use crate::waha::Waha;

/// How a channel stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = ChannelState))]
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

/// A channel as it stands.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = Channel))]
pub(crate) struct ChannelView {
    /// Until when it waits because of REST_AFTER.
    #[serde(skip)]
    pub(crate) rests_until: Option<Timestamp>,
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) session_name: Option<String>,
    /// The number that it sends from, `+6281234567890`; `None` until WAHA tells it.
    pub(crate) phone_number: Option<String>,
    /// The number that its session has now, while the channel is held for it.
    pub(crate) other_number: Option<String>,
    pub(crate) state: State,
    /// Why it may not send now.
    pub(crate) reason: Option<Explanation>,
    /// What sort of trouble holds it, as `channels.held_kind`; `None` for a person's hold.
    pub(crate) held_kind: Option<HoldKind>,
    /// Until when the program holds it.
    pub(crate) held_until: Option<Timestamp>,
    /// When it may send next; `None` while it is held.
    pub(crate) next_send_at: Option<Timestamp>,
    /// The hours that it goes by, or what cannot be read as hours.
    pub(crate) send_window: String,
    /// Whether those are its own.
    pub(crate) send_window_is_own: bool,
    /// The limit that it goes by today; `None` for none.
    pub(crate) daily_limit: Option<i64>,
    /// Whether that is its own.
    pub(crate) daily_limit_is_own: bool,
    /// The hours between two messages to the same chat that it goes by; 0 for none.
    pub(crate) recipient_gap_hours: u64,
    /// Whether those are its own.
    pub(crate) recipient_gap_is_own: bool,
    /// Its warm-up, which makes the limit smaller; `None` when it has none.
    pub(crate) warmup: Option<WarmupView>,
    /// WhatsApp's last warning of its number, while it halves the limit; `None` without one.
    pub(crate) warning: Option<WarningView>,
    /// Deliveries that were claimed today and may have gone out.
    pub(crate) sent_today: u32,
    /// What went out and what came in on the last seven days.
    pub(crate) week: WeekView,
    /// Deliveries that wait for it; those of paused messages wait for a person.
    pub(crate) pending: u64,
    /// What WAHA says of its session; `None` when it was not asked.
    pub(crate) session: Option<SessionView>,
}

/// How far a channel has warmed up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = Warmup))]
pub(crate) struct WarmupView {
    /// Its first day, `YYYY-MM-DD`.
    pub(crate) from: String,
    /// Which day today is, from 1.
    pub(crate) day: i64,
}

impl WarmupView {
    fn of(warmup: Warmup, day: Day) -> Self {
        Self { from: warmup.from.to_string(), day: warmup.days_before(day) + 1 }
    }
}

/// WhatsApp's last warning of a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = CapWarning))]
pub(crate) struct WarningView {
    /// What WAHA calls it.
    pub(crate) kind: Option<CapWarning>,
    /// When it was last seen.
    pub(crate) seen_at: Option<Timestamp>,
    /// The first day on which the limit is whole again, `YYYY-MM-DD`, unless WhatsApp warns again.
    pub(crate) until: String,
}

/// A channel's last seven days, today among them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = Week))]
pub(crate) struct WeekView {
    /// Deliveries that may have gone out.
    pub(crate) sent: u64,
    /// How often people wrote to it; each counts once an hour. `None` where WAHA does not tell of them.
    pub(crate) received: Option<u64>,
    /// `received` for each of `sent`, to two places; `None` without either.
    pub(crate) ratio: Option<f64>,
}

impl WarningView {
    /// The warning of a channel, while it lasts at `now`.
    pub(crate) fn of(channel: &Channel, zone: &Zone, now: Timestamp) -> Option<Self> {
        let warned = channel.warned(zone).filter(|warned| warned.lasts_on(Day::of(zone, now)))?;
        let (kind, seen_at) = (channel.warning, channel.warned_at);
        Some(Self { kind, seen_at, until: warned.ends().to_string() })
    }

    /// After the state of a channel.
    pub(crate) fn text(&self, language: Language) -> String {
        let kind = self.kind.map_or(language.pick("a warning", "peringatan"), CapWarning::as_str);
        let until = &self.until;
        language.pick(
            format!("WhatsApp warned ({kind}): half its limit until {until}"),
            format!("WhatsApp memberi peringatan ({kind}): separuh batas harian sampai {until}"),
        )
    }
}

impl WeekView {
    pub(crate) fn of(tx: &Tx<'_>, channel: &Channel, today: Day) -> SqlResult<Self> {
        let WeekCounts { sent, received, .. } = tx.week_counts(channel.id, today)?;
        let received = tx.hears_of_writers()?.then_some(received);
        #[expect(clippy::cast_precision_loss, reason = "nobody sends so much in a week")]
        let ratio = received
            .filter(|_| sent > 0)
            .map(|received| (received as f64 * 100.0 / sent as f64).round() / 100.0);
        Ok(Self { sent, received, ratio })
    }

    /// `340 sent, 12 received (0.04)`.
    pub(crate) fn text(&self, language: Language) -> String {
        let ratio = self.ratio.map(|ratio| format!(" ({ratio:.2})")).unwrap_or_default();
        let sent = self.sent;
        match self.received {
            Some(received) => language.pick(
                format!("{sent} sent, {received} received{ratio}"),
                format!("{sent} terkirim, {received} diterima{ratio}"),
            ),
            None => language.pick(
                format!("{sent} sent; WAHA does not tell who writes"),
                format!("{sent} terkirim; WAHA tidak memberitahukan siapa yang menulis"),
            ),
        }
    }
}

/// WAHA's view of a session.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = Session))]
pub(crate) struct SessionView {
    /// `WORKING`, `SCAN_QR_CODE` and the like.
    pub(crate) status: Option<String>,
    /// Why it may not send.
    pub(crate) trouble: Option<String>,
}

/// All channels, by id.
pub(crate) fn list(
    store: &mut Store,
    config: &Config,
    now: Timestamp,
) -> Result<Vec<ChannelView>, StoreError> {
    store.read(|tx| tx.channels()?.iter().map(|channel| of(tx, channel, config, now)).collect())
}

/// One of them.
pub(crate) fn one(
    store: &mut Store,
    id: i64,
    config: &Config,
    now: Timestamp,
) -> Result<Option<ChannelView>, StoreError> {
    store.read(|tx| tx.channel(id)?.map(|channel| of(tx, &channel, config, now)).transpose())
}

fn of(tx: &Tx<'_>, channel: &Channel, config: &Config, now: Timestamp) -> SqlResult<ChannelView> {
    let (availability, counted) = look(tx, channel, config, now)?;
    let (state, reason) = match &availability {
        Availability::Ready | Availability::PacedUntil(_) => (State::Ready, None),
        Availability::ClosedUntil(_, closed) => (State::Waiting, Some(closed.reason().into())),
        Availability::Held(held, _) if held.kind.is_none() => {
            (State::Paused, Some(held.reason.clone()))
        }
        Availability::Held(held, _) => (State::Held, Some(held.reason.clone())),
        Availability::Unreadable(error) => {
            let reason = Reason::WindowUnreadable { cause: error.to_string() };
            (State::Held, Some(reason.into()))
        }
        Availability::Off(Off::NoSession) => {
            let reason = "no session: its messages fail; `channel edit` gives it one";
            (State::NoSession, Some(reason.into()))
        }
        Availability::Off(Off::Inactive | Off::Missing) => {
            let reason = "not active: its messages fail; `channel resume` makes it active";
            (State::Inactive, Some(reason.into()))
        }
    };
    let held = if let Availability::Held(held, _) = &availability { Some(*held) } else { None };
    let (send_window, daily_limit, warmup) = match channel.allowance(config.allowance, &config.zone)
    {
        Ok(allowance) => {
            let warmup = allowance.warmup.map(|warmup| WarmupView::of(warmup, counted.day));
            let limit = allowance.limit_on(counted.day).map(i64::from);
            (allowance.window.to_string(), limit, warmup)
        }
        Err(_) => (channel.send_window.clone().unwrap_or_default(), channel.daily_limit, None),
    };
    Ok(ChannelView {
        rests_until: channel.ready_at.filter(|_| rests(channel, config, now)),
        id: channel.id,
        name: channel.name.clone(),
        session_name: channel.session_name.clone(),
        phone_number: channel.phone_number.clone(),
        other_number: channel.other_number.clone(),
        state,
        reason,
        held_kind: held.and_then(|held| held.kind),
        held_until: held.and_then(|held| held.until),
        next_send_at: availability.begins_at(now),
        send_window,
        send_window_is_own: channel.send_window.is_some(),
        daily_limit,
        daily_limit_is_own: channel.daily_limit.is_some(),
        recipient_gap_hours: config
            .recipient_gap(None, channel.recipient_gap_hours)
            .map_or(0, |gap| gap.as_secs() / 3600),
        recipient_gap_is_own: channel.recipient_gap_hours.is_some(),
        warmup,
        warning: WarningView::of(channel, &config.zone, now),
        sent_today: counted.count,
        week: WeekView::of(tx, channel, counted.day)?,
        pending: tx.count_pending_on(channel.id)?,
        session: None,
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
            return Ok(look.trouble.map(|trouble| trouble.to_string()));
        }
        let channel = store.read(|tx| tx.channel(view.id))?;
        let seen = look.number.as_deref();
        let other = channel.zip(seen).and_then(|(one, seen)| one.hold_for_number(session, seen));
        let trouble = look.trouble.or_else(|| other.map(|hold| hold.reason));
        view.session = Some(SessionView {
            status: look.status,
            trouble: trouble.map(|trouble| trouble.to_string()),
        });
    }
    Ok(None)
}
