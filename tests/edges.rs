//! The dependency edges between our crates are those of ARCHITECTURE.md, and no others.

#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

use std::collections::{BTreeMap, BTreeSet};

/// Who may know whom. An actor that knows another actor could take a short cut past the wire.
const ALLOWED: &[(&str, &[&str])] = &[
    (
        "carnet",
        &[
            "carnet-certs",
            "carnet-fts",
            "carnet-idp",
            "carnet-issuer",
            "carnet-profile",
            "carnet-report",
            "carnet-rucio",
            "carnet-scenarios",
            "carnet-stage",
            "carnet-storage",
            "carnet-user",
        ],
    ),
    (
        "carnet-scenarios",
        &[
            "carnet-certs",
            "carnet-fts",
            "carnet-idp",
            "carnet-issuer",
            "carnet-profile",
            "carnet-report",
            "carnet-rucio",
            "carnet-stage",
            "carnet-storage",
            "carnet-user",
        ],
    ),
    ("carnet-issuer", ACTOR),
    ("carnet-rucio", ACTOR),
    ("carnet-fts", ACTOR),
    ("carnet-idp", ACTOR),
    ("carnet-storage", ACTOR),
    ("carnet-user", ACTOR),
    ("carnet-stage", &["carnet-certs", "carnet-profile"]),
    ("carnet-report", &["carnet-profile", "carnet-stage"]),
    ("carnet-certs", &[]),
    ("carnet-profile", &[]),
];

const ACTOR: &[&str] = &["carnet-certs", "carnet-profile", "carnet-stage"];

#[test]
fn crates_know_only_whom_they_may() {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .unwrap();
    let allowed: BTreeMap<&str, BTreeSet<&str>> = ALLOWED
        .iter()
        .map(|(name, edges)| (*name, edges.iter().copied().collect()))
        .collect();
    let mut members = BTreeSet::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        members.insert(name.to_owned());
        let edges = allowed
            .get(name)
            .unwrap_or_else(|| panic!("{name} has no place in the table of edges"));
        for dependency in package
            .dependencies
            .iter()
            .filter(|dependency| dependency.path.is_some())
        {
            if dependency.kind == cargo_metadata::DependencyKind::Development {
                continue;
            }
            assert!(
                edges.contains(dependency.name.as_str()),
                "{name} must not depend on {}",
                dependency.name
            );
        }
    }
    let listed: BTreeSet<_> = allowed.keys().map(|name| (*name).to_owned()).collect();
    assert_eq!(
        members, listed,
        "every crate of the workspace stands in the table"
    );
}
