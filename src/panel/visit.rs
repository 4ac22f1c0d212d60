//! One request on its way through the panel: who asks, in which language, and what cookies go back.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use time::Date;

use super::access;
use super::forms::{self, Form};
use super::merge::Told;
use super::upload::{Body, NotTaken, Taken};
use super::words::Words;
use super::{Answered, PageResult, Panel, assets, format, reply};
use crate::channels::ChannelError;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::contacts::{self, Filter, Person};
use crate::forecast::MessageForecast;
use crate::http::{FORWARDED, PEER, Request, Response};
use crate::language::Language;
use crate::messages::ComposeError;
use crate::reason::Explanation;
use crate::schedule;
use crate::secret::random_hex;
use crate::send_window::Day;
use crate::store::{
    FormMark, MadeBefore, PageFrom, SqlResult, Stop, Store, StoreError, Trigger, Tx,
};

const LANGUAGE_COOKIE: &str = "panel_lang";
const A_YEAR_SECS: u64 = 365 * 24 * 3600;

pub(super) struct Visit<'a> {
    pub(crate) panel: &'a Panel,
    pub(crate) config: &'a Config,
    pub(crate) request: &'a Request,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) query: Form,
    pub(crate) form: Form,
    pub(crate) list: Option<(String, Vec<u8>)>,
    pub(crate) taken: Option<Result<Taken, NotTaken>>,
    pub(crate) is_post: bool,
    pub(crate) now: Timestamp,
    pub(crate) language: Language,
    /// The session of whoever is logged in, as the database calls it.
    pub(crate) known: Option<String>,
    /// What each form must bring back.
    pub(crate) csrf: String,
    /// The one-time mark of the forms of the page that answers.
    pub(crate) next_mark: String,
    /// The mark that a form brought, with the path that it was sent to.
    mark: Option<String>,
    /// What a person filled in, as a hash.
    pub(crate) digest: String,
    cookies: Vec<String>,
    /// What the forecast says of the messages that wait, once a page asked.
    pub(super) foretold: OnceCell<HashMap<i64, MessageForecast>>,
    /// Whether the browser is at the other end of TLS.
    is_tls: bool,
}

pub(super) struct Page<'a> {
    pub(crate) v: &'a Visit<'a>,
    pub(crate) w: &'static Words,
    pub(crate) here: &'a str,
    /// What was just done, in words.
    pub(crate) notice: Option<String>,
    pub(crate) style: &'static str,
    pub(crate) script: &'static str,
    pub(crate) icon: &'static str,
    /// This page in the other language.
    pub(crate) other_language: String,
}

