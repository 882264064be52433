//! Values with a spelling of their own.

use std::borrow::Cow;

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A length of time as people write it: `"30s"`, `"2h"`, `"1h 30m"`, `"250ms"`, `"-10m"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub SignedDuration);

impl Duration {
    /// Reads a length of time; the error says what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.trim().parse::<SignedDuration>().map(Self).map_err(|_| {
            format!("`{text}` is not a length of time: write, for example, \"30s\", \"10m\", \"2h\" or \"1h 30m\"")
        })
    }

    /// The same as the standard library's duration; a negative one is nothing.
    pub fn unsigned(self) -> std::time::Duration {
        self.0.try_into().unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A length of time: \"30s\", \"2h\", \"1h 30m\", \"250ms\".",
            "examples": ["30s", "2h"]
        })
    }
}

/// One status of an answer, or several of which any will do: `201`, `[201, 202]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses(pub Vec<u16>);

impl Statuses {
    /// Whether a status is among them.
    pub fn fits(&self, status: u16) -> bool {
        self.0.contains(&status)
    }
}

impl std::fmt::Display for Statuses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, status) in self.0.iter().enumerate() {
            let between = if index == 0 { "" } else { " or " };
            write!(f, "{between}{status}")?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrSeveral)
    }
}

struct OneOrSeveral;

impl<'de> Visitor<'de> for OneOrSeveral {
    type Value = Statuses;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a status, or a list of them")
    }

    fn visit_i64<E: serde::de::Error>(self, status: i64) -> Result<Statuses, E> {
        let status =
            u16::try_from(status).map_err(|_| E::custom(format!("{status} is no status")))?;
        Ok(Statuses(vec![status]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Statuses, A::Error> {
        let mut all = Vec::new();
        while let Some(status) = list.next_element()? {
            all.push(status);
        }
        Ok(Statuses(all))
    }
}

impl JsonSchema for Statuses {
    fn schema_name() -> Cow<'static, str> {
        "Statuses".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A status, or a list of statuses of which any will do.",
            "anyOf": [
                { "type": "integer", "minimum": 0, "maximum": 65535 },
                { "type": "array", "items": { "type": "integer", "minimum": 0, "maximum": 65535 } }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("30s", 30),
            ("2h", 7200),
            ("1h 30m", 5400),
            ("-10m", -600),
            ("10 minutes", 600),
        ] {
            assert_eq!(
                Duration::parse(text).expect(text).0.as_secs(),
                seconds,
                "{text}"
            );
        }
        for text in ["", "soon", "10", "1 fortnight"] {
            assert!(Duration::parse(text).is_err(), "{text}");
        }
    }
}
