//! What a judgement costs beside the bare signature: a new token (goal: at least 90 % of the raw verify
//! rate) and a token seen before (goal: at least 200,000 a second on one core).

#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use carnet_profile::{
    jose::{Token, VerifyingKey},
    judge::{Demand, StorageAction, VerifiedTokens, judge, judge_seen},
    path::RequestPath,
    testing::{SigningKey, Way},
    vectors::{Fixture, World},
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const T: i64 = 1_800_000_000;

fn benches(c: &mut Criterion) {
    let fixture = Fixture::new(T).unwrap();
    let (rules, _) = fixture.rules(&[]);
    let keys = fixture.key_cache(World::Usual);
    let path = RequestPath::parse("/wlcg/data/f1").unwrap();
    let demand = Demand::storage(StorageAction::Read, path);
    let mut group = c.benchmark_group("judge");
    group.throughput(Throughput::Elements(1));
    let algorithms: [(&str, &SigningKey); 2] = [("RS256", &fixture.k1), ("ES256", &fixture.k2)];
    for (alg, key) in algorithms {
        let draft = fixture.good().header("alg", alg).header("kid", key.kid());
        let text = draft.sign(key, Way::Usual).unwrap();
        let token = Token::parse(&text).unwrap();
        let verifying = VerifyingKey::new(&key.jwk()).unwrap();
        group.bench_function(format!("{alg} raw verify"), |b| {
            b.iter(|| verifying.verify(black_box(&token)).unwrap());
        });
        group.bench_function(format!("{alg} new token"), |b| {
            b.iter(|| assert!(judge(&rules, Some(black_box(&text)), &keys, &demand, T).granted));
        });
        let seen = VerifiedTokens::new(1024);
        group.bench_function(format!("{alg} repeated token"), |b| {
            b.iter(|| {
                let text = Some(black_box(text.as_str()));
                assert!(judge_seen(&rules, text, &keys, Some(&seen), &demand, T).granted);
            });
        });
    }
    group.finish();
}

criterion_group!(judging, benches);
criterion_main!(judging);
