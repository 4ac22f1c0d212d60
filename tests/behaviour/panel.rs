//! The panel: who is let in, what its pages say and do, and that nothing of what people typed is ever
//! more than text. The panel is asked as the server asks it; a browser does the same in tests/panel/.

mod access;
mod ahead;
mod answers;
mod attention;
mod calendar;
mod carries;
mod choose;
pub mod connect;
pub mod contacts;
mod editors;
mod escaping;
mod first_day;
mod looks;
mod messages;
mod records;
mod selected;
mod settings;
mod shares;
mod size;
mod test_send;
mod times;
mod twice;

use std::collections::BTreeMap;
use std::sync::Arc;

use auto_message_scheduler::api::Pages;
use auto_message_scheduler::config::{AdminPassword, Config, Secret};
use auto_message_scheduler::http::{FORWARDED, PEER, Request, Response};
use auto_message_scheduler::panel::Panel;
use auto_message_scheduler::store::Store;

use crate::world::{World, config};

/// The address of the reverse proxy that is trusted.
pub const PROXY: &str = "10.0.0.1";
pub const PASSWORD: &str = "rahasia toko";

/// A panel over the world's database.
pub fn panel(world: &World) -> Panel {
    panel_with(world, AdminPassword::Plain(Secret::new(PASSWORD)))
}

pub fn panel_with(world: &World, password: AdminPassword) -> Panel {
    let config = Config { trusted_proxies: vec![PROXY.parse().unwrap()], ..config() };
    let store = Store::open(&world.path).unwrap();
    Panel::new(store, world.clock.clone(), Arc::clone(&world.triggers), config.into(), password)
}

/// A browser: it keeps cookies, sends forms with the token that the last page held, and follows
/// nothing by itself.
#[derive(Clone, Default)]
pub struct Browser {
    pub cookies: BTreeMap<String, String>,
    pub token: String,
    /// The one-time mark of the last page's forms.
    pub mark: String,
    /// Whether it comes over TLS, through the trusted proxy.
    pub is_tls: bool,
    /// Its address.
    pub peer: Option<String>,
    /// What a proxy says of its address.
    pub forwarded_for: Option<String>,
}

impl Browser {
    /// One that is logged in.
    pub fn logged_in(panel: &Panel) -> Self {
        let mut browser = Self::default();
        let reply = browser.log_in(panel, PASSWORD);
        assert_eq!(reply.status, 303, "{}", text(&reply));
        browser.get(panel, "/panel");
        browser
    }

    pub fn log_in(&mut self, panel: &Panel, password: &str) -> Response {
        self.get(panel, "/panel/login");
        self.post(panel, "/panel/login", &[("password", password)])
    }

    pub fn get(&mut self, panel: &Panel, target: &str) -> Response {
        self.send(panel, Request::new("GET", target))
    }

    /// A form with its token.
    pub fn post(&mut self, panel: &Panel, target: &str, fields: &[(&str, &str)]) -> Response {
        let token = self.token.clone();
        let fields: Vec<(&str, &str)> =
            [("csrf", token.as_str())].into_iter().chain(fields.iter().copied()).collect();
        self.post_raw(panel, target, &fields)
    }

    /// A form with its token and its one-time mark, as a browser sends it.
    pub fn press(&mut self, panel: &Panel, target: &str, fields: &[(&str, &str)]) -> Response {
        let mark = self.mark.clone();
        self.post(panel, target, &[fields, &[("mark", mark.as_str())]].concat())
    }

    pub fn post_raw(&mut self, panel: &Panel, target: &str, fields: &[(&str, &str)]) -> Response {
        let escape = |text: &str| {
            text.bytes().fold(String::new(), |escaped, byte| escaped + &format!("%{byte:02x}"))
        };
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
        let mut request =
            Request::new("POST", target).with("Content-Type", "application/x-www-form-urlencoded");
        request.body = body.join("&").into_bytes();
        self.send(panel, request)
    }

    pub fn send(&mut self, panel: &Panel, mut request: Request) -> Response {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.with("Cookie", &cookies.join("; "));
        }
        if self.is_tls {
            request = request.with(PEER, PROXY).with("X-Forwarded-Proto", "https");
        }
        for (name, value) in [(PEER, &self.peer), (FORWARDED, &self.forwarded_for)] {
            if let Some(value) = value {
                request = request.with(name, value);
            }
        }
        let reply = panel.answer(&mut request);
        for (name, value) in &reply.headers {
            if *name == "Set-Cookie" {
                let (name, value) = value.split(';').next().unwrap().split_once('=').unwrap();
                match value {
                    "" => self.cookies.remove(name),
                    value => self.cookies.insert(name.to_owned(), value.to_owned()),
                };
            }
        }
        let shown = text(&reply);
        for (name, kept) in [("csrf", &mut self.token), ("mark", &mut self.mark)] {
            if let Some(value) = hidden(&shown, name) {
                *kept = value;
            }
        }
        reply
    }
}

/// The value of a hidden field of a page.
pub fn hidden(page: &str, name: &str) -> Option<String> {
    let rest = page.split(&format!("name=\"{name}\" value=\"")).nth(1)?;
    Some(rest.split('"').next()?.replace("&#38;", "&"))
}

pub fn text(reply: &Response) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}

pub fn header<'a>(reply: &'a Response, name: &str) -> Option<&'a str> {
    let found = reply.headers.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| value.as_str())
}

/// Every page that somebody who is logged in can look at, in a world with message 1 and contact 1.
pub const PAGES: &[&str] = &[
    "/panel",
    "/panel/live",
    "/panel/messages",
    "/panel/messages?status=sent&q=x",
    "/panel/messages/new",
    "/panel/messages/new?copy=1",
    "/panel/messages/1",
    "/panel/messages/1/live",
    "/panel/messages/1/edit",
    "/panel/messages/1/retry-unknown",
    "/panel/contacts",
    "/panel/contacts?q=a&tag=b",
    "/panel/contacts/new",
    "/panel/contacts/1",
    "/panel/contacts/import",
    "/panel/channels",
    "/panel/channels/live",
    "/panel/channels/new",
    "/panel/channels/1",
    "/panel/channels/1/live",
    "/panel/runs",
    "/panel/attention",
    "/panel/statistics",
    "/panel/statistics?from=2026-01-01&until=2026-12-31&channel=1&tag=vip",
    "/panel/acts",
    "/panel/acts?older=5",
    "/panel/calendar",
    "/panel/calendar?view=day&date=2026-12-02&channel=1",
    "/panel/messages?status=scheduled",
    "/panel/messages?status=scheduled&after=2026-01-01T00:00:00Z,5&q=a",
    "/panel/attention?kind=late&after=2026-01-01T00:00:00Z,5",
    "/panel/messages?q=0812",
    "/panel/settings",
    "/panel/doctor",
];
