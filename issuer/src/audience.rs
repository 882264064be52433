//! Audiences: `audience`, `aud` and `resource`, and how later requests are bound to the first (issuer page §2.3).

use std::collections::HashSet;

use crate::quirks::{Quirk, Rules};

/// The audience of tokens that asked for none: every relying party (CLM-8).
pub const ANY: &str = "https://wlcg.cern.ch/jwt/v1/any";

/// What a request says about its audience. `Some("")` is a parameter that was sent empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked<'a> {
    /// RFC 8707.
    pub resource: Option<&'a str>,
    /// IAM's short form.
    pub aud: Option<&'a str>,
    /// RFC 8693 and IAM.
    pub audience: Option<&'a str>,
}

/// Which request it is, since IAM 1.7 reads the parameters differently at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A first request: client credentials, password, `/authorize`.
    First,
    /// Token exchange.
    Exchange,
    /// Redeeming a code.
    Code,
    /// Redeeming a device code.
    Device,
    /// Refresh.
    Refresh,
}

/// Why an audience is not given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetFault {
    /// RFC 8707: not an absolute URI.
    #[error("Not a valid URI: {0}")]
    NotUri(String),
    /// It has a query.
    #[error("The resource indicator contains a query component: {0}")]
    Query(String),
    /// It has a fragment.
    #[error("The resource indicator contains a fragment component: {0}")]
    Fragment(String),
    /// It is not among what the first request was granted.
    #[error("The requested resource was not originally granted")]
    NotGranted,
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

impl<'a> Asked<'a> {
    /// The audience text this request asks for.
    pub fn wish(&self, step: Step, rules: &Rules) -> Option<&'a str> {
        if !rules.then() {
            return filled(self.resource)
                .or(filled(self.aud))
                .or(filled(self.audience));
        }
        match step {
            Step::Exchange => filled(self.audience).or(self.aud).or(self.audience),
            Step::Code => None,
            Step::Refresh => self.audience,
            Step::First | Step::Device => self.aud.or(self.audience),
        }
    }

    /// Checks the syntax of `resource` where the version knows it.
    pub fn check_resource(&self, rules: &Rules) -> Result<(), TargetFault> {
        match self.resource {
            Some(resource) if !rules.then() => split_like_java(resource)
                .into_iter()
                .try_for_each(|one| check_one(one, rules)),
            _ => Ok(()),
        }
    }

    /// The audience of a later request of the same grant, given the resource and the audience of the first.
    pub fn bound(
        &self,
        step: Step,
        granted_resource: Option<&str>,
        first_audience: Option<&str>,
        rules: &Rules,
    ) -> Result<Option<String>, TargetFault> {
        let wish = self.wish(step, rules);
        if rules.then() {
            return Ok(filled(wish).or(first_audience).map(str::to_owned));
        }
        if wish.is_none() && self.aud.is_none() {
            return Ok(granted_resource.or(first_audience).map(str::to_owned));
        }
        let limit = match (granted_resource, self.resource) {
            (Some(granted), _) => Some(granted),
            (None, Some(_)) => Some(""),
            (None, None) if !rules.has(Quirk::Q13) && step == Step::Refresh => first_audience,
            (None, None) => None,
        };
        let Some(limit) = limit else {
            return Ok(wish.map(str::to_owned));
        };
        let granted: HashSet<&str> = items(limit).into_iter().collect();
        let kept: Vec<&str> = items(wish.unwrap_or_default())
            .into_iter()
            .filter(|one| granted.contains(one))
            .collect();
        if kept.is_empty() {
            Err(TargetFault::NotGranted)
        } else {
            Ok(Some(kept.join(" ")))
        }
    }
}

/// The single audiences of a text: split at blanks, empty pieces dropped, duplicates and order kept.
pub fn items(text: &str) -> Vec<&str> {
    text.split(' ').filter(|piece| !piece.is_empty()).collect()
}

/// The claim's values. Nothing asked: [`ANY`]. Blanks only: none at all in IAM.
pub fn claim<'a>(text: Option<&'a str>, rules: &Rules) -> Vec<&'a str> {
    match filled(text) {
        None => vec![ANY],
        Some(text) => {
            let values = items(text);
            if values.is_empty() && !rules.has(Quirk::Q53) {
                vec![ANY]
            } else {
                values
            }
        }
    }
}

/// Java's `split(" ")`: leading empty pieces stay, trailing ones vanish; an empty text is one empty piece.
fn split_like_java(text: &str) -> Vec<&str> {
    let mut pieces: Vec<&str> = text.split(' ').collect();
    while pieces.len() > 1 && pieces.last().is_some_and(|piece| piece.is_empty()) {
        pieces.pop();
    }
    pieces
}

