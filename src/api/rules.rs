//! What a head must say before anything else of a request matters: that it is meant for us, and that
//! no browser was made to send it by somebody else's page.

use std::sync::Arc;

use super::{PAGE_BODY_BYTES_MAX, Route, v1, webhook};
use crate::config::{Authority, Config};
use crate::http::{Admission, Head, Length, Refusal};

const BODY_BYTES_MAX: usize = 64 * 1024;
/// What a form puts around a file.
const FORM_BYTES: usize = 64 * 1024;

/// Whether the request may come in: else 421 for another host, 403 for another site's page. `allowed_hosts` is
/// ALLOWED_HOSTS; when it is empty, every host is ours. Pages of `cors_origins` may ask the API.
fn check(head: &Head, allowed_hosts: &[Authority], cors_origins: &[String]) -> Result<(), Refusal> {
    let host = head.host()?;
    let is_allowed = |host: &Authority| allowed_hosts.iter().any(|own| own.covers(host));
    if !allowed_hosts.is_empty() && !host.as_ref().is_some_and(is_allowed) {
        return Err(Refusal::new(421, "this is not the host that you ask for; see ALLOWED_HOSTS"));
    }
    let is_own = |origin: &Authority| host.as_ref() == Some(origin) || is_allowed(origin);
    let origin = head.header("Origin");
    let is_own_page =
        origin.is_none_or(|origin| Authority::of_origin(origin).as_ref().is_some_and(is_own));
    let site = head.header("Sec-Fetch-Site");
    let is_own_site = site.is_none_or(|site| matches!(site, "same-origin" | "none"));
    // Somebody may follow a link to a page from anywhere: looking changes nothing, and the
    // browser keeps the session's cookie to itself.
    let is_link = matches!(head.method.as_str(), "GET" | "HEAD")
        && origin.is_none()
        && super::pages::is_page(&head.target);
    let is_shared = v1::is_api(head.path())
        && origin.is_some_and(|origin| {
            cors_origins.iter().any(|known| known.eq_ignore_ascii_case(origin))
        });
    if is_link || is_shared || (is_own_page && is_own_site) {
        Ok(())
    } else {
        Err(Refusal::new(403, "another site's page may not ask here"))
    }
}

