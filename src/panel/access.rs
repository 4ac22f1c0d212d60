//! Who is let in: the password, the sessions, the tokens of forms, and how often one may try.
//!
//! A session is 256 random bits in a cookie; the database holds its SHA-256 only. A form's token is
//! an HMAC under the same bits, so that nothing needs to be kept for it.
//!
//! Guesses are slowed down, and never so much that the right password waits longer than a second or
//! two: a wait for it would be a way to lock the owner out. So a few tries a second are looked at,
//! from one address and from all of them; a password that is worth something stands millions of them.
//! A browser that was logged in once has a signed mark, and an account of its own. The marks end with
//! the password, and with logging out everywhere.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use askama::Template;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::merge::{self, Told};
use super::visit::{Page, Visit};
use super::{Answered, PageError, PageResult, Panel, forms, reply};
use crate::clock::{Timestamp, lock};
use crate::http::quota::{LINES_PER_MINUTE, Quota};
use crate::http::{Request, Response};
use crate::password;
use crate::secret::{random_hex, to_hex};
use crate::store::PanelSession;

const SESSION_COOKIE: &str = "panel_session";
/// For the form of whoever is not logged in.
const VISITOR_COOKIE: &str = "panel_visitor";
/// The mark of a browser that was logged in once.
const DEVICE_COOKIE: &str = "panel_device";

const SESSION_LASTS: Duration = Duration::from_hours(30 * 24);
const UNUSED_LASTS: Duration = Duration::from_hours(7 * 24);
/// How stale the note of a session's last use may be.
const NOTE_EVERY: Duration = Duration::from_hours(1);
const DEVICE_LASTS_SECS: u64 = 365 * 24 * 3600;

/// How many tries from one address, or from one known browser, are looked at in a second, and how many
/// at once after a pause. Somebody who guesses five times a second leaves room for the owner.
const OF_ONE: Rate = Rate { per_second: 6, at_once: 12 };
/// The same of all addresses together: checking a password takes time and memory.
const OF_ALL: Rate = Rate { per_second: 12, at_once: 24 };
/// Addresses and browsers that are remembered: with [`OF_ALL`] there are never so many.
const REMEMBERED_MAX: usize = 1_000;

pub(super) struct Access {
    /// Whether the password in the settings was compared with the one that the sessions belong to.
    is_compared: AtomicBool,
    guesses: Mutex<Guesses>,
    lines: Quota,
}

/// The tries of everybody who is not logged in.
#[derive(Debug, Default)]
struct Guesses {
    /// Of all addresses.
    all: Tries,
    /// Of each address and each known browser.
    each: HashMap<String, Tries>,
}

#[derive(Clone, Copy, Debug)]
struct Rate {
    per_second: u32,
    at_once: u32,
}

/// A bucket of tries that fills up again with time.
#[derive(Clone, Copy, Debug, Default)]
struct Tries {
    /// When all is forgotten, on the clock that never jumps.
    heavy_until: Duration,
}

impl Tries {
    /// How long to wait before the next try.
    fn wait(self, rate: Rate, now: Duration) -> Option<Duration> {
        let room = Duration::from_secs(1) / rate.per_second * (rate.at_once - 1);
        self.heavy_until.checked_sub(now)?.checked_sub(room).filter(|wait| !wait.is_zero())
    }

    fn add(&mut self, rate: Rate, now: Duration) {
        self.heavy_until = self.heavy_until.max(now) + Duration::from_secs(1) / rate.per_second;
    }
}

impl Guesses {
    /// Takes a try of `who`; `Err` says how long to wait before it is looked at. A known browser does
    /// not wait for strangers.
    fn take(&mut self, who: &str, is_device: bool, now: Duration) -> Result<(), Duration> {
        let one = self.each.get(who).copied().unwrap_or_default();
        let all = if is_device { None } else { self.all.wait(OF_ALL, now) };
        if let Some(wait) = one.wait(OF_ONE, now).max(all) {
            return Err(wait);
        }
        if !is_device {
            self.all.add(OF_ALL, now);
        }
        if self.each.len() >= REMEMBERED_MAX {
            self.each.retain(|_, tries| tries.heavy_until > now);
        }
        self.each.entry(who.to_owned()).or_default().add(OF_ONE, now);
        Ok(())
    }
}

