//! The list of what is scheduled, in the order of its time: by day, with its number, its rule in words
//! and its next dates.

use askama::Template;

use super::calendar::{day_words, times_after};
use super::format::Choice;
use super::messages::{self, MessageRow};
use super::visit::{self, Page, Visit};
use super::{Answered, attention, forms, reply, searched};
use crate::clock::Timestamp;
use crate::store::{Channel, Message};

const PER_PAGE: usize = 30;
const NEXT_DATES: usize = 3;

struct Row {
    /// The heading of its day, where a day begins.
    day: String,
    row: MessageRow,
    numbers: String,
    rule: String,
    /// The times after its next one.
    next: String,
}

#[derive(Template)]
#[template(path = "scheduled.html")]
struct ScheduledPage<'a> {
    p: Page<'a>,
    choices: Vec<(Choice, String)>,
    search: &'a str,
    in_need: String,
    people: Vec<searched::Found>,
    rows: Vec<Row>,
    first: String,
    more: String,
}

pub(super) fn page(visit: &Visit<'_>, search: Option<&str>) -> Answered {
    let after = visit.after();
    let limit = u32::try_from(PER_PAGE + 1).unwrap_or(u32::MAX);
    let (counts, mut found, channels) = visit.read(|tx| {
        let found = tx.scheduled_by_time(search, after, limit)?;
        Ok((tx.status_counts()?, found, tx.channels()?))
    })?;
    let people = searched::people(visit, search)?;
    let search = search.unwrap_or_default();
    let link = |after: &str| {
        let query = [("status", "scheduled"), ("q", search), ("after", after)];
        format!("/panel/messages{}", forms::to_query(&query))
    };
    let more = visit::cut(&mut found, PER_PAGE, |last| {
        let at = last.scheduled_at.map(|at| at.to_string()).unwrap_or_default();
        link(&format!("{at},{}", last.id))
    });
    let mut day = String::new();
    let listed = MessageRow::all(&found, visit)?;
    let rows = listed.into_iter().zip(&found).map(|(row, message)| {
        let heading = heading(visit, message.scheduled_at);
        let is_new = heading != day;
        day.clone_from(&heading);
        Row {
            day: if is_new { heading } else { String::new() },
            ..of(visit, row, message, &channels)
        }
    });
    let page = ScheduledPage {
        p: visit.page("messages"),
        choices: messages::choices(visit, &counts, "scheduled", search),
        search,
        in_need: attention::count(visit)?,
        people,
        rows: rows.collect(),
        first: if after.is_none() { String::new() } else { link("") },
        more,
    };
    reply::html(200, &page)
}

/// `Hari ini, Sel, 1 Des`.
fn heading(visit: &Visit<'_>, at: Option<Timestamp>) -> String {
    let (w, zone) = (visit.words(), &visit.config.zone);
    let Some(at) = at else { return w.no_time.to_owned() };
    let (date, today) = (zone.to_local(at).date(), zone.to_local(visit.now).date());
    let words = day_words(visit, date);
    match date {
        date if date == today => format!("{}, {words}", w.today),
        date if Some(date) == today.next_day() => format!("{}, {words}", w.tomorrow),
        date if date.year() == today.year() => words,
        date => format!("{words} {}", date.year()),
    }
}

fn of(visit: &Visit<'_>, row: MessageRow, message: &Message, channels: &[Channel]) -> Row {
    let weekly = message.timetable.interval_config.as_deref();
    let after = message.scheduled_at.into_iter();
    let dates = after.flat_map(|at| times_after(visit, message, at)).take(NEXT_DATES);
    let dates: Vec<String> = dates.map(|at| visit.moment(at)).collect();
    let ids = message.channels();
    let names = ids.iter().filter_map(|id| channels.iter().find(|one| one.id == *id));
    let names: Vec<&str> = names.map(|one| one.name.as_str()).collect();
    Row {
        day: String::new(),
        row,
        numbers: if channels.len() > 1 { names.join(" + ") } else { String::new() },
        rule: visit.rule(weekly),
        next: match dates.join(" · ").as_str() {
            "" => String::new(),
            dates => visit.words().next_dates.replace("{}", dates),
        },
    }
}
