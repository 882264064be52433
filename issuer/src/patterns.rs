//! Patterns of scope matchers and policies, with what IAM's own do and nobody expects (issuer page §2.0, Q-08, Q-09).

use std::sync::OnceLock;

use regex::Regex;

/// What a pattern says of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It matches.
    Yes,
    /// It does not.
    No,
    /// IAM's pattern raises an exception: `..` in the scope, or a scope shorter than the pattern's prefix.
    Broken,
}

impl From<bool> for Outcome {
    fn from(matches: bool) -> Self {
        if matches { Self::Yes } else { Self::No }
    }
}

/// An expression that must match a whole text. It is compiled when it is first asked, for most of a world's never are.
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
    /// Taken when the first is no expression.
    literal: String,
    compiled: OnceLock<Regex>,
}

impl Expression {
    fn new(text: String, literal: String) -> Self {
        Self {
            text,
            literal,
            compiled: OnceLock::new(),
        }
    }

    /// Whether it matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.compiled
            .get_or_init(|| compiled(&self.text, &self.literal))
            .is_match(text)
    }
}

/// `prefix:path` and what is below.
#[derive(Clone, Debug)]
pub enum PathPattern {
    /// On segment boundaries (CAP-5); `..` never matches. The text may end in a slash.
    Segments(String),
    /// As IAM reads it: prefix and path are expressions, and the path is looked for behind as many characters as
    /// the *expression* of the prefix has, however many it matched: `storage.*:/` matches nothing that begins with
    /// `storage.read:`.
    Loose {
        /// `^prefix:`.
        prefix: Expression,
        /// UTF-16 units that are left out before the path.
        skip: usize,
        /// The path and anything behind it.
        path: Expression,
    },
}

/// What ends a line in Java.
const ENDS_LINE: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];
/// Anything but what ends a line, as Java's dot reads it.
const REST: &str = "[^\\n\\r\\x{85}\\x{2028}\\x{2029}]*";

impl PathPattern {
    /// Compiles a pattern; an expression that does not compile is taken literally.
    pub fn new(prefix: &str, path: &str, loose: bool) -> Self {
        if !loose {
            return Self::Segments(format!("{prefix}:{path}"));
        }
        Self::Loose {
            prefix: Expression::new(
                format!("^{prefix}:"),
                format!("^{}:", regex::escape(prefix)),
            ),
            skip: prefix.encode_utf16().count() + 1,
            path: Expression::new(
                format!("^(?:{path}{REST})$"),
                format!("^{}{REST}$", regex::escape(path)),
            ),
        }
    }

    /// From `prefix:path` in one text.
    pub fn of_scope(text: &str, loose: bool) -> Self {
        let (prefix, path) = text.split_once(':').unwrap_or((text, "/"));
        Self::new(prefix, path, loose)
    }

    /// What it says of a scope.
    pub fn test(&self, scope: &str) -> Outcome {
        match self {
            Self::Segments(text) => {
                let below = |rest: &str| {
                    (rest.is_empty() || rest.starts_with('/') || text.ends_with('/'))
                        && !rest.contains(ENDS_LINE)
                };
                (!scope.contains("..") && scope.strip_prefix(text.as_str()).is_some_and(below))
                    .into()
            }
            Self::Loose { .. } if scope.contains("..") => Outcome::Broken,
            Self::Loose { prefix, skip, path } => {
                if !prefix.is_match(scope) {
                    return Outcome::No;
                }
                match behind(scope, *skip) {
                    Some(rest) => path.is_match(rest).into(),
                    None => Outcome::Broken,
                }
            }
        }
    }
}

/// A text without its first UTF-16 units; `None` when it has fewer.
fn behind(text: &str, units: usize) -> Option<&str> {
    let mut seen = 0;
    for (at, letter) in text.char_indices() {
        if seen >= units {
            return Some(&text[at..]);
        }
        seen += letter.len_utf16();
    }
    (seen >= units).then_some("")
}

/// Anchors an expression so that it must match the whole text; one that does not compile is taken literally.
pub fn whole(expression: &str) -> Expression {
    Expression::new(
        format!("^(?:{expression})$"),
        format!("^{}$", regex::escape(expression)),
    )
}

fn compiled(text: &str, otherwise: &str) -> Regex {
    Regex::new(text)
        .or_else(|_| Regex::new(otherwise))
        .unwrap_or_else(|_| {
            // What is escaped compiles; an expression that matches nothing stands in to keep this total.
            #[allow(clippy::unwrap_used, reason = "a constant that compiles")]
            Regex::new("$^").unwrap()
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::{Broken, No, Yes};

    #[test]
    fn q_08_paths_as_iam_reads_them_and_as_the_profile_does() {
        for (pattern, scope, loose, segments) in [
            ("storage.read:/x", "storage.read:/x", Yes, Yes),
            ("storage.read:/x", "storage.read:/x/y", Yes, Yes),
            ("storage.read:/x", "storage.read:/xy", Yes, No),
            ("storage.read:/x", "storage.read:/", No, No),
            ("storage.read:/x", "storage-read:/x", Yes, No),
            ("storage.read:/x.z", "storage.read:/xyz", Yes, No),
            ("storage.read:/", "storage.read:/a", Yes, Yes),
            ("storage.read:/", "storage.read:", No, No),
            ("storage.read:/", "storage.read", No, No),
            ("storage.read:/x", "storage.read:/x/", Yes, Yes),
            ("storage.read:/x/", "storage.read:/x", No, No),
            ("storage.read:/x/", "storage.read:/x/y", Yes, Yes),
            ("storage.read:/x", "storage.read:/x\ny", No, No),
            // The prefix is measured by its expression, not by what it matched.
            ("storage.*:/", "storage.read:/x", No, No),
            ("storage.*:ad:/", "storage.read:/x", Yes, No),
            ("storage.(read|create):/", "storage.read:/x", Broken, No),
            ("storage.(read|create):/", "compute.read", No, No),
            // One expression may match in the middle.
            ("a|read:/", "storage.read:/x", No, No),
            ("storage.read:/", "storage.read:/x/../y", Broken, No),
            ("storage.read:/", "compute.read..", Broken, No),
            // Not an expression: taken literally.
            ("storage.read:/(", "storage.read:/(a", Yes, No),
            ("storage.read:/(", "storage.read:/a", No, No),
        ] {
            assert_eq!(
                PathPattern::of_scope(pattern, true).test(scope),
                loose,
                "{pattern} {scope}"
            );
            assert_eq!(
                PathPattern::of_scope(pattern, false).test(scope),
                segments,
                "{pattern} {scope}"
            );
        }
        assert!(
            whole("a.").is_match("ab")
                && !whole("a.").is_match("abc")
                && !whole("a|b").is_match("ac")
        );
    }
}
