//! What a judgement costs beside the bare signature: verification of a new token with a warm key cache
//! (goal: at least 90 % of the raw verify rate), its whole judgement, and that of a token seen before
//! (goal: at least 200,000 a second on one core).

#![allow(clippy::unwrap_used, missing_docs)]

use std::{fs, hint::black_box, time::Duration};

use carnet_profile::{
    jose::{Token, VerifyingKey},
    judge::{Demand, StorageAction, VerifiedTokens, judge, judge_seen},
    keys::{KeyAnswer, KeySource},
    path::RequestPath,
    testing::{SigningKey, Way},
    vectors::{Fixture, World},
};
use criterion::{
    Criterion, Throughput, criterion_group, criterion_main,
    measurement::{Measurement, ValueFormatter, WallTime},
};

const T: i64 = 1_800_000_000;

/// Time that the scheduler gave to this thread.
struct CpuTime;

impl CpuTime {
    fn now() -> Duration {
        let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
    }
}

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        Self::now()
    }

    fn end(&self, start: Duration) -> Duration {
        // The scheduler counts in ticks: a sample that saw none still took some time.
        Self::now()
            .saturating_sub(start)
            .max(Duration::from_nanos(1))
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

fn benches(c: &mut Criterion<CpuTime>) {
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
        group.bench_function(format!("{alg} parse, find the key, verify"), |b| {
            b.iter(|| {
                let token = Token::parse(black_box(&text)).unwrap();
                let (iss, kid) = (
                    token.claims.iss().unwrap(),
                    token.header.kid.as_deref().unwrap(),
                );
                let KeyAnswer::Key { key, .. } = keys.key(iss, kid, T) else {
                    panic!("no key")
                };
                key.verify(&token).unwrap();
            });
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

criterion_group!(
    name = judging;
    config = Criterion::default().with_measurement(CpuTime);
    targets = benches
);
criterion_main!(judging);
