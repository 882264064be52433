//! Filters of lists (RFC 7644 §3.4.2.2): one comparison. IAM ignores them, and gives everything; a strict issuer refuses
//! what it cannot read. Pure.

use serde_json::Value;

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Equal,
    Unequal,
    Contains,
    Begins,
    Ends,
    Present,
}

/// One comparison: `userName eq "ann"`, `emails.value sw "ann@"`, `groups pr`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filter {
    path: Vec<String>,
    test: Test,
    value: Value,
}

impl Filter {
    /// Reads a filter; none: it has a form that is not played here.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.trim().splitn(3, ' ');
        let path = words.next().filter(|path| is_path(path))?;
        let test = match words.next()?.to_ascii_lowercase().as_str() {
            "eq" => Test::Equal,
            "ne" => Test::Unequal,
            "co" => Test::Contains,
            "sw" => Test::Begins,
            "ew" => Test::Ends,
            "pr" => Test::Present,
            _ => return None,
        };
        let value = match (test, words.next()) {
            (Test::Present, None) => Value::Null,
            (Test::Present, Some(_)) | (_, None) => return None,
            (_, Some(value)) => serde_json::from_str(value.trim()).ok()?,
        };
        let scalar = value.is_string() || value.is_boolean() || value.is_number();
        if test != Test::Present && !scalar {
            return None;
        }
        Some(Self {
            path: path.split('.').map(str::to_owned).collect(),
            test,
            value,
        })
    }

    /// Whether a person or a group fits.
    pub(super) fn fits(&self, resource: &Value) -> bool {
        let mut found = Vec::new();
        collect(resource, &self.path, &mut found);
        let any = |test: &dyn Fn(&Value) -> bool| found.iter().any(|value| test(value));
        match self.test {
            Test::Present => any(&|value| !value.is_null()),
            Test::Equal => any(&|value| same(value, &self.value)),
            Test::Unequal => !any(&|value| same(value, &self.value)),
            Test::Contains => any(&|value| texts(value, &self.value, |a, b| a.contains(b))),
            Test::Begins => any(&|value| texts(value, &self.value, |a, b| a.starts_with(b))),
            Test::Ends => any(&|value| texts(value, &self.value, |a, b| a.ends_with(b))),
        }
    }
}

fn is_path(path: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    };
    path.split('.').all(part)
}

/// The values at a path: of every element of a list, and of an element without a path its `value` (RFC 7643 §2.4).
fn collect<'v>(value: &'v Value, path: &[String], found: &mut Vec<&'v Value>) {
    match (value, path) {
        (Value::Array(all), _) => all.iter().for_each(|one| collect(one, path, found)),
        (Value::Object(members), [name, rest @ ..]) => {
            let named = members.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
            named.for_each(|(_, value)| collect(value, rest, found));
        }
        (Value::Object(members), []) => found.extend(members.get("value")),
        (scalar, []) => found.push(scalar),
        _ => {}
    }
}

/// Names and addresses are the same in any case of letters (RFC 7643 §4.1.1).
fn same(one: &Value, other: &Value) -> bool {
    texts(one, other, |a, b| a == b) || one == other
}

fn texts(one: &Value, other: &Value, test: impl Fn(&str, &str) -> bool) -> bool {
    match (one.as_str(), other.as_str()) {
        (Some(one), Some(other)) => test(&one.to_lowercase(), &other.to_lowercase()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn comparisons() {
        let ann = json!({
            "userName": "Ann", "active": true, "name": { "familyName": "Lee" },
            "emails": [{ "value": "ann@vo.example" }], "groups": [{ "display": "vo" }, { "display": "vo/ops" }],
        });
        for (text, want) in [
            (r#"userName eq "ann""#, Some(true)),
            (r#"USERNAME EQ "ANN""#, Some(true)),
            (r#"userName eq "an""#, Some(false)),
            (r#"userName ne "bob""#, Some(true)),
            (r#"userName co "n""#, Some(true)),
            (r#"name.familyName sw "Le""#, Some(true)),
            (r#"emails.value ew "@vo.example""#, Some(true)),
            (r#"emails eq "ann@vo.example""#, Some(true)),
            (r#"groups.display eq "vo/ops""#, Some(true)),
            ("active eq true", Some(true)),
            (r#"active eq "true""#, Some(false)),
            ("emails pr", Some(true)),
            ("photos pr", Some(false)),
            (r#"nothing eq "x""#, Some(false)),
            ("", None),
            ("userName", None),
            ("userName eq", None),
            ("userName eq ann", None),
            (r#"userName eq ["ann"]"#, None),
            (r#"userName like "ann""#, None),
            (r#"userName eq "ann" and active eq true"#, None),
            (r#"emails[type eq "work"]"#, None),
            ("active pr true", None),
        ] {
            let have = Filter::parse(text).map(|filter| filter.fits(&ann));
            assert_eq!(have, want, "{text}");
        }
    }
}
