//! What comes, by day and by number: each message as long as the forecast says that it takes, and those
//! that come again. It looks ahead only; what went out is in the list and in the statistics.
//!
//! The work is bounded: the forecast looks at as much as that of the list, later messages stand at
//! their time without a length, and a day shows its first messages and counts the others.

use std::collections::HashSet;
use std::time::Duration;

use askama::Template;
use time::{Date, OffsetDateTime};

use super::format::Choice;
use super::messages::name_of;
use super::visit::{Page, Visit};
use super::{Answered, PageResult, ahead, attention, forms, reply};
use crate::clock::Timestamp;
use crate::forecast::MessageForecast;
use crate::schedule::{self, Timetable};
use crate::store::{Channel, Message};

const PATH: &str = "/panel/calendar";
const DAYS_OF_WEEK: u16 = 7;
/// So many messages are placed in what is shown, and of so many with a rule the later times.
const PLACED_MAX: u32 = 10_000;
const REPEATING_MAX: u32 = 300;
const TIMES_MAX: usize = 60;
/// What is shown: of each day of a week, of each number of a day, and of one number alone.
const OF_A_DAY: Shown = Shown { rows: 8, bars: 40 };
const OF_A_NUMBER: Shown = Shown { rows: 6, bars: 12 };
const OF_ONE_NUMBER: Shown = Shown { rows: 100, bars: 200 };
const NUMBERS_MAX: usize = 20;
const MINUTES_OF_DAY: u64 = 24 * 60;

#[derive(Clone, Copy)]
struct Shown {
    rows: usize,
    bars: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    None,
    NotAll,
    Fails,
}

#[derive(Clone, Debug)]
struct Block {
    id: i64,
    at: Timestamp,
    ends: Timestamp,
    people: u64,
    channels: Vec<i64>,
    repeats: bool,
    is_foretold: bool,
    trouble: Trouble,
}

struct Section {
    title: String,
    link: String,
    total: String,
    is_today: bool,
    bars: Vec<Bar>,
    /// In the units of the bars' own box.
    height: u64,
    rows: Vec<Row>,
    more: String,
}

struct Bar {
    class: &'static str,
    x: u64,
    y: u64,
    width: u64,
}

struct Row {
    id: i64,
    when: String,
    name: String,
    what: String,
    trouble: &'static str,
}

#[derive(Template)]
#[template(path = "calendar.html")]
struct CalendarPage<'a> {
    p: Page<'a>,
    in_need: String,
    soon: String,
    title: String,
    views: Vec<Choice>,
    view: &'static str,
    date: String,
    channels: Vec<Choice>,
    earlier: String,
    later: String,
    sections: Vec<Section>,
    more: String,
    is_cut: bool,
}

struct Asked {
    first: Date,
    is_day: bool,
    channel: Option<i64>,
}

impl Asked {
    fn read(visit: &Visit<'_>) -> Self {
        let today = visit.today();
        let date = visit.query.filled("date").and_then(read_date);
        Self {
            first: date.unwrap_or(today).max(today),
            is_day: visit.query.get("view") == Some("day"),
            channel: visit.query.number("channel"),
        }
    }

    fn days(&self) -> u16 {
        if self.is_day { 1 } else { DAYS_OF_WEEK }
    }

    /// The same, but for its view and its day.
    fn link(&self, is_day: bool, date: Date) -> String {
        let channel = self.channel.map(|id| id.to_string()).unwrap_or_default();
        let view = if is_day { "day" } else { "" };
        let date = date.to_string();
        let query = [("view", view), ("date", date.as_str()), ("channel", channel.as_str())];
        format!("{PATH}{}", forms::to_query(&query))
    }
}

pub(super) fn start(visit: &Visit<'_>, date: Date) -> Timestamp {
    visit.config.zone.to_utc(date.midnight())
}

pub(super) fn read_date(text: &str) -> Option<Date> {
    let at = Timestamp::parse(&format!("{text}T00:00:00Z"))?;
    Some(OffsetDateTime::from_unix_timestamp(at.secs()).ok()?.date())
}

pub(super) fn days_after(date: Date, days: u16) -> Date {
    date.saturating_add(time::Duration::days(days.into()))
}