impl Access {
    pub(super) fn new() -> Self {
        Self {
            is_compared: AtomicBool::new(false),
            guesses: Mutex::default(),
            lines: Quota::per_minute(LINES_PER_MINUTE),
        }
    }
}

/// Compares in a time that does not depend on where the two differ; an empty text is like no other.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    !one.is_empty() && bool::from(one.as_bytes().ct_eq(other.as_bytes()))
}

/// Finds the session of a visit, and gives its forms their token.
pub(super) fn recognise(visit: &mut Visit<'_>) -> PageResult<()> {
    if !visit.panel.access.is_compared.load(Ordering::SeqCst) {
        compare_password(visit.panel)?;
    }
    let now = visit.now;
    if let Some((id, session)) = session_of(visit.panel, visit.request, now)? {
        let id_hash = hash_of(id);
        if now.since(session.seen_at) >= NOTE_EVERY {
            visit.write(|tx| tx.note_panel_session(&id_hash, now))?;
        }
        visit.csrf = sign(id, "form");
        visit.known = Some(id_hash);
        return Ok(());
    }
    let brought = visit.cookie(VISITOR_COOKIE).filter(|id| is_random_hex(id));
    let id = if let Some(id) = brought {
        id.to_owned()
    } else {
        let made = random_hex()?;
        visit.set_cookie(VISITOR_COOKIE, &made, None);
        made
    };
    visit.csrf = sign(&id, "form");
    Ok(())
}

/// The session that a request brings, and what its cookie holds; `None` when it is over.
fn session_of<'a>(
    panel: &Panel,
    request: &'a Request,
    now: Timestamp,
) -> PageResult<Option<(&'a str, PanelSession)>> {
    let brought = forms::cookie(request.header("Cookie"), SESSION_COOKIE);
    let Some(id) = brought.filter(|id| is_random_hex(id)) else { return Ok(None) };
    let session = panel.read(|tx| tx.panel_session(&hash_of(id)))?;
    let session = session.filter(|session| {
        now.since(session.created_at) < SESSION_LASTS && now.since(session.seen_at) < UNUSED_LASTS
    });
    Ok(session.map(|session| (id, session)))
}

/// What each form of the session must bring back; empty without a session.
pub(super) fn token_of(panel: &Panel, request: &Request) -> String {
    let now = panel.clock.now().wall;
    let session = session_of(panel, request, now).ok().flatten();
    session.map(|(id, _)| sign(id, "form")).unwrap_or_default()
}

pub(super) fn has_session(panel: &Panel, request: &Request) -> bool {
    let now = panel.clock.now().wall;
    matches!(session_of(panel, request, now), Ok(Some(_)))
}

/// Once per start: when the password is not the one that the sessions belong to, they end. One that was chosen
/// in the panel counts until the setting is another one than then.
fn compare_password(panel: &Panel) -> PageResult<()> {
    let (kept, replaced) =
        panel.read(|tx| Ok((tx.panel_password_hash()?, tx.replaced_password()?)))?;
    let known = replaced.or(kept.clone());
    if !known.is_some_and(|hash| panel.password.fits(&hash)) {
        let hash = panel.password.hashed()?;
        panel.write(|tx| tx.set_panel_password_hash(&hash))?;
        if kept.is_some() {
            log::info!("panel: the password is a new one: everybody is logged out");
        }
    }
    panel.access.is_compared.store(true, Ordering::SeqCst);
    Ok(())
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    p: Page<'a>,
    problem: String,
    next: &'a str,
    /// Where the login goes, and what a form said whose session has ended.
    action: &'a str,
    kept: Vec<(String, String)>,
}

