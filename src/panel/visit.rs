//! One request on its way through the panel: who asks, in which language, and what cookies go back.

use std::net::{IpAddr, SocketAddr};

use super::access::{self, Known};
use super::assets;
use super::forms::{self, Form, Upload};
use super::reply;
use super::words::{Language, Words};
use super::{Broken, Panel};
use crate::api::{PageReply, PageRequest};
use crate::clock::Timestamp;
use crate::store::{FormMark, MadeBefore, PageFrom, StoreError};

const LANGUAGE_COOKIE: &str = "panel_lang";
const A_YEAR_SECS: u64 = 365 * 24 * 3600;

/// A request being answered.
pub(super) struct Visit<'a> {
    pub(crate) panel: &'a Panel,
    pub(crate) request: &'a PageRequest,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) query: Form,
    /// The body, when it is a form.
    pub(crate) form: Form,
    /// The file in the body.
    pub(crate) file: Option<(String, Vec<u8>)>,
    pub(crate) is_post: bool,
    pub(crate) now: Timestamp,
    pub(crate) language: Language,
    /// The session, when somebody is logged in.
    pub(crate) known: Option<Known>,
    /// What each form must bring back.
    pub(crate) csrf: String,
    /// The one-time mark of the forms of the page that answers.
    next_mark: String,
    /// The mark that a form brought, with the path that it was sent to.
    mark: Option<String>,
    /// What a person filled in, as a hash.
    digest: String,
    cookies: Vec<String>,
    /// Whether the browser is at the other end of TLS.
    is_tls: bool,
}

/// What every page's frame needs.
pub(super) struct Page<'a> {
    pub(crate) w: &'static Words,
    pub(crate) lang: &'static str,
    pub(crate) csrf: &'a str,
    /// The one-time mark of its forms.
    pub(crate) mark: &'a str,
    /// The part of the panel that it belongs to.
    pub(crate) here: &'a str,
    /// Whether somebody is logged in.
    pub(crate) is_known: bool,
    /// What was just done, in words.
    pub(crate) notice: Option<&'static str>,
    pub(crate) style: &'static str,
    pub(crate) script: &'static str,
    pub(crate) icon: &'static str,
    /// This page in the other language.
    pub(crate) other_language: String,
    pub(crate) zone: &'a str,
}

impl<'a> Visit<'a> {
    /// Looks at a request; a cookie for the forms of strangers is made when it brings none.
    pub(super) fn begin(panel: &'a Panel, request: &'a PageRequest) -> Result<Self, Broken> {
        let now = panel.clock.now().wall;
        let query = forms::query(&request.target);
        let is_post = request.method == "POST";
        let path = request.target.split('?').next().unwrap_or_default().to_owned();
        let body = read_body(request, is_post);
        let mark = body.fields.get("mark").filter(|mark| access::is_random_hex(mark));
        let asked = query.get("lang").and_then(Language::from_code);
        let remembered = forms::cookie(request.cookie.as_deref(), LANGUAGE_COOKIE);
        let language =
            asked.or(remembered.and_then(Language::from_code)).unwrap_or(Language::Indonesian);
        let is_https =
            |text: &str| text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("https"));
        let claims_tls = request.forwarded_proto.as_deref().is_some_and(is_https);
        // The Origin is the browser's own word, about itself.
        let is_tls = claims_tls && comes_from_proxy(panel, request)
            || request.origin.as_deref().is_some_and(is_https);
        let mut visit = Self {
            panel,
            request,
            query,
            is_post,
            now,
            language,
            known: None,
            csrf: String::new(),
            next_mark: access::random_hex()?,
            mark: mark.map(|mark| format!("{mark} {path}")),
            digest: if is_post { body.fields.digest() } else { String::new() },
            path,
            form: body.fields,
            file: body.file,
            cookies: Vec::new(),
            is_tls,
        };
        if let Some(language) = asked {
            visit.set_cookie(LANGUAGE_COOKIE, language.code(), Some(A_YEAR_SECS));
        }
        access::recognise(&mut visit)?;
        Ok(visit)
    }

    /// Whether somebody is logged in.
    pub(super) fn is_known(&self) -> bool {
        self.known.is_some()
    }

    /// The words in this visit's language.
    pub(super) fn words(&self) -> &'static Words {
        self.language.words()
    }

    /// What the frame of a page needs; `here` is the part of the panel that it belongs to.
    pub(super) fn page<'b>(&'b self, here: &'b str) -> Page<'b> {
        let other = self.language.other();
        let w = self.words();
        let mut pairs: Vec<(&str, &str)> =
            ["status", "q", "tag", "older", "newer", "at", "after", "show"]
                .iter()
                .filter_map(|name| Some((*name, self.query.get(name)?)))
                .collect();
        pairs.push(("lang", other.code()));
        let path = if self.is_post { "/panel" } else { self.path.as_str() };
        Page {
            w,
            lang: self.language.code(),
            csrf: &self.csrf,
            mark: &self.next_mark,
            here,
            is_known: self.is_known(),
            notice: self.query.get("done").and_then(|code| w.notice(code)),
            style: assets::style_path(),
            script: assets::script_path(),
            icon: assets::icon_path(),
            other_language: format!("{path}{}", forms::to_query(&pairs)),
            zone: self.panel.config.zone.name(),
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

    /// What the form made when it came before.
    pub(super) fn made_before(&self) -> Result<Option<MadeBefore>, StoreError> {
        let Some(mark) = self.mark() else { return Ok(None) };
        self.panel.read(|tx| tx.made_by_mark(mark.mark))
    }

    /// Whether what is filled in is what was filled in then.
    pub(super) fn is_same_as(&self, before: &MadeBefore) -> bool {
        self.digest == before.form
    }

    /// Whether the form came before with the same content: then its answer leads to the first.
    pub(super) fn is_second(&self) -> Result<bool, StoreError> {
        Ok(self.made_before()?.is_some_and(|before| self.is_same_as(&before)))
    }

    /// What another form with the same content made since `since`.
    pub(super) fn made_by_same_form(&self, since: Timestamp) -> Result<Option<i64>, StoreError> {
        let Some(mark) = self.mark() else { return Ok(None) };
        self.panel.read(|tx| tx.made_by_same_form(mark, since))
    }

    /// Keeps the mark of a form that changed the row `id`. A crash before it is harmless: a change
    /// that comes twice is refused or changes nothing.
    pub(super) fn keep_mark(&self, id: i64) -> Result<(), StoreError> {
        let Some(mark) = self.mark() else { return Ok(()) };
        self.panel.write(|tx| tx.keep_mark(mark, id, self.now))
    }

    /// Who is at the other end: the peer, or the last address that a trusted proxy was asked by.
    pub(super) fn client(&self) -> Option<IpAddr> {
        let proxies = &self.panel.config.trusted_proxies;
        let peer = self.request.peer.as_deref().and_then(address);
        let forwarded = self.request.forwarded_for.as_deref().unwrap_or_default();
        let asked_by = || forwarded.rsplit(',').filter_map(address);
        if comes_from_proxy(self.panel, self.request) {
            return asked_by().find(|address| !proxies.contains(address)).or(peer);
        }
        peer
    }

    /// A cookie that the browser brought.
    pub(super) fn cookie(&self, name: &str) -> Option<&'a str> {
        forms::cookie(self.request.cookie.as_deref(), name)
    }

    /// Refuses methods that no page has, and forms that no page of ours made.
    pub(super) fn refuse_unsafe(&self) -> Result<Option<PageReply>, Broken> {
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
                let mut refused = reply::plain(405, "GET, HEAD, POST");
                refused.headers.push(("Allow", "GET, HEAD, POST".to_owned()));
                Ok(Some(refused))
            }
        }
    }

    /// The answer with this visit's cookies.
    pub(super) fn finish(self, mut answered: PageReply) -> PageReply {
        answered.headers.extend(self.cookies.into_iter().map(|cookie| ("Set-Cookie", cookie)));
        answered
    }
}

