//! The first page: what comes next, how the channels stand, how the last thirty days went, and what
//! a person should do.

use std::time::Duration;

use askama::Template;

use super::channels::{self, ChannelCard};
use super::first_run::{self, FirstRun};
use super::messages::MessageRow;
use super::statistics::by_name;
use super::visit::{Page, Visit};
use super::{Answered, PageResult, ahead, attention, calendar, format, reply};
use crate::clock::Timestamp;
use crate::delivery::MessageStatus;
use crate::reason::Explanation;
use crate::store::{Ended, Message, SqlResult, Tx};
use crate::supabase::{AWAY_MAX, LinkStatus};

const NEXT_MAX: u32 = 5;
const DAYS: u16 = 30;
/// Of more numbers, those that need a person come first; the others have a page of their own.
const CHANNELS_SHOWN_MAX: usize = 12;
const CHANNELS_WARNED_MAX: usize = 5;
/// In the units of the chart's own box.
const CHART_HEIGHT: u64 = 180;
/// A cron line comes every ten minutes at the most.
const TRIGGER_STALE: Duration = Duration::from_mins(15);

pub(super) struct Warning {
    what: String,
    remedy: String,
    link: &'static str,
    link_text: &'static str,
}

/// The link to the website's project, when it is on.
struct LinkTile {
    answered: String,
    /// Whose channels, and what waits to be written.
    text: String,
    refused: u64,
}

impl LinkTile {
    fn of(link: &LinkStatus, visit: &Visit<'_>) -> Self {
        let w = visit.words();
        let answered = link.state.answered_at;
        let waits = w.link_waits.replace("{}", &visit.number(link.figures.outbox));
        Self {
            answered: answered.map_or(w.never.to_owned(), |at| format::ago(at, visit.now, w)),
            text: format!("{} · {waits}", link.channels.join(", ")),
            refused: link.figures.refused,
        }
    }
}

struct Chart {
    height: u64,
    axis: u64,
    bars: Vec<Bar>,
    days: Vec<(String, Ended)>,
    total: Ended,
    words: String,
    first: String,
    last: String,
}

struct Bar {
    x: u64,
    title: String,
    pieces: Vec<Piece>,
}

struct Piece {
    class: &'static str,
    y: u64,
    height: u64,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage<'a> {
    p: Page<'a>,
    first_run: Option<FirstRun>,
    soon: String,
    s: OverviewData,
}

/// The part that refreshes itself.
#[derive(Template)]
#[template(path = "overview_live.html")]
struct LivePiece<'a> {
    p: Page<'a>,
    s: OverviewData,
}

struct OverviewData {
    warnings: Vec<Warning>,
    today: Ended,
    waiting: String,
    through: String,
    last_trigger: String,
    trigger_text: &'static str,
    link: Option<LinkTile>,
    next: Vec<MessageRow>,
    in_need: String,
    channels: Vec<ChannelCard>,
    channels_more: String,
    chart: Chart,
}

pub(super) fn page(visit: &Visit<'_>) -> Answered {
    let s = look(visit)?;
    let (first_run, soon) = (first_run::look(visit)?, calendar::soon_words(visit)?);
    reply::html(200, &OverviewPage { p: visit.page("overview"), first_run, soon, s })
}

pub(super) fn live(visit: &Visit<'_>) -> Answered {
    let s = look(visit)?;
    reply::html(200, &LivePiece { p: visit.page("overview"), s })
}

/// What the database says, of one moment.
struct OverviewRows {
    next: Vec<Message>,
    due: u64,
    pending: u64,
    days: Vec<(Timestamp, Ended)>,
    last_trigger: Option<Timestamp>,
    clock_hold: Option<Explanation>,
    link: Option<LinkStatus>,
}

fn look(visit: &Visit<'_>) -> PageResult<OverviewData> {
    let (w, now, zone) = (visit.words(), visit.now, &visit.config.zone);
    let starts = day_starts(visit);
    let found = visit.read(|tx| {
        let mut days = Vec::new();
        for pair in starts.windows(2) {
            days.push((pair[0], tx.count_ended(pair[0], pair[1])?));
        }
        Ok(OverviewRows {
            next: next_messages(tx)?,
            due: tx.count_due(now)?,
            pending: tx.count_pending()?,
            days,
            last_trigger: tx.newest_trigger()?.and_then(|run| run.started_at),
            clock_hold: tx.clock_believed()?.hold,
            link: LinkStatus::read(tx)?.filter(|link| link.state.is_on),
        })
    })?;
    let (mut channels, last) = (channels::cards(visit)?, found.last_trigger);
    let today = found.days.last().map(|(_, ended)| *ended).unwrap_or_default();
    let days: Vec<(String, Ended)> = found
        .days
        .iter()
        .map(|(start, ended)| (format::day(*start, zone, visit.language), *ended))
        .collect();
    let warnings = warnings(visit, &found, &channels);
    let left_out = channels.len().saturating_sub(CHANNELS_SHOWN_MAX);
    if left_out > 0 {
        let (first, rest): (Vec<_>, Vec<_>) =
            channels.into_iter().partition(|channel| channel.needs_a_look);
        channels = first.into_iter().chain(rest).take(CHANNELS_SHOWN_MAX).collect();
    }
    Ok(OverviewData {
        warnings,
        today,
        waiting: visit.number(found.pending),
        through: ahead::of_queue(visit, found.pending)?,
        last_trigger: last.map_or(w.never.to_owned(), |at| format::ago(at, now, w)),
        trigger_text: if visit.config.tick.is_some() { w.ticker_on } else { w.ticker_off },
        link: found.link.as_ref().map(|link| LinkTile::of(link, visit)),
        next: MessageRow::all(&found.next, visit)?,
        in_need: attention::count(visit)?,
        channels,
        channels_more: visit.and_more(w.held_more, left_out),
        chart: chart(visit, days),
    })
}

