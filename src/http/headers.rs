//! The headers that pass: from a client to the routes, and from the routes to a client. Everything
//! else stays in the front.

/// A route knows by this word that a request comes from the front.
pub(crate) const TOKEN: &str = "X-Guard-Token";
/// The address of the client.
pub(crate) const PEER: &str = "X-Guard-Peer";
/// What the client, or a proxy, says about where the request comes from. It decides nothing.
pub(crate) const FORWARDED: &str = "X-Guard-Forwarded";

/// Of a request. Those with `false` may stand there only once.
pub(super) const REQUEST: &[(&str, bool)] = &[
    ("Host", false),
    ("Authorization", false),
    ("Content-Type", false),
    ("Cookie", true),
    ("Accept", true),
    ("Accept-Language", true),
    ("User-Agent", false),
    ("Referer", false),
    ("Origin", false),
    ("Sec-Fetch-Site", false),
    ("Idempotency-Key", false),
    ("If-Match", true),
    ("If-None-Match", true),
    ("If-Modified-Since", false),
    ("X-Forwarded-Proto", false),
    ("X-Webhook-Hmac", false),
    ("X-Webhook-Hmac-Algorithm", false),
    ("X-Webhook-Request-Id", false),
];

/// Of an answer.
pub(super) const ANSWER: &[&str] = &[
    "Date",
    "Content-Type",
    "Content-Length",
    "Content-Disposition",
    "Cache-Control",
    "ETag",
    "Last-Modified",
    "Vary",
    "Location",
    "Set-Cookie",
    "Allow",
    "Retry-After",
    "WWW-Authenticate",
    "Content-Security-Policy",
    "Cross-Origin-Opener-Policy",
    "Cross-Origin-Resource-Policy",
    "Referrer-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
];
