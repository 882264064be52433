//! Scopes at the issuer: how a request's text becomes items, and what a client may ask (issuer page §2.0, §1.3).

use std::collections::HashSet;
use std::sync::Arc;

use crate::config::{MatcherConfig, MatcherKind};
use crate::order;
use crate::patterns::{Expression, Outcome, PathPattern, whole};
use crate::quirks::{Quirk, Rules};

/// Most scopes that a request may name: each is compared with each that a client or a refresh token has.
pub const MOST: usize = 2_000;

/// Scopes that no token ever carries.
pub const RESERVED: [&str; 2] = ["registration-token", "resource-token"];

/// Cuts a scope text into items. `None`: nothing was asked.
///
/// IAM cuts at each single white space character or plus, keeps leading empty pieces, and sorts; strict keeps the
/// request's order and drops repetitions.
pub fn parse(text: &str, rules: &Rules) -> Option<Vec<String>> {
    // What Java takes for blank; RFC 6749 §3.3 knows one blank.
    let blank = |c: char| c == ' ' || (c < ' ' && !rules.strict());
    if text.chars().all(blank) {
        return None;
    }
    let plus = rules.has(Quirk::Q05);
    // RFC 6749 §3.3 knows one separator; Java's white space are six.
    let java = !rules.strict();
    let is_gap = |c: char| {
        c == ' '
            || (java && matches!(c, '\t' | '\n' | '\u{b}' | '\u{c}' | '\r'))
            || (plus && c == '+')
    };
    let mut items: Vec<String> = text.split(is_gap).map(str::to_owned).collect();
    if rules.strict() {
        items.retain(|item| !item.is_empty());
    } else {
        while items.last().is_some_and(String::is_empty) {
            items.pop();
        }
    }
    if items.is_empty() {
        return None;
    }
    Some(if rules.has(Quirk::Q06) {
        order::sorted(items)
    } else {
        distinct(items)
    })
}

/// Drops repetitions, keeping the first of each.
pub fn distinct(items: Vec<String>) -> Vec<String> {
    let mut seen: HashSet<String> = HashSet::with_capacity(items.len());
    items
        .into_iter()
        .filter(|item| seen.insert(item.clone()))
        .collect()
}

/// How one scope of a client or a refresh token is compared with a requested one.
#[derive(Clone, Debug)]
pub enum Matcher {
    /// The same text.
    Equal(Arc<str>),
    /// A configured expression, for group scopes.
    Whole(Arc<Expression>),
    /// A configured path.
    Path(Arc<PathPattern>, Dots),
    /// Name and path, matched on segment boundaries (CAP-5).
    Covers(Arc<str>),
    /// The group scope: bare or with a group of the profile's grammar (GRP-11).
    Groups,
    /// Everything (a client that may ask for any text).
    Anything,
}

/// What a path does with a scope that breaks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dots {
    /// Raises an exception.
    Break,
    /// Does not match.
    Refuse,
}

/// The outcome of comparing a requested scope with a list of matchers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// One of them covers it.
    Yes,
    /// None does.
    No,
    /// `..` met a path matcher, which raises an exception in IAM.
    Relative,
}

impl Matcher {
    fn test(&self, scope: &str) -> Outcome {
        match self {
            Self::Equal(text) => (**text == *scope).into(),
            Self::Whole(pattern) => pattern.is_match(scope).into(),
            Self::Path(pattern, _) => pattern.test(scope),
            Self::Covers(registered) => covers(registered, scope).into(),
            Self::Groups => is_group_scope(scope).into(),
            Self::Anything => Outcome::Yes,
        }
    }
}

/// Compares a scope with all matchers.
pub fn allowed(matchers: &[Matcher], scope: &str) -> Match {
    if scope.contains("..") {
        let dots = |wanted: Dots| {
            matchers
                .iter()
                .any(|m| matches!(m, Matcher::Path(_, d) if *d == wanted))
        };
        if dots(Dots::Break) {
            return Match::Relative;
        }
        if dots(Dots::Refuse) {
            return Match::No;
        }
    }
    let mut found = Match::No;
    for matcher in matchers {
        match (matcher.test(scope), matcher) {
            (Outcome::Yes, _) => found = Match::Yes,
            (Outcome::Broken, Matcher::Path(_, Dots::Break)) => return Match::Relative,
            _ => {}
        }
    }
    found
}

/// What turns registered scopes into matchers: IAM's configured matchers and its system scope list.
#[derive(Clone, Debug)]
pub struct Catalogue {
    configured: Vec<Matcher>,
    system: Vec<String>,
    substring: bool,
    unknown: Unknown,
}

/// How a registered scope that is no system scope is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unknown {
    /// With the same text only.
    Equal,
    /// On segment boundaries.
    Covers,
    /// With the first configured matcher that knows it, as if it were one (IAM 1.7).
    Configured,
}

