//! The filters of a search: Python literals that a client writes into the query (rucio page §1.4).

use serde_json::{Map, Value, json};

/// Reads a list of dictionaries, or one dictionary, in Python's spelling: single quotes, `None`, `True`,
/// `datetime.datetime(…)`. Returns nothing when the text is something else.
pub(crate) fn parse(text: &str) -> Option<Vec<Map<String, Value>>> {
    let mut reader = Reader { rest: text.trim() };
    let value = reader.value(0)?;
    if !reader.rest.trim_start().is_empty() {
        return None;
    }
    match value {
        Value::Object(one) => Some(vec![one]),
        Value::Array(several) => several
            .into_iter()
            .map(|v| {
                if let Value::Object(object) = v {
                    Some(object)
                } else {
                    None
                }
            })
            .collect(),
        _ => None,
    }
}

/// Deepest nesting that is read.
const DEEPEST: usize = 16;

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn take(&mut self, text: &str) -> bool {
        self.rest = self.rest.trim_start();
        let Some(rest) = self.rest.strip_prefix(text) else {
            return false;
        };
        self.rest = rest;
        true
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        for (word, value) in [
            ("None", Value::Null),
            ("True", json!(true)),
            ("False", json!(false)),
        ] {
            if self.take(word) {
                return Some(value);
            }
        }
        if self.take("[") {
            let mut list = Vec::new();
            while !self.take("]") {
                list.push(self.value(depth + 1)?);
                self.separator("]")?;
            }
            return Some(Value::Array(list));
        }
        if self.take("{") {
            let mut object = Map::new();
            while !self.take("}") {
                let Value::String(key) = self.value(depth + 1)? else {
                    return None;
                };
                self.take(":").then_some(())?;
                object.insert(key, self.value(depth + 1)?);
                self.separator("}")?;
            }
            return Some(Value::Object(object));
        }
        if self.take("datetime.datetime(") {
            let (inside, rest) = self.rest.split_once(')')?;
            self.rest = rest;
            let numbers: Vec<i64> = inside
                .split(',')
                .map(|n| n.trim().parse().ok())
                .collect::<Option<_>>()?;
            let at = |i: usize| numbers.get(i).copied().unwrap_or(0);
            return Some(json!(format!(
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
                at(0),
                at(1),
                at(2),
                at(3),
                at(4),
                at(5)
            )));
        }
        self.rest = self.rest.trim_start();
        match self.rest.chars().next()? {
            quote @ ('\'' | '"') => self.text(quote),
            _ => self.number(),
        }
    }

    /// After an element: a comma, or the closing bracket that stays.
    fn separator(&mut self, close: &str) -> Option<()> {
        (self.take(",") || self.rest.trim_start().starts_with(close)).then_some(())
    }

    fn text(&mut self, quote: char) -> Option<Value> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => text.push(chars.next()?.1),
                c if c == quote => {
                    self.rest = &self.rest[at + 1..];
                    return Some(Value::String(text));
                }
                c => text.push(c),
            }
        }
        None
    }

    fn number(&mut self) -> Option<Value> {
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric() && !"+-._".contains(c))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        if let Ok(whole) = word.parse::<i64>() {
            return Some(json!(whole));
        }
        word.parse::<f64>().ok().map(|n| json!(n))
    }
}

/// Whether the facts of a data identifier fit one dictionary of filters. Keys may end in `.gte`, `.lte`, `.gt`, `.lt`, `.ne`.
pub(crate) fn fits(filters: &Map<String, Value>, facts: &Value) -> bool {
    filters
        .iter()
        .filter(|(key, _)| *key != "type")
        .all(|(key, wanted)| {
            let (name, operator) = match key.rsplit_once('.') {
                Some((name, operator @ ("gte" | "lte" | "gt" | "lt" | "ne"))) => (name, operator),
                _ => (key.as_str(), "eq"),
            };
            let have = facts.get(name).unwrap_or(&Value::Null);
            match operator {
                "eq" => same(have, wanted),
                "ne" => !same(have, wanted),
                _ => ordered(have, wanted).is_some_and(|order| match operator {
                    "gte" => order.is_ge(),
                    "lte" => order.is_le(),
                    "gt" => order.is_gt(),
                    _ => order.is_lt(),
                }),
            }
        })
}

fn same(have: &Value, wanted: &Value) -> bool {
    match (have, wanted) {
        (Value::String(have), Value::String(wanted)) => like(have, wanted),
        _ => have == wanted,
    }
}

fn ordered(have: &Value, wanted: &Value) -> Option<std::cmp::Ordering> {
    match (have, wanted) {
        (Value::Number(have), Value::Number(wanted)) => {
            have.as_f64()?.partial_cmp(&wanted.as_f64()?)
        }
        (Value::String(have), Value::String(wanted)) => Some(have.cmp(wanted)),
        _ => None,
    }
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn like(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn python_literals_are_read() {
        for (text, want) in [
            ("[{'name': '*'}]", Some(json!([{"name": "*"}]))),
            (
                "{'name': 'a', 'length.gt': 3}",
                Some(json!([{"name": "a", "length.gt": 3}])),
            ),
            (
                "[{'a': None, \"b\": True}, {'c': 1.5}]",
                Some(json!([{"a": null, "b": true}, {"c": 1.5}])),
            ),
            (
                "[{'at.gte': datetime.datetime(2026, 11, 21, 0, 0)}]",
                Some(json!([{"at.gte": "2026-11-21T00:00:00"}])),
            ),
            ("[{'it\\'s': 'x'}]", Some(json!([{"it's": "x"}]))),
            ("[]", Some(json!([]))),
            ("[{'a': 1,}]", Some(json!([{"a": 1}]))),
            ("['a']", None),
            ("[{'a' 1}]", None),
            ("[{'a': 1}] x", None),
            ("__import__('os')", None),
            ("[{'a': 'open", None),
            ("", None),
        ] {
            let got = parse(text).map(|list| json!(list));
            assert_eq!(got, want, "{text}");
        }
    }

    #[test]
    fn filters_fit() {
        let facts = json!({"name": "up9.dat", "bytes": 1000, "did_type": "FILE", "guid": null});
        for (filters, want) in [
            (json!({"name": "up9.dat"}), true),
            (json!({"name": "up*"}), true),
            (json!({"name": "*9*t"}), true),
            (json!({"name": "up*x"}), false),
            (json!({"name": "u"}), false),
            (json!({"bytes.gte": 1000}), true),
            (json!({"bytes.lt": 1000}), false),
            (json!({"name.ne": "x"}), true),
            (json!({"guid": null}), true),
            (json!({"nothing": 1}), false),
            (json!({"type": "whatever"}), true),
            (json!({}), true),
        ] {
            let Value::Object(filters) = filters else {
                unreachable!("an object")
            };
            assert_eq!(fits(&filters, &facts), want, "{filters:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "[\\[\\]{}'\",:a-zA-Z0-9 .()\\\\-]{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn a_pattern_of_its_own_pieces_fits(pieces in proptest::collection::vec("[a-z]{0,4}", 1..5)) {
            prop_assert!(like(&pieces.concat(), &pieces.join("*")));
        }
    }
}
