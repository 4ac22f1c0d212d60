//! docs/openapi.json: made from the table of routes, the words beside each, and the types that serve.

use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use super::super::{ROOT, ROUTES, call, channels, contacts, messages};

/// A local date and time.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only its schema")]
pub(in crate::api::v1) struct LocalTime {
    #[schema(example = "2026-12-01")]
    date: String,
    #[schema(example = "08:00")]
    time: String,
}

/// Days of the week, with a time of day, in TIMEZONE.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only its schema")]
pub(in crate::api::v1) struct Interval {
    /// One, or several.
    time: messages::At,
    /// 0 to 6 from Sunday, or names in English or Indonesian.
    #[schema(rename = "weekDays")]
    week_days: Vec<messages::ByIdOrName>,
    #[schema(rename = "startDate")]
    start_date: Option<String>,
    #[schema(rename = "endDate")]
    end_date: Option<String>,
}

#[derive(OpenApi)]
#[openapi(components(schemas(
    call::ErrorView,
    messages::NewMessage,
    messages::MessageChange,
    messages::RetryOf,
    messages::SplitOf,
    messages::SplitMessage,
    messages::Move,
    messages::MadeMessage,
    messages::MessagePlan,
    crate::messages::MessageView,
    crate::messages::DeliveryView,
    crate::messages::MovedView,
    super::super::files::TakenFile,
    contacts::NewContact,
    contacts::ContactChange,
    contacts::ImportOf,
    crate::contacts::import::Columns,
    crate::contacts::Person,
    channels::Pause,
    crate::channels::ChannelView
)))]
struct Schemas;

/// What a route is for, in the order of [`ROUTES`]: summary, body, status of success, and what it answers.
const WORDS: &[(&str, &str, u16, &str)] = &[
    ("This document", "", 200, "Any"),
    ("Messages, the newest first", "", 200, "Page of Message"),
    ("Make a message", "NewMessage", 201, "MadeMessage"),
    ("What a message would be; nothing is stored", "NewMessage", 200, "MessagePlan"),
    ("One message", "", 200, "Message"),
    ("Change a message, as far as it was not sent", "MessageChange", 200, "Message"),
    ("Delete a message that has ended or is a draft", "", 204, ""),
    ("Stop a message for good; what is under way goes out", "", 200, "Message"),
    ("Stop a message for now", "", 200, "Message"),
    ("Let a draft or a paused message go out", "", 200, "Message"),
    ("Send again to those for whom it failed or came too late", "RetryOf", 200, "Message"),
    ("Make several messages of one that does not fit", "SplitOf", 200, "SplitMessage"),
    ("Let another channel send to those who wait for one", "Move", 200, "Moved"),
    ("What became of a message for each recipient, by chat", "", 200, "Page of Delivery"),
    ("One delivery", "", 200, "Delivery"),
    (
        "Take in a file that a message may carry: the body is its bytes, at most MEDIA_MAX_MB",
        "FILE",
        200,
        "TakenFile",
    ),
    ("Contacts, the newest first", "", 200, "Page of Contact"),
    ("Add a contact", "NewContact", 201, "Contact"),
    (
        "Add a list of contacts (CSV, vCard, XLSX), as `contact import` takes it, at most 1 MiB",
        "CSV",
        200,
        "ImportOf",
    ),
    ("One contact", "", 200, "Contact"),
    ("Change a contact; what waits for it goes to its new number", "ContactChange", 200, "Contact"),
    ("Remove a contact; what waits for it is skipped", "", 204, ""),
    ("No more messages to this contact; what waits for it is skipped", "", 200, "Contact"),
    ("Messages to this contact again", "", 200, "Contact"),
    ("The channels, why each is held, and when it sends next", "", 200, "Page of Channel"),
    ("One channel", "", 200, "Channel"),
    ("Stop a channel; its messages wait", "Pause", 200, "Channel"),
    ("Free a channel, whoever held it", "", 200, "Channel"),
    ("How everything stands", "", 200, "Status"),
];

