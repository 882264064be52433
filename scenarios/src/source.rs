//! The texts a scenario was read from: its file, the world it builds on, the `--set` words, laid end to end.

use std::ops::Range;

/// Every text that had a part in a scenario, in one address space.
///
/// A span is a byte range of the joined text, so one range says both which text and where in it.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    text: String,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug)]
struct Segment {
    name: String,
    start: usize,
    end: usize,
}

/// Where a span begins, as an editor counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name of the text: a path as the user gave it, or `--set`.
    pub name: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.name, self.line, self.column)
    }
}

impl Sources {
    /// Appends a text and gives back the offset its first byte has from now on.
    pub fn add(&mut self, name: impl Into<String>, text: &str) -> usize {
        let start = self.text.len();
        self.text.push_str(text);
        let end = self.text.len();
        self.text.push('\n');
        self.segments.push(Segment {
            name: name.into(),
            start,
            end,
        });
        start
    }

    /// The text a span lies in: its name, its content, and the span within it.
    pub fn local(&self, span: &Range<usize>) -> (&str, &str, Range<usize>) {
        let Some(segment) = self.segments.iter().rev().find(|s| s.start <= span.start) else {
            return ("", "", 0..0);
        };
        let text = &self.text[segment.start..segment.end];
        let start = floor(text, span.start.saturating_sub(segment.start));
        let end = floor(text, span.end.saturating_sub(segment.start)).max(start);
        (&segment.name, text, start..end)
    }

    /// The words of a span.
    pub fn words(&self, span: &Range<usize>) -> &str {
        let (_, text, local) = self.local(span);
        &text[local]
    }

    /// Line and column of a span's first character.
    pub fn place(&self, span: &Range<usize>) -> Place {
        let (name, text, local) = self.local(span);
        let before = &text[..local.start];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        Place {
            name: name.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

fn floor(text: &str, mut index: usize) -> usize {
    index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_finds_its_text_and_place() {
        let mut sources = Sources::default();
        assert_eq!(sources.add("a.toml", "x = 1\ny = 2"), 0);
        let second = sources.add("--set", "ü.z = 3");
        assert_eq!(sources.place(&(6..7)).to_string(), "a.toml:2:1");
        assert_eq!(
            sources.place(&(second + 3..second + 4)).to_string(),
            "--set:1:3"
        );
        assert_eq!(sources.words(&(second + 3..second + 4)), "z");
        assert_eq!(sources.local(&(1000..1001)).2, 8..8);
    }
}
