//! A token with everything that can be worked out before a request is known, and the cache that keeps
//! such tokens once their signature has been verified.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;

use crate::{
    Claims, groups,
    jose::{Header, Token, VerifyingKey},
    scope::{ScopeFault, Scopes},
    version::ProfileVersion,
};

/// A token, taken apart and parsed.
#[derive(Debug)]
pub(super) struct Known {
    pub header: Header,
    pub claims: Claims,
    pub scopes: Result<Scopes, ScopeError>,
    pub groups: Result<Vec<String>, GroupsError>,
    pub group_twice: Option<String>,
    version: ProfileVersion,
}

/// Why the `scope` claim cannot be used at all.
#[derive(Clone, Debug)]
pub(super) enum ScopeError {
    NotText,
    Fault(ScopeFault),
}

/// Why `wlcg.groups` cannot be used.
#[derive(Clone, Debug)]
pub(super) enum GroupsError {
    NotList,
    NotText,
    Name(String),
}

impl Known {
    pub(super) fn read(token: Token, version: ProfileVersion) -> Self {
        let Token { header, claims, .. } = token;
        let scopes = match claims.get("scope") {
            None => Ok(Scopes::default()),
            Some(Value::String(text)) => Scopes::parse(text, version).map_err(ScopeError::Fault),
            Some(_) => Err(ScopeError::NotText),
        };
        let groups: Result<Vec<String>, GroupsError> = match claims.get("wlcg.groups") {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => list.iter().map(group).collect(),
            Some(_) => Err(GroupsError::NotList),
        };
        let group_twice = groups.as_ref().ok().filter(|groups| groups.len() > 1);
        let group_twice = group_twice.and_then(|groups| {
            let mut seen = HashSet::new();
            groups
                .iter()
                .find(|group| !seen.insert(group.as_str()))
                .cloned()
        });
        Self {
            header,
            claims,
            scopes,
            groups,
            group_twice,
            version,
        }
    }
}

fn group(value: &Value) -> Result<String, GroupsError> {
    match value {
        Value::String(name) if groups::is_group_name(name) => Ok(name.clone()),
        Value::String(name) => Err(GroupsError::Name(name.clone())),
        _ => Err(GroupsError::NotText),
    }
}

type Digest = [u8; 32];

/// Tokens whose signature one server has verified, so that a token seen again costs no cryptography.
/// Time, audience and scope are judged every time; a key that was withdrawn or replaced makes the
/// signature be verified again. Holds digests and claims, no tokens.
#[derive(Debug)]
pub struct VerifiedTokens {
    capacity: usize,
    uses: AtomicU64,
    tokens: RwLock<HashMap<Digest, Entry>>,
}

#[derive(Debug)]
struct Entry {
    known: Arc<Known>,
    key: String,
    last_use: AtomicU64,
}

impl VerifiedTokens {
    /// A cache for at most `capacity` tokens.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            uses: AtomicU64::new(0),
            tokens: RwLock::default(),
        }
    }

    /// How many tokens it holds.
    pub fn len(&self) -> usize {
        self.tokens
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.tokens
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// The key's name and the claims of a token that was verified before. Whether it is good now is for the judge to say.
    pub fn recall(&self, token: &str) -> Option<(Option<String>, Claims)> {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        let known = &tokens.get(&Self::digest(token))?.known;
        Some((known.header.kid.clone(), known.claims.clone()))
    }

    pub(super) fn digest(token: &str) -> Digest {
        let mut out = [0; 32];
        out.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        out
    }

    /// The token of this digest and the thumbprint of the key that verified it.
    pub(super) fn get(
        &self,
        digest: &Digest,
        version: ProfileVersion,
        key: impl FnOnce(&Known) -> Option<Arc<VerifyingKey>>,
    ) -> Option<Arc<Known>> {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        let entry = tokens.get(digest)?;
        if entry.known.version != version || key(&entry.known)?.id() != entry.key {
            return None;
        }
        entry
            .last_use
            .store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Some(entry.known.clone())
    }

    pub(super) fn put(&self, digest: Digest, known: Arc<Known>, key: &VerifyingKey, now: i64) {
        let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= self.capacity && !tokens.contains_key(&digest) {
            make_room(&mut tokens, self.capacity, now);
        }
        let last_use = AtomicU64::new(self.uses.fetch_add(1, Ordering::Relaxed));
        tokens.insert(
            digest,
            Entry {
                known,
                key: key.id().to_owned(),
                last_use,
            },
        );
    }
}

/// Drops what has expired, and if that is not enough the half that was not used for longest: the cost of
/// looking through all is shared by many insertions.
fn make_room(tokens: &mut HashMap<Digest, Entry>, capacity: usize, now: i64) {
    tokens.retain(|_, entry| entry.known.claims.exp().is_some_and(|exp| exp > now));
    if tokens.len() < capacity {
        return;
    }
    let mut uses: Vec<u64> = tokens
        .values()
        .map(|entry| entry.last_use.load(Ordering::Relaxed))
        .collect();
    let middle = uses.len() / 2;
    let (_, median, _) = uses.select_nth_unstable(middle);
    let median = *median;
    tokens.retain(|_, entry| entry.last_use.load(Ordering::Relaxed) > median);
}