impl Admission for Arc<Config> {
    fn admit(&self, head: &Head) -> Result<u64, Refusal> {
        check(head, &self.allowed_hosts, &self.cors_origins)?;
        // The routes get headers in ASCII only; without their key they would do a thing twice.
        let odd = ["Idempotency-Key", "If-Match"].map(|name| head.header(name));
        if v1::is_api(head.path()) && !odd.iter().flatten().all(|value| value.is_ascii()) {
            let words = "the headers Idempotency-Key and If-Match are written in ASCII";
            return Err(Refusal::new(400, words));
        }
        let media_bytes_max = usize::try_from(self.media_max_mb << 20).unwrap_or(usize::MAX);
        let bytes_max = if head.path() == Route::Webhook.as_str() {
            webhook::BODY_BYTES_MAX
        } else if head.path() == v1::FILES_PATH {
            media_bytes_max.saturating_add(FORM_BYTES)
        } else if super::takes_files(head.path()) {
            // What is somewhat too large is told in words, on the page.
            media_bytes_max.saturating_mul(2).saturating_add(PAGE_BODY_BYTES_MAX)
        } else if head.path() == v1::IMPORT_PATH {
            let is_too_large =
                matches!(head.length, Length::Bytes(bytes) if bytes > PAGE_BODY_BYTES_MAX as u64);
            if is_too_large {
                let words = "the list is larger than 1 MiB: `contact import` takes larger ones";
                return Err(Refusal::new(413, words));
            }
            PAGE_BODY_BYTES_MAX
        } else if super::pages::is_page(&head.target) {
            PAGE_BODY_BYTES_MAX
        } else {
            BODY_BYTES_MAX
        };
        if super::pages::is_page(&head.target)
            && matches!(head.length, Length::Bytes(bytes) if bytes > bytes_max as u64)
        {
            return Err(Refusal::new(303, super::pages::TOO_LARGE_PATH));
        }
        Ok(bytes_max as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(allowed: &[&str], lines: &str) -> u16 {
        let hosts: Vec<_> = allowed.iter().map(|host| Authority::parse(host).unwrap()).collect();
        let head = format!("POST /api/cron-auto-message HTTP/1.1\r\n{lines}\r\n");
        let head = Head::parse(head.as_bytes()).unwrap();
        super::check(&head, &hosts, &[]).err().map_or(200, |refusal| refusal.status)
    }

    #[test]
    fn another_host_is_misdirected_only_when_hosts_are_named() {
        let to = |host: &str| format!("Host: {host}\r\n");
        assert_eq!(check(&[], &to("evil.example")), 200);
        let own = &["shop.example.com", "127.0.0.1:8787"];
        assert_eq!(check(own, &to("shop.example.com:9")), 200);
        assert_eq!(check(own, &to("127.0.0.1:8787")), 200);
        assert_eq!(check(own, &to("127.0.0.1:8788")), 421);
        assert_eq!(check(own, &to("evil.example")), 421);
    }

    #[test]
    fn a_link_to_a_page_may_be_followed_from_anywhere_and_a_form_may_not() {
        let host = "Host: shop.example.com\r\nSec-Fetch-Site: cross-site\r\n";
        for (line, is_let_in) in [
            ("GET /panel/messages", true),
            ("POST /panel/messages/1/cancel", false),
            ("GET /health", false),
            ("GET /panels", false),
        ] {
            let head = Head::parse(format!("{line} HTTP/1.1\r\n{host}\r\n").as_bytes()).unwrap();
            assert_eq!(super::check(&head, &[], &[]).is_ok(), is_let_in, "{line}");
        }
    }

    #[test]
    fn a_page_of_cors_origins_may_ask_the_api_and_nothing_else() {
        let origins = ["https://toko.example.com".to_owned()];
        for (line, origin, is_let_in) in [
            ("POST /api/v1/messages", "https://toko.example.com", true),
            ("OPTIONS /api/v1/messages", "https://toko.example.com", true),
            ("POST /api/v1/messages", "http://toko.example.com", false),
            ("POST /api/v1/messages", "https://evil.example", false),
            ("POST /api/cron-auto-message", "https://toko.example.com", false),
            ("GET /panel/messages", "https://toko.example.com", false),
        ] {
            let head = format!("{line} HTTP/1.1\r\nHost: api.example\r\nOrigin: {origin}\r\n\r\n");
            let head = Head::parse(head.as_bytes()).unwrap();
            assert_eq!(super::check(&head, &[], &origins).is_ok(), is_let_in, "{line} {origin}");
        }
    }

    #[test]
    fn a_page_of_another_site_may_not_ask() {
        let host = "Host: shop.example.com:8787\r\n";
        for (line, status) in [
            ("Origin: http://shop.example.com:8787\r\n", 200),
            ("Origin: http://shop.example.com\r\n", 403),
            ("Origin: https://evil.example\r\n", 403),
            ("Origin: null\r\n", 403),
            ("Sec-Fetch-Site: cross-site\r\n", 403),
            ("Sec-Fetch-Site: same-site\r\n", 403),
            ("Sec-Fetch-Site: same-origin\r\n", 200),
            ("Sec-Fetch-Site: none\r\n", 200),
        ] {
            assert_eq!(check(&[], &format!("{host}{line}")), status, "{line}");
        }
        // A proxy that asks by its own name for ours.
        let proxied = "Host: 127.0.0.1:8787\r\nOrigin: https://shop.example.com\r\n";
        assert_eq!(check(&["127.0.0.1", "shop.example.com"], proxied), 200);
        assert_eq!(check(&[], proxied), 403);
    }
}
