//! The channels: how each stands, why it is held and what to do about it, and its pace.

use std::time::Duration;

use askama::Template;

use super::format::{self, Badge, Choice};
use super::visit::{self, Page, Visit};
use super::{Answered, PageResult, channel, forms, reply, sessions};
use crate::channels::{self, ChannelError, ChannelView, Looked, State};
use crate::delivery::HoldKind;
use crate::store::Store;

const CARDS_PER_PAGE: usize = 30;

pub(super) struct ChannelCard {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) session: String,
    /// How its session was found when somebody looked last, in words.
    pub(crate) checked: String,
    pub(crate) state: Badge,
    pub(crate) reason: String,
    pub(crate) remedy: &'static str,
    pub(crate) pending: String,
    pub(crate) pace: String,
    /// Seconds until it may send again; 0 when it may.
    pub(crate) ready_in: u64,
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) needs_a_look: bool,
    /// What a person may do with it: the end of the path, and the button.
    pub(crate) buttons: Vec<(&'static str, &'static str)>,
}

#[derive(Template)]
#[template(path = "channels.html")]
struct ChannelsPage<'a> {
    p: Page<'a>,
    listed: Listed,
    /// What is searched for; and whether there are so many that a search helps.
    search: &'a str,
    is_long: bool,
    /// Why WAHA does not tell how its sessions stand; empty when it does.
    untold: String,
    can_pause: bool,
    paused: usize,
}

#[derive(Template)]
#[template(path = "channels_live.html")]
struct LivePiece<'a> {
    p: Page<'a>,
    listed: Listed,
    untold: String,
}

struct Listed {
    channels: Vec<ChannelCard>,
    first: String,
    more: String,
}

pub(super) fn route(visit: &Visit<'_>, rest: &[&str]) -> Answered {
    match (visit.is_post, rest) {
        (false, []) => page(visit),
        (false, ["live"]) => {
            let untold = sessions::check_all(visit)?.unwrap_or_default();
            let (p, listed) = (visit.page("channels"), on_page(visit, views(visit)?));
            reply::html(200, &LivePiece { p, listed, untold })
        }
        (false, ["new"]) => channel::new_form(visit),
        (true, ["new"]) => channel::save_new(visit),
        (true, ["pause-all"]) => {
            all(visit, "all_paused", |store| channels::pause_all(store, visit.now))
        }
        (true, ["resume-all"]) => {
            all(visit, "all_resumed", |store| channels::resume_all(store, visit.now))
        }
        (_, [id, rest @ ..]) => match id.parse() {
            Ok(id) => channel::route(visit, id, rest),
            Err(_) => reply::not_found(visit),
        },
        _ => reply::not_found(visit),
    }
}

fn page(visit: &Visit<'_>) -> Answered {
    let is_asked = visit.query.get("check").is_some();
    let untold = if is_asked { sessions::check_all(visit)? } else { None };
    let views = views(visit)?;
    let page = ChannelsPage {
        p: visit.page("channels"),
        untold: untold.unwrap_or_default(),
        can_pause: views
            .iter()
            .any(|view| matches!(view.state, State::Ready | State::Waiting | State::Held)),
        paused: visit.with_store(channels::count_paused_with_all)?,
        search: visit.query.filled("q").unwrap_or_default(),
        is_long: views.len() > CARDS_PER_PAGE,
        listed: on_page(visit, views),
    };
    reply::html(200, &page)
}

pub(super) fn views(visit: &Visit<'_>) -> PageResult<Vec<ChannelView>> {
    Ok(visit.with_store(|store| channels::list(store, visit.config, visit.now))?)
}

pub(super) fn view(visit: &Visit<'_>, id: i64) -> PageResult<Option<ChannelView>> {
    Ok(visit.with_store(|store| channels::one(store, id, visit.config, visit.now))?)
}

/// Those that are searched for, after the last one that was seen.
fn on_page(visit: &Visit<'_>, views: Vec<ChannelView>) -> Listed {
    let search = visit.query.filled("q").unwrap_or_default();
    let after = visit.query.number("after").unwrap_or(i64::MIN);
    let wanted = search.to_lowercase();
    let has =
        |text: Option<&String>| text.is_some_and(|text| text.to_lowercase().contains(&wanted));
    let is_found = |view: &ChannelView| {
        has(Some(&view.name)) || has(view.session_name.as_ref()) || has(view.phone_number.as_ref())
    };
    let link = |after: &str| {
        format!("/panel/channels{}", forms::to_query(&[("q", search), ("after", after)]))
    };
    let mut found: Vec<ChannelView> =
        views.into_iter().filter(|view| view.id > after && is_found(view)).collect();
    let more = visit::cut(&mut found, CARDS_PER_PAGE, |last| link(&last.id.to_string()));
    Listed {
        channels: found.into_iter().map(|view| card(visit, view)).collect(),
        first: if after == i64::MIN { String::new() } else { link("") },
        more,
    }
}