pub(super) fn login_page(visit: &mut Visit<'_>) -> Answered {
    if visit.is_known() {
        return Ok(reply::see_other("/panel"));
    }
    show_login(visit, Told::default(), false)
}

/// The page that asks for the password. With `is_in_place` it takes the fields of the form along.
fn show_login(visit: &Visit<'_>, told: Told, is_in_place: bool) -> Answered {
    let next = visit.form.get("next").or_else(|| visit.query.get("next")).unwrap_or_default();
    let page = LoginPage {
        p: visit.page("login"),
        problem: told.problem,
        next: if is_in_place { "" } else { own_path(next) },
        action: if is_in_place { &visit.path } else { "/panel/login" },
        kept: visit.form.without(&OF_LOGIN).filter(|_| is_in_place).cloned().collect(),
    };
    let mut response = reply::html(told.status.unwrap_or(200), &page)?;
    response.headers.extend(told.wait_secs.map(|secs| ("Retry-After", secs)));
    Ok(response)
}

/// Only a page of the panel: a link must not lead elsewhere through us. Our own paths hold nothing that
/// a browser would read in another way: no `..`, however it is spelled, no `//`, no backslash.
fn own_path(next: &str) -> &str {
    let path = next.split(['?', '#']).next().unwrap_or_default();
    let is_plain = |part: &str| {
        let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !part.is_empty() && !matches!(part, "." | "..") && part.bytes().all(is_usual)
    };
    let is_page = path.strip_prefix("/panel/").is_some_and(|rest| {
        rest.split('/').all(is_plain) && !rest.starts_with("login") && !rest.starts_with("logout")
    });
    let is_visible = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if (path == "/panel" || is_page) && is_visible { next } else { "/panel" }
}

/// On from a login: to the page that was asked for.
pub(super) fn on_from_login(visit: &Visit<'_>) -> Response {
    reply::see_other(own_path(visit.form.get("next").unwrap_or_default()))
}

/// Where to go for whoever is not logged in.
pub(super) fn ask_to_log_in(visit: &Visit<'_>) -> Response {
    let is_piece = ["/live", "/preview", "/file", "/find", "/code.png"]
        .iter()
        .any(|end| visit.path.ends_with(end));
    if is_piece {
        return reply::plain(401, visit.words().log_in);
    }
    let next = if visit.is_post { "" } else { visit.request.target.as_str() };
    let next = if own_path(next) == "/panel" { "" } else { next };
    reply::see_other(format!("/panel/login{}", super::forms::to_query(&[("next", next)])))
}

/// The fields of a login that stand beside what a form said.
const OF_LOGIN: [&str; 6] = ["csrf", "mark", "password", "username", "login", "next"];
/// What `do` says after it: the form is shown again, and nothing is done.
pub(super) const KEPT: &str = "kept";

/// Whether somebody sends a form in which much is typed, which a page of ours made.
pub(super) fn has_form(visit: &Visit<'_>) -> bool {
    if !visit.form.get("csrf").is_some_and(is_random_hex) {
        return false;
    }
    let parts: Vec<&str> = visit.path.split('/').filter(|part| !part.is_empty()).skip(1).collect();
    match parts.as_slice() {
        ["messages" | "contacts" | "channels", "new"] | ["messages", _, "edit"] => true,
        ["contacts" | "channels", id] => id.parse::<i64>().is_ok(),
        _ => false,
    }
}

/// What leaves a short form as it is: a login under it, and the other language.
pub(super) fn only_shown(visit: &Visit<'_>) -> PageResult<()> {
    match visit.form.get("do") {
        Some(KEPT) => Err(Told::problem(200, visit.words().still_here).into()),
        Some("preview") => Err(Told::default().into()),
        Some(_) | None => Ok(()),
    }
}

