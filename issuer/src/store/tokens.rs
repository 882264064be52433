//! Issued tokens: what stands behind each, by digest or id, in shards so that requests do not wait for each other.
//!
//! There may be a hundred thousand and more, so the records are small and the tables grow evenly: a tree, where a hash
//! table would double.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest;

use super::holder::{Holder, Wordings};

const SHARDS: usize = 32;

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
    /// When it was rotated away, and by which.
    pub rotated: Option<(i64, u128)>,
}

/// An access token as it is kept. No id and no digest is 0, so 0 stands for none.
#[derive(Debug)]
struct Access {
    holder: Arc<Holder>,
    exp: i64,
    jti: u128,
    refresh: u128,
}

impl Access {
    fn record(&self) -> AccessRecord {
        AccessRecord {
            holder: Arc::clone(&self.holder),
            exp: self.exp,
            jti: self.jti,
            refresh: (self.refresh != 0).then_some(self.refresh),
        }
    }
}

/// A refresh token as it is kept; most have made one access token and were never rotated.
#[derive(Debug)]
struct Refresh {
    holder: Arc<Holder>,
    /// `i64::MAX`: without end.
    exp: i64,
    /// Digest of an access token made from it.
    access: u128,
    /// Digests of the others.
    more: Option<Box<Made>>,
    rotated: Option<Box<(i64, u128)>>,
}

#[derive(Debug, Default)]
struct Made {
    digests: Vec<u128>,
    /// How many there may be before those that have ended are thrown out.
    most: usize,
}

impl Refresh {
    fn record(&self) -> RefreshRecord {
        RefreshRecord {
            holder: Arc::clone(&self.holder),
            exp: (self.exp != i64::MAX).then_some(self.exp),
            rotated: self.rotated.as_deref().copied(),
        }
    }

    /// Notes an access token made from it.
    fn add(&mut self, digest: u128, lives: impl Fn(u128) -> bool) {
        if self.access == 0 {
            self.access = digest;
            return;
        }
        let made = self.more.get_or_insert_default();
        if made.digests.len() >= made.most {
            made.digests.retain(|digest| lives(*digest));
            made.most = (2 * made.digests.len()).max(16);
        }
        made.digests.push(digest);
    }

    /// The access tokens made from it; it forgets them.
    fn take(&mut self) -> impl Iterator<Item = u128> + use<> {
        let first = std::mem::take(&mut self.access);
        let others = self.more.take().map(|made| made.digests);
        let first = (first != 0).then_some(first);
        first.into_iter().chain(others.into_iter().flatten())
    }
}

/// A shard of the access tokens, and how many it may hold before those that have ended are thrown out.
#[derive(Debug, Default)]
struct AccessShard {
    tokens: BTreeMap<u128, Access>,
    most: usize,
}

/// All live tokens.
#[derive(Debug)]
pub struct Tokens {
    /// Every wording of what they grant.
    pub wordings: Wordings,
    access: Vec<Mutex<AccessShard>>,
    refresh: Vec<Mutex<BTreeMap<u128, Refresh>>>,
    busy: Mutex<HashSet<u128>>,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            wordings: Wordings::default(),
            access: (0..SHARDS).map(|_| Mutex::default()).collect(),
            refresh: (0..SHARDS).map(|_| Mutex::default()).collect(),
            busy: Mutex::default(),
        }
    }
}

fn lock<T>(one: &Mutex<T>) -> MutexGuard<'_, T> {
    one.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The shard of a key. Whoever holds one of a refresh token may take one of an access token, never the other way round.
