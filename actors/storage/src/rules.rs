//! What a storage element insists on, from its settings and its dialect (storage page §3.3 to §3.6).

use carnet_profile::judge::{Allowance, Effect, Policy, Principal, Rules, TrustedIssuer};
use carnet_profile::present::Places;
use carnet_profile::scope::StoragePrivilege;
use carnet_stage::{Actor, StartError};

use crate::config::{Action, Config, Strategy};
use crate::dialect::{Dialect, Repeats, SendsOn, Understanding};

/// Where it takes tokens from.
pub(crate) fn places(config: &Config, dialect: &Dialect) -> Places {
    let (habits, wanted) = (&dialect.tokens, &config.tokens);
    let query = wanted
        .access_token_parameter
        .unwrap_or(habits.access_token_parameter);
    // Tickets come in the URL, and where they do, other tokens do too.
    let redirects = config.redirects.unwrap_or(dialect.methods.redirects);
    let tickets = |sends_on| redirects && dialect.methods.sends_on == sends_on;
    Places {
        query: query || tickets(SendsOn::Redirector),
        authz: wanted.authz_parameter.unwrap_or(habits.authz_parameter) || tickets(SendsOn::Door),
        body: false,
        // A longer token is allowed to come, too.
        max_header_bytes: habits.max_field.max(max_bytes(config, dialect) + 16),
        tolerant: habits.repeats != Repeats::Refused,
    }
}

fn max_bytes(config: &Config, dialect: &Dialect) -> usize {
    match config.tokens.longest {
        Some(size) => usize::try_from(size.0).unwrap_or(usize::MAX / 2),
        None => dialect.tokens.max_bytes,
    }
}

/// The rules by which a storage element judges tokens.
pub(crate) fn rules(
    actor: &Actor,
    config: &Config,
    dialect: &Dialect,
) -> Result<Rules, StartError> {
    let mut rules = Rules::new(actor.host(), actor.base_url());
    if !config.audiences.is_empty() {
        rules.audiences.clone_from(&config.audiences);
    }
    let (habits, wanted) = (&dialect.tokens, &config.tokens);
    let leeway = i64::from(config.leeway.unwrap_or(habits.leeway));
    rules.accept_any_audience = config.any_audience.0;
    rules.accept_bare_host_audience = wanted.bare_host_audience;
    rules.version = habits.edition.unwrap_or(config.profile);
    rules.not_before_leeway = leeway;
    rules.expiry_leeway = habits.late.then_some(leeway);
    rules.max_validity = match wanted.longest_life {
        Some(seconds) => Some(i64::from(seconds)),
        None => habits.any_lifetime.then_some(i64::MAX),
    };
    rules.reject_future_iat = wanted.refuse_future_iat;
    rules.require_at_jwt = wanted.require_at_jwt;
    rules.max_token_bytes = max_bytes(config, dialect);
    rules.algorithms = if wanted.algorithms.is_empty() {
        habits.algorithms.to_vec()
    } else {
        wanted.algorithms.clone()
    };
    rules.claims = habits.claims;
    rules.literal_slash = habits.literal_slash;
    rules.unknown_unread = habits.unknown_unread;
    rules.nameless_key = habits.nameless_key;
    rules.lenient = wanted.lenient.unwrap_or(habits.lenient);
    if let Understanding::Profile {
        stat_ancestors,
        modify_lists,
    } = dialect.scopes
    {
        rules.stat_of_ancestors = stat_ancestors;
        if modify_lists {
            rules.listing = vec![StoragePrivilege::Read, StoragePrivilege::Modify];
        }
    }
    let policies = policies(config)?;
    for issuer in &config.issuers {
        if issuer.url.is_empty() {
            return Err(StartError::new("an issuer needs its `url`"));
        }
        let mut trusted = TrustedIssuer::new(
            issuer.url.clone(),
            issuer.base_path.clone().unwrap_or_else(|| "/".into()),
        );
        trusted.areas.extend(issuer.base_paths.iter().cloned());
        let uses = |part| issuer.strategy.is_empty() || issuer.strategy.contains(&part);
        trusted.capabilities = uses(Strategy::Capability);
        if uses(Strategy::Group) {
            trusted.policies.clone_from(&policies);
        }
        rules.issuers.push(trusted);
    }
    for policy in config
        .policies
        .iter()
        .filter(|policy| policy.anonymous && !policy.deny)
    {
        for path in &policy.paths {
            rules.anonymous.push(Allowance {
                path: path.clone(),
                privileges: privileges(&policy.actions),
            });
        }
    }
    Ok(rules)
}

fn policies(config: &Config) -> Result<Vec<Policy>, StartError> {
    let mut policies = Vec::new();
    for policy in config.policies.iter().filter(|policy| !policy.anonymous) {
        let who = match (&policy.group, &policy.subject, policy.anyone) {
            (Some(group), None, false) => Principal::Group(group.clone()),
            (None, Some(subject), false) => Principal::Subject(subject.clone()),
            (None, None, true) => Principal::Everyone,
            _ => {
                return Err(StartError::new(
                    "a policy names one of `group`, `subject`, `anyone` and `anonymous`",
                ));
            }
        };
        for path in &policy.paths {
            policies.push(Policy {
                effect: if policy.deny {
                    Effect::Deny
                } else {
                    Effect::Permit
                },
                who: who.clone(),
                path: path.clone(),
                privileges: privileges(&policy.actions),
                host_auth: policy.host_auth,
            });
        }
    }
    Ok(policies)
}

fn privileges(actions: &[Action]) -> Vec<StoragePrivilege> {
    if actions.is_empty() {
        return StoragePrivilege::ALL.to_vec();
    }
    actions
        .iter()
        .map(|action| match action {
            Action::Read => StoragePrivilege::Read,
            Action::Create => StoragePrivilege::Create,
            Action::Modify => StoragePrivilege::Modify,
            Action::Stage => StoragePrivilege::Stage,
            Action::Poll => StoragePrivilege::Poll,
        })
        .collect()
}