/// The messages on their way, then those whose time comes next.
fn next_messages(tx: &Tx<'_>) -> SqlResult<Vec<Message>> {
    let mut next = tx.messages_by_time(MessageStatus::Sending, NEXT_MAX)?;
    next.extend(tx.messages_by_time(MessageStatus::Scheduled, NEXT_MAX)?);
    next.truncate(NEXT_MAX as usize);
    Ok(next)
}

/// When each of the last days began, and when the present one ends.
fn day_starts(visit: &Visit<'_>) -> Vec<Timestamp> {
    let first = visit.today().saturating_sub(time::Duration::days(i64::from(DAYS) - 1));
    (0..=DAYS).map(|days| calendar::start(visit, calendar::days_after(first, days))).collect()
}

fn warnings(visit: &Visit<'_>, found: &OverviewRows, channels: &[ChannelCard]) -> Vec<Warning> {
    let w = visit.words();
    let mut warnings = Vec::new();
    let mut warn = |what: String, remedy: &str, (link, link_text): (&'static str, &'static str)| {
        warnings.push(Warning { what, remedy: remedy.to_owned(), link, link_text });
    };
    let (nowhere, to_channels) = (("", ""), ("/panel/channels", w.see_channels));
    if let Some(why) = &found.clock_hold {
        warn(why.text(visit.language), w.clock_remedy, nowhere);
    }
    if let Some(link) = &found.link {
        let is_away = |since: Timestamp| visit.now.since(since) >= AWAY_MAX;
        if link.state.trouble_since.is_some_and(is_away) {
            warn(w.link_away.to_owned(), w.link_remedy, nowhere);
        }
        if let Some(alarm) = &link.state.alarm {
            warn(format!("{}: {alarm}", w.link_alarm), w.link_remedy, nowhere);
        }
    }
    let in_need = || channels.iter().filter(|channel| channel.needs_a_look);
    for channel in in_need().take(CHANNELS_WARNED_MAX) {
        let why = if channel.reason.is_empty() { channel.state.word } else { &channel.reason };
        warn(format!("{}: {why}", channel.name), channel.remedy, to_channels);
    }
    let more = in_need().skip(CHANNELS_WARNED_MAX).count();
    if more > 0 {
        let what = w.more_need_a_look.replace("{}", &more.to_string());
        warn(what, "", ("/panel/attention", w.see_attention));
    }
    let is_stale = found.last_trigger.is_none_or(|at| visit.now.since(at) > TRIGGER_STALE);
    // What comes during a long run has no row of its own.
    let is_missed = is_stale && visit.config.tick.is_none() && !visit.panel.triggers.is_running();
    if found.due > 0 && is_missed {
        let what = visit.counted(w.stale_trigger, found.due);
        warn(what, w.stale_trigger_remedy, ("/panel/runs", w.see_runs));
    }
    let unknown: u64 = found.days.iter().rev().take(7).map(|(_, ended)| ended.unknown).sum();
    if unknown > 0 {
        let what = visit.counted(w.unknown_week, unknown);
        warn(what, w.unknown_remedy, ("/panel/attention?kind=unknown", w.see_attention));
    }
    warnings
}

fn chart(visit: &Visit<'_>, days: Vec<(String, Ended)>) -> Chart {
    let w = visit.words();
    let up_max = days.iter().map(|(_, ended)| ended.sent).max().unwrap_or(0);
    let down_max = days.iter().map(|(_, ended)| ended.failed + ended.unknown).max().unwrap_or(0);
    // What went wrong hangs below the axis: its place tells it, not only its colour.
    let whole = (up_max + down_max).max(1);
    let usable = CHART_HEIGHT - 4;
    let down = (usable * down_max / whole).max(if down_max > 0 { 12 } else { 0 });
    let axis = 2 + usable - down;
    let up_scale = |count: u64| scaled(count, up_max, usable - down);
    let mut total = Ended::default();
    let mut bars = Vec::new();
    for (index, (day, ended)) in days.iter().enumerate() {
        total += *ended;
        let counts = by_name(ended, w);
        let said = counts.map(|(_, word, count)| format!("{word} {count}")).join(", ");
        let up = counts.into_iter().take(3).map(|(class, _, count)| {
            let height = up_scale(count);
            Piece { class, y: axis - height, height }
        });
        let mut pieces: Vec<Piece> = up.collect();
        let failed = scaled(ended.failed, down_max, down);
        let unknown = scaled(ended.unknown, down_max, down).min(down.saturating_sub(failed));
        pieces.push(Piece { class: "failed", y: axis, height: failed });
        pieces.push(Piece { class: "unknown", y: axis + failed, height: unknown });
        pieces.retain(|piece| piece.height > 0);
        bars.push(Bar { x: 4 + index as u64 * 24, title: format!("{day}: {said}"), pieces });
    }
    let mut words = w.chart_words.to_owned();
    for (name, _, count) in by_name(&total, w) {
        words = words.replace(&format!("{{{name}}}"), &count.to_string());
    }
    let first = days.first().map(|(day, _)| day.clone()).unwrap_or_default();
    let last = days.last().map(|(day, _)| day.clone()).unwrap_or_default();
    Chart { height: CHART_HEIGHT, axis, bars, days, total, words, first, last }
}

/// A count as a height: what is not nothing can be seen.
fn scaled(count: u64, most: u64, height: u64) -> u64 {
    if count == 0 || most == 0 { 0 } else { (count * height / most).max(2) }
}
