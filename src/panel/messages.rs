//! The messages: the list, and one of them with its recipients.

use askama::Template;

use super::ahead::{self, Ahead};
use super::carried::{self, Carried};
use super::format::{self, Badge, Choice};
use super::recipients::{self, Recipients};
use super::visit::{OnePage, Page, Visit};
use super::{Answered, PageResult, attention, compose, forms, people, reply, scheduled, searched};
use crate::delivery::MessageStatus;
use crate::forecast;
use crate::messages::{self, Retry};
use crate::schedule::Timetable;
use crate::store::{Message, SqlResult, StatusCount, Store, Wanted};

const MESSAGES_PER_PAGE: u8 = 30;
/// The characters of a text that a list shows.
const EXCERPT_CHARS: usize = 160;
const STATUSES: [MessageStatus; 6] = [
    MessageStatus::Scheduled,
    MessageStatus::Sending,
    MessageStatus::Sent,
    MessageStatus::Failed,
    MessageStatus::Draft,
    MessageStatus::Cancelled,
];

pub(super) struct MessageRow {
    pub(crate) id: i64,
    /// Its title, or its number when it has none.
    pub(crate) name: String,
    pub(crate) excerpt: String,
    pub(crate) status: Badge,
    /// `4/9`, when it was sent to some only.
    pub(crate) part: String,
    pub(crate) when: String,
    pub(crate) repeats: bool,
    pub(crate) counts: String,
    /// What the plan says of it, in a few words.
    pub(crate) ahead: String,
}

impl MessageRow {
    /// The rows of a list, with what becomes of those that wait.
    pub(super) fn all(listed: &[Message], visit: &Visit<'_>) -> PageResult<Vec<Self>> {
        let ahead = ahead::of_rows(visit, listed)?.into_iter();
        let row = |(listed, ahead)| Self { ahead, ..Self::of(listed, visit) };
        Ok(listed.iter().zip(ahead).map(row).collect())
    }

    pub(super) fn of(listed: &Message, visit: &Visit<'_>) -> Self {
        let w = visit.words();
        let when = listed.scheduled_at.map(|at| visit.moment(at));
        let number = |count| visit.number(count);
        let all = number(listed.contact_count);
        let is_to_come = matches!(listed.status, MessageStatus::Scheduled | MessageStatus::Draft);
        let counts = if is_to_come {
            visit.recipients(listed.contact_count)
        } else {
            w.sent_of.replace("{sent}", &number(listed.counts.sent)).replace("{all}", &all)
        };
        let has_count = listed.contact_count > 0;
        // What was sent to some only is no plain success; whoever was skipped had a reason beforehand.
        let not_sent = listed.counts.failed + listed.counts.unknown;
        let (status, part) = if listed.status == MessageStatus::Sent && not_sent > 0 {
            let part = format!("{}/{}", listed.counts.sent, listed.contact_count);
            (format::held(w.status_partly), part)
        } else {
            (format::message_badge(listed.status, w), String::new())
        };
        let mut excerpt: String = listed.message.chars().take(EXCERPT_CHARS).collect();
        if excerpt.trim().is_empty() {
            excerpt = Carried::of(visit, listed.content.as_deref()).in_a_line();
        }
        Self {
            id: listed.id,
            name: name_of(listed, visit),
            excerpt: excerpt.replace(['\n', '\r'], " "),
            status,
            part,
            when: when.unwrap_or_else(|| {
                if messages::is_for_now(listed) { w.when_resumed } else { w.no_time }.to_owned()
            }),
            repeats: listed.repeats(),
            counts: if has_count { counts } else { String::new() },
            ahead: String::new(),
        }
    }
}

pub(super) fn name_of(listed: &Message, visit: &Visit<'_>) -> String {
    let title = listed.title.clone().filter(|title| !title.trim().is_empty());
    title.unwrap_or_else(|| format!("{} {}", visit.words().message, listed.id))
}