/// Logs somebody in whose session ended under a form; the form's fields come along. `None` when that is done:
/// then the form is shown again, as it was.
pub(super) fn login_in_place(visit: &mut Visit<'_>) -> PageResult<Option<Response>> {
    if visit.form.get("login").is_none() {
        let ended = Told::problem(401, visit.words().session_ended);
        return show_login(visit, ended, true).map(Some);
    }
    if let Some(refused) = visit.refuse_unsafe()? {
        return Ok(Some(refused));
    }
    match let_in(visit) {
        Err(PageError::Told(told)) => show_login(visit, *told, true).map(Some),
        let_in => {
            visit.form.set("do", KEPT);
            let_in.map(|()| None)
        }
    }
}

pub(super) fn login(visit: &mut Visit<'_>) -> Answered {
    let answered = let_in(visit).map(|()| on_from_login(visit));
    merge::or_shown(answered, |told| show_login(visit, told, false))
}

fn let_in(visit: &mut Visit<'_>) -> PageResult<()> {
    prove(visit)?;
    begin_session(visit)
}

/// Gives the panel another password in place of the setting's: all sessions end, and this browser gets a new one.
pub(super) fn change_password(visit: &mut Visit<'_>, new: &str) -> PageResult<()> {
    let (hash, replaced) = (password::hash(new)?, visit.panel.password.hashed()?);
    visit.write(|tx| tx.replace_panel_password(&hash, &replaced))?;
    log::info!("panel: the password is a new one: everybody is logged out");
    begin_session(visit)
}

/// Refuses a form whose password is not the right one, also of whoever is logged in; wrong ones are slowed down.
pub(super) fn prove(visit: &Visit<'_>) -> PageResult<()> {
    let w = visit.words();
    let device = known_device(visit)?;
    let is_device = device.is_some();
    let who = device.unwrap_or_else(|| network_of(visit.client()));
    let (access, now) = (&visit.panel.access, visit.panel.clock.now().monotonic);
    let guesses = || lock(&access.guesses);
    // It counts before it is looked at: many at once must not all be looked at.
    let taken = guesses().take(&who, is_device, now);
    if let Err(wait) = taken {
        let secs = (wait.as_secs() + 1).to_string();
        let told = Told::problem(429, w.too_many_tries.replace("{}", &secs));
        return Err(Told { wait_secs: Some(secs), ..told }.into());
    }
    let kept = visit.read(|tx| tx.panel_password_hash())?.unwrap_or_default();
    if !password::fits(&kept, visit.form.get("password").unwrap_or_default()) {
        let remote = visit.request.remote().unwrap_or("an unknown address".to_owned());
        access.lines.log(now, || {
            log::warn!("panel: refused a login from {remote}: the wrong password");
        });
        return Err(Told::problem(401, w.wrong_password).into());
    }
    guesses().each.remove(&who);
    Ok(())
}

/// What tries are counted by: the address; of IPv6 the network, which one host may have whole.
fn network_of(client: Option<IpAddr>) -> String {
    match client {
        Some(IpAddr::V6(address)) => format!("{:x?}", &address.segments()[..4]),
        Some(IpAddr::V4(address)) => address.to_string(),
        None => String::new(),
    }
}

fn begin_session(visit: &mut Visit<'_>) -> PageResult<()> {
    let (id, device, key) = (random_hex()?, random_hex()?, random_hex()?);
    let now = visit.now;
    let key = visit.write(|tx| {
        let (oldest, unused_since) = (now.minus(SESSION_LASTS), now.minus(UNUSED_LASTS));
        tx.begin_panel_session(&hash_of(&id), now, oldest, unused_since)?;
        tx.panel_device_key(&key)
    })?;
    visit.set_cookie(SESSION_COOKIE, &id, Some(SESSION_LASTS.as_secs()));
    visit.set_cookie(VISITOR_COOKIE, "", Some(0));
    visit.csrf = sign(&id, "form");
    visit.known = Some(hash_of(&id));
    if known_device(visit)?.is_none() {
        let mark = format!("{device}.{}", sign(&key, &device));
        visit.set_cookie(DEVICE_COOKIE, &mark, Some(DEVICE_LASTS_SECS));
    }
    Ok(())
}

