//! WAHA_BASE_URL, WAHA_PROXY, SUPABASE_URL, HEARTBEAT_URL, ALERT_URL and CALLBACK_URL: which URLs they may have.
//!
//! The reading is narrow on purpose: a host that we and the HTTP library could understand
//! differently is refused, so that the rule about plain http holds for the host that is asked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::values::bad;
use super::{Authority, ConfigError, Secret};

const BASE_URL: &str = "WAHA_BASE_URL";
/// Endings of names that only a private network gives.
const PRIVATE_ENDINGS: [&str; 5] = [".localhost", ".local", ".internal", ".lan", ".home.arpa"];

/// The URL without a slash at its end. Over plain http only what stays on this machine or in a
/// private network.
/// The error does not repeat a password.
pub(super) fn base_url(text: &str) -> Result<String, ConfigError> {
    let wanted = "a URL such as http://127.0.0.1:3000 or https://waha.example.com, without ? or #";
    // What stands before an @ is a password: it is not repeated.
    if text.contains('@') {
        let wanted = format!("{wanted}, and without a user name (use WAHA_API_KEY)");
        return Err(ConfigError::unshown(BASE_URL, wanted));
    }
    let url = Url::parse(text).ok_or_else(|| bad(BASE_URL, wanted, text))?;
    if url.is_plain && !url.host.is_private() {
        let wanted = "begin with https://: that host is neither on this machine nor in a private \
                      network, and over plain http everybody on the way could read the key and all \
                      messages; put WAHA behind a reverse proxy with a certificate, or reach it \
                      through a tunnel (`ssh -L 3000:127.0.0.1:3000 HOST`, then \
                      http://127.0.0.1:3000)";
        return Err(ConfigError::Rule { key: BASE_URL, wanted: wanted.to_owned() });
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// The URL of a Supabase project, without `/rest/v1` and slashes at its end. Plain http only on this
/// machine: the key may read and write everything. The error does not repeat a password.
pub(super) fn supabase(text: &str) -> Result<String, ConfigError> {
    let key = "SUPABASE_URL";
    let wanted = "the URL of a project such as https://abcdefgh.supabase.co, without ? or #";
    if text.contains('@') {
        return Err(ConfigError::unshown(key, wanted));
    }
    let url = Url::parse(text).ok_or_else(|| bad(key, wanted, text))?;
    let is_here = match &url.host {
        Host::Address(address) => address.to_canonical().is_loopback(),
        Host::Name(name) => name == "localhost" || name.ends_with(".localhost"),
    };
    let dashboards = ["supabase.com", "www.supabase.com", "app.supabase.com", "api.supabase.com"];
    if matches!(&url.host, Host::Name(name) if dashboards.contains(&name.as_str())) {
        let wanted = "the project's own URL, from its settings (API), not the dashboard's: https://abcdefgh.supabase.co";
        return Err(bad(key, wanted, text));
    }
    if url.is_plain && !is_here {
        let wanted = "begin with https://: over plain http everybody on the way could read the key, \
                      which opens the whole project";
        return Err(ConfigError::Rule { key, wanted: wanted.to_owned() });
    }
    let text = text.trim_end_matches('/');
    Ok(text.strip_suffix("/rest/v1").unwrap_or(text).trim_end_matches('/').to_owned())
}

/// The URL of a proxy, perhaps with a password in it: it is a secret.
/// The error does not repeat the value.
pub(super) fn proxy(text: &str) -> Result<Secret, ConfigError> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let address = rest.rsplit_once('@').map_or(rest, |(_user, address)| address);
    let without_user = format!("{scheme}://{address}");
    let is_fit = Url::parse(&without_user)
        .is_some_and(|url| url.path.is_empty() || url.path == "/")
        && rest.chars().all(|c| c.is_ascii_graphic())
        && rest.matches('@').count() <= 1;
    if is_fit {
        return Ok(Secret::new(text));
    }
    let wanted = "the URL of an HTTP proxy such as http://proxy:3128 or http://user:password@proxy:3128 \
                  (other signs than letters and digits in the password as %40 and so on)";
    Err(ConfigError::unshown("WAHA_PROXY", wanted))
}

/// The URL of a service that is told something. It is a secret: whoever knows it can write there too.
/// The error does not repeat the value.
pub(super) fn told(key: &'static str, text: &str) -> Result<Secret, ConfigError> {
    let (address, query) = text.split_once('?').unwrap_or((text, ""));
    let is_query = query.chars().all(|c| c.is_ascii_graphic() && !"#\\\"<>".contains(c));
    let url = Url::parse(address).filter(|_| is_query).ok_or_else(|| {
        let wanted = "a URL such as https://hc-ping.com/your-uuid, without # and user name";
        ConfigError::unshown(key, wanted)
    })?;
    if url.is_plain && !url.host.is_private() {
        let wanted = "begin with https://: over plain http everybody on the way could read the URL \
                      and use it";
        return Err(ConfigError::Rule { key, wanted: wanted.to_owned() });
    }
    Ok(Secret::new(text))
}

/// Whether what is sent to this URL can be read by others: plain http to a host that is neither on this
/// machine nor in a private network, or that we cannot make out.
pub(crate) fn is_public_without_tls(url: &str) -> bool {
    let address = url.split('?').next().unwrap_or(url);
    url.starts_with("http://") && Url::parse(address).is_none_or(|url| !url.host.is_private())
}

struct Url<'a> {
    is_plain: bool,
    host: Host,
    path: &'a str,
}

