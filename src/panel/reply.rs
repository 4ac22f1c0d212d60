//! Replies: every one with the headers that keep a page to itself.

use askama::Template;

use super::visit::{Page, Visit};
use super::{Answered, PageResult, merge};
use crate::http::{OpenFile, Response};

/// Nothing from anywhere but here, no inline script or style, in nobody's frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
    img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A reply with the headers that each has.
pub(super) fn with_headers(status: u16, content_type: &str, body: Vec<u8>) -> Response {
    let headers = vec![
        ("Content-Type", content_type.to_owned()),
        ("Content-Security-Policy", CONTENT_SECURITY_POLICY.to_owned()),
        ("X-Content-Type-Options", "nosniff".to_owned()),
        ("X-Frame-Options", "DENY".to_owned()),
        // Not `no-referrer`: a browser would then hide the Origin of our own forms too.
        ("Referrer-Policy", "same-origin".to_owned()),
        ("Cross-Origin-Opener-Policy", "same-origin".to_owned()),
        ("Cross-Origin-Resource-Policy", "same-origin".to_owned()),
        ("Cache-Control", "no-store".to_owned()),
    ];
    Response { status, headers, body, file: None }
}

pub(super) fn html(status: u16, template: &impl Template) -> Answered {
    let text = template.render()?;
    Ok(with_headers(status, "text/html; charset=utf-8", text.into_bytes()))
}

pub(super) fn download(name: &str, content_type: &str, body: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    with_headers(200, content_type, body).with("Content-Disposition", disposition)
}

/// A picture, sent as it lies in the store.
pub(super) fn picture(content_type: &str, file: OpenFile) -> Response {
    let reply = with_headers(200, content_type, Vec::new()).with("Content-Disposition", "inline");
    Response { file: Some(file), ..reply }
}

/// A piece of the panel itself, whose name changes with its content.
pub(super) fn lasting(content_type: &str, body: &[u8]) -> Response {
    let mut reply = with_headers(200, content_type, body.to_vec());
    reply.headers.retain(|(name, _)| *name != "Cache-Control");
    reply.with("Cache-Control", "public, max-age=31536000, immutable")
}

/// On to another page, by GET. `to` is a path of ours.
pub(super) fn see_other(to: impl Into<String>) -> Response {
    with_headers(303, "text/plain; charset=utf-8", Vec::new()).with("Location", to)
}

/// On to a page that says what was done, by its code in [`super::words`].
pub(super) fn done(path: &str, code: &str) -> Response {
    see_other(format!("{path}?done={code}"))
}

/// A few words without a page, for a script or when no page can be made.
pub(super) fn plain(status: u16, words: &str) -> Response {
    with_headers(status, "text/plain; charset=utf-8", words.as_bytes().to_vec())
}

/// Something broke; the reason is in the log.
pub(super) fn broken() -> Response {
    plain(
        500,
        "Halaman tidak dapat dibuat; alasannya ada di log program.\n\
         The page could not be made; the reason is in the program's log.\n",
    )
}

#[derive(Template)]
#[template(path = "message_to_person.html")]
struct NotePage<'a> {
    p: Page<'a>,
    heading: &'a str,
    text: &'a str,
    back: &'a str,
}

pub(super) fn tell(
    visit: &Visit<'_>,
    status: u16,
    heading: &str,
    text: &str,
    back: &str,
) -> PageResult<Response> {
    html(status, &NotePage { p: visit.page(""), heading, text, back })
}

/// The answer to a button, or a page that says why it is refused.
pub(super) fn or_told(visit: &Visit<'_>, answered: Answered, back: &str) -> Answered {
    let could_not = visit.words().could_not;
    merge::or_shown(answered, |told| tell(visit, 409, could_not, &told.problem, back))
}

pub(super) fn not_found(visit: &Visit<'_>) -> Answered {
    let w = visit.words();
    tell(visit, 404, w.not_found, w.not_found_text, "/panel")
}
