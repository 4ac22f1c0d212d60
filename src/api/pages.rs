//! The seam to the pages for people: what a page is asked with and what it answers with. The pages
//! themselves are in a room above this one, which knows nothing of tiny_http.

/// All paths of the pages begin with it.
pub const PAGES_ROOT: &str = "/panel";

/// The most that a page takes: a form, or a file of contacts and what a form puts around it.
pub const PAGE_BODY_BYTES_MAX: usize = 1024 * 1024;

/// The most that is read for whoever is not logged in; the form that logs in is far smaller.
pub const STRANGERS_BODY_BYTES_MAX: usize = 16 * 1024;

/// What is larger is kept in a [`large_buffer`].
pub(super) const LARGE_BYTES: usize = 64 * 1024;
/// Reserved for what is large, and only touched as far as it is filled: glibc gives pieces of more than
/// 32 MiB back to the system at once, and keeps smaller ones.
const RESERVED_BYTES: usize = 33 * 1024 * 1024;

/// An empty buffer for `length` bytes from outside, whose memory comes back when it is dropped.
pub fn large_buffer(length: usize) -> Vec<u8> {
    let mut buffer = Vec::new();
    // A host may limit what is reserved; then the buffer is as large as what it is for.
    if length <= LARGE_BYTES || buffer.try_reserve_exact(length.max(RESERVED_BYTES)).is_err() {
        buffer.reserve_exact(length);
    }
    buffer
}

/// Pages for people.
pub trait Pages: Send + Sync {
    /// Answers a request for a path that begins with [`PAGES_ROOT`]. May take as long as a look at
    /// the database, or as checking a password.
    fn answer(&self, request: &PageRequest) -> PageReply;

    /// How large a body may be that is read for `request`, which has none yet; `None` when nobody is
    /// logged in, and the body of a stranger is at most [`STRANGERS_BODY_BYTES_MAX`].
    fn body_bytes_max(&self, request: &PageRequest) -> Option<usize>;
}

/// A request for a page.
#[derive(Clone, Debug, Default)]
pub struct PageRequest {
    /// In upper case, such as `POST`.
    pub method: String,
    /// With a query, if there is one.
    pub target: String,
    pub cookie: Option<String>,
    pub content_type: Option<String>,
    /// The header `Origin`: a browser names the page that asks, and whether it came over TLS.
    pub origin: Option<String>,
    /// The header `X-Forwarded-Proto`, as a proxy or a stranger wrote it.
    pub forwarded_proto: Option<String>,
    /// The header `X-Forwarded-For`, as a proxy or a stranger wrote it.
    pub forwarded_for: Option<String>,
    /// The address of the peer.
    pub peer: Option<String>,
    /// The address of the peer with what it was forwarded for, for the log.
    pub remote: Option<String>,
    /// At most [`PAGE_BODY_BYTES_MAX`] bytes; none when they were not worth reading.
    pub body: Vec<u8>,
}

/// The answer of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageReply {
    pub status: u16,
    /// Names and values, `Content-Type` among them.
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// Whether a request for `target` is for a page.
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
