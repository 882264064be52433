//! Token exchange policies: which client may exchange whose token, for which scopes (issuer page §2.7).

use std::sync::Arc;

use crate::config::{ClientMatch, ExchangePolicyConfig, PolicyEnd, Verb};
use crate::patterns::{Outcome, fault};
use crate::policies::ScopeTest;
use crate::quirks::{Quirk, Rules};
use crate::scopes::{self, Match, Matcher};

/// One end of an exchange: a client's id and what it is registered for.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its registered scopes.
    pub scopes: &'a [String],
    /// Their matchers.
    pub matchers: &'a [Matcher],
}

#[derive(Clone, Debug)]
struct Policy {
    rule: Verb,
    origin: PolicyEnd,
    destination: PolicyEnd,
    scopes: Vec<(Verb, ScopeTest)>,
    label: Arc<str>,
}

/// All exchange policies of an issuer.
#[derive(Clone, Debug, Default)]
pub struct ExchangePolicies {
    all: Vec<Policy>,
}

/// The policy that decides an exchange, and every one that applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The outcome: `None` when no policy applies.
    pub rule: Option<Verb>,
    /// Position of the policy taken.
    pub index: Option<usize>,
    /// Every policy of that rank with the same rule, the one taken first.
    pub equals: Vec<usize>,
    /// Its rank: the sum of ANY 0, BY_SCOPE 1, BY_ID 2 over both ends.
    pub rank: u8,
    /// Every applicable policy with its rank, in words.
    pub applicable: Vec<String>,
}

/// Why a scope cannot be exchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeFault {
    /// The client that the subject token was issued to is not registered for it.
    Origin(String),
    /// `..` met a path matcher of the origin.
    Relative(String),
    /// A rule of the policy forbids it (or, with Q-23 off, none permits it).
    Policy(String),
}

/// What of these policies cannot be read; none: all can.
pub fn unreadable(configs: &[ExchangePolicyConfig], rules: &Rules) -> Option<String> {
    let loose = rules.has(Quirk::Q08);
    configs.iter().enumerate().find_map(|(index, config)| {
        let mut scopes = config.scope_policies.iter();
        let why = scopes.find_map(|scope| fault(scope.matching, &scope.param, loose))?;
        Some(format!("exchange policy {}: {why}", index + 1))
    })
}

fn rank(end: &PolicyEnd, client: &End<'_>) -> Option<u8> {
    let param = end.param.as_deref().unwrap_or_default();
    match end.kind {
        ClientMatch::Any => Some(0),
        ClientMatch::ByScope => client
            .scopes
            .iter()
            .any(|scope| scope == param)
            .then_some(1),
        ClientMatch::ById => (client.id == param).then_some(2),
    }
}

fn end_in_words(end: &PolicyEnd) -> String {
    let param = end.param.as_deref().unwrap_or_default();
    match end.kind {
        ClientMatch::Any => "any client".into(),
        ClientMatch::ByScope => format!("clients with scope {param}"),
        ClientMatch::ById => format!("client {param}"),
    }
}

impl ExchangePolicies {
    /// Compiles the policies of a configuration.
    pub fn new(configs: &[ExchangePolicyConfig], rules: &Rules) -> Self {
        let all = configs
            .iter()
            .enumerate()
            .map(|(index, config)| {
                let rule = if config.rule == Verb::Permit {
                    "PERMIT"
                } else {
                    "DENY"
                };
                let ends = format!(
                    "{} to {}",
                    end_in_words(&config.origin),
                    end_in_words(&config.destination)
                );
                Policy {
                    rule: config.rule,
                    origin: config.origin.clone(),
                    destination: config.destination.clone(),
                    scopes: config
                        .scope_policies
                        .iter()
                        .map(|s| (s.rule, ScopeTest::new(s.matching, &s.param, rules)))
                        .collect(),
                    label: format!("policy {}: {rule} {ends}", index + 1).into(),
                }
            })
            .collect();
        Self { all }
    }

