//! What the panel knows of WAHA's sessions: how each was found the last time that somebody looked, and the
//! code to scan. Asked by way of `channels`, and never while the database is held.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use super::format::{self, Badge};
use super::visit::Visit;
use super::words::Words;
use super::{Answered, PageResult, reply};
use crate::channels::{self, ChannelView, Code, Looked, Sessions, State};
use crate::clock::{Timestamp, lock};
use crate::http::Response;

/// WAHA did not answer: it is not asked again before so long, or slow pages would add up.
const AWAY_BELIEVED: Duration = Duration::from_secs(10);
/// The code's picture has a new address so often: a browser then shows the new one.
const CODE_LASTS_SECS: i64 = 10;

/// The looks at sessions while the program runs.
pub(super) struct Checks {
    sessions: Option<Sessions>,
    /// By the channel's id.
    last: Mutex<HashMap<i64, Check>>,
}

#[derive(Clone)]
pub(super) struct Check {
    session: String,
    pub(crate) looked: Looked,
    pub(crate) at: Timestamp,
}

pub(super) struct SessionPart {
    pub(crate) id: i64,
    pub(crate) state: Badge,
    pub(crate) text: String,
    /// When that was found; empty when nobody looked.
    pub(crate) checked: String,
    pub(crate) code: Option<String>,
    pub(crate) start: Option<&'static str>,
    /// Whether it starts, or waits for a scan.
    pub(crate) is_on_its_way: bool,
}

impl Checks {
    pub(super) fn new(sessions: Option<Sessions>) -> Self {
        Self { sessions, last: Mutex::default() }
    }

    /// The last look at a channel's session; none when the channel has another one since.
    pub(super) fn last(&self, view: &ChannelView) -> Option<Check> {
        let found = lock(&self.last).get(&view.id).cloned();
        found.filter(|check| view.session_name.as_deref() == Some(&check.session))
    }

    fn note(&self, id: i64, check: Check) {
        lock(&self.last).insert(id, check);
    }

    pub(super) fn can_ask(&self) -> bool {
        self.sessions.is_some()
    }
}

/// Looks at a channel's session now, and writes down what a send would.
pub(super) fn check(visit: &Visit<'_>, view: &ChannelView) -> PageResult<()> {
    let checks = &visit.panel.checks;
    let (Some(sessions), Some(session)) = (&checks.sessions, &view.session_name) else {
        return Ok(());
    };
    if let Some(Check { looked: Looked::Away(_), at, .. }) = checks.last(view)
        && visit.now.since(at) < AWAY_BELIEVED
    {
        return Ok(());
    }
    let looked = sessions.look(session);
    let (id, now) = (view.id, visit.now);
    let noted = |store: &mut _| channels::note_look(store, id, session, &looked, now);
    if visit.with_store(noted)? {
        // What waited for the session goes out now.
        visit.wake();
    }
    checks.note(id, Check { session: session.clone(), looked, at: now });
    Ok(())
}

/// Looks at the sessions of all channels with one question. Returns why WAHA does not tell, if so.
pub(super) fn check_all(visit: &Visit<'_>) -> PageResult<Option<String>> {
    let checks = &visit.panel.checks;
    let Some(sessions) = &checks.sessions else { return Ok(None) };
    let known = match sessions.look_at_all() {
        Ok(known) => known,
        Err(why) => return Ok(Some(why.text(visit.language))),
    };
    for view in super::channels::views(visit)? {
        let Some(session) = view.session_name else { continue };
        let looked = known.iter().find(|(name, _)| *name == session);
        let looked = looked.map_or(Looked::Missing, |(_, looked)| looked.clone());
        // This question does not tell everything that holds a number, so it frees none.
        let has_news = matches!(&looked, Looked::Working { number: Some(number) }
            if view.phone_number.as_ref() != Some(number));
        if has_news && view.state != State::Held {
            let (id, now) = (view.id, visit.now);
            visit.with_store(|store| {
                channels::note_look(store, id, &session, &looked, now).map(drop)
            })?;
        }
        checks.note(view.id, Check { session, looked, at: visit.now });
    }
    Ok(None)
}