/// The name of a browser that was logged in with this password.
fn known_device(visit: &Visit<'_>) -> PageResult<Option<String>> {
    let Some((device, mark)) = visit.cookie(DEVICE_COOKIE).and_then(|text| text.split_once('.'))
    else {
        return Ok(None);
    };
    let Some(key) = visit.read(|tx| tx.known_device_key())? else { return Ok(None) };
    Ok(is_same(mark, &sign(&key, device)).then(|| device.to_owned()))
}

pub(super) fn logout(visit: &mut Visit<'_>) -> Answered {
    if let Some(known) = visit.known.take() {
        visit.write(|tx| tx.end_panel_session(&known))?;
    }
    Ok(leave(visit))
}

pub(super) fn logout_everywhere(visit: &mut Visit<'_>) -> Answered {
    visit.known = None;
    visit.write(|tx| tx.end_panel_sessions())?;
    Ok(leave(visit))
}

pub(super) fn leave(visit: &mut Visit<'_>) -> Response {
    visit.set_cookie(SESSION_COOKIE, "", Some(0));
    reply::done("/panel/login", "left")
}

pub(super) fn is_random_hex(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn hash_of(id: &str) -> String {
    to_hex(&Sha256::digest(id.as_bytes()))
}

fn sign(key: &str, text: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else {
        return String::new(); // an HMAC takes a key of any length; an empty text is like no other
    };
    mac.update(text.as_bytes());
    to_hex(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_who_guesses_waits_for_less_than_a_second() {
        let (mut guesses, mut now) = (Guesses::default(), Duration::from_secs(1000));
        for _ in 0..OF_ONE.at_once {
            assert_eq!(guesses.take("a", false, now), Ok(()));
        }
        let wait = guesses.take("a", false, now).unwrap_err();
        assert!(wait < Duration::from_secs(1), "{wait:?}");
        assert_eq!(guesses.take("b", false, now), Ok(()), "another address is another matter");
        // A flood from everywhere: known browsers do not wait for it, strangers do for a moment.
        let flood = (0..100).filter(|i| guesses.take(&i.to_string(), false, now).is_ok()).count();
        assert!(flood < OF_ALL.at_once as usize, "{flood}");
        assert!(guesses.take("c", false, now).unwrap_err() < Duration::from_secs(1));
        assert_eq!(guesses.take("phone", true, now), Ok(()));
        now += Duration::from_secs(1);
        assert_eq!(guesses.take("c", false, now), Ok(()));
        for i in 0..5_000 {
            now += Duration::from_millis(200);
            let _ = guesses.take(&format!("many {i}"), false, now); // only what is remembered matters
        }
        assert!(guesses.each.len() <= REMEMBERED_MAX);
    }

    #[test]
    fn a_link_leads_nowhere_but_into_the_panel() {
        for next in [
            "/panel",
            "/panel?lang=en",
            "/panel/messages?status=sent&q=a%2Fb",
            "/panel/messages/1/recipients.csv?at=2026-12-01T00:00:00Z",
        ] {
            assert_eq!(own_path(next), next);
        }
        for next in [
            "",
            "https://evil.example",
            "//evil.example",
            "/x",
            "/panel/login",
            "/panel/logout",
            "/panels",
            "/panel.evil.example",
            "/panel@evil.example",
            "/panel/..//evil",
            "/panel/../evil",
            "/panel/./..//evil",
            "/panel/%2e%2e//evil",
            "/panel/.%2E/evil",
            "/panel//evil.example",
            "/panel/messages/..",
            "/panel/%5c..%5cevil",
            "/panel/\\evil",
            "/panel/messages?q=\\evil",
            "/panel/\tevil",
            "/panel/%09/evil",
            "/panel/%00",
            "/panel/é",
            "/panel\\@evil",
            "/panel\r\nX: y",
        ] {
            assert_eq!(own_path(next), "/panel", "{next}");
        }
    }
}
