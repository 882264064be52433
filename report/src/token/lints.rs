//! What is odd about a token, judged by nobody's rules but the profile's: each finding with its requirement.

use super::audience;
use crate::words;
use carnet_profile::{
    Claims, claims::Instant, groups, jose::Header, judge::ANY_AUDIENCE, path::ScopePath,
    scope::ScopeItem, scope::StoragePrivilege, version::ProfileVersion,
};
use serde_json::Value;

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// The requirement (issuer page §1): `CLM-10`; `§1.7` for the table of lifetimes.
    pub rule: &'static str,
    /// How bad it is.
    pub weight: Weight,
    /// What is odd, and what would be right.
    pub text: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Good to know.
    Remark,
    /// Legal, and a likely slip.
    Warning,
    /// A server that follows the profile refuses the token.
    Fault,
}

/// Bytes of a token above which servers begin to complain (TOK-13).
const LARGE: usize = 4 * 1024;
/// NumericDates beyond this were meant in milliseconds: it is the year 5138.
const MILLISECONDS: i64 = 100_000_000_000;

/// Shortest and longest lifetime of access and ID tokens, in seconds (issuer page §1.7).
pub fn lifetime_bounds(version: ProfileVersion) -> (i64, i64) {
    let shortest = if version == ProfileVersion::V1_0 {
        5 * 60
    } else {
        15 * 60
    };
    (shortest, 6 * 3_600)
}

/// Everything odd about a token of `size` bytes, the gravest first.
pub fn lints(
    header: &Header,
    claims: &Claims,
    size: usize,
    version: ProfileVersion,
    now: i64,
) -> Vec<Lint> {
    let mut found = Findings::default();
    found.header(header, size);
    found.identity(claims, version);
    found.audience(claims);
    found.rights(claims);
    found.groups(claims);
    found.times(claims, version, now);
    found.0.sort_by_key(|lint| std::cmp::Reverse(lint.weight));
    found.0
}

#[derive(Default)]
struct Findings(Vec<Lint>);

impl Findings {
    fn fault(&mut self, rule: &'static str, text: impl Into<String>) {
        self.0.push(Lint {
            rule,
            weight: Weight::Fault,
            text: text.into(),
        });
    }

    fn warn(&mut self, rule: &'static str, text: impl Into<String>) {
        self.0.push(Lint {
            rule,
            weight: Weight::Warning,
            text: text.into(),
        });
    }

    fn remark(&mut self, rule: &'static str, text: impl Into<String>) {
        self.0.push(Lint {
            rule,
            weight: Weight::Remark,
            text: text.into(),
        });
    }

    fn header(&mut self, header: &Header, size: usize) {
        match header.alg.as_str() {
            "RS256" | "ES256" => {}
            alg if alg.eq_ignore_ascii_case("none") => {
                self.fault("TOK-2", "it is not signed: alg is none");
            }
            alg if alg.starts_with("HS") => {
                self.fault(
                    "TOK-2",
                    format!("{alg} is signed with a shared secret: whoever can check can forge"),
                );
            }
            alg => self.warn(
                "TOK-3",
                format!("alg {alg}: only RS256 and ES256 are understood everywhere"),
            ),
        }
        if header.kid.is_none() {
            self.fault(
                "TOK-4",
                "the header has no kid, so the key cannot be looked up",
            );
        }
        for member in header.own_keys() {
            self.warn(
                "TOK-5",
                format!("the header brings a key along ({member}): no server may use it"),
            );
        }
        if size > LARGE {
            self.warn(
                "TOK-13",
                format!(
                    "{size} bytes: some servers refuse headers above {}",
                    words::bytes(LARGE as u64)
                ),
            );
        }
    }

    fn identity(&mut self, claims: &Claims, version: ProfileVersion) {
        match claims.sub() {
            None => self.fault("CLM-1", "sub is missing: who is it?"),
            Some(sub) if sub.is_empty() || sub.len() > 255 || !sub.is_ascii() => {
                self.warn("CLM-1", "sub is 1 to 255 ASCII characters");
            }
            Some(_) => {}
        }
        match claims.iss() {
            None => self.fault("CLM-3", "iss is missing: whose key is to be taken?"),
            Some(iss) if !iss.starts_with("https://") => {
                self.fault("CLM-3", "iss is not an https URL");
            }
            Some(_) => {}
        }
        match claims.get("wlcg.ver") {
            None => self.fault(
                "CLM-4",
                "wlcg.ver is missing: it is no token of this profile",
            ),
            Some(Value::String(ver)) => {
                if let Err(fault) = version.accepts(ver) {
                    self.fault(
                        "CLM-4",
                        format!("wlcg.ver {ver}: {fault}; \"1.0\" is what every server takes"),
                    );
                }
            }
            Some(_) => self.fault("CLM-4", "wlcg.ver is a string: \"1.0\""),
        }
        if claims.jti().is_none() {
            self.fault("CLM-13", "jti is missing: the token has no name of its own");
        }
    }

