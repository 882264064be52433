//! JSON objects as a token carries them: member order kept, duplicate members refused at every level
//! (RFC 7519 §4 allows refusing or taking the last; taking one silently is how two readers come to
//! disagree about a token).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, map::Entry};

/// Why bytes are not an acceptable JSON object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// Bytes that are not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// A byte order mark at the start.
    #[error("starts with a byte order mark")]
    ByteOrderMark,
    /// Not JSON; the text says where.
    #[error("not JSON ({0})")]
    Syntax(String),
    /// Something follows the object.
    #[error("something follows the JSON object")]
    Trailing,
    /// Nested deeper than 128 levels.
    #[error("nested too deep")]
    TooDeep,
    /// A number that no double can hold, such as 1e400.
    #[error("a number is out of range")]
    NumberOutOfRange,
    /// An array, a string, a number, `true`, `false` or `null`.
    #[error("not a JSON object")]
    NotObject,
    /// The same member twice.
    #[error("member {0:?} stands there twice")]
    Duplicate(String),
}

const DUPLICATE: &str = "\u{1}duplicate\u{1}";

/// Parses one JSON object, strictly: nothing before, nothing but white space after, no duplicates.
pub fn parse_strict(bytes: &[u8]) -> Result<Map<String, Value>, JsonFault> {
    let text = std::str::from_utf8(bytes).map_err(|_| JsonFault::NotUtf8)?;
    if text.starts_with('\u{feff}') {
        return Err(JsonFault::ByteOrderMark);
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict
        .deserialize(&mut reader)
        .map_err(|error| fault(&error))?;
    reader.end().map_err(|_| JsonFault::Trailing)?;
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(JsonFault::NotObject),
    }
}

fn fault(error: &serde_json::Error) -> JsonFault {
    let text = error.to_string();
    if let Some(rest) = text.strip_prefix(DUPLICATE) {
        let name = rest.split(DUPLICATE).next().unwrap_or_default();
        return JsonFault::Duplicate(name.to_owned());
    }
    if text.starts_with("recursion limit exceeded") {
        return JsonFault::TooDeep;
    }
    if text.starts_with("number out of range") {
        return JsonFault::NumberOutOfRange;
    }
    JsonFault::Syntax(format!("line {} column {}", error.line(), error.column()))
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(Strict)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        // As many members as a token's payload usually has.
        let mut map = Map::with_capacity(12);
        while let Some(name) = access.next_key::<String>()? {
            match map.entry(name) {
                Entry::Vacant(place) => {
                    place.insert(access.next_value_seed(Strict)?);
                }
                Entry::Occupied(place) => {
                    let name = place.key();
                    return Err(A::Error::custom(format!("{DUPLICATE}{name}{DUPLICATE}")));
                }
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_object_is_refused_for_its_reason() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        let cases: &[(&[u8], JsonFault)] = &[
            (b"\xff", JsonFault::NotUtf8),
            (b"\xef\xbb\xbf{}", JsonFault::ByteOrderMark),
            (b"[]", JsonFault::NotObject),
            (b"null", JsonFault::NotObject),
            (b"{} x", JsonFault::Trailing),
            (b"{\"a\":1,\"a\":2}", JsonFault::Duplicate("a".into())),
            (b"{\"a\":1,\"\\u0061\":2}", JsonFault::Duplicate("a".into())),
            (
                b"{\"x\":{\"b\":1,\"b\":2}}",
                JsonFault::Duplicate("b".into()),
            ),
            (b"{\"a\":1e400}", JsonFault::NumberOutOfRange),
            (deep.as_bytes(), JsonFault::TooDeep),
            (b"{\"a\":}", JsonFault::Syntax("line 1 column 6".into())),
            (b"", JsonFault::Syntax("line 1 column 0".into())),
        ];
        for (bytes, wanted) in cases {
            assert_eq!(parse_strict(bytes).unwrap_err(), *wanted);
        }
    }

    #[test]
    fn order_is_kept() {
        let map = parse_strict(b" {\"z\":1,\"a\":[{\"y\":null,\"b\":1.5}]} ").unwrap();
        assert_eq!(
            serde_json::to_string(&map).unwrap(),
            "{\"z\":1,\"a\":[{\"y\":null,\"b\":1.5}]}"
        );
    }
}
