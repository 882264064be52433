//! Scope policies: which scopes a person may have, by account, then group, then default (issuer page §2.0).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use crate::config::{Level, Matching, ScopePolicyConfig, Verb};
use crate::order;
use crate::patterns::{Expression, Outcome, PathPattern, fault, whole};
use crate::quirks::{Quirk, Rules};

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
    Whole(Arc<Expression>),
    Path(Arc<PathPattern>, String),
    /// The same text stands in policies of both kinds: IAM keeps one pattern a text, whichever is needed first.
    Shared(Arc<OnceLock<ScopeTest>>, Matching, String, bool),
}

impl ScopeTest {
    pub(crate) fn new(matching: Matching, text: &str, rules: &Rules) -> Self {
        Self::compiled(matching, text, rules.has(Quirk::Q08))
    }

    fn compiled(matching: Matching, text: &str, loose: bool) -> Self {
        match matching {
            Matching::Eq => Self::Equal(text.to_owned()),
            Matching::Regexp => Self::Whole(Arc::new(whole(text))),
            Matching::Path => Self::Path(
                Arc::new(PathPattern::of_scope(text, loose)),
                text.to_owned(),
            ),
        }
    }

    pub(crate) fn test(&self, scope: &str) -> Outcome {
        match self {
            Self::Equal(text) => (text == scope).into(),
            Self::Whole(pattern) => pattern.is_match(scope).into(),
            Self::Path(pattern, _) => pattern.test(scope),
            Self::Shared(first, matching, text, loose) => first
                .get_or_init(|| Self::compiled(*matching, text, *loose))
                .test(scope),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Equal(text) | Self::Path(_, text) | Self::Shared(_, _, text, _) => text,
            Self::Whole(_) => "",
        }
    }
}

#[derive(Clone, Debug)]
struct Policy {
    rule: Verb,
    tests: Vec<ScopeTest>,
    label: Arc<str>,
}

impl Policy {
    /// Whether it speaks about a scope. Every test is made, as IAM makes it: one may break.
    fn applies(&self, scope: &str) -> Result<bool, Stumble> {
        let mut found = self.tests.is_empty();
        for test in &self.tests {
            match test.test(scope) {
                Outcome::Yes => found = true,
                Outcome::No => {}
                Outcome::Broken => return Err(Stumble(test.text().to_owned())),
            }
        }
        Ok(found)
    }
}

/// All scope policies of an issuer.
#[derive(Clone, Debug, Default)]
pub struct ScopePolicies {
    accounts: HashMap<String, Vec<Policy>>,
    groups: HashMap<String, Vec<Policy>>,
    default: Vec<Policy>,
}

/// A requested scope broke a PATH policy: the policy's text (issuer page §2.0).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Misspelled {0} scope in the scope policy")]
pub struct Stumble(pub String);

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

/// What of these policies cannot be read; none: all can.
pub fn unreadable(configs: &[ScopePolicyConfig], rules: &Rules) -> Option<String> {
    let loose = rules.has(Quirk::Q08);
    configs.iter().enumerate().find_map(|(index, config)| {
        let mut scopes = config.scopes.iter();
        let why = scopes.find_map(|scope| fault(config.matching, scope, loose))?;
        Some(format!("scope policy {}: {why}", index + 1))
    })
}

impl ScopePolicies {
    /// Compiles the policies of a configuration.
    pub fn new(configs: &[ScopePolicyConfig], rules: &Rules) -> Self {
        let mut all = Self::default();
        let shared = if rules.strict() {
            HashMap::new()
        } else {
            shared(configs)
        };
        for (index, config) in configs.iter().enumerate() {
            let tests = config
                .scopes
                .iter()
                .map(|scope| match shared.get(scope.as_str()) {
                    Some(first) if config.matching != Matching::Eq => {
                        let loose = rules.has(Quirk::Q08);
                        ScopeTest::Shared(Arc::clone(first), config.matching, scope.clone(), loose)
                    }
                    _ => ScopeTest::new(config.matching, scope, rules),
                });
            all.add(index + 1, config, tests.collect());
        }
        all
    }

