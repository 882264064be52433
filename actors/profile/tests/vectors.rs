//! Every vector of the issuer page §4, put to the judge as a function.

#![allow(clippy::unwrap_used)]

use std::{collections::BTreeSet, sync::OnceLock};

use carnet_profile::{
    judge::{Diagnosis, ErrorCode, Verdict, VerifiedTokens},
    keys::{KeyCache, Plan},
    present,
    vectors::{self, Expect, Fixture, Vector, World},
};

const T: i64 = 1_800_000_000;

fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| Fixture::new(T).unwrap())
}

#[test]
fn every_vector_is_judged_as_written() {
    let fixture = fixture();
    let mut wrong = Vec::new();
    let all = vectors::all(fixture).unwrap();
    for vector in &all {
        // Once cold, then with a memory of verified tokens, twice: it must not change any answer.
        let seen = VerifiedTokens::new(16);
        for memory in [None, Some(&seen), Some(&seen)] {
            wrong.extend(play(fixture, vector, memory));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn no_vector_is_missing() {
    let fixture = fixture();
    let ids: BTreeSet<&str> = vectors::all(fixture)
        .unwrap()
        .iter()
        .map(|v| v.id)
        .collect();
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    for (from, to) in [(1, 73), (81, 81), (100, 155)] {
        wanted.extend((from..=to).map(|n| format!("V-{n:03}")));
    }
    let lettered = [
        ("009", 'g'),
        ("010", 'a'),
        ("014", 'b'),
        ("025", 'a'),
        ("029", 'd'),
        ("049", 'g'),
        ("063", 'a'),
        ("101", 'b'),
        ("110", 'a'),
        ("120", 'a'),
        ("121", 'b'),
        ("127", 'a'),
        ("135", 'j'),
        ("136", 'f'),
        ("139", 'b'),
    ];
    for (number, last) in lettered {
        wanted.extend(('a'..=last).map(|letter| format!("V-{number}{letter}")));
    }
    let ids: BTreeSet<String> = ids.into_iter().map(str::to_owned).collect();
    assert_eq!(ids, wanted);
}

fn play(fixture: &Fixture, vector: &Vector, memory: Option<&VerifiedTokens>) -> Vec<String> {
    let (rules, places) = fixture.rules(&vector.setup);
    let cache = fixture.key_cache(vector.world);
    let mut wrong = Vec::new();
    for (ask, expect, diagnosis) in &vector.asks {
        let authorization = vector.authorization.iter().map(String::as_bytes);
        let query = vector.query.as_deref();
        let presented = present::find(&places, authorization, query, vector.form.as_deref());
        let (status, error, seen, text) = match ask.demand() {
            Err(fault) => (400, None, Diagnosis::RequestPath, fault.to_string()),
            Ok(demand) => {
                let judge = || presented.judge(&rules, &cache, memory, &demand, fixture.now);
                let mut verdict = judge();
                if fetch(fixture, vector.world, &cache, &verdict) {
                    verdict = judge();
                }
                assert_eq!(
                    verdict.granted,
                    verdict.refusal.is_none(),
                    "{}",
                    vector.name()
                );
                assert_eq!(verdict.granted, verdict.checks.iter().all(|check| check.ok));
                outcome(&verdict)
            }
        };
        let fits = match expect {
            Expect::Done(_) => status == 200,
            Expect::Challenge => (status, error) == (401, None),
            Expect::InvalidRequest => (status, error) == (400, Some(ErrorCode::InvalidRequest)),
            Expect::InvalidToken => (status, error) == (401, Some(ErrorCode::InvalidToken)),
            Expect::Insufficient => (status, error) == (403, Some(ErrorCode::InsufficientScope)),
            Expect::Status(wanted) => (status, error) == (*wanted, None),
        };
        if !fits || seen != *diagnosis {
            wrong.push(format!(
                "{} {} {}: {status} {error:?} {seen}, wanted {expect:?} {diagnosis}: {text}",
                vector.name(),
                ask.method,
                ask.target,
            ));
        }
    }
    wrong
}

fn outcome(verdict: &Verdict) -> (u16, Option<ErrorCode>, Diagnosis, String) {
    match &verdict.refusal {
        None => (200, None, verdict.diagnosis(), String::new()),
        Some(refusal) => (
            refusal.status,
            refusal.error,
            verdict.diagnosis(),
            refusal.description.clone(),
        ),
    }
}

/// What a server does when the judge wants keys: asks the cache, and fetches if that says so.
fn fetch(fixture: &Fixture, world: World, cache: &KeyCache, verdict: &Verdict) -> bool {
    let Some(wanted) = &verdict.keys_wanted else {
        return false;
    };
    if cache.plan(&wanted.issuer, &wanted.kid, fixture.now) == Plan::Ready {
        return false;
    }
    match world {
        World::IssuerDown | World::IssuerDownForLong => {
            cache.failed(&wanted.issuer, "connection refused", fixture.now);
        }
        World::MetadataMismatch => {
            let (iam, _) = fixture.published(world);
            cache.store(
                &wanted.issuer,
                "https://other.example/",
                &iam,
                None,
                fixture.now,
            );
        }
        _ => {
            let (iam, _) = fixture.published(world);
            cache.store(&wanted.issuer, &wanted.issuer, &iam, None, fixture.now);
        }
    }
    true
}
