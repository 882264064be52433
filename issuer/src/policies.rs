//! Scope policies: which scopes a person may have, by account, then group, then default (issuer page §2.0).

use std::collections::HashMap;
use std::sync::Arc;

use regex::Regex;

use crate::config::{Level, Matching, ScopePolicyConfig, Verb};
use crate::order;
use crate::scopes::{path_pattern, whole};

/// Whose scopes are filtered.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// Login name.
    pub username: &'a str,
    /// Full names of the groups this person is a direct member of, with their leading slash.
    pub groups: &'a [Arc<str>],
    /// Administers the issuer.
    pub admin: bool,
}

/// How one scope of a policy is compared.
#[derive(Clone, Debug)]
pub(crate) enum ScopeTest {
    Equal(String),
    Whole(Arc<Regex>, String),
    Path(Arc<Regex>, String),
}

impl ScopeTest {
    pub(crate) fn new(matching: Matching, text: &str) -> Self {
        match matching {
            Matching::Eq => Self::Equal(text.to_owned()),
            Matching::Regexp => Self::Whole(Arc::new(whole(text)), text.to_owned()),
            Matching::Path => {
                let (prefix, path) = text.split_once(':').unwrap_or((text, "/"));
                Self::Path(Arc::new(path_pattern(prefix, path, true)), text.to_owned())
            }
        }
    }

    pub(crate) fn matches(&self, scope: &str) -> bool {
        match self {
            Self::Equal(text) => text == scope,
            Self::Whole(pattern, _) => pattern.is_match(scope),
            Self::Path(pattern, _) => !scope.contains("..") && pattern.is_match(scope),
        }
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Equal(text) | Self::Whole(_, text) | Self::Path(_, text) => text,
        }
    }

    fn stumbles(&self, scope: &str) -> bool {
        matches!(self, Self::Path(..)) && scope.contains("..")
    }
}

#[derive(Clone, Debug)]
struct Policy {
    rule: Verb,
    tests: Vec<ScopeTest>,
    label: Arc<str>,
}

impl Policy {
    fn applies(&self, scope: &str) -> bool {
        self.tests.is_empty() || self.tests.iter().any(|test| test.matches(scope))
    }
}

/// All scope policies of an issuer.
#[derive(Clone, Debug, Default)]
pub struct ScopePolicies {
    accounts: HashMap<String, Vec<Policy>>,
    groups: HashMap<String, Vec<Policy>>,
    default: Vec<Policy>,
}

/// What the policies say about one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// It may stay.
    pub permitted: bool,
    /// The level that decided; `None`: no policy speaks about it, which drops it.
    pub level: Option<Level>,
    /// The policy that decided, in words.
    pub policy: Option<Arc<str>>,
}

/// A scope that the policies took away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The scope.
    pub scope: String,
    /// Why.
    pub why: String,
}

/// What is left of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filtered {
    /// What stays, in IAM's order.
    pub kept: Vec<String>,
    /// What does not.
    pub dropped: Vec<Dropped>,
}

impl ScopePolicies {
    /// Compiles the policies of a configuration.
    pub fn new(configs: &[ScopePolicyConfig]) -> Self {
        let mut all = Self::default();
        for (index, config) in configs.iter().enumerate() {
            all.add(index + 1, config);
        }
        all
    }

    fn add(&mut self, number: usize, config: &ScopePolicyConfig) {
        let rule = if config.rule == Verb::Permit {
            "PERMIT"
        } else {
            "DENY"
        };
        let scopes = if config.scopes.is_empty() {
            "all".to_owned()
        } else {
            config.scopes.join(" ")
        };
        let matching = match config.matching {
            Matching::Eq => "EQ",
            Matching::Regexp => "REGEXP",
            Matching::Path => "PATH",
        };
        let whom = match config.level {
            Level::Account => config.account.clone().unwrap_or_default(),
            Level::Group => config.group.clone().unwrap_or_default(),
            Level::Default => "everybody".into(),
        };
        let policy = Policy {
            rule: config.rule,
            tests: config
                .scopes
                .iter()
                .map(|scope| ScopeTest::new(config.matching, scope))
                .collect(),
            label: format!("policy {number} for {whom}: {rule} {matching} {scopes}").into(),
        };
        match config.level {
            Level::Account => self.accounts.entry(whom).or_default().push(policy),
            Level::Group => self
                .groups
                .entry(format!("/{}", whom.trim_start_matches('/')))
                .or_default()
                .push(policy),
            Level::Default => self.default.push(policy),
        }
    }