fn all(
    visit: &Visit<'_>,
    code: &str,
    change: impl FnOnce(&mut Store) -> Result<usize, ChannelError>,
) -> Answered {
    let there = "/panel/channels";
    reply::or_told(visit, visit.press(0, (there, code), change), there)
}

pub(super) fn cards(visit: &Visit<'_>) -> PageResult<Vec<ChannelCard>> {
    Ok(views(visit)?.into_iter().map(|view| card(visit, view)).collect())
}

pub(super) fn card(visit: &Visit<'_>, view: ChannelView) -> ChannelCard {
    let w = visit.words();
    let check = visit.panel.checks.last(&view);
    let works = check.as_ref().map(|check| matches!(check.looked, Looked::Working { .. }));
    let (state, remedy, needs_a_look) = state_of(visit, &view, works);
    let facts = facts(visit, &view);
    let next = view.next_send_at;
    let ready_in = next.map_or(0, |at| at.since(visit.now).as_secs());
    let pace = match next {
        Some(at) if view.state == State::Waiting => visit.moment(at),
        Some(_) if ready_in > 0 => {
            let says = if view.rests_until.is_some() { w.rests_for } else { w.sends_again_in };
            says.replace("{}", &format::span(Duration::from_secs(ready_in), w))
        }
        Some(_) => w.may_send.to_owned(),
        None => "–".to_owned(),
    };
    let mut buttons = Vec::new();
    match view.state {
        State::Ready | State::Waiting => buttons.push(("pause", w.pause_channel)),
        State::Paused | State::Inactive | State::Held => {
            let is_other = view.state == State::Held && view.other_number.is_some();
            buttons.extend(is_other.then_some(("confirm", w.confirm_number)));
            buttons.push(("resume", w.resume_channel));
        }
        State::NoSession => {}
    }
    let told = matches!(view.state, State::Held | State::Paused | State::Waiting);
    let reason = view.reason.as_ref().filter(|_| told);
    ChannelCard {
        id: view.id,
        checked: match &check {
            Some(check) => {
                let word = sessions::badge(&check.looked, w).word.to_lowercase();
                let word = word.replace("waha", "WAHA");
                format!("{word}, {}", sessions::checked(visit, check))
            }
            None if view.session_name.is_some() => w.not_checked.to_owned(),
            None => String::new(),
        },
        session: view.session_name.unwrap_or_else(|| "–".to_owned()),
        state,
        reason: visit.explain(reason),
        remedy,
        pending: visit.number(view.pending),
        pace,
        ready_in: if view.state == State::Ready { ready_in } else { 0 },
        facts,
        needs_a_look,
        buttons,
        name: view.name,
    }
}

/// How a channel stands, what to do about it, and whether a person has to. `works` is what the last look at its
/// session found, if anybody looked.
fn state_of(
    visit: &Visit<'_>,
    view: &ChannelView,
    works: Option<bool>,
) -> (Badge, &'static str, bool) {
    let w = visit.words();
    match view.state {
        // The next send finds that out too, and holds the channel.
        State::Ready if works == Some(false) => {
            (format::held(w.channel_scan), w.held_session, true)
        }
        State::Ready if works.is_none() && view.phone_number.is_none() => {
            (format::off(w.channel_not_checked), "", false)
        }
        State::Ready => (format::good(w.channel_ready), "", false),
        State::Waiting => (format::waits(w.channel_waits), w.waits_remedy, false),
        State::Inactive => (format::off(w.channel_off), w.channel_off_remedy, view.pending > 0),
        State::NoSession => (format::held(w.channel_no_session), w.channel_no_session_remedy, true),
        State::Paused => (format::held(w.channel_paused), w.held_by_hand, view.pending > 0),
        State::Held => held(view.held_kind, visit),
    }
}

