//! What needs a person, in one list: numbers that are held, and messages of which somebody did not get
//! it, came too late, or is uncertain. Each has one action, which is the one of its own page.

use askama::Template;

use super::channels::{self, ChannelCard};
use super::format::Choice;
use super::messages::{AtOnce, MessageRow};
use super::visit::{self, Page, Visit};
use super::{Answered, PageResult, forms, reply};
use crate::delivery::MessageStatus;
use crate::store::{Message, Need};

pub(super) const PATH: &str = "/panel/attention";
const MESSAGES_PER_PAGE: usize = 30;
const HELD_SHOWN_MAX: usize = 20;
const COUNTED_MAX: u32 = 100;

enum Action {
    /// Nothing yet: it is on its way.
    Wait,
    /// Send it again to those who did not get it.
    Retry(AtOnce),
    /// Decide about those that are uncertain.
    Decide,
    /// Make a new one of it: nobody was planned.
    Copy,
}

struct Row {
    row: MessageRow,
    /// How many failed, are too late and are uncertain, in words.
    what: Vec<(&'static str, String)>,
    error: String,
    action: Action,
}

#[derive(Template)]
#[template(path = "attention.html")]
struct AttentionPage<'a> {
    p: Page<'a>,
    choices: Vec<Choice>,
    in_need: String,
    held: Vec<ChannelCard>,
    held_more: String,
    rows: Vec<Row>,
    first: String,
    more: String,
}

/// Where a form leads: back here when it was sent from here.
pub(super) fn back<'a>(visit: &Visit<'_>, there: &'a str) -> &'a str {
    if visit.form.get("back") == Some("attention") { PATH } else { there }
}

/// How many messages need a person, for a link; empty when none does.
pub(super) fn count(visit: &Visit<'_>) -> PageResult<String> {
    let count = visit.read(|tx| tx.count_in_need(COUNTED_MAX))?;
    Ok(match count {
        0 => String::new(),
        count if count >= u64::from(COUNTED_MAX) => format!("{}+", COUNTED_MAX - 1),
        count => count.to_string(),
    })
}

pub(super) fn page(visit: &Visit<'_>) -> Answered {
    let w = visit.words();
    let kind = visit.query.filled("kind").unwrap_or_default();
    let need = match kind {
        "failed" => Need::Failed,
        "unknown" => Need::Unknown,
        "late" => Need::Late,
        _ => Need::Any,
    };
    let after = visit.after();
    let limit = u32::try_from(MESSAGES_PER_PAGE + 1).unwrap_or(u32::MAX);
    let (mut found, late) = visit.read(|tx| {
        let found = tx.messages_in_need(need, after, limit)?;
        let late = found.iter().map(|row| tx.count_expired(row.id)).collect::<Result<Vec<_>, _>>();
        Ok((found, late?))
    })?;
    let link = |kind: &str, after: &str| {
        format!("{PATH}{}", forms::to_query(&[("kind", kind), ("after", after)]))
    };
    let more = visit::cut(&mut found, MESSAGES_PER_PAGE, |last| {
        link(kind, &format!("{},{}", last.updated_at, last.id))
    });
    let choices = [("", w.all), ("failed", w.failed), ("unknown", w.unknown), ("late", w.too_late)];
    let is_first = after.is_none() && need == Need::Any;
    let mut held = if is_first { channels::cards(visit)? } else { Vec::new() };
    held.retain(|card| card.needs_a_look);
    let held_more = held.len().saturating_sub(HELD_SHOWN_MAX);
    held.truncate(HELD_SHOWN_MAX);
    let page = AttentionPage {
        p: visit.page("messages"),
        choices: choices
            .map(|(value, word)| Choice::new(word, value == kind, link(value, "")))
            .into(),
        in_need: count(visit)?,
        held,
        held_more: visit.and_more(w.held_more, held_more),
        rows: found.iter().zip(late).map(|(message, late)| row(visit, message, late)).collect(),
        first: if after.is_none() { String::new() } else { link(kind, "") },
        more,
    };
    reply::html(200, &page)
}

fn row(visit: &Visit<'_>, message: &Message, late: u64) -> Row {
    let w = visit.words();
    let counts = message.counts;
    let what = [
        ("bad", w.failed_count, counts.failed.saturating_sub(late)),
        ("bad", w.late_count, late),
        ("warn", w.unknown_count, counts.unknown),
    ];
    let what = what.into_iter().filter(|(.., count)| *count > 0);
    Row {
        what: what
            .map(|(class, words, n)| (class, words.replace("{}", &visit.number(n))))
            .collect(),
        error: visit.explain(message.error.as_ref()),
        action: action(visit, message),
        row: MessageRow::of(message, visit),
    }
}

fn action(visit: &Visit<'_>, message: &Message) -> Action {
    let counts = message.counts;
    match message.status {
        MessageStatus::Sending => Action::Wait,
        _ if counts.failed > 0 => Action::Retry(AtOnce::of(visit, message)),
        _ if counts.unknown > 0 => Action::Decide,
        _ => Action::Copy,
    }
}