/// Whether the peer is a proxy of TRUSTED_PROXIES.
fn comes_from_proxy(panel: &Panel, request: &PageRequest) -> bool {
    let peer = request.peer.as_deref().and_then(address);
    peer.is_some_and(|peer| panel.config.trusted_proxies.contains(&peer))
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    text.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

fn read_body(request: &PageRequest, is_post: bool) -> Upload {
    if !is_post {
        return Upload::default();
    }
    let content_type = request.content_type.as_deref().unwrap_or_default();
    forms::multipart(content_type, &request.body)
        .unwrap_or_else(|| Upload { fields: Form::read(&request.body), file: None })
}

impl Visit<'_> {
    /// Which rows of a list are asked for.
    pub(super) fn page_from(&self) -> PageFrom {
        match (self.query.number("older"), self.query.number("newer")) {
            (Some(id), _) => PageFrom::OlderThan(id),
            (None, Some(id)) => PageFrom::NewerThan(id),
            (None, None) => PageFrom::Newest,
        }
    }
}

/// Of one row more than a page holds: the keys for what is newer and what is older than the page.
pub(super) fn neighbours(ids: &[i64], from: PageFrom, size: usize) -> (Option<i64>, Option<i64>) {
    let has_more = ids.len() > size;
    let (first, last) = match from {
        PageFrom::NewerThan(_) if has_more => (ids.get(1), ids.last()),
        PageFrom::NewerThan(_) => (ids.first(), ids.last()),
        PageFrom::Newest | PageFrom::OlderThan(_) => {
            (ids.first(), ids.get(size - 1).or(ids.last()))
        }
    };
    let (has_newer, has_older) = match from {
        PageFrom::Newest => (false, has_more),
        PageFrom::OlderThan(_) => (true, has_more),
        PageFrom::NewerThan(_) => (has_more, true),
    };
    (first.copied().filter(|_| has_newer), last.copied().filter(|_| has_older))
}

/// Takes the one row more off again, at the end where it came.
pub(super) fn cut<T>(rows: &mut Vec<T>, from: PageFrom, size: usize) {
    if rows.len() > size {
        match from {
            PageFrom::NewerThan(_) => drop(rows.remove(0)),
            PageFrom::Newest | PageFrom::OlderThan(_) => rows.truncate(size),
        }
    }
}