    fn add(&mut self, number: usize, config: &ScopePolicyConfig, tests: Vec<ScopeTest>) {
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
            tests,
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
    pub fn rule_on(&self, scope: &str, person: &Person<'_>) -> Result<Ruling, Stumble> {
        Self::decide(&self.levels(person), scope)
    }

    fn decide(levels: &[(Level, Vec<&Policy>); 3], scope: &str) -> Result<Ruling, Stumble> {
        for (level, policies) in levels {
            let mut decided: Option<&Policy> = None;
            for policy in policies {
                let stronger = decided
                    .is_none_or(|found| found.rule == Verb::Permit && policy.rule == Verb::Deny);
                if policy.applies(scope)? && stronger {
                    decided = Some(policy);
                }
            }
            if let Some(policy) = decided {
                return Ok(Ruling {
                    permitted: policy.rule == Verb::Permit,
                    level: Some(*level),
                    policy: Some(Arc::clone(&policy.label)),
                });
            }
        }
        Ok(Ruling {
            permitted: false,
            level: None,
            policy: None,
        })
    }

    /// Takes away what the policies do not let through; keeps the order of what stays.
    /// `keep_openid`: `openid` is never dropped. `admin_scopes`: `iam:admin.*` and `scim:*` only for administrators.
    pub fn filter(
        &self,
        asked: &[String],
        person: &Person<'_>,
        keep_openid: bool,
        admin_scopes: bool,
    ) -> Result<Filtered, Stumble> {
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
            let ruling = Self::decide(&levels, scope)?;
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
        Ok(out)
    }
}

/// Texts that stand in REGEXP and in PATH policies alike.
fn shared(configs: &[ScopePolicyConfig]) -> HashMap<&str, Arc<OnceLock<ScopeTest>>> {
    let of = |matching: Matching| {
        let fitting = configs
            .iter()
            .filter(move |config| config.matching == matching);
        fitting.flat_map(|config| config.scopes.iter().map(String::as_str))
    };
    let paths: HashSet<&str> = of(Matching::Path).collect();
    of(Matching::Regexp)
        .filter(|text| paths.contains(text))
        .map(|text| (text, Arc::default()))
        .collect()
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
    use crate::quirks::{Compat, QuirkSwitches};

    fn rules(compat: Compat) -> Rules {
        Rules::new(compat, &QuirkSwitches::default())
    }

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
        let configs = [
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
        ];
        let member: [Arc<str>; 1] = ["/g".into()];
        let both: [Arc<str>; 2] = ["/g".into(), "/h".into()];
        for compat in [Compat::Strict, Compat::Iam112, Compat::Iam17] {
            let policies = ScopePolicies::new(&configs, &rules(compat));
            for (name, groups, scope, want) in [
                ("bob", &[][..], "storage.read:/x/y", true),
                (
                    "bob",
                    &[],
                    "storage.read:/xylophone",
                    compat != Compat::Strict,
                ),
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
                    policies.rule_on(scope, &person).unwrap().permitted,
                    want,
                    "{name} {scope} {compat:?}"
                );
            }
        }
    }

    #[test]
    fn a_scope_breaks_only_the_path_policies_that_it_reaches() {
        use Level::{Account, Default};
        use Matching::{Eq, Path};
        use Verb::Permit;
        let configs = [
            policy(Account, "ann", Permit, Eq, &["a..b"]),
            policy(Default, "", Permit, Path, &["storage.read:/"]),
            policy(Default, "", Permit, Path, &["storage.(read|create):/"]),
        ];
        let told = |compat, username, scope: &str| {
            let person = Person {
                username,
                groups: &[],
                admin: false,
            };
            ScopePolicies::new(&configs, &rules(compat))
                .rule_on(scope, &person)
                .map(|r| r.permitted)
        };
        let stumble = |text: &str| Err(Stumble(text.into()));
        for (username, scope, iam, strict) in [
            ("ann", "a..b", Ok(true), Ok(true)),
            ("bob", "a..b", stumble("storage.read:/"), Ok(false)),
            (
                "bob",
                "storage.read:/x",
                stumble("storage.(read|create):/"),
                Ok(true),
            ),
            ("bob", "compute.read", Ok(false), Ok(false)),
        ] {
            assert_eq!(
                told(Compat::Iam112, username, scope),
                iam,
                "{username} {scope}"
            );
            assert_eq!(
                told(Compat::Strict, username, scope),
                strict,
                "{username} {scope}"
            );
        }
    }

    #[test]
    fn one_text_is_one_pattern_whichever_kind_is_used_first() {
        use Level::{Account, Default};
        use Matching::{Path, Regexp};
        let text = ["storage.read:/x"];
        let configs = [
            policy(Account, "ann", Verb::Deny, Regexp, &text),
            policy(Default, "", Verb::Permit, Path, &text),
        ];
        let person = |username| Person {
            username,
            groups: &[],
            admin: false,
        };
        let below = "storage.read:/x/y";
        for (first, want) in [("ann", false), ("bob", true)] {
            let policies = ScopePolicies::new(&configs, &rules(Compat::Iam112));
            policies.rule_on(below, &person(first)).unwrap();
            assert_eq!(
                policies.rule_on(below, &person("bob")).unwrap().permitted,
                want,
                "{first} was first"
            );
        }
    }
}
