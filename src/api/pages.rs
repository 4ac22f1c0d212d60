//! The seam to the pages for people. The pages themselves are in a room above this one.

use std::sync::Mutex;

use crate::clock::lock;
use crate::http::{Request, Response, see_other};

pub const PAGES_ROOT: &str = "/panel";

/// The most that a page takes: a form, or a file of contacts and what a form puts around it.
pub const PAGE_BODY_BYTES_MAX: usize = 1024 * 1024;

/// The most that is read of a client that is not logged in; the form that logs in is far smaller.
pub const STRANGERS_BODY_BYTES_MAX: usize = 16 * 1024;

/// The page that says that what was sent is too large: whoever sent a form wants no JSON.
pub const TOO_LARGE_PATH: &str = "/panel/too-large";

pub trait Pages: Send + Sync {
    /// Answers a request for a path that begins with [`PAGES_ROOT`]. May take as long as a look at
    /// the database, or as checking a password.
    fn answer(&self, request: &mut Request) -> Response;

    /// Whether the page itself takes the body, while it comes: a form with a file, of somebody who is logged in.
    fn takes_body(&self, request: &Request) -> bool;

    /// How large a body may be that is read for `request`, which has none yet; `None` when nobody is
    /// logged in, and the body of a stranger is at most [`STRANGERS_BODY_BYTES_MAX`].
    fn body_bytes_max(&self, request: &Request) -> Option<usize>;
}

/// Reads what a page needs of a request, and makes the page. A body that is too large for a stranger is read only
/// when the pages say so; without it a form is one that no page of ours made.
pub(super) fn answer(pages: &dyn Pages, request: &mut Request, large: &Mutex<()>) -> Response {
    if pages.takes_body(request) {
        return pages.answer(request);
    }
    let length = request.length();
    let is_large = length > STRANGERS_BODY_BYTES_MAX;
    if is_large {
        match pages.body_bytes_max(request) {
            None => return pages.answer(request),
            Some(max) if length > max => return see_other(TOO_LARGE_PATH),
            Some(_) => {}
        }
    }
    let _turn = is_large.then(|| lock(large));
    match request.read_body() {
        Ok(()) => pages.answer(request),
        Err(refusal) => refusal,
    }
}

/// Whether a form that is sent to `path` may have a file for a message with it, which may be large.
pub fn takes_files(path: &str) -> bool {
    path.strip_prefix(PAGES_ROOT).is_some_and(|rest| rest.starts_with("/messages/"))
}

pub(super) fn is_page(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    path.strip_prefix(PAGES_ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_what_lies_under_the_root() {
        for target in ["/panel", "/panel/", "/panel?x", "/panel/messages/1?lang=en"] {
            assert!(is_page(target), "{target}");
        }
        for target in ["/", "/panels", "/panel.html", "/api/panel", "/Panel"] {
            assert!(!is_page(target), "{target}");
        }
    }
}
