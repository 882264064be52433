//! What a storage element costs: third-party copies small and large, reading, writing, over TLS on loopback.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails loudly")]

#[path = "../tests/stage/mod.rs"]
mod stage;

use axum::body::Body;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http_body_util::BodyExt as _;
use stage::{TestStage, config};

const LARGE: u64 = 1 << 30;
const AT_ONCE: u64 = 8;
const CROWD: u64 = 500;

async fn drain(mut body: Body) -> u64 {
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame
            .unwrap()
            .data_ref()
            .map_or(0, |data| data.len() as u64);
    }
    bytes
}

async fn copy(test: &TestStage, token: &str, from: &str, to: &str) {
    let bearer = format!("Bearer {token}");
    let source = format!("https://se1.example{from}");
    let target = format!("https://se2.example{to}");
    let headers = [
        ("source", &*source),
        ("transferheaderauthorization", &*bearer),
    ];
    let answer = test.ask("COPY", &target, token, &headers, "").await;
    assert!(
        answer.text().ends_with("success: Created\n"),
        "{}",
        answer.text()
    );
}

fn copies(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let files = format!(
        "files = {{ \"/large\" = {LARGE}, \"/medium\" = \"1 MiB\", \"/small\" = \"1 KiB\" }}"
    );
    let test = runtime.block_on(TestStage::quiet(&[
        ("se1", config(&files)),
        ("se2", config("")),
    ]));
    let token = test.token("storage.read:/ storage.modify:/");
    let mut small = criterion.benchmark_group("copy of 1 KiB");
    small.bench_function("one at a time", |bencher| {
        bencher
            .to_async(&runtime)
            .iter(|| copy(&test, &token, "/small", "/small"));
    });
    small.throughput(Throughput::Elements(AT_ONCE));
    small.bench_function("eight at a time", |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            let paths: Vec<String> = (0..AT_ONCE)
                .map(|index| format!("/small-{index}"))
                .collect();
            futures_util::future::join_all(
                paths.iter().map(|path| copy(&test, &token, "/small", path)),
            )
            .await
        });
    });
    small.finish();
    let mut crowd = criterion.benchmark_group("crowd");
    crowd
        .sample_size(10)
        .throughput(Throughput::Elements(CROWD));
    crowd.bench_function("500 copies of 1 MiB at a time", |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            let paths: Vec<String> = (0..CROWD).map(|index| format!("/crowd/{index}")).collect();
            let copies = paths
                .iter()
                .map(|path| copy(&test, &token, "/medium", path));
            futures_util::future::join_all(copies).await
        });
    });
    crowd.finish();
    let mut large = criterion.benchmark_group("1 GiB");
    large.sample_size(10).throughput(Throughput::Bytes(LARGE));
    large.bench_function("copy", |bencher| {
        bencher
            .to_async(&runtime)
            .iter(|| copy(&test, &token, "/large", "/large"));
    });
    large.bench_function("get", |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            let found = test
                .send("GET", "https://se1.example/large", &token, &[], "")
                .await;
            assert_eq!(drain(found.into_body()).await, LARGE);
        });
    });
    large.finish();
}

criterion_group!(benches, copies);
criterion_main!(benches);
