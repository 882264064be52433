//! Signing keys: their life from publication to removal, and the set that is published (TOK-3 to TOK-12).

mod file;
mod signing;

use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::config::Rotation;

pub use file::{KeyError, load_or_make};
pub use signing::SigningKey;

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// In the set, not signing yet.
    Published,
    /// Signing.
    Active,
    /// In the set, no longer signing.
    Retired,
    /// Gone from the set.
    Removed,
}

impl KeyState {
    /// Its name in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Removed => "removed",
        }
    }
}

/// A key with the moments of its life, in Unix seconds.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: Arc<SigningKey>,
    /// Where it is.
    pub state: KeyState,
    /// When it begins to sign.
    pub active_from: i64,
    /// When it stops signing, if that is known.
    pub retired_from: Option<i64>,
    /// When it leaves the set, if that is known.
    pub removed_from: Option<i64>,
}

/// A step in a key's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// `kid`.
    pub kid: String,
    /// State before; `None`: it is new.
    pub from: Option<KeyState>,
    /// State after.
    pub to: KeyState,
}

/// The keys of an issuer. Pure: time comes in, changes come out.
#[derive(Clone, Debug)]
pub struct KeyRing {
    entries: Vec<Entry>,
    rotation: Rotation,
    keep: i64,
}

impl KeyRing {
    /// A ring with one active key. `longest`: the longest life of a token it signs, for as long as a retired key
    /// stays published (TOK-12).
    pub fn new(first: Arc<SigningKey>, rotation: &Rotation, longest: i64, now: i64) -> Self {
        let retired_from = (rotation.every > 0).then(|| now + rotation.every);
        let entry = Entry {
            key: first,
            state: KeyState::Active,
            active_from: now,
            retired_from,
            removed_from: None,
        };
        Self {
            entries: vec![entry],
            keep: rotation.keep.unwrap_or(longest),
            rotation: rotation.clone(),
        }
    }

    /// Every key that was ever there.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The key that signs.
    pub fn active(&self) -> Arc<SigningKey> {
        let active = self
            .entries
            .iter()
            .find(|entry| entry.state == KeyState::Active);
        Arc::clone(&active.unwrap_or(&self.entries[0]).key)
    }

    /// Publishes a new key that begins to sign after the lead time, or at once when told so.
    pub fn publish(&mut self, key: Arc<SigningKey>, now: i64, at_once: bool) -> Vec<KeyChange> {
        let active_from = if at_once {
            now
        } else {
            now + self.rotation.publish_ahead
        };
        let mut changes = vec![KeyChange {
            kid: key.kid().to_owned(),
            from: None,
            to: KeyState::Published,
        }];
        let state = KeyState::Published;
        self.entries.push(Entry {
            key,
            state,
            active_from,
            retired_from: None,
            removed_from: None,
        });
        changes.extend(self.tick(now));
        changes
    }

    /// Lets time pass: activates, retires and removes what is due.
    pub fn tick(&mut self, now: i64) -> Vec<KeyChange> {
        let mut changes = Vec::new();
        let due = (0..self.entries.len())
            .filter(|i| {
                self.entries[*i].state == KeyState::Published && self.entries[*i].active_from <= now
            })
            .max_by_key(|i| self.entries[*i].active_from);
        if let Some(next) = due {
            for index in 0..self.entries.len() {
                if self.entries[index].state == KeyState::Active {
                    self.step(index, KeyState::Retired, &mut changes);
                    self.entries[index].retired_from = Some(now);
                    self.entries[index].removed_from = Some(now + self.keep);
                }
            }
            self.step(next, KeyState::Active, &mut changes);
            self.entries[next].retired_from =
                (self.rotation.every > 0).then(|| now + self.rotation.every);
        }
        for index in 0..self.entries.len() {
            let entry = &self.entries[index];
            if entry.state == KeyState::Retired && entry.removed_from.is_some_and(|at| at <= now) {
                self.step(index, KeyState::Removed, &mut changes);
            }
        }
        changes
    }

    /// Takes a key out of the set at once (an incident). The active key cannot be removed.
    pub fn remove(&mut self, kid: &str, now: i64) -> Option<KeyChange> {
        let index = self
            .entries
            .iter()
            .position(|e| e.key.kid() == kid && e.state != KeyState::Removed)?;
        if self.entries[index].state == KeyState::Active {
            return None;
        }
        let mut changes = Vec::new();
        self.step(index, KeyState::Removed, &mut changes);
        self.entries[index].removed_from = Some(now);
        changes.pop()
    }

