//! The keys of trusted issuers as a resource server holds them: when to fetch, when to refuse, what is
//! still good while an issuer is down (TOK-10, LIFE-4, LIFE-5). Fetching itself is the caller's.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use crate::jose::{Jwks, VerifyingKey};

/// What a key source knows of one key.
#[derive(Clone, Debug)]
pub enum KeyAnswer {
    /// The key. `stale` when it should have been refreshed by now and is not expired yet.
    Key {
        /// The key, ready to verify with.
        key: Arc<VerifyingKey>,
        /// Whether the refresh is overdue.
        stale: bool,
    },
    /// The issuer publishes no such key.
    UnknownKid,
    /// There are no keys of this issuer, or too old ones.
    Unavailable(String),
    /// The issuer's metadata names another issuer: this one.
    WrongIssuer(String),
}

/// Where a judge gets keys from.
pub trait KeySource {
    /// The key `kid` of `issuer`.
    fn key(&self, issuer: &str, kid: &str, now: i64) -> KeyAnswer;

    /// The one key of `issuer` for this algorithm, whatever its name. A source may know none.
    fn only(&self, _issuer: &str, _algorithm: &str, _now: i64) -> KeyAnswer {
        KeyAnswer::UnknownKid
    }
}

/// Keys that are simply there: of a file, of a test.
#[derive(Debug, Default)]
pub struct FixedKeys {
    issuers: HashMap<String, HashMap<String, Arc<VerifyingKey>>>,
}

impl FixedKeys {
    /// No keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the usable keys of a set; says which are not usable.
    pub fn add(&mut self, issuer: &str, jwks: &Jwks) -> Vec<String> {
        let (keys, unusable) = prepare(jwks);
        self.issuers
            .entry(issuer.to_owned())
            .or_default()
            .extend(keys);
        unusable
    }
}

impl KeySource for FixedKeys {
    fn key(&self, issuer: &str, kid: &str, _now: i64) -> KeyAnswer {
        let Some(keys) = self.issuers.get(issuer) else {
            return KeyAnswer::Unavailable("no keys of this issuer".to_owned());
        };
        match keys.get(kid) {
            Some(key) => KeyAnswer::Key {
                key: key.clone(),
                stale: false,
            },
            None => KeyAnswer::UnknownKid,
        }
    }
}

/// The two timers of a key cache and the pause between forced fetches, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachePolicy {
    /// Keys older than this are fetched again: bounds how long a removed key keeps working.
    pub refresh: i64,
    /// Keys older than this are not used: bounds how long an issuer may be down.
    pub expire: i64,
    /// Pause between fetches that an unknown `kid` or a failure caused.
    pub retry: i64,
}

impl Default for CachePolicy {
    /// The profile's recommendations: 6 h, 2 d; and 60 s.
    fn default() -> Self {
        Self {
            refresh: 6 * 3600,
            expire: 2 * 86_400,
            retry: 60,
        }
    }
}

/// Shortest time that keys are kept whatever the issuer's caching headers say (TOK-10).
const SHORTEST_REFRESH: i64 = 3600;

/// What to do before a token is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Judge with what is there.
    Ready,
    /// Fetch metadata and keys, tell the cache, then judge. The fetch counts as started.
    Fetch,
}

/// A cache of issuers' keys.
#[derive(Debug, Default)]
pub struct KeyCache {
    policy: CachePolicy,
    issuers: RwLock<HashMap<String, Entry>>,
}

#[derive(Debug, Default)]
struct Entry {
    keys: HashMap<String, Arc<VerifyingKey>>,
    fetched: Option<i64>,
    refresh: i64,
    /// When a fetch was last forced, by an unknown kid or by age.
    forced: Option<i64>,
    failure: Option<Failure>,
}

#[derive(Debug)]
enum Failure {
    WrongIssuer(String),
    Other(String),
}

impl KeyCache {
    /// An empty cache.
    pub fn new(policy: CachePolicy) -> Self {
        Self {
            policy,
            issuers: RwLock::default(),
        }
    }