impl Catalogue {
    /// Compiles the configured matchers.
    pub fn new(matchers: &[MatcherConfig], system: Vec<String>, rules: &Rules) -> Self {
        let dots = if rules.has(Quirk::Q09) {
            Dots::Break
        } else {
            Dots::Refuse
        };
        let configured = matchers
            .iter()
            .map(|m| match m.kind {
                MatcherKind::Path => {
                    let pattern = PathPattern::new(&m.prefix, &m.path, rules.has(Quirk::Q08));
                    Matcher::Path(Arc::new(pattern), dots)
                }
                MatcherKind::Regexp => Matcher::Whole(Arc::new(whole(&m.regexp))),
            })
            .collect();
        Self {
            configured,
            system,
            substring: rules.has(Quirk::Q52),
            unknown: match (rules.has(Quirk::Q07), rules.then()) {
                (true, _) => Unknown::Equal,
                (false, true) => Unknown::Configured,
                (false, false) => Unknown::Covers,
            },
        }
    }

    /// The matcher of one registered scope. In IAM 1.12 only a system scope gets a configured matcher;
    /// in 1.7 every scope does, so that the registered path does not count.
    pub fn matcher(&self, scope: &str) -> Matcher {
        let known = if self.substring {
            self.system.iter().any(|s| s.contains(scope))
        } else {
            self.system.iter().any(|s| s == scope)
        };
        match self.unknown {
            Unknown::Equal if !known => return Matcher::Equal(scope.into()),
            Unknown::Covers if scope == "wlcg.groups" => return Matcher::Groups,
            Unknown::Covers if !known || self.configured.is_empty() => {
                return Matcher::Covers(scope.into());
            }
            _ => {}
        }
        self.configured
            .iter()
            .find(|m| m.test(scope) == Outcome::Yes)
            .cloned()
            .unwrap_or_else(|| Matcher::Equal(scope.into()))
    }

    /// The matchers of a list of scopes.
    pub fn matchers<T: AsRef<str>>(&self, scopes: &[T]) -> Vec<Matcher> {
        scopes
            .iter()
            .map(|scope| self.matcher(scope.as_ref()))
            .collect()
    }

    /// The system scopes, in the instance's order.
    pub fn system(&self) -> &[String] {
        &self.system
    }
}

/// Whether a registered scope covers a requested one: the same name, and the same path or one below it (CAP-5).
pub fn covers(registered: &str, asked: &str) -> bool {
    if registered == asked {
        return true;
    }
    let (Some((name, path)), Some((asked_name, asked_path))) =
        (registered.split_once(':'), asked.split_once(':'))
    else {
        return false;
    };
    if name != asked_name || !path.starts_with('/') || !asked_path.starts_with('/') {
        return false;
    }
    let base = path.trim_end_matches('/');
    asked_path
        .strip_prefix(base)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Why a scope's text is not acceptable to a strict issuer (CAP-2, CAP-3, GRP-11); `None` when it is.
pub fn fault(scope: &str) -> Option<&'static str> {
    if !scope
        .bytes()
        .all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
    {
        return Some("it has characters outside RFC 6749 section 3.3");
    }
    if scope.starts_with("wlcg.groups") && scope != "wlcg.groups" && !is_group_scope(scope) {
        return Some("the group does not have the form /name/name");
    }
    let (name, path) = scope
        .split_once(':')
        .map_or((scope, None), |(name, path)| (name, Some(path)));
    if !name.starts_with("storage.") {
        return None;
    }
    let Some(path) = path else {
        return Some("a storage scope needs a path");
    };
    if !path.starts_with('/') {
        return Some("the path is not absolute");
    }
    let inner = path[1..].strip_suffix('/').unwrap_or(&path[1..]);
    let segments = || inner.split('/');
    if path.len() > 1 && segments().any(|s| s.is_empty() || s == "." || s == "..") {
        return Some("the path is not normalised");
    }
    let foreign = |b: u8| {
        matches!(
            b,
            b'#' | b'?' | b'[' | b']' | b'{' | b'}' | b'|' | b'^' | b'`' | b'<' | b'>'
        )
    };
    if path.bytes().any(foreign) {
        return Some("the path has characters that must be percent-encoded");
    }
    if segments().any(bad_escape) {
        return Some("the path has a forbidden percent escape");
    }
    None
}

fn bad_escape(segment: &str) -> bool {
    let mut text = segment.to_owned();
    for _ in 0..4 {
        let Ok(next) = percent_encoding::percent_decode_str(&text).decode_utf8() else {
            return true;
        };
        if next == text {
            break;
        }
        text = next.into_owned();
    }
    text == ".."
        || text == "."
        || text.contains(['%', '/', '\\'])
        || text.chars().any(char::is_control)
}

