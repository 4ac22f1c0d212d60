//! What an assistant can ask for: each tool with its arguments, and the request of the API that it is.

use form_urlencoded::Serializer;
use serde_json::{Map, Value, json};

use crate::http::Request;

pub(super) struct Tool {
    pub(super) name: &'static str,
    description: &'static str,
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
const OBJECT: &[&str] = &["object"];

macro_rules! arguments {
    ($($name:ident: $types:expr, $words:literal;)+) => { &[$((stringify!($name), $types, $words)),+] };
}

const ID: &[Argument] = arguments! { id: NUMBER, "The message's id."; };
const PAGE: &[Argument] = arguments! {
    limit: NUMBER, "At most so many, up to 100.";
    cursor: TEXT, "`next_cursor` of the page before.";
};
const KEY: &[Argument] = arguments! {
    idempotency_key: TEXT,
        "Any text of yours: the same one again gives the first answer again, not a second message.";
};
const MESSAGE: &[Argument] = arguments! {
    text: TEXT,
        "The text; {{name|Kak}}, {{phone_number}} and attributes of the contact are filled in. Only with `content` it may be left out.";
    content: OBJECT,
        "What it carries beside the text, or in place of it: {\"kind\":\"image\",\"file\":\"<SHA-256 of `file add`>\",\"filename\":\"promo.jpg\"} or with \"url\" in place of \"file\"; kinds are image, file, video, voice, location (latitude, longitude), contact (name, phone) and poll (options).";
    to: &["array", "string", "integer"],
        "Who gets it: contact ids, phone numbers, `tag:vip`, or `all`; `except:tag:staff` gets nothing.";
    at: &["string", "array"],
        "When: `2026-12-01 08:00` in the owner's time zone, with an offset, `+2h`, `+1d` or `now`; or several.";
    schedules: &["array"],
        "Local dates and times in place of `at`: [{\"date\":\"2026-12-01\",\"time\":\"08:00\"}].";
    interval: OBJECT,
        "Days of the week in place of `at`: {\"time\":\"08:00\",\"weekDays\":[1,4],\"endDate\":\"2026-12-31\"}.";
    title: TEXT, "A title for the owner.";
    channel: &["integer", "string", "array"],
        "The channel that sends it, by id or name; several share its recipients: each hears from the number that it spoke with.";
    metadata: OBJECT, "Kept with the message.";
};
const OF_MESSAGES: &[Argument] = arguments! {
    status: TEXT, "draft, scheduled, sending, sent, failed or cancelled.";
    search: TEXT, "Words of the title or the text.";
    channel: &["integer", "string"], "Only of this channel, by id or name.";
    from: TEXT, "Only from this time on.";
    until: TEXT, "Only before this time.";
};
const OF_DELIVERIES: &[Argument] = arguments! {
    status: TEXT, "pending, sending, sent, failed, skipped, unknown, expired or cancelled.";
};
const OF_CONTACTS: &[Argument] = arguments! {
    search: TEXT, "Part of the name or the number.";
    phone: TEXT, "A phone number in any spelling.";
    tag: TEXT, "Only those with this tag.";
};

macro_rules! tools {
    ($($name:ident: $method:literal $path:literal writes=$writes:literal, $arguments:expr, $description:literal;)+) => {
        pub(super) const ALL: &[Tool] = &[$(Tool {
            name: stringify!($name),
            description: $description,
            writes: $writes,
            method: $method,
            path: $path,
            arguments: &$arguments,
        }),+];
    };
}

tools! {
    preview_message: "POST" "/messages/preview" writes=false, [MESSAGE],
        "Shows who would get a message, when, who is skipped and why. Stores nothing.";
    schedule_message: "POST" "/messages" writes=true, [MESSAGE, KEY],
        "Makes a message: a draft that a person lets go out, unless this server was started to send.";
    list_messages: "GET" "/messages" writes=false, [OF_MESSAGES, PAGE],
        "Lists messages, the newest first, with status and counts.";
    show_message: "GET" "/messages/{id}" writes=false, [ID],
        "Shows one message: text, status, counts, what went wrong.";
    list_deliveries: "GET" "/messages/{id}/deliveries" writes=false, [ID, OF_DELIVERIES, PAGE],
        "Lists what became of a message for each recipient.";
    cancel_message: "POST" "/messages/{id}/cancel" writes=true, [ID],
        "Stops a message for good. What is under way goes out.";
    pause_message: "POST" "/messages/{id}/pause" writes=true, [ID],
        "Stops a message until a person resumes it.";
    find_contacts: "GET" "/contacts" writes=false, [OF_CONTACTS, PAGE],
        "Finds contacts by words, phone number or tag.";
    read_status: "GET" "/status" writes=false, [],
        "Shows how everything stands: what is due next, channels and why they are held, today's counts.";
}

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
