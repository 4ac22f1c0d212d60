//! Who got a message, and who did not and why: a page at a time, or all of them as CSV.

use super::format::{self, Badge, Choice};
use super::visit::{self, Visit};
use super::words::Words;
use super::{Answered, PageResult, carried, forms, reply};
use crate::clock::Timestamp;
use crate::contacts::cell::guard;
use crate::delivery::Status;
use crate::store::{Delivery, Message, SameReason};

const RECIPIENTS_PER_PAGE: u32 = 50;
const OCCURRENCES_MAX: u32 = 8;
/// Rows of a CSV read in one look, so that a long list does not hold up the sender.
const EXPORT_ROWS: u32 = 5_000;

const REASONS_SHOWN_MAX: u8 = 12;

/// Some who did not get it, all for the same reason.
pub(super) struct Why {
    pub(crate) who: String,
    pub(crate) status: Badge,
    pub(crate) text: String,
    pub(crate) link: String,
    pub(crate) is_chosen: bool,
}

pub(super) struct Recipients {
    pub(crate) is_empty: bool,
    pub(crate) occurrences: Vec<Choice>,
    pub(crate) filters: Vec<Choice>,
    /// Why many did not get it, the reason of most first; empty when each stands for itself.
    pub(crate) reasons: Vec<Why>,
    pub(crate) reasons_are_cut: bool,
    pub(crate) rows: Vec<RecipientRow>,
    pub(crate) csv: String,
    /// The first page, unless this is it.
    pub(crate) first: String,
    pub(crate) more: String,
}

pub(super) struct RecipientRow {
    pub(crate) name: String,
    /// The page of the contact, when the recipient is one.
    pub(crate) link: String,
    pub(crate) chat: String,
    pub(crate) status: Badge,
    pub(crate) error: String,
    pub(crate) when: String,
}

pub(super) fn look(visit: &Visit<'_>, listed: &Message) -> PageResult<Recipients> {
    let (w, id) = (visit.words(), listed.id);
    let (filters, show) = (filters(w), visit.query.get("show"));
    let shown = filters.iter().find(|(known, ..)| show == Some(known)).unwrap_or(&filters[0]);
    let (show, _, statuses) = *shown;
    let after = visit.query.get("after").unwrap_or_default();
    let like = visit.query.number("why");
    let asked = visit.query.get("at").and_then(Timestamp::parse);
    let (times, at, mut found, reasons) = visit.read(|tx| {
        let times = tx.occurrence_times(id, OCCURRENCES_MAX)?;
        let Some(at) = asked.or_else(|| times.first().map(|(at, _)| *at)) else {
            return Ok((times, None, Vec::new(), Vec::new()));
        };
        let limit = RECIPIENTS_PER_PAGE + 1;
        let mut found = tx.page_of_deliveries(id, at, statuses, like, (after, limit))?;
        let reasons = tx.reasons_of_deliveries(id, at, u32::from(REASONS_SHOWN_MAX) + 1)?;
        for row in &mut found {
            // One that was removed has no page any more.
            if let Some(id) = row.contact_id
                && tx.contact(id)?.is_none()
            {
                row.contact_id = None;
            }
        }
        Ok((times, Some(at), found, reasons))
    })?;
    let at_text = at.map(|at| at.to_string()).unwrap_or_default();
    let link = |at: &str, show: &str| link_to(id, &[("at", at), ("show", show)]);
    let why = like.map(|like| like.to_string()).unwrap_or_default();
    let page = |after: &str| {
        link_to(id, &[("at", &at_text), ("show", show), ("why", &why), ("after", after)])
    };
    let (reasons, reasons_are_cut) = whys(visit, (id, &at_text), reasons);
    let more = visit::cut(&mut found, RECIPIENTS_PER_PAGE as usize, |last| page(&last.chat_id));
    let occurrence = |(time, is_retry): &(Timestamp, bool)| {
        let moment = visit.moment(*time);
        let word = if *is_retry { w.tried_again.replace("{}", &moment) } else { moment };
        Choice::new(word, Some(*time) == at, link(&time.to_string(), ""))
    };
    let filter = |(value, word, _): (&str, &'static str, _)| {
        let is_chosen = value == show && like.is_none();
        Choice::new(word, is_chosen, link(&at_text, value))
    };
    Ok(Recipients {
        is_empty: times.is_empty(),
        occurrences: times.iter().map(occurrence).collect(),
        filters: filters.into_iter().map(filter).collect(),
        reasons,
        reasons_are_cut,
        rows: found.into_iter().map(|row| of_row(visit, row)).collect(),
        csv: format!("/panel/messages/{id}/recipients.csv{}", forms::to_query(&[("at", &at_text)])),
        first: if after.is_empty() { String::new() } else { page("") },
        more,
    })
}

