//! JSON from outside, read into little memory: a list of half a million numbers in 1 MiB would take
//! forty times as much. What a request needs comes early and is small; the rest is checked and left
//! out. Pure.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Kept of one object or list; WAHA's objects have fewer, and bytes that it writes as numbers more.
const ENTRIES_MAX: usize = 200;
/// Kept of the whole.
const VALUES_MAX: usize = 10_000;

/// Reads a JSON text; `None` when it is none, or nested deeper than 127 levels.
pub(super) fn read(bytes: &[u8]) -> Option<Value> {
    let left = Cell::new(VALUES_MAX);
    let mut text = serde_json::Deserializer::from_slice(bytes);
    let value = Lean(&left).deserialize(&mut text).ok()?;
    text.end().ok().map(|()| value)
}

/// With how many values may still be kept.
struct Lean<'a>(&'a Cell<usize>);

impl Lean<'_> {
    /// Whether one more may be kept where there are `count`.
    fn takes(&self, count: usize) -> bool {
        let left = self.0.get();
        let takes = count < ENTRIES_MAX && left > 0;
        self.0.set(left - usize::from(takes));
        takes
    }
}

impl<'de> DeserializeSeed<'de> for Lean<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

macro_rules! as_it_is {
    ($($visit:ident($type:ty)),+) => {
        $(fn $visit<E>(self, value: $type) -> Result<Value, E> {
            Ok(Value::from(value))
        })+
    };
}

impl<'de> Visitor<'de> for Lean<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    as_it_is! { visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str) }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while self.takes(list.len()) {
            match elements.next_element_seed(Lean(self.0))? {
                Some(value) => list.push(value),
                None => return Ok(Value::Array(list)),
            }
        }
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if self.takes(object.len()) {
                let value = entries.next_value_seed(Lean(self.0))?;
                object.insert(key, value);
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_small_is_read_whole() {
        for value in [
            json!({"event": "message", "payload": {"id": {"fromMe": true}, "list": [1, -2, 3.5, null]}}),
            json!(["a", {"b": "\u{1f600}"}]),
            json!("x"),
            json!({}),
        ] {
            assert_eq!(read(value.to_string().as_bytes()), Some(value));
        }
        let deep = "[".repeat(500) + &"]".repeat(500);
        for text in ["", "{", "{\"a\":}", "[1,]", "{} {}", "\u{0}", deep.as_str()] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn of_what_is_large_the_beginning_is_kept() {
        let numbers = format!("{{\"a\":[{}0],\"b\":1}}", "0,".repeat(1000));
        let value = read(numbers.as_bytes()).unwrap();
        assert_eq!((value["a"].as_array().unwrap().len(), &value["b"]), (ENTRIES_MAX, &json!(1)));
        let wide = json!(vec![vec![0; 300]; 300]);
        let value = read(wide.to_string().as_bytes()).unwrap();
        let kept: usize =
            value.as_array().unwrap().iter().map(|x| x.as_array().unwrap().len()).sum();
        assert!(kept <= VALUES_MAX, "{kept}");
        let keys: Map<String, Value> = (0..300).map(|n| (n.to_string(), json!(n))).collect();
        let value = read(Value::Object(keys).to_string().as_bytes()).unwrap();
        assert_eq!(value.as_object().unwrap().len(), ENTRIES_MAX);
    }
}