    fn step(&mut self, index: usize, to: KeyState, changes: &mut Vec<KeyChange>) {
        let entry = &mut self.entries[index];
        changes.push(KeyChange {
            kid: entry.key.kid().to_owned(),
            from: Some(entry.state),
            to,
        });
        entry.state = to;
    }

    /// When a next key must be published so that it can take over from the active one, by the schedule.
    pub fn next_publication(&self) -> Option<i64> {
        if self
            .entries
            .iter()
            .any(|entry| entry.state == KeyState::Published)
        {
            return None;
        }
        let active = self
            .entries
            .iter()
            .find(|entry| entry.state == KeyState::Active)?;
        active
            .retired_from
            .map(|at| at - self.rotation.publish_ahead)
    }

    /// When something in the ring changes next.
    pub fn next_change(&self) -> Option<i64> {
        let moments = self.entries.iter().filter_map(|entry| match entry.state {
            KeyState::Published => Some(entry.active_from),
            KeyState::Retired => entry.removed_from,
            KeyState::Active | KeyState::Removed => None,
        });
        moments.min()
    }

    /// The published set (RFC 7517): public parts only (TOK-7). IAM's stock key file has neither `use` nor `alg`.
    pub fn jwks(&self, with_use: bool) -> Value {
        let keys: Vec<Value> = self
            .entries
            .iter()
            .filter(|entry| entry.state != KeyState::Removed)
            .map(|entry| entry.key.jwk(with_use))
            .collect();
        json!({ "keys": keys })
    }
}

/// The ring as the running issuer shares it; empty until the first key is there.
#[derive(Debug)]
pub struct Keys {
    ring: RwLock<Option<KeyRing>>,
    active: RwLock<Option<Arc<SigningKey>>>,
    ready: watch::Sender<Option<Result<(), String>>>,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            ring: RwLock::default(),
            active: RwLock::default(),
            ready: watch::channel(None).0,
        }
    }
}

impl Keys {
    /// Puts the ring in, or says why there is none.
    pub fn supply(&self, ring: Result<KeyRing, String>) {
        let outcome = match ring {
            Ok(ring) => {
                *write(&self.active) = Some(ring.active());
                *write(&self.ring) = Some(ring);
                Ok(())
            }
            Err(why) => Err(why),
        };
        self.ready.send_replace(Some(outcome));
    }

    /// The key that signs now; waits for the first one.
    pub async fn signer(&self) -> Result<Arc<SigningKey>, String> {
        if let Some(key) = read(&self.active).as_ref() {
            return Ok(Arc::clone(key));
        }
        Box::pin(self.wait()).await?;
        read(&self.active)
            .clone()
            .ok_or_else(|| "there is no signing key".into())
    }

    async fn wait(&self) -> Result<(), String> {
        let mut ready = self.ready.subscribe();
        match ready.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Ok(())),
            Err(_) => Err("the issuer stopped".into()),
        }
    }

    /// Reads the ring; waits for it.
    pub async fn with<R>(&self, look: impl FnOnce(&KeyRing) -> R) -> Result<R, String> {
        self.wait().await?;
        read(&self.ring)
            .as_ref()
            .map(look)
            .ok_or_else(|| "there is no signing key".into())
    }

    /// Changes the ring; waits for it.
    pub async fn change<R>(&self, change: impl FnOnce(&mut KeyRing) -> R) -> Result<R, String> {
        self.wait().await?;
        let mut ring = write(&self.ring);
        let ring = ring.as_mut().ok_or("there is no signing key")?;
        let out = change(ring);
        *write(&self.active) = Some(ring.active());
        Ok(out)
    }
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Algorithm;

    fn key(kid: &str) -> Arc<SigningKey> {
        Arc::new(SigningKey::make(Algorithm::Es256, kid).unwrap())
    }

    #[test]
    fn tok_11_a_key_is_published_before_it_signs_and_kept_after() {
        let rotation = Rotation {
            every: 0,
            publish_ahead: 100,
            keep: Some(50),
        };
        let mut ring = KeyRing::new(key("a"), &rotation, 3600, 0);
        ring.publish(key("b"), 10, false);
        let kids = |ring: &KeyRing| {
            let set = ring.jwks(false);
            let keys = set["keys"].as_array().unwrap().iter();
            keys.map(|k| k["kid"].as_str().unwrap().to_owned())
                .collect::<String>()
        };
        for (now, active, published) in [
            (10, "a", "ab"),
            (109, "a", "ab"),
            (110, "b", "ab"),
            (159, "b", "ab"),
            (160, "b", "b"),
        ] {
            ring.tick(now);
            assert_eq!(
                (ring.active().kid(), kids(&ring).as_str()),
                (active, published),
                "at {now}"
            );
        }
        assert_eq!(ring.remove("b", 200), None);
    }
}
