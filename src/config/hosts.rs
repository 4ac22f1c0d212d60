//! Names of hosts, as `Host`, `Origin` and ALLOWED_HOSTS write them.

use std::net::Ipv6Addr;

/// The longest name that DNS has.
const NAME_BYTES_MAX: usize = 253;

/// A host and perhaps a port, such as `shop.example.com` or `127.0.0.1:8787`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// In lower case, without a dot at the end; an IPv6 address stands in brackets.
    pub(crate) name: String,
    /// Absent when it was not written, or is the usual one of http or https.
    pub(crate) port: Option<u16>,
}

impl Authority {
    /// Reads `name`, `name:port`, `[address]` or `[address]:port`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, rest) = rest.split_once(']')?;
                let address: Ipv6Addr = address.parse().ok()?;
                let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) };
                (format!("[{address}]"), port)
            }
            None => match text.split_once(':') {
                Some((name, port)) => (plain_name(name)?, Some(port)),
                None => (plain_name(text)?, None),
            },
        };
        let port = match port {
            None => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().ok()?)
            }
            Some(_) => return None,
        };
        Some(Self { name, port: port.filter(|port| !matches!(port, 80 | 443)) })
    }

    /// Reads what a browser sends as `Origin`; `None` for `null` and for what is no web page's.
    pub(crate) fn of_origin(origin: &str) -> Option<Self> {
        let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))?;
        Self::parse(rest)
    }

    /// Whether `other` is this host; without a port of its own it is so on every port.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.name == other.name && (self.port.is_none() || self.port == other.port)
    }
}

fn plain_name(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(is_plain);
    fits.then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_with_and_without_its_port() {
        let read = |text| Authority::parse(text).map(|host| (host.name, host.port));
        assert_eq!(read("Shop.Example.com."), Some(("shop.example.com".into(), None)));
        assert_eq!(read("127.0.0.1:8787"), Some(("127.0.0.1".into(), Some(8787))));
        assert_eq!(read("[::1]:8787"), Some(("[::1]".into(), Some(8787))));
        assert_eq!(read("shop.example.com:443"), Some(("shop.example.com".into(), None)));
        for wrong in [
            "", ".", "a b", "a:", "a:x", "a:+1", "a:70000", "a:1:2", "u@h", "[::1", "[x]", "a/b",
            "a,b",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_entry_without_a_port_covers_every_port() {
        let host = |text| Authority::parse(text).unwrap();
        assert!(host("shop.example.com").covers(&host("SHOP.example.com:8787")));
        assert!(!host("shop.example.com:1").covers(&host("shop.example.com:2")));
        assert!(!host("shop.example.com").covers(&host("evil.shop.example.com")));
        assert_eq!(Authority::of_origin("null"), None);
        assert_eq!(Authority::of_origin("https://a.example"), Some(host("a.example")));
    }
}