/// What `show` may say, in words, and the statuses that it shows.
fn filters(w: &'static Words) -> [(&'static str, &'static str, &'static [Status]); 6] {
    [
        ("", w.all, &[]),
        ("sent", w.sent, &[Status::Sent]),
        ("waiting", w.delivery_pending, &[Status::Pending, Status::Sending]),
        ("failed", w.failed, &[Status::Failed, Status::Expired]),
        ("unknown", w.unknown, &[Status::Unknown]),
        ("skipped", w.skipped, &[Status::Skipped, Status::Cancelled]),
    ]
}

fn link_to(id: i64, query: &[(&str, &str)]) -> String {
    format!("/panel/messages/{id}{}", forms::to_query(query))
}

/// The reasons in words, and whether there are more; none where each stands beside its only recipient anyway.
fn whys(visit: &Visit<'_>, (id, at): (i64, &str), reasons: Vec<SameReason>) -> (Vec<Why>, bool) {
    if reasons.iter().all(|one| one.count < 2) {
        return (Vec::new(), false);
    }
    let are_cut = reasons.len() > usize::from(REASONS_SHOWN_MAX);
    let chosen = visit.query.number("why");
    let why = |one: SameReason| {
        let who = match one.count {
            1 => format::recipient(&one.such_as, visit.language),
            _ => visit.people(one.count),
        };
        let like = one.delivery_id.to_string();
        Why {
            who,
            status: format::delivery_badge(one.status, None, visit.words()),
            text: one.error.text(visit.language),
            link: link_to(id, &[("at", at), ("why", &like)]),
            is_chosen: chosen == Some(one.delivery_id),
        }
    };
    (reasons.into_iter().take(REASONS_SHOWN_MAX.into()).map(why).collect(), are_cut)
}

fn of_row(visit: &Visit<'_>, row: Delivery) -> RecipientRow {
    let chat = format::recipient(&row.chat_id, visit.language);
    let name = row.name.filter(|name| !name.trim().is_empty());
    let when = row.finished_at.map(|at| visit.moment(at));
    let link = row.contact_id.map(|id| format!("/panel/contacts/{id}"));
    RecipientRow {
        link: link.unwrap_or_default(),
        chat: if name.is_some() { chat.clone() } else { String::new() },
        name: name.unwrap_or(chat),
        status: format::delivery_badge(row.status, row.ack, visit.words()),
        error: visit.explain(row.error.as_ref()),
        when: when.unwrap_or_default(),
    }
}

pub(super) fn export(visit: &Visit<'_>, detail: &Message) -> Answered {
    let (w, id) = (visit.words(), detail.id);
    let asked = visit.query.get("at").and_then(Timestamp::parse);
    let latest = visit.read(|tx| tx.occurrence_times(id, 1))?;
    // A byte order mark, so that spreadsheets read it as UTF-8.
    let mut text = String::from("\u{feff}");
    line(
        &mut text,
        &[w.name, w.number, w.status, w.ended, w.reason, w.waha_id, w.kind, w.kind_file],
    );
    if let Some(at) = asked.or_else(|| latest.first().map(|(at, _)| *at)) {
        let mut after = String::new();
        loop {
            let rows =
                visit.read(|tx| tx.page_of_deliveries(id, at, &[], None, (&after, EXPORT_ROWS)))?;
            let Some(last) = rows.last() else { break };
            after.clone_from(&last.chat_id);
            for row in &rows {
                let status = format::delivery_badge(row.status, row.ack, w);
                let zone = &visit.config.zone;
                let when = row.finished_at.map(|at| zone.format_local(at)).unwrap_or_default();
                let number = row.chat_id.strip_suffix("@c.us").map(|digits| format!("+{digits}"));
                let (kind, file) = carried::in_two_cells(row.content.as_deref(), w);
                line(
                    &mut text,
                    &[
                        row.name.as_deref().unwrap_or_default(),
                        number.as_deref().unwrap_or(&row.chat_id),
                        status.word,
                        &when,
                        &visit.explain(row.error.as_ref()),
                        row.waha_message_id.as_deref().unwrap_or_default(),
                        kind,
                        &file,
                    ],
                );
            }
        }
    }
    let name = format!("message-{id}-recipients.csv");
    Ok(reply::download(&name, "text/csv; charset=utf-8", text.into_bytes()))
}

/// One line of CSV. What a spreadsheet would take for a formula is made text; a number with its `+`
/// in front is none.
fn line(text: &mut String, cells: &[&str]) {
    let quoted = |cell: &&str| {
        let digits =
            cell.strip_prefix('+').is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
        let cell = if digits { (*cell).into() } else { guard(cell, false) };
        format!("\"{}\"", cell.replace('"', "\"\""))
    };
    let cells: Vec<String> = cells.iter().map(quoted).collect();
    text.extend([cells.join(",").as_str(), "\r\n"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stays_a_cell_and_no_formula() {
        let mut text = String::new();
        line(&mut text, &["Budi, \"Pak\"", "+6281234567890", "=HYPERLINK(1)", "-1+2", "a\nb"]);
        assert_eq!(
            text,
            "\"Budi, \"\"Pak\"\"\",\"+6281234567890\",\"'=HYPERLINK(1)\",\"'-1+2\",\"a\nb\"\r\n"
        );
    }
}