    /// Picks the policy: the highest rank wins, DENY wins a tie, of several PERMITs the first is taken.
    pub fn choose(&self, origin: &End<'_>, destination: &End<'_>) -> Choice {
        let mut best: Option<(u8, bool, usize)> = None;
        let mut ranked: Vec<((u8, bool), usize)> = Vec::new();
        let mut applicable = Vec::new();
        for (index, policy) in self.all.iter().enumerate() {
            let (Some(a), Some(b)) = (
                rank(&policy.origin, origin),
                rank(&policy.destination, destination),
            ) else {
                continue;
            };
            let key = (a + b, policy.rule == Verb::Deny);
            ranked.push((key, index));
            applicable.push(format!("{} (rank {})", policy.label, key.0));
            if best.is_none_or(|(rank, deny, _)| key > (rank, deny)) {
                best = Some((key.0, key.1, index));
            }
        }
        let Some((rank, deny, index)) = best else {
            return Choice {
                rule: None,
                index: None,
                equals: Vec::new(),
                rank: 0,
                applicable,
            };
        };
        let equals = ranked
            .into_iter()
            .filter(|(key, _)| *key == (rank, deny))
            .map(|(_, index)| index)
            .collect();
        Choice {
            rule: Some(self.all[index].rule),
            index: Some(index),
            equals,
            rank,
            applicable,
        }
    }

    /// The policy in words.
    pub fn label(&self, index: usize) -> Option<Arc<str>> {
        self.all.get(index).map(|policy| Arc::clone(&policy.label))
    }

    /// Checks every asked scope against the origin client's registration and the chosen policy's own rules,
    /// one after the other.
    pub fn check_scopes(
        &self,
        index: usize,
        asked: &[String],
        origin: &End<'_>,
        rules: &Rules,
    ) -> Result<(), ScopeFault> {
        let own = self.all.get(index).map_or(&[][..], |policy| &policy.scopes);
        let has_permits = own.iter().any(|(rule, _)| *rule == Verb::Permit);
        for scope in asked {
            match scopes::allowed(origin.matchers, scope) {
                Match::Yes => {}
                Match::No => return Err(ScopeFault::Origin(scope.clone())),
                Match::Relative => return Err(ScopeFault::Relative(scope.clone())),
            }
            let says = |wanted: Verb| {
                let mut found = false;
                for (_, test) in own.iter().filter(|(rule, _)| *rule == wanted) {
                    match test.test(scope) {
                        Outcome::Yes => found = true,
                        Outcome::No => {}
                        Outcome::Broken => return Err(ScopeFault::Relative(scope.clone())),
                    }
                }
                Ok(found)
            };
            let (denied, permitted) = (says(Verb::Deny)?, says(Verb::Permit)?);
            if denied || (!rules.has(Quirk::Q23) && has_permits && !permitted) {
                return Err(ScopeFault::Policy(scope.clone()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quirks::{Compat, QuirkSwitches};

    fn policy(
        rule: Verb,
        origin: (ClientMatch, &str),
        destination: (ClientMatch, &str),
    ) -> ExchangePolicyConfig {
        let end = |(kind, param): (ClientMatch, &str)| PolicyEnd {
            kind,
            param: Some(param.into()),
        };
        ExchangePolicyConfig {
            rule,
            origin: end(origin),
            destination: end(destination),
            scope_policies: Vec::new(),
            description: None,
        }
    }

    #[test]
    fn ranks_and_ties() {
        use ClientMatch::{Any, ById, ByScope};
        use Verb::{Deny, Permit};
        let all = ExchangePolicies::new(
            &[
                policy(Permit, (Any, ""), (Any, "")),
                policy(Deny, (ByScope, "s"), (Any, "")),
                policy(Permit, (ById, "a"), (Any, "")),
                policy(Deny, (ByScope, "s"), (ByScope, "t")),
                policy(Permit, (ById, "a"), (ById, "b")),
            ],
            &Rules::new(Compat::Strict, &QuirkSwitches::default()),
        );
        let scopes = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        for (origin, origin_scopes, to, to_scopes, want) in [
            ("x", "", "y", "", (Some(Permit), 0)),
            ("x", "s", "y", "", (Some(Deny), 1)),
            ("a", "s", "y", "", (Some(Permit), 2)),
            ("a", "s", "y", "t", (Some(Deny), 2)),
            ("a", "s", "b", "t", (Some(Permit), 4)),
        ] {
            let (origin_scopes, to_scopes) = (scopes(origin_scopes), scopes(to_scopes));
            let from = End {
                id: origin,
                scopes: &origin_scopes,
                matchers: &[],
            };
            let to = End {
                id: to,
                scopes: &to_scopes,
                matchers: &[],
            };
            let choice = all.choose(&from, &to);
            assert_eq!((choice.rule, choice.rank), want, "{from:?} {to:?}");
        }
        let nobody = End {
            id: "x",
            scopes: &[],
            matchers: &[],
        };
        assert_eq!(
            ExchangePolicies::default().choose(&nobody, &nobody).rule,
            None
        );
    }
}