    /// The levels with what applies at each, most special first.
    fn levels<'a>(&'a self, person: &Person<'a>) -> [(Level, Vec<&'a Policy>); 3] {
        let account = self
            .accounts
            .get(person.username)
            .into_iter()
            .flatten()
            .collect();
        let groups = if self.groups.is_empty() {
            Vec::new()
        } else {
            person
                .groups
                .iter()
                .filter_map(|group| self.groups.get(&**group))
                .flatten()
                .collect()
        };
        [
            (Level::Account, account),
            (Level::Group, groups),
            (Level::Default, self.default.iter().collect()),
        ]
    }

    /// What the policies say about one scope for one person.
    pub fn rule_on(&self, scope: &str, person: &Person<'_>) -> Ruling {
        Self::decide(&self.levels(person), scope)
    }

    fn decide(levels: &[(Level, Vec<&Policy>); 3], scope: &str) -> Ruling {
        for (level, policies) in levels {
            let mut permit = None;
            for policy in policies.iter().filter(|policy| policy.applies(scope)) {
                if policy.rule == Verb::Deny {
                    return Ruling {
                        permitted: false,
                        level: Some(*level),
                        policy: Some(Arc::clone(&policy.label)),
                    };
                }
                permit.get_or_insert(policy);
            }
            if let Some(policy) = permit {
                return Ruling {
                    permitted: true,
                    level: Some(*level),
                    policy: Some(Arc::clone(&policy.label)),
                };
            }
        }
        Ruling {
            permitted: false,
            level: None,
            policy: None,
        }
    }

    /// Takes away what the policies do not let through; keeps the order of what stays.
    /// `keep_openid`: `openid` is never dropped. `admin_scopes`: `iam:admin.*` and `scim:*` only for administrators.
    pub fn filter(
        &self,
        asked: &[String],
        person: &Person<'_>,
        keep_openid: bool,
        admin_scopes: bool,
    ) -> Filtered {
        let levels = self.levels(person);
        let mut out = Filtered::default();
        let mut openid = false;
        for scope in asked {
            if admin_scopes
                && !person.admin
                && (scope.starts_with("iam:admin.") || scope.starts_with("scim:"))
            {
                out.dropped.push(Dropped {
                    scope: scope.clone(),
                    why: "only for administrators".into(),
                });
                continue;
            }
            let ruling = Self::decide(&levels, scope);
            if ruling.permitted {
                out.kept.push(scope.clone());
            } else if keep_openid && scope == "openid" {
                openid = true;
            } else {
                let why = ruling
                    .policy
                    .map_or_else(|| "no policy speaks about it".to_owned(), |p| p.to_string());
                out.dropped.push(Dropped {
                    scope: scope.clone(),
                    why,
                });
            }
        }
        if openid {
            out.kept.push("openid".into());
        }
        out
    }

    /// The scope of the first PATH policy that `..` breaks, if a requested scope has it (at `/authorize`).
    pub fn stumbling(&self, asked: &[String], person: &Person<'_>) -> Option<String> {
        let levels = self.levels(person);
        asked
            .iter()
            .filter(|scope| scope.contains(".."))
            .find_map(|scope| {
                levels
                    .iter()
                    .flat_map(|(_, policies)| policies)
                    .flat_map(|policy| &policy.tests)
                    .find(|test| test.stumbles(scope))
                    .map(|test| test.text().to_owned())
            })
    }
}

/// F of the issuer page: the request goes into a table of 16, refused items are taken out, `openid` is put back.
/// The table keeps the size that the request gave it.
pub fn through_table(asked: &[String], kept: &[String]) -> Vec<String> {
    let size = order::buckets(16, asked.len());
    let mut out: Vec<String> = kept.to_vec();
    order::read(&mut out, size);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(
        level: Level,
        whom: &str,
        rule: Verb,
        matching: Matching,
        scopes: &[&str],
    ) -> ScopePolicyConfig {
        ScopePolicyConfig {
            level,
            account: Some(whom.into()),
            group: Some(whom.into()),
            rule,
            matching,
            scopes: scopes.iter().map(|s| (*s).to_owned()).collect(),
            description: None,
        }
    }

    #[test]
    fn levels_and_matching() {
        use Level::{Account, Default, Group};
        use Matching::{Eq, Path, Regexp};
        use Verb::{Deny, Permit};
        let policies = ScopePolicies::new(&[
            policy(Default, "", Permit, Path, &["storage.read:/x"]),
            policy(Default, "", Deny, Eq, &["storage.read:/x/no"]),
            policy(
                Group,
                "g",
                Permit,
                Eq,
                &["storage.read:/x/no", "compute.read"],
            ),
            policy(Group, "h", Deny, Regexp, &["compute.*"]),
            policy(Account, "ann", Permit, Eq, &[]),
            policy(Account, "ann", Deny, Eq, &["compute.read"]),
        ]);
        let member: [Arc<str>; 1] = ["/g".into()];
        let both: [Arc<str>; 2] = ["/g".into(), "/h".into()];
        for (name, groups, scope, want) in [
            ("bob", &[][..], "storage.read:/x/y", true),
            ("bob", &[], "storage.read:/xylophone", true),
            ("bob", &[], "storage.read:/y", false),
            ("bob", &[], "storage.read:/x/no", false),
            ("bob", &member, "storage.read:/x/no", true),
            ("bob", &member, "compute.read", true),
            ("bob", &both, "compute.read", false),
            ("ann", &both, "anything", true),
            ("ann", &member, "compute.read", false),
        ] {
            let person = Person {
                username: name,
                groups,
                admin: false,
            };
            assert_eq!(
                policies.rule_on(scope, &person).permitted,
                want,
                "{name} {scope}"
            );
        }
    }
}