    /// Whether keys must be fetched before a token of this issuer and `kid` is judged. Ask only for
    /// issuers that are trusted: nothing is fetched from others.
    pub fn plan(&self, issuer: &str, kid: &str, now: i64) -> Plan {
        if let Some(entry) = self.read().get(issuer)
            && entry.fetched.is_some_and(|at| now - at < entry.refresh)
            && entry.keys.contains_key(kid)
        {
            return Plan::Ready;
        }
        let mut issuers = self.write();
        let entry = issuers.entry(issuer.to_owned()).or_default();
        if entry.forced.is_some_and(|at| now - at < self.policy.retry) {
            return Plan::Ready;
        }
        // The first fetch of all is not a forced one: an unknown kid may still force the next.
        if entry.fetched.is_some() || entry.failure.is_some() {
            entry.forced = Some(now);
        }
        Plan::Fetch
    }

    /// Takes in what a fetch brought: the `issuer` that the metadata states, the keys, and the
    /// `max-age` of the answer. Returns which keys are not usable.
    pub fn store(
        &self,
        issuer: &str,
        stated: &str,
        jwks: &Jwks,
        max_age: Option<i64>,
        now: i64,
    ) -> Vec<String> {
        let mut issuers = self.write();
        let entry = issuers.entry(issuer.to_owned()).or_default();
        if stated != issuer {
            entry.failure = Some(Failure::WrongIssuer(stated.to_owned()));
            return Vec::new();
        }
        let (keys, unusable) = prepare(jwks);
        entry.keys = keys;
        entry.fetched = Some(now);
        entry.refresh = match max_age {
            Some(age) => age.max(SHORTEST_REFRESH).min(self.policy.refresh),
            None => self.policy.refresh,
        };
        entry.failure = None;
        unusable
    }

    /// Takes note that a fetch failed.
    pub fn failed(&self, issuer: &str, why: impl Into<String>, now: i64) {
        let mut issuers = self.write();
        let entry = issuers.entry(issuer.to_owned()).or_default();
        entry.failure = Some(Failure::Other(why.into()));
        entry.forced = Some(now);
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<String, Entry>> {
        self.issuers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<String, Entry>> {
        self.issuers.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeySource for KeyCache {
    fn only(&self, issuer: &str, algorithm: &str, now: i64) -> KeyAnswer {
        let kid = {
            let issuers = self.read();
            let keys = issuers.get(issuer).map(|entry| &entry.keys);
            let mut fitting = keys
                .into_iter()
                .flatten()
                .filter(|(_, key)| key.serves(algorithm));
            match (fitting.next(), fitting.next()) {
                (Some((kid, _)), None) => kid.clone(),
                _ => String::new(),
            }
        };
        self.key(issuer, &kid, now)
    }

    fn key(&self, issuer: &str, kid: &str, now: i64) -> KeyAnswer {
        let issuers = self.read();
        let Some(entry) = issuers.get(issuer) else {
            return KeyAnswer::Unavailable("never fetched".to_owned());
        };
        if let Some(Failure::WrongIssuer(stated)) = &entry.failure {
            return KeyAnswer::WrongIssuer(stated.clone());
        }
        let age = entry.fetched.map(|at| now - at);
        match (age, entry.keys.get(kid)) {
            (Some(age), Some(key)) if age < self.policy.expire => KeyAnswer::Key {
                key: key.clone(),
                stale: age >= entry.refresh,
            },
            (Some(age), None) if age < self.policy.expire => KeyAnswer::UnknownKid,
            _ => KeyAnswer::Unavailable(match &entry.failure {
                Some(Failure::Other(why)) => why.clone(),
                _ => "never fetched".to_owned(),
            }),
        }
    }
}

fn prepare(jwks: &Jwks) -> (HashMap<String, Arc<VerifyingKey>>, Vec<String>) {
    let (mut keys, mut unusable) = (HashMap::new(), Vec::new());
    for jwk in &jwks.keys {
        let kid = jwk.kid().unwrap_or_default().to_owned();
        match VerifyingKey::new(jwk) {
            Ok(key) => {
                keys.entry(kid).or_insert_with(|| Arc::new(key));
            }
            Err(fault) => unusable.push(format!("{kid}: {fault}")),
        }
    }
    (keys, unusable)
}
