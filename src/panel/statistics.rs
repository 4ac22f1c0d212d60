//! What went out and what came of it, by day, for a range, a number and a tag; and the same as CSV.
//! Deliveries count on the day on which they ended. The work is bounded by the range.

use std::collections::{HashMap, HashSet};

use askama::Template;
use time::Date;

use super::calendar::{channel_choices, read_date};
use super::format::{self, Choice};
use super::visit::{Page, Visit};
use super::words::Words;
use super::{Answered, PageResult, forms, reply};
use crate::contacts::tags;
use crate::delivery::Status;
use crate::recipient::{CountryCode, normalize_phone};
use crate::send_window::Day;
use crate::store::{Channel, Ended, EndedOne, Numbers, SqlResult, Tx};

const PATH: &str = "/panel/statistics";
/// The range when none is asked for, and the longest.
const DAYS: i64 = 30;
const DAYS_MAX: i64 = 366;
/// A longer range is shown by month.
const DAYS_SHOWN_MAX: usize = 62;

/// A day, or a month.
struct Row {
    name: String,
    ended: Ended,
    /// `None` when nobody knows: an answer has no tag.
    replies: Option<u64>,
}

#[derive(Template)]
#[template(path = "statistics.html")]
struct StatisticsPage<'a> {
    p: Page<'a>,
    from: String,
    until: String,
    channels: Vec<Choice>,
    tag: &'a str,
    total: [(&'static str, String); 6],
    /// Each with its name.
    rows: Vec<(&'a str, [(&'static str, String); 6])>,
    csv: String,
}

struct Asked<'a> {
    first: Date,
    last: Date,
    channel: Option<i64>,
    tag: &'a str,
}

impl<'a> Asked<'a> {
    fn read(visit: &'a Visit<'_>) -> Self {
        let today = visit.today();
        let date = |name| visit.query.filled(name).and_then(read_date);
        let last = date("until").unwrap_or(today).min(today);
        let before = |days: i64| last.saturating_sub(time::Duration::days(days - 1));
        let first = date("from").unwrap_or_else(|| before(DAYS)).min(last).max(before(DAYS_MAX));
        let tag = visit.query.filled("tag").unwrap_or_default();
        Self { first, last, channel: visit.query.number("channel"), tag }
    }

    fn days(&self) -> Vec<Date> {
        let dates = std::iter::successors(Some(self.first), |date| date.next_day());
        dates.take_while(|date| *date <= self.last).collect()
    }

    fn query(&self) -> String {
        let channel = self.channel.map(|id| id.to_string()).unwrap_or_default();
        let (first, last) = (self.first.to_string(), self.last.to_string());
        forms::to_query(&[
            ("from", &first),
            ("until", &last),
            ("channel", &channel),
            ("tag", self.tag),
        ])
    }
}

pub(super) fn page(visit: &Visit<'_>) -> Answered {
    let asked = Asked::read(visit);
    let channels = visit.read(|tx| tx.channels())?;
    let days = count(visit, &asked, &channels)?;
    let total = sum(String::new(), days.iter().map(|(_, row)| row));
    let rows = if days.len() > DAYS_SHOWN_MAX {
        by_month(visit, &days)
    } else {
        days.into_iter().map(|(_, row)| row).collect()
    };
    let page = StatisticsPage {
        p: visit.page("runs"),
        from: asked.first.to_string(),
        until: asked.last.to_string(),
        channels: channel_choices(&channels, asked.channel),
        tag: asked.tag,
        total: counts(visit, &total),
        // What is newest comes first.
        rows: rows.iter().rev().map(|row| (row.name.as_str(), counts(visit, row))).collect(),
        csv: format!("{PATH}.csv{}", asked.query()),
    };
    reply::html(200, &page)
}

pub(super) fn export(visit: &Visit<'_>) -> Answered {
    let (w, asked) = (visit.words(), Asked::read(visit));
    let channels = visit.read(|tx| tx.channels())?;
    // A byte order mark, so that spreadsheets read it as UTF-8.
    let mut text = String::from("\u{feff}");
    let names = [w.day, w.sent, w.delivered, w.read, w.failed, w.unknown, w.replies];
    // Dates, numbers and our own words: none needs a quote.
    text += &(names.join(",") + "\r\n");
    for (date, row) in count(visit, &asked, &channels)? {
        let Ended { sent, delivered, read, failed, unknown } = row.ended;
        let mut cells = vec![date.to_string()];
        cells.extend([sent, delivered, read, failed, unknown].map(|count| count.to_string()));
        cells.push(row.replies.map(|count| count.to_string()).unwrap_or_default());
        text += &(cells.join(",") + "\r\n");
    }
    let name = format!("statistics-{}-{}.csv", asked.first, asked.last);
    Ok(reply::download(&name, "text/csv; charset=utf-8", text.into_bytes()))
}

fn counts(visit: &Visit<'_>, row: &Row) -> [(&'static str, String); 6] {
    let [sent, delivered, read, failed, unknown] =
        by_name(&row.ended, visit.words()).map(|(_, word, count)| (word, visit.number(count)));
    let replies = row.replies.map_or_else(|| "–".to_owned(), |count| visit.number(count));
    [sent, delivered, read, failed, unknown, (visit.words().replies, replies)]
}

