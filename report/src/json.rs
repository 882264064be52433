//! JSON as the seed documents show it: a member a line, short lists on their line.

use crate::text::{clean, columns};
use serde_json::Value;

/// On one line, with a blank after `:` and `,`.
pub fn inline(value: &Value) -> String {
    let mut out = String::new();
    write_inline(&mut out, value);
    clean(&out)
}

fn write_inline(out: &mut String, value: &Value) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write_inline(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (index, (name, member)) in members.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push_str(": ");
                write_inline(out, member);
            }
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
}

/// A member a line; what fits into `width` columns stays on its line.
pub fn lines(value: &Value, width: usize) -> Vec<String> {
    let mut out = Vec::new();
    write_lines(&mut out, 0, "", value, "", width);
    out
}

fn write_lines(
    out: &mut Vec<String>,
    depth: usize,
    before: &str,
    value: &Value,
    after: &str,
    width: usize,
) {
    let indent = "  ".repeat(depth);
    let flat = format!("{indent}{before}{}{after}", inline(value));
    let top_object = depth == 0 && matches!(value, Value::Object(members) if !members.is_empty());
    let (open, close, members): (_, _, Vec<(String, &Value)>) = match value {
        Value::Object(members) if !members.is_empty() => (
            "{",
            "}",
            members
                .iter()
                .map(|(name, member)| (format!("{}: ", inline(&name.as_str().into())), member))
                .collect(),
        ),
        Value::Array(items) if !items.is_empty() => (
            "[",
            "]",
            items.iter().map(|item| (String::new(), item)).collect(),
        ),
        _ => return out.push(flat),
    };
    if !top_object && columns(&flat) <= width {
        return out.push(flat);
    }
    out.push(format!("{indent}{before}{open}"));
    let last = members.len() - 1;
    for (index, (name, member)) in members.into_iter().enumerate() {
        write_lines(
            out,
            depth + 1,
            &name,
            member,
            if index == last { "" } else { "," },
            width,
        );
    }
    out.push(format!("{indent}{close}{after}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_stand_on_their_own_line_and_short_lists_stay_together() {
        let value = json!({"aud": ["https://se1.example", "https://se2.example"], "iat": 1, "act": {"sub": "a"}});
        assert_eq!(
            lines(&value, 60),
            [
                "{",
                r#"  "aud": ["https://se1.example", "https://se2.example"],"#,
                r#"  "iat": 1,"#,
                r#"  "act": {"sub": "a"}"#,
                "}"
            ]
        );
        assert_eq!(lines(&value, 40).len(), 8);
        assert_eq!(
            inline(&json!({"kid": "rsa1", "alg": "RS256"})),
            r#"{"kid": "rsa1", "alg": "RS256"}"#
        );
        assert_eq!(inline(&json!("\u{9b}2J\u{1b}")), r#""\x9b2J\u001b""#);
    }
}
