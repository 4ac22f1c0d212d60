//! What an assistant can ask for: each tool with its arguments, and the request of the API that it is.

use form_urlencoded::Serializer;
use serde_json::{Map, Value, json};

use crate::http::Request;

/// A tool.
pub(super) struct Tool {
    pub(super) name: &'static str,
    description: &'static str,
    /// Whether it changes something.
    pub(super) writes: bool,
    method: &'static str,
    /// From `/api/v1`; `{id}` is the argument `id`.
    path: &'static str,
    /// Groups, so that tools can share one.
    arguments: &'static [&'static [Argument]],
}

/// An argument: its name, the types that it may have, and what it says.
type Argument = (&'static str, &'static [&'static str], &'static str);

const TEXT: &[&str] = &["string"];
const NUMBER: &[&str] = &["integer"];
const ID: Argument = ("id", NUMBER, "The message's id.");
const LIMIT: Argument = ("limit", NUMBER, "At most so many, up to 100.");
const KEY: Argument = (
    "idempotency_key",
    TEXT,
    "Any text of yours: the same one again gives the first answer again, not a second message.",
);
const CURSOR: Argument = ("cursor", TEXT, "`next_cursor` of the page before.");

/// What a message is made of.
const MESSAGE: &[Argument] = &[
    (
        "text",
        TEXT,
        "The text; {{name|Kak}}, {{phone_number}} and attributes of the contact are filled in. Only with `content` it may be left out.",
    ),
    (
        "content",
        &["object"],
        "What it carries beside the text, or in place of it: {\"kind\":\"image\",\"file\":\"<SHA-256 of `file add`>\",\"filename\":\"promo.jpg\"} or with \"url\" in place of \"file\"; kinds are image, file, video, voice, location (latitude, longitude), contact (name, phone) and poll (options).",
    ),
    (
        "to",
        &["array", "string", "integer"],
        "Who gets it: contact ids, phone numbers, `tag:vip`, or `all`; `except:tag:staff` gets nothing.",
    ),
    (
        "at",
        &["string", "array"],
        "When: `2026-12-01 08:00` in the owner's time zone, with an offset, `+2h`, `+1d` or `now`; or several.",
    ),
    (
        "schedules",
        &["array"],
        "Local dates and times in place of `at`: [{\"date\":\"2026-12-01\",\"time\":\"08:00\"}].",
    ),
    (
        "interval",
        &["object"],
        "Days of the week in place of `at`: {\"time\":\"08:00\",\"weekDays\":[1,4],\"endDate\":\"2026-12-31\"}.",
    ),
    ("title", TEXT, "A title for the owner."),
    (
        "channel",
        &["integer", "string", "array"],
        "The channel that sends it, by id or name; several share its recipients: each hears from the number that it spoke with.",
    ),
    ("metadata", &["object"], "Kept with the message."),
];

pub(super) const ALL: &[Tool] = &[
    Tool {
        name: "preview_message",
        description: "Shows who would get a message, when, who is skipped and why. Stores nothing.",
        writes: false,
        method: "POST",
        path: "/messages/preview",
        arguments: &[MESSAGE],
    },
    Tool {
        name: "schedule_message",
        description: "Makes a message: a draft that a person lets go out, unless this server was started to send.",
        writes: true,
        method: "POST",
        path: "/messages",
        arguments: &[MESSAGE, &[KEY]],
    },
    Tool {
        name: "list_messages",
        description: "Lists messages, the newest first, with status and counts.",
        writes: false,
        method: "GET",
        path: "/messages",
        arguments: &[&[
            ("status", TEXT, "draft, scheduled, sending, sent, failed or cancelled."),
            ("search", TEXT, "Words of the title or the text."),
            ("channel", &["integer", "string"], "Only of this channel, by id or name."),
            ("from", TEXT, "Only from this time on."),
            ("until", TEXT, "Only before this time."),
            LIMIT,
            CURSOR,
        ]],
    },
    Tool {
        name: "show_message",
        description: "Shows one message: text, status, counts, what went wrong.",
        writes: false,
        method: "GET",
        path: "/messages/{id}",
        arguments: &[&[ID]],
    },
    Tool {
        name: "list_deliveries",
        description: "Lists what became of a message for each recipient.",
        writes: false,
        method: "GET",
        path: "/messages/{id}/deliveries",
        arguments: &[&[
            ID,
            (
                "status",
                TEXT,
                "pending, sending, sent, failed, skipped, unknown, expired or cancelled.",
            ),
            LIMIT,
            CURSOR,
        ]],
    },
    Tool {
        name: "cancel_message",
        description: "Stops a message for good. What is under way goes out.",
        writes: true,
        method: "POST",
        path: "/messages/{id}/cancel",
        arguments: &[&[ID]],
    },
    Tool {
        name: "pause_message",
        description: "Stops a message until a person resumes it.",
        writes: true,
        method: "POST",
        path: "/messages/{id}/pause",
        arguments: &[&[ID]],
    },
    Tool {
        name: "find_contacts",
        description: "Finds contacts by words, phone number or tag.",
        writes: false,
        method: "GET",
        path: "/contacts",
        arguments: &[&[
            ("search", TEXT, "Part of the name or the number."),
            ("phone", TEXT, "A phone number in any spelling."),
            ("tag", TEXT, "Only those with this tag."),
            LIMIT,
            CURSOR,
        ]],
    },
    Tool {
        name: "read_status",
        description: "Shows how everything stands: what is due next, channels and why they are held, today's counts.",
        writes: false,
        method: "GET",
        path: "/status",
        arguments: &[],
    },
];

impl Tool {
    /// As `tools/list` shows it.
    pub(super) fn describe(&self) -> Value {
        let property = |(name, types, words): &Argument| {
            let mut schema = json!({ "description": words });
            schema["type"] = if let [one] = types { json!(one) } else { json!(types) };
            ((*name).to_owned(), schema)
        };
        let properties: Map<String, Value> =
            self.arguments.iter().copied().flatten().map(property).collect();
        let is_needed = |name: &&str| self.path.contains("{id}") && *name == "id";
        let names = self.arguments.iter().copied().flatten().map(|(name, ..)| *name);
        json!({
            "name": self.name,
            "description": self.description,
            "inputSchema": {
                "type": "object",
                "properties": properties,
                "required": names.filter(is_needed).collect::<Vec<_>>(),
                "additionalProperties": false,
            },
            "annotations": {
                "readOnlyHint": !self.writes,
                "destructiveHint": self.name == "cancel_message",
                "openWorldHint": self.name == "schedule_message",
            },
        })
    }

    /// The request that a call with `arguments` is.
    ///
    /// # Errors
    /// What is wrong with the arguments, in words. The API says what is wrong with their values.
    pub(super) fn request(&self, arguments: &Value, may_send: bool) -> Result<Request, String> {
        let mut given = match arguments {
            Value::Null => Map::new(),
            Value::Object(given) => given.clone(),
            _ => return Err("`arguments` must be an object".to_owned()),
        };
        for name in given.keys() {
            if !self.arguments.iter().copied().flatten().any(|(known, ..)| known == name) {
                return Err(format!("`{}` has no argument `{name}`", self.name));
            }
        }
        let mut target = format!("/api/v1{}", self.path);
        if target.contains("{id}") {
            let id = given.remove("id").and_then(|id| id.as_u64()).filter(|id| *id > 0);
            let id = id.ok_or("`id` must be the id of a message, such as 7")?;
            target = target.replace("{id}", &id.to_string());
        }
        if self.method == "GET" {
            let mut query = Serializer::new(String::new());
            for (name, value) in &given {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                query.append_pair(name, &text);
            }
            target = format!("{target}?{}", query.finish());
            return Ok(Request::new(self.method, &target));
        }
        if self.path == "/messages" && !may_send {
            given.insert("draft".to_owned(), json!(true));
        }
        let key = given.remove("idempotency_key");
        let mut request =
            Request::new(self.method, &target).with("Content-Type", "application/json");
        if let Some(key) = key {
            let key = key.as_str().ok_or("`idempotency_key` must be a text")?;
            request = request.with("Idempotency-Key", key);
        }
        if !given.is_empty() {
            request.body = Value::Object(given).to_string().into_bytes();
        }
        Ok(request)
    }
}