#[derive(Template)]
#[template(path = "messages.html")]
struct MessagesPage<'a> {
    p: Page<'a>,
    choices: Vec<(Choice, String)>,
    search: &'a str,
    status: &'a str,
    rows: Vec<MessageRow>,
    people: Vec<searched::Found>,
    in_need: String,
    newer: String,
    older: String,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    p: Page<'a>,
    id: i64,
    name: String,
    l: Live,
    carried: Carried,
    text: String,
    ahead: Ahead,
    facts: Vec<(&'static str, String)>,
    may: May,
    at_once: AtOnce,
}

#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a button of its own")]
struct May {
    edit: bool,
    cancel: bool,
    pause: bool,
    resume: bool,
    retry: bool,
    retry_unknown: bool,
}

/// The words of the buttons that send at once: to how many; and the question before they do, when
/// that is many.
pub(super) struct AtOnce {
    pub(crate) retry: String,
    pub(crate) ask_retry: String,
    ask_resume: String,
}

impl AtOnce {
    pub(super) fn of(visit: &Visit<'_>, listed: &Message) -> Self {
        let w = visit.words();
        let ask = |count: u64| match count {
            0..=compose::NOW_UNASKED_MAX => String::new(),
            count => w.ask_now.replace("{}", &visit.number(count)),
        };
        let is_due =
            listed.scheduled_at.is_some_and(|at| at <= visit.now) || messages::is_for_now(listed);
        let failed = visit.number(listed.counts.failed);
        Self {
            retry: format!("{} ({failed})", w.retry),
            ask_retry: ask(listed.counts.failed),
            ask_resume: ask(if is_due { listed.contact_count } else { 0 }),
        }
    }
}

/// What the plan says of it: asked for again while it is being counted.
#[derive(Template)]
#[template(path = "message_ahead.html")]
struct AheadPiece<'a> {
    p: Page<'a>,
    id: i64,
    ahead: Ahead,
}

#[derive(Template)]
#[template(path = "message_live.html")]
struct LivePiece<'a> {
    p: Page<'a>,
    l: Live,
}

struct Live {
    row: MessageRow,
    error: String,
    parts: Vec<Part>,
    through: String,
    recipients: Recipients,
}

/// A stretch of the bar that shows how far a message is.
struct Part {
    class: &'static str,
    word: &'static str,
    count: u64,
    /// In thousandths of the bar.
    x: u64,
    width: u64,
}

pub(super) fn route(visit: &mut Visit<'_>, rest: &[&str]) -> Answered {
    match (visit.is_post, rest) {
        (false, []) => return list(visit),
        (false, ["new"]) => return compose::new_form(visit),
        (true, ["new"]) => return compose::save_new(visit),
        (true, ["preview"]) => return compose::preview(visit),
        (true, ["file"]) => return compose::attach(visit),
        (true, ["tags"]) => return people::tags(visit),
        (false, ["find"]) => return people::find(visit),
        _ => {}
    }
    let id = rest.first().and_then(|id| id.parse().ok());
    let found = id.map(|id| visit.read(|tx| tx.message(id))).transpose()?.flatten();
    let Some(detail) = found else { return reply::not_found(visit) };
    match (visit.is_post, &rest[1..]) {
        (false, []) => show(visit, &detail),
        (false, ["live"]) => {
            let l = live(visit, &detail)?;
            reply::html(200, &LivePiece { p: visit.page("messages"), l })
        }
        (false, ["ahead"]) => {
            let (p, ahead) = (visit.page("messages"), ahead_of(visit, &detail)?);
            reply::html(200, &AheadPiece { p, id: detail.id, ahead })
        }
        (false, ["edit"]) => compose::edit_form(visit, &detail),
        (true, ["edit"]) => compose::save_edit(visit, &detail),
        (false, ["retry-unknown"]) => ask_about_unknown(visit, &detail, String::new()),
        (true, [what]) => change(visit, &detail, what),
        (false, ["recipients.csv"]) => recipients::export(visit, &detail),
        _ => reply::not_found(visit),
    }
}

