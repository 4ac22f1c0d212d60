//! What the plan says of a message, in words: when it begins and is through, who is too late for it and what
//! to do about that, and what is wrong with its number. All of it is the forecast's.

use std::collections::HashMap;

use super::PageResult;
use super::channels::{self, ChannelCard};
use super::looked::{self, Asked, Planned};
use super::visit::Visit;
use crate::delivery::MessageStatus;
use crate::forecast::{self, Bounds, MessageForecast, Risk, Scope, Seen, Warning};
use crate::messages::SplitBy;
use crate::store::Message;

/// A page that asks again and again looks at so many recipients, and a list at so many before it begins no
/// other message.
const RECIPIENTS_MAX: u64 = 2_000;
const MESSAGES_MAX: u64 = 200;

#[derive(Default)]
pub(super) struct Ahead {
    /// When it begins and is through.
    pub(crate) times: String,
    /// Why it fails as a whole, or who gets it in time and who does not; empty when all do.
    pub(crate) fits: String,
    pub(crate) advice: String,
    /// The buttons that do it: what they send, and their words.
    pub(crate) ways: Vec<(String, String)>,
    pub(crate) risks: Vec<String>,
    pub(crate) in_the_way: Option<ChannelCard>,
    /// The same for programs: how many go out, how many are too late, and from when to when.
    pub(crate) facts: [String; 4],
    pub(crate) is_being_counted: bool,
}

impl Ahead {
    /// What the plan says of a message that is stored, or of one that would be.
    pub(super) fn of(visit: &Visit<'_>, planned: &Planned) -> PageResult<Self> {
        let (w, Planned { message, seen, .. }) = (visit.words(), planned);
        let moment = |at| visit.moment(at);
        let tally = seen.tally;
        let mut ahead = Self { fits: fits(visit, seen), ..Self::default() };
        if let (Some(begins), Some(ends)) = (tally.begins_at, tally.ends_at) {
            let words = if begins == ends { w.goes_out_at } else { w.begins_and_ends };
            ahead.times =
                words.replace("{begins}", &moment(begins)).replace("{ends}", &moment(ends));
        }
        let risks = seen.risks().into_iter();
        let text = |risk: Risk| sentence(&risk.text(visit.language, |day| visit.day(day)));
        ahead.risks = risks.map(text).collect();
        let text = |at: Option<crate::clock::Timestamp>| at.map(|at| at.to_string());
        ahead.facts = [
            tally.goes_out.to_string(),
            tally.too_late.to_string(),
            text(tally.begins_at).unwrap_or_default(),
            text(tally.ends_at).unwrap_or_default(),
        ];
        match seen.warning() {
            None => {}
            Some(Warning::TooLate { .. }) => w.late_advice.clone_into(&mut ahead.advice),
            Some(Warning::DueAgain { .. } | Warning::FallsBehind { .. }) => {
                w.repeats_advice.clone_into(&mut ahead.advice);
            }
        }
        ahead.ways = ways(visit, planned);
        ahead.in_the_way = channels::in_the_way(visit, message.channel_id)?;
        Ok(ahead)
    }
}

/// Words that begin with a capital and end with a stop.
fn sentence(words: &str) -> String {
    let begin = words.chars().next().map(char::to_uppercase).into_iter().flatten();
    begin.chain(words.chars().skip(1)).chain(['.']).collect()
}

pub(super) fn of_message(visit: &Visit<'_>, message: &Message) -> PageResult<Ahead> {
    let Some(looked) = looked::look(visit, Asked::Stored(Box::new(message.clone())))? else {
        return Ok(Ahead { is_being_counted: true, ..Ahead::default() });
    };
    let planned = looked.planned.as_ref().map(|planned| Ahead::of(visit, planned));
    planned.unwrap_or_else(|| Ok(Ahead::default()))
}

/// What becomes of each message of a list, in a few words; empty for those that do not wait and are not on their way.
pub(super) fn of_rows(visit: &Visit<'_>, rows: &[Message]) -> PageResult<Vec<String>> {
    let waits =
        |row: &Message| matches!(row.status, MessageStatus::Scheduled | MessageStatus::Sending);
    if !rows.iter().any(waits) {
        return Ok(vec![String::new(); rows.len()]);
    }
    let all = of_all(visit)?;
    let told = |row: &Message| {
        let Some(seen) = all.get(&row.id) else { return Ok(String::new()) };
        let fits = fits(visit, seen);
        let is_held = row.status == MessageStatus::Sending
            && channels::in_the_way(visit, row.channel_id)?.is_some();
        let ends = seen.tally.ends_at.map(|at| through(visit, at, is_held)).unwrap_or_default();
        Ok(if fits.is_empty() { ends } else { fits })
    };
    rows.iter().map(told).collect()
}