/// The schema of a parameter and what it means.
fn parameter(name: &str, path: &str) -> Value {
    let text = json!({"type": "string"});
    let (schema, words) = match name {
        "limit" => (
            json!({"type": "integer", "minimum": 1, "maximum": 100, "default": 50}),
            "Rows of a page",
        ),
        "cursor" => (text, "The `next_cursor` of the page before"),
        "status" if path.ends_with("deliveries") => {
            (json!({"$ref": "#/components/schemas/Status"}), "Only those with this status")
        }
        "status" => {
            (json!({"$ref": "#/components/schemas/MessageStatus"}), "Only those with this status")
        }
        "channel" => (text, "Only those of this channel, by id or name"),
        "from" => (
            text,
            "Only those that go out from this time or date on, in TIMEZONE without an offset",
        ),
        "until" => (text, "Only those that go out before this time or date"),
        "search" => (text, "Only those with this in title or text, in name or number"),
        "metadata." => (
            json!({"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 0}),
            "`metadata.order=17`: only those whose metadata has this value",
        ),
        "due_at" => (text, "The occurrence that was due then; the latest without it"),
        "phone" => (text, "Only those with this number, in any spelling"),
        "tag" => (text, "Only those with this tag; in an import, a tag for all"),
        "opted_out" => (json!({"type": "boolean"}), "Only those that opted out, or did not"),
        "strict" => (json!({"type": "boolean"}), "Store nothing when a row is refused"),
        "dry_run" => (json!({"type": "boolean"}), "Store nothing"),
        "forget_unknown" => (json!({"type": "boolean"}), "Also when deliveries are unknown"),
        "forget_opt_out" => (json!({"type": "boolean"}), "Also when the contact opted out"),
        other => unreachable!("{other} is not described"),
    };
    let name = name.trim_end_matches('.');
    json!({"name": name, "in": "query", "schema": schema, "description": words})
}

fn header(name: &str, words: &str) -> Value {
    let schema = json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"});
    json!({"name": name, "in": "header", "schema": schema, "description": words})
}

fn headers(method: &str) -> Option<Value> {
    match method {
        "POST" => {
            let words = "The same key and body give the first answer again, for 7 days";
            Some(header("Idempotency-Key", words))
        }
        "PATCH" => {
            let mut seen = header("If-Match", "The `ETag` of what you saw, or `*`");
            (seen["required"], seen["example"]) = (json!(true), json!("*"));
            Some(seen)
        }
        _ => None,
    }
}

/// The refusals that a method may meet.
fn refusals(method: &str) -> Map<String, Value> {
    let any = [400, 401, 403, 404, 405, 408, 413, 421, 422, 429, 431, 503];
    let more: &[u16] = match method {
        "POST" => &[409, 415],
        "PATCH" => &[409, 412, 415, 428],
        "DELETE" => &[409],
        _ => &[],
    };
    let error = json!({"$ref": "#/components/responses/Error"});
    any.iter().chain(more).map(|status| (status.to_string(), error.clone())).collect()
}

fn schema(name: &str) -> Value {
    match name.strip_prefix("Page of ") {
        Some(one) => json!({
            "type": "object",
            "required": ["data", "next_cursor"],
            "additionalProperties": false,
            "properties": {
                "data": {"type": "array", "items": schema(one)},
                "next_cursor": {"type": ["string", "null"]},
            },
        }),
        None if name == "Any" => json!({"type": "object"}),
        None => json!({"$ref": format!("#/components/schemas/{name}")}),
    }
}

fn operation(method: &str, path: &str, words: (&str, &str, u16, &str)) -> Value {
    let (summary, body, status, answer) = words;
    let mut parameters = Vec::new();
    if path.contains("{id}") {
        let id = json!({"type": "integer", "format": "int64", "minimum": 1});
        parameters.push(json!({"name": "id", "in": "path", "required": true, "schema": id}));
    }
    let route = ROUTES.iter().find(|route| (route.method, route.path) == (method, path)).unwrap();
    parameters.extend(route.query.iter().map(|name| parameter(name, path)));
    parameters.extend(headers(method));
    let mut responses = refusals(method);
    let mut success = json!({"description": "Done"});
    if !answer.is_empty() {
        success["content"] = json!({"application/json": {"schema": schema(answer)}});
    }
    if status == 201 {
        success["headers"] = json!({"Location": {"schema": {"type": "string"}, "required": true}});
    }
    responses.insert(status.to_string(), success);
    let name = format!("{} {}", method.to_lowercase(), path.replace(['/', '{', '}', '-'], " "));
    let name: Vec<&str> = name.split_whitespace().filter(|word| *word != "id").collect();
    let one = if path.contains("{id}") { "_one" } else { "" };
    let mut operation = json!({
        "operationId": name.join("_").replace("openapi.json", "document") + one,
        "tags": [path.split('/').nth(1).unwrap().trim_end_matches(".json")],
        "summary": summary,
        "responses": responses,
    });
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    if body == "CSV" {
        let example = "name,phone\nBudi,0812-0000-7001\n";
        let of = |list: &&str| match list.strip_prefix("text/") {
            Some("csv") => json!({"schema": {"type": "string"}, "example": example}),
            Some(_) => json!({"schema": {"type": "string"}}),
            None => json!({"schema": {"type": "string", "format": "binary"}}),
        };
        let content: Map<String, Value> =
            contacts::LISTS.iter().map(|list| ((*list).to_owned(), of(list))).collect();
        operation["requestBody"] = json!({"required": true, "content": content});
    } else if body == "FILE" {
        let content = json!({"schema": {"type": "string", "format": "binary"}});
        let form = json!({"type": "object", "required": ["file"], "additionalProperties": false,
            "properties": {"file": {"type": "string", "format": "binary"}}});
        let content =
            json!({"application/octet-stream": content, "multipart/form-data": {"schema": form}});
        operation["requestBody"] = json!({"required": true, "content": content});
    } else if !body.is_empty() {
        let content = json!({"application/json": {"schema": schema(body)}});
        let is_required = !matches!(body, "RetryOf" | "Pause");
        operation["requestBody"] = json!({"required": is_required, "content": content});
    }
    operation
}

/// The schema of `status`, which the command `status --json` has too.
fn status() -> Value {
    let text = || json!({"type": "string"});
    let maybe = || json!({"type": ["string", "null"]});
    let count = || json!({"type": "integer", "minimum": 0});
    let object = |properties: Value| {
        let names: Vec<&String> = properties.as_object().unwrap().keys().collect();
        json!({"type": "object", "required": names, "additionalProperties": false, "properties": properties})
    };
    let mut due = object(json!({"id": count(), "title": maybe(), "due_at": maybe()}));
    due["type"] = json!(["object", "null"]);
    let mut warning = object(json!({"kind": maybe(), "seen_at": maybe(), "until": text()}));
    warning["type"] = json!(["object", "null"]);
    let week = object(
        json!({"sent": count(), "received": {"type": ["integer", "null"]}, "ratio": {"type": ["number", "null"]}}),
    );
    let channel = object(json!({
        "id": {"type": "integer"}, "name": text(), "session_name": maybe(), "is_active": {"type": "boolean"},
        "held_reason": maybe(), "held_until": maybe(), "ready_in_seconds": count(), "closed": maybe(),
        "pending": count(), "backlog_ends_at": maybe(), "warning": warning, "week": week,
    }));
    let run = object(json!({
        "id": count(), "trigger": text(), "started_at": maybe(), "finished_at": maybe(), "processed": count(),
        "success": count(), "failed": count(), "error": maybe(),
    }));
    object(json!({
        "now": text(), "database": text(), "sending_process": {"type": ["integer", "null"]}, "next_due": due,
        "messages": object(json!({"scheduled": count(), "due": count(), "sending": count(), "draft": count()})),
        "channels": {"type": "array", "items": channel},
        "today": {"type": "object", "additionalProperties": count()},
        "unknown": count(), "unresolved_stops": count(), "clock_hold": maybe(), "last_trigger_at": maybe(),
        "callbacks": object(json!({"waiting": count(), "failed": count(), "dropped": count()})),
        "backlog_ends_at": maybe(), "runs": {"type": "array", "items": run},
    }))
}

/// Views have all of their fields, always.
fn close(name: &str, schema: &mut Value) {
    let is_request = matches!(
        name,
        "NewMessage"
            | "MessageChange"
            | "RetryOf"
            | "Move"
            | "NewContact"
            | "ContactChange"
            | "Pause"
    );
    let Some(properties) = schema["properties"].as_object() else { return };
    if !is_request {
        let names = properties.keys().filter(|key| (name, key.as_str()) != ("Error", "field"));
        schema["required"] = json!(names.collect::<Vec<_>>());
    }
    schema["additionalProperties"] = json!(false);
}

fn document() -> Value {
    let schemas = serde_json::to_value(Schemas::openapi()).unwrap();
    let mut schemas = schemas["components"]["schemas"].as_object().unwrap().clone();
    let open = ["Interval", "LocalTime", "Recipient", "To"];
    for (name, schema) in &mut schemas {
        if !open.contains(&name.as_str()) {
            close(name, schema);
        }
    }
    // The statuses of deliveries have that name already.
    schemas.insert("Overview".to_owned(), status());
    let mut paths: Map<String, Value> = Map::new();
    for (route, words) in ROUTES.iter().zip(WORDS) {
        let words =
            (words.0, words.1, words.2, if words.3 == "Status" { "Overview" } else { words.3 });
        let path = paths.entry(format!("{ROOT}{}", route.path)).or_insert_with(|| json!({}));
        path[route.method.to_lowercase()] = operation(route.method, route.path, words);
    }
    let error = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}});
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Auto Message Scheduler", "version": "1", "license": {"name": "MIT", "identifier": "MIT"},
            "description": "Make messages, follow them, and keep the contacts. See docs/api.md.",
        },
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "`api-key add` makes one"}},
            "responses": {"Error": {"description": "Refused", "content": error}},
            "schemas": schemas,
        },
    })
}