/// The counts in the order in which they are shown, each with its name in the code and its word.
pub(super) fn by_name(ended: &Ended, w: &Words) -> [(&'static str, &'static str, u64); 5] {
    [
        ("sent", w.sent, ended.sent),
        ("delivered", w.delivered, ended.delivered),
        ("read", w.read, ended.read),
        ("failed", w.failed, ended.failed),
        ("unknown", w.unknown, ended.unknown),
    ]
}

/// Each day of the range, also those on which nothing was.
fn count(
    visit: &Visit<'_>,
    asked: &Asked<'_>,
    channels: &[Channel],
) -> PageResult<Vec<(Date, Row)>> {
    let zone = &visit.config.zone;
    let dates = asked.days();
    let mut starts: Vec<_> = dates.iter().map(|date| zone.to_utc(date.midnight())).collect();
    let after = asked.last.next_day().unwrap_or(asked.last);
    starts.push(zone.to_utc(after.midnight()));
    let mut ended = vec![Ended::default(); dates.len()];
    let mut replies = vec![0; dates.len()];
    visit.read(|tx| {
        let tagged = match asked.tag {
            "" => None,
            tag => Some(Tagged::find(tx, tag, &visit.config.country)?),
        };
        let is_of_channel = |one: &EndedOne| asked.channel.is_none_or(|id| id == one.channel_id);
        tx.each_ended(&starts, |day, one| {
            let is_tagged = tagged
                .as_ref()
                .is_none_or(|tagged| one.contact_id.is_some_and(|id| tagged.ids.contains(&id)));
            if is_of_channel(&one) && is_tagged {
                add(&mut ended[day], one);
            }
        })?;
        if let Some(mut tagged) = tagged {
            tx.each_typed_ended(&starts, |day, one, chat_id| {
                if is_of_channel(&one) && tagged.has_chat(tx, chat_id)? {
                    add(&mut ended[day], one);
                }
                Ok(())
            })?;
        }
        let (first, last) = (Day::of(zone, starts[0]), Day::of(zone, starts[dates.len() - 1]));
        for channel in channels.iter().filter(|one| asked.channel.is_none_or(|id| id == one.id)) {
            for (day, received) in tx.received_on(channel.id, first, last)? {
                let at = Day::parse(&day).and_then(|day| first.days_until(day).try_into().ok());
                if let Some(sum) = at.and_then(|at: usize| replies.get_mut(at)) {
                    *sum += received;
                }
            }
        }
        Ok(())
    })?;
    let knows = asked.tag.is_empty();
    Ok(dates
        .iter()
        .zip(&starts)
        .zip(ended.into_iter().zip(replies))
        .map(|((date, start), (ended, replies))| {
            let name = format::day(*start, zone, visit.language);
            (*date, Row { name, ended, replies: knows.then_some(replies) })
        })
        .collect())
}

/// Who has a tag: also whoever is written to by a number that was typed.
struct Tagged {
    ids: HashSet<i64>,
    /// The digits of those whose number is not written as we write it.
    odd: HashSet<String>,
    /// Chats that were looked at.
    chats: HashMap<String, bool>,
}

impl Tagged {
    fn find(tx: &Tx<'_>, tag: &str, country: &CountryCode) -> SqlResult<Self> {
        let wanted = tags::fold(tag);
        let ids = tx.contacts_with(|column| tags::has(column, &wanted))?;
        let mut tagged =
            Self { ids: ids.into_iter().collect(), odd: HashSet::new(), chats: HashMap::new() };
        tx.each_number(Numbers::Odd, |id, written| {
            if tagged.ids.contains(&id)
                && let Ok(digits) = normalize_phone(written, country)
            {
                tagged.odd.insert(digits);
            }
            Ok(())
        })?;
        Ok(tagged)
    }

    fn has_chat(&mut self, tx: &Tx<'_>, chat_id: &str) -> SqlResult<bool> {
        let Some(digits) = chat_id.strip_suffix("@c.us") else { return Ok(false) };
        if let Some(known) = self.chats.get(chat_id) {
            return Ok(*known);
        }
        let has = self.odd.contains(digits)
            || tx
                .contacts_with_spelling(&format!("+{digits}"))?
                .iter()
                .any(|id| self.ids.contains(id));
        self.chats.insert(chat_id.to_owned(), has);
        Ok(has)
    }
}

fn add(ended: &mut Ended, one: EndedOne) {
    match one.status {
        Status::Sent => {
            ended.sent += 1;
            ended.delivered += u64::from(one.ack >= 2);
            ended.read += u64::from(one.ack >= 3);
        }
        Status::Failed | Status::Expired => ended.failed += 1,
        Status::Unknown => ended.unknown += 1,
        Status::Pending | Status::Sending | Status::Skipped | Status::Cancelled => {}
    }
}

fn by_month(visit: &Visit<'_>, days: &[(Date, Row)]) -> Vec<Row> {
    let (_, names) = visit.language.calendar();
    let month = |date: Date| (date.year(), u8::from(date.month()));
    days.chunk_by(|(one, _), (other, _)| month(*one) == month(*other))
        .map(|days| {
            let (year, number) = month(days[0].0);
            let name = format!("{} {year}", names[usize::from(number) - 1]);
            sum(name, days.iter().map(|(_, row)| row))
        })
        .collect()
}

fn sum<'a>(name: String, rows: impl Iterator<Item = &'a Row>) -> Row {
    let mut total = Row { name, ended: Ended::default(), replies: Some(0) };
    for row in rows {
        total.ended += row.ended;
        total.replies = total.replies.zip(row.replies).map(|(sum, more)| sum + more);
    }
    total
}