fn check_one(value: &str, rules: &Rules) -> Result<(), TargetFault> {
    let bad = || TargetFault::NotUri(value.to_owned());
    let java = rules.has(Quirk::Q12);
    let (scheme, rest) = value.split_once(':').ok_or_else(bad)?;
    let known = if java {
        ["http", "https", "ftp", "file", "mailto", "jar"]
            .iter()
            .any(|s| scheme.eq_ignore_ascii_case(s))
    } else {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    };
    let before_fragment = rest.split('#').next().unwrap_or_default();
    let hierarchy = before_fragment.split('?').next().unwrap_or_default();
    if !known
        || hierarchy.is_empty()
        || hierarchy == "//"
        || !plain(rest)
        || !port_is_number(hierarchy)
    {
        return Err(bad());
    }
    if before_fragment.contains('?') && (java || rules.today()) {
        return Err(TargetFault::Query(value.to_owned()));
    }
    if rest.contains('#') {
        return Err(TargetFault::Fragment(value.to_owned()));
    }
    Ok(())
}

/// No character that `java.net.URI` refuses, and every percent sign begins an escape.
fn plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    !text.chars().any(|c| {
        matches!(c, '|' | '{' | '}' | '^' | '`' | '"' | '<' | '>' | '\\') || c.is_control()
    }) && bytes
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'%')
        .all(|(i, _)| {
            bytes
                .get(i + 1..i + 3)
                .is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
        })
}

fn port_is_number(hierarchy: &str) -> bool {
    let Some(rest) = hierarchy.strip_prefix("//") else {
        return true;
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let host_and_port = authority.rsplit('@').next().unwrap_or_default();
    let after_host = if host_and_port.starts_with('[') {
        host_and_port.split_once(']').map_or("", |(_, rest)| rest)
    } else {
        host_and_port
            .find(':')
            .map_or("", |at| &host_and_port[at..])
    };
    let port = after_host.strip_prefix(':').unwrap_or(after_host);
    let digits = port.strip_prefix('-').unwrap_or(port);
    digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quirks::{Compat, QuirkSwitches};

    fn rules(compat: Compat) -> Rules {
        Rules::new(compat, &QuirkSwitches::default())
    }

    #[test]
    fn resource_syntax_as_recorded() {
        let today = rules(Compat::Iam112);
        for (value, want) in [
            ("https://se1.example", "ok"),
            ("https:se1", "ok"),
            ("file:/x", "ok"),
            ("HTTPS://se1.example:99999", "ok"),
            ("https://se1.example:-1", "ok"),
            ("https://se1.example:", "ok"),
            ("https://[::1]:8443/a/../b", "ok"),
            ("https://a_b/%2F", "ok"),
            ("", "Not a valid URI: "),
            ("foo", "Not a valid URI: foo"),
            ("https://", "Not a valid URI: https://"),
            (
                "roots://se1.example",
                "Not a valid URI: roots://se1.example",
            ),
            (
                "https://se1.example:x",
                "Not a valid URI: https://se1.example:x",
            ),
            ("https://se1/%zz", "Not a valid URI: https://se1/%zz"),
            ("https://se1/{a}", "Not a valid URI: https://se1/{a}"),
            (
                "https://se1/?q",
                "The resource indicator contains a query component: https://se1/?q",
            ),
            (
                "https://se1/#f",
                "The resource indicator contains a fragment component: https://se1/#f",
            ),
            ("https://a foo", "Not a valid URI: foo"),
            (" https://a", "Not a valid URI: "),
            ("https://a ", "ok"),
        ] {
            let asked = Asked {
                resource: Some(value),
                ..Asked::default()
            };
            let got = asked
                .check_resource(&today)
                .map_or_else(|fault| fault.to_string(), |()| "ok".into());
            assert_eq!(got, want, "{value:?}");
        }
        let strict = Asked {
            resource: Some("condor://ce.example"),
            ..Asked::default()
        };
        assert_eq!(strict.check_resource(&rules(Compat::Strict)), Ok(()));
    }

    #[test]
    fn later_requests_are_bound_to_the_first_resource() {
        let today = rules(Compat::Iam112);
        let none = Asked::default();
        let resource = |r| Asked {
            resource: Some(r),
            ..none
        };
        let audience = |a| Asked {
            audience: Some(a),
            ..none
        };
        for (asked, granted, first, want) in [
            (none, Some("a b"), Some("a b"), Ok(Some("a b"))),
            (none, None, Some("x"), Ok(Some("x"))),
            (resource("b c"), Some("a b"), None, Ok(Some("b"))),
            (
                audience("c"),
                Some("a b"),
                None,
                Err(TargetFault::NotGranted),
            ),
            (resource("a"), None, Some("a"), Err(TargetFault::NotGranted)),
            (audience("z"), None, Some("a"), Ok(Some("z"))),
        ] {
            let got = asked.bound(Step::Refresh, granted, first, &today);
            assert_eq!(
                got,
                want.map(|w: Option<&str>| w.map(str::to_owned)),
                "{asked:?} {granted:?}"
            );
        }
    }
}
