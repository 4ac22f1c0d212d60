//! What is done with contacts that were ticked, or with all that a search found: tags, opt-outs, an export, a
//! message; and a removal, which can be undone for a minute.

use std::collections::HashSet;
use std::time::Duration;

use super::merge::{self, Told};
use super::visit::Visit;
use super::{Answered, PageResult, forms, reply};
use crate::contacts::export::{self, Format};
use crate::contacts::{self, ContactError, Filter, opt_out};
use crate::http::Response;
use crate::recipient::Entry;
use crate::secret::random_hex;
use crate::store::PageFrom;

/// A removal can be undone for so long.
const UNDO_LASTS: Duration = Duration::from_mins(1);
/// More than so many at once are tagged, and written to by their tag: an address has no room for them.
const WRITTEN_TO_MAX: usize = 300;
/// What looks at each contact's messages takes no more at once.
const CHANGED_MAX: usize = 5_000;
const CONTACTS_PER_READ: usize = 1_000;

/// Removals whose time is over are forgotten.
pub(super) fn forget_removed(visit: &Visit<'_>) -> PageResult<()> {
    let oldest = visit.now.minus(UNDO_LASTS);
    if visit.read(|tx| tx.has_removed_before(oldest))? {
        visit.write(|tx| tx.forget_removed_before(oldest))?;
    }
    Ok(())
}

/// The removal that the address names, while it can be undone.
pub(super) fn undo_of(visit: &Visit<'_>) -> PageResult<String> {
    let Some(batch) = visit.query.filled("undo") else { return Ok(String::new()) };
    let is_there = visit.read(|tx| tx.has_removed(batch))?;
    Ok(if is_there { batch.to_owned() } else { String::new() })
}

pub(super) fn act(visit: &Visit<'_>) -> Answered {
    let w = visit.words();
    if visit.is_second()? {
        return Ok(back(visit, "unchanged", 0, ""));
    }
    if visit.form.get("do") == Some("write")
        && let Some(there) = all_in_a_word(visit)
    {
        return Ok(reply::see_other(there));
    }
    let ids = chosen(visit)?;
    if ids.is_empty() {
        return refuse(visit, w.choose_contacts);
    }
    let done = match visit.form.get("do") {
        Some(change @ ("tag" | "untag")) => tag(visit, &ids, change == "tag"),
        Some("write") if ids.len() > WRITTEN_TO_MAX => Err(Told::refusal(w.too_many_to_write)),
        Some("write") => {
            let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
            let to = forms::to_query(&[("to", &ids.join(","))]);
            return Ok(reply::see_other(format!("/panel/messages/new{to}")));
        }
        Some("export") => return export(visit, ids),
        Some("opt-out" | "remove") if ids.len() > CHANGED_MAX => {
            Err(Told::refusal(w.too_many_to_change))
        }
        Some("opt-out") => opt_out_all(visit, &ids),
        Some("remove") => remove(visit, &ids),
        Some(_) | None => return reply::not_found(visit),
    };
    let done = done.and_then(|reply| visit.keep_mark(0).map(|()| reply));
    merge::or_shown(done, |told| refuse(visit, &told.problem))
}

pub(super) fn undo(visit: &Visit<'_>) -> Answered {
    let w = visit.words();
    let batch = visit.form.filled("batch").unwrap_or_default().to_owned();
    let (oldest, country) = (visit.now.minus(UNDO_LASTS), &visit.config.country);
    let count = visit
        .with_store(|store| contacts::bring_back(store, &batch, oldest, country, visit.now))?;
    if count == 0 {
        return refuse(visit, w.undo_too_late);
    }
    Ok(back(visit, "brought_back", count, ""))
}

fn refuse(visit: &Visit<'_>, problem: &str) -> Answered {
    let there = format!("/panel/contacts{}", found_query(visit, &[]));
    reply::tell(visit, 422, visit.words().could_not, problem, &there)
}

/// The list that the contacts were chosen from.
fn found_query(visit: &Visit<'_>, more: &[(&str, &str)]) -> String {
    let field = |name| visit.form.filled(name).unwrap_or_default();
    let found = [("q", field("q")), ("tag", field("in_tag"))];
    forms::to_query(&[&found, more].concat())
}

