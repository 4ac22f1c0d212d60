//! Who is let in: the password, the sessions, the tokens of forms, and how often one may try.
//!
//! A session is 256 random bits in a cookie; the database holds its SHA-256 only. A form's token is
//! an HMAC under the same bits, so that nothing needs to be kept for it. A browser that was logged in
//! once keeps a signed mark, and tries on an account of its own: strangers who guess can make each
//! other wait, but not the owner.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use askama::Template;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::visit::{Page, Visit};
use super::{Answered, Broken, Panel, reply};
use crate::api::PageReply;
use crate::config::AdminPassword;
use crate::password;

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

/// Wrong passwords before one has to wait, and how long each of them weighs.
const TRIES_MAX: u32 = 5;
const TRY_WEIGHS: Duration = Duration::from_secs(20);

/// Somebody who is logged in.
pub(super) struct Known {
    /// What the database calls the session.
    pub id_hash: String,
}

/// What access remembers while the program runs.
pub(super) struct Access {
    /// Whether the password in the settings was compared with the one that the sessions belong to.
    is_compared: AtomicBool,
    strangers: Mutex<Tries>,
    devices: Mutex<Tries>,
}

/// A bucket of tries that fills up again with time: no wait is ever longer than one try's weight.
#[derive(Clone, Copy, Debug, Default)]
struct Tries {
    /// When all is forgotten, on the clock that never jumps.
    heavy_until: Duration,
}

impl Tries {
    /// How long to wait before the next try.
    fn wait(self, now: Duration) -> Option<Duration> {
        let room = TRY_WEIGHS * (TRIES_MAX - 1);
        self.heavy_until.checked_sub(now)?.checked_sub(room).filter(|wait| !wait.is_zero())
    }

    fn add(&mut self, now: Duration) {
        self.heavy_until = self.heavy_until.max(now) + TRY_WEIGHS;
    }
}

impl Access {
    pub(super) fn new() -> Self {
        Self {
            is_compared: AtomicBool::new(false),
            strangers: Mutex::default(),
            devices: Mutex::default(),
        }
    }
}

/// Compares in a time that does not depend on where the two differ; an empty text is like no other.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    !one.is_empty() && bool::from(one.as_bytes().ct_eq(other.as_bytes()))
}

/// Finds the session of a visit, and gives its forms their token.
pub(super) fn recognise(visit: &mut Visit<'_>) -> Result<(), Broken> {
    if !visit.panel.access.is_compared.load(Ordering::SeqCst) {
        compare_password(visit.panel)?;
    }
    if let Some(id) = visit.cookie(SESSION_COOKIE).filter(|id| is_random_hex(id)) {
        let id_hash = hash_of(id);
        let now = visit.now;
        let session = visit.panel.read(|tx| tx.panel_session(&id_hash))?;
        let session = session.filter(|session| {
            now.since(session.created_at) < SESSION_LASTS
                && now.since(session.seen_at) < UNUSED_LASTS
        });
        if let Some(session) = session {
            if now.since(session.seen_at) >= NOTE_EVERY {
                visit.panel.write(|tx| tx.note_panel_session(&id_hash, now))?;
            }
            visit.csrf = sign(id, "form");
            visit.known = Some(Known { id_hash });
            return Ok(());
        }
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

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method's path is of one lifetime only"
)]
/// Once per start: when the password is not the one that the sessions belong to, they end.
fn compare_password(panel: &Panel) -> Result<(), Broken> {
    let kept = panel.read(|tx| tx.panel_password_hash())?;
    let fits = |hash: &str| match &panel.rules.password {
        AdminPassword::Plain(plain) => password::fits(hash, plain.reveal()),
        AdminPassword::Hash(set) => is_same(hash, set.reveal()),
    };
    if !kept.as_deref().is_some_and(fits) {
        let hash = match &panel.rules.password {
            AdminPassword::Plain(plain) => password::hash(plain.reveal())?,
            AdminPassword::Hash(set) => set.reveal().to_owned(),
        };
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
}

pub(super) fn login_page(visit: &mut Visit<'_>) -> Answered {
    if visit.is_known() {
        return Ok(reply::see_other("/panel"));
    }
    show_login(visit, 200, String::new())
}

fn show_login(visit: &Visit<'_>, status: u16, problem: String) -> Answered {
    let next = visit.form.get("next").or_else(|| visit.query.get("next")).unwrap_or_default();
    reply::html(status, &LoginPage { p: visit.page("login"), problem, next: own_path(next) })
}

/// Only a path of the panel: a link must not lead elsewhere through us.
fn own_path(next: &str) -> &str {
    let is_own = next.starts_with("/panel") && next.bytes().all(|byte| byte.is_ascii_graphic());
    if is_own && !next.contains('\\') && !next.starts_with("/panel/log") { next } else { "/panel" }
}

/// Where to go for whoever is not logged in.
pub(super) fn ask_to_log_in(visit: &Visit<'_>) -> PageReply {
    let is_piece = visit.path.ends_with("/live") || visit.path.ends_with("/preview");
    if is_piece {
        return reply::plain(401, visit.words().log_in);
    }
    let next = if visit.is_post { "" } else { visit.request.target.as_str() };
    let next = if own_path(next) == "/panel" { "" } else { next };
    reply::see_other(format!("/panel/login{}", super::forms::to_query(&[("next", next)])))
}

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method's path is of one lifetime only"
)]
pub(super) fn login(visit: &mut Visit<'_>) -> Answered {
    let w = visit.words();
    let is_device = is_known_device(visit)?;
    let access = &visit.panel.access;
    let tries = if is_device { &access.devices } else { &access.strangers };
    let now = visit.panel.clock.now().monotonic;
    {
        let mut tries = tries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wait) = tries.wait(now) {
            let secs = (wait.as_secs() + 1).to_string();
            let mut shown = show_login(visit, 429, w.too_many_tries.replace("{}", &secs))?;
            shown.headers.push(("Retry-After", secs));
            return Ok(shown);
        }
        // It counts before it is looked at: many at once must not all be looked at.
        tries.add(now);
    }
    let given = visit.form.get("password").unwrap_or_default();
    let kept = visit.panel.read(|tx| tx.panel_password_hash())?.unwrap_or_default();
    if !password::fits(&kept, given) {
        let remote = visit.request.remote.as_deref().unwrap_or("an unknown address");
        log::warn!("panel: refused a login from {remote}: the wrong password");
        return show_login(visit, 401, w.wrong_password.to_owned());
    }
    *tries.lock().unwrap_or_else(PoisonError::into_inner) = Tries::default();
    begin_session(visit)?;
    let next = own_path(visit.form.get("next").unwrap_or_default()).to_owned();
    Ok(reply::see_other(next))
}