fn shard<T>(shards: &[Mutex<T>], key: u128) -> MutexGuard<'_, T> {
    lock(&shards[(key % SHARDS as u128) as usize])
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
            owner.add(digest, |digest| {
                shard(&self.access, digest).tokens.contains_key(&digest)
            });
        }
        let kept = Access {
            holder: record.holder,
            exp: record.exp,
            jti: record.jti,
            refresh: record.refresh.unwrap_or_default(),
        };
        let mut shard = shard(&self.access, digest);
        if shard.tokens.len() >= shard.most {
            shard.tokens.retain(|_, kept| kept.exp > now);
            shard.most = (2 * shard.tokens.len()).max(64);
        }
        shard.tokens.insert(digest, kept);
    }

    /// The live access token of that text.
    pub fn access(&self, token: &str, now: i64) -> Option<AccessRecord> {
        let digest = digest_of(token);
        shard(&self.access, digest)
            .tokens
            .get(&digest)
            .filter(|kept| kept.exp > now)
            .map(Access::record)
    }

    /// The access token of that id; looks through all of them.
    pub fn access_by_jti(&self, jti: u128) -> Option<AccessRecord> {
        self.access.iter().find_map(|shard| {
            let shard = lock(shard);
            let found = shard.tokens.values().find(|kept| kept.jti == jti);
            found.map(Access::record)
        })
    }

    /// The access tokens that live and end first, at most `most` of them, for the admin listener.
    pub fn first_to_end(&self, most: usize, now: i64) -> Vec<AccessRecord> {
        let mut first = BTreeMap::new();
        for shard in &self.access {
            for kept in lock(shard).tokens.values().filter(|kept| kept.exp > now) {
                let at = (kept.exp, kept.jti);
                if first.len() == most && first.last_key_value().is_some_and(|(last, _)| *last < at)
                {
                    continue;
                }
                first.insert(at, kept.record());
                if first.len() > most {
                    first.pop_last();
                }
            }
        }
        first.into_values().collect()
    }

    /// Keeps a refresh token.
    pub fn put_refresh(&self, jti: u128, record: RefreshRecord) {
        let kept = Refresh {
            holder: record.holder,
            exp: record.exp.unwrap_or(i64::MAX),
            access: 0,
            more: None,
            rotated: record.rotated.map(Box::new),
        };
        shard(&self.refresh, jti).insert(jti, kept);
    }

    /// The refresh token of that id, live or ended.
    pub fn refresh(&self, jti: u128) -> Option<RefreshRecord> {
        shard(&self.refresh, jti).get(&jti).map(Refresh::record)
    }

    /// Removes an access token.
    pub fn revoke_access(&self, token: &str) -> bool {
        self.revoke_access_digest(digest_of(token))
    }

    /// Removes the access token of that id; looks through all of them.
    pub fn revoke_access_by_jti(&self, jti: u128) -> bool {
        self.access.iter().any(|shard| {
            let mut shard = lock(shard);
            let before = shard.tokens.len();
            shard.tokens.retain(|_, kept| kept.jti != jti);
            shard.tokens.len() < before
        })
    }

    /// Removes the access token of that digest.
    pub fn revoke_access_digest(&self, digest: u128) -> bool {
        let gone = shard(&self.access, digest).tokens.remove(&digest);
        gone.is_some()
    }

    /// Ends the access tokens made from a refresh token so far.
    pub fn clear_access_of(&self, jti: u128) {
        let gone = shard(&self.refresh, jti).get_mut(&jti).map(Refresh::take);
        for digest in gone.into_iter().flatten() {
            self.revoke_access_digest(digest);
        }
    }

    /// Removes a refresh token, with its access tokens when told so.
    pub fn revoke_refresh(&self, jti: u128, with_access: bool) -> Option<RefreshRecord> {
        let mut kept = shard(&self.refresh, jti).remove(&jti)?;
        if with_access {
            for digest in kept.take() {
                self.revoke_access_digest(digest);
            }
        }
        Some(kept.record())
    }

    /// Notes that a refresh token is being used; false when it already is.
    pub fn begin(&self, jti: u128) -> bool {
        lock(&self.busy).insert(jti)
    }

    /// The use has ended.
    pub fn end(&self, jti: u128) {
        lock(&self.busy).remove(&jti);
    }

    /// Marks a refresh token as rotated away, so that it stays usable for the grace period (REQ-9).
    pub fn rotate(&self, jti: u128, next: u128, now: i64) {
        if let Some(kept) = shard(&self.refresh, jti).get_mut(&jti) {
            kept.rotated.get_or_insert_with(|| Box::new((now, next)));
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
            let mut shard = lock(shard);
            let before = shard.len();
            shard.retain(|_, kept| !pick(&kept.holder));
            counts.1 += before - shard.len();
        }
        for shard in &self.access {
            let mut shard = lock(shard);
            let before = shard.tokens.len();
            shard.tokens.retain(|_, kept| !pick(&kept.holder));
            counts.0 += before - shard.tokens.len();
        }
        counts
    }

    /// How many access and refresh tokens are kept.
    pub fn count(&self) -> (usize, usize) {
        let access = self.access.iter().map(|s| lock(s).tokens.len()).sum();
        let refresh = self.refresh.iter().map(|s| lock(s).len()).sum();
        (access, refresh)
    }
}

