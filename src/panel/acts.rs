//! Who did what, through the panel, the API and the command line: noted here for all of the panel, and
//! shown as a page.

use askama::Template;

use super::visit::{OnePage, Page, Visit};
use super::{Answered, reply};
use crate::http::Response;
use crate::store::{Act, ActedOn, Door, Noted};

const ACTS_PER_PAGE: u32 = 50;

struct ActRow {
    when: String,
    door: &'static str,
    who: String,
    what: String,
    link: String,
    about: String,
}

#[derive(Template)]
#[template(path = "acts.html")]
struct ActsPage<'a> {
    p: Page<'a>,
    rows: Vec<ActRow>,
    newer: String,
    older: String,
}

pub(super) fn page(visit: &Visit<'_>) -> Answered {
    let from = visit.page_from();
    let acts = visit.read(|tx| tx.page_of_acts(from, ACTS_PER_PAGE + 1))?;
    let found = OnePage::of(acts, from, ACTS_PER_PAGE as usize, |act| act.id);
    let (newer, older) = found.links("/panel/acts", &[]);
    let rows = found.rows.into_iter().map(|act| row(visit, act)).collect();
    reply::html(200, &ActsPage { p: visit.page("runs"), rows, newer, older })
}

fn row(visit: &Visit<'_>, Noted { at, act, .. }: Noted) -> ActRow {
    let w = visit.words();
    let number = act.number.and_then(|number| u64::try_from(number).ok()).unwrap_or_default();
    let what = w.act(&act.what).map(|words| visit.counted(words, number));
    let (word, path) = match act.kind {
        Some(ActedOn::Message) => (w.message, "/panel/messages"),
        Some(ActedOn::Contact) => (w.contact, "/panel/contacts"),
        Some(ActedOn::Channel) => (w.channel, "/panel/channels"),
        None => ("", ""),
    };
    let id = act.about.map(|id| id.to_string()).filter(|_| !word.is_empty());
    ActRow {
        when: at.map(|at| visit.moment(at)).unwrap_or_default(),
        door: match act.door {
            Door::Panel => w.door_panel,
            Door::Api => w.trigger_api,
            Door::Cli => w.trigger_cli,
        },
        who: act.who.unwrap_or_default(),
        what: what.unwrap_or(act.what),
        about: id.as_deref().map(|id| format!("{word} {id}")).unwrap_or_default(),
        link: id.map(|id| format!("{path}/{id}")).unwrap_or_default(),
    }
}

pub(super) fn of(visit: &Visit<'_>, what: &str, about: Option<i64>) -> Act {
    let section = visit.path.split('/').nth(2).unwrap_or_default();
    Act {
        door: Door::Panel,
        who: visit.client().map(|address| address.to_string()),
        what: what.to_owned(),
        kind: match section {
            "messages" => Some(ActedOn::Message),
            "contacts" => Some(ActedOn::Contact),
            "channels" => Some(ActedOn::Channel),
            _ => None,
        },
        about,
        number: None,
    }
}

/// Notes what a form did, as the answer tells it: it leads to a page that says so.
pub(super) fn note(visit: &Visit<'_>, was_known: bool, answer: &Response) {
    let is_login = !was_known && visit.is_known();
    let there = answer.headers.iter().find(|(name, _)| *name == "Location");
    let there = there.map(|(_, there)| there.as_str()).unwrap_or_default();
    let (path, query) = there.split_once('?').unwrap_or((there, ""));
    let said = super::forms::query(there);
    let what = match said.get("done") {
        _ if is_login => "logged_in",
        Some("unchanged") | None => return,
        Some("left") if !was_known => return,
        Some(what) => what,
    };
    let id = |path: &str| path.split('/').find_map(|part| part.parse().ok());
    let about = if is_login { None } else { id(path).or_else(|| id(&visit.path)) };
    let number = said.number("n").filter(|_| !query.is_empty());
    let act = Act { number, ..of(visit, what, about) };
    let act = if is_login { Act { kind: None, ..act } } else { act };
    visit.with_store(|store| store.note_done(&act, visit.now));
    visit.panel.counting.forget();
}