pub(super) fn page(visit: &Visit<'_>) -> Answered {
    let (w, asked) = (visit.words(), Asked::read(visit));
    let channels = visit.read(|tx| tx.channels())?;
    let today = visit.today();
    let after = days_after(asked.first, asked.days());
    let mut blocks = blocks(visit, start(visit, asked.first), start(visit, after))?;
    // The week from today on has tomorrow in it.
    let soon = if asked.first == today && !asked.is_day {
        soon(visit, &blocks)
    } else {
        soon_words(visit)?
    };
    if let Some(channel) = asked.channel {
        blocks.retain(|block| block.channels.contains(&channel));
    }
    let is_cut = blocks.iter().any(|block| !block.is_foretold);
    let (sections, more) = if asked.is_day {
        of_day(visit, &asked, &channels, &blocks)?
    } else {
        (of_week(visit, &asked, &channels, &blocks)?, 0)
    };
    let last = days_after(asked.first, asked.days() - 1);
    let (first, last) = (day_words(visit, asked.first), day_words(visit, last));
    let before = asked.first.saturating_sub(time::Duration::days(asked.days().into())).max(today);
    let page = CalendarPage {
        p: visit.page("messages"),
        in_need: attention::count(visit)?,
        soon,
        title: if asked.is_day { first } else { format!("{first} – {last}") },
        views: vec![
            Choice::new(w.week, !asked.is_day, asked.link(false, asked.first)),
            Choice::new(w.day, asked.is_day, asked.link(true, asked.first)),
        ],
        view: if asked.is_day { "day" } else { "" },
        date: asked.first.to_string(),
        channels: channel_choices(&channels, asked.channel),
        earlier: if asked.first > today { asked.link(asked.is_day, before) } else { String::new() },
        later: asked.link(asked.is_day, after),
        sections,
        more: visit.and_more(w.held_more, more),
        is_cut,
    };
    reply::html(200, &page)
}

/// What today and tomorrow bring, in a few words. `blocks` are of both days, and perhaps of later ones.
fn soon(visit: &Visit<'_>, blocks: &[Block]) -> String {
    let w = visit.words();
    let today = visit.today();
    let starts = [0, 1, 2].map(|days| start(visit, days_after(today, days)));
    let of = |from: Timestamp, until: Timestamp| {
        total(visit, blocks.iter().filter(|block| block.at >= from && block.at < until))
    };
    let [today, tomorrow] = [of(starts[0], starts[1]), of(starts[1], starts[2])];
    format!("{}: {today} · {}: {tomorrow}", w.today, w.tomorrow)
}

/// The same, when nobody has the blocks.
pub(super) fn soon_words(visit: &Visit<'_>) -> PageResult<String> {
    let (today, until) = (visit.today(), days_after(visit.today(), 2));
    Ok(soon(visit, &blocks(visit, start(visit, today), start(visit, until))?))
}

/// `3 pesan, 214 orang`.
fn total<'a>(visit: &Visit<'_>, blocks: impl Iterator<Item = &'a Block>) -> String {
    let (messages, people) =
        blocks.fold((0, 0), |(messages, people), block| (messages + 1, people + block.people));
    let messages = visit.counted(visit.words().messages_count, messages);
    format!("{messages}, {}", visit.people(people))
}

pub(super) fn channel_choices(channels: &[Channel], chosen: Option<i64>) -> Vec<Choice> {
    let choice =
        |one: &Channel| Choice::new(one.name.clone(), chosen == Some(one.id), one.id.to_string());
    channels.iter().map(choice).collect()
}

/// What is on its way or begins from `from` until before `until`, in the order of time.
fn blocks(visit: &Visit<'_>, from: Timestamp, until: Timestamp) -> PageResult<Vec<Block>> {
    let all = ahead::of_all(visit)?;
    let (due, repeating) = visit.read(|tx| {
        let due = tx.due_between(from, until, PLACED_MAX)?;
        Ok((due, tx.repeating_before(until, REPEATING_MAX)?))
    })?;
    let of_rule: HashSet<i64> = repeating.iter().map(|message| message.id).collect();
    let mut blocks: Vec<Block> = all.values().map(|seen| foretold(seen, visit.now)).collect();
    blocks.retain(|block| block.at < until && block.ends.max(block.at) >= from);
    let unseen = due.into_iter().filter(|one| !all.contains_key(&one.id));
    blocks.extend(unseen.map(|one| Block {
        id: one.id,
        at: one.due_at,
        ends: one.due_at,
        people: one.recipients,
        channels: one.channels(),
        repeats: of_rule.contains(&one.id),
        is_foretold: false,
        trouble: Trouble::None,
    }));
    for message in &repeating {
        blocks.extend(later(visit, message, all.get(&message.id), (from, until)));
    }
    blocks.sort_by_key(|block| (block.at, block.id));
    Ok(blocks)
}

