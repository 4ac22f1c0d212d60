//! Message ids as WAHA's engines write them: `true_<chat>_<ID>[_<participant>]`, an object, or bare.
//!
//! Only the bare id is kept and compared: the chat may come back as `@c.us` or as `@lid`.

use serde_json::Value;

/// Longer ids are no ids.
const ID_CHARS_MAX: usize = 200;
/// Where an id is: GOWS and WPP (`id` text), WEBJS (`id` object), NOWEB (`key.id`).
const POINTERS: [&str; 4] = ["/id", "/id/_serialized", "/id/id", "/key/id"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageId {
    pub bare: String,
    /// Whether the number of the session sent it, when the id says so.
    pub from_me: Option<bool>,
    pub chat_id: Option<String>,
}

impl MessageId {
    /// Takes an id apart; `None` for what cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let Some((from_me @ ("true" | "false"), rest)) = text.split_once('_') else {
            let bare = text.to_owned();
            return is_bare_id(text).then_some(Self { bare, from_me: None, chat_id: None });
        };
        let mut segments = rest.split('_');
        let (chat_id, bare) = (segments.next()?, segments.next()?);
        is_bare_id(bare).then(|| Self {
            bare: bare.to_owned(),
            from_me: Some(from_me == "true"),
            chat_id: Some(chat_id.to_owned()),
        })
    }

    /// The id in a message of any engine.
    pub(crate) fn find_in(message: &Value) -> Option<Self> {
        POINTERS
            .iter()
            .filter_map(|pointer| message.pointer(pointer).and_then(Value::as_str))
            .find_map(Self::parse)
    }
}

/// Whether it can be an id as WAHA gives them.
pub fn is_bare_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= ID_CHARS_MAX && id.chars().all(|c| c.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(text: &str) -> Option<String> {
        MessageId::parse(text).map(|id| id.bare)
    }

    #[test]
    fn the_bare_id_is_the_third_segment_or_all_of_it() {
        assert_eq!(bare("true_6281@c.us_3EB0"), Some("3EB0".to_owned()));
        assert_eq!(bare("true_1203@g.us_3EB0_6281@lid"), Some("3EB0".to_owned()));
        assert_eq!(bare("3EB0"), Some("3EB0".to_owned()));
        for text in ["", "true_6281@c.us", "true_6281@c.us_", "a b", "true_x_\u{e9}"] {
            assert_eq!(bare(text), None, "{text}");
        }
        assert_eq!(bare(&"A".repeat(201)), None);
    }

    #[test]
    fn an_id_says_whose_it_is_and_where() {
        let id = MessageId::parse("false_6281@c.us_3EB0").unwrap();
        assert_eq!((id.from_me, id.chat_id.as_deref()), (Some(false), Some("6281@c.us")));
    }
}