fn back(visit: &Visit<'_>, code: &str, count: u64, batch: &str) -> Response {
    let count = count.to_string();
    let query = found_query(visit, &[("done", code), ("n", &count), ("undo", batch)]);
    reply::see_other(format!("/panel/contacts{query}"))
}

/// A new message to all that were found, when there is a word for them.
fn all_in_a_word(visit: &Visit<'_>) -> Option<String> {
    visit.form.get("all")?;
    match (visit.form.filled("q"), visit.form.filled("in_tag")) {
        (None, Some(tag)) => {
            Some(format!("/panel/messages/new{}", forms::to_query(&[("tag", tag)])))
        }
        (None, None) => Some("/panel/messages/new?to=all".to_owned()),
        (Some(_), _) => None,
    }
}

/// The contacts that are ticked, or all that the search finds, the newest first.
fn chosen(visit: &Visit<'_>) -> PageResult<Vec<i64>> {
    if visit.form.get("all").is_none() {
        return Ok(visit.form.all("id").filter_map(|id| id.parse().ok()).collect());
    }
    let owned = |name| visit.form.filled(name).map(str::to_owned);
    let filter = Filter { search: owned("q"), tag: owned("in_tag"), opted_out: None };
    let (mut ids, mut from) = (Vec::new(), PageFrom::Newest);
    loop {
        let page = visit.contacts(&filter, from, CONTACTS_PER_READ)?;
        ids.extend(page.iter().map(|person| person.id));
        match page.last() {
            Some(last) if page.len() == CONTACTS_PER_READ => from = PageFrom::OlderThan(last.id),
            _ => return Ok(ids),
        }
    }
}

fn tag(visit: &Visit<'_>, ids: &[i64], gives: bool) -> Answered {
    let w = visit.words();
    let Some(tags) = visit.form.filled("label") else { return Err(Told::refusal(w.needs_tag)) };
    let tagged = visit.with_store(|store| contacts::tag_all(store, ids, tags, gives, visit.now));
    match tagged {
        Ok(count) => Ok(back(visit, if gives { "tagged" } else { "untagged" }, count, "")),
        Err(ContactError::Store(error)) => Err(error.into()),
        Err(_) => Err(Told::refusal(w.tag_too_long)),
    }
}

fn opt_out_all(visit: &Visit<'_>, ids: &[i64]) -> Answered {
    let mut count = 0;
    for id in ids {
        let out = visit.with_store(|store| {
            opt_out::opt_out(store, &Entry::Contact(*id), visit.config, visit.now)
        });
        match out {
            Ok(out) => count += u64::from(out.is_news),
            Err(ContactError::Store(error)) => return Err(error.into()),
            Err(_) => {} // somebody removed it meanwhile
        }
    }
    Ok(back(visit, "opted_out_all", count, ""))
}

fn remove(visit: &Visit<'_>, ids: &[i64]) -> Answered {
    let batch = random_hex()?[..32].to_owned();
    let removed = visit.with_store(|store| {
        contacts::remove_for_now(store, ids, &batch, visit.config, visit.now)
    })?;
    if removed == 0 {
        return Err(Told::refusal(visit.words().all_opted_out));
    }
    let is_all = removed == ids.len() as u64;
    Ok(back(visit, if is_all { "removed" } else { "removed_some" }, removed, &batch))
}

fn export(visit: &Visit<'_>, ids: Vec<i64>) -> Answered {
    let ids: HashSet<i64> = ids.into_iter().collect();
    let mut list = Vec::new();
    let country = &visit.config.country;
    let written = visit
        .with_store(|store| export::export_some(Format::Excel, store, &ids, country, &mut list));
    match written {
        Ok(_) => Ok(reply::download("contacts.csv", "text/csv; charset=utf-8", list)),
        Err(export::ExportError::Store(error)) => Err(error.into()),
        // A list in memory takes all.
        Err(export::ExportError::Write(_)) => reply::not_found(visit),
    }
}