/// What the forecast says of all that waits or is on its way, as far as a list looks, by id. A page looks once.
pub(super) fn of_all<'v>(visit: &'v Visit<'_>) -> PageResult<&'v HashMap<i64, MessageForecast>> {
    if let Some(known) = visit.foretold.get() {
        return Ok(known);
    }
    let mut all = HashMap::new();
    look(visit, Scope::All, &mut |seen| {
        if let Seen::Message(seen) = seen {
            all.insert(seen.id, seen.clone());
        }
    })?;
    Ok(visit.foretold.get_or_init(|| all))
}

/// When a message that is on its way will be through; empty when nobody knows, or too many wait.
pub(super) fn through_of(visit: &Visit<'_>, message: &Message) -> PageResult<String> {
    bounded(visit, Scope::Message(message.id), message.contact_count)
}

/// When all that is due now will be through.
pub(super) fn of_queue(visit: &Visit<'_>, pending: u64) -> PageResult<String> {
    if pending == 0 { Ok(String::new()) } else { bounded(visit, Scope::DueNow, pending) }
}

fn bounded(visit: &Visit<'_>, scope: Scope, recipients: u64) -> PageResult<String> {
    let pending = visit.read(|tx| tx.count_pending())?;
    if recipients.max(pending) > RECIPIENTS_MAX {
        return Ok(String::new());
    }
    let Some(seen) = look(visit, scope, &mut |_| {})? else { return Ok(String::new()) };
    let is_held = seen.channels.iter().any(|channel| channel.held_reason.is_some());
    Ok(seen.totals.ends_at.map(|at| through(visit, at, is_held)).unwrap_or_default())
}

fn look(
    visit: &Visit<'_>,
    scope: Scope,
    see: &mut dyn FnMut(Seen<'_>),
) -> PageResult<Option<forecast::Forecast>> {
    let (config, now) = (visit.config, visit.now);
    let bounds = Bounds { messages: MESSAGES_MAX, recipients: RECIPIENTS_MAX };
    Ok(visit.with_store(|store| forecast::forecast(store, scope, config, bounds, now, see))?)
}

/// The forecast counts a number that is on hold as if it were free, so the time holds only then.
fn through(visit: &Visit<'_>, at: crate::clock::Timestamp, is_held: bool) -> String {
    let w = visit.words();
    let words = if is_held { w.through_if_free } else { w.through_at };
    words.replace("{}", &visit.moment(at))
}

/// Why it fails as a whole, or who gets it in time and who does not; empty when all do.
fn fits(visit: &Visit<'_>, seen: &MessageForecast) -> String {
    let w = visit.words();
    if let Some(why) = &seen.fails {
        return w.will_fail.replace("{}", &why.text(visit.language));
    }
    if seen.recipients > 0 && seen.tally.skipped == seen.recipients {
        return w.fits_nobody.to_owned();
    }
    let number = |count| visit.number(count);
    let hours = visit.config.late_limit.as_secs() / 3600;
    let (words, in_time, all, late) = match seen.warning() {
        None if seen.tally.waits > 0 => (w.fits_waits, 0, seen.tally.waits, 0),
        None => return String::new(),
        Some(Warning::TooLate { in_time, recipients, too_late }) => {
            (w.fits_late, in_time, recipients, too_late)
        }
        Some(Warning::DueAgain { in_time, recipients }) => (w.fits_again, in_time, recipients, 0),
        Some(Warning::FallsBehind { recipients }) => (w.fits_behind, 0, recipients, 0),
    };
    words
        .replace("{n}", &number(in_time))
        .replace("{all}", &number(all))
        .replace("{late}", &number(late))
        .replace("{hours}", &number(hours))
}

/// The buttons for what gets it to everybody in time: several days, or a second number.
fn ways(visit: &Visit<'_>, planned: &Planned) -> Vec<(String, String)> {
    let w = visit.words();
    let days = planned.days.map(|days| {
        let days = visit.number(days as u64);
        ("days".to_owned(), w.split_days.replace("{}", &days))
    });
    let second = planned.second.as_ref();
    let second = second.map(|(id, name)| (id.to_string(), w.split_channel.replace("{}", name)));
    days.into_iter().chain(second).collect()
}

/// What a button of [`Ahead::ways`] sends.
pub(super) fn split_by(text: &str) -> Option<SplitBy> {
    match text {
        "days" => Some(SplitBy::Days),
        channel => channel.parse().ok().map(SplitBy::Channel),
    }
}