fn facts(visit: &Visit<'_>, view: &ChannelView) -> Vec<(&'static str, String)> {
    let w = visit.words();
    let warned = view.warning.as_ref().map(|one| w.number_warned_until.replace("{}", &one.until));
    let hours = Some(&view.send_window).filter(|text| !matches!(text.as_str(), "" | "always"));
    let facts = [
        (w.sent_today_count, Some(sent_today(visit, view))),
        (w.week_count, Some(week(visit, view))),
        (w.number_warned, warned),
        (w.number, view.phone_number.as_deref().map(format::phone)),
        (w.send_window, hours.cloned()),
        (w.held_until, view.held_until.map(|until| visit.moment(until))),
    ];
    facts.into_iter().filter_map(|(name, fact)| Some((name, fact?))).collect()
}

/// What keeps a channel from sending until somebody does something; `None` when nothing does.
pub(super) fn in_the_way(visit: &Visit<'_>, id: i64) -> PageResult<Option<ChannelCard>> {
    Ok(view(visit, id)?.filter(|view| !may_send(view)).map(|view| card(visit, view)))
}

/// Ids of channels in their order, each once, with commas in between.
pub(super) fn listed<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    let mut all: Vec<&str> = Vec::new();
    for id in ids.flat_map(|ids| ids.split(',')).map(str::trim) {
        if !id.is_empty() && !all.contains(&id) {
            all.push(id);
        }
    }
    all.join(",")
}

/// The channels as a form offers them, each with what is in its way: the first one of a message, and those that share
/// it.
pub(super) fn choices(visit: &Visit<'_>, chosen: &str) -> PageResult<(Vec<Choice>, Vec<Choice>)> {
    let (w, views) = (visit.words(), views(visit)?);
    let chosen: Vec<&str> = chosen.split(',').map(str::trim).collect();
    let place = |view: &ChannelView| {
        let id = view.id.to_string();
        chosen.iter().position(|one| *one == id)
    };
    let choice = |view: &ChannelView, is_chosen: bool| {
        let (id, name) = (view.id.to_string(), view.name.clone());
        let mark = if may_send(view) {
            view.phone_number.is_none().then_some(w.not_checked)
        } else {
            Some(card(visit, view.clone()).state.word)
        };
        let word = mark.map_or(name.clone(), |mark| format!("{name} – {mark}"));
        Choice::new(word, is_chosen, id)
    };
    let firsts = views.iter().map(|view| choice(view, place(view) == Some(0))).collect();
    // A form that is saved as it came keeps their order; the others follow by id.
    let mut sorted: Vec<(usize, &ChannelView)> =
        views.iter().map(|view| (place(view).unwrap_or(usize::MAX), view)).collect();
    sorted.sort_by_key(|(place, _)| *place);
    let is_also = |place: usize| (1..usize::MAX).contains(&place);
    Ok((firsts, sorted.into_iter().map(|(place, view)| choice(view, is_also(place))).collect()))
}

pub(super) fn may_send(view: &ChannelView) -> bool {
    match view.state {
        State::Ready | State::Waiting => true,
        State::Held | State::Paused | State::Inactive | State::NoSession => false,
    }
}

fn held(kind: Option<HoldKind>, visit: &Visit<'_>) -> (Badge, &'static str, bool) {
    let w = visit.words();
    let word = w.channel_held;
    match kind {
        Some(HoldKind::Session) => (format::held(w.channel_scan), w.held_session, true),
        Some(HoldKind::Unreachable) => (format::held(word), w.held_unreachable, true),
        Some(HoldKind::RateLimited) => (format::held(word), w.held_limited, false),
        Some(HoldKind::Restricted) => (format::held(word), w.held_restricted, true),
        Some(HoldKind::Breaker) => (format::held(word), w.held_breaker, true),
        Some(HoldKind::OtherNumber) => (format::held(w.channel_scan), w.held_other_number, true),
        // A window that cannot be read has no kind.
        Some(HoldKind::Misconfigured) | None => (format::held(word), w.held_config, true),
    }
}

/// What went out and came in on seven days.
fn week(visit: &Visit<'_>, view: &ChannelView) -> String {
    let received = view.week.received.map_or_else(|| "–".to_owned(), |count| visit.number(count));
    format!("{} / {received}", visit.number(view.week.sent))
}

fn sent_today(visit: &Visit<'_>, view: &ChannelView) -> String {
    let limit = view.daily_limit.map(|limit| format!(" / {limit}"));
    visit.number(view.sent_today.into()) + &limit.unwrap_or_default()
}
