//! The orders in which IAM lists a person's groups: none is kept, each list is read from a hash table of its own.
//!
//! Source: recorded answers of two running IAMs (SCIM, and the `iam` and `kc` claim sets). A group is hashed by its
//! uuid, a membership by person and group; strict keeps the administrator's order.

use std::sync::Arc;

use crate::issuer::Issuer;
use crate::order::{buckets, hash, hashed, spread};
use crate::quirks::Quirk;
use crate::store::User;

/// A group that a person is in.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The group's full name without its leading slash.
    pub name: String,
    /// Its uuid; empty for a group that nobody configured.
    pub uuid: String,
}

/// Java's hash of an entity that is known by its uuid.
fn entity(uuid: &str) -> u32 {
    hash(uuid).wrapping_add(31)
}

fn read_by(all: &mut [Membership], hash: impl Fn(&Membership) -> u32) {
    let mask = (buckets(16, all.len()) - 1) as u32;
    all.sort_by_cached_key(|one| spread(hash(one)) & mask);
}

/// As SCIM lists them: by person and group.
pub fn listed(issuer: &Issuer, user: &User) -> Vec<Membership> {
    let known = issuer.people.groups();
    let named = |name: &Arc<str>| user.memberships.all.contains(name);
    let plain = |name: &str| name.trim_start_matches('/').to_owned();
    let mut all: Vec<Membership> = known
        .iter()
        .filter(|group| named(&group.name))
        .map(|group| Membership {
            name: plain(&group.name),
            uuid: group.uuid.to_string(),
        })
        .collect();
    let strange = |name: &&Arc<str>| !known.iter().any(|group| group.name == **name);
    let rest = user.memberships.all.iter().filter(strange);
    all.extend(rest.map(|name| Membership {
        name: plain(name),
        uuid: String::new(),
    }));
    if issuer.has(Quirk::Q06) {
        let person = entity(&user.uuid).wrapping_add(31).wrapping_mul(31);
        read_by(&mut all, |one| person.wrapping_add(entity(&one.uuid)));
    }
    all
}

/// As the `iam` claim set has them: by group.
pub fn by_group(issuer: &Issuer, user: &User) -> Vec<String> {
    let mut all = listed(issuer, user);
    if issuer.has(Quirk::Q06) {
        read_by(&mut all, |one| entity(&one.uuid));
    }
    all.into_iter().map(|one| one.name).collect()
}

/// As the `kc` claim set has them: by name.
pub fn by_name(issuer: &Issuer, user: &User) -> Vec<String> {
    let all = by_group(issuer, user);
    if issuer.has(Quirk::Q06) {
        hashed(all, 16)
    } else {
        all
    }
}