enum Host {
    Address(IpAddr),
    /// In lower case.
    Name(String),
}

impl<'a> Url<'a> {
    /// `http(s)://host[:port][/path]`, and nothing else.
    fn parse(text: &'a str) -> Option<Self> {
        let plain = text.strip_prefix("http://");
        let rest = plain.or_else(|| text.strip_prefix("https://"))?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let is_path = path.chars().all(|c| c.is_ascii_graphic() && !"?#@\\".contains(c));
        let Authority { name, port } = Authority::parse(authority)?;
        let host = Host::parse(&name, authority)?;
        (is_path && port != Some(0)).then_some(Self { is_plain: plain.is_some(), host, path })
    }
}

impl Host {
    fn parse(name: &str, typed: &str) -> Option<Self> {
        if let Some(address) = name.strip_prefix('[') {
            return Some(Self::Address(IpAddr::V6(address.trim_end_matches(']').parse().ok()?)));
        }
        if name.split('.').any(str::is_empty) {
            return None;
        }
        // Name look-ups take `2130706433`, `127.1` and `0x7f.1` for addresses. We take only the usual
        // form, so that nobody is sent elsewhere than the rule believes.
        let last = name.rsplit('.').next().unwrap_or(name);
        let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
            || last
                .strip_prefix("0x")
                .is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if !is_number {
            return Some(Self::Name(name.to_owned()));
        }
        let typed = typed.split(':').next().unwrap_or(typed);
        let address: Ipv4Addr = typed.parse().ok()?;
        Some(Self::Address(IpAddr::V4(address)))
    }

    /// Whether a request to it stays on this machine or in a private network.
    fn is_private(&self) -> bool {
        match self {
            Self::Address(address) => match address.to_canonical() {
                IpAddr::V4(address) => is_private_v4(address),
                IpAddr::V6(address) => is_private_v6(address),
            },
            Self::Name(name) => {
                !name.contains('.') || PRIVATE_ENDINGS.iter().any(|ending| name.ends_with(ending))
            }
        }
    }
}

/// 169.254/16 is none of them: no WAHA has such an address, but the machine's secrets at cloud hosts do.
fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    // 100.64/10 is what Tailscale and other tunnels give; 0.0.0.0 is this machine.
    let is_shared = first == 100 && (64..128).contains(&second);
    address.is_loopback() || address.is_private() || is_shared || address.is_unspecified()
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_loopback() || address.is_unique_local() || address.is_unspecified()
}