/// Whether a text is `wlcg.groups` or `wlcg.groups:/group` of the profile's grammar (CLM-14).
pub fn is_group_scope(scope: &str) -> bool {
    match scope.strip_prefix("wlcg.groups") {
        Some("") => true,
        Some(rest) => rest.strip_prefix(':').is_some_and(is_group_name),
        None => false,
    }
}

/// Whether a text is a group name with its leading slash.
pub fn is_group_name(name: &str) -> bool {
    let Some(rest) = name.strip_prefix('/') else {
        return false;
    };
    rest.split('/').all(|part| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{stock_matchers, stock_system_scopes};
    use crate::quirks::{Compat, QuirkSwitches};

    fn rules(compat: Compat) -> Rules {
        Rules::new(compat, &QuirkSwitches::default())
    }

    fn asks(compat: Compat, registered: &[&str], asked: &str) -> Match {
        let rules = rules(compat);
        let system = stock_system_scopes(compat)
            .into_iter()
            .map(|s| s.scope)
            .collect();
        let catalogue = Catalogue::new(&stock_matchers(compat), system, &rules);
        allowed(&catalogue.matchers(registered), asked)
    }

    #[test]
    fn scope_text_is_cut_as_recorded() {
        let iam = rules(Compat::Iam112);
        let strict = rules(Compat::Strict);
        for (text, in_iam, in_strict) in [
            ("b a", Some(vec!["a", "b"]), Some(vec!["b", "a"])),
            ("  ", None, None),
            (" a", Some(vec!["", "a"]), Some(vec!["a"])),
            ("a  b", Some(vec!["", "a", "b"]), Some(vec!["a", "b"])),
            ("a ", Some(vec!["a"]), Some(vec!["a"])),
            ("a+b", Some(vec!["a", "b"]), Some(vec!["a+b"])),
            ("a,b", Some(vec!["a,b"]), Some(vec!["a,b"])),
            ("a\tb", Some(vec!["a", "b"]), Some(vec!["a\tb"])),
            ("+", None, Some(vec!["+"])),
        ] {
            let owned = |want: Option<Vec<&str>>| {
                want.map(|w| w.into_iter().map(str::to_owned).collect::<Vec<_>>())
            };
            assert_eq!(parse(text, &iam), owned(in_iam), "{text:?}");
            assert_eq!(parse(text, &strict), owned(in_strict), "{text:?}");
        }
    }

    #[test]
    fn what_a_client_may_ask() {
        use Compat::{Iam17, Iam112, Strict};
        use Match::{No, Relative, Yes};
        for (registered, asked, want) in [
            ("storage.read:/", "storage.read:/cms", [Yes, Yes, Yes]),
            ("storage.read:/", "storage.read://a", [Yes, Yes, Yes]),
            ("storage.read:/", "storage.read", [No, No, No]),
            ("storage.read:/", "storage.read:a", [No, No, No]),
            ("storage.read:/cms", "storage.read:/cms/a", [Yes, No, Yes]),
            ("storage.read:/cms", "storage.read:/cmsfoo", [No, No, Yes]),
            ("storage.read:/cms", "storage.read:/", [No, No, Yes]),
            ("wlcg.groups:/dc", "wlcg.groups", [No, No, Yes]),
            ("wlcg.groups", "wlcg.groups:/dc/x", [Yes, Yes, Yes]),
            ("wlcg.groups", "wlcg.groups:/dc/", [No, No, No]),
            ("storage.stage:/", "storage.stage:/x", [Yes, Yes, No]),
            ("storage.poll:/", "storage.poll:/x", [Yes, No, No]),
            ("storage.read:/", "nope:/x..y", [No, Relative, Relative]),
        ] {
            for (compat, want) in [Strict, Iam112, Iam17].into_iter().zip(want) {
                assert_eq!(
                    asks(compat, &[registered], asked),
                    want,
                    "{} {registered} {asked}",
                    compat.name()
                );
            }
        }
    }

    #[test]
    fn cap_3_texts_a_strict_issuer_refuses() {
        for (scope, good) in [
            ("storage.read:/a/b", true),
            ("storage.read:/", true),
            ("storage.read:/a/", true),
            ("storage.read", false),
            ("storage.read:a", false),
            ("storage.read:/a/../b", false),
            ("storage.read:/a//b", false),
            ("storage.read:/a/%2e%2e/b", false),
            ("storage.read:/a/%252e%252e/b", false),
            ("storage.read:/a%2Fb", false),
            ("storage.read:/caf%C3%A9", true),
            ("storage.read:/bad%FF", false),
            ("compute.read", true),
            ("wlcg.groups:example", false),
        ] {
            assert_eq!(fault(scope).is_none(), good, "{scope}");
        }
    }
}