fn change(visit: &Visit<'_>, detail: &Message, what: &str) -> Answered {
    let (id, now, config) = (detail.id, visit.now, visit.config);
    let there = format!("/panel/messages/{id}");
    let there = attention::back(visit, &there);
    let retry = |store: &mut Store, with_unknown| {
        messages::retry(store, id, Retry { with_unknown }, visit.mark(), config, now)
    };
    let pressed = match what {
        "cancel" => visit.press(id, (there, "cancelled"), |store| messages::cancel(store, id, now)),
        "pause" => visit.press(id, (there, "paused"), |store| messages::pause(store, id, now)),
        "resume" => {
            visit.press(id, (there, "resumed"), |store| messages::resume(store, id, config, now))
        }
        "retry" => visit.press(id, (there, "retried"), |store| retry(store, false)),
        "split" => {
            let Some(by) = visit.form.get("by").and_then(ahead::split_by) else {
                return reply::not_found(visit);
            };
            visit.press(id, (there, "split"), |store| forecast::split(store, id, by, config, now))
        }
        "retry-unknown" if visit.form.get("sure").is_none() && !visit.is_second()? => {
            return ask_about_unknown(visit, detail, visit.words().retry_unknown_risk.to_owned());
        }
        "retry-unknown" => visit.press(id, (there, "retried"), |store| retry(store, true)),
        _ => return reply::not_found(visit),
    };
    reply::or_told(visit, pressed, there)
}

#[derive(Template)]
#[template(path = "retry_unknown.html")]
struct RetryUnknownPage<'a> {
    p: Page<'a>,
    id: i64,
    told: String,
    problem: String,
}

fn ask_about_unknown(visit: &Visit<'_>, detail: &Message, problem: String) -> Answered {
    let page = RetryUnknownPage {
        p: visit.page("messages"),
        id: detail.id,
        told: visit.counted(visit.words().retry_unknown_told, detail.counts.unknown),
        problem,
    };
    reply::html(200, &page)
}

fn list(visit: &Visit<'_>) -> Answered {
    let status = visit.query.get("status").and_then(MessageStatus::from_word);
    let search = visit.query.filled("q");
    if status == Some(MessageStatus::Scheduled) {
        return scheduled::page(visit, search);
    }
    let from = visit.page_from();
    let wanted = Wanted { status, search: search.map(str::to_owned), ..Wanted::default() };
    let (counts, found) = visit.read(|tx| {
        let limit = u32::from(MESSAGES_PER_PAGE) + 1;
        Ok((tx.status_counts()?, tx.page_of_messages(&wanted, from, limit, false)?))
    })?;
    let found = OnePage::of(found, from, MESSAGES_PER_PAGE.into(), |row| row.id);
    let status = status.map(MessageStatus::as_str).unwrap_or_default();
    let search = search.unwrap_or_default();
    let (newer, older) = found.links("/panel/messages", &[("status", status), ("q", search)]);
    let page = MessagesPage {
        p: visit.page("messages"),
        choices: choices(visit, &counts, status, search),
        search,
        status,
        rows: MessageRow::all(&found.rows, visit)?,
        people: searched::people(visit, Some(search).filter(|search| !search.is_empty()))?,
        in_need: attention::count(visit)?,
        newer,
        older,
    };
    reply::html(200, &page)
}

pub(super) fn choices(
    visit: &Visit<'_>,
    counts: &[StatusCount],
    status: &str,
    search: &str,
) -> Vec<(Choice, String)> {
    let w = visit.words();
    let of_messages = counts.iter().filter(|count| count.counted == "message");
    let number = |count: &StatusCount| u64::try_from(count.number).unwrap_or(0);
    let all = of_messages.clone().map(number).sum();
    let each = STATUSES.map(|status| {
        let found = of_messages.clone().find(|count| count.status == status.as_str());
        (status.as_str(), format::message_badge(status, w).word, found.map_or(0, number))
    });
    let choice = |(value, word, count): (&str, &str, u64)| {
        let query = forms::to_query(&[("status", value), ("q", search)]);
        let choice = Choice::new(word, value == status, format!("/panel/messages{query}"));
        (choice, visit.number(count))
    };
    std::iter::once(("", w.all, all)).chain(each).map(choice).collect()
}

