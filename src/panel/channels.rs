//! The channels: how each stands, why it is held and what to do about it, and its pace.

use askama::Template;

use super::format::{self, Badge};
use super::visit::{Page, Visit};
use super::{Answered, Broken, reasons, reply};
use crate::delivery::HoldKind;
use crate::store::Channel;

/// A channel as a card.
pub(super) struct ChannelCard {
    pub name: String,
    pub session: String,
    pub state: Badge,
    /// Why it does not send.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
    pub pending: String,
    /// In words.
    pub pace: String,
    /// Seconds until it may send again; 0 when it may.
    pub ready_in: u64,
    pub facts: Vec<(&'static str, String)>,
    /// Whether a person has to do something.
    pub needs_a_look: bool,
}

#[derive(Template)]
#[template(path = "channels.html")]
struct ChannelsPage<'a> {
    p: Page<'a>,
    channels: Vec<ChannelCard>,
}

pub(super) fn page(visit: &Visit<'_>) -> Answered {
    let channels = cards(visit)?;
    reply::html(200, &ChannelsPage { p: visit.page("channels"), channels })
}

/// A card for each channel.
pub(super) fn cards(visit: &Visit<'_>) -> Result<Vec<ChannelCard>, Broken> {
    let found = visit.panel.read(|tx| {
        tx.all_channels()?
            .into_iter()
            .map(|channel| Ok((tx.count_pending_on(channel.id)?, channel)))
            .collect::<Result<Vec<_>, _>>()
    })?;
    Ok(found.into_iter().map(|(pending, channel)| card(visit, &channel, pending)).collect())
}

fn card(visit: &Visit<'_>, channel: &Channel, pending: u64) -> ChannelCard {
    let w = visit.words();
    let kind = channel.held.as_ref().map(|held| held.kind);
    let (state, remedy, needs_a_look) = match kind {
        _ if !channel.is_active => (format::off(w.channel_off), w.channel_off_remedy, pending > 0),
        _ if channel.session_name.is_none() => {
            (format::held(w.channel_no_session), w.channel_no_session_remedy, true)
        }
        None => (format::good(w.channel_ready), "", false),
        Some(None) => (format::held(w.channel_held), w.held_by_hand, true),
        Some(Some(HoldKind::Session)) => (format::held(w.channel_scan), w.held_session, true),
        Some(Some(HoldKind::Unreachable)) => {
            (format::held(w.channel_held), w.held_unreachable, true)
        }
        Some(Some(HoldKind::RateLimited)) => (format::held(w.channel_held), w.held_limited, false),
        Some(Some(HoldKind::Misconfigured)) => (format::held(w.channel_held), w.held_config, true),
        Some(Some(HoldKind::Restricted)) => {
            (format::held(w.channel_held), w.held_restricted, true)
        }
    };
    let mut facts = Vec::new();
    if let Some(until) = channel.held.as_ref().and_then(|held| held.until) {
        facts.push((w.held_until, format::moment(until, &visit.panel.rules.zone, visit.language)));
    }
    let ready_in = channel.ready_at.map_or(0, |at| at.since(visit.now).as_secs());
    let pace = if ready_in > 0 {
        w.sends_again_in.replace("{}", &format::span(std::time::Duration::from_secs(ready_in), w))
    } else {
        w.may_send.to_owned()
    };
    ChannelCard {
        name: channel.name.clone(),
        session: channel.session_name.clone().unwrap_or_else(|| "–".to_owned()),
        state,
        reason: channel
            .held
            .as_ref()
            .map(|held| reasons::in_words(&held.reason, visit.language))
            .unwrap_or_default(),
        remedy: remedy.to_owned(),
        pending: format::number(pending, visit.language),
        pace,
        ready_in,
        facts,
        needs_a_look,
    }
}