/// How a channel's session was found the last time.
pub(super) fn part(visit: &Visit<'_>, view: &ChannelView) -> SessionPart {
    let (w, checks) = (visit.words(), &visit.panel.checks);
    let check = checks.last(view);
    let (state, text, start) = match check.as_ref().map(|check| &check.looked) {
        None if view.session_name.is_none() => {
            (format::off(w.channel_no_session), w.channel_no_session_remedy.to_owned(), None)
        }
        None if !checks.can_ask() => (format::off(w.not_checked), w.no_waha.to_owned(), None),
        None => (format::off(w.not_checked), String::new(), None),
        Some(looked) => {
            let (text, start) = what_to_do(visit, looked);
            (badge(looked, w), text, start)
        }
    };
    let is = |wanted: &Looked| check.as_ref().is_some_and(|check| check.looked == *wanted);
    let (is_scan, is_starting) = (is(&Looked::Scan), is(&Looked::Starting));
    let at = visit.now.secs().div_euclid(CODE_LASTS_SECS);
    SessionPart {
        id: view.id,
        state,
        text,
        checked: check.map_or_else(String::new, |check| checked(visit, &check)),
        code: is_scan.then(|| format!("/panel/channels/{}/code.png?at={at}", view.id)),
        start,
        is_on_its_way: is_scan || is_starting,
    }
}

/// `dicek 3 menit lalu`.
pub(super) fn checked(visit: &Visit<'_>, check: &Check) -> String {
    let w = visit.words();
    if visit.now.since(check.at) < Duration::from_secs(2) {
        return w.checked_now.to_owned();
    }
    w.checked_ago.replace("{}", &format::ago(check.at, visit.now, w))
}

/// A session in one or two words.
pub(super) fn badge(looked: &Looked, w: &Words) -> Badge {
    match looked {
        Looked::Working { .. } => format::good(w.session_working),
        Looked::Scan => format::held(w.session_scan),
        Looked::Starting => format::waits(w.session_starting),
        Looked::Stopped => format::off(w.session_stopped),
        Looked::Missing => format::off(w.session_missing),
        Looked::Trouble(_) => format::held(w.session_trouble),
        Looked::Away(_) => format::held(w.session_away),
    }
}

/// What stands below it, and the words of the button that starts it.
fn what_to_do(visit: &Visit<'_>, looked: &Looked) -> (String, Option<&'static str>) {
    let w = visit.words();
    match looked {
        Looked::Working { number: None } => (String::new(), None),
        Looked::Working { number: Some(number) } => {
            (w.session_number.replace("{}", &format::phone(number)), None)
        }
        Looked::Scan => (w.session_scan_text.to_owned(), None),
        Looked::Starting => (w.session_starting_text.to_owned(), None),
        Looked::Stopped => (String::new(), Some(w.session_start)),
        Looked::Missing => (w.session_missing_text.to_owned(), Some(w.session_make)),
        Looked::Trouble(why) => (why.text(visit.language), Some(w.session_restart)),
        Looked::Away(why) => (why.text(visit.language), None),
    }
}

/// The code to scan. It is a login: nothing keeps it.
pub(super) fn code(visit: &Visit<'_>, view: &ChannelView) -> Response {
    let asked = visit.panel.checks.sessions.as_ref().zip(view.session_name.as_ref());
    match asked.map_or(Code::None, |(sessions, session)| sessions.code(session)) {
        Code::Picture(png) => reply::with_headers(200, "image/png", png),
        Code::None => reply::plain(404, visit.words().no_code),
    }
}

/// Starts a channel's session, or makes it in WAHA.
pub(super) fn start(visit: &Visit<'_>, view: &ChannelView) -> Answered {
    let (w, there) = (visit.words(), format!("/panel/channels/{}", view.id));
    let done = reply::done(&there, "session_started");
    if visit.is_second()? {
        return Ok(done);
    }
    let checks = &visit.panel.checks;
    let (Some(sessions), Some(session)) = (&checks.sessions, &view.session_name) else {
        return reply::tell(visit, 409, w.could_not, w.no_waha, &there);
    };
    if let Err(why) = sessions.start(session) {
        return reply::tell(visit, 409, w.could_not, &why.text(visit.language), &there);
    }
    lock(&checks.last).remove(&view.id);
    visit.keep_mark(view.id)?;
    Ok(done)
}