fn show(visit: &Visit<'_>, detail: &Message) -> Answered {
    let w = visit.words();
    let mut facts = Vec::new();
    let listed = detail;
    let is = |status| listed.status == status;
    let channels = visit.read(|tx| {
        listed.channels().into_iter().map(|id| tx.channel(id)).collect::<SqlResult<Vec<_>>>()
    })?;
    let names: Vec<String> = channels.into_iter().flatten().map(|channel| channel.name).collect();
    if !names.is_empty() {
        facts.push((w.channel, names.join(" + ")));
    }
    let Timetable { schedules, interval_config, .. } = &detail.timetable;
    let times = visit.times(schedules.as_deref(), interval_config.as_deref());
    if !times.is_empty() {
        facts.push((w.when, times));
    }
    if let Some(at) = crate::clock::Timestamp::parse(&detail.created_at) {
        facts.push((w.made_at, visit.moment(at)));
    }
    if let Some(by) = detail.created_by.clone().filter(|by| !by.is_empty()) {
        facts.push((w.made_by, by));
    }
    // What was cancelled stays so: both would only be refused.
    let is_retried = !is(MessageStatus::Cancelled);
    let page = MessagePage {
        p: visit.page("messages"),
        ahead: ahead_of(visit, listed)?,
        id: listed.id,
        name: name_of(listed, visit),
        l: live(visit, detail)?,
        may: May {
            edit: is(MessageStatus::Draft) || is(MessageStatus::Scheduled),
            cancel: !listed.status.has_ended(),
            pause: is(MessageStatus::Scheduled) || is(MessageStatus::Sending),
            resume: is(MessageStatus::Draft),
            retry: is_retried && listed.counts.failed > 0,
            retry_unknown: is_retried && listed.counts.unknown > 0,
        },
        at_once: AtOnce::of(visit, listed),
        facts,
        carried: Carried::of(visit, detail.content.as_deref()),
        text: carried::of_stored(&detail.message, detail.content.as_deref()).0,
    };
    reply::html(200, &page)
}

fn ahead_of(visit: &Visit<'_>, listed: &Message) -> PageResult<Ahead> {
    if listed.status == MessageStatus::Scheduled {
        return ahead::of_message(visit, listed);
    }
    let mut ahead = Ahead::default();
    if listed.status == MessageStatus::Sending {
        ahead.in_the_way = super::channels::in_the_way(visit, listed.channel_id)?;
    }
    Ok(ahead)
}

fn live(visit: &Visit<'_>, listed: &Message) -> PageResult<Live> {
    let is_sending = listed.status == MessageStatus::Sending;
    Ok(Live {
        row: MessageRow::of(listed, visit),
        error: visit.explain(listed.error.as_ref()),
        parts: parts(visit, listed),
        through: if is_sending { ahead::through_of(visit, listed)? } else { String::new() },
        recipients: recipients::look(visit, listed)?,
    })
}

fn parts(visit: &Visit<'_>, listed: &Message) -> Vec<Part> {
    let w = visit.words();
    let ended =
        listed.counts.sent + listed.counts.failed + listed.counts.skipped + listed.counts.unknown;
    let all = listed.contact_count.max(ended);
    let waits = match listed.status {
        MessageStatus::Sending => true,
        // It was paused on its way.
        MessageStatus::Draft => ended > 0,
        MessageStatus::Scheduled
        | MessageStatus::Sent
        | MessageStatus::Failed
        | MessageStatus::Cancelled => false,
    };
    let waiting = if waits { all - ended } else { 0 };
    let mut x = 0;
    let mut parts = Vec::new();
    for (class, word, count) in [
        ("sent", w.sent, listed.counts.sent),
        ("failed", w.failed, listed.counts.failed),
        ("unknown", w.unknown, listed.counts.unknown),
        ("skipped", w.skipped, listed.counts.skipped),
        ("pending", w.delivery_pending, waiting),
    ] {
        let width = count * 1000 / all.max(1);
        if count > 0 {
            parts.push(Part { class, word, count, x, width });
        }
        x += width;
    }
    parts
}
