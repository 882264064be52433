//! The signing key's arrival and its rotation by schedule.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use crate::config::Algorithm;
use crate::issuer::Issuer;
use crate::keys::{KeyChange, KeyState, SigningKey};

/// Begins to read or make the first key, and keeps the schedule if there is one.
pub fn supply(issuer: &Arc<Issuer>, keep: Option<PathBuf>) {
    crate::start::first_key(issuer, keep);
    if issuer.config.rotation.every > 0 {
        let scheduled = Arc::clone(issuer);
        issuer
            .actor
            .spawn(async move { schedule(&scheduled).await });
    }
}

/// Publishes, activates, retires and removes keys when they are due (TOK-11, TOK-12).
async fn schedule(issuer: &Issuer) {
    loop {
        let Ok((publish, change)) = issuer
            .keys
            .with(|ring| (ring.next_publication(), ring.next_change()))
            .await
        else {
            return;
        };
        let Some(next) = publish.into_iter().chain(change).min() else {
            return;
        };
        let Ok(moment) = Timestamp::from_second(next) else {
            return;
        };
        issuer.actor.clock().sleep_until(moment).await;
        if publish == Some(next) {
            let _published = publish_new(issuer, issuer.config.algorithm, false).await;
        } else {
            let now = issuer.now();
            if let Ok(changes) = issuer.keys.change(|ring| ring.tick(now)).await {
                tell(issuer, &changes);
            }
        }
    }
}

/// Makes a key and publishes it; it signs after the lead time, or at once in an incident.
pub async fn publish_new(
    issuer: &Issuer,
    algorithm: Algorithm,
    at_once: bool,
) -> Result<String, String> {
    let count = issuer.keys.with(|ring| ring.entries().len()).await?;
    let stem = issuer
        .config
        .key_id
        .trim_end_matches(|c: char| c.is_ascii_digit());
    let first: usize = issuer.config.key_id[stem.len()..].parse().unwrap_or(1);
    let kid = format!("{stem}{}", first + count);
    let name = kid.clone();
    let made = tokio::task::spawn_blocking(move || SigningKey::make(algorithm, &name)).await;
    let key = made
        .map_err(|why| why.to_string())?
        .map_err(|why| why.to_string())?;
    let now = issuer.now();
    let changes = issuer
        .keys
        .change(|ring| ring.publish(Arc::new(key), now, at_once))
        .await?;
    tell(issuer, &changes);
    Ok(kid)
}

/// Lets the ring's time pass: called before keys are shown or used after the clock was moved.
pub async fn tick(issuer: &Issuer) {
    let now = issuer.now();
    let due = issuer
        .keys
        .with(|ring| ring.next_change().is_some_and(|at| at <= now))
        .await;
    if due == Ok(true)
        && let Ok(changes) = issuer.keys.change(|ring| ring.tick(now)).await
    {
        tell(issuer, &changes);
    }
}

/// Records the steps of keys' lives.
pub fn tell(issuer: &Issuer, changes: &[KeyChange]) {
    for change in changes {
        let why = match change.to {
            KeyState::Published => "in the key set, not signing yet",
            KeyState::Active => "signs from now on",
            KeyState::Retired => "signs no more, still in the key set",
            KeyState::Removed => "no longer in the key set",
        };
        let from = change.from.map_or("", KeyState::name);
        issuer
            .actor
            .state("issuer.key", &change.kid, from, change.to.name(), why);
    }
}