#[cfg(test)]
mod tests {
    use super::super::holder::Terms;
    use super::*;

    fn holder() -> Arc<Holder> {
        Arc::new(Holder::new(Arc::new(Terms::default()), "ann".into()))
    }

    fn access(jti: u128, exp: i64, refresh: Option<u128>) -> AccessRecord {
        AccessRecord {
            holder: holder(),
            exp,
            jti,
            refresh,
        }
    }

    fn refresh() -> RefreshRecord {
        RefreshRecord {
            holder: holder(),
            exp: None,
            rotated: None,
        }
    }

    #[test]
    fn records_are_small() {
        for (what, size, most) in [
            ("access token", size_of::<Access>(), 48),
            ("refresh token", size_of::<Refresh>(), 48),
            ("holder", size_of::<Holder>(), 64),
        ] {
            assert!(size <= most, "{what}: {size} bytes, at most {most}");
        }
    }

    #[test]
    fn access_tokens_end_with_their_refresh_token_however_many_there_are() {
        for count in [0, 1, 2, 100] {
            for with_access in [false, true] {
                let tokens = Tokens::default();
                tokens.put_refresh(7, refresh());
                for n in 0..count {
                    tokens.put_access(1000 + n, access(n + 1, 10, Some(7)), 0);
                }
                tokens.put_access(5, access(5, 10, None), 0);
                assert!(tokens.revoke_refresh(7, with_access).is_some());
                let left = if with_access { 1 } else { 1 + count as usize };
                assert_eq!(tokens.count(), (left, 0), "{count} {with_access}");
            }
        }
    }

    #[test]
    fn what_has_ended_is_thrown_out_of_the_tables_and_of_its_refresh_token() {
        let tokens = Tokens::default();
        tokens.put_refresh(7, refresh());
        for n in 1..100_000_u128 {
            tokens.put_access(n, access(n, n as i64 + 10, Some(7)), n as i64);
        }
        let kept = tokens.count().0;
        assert!(kept < 5000, "{kept} of 100,000 are kept, 10 of them live");
        let known = shard(&tokens.refresh, 7).get_mut(&7).map(Refresh::take);
        let known = known.into_iter().flatten().count();
        assert!(known < 10_000, "the refresh token knows {known}");
    }

    #[test]
    fn the_admin_sees_those_that_end_first() {
        let tokens = Tokens::default();
        for n in 1..=50 {
            tokens.put_access(n * 77, access(n, 100 - n as i64, None), 0);
        }
        let seen = tokens.first_to_end(3, 52);
        let seen: Vec<_> = seen.iter().map(|record| record.exp).collect();
        assert_eq!(seen, [53, 54, 55]);
        assert_eq!(tokens.access_by_jti(9).map(|record| record.exp), Some(91));
        assert!(tokens.access_by_jti(51).is_none());
    }
}