/// The times of a rule after the next one, each as long as that.
fn later(
    visit: &Visit<'_>,
    message: &Message,
    known: Option<&MessageForecast>,
    (from, until): (Timestamp, Timestamp),
) -> Vec<Block> {
    let Some(first) = message.scheduled_at else { return Vec::new() };
    let takes = known.map_or(Duration::ZERO, |seen| Duration::from_secs(seen.takes_secs));
    let after = first.max(from.minus(Duration::from_secs(1)));
    times_after(visit, message, after)
        .take_while(|at| *at < until)
        .take(TIMES_MAX)
        .map(|at| Block {
            id: message.id,
            at,
            ends: at.plus(takes),
            people: known.map_or(message.contact_count, people),
            channels: message.channels(),
            repeats: true,
            is_foretold: known.is_some(),
            trouble: Trouble::None,
        })
        .collect()
}

/// The times of a message's rule after one of them.
pub(super) fn times_after(
    visit: &Visit<'_>,
    message: &Message,
    after: Timestamp,
) -> impl Iterator<Item = Timestamp> {
    let Timetable { schedules, interval_config, .. } = &message.timetable;
    let (listed, weekly) = (schedules.as_deref(), interval_config.as_deref());
    let zone = &visit.config.zone;
    let next =
        move |after: &Timestamp| schedule::next_occurrence(listed, weekly, zone, *after).ok()?;
    std::iter::successors(next(&after), next)
}

fn foretold(seen: &MessageForecast, now: Timestamp) -> Block {
    // What has no time and fails does so at the next tick.
    let untimed = if seen.fails.is_some() { now } else { Timestamp::from_secs(0) };
    let at = seen.tally.begins_at.or(seen.due_at).unwrap_or(untimed);
    Block {
        id: seen.id,
        at,
        ends: seen.tally.ends_at.unwrap_or(at),
        people: people(seen),
        channels: seen.channel_ids.clone().unwrap_or_else(|| vec![seen.channel_id]),
        repeats: seen.next_at.is_some(),
        is_foretold: true,
        trouble: if seen.fails.is_some() {
            Trouble::Fails
        } else if seen.warning().is_some() || seen.tally.waits > 0 {
            Trouble::NotAll
        } else {
            Trouble::None
        },
    }
}

/// How many it still goes to; also those who wait for their number.
fn people(seen: &MessageForecast) -> u64 {
    seen.tally.goes_out + seen.tally.waits
}

fn of_week(
    visit: &Visit<'_>,
    asked: &Asked,
    channels: &[Channel],
    blocks: &[Block],
) -> PageResult<Vec<Section>> {
    let today = visit.today();
    (0..DAYS_OF_WEEK)
        .map(|days| {
            let date = days_after(asked.first, days);
            let of_day = within(visit, date, blocks);
            let lanes: Vec<i64> = asked.channel.into_iter().collect();
            let mut section = section(visit, date, &of_day, (channels, &lanes), OF_A_DAY)?;
            section.title = day_words(visit, date);
            section.link = asked.link(true, date);
            section.is_today = date == today;
            Ok(section)
        })
        .collect()
}

/// The numbers of a day, those with something first; and how many are left out.
fn of_day(
    visit: &Visit<'_>,
    asked: &Asked,
    channels: &[Channel],
    blocks: &[Block],
) -> PageResult<(Vec<Section>, usize)> {
    let of_day = within(visit, asked.first, blocks);
    let has_any = |id: i64| of_day.iter().any(|block| block.channels.contains(&id));
    let mut used: Vec<&Channel> = channels
        .iter()
        .filter(|one| asked.channel.map_or_else(|| has_any(one.id), |id| id == one.id))
        .collect();
    let more = used.len().saturating_sub(NUMBERS_MAX);
    used.truncate(NUMBERS_MAX);
    let shown = if asked.channel.is_some() { OF_ONE_NUMBER } else { OF_A_NUMBER };
    let sections = used.into_iter().map(|channel| {
        let its: Vec<&Block> =
            of_day.iter().copied().filter(|block| block.channels.contains(&channel.id)).collect();
        let mut section = section(visit, asked.first, &its, (channels, &[channel.id]), shown)?;
        section.title.clone_from(&channel.name);
        let only = Asked { channel: Some(channel.id), first: asked.first, is_day: true };
        section.link = only.link(true, asked.first);
        Ok(section)
    });
    Ok((sections.collect::<PageResult<_>>()?, more))
}

