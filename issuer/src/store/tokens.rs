//! Issued tokens: what stands behind each, by digest or id, in shards so that requests do not wait for each other.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest;

const SHARDS: usize = 32;

/// What was authorised once: shared by the access and refresh tokens that came of it.
#[derive(Clone, Debug, Default)]
pub struct Holder {
    /// The client the tokens are issued to.
    pub client: Arc<str>,
    /// Subject: a person's UUID, or the id of the client that the first token was for.
    pub sub: Arc<str>,
    /// Whether the subject is a person.
    pub person: bool,
    /// The grant's full name.
    pub grant: &'static str,
    /// The scopes that a refresh goes back to, separated by blanks.
    pub scope: Box<str>,
    /// The audience text that a refresh goes back to.
    pub audience: Option<Box<str>>,
    /// The resource that binds later requests.
    pub resource: Option<Box<str>>,
    /// The chain of actors, newest first.
    pub act: Box<[Arc<str>]>,
    /// The login that authorised it, for the ID token.
    pub login: Option<Login>,
    /// `jti` of the token or grant it came from.
    pub parent: Option<Box<str>>,
    /// No token made from it may live longer (Q-26 off).
    pub not_after: Option<i64>,
}

/// What an ID token tells about a login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// When, Unix seconds.
    pub at: i64,
    /// In a browser (as against the password grant).
    pub browser: bool,
    /// At a home institute: no password was typed here.
    pub external: bool,
    /// `max_age` was asked, so that `auth_time` must be told (CLM-17).
    pub tell_time: bool,
    /// The request's nonce.
    pub nonce: Option<String>,
}

impl Holder {
    /// The scopes as a list.
    pub fn scopes(&self) -> Vec<String> {
        if self.scope.is_empty() {
            Vec::new()
        } else {
            self.scope.split(' ').map(str::to_owned).collect()
        }
    }

    /// Whether the scopes contain one.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|s| s == scope)
    }
}

/// What stands behind an access token.
#[derive(Clone, Debug)]
pub struct AccessRecord {
    /// The authorisation.
    pub holder: Arc<Holder>,
    /// End, Unix seconds.
    pub exp: i64,
    /// Its id.
    pub jti: u128,
    /// The refresh token it belongs to.
    pub refresh: Option<u128>,
}

/// What stands behind a refresh token.
#[derive(Clone, Debug)]
pub struct RefreshRecord {
    /// The authorisation.
    pub holder: Arc<Holder>,
    /// End, Unix seconds.
    pub exp: Option<i64>,
    /// Digests of the access tokens made from it.
    pub access: Vec<u128>,
    /// When it was rotated away, and by which.
    pub rotated: Option<(i64, u128)>,
}

/// All live tokens.
#[derive(Debug)]
pub struct Tokens {
    access: Vec<Mutex<HashMap<u128, AccessRecord>>>,
    refresh: Vec<Mutex<HashMap<u128, RefreshRecord>>>,
    busy: Mutex<HashSet<u128>>,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            access: (0..SHARDS).map(|_| Mutex::default()).collect(),
            refresh: (0..SHARDS).map(|_| Mutex::default()).collect(),
            busy: Mutex::default(),
        }
    }
}

fn shard<T>(shards: &[Mutex<T>], key: u128) -> MutexGuard<'_, T> {
    shards[(key % SHARDS as u128) as usize]
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// The digest under which a token is kept.
pub fn digest_of(token: &str) -> u128 {
    let digest = digest::digest(&digest::SHA256, token.as_bytes());
    digest.as_ref()[..16]
        .iter()
        .fold(0, |n, b| n << 8 | u128::from(*b))
}

impl Tokens {
    /// Keeps an access token. Now and then the shard throws out what has ended.
    pub fn put_access(&self, digest: u128, record: AccessRecord, now: i64) {
        if let Some(refresh) = record.refresh
            && let Some(owner) = shard(&self.refresh, refresh).get_mut(&refresh)
        {
            owner.access.push(digest);
        }
        let mut shard = shard(&self.access, digest);
        if shard.len() == shard.capacity() {
            shard.retain(|_, record| record.exp > now);
        }
        shard.insert(digest, record);
    }

