//! A trigger that was meant to be a message. The body of a trigger says nothing, whatever a scheduler
//! puts into it; but a program that posts a text and a number there believes that it was sent.

use super::lean;

/// Names that only a message has, without case and dashes.
const FIELDS: [&str; 6] = ["text", "message", "to", "chatid", "contactids", "phone"];
const FORM_FIELDS_MAX: usize = 100;

/// Whether `body` is a message by the names in it: JSON, a list of JSON, or a form.
pub(super) fn is_message(body: &[u8]) -> bool {
    match lean::read(body) {
        Some(value) => {
            let first = value.get(0).unwrap_or(&value);
            first.as_object().is_some_and(|object| object.keys().any(|name| is_field(name)))
        }
        None => {
            body.contains(&b'=') && {
                let mut fields = form_urlencoded::parse(body).take(FORM_FIELDS_MAX);
                fields.any(|(name, _)| is_field(&name))
            }
        }
    }
}

fn is_field(name: &str) -> bool {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let plain: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    FIELDS.contains(&plain.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_known_by_its_fields_and_nothing_else_is_one() {
        for body in [
            r#"{"text":"Halo"}"#,
            r#"{"session":"default","chatId":"6281200007001@c.us","text":"Halo"}"#,
            r#"{"chat_id":1}"#,
            r#"{"contact_ids":[1]}"#,
            r#"{"contactIds":[1]}"#,
            r#"{"Phone":"0812"}"#,
            r#"[{"to":"0812","message":"Halo"}]"#,
            "to=0812&message=Halo",
        ] {
            assert!(is_message(body.as_bytes()), "{body}");
        }
        for body in [
            "",
            "{}",
            "[]",
            r#"{"time":"2026-12-01T08:00:00Z"}"#,
            r#"{"name":"Functions","type":"cron","record":{"to":"x"}}"#,
            r#""to""#,
            "text",
            "time=1&source=cron",
            "{text",
            "\u{0}\u{1}",
        ] {
            assert!(!is_message(body.as_bytes()), "{body}");
        }
    }
}