/// What begins on a day or is on its way then.
fn within<'a>(visit: &Visit<'_>, date: Date, blocks: &'a [Block]) -> Vec<&'a Block> {
    let (from, until) = (start(visit, date), start(visit, days_after(date, 1)));
    let is_within = |block: &&Block| block.at < until && (block.at >= from || block.ends > from);
    blocks.iter().filter(is_within).collect()
}

fn section(
    visit: &Visit<'_>,
    date: Date,
    blocks: &[&Block],
    (channels, own): (&[Channel], &[i64]),
    shown: Shown,
) -> PageResult<Section> {
    let (from, until) = (start(visit, date), start(visit, days_after(date, 1)));
    let words = visit.words().more_messages;
    let begin = |block: &&&Block| block.at >= from;
    let mut lanes: Vec<Timestamp> = Vec::new();
    let bars: Vec<Bar> =
        blocks.iter().take(shown.bars).map(|block| bar(block, from, &mut lanes)).collect();
    let rows = blocks.iter().take(shown.rows);
    let rows = rows.map(|block| row(visit, block, (from, until), (channels, own)));
    Ok(Section {
        title: String::new(),
        link: String::new(),
        total: total(visit, blocks.iter().filter(begin).copied()),
        is_today: false,
        height: (lanes.len() as u64).max(1) * LANE_HEIGHT,
        bars,
        rows: rows.collect::<Result<_, _>>()?,
        more: visit.and_more(words, blocks.len().saturating_sub(shown.rows)),
    })
}

const LANE_HEIGHT: u64 = 10;
const LANES_MAX: usize = 5;

/// A block under those that are not over when it begins.
fn bar(block: &Block, from: Timestamp, lanes: &mut Vec<Timestamp>) -> Bar {
    let lane = lanes.iter().position(|ends| *ends <= block.at);
    let lane = match lane {
        Some(lane) => lane,
        None if lanes.len() < LANES_MAX => {
            lanes.push(block.ends);
            lanes.len() - 1
        }
        None => LANES_MAX - 1,
    };
    lanes[lane] = lanes[lane].max(block.ends);
    let minutes = |at: Timestamp| (at.since(from).as_secs() / 60).min(MINUTES_OF_DAY);
    let (x, ends) = (minutes(block.at), minutes(block.ends));
    let x = x.min(MINUTES_OF_DAY - 6);
    let class = match (block.trouble != Trouble::None, block.repeats, block.is_foretold) {
        (true, ..) => "unknown",
        (_, true, _) => "sent",
        (_, _, true) => "delivered",
        (_, _, false) => "pending",
    };
    Bar { class, x, y: lane as u64 * LANE_HEIGHT, width: ends.saturating_sub(x).max(6) }
}

fn row(
    visit: &Visit<'_>,
    block: &Block,
    (from, until): (Timestamp, Timestamp),
    (channels, own): (&[Channel], &[i64]),
) -> PageResult<Row> {
    let w = visit.words();
    let message = visit.read(|tx| tx.listed_message(block.id))?.unwrap_or_default();
    let mut what = vec![visit.people(block.people)];
    let names = channels.iter().filter(|one| block.channels.contains(&one.id));
    let names: Vec<&str> = names.map(|one| one.name.as_str()).collect();
    if !names.is_empty() && channels.len() > 1 && block.channels != own {
        what.push(names.join(" + "));
    }
    if block.repeats {
        what.push(w.repeats.to_owned());
    }
    let begin = if block.at < from { "…".to_owned() } else { clock(visit, block.at) };
    let when = match block.ends {
        ends if ends >= until => format!("{begin}–…"),
        // A minute is no length.
        ends if ends.since(block.at) < Duration::from_mins(1) => begin,
        ends => format!("{begin}–{}", clock(visit, ends)),
    };
    Ok(Row {
        id: block.id,
        when,
        name: name_of(&message, visit),
        what: what.join(" · "),
        trouble: match block.trouble {
            Trouble::None => "",
            Trouble::NotAll => visit.words().not_all,
            Trouble::Fails => visit.words().all_fails,
        },
    })
}

/// `08.00`.
fn clock(visit: &Visit<'_>, at: Timestamp) -> String {
    let moment = visit.moment(at);
    moment.rsplit(", ").next().unwrap_or_default().to_owned()
}

/// `Sel, 1 Des`.
pub(super) fn day_words(visit: &Visit<'_>, date: Date) -> String {
    let moment = visit.moment(start(visit, date));
    let day = moment.rsplit_once(", ").map_or(moment.as_str(), |(day, _)| day);
    day.rsplit_once(' ').map_or(day, |(day, _)| day).to_owned()
}