impl<'a> Visit<'a> {
    /// Looks at a request; a cookie for the forms of strangers is made when it brings none.
    pub(super) fn begin(panel: &'a Panel, request: &'a Request, body: Body) -> PageResult<Self> {
        let now = panel.clock.now().wall;
        let query = forms::query(&request.target);
        let is_post = request.method == "POST";
        let path = request.path().to_owned();
        let Body { form, list, taken } = body;
        let mark = form.get("mark").filter(|mark| access::is_random_hex(mark));
        let asked = query.get("lang").and_then(Language::from_word);
        let remembered = forms::cookie(request.header("Cookie"), LANGUAGE_COOKIE);
        let language =
            asked.or(remembered.and_then(Language::from_word)).unwrap_or(Language::Indonesian);
        let is_https =
            |text: &str| text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("https"));
        let claims_tls = request.header("X-Forwarded-Proto").is_some_and(is_https);
        // The Origin is the browser's own word, about itself.
        let is_tls = claims_tls && comes_from_proxy(panel, request)
            || request.header("Origin").is_some_and(is_https);
        let mut visit = Self {
            panel,
            config: &panel.config,
            request,
            query,
            is_post,
            now,
            language,
            known: None,
            csrf: String::new(),
            next_mark: random_hex()?,
            mark: mark.map(|mark| format!("{mark} {path}")),
            digest: if is_post { form.digest() } else { String::new() },
            path,
            form,
            list,
            taken,
            cookies: Vec::new(),
            foretold: OnceCell::new(),
            is_tls,
        };
        if let Some(language) = asked {
            visit.set_cookie(LANGUAGE_COOKIE, language.as_str(), Some(A_YEAR_SECS));
        }
        access::recognise(&mut visit)?;
        Ok(visit)
    }

    pub(super) fn is_known(&self) -> bool {
        self.known.is_some()
    }

    /// A reason in the reader's language; empty without one.
    pub(super) fn explain(&self, why: Option<&Explanation>) -> String {
        why.map(|why| why.text(self.language)).unwrap_or_default()
    }

    pub(super) fn read<T>(&self, work: impl FnOnce(&Tx<'_>) -> SqlResult<T>) -> PageResult<T> {
        Ok(self.panel.read(work)?)
    }

    /// What is refused is told in the form.
    pub(super) fn read_or_refuse<T, E: Refusal + From<StoreError>>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, Stop<E>>,
    ) -> PageResult<T> {
        self.told(self.with_store(|store| store.read_or_refuse(work)))
    }

    pub(super) fn write<T>(&self, work: impl FnOnce(&Tx<'_>) -> SqlResult<T>) -> PageResult<T> {
        Ok(self.panel.write(work)?)
    }

    pub(super) fn with_store<T>(&self, work: impl FnOnce(&mut Store) -> T) -> T {
        self.panel.with_store(work)
    }

    /// Some contacts, the newest first.
    pub(super) fn contacts(
        &self,
        filter: &Filter,
        from: PageFrom,
        limit: usize,
    ) -> PageResult<Vec<Person>> {
        let country = &self.config.country;
        Ok(self.with_store(|store| contacts::page(store, filter, from, limit, country))?)
    }

    /// `12.345`, or `12,345`.
    pub(super) fn number(&self, count: u64) -> String {
        format::number(count, self.language)
    }

    pub(super) fn recipients(&self, count: u64) -> String {
        self.counted(self.words().recipients_count, count)
    }

    pub(super) fn people(&self, count: u64) -> String {
        self.counted(self.words().people_count, count)
    }

    /// `words` with a number, in the form for one or for more.
    pub(super) fn counted(&self, words: &str, count: u64) -> String {
        format::for_count(words, count == 1).replace("{}", &self.number(count))
    }

    /// `words` with a number of what is left out; empty when nothing is.
    pub(super) fn and_more(&self, words: &str, left_out: usize) -> String {
        let words = || words.replace("{}", &self.number(left_out as u64));
        if left_out == 0 { String::new() } else { words() }
    }

    /// The columns that say when, in words.
    pub(super) fn times(&self, schedules: Option<&str>, rule: Option<&str>) -> String {
        schedule::words_for(schedules, rule, self.language, &self.language.calendar())
    }

    /// A rule in words; empty for none, and for one that cannot be read.
    pub(super) fn rule(&self, rule: Option<&str>) -> String {
        let words = schedule::rule_for(rule, self.language, &self.language.calendar());
        words.unwrap_or_default()
    }

    pub(super) fn moment(&self, at: Timestamp) -> String {
        format::moment(at, &self.config.zone, self.language)
    }

    pub(super) fn day(&self, day: Day) -> String {
        let zone = &self.config.zone;
        format::day(day.minus(1).end(zone), zone, self.language)
    }

    /// The present day in TIMEZONE.
    pub(super) fn today(&self) -> Date {
        self.config.zone.to_local(self.now).date()
    }

    /// After which row of a list its page begins: `time,id`.
    pub(super) fn after(&self) -> Option<(&str, i64)> {
        let (at, id) = self.query.filled("after")?.rsplit_once(',')?;
        Some((at, id.parse().ok()?))
    }

    pub(super) fn words(&self) -> &'static Words {
        self.language.words()
    }

    /// What the frame of a page needs; `here` is the part of the panel that it belongs to.
    pub(super) fn page<'b>(&'b self, here: &'b str) -> Page<'b> {
        let other = self.language.other();
        let w = self.words();
        let [style, script, icon] = assets::paths();
        let mut pairs: Vec<(&str, &str)> = [
            "status", "q", "tag", "older", "newer", "at", "after", "show", "why", "kind", "date",
            "view", "channel",
        ]
        .iter()
        .filter_map(|name| Some((*name, self.query.get(name)?)))
        .collect();
        // What a person says of a list's columns.
        let of_list = |name: &str| name == "look" || name == "tags" || name.starts_with("column");
        let asked = self.query.without(&[]).filter(|(name, _)| of_list(name));
        pairs.extend(asked.map(|(name, value)| (name.as_str(), value.as_str())));
        pairs.push(("lang", other.as_str()));
        let path = if self.is_post { "/panel" } else { self.path.as_str() };
        Page {
            v: self,
            w,
            here,
            notice: self.query.get("done").and_then(|code| w.notice(code)).map(|words| {
                let count = self.query.number("n").and_then(|count| u64::try_from(count).ok());
                self.counted(words, count.unwrap_or_default())
            }),
            style,
            script,
            icon,
            other_language: format!("{path}{}", forms::to_query(&pairs)),
        }
    }

    /// Sets a cookie of this panel, for `max_age_secs` or until the browser closes.
    pub(super) fn set_cookie(&mut self, name: &str, value: &str, max_age_secs: Option<u64>) {
        let age = max_age_secs.map(|secs| format!("; Max-Age={secs}")).unwrap_or_default();
        let secure = if self.is_tls { "; Secure" } else { "" };
        self.cookies
            .push(format!("{name}={value}; Path=/panel; HttpOnly; SameSite=Strict{age}{secure}"));
    }

    /// The mark of the form that was sent; `None` when it brought none.
    pub(super) fn mark(&self) -> Option<FormMark<'_>> {
        let mark = self.mark.as_deref()?;
        Some(FormMark { mark, form: &self.digest })
    }

    pub(super) fn made_before(&self) -> PageResult<Option<MadeBefore>> {
        let Some(mark) = self.mark() else { return Ok(None) };
        self.read(|tx| tx.made_by_mark(mark.mark))
    }

    pub(super) fn is_same_as(&self, before: &MadeBefore) -> bool {
        self.digest == before.form
    }

    /// Whether the form came before with the same content: then its answer leads to the first.
    pub(super) fn is_second(&self) -> PageResult<bool> {
        Ok(self.made_before()?.is_some_and(|before| self.is_same_as(&before)))
    }

    /// What another form with the same content made since `since`.
    pub(super) fn made_by_same_form(&self, since: Timestamp) -> PageResult<Option<i64>> {
        let Some(mark) = self.mark() else { return Ok(None) };
        self.read(|tx| tx.made_by_same_form(mark, since))
    }

    /// Keeps the mark of a form that changed the row `id`. A crash before it is harmless: a change
    /// that comes twice is refused or changes nothing.
    pub(super) fn keep_mark(&self, id: i64) -> PageResult<()> {
        let Some(mark) = self.mark() else { return Ok(()) };
        self.write(|tx| tx.keep_mark(mark, id, self.now))
    }

    /// What a button does, once: a second press leads to the page of the first.
    pub(super) fn press<T, E: Refusal>(
        &self,
        id: i64,
        done: (&str, &str),
        change: impl FnOnce(&mut Store) -> Result<T, E>,
    ) -> Answered {
        let change = || self.told(self.with_store(change).map(drop));
        self.press_boxed(id, done, Box::new(change))
    }

    /// The same, compiled once for all buttons.
    fn press_boxed(
        &self,
        id: i64,
        (there, code): (&str, &str),
        change: Box<dyn FnOnce() -> PageResult<()> + '_>,
    ) -> Answered {
        let done = reply::done(there, code);
        if self.is_second()? {
            return Ok(done);
        }
        change()?;
        self.keep_mark(id)?;
        if matches!(
            code,
            "resumed" | "retried" | "channel_resumed" | "all_resumed" | "number_confirmed"
        ) {
            self.wake();
        }
        Ok(done)
    }

    /// A refusal in the reader's words; what broke goes on as it is.
    pub(super) fn told<T, E: Refusal>(&self, result: Result<T, E>) -> PageResult<T> {
        result.or_else(|error| Err(Told::refusal(error.in_language(self.language)?)))
    }

    /// Lets the senders look at once: somebody who is logged in wants something sent now.
    pub(super) fn wake(&self) {
        self.panel.triggers.pull(Trigger::Timer, None);
    }

    /// Who is at the other end: the peer, or the last address that a trusted proxy was asked by.
    pub(super) fn client(&self) -> Option<IpAddr> {
        let proxies = &self.config.trusted_proxies;
        let peer = self.request.header(PEER).and_then(address);
        let forwarded = self.request.header(FORWARDED).unwrap_or_default();
        let asked_by = || forwarded.rsplit(',').filter_map(address);
        if comes_from_proxy(self.panel, self.request) {
            return asked_by().find(|address| !proxies.contains(address)).or(peer);
        }
        peer
    }

    pub(super) fn cookie(&self, name: &str) -> Option<&'a str> {
        forms::cookie(self.request.header("Cookie"), name)
    }

    /// Refuses methods that no page has, and forms that no page of ours made.
    pub(super) fn refuse_unsafe(&self) -> PageResult<Option<Response>> {
        let w = self.words();
        match self.request.method.as_str() {
            "GET" | "HEAD" => Ok(None),
            "POST" => {
                let shown = self.form.get("csrf").unwrap_or_default();
                if access::is_same(shown, &self.csrf) {
                    return Ok(None);
                }
                reply::tell(self, 403, w.form_expired, w.form_expired_text, &self.path).map(Some)
            }
            _ => {
                let methods = "GET, HEAD, POST";
                Ok(Some(reply::plain(405, methods).with("Allow", methods)))
            }
        }
    }

    pub(super) fn page_from(&self) -> PageFrom {
        match (self.query.number("older"), self.query.number("newer")) {
            (Some(id), _) => PageFrom::OlderThan(id),
            (None, Some(id)) => PageFrom::NewerThan(id),
            (None, None) => PageFrom::Newest,
        }
    }

    /// The answer with this visit's cookies.
    pub(super) fn finish(self, mut answered: Response) -> Response {
        answered.headers.extend(self.cookies.into_iter().map(|cookie| ("Set-Cookie", cookie)));
        answered
    }
}