/// One path and one schema a line, so that a change of it can be read.
fn lines(document: &Value) -> String {
    let lines = |part: &Value, depth: usize| -> String {
        let rows = part.as_object().unwrap().iter();
        let rows: Vec<String> = rows.map(|(name, one)| format!("{}:{one}", json!(name))).collect();
        format!("{{\n{}{}\n}}", " ".repeat(depth), rows.join(&format!(",\n{}", " ".repeat(depth))))
    };
    let mut text = lines(document, 0);
    for part in [&document["paths"], &document["components"]["schemas"]] {
        text = text.replace(&part.to_string(), &lines(part, 1));
    }
    text + "\n"
}

#[test]
fn every_route_is_described() {
    assert_eq!(ROUTES.len(), WORDS.len());
}

#[test]
fn the_document_is_what_the_types_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    let made = lines(&document());
    assert_eq!(serde_json::from_str::<Value>(&made).unwrap(), document());
    if std::env::var_os("WRITE_DOCUMENT").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap();
    assert!(
        found == made,
        "docs/openapi.json is another one: WRITE_DOCUMENT=1 cargo test --lib document"
    );
}

#[test]
fn every_reference_leads_to_a_type() {
    let document = document();
    let types = document["components"]["schemas"].as_object().unwrap();
    let text = document.to_string();
    for rest in text.split("\"#/components/schemas/").skip(1) {
        let name = rest.split('"').next().unwrap();
        assert!(types.contains_key(name), "{name} is described nowhere");
    }
}