fn begin_session(visit: &mut Visit<'_>) -> Result<(), Broken> {
    let (id, device, key) = (random_hex()?, random_hex()?, random_hex()?);
    let now = visit.now;
    let key = visit.panel.write(|tx| {
        let (oldest, unused_since) = (now.minus(SESSION_LASTS), now.minus(UNUSED_LASTS));
        tx.begin_panel_session(&hash_of(&id), now, oldest, unused_since)?;
        tx.panel_device_key(&key)
    })?;
    visit.set_cookie(SESSION_COOKIE, &id, Some(SESSION_LASTS.as_secs()));
    visit.set_cookie(VISITOR_COOKIE, "", Some(0));
    if !is_known_device(visit)? {
        let mark = format!("{device}.{}", sign(&key, &device));
        visit.set_cookie(DEVICE_COOKIE, &mark, Some(DEVICE_LASTS_SECS));
    }
    Ok(())
}

fn is_known_device(visit: &Visit<'_>) -> Result<bool, Broken> {
    let Some((device, mark)) = visit.cookie(DEVICE_COOKIE).and_then(|text| text.split_once('.'))
    else {
        return Ok(false);
    };
    let made = random_hex()?;
    let key = visit.panel.write(|tx| tx.panel_device_key(&made))?;
    Ok(is_same(mark, &sign(&key, device)))
}

pub(super) fn logout(visit: &mut Visit<'_>) -> Answered {
    if let Some(known) = visit.known.take() {
        visit.panel.write(|tx| tx.end_panel_session(&known.id_hash))?;
    }
    Ok(leave(visit))
}

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method's path is of one lifetime only"
)]
pub(super) fn logout_everywhere(visit: &mut Visit<'_>) -> Answered {
    visit.known = None;
    visit.panel.write(|tx| tx.end_panel_sessions())?;
    Ok(leave(visit))
}

fn leave(visit: &mut Visit<'_>) -> PageReply {
    visit.set_cookie(SESSION_COOKIE, "", Some(0));
    reply::done("/panel/login", "left")
}

fn random_hex() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(to_hex(&bytes))
}

fn is_random_hex(text: &str) -> bool {
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

pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_five_tries_each_more_waits_for_one_to_be_forgotten() {
        let mut tries = Tries::default();
        let now = Duration::from_secs(1000);
        for _ in 0..TRIES_MAX {
            assert_eq!(tries.wait(now), None);
            tries.add(now);
        }
        assert_eq!(tries.wait(now), Some(TRY_WEIGHS));
        assert_eq!(tries.wait(now + TRY_WEIGHS), None);
        tries.add(now + TRY_WEIGHS);
        assert_eq!(tries.wait(now + TRY_WEIGHS), Some(TRY_WEIGHS));
        assert_eq!(tries.wait(now + Duration::from_hours(1)), None);
    }

    #[test]
    fn a_link_leads_nowhere_but_into_the_panel() {
        for next in ["/panel/messages?status=sent", "/panel/contacts"] {
            assert_eq!(own_path(next), next);
        }
        for next in [
            "",
            "https://evil.example",
            "//evil.example",
            "/x",
            "/panel/login",
            "/panel\\@evil",
            "/panel\r\nX: y",
        ] {
            assert_eq!(own_path(next), "/panel", "{next}");
        }
    }
}