/// What may be refused to a person.
pub(super) trait Refusal {
    /// Why, in the reader's words; `Err` when it is no refusal.
    fn in_language(self, language: Language) -> PageResult<String>;
}

impl Refusal for ComposeError {
    fn in_language(self, language: Language) -> PageResult<String> {
        match self {
            Self::Refused(why) | Self::Changed(why) | Self::Field { why, .. } => {
                Ok(why.text(language))
            }
            Self::MadeBefore(_) => Ok(language.words().form_used.to_owned()),
            Self::Store(error) => Err(error.into()),
        }
    }
}

impl Refusal for ChannelError {
    fn in_language(self, language: Language) -> PageResult<String> {
        match self {
            Self::Refused(why) => Ok(why.text(language)),
            Self::Store(error) => Err(error.into()),
        }
    }
}

fn comes_from_proxy(panel: &Panel, request: &Request) -> bool {
    let peer = request.header(PEER).and_then(address);
    peer.is_some_and(|peer| panel.config.trusted_proxies.contains(&peer))
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    text.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

/// Leaves the rows of one page, of which there is one row more when more follow; returns the link to those, empty
/// for none.
pub(super) fn cut<T>(rows: &mut Vec<T>, size: usize, link: impl FnOnce(&T) -> String) -> String {
    let more = rows.get(size).and(rows.get(size - 1)).map(link);
    rows.truncate(size);
    more.unwrap_or_default()
}

/// The rows of one page, and the keys for what is newer and what is older.
pub(super) struct OnePage<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) newer: Option<i64>,
    pub(crate) older: Option<i64>,
}

impl<T> OnePage<T> {
    /// Of one row more than a page holds.
    pub(super) fn of(mut rows: Vec<T>, from: PageFrom, size: usize, id: fn(&T) -> i64) -> Self {
        let (has_more, is_upwards) = (rows.len() > size, matches!(from, PageFrom::NewerThan(_)));
        // The one row more is at the end where it came.
        if has_more && is_upwards {
            rows.remove(0);
        }
        rows.truncate(size);
        let has_newer = if is_upwards { has_more } else { from != PageFrom::Newest };
        let has_older = has_more || is_upwards;
        let newer = rows.first().filter(|_| has_newer).map(id);
        let older = rows.last().filter(|_| has_older).map(id);
        Self { rows, newer, older }
    }

    /// The links to what is newer and what is older, with what else the query says; empty for none.
    pub(super) fn links(&self, path: &str, query: &[(&str, &str)]) -> (String, String) {
        let link = |name: &str, id: Option<i64>| {
            let id = id.map(|id| id.to_string());
            let query = |id: String| forms::to_query(&[query, &[(name, &id)]].concat());
            id.map(|id| format!("{path}{}", query(id))).unwrap_or_default()
        };
        (link("newer", self.newer), link("older", self.older))
    }
}