    /// The live access token of that text.
    pub fn access(&self, token: &str, now: i64) -> Option<AccessRecord> {
        let digest = digest_of(token);
        shard(&self.access, digest)
            .get(&digest)
            .filter(|record| record.exp > now)
            .cloned()
    }

    /// Keeps a refresh token.
    pub fn put_refresh(&self, jti: u128, record: RefreshRecord) {
        shard(&self.refresh, jti).insert(jti, record);
    }

    /// The refresh token of that id, live or ended.
    pub fn refresh(&self, jti: u128) -> Option<RefreshRecord> {
        shard(&self.refresh, jti).get(&jti).cloned()
    }

    /// Removes an access token.
    pub fn revoke_access(&self, token: &str) -> Option<AccessRecord> {
        let digest = digest_of(token);
        shard(&self.access, digest).remove(&digest)
    }

    /// Removes the access token of that id; looks through all of them.
    pub fn revoke_access_by_jti(&self, jti: u128) -> bool {
        self.access.iter().any(|shard| {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let before = shard.len();
            shard.retain(|_, record| record.jti != jti);
            shard.len() < before
        })
    }

    /// Removes the access token of that digest.
    pub fn revoke_access_digest(&self, digest: u128) -> bool {
        shard(&self.access, digest).remove(&digest).is_some()
    }

    /// Ends the access tokens made from a refresh token so far.
    pub fn clear_access_of(&self, jti: u128) {
        let gone = shard(&self.refresh, jti)
            .get_mut(&jti)
            .map(|r| std::mem::take(&mut r.access))
            .unwrap_or_default();
        for digest in gone {
            shard(&self.access, digest).remove(&digest);
        }
    }

    /// Removes a refresh token, with its access tokens when told so.
    pub fn revoke_refresh(&self, jti: u128, with_access: bool) -> Option<RefreshRecord> {
        let record = shard(&self.refresh, jti).remove(&jti)?;
        if with_access {
            for digest in &record.access {
                shard(&self.access, *digest).remove(digest);
            }
        }
        Some(record)
    }

    /// Notes that a refresh token is being used; false when it already is.
    pub fn begin(&self, jti: u128) -> bool {
        self.busy
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(jti)
    }

    /// The use has ended.
    pub fn end(&self, jti: u128) {
        self.busy
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&jti);
    }

    /// Marks a refresh token as rotated away, so that it stays usable for the grace period (REQ-9).
    pub fn rotate(&self, jti: u128, next: u128, now: i64) {
        if let Some(record) = shard(&self.refresh, jti).get_mut(&jti)
            && record.rotated.is_none()
        {
            record.rotated = Some((now, next));
        }
    }

    /// Revokes a rotated token's successors: somebody used a token that was rotated away.
    pub fn revoke_line(&self, jti: u128) -> usize {
        let mut next = Some(jti);
        let mut count = 0;
        while let Some(jti) = next {
            let record = self.revoke_refresh(jti, true);
            count += usize::from(record.is_some());
            next = record.and_then(|record| record.rotated.map(|(_, next)| next));
        }
        count
    }

    /// Removes every token whose authorisation a test picks; how many of each kind.
    pub fn revoke_where(&self, pick: impl Fn(&Holder) -> bool) -> (usize, usize) {
        let mut counts = (0, 0);
        for shard in &self.refresh {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let before = shard.len();
            shard.retain(|_, record| !pick(&record.holder));
            counts.1 += before - shard.len();
        }
        for shard in &self.access {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let before = shard.len();
            shard.retain(|_, record| !pick(&record.holder));
            counts.0 += before - shard.len();
        }
        counts
    }

    /// How many access and refresh tokens are kept.
    pub fn count(&self) -> (usize, usize) {
        let access = self
            .access
            .iter()
            .map(|s| s.lock().unwrap_or_else(PoisonError::into_inner).len())
            .sum();
        let refresh = self
            .refresh
            .iter()
            .map(|s| s.lock().unwrap_or_else(PoisonError::into_inner).len())
            .sum();
        (access, refresh)
    }

    /// A copy of the live access records, for the admin listener.
    pub fn all_access(&self) -> Vec<AccessRecord> {
        let lock = |s: &Mutex<HashMap<u128, AccessRecord>>| {
            s.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .values()
                .cloned()
                .collect::<Vec<_>>()
        };
        self.access.iter().flat_map(lock).collect()
    }
}
