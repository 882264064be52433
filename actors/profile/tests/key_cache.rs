//! When keys are fetched, and which are still used (TOK-10, LIFE-4, LIFE-5), by vector.

#![allow(clippy::unwrap_used)]

use carnet_profile::{
    jose::Jwks,
    keys::{CachePolicy, KeyAnswer, KeyCache, KeySource, Plan},
    testing::SigningKey,
};

const IAM: &str = "https://iam.example/";
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

struct Issuer(KeyCache, Jwks);

impl Issuer {
    fn fetched(at: i64, max_age: Option<i64>) -> Self {
        let keys = Jwks {
            keys: vec![SigningKey::p256("k1").unwrap().jwk()],
        };
        let cache = KeyCache::new(CachePolicy::default());
        assert_eq!(cache.plan(IAM, "k1", at), Plan::Fetch);
        assert!(cache.store(IAM, IAM, &keys, max_age, at).is_empty());
        Self(cache, keys)
    }

    fn state(&self, kid: &str, now: i64) -> &'static str {
        match self.0.key(IAM, kid, now) {
            KeyAnswer::Key { stale: false, .. } => "fresh",
            KeyAnswer::Key { stale: true, .. } => "stale",
            KeyAnswer::UnknownKid => "unknown",
            KeyAnswer::Unavailable(_) => "unavailable",
            KeyAnswer::WrongIssuer(_) => "wrong issuer",
        }
    }
}

#[test]
fn a_thousand_tokens_cost_one_fetch() {
    let issuer = Issuer::fetched(0, None);
    for now in 0..1000 {
        assert_eq!(issuer.0.plan(IAM, "k1", now), Plan::Ready, "TOK-10");
    }
}

#[test]
fn ages_of_keys() {
    let cases = [
        ("LIFE-4", None, 6 * HOUR - 1, "fresh"),
        ("LIFE-4", None, 6 * HOUR, "stale"),
        ("V-049e", None, 20 * HOUR, "stale"),
        ("V-049f", None, 2 * DAY, "unavailable"),
        ("TOK-10", Some(0), HOUR - 1, "fresh"),
        ("TOK-10", Some(0), HOUR, "stale"),
        ("TOK-10", Some(2 * HOUR), 2 * HOUR, "stale"),
        ("TOK-10", Some(i64::MAX), 6 * HOUR, "stale"),
    ];
    for (id, max_age, now, wanted) in cases {
        assert_eq!(
            Issuer::fetched(0, max_age).state("k1", now),
            wanted,
            "{id} {max_age:?} {now}"
        );
    }
}

#[test]
fn an_unknown_kid_forces_one_fetch_a_minute() {
    let issuer = Issuer::fetched(0, None);
    let plans = [
        (1, Plan::Fetch),
        (2, Plan::Ready),
        (60, Plan::Ready),
        (61, Plan::Fetch),
        (62, Plan::Ready),
    ];
    for (now, wanted) in plans {
        assert_eq!(issuer.0.plan(IAM, "nope", now), wanted, "V-019 at {now}");
        assert_eq!(issuer.state("nope", now), "unknown");
    }
}

#[test]
fn a_key_published_meanwhile_is_found() {
    let Issuer(cache, mut keys) = Issuer::fetched(0, None);
    assert_eq!(cache.plan(IAM, "k9", 10), Plan::Fetch);
    keys.keys.push(SigningKey::p256("k9").unwrap().jwk());
    cache.store(IAM, IAM, &keys, None, 10);
    assert_eq!(Issuer(cache, keys).state("k9", 10), "fresh", "V-020");
}

#[test]
fn a_failing_issuer_is_asked_once_a_minute_and_old_keys_serve() {
    let issuer = Issuer::fetched(0, None);
    let late = 7 * HOUR;
    assert_eq!(issuer.0.plan(IAM, "k1", late), Plan::Fetch);
    issuer.0.failed(IAM, "connection refused", late);
    assert_eq!(issuer.0.plan(IAM, "k1", late + 1), Plan::Ready);
    assert_eq!(issuer.state("k1", late + 1), "stale");
    assert_eq!(issuer.0.plan(IAM, "k1", late + 60), Plan::Fetch);
}

#[test]
fn an_issuer_that_was_never_reached_has_no_keys() {
    let cache = KeyCache::new(CachePolicy::default());
    assert_eq!(cache.plan(IAM, "k1", 0), Plan::Fetch);
    cache.failed(IAM, "connection refused", 0);
    assert_eq!(cache.plan(IAM, "k1", 30), Plan::Ready);
    assert!(
        matches!(cache.key(IAM, "k1", 30), KeyAnswer::Unavailable(why) if why == "connection refused")
    );
    assert_eq!(cache.plan(IAM, "k1", 60), Plan::Fetch);
}

#[test]
fn metadata_of_another_issuer_are_not_believed() {
    let Issuer(cache, keys) = Issuer::fetched(0, None);
    cache.store(IAM, "https://iam.example", &keys, None, 1);
    assert!(
        matches!(cache.key(IAM, "k1", 1), KeyAnswer::WrongIssuer(_)),
        "V-049d"
    );
}
