//! The string values of a JSON text, found without building the document: every answer of a token endpoint is looked
//! through twice for the journal.

use std::ops::Range;

/// A string value: the name of the member it stands in (of the member around it, in an array), and where its contents
/// are, without the quotes.
pub(crate) type Value<'a> = (&'a str, Range<usize>);

/// Every string value of a JSON object or array, in order; `None` for anything that is not plain to see: escapes,
/// strings without an end, brackets that do not match.
pub(crate) fn values(text: &str) -> Option<Vec<Value<'_>>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut around = Vec::new();
    let mut name = "";
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' => around.push((name, *byte)),
            b'}' | b']' => {
                let (outer, open) = around.pop()?;
                if (open == b'{') != (*byte == b'}') {
                    return None;
                }
                name = outer;
            }
            b'"' => {
                let length = memchr::memchr2(b'"', b'\\', &bytes[at..])?;
                let contents = at..at + length;
                at = contents.end + 1;
                if bytes[contents.end] == b'\\' {
                    return None;
                }
                let next = bytes[at..].iter().find(|byte| !byte.is_ascii_whitespace());
                if next == Some(&b':') {
                    name = text.get(contents)?;
                } else {
                    found.push((name, contents));
                }
            }
            _ => {}
        }
    }
    around.is_empty().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_found_with_their_names() {
        type Wanted = Option<&'static [(&'static str, &'static str)]>;
        let cases: &[(&str, Wanted)] = &[
            ("{}", Some(&[])),
            (
                r#"{"a": "x", "n": 1, "b":"y"}"#,
                Some(&[("a", "x"), ("b", "y")]),
            ),
            (
                r#"{"a":["x",{"b":"y"},"z"],"c" : "w"}"#,
                Some(&[("a", "x"), ("b", "y"), ("a", "z"), ("c", "w")]),
            ),
            (r#"["x"]"#, Some(&[("", "x")])),
            (r#"{"a":""}"#, Some(&[("a", "")])),
            (r#"{"a":"{[,:"}"#, Some(&[("a", "{[,:")])),
            (r#"{"a":"x\n"}"#, None),
            (r#"{"a":"x"#, None),
            (r#"{"a":"x""#, None),
            (r#"{"a":["x"}"#, None),
            ("}", None),
        ];
        for (text, wanted) in cases {
            let found = values(text).map(|found| {
                found
                    .into_iter()
                    .map(|(name, contents)| (name, &text[contents]))
                    .collect::<Vec<_>>()
            });
            assert_eq!(found.as_deref(), *wanted, "{text}");
        }
    }
}
