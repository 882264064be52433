//! The stock configuration of an IAM instance (issuer page §2.0; system scopes as the recorded worlds have them).

use super::{
    ExchangePolicyConfig, Level, MatcherConfig, MatcherKind, Matching, PolicyEnd,
    ScopePolicyConfig, SystemScope, Verb,
};
use crate::quirks::Compat;

pub(super) fn yes() -> bool {
    true
}

pub(super) fn password() -> String {
    "password".into()
}

pub(super) fn grants() -> Vec<String> {
    vec!["client_credentials".into()]
}

pub(super) fn aup_text() -> String {
    "Use this service only for the work of the organisation.".into()
}

/// One policy that permits everything to everybody.
pub fn stock_scope_policies() -> Vec<ScopePolicyConfig> {
    vec![ScopePolicyConfig {
        level: Level::Default,
        account: None,
        group: None,
        rule: Verb::Permit,
        matching: Matching::Eq,
        scopes: Vec::new(),
        description: Some("Default Permit ALL policy".into()),
    }]
}

/// One policy that permits any client to any client.
pub fn stock_exchange_policies() -> Vec<ExchangePolicyConfig> {
    vec![ExchangePolicyConfig {
        rule: Verb::Permit,
        origin: PolicyEnd::default(),
        destination: PolicyEnd::default(),
        scope_policies: Vec::new(),
        description: Some("Allow all exchanges".into()),
    }]
}

/// The matchers of that version's WLCG configuration.
pub fn stock_matchers(compat: Compat) -> Vec<MatcherConfig> {
    let path = |prefix: &str| MatcherConfig {
        name: prefix.into(),
        kind: MatcherKind::Path,
        prefix: prefix.into(),
        path: "/".into(),
        regexp: String::new(),
    };
    let mut all: Vec<_> = [
        "storage.read",
        "storage.write",
        "storage.modify",
        "storage.create",
    ]
    .map(path)
    .into();
    if compat != Compat::Iam17 {
        all.push(path("storage.stage"));
    }
    all.push(MatcherConfig {
        name: "wlcg.groups".into(),
        kind: MatcherKind::Regexp,
        prefix: String::new(),
        path: String::new(),
        regexp: r"^wlcg\.groups(?::((?:\/[a-zA-Z0-9][a-zA-Z0-9_.-]*)+))?$".into(),
    });
    all
}

/// The system scopes of that version's stock data.
pub fn stock_system_scopes(compat: Compat) -> Vec<SystemScope> {
    const OLD: [(&str, bool, bool); 16] = [
        ("openid", true, false),
        ("profile", true, false),
        ("email", true, false),
        ("address", true, false),
        ("phone", true, false),
        ("offline_access", false, false),
        ("scim:read", false, true),
        ("scim:write", false, true),
        ("scim", false, true),
        ("registration", false, true),
        ("registration:read", false, true),
        ("registration:write", false, true),
        ("proxy:generate", false, true),
        ("ssh-keys", false, true),
        ("eduperson_scoped_affiliation", false, false),
        ("eduperson_entitlement", false, false),
    ];
    const NEW: [(&str, bool, bool); 10] = [
        ("eduperson_assurance", false, false),
        ("entitlements", false, false),
        ("iam:admin.read", false, true),
        ("iam:admin.write", false, true),
        ("storage.read:/", false, true),
        ("storage.write:/", false, true),
        ("storage.modify:/", false, true),
        ("storage.stage:/", false, true),
        ("storage.create:/", false, true),
        ("wlcg.groups", false, false),
    ];
    let scope = |(scope, default, restricted): &(&str, bool, bool)| SystemScope {
        scope: (*scope).to_owned(),
        // In June 2021 none of them was a default.
        default: *default && compat != Compat::Iam17,
        restricted: *restricted,
    };
    let mut all: Vec<_> = OLD.iter().map(scope).collect();
    if compat != Compat::Iam17 {
        all.extend(NEW.iter().map(scope));
    }
    if compat == Compat::Strict {
        all.extend(
            [
                "compute.read",
                "compute.create",
                "compute.modify",
                "compute.cancel",
            ]
            .map(|s| scope(&(s, false, false))),
        );
    }
    all
}