    fn audience(&mut self, claims: &Claims) {
        let audiences = claims.aud();
        if audiences.is_empty() {
            self.fault("CLM-6", "aud is missing: for whom is it?");
        }
        for one in &audiences {
            if one == ANY_AUDIENCE {
                self.warn(
                    "CLM-8",
                    "good at every server that trusts the issuer: a stolen one is, too",
                );
            } else if let Some(slip) = audience::slip(one) {
                self.warn("CLM-10", slip);
            }
        }
    }

    fn rights(&mut self, claims: &Claims) {
        let scope = match claims.get("scope") {
            None => "",
            Some(Value::String(scope)) => scope,
            Some(_) => {
                return self.fault("CAP-1", "scope is one string, items separated by blanks");
            }
        };
        if scope.trim().is_empty() && claims.groups().is_empty() {
            return self.warn(
                "CLM-19",
                "neither scope nor wlcg.groups: it says who somebody is and allows nothing",
            );
        }
        if scope
            .chars()
            .any(|ch| ch != ' ' && (ch.is_whitespace() || ch.is_control()))
        {
            self.fault(
                "CAP-1",
                "scope items are separated by something else than blanks",
            );
        }
        let items: Vec<ScopeItem> = scope.split_whitespace().map(ScopeItem::parse).collect();
        let mut held = Vec::new();
        for item in &items {
            match item.capability() {
                Err(fault) => self.fault("CAP-2", fault.to_string()),
                Ok(Some(capability)) => {
                    held.push(capability.privilege);
                    self.path(item, &capability.path);
                }
                Ok(None) => {}
            }
        }
        let writes = held
            .iter()
            .any(|one| matches!(one, StoragePrivilege::Create | StoragePrivilege::Modify));
        if writes && !held.contains(&StoragePrivilege::Read) {
            self.remark("CAP-11", "it may write and not read: some storage elements then refuse to show what was written");
        }
        let capabilities = items.iter().any(ScopeItem::is_capability);
        if capabilities && !claims.groups().is_empty() {
            self.warn(
                "MIX-2",
                "capabilities and groups: a server that knows both looks at the capabilities alone",
            );
        }
    }

    /// A path that is legal but not written as the profile wants it (CAP-3).
    fn path(&mut self, item: &ScopeItem, path: &ScopePath) {
        let written = item.path.as_deref().unwrap_or_default();
        let plain = path.to_string();
        if written.trim_end_matches('/') != plain.trim_end_matches('/') || written.ends_with("//") {
            self.warn(
                "CAP-3",
                format!("{item}: the path is not normalised, it means {plain}"),
            );
        }
    }

    fn groups(&mut self, claims: &Claims) {
        match claims.get("wlcg.groups") {
            None => {}
            Some(Value::Array(all)) => {
                for group in all {
                    match group.as_str() {
                        Some(name) if groups::is_group_name(name) => {}
                        _ => self.fault(
                            "CLM-14",
                            format!("{group} is no group's name: those look like \"/wlcg/xfers\""),
                        ),
                    }
                }
                let twice = all
                    .iter()
                    .enumerate()
                    .find(|(at, group)| all[..*at].contains(group));
                if let Some((_, group)) = twice {
                    self.warn("GRP-5", format!("{group} stands there twice"));
                }
            }
            Some(_) => self.fault(
                "GRP-9",
                "wlcg.groups is a list, also for one group: [\"/wlcg\"]",
            ),
        }
    }

    fn times(&mut self, claims: &Claims, version: ProfileVersion, now: i64) {
        for (rule, name, needed) in [
            ("CLM-2", "exp", true),
            ("CLM-11", "iat", true),
            ("CLM-12", "nbf", false),
        ] {
            match claims.instant(name) {
                Instant::Missing if needed => self.fault(rule, format!("{name} is missing")),
                Instant::Malformed => {
                    self.fault(rule, format!("{name} is seconds since 1970, a number"));
                }
                Instant::Missing | Instant::At(_) => {}
            }
        }
        if claims.iat().is_some_and(|iat| iat.saturating_sub(now) > 60) {
            self.warn(
                "CLM-11",
                "issued in the future: one of the two clocks is wrong",
            );
        }
        let (Some(exp), Some(iat)) = (claims.exp(), claims.iat()) else {
            return;
        };
        if exp > MILLISECONDS {
            return self.warn(
                "§1.7",
                "exp looks like milliseconds: it is seconds since 1970",
            );
        }
        let life = exp.saturating_sub(iat);
        let (shortest, longest) = lifetime_bounds(version);
        if life <= 0 {
            self.fault("§1.7", "it ends before it begins");
        } else if life < shortest {
            self.remark(
                "§1.7",
                format!(
                    "lives {}: the profile's shortest is {}",
                    words::span_seconds(life),
                    words::span_seconds(shortest)
                ),
            );
        } else if life > longest {
            let text = format!(
                "lives {}: the profile's longest is {}",
                words::span_seconds(life),
                words::span_seconds(longest)
            );
            if version.longest_validity().is_some() {
                self.fault("LIFE-1", text);
            } else {
                self.warn("§1.7", text);
            }
        }
    }
}
