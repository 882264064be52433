//! Patterns of scope matchers and policies, with what IAM's own do and nobody expects (issuer page §2.0, Q-08, Q-09).

use std::sync::OnceLock;

use regex::Regex;

use crate::config::{MatcherConfig, MatcherKind, Matching};

mod java;

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

/// How an expression of a policy or a matcher is anchored.
#[derive(Clone, Copy, Debug)]
enum Frame {
    /// It must match the whole text.
    Whole,
    /// It must match what stands before a colon.
    Prefix,
    /// It must match how the text begins.
    Path,
}

/// A Java expression, anchored. It is compiled when it is first asked, for most of a world's never are; one that cannot
/// be read matches nothing, and [`fault`] says so before.
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
    frame: Frame,
    compiled: OnceLock<Option<Regex>>,
}

impl Expression {
    fn new(text: &str, frame: Frame) -> Self {
        Self {
            text: text.to_owned(),
            frame,
            compiled: OnceLock::new(),
        }
    }

    fn compile(&self) -> Result<Regex, String> {
        let text = java::translated(&self.text)?;
        let framed = match self.frame {
            Frame::Whole => format!("^(?:{text})$"),
            Frame::Prefix => format!("^{text}:"),
            Frame::Path => format!("^(?:{text}{REST})$"),
        };
        Regex::new(&framed).map_err(|why| {
            let all = why.to_string();
            let last = all.lines().last().unwrap_or_default().trim();
            last.trim_start_matches("error: ").to_owned()
        })
    }

    /// Whether it matches.
    pub fn is_match(&self, text: &str) -> bool {
        let compiled = self.compiled.get_or_init(|| self.compile().ok());
        compiled.as_ref().is_some_and(|regex| regex.is_match(text))
    }
}

/// `prefix:path` and what is below.
#[derive(Clone, Debug)]
pub enum PathPattern {
    /// On segment boundaries (CAP-5); `..` never matches. The text may end in a slash.
    Segments(String),
    /// As IAM reads it: prefix and path are expressions (Q-08), and the path is looked for behind as many characters as
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
    /// From prefix and path.
    pub fn new(prefix: &str, path: &str, loose: bool) -> Self {
        if !loose {
            return Self::Segments(format!("{prefix}:{path}"));
        }
        Self::Loose {
            prefix: Expression::new(prefix, Frame::Prefix),
            skip: prefix.encode_utf16().count() + 1,
            path: Expression::new(path, Frame::Path),
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

/// Anchors an expression so that it must match the whole text.
pub fn whole(text: &str) -> Expression {
    Expression::new(text, Frame::Whole)
}

/// Why the text of a policy cannot be read; none: it can. Expressions are Java's, as IAM takes them.
pub fn fault(matching: Matching, text: &str, loose: bool) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | ':' | '_' | '-');
    if text.chars().all(plain) {
        return None;
    }
    let outcome = match matching {
        Matching::Eq => return None,
        Matching::Path if !loose => return None,
        Matching::Regexp => whole(text).compile(),
        Matching::Path => {
            let (prefix, path) = text.split_once(':').unwrap_or((text, "/"));
            let prefix = Expression::new(prefix, Frame::Prefix).compile();
            prefix.and_then(|_| Expression::new(path, Frame::Path).compile())
        }
    };
    let why = outcome.err()?;
    Some(format!("the expression {text} cannot be read: {why}"))
}

/// The same of a configured matcher.
pub fn fault_of_matcher(matcher: &MatcherConfig, loose: bool) -> Option<String> {
    let (matching, text) = match matcher.kind {
        MatcherKind::Path => (
            Matching::Path,
            format!("{}:{}", matcher.prefix, matcher.path),
        ),
        MatcherKind::Regexp => (Matching::Regexp, matcher.regexp.clone()),
    };
    let why = fault(matching, &text, loose)?;
    Some(format!("scope matcher {}: {why}", matcher.name))
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
            // Not an expression: nothing matches, and `fault` tells.
            ("storage.read:/(", "storage.read:/(a", No, No),
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

    #[test]
    fn expressions_are_javas_or_are_refused() {
        use Matching::{Eq, Path, Regexp};
        for (matching, text, loose, why) in [
            (Eq, "a(", true, None),
            (Regexp, "a.*", true, None),
            (Regexp, r"\Qa.b(\E.*", true, None),
            (Regexp, "a(", true, Some("unclosed group")),
            (Regexp, "a++b", true, Some("possessive")),
            (Regexp, "a*+", true, Some("possessive")),
            (Regexp, "a{2}+", true, Some("possessive")),
            (Regexp, "[a++]", true, None),
            (Regexp, r"a\++", true, None),
            (Regexp, "(?=a)a", true, Some("look-around")),
            (Regexp, "(?<!a)b", true, Some("look-around")),
            (Regexp, "(?>a)", true, Some("")),
            (Regexp, r"(a)\1", true, Some("backreference")),
            (Path, "storage.read:/(", true, Some("unclosed group")),
            (Path, "storage.read:/(", false, None),
            (Path, "storage.(read:/", true, Some("unclosed group")),
        ] {
            let got = fault(matching, text, loose);
            assert_eq!(got.is_some(), why.is_some(), "{text}: {got:?}");
            if let (Some(got), Some(why)) = (got, why) {
                assert!(got.contains(why) && got.contains(text), "{got}");
            }
        }
    }

    #[test]
    fn classes_mean_what_they_mean_in_java() {
        for (text, scope, want) in [
            (r"\Qa.b\E", "a.b", true),
            (r"\Qa.b\E", "axb", false),
            (r"\Qa.b", "a.b", true),
            (r"\d+", "12", true),
            (r"\d+", "\u{661}", false),
            (r"\w", "\u{e9}", false),
            (r"[\w-]+", "a-b_1", true),
            (r"[\w-]+", "\u{e9}", false),
            (r"\D", "x", true),
            (r"\S+", "a\u{a0}b", true),
            ("a.b", "a\u{2028}b", false),
            ("a.b", "a\u{e9}b", true),
            (r"a\.b", "axb", false),
            (r"[.]", "x", false),
            ("(?s)a.b", "a\nb", true),
        ] {
            assert_eq!(whole(text).is_match(scope), want, "{text} {scope:?}");
        }
    }
}
